//! The shapes of national codes.

/// Kinds of national code that reference tables name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// `X…`, 23 characters.
    WesternDrug,
    /// `Z…`, 20 characters.
    PatentMedicine,
    /// `C…`, 20 characters.
    Consumable,
    /// 15 digits.
    Service,
    /// `H…` or `P…`, 12 characters.
    Institution,
}

impl CodeKind {
    /// A letter stands for itself, `A` for any capital, `0` for any digit.
    fn pattern(self) -> &'static [u8] {
        match self {
            Self::WesternDrug => b"XA00AAA000A000000000000",
            Self::PatentMedicine => b"ZA00AAA0000000000000",
            Self::Consumable => b"C0000000000000000000",
            Self::Service => b"000000000000000",
            Self::Institution => b"H00000000000",
        }
    }

    fn starts(self, code: &[u8]) -> bool {
        code.len() <= self.pattern().len()
            && code.iter().zip(self.pattern()).enumerate().all(|(at, (ch, shape))| match (self, at, shape) {
                (Self::Institution, 0, _) => matches!(ch, b'H' | b'P'),
                (_, _, b'A') => ch.is_ascii_uppercase(),
                (_, _, b'0') => ch.is_ascii_digit(),
                (_, _, letter) => ch == letter,
            })
    }
}

/// Kinds that a claim line may carry.
pub const ITEM_KINDS: &[CodeKind] = &[CodeKind::WesternDrug, CodeKind::PatentMedicine, CodeKind::Consumable, CodeKind::Service];
pub const DRUG_KINDS: &[CodeKind] = &[CodeKind::WesternDrug, CodeKind::PatentMedicine];

/// The kind whose whole pattern `code` fits.
pub fn kind_of(code: &str, kinds: &[CodeKind]) -> Option<CodeKind> {
    kinds.iter().copied().find(|kind| code.len() == kind.pattern().len() && kind.starts(code.as_bytes()))
}

/// Whether `prefix` can be continued to a code of one of `kinds`.
pub fn is_prefix(prefix: &str, kinds: &[CodeKind]) -> bool {
    !prefix.is_empty() && kinds.iter().any(|kind| kind.starts(prefix.as_bytes()))
}

/// The part of a drug code that names the ingredient: kind, class and name.
pub fn ingredient(code: &str) -> Option<&str> {
    match kind_of(code, DRUG_KINDS)? {
        CodeKind::WesternDrug => code.get(..10),
        _ => code.get(..11),
    }
}

/// The dosage-form part of a western drug code: `A001`, `B002`, ...
pub fn dosage_form(code: &str) -> Option<&str> {
    match kind_of(code, DRUG_KINDS)? {
        CodeKind::WesternDrug => code.get(10..14),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_codes_have_a_kind() {
        for (code, kind) in [
            ("XL02BBA326A001010102180", Some(CodeKind::WesternDrug)),
            ("ZA04CAE0023010100166", Some(CodeKind::PatentMedicine)),
            ("C0201010520000100001", Some(CodeKind::Consumable)),
            ("003105120040000", Some(CodeKind::Service)),
            ("XL02BBA326A00101010218", None),
            ("xl02bba326a001010102180", None),
            ("", None),
        ] {
            assert_eq!(kind_of(code, ITEM_KINDS), kind, "{code}");
        }
        assert_eq!(kind_of("P99010100001", &[CodeKind::Institution]), Some(CodeKind::Institution));
        assert_eq!(kind_of("D99010100001", &[CodeKind::Institution]), None);
    }

    #[test]
    fn parts_of_codes() {
        assert_eq!(ingredient("XN02ABF027V001010199901"), Some("XN02ABF027"));
        assert_eq!(ingredient("ZA04CAE0023010100166"), Some("ZA04CAE0023"));
        assert_eq!(dosage_form("XN02ABF027V001010199901"), Some("V001"));
        assert_eq!(ingredient("003105120040000"), None);
        assert!(is_prefix("XN05CDM084B", DRUG_KINDS) && !is_prefix("XN05C1", DRUG_KINDS) && !is_prefix("", DRUG_KINDS));
    }
}
