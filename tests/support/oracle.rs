//! What the shipped rules find in a list of events, computed a second time:
//! straight over the messages and the reference tables, person by person, with
//! nothing of the program's evaluators, states or expressions.
//!
//! Written from the meaning of the rules. Where a message says too little to
//! decide, nothing is found.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;

use chrono::Datelike as _;
use chrono::NaiveDate;
use chrono::NaiveDateTime;
use serde_json::Map;
use serde_json::Value;

const DAY: i64 = 86_400;
/// Public holidays before which an early refill is natural.
const HOLIDAYS: [&str; 21] = [
    "2025-01-01",
    "2025-01-28",
    "2025-04-04",
    "2025-05-01",
    "2025-05-31",
    "2025-10-01",
    "2026-01-01",
    "2026-02-15",
    "2026-04-04",
    "2026-05-01",
    "2026-06-19",
    "2026-09-25",
    "2026-10-01",
    "2027-01-01",
    "2027-02-05",
    "2027-04-05",
    "2027-05-01",
    "2027-06-09",
    "2027-09-15",
    "2027-10-01",
    "2028-01-01",
];
/// Events for which repeat supply and first visits can be told apart from a short feed.
const HISTORY_DAYS: i64 = 365;

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
    fn of(offending: Option<i128>, paid: Option<i128>, scope: Option<i128>, by_item: bool, of_item: bool) -> Self {
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
    fn unbilled(offending: Option<i128>) -> Self {
        Self { offending, fund: None, status: "not_computable".to_owned() }
    }
}

/// A clue as far as both computations must agree on it.
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
    fn new(rule: &str, clear: bool, mut evidence: Vec<Evidence>, money: Money) -> Self {
        evidence.sort();
        evidence.dedup();
        let grade = if clear { "clear" } else { "suspected" }.to_owned();
        Self { rule: rule.to_owned(), grade, evidence, money, observed: None, limit: None }
    }

    fn saying(self, observed: f64, limit: f64) -> Self {
        Self { observed: Some(scaled(observed, 6)), limit: Some(scaled(limit, 6)), ..self }
    }
}

type Row = HashMap<String, String>;

/// Rows of `name.csv` in those of the folders that have it.
fn table(folders: &[PathBuf], name: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for path in folders.iter().map(|folder| folder.join(format!("{name}.csv"))).filter(|path| path.exists()) {
        rows.extend(csv::Reader::from_path(path).unwrap().deserialize::<Row>().map(Result::unwrap));
    }
    rows
}

fn in_force(row: &Row, time: i64) -> bool {
    let starts = |name: &str| row.get(name).filter(|text| !text.is_empty()).map(|text| seconds(text));
    starts("valid_from").is_none_or(|from| from <= time) && starts("valid_to").is_none_or(|to| time < to)
}

/// A wall-clock time, or the start of a day, as seconds.
fn seconds(text: &str) -> i64 {
    try_seconds(text).unwrap_or_else(|| panic!("a time: {text}"))
}

