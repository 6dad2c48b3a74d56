//! What takes bills or lines back: negative bills, and lines that refund lines
//! of other messages. Whether they do is decided by what they name.

use hashbrown::HashMap;
use serde::Deserialize;
use serde::Serialize;

use crate::state::chunks::Chunks;
use crate::state::events::EventIdx;
use crate::state::events::Events;
use crate::state::intern::Sym;
use crate::state::intern::TextRef;
use crate::state::keyed::Keyed;
use crate::state::packed::MaybeI64;
use crate::state::persons::PersonIdx;
use crate::state::saved::Damage;
use crate::state::saved::Loader;
use crate::state::saved::Saver;
use crate::state::versions::EventId;

/// Number of a negative bill within one shard; never output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NegativeIdx(u32);

/// A bill that takes another back and is never a case of its own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Negative {
    pub person: PersonIdx,
    pub institution: Sym,
    /// Empty where it is not told.
    pub visit: TextRef,
    /// `setl_id`.
    pub id: TextRef,
    pub time: i64,
    /// 分.
    pub total: MaybeI64,
    /// The bill that it says it reverses.
    pub names: Option<EventId>,
}

/// What holds a line that refunds another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefundedBy {
    Event(EventIdx),
    Negative(NegativeIdx),
}

/// A line that refunds a line of another message.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct LineRefund {
    pub by: RefundedBy,
    pub institution: Sym,
    /// `feedetl_sn` of the line that it refunds.
    pub line: TextRef,
    /// `med_list_codg` of what it takes back.
    pub code: Sym,
    /// Ten-thousandths and 分; not positive where they are told.
    pub quantity: Option<i64>,
    pub amount: Option<i64>,
}

#[derive(Debug, Default)]
pub struct Corrections {
    negatives: Chunks<Negative>,
    /// Those whose version no longer holds.
    ended: Keyed<NegativeIdx, ()>,
    by_person: HashMap<PersonIdx, Vec<NegativeIdx>>,
    by_original: HashMap<EventId, Vec<NegativeIdx>>,
    refunds: Keyed<PersonIdx, Vec<LineRefund>>,
    /// Of negatives that name no bill: the one that they take back.
    matched: Keyed<NegativeIdx, EventIdx>,
}

impl Corrections {
    pub fn push(&mut self, negative: Negative) -> NegativeIdx {
        let idx = NegativeIdx(u32::try_from(self.negatives.len()).unwrap_or(u32::MAX));
        assert!(idx.0 != u32::MAX, "a shard holds fewer than 2^32 negative bills");
        self.negatives.push(negative);
        self.index(idx, &negative);
        idx
    }

    fn index(&mut self, idx: NegativeIdx, negative: &Negative) {
        self.by_person.entry(negative.person).or_default().push(idx);
        if let Some(original) = negative.names {
            self.by_original.entry(original).or_default().push(idx);
        }
    }

    pub fn save(&mut self, saver: &mut Saver<'_>) {
        let Self { negatives, ended, by_person: _, by_original: _, refunds, matched } = self;
        negatives.save("negatives", saver);
        ended.save("negatives_ended", saver);
        refunds.save("line_refunds", saver);
        matched.save("negatives_matched", saver);
    }

    pub fn load(loader: &mut Loader<'_>) -> Result<Self, Damage> {
        let mut corrections = Self {
            negatives: Chunks::load("negatives", loader)?,
            ended: Keyed::load("negatives_ended", loader)?,
            refunds: Keyed::load("line_refunds", loader)?,
            matched: Keyed::load("negatives_matched", loader)?,
            ..Self::default()
        };
        for place in 0..corrections.negatives.len() {
            let negative = corrections.negatives[place];
            corrections.index(NegativeIdx(u32::try_from(place).unwrap_or(u32::MAX)), &negative);
        }
        Ok(corrections)
    }

    /// Another version took its place.
    pub fn end(&mut self, negative: NegativeIdx) {
        self.ended.insert(negative, ());
    }

    pub fn holds(&self, negative: NegativeIdx) -> bool {
        !self.ended.contains_key(&negative)
    }

    pub fn negative(&self, idx: NegativeIdx) -> &Negative {
        &self.negatives[idx.0 as usize]
    }

    /// Those of a person that hold.
    pub fn of_person(&self, person: PersonIdx) -> impl Iterator<Item = (NegativeIdx, &Negative)> {
        self.holding(self.by_person.get(&person))
    }

    /// The bill that a negative takes back which names none.
    pub fn matched(&self, negative: NegativeIdx) -> Option<EventIdx> {
        self.matched.get(&negative).copied()
    }

    pub fn set_matched(&mut self, negative: NegativeIdx, bill: Option<EventIdx>) {
        match bill {
            Some(bill) => self.matched.insert(negative, bill),
            None => self.matched.remove(&negative),
        };
    }

    /// Those that name a bill and hold.
    pub fn of_original(&self, original: EventId) -> impl Iterator<Item = &Negative> {
        self.holding(self.by_original.get(&original)).map(|(_, negative)| negative)
    }

    fn holding<'a>(&'a self, list: Option<&'a Vec<NegativeIdx>>) -> impl Iterator<Item = (NegativeIdx, &'a Negative)> {
        list.into_iter().flatten().filter(|idx| self.holds(**idx)).map(|idx| (*idx, self.negative(*idx)))
    }

    pub fn add_refund(&mut self, person: PersonIdx, refund: LineRefund) {
        self.refunds.or_default(person).push(refund);
    }

    /// Of lines of a person, whether what holds them counts or not.
    pub fn refunds(&self, person: PersonIdx) -> &[LineRefund] {
        if self.refunds.is_empty() {
            return &[];
        }
        self.refunds.get(&person).map_or(&[], Vec::as_slice)
    }

    pub fn counts(&self, refund: &LineRefund, events: &Events) -> bool {
        match refund.by {
            RefundedBy::Event(event) => events.is_live(event),
            RefundedBy::Negative(negative) => self.holds(negative),
        }
    }
}
