//! Laws of groups: sums do not depend on how cases were divided, ordered,
//! gathered and told, and looks are those of a plain list of what is due.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::base::ids::Digest;
use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::ShardId;
use crate::base::time::Civil;
use crate::base::time::SECONDS_PER_DAY;

use super::calendar::Month;
use super::calendar::Span;
use super::calendar::SpanKind;
use super::gather::FlushLimits;
use super::gather::Gathered;
use super::group::Contribution;
use super::group::Definition;
use super::group::Measure;
use super::group::RowKey;
use super::group::Sums;
use super::group::Text;
use super::pane::Folded;
use super::pane::Look;
use super::pane::PaneTimes;
use super::pane::Panes;
use super::partial::Block;
use super::partial::Body;
use super::partial::BodyRow;
use super::testing::FIRST_DAY;
use super::testing::case;
use super::testing::definition;
use super::testing::home;

const TIMES: PaneTimes = PaneTimes { lateness: 3 * SECONDS_PER_DAY, reach: 184 * SECONDS_PER_DAY };
const SHARDS: ShardId = 3;

/// What a shard does with one case.
#[derive(Clone, Debug)]
enum Deed {
    Add,
    Retract,
}

type Place = (Digest, Text, Month, RowKey);

fn all_rows(rollups: &[Panes]) -> BTreeMap<Place, Vec<Sums>> {
    let rows = rollups.iter().flat_map(Panes::months).flat_map(|(definition, institution, month, rows)| {
        rows.iter().map(move |(key, sums)| ((definition, institution.clone(), month, key.clone()), sums.to_vec()))
    });
    rows.collect()
}

/// Straight sums, one number after the other.
fn straight(cases: &[(Definition, Contribution, Deed)]) -> BTreeMap<Place, Vec<Sums>> {
    let mut all: BTreeMap<Place, Vec<Sums>> = BTreeMap::new();
    for (definition, case, deed) in cases {
        let place = (definition.digest(), case.institution.clone(), Month::of_day(case.day), case.key.clone());
        let row = all.entry(place).or_insert_with(|| vec![Sums::default(); definition.indicators()]);
        for (sums, one) in row.iter_mut().zip(&case.sums) {
            let (sign, wide) = match deed {
                Deed::Add => (1, 1_i128),
                Deed::Retract => (-1, -1_i128),
            };
            sums.n += sign * one.n;
            sums.unknown += sign * one.unknown;
            sums.over += sign * one.over;
            sums.value += wide * one.value;
            sums.value_square += wide * one.value_square;
            sums.raw += wide * one.raw;
            sums.over_value += wide * one.over_value;
            sums.excess += wide * one.excess;
        }
    }
    all.retain(|_, row| row.iter().any(|sums| *sums != Sums::default()));
    all
}

/// How cases come to the rollups: which shard meets each, after which of them
/// shards flush, how much at once, and which waiting block is folded next.
#[derive(Clone, Debug)]
struct Route {
    shards: Vec<ShardId>,
    flush_rows: usize,
    portion_rows: usize,
    order: Vec<Index>,
}

fn route() -> impl Strategy<Value = Route> {
    (prop::collection::vec(0..SHARDS, 60), 1..20_usize, 1..9_usize, prop::collection::vec(any::<Index>(), 60))
        .prop_map(|(shards, flush_rows, portion_rows, order)| Route { shards, flush_rows, portion_rows, order })
}

