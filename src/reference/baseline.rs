//! Baselines: frozen standards of what is usual, asked by kind of case, and
//! how much ordinary peers differ.
//!
//! All values are whole numbers in a fixed unit, so that sums of them merge
//! and retract without rounding.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use chrono::Datelike as _;
use chrono::NaiveDate;
use hashbrown::HashMap;

use crate::base::diagnostic::Diagnostic;
use crate::base::ids::Digest;
use crate::reference::baseline_tables::CASE_WORDS;
use crate::reference::baseline_tables::CELLS;
use crate::reference::baseline_tables::Case;
use crate::reference::baseline_tables::EXPECTED;
use crate::reference::baseline_tables::GRAIN_WORDS;
use crate::reference::baseline_tables::Grain;
use crate::reference::baseline_tables::INDICATORS;
use crate::reference::baseline_tables::MEASURE_WORDS;
use crate::reference::baseline_tables::MODEL_WORDS;
use crate::reference::baseline_tables::Measure;
use crate::reference::baseline_tables::Model;
use crate::reference::baseline_tables::PRIORS;
use crate::reference::baseline_tables::SHARE_PLACES;
use crate::reference::baseline_tables::UNIT_KIND_WORDS;
use crate::reference::baseline_tables::UNIT_WORDS;
use crate::reference::baseline_tables::Unit;
use crate::reference::baseline_tables::UnitKind;
use crate::reference::baseline_tables::VALUE_PLACES;
use crate::reference::bundle::Bundle;
use crate::reference::bundle::content;
use crate::reference::sheet::Row;
use crate::reference::sheet::Sheet;
use crate::reference::sheet::day_of;
use crate::reference::stratum::ANY;
use crate::reference::stratum::AgeBand;
use crate::reference::stratum::CASES_OF_CEILING;
use crate::reference::stratum::CASES_OF_MEAN;
use crate::reference::stratum::Fallback;
use crate::reference::stratum::LEVEL_WORDS;
use crate::reference::stratum::Place;
use crate::reference::stratum::SETTING_WORDS;
use crate::reference::stratum::Strata;
use crate::reference::stratum::Stratum;
use crate::reference::validity;
use crate::reference::validity::Validity;

/// What is usual for one kind of case. Values are in the unit of the indicator
/// (分, or ten-thousandths of a thing), variances in its square.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub place: CellPlace,
    pub validity: Validity,
    /// Cases, or lines, that it was computed from.
    pub n: u64,
    /// Of values no more than the cap.
    pub mean: i64,
    pub variance: i128,
    /// A larger value counts as this one.
    pub cap: Option<i64>,
    pub over: Option<Over>,
}

/// A ceiling and what is usual above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// `None`: each line has its own.
    pub ceiling: Option<i64>,
    /// Cases, or lines, above the ceiling, in parts of a million.
    pub rate: i64,
    /// Of what is above the ceiling, up to the cap, over all of them.
    pub mean: i64,
    pub variance: i128,
}

/// The kind of case that a cell is about, `None` for any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellPlace {
    pub disease_group: Option<Box<str>>,
    pub age_band: Option<AgeBand>,
    pub inst_level: Option<u8>,
    pub setting: Option<&'static str>,
    pub insutype: Option<Box<str>>,
}

impl CellPlace {
    /// Which of its columns say `*`.
    pub fn fallback(&self) -> Fallback {
        let Self { disease_group, age_band, inst_level, setting, insutype } = self;
        Fallback::of([insutype.is_none(), age_band.is_none(), inst_level.is_none(), setting.is_none(), disease_group.is_none()])
    }
}

/// In the order of the table's columns.
impl fmt::Display for CellPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |part: Option<String>| part.unwrap_or_else(|| ANY.to_owned());
        let age = text(self.age_band.map(|band| band.to_string()));
        let level = text(self.inst_level.map(|level| level.to_string()));
        let [group, insutype] = [&self.disease_group, &self.insutype].map(|part| part.as_deref().unwrap_or(ANY));
        write!(f, "{group} {age} {level} {} {insutype}", self.setting.unwrap_or(ANY))
    }
}

