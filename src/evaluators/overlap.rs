//! Overlapping supplies of one substance: how much was left of what a person
//! had when more was issued elsewhere.

use super::supply::Supply;

const DAY: i64 = 86_400;
/// Ten-thousandths of a day in seconds: `DAY / ONE` would lose digits.
const ONE: i64 = 10_000;
/// A supply of more than ten years is a slip of the pen.
const DAYS_MAX: i64 = 3650;

/// Limits of the rule, in days (ten-thousandths) and as a share (ten-thousandths).
#[derive(Clone, Copy, Debug)]
pub struct OverlapLimits {
    pub remaining_days: i64,
    pub remaining_share: i64,
    pub surplus_days: i64,
    pub institutions_min: usize,
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
/// not raised, not a first refill after discharge, ...).
pub fn overlaps(supplies: &[&Supply<'_>], limits: &OverlapLimits, related: &dyn Fn(&Supply<'_>, &Supply<'_>) -> Option<bool>) -> Overlaps {
    let mut out = Overlaps::default();
    let mut open: Option<(Chain, i64, usize)> = None;
    for (idx, supply) in supplies.iter().enumerate().filter(|(_, supply)| supply.dispensed) {
        let Some(days) = supply.days().filter(|days| (1..=DAYS_MAX * ONE).contains(days)) else {
            out.unknown.push(idx);
            continue;
        };
        let end = supply.time * ONE + days * DAY;
        open = Some(match open.take() {
            Some((mut chain, until, holder)) => {
                let earlier = supplies[holder];
                let remaining = (until - supply.time * ONE) / DAY;
                let limit = limits.remaining_days.max(earlier.days().unwrap_or_default() * limits.remaining_share / ONE);
                let over = (remaining > limit).then(|| related(earlier, supply));
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
                    close(&mut out, chain, supplies, limits);
                    (Chain { members: vec![idx], surplus: 0 }, end, idx)
                }
            }
            None => (Chain { members: vec![idx], surplus: 0 }, end, idx),
        });
    }
    if let Some((chain, _, _)) = open {
        close(&mut out, chain, supplies, limits);
    }
    out
}

fn close(out: &mut Overlaps, chain: Chain, supplies: &[&Supply<'_>], limits: &OverlapLimits) {
    let mut institutions: Vec<_> = chain.members.iter().filter_map(|idx| supplies[*idx].anchor.institution).collect();
    institutions.sort_unstable();
    institutions.dedup();
    if chain.surplus >= limits.surplus_days && institutions.len() >= limits.institutions_min {
        out.chains.push(chain);
    }
}
