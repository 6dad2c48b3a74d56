//! A clue as it was told, read back for people: what pages show of it.
//! Numbers keep their digits, and what a later build adds is passed over.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Deserializer;
use sonic_rs::LazyValue;

use crate::clues::finding::Text;
use crate::ruleset::decimal::Decimal;

/// One word about a clue.
#[derive(Clone, Debug, Deserialize)]
pub struct Told {
    pub finding: ToldFinding,
    pub provenance: ToldProvenance,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ToldFinding {
    pub clue_id: String,
    pub rule: ToldRule,
    pub result: String,
    pub problem_type: String,
    pub lead: String,
    #[serde(default)]
    pub copy_to: Vec<String>,
    pub subject: ToldSubject,
    pub event_time: String,
    pub fact_time: String,
    pub vola_cont: Text,
    #[serde(default, deserialize_with = "scalar")]
    pub observed: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    pub limit: Option<String>,
    pub unit: Option<Text>,
    pub values: Vec<ToldValue>,
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    pub exemptions: Vec<ToldExemption>,
    pub money: ToldMoney,
    pub evidence: Vec<ToldEvidence>,
    pub basis: Vec<ToldBasis>,
    pub why: Text,
    pub innocent_when: Vec<Text>,
    pub group_key: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ToldRule {
    pub id: String,
    pub version: u32,
    pub title: Text,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ToldSubject {
    pub fixmedins_code: Option<String>,
    pub fixmedins_name: Option<String>,
    pub person: String,
    pub area_of_care: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ToldValue {
    pub column: String,
    pub zh: String,
    pub en: String,
    #[serde(default, deserialize_with = "scalar")]
    pub value: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ToldExemption {
    pub id: String,
    pub zh: String,
    pub en: String,
    pub holds: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ToldMoney {
    #[serde(default, deserialize_with = "scalar")]
    pub vola_amt: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    pub fund_amt: Option<String>,
    pub vola_amt_stas: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ToldEvidence {
    pub time: String,
    pub event: String,
    pub id: String,
    pub line: Option<String>,
    pub rx_no: Option<String>,
    pub code: Option<String>,
    pub name: Option<String>,
    pub spec: Option<String>,
    pub vola_item_type: u8,
    #[serde(default, deserialize_with = "scalar")]
    pub cnt: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    pub pric: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    pub amount: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ToldBasis {
    pub text: String,
    pub article: String,
    pub issuer: String,
    pub area: String,
    pub valid_from: Option<String>,
    pub valid_to: Option<String>,
    pub verified: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ToldProvenance {
    pub revision: u32,
    pub status: String,
    pub reason: Option<Text>,
}

impl Told {
    /// `None` for what is no clue of this build.
    pub fn read(value: &[u8]) -> Option<Self> {
        sonic_rs::from_slice(value).ok()
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

/// Money in 分, from a number in 元.
pub fn fen(yuan: Option<&str>) -> Option<i64> {
    yuan.and_then(Decimal::parse).and_then(|amount| amount.scaled(2))
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
