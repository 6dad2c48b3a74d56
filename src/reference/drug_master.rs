//! The drug master: names, packs, units and ingredients by catalogue code.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::reference::code;
use crate::reference::sheet::Sheet;
use crate::reference::validity::Dated;
use crate::reference::validity::Keys;

pub const COLUMNS: &[&str] = &[
    "med_list_codg",
    "generic_name",
    "dosage_form",
    "form_group",
    "spec",
    "min_prepunt",
    "min_pacunt",
    "min_pac_cnt",
    "convrat",
    "each_dos",
    "substance",
    "valid_from",
    "valid_to",
];

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
    pub substance: Option<String>,
}

#[derive(Debug, Default)]
pub struct DrugMaster {
    rows: HashMap<String, Vec<Dated<Arc<DrugMasterRow>>>>,
}

impl DrugMaster {
    pub fn build(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut built = Self::default();
        let mut keys = Keys::default();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let validity = row.validity(diagnostics);
            let code = row.text("med_list_codg");
            let known = code::kind_of(code, code::DRUG_KINDS).is_some();
            if !known {
                let help = "Write the national code: X and 22 characters, or Z and 19.";
                row.report("med_list_codg", format!("`{code}` is no drug code"), help, diagnostics);
            }
            let name = row.required("generic_name", diagnostics);
            let before = diagnostics.len();
            let form_group = row.optional("form_group").and_then(|_| row.choice("form_group", FORM_GROUP_WORDS, diagnostics));
            let [min_pac_cnt, convrat, each_dos] =
                ["min_pac_cnt", "convrat", "each_dos"].map(|column| row.decimal(column, PLACES, diagnostics));
            let sound = known && diagnostics.len() == before;
            let (Some(validity), Some(name), true) = (validity, name, sound) else { continue };
            keys.add(code.to_owned(), validity, row.place("med_list_codg"));
            let text = |column: &str| row.text(column).to_owned();
            built.rows.entry(code.to_owned()).or_default().push(Dated::new(
                validity,
                Arc::new(DrugMasterRow {
                    med_list_codg: code.to_owned(),
                    generic_name: name.to_owned(),
                    dosage_form: text("dosage_form"),
                    form_group,
                    spec: text("spec"),
                    min_prepunt: text("min_prepunt"),
                    min_pacunt: text("min_pacunt"),
                    min_pac_cnt,
                    convrat,
                    each_dos,
                    substance: row.optional("substance").map(str::to_owned),
                }),
            ));
        }
        keys.report_overlaps(diagnostics);
        built
    }

    /// All rows of a code, whatever day they hold on.
    pub fn rows(&self, code: &str) -> &[Dated<Arc<DrugMasterRow>>] {
        self.rows.get(code).map_or(&[], Vec::as_slice)
    }
}
