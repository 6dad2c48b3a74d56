//! The reference tables as they stand in their files, asked by day.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::path::Path;

use super::told::Told;
use super::told::scaled;
use super::told::seconds;

pub type Row = HashMap<String, String>;

const FOLDERS: [&str; 2] = ["rules/reference", "demo/reference"];

/// Rows of `name.csv` in those of the folders that have it.
fn table(root: &Path, name: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for path in FOLDERS.iter().map(|folder| root.join(folder).join(format!("{name}.csv"))).filter(|path| path.exists()) {
        rows.extend(csv::Reader::from_path(path).unwrap().deserialize::<Row>().map(Result::unwrap));
    }
    rows
}

fn by(column: &str, rows: Vec<Row>) -> HashMap<String, Vec<Row>> {
    let mut out: HashMap<String, Vec<Row>> = HashMap::new();
    for row in rows {
        out.entry(row[column].clone()).or_default().push(row);
    }
    out
}

fn lies(row: &Row, from: &str, to: &str, time: i64) -> bool {
    let starts = |name: &str| row.get(name).filter(|text| !text.is_empty()).map(|text| seconds(text));
    starts(from).is_none_or(|from| from <= time) && starts(to).is_none_or(|to| time < to)
}

fn in_force(row: &Row, time: i64) -> bool {
    lies(row, "valid_from", "valid_to", time)
}

/// A product as the drug master knows it.
pub struct Drug {
    row: Row,
    pub name: String,
    pub form: String,
    pub substance: String,
    /// How it releases: injection, sustained, patch or other.
    pub release: String,
    pub dose_unit: String,
    pub pack_unit: String,
    /// Dose units in a smallest pack, and in a greatest usual dose.
    pub pack: f64,
    pub usual: Option<f64>,
    /// What a dose unit holds, where it is told.
    pub content: String,
}

/// What a frequency code means.
#[derive(Clone, Copy, Debug)]
pub enum Often {
    /// So many times in so many days.
    Times(f64, f64),
    Once,
    AsNeeded,
}

impl Drug {
    fn read(row: Row) -> Self {
        let text = |name: &str| row[name].clone();
        Self {
            name: text("generic_name"),
            form: text("dosage_form"),
            substance: ingredients(&row["substance"]),
            release: text("form_group"),
            dose_unit: text("min_prepunt"),
            pack_unit: text("min_pacunt"),
            pack: row["min_pac_cnt"].parse().or_else(|_| row["convrat"].parse()).unwrap_or_default(),
            usual: row["each_dos"].parse().ok(),
            content: row.get("content").cloned().unwrap_or_default(),
            row,
        }
    }
}

/// A compound is the set of its ingredients, in whatever order.
fn ingredients(text: &str) -> String {
    let all: BTreeSet<&str> = text.split(['+', '＋']).map(str::trim).filter(|part| !part.is_empty()).collect();
    all.into_iter().collect::<Vec<_>>().join("+")
}

/// What a message says of an item.
#[derive(Clone, Debug, Default)]
pub struct Item {
    pub code: Option<String>,
    pub name: Option<String>,
    pub form: Option<String>,
}

impl Item {
    /// Whether both are one product: by code, else by name and form.
    pub fn is_same(&self, other: &Self) -> bool {
        self.code == other.code && (self.code.is_some() || self.name == other.name && self.form == other.form)
    }
}

