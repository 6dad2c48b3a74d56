//! A shard: the state of one partition, and its step.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::Array as _;
use arrow::array::UInt32Array;

use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::PARTIALS_INPUT;
use crate::base::ids::ShardId;
use crate::base::record::Messages;
use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;
use crate::codecs::json::JsonDecoder;
use crate::engine::Engine;
use crate::engine::affected::Concerns;
use crate::engine::corrections::Arrived;
use crate::engine::effects::Closing;
use crate::engine::effects::Counts;
use crate::engine::effects::Effects;
use crate::engine::effects::RuleTally;
use crate::engine::enrich::Batch;
use crate::engine::enrich::enrich;
use crate::engine::facts::is_care;
use crate::engine::groups::Groups;
use crate::engine::groups::Taken;
use crate::engine::intake::Gate;
use crate::engine::items::Items;
use crate::engine::journal::Tick;
use crate::engine::journal::TickKind;
use crate::engine::meter::Laps;
use crate::engine::remember::Changed;
use crate::engine::remember::Marks;
use crate::engine::remember::Memory;
use crate::engine::row_clues::RowFinding;
use crate::engine::rows;
use crate::engine::rows::Concern;
use crate::engine::rows::Rows;
use crate::engine::switch;
use crate::engine::switch::RuleNumbers;
use crate::engine::tell;
use crate::engine::tell::Teller;
use crate::events::EVENT_TYPES;
use crate::events::InputId;
use crate::events::SETTLEMENT_INPUT;
use crate::expr::Input;
use crate::io::log::Record;
use crate::ruleset::compile::TablePrograms;
use crate::ruleset::doc::EvaluateDoc;
use crate::state::clues::ClueTable;
use crate::state::events::EventIdx;
use crate::state::keyed::Keyed;
use crate::state::persons::PersonIdx;
use crate::state::persons::Persons;
use crate::state::row_clues::RowClues;
use crate::state::versions::Versions;
use crate::window::pane::Holding;
use crate::window::watermark::Watermark;

pub struct Shard {
    pub(super) engine: Arc<Engine>,
    pub(super) id: ShardId,
    /// Number of the activation in force; 0: none.
    pub(super) activation: u64,
    pub(super) decoders: Vec<JsonDecoder>,
    /// Columns that programs ask for, by table.
    pub(super) needed: Vec<BTreeSet<String>>,
    pub(super) rule_numbers: RuleNumbers,
    pub(super) items: Items,
    pub(super) persons: Persons,
    pub(super) versions: Versions,
    pub(super) memory: Memory,
    pub(super) clues: ClueTable,
    pub(super) row_clues: RowClues,
    /// Which supply rules can hold for a kind of item: derived, only looked up.
    pub(super) concerns: Concerns,
    pub(super) watermarks: Vec<Watermark>,
    /// By input: whether a tick called it idle and nothing came since.
    pub(super) idle: Vec<bool>,
    /// Consultations that wait: when the wait is over, number of the rule, person.
    pub(super) waiting: BTreeSet<(i64, u32, PersonIdx)>,
    /// Events of consultations that a rule, by its number, has judged: only
    /// looked up, so that each consultation counts once.
    pub(super) judged: Keyed<(u32, EventIdx), ()>,
    pub(super) groups: Groups,
}

impl Shard {
    pub fn new(engine: Arc<Engine>, id: ShardId) -> Self {
        Self {
            id,
            activation: 0,
            decoders: switch::decoders(&engine, &[]),
            needed: switch::needed(&engine, &[]),
            rule_numbers: RuleNumbers::new(&engine.rules),
            items: Items::default(),
            persons: Persons::default(),
            versions: Versions::default(),
            memory: Memory::default(),
            clues: ClueTable::default(),
            row_clues: RowClues::default(),
            concerns: Concerns::default(),
            watermarks: engine.settings.inputs.iter().map(|input| Watermark::new(input.disorder_seconds)).collect(),
            idle: vec![false; EVENT_TYPES.len()],
            waiting: BTreeSet::new(),
            judged: Keyed::default(),
            groups: Groups::new(&engine, id),
            engine,
        }
    }

