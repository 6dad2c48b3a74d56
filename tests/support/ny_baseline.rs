//! A baseline of real hospital discharges: its strata cut the cases into parts,
//! so that what is expected of all of them together is what they had.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::BufRead as _;
use std::io::BufReader;
use std::path::Path;

use claimsift::reference::baseline_tables::CELLS;
use claimsift::reference::baseline_tables::EXPECTED;
use claimsift::reference::baseline_tables::INDICATORS;
use claimsift::reference::baseline_tables::PRIORS;
use claimsift::reference::folder::MANIFEST;
use claimsift::reference::stratum::CASES_OF_CEILING;
use claimsift::reference::stratum::CASES_OF_MEAN;

pub const NAME: &str = "ny_2020";
pub const FIRST_DAY: &str = "2020-01-01";
const END: &str = "2021-01-01";
pub const SETTING: &str = "inpatient";
/// First and last years; the data tell three ages.
const BANDS: [(u8, u8, &str); 3] = [(0, 39, "0-39"), (40, 59, "40-59"), (60, u8::MAX, "60-")];

/// An indicator: its name, unit, decimals, and value in the unit's last decimal.
pub struct Of {
    pub name: &'static str,
    unit: &'static str,
    decimals: usize,
    pub value: fn(&Discharge) -> i64,
}

pub const INDICATORS_OF_STAYS: [Of; 2] = [
    Of { name: "total_cost", unit: "amount", decimals: 2, value: |stay| stay.cost },
    Of { name: "stay_days", unit: "quantity", decimals: 4, value: |stay| stay.days * 10_000 },
];

#[derive(Clone, Debug)]
pub struct Discharge {
    pub facility: String,
    pub group: String,
    pub age: u8,
    pub days: i64,
    /// 分.
    pub cost: i64,
    pub insutype: String,
    /// `yyyy-MM`.
    pub month: String,
}

/// Reads settlements as gzipped NDJSON.
pub fn read(path: &Path) -> Vec<Discharge> {
    let lines = BufReader::new(flate2::read::MultiGzDecoder::new(File::open(path).unwrap())).lines();
    let discharge = |line: std::io::Result<String>| {
        let bill: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |field: &str| bill[field].as_str().unwrap().to_owned();
        Discharge {
            facility: text("fixmedins_code"),
            group: text("dise_codg"),
            age: u8::try_from(bill["age"].as_u64().unwrap()).unwrap(),
            days: bill["ipt_days"].as_i64().unwrap(),
            cost: (bill["medfee_sumamt"].as_f64().unwrap() * 100.0).round() as i64,
            insutype: text("insutype"),
            month: text("setl_time")[..7].to_owned(),
        }
    };
    lines.map(discharge).collect()
}

/// Disease group and band of age of each case's own cell.
fn places(stays: &[Discharge]) -> Vec<[String; 2]> {
    let band = |age: u8| BANDS.iter().find(|(first, last, _)| (*first..=*last).contains(&age)).unwrap().2;
    let mut counts: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    for stay in stays {
        *counts.entry(&stay.group).or_default().entry(band(stay.age)).or_default() += 1;
    }
    let place = |stay: &Discharge| {
        let bands = &counts[stay.group.as_str()];
        // A group is cut by age where every part is large enough, and groups that
        // are too small as wholes stand together.
        let (group, age) = if bands.values().all(|n| *n >= CASES_OF_MEAN) {
            (stay.group.as_str(), band(stay.age))
        } else if bands.values().sum::<u64>() >= CASES_OF_MEAN {
            (stay.group.as_str(), "*")
        } else {
            ("*", "*")
        };
        [group, age].map(str::to_owned)
    };
    stays.iter().map(place).collect()
}

