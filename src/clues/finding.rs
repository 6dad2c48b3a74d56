//! The two parts of a clue: the finding, which is the same however the input
//! was cut, and the provenance, which says where it came from and which
//! revision it is.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::base::decimal::Decimal;
use crate::clues::money::Money;
use crate::clues::national::National;

/// Chinese first, English beside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    pub zh: String,
    pub en: String,
}

impl From<(&str, &str)> for Text {
    fn from((zh, en): (&str, &str)) -> Self {
        Self { zh: zh.to_owned(), en: en.to_owned() }
    }
}

/// A value of a column as it stood when the rule was evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Scalar {
    Null,
    Bool(bool),
    Integer(i64),
    Number(Decimal),
    Text(String),
}

impl Scalar {
    /// As people read it: decimals without idle zeros, `-` for NULL.
    pub fn text(&self) -> String {
        match self {
            Self::Null => "-".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Number(value) => value.trim_to(if value.scale == 2 { 2 } else { 0 }).to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Value {
    pub column: String,
    #[serde(flatten)]
    pub label: Text,
    pub value: Scalar,
}

/// How a gate or an exemption came out: `null` where the data do not say.
#[derive(Clone, Debug, Serialize)]
pub struct Tested {
    pub id: String,
    #[serde(flatten)]
    pub label: Text,
    pub holds: Option<bool>,
}

#[derive(Clone, Debug, Serialize)]
pub struct RuleRef {
    pub id: String,
    pub version: u32,
    pub title: Text,
}

/// Whom and what a clue is about. Absent where the events do not say.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Subject {
    pub fixmedins_code: Option<String>,
    pub fixmedins_name: Option<String>,
    pub department: Option<String>,
    pub doctor: Option<String>,
    /// In what capacity: 处方医师 who prescribed, 开单医师 who ordered, 主诊医师 in charge.
    pub doctor_role: Option<&'static str>,
    /// Keyed pseudonym; the key's id stands in the provenance. Absent where the
    /// clue is about a group of cases.
    pub person: Option<String>,
    pub area_of_care: Option<String>,
    pub area_of_insurance: Option<String>,
}

/// One fee line, drug line or event that the finding rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Evidence {
    pub time: String,
    pub event: &'static str,
    /// `setl_id` or `hosp_rxno`.
    pub id: String,
    pub mdtrt_id: Option<String>,
    /// `feedetl_sn`, or the line's place in its prescription.
    pub line: Option<String>,
    /// Prescription or order number, where the line has one.
    pub rx_no: Option<String>,
    pub fixmedins_code: Option<String>,
    pub code: Option<String>,
    pub name: Option<String>,
    pub spec: Option<String>,
    /// 1 违规项 the offending item, 2 涉及项 a related one.
    pub vola_item_type: u8,
    #[serde(flatten)]
    pub amounts: Amounts,
}

/// Quantity, price and amount of an evidence item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amounts {
    pub cnt: Option<Decimal>,
    pub pric: Option<Decimal>,
    pub amount: Option<Decimal>,
    /// The item's part of the clue's `vola_amt`; absent where it has none.
    pub vola_amt: Option<Decimal>,
}

impl PartialOrd for Amounts {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amounts {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |amounts: &Self| {
            [amounts.cnt, amounts.pric, amounts.amount, amounts.vola_amt]
                .map(|decimal| decimal.map(|decimal| (decimal.units, decimal.scale)))
        };
        key(self).cmp(&key(other))
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct BasisRef {
    pub text: String,
    pub article: String,
    pub issuer: String,
    pub area: String,
    pub valid_from: Option<String>,
    pub valid_to: Option<String>,
    pub verified: bool,
}

/// What was found: ids, versions, values, limits, money and evidence. The
/// bytes of this part are what all equality laws compare.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub clue_id: String,
    pub rule: RuleRef,
    /// `clear` 明确违规 or `suspected` 可疑: a suspicion, never a verdict.
    pub result: &'static str,
    pub severity: String,
    pub problem_type: String,
    pub party: String,
    pub focus: Option<String>,
    pub scene: &'static str,
    pub stage: &'static str,
    pub lead: String,
    pub copy_to: Vec<String>,
    /// Who is told only once a person has confirmed the clue.
    pub refer_if_confirmed: Vec<String>,
    /// Whose supervisors are competent: 6 digits.
    pub area: Option<String>,
    /// How the insurance pays the bill, as the bill says.
    pub hi_paymtd: Option<String>,
    pub subject: Subject,
    pub event_time: String,
    pub fact_time: String,
    pub vola_cont: Text,
    pub observed: Option<Scalar>,
    pub limit: Option<Scalar>,
    pub unit: Option<Text>,
    pub values: Vec<Value>,
    pub params: BTreeMap<String, String>,
    pub exemptions: Vec<Tested>,
    pub money: Money,
    pub evidence: Vec<Evidence>,
    pub basis: Vec<BasisRef>,
    pub why: Text,
    pub innocent_when: Vec<Text>,
    /// Digest of the reference set that was joined.
    pub references: String,
    /// Hash over rule, institution and month, for summaries by group.
    pub group_key: String,
    pub national: National,
}

/// A place in a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

/// Where a clue came from and which word about it this is.
#[derive(Clone, Debug, Serialize)]
pub struct Provenance {
    pub revision: u32,
    /// `NEW`, `UPDATED` or `RETRACTED`.
    pub status: &'static str,
    pub reason: Option<Text>,
    /// For an update: whether grade or amount changed.
    pub material: Option<bool>,
    pub previous_amount: Option<Decimal>,
    pub sources: Vec<Place>,
    pub epoch: u64,
    /// `live` or `shadow`: nobody acts on the clues of a shadow rule.
    pub rule_status: &'static str,
    pub rule_set: String,
    pub identity_key: String,
    pub engine: &'static str,
}

/// A scene in the words that inspectors use.
pub fn scene(online: Option<bool>, setting: Option<&str>, subject: &Subject) -> &'static str {
    if online == Some(true) {
        return "互联网";
    }
    // The first four digits of an area are its prefecture, across which the funds settle.
    let prefecture = |area: &Option<String>| area.as_deref().and_then(|area| area.get(..4)).map(str::to_owned);
    let elsewhere = prefecture(&subject.area_of_care).zip(prefecture(&subject.area_of_insurance)).is_some_and(|(care, home)| care != home);
    if elsewhere {
        return "异地";
    }
    match setting {
        Some("inpatient" | "day_surgery" | "maternity_inpatient") => "住院",
        Some("pharmacy") => "购药",
        _ => "门诊",
    }
}
