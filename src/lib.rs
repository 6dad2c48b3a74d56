//! claimsift: settlements and prescriptions in, suspected clues out.

pub mod base;
pub mod clues;
pub mod codecs;
pub mod config;
pub mod evaluators;
pub mod events;
pub mod expr;
pub mod io;
pub mod ruleset;
pub mod state;
pub mod window;
