//! Every side of every limit, and that outcomes are of sums alone.

use proptest::prelude::*;

use super::*;
use crate::reference::folder::Folder;
use crate::reference::folder::MANIFEST;
use crate::reference::snapshot::Snapshot;
use crate::stats::shrinkage::Judgment;
use crate::window::calendar::Month;
use crate::window::calendar::SpanKind;
use crate::window::group::Measure as Seen;
use crate::window::group::Over;
use crate::window::group::Text;
use crate::window::group::plus as join;

/// In the order of the tables' columns; cells of `cost` have a mean of 100.00
/// and a ceiling at 180.00, those of `days` lack one.
const INDICATORS: &str = "baseline,indicator,unit,period_from,period_to,zh,en,source\n\
    b,cost,amount,2025-01-01,2026-01-01,费用,cost,x\n\
    b,days,quantity,2025-01-01,2026-01-01,天数,days,x\n";
const CELLS: &str = "baseline,indicator,disease_group,age_band,inst_level,setting,insutype,n,mean,variance,cap,ceiling,over_rate,\
    over_mean,over_variance,valid_from,valid_to,source\n\
    b,cost,A,*,*,*,*,100,100,2500,,180,0.05,2,100,2026-01-01,,x\n\
    b,cost,B,*,*,*,*,100,100,2500,,180,0.05,2,100,2026-01-01,,x\n\
    b,cost,C,*,*,*,*,100,100,2500,,180,0.05,2,100,2026-01-01,,x\n\
    b,cost,D,*,*,*,*,100,100,2500,,180,0.05,2,100,2026-01-01,,x\n\
    b,cost,E,*,*,*,*,71,100,2500,,180,0.05,2,100,2026-01-01,,x\n\
    b,cost,F,*,*,*,*,30,100,2500,,,,,,2026-01-01,,x\n\
    b,cost,few,*,*,*,*,29,100,2500,,,,,,2026-01-01,,x\n\
    b,cost,free,*,*,*,*,100,0,0,,,,,,2026-01-01,,x\n\
    b,cost,flat,*,*,*,*,100,100,0,,,,,,2026-01-01,,x\n\
    b,cost,new,*,*,*,*,100,100,2500,,,,,,2026-01-01,2026-07-15,x\n\
    b,cost,new,*,*,*,*,100,120,2500,,,,,,2026-07-15,,x\n\
    b,days,A,*,*,*,*,100,5,9,,,,,,2026-01-01,,x\n";
const PRIORS: &str = "baseline,indicator,measure,unit_kind,peer_class,model,a1,b1,a2,b2,w,units,source\n\
    b,cost,expected,institution,*,costs,8,14,46,45,0.02,200,x\n\
    b,cost,expected,department,*,counts,25,25,,,,0,x\n\
    b,cost,expected,department,broad,counts,1,1,,,,0,x\n\
    b,cost,over_share,institution,*,counts,9,4,44,44,0.02,200,x\n\
    b,cost,over_amount,institution,*,costs,8,14,46,45,0.02,200,x\n\
    b,days,expected,institution,*,costs,8,14,46,45,0.02,200,x\n";
const EXPECTED: &str = "baseline,fixmedins_code,month,case,expected_cases,source\n\
    b,H99010100001,2026-07,stay,100,x\n\
    b,H99010100001,2026-08,stay,50.5,x\n";

fn snapshot() -> Snapshot {
    let tables =
        [("baseline_indicators", INDICATORS), ("baseline_cells", CELLS), ("baseline_priors", PRIORS), ("baseline_expected", EXPECTED)];
    let mut manifest = "name: t\nversion: \"1\"\ntables:\n".to_owned();
    let mut files = Vec::new();
    for (table, rows) in tables {
        manifest.push_str(&format!("  - {{ table: {table}, file: {table}.csv }}\n"));
        files.push((format!("{table}.csv"), rows.as_bytes().to_vec()));
    }
    files.push((MANIFEST.to_owned(), manifest.into_bytes()));
    let loaded = Snapshot::load(&[Folder { path: "t".to_owned(), files }]);
    loaded.unwrap_or_else(|mistakes| panic!("{}", crate::base::diagnostic::render(&mistakes)))
}

