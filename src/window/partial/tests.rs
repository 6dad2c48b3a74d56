//! Blocks as bytes: read back as written, refused when anything is changed,
//! and the kept bytes of each format.

use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::base::ids::Digest;
use crate::window::group::Measure;
use crate::window::group::Over;
use crate::window::group::Sums;
use crate::window::testing::block;

use super::*;

/// Blocks of format 1, each behind its length (4 bytes, least first).
const KEPT_1: &[u8] = include_bytes!("../../../tests/compat/partials-1.bin");

/// What the kept blocks say.
fn kept() -> Vec<Block> {
    let key = |department: Option<&str>, doctor: Option<&str>, cell: Option<&str>| RowKey {
        department: department.map(Text::from),
        doctor: doctor.map(Text::from),
        cell: cell.map(Text::from),
    };
    let sums = |value: i64, raw: i64, over: Option<Over>| Sums::of(Measure::new(value, raw, over));
    let rows = vec![
        BodyRow { key: key(None, None, None), day: -1, sums: [sums(0, 0, None), Sums::of(None)].into() },
        BodyRow {
            key: key(Some("骨科"), Some("D1"), Some("F62C")),
            day: 20_482,
            sums: [sums(810_000, 990_050, None), sums(7, 7, None)].into(),
        },
        BodyRow {
            key: key(Some("骨科"), Some("D1"), Some("F62C")),
            day: 20_483,
            sums: [sums(1_200_000, 1_200_000, Some(Over { value: 1_200_000, excess: 45_000 })), Sums::default()].into(),
        },
        BodyRow {
            key: key(Some("骨科"), Some("D2"), None),
            day: 20_400,
            sums: [Sums { n: -1, ..Sums::default() }, sums(-3, -3, None)].into(),
        },
    ];
    let largest = Sums {
        n: i64::MAX,
        unknown: i64::MIN,
        over: -1,
        value: i128::MAX,
        value_square: i128::MIN,
        raw: i128::MIN,
        over_value: 1 << 100,
        excess: -(1 << 100),
    };
    let wide = vec![BodyRow { key: RowKey::default(), day: i32::MIN, sums: [largest].into() }];
    let body = |digest: u8, indicators: usize, rows: Vec<BodyRow>| {
        Body::new(Definition::new(Digest([digest; 32]), indicators).unwrap(), "H51010000001".into(), rows).unwrap()
    };
    let block = |sequence, watermarks: &[Civil], body| Block { source: 3, rollup: 11, sequence, watermarks: watermarks.to_vec(), body };
    vec![
        block(1, &[Civil::MIN, Civil::MAX], None),
        block(2, &[Civil(1_769_904_000), Civil::MIN], Some(body(0x51, 2, rows))),
        block(u64::MAX, &[], Some(body(0xfe, 1, wide))),
    ]
}

#[test]
fn blocks_of_format_1_are_read_for_ever() {
    let mut rest = KEPT_1;
    let mut found = Vec::new();
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let (bytes, more) = more.split_at(u32::from_le_bytes(*length) as usize);
        found.push(Block::decode(bytes).unwrap());
        rest = more;
    }
    assert_eq!(found, kept());
}

#[test]
fn blocks_are_written_as_those_that_are_kept() {
    let mut written = Vec::new();
    for block in kept() {
        let bytes = block.encode();
        written.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        written.extend(bytes);
    }
    assert_eq!(written, KEPT_1, "another layout is another format");
}

#[test]
fn faults_say_what_is_wrong() {
    let bytes = kept()[1].encode();
    let with = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        Block::decode(&bytes)
    };
    assert_eq!(with(4, 2), Err(BlockFault::Format(2)));
    assert_eq!(with(0, b'x'), Err(BlockFault::NoBlock));
    assert_eq!(with(20, !bytes[20]), Err(BlockFault::Checksum));
    assert_eq!(Block::decode(&bytes[..4]), Err(BlockFault::Truncated));
    assert_eq!(Block::decode(&bytes[..12]), Err(BlockFault::Checksum));
    assert_eq!(Block::decode(b""), Err(BlockFault::NoBlock));
}

#[test]
fn a_body_holds_rows_that_count() {
    let definition = Definition::new(Digest([1; 32]), 1).unwrap();
    let row = |day: i32, sums: &[Sums]| BodyRow { key: RowKey::default(), day, sums: sums.into() };
    let one = Sums { n: 1, ..Sums::default() };
    let holds = |rows: Vec<BodyRow>| Body::new(definition, "H1".into(), rows).is_some();
    assert!(holds(vec![row(2, &[one]), row(1, &[one])]));
    assert!(!holds(Vec::new()));
    assert!(!holds(vec![row(1, &[Sums::default()])]));
    assert!(!holds(vec![row(1, &[one, one])]));
    assert!(!holds(vec![row(1, &[one]), row(1, &[one])]));
    let many = |count: i32| (0..count).map(|day| row(day, &[one])).collect();
    assert!(holds(many(4096)) && !holds(many(4097)));
    assert_eq!(Body::new(definition, "长".repeat(86).into(), many(1)), None);
}

/// A block whose parts are written by hand; each test changes one of them.
struct Forged {
    mark: u8,
    indicators: u8,
    institution: &'static [u8],
    texts: &'static [u8],
    rows: &'static [u8],
    departments: &'static [u8],
    days: &'static [u8],
    columns: &'static [u8],
    more: &'static [u8],
}

