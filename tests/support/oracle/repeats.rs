//! Runs of supplies that were issued while much was left of an earlier one:
//! elsewhere, or at the same institution.

use std::collections::BTreeSet;

use super::DAY;
use super::Feed;
use super::clue::Clue;
use super::has_basis;
use super::supplies::Supply;
use super::told::seconds;

/// Public holidays before which an early refill is natural.
const HOLIDAYS: [&str; 21] = [
    "2025-01-01",
    "2025-01-28",
    "2025-04-04",
    "2025-05-01",
    "2025-05-31",
    "2025-10-01",
    "2026-01-01",
    "2026-02-15",
    "2026-04-04",
    "2026-05-01",
    "2026-06-19",
    "2026-09-25",
    "2026-10-01",
    "2027-01-01",
    "2027-02-05",
    "2027-04-05",
    "2027-05-01",
    "2027-06-09",
    "2027-09-15",
    "2027-10-01",
    "2028-01-01",
];
/// More is a slip of the pen.
const DAYS_MAX: f64 = 3650.0;

/// The two rules: what came from elsewhere, and what the same institution gave again.
#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Elsewhere,
    Same,
}

pub fn find(feed: &Feed, supplies: &[Supply<'_>]) -> Vec<Clue> {
    let dispensed: Vec<&Supply<'_>> = supplies.iter().filter(|supply| supply.dispensed).collect();
    let mut found = runs(feed, &dispensed, Rule::Elsewhere);
    // Whose it is not known is nobody's.
    let institutions: BTreeSet<&String> = dispensed.iter().filter_map(|supply| supply.institution.as_ref()).collect();
    for institution in institutions {
        let own: Vec<&Supply<'_>> = dispensed.iter().copied().filter(|supply| supply.institution.as_ref() == Some(institution)).collect();
        found.extend(runs(feed, &own, Rule::Same));
    }
    found
}

fn runs(feed: &Feed, supplies: &[&Supply<'_>], rule: Rule) -> Vec<Clue> {
    let mut found = Vec::new();
    // Told and computed days: the least of them accuses least.
    let days = |supply: &Supply<'_>| {
        let least = [supply.declared, supply.computed].into_iter().flatten().reduce(f64::min);
        least.filter(|days| *days > 0.0 && *days <= DAYS_MAX)
    };
    let end = |supply: &Supply<'_>, days: f64| supply.time as f64 + days * DAY as f64;
    let mut run: Vec<&Supply<'_>> = Vec::new();
    let mut surplus = 0.0;
    // The supply of the run that lasts longest.
    let mut longest: Option<(&Supply<'_>, f64)> = None;
    for supply in supplies.iter().copied() {
        let Some(own) = days(supply) else { continue };
        let Some((earlier, lasts)) = longest else {
            (run, surplus, longest) = (vec![supply], 0.0, Some((supply, own)));
            continue;
        };
        let left = (end(earlier, lasts) - supply.time as f64) / DAY as f64;
        let outlasts = end(supply, own) > end(earlier, lasts);
        // Of one visit or one day no more counts than once.
        let is_counted = run.iter().filter(|one| !std::ptr::eq(**one, earlier)).any(|one| match rule {
            Rule::Same => is_one_issue(one, supply),
            Rule::Elsewhere => one.institution.is_some() && one.institution == supply.institution && is_surely_one_issue(one, supply),
        });
        if left > f64::max(7.0, lasts * 0.2) && !is_counted && !is_explained(earlier, supply, rule) {
            run.push(supply);
            // To ten-thousandths of a day, the rest cut off.
            surplus += (left * 1e4 + 1e-4).floor() / 1e4;
        } else if left <= 0.0 || outlasts {
            found.extend(close(feed, &run, surplus, rule));
            (run, surplus) = (vec![supply], 0.0);
        }
        if outlasts {
            longest = Some((supply, own));
        }
    }
    found.extend(close(feed, &run, surplus, rule));
    found
}

fn close(feed: &Feed, run: &[&Supply<'_>], surplus: f64, rule: Rule) -> Option<Clue> {
    let institutions: BTreeSet<&String> = run.iter().filter_map(|supply| supply.institution.as_ref()).collect();
    let last = run.last()?;
    let (name, least) = match rule {
        Rule::Elsewhere => ("repeat-supply", 2),
        Rule::Same => ("repeat-supply-same", 1),
    };
    let told = feed.is_live(last.last_event_time) && has_basis(name, last.time, &last.area);
    (surplus >= 14.0 && institutions.len() >= least && told).then(|| {
        let evidence = run.iter().flat_map(|supply| supply.evidence.clone()).collect();
        Clue::new(name, false, evidence, last.money.clone()).saying(surplus, 14.0)
    })
}

/// Whether what one institution gave twice is one issue: of one visit or one
/// day, or nobody can tell. One number in two visits may be one prescription.
fn is_one_issue(earlier: &Supply<'_>, later: &Supply<'_>) -> bool {
    is_surely_one_issue(earlier, later)
        || earlier.visits.is_empty()
        || later.visits.is_empty()
        || earlier.order.is_some() && earlier.order == later.order
}

fn is_surely_one_issue(earlier: &Supply<'_>, later: &Supply<'_>) -> bool {
    let day = |supply: &Supply<'_>| supply.time.div_euclid(DAY);
    day(earlier) == day(later) || earlier.visits.intersection(&later.visits).next().is_some()
}

fn is_on_ward(supply: &Supply<'_>) -> bool {
    // Who does not know where it was given accuses nobody.
    supply.setting.is_none_or(|setting| ["inpatient", "day_surgery", "maternity_inpatient"].contains(&setting))
}

/// Whether an early refill is natural or means something else, or may be: who
/// cannot tell accuses nobody.
fn is_explained(earlier: &Supply<'_>, later: &Supply<'_>, rule: Rule) -> bool {
    let like = |a: f64, b: f64| a < 1.5 * b && b < 1.5 * a;
    let same_item = || earlier.item.is_same(&later.item) && earlier.price.zip(later.price).is_some_and(|(a, b)| like(a, b));
    let raised = match (later.daily.zip(earlier.daily), later.rate.zip(earlier.rate)) {
        (Some((later, earlier)), _) => later > earlier,
        // As much as a day by the days declared, up to rounding.
        (None, Some((later, earlier))) if same_item() => later > earlier * (1.0 + 1e-9),
        _ => true,
    };
    let insulin = |supply: &Supply<'_>| supply.item.name.as_ref().is_some_and(|name| name.contains("胰岛素"));
    let other_insulin = insulin(earlier) && earlier.item.name != later.item.name;
    let day = later.time.div_euclid(DAY);
    let soon = HOLIDAYS.iter().any(|holiday| (0..=14).contains(&(seconds(holiday).div_euclid(DAY) - day)));
    let listed = (seconds(HOLIDAYS[0]).div_euclid(DAY)..=seconds(HOLIDAYS[20]).div_euclid(DAY)).contains(&day);
    let own = match rule {
        // Who prescribed what was bought elsewhere may be the same.
        Rule::Elsewhere => earlier.institution.is_none() || later.institution.is_none() || earlier.institution == later.institution,
        Rule::Same => is_one_issue(earlier, later),
    };
    own || is_on_ward(earlier)
        || is_on_ward(later)
        || earlier.release.is_none()
        || later.release.is_none()
        || earlier.release != later.release
        || earlier.discharge
        || later.discharge
        || raised
        || other_insulin
        || soon
        || !listed
}