fn try_seconds(text: &str) -> Option<i64> {
    let text = text.replacen('T', " ", 1);
    let text = if text.len() == 10 { format!("{text} 00:00:00") } else { text };
    Some(NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S").ok()?.and_utc().timestamp())
}

struct Drug {
    code: String,
    substance: String,
    form: String,
    release: String,
    dose_unit: String,
    pack_unit: String,
    pack: i64,
    /// Entries of the list of controlled drugs, the one that goes first in front.
    classes: Vec<Row>,
}

impl Drug {
    fn class(&self, time: i64) -> &str {
        self.classes.iter().find(|row| in_force(row, time)).map_or("NONE", |row| row["class"].as_str())
    }
}

/// Whether a drug's form is what the list of controlled drugs means by a word.
fn is_form(word: &str, drug: &Row) -> bool {
    let form = drug["dosage_form"].as_str();
    let any = |parts: &[&str]| parts.iter().any(|part| form.contains(part));
    match word {
        "注射剂" => drug["form_group"] == "injection",
        "眼用制剂" => any(&["眼"]),
        "口服液体" => any(&["溶液", "口服液", "糖浆"]),
        "口服固体" => any(&["片", "胶囊", "颗粒"]),
        other => form == other,
    }
}

struct Tables {
    drugs: HashMap<String, Drug>,
    points: Vec<Row>,
    groups: Vec<Row>,
    institutions: HashMap<String, Row>,
    ceilings: HashMap<String, Vec<Row>>,
}

impl Tables {
    fn read(folders: &[PathBuf]) -> Self {
        let special = table(folders, "special_drug");
        let classes = |drug: &Row| {
            let code = drug["med_list_codg"].as_str();
            let mut by_code: Vec<&Row> =
                special.iter().filter(|row| !row["code_prefix"].is_empty() && code.starts_with(&row["code_prefix"])).collect();
            by_code.sort_by_key(|row| std::cmp::Reverse(row["code_prefix"].len()));
            let named = |with_form: bool| {
                special.iter().filter(move |row| {
                    let form = row["dosage_form"].as_str();
                    row["generic_name"] == drug["substance"] && form.is_empty() != with_form && (form.is_empty() || is_form(form, drug))
                })
            };
            by_code.into_iter().chain(named(true)).chain(named(false)).cloned().collect()
        };
        let drugs = table(folders, "drug_master").into_iter().map(|row| {
            let drug = Drug {
                code: row["med_list_codg"].clone(),
                substance: row["substance"].clone(),
                form: row["dosage_form"].clone(),
                release: row["form_group"].clone(),
                dose_unit: row["min_prepunt"].clone(),
                pack_unit: row["min_pacunt"].clone(),
                pack: row["min_pac_cnt"].parse().unwrap(),
                classes: classes(&row),
            };
            (drug.code.clone(), drug)
        });
        let mut ceilings: HashMap<String, Vec<Row>> = HashMap::new();
        for row in table(folders, "ceilings") {
            ceilings.entry(row["med_list_codg"].clone()).or_default().push(row);
        }
        Self {
            drugs: drugs.collect(),
            points: table(folders, "knowledge_points"),
            groups: table(folders, "disease_groups"),
            institutions: table(folders, "institutions").into_iter().map(|row| (row["fixmedins_code"].clone(), row)).collect(),
            ceilings,
        }
    }

    fn point(&self, kind: &str, code: &str, time: i64) -> Option<&Row> {
        let names = |listed: &str| listed.strip_suffix('*').map_or(listed == code, |start| code.starts_with(start));
        self.points.iter().find(|row| row["kind"] == kind && names(&row["code"]) && in_force(row, time))
    }

    fn groups(&self, diagnoses: &[String], time: i64) -> BTreeSet<&str> {
        let of = |code: &String| {
            let category: String = code.chars().take(3).collect();
            self.groups
                .iter()
                .filter(move |row| row["icd_from"] <= category && category <= row["icd_to"] && in_force(row, time))
                .map(|row| row["group"].as_str())
        };
        diagnoses.iter().flat_map(of).collect()
    }

    /// In millionths of a yuan; the row of the longest area, and one with a level, goes first.
    fn ceiling(&self, code: &str, area: &str, level: &str, time: i64) -> Option<i128> {
        let rows = self.ceilings.get(code)?.iter();
        let fits =
            rows.filter(|row| area.starts_with(&row["area"]) && (row["level"].is_empty() || row["level"] == level) && in_force(row, time));
        fits.max_by_key(|row| (row["area"].len(), row["level"].len())).map(|row| scaled(row["ceiling"].parse().unwrap(), 6))
    }
}

fn scaled(value: f64, digits: i32) -> i128 {
    (value * 10_f64.powi(digits)).round() as i128
}

/// A message whose keys are spelled one way and whose blocks are flat.
struct Fields(Map<String, Value>);

const ALIASES: [(&str, &str); 8] = [
    ("inscp_amt", "inscp_scp_amt"),
    ("insuplc_admdvs", "insu_admdvs"),
    ("begndate", "begntime"),
    ("enddate", "endtime"),
    ("rxno", "rx_drord_no"),
    ("fee_detl", "feedetl"),
    ("insu_plc_no", "insu_admdvs"),
    ("mdtrtarea_no", "fix_blng_admdvs"),
];

fn canonical(key: &str) -> &str {
    ALIASES.iter().find(|alias| alias.0 == key).map_or(key, |alias| alias.1)
}

impl Fields {
    fn read(object: Map<String, Value>) -> Self {
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

    fn rows(&mut self, key: &str) -> Vec<Self> {
        let Some(Value::Array(items)) = self.0.remove(key) else { return Vec::new() };
        items.into_iter().filter_map(|item| if let Value::Object(row) = item { Some(Self::read(row)) } else { None }).collect()
    }

    fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn or_empty(&self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    fn is(&self, key: &str, text: &str) -> bool {
        self.text(key).as_deref() == Some(text)
    }

    fn number(&self, key: &str) -> Option<f64> {
        match self.0.get(key)? {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_f64(),
        }
    }

    /// 分 of an amount.
    fn cents(&self, key: &str) -> Option<i128> {
        self.number(key).map(|value| scaled(value, 2))
    }

    fn time(&self, key: &str) -> Option<i64> {
        try_seconds(&self.text(key)?)
    }

    /// Full years at a time; as told, where no birthday is.
    fn age(&self, at: i64) -> Option<i64> {
        let stated = || self.number("age").or_else(|| self.number("patn_age")).map(|age| age as i64);
        let Some(birth) = self.text("brdy").and_then(|text| NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()) else {
            return stated();
        };
        let day = chrono::DateTime::from_timestamp(at, 0).unwrap().date_naive();
        let before = (day.month(), day.day()) < (birth.month(), birth.day());
        Some(i64::from(day.year() - birth.year()) - i64::from(before))
    }

    fn diagnoses(&mut self) -> Vec<String> {
        let mut codes: Vec<String> = self.rows("diseinfo").iter().filter_map(|row| row.text("diag_code")).collect();
        codes.extend(self.text("maindiag_code"));
        codes.sort();
        codes.dedup();
        codes
    }
}

/// `a or b` where either may be unknown; only if both are, so is the result.
fn either(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (None, None) => None,
        _ => Some(a == Some(true) || b == Some(true)),
    }
}

fn setting(med_type: &str) -> &'static str {
    match med_type.get(..2).unwrap_or_default() {
        "11" => "outpatient",
        "13" => "emergency",
        "14" | "99" => "chronic",
        "21" => "inpatient",
        "28" => "day surgery",
        "41" => "pharmacy",
        "12" => "registration",
        _ => "",
    }
}

/// What is left of a line after the refunds that name it.
#[derive(Clone, Default)]
struct Net {
    count: i64,
    /// Amount, amount within scope, own part above the ceiling, in 分; inner
    /// `None`: one of them says none.
    amounts: [Option<Option<i128>>; 3],
}

impl Net {
    fn add(&mut self, count: i64, line: &Fields) {
        self.count += count;
        for (sum, name) in self.amounts.iter_mut().zip(["det_item_fee_sumamt", "inscp_scp_amt", "overlmt_amt"]) {
            let before = sum.unwrap_or(Some(0));
            *sum = Some(before.zip(line.cents(name)).map(|(before, own)| before + own));
        }
    }

    fn amount(&self, place: usize) -> Option<i128> {
        self.amounts[place].flatten()
    }
}

struct Contact {
    /// Whether it was care in person for certain.
    certain: bool,
    /// Institution and visit.
    visit: (String, String),
    day: i64,
    diagnoses: Vec<String>,
    registered: Option<String>,
    substances: Vec<String>,
}

/// A prescription, or a bill that says that it was online care.
struct Prescription {
    event: &'static str,
    id: String,
    national: String,
    original: String,
    institution: String,
    visit: String,
    time: i64,
    event_time: i64,
    med_type: String,
    online: bool,
    first: Option<bool>,
    covered: bool,
    registered: Option<String>,
    diagnoses: Vec<String>,
    substances: Vec<String>,
}

/// A drug line of a prescription or of a bill.
struct Half {
    /// Prescription it stands on, in the person's list.
    prescription: Option<usize>,
    evidence: Evidence,
    code: String,
    name: String,
    /// Of the line, and of its message.
    time: i64,
    event_time: i64,
    /// Ten-thousandths.
    quantity: i64,
    unit: String,
    declared: Option<i64>,
    /// Dose units at a time, their unit and how often in how many days.
    dose: f64,
    dose_unit: String,
    often: Option<(i64, i64)>,
    /// 分.
    amount: Option<i128>,
    price: Option<f64>,
    /// Of a bill's line.
    order: Option<String>,
    /// What the funds paid of the bill, and its amount within their scope.
    paid: Option<i128>,
    scope: Option<i128>,
    circulated: bool,
    discharge: bool,
    visit: String,
    institution: String,
    med_type: String,
    diagnoses: Vec<String>,
    /// Of a prescription: whether it is a long one.
    long: bool,
    chronic: bool,
    /// Full years when it was issued or dispensed.
    age: Option<i64>,
    /// Whether the age is known by the day of birth.
    born: bool,
}

#[derive(Default)]
struct Person {
    contacts: Vec<Contact>,
    prescriptions: Vec<Prescription>,
    online_bills: Vec<Prescription>,
    /// By substance.
    halves: BTreeMap<String, Vec<Half>>,
}

/// One supply, as its halves tell it.
struct Supply<'a> {
    institution: Option<String>,
    number: String,
    time: i64,
    /// Of the message that speaks for it, and the latest of all.
    event_time: i64,
    last_event_time: i64,
    drug: &'a Drug,
    name: String,
    dispensed: bool,
    discharge: bool,
    long: bool,
    chronic: bool,
    age: Option<i64>,
    setting: &'static str,
    diagnoses: Vec<String>,
    declared: Option<f64>,
    computed: Option<f64>,
    /// The same without one pack.
    computed_less: Option<f64>,
    /// Whether it is one smallest pack; nobody can tell without a unit.
    one_pack: Option<bool>,
    /// Quantity a day, by the days declared.
    rate: Option<f64>,
    price: Option<f64>,
    daily: Option<f64>,
    money: Money,
    evidence: Vec<Evidence>,
}

