//! The identity key, and the pseudonym it gives a person.
//!
//! One key is made per fleet and never rotated: another key is another person.
//! Its file is a single line: 64 hexadecimal digits, or, wrapped by a
//! key-encryption key (AES-256 key wrap, RFC 3394), the word `wrapped` and 80
//! of them. The key-encryption key can change without the pseudonyms changing.

use std::fmt;

use aes_kw::KwAes256;
use hmac::Hmac;
use hmac::KeyInit as _;
use hmac::Mac as _;
use sha2::Digest as _;
use sha2::Sha256;

use crate::base::ids::PersonKey;

/// Bytes of an identity key.
pub const IDENTITY_KEY_BYTES: usize = 32;

/// Separates the id of a key from every other use of the same hash.
const ID_LABEL: &[u8] = b"claimsift identity key id\0";

/// A secret key with its hash state worked out once. Never printed: `Debug`
/// shows the id alone.
#[derive(Clone)]
pub struct IdentityKey {
    state: Hmac<Sha256>,
    id: String,
}

/// Why a text is no identity key. Says nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityKeyError {
    Length,
    NotHex,
    /// All bytes alike: an empty disk or a placeholder, never a drawn key.
    Trivial,
    /// The key is wrapped, and there is nothing to unwrap it with.
    Wrapped,
    /// The key is not wrapped, though it should be.
    Plain,
    /// Another key-encryption key wrapped it, or it was damaged.
    NotUnwrapped,
}

impl fmt::Display for IdentityKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "an identity key has 64 hexadecimal digits",
            Self::NotHex => "an identity key has hexadecimal digits only",
            Self::Trivial => "an identity key must be drawn at random, this one repeats a single byte",
            Self::Wrapped => "the identity key is wrapped; name the key-encryption key in `identity_kek_file`",
            Self::Plain => "the identity key is not wrapped, though a key-encryption key is named; wrap it with `claimsift key wrap`",
            Self::NotUnwrapped => "the identity key was wrapped by another key-encryption key, or it is damaged",
        })
    }
}

impl std::error::Error for IdentityKeyError {}

impl IdentityKey {
    /// A key from bytes that the caller drew at random.
    pub fn from_bytes(bytes: &[u8; IDENTITY_KEY_BYTES]) -> Self {
        // HMAC pads a key up to its block, so this length always fits; the
        // block is built here only because the fallible constructor takes any.
        let mut block = [0; 64];
        block[..IDENTITY_KEY_BYTES].copy_from_slice(bytes);
        let state = Hmac::<Sha256>::new(&block.into());
        let hash = Sha256::new().chain_update(ID_LABEL).chain_update(bytes).finalize();
        let id = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { state, id }
    }

    /// Reads the text of a key file; white space around it is ignored.
    ///
    /// # Errors
    /// Anything but 64 hexadecimal digits, or a key of one repeated byte.
    pub fn from_hex(text: &str) -> Result<Self, IdentityKeyError> {
        key_bytes(text).map(|bytes| Self::from_bytes(&bytes))
    }

    /// Reads the text of a key file that the key-encryption key `kek`, if
    /// there is one, has wrapped.
    ///
    /// # Errors
    /// As [`from_hex`](Self::from_hex); and where the file is wrapped and
    /// should not be, or the other way round, or by another key.
    pub fn from_file(text: &str, kek: Option<&[u8; IDENTITY_KEY_BYTES]>) -> Result<Self, IdentityKeyError> {
        unwrap(text, kek).map(|bytes| Self::from_bytes(&bytes))
    }

    /// The first 128 bits of HMAC-SHA256 over the person number as it came.
    pub fn pseudonym(&self, psn_no: &str) -> PersonKey {
        let mut mac = self.state.clone();
        mac.update(psn_no.as_bytes());
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let (half, _) = full.as_chunks::<16>();
        PersonKey(half[0])
    }

    /// Names the key without telling it: 16 hexadecimal digits, in journals and clues.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityKey({})", self.id)
    }
}

/// Bytes of a wrapped key: the key and eight that vouch for it.
const WRAPPED_BYTES: usize = IDENTITY_KEY_BYTES + 8;
const WRAPPED: &str = "wrapped ";

/// The bytes of a key that stands in `text` as 64 hexadecimal digits.
///
/// # Errors
/// See [`IdentityKey::from_hex`].
pub fn key_bytes(text: &str) -> Result<[u8; IDENTITY_KEY_BYTES], IdentityKeyError> {
    let bytes: [u8; IDENTITY_KEY_BYTES] = hex_bytes(text.trim())?;
    if bytes.iter().all(|byte| *byte == bytes[0]) {
        return Err(IdentityKeyError::Trivial);
    }
    Ok(bytes)
}

