//! claimsift: settlements and prescriptions in, suspected clues out.

pub mod base;
pub mod clues;
pub mod codecs;
pub mod engine;
pub mod evaluators;
pub mod events;
pub mod io;
pub mod state;
pub mod window;
pub mod ruleset;