const SALTS: [&str; 18] = [
    "重酒石酸",
    "甲苯磺酸",
    "甲磺酸",
    "苯磺酸",
    "盐酸",
    "硫酸",
    "磷酸",
    "酒石酸",
    "枸橼酸",
    "氢溴酸",
    "马来酸",
    "富马酸",
    "琥珀酸",
    "硝酸",
    "醋酸",
    "乳酸",
    "水杨酸",
    "草酸",
];
/// How a name ends that tells the form, the longer before what it ends with.
const ENDINGS: [&str; 40] = [
    "注射用浓溶液",
    "注射液",
    "注射剂",
    "透皮贴剂",
    "贴剂",
    "滴眼液",
    "滴眼剂",
    "眼膏",
    "口服溶液剂",
    "口服溶液",
    "口服混悬液",
    "口服液",
    "混悬液",
    "糖浆剂",
    "糖浆",
    "合剂",
    "滴剂",
    "阴道片",
    "片剂",
    "片",
    "胶囊剂",
    "胶囊",
    "颗粒剂",
    "颗粒",
    "丸剂",
    "滴丸",
    "丸",
    "散",
    "气雾剂",
    "喷雾剂",
    "吸入剂",
    "吸入溶液",
    "滴鼻液",
    "乳膏剂",
    "乳膏",
    "软膏",
    "凝胶",
    "栓剂",
    "栓",
    "酊",
];
const RELEASES: [&str; 12] = ["缓释", "控释", "肠溶", "分散", "舌下", "口崩", "口腔崩解", "咀嚼", "泡腾", "乳状", "吸入", "软"];

/// A name in one spelling: no salts, brackets or blanks; whole, and without its form.
fn spelled(name: &str) -> [String; 2] {
    let mut depth = 0;
    let mut text = String::new();
    for ch in name.chars().filter(|ch| !ch.is_whitespace()) {
        match ch {
            '(' | '（' => depth += 1,
            ')' | '）' => depth -= 1,
            _ if depth == 0 => text.push(ch),
            _ => {}
        }
    }
    for (from, to) in [("䓬", "卓"), ("噁", "恶"), ("哌醋甲酯", "哌甲酯"), ("麻黄素", "麻黄碱")] {
        text = text.replace(from, to);
    }
    let bare = text.strip_prefix("注射用").unwrap_or(&text).to_owned();
    let mut stem = bare.as_str();
    if let Some(rest) = ENDINGS.iter().find_map(|ending| stem.strip_suffix(ending)) {
        stem = rest;
        while let Some(rest) = RELEASES.iter().find_map(|word| stem.strip_suffix(word)) {
            stem = rest;
        }
    }
    let pure = |name: &str| SALTS.iter().fold(name.to_owned(), |name, salt| name.replace(salt, ""));
    [pure(&bare), pure(stem)]
}

/// The list's word for a form, by its text.
fn form_word(text: &str) -> &'static str {
    let any = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    match () {
        () if any(&["注射"]) => "注射剂",
        () if any(&["贴"]) => "透皮贴剂",
        () if any(&["眼"]) => "眼用制剂",
        () if any(&["饮片"]) => "饮片",
        () if any(&["原料药"]) => "原料药",
        () if any(&["阴道", "吸入", "喷雾", "气雾", "膏", "凝胶", "栓", "酊"]) => "其他",
        () if any(&["溶液", "口服液", "糖浆", "合剂", "混悬", "滴剂"]) => "口服液体",
        () if any(&["片", "胶囊", "颗粒", "丸", "散"]) => "口服固体",
        () => "",
    }
}

/// The form part of a western drug code.
fn form_code(code: &str) -> Option<&str> {
    code.get(10..14).filter(|_| code.starts_with('X'))
}

pub struct Tables {
    drugs: HashMap<String, Vec<Drug>>,
    special: Vec<Row>,
    points: Vec<Row>,
    groups: Vec<Row>,
    institutions: HashMap<String, Vec<Row>>,
    agreements: HashMap<String, Vec<Row>>,
    departments: HashMap<String, Vec<Row>>,
    staff: HashMap<String, Vec<Row>>,
    frequencies: HashMap<String, Vec<Row>>,
    ceilings: HashMap<String, Vec<Row>>,
    guide_prices: HashMap<String, Vec<Row>>,
}

/// Whom a price is asked for.
pub struct Place<'a> {
    pub area: &'a str,
    pub level: Option<&'a str>,
    pub nature: Option<&'a str>,
}

