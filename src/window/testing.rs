//! Made-up cases and blocks for the laws of groups.

use proptest::prelude::*;

use crate::base::ids::Digest;
use crate::base::ids::ShardId;
use crate::base::limits::MEASURE_MAX;
use crate::base::time::Civil;

use super::group::Contribution;
use super::group::Definition;
use super::group::Measure;
use super::group::Over;
use super::group::RowKey;
use super::group::Sums;
use super::group::Text;
use super::partial::Block;
use super::partial::Body;
use super::partial::BodyRow;

/// 2025-11-01.
pub(super) const FIRST_DAY: i32 = 20_393;

/// Two definitions with two indicators and one with one.
pub(super) fn definition(number: u8) -> Definition {
    Definition::new(Digest([number; 32]), if number < 2 { 2 } else { 1 }).unwrap()
}

/// `H0` to `H9`, spread over `partitions`.
pub(super) fn home(institution: &str, partitions: ShardId) -> ShardId {
    ShardId::from(institution.as_bytes()[1] - b'0') % partitions
}

pub(super) fn text(texts: &'static [&'static str]) -> impl Strategy<Value = Option<Text>> {
    prop::option::weighted(0.8, prop::sample::select(texts).prop_map(Text::from))
}

pub(super) fn row_key() -> impl Strategy<Value = RowKey> {
    (text(&["骨科", "心内"]), text(&["d1", "d2", ""]), text(&["F62C", "F62A"])).prop_map(|(department, doctor, cell)| RowKey {
        department,
        doctor,
        cell,
    })
}

fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -50_i64..5000, 1 => -MEASURE_MAX..=MEASURE_MAX]
}

fn measure() -> impl Strategy<Value = Option<Measure>> {
    let over = prop::option::of((amount(), amount()).prop_map(|(value, excess)| Over { value, excess }));
    prop::option::weighted(0.9, (amount(), amount(), over).prop_map(|(value, raw, over)| Measure::new(value, raw, over).unwrap()))
}

/// What a case adds: one observation, or those of its lines, be there any or none.
fn of_case() -> impl Strategy<Value = Sums> {
    let lines = prop::collection::vec(measure(), 0..6);
    let sum = |lines: Vec<Option<Measure>>| lines.into_iter().try_fold(Sums::default(), |sum, one| sum.plus(Sums::of(one))).unwrap();
    prop_oneof![2 => measure().prop_map(Sums::of), 1 => lines.prop_map(sum)]
}

/// One case of one definition, on one of the days of 16 months.
pub(super) fn case() -> impl Strategy<Value = (Definition, Contribution)> {
    let institution = (0..4).prop_map(|number| Text::from(format!("H{number}")));
    let days = prop_oneof![FIRST_DAY..FIRST_DAY + 3, FIRST_DAY..FIRST_DAY + 480];
    (0_u8..3, institution, row_key(), days, of_case(), of_case()).prop_map(|(number, institution, key, day, first, second)| {
        let definition = definition(number);
        let sums = [first, second][..definition.indicators()].to_vec();
        (definition, Contribution { institution, key, day, sums })
    })
}

fn sums() -> impl Strategy<Value = Sums> {
    let number = || prop_oneof![2 => Just(0_i128), 2 => -500..500_i128, 1 => any::<i128>()];
    let count = || prop_oneof![3 => 0..50_i64, 1 => any::<i64>()];
    (count(), count(), count(), number(), number(), number(), number(), number()).prop_map(
        |(n, unknown, over, value, value_square, raw, over_value, excess)| Sums {
            n,
            unknown,
            over,
            value,
            value_square,
            raw,
            over_value,
            excess,
        },
    )
}

fn body() -> impl Strategy<Value = Body> {
    let day = prop_oneof![3 => FIRST_DAY..FIRST_DAY + 40, 1 => any::<i32>()];
    let row = (row_key(), day, prop::collection::vec(sums(), 2));
    (any::<[u8; 32]>(), prop::collection::vec(row, 1..12)).prop_filter_map("rows of one place or of zeros", |(digest, rows)| {
        let rows = rows.into_iter().map(|(key, day, sums)| BodyRow { key, day, sums: sums.into() }).collect();
        Body::new(Definition::new(Digest(digest), 2)?, "H51010000001".into(), rows)
    })
}

pub(super) fn block() -> impl Strategy<Value = Block> {
    let watermarks = prop::collection::vec(any::<i64>().prop_map(Civil), 0..4);
    (any::<ShardId>(), any::<ShardId>(), any::<u64>(), watermarks, prop::option::weighted(0.9, body()))
        .prop_map(|(source, rollup, sequence, watermarks, body)| Block { source, rollup, sequence, watermarks, body })
}
