//! Overlapping supplies of one substance: how much was left of what a person
//! had when more was issued.

use std::collections::BTreeMap;

use super::supply::Supply;

const DAY: i64 = 86_400;
/// Ten-thousandths of a day in seconds: `DAY / ONE` would lose digits.
const ONE: i64 = 10_000;
/// A supply of more than ten years is a slip of the pen.
const DAYS_MAX: i64 = 3650 * ONE;

/// Which supplies are held against each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// Those of different institutions, of so many at least in a chain.
    Several { least: usize },
    /// Those of the same institution: each by itself.
    One,
}

/// Limits of the rule, in days (ten-thousandths) and as a share (ten-thousandths).
#[derive(Clone, Copy, Debug)]
pub struct OverlapLimits {
    pub remaining_days: i64,
    pub remaining_share: i64,
    pub surplus_days: i64,
}

/// A chain of supplies whose surplus passes the limit: places in the list
/// that was searched, in order, and the summed surplus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub members: Vec<usize>,
    /// Ten-thousandths of a day.
    pub surplus: i64,
}

/// What the search made of the supplies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlaps {
    pub chains: Vec<Chain>,
    /// Places of dispensed supplies whose days cannot be computed.
    pub unknown: Vec<usize>,
    /// Places of supplies that overlap an earlier one of which nobody can tell
    /// whether they may be held against it.
    pub undecided: Vec<usize>,
}

