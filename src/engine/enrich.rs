//! Adds to a decoded run what its fields say together and what the reference
//! tables say about its codes at fact time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BooleanBuilder;
use arrow::array::Decimal128Builder;
use arrow::array::Int32Array;
use arrow::array::StringBuilder;
use arrow::array::TimestampSecondArray;
use arrow::datatypes::DataType;
use hashbrown::HashMap;

use crate::base::time::SECONDS_PER_DAY;
use crate::codecs::Decoded;
use crate::engine::facts;
use crate::engine::facts::Refund;
use crate::engine::facts::Refunds;
use crate::engine::facts::Table;
use crate::engine::facts::Texts;
use crate::engine::items::ItemId;
use crate::engine::items::Items;
use crate::engine::unlisted::Survey;
use crate::events::InputId;
use crate::events::SETTLEMENT_INPUT;
use crate::events::derived;
use crate::reference::agreements::AgreementKind;
use crate::reference::item::ItemFacts;
use crate::reference::knowledge::AGES;
use crate::reference::knowledge::INSURANCES;
use crate::reference::prices::OfCode;
use crate::reference::prices::Place;
use crate::reference::registry::Institution;
use crate::reference::snapshot::Snapshot;
use crate::reference::staff::DoctorFacts;

/// What one header row says.
#[derive(Clone, Debug)]
pub struct HeaderFacts {
    pub online: Option<bool>,
    pub setting: Option<&'static str>,
    pub event_time: i64,
    /// Begin of care or consultation.
    pub fact_time: i64,
    /// Lines of this row, and its diagnoses.
    pub lines: std::ops::Range<usize>,
    pub diagnoses: std::ops::Range<usize>,
    /// Whether the registry says that the institution's first-visit flag means something.
    pub first_visit_usable: bool,
}

/// What one line says.
#[derive(Clone, Copy, Debug)]
pub struct LineFacts {
    pub item: ItemId,
    pub fact_time: i64,
    /// Ten-thousandths, after refunds in the same message.
    pub net_quantity: Option<i64>,
    /// 分, after the same refunds.
    pub net_amount: Option<i64>,
    /// Whether another line of the message refunds part of it.
    pub refunded: bool,
}

/// A run with everything that rules may ask about it.
pub struct Batch {
    pub input: InputId,
    pub decoded: Decoded,
    pub headers: Vec<HeaderFacts>,
    pub lines: Vec<LineFacts>,
    pub refunds: Vec<Refund>,
    /// Lines that refund lines of other messages.
    pub refunds_elsewhere: Vec<usize>,
    /// Derived and reference columns that are asked for, by qualified name.
    pub derived: BTreeMap<String, ArrayRef>,
    pub lines_unjudged: u64,
    /// By kind: rows and lines whose code no table knows.
    pub unknown_codes: BTreeMap<&'static str, u64>,
    /// Those codes, each once.
    pub unlisted: BTreeSet<(&'static str, String)>,
}

impl Batch {
    /// The column of a qualified name; `None` if it was not kept.
    pub fn column(&self, name: &str) -> Option<&ArrayRef> {
        if let Some(array) = self.derived.get(name) {
            return Some(array);
        }
        match name.split_once('.')? {
            ("header", column) => self.decoded.header.column_by_name(column),
            ("line", column) => self.decoded.children.first()?.column_by_name(column),
            _ => None,
        }
    }

    pub fn header(&self) -> Table<'_> {
        Table::new(&self.decoded.header)
    }

    /// Lines of all rows; empty if the event type has none.
    pub fn line_table(&self) -> Table<'_> {
        Table::new(&self.decoded.children[0])
    }

    /// Diagnoses of all rows.
    pub fn diagnosis_table(&self) -> Table<'_> {
        Table::new(&self.decoded.children[1])
    }

    pub fn diagnoses(&self) -> Diagnoses<'_> {
        let table = self.diagnosis_table();
        Diagnoses { codes: table.texts("diag_code"), types: table.texts("diag_type"), main: self.header().texts("maindiag_code") }
    }

    pub fn parents(&self) -> &[u32] {
        &self.decoded.parents[0]
    }
}

