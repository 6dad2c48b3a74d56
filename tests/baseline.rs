//! Baselines: every mistake in their tables has its place, a look-up gives the
//! nearest cell of enough cases, a digest names one version, real stays have
//! what is expected of them, and `claimsift baseline` shows what they say.

#[path = "support/feed.rs"]
mod feed;
#[path = "support/ny_baseline.rs"]
mod ny_baseline;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use claimsift::base::diagnostic::Diagnostic;
use claimsift::base::diagnostic::render;
use claimsift::base::time::Civil;
use claimsift::reference::baseline::Component;
use claimsift::reference::baseline::Month;
use claimsift::reference::baseline::Over;
use claimsift::reference::baseline::Prior;
use claimsift::reference::baseline_tables::CELLS;
use claimsift::reference::baseline_tables::Case;
use claimsift::reference::baseline_tables::EXPECTED;
use claimsift::reference::baseline_tables::Grain;
use claimsift::reference::baseline_tables::INDICATORS;
use claimsift::reference::baseline_tables::Measure;
use claimsift::reference::baseline_tables::Model;
use claimsift::reference::baseline_tables::PRIORS;
use claimsift::reference::baseline_tables::UnitKind;
use claimsift::reference::folder::Folder;
use claimsift::reference::folder::MANIFEST;
use claimsift::reference::snapshot::Snapshot;
use claimsift::reference::stratum::Stratum;
use claimsift::reference::tables::Table;

/// Rows of the four tables, without heads.
#[derive(Clone, Copy, Default)]
struct Rows<'a> {
    indicators: &'a str,
    cells: &'a str,
    priors: &'a str,
    expected: &'a str,
}

impl Rows<'_> {
    fn tables(&self) -> [(&'static Table, &str); 4] {
        [(&INDICATORS, self.indicators), (&CELLS, self.cells), (&PRIORS, self.priors), (&EXPECTED, self.expected)]
    }

    fn folder(&self) -> Folder {
        let mut manifest = "name: t\nversion: \"1\"\ntables:\n".to_owned();
        let mut files = Vec::new();
        for (table, rows) in self.tables() {
            let heads: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
            let file = format!("{}.csv", table.name);
            manifest.push_str(&format!("  - {{ table: {}, file: {file} }}\n", table.name));
            files.push((file, format!("{}\n{rows}", heads.join(",")).into_bytes()));
        }
        files.push((MANIFEST.to_owned(), manifest.into_bytes()));
        Folder { path: "t".to_owned(), files }
    }

    fn load(&self) -> Snapshot {
        Snapshot::load(&[self.folder()]).unwrap_or_else(|diagnostics| panic!("{}", render(&diagnostics)))
    }

    fn mistakes(&self) -> Vec<Diagnostic> {
        Snapshot::load(&[self.folder()]).err().unwrap_or_default()
    }

    fn write(&self, to: &Path) {
        for (name, bytes) in self.folder().files {
            std::fs::write(to.join(name), bytes).unwrap();
        }
    }
}

const INDICATORS_OF_B: &str = "b,cost,amount,2025-01-01,2026-01-01,费用,cost,,x\nb,days,quantity,2025-01-01,2026-01-01,天数,days,,x\n";
const SOUND_CELL: &str = "b,cost,*,*,*,*,*,100,10.5,2,,,,,,2026-01-01,,x\n";
const SOUND_PRIOR: &str = "b,cost,expected,institution,*,costs,27,26,,,,0,x\n";
const SOUND_EXPECTED: &str = "b,H99010100001,2026-01,stay,10,x\n";
const SOUND: Rows<'_> = Rows { indicators: INDICATORS_OF_B, cells: SOUND_CELL, priors: SOUND_PRIOR, expected: SOUND_EXPECTED };

fn day(text: &str) -> i64 {
    Civil::parse(text).unwrap().day()
}

/// Loads the tables and expects these mistakes (line, message) in `table`, and nowhere else.
#[track_caller]
fn check(table: &Table, rows: Rows<'_>, expect: &[(usize, &str)]) {
    let diagnostics = rows.mistakes();
    let told: Vec<(usize, &str)> = diagnostics.iter().map(|one| (one.line(), one.message.as_str())).collect();
    assert_eq!(told, expect, "{}", render(&diagnostics));
    assert!(diagnostics.iter().all(|one| one.help.is_some() && one.source.name == format!("t/{}.csv", table.name)));
}

