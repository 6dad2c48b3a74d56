//! Clue records read back: what is left of all words about clues.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Deserializer;
use sonic_rs::LazyValue;

use crate::base::decimal::Decimal;
use crate::clues::finding::Text;

/// A record of the clue topic, as far as people's tables and pages need it.
/// What a later build adds is passed over.
#[derive(Clone, Debug, Deserialize)]
pub struct Told {
    pub finding: Finding,
    pub provenance: Provenance,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Finding {
    pub clue_id: String,
    pub rule: Rule,
    pub result: String,
    pub problem_type: String,
    pub scene: String,
    pub lead: String,
    pub copy_to: Vec<String>,
    pub area: Option<String>,
    pub subject: Subject,
    pub fact_time: String,
    pub vola_cont: Text,
    #[serde(deserialize_with = "scalar")]
    pub observed: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub limit: Option<String>,
    pub unit: Option<Text>,
    pub values: Vec<Value>,
    pub params: BTreeMap<String, String>,
    pub exemptions: Vec<Exemption>,
    pub money: Money,
    pub evidence: Vec<Evidence>,
    pub basis: Vec<Basis>,
    pub why: Text,
    pub innocent_when: Vec<Text>,
    pub group_key: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Rule {
    pub id: String,
    pub title: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Subject {
    pub fixmedins_code: Option<String>,
    pub fixmedins_name: Option<String>,
    pub department: Option<String>,
    pub doctor: Option<String>,
    pub person: Option<String>,
    pub area_of_care: Option<String>,
    pub area_of_insurance: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Money {
    pub vola_amt: Option<Decimal>,
    pub fund_amt: Option<Decimal>,
    pub vola_amt_stas: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Evidence {
    pub time: String,
    pub event: String,
    pub id: String,
    pub mdtrt_id: Option<String>,
    pub line: Option<String>,
    pub rx_no: Option<String>,
    pub fixmedins_code: Option<String>,
    pub code: Option<String>,
    pub name: Option<String>,
    pub spec: Option<String>,
    pub vola_item_type: u8,
    pub cnt: Option<Decimal>,
    pub pric: Option<Decimal>,
    pub amount: Option<Decimal>,
    pub vola_amt: Option<Decimal>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Basis {
    pub text: String,
    pub article: String,
    pub issuer: String,
    pub valid_from: Option<String>,
    pub valid_to: Option<String>,
    pub verified: bool,
}

/// A column's value as it stood, numbers with their digits.
#[derive(Clone, Debug, Deserialize)]
pub struct Value {
    pub column: String,
    pub zh: String,
    #[serde(deserialize_with = "scalar")]
    pub value: Option<String>,
}

/// A gate or an exemption, and how it came out.
#[derive(Clone, Debug, Deserialize)]
pub struct Exemption {
    pub id: String,
    pub zh: String,
    pub en: String,
    pub holds: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Provenance {
    pub revision: u32,
    pub status: String,
    pub reason: Option<Text>,
    pub rule_status: String,
}

/// A number or a flag as it was written, a text without its quotes.
fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let value = LazyValue::deserialize(deserializer)?;
    Ok(match value.as_raw_str() {
        "null" => None,
        text if text.starts_with('"') => sonic_rs::from_str(text).ok(),
        other => Some(other.to_owned()),
    })
}

impl Told {
    /// `None` for what is no clue of this build.
    pub fn read(record: &[u8]) -> Option<Self> {
        sonic_rs::from_slice(record).ok()
    }

    pub fn is_retracted(&self) -> bool {
        self.provenance.status == "RETRACTED"
    }

    /// What the evidence names: events, their lines and prescriptions.
    pub fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for item in &self.finding.evidence {
            names.insert(item.id.clone());
            names.insert(format!("{}#{}", item.id, item.line.as_deref().unwrap_or_default()));
            names.extend(item.rx_no.iter().map(|number| format!("rx {number}")));
        }
        names
    }
}

/// The effective clues of a topic or file: of each clue the last revision,
/// unless it was withdrawn. Clues of shadow rules are no clues yet.
#[derive(Clone, Debug, Default)]
pub struct Effective {
    last: BTreeMap<String, Told>,
    /// Records of shadow rules, left out.
    pub shadow: u64,
}

impl Effective {
    /// Takes in one record, in any order.
    ///
    /// # Errors
    /// If it is no clue record, with the reason.
    pub fn take(&mut self, record: &[u8]) -> Result<(), String> {
        let told: Told = sonic_rs::from_slice(record).map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())?;
        if told.provenance.rule_status != "live" {
            self.shadow += 1;
            return Ok(());
        }
        match self.last.get(&told.finding.clue_id) {
            Some(known) if known.provenance.revision > told.provenance.revision => {}
            _ => {
                self.last.insert(told.finding.clue_id.clone(), told);
            }
        }
        Ok(())
    }

    /// By clue id.
    pub fn clues(&self) -> impl Iterator<Item = &Told> {
        self.last.values().filter(|told| told.provenance.status != "RETRACTED")
    }
}

#[cfg(test)]
pub(super) mod fixture {
    use super::*;

    /// A clue about lines of one bill: line, its part of the amount in 分.
    pub fn clue(id: &str, bill: &str, fund: Option<i64>, lines: &[(Option<&str>, i64)]) -> Told {
        let evidence = lines.iter().map(|(line, fen)| Evidence {
            time: "2026-03-10 09:00:00".to_owned(),
            event: "settlement".to_owned(),
            id: bill.to_owned(),
            line: line.map(str::to_owned),
            fixmedins_code: Some("H99010100002".to_owned()),
            code: Some("0012".to_owned()),
            vola_item_type: 1,
            vola_amt: Some(Decimal::yuan(*fen)),
            ..Evidence::default()
        });
        Told {
            finding: Finding {
                clue_id: id.to_owned(),
                rule: Rule { id: "a-rule".to_owned(), title: Text { zh: "规则".to_owned(), ..Text::default() } },
                result: "clear".to_owned(),
                problem_type: "超标准收费".to_owned(),
                scene: "门诊".to_owned(),
                lead: "insurance".to_owned(),
                copy_to: Vec::new(),
                area: Some("990101".to_owned()),
                subject: Subject { fixmedins_code: Some("H99010100002".to_owned()), person: Some("p".to_owned()), ..Subject::default() },
                fact_time: "2026-03-10 09:00:00".to_owned(),
                vola_cont: Text { zh: "内容".to_owned(), ..Text::default() },
                money: Money {
                    vola_amt: Some(Decimal::yuan(lines.iter().map(|(_, fen)| fen).sum())),
                    fund_amt: fund.map(Decimal::yuan),
                    vola_amt_stas: "exact".to_owned(),
                },
                evidence: evidence.collect(),
                ..Finding::default()
            },
            provenance: Provenance { revision: 1, status: "NEW".to_owned(), rule_status: "live".to_owned(), reason: None },
        }
    }
}
