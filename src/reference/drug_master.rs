//! The drug master: names, packs, units and ingredients by catalogue code.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::reference::code;
use crate::reference::sheet::Sheet;
use crate::reference::tables::Key;
use crate::reference::tables::Kind;
use crate::reference::tables::Table;
use crate::reference::tables::VALID_FROM;
use crate::reference::tables::VALID_TO;
use crate::reference::tables::col;
use crate::reference::units::Content;
use crate::reference::units::contents;
use crate::reference::validity::Dated;

pub static TABLE: Table = Table {
    name: "drug_master",
    zh: "西药中成药目录",
    en: "Names, packs, units and ingredients of drugs, as transaction 1301 gives them. Days of supply of a drug without a row are not computed.",
    columns: &[
        col("med_list_codg", Kind::Drug, "医疗目录编码", "drug").asked(),
        col("generic_name", Kind::Text, "通用名", "generic name"),
        col("dosage_form", Kind::Text, "剂型", "dosage form in words").may_be_empty(),
        col("form_group", Kind::Word(&FORM_GROUP_WORDS), "剂型组", "form as far as limits tell it apart; empty: by the code")
            .may_be_empty(),
        col("spec", Kind::Text, "规格", "pack text, for people").may_be_empty(),
        col("min_prepunt", Kind::Text, "最小制剂单位", "smallest unit that is dosed: 片, 粒, 支, ml").may_be_empty(),
        col("min_pacunt", Kind::Text, "最小包装单位", "smallest unit that is packed: 盒, 瓶").may_be_empty(),
        col("min_pac_cnt", COUNT, "最小包装数量", "dose units in one smallest pack; empty: the ratio").may_be_empty(),
        col("convrat", COUNT, "转换比", "the catalogue's ratio of both units").may_be_empty(),
        col("each_dos", COUNT, "每次用量", "greatest usual single dose").may_be_empty(),
        col("substance", Kind::Text, "成分", "active ingredient, several with `+` between; empty: the ingredient part of the code")
            .may_be_empty(),
        VALID_FROM,
        VALID_TO,
        col(
            "content",
            Kind::Content,
            "单位含量",
            "what one dose unit holds, for doses told in mg, ml or IU. An injection with IU is used dose by dose (a pen), any other up at once",
        )
        .may_be_missing(),
    ],
    key: Key::Cells(&["med_list_codg"]),
    example: "XA10ABM037B002010199901,门冬胰岛素注射液,注射剂,injection,3ml:300单位,支,支,1,1,,门冬胰岛素,2005-01-01,,3ml;300IU",
};

const COUNT: Kind = Kind::Number { places: PLACES, unit: "最小制剂单位 (dose units)" };

/// Forms as far as legal limits on quantity tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FormGroup {
    Injection,
    /// Controlled or sustained release.
    Sustained,
    Patch,
    Other,
}

const FORM_GROUP_WORDS: &[(&str, FormGroup)] =
    &[("injection", FormGroup::Injection), ("sustained", FormGroup::Sustained), ("patch", FormGroup::Patch), ("other", FormGroup::Other)];

impl FormGroup {
    /// The word that rules and tables use.
    pub fn word(self) -> &'static str {
        FORM_GROUP_WORDS.iter().find(|(_, group)| *group == self).map_or("other", |(word, _)| word)
    }

    /// What a western drug code tells about its form. `None` where the form
    /// part may mean an ordinary or a sustained release.
    pub fn of_code(code: &str) -> Option<Self> {
        let form = code::dosage_form(code)?;
        match (form.as_bytes().first()?, form) {
            (b'B', _) => Some(Self::Injection),
            (b'V', _) => Some(Self::Patch),
            (_, "A010") => Some(Self::Sustained),
            // The parts that published names show to be ordinary tablets and capsules.
            (b'A', "A001" | "A003" | "A006" | "A008" | "A009" | "A012" | "A017" | "A018" | "A022" | "A025") => Some(Self::Other),
            (b'E', "E001" | "E002" | "E005" | "E006" | "E008" | "E009") => Some(Self::Other),
            (b'D' | b'F' | b'G' | b'K' | b'L' | b'N' | b'P' | b'S' | b'U' | b'X', _) => Some(Self::Other),
            _ => None,
        }
    }
}

/// Places of the decimal columns of a row.
pub const PLACES: u32 = 4;

/// One row. Decimals are times 10^[`PLACES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrugMasterRow {
    pub med_list_codg: String,
    pub generic_name: String,
    pub dosage_form: String,
    pub form_group: Option<FormGroup>,
    pub spec: String,
    /// The smallest unit that is dosed: 片, 粒, 支.
    pub min_prepunt: String,
    /// The smallest unit that is packed: 盒, 瓶.
    pub min_pacunt: String,
    /// Dose units in one smallest pack.
    pub min_pac_cnt: Option<i128>,
    pub convrat: Option<i128>,
    /// Greatest usual single dose, in dose units.
    pub each_dos: Option<i128>,
    /// Ingredients in the order of their text, `+` between.
    pub substance: Option<String>,
    /// What one dose unit holds.
    pub contents: Vec<Content>,
}

#[derive(Debug, Default)]
pub struct DrugMaster {
    rows: HashMap<String, Vec<Dated<Arc<DrugMasterRow>>>>,
}

impl DrugMaster {
    pub fn build(sheets: &[Sheet]) -> Self {
        let mut built = Self::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let (Some(validity), Some(code), Some(name)) = (row.validity(), row.sound("med_list_codg"), row.sound("generic_name")) else {
                continue;
            };
            let [min_pac_cnt, convrat, each_dos] = ["min_pac_cnt", "convrat", "each_dos"].map(|column| row.decimal(column));
            let text = |column: &str| row.text(column).to_owned();
            built.rows.entry(code.to_owned()).or_default().push(Dated::new(
                validity,
                Arc::new(DrugMasterRow {
                    med_list_codg: code.to_owned(),
                    generic_name: name.to_owned(),
                    dosage_form: text("dosage_form"),
                    form_group: row.choice("form_group", FORM_GROUP_WORDS),
                    spec: text("spec"),
                    min_prepunt: text("min_prepunt"),
                    min_pacunt: text("min_pacunt"),
                    min_pac_cnt,
                    convrat,
                    each_dos,
                    substance: row.optional("substance").and_then(ingredients),
                    contents: row.sound("content").and_then(contents).unwrap_or_default(),
                }),
            ));
        }
        built
    }

    /// All rows of a code, whatever day they hold on.
    pub fn rows(&self, code: &str) -> &[Dated<Arc<DrugMasterRow>>] {
        self.rows.get(code).map_or(&[], Vec::as_slice)
    }
}

/// The ingredients of a drug as one key, whatever order they are told in.
fn ingredients(text: &str) -> Option<String> {
    let mut all: Vec<&str> = text.split(['+', '＋']).map(str::trim).filter(|part| !part.is_empty()).collect();
    all.sort_unstable();
    all.dedup();
    (!all.is_empty()).then(|| all.join("+"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compound_is_the_set_of_its_ingredients() {
        for (text, expect) in [
            ("曲马多", Some("曲马多")),
            ("对乙酰氨基酚+曲马多", Some("对乙酰氨基酚+曲马多")),
            ("曲马多 ＋ 对乙酰氨基酚", Some("对乙酰氨基酚+曲马多")),
            ("a+b+a", Some("a+b")),
            ("+", None),
        ] {
            assert_eq!(ingredients(text).as_deref(), expect, "{text}");
        }
    }
}
