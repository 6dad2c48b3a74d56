//! One worker: a thread that owns shards, and commits their epochs together.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;

use crate::base::fault::Fault;
use crate::base::fault::Remedy;
use crate::base::fault::chain;
use crate::base::ids::ShardId;
use crate::base::limits::RUNS_PER_EPOCH_MAX;
use crate::base::time::Civil;
use crate::codecs::FieldFault;
use crate::codecs::json::peek_event_time;
use crate::engine::Engine;
use crate::engine::effects::Counts;
use crate::engine::effects::Effects;
use crate::engine::journal::FaultCount;
use crate::engine::journal::JournalEntry;
use crate::engine::journal::RunRecord;
use crate::engine::journal::Tick;
use crate::engine::journal::TickKind;
use crate::events::EVENT_TYPES;
use crate::events::InputId;
use crate::io::log::CommitFailure;
use crate::io::log::EpochWrite;
use crate::io::log::Head;
use crate::io::log::Log;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::runtime::breaker::AcceptedRejects;
use crate::runtime::breaker::RejectLimit;
use crate::runtime::recover::Owned;
use crate::runtime::recover::recover;

/// What workers are asked to do, shared with whoever asks; and how far those
/// of one process are that stop at the end.
#[derive(Debug, Default)]
pub struct Wish {
    asked: AtomicU8,
    /// By slot: its shards, and whether they are at their end.
    ends: Mutex<BTreeMap<usize, (Vec<ShardId>, bool)>>,
}

impl Wish {
    /// Finish the epoch, commit, leave.
    pub fn stop(&self) {
        self.asked.fetch_max(1, Ordering::Relaxed);
    }
    /// Leave at once; what is not committed is done again by the next owner.
    pub fn abort(&self) {
        self.asked.fetch_max(2, Ordering::Relaxed);
    }
    pub fn stopping(&self) -> bool {
        self.asked.load(Ordering::Relaxed) >= 1
    }
    pub fn aborting(&self) -> bool {
        self.asked.load(Ordering::Relaxed) >= 2
    }

    /// A worker tells how far it is. Returns whether it may leave: it is at its
    /// end, and so are the others, if this process has all `partitions`. One
    /// that left earlier would hand its shards over to be rebuilt for nothing.
    fn may_leave(&self, slot: usize, shards: Vec<ShardId>, at_end: bool, partitions: i32) -> bool {
        let mut ends = self.ends.lock();
        ends.insert(slot, (shards, at_end));
        let here: BTreeSet<ShardId> = ends.values().flat_map(|end| end.0.iter().copied()).collect();
        at_end && (here.len() < usize::try_from(partitions).unwrap_or_default() || ends.values().all(|end| end.1 || end.0.is_empty()))
    }

    fn left(&self, slot: usize) {
        self.ends.lock().remove(&slot);
    }
}

#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Messages of one epoch over all shards.
    pub epoch_messages_max: usize,
    /// Least time between two commits of a worker that has caught up: scheduling only.
    pub epoch_interval: Duration,
    /// Messages of one run: small enough to keep inputs in step.
    pub run_messages_max: usize,
    pub reject_limit_percent: u32,
    /// Rejects that are no reason to stop.
    pub accepted_rejects: Vec<AcceptedRejects>,
    /// Stop when every input of every shard is at its end.
    pub until_end: bool,
    /// Tells workers apart that share a wish.
    pub slot: usize,
    /// How long to wait for something to do.
    pub idle_wait: Duration,
    /// By input: how long it may be silent before a tick calls it idle;
    /// empty: for ever.
    pub idle_after: Vec<Duration>,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            epoch_messages_max: 32_768,
            epoch_interval: Duration::ZERO,
            run_messages_max: 1024,
            reject_limit_percent: 5,
            accepted_rejects: Vec::new(),
            until_end: false,
            slot: 0,
            idle_wait: Duration::from_millis(20),
            idle_after: Vec::new(),
        }
    }
}

