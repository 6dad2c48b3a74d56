//! Halves of supplies: prescription lines and settlement drug lines, by person
//! and substance.

use std::hash::BuildHasher as _;

use hashbrown::DefaultHashBuilder;
use hashbrown::HashMap;
use hashbrown::HashTable;
use serde::Deserialize;
use serde::Serialize;

use super::chunks::Chunks;
use super::events::EventIdx;
use super::events::Events;
use super::intern::Sym;
use super::intern::TextRef;
use super::packed::MaybeI64;
use super::persons::PersonIdx;
use super::saved::Damage;
use super::saved::Loader;
use super::saved::Saver;

/// What supplies are kept and judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SupplyKey {
    pub person: PersonIdx,
    pub substance: Sym,
}

/// What many lines have in common, kept once. Quantities are in
/// ten-thousandths, prices in millionths; `None` where the event does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LineProfile {
    /// Number of the item in the shard's item table.
    pub item: u32,
    pub code: Sym,
    pub name: Sym,
    pub spec: Sym,
    pub form: Sym,
    pub unit: Sym,
    pub dose: Option<i64>,
    pub dose_unit: Sym,
    pub frequency: Sym,
    pub days: Option<i64>,
    pub price: Option<i64>,
    /// What its supplies are kept by.
    pub substance: Sym,
}

impl LineProfile {
    /// Whether both lines are of one product. Institutions name it as they
    /// like: its code says it, where both have one.
    pub fn is_same_item(&self, other: &Self) -> bool {
        if self.code.is_none() || other.code.is_none() { self.item == other.item } else { self.code == other.code }
    }
}

/// What one drug line of either event says for itself. Quantities are in
/// ten-thousandths, amounts in 分; `None` where the event does not say.
#[derive(Clone, Copy, Debug)]
pub struct HalfLine {
    pub event: EventIdx,
    /// `true`: a prescription line; `false`: a settlement line.
    pub prescribed: bool,
    pub circulated: bool,
    pub discharge: bool,
    /// `feedetl_sn`, or the line's place in its prescription.
    pub line: TextRef,
    /// `hosp_rxno`, or the bill's `rx_drord_no`.
    pub rx_no: TextRef,
    /// Issued or dispensed at.
    pub time: i64,
    pub quantity: Option<i64>,
    pub amount: Option<i64>,
}

/// A half as it is read: the line and what it shares with others.
#[derive(Clone, Copy, Debug)]
pub struct Half<'a> {
    /// Place among all halves, in order of arrival.
    pub number: usize,
    pub event: EventIdx,
    pub prescribed: bool,
    pub circulated: bool,
    pub discharge: bool,
    pub line: TextRef,
    pub rx_no: TextRef,
    pub time: i64,
    pub quantity: Option<i64>,
    pub amount: Option<i64>,
    /// Whether a line of another message refunds part of it.
    pub refunded: bool,
    pub profile: &'a LineProfile,
}

impl Half<'_> {
    /// Days that it is declared for. How many are left of a part, nobody says.
    pub fn days(&self) -> Option<i64> {
        self.profile.days.filter(|_| !self.refunded)
    }
}

const END: u32 = u32::MAX;
const PRESCRIBED: u8 = 1;
const CIRCULATED: u8 = 2;
const DISCHARGE: u8 = 4;

/// A half as it is kept: there are more of these than of anything else.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Stored {
    time: i64,
    quantity: MaybeI64,
    amount: MaybeI64,
    event: EventIdx,
    line: TextRef,
    rx_no: TextRef,
    profile: u32,
    next: u32,
    flags: u8,
}

const _: () = assert!(size_of::<Stored>() <= 48);