/// Takes the cases along their way; every block passes through its bytes.
fn told(cases: &[(Definition, Contribution, Deed)], route: &Route) -> Vec<Panes> {
    let limits = FlushLimits { rows: route.flush_rows, seconds: 3600, portion_rows: route.portion_rows };
    let home = |institution: &str| home(institution, SHARDS);
    let mut shards: Vec<Gathered> = (0..SHARDS).map(|shard| Gathered::new(shard, SHARDS)).collect();
    let mut rollups: Vec<Panes> = (0..SHARDS).map(|shard| Panes::new(shard, SHARDS, &[0], TIMES)).collect();
    // Blocks keep their order from one source to one rollup, and none beside.
    let mut waiting: BTreeMap<(ShardId, ShardId), Vec<Block>> = BTreeMap::new();
    let send = |blocks: Vec<Block>, waiting: &mut BTreeMap<_, Vec<Block>>| {
        for block in blocks {
            waiting.entry((block.source, block.rollup)).or_default().push(Block::decode(&block.encode()).unwrap());
        }
    };
    let mut fold = |at: &Index, waiting: &mut BTreeMap<(ShardId, ShardId), Vec<Block>>| {
        if waiting.is_empty() {
            return;
        }
        let way = *at.get(&waiting.keys().copied().collect::<Vec<_>>());
        let blocks = waiting.get_mut(&way).unwrap();
        let block = blocks.remove(0);
        if blocks.is_empty() {
            waiting.remove(&way);
        }
        let rollup = &mut rollups[way.1 as usize];
        assert_eq!(rollup.fold(&block), Ok(Folded::Merged { late: Vec::new() }));
        assert_eq!(rollup.fold(&block), Ok(Folded::Stale));
    };
    for (idx, (definition, case, deed)) in cases.iter().enumerate() {
        let shard = &mut shards[route.shards[idx % route.shards.len()] as usize];
        match deed {
            Deed::Add => shard.add(*definition, case).unwrap(),
            Deed::Retract => shard.retract(*definition, case).unwrap(),
        }
        send(shard.flush(&limits, [Civil::MIN; EVENT_INPUTS], false, home), &mut waiting);
        fold(&route.order[idx % route.order.len()], &mut waiting);
    }
    for shard in &mut shards {
        loop {
            let blocks = shard.flush(&limits, [Civil(0); EVENT_INPUTS], true, home);
            if blocks.is_empty() {
                break;
            }
            send(blocks, &mut waiting);
        }
        assert!(shard.is_empty());
    }
    for idx in 0.. {
        if waiting.is_empty() {
            break;
        }
        fold(&route.order[idx % route.order.len()], &mut waiting);
    }
    rollups
}

fn cases(deed: impl Strategy<Value = Deed>) -> impl Strategy<Value = Vec<(Definition, Contribution, Deed)>> {
    let one = (case(), deed).prop_map(|((definition, contribution), deed)| (definition, contribution, deed));
    prop::collection::vec(one, 0..60)
}

proptest! {
    /// Shards, portions, blocks and their order leave no trace in the sums,
    /// and definitions and institutions are never mixed.
    #[test]
    fn any_division_of_the_cases_gives_the_same_panes(
        cases in cases(prop_oneof![4 => Just(Deed::Add), 1 => Just(Deed::Retract)]),
        route in route(),
        seed in any::<Index>(),
    ) {
        prop_assert_eq!(all_rows(&told(&cases, &route)), straight(&cases));
        let mut turned = cases.clone();
        turned.rotate_left(seed.index(cases.len().max(1)));
        turned.reverse();
        prop_assert_eq!(all_rows(&told(&turned, &route)), straight(&cases));
    }

    /// Wherever the cases of a pane and their retractions met, nothing is left.
    #[test]
    fn what_is_retracted_leaves_nothing(cases in cases(Just(Deed::Add)), route in route(), shuffle in any::<Index>()) {
        let mut all = cases.clone();
        let mut back = cases.clone();
        back.rotate_left(shuffle.index(cases.len().max(1)));
        all.extend(back.into_iter().map(|(definition, case, _)| (definition, case, Deed::Retract)));
        prop_assert!(told(&all, &route).iter().all(|rollup| rollup.months().next().is_none()));

        let mut gathered = Gathered::new(0, SHARDS);
        for (definition, case, deed) in &all {
            match deed {
                Deed::Add => gathered.add(*definition, case).unwrap(),
                Deed::Retract => gathered.retract(*definition, case).unwrap(),
            }
        }
        prop_assert_eq!(gathered, Gathered::new(0, SHARDS));
    }

    /// A pane of several months is their sum, and its units are sums of its rows.
    #[test]
    fn a_pane_is_the_sum_of_its_months(cases in cases(Just(Deed::Add)), route in route(), at in 0..16) {
        let rollups = told(&cases, &route);
        let month = Month::of_day(FIRST_DAY).plus(at);
        for span in SpanKind::ALL.into_iter().filter_map(|kind| Span::ending(kind, month)) {
            for (institution, number) in [("H0", 0), ("H1", 1), ("H2", 2)] {
                let definition = definition(number);
                let inside: Vec<_> = cases
                    .iter()
                    .filter(|(of, case, _)| *of == definition && &*case.institution == institution && span.holds(Month::of_day(case.day)))
                    .collect();
                let group = rollups[home(institution, SHARDS) as usize].group(definition.digest(), &institution.into(), span).unwrap();
                let seen = |rows: &mut dyn Iterator<Item = &super::group::Row>| rows.map(|row| row[0].n + row[0].unknown).sum::<i64>();
                let all = |kept: fn(&Contribution) -> bool| {
                    inside.iter().filter(|(_, case, _)| kept(case)).map(|(_, case, _)| case.sums[0].n + case.sums[0].unknown).sum::<i64>()
                };
                prop_assert_eq!(seen(&mut group.rows().values()), all(|_| true));
                prop_assert_eq!(seen(&mut group.institution().unwrap().values()), all(|_| true));
                let with_doctor = all(|case| case.key.doctor.is_some());
                prop_assert_eq!(seen(&mut group.doctors().unwrap().values().flat_map(BTreeMap::values)), with_doctor);
            }
        }
    }
}

