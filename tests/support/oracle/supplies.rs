//! Joins drug lines of prescriptions and bills into supplies: one issue of one
//! substance to one person.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::Event;
use super::Person;
use super::bills::paid_by_item;
use super::clue::Evidence;
use super::clue::Money;
use super::dosage::Lasts;
use super::dosage::doses;
use super::dosage::lasts;
use super::tables::Drug;
use super::tables::Item;
use super::tables::Tables;
use super::told::Told;
use super::told::years;

/// A drug line of a prescription or of a bill.
#[derive(Clone, Debug, Default)]
pub struct Half {
    /// Place among the person's events.
    pub event: usize,
    pub prescribed: bool,
    /// Of the line, as evidence names it.
    pub number: String,
    pub item: Item,
    pub time: i64,
    /// Ten-thousandths.
    pub quantity: Option<i64>,
    pub declared: Option<i64>,
    /// 分.
    pub amount: Option<i128>,
    pub price: Option<f64>,
    /// Of a bill's line.
    pub order: Option<String>,
    pub circulated: bool,
    pub discharge: bool,
    /// Of a prescription's line: unit of the quantity, the dose in
    /// ten-thousandths, its unit and how often.
    pub unit: String,
    pub dose: Option<i64>,
    pub dose_unit: String,
    pub frequency: String,
}

/// One supply, as its halves tell it.
pub struct Supply<'a> {
    pub substance: &'a str,
    /// Nobody knows whose prescription was filled elsewhere.
    pub institution: Option<String>,
    pub number: String,
    /// The order as its institution numbered it.
    pub order: Option<String>,
    /// The visits that are told of messages of that institution.
    pub visits: BTreeSet<String>,
    pub item: Item,
    pub drug: Option<&'a Drug>,
    pub release: Option<&'a str>,
    pub time: i64,
    /// Of the message that speaks for it, and the latest of all.
    pub event_time: i64,
    pub last_event_time: i64,
    pub area: String,
    pub prescribed: bool,
    pub dispensed: bool,
    /// First handed out, first audited.
    pub dispensed_at: Option<i64>,
    pub audited_at: Option<i64>,
    pub circulated: bool,
    pub discharge: bool,
    pub long: Told,
    pub chronic: bool,
    pub age: Option<f64>,
    pub setting: Option<&'static str>,
    pub diagnoses: Vec<String>,
    pub operation: Told,
    pub declared: Option<f64>,
    pub computed: Option<f64>,
    /// Days of one smallest pack.
    pub pack_days: Option<f64>,
    pub doses: Option<f64>,
    /// Whether it is one smallest pack.
    pub one_pack: Told,
    /// Doses a day, and quantity a day by the days declared.
    pub daily: Option<f64>,
    pub rate: Option<f64>,
    pub price: Option<f64>,
    pub money: Money,
    pub evidence: Vec<Evidence>,
}

/// One person's supplies of one substance, in the order of time.
pub fn join<'a>(tables: &'a Tables, person: &'a Person, substance: &'a str, halves: &'a [Half]) -> Vec<Supply<'a>> {
    let prescription = |half: &Half| {
        let event = &person.events[half.event];
        (Some(event.institution.clone()), event.id.clone())
    };
    let mut groups: BTreeMap<(Option<String>, String), Vec<&Half>> = BTreeMap::new();
    for half in halves {
        let fills = |other: &&Half| other.prescribed && fills(half, &person.events[half.event], &person.events[other.event]);
        let key = if half.prescribed {
            prescription(half)
        } else {
            halves.iter().filter(fills).map(prescription).min().unwrap_or_else(|| alone(half, &person.events[half.event]))
        };
        groups.entry(key).or_default().push(half);
    }
    let mut supplies: Vec<Supply<'_>> = groups
        .into_iter()
        .map(|((institution, number), mut halves)| {
            // The prescription speaks, where it is known.
            halves.sort_by_key(|half| (!half.prescribed, half.time, &person.events[half.event].id, &half.number));
            Joined { tables, person, halves }.supply(substance, institution, number)
        })
        .collect();
    supplies.sort_by(|a, b| (a.time, &a.institution, &a.number).cmp(&(b.time, &b.institution, &b.number)));
    supplies
}

