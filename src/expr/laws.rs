//! Laws: a row's values do not depend on other rows, on grains, or on what
//! else is in the program.

use std::sync::Arc;

use arrow::array::Array as _;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::Date32Array;
use arrow::array::Decimal128Array;
use arrow::array::Int32Array;
use arrow::array::StringArray;
use arrow::array::TimestampSecondArray;
use arrow::array::UInt32Array;
use arrow::array::cast::AsArray as _;
use arrow::array::new_empty_array;
use arrow::datatypes::DataType;
use proptest::prelude::*;

use super::builder::OutputId;
use super::builder::ProgramBuilder;
use super::columns::Columns;
use super::columns::Grain;
use super::plain::Plain;
use super::program::Input;
use super::program::Program;
use super::resolve::Typed;
use super::resolve::Want;
use super::resolve::parse;
use super::testing::columns;
use super::testing::params;

/// Expressions that succeed on tame values and meet every kernel.
const TAME: &[&str] = &[
    "header.gend in ('1', '2') and ref.sex_limit in ('1', '2') and header.gend <> ref.sex_limit",
    "header.gend = '1' or header.online",
    "not (header.gend = '2') and not header.online",
    "header.gend not in ('1', '9')",
    "age_on(header.brdy, header.setl_time) < 18 and line.cnt > 0",
    "days_between(header.setl_time, line.fee_ocur_time) between -3 and 3",
    "icd_in(header.diag_codes, 'C00-C97', 'I10') and line.amount > 10",
    "line.cnt * line.pric > line.amount",
    "line.cnt > header.ipt_days",
    "line.amount > header.medfee_sumamt",
    "coalesce(header.online, ref.delivery_item, false)",
    "case when line.cnt > 1 then header.gend when header.online then 'x' end = '1'",
    "line.med_list_codg like 'XG%' or header.area like '51%'",
    "substr(line.med_list_codg, 1, 2) = left(header.area, 2)",
    "header.gend || ref.sex_limit = '12'",
    "line.cnt > param.days_max",
    "ref.sex_limit = '1' and line.cnt > 1 and (substr(line.med_list_codg, 2, 1) = 'G' or line.amount > 10) and contains(header.area, '51')",
    "greatest(line.cnt, line.pric, 1) > 2",
    "header.online is not true and ref.delivery_item is null",
    "header.gend is distinct from ref.sex_limit",
    "line.cnt in (1, 2.5) or header.ipt_days in (1, 2, 3)",
    "false",
    "param.days_max > 2",
];
/// Expressions that fail on some hostile values.
const HOSTILE: &[&str] = &[
    "line.amount / line.cnt",
    "line.cnt % line.pric",
    "line.cnt * line.pric * line.amount * line.cnt",
    "header.ipt_days / (header.ipt_days - 3)",
    "-header.ipt_days",
    "header.ipt_days * header.ipt_days * 4611686018427387904",
    "cast(header.area as int) + header.ipt_days",
    "cast(header.diag_codes as decimal(18, 2)) > line.cnt",
    "cast(header.area as timestamp) < header.setl_time",
    "cast(line.cnt as int)",
    "header.setl_time + interval '100000 years'",
    "header.setl_time - interval '3 months' > line.fee_ocur_time",
    "header.brdy + interval '1 month'",
    "header.brdy < line.fee_ocur_time",
    "date_of(line.fee_ocur_time)",
    "date_part('year', header.setl_time)",
    "extract(day from header.brdy)",
    "date_trunc('month', header.setl_time)",
    "date_trunc(header.area, header.setl_time)",
    "split_part(header.diag_codes, ';', header.ipt_days)",
    "substr(header.diag_codes, header.ipt_days, header.ipt_days)",
    "left(header.diag_codes, header.ipt_days)",
    "right(header.diag_codes, header.ipt_days)",
    "abs(header.ipt_days)",
    "round(line.pric, 2)",
    "floor(line.cnt) + ceil(line.amount)",
    "trunc(line.pric)",
    "upper(header.area) || lower(header.diag_codes)",
    "replace(header.diag_codes, ';', header.area)",
    "in_group(header.diag_codes, 'I10')",
    "length(header.diag_codes) + strpos(header.diag_codes, ';')",
];

const HOSTILE_TEXTS: &[&str] =
    &["", "1", "2", "12", ";", ";I10;C50.1;", "XG04CAA", "510722", "99999999999", "-1", "1e9", "month", "'", "痛;", "2024-01-01"];

/// One row: the header's cells and the line's, in the order of the columns.
type Row = (Option<String>, Option<String>, Option<bool>, Option<i32>, Option<i64>, Option<i128>);

