//! What a message says: its fields, and what several of them say together.
//! Silence is neither yes nor no.

use std::collections::HashMap;

use chrono::Datelike as _;
use chrono::NaiveDate;
use chrono::NaiveDateTime;
use serde_json::Map;
use serde_json::Value;

/// True, false, or nobody can tell.
pub type Told = Option<bool>;

pub fn all(parts: &[Told]) -> Told {
    if parts.contains(&Some(false)) { Some(false) } else { (!parts.contains(&None)).then_some(true) }
}

pub fn any(parts: &[Told]) -> Told {
    not(all(&parts.iter().map(|part| not(*part)).collect::<Vec<_>>()))
}

pub fn not(part: Told) -> Told {
    part.map(|part| !part)
}

/// `a or b` by those of them that are told; only if neither is, nobody can tell.
pub fn either(a: Told, b: Told) -> Told {
    a.into_iter().chain(b).reduce(|a, b| a || b)
}

/// Whether somebody may be told: it is so, and for certain nothing excuses it.
pub fn fires(holds: Told, excuses: &[Told]) -> bool {
    holds == Some(true) && excuses.iter().all(|excuse| *excuse == Some(false))
}

pub fn scaled(value: f64, digits: i32) -> i128 {
    (value * 10_f64.powi(digits)).round() as i128
}

/// A wall-clock time, or the start of a day, as seconds.
pub fn seconds(text: &str) -> i64 {
    try_seconds(text).unwrap_or_else(|| panic!("a time: {text}"))
}

