//! The baseline of the made-up city: what was usual in its ordinary life in
//! the months before the live month, as reference tables.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::Months;

use crate::engine::facts::is_stay;
use crate::engine::facts::setting;
use crate::reference::baseline_tables::CELLS;
use crate::reference::baseline_tables::EXPECTED;
use crate::reference::baseline_tables::INDICATORS;
use crate::reference::baseline_tables::PRIORS;
use crate::reference::baseline_tables::Unit;
use crate::reference::baseline_tables::VALUE_PLACES;
use crate::reference::stratum::ANY;
use crate::reference::stratum::CASES_OF_CEILING;
use crate::reference::stratum::CASES_OF_MEAN;
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
/// A day or a thing, in ten-thousandths.
const ONE: i64 = 10_000;
/// Fees of this `list_type` are consumables.
const CONSUMABLE: &str = "301";

/// First parts of the codes of orthopaedic and of cardiac consumables, and of rehabilitation.
const ORTHOPAEDIC: &str = "C03";
const CARDIAC: &str = "C02";
const REHABILITATION: &str = "0034";
/// Fee groups of examinations and laboratory tests.
const TESTS: [&str; 2] = ["03", "04"];
/// Cells of fewer cases answer for nobody.
const CASES_MIN: usize = CASES_OF_MEAN as usize;

/// One in twenty differs: twice the usual, give or take as much again as the
/// usual. The others have mean 1 and a standard deviation of 0.1 between
/// institutions, of 0.15 within them: the city has too few to fit these.
const PRIORS_OF: [(&str, &str, &str); 3] = [
    ("institution", "counts,4,2,100,100,0.05", "costs,6,10,102,101,0.05"),
    ("department", "counts,4,2,44,44,0.05", "costs,6,10,46,45,0.05"),
    ("doctor", "counts,4,2,44,44,0.05", "costs,6,10,46,45,0.05"),
];

struct IndicatorOf {
    name: &'static str,
    unit: Unit,
    zh: &'static str,
    en: &'static str,
    value: Value,
    kind: Kind,
}

/// What is counted.
#[derive(Clone, Copy)]
enum Value {
    OfCase(fn(&Case) -> i64),
    /// Each line with a ceiling.
    Lines,
}

/// What a case is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Stay,
    Visit,
}

const fn of_stays(name: &'static str, unit: Unit, [zh, en]: [&'static str; 2], value: fn(&Case) -> i64) -> IndicatorOf {
    IndicatorOf { name, unit, zh, en, value: Value::OfCase(value), kind: Kind::Stay }
}

const fn of_visits(name: &'static str, [zh, en]: [&'static str; 2], value: fn(&Case) -> i64) -> IndicatorOf {
    IndicatorOf { name, unit: Unit::Amount, zh, en, value: Value::OfCase(value), kind: Kind::Visit }
}

static OF_CITY: [IndicatorOf; 13] = [
    of_stays("total_cost", Unit::Amount, ["次均住院费用", "total cost per stay"], |case| case.total),
    of_stays("drug_cost", Unit::Amount, ["次均药费", "drug cost per stay"], |case| case.drugs),
    of_stays("consumable_cost", Unit::Amount, ["次均耗材费", "consumable cost per stay"], |case| case.consumables),
    of_stays("stay_days", Unit::Quantity, ["平均住院日", "length of stay"], |case| case.days * ONE),
    of_stays("tests", Unit::Quantity, ["次均检查检验数", "examinations and tests per stay"], |case| case.tests * ONE),
    of_stays("ortho_consumable_cost", Unit::Amount, ["次均骨科耗材费", "orthopaedic consumable cost per stay"], |case| {
        case.ortho.amount
    }),
    of_stays("cardiac_consumable_cost", Unit::Amount, ["次均心脏介入耗材费", "cardiac consumable cost per stay"], |case| {
        case.cardiac.amount
    }),
    of_stays("rehab_per_day", Unit::Quantity, ["日均康复项目数", "rehabilitation items per day of stay"], Case::rehab_per_day),
    of_stays("ortho_consumable_count", Unit::Quantity, ["次均骨科耗材数", "orthopaedic consumables per stay"], |case| {
        case.ortho.count * ONE
    }),
    of_stays("cardiac_consumable_count", Unit::Quantity, ["次均心脏介入耗材数", "cardiac consumables per stay"], |case| {
        case.cardiac.count * ONE
    }),
    of_visits("visit_cost", ["次均门诊费用", "cost per visit"], |case| case.total),
    of_visits("visit_drug_cost", ["次均门诊药费", "drug cost per visit"], |case| case.drugs),
    IndicatorOf {
        name: "pay_ceiling_lines",
        unit: Unit::Amount,
        zh: "门诊单价（对支付限价）",
        en: "price in visits against the payment ceiling",
        value: Value::Lines,
        kind: Kind::Visit,
    },
];