fn hostile_row() -> impl Strategy<Value = Row> {
    let text =
        prop_oneof![Just(None), prop::sample::select(HOSTILE_TEXTS).prop_map(|text| Some(text.to_owned())), ".{0,5}".prop_map(Some),];
    let whole =
        prop_oneof![Just(None), prop::sample::select(vec![i32::MIN, -1, 0, 1, 3, i32::MAX]).prop_map(Some), any::<i32>().prop_map(Some)];
    let time = prop_oneof![
        Just(None),
        prop::sample::select(vec![i64::MIN, -1, 0, 86_399, 253_402_300_799, 1_772_699_400, i64::MAX]).prop_map(Some),
        any::<i64>().prop_map(Some)
    ];
    let top = 999_999_999_999_999_999_i128;
    let decimal = prop_oneof![
        Just(None),
        prop::sample::select(vec![-top, -1, 0, 1, 25_000, 1_000_000, top]).prop_map(Some),
        (-top..=top).prop_map(Some)
    ];
    (text.clone(), text, any::<Option<bool>>(), whole, time, decimal)
}

fn tame_row() -> impl Strategy<Value = Row> {
    let code = prop::sample::select(vec![None, Some("1"), Some("2"), Some("510722"), Some("XG04"), Some(";I10;C50.1;")]);
    let code = code.prop_map(|text| text.map(str::to_owned));
    let time = prop::option::of(1_000_000_000_i64..2_000_000_000);
    (code.clone(), code, any::<Option<bool>>(), prop::option::of(0..20_000_i32), time, prop::option::of(-100_000_i128..100_000))
}

/// The column of a type out of rows, turned by its position so that columns of
/// one type differ.
fn column(rows: &[Row], data_type: &DataType, turn: usize) -> ArrayRef {
    let at = |row: usize| &rows[(row + turn) % rows.len()];
    let all = 0..rows.len();
    match data_type {
        DataType::Utf8 => {
            Arc::new(all.map(|row| if turn.is_multiple_of(2) { at(row).0.clone() } else { at(row).1.clone() }).collect::<StringArray>())
        }
        DataType::Boolean => Arc::new(all.map(|row| at(row).2).collect::<BooleanArray>()),
        DataType::Int32 => Arc::new(all.map(|row| at(row).3).collect::<Int32Array>()),
        DataType::Date32 => Arc::new(all.map(|row| at(row).3).collect::<Date32Array>()),
        DataType::Timestamp(..) => Arc::new(all.map(|row| at(row).4).collect::<TimestampSecondArray>()),
        decimal => Arc::new(all.map(|row| at(row).5).collect::<Decimal128Array>().with_data_type(decimal.clone())),
    }
}

fn typed(columns: &Columns, texts: &[&str]) -> Vec<Typed> {
    texts.iter().map(|sql| parse(sql, columns, Want::Any, &params()).unwrap_or_else(|errors| panic!("{sql}: {errors:?}"))).collect()
}

fn program(columns: &Columns, texts: &[&str]) -> Program {
    let mut builder = ProgramBuilder::new(columns);
    for typed in typed(columns, texts) {
        builder.add(&typed, Grain::Line);
    }
    builder.build()
}

/// A batch whose line `n` belongs to header `n / 3`.
struct Batch {
    columns: Vec<ArrayRef>,
    headers: usize,
    parents: UInt32Array,
}

impl Batch {
    fn new(program: &Program, rows: &[Row]) -> Self {
        let headers = rows.len().div_ceil(3);
        let parents = (0..rows.len()).map(|line| u32::try_from(line / 3).unwrap()).collect::<Vec<_>>().into();
        let columns = program.columns().iter().enumerate().map(|(turn, column_def)| {
            let array = column(rows, &column_def.data_type, turn);
            if column_def.grain == Grain::Header { array.slice(0, headers) } else { array }
        });
        Self { columns: columns.collect(), headers, parents }
    }