#[test]
fn mistakes_in_cells_have_their_place() {
    let cells = |rows: &str, expect: &[(usize, &str)]| check(&CELLS, Rows { cells: rows, ..SOUND }, expect);
    cells(SOUND_CELL, &[]);
    // What a column says.
    let one = |cell: &str, expect: &str| cells(&format!("{cell},2026-01-01,,x\n"), &[(2, expect)]);
    one("b,cost,*,17,*,*,*,100,10.5,2,,,,,", "`17` is no band of ages");
    one("b,cost,*,64-18,*,*,*,100,10.5,2,,,,,", "`64-18` is no band of ages");
    one("b,cost,*,*,4,*,*,100,10.5,2,,,,,", "unknown inst_level `4`");
    one("b,cost,*,*,*,ward,*,100,10.5,2,,,,,", "unknown setting `ward`");
    one("b,cost,*,*,*,*,*,0,10.5,2,,,,,", "a cell of no cases");
    one("b,cost,*,*,*,*,*,-3,10.5,2,,,,,", "`-3` is not a number of this kind");
    one("b,cost,*,*,*,*,*,1.5,10.5,2,,,,,", "`1.5` is not a number of this kind");
    one("b,cost,*,*,*,*,*,100,10.5,-2,,,,,", "`-2` is not a number of this kind");
    one("B,cost,*,*,*,*,*,100,10.5,2,,,,,", "`B` is no name");
    one("b,cost,,*,*,*,*,100,10.5,2,,,,,", "`disease_group` is empty");
    // What the unit says: 分 and their square, ten-thousandths and their square.
    one("b,cost,*,*,*,*,*,100,10.505,2,,,,,", "`10.505` has more than 2 decimals");
    one("b,cost,*,*,*,*,*,100,10.5,2.00001,,,,,", "`2.00001` has more than 4 decimals");
    one("b,days,*,*,*,*,*,100,10.50505,2,,,,,", "`10.50505` is not a number of this kind");
    cells("b,cost,*,*,*,*,*,100,10.5000,2.00010000,,,,,,2026-01-01,,x\n", &[]);
    cells("b,days,*,*,*,*,*,100,10.5051,2.00010001,,,,,,2026-01-01,,x\n", &[]);
    // What columns say together.
    one("b,cost,*,*,*,*,*,100,10.5,2,10.49,,,,", "mean is above cap");
    one("b,cost,*,*,*,*,*,100,10.5,2,99,80,,,", "a ceiling without what is usual above it, or the other way round");
    one("b,cost,*,*,*,*,*,100,10.5,2,99,,0.05,1,1", "a ceiling without what is usual above it, or the other way round");
    one("b,cost,*,*,*,*,*,100,10.5,2,99,80,1.01,1,1", "over_rate is above 1");
    // What is declared; each unknown name is told once.
    one("b,tests,*,*,*,*,*,100,10.5,2,,,,,", "`tests` is no indicator of baseline `b`");
    cells(
        "c,cost,*,*,*,*,*,100,10.5,2,,,,,,2026-01-01,,x\nc,cost,*,0-,*,*,*,100,10.5,2,,,,,,2026-01-01,,x\n",
        &[(2, "unknown baseline `c`")],
    );
    // What rows say together.
    let twice = |first: &str, second: &str, expect: &[(usize, &str)]| {
        let row = |part: &str| format!("b,cost,{part},x\n");
        cells(&format!("{}{}", row(first), row(second)), expect);
    };
    let duplicate = "duplicate key `b cost 304 0-17 3 inpatient 310` with overlapping dates";
    twice("304,0-17,3,inpatient,310,40,1,1,,,,,,2026-01-01,", "304,0-17,3,inpatient,310,41,1,1,,,,,,2026-05-01,", &[(3, duplicate)]);
    twice("304,0-17,3,inpatient,310,40,1,1,,,,,,2026-01-01,2026-05-01", "304,0-17,3,inpatient,310,41,1,1,,,,,,2026-05-01,", &[]);
    twice(
        "304,0-17,3,*,*,40,1,1,,,,,,2026-01-01,",
        "304,17-64,3,*,*,41,1,1,,,,,,2026-05-01,",
        &[(3, "age bands `0-17` and `17-64` overlap")],
    );
    twice(
        "304,18-,3,*,*,40,1,1,,,,,,2026-01-01,",
        "304,20-30,3,*,*,41,1,1,,,,,,2026-05-01,",
        &[(3, "age bands `18-` and `20-30` overlap")],
    );
    twice("304,0-17,3,*,*,40,1,1,,,,,,2026-01-01,", "304,18-64,3,*,*,41,1,1,,,,,,2026-01-01,", &[]);
    twice("304,0-17,3,*,*,40,1,1,,,,,,2026-01-01,", "305,0-64,3,*,*,41,1,1,,,,,,2026-01-01,", &[]);
    twice("304,0-17,3,*,*,40,1,1,,,,,,2026-01-01,2026-05-01", "304,0-64,3,*,*,41,1,1,,,,,,2026-05-01,", &[]);
    twice("304,0-17,3,*,*,40,1,1,,,,,,2026-01-01,", "304,*,3,*,*,41,1,1,,,,,,2026-01-01,", &[]);
}

