//! Shards side by side whose partials go to each other, without a log: what is
//! fed, when partials are delivered and when a shard is rebuilt is the test's.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use claimsift::base::ids::InputId;
use claimsift::base::ids::PARTIALS_INPUT;
use claimsift::base::ids::ShardId;
use claimsift::base::record::Message;
use claimsift::engine::Engine;
use claimsift::engine::effects::Looked;
use claimsift::engine::effects::RuleTally;
use claimsift::engine::journal::Tick;
use claimsift::engine::shard::Shard;
use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::io::partition::Partitioner;
use claimsift::runtime::recover::OwnedMessages;
use claimsift::window::calendar::Month;

/// A message of an input.
#[derive(Clone, Debug)]
pub struct Sent {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
    pub watermark: Option<Vec<u8>>,
}

impl Sent {
    pub fn event(person: &str, json: &str) -> Self {
        Self { key: person.as_bytes().to_vec(), value: Some(json.as_bytes().to_vec()), watermark: None }
    }

    pub fn statement(until: &str) -> Self {
        Self { key: Vec::new(), value: None, watermark: Some(until.as_bytes().to_vec()) }
    }
}

/// What one epoch of a shard did.
#[derive(Clone)]
enum Done {
    Run(InputId, i64, Vec<Sent>),
    Tick(Tick),
    Closed(u64),
    Switched(Arc<Engine>, u64, Month),
}

pub struct Fleet {
    engine: Arc<Engine>,
    pub shards: Vec<Shard>,
    journals: Vec<Vec<Done>>,
    epochs: Vec<u64>,
    offsets: BTreeMap<(ShardId, InputId), i64>,
    /// Blocks that wait, by rollup.
    waiting: Vec<Vec<Sent>>,
    pub records: Vec<Record>,
    pub looked: Vec<Looked>,
    pub tallies: BTreeMap<String, RuleTally>,
    pub blocks: usize,
}

impl Fleet {
    pub fn new(engine: &Arc<Engine>) -> Self {
        let partitions = engine.settings.partitions;
        let count = usize::try_from(partitions).unwrap();
        Self {
            engine: Arc::clone(engine),
            shards: (0..partitions).map(|id| Shard::new(Arc::clone(engine), id)).collect(),
            journals: vec![Vec::new(); count],
            epochs: vec![0; count],
            offsets: BTreeMap::new(),
            waiting: vec![Vec::new(); count],
            records: Vec::new(),
            looked: Vec::new(),
            tallies: BTreeMap::new(),
            blocks: 0,
        }
    }

    pub fn partitions(&self) -> ShardId {
        self.engine.settings.partitions
    }

    pub fn home(&self, person: &str) -> usize {
        Partitioner::Murmur2.partition(person.as_bytes(), self.partitions()) as usize
    }

    /// One run of one input.
    pub fn feed(&mut self, shard: usize, input: InputId, sent: &[Sent]) {
        if sent.is_empty() {
            return;
        }
        let offset = self.offsets.entry((shard as ShardId, input)).or_default();
        let from = *offset;
        *offset += sent.len() as i64;
        let effects = self.shards[shard].step(input, &messages(from, sent), self.epochs[shard] + 1, false);
        assert_eq!(effects.stop, None);
        assert_eq!(effects.counts.rejected_total(), 0, "{:?}", effects.records);
        self.records.extend(effects.records);
        self.add(effects.rules);
        self.journals[shard].push(Done::Run(input, from, sent.to_vec()));
    }

    /// The next activation, between two epochs.
    pub fn switch(&mut self, shard: usize, engine: &Arc<Engine>, number: u64, groups_from: Month) {
        if !matches!(self.journals[shard].last(), None | Some(Done::Closed(_))) {
            self.close(shard);
        }
        self.shards[shard].switch(Arc::clone(engine), number, groups_from);
        self.journals[shard].push(Done::Switched(Arc::clone(engine), number, groups_from));
    }

    pub fn tick(&mut self, shard: usize, tick: Tick) {
        self.shards[shard].tick(tick);
        self.journals[shard].push(Done::Tick(tick));
    }

    /// Ends the epoch of a shard; returns whether it did anything.
    pub fn close(&mut self, shard: usize) -> bool {
        let epoch = self.epochs[shard] + 1;
        let closing = self.shards[shard].close_epoch(epoch, false);
        let read = !matches!(self.journals[shard].last(), None | Some(Done::Closed(_)));
        if closing.worked || read {
            self.epochs[shard] = epoch;
            self.journals[shard].push(Done::Closed(epoch));
        }
        for record in closing.records {
            if record.output == Output::Partials {
                self.blocks += 1;
                let rollup = usize::try_from(record.partition.unwrap()).unwrap();
                self.waiting[rollup].push(Sent { key: record.key.unwrap_or_default(), value: record.value, watermark: None });
            } else {
                self.records.push(record);
            }
        }
        self.looked.extend(closing.looked);
        self.add(closing.rules);
        closing.worked
    }

    fn add(&mut self, rules: BTreeMap<String, RuleTally>) {
        for (rule, tally) in rules {
            self.tallies.entry(rule).or_default().add(&tally);
        }
    }

    /// Hands the next `count` blocks to a rollup; returns how many there were.
    pub fn deliver(&mut self, shard: usize, count: usize) -> usize {
        let count = count.min(self.waiting[shard].len());
        let blocks: Vec<Sent> = self.waiting[shard].drain(..count).collect();
        self.feed(shard, PARTIALS_INPUT, &blocks);
        count
    }

    /// Goes on until nothing is left to send, to fold or to look at.
    pub fn settle(&mut self) {
        loop {
            let mut worked = false;
            for shard in 0..self.shards.len() {
                worked |= self.close(shard);
                worked |= self.deliver(shard, usize::MAX) > 0;
            }
            if !worked {
                return;
            }
        }
    }

    /// A shard that died and comes back by its journal.
    pub fn rebuild(&mut self, shard: usize) {
        let mut fresh = Shard::new(Arc::clone(&self.engine), shard as ShardId);
        // An epoch that was not closed is not journalled: here it is closed first.
        if !matches!(self.journals[shard].last(), None | Some(Done::Closed(_))) {
            self.close(shard);
        }
        let mut epoch = 0;
        for done in &self.journals[shard] {
            match done {
                Done::Run(input, from, sent) => {
                    let effects = fresh.step(*input, &messages(*from, sent), epoch + 1, true);
                    assert!(effects.records.is_empty() && effects.stop.is_none());
                }
                Done::Tick(tick) => fresh.tick(*tick),
                Done::Switched(engine, number, from) => fresh.switch(Arc::clone(engine), *number, *from),
                Done::Closed(number) => {
                    let closing = fresh.close_epoch(*number, true);
                    assert!(closing.records.is_empty() && closing.looked.is_empty());
                    epoch = *number;
                }
            }
        }
        self.shards[shard] = fresh;
    }
}

fn messages(from: i64, sent: &[Sent]) -> OwnedMessages {
    let mut run = OwnedMessages::default();
    for (offset, sent) in (from..).zip(sent) {
        run.push(Message {
            offset,
            timestamp_ms: i64::MAX / 2,
            key: Some(&sent.key),
            value: sent.value.as_deref(),
            watermark: sent.watermark.as_deref(),
        });
    }
    run
}
