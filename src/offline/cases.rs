//! Runs the cases that stand in rule files through the whole engine: a case's
//! events over valid default events, then a watermark past everything, then
//! whatever the engine still has to do.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::decimal as amount;
use crate::base::ids::PARTIALS_INPUT;
use crate::base::pseudonym::IdentityKey;
use crate::base::record::Message;
use crate::base::record::Messages;
use crate::base::time::Civil;
use crate::codecs::json::peek_event_time;
use crate::engine::Engine;
use crate::engine::effects::Closing;
use crate::engine::effects::Counts;
use crate::engine::effects::Effects;
use crate::engine::effects::RuleTally;
use crate::engine::settings::EngineSettings;
use crate::engine::shard::Shard;
use crate::events::EVENT_TYPES;
use crate::events::InputId;
use crate::events::PRESCRIPTION_INPUT;
use crate::events::SETTLEMENT_INPUT;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::offline::case_baseline;
use crate::reference::snapshot::Snapshot;
use crate::ruleset::compile::RuleSet;
use crate::ruleset::decimal::Decimal;
use crate::ruleset::doc::CaseDoc;
use crate::ruleset::doc::CaseEvent;
use crate::ruleset::doc::Row;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::json::Json;
use crate::ruleset::words::Expect;

/// Epochs after the end of the inputs: far more than a case needs.
const EPOCHS_MAX: u64 = 1_000;

/// What a rule said about a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub said: Expect,
    pub grades: Vec<String>,
    /// `vola_amt` of the clues together, in 分; `None` if one has none.
    pub money: Option<i64>,
    /// Checks on data quality that counted something.
    pub quality: BTreeSet<String>,
    /// Why it was unknown, or which rejects there were: for the message.
    pub notes: Vec<String>,
}

/// A case that came out otherwise than it says.
#[derive(Clone, Debug)]
pub struct Failure {
    pub rule: String,
    pub case: String,
    pub message: String,
}

/// Runs all cases of a rule.
pub fn run(rule: &RuleDoc, rules: &Arc<RuleSet>, references: &Arc<Snapshot>) -> Vec<Failure> {
    let mut failures = Vec::new();
    for case in &rule.cases {
        let outcome = match run_case(rule, case, rules, references) {
            Ok(outcome) => outcome,
            Err(message) => {
                failures.push(Failure { rule: rule.id.clone(), case: case.name.clone(), message });
                continue;
            }
        };
        let mut message = None;
        if outcome.said != case.expect {
            message = Some(format!("expected {}, the rule said {}", case.expect, outcome.said));
        } else if let Some(grade) = case.grade
            && outcome.grades.iter().any(|told| told != grade.name())
        {
            message = Some(format!("expected grade {grade}, the rule said {}", outcome.grades.join(", ")));
        } else if let Some(money) = case.money
            && outcome.money != money.scaled(2)
        {
            let told = outcome.money.map_or_else(|| "none".to_owned(), |fen| amount::Decimal::yuan(fen).to_string());
            message = Some(format!("expected money {money}, the rule said {told}"));
        } else if let Some(quality) = &case.data_quality
            && outcome.quality != quality.iter().cloned().collect()
        {
            let counted: Vec<&str> = outcome.quality.iter().map(String::as_str).collect();
            message = Some(format!("expected data quality [{}], the rule counted [{}]", quality.join(", "), counted.join(", ")));
        }
        if let Some(mut message) = message {
            if !outcome.notes.is_empty() {
                message.push_str(&format!(" ({})", outcome.notes.join("; ")));
            }
            failures.push(Failure { rule: rule.id.clone(), case: case.name.clone(), message });
        }
    }
    failures
}

/// # Errors
/// If the case's baseline is none.
pub fn run_case(rule: &RuleDoc, case: &CaseDoc, rules: &Arc<RuleSet>, references: &Arc<Snapshot>) -> Result<Outcome, String> {
    let mut seen = Seen::default();
    for step in steps(rule, case, rules, references)? {
        seen.note(rule, &step);
    }
    Ok(seen.outcome())
}

/// What the engine wants done after a run of messages or at the end of an epoch.
#[derive(Debug, Default)]
pub struct Step {
    pub records: Vec<Record>,
    pub rules: BTreeMap<String, RuleTally>,
    /// Of the messages, if there were any.
    pub counts: Counts,
}

