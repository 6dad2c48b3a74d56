//! Bills of a run, as cases take them in: attribution, kind of case, and what
//! each definition counts of them.

use arrow::array::Array as _;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::Decimal128Array;
use arrow::array::UInt32Array;
use arrow::datatypes::DataType;

use crate::base::decimal::divide_round;
use crate::base::decimal::pow10;
use crate::base::limits::GROUP_TEXT_BYTES_MAX;
use crate::base::time::SECONDS_PER_DAY;
use crate::base::time::age_years;
use crate::engine::Engine;
use crate::engine::enrich::Batch;
use crate::engine::facts::is_stay;
use crate::engine::groups::lines;
use crate::engine::groups::lines::LinePrices;
use crate::engine::rows;
use crate::expr::Input;
use crate::reference::baseline_tables::Case;
use crate::reference::snapshot::Snapshot;
use crate::reference::stratum::level_band;
use crate::ruleset::compile::CaseValue;
use crate::ruleset::compile::RatioRule;
use crate::ruleset::compile::TablePrograms;
use crate::state::cases::BillRow;
use crate::state::cases::Counted;
use crate::state::events::EventIdx;
use crate::state::events::EventRow;
use crate::state::intern::Interner;
use crate::state::intern::Sym;
use crate::window::group::Sums;

/// What is counted as a case of what, by where care was given. Purchases at a
/// pharmacy are no case of anything; `None` also where the setting is unknown.
pub fn case_of(setting: &str) -> Option<Case> {
    match setting {
        "pharmacy" => None,
        stay if is_stay(stay) => Some(Case::Stay),
        _ => Some(Case::Visit),
    }
}

/// A bill of which only its event is known, because no rule counted anything
/// when it came: nobody was asked about it, and it closes no case.
pub fn unasked(event: EventIdx, row: &EventRow, symbols: &Interner) -> Option<BillRow> {
    let case = case_of(symbols.text(row.setting)?)?;
    Some(BillRow {
        event,
        case,
        interim: true,
        begin_day: i32::try_from(row.fact_time.div_euclid(SECONDS_PER_DAY)).ok(),
        end_day: None,
        stated_days: None,
        department: Sym::default(),
        doctor: Sym::default(),
        insutype: Sym::default(),
        age: None,
        level: None,
        host: Sym::default(),
        asked: 0,
    })
}

/// What a definition counts of a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The bill is none of its cases'.
    Out,
    /// Whether it is, or what it adds, is unknown.
    Unknown,
    /// In the fixed point of the indicator.
    Of(i64),
}

/// The same of all header rows.
pub enum Entries {
    Cases(Vec<Entry>),
    /// Of a definition that counts lines: their sums; `None`: the bill is none
    /// of its cases'.
    Lines(Vec<Option<Sums>>),
}

impl Entries {
    /// Adds what is kept of a row.
    pub fn put(&self, definition: u16, row: usize, counted: &mut Vec<Counted>) {
        match self {
            Self::Cases(entries) => match entries.get(row) {
                None | Some(Entry::Out) => {}
                Some(Entry::Unknown) => counted.push((definition, None.into())),
                Some(Entry::Of(value)) => counted.push((definition, Some(*value).into())),
            },
            Self::Lines(sums) => {
                let kept = sums.get(row).and_then(Option::as_ref).map(lines::kept);
                counted.extend(kept.into_iter().flatten().map(|number| (definition, Some(number).into())));
            }
        }
    }
}

/// The outputs of one engine's programs over a run of settlements.
pub struct Outputs {
    values: Vec<ArrayRef>,
}

impl Outputs {
    pub fn of(table: &TablePrograms, batch: &Batch) -> Self {
        let parents = UInt32Array::from(batch.parents().to_vec());
        let columns: Vec<ArrayRef> = table
            .groups
            .columns()
            .iter()
            .map(|column| {
                let rows = if column.grain == crate::expr::Grain::Line { batch.lines.len() } else { batch.headers.len() };
                batch.column(&column.name).cloned().unwrap_or_else(|| arrow::array::new_null_array(&column.data_type, rows))
            })
            .collect();
        Self { values: table.groups.evaluate(&Input { columns: &columns, header_rows: batch.headers.len(), parents: &parents }) }
    }