    fn input(&self) -> Input<'_> {
        Input { columns: &self.columns, header_rows: self.headers, parents: &self.parents }
    }

    /// Every column with a row per line.
    fn flat(&self, program: &Program) -> Vec<ArrayRef> {
        let spread = |(def, array): (&super::columns::ColumnDef, &ArrayRef)| match def.grain {
            Grain::Header => arrow::compute::take(array, &self.parents, None).unwrap(),
            Grain::Line => Arc::clone(array),
        };
        program.columns().iter().zip(&self.columns).map(spread).collect()
    }

    fn one_line(&self, program: &Program, line: usize) -> (Vec<ArrayRef>, UInt32Array) {
        let header = self.parents.value(line) as usize;
        let cut =
            |(def, array): (&super::columns::ColumnDef, &ArrayRef)| array.slice(if def.grain == Grain::Header { header } else { line }, 1);
        (program.columns().iter().zip(&self.columns).map(cut).collect(), UInt32Array::from(vec![0]))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn one_row_alone_equals_the_row_in_a_batch(rows in prop::collection::vec(hostile_row(), 1..40)) {
        let texts: Vec<&str> = TAME.iter().chain(HOSTILE).copied().collect();
        let program = program(&columns(), &texts);
        let batch = Batch::new(&program, &rows);
        let whole = program.evaluate(&batch.input());
        for line in 0..rows.len() {
            let (columns, parents) = batch.one_line(&program, line);
            let alone = program.evaluate(&Input { columns: &columns, header_rows: 1, parents: &parents });
            for ((text, whole), alone) in texts.iter().zip(&whole).zip(&alone) {
                prop_assert_eq!(&*whole.slice(line, 1), &**alone, "{} in line {}", text, line);
            }
        }
    }

    #[test]
    fn some_rows_alone_equal_those_rows_of_all(rows in prop::collection::vec(hostile_row(), 1..80), few in prop::collection::vec(0..80_usize, 0..6)) {
        let texts: Vec<&str> = TAME.iter().chain(HOSTILE).copied().collect();
        let program = program(&columns(), &texts);
        let batch = Batch::new(&program, &rows);
        let input = batch.input();
        let whole = program.evaluate(&input);
        let few: UInt32Array = few.into_iter().filter(|row| *row < rows.len()).map(|row| u32::try_from(row).unwrap()).collect::<Vec<_>>().into();
        let mut run = program.run(&input);
        for (place, (text, whole)) in texts.iter().zip(&whole).enumerate() {
            let expect = arrow::compute::take(whole, &few, None).unwrap();
            prop_assert_eq!(&*run.output_at(OutputId(place), &few), &*expect, "{}", text);
        }
    }

    #[test]
    fn header_columns_give_what_they_give_line_by_line(rows in prop::collection::vec(hostile_row(), 1..40)) {
        let texts: Vec<&str> = TAME.iter().chain(HOSTILE).copied().collect();
        let program = program(&columns(), &texts);
        let all_lines = columns().iter().fold(Columns::new(), |all, column| {
            let (qualifier, name) = column.name.split_once('.').unwrap();
            all.with(qualifier, name, column.data_type.clone(), Grain::Line)
        });
        let flat_program = self::program(&all_lines, &texts);
        let batch = Batch::new(&program, &rows);
        let flat = batch.flat(&program);
        let expect = flat_program.evaluate(&Input { columns: &flat, header_rows: 0, parents: &batch.parents });
        for ((text, found), expect) in texts.iter().zip(program.evaluate(&batch.input())).zip(&expect) {
            prop_assert_eq!(&*found, &**expect, "{}", text);
        }
    }

    #[test]
    fn tame_rows_give_what_the_library_gives(rows in prop::collection::vec(tame_row(), 1..40)) {
        let program = program(&columns(), TAME);
        let batch = Batch::new(&program, &rows);
        let plain = Plain::new(&typed(&columns(), TAME), &columns()).unwrap();
        prop_assert!(plain.columns().iter().eq(program.columns()));
        let expect = plain.evaluate(batch.flat(&program)).unwrap();
        for ((text, found), expect) in TAME.iter().zip(program.evaluate(&batch.input())).zip(&expect) {
            prop_assert_eq!(&*found, &**expect, "{}", text);
        }
    }

    #[test]
    fn conditions_follow_kleene(formula in formula(), cells in prop::collection::vec(any::<[Option<bool>; 3]>(), 1..70)) {
        let names = ["header.online", "ref.delivery_item", "header.gend = '1'"];
        let program = program(&columns(), &[&formula.sql(&names)]);
        let parents: UInt32Array = (0..u32::try_from(cells.len()).unwrap()).collect::<Vec<_>>().into();
        let arrays: Vec<ArrayRef> = program.columns().iter().map(|column| -> ArrayRef {
            let cell = |at: usize| cells.iter().map(move |cells| cells[at]);
            match column.name.as_str() {
                "header.online" => Arc::new(cell(0).collect::<BooleanArray>()),
                "ref.delivery_item" => Arc::new(cell(1).collect::<BooleanArray>()),
                _ => Arc::new(cell(2).map(|one| one.map(|one| if one { "1" } else { "2" })).collect::<StringArray>()),
            }
        }).collect();
        let found = program.evaluate(&Input { columns: &arrays, header_rows: cells.len(), parents: &parents });
        let expect: BooleanArray = cells.iter().map(|cells| formula.value(cells)).collect();
        prop_assert_eq!(found[0].as_boolean(), &expect, "{}", formula.sql(&names));
    }
}

