//! Controlled drugs: which class a catalogue code or a name belongs to on a day.
//!
//! Order of matching: longest code prefix, then the exact normal form of the
//! generic name with its dosage form. A name that merely contains a listed
//! substance is *unclassified*, never that substance: nobody is accused by a
//! substring, and nobody is cleared by one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::reference::code;
use crate::reference::drug_name::DOSAGE_FORM_WORDS;
use crate::reference::drug_name::DosageForm;
use crate::reference::drug_name::DrugName;
use crate::reference::drug_name::form_of_code;
use crate::reference::sheet::Row;
use crate::reference::sheet::Sheet;
use crate::reference::validity::Dated;
use crate::reference::validity::Keys;
use crate::reference::validity::Place;
use crate::reference::validity::Validity;

pub const COLUMNS: &[&str] = &[
    "code_prefix",
    "generic_name",
    "dosage_form",
    "class",
    "single_or_compound",
    "strength_max_mg",
    "valid_from",
    "valid_to",
    "source",
    "verified",
];

/// Class of special management. `NotSpecial` is a statement, not a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecialClass {
    Narcotic,
    PsychotropicOne,
    PsychotropicTwo,
    Toxic,
    Radioactive,
    Precursor,
    NotSpecial,
}

const CLASS_WORDS: &[(&str, SpecialClass)] = &[
    ("NARC", SpecialClass::Narcotic),
    ("PSY1", SpecialClass::PsychotropicOne),
    ("PSY2", SpecialClass::PsychotropicTwo),
    ("TOXIC", SpecialClass::Toxic),
    ("RADIO", SpecialClass::Radioactive),
    ("PRECURSOR", SpecialClass::Precursor),
    ("NONE", SpecialClass::NotSpecial),
];

impl SpecialClass {
    /// The word that rules and tables use.
    pub fn word(self) -> &'static str {
        CLASS_WORDS.iter().find(|(_, class)| *class == self).map_or("NONE", |(word, _)| word)
    }
}

/// Classes of one item, first match first; `None` says unclassified.
pub type Classes = Vec<Dated<Option<SpecialClass>>>;

#[derive(Debug, Default)]
pub struct SpecialDrugs {
    prefixes: HashMap<String, Vec<Dated<SpecialClass>>>,
    names: HashMap<String, Vec<NameEntry>>,
    /// Normal forms of listed substances whose preparations are controlled.
    listed: Vec<String>,
    longest_prefix: usize,
}

#[derive(Clone, Copy, Debug)]
struct NameEntry {
    form: Option<DosageForm>,
    class: SpecialClass,
    validity: Validity,
}

