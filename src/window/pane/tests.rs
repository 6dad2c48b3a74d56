//! When panes are looked at and dropped, and who holds them open.

use super::*;
use crate::base::time::SECONDS_PER_DAY;
use crate::window::calendar::SpanKind;
use crate::window::group::Definition;
use crate::window::group::Measure;
use crate::window::group::Sums;

const TIMES: PaneTimes = PaneTimes { lateness: 3 * SECONDS_PER_DAY, reach: 184 * SECONDS_PER_DAY };

fn time(text: &str) -> Civil {
    Civil::parse(text).unwrap()
}

fn definition(number: u8) -> Definition {
    Definition::new(Digest([number; 32]), 1).unwrap()
}

/// A block of one row; `sequence` and watermark as told.
fn block(source: ShardId, sequence: u64, at: &str, definition: Definition, day: &str, value: i64) -> Block {
    let sums = vec![Sums::of(Measure::new(value, value, None)); definition.indicators()];
    let row = BodyRow { key: RowKey::default(), day: time(day).day() as i32, sums: sums.into() };
    let body = Body::new(definition, "H1".into(), vec![row]);
    Block { body, ..statement(source, sequence, at) }
}

fn statement(source: ShardId, sequence: u64, at: &str) -> Block {
    Block { source, rollup: 0, sequence, watermarks: vec![time(at)], body: None }
}

fn fold(panes: &mut Panes, block: &Block) {
    assert_eq!(panes.fold(block), Ok(Folded::Merged { late: Vec::new() }));
}

fn looks(panes: &mut Panes) -> Vec<String> {
    let told = |look: Look| {
        let revised = if look.revised { " revised" } else { "" };
        format!("{:?} {} to {}{revised}", look.span.kind(), look.span.start(), look.span.last())
    };
    panes.looks_due(usize::MAX).into_iter().map(told).collect()
}

#[test]
fn a_pane_is_looked_at_when_all_sources_have_passed_it_by_the_lateness() {
    let mut panes = Panes::new(0, 2, &[0], TIMES);
    fold(&mut panes, &block(0, 1, "2026-03-20", definition(1), "2026-02-28", 5));
    assert!(looks(&mut panes).is_empty(), "a source never heard of holds everything");
    fold(&mut panes, &statement(1, 1, "2026-03-03 23:59:59"));
    assert!(looks(&mut panes).is_empty());
    fold(&mut panes, &statement(1, 2, "2026-03-04"));
    assert_eq!(looks(&mut panes), ["Month 2026-02 to 2026-02", "YearToDate 2026-01 to 2026-02"]);
    assert!(looks(&mut panes).is_empty());
    fold(&mut panes, &statement(0, 2, "2026-04-04"));
    fold(&mut panes, &block(1, 3, "2026-04-04", definition(1), "2026-03-31", 6));
    let march = ["Month 2026-03 to 2026-03", "Quarter 2026-01 to 2026-03", "YearToDate 2026-01 to 2026-03"];
    assert_eq!(looks(&mut panes), march);
    fold(&mut panes, &block(1, 4, "2026-04-04", definition(1), "2026-02-01", 7));
    let revised = [
        "Month 2026-02 to 2026-02 revised",
        "YearToDate 2026-01 to 2026-02 revised",
        "Quarter 2026-01 to 2026-03 revised",
        "YearToDate 2026-01 to 2026-03 revised",
    ];
    assert_eq!(looks(&mut panes), revised);
}

#[test]
fn an_idle_source_holds_no_look_and_all_state() {
    let mut panes = Panes::new(0, 2, &[0], TIMES);
    fold(&mut panes, &block(0, 1, "2026-01-31", definition(1), "2025-12-31", 5));
    fold(&mut panes, &statement(1, 1, "2026-01-01"));
    let silent = Holding { source: 1, since: Some(time("2026-01-01")), looks: true, state: false };
    assert_eq!(panes.holding(), [silent]);
    panes.idle(1);
    assert_eq!(panes.holding(), []);
    assert_eq!(looks(&mut panes).len(), 3);
    fold(&mut panes, &statement(0, 2, "2027-01-01"));
    assert_eq!((panes.drop_due(10), panes.kept_from()), (0, Some(2025)));
    assert_eq!(panes.holding(), [Holding { looks: false, state: true, ..silent }]);
    // Heard of again, it is waited for again, and what it tells is revised.
    fold(&mut panes, &block(1, 2, "2026-01-02", definition(1), "2025-12-30", 6));
    assert!(looks(&mut panes).is_empty());
    fold(&mut panes, &statement(1, 3, "2026-01-04"));
    assert!(looks(&mut panes).iter().all(|look| look.ends_with("revised")));
}