    /// Up to which event time all inputs have been seen.
    pub fn watermark(&self) -> Civil {
        self.watermarks.iter().map(Watermark::at).min().unwrap_or(Civil::MIN)
    }

    /// Watermark of one input. Partials have none of their own: blocks tell
    /// those of their sources.
    pub fn input_watermark(&self, input: InputId) -> Civil {
        self.watermarks.get(input).map_or(Civil::MIN, Watermark::at)
    }

    /// Whether an input is idle by the last tick about it.
    pub fn is_idle(&self, input: InputId) -> bool {
        self.idle.get(input).copied().unwrap_or_default()
    }

    /// Takes a decision of the runtime. No watermark moves, nothing is judged
    /// or told.
    pub fn tick(&mut self, tick: Tick) {
        match tick.kind {
            TickKind::Idle => {
                if let Some(idle) = self.idle.get_mut(tick.input) {
                    *idle = true;
                }
            }
            TickKind::SourceIdle(source) => self.groups.source_idle(source),
        }
    }

    /// What is done once at the end of each epoch, after its runs and ticks:
    /// partials are sent and panes looked at, both within limits. Called for
    /// every epoch of the journal and, while nothing is read, until nothing
    /// `worked`. Muted, state changes as ever and nothing is told.
    pub fn close_epoch(&mut self, epoch: u64, muted: bool) -> Closing {
        let mut watermarks = [Civil::MIN; EVENT_INPUTS];
        watermarks.iter_mut().zip(&self.watermarks).for_each(|(at, watermark)| *at = watermark.at());
        self.groups.close(&Arc::clone(&self.engine), watermarks, epoch, muted)
    }

    /// Shards whose partials panes wait for although another shard is far enough.
    pub fn holding(&self) -> Vec<Holding> {
        self.groups.holding()
    }

    /// Whether the last tick about a shard called it idle as a source of partials.
    pub fn is_source_idle(&self, source: ShardId) -> bool {
        self.groups.is_source_idle(source)
    }

    /// Rows of partials that came after their pane was dropped.
    pub fn late_rows(&self) -> u64 {
        self.groups.late_rows()
    }

    pub fn persons(&self) -> usize {
        self.persons.len()
    }

    /// Takes in one run of one input. `epoch` is the number of the epoch the
    /// run belongs to. Muted, state changes as ever and nothing is told.
    pub fn step(&mut self, input: InputId, messages: &dyn Messages, epoch: u64, muted: bool) -> Effects {
        if input == PARTIALS_INPUT {
            return self.groups.fold(messages);
        }
        let engine = Arc::clone(&self.engine);
        self.idle[input] &= messages.is_empty();
        let mut counts = Counts::default();
        let gate = Gate { engine: &engine, shard: self.id, input };
        let first = EventIdx(u32::try_from(self.memory.events.len()).unwrap_or(u32::MAX));
        let intake = gate.take_in(messages, &mut self.decoders[input], &mut self.versions, first, &mut counts);
        let mut tallies: BTreeMap<String, RuleTally> = BTreeMap::new();
        let mut records = if muted { Vec::new() } else { intake.rejects };
        let people: Vec<PersonIdx> = intake.persons.iter().map(|key| self.persons.index(*key)).collect();
        let batch = enrich(input, intake.decoded, &engine.references, &mut self.items, &self.needed[input]);
        counts.lines_unjudged += batch.lines_unjudged;
        for (kind, count) in &batch.unknown_codes {
            *counts.unknown_codes.entry(kind).or_default() += count;
        }
        let unlisted = batch.unlisted.clone();
        let teller = Teller { engine: &engine, shard: self.id, epoch };
        let live = engine.settings.clues_from.is_none_or(|from| batch.headers.iter().any(|header| header.event_time >= from.0));
        let mut unheard = BTreeMap::new();
        let heard = if muted { &mut unheard } else { &mut tallies };
        let findings =
            if live && !batch.headers.is_empty() { self.judge_rows(&engine, &batch, &people, &teller, heard) } else { Vec::new() };
        let anchors = anchors(&engine, &batch, if muted { None } else { Some(&mut *heard) });
        let marks = Marks { persons: &people, anchors: &anchors, offsets: &intake.offsets };
        let mut changed = self.memory.remember(&batch, &self.items, &marks);
        let (replaced, negatives) = (intake.replaced, intake.negatives);
        let arrived = Arrived { batch: &batch, first, people: &people, ids: &intake.ids, replaced, negatives };
        let touched = self.correct(arrived, &mut changed);
        if input == SETTLEMENT_INPUT {
            self.groups.take(&engine, &Taken { batch: &batch, first }, &mut self.memory, heard);
        }
        let mut words = self.tell_rows(&teller, &intake.ids, findings, &touched, heard);
        words.extend(self.withdraw_orphans(&teller, &touched, heard));
        if !muted {
            records.extend(words);
        }
        if let Some(latest) = intake.latest {
            self.watermarks[input].seen(latest);
        }
        if let Some(stated) = intake.stated {
            self.watermarks[input].stated(stated);
        }
        let told = self.judge_changed(&engine, changed, &teller, &mut tallies);
        if !muted {
            records.extend(told);
        }
        Effects { run: intake.run, records, counts, rules: tallies, unlisted, stop: intake.stop }
    }

