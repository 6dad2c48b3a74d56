//! The groups of a shard: cases counted and sent as partials on one side,
//! partials folded into panes and looked at on the other.
//!
//! `bills` and `case` say what a case is, `definition` what a rule counts of
//! it (`lines`: of each of its lines), `look` what is concluded from a pane.

mod bills;
mod case;
mod clue;
mod definition;
mod lines;
mod look;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::base::ids::Digest;
use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::PARTIALS_INPUT;
use crate::base::ids::ShardId;
use crate::base::limits::DROPS_PER_EPOCH_MAX;
use crate::base::limits::LATENESS_SECONDS;
use crate::base::limits::LOOKS_PER_EPOCH_MAX;
use crate::base::limits::PARTIAL_ROWS_PER_EPOCH_MAX;
use crate::base::limits::PARTIAL_ROWS_WAITING_MAX;
use crate::base::limits::PARTIALS_EVERY_SECONDS;
use crate::base::limits::REACH_SECONDS;
use crate::base::record::Messages;
use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;
use crate::engine::Engine;
use crate::engine::corrections::Corrected;
use crate::engine::effects::Closing;
use crate::engine::effects::Counts;
use crate::engine::effects::Effects;
use crate::engine::effects::RuleTally;
use crate::engine::effects::RunDone;
use crate::engine::enrich::Batch;
use crate::engine::meter::Laps;
use crate::engine::remember::Memory;
use crate::events::SETTLEMENT_INPUT;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::io::partition::Partitioner;
use crate::reference::baseline_tables::Case;
use crate::state::cases::CaseIdx;
use crate::state::cases::Cases;
use crate::state::clues::Told;
use crate::state::events::EventIdx;
use crate::state::intern::Sym;
use crate::state::persons::PersonIdx;
use crate::state::saved::Damage;
use crate::state::saved::Loader;
use crate::state::saved::Saver;
use crate::window::calendar::Month;
use crate::window::calendar::Span;
use crate::window::gather::FlushLimits;
use crate::window::gather::Gathered;
use crate::window::group::Contribution;
use crate::window::group::Definition;
use crate::window::group::Text;
use crate::window::pane::Folded;
use crate::window::pane::Holding;
use crate::window::pane::PaneTimes;
use crate::window::pane::Panes;
use crate::window::partial::Block;

pub use clue::period;
pub use definition::baseline_of;

use bills::BillColumns;
use bills::Entries;
use bills::Outputs;
use case::CaseFacts;
use case::Doubts;
use case::Names;
use case::Tables;
use definition::Counting;
use definition::census;

const FLUSH: FlushLimits =
    FlushLimits { rows: PARTIAL_ROWS_WAITING_MAX, seconds: PARTIALS_EVERY_SECONDS, portion_rows: PARTIAL_ROWS_PER_EPOCH_MAX };
const TIMES: PaneTimes = PaneTimes { lateness: LATENESS_SECONDS, reach: REACH_SECONDS };
/// Where institutions are at home: this is the program's own and never changes,
/// because panes of an institution stay where they are.
const HOMES: Partitioner = Partitioner::Murmur2;

/// Offsets of the first and the last block of partials.
type Blocks = (i64, i64);

/// The groups of one shard.
pub struct Groups {
    shard: ShardId,
    partitions: ShardId,
    /// Every definition that ever was, by number.
    countings: Vec<Counting>,
    /// Rules whose baseline the references lack, and why.
    lacking: BTreeMap<usize, &'static str>,
    cases: Cases,
    doubts: Doubts,
    names: Names,
    gathered: Gathered,
    panes: Panes,
    /// Where the sums of a month came from.
    blocks: BTreeMap<(Digest, Text, Month), Blocks>,
    /// What was told, by rule, institution and pane: a definition that takes the
    /// place of another goes on with its clues.
    told: BTreeMap<(String, Text, Span), Vec<Told>>,
    /// Blocks of this shard for itself that it has not read back, by their hash.
    own: VecDeque<u64>,
    /// The last day of a bill; before the first bill the first of all days.
    last_day: i64,
}

/// What a run hands to groups.
pub struct Taken<'a> {
    pub batch: &'a Batch,
    /// The event of the first row; the others follow.
    pub first: EventIdx,
}

/// What a case adds: definition and contribution.
type Added = Vec<(Definition, Contribution)>;

