//! Groups under rules and references that change in mid-month: no pane mixes
//! definitions, and each holds exactly the cases of its own.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/group_bills.rs"]
mod group_bills;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use claimsift::base::fault::Fault;
use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::ids::ShardId;
use claimsift::engine::Engine;
use claimsift::engine::activation::Activation;
use claimsift::engine::activation::BundleName;
use claimsift::engine::effects::Closing;
use claimsift::engine::effects::Looked;
use claimsift::evaluators::ratio::Outcome;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::io::log::Output;
use claimsift::io::memory::Faults;
use claimsift::io::memory::MemoryCluster;
use claimsift::runtime::bundles::Bundles;
use claimsift::runtime::worker::Observer;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::window::calendar::Month;
use effective::Word;
use effective::differences;
use effective::effective;
use effective::word;
use effective::words;
use fleet::Fleet;
use fleet::Sent;
use group_bills::Bill;
use group_bills::Random;
use group_bills::Sum;
use group_bills::Units;
use group_bills::View;
use group_bills::bills;
use group_bills::engine;
use group_bills::engine_of;
use group_bills::last;
use group_bills::plain_of;
use group_bills::rules;

const SHARDS: i32 = 3;

/// A shard's next bundle: from which day of bills on it has it.
struct Coming {
    day: i64,
    engine: Arc<Engine>,
    groups_from: Month,
}

/// Bills on their way through a fleet whose shards switch at moments of their own.
struct Course {
    fleet: Fleet,
    random: Random,
    queues: Vec<VecDeque<Bill>>,
    coming: Vec<VecDeque<Coming>>,
    switched: Vec<u64>,
    /// Bills that came before their shard had each bundle.
    before: BTreeMap<u64, BTreeSet<String>>,
    read: Vec<BTreeSet<String>>,
}

impl Course {
    fn new(first: &Arc<Engine>, bills: &[Bill], seed: u64) -> Self {
        let fleet = Fleet::new(first);
        let count = fleet.shards.len();
        let mut queues: Vec<VecDeque<Bill>> = (0..count).map(|_| VecDeque::new()).collect();
        bills.iter().for_each(|bill| queues[fleet.home(&bill.person)].push_back(bill.clone()));
        Self {
            fleet,
            random: Random::new(seed),
            queues,
            coming: (0..count).map(|_| VecDeque::new()).collect(),
            switched: vec![0; count],
            before: BTreeMap::new(),
            read: vec![BTreeSet::new(); count],
        }
    }

    /// Every shard switches on some day from `first` to before `end`.
    fn plan(&mut self, engine: &Arc<Engine>, first: i64, end: i64, groups_from: Month) {
        for coming in &mut self.coming {
            let day = first + self.random.below((end - first) as u64) as i64;
            coming.push_back(Coming { day, engine: Arc::clone(engine), groups_from });
        }
    }

    /// Until all bills and switches before `day` are through.
    fn go(&mut self, day: i64) {
        loop {
            let waits = |shard: &usize| {
                self.queues[*shard].front().is_some_and(|bill| bill.day < day)
                    || self.coming[*shard].front().is_some_and(|coming| coming.day < day)
            };
            let waiting: Vec<usize> = (0..self.queues.len()).filter(waits).collect();
            if waiting.is_empty() {
                return;
            }
            let shard = waiting[self.random.below(waiting.len() as u64) as usize];
            let until = self.coming[shard].front().map_or(day, |coming| coming.day.min(day));
            let mut run = Vec::new();
            for _ in 0..=self.random.below(30) {
                let Some(bill) = self.queues[shard].pop_front_if(|bill| bill.day < until) else { break };
                run.push(Sent::event(&bill.person, &bill.json()));
                self.read[shard].insert(bill.id);
            }
            if run.is_empty()
                && let Some(next) = self.coming[shard].pop_front_if(|coming| coming.day < day)
            {
                self.switched[shard] += 1;
                let number = self.switched[shard];
                self.fleet.switch(shard, &next.engine, number, next.groups_from);
                self.before.entry(number).or_default().extend(self.read[shard].iter().cloned());
            }
            self.fleet.feed(shard, SETTLEMENT_INPUT, &run);
            if self.random.below(3) == 0 {
                let count = self.random.below(5) as usize;
                self.fleet.deliver(shard, count);
            }
            if self.random.below(2) == 0 {
                self.fleet.close(shard);
            }
            if self.random.below(10) == 0 {
                self.fleet.rebuild(shard);
            }
        }
    }