/// What a worker tells while it runs. Called on the worker's thread.
pub trait Observer {
    /// The assignment changed; the shards are not yet rebuilt.
    fn shards(&mut self, _shards: &[ShardId]) {}
    /// The shards are rebuilt and read on.
    fn ready(&mut self, _shards: &[ShardId]) {}
    fn step(&mut self, _shard: ShardId, _effects: &Effects) {}
    fn watermark(&mut self, _shard: ShardId, _input: InputId, _watermark: Civil) {}
    /// Whether an input is idle: told when a tick says so, and when it speaks again.
    fn idle(&mut self, _shard: ShardId, _input: InputId, _idle: bool) {}
    /// Messages of an input that were there about now and not taken yet.
    fn lag(&mut self, _shard: ShardId, _input: InputId, _messages: u64) {}
    fn committed(&mut self, _messages: u64, _took: Duration) {}
    /// A commit was refused and is sent again, or its shards were lost.
    fn refused(&mut self, _lost: bool) {}
    fn alive(&mut self) {}
}

/// Says nothing.
pub struct Silent;
impl Observer for Silent {}

/// Wall time for journal entries and metrics; the core never sees it.
pub trait Clock {
    fn wall_ms(&self) -> i64;
    fn monotonic(&self) -> Duration;
}

pub struct Worker<'a> {
    engine: Arc<Engine>,
    log: &'a mut dyn Log,
    settings: WorkerSettings,
    clock: &'a dyn Clock,
    owned: BTreeMap<ShardId, Owned>,
    /// Shards of the last assignment whose state was dropped after a lost commit.
    lost: Vec<ShardId>,
    /// When lags were told last; `None`: not since the shards changed.
    lags_told: Option<Duration>,
    /// When each input last spoke, or was taken over.
    spoke: BTreeMap<(ShardId, InputId), Duration>,
}

/// Between two tellings of lags.
const LAGS_EVERY: Duration = Duration::from_secs(1);

/// The work of one epoch, before it is committed.
#[derive(Default)]
struct Epoch {
    records: Vec<Record>,
    runs: BTreeMap<ShardId, Vec<RunRecord>>,
    ticks: BTreeMap<ShardId, Vec<Tick>>,
    counts: BTreeMap<ShardId, Counts>,
    rejected_by_input: BTreeMap<(ShardId, InputId), u64>,
    messages: u64,
    /// Whether every input was at its end when the epoch was closed.
    caught_up: bool,
}

/// What a shard has to do next.
enum Next {
    Run(InputId),
    /// Something is on its way that may have to come first.
    Pending,
    AtEnd,
}

impl<'a> Worker<'a> {
    pub fn new(engine: Arc<Engine>, log: &'a mut dyn Log, settings: WorkerSettings, clock: &'a dyn Clock) -> Self {
        Self { engine, log, settings, clock, owned: BTreeMap::new(), lost: Vec::new(), lags_told: None, spoke: BTreeMap::new() }
    }

    /// Runs until asked to stop, until the end (if so set), or until a fault.
    pub fn run(&mut self, wish: &Wish, observer: &mut dyn Observer) -> Result<(), Fault> {
        let result = self.work(wish, observer);
        wish.left(self.settings.slot);
        result
    }