impl Groups {
    pub fn new(engine: &Arc<Engine>, shard: ShardId) -> Self {
        let partitions = engine.settings.partitions;
        let (countings, lacking) = definition::definitions(engine);
        Self {
            shard,
            partitions,
            countings,
            lacking,
            cases: Cases::default(),
            doubts: Doubts::default(),
            names: Names::default(),
            gathered: Gathered::new(shard, partitions),
            panes: Panes::new(shard, partitions, &[SETTLEMENT_INPUT], TIMES),
            blocks: BTreeMap::new(),
            told: BTreeMap::new(),
            own: VecDeque::new(),
            last_day: i64::MIN,
        }
    }

    /// Goes on under another engine. What both count alike goes on, judged by the
    /// new rules; what only the old one counts holds for cases before
    /// `groups_from`, and what is new for cases from then on. So every shard
    /// agrees, whenever it switches: what came too early is counted anew, and
    /// what nobody was asked of is unknown.
    pub fn switch(&mut self, engine: &Arc<Engine>, groups_from: Month, memory: &Memory) {
        let from = groups_from.start().day();
        let day = first_day(groups_from);
        let found = definition::definitions(engine);
        if self.is_silent() && !found.0.is_empty() {
            self.catch_up(memory);
        }
        // No other case can change.
        let is_early = |case: &CaseIdx| {
            let times = self.cases.bills(*case).map(|bill| memory.events.row(bill.row.event).event_time);
            times.max().is_some_and(|last| last.div_euclid(SECONDS_PER_DAY) >= from)
        };
        let early: Vec<CaseIdx> = if self.last_day < from { Vec::new() } else { self.cases.all().filter(is_early).collect() };
        let before: Vec<Added> = early.iter().map(|case| self.contributions(*case, memory)).collect();
        let new = self.count_by(found, day);
        // Other shards may have switched first: what they sent was looked at by no rule.
        let sent: Vec<(Digest, Text, Month)> = self
            .panes
            .months()
            .filter(|(of, ..)| new.contains(of))
            .map(|(of, institution, month, _)| (of, institution.clone(), month))
            .collect();
        for (definition, institution, month) in sent {
            self.panes.again(definition, &institution, month);
        }
        for (case, before) in early.into_iter().zip(before) {
            let after = self.contributions(case, memory);
            self.replace(before, after);
        }
    }

