//! Ratios of real discharges: told by shards of different speed, folded by
//! rollups and judged, they are those of plain sums over all records.

#[path = "support/feed.rs"]
mod feed;
#[path = "support/ny_baseline.rs"]
mod ny_baseline;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;

use claimsift::base::diagnostic::render;
use claimsift::base::ids::Digest;
use claimsift::base::ids::EVENT_INPUTS;
use claimsift::base::ids::ShardId;
use claimsift::base::time::Civil;
use claimsift::base::time::SECONDS_PER_DAY;
use claimsift::evaluators::ratio::FORMULA;
use claimsift::evaluators::ratio::GroupLimits;
use claimsift::evaluators::ratio::Outcome;
use claimsift::evaluators::ratio::Part;
use claimsift::evaluators::ratio::Standard;
use claimsift::evaluators::ratio::Told;
use claimsift::evaluators::ratio::Unit;
use claimsift::evaluators::ratio::Unknown;
use claimsift::evaluators::ratio::cases;
use claimsift::reference::baseline::Baseline;
use claimsift::reference::baseline::Cell;
use claimsift::reference::baseline::Month as BaselineMonth;
use claimsift::reference::baseline_tables::Case;
use claimsift::reference::baseline_tables::UnitKind;
use claimsift::reference::folder::Folder;
use claimsift::reference::snapshot::Snapshot;
use claimsift::reference::stratum::Stratum;
use claimsift::reference::validity::Validity;
use claimsift::stats::shrinkage::Decision;
use claimsift::window::calendar::Month;
use claimsift::window::calendar::Span;
use claimsift::window::calendar::SpanKind;
use claimsift::window::gather::FlushLimits;
use claimsift::window::gather::Gathered;
use claimsift::window::group::Contribution;
use claimsift::window::group::Definition;
use claimsift::window::group::Measure;
use claimsift::window::group::Over;
use claimsift::window::group::RowKey;
use claimsift::window::group::Sums;
use claimsift::window::group::Text;
use claimsift::window::pane::Folded;
use claimsift::window::pane::Look;
use claimsift::window::pane::PaneTimes;
use claimsift::window::pane::Panes;
use claimsift::window::partial::Block;
use claimsift::window::view::Cells;

use ny_baseline::Discharge;
use ny_baseline::INDICATORS_OF_STAYS;

const SHARDS: ShardId = 4;
const TIMES: PaneTimes = PaneTimes { lateness: 3 * SECONDS_PER_DAY, reach: 184 * SECONDS_PER_DAY };
const FLUSH: FlushLimits = FlushLimits { rows: 500, seconds: 10 * SECONDS_PER_DAY, portion_rows: 200 };

fn day(text: &str) -> i64 {
    Civil::parse(text).unwrap().day()
}

/// The cell that answers for a stay.
fn cell<'a>(baseline: &'a Baseline, indicator: &str, stay: &Discharge) -> &'a Cell {
    let stratum = Stratum {
        disease_group: Some(&stay.group),
        age: Some(stay.age),
        inst_level: None,
        setting: Some(ny_baseline::SETTING),
        insutype: Some(&stay.insutype),
    };
    baseline.cell(indicator, stratum, day(ny_baseline::FIRST_DAY)).unwrap().1
}

/// The data tell months alone; days are dealt out.
fn contribution(baseline: &Baseline, idx: usize, stay: &Discharge) -> Contribution {
    let of_cost = cell(baseline, INDICATORS_OF_STAYS[0].name, stay);
    let sums = INDICATORS_OF_STAYS.iter().map(|of| {
        let (value, cell) = ((of.value)(stay), cell(baseline, of.name, stay));
        assert_eq!(cell.place, of_cost.place);
        let capped = cell.cap.map_or(value, |cap| cap.min(value));
        let ceiling = cell.over.and_then(|over| over.ceiling).filter(|ceiling| value > *ceiling);
        Sums::of(Measure::new(capped, value, ceiling.map(|ceiling| Over { value, excess: capped - ceiling })))
    });
    let first = i32::try_from(day(&format!("{}-01", stay.month))).unwrap();
    Contribution {
        institution: stay.facility.as_str().into(),
        key: RowKey { department: Some(stay.insutype.as_str().into()), doctor: None, cell: Some(of_cost.place.to_string().into()) },
        day: first + i32::try_from(idx % 28).unwrap(),
        sums: sums.collect(),
    }
}

