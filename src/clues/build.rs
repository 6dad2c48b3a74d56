//! Fills a finding from a rule's document and what was found, and wraps it
//! with its provenance into the record that is written.

use std::collections::BTreeMap;

use crate::base::ids::ClueId;
use crate::base::ids::Digest;
use crate::base::time::Civil;
use crate::clues::finding::BasisRef;
use crate::clues::finding::Evidence;
use crate::clues::finding::Finding;
use crate::clues::finding::Provenance;
use crate::clues::finding::RuleRef;
use crate::clues::finding::Scalar;
use crate::clues::finding::Subject;
use crate::clues::finding::Tested;
use crate::clues::finding::Text;
use crate::clues::finding::Value;
use crate::clues::money::Money;
use crate::clues::national;
use crate::clues::national::National;
use crate::clues::routing::Routing;
use crate::clues::routing::competent_area;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::ruleset::compile::RuleSet;
use crate::ruleset::doc::BasisDoc;
use crate::ruleset::doc::Bilingual;
use crate::ruleset::doc::ParamValue;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::doc::Template;
use crate::ruleset::words::Grade;
use crate::ruleset::words::Party;
use crate::ruleset::words::Status;

/// Build of the program, on every clue.
pub const ENGINE: &str = concat!("claimsift ", env!("CARGO_PKG_VERSION"));

/// What an evaluator found, before it is put into words.
#[derive(Clone, Debug)]
pub struct Found {
    pub clear: bool,
    /// What makes two findings the same case, beside the rule.
    pub anchor: Vec<String>,
    /// Whom it is about, if not whom the rule says.
    pub party: Option<Party>,
    pub hi_paymtd: Option<String>,
    pub subject: Subject,
    pub scene: &'static str,
    pub event_time: Civil,
    pub fact_time: Civil,
    pub values: Vec<(String, Scalar)>,
    pub observed: Option<Scalar>,
    pub limit: Option<Scalar>,
    pub tested: Vec<Tested>,
    pub money: Money,
    pub evidence: Vec<Evidence>,
}

impl From<&Bilingual> for Text {
    fn from(text: &Bilingual) -> Self {
        Self { zh: text.zh.clone(), en: text.en.clone() }
    }
}

/// Bases in force on a day in an area.
pub fn in_force<'a>(doc: &'a RuleDoc, day: i64, area: Option<&str>) -> impl Iterator<Item = &'a BasisDoc> {
    let holds = move |basis: &&BasisDoc| {
        Civil::from_date(basis.valid_from).day() <= day && basis.valid_to.is_none_or(|to| day < Civil::from_date(to).day())
    };
    let binds = move |basis: &&BasisDoc| basis.area.is_empty() || area.is_some_and(|area| area.starts_with(basis.area.as_str()));
    doc.basis.iter().filter(holds).filter(binds)
}

fn bases_in_force(doc: &RuleDoc, day: i64, area: Option<&str>) -> Vec<BasisRef> {
    in_force(doc, day, area)
        .map(|basis| BasisRef {
            text: basis.text.clone(),
            article: basis.article.clone(),
            issuer: basis.issuer.clone(),
            area: basis.area.clone(),
            valid_from: Some(basis.valid_from.to_string()),
            valid_to: basis.valid_to.map(|date| date.to_string()),
            verified: basis.verified,
        })
        .collect()
}

pub fn clue_id(rule: &str, anchor: &[String]) -> ClueId {
    ClueId::of(std::iter::once(rule.as_bytes()).chain(anchor.iter().map(String::as_bytes)))
}

