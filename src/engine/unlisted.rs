//! What rows and lines tell that no reference table knows: some of it is
//! counted in every run, all of it is listed for whoever keeps the tables.

use std::borrow::Cow;

use crate::base::time::SECONDS_PER_DAY;
use crate::engine::enrich::Batch;
use crate::engine::facts;
use crate::engine::items::Items;
use crate::engine::items::pack_of;
use crate::events::SETTLEMENT_INPUT;
use crate::reference::code;
use crate::reference::disease::category;
use crate::reference::item::ItemFacts;
use crate::reference::registry::Institution;
use crate::reference::snapshot::Snapshot;
use crate::reference::units::measure;

pub const INSTITUTION: &str = "institution";
/// A drug of which nothing tells the substance.
pub const DRUG: &str = "drug";
/// A drug whose substance its code tells, without a row in the drug master.
pub const DRUG_MASTER: &str = "drug_master";
/// A drug whose name holds that of a controlled one.
pub const UNCLASSIFIED: &str = "unclassified";
/// Anything else that is billed, under no national code.
pub const ITEM: &str = "item";
pub const DOCTOR: &str = "doctor";
/// A department without a licence row, under its institution.
pub const DEPARTMENT: &str = "department";
/// A western diagnosis that is no ICD-10 code.
pub const DIAGNOSIS: &str = "diagnosis";
/// A frequency code of an institution's own.
pub const FREQUENCY: &str = "frequency";
/// A unit that the drug master's row does not convert, under its drug.
pub const UNIT: &str = "unit";
pub const MED_TYPE: &str = "med_type";

/// The kinds, as lists are ordered, and their names for people.
pub const KINDS: &[(&str, &str)] = &[
    (INSTITUTION, "医药机构"),
    (DRUG, "药品"),
    (DRUG_MASTER, "药品目录缺行"),
    (UNCLASSIFIED, "管理类别未定"),
    (ITEM, "项目"),
    (DOCTOR, "医师"),
    (DEPARTMENT, "科室"),
    (DIAGNOSIS, "诊断"),
    (FREQUENCY, "频次"),
    (UNIT, "单位"),
    (MED_TYPE, "医疗类别"),
];

/// One place where an event tells something that no table knows.
#[derive(Clone, Debug)]
pub struct Unlisted<'a> {
    pub kind: &'static str,
    /// `None`: there is no code.
    pub code: Option<Cow<'a, str>>,
    /// Name of the drug or item as told; never anybody's.
    pub name: Option<&'a str>,
    pub header: usize,
    /// `None`: the row itself tells it.
    pub line: Option<usize>,
}

impl<'a> Unlisted<'a> {
    fn of_row(kind: &'static str, header: usize, code: Option<&'a str>) -> Self {
        Self { kind, code: code.map(Cow::Borrowed), name: None, header, line: None }
    }
}

/// Characters of a code: what is longer, or no code at all, is not repeated.
const CODE_CHARS_MAX: usize = 40;

/// Whether a text may be shown as a code: not where it may say who somebody is.
pub fn is_code(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let certificate =
        text.len() == 18 && text.get(..17).is_some_and(digits) && text.ends_with(|end: char| end.is_ascii_digit() || end == 'X');
    let telephone = text.len() == 11 && text.starts_with('1') && digits(text);
    let coded = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'/');
    text.len() <= CODE_CHARS_MAX && text.bytes().all(coded) && !certificate && !telephone
}

/// Chinese words of frequencies are made of these.
const FREQUENCY_WORDS: &str = "每日天周月年次晚早晨午中上下睡前后必要时隔一二三四五六七八九十两半小餐饭即刻分钟需";

/// Whether what no table knows may be shown: codes, and words that cannot be
/// anybody's name.
pub fn may_be_shown(kind: &str, text: &str) -> bool {
    match (kind, text.split_once('/')) {
        (FREQUENCY, _) => is_code(text) || text.chars().all(|ch| ch.is_ascii_digit() || FREQUENCY_WORDS.contains(ch)) && text.len() < 40,
        (UNIT, Some((drug, unit))) => is_code(drug) && (is_code(unit) || unit.chars().count() == 1 || measure(unit).is_some()),
        _ => is_code(text),
    }
}