pub struct Oracle {
    tables: Tables,
    /// Go-live, and since when the feed is whole.
    live: i64,
    since: i64,
    covered: String,
    persons: BTreeMap<String, Person>,
    seen: HashSet<(usize, String)>,
    found: BTreeSet<Clue>,
}

impl Oracle {
    /// `covered`: the area prefix that the feed holds.
    pub fn new(root: &Path, clues_from: NaiveDate, complete_from: NaiveDate, covered: &str) -> Self {
        let folders = [root.join("rules/reference"), root.join("demo/reference")];
        Self {
            tables: Tables::read(&folders),
            live: seconds(&clues_from.to_string()),
            since: seconds(&complete_from.to_string()),
            covered: covered.to_owned(),
            persons: BTreeMap::new(),
            seen: HashSet::new(),
            found: BTreeSet::new(),
        }
    }

    /// Takes a message that can be used; a second one of the same id tells nothing new.
    /// A header column that nobody can read says nothing.
    pub fn add(&mut self, input: usize, json: &[u8], unreadable: Option<&str>) {
        // One number beyond all bounds must not make the whole text unreadable.
        let readable = unreadable.map(|_| String::from_utf8_lossy(json).replace("1e400", "null").into_bytes());
        let Ok(Value::Object(message)) = serde_json::from_slice(readable.as_deref().unwrap_or(json)) else {
            panic!("no object: {}", String::from_utf8_lossy(json))
        };
        let mut message = Fields::read(message);
        if let Some(column) = unreadable {
            message.0.remove(canonical(column));
        }
        let id = message.or_empty(if input == 0 { "setl_id" } else { "hosp_rxno" });
        let institution = if input == 0 { String::new() } else { message.or_empty("fixmedins_code") };
        if !self.seen.insert((input, format!("{institution}/{id}"))) {
            return;
        }
        if input == 0 { self.bill(&mut message, id) } else { self.prescription(&mut message, id) }
    }

    fn bill(&mut self, bill: &mut Fields, id: String) {
        let event_time = bill.time("setl_time").unwrap();
        let lines = bill.rows("feedetl");
        let diagnoses = bill.diagnoses();
        let mut net: HashMap<String, Net> = HashMap::new();
        for line in &lines {
            let count = scaled(line.number("cnt").unwrap_or_default(), 4) as i64;
            let original = line.text("init_feedetl_sn").filter(|_| count < 0).unwrap_or_else(|| line.or_empty("feedetl_sn"));
            net.entry(original).or_default().add(count, line);
        }
        let by_item = bill.text("hi_paymtd").map_or(paid_by_item(&bill.or_empty("med_type")), |method| method == "1");
        let online_items = lines.iter().any(|line| {
            let time = line.time("fee_ocur_time").unwrap_or(event_time);
            self.tables.point("online_item", &line.or_empty("med_list_codg"), time).is_some()
        });
        let told_online = match bill.or_empty("biz_type_code").as_str() {
            "02" => Some(true),
            "01" => (!online_items).then_some(false),
            "" => Some(online_items),
            _ => None,
        };
        let online = bill.is("biz_type_code", "02") || online_items;
        let mut substances = Vec::new();
        let institution = bill.or_empty("fixmedins_code");
        let visit = bill.or_empty("mdtrt_id");
        let med_type = bill.or_empty("med_type");
        for line in &lines {
            let time = line.time("fee_ocur_time").unwrap_or(event_time);
            let code = line.or_empty("med_list_codg");
            let count = scaled(line.number("cnt").unwrap_or_default(), 4) as i64;
            let net = net.get(&line.or_empty("feedetl_sn")).cloned().unwrap_or_default();
            let left = net.count;
            if count < 0 || left <= 0 {
                continue;
            }
            if event_time >= self.live {
                let paid_as = (by_item, lines.len() == 1 || line.cents("inscp_scp_amt").is_some());
                self.line(bill, line, &id, &code, time, &net, &diagnoses, paid_as, told_online);
            }
            let Some(drug) = self.tables.drugs.get(&code).filter(|_| line.is("list_type", "101")) else { continue };
            substances.push(drug.substance.clone());
            let half = Half {
                prescription: None,
                evidence: ("settlement".to_owned(), id.clone(), line.or_empty("feedetl_sn")),
                name: line.or_empty("medins_list_name"),
                time,
                event_time,
                quantity: left,
                unit: String::new(),
                declared: line.number("prd_days").map(|days| days as i64).filter(|days| *days > 0 && left == count),
                dose: 0.0,
                dose_unit: String::new(),
                often: None,
                amount: net.amount(0),
                price: line.number("pric"),
                paid: bill.cents("fund_pay_sumamt"),
                scope: bill.cents("inscp_scp_amt"),
                order: line.text("rx_drord_no"),
                circulated: line.is("rx_circ_flag", "1"),
                discharge: line.is("dscg_tkdrug_flag", "1"),
                long: false,
                chronic: setting(&med_type) == "chronic",
                age: bill.age(time),
                born: bill.time("brdy").is_some(),
                visit: visit.clone(),
                institution: institution.clone(),
                med_type: med_type.clone(),
                diagnoses: diagnoses.clone(),
                code,
            };
            self.persons.entry(bill.or_empty("psn_no")).or_default().halves.entry(drug.substance.clone()).or_default().push(half);
        }
        let kind = setting(&med_type);
        let care = ["outpatient", "emergency", "chronic", "inpatient", "day surgery"].contains(&kind);
        let contradictory = online && bill.is("biz_type_code", "01");
        if online && !contradictory && care {
            let consultation = Prescription {
                event: "settlement",
                id: id.clone(),
                national: String::new(),
                original: String::new(),
                visit: bill.text("mdtrt_id").unwrap_or_else(|| id.clone()),
                time: bill.time("begntime").unwrap_or(event_time),
                event_time,
                med_type: med_type.clone(),
                online,
                first: bill.text("fstdiag_flag").filter(|_| self.flag_usable(&institution)).map(|flag| flag == "1"),
                covered: bill.or_empty("insu_admdvs").starts_with(&self.covered),
                registered: bill.text("dise_codg"),
                diagnoses: diagnoses.clone(),
                substances: substances.clone(),
                institution: institution.clone(),
            };
            self.persons.entry(bill.or_empty("psn_no")).or_default().online_bills.push(consultation);
        }
        let in_person = !online && bill.or_empty("biz_type_code").trim_start_matches("01").is_empty();
        if !online && (care || kind.is_empty()) {
            let contact = Contact {
                certain: care && in_person,
                visit: (institution.clone(), visit.clone()),
                day: bill.time("begntime").unwrap_or(event_time).div_euclid(DAY),
                diagnoses,
                registered: bill.text("dise_codg").filter(|_| kind == "chronic"),
                substances,
            };
            self.persons.entry(bill.or_empty("psn_no")).or_default().contacts.push(contact);
        }
    }