/// Puts what was found into words. `references`: digest of the reference set.
pub fn finding(set: &RuleSet, doc: &RuleDoc, mut found: Found, references: &str) -> (ClueId, Finding) {
    let id = clue_id(&doc.id, &found.anchor);
    found.evidence.sort();
    found.evidence.dedup();
    let result = if doc.result == Grade::Clear && found.clear { Grade::Clear } else { Grade::Suspected };
    let area = found.subject.area_of_care.clone();
    let month: String = found.fact_time.to_string().chars().take(7).collect();
    let institution = found.subject.fixmedins_code.clone().unwrap_or_default();
    let group = Digest::of([doc.id.as_bytes(), institution.as_bytes(), month.as_bytes()]);
    let carried: Vec<&str> = doc.clue.evidence.iter().map(|sql| sql.text.as_str()).collect();
    let values = found.values.iter().filter(|(name, _)| carried.contains(&name.as_str()));
    let routing = Routing::of(&set.departments, &doc.department, found.event_time.day());
    let party = found.party.unwrap_or(doc.party);
    let mut finding = Finding {
        clue_id: id.to_string(),
        rule: RuleRef { id: doc.id.clone(), version: doc.version, title: Text::from(&doc.title) },
        result: result.name(),
        severity: doc.severity.name().to_owned(),
        problem_type: doc.problem_type.clone(),
        party: party.name().to_owned(),
        focus: doc.focus.clone(),
        scene: found.scene,
        stage: "事后",
        lead: routing.lead,
        copy_to: routing.copy_to,
        refer_if_confirmed: routing.refer_if_confirmed,
        area: competent_area(party, &found.subject),
        hi_paymtd: found.hi_paymtd,
        event_time: found.event_time.to_string(),
        fact_time: found.fact_time.to_string(),
        vola_cont: Text {
            zh: fill(&doc.clue.summary.zh, &found.values, "（未知）"),
            en: fill(&doc.clue.summary.en, &found.values, "(unknown)"),
        },
        observed: found.observed,
        limit: found.limit,
        unit: doc.clue.unit.as_ref().map(Text::from),
        values: values.map(|(name, value)| labelled(name, value.clone())).collect(),
        params: params(doc, area.as_deref(), found.fact_time),
        exemptions: found.tested,
        money: found.money,
        evidence: found.evidence,
        basis: bases_in_force(doc, found.fact_time.day(), area.as_deref()),
        why: Text::from(&doc.why),
        innocent_when: doc.innocent_when.iter().map(Text::from).collect(),
        references: references.to_owned(),
        group_key: group.short(),
        subject: found.subject,
        national: National::default(),
    };
    finding.national = national::project(&finding, &set.code_map);
    (id, finding)
}

fn labelled(name: &str, value: Scalar) -> Value {
    let column = crate::events::derived::find_in_any(name);
    let label = column.map_or_else(
        || Text { zh: name.to_owned(), en: name.to_owned() },
        |column| Text { zh: column.zh.to_owned(), en: column.en.to_owned() },
    );
    Value { column: name.to_owned(), label, value }
}

fn params(doc: &RuleDoc, area: Option<&str>, fact_time: Civil) -> BTreeMap<String, String> {
    let text = |value: &ParamValue| match value {
        ParamValue::Number(number) => number.to_string(),
        ParamValue::Text(text) => text.clone(),
    };
    doc.params.iter().map(|param| (param.name.clone(), text(param.value_at(area, fact_time.day())))).collect()
}

/// Puts values into `{column}` placeholders; a column without value reads `-`.
fn fill(template: &Template, values: &[(String, Scalar)], unknown: &str) -> String {
    let mut out = String::new();
    let mut at = 0;
    for (range, name) in template.placeholders().into_iter().flatten() {
        out.push_str(template.text.get(at..range.start - 1).unwrap_or_default());
        let value = values.iter().find(|(column, value)| column == name && *value != Scalar::Null).map(|(_, value)| value.text());
        out.push_str(value.as_deref().unwrap_or(unknown));
        at = range.end + 1;
    }
    out.push_str(template.text.get(at..).unwrap_or_default());
    out
}

/// The bytes of a finding: what equality laws compare.
pub fn encode(finding: &Finding) -> Box<[u8]> {
    sonic_rs::to_vec(finding).unwrap_or_default().into()
}

/// The record of one word about a clue. Headers let a gateway filter without
/// parsing.
pub fn record(rule: &str, finding: &[u8], provenance: &Provenance, route: &Route) -> Record {
    // The finding's bytes stand in the record as they are kept and compared.
    let provenance_bytes = sonic_rs::to_vec(provenance).unwrap_or_default();
    let body = [br#"{"finding":"#, finding, br#","provenance":"#, provenance_bytes.as_slice(), b"}"].concat();
    Record {
        output: if provenance.rule_status == Status::Shadow.name() { Output::Shadow } else { Output::Clues },
        partition: None,
        key: Some(route.clue_id.to_string().into_bytes()),
        value: Some(body),
        headers: vec![
            ("dept", route.lead.clone()),
            ("area", route.area.clone()),
            ("rule", rule.to_owned()),
            ("grade", route.grade.clone()),
            ("status", provenance.status.to_owned()),
        ],
        timestamp_ms: None,
    }
}

/// What headers say about a clue.
#[derive(Clone, Debug)]
pub struct Route {
    pub clue_id: ClueId,
    pub lead: String,
    pub area: String,
    pub grade: String,
}

impl Route {
    pub fn of(id: ClueId, finding: &Finding) -> Self {
        Self { clue_id: id, lead: finding.lead.clone(), area: finding.area.clone().unwrap_or_default(), grade: finding.result.to_owned() }
    }
}
