//! The made-up city that events happen in: its institutions and drugs, read
//! from the reference tables that the engine judges by.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use chrono::NaiveDate;

use crate::reference::validity::Validity;

use super::day;
use super::random::mix;
use super::registry::Registry;

/// What an institution is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstitutionKind {
    Hospital,
    Pharmacy,
    /// An online body; its visits are online visits.
    Online,
}

/// A row of `institutions`.
#[derive(Clone, Debug)]
pub struct Institution {
    /// 12 characters.
    pub code: String,
    pub name: String,
    pub kind: InstitutionKind,
    /// `01` to `14`.
    pub level: String,
    /// Six digits.
    pub area: u32,
    /// `public`, `nonprofit` or `private`.
    pub nature: String,
    /// Whether its word about first visits is believed.
    pub first_visit_usable: bool,
    /// Whether its feed carries the identity check of online visits.
    pub authorization_fed: bool,
    /// The day from which it does, since 1970-01-01, where it does not yet.
    pub authorization_from: Option<i64>,
    /// In another city than the first of the table: nobody of the feed lives
    /// there, and it stands for planted cases alone.
    pub away: bool,
    /// Doctors who may practise here, at any time within a year of the day
    /// that the city was read for.
    pub doctors: Vec<String>,
}

/// A row of `drug_master` with what the other tables say about the drug on the
/// first day of the live month.
#[derive(Clone, Debug)]
pub struct Drug {
    pub code: String,
    pub name: String,
    pub dosage_form: String,
    pub form_group: String,
    pub spec: String,
    /// Unit of one dose: 片.
    pub dose_unit: String,
    /// Unit of sale: 盒.
    pub pack_unit: String,
    /// Doses in the smallest pack.
    pub pack_count: i64,
    /// Largest usual single dose in dose units; `None` where none is told.
    pub dose_max: Option<i64>,
    pub substance: String,
    /// Class of special management; `NONE` also where no row names the drug.
    pub class: String,
    /// `1` men only, `2` women only.
    pub sex_limit: Option<char>,
    pub child_only: bool,
    /// Paid for inpatients only.
    pub inpatient_only: bool,
    /// Lowest level of institution that it is paid at: `2` or `3`.
    pub level_min: Option<char>,
    /// `work_injury` or `maternity` where the basic insurance does not pay.
    pub insurance_limit: Option<String>,
    /// The one ceiling that holds everywhere, in 分; `None` where there is none
    /// or it depends on area or level.
    pub ceiling: Option<i64>,
    /// An everyday price in 分, below every ceiling of the drug.
    pub price: i64,
}

/// A fee item that a knowledge point names.
#[derive(Clone, Debug)]
pub struct Item {
    pub code: String,
    pub name: String,
}

/// Everything that the generator takes from reference tables.
#[derive(Clone, Debug)]
pub struct City {
    pub institutions: Vec<Institution>,
    pub drugs: Vec<Drug>,
    /// Delivery fees by code.
    pub delivery: Vec<Item>,
    /// Items that only an online visit is charged.
    pub online: Vec<Item>,
    /// What the registers say, of all times.
    pub(super) registry: Registry,
    /// The day that the tables were read for.
    pub(super) on: i64,
}

/// A reference table that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct CityError(pub(super) String);

impl fmt::Display for CityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for CityError {}

pub(super) type Row = BTreeMap<String, String>;

/// Days around the day of reading in which `Institution::doctors` may practise.
const YEAR: i64 = 366;

impl City {
    /// The tables that a city is read from, as far as there are any.
    pub const TABLES: [&str; 9] = [
        "institutions",
        "drug_master",
        "special_drug",
        "knowledge_points",
        "ceilings",
        "agreements",
        "departments",
        "staff",
        "guide_prices",
    ];

