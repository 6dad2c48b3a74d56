//! Event time as a shard knows it, and what is summed over it.
//!
//! `watermark` says how far an input was seen. Groups, in reading order:
//! `group` (what is counted of a case), `gather` (a shard's side: cases to
//! blocks), `partial` (a block and its bytes). All of them are pure: the same
//! calls give the same answers.

pub mod gather;
pub mod group;
pub mod partial;
pub mod watermark;

#[cfg(test)]
mod testing;
