//! What groups of cases come to in the live month of the demo, by plain sums
//! over its messages and the baseline: planted ones stand out, others do not.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::tests::fen;
use super::tests::read;
use super::tests::text;
use super::*;
use crate::base::time::Civil;
use crate::engine::facts::is_stay;
use crate::engine::facts::setting;
use crate::events::SETTLEMENT_INPUT;
use crate::reference::baseline::Month;
use crate::reference::baseline_tables::Case;
use crate::reference::baseline_tables::Measure;
use crate::reference::baseline_tables::UnitKind;
use crate::reference::folder::Folder;
use crate::reference::folder::MANIFEST;
use crate::reference::snapshot::Snapshot;
use crate::reference::stratum::Stratum;
use crate::reference::stratum::level_band;

const ONE: i64 = 10_000;

/// A case of the live month, as its messages tell it.
#[derive(Clone, Debug, Default)]
struct Live {
    institution: String,
    department: String,
    doctor: String,
    group: String,
    setting: &'static str,
    level: String,
    age: i64,
    days: i64,
    /// Bills, and whether the last is among them.
    bills: usize,
    closed: bool,
    values: BTreeMap<&'static str, i64>,
    /// Of each line with a ceiling: whether its price is above.
    lines: Vec<bool>,
    /// Of the total cost of the cell of a stay.
    mean: i64,
    cap: i64,
}

/// What a unit has of an indicator.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    n: i64,
    /// Each case no more than the cap of its cell.
    observed: i64,
    expected: i64,
    raw: i64,
    over: i64,
    over_expected: f64,
    variance: f64,
}

impl Sums {
    fn ratio(&self) -> f64 {
        self.observed as f64 / self.expected as f64
    }

    fn raw_ratio(&self) -> f64 {
        self.raw as f64 / self.expected as f64
    }
}

type Unit = (UnitKind, String, String);

struct Demo {
    cases: Vec<Live>,
    sums: BTreeMap<(Unit, &'static str), Sums>,
    /// By institution and case: what was told, and what was expected.
    told: BTreeMap<(String, bool), (i64, f64)>,
    messages: u64,
    truths: Vec<GroupTruth>,
}

static DEMO: LazyLock<Demo> = LazyLock::new(demo);

/// The indicator whose observations are lines.
const LINES: &str = "pay_ceiling_lines";

fn units_of(case: &Live) -> Vec<Unit> {
    let mut units = vec![(UnitKind::Institution, case.institution.clone(), case.institution.clone())];
    for (kind, unit) in [(UnitKind::Department, &case.department), (UnitKind::Doctor, &case.doctor)] {
        if !unit.is_empty() {
            units.push((kind, case.institution.clone(), unit.clone()));
        }
    }
    units
}

fn live_cases(settings: &SynthSettings, city: &City) -> (Vec<Live>, u64) {
    let first = Civil::from_date(settings.live_first());
    let mut cases: BTreeMap<String, Live> = BTreeMap::new();
    let mut messages = 0;
    let mut kept: BTreeMap<String, Vec<Generated>> = BTreeMap::new();
    let early = first.plus_days(-40);
    for message in generate(settings, city) {
        messages += 1;
        if message.input != SETTLEMENT_INPUT || message.event_time < early {
            continue;
        }
        // Before the live month only interim bills are of interest.
        if message.event_time >= first || String::from_utf8_lossy(&message.json).contains("\"1\"") {
            kept.entry(text(&read(&message).header, "mdtrt_id").to_owned()).or_default().push(message);
        }
    }
    for (visit, bills) in kept.into_iter().filter(|(_, bills)| bills.iter().any(|bill| bill.event_time >= first)) {
        let case = cases.entry(visit).or_default();
        for bill in &bills {
            add(case, &read(bill));
        }
    }
    (cases.into_values().filter(|case| case.closed && case.setting != "pharmacy").collect(), messages)
}

fn add(case: &mut Live, bill: &super::tests::Read) {
    let header = |column: &str| text(&bill.header, column).to_owned();
    case.bills += 1;
    case.institution = header("fixmedins_code");
    case.setting = setting(Some(text(&bill.header, "med_type")), None).unwrap_or("other");
    case.level = header("hosp_lv");
    case.group = header("dise_codg");
    case.age = bill.header.get("age").and_then(|age| age.as_i64()).unwrap_or(40);
    if text(&bill.header, "mid_setl_flag") != "1" {
        case.closed = true;
        case.days = bill.header.get("ipt_days").and_then(|days| days.as_i64()).unwrap_or(1).max(1);
        (case.department, case.doctor) = (header("dscg_caty"), header("chfpdr_code"));
    }
    let stay = is_stay(case.setting);
    let has_ceiling = |line: &&BTreeMap<&'static str, serde_json::Value>| {
        line.get("pric_uplmt_amt").is_some() && (1..99_999_900).contains(&fen(line, "pric_uplmt_amt")) && fen(line, "cnt") > 0
    };
    case.lines.extend(bill.lists[0].iter().filter(has_ceiling).map(|line| fen(line, "pric") > fen(line, "pric_uplmt_amt")));
    let mut add = |name: &'static str, value: i64| *case.values.entry(name).or_default() += value;
    for line in &bill.lists[0] {
        let (amount, count) = (fen(line, "det_item_fee_sumamt"), line.get("cnt").and_then(|count| count.as_i64()).unwrap_or(0) * ONE);
        let (list, code) = (text(line, "list_type"), text(line, "med_list_codg"));
        add(if stay { "total_cost" } else { "visit_cost" }, amount);
        if list == "101" {
            add(if stay { "drug_cost" } else { "visit_drug_cost" }, amount);
        }
        if list == "301" {
            add("consumable_cost", amount);
        }
        for (class, cost, number) in
            [("C03", "ortho_consumable_cost", "ortho_consumable_count"), ("C02", "cardiac_consumable_cost", "cardiac_consumable_count")]
        {
            if list == "301" && code.starts_with(class) {
                add(cost, amount);
                add(number, count);
            }
        }
        if list == "201" && ["03", "04"].contains(&text(line, "med_chrgitm_type")) {
            add("tests", count);
        }
        if list == "201" && code.starts_with("0034") {
            add("rehab_per_day", count);
        }
    }
}