/// `needed`: qualified names of the columns that any program asks for.
pub fn enrich(input: InputId, decoded: Decoded, snapshot: &Snapshot, items: &mut Items, needed: &BTreeSet<String>) -> Batch {
    let rows = decoded.header.num_rows();
    let line_ranges = ranges(&decoded.parents[0], rows);
    let diagnosis_ranges = ranges(&decoded.parents[1], rows);
    let mut batch = Batch {
        input,
        decoded,
        headers: Vec::with_capacity(rows),
        lines: Vec::new(),
        refunds: Vec::new(),
        refunds_elsewhere: Vec::new(),
        derived: BTreeMap::new(),
        lines_unjudged: 0,
        unknown_codes: BTreeMap::new(),
        unlisted: BTreeSet::new(),
    };
    batch.lines_unjudged = find_refunds(&mut batch, &line_ranges);
    batch.lines = line_facts(&batch, &line_ranges, snapshot, items);
    batch.headers = header_facts(&batch, line_ranges, diagnosis_ranges, items);
    Columns { snapshot, items, needed }.add(&mut batch);
    batch
}

fn ranges(parents: &[u32], rows: usize) -> Vec<std::ops::Range<usize>> {
    let mut out = Vec::with_capacity(rows);
    let mut at = 0;
    for row in 0..rows {
        let start = at;
        while parents.get(at).is_some_and(|parent| *parent as usize == row) {
            at += 1;
        }
        out.push(start..at);
    }
    out
}

/// Names of the columns that play the same part in both event types.
struct Names {
    event_time: &'static str,
    fact_time: &'static str,
    line_time: Option<&'static str>,
    name: &'static str,
    form: &'static str,
    quantity: &'static str,
    amount: &'static str,
}

fn names(input: InputId) -> Names {
    if input == SETTLEMENT_INPUT {
        Names {
            event_time: "setl_time",
            fact_time: "begntime",
            line_time: Some("fee_ocur_time"),
            name: "medins_list_name",
            form: "dosform_name",
            quantity: "cnt",
            amount: "det_item_fee_sumamt",
        }
    } else {
        Names {
            event_time: "prsc_time",
            fact_time: "prsc_time",
            line_time: None,
            name: "drug_genname",
            form: "drug_dosform",
            quantity: "drug_cnt",
            amount: "drug_sumamt",
        }
    }
}

/// Says how many refund lines cannot be judged.
fn find_refunds(batch: &mut Batch, ranges: &[std::ops::Range<usize>]) -> u64 {
    if batch.input != SETTLEMENT_INPUT {
        return 0;
    }
    let mut refunds = Refunds::default();
    let line = batch.line_table();
    let (keys, originals) = (line.texts("feedetl_sn"), line.texts("init_feedetl_sn"));
    let (quantities, amounts) = (line.numbers("cnt"), line.numbers("det_item_fee_sumamt"));
    for range in ranges {
        facts::refunds(range.clone(), keys, originals, quantities, amounts, &mut refunds);
    }
    batch.refunds = refunds.within;
    batch.refunds_elsewhere = refunds.elsewhere;
    refunds.unnamed
}

fn line_facts(batch: &Batch, ranges: &[std::ops::Range<usize>], snapshot: &Snapshot, items: &mut Items) -> Vec<LineFacts> {
    let (names, header, line) = (names(batch.input), batch.header(), batch.line_table());
    let (codes, item_names, forms) = (line.texts("med_list_codg"), line.texts(names.name), line.texts(names.form));
    let event_times = header.times(names.event_time);
    let times = names.line_time.map(|name| line.times(name));
    let net = |name| facts::net(line.rows(), line.numbers(name), &batch.refunds);
    let (quantities, amounts) = (net(names.quantity), net(names.amount));
    let refunded: BTreeSet<usize> = batch.refunds.iter().map(|refund| refund.original).collect();
    let mut out = Vec::with_capacity(line.rows());
    for (header_row, range) in ranges.iter().enumerate() {
        let event_time = event_times.get(header_row).unwrap_or_default();
        for row in range.clone() {
            let item = items.resolve(snapshot, codes.get(row), item_names.get(row), forms.get(row));
            let fact_time = times.and_then(|times| times.get(row)).unwrap_or(event_time);
            out.push(LineFacts {
                item,
                fact_time,
                net_quantity: quantities[row],
                net_amount: amounts[row],
                refunded: refunded.contains(&row),
            });
        }
    }
    out
}

