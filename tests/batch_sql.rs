//! What is streamed is what a batch computes: every unit that the shipped rules
//! on groups judge, held against SQL over all events at once.

#[path = "support/batch.rs"]
mod batch;
#[path = "support/feed.rs"]
mod feed;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/group_feed.rs"]
mod group_feed;
#[path = "support/looks.rs"]
mod looks;
#[allow(dead_code, reason = "a batch reads fields and no more")]
#[path = "support/oracle/told.rs"]
mod told;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use batch::Batch;
use batch::Key;
use batch::Row;
use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::io::memory::Faults;
use claimsift::io::memory::MemoryCluster;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::synth::Generated;
use fleet::Fleet;
use fleet::Sent;
use looks::Counted;
use looks::Listener;
use looks::Looks;
use looks::check_equal;

const SHARDS: i32 = 4;
/// A worker that dies more often than this will never come to an end.
const RESTARTS_MAX: usize = 500;

/// The bills, and what SQL says of them.
struct World {
    bills: Vec<Generated>,
    rows: BTreeMap<Key, Row>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let bills = group_feed::bills();
    let batch = Batch::new(&feed::path("demo/reference"));
    bills.iter().for_each(|bill| batch.add(&bill.json));
    let (year, last) = group_feed::PANES;
    let rows = batch.units(year, last);
    let [twice, stays, late] = [
        bills.len() as i64 - batch.count("SELECT count(*) FROM bills"),
        batch.count("SELECT count(*) FROM cases WHERE kind = 'stay' AND bills > 1"),
        batch.count("SELECT count(*) FROM told") - batch.count("SELECT count(*) FROM cases"),
    ];
    assert!(twice > 20 && stays > 50 && late > 50, "bills sent twice, stays of several bills, cases of hosts: {twice} {stays} {late}");
    let of_lines = |which: &str| batch.count(&format!("SELECT count(*) FROM parts WHERE rule = 'over-pay-ceiling-lines' AND {which}"));
    let [unknown, over, below] = ["NOT known", "known AND observed > 0", "known AND observed = 0"].map(of_lines);
    let halves = batch.count("SELECT count(*) FROM priced WHERE remains % 10000 <> 0");
    assert!(unknown > 20 && over > 100 && below > 500 && halves > 20, "lines: {unknown} {over} {below}, of half a pack {halves}");
    World { bills, rows }
});

/// What any equal comparison holds: most units that can be judged are.
fn check(looks: &Looks) -> Counted {
    let counted = check_equal(looks, &WORLD.rows);
    assert!(counted.judged > 2_000 && counted.alert > 20 && counted.units > 2 * counted.judged, "{counted:?}");
    for rule in WORLD.rows.keys().map(|key| &key.0) {
        let judged = |(key, row): (&Key, &Row)| key.0 == *rule && key.1 == "2026-07" && row.unknown.is_none();
        assert!(WORLD.rows.iter().any(judged), "{rule} judges somebody");
    }
    counted
}

#[test]
fn shards_of_different_speeds_conclude_what_sql_computes_of_all_events() {
    let mut fleet = Fleet::new(&group_feed::engine(SHARDS));
    let count = fleet.shards.len();
    let mut queues: Vec<Vec<Sent>> = vec![Vec::new(); count];
    for bill in &WORLD.bills {
        queues[fleet.home(&bill.person)].push(Sent {
            key: bill.person.clone().into_bytes(),
            value: Some(bill.json.clone()),
            watermark: None,
        });
    }
    let mut met = vec![0; count];
    for round in 0.. {
        let mut read = 0;
        for shard in 0..count {
            // Each is three times as fast as the one before it, until it has read all.
            let take = (25 * 3_usize.pow(shard as u32)).min(queues[shard].len() - met[shard]).min(700);
            fleet.feed(shard, SETTLEMENT_INPUT, &queues[shard][met[shard]..met[shard] + take]);
            met[shard] += take;
            read += take;
            fleet.close(shard);
            if (round + shard) % 3 == 0 {
                fleet.deliver(shard, 40 * (shard + 1));
            }
        }
        if round % 40 == 39 {
            fleet.rebuild(round / 40 % count);
        }
        if read == 0 {
            break;
        }
    }
    for shard in 0..count {
        for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
            fleet.feed(shard, input, &[Sent::statement(group_feed::END)]);
        }
    }
    fleet.settle();
    let mut looks = Looks::default();
    looks.add(&fleet.looked);
    let counted = check(&looks);
    println!("{} bills, {} blocks, {} looks at units: {counted:?}", WORLD.bills.len(), fleet.blocks, fleet.looked.len());
}

#[test]
fn workers_that_die_conclude_what_sql_computes_of_all_events() {
    let engine = group_feed::engine(SHARDS);
    let cluster = MemoryCluster::new(SHARDS);
    let mut last = 0;
    for bill in &WORLD.bills {
        cluster.feed_keyed(SETTLEMENT_INPUT, bill.person.as_bytes(), bill.json.clone(), bill.timestamp_ms);
        last = bill.timestamp_ms;
    }
    for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
        cluster.state_watermark(input, group_feed::END, last);
    }
    cluster.set_faults(Some(Faults { seed: 5, commit_again: 100, answer_lost: 60, expelled: 0, crash: 60 }));
    let listener = Listener::default();
    let names = ["worker-0", "worker-1"];
    // All join before any starts, so that the first assignment is the last one.
    let logs = names.map(|name| cluster.worker(name, feed::GROUP));
    let wish = &Wish::default();
    std::thread::scope(|scope| {
        for (slot, mut log) in logs.into_iter().enumerate() {
            let (engine, cluster, mut listener) = (&engine, &cluster, listener.clone());
            scope.spawn(move || {
                for _ in 0..RESTARTS_MAX {
                    let settings = WorkerSettings {
                        run_messages_max: 100,
                        epoch_messages_max: 400,
                        until_end: true,
                        slot,
                        ..WorkerSettings::default()
                    };
                    match Worker::new(engine.clone(), &mut log, settings, &feed::NoClock).run(wish, &mut listener) {
                        Ok(()) => return,
                        Err(fault) => assert_ne!(fault.remedy, Remedy::Stop, "{}", chain(&fault)),
                    }
                    drop(log);
                    log = cluster.worker(names[slot], feed::GROUP);
                }
                panic!("worker {slot} died {RESTARTS_MAX} times");
            });
        }
    });
    println!("{:?}", check(&listener.looks.lock().unwrap()));
}