fn snapshot(settings: &SynthSettings, city: &City) -> Snapshot {
    let mut manifest = "name: city\nversion: \"1\"\ntables:\n".to_owned();
    let mut files = Vec::new();
    for (file, rows) in baseline(settings, city) {
        manifest.push_str(&format!("  - {{ table: {}, file: {file} }}\n", file.trim_end_matches(".csv")));
        files.push((file, rows.into_bytes()));
    }
    files.push((MANIFEST.to_owned(), manifest.into_bytes()));
    Snapshot::load(&[Folder { path: "city".to_owned(), files }]).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn demo() -> Demo {
    let (settings, city) = (SynthSettings::default(), City::sample());
    let (mut cases, messages) = live_cases(&settings, &city);
    let snapshot = snapshot(&settings, &city);
    let baseline = snapshot.baseline("city_2026").unwrap();
    let at = i32::try_from(day(settings.live_first())).unwrap();
    let month = Month::parse(&settings.live_first().format("%Y-%m").to_string()).unwrap();
    let mut sums: BTreeMap<(Unit, &'static str), Sums> = BTreeMap::new();
    let mut told: BTreeMap<(String, bool), (i64, f64)> = BTreeMap::new();
    const STAY: [&str; 10] = [
        "total_cost",
        "drug_cost",
        "consumable_cost",
        "stay_days",
        "tests",
        "ortho_consumable_cost",
        "cardiac_consumable_cost",
        "rehab_per_day",
        "ortho_consumable_count",
        "cardiac_consumable_count",
    ];
    for case in &mut cases {
        let stay = is_stay(case.setting);
        let kind = if stay { Case::Stay } else { Case::Visit };
        let expected = baseline.expected(&case.institution, month, kind).unwrap_or(0);
        let entry = told.entry((case.institution.clone(), stay)).or_default();
        (entry.0, entry.1) = (entry.0 + 1, expected as f64 / ONE as f64);
        let stratum = Stratum {
            disease_group: Some(case.group.as_str()).filter(|group| !group.is_empty()),
            age: u8::try_from(case.age).ok(),
            inst_level: level_band(&case.level),
            setting: Some(case.setting),
            insutype: Some("310"),
        };
        let indicators: &[&'static str] = if stay { &STAY } else { &["visit_cost", "visit_drug_cost"] };
        for name in indicators {
            let mut value = case.values.get(name).copied().unwrap_or(0);
            match *name {
                "stay_days" => value = case.days * ONE,
                "rehab_per_day" => value = (value * 2 + case.days) / (2 * case.days),
                _ => {}
            }
            let indicator = baseline.indicator(name).unwrap();
            let Some((_, cell)) = indicator.cell(stratum, at.into()) else { continue };
            if *name == "total_cost" {
                (case.mean, case.cap) = (cell.mean, cell.cap.unwrap_or(i64::MAX));
            }
            let over = indicator.ceiling(stratum, at.into()).map(|(_, _, over)| over);
            for unit in units_of(case) {
                let sums = sums.entry((unit, name)).or_default();
                sums.n += 1;
                sums.observed += value.min(cell.cap.unwrap_or(value));
                sums.raw += value;
                sums.expected += cell.mean;
                sums.variance += cell.variance as f64;
                if let Some(over) = over {
                    sums.over += i64::from(value > over.ceiling.unwrap());
                    sums.over_expected += over.rate as f64 / 1e6;
                }
            }
        }
    }
    let prices = baseline.indicator(LINES).unwrap();
    for case in cases.iter().filter(|case| !is_stay(case.setting)) {
        let stratum = Stratum { inst_level: level_band(&case.level), setting: Some(case.setting), ..Stratum::default() };
        let Some((_, _, over)) = prices.ceiling(stratum, at.into()) else { continue };
        for (unit, above) in units_of(case).into_iter().flat_map(|unit| case.lines.iter().map(move |above| (unit.clone(), *above))) {
            let sums = sums.entry((unit, LINES)).or_default();
            sums.n += 1;
            sums.over += i64::from(above);
            sums.over_expected += over.rate as f64 / 1e6;
        }
    }
    Demo { cases, sums, told, messages, truths: group_truths(&settings, &city) }
}

/// Institutions of which no violation is planted.
fn is_honest(demo: &Demo, institution: &str) -> bool {
    !demo.truths.iter().any(|truth| truth.institution == institution && truth.kind == GroupKind::Violation)
}

fn unit_of(truth: &GroupTruth) -> Unit {
    (truth.unit_kind, truth.institution.clone(), truth.unit.clone())
}

#[test]
fn planted_groups_stand_out() {
    let demo = &*DEMO;
    let violations: Vec<&GroupTruth> = demo.truths.iter().filter(|truth| truth.kind == GroupKind::Violation).collect();
    assert_eq!(violations.len(), 8);
    for truth in violations {
        let sums = demo.sums[&(unit_of(truth), truth.indicator)];
        let ratio = match truth.measure {
            Measure::OverShare => sums.over as f64 / sums.over_expected,
            _ => sums.ratio(),
        };
        assert!(sums.n >= 22 && ratio > 1.4, "{}: {sums:?} {ratio}", truth.pattern);
        assert!(truth.unit_kind != UnitKind::Doctor || sums.n >= 40, "{}: {sums:?}", truth.pattern);
        let (n, expected) = demo.told[&(truth.institution.clone(), truth.indicator != LINES)];
        assert!(n as f64 >= 0.95 * expected, "{}: {n} of {expected}", truth.pattern);
        assert!(truth.explains(&truth.institution, truth.indicator) && !truth.explains("H99010100001", truth.indicator));
    }
}

#[test]
fn innocent_groups_would_be_accused_by_a_plain_quotient() {
    let demo = &*DEMO;
    let find = |name: &str| demo.truths.iter().find(|truth| truth.pattern == name).unwrap();
    let sums = |truth: &GroupTruth| demo.sums[&(unit_of(truth), truth.indicator)];

    let small = find("two_costly_stays_of_few");
    let of_small = sums(small);
    assert!((8..=16).contains(&of_small.n) && of_small.raw_ratio() > 1.5 && of_small.ratio() < 1.2, "{of_small:?}");

    let heavy = find("heavy_case_mix");
    assert!((0.85..1.15).contains(&sums(heavy).ratio()), "{:?}", sums(heavy));
    let mean = |cases: &mut dyn Iterator<Item = &Live>| {
        let costs: Vec<i64> = cases.filter(|case| !case.department.is_empty()).map(|case| case.values["total_cost"]).collect();
        costs.iter().sum::<i64>() as f64 / costs.len() as f64
    };
    let own = mean(&mut demo.cases.iter().filter(|case| case.institution == heavy.institution));
    let all = mean(&mut demo.cases.iter().filter(|case| is_honest(demo, &case.institution)));
    assert!(own > 1.6 * all, "{own} and {all}");

    // Its lines are as high as lines may be: none of its own is above.
    for ((unit, name), sums) in &demo.sums {
        if *name == LINES {
            println!("LINES {unit:?} {} {} {:.2}", sums.n, sums.over, sums.over_expected);
        }
    }
    let ceiling = sums(find("sold_at_the_ceiling"));
    assert!(ceiling.n >= 200 && (ceiling.over as f64) < ceiling.over_expected, "{ceiling:?}");

    let missing = find("two_thirds_of_cases_missing");
    let (n, expected) = demo.told[&(missing.institution.clone(), true)];
    assert!((n as f64) < 0.45 * expected && sums(missing).raw_ratio() > 1.4, "{n} of {expected}: {:?}", sums(missing));
}

/// Over the stays of ordinary life: what is planted for rules about single
/// bills are short stays of little cost.
#[test]
fn honest_hospitals_have_what_is_expected_of_them() {
    let demo = &*DEMO;
    let mut judged = BTreeSet::new();
    for (((kind, institution, _), name), sums) in &demo.sums {
        if *kind != UnitKind::Institution || sums.expected == 0 || !is_honest(demo, institution) {
            continue;
        }
        let whole =
            demo.told.get(&(institution.clone(), !name.starts_with("visit"))).is_none_or(|(n, expected)| *n as f64 >= 0.9 * expected);
        // Of as much weight as so many like cases.
        let effective = (sums.expected as f64).powi(2) / sums.variance;
        if sums.n >= 30 && effective >= 100.0 && whole {
            assert!(sums.ratio() < 1.25, "{institution} {name}: {sums:?}");
        }
    }
    let mut of_stays: BTreeMap<&str, (i64, i64, i64)> = BTreeMap::new();
    for case in demo.cases.iter().filter(|case| !case.department.is_empty() && is_honest(demo, &case.institution)) {
        let (n, had, expected) = of_stays.entry(&case.institution).or_default();
        (*n, *had, *expected) = (*n + 1, *had + case.values["total_cost"].min(case.cap), *expected + case.mean);
    }
    for (institution, (n, had, expected)) in of_stays {
        let ratio = had as f64 / expected as f64;
        let told = demo.told[&(institution.to_owned(), true)];
        if n >= 30 {
            judged.insert(institution);
            assert!((0.8..1.25).contains(&ratio), "{institution}: {n} stays, {ratio}");
            assert!(told.0 as f64 >= 0.9 * told.1, "{institution}: {told:?}");
        }
    }
    assert!(judged.len() >= 5, "{judged:?}");
}

#[test]
fn some_stays_have_an_interim_bill_and_the_feed_keeps_its_size() {
    let demo = &*DEMO;
    let stays: Vec<&Live> = demo.cases.iter().filter(|case| !case.department.is_empty()).collect();
    let split = stays.iter().filter(|case| case.bills == 2).count();
    assert!(split * 20 > stays.len() && split * 4 < stays.len(), "{split} of {}", stays.len());
    assert!(stays.iter().all(|case| case.days <= 40 && !case.doctor.is_empty() && case.group.starts_with("CS-")));
    assert_eq!(demo.messages, 112_000);
}

#[test]
fn groups_are_planted_in_a_whole_demo_only() {
    let city = City::sample();
    let of = |settings: &SynthSettings| {
        let truths = group_truths(settings, &city);
        [GroupKind::Violation, GroupKind::Innocent].map(|kind| truths.iter().filter(|truth| truth.kind == kind).count())
    };
    let demo = SynthSettings::default();
    assert_eq!(of(&demo), [8, 4]);
    assert_eq!(of(&SynthSettings::quiet(1, 100_000, 10_000, 20)), [0, 4]);
    assert_eq!(of(&SynthSettings { settlements: 30_000, ..demo.clone() }), [0, 0]);
    assert_eq!(of(&SynthSettings { history_months: 0, ..demo }), [0, 0]);
}