    pub fn entries(&self, rule: &RatioRule, batch: &Batch, decimals: u32) -> Entries {
        let cases = rows::mask(&self.values, rule.cases);
        let excuses: Vec<&BooleanArray> = rule.excuses.iter().map(|excuse| rows::mask(&self.values, *excuse)).collect();
        let known = |mask: &BooleanArray, row: usize| mask.is_valid(row).then(|| mask.value(row));
        let counted = |row: usize| {
            let mut unknown = false;
            for (mask, out) in std::iter::once((cases, false)).chain(excuses.iter().map(|excuse| (*excuse, true))) {
                match known(mask, row) {
                    Some(holds) if holds == out => return Some(false),
                    Some(_) => {}
                    None => unknown = true,
                }
            }
            (!unknown).then_some(true)
        };
        let sums = match rule.value {
            CaseValue::Days => None,
            CaseValue::Sum(sum) => {
                let filter = sum.filter.map(|filter| rows::mask(&self.values, filter));
                Some(self.sums(sum.output.0, sum.by_line, filter, batch, decimals))
            }
            CaseValue::Lines(value) => {
                return Entries::Lines(LinePrices::new(&self.values, &value, decimals).sums(batch, counted));
            }
        };
        let entry = |row: usize| match (counted(row), &sums) {
            (Some(false), _) => Entry::Out,
            (None, _) => Entry::Unknown,
            (Some(true), None) => Entry::Of(0),
            (Some(true), Some(sums)) => sums[row].map_or(Entry::Unknown, Entry::Of),
        };
        Entries::Cases((0..batch.headers.len()).map(entry).collect())
    }

    fn sums(&self, output: usize, by_line: bool, filter: Option<&BooleanArray>, batch: &Batch, decimals: u32) -> Vec<Option<i64>> {
        let numbers = Decimals::of(&self.values[output]);
        let number = |row: usize| numbers.get(row);
        let mut sums: Vec<Option<i128>> = vec![Some(0); batch.headers.len()];
        if by_line {
            for (line, header) in batch.parents().iter().enumerate() {
                let sum = &mut sums[*header as usize];
                let counts = filter.map_or(Some(true), |filter| filter.is_valid(line).then(|| filter.value(line)));
                *sum = match counts {
                    Some(false) => continue,
                    None => None,
                    Some(true) => sum.zip(number(line)).and_then(|(sum, value)| sum.checked_add(value)),
                };
            }
        } else {
            sums.iter_mut().enumerate().for_each(|(row, sum)| *sum = number(row));
        }
        sums.into_iter().map(|sum| i64::try_from(scaled(sum?, numbers.scale, decimals.into())?).ok()).collect()
    }
}

/// An output of decimals; any other has none.
pub struct Decimals<'a> {
    numbers: Option<&'a Decimal128Array>,
    pub scale: i64,
}

impl<'a> Decimals<'a> {
    pub fn of(array: &'a ArrayRef) -> Self {
        let scale = match array.data_type() {
            DataType::Decimal128(_, scale) => i64::from(*scale),
            _ => 0,
        };
        Self { numbers: array.as_any().downcast_ref(), scale }
    }

    pub fn get(&self, row: usize) -> Option<i128> {
        self.numbers.filter(|numbers| numbers.is_valid(row)).map(|numbers| numbers.value(row))
    }
}

/// A number of `scale` digits as one of `to`, halves away from zero.
pub fn scaled(number: i128, scale: i64, to: i64) -> Option<i128> {
    if scale <= to {
        number.checked_mul(pow10(u8::try_from(to - scale).ok()?))
    } else {
        Some(divide_round(number, pow10(u8::try_from(scale - to).ok()?)))
    }
}

