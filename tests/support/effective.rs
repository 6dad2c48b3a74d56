//! Words about clues as a reader of the clue topic finds them, the effective
//! clues they come to, and what planted cases are called in their evidence.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::io::memory::StoredRecord;
use claimsift::synth::Grade;
use claimsift::synth::TruthKey;
use serde::Deserialize;

/// One word about a clue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    pub clue_id: String,
    pub revision: u32,
    pub status: String,
    /// The bytes of the finding.
    pub finding: String,
    pub rule: String,
    pub result: String,
    /// Of a rule on trial: nobody acts on it.
    pub shadow: bool,
    /// Names of the events, lines and prescriptions in the evidence.
    pub names: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    finding: sonic_rs::LazyValue<'a>,
    provenance: Provenance,
}
#[derive(Deserialize)]
struct Provenance {
    revision: u32,
    status: String,
}
#[derive(Deserialize)]
struct Finding {
    clue_id: String,
    rule: Rule,
    result: String,
    evidence: Vec<Evidence>,
}
#[derive(Deserialize)]
struct Rule {
    id: String,
}
#[derive(Deserialize)]
struct Evidence {
    id: String,
    line: Option<String>,
    rx_no: Option<String>,
}

pub fn word(record: &Record) -> Word {
    let value = record.value.as_deref().expect("a clue has a body");
    let parts: Parts<'_> = sonic_rs::from_slice(value).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(value)));
    let finding = parts.finding.as_raw_str().to_owned();
    let read: Finding = sonic_rs::from_str(&finding).unwrap_or_else(|error| panic!("{error}: {finding}"));
    assert_eq!(record.key.as_deref(), Some(read.clue_id.as_bytes()), "the key of a clue is its id");
    let mut names = BTreeSet::new();
    for item in read.evidence {
        names.extend(item.line.iter().map(|line| format!("{}#{line}", item.id)));
        names.extend(item.rx_no.iter().map(|number| format!("rx {number}")));
        names.insert(item.id);
    }
    let Provenance { revision, status } = parts.provenance;
    let shadow = record.output == Output::Shadow;
    Word { clue_id: read.clue_id, revision, status, finding, rule: read.rule.id, result: read.result, shadow, names }
}

/// Words in the order of commits.
pub fn words(records: &[StoredRecord]) -> Vec<Word> {
    records.iter().map(|record| word(&record.record)).collect()
}

/// The last word on every clue that is not retracted, by clue id. On the way:
/// revisions of a clue are 1, 2, 3, ..., each told once and in this order.
pub fn effective(words: &[Word]) -> BTreeMap<String, Word> {
    let mut last: BTreeMap<&str, &Word> = BTreeMap::new();
    for word in words {
        let before = last.insert(&word.clue_id, word);
        let due = before.map_or(1, |before| before.revision + 1);
        assert_eq!(word.revision, due, "revision of clue {} of {} after {before:?}", word.clue_id, word.rule);
        let expect = if before.is_none() { word.status == "NEW" } else { word.status != "NEW" };
        assert!(expect, "{} {} r{} is told as {}", word.rule, word.clue_id, word.revision, word.status);
        assert!(
            word.status != "RETRACTED" || before.is_some_and(|before| before.status != "RETRACTED"),
            "{} {} is withdrawn twice",
            word.rule,
            word.clue_id
        );
    }
    last.into_values().filter(|word| word.status != "RETRACTED").map(|word| (word.clue_id.clone(), word.clone())).collect()
}

/// Where two sets of effective clues differ, for people; empty if nowhere.
pub fn differences(one: &BTreeMap<String, Word>, other: &BTreeMap<String, Word>) -> Vec<String> {
    let mut found = Vec::new();
    for (id, word) in one {
        match other.get(id) {
            None => found.push(format!("only in the first: {}", word.finding)),
            Some(twin) if twin.finding != word.finding => found.push(format!("differ:\n  {}\n  {}", word.finding, twin.finding)),
            Some(_) => {}
        }
    }
    found.extend(other.iter().filter(|(id, _)| !one.contains_key(*id)).map(|(_, word)| format!("only in the second: {}", word.finding)));
    found
}

/// What the evidence of a planted case's clue names.
pub fn name_of(key: &TruthKey) -> String {
    match key {
        TruthKey::Line { setl_id, feedetl_sn, .. } => format!("{setl_id}#{feedetl_sn}"),
        TruthKey::PrescriptionLine { hosp_rxno, line, .. } => format!("{hosp_rxno}#{line}"),
        TruthKey::Prescription { hosp_rxno, .. } => hosp_rxno.clone(),
        TruthKey::Supply { rx_no, .. } => format!("rx {rx_no}"),
        TruthKey::Settlement { setl_id } => setl_id.clone(),
    }
}

/// The word for a grade in a finding.
pub fn result_of(grade: Grade) -> &'static str {
    match grade {
        Grade::Clear => "clear",
        Grade::Suspected => "suspected",
    }
}
