//! The pure middle: a shard's state and its step from messages to effects.
//!
//! **No module here reads a clock, a file or a socket.** Live run, replay,
//! rule cases and simulation call the same [`shard::Shard::step`].

pub mod effects;
pub mod journal;
