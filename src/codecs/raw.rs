//! What the quick decoder does without a check of its own: 32 bytes looked at
//! in one AVX2 register, and texts that were checked when they were pushed.
#![allow(unsafe_code)]
// The loop over words that this replaces mispredicts once for nearly every
// string, and Arrow's own check reads all texts a second time: together a
// tenth of decoding.

use arrow::array::StringArray;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;

/// Bytes that are looked at together.
pub(crate) const CHUNK: usize = 32;

/// One bit for each byte, the first byte's lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Quotes, backslashes, control bytes: what a JSON string stops at.
    pub stops: u32,
    /// Bytes outside of ASCII.
    pub high: u32,
}

#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
#[inline(always)]
pub(crate) fn marks(chunk: &[u8; CHUNK]) -> Marks {
    use core::arch::x86_64 as arch;
    // SAFETY: AVX2 is there by the condition above, and the load, which needs
    // no alignment, reads exactly the chunk.
    unsafe {
        let bytes = arch::_mm256_loadu_si256(chunk.as_ptr().cast());
        let equal = |byte: u8| arch::_mm256_cmpeq_epi8(bytes, arch::_mm256_set1_epi8(byte.cast_signed()));
        let last_control = arch::_mm256_set1_epi8(0x1f);
        let control = arch::_mm256_cmpeq_epi8(arch::_mm256_max_epu8(bytes, last_control), last_control);
        let stops = arch::_mm256_or_si256(arch::_mm256_or_si256(equal(b'"'), equal(b'\\')), control);
        Marks { stops: arch::_mm256_movemask_epi8(stops).cast_unsigned(), high: arch::_mm256_movemask_epi8(bytes).cast_unsigned() }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
pub(crate) fn marks(chunk: &[u8; CHUNK]) -> Marks {
    let bits = |test: fn(u8) -> bool| chunk.iter().rev().fold(0, |bits, byte| bits << 1 | u32::from(test(*byte)));
    Marks { stops: bits(|byte| matches!(byte, 0..0x20 | b'"' | b'\\')), high: bits(|byte| byte >= 0x80) }
}

/// A text column of `bytes` cut at `offsets`.
///
/// Every caller's texts must be UTF-8, each for itself.
pub(crate) fn texts(offsets: OffsetBuffer<i32>, bytes: Buffer, nulls: Option<NullBuffer>) -> StringArray {
    assert!(offsets.last().is_some_and(|end| *end as usize <= bytes.len()), "texts end within their bytes");
    assert!(nulls.as_ref().is_none_or(|nulls| nulls.len() + 1 == offsets.len()), "one bit a text");
    debug_assert!(StringArray::try_new(offsets.clone(), bytes.clone(), nulls.clone()).is_ok());
    // SAFETY: offsets ascend by their type and end within the bytes, there is
    // one bit a text, and each text is UTF-8: the quick decoder checks those
    // that are not ASCII, the general one has `str`s.
    unsafe { StringArray::new_unchecked(offsets, bytes, nulls) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn marks_are_those_of_each_byte(chunk in any::<[u8; CHUNK]>()) {
            let Marks { stops, high } = marks(&chunk);
            for (idx, byte) in chunk.iter().enumerate() {
                prop_assert_eq!(stops >> idx & 1 == 1, matches!(byte, 0..0x20 | b'"' | b'\\'));
                prop_assert_eq!(high >> idx & 1 == 1, *byte >= 0x80);
            }
        }
    }
}