#[derive(Clone, Copy, Debug, Default)]
struct Class {
    count: i64,
    amount: i64,
}

/// A line with a ceiling: its amount, and how much of it is above; `None`: it is not.
type Priced = (i64, Option<i64>);

/// One visit, or one stay with all its bills. Amounts in 分.
#[derive(Clone, Debug, Default)]
struct Case {
    institution: u32,
    setting: &'static str,
    /// Disease group of a stay.
    group: Option<&'static str>,
    age: i64,
    total: i64,
    drugs: i64,
    consumables: i64,
    ortho: Class,
    cardiac: Class,
    tests: i64,
    rehab: i64,
    days: i64,
    lines: Vec<Priced>,
    /// It is not known yet how the stay ends.
    open: bool,
}

impl Case {
    fn take(&mut self, bill: &Bill, city: &City) {
        self.institution = bill.institution;
        self.setting = setting(Some(bill.med_type), None).unwrap_or_default();
        self.group = bill.ward.map(|ward| ward.group.0);
        self.age = bill.person.age(bill.begin.day());
        self.days = bill.stay_days.unwrap_or_default().max(1);
        self.open = bill.interim;
        for line in &bill.lines {
            let amount = line.shares().total;
            self.total += amount;
            let service = match line.goods {
                Goods::Drug(drug) => {
                    self.drugs += amount;
                    if let Some(ceiling) = city.drugs[drug as usize].ceiling {
                        let above = line.price > ceiling;
                        self.lines.push((line.count * line.price, above.then(|| line.count * (line.price - ceiling))));
                    }
                    continue;
                }
                Goods::Service(idx) => &SERVICES[idx],
                _ => continue,
            };
            if service.list == CONSUMABLE {
                self.consumables += amount;
                for (class, code) in [(&mut self.ortho, ORTHOPAEDIC), (&mut self.cardiac, CARDIAC)] {
                    if service.code.starts_with(code) {
                        class.count += line.count;
                        class.amount += amount;
                    }
                }
            } else if TESTS.contains(&service.group) {
                self.tests += line.count;
            } else if service.code.starts_with(REHABILITATION) {
                self.rehab += line.count;
            }
        }
    }

    fn kind(&self) -> Option<Kind> {
        match self.setting {
            "pharmacy" => None,
            setting if is_stay(setting) => Some(Kind::Stay),
            _ => Some(Kind::Visit),
        }
    }

    fn rehab_per_day(&self) -> i64 {
        rounded(i128::from(self.rehab * ONE), self.days.into()) as i64
    }
}

/// The tables of the city's baseline, with the names of their files: computed
/// from the ordinary bills before the live month.
pub fn baseline(settings: &SynthSettings, city: &City) -> Vec<(String, String)> {
    let mut by_visit: BTreeMap<u64, Case> = BTreeMap::new();
    // A pattern more to plant shall not change what is usual.
    let planted = Planted { violations: 0, missed: 0, withdrawn: 0, near_misses: 0, innocents: 0 };
    let unplanted = SynthSettings { planted, ..settings.clone() };
    generate(&unplanted, city).ordinary_bills(day(settings.live_first()), |bill| {
        by_visit.entry(bill.visit).or_default().take(bill, city);
    });
    let cases: Vec<Case> = by_visit.into_values().filter(|case| !case.open).collect();
    [
        (&INDICATORS, indicators(settings)),
        (&CELLS, cells(settings, city, &cases)),
        (&PRIORS, priors()),
        (&EXPECTED, expected(settings, city, &cases)),
    ]
    .map(|(table, rows)| (format!("{}.csv", table.name), format!("{}\n{rows}", heads(table))))
    .into()
}

fn heads(table: &Table) -> String {
    table.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(",")
}

fn indicators(settings: &SynthSettings) -> String {
    let (from, to) = (settings.first_day(), settings.live_first());
    let row = |of: &IndicatorOf| {
        let grain = if matches!(of.value, Value::Lines) { "line" } else { "case" };
        format!("{NAME},{},{},{from},{to},{},{},{grain},{SOURCE}\n", of.name, of.unit.word(), of.zh, of.en)
    };
    OF_CITY.iter().map(row).collect()
}

