//! The engine without a log: rule cases.

pub mod cases;
