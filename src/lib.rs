//! claimsift: settlements and prescriptions in, suspected clues out.
//!
//! Modules in the order of layers: each imports only from those before it.

pub mod base;
pub mod io;
pub mod telemetry;

pub mod events;

pub mod codecs;

pub mod expr;

pub mod reference;

pub mod state;
pub mod window;

pub mod stats;

pub mod evaluators;

pub mod ruleset;

pub mod clues;

pub mod engine;

pub mod synth;

pub mod offline;

pub mod report;

pub mod config;

pub mod runtime;

pub mod http;

pub mod commands;
