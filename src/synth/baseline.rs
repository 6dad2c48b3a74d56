//! The baseline of the made-up city: what was usual in its ordinary life in
//! the months before the live month, as reference tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::Datelike as _;
use chrono::Months;
use chrono::NaiveDate;

use crate::base::time::SECONDS_PER_DAY;
use crate::engine::facts::setting;
use crate::reference::baseline_tables::CELLS;
use crate::reference::baseline_tables::EXPECTED;
use crate::reference::baseline_tables::INDICATORS;
use crate::reference::baseline_tables::PRIORS;
use crate::reference::baseline_tables::Unit;
use crate::reference::stratum::ANY;
use crate::reference::stratum::CASES_OF_CEILING;
use crate::reference::stratum::level_band;
use crate::reference::tables::Table;

use super::City;
use super::Planted;
use super::SynthSettings;
use super::day;
use super::generate;
use super::model::Bill;
use super::model::Goods;
use super::model::SERVICES;

/// Name of the version.
const NAME: &str = "city_2026";
const SOURCE: &str = "ordinary life of the made-up city";
/// First years of the bands of age.
const BANDS: [i64; 4] = [0, 18, 45, 65];
/// Ten-thousandths of a day.
const DAY: i64 = 10_000;
/// Fees of this `list_type` are consumables.
const CONSUMABLE: &str = "301";

/// Peers of mean 1 and standard deviation 0.2: the city has too few of any kind to fit more.
const FIXED_COUNTS: &str = "counts,25,25";
const FIXED_COSTS: &str = "costs,27,26";

struct IndicatorOf {
    name: &'static str,
    unit: Unit,
    zh: &'static str,
    en: &'static str,
    value: fn(&Case) -> i64,
    settings: &'static [&'static str],
}

const STAYS: &[&str] = &["inpatient"];
const STAYS_AND_VISITS: &[&str] = &["inpatient", "outpatient"];

const fn indicator(
    name: &'static str,
    unit: Unit,
    [zh, en]: [&'static str; 2],
    value: fn(&Case) -> i64,
    settings: &'static [&'static str],
) -> IndicatorOf {
    IndicatorOf { name, unit, zh, en, value, settings }
}

static OF_CITY: [IndicatorOf; 4] = [
    indicator("total_cost", Unit::Amount, ["次均总费用", "total cost per case"], |case| case.total, STAYS_AND_VISITS),
    indicator("drug_cost", Unit::Amount, ["次均药费", "drug cost per case"], |case| case.drugs, STAYS),
    indicator("consumable_cost", Unit::Amount, ["次均耗材费", "consumable cost per case"], |case| case.consumables, STAYS),
    indicator("stay_days", Unit::Quantity, ["平均住院日", "length of stay"], |case| case.days * DAY, STAYS),
];

/// One visit, or one stay with all its bills. Amounts in 分.
#[derive(Clone, Copy, Debug, Default)]
struct Case {
    institution: u32,
    setting: &'static str,
    age: i64,
    total: i64,
    drugs: i64,
    consumables: i64,
    days: i64,
    /// Year and month of the last bill.
    month: (i32, u32),
}

impl Case {
    fn take(&mut self, bill: &Bill) {
        self.institution = bill.institution;
        self.setting = setting(Some(bill.med_type), None).unwrap_or_default();
        self.age = bill.person.age(bill.begin.day());
        self.days = bill.stay_days.unwrap_or_default();
        self.month = month_of(bill.time.0.div_euclid(SECONDS_PER_DAY));
        for line in &bill.lines {
            let amount = line.shares().total;
            self.total += amount;
            match line.goods {
                Goods::Drug(_) => self.drugs += amount,
                Goods::Service(idx) if SERVICES[idx].list == CONSUMABLE => self.consumables += amount,
                _ => {}
            }
        }
    }
}

fn month_of(day: i64) -> (i32, u32) {
    let date = i32::try_from(day).ok().and_then(NaiveDate::from_epoch_days).unwrap_or_default();
    (date.year(), date.month())
}

/// The tables of the city's baseline, with the names of their files: computed
/// from the ordinary bills before the live month.
pub fn baseline(settings: &SynthSettings, city: &City) -> Vec<(String, String)> {
    let mut by_visit: BTreeMap<u64, Case> = BTreeMap::new();
    // A pattern more to plant shall not change what is usual.
    let planted = Planted { violations: 0, missed: 0, withdrawn: 0, near_misses: 0, innocents: 0 };
    let unplanted = SynthSettings { planted, ..settings.clone() };
    generate(&unplanted, city).ordinary_bills(day(settings.live_first()), |bill| by_visit.entry(bill.visit).or_default().take(bill));
    let cases: Vec<Case> = by_visit.into_values().collect();
    [(&INDICATORS, indicators(settings)), (&CELLS, cells(settings, city, &cases)), (&PRIORS, priors()), (&EXPECTED, expected(city, &cases))]
        .map(|(table, rows)| (format!("{}.csv", table.name), format!("{}\n{rows}", heads(table))))
        .into()
}

fn heads(table: &Table) -> String {
    table.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(",")
}

fn indicators(settings: &SynthSettings) -> String {
    let (from, to) = (settings.first_day(), settings.live_first());
    let row = |of: &IndicatorOf| format!("{NAME},{},{},{from},{to},{},{},{SOURCE}\n", of.name, of.unit.word(), of.zh, of.en);
    OF_CITY.iter().map(row).collect()
}