/// All halves, chained by key.
#[derive(Debug, Default)]
pub struct Supplies {
    halves: Chunks<Stored>,
    heads: HashMap<SupplyKey, u32>,
    profiles: Chunks<LineProfile>,
    /// Numbers of profiles, by content.
    by_profile: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Supplies {
    pub fn push(&mut self, key: SupplyKey, profile: LineProfile, line: HalfLine) {
        let idx = u32::try_from(self.halves.len()).unwrap_or(END);
        assert!(idx != END, "a shard holds fewer than 2^32 supply lines");
        let flag = |holds: bool, flag: u8| if holds { flag } else { 0 };
        let profile = self.profile(profile);
        self.halves.push(Stored {
            time: line.time,
            quantity: line.quantity.into(),
            amount: line.amount.into(),
            event: line.event,
            line: line.line,
            rx_no: line.rx_no,
            profile,
            next: self.heads.insert(key, idx).unwrap_or(END),
            flags: flag(line.prescribed, PRESCRIBED) | flag(line.circulated, CIRCULATED) | flag(line.discharge, DISCHARGE),
        });
    }

    fn profile(&mut self, profile: LineProfile) -> u32 {
        let Self { profiles, by_profile, hasher, .. } = self;
        let hash = hasher.hash_one(profile);
        let same = |idx: &u32| profiles[*idx as usize] == profile;
        if let Some(idx) = by_profile.find(hash, same) {
            return *idx;
        }
        let idx = u32::try_from(profiles.len()).unwrap_or(END);
        profiles.push(profile);
        by_profile.insert_unique(hash, idx, |idx| hasher.hash_one(profiles[*idx as usize]));
        idx
    }

    /// The key's halves, latest arrival first.
    pub fn of(&self, key: SupplyKey) -> impl Iterator<Item = Half<'_>> {
        let mut at = self.heads.get(&key).copied().unwrap_or(END);
        std::iter::from_fn(move || {
            let number = at as usize;
            let stored = self.halves.get(number)?;
            at = stored.next;
            Some(self.read(number, stored))
        })
    }

    /// Some halves by number: those of one event.
    pub fn halves(&self, (first, count): (u32, u16)) -> impl Iterator<Item = Half<'_>> {
        let numbers = first as usize..first as usize + usize::from(count);
        numbers.filter_map(|number| Some(self.read(number, self.halves.get(number)?)))
    }

    fn read(&self, number: usize, stored: &Stored) -> Half<'_> {
        Half {
            number,
            event: stored.event,
            prescribed: stored.flags & PRESCRIBED != 0,
            circulated: stored.flags & CIRCULATED != 0,
            discharge: stored.flags & DISCHARGE != 0,
            line: stored.line,
            rx_no: stored.rx_no,
            time: stored.time,
            quantity: stored.quantity.get(),
            amount: stored.amount.get(),
            refunded: false,
            profile: &self.profiles[stored.profile as usize],
        }
    }

    pub fn len(&self) -> usize {
        self.halves.len()
    }

    pub fn is_empty(&self) -> bool {
        self.halves.is_empty()
    }

    pub fn save(&mut self, saver: &mut Saver<'_>) {
        let Self { halves, heads: _, profiles, by_profile: _, hasher: _ } = self;
        halves.save("supplies", saver);
        profiles.save("supply_profiles", saver);
    }

    /// `events`: those that the halves are of.
    pub fn load(loader: &mut Loader<'_>, events: &Events) -> Result<Self, Damage> {
        let (halves, profiles) = (Chunks::load("supplies", loader)?, Chunks::load("supply_profiles", loader)?);
        let mut supplies = Self { halves, ..Self::default() };
        for place in 0..profiles.len() {
            if supplies.profile(profiles[place]) as usize != place {
                return Err(Damage::malformed("supply_profiles", "a profile stands there twice"));
            }
        }
        supplies.profiles = profiles;
        let Self { halves, heads, profiles, .. } = &mut supplies;
        for number in 0..halves.len() {
            let stored = &halves[number];
            let event = events.get(stored.event).ok_or_else(|| Damage::malformed("supplies", "an event is missing"))?;
            let profile = profiles.get(stored.profile as usize).ok_or_else(|| Damage::malformed("supplies", "a profile is missing"))?;
            let key = SupplyKey { person: event.person, substance: profile.substance };
            let number = u32::try_from(number).unwrap_or(END);
            if heads.insert(key, number).unwrap_or(END) != stored.next {
                return Err(Damage::malformed("supplies", "one does not follow the one before"));
            }
        }
        Ok(supplies)
    }
}
