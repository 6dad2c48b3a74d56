//! The engine without a log: rule cases, and why a rule spoke or kept silent.

pub mod cases;
pub mod explain;