fn july() -> Validity {
    let month = Month::new(2026, 7);
    Validity { from: month.start().day(), to: month.end().day() }
}

/// Name of the cell of a disease group; empty: unmatched.
fn cell(group: &str) -> Option<Text> {
    (!group.is_empty()).then(|| Text::from(format!("{group} * * * *")))
}

/// So many cases of one value, in 分.
fn of(n: i64, value: i64) -> Sums {
    (0..n).fold(Sums::default(), |sums, _| sums.plus(Sums::of(Seen::new(value, value, None))).unwrap())
}

fn over(n: i64, value: i64) -> Sums {
    let over = Some(Over { value, excess: value - 18_000 });
    (0..n).fold(Sums::default(), |sums, _| sums.plus(Sums::of(Seen::new(value, value, over))).unwrap())
}

fn unknown(n: i64) -> Sums {
    Sums { unknown: n, ..Sums::default() }
}

fn cells(parts: &[(&str, Sums)]) -> Cells {
    let mut cells = Cells::new();
    for (group, sums) in parts {
        let sum = join(cells.get(&cell(group)), &[*sums]).unwrap();
        cells.extend(sum.map(|sum| (cell(group), sum)));
    }
    cells
}

/// All its cases were expected, and no more.
fn told(cells: &Cells) -> Told {
    let cases = cases(cells, 0);
    Told { cases, expected: Some(cases * 10_000) }
}

fn unit(cells: &Cells) -> Unit<'_> {
    Unit { kind: UnitKind::Institution, peer_class: None, cells, index: 0, told: told(cells) }
}

const LIMITS: GroupLimits = GroupLimits { min_excess: 0, min_excess_cases: 0, coverage_min: 80, completeness_min: 90, cases_min: 3 };

#[track_caller]
fn judged(outcome: Outcome) -> Ratio {
    match outcome {
        Outcome::Judged(ratio) => *ratio,
        Outcome::Unknown(reason) => panic!("{}", reason.name()),
    }
}

#[test]
fn a_ratio_tells_what_it_is_computed_from() {
    let snapshot = snapshot();
    let baseline = snapshot.baseline("b").unwrap();
    let standard = Standard::new(baseline, "cost", july());
    let capped = Sums::of(Seen::new(20_000, 90_000, None));
    let cells =
        cells(&[("A", of(60, 20_000)), ("B", of(39, 20_000)), ("B", capped), ("", of(10, 99)), ("A", unknown(2)), ("nowhere", of(3, 7))]);
    let ratio = judged(standard.judge(&unit(&cells), &LIMITS));
    // 100 cases of 200.00 where 100.00 are usual, with a standard deviation of 50.00.
    assert_eq!((ratio.n, ratio.observed, ratio.expected, ratio.variance), (100, 2_000_000, 1_000_000, 2_500_000_000));
    assert_eq!((ratio.ratio, ratio.raw, ratio.effective), (2.0, Some(2.07), 400.0));
    assert_eq!((ratio.coverage, ratio.decimals), (Part { part: 100, whole: 115 }, 2));
    assert_eq!((ratio.tier, ratio.baseline, ratio.formula), (Decision::Alert, baseline.digest(), FORMULA));
    let Judgment { eb_mean, eb05, eb95, limit, p_limit, .. } = ratio.judgment;
    assert!(limit < eb05 && eb05 < eb_mean && eb_mean < eb95 && p_limit > 0.95, "{ratio:?}");
    // What a calculator makes of the printed numbers.
    let printed: f64 = format!("{eb_mean:.4}").parse().unwrap();
    assert_eq!(ratio.excess, libm::round((printed - 1.0) * 1_000_000.0) as i128);
    let reference = Prior::new(Family::Costs, Component { shape: 46.0, rate: 45.0 }, Some((0.02, Component { shape: 8.0, rate: 14.0 })));
    assert_eq!(reference.unwrap().judge(super::Seen::Cost { ratio: 2.0, effective: 400.0 }), Some(ratio.judgment));
}