    /// From a day on counts by other definitions; returns those that are new.
    fn count_by(&mut self, (mut found, lacking): (Vec<Counting>, BTreeMap<usize, &'static str>), day: i32) -> BTreeSet<Digest> {
        self.lacking = lacking;
        for known in &mut self.countings {
            let now = found.iter().position(|new| new.definition == known.definition).map(|at| found.remove(at));
            known.switch(day, now);
        }
        let new = found.iter().map(|new| new.definition.digest()).collect();
        self.countings.extend(found.into_iter().map(|new| new.since(day)));
        new
    }

    /// Counts as a shard that went on under this engine, and changes nothing
    /// that was counted: that was saved.
    pub fn retrace(&mut self, engine: &Arc<Engine>, groups_from: Month) {
        self.count_by(definition::definitions(engine), first_day(groups_from));
    }

    pub fn save(&mut self, saver: &mut Saver<'_>) {
        // What is counted follows from the engines that the shard went through.
        let Self {
            shard: _,
            partitions: _,
            countings: _,
            lacking: _,
            cases,
            doubts,
            names: _,
            gathered,
            panes,
            blocks,
            told,
            own,
            last_day,
        } = self;
        cases.save(saver);
        let doubts: BTreeMap<_, _> = doubts.iter().collect();
        saver.head("doubts", &doubts);
        saver.head("gathered", gathered);
        saver.head("panes", panes);
        saver.head("pane_blocks", blocks);
        saver.head("pane_clues", told);
        saver.head("own_blocks", own);
        saver.head("last_day", last_day);
    }

    /// `self`: what counts as the shard did that was saved, and has counted nothing.
    pub fn load(self, loader: &mut Loader<'_>, memory: &Memory) -> Result<Self, Damage> {
        let Self { shard, partitions, countings, lacking, .. } = self;
        let cases = Cases::load(loader, &memory.events)?;
        let doubts: BTreeMap<(PersonIdx, Sym), BTreeSet<Box<str>>> = loader.head("doubts")?;
        let gathered: Gathered = loader.head("gathered")?;
        let panes: Panes = loader.head("panes")?;
        if !gathered.is_of(shard, partitions) || !panes.is_of(shard, TIMES) {
            return Err(Damage::malformed("panes", "they are of another shard, or kept by other times"));
        }
        Ok(Self {
            shard,
            partitions,
            countings,
            lacking,
            cases,
            doubts: doubts.into_iter().collect(),
            names: Names::default(),
            gathered,
            panes,
            blocks: loader.head("pane_blocks")?,
            told: loader.head("pane_clues")?,
            own: loader.head("own_blocks")?,
            last_day: loader.head("last_day")?,
        })
    }

    /// Bills that came while no rule counted anything.
    fn catch_up(&mut self, memory: &Memory) {
        for event in memory.events.all() {
            let row = memory.events.row(event);
            if usize::from(row.input) == SETTLEMENT_INPUT
                && let Some(bill) = bills::unasked(event, row, &memory.symbols)
            {
                let (case, _) = self.cases.of(event, &memory.events, &memory.texts);
                self.cases.add(case, bill, &[], &[]);
            }
        }
    }

    /// The engines whose programs are still asked about bills.
    pub fn engines(&self) -> Vec<Arc<Engine>> {
        let mut engines: Vec<Arc<Engine>> = Vec::new();
        for counting in &self.countings {
            if !engines.iter().any(|known| Arc::ptr_eq(known, &counting.engine)) {
                engines.push(Arc::clone(&counting.engine));
            }
        }
        engines
    }

    /// No rule counts anything: nothing is gathered, sent or looked at.
    pub fn is_silent(&self) -> bool {
        self.countings.is_empty()
    }

    /// Counts the bills of a run of settlements. `memory` holds their events.
    pub fn take(&mut self, engine: &Engine, taken: &Taken<'_>, memory: &mut Memory, tallies: &mut BTreeMap<String, RuleTally>) {
        let Taken { batch, first } = *taken;
        for (place, reason) in &self.lacking {
            let rule = &engine.rules.rules[*place].doc.id;
            tallies.entry(rule.clone()).or_default().count_unknown(reason, batch.headers.len() as u64);
        }
        if self.is_silent() || batch.headers.is_empty() {
            return;
        }
        let mut laps = Laps::new(engine.settings.meter);
        let entries = self.entries(batch);
        let columns = BillColumns::new(batch);
        let asked = u16::try_from(self.countings.len()).unwrap_or(u16::MAX);
        let (mut unplaced, mut long) = (0, 0);
        for (row, facts) in batch.headers.iter().enumerate() {
            let Some(setting) = facts.setting else {
                unplaced += 1;
                continue;
            };
            let Some(case) = bills::case_of(setting) else { continue };
            self.last_day = self.last_day.max(facts.event_time.div_euclid(SECONDS_PER_DAY));
            long += u64::from(columns.has_long_code(row));
            let event = EventIdx(first.0 + row as u32);
            let bill = columns.bill(row, event, case, asked, &engine.references, &mut memory.symbols);
            let mut counted = Vec::new();
            for (number, entries) in (0..asked).zip(&entries) {
                entries.put(number, row, &mut counted);
            }
            let doctors = if case == Case::Visit { columns.doctors(row, &mut memory.symbols) } else { Vec::new() };
            let (idx, is_new) = self.cases.of(event, &memory.events, &memory.texts);
            let before = if is_new { Vec::new() } else { self.contributions(idx, memory) };
            self.cases.add(idx, bill, &counted, &doctors);
            let after = self.contributions(idx, memory);
            self.replace(before, after);
        }
        // Of what older definitions count the rules in force take their part.
        if let Some(table) = bills::programs(engine) {
            laps.shared(&engine.rules, &table.group_shares, tallies);
        }
        for (reason, bills) in [("setting", unplaced), ("long_code", long)].into_iter().filter(|(_, bills)| *bills > 0) {
            for counting in &self.countings {
                for place in &counting.rules {
                    let rule = &counting.engine.rules.rules[*place].doc.id;
                    tallies.entry(rule.clone()).or_default().count_unknown(reason, bills);
                }
            }
        }
    }

    /// Puts corrections into effect: the cases that they change are taken out as
    /// they were put in, and put in as they are then.
    pub(super) fn correct(&mut self, corrected: &Corrected, memory: &mut Memory) {
        let mut cases: BTreeSet<CaseIdx> =
            corrected.flips(memory).filter_map(|event| self.cases.of_bill(event, &memory.events, &memory.texts)).collect();
        for (visit, doubt) in &corrected.doubts {
            let visits = self.doubts.get(&(visit.person, visit.institution));
            if *doubt != visits.is_some_and(|visits| visits.contains(&visit.number)) {
                cases.extend(self.cases.find(visit.person, visit.institution, &visit.number, &memory.events, &memory.texts));
            }
        }
        let before: Vec<Added> = cases.iter().map(|case| self.contributions(*case, memory)).collect();
        corrected.apply(memory);
        for (visit, doubt) in &corrected.doubts {
            let place = (visit.person, visit.institution);
            if *doubt {
                self.doubts.entry(place).or_default().insert(visit.number.clone());
            } else if let Some(visits) = self.doubts.get_mut(&place) {
                visits.remove(&visit.number);
                if visits.is_empty() {
                    self.doubts.remove(&place);
                }
            }
        }
        for (case, before) in cases.into_iter().zip(before) {
            let after = self.contributions(case, memory);
            self.replace(before, after);
        }
    }

    /// What each definition counts of each header row.
    fn entries(&self, batch: &Batch) -> Vec<Entries> {
        let mut outputs: Vec<(&Arc<Engine>, Option<Outputs>)> = Vec::new();
        for counting in &self.countings {
            if !outputs.iter().any(|(engine, _)| Arc::ptr_eq(engine, &counting.engine)) {
                outputs.push((&counting.engine, bills::programs(&counting.engine).map(|table| Outputs::of(table, batch))));
            }
        }
        let of = |counting: &Counting| {
            let (_, outputs) = outputs.iter().find(|(engine, _)| Arc::ptr_eq(engine, &counting.engine))?;
            let rule = counting.engine.rules.rules[*counting.rules.first()?].ratio.as_ref()?;
            Some(outputs.as_ref()?.entries(rule, batch, counting.decimals))
        };
        self.countings.iter().map(|counting| of(counting).unwrap_or(Entries::Cases(Vec::new()))).collect()
    }

    /// What a case adds as it is known now.
    fn contributions(&mut self, idx: CaseIdx, memory: &Memory) -> Added {
        let Self { cases, names, countings, doubts, .. } = self;
        let tables = Tables { cases, events: &memory.events, texts: &memory.texts, symbols: &memory.symbols, doubts };
        let Some(case) = CaseFacts::read(idx, tables, names) else { return Vec::new() };
        let mut added: Added = Vec::with_capacity(4);
        let census = census(case.kind.case);
        let counted = case::counted(&case);
        if counted.check(&census).is_err() {
            return added;
        }
        added.push((census, counted));
        for (number, counting) in (0..).zip(countings.iter_mut()) {
            if let Some(contribution) = counting.contribution(number, &case, &memory.symbols) {
                added.push((counting.definition, contribution));
            }
        }
        // An online body is reported by itself and with its host.
        if let Some(host) = &case.host {
            let with_host: Added = added.iter().map(|(of, own)| (*of, Contribution { institution: host.clone(), ..own.clone() })).collect();
            added.extend(with_host.into_iter().filter(|(of, contribution)| contribution.check(of).is_ok()));
        }
        added
    }

    /// Takes out what was added and is no more, and adds what is new. All were
    /// checked, and sums of cases fit their integers by `MEASURE_MAX`.
    fn replace(&mut self, before: Added, after: Added) {
        for (definition, contribution) in before.iter().filter(|old| !after.contains(old)) {
            let done = self.gathered.retract(*definition, contribution);
            debug_assert!(done.is_ok(), "a checked contribution is taken out: {done:?}");
        }
        for (definition, contribution) in after.iter().filter(|new| !before.contains(new)) {
            let done = self.gathered.add(*definition, contribution);
            debug_assert!(done.is_ok(), "a checked contribution is added: {done:?}");
        }
    }

    /// Folds a run of blocks. What is no block, or does not follow, stops the
    /// worker: the topic is the program's own.
    pub fn fold(&mut self, messages: &dyn Messages) -> Effects {
        let mut run = RunDone::begin(PARTIALS_INPUT, messages.len());
        let mut counts = Counts::default();
        let mut stop = None;
        for idx in 0..messages.len() {
            let message = messages.get(idx);
            run.read(message);
            counts.n_in += 1;
            counts.evaluated += 1;
            let value = message.value.unwrap_or_default();
            let folded = Block::decode(value)
                .map_err(|fault| fault.to_string())
                .and_then(|block| self.of_this_journal(&block, value).map(|()| block))
                .and_then(|block| self.panes.fold(&block).map(|folded| (block, folded)).map_err(|fault| fault.to_string()));
            match folded {
                Ok((block, Folded::Merged { .. })) => self.note(&block, message.offset),
                Ok((_, Folded::Stale)) => {}
                Err(reason) if stop.is_none() => stop = Some(format!("partials at offset {}: {reason}", message.offset)),
                Err(_) => {}
            }
        }
        Effects { run, records: Vec::new(), counts, rules: BTreeMap::new(), unlisted: BTreeSet::new(), stop }
    }

    /// A shard reads back what it sent itself, in that order and nothing else.
    /// Anything else was written under another journal, and then so was what
    /// other shards sent.
    fn of_this_journal(&mut self, block: &Block, value: &[u8]) -> Result<(), String> {
        if block.source != self.shard || block.rollup != self.shard || self.own.pop_front() == Some(xxh3_64(value)) {
            return Ok(());
        }
        let (shard, number) = (block.source, block.sequence);
        Err(format!(
            "block {number} of shard {shard} is none that this shard sent: the topic holds partials of another journal, and \
             a group of consumers that is new needs a topic of partials that is empty"
        ))
    }

    fn note(&mut self, block: &Block, offset: i64) {
        let Some(body) = &block.body else { return };
        let months: BTreeSet<Month> = body.rows().iter().map(|row| Month::of_day(row.day)).collect();
        for counting in &self.countings {
            // Whether data are whole bears on all that is judged beside them.
            if census(counting.case) == *body.definition() {
                months.iter().for_each(|month| self.panes.again(counting.definition.digest(), body.institution(), *month));
            }
        }
        for month in months {
            let key = (body.definition().digest(), body.institution().clone(), month);
            let (first, last) = self.blocks.entry(key).or_insert((offset, offset));
            (*first, *last) = ((*first).min(offset), (*last).max(offset));
        }
    }

    /// The end of an epoch: see [`Shard::close_epoch`](super::shard::Shard::close_epoch).
    pub fn close(&mut self, engine: &Engine, watermarks: [Civil; EVENT_INPUTS], epoch: u64, muted: bool) -> Closing {
        let mut closing = Closing::default();
        if self.is_silent() {
            return closing;
        }
        let end = watermarks[SETTLEMENT_INPUT] == Civil::MAX;
        let partitions = self.partitions;
        let blocks = self.gathered.flush(&FLUSH, watermarks, end, |code| HOMES.partition(code.as_bytes(), partitions));
        closing.worked = !blocks.is_empty();
        self.own.extend(blocks.iter().filter(|block| block.rollup == self.shard).map(|block| xxh3_64(&block.encode())));
        if !muted {
            closing.records = blocks.iter().map(block_record).collect();
        }
        let looks = self.panes.looks_due(LOOKS_PER_EPOCH_MAX);
        closing.worked |= !looks.is_empty();
        for look in &looks {
            self.look(engine, look, epoch, muted, &mut closing);
        }
        let kept_from = self.panes.kept_from();
        closing.worked |= self.panes.drop_due(DROPS_PER_EPOCH_MAX) > 0 || self.panes.kept_from() != kept_from;
        if self.panes.kept_from() != kept_from {
            self.forget();
        }
        closing
    }

    /// Where sums of dropped years came from is asked no more, and what was
    /// told of them cannot change.
    fn forget(&mut self) {
        let Some(kept_from) = self.panes.kept_from() else { return };
        self.blocks.retain(|(_, _, month), _| month.year() >= kept_from);
        self.told.retain(|(_, _, span), _| span.last().year() >= kept_from);
    }

    pub fn holding(&self) -> Vec<Holding> {
        if self.is_silent() { Vec::new() } else { self.panes.holding() }
    }

    pub fn late_rows(&self) -> u64 {
        self.panes.late_rows()
    }

    pub fn source_idle(&mut self, source: ShardId) {
        self.panes.idle(source);
    }

    pub fn is_source_idle(&self, source: ShardId) -> bool {
        self.panes.sources().is_idle(source)
    }
}

/// Of a month, as definitions know days.
fn first_day(month: Month) -> i32 {
    let day = month.start().day();
    i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX })
}

fn block_record(block: &Block) -> Record {
    Record {
        output: Output::Partials,
        partition: Some(block.rollup),
        key: block.body.as_ref().map(|body| body.institution().as_bytes().to_vec()),
        value: Some(block.encode()),
        headers: Vec::new(),
        timestamp_ms: None,
    }
}