/// What may happen to a rollup of two sources.
#[derive(Clone, Debug)]
enum Happening {
    /// A block of one case (or of one taken back), and its source's watermark so many days on.
    Told {
        source: ShardId,
        institution: u8,
        definition: u8,
        day: i32,
        back: bool,
        days: i64,
    },
    Statement {
        source: ShardId,
        days: i64,
    },
    Idle {
        source: ShardId,
    },
    Looks {
        limit: usize,
    },
    Drop,
}

fn happening() -> impl Strategy<Value = Happening> {
    let (source, days) = (0..2, prop_oneof![3 => 0..20_i64, 1 => 0..300_i64]);
    prop_oneof![
        6 => (source.clone(), 0..2_u8, 0..2_u8, FIRST_DAY..FIRST_DAY + 480, prop::bool::weighted(0.3), days.clone()).prop_map(
            |(source, institution, definition, day, back, days)| Happening::Told { source, institution, definition, day, back, days }
        ),
        4 => (source.clone(), days).prop_map(|(source, days)| Happening::Statement { source, days }),
        1 => source.prop_map(|source| Happening::Idle { source }),
        4 => (1..6_usize).prop_map(|limit| Happening::Looks { limit }),
        2 => Just(Happening::Drop),
    ]
}

/// The same as `Panes`, as plain lists: how many cases each month has, which
/// panes changed since their look, and how far each source has told.
#[derive(Default)]
struct Model {
    cases: BTreeMap<(Digest, Text, Month), i64>,
    due: BTreeSet<(Month, Digest, Text, SpanKind)>,
    looked: BTreeSet<(Month, Digest, Text, SpanKind)>,
    watermarks: [Option<Civil>; 2],
    idle: [bool; 2],
    kept_from: i32,
}

impl Model {
    fn has_rows(&self, definition: Digest, institution: &Text, span: Span) -> bool {
        let here = |month: Month| self.cases.get(&(definition, institution.clone(), month)).is_some_and(|cases| *cases != 0);
        (0..12).map(|back| span.last().plus(-back)).any(|month| span.holds(month) && here(month))
    }

    fn told(&mut self, definition: Digest, institution: &Text, day: i32, cases: i64) -> bool {
        let month = Month::of_day(day);
        if month.year() < self.kept_from {
            return false;
        }
        *self.cases.entry((definition, institution.clone(), month)).or_default() += cases;
        let year: Vec<Span> = (1..=12)
            .flat_map(|last| SpanKind::ALL.into_iter().filter_map(move |kind| Span::ending(kind, Month::new(month.year(), last))))
            .collect();
        let key = |span: &Span| (span.last(), definition, institution.clone(), span.kind());
        self.due.extend(year.iter().filter(|span| span.holds(month)).map(key));
        // An empty year that nobody looked at is as one that never was.
        if !year.iter().any(|span| self.has_rows(definition, institution, *span) || self.looked.contains(&key(span))) {
            self.due.retain(|due| !year.iter().any(|span| key(span) == *due));
        }
        true
    }

    fn least(&self) -> Option<Civil> {
        Some(self.watermarks[0]?.min(self.watermarks[1]?))
    }

    fn least_awake(&self) -> Option<Civil> {
        match self.idle {
            [false, true] => self.watermarks[0],
            [true, false] => self.watermarks[1],
            _ => self.least(),
        }
    }

