//! Online consultations and the in-person care that should have come before.
//!
//! Concludes from absence, so it is silent where it cannot know: while the
//! history is short, where the person is insured outside the covered areas,
//! and where the diagnoses cannot be compared.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;
use crate::state::events::EventIdx;
use crate::state::events::Events;
use crate::state::intern::Arena;
use crate::state::intern::Interner;
use crate::state::intern::Sym;
use crate::state::persons::PersonIdx;
use crate::state::supplies::Supplies;
use crate::state::supplies::SupplyKey;

/// Settings of a rule that looks for earlier contact.
#[derive(Clone, Debug)]
pub struct ContactSettings {
    /// Event time to wait for the in-person bill, in seconds.
    pub wait_seconds: i64,
    /// How far back a contact counts, in days; 0 is "any".
    pub lookback_days: i64,
    /// Days that the feed must have been whole before absence means anything.
    pub min_history_days: i64,
    /// Leading characters of an ICD code that make two diagnoses one disease.
    pub icd_characters: usize,
    pub same_group: bool,
    pub same_chronic_list: bool,
    pub same_substance: bool,
    pub initial_prescription: bool,
}

/// What the evaluator reads.
#[derive(Clone, Copy)]
pub struct ContactTables<'a> {
    pub events: &'a Events,
    pub supplies: &'a Supplies,
    pub texts: &'a Arena,
    pub symbols: &'a Interner,
    /// Disease groups of an ICD code on a day.
    pub groups: &'a dyn Fn(&str, i64) -> Vec<String>,
    /// Since when the feed is whole; `None`: not stated.
    pub complete_from: Option<Civil>,
    /// The same of the feed of prescriptions.
    pub prescriptions_from: Option<Civil>,
    /// Area prefixes that the feed covers; empty: all.
    pub covered_areas: &'a [String],
}

/// One online consultation: all events of one visit.
#[derive(Clone, Debug)]
pub struct Consultation {
    /// Institution and visit, or the event's own id where no visit is named.
    pub anchor: (String, String),
    pub events: Vec<EventIdx>,
    pub time: Civil,
    /// The institution's own word; `None`: not given or not usable.
    pub first_visit: Option<bool>,
    pub verdict: Verdict,
}

/// A first visit by the institution's own word, while an earlier contact is known.
pub const CONTRADICTED: &str = "told_first_against_known_contact";
/// What is counted of consultations beside clues, in Chinese and in English.
pub const CHECKS: &[(&str, &str, &str)] = &[
    ("told_first", "机构申报为首诊", "the institution called it a first visit"),
    ("told_follow_up", "机构申报为复诊", "the institution called it a follow-up"),
    ("told_nothing", "未申报，或该机构的标志不可用", "it told nothing, or what it tells means nothing"),
    (CONTRADICTED, "申报为首诊，但已知此前线下就诊", "it called it a first visit, and an earlier one in person is known"),
];

