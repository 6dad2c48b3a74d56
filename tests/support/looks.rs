//! What a run concluded of each unit last, and whether that is what a batch says.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use claimsift::base::ids::ShardId;
use claimsift::engine::effects::Closing;
use claimsift::engine::effects::Looked;
use claimsift::engine::groups::period;
use claimsift::evaluators::ratio::Outcome;
use claimsift::reference::baseline_tables::Measure;
use claimsift::reference::baseline_tables::UnitKind;
use claimsift::runtime::worker::Observer;
use claimsift::stats::shrinkage::Decision;

use super::batch::Key;
use super::batch::Row;

pub fn kind(kind: UnitKind) -> &'static str {
    match kind {
        UnitKind::Institution => "institution",
        UnitKind::Department => "department",
        UnitKind::Doctor => "doctor",
    }
}

/// The units of the last look of each rule at each pane of each institution.
#[derive(Debug, Default)]
pub struct Looks(BTreeMap<[String; 3], BTreeMap<[String; 2], Outcome>>);

impl Looks {
    /// A look tells its units one after the other, the institution first.
    pub fn add(&mut self, looked: &[Looked]) {
        for looked in looked {
            let pane = self.0.entry([looked.rule.clone(), period(looked.span), looked.institution.to_string()]).or_default();
            if looked.unit_kind == UnitKind::Institution {
                pane.clear();
            }
            pane.insert([kind(looked.unit_kind).to_owned(), looked.unit.to_string()], looked.outcome.clone());
        }
    }

    pub fn units(&self) -> BTreeMap<Key, &Outcome> {
        let key = |[rule, pane, institution]: &[String; 3], [kind, unit]: &[String; 2]| {
            (rule.clone(), pane.clone(), institution.clone(), kind.clone(), unit.clone())
        };
        self.0.iter().flat_map(|(pane, units)| units.iter().map(move |(unit, outcome)| (key(pane, unit), outcome))).collect()
    }
}

/// Hears of the looks of several workers; those of a commit that was lost are
/// followed by others.
#[derive(Clone, Default)]
pub struct Listener {
    pub looks: Arc<Mutex<Looks>>,
}

impl Observer for Listener {
    fn closed(&mut self, _: ShardId, closing: &Closing) {
        self.looks.lock().unwrap().add(&closing.looked);
    }
}

/// How many units there were, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    pub units: usize,
    pub judged: usize,
    pub alert: usize,
    pub watch: usize,
}

fn close(a: f64, b: Option<f64>) -> bool {
    b.is_some_and(|b| (a - b).abs() <= 1e-9 * b.abs().max(1.0))
}

/// Half away from zero.
fn rounded(number: i128, by: i128) -> i128 {
    let half = if number < 0 { -by / 2 } else { by / 2 };
    (number + half) / by
}

/// Every unit of the one is a unit of the other, with equal numbers.
pub fn check_equal(looks: &Looks, rows: &BTreeMap<Key, Row>) -> Counted {
    let units = looks.units();
    let only = |found: Vec<&Key>| found.into_iter().take(5).cloned().collect::<Vec<_>>();
    assert_eq!(only(units.keys().filter(|key| !rows.contains_key(*key)).collect()), [], "no unit but those of the batch");
    let mut counted = Counted { units: units.len(), ..Counted::default() };
    for (key, row) in rows {
        let outcome = units.get(key).unwrap_or_else(|| panic!("{key:?} was not looked at: {row:?}"));
        let ratio = match outcome {
            Outcome::Unknown(reason) => {
                assert_eq!(Some(reason.name()), row.unknown.as_deref(), "{key:?}: {row:?}");
                continue;
            }
            Outcome::Judged(ratio) => ratio,
        };
        counted.judged += 1;
        counted.alert += usize::from(ratio.tier == Decision::Alert);
        counted.watch += usize::from(ratio.tier == Decision::Watch);
        assert_eq!(row.unknown, None, "{key:?}: {ratio:?}");
        let told = [ratio.n, ratio.observed, ratio.expected, ratio.variance, ratio.coverage.part, ratio.coverage.whole];
        let plain = [row.n, row.observed, row.expected, row.variance, row.n, row.cases].map(i128::from);
        assert_eq!(told, plain, "{key:?}");
        assert_eq!([ratio.completeness.part, ratio.completeness.whole], [row.told, row.due].map(i128::from), "{key:?}");
        assert!(close(ratio.ratio, row.ratio), "{key:?}: {} and {row:?}", ratio.ratio);
        assert!(ratio.raw.is_none_or(|raw| close(raw, row.raw)) && ratio.raw.is_some() == row.raw.is_some(), "{key:?}: {row:?}");
        // From the shrunken ratio as it is printed.
        let steps = (ratio.judgment.eb_mean * 1e4).round() as i128 - 10_000;
        assert_eq!(ratio.excess, rounded(steps * i128::from(row.expected), 10_000), "{key:?}");
        if ratio.measure != Measure::OverShare {
            let effective = (row.expected as f64).powi(2) / row.variance as f64;
            assert!(close(ratio.effective, Some(effective)), "{key:?}: {} and {effective}", ratio.effective);
        }
    }
    counted
}
