//! The feed as a stream: a day is planned, its messages are put in the order of
//! arrival, and each is written only when it is asked for.

use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;
use crate::codecs::RejectClass;
use crate::events::EVENT_TYPES;
use crate::events::InputId;
use crate::events::PRESCRIPTION_INPUT;
use crate::events::SETTLEMENT_INPUT;

use super::SynthSettings;
use super::amend;
use super::amend::Amended;
use super::city::City;
use super::day;
use super::everyday::Everyday;
use super::everyday::Plan;
use super::model::Bill;
use super::model::Doc;
use super::plants::Truth;
use super::plants::is_corrected;
use super::plants::plant;
use super::random::mix;
use super::stage::Scripted;
use super::stage::Stage;
use super::text::Id;
use super::traps::TrapKind;
use super::traps::reject_message;
use super::traps::trap_variant;
use super::write::Layout;

/// Stays among settlements, without their interim bills.
const STAYS_PER_MILLE: u64 = 90;
/// Numbers of what becomes of ordinary messages, step by step, lie so far above theirs.
const AMENDED: u64 = 100_000_000;

/// One message of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    pub input: InputId,
    pub event_time: Civil,
    /// Record timestamp: event time in the settings' zone and a delay, in ms.
    pub timestamp_ms: i64,
    /// The raw `psn_no`, which is the record's key.
    pub person: String,
    /// The payload. A reject of class tombstone has none: send no value.
    pub json: Vec<u8>,
    /// Place in [`Generator::truths`] of the case that is anchored here.
    pub truth: Option<usize>,
    /// The class with which it must be rejected.
    pub reject: Option<RejectClass>,
    /// It is written as a trap, which says what must become of it.
    pub trap: Option<TrapKind>,
    /// It repeats an earlier message byte for byte.
    pub duplicate: bool,
}