/// Each line has its own ceiling: a cell says what is usual above them, and has none.
#[test]
fn cells_of_lines_have_no_ceiling() {
    let of_lines = "b,cost,amount,2025-01-01,2026-01-01,费用,cost,line,x\nb,days,quantity,2025-01-01,2026-01-01,天数,days,case,x\n";
    let cell = |numbers: &str| format!("b,cost,*,*,*,*,*,100,10.5,2,{numbers},2026-01-01,,x\n");
    let cells = |numbers: &str, expect: &[(usize, &str)]| {
        check(&CELLS, Rows { indicators: of_lines, cells: &cell(numbers), ..SOUND }, expect);
    };
    cells(",,,,", &[]);
    cells(",,0.05,1.5,2.25", &[]);
    cells(",80,0.05,1.5,2.25", &[(2, "a ceiling of lines, of which each has its own ceiling")]);
    cells("90,,0.05,1.5,2.25", &[(2, "a cap of lines, of which each has its own ceiling")]);
    cells(",,0.05,,2.25", &[(2, "half of what is usual above the ceilings of lines")]);
    check(
        &CELLS,
        Rows { cells: &cell(",,0.05,1.5,2.25"), ..SOUND },
        &[(2, "a ceiling without what is usual above it, or the other way round")],
    );
    let unknown = of_lines.replace(",line,", ",bill,");
    check(&INDICATORS, Rows { indicators: &unknown, ..SOUND }, &[(2, "unknown grain `bill`")]);

    let snapshot = Rows { indicators: of_lines, cells: &cell(",,0.05,1.5,2.25"), ..SOUND }.load();
    let indicators: Vec<(&str, Grain)> =
        snapshot.baseline("b").unwrap().indicators().map(|(name, indicator)| (name, indicator.grain)).collect();
    assert_eq!(indicators, [("cost", Grain::Line), ("days", Grain::Case)]);
    let indicator = snapshot.baseline("b").unwrap().indicator("cost").unwrap();
    let (_, _, over) = indicator.ceiling(CASE, day("2026-06-01")).unwrap();
    assert_eq!(over, Over { ceiling: None, rate: 50_000, mean: 150, variance: 22_500 });
}

