//! A partial block as bytes: columns of small integers behind a checksum.
//!
//! ```text
//! "cspb"  format 1
//! source  rollup                         signed
//! sequence                               unsigned
//! inputs  watermark of each              unsigned, signed
//! has a body                             0 or 1
//!   digest                               32 bytes
//!   indicators                           unsigned
//!   institution                          length, UTF-8
//!   texts                                count, then each: rising, each of use
//!   rows                                 unsigned
//!   department, doctor, cell of each     0: none, else place among the texts + 1
//!   day of each                          signed, as step from the row before
//!   per indicator n, unknown, over, value, value², raw − value, over value, excess:
//!                                        0, or 1 and one signed number for each row
//! xxh3 of all before                     8 bytes, least first
//! ```
//!
//! Integers are of variable length (`varint`). A block has one spelling alone:
//! whatever is read is written back to the same bytes.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::base::ids::Digest;
use crate::base::ids::ShardId;
use crate::base::limits::BLOCK_SUMS_MAX;
use crate::base::limits::GROUP_TEXT_BYTES_MAX;
use crate::base::time::Civil;

use super::super::group::Definition;
use super::super::group::RowKey;
use super::super::group::Sums;
use super::super::group::Text;
use super::Block;
use super::Body;
use super::BodyRow;
use super::varint::Reader;
use super::varint::write;
use super::varint::write_signed;

const MAGIC: &[u8; 4] = b"cspb";
/// The format that blocks are written in.
pub const FORMAT: u8 = 1;
/// More inputs than a shard will ever have.
const INPUTS_MAX: usize = 16;
/// Columns of one indicator.
const COLUMNS: usize = 8;

/// Bytes that are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockFault {
    /// Not the first bytes of a block.
    NoBlock,
    /// A format that this program does not know.
    Format(u8),
    /// Bytes are missing.
    Truncated,
    /// The bytes are not those that were written.
    Checksum,
    /// The named part cannot be what a shard wrote.
    Malformed(&'static str),
}

impl fmt::Display for BlockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBlock => f.write_str("no block of partials"),
            Self::Format(format) => write!(f, "partials of format {format}, known is {FORMAT}"),
            Self::Truncated => f.write_str("a block of partials ends too early"),
            Self::Checksum => f.write_str("a block of partials does not have its checksum"),
            Self::Malformed(part) => write!(f, "a block of partials holds {part} that no shard writes"),
        }
    }
}

impl std::error::Error for BlockFault {}

impl Block {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(FORMAT);
        for number in [self.source, self.rollup] {
            write_signed(&mut out, number.into());
        }
        write(&mut out, self.sequence.into());
        write(&mut out, self.watermarks.len() as u128);
        for watermark in &self.watermarks {
            write_signed(&mut out, watermark.0.into());
        }
        out.push(u8::from(self.body.is_some()));
        if let Some(body) = &self.body {
            body.write(&mut out);
        }
        let sum = xxh3_64(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Reads what [`Block::encode`] wrote. Bytes of any other origin give a
    /// fault and never more work or memory than a block may cost.
    pub fn decode(bytes: &[u8]) -> Result<Self, BlockFault> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(BlockFault::NoBlock)?;
        match rest.first() {
            Some(&FORMAT) => {}
            Some(other) => return Err(BlockFault::Format(*other)),
            None => return Err(BlockFault::Truncated),
        }
        let (content, sum) = bytes.split_last_chunk::<8>().ok_or(BlockFault::Truncated)?;
        if xxh3_64(content) != u64::from_le_bytes(*sum) {
            return Err(BlockFault::Checksum);
        }
        let mut reader = Reader { rest: content.get(MAGIC.len() + 1..).ok_or(BlockFault::Truncated)? };
        let block = read_block(&mut reader)?;
        if reader.rest.is_empty() { Ok(block) } else { Err(BlockFault::Malformed("more bytes")) }
    }
}

fn read_block(reader: &mut Reader<'_>) -> Result<Block, BlockFault> {
    let shard = |reader: &mut Reader<'_>| ShardId::try_from(reader.signed()?).map_err(|_| BlockFault::Malformed("a shard"));
    let (source, rollup) = (shard(reader)?, shard(reader)?);
    let sequence = reader.count()?;
    let inputs: usize = reader.count()?;
    if inputs > INPUTS_MAX {
        return Err(BlockFault::Malformed("a number of inputs"));
    }
    let watermark = |_| i64::try_from(reader.signed()?).map(Civil).map_err(|_| BlockFault::Malformed("a watermark"));
    let watermarks = (0..inputs).map(watermark).collect::<Result<_, _>>()?;
    let body = match reader.byte()? {
        0 => None,
        1 => Some(Body::read(reader)?),
        _ => return Err(BlockFault::Malformed("a mark of a body")),
    };
    Ok(Block { source, rollup, sequence, watermarks, body })
}

/// The parts of a row's key that are texts.
const TEXTS: [fn(&RowKey) -> &Option<Text>; 3] = [|key| &key.department, |key| &key.doctor, |key| &key.cell];