/// Whether a bill's line is what a prescription ordered.
fn fills(line: &Half, bill: &Event, prescription: &Event) -> bool {
    let Some(order) = &line.order else { return false };
    if line.circulated {
        return *order == prescription.id || Some(order) == prescription.national.as_ref();
    }
    *order == prescription.id && bill.institution == prescription.institution && bill.visit.is_some() && bill.visit == prescription.visit
}

/// What a line without a prescription goes by. Orders are numbered by visit.
fn alone(line: &Half, bill: &Event) -> (Option<String>, String) {
    let visit = bill.place().1;
    let number = match &line.order {
        Some(order) if line.circulated => order.clone(),
        Some(order) => format!("{visit} {order}"),
        None => format!("{visit}#{}", line.number),
    };
    ((!line.circulated).then(|| bill.institution.clone()), number)
}

/// The halves of a supply, the one that speaks for it first.
struct Joined<'a> {
    tables: &'a Tables,
    person: &'a Person,
    halves: Vec<&'a Half>,
}

impl<'a> Joined<'a> {
    fn event(&self, half: &Half) -> &'a Event {
        &self.person.events[half.event]
    }

    fn events(&self) -> impl Iterator<Item = &'a Event> {
        self.halves.iter().map(|half| self.event(half))
    }

    fn drug(&self, half: &Half) -> Option<&'a Drug> {
        self.tables.drug(half.item.code.as_deref(), half.time)
    }

    fn prescribed(&self) -> impl Iterator<Item = &&'a Half> {
        self.halves.iter().filter(|half| half.prescribed)
    }

    fn lines(&self) -> impl Iterator<Item = &&'a Half> {
        self.halves.iter().filter(|half| !half.prescribed)
    }

    /// What was handed out, else what was prescribed.
    fn handed(&self) -> Vec<&'a Half> {
        let lines: Vec<&Half> = self.lines().copied().collect();
        if lines.is_empty() { self.halves.clone() } else { lines }
    }

    fn supply(&self, substance: &'a str, institution: Option<String>, number: String) -> Supply<'a> {
        let speaker = self.halves[0];
        let (visit, drug) = (self.event(speaker), self.drug(speaker));
        let quantity = self.handed().iter().map(|half| half.quantity).sum::<Option<i64>>().map(|sum| sum as f64 / 1e4);
        let declared =
            self.prescribed().filter_map(|half| half.declared).max().or_else(|| self.lines().filter_map(|half| half.declared).max());
        let declared = declared.map(|days| days as f64 / 1e4);
        let doses = self.doses(quantity);
        let often = self.tables.often(&speaker.frequency, speaker.time);
        let counted = drug.zip(doses).filter(|_| speaker.prescribed).map(|(drug, doses)| lasts(speaker, drug, doses, often));
        let Lasts { days: computed, pack: pack_days, daily } = counted.unwrap_or_default();
        let one_item = self.halves.iter().all(|half| half.item.is_same(&speaker.item));
        let born = self.events().find_map(|event| event.born);
        let own = self.events().filter(|event| Some(&event.institution) == institution.as_ref());
        Supply {
            substance,
            visits: own.filter_map(|event| event.visit.clone()).collect(),
            order: if speaker.prescribed { Some(visit.id.clone()) } else { speaker.order.clone() },
            institution,
            number,
            item: speaker.item.clone(),
            drug,
            release: self.tables.release(speaker.item.code.as_deref(), speaker.time),
            time: speaker.time,
            event_time: visit.event_time,
            last_event_time: self.events().map(|event| event.event_time).max().unwrap(),
            area: visit.area.clone(),
            prescribed: speaker.prescribed,
            dispensed: self.lines().next().is_some(),
            dispensed_at: self.lines().map(|half| half.time).min(),
            audited_at: self.events().filter_map(|event| event.audited).min(),
            circulated: self.lines().any(|half| half.circulated),
            discharge: self.halves.iter().any(|half| half.discharge),
            long: speaker.prescribed.then_some(visit.long),
            chronic: self.events().any(|event| event.chronic),
            age: born
                .and_then(|born| years(born, speaker.time))
                .or_else(|| self.events().find_map(|event| event.stated_age).map(f64::floor)),
            setting: self.events().find_map(|event| event.setting),
            diagnoses: self.diagnoses(),
            operation: self.operation(),
            one_pack: self.one_pack(doses, quantity.filter(|_| one_item)),
            rate: quantity.zip(declared).filter(|_| one_item).map(|(quantity, days)| quantity / days),
            declared,
            computed,
            pack_days,
            doses,
            daily,
            price: self.halves.iter().find_map(|half| half.price),
            money: self.money(),
            evidence: self.halves.iter().map(|half| self.event(half).evidence(&half.number)).collect(),
        }
    }

    /// Without a prescription the unit of a quantity is not told: it does not
    /// matter where a pack is one dose.
    fn doses(&self, quantity: Option<f64>) -> Option<f64> {
        let speaker = self.halves[0];
        if !speaker.prescribed {
            return quantity.filter(|_| self.halves.iter().all(|half| self.drug(half).is_some_and(|drug| drug.pack == 1.0)));
        }
        let taken = |half: &Half| (half.unit.clone(), half.dose, half.dose_unit.clone(), half.frequency.clone());
        let (drug, quantity) = self.drug(speaker).zip(quantity).filter(|_| self.prescribed().all(|half| taken(half) == taken(speaker)))?;
        doses(quantity, &speaker.unit, drug)
    }

    fn one_pack(&self, doses: Option<f64>, quantity: Option<f64>) -> Told {
        let speaker = self.halves[0];
        let drug = self.drug(speaker)?;
        match doses {
            Some(doses) => Some(doses == drug.pack),
            // Neither as packs nor as doses is it one.
            None if !speaker.prescribed => quantity.filter(|quantity| *quantity > 1.0 && *quantity != drug.pack).map(|_| false),
            None => None,
        }
    }

    /// Of the visit: of the message that speaks for it, else of any.
    fn diagnoses(&self) -> Vec<String> {
        let own = &self.event(self.halves[0]).diagnoses;
        if own.is_empty() { self.events().flat_map(|event| event.diagnoses.clone()).collect() } else { own.clone() }
    }

    /// Whether an operation or anaesthesia was billed in one of its visits.
    /// One of the institution, whose visit is not told, may have been in it.
    fn operation(&self) -> Told {
        let mut doubtful = false;
        for own in self.events() {
            for other in self.person.events.iter().filter(|other| other.operation) {
                let here = other.institution == own.institution;
                let same = here && other.visit.is_some() && other.visit == own.visit;
                if same || std::ptr::eq(own, other) {
                    return Some(true);
                }
                doubtful |= here && (other.visit.is_none() || own.visit.is_none());
            }
        }
        (!doubtful).then_some(false)
    }

    /// The amounts of what was handed out; the bills' common share is the fund's.
    fn money(&self) -> Money {
        let amount = self.handed().iter().map(|half| half.amount).sum::<Option<i128>>();
        let bills: BTreeSet<usize> = self.lines().map(|half| half.event).collect();
        if bills.is_empty() {
            return Money::unbilled(amount);
        }
        let bills: Vec<&Event> = bills.into_iter().map(|place| &self.person.events[place]).collect();
        let (paid, scope) = (bills.iter().map(|bill| bill.paid).sum(), bills.iter().map(|bill| bill.scope).sum());
        Money::of(amount, paid, scope, bills.iter().all(|bill| paid_by_item(None, bill.setting)), false)
    }
}
