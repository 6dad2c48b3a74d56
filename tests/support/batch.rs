//! The shipped rules on groups as a batch: the events and the baseline in
//! tables of SQLite, and one query after the other over all of them.
//!
//! Nothing of the program takes part but the files that it reads. What a rule
//! counts stands here a second time, in SQL of SQLite.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::params;
use rusqlite::types::Value as Cell;
use serde_json::Value;

use super::told::Fields;
use super::told::nets;

/// What a rule counts: over bills `b` which cases are its own, over lines `l`
/// what it adds, where it adds lines; or each line by itself.
struct Rule {
    id: &'static str,
    stays: bool,
    /// Amount or quantity of a line and which lines; or what a bill adds.
    value: Of,
    indicator: &'static str,
    /// `expected`, `over_share` or `over_amount`.
    measure: &'static str,
    per_day: bool,
}

enum Of {
    Lines(&'static str, &'static str),
    Bill(&'static str),
    Days,
    /// Prices of lines against their ceilings.
    Prices,
}

const fn rule(id: &'static str, value: Of, indicator: &'static str) -> Rule {
    Rule { id, stays: true, value, indicator, measure: "expected", per_day: false }
}

const DRUGS: Of = Of::Lines("amount", "l.list_type IN ('101', '102', '103', '104')");
const CONSUMABLES: Of = Of::Lines("amount", "l.list_type = '301'");
const CARDIAC: &str = "l.list_type = '301' AND l.code GLOB 'C02*'";
const ORTHO: &str = "l.list_type = '301' AND l.code GLOB 'C03*'";

#[rustfmt::skip]
const RULES: [Rule; 16] = [
    rule("oe-total-cost", Of::Bill("total"), "total_cost"),
    rule("oe-drug-cost", DRUGS, "drug_cost"),
    rule("oe-consumable-cost", CONSUMABLES, "consumable_cost"),
    rule("oe-cardiac-consumables", Of::Lines("amount", CARDIAC), "cardiac_consumable_cost"),
    rule("oe-ortho-consumables", Of::Lines("amount", ORTHO), "ortho_consumable_cost"),
    rule("oe-stay-days", Of::Days, "stay_days"),
    rule("oe-tests", Of::Lines("count", "l.list_type = '201' AND l.item_group IN ('03', '04')"), "tests"),
    Rule { per_day: true, ..rule("oe-rehab-per-day", Of::Lines("count", "l.list_type = '201' AND l.code GLOB '0034*'"), "rehab_per_day") },
    Rule { stays: false, ..rule("oe-visit-cost", Of::Bill("total"), "visit_cost") },
    Rule { stays: false, ..rule("oe-visit-drug-cost", DRUGS, "visit_drug_cost") },
    Rule { measure: "over_share", ..rule("over-consumable-cases", CONSUMABLES, "consumable_cost") },
    Rule { measure: "over_amount", ..rule("over-consumable-amount", CONSUMABLES, "consumable_cost") },
    Rule { measure: "over_share", ..rule("over-drug-cases", DRUGS, "drug_cost") },
    Rule { measure: "over_share", ..rule("over-cardiac-units", Of::Lines("count", CARDIAC), "cardiac_consumable_count") },
    Rule { stays: false, measure: "over_share", ..rule("over-pay-ceiling-lines", Of::Prices, "pay_ceiling_lines") },
    Rule { measure: "over_share", ..rule("over-ortho-units", Of::Lines("count", ORTHO), "ortho_consumable_count") },
];

const TABLES: &str = "
CREATE TABLE bills (
    bill INTEGER PRIMARY KEY, institution TEXT, id TEXT, person TEXT, visit TEXT, med_type TEXT, interim TEXT,
    settled TEXT, begun TEXT, ended TEXT, days INTEGER, total INTEGER, valid TEXT, disease_group TEXT, insutype TEXT,
    born TEXT, age INTEGER, level TEXT, left_from TEXT, came_to TEXT, doctor TEXT, area TEXT, UNIQUE (institution, id));
-- Price and its highest in millionths; what is left after refunds, in ten-thousandths.
CREATE TABLE lines (
    bill INTEGER, list_type TEXT, code TEXT, item_group TEXT, count INTEGER, amount INTEGER, doctor TEXT, price INTEGER, highest INTEGER,
    remains INTEGER, day TEXT);
CREATE TABLE ceilings (code TEXT, area TEXT, level TEXT, ceiling INTEGER, valid_from TEXT, valid_to TEXT);
CREATE INDEX of_bill ON lines (bill);
CREATE TABLE indicators (indicator TEXT PRIMARY KEY, places INTEGER);
-- NULL stands for any.
CREATE TABLE cells (
    cell INTEGER PRIMARY KEY, indicator TEXT, disease_group TEXT, first_year INTEGER, last_year INTEGER, level INTEGER, setting TEXT,
    insutype TEXT, n INTEGER, mean INTEGER, variance INTEGER, cap INTEGER, ceiling INTEGER, over_rate INTEGER, over_mean INTEGER,
    over_variance INTEGER, valid_from TEXT, valid_to TEXT);
CREATE INDEX of_indicator ON cells (indicator, disease_group);
CREATE TABLE expected (institution TEXT, month TEXT, kind TEXT, cases INTEGER, PRIMARY KEY (institution, month, kind));
CREATE TABLE institutions (institution TEXT, level TEXT, host TEXT, valid_from TEXT, valid_to TEXT);
-- A pane: its first and last month, and how many they are.
CREATE TABLE panes (pane TEXT PRIMARY KEY, first TEXT, last TEXT, months INTEGER);
CREATE TABLE parts (rule TEXT, measure TEXT, kase INTEGER, known INTEGER, observed INTEGER, expected INTEGER, variance INTEGER, raw INTEGER);
";

/// Bills with where they were made out, then cases with the bill that speaks
/// for each: of its final bills the last.
const CASES: &str = "
CREATE TABLE placed AS
SELECT *, coalesce('visit ' || visit, 'bill ' || id) AS of_case, substr(coalesce(begun, settled), 1, 10) AS fact_day
FROM (SELECT *,
    CASE
        WHEN med_type LIKE '120%' THEN 'emergency'
        WHEN med_type LIKE '12%' THEN 'registration'
        WHEN substr(med_type, 1, 2) IN ('11', '15', '16', '81') THEN 'outpatient'
        WHEN med_type LIKE '13%' THEN 'emergency'
        WHEN substr(med_type, 1, 2) IN ('14', '99') THEN 'chronic'
        WHEN med_type LIKE '28%' THEN 'day_surgery'
        WHEN substr(med_type, 1, 2) BETWEEN '21' AND '27' THEN 'inpatient'
        WHEN med_type LIKE '41%' THEN 'pharmacy'
        WHEN med_type LIKE '51%' THEN 'maternity_outpatient'
        WHEN med_type LIKE '52%' THEN 'maternity_inpatient'
        WHEN med_type LIKE '71%' THEN 'home_bed'
        WHEN med_type LIKE '61%' THEN 'other'
    END AS setting FROM bills)
WHERE setting <> 'pharmacy';

CREATE TABLE cases AS
WITH kinds AS (
    SELECT *, CASE WHEN setting IN ('inpatient', 'day_surgery', 'maternity_inpatient') THEN 'stay' ELSE 'visit' END AS kind FROM placed),
final AS (
    SELECT *, row_number() OVER (PARTITION BY institution, person, of_case ORDER BY settled DESC, id DESC) AS place
    FROM kinds WHERE NOT (kind = 'stay' AND coalesce(interim, '0') = '1')),
spans AS (
    SELECT institution, person, of_case, count(*) AS bills, min(substr(begun, 1, 10)) AS begun, max(substr(ended, 1, 10)) AS ended
    FROM kinds GROUP BY 1, 2, 3),
ordered AS (
    SELECT k.institution, k.person, k.of_case, l.doctor,
        row_number() OVER (PARTITION BY k.institution, k.person, k.of_case ORDER BY sum(l.amount) DESC, l.doctor) AS place
    FROM kinds k JOIN lines l USING (bill) WHERE l.doctor IS NOT NULL AND l.amount IS NOT NULL GROUP BY 1, 2, 3, 4)
SELECT row_number() OVER () AS kase, f.bill, f.institution, f.person, f.of_case, f.kind, f.setting, s.bills,
    substr(f.settled, 1, 10) AS day, f.disease_group, f.insutype,
    coalesce(substr(f.fact_day, 1, 4) - substr(f.born, 1, 4) - (substr(f.fact_day, 6) < substr(f.born, 6, 5)), f.age) AS age,
    CASE
        WHEN coalesce(i.level, f.level) IN ('01', '02', '03', '04', '12') THEN 3
        WHEN coalesce(i.level, f.level) IN ('05', '06', '07', '13') THEN 2
        WHEN coalesce(i.level, f.level) IN ('08', '09', '10', '14') THEN 1
    END AS level,
    coalesce(f.left_from, f.came_to) AS department,
    CASE WHEN f.kind = 'stay' THEN f.doctor ELSE coalesce(o.doctor, f.doctor) END AS doctor,
    i.host,
    max(1, nullif(max(-1, CASE
        WHEN f.begun IS NOT NULL AND f.ended IS NOT NULL THEN CAST(julianday(s.ended) - julianday(s.begun) AS INTEGER)
        ELSE f.days END), -1)) AS days
FROM final f
JOIN spans s USING (institution, person, of_case)
LEFT JOIN ordered o ON o.institution = f.institution AND o.person = f.person AND o.of_case = f.of_case AND o.place = 1
LEFT JOIN institutions i
    ON i.institution = f.institution AND i.valid_from <= f.fact_day AND (i.valid_to IS NULL OR f.fact_day < i.valid_to)
WHERE f.place = 1;
CREATE INDEX of_parties ON cases (institution, person, of_case);

-- An online body is reported by itself and with its host.
CREATE TABLE told AS
SELECT kase, institution, kind, substr(day, 1, 7) AS month, department, doctor FROM cases
UNION ALL SELECT kase, host, kind, substr(day, 1, 7), department, doctor FROM cases WHERE host IS NOT NULL;

-- Lines with the ceiling that holds for them: that of the tables before their own.
CREATE TABLE priced AS
SELECT * FROM (
    SELECT l.bill, l.price, l.remains, coalesce((
        SELECT u.ceiling FROM ceilings u
        WHERE u.code = l.code AND u.valid_from <= coalesce(l.day, p.fact_day) AND (u.valid_to IS NULL OR coalesce(l.day, p.fact_day) < u.valid_to)
            AND (u.area IS NULL OR p.area GLOB u.area || '*') AND (u.level IS NULL OR u.level = coalesce(p.level, i.level))
        ORDER BY length(coalesce(u.area, '')) DESC, u.level IS NULL LIMIT 1), l.highest) AS ceiling
    FROM lines l JOIN placed p USING (bill)
    LEFT JOIN institutions i
        ON i.institution = p.institution AND i.valid_from <= p.fact_day AND (i.valid_to IS NULL OR p.fact_day < i.valid_to))
WHERE ceiling > 0 AND ceiling < 999999000000 AND (remains IS NULL OR remains > 0);
CREATE INDEX priced_of_bill ON priced (bill);
";

/// Of one rule: bills that it takes, its cases with the nearest cell, and each
/// line of theirs that has a ceiling.
fn prices(rule: &Rule) -> String {
    let Rule { id, indicator, measure, .. } = rule;
    assert!(!rule.stays && *measure == "over_share", "{id}");
    format!(
        "
WITH taken AS (
    SELECT bill, institution, person, of_case FROM placed
    WHERE setting NOT IN ('inpatient', 'day_surgery', 'maternity_inpatient') AND coalesce(valid, '1') <> '0'),
placed_in AS (
    SELECT c.*, {cell} AS cell FROM cases c WHERE c.kind = 'visit' AND EXISTS (SELECT 1 FROM taken t WHERE t.bill = c.bill))
INSERT INTO parts
SELECT '{id}', '{measure}', kase, price IS NOT NULL AND remains IS NOT NULL AND u.cell IS NOT NULL,
    1000000 * (price > p.ceiling), over_rate, over_rate * (1000000 - over_rate), (price * remains + 50000000) / 100000000
FROM placed_in c JOIN taken t USING (institution, person, of_case) JOIN priced p ON p.bill = t.bill LEFT JOIN cells u USING (cell);
",
        cell = cell(indicator, 72, "AND over_rate IS NOT NULL"),
    )
}

/// The nearest cell of enough cases for a case `c`.
fn cell(indicator: &str, least: u64, more: &str) -> String {
    format!(
        "(
        SELECT cell FROM cells u
        WHERE u.indicator = '{indicator}' AND u.n >= {least} {more}
            AND (u.disease_group IS NULL OR u.disease_group = c.disease_group)
            AND (u.setting IS NULL OR u.setting = c.setting)
            AND (u.level IS NULL OR u.level = c.level)
            AND (u.first_year IS NULL OR c.age BETWEEN u.first_year AND u.last_year)
            AND (u.insutype IS NULL OR u.insutype = c.insutype)
            AND u.valid_from <= c.day AND (u.valid_to IS NULL OR c.day < u.valid_to)
        ORDER BY u.disease_group IS NULL, u.setting IS NULL, u.level IS NULL, u.first_year IS NULL, u.insutype IS NULL LIMIT 1)"
    )
}

