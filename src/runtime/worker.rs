//! One worker: a thread that owns shards, and commits their epochs together.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::base::fault::Fault;
use crate::base::fault::Remedy;
use crate::base::fault::chain;
use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::INPUTS;
use crate::base::ids::PARTIALS_INPUT;
use crate::base::ids::ShardId;
use crate::base::limits::RUNS_PER_EPOCH_MAX;
use crate::base::time::Civil;
use crate::codecs::FieldFault;
use crate::codecs::json::peek_event_time;
use crate::engine::Engine;
use crate::engine::effects::Counts;
use crate::engine::journal::FaultCount;
use crate::engine::journal::JournalEntry;
use crate::engine::journal::RunRecord;
use crate::engine::journal::Tick;
use crate::engine::journal::TickKind;
use crate::events::EVENT_TYPES;
use crate::events::InputId;
use crate::events::SETTLEMENT_INPUT;
use crate::events::input_name;
use crate::io::log::CommitFailure;
use crate::io::log::EpochWrite;
use crate::io::log::Head;
use crate::io::log::Log;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::runtime::breaker::AcceptedRejects;
use crate::runtime::bundles::Bundles;
use crate::runtime::bundles::Course;
use crate::runtime::parked::Parked;
use crate::runtime::recover::Owned;
use crate::runtime::recover::recover;
pub use crate::runtime::settings::WorkerSettings;
use crate::runtime::silence::Silence;
use crate::runtime::snapshot::manifest::sum;
use crate::runtime::snapshot::taker::Snapshots;
pub use crate::runtime::watch::Clock;
pub use crate::runtime::watch::Observer;
pub use crate::runtime::watch::Silent;
pub use crate::runtime::wish::Wish;

pub struct Worker<'a> {
    course: Course<'a>,
    /// When the control topic was asked last; `None`: not since the shards changed.
    course_asked: Option<Duration>,
    log: &'a mut dyn Log,
    settings: WorkerSettings,
    clock: &'a dyn Clock,
    owned: BTreeMap<ShardId, Owned>,
    parked: Parked,
    /// Shards of the last assignment whose state was dropped after a lost commit.
    lost: Vec<ShardId>,
    /// When lags were told last; `None`: not since the shards changed.
    lags_told: Option<Duration>,
    silence: Silence,
    snapshots: Option<&'a Snapshots>,
    /// When snapshots were taken last, or the shards came.
    snapshots_taken: Duration,
    /// How many epochs with partials had been sent when all heads were last
    /// looked at again.
    looked_at: Option<u64>,
}

/// Between two looks at the control topic.
const ACTIVATIONS_EVERY: Duration = Duration::from_secs(3);
/// How long the answer may take: runs wait meanwhile.
const ACTIVATIONS_PATIENCE: Duration = Duration::from_secs(1);
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
    /// Shards whose state changed when the epoch was closed.
    worked: BTreeSet<ShardId>,
    messages: u64,
    /// Whether every input was at its end when the epoch was closed.
    caught_up: bool,
}

impl Epoch {
    /// Whether nothing was read and nothing is left to close.
    fn is_idle(&self) -> bool {
        self.messages == 0 && self.worked.is_empty()
    }