#[derive(Clone, Debug)]
enum Formula {
    Cell(usize),
    Constant(Option<bool>),
    Not(Box<Formula>),
    And(Box<Formula>, Box<Formula>),
    Or(Box<Formula>, Box<Formula>),
}

fn formula() -> impl Strategy<Value = Formula> {
    let leaf = prop_oneof![4 => (0..3_usize).prop_map(Formula::Cell), 1 => any::<Option<bool>>().prop_map(Formula::Constant)];
    leaf.prop_recursive(5, 24, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|one| Formula::Not(Box::new(one))),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| Formula::And(Box::new(one), Box::new(other))),
            (inner.clone(), inner).prop_map(|(one, other)| Formula::Or(Box::new(one), Box::new(other))),
        ]
    })
}

impl Formula {
    fn sql(&self, names: &[&str]) -> String {
        match self {
            Self::Cell(at) => format!("({})", names[*at]),
            Self::Constant(value) => value.map_or_else(|| "cast(null as boolean)".to_owned(), |value| value.to_string()),
            Self::Not(one) => format!("not ({})", one.sql(names)),
            Self::And(one, other) => format!("({} and {})", one.sql(names), other.sql(names)),
            Self::Or(one, other) => format!("({} or {})", one.sql(names), other.sql(names)),
        }
    }

    fn value(&self, cells: &[Option<bool>; 3]) -> Option<bool> {
        match self {
            Self::Cell(at) => cells[*at],
            Self::Constant(value) => *value,
            Self::Not(one) => one.value(cells).map(|value| !value),
            Self::And(one, other) => match (one.value(cells), other.value(cells)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Self::Or(one, other) => match (one.value(cells), other.value(cells)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }
}

#[test]
fn equal_parts_are_one_node_and_only_needed_columns_are_asked_for() {
    let one = program(&columns(), &["line.cnt > 3 and header.gend = '1'"]);
    let ways = ["line.cnt > 3 and header.gend = '1'", "header.gend = '1' and 3 < line.cnt", "line.cnt > 3.0000 and '1' = header.gend"];
    let same = program(&columns(), &ways);
    assert_eq!(one.nodes(), same.nodes());
    let names = |program: &Program| program.columns().iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&same), ["header.gend", "line.cnt"]);
    assert_eq!(names(&program(&columns(), &["false and line.cnt > 3", "1 = 1"])), [""; 0]);
}

#[test]
fn a_program_is_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Program>();
}

#[test]
fn a_batch_without_rows_gives_columns_without_rows() {
    let program = program(&columns(), &["line.cnt > 3 and header.gend = '1'", "1 = 1", "header.gend"]);
    let empty: Vec<ArrayRef> = program.columns().iter().map(|column| new_empty_array(&column.data_type)).collect();
    let result = program.evaluate(&Input { columns: &empty, header_rows: 0, parents: &UInt32Array::from(Vec::<u32>::new()) });
    assert!(result.iter().all(|array| array.is_empty()));
}

#[test]
fn an_explanation_lists_every_part_with_its_value() {
    let texts = ["header.gend = '2' and (line.cnt / 0 > 1 or line.cnt * 2 > param.days_max) and header.online is not true"];
    let program = program(&columns(), &texts);
    let rows: Vec<Row> = vec![(Some("2".to_owned()), Some("510722".to_owned()), None, Some(3), None, Some(45_000)); 5];
    let batch = Batch::new(&program, &rows);
    let lines = program.explain(&batch.input(), super::OutputId(0), 4);
    let told = |words: &str| lines.iter().find(|(text, _)| text == words).map(|(_, value)| value.as_str());
    assert_eq!(told("line.cnt"), Some("4.5000"), "{lines:#?}");
    assert_eq!(told("line.cnt / 0"), Some("NULL"), "{lines:#?}");
    assert_eq!(told("line.cnt / 0 > 1"), Some("NULL"), "{lines:#?}");
    assert_eq!(told("line.cnt * 2"), Some("9.0000"), "{lines:#?}");
    assert_eq!(told("header.online is not true"), Some("true"), "{lines:#?}");
    assert!(told("header.gend = '2'").is_some(), "{lines:#?}");
    assert_eq!(lines.last().map(|(_, value)| value.as_str()), Some("NULL"), "{lines:#?}");
    assert!(program.evaluate(&batch.input())[0].is_null(4));
}