    /// The rules on one line of a bill, of which something is left.
    #[allow(clippy::too_many_arguments)]
    fn line(
        &mut self,
        bill: &Fields,
        line: &Fields,
        id: &str,
        code: &str,
        time: i64,
        net: &Net,
        diagnoses: &[String],
        paid_as: (bool, bool),
        online: Option<bool>,
    ) {
        let mut found: Vec<Clue> = Vec::new();
        let tables = &self.tables;
        let left = i128::from(net.count);
        let clue = |rule: &str, clear: bool, offending: Option<i128>| {
            let evidence = vec![("settlement".to_owned(), id.to_owned(), line.or_empty("feedetl_sn"))];
            let (paid, scope, (by_item, of_item)) = (bill.cents("fund_pay_sumamt"), bill.cents("inscp_scp_amt"), paid_as);
            Clue::new(rule, clear, evidence, Money::of(offending, paid, scope, by_item, of_item))
        };
        let drug = tables.drugs.get(code);
        let name = line.or_empty("medins_list_name");
        let (in_scope, own, total) = (line.cents("inscp_scp_amt"), line.cents("fulamt_ownpay_amt"), line.cents("det_item_fee_sumamt"));
        let self_paid = if line.is("hosp_appr_flag", "2") {
            Some(true)
        } else {
            either(in_scope.map(|amount| amount == 0), own.zip(total).map(|(own, total)| own == total))
        };
        let accounts = [bill.cents("acct_pay"), bill.cents("acct_mulaid_pay")];
        let from_account = accounts.iter().any(Option::is_some).then(|| accounts.iter().flatten().sum::<i128>() > 0);
        let account_only = match (bill.cents("fund_pay_sumamt").map(|fund| fund == 0), from_account) {
            (None, None) => None,
            (fund, account) => Some(fund.unwrap_or(true) && account.unwrap_or(true)),
        };
        let paid_by_fund = self_paid == Some(false) && account_only == Some(false);
        let newborn = bill.is("nwb_flag", "1") || name.contains("新生儿");
        let sex = bill.or_empty("gend");
        let kind = line.or_empty("list_type");
        let starts = |letters: &[char]| code.starts_with(letters);
        let is_drug = if kind.is_empty() { starts(&['X', 'Z']) } else { ["101", "102", "103", "104"].contains(&kind.as_str()) };
        let is_service = if kind.is_empty() { !code.is_empty() && !starts(&['X', 'Z', 'C']) } else { kind == "201" };
        if let Some(point) = tables.point("sex", code, time)
            && (is_drug || is_service)
            && ["1", "2"].contains(&sex.as_str())
            && sex != point["value"]
        {
            let lung = diagnoses.iter().any(|code| code.starts_with("I27"))
                && drug.is_some_and(|drug| ["西地那非", "他达拉非"].contains(&drug.substance.as_str()));
            if paid_by_fund && !newborn && !(is_drug && sex == "2" && lung) {
                found.push(clue(if is_drug { "drug-sex" } else { "service-sex" }, true, net.amount(0)));
            }
        }
        let group = line.or_empty("med_chrgitm_type");
        let herbs = kind == "102" || group == "10";
        if let (Some(count), Some(price), Some(amount)) =
            (line.number("cnt").filter(|count| *count > 0.0), line.number("pric"), net.amount(0))
            && !herbs
        {
            let (left, amount) = (net.count as f64 / 1e4, amount as f64 / 1e2);
            let expected = left * price - line.number("medins_disc_amt").unwrap_or_default() * left / count;
            let excess = amount - expected;
            if excess > 1.0 + 1e-9 && excess > expected.abs() * 0.005 + 1e-9 {
                found.push(clue("amount-mismatch", false, Some(scaled(excess, 2))).saying(amount, expected));
            }
        }
        let last_day = bill.time("endtime").or_else(|| bill.time("begntime")).or_else(|| bill.time("setl_time")).unwrap_or(i64::MAX);
        if online == Some(true)
            && ["03", "04", "06"].iter().any(|start| group.starts_with(start))
            && time.div_euclid(DAY) <= last_day.div_euclid(DAY)
            && !line.is("etip_flag", "1")
        {
            found.push(clue("online-needs-exam", false, net.amount(0)));
        }
        if tables.point("child", code, time).is_some()
            && let Some(age) = bill.age(time).filter(|age| *age >= 18)
            && paid_by_fund
            && !newborn
        {
            found.push(clue("drug-age", false, net.amount(0)).saying(age as f64, 18.0));
        }
        let listed = tables.ceiling(code, &bill.or_empty("fix_blng_admdvs"), &bill.or_empty("hosp_lv"), time);
        let ceiling = listed.or_else(|| line.number("pric_uplmt_amt").map(|limit| scaled(limit, 6)));
        if let (Some(ceiling), Some(price), Some(split)) = (ceiling, line.number("pric"), net.amount(2))
            && ceiling > 0
            && ceiling < 999_999 * 1_000_000
        {
            // All in units of 10^-10 yuan.
            let excess = (scaled(price, 6) - ceiling) * left;
            let split = split * 100_000_000;
            let discounted = line.cents("medins_disc_amt").is_some_and(|discount| discount > 0)
                && net.amount(0).is_some_and(|total| total * 100_000_000 <= ceiling * left);
            if excess > 0 && split + 500_000_000 < excess && split * 1000 < excess * 995 && paid_by_fund && !discounted {
                let cents = (excess - split + 50_000_000).div_euclid(100_000_000);
                found.push(clue("pay-ceiling", true, Some(cents)).saying(price, ceiling as f64 / 1e6));
            }
        }
        let fee = tables.point("delivery_fee", code, time).is_some();
        let speaks = name.contains("配送费") || name.contains("快递费");
        let covered = in_scope.map_or_else(|| own.zip(total).is_some_and(|(own, total)| own < total), |amount| amount > 0);
        let dispensary = !fee && ["静配", "静脉", "调配", "代煎"].iter().any(|word| name.contains(word));
        if (fee || speaks) && covered && paid_by_fund && !dispensary {
            found.push(clue("delivery-fee", fee, net.amount(1).or(net.amount(0))));
        }
        let pharmacy = tables.institutions.get(&bill.or_empty("fixmedins_code")).is_some_and(|row| row["kind"] == "pharmacy");
        let class = drug.map_or("NONE", |drug| drug.class(time));
        let minor = bill.age(time).is_some_and(|age| age < 18);
        if pharmacy && (["NARC", "PSY1"].contains(&class) || class == "PSY2" && minor) {
            found.push(clue("retail-special", true, net.amount(0)));
        }
        self.found.extend(found);
    }