    fn judge_rows(
        &self,
        engine: &Engine,
        batch: &Batch,
        people: &[PersonIdx],
        teller: &Teller<'_>,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> Vec<RowFinding> {
        let mut findings = Vec::new();
        let Some(table) = &engine.rules.tables[batch.input] else { return findings };
        let mut laps = Laps::new(engine.settings.meter);
        let parents = UInt32Array::from(batch.parents().to_vec());
        let clues_from = engine.settings.clues_from;
        let areas = batch.header().texts(if batch.input == 0 { "fix_blng_admdvs" } else { "mdtrtarea_no" });
        let judged = |row: usize| clues_from.is_none_or(|from| batch.headers[row].event_time >= from.0);
        let in_force = |rule: usize, header: usize, line: Option<usize>| {
            let time = line.map_or(batch.headers[header].fact_time, |line| batch.lines[line].fact_time);
            tell::has_basis(&engine.rules.rules[rule].doc, time.div_euclid(SECONDS_PER_DAY), areas.get(header))
        };
        let rows = Rows {
            header_rows: batch.headers.len(),
            parents: &parents,
            column: &|name| batch.column(name).cloned(),
            picked: &|name, at| rows::pick(batch.column(name), at),
            judged: &judged,
            enters: &|_| true,
            in_force: &in_force,
        };
        let headers = (0..batch.headers.len()).filter(|row| judged(*row)).count() as u64;
        let lines = batch.parents().iter().filter(|header| judged(**header as usize)).count() as u64;
        for place in &table.rules {
            let rule = &engine.rules.rules[*place];
            let by_line = rule.row.as_ref().is_some_and(|row| row.line_grain);
            tallies.entry(rule.doc.id.clone()).or_default().evaluated += if by_line { lines } else { headers };
        }
        let hits = rows::judge(&engine.rules, table, &Concern::everywhere(&table.rules), &rows, &mut laps, tallies);
        for of_rule in hits.chunk_by(|one, other| one.rule == other.rule) {
            let place = of_rule[0].rule;
            findings.extend(of_rule.iter().map(|hit| {
                let (id, finding) = teller.row_finding(batch, hit, self.persons.key(people[hit.header]));
                let (rule, line) = (self.rule_numbers.number(place), tell::line_key(batch, hit));
                RowFinding { row: hit.header, id, rule, shadow: engine.rules.rules[place].shadow, line, finding }
            }));
            laps.of_rule(&engine.rules, place, tallies);
        }
        findings
    }