impl SpecialDrugs {
    pub fn build(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut built = Self::default();
        let mut keys = Keys::default();
        let mut listed = BTreeSet::new();
        let mut prefix_rows = BTreeMap::<String, Vec<(Validity, SpecialClass, Place)>>::new();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let class = row.choice("class", CLASS_WORDS, diagnostics);
            row.choice("single_or_compound", &[("single", ()), ("compound", ())], diagnostics);
            row.decimal("strength_max_mg", 3, diagnostics);
            row.flag("verified", diagnostics);
            row.required("source", diagnostics);
            let validity = row.validity(diagnostics);
            let Some((key, form)) = entry_key(row, diagnostics) else { continue };
            let (Some(class), Some(validity)) = (class, validity) else { continue };
            match key {
                EntryKey::Prefix(prefix) => {
                    keys.add(prefix.to_owned(), validity, row.place("code_prefix"));
                    prefix_rows.entry(prefix.to_owned()).or_default().push((validity, class, row.place("code_prefix")));
                    built.longest_prefix = built.longest_prefix.max(prefix.len());
                    built.prefixes.entry(prefix.to_owned()).or_default().push(Dated::new(validity, class));
                }
                EntryKey::Name(name) => {
                    let name = DrugName::new(name).whole;
                    keys.add(format!("{name} {}", row.text("dosage_form")), validity, row.place("generic_name"));
                    let finished = !matches!(form, Some(DosageForm::RawMaterial | DosageForm::Herb));
                    if class != SpecialClass::NotSpecial && finished && name.chars().count() > 1 {
                        listed.insert(name.clone());
                    }
                    built.names.entry(name).or_default().push(NameEntry { form, class, validity });
                }
            }
        }
        keys.report_overlaps(diagnostics);
        report_shadowing(&prefix_rows, diagnostics);
        built.listed = listed.into_iter().collect();
        built
    }

    /// Everything the tables say about an item, first match first. Where no
    /// entry is in force the second value holds: `None` unclassified.
    pub fn resolve(&self, code: Option<&str>, name: Option<&str>, form: Option<DosageForm>) -> (Classes, Option<SpecialClass>) {
        let mut classes = Classes::new();
        for length in (1..=code.map_or(0, str::len).min(self.longest_prefix)).rev() {
            let rows = code.and_then(|code| code.get(..length)).and_then(|prefix| self.prefixes.get(prefix));
            classes.extend(rows.into_iter().flatten().map(|row| Dated::new(row.validity, Some(row.value))));
        }
        if code.is_some_and(|code| code::kind_of(code, code::ITEM_KINDS).is_some_and(|kind| !code::DRUG_KINDS.contains(&kind))) {
            // A service or a consumable, whatever drug its name speaks of.
            return (classes, Some(SpecialClass::NotSpecial));
        }
        let Some(name) = name else { return (classes, None) };
        let name = DrugName::new(name);
        let form = form.or(name.form).or_else(|| code.and_then(code::dosage_form).and_then(form_of_code));
        if let Some(entries) = self.names.get(&name.whole).or_else(|| self.names.get(&name.stem)) {
            classes.extend(by_form(entries, form));
        }
        let contains_listed = self.listed.iter().any(|listed| name.whole.contains(listed.as_str()));
        (classes, (!contains_listed).then_some(SpecialClass::NotSpecial))
    }
}

enum EntryKey<'a> {
    Prefix(&'a str),
    Name(&'a str),
}

fn entry_key<'a>(row: Row<'a>, diagnostics: &mut Vec<Diagnostic>) -> Option<(EntryKey<'a>, Option<DosageForm>)> {
    let form = match row.optional("dosage_form") {
        None => None,
        Some(_) => Some(row.choice("dosage_form", DOSAGE_FORM_WORDS, diagnostics)?),
    };
    match (row.optional("code_prefix"), row.optional("generic_name")) {
        (Some(prefix), None) if !code::is_prefix(prefix, code::DRUG_KINDS) => {
            let help = "A prefix starts like `XN02ABF027` (western drugs) or `ZA04CAE0023` (patent medicines).";
            row.report("code_prefix", format!("`{prefix}` starts no drug code"), help, diagnostics);
            None
        }
        (Some(_), None) if form.is_some() => {
            let help = "A code already tells the form: lengthen the prefix instead.";
            row.report("dosage_form", "a dosage form beside a code prefix", help, diagnostics);
            None
        }
        (Some(prefix), None) => Some((EntryKey::Prefix(prefix), None)),
        (None, Some(name)) => Some((EntryKey::Name(name), form)),
        _ => {
            row.report("code_prefix", "neither or both of code_prefix and generic_name", "Fill in exactly one of the two.", diagnostics);
            None
        }
    }
}

