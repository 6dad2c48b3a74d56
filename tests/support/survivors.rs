//! What corrections leave of a set of messages, computed from their JSON alone:
//! which of them still say something, and what nobody knows any more.
//!
//! Nothing of the program takes part but its hash of bytes, which decides
//! between versions that nothing else tells apart.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::told::Fields;
use super::told::Net;
use super::told::nets;

/// Place of settlements among the inputs.
pub const BILLS: usize = 0;

/// Person, institution and visit.
pub type Visit = (String, String, String);
/// Bill and number of a line.
pub type LineName = (String, String);

/// What becomes of a line that other messages take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    /// Nobody can say what the rest was.
    Part,
}

#[derive(Debug, Default)]
pub struct Survivors {
    /// Places of the messages that are left, rising.
    pub places: Vec<usize>,
    /// Visits that come to nobody knows what.
    pub doubtful: BTreeSet<Visit>,
    /// Lines of messages that are left.
    pub refunded: BTreeMap<LineName, Left>,
    /// Negative bills that nobody knows what they take back.
    pub unmatched: BTreeSet<String>,
}

/// A version of a settlement or a prescription.
struct Version {
    place: usize,
    /// Among versions of one id the greatest counts: last change, deleted, hash.
    rank: (Option<i64>, bool, u64),
    fields: Fields,
    lines: Vec<Fields>,
}

impl Version {
    fn read(place: usize, json: &[u8]) -> Self {
        let Ok(Value::Object(object)) = serde_json::from_slice(json) else { panic!("a message is an object") };
        let mut fields = Fields::read(object);
        let mut lines = fields.rows("feedetl");
        lines.extend(fields.rows("rxdrugdetail"));
        let rank = (fields.time("updt_time"), fields.is("vali_flag", "0"), xxh3_64(json));
        Self { place, rank, fields, lines }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.fields.text(name)
    }

    fn total(&self) -> Option<i128> {
        self.fields.cents("medfee_sumamt")
    }

    fn id(&self) -> String {
        self.fields.or_empty("setl_id")
    }

    fn refund_flag(&self) -> bool {
        self.fields.is("refd_setl_flag", "1")
    }

    fn is_negative(&self) -> bool {
        self.refund_flag() || self.total().is_some_and(|total| total < 0)
    }

    fn reverses(&self) -> Option<String> {
        self.text("init_setl_id").filter(|original| *original != self.id())
    }

    fn visit(&self) -> Option<Visit> {
        Some((self.fields.or_empty("psn_no"), self.text("fixmedins_code")?, self.text("mdtrt_id")?))
    }

    /// Lines of other messages that lines of this one take back, with the
    /// quantity and amount, the first known of which is below zero.
    /// `matched`: the bill that it takes back without naming it.
    fn takes_back(&self, matched: Option<&String>) -> Vec<Taken> {
        let own: BTreeSet<String> = self.lines.iter().filter_map(|line| line.text("feedetl_sn")).collect();
        let refund = |line: &Fields| {
            let (count, amount) = (line.quantity("cnt"), line.cents("det_item_fee_sumamt"));
            let takes = count.map_or(amount.is_some_and(|amount| amount < 0), |count| count < 0);
            let line_number = line.text("init_feedetl_sn").filter(|original| takes && !own.contains(original))?;
            let place = (self.fields.or_empty("psn_no"), self.fields.or_empty("fixmedins_code"));
            // A bill that is no reversal names no other, whatever stands there.
            let names = self.reverses().filter(|_| self.is_negative()).or(matched.cloned());
            Some(Taken { place, visit: self.text("mdtrt_id"), names, line_number, code: line.text("med_list_codg"), count, amount })
        };
        self.lines.iter().filter_map(refund).collect()
    }
}

/// What one line takes of another.
struct Taken {
    /// Person and institution.
    place: (String, String),
    visit: Option<String>,
    /// The bill whose line it is.
    names: Option<String>,
    line_number: String,
    code: Option<String>,
    count: Option<i64>,
    amount: Option<i128>,
}

/// Whether nothing is left of a line; where the packs are not told, by the amounts.
fn is_gone(net: &Net, taken: &[&Taken]) -> bool {
    let count = taken.iter().try_fold(net.count, |left, taken| Some(left.zip(taken.count).map(|(left, count)| left + count)));
    let amount = taken.iter().try_fold(net.amount, |left, taken| Some(left.zip(taken.amount).map(|(left, amount)| left + amount)));
    let (count, amount) = (count.flatten(), amount.flatten());
    count.map_or(amount.is_some_and(|amount| amount <= 0), |count| count <= 0)
}