impl Forged {
    /// A row without a department and one with it, one case each.
    const GOOD: Self = Self {
        mark: 1,
        indicators: 1,
        institution: b"\x02H1",
        texts: b"\x01\x01A",
        rows: b"\x02",
        departments: b"\x00\x01",
        days: b"\x00\x00",
        columns: b"\x01\x02\x02\x00\x00\x00\x00\x00\x00\x00",
        more: b"",
    };

    fn read(&self) -> Result<Block, BlockFault> {
        let mut bytes = b"cspb\x01\x00\x00\x01\x00".to_vec();
        bytes.push(self.mark);
        bytes.extend([7; 32]);
        bytes.push(self.indicators);
        let no_doctors_or_cells: &[u8] = &[0; 4];
        for part in [self.institution, self.texts, self.rows, self.departments, no_doctors_or_cells, self.days, self.columns, self.more] {
            bytes.extend(part);
        }
        bytes.extend([0; 8]);
        seal(&mut bytes);
        Block::decode(&bytes)
    }
}

#[test]
fn what_no_shard_writes_is_refused() {
    const GOOD: Forged = Forged::GOOD;
    assert_eq!(GOOD.read().unwrap().body.unwrap().rows().len(), 2);
    let malformed = |forged: Forged, part: &'static str| assert_eq!(forged.read(), Err(BlockFault::Malformed(part)));
    malformed(Forged { mark: 2, ..GOOD }, "a mark of a body");
    malformed(Forged { indicators: 0, ..GOOD }, "a number of indicators");
    malformed(Forged { indicators: 65, ..GOOD }, "a number of indicators");
    malformed(Forged { institution: b"\x01\xff", ..GOOD }, "a text that is not UTF-8");
    malformed(Forged { institution: b"\x81\x02", ..GOOD }, "a long text");
    malformed(Forged { texts: b"\x02\x01B\x01A", ..GOOD }, "an order of texts");
    malformed(Forged { texts: b"\x02\x01A\x01A", ..GOOD }, "an order of texts");
    malformed(Forged { texts: b"\x02\x01A\x01B", ..GOOD }, "a text of no row");
    malformed(Forged { texts: b"\xff\xff\x7f", ..GOOD }, "a number of texts");
    malformed(Forged { rows: b"\x00", ..GOOD }, "a number of rows");
    malformed(Forged { rows: b"\x81\x20", ..GOOD }, "a number of rows");
    malformed(Forged { rows: &[0xff; 18], ..GOOD }, "an integer");
    malformed(Forged { departments: b"\x00\x02", ..GOOD }, "the place of a text");
    malformed(Forged { departments: b"\x01\x00", ..GOOD }, "an order of rows");
    malformed(Forged { departments: b"\x01\x01", ..GOOD }, "an order of rows");
    malformed(Forged { days: b"\x00\xff\xff\xff\xff\x7f", ..GOOD }, "a day");
    malformed(Forged { columns: b"\x01\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00", ..GOOD }, "a column of zeros");
    malformed(Forged { columns: b"\x02\x02\x02\x00\x00\x00\x00\x00\x00\x00", ..GOOD }, "a mark of a column");
    malformed(Forged { columns: b"\x01\x02\x00\x00\x00\x00\x00\x00\x00\x00", ..GOOD }, "a row of zeros");
    let beyond = b"\x01\x02\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x00\x00\x00\x00\x00\x00\x00";
    malformed(Forged { columns: beyond, ..GOOD }, "a count");
    malformed(Forged { more: b"\x00", ..GOOD }, "more bytes");
    assert_eq!(Forged { columns: b"\x01\x02", ..GOOD }.read(), Err(BlockFault::Truncated));
}

/// Sets the checksum that belongs to the bytes.
fn seal(bytes: &mut [u8]) {
    if let Some((content, sum)) = bytes.split_last_chunk_mut::<8>() {
        *sum = xxh3_64(content).to_le_bytes();
    }
}

proptest! {
    #[test]
    fn a_block_is_read_back_as_it_was(block in block()) {
        prop_assert_eq!(Block::decode(&block.encode()), Ok(block));
    }

    #[test]
    fn no_changed_byte_goes_unseen(block in block(), change in 1_u8..) {
        let bytes = block.encode();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            prop_assert!(Block::decode(&changed).is_err(), "byte {} of {}", at, bytes.len());
            prop_assert!(Block::decode(&bytes[..at]).is_err());
        }
        let longer: Vec<u8> = bytes.iter().copied().chain([change]).collect();
        prop_assert!(Block::decode(&longer).is_err());
    }

    /// Somebody who knows the checksum can only write what a shard could have.
    #[test]
    fn sealed_bytes_of_any_origin_are_a_block_or_a_fault(
        block in block(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut bytes = block.encode();
        for (place, byte, kind) in changes {
            let at = 5 + place.index(bytes.len() - 13);
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        seal(&mut bytes);
        if let Ok(read) = Block::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }

    #[test]
    fn noise_is_a_fault(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Block::decode(&noise).is_err());
        let mut bytes = b"cspb\x01".to_vec();
        bytes.extend(noise);
        bytes.extend([0; 8]);
        seal(&mut bytes);
        if let Ok(read) = Block::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }
}