impl Tables {
    /// The product's tables and the made-up city's, under the root of the repository.
    pub fn read(root: &Path) -> Self {
        let mut special = table(root, "special_drug");
        // A longer start of a code goes before a shorter one.
        special.sort_by_key(|row| std::cmp::Reverse(row["code_prefix"].len()));
        let mut drugs: HashMap<String, Vec<Drug>> = HashMap::new();
        for row in table(root, "drug_master") {
            drugs.entry(row["med_list_codg"].clone()).or_default().push(Drug::read(row));
        }
        let coded = |name: &str, column: &str| by(column, table(root, name));
        Self {
            drugs,
            special,
            points: table(root, "knowledge_points"),
            groups: table(root, "disease_groups"),
            institutions: coded("institutions", "fixmedins_code"),
            agreements: coded("agreements", "fixmedins_code"),
            departments: coded("departments", "fixmedins_code"),
            staff: coded("staff", "dr_code"),
            frequencies: coded("frequencies", "code"),
            ceilings: coded("ceilings", "med_list_codg"),
            guide_prices: coded("guide_prices", "med_list_codg"),
        }
    }

    pub fn drug(&self, code: Option<&str>, time: i64) -> Option<&Drug> {
        self.drugs.get(code?)?.iter().find(|drug| in_force(&drug.row, time))
    }

    /// By the drug master, else by the part of the code that names it.
    pub fn substance<'a>(&'a self, code: Option<&'a str>, time: i64) -> Option<&'a str> {
        let of_code = || match code?.as_bytes().first()? {
            b'X' => code?.get(..10),
            b'Z' => code?.get(..11),
            _ => None,
        };
        self.drug(code, time).map(|drug| drug.substance.as_str()).or_else(of_code)
    }

    /// How a drug releases: by the drug master, else where the code leaves no doubt.
    pub fn release(&self, code: Option<&str>, time: i64) -> Option<&str> {
        let of_code = || match form_code(code?)? {
            form if form.starts_with('B') => Some("injection"),
            form if form.starts_with('V') => Some("patch"),
            "A010" => Some("sustained"),
            "A001" | "A003" | "A006" | "A012" | "A022" | "E001" => Some("other"),
            form if form.starts_with(['D', 'F', 'G', 'K', 'N', 'P', 'S', 'U', 'X']) => Some("other"),
            _ => None,
        };
        self.drug(code, time).map(|drug| drug.release.as_str()).or_else(of_code)
    }

    /// Class of special management; empty where none is known.
    pub fn class(&self, item: &Item, time: i64) -> &str {
        let code = item.code.as_deref().unwrap_or_default();
        let drug = self.drugs.get(code).and_then(|drugs| drugs.last());
        let name = drug.map(|drug| drug.name.as_str()).or(item.name.as_deref()).unwrap_or_default();
        let told = drug.map(|drug| drug.form.as_str()).or(item.form.as_deref()).map_or("", form_word);
        let form = if told.is_empty() { form_word(name) } else { told };
        let is_drug = code.is_empty() || code.starts_with(['X', 'Z']);
        let spellings = spelled(name);
        let named = |row: &&Row| is_drug && !row["generic_name"].is_empty() && spellings.contains(&spelled(&row["generic_name"])[0]);
        // A crude herb is sold under its bare name, and under no code of a medicine.
        let fits = |row: &&Row| row["dosage_form"] == form || form.is_empty() && code.is_empty() && row["dosage_form"] == "饮片";
        let by_code = self.special.iter().filter(|row| !row["code_prefix"].is_empty() && code.starts_with(&row["code_prefix"]));
        let of_form = self.special.iter().filter(|row| !row["dosage_form"].is_empty() && fits(row)).filter(named);
        let of_any = self.special.iter().filter(|row| row["dosage_form"].is_empty()).filter(named);
        by_code.chain(of_form).chain(of_any).find(|row| in_force(row, time)).map_or("", |row| row["class"].as_str())
    }

    /// A published point about an item; nobody can tell of an item without a code.
    pub fn point(&self, kind: &str, code: Option<&str>, time: i64) -> Option<Option<&Row>> {
        let code = code?;
        let names = |listed: &str| listed.strip_suffix('*').map_or(listed == code, |start| code.starts_with(start));
        Some(self.points.iter().find(|row| row["kind"] == kind && names(&row["code"]) && in_force(row, time)))
    }

    pub fn has_point(&self, kind: &str, code: Option<&str>, time: i64) -> Told {
        self.point(kind, code, time).map(|point| point.is_some())
    }

