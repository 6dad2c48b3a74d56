//! The pure middle: a shard's state and its step from messages to effects.
//!
//! **No module here reads a clock, a file or a socket.** Live run, replay,
//! rule cases and simulation call the same [`shard::Shard::step`].

pub mod activation;
pub mod affected;
mod corrections;
pub mod effects;
pub mod enrich;
pub mod facts;
pub mod groups;
mod history;
pub mod intake;
pub mod items;
pub mod journal;
pub mod meter;
mod orphans;
pub mod remember;
mod row_clues;
pub mod rows;
pub mod saved;
pub mod scalars;
pub mod settings;
pub mod shard;
pub mod supply_rows;
pub mod supply_rules;
pub mod switch;
pub mod tell;
pub mod unlisted;
pub mod words;

pub use settings::Engine;
