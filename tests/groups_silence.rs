//! Panes whose sources are silent: what they wait for is told, looks go ahead
//! where a clock says so, and nothing is dropped for want of words.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/group_bills.rs"]
mod group_bills;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use claimsift::base::ids::ShardId;
use claimsift::commands::observe::Reporter;
use claimsift::commands::observe::SystemClock;
use claimsift::engine::Engine;
use claimsift::engine::effects::Closing;
use claimsift::engine::journal::JournalEntry;
use claimsift::engine::journal::Tick;
use claimsift::engine::journal::TickKind;
use claimsift::events::EVENT_TYPES;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::io::log::Log as _;
use claimsift::io::log::Output;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::memory::MemoryLog;
use claimsift::io::partition::Partitioner;
use claimsift::runtime::worker::Clock;
use claimsift::runtime::worker::Observer;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::telemetry::health::Health;
use claimsift::telemetry::metrics::Metrics;
use claimsift::window::pane::Holding;
use group_bills::Bill;
use group_bills::bills;
use group_bills::engine;
use group_bills::rules;

/// After all that bills and statements tell.
const NOW: i64 = 1_890_000_000_000;

/// A second passes whenever it is read.
#[derive(Default)]
struct Hasty(Cell<u64>);

impl Clock for Hasty {
    fn wall_ms(&self) -> i64 {
        0
    }
    fn monotonic(&self) -> Duration {
        self.0.set(self.0.get() + 1);
        Duration::from_secs(self.0.get())
    }
}

/// Stops the worker once it has looked around for long, and keeps what was shown.
struct Watch<'a> {
    wish: &'a Wish,
    rounds: usize,
    reporter: Reporter,
    metrics: Arc<Metrics>,
    shards: BTreeSet<ShardId>,
    idle: BTreeSet<(ShardId, ShardId)>,
    /// Panes that were looked at, by period.
    looked: BTreeMap<String, usize>,
}

impl Observer for Watch<'_> {
    fn shards(&mut self, shards: &[ShardId]) {
        self.reporter.shards(shards);
        self.shards = shards.iter().copied().collect();
    }
    fn ready(&mut self, shards: &[ShardId]) {
        self.reporter.ready(shards);
    }
    fn closed(&mut self, shard: ShardId, closing: &Closing) {
        self.reporter.closed(shard, closing);
        for looked in &closing.looked {
            *self.looked.entry(claimsift::engine::groups::period(looked.span)).or_default() += 1;
        }
    }
    fn panes(&mut self, shard: ShardId, holding: &[Holding], late_rows: u64) {
        self.reporter.panes(shard, holding, late_rows);
    }
    fn source_idle(&mut self, shard: ShardId, source: ShardId) {
        self.idle.insert((shard, source));
    }
    fn alive(&mut self) {
        self.rounds -= 1;
        if self.rounds == 0 {
            self.wish.stop();
        }
    }
}

impl Watch<'_> {
    /// Shards of which a metric says that panes of others wait for them.
    fn held_by(&self, kind: &str) -> BTreeSet<String> {
        let text = self.metrics.render();
        let held = text.lines().filter_map(|line| line.strip_prefix(&format!("claimsift_pane_holding{{kind=\"{kind}\",")));
        held.map(|line| line.split("source=").nth(1).unwrap().to_owned()).collect()
    }

    fn late_rows(&self) -> u64 {
        let text = self.metrics.render();
        let rows = text.lines().filter_map(|line| line.strip_prefix("claimsift_partials_late_rows{"));
        rows.map(|line| line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()).sum()
    }
}

