//! The registry of institutions: kind, level, area and nature on a day.

use hashbrown::HashMap;

use crate::reference::sheet::Sheet;
use crate::reference::tables::Key;
use crate::reference::tables::Kind;
use crate::reference::tables::Table;
use crate::reference::tables::VALID_FROM;
use crate::reference::tables::VALID_TO;
use crate::reference::tables::col;
use crate::reference::validity::Dated;
use crate::reference::validity::as_of;

pub static TABLE: Table = Table {
    name: "institutions",
    zh: "定点医药机构",
    en: "The registry of institutions. One without a row is unknown.",
    columns: &[
        col("fixmedins_code", Kind::Institution, "机构编码", "institution").asked(),
        col("name", Kind::Text, "机构名称", "name").may_be_empty(),
        col("kind", Kind::Word(&KIND_WORDS), "机构类别", "hospital, pharmacy, or an online body with a code of its own"),
        col("level", Kind::Level, "医院等级", "level by the national code (hosp_lv)"),
        col("area", Kind::Area, "行政区划", "area of the institution"),
        col("nature", Kind::Word(&NATURE_WORDS), "机构性质", "ownership"),
        col("host_code", Kind::Institution, "实体机构编码", "the physical institution behind an online body").may_be_empty().asked(),
        col("fstdiag_usable", Kind::Flag, "初诊标志可用", "0: its first-visit flag means nothing and is read as NULL"),
        col("authno_fed", Kind::Flag, "核验号已接入", "0: its feed does not carry the number of the online identity check"),
        col("online_licence", Kind::Word(&LICENCE_WORDS), "互联网诊疗许可", "licensed for online care; empty: not known").may_be_empty(),
        VALID_FROM,
        VALID_TO,
    ],
    key: Key::Cells(&["fixmedins_code"]),
    example: "H99010100091,云川市第一人民医院互联网医院,online,02,990101,public,H99010100001,1,1,1,2020-01-01,",
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Institution {
    pub code: String,
    pub name: String,
    /// `hospital`, `pharmacy` or `online`.
    pub kind: &'static str,
    /// 01 to 14.
    pub level: String,
    /// Six digits.
    pub area: String,
    /// `public`, `nonprofit` or `private`.
    pub nature: &'static str,
    /// The physical institution behind an online body.
    pub host_code: Option<String>,
    /// Whether its first-visit flag means anything; if not it is read as NULL.
    pub fstdiag_usable: bool,
    /// Whether its feed carries the number of the online identity check.
    pub authno_fed: bool,
    /// Whether it is licensed for online care; `None`: the registry does not say.
    pub online_licence: Option<bool>,
}

const KIND_WORDS: &[(&str, &str)] = &[("hospital", "hospital"), ("pharmacy", "pharmacy"), ("online", "online")];
pub const NATURE_WORDS: &[(&str, &str)] = &[("public", "public"), ("nonprofit", "nonprofit"), ("private", "private")];

const LICENCE_WORDS: &[(&str, bool)] = &[("1", true), ("0", false)];

#[derive(Debug, Default)]
pub struct Registry {
    institutions: HashMap<String, Vec<Dated<Institution>>>,
}

impl Registry {
    pub fn build(sheets: &[Sheet]) -> Self {
        let mut built = Self::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let (kind, nature) = (row.choice("kind", KIND_WORDS), row.choice("nature", NATURE_WORDS));
            let (validity, code) = (row.validity(), row.sound("fixmedins_code"));
            let (usable, fed) = (row.flag("fstdiag_usable"), row.flag("authno_fed"));
            let (area, level) = (row.sound("area"), row.sound("level"));
            let (Some(kind), Some(nature), Some(validity), Some(code)) = (kind, nature, validity, code) else { continue };
            let (Some(fstdiag_usable), Some(authno_fed), Some(area), Some(level)) = (usable, fed, area, level) else { continue };
            built.institutions.entry(code.to_owned()).or_default().push(Dated::new(
                validity,
                Institution {
                    code: code.to_owned(),
                    name: row.text("name").to_owned(),
                    kind,
                    level: level.to_owned(),
                    area: area.to_owned(),
                    nature,
                    host_code: row.sound("host_code").map(str::to_owned),
                    fstdiag_usable,
                    authno_fed,
                    online_licence: row.choice("online_licence", LICENCE_WORDS),
                },
            ));
        }
        built
    }

    /// `None` if the institution is not registered on that day.
    pub fn institution(&self, code: &str, day: i64) -> Option<&Institution> {
        as_of(self.institutions.get(code)?, day)
    }
}