/// Shape and rate of a gamma distribution, or of the gamma whose inverse is meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Component {
    pub shape: f64,
    pub rate: f64,
}

/// How much the true ratios of peers differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    pub model: Model,
    pub ordinary: Component,
    /// Weight and component of the outliers.
    pub outlier: Option<(f64, Component)>,
    /// How many units it was fitted to; 0: it is fixed.
    pub units: u64,
}

/// A prior and whom it is for; `peer_class` `None`: whoever has none of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorRow {
    pub measure: Measure,
    pub unit_kind: UnitKind,
    pub peer_class: Option<String>,
    pub prior: Prior,
}

/// A calendar month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    /// Since 1970-01-01.
    first_day: i64,
}

impl Month {
    /// `yyyy-MM`.
    pub fn parse(text: &str) -> Option<Self> {
        let first_day = day_of(&format!("{text}-01")).filter(|_| text.len() == "yyyy-MM".len())?;
        Some(Self { first_day })
    }

    /// The month of a day since 1970-01-01; `None` beyond the calendar.
    pub fn of_day(day: i64) -> Option<Self> {
        let date = NaiveDate::from_epoch_days(i32::try_from(day).ok()?)?;
        Some(Self { first_day: day - i64::from(date.day0()) })
    }
}

/// One indicator of a baseline.
#[derive(Debug)]
pub struct Indicator {
    pub unit: Unit,
    pub grain: Grain,
    /// The days that its cases come from.
    pub period: Validity,
    pub zh: String,
    pub en: String,
    /// By place and day.
    cells: Vec<Cell>,
    /// Places in `cells`.
    strata: Strata<u32>,
    priors: Vec<PriorRow>,
}

impl Indicator {
    /// By place and first day.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    pub fn priors(&self) -> &[PriorRow] {
        &self.priors
    }

    /// Every cell that fits such a case on a day, nearest first, however few
    /// its cases are.
    pub fn fitting(&self, stratum: Stratum<'_>, day: i64) -> impl Iterator<Item = (Fallback, &Cell)> {
        self.strata.fitting(stratum, day).filter_map(|(fallback, at)| Some((fallback, self.cells.get(*at as usize)?)))
    }

    /// The nearest cell of enough cases for its mean to be expected of others.
    pub fn cell(&self, stratum: Stratum<'_>, day: i64) -> Option<(Fallback, &Cell)> {
        self.fitting(stratum, day).find(|(_, cell)| cell.n >= CASES_OF_MEAN)
    }

    /// The nearest cell that says what is usual above a ceiling, of enough cases for one.
    pub fn ceiling(&self, stratum: Stratum<'_>, day: i64) -> Option<(Fallback, &Cell, Over)> {
        self.fitting(stratum, day)
            .filter(|(_, cell)| cell.n >= CASES_OF_CEILING)
            .find_map(|(fallback, cell)| Some((fallback, cell, cell.over?)))
    }

    /// The prior of a class of peers, else the one for any class.
    pub fn prior(&self, measure: Measure, unit_kind: UnitKind, peer_class: Option<&str>) -> Option<&Prior> {
        let of = |class: Option<&str>| {
            let fits = |row: &&PriorRow| (row.measure, row.unit_kind, row.peer_class.as_deref()) == (measure, unit_kind, class);
            self.priors.iter().find(fits).map(|row| &row.prior)
        };
        of(peer_class).or_else(|| of(None))
    }
}

/// One version of a baseline: it never changes, and its digest names it.
#[derive(Debug)]
pub struct Baseline {
    digest: Digest,
    indicators: BTreeMap<String, Indicator>,
    /// Ten-thousandths of a case.
    expected: HashMap<String, BTreeMap<(Month, Case), i64>>,
}

impl Baseline {
    /// Names what all rows of this baseline say: independent of their order, of
    /// files and formats, and of every other row of every table.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// By name.
    pub fn indicators(&self) -> impl Iterator<Item = (&str, &Indicator)> {
        self.indicators.iter().map(|(name, indicator)| (name.as_str(), indicator))
    }