    /// Whether an institution's word about first visits means something.
    fn flag_usable(&self, institution: &str) -> bool {
        self.tables.institutions.get(institution).is_none_or(|row| row["fstdiag_usable"] != "0")
    }

    fn prescription(&mut self, message: &mut Fields, id: String) {
        let time = message.time("prsc_time").unwrap();
        let lines = message.rows("rxdrugdetail");
        let sign = message.text("auth_no").is_some();
        let online = match message.or_empty("biz_type_code").as_str() {
            "02" => true,
            "" => sign,
            _ => false,
        };
        let institution = message.or_empty("fixmedins_code");
        let prescription = Prescription {
            event: "prescription",
            national: message.or_empty("hi_rxno"),
            original: message.or_empty("init_rxno"),
            visit: message.text("mdtrt_id").unwrap_or_else(|| id.clone()),
            time,
            med_type: message.or_empty("med_type"),
            online,
            event_time: time,
            first: message.text("fstdiag_flag").filter(|_| self.flag_usable(&institution)).map(|flag| flag == "1"),
            covered: message.or_empty("insu_admdvs").starts_with(&self.covered),
            registered: message.text("dise_codg"),
            diagnoses: message.diagnoses(),
            substances: lines
                .iter()
                .filter_map(|line| self.tables.drugs.get(&line.or_empty("med_list_codg")))
                .map(|drug| drug.substance.clone())
                .collect(),
            institution,
            id,
        };
        if online && time >= self.live {
            let clue = |rule: &str| {
                Clue::new(rule, false, vec![("prescription".to_owned(), prescription.id.clone(), String::new())], Money::unbilled(None))
            };
            if let Some(age) = message.age(time).filter(|age| *age < 6) {
                self.found.insert(clue("online-child6").saying(age as f64, 6.0));
            }
            if prescription.diagnoses.iter().any(|code| is_critical(code)) {
                self.found.insert(clue("online-critical"));
            }
        }
        let person = self.persons.entry(message.or_empty("psn_no")).or_default();
        if !online {
            // A prescription is no bill: it only makes one doubt that nothing came before.
            let care = ["outpatient", "emergency", "chronic", "inpatient", "day surgery", ""].contains(&setting(&prescription.med_type));
            let unclear = sign
                || message.or_empty("biz_type_code") != "01"
                || prescription.med_type.is_empty()
                || !prescription.diagnoses.iter().any(|code| is_disease(code));
            if care && unclear {
                person.contacts.push(Contact {
                    certain: false,
                    visit: (prescription.institution.clone(), prescription.visit.clone()),
                    day: time.div_euclid(DAY),
                    diagnoses: prescription.diagnoses.clone(),
                    registered: None,
                    substances: Vec::new(),
                });
            }
        }
        for (place, line) in lines.iter().enumerate() {
            let code = line.or_empty("med_list_codg");
            let evidence = ("prescription".to_owned(), prescription.id.clone(), (place + 1).to_string());
            let Some(drug) = self.tables.drugs.get(&code) else { continue };
            if online && time >= self.live && ["NARC", "PSY1", "PSY2", "TOXIC", "RADIO", "PRECURSOR"].contains(&drug.class(time)) {
                let money = Money::unbilled(line.cents("drug_sumamt"));
                self.found.insert(Clue::new("online-special", true, vec![evidence.clone()], money));
            }
            let half = Half {
                prescription: Some(person.prescriptions.len()),
                evidence,
                name: line.or_empty("drug_genname"),
                time,
                event_time: time,
                quantity: scaled(line.number("drug_cnt").unwrap_or_default(), 4) as i64,
                unit: line.or_empty("drug_dosunt"),
                declared: line.number("medc_days").map(|days| days as i64).filter(|days| *days > 0),
                dose: line.number("sin_doscnt").unwrap_or_default(),
                dose_unit: line.or_empty("sin_dosunt"),
                often: match line.or_empty("used_frqu_codg").as_str() {
                    "qd" => Some((1, 1)),
                    "bid" => Some((2, 1)),
                    "tid" => Some((3, 1)),
                    "qid" => Some((4, 1)),
                    "qod" => Some((1, 2)),
                    "qw" => Some((1, 7)),
                    _ => None,
                },
                amount: line.cents("drug_sumamt"),
                price: line.number("drug_pric"),
                paid: None,
                scope: None,
                order: None,
                circulated: false,
                discharge: false,
                long: message.is("long_rx_flag", "1"),
                chronic: message.is("sp_dise_flag", "1") || setting(&prescription.med_type) == "chronic",
                age: message.age(time),
                born: message.time("brdy").is_some(),
                visit: prescription.visit.clone(),
                institution: prescription.institution.clone(),
                med_type: prescription.med_type.clone(),
                diagnoses: prescription.diagnoses.clone(),
                code,
            };
            person.halves.entry(drug.substance.clone()).or_default().push(half);
        }
        person.prescriptions.push(prescription);
    }

