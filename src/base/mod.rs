//! Words that every other module shares; imports nothing of the crate.

pub mod decimal;
pub mod diagnostic;
pub mod fault;
pub mod ids;
pub mod limits;
pub mod pseudonym;
pub mod record;
pub mod time;
