//! Published knowledge points about single items: sex, age, setting, level of
//! institution, kind of insurance, delivery fees, online consultations.
//!
//! The lists are closed: an item with a code that no list names is not
//! limited. An item without a code is unknown.

use std::collections::BTreeMap;
use std::collections::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::reference::code;
use crate::reference::sheet::Sheet;
use crate::reference::validity::Dated;
use crate::reference::validity::Keys;
use crate::reference::validity::Place;
use crate::reference::validity::Validity;

pub const COLUMNS: &[&str] = &["kind", "code", "value", "name", "valid_from", "valid_to", "source"];

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

/// The kinds, and the words of their values.
type Kind = (PointKind, &'static [(&'static str, u8)]);

const LISTED: &[(&str, u8)] = &[("", 0)];

const KIND_WORDS: &[(&str, Kind)] = &[
    ("sex", (PointKind::Sex, &[("1", 1), ("2", 2)])),
    ("child", (PointKind::Child, LISTED)),
    ("delivery_fee", (PointKind::DeliveryFee, LISTED)),
    ("online_item", (PointKind::OnlineItem, LISTED)),
    ("service_age", (PointKind::ServiceAge, &[("newborn", 1), ("infant", 2), ("child", 3)])),
    ("inpatient", (PointKind::Inpatient, LISTED)),
    ("level", (PointKind::Level, &[("2", 2), ("3", 3)])),
    ("insurance", (PointKind::Insurance, &[("work_injury", 1), ("maternity", 2)])),
];

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
        let mut keys = Keys::default();
        let mut prefix_rows = BTreeMap::<(PointKind, String), Vec<(Validity, u8, Place)>>::new();
        for row in sheets.iter().flat_map(Sheet::rows) {
            let kind = row.choice("kind", KIND_WORDS, diagnostics);
            let validity = row.validity(diagnostics);
            let value = kind.and_then(|(_, words)| row.choice("value", words, diagnostics));
            let kind = kind.map(|(kind, _)| kind);
            let text = row.text("code");
            let (code, prefix) = text.strip_suffix('*').map_or((text, false), |prefix| (prefix, true));
            let known = if prefix { code::is_prefix(code, code::ITEM_KINDS) } else { code::kind_of(code, code::ITEM_KINDS).is_some() };
            if !known {
                let help = "Write a whole national code (X 23, Z 20, C 20 characters, services 15 digits) or the start of one and `*`.";
                row.report("code", format!("`{text}` is no national code"), help, diagnostics);
            }
            let (Some(kind), Some(validity), Some(value), true) = (kind, validity, value, known) else { continue };
            keys.add(format!("{} {text}", row.text("kind")), validity, row.place("code"));
            let point = (kind, Dated::new(validity, value));
            if prefix {
                built.longest_prefix = built.longest_prefix.max(code.len());
                built.prefixes.entry(code.to_owned()).or_default().push(point);
                prefix_rows.entry((kind, code.to_owned())).or_default().push((validity, value, row.place("code")));
            } else {
                built.exact.entry(code.to_owned()).or_default().push(point);
            }
        }
        keys.report_overlaps(diagnostics);
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