#[test]
fn each_reason_why_nothing_is_told() {
    let snapshot = snapshot();
    let baseline = snapshot.baseline("b").unwrap();
    let standard = Standard::new(baseline, "cost", july());
    let told_of = |standard: &Standard<'_>, unit: &Unit<'_>| match standard.judge(unit, &LIMITS) {
        Outcome::Unknown(reason) => reason.name(),
        Outcome::Judged(_) => "judged",
    };
    let many = cells(&[("A", of(10, 10_000))]);
    let reason = |parts: &[(&str, Sums)]| told_of(&standard, &unit(&cells(parts)));
    let mut seen = vec![reason(&[("A", of(10, 10_000))])];
    assert_eq!(seen, ["judged"]);
    seen.clear();
    let mut expect = |told: &'static str, name: &'static str| {
        assert_eq!(told, name);
        seen.push(name);
    };
    // A cell that the baseline lacks; one of too few cases; one that changes within the pane; no case at all.
    for parts in [&[("Z", of(10, 1))][..], &[("few", of(10, 1))], &[("new", of(10, 1))], &[("", of(10, 1))], &[]] {
        expect(reason(parts), "no_baseline_cells");
    }
    expect(told_of(&Standard::new(baseline, "tests", july()), &unit(&many)), "no_baseline_cells");
    let with = |told: Told| told_of(&standard, &Unit { told, ..unit(&many) });
    expect(with(Told { cases: 10, expected: None }), "no_expected_cases");
    expect(with(Told { cases: 10, expected: Some(0) }), "no_expected_cases");
    expect(with(Told { cases: 89, expected: Some(1_000_000) }), "incomplete");
    expect(with(Told { cases: 90, expected: Some(1_000_001) }), "incomplete");
    assert_eq!(with(Told { cases: 90, expected: Some(1_000_000) }), "judged");
    let back = Sums::default().minus(of(1, 10_000)).unwrap();
    expect(reason(&[("A", of(10, 10_000)), ("B", back)]), "incomplete");
    expect(told_of(&standard, &Unit { kind: UnitKind::Doctor, ..unit(&many) }), "no_prior");
    expect(reason(&[("A", of(2, 10_000)), ("", of(1, 1))]), "too_few_cases");
    assert_eq!(reason(&[("A", of(3, 10_000))]), "judged");
    expect(reason(&[("free", of(10, 10_000))]), "zero_expected");
    expect(reason(&[("flat", of(10, 10_000))]), "no_variance");
    expect(reason(&[("A", of(10, -1))]), "negative_observed");
    let huge = Sums { n: i64::MAX, value: 1, ..Sums::default() };
    expect(reason(&[("A", Sums { value: i128::MAX, ..huge }), ("B", Sums { value: i128::MAX, ..huge })]), "overflow");
    let all: Vec<&str> = Unknown::ALL.iter().map(|reason| reason.name()).collect();
    seen.dedup();
    seen.sort_unstable();
    seen.dedup();
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert_eq!(seen, sorted);

    // After its pane the later row of a place answers alone.
    let august = Validity { from: july().to, to: july().to + 31 };
    let ratio = judged(Standard::new(baseline, "cost", august).judge(&unit(&cells(&[("new", of(10, 10_000))])), &LIMITS));
    assert_eq!(ratio.expected, 120_000);
}

#[test]
fn an_alert_needs_coverage_and_enough_money() {
    let snapshot = snapshot();
    let standard = Standard::new(snapshot.baseline("b").unwrap(), "cost", july());
    let tier = |parts: &[(&str, Sums)], limits: &GroupLimits| {
        let cells = cells(parts);
        let ratio = judged(standard.judge(&unit(&cells), limits));
        (ratio.judgment.decision, ratio.tier, ratio.excess)
    };
    let high = ("A", of(80, 20_000));
    for (outside, tier_then) in [(("", of(20, 1)), Decision::Alert), (("", of(21, 1)), Decision::Watch)] {
        assert_eq!(tier(&[high, outside], &LIMITS).1, tier_then);
    }
    for (blind, tier_then) in [(("A", unknown(20)), Decision::Alert), (("A", unknown(21)), Decision::Watch)] {
        assert_eq!(tier(&[high, blind], &LIMITS).1, tier_then);
    }
    let (_, _, excess) = tier(&[high], &LIMITS);
    let least = i64::try_from(excess).unwrap();
    assert_eq!(tier(&[high], &GroupLimits { min_excess: least, ..LIMITS }).1, Decision::Alert);
    assert_eq!(tier(&[high], &GroupLimits { min_excess: least + 1, ..LIMITS }), (Decision::Alert, Decision::Watch, excess));
    // Neither lifts what is not certain.
    assert_eq!(tier(&[("A", of(80, 10_000))], &LIMITS).1, Decision::None);
    assert_eq!(tier(&[("A", of(80, 10_000)), ("", of(80, 1))], &LIMITS).1, Decision::None);
    let limits = GroupLimits::with(GroupLimits::MIN_EXCESS_AMOUNT);
    assert_eq!((limits.min_excess, limits.coverage_min, limits.completeness_min, limits.cases_min), (500_000, 80, 90, 3));
}

