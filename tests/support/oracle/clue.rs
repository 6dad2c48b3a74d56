//! A clue as far as both computations must agree on it, and what a clue topic
//! or file comes to.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;

use serde_json::Value;

use super::told::scaled;

/// A piece of evidence: event type, business id, line or nothing.
pub type Evidence = (String, String, String);

/// What a clue says it is about, in 分, and how sure the fund's part is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money {
    pub offending: Option<i128>,
    pub fund: Option<i128>,
    pub status: String,
}

impl Money {
    /// The fund's part is its share of what lies within the scope of insurance.
    /// Nothing is exact of a bill that is not paid by its items.
    pub fn of(offending: Option<i128>, paid: Option<i128>, scope: Option<i128>, by_item: bool, of_item: bool) -> Self {
        let share =
            |offending: i128, paid: i128, scope: i128| ((2 * offending.max(0) * paid.max(0) + scope) / (2 * scope)).min(paid.max(0));
        let fund = match (offending, paid, scope) {
            (None, ..) | (_, None, _) => None,
            (_, Some(0), _) => Some(0),
            (Some(offending), Some(paid), Some(scope)) if scope > 0 => Some(share(offending, paid, scope)),
            _ => None,
        };
        let status = match fund {
            None => "not_computable",
            Some(_) if by_item && (of_item || paid == Some(0)) => "exact",
            Some(_) => "estimated",
        };
        Self { offending, fund, status: status.to_owned() }
    }

    /// Where no bill says who paid.
    pub fn unbilled(offending: Option<i128>) -> Self {
        Self { offending, fund: None, status: "not_computable".to_owned() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Clue {
    pub rule: String,
    pub grade: String,
    pub evidence: Vec<Evidence>,
    pub money: Money,
    /// What was seen and what would have been right, in millionths.
    pub observed: Option<i128>,
    pub limit: Option<i128>,
}

impl Clue {
    pub fn new(rule: &str, clear: bool, mut evidence: Vec<Evidence>, money: Money) -> Self {
        evidence.sort();
        evidence.dedup();
        let grade = if clear { "clear" } else { "suspected" }.to_owned();
        Self { rule: rule.to_owned(), grade, evidence, money, observed: None, limit: None }
    }

    pub fn saying(self, observed: impl Into<Option<f64>>, limit: impl Into<Option<f64>>) -> Self {
        let millionths = |value: Option<f64>| value.map(|value| scaled(value, 6));
        Self { observed: millionths(observed.into()), limit: millionths(limit.into()), ..self }
    }
}

/// Effective clues from the records of a clue topic or file, in any order:
/// the last revision of each, unless withdrawn. Panics on a revision twice.
#[derive(Default)]
pub struct Effective {
    last: BTreeMap<String, (u64, Option<Clue>, String)>,
    seen: HashSet<(String, u64)>,
    pub withdrawn: usize,
}

impl Effective {
    pub fn add(&mut self, json: &[u8]) {
        let record: Value = serde_json::from_slice(json).unwrap();
        let (finding, provenance) = (&record["finding"], &record["provenance"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = text(&finding["clue_id"]);
        let revision = provenance["revision"].as_u64().unwrap();
        assert!(self.seen.insert((id.clone(), revision)), "revision {revision} of clue {id} stands twice");
        let evidence =
            finding["evidence"].as_array().unwrap().iter().map(|item| (text(&item["event"]), text(&item["id"]), text(&item["line"])));
        let number = |value: &Value, digits: i32| value.as_f64().map(|value| scaled(value, digits));
        let money = Money {
            offending: number(&finding["money"]["vola_amt"], 2),
            fund: number(&finding["money"]["fund_amt"], 2),
            status: text(&finding["money"]["vola_amt_stas"]),
        };
        let clue = Clue::new(&text(&finding["rule"]["id"]), finding["result"] == "clear", evidence.collect(), money);
        let clue = Clue { observed: number(&finding["observed"], 6), limit: number(&finding["limit"], 6), ..clue };
        let retracted = provenance["status"] == "RETRACTED";
        self.withdrawn += usize::from(retracted);
        let entry = self.last.entry(id).or_insert((0, None, String::new()));
        if revision > entry.0 {
            *entry = (revision, (!retracted).then_some(clue), finding.to_string());
        }
    }

    pub fn clues(&self) -> BTreeSet<Clue> {
        let clues: Vec<Clue> = self.last.values().filter_map(|entry| entry.1.clone()).collect();
        let set: BTreeSet<Clue> = clues.iter().cloned().collect();
        assert_eq!(set.len(), clues.len(), "two clues say the same");
        set
    }

    /// The findings themselves, by clue.
    pub fn findings(&self) -> BTreeMap<&str, &str> {
        self.last.iter().filter(|(_, entry)| entry.1.is_some()).map(|(id, entry)| (id.as_str(), entry.2.as_str())).collect()
    }
}

/// Panics with the differences, if there are any.
#[track_caller]
pub fn check_equal(found: &BTreeSet<Clue>, expected: &BTreeSet<Clue>) {
    let missing: Vec<&Clue> = expected.difference(found).collect();
    let wrong: Vec<&Clue> = found.difference(expected).collect();
    let tell = |clues: &[&Clue]| clues.iter().take(8).map(|clue| format!("\n    {clue:?}")).collect::<String>();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "{} clues, {} expected; {} missing:{}\n  {} not expected:{}",
        found.len(),
        expected.len(),
        missing.len(),
        tell(&missing),
        wrong.len(),
        tell(&wrong)
    );
}
