//! From hits to clues: what is told, under which identity and revision.

pub mod build;
pub mod finding;
pub mod lifecycle;
pub mod money;
pub mod national;
pub mod ratio_words;
pub mod routing;
pub mod schema;
pub mod sheets;
pub mod told;
pub mod totals;