fn home(institution: &str) -> ShardId {
    institution.bytes().fold(0, |sum, byte| (sum * 31 + ShardId::from(byte)) % 1009) % SHARDS
}

/// Takes all stays through four shards, of which each is faster than the one
/// before it, and folds what they tell. The looks are those of all rollups.
fn fold(definition: Definition, contributions: &[Contribution]) -> (Vec<Panes>, Vec<Look>) {
    let mut queues: Vec<Vec<&Contribution>> = (0..SHARDS).map(|_| Vec::new()).collect();
    for (idx, one) in contributions.iter().enumerate() {
        queues[idx % SHARDS as usize].push(one);
    }
    queues.iter_mut().for_each(|queue| queue.sort_by_key(|one| one.day));
    let mut shards: Vec<Gathered> = (0..SHARDS).map(|shard| Gathered::new(shard, SHARDS)).collect();
    let mut rollups: Vec<Panes> = (0..SHARDS).map(|shard| Panes::new(shard, SHARDS, &[0], TIMES)).collect();
    let mut looks = Vec::new();
    let mut met = vec![0; queues.len()];
    let mut told_all = false;
    while !told_all {
        told_all = true;
        for (idx, (shard, queue)) in shards.iter_mut().zip(&queues).enumerate() {
            let batch = queue[met[idx]..].iter().take(150 * (idx + 1));
            let mut at = Civil::MAX;
            for one in batch {
                shard.add(definition, one).unwrap();
                met[idx] += 1;
                at = Civil(i64::from(one.day) * SECONDS_PER_DAY);
            }
            let blocks = shard.flush(&FLUSH, [at; EVENT_INPUTS], at == Civil::MAX, home);
            told_all &= at == Civil::MAX && blocks.is_empty();
            for block in blocks {
                let block = Block::decode(&block.encode()).unwrap();
                assert_eq!(rollups[block.rollup as usize].fold(&block), Ok(Folded::Merged { late: Vec::new() }));
            }
        }
        looks.extend(rollups.iter_mut().flat_map(|rollup| rollup.looks_due(usize::MAX)));
    }
    (rollups, looks)
}

/// By facility: cases, observed, as it was, and expected.
fn plain(baseline: &Baseline, stays: &[Discharge], indicator: usize) -> HashMap<String, (i128, i128, i128, i128)> {
    let of = &INDICATORS_OF_STAYS[indicator];
    let mut sums: HashMap<String, (i128, i128, i128, i128)> = HashMap::new();
    for stay in stays {
        let (value, cell) = ((of.value)(stay), cell(baseline, of.name, stay));
        let (n, observed, raw, expected) = sums.entry(stay.facility.clone()).or_default();
        *n += 1;
        *observed += i128::from(value.min(cell.cap.unwrap_or(value)));
        *raw += i128::from(value);
        *expected += i128::from(cell.mean);
    }
    sums
}

fn told(baseline: &Baseline, facility: &str, cells: &Cells) -> Told {
    let months = (1..=12).map(|month| BaselineMonth::parse(&format!("2020-{month:02}")).unwrap());
    let expected = months.filter_map(|month| baseline.expected(facility, month, Case::Stay)).map(i128::from).sum();
    Told { cases: cases(cells, 0), expected: Some(expected) }
}

/// How many facilities came to what.
#[derive(Default)]
struct Funnel {
    judged: usize,
    above: usize,
    tiers: BTreeMap<Decision, usize>,
}

impl Funnel {
    fn add(&mut self, outcome: &Outcome) {
        let Outcome::Judged(ratio) = outcome else { return };
        self.judged += 1;
        self.above += usize::from(ratio.ratio > 1.5);
        *self.tiers.entry(ratio.tier).or_default() += 1;
    }

    fn tier(&self, tier: Decision) -> usize {
        self.tiers.get(&tier).copied().unwrap_or(0)
    }

    /// Judged, with a ratio above 1.5, alert, watch.
    fn counts(&self) -> [usize; 4] {
        [self.judged, self.above, self.tier(Decision::Alert), self.tier(Decision::Watch)]
    }

