//! From hits to clues: what is told, under which identity and revision.

pub mod build;
pub mod finding;
pub mod lifecycle;
pub mod schema;
pub mod told;