fn header_facts(
    batch: &Batch,
    line_ranges: Vec<std::ops::Range<usize>>,
    diagnosis_ranges: Vec<std::ops::Range<usize>>,
    items: &Items,
) -> Vec<HeaderFacts> {
    let (names, header) = (names(batch.input), batch.header());
    let is_bill = batch.input == SETTLEMENT_INPUT;
    let (biz, auth, med_type, otp_ipt) =
        (header.texts("biz_type_code"), header.texts("auth_no"), header.texts("med_type"), header.texts("otp_ipt_flag"));
    let (event_times, fact_times) = (header.times(names.event_time), header.times(names.fact_time));
    line_ranges
        .into_iter()
        .zip(diagnosis_ranges)
        .enumerate()
        .map(|(row, (lines, diagnoses))| {
            let event_time = event_times.get(row).unwrap_or_default();
            // Care begins with its first line where the bill does not say when.
            let first_line = || batch.lines[lines.clone()].iter().map(|line| line.fact_time).min();
            let fact_time = fact_times.get(row).or_else(first_line).unwrap_or(event_time);
            let online_item = is_bill
                && batch.lines[lines.clone()]
                    .iter()
                    .any(|line| items.at(line.item, line.fact_time.div_euclid(SECONDS_PER_DAY)).online_item == Some(true));
            HeaderFacts {
                online: facts::online(biz.get(row), auth.get(row).is_some(), online_item, is_bill),
                setting: facts::setting(med_type.get(row), otp_ipt.get(row)),
                event_time,
                fact_time,
                lines,
                diagnoses,
                first_visit_usable: true,
            }
        })
        .collect()
}

/// By row: the institution as it is registered at the fact time.
pub fn institutions<'a>(batch: &Batch, snapshot: &'a Snapshot) -> Vec<Option<&'a Institution>> {
    let codes = batch.header().texts("fixmedins_code");
    let day = |row: usize| batch.headers[row].fact_time.div_euclid(SECONDS_PER_DAY);
    (0..batch.headers.len()).map(|row| codes.get(row).and_then(|code| snapshot.institution(code, day(row)))).collect()
}

/// Builds the derived and reference columns that are needed.
struct Columns<'a> {
    snapshot: &'a Snapshot,
    items: &'a Items,
    needed: &'a BTreeSet<String>,
}