    /// Nothing of before `until` follows.
    fn state(&mut self, until: &str) {
        for shard in 0..self.fleet.shards.len() {
            for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
                self.fleet.feed(shard, input, &[Sent::statement(until)]);
            }
            if self.random.below(2) == 0 {
                self.fleet.rebuild(shard);
            }
        }
        self.fleet.settle();
    }

    fn words(&self) -> Vec<Word> {
        self.fleet.records.iter().map(word).collect()
    }

    /// Units of `sums` whose last look is other than them; units that were
    /// judged over some period of `periods` and should not have been.
    fn wrong(&self, sums: &Units, periods: &[&str]) -> (usize, Vec<String>) {
        wrong_of(&self.fleet.looked, sums, periods)
    }
}

fn wrong_of(looked: &[Looked], sums: &Units, periods: &[&str]) -> (usize, Vec<String>) {
    let mut wrong = Vec::new();
    let mut judged = 0;
    let found = last(looked);
    for (unit, sum) in sums {
        let key = (unit.0.to_owned(), unit.1.clone(), unit.2.clone(), unit.3.clone());
        match found.get(&key) {
            Some(Outcome::Judged(ratio)) => {
                judged += 1;
                let (observed, expected, variance) = (ratio.observed, ratio.expected, ratio.variance);
                let told = Sum { n: ratio.n, observed, expected, variance, all: ratio.coverage.whole };
                if told != *sum {
                    wrong.push(format!("{key:?}: {told:?} is not {sum:?}"));
                }
            }
            Some(Outcome::Unknown(_)) => {}
            None => wrong.push(format!("{key:?} was not looked at")),
        }
    }
    for key in found.keys().filter(|key| periods.contains(&key.1.as_str())) {
        if !sums.keys().any(|unit| (unit.0, &unit.1, &unit.2, &unit.3) == (key.0.as_str(), &key.1, &key.2, &key.3)) {
            wrong.push(format!("{key:?} has no cases"));
        }
    }
    (judged, wrong)
}

fn month(month: i32) -> Month {
    Month::new(2026, month)
}

/// The rules after a change of their texts.
fn changed(of: &str, from: &str, to: &str) -> Vec<(&'static str, String)> {
    let change = |(id, text): (&'static str, String)| {
        assert!(!id.contains(of) || text.contains(from), "{id} has no {from}");
        (id, if id.contains(of) { text.replace(from, to) } else { text })
    };
    rules().into_iter().map(change).collect()
}

const LAX: &str = "default: 900000";

/// Bills of July to September, among them stays with an interim bill of early
/// July whose final bill follows in August.
fn city(seed: u64) -> Vec<Bill> {
    let mut all = bills(seed);
    let again: Vec<Bill> = all.iter().filter(|bill| bill.day < 30).cloned().collect();
    let template = again.iter().find(|bill| bill.stay && bill.consumables.is_some()).unwrap().clone();
    for bill in again {
        all.push(Bill { id: format!("{}s", bill.id), visit: format!("{}s", bill.visit), day: bill.day + 62, ..bill });
    }
    for idx in 0..group_bills::INSTITUTIONS {
        for number in 0..4 {
            let name = format!("L{idx}-{number}");
            let (institution, doctor) = (group_bills::institution(idx), format!("D0-{idx}"));
            let stay = Bill {
                id: name.clone(),
                visit: name.clone(),
                person: name.clone(),
                institution,
                department: None,
                doctor,
                ..template.clone()
            };
            all.push(Bill { id: format!("{name}i"), interim: true, day: 3, ..stay.clone() });
            all.push(Bill { day: 40 + number, ..stay });
        }
    }
    all.sort_by_key(|bill| (bill.day, bill.hour, bill.id.clone()));
    all
}

