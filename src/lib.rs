//! claimsift: settlements and prescriptions in, suspected clues out.

pub mod base;
pub mod clues;
pub mod codecs;
pub mod engine;
pub mod evaluators;
pub mod config;
pub mod events;
pub mod expr;
pub mod http;
pub mod io;
pub mod reference;
pub mod ruleset;
pub mod state;
pub mod telemetry;
pub mod window;
pub mod synth;