#[test]
fn mistakes_in_the_other_tables_have_their_place() {
    let indicators = |rows: &str, expect: &[(usize, &str)]| {
        check(&INDICATORS, Rows { indicators: rows, cells: "", priors: "", expected: "" }, expect);
    };
    indicators(&format!("{INDICATORS_OF_B}b,cost,amount,2025-01-01,2026-01-01,费用,cost,,x\n"), &[(4, "duplicate key `b cost`")]);
    indicators("b,cost,money,2025-01-01,2026-01-01,费用,cost,,x\n", &[(2, "unknown unit `money`")]);
    indicators("b,cost,amount,2025-01-01,,费用,cost,,x\n", &[(2, "`period_to` is empty")]);
    indicators("b,cost,amount,2026-01-01,2026-01-01,费用,cost,,x\n", &[(2, "period_to is not after period_from")]);

    let prior = |row: &str, expect: &str| check(&PRIORS, Rows { priors: &format!("{row},0,x\n"), ..SOUND }, &[(2, expect)]);
    prior("b,cost,ratio,institution,*,costs,27,26,,,", "unknown measure `ratio`");
    prior("b,cost,expected,ward,*,costs,27,26,,,", "unknown unit_kind `ward`");
    prior("b,cost,expected,doctor,*,normal,27,26,,,", "unknown model `normal`");
    prior("b,cost,expected,doctor,*,costs,0.0,26,,,", "a1 is zero");
    prior("b,cost,expected,doctor,*,costs,-1,26,,,", "`-1` is not a number of this kind");
    prior("b,cost,expected,doctor,*,costs,1.1234567890123,26,,,", "`1.1234567890123` is not a number of this kind");
    prior("b,cost,expected,doctor,*,costs,8,14,46,45,1", "w is not between 0 and 1");
    prior("b,cost,expected,doctor,*,costs,8,14,46,45,0", "w is not between 0 and 1");
    prior("b,cost,expected,doctor,*,costs,8,14,46,,0.02", "half of a second component");
    prior("b,cost,expected,doctor,*,costs,8,14,46,45,", "half of a second component");
    prior("b,tests,expected,doctor,*,costs,27,26,,,", "`tests` is no indicator of baseline `b`");
    prior("c,cost,expected,doctor,*,costs,27,26,,,", "unknown baseline `c`");
    let twice = format!("{SOUND_PRIOR}{SOUND_PRIOR}");
    check(&PRIORS, Rows { priors: &twice, ..SOUND }, &[(3, "duplicate key `b cost expected institution *`")]);

    let expected = |row: &str, expect: &str| check(&EXPECTED, Rows { expected: &format!("{row},x\n"), ..SOUND }, &[(2, expect)]);
    expected("b,H99010100001,2026-13,stay,10", "`2026-13` is not a month");
    expected("b,H99010100001,2026-1,stay,10", "`2026-1` is not a month");
    expected("b,H99010100001,2026-01-01,stay,10", "`2026-01-01` is not a month");
    expected("b,H9901,2026-01,stay,10", "`H9901` is no institution code");
    expected("b,H99010100001,2026-01,bed,10", "unknown case `bed`");
    expected("b,H99010100001,2026-01,stay,10.00001", "`10.00001` is not a number of this kind");
    expected("c,H99010100001,2026-01,stay,10", "unknown baseline `c`");
    let twice = format!("{SOUND_EXPECTED}{SOUND_EXPECTED}");
    check(&EXPECTED, Rows { expected: &twice, ..SOUND }, &[(3, "duplicate key `b H99010100001 2026-01 stay`")]);
}

const CHAIN: &str = "b,cost,304,65-,3,inpatient,310,29,50,4,,,,,,2026-01-01,,x\n\
                     b,cost,304,65-,3,inpatient,*,71,40.25,9.0001,90,80,0.05,1.5,2.25,2026-01-01,2027-01-01,x\n\
                     b,cost,304,65-,3,inpatient,*,99,41,9,,,,,,2027-01-01,,x\n\
                     b,cost,304,*,3,inpatient,*,72,30,9,90,70,0.05,1,2,2026-01-01,,x\n\
                     b,cost,304,*,*,inpatient,*,5000,20,9,90,60,0.05,1,2,2026-01-01,,x\n";
const CASE: Stratum<'_> =
    Stratum { disease_group: Some("304"), age: Some(66), inst_level: Some(3), setting: Some("inpatient"), insutype: Some("310") };