#[test]
fn with_another_threshold_counting_goes_on_and_clues_follow_it() {
    let (strict, lax) = (engine(&rules(), SHARDS), engine(&changed("", "default: 1000", LAX), SHARDS));
    let all = city(1);
    let sums = plain_of(&all, &View { months: &[7, 8, 9], to_date: &[7, 8, 9], quarter: true, ..View::default() });
    let run = |first: &Arc<Engine>, switches: &[(&Arc<Engine>, i64, i64)], seed: u64| {
        let mut course = Course::new(first, &all, seed);
        for (engine, first, end) in switches {
            course.plan(engine, *first, *end, month(8));
        }
        course.go(31 + 15);
        course.state("2026-08-15 00:00:00");
        course.go(100);
        course.state("2026-10-20 00:00:00");
        let (judged, wrong) = course.wrong(&sums, &[]);
        assert!(judged > 1000 && wrong.is_empty(), "{judged}:\n{}", wrong.join("\n"));
        assert!(course.fleet.tallies.values().all(|tally| !tally.unknown.contains_key("definition_changed")));
        course
    };
    // Of what lies over a ceiling cases, or lines, are the threshold.
    let told = |course: &Course| -> BTreeMap<String, Word> {
        let words = course.words().into_iter().filter(|word| !["consumables-over", "lines-over"].contains(&word.rule.as_str()));
        effective(&words.collect::<Vec<_>>())
    };
    let straight = told(&run(&strict, &[], 1));
    assert!(straight.len() > 10, "{}", straight.len());
    // Before any pane was looked at.
    let switched = run(&lax, &[(&strict, 10, 20)], 2);
    assert_eq!(differences(&straight, &told(&switched)), [""; 0]);
    assert!(told(&run(&strict, &[(&lax, 10, 20)], 3)).is_empty());
    // After July was looked at, and before all else was: what was told stands.
    let after = told(&run(&strict, &[(&lax, 46, 55)], 4));
    let of_july: BTreeMap<String, Word> = straight.clone().into_iter().filter(|(id, _)| after.contains_key(id)).collect();
    assert_eq!(differences(&after, &of_july), [""; 0]);
    assert!(!after.is_empty() && after.len() < straight.len(), "{} of {}", after.len(), straight.len());
}

#[test]
fn with_another_baseline_cases_are_divided_at_a_month() {
    let own = engine(&rules(), SHARDS);
    let other = engine_of(&changed("stay-consumables", "H99010100006", "H99010100003"), SHARDS, 120);
    let all = city(2);
    for seed in 1..4 {
        let mut course = Course::new(&own, &all, seed);
        course.plan(&other, 8, 20, month(8));
        course.go(31 + 15);
        course.state("2026-08-15 00:00:00");
        course.go(100);
        course.state("2026-10-20 00:00:00");
        let july = View { months: &[7], to_date: &[7], ..View::default() };
        let later = View {
            percent: 120,
            spared: "H99010100003",
            months: &[8, 9],
            to_date: &[],
            unasked: course.before[&1].clone(),
            ..View::default()
        };
        let mut sums = plain_of(&all, &july);
        sums.append(&mut plain_of(&all, &later));
        // Of a year and a quarter that straddle nothing is judged.
        let (judged, wrong) = course.wrong(&sums, &["2026-07", "2026-08", "2026-09", "2026-01/07", "2026-01/08", "2026-01/09", "2026-Q3"]);
        assert!(judged > 500 && wrong.is_empty(), "{judged}:\n{}", wrong.join("\n"));
        for (rule, tally) in &course.fleet.tallies {
            assert!(tally.unknown["definition_changed"] >= 3 * 5, "{rule}: {tally:?}");
        }
        // Stays that straddle are there and unknown, but for their days.
        let unit = |rule: &'static str| sums[&(rule, "2026-08".to_owned(), "institution".to_owned(), group_bills::institution(0))];
        let (cost, days) = (unit("stay-cost"), unit("stay-days"));
        assert_eq!((cost.all, cost.n, days.n), (days.all, days.all - 4, days.all));
    }
}

#[test]
fn with_another_filter_alone_the_other_rules_go_on() {
    let own = engine(&rules(), SHARDS);
    let other = engine(&changed("stay-consumables", "H99010100006", "H99010100003"), SHARDS);
    let all = city(3);
    let mut course = Course::new(&own, &all, 5);
    course.plan(&other, 8, 20, month(8));
    course.go(100);
    course.state("2026-10-20 00:00:00");
    let whole = View { months: &[7, 8, 9], to_date: &[7, 8, 9], quarter: true, ..View::default() };
    let july = View { months: &[7], to_date: &[7], ..View::default() };
    let later = View { spared: "H99010100003", months: &[8, 9], to_date: &[], unasked: course.before[&1].clone(), ..View::default() };
    let mut sums = plain_of(&all, &whole);
    sums.retain(|unit, _| unit.0 != "stay-consumables");
    let mut of_rule = plain_of(&all, &july);
    of_rule.append(&mut plain_of(&all, &later));
    sums.extend(of_rule.into_iter().filter(|(unit, _)| unit.0 == "stay-consumables"));
    let (judged, wrong) = course.wrong(&sums, &["2026-07", "2026-08", "2026-09", "2026-01/07", "2026-01/08", "2026-01/09", "2026-Q3"]);
    assert!(judged > 500 && wrong.is_empty(), "{judged}:\n{}", wrong.join("\n"));
    for (rule, tally) in &course.fleet.tallies {
        assert_eq!(tally.unknown.contains_key("definition_changed"), rule == "stay-consumables", "{rule}");
    }
}

