//! What a shard remembers: persons, events, supplies, consultations,
//! corrections and the clues it may have to revise. Only tables; what they mean is the
//! evaluators' business.

pub mod cases;
pub mod chunks;
pub mod clues;
pub mod corrections;
pub mod events;
pub mod intern;
pub mod keyed;
pub mod packed;
pub mod persons;
pub mod row_clues;
pub mod saved;
pub mod segment;
pub mod supplies;
pub mod versions;