impl Columns<'_> {
    fn add(&self, batch: &mut Batch) {
        let institutions = institutions(batch, self.snapshot);
        for (facts, institution) in batch.headers.iter_mut().zip(&institutions) {
            facts.first_visit_usable = institution.is_none_or(|institution| institution.fstdiag_usable);
        }
        self.list_unknown(batch, &institutions);
        let mut derived: BTreeMap<String, ArrayRef> = BTreeMap::new();
        for (qualifier, columns) in [("header", derived::HEADER), ("ref", derived::REF_HEADER)] {
            for column in columns {
                let name = format!("{qualifier}.{}", column.name);
                if self.needed.contains(&name)
                    && let Some(array) = self.header_column(&name, batch, &institutions)
                {
                    derived.insert(name, array);
                }
            }
        }
        self.line_columns(batch, &institutions, &mut derived);
        batch.derived = derived;
    }

    /// Counts and lists what no table knows.
    fn list_unknown(&self, batch: &mut Batch, institutions: &[Option<&Institution>]) {
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut listed: BTreeSet<(&'static str, Cow<'_, str>)> = BTreeSet::new();
        let survey = Survey { batch, snapshot: self.snapshot, items: self.items, institutions };
        survey.counted(&mut |unlisted| {
            *counts.entry(unlisted.kind).or_default() += 1;
            listed.extend(unlisted.code.map(|code| (unlisted.kind, code)));
        });
        let listed = listed.into_iter().map(|(kind, code)| (kind, code.into_owned())).collect();
        (batch.unknown_codes, batch.unlisted) = (counts, listed);
    }

    fn header_column(&self, name: &str, batch: &Batch, institutions: &[Option<&Institution>]) -> Option<ArrayRef> {
        let header = batch.header();
        let text = |of: &dyn Fn(usize) -> Option<String>| texts((0..batch.headers.len()).map(of));
        let array = match name {
            "header.online" => flags(batch.headers.iter().map(|facts| facts.online)),
            "header.setting" => texts(batch.headers.iter().map(|facts| facts.setting)),
            "header.diag_codes" => {
                let diagnoses = batch.diagnoses();
                text(&|row| joined(diagnoses.of(batch.headers[row].diagnoses.clone(), row)))
            }
            "header.area" => own_column(&header, &["fix_blng_admdvs", "mdtrtarea_no"]),
            "header.fact_time" => Arc::new(batch.headers.iter().map(|facts| Some(facts.fact_time)).collect::<TimestampSecondArray>()),
            "header.medicine_cnt" => {
                let kinds = batch.line_table().texts("rx_item_type_code");
                let count = |row: usize| batch.headers[row].lines.clone().map(|at| kinds.get(at).map(is_medicine)).sum::<Option<i32>>();
                Arc::new((0..batch.headers.len()).map(count).collect::<Int32Array>())
            }
            "header.insured_area" => own_column(&header, &["insu_admdvs", "insu_plc_no"]),
            "ref.disease_groups" => {
                let diagnoses = batch.diagnoses();
                text(&|row| {
                    let facts = &batch.headers[row];
                    let codes = diagnoses.of(facts.diagnoses.clone(), row);
                    groups_text(self.snapshot, codes, facts.fact_time.div_euclid(SECONDS_PER_DAY))
                })
            }
            "ref.inst_kind" => texts(institutions.iter().map(|institution| institution.map(|institution| institution.kind))),
            "ref.inst_level" => texts(institutions.iter().map(|institution| institution.map(|institution| institution.level.as_str()))),
            "ref.inst_nature" => texts(institutions.iter().map(|institution| institution.map(|institution| institution.nature))),
            "ref.host_code" => {
                texts(institutions.iter().map(|institution| institution.and_then(|institution| institution.host_code.as_deref())))
            }
            "ref.authno_fed" => flags(institutions.iter().map(|institution| institution.map(|institution| institution.authno_fed))),
            "ref.online_licensed" => {
                flags(institutions.iter().map(|institution| institution.and_then(|institution| institution.online_licence)))
            }
            _ => self.registered_column(name, batch)?,
        };
        Some(array)
    }

    /// What the registries of agreements, departments and doctors say.
    fn registered_column(&self, name: &str, batch: &Batch) -> Option<ArrayRef> {
        let header = batch.header();
        let institutions = header.texts("fixmedins_code");
        let day = |row: usize| batch.headers[row].fact_time.div_euclid(SECONDS_PER_DAY);
        let rows = 0..batch.headers.len();
        let doctors = header.texts(if batch.input == SETTLEMENT_INPUT { "chfpdr_code" } else { "dr_code" });
        let doctor = |of: fn(DoctorFacts) -> Option<bool>| {
            let facts = |row: usize| Some(self.snapshot.doctor(doctors.get(row)?, institutions.get(row)?, day(row)));
            flags(rows.clone().map(|row| facts(row).and_then(of)))
        };
        let agreement = |kind| texts(rows.clone().map(|row| self.snapshot.agreement(institutions.get(row)?, kind, day(row))));
        let array = match name {
            "ref.agreement" => agreement(AgreementKind::Main),
            "ref.online_agreement" => agreement(AgreementKind::Online),
            "ref.department_licensed" => {
                let departments = header.texts("prsc_dept_code");
                flags(rows.clone().map(|row| self.snapshot.department_licensed(institutions.get(row)?, departments.get(row)?, day(row))))
            }
            "ref.doctor_filed" => doctor(|facts| facts.filed),
            "ref.doctor_suspended" => doctor(|facts| facts.suspended),
            "ref.narcotic_right" => doctor(|facts| facts.narcotic),
            "ref.psychotropic_right" => doctor(|facts| facts.psychotropic),
            _ => return None,
        };
        Some(array)
    }

    fn line_columns(&self, batch: &mut Batch, institutions: &[Option<&Institution>], derived: &mut BTreeMap<String, ArrayRef>) {
        let wanted = |name: &str| self.needed.contains(name);
        let mut columns = ItemColumns::new(&wanted);
        for line in &batch.lines {
            columns.push(&self.items.at(line.item, line.fact_time.div_euclid(SECONDS_PER_DAY)));
        }
        columns.finish(derived);
        for name in ["ref.ceiling", "ref.guide_price"].into_iter().filter(|name| wanted(name)) {
            derived.insert(name.to_owned(), self.prices(name, batch, institutions));
        }
        if wanted("line.fact_time") {
            let times = batch.lines.iter().map(|line| Some(line.fact_time)).collect::<TimestampSecondArray>();
            derived.insert("line.fact_time".to_owned(), Arc::new(times));
        }
        if wanted("line.net_cnt") {
            let quantities = batch.lines.iter().map(|line| line.net_quantity.map(i128::from));
            derived.insert("line.net_cnt".to_owned(), decimals(quantities, 18, 4));
        }
        for column in derived::REFUNDED {
            let name = format!("line.{}", column.name);
            if wanted(&name) {
                let of_line = column.name.strip_prefix(derived::NET).unwrap_or_default();
                let amounts = facts::net(batch.lines.len(), batch.line_table().numbers(of_line), &batch.refunds);
                derived.insert(name, decimals(amounts.into_iter().map(|amount| amount.map(i128::from)), 18, 2));
            }
        }
    }

    fn prices(&self, name: &str, batch: &Batch, institutions: &[Option<&Institution>]) -> ArrayRef {
        let codes = batch.line_table().texts("med_list_codg");
        let header = batch.header();
        let (areas, levels) = (header.texts("fix_blng_admdvs"), header.texts("hosp_lv"));
        let parents = batch.parents();
        let prices = if name == "ref.ceiling" { self.snapshot.ceilings() } else { self.snapshot.guide_prices() };
        // A code is looked up once in a run.
        let mut of_item: HashMap<ItemId, Option<OfCode<'_>>> = HashMap::new();
        let mut of = |row: usize| {
            let of_code = *of_item.entry(batch.lines[row].item).or_insert_with(|| prices.of(codes.get(row)?));
            let of_code = of_code?;
            let parent = parents[row] as usize;
            let place = Place {
                area: areas.get(parent),
                level: levels.get(parent).or_else(|| institutions[parent].map(|institution| institution.level.as_str())),
                nature: institutions[parent].map(|institution| institution.nature),
            };
            let day = batch.lines[row].fact_time.div_euclid(SECONDS_PER_DAY);
            of_code.price(place, day)
        };
        decimals((0..batch.lines.len()).map(&mut of), 18, 6)
    }
}

