//! Texts kept once: an interner for what repeats, an arena for what does not.

use hashbrown::HashMap;

/// Place of a text that occurs once (a settlement id, a line number).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextRef {
    start: u32,
    len: u16,
}

impl TextRef {
    pub fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// Texts that hardly repeat, end to end.
#[derive(Debug, Default)]
pub struct Arena {
    text: String,
}

impl Arena {
    /// Keeps `text`; `None` and texts over 65,535 bytes are kept as empty,
    /// which no national field reaches.
    pub fn keep(&mut self, text: Option<&str>) -> TextRef {
        let text = text.unwrap_or_default();
        let (Ok(start), Ok(len)) = (u32::try_from(self.text.len()), u16::try_from(text.len())) else {
            return TextRef::default();
        };
        self.text.push_str(text);
        TextRef { start, len }
    }

    pub fn get(&self, at: TextRef) -> &str {
        let start = at.start as usize;
        self.text.get(start..start + at.len as usize).unwrap_or_default()
    }

    pub fn bytes(&self) -> usize {
        self.text.len()
    }
}

/// A text that repeats: a code, a name, a unit. Zero is "absent".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    by_text: HashMap<Box<str>, Sym>,
    texts: Vec<Box<str>>,
}

impl Default for Interner {
    fn default() -> Self {
        Self { by_text: HashMap::new(), texts: vec!["".into()] }
    }
}

impl Interner {
    pub fn intern(&mut self, text: Option<&str>) -> Sym {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Sym::NONE };
        if let Some(sym) = self.by_text.get(text) {
            return *sym;
        }
        let sym = Sym(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        assert!(sym.0 != u32::MAX, "an interner holds fewer than 2^32 texts");
        self.texts.push(text.into());
        self.by_text.insert(text.into(), sym);
        sym
    }

    /// The text, or `None` for [`Sym::NONE`].
    pub fn text(&self, sym: Sym) -> Option<&str> {
        self.texts.get(sym.0 as usize).map(|text| &**text).filter(|text| !text.is_empty())
    }
}