/// Works until nothing has come for long, and hands what it saw to `check`.
fn work(engine: &Arc<Engine>, mut log: MemoryLog, idle_after: Option<u64>, check: impl FnOnce(&Watch<'_>)) {
    let settings = WorkerSettings {
        idle_wait: Duration::ZERO,
        idle_after: idle_after.map_or(Vec::new(), |after| vec![Duration::from_secs(after); 2]),
        ..WorkerSettings::default()
    };
    let (wish, metrics) = (Wish::default(), Arc::new(Metrics::new()));
    let health = Arc::new(Health::new(1, Duration::from_secs(30), 0));
    let reporter = Reporter::new(engine, Arc::clone(&metrics), health, Arc::new(SystemClock::default()), 0);
    let (shards, idle, looked) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    let mut watch = Watch { wish: &wish, rounds: 2_000, reporter, metrics, shards, idle, looked };
    Worker::new(Arc::clone(engine), &mut log, settings, &Hasty::default()).run(&wish, &mut watch).unwrap();
    check(&watch);
}

fn home(bill: &Bill) -> i32 {
    Partitioner::Murmur2.partition(bill.person.as_bytes(), 2)
}

fn send(cluster: &MemoryCluster, bill: &Bill) {
    let key = Some(bill.person.clone().into_bytes());
    cluster.feed(SETTLEMENT_INPUT, home(bill), key, Some(bill.json().into_bytes()), NOW, None);
}

fn state(cluster: &MemoryCluster, partition: i32, until: &str) {
    for input in 0..EVENT_TYPES.len() {
        cluster.feed(input, partition, None, None, NOW, Some(until.to_owned()));
    }
}

fn july() -> Vec<Bill> {
    bills(3).into_iter().filter(|bill| bill.day < 31).collect()
}

fn of(source: &str) -> BTreeSet<String> {
    BTreeSet::from([format!("\"{source}\"}} 1")])
}

#[test]
fn panes_wait_for_a_silent_partition_and_are_kept_for_it() {
    let engine = engine(&rules(), 2);
    let cluster = MemoryCluster::new(2);
    let all = july();
    all.iter().filter(|bill| home(bill) == 0).for_each(|bill| send(&cluster, bill));
    state(&cluster, 0, "2026-08-10 00:00:00");
    let worker = || cluster.worker("worker-0", feed::GROUP);
    work(&engine, worker(), None, |watch| {
        assert_eq!((watch.looked.len(), watch.held_by("looks"), watch.held_by("state")), (0, of("1"), BTreeSet::new()));
    });
    work(&engine, worker(), Some(500), |watch| {
        assert_eq!(watch.looked.keys().map(String::as_str).collect::<Vec<_>>(), ["2026-01/07", "2026-07"]);
        assert!(!watch.idle.is_empty() && watch.idle.iter().all(|(_, source)| *source == 1), "{:?}", watch.idle);
        assert_eq!(watch.held_by("looks"), BTreeSet::new());
    });
    let ticks = cluster.output(Output::Journal).into_iter().flat_map(|record| {
        let entry: JournalEntry = serde_json::from_slice(&record.record.value.unwrap()).unwrap();
        entry.ticks
    });
    let ticks: Vec<Tick> = ticks.collect();
    assert!(ticks.iter().any(|tick| tick.kind == TickKind::SourceIdle(1)), "{ticks:?}");

    // The year is over for all but the silent one: everything is looked at, and
    // kept. Months without bills are no panes.
    state(&cluster, 0, "2028-01-01 00:00:00");
    work(&engine, worker(), None, |watch| {
        let expect = ["2026-01/08", "2026-01/09", "2026-01/10", "2026-01/11", "2026-01/12", "2026-Q3"];
        assert_eq!(watch.looked.keys().map(String::as_str).collect::<Vec<_>>(), expect);
        assert_eq!((watch.held_by("looks"), watch.held_by("state")), (BTreeSet::new(), of("1")));
    });
    let (first, rest): (Vec<&Bill>, Vec<&Bill>) =
        all.iter().filter(|bill| home(bill) == 1).enumerate().fold((Vec::new(), Vec::new()), |(mut first, mut rest), (idx, bill)| {
            if idx < 100 {
                first.push(bill)
            } else {
                rest.push(bill)
            }
            (first, rest)
        });
    assert!(!rest.is_empty());
    first.into_iter().for_each(|bill| send(&cluster, bill));
    work(&engine, worker(), Some(500), |watch| {
        assert!(watch.looked["2026-07"] > 50, "what was late revises: {:?}", watch.looked);
        assert_eq!(watch.late_rows(), 0);
    });
    state(&cluster, 1, "2028-01-01 00:00:00");
    work(&engine, worker(), None, |watch| {
        assert_eq!((watch.held_by("looks"), watch.held_by("state")), (BTreeSet::new(), BTreeSet::new()));
    });
    rest.into_iter().for_each(|bill| send(&cluster, bill));
    (0..2).for_each(|partition| state(&cluster, partition, "2028-01-02 00:00:00"));
    work(&engine, worker(), None, |watch| {
        assert!(watch.looked.is_empty(), "{:?}", watch.looked);
        assert!(watch.late_rows() > 50, "{}", watch.late_rows());
    });
}

#[test]
fn panes_wait_for_a_shard_that_nobody_works_at() {
    let engine = engine(&rules(), 2);
    let cluster = MemoryCluster::new(2);
    july().iter().for_each(|bill| send(&cluster, bill));
    (0..2).for_each(|partition| state(&cluster, partition, "2026-08-10 00:00:00"));
    let log = cluster.worker("worker-0", feed::GROUP);
    // It joins, and does nothing.
    let mut other = cluster.worker("worker-1", feed::GROUP);
    other.shards(Duration::ZERO).unwrap();
    let mut dead = 0;
    work(&engine, log, None, |watch| {
        assert_eq!(watch.shards.len(), 1);
        dead = 1 - watch.shards.first().unwrap();
        assert_eq!((watch.looked.len(), watch.held_by("looks")), (0, of(&dead.to_string())));
    });
    drop(other);
    cluster.expire("worker-1", feed::GROUP);
    work(&engine, cluster.worker("worker-0", feed::GROUP), None, |watch| {
        assert_eq!(watch.shards.len(), 2);
        assert!(watch.looked["2026-07"] > 100, "{:?}", watch.looked);
        assert_eq!(watch.held_by("looks"), BTreeSet::new());
    });
}