/// Of one rule: bills that it takes with what each adds, cases with their
/// value, the nearest cell of enough cases, and what a case comes to.
fn parts(rule: &Rule) -> String {
    if matches!(rule.value, Of::Prices) {
        return prices(rule);
    }
    let Rule { id, stays, indicator, measure, per_day, .. } = rule;
    let taken =
        if *stays { "IN ('inpatient', 'maternity_inpatient')" } else { "NOT IN ('inpatient', 'day_surgery', 'maternity_inpatient')" };
    let (adds, lines) = match rule.value {
        Of::Bill(column) => (format!("b.{column}"), String::new()),
        Of::Days | Of::Prices => ("0".to_owned(), String::new()),
        Of::Lines(column, filter) => (
            // Nothing is known of a bill of which one line is not known.
            format!(
                "CASE WHEN count(CASE WHEN l.bill IS NOT NULL AND ({filter}) IS NULL OR ({filter}) AND l.{column} IS NULL THEN 1 END) = 0 \
                 THEN coalesce(sum(CASE WHEN {filter} THEN l.{column} END), 0) END"
            ),
            "LEFT JOIN lines l USING (bill)".to_owned(),
        ),
    };
    let value = match (&rule.value, per_day) {
        (Of::Days, _) => "c.days * 10000".to_owned(),
        (_, false) => "v.value".to_owned(),
        // Rounded half away from zero.
        (_, true) => "CASE WHEN v.value < 0 THEN (v.value - c.days / 2) / c.days ELSE (v.value + c.days / 2) / c.days END".to_owned(),
    };
    let (least, has_ceiling) = if *measure == "expected" { (30, "") } else { (72, "AND ceiling IS NOT NULL") };
    let (observed, expected, variance) = match *measure {
        "over_share" => ("1000000 * (value > ceiling)", "over_rate", "over_rate * (1000000 - over_rate)"),
        "over_amount" => {
            ("CASE WHEN value > ceiling THEN max(0, min(value, coalesce(cap, value)) - ceiling) ELSE 0 END", "over_mean", "over_variance")
        }
        _ => ("min(value, coalesce(cap, value))", "mean", "variance"),
    };
    format!(
        "
WITH taken AS (
    SELECT b.bill, b.institution, b.person, b.of_case, {adds} AS value
    FROM placed b {lines} WHERE b.setting {taken} AND coalesce(b.valid, '1') <> '0' GROUP BY b.bill),
sums AS (
    SELECT c.kase, CASE WHEN count(t.value) = c.bills THEN sum(t.value) END AS value
    FROM cases c JOIN taken t USING (institution, person, of_case) GROUP BY c.kase),
valued AS (
    SELECT c.*, {value} AS value, {cell} AS cell
    FROM cases c JOIN sums v USING (kase)
    WHERE c.kind = '{kind}' AND EXISTS (SELECT 1 FROM taken t WHERE t.bill = c.bill))
INSERT INTO parts
SELECT '{id}', '{measure}', kase, value IS NOT NULL AND u.cell IS NOT NULL, {observed}, {expected}, {variance}, value
FROM valued LEFT JOIN cells u USING (cell);
",
        kind = if *stays { "stay" } else { "visit" },
        cell = cell(indicator, least, has_ceiling),
    )
}

