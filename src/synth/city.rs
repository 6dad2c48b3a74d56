//! The made-up city that events happen in: its institutions and drugs, read
//! from the reference tables that the engine judges by.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use chrono::NaiveDate;

use super::random::mix;

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
    /// Whether its word about first visits is believed.
    pub first_visit_usable: bool,
    /// Whether its feed carries the identity check of online visits.
    pub authorization_fed: bool,
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
}

/// A reference table that cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub struct CityError(String);

impl fmt::Display for CityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for CityError {}

type Row = BTreeMap<String, String>;

impl City {
    /// Reads the tables of the reference folders: pairs of table name and CSV
    /// bytes, a table may come several times. Rows that are not in force on
    /// `on` are passed over. Needed are `institutions` and `drug_master`;
    /// `special_drug`, `knowledge_points` and `ceilings` are used if there.
    ///
    /// # Errors
    /// A table that is no CSV, a cell that cannot be read, or a city without
    /// hospital or pharmacy.
    pub fn read(tables: &[(&str, &[u8])], on: NaiveDate) -> Result<Self, CityError> {
        let rows = |name: &str| rows_of(tables, name, on);
        let institutions = rows("institutions")?.iter().map(institution).collect::<Result<Vec<_>, _>>()?;
        let special = rows("special_drug")?;
        let points = rows("knowledge_points")?;
        let ceilings = rows("ceilings")?;
        let drugs = rows("drug_master")?.iter().map(|row| drug(row, &special, &points, &ceilings)).collect::<Result<Vec<_>, _>>()?;
        let items = |kind: &str| -> Vec<Item> {
            let of_kind = points.iter().filter(|row| cell(row, "kind") == kind && !cell(row, "code").ends_with('*'));
            of_kind.map(|row| Item { code: cell(row, "code").to_owned(), name: cell(row, "name").to_owned() }).collect()
        };
        let city = Self { institutions, drugs, delivery: items("delivery_fee"), online: items("online_item") };
        for kind in [InstitutionKind::Hospital, InstitutionKind::Pharmacy] {
            if city.of_kind(kind).is_empty() {
                return Err(CityError(format!("institutions: no row of kind {kind:?}")));
            }
        }
        Ok(city)
    }

    /// The demo's city, always at hand: for tests and benches.
    pub fn sample() -> Self {
        let tables: [(&str, &[u8]); 5] = [
            ("institutions", include_bytes!("../../demo/reference/institutions.csv")),
            ("drug_master", include_bytes!("../../demo/reference/drug_master.csv")),
            ("special_drug", include_bytes!("../../rules/reference/special_drug.csv")),
            ("knowledge_points", include_bytes!("../../rules/reference/knowledge_points.csv")),
            ("ceilings", include_bytes!("../../demo/reference/ceilings.csv")),
        ];
        match Self::read(&tables, super::LIVE_MONTH) {
            Ok(city) => city,
            Err(error) => unreachable!("the built-in city is whole: {error}"),
        }
    }

    /// Places of the institutions of a kind.
    pub(super) fn of_kind(&self, kind: InstitutionKind) -> Vec<u32> {
        (0u32..).zip(&self.institutions).filter(|(_, row)| row.kind == kind).map(|(idx, _)| idx).collect()
    }

    /// Places of the drugs that `wanted` holds for.
    pub(super) fn drugs_where(&self, wanted: impl Fn(&Drug) -> bool) -> Vec<u32> {
        (0u32..).zip(&self.drugs).filter(|(_, drug)| wanted(drug)).map(|(idx, _)| idx).collect()
    }
}

impl Drug {
    /// Whether no rule of this issue could ever look at it.
    pub(super) fn ordinary(&self) -> bool {
        self.class == "NONE" && self.sex_limit.is_none() && !self.child_only
    }

    /// Tablets and capsules: doses that can be counted.
    pub(super) fn countable(&self) -> bool {
        matches!(self.dose_unit.as_str(), "片" | "粒") && self.pack_count > 1
    }
}

fn cell<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).map_or("", String::as_str)
}

fn rows_of(tables: &[(&str, &[u8])], name: &str, on: NaiveDate) -> Result<Vec<Row>, CityError> {
    let day = on.to_string();
    let mut rows = Vec::new();
    for (_, bytes) in tables.iter().filter(|(table, _)| *table == name) {
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(*bytes);
        let wrong = |error: csv::Error| CityError(format!("{name}: {error}"));
        let columns = reader.headers().map_err(wrong)?.clone();
        for record in reader.records() {
            let record = record.map_err(wrong)?;
            let row: Row = columns.iter().zip(&record).map(|(column, value)| (column.to_owned(), value.to_owned())).collect();
            let (from, to) = (cell(&row, "valid_from"), cell(&row, "valid_to"));
            if from <= day.as_str() && (to.is_empty() || day.as_str() < to) {
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
        first_visit_usable: cell(row, "fstdiag_usable") != "0",
        authorization_fed: cell(row, "authno_fed") != "0",
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
    }

    #[test]
    fn a_table_that_cannot_be_read_is_named() {
        let error =
            City::read(&[("institutions", b"fixmedins_code,kind,area,valid_from,valid_to\nH1,clinic,1,,\n")], super::super::LIVE_MONTH)
                .unwrap_err();
        assert_eq!(error.to_string(), "institutions: H1: kind cannot be read");
    }
}