impl Body {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.definition.digest().0);
        write(out, self.definition.indicators() as u128);
        write_text(out, &self.institution);
        let mut texts: Vec<&Text> = self.rows.iter().flat_map(|row| TEXTS.iter().filter_map(|part| part(&row.key).as_ref())).collect();
        texts.sort();
        texts.dedup();
        write(out, texts.len() as u128);
        texts.iter().for_each(|text| write_text(out, text));
        write(out, self.rows.len() as u128);
        for part in TEXTS {
            for row in &self.rows {
                // Each text is among `texts`.
                let place = part(&row.key).as_ref().map_or(0, |text| 1 + texts.partition_point(|other| *other < text));
                write(out, place as u128);
            }
        }
        let mut before = 0;
        for row in &self.rows {
            write_signed(out, i128::from(row.day) - before);
            before = row.day.into();
        }
        for indicator in 0..self.definition.indicators() {
            let sums = || self.rows.iter().filter_map(|row| row.sums.get(indicator)).map(columns);
            for column in 0..COLUMNS {
                let numbers = || sums().map(|sums| sums[column]);
                let told = numbers().any(|number| number != 0);
                out.push(u8::from(told));
                if told {
                    numbers().for_each(|number| write_signed(out, number));
                }
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, BlockFault> {
        let mut digest = [0; 32];
        digest.copy_from_slice(reader.bytes(32)?);
        let definition = Definition::new(Digest(digest), reader.count()?).ok_or(BlockFault::Malformed("a number of indicators"))?;
        let institution = read_text(reader)?;
        let texts = read_texts(reader)?;
        let count: usize = reader.count()?;
        if count == 0 || count.saturating_mul(definition.indicators()) > BLOCK_SUMS_MAX {
            return Err(BlockFault::Malformed("a number of rows"));
        }
        let keys = read_keys(reader, &texts, count)?;
        let mut day = 0_i128;
        let mut rows = Vec::with_capacity(count);
        for key in keys {
            day = day.checked_add(reader.signed()?).ok_or(BlockFault::Malformed("a day"))?;
            let day = i32::try_from(day).map_err(|_| BlockFault::Malformed("a day"))?;
            rows.push((key, day, vec![[0; COLUMNS]; definition.indicators()]));
        }
        for indicator in 0..definition.indicators() {
            for column in 0..COLUMNS {
                read_column(reader, rows.iter_mut().filter_map(|(_, _, sums)| sums.get_mut(indicator)?.get_mut(column)))?;
            }
        }
        let row = |(key, day, numbers): (RowKey, i32, Vec<[i128; COLUMNS]>)| {
            Ok(BodyRow { key, day, sums: numbers.into_iter().map(sums_of).collect::<Result<_, _>>()? })
        };
        let rows: Vec<BodyRow> = rows.into_iter().map(row).collect::<Result<_, _>>()?;
        if !rows.is_sorted_by(|a, b| a.place() < b.place()) {
            return Err(BlockFault::Malformed("an order of rows"));
        }
        Self::new(definition, institution, rows).ok_or(BlockFault::Malformed("a row of zeros"))
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write(out, text.len() as u128);
    out.extend_from_slice(text.as_bytes());
}

fn read_text(reader: &mut Reader<'_>) -> Result<Text, BlockFault> {
    let length: usize = reader.count()?;
    if length > GROUP_TEXT_BYTES_MAX {
        return Err(BlockFault::Malformed("a long text"));
    }
    std::str::from_utf8(reader.bytes(length)?).map(Text::from).map_err(|_| BlockFault::Malformed("a text that is not UTF-8"))
}

fn read_texts(reader: &mut Reader<'_>) -> Result<Vec<Text>, BlockFault> {
    let count: usize = reader.count()?;
    if count > TEXTS.len() * BLOCK_SUMS_MAX {
        return Err(BlockFault::Malformed("a number of texts"));
    }
    let texts: Vec<Text> = (0..count).map(|_| read_text(reader)).collect::<Result<_, _>>()?;
    if texts.is_sorted_by(|a, b| a < b) { Ok(texts) } else { Err(BlockFault::Malformed("an order of texts")) }
}

fn read_keys(reader: &mut Reader<'_>, texts: &[Text], count: usize) -> Result<Vec<RowKey>, BlockFault> {
    let mut used = vec![false; texts.len()];
    let mut keys = vec![RowKey::default(); count];
    for part in 0..TEXTS.len() {
        for key in &mut keys {
            let place: usize = reader.count()?;
            let Some(place) = place.checked_sub(1) else { continue };
            let text = texts.get(place).cloned().ok_or(BlockFault::Malformed("the place of a text"))?;
            if let Some(used) = used.get_mut(place) {
                *used = true;
            }
            match part {
                0 => key.department = Some(text),
                1 => key.doctor = Some(text),
                _ => key.cell = Some(text),
            }
        }
    }
    if used.iter().all(|used| *used) { Ok(keys) } else { Err(BlockFault::Malformed("a text of no row")) }
}

fn read_column<'a>(reader: &mut Reader<'_>, numbers: impl Iterator<Item = &'a mut i128>) -> Result<(), BlockFault> {
    match reader.byte()? {
        0 => return Ok(()),
        1 => {}
        _ => return Err(BlockFault::Malformed("a mark of a column")),
    }
    let mut told = false;
    for number in numbers {
        *number = reader.signed()?;
        told |= *number != 0;
    }
    if told { Ok(()) } else { Err(BlockFault::Malformed("a column of zeros")) }
}

/// The numbers as they are written. Few cases are capped, so the difference
/// between raw and capped value is mostly zero; it wraps, and wraps back.
fn columns(sums: &Sums) -> [i128; COLUMNS] {
    let Sums { n, unknown, over, value, value_square, raw, over_value, excess } = *sums;
    [n.into(), unknown.into(), over.into(), value, value_square, raw.wrapping_sub(value), over_value, excess]
}

fn sums_of(numbers: [i128; COLUMNS]) -> Result<Sums, BlockFault> {
    let [n, unknown, over, value, value_square, capped, over_value, excess] = numbers;
    let count = |number: i128| i64::try_from(number).map_err(|_| BlockFault::Malformed("a count"));
    Ok(Sums {
        n: count(n)?,
        unknown: count(unknown)?,
        over: count(over)?,
        value,
        value_square,
        raw: capped.wrapping_add(value),
        over_value,
        excess,
    })
}
