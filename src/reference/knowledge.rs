//! Published knowledge points about single items: sex, age, setting, level of
//! institution, kind of insurance, delivery fees, online consultations.
//!
//! The lists are closed: an item with a code that no list names is not
//! limited. An item without a code is unknown.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::reference::sheet::Sheet;
use crate::reference::tables::Key;
use crate::reference::tables::Kind;
use crate::reference::tables::SOURCE;
use crate::reference::tables::Table;
use crate::reference::tables::VALID_FROM;
use crate::reference::tables::VALID_TO;
use crate::reference::tables::col;
use crate::reference::validity::Dated;
use crate::reference::validity::Place;
use crate::reference::validity::Validity;

pub static TABLE: Table = Table {
    name: "knowledge_points",
    zh: "知识点",
    en: "Published limits of single items. The lists are closed: an item that no row names is not limited.",
    columns: &[
        col("kind", Kind::Word(&KIND_WORDS), "知识点类别", "what is limited"),
        col("code", Kind::ItemOrPrefix, "医疗目录编码", "item, or the start of a code and `*`; the more exact row wins").asked(),
        col("value", Kind::WordOf { column: "kind", words: words_of }, "取值", "the limit: 1 men only, 2 women only; least level; ...")
            .may_be_empty(),
        col("name", Kind::Text, "名称", "the item's name, for people").may_be_empty(),
        VALID_FROM,
        VALID_TO,
        SOURCE,
    ],
    key: Key::Cells(&["kind", "code"]),
    example: "sex,00210103030*,2,子宫造影,2025-05-26,,国家医保局两库知识点第一批 2025-05",
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PointKind {
    /// Value 1: men only, 2: women only.
    Sex,
    /// For children.
    Child,
    /// A delivery fee, which the fund never pays.
    DeliveryFee,
    /// An online consultation.
    OnlineItem,
    /// A service for an age: place in [`AGES`].
    ServiceAge,
    /// Paid for inpatients only.
    Inpatient,
    /// Paid from this band of institution on: 2 or 3.
    Level,
    /// Paid by another insurance: place in [`INSURANCES`].
    Insurance,
}

/// Ages that services are published for; 0 stands for none.
pub const AGES: [&str; 4] = ["none", "newborn", "infant", "child"];
/// Insurances that drugs are published for; 0 stands for none.
pub const INSURANCES: [&str; 3] = ["none", "work_injury", "maternity"];

/// A kind, and the words of its values.
type PointWords = (PointKind, &'static [(&'static str, u8)]);

const LISTED: &[(&str, u8)] = &[("", 0)];

const KIND_WORDS: &[(&str, PointWords)] = &[
    ("sex", (PointKind::Sex, &[("1", 1), ("2", 2)])),
    ("child", (PointKind::Child, LISTED)),
    ("delivery_fee", (PointKind::DeliveryFee, LISTED)),
    ("online_item", (PointKind::OnlineItem, LISTED)),
    ("service_age", (PointKind::ServiceAge, &[("newborn", 1), ("infant", 2), ("child", 3)])),
    ("inpatient", (PointKind::Inpatient, LISTED)),
    ("level", (PointKind::Level, &[("2", 2), ("3", 3)])),
    ("insurance", (PointKind::Insurance, &[("work_injury", 1), ("maternity", 2)])),
];

/// The values that a kind may have.
fn words_of(kind: &str) -> Option<Vec<&'static str>> {
    let (_, (_, words)) = KIND_WORDS.iter().find(|(word, _)| *word == kind)?;
    Some(words.iter().map(|(word, _)| *word).filter(|word| !word.is_empty()).collect())
}

/// What the lists say about one code: the kind, the value (0 without one) and
/// the days, the more exact entry of a kind first.
pub type Points = Vec<(PointKind, Dated<u8>)>;

#[derive(Debug, Default)]
pub struct KnowledgePoints {
    exact: HashMap<String, Points>,
    prefixes: HashMap<String, Points>,
    longest_prefix: usize,
}

impl KnowledgePoints {
    pub fn build(sheets: &[Sheet], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut built = Self::default();
        let mut prefix_rows = BTreeMap::<(PointKind, String), Vec<(Validity, u8, Place)>>::new();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let (validity, text) = (row.validity(), row.sound("code"));
            let Some((kind, words)) = row.choice("kind", KIND_WORDS) else { continue };
            let value = words.iter().find(|(word, _)| *word == row.text("value")).map(|(_, value)| *value);
            if value.is_none() && row.text("value").is_empty() {
                row.report("value", "`value` is empty", format!("A row of `{}` needs it.", row.text("kind")), diagnostics);
            }
            let (Some(validity), Some(value), Some(text)) = (validity, value, text) else { continue };
            let (code, prefix) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
            let point = (kind, Dated::new(validity, value));
            if prefix {
                built.longest_prefix = built.longest_prefix.max(code.len());
                built.prefixes.entry(code.to_owned()).or_default().push(point);
                prefix_rows.entry((kind, code.to_owned())).or_default().push((validity, value, row.place("code")));
            } else {
                built.exact.entry(code.to_owned()).or_default().push(point);
            }
        }
        report_shadowing(&prefix_rows, diagnostics);
        built
    }

    pub fn resolve(&self, code: &str) -> Points {
        let mut points: Points = self.exact.get(code).into_iter().flatten().cloned().collect();
        for length in (1..=code.len().min(self.longest_prefix)).rev() {
            let found = code.get(..length).and_then(|prefix| self.prefixes.get(prefix));
            points.extend(found.into_iter().flatten().cloned());
        }
        points
    }
}

fn report_shadowing(rows: &BTreeMap<(PointKind, String), Vec<(Validity, u8, Place)>>, diagnostics: &mut Vec<Diagnostic>) {
    for ((kind, prefix), own) in rows {
        for (validity, value, place) in own {
            let same = |short: &str| {
                let others = rows.get(&(*kind, short.to_owned()));
                others.is_some_and(|others| others.iter().any(|(other, same, _)| same == value && other.overlaps(*validity)))
            };
            if let Some(short) = (1..prefix.len()).filter_map(|length| prefix.get(..length)).find(|short| same(short)) {
                diagnostics.push(
                    Diagnostic::new(&place.source, place.span.clone(), format!("prefix `{prefix}*` says the same as `{short}*`"))
                        .help("Remove it, or date it so that it differs from the shorter prefix."),
                );
            }
        }
    }
}