#[test]
fn a_baseline_that_comes_back_takes_up_its_months() {
    let (own, other) = (engine(&rules(), SHARDS), engine_of(&rules(), SHARDS, 120));
    let all = city(4);
    // In between there were cases of another.
    let mut course = Course::new(&own, &all, 6);
    course.plan(&other, 8, 20, month(8));
    course.plan(&own, 40, 50, month(9));
    course.go(100);
    course.state("2026-10-20 00:00:00");
    let mut sums = plain_of(&all, &View { months: &[7], to_date: &[7], ..View::default() });
    sums.append(&mut plain_of(&all, &View { months: &[9], to_date: &[], ..View::default() }));
    let between = View { percent: 120, months: &[8], to_date: &[], unasked: course.before[&1].clone(), ..View::default() };
    sums.append(&mut plain_of(&all, &between));
    let (judged, wrong) = course.wrong(&sums, &["2026-07", "2026-08", "2026-09", "2026-01/07", "2026-01/08", "2026-01/09", "2026-Q3"]);
    assert!(judged > 500 && wrong.is_empty(), "{judged}:\n{}", wrong.join("\n"));
    // In between there was nothing.
    let mut course = Course::new(&own, &all, 7);
    course.plan(&other, 8, 14, month(8));
    course.plan(&own, 14, 20, month(8));
    course.go(100);
    course.state("2026-10-20 00:00:00");
    let sums = plain_of(&all, &View { months: &[7, 8, 9], to_date: &[7, 8, 9], quarter: true, ..View::default() });
    let (judged, wrong) = course.wrong(&sums, &[]);
    assert!(judged > 1000 && wrong.is_empty(), "{judged}:\n{}", wrong.join("\n"));
}

/// Whoever withdraws a rule silences it, also for months that it counted.
#[test]
fn a_rule_that_is_gone_tells_nothing_more() {
    let own = engine(&rules(), SHARDS);
    let fewer: Vec<_> = rules().into_iter().filter(|(id, _)| *id != "stay-cost").collect();
    let all = city(5);
    let mut course = Course::new(&own, &all, 8);
    course.plan(&engine(&fewer, SHARDS), 8, 20, month(8));
    course.go(100);
    course.state("2026-10-20 00:00:00");
    let mut sums = plain_of(&all, &View { months: &[7, 8, 9], to_date: &[7, 8, 9], quarter: true, ..View::default() });
    sums.retain(|unit, _| unit.0 != "stay-cost");
    let (judged, wrong) = course.wrong(&sums, &["2026-07", "2026-08", "2026-09", "2026-01/07", "2026-01/08", "2026-01/09", "2026-Q3"]);
    assert!(judged > 800 && wrong.is_empty(), "{judged}:\n{}", wrong.join("\n"));
}

/// A shard that hears late of a bundle has counted cases of the new month by
/// the old definition; nobody asked of them what the new one asks.
#[test]
fn what_came_too_early_for_a_switch_is_counted_anew() {
    let own = engine(&rules(), SHARDS);
    let other = engine_of(&changed("stay-consumables", "H99010100006", "H99010100003"), SHARDS, 120);
    let mut all = city(6);
    // Some of what came early has a second bill later.
    let early: Vec<Bill> = all.iter().filter(|bill| bill.stay && (31..36).contains(&bill.day) && !bill.interim).cloned().collect();
    for bill in early.into_iter().step_by(3) {
        all.push(Bill { id: format!("{}z", bill.id), day: bill.day + 15, doctor: bill.doctor.replacen('D', "E", 1), ..bill });
    }
    all.sort_by_key(|bill| (bill.day, bill.hour, bill.id.clone()));
    for seed in 1..3 {
        let mut course = Course::new(&own, &all, 10 + seed);
        course.plan(&other, 33, 40, month(8));
        course.go(100);
        course.state("2026-10-20 00:00:00");
        let later = View {
            percent: 120,
            spared: "H99010100003",
            months: &[8, 9],
            to_date: &[],
            unasked: course.before[&1].clone(),
            ..View::default()
        };
        let mut sums = plain_of(&all, &View { months: &[7], to_date: &[7], ..View::default() });
        sums.append(&mut plain_of(&all, &later));
        let (judged, wrong) = course.wrong(&sums, &["2026-07", "2026-08", "2026-09", "2026-01/07", "2026-01/08", "2026-01/09", "2026-Q3"]);
        assert!(judged > 500 && wrong.is_empty(), "{judged}:\n{}", wrong.join("\n"));
    }
}