impl Default for Generated {
    fn default() -> Self {
        Self {
            input: SETTLEMENT_INPUT,
            event_time: Civil(0),
            timestamp_ms: 0,
            person: String::new(),
            json: Vec::with_capacity(4096),
            truth: None,
            reject: None,
            trap: None,
            duplicate: false,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum What {
    Everyday(Plan),
    /// What becomes of it: the step, and seconds after it.
    Amended(Plan, Amended, u8, u32),
    /// Place in `scripted`.
    Planted(u32),
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    at_ms: i64,
    /// Breaks ties of `at_ms`: number of the message, then its copies.
    order: (u64, u8),
    what: What,
    reject: Option<RejectClass>,
}

/// The stream of messages; see [`super::generate`].
#[derive(Debug)]
pub struct Generator<'c> {
    city: &'c City,
    settings: SynthSettings,
    layouts: [Layout; 3],
    everyday: Everyday<'c>,
    scripted: Vec<Scripted>,
    truths: Vec<Truth>,
    /// Places in `scripted` by time.
    by_time: Vec<u32>,
    next_scripted: usize,
    day: i64,
    end: i64,
    /// Everyday bills, prescriptions and stays in all, and planned so far.
    quota: [u64; 3],
    planned: [u64; 3],
    weight: u64,
    weight_all: u64,
    waiting: Vec<Waiting>,
    ready: usize,
    at: usize,
    rejected: u64,
}

impl<'c> Generator<'c> {
    pub(super) fn new(settings: &SynthSettings, city: &'c City) -> Self {
        let (first, live, end) = (day(settings.first_day()), day(settings.live_first()), day(settings.end()));
        let stage = plant(Stage::new(city, settings.seed, first, live, end - 1), |pattern| {
            let told = settings.corrections > 0.0 || !is_corrected(pattern);
            if told { settings.times(pattern.rule, pattern.kind) } else { 0 }
        });
        let (scripted, truths) = (stage.scripted, stage.truths);
        let mut by_time: Vec<u32> = (0..scripted.len() as u32).collect();
        by_time.sort_by_key(|idx| (scripted[*idx as usize].time(), scripted[*idx as usize].number));
        let prescriptions = scripted.iter().filter(|message| matches!(message.doc, Doc::Prescription(_))).count() as u64;
        let bills = scripted.len() as u64 - prescriptions;
        let last = Civil(end * SECONDS_PER_DAY - 1);
        Self {
            city,
            layouts: Layout::vendors(),
            everyday: Everyday::new(city, settings, first, live, last),
            scripted,
            truths,
            by_time,
            next_scripted: 0,
            day: first,
            end,
            quota: [
                settings.settlements.saturating_sub(bills),
                settings.prescriptions.saturating_sub(prescriptions),
                // Whatever is planted beside them.
                settings.settlements * STAYS_PER_MILLE / 1000,
            ],
            planned: [0; 3],
            weight: 0,
            weight_all: (first..end).map(weight_of).sum(),
            waiting: Vec::new(),
            ready: 0,
            at: 0,
            rejected: 0,
            settings: settings.clone(),
        }
    }

    /// All planted cases, whether already generated or not.
    pub fn truths(&self) -> &[Truth] {
        &self.truths
    }

    /// How many messages will come; rejects, repeats and what corrects ordinary ones are not counted.
    pub fn messages(&self) -> u64 {
        self.quota[0] + self.quota[1] + self.scripted.len() as u64
    }

    /// Writes the next message into `out`, whose buffers are used again.
    ///
    /// Returns whether there was one.
    pub fn next_into(&mut self, out: &mut Generated) -> bool {
        while self.at == self.ready {
            if !self.plan_day() {
                return false;
            }
        }
        let waiting = self.waiting[self.at];
        self.at += 1;
        match waiting.what {
            What::Everyday(plan) => {
                let mut doc = self.everyday.compose(&plan);
                if let Doc::Bill(bill) = &mut doc
                    && self.amended(&plan).contains(&Amended::SecondUpload)
                {
                    let own = amend::upload(self.city, bill);
                    bill.own.push(own);
                }
                write(self.city, &self.layouts, &doc, out);
                out.truth = None;
            }
            What::Amended(plan, amended, step, after) => {
                let doc = amended.of(self.city, &self.everyday.compose(&plan), amended_number(&plan, step), i64::from(after));
                write(self.city, &self.layouts, &doc, out);
                out.truth = None;
            }
            What::Planted(idx) => {
                let message = &self.scripted[idx as usize];
                write(self.city, &self.layouts, &message.doc, out);
                out.truth = message.truth;
            }
        }
        out.timestamp_ms = waiting.at_ms;
        out.duplicate = waiting.order.1 == 1;
        out.reject = waiting.reject;
        out.trap = None;
        if let Some(class) = waiting.reject {
            out.truth = None;
            let broken = reject_message(EVENT_TYPES[out.input], &out.json, class, waiting.order.0);
            out.json = broken.unwrap_or_default();
        } else if let Some(kind) = self.trap(waiting.order.0, out.input) {
            out.json = trap_variant(EVENT_TYPES[out.input], &out.json, kind);
            out.trap = Some(kind);
        }
        true
    }

    fn trap(&self, number: u64, input: InputId) -> Option<TrapKind> {
        let kinds = if self.chance(number, 1, self.settings.traps) {
            TrapKind::SAME
        } else if self.chance(number, 6, self.settings.bad_values) {
            TrapKind::BAD[input]
        } else {
            return None;
        };
        Some(kinds[(mix(number, 2) % kinds.len() as u64) as usize])
    }

    /// A decision about a message that no other decision depends on.
    fn chance(&self, number: u64, salt: u64, share: f64) -> bool {
        share > 0.0 && ((mix(mix(self.settings.seed, salt), number) >> 11) as f64) < share * (1u64 << 53) as f64
    }

    /// Plans the next day, or lets out what still waits after the last one.
    ///
    /// Returns whether anything is left.
    fn plan_day(&mut self) -> bool {
        self.waiting.drain(..self.at);
        self.at = 0;
        self.ready = 0;
        if self.day == self.end {
            self.ready = self.waiting.len();
            return self.ready > 0;
        }
        for plan in self.plan_everyday() {
            self.wait(plan.number, plan.time, What::Everyday(plan), None, plan.is_prescription());
            self.wait_amended(&plan);
        }
        while let Some(idx) = self.by_time.get(self.next_scripted).copied() {
            let message = &self.scripted[idx as usize];
            if message.time().day() > self.day {
                break;
            }
            let is_prescription = matches!(message.doc, Doc::Prescription(_));
            self.wait(message.number, message.time(), What::Planted(idx), message.delay, is_prescription);
            self.next_scripted += 1;
        }
        self.waiting.sort_unstable_by_key(|waiting| (waiting.at_ms, waiting.order));
        self.day += 1;
        let next = self.settings.zone.utc_ms(Civil(self.day * SECONDS_PER_DAY));
        // Later days' messages are stamped no earlier than their day begins.
        self.ready = self.waiting.partition_point(|waiting| waiting.at_ms < next);
        true
    }

    /// What becomes of an ordinary message.
    fn amended(&self, plan: &Plan) -> &'static [Amended] {
        if !self.chance(plan.number, 8, self.settings.corrections) {
            return &[];
        }
        amend::steps(plan.is_prescription(), plan.is_purchase(), mix(plan.number, 9))
    }

    fn wait_amended(&mut self, plan: &Plan) {
        let mut after = 0;
        for (step, amended) in (1..).zip(self.amended(plan)) {
            let number = amended_number(plan, step);
            after += 600 + mix(number, 10) as u32 % 80_000;
            let time = plan.time.plus_seconds(if amended.has_own_time() { i64::from(after) } else { 0 });
            let delay = (!amended.has_own_time()).then_some(i64::from(after));
            self.wait(number, time, What::Amended(*plan, *amended, step, after), delay, plan.is_prescription());
        }
    }

    /// What ordinary life plans for the day.
    fn plan_everyday(&mut self) -> Vec<Plan> {
        self.weight += weight_of(self.day);
        let mut share = [0; 3];
        for idx in 0..3 {
            let until = (u128::from(self.quota[idx]) * u128::from(self.weight) / u128::from(self.weight_all)) as u64;
            share[idx] = until - self.planned[idx];
            self.planned[idx] = until;
        }
        let mut plans = Vec::new();
        self.everyday.day(self.day, share, &mut plans);
        plans
    }

    /// The bills of ordinary life on the days before `until`, without what is planted.
    pub(super) fn ordinary_bills(mut self, until: i64, mut each: impl FnMut(&Bill)) {
        while self.day < until {
            for plan in self.plan_everyday() {
                if plan.time.day() >= until {
                    continue;
                }
                if let Doc::Bill(bill) = self.everyday.compose(&plan) {
                    each(&bill);
                }
            }
            self.day += 1;
        }
    }

    fn wait(&mut self, number: u64, time: Civil, what: What, delay: Option<i64>, is_prescription: bool) {
        let hash = mix(self.settings.seed ^ 0xDE1A, number);
        let seconds = delay.unwrap_or_else(|| {
            if self.chance(number, 3, self.settings.late) {
                3600 + (hash % 169_000) as i64
            } else {
                // Half of all messages take less than four minutes.
                let part = (hash % 3600) as i64;
                part * part / 3600 * part / 3600
            }
        });
        let at_ms = self.settings.zone.utc_ms(time) + seconds * 1000 + (hash >> 32) as i64 % 1000;
        let add = |waiting: &mut Vec<Waiting>, at_ms, copy, reject| waiting.push(Waiting { at_ms, order: (number, copy), what, reject });
        add(&mut self.waiting, at_ms, 0, None);
        if self.chance(number, 4, self.settings.duplicates) {
            add(&mut self.waiting, at_ms + 1 + (hash >> 16) as i64 % 3_600_000, 1, None);
        }
        if self.chance(number, 5, self.settings.rejects) {
            let class = self.next_reject(is_prescription);
            add(&mut self.waiting, at_ms, 2, Some(class));
        }
    }

    /// The classes that a message of this kind can have, in turn.
    fn next_reject(&mut self, is_prescription: bool) -> RejectClass {
        loop {
            let class = RejectClass::ALL[self.rejected as usize % RejectClass::ALL.len()];
            self.rejected += 1;
            let needs_bill = matches!(class, RejectClass::Total | RejectClass::LineKey);
            if class != RejectClass::WrongPartition && !(is_prescription && needs_bill) {
                return class;
            }
        }
    }
}

impl Iterator for Generator<'_> {
    type Item = Generated;