    pub fn groups(&self, diagnoses: &[String], time: i64) -> BTreeSet<&str> {
        let of = |code: &String| {
            let category: String = code.chars().take(3).collect();
            self.groups
                .iter()
                .filter(move |row| row["icd_from"] <= category && category <= row["icd_to"] && in_force(row, time))
                .map(|row| row["group"].as_str())
        };
        diagnoses.iter().flat_map(of).collect()
    }

    pub fn institution(&self, code: &str, time: i64) -> Option<&Row> {
        self.institutions.get(code)?.iter().find(|row| in_force(row, time))
    }

    /// The state of an agreement of a kind.
    pub fn agreement(&self, institution: &str, kind: &str, time: i64) -> Option<&str> {
        let rows = self.agreements.get(institution)?.iter();
        rows.filter(|row| row["kind"] == kind).find(|row| in_force(row, time)).map(|row| row["state"].as_str())
    }

    /// Whether an institution is licensed for a department. Nobody can tell of
    /// one that has no department at all on the day.
    pub fn licensed(&self, institution: &str, department: &str, time: i64) -> Told {
        let rows: Vec<&Row> = self.departments.get(institution)?.iter().filter(|row| in_force(row, time)).collect();
        (!rows.is_empty()).then(|| rows.iter().any(|row| row["dept_code"] == department))
    }

    /// What an institution means by a code of its own, nobody knows.
    pub fn often(&self, code: &str, time: i64) -> Option<Often> {
        let row = self.frequencies.get(&code.to_lowercase())?.iter().find(|row| in_force(row, time))?;
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        Some(match row["kind"].as_str() {
            "regular" => Often::Times(number("times"), number("cycle_days")),
            "once" => Often::Once,
            _ => Often::AsNeeded,
        })
    }

    /// Whether a doctor is registered or filed at an institution, or at the
    /// hospital that an online one belongs to. Nobody can tell where no doctor
    /// of theirs is told.
    pub fn filed(&self, doctor: &str, institution: &str, time: i64) -> Told {
        let host = self.institution(institution, time).map(|row| row["host_code"].as_str()).unwrap_or_default();
        let of_them = |row: &Row| row["fixmedins_code"] == institution || row["fixmedins_code"] == host;
        let told = self.staff.values().flatten().any(of_them);
        self.staff.get(doctor).filter(|_| told).map(|rows| rows.iter().any(|row| of_them(row) && in_force(row, time)))
    }

    /// Whether the insurance paid for nothing that a doctor did, wherever.
    pub fn suspended(&self, doctor: &str, time: i64) -> Told {
        let then = |row: &Row| !row["suspended_from"].is_empty() && lies(row, "suspended_from", "suspended_to", time);
        self.staff.get(doctor).map(|rows| rows.iter().any(then))
    }

    /// In millionths of a yuan; the row of the longest area, then one for a
    /// level, then one for a nature, goes first.
    fn price(rows: Option<&Vec<Row>>, column: &str, place: &Place<'_>, time: i64) -> Option<i128> {
        let asks = |row: &Row, name: &str| row.get(name).filter(|text| !text.is_empty()).cloned();
        let fits = |row: &&Row| {
            place.area.starts_with(&row["area"])
                && asks(row, "level").is_none_or(|level| Some(level.as_str()) == place.level)
                && asks(row, "nature").is_none_or(|nature| Some(nature.as_str()) == place.nature)
                && in_force(row, time)
        };
        let best = rows?.iter().filter(fits).max_by_key(|row| (row["area"].len(), asks(row, "level"), asks(row, "nature")));
        best.map(|row| scaled(row[column].parse().unwrap(), 6))
    }

    pub fn ceiling(&self, code: Option<&str>, place: &Place<'_>, time: i64) -> Option<i128> {
        Self::price(self.ceilings.get(code?), "ceiling", place, time)
    }

    pub fn guide_price(&self, code: Option<&str>, place: &Place<'_>, time: i64) -> Option<i128> {
        Self::price(self.guide_prices.get(code?), "price", place, time)
    }
}