    /// Everything that is found once all messages are in.
    pub fn clues(mut self) -> BTreeSet<Clue> {
        let mut found = std::mem::take(&mut self.found);
        for person in self.persons.values() {
            self.first_visits(person, &mut found);
            for halves in person.halves.values() {
                let supplies = self.supplies(person, halves);
                for supply in &supplies {
                    self.over_days(supply, &mut found);
                }
                self.repeats(&supplies, &mut found);
            }
        }
        found
    }

    fn first_visits(&self, person: &Person, found: &mut BTreeSet<Clue>) {
        let mut visits: BTreeMap<(&str, &str), Vec<&Prescription>> = BTreeMap::new();
        for online in person.prescriptions.iter().chain(&person.online_bills).filter(|row| row.online) {
            visits.entry((&online.institution, &online.visit)).or_default().push(online);
        }
        for visit in visits.values() {
            let time = visit.iter().map(|row| row.time).min().unwrap();
            let comparable = visit.iter().flat_map(|row| &row.diagnoses).any(|code| is_disease(code));
            let event_time = visit.iter().map(|row| row.event_time).min().unwrap();
            if event_time < self.live || !comparable || visit.iter().any(|row| self.is_known(person, row, time)) {
                continue;
            }
            let long = time.div_euclid(DAY) - self.since.div_euclid(DAY) >= HISTORY_DAYS;
            let covered = visit.iter().all(|row| row.covered);
            let told = visit.iter().any(|row| row.first == Some(true));
            let doubtful = visit.iter().any(|row| self.is_doubtful(person, row, time));
            if told || long && covered && !doubtful {
                let evidence = visit.iter().map(|row| (row.event.to_owned(), row.id.clone(), String::new())).collect();
                let clear = told && long && covered && !doubtful;
                found.insert(Clue::new("online-first", clear, evidence, Money::unbilled(None)));
            }
        }
    }

    /// Whether something earlier may have been a contact in person for the disease.
    fn is_doubtful(&self, person: &Person, online: &Prescription, time: i64) -> bool {
        let groups = self.tables.groups(&online.diagnoses, time);
        person.contacts.iter().filter(|contact| contact.day <= time.div_euclid(DAY)).any(|contact| {
            let own = (&contact.visit.0, &contact.visit.1) == (&online.institution, &online.visit);
            let disease =
                || {
                    online.diagnoses.iter().any(|a| {
                        contact.diagnoses.iter().any(|b| is_disease(a) && is_disease(b) && a.chars().take(3).eq(b.chars().take(3)))
                    }) || !groups.is_disjoint(&self.tables.groups(&contact.diagnoses, time))
                        || contact.registered.is_some() && contact.registered == online.registered
                };
            !own && (!contact.diagnoses.iter().any(|code| is_disease(code)) || !contact.certain && disease())
        })
    }

    /// Whether an earlier contact in person for the disease is known.
    fn is_known(&self, person: &Person, online: &Prescription, time: i64) -> bool {
        let own = |contact: &Contact| (&contact.visit.0, &contact.visit.1) == (&online.institution, &online.visit);
        let earlier = person.contacts.iter().filter(|contact| contact.certain && contact.day <= time.div_euclid(DAY) && !own(contact));
        let same_category = |a: &String, b: &String| is_disease(a) && is_disease(b) && a.chars().take(3).eq(b.chars().take(3));
        let groups = self.tables.groups(&online.diagnoses, time);
        let original = !online.original.is_empty()
            && person.prescriptions.iter().any(|row| row.id != online.id && (row.id == online.original || row.national == online.original));
        original
            || earlier.into_iter().any(|contact| {
                online.diagnoses.iter().any(|a| contact.diagnoses.iter().any(|b| same_category(a, b)))
                    || !groups.is_disjoint(&self.tables.groups(&contact.diagnoses, time))
                    || contact.registered.is_some() && contact.registered == online.registered
                    || contact.substances.iter().any(|substance| online.substances.contains(substance))
            })
    }

