//! The baseline of a rule's case as reference tables, laid over those that are
//! loaded.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::offline::cases::bills;
use crate::reference::baseline_tables::CELLS;
use crate::reference::baseline_tables::EXPECTED;
use crate::reference::baseline_tables::INDICATORS;
use crate::reference::baseline_tables::MEASURE_WORDS;
use crate::reference::baseline_tables::Measure;
use crate::reference::baseline_tables::PRIORS;
use crate::reference::baseline_tables::UNIT_KIND_WORDS;
use crate::reference::bundle::Bundle;
use crate::reference::code::CodeKind;
use crate::reference::code::kind_of;
use crate::reference::folder::Folder;
use crate::reference::folder::MANIFEST;
use crate::reference::snapshot::Snapshot;
use crate::reference::stratum::ANY;
use crate::ruleset::decimal::Decimal;
use crate::ruleset::doc::CaseBaseline;
use crate::ruleset::doc::CaseDoc;
use crate::ruleset::doc::EvaluateDoc;
use crate::ruleset::doc::RatioDoc;
use crate::ruleset::doc::RuleDoc;
use crate::ruleset::words::CasePrior;

/// Any day before those of cases.
const FIRST_DAY: &str = "2000-01-01";
const NEXT_DAY: &str = "2000-01-02";
const SOURCE: &str = "a rule's case";
/// What the baseline of a rule is called that names none.
const UNNAMED: &str = "case";
/// Model and parameters of peers of mean 1 and standard deviation 0.2.
const FIXED_COUNTS: [&str; 3] = ["counts", "25", "25"];
const FIXED_COSTS: [&str; 3] = ["costs", "27", "26"];

/// The references, with the case's baseline if it has one.
pub(super) fn laid_over(references: &Arc<Snapshot>, rule: &RuleDoc, case: &CaseDoc) -> Result<Arc<Snapshot>, String> {
    let (Some(baseline), EvaluateDoc::Ratio(ratio)) = (&case.settings.baseline, &rule.evaluate) else {
        return Ok(Arc::clone(references));
    };
    let (bundle, diagnostics) = Bundle::read(&[folder(baseline, ratio, case)]);
    references.with_baselines(&bundle, diagnostics).map(Arc::new).map_err(|diagnostics| {
        let told: BTreeSet<String> = diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect();
        format!("its baseline: {}", told.into_iter().collect::<Vec<_>>().join("; "))
    })
}

fn folder(baseline: &CaseBaseline, ratio: &RatioDoc, case: &CaseDoc) -> Folder {
    let tables = [
        (INDICATORS.name, vec![indicator(baseline, ratio)]),
        (CELLS.name, vec![cell(baseline, ratio)]),
        (PRIORS.name, if baseline.prior == CasePrior::Fixed { priors(ratio) } else { Vec::new() }),
        (EXPECTED.name, baseline.expected_cases.map(|cases| expected(cases, ratio, case)).unwrap_or_default()),
    ];
    let mut manifest = "name: case\nversion: 1\ntables:\n".to_owned();
    let mut files = Vec::new();
    for (table, rows) in tables.into_iter().filter(|(_, rows)| !rows.is_empty()) {
        manifest.push_str(&format!("  - {{ table: {table}, file: {table}.csv }}\n"));
        files.push((format!("{table}.csv"), csv(&rows).into_bytes()));
    }
    files.push((MANIFEST.to_owned(), manifest.into_bytes()));
    Folder { path: "case".to_owned(), files }
}

