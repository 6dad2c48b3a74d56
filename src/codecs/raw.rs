//! What the quick decoder does without a check of its own: 32 bytes looked at
//! or copied in one AVX2 register, hints what memory will be needed, and texts
//! that were checked when they were pushed.
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
    Marks { stops: bits(chunk, |byte| matches!(byte, 0..0x20 | b'"' | b'\\')), high: bits(chunk, |byte| byte >= 0x80) }
}

/// What stands in a chunk that may begin with a string, one bit for each byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glance {
    pub quotes: u32,
    /// Backslashes, control bytes and bytes outside of ASCII.
    pub odd: u32,
}

#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
#[inline(always)]
pub(crate) fn glance(chunk: &[u8; CHUNK]) -> Glance {
    use core::arch::x86_64 as arch;
    // SAFETY: AVX2 is there by the condition above, and the load, which needs
    // no alignment, reads exactly the chunk.
    unsafe {
        let bytes = arch::_mm256_loadu_si256(chunk.as_ptr().cast());
        let quotes = arch::_mm256_cmpeq_epi8(bytes, arch::_mm256_set1_epi8(b'"'.cast_signed()));
        let backslashes = arch::_mm256_cmpeq_epi8(bytes, arch::_mm256_set1_epi8(b'\\'.cast_signed()));
        // With their sign, bytes outside of ASCII are less than any control byte.
        let control_or_high = arch::_mm256_cmpgt_epi8(arch::_mm256_set1_epi8(0x20), bytes);
        let odd = arch::_mm256_or_si256(backslashes, control_or_high);
        Glance { quotes: arch::_mm256_movemask_epi8(quotes).cast_unsigned(), odd: arch::_mm256_movemask_epi8(odd).cast_unsigned() }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
pub(crate) fn glance(chunk: &[u8; CHUNK]) -> Glance {
    Glance { quotes: bits(chunk, |byte| byte == b'"'), odd: bits(chunk, |byte| matches!(byte, 0..0x20 | b'\\' | 0x80..)) }
}

/// What a chunk that may hold Chinese text consists of, one bit for each byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Threes {
    /// Bytes that begin a character of three bytes whichever follow, if each
    /// is one of `inner`.
    pub first: u32,
    /// Bytes that stand within a character.
    pub inner: u32,
    /// Quotes, backslashes and control bytes.
    pub stops: u32,
    /// All others outside of ASCII.
    pub rare: u32,
}

#[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
#[inline(always)]
pub(crate) fn threes(chunk: &[u8; CHUNK]) -> Threes {
    use core::arch::x86_64 as arch;
    let Marks { stops, high } = marks(chunk);
    // SAFETY: as in `marks`.
    unsafe {
        let bytes = arch::_mm256_loadu_si256(chunk.as_ptr().cast());
        let inner = arch::_mm256_cmpgt_epi8(arch::_mm256_set1_epi8(0xc0_u8.cast_signed()), bytes);
        let from = arch::_mm256_sub_epi8(bytes, arch::_mm256_set1_epi8(0xe1_u8.cast_signed()));
        let range = arch::_mm256_cmpeq_epi8(arch::_mm256_min_epu8(from, arch::_mm256_set1_epi8(14)), from);
        let surrogates = arch::_mm256_cmpeq_epi8(bytes, arch::_mm256_set1_epi8(0xed_u8.cast_signed()));
        let first = arch::_mm256_movemask_epi8(arch::_mm256_andnot_si256(surrogates, range)).cast_unsigned();
        let inner = arch::_mm256_movemask_epi8(inner).cast_unsigned();
        Threes { first, inner, stops, rare: high & !(first | inner) }
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
pub(crate) fn threes(chunk: &[u8; CHUNK]) -> Threes {
    let Marks { stops, high } = marks(chunk);
    let first = bits(chunk, |byte| matches!(byte, 0xe1..=0xec | 0xee | 0xef));
    let inner = bits(chunk, |byte| matches!(byte, 0x80..0xc0));
    Threes { first, inner, stops, rare: high & !(first | inner) }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
fn bits(chunk: &[u8; CHUNK], test: fn(u8) -> bool) -> u32 {
    chunk.iter().rev().fold(0, |bits, byte| bits << 1 | u32::from(test(*byte)))
}

/// Up to a chunk of bytes to compare with under a mask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pattern {
    bytes: [u8; CHUNK],
    mask: [u8; CHUNK],
}

impl Pattern {
    /// Of the first bytes of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        let mut pattern = Self::default();
        let len = bytes.len().min(CHUNK);
        pattern.bytes[..len].copy_from_slice(&bytes[..len]);
        pattern.mask[..len].fill(0xff);
        pattern
    }

    #[cfg(all(target_arch = "x86_64", target_feature = "avx2"))]
    #[inline(always)]
    pub fn stands(&self, chunk: &[u8; CHUNK]) -> bool {
        use core::arch::x86_64 as arch;
        // SAFETY: AVX2 is there by the condition above, and each load, which
        // needs no alignment, reads exactly one array of its size.
        unsafe {
            let load = |bytes: &[u8; CHUNK]| arch::_mm256_loadu_si256(bytes.as_ptr().cast());
            let differ = arch::_mm256_xor_si256(load(chunk), load(&self.bytes));
            arch::_mm256_testz_si256(differ, load(&self.mask)) == 1
        }
    }

    #[cfg(not(all(target_arch = "x86_64", target_feature = "avx2")))]
    pub fn stands(&self, chunk: &[u8; CHUNK]) -> bool {
        chunk.iter().zip(&self.bytes).zip(&self.mask).all(|((found, expected), mask)| (found ^ expected) & mask == 0)
    }
}

/// Appends the first `len` bytes of `chunk` by copying all of it, which is
/// quicker than a copy of the right length; false, nothing being done, where
/// that is not possible.
#[inline(always)]
pub(crate) fn append(bytes: &mut Vec<u8>, chunk: &[u8; CHUNK], len: usize) -> bool {
    let used = bytes.len();
    if bytes.capacity() - used < CHUNK || len > CHUNK {
        return false;
    }
    // SAFETY: a whole chunk fits behind the bytes in use, of the same
    // allocation, and `len` bytes of it, no more than were written, are added.
    unsafe {
        bytes.as_mut_ptr().add(used).cast::<[u8; CHUNK]>().write_unaligned(*chunk);
        bytes.set_len(used + len);
    }
    true
}

/// Bytes of one line of memory.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Asks for all of `bytes` at once: a message comes from far away, and one
/// line of memory after the other would be waited for.
#[inline(always)]
pub(crate) fn fetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(LINE) {
        // SAFETY: a hint that reads nothing and may name any address.
        unsafe { core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// Asks for the memory behind `values` that later ones will be written to. A
/// run's columns are more than the caches next to the processor hold.
#[inline(always)]
pub(crate) fn fetch_room<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        let place = values.as_ptr_range().end.wrapping_byte_add(4 * LINE);
        // SAFETY: a hint that reads nothing and may name any address.
        unsafe { core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_ET0 }>(place.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
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
            let Glance { quotes, odd } = glance(&chunk);
            let Threes { first, inner, stops: same_stops, rare } = threes(&chunk);
            prop_assert_eq!(stops, same_stops);
            for (idx, byte) in chunk.iter().enumerate() {
                let marked = |marks: u32| marks >> idx & 1 == 1;
                prop_assert_eq!(marked(stops), matches!(byte, 0..0x20 | b'"' | b'\\'));
                prop_assert_eq!(marked(high), *byte >= 0x80);
                prop_assert_eq!(marked(quotes), *byte == b'"');
                prop_assert_eq!(marked(odd), matches!(byte, 0..0x20 | b'\\' | 0x80..));
                prop_assert_eq!(marked(first), matches!(byte, 0xe1..=0xec | 0xee | 0xef));
                prop_assert_eq!(marked(inner), matches!(byte, 0x80..0xc0));
                prop_assert_eq!(marked(rare), matches!(byte, 0xc0..0xe1 | 0xed | 0xf0..));
            }
        }

        #[test]
        fn a_pattern_is_a_prefix(mut chunk in any::<[u8; CHUNK]>(), len in 0..=CHUNK, at in 0..CHUNK) {
            let pattern = Pattern::new(&chunk[..len]);
            prop_assert!(pattern.stands(&chunk));
            chunk[at] ^= 1;
            prop_assert_eq!(pattern.stands(&chunk), at >= len);
        }

        #[test]
        fn what_is_appended_is_the_chunks_beginning(before in 0usize..70, chunk in any::<[u8; CHUNK]>(), len in 0..=CHUNK + 1) {
            let mut bytes = Vec::with_capacity(80);
            bytes.resize(before, 7);
            let fits = len <= CHUNK && before + CHUNK <= bytes.capacity();
            let expected = if fits { [&bytes, &chunk[..len]].concat() } else { bytes.clone() };
            prop_assert_eq!(append(&mut bytes, &chunk, len), fits);
            prop_assert_eq!(bytes, expected);
        }
    }
}
