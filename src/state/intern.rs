//! Texts kept once: an interner for what repeats, an arena for what does not.

use std::hash::BuildHasher as _;

use hashbrown::DefaultHashBuilder;
use hashbrown::HashTable;
use serde::Deserialize;
use serde::Serialize;

use super::saved::Damage;
use super::saved::Loader;
use super::saved::Saver;
use super::saved::blob;

/// Place of a text that occurs once (a settlement id, a line number). Zero is
/// the empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextRef(u32);

impl TextRef {
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// Bytes of one chunk of texts.
const CHUNK: usize = 1 << 20;
/// Before each text stands its length.
const LENGTH: usize = size_of::<u16>();

/// Texts that hardly repeat, end to end, each behind its length. They grow by
/// chunks, so that nothing is copied and no room is doubled.
#[derive(Debug, Default)]
pub struct Arena {
    /// No text crosses the end of a chunk.
    chunks: Vec<Vec<u8>>,
    /// Place behind the last text that was saved.
    saved: usize,
}

/// Texts of one chunk, as they are saved.
#[derive(Serialize, Deserialize)]
struct Piece {
    /// Of the first byte.
    place: u64,
    #[serde(with = "blob")]
    bytes: Vec<u8>,
}

impl Arena {
    /// Keeps `text`; `None` and texts over 65,535 bytes are kept as empty,
    /// which no national field reaches.
    ///
    /// # Panics
    /// When a shard's texts come to 4 GiB.
    pub fn keep(&mut self, text: Option<&str>) -> TextRef {
        let text = text.unwrap_or_default();
        let Ok(len) = u16::try_from(text.len()) else { return TextRef::default() };
        if len == 0 {
            return TextRef::default();
        }
        if self.chunks.last().is_none_or(|last| last.len() + LENGTH + text.len() > CHUNK) {
            let mut chunk = Vec::with_capacity(CHUNK);
            if self.chunks.is_empty() {
                // Place zero is the empty text's.
                chunk.extend_from_slice(&[0; LENGTH]);
            }
            self.chunks.push(chunk);
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let place = u32::try_from(number * CHUNK + chunk.len());
        let place = place.unwrap_or_else(|_| panic!("a shard holds less than 4 GiB of texts"));
        chunk.extend_from_slice(&len.to_le_bytes());
        chunk.extend_from_slice(text.as_bytes());
        TextRef(place)
    }

    pub fn get(&self, at: TextRef) -> &str {
        let place = at.0 as usize;
        let text = self.chunks.get(place / CHUNK).and_then(|chunk| {
            let (len, rest) = chunk.get(place % CHUNK..)?.split_first_chunk::<LENGTH>()?;
            rest.get(..usize::from(u16::from_le_bytes(*len)))
        });
        text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// Writes the texts that are new.
    pub fn save(&mut self, table: &str, saver: &mut Saver<'_>) {
        let Self { chunks, saved } = self;
        let from = if saver.mark(table) == 0 { 0 } else { *saved };
        let pieces = chunks.iter().enumerate().skip(from / CHUNK).filter_map(|(number, chunk)| {
            let start = from.saturating_sub(number * CHUNK);
            let bytes = chunk.get(start..).filter(|bytes| !bytes.is_empty())?;
            Some(Piece { place: (number * CHUNK + start) as u64, bytes: bytes.to_vec() })
        });
        saver.more(table, pieces);
        *saved = chunks.last().map_or(0, |last| (chunks.len() - 1) * CHUNK + last.len());
    }

    pub fn load(table: &str, loader: &mut Loader<'_>) -> Result<Self, Damage> {
        let mut chunks: Vec<Vec<u8>> = Vec::new();
        loader.rows(table, |Piece { place, bytes }| {
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            if place % CHUNK == 0 {
                chunks.push(Vec::with_capacity(CHUNK));
            }
            let number = chunks.len().wrapping_sub(1);
            let chunk = chunks.last_mut().filter(|chunk| number == place / CHUNK && chunk.len() == place % CHUNK);
            let room = chunk.filter(|chunk| chunk.len() + bytes.len() <= CHUNK);
            room.ok_or_else(|| Damage::malformed(table, "texts stand elsewhere than they did"))?.extend_from_slice(&bytes);
            Ok(())
        })?;
        let saved = chunks.last().map_or(0, |last| (chunks.len() - 1) * CHUNK + last.len());
        Ok(Self { chunks, saved })
    }
}

/// A text that repeats: a code, a name, a unit. Zero is "absent".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sym(pub u32);

impl Sym {
    pub const NONE: Self = Self(0);

    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// Texts that repeat, each kept once and numbered in order of first sight.
/// Numbers are private to a shard and never reach output.
#[derive(Debug)]
pub struct Interner {
    texts: Vec<Box<str>>,
    /// By text.
    syms: HashTable<Sym>,
    hasher: DefaultHashBuilder,
}

impl Default for Interner {
    fn default() -> Self {
        Self { texts: vec!["".into()], syms: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl Interner {
    pub fn intern(&mut self, text: Option<&str>) -> Sym {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Sym::NONE };
        let Self { texts, syms, hasher } = self;
        let hash = hasher.hash_one(text);
        if let Some(sym) = syms.find(hash, |sym| &*texts[sym.0 as usize] == text) {
            return *sym;
        }
        let sym = Sym(u32::try_from(texts.len()).unwrap_or(u32::MAX));
        assert!(sym.0 != u32::MAX, "an interner holds fewer than 2^32 texts");
        texts.push(text.into());
        syms.insert_unique(hash, sym, |sym| hasher.hash_one(&*texts[sym.0 as usize]));
        sym
    }

    /// The text, or `None` for [`Sym::NONE`].
    pub fn text(&self, sym: Sym) -> Option<&str> {
        self.texts.get(sym.0 as usize).map(|text| &**text).filter(|text| !text.is_empty())
    }

    pub fn save(&mut self, table: &str, saver: &mut Saver<'_>) {
        let Self { texts, syms: _, hasher: _ } = self;
        saver.rows(table, texts.len(), |idx| &texts[idx]);
    }

    pub fn load(table: &str, loader: &mut Loader<'_>) -> Result<Self, Damage> {
        let mut symbols = Self::default();
        let mut place = 0;
        loader.rows(table, |text: Box<str>| {
            let sym = symbols.intern(Some(&text));
            let expected = Sym(place);
            place += 1;
            if sym == expected { Ok(()) } else { Err(Damage::malformed(table, "a text stands there twice")) }
        })?;
        Ok(symbols)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_again_across_chunks() {
        let mut arena = Arena::default();
        let texts: Vec<String> = (0..60).map(|idx| idx.to_string().repeat(idx * 500)).collect();
        let places: Vec<TextRef> = texts.iter().map(|text| arena.keep(Some(text))).collect();
        assert!(arena.chunks.len() > 1);
        for (text, place) in texts.iter().zip(places) {
            assert_eq!((arena.get(place), place.is_empty()), (text.as_str(), text.is_empty()));
        }
        assert!(arena.keep(None).is_empty());
        assert_eq!(arena.get(TextRef::default()), "");
    }

    #[test]
    fn a_text_has_one_symbol() {
        let mut symbols = Interner::default();
        let first: Vec<Sym> = (0..1000).map(|idx| symbols.intern(Some(&format!("code {}", idx % 100)))).collect();
        assert!(
            (0..1000).all(|idx| first[idx] == first[idx % 100] && symbols.text(first[idx]) == Some(format!("code {}", idx % 100).as_str()))
        );
        assert!(symbols.intern(None).is_none() && symbols.intern(Some("")).is_none() && symbols.text(Sym::NONE).is_none());
    }
}
