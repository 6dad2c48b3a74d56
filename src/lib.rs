//! claimsift: settlements and prescriptions in, suspected clues out.

pub mod base;
pub mod codecs;
pub mod events;
pub mod io;
pub mod synth;