/// What is left of messages of one partition: input and bytes, in any order.
pub fn survivors(messages: &[(usize, &[u8])]) -> Survivors {
    let mut out = Survivors::default();
    let mut current: [BTreeMap<String, Version>; 2] = Default::default();
    for (place, (input, json)) in messages.iter().enumerate() {
        let version = Version::read(place, json);
        let id = if *input == BILLS {
            version.id()
        } else {
            format!("{}|{}", version.fields.or_empty("fixmedins_code"), version.fields.or_empty("hosp_rxno"))
        };
        // Of equal bytes the first that came.
        if current[*input].get(&id).is_none_or(|known| known.rank < version.rank) {
            current[*input].insert(id, version);
        }
    }
    let [bills, prescriptions] = current;
    let valid = |version: &Version| !version.rank.1;
    out.places.extend(prescriptions.values().filter(|rx| valid(rx)).map(|rx| rx.place));
    let bills: BTreeMap<String, Version> = bills.into_iter().filter(|(_, bill)| valid(bill)).collect();
    let mut matched = BTreeMap::new();
    let void = void(&bills, &mut matched, &mut out);
    let live = |bill: &&Version| !void.contains(&bill.id()) && !bill.is_negative();
    out.places.extend(bills.values().filter(live).map(|bill| bill.place));
    out.places.sort_unstable();

    let taking = bills.values().filter(|bill| live(bill) || bill.is_negative());
    let taken: Vec<Taken> = taking.flat_map(|bill| bill.takes_back(matched.get(&bill.id()))).collect();
    for bill in bills.values().filter(live) {
        for (line, net) in bill.lines.iter().zip(nets(&bill.lines)) {
            let parts: Vec<&Taken> = taken.iter().filter(|taken| bears(taken, bill, line, &bills)).collect();
            if !parts.is_empty() {
                let name = (bill.id(), line.or_empty("feedetl_sn"));
                out.refunded.insert(name, if is_gone(&net, &parts) { Left::Nothing } else { Left::Part });
            }
        }
    }
    out
}

fn is_drug(line: &Fields) -> bool {
    line.text("list_type").is_none_or(|kind| kind == "101")
}

/// Whether a line of a bill is meant: of the bill that is named, else of the
/// same visit, else the same drug in another where the own visit has no such line.
fn bears(taken: &Taken, bill: &Version, line: &Fields, bills: &BTreeMap<String, Version>) -> bool {
    let same_place = |bill: &Version| (bill.fields.or_empty("psn_no"), bill.fields.or_empty("fixmedins_code")) == taken.place;
    if !same_place(bill) || line.or_empty("feedetl_sn") != taken.line_number {
        return false;
    }
    if let Some(named) = &taken.names {
        return bill.id() == *named;
    }
    if taken.visit.is_some() && taken.visit == bill.text("mdtrt_id") {
        return true;
    }
    let numbered = |bill: &Version| bill.lines.iter().any(|line| is_drug(line) && line.or_empty("feedetl_sn") == taken.line_number);
    let in_own_visit = |bill: &&Version| taken.visit.is_some() && bill.text("mdtrt_id") == taken.visit && same_place(bill);
    let code = line.text("med_list_codg");
    is_drug(line)
        && (taken.code.is_none() || code.is_none() || code == taken.code)
        && !bills.values().filter(|bill| !bill.is_negative()).filter(in_own_visit).any(numbered)
}

/// Settlements that have no effect, by id; and what is doubtful.
fn void(bills: &BTreeMap<String, Version>, matched: &mut BTreeMap<String, String>, out: &mut Survivors) -> BTreeSet<String> {
    let mut void = BTreeSet::new();
    let mut unlinked: Vec<&Version> = Vec::new();
    for bill in bills.values().filter(|bill| bill.is_negative()) {
        let Some(original) = bill.reverses() else {
            // A positive one is void itself, which it is anyway.
            if bill.total().is_some_and(|total| total < 0) {
                unlinked.push(bill);
            }
            continue;
        };
        let whole = bills.get(&original).and_then(Version::total);
        let part = bill.total().zip(whole).is_some_and(|(back, whole)| back.abs() < whole);
        if part {
            out.doubtful.extend(bill.visit());
            out.doubtful.extend(bills.get(&original).and_then(Version::visit));
        } else {
            void.insert(original);
        }
    }
    let linked = void.clone();
    let mut visits: BTreeMap<Option<Visit>, Vec<&Version>> = BTreeMap::new();
    for bill in unlinked {
        visits.entry(bill.visit()).or_default().push(bill);
    }
    for (visit, mut negatives) in visits {
        negatives.sort_by_key(|bill| (bill.fields.time("setl_time"), bill.id()));
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for negative in negatives {
            let (total, time) = (negative.total().unwrap_or_default(), negative.fields.time("setl_time"));
            let fits = |bill: &&Version| {
                let free = !bill.is_negative() && !linked.contains(&bill.id()) && !taken.contains(&bill.id());
                let same = visit.is_some() && bill.visit() == visit && bill.total() == Some(-total);
                free && same && bill.fields.time("setl_time") <= time
            };
            let found: Vec<String> = bills.values().filter(fits).map(Version::id).collect();
            if let [one] = &found[..] {
                taken.insert(one.clone());
                matched.insert(negative.id(), one.clone());
            } else {
                out.unmatched.insert(negative.id());
                out.doubtful.extend(visit.clone());
            }
        }
        void.extend(taken);
    }
    let mut uploads: BTreeMap<(String, String, String, i128), BTreeSet<String>> = BTreeMap::new();
    for bill in bills.values().filter(|bill| !bill.is_negative() && !void.contains(&bill.id())) {
        if let (Some(number), Some(institution), Some(total)) = (bill.text("medins_setl_id"), bill.text("fixmedins_code"), bill.total()) {
            uploads.entry((bill.fields.or_empty("psn_no"), number, institution, total)).or_default().insert(bill.id());
        }
    }
    void.extend(uploads.into_values().flat_map(|ids| ids.into_iter().skip(1)));
    void
}