/// Before its first rule on groups a shard keeps nothing of bills but events.
#[test]
fn the_first_rule_on_groups_does_not_take_the_rest_of_a_stay_for_all_of_it() {
    let mut none = rules();
    for (_, text) in &mut none {
        *text = text.replace("status: live", "status: draft");
    }
    let (none, own) = (engine(&none, SHARDS), engine(&rules(), SHARDS));
    assert!(none.rules.rules.is_empty());
    let all = city(7);
    let mut course = Course::new(&none, &all, 20);
    course.plan(&own, 8, 20, month(8));
    course.go(100);
    course.state("2026-10-20 00:00:00");
    let view = View { months: &[8, 9], to_date: &[], unasked: course.before[&1].clone(), ..View::default() };
    let (judged, wrong) =
        course.wrong(&plain_of(&all, &view), &["2026-07", "2026-08", "2026-09", "2026-01/07", "2026-01/08", "2026-01/09", "2026-Q3"]);
    assert!(judged > 250 && wrong.is_empty(), "{judged}:\n{}", wrong.join("\n"));
}

/// Bundles at hand.
struct Shelf<'a>(&'a [Arc<Engine>]);

impl Bundles for Shelf<'_> {
    fn load(&self, bundle: &BundleName) -> Result<Arc<Engine>, Fault> {
        let found = self.0.iter().find(|engine| BundleName::of(&engine.versions).is(bundle));
        found.cloned().ok_or_else(|| Fault::stop(format!("load {bundle}"), "it is not on the shelf"))
    }
}

/// What workers looked at.
#[derive(Default)]
struct Heard(Vec<Looked>);

impl Observer for Heard {
    fn closed(&mut self, _: ShardId, closing: &Closing) {
        self.0.extend(closing.looked.iter().cloned());
    }
}