/// Columns and their cells.
type Row = Vec<(&'static str, String)>;

fn csv(rows: &[Row]) -> String {
    let line = |cells: Vec<&str>| format!("{}\n", cells.join(","));
    let heads = rows.first().map(|row| line(row.iter().map(|(column, _)| *column).collect())).unwrap_or_default();
    rows.iter().fold(heads, |text, row| text + &line(row.iter().map(|(_, cell)| cell.as_str()).collect()))
}

fn row(ratio: &RatioDoc, cells: &[(&'static str, &str)]) -> Row {
    let own = cells.iter().map(|(column, cell)| (*column, (*cell).to_owned()));
    std::iter::once(("baseline", ratio.baseline.clone().unwrap_or_else(|| UNNAMED.to_owned())))
        .chain(own)
        .chain([("source", SOURCE.to_owned())])
        .collect()
}

fn indicator(baseline: &CaseBaseline, ratio: &RatioDoc) -> Row {
    let name = ratio.indicator.as_str();
    let period = [("period_from", FIRST_DAY), ("period_to", NEXT_DAY)];
    let grain = if ratio.value.by_line() { "line" } else { "case" };
    let cells = [[("indicator", name), ("unit", baseline.unit.name())], period, [("zh", name), ("en", name)]];
    row(ratio, &[cells.concat().as_slice(), &[("grain", grain)]].concat())
}

fn cell(baseline: &CaseBaseline, ratio: &RatioDoc) -> Row {
    let CaseBaseline { mean, variance, cap, ceiling, over_rate, over_mean, over_variance, .. } = baseline;
    let any = ["disease_group", "age_band", "inst_level", "setting", "insutype"].map(|column| (column, ANY));
    let n = baseline.n.to_string();
    let numbers = [
        ("mean", Some(*mean)),
        ("variance", Some(*variance)),
        ("cap", *cap),
        ("ceiling", *ceiling),
        ("over_rate", *over_rate),
        ("over_mean", *over_mean),
        ("over_variance", *over_variance),
    ];
    let numbers = numbers.map(|(column, number)| (column, number.map(|number| number.to_string()).unwrap_or_default()));
    let mut cells = vec![("indicator", ratio.indicator.as_str())];
    cells.extend(any);
    cells.push(("n", &n));
    cells.extend(numbers.iter().map(|(column, number)| (*column, number.as_str())));
    cells.extend([("valid_from", FIRST_DAY), ("valid_to", "")]);
    row(ratio, &cells)
}

fn priors(ratio: &RatioDoc) -> Vec<Row> {
    let kinds = MEASURE_WORDS.iter().flat_map(|measure| UNIT_KIND_WORDS.iter().map(move |kind| (measure, kind)));
    let of = |((word, measure), (kind, _)): (&(&str, Measure), &(&str, _))| {
        let [model, a1, b1] = if *measure == Measure::OverShare { FIXED_COUNTS } else { FIXED_COSTS };
        let whom = [("indicator", ratio.indicator.as_str()), ("measure", word), ("unit_kind", kind), ("peer_class", ANY)];
        let prior = [("model", model), ("a1", a1), ("b1", b1), ("a2", ""), ("b2", ""), ("w", ""), ("units", "0")];
        row(ratio, &[whom.as_slice(), &prior].concat())
    };
    kinds.map(of).collect()
}

/// Each year of a bill whole, so that no pane is left open by a month without bills.
fn expected(cases: Decimal, ratio: &RatioDoc, case: &CaseDoc) -> Vec<Row> {
    let mut months: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (institution, time) in bills(case) {
        let (Some(year), Some(month)) = (time.get(..4), time.get(5..7)) else { continue };
        if kind_of(&institution, &[CodeKind::Institution]).is_some() {
            months.entry((institution, year.to_owned())).or_default().insert(month.to_owned());
        }
    }
    let mut rows = Vec::new();
    for ((institution, year), told) in months {
        for month in (1..=12).map(|month| format!("{month:02}")) {
            let count = if told.contains(&month) { cases.to_string() } else { "0".to_owned() };
            let month = format!("{year}-{month}");
            let whom = [("fixmedins_code", institution.as_str()), ("month", &month)];
            rows.push(row(ratio, &[whom, [("case", ratio.case.name()), ("expected_cases", &count)]].concat()));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::diagnostic::SourceText;
    use crate::base::time::Civil;
    use crate::reference::baseline::Month;
    use crate::reference::baseline_tables::Case;
    use crate::reference::baseline_tables::UnitKind;
    use crate::reference::stratum::Stratum;
    use crate::ruleset::doc::RuleBook;
    use crate::ruleset::read::read;
    use crate::ruleset::words::CaseUnit;

    fn rule(baseline: &str) -> RuleDoc {
        let text = format!(
            "event: settlement\ngrain: case\nevaluate:\n  kind: ratio\n  case: stay\n  indicator: tests\n  baseline: city\n\
             cases:\n  - settings:\n      baseline: {baseline}\n    events:\n      - settlement: {{ times: 3 }}\n      \
             - settlement: {{ header: {{ fixmedinsCode: H99010100003, setlTime: \"2027-01-05 10:00:00\" }} }}\n"
        );
        // Whatever else a rule needs is no matter here.
        let (book, _): (RuleBook, _) = read(&[Arc::new(SourceText { name: "r/a/b.yaml".to_owned(), text })]);
        book.rules.into_iter().next().unwrap()
    }

    fn day(text: &str) -> i64 {
        Civil::parse(text).unwrap().day()
    }

    #[test]
    fn a_case_says_what_is_usual_in_place_of_the_references() {
        let rule = rule(
            "{ unit: quantity, n: 400, mean: 8.5, variance: 9, ceiling: 20, over_rate: 0.05, over_mean: 1, over_variance: 2, expected_cases: 3 }",
        );
        let case = &rule.cases[0];
        assert_eq!(case.settings.baseline.as_ref().unwrap().unit, CaseUnit::Quantity);
        let given = Arc::new(Snapshot::load(&[]).unwrap());
        let snapshot = laid_over(&given, &rule, case).unwrap();
        assert!(given.baseline("city").is_none());
        let baseline = snapshot.baseline("city").unwrap();
        let (_, cell) = baseline.cell("tests", Stratum::default(), day("2026-03-10")).unwrap();
        assert_eq!((cell.n, cell.mean, cell.over.unwrap().rate), (400, 85_000, 50_000));
        for (_, kind) in UNIT_KIND_WORDS {
            for (_, measure) in MEASURE_WORDS {
                assert!(baseline.prior("tests", *measure, *kind, Some("any")).is_some(), "{kind:?} {measure:?}");
            }
        }
        let expected = |institution: &str, month: &str| baseline.expected(institution, Month::parse(month).unwrap(), Case::Stay);
        let (own, other) = ("H99010100002", "H99010100003");
        assert_eq!((expected(own, "2026-03"), expected(own, "2026-12"), expected(own, "2027-01")), (Some(30_000), Some(0), None));
        assert_eq!((expected(other, "2027-01"), expected(other, "2027-02"), expected(other, "2026-03")), (Some(30_000), Some(0), None));
        assert_eq!(baseline.prior("total", Measure::Expected, UnitKind::Doctor, None), None);
    }

    #[test]
    fn a_baseline_that_is_none_fails_its_case() {
        let rule = rule("{ mean: 8.555, variance: 9, cap: 2, over_rate: 0.05 }");
        let given = Arc::new(Snapshot::load(&[]).unwrap());
        let told = laid_over(&given, &rule, &rule.cases[0]).unwrap_err();
        assert_eq!(
            told,
            "its baseline: `8.555` has more than 2 decimals; a ceiling without what is usual above it, or the other way round"
        );
    }
}