fn try_seconds(text: &str) -> Option<i64> {
    let text = text.replacen('T', " ", 1);
    let text = if text.len() == 10 { format!("{text} 00:00:00") } else { text };
    Some(NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S").ok()?.and_utc().timestamp())
}

fn date(time: i64) -> NaiveDate {
    chrono::DateTime::from_timestamp(time, 0).unwrap().date_naive()
}

/// Full years from a day of birth to a time; a birth after it is a mistake.
pub fn years(born: NaiveDate, at: i64) -> Option<f64> {
    let day = date(at);
    let before = (day.month(), day.day()) < (born.month(), born.day());
    Some(f64::from(day.year() - born.year() - i32::from(before))).filter(|years| *years >= 0.0)
}

/// A message whose keys are spelled one way and whose blocks are flat.
#[derive(Debug, Default)]
pub struct Fields(Map<String, Value>);

const ALIASES: [(&str, &str); 18] = [
    ("inscp_amt", "inscp_scp_amt"),
    ("overlmt_selfpay", "overlmt_amt"),
    ("insuplc_admdvs", "insu_admdvs"),
    ("insu_plc_no", "insu_admdvs"),
    ("mdtrtarea_no", "fix_blng_admdvs"),
    ("mdtrtarea_admvs", "fix_blng_admdvs"),
    ("begndate", "begntime"),
    ("enddate", "endtime"),
    ("rxno", "rx_drord_no"),
    ("drord_no", "rx_drord_no"),
    ("fee_detl", "feedetl"),
    ("atddr_no", "chfpdr_code"),
    ("dr_codg", "chfpdr_code"),
    ("prsc_dr_code", "dr_code"),
    ("dise_no", "dise_codg"),
    ("patn_age", "age"),
    ("bilg_dept_code", "bilg_dept_codg"),
    ("bilg_dr_code", "bilg_dr_codg"),
];

pub fn canonical(key: &str) -> &str {
    ALIASES.iter().find(|alias| alias.0 == key).map_or(key, |alias| alias.1)
}

impl Fields {
    pub fn read(object: Map<String, Value>) -> Self {
        let mut out = Map::new();
        for (key, value) in object {
            let key: String =
                key.chars().flat_map(|ch| ch.is_ascii_uppercase().then_some('_').into_iter().chain([ch.to_ascii_lowercase()])).collect();
            let key = canonical(&key).to_owned();
            match value {
                Value::Object(block) => out.extend(Self::read(block).0),
                Value::Null => {}
                Value::String(text) if text.trim().is_empty() => {}
                value => {
                    out.insert(key, value);
                }
            }
        }
        Self(out)
    }

    pub fn forget(&mut self, key: &str) {
        self.0.remove(key);
    }

    pub fn rows(&mut self, key: &str) -> Vec<Self> {
        let Some(Value::Array(items)) = self.0.remove(key) else { return Vec::new() };
        items.into_iter().filter_map(|item| if let Value::Object(row) = item { Some(Self::read(row)) } else { None }).collect()
    }

    pub fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub fn or_empty(&self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    pub fn is(&self, key: &str, text: &str) -> bool {
        self.text(key).as_deref() == Some(text)
    }

    /// Whether a text is one of some, or holds one; nobody can tell of none.
    pub fn is_any(&self, key: &str, texts: &[&str]) -> Told {
        self.text(key).map(|own| texts.contains(&own.as_str()))
    }

    pub fn holds_any(&self, key: &str, parts: &[&str]) -> Told {
        self.text(key).map(|own| parts.iter().any(|part| own.contains(part)))
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        match self.0.get(key)? {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_f64(),
        }
    }

    /// 分 of an amount.
    pub fn cents(&self, key: &str) -> Option<i128> {
        self.number(key).map(|value| scaled(value, 2))
    }

    /// Ten-thousandths.
    pub fn quantity(&self, key: &str) -> Option<i64> {
        self.number(key).map(|value| scaled(value, 4) as i64)
    }

    pub fn time(&self, key: &str) -> Option<i64> {
        try_seconds(&self.text(key)?)
    }

    pub fn born(&self) -> Option<NaiveDate> {
        NaiveDate::parse_from_str(self.text("brdy")?.get(..10)?, "%Y-%m-%d").ok()
    }

    /// Full years at a time; as told, where no birthday is.
    pub fn age(&self, at: i64) -> Option<f64> {
        self.born().and_then(|born| years(born, at)).or_else(|| self.number("age"))
    }

    /// ICD codes in capitals. Diagnoses of Chinese medicine (kinds 2 and 3)
    /// have codes that only look like them.
    pub fn diagnoses(&mut self) -> Vec<String> {
        let western = |row: &Self| row.text("diag_type").is_none_or(|kind| kind == "1");
        let rows = self.rows("diseinfo");
        let listed = rows.iter().filter(|row| western(row)).filter_map(|row| row.text("diag_code").or_else(|| row.text("dise_codg")));
        let mut codes: Vec<String> = listed.chain(self.text("maindiag_code")).map(|code| code.to_ascii_uppercase()).collect();
        codes.sort();
        codes.dedup();
        codes
    }
}

/// Whether one of the diagnoses begins so; nobody can tell where there is none.
pub fn has_icd(diagnoses: &[String], starts: &[&str]) -> Told {
    (!diagnoses.is_empty()).then(|| diagnoses.iter().any(|code| starts.iter().any(|start| code.starts_with(start))))
}

/// An ICD code of a disease: no reason for contact (Z), no code of another kind.
pub fn is_disease(code: &str) -> bool {
    let bytes = code.as_bytes();
    bytes.len() >= 3 && bytes[0].is_ascii_uppercase() && bytes[0] != b'Z' && bytes[1].is_ascii_digit() && bytes[2].is_ascii_alphanumeric()
}

/// The kind of care that a medical category means. What a prescription says
/// of inpatients and outpatients goes before it.
pub fn setting(med_type: Option<&str>, inpatient: Option<&str>) -> Option<&'static str> {
    let known = match med_type.and_then(|kind| kind.get(..2)).unwrap_or_default() {
        "12" if med_type.is_some_and(|kind| kind.starts_with("120")) => Some("emergency"),
        "12" => Some("registration"),
        "11" | "15" | "16" | "81" => Some("outpatient"),
        "13" => Some("emergency"),
        "14" | "99" => Some("chronic"),
        "21" | "22" | "23" | "24" | "25" | "26" | "27" => Some("inpatient"),
        "28" => Some("day surgery"),
        "41" => Some("pharmacy"),
        "51" => Some("birth care"),
        "52" => Some("birth stay"),
        "61" => Some("nursing"),
        "71" => Some("home bed"),
        _ => None,
    };
    match (inpatient, known) {
        (Some("2"), Some("day surgery" | "birth stay")) => known,
        (Some("2"), _) => Some("inpatient"),
        (Some("1"), None | Some("inpatient")) => Some("outpatient"),
        _ => known,
    }
}

/// Whether somebody was treated, where it is told.
pub fn is_care(setting: Option<&str>) -> Told {
    setting.map(|setting| !["pharmacy", "registration", "nursing"].contains(&setting))
}

/// Whether care was online. Bills of feeds without any sign are of care in
/// person; a prescription has to say it.
pub fn online(kind: Option<&str>, sign: bool, bill: bool) -> Told {
    match kind {
        Some("02") => Some(true),
        Some("01") => (!sign).then_some(false),
        Some(_) => None,
        None if sign => Some(true),
        None => bill.then_some(false),
    }
}

/// What is left of a line after the refunds that name it.
#[derive(Clone, Debug, Default)]
pub struct Net {
    /// Ten-thousandths.
    pub count: Option<i64>,
    /// 分.
    pub amount: Option<i128>,
    /// Of it within the scope of insurance, and above the ceiling.
    pub scope: Option<i128>,
    pub above: Option<i128>,
    pub refunded: bool,
}

impl Net {
    fn of(line: &Fields) -> Self {
        Self {
            count: line.quantity("cnt"),
            amount: line.cents("det_item_fee_sumamt"),
            scope: line.cents("inscp_scp_amt"),
            above: line.cents("overlmt_amt"),
            refunded: false,
        }
    }

    fn takes(&self) -> bool {
        self.count.map_or(self.amount.is_some_and(|amount| amount < 0), |count| count < 0)
    }

    /// A refund that does not say its part leaves nobody knows what.
    fn take(&mut self, refund: &Self) {
        let left = |own: Option<i128>, part: Option<i128>| own.zip(part.filter(|part| *part <= 0)).map(|(own, part)| own + part);
        self.count = left(self.count.map(i128::from), refund.count.map(i128::from)).map(|count| count as i64);
        self.amount = left(self.amount, refund.amount);
        self.scope = left(self.scope, refund.scope);
        self.above = left(self.above, refund.above);
        self.refunded = true;
    }

    /// Whether nothing of the line is left.
    pub fn is_gone(&self) -> bool {
        let by_amount = || self.amount.is_some_and(|amount| amount < 0 || self.refunded && amount == 0);
        self.count.map_or_else(by_amount, |count| count <= 0)
    }

    /// Whether nothing may be left: neither a quantity nor an amount tells it.
    pub fn may_be_gone(&self) -> bool {
        self.is_gone() || self.count.is_none() && self.amount == Some(0)
    }
}

/// Of each line of a bill.
pub fn nets(lines: &[Fields]) -> Vec<Net> {
    let own: Vec<Net> = lines.iter().map(Net::of).collect();
    let places: HashMap<String, usize> =
        lines.iter().enumerate().filter_map(|(place, line)| Some((line.text("feedetl_sn")?, place))).collect();
    let mut left = own.clone();
    for (place, refund) in own.iter().enumerate().filter(|(_, net)| net.takes()) {
        let original = lines[place].text("init_feedetl_sn").and_then(|number| places.get(&number).copied());
        if let Some(original) = original.filter(|original| *original != place) {
            left[original].take(refund);
        }
    }
    left
}