/// Each unit with its sums over each pane, and how whole its institution is.
const UNITS: &str = "
WITH units AS (
    SELECT kase, institution, month, 'institution' AS unit_kind, institution AS unit FROM told
    UNION ALL SELECT kase, institution, month, 'department', department FROM told WHERE department IS NOT NULL
    UNION ALL SELECT kase, institution, month, 'doctor', doctor FROM told WHERE doctor IS NOT NULL),
counted AS (
    SELECT p.rule, p.measure, u.institution, u.unit_kind, u.unit, s.pane, count(*) AS cases,
        sum(p.known) AS n,
        coalesce(sum(CASE WHEN p.known THEN p.observed END), 0) AS observed,
        coalesce(sum(CASE WHEN p.known THEN p.expected END), 0) AS expected,
        coalesce(sum(CASE WHEN p.known THEN p.variance END), 0) AS variance,
        coalesce(sum(CASE WHEN p.known THEN p.raw END), 0) AS raw
    FROM parts p JOIN units u USING (kase) JOIN panes s ON u.month BETWEEN s.first AND s.last
    GROUP BY p.rule, u.institution, u.unit_kind, u.unit, s.pane),
census AS (
    SELECT t.institution, t.kind, s.pane, count(*) * 10000 AS cases
    FROM told t JOIN panes s ON t.month BETWEEN s.first AND s.last GROUP BY 1, 2, 3),