/// Writes a reference folder with the baseline of these stays.
pub fn write(stays: &[Discharge], folder: &Path) {
    let places = places(stays);
    let (mut indicators, mut cells, mut priors) = (String::new(), String::new(), String::new());
    for of in &INDICATORS_OF_STAYS {
        let _ = writeln!(indicators, "{NAME},{0},{1},{FIRST_DAY},{END},{0},{0},,", of.name, of.unit);
        let _ = writeln!(priors, "{NAME},{},expected,institution,*,costs,27,26,,,,0,", of.name);
        let _ = writeln!(priors, "{NAME},{},over_share,institution,*,counts,25,25,,,,0,", of.name);
        let mut values: BTreeMap<&[String; 2], Vec<i64>> = BTreeMap::new();
        for (stay, place) in stays.iter().zip(&places) {
            values.entry(place).or_default().push((of.value)(stay));
        }
        for ([group, age], values) in values {
            let usual = numbers(values, of.decimals);
            let _ = writeln!(cells, "{NAME},{},{group},{age},*,{SETTING},*,{usual},{FIRST_DAY},,", of.name);
        }
    }
    // Small hospitals have months in which no case is expected.
    let mut months: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for stay in stays {
        (1..=12).for_each(|month| _ = months.entry((&stay.facility, format!("2020-{month:02}"))).or_default());
        *months.entry((&stay.facility, stay.month.clone())).or_default() += 1;
    }
    let expected: String = months.iter().map(|((facility, month), n)| format!("{NAME},{facility},{month},stay,{n},\n")).collect();
    let mut manifest = "name: ny\nversion: \"2020\"\ntables:\n".to_owned();
    for (table, rows) in [(&INDICATORS, indicators), (&CELLS, cells), (&PRIORS, priors), (&EXPECTED, expected)] {
        let heads: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        let file = format!("{}.csv", table.name);
        std::fs::write(folder.join(&file), format!("{}\n{rows}", heads.join(","))).unwrap();
        let _ = writeln!(manifest, "  - {{ table: {}, file: {file} }}", table.name);
    }
    std::fs::write(folder.join(MANIFEST), manifest).unwrap();
}

/// `n` to `over_variance`: P99 as cap and P95 as ceiling by order statistics,
/// moments of what is capped.
fn numbers(mut values: Vec<i64>, decimals: usize) -> String {
    values.sort_unstable();
    let n = values.len();
    let rank = |part: f64| values[((part * n as f64).ceil() as usize).clamp(1, n) - 1];
    let (cap, ceiling) = (rank(0.99), rank(0.95));
    let capped: Vec<i64> = values.iter().map(|value| cap.min(*value)).collect();
    let fixed = |number: i128, places: usize| {
        let digits = format!("{number:0width$}", width = places + 1);
        let (whole, part) = digits.split_at(digits.len() - places);
        format!("{whole}.{part}")
    };
    let usual = |values: &[i64]| {
        let (mean, variance) = moments(values);
        format!("{},{}", fixed(mean, decimals), fixed(variance, 2 * decimals))
    };
    let of_all = format!("{n},{},{}", usual(&capped), fixed(cap.into(), decimals));
    if (n as u64) < CASES_OF_CEILING {
        return format!("{of_all},,,,");
    }
    let above: Vec<i64> = capped.iter().map(|value| 0.max(value - ceiling)).collect();
    let share = values.iter().filter(|value| **value > ceiling).count() as f64 / n as f64;
    format!("{of_all},{},{share:.6},{}", fixed(ceiling.into(), decimals), usual(&above))
}

/// Mean and variance (n - 1) to whole numbers, by way of the exact deviations
/// of `n` times each value.
fn moments(values: &[i64]) -> (i128, i128) {
    let n = values.len() as i128;
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    let squares: i128 = values.iter().map(|value| (n * i128::from(*value) - sum).pow(2)).sum();
    let rounded = |whole: i128, by: i128| (whole + by / 2) / by;
    (rounded(sum, n), rounded(squares, n * n * (n - 1).max(1)))
}
