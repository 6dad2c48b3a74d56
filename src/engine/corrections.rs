//! What corrections do to events that are there: another version takes the
//! place of one, a negative bill voids one, an upload came twice.
//!
//! Whether an event counts is a function of the set of messages, never of their
//! order: it is settled again for whatever a new message may bear on.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::engine::enrich::Batch;
use crate::engine::intake::NegativeBill;
use crate::engine::intake::RefundLine;
use crate::engine::intake::refund_line;
use crate::engine::remember::Changed;
use crate::engine::remember::Memory;
use crate::engine::shard::Shard;
use crate::events::SETTLEMENT_INPUT;
use crate::state::corrections::LineRefund;
use crate::state::corrections::Negative;
use crate::state::corrections::NegativeIdx;
use crate::state::corrections::RefundedBy;
use crate::state::events::EventIdx;
use crate::state::events::gone;
use crate::state::intern::Sym;
use crate::state::intern::TextRef;
use crate::state::persons::PersonIdx;
use crate::state::supplies::Half;
use crate::state::supplies::SupplyKey;
use crate::state::versions::EventId;
use crate::state::versions::Standing;

/// A visit as bills name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Visit {
    pub person: PersonIdx,
    pub institution: Sym,
    pub number: Box<str>,
}

/// A run that was remembered, with what it corrects.
pub(super) struct Arrived<'a> {
    pub batch: &'a Batch,
    /// The event of the first row; the others follow.
    pub first: EventIdx,
    pub people: &'a [PersonIdx],
    pub ids: &'a [EventId],
    pub replaced: Vec<Standing>,
    pub negatives: Vec<NegativeBill>,
}

/// What has to be settled again.
#[derive(Default)]
struct Open {
    originals: BTreeSet<EventId>,
    uploads: BTreeSet<EventIdx>,
    visits: BTreeSet<Visit>,
    /// Lines that are refunded or no longer: person, institution, number.
    lines: BTreeSet<(PersonIdx, Sym, Box<str>)>,
}

/// What corrections changed.
#[derive(Default)]
pub(super) struct Corrected {
    /// By visit: whether what it comes to is unknown.
    pub doubts: BTreeMap<Visit, bool>,
    /// New bits of [`gone`].
    bits: BTreeMap<EventIdx, u8>,
    /// What negatives without a name take back now, where that was something else.
    matched: BTreeMap<NegativeIdx, Option<EventIdx>>,
}

impl Corrected {
    fn bits(&self, memory: &Memory, event: EventIdx) -> u8 {
        self.bits.get(&event).copied().unwrap_or_else(|| memory.events.gone(event))
    }

    /// Whether the bit was not as it is to be.
    fn set(&mut self, memory: &Memory, event: EventIdx, bit: u8, holds: bool) -> bool {
        let before = self.bits(memory, event);
        let now = if holds { before | bit } else { before & !bit };
        self.bits.insert(event, now);
        before != now
    }

    /// Events whose counting changes.
    pub fn flips(&self, memory: &Memory) -> impl Iterator<Item = EventIdx> {
        self.bits.iter().filter(|(event, bits)| memory.events.is_live(**event) != (**bits == 0)).map(|(event, _)| *event)
    }

    pub fn apply(&self, memory: &mut Memory) {
        for (event, bits) in &self.bits {
            memory.events.set_gone(*event, *bits);
        }
        for (negative, bill) in &self.matched {
            memory.corrections.set_matched(*negative, *bill);
        }
    }
}

impl Shard {
    /// Puts the corrections of a run into effect, and marks what they bear on.
    pub(super) fn correct(&mut self, arrived: Arrived<'_>, changed: &mut Changed) -> BTreeSet<EventIdx> {
        let first = arrived.first;
        let mut open = Open::default();
        let mut corrected = Corrected::default();
        self.arrive(arrived, &mut open, &mut corrected);
        self.settle_reversals(&mut open, &mut corrected);
        self.settle_visits(&mut open, &mut corrected);
        self.settle_uploads(&mut open, &mut corrected);
        for negative in corrected.matched.keys() {
            open.lines_of(&self.memory, *negative);
        }
        let flips: Vec<EventIdx> = corrected.flips(&self.memory).collect();
        for event in &flips {
            let row = self.memory.events.row(*event);
            for refund in self.memory.corrections.refunds(row.person) {
                if refund.by == RefundedBy::Event(*event) {
                    open.lines.insert((row.person, refund.institution, self.memory.texts.get(refund.line).into()));
                }
            }
        }
        self.groups.correct(&corrected, &mut self.memory);
        let mut touched = BTreeSet::new();
        for event in flips.into_iter().filter(|event| *event < first) {
            self.memory.touch(event, changed);
            touched.insert(event);
        }
        for (person, institution, line) in &open.lines {
            self.memory.touch_line(*person, *institution, line, changed, &mut touched);
        }
        touched
    }

