//! Online consultations that no visit in person came before.

use std::collections::BTreeMap;

use super::DAY;
use super::Event;
use super::Feed;
use super::Person;
use super::clue::Clue;
use super::clue::Money;
use super::has_basis;
use super::tables::Tables;
use super::told::is_care;
use super::told::is_disease;

/// Days of whole history without which absence proves nothing.
const HISTORY_DAYS: i64 = 365;

pub fn find(tables: &Tables, feed: &Feed, person: &Person) -> Vec<Clue> {
    // What a pharmacy sells online is no consultation; who prescribes was consulted.
    let consulted = |event: &&Event| event.online == Some(true) && (event.input == 1 || is_care(event.setting) == Some(true));
    let mut visits: BTreeMap<(&str, &str), Vec<&Event>> = BTreeMap::new();
    for event in person.events.iter().filter(consulted) {
        visits.entry(event.place()).or_default().push(event);
    }
    let mut found = Vec::new();
    for (place, mut events) in visits {
        events.sort_by_key(|event| (event.time, event.input, &event.id));
        let visit = Visit { tables, person, place, time: events[0].time, events };
        found.extend(visit.judge(feed));
    }
    found
}

struct Visit<'a> {
    tables: &'a Tables,
    person: &'a Person,
    place: (&'a str, &'a str),
    time: i64,
    events: Vec<&'a Event>,
}

impl<'a> Visit<'a> {
    fn judge(&self, feed: &Feed) -> Option<Clue> {
        let event_time = self.events.iter().map(|event| event.event_time).min().unwrap();
        let comparable = self.events.iter().flat_map(|event| &event.diagnoses).any(|code| is_disease(code));
        let has_basis = has_basis("online-first", self.time, &self.events[0].area);
        if !feed.is_live(event_time) || !has_basis || !comparable || self.is_known() {
            return None;
        }
        let continues = self.events.iter().any(|event| event.original.is_some());
        let told = self.events.iter().any(|event| event.first == Some(true));
        let sure = feed.is_long(0, self.time, HISTORY_DAYS)
            && self.events.iter().all(|event| event.covered)
            && !self.is_doubtful()
            && (!continues || feed.is_long(1, self.time, HISTORY_DAYS));
        let evidence = self.events.iter().map(|event| event.evidence("")).collect();
        (told || sure).then(|| Clue::new("online-first", told && sure, evidence, Money::unbilled(None)))
    }

    /// Other care, to the end of the day of the consultation.
    fn earlier(&self) -> impl Iterator<Item = &'a Event> {
        let (day, place) = (self.time.div_euclid(DAY), self.place);
        self.person.events.iter().filter(move |event| event.time.div_euclid(DAY) <= day && event.place() != place)
    }

    fn is_contact(event: &Event) -> bool {
        event.online == Some(false) && is_care(event.setting) == Some(true)
    }

    fn is_same_disease(&self, other: &Event) -> bool {
        let category = |code: &str| code.chars().take(3).collect::<String>();
        let diseases = |event: &'a Event| event.diagnoses.iter().filter(|code| is_disease(code)).cloned().collect::<Vec<String>>();
        self.events.iter().any(|online| {
            let own = diseases(online);
            let theirs: Vec<String> = other.diagnoses.iter().filter(|code| is_disease(code)).cloned().collect();
            let listed = other.chronic
                && (online.registered.is_some() && online.registered == other.registered || online.chronic && online.registered.is_none());
            listed
                || own.iter().any(|a| theirs.iter().any(|b| category(a) == category(b)))
                || !self.tables.groups(&own, self.time).is_disjoint(&self.tables.groups(&theirs, self.time))
        })
    }

    /// Whether an earlier contact in person for the disease is known.
    fn is_known(&self) -> bool {
        let continued = |event: &&Event| {
            let Some(original) = &event.original else { return false };
            let mut others = self.person.events.iter().filter(|other| other.input == 1 && !self.holds(other));
            others.any(|other| other.id == *original || other.national.as_ref() == Some(original))
        };
        let day = self.time.div_euclid(DAY);
        let own: Vec<&String> = self.events.iter().flat_map(|event| &event.substances).map(|(substance, _)| substance).collect();
        let dispensed = |other: &Event| {
            let mut then = other.substances.iter().filter(|(_, time)| time.div_euclid(DAY) <= day);
            other.input == 0 && then.any(|(substance, _)| own.contains(&substance))
        };
        // A line may be older than its bill.
        let mut others = self.person.events.iter().filter(|event| event.place() != self.place && Self::is_contact(event));
        self.events.iter().any(continued)
            || others.any(dispensed)
            || self.earlier().any(|other| Self::is_contact(other) && self.is_same_disease(other))
    }

    fn holds(&self, other: &Event) -> bool {
        self.events.iter().any(|own| std::ptr::eq(*own, other))
    }

    /// Whether something earlier may have been a contact in person for the disease.
    fn is_doubtful(&self) -> bool {
        self.earlier().any(|other| {
            let names_none = !other.diagnoses.iter().any(|code| is_disease(code));
            let perhaps = other.online != Some(true) && is_care(other.setting) != Some(false);
            if Self::is_contact(other) { names_none } else { perhaps && (names_none || self.is_same_disease(other)) }
        })
    }
}