/// Entries that may answer for a name in `form`, the more exact first. With an
/// unknown form an entry for one form that says otherwise than the entry for
/// all forms makes the item unclassified while it is in force.
fn by_form(entries: &[NameEntry], form: Option<DosageForm>) -> Classes {
    let general: Vec<&NameEntry> = entries.iter().filter(|entry| entry.form.is_none()).collect();
    let mut classes: Classes = match form {
        Some(form) => {
            entries.iter().filter(|entry| entry.form == Some(form)).map(|entry| Dated::new(entry.validity, Some(entry.class))).collect()
        }
        None => entries
            .iter()
            .filter_map(|entry| match entry.form? {
                // A crude herb is sold under its bare name.
                DosageForm::Herb => Some(Dated::new(entry.validity, Some(entry.class))),
                _ if general.iter().any(|all| all.class == entry.class && all.validity.covers(entry.validity)) => None,
                _ => Some(Dated::new(entry.validity, None)),
            })
            .collect(),
    };
    classes.extend(general.iter().map(|entry| Dated::new(entry.validity, Some(entry.class))));
    classes
}

/// A longer prefix that says what a shorter one already says is a mistake or
/// a leftover.
fn report_shadowing(rows: &BTreeMap<String, Vec<(Validity, SpecialClass, Place)>>, diagnostics: &mut Vec<Diagnostic>) {
    for (prefix, own) in rows {
        for (validity, class, place) in own {
            let shorter = (1..prefix.len()).rev().find_map(|length| Some((prefix.get(..length)?, rows.get(prefix.get(..length)?)?)));
            let Some((short, others)) = shorter else { continue };
            if others.iter().any(|(other, same, _)| same == class && other.overlaps(*validity)) {
                diagnostics.push(
                    Diagnostic::new(&place.source, place.span.clone(), format!("prefix `{prefix}` says the same as `{short}`"))
                        .help("Remove it, or date it so that it differs from the shorter prefix."),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Civil;
    use crate::reference::snapshot::tests::shipped;

    fn day(text: &str) -> i64 {
        Civil::parse(text).unwrap().day()
    }

    #[track_caller]
    fn check(name: &str, form: Option<&str>, at: &str, expect: Option<&str>) {
        let item = shipped().resolve_item(None, Some(name), form);
        assert_eq!(item.at(day(at)).special_class.map(SpecialClass::word), expect, "{name} on {at}");
    }

    #[track_caller]
    fn check_code(code: &str, at: &str, expect: Option<&str>) {
        let item = shipped().resolve_item(Some(code), None, None);
        assert_eq!(item.at(day(at)).special_class.map(SpecialClass::word), expect, "{code} on {at}");
    }

    #[test]
    fn listed_names_have_their_class_whatever_salt_or_spelling() {
        for (name, class) in [
            ("盐酸吗啡片", "NARC"),
            ("硫酸吗啡缓释片", "NARC"),
            ("盐酸哌醋甲酯片", "PSY1"),
            ("酒石酸唑吡坦片", "PSY2"),
            ("氯氮䓬片", "PSY2"),
            ("苯巴比妥钠注射液", "PSY2"),
            ("盐酸麻黄碱注射液", "PRECURSOR"),
            ("生半夏", "TOXIC"),
            ("亚砷酸氯化钠注射液", "TOXIC"),
            ("注射用A型肉毒毒素", "TOXIC"),
            ("氟[18F]脱氧葡糖注射液", "RADIO"),
            ("麦角胺咖啡因片", "PSY2"),
            ("阿片酊", "NARC"),
        ] {
            check(name, None, "2026-03-10", Some(class));
        }
    }

    #[test]
    fn look_alikes_are_quiet() {
        for name in [
            "盐酸阿扑吗啡舌下片",
            "盐酸罂粟碱注射液",
            "复方甘草片",
            "复方氢溴酸右美沙芬糖浆",
            "右美沙芬愈创甘油醚糖浆",
            "酚麻美敏片",
            "氨酚双氢可待因片",
            "氨咖黄敏胶囊",
            "复方盐酸伪麻黄碱缓释胶囊",
            "氨酚伪麻片",
            "依托咪酯乳状注射液",
            "硫酸阿托品滴眼液",
            "硝酸毛果芸香碱滴眼液",
            "硫酸阿托品注射液",
            "法半夏",
            "牛黄解毒片",
            "复方雄黄丸",
            "阿莫西林胶囊",
        ] {
            check(name, None, "2026-03-10", Some("NONE"));
        }
    }

    #[test]
    fn a_listed_name_inside_another_name_is_unclassified() {
        for name in ["吗啡阿托品注射液", "复方福尔可定口服溶液", "氨酚可待因片"] {
            check(name, None, "2026-03-10", None);
        }
        // Before the compound was listed nothing is known about it.
        check("丁丙诺啡纳洛酮舌下片", None, "2019-08-31", None);
    }

    #[test]
    fn classes_change_on_their_day() {
        for (name, listed, before, after) in [
            ("复方磷酸可待因口服溶液", "2015-05-01", Some("NONE"), "PSY2"),
            ("氨酚羟考酮片", "2019-09-01", Some("NONE"), "PSY2"),
            ("丁丙诺啡纳洛酮舌下片", "2019-09-01", None, "PSY2"),
            ("注射用苯磺酸瑞马唑仑", "2020-01-01", Some("NONE"), "PSY2"),
            ("氨酚曲马多片", "2023-07-01", Some("NONE"), "PSY2"),
            ("富马酸奥赛利定注射液", "2023-07-01", Some("NONE"), "NARC"),
            ("莫达非尼片", "2023-10-01", Some("PSY1"), "PSY2"),
            ("复方地芬诺酯片", "2024-07-01", Some("NONE"), "PSY2"),
            ("氢溴酸右美沙芬片", "2024-07-01", Some("NONE"), "PSY2"),
            ("咪达唑仑注射液", "2024-07-01", Some("PSY2"), "PSY1"),
            ("马来酸咪达唑仑片", "2024-07-01", Some("PSY2"), "PSY2"),
        ] {
            let eve = day(listed) - 1;
            let item = shipped().resolve_item(None, Some(name), None);
            assert_eq!(item.at(eve).special_class.map(SpecialClass::word), before, "{name} the day before {listed}");
            assert_eq!(item.at(day(listed)).special_class.map(SpecialClass::word), Some(after), "{name} on {listed}");
        }
    }

    #[test]
    fn form_decides_where_the_list_says_so() {
        check("丁丙诺啡", Some("透皮贴剂"), "2026-03-10", Some("PSY2"));
        check("丁丙诺啡舌下片", None, "2026-03-10", Some("PSY1"));
        check("咪达唑仑", Some("注射剂"), "2026-03-10", Some("PSY1"));
        check("咪达唑仑", None, "2026-03-10", None);
        check("硫酸阿托品", Some("原料药"), "2026-03-10", Some("TOXIC"));
        check("硫酸阿托品", None, "2026-03-10", None);
    }

    #[test]
    fn codes_come_before_names_and_the_longest_prefix_wins() {
        check_code("XN02ABF027V001010112345", "2026-03-10", Some("NARC"));
        check_code("XN02AXD131V001010112345", "2026-03-10", Some("PSY2"));
        check_code("XN02AXD131A003010112345", "2026-03-10", Some("PSY1"));
        check_code("XN05CDM084X001010112345", "2026-03-10", Some("PSY2"));
        check_code("XN05CDM084B002010112345", "2024-06-30", Some("PSY2"));
        check_code("XN05CDM084B002010112345", "2024-07-01", Some("PSY1"));
        check_code("XG04BEA048A003010112345", "2026-03-10", Some("NONE"));
        // No name, no entry: unknown.
        check_code("XJ01CAA777E001010112345", "2026-03-10", None);
        let odd = shipped().resolve_item(Some("XN02ABF027V001010112345"), Some("阿莫西林胶囊"), None);
        assert_eq!(odd.at(day("2026-03-10")).special_class, Some(SpecialClass::Narcotic));
        // A laboratory test that names a drug is no drug.
        let test = shipped().resolve_item(Some("002503090100000"), Some("吗啡定性试验"), None);
        assert_eq!(test.at(day("2026-03-10")).special_class, Some(SpecialClass::NotSpecial));
    }
}