#[test]
fn the_nearest_cell_of_enough_cases_answers() {
    let snapshot = Rows { cells: CHAIN, ..SOUND }.load();
    let baseline = snapshot.baseline("b").unwrap();
    let found =
        |stratum: Stratum<'_>, at: &str| baseline.cell("cost", stratum, day(at)).map(|(fallback, cell)| (fallback.level(), cell.mean));
    // 29 cases are too few; 30 and more are enough.
    assert_eq!(found(CASE, "2026-06-01"), Some((1, 4025)));
    assert_eq!(found(CASE, "2026-12-31"), Some((1, 4025)));
    assert_eq!(found(CASE, "2027-01-01"), Some((1, 4100)));
    assert_eq!(found(CASE, "2025-12-31"), None);
    assert_eq!(found(Stratum { age: Some(64), ..CASE }, "2026-06-01"), Some((3, 3000)));
    assert_eq!(found(Stratum { age: None, insutype: None, ..CASE }, "2026-06-01"), Some((3, 3000)));
    assert_eq!(found(Stratum { inst_level: None, ..CASE }, "2026-06-01"), Some((7, 2000)));
    for unknown in [Stratum { disease_group: None, ..CASE }, Stratum { setting: Some("emergency"), ..CASE }] {
        assert_eq!(found(unknown, "2026-06-01"), None, "{unknown:?}");
    }
    assert_eq!(baseline.cell("days", CASE, day("2026-06-01")), None);
    let indicator = baseline.indicator("cost").unwrap();
    let fitting: Vec<u64> = indicator.fitting(CASE, day("2026-06-01")).map(|(_, cell)| cell.n).collect();
    assert_eq!(fitting, [29, 71, 72, 5000]);
    // A ceiling wants more cases than a mean.
    let (fallback, cell, over) = indicator.ceiling(CASE, day("2026-06-01")).unwrap();
    assert_eq!((fallback.level(), cell.n, over.ceiling), (3, 72, Some(7000)));

    let (_, cell) = baseline.cell("cost", CASE, day("2026-06-01")).unwrap();
    assert_eq!((cell.n, cell.variance, cell.cap), (71, 90_001, Some(9000)));
    assert_eq!(cell.over, Some(Over { ceiling: Some(8000), rate: 50_000, mean: 150, variance: 22_500 }));
    assert_eq!(cell.place.to_string(), "304 65- 3 inpatient *");
}

#[test]
fn priors_and_expected_cases_are_found_by_whom_they_are_for() {
    let priors = "b,cost,expected,institution,*,costs,27,26,,,,0,x\n\
                  b,cost,expected,institution,level 3,costs,8,14,46,45.5,0.02,211,x\n\
                  b,cost,over_share,doctor,*,counts,25,25,,,,0,x\n";
    let expected = "b,H99010100001,2026-01,stay,10.5,x\nb,H99010100001,2026-01,visit,2000,x\nb,H99010100001,2026-02,stay,0,x\n";
    let snapshot = Rows { priors, expected, ..SOUND }.load();
    let baseline = snapshot.baseline("b").unwrap();
    let prior = |measure, kind, class| baseline.prior("cost", measure, kind, class).copied();
    let fixed = Prior { model: Model::Costs, ordinary: Component { shape: 27.0, rate: 26.0 }, outlier: None, units: 0 };
    let fitted = Prior {
        model: Model::Costs,
        ordinary: Component { shape: 46.0, rate: 45.5 },
        outlier: Some((0.02, Component { shape: 8.0, rate: 14.0 })),
        units: 211,
    };
    let of_expected = |class| prior(Measure::Expected, UnitKind::Institution, class);
    assert_eq!((of_expected(None), of_expected(Some("level 2"))), (Some(fixed), Some(fixed)));
    assert_eq!(of_expected(Some("level 3")), Some(fitted));
    assert_eq!(prior(Measure::OverShare, UnitKind::Doctor, None).map(|prior| prior.model), Some(Model::Counts));
    assert_eq!(prior(Measure::Expected, UnitKind::Doctor, None), None);

    let cases = |institution: &str, month: &str, case| baseline.expected(institution, Month::parse(month).unwrap(), case);
    assert_eq!(cases("H99010100001", "2026-01", Case::Stay), Some(105_000));
    assert_eq!(cases("H99010100001", "2026-01", Case::Visit), Some(20_000_000));
    assert_eq!(cases("H99010100001", "2026-02", Case::Stay), Some(0));
    assert_eq!(cases("H99010100001", "2026-02", Case::Visit), None);
    assert_eq!(cases("H99010100002", "2026-01", Case::Stay), None);
    for (of, month) in [("2026-02-01", "2026-02"), ("2024-02-29", "2024-02"), ("1969-12-31", "1969-12")] {
        assert_eq!(Month::of_day(day(of)), Month::parse(month), "{of}");
    }
}

