//! Agreements between institutions and the insurance agency: the main one and
//! the supplement for online care, with their states.

use hashbrown::HashMap;

use crate::reference::sheet::Sheet;
use crate::reference::tables::Key;
use crate::reference::tables::Kind;
use crate::reference::tables::SOURCE;
use crate::reference::tables::Table;
use crate::reference::tables::VALID_FROM;
use crate::reference::tables::VALID_TO;
use crate::reference::tables::col;
use crate::reference::validity::Dated;
use crate::reference::validity::as_of;

pub static TABLE: Table = Table {
    name: "agreements",
    zh: "医保服务协议",
    en: "Agreements of institutions and their states. An institution without a row is unknown.",
    columns: &[
        col("fixmedins_code", Kind::Institution, "机构编码", "institution").asked(),
        col("kind", Kind::Word(&KIND_WORDS), "协议类别", "the main agreement, or the supplement for online care"),
        col("state", Kind::Word(&STATE_WORDS), "协议状态", "state on these days"),
        VALID_FROM,
        VALID_TO,
        SOURCE,
    ],
    key: Key::Cells(&["fixmedins_code", "kind"]),
    example: "H99010100001,main,active,2020-01-01,,agreement of 2020",
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgreementKind {
    /// 主协议.
    Main,
    /// 互联网补充协议.
    Online,
}

const KIND_WORDS: &[(&str, AgreementKind)] = &[("main", AgreementKind::Main), ("online", AgreementKind::Online)];
const STATE_WORDS: &[(&str, &str)] = &[("active", "active"), ("suspended", "suspended"), ("ended", "ended")];

#[derive(Debug, Default)]
pub struct Agreements {
    by_institution: HashMap<(String, AgreementKind), Vec<Dated<&'static str>>>,
}

impl Agreements {
    pub fn build(sheets: &[Sheet]) -> Self {
        let mut built = Self::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let (kind, state) = (row.choice("kind", KIND_WORDS), row.choice("state", STATE_WORDS));
            let (validity, code) = (row.validity(), row.sound("fixmedins_code"));
            let (Some(kind), Some(state), Some(validity), Some(code)) = (kind, state, validity, code) else { continue };
            built.by_institution.entry((code.to_owned(), kind)).or_default().push(Dated::new(validity, state));
        }
        built
    }

    /// `active`, `suspended` or `ended`; `None` if no row holds on the day.
    pub fn state(&self, institution: &str, kind: AgreementKind, day: i64) -> Option<&'static str> {
        as_of(self.by_institution.get(&(institution.to_owned(), kind))?, day).copied()
    }
}
