//! Controlled drugs: which class a catalogue code or a name belongs to on a day.
//!
//! Order of matching: longest code prefix, then the exact normal form of the
//! generic name with its dosage form. A name that merely contains a listed
//! substance is *unclassified*, never that substance: nobody is accused by a
//! substring, and nobody is cleared by one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use hashbrown::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::reference::code;
use crate::reference::drug_name::DOSAGE_FORM_WORDS;
use crate::reference::drug_name::DosageForm;
use crate::reference::drug_name::DrugName;
use crate::reference::drug_name::form_of_code;
use crate::reference::sheet::Row;
use crate::reference::sheet::Sheet;
use crate::reference::tables::Column;
use crate::reference::tables::Key;
use crate::reference::tables::Kind;
use crate::reference::tables::Need;
use crate::reference::tables::SOURCE;
use crate::reference::tables::Table;
use crate::reference::tables::VALID_FROM;
use crate::reference::tables::VALID_TO;
use crate::reference::tables::col;
use crate::reference::validity::Dated;
use crate::reference::validity::Keys;
use crate::reference::validity::Validity;

pub static TABLE: Table = Table {
    name: "special_drug",
    zh: "特殊管理药品",
    en: "Classes of controlled drugs. A row has a code prefix or a generic name; `NONE` says that a look-alike is not controlled.",
    columns: &[
        col("code_prefix", Kind::DrugPrefix, "编码前缀", "start of the drug's code; the longest prefix in force wins")
            .may_be_empty()
            .asked(),
        col("generic_name", Kind::Text, "通用名", "generic name; salts and spellings are folded").may_be_empty(),
        col("dosage_form", Kind::Word(&DOSAGE_FORM_WORDS), "剂型", "narrows a name to one form").may_be_empty(),
        col("class", Kind::Word(&CLASS_WORDS), "管理类别", "class of special management"),
        col("single_or_compound", Kind::Word(&MAKE_WORDS), "单方或复方", "for people"),
        col("strength_max_mg", Kind::Number { places: 3, unit: "mg" }, "规格上限", "strength up to which the list says so, for people")
            .may_be_empty(),
        VALID_FROM,
        VALID_TO,
        Column { need: Need::Filled, ..SOURCE },
        col("verified", Kind::Flag, "已核对", "1: the wording of the listing document itself was seen"),
        col("narrows", Kind::DrugPrefix, "例外于", "the shorter prefix of another class that this row is meant to take drugs out of")
            .may_be_missing(),
    ],
    key: Key::Own("the code prefix, or the folded name and dosage form"),
    example: "XN02AXD131V,,,PSY2,single,,2013-11-11,,麻醉药品和精神药品品种目录（2013年版）,0,XN02AXD131",
};

const MAKE_WORDS: &[(&str, ())] = &[("single", ()), ("compound", ())];

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
        let mut prefix_rows = PrefixRows::new();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let (class, validity) = (row.choice("class", CLASS_WORDS), row.validity());
            let Some((key, form)) = entry_key(row, diagnostics) else { continue };
            let (Some(class), Some(validity)) = (class, validity) else { continue };
            match key {
                EntryKey::Prefix(prefix) => {
                    keys.add(vec![prefix.to_owned()], validity, row.place("code_prefix"));
                    prefix_rows.entry(prefix).or_default().push((validity, class, row));
                    built.longest_prefix = built.longest_prefix.max(prefix.len());
                    built.prefixes.entry(prefix.to_owned()).or_default().push(Dated::new(validity, class));
                }
                EntryKey::Name(name) => {
                    let name = DrugName::new(name).whole;
                    keys.add(vec![name.clone(), row.text("dosage_form").to_owned()], validity, row.place("generic_name"));
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
        let (matches, otherwise) = self.matches(code, name, form);
        (matches.into_iter().map(|found| Dated::new(found.validity, found.class)).collect(), otherwise)
    }

    /// The same, with how each entry was found.
    pub fn matches(&self, code: Option<&str>, name: Option<&str>, form: Option<DosageForm>) -> (Vec<Match>, Option<SpecialClass>) {
        let mut matches = Vec::new();
        for length in (1..=code.map_or(0, str::len).min(self.longest_prefix)).rev() {
            let Some(prefix) = code.and_then(|code| code.get(..length)) else { continue };
            let rows = self.prefixes.get(prefix).into_iter().flatten();
            let found =
                |row: &Dated<SpecialClass>| Match { how: How::Prefix(prefix.to_owned()), validity: row.validity, class: Some(row.value) };
            matches.extend(rows.map(found));
        }
        if code.is_some_and(|code| code::kind_of(code, code::ITEM_KINDS).is_some_and(|kind| !code::DRUG_KINDS.contains(&kind))) {
            // A service or a consumable, whatever drug its name speaks of.
            return (matches, Some(SpecialClass::NotSpecial));
        }
        let Some(name) = name else { return (matches, None) };
        let name = DrugName::new(name);
        let form = form.or(name.form).or_else(|| code.and_then(code::dosage_form).and_then(form_of_code));
        let entries = [&name.whole, &name.stem].into_iter().find_map(|spelling| Some((spelling, self.names.get(spelling)?)));
        if let Some((spelling, entries)) = entries {
            let found = |(entry, class): (NameEntry, Option<SpecialClass>)| Match {
                how: How::Name { spelling: spelling.clone(), form: entry.form },
                validity: entry.validity,
                class,
            };
            matches.extend(by_form(entries, form).into_iter().map(found));
        }
        let contains_listed = self.listed.iter().any(|listed| name.whole.contains(listed.as_str()));
        (matches, (!contains_listed).then_some(SpecialClass::NotSpecial))
    }
}