#[test]
fn a_digest_names_one_version_and_nothing_else() {
    let digest = |rows: Rows<'_>| rows.load().baseline("b").map(|baseline| baseline.digest());
    let first = digest(Rows { cells: CHAIN, ..SOUND });
    let mut backwards: Vec<&str> = CHAIN.lines().collect();
    backwards.reverse();
    let backwards = format!("{}\n", backwards.join("\n"));
    let others = "c,cost,*,*,*,*,*,100,10.5,2,,,,,,2026-01-01,,x\n";
    let both = format!("{backwards}{others}");
    let indicators = format!("c,cost,amount,2025-01-01,2026-01-01,费用,cost,,x\n{INDICATORS_OF_B}");
    assert_eq!(first, digest(Rows { cells: &backwards, ..SOUND }));
    assert_eq!(first, digest(Rows { cells: &both, indicators: &indicators, ..SOUND }));
    let changed = CHAIN.replace("40.25", "40.26");
    assert_ne!(first, digest(Rows { cells: &changed, ..SOUND }));
    assert_ne!(first, digest(Rows { cells: CHAIN, priors: "", ..SOUND }));
    assert_ne!(first, digest(Rows { cells: CHAIN, expected: "", ..SOUND }));
    let renamed = indicators.replace("费用,cost,,x\nb,days", "总费用,cost,,x\nb,days");
    assert_ne!(first, digest(Rows { cells: CHAIN, indicators: &renamed, ..SOUND }));
}

/// Exit code, standard output, standard error.
fn claimsift(args: &[&str]) -> (Option<i32>, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_claimsift")).args(args).output().expect("claimsift starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[test]
fn the_command_tells_what_baselines_hold_and_which_cell_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let rows = Rows { cells: CHAIN, ..SOUND };
    rows.write(folder.path());
    let (code, text, said) = claimsift(&["baseline", "check", "--reference", &path]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let digest = rows.load().baseline("b").unwrap().digest().to_string();
    for part in [&digest, "2025-01-01 to 2026-01-01", "27, 26", "expected cases: institutions 1, months 1", "1 baseline, no mistakes"] {
        assert!(text.contains(part), "{part}\n{text}");
    }

    let cell = "disease_group=304,age=66,inst_level=3,setting=inpatient,insutype=310";
    let args = ["baseline", "show", "--indicator", "cost", "--cell", cell, "--at", "2026-06-01", "--reference", &path];
    let (code, text, said) = claimsift(&args);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let lines: Vec<&str> = text.lines().collect();
    let line = |part: &str| *lines.iter().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}\n{text}"));
    assert!(line("304 65- 3 inpatient 310").contains("too few: below 30"), "{text}");
    assert!(line("304 65- 3 inpatient *").contains("expected") && line("304 65- 3 inpatient *").contains("40.25"), "{text}");
    assert!(line("304 * 3 inpatient *").contains("ceiling") && line("304 * 3 inpatient *").contains("70.00"), "{text}");
    let (_, text, _) = claimsift(&["baseline", "show", "--cell", "age=3", "--at", "2026-06-01", "--reference", &path]);
    assert!(text.matches("no cell fits").count() == 2, "{text}");
    let (_, text, _) = claimsift(&["baseline", "show", "--reference", &path]);
    assert!(text.contains("5000") && text.contains("费用 cost, in 元"), "{text}");

    for (args, told) in [
        (&["--baseline", "c"][..], "c: no such baseline; known are b"),
        (&["--indicator", "tests"], "tests: no indicator of baseline b; known are cost, days"),
    ] {
        let (code, text, said) = claimsift(&[&["baseline", "show", "--reference", &path], args].concat());
        assert_eq!((code, text.as_str()), (Some(1), ""));
        assert!(said.contains(told), "{said}");
    }
    Rows { cells: &CHAIN.replace(",3,", ",4,"), ..SOUND }.write(folder.path());
    for verb in ["check", "show"] {
        let (code, text, said) = claimsift(&["baseline", verb, "--reference", &path]);
        assert_eq!((code, text.as_str()), (Some(1), ""));
        assert!(said.contains("unknown inst_level `4`") && said.contains("baseline_cells.csv:2"), "{said}");
    }
}