#[test]
fn a_year_is_dropped_after_reach_and_lateness_and_its_last_look() {
    let mut panes = Panes::new(0, 1, &[0], TIMES);
    fold(&mut panes, &block(0, 1, "2026-07-06 23:59:59", definition(1), "2025-01-05", 5));
    fold(&mut panes, &block(0, 2, "2026-07-06 23:59:59", definition(2), "2025-01-05", 5));
    assert_eq!(panes.looks_due(20).len(), 20);
    assert_eq!(panes.drop_due(10), 0);
    fold(&mut panes, &statement(0, 3, "2026-07-07"));
    assert_eq!((panes.drop_due(10), panes.kept_from()), (0, Some(2025)), "looks are left");
    assert_eq!(panes.looks_due(20).len(), 8);
    assert_eq!(panes.months().count(), 2);
    assert_eq!((panes.drop_due(1), panes.kept_from()), (1, Some(2026)));
    assert_eq!(panes.months().count(), 0, "what is left of a dropped year is not seen");
    let late = block(0, 4, "2026-07-07", definition(2), "2025-12-31", 5);
    let rows = late.body.as_ref().unwrap().rows().to_vec();
    assert_eq!(panes.fold(&late), Ok(Folded::Merged { late: rows }));
    assert_eq!((panes.late_rows(), panes.drop_due(1), panes.drop_due(1)), (1, 1, 0));
    let year = Span::ending(SpanKind::YearToDate, Month::new(2025, 12)).unwrap();
    assert!(panes.group(Digest([2; 32]), &"H1".into(), year).unwrap().is_empty());
}

#[test]
fn a_fault_changes_nothing() {
    let mut panes = Panes::new(0, 1, &[0], TIMES);
    let first = block(0, 1, "2026-01-01", definition(1), "2026-01-01", 5);
    fold(&mut panes, &first);
    let before = panes.clone();
    let two = Definition::new(Digest([1; 32]), 2).unwrap();
    let full = Sums { value: i128::MAX, ..Sums::default() };
    let row = |day: &str| BodyRow { key: RowKey::default(), day: time(day).day() as i32, sums: [full].into() };
    let overflow = |days: &[&str]| {
        let body = Body::new(definition(1), "H1".into(), days.iter().map(|day| row(day)).collect());
        Block { body, ..statement(0, 2, "2027-01-01") }
    };
    let too_much = FoldFault::Overflow { source: 0, definition: Digest([1; 32]), institution: "H1".into() };
    for (block, expect) in [
        (statement(0, 4, "2027-01-01"), FoldFault::Gap { source: 0, expected: 2, found: 4 }),
        (statement(1, 1, "2027-01-01"), FoldFault::UnknownSource { source: 1, partitions: 1 }),
        (statement(-1, 1, "2027-01-01"), FoldFault::UnknownSource { source: -1, partitions: 1 }),
        (Block { rollup: 1, ..statement(0, 2, "2027-01-01") }, FoldFault::Misrouted { source: 0, own: 0, rollup: 1 }),
        (
            block(0, 2, "2027-01-01", two, "2026-01-01", 5),
            FoldFault::Indicators { source: 0, definition: Digest([1; 32]), known: 1, found: 2 },
        ),
        (overflow(&["2026-01-05"]), too_much.clone()),
        (overflow(&["2026-02-05", "2026-03-05", "2026-03-06"]), too_much),
    ] {
        assert_eq!(panes.fold(&block), Err(expect));
        assert_eq!(panes, before);
    }
    assert_eq!(panes.fold(&first), Ok(Folded::Stale));
    assert_eq!(panes, before);
}
