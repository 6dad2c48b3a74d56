//! Reference data: dated registries, ceilings, drug classes, knowledge points
//! and baselines as one immutable snapshot, asked as of a day.
//!
//! A missing row is never an answer: lookups give `None` where the tables are
//! silent, and the caller counts the unknown code.

pub mod agreements;
pub mod baseline;
pub mod baseline_tables;
pub mod bundle;
pub mod code;
pub mod departments;
pub mod disease;
pub mod drug_master;
pub mod drug_name;
pub mod folder;
pub mod frequencies;
pub mod item;
pub mod knowledge;
pub mod lookup;
pub mod manifest;
pub mod page;
pub mod prices;
pub mod registry;
pub mod sheet;
pub mod snapshot;
pub mod special_drug;
pub mod staff;
pub mod stratum;
pub mod tables;
pub mod units;
pub mod validity;