/// Under which check a consultation counts by the institution's own word.
pub fn told_check(first_visit: Option<bool>) -> &'static str {
    match first_visit {
        Some(true) => "told_first",
        Some(false) => "told_follow_up",
        None => "told_nothing",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Watermarks have not passed the wait.
    Waiting,
    /// An earlier contact is known.
    Quiet,
    /// An earlier contact is known although the institution says first visit.
    Contradiction,
    /// The reason, in the words of the tally.
    Unknown(&'static str),
    Clue {
        /// The institution's own word and a long, covered history.
        clear: bool,
    },
}

/// Judges every online consultation of a person at the given watermark.
/// `settings` are those of the area in which it took place, and of the day.
pub fn judge(
    tables: ContactTables<'_>,
    settings: &dyn Fn(Option<&str>, i64) -> ContactSettings,
    person: PersonIdx,
    watermark: Civil,
) -> Vec<Consultation> {
    let mut groups: BTreeMap<(String, String), Vec<EventIdx>> = BTreeMap::new();
    for event in tables.events.consultations(person) {
        groups.entry(anchor(tables, event)).or_default().push(event);
    }
    groups
        .into_iter()
        .map(|(anchor, mut events)| {
            events.sort_by_key(|event| {
                let row = tables.events.row(*event);
                (row.fact_time, row.input, tables.texts.get(row.id))
            });
            let times = events.iter().map(|event| tables.events.row(*event).fact_time);
            let time = Civil(times.min().unwrap_or_default());
            let flags = || events.iter().map(|event| tables.events.row(*event).first_visit);
            let first_visit = if flags().any(|flag| flag == Some(true)) { Some(true) } else { flags().flatten().next() };
            let settings = settings(tables.symbols.text(tables.events.row(events[0]).area), time.day());
            let verdict = if time.plus_seconds(settings.wait_seconds) > watermark {
                Verdict::Waiting
            } else {
                verdict(tables, &settings, person, &events, time, first_visit)
            };
            Consultation { anchor, events, time, first_visit, verdict }
        })
        .collect()
}

fn anchor(tables: ContactTables<'_>, event: EventIdx) -> (String, String) {
    let row = tables.events.row(event);
    let visit = tables.texts.get(row.mdtrt_id);
    let number = if visit.is_empty() { tables.texts.get(row.id) } else { visit };
    (tables.symbols.text(row.institution).unwrap_or_default().to_owned(), number.to_owned())
}

fn verdict(
    tables: ContactTables<'_>,
    settings: &ContactSettings,
    person: PersonIdx,
    events: &[EventIdx],
    time: Civil,
    first_visit: Option<bool>,
) -> Verdict {
    // The consultation's own bill, which may not say that it was online, is no
    // care before it.
    let visits: BTreeSet<_> = events.iter().map(|event| anchor(tables, *event)).collect();
    let other = |event: EventIdx| !events.contains(&event) && !visits.contains(&anchor(tables, event));
    let known = has_contact(tables, settings, person, events, time, &other);
    if known {
        return if first_visit == Some(true) { Verdict::Contradiction } else { Verdict::Quiet };
    }
    if !events.iter().any(|event| tables.events.diagnoses(*event).iter().any(|code| comparable(tables, *code))) {
        return Verdict::Unknown("diagnosis_not_comparable");
    }
    let long_enough = tables.complete_from.is_some_and(|since| time.day() - since.day() >= settings.min_history_days);
    let covered = events.iter().all(|event| {
        let area = tables.symbols.text(tables.events.row(*event).insured_area);
        tables.covered_areas.is_empty()
            || area.is_some_and(|area| tables.covered_areas.iter().any(|prefix| area.starts_with(prefix.as_str())))
    });
    let possible = may_have_contact(tables, settings, person, events, time, &other) || may_continue(tables, settings, events, time);
    match (first_visit, long_enough, covered) {
        (Some(true), long, covered) => Verdict::Clue { clear: long && covered && !possible },
        (_, false, _) => Verdict::Unknown("history_too_short"),
        (_, _, false) => Verdict::Unknown("history_elsewhere"),
        _ if possible => Verdict::Unknown("contact_not_decidable"),
        _ => Verdict::Clue { clear: false },
    }
}

/// A diagnosis that says which disease it is: an ICD code outside Z00 to Z99,
/// which name reasons for contact, and no TCM code.
fn comparable(tables: ContactTables<'_>, code: Sym) -> bool {
    tables.symbols.text(code).is_some_and(|code| {
        let bytes = code.as_bytes();
        matches!(bytes, [letter, a, b, ..] if letter.is_ascii_uppercase() && *letter != b'Z' && a.is_ascii_digit() && b.is_ascii_alphanumeric())
    })
}

/// Whether a contact on a day counts for a consultation.
fn in_reach(settings: &ContactSettings, contact: i64, time: Civil) -> bool {
    let (contact_day, day) = (contact.div_euclid(SECONDS_PER_DAY), time.day());
    contact_day <= day && (settings.lookback_days == 0 || day - contact_day <= settings.lookback_days)
}

/// Whether something earlier, of another visit, may have been care in person
/// for the disease: care that names no disease to compare, or a bill that may
/// have been care and shares the disease or names none.
fn may_have_contact(
    tables: ContactTables<'_>,
    settings: &ContactSettings,
    person: PersonIdx,
    events: &[EventIdx],
    time: Civil,
    other: &dyn Fn(EventIdx) -> bool,
) -> bool {
    let names_none = |event: EventIdx| !tables.events.diagnoses(event).iter().any(|code| comparable(tables, *code));
    let earlier = |event: EventIdx| in_reach(settings, tables.events.row(event).fact_time, time) && other(event);
    tables.events.contacts(person).any(|contact| names_none(contact) && earlier(contact))
        || tables.events.possible_contacts(person).any(|possible| {
            let shares = || events.iter().any(|event| share_disease(tables, settings, *event, possible, time.day()));
            (names_none(possible) || shares()) && earlier(possible)
        })
}

/// Whether a prescription says that it continues one that may have been issued
/// before the feed of prescriptions was whole.
fn may_continue(tables: ContactTables<'_>, settings: &ContactSettings, events: &[EventIdx], time: Civil) -> bool {
    let whole = tables.prescriptions_from.is_some_and(|since| time.day() - since.day() >= settings.min_history_days);
    settings.initial_prescription && !whole && events.iter().any(|event| !tables.events.row(*event).init_rxno.is_empty())
}

fn has_contact(
    tables: ContactTables<'_>,
    settings: &ContactSettings,
    person: PersonIdx,
    events: &[EventIdx],
    time: Civil,
    other: &dyn Fn(EventIdx) -> bool,
) -> bool {
    let day = time.day();
    let in_reach = |contact: i64| in_reach(settings, contact, time);
    let same_disease = tables.events.contacts(person).any(|contact| {
        in_reach(tables.events.row(contact).fact_time)
            && other(contact)
            && events.iter().any(|event| share_disease(tables, settings, *event, contact, day))
    });
    same_disease
        || (settings.same_substance && same_substance(tables, person, events, &|event, time| in_reach(time) && other(event)))
        || (settings.initial_prescription && names_known_prescription(tables, person, events))
}

fn share_disease(tables: ContactTables<'_>, settings: &ContactSettings, event: EventIdx, contact: EventIdx, day: i64) -> bool {
    let (online, care) = (tables.events.row(event), tables.events.row(contact));
    if settings.same_chronic_list && care.chronic {
        let same_list = !online.dise_codg.is_none() && online.dise_codg == care.dise_codg;
        if same_list || (online.chronic && online.dise_codg.is_none()) {
            return true;
        }
    }
    let texts = |event| {
        let codes = tables.events.diagnoses(event).iter();
        codes.filter(|code| comparable(tables, **code)).filter_map(|code| tables.symbols.text(*code))
    };
    texts(event).any(|a| {
        let groups = if settings.same_group { (tables.groups)(a, day) } else { Vec::new() };
        texts(contact).any(|b| {
            begin_alike(a, b, settings.icd_characters)
                || (!groups.is_empty() && (tables.groups)(b, day).iter().any(|group| groups.contains(group)))
        })
    })
}

/// Whether two codes have the same leading `characters`: only equal ones have
/// where one of them has fewer, and none where none are asked for.
fn begin_alike(a: &str, b: &str, characters: usize) -> bool {
    characters > 0 && a == b || characters > 0 && a.get(..characters).is_some_and(|leading| b.get(..characters) == Some(leading))
}

/// A line of the same substance, dispensed or prescribed in person.
fn same_substance(tables: ContactTables<'_>, person: PersonIdx, events: &[EventIdx], counts: &dyn Fn(EventIdx, i64) -> bool) -> bool {
    events.iter().flat_map(|event| tables.events.substances(*event)).any(|substance| {
        let key = SupplyKey { person, substance: *substance };
        tables.supplies.of(key).any(|half| {
            !half.prescribed && counts(half.event, half.time) && tables.events.contacts(person).any(|contact| contact == half.event)
        })
    })
}

fn names_known_prescription(tables: ContactTables<'_>, person: PersonIdx, events: &[EventIdx]) -> bool {
    events.iter().any(|event| {
        let original = tables.texts.get(tables.events.row(*event).init_rxno);
        !original.is_empty()
            && tables.events.prescriptions(person).filter(|other| !events.contains(other)).any(|other| {
                let row = tables.events.row(other);
                tables.texts.get(row.id) == original || tables.texts.get(row.hi_rxno) == original
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_begin_alike_only_in_characters_that_both_have() {
        for (a, b, characters, expect) in [
            ("J06.900", "J06.000", 3, true),
            ("J06.900", "J07.900", 3, false),
            ("J06.900", "I10.x00", 0, false),
            ("J06.9", "J06.9", 0, false),
            ("J06", "I10", 5, false),
            ("J06", "J06", 5, true),
            ("J06", "J06.900", 5, false),
            ("J06.9", "J06.900", 5, true),
        ] {
            assert_eq!(begin_alike(a, b, characters), expect, "{a} {b} {characters}");
        }
    }
}
