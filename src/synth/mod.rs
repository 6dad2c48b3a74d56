//! A seeded generator of the events of a made-up city: ordinary life, planted
//! violations and innocent look-alikes, with the truth about each of them.
//!
//! Equal settings and an equal city give equal bytes. Nothing here reads a
//! clock or depends on the order of a hash table.

mod amend;
mod baseline;
mod city;
mod corrections;
mod draft;
mod everyday;
mod fields;
#[cfg(test)]
mod group_laws;
mod groups;
mod model;
mod plants;
mod random;
mod registry;
mod stage;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod traps;
mod wards;
mod write;

use std::collections::BTreeMap;

use chrono::Datelike as _;
use chrono::Months;
use chrono::NaiveDate;

pub use baseline::baseline;
pub use city::City;
pub use city::CityError;
pub use city::Drug;
pub use city::Institution;
pub use city::InstitutionKind;
pub use city::Item;
pub use corrections::Corrected;
pub use corrections::CorrectionKind;
pub use corrections::correct;
pub use groups::GroupKind;
pub use groups::GroupTruth;
pub use groups::group_truths;
pub use plants::Grade;
pub use plants::Truth;
pub use plants::TruthKey;
pub use plants::TruthKind;
pub use plants::misses;
pub use plants::patterns_left_out;
pub use plants::rules;
pub use stream::Generated;
pub use stream::Generator;
pub use traps::TrapKind;
pub use traps::TrapOutcome;
pub use traps::reject_message;
pub use traps::trap_variant;

use crate::base::time::Civil;
use crate::base::time::Zone;

/// How often each planted pattern is acted out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planted {
    /// Of each pattern that its rule must find.
    pub violations: u32,
    /// Of each pattern that its rule cannot see.
    pub missed: u32,
    /// Of the first visit whose excusing bill arrives late.
    pub withdrawn: u32,
    /// Of each pattern just beside a limit.
    pub near_misses: u32,
    /// Of each innocent look-alike.
    pub innocents: u32,
}

/// What is to be generated. Shares are parts of 1.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthSettings {
    pub seed: u64,
    /// Settlements in all, planted ones among them (more only if there are more planted ones).
    pub settlements: u64,
    /// Prescriptions in all, planted ones among them.
    pub prescriptions: u64,
    /// People of ordinary life; people of planted patterns come on top.
    pub persons: u32,
    /// Whole months before the live month. First visits are planted only with
    /// 12 or more, because a shorter feed knows too little to judge them.
    pub history_months: u32,
    /// Any day of the month in which planted patterns happen.
    pub live_month: NaiveDate,
    pub planted: Planted,
    /// Mean lines of a settlement.
    pub mean_lines: f64,
    /// Share of messages that arrive up to two days late; the others take less than an hour.
    pub late: f64,
    /// Share of messages that are sent a second time, byte for byte.
    pub duplicates: f64,
    /// Share of ordinary messages that others correct: reversed and billed
    /// again, told anew, deleted, uploaded twice. With none nothing that is
    /// planted is corrected either.
    pub corrections: f64,
    /// Share of messages that are rewritten as a trap of [`TrapKind::SAME`].
    pub traps: f64,
    /// Share of messages in which one header column has a value that cannot
    /// be read ([`TrapKind::BAD`]).
    pub bad_values: f64,
    /// Messages of each reject class in turn that are added, as a share of all others.
    pub rejects: f64,
    /// Whose wall clock event times tell.
    pub zone: Zone,
}

/// The month that is judged unless told otherwise: every shipped reference row
/// is in force, and no public holiday is near its days.
pub(crate) const LIVE_MONTH: NaiveDate = NaiveDate::from_ymd_opt(2026, 7, 1).unwrap();

impl Default for SynthSettings {
    /// The demo: 100,000 settlements of a year and a live month.
    fn default() -> Self {
        Self {
            seed: 1,
            settlements: 100_000,
            prescriptions: 12_000,
            persons: 20_000,
            history_months: 12,
            live_month: LIVE_MONTH,
            planted: Planted { violations: 6, missed: 2, withdrawn: 1, near_misses: 10, innocents: 20 },
            mean_lines: 6.5,
            late: 0.0,
            duplicates: 0.0,
            corrections: 0.0,
            traps: 0.0,
            bad_values: 0.0,
            rejects: 0.0,
            zone: Zone::default(),
        }
    }
}

impl SynthSettings {
    /// A month in which nothing is wrong and every innocent pattern and near
    /// miss happens `each` times.
    pub fn quiet(seed: u64, settlements: u64, prescriptions: u64, each: u32) -> Self {
        Self {
            seed,
            settlements,
            prescriptions,
            persons: (settlements / 5).clamp(1, u64::from(u32::MAX)) as u32,
            planted: Planted { violations: 0, missed: 0, withdrawn: 0, near_misses: each, innocents: each },
            ..Self::default()
        }
    }

    /// First day of the feed: what `complete_from` should be.
    pub fn first_day(&self) -> NaiveDate {
        let live = self.live_first();
        live.checked_sub_months(Months::new(self.history_months)).unwrap_or(live)
    }

    /// First day of the live month: what `clues_from` should be.
    pub fn live_first(&self) -> NaiveDate {
        self.live_month.with_day(1).unwrap_or(self.live_month)
    }

    /// First day after the feed.
    pub fn end(&self) -> NaiveDate {
        let live = self.live_first();
        live.checked_add_months(Months::new(1)).unwrap_or(live)
    }

    fn times(&self, rule: &str, kind: TruthKind) -> u32 {
        let young = self.history_months < 12 && plants::concludes_from_absence(rule);
        match kind {
            TruthKind::Violation { .. } | TruthKind::Missed { .. } | TruthKind::Withdrawn if young => 0,
            TruthKind::Violation { .. } => self.planted.violations,
            TruthKind::Missed { .. } => self.planted.missed,
            TruthKind::Withdrawn => self.planted.withdrawn,
            TruthKind::NearMiss => self.planted.near_misses,
            TruthKind::Innocent => self.planted.innocents,
        }
    }
}

/// What is planted for a rule, in cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Clues of grade clear, and of grade suspected, that must be found.
    pub clear: u64,
    pub suspected: u64,
    /// Violations that the rule cannot see.
    pub missed: u64,
    pub withdrawn: u64,
    pub near_misses: u64,
    pub innocents: u64,
}

/// What is planted, by rule; the empty rule id stands for cases of no rule.
pub fn expected(truths: &[Truth]) -> BTreeMap<&'static str, Expected> {
    let mut table: BTreeMap<&'static str, Expected> = rules().into_iter().map(|rule| (rule, Expected::default())).collect();
    for truth in truths {
        let row = table.entry(truth.rule).or_default();
        match truth.kind {
            TruthKind::Violation { grade: Grade::Clear } => row.clear += 1,
            TruthKind::Violation { grade: Grade::Suspected } => row.suspected += 1,
            TruthKind::Missed { .. } => row.missed += 1,
            TruthKind::Withdrawn => row.withdrawn += 1,
            TruthKind::NearMiss => row.near_misses += 1,
            TruthKind::Innocent => row.innocents += 1,
        }
    }
    table
}

/// Starts the feed: messages of both inputs in the order of their record
/// timestamps. It holds about two days of planned messages (some 200 bytes
/// each), the later bills of stays, six bytes per person and the planted cases, never the whole feed.
pub fn generate<'c>(settings: &SynthSettings, city: &'c City) -> Generator<'c> {
    Generator::new(settings, city)
}

fn day(date: NaiveDate) -> i64 {
    Civil::from_date(date).day()
}