    fn arrive(&mut self, arrived: Arrived<'_>, open: &mut Open, corrected: &mut Corrected) {
        let Arrived { batch, first, people, ids, replaced, negatives } = arrived;
        for standing in replaced {
            match standing {
                Standing::Event(event) => {
                    corrected.set(&self.memory, event, gone::REPLACED, true);
                    open.originals.insert(self.memory.id(event));
                    open.bill(&self.memory, event);
                }
                Standing::Negative(negative) => {
                    self.memory.corrections.end(negative);
                    open.negative(&self.memory, negative);
                }
                Standing::Nothing | Standing::Row(_) => {}
            }
        }
        for bill in negatives {
            let negative = self.negative(bill);
            open.negative(&self.memory, negative);
        }
        if batch.input != SETTLEMENT_INPUT {
            return;
        }
        let line = batch.line_table();
        for row in &batch.refunds_elsewhere {
            let (Some(refund), Some(header)) = (refund_line(&line, *row), batch.parents().get(*row)) else { continue };
            let (event, person) = (EventIdx(first.0 + *header), people[*header as usize]);
            let institution = self.memory.events.row(event).institution;
            open.lines.insert((person, institution, refund.line.as_str().into()));
            self.memory.refund(person, institution, RefundedBy::Event(event), refund);
        }
        for (row, id) in ids.iter().enumerate() {
            let event = EventIdx(first.0 + row as u32);
            if self.memory.corrections.of_original(*id).next().is_some() {
                open.originals.insert(*id);
            }
            open.bill(&self.memory, event);
        }
    }

    fn negative(&mut self, bill: NegativeBill) -> NegativeIdx {
        let person = self.persons.index(bill.person);
        let memory = &mut self.memory;
        let institution = memory.symbols.intern(bill.institution.as_deref());
        let negative = memory.corrections.push(Negative {
            person,
            institution,
            visit: memory.texts.keep(bill.visit.as_deref()),
            id: memory.texts.keep(Some(&bill.id)),
            time: bill.time,
            total: bill.total.into(),
            names: bill.names,
        });
        self.versions.stands(bill.event, Standing::Negative(negative));
        for refund in bill.refunds {
            memory.refund(person, institution, RefundedBy::Negative(negative), refund);
        }
        negative
    }

    /// A bill is void if a negative one names it, unless that one takes only a
    /// part of it back.
    fn settle_reversals(&self, open: &mut Open, corrected: &mut Corrected) {
        for original in std::mem::take(&mut open.originals) {
            for negative in self.memory.corrections.of_original(original) {
                open.visits.extend(visit_of(&self.memory, negative));
            }
            let Some(event) = self.versions.event(original) else { continue };
            let total = self.memory.events.row(event).total.get();
            let reversed = self.memory.corrections.of_original(original).any(|negative| !is_part(negative, total));
            open.visits.extend(visit_of_bill(&self.memory, event));
            if corrected.set(&self.memory, event, gone::REVERSED, reversed) {
                open.bill(&self.memory, event);
            }
        }
    }

    /// Whether a part of a bill of a visit was taken back, or anything in it that
    /// is a part of another: it comes to nobody knows what.
    fn is_part_taken_back(&self, person: PersonIdx, same: &dyn Fn(Sym, TextRef) -> bool) -> bool {
        self.memory.corrections.of_person(person).any(|(_, negative)| {
            let original = negative.names.and_then(|original| self.versions.event(original)).map(|event| self.memory.events.row(event));
            let is_here = same(negative.institution, negative.visit) || original.is_some_and(|row| same(row.institution, row.mdtrt_id));
            is_here && is_part(negative, original.and_then(|row| row.total.get()))
        })
    }