#[test]
fn the_cells_told_are_those_of_the_largest_excess_then_of_the_first_names() {
    let snapshot = snapshot();
    let standard = Standard::new(snapshot.baseline("b").unwrap(), "cost", july());
    let cells = cells(&[
        ("A", of(10, 12_000)),
        ("B", of(10, 15_000)),
        ("C", of(20, 11_000)),
        ("D", of(10, 9_000)),
        ("E", of(10, 12_000)),
        ("F", of(10, 8_000)),
    ]);
    let ratio = judged(standard.judge(&unit(&cells), &LIMITS));
    let top: Vec<(&str, i128)> = ratio.top.iter().map(|part| (&part.cell[..1], part.observed - part.expected)).collect();
    assert_eq!(top, [("B", 50_000), ("A", 20_000), ("C", 20_000), ("E", 20_000), ("D", -10_000)]);
    assert_eq!(ratio.top[2].n, 20);
}

#[test]
fn a_prior_of_counts_takes_effective_cases_and_its_own_class() {
    let snapshot = snapshot();
    let standard = Standard::new(snapshot.baseline("b").unwrap(), "cost", july());
    let cells = cells(&[("A", of(25, 15_000))]);
    let of = |peer_class| judged(standard.judge(&Unit { kind: UnitKind::Department, peer_class, ..unit(&cells) }, &LIMITS));
    // k = 100: Gamma(25 + 150, 25 + 100).
    assert_eq!((of(None).effective, of(None).judgment.eb_mean), (100.0, 1.4));
    assert!(of(Some("broad")).judgment.eb_mean > 1.49);
    assert_eq!(of(Some("none such")), of(None));
}

#[test]
fn over_ceiling_has_three_grains_of_their_own() {
    let snapshot = snapshot();
    let standard = Standard::new(snapshot.baseline("b").unwrap(), "cost", july());
    // E and F have too few cases for a ceiling, or none.
    let parts = [("A", of(60, 10_000)), ("A", over(20, 30_000)), ("B", of(20, 10_000)), ("F", of(5, 10_000)), ("E", over(5, 50_000))];
    let cells = cells(&parts);
    let told = standard.over_ceiling(&unit(&cells), &LIMITS).unwrap();
    let by_case = judged(told.by_case.clone());
    // 20 cases over where 100 · 0.05 are usual; V = 100 · 0.05 · 0.95.
    assert_eq!((by_case.observed, by_case.expected, by_case.variance), (20_000_000, 5_000_000, 4_750_000_000_000));
    assert_eq!((by_case.ratio, by_case.effective, by_case.decimals, by_case.raw), (4.0, 5.0, 6, None));
    assert_eq!((by_case.tier, by_case.coverage), (Decision::Alert, Part { part: 100, whole: 110 }));
    let by_amount = judged(told.by_amount.clone());
    assert_eq!((by_amount.observed, by_amount.expected, by_amount.variance), (240_000, 20_000, 100_000_000));
    assert_eq!((by_amount.ratio, by_amount.effective, by_amount.decimals), (12.0, 4.0, 2));
    assert_eq!(told.by_spend, Part { part: 600_000, whole: 1_400_000 });
    assert_eq!((told.case_share.share(), told.amount_share), (Some(0.2), Part { part: 240_000, whole: 1_400_000 }));
    // Cases are counted in cases and money in money.
    let dear = GroupLimits { min_excess: i64::MAX, ..LIMITS };
    let strict = standard.over_ceiling(&unit(&cells), &dear).unwrap();
    assert_eq!((judged(strict.by_case).tier, judged(strict.by_amount).tier == Decision::Alert), (Decision::Alert, false));
    let many = GroupLimits { min_excess_cases: 100, ..LIMITS };
    assert_eq!(judged(standard.over_ceiling(&unit(&cells), &many).unwrap().by_case).tier, Decision::Watch);
    // Without a ceiling nothing is told of one.
    let days = Standard::new(snapshot.baseline("b").unwrap(), "days", july());
    let none = days.over_ceiling(&unit(&cells), &LIMITS).unwrap();
    assert_eq!((none.by_case, none.by_spend.share()), (Outcome::Unknown(Unknown::NoBaselineCells), None));
}