/// What happens to a cluster before its workers go on.
enum Deed<'a> {
    /// All bills of before this day come that have not.
    Bills(i64),
    /// The control topic says that a bundle is in force.
    Activate(&'a Arc<Engine>, Month),
    State(&'a str),
}

/// A worker's configuration has `own`; after each deed new workers go on to the
/// end, and die and come back where there are faults.
fn by_workers(own: &Arc<Engine>, all: &[Bill], deeds: &[Deed<'_>], faults: Option<u64>) -> (Vec<Word>, Vec<Looked>) {
    const AT: i64 = 1_800_000_000_000;
    let activated = deeds.iter().filter_map(|deed| if let Deed::Activate(engine, _) = deed { Some(Arc::clone(engine)) } else { None });
    let shelf: Vec<Arc<Engine>> = activated.chain([Arc::clone(own)]).collect();
    let cluster = MemoryCluster::new(SHARDS);
    cluster.set_faults(faults.map(|seed| Faults { seed, crash: 100, answer_lost: 60, commit_again: 60, expelled: 0 }));
    let (mut heard, mut next, mut number) = (Heard::default(), 0, 0);
    for deed in deeds {
        match deed {
            Deed::Bills(day) => {
                let more = all[next..].iter().take_while(|bill| bill.day < *day);
                for bill in more {
                    cluster.feed_keyed(SETTLEMENT_INPUT, bill.person.as_bytes(), bill.json().into_bytes(), AT);
                    next += 1;
                }
            }
            Deed::Activate(engine, groups_from) => {
                number += 1;
                let bundle = BundleName::of(&engine.versions);
                cluster.activate(Activation { number, bundle, groups_from: *groups_from, wall_ms: 0 }.encode());
            }
            Deed::State(until) => {
                [SETTLEMENT_INPUT, PRESCRIPTION_INPUT].into_iter().for_each(|input| cluster.state_watermark(input, until, AT));
            }
        }
        let settings = || WorkerSettings { until_end: true, run_messages_max: 40, epoch_messages_max: 120, ..WorkerSettings::default() };
        let done = (0..500).any(|_| {
            let mut log = cluster.worker("worker-0", feed::GROUP);
            let shelf = Shelf(&shelf);
            let mut worker = Worker::new(Arc::clone(own), &mut log, settings(), &feed::NoClock).with_bundles(Some(&shelf));
            match worker.run(&Wish::default(), &mut heard) {
                Ok(()) => true,
                Err(fault) => {
                    assert_ne!(fault.remedy, Remedy::Stop, "{}", chain(&fault));
                    false
                }
            }
        });
        assert!(done, "it died 500 times");
    }
    let mut records = cluster.output(Output::Clues);
    records.sort_by_key(|record| record.transaction);
    (words(&records), heard.0)
}

/// The same through the control topic: shards switch where their workers hear
/// of it, and conclude what bare shards conclude.
#[test]
fn workers_that_hear_of_another_threshold_conclude_what_bare_shards_do() {
    let (strict, lax) = (engine(&rules(), SHARDS), engine(&changed("", "default: 1000", LAX), SHARDS));
    let all = city(1);
    let sums = plain_of(&all, &View { months: &[7, 8, 9], to_date: &[7, 8, 9], quarter: true, ..View::default() });
    let run = |own: &Arc<Engine>, deeds: &[Deed<'_>], faults: Option<u64>| {
        let (words, looked) = by_workers(own, &all, deeds, faults);
        let (judged, wrong) = wrong_of(&looked, &sums, &[]);
        assert!(judged > 1000 && wrong.is_empty(), "{judged}:\n{}", wrong.join("\n"));
        effective(&words)
    };
    let (august, end) = (Deed::State("2026-08-15 00:00:00"), || Deed::State("2026-10-20 00:00:00"));
    let straight = run(&strict, &[Deed::Bills(100), end()], None);
    let mut bare = Course::new(&strict, &all, 1);
    bare.go(100);
    bare.state("2026-10-20 00:00:00");
    assert_eq!(differences(&effective(&bare.words()), &straight), [""; 0]);
    // In the middle of July, before any pane was looked at.
    let early = [Deed::Bills(15), Deed::Activate(&strict, month(8)), Deed::Bills(46), august, Deed::Bills(100), end()];
    assert_eq!(differences(&straight, &run(&lax, &early, Some(7))), [""; 0]);
    // In the middle of August, after July was looked at: what was told stands.
    let late = [Deed::Bills(46), Deed::State("2026-08-15 00:00:00"), Deed::Activate(&lax, month(9)), Deed::Bills(100), end()];
    let after = run(&strict, &late, Some(8));
    let by_money = |words: &BTreeMap<String, Word>| -> BTreeMap<String, Word> {
        let counts = |word: &Word| ["consumables-over", "lines-over"].contains(&word.rule.as_str());
        words.iter().filter(|(_, word)| !counts(word)).map(|(id, word)| (id.clone(), word.clone())).collect()
    };
    let (all_told, after) = (by_money(&straight), by_money(&after));
    let of_july: BTreeMap<String, Word> =
        all_told.iter().filter(|(id, _)| after.contains_key(*id)).map(|(id, word)| (id.clone(), word.clone())).collect();
    assert_eq!(differences(&after, &of_july), [""; 0]);
    assert!(!after.is_empty() && after.len() < all_told.len(), "{} of {}", after.len(), all_told.len());
}

/// A baseline of other means: cases are divided at the month that the
/// activation names, and what came before it was asked by the old one alone.
#[test]
fn workers_that_hear_of_another_baseline_divide_cases_at_its_month() {
    let (own, other) = (engine(&rules(), SHARDS), engine_of(&rules(), SHARDS, 120));
    let all = city(2);
    let deeds = [
        Deed::Bills(15),
        Deed::Activate(&other, month(8)),
        Deed::Bills(46),
        Deed::State("2026-08-15 00:00:00"),
        Deed::Bills(100),
        Deed::State("2026-10-20 00:00:00"),
    ];
    let unasked: BTreeSet<String> = all.iter().filter(|bill| bill.day < 15).map(|bill| bill.id.clone()).collect();
    let mut sums = plain_of(&all, &View { months: &[7], to_date: &[7], ..View::default() });
    sums.append(&mut plain_of(&all, &View { percent: 120, months: &[8, 9], to_date: &[], unasked, ..View::default() }));
    let periods = ["2026-07", "2026-08", "2026-09", "2026-01/07", "2026-01/08", "2026-01/09", "2026-Q3"];
    for faults in [None, Some(9)] {
        let (_, looked) = by_workers(&own, &all, &deeds, faults);
        let (judged, wrong) = wrong_of(&looked, &sums, &periods);
        assert!(judged > 500 && wrong.is_empty(), "{judged}:\n{}", wrong.join("\n"));
    }
}