    fn work(&mut self, wish: &Wish, observer: &mut dyn Observer) -> Result<(), Fault> {
        let mut idle = false;
        let mut rest_until = Duration::ZERO;
        loop {
            observer.alive();
            if wish.stopping() {
                return self.log.leave();
            }
            let rest = rest_until.saturating_sub(self.clock.monotonic());
            let wait = if idle { self.settings.idle_wait.max(rest) } else { rest };
            if let Some(shards) = self.log.shards(wait)? {
                self.lost.clear();
                wish.may_leave(self.settings.slot, shards.clone(), false, self.engine.settings.partitions);
                self.adopt(&shards, observer)?;
            } else if !self.lost.is_empty() {
                // Still ours: the journal says what landed.
                let shards = std::mem::take(&mut self.lost);
                self.adopt(&shards, observer)?;
            }
            if !self.lost.is_empty() {
                idle = true;
                continue;
            }
            // The log comes back early where messages come.
            if self.clock.monotonic() < rest_until {
                continue;
            }
            let epoch = match self.gather(observer) {
                Ok(epoch) => epoch,
                // A shard has gone or may go. What was stepped of this epoch is
                // not committed: state is rebuilt to where the journal ends.
                Err(fault) if fault.remedy == Remedy::Retry => {
                    tracing::info!(error = chain(&fault), "epoch given up, the group is asked again");
                    self.lost = std::mem::take(&mut self.owned).into_keys().collect();
                    idle = true;
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            if wish.aborting() {
                return self.log.leave();
            }
            self.tell_lags(observer);
            idle = epoch.messages == 0;
            if !idle || !epoch.ticks.is_empty() {
                let caught_up = epoch.caught_up;
                let began = self.clock.monotonic();
                self.commit(epoch, wish, observer)?;
                if caught_up {
                    rest_until = began + self.settings.epoch_interval;
                }
            }
            if self.settings.until_end {
                let at_end = idle && !self.owned.is_empty() && self.at_end_or_gone()?;
                let shards = self.owned.keys().copied().collect();
                if wish.may_leave(self.settings.slot, shards, at_end, self.engine.settings.partitions) {
                    return self.log.leave();
                }
            }
        }
    }

    fn adopt(&mut self, shards: &[ShardId], observer: &mut dyn Observer) -> Result<(), Fault> {
        self.owned.clear();
        self.lags_told = None;
        self.spoke.clear();
        observer.shards(shards);
        let limit = self.reject_limit();
        for shard in shards {
            let recovered = recover(&self.engine, self.log, *shard, &limit, &mut || observer.alive());
            match recovered {
                Ok(owned) => {
                    self.owned.insert(*shard, owned);
                }
                // The shard has gone or may go: what the group says next decides.
                Err(fault) if fault.remedy == Remedy::Retry => {
                    tracing::info!(shard, error = chain(&fault), "recovery given up, the group is asked again");
                    self.owned.clear();
                    self.lost = shards.to_vec();
                    return Ok(());
                }
                Err(fault) => return Err(fault),
            }
        }
        for (shard, owned) in &self.owned {
            (0..EVENT_TYPES.len()).for_each(|input| observer.idle(*shard, input, owned.shard.is_idle(input)));
        }
        observer.ready(shards);
        Ok(())
    }

    /// Calls inputs idle that have been silent for long. One whose end was
    /// stated is not idle but over.
    fn tick(&mut self, epoch: &mut Epoch, observer: &mut dyn Observer) -> Result<(), Fault> {
        let now = self.clock.monotonic();
        for (shard, owned) in &mut self.owned {
            for (input, after) in self.settings.idle_after.iter().enumerate() {
                let silent = now.saturating_sub(*self.spoke.entry((*shard, input)).or_insert(now));
                let over = owned.shard.input_watermark(input) == Civil::MAX;
                if silent < *after || over || owned.shard.is_idle(input) || self.log.head(*shard, input)? != Head::AtEnd {
                    continue;
                }
                let tick = Tick { input, kind: TickKind::Idle };
                owned.shard.tick(tick);
                epoch.ticks.entry(*shard).or_default().push(tick);
                observer.idle(*shard, input, true);
            }
        }
        Ok(())
    }

    fn reject_limit(&self) -> RejectLimit {
        RejectLimit { percent: self.settings.reject_limit_percent, accepted: self.settings.accepted_rejects.clone() }
    }

    fn tell_lags(&mut self, observer: &mut dyn Observer) {
        let now = self.clock.monotonic();
        if self.lags_told.is_some_and(|told| now.saturating_sub(told) < LAGS_EVERY) {
            return;
        }
        self.lags_told = Some(now);
        for shard in self.owned.keys() {
            for input in 0..EVENT_TYPES.len() {
                if let Some(messages) = self.log.lag(*shard, input) {
                    observer.lag(*shard, input, messages);
                }
            }
        }
    }

    /// A shard that goes while it is asked is not at its end here.
    fn at_end_or_gone(&mut self) -> Result<bool, Fault> {
        match self.at_end() {
            Err(fault) if fault.remedy == Remedy::Retry => Ok(false),
            other => other,
        }
    }

    fn at_end(&mut self) -> Result<bool, Fault> {
        for shard in self.owned.keys() {
            for input in 0..EVENT_TYPES.len() {
                if self.log.head(*shard, input)? != Head::AtEnd {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Takes runs from all shards in turn until the epoch is full or nothing waits.
    fn gather(&mut self, observer: &mut dyn Observer) -> Result<Epoch, Fault> {
        let mut epoch = Epoch::default();
        let shards: Vec<ShardId> = self.owned.keys().copied().collect();
        loop {
            let before = epoch.messages;
            epoch.caught_up = true;
            for shard in &shards {
                let room = self.settings.epoch_messages_max as u64;
                let runs = epoch.runs.get(shard).map_or(0, Vec::len);
                if epoch.messages >= room || runs >= RUNS_PER_EPOCH_MAX {
                    epoch.caught_up = false;
                    continue;
                }
                match self.next_input(*shard)? {
                    Next::Run(input) => self.run_once(*shard, input, &mut epoch, observer)?,
                    Next::Pending => epoch.caught_up = false,
                    Next::AtEnd => {}
                }
            }
            if epoch.messages == before {
                self.tick(&mut epoch, observer)?;
                return Ok(epoch);
            }
        }
    }

    /// The input whose head is earliest in event time. An input that is behind
    /// but not at its end is waited for: scheduling only, never correctness.
    fn next_input(&mut self, shard: ShardId) -> Result<Next, Fault> {
        let mut best: Option<(i64, InputId)> = None;
        for input in 0..EVENT_TYPES.len() {
            match self.log.head(shard, input)? {
                Head::Pending => return Ok(Next::Pending),
                Head::AtEnd => {}
                Head::Ready(_) => {
                    let zone = self.engine.settings.zone;
                    let mut time = i64::MIN;
                    self.log.peek(shard, input, &mut |message| {
                        let told = message.value.and_then(|value| peek_event_time(EVENT_TYPES[input], value));
                        time = told.unwrap_or_else(|| zone.civil(message.timestamp_ms)).0;
                    })?;
                    if best.is_none_or(|best| (time, input) < best) {
                        best = Some((time, input));
                    }
                }
            }
        }
        Ok(best.map_or(Next::AtEnd, |(_, input)| Next::Run(input)))
    }

    fn run_once(&mut self, shard: ShardId, input: InputId, epoch: &mut Epoch, observer: &mut dyn Observer) -> Result<(), Fault> {
        let limit = self.reject_limit();
        let Some(owned) = self.owned.get_mut(&shard) else { return Ok(()) };
        let taken = self.log.take(shard, input, self.settings.run_messages_max)?;
        if taken.messages.is_empty() {
            return Ok(());
        }
        let was_idle = owned.shard.is_idle(input);
        let mut effects = owned.shard.step(input, &*taken.messages, owned.epoch + 1, false);
        effects.run.to = taken.next_offset;
        drop(taken);
        if let Some(reason) = effects.stop {
            return Err(Fault::stop(format!("read {} of shard {shard}", EVENT_TYPES[input].name), reason));
        }
        self.spoke.insert((shard, input), self.clock.monotonic());
        if was_idle {
            observer.idle(shard, input, false);
        }
        observer.step(shard, &effects);
        observer.watermark(shard, input, owned.shard.input_watermark(input));
        let rejected = effects.counts.rejected_total();
        // What was accepted counts no more: it must not stop the worker later either.
        let counted = limit.counted(input, shard, effects.run.from, rejected);
        if owned.breakers[input].count(effects.run.messages, counted) {
            let classes: Vec<String> = effects.counts.rejected.iter().map(|(class, count)| format!("{count} {class}")).collect();
            let reason = format!(
                "more than {} % of the last {} messages were rejected, up to offset {} (of the last {}: {}); mend the feed, or start with --accept-rejects-to {} to have them in the reject topic and go on",
                self.settings.reject_limit_percent,
                crate::base::limits::REJECT_WINDOW,
                effects.run.to,
                effects.run.messages,
                classes.join(", "),
                AcceptedRejects { input, shard, to: effects.run.to }
            );
            return Err(Fault::stop(format!("read {} of shard {shard}", EVENT_TYPES[input].name), reason));
        }
        owned.offsets[input] = effects.run.to;
        epoch.messages += effects.run.messages;
        epoch.runs.entry(shard).or_default().push(RunRecord::from(&effects.run));
        epoch.counts.entry(shard).or_default().add(&effects.counts);
        *epoch.rejected_by_input.entry((shard, input)).or_default() += rejected;
        epoch.records.append(&mut effects.records);
        Ok(())
    }

    fn commit(&mut self, mut epoch: Epoch, wish: &Wish, observer: &mut dyn Observer) -> Result<(), Fault> {
        let wall_ms = self.clock.wall_ms();
        let mut write = EpochWrite { records: std::mem::take(&mut epoch.records), offsets: Vec::new() };
        let shards: BTreeSet<ShardId> = epoch.runs.keys().chain(epoch.ticks.keys()).copied().collect();
        for shard in shards {
            let Some(owned) = self.owned.get_mut(&shard) else { continue };
            let counts = epoch.counts.remove(&shard).unwrap_or_default();
            assert!(counts.balance(), "every message of an epoch has one outcome");
            owned.epoch += 1;
            let entry = JournalEntry {
                number: owned.epoch,
                previous: owned.epoch - 1,
                versions: self.engine.versions.clone(),
                runs: epoch.runs.remove(&shard).unwrap_or_default(),
                n_in: counts.n_in,
                evaluated: counts.evaluated,
                duplicate: counts.duplicate,
                correction: counts.correction,
                statement: counts.statement,
                rejected: counts.rejected.iter().map(|(class, count)| (class.name().to_owned(), *count)).collect(),
                rejected_by_input: (0..EVENT_TYPES.len())
                    .map(|input| epoch.rejected_by_input.get(&(shard, input)).copied().unwrap_or_default())
                    .collect(),
                field_faults: counts.field_faults.iter().map(fault_count).collect(),
                ticks: epoch.ticks.remove(&shard).unwrap_or_default(),
                wall_ms,
            };
            write.records.push(Record {
                output: Output::Journal,
                partition: Some(shard),
                key: None,
                value: Some(entry.encode()),
                headers: Vec::new(),
                timestamp_ms: None,
            });
            write.offsets.extend(owned.offsets.iter().enumerate().map(|(input, offset)| (shard, input, *offset)));
        }
        let began = self.clock.monotonic();
        loop {
            match self.log.commit(&write) {
                Ok(()) => {
                    observer.committed(epoch.messages, self.clock.monotonic().saturating_sub(began));
                    return Ok(());
                }
                Err(CommitFailure::Again(fault)) => {
                    observer.refused(false);
                    observer.alive();
                    tracing::warn!(error = chain(&fault), "commit failed, the same write is sent again");
                    if wish.aborting() {
                        return self.log.leave();
                    }
                }
                // The journal decides at the next assignment what landed.
                Err(CommitFailure::Lost(fault)) if fault.remedy != Remedy::Stop => {
                    observer.refused(true);
                    tracing::warn!(error = chain(&fault), "shards lost, their state is rebuilt when they come back");
                    self.lost = std::mem::take(&mut self.owned).into_keys().collect();
                    return Ok(());
                }
                Err(CommitFailure::Lost(fault)) => return Err(fault),
            }
        }
    }
}

fn fault_count((place, count): (&(&'static str, &'static str, &'static str, FieldFault), &u64)) -> FaultCount {
    let (event, table, column, fault) = *place;
    FaultCount {
        event: event.to_owned(),
        table: table.to_owned(),
        column: column.to_owned(),
        fault: fault.name().to_owned(),
        count: *count,
    }
}