due AS (
    SELECT e.institution, e.kind, s.pane, sum(e.cases) AS cases
    FROM expected e JOIN panes s ON e.month BETWEEN s.first AND s.last GROUP BY 1, 2, 3 HAVING count(*) = s.months),
whole AS (
    SELECT c.institution, c.kind, c.pane, c.cases AS told, d.cases AS due
    FROM census c LEFT JOIN due d ON d.institution = c.institution AND d.kind = c.kind AND d.pane = c.pane AND d.cases > 0)
SELECT c.rule, c.pane, c.institution, c.unit_kind, c.unit, c.n, c.observed, c.expected, c.variance, c.cases, w.told, coalesce(w.due, 0),
    CASE
        WHEN c.n = 0 THEN 'no_baseline_cells'
        WHEN w.due IS NULL THEN 'no_expected_cases'
        WHEN w.told * 100 < w.due * 90 THEN 'incomplete'
        WHEN c.n < 3 THEN 'too_few_cases'
        WHEN c.expected <= 0 THEN 'zero_expected'
        WHEN c.observed < 0 THEN 'negative_observed'
        WHEN c.measure <> 'over_share' AND c.variance <= 0 THEN 'no_variance'
    END,
    1.0 * c.observed / c.expected,
    CASE WHEN c.measure = 'expected' THEN 1.0 * c.raw / c.expected END