    pub fn indicator(&self, name: &str) -> Option<&Indicator> {
        self.indicators.get(name)
    }

    /// What is usual for such a case on a day; see [`Indicator::cell`].
    pub fn cell(&self, indicator: &str, stratum: Stratum<'_>, day: i64) -> Option<(Fallback, &Cell)> {
        self.indicator(indicator)?.cell(stratum, day)
    }

    /// See [`Indicator::prior`].
    pub fn prior(&self, indicator: &str, measure: Measure, unit_kind: UnitKind, peer_class: Option<&str>) -> Option<&Prior> {
        self.indicator(indicator)?.prior(measure, unit_kind, peer_class)
    }

    /// Cases that an institution should have told for a month, in
    /// ten-thousandths of a case; `None` where the baseline does not say.
    pub fn expected(&self, institution: &str, month: Month, case: Case) -> Option<i64> {
        self.expected.get(institution)?.get(&(month, case)).copied()
    }

    /// How many institutions, and how many months of them all, have expected cases.
    pub fn expected_size(&self) -> (usize, usize) {
        let months: BTreeSet<Month> = self.expected.values().flat_map(BTreeMap::keys).map(|(month, _)| *month).collect();
        (self.expected.len(), months.len())
    }
}

#[derive(Clone, Debug, Default)]
pub struct Baselines {
    by_name: BTreeMap<String, Arc<Baseline>>,
}

/// Baselines whose rows are still being read.
#[derive(Default)]
struct Built {
    by_name: BTreeMap<String, Baseline>,
}

impl Baselines {
    pub fn build(bundle: &Bundle, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut built = Built::default();
        for row in rows(bundle, INDICATORS.name) {
            built.read_indicator(row);
        }
        let mut reader = Reader { built: &mut built, told: BTreeSet::new(), cells: BTreeMap::new(), bands: BTreeMap::new(), diagnostics };
        rows(bundle, CELLS.name).for_each(|row| reader.cell(row));
        rows(bundle, PRIORS.name).for_each(|row| reader.prior(row));
        rows(bundle, EXPECTED.name).for_each(|row| reader.expected(row));
        reader.finish();
        let mut parts: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
        for table in [&INDICATORS, &CELLS, &PRIORS, &EXPECTED] {
            let mut by_name: BTreeMap<&str, Vec<Row<'_>>> = BTreeMap::new();
            for row in rows(bundle, table.name) {
                by_name.entry(row.text("baseline")).or_default().push(row);
            }
            for (name, rows) in by_name {
                parts.entry(name).or_default().extend(content(table.name, rows.into_iter()));
            }
        }
        for (name, baseline) in &mut built.by_name {
            baseline.digest = Digest::of(parts.get(name.as_str()).into_iter().flatten().map(Vec::as_slice));
        }
        Self { by_name: built.by_name.into_iter().map(|(name, baseline)| (name, Arc::new(baseline))).collect() }
    }

    pub fn baseline(&self, name: &str) -> Option<&Baseline> {
        self.by_name.get(name).map(Arc::as_ref)
    }

    /// By name.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Baseline)> {
        self.by_name.iter().map(|(name, baseline)| (name.as_str(), baseline.as_ref()))
    }
}

impl Built {
    fn read_indicator(&mut self, row: Row<'_>) {
        let (baseline, name, unit) = (row.sound("baseline"), row.sound("indicator"), row.choice("unit", UNIT_WORDS));
        let (Some(baseline), Some(name)) = (baseline, name) else { return };
        // Known even if the rest of the row is wrong, so that the wrong row is told and not all that name it.
        let indicator = Indicator {
            unit: unit.unwrap_or(Unit::Quantity),
            grain: row.choice("grain", GRAIN_WORDS).unwrap_or(Grain::Case),
            period: row.period("period_from", "period_to").flatten().unwrap_or(Validity::ALWAYS),
            zh: row.text("zh").to_owned(),
            en: row.text("en").to_owned(),
            cells: Vec::new(),
            strata: Strata::default(),
            priors: Vec::new(),
        };
        let version = self.by_name.entry(baseline.to_owned()).or_insert_with(|| Baseline {
            digest: Digest([0; 32]),
            indicators: BTreeMap::new(),
            expected: HashMap::new(),
        });
        version.indicators.insert(name.to_owned(), indicator);
    }
}

