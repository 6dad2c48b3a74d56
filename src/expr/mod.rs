//! SQL expressions of rules: text is resolved and typed once, all expressions
//! of a rule set become one graph of shared sub-expressions, and a batch is
//! evaluated by whole columns.
//!
//! What holds for every expression:
//! - Logic has three values. AND, OR and NOT are Kleene's; a predicate over
//!   NULL is NULL, never silently false.
//! - Nothing fails. A division by zero, a cast that does not fit, a decimal
//!   that overflows and a function that refuses its arguments give NULL for
//!   that row alone.
//! - A row's value depends on that row alone, never on its neighbors or on how
//!   the input was cut into batches.
//! - Only immutable functions with exact results are allowed; literals with a
//!   point are decimals.
//!
//! The only home of the `datafusion-*` crates.

mod builder;
mod columns;
mod error;
mod functions;
mod graph;
mod kernels;
mod names;
pub mod outline;
mod params;
mod plain;
mod program;
mod resolve;
mod run;
mod source;
mod text;
mod types;
mod words;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod semantics;
#[cfg(test)]
mod testing;

pub use builder::OutputId;
pub use builder::ProgramBuilder;
pub use columns::ColumnDef;
pub use columns::Columns;
pub use columns::Grain;
pub use error::ExprError;
pub use functions::FUNCTIONS;
pub use functions::Function;
pub use names::allowed_functions;
pub use params::Param;
pub use params::ParamValue;
pub use params::Params;
pub use plain::Plain;
pub use program::Input;
pub use program::Program;
pub use program::Source;
pub use resolve::Typed;
pub use resolve::Want;
pub use resolve::parse;
pub use run::Run;