    /// One person's supplies of one substance, in the order of time.
    fn supplies(&self, person: &Person, halves: &[Half]) -> Vec<Supply<'_>> {
        let mut groups: BTreeMap<(Option<String>, String), Vec<&Half>> = BTreeMap::new();
        for half in halves {
            let own = |idx: usize| (Some(person.prescriptions[idx].institution.clone()), person.prescriptions[idx].id.clone());
            let joined = |other: &&Half| {
                let rx = &person.prescriptions[other.prescription.unwrap()];
                let Some(order) = &half.order else { return false };
                if half.circulated {
                    *order == rx.id || *order == rx.national
                } else {
                    *order == rx.id && half.visit == rx.visit && half.institution == rx.institution
                }
            };
            let key = match half.prescription {
                Some(idx) => own(idx),
                None => match halves.iter().filter(|other| other.prescription.is_some()).find(joined) {
                    Some(other) => own(other.prescription.unwrap()),
                    None => {
                        let visit = if half.visit.is_empty() { &half.evidence.1 } else { &half.visit };
                        let number = match &half.order {
                            Some(order) if half.circulated => order.clone(),
                            Some(order) => format!("{visit} {order}"),
                            None => format!("{visit}#{}", half.evidence.2),
                        };
                        ((!half.circulated).then(|| half.institution.clone()), number)
                    }
                },
            };
            groups.entry(key).or_default().push(half);
        }
        let mut supplies: Vec<Supply<'_>> =
            groups.into_iter().map(|((institution, number), halves)| self.supply(institution, number, &halves)).collect();
        supplies.sort_by(|a, b| (a.time, &a.institution, &a.number).cmp(&(b.time, &b.institution, &b.number)));
        supplies
    }

    fn supply(&self, institution: Option<String>, number: String, halves: &[&Half]) -> Supply<'_> {
        let order = |half: &&&Half| (half.prescription.is_none(), half.time, half.evidence.1.clone(), half.evidence.2.clone());
        let speaker = *halves.iter().min_by_key(order).unwrap();
        let lines: Vec<&&Half> = halves.iter().filter(|half| half.prescription.is_none()).collect();
        let prescribed: Vec<&&Half> = halves.iter().filter(|half| half.prescription.is_some()).collect();
        let declared = |halves: &[&&Half]| halves.iter().filter_map(|half| half.declared).max();
        let dispensed: &[&&Half] = if lines.is_empty() { &prescribed } else { &lines };
        let quantity = dispensed.iter().map(|half| half.quantity).sum::<i64>() as f64 / 10_000.0;
        let drug = &self.tables.drugs[&speaker.code];
        let (pack, uncountable) =
            (drug.pack as f64, ["滴", "膏", "吸入", "喷", "凝胶", "洗", "搽"].iter().any(|part| drug.form.contains(part)));
        // Without a prescription the unit of a quantity is not told.
        let doses = if prescribed.is_empty() {
            (drug.pack == 1).then_some(quantity)
        } else if speaker.unit == drug.pack_unit {
            Some(quantity * pack)
        } else {
            (speaker.unit == drug.dose_unit).then_some(quantity)
        };
        let daily = speaker
            .often
            .filter(|_| speaker.prescription.is_some() && speaker.dose > 0.0 && speaker.dose_unit == drug.dose_unit && !uncountable)
            .map(|(times, days)| speaker.dose * times as f64 / days as f64);
        Supply {
            institution,
            number,
            time: speaker.time,
            event_time: speaker.event_time,
            last_event_time: halves.iter().map(|half| half.event_time).max().unwrap(),
            drug,
            name: speaker.name.clone(),
            dispensed: !lines.is_empty(),
            discharge: halves.iter().any(|half| half.discharge),
            long: speaker.long,
            chronic: halves.iter().any(|half| half.chronic),
            age: {
                let told = |born: bool| [&speaker].into_iter().chain(halves).find(|half| half.age.is_some() && (half.born || !born));
                told(true).or_else(|| told(false)).and_then(|half| half.age)
            },
            setting: [speaker].iter().chain(halves).map(|half| setting(&half.med_type)).find(|kind| !kind.is_empty()).unwrap_or_default(),
            diagnoses: speaker.diagnoses.clone(),
            declared: declared(&prescribed).or_else(|| declared(&lines)).map(|days| days as f64),
            computed: doses.zip(daily).map(|(doses, daily)| doses / daily),
            computed_less: doses.zip(daily).map(|(doses, daily)| (doses - pack) / daily),
            one_pack: match doses {
                Some(doses) => Some(doses == pack),
                None if prescribed.is_empty() && quantity > 1.0 && quantity != pack => Some(false),
                None => None,
            },
            price: speaker.price.or_else(|| halves.iter().find_map(|half| half.price)),
            rate: declared(&prescribed).or_else(|| declared(&lines)).map(|days| quantity / days as f64),
            daily,
            money: supply_money(dispensed),
            evidence: halves.iter().map(|half| half.evidence.clone()).collect(),
        }
    }

    fn over_days(&self, supply: &Supply<'_>, found: &mut BTreeSet<Clue>) {
        if supply.event_time < self.live {
            return;
        }
        let longer = |limit: f64| [supply.declared, supply.computed_less].iter().flatten().any(|days| *days > limit);
        // One whole pack may always be given, but in a ward.
        let over = |limit: f64| longer(limit) && supply.one_pack == Some(false);
        let days = [supply.declared, supply.computed.map(|days| (days * 1e4).round() / 1e4)].into_iter().flatten().fold(0.0, f64::max);
        let clue =
            |rule: &str, clear: bool, limit: f64| Clue::new(rule, clear, supply.evidence.clone(), supply.money.clone()).saying(days, limit);
        let class = supply.drug.class(supply.time);
        let ordinary = supply.drug.release == "other" && supply.drug.substance != "哌甲酯";
        if ["NARC", "PSY1"].contains(&class)
            && ordinary
            && ["outpatient", "emergency"].contains(&supply.setting)
            && !supply.diagnoses.is_empty()
        {
            let pain = self.tables.groups(&supply.diagnoses, supply.time).contains("pain");
            let limit = if pain { 7.0 } else { 3.0 };
            if over(limit) {
                found.insert(clue("nar-other", true, limit));
            }
        }
        let controlled = ["NARC", "PSY1"].contains(&class);
        let methylphenidate = supply.drug.substance == "哌甲酯";
        let outside = ["outpatient", "emergency"].contains(&supply.setting);
        let any = |starts: &[&str]| supply.diagnoses.iter().any(|code| starts.iter().any(|start| code.starts_with(start)));
        let pain = self.tables.groups(&supply.diagnoses, supply.time).contains("pain");
        let released = ["sustained", "patch"].contains(&supply.drug.release.as_str());
        if controlled && released && outside && !methylphenidate {
            // Which limit holds, nobody knows without a diagnosis.
            let limit = if pain { 15.0 } else { 7.0 };
            if over(if supply.diagnoses.is_empty() { f64::INFINITY } else { limit }) {
                found.insert(clue("nar-sr", supply.drug.release == "sustained", limit));
            }
        }
        let limit = if !any(&["F90"]) || supply.age.is_some_and(|age| age >= 18) {
            match supply.drug.release.as_str() {
                "sustained" => Some(7.0),
                "other" => Some(3.0),
                _ => None,
            }
        } else {
            supply.age.map(|_| 15.0)
        };
        if class == "PSY1" && methylphenidate && outside && !supply.diagnoses.is_empty() && limit.is_some_and(over) {
            found.insert(clue("mph", true, limit.unwrap()));
        }
        if controlled && supply.setting == "inpatient" {
            let limit = match (supply.discharge, supply.drug.release.as_str(), pain) {
                (false, ..) => Some(1.0),
                (true, "sustained" | "patch", pain) => Some(if pain { 15.0 } else { 7.0 }),
                (true, "other", pain) => Some(if pain { 7.0 } else { 3.0 }),
                (true, "injection", pain) => Some(if pain { 3.0 } else { 1.0 }),
                _ => None,
            };
            let decided = !supply.discharge || !supply.diagnoses.is_empty();
            if decided && limit.is_some_and(|limit| longer(limit) && longer(1.0)) {
                found.insert(clue("ward-1d", false, limit.unwrap()));
            }
        }
        let ordinary = !["NARC", "PSY1", "PSY2"].contains(&class);
        for (rule, kind, limit) in [("rx-7d", "outpatient", 7.0), ("rx-3d", "emergency", 3.0)] {
            let free = !supply.long && !supply.chronic && supply.age.is_some_and(|age| age < 60);
            if ordinary && supply.setting == kind && over(limit) && free {
                found.insert(clue(rule, false, limit));
            }
        }
        let antimicrobial = ["XJ01", "XJ02"].iter().any(|start| supply.drug.code.starts_with(start));
        let not_tuberculosis = !supply.diagnoses.is_empty() && !any(&["A15", "A16", "A17", "A18", "A19"]);
        if supply.long && (class != "NONE" || antimicrobial && not_tuberculosis || longer(84.0)) {
            found.insert(clue("long-rx", false, 84.0));
        }
        if class == "PSY2" && !["inpatient", ""].contains(&supply.setting) && over(7.0) {
            found.insert(clue("psy2-7d", false, 7.0));
        }
    }

    /// Runs of supplies that were issued while much was left of an earlier one.
    fn repeats(&self, supplies: &[Supply<'_>], found: &mut BTreeSet<Clue>) {
        // Told and computed days: the least of them accuses least.
        let days =
            |supply: &Supply<'_>| [supply.declared, supply.computed].into_iter().flatten().reduce(f64::min).filter(|days| *days > 0.0);
        let end = |supply: &Supply<'_>, days: f64| supply.time as f64 + days * DAY as f64;
        let mut run: Vec<&Supply<'_>> = Vec::new();
        let mut surplus = 0.0;
        // The supply of the run that lasts longest.
        let mut longest: Option<(&Supply<'_>, f64)> = None;
        for supply in supplies.iter().filter(|supply| supply.dispensed) {
            let Some(own) = days(supply) else { continue };
            let Some((earlier, lasts)) = longest else {
                (run, surplus, longest) = (vec![supply], 0.0, Some((supply, own)));
                continue;
            };
            let left = (end(earlier, lasts) - supply.time as f64) / DAY as f64;
            let outlasts = end(supply, own) > end(earlier, lasts);
            if left > f64::max(7.0, lasts * 0.2) && !explained(earlier, supply) {
                run.push(supply);
                // To ten-thousandths of a day, the rest cut off.
                surplus += (left * 1e4 + 1e-4).floor() / 1e4;
            } else if left <= 0.0 || outlasts {
                self.close(&run, surplus, found);
                (run, surplus) = (vec![supply], 0.0);
            }
            if outlasts {
                longest = Some((supply, own));
            }
        }
        self.close(&run, surplus, found);
    }

    fn close(&self, run: &[&Supply<'_>], surplus: f64, found: &mut BTreeSet<Clue>) {
        let institutions: BTreeSet<&String> = run.iter().filter_map(|supply| supply.institution.as_ref()).collect();
        if surplus >= 14.0 && institutions.len() >= 2 && run.last().is_some_and(|last| last.last_event_time >= self.live) {
            let evidence = run.iter().flat_map(|supply| supply.evidence.clone()).collect();
            let money = run.last().unwrap().money.clone();
            found.insert(Clue::new("repeat-supply", false, evidence, money).saying(surplus, 14.0));
        }
    }
}

/// The amounts of what was handed out; the bills' common share is the fund's.
fn supply_money(halves: &[&&Half]) -> Money {
    let amount = halves.iter().map(|half| half.amount).sum::<Option<i128>>();
    let bills: BTreeMap<&String, (Option<i128>, Option<i128>)> =
        halves.iter().filter(|half| half.prescription.is_none()).map(|half| (&half.evidence.1, (half.paid, half.scope))).collect();
    if bills.is_empty() {
        return Money::unbilled(amount);
    }
    let (paid, scope) = (bills.values().map(|bill| bill.0).sum(), bills.values().map(|bill| bill.1).sum());
    let by_item = halves.iter().filter(|half| half.prescription.is_none()).all(|half| paid_by_item(&half.med_type));
    Money::of(amount, paid, scope, by_item, false)
}

/// Stays, day surgery and home beds may be paid by the case.
fn paid_by_item(med_type: &str) -> bool {
    ["11", "12", "13", "14", "15", "16", "41", "51", "81", "99"].iter().any(|kind| med_type.starts_with(kind))
}

/// Whether an early refill is natural or means something else.
fn explained(earlier: &Supply<'_>, later: &Supply<'_>) -> bool {
    let like = |a: f64, b: f64| a < 1.5 * b && b < 1.5 * a;
    let same_item = || earlier.drug.code == later.drug.code && earlier.price.zip(later.price).is_some_and(|(a, b)| like(a, b));
    let raised = match (later.daily.zip(earlier.daily), later.rate.zip(earlier.rate)) {
        (Some((later, earlier)), _) => later > earlier,
        // As much as a day by the days declared, up to rounding.
        (None, Some((later, earlier))) if same_item() => later > earlier * (1.0 + 1e-9),
        // Who cannot tell accuses nobody.
        _ => true,
    };
    let other_insulin = earlier.name.contains("胰岛素") && earlier.name != later.name;
    let holiday = HOLIDAYS.iter().any(|day| (0..=14).contains(&(seconds(day).div_euclid(DAY) - later.time.div_euclid(DAY))));
    // Who prescribed what was bought elsewhere may be the same.
    let known = earlier.institution.is_some() && later.institution.is_some();
    !known
        || earlier.institution == later.institution
        || earlier.drug.release != later.drug.release
        || earlier.discharge
        || later.discharge
        || raised
        || other_insulin
        || holiday
}

/// Acute states that nobody follows up online.
fn is_critical(code: &str) -> bool {
    let category = code.get(..3).unwrap_or_default();
    let ranges = [("I21", "I22"), ("I60", "I62"), ("A40", "A41"), ("T36", "T50")];
    let single = [
        "I26", "I46", "I71.0", "J46", "J80", "J81", "J96.0", "K35", "K56", "K65.0", "K85", "K92.0", "K92.1", "K92.2", "N17", "G00", "G41",
        "O00", "O15", "R40.2", "R57", "E10.0", "E10.1", "E11.0", "E11.1", "E14.0", "E14.1", "S06.4", "S06.5", "S06.6", "T58", "T60",
        "T78.0", "T78.2", "T79.4", "T88.6",
    ];
    ranges.iter().any(|(from, to)| *from <= category && category <= *to) || single.iter().any(|start| code.starts_with(start))
}

/// An ICD code of a disease: no reason for contact (Z), no code of another kind.
fn is_disease(code: &str) -> bool {
    let bytes = code.as_bytes();
    bytes.len() >= 3 && bytes[0].is_ascii_uppercase() && bytes[0] != b'Z' && bytes[1].is_ascii_digit()
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