type TextOf = for<'a> fn(&ItemFacts<'a>) -> Option<&'a str>;
type FlagOf = fn(&ItemFacts<'_>) -> Option<bool>;

const ITEM_TEXTS: &[(&str, TextOf)] = &[
    ("ref.special_class", |facts| facts.special_class.map(|class| class.word())),
    ("ref.sex_limit", |facts| facts.sex_limit.map(|limit| DIGITS[usize::from(limit)])),
    ("ref.level_min", |facts| facts.level_min.map(|level| DIGITS[usize::from(level)])),
    ("ref.service_age", |facts| facts.service_age.map(|age| AGES[usize::from(age)])),
    ("ref.insurance_limit", |facts| facts.insurance_limit.map(|insurance| INSURANCES[usize::from(insurance)])),
    ("ref.substance", |facts| facts.substance),
    ("ref.form_group", |facts| facts.form_group.map(|form| form.word())),
];
const ITEM_FLAGS: &[(&str, FlagOf)] = &[
    ("ref.child_only", |facts| facts.child_only),
    ("ref.delivery_item", |facts| facts.delivery_item),
    ("ref.inpatient_only", |facts| facts.inpatient_only),
    ("ref.online_item", |facts| facts.online_item),
];
const DIGITS: [&str; 4] = ["0", "1", "2", "3"];

/// The reference columns of lines that are wanted, filled line by line, so
/// that the tables are asked once per line.
struct ItemColumns {
    texts: Vec<(&'static str, TextOf, StringBuilder)>,
    flags: Vec<(&'static str, FlagOf, BooleanBuilder)>,
}

impl ItemColumns {
    fn new(wanted: &dyn Fn(&str) -> bool) -> Self {
        let texts = ITEM_TEXTS.iter().filter(|(name, _)| wanted(name));
        let flags = ITEM_FLAGS.iter().filter(|(name, _)| wanted(name));
        Self {
            texts: texts.map(|(name, of)| (*name, *of, StringBuilder::new())).collect(),
            flags: flags.map(|(name, of)| (*name, *of, BooleanBuilder::new())).collect(),
        }
    }

    fn push(&mut self, facts: &ItemFacts<'_>) {
        for (_, of, builder) in &mut self.texts {
            builder.append_option(of(facts));
        }
        for (_, of, builder) in &mut self.flags {
            builder.append_option(of(facts));
        }
    }

    fn finish(self, derived: &mut BTreeMap<String, ArrayRef>) {
        for (name, _, mut builder) in self.texts {
            derived.insert(name.to_owned(), Arc::new(builder.finish()));
        }
        for (name, _, mut builder) in self.flags {
            derived.insert(name.to_owned(), Arc::new(builder.finish()));
        }
    }
}

/// Diagnosis columns of a run, looked up once.
#[derive(Clone, Copy)]
pub struct Diagnoses<'a> {
    codes: Texts<'a>,
    types: Texts<'a>,
    main: Texts<'a>,
}

impl<'a> Diagnoses<'a> {
    /// TCM diagnoses (types 2 and 3) have codes that only look like ICD.
    pub fn of(self, range: std::ops::Range<usize>, row: usize) -> impl Iterator<Item = &'a str> {
        let western = range.filter(move |at| self.types.get(*at).is_none_or(|kind| kind == "1"));
        western.filter_map(move |at| self.codes.get(at)).chain(self.main.get(row))
    }
}

/// Codes between semicolons, each once, in the order given.
pub fn joined<'a>(codes: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut seen: Vec<&str> = Vec::new();
    for code in codes {
        if !seen.contains(&code) {
            seen.push(code);
        }
    }
    (!seen.is_empty()).then(|| format!(";{};", seen.join(";")))
}