/// Searches dispensed supplies, given in the order of time. `related` says, if
/// it can be told, whether a later supply may be held against an earlier one (same form, dose
/// not raised, not a first refill after discharge, ...); `one_issue` says it of
/// a supply and one that stands in the chain already: of one visit or one day
/// no more is counted than once.
/// `limits` are those that hold for a later supply, by its place.
pub fn overlaps(
    supplies: &[&Supply<'_>],
    among: Among,
    limits: &dyn Fn(usize) -> OverlapLimits,
    related: &dyn Fn(&Supply<'_>, &Supply<'_>) -> Option<bool>,
    one_issue: &dyn Fn(&Supply<'_>, &Supply<'_>) -> Option<bool>,
) -> Overlaps {
    let search = Search { supplies, among, limits, related, one_issue };
    let dispensed = (0..supplies.len()).filter(|idx| supplies[*idx].dispensed);
    let mut out = Overlaps::default();
    match among {
        Among::Several { .. } => search.walk(dispensed, &mut out),
        Among::One => {
            let mut places: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
            for idx in dispensed {
                places.entry(supplies[idx].anchor.institution).or_default().push(idx);
            }
            search.each(places, &mut out);
        }
    }
    out
}

/// Whether one of the `joined` supplies, all of them new, given in the order of time, may overlap
/// another of them, or one that the other `lines` make up, by more than
/// `tolerance`. Lines are told as (time, days, whether prescribed); days in ten-thousandths.
///
/// With the least tolerance of a rule as `tolerance`, "no" is exact: what
/// [`overlaps`] finds is the same with the joined supplies and without them.
/// Nothing lasts beyond one of them for longer, and it beyond nothing. So it
/// is in no chain, and it parts none, because what would last from before it
/// to after it would overlap it as well.
pub fn may_overlap(joined: &[&Supply<'_>], lines: impl Iterator<Item = (i64, Option<i64>, bool)>, tolerance: i64) -> bool {
    let counted: Vec<(i64, i64)> = joined
        .iter()
        .filter(|supply| supply.dispensed)
        .filter_map(|supply| Some((supply.time, supply.time * ONE + lasting(supply)? * DAY)))
        .collect();
    let over = |until: i64, time: i64| (until - time * ONE) / DAY > tolerance;
    if counted.is_empty() {
        return false;
    }
    let mut latest = i64::MIN;
    for (time, until) in &counted {
        if latest > i64::MIN && over(latest, *time) {
            return true;
        }
        latest = latest.max(*until);
    }
    // A supply begins at one of its lines and lasts no longer than the days
    // that any of them tells; without any, a prescription's dose may tell more,
    // and a bill's line alone nothing.
    let (mut times, mut longest) = (Vec::new(), 0);
    for (time, days, prescribed) in lines {
        times.push(time);
        longest = longest.max(days.unwrap_or(if prescribed { DAYS_MAX } else { 0 }).min(DAYS_MAX));
    }
    let meets = |(begin, until): &(i64, i64), time: i64| {
        (time <= *begin && over(time * ONE + longest * DAY, *begin)) || (time >= *begin && over(*until, time))
    };
    counted.iter().any(|own| times.iter().any(|time| meets(own, *time)))
}

/// Its days, where they are known and can be.
fn lasting(supply: &Supply<'_>) -> Option<i64> {
    supply.days().filter(|days| (1..=DAYS_MAX).contains(days))
}

struct Search<'s, 'a> {
    supplies: &'s [&'s Supply<'a>],
    among: Among,
    limits: &'s dyn Fn(usize) -> OverlapLimits,
    related: &'s dyn Fn(&Supply<'_>, &Supply<'_>) -> Option<bool>,
    one_issue: &'s dyn Fn(&Supply<'_>, &Supply<'_>) -> Option<bool>,
}

impl Search<'_, '_> {
    /// The supplies of each institution. Whose it is not known may be of any:
    /// it makes up no chain, and what overlaps it is undecided.
    fn each(&self, mut places: BTreeMap<Option<&str>, Vec<usize>>, out: &mut Overlaps) {
        let doubtful = places.remove(&None).unwrap_or_default();
        if places.is_empty() {
            self.doubt(doubtful, out);
            return;
        }
        for own in places.into_values() {
            if !doubtful.is_empty() {
                let mut all: Vec<usize> = own.iter().chain(&doubtful).copied().collect();
                all.sort_unstable();
                self.doubt(all, out);
            }
            self.walk(own.into_iter(), out);
        }
        for told in [&mut out.unknown, &mut out.undecided] {
            told.sort_unstable();
            told.dedup();
        }
    }

    /// What some supplies leave unknown, if they are of one institution.
    fn doubt(&self, places: Vec<usize>, out: &mut Overlaps) {
        let mut may_be = Overlaps::default();
        self.walk(places.into_iter(), &mut may_be);
        out.unknown.extend(may_be.unknown);
        out.undecided.extend(may_be.undecided);
    }

    fn walk(&self, places: impl Iterator<Item = usize>, out: &mut Overlaps) {
        let supplies = self.supplies;
        let mut open: Option<(Chain, i64, usize)> = None;
        for idx in places {
            let supply = supplies[idx];
            let Some(days) = lasting(supply) else {
                out.unknown.push(idx);
                continue;
            };
            let end = supply.time * ONE + days * DAY;
            open = Some(match open.take() {
                Some((mut chain, until, holder)) => {
                    let earlier = supplies[holder];
                    let remaining = (until - supply.time * ONE) / DAY;
                    let limits = (self.limits)(idx);
                    let limit = limits.remaining_days.max(earlier.days().unwrap_or_default() * limits.remaining_share / ONE);
                    let over = (remaining > limit).then(|| {
                        let others = chain.members.iter().filter(|member| **member != holder);
                        let counted: Vec<_> = others.map(|member| (self.one_issue)(supplies[*member], supply)).collect();
                        match (self.related)(earlier, supply) {
                            _ if counted.contains(&Some(true)) => Some(false),
                            Some(true) if counted.contains(&None) => None,
                            related => related,
                        }
                    });
                    if over == Some(None) {
                        out.undecided.push(idx);
                    }
                    if over == Some(Some(true)) {
                        chain.members.push(idx);
                        chain.surplus += remaining;
                        if end > until { (chain, end, idx) } else { (chain, until, holder) }
                    } else if remaining > 0 && end <= until {
                        (chain, until, holder)
                    } else {
                        self.close(chain, out);
                        (Chain { members: vec![idx], surplus: 0 }, end, idx)
                    }
                }
                None => (Chain { members: vec![idx], surplus: 0 }, end, idx),
            });
        }
        if let Some((chain, _, _)) = open {
            self.close(chain, out);
        }
    }

    fn close(&self, chain: Chain, out: &mut Overlaps) {
        let mut institutions: Vec<_> = chain.members.iter().filter_map(|idx| self.supplies[*idx].anchor.institution).collect();
        institutions.sort_unstable();
        institutions.dedup();
        let enough = match self.among {
            Among::Several { least } => institutions.len() >= least,
            Among::One => true,
        };
        let surplus_days = || chain.members.iter().max().map(|last| (self.limits)(*last).surplus_days);
        if chain.members.len() > 1 && surplus_days().is_some_and(|least| chain.surplus >= least) && enough {
            out.chains.push(chain);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluators::supply::Anchor;
    use crate::evaluators::supply::Number;
    use crate::state::events::EventIdx;

    /// Day of issue, days that it lasts, institution, whether dispensed.
    type Told = (i64, Option<i64>, Option<u8>, bool);

    fn supply((day, days, institution, dispensed): Told) -> Supply<'static> {
        const PLACES: [&str; 3] = ["A", "B", "C"];
        let institution = institution.map(|place| PLACES[usize::from(place)]);
        Supply {
            anchor: Anchor { institution, visit: "", number: Number::Order("") },
            halves: Vec::new(),
            visit: EventIdx(0),
            time: day * DAY,
            prescribed: false,
            dispensed,
            circulated: false,
            discharge: false,
            dispensed_at: None,
            packs: None,
            doses: None,
            one_pack: None,
            quantity: None,
            amount: None,
            daily_dose: None,
            days_declared: days.map(|days| days * ONE),
            days_computed: None,
            days_pack: None,
        }
    }

    const LIMITS: OverlapLimits = OverlapLimits { remaining_days: 7 * ONE, remaining_share: 2_000, surplus_days: 14 * ONE };

    fn search(told: &[Told], among: Among) -> Overlaps {
        let supplies: Vec<Supply<'_>> = told.iter().map(|told| supply(*told)).collect();
        let same = |one: &Supply<'_>, other: &Supply<'_>| Some(one.anchor.institution? == other.anchor.institution?);
        let related = move |one: &Supply<'_>, other: &Supply<'_>| same(one, other).map(|same| same == (among == Among::One));
        overlaps(&supplies.iter().collect::<Vec<_>>(), among, &|_| LIMITS, &related, &|_, _| Some(false))
    }

    #[test]
    fn one_visit_counts_once_however_many_lines_it_has() {
        let told = [(0, 28), (20, 7), (20, 7), (21, 7)].map(|(day, days)| supply((day, Some(days), Some(0), true)));
        let all: Vec<&Supply<'_>> = told.iter().collect();
        let surplus = |one_issue: &dyn Fn(&Supply<'_>, &Supply<'_>) -> Option<bool>| {
            let limits = |_| OverlapLimits { remaining_days: 6 * ONE, remaining_share: 0, surplus_days: 0 };
            let found = overlaps(&all, Among::One, &limits, &|_, _| Some(true), one_issue);
            (found.chains.iter().map(|chain| chain.surplus / ONE).collect::<Vec<_>>(), found.undecided)
        };
        assert_eq!(surplus(&|_, _| Some(false)), (vec![8 + 8 + 7], vec![]));
        assert_eq!(surplus(&|one, other| Some(one.time == other.time)), (vec![8 + 7], vec![]));
        assert_eq!(surplus(&|_, _| None), (vec![8], vec![2, 3]));
    }

    #[test]
    fn institutions_are_compared_with_others_or_each_with_itself() {
        let (a, b, nobody) = (Some(0), Some(1), None);
        let several = Among::Several { least: 2 };
        let one = |day, place| (day, Some(28), place, true);
        // Supplies, among which, members of chains, undecided.
        type Case = (&'static [Told], Among, &'static [&'static [usize]], &'static [usize]);
        let cases: &[Case] = &[
            (&[(0, Some(28), Some(0), true), (5, Some(28), Some(1), true)], several, &[&[0, 1]], &[]),
            (&[(0, Some(28), Some(0), true), (5, Some(28), Some(1), true)], Among::One, &[], &[]),
            (&[(0, Some(28), Some(0), true), (5, Some(28), Some(0), true)], several, &[], &[]),
            (&[(0, Some(28), Some(0), true), (5, Some(28), Some(0), true)], Among::One, &[&[0, 1]], &[]),
            (&[(0, Some(28), Some(0), true), (14, Some(28), Some(0), true)], Among::One, &[&[0, 1]], &[]),
            (&[(0, Some(28), Some(0), true), (15, Some(28), Some(0), true)], Among::One, &[], &[]),
            (&[(0, Some(28), Some(0), true), (5, Some(28), Some(0), false)], Among::One, &[], &[]),
        ];
        for (told, among, chains, undecided) in cases {
            let found = search(told, *among);
            let members: Vec<&[usize]> = found.chains.iter().map(|chain| chain.members.as_slice()).collect();
            assert_eq!((members.as_slice(), found.undecided.as_slice()), (*chains, *undecided), "{told:?} {among:?}");
        }
        // Another institution's supply in between parts no chain of one institution.
        let found = search(&[one(0, a), one(2, b), one(5, a)], Among::One);
        assert_eq!(found.chains, [Chain { members: vec![0, 2], surplus: 23 * ONE }]);
        // One that may be of any institution neither, and it is told once.
        let found = search(&[one(0, a), one(1, b), one(2, nobody), one(5, a), one(40, nobody)], Among::One);
        assert_eq!(found.chains, [Chain { members: vec![0, 3], surplus: 23 * ONE }]);
        assert_eq!(found.undecided, [2, 3]);
        assert_eq!(search(&[one(0, nobody), one(2, nobody)], Among::One).undecided, [1]);
    }

    fn any_supply() -> impl Strategy<Value = Told> {
        (0..120_i64, prop::option::weighted(0.9, 1..60_i64), prop::option::weighted(0.9, 0..3_u8), prop::bool::weighted(0.9))
    }

    proptest! {
        /// Where no supply of a part may overlap another, everything that is
        /// found is found without the part.
        #[test]
        fn what_may_overlap_nothing_changes_nothing(
            mut told in prop::collection::vec(any_supply(), 2..7),
            parts in prop::collection::vec(prop::bool::weighted(0.3), 7),
            verdicts in prop::collection::vec(prop::option::weighted(0.8, prop::bool::weighted(0.8)), 64),
            among in prop::sample::select(vec![Among::Several { least: 1 }, Among::One]),
        ) {
            told.sort_by_key(|told| told.0);
            let supplies: Vec<Supply<'_>> = told.iter().map(|told| supply(*told)).collect();
            let of = |part: bool| (0..supplies.len()).filter(|idx| parts[*idx] == part).collect::<Vec<_>>();
            let (joined, others) = (of(true), of(false));
            let joined: Vec<&Supply<'_>> = joined.iter().map(|idx| &supplies[*idx]).collect();
            let lines = others.iter().map(|idx| (supplies[*idx].time, supplies[*idx].days_declared, false));
            prop_assume!(!may_overlap(&joined, lines, 7 * ONE));
            // Any verdict may fall on any pair, and the same on it again.
            let related = |one: &Supply<'_>, other: &Supply<'_>| verdicts[((one.time / DAY * 7 + other.time / DAY) % 64) as usize];
            let limits = |_| OverlapLimits { surplus_days: 0, ..LIMITS };
            let all = overlaps(&supplies.iter().collect::<Vec<_>>(), among, &limits, &related, &|_, _| Some(false));
            let rest = overlaps(&others.iter().map(|idx| &supplies[*idx]).collect::<Vec<_>>(), among, &limits, &related, &|_, _| Some(false));
            let place = |idx: &usize| others[*idx];
            let chains = rest.chains.iter().map(|chain| Chain { members: chain.members.iter().map(place).collect(), ..*chain });
            let mut expected: Vec<Chain> = chains.collect();
            expected.sort_by_key(|chain| chain.members.clone());
            let mut found = all.chains;
            found.sort_by_key(|chain| chain.members.clone());
            prop_assert_eq!(found, expected);
            prop_assert_eq!(all.undecided, rest.undecided.iter().map(place).collect::<Vec<_>>());
        }
    }
}
