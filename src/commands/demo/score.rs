//! Compares clues with what was planted: cases by what their evidence names,
//! groups by the unit that a clue is about.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::io::memory::StoredRecord;
use crate::reference::baseline_tables::UnitKind;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::RuleDoc;
use crate::synth::GroupKind;
use crate::synth::GroupTruth;
use crate::synth::Truth;
use crate::synth::TruthKey;
use crate::synth::TruthKind;

/// The last word on a clue, as far as planted cases are told by it.
#[derive(serde::Deserialize)]
struct Clue {
    finding: ClueFinding,
    provenance: ClueProvenance,
}
#[derive(serde::Deserialize)]
struct ClueFinding {
    clue_id: String,
    rule: ClueRule,
    subject: ClueSubject,
    evidence: Vec<ClueEvidence>,
}
#[derive(serde::Deserialize)]
struct ClueSubject {
    fixmedins_code: Option<String>,
    department: Option<String>,
    doctor: Option<String>,
}
#[derive(serde::Deserialize)]
struct ClueRule {
    id: String,
}
#[derive(serde::Deserialize)]
struct ClueEvidence {
    id: String,
    line: Option<String>,
    rx_no: Option<String>,
}
#[derive(serde::Deserialize)]
struct ClueProvenance {
    status: String,
}

/// What identifies a clue to what was planted: its rule, what its evidence
/// names, and whom it is about.
pub(super) struct Effective {
    pub rule: String,
    pub names: BTreeSet<String>,
    institution: String,
    /// The department or doctor; that of the institution where neither is named.
    unit: (UnitKind, String),
}

pub(super) fn effective(records: &[StoredRecord]) -> Vec<Effective> {
    let mut last: BTreeMap<String, Option<Effective>> = BTreeMap::new();
    for record in records {
        let Some(clue) = record.record.value.as_deref().and_then(|value| sonic_rs::from_slice::<Clue>(value).ok()) else { continue };
        let mut names = BTreeSet::new();
        for item in &clue.finding.evidence {
            names.insert(item.id.clone());
            names.insert(format!("{}#{}", item.id, item.line.as_deref().unwrap_or_default()));
            names.extend(item.rx_no.iter().map(|number| format!("rx {number}")));
        }
        let ClueSubject { fixmedins_code, department, doctor } = clue.finding.subject;
        let institution = fixmedins_code.unwrap_or_default();
        let unit = match (doctor, department) {
            (Some(doctor), _) => (UnitKind::Doctor, doctor),
            (None, Some(department)) => (UnitKind::Department, department),
            (None, None) => (UnitKind::Institution, institution.clone()),
        };
        let effective = Effective { rule: clue.finding.rule.id, names, institution, unit };
        last.insert(clue.finding.clue_id, (clue.provenance.status != "RETRACTED").then_some(effective));
    }
    last.into_values().flatten().collect()
}

pub(super) fn name_of(key: &TruthKey) -> String {
    match key {
        TruthKey::Line { setl_id, feedetl_sn, .. } => format!("{setl_id}#{feedetl_sn}"),
        TruthKey::PrescriptionLine { hosp_rxno, line, .. } => format!("{hosp_rxno}#{line}"),
        TruthKey::Prescription { hosp_rxno, .. } => hosp_rxno.clone(),
        TruthKey::Supply { rx_no, .. } => format!("rx {rx_no}"),
        TruthKey::Settlement { setl_id } => setl_id.clone(),
    }
}

#[derive(Default)]
pub(super) struct Score {
    pub clues: u64,
    pub planted: u64,
    pub found: u64,
    pub missed: u64,
    pub wrong: u64,
}

/// What was planted.
#[derive(Clone, Copy)]
pub(super) struct Planted<'a> {
    pub cases: &'a [Truth],
    pub groups: &'a [GroupTruth],
}

/// Compares a rule's clues with what was planted for it. Misses that the rule
/// cannot see are planted too, and count.
pub(super) fn score(rule: &RuleDoc, planted: Planted<'_>, clues: &[Effective]) -> Score {
    let own: Vec<&Effective> = clues.iter().filter(|clue| clue.rule == rule.id).collect();
    let (planted, found, wrong) = match &rule.evaluate {
        EvaluateDoc::Ratio(ratio) => {
            let meant = |truth: &&GroupTruth| truth.kind == GroupKind::Violation && truth.is_meant(&ratio.indicator, ratio.measure());
            let meant: Vec<&GroupTruth> = planted.groups.iter().filter(meant).collect();
            let names = |clue: &&&Effective, truth: &GroupTruth| {
                clue.institution == truth.institution && clue.unit == (truth.unit_kind, truth.unit.clone())
            };
            let found = meant.iter().filter(|truth| own.iter().any(|clue| names(&clue, truth))).count();
            let explained = |clue: &&&Effective| planted.groups.iter().any(|truth| truth.explains(&clue.institution, &ratio.indicator));
            (meant.len(), found, own.iter().filter(|clue| !explained(clue)).count())
        }
        _ => {
            let told = |truth: &&Truth| matches!(truth.kind, TruthKind::Violation { .. } | TruthKind::Missed { .. });
            let cases = planted.cases.iter().filter(|truth| truth.rule == rule.id).filter(told);
            let planted: BTreeSet<String> = cases.map(|truth| name_of(&truth.key)).collect();
            let found = planted.iter().filter(|name| own.iter().any(|clue| clue.names.contains(*name))).count();
            (planted.len(), found, own.iter().filter(|clue| clue.names.is_disjoint(&planted)).count())
        }
    };
    let [clues, planted, found, wrong] = [own.len(), planted, found, wrong].map(|number| number as u64);
    Score { clues, planted, found, missed: planted - found, wrong }
}

/// Planted cases that a rule cannot see, by rule and by the words of its `not_seen`.
pub(super) fn known_misses(truths: &[Truth]) -> BTreeMap<(&'static str, &'static str), u64> {
    let mut misses = BTreeMap::new();
    for truth in truths {
        if let TruthKind::Missed { reason, .. } = truth.kind {
            *misses.entry((truth.rule, reason)).or_default() += 1;
        }
    }
    misses
}