    fn next(&mut self) -> Option<Generated> {
        let mut out = Generated::default();
        self.next_into(&mut out).then_some(out)
    }
}

fn amended_number(plan: &Plan, step: u8) -> u64 {
    plan.number + AMENDED * u64::from(step)
}

/// Weekends are quieter.
fn weight_of(day: i64) -> u64 {
    // 1970-01-01 was a Thursday.
    if (day + 3).rem_euclid(7) >= 5 { 5 } else { 9 }
}

fn write(city: &City, layouts: &[Layout; 3], doc: &Doc, out: &mut Generated) {
    out.json.clear();
    let (institution, person) = match doc {
        Doc::Bill(bill) => (bill.institution, bill.person.id()),
        Doc::Prescription(rx) => (rx.institution, rx.person.id()),
    };
    // Three of five institutions bought from the first vendor.
    let layout = &layouts[[0, 1, 0, 2, 0][institution as usize % 5]];
    match doc {
        Doc::Bill(bill) => {
            (out.input, out.event_time) = (SETTLEMENT_INPUT, bill.time);
            layout.bill(&mut out.json, city, bill);
        }
        Doc::Prescription(rx) => {
            (out.input, out.event_time) = (PRESCRIPTION_INPUT, rx.time);
            layout.prescription(&mut out.json, city, rx);
        }
    }
    key(person, &mut out.person);
}

fn key(person: Id, out: &mut String) {
    let mut bytes = std::mem::take(out).into_bytes();
    bytes.clear();
    person.push(&mut bytes);
    *out = String::from_utf8(bytes).unwrap_or_default();
}