/// Looks at a run after its enrichment.
pub struct Survey<'a> {
    pub batch: &'a Batch,
    pub snapshot: &'a Snapshot,
    pub items: &'a Items,
    /// By row, at its fact time.
    pub institutions: &'a [Option<&'a Institution>],
}

impl<'a> Survey<'a> {
    /// What every run counts: institutions that are not registered, and drugs
    /// that the drug master does not know and no code tells the substance of.
    pub fn counted(&self, told: &mut dyn FnMut(Unlisted<'a>)) {
        let codes = self.batch.header().texts("fixmedins_code");
        for row in (0..self.batch.headers.len()).filter(|row| self.institutions[*row].is_none()) {
            told(Unlisted::of_row(INSTITUTION, row, codes.get(row)));
        }
        self.drugs(&mut |kind, line| {
            if kind == DRUG {
                told(line);
            }
        });
    }

    /// Everything of all [`KINDS`].
    pub fn all(&self, told: &mut dyn FnMut(Unlisted<'a>)) {
        self.counted(told);
        self.drugs(&mut |kind, line| {
            if kind != DRUG {
                told(line);
            }
        });
        self.rows(told);
        self.items(told);
        self.dosages(told);
    }

    fn day(&self, row: usize) -> i64 {
        self.batch.headers[row].fact_time.div_euclid(SECONDS_PER_DAY)
    }

    fn drugs(&self, told: &mut dyn FnMut(&'static str, Unlisted<'a>)) {
        let (line, bill) = (self.batch.line_table(), self.batch.input == SETTLEMENT_INPUT);
        let (kinds, codes) = (line.texts("list_type"), line.texts("med_list_codg"));
        let names = line.texts(if bill { "medins_list_name" } else { "drug_genname" });
        for at in (0..self.batch.lines.len()).filter(|at| !bill || kinds.is(*at, "101")) {
            let facts = self.facts(at);
            let of = |kind| Unlisted {
                kind,
                code: codes.get(at).map(Cow::Borrowed),
                name: names.get(at),
                header: self.batch.parents()[at] as usize,
                line: Some(at),
            };
            if facts.substance.is_none() {
                told(DRUG, of(DRUG));
            } else if facts.master.is_none() {
                told(DRUG_MASTER, of(DRUG_MASTER));
            }
            if facts.special_class.is_none() && names.get(at).is_some() {
                told(UNCLASSIFIED, of(UNCLASSIFIED));
            }
        }
    }

    fn facts(&self, line: usize) -> ItemFacts<'a> {
        let told = &self.batch.lines[line];
        self.items.at(told.item, told.fact_time.div_euclid(SECONDS_PER_DAY))
    }

    fn rows(&self, told: &mut dyn FnMut(Unlisted<'a>)) {
        let header = self.batch.header();
        let bill = self.batch.input == SETTLEMENT_INPUT;
        let (types, doctors) = (header.texts("med_type"), header.texts(if bill { "chfpdr_code" } else { "dr_code" }));
        let (institutions, departments) = (header.texts("fixmedins_code"), header.texts("prsc_dept_code"));
        let diagnoses = self.batch.diagnoses();
        for row in 0..self.batch.headers.len() {
            let day = self.day(row);
            if let Some(code) = types.get(row).filter(|code| facts::setting(Some(code), None).is_none()) {
                told(Unlisted::of_row(MED_TYPE, row, Some(code)));
            }
            let institution = institutions.get(row).unwrap_or_default();
            if let Some(doctor) = doctors.get(row).filter(|doctor| self.no_doctor(doctor, institution, day)) {
                told(Unlisted::of_row(DOCTOR, row, Some(doctor)));
            }
            if let Some(code) = departments.get(row).and_then(|code| self.no_department(code, institution, day)) {
                told(Unlisted { code: Some(Cow::Owned(code)), ..Unlisted::of_row(DEPARTMENT, row, None) });
            }
            for code in diagnoses.of(self.batch.headers[row].diagnoses.clone(), row).filter(|code| category(code).is_none()) {
                told(Unlisted::of_row(DIAGNOSIS, row, Some(code)));
            }
        }
    }

    /// Lines: items that are no drugs, and who ordered them where.
    fn items(&self, told: &mut dyn FnMut(Unlisted<'a>)) {
        if self.batch.input != SETTLEMENT_INPUT {
            return;
        }
        let (line, institutions) = (self.batch.line_table(), self.batch.header().texts("fixmedins_code"));
        let (kinds, codes, names) = (line.texts("list_type"), line.texts("med_list_codg"), line.texts("medins_list_name"));
        let (doctors, departments) = (line.texts("bilg_dr_codg"), line.texts("bilg_dept_codg"));
        for at in 0..self.batch.lines.len() {
            let header = self.batch.parents()[at] as usize;
            let (institution, day) =
                (institutions.get(header).unwrap_or_default(), self.batch.lines[at].fact_time.div_euclid(SECONDS_PER_DAY));
            let of = |kind, code| Unlisted { kind, code, name: None, header, line: Some(at) };
            let national = codes.get(at).is_some_and(|code| code::kind_of(code, code::ITEM_KINDS).is_some());
            if !kinds.is(at, "101") && !national {
                told(Unlisted { name: names.get(at), ..of(ITEM, codes.get(at).map(Cow::Borrowed)) });
            }
            if let Some(doctor) = doctors.get(at).filter(|doctor| self.no_doctor(doctor, institution, day)) {
                told(of(DOCTOR, Some(Cow::Borrowed(doctor))));
            }
            if let Some(code) = departments.get(at).and_then(|code| self.no_department(code, institution, day)) {
                told(of(DEPARTMENT, Some(Cow::Owned(code))));
            }
        }
    }

    /// Prescription lines: frequencies and units.
    fn dosages(&self, told: &mut dyn FnMut(Unlisted<'a>)) {
        if self.batch.input == SETTLEMENT_INPUT {
            return;
        }
        let line = self.batch.line_table();
        let (frequencies, codes, names) = (line.texts("used_frqu_codg"), line.texts("med_list_codg"), line.texts("drug_genname"));
        let (quantity_units, dose_units) = (line.texts("drug_dosunt"), line.texts("sin_dosunt"));
        for at in 0..self.batch.lines.len() {
            let (header, day) = (self.batch.parents()[at] as usize, self.batch.lines[at].fact_time.div_euclid(SECONDS_PER_DAY));
            let of = |kind, code| Unlisted { kind, code: Some(code), name: None, header, line: Some(at) };
            if let Some(code) = frequencies.get(at).filter(|code| self.snapshot.frequency(code, day).is_none()) {
                told(of(FREQUENCY, Cow::Borrowed(code)));
            }
            let Some(pack) = pack_of(&self.facts(at)) else { continue };
            let strange = [quantity_units.get(at).filter(|unit| !pack.counts(unit)), dose_units.get(at).filter(|unit| !pack.doses(unit))];
            for unit in strange.into_iter().flatten() {
                let code = format!("{}/{unit}", codes.get(at).unwrap_or_default());
                told(Unlisted { name: names.get(at), ..of(UNIT, Cow::Owned(code)) });
            }
        }
    }

    fn no_doctor(&self, doctor: &str, institution: &str, day: i64) -> bool {
        self.snapshot.doctor(doctor, institution, day).filed.is_none()
    }

    /// The department under its institution, which alone gives its code a meaning.
    fn no_department(&self, department: &str, institution: &str, day: i64) -> Option<String> {
        let known = self.snapshot.department_licensed(institution, department, day) == Some(true);
        (!known).then(|| format!("{institution}/{department}"))
    }
}
