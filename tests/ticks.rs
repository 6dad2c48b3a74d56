//! Ticks: what the runtime decides by the wall clock stands in the journal, and
//! an input that is silent for long proves nothing.

mod support;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use claimsift::base::ids::ShardId;
use claimsift::engine::Engine;
use claimsift::engine::journal::JournalEntry;
use claimsift::engine::journal::Tick;
use claimsift::engine::journal::TickKind;
use claimsift::events::InputId;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::io::log::Output;
use claimsift::io::memory::MemoryCluster;
use claimsift::runtime::worker::Clock;
use claimsift::runtime::worker::Observer;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::synth::Generated;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use support::effective::Word;
use support::effective::differences;
use support::effective::effective;
use support::effective::words;
use support::feed;
use support::feed::Cut;
use support::feed::World;

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

/// Stops the worker once it has looked around `looks` times without work.
struct Patience<'a> {
    wish: &'a Wish,
    looks: usize,
    /// What was told of idle inputs, in order.
    idle: Vec<(InputId, bool)>,
}

impl Observer for Patience<'_> {
    fn idle(&mut self, _: ShardId, input: InputId, idle: bool) {
        self.idle.push((input, idle));
    }
    fn alive(&mut self) {
        self.looks -= 1;
        if self.looks == 0 {
            self.wish.stop();
        }
    }
}

/// Works until nothing has come for long. Returns what was told of idle inputs.
fn work(engine: &Arc<Engine>, cluster: &MemoryCluster, idle_after: Option<Duration>) -> Vec<(InputId, bool)> {
    let mut log = cluster.worker("worker-0", feed::GROUP);
    let settings = WorkerSettings {
        idle_wait: Duration::ZERO,
        idle_after: idle_after.map_or(Vec::new(), |after| vec![after; 2]),
        ..WorkerSettings::default()
    };
    let wish = Wish::default();
    let mut patience = Patience { wish: &wish, looks: 2_000, idle: Vec::new() };
    Worker::new(Arc::clone(engine), &mut log, settings, &Hasty::default()).run(&wish, &mut patience).unwrap();
    patience.idle
}

fn told(cluster: &MemoryCluster) -> BTreeMap<String, Word> {
    effective(&words(&[cluster.output(Output::Clues), cluster.output(Output::Shadow)].concat()))
}

/// Everything stands in the log; only prescriptions are over.
fn filled(feed: &[Generated]) -> MemoryCluster {
    let cluster = MemoryCluster::new(1);
    feed.iter().for_each(|message| feed::send(&cluster, message));
    cluster.state_watermark(PRESCRIPTION_INPUT, "end", 0);
    cluster
}

#[test]
fn an_idle_input_stands_in_the_journal_and_concludes_nothing() {
    let world = World::read();
    let settings = SynthSettings {
        settlements: 1_500,
        prescriptions: 450,
        persons: 250,
        planted: Planted { violations: 3, missed: 0, withdrawn: 1, near_misses: 1, innocents: 1 },
        ..SynthSettings::default()
    };
    let (mut messages, _) = world.feed(&settings);
    // Bills end in the middle of the live month: later consultations wait.
    let bills = messages.iter().filter(|message| message.input == SETTLEMENT_INPUT).count();
    let mut seen = 0;
    messages.retain(|message| {
        seen += usize::from(message.input == SETTLEMENT_INPUT);
        message.input != SETTLEMENT_INPUT || seen * 100 <= bills * 97
    });
    let engine = world.engine(&settings, 1);

    let patient = filled(&messages);
    assert_eq!(work(&engine, &patient, None), [(SETTLEMENT_INPUT, false), (PRESCRIPTION_INPUT, false)]);
    let waiting = told(&patient);

    let cluster = filled(&messages);
    let idle = work(&engine, &cluster, Some(Duration::from_secs(500)));
    assert_eq!(idle[2..], [(SETTLEMENT_INPUT, true)], "once, and not where the end is stated");
    let entries = |cluster: &MemoryCluster| {
        let values: Vec<Vec<u8>> = cluster.output(Output::Journal).into_iter().filter_map(|entry| entry.record.value).collect();
        JournalEntry::decode_all(&values).unwrap()
    };
    let last = entries(&cluster).pop().unwrap();
    assert_eq!((last.ticks, last.n_in), (vec![Tick { input: SETTLEMENT_INPUT, kind: TickKind::Idle }], 0));
    assert_eq!(differences(&told(&cluster), &waiting), [""; 0], "silence is no statement");

    // A new owner knows it from the journal, and does not say it again.
    let before = entries(&cluster).len();
    assert_eq!(work(&engine, &cluster, Some(Duration::from_secs(500))), [(SETTLEMENT_INPUT, true), (PRESCRIPTION_INPUT, false)]);
    assert_eq!(entries(&cluster).len(), before);

    // What waited is concluded when the end is stated.
    cluster.state_watermark(SETTLEMENT_INPUT, "end", 0);
    let spoke = work(&engine, &cluster, Some(Duration::from_secs(500)));
    assert_eq!(spoke, [(SETTLEMENT_INPUT, true), (PRESCRIPTION_INPUT, false), (SETTLEMENT_INPUT, false)]);
    let cut = Cut { partitions: 1, workers: 1, run_messages_max: 4096, epoch_messages_max: 4096 };
    let straight = effective(&words(&feed::run_over(&engine, &messages, &cut, |_| {}).clues));
    assert_eq!(differences(&told(&cluster), &straight), [""; 0]);
    assert!(waiting.len() < straight.len(), "{} of {} clues did not wait", waiting.len(), straight.len());
}