    fn print(&self, name: &str, facilities: usize) {
        let [judged, above, alert, watch] = self.counts();
        eprintln!("{name}: facilities {facilities}, judged {judged}, O/E above 1.5 {above}, alert {alert}, watch {watch}");
    }
}

/// Of each indicator, its O/E and its cases over the ceiling: hospitals differ,
/// and few are surely above what others are.
const FUNNELS: [[[usize; 4]; 2]; 2] = [[[163, 14, 6, 13], [163, 24, 11, 3]], [[163, 3, 0, 4], [163, 27, 0, 3]]];

/// They lie beside a full checkout only.
fn discharges(path: &Path) -> Option<Vec<Discharge>> {
    path.exists().then(|| ny_baseline::read(path))
}

#[test]
fn facilities_have_the_ratios_of_plain_sums_whatever_way_their_stays_came() {
    let Some(stays) = discharges(&feed::path("../shared/data/ny-discharges-2020/settlements.ndjson.gz")) else {
        println!("no real discharges beside this checkout: nothing is computed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    ny_baseline::write(&stays, folder.path());
    let snapshot = Snapshot::load(&[Folder::read(folder.path()).unwrap()]).unwrap_or_else(|mistakes| panic!("{}", render(&mistakes)));
    let baseline = snapshot.baseline(ny_baseline::NAME).unwrap();
    let definition = Definition::new(Digest([7; 32]), INDICATORS_OF_STAYS.len()).unwrap();
    let contributions: Vec<Contribution> = stays.iter().enumerate().map(|(idx, stay)| contribution(baseline, idx, stay)).collect();
    let (rollups, looks) = fold(definition, &contributions);
    assert!(looks.iter().all(|look| !look.revised));

    let year = Span::ending(SpanKind::YearToDate, Month::new(2020, 12)).unwrap();
    let days = Validity { from: year.start().start().day(), to: year.end().day() };
    // The year to date is looked at in December, also of facilities without cases then.
    let facilities: Vec<&Text> = looks.iter().filter(|look| look.span == year).map(|look| &look.institution).collect();
    for (index, of) in INDICATORS_OF_STAYS.iter().enumerate() {
        let standard = Standard::new(baseline, of.name, days);
        // 5,000.00 of money, ten days.
        let limits = GroupLimits::with([GroupLimits::MIN_EXCESS_AMOUNT, 100_000][index]);
        let plain = plain(baseline, &stays, index);
        assert_eq!(facilities.len(), plain.len());
        let [mut funnel, mut by_case] = [Funnel::default(), Funnel::default()];
        for facility in &facilities {
            let group = rollups[home(facility) as usize].group(definition.digest(), facility, year).unwrap();
            let cells = group.institution().unwrap();
            let told = told(baseline, facility, &cells);
            let unit = Unit { kind: UnitKind::Institution, peer_class: None, cells: &cells, index, told };
            let outcome = standard.judge(&unit, &limits);
            let (n, observed, raw, expected) = plain[&***facility];
            funnel.add(&outcome);
            by_case.add(&standard.over_ceiling(&unit, &limits).unwrap().by_case);
            match outcome {
                Outcome::Unknown(reason) => {
                    assert_eq!(reason, Unknown::TooFewCases, "{facility}");
                    assert!(n < limits.cases_min.into(), "{facility}");
                }
                Outcome::Judged(ratio) => {
                    assert_eq!((ratio.n, ratio.observed, ratio.expected), (n, observed, expected), "{facility}");
                    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
                    assert!(close(ratio.ratio, observed as f64 / expected as f64), "{facility}");
                    assert!(ratio.raw.is_some_and(|told| close(told, raw as f64 / expected as f64)), "{facility}");
                    assert_eq!((ratio.coverage, ratio.formula), (Part { part: n, whole: n }, FORMULA), "{facility}");
                }
            }
        }
        funnel.print(of.name, facilities.len());
        by_case.print(&format!("{}, cases over the ceiling", of.name), facilities.len());
        assert_eq!([funnel.counts(), by_case.counts()], FUNNELS[index], "{}", of.name);
    }
}
