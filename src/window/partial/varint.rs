//! Integers of few bytes: seven bits a byte, least first, signs folded in.

use super::format::BlockFault;

/// Bytes of the longest integer: 128 bits by seven.
const BYTES_MAX: u32 = 19;

pub(super) fn write(out: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small numbers of either sign are small.
pub(super) fn write_signed(out: &mut Vec<u8>, number: i128) {
    write(out, ((number << 1) ^ (number >> 127)) as u128);
}

/// What is left to read of a block.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], BlockFault> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(BlockFault::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, BlockFault> {
        let (byte, rest) = self.rest.split_first().ok_or(BlockFault::Truncated)?;
        self.rest = rest;
        Ok(*byte)
    }

    /// Each number has one spelling: a longer one is refused.
    pub(super) fn unsigned(&mut self) -> Result<u128, BlockFault> {
        let mut number = 0_u128;
        for place in 0..BYTES_MAX {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            let shifted = bits << (7 * place);
            if shifted >> (7 * place) != bits || (byte == 0 && place > 0) {
                return Err(BlockFault::Malformed("an integer"));
            }
            number |= shifted;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(BlockFault::Malformed("an integer"))
    }

    pub(super) fn signed(&mut self) -> Result<i128, BlockFault> {
        let folded = self.unsigned()?;
        Ok((folded >> 1) as i128 ^ -((folded & 1) as i128))
    }

    /// An unsigned number that fits `T`.
    pub(super) fn count<T: TryFrom<u128>>(&mut self) -> Result<T, BlockFault> {
        T::try_from(self.unsigned()?).map_err(|_| BlockFault::Malformed("a number out of range"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_spellings_are_refused() {
        let read = |bytes: &[u8]| Reader { rest: bytes }.unsigned();
        assert_eq!(read(&[0x80, 0x01]), Ok(128));
        assert_eq!(read(&[0x80, 0x00]), Err(BlockFault::Malformed("an integer")));
        assert_eq!(read(&[0x80]), Err(BlockFault::Truncated));
        let mut longest = Vec::new();
        write(&mut longest, u128::MAX);
        assert_eq!((longest.len(), read(&longest)), (19, Ok(u128::MAX)));
        longest[18] = 0x04;
        assert_eq!(read(&longest), Err(BlockFault::Malformed("an integer")));
        assert_eq!(read(&[0xff; 20]), Err(BlockFault::Malformed("an integer")));
    }

    proptest! {
        #[test]
        fn integers_are_read_back(number: i128, shift in 0_u32..128) {
            let number = number >> shift;
            let mut bytes = Vec::new();
            write_signed(&mut bytes, number);
            let mut reader = Reader { rest: &bytes };
            prop_assert_eq!(reader.signed(), Ok(number));
            prop_assert!(reader.rest.is_empty());
        }
    }
}
