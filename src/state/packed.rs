//! Numbers that may be absent, in the room of the number alone.

use serde::Deserialize;
use serde::Serialize;

/// An `i64` or nothing. The least `i64` stands for nothing: no amount,
/// quantity or price comes near it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MaybeI64(i64);

impl MaybeI64 {
    pub const NONE: Self = Self(i64::MIN);

    pub fn get(self) -> Option<i64> {
        (self != Self::NONE).then_some(self.0)
    }
}

impl From<Option<i64>> for MaybeI64 {
    fn from(value: Option<i64>) -> Self {
        assert!(value != Some(i64::MIN), "the least number stands for none");
        value.map_or(Self::NONE, Self)
    }
}