impl From<Effects> for Step {
    fn from(effects: Effects) -> Self {
        Self { records: effects.records, rules: effects.rules, counts: effects.counts }
    }
}

impl From<Closing> for Step {
    fn from(closing: Closing) -> Self {
        Self { records: closing.records, rules: closing.rules, counts: Counts::default() }
    }
}

/// What the engine does about a case's events and about their end.
///
/// # Errors
/// If the case's baseline is none.
pub fn steps(rule: &RuleDoc, case: &CaseDoc, rules: &Arc<RuleSet>, references: &Arc<Snapshot>) -> Result<Vec<Step>, String> {
    let references = &case_baseline::laid_over(references, rule, case)?;
    let mut settings = EngineSettings::default();
    let complete_from = case.settings.complete_from.or(chrono::NaiveDate::from_ymd_opt(2024, 1, 1));
    for input in &mut settings.inputs {
        input.complete_from = complete_from.map(Civil::from_date);
    }
    if let Some(from) = case.settings.prescriptions_complete_from {
        settings.inputs[PRESCRIPTION_INPUT].complete_from = Some(Civil::from_date(from));
    }
    settings.clues_from = case.settings.clues_from.map(Civil::from_date);
    settings.covered_areas = case.settings.covered_areas.clone().unwrap_or_default();
    let key = IdentityKey::from_bytes(&[7; 32]);
    let engine = Arc::new(Engine::new(Arc::clone(rules), Arc::clone(references), settings, key));
    let mut shard = Shard::new(Arc::clone(&engine), 0);
    let mut done: Vec<Step> = Vec::new();
    let mut partials = Partials::default();
    for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
        done.push(shard.step(input, &messages(case, input, &engine), 1, false).into());
    }
    close(&mut shard, 1, &mut partials, &mut done);
    for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
        done.push(shard.step(input, &End, 2, false).into());
    }
    let mut working = close(&mut shard, 2, &mut partials, &mut done);
    let mut epoch = 3;
    while (working || !partials.is_empty()) && epoch < EPOCHS_MAX {
        if !partials.is_empty() {
            done.push(shard.step(PARTIALS_INPUT, &partials, epoch, false).into());
            partials.read();
        }
        working = close(&mut shard, epoch, &mut partials, &mut done);
        epoch += 1;
    }
    Ok(done)
}

/// Ends an epoch, and says whether there was work; what it sends to itself
/// waits in `partials`.
fn close(shard: &mut Shard, epoch: u64, partials: &mut Partials, done: &mut Vec<Step>) -> bool {
    let closing = shard.close_epoch(epoch, false);
    let worked = closing.worked;
    let sent = closing.records.iter().filter(|record| record.output == Output::Partials);
    partials.rows.extend(sent.filter_map(|record| record.value.clone()));
    done.push(closing.into());
    worked
}

/// One word about a clue.
struct Word {
    status: String,
    grade: String,
    /// `vola_amt` in 分.
    money: Option<i64>,
}

/// What the steps of a case told about its rule.
#[derive(Default)]
struct Seen {
    /// By clue id: the last word counts.
    clues: BTreeMap<Vec<u8>, Word>,
    unknown: BTreeMap<String, u64>,
    quality: BTreeSet<String>,
    notes: Vec<String>,
}

impl Seen {
    fn note(&mut self, rule: &RuleDoc, step: &Step) {
        for record in &step.records {
            let header =
                |name: &str| record.headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.clone()).unwrap_or_default();
            if header("rule") == rule.id {
                let word = Word { status: header("status"), grade: header("grade"), money: vola_amt(record.value.as_deref()) };
                self.clues.insert(record.key.clone().unwrap_or_default(), word);
            } else if !header("class").is_empty() {
                self.notes.push(format!("rejected as {}: {}", header("class"), header("reason")));
            }
        }
        for (_, table, column, fault) in step.counts.field_faults.keys() {
            self.notes.push(format!("field fault in {table}.{column}: {}", fault.name()));
        }
        if let Some(tally) = step.rules.get(&rule.id) {
            for (reason, count) in &tally.unknown {
                *self.unknown.entry(reason.clone()).or_default() += count;
            }
            self.quality.extend(tally.quality.keys().cloned());
        }
    }

    fn outcome(mut self) -> Outcome {
        let effective: Vec<&Word> = self.clues.values().filter(|word| word.status != "RETRACTED").collect();
        let grades: Vec<String> = effective.iter().map(|word| word.grade.clone()).collect();
        let money = effective.iter().map(|word| word.money).sum();
        let said = match (grades.is_empty(), self.unknown.is_empty()) {
            (false, _) => Expect::Clue,
            (true, false) => Expect::Unknown,
            (true, true) => Expect::Quiet,
        };
        self.notes.extend(self.unknown.into_iter().map(|(reason, count)| format!("unknown {reason} x{count}")));
        Outcome { said, grades, money, quality: self.quality, notes: self.notes }
    }
}

