//! What the shipped rules find in a list of events, computed a second time:
//! straight over the messages and the reference tables, person by person, with
//! nothing of the program's evaluators, states or expressions.
//!
//! Written from the meaning of the rules. Where a message says too little to
//! decide, nothing is found.
#![allow(dead_code, unused_imports, reason = "every test binary uses a part of it")]

mod bills;
mod clue;
mod dosage;
mod first_visits;
mod limits;
mod payment;
mod prescriptions;
mod registry;
mod repeats;
mod supplies;
mod tables;
mod told;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

use chrono::NaiveDate;
use serde_json::Value;

pub use clue::Clue;
pub use clue::Effective;
pub use clue::check_equal;
pub use tables::Tables;
use told::Fields;
use told::canonical;
use told::seconds;

const DAY: i64 = 86_400;

/// What is known of a feed beside its messages.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    /// Go-live: what is older tells nothing.
    pub live: Option<NaiveDate>,
    /// Since when bills are whole, and prescriptions.
    pub whole: [Option<NaiveDate>; 2],
    /// Prefixes of the areas that it covers; empty: all.
    pub covered: Vec<String>,
}

impl Feed {
    fn is_live(&self, event_time: i64) -> bool {
        self.live.is_none_or(|live| event_time >= seconds(&live.to_string()))
    }

    /// Whether messages of an input were whole for so many days before a time.
    fn is_long(&self, input: usize, time: i64, days: i64) -> bool {
        self.whole[input].is_some_and(|since| time.div_euclid(DAY) - seconds(&since.to_string()).div_euclid(DAY) >= days)
    }

    fn covers(&self, area: Option<&str>) -> bool {
        self.covered.is_empty() || area.is_some_and(|area| self.covered.iter().any(|prefix| area.starts_with(prefix)))
    }
}

/// A message as later ones of the same person look back at it.
#[derive(Debug, Default)]
struct Event {
    /// 0 a bill, 1 a prescription.
    input: usize,
    id: String,
    /// Of a prescription: its national number, and the number that it continues.
    national: Option<String>,
    original: Option<String>,
    institution: String,
    visit: Option<String>,
    area: String,
    /// Begin of care.
    time: i64,
    event_time: i64,
    online: Option<bool>,
    setting: Option<&'static str>,
    /// The institution's own word about a first visit.
    first: Option<bool>,
    covered: bool,
    /// Entry of the list of chronic diseases, and whether care was for it.
    registered: Option<String>,
    chronic: bool,
    diagnoses: Vec<String>,
    /// With the time of each.
    substances: Vec<(String, i64)>,
    /// Whether an operation or anaesthesia was billed.
    operation: bool,
    /// When a pharmacist audited it.
    audited: Option<i64>,
    long: bool,
    born: Option<NaiveDate>,
    stated_age: Option<f64>,
    /// What the funds paid of a bill, and its amount within their scope, in 分.
    paid: Option<i128>,
    scope: Option<i128>,
}

impl Event {
    /// Institution and visit; without a visit the message stands for itself.
    fn place(&self) -> (&str, &str) {
        (&self.institution, self.visit.as_deref().unwrap_or(&self.id))
    }

    fn evidence(&self, line: &str) -> clue::Evidence {
        (["settlement", "prescription"][self.input].to_owned(), self.id.clone(), line.to_owned())
    }
}

#[derive(Default)]
struct Person {
    events: Vec<Event>,
    /// By substance.
    halves: BTreeMap<String, Vec<supplies::Half>>,
}

pub struct Oracle {
    tables: Rc<Tables>,
    feed: Feed,
    persons: BTreeMap<String, Person>,
    seen: HashSet<(usize, String)>,
    found: BTreeSet<Clue>,
}

impl Oracle {
    /// `covered`: the area prefix that the feed holds.
    pub fn new(root: &Path, clues_from: NaiveDate, complete_from: NaiveDate, covered: &str) -> Self {
        let feed = Feed { live: Some(clues_from), whole: [Some(complete_from); 2], covered: vec![covered.to_owned()] };
        Self::over(Rc::new(Tables::read(root)), feed)
    }

    pub fn over(tables: Rc<Tables>, feed: Feed) -> Self {
        Self { tables, feed, persons: BTreeMap::new(), seen: HashSet::new(), found: BTreeSet::new() }
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
            message.forget(canonical(column));
        }
        // Deleted, refunded or a reversal: nothing of it holds.
        if message.is("vali_flag", "0") || message.is("refd_setl_flag", "1") || message.cents("medfee_sumamt").is_some_and(|sum| sum < 0) {
            return;
        }
        let id = message.or_empty(["setl_id", "hosp_rxno"][input]);
        let institution = if input == 0 { String::new() } else { message.or_empty("fixmedins_code") };
        if !self.seen.insert((input, format!("{institution}/{id}"))) {
            return;
        }
        if input == 0 { self.bill(message, id) } else { self.prescription(message, id) }
    }

    /// Everything that is found once all messages are in.
    pub fn clues(mut self) -> BTreeSet<Clue> {
        let mut found = std::mem::take(&mut self.found);
        for person in self.persons.values() {
            found.extend(first_visits::find(&self.tables, &self.feed, person));
            for (substance, halves) in &person.halves {
                let supplies = supplies::join(&self.tables, person, substance, halves);
                for supply in supplies.iter().filter(|supply| self.feed.is_live(supply.event_time)) {
                    found.extend(limits::find(&self.tables, supply));
                }
                found.extend(repeats::find(&self.feed, &supplies));
            }
        }
        found
    }
}

/// Whether a legal basis of a rule was in force.
fn has_basis(rule: &str, time: i64, area: &str) -> bool {
    let since = match rule {
        "pharmacist-audit" | "rx-count" | "special-body" | "ward-1d" => "2007-05-01",
        _ if ["nar-", "mph", "psy2-", "rx-"].iter().any(|start| rule.starts_with(start)) => "2007-05-01",
        "long-rx" => "2021-08-10",
        "online-first" => "2022-03-01",
        "realname" => "2022-02-08",
        "registry-department" => "1994-09-01",
        "registry-doctor" => "2017-04-01",
        "registry-agreement" => "2021-05-01",
        _ if rule.starts_with("online-") || rule == "registry-online" => "2018-07-17",
        "doctor-suspended" => "2024-09-27",
        "guide-price" => "1998-05-01",
        "retail-special" => "2005-11-01",
        // 医疗保障基金使用监督管理条例.
        _ => "2021-05-01",
    };
    let tianjin = ["delivery-fee", "online-critical", "online-needs-exam", "realname"].contains(&rule) && area.starts_with("12");
    time >= seconds(since) || tianjin && time >= seconds("2020-02-13")
}