fn hex_bytes<const N: usize>(text: &str) -> Result<[u8; N], IdentityKeyError> {
    if text.len() != 2 * N {
        return Err(IdentityKeyError::Length);
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
        let [high, low] = digits.map(|digit| (digit as char).to_digit(16));
        *byte = match (high, low) {
            (Some(high), Some(low)) => (high * 16 + low) as u8,
            _ => return Err(IdentityKeyError::NotHex),
        };
    }
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a key file: plain, or wrapped by `kek`.
pub fn wrap(key: &[u8; IDENTITY_KEY_BYTES], kek: Option<&[u8; IDENTITY_KEY_BYTES]>) -> String {
    let Some(kek) = kek else { return format!("{}\n", hex(key)) };
    let mut wrapped = [0; WRAPPED_BYTES];
    let done = KwAes256::new(kek.into()).wrap_key(key, &mut wrapped);
    assert!(done.is_ok_and(|text| text.len() == WRAPPED_BYTES), "the room is that of one wrapped key");
    format!("{WRAPPED}{}\n", hex(&wrapped))
}

/// The key's bytes from the text of its file.
///
/// # Errors
/// See [`IdentityKey::from_file`].
pub fn unwrap(text: &str, kek: Option<&[u8; IDENTITY_KEY_BYTES]>) -> Result<[u8; IDENTITY_KEY_BYTES], IdentityKeyError> {
    let (wrapped, kek) = match (text.trim().strip_prefix(WRAPPED), kek) {
        (Some(wrapped), Some(kek)) => (wrapped, kek),
        (Some(_), None) => return Err(IdentityKeyError::Wrapped),
        (None, Some(_)) => return key_bytes(text).and(Err(IdentityKeyError::Plain)),
        (None, None) => return key_bytes(text),
    };
    let wrapped: [u8; WRAPPED_BYTES] = hex_bytes(wrapped.trim())?;
    let mut key = [0; IDENTITY_KEY_BYTES];
    match KwAes256::new(kek.into()).unwrap_key(&wrapped, &mut key) {
        Ok(_) => Ok(key),
        Err(_) => Err(IdentityKeyError::NotUnwrapped),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    #[test]
    fn pseudonyms_are_hmac_sha256() {
        // RFC 4231, test case 1: a key of 20 bytes 0x0b, which padding makes a block.
        let mut block = [0; 64];
        block[..20].fill(0x0b);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(b"Hi There");
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        assert_eq!(full[..4], [0xb0, 0x34, 0x4c, 0x61]);

        let key = IdentityKey::from_hex(HEX).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&std::array::from_fn::<u8, 32, _>(|idx| idx as u8)).unwrap();
        mac.update("51070000000000123".as_bytes());
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        assert_eq!(key.pseudonym("51070000000000123").0, full[..16]);
        assert_ne!(key.pseudonym("51070000000000123"), key.pseudonym("51070000000000124"));
    }

    #[test]
    fn a_key_file_is_read_back_and_its_id_is_fixed() {
        let bytes: [u8; 32] = std::array::from_fn(|idx| idx as u8);
        let file = wrap(&bytes, None);
        assert_eq!(file, format!("{HEX}\n"));
        let key = IdentityKey::from_hex(&file).unwrap();
        assert_eq!(key.id(), IdentityKey::from_bytes(&bytes).id());
        assert_eq!(key.pseudonym("p"), IdentityKey::from_bytes(&bytes).pseudonym("p"));
        assert_eq!(key.id().len(), 16);
        assert_eq!(IdentityKey::from_hex(&HEX.to_uppercase()).unwrap().id(), key.id());
        assert_eq!(format!("{key:?}"), format!("IdentityKey({})", key.id()));
    }

    #[test]
    fn a_wrapped_key_opens_with_its_own_kek_alone() {
        // RFC 3394, section 4.6: 256 bits of key data with a 256-bit KEK.
        let kek: [u8; 32] = std::array::from_fn(|idx| idx as u8);
        let key: [u8; 32] = key_bytes("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f").unwrap();
        let file = wrap(&key, Some(&kek));
        assert_eq!(file, "wrapped 28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21\n");
        assert_eq!(unwrap(&file, Some(&kek)), Ok(key));
        assert_eq!(IdentityKey::from_file(&file, Some(&kek)).unwrap().id(), IdentityKey::from_bytes(&key).id());
        assert_eq!(unwrap(&file, None), Err(IdentityKeyError::Wrapped));
        assert_eq!(unwrap(&file, Some(&key)), Err(IdentityKeyError::NotUnwrapped));
        assert_eq!(unwrap(&file.replace("28c9", "28c8"), Some(&kek)), Err(IdentityKeyError::NotUnwrapped));
        assert_eq!(unwrap(&file[..40], Some(&kek)), Err(IdentityKeyError::Length));
        assert_eq!(unwrap(HEX, Some(&kek)), Err(IdentityKeyError::Plain));
        assert_eq!(unwrap("", Some(&kek)), Err(IdentityKeyError::Length));
    }

    #[test]
    fn other_texts_are_no_key() {
        let check = |text: &str, expect: IdentityKeyError| {
            assert_eq!(IdentityKey::from_hex(text).unwrap_err(), expect);
        };
        check("", IdentityKeyError::Length);
        check(&HEX[2..], IdentityKeyError::Length);
        check(&format!("{HEX}00"), IdentityKeyError::Length);
        check(&HEX.replace('f', "g"), IdentityKeyError::NotHex);
        check(&"00".repeat(32), IdentityKeyError::Trivial);
        check(&"键".repeat(32), IdentityKeyError::Length);
    }
}