fn vola_amt(clue: Option<&[u8]>) -> Option<i64> {
    let amount = sonic_rs::get_from_slice(clue?, ["finding", "money", "vola_amt"]).ok()?;
    Decimal::parse(amount.as_raw_str()).and_then(|amount| amount.scaled(2))
}

/// A message on the end of each input.
struct End;

impl Messages for End {
    fn len(&self) -> usize {
        1
    }
    fn get(&self, _: usize) -> Message<'_> {
        Message { offset: 1_000_000, timestamp_ms: 0, key: None, value: None, watermark: Some(b"end") }
    }
}

/// Blocks that the shard sent to itself and has not read.
#[derive(Default)]
struct Partials {
    rows: Vec<Vec<u8>>,
    /// Of the first of them.
    offset: i64,
}

impl Partials {
    fn read(&mut self) {
        self.offset += i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        self.rows.clear();
    }
}

impl Messages for Partials {
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn get(&self, idx: usize) -> Message<'_> {
        let offset = self.offset + i64::try_from(idx).unwrap_or(i64::MAX);
        Message { offset, timestamp_ms: 0, key: None, value: self.rows.get(idx).map(Vec::as_slice), watermark: None }
    }
}

struct Texts {
    rows: Vec<(Vec<u8>, i64)>,
}

impl Messages for Texts {
    fn len(&self) -> usize {
        self.rows.len()
    }
    fn get(&self, idx: usize) -> Message<'_> {
        let (value, timestamp_ms) = &self.rows[idx];
        let offset = i64::try_from(idx).unwrap_or(i64::MAX);
        Message { offset, timestamp_ms: *timestamp_ms, key: None, value: Some(value), watermark: None }
    }
}

/// A case's events as messages, in its order: input and text.
pub fn events(case: &CaseDoc) -> impl Iterator<Item = (InputId, Vec<u8>)> {
    twins(case).map(|(event, input, twin)| (input, message(event, input, &twin).into_bytes()))
}

/// A case's events as often as it says, with the number of each.
fn twins(case: &CaseDoc) -> impl Iterator<Item = (&CaseEvent, InputId, Twin)> {
    let known = case.events.iter().enumerate().filter_map(|(idx, event)| {
        let input = EVENT_TYPES.iter().position(|kind| kind.name == event.event_type)?;
        Some((idx, event, input))
    });
    known.flat_map(|(idx, event, input)| (0..event.times).map(move |again| (event, input, Twin { idx, again })))
}

/// Which of a case's events, and which of those alike.
struct Twin {
    idx: usize,
    again: u32,
}

impl Twin {
    /// A number of its own: the first has the one that is written.
    fn number(&self, written: &str) -> String {
        if self.again == 0 { written.to_owned() } else { format!("{written}-{}", self.again) }
    }
}

/// Institution and time of each bill of a case, as they are written.
pub(super) fn bills(case: &CaseDoc) -> Vec<(String, String)> {
    let bills = twins(case).filter(|(_, input, _)| *input == SETTLEMENT_INPUT);
    let field = |header: &Row, name: &str| {
        let columns = EVENT_TYPES[SETTLEMENT_INPUT].header.columns;
        let spellings = columns.iter().find(|column| column.name == name).map(crate::events::Column::spellings).unwrap_or_default();
        let value = header.iter().find(|(own, _)| spellings.contains(own)).map(|(_, value)| value);
        value.and_then(|value| if let Json::Text(text) = value { Some(text.clone()) } else { None }).unwrap_or_default()
    };
    let of = |(event, input, twin): (&CaseEvent, InputId, Twin)| {
        let header = header_of(event, input, &twin);
        (field(&header, "fixmedins_code"), field(&header, "setl_time"))
    };
    bills.map(of).collect()
}

