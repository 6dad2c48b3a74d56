//! Checks, each on the least rule that it is about.
