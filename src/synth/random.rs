//! Seeded random numbers; every draw is a function of the settings alone.

use rand_pcg::Mcg128Xsl64;
use rand_pcg::rand_core::Rng as _;

/// Mixes two numbers into one that looks random (the finalizer of SplitMix64).
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Dice(Mcg128Xsl64);

impl Dice {
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let high = mix(seed, stream);
        Self(Mcg128Xsl64::new(u128::from(high) << 64 | u128::from(mix(high, stream))))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, which must not be 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of `low..=high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1).max(1) as u64) as i64
    }

    /// True `parts` times in 1000.
    pub(super) fn per_mille(&mut self, parts: u64) -> bool {
        self.below(1000) < parts
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    pub(super) fn pick_or<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(self.pick(from)) }
    }
}