fn messages(case: &CaseDoc, input: InputId, engine: &Engine) -> Texts {
    let own = events(case).filter(|(of, _)| *of == input);
    let rows = own
        .map(|(_, value)| {
            let time = peek_event_time(EVENT_TYPES[input], &value);
            let timestamp_ms = time.map_or(0, |time| engine.settings.zone.utc_ms(time));
            (value, timestamp_ms)
        })
        .collect();
    Texts { rows }
}

fn text(value: &str) -> Json {
    Json::Text(value.to_owned())
}

fn number(digits: &str) -> Json {
    Json::Number(digits.to_owned())
}

/// The default header with the case's fields laid over it. Twins differ in
/// what names the event and its visit.
fn header_of(event: &CaseEvent, input: InputId, twin: &Twin) -> Row {
    let columns = EVENT_TYPES[input].header.columns;
    let default = if input == SETTLEMENT_INPUT { settlement_header(twin.idx) } else { prescription_header(twin.idx) };
    let mut header = overlay(columns, default, &event.header);
    let names = columns.iter().filter(|column| ["setl_id", "mdtrt_id", "hosp_rxno"].contains(&column.name));
    let spellings: Vec<String> = names.flat_map(crate::events::Column::spellings).collect();
    for (name, value) in &mut header {
        if let Json::Text(text) = value
            && spellings.contains(name)
        {
            *text = twin.number(text);
        }
    }
    header
}

/// The event as JSON: the default with the case's fields laid over it.
fn message(event: &CaseEvent, input: InputId, twin: &Twin) -> String {
    let bill = input == SETTLEMENT_INPUT;
    let kind = EVENT_TYPES[input];
    let mut header = header_of(event, input, twin);
    let default_line = if bill { settlement_line() } else { prescription_line() };
    let given: Vec<Row> = if event.lines.is_empty() { vec![Vec::new()] } else { event.lines.clone() };
    let lines = given.iter().enumerate().map(|(place, row)| {
        let mut line = default_line.clone();
        if bill {
            line.insert(0, ("feedetl_sn".to_owned(), text(&(place + 1).to_string())));
            // A line happens when its visit does, unless the case says otherwise.
            let time = header.iter().find(|(name, _)| name == "begntime").map(|(_, value)| value.clone());
            line.push(("fee_ocur_time".to_owned(), time.unwrap_or(Json::Null)));
        }
        let mut line = overlay(kind.lines().table.columns, line, row);
        if bill && !row.iter().any(|(name, _)| name == "det_item_fee_sumamt") {
            amount_of(&mut line);
        }
        Json::Map(line)
    });
    let lines: Vec<Json> = lines.collect();
    let default_diagnoses =
        vec![vec![("diag_type".to_owned(), text("1")), ("maindiag_flag".to_owned(), text("1")), ("diag_code".to_owned(), text("J06.9"))]];
    let diagnoses = event.diagnoses.clone().unwrap_or(default_diagnoses).into_iter().map(Json::Map).collect();
    header.push((kind.lines().lists[0].to_owned(), Json::List(lines)));
    header.push(("diseinfo".to_owned(), Json::List(diagnoses)));
    if !event.operations.is_empty() {
        header.push(("oprninfo".to_owned(), Json::List(event.operations.iter().cloned().map(Json::Map).collect())));
    }
    Json::Map(header).to_text()
}

/// The line's amount is quantity times price where the case gives only those.
fn amount_of(line: &mut Row) {
    let digits = |line: &Row, name: &str| {
        line.iter().find(|(own, _)| own == name).and_then(|(_, value)| match value {
            Json::Number(digits) | Json::Text(digits) => crate::ruleset::decimal::Decimal::parse(digits)?.scaled(4),
            _ => None,
        })
    };
    let (Some(cnt), Some(pric)) = (digits(line, "cnt"), digits(line, "pric")) else { return };
    let fen = crate::base::decimal::divide_round(i128::from(cnt) * i128::from(pric), 1_000_000);
    let amount = crate::base::decimal::Decimal::new(fen, 2).to_string();
    for (name, value) in line.iter_mut() {
        if name == "det_item_fee_sumamt" {
            *value = Json::Number(amount.clone());
        }
    }
}

