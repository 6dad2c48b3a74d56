//! Halves of supplies: prescription lines and settlement drug lines, by person
//! and substance.

use hashbrown::HashMap;

use super::events::EventIdx;
use super::intern::Sym;
use super::intern::TextRef;
use super::persons::PersonIdx;

/// What supplies are kept and judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SupplyKey {
    pub person: PersonIdx,
    pub substance: Sym,
}

/// One drug line of either event. Quantities are in ten-thousandths,
/// amounts in 分; `None` where the event does not say.
#[derive(Clone, Copy, Debug)]
pub struct Half {
    pub event: EventIdx,
    /// `true`: a prescription line; `false`: a settlement line.
    pub prescribed: bool,
    pub circulated: bool,
    pub discharge: bool,
    /// `feedetl_sn`, or the line's place in its prescription.
    pub line: TextRef,
    /// `hosp_rxno`, or the bill's `rx_drord_no`.
    pub rx_no: TextRef,
    /// Number of the item in the shard's item table.
    pub item: u32,
    pub code: Sym,
    pub name: Sym,
    pub spec: Sym,
    pub form: Sym,
    /// Issued or dispensed at.
    pub time: i64,
    pub quantity: Option<i64>,
    pub unit: Sym,
    pub dose: Option<i64>,
    pub dose_unit: Sym,
    pub frequency: Sym,
    pub days: Option<i64>,
    pub price: Option<i64>,
    pub amount: Option<i64>,
    next: u32,
}

const END: u32 = u32::MAX;

impl Half {
    /// A half that is not yet in the table.
    pub fn new(event: EventIdx, prescribed: bool) -> Self {
        Self {
            event,
            prescribed,
            circulated: false,
            discharge: false,
            line: TextRef::default(),
            rx_no: TextRef::default(),
            item: 0,
            code: Sym::NONE,
            name: Sym::NONE,
            spec: Sym::NONE,
            form: Sym::NONE,
            time: 0,
            quantity: None,
            unit: Sym::NONE,
            dose: None,
            dose_unit: Sym::NONE,
            frequency: Sym::NONE,
            days: None,
            price: None,
            amount: None,
            next: END,
        }
    }
}

/// All halves, chained by key.
#[derive(Debug, Default)]
pub struct Supplies {
    halves: Vec<Half>,
    heads: HashMap<SupplyKey, u32>,
}

impl Supplies {
    pub fn push(&mut self, key: SupplyKey, mut half: Half) {
        let idx = u32::try_from(self.halves.len()).unwrap_or(END);
        assert!(idx != END, "a shard holds fewer than 2^32 supply lines");
        half.next = self.heads.insert(key, idx).unwrap_or(END);
        self.halves.push(half);
    }

    /// The key's halves, latest arrival first.
    pub fn of(&self, key: SupplyKey) -> impl Iterator<Item = &Half> {
        self.numbered(key).map(|(_, half)| half)
    }

    /// The key's halves with their numbers, latest arrival first.
    pub fn numbered(&self, key: SupplyKey) -> impl Iterator<Item = (usize, &Half)> {
        let mut at = self.heads.get(&key).copied().unwrap_or(END);
        std::iter::from_fn(move || {
            let number = at as usize;
            let half = self.halves.get(number)?;
            at = half.next;
            Some((number, half))
        })
    }

    pub fn len(&self) -> usize {
        self.halves.len()
    }

    pub fn is_empty(&self) -> bool {
        self.halves.is_empty()
    }
}