fn rows<'a>(bundle: &'a Bundle, table: &str) -> impl Iterator<Item = Row<'a>> {
    bundle.sheets(table).iter().flat_map(Sheet::rows)
}

/// The rows that name baselines, with what has been seen of them.
struct Reader<'a> {
    built: &'a mut Built,
    /// Names that were told to be unknown: once is enough.
    told: BTreeSet<(String, Option<String>)>,
    cells: BTreeMap<(String, String), Vec<Cell>>,
    /// Bands of age of otherwise equal cells.
    bands: BTreeMap<Vec<String>, Vec<(AgeBand, Validity, validity::Place)>>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn baseline(&mut self, row: Row<'_>) -> Option<String> {
        let name = row.sound("baseline")?;
        if !self.built.by_name.contains_key(name) {
            if self.told.insert((name.to_owned(), None)) {
                let known: Vec<&str> = self.built.by_name.keys().map(String::as_str).collect();
                let help = format!("Declare its indicators in {}; {}.", INDICATORS.name, known_are(&known));
                row.report("baseline", format!("unknown baseline `{name}`"), help, self.diagnostics);
            }
            return None;
        }
        Some(name.to_owned())
    }

    /// The indicator that a row is about, by name.
    fn indicator(&mut self, row: Row<'_>) -> Option<(String, String, Unit, Grain)> {
        let baseline = self.baseline(row)?;
        let name = row.sound("indicator")?;
        let indicators = &self.built.by_name.get(&baseline)?.indicators;
        if let Some(indicator) = indicators.get(name) {
            return Some((baseline, name.to_owned(), indicator.unit, indicator.grain));
        }
        if self.told.insert((baseline.clone(), Some(name.to_owned()))) {
            let known: Vec<&str> = indicators.keys().map(String::as_str).collect();
            let help = format!("Declare it in {} with unit and period; {}.", INDICATORS.name, known_are(&known));
            row.report("indicator", format!("`{name}` is no indicator of baseline `{baseline}`"), help, self.diagnostics);
        }
        None
    }

    fn cell(&mut self, row: Row<'_>) {
        let Some((baseline, indicator, unit, grain)) = self.indicator(row) else { return };
        let value = |reader: &mut Self, column| reader.fixed(row, column, unit, 1);
        let square = |reader: &mut Self, column| reader.fixed(row, column, unit, 2);
        let n = row.decimal("n");
        if n == Some(0) {
            row.report("n", "a cell of no cases", "Leave the row out: a case without a cell is answered by a wider one.", self.diagnostics);
        }
        let (mean, variance) = (value(self, "mean"), square(self, "variance"));
        let [cap, ceiling, over_mean] = ["cap", "ceiling", "over_mean"].map(|column| value(self, column));
        let over_variance = square(self, "over_variance");
        let rate = row.decimal("over_rate");
        if let (Some(mean), Some(cap)) = (mean, cap)
            && mean > cap
        {
            row.report("mean", "mean is above cap", "Compute it of values that are each no more than the cap.", self.diagnostics);
        }
        if rate.is_some_and(|rate| rate > 10_i128.pow(SHARE_PLACES)) {
            row.report("over_rate", "over_rate is above 1", "Write the part of 1 of the cases above the ceiling.", self.diagnostics);
        }
        self.check_ceiling(row, grain);
        let (place, dates) = (self.place(row), row.validity());
        let (Some(place), Some(dates), Some(n), Some(mean), Some(variance)) = (place, dates, n, mean, variance) else { return };
        if let Some(band) = place.age_band {
            let others = ["baseline", "indicator", "disease_group", "inst_level", "setting", "insutype"];
            let key = others.map(|column| row.text(column).to_owned()).to_vec();
            self.bands.entry(key).or_default().push((band, dates, row.place("age_band")));
        }
        let over = || {
            let ceiling = if grain == Grain::Case { Some(whole(ceiling?)?) } else { None };
            Some(Over { ceiling, rate: whole(rate?)?, mean: whole(over_mean?)?, variance: over_variance? })
        };
        let (Ok(n), Some(mean)) = (u64::try_from(n), whole(mean)) else { return };
        let cell = Cell { place, validity: dates, n, mean, variance, cap: cap.and_then(whole), over: over() };
        self.cells.entry((baseline, indicator)).or_default().push(cell);
    }

    /// What stands together in a cell, and what a cell of lines cannot have.
    fn check_ceiling(&mut self, row: Row<'_>, grain: Grain) {
        let is_filled = |column: &str| row.optional(column).is_some();
        if grain == Grain::Line {
            for column in ["cap", "ceiling"].into_iter().filter(|column| is_filled(column)) {
                let help = "Leave cap and ceiling empty, or declare the indicator with the grain `case`.";
                row.report(column, format!("a {column} of lines, of which each has its own ceiling"), help, self.diagnostics);
            }
        }
        let together = ["over_rate", "over_mean", "over_variance"].map(is_filled);
        let (any, all) = (together.contains(&true), !together.contains(&false));
        match grain {
            Grain::Case if is_filled("ceiling") != any || any != all => {
                let help = "Fill ceiling, over_rate, over_mean and over_variance, or leave all four empty.";
                row.report("ceiling", "a ceiling without what is usual above it, or the other way round", help, self.diagnostics);
            }
            Grain::Line if any != all => {
                let help = "Fill over_rate, over_mean and over_variance, or leave all three empty.";
                row.report("over_rate", "half of what is usual above the ceilings of lines", help, self.diagnostics);
            }
            _ => {}
        }
    }

    /// A number as a whole one of its unit, or of the unit's square.
    fn fixed(&mut self, row: Row<'_>, column: &str, unit: Unit, power: u32) -> Option<i128> {
        let number = row.decimal(column)?;
        let most = unit.decimals() * power;
        let step = 10_i128.pow(VALUE_PLACES * power - most);
        if number % step != 0 {
            let message = format!("`{}` has more than {most} decimals", row.text(column));
            let help = "Round it: an amount is in whole 分 and its variance in their square, so that sums are exact.";
            row.report(column, message, help, self.diagnostics);
            return None;
        }
        Some(number / step)
    }

    /// `None` if a part is not what it must be, which was told.
    fn place(&self, row: Row<'_>) -> Option<CellPlace> {
        let text = |column| Some(row.sound(column)?).map(|text| Some(text).filter(|text| *text != ANY).map(Box::from));
        let age = row.sound("age_band")?;
        row.choice("setting", SETTING_WORDS)?;
        let setting = SETTING_WORDS.iter().map(|(word, ())| *word).find(|word| *word == row.text("setting"))?;
        Some(CellPlace {
            disease_group: text("disease_group")?,
            age_band: if age == ANY { None } else { Some(AgeBand::parse(age)?) },
            inst_level: row.choice("inst_level", LEVEL_WORDS)?,
            setting: Some(setting).filter(|word| *word != ANY),
            insutype: text("insutype")?,
        })
    }

    fn prior(&mut self, row: Row<'_>) {
        let Some((baseline, indicator, ..)) = self.indicator(row) else { return };
        for column in ["a1", "b1", "a2", "b2"] {
            if row.decimal(column) == Some(0) {
                row.report(column, format!("{column} is zero"), "Shapes and rates are positive.", self.diagnostics);
            }
        }
        let w = number(row, "w");
        if w.is_some_and(|w| w <= 0.0 || w >= 1.0) {
            row.report("w", "w is not between 0 and 1", "Leave w, a2 and b2 empty for a prior of one component.", self.diagnostics);
        }
        let filled = ["a2", "b2", "w"].map(|column| row.optional(column).is_some());
        if filled.contains(&true) && filled.contains(&false) {
            row.report("w", "half of a second component", "Fill a2, b2 and w, or leave all three empty.", self.diagnostics);
        }
        let component = |shape, rate| Some(Component { shape: number(row, shape)?, rate: number(row, rate)? });
        let (first, second) = (component("a1", "b1"), component("a2", "b2"));
        let (measure, unit_kind) = (row.choice("measure", MEASURE_WORDS), row.choice("unit_kind", UNIT_KIND_WORDS));
        let (model, class) = (row.choice("model", MODEL_WORDS), row.sound("peer_class"));
        let units = row.decimal("units").and_then(|units| u64::try_from(units).ok());
        let (Some(first), Some(measure), Some(unit_kind), Some(model)) = (first, measure, unit_kind, model) else { return };
        let (Some(class), Some(units)) = (class, units) else { return };
        let (ordinary, outlier) = match (second, w) {
            (Some(second), Some(w)) => (second, Some((w, first))),
            _ => (first, None),
        };
        let peer_class = Some(class).filter(|class| *class != ANY).map(str::to_owned);
        let row = PriorRow { measure, unit_kind, peer_class, prior: Prior { model, ordinary, outlier, units } };
        let Some(indicator) = self.built.by_name.get_mut(&baseline).and_then(|version| version.indicators.get_mut(&indicator)) else {
            return;
        };
        indicator.priors.push(row);
    }

    fn expected(&mut self, row: Row<'_>) {
        let Some(baseline) = self.baseline(row) else { return };
        let (institution, month) = (row.sound("fixmedins_code"), row.sound("month").and_then(Month::parse));
        let (case, cases) = (row.choice("case", CASE_WORDS), row.decimal("expected_cases").and_then(whole));
        let (Some(institution), Some(month), Some(case), Some(cases)) = (institution, month, case, cases) else { return };
        let Some(version) = self.built.by_name.get_mut(&baseline) else { return };
        version.expected.entry_ref(institution).or_default().insert((month, case), cases);
    }

    fn finish(self) {
        for bands in self.bands.values() {
            for (at, (band, dates, place)) in bands.iter().enumerate() {
                // Two rows of one band are duplicates, which is told for every table.
                let clash =
                    |(other, on, _): &&(AgeBand, Validity, validity::Place)| other != band && other.overlaps(*band) && on.overlaps(*dates);
                if let Some((other, _, first)) = bands.iter().take(at).find(clash) {
                    let help =
                        format!("Let each year of age stand in one band; the other row is at {}:{}.", first.source.name, first.line());
                    let message = format!("age bands `{other}` and `{band}` overlap");
                    self.diagnostics.push(Diagnostic::new(&place.source, place.span.clone(), message).help(help));
                }
            }
        }
        for ((baseline, name), mut cells) in self.cells {
            let indicator = self.built.by_name.get_mut(&baseline).and_then(|version| version.indicators.get_mut(&name));
            let Some(indicator) = indicator else { continue };
            cells.sort_by(|a, b| (&a.place, a.validity).cmp(&(&b.place, b.validity)));
            for (at, cell) in (0..).zip(&cells) {
                let CellPlace { disease_group, age_band, inst_level, setting, insutype } = &cell.place;
                let place = Place {
                    disease_group: disease_group.as_deref(),
                    age_band: *age_band,
                    inst_level: *inst_level,
                    setting: *setting,
                    insutype: insutype.as_deref(),
                };
                indicator.strata.insert(place, cell.validity, at);
            }
            indicator.cells = cells;
        }
        for version in self.built.by_name.values_mut() {
            for indicator in version.indicators.values_mut() {
                indicator.priors.sort_by(|a, b| (a.measure, a.unit_kind, &a.peer_class).cmp(&(b.measure, b.unit_kind, &b.peer_class)));
            }
        }
    }
}

fn known_are(known: &[&str]) -> String {
    if known.is_empty() { "no row declares any".to_owned() } else { format!("known are {}", known.join(", ")) }
}

fn whole(number: i128) -> Option<i64> {
    i64::try_from(number).ok()
}

/// The nearest binary number to a decimal one.
fn number(row: Row<'_>, column: &str) -> Option<f64> {
    row.sound(column)?.parse().ok()
}
