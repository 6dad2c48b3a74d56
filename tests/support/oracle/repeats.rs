//! Runs of supplies that were issued elsewhere while much was left of an earlier one.

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

pub fn find(feed: &Feed, supplies: &[Supply<'_>]) -> Vec<Clue> {
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
    for supply in supplies.iter().filter(|supply| supply.dispensed) {
        let Some(own) = days(supply) else { continue };
        let Some((earlier, lasts)) = longest else {
            (run, surplus, longest) = (vec![supply], 0.0, Some((supply, own)));
            continue;
        };
        let left = (end(earlier, lasts) - supply.time as f64) / DAY as f64;
        let outlasts = end(supply, own) > end(earlier, lasts);
        if left > f64::max(7.0, lasts * 0.2) && !is_explained(earlier, supply) {
            run.push(supply);
            // To ten-thousandths of a day, the rest cut off.
            surplus += (left * 1e4 + 1e-4).floor() / 1e4;
        } else if left <= 0.0 || outlasts {
            found.extend(close(feed, &run, surplus));
            (run, surplus) = (vec![supply], 0.0);
        }
        if outlasts {
            longest = Some((supply, own));
        }
    }
    found.extend(close(feed, &run, surplus));
    found
}

fn close(feed: &Feed, run: &[&Supply<'_>], surplus: f64) -> Option<Clue> {
    let institutions: BTreeSet<&String> = run.iter().filter_map(|supply| supply.institution.as_ref()).collect();
    let last = run.last()?;
    let told = feed.is_live(last.last_event_time) && has_basis("repeat-supply", last.time, &last.area);
    (surplus >= 14.0 && institutions.len() >= 2 && told).then(|| {
        let evidence = run.iter().flat_map(|supply| supply.evidence.clone()).collect();
        Clue::new("repeat-supply", false, evidence, last.money.clone()).saying(surplus, 14.0)
    })
}

/// Whether an early refill is natural or means something else, or may be: who
/// cannot tell accuses nobody.
fn is_explained(earlier: &Supply<'_>, later: &Supply<'_>) -> bool {
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
    // Who prescribed what was bought elsewhere may be the same.
    earlier.institution.is_none()
        || later.institution.is_none()
        || earlier.institution == later.institution
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