/// Lays `given` over `base`: any spelling of a column takes the place of the default.
fn overlay(columns: &[crate::events::Column], mut base: Row, given: &Row) -> Row {
    for (name, value) in given {
        let column = columns.iter().find(|column| column.spellings().contains(name));
        let canonical = column.map_or(name.as_str(), |column| column.name);
        base.retain(|(own, _)| own != canonical);
        base.push((name.clone(), value.clone()));
    }
    base
}

fn row(fields: &[(&str, Json)]) -> Row {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn settlement_header(idx: usize) -> Row {
    row(&[
        ("setl_id", text(&format!("S{idx:05}"))),
        ("mdtrt_id", text(&format!("M{idx:05}"))),
        ("psn_no", text("P00000000000000001")),
        ("gend", text("2")),
        ("brdy", text("1986-01-15")),
        ("insutype", text("310")),
        ("insu_admdvs", text("990101")),
        ("fixmedins_code", text("H99010100002")),
        ("fixmedins_name", text("青禾区中医医院")),
        ("fix_blng_admdvs", text("990101")),
        ("hosp_lv", text("05")),
        ("med_type", text("11")),
        ("setl_time", text("2026-03-10 10:00:00")),
        ("begntime", text("2026-03-10 09:00:00")),
        ("medfee_sumamt", number("10.00")),
        ("fulamt_ownpay_amt", number("0.00")),
        ("overlmt_selfpay", number("0.00")),
        ("preselfpay_amt", number("0.00")),
        ("inscp_scp_amt", number("10.00")),
        ("fund_pay_sumamt", number("7.00")),
        ("hifp_pay", number("7.00")),
        ("acct_pay", number("0.00")),
        ("acct_mulaid_pay", number("0.00")),
        ("psn_cash_pay", number("3.00")),
    ])
}

fn settlement_line() -> Row {
    row(&[
        ("med_list_codg", text("XJ01CAA027E001010199901")),
        ("medins_list_name", text("阿莫西林胶囊")),
        ("list_type", text("101")),
        ("chrgitm_lv", text("01")),
        ("cnt", number("1")),
        ("pric", number("10.00")),
        ("det_item_fee_sumamt", number("10.00")),
        ("pric_uplmt_amt", number("999999")),
        ("fulamt_ownpay_amt", number("0.00")),
        ("overlmt_amt", number("0.00")),
        ("inscp_scp_amt", number("10.00")),
        ("hosp_appr_flag", text("0")),
        ("rx_circ_flag", text("0")),
        ("bilg_dept_codg", text("A03")),
        ("bilg_dr_codg", text("D990101000001")),
    ])
}

fn prescription_header(idx: usize) -> Row {
    row(&[
        ("hosp_rxno", text(&format!("RX{idx:05}"))),
        ("biz_type_code", text("01")),
        ("psn_no", text("P00000000000000001")),
        ("gend", text("2")),
        ("brdy", text("1986-01-15")),
        ("patn_age", number("40")),
        ("insu_plc_no", text("990101")),
        ("mdtrtarea_no", text("990101")),
        ("fixmedins_code", text("H99010100002")),
        ("fixmedins_name", text("青禾区中医医院")),
        ("mdtrt_id", text(&format!("MR{idx:05}"))),
        ("med_type", text("11")),
        ("otp_ipt_flag", text("1")),
        ("prsc_time", text("2026-03-10 09:30:00")),
        ("dr_code", text("D990101000001")),
    ])
}

fn prescription_line() -> Row {
    row(&[
        ("med_list_codg", text("XJ01CAA027E001010199901")),
        ("drug_genname", text("阿莫西林胶囊")),
        ("drug_dosform", text("胶囊剂")),
        ("medc_days", number("3")),
        ("sin_dosunt", text("粒")),
        ("sin_doscnt", number("1")),
        ("used_frqu_codg", text("tid")),
        ("drug_cnt", number("1")),
        ("drug_dosunt", text("盒")),
    ])
}
