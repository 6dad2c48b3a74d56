//! Rules over one batch of lines: the graph of shared sub-expressions against
//! the library's evaluator run rule by rule, in the same process.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::Date32Array;
use arrow::array::Decimal128Array;
use arrow::array::Int32Array;
use arrow::array::StringArray;
use arrow::array::TimestampSecondArray;
use arrow::array::UInt32Array;
use arrow::array::cast::AsArray as _;
use arrow::datatypes::DataType;
use arrow::datatypes::TimeUnit;
use claimsift::expr::Columns;
use claimsift::expr::Grain;
use claimsift::expr::Input;
use claimsift::expr::Params;
use claimsift::expr::Plain;
use claimsift::expr::Program;
use claimsift::expr::ProgramBuilder;
use claimsift::expr::Typed;
use claimsift::expr::Want;
use claimsift::expr::parse;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_pcg::Pcg64;

const LINES: usize = 8192;
const LINES_PER_HEADER: usize = 13;
const SECONDS_PER_MEASUREMENT: f64 = 2.0;
/// Rules and the least ratio of the graph to rule by rule.
const FLOORS: [(usize, f64); 2] = [(30, 2.0), (300, 3.0)];

fn columns() -> Columns {
    let time = DataType::Timestamp(TimeUnit::Second, None);
    Columns::new()
        .with("header", "gend", DataType::Utf8, Grain::Header)
        .with("header", "med_type", DataType::Utf8, Grain::Header)
        .with("header", "hosp_lv", DataType::Utf8, Grain::Header)
        .with("header", "area", DataType::Utf8, Grain::Header)
        .with("header", "diag_codes", DataType::Utf8, Grain::Header)
        .with("header", "online", DataType::Boolean, Grain::Header)
        .with("header", "brdy", DataType::Date32, Grain::Header)
        .with("header", "setl_time", time.clone(), Grain::Header)
        .with("header", "ipt_days", DataType::Int32, Grain::Header)
        .with("line", "med_list_codg", DataType::Utf8, Grain::Line)
        .with("line", "cnt", DataType::Decimal128(18, 4), Grain::Line)
        .with("line", "pric", DataType::Decimal128(18, 6), Grain::Line)
        .with("line", "amount", DataType::Decimal128(18, 2), Grain::Line)
        .with("line", "days", DataType::Decimal128(18, 4), Grain::Line)
        .with("line", "chrgitm_lv", DataType::Utf8, Grain::Line)
        .with("line", "fee_ocur_time", time, Grain::Line)
        .with("ref", "special_class", DataType::Utf8, Grain::Line)
        .with("ref", "sex_limit", DataType::Utf8, Grain::Line)
}

/// Rules of six shapes, with other constants each time a shape comes again.
fn rules(count: usize) -> Vec<String> {
    let rule = |at: usize| {
        let (shape, turn) = (at % 6, at / 6);
        let code = |offset: usize| format!("XG04CAA0{:02}A001010100001", (turn * 3 + offset) % 100);
        match shape {
            0 => format!("line.med_list_codg in ('{}', '{}', '{}') and header.gend <> '1' and line.cnt > 0", code(0), code(1), code(2)),
            1 => {
                let (age, group) = (6 + turn % 12, turn % 10);
                format!(
                    "age_on(header.brdy, header.setl_time) < {age} and line.med_list_codg like 'XG04CAA0{group}%' and ref.sex_limit in ('1', '2')"
                )
            }
            2 => format!("line.pric > {}.5 and line.cnt >= 1 and header.hosp_lv in ('01', '02', '03')", 10 + turn),
            3 => format!(
                "ref.special_class in ('NARC', 'PSY1') and line.days / nullif(line.cnt, 0) > {} and header.online is not false",
                1 + turn
            ),
            4 => {
                format!("header.med_type = '{}' and header.area like '99010{}%' and line.amount > {}", 11 + turn % 10, turn % 10, 20 + turn)
            }
            _ => {
                let (from, to, days) = (turn % 50, turn % 50 + 40, turn % 7);
                format!(
                    "icd_in(header.diag_codes, 'C{from:02}-C{to:02}') and ref.special_class in ('PSY2', 'NARC') and header.ipt_days > {days}"
                )
            }
        }
    };
    let gates = "line.chrgitm_lv <> '03' and line.amount > 0 and header.med_type not in ('41', '4101')";
    (0..count).map(|at| format!("({}) and {gates}", rule(at))).collect()
}