FROM counted c JOIN whole w ON w.institution = c.institution AND w.pane = c.pane
    AND w.kind = CASE WHEN c.rule LIKE '%-visit-%' OR c.rule = 'over-pay-ceiling-lines' THEN 'visit' ELSE 'stay' END
";

/// Rule, pane, institution, kind of unit and unit.
pub type Key = (String, String, String, String, String);

/// What a unit comes to. Numbers are in the fixed point of its ratio.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub n: i64,
    pub observed: i64,
    pub expected: i64,
    pub variance: i64,
    /// With those of unknown value or without a cell.
    pub cases: i64,
    /// Cases of the institution, and those that it should have, in ten-thousandths.
    pub told: i64,
    pub due: i64,
    /// Why nothing is concluded.
    pub unknown: Option<String>,
    pub ratio: Option<f64>,
    pub raw: Option<f64>,
}

/// The tables.
pub struct Batch {
    db: Connection,
}

/// A number of a CSV file in whole steps of ten to the minus `places`.
fn fixed(text: &str, places: usize) -> Cell {
    if text.is_empty() {
        return Cell::Null;
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    assert!(part.len() <= places, "{text} has more than {places} places");
    Cell::Integer(format!("{whole}{part:0<places$}").parse().unwrap())
}

/// The text of a CSV file; `any` for one that stands for all values.
fn text(text: &str) -> Cell {
    if text.is_empty() || text == "*" { Cell::Null } else { Cell::Text(text.to_owned()) }
}

impl Batch {
    /// `references`: a folder with a baseline and its institutions.
    pub fn new(references: &Path) -> Self {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(TABLES).unwrap();
        let batch = Self { db };
        batch.baseline(references);
        batch
    }

    fn each(file: &Path, each: &mut dyn FnMut(&dyn Fn(&str) -> String)) {
        let mut reader = csv::Reader::from_path(file).unwrap();
        let heads = reader.headers().unwrap().clone();
        for record in reader.records() {
            let record = record.unwrap();
            each(&|name| record[heads.iter().position(|head| head == name).unwrap()].to_owned());
        }
    }

    fn baseline(&self, folder: &Path) {
        let mut places = BTreeMap::new();
        Self::each(&folder.join("baseline_indicators.csv"), &mut |of| {
            places.insert(of("indicator"), if of("unit") == "amount" { 2_usize } else { 4 });
        });
        let mut insert = self.db.prepare(&format!("INSERT INTO cells VALUES (NULL{})", ", ?".repeat(17))).unwrap();
        Self::each(&folder.join("baseline_cells.csv"), &mut |of| {
            let places = places[&of("indicator")];
            let band = of("age_band");
            let (first, last) = band.split_once('-').unwrap_or(("", ""));
            let last = if !first.is_empty() && last.is_empty() { "255" } else { last };
            let value = |name: &str| fixed(&of(name), places);
            let square = |name: &str| fixed(&of(name), 2 * places);
            let level = of("inst_level");
            let row = [
                text(&of("indicator")),
                text(&of("disease_group")),
                fixed(first, 0),
                fixed(last, 0),
                if level == "*" { Cell::Null } else { fixed(&level, 0) },
                text(&of("setting")),
                text(&of("insutype")),
                fixed(&of("n"), 0),
                value("mean"),
                square("variance"),
                value("cap"),
                value("ceiling"),
                fixed(&of("over_rate"), 6),
                value("over_mean"),
                square("over_variance"),
                text(&of("valid_from")),
                text(&of("valid_to")),
            ];
            insert.execute(rusqlite::params_from_iter(row)).unwrap();
        });
        let mut insert = self.db.prepare("INSERT INTO ceilings VALUES (?, ?, ?, ?, ?, ?)").unwrap();
        Self::each(&folder.join("ceilings.csv"), &mut |of| {
            let [code, area, level, from, to] = ["med_list_codg", "area", "level", "valid_from", "valid_to"].map(|name| text(&of(name)));
            insert.execute(rusqlite::params_from_iter([code, area, level, fixed(&of("ceiling"), 6), from, to])).unwrap();
        });
        let mut insert = self.db.prepare("INSERT INTO expected VALUES (?, ?, ?, ?)").unwrap();
        Self::each(&folder.join("baseline_expected.csv"), &mut |of| {
            insert.execute(params![of("fixmedins_code"), of("month"), of("case"), fixed(&of("expected_cases"), 4)]).unwrap();
        });
        let mut insert = self.db.prepare("INSERT INTO institutions VALUES (?, ?, ?, ?, ?)").unwrap();
        Self::each(&folder.join("institutions.csv"), &mut |of| {
            let row = ["fixmedins_code", "level", "host_code", "valid_from", "valid_to"].map(|name| text(&of(name)));
            insert.execute(rusqlite::params_from_iter(row)).unwrap();
        });
    }

    /// A bill as it was sent; one that was sent before is left as it is.
    pub fn add(&self, json: &[u8]) {
        let Value::Object(object) = serde_json::from_slice(json).unwrap() else { panic!("a bill is an object") };
        let mut bill = Fields::read(object);
        let lines = bill.rows("feedetl");
        let time = |name: &str| bill.text(name).map(|time| time.replacen('T', " ", 1));
        let whole = |name: &str| bill.number(name).map(|number| number as i64);
        let [days, age] = ["ipt_days", "age"].map(whole);
        let total = bill.cents("medfee_sumamt").map(|amount| i64::try_from(amount).unwrap());
        let [settled, begun, ended] = ["setl_time", "begntime", "endtime"].map(time);
        let of = |name: &str| bill.text(name);
        let row = params![
            of("fixmedins_code"),
            of("setl_id"),
            of("psn_no"),
            of("mdtrt_id"),
            of("med_type"),
            of("mid_setl_flag"),
            settled,
            begun,
            ended,
            days,
            total,
            of("vali_flag"),
            of("dise_codg"),
            of("insutype"),
            of("brdy"),
            age,
            of("hosp_lv"),
            of("dscg_caty"),
            of("adm_caty"),
            of("chfpdr_code"),
            of("fix_blng_admdvs"),
        ];
        let sql = format!("INSERT OR IGNORE INTO bills VALUES (NULL{})", ", ?".repeat(21));
        if self.db.prepare(&sql).unwrap().execute(row).unwrap() == 0 {
            return;
        }
        let bill = self.db.last_insert_rowid();
        let mut insert = self.db.prepare("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)").unwrap();
        let remains = nets(&lines);
        for (line, net) in lines.iter().zip(remains) {
            let millionths = |name: &str| line.number(name).map(|number| (number * 1e6).round() as i64);
            let amount = line.cents("det_item_fee_sumamt").map(|amount| i64::try_from(amount).unwrap());
            let of = |name: &str| line.text(name);
            let row = params![
                bill,
                of("list_type"),
                of("med_list_codg"),
                of("med_chrgitm_type"),
                line.quantity("cnt"),
                amount,
                of("bilg_dr_codg"),
                millionths("pric"),
                millionths("pric_uplmt_amt"),
                net.count,
                of("fee_ocur_time").map(|time| time[..10].to_owned())
            ];
            insert.execute(row).unwrap();
        }
    }

    /// Every unit in every pane of a year up to a month.
    pub fn units(&self, year: i32, last: u32) -> BTreeMap<Key, Row> {
        self.db.execute_batch(CASES).unwrap();
        let mut pane = self.db.prepare("INSERT INTO panes VALUES (?, ?, ?, ?)").unwrap();
        let month = |month: u32| format!("{year}-{month:02}");
        for to in 1..=last {
            pane.execute(params![month(to), month(to), month(to), 1]).unwrap();
            pane.execute(params![format!("{year}-01/{to:02}"), month(1), month(to), to]).unwrap();
            if to % 3 == 0 {
                pane.execute(params![format!("{year}-Q{}", to / 3), month(to - 2), month(to), 3]).unwrap();
            }
        }
        for rule in &RULES {
            self.db.execute_batch(&parts(rule)).unwrap_or_else(|error| panic!("{}: {error}", rule.id));
        }
        let mut query = self.db.prepare(UNITS).unwrap();
        let rows = query.query_map([], |row| {
            let key = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            let of = Row {
                n: row.get(5)?,
                observed: row.get(6)?,
                expected: row.get(7)?,
                variance: row.get(8)?,
                cases: row.get(9)?,
                told: row.get(10)?,
                due: row.get(11)?,
                unknown: row.get(12)?,
                ratio: row.get(13)?,
                raw: row.get(14)?,
            };
            Ok((key, of))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// One number of a query.
    pub fn count(&self, sql: &str) -> i64 {
        self.db.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}