    /// Reads the tables of the reference folders: pairs of table name and CSV
    /// bytes, a table may come several times. Rows that are not in force on
    /// `on` are passed over, but for what the registers say of other days.
    /// Needed are `institutions` and `drug_master`; the others of
    /// [`Self::TABLES`] are used if there.
    ///
    /// # Errors
    /// A table that is no CSV, a cell that cannot be read, or a city without
    /// hospital or pharmacy.
    pub fn read(tables: &[(&str, &[u8])], on: NaiveDate) -> Result<Self, CityError> {
        let rows = |name: &str| rows_of(tables, name, Some(on));
        let registered = rows("institutions")?;
        let institutions = registered.iter().map(institution).collect::<Result<Vec<_>, _>>()?;
        let special = rows("special_drug")?;
        let points = rows("knowledge_points")?;
        let ceilings = rows("ceilings")?;
        let drugs = rows("drug_master")?.iter().map(|row| drug(row, &special, &points, &ceilings)).collect::<Result<Vec<_>, _>>()?;
        let items = |kind: &str| -> Vec<Item> {
            let of_kind = points.iter().filter(|row| cell(row, "kind") == kind && !cell(row, "code").ends_with('*'));
            of_kind.map(|row| Item { code: cell(row, "code").to_owned(), name: cell(row, "name").to_owned() }).collect()
        };
        let places: BTreeMap<String, u32> = (0u32..).zip(&institutions).map(|(idx, row)| (row.code.clone(), idx)).collect();
        let place = |code: &str| places.get(code).copied();
        let registry = Registry::read(&|name| rows_of(tables, name, None), &place)?;
        let mut city = Self { institutions, drugs, delivery: items("delivery_fee"), online: items("online_item"), registry, on: day(on) };
        for (idx, row) in (0u32..).zip(&registered) {
            let at: Vec<u32> = std::iter::once(idx).chain(place(cell(row, "host_code"))).collect();
            let span = Validity { from: city.on - YEAR, to: city.on + YEAR };
            city.institutions[idx as usize].doctors = city.registry.doctors(&at, span);
        }
        let ever = rows_of(tables, "institutions", None)?;
        let home = city.institutions.first().map(|row| row.area / 100);
        for row in &mut city.institutions {
            row.away = Some(row.area / 100) != home;
            let fed = |other: &&Row| cell(other, "fixmedins_code") == row.code && cell(other, "authno_fed") != "0";
            let from = ever.iter().filter(fed).filter_map(|other| cell(other, "valid_from").parse().ok()).filter(|from| *from > on).min();
            row.authorization_from = from.filter(|_| !row.authorization_fed).map(day);
        }
        for kind in [InstitutionKind::Hospital, InstitutionKind::Pharmacy] {
            if city.of_kind(kind).next().is_none() {
                return Err(CityError(format!("institutions: no row of kind {kind:?}")));
            }
        }
        Ok(city)
    }

    /// The demo's city, always at hand: for tests and benches.
    pub fn sample() -> Self {
        let tables: [(&str, &[u8]); Self::TABLES.len()] = [
            ("institutions", include_bytes!("../../demo/reference/institutions.csv")),
            ("drug_master", include_bytes!("../../demo/reference/drug_master.csv")),
            ("special_drug", include_bytes!("../../rules/reference/special_drug.csv")),
            ("knowledge_points", include_bytes!("../../rules/reference/knowledge_points.csv")),
            ("ceilings", include_bytes!("../../demo/reference/ceilings.csv")),
            ("agreements", include_bytes!("../../demo/reference/agreements.csv")),
            ("departments", include_bytes!("../../demo/reference/departments.csv")),
            ("staff", include_bytes!("../../demo/reference/staff.csv")),
            ("guide_prices", include_bytes!("../../demo/reference/guide_prices.csv")),
        ];
        match Self::read(&tables, super::LIVE_MONTH) {
            Ok(city) => city,
            Err(error) => unreachable!("the built-in city is whole: {error}"),
        }
    }

    fn of_kind(&self, kind: InstitutionKind) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.institutions).filter(move |(_, row)| row.kind == kind).map(|(idx, _)| idx)
    }

    /// Places of the institutions of a kind with which the registers are
    /// content on all of the days: those of ordinary life.
    pub(super) fn in_order(&self, kind: InstitutionKind, span: Validity) -> Vec<u32> {
        self.of_kind(kind).filter(|idx| self.registry.in_order(*idx, kind == InstitutionKind::Online, span)).collect()
    }

    /// Places of the institutions that `wanted` holds for, in order or not.
    pub(super) fn institutions_where(&self, wanted: impl Fn(&Institution) -> bool) -> Vec<u32> {
        (0u32..).zip(&self.institutions).filter(|(_, row)| wanted(row)).map(|(idx, _)| idx).collect()
    }

    /// The city's own areas, in order.
    pub(super) fn areas(&self) -> Vec<u32> {
        let mut areas: Vec<u32> = self.institutions.iter().filter(|row| !row.away).map(|row| row.area).collect();
        areas.sort_unstable();
        areas.dedup();
        areas
    }

    /// Places of the drugs that `wanted` holds for.
    pub(super) fn drugs_where(&self, wanted: impl Fn(&Drug) -> bool) -> Vec<u32> {
        (0u32..).zip(&self.drugs).filter(|(_, drug)| wanted(drug)).map(|(idx, _)| idx).collect()
    }
}