    /// Of the bills of one upload the one with the least business id counts.
    fn settle_uploads(&self, open: &mut Open, corrected: &mut Corrected) {
        let memory = &self.memory;
        for member in std::mem::take(&mut open.uploads) {
            let all: Vec<EventIdx> = memory.events.uploads(member).collect();
            let id = |event: &EventIdx| memory.texts.get(memory.events.row(*event).id);
            let candidate = |event: &&EventIdx| corrected.bits(memory, **event) & !gone::DOUBLE == 0;
            let kept = all.iter().filter(candidate).min_by_key(|event| id(event)).copied();
            for event in all {
                let is_double = kept.is_some_and(|kept| id(&kept) != id(&event));
                corrected.set(memory, event, gone::DOUBLE, is_double);
            }
        }
    }

    /// Negative bills that name no other take back the bill of their visit that
    /// is their exact negation, if there is no doubt which.
    fn settle_visits(&self, open: &mut Open, corrected: &mut Corrected) {
        let memory = &self.memory;
        for visit in std::mem::take(&mut open.visits) {
            let same = |institution: Sym, number| institution == visit.institution && memory.texts.get(number) == &*visit.number;
            let id = |event: &EventIdx| memory.texts.get(memory.events.row(*event).id);
            let void = gone::REPLACED | gone::REVERSED;
            let of_visit: Vec<EventIdx> = memory
                .events
                .bills(visit.person)
                .filter(|event| same(memory.events.row(*event).institution, memory.events.row(*event).mdtrt_id))
                .collect();
            let mut left: Vec<EventIdx> = of_visit.iter().copied().filter(|event| corrected.bits(memory, *event) & void == 0).collect();
            let here = |negative: &Negative| negative.names.is_none() && same(negative.institution, negative.visit);
            let mut negatives: Vec<(NegativeIdx, &Negative)> =
                memory.corrections.of_person(visit.person).filter(|(_, negative)| here(negative)).collect();
            negatives.sort_by_key(|(_, negative)| (negative.time, memory.texts.get(negative.id)));
            // A part of a bill may be taken back in another visit than its own.
            let mut doubt = self.is_part_taken_back(visit.person, &same);
            let mut matched = BTreeSet::new();
            for (idx, negative) in negatives {
                if negative.total.get().is_none_or(|total| total >= 0) {
                    continue;
                }
                let undoes = |event: &EventIdx| {
                    let row = memory.events.row(*event);
                    let exact = row.total.get().zip(negative.total.get()).is_some_and(|(total, taken)| total == -taken);
                    exact && row.event_time <= negative.time
                };
                let candidates: Vec<EventIdx> = left.iter().copied().filter(undoes).collect();
                let taken = match candidates.as_slice() {
                    [one] => Some(*one),
                    _ => None,
                };
                doubt |= taken.is_none();
                matched.extend(taken);
                left.retain(|event| Some(*event) != taken);
                if memory.corrections.matched(idx) != taken {
                    corrected.matched.insert(idx, taken);
                }
            }
            debug_assert!(of_visit.iter().map(id).all(|id| !id.is_empty()), "a bill has a business id");
            for event in of_visit {
                if corrected.set(memory, event, gone::MATCHED, matched.contains(&event)) {
                    open.uploads.insert(event);
                }
            }
            corrected.doubts.insert(visit, doubt);
        }
    }
}

/// Whether neither of two codes says another item; local items have none.
fn may_be_one(one: Sym, other: Sym) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// Whether a negative bill takes back less than the bill that it names.
fn is_part(negative: &Negative, total: Option<i64>) -> bool {
    negative.total.get().zip(total).is_some_and(|(taken, total)| taken.saturating_abs() < total)
}

fn visit_of(memory: &Memory, negative: &Negative) -> Option<Visit> {
    let number = memory.texts.get(negative.visit);
    let told = !number.is_empty() && !negative.institution.is_none();
    told.then(|| Visit { person: negative.person, institution: negative.institution, number: number.into() })
}

fn visit_of_bill(memory: &Memory, event: EventIdx) -> Option<Visit> {
    let row = memory.events.row(event);
    // Of persons without negative bills nothing is in question.
    memory.corrections.of_person(row.person).next()?;
    let number = memory.texts.get(row.mdtrt_id);
    let told = !number.is_empty() && !row.institution.is_none();
    told.then(|| Visit { person: row.person, institution: row.institution, number: number.into() })
}