fn column(name: &str, data_type: &DataType, rows: usize, random: &mut Pcg64) -> ArrayRef {
    let mut text = |choices: &[&str], nulls: f64| -> ArrayRef {
        let cells = (0..rows).map(|_| (!random.random_bool(nulls)).then(|| choices[random.random_range(0..choices.len())].to_owned()));
        Arc::new(cells.collect::<StringArray>())
    };
    let codes: Vec<String> =
        (0..1000).map(|code| format!("X{}04CAA0{:02}A001010100001", ['G', 'A', 'B', 'C', 'N'][code % 5], code / 10)).collect();
    match name {
        "header.gend" => text(&["1", "2"], 0.01),
        "header.med_type" => text(&["11", "12", "13", "14", "21", "41", "9901"], 0.01),
        "header.hosp_lv" => text(&["01", "02", "03", "05", "08", "11"], 0.05),
        "header.area" => text(&["990101", "990102", "990103"], 0.0),
        "header.diag_codes" => text(&[";I10;", ";E11.9;I10;", ";C34.9;", ";J06.9;R05;", ";C50.1;R52.0;"], 0.02),
        "line.med_list_codg" => text(&codes.iter().map(String::as_str).collect::<Vec<_>>(), 0.0),
        "line.chrgitm_lv" => text(&["01", "02", "03"], 0.02),
        "ref.special_class" => text(&["NONE", "NONE", "NONE", "NONE", "NONE", "NONE", "PSY2", "NARC"], 0.1),
        "ref.sex_limit" => text(&["0", "0", "0", "0", "1", "2"], 0.0),
        _ => match data_type {
            DataType::Boolean => {
                Arc::new((0..rows).map(|_| random.random_bool(0.9).then(|| random.random_bool(0.1))).collect::<BooleanArray>())
            }
            DataType::Int32 => Arc::new((0..rows).map(|_| Some(random.random_range(0..20))).collect::<Int32Array>()),
            DataType::Date32 => Arc::new((0..rows).map(|_| Some(random.random_range(-10_000..20_000))).collect::<Date32Array>()),
            DataType::Timestamp(..) => {
                let seconds = (0..rows).map(|_| Some(random.random_range(1_700_000_000..1_772_000_000)));
                Arc::new(seconds.collect::<TimestampSecondArray>())
            }
            decimal => {
                let places = if let DataType::Decimal128(_, places) = decimal { i32::from(*places) } else { 0 };
                let one = 10_i128.pow(u32::try_from(places).unwrap_or(0));
                let cells = (0..rows).map(|_| random.random_bool(0.98).then(|| i128::from(random.random_range(0..200)) * one / 2));
                Arc::new(cells.collect::<Decimal128Array>().with_data_type(decimal.clone()))
            }
        },
    }
}

struct Batch {
    columns: Vec<ArrayRef>,
    headers: usize,
    parents: UInt32Array,
}

fn batch(program: &Program) -> Batch {
    let mut random = Pcg64::seed_from_u64(7);
    let mut parents = Vec::with_capacity(LINES);
    let mut header = 0_u32;
    while parents.len() < LINES {
        let lines = 1 + random.random_range(0..LINES_PER_HEADER - 1);
        parents.extend(std::iter::repeat_n(header, lines.min(LINES - parents.len())));
        header += 1;
    }
    let headers = header as usize;
    let cells = program.columns().iter().map(|def| {
        let rows = if def.grain == Grain::Header { headers } else { LINES };
        column(&def.name, &def.data_type, rows, &mut random)
    });
    Batch { columns: cells.collect(), headers, parents: parents.into() }
}

/// Lines a second, the best of a number of runs.
fn measure(mut run: impl FnMut() -> Vec<ArrayRef>) -> f64 {
    let mut best = f64::INFINITY;
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < SECONDS_PER_MEASUREMENT {
        let before = Instant::now();
        black_box(run());
        best = best.min(before.elapsed().as_secs_f64());
    }
    LINES as f64 / best
}

fn hits(results: &[ArrayRef]) -> usize {
    results.iter().map(|result| result.as_boolean().true_count()).sum()
}

fn main() {
    let columns = columns();
    let mut report = String::new();
    let mut slow = false;
    for (count, floor) in FLOORS {
        let texts = rules(count);
        let before = Instant::now();
        let typed: Vec<Typed> = texts
            .iter()
            .map(|sql| parse(sql, &columns, Want::Boolean, &Params::default()).unwrap_or_else(|errors| panic!("{sql}: {errors:?}")))
            .collect();
        let parsed = before.elapsed();
        let before = Instant::now();
        let mut builder = ProgramBuilder::new(&columns);
        for one in &typed {
            builder.add(one, Grain::Line);
        }
        let program = builder.build();
        let built = before.elapsed();

        let batch = batch(&program);
        let input = Input { columns: &batch.columns, header_rows: batch.headers, parents: &batch.parents };
        let plain = Plain::new(&typed, &columns).unwrap_or_else(|error| panic!("{error}"));
        assert!(plain.columns().iter().eq(program.columns()), "both read the same columns");
        // Spreading the header's columns is not counted against rule by rule.
        let flat: Vec<ArrayRef> = program
            .columns()
            .iter()
            .zip(&batch.columns)
            .map(|(def, array)| match def.grain {
                Grain::Header => arrow::compute::take(array, &batch.parents, None).unwrap_or_else(|error| panic!("{error}")),
                Grain::Line => Arc::clone(array),
            })
            .collect();
        let by_rule = || plain.evaluate(flat.clone()).unwrap_or_else(|error| panic!("{error}"));
        let found = program.evaluate(&input);
        assert_eq!(hits(&found), hits(&by_rule()), "both find the same");

        let graph = measure(|| program.evaluate(&input));
        let single = measure(by_rule);
        let ratio = graph / single;
        slow |= ratio < floor;
        let _ = writeln!(
            report,
            "{count} rules, {LINES} lines of {} headers, {} hits: graph {:.2} M lines/s ({:.2} ns per line and rule, {} nodes), \
             rule by rule {:.2} M lines/s, ratio {ratio:.2} (floor {floor}); typed in {:.1} ms, built in {:.1} ms",
            batch.headers,
            hits(&found),
            graph / 1e6,
            1e9 / graph / count as f64,
            program.nodes(),
            single / 1e6,
            parsed.as_secs_f64() * 1e3,
            built.as_secs_f64() * 1e3,
        );
    }
    print!("{report}");
    assert!(!slow, "slower than its floor");
}