impl Drug {
    /// Whether no rule of this issue could ever look at it.
    pub(super) fn ordinary(&self) -> bool {
        self.class == "NONE" && self.sex_limit.is_none() && !self.child_only && !self.limited_in_scope()
    }

    /// Whether the basic insurance pays for it in some settings, levels of
    /// institution or kinds of insurance only.
    pub(super) fn limited_in_scope(&self) -> bool {
        self.inpatient_only || self.level_min.is_some() || self.insurance_limit.is_some()
    }

    /// Tablets and capsules: doses that can be counted.
    pub(super) fn countable(&self) -> bool {
        matches!(self.dose_unit.as_str(), "片" | "粒") && self.pack_count > 1
    }
}

pub(super) fn cell<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).map_or("", String::as_str)
}

/// Rows of a table that are in force on a day, or all of them.
fn rows_of(tables: &[(&str, &[u8])], name: &str, on: Option<NaiveDate>) -> Result<Vec<Row>, CityError> {
    let day = on.map(|on| on.to_string());
    let mut rows = Vec::new();
    for (_, bytes) in tables.iter().filter(|(table, _)| *table == name) {
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(*bytes);
        let wrong = |error: csv::Error| CityError(format!("{name}: {error}"));
        let columns = reader.headers().map_err(wrong)?.clone();
        for record in reader.records() {
            let record = record.map_err(wrong)?;
            let row: Row = columns.iter().zip(&record).map(|(column, value)| (column.to_owned(), value.to_owned())).collect();
            let (from, to) = (cell(&row, "valid_from"), cell(&row, "valid_to"));
            if day.as_deref().is_none_or(|day| from <= day && (to.is_empty() || day < to)) {
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

fn institution(row: &Row) -> Result<Institution, CityError> {
    let code = cell(row, "fixmedins_code");
    let wrong = |column: &str| CityError(format!("institutions: {code}: {column} cannot be read"));
    let kind = match cell(row, "kind") {
        "hospital" => InstitutionKind::Hospital,
        "pharmacy" => InstitutionKind::Pharmacy,
        "online" => InstitutionKind::Online,
        _ => return Err(wrong("kind")),
    };
    Ok(Institution {
        code: code.to_owned(),
        name: cell(row, "name").to_owned(),
        kind,
        level: cell(row, "level").to_owned(),
        area: cell(row, "area").parse().map_err(|_| wrong("area"))?,
        nature: cell(row, "nature").to_owned(),
        first_visit_usable: cell(row, "fstdiag_usable") != "0",
        authorization_fed: cell(row, "authno_fed") != "0",
        authorization_from: None,
        away: false,
        doctors: Vec::new(),
    })
}

fn drug(row: &Row, special: &[Row], points: &[Row], ceilings: &[Row]) -> Result<Drug, CityError> {
    let code = cell(row, "med_list_codg");
    let wrong = |column: &str| CityError(format!("drug_master: {code}: {column} cannot be read"));
    let whole = |column: &str| cell(row, column).parse::<f64>().map(|value| value as i64).map_err(|_| wrong(column));
    let dose_max = if cell(row, "each_dos").is_empty() { None } else { Some(whole("each_dos")?.max(1)) };
    let point = |kind: &str| points.iter().find(|point| cell(point, "kind") == kind && names(cell(point, "code"), code));
    let own: Vec<(&Row, i64)> = ceilings
        .iter()
        .filter(|row| cell(row, "med_list_codg") == code)
        .filter_map(|row| Some((row, (cell(row, "ceiling").parse::<f64>().ok()? * 100.0).round() as i64)))
        .filter(|(_, fen)| *fen < 99_999_900)
        .collect();
    let ceiling = match own[..] {
        [(row, fen)] if cell(row, "area").is_empty() && cell(row, "level").is_empty() => Some(fen),
        _ => None,
    };
    let price = match own.iter().map(|(_, fen)| *fen).min() {
        Some(least) => least * 9 / 10,
        None => 400 + (mix(code.bytes().fold(0, |sum, byte| mix(sum, u64::from(byte))), 1) % 6000) as i64,
    };
    Ok(Drug {
        code: code.to_owned(),
        name: cell(row, "generic_name").to_owned(),
        dosage_form: cell(row, "dosage_form").to_owned(),
        form_group: cell(row, "form_group").to_owned(),
        spec: cell(row, "spec").to_owned(),
        dose_unit: cell(row, "min_prepunt").to_owned(),
        pack_unit: cell(row, "min_pacunt").to_owned(),
        pack_count: whole("min_pac_cnt")?.max(1),
        dose_max,
        substance: cell(row, "substance").to_owned(),
        class: class_of(row, special),
        sex_limit: point("sex").and_then(|point| cell(point, "value").chars().next()),
        child_only: point("child").is_some(),
        inpatient_only: point("inpatient").is_some(),
        level_min: point("level").and_then(|point| cell(point, "value").chars().next()),
        insurance_limit: point("insurance").map(|point| cell(point, "value").to_owned()),
        ceiling,
        price,
    })
}

fn names(pattern: &str, code: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == code, |prefix| code.starts_with(prefix))
}

/// The class by the longest code prefix, else by substance and form.
fn class_of(drug: &Row, special: &[Row]) -> String {
    let code = cell(drug, "med_list_codg");
    let by_code = special
        .iter()
        .filter(|row| !cell(row, "code_prefix").is_empty() && code.starts_with(cell(row, "code_prefix")))
        .max_by_key(|row| cell(row, "code_prefix").len());
    let by_name = |with_form: bool| {
        special.iter().find(|row| {
            let form = cell(row, "dosage_form");
            !cell(row, "generic_name").is_empty()
                && cell(row, "generic_name") == cell(drug, "substance")
                && if with_form { !form.is_empty() && same_form(form, drug) } else { form.is_empty() }
        })
    };
    let row = by_code.or_else(|| by_name(true)).or_else(|| by_name(false));
    row.map_or("NONE", |row| cell(row, "class")).to_owned()
}

fn same_form(wanted: &str, drug: &Row) -> bool {
    let form = cell(drug, "dosage_form");
    match wanted {
        "注射剂" => cell(drug, "form_group") == "injection",
        "眼用制剂" => form.contains('眼'),
        "口服液体" => ["溶液", "口服液", "糖浆"].iter().any(|liquid| form.contains(liquid)),
        "口服固体" => ["片", "胶囊", "颗粒"].iter().any(|solid| form.contains(solid)),
        _ => form == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_every_part() {
        let city = City::sample();
        let find = |name: &str| city.drugs.iter().find(|drug| drug.name == name).unwrap();
        for (name, class) in [
            ("硫酸吗啡片", "NARC"),
            ("盐酸哌甲酯片", "PSY1"),
            ("阿普唑仑片", "PSY2"),
            ("咪达唑仑注射液", "PSY1"),
            ("咪达唑仑口服溶液", "PSY2"),
            ("硫酸阿托品滴眼液", "NONE"),
            ("盐酸罂粟碱注射液", "NONE"),
            ("酚麻美敏片", "NONE"),
            ("复方磷酸可待因口服溶液", "PSY2"),
        ] {
            assert_eq!(find(name).class, class, "{name}");
        }
        assert_eq!(find("他达拉非片").sex_limit, Some('1'));
        assert_eq!(find("妇科千金片").sex_limit, Some('2'));
        assert!(find("小儿豉翘清热颗粒").child_only);
        assert_eq!(find("苯磺酸氨氯地平片").ceiling, Some(588));
        assert_eq!(find("硝苯地平控释片").ceiling, None);
        assert!(find("硝苯地平控释片").price < 2000);
        assert!(!city.delivery.is_empty() && !city.online.is_empty());
        assert_eq!(city.areas(), [990_101, 990_102, 990_103]);
        assert!(city.institutions.iter().any(|row| row.away));
        assert!(city.institutions.iter().any(|row| row.authorization_from.is_some_and(|from| from > city.on)));
    }

    #[test]
    fn a_table_that_cannot_be_read_is_named() {
        let error =
            City::read(&[("institutions", b"fixmedins_code,kind,area,valid_from,valid_to\nH1,clinic,1,,\n")], super::super::LIVE_MONTH)
                .unwrap_err();
        assert_eq!(error.to_string(), "institutions: H1: kind cannot be read");
    }
}