    /// Judges anew what rules that remember say about changed facts, and
    /// about consultations whose wait is over.
    fn judge_changed(
        &mut self,
        engine: &Engine,
        changed: Changed,
        teller: &Teller<'_>,
        tallies: &mut BTreeMap<String, RuleTally>,
    ) -> Vec<Record> {
        let mut records = Vec::new();
        let watermark = self.watermark();
        let mut laps = Laps::new(engine.settings.meter);
        for (place, rule) in engine.rules.rules.iter().enumerate() {
            if let EvaluateDoc::EarlierContact(contact) = &rule.doc.evaluate {
                let number = self.rule_numbers.number(place);
                self.waiting.extend(changed.consultations.iter().map(|(time, person)| (time + contact.wait_seconds, number, *person)));
                let mut due: BTreeSet<PersonIdx> = changed.persons.clone();
                while let Some(first) = self.waiting.iter().find(|(_, rule, _)| *rule == number).copied()
                    && first.0 <= watermark.0
                {
                    self.waiting.remove(&first);
                    due.insert(first.2);
                }
                for person in due {
                    records.extend(self.judge_contact(engine, place, contact, person, watermark, teller, tallies));
                }
                laps.of_rule(&engine.rules, place, tallies);
            }
        }
        records.extend(self.judge_supplies(engine, &changed, teller, &mut laps, tallies));
        records
    }
}

/// Which header rows history rules judge, and the institution's own word:
/// those of the first such rule, as all of them share one table.
///
/// Where it is unknown whether a row is one, the rule is unknown: counted in
/// `tallies`.
fn anchors(engine: &Engine, batch: &Batch, mut tallies: Option<&mut BTreeMap<String, RuleTally>>) -> Vec<Option<Option<bool>>> {
    let mut out = vec![None; batch.headers.len()];
    let Some(table) = engine.rules.tables[batch.input].as_ref().filter(|table| !table.anchors.is_empty()) else { return out };
    let mut laps = Laps::new(engine.settings.meter);
    let values = evaluate_history(table, batch);
    if let Some(tallies) = tallies.as_deref_mut() {
        laps.shared(&engine.rules, &table.history_shares, tallies);
    }
    // A prescription is written by somebody who consulted. A bill may as well be
    // for what a pharmacy sold, which is no consultation.
    let may_consult = |row: usize| {
        if batch.input == SETTLEMENT_INPUT { batch.headers[row].setting.map(|setting| is_care(Some(setting))) } else { Some(true) }
    };
    for anchor in &table.anchors {
        let is_anchor = rows::mask(&values, anchor.anchor);
        let told = anchor.told_by.map(|output| rows::mask(&values, output));
        let live = |row: usize| engine.settings.clues_from.is_none_or(|from| batch.headers[row].event_time >= from.0);
        let undecided = |row: usize| {
            let told = is_anchor.is_valid(row).then(|| is_anchor.value(row));
            told != Some(false) && may_consult(row) != Some(false) && (told.is_none() || may_consult(row).is_none())
        };
        let unknown = (0..batch.headers.len()).filter(|row| undecided(*row) && live(*row)).count() as u64;
        if let Some(tallies) = tallies.as_deref_mut() {
            tallies.entry(engine.rules.rules[anchor.rule].doc.id.clone()).or_default().count_unknown("condition", unknown);
        }
        for (row, slot) in out.iter_mut().enumerate() {
            if slot.is_none() && is_anchor.is_valid(row) && is_anchor.value(row) && may_consult(row) == Some(true) {
                *slot = Some(told.filter(|told| told.is_valid(row)).map(|told| told.value(row)));
            }
        }
        if let Some(tallies) = tallies.as_deref_mut() {
            laps.of_rule(&engine.rules, anchor.rule, tallies);
        }
    }
    out
}

fn evaluate_history(table: &TablePrograms, batch: &Batch) -> Vec<arrow::array::ArrayRef> {
    let parents = UInt32Array::from(batch.parents().to_vec());
    let columns: Vec<_> = table
        .history
        .columns()
        .iter()
        .map(|column| {
            batch.column(&column.name).cloned().unwrap_or_else(|| arrow::array::new_null_array(&column.data_type, batch.headers.len()))
        })
        .collect();
    table.history.evaluate(&Input { columns: &columns, header_rows: batch.headers.len(), parents: &parents })
}
