//! The engine without a log: rule cases, why a rule spoke or kept silent, and
//! what of a feed no table knows.

mod case_baseline;
pub mod cases;
pub mod explain;
pub mod unmatched;