    /// The shards that the epoch has an entry for.
    fn shards(&self) -> BTreeSet<ShardId> {
        self.runs.keys().chain(self.ticks.keys()).chain(&self.worked).copied().collect()
    }
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
        Self {
            course: Course::new(engine, None),
            course_asked: None,
            log,
            settings,
            clock,
            owned: BTreeMap::new(),
            parked: Parked::default(),
            lost: Vec::new(),
            lags_told: None,
            silence: Silence::default(),
            snapshots: None,
            snapshots_taken: Duration::ZERO,
            looked_at: None,
        }
    }

    /// The same, with bundles to load that activations name. Without them it
    /// goes on under its own bundle alone.
    #[must_use]
    pub fn with_bundles(mut self, bundles: Option<&'a dyn Bundles>) -> Self {
        self.course = Course::new(Arc::clone(self.course.own()), bundles);
        self
    }

    /// The same, with snapshots: recovery begins with them, and new ones are taken.
    #[must_use]
    pub fn with_snapshots(self, snapshots: Option<&'a Snapshots>) -> Self {
        Self { snapshots, ..self }
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
                return self.leave(wish, observer);
            }
            if let Some(snapshots) = self.snapshots {
                snapshots.take_due(&self.course, &mut self.owned, self.clock, &mut self.snapshots_taken, observer);
            }
            let rest = rest_until.saturating_sub(self.clock.monotonic());
            let wait = if idle { self.settings.idle_wait.max(rest) } else { rest };
            if let Some(shards) = self.log.shards(wait)? {
                self.lost.clear();
                wish.may_leave(self.settings.slot, shards.clone(), None, self.course.own().settings.partitions);
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
            idle = epoch.is_idle();
            if !idle || !epoch.ticks.is_empty() {
                // Looks that are due by the hundred are not spaced like messages.
                let rests = epoch.caught_up && (idle || epoch.messages > 0);
                let began = self.clock.monotonic();
                wish.busy(self.settings.slot);
                self.commit(epoch, wish, observer)?;
                if rests {
                    rest_until = began + self.settings.epoch_interval;
                }
            }
            if self.settings.until_end {
                let seen = if idle && !self.owned.is_empty() { self.at_end_or_gone(wish)? } else { None };
                let shards = self.owned.keys().copied().collect();
                if wish.may_leave(self.settings.slot, shards, seen, self.course.own().settings.partitions) {
                    return self.leave(wish, observer);
                }
            }
        }
    }

    fn adopt(&mut self, shards: &[ShardId], observer: &mut dyn Observer) -> Result<(), Fault> {
        self.parked.put(std::mem::take(&mut self.owned));
        self.lags_told = None;
        self.looked_at = None;
        self.course_asked = None;
        self.silence.clear();
        observer.shards(shards);
        let began = self.clock.monotonic();
        let limit = self.settings.reject_limit();
        for shard in shards {
            let recovered = match self.parked.take_back(self.log, *shard) {
                Ok(None) => recover(&mut self.course, self.log, *shard, &limit, self.snapshots, observer),
                Ok(Some(parked)) => Ok(parked),
                Err(fault) => Err(fault),
            };
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
        if !shards.is_empty() {
            // What is left has gone to others.
            self.parked.clear();
        }
        self.tell_bundle(observer);
        for (shard, owned) in &self.owned {
            (0..EVENT_INPUTS).for_each(|input| observer.idle(*shard, input, owned.shard.is_idle(input)));
        }
        // After a long recovery one is due at once.
        self.snapshots_taken = began;
        observer.ready(shards);
        Ok(())
    }

    fn leave(&mut self, wish: &Wish, observer: &mut dyn Observer) -> Result<(), Fault> {
        if let Some(snapshots) = self.snapshots {
            snapshots.take_last(&self.course, &mut self.owned, self.clock, wish, observer);
        }
        self.log.leave()
    }

    /// Between two epochs: brings all shards to the bundle in force. One that
    /// was taken before there was any writes an entry first, which says what it
    /// was: so it begins alike when it is rebuilt. Returns those.
    fn follow(&mut self, observer: &mut dyn Observer) -> Result<BTreeSet<ShardId>, Fault> {
        let mut begun = BTreeSet::new();
        let now = self.clock.monotonic();
        if self.owned.is_empty() || self.course_asked.is_some_and(|asked| now.saturating_sub(asked) < ACTIVATIONS_EVERY) {
            return Ok(begun);
        }
        self.course_asked = Some(now);
        match self.course.read(self.log, ACTIVATIONS_PATIENCE) {
            // A broker that is away for a while is no reason to build state anew.
            Err(fault) if fault.remedy != Remedy::Stop => tracing::warn!(error = chain(&fault), "the control topic is asked again later"),
            other => other?,
        }
        let mut moved = false;
        for (shard, owned) in &mut self.owned {
            if owned.epoch == 0 && self.course.would_begin_otherwise(&owned.shard) {
                begun.insert(*shard);
                self.course_asked = None;
            } else {
                moved |= self.course.follow(&mut owned.shard, self.course.in_force())?;
            }
        }
        if moved {
            self.tell_bundle(observer);
        }
        Ok(begun)
    }

    fn tell_bundle(&self, observer: &mut dyn Observer) {
        if let Some(owned) = self.owned.values().next() {
            observer.bundle(owned.shard.activation(), owned.shard.engine());
        }
    }

    /// Calls inputs idle that have been silent for long, and sources of partials
    /// that looks wait for. An input whose end was stated is not idle but over.
    fn tick(&mut self, epoch: &mut Epoch, observer: &mut dyn Observer) -> Result<(), Fault> {
        let now = self.clock.monotonic();
        for (shard, owned) in &mut self.owned {
            for (input, after) in self.settings.idle_after.iter().enumerate().take(EVENT_INPUTS) {
                let silent = self.silence.of_input(*shard, input, now);
                let over = owned.shard.input_watermark(input) == Civil::MAX;
                if silent < *after || over || owned.shard.is_idle(input) || self.log.head(*shard, input)? != Head::AtEnd {
                    continue;
                }
                let tick = Tick { input, kind: TickKind::Idle };
                owned.shard.tick(tick);
                epoch.ticks.entry(*shard).or_default().push(tick);
                observer.idle(*shard, input, true);
            }
            let Some(after) = self.settings.idle_after.get(SETTLEMENT_INPUT) else { continue };
            for (source, silent) in self.silence.of_sources(*shard, &owned.shard.holding(), now) {
                // What it sent may lie at the head.
                if silent < *after || owned.shard.is_source_idle(source) || self.log.head(*shard, PARTIALS_INPUT)? != Head::AtEnd {
                    continue;
                }
                let tick = Tick { input: PARTIALS_INPUT, kind: TickKind::SourceIdle(source) };
                owned.shard.tick(tick);
                epoch.ticks.entry(*shard).or_default().push(tick);
                observer.source_idle(*shard, source);
            }
        }
        Ok(())
    }

    /// Closes the epoch of every shard, read or not: what is left of an earlier
    /// one is done bit by bit.
    fn close(&mut self, epoch: &mut Epoch, observer: &mut dyn Observer) {
        for (shard, owned) in &mut self.owned {
            let mut closing = owned.shard.close_epoch(owned.epoch + 1, false);
            if !closing.worked {
                continue;
            }
            observer.closed(*shard, &closing);
            epoch.worked.insert(*shard);
            epoch.records.append(&mut closing.records);
        }
    }

    fn tell_lags(&mut self, observer: &mut dyn Observer) {
        let now = self.clock.monotonic();
        if self.lags_told.is_some_and(|told| now.saturating_sub(told) < LAGS_EVERY) {
            return;
        }
        self.lags_told = Some(now);
        for (shard, owned) in &self.owned {
            for input in 0..INPUTS {
                if let Some(messages) = self.log.lag(*shard, input) {
                    observer.lag(*shard, input, messages);
                }
            }
            observer.panes(*shard, &owned.shard.holding(), owned.shard.late_rows());
        }
    }

    /// How many epochs with partials had been sent when all inputs were found
    /// at their end; `None`: one is not. A shard that goes while it is asked is
    /// not at its end here.
    fn at_end_or_gone(&mut self, wish: &Wish) -> Result<Option<u64>, Fault> {
        match self.at_end(wish) {
            Err(fault) if fault.remedy == Remedy::Retry => Ok(None),
            other => other,
        }
    }

    fn at_end(&mut self, wish: &Wish) -> Result<Option<u64>, Fault> {
        let sent = wish.sent();
        if self.looked_at != Some(sent) {
            for shard in self.owned.keys() {
                self.log.look_again(*shard, PARTIALS_INPUT)?;
            }
            self.looked_at = Some(sent);
        }
        for shard in self.owned.keys() {
            for input in 0..INPUTS {
                if self.log.head(*shard, input)? != Head::AtEnd {
                    return Ok(None);
                }
            }
        }
        Ok(Some(sent))
    }

    /// Takes runs from all shards in turn until the epoch is full or nothing waits.
    fn gather(&mut self, observer: &mut dyn Observer) -> Result<Epoch, Fault> {
        let begun = self.follow(observer)?;
        let mut epoch = Epoch::default();
        if !begun.is_empty() {
            epoch.worked = begun;
            return Ok(epoch);
        }
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
                self.close(&mut epoch, observer);
                return Ok(epoch);
            }
        }
    }

    /// Partials, which have no event time, as soon as they are at hand; else the
    /// input whose head is earliest in event time. An input of events that is
    /// behind but not at its end is waited for: scheduling only, never
    /// correctness.
    fn next_input(&mut self, shard: ShardId) -> Result<Next, Fault> {
        if let Head::Ready(_) = self.log.head(shard, PARTIALS_INPUT)? {
            return Ok(Next::Run(PARTIALS_INPUT));
        }
        let mut best: Option<(i64, InputId)> = None;
        for input in 0..EVENT_INPUTS {
            match self.log.head(shard, input)? {
                Head::Pending => return Ok(Next::Pending),
                Head::AtEnd => {}
                Head::Ready(_) => {
                    let zone = self.course.own().settings.zone;
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
        let limit = self.settings.reject_limit();
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
            return Err(Fault::stop(format!("read {} of shard {shard}", input_name(input)), reason));
        }
        self.silence.spoke(shard, input, self.clock.monotonic());
        if was_idle {
            observer.idle(shard, input, false);
        }
        observer.step(shard, &effects);
        if input < EVENT_INPUTS {
            observer.watermark(shard, input, owned.shard.input_watermark(input));
        }
        let rejected = effects.counts.rejected_total();
        // What was accepted counts no more: it must not stop the worker later either.
        let counted = limit.counted(input, shard, effects.run.from, rejected);
        let breaker = owned.breakers.get_mut(input);
        if breaker.is_some_and(|breaker| breaker.count(effects.run.messages, counted)) {
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
            return Err(Fault::stop(format!("read {} of shard {shard}", input_name(input)), reason));
        }
        owned.offsets[input] = effects.run.to;
        epoch.messages += effects.run.messages;
        epoch.runs.entry(shard).or_default().push(RunRecord::from(&effects.run));
        // Blocks are no events.
        if input < EVENT_INPUTS {
            epoch.counts.entry(shard).or_default().add(&effects.counts);
        }
        *epoch.rejected_by_input.entry((shard, input)).or_default() += rejected;
        epoch.records.append(&mut effects.records);
        Ok(())
    }

    fn commit(&mut self, mut epoch: Epoch, wish: &Wish, observer: &mut dyn Observer) -> Result<(), Fault> {
        let wall_ms = self.clock.wall_ms();
        let mut write = EpochWrite { records: std::mem::take(&mut epoch.records), offsets: Vec::new() };
        for shard in epoch.shards() {
            let Some(owned) = self.owned.get_mut(&shard) else { continue };
            let counts = epoch.counts.remove(&shard).unwrap_or_default();
            assert!(counts.balance(), "every message of an epoch has one outcome");
            owned.epoch += 1;
            let entry = JournalEntry {
                number: owned.epoch,
                previous: owned.epoch - 1,
                versions: owned.shard.engine().versions.clone(),
                activation: owned.shard.activation(),
                runs: epoch.runs.remove(&shard).unwrap_or_default(),
                n_in: counts.n_in,
                evaluated: counts.evaluated,
                duplicate: counts.duplicate,
                correction: counts.correction,
                statement: counts.statement,
                rejected: counts.rejected.iter().map(|(class, count)| (class.name().to_owned(), *count)).collect(),
                rejected_by_input: (0..EVENT_INPUTS)
                    .map(|input| epoch.rejected_by_input.get(&(shard, input)).copied().unwrap_or_default())
                    .collect(),
                field_faults: counts.field_faults.iter().map(fault_count).collect(),
                ticks: epoch.ticks.remove(&shard).unwrap_or_default(),
                wall_ms,
            };
            let entry = entry.encode();
            owned.entry = sum(&entry);
            write.records.push(Record {
                output: Output::Journal,
                partition: Some(shard),
                key: None,
                value: Some(entry),
                headers: Vec::new(),
                timestamp_ms: None,
            });
            write.offsets.extend(owned.offsets.iter().enumerate().map(|(input, offset)| (shard, input, *offset)));
        }
        let sends = write.records.iter().any(|record| record.output == Output::Partials);
        let outcome = self.send(&write, epoch.messages, wish, observer);
        // It may have landed although no answer came.
        if sends {
            wish.has_sent();
        }
        outcome
    }

    fn send(&mut self, write: &EpochWrite, messages: u64, wish: &Wish, observer: &mut dyn Observer) -> Result<(), Fault> {
        let began = self.clock.monotonic();
        loop {
            match self.log.commit(write) {
                Ok(()) => {
                    observer.committed(messages, self.clock.monotonic().saturating_sub(began));
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