/// Disease groups of diagnosis codes on a day, between semicolons; `;` for
/// codes without group, `None` without codes.
pub fn groups_text<'a>(snapshot: &Snapshot, codes: impl Iterator<Item = &'a str>, day: i64) -> Option<String> {
    let codes: Vec<&str> = codes.collect();
    if codes.is_empty() {
        return None;
    }
    let groups = codes.into_iter().flat_map(|code| snapshot.disease_groups(code, day));
    Some(joined(groups).unwrap_or_else(|| ";".to_owned()))
}

/// 1 for a western drug (11) or a patent medicine (12), 0 for herbs.
fn is_medicine(rx_item_type_code: &str) -> i32 {
    i32::from(matches!(rx_item_type_code, "11" | "12"))
}

fn own_column(header: &Table<'_>, names: &[&str]) -> ArrayRef {
    names
        .iter()
        .find_map(|name| header.array(name).cloned())
        .unwrap_or_else(|| arrow::array::new_null_array(&DataType::Utf8, header.rows()))
}

pub fn texts<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    values.for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

pub fn flags(values: impl Iterator<Item = Option<bool>>) -> ArrayRef {
    let mut builder = BooleanBuilder::new();
    values.for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

/// # Panics
/// If the precision and scale are no decimal's; they are constants here.
pub fn decimals(values: impl Iterator<Item = Option<i128>>, precision: u8, scale: i8) -> ArrayRef {
    let mut builder = Decimal128Builder::new();
    values.for_each(|value| builder.append_option(value));
    let array = builder.finish().with_precision_and_scale(precision, scale);
    Arc::new(array.unwrap_or_else(|error| panic!("decimal({precision}, {scale}): {error}")))
}