#[test]
fn expected_cases_are_those_of_every_month() {
    let snapshot = snapshot();
    let baseline = snapshot.baseline("b").unwrap();
    let expected = |kind, month, case| expected_cases(baseline, "H99010100001", Span::ending(kind, Month::new(2026, month)).unwrap(), case);
    assert_eq!(expected(SpanKind::Month, 7, Case::Stay), Some(1_000_000));
    assert_eq!(expected(SpanKind::Month, 8, Case::Stay), Some(505_000));
    assert_eq!(expected(SpanKind::Month, 8, Case::Visit), None);
    assert_eq!(expected(SpanKind::Quarter, 9, Case::Stay), None);
}

/// Group, value and way (which part a case is gathered in) of one case.
fn case() -> impl Strategy<Value = (&'static str, Option<i64>, usize)> {
    let groups = prop::sample::select(vec!["A", "B", "C", "F", "Z", ""]);
    (groups, prop::option::weighted(0.9, 0_i64..60_000), 0_usize..3)
}

fn sums(value: Option<i64>) -> Sums {
    let over = |value: i64| (value > 18_000).then(|| Over { value, excess: value - 18_000 });
    Sums::of(value.and_then(|value| Seen::new(value, value, over(value))))
}

proptest! {
    /// An outcome is of the sums alone, however cases were divided; and a case
    /// without a cell changes neither O nor E.
    #[test]
    fn outcomes_forget_the_way_and_what_has_no_cell(all in prop::collection::vec(case(), 3..60), more in prop::collection::vec(prop::option::of(0_i64..60_000), 1..9)) {
        let snapshot = snapshot();
        let standard = Standard::new(snapshot.baseline("b").unwrap(), "cost", july());
        let straight = cells(&all.iter().map(|(group, value, _)| (*group, sums(*value))).collect::<Vec<_>>());
        let mut divided = Cells::new();
        for way in 0..3 {
            let part: Vec<_> = all.iter().rev().filter(|case| case.2 == way).map(|(group, value, _)| (*group, sums(*value))).collect();
            for (name, row) in cells(&part) {
                let sum = join(divided.get(&name), &row).unwrap();
                divided.extend(sum.map(|sum| (name, sum)));
            }
        }
        let first = standard.judge(&unit(&straight), &LIMITS);
        prop_assert_eq!(&first, &standard.judge(&unit(&divided), &LIMITS));
        prop_assert_eq!(standard.over_ceiling(&unit(&straight), &LIMITS), standard.over_ceiling(&unit(&divided), &LIMITS));

        let mut with = all.iter().map(|(group, value, _)| (*group, sums(*value))).collect::<Vec<_>>();
        with.extend(more.iter().map(|value| ("", sums(*value))));
        match (first, standard.judge(&unit(&cells(&with)), &LIMITS)) {
            (Outcome::Judged(before), Outcome::Judged(after)) => {
                prop_assert_eq!((before.n, before.observed, before.expected, before.variance), (after.n, after.observed, after.expected, after.variance));
                prop_assert_eq!((&before.top, before.judgment), (&after.top, after.judgment));
                prop_assert!(after.tier <= before.tier && after.coverage.whole > before.coverage.whole);
                let Ratio { ratio, effective, excess, .. } = *after;
                prop_assert!(ratio.is_finite() && effective.is_finite() && excess >= -after.expected);
            }
            (before, after) => prop_assert_eq!(before, after),
        }
    }
}