fn cells(settings: &SynthSettings, city: &City, cases: &[Case]) -> String {
    let mut text = String::new();
    let from = settings.live_first();
    for of in &OF_CITY {
        for setting in of.settings {
            let mut values: BTreeMap<[String; 2], Vec<i64>> = BTreeMap::new();
            for case in cases.iter().filter(|case| case.setting == *setting) {
                let any = || ANY.to_owned();
                let mut places = vec![[any(), any()]];
                if let Some(level) = level_band(&city.institutions[case.institution as usize].level) {
                    places.extend([[any(), level.to_string()], [band(case.age), level.to_string()]]);
                }
                for place in places {
                    values.entry(place).or_default().push((of.value)(case));
                }
            }
            for ([age, level], values) in values {
                let usual = numbers(of.unit, values);
                let _ = writeln!(text, "{NAME},{},{ANY},{age},{level},{setting},{ANY},{usual},{from},,{SOURCE}", of.name);
            }
        }
    }
    text
}

fn band(age: i64) -> String {
    let at = BANDS.partition_point(|first| *first <= age).saturating_sub(1);
    let last = BANDS.get(at + 1).map(|next| (next - 1).to_string()).unwrap_or_default();
    format!("{}-{last}", BANDS[at])
}

/// `n` to `over_variance` of a row.
fn numbers(unit: Unit, mut values: Vec<i64>) -> String {
    values.sort_unstable();
    let n = values.len();
    // The least value that so many percent of the cases do not exceed.
    let percentile = |percent: usize| values[(n * percent).div_ceil(100).max(1) - 1];
    let (cap, ceiling) = (percentile(99), percentile(95));
    let capped: Vec<i64> = values.iter().map(|value| *value.min(&cap)).collect();
    let (mean, variance) = moments(&capped);
    let value = |number: i128| decimal(number, unit.decimals());
    let square = |number: i128| decimal(number, 2 * unit.decimals());
    let mut text = format!("{n},{},{},{}", value(mean), square(variance), value(cap.into()));
    if n as u64 >= CASES_OF_CEILING {
        let above: Vec<i64> = capped.iter().map(|value| (value - ceiling).max(0)).collect();
        let over = values.iter().filter(|value| **value > ceiling).count() as i128;
        let (mean, variance) = moments(&above);
        let rate = decimal(rounded(over * 1_000_000, n as i128), 6);
        let _ = write!(text, ",{},{rate},{},{}", value(ceiling.into()), value(mean), square(variance));
    } else {
        text.push_str(",,,,");
    }
    text
}

/// Mean and sample variance as whole numbers.
fn moments(values: &[i64]) -> (i128, i128) {
    let n = values.len() as i128;
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    let squares: i128 = values.iter().map(|value| i128::from(*value) * i128::from(*value)).sum();
    (rounded(sum, n), rounded(n * squares - sum * sum, (n * (n - 1)).max(1)))
}

/// A quotient of numbers that are not negative, halves up.
fn rounded(whole: i128, by: i128) -> i128 {
    (2 * whole + by) / (2 * by)
}

/// A whole number with a point before its last `places` digits.
fn decimal(number: i128, places: u32) -> String {
    let step = 10_i128.pow(places);
    format!("{}.{:0width$}", number / step, number % step, width = places as usize)
}

fn priors() -> String {
    let mut text = String::new();
    for of in &OF_CITY {
        for (measure, family) in [("expected", FIXED_COSTS), ("over_share", FIXED_COUNTS), ("over_amount", FIXED_COSTS)] {
            for kind in ["institution", "department", "doctor"] {
                let _ = writeln!(text, "{NAME},{},{measure},{kind},{ANY},{family},,,,0,\"fixed, not fitted\"", of.name);
            }
        }
    }
    text
}

/// Of each month what the same month of the year before had.
fn expected(city: &City, cases: &[Case]) -> String {
    let mut counts: BTreeMap<(&str, (i32, u32), &str), u64> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.setting != "pharmacy") {
        let kind = if STAYS.contains(&case.setting) { "stay" } else { "visit" };
        *counts.entry((&city.institutions[case.institution as usize].code, case.month, kind)).or_default() += 1;
    }
    let mut text = String::new();
    for ((institution, (year, month), kind), count) in counts {
        let next = NaiveDate::from_ymd_opt(year, month, 1).and_then(|first| first.checked_add_months(Months::new(12))).unwrap_or_default();
        let _ = writeln!(text, "{NAME},{institution},{},{kind},{count},same month of the year before", next.format("%Y-%m"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_cell_are_order_statistics_and_exact_moments() {
        let hundred: Vec<i64> = (1..=100).rev().map(|value| value * 10).collect();
        // The largest counts as 990; five are above 950.
        assert_eq!(numbers(Unit::Amount, hundred), "100,5.05,8.4068,9.90,9.50,0.050000,0.01,0.0044");
        assert_eq!(numbers(Unit::Quantity, vec![3 * DAY, 4 * DAY]), "2,3.5000,0.50000000,4.0000,,,,");
        assert_eq!(numbers(Unit::Amount, vec![1_234_567]), "1,12345.67,0.0000,12345.67,,,,");
    }

    #[test]
    fn bands_hold_their_first_and_last_year() {
        for (age, expect) in [(0, "0-17"), (17, "0-17"), (18, "18-44"), (64, "45-64"), (65, "65-"), (120, "65-")] {
            assert_eq!(band(age), expect, "{age}");
        }
    }
}