impl Open {
    /// What a bill that came, went or changed may bear on.
    fn bill(&mut self, memory: &Memory, event: EventIdx) {
        if usize::from(memory.events.row(event).input) != SETTLEMENT_INPUT {
            return;
        }
        if memory.events.uploads(event).next().is_some() {
            self.uploads.insert(event);
        }
        self.visits.extend(visit_of_bill(memory, event));
        // Whether a refund bears on another visit depends on the lines of its own.
        let row = memory.events.row(event);
        for refund in memory.corrections.refunds(row.person) {
            if refund.institution == row.institution {
                self.lines.insert((row.person, refund.institution, memory.texts.get(refund.line).into()));
            }
        }
    }

    fn negative(&mut self, memory: &Memory, idx: NegativeIdx) {
        let negative = memory.corrections.negative(idx);
        self.originals.extend(negative.names);
        self.visits.extend(visit_of(memory, negative));
        self.lines_of(memory, idx);
    }

    /// The lines that a negative bill takes back.
    fn lines_of(&mut self, memory: &Memory, idx: NegativeIdx) {
        let negative = memory.corrections.negative(idx);
        for refund in memory.corrections.refunds(negative.person) {
            if refund.by == RefundedBy::Negative(idx) {
                self.lines.insert((negative.person, refund.institution, memory.texts.get(refund.line).into()));
            }
        }
    }
}

impl Memory {
    fn refund(&mut self, person: PersonIdx, institution: Sym, by: RefundedBy, refund: RefundLine) {
        let line = self.texts.keep(Some(&refund.line));
        let code = self.symbols.intern(refund.code.as_deref());
        let refund = LineRefund { by, institution, line, code, quantity: refund.quantity, amount: refund.amount };
        self.corrections.add_refund(person, refund);
    }

    /// Whether a line of another message that counts refunds a line of a bill.
    pub(super) fn is_refunded(&self, bill: EventIdx, line: &str) -> bool {
        let person = self.events.row(bill).person;
        self.corrections.refunds(person).iter().any(|refund| self.bears(refund, bill, line))
    }

    /// Whether a refund counts and takes back a line of a bill. Lines are
    /// numbered within a visit: it is a line of the bill that the refund names,
    /// else of its own visit, and of another only if neither says another drug
    /// and its own has no such drug line.
    pub(super) fn bears(&self, refund: &LineRefund, bill: EventIdx, line: &str) -> bool {
        let row = self.events.row(bill);
        if usize::from(row.input) != SETTLEMENT_INPUT || refund.institution != row.institution {
            return false;
        }
        if self.texts.get(refund.line) != line || !self.corrections.counts(refund, &self.events) {
            return false;
        }
        let (visit, names) = match refund.by {
            RefundedBy::Event(event) => (self.events.row(event).mdtrt_id, None),
            RefundedBy::Negative(idx) => {
                if let Some(taken) = self.corrections.matched(idx) {
                    return taken == bill;
                }
                let negative = self.corrections.negative(idx);
                (negative.visit, negative.names)
            }
        };
        if let Some(original) = names {
            return self.id(bill) == original;
        }
        let (own, of_bill) = (self.texts.get(visit), self.texts.get(row.mdtrt_id));
        if !own.is_empty() && own == of_bill {
            return true;
        }
        let has_line = |event: EventIdx| self.supplies.halves(self.events.row(event).halves).any(|half| self.texts.get(half.line) == line);
        let same_drug = |half: Half<'_>| self.texts.get(half.line) == line && may_be_one(half.profile.code, refund.code);
        let in_own_visit = |event: EventIdx| {
            let other = self.events.row(event);
            !own.is_empty()
                && other.institution == row.institution
                && self.texts.get(other.mdtrt_id) == own
                && self.events.gone(event) & gone::REPLACED == 0
        };
        self.supplies.halves(row.halves).any(same_drug)
            && !self.events.bills(row.person).any(|event| in_own_visit(event) && has_line(event))
    }

    /// Marks what a line bears on of which other messages refund another part now.
    fn touch_line(&self, person: PersonIdx, institution: Sym, line: &str, changed: &mut Changed, touched: &mut BTreeSet<EventIdx>) {
        for bill in self.events.bills(person).filter(|bill| self.events.row(*bill).institution == institution) {
            for half in self.supplies.halves(self.events.row(bill).halves) {
                if self.texts.get(half.line) == line {
                    changed.touch_supply(SupplyKey { person, substance: half.profile.substance });
                }
            }
            touched.insert(bill);
        }
    }
}