/// An entry that may answer for an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub how: How,
    pub validity: Validity,
    /// `None`: the entry only makes the item unclassified.
    pub class: Option<SpecialClass>,
}

/// By what an entry was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    Prefix(String),
    /// The folded name, and the form that the entry asks for.
    Name {
        spelling: String,
        form: Option<DosageForm>,
    },
}

impl How {
    /// Whether a row of the table is the entry, its days aside.
    pub fn is_row(&self, row: Row<'_>) -> bool {
        match self {
            Self::Prefix(prefix) => row.text("code_prefix") == prefix,
            Self::Name { spelling, form } => {
                row.optional("generic_name").is_some_and(|name| DrugName::new(name).whole == *spelling)
                    && row.choice("dosage_form", DOSAGE_FORM_WORDS) == *form
            }
        }
    }
}

enum EntryKey<'a> {
    Prefix(&'a str),
    Name(&'a str),
}

fn entry_key<'a>(row: Row<'a>, diagnostics: &mut Vec<Diagnostic>) -> Option<(EntryKey<'a>, Option<DosageForm>)> {
    let form = row.choice("dosage_form", DOSAGE_FORM_WORDS);
    if form.is_none() && row.optional("dosage_form").is_some() {
        return None;
    }
    match (row.optional("code_prefix"), row.optional("generic_name")) {
        (Some(_), None) if form.is_some() => {
            let help = "A code already tells the form: lengthen the prefix instead.";
            row.report("dosage_form", "a dosage form beside a code prefix", help, diagnostics);
            None
        }
        (Some(_), None) => Some((EntryKey::Prefix(row.sound("code_prefix")?), None)),
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
fn by_form(entries: &[NameEntry], form: Option<DosageForm>) -> Vec<(NameEntry, Option<SpecialClass>)> {
    let general: Vec<&NameEntry> = entries.iter().filter(|entry| entry.form.is_none()).collect();
    let mut found: Vec<(NameEntry, Option<SpecialClass>)> = match form {
        Some(form) => entries.iter().filter(|entry| entry.form == Some(form)).map(|entry| (*entry, Some(entry.class))).collect(),
        None => entries
            .iter()
            .filter_map(|entry| match entry.form? {
                // A crude herb is sold under its bare name.
                DosageForm::Herb => Some((*entry, Some(entry.class))),
                _ if general.iter().any(|all| all.class == entry.class && all.validity.covers(entry.validity)) => None,
                _ => Some((*entry, None)),
            })
            .collect(),
    };
    found.extend(general.iter().map(|entry| (**entry, Some(entry.class))));
    found
}

type PrefixRows<'a> = BTreeMap<&'a str, Vec<(Validity, SpecialClass, Row<'a>)>>;

/// A longer prefix that says what a shorter one already says is a mistake or a
/// leftover. One that says something else takes drugs out of a list, so it must
/// name the shorter prefix: nobody shall do that by a slip.
fn report_shadowing(rows: &PrefixRows<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for (prefix, own) in rows {
        for (validity, class, row) in own {
            let others = |short: &str| rows.get(short).into_iter().flatten().filter(|(other, ..)| other.overlaps(*validity));
            let shorter = (1..prefix.len()).rev().filter_map(|length| prefix.get(..length)).find(|short| others(short).next().is_some());
            let narrows = row.sound("narrows");
            let Some(short) = shorter else {
                if let Some(narrows) = narrows {
                    let help = "Name the next shorter prefix that holds on the same days, or leave the cell empty.";
                    row.report("narrows", format!("no row of `{narrows}` holds on these days"), help, diagnostics);
                }
                continue;
            };
            if others(short).any(|(_, other, _)| other == class) {
                let help = "Remove it, or date it so that it differs from the shorter prefix.";
                row.report("code_prefix", format!("prefix `{prefix}` says the same as `{short}`"), help, diagnostics);
            } else if narrows != Some(short)
                && let Some((_, other, _)) = others(short).next()
            {
                let message = format!("prefix `{prefix}` shadows `{short}`, which says {}", other.word());
                let help =
                    format!("Write `{short}` into `narrows` if the drugs of `{prefix}` are meant to be an exception, else remove the row.");
                row.report("code_prefix", message, help, diagnostics);
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