/// What the discharges had and what their own baseline expects of them agree.
/// They lie beside a full checkout only.
#[test]
fn real_stays_together_have_what_their_baseline_expects() {
    let path = feed::path("../shared/data/ny-discharges-2020/settlements.ndjson.gz");
    if !path.exists() {
        println!("no real discharges beside this checkout: nothing is computed");
        return;
    }
    let stays = ny_baseline::read(&path);
    assert_eq!(stays.len(), 36_631);
    let folder = tempfile::tempdir().unwrap();
    ny_baseline::write(&stays, folder.path());
    let snapshot = Snapshot::load(&[Folder::read(folder.path()).unwrap()]).unwrap_or_else(|mistakes| panic!("{}", render(&mistakes)));
    let baseline = snapshot.baseline(ny_baseline::NAME).unwrap();
    let at = day(ny_baseline::FIRST_DAY);
    for of in &ny_baseline::INDICATORS_OF_STAYS {
        let indicator = baseline.indicator(of.name).unwrap();
        let n: u64 = indicator.cells().iter().map(|cell| cell.n).sum();
        assert_eq!(n, stays.len() as u64, "{}", of.name);
        // Of each cell: cases, what they had, what was expected, squares, cases above the ceiling.
        let mut sums = vec![(0_u64, 0_i128, 0_i128, 0_i128, 0_u64); indicator.cells().len()];
        for stay in &stays {
            let stratum = Stratum {
                disease_group: Some(&stay.group),
                age: Some(stay.age),
                inst_level: None,
                setting: Some(ny_baseline::SETTING),
                insutype: Some(&stay.insutype),
            };
            let (_, cell) = indicator.cell(stratum, at).unwrap_or_else(|| panic!("no cell for {stay:?}"));
            let place = indicator.cells().iter().position(|other| other == cell).unwrap();
            let value = (of.value)(stay);
            let capped = i128::from(cell.cap.map_or(value, |cap| cap.min(value)));
            let (cases, had, expected, squares, above) = &mut sums[place];
            *cases += 1;
            *had += capped;
            *expected += i128::from(cell.mean);
            *squares += (capped - i128::from(cell.mean)).pow(2);
            *above += u64::from(cell.over.and_then(|over| over.ceiling).is_some_and(|ceiling| value > ceiling));
        }
        let (mut had_by_all, mut expected_of_all) = (0, 0);
        for (cell, (cases, had, expected, squares, above)) in indicator.cells().iter().zip(&sums) {
            let n = i128::from(cell.n);
            assert_eq!(*cases, cell.n, "{} {}", of.name, cell.place);
            // A mean is rounded by half of its last decimal at most, and so is a variance.
            assert!(2 * (had - expected).abs() <= n, "{} {}: {had} and {expected}", of.name, cell.place);
            assert!((squares - (n - 1) * cell.variance).abs() <= n, "{} {}: {squares}", of.name, cell.place);
            if let Some(over) = cell.over {
                let share = *above as f64 / cell.n as f64;
                assert!((share * 1e6 - over.rate as f64).abs() <= 0.5 && share <= 0.05, "{} {}: {share}", of.name, cell.place);
            }
            had_by_all += had;
            expected_of_all += expected;
        }
        let ratio = had_by_all as f64 / expected_of_all as f64;
        assert!((ratio - 1.0).abs() < 1e-6, "{}: {ratio}", of.name);
        println!("{}: {} cells, had {had_by_all}, expected {expected_of_all}", of.name, indicator.cells().len());
    }
    let facilities: BTreeSet<&str> = stays.iter().map(|stay| stay.facility.as_str()).collect();
    let mut cases = 0;
    for month in 1..=12 {
        let month = Month::parse(&format!("2020-{month:02}")).unwrap();
        cases += facilities.iter().filter_map(|facility| baseline.expected(facility, month, Case::Stay)).sum::<i64>();
    }
    assert_eq!(cases, 10_000 * 36_631);
    assert_eq!(baseline.expected_size(), (169, 12));
}