    fn looks(&mut self, limit: usize) -> Vec<Look> {
        let mut looks = Vec::new();
        let Some(passed) = self.least_awake() else { return looks };
        for due in self.due.clone() {
            let (last, definition, institution, kind) = due.clone();
            let span = Span::ending(kind, last).unwrap();
            if looks.len() == limit || span.end().plus_seconds(TIMES.lateness) > passed {
                break;
            }
            self.due.remove(&due);
            let revised = self.looked.contains(&due);
            if revised || self.has_rows(definition, &institution, span) {
                self.looked.insert(due);
                looks.push(Look { definition, institution, span, revised });
            }
        }
        looks
    }

    fn drop_due(&mut self) {
        let Some(passed) = self.least() else { return };
        let over = |year: i32| Month::new(year + 1, 1).start().plus_seconds(TIMES.reach).plus_seconds(TIMES.lateness) <= passed;
        while over(self.kept_from) && self.due.first().is_none_or(|(last, ..)| last.year() > self.kept_from) {
            self.kept_from += 1;
        }
        let kept_from = self.kept_from;
        self.cases.retain(|(_, _, month), _| month.year() >= kept_from);
    }
}

fn block(source: ShardId, sequence: u64, at: Civil, body: Option<Body>) -> Block {
    Block { source, rollup: 0, sequence, watermarks: vec![at, Civil::MIN], body }
}

/// One case of one doctor, or the same one taken back.
fn body(definition: Definition, institution: &Text, day: i32, back: bool) -> Body {
    let one = Sums::of(Measure::new(1, 1, None));
    let sums = if back { Sums::default().minus(one).unwrap() } else { one };
    let row = BodyRow { key: RowKey::default(), day, sums: vec![sums; definition.indicators()].into() };
    Body::new(definition, institution.clone(), vec![row]).unwrap()
}

/// Lets the same happen to panes and model, and compares all that is to be seen.
fn compare(happenings: &[Happening]) {
    let mut panes = Panes::new(0, 2, &[0], TIMES);
    let mut model = Model { kept_from: 2000, ..Model::default() };
    let mut sequences = [0; 2];
    let mut late = 0;
    let start = Civil(i64::from(FIRST_DAY) * SECONDS_PER_DAY);
    let mut next = |source: ShardId, days: i64, model: &mut Model| {
        let source = source as usize;
        let at = model.watermarks[source].unwrap_or(start).plus_days(days);
        model.watermarks[source] = Some(at);
        model.idle[source] = false;
        sequences[source] += 1;
        (sequences[source], at)
    };
    for happening in happenings {
        match *happening {
            Happening::Told { source, institution, definition: number, day, back, days } => {
                let institution = Text::from(format!("H{institution}"));
                let counts = model.told(definition(number).digest(), &institution, day, if back { -1 } else { 1 });
                let (sequence, at) = next(source, days, &mut model);
                let folded = panes.fold(&block(source, sequence, at, Some(body(definition(number), &institution, day, back))));
                let Ok(Folded::Merged { late: refused }) = folded else { panic!("{folded:?}") };
                assert_eq!(refused.is_empty(), counts);
                late += refused.len() as u64;
            }
            Happening::Statement { source, days } => {
                let (sequence, at) = next(source, days, &mut model);
                assert_eq!(panes.fold(&block(source, sequence, at, None)), Ok(Folded::Merged { late: Vec::new() }));
            }
            Happening::Idle { source } => {
                model.idle[source as usize] = true;
                panes.idle(source);
            }
            Happening::Looks { limit } => assert_eq!(panes.looks_due(limit), model.looks(limit)),
            Happening::Drop => {
                model.drop_due();
                panes.drop_due(1);
                assert_eq!(panes.kept_from().unwrap_or(2000).max(2000), model.kept_from);
            }
        }
        let kept: Vec<_> = model.cases.iter().filter(|(_, cases)| **cases != 0).map(|(key, cases)| (key.clone(), *cases)).collect();
        let mut found: Vec<_> =
            panes.months().map(|(of, at, month, rows)| ((of, at.clone(), month), rows[&RowKey::default()][0].n)).collect();
        found.sort();
        assert_eq!(found, kept);
        assert_eq!(panes.late_rows(), late);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Each look once, in order, never before the least watermark; revised if
    /// and only if it changed; idle sources are passed over by looks alone;
    /// years are dropped when nothing can come, and refuse what comes.
    #[test]
    fn looks_and_drops_are_those_of_plain_lists(happenings in prop::collection::vec(happening(), 0..60)) {
        compare(&happenings);
    }
}
