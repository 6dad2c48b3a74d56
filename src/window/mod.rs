//! Event time as a shard knows it, and what is summed over it.
//!
//! `watermark` says how far an input was seen. Groups, in reading order:
//! `group` (what is counted of a case), `gather` (a shard's side: cases to
//! blocks), `partial` (a block and its bytes), `sources`, `calendar` and `pane`
//! (a rollup's side: blocks to panes, and which to look at), `view` (a pane as
//! judges read it). All of them are pure: the same calls give the same answers.

pub mod calendar;
pub mod gather;
pub mod group;
pub mod pane;
pub mod partial;
pub mod sources;
pub mod view;
pub mod watermark;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod testing;
