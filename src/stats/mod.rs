//! Statistics of ratios: pure functions of numbers, the same to the last bit
//! on every machine.
//!
//! What `exp`, `log`, `lgamma` and the like give comes from `libm` alone. An
//! input outside a function's domain gives `None` or a typed error; no
//! function gives a number that is not finite.

pub mod roots;
pub mod special;

pub mod gamma;
pub mod intervals;
pub mod quantile;

pub mod oe;

pub mod ceiling;
pub mod funnel;
pub mod shrinkage;

#[cfg(test)]
mod laws;

/// `value`, if it is a number that can be told.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