fn fits(code: &str) -> bool {
    code.len() <= GROUP_TEXT_BYTES_MAX
}

/// Columns of settlements that attribution needs.
pub struct BillColumns<'a> {
    batch: &'a Batch,
    header: crate::engine::facts::Table<'a>,
    lines: crate::engine::facts::Table<'a>,
}

impl<'a> BillColumns<'a> {
    pub fn new(batch: &'a Batch) -> Self {
        Self { batch, header: batch.header(), lines: batch.line_table() }
    }

    /// Whether an attribution of a row is longer than groups can carry. Without
    /// it the bill counts for no such unit, or for none if it is the institution.
    pub fn has_long_code(&self, row: usize) -> bool {
        let columns = ["fixmedins_code", "dscg_caty", "adm_caty", "chfpdr_code"];
        columns.into_iter().any(|name| self.header.texts(name).get(row).is_some_and(|code| !fits(code)))
    }

    /// `row` of the run, which is `event`; `asked`: how many definitions there are.
    pub fn bill(&self, row: usize, event: EventIdx, case: Case, asked: u16, references: &Snapshot, symbols: &mut Interner) -> BillRow {
        let facts = &self.batch.headers[row];
        let text = |name: &str| self.header.texts(name).get(row).filter(|text| fits(text));
        let day = |name: &str| self.header.times(name).get(row).and_then(|time| i32::try_from(time.div_euclid(SECONDS_PER_DAY)).ok());
        let fact_day = facts.fact_time.div_euclid(SECONDS_PER_DAY);
        let institution = text("fixmedins_code").and_then(|code| references.institution(code, fact_day));
        let level = institution.map_or_else(|| text("hosp_lv"), |known| Some(known.level.as_str()));
        let birth = self.header.days("brdy").get(row).and_then(chrono::NaiveDate::from_epoch_days);
        let at = i32::try_from(fact_day).ok().and_then(chrono::NaiveDate::from_epoch_days);
        let stated = || self.header.numbers("age").get(row).map(|age| age / 10_000);
        let age = birth.zip(at).map(|(birth, at)| i64::from(age_years(birth, at))).or_else(stated);
        BillRow {
            event,
            case,
            interim: case == Case::Stay && text("mid_setl_flag") == Some("1"),
            begin_day: day("begntime"),
            end_day: day("endtime"),
            stated_days: self.header.integer("ipt_days", row),
            department: symbols.intern(text("dscg_caty").or_else(|| text("adm_caty"))),
            doctor: symbols.intern(text("chfpdr_code")),
            insutype: symbols.intern(text("insutype")),
            age: age.and_then(|age| u8::try_from(age).ok()),
            level: level.and_then(level_band),
            host: symbols.intern(institution.and_then(|known| known.host_code.as_deref())),
            asked,
        }
    }

    /// Amounts by ordering doctor, in 分, over the lines of a row.
    pub fn doctors(&self, row: usize, symbols: &mut Interner) -> Vec<(Sym, i64)> {
        // Refunds are lines with a negative amount, so that plain amounts add up.
        let (codes, amounts) = (self.lines.texts("bilg_dr_codg"), self.lines.numbers("det_item_fee_sumamt"));
        let mut sums: Vec<(Sym, i64)> = Vec::new();
        for line in self.batch.headers[row].lines.clone() {
            let (Some(code), Some(amount)) = (codes.get(line).filter(|code| fits(code)), amounts.get(line)) else { continue };
            let doctor = symbols.intern(Some(code));
            match sums.iter_mut().find(|(known, _)| *known == doctor) {
                Some((_, sum)) => *sum = sum.saturating_add(amount),
                None => sums.push((doctor, amount)),
            }
        }
        sums
    }
}

/// Whether a table of programs has anything that groups ask.
pub fn programs(engine: &Engine) -> Option<&TablePrograms> {
    engine.rules.tables.get(crate::events::SETTLEMENT_INPUT)?.as_ref()
}
