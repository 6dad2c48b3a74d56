//! A small city for groups: rules, a baseline, bills, and the plain sums that
//! all of it comes to.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use claimsift::base::pseudonym::IdentityKey;
use claimsift::commands::load;
use claimsift::commands::load::Loaded;
use claimsift::engine::Engine;
use claimsift::engine::effects::Looked;
use claimsift::engine::settings::EngineSettings;
use claimsift::evaluators::ratio::Outcome;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::reference::baseline_tables::UnitKind;
use claimsift::ruleset::compile::EVALUATED;

use super::feed;
use super::fleet::Fleet;
use super::fleet::Sent;

/// Random numbers that a seed fixes (SplitMix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}

pub const BASELINE: &str = "city_test";

pub fn rule(id: &str, evaluate: &str) -> String {
    format!(
        "\
id: {id}
version: 1
title: {{ zh: 测试规则, en: a rule of a test }}
status: live
owner: insurance-desk
department: {{ lead: insurance, copy_to: [] }}
result: suspected
severity: low
problem_type: 超标准收费
party: institution
event: settlement
grain: case
evaluate:
  kind: ratio
{evaluate}
  baseline: {BASELINE}
  min_excess: param.min_excess
params:
  min_excess: {{ default: 1000, min: 0, max: 1000000, unit: 元 yuan }}
clue:
  summary: {{ zh: \"{{group.sentence}}\", en: \"{{group.sentence_en}}\" }}
  evidence: [group.n, group.observed, group.expected, group.ratio, group.shrunken, group.low, group.high, group.limit, group.excess, group.coverage, group.completeness, group.cells, group.baseline, group.formula]
why: {{ zh: 用于测试, en: for a test }}
basis:
  - {{ text: 医疗保障基金使用监督管理条例, article: 第三十八条, issuer: 国务院令第735号, valid_from: 2021-05-01, verified: false }}
innocent_when:
  - {{ zh: 录入错误, en: entered wrongly }}
cases:
  - name: nothing
    given: {{ header: {{}} }}
    expect: quiet
  - name: cases that a test makes
    given: {{ header: {{}} }}
    expect: clue
  - name: cases of no value
    given: {{ header: {{}} }}
    expect: unknown
"
    )
}

/// Total and consumable cost of stays, days of stays, cost of visits, and
/// prices of consumables of stays, line by line.
pub fn rules() -> Vec<(&'static str, String)> {
    let all = "units: [institution, department, doctor]\n  panes: [month, quarter, year_to_date]";
    let evaluates = [
        (
            "stay-cost",
            format!(
                "  compare: expected\n  case: stay\n  cases: \"true\"\n  value: {{ sum: header.medfee_sumamt }}\n  indicator: total_cost\n  {all}"
            ),
        ),
        (
            "stay-consumables",
            format!(
                "  compare: expected\n  case: stay\n  cases: \"header.fixmedins_code <> 'H99010100006'\"\n  value: {{ sum: line.det_item_fee_sumamt, where: \"line.list_type = '301'\" }}\n  indicator: consumable_cost\n  {all}"
            ),
        ),
        ("stay-days", format!("  compare: expected\n  case: stay\n  cases: \"true\"\n  value: {{}}\n  indicator: stay_days\n  {all}")),
        (
            "visit-cost",
            format!(
                "  compare: expected\n  case: visit\n  cases: \"true\"\n  value: {{ sum: line.det_item_fee_sumamt }}\n  indicator: visit_cost\n  {all}"
            ),
        ),
        (
            "consumables-over",
            format!(
                "  compare: over_ceiling\n  headline: by_case\n  case: stay\n  cases: \"true\"\n  value: {{ sum: line.det_item_fee_sumamt, where: \"line.list_type = '301'\" }}\n  indicator: consumable_cost\n  {all}"
            ),
        ),
        (
            "lines-over",
            format!(
                "  compare: over_ceiling\n  headline: by_line\n  case: stay\n  cases: \"true\"\n  value: {{ each: line.pric, ceiling: \"case when line.list_type = '301' then 1500.00 end\", times: line.cnt }}\n  indicator: line_prices\n  {all}"
            ),
        ),
    ];
    evaluates.into_iter().map(|(id, evaluate)| (id, rule(id, &evaluate))).collect()
}

/// Indicator, group, mean, variance, cap, ceiling with rate, mean and variance
/// above it; two digits of 元, or four of days. The ceiling of lines is the rule's.
pub const CELLS: [(&str, &str, i64, i64, i64, Option<(i64, i64, i64, i64)>); 8] = [
    ("total_cost", "G1", 800_000, 90_000, 2_000_000, None),
    ("total_cost", "*", 500_000, 40_000, 1_500_000, None),
    ("consumable_cost", "G1", 200_000, 10_000, 600_000, Some((400_000, 50_000, 10_000, 20_000))),
    ("consumable_cost", "*", 100_000, 5_000, 300_000, Some((200_000, 50_000, 5_000, 10_000))),
    ("stay_days", "*", 60_000, 9, 200_000, None),
    ("visit_cost", "*", 20_000, 1_000, 90_000, None),
    ("visit_cost", "G1", 30_000, 1_000, 90_000, None),
    ("line_prices", "*", 10_000, 1_000, 0, Some((150_000, 340_000, 1_000, 9_000))),
];

pub fn decimals(indicator: &str) -> u32 {
    if indicator == "stay_days" { 4 } else { 2 }
}

pub fn decimal(units: i64, places: u32) -> String {
    let one = 10_i64.pow(places);
    format!("{}.{:0width$}", units / one, units % one, width = places as usize)
}

/// Expected cases of each institution and month.
pub const EXPECTED_STAYS: i64 = 30;
pub const EXPECTED_VISITS: i64 = 20;
pub const INSTITUTIONS: usize = 6;

pub fn institution(idx: usize) -> String {
    format!("H9901010000{}", idx + 1)
}

/// `percent`: of the means of [`CELLS`].
pub fn baseline(folder: &std::path::Path, percent: i64) {
    let mut indicators = "baseline,indicator,unit,period_from,period_to,zh,en,grain,source\n".to_owned();
    let mut priors = "baseline,indicator,measure,unit_kind,peer_class,model,a1,b1,a2,b2,w,units,source\n".to_owned();
    for name in ["total_cost", "consumable_cost", "stay_days", "visit_cost", "line_prices"] {
        let unit = if decimals(name) == 4 { "quantity" } else { "amount" };
        let grain = if name == "line_prices" { "line" } else { "" };
        let _ = writeln!(indicators, "{BASELINE},{name},{unit},2025-01-01,2026-01-01,指标{name},indicator {name},{grain},test");
        for measure in ["expected", "over_share", "over_amount"] {
            let prior = if measure == "over_share" { "counts,25,25" } else { "costs,27,26" };
            for kind in ["institution", "department", "doctor"] {
                let _ = writeln!(priors, "{BASELINE},{name},{measure},{kind},*,{prior},,,,0,test");
            }
        }
    }
    let mut cells = "baseline,indicator,disease_group,age_band,inst_level,setting,insutype,n,mean,variance,cap,ceiling,over_rate,over_mean,over_variance,valid_from,valid_to,source\n".to_owned();
    for (name, group, mean, variance, cap, over) in CELLS {
        let places = decimals(name);
        let over = over.map_or(",,,".to_owned(), |(ceiling, rate, mean, variance)| {
            let ceiling = if name == "line_prices" { String::new() } else { decimal(ceiling, places) };
            format!("{ceiling},{},{},{variance}.0000", decimal(rate, 6), decimal(mean, places))
        });
        let cap = if name == "line_prices" { String::new() } else { decimal(cap, places) };
        let _ = writeln!(
            cells,
            "{BASELINE},{name},{group},*,*,*,*,1000,{},{variance},{},{over},2026-01-01,,test",
            decimal(mean * percent / 100, places),
            cap
        );
    }
    let mut expected = "baseline,fixmedins_code,month,case,expected_cases,source\n".to_owned();
    for idx in 0..INSTITUTIONS {
        for month in 1..=6 {
            let _ = writeln!(expected, "{BASELINE},{},2026-{month:02},stay,0,test", institution(idx));
            let _ = writeln!(expected, "{BASELINE},{},2026-{month:02},visit,0,test", institution(idx));
        }
        for month in ["2026-07", "2026-08", "2026-09"] {
            // The fifth should have many more than it tells.
            let stays = if idx == 4 { EXPECTED_STAYS * 4 } else { EXPECTED_STAYS };
            let _ = writeln!(expected, "{BASELINE},{},{month},stay,{stays},test", institution(idx));
            let _ = writeln!(expected, "{BASELINE},{},{month},visit,{EXPECTED_VISITS},test", institution(idx));
        }
    }
    for (table, text) in [("indicators", indicators), ("priors", priors), ("cells", cells), ("expected", expected)] {
        fs::write(folder.join(format!("baseline_{table}.csv")), text).unwrap();
    }
    let tables = ["indicators", "priors", "cells", "expected"]
        .map(|table| format!("  - {{ table: baseline_{table}, file: baseline_{table}.csv }}\n"));
    let manifest = format!("name: test\nversion: \"1\"\nsource:\n  - a test\ntables:\n{}", tables.concat());
    fs::write(folder.join("manifest.yaml"), manifest).unwrap();
}

pub fn loaded(rules: &[(&str, String)], percent: i64) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    for file in ["departments.yaml", "code_map.yaml"] {
        fs::copy(feed::path("rules").join(file), folder.path().join(file)).unwrap();
    }
    fs::write(folder.path().join("gates.yaml"), "gates: []\n").unwrap();
    fs::create_dir(folder.path().join("pack")).unwrap();
    for (id, text) in rules {
        fs::write(folder.path().join(format!("pack/{id}.yaml")), text).unwrap();
    }
    let references = tempfile::tempdir().unwrap();
    baseline(references.path(), percent);
    let references = [feed::path("rules/reference"), references.path().to_owned()];
    load::load_for(folder.path(), &references, EVALUATED).unwrap_or_else(|failure| match failure {
        claimsift::commands::Failure::Mistakes(text) => panic!("{text}"),
        other => panic!("{other:?}"),
    })
}

pub fn engine(rules: &[(&str, String)], partitions: i32) -> Arc<Engine> {
    engine_of(rules, partitions, 100)
}

/// The same with other means in its baseline.
pub fn engine_of(rules: &[(&str, String)], partitions: i32, percent: i64) -> Arc<Engine> {
    let loaded = loaded(rules, percent);
    let settings = EngineSettings { partitions, ..EngineSettings::default() };
    Arc::new(Engine::new(loaded.rules, loaded.references, settings, IdentityKey::from_bytes(&[7; 32])))
}

/// A bill as the test makes it.
#[derive(Clone, Debug)]
pub struct Bill {
    pub id: String,
    pub person: String,
    pub visit: String,
    pub institution: String,
    pub stay: bool,
    pub interim: bool,
    /// Day of July to September, from 0, and hour.
    pub day: i64,
    pub hour: i64,
    pub days: i64,
    pub group: Option<&'static str>,
    pub department: Option<String>,
    pub doctor: String,
    /// 分: consumables and everything else; `None`: the kind of line is not told.
    pub consumables: Option<i64>,
    pub rest: i64,
}

pub fn date(day: i64) -> String {
    let (month, day) = if day < 31 {
        (7, day + 1)
    } else if day < 62 {
        (8, day - 30)
    } else {
        (9, day - 61)
    };
    format!("2026-{month:02}-{day:02}")
}

impl Bill {
    pub fn total(&self) -> i64 {
        self.consumables.unwrap_or(5_000) + self.rest
    }

    pub fn json(&self) -> String {
        let yuan = |fen: i64| decimal(fen, 2);
        let kind = if self.consumables.is_some() { r#""list_type":"301","# } else { "" };
        let optional = |name: &str, value: Option<&str>| value.map(|value| format!(r#""{name}":"{value}","#)).unwrap_or_default();
        format!(
            r#"{{"setl_id":"{}","mdtrt_id":"{}","psn_no":"{}","fixmedins_code":"{}","fix_blng_admdvs":"990101","insu_admdvs":"990101","hosp_lv":"05","insutype":"310","brdy":"1970-01-01",{}{}"chfpdr_code":"{}","med_type":"{}","mid_setl_flag":"{}","setl_time":"{} {:02}:00:00","ipt_days":{},"medfee_sumamt":{},"feedetl":[{{"feedetl_sn":"1",{kind}"med_list_codg":"C1401","medins_list_name":"a","cnt":1,"pric":{},"det_item_fee_sumamt":{},"bilg_dr_codg":"{}"}},{{"feedetl_sn":"2","list_type":"201","med_list_codg":"0012","medins_list_name":"b","cnt":1,"pric":{},"det_item_fee_sumamt":{},"bilg_dr_codg":"{}"}}]}}"#,
            self.id,
            self.visit,
            self.person,
            self.institution,
            optional("dise_codg", self.group),
            optional("dscg_caty", self.department.as_deref()),
            self.doctor,
            if self.stay { "21" } else { "11" },
            u8::from(self.interim),
            date(self.day),
            self.hour,
            self.days,
            yuan(self.total()),
            yuan(self.consumables.unwrap_or(5_000)),
            yuan(self.consumables.unwrap_or(5_000)),
            self.doctor,
            yuan(self.rest),
            yuan(self.rest),
            self.doctor,
        )
    }
}

/// Bills of July and August, in order of settlement. The first institution is
/// dear, above all its doctor D0, the second passes ceilings.
pub fn bills(seed: u64) -> Vec<Bill> {
    let mut random = Random::new(seed);
    let mut below = |limit: u64| random.below(limit) as i64;
    let mut bills = Vec::new();
    for idx in 0..INSTITUTIONS {
        for month in 0..2 {
            for case in 0..EXPECTED_STAYS + EXPECTED_VISITS {
                let stay = case < EXPECTED_STAYS;
                let number = format!("{idx}-{month}-{case}");
                let group = [Some("G1"), Some("G2"), None][below(3) as usize];
                let doctor = below(3);
                let scale = match (idx, doctor) {
                    (0, 0) => 40,
                    (0, _) => 20,
                    _ => 10,
                };
                let dear = if group == Some("G1") { 2 } else { 1 };
                let base = if stay { 40_000 } else { 1_500 };
                let consumables = base / 4 * dear * if idx == 1 && below(3) == 0 { 30 } else { scale } / 10 * 10 + below(500);
                let bill = Bill {
                    id: format!("S{number}"),
                    person: format!("P{}", below(200)),
                    visit: format!("V{number}"),
                    institution: institution(idx),
                    stay,
                    interim: false,
                    day: month * 31 + below(31),
                    hour: below(24),
                    days: if stay { 3 + below(8) } else { 0 },
                    group: if stay { group } else { None },
                    department: [Some("A03"), Some("A04"), None][below(3) as usize].map(|code| format!("{code}.{idx}")),
                    doctor: format!("D{doctor}-{idx}"),
                    consumables: (below(60) != 0).then_some(consumables),
                    rest: base * dear * scale + below(9_000),
                };
                if stay && below(4) == 0 && bill.day > 2 {
                    let interim =
                        Bill { id: format!("{}i", bill.id), interim: true, day: bill.day - 1 - below(2), days: 1, ..bill.clone() };
                    bills.push(interim);
                }
                bills.push(bill);
            }
        }
    }
    bills.sort_by_key(|bill| (bill.day, bill.hour, bill.id.clone()));
    bills
}

/// Numbers of one unit: n, O, E, V and cases in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub n: i128,
    pub observed: i128,
    pub expected: i128,
    pub variance: i128,
    pub all: i128,
}

pub type Units = BTreeMap<(&'static str, String, String, String), Sum>;

/// Which cases are summed, and how.
pub struct View {
    /// Means of the baseline.
    pub percent: i64,
    /// The institution without consumables.
    pub spared: &'static str,
    /// Months of the cases.
    pub months: &'static [i64],
    /// Years to date, by their last month.
    pub to_date: &'static [i64],
    pub quarter: bool,
    /// Bills that nobody was asked of.
    pub unasked: BTreeSet<String>,
}

impl Default for View {
    fn default() -> Self {
        Self { percent: 100, spared: "H99010100006", months: &[7, 8], to_date: &[7, 8], quarter: false, unasked: BTreeSet::new() }
    }
}

/// Sums by rule, period, kind of unit and unit, from the bills alone.
pub fn plain(bills: &[Bill]) -> Units {
    plain_of(bills, &View::default())
}

pub fn plain_of(bills: &[Bill], view: &View) -> Units {
    let mut cases: BTreeMap<&str, Vec<&Bill>> = BTreeMap::new();
    for bill in bills {
        cases.entry(&bill.visit).or_default().push(bill);
    }
    let mut units = Units::new();
    for bills in cases.values() {
        let Some(last) = bills.iter().filter(|bill| !bill.interim).max_by_key(|bill| (bill.day, bill.hour, &bill.id)) else { continue };
        let consumables = bills.iter().map(|bill| bill.consumables).sum::<Option<i64>>();
        let total: i64 = bills.iter().map(|bill| bill.total()).sum();
        let unasked = |bill: &Bill| view.unasked.contains(&bill.id);
        let asked = !bills.iter().any(|bill| unasked(bill));
        let (total, consumables) = (Some(total).filter(|_| asked), consumables.filter(|_| asked));
        // Observations of a case: its own, or those of the lines of its bills.
        let mut values = Vec::new();
        if last.stay {
            let of_line = |bill: &&Bill| if unasked(bill) { Some(None) } else { bill.consumables.map(Some) };
            values.extend(bills.iter().copied().filter_map(|bill| of_line(&bill)).map(|value| ("lines-over", "line_prices", value)));
            values.push(("stay-cost", "total_cost", total));
            if last.institution != view.spared || unasked(last) {
                values.push(("stay-consumables", "consumable_cost", consumables));
            }
            values.push(("consumables-over", "consumable_cost", consumables));
            values.push(("stay-days", "stay_days", Some(last.days.max(1) * 10_000).filter(|_| !unasked(last))));
        } else {
            values.push(("visit-cost", "visit_cost", total));
        }
        let month = 7 + i64::from(last.day >= 31) + i64::from(last.day >= 62);
        if !view.months.contains(&month) {
            continue;
        }
        let to_date = view.to_date.iter().filter(|last| **last >= month).map(|last| format!("2026-01/{last:02}"));
        let periods: Vec<String> = to_date.chain([format!("2026-{month:02}")]).chain(view.quarter.then(|| "2026-Q3".to_owned())).collect();
        for (rule, indicator, value) in values {
            let cell = |group: &str| CELLS.iter().find(|cell| cell.0 == indicator && cell.1 == group);
            let (_, _, mean, variance, cap, over) = *last.group.and_then(cell).or_else(|| cell("*")).unwrap();
            for period in &periods {
                let doctor = last.doctor.clone();
                let of =
                    [("institution", Some(last.institution.clone())), ("department", last.department.clone()), ("doctor", Some(doctor))];
                for (kind, unit) in of {
                    let Some(unit) = unit else { continue };
                    let sum = units.entry((rule, period.clone(), kind.to_owned(), unit)).or_default();
                    sum.all += 1;
                    let Some(value) = value else { continue };
                    sum.n += 1;
                    if rule == "consumables-over" || rule == "lines-over" {
                        let (ceiling, rate, ..) = over.unwrap();
                        sum.observed += i128::from(value > ceiling) * 1_000_000;
                        sum.expected += i128::from(rate);
                        sum.variance += i128::from(rate) * (1_000_000 - i128::from(rate));
                    } else {
                        let square = if decimals(indicator) == 4 { 100_000_000 } else { 10_000 };
                        sum.observed += i128::from(value.min(cap));
                        sum.expected += i128::from(mean * view.percent / 100);
                        sum.variance += i128::from(variance) * square;
                    }
                }
            }
        }
    }
    units
}

pub fn kind(kind: UnitKind) -> &'static str {
    match kind {
        UnitKind::Institution => "institution",
        UnitKind::Department => "department",
        UnitKind::Doctor => "doctor",
    }
}

pub fn period(looked: &Looked) -> String {
    claimsift::engine::groups::period(looked.span)
}

/// The last outcome of each unit.
pub fn last(looked: &[Looked]) -> BTreeMap<(String, String, String, String), Outcome> {
    let key = |looked: &Looked| (looked.rule.clone(), period(looked), kind(looked.unit_kind).to_owned(), looked.unit.to_string());
    looked.iter().map(|looked| (key(looked), looked.outcome.clone())).collect()
}

/// Runs bills through a fleet in runs of some length, every shard at its own
/// pace, with restarts where `random` says so.
pub fn run(engine: &Arc<Engine>, bills: &[Bill], seed: u64, restarts: bool) -> Fleet {
    let mut fleet = Fleet::new(engine);
    let mut random = Random::new(seed);
    let mut queues: Vec<Vec<Sent>> = vec![Vec::new(); fleet.shards.len()];
    for bill in bills.iter().rev() {
        queues[fleet.home(&bill.person)].push(Sent::event(&bill.person, &bill.json()));
    }
    while queues.iter().any(|queue| !queue.is_empty()) {
        let shard = random.below(queues.len() as u64) as usize;
        let take = (1 + random.below(40) as usize).min(queues[shard].len());
        let run: Vec<Sent> = (0..take).filter_map(|_| queues[shard].pop()).collect();
        fleet.feed(shard, SETTLEMENT_INPUT, &run);
        if random.below(3) == 0 {
            fleet.deliver(shard, random.below(5) as usize);
        }
        if random.below(2) == 0 {
            fleet.close(shard);
        }
        if restarts && random.below(10) == 0 {
            fleet.rebuild(shard);
        }
    }
    for shard in 0..fleet.shards.len() {
        for input in [SETTLEMENT_INPUT, PRESCRIPTION_INPUT] {
            fleet.feed(shard, input, &[Sent::statement("2026-09-20 00:00:00")]);
        }
        if restarts {
            fleet.rebuild(shard);
        }
    }
    fleet.settle();
    fleet
}
