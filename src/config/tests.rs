//! The example reads, and every mistake is told.