fn cells(settings: &SynthSettings, city: &City, cases: &[Case]) -> String {
    let mut text = String::new();
    let from = settings.live_first();
    for of in &OF_CITY {
        let mut values: BTreeMap<[String; 4], Vec<Priced>> = BTreeMap::new();
        for case in cases.iter().filter(|case| case.kind() == Some(of.kind)) {
            for place in places(case, &city.institutions[case.institution as usize].level) {
                let values = values.entry(place).or_default();
                match of.value {
                    Value::OfCase(value) => values.push((value(case), None)),
                    Value::Lines => values.extend(&case.lines),
                }
            }
        }
        for ([group, age, level, setting], values) in values {
            if values.len() >= CASES_MIN {
                let usual = match of.value {
                    Value::OfCase(_) => numbers(of.unit, values.into_iter().map(|(value, _)| value).collect()),
                    Value::Lines => numbers_of_lines(of.unit, &values),
                };
                let _ = writeln!(text, "{NAME},{},{group},{age},{level},{setting},{ANY},{usual},{from},,{SOURCE}", of.name);
            }
        }
    }
    text
}

/// The cells that a case counts in: group, age, level and setting.
fn places(case: &Case, level: &str) -> Vec<[String; 4]> {
    let level = level_band(level).map(|level| level.to_string());
    let (age, setting) = (band(case.age), case.setting);
    let mut places = vec![[ANY, ANY, ANY, setting], [ANY, ANY, ANY, ANY]];
    if let Some(level) = &level {
        places.extend([[ANY, ANY, level, setting], [ANY, &age, level, setting]]);
    }
    if let Some(group) = case.group {
        places.extend([[group, ANY, ANY, setting], [group, ANY, ANY, ANY]]);
        if let Some(level) = &level {
            places.extend([[group, ANY, level, setting], [group, &age, level, setting]]);
        }
    }
    places.into_iter().map(|place| place.map(str::to_owned)).collect()
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

/// The same of lines, of which each has its own ceiling.
fn numbers_of_lines(unit: Unit, lines: &[Priced]) -> String {
    let n = lines.len();
    let pair = |values: Vec<i64>| {
        let (mean, variance) = moments(&values);
        format!("{},{}", decimal(mean, unit.decimals()), decimal(variance, 2 * unit.decimals()))
    };
    let amounts = pair(lines.iter().map(|(amount, _)| *amount).collect());
    if (n as u64) < CASES_OF_CEILING {
        return format!("{n},{amounts},,,,,");
    }
    let over = lines.iter().filter(|(_, above)| above.is_some()).count() as i128;
    let rate = decimal(rounded(over * 1_000_000, n as i128), 6);
    format!("{n},{amounts},,,{rate},{}", pair(lines.iter().map(|(_, above)| above.unwrap_or(0)).collect()))
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
        for measure in ["expected", "over_share", "over_amount"] {
            for (kind, counts, costs) in PRIORS_OF {
                let prior = if measure == "over_share" { counts } else { costs };
                let _ = writeln!(text, "{NAME},{},{measure},{kind},{ANY},{prior},0,\"fixed, not fitted\"", of.name);
            }
        }
    }
    text
}

/// Of each month of the year that begins with the live month.
fn expected(settings: &SynthSettings, city: &City, cases: &[Case]) -> String {
    let mut counts: BTreeMap<(&str, &str), i128> = BTreeMap::new();
    for case in cases {
        let Some(kind) = case.kind() else { continue };
        let kind = if kind == Kind::Stay { "stay" } else { "visit" };
        *counts.entry((&city.institutions[case.institution as usize].code, kind)).or_default() += 1;
    }
    let months = settings.history_months.max(1);
    let mut text = String::new();
    for ((institution, kind), count) in counts {
        let mean = decimal(rounded(count * i128::from(ONE), months.into()), VALUE_PLACES);
        for month in 0..12 {
            let month = settings.live_first().checked_add_months(Months::new(month)).unwrap_or_default();
            let _ = writeln!(text, "{NAME},{institution},{},{kind},{mean},mean of the {months} months before", month.format("%Y-%m"));
        }
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
        assert_eq!(numbers(Unit::Quantity, vec![3 * ONE, 4 * ONE]), "2,3.5000,0.50000000,4.0000,,,,");
        assert_eq!(numbers(Unit::Amount, vec![1_234_567]), "1,12345.67,0.0000,12345.67,,,,");
    }

    #[test]
    fn numbers_of_lines_have_no_ceiling_of_their_own() {
        let lines: Vec<Priced> = (0..80).map(|idx| (1000, (idx % 20 == 0).then_some(200))).collect();
        assert_eq!(numbers_of_lines(Unit::Amount, &lines), "80,10.00,0.0000,,,0.050000,0.10,0.1924");
        assert_eq!(numbers_of_lines(Unit::Amount, &lines[..71]), "71,10.00,0.0000,,,,,");
    }

    #[test]
    fn bands_hold_their_first_and_last_year() {
        for (age, expect) in [(0, "0-17"), (17, "0-17"), (18, "18-44"), (64, "45-64"), (65, "65-"), (120, "65-")] {
            assert_eq!(band(age), expect, "{age}");
        }
    }
}
