//! Column buffers that a decoder can write to, take a row back from, and turn
//! into Arrow arrays.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Date32Array;
use arrow::array::Decimal128Array;
use arrow::array::Int32Array;
use arrow::array::NullBufferBuilder;
use arrow::array::TimestampSecondArray;
use arrow::buffer::Buffer;
use arrow::buffer::OffsetBuffer;
use arrow::buffer::ScalarBuffer;

use crate::codecs::raw;
use crate::codecs::raw::CHUNK;
use crate::codecs::scalar;
use crate::codecs::scalar::Value;
use crate::events::Kind;

/// Values of one column. Rows that nothing was written to are NULL: they are
/// filled up when a later row is written or when the column is finished, so a
/// column that no message has costs nothing.
pub(crate) struct ColumnBuilder {
    kind: Kind,
    data: Data,
    /// Rows written or filled up.
    len: usize,
    /// `None` while no row is NULL.
    nulls: Option<NullBufferBuilder>,
}

enum Data {
    Text(Texts),
    Decimal(Vec<i128>),
    Narrow(Vec<i32>),
    Wide(Vec<i64>),
}

/// Texts one behind the other.
#[derive(Default)]
struct Texts {
    /// Written up to `used`, room behind.
    bytes: Vec<u8>,
    used: usize,
    /// For each row where its text ends.
    ends: Vec<i32>,
}

impl Texts {
    /// Appends `bytes[start..end]`, if it is short by copying a whole chunk and
    /// cutting it, which is quicker than a copy of the right length.
    #[inline(always)]
    fn push(&mut self, bytes: &[u8], start: usize, end: usize) {
        let len = end - start;
        let room = self.bytes.get_mut(self.used..).and_then(<[u8]>::first_chunk_mut::<CHUNK>);
        match (room, bytes.get(start..).and_then(<[u8]>::first_chunk::<CHUNK>)) {
            (Some(room), Some(chunk)) if len <= CHUNK => *room = *chunk,
            _ => self.push_rare(&bytes[start..end]),
        }
        self.used += len;
        assert!(self.used <= i32::MAX as usize, "a run holds less than 2 GiB of one column");
        self.ends.push(self.used as i32);
    }

    #[inline(never)]
    fn push_rare(&mut self, text: &[u8]) {
        let end = self.used + text.len();
        if self.bytes.len() < end + CHUNK {
            self.bytes.resize((self.bytes.len() * 2).max(end + 8 * CHUNK), 0);
        }
        self.bytes[self.used..end].copy_from_slice(text);
    }

    fn truncate(&mut self, rows: usize) {
        self.ends.truncate(rows);
        self.used = self.ends.last().map_or(0, |end| *end as usize);
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Buffer) {
        let mut offsets = Vec::with_capacity(self.ends.len() + 1);
        offsets.push(0);
        offsets.append(&mut self.ends);
        let room = room_after(self.used);
        let mut bytes = std::mem::replace(&mut self.bytes, vec![0; room]);
        bytes.truncate(std::mem::take(&mut self.used));
        (OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(bytes))
    }
}

impl ColumnBuilder {
    pub fn new(kind: Kind) -> Self {
        let data = match kind {
            Kind::Text => Data::Text(Texts::default()),
            Kind::Amount | Kind::Quantity | Kind::Price | Kind::Rate => Data::Decimal(Vec::new()),
            Kind::Int | Kind::Date | Kind::Flag => Data::Narrow(Vec::new()),
            Kind::Time => Data::Wide(Vec::new()),
        };
        Self { kind, data, len: 0, nulls: None }
    }

    /// Whether `row` was written and is not NULL.
    #[inline]
    pub fn has(&self, row: usize) -> bool {
        row < self.len && self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
    }

    /// The text of a row that [`has`](Self::has) one.
    pub fn text(&self, row: usize) -> &[u8] {
        match &self.data {
            Data::Text(texts) => {
                let start = if row == 0 { 0 } else { texts.ends[row - 1] as usize };
                &texts.bytes[start..texts.ends[row] as usize]
            }
            _ => &[],
        }
    }

    /// The civil seconds of a row that [`has`](Self::has) them.
    pub fn time(&self, row: usize) -> Option<i64> {
        match &self.data {
            Data::Wide(values) => values.get(row).copied(),
            _ => None,
        }
    }

    /// Makes rows up to, not including, `row` NULL where nothing was written,
    /// and counts `row` as written.
    #[inline(always)]
    fn start(&mut self, row: usize) {
        if self.len < row {
            self.fill(row);
        }
        debug_assert_eq!(self.len, row);
        self.len = row + 1;
        if let Some(nulls) = &mut self.nulls {
            nulls.append_non_null();
        }
    }

    #[cold]
    fn fill(&mut self, rows: usize) {
        let written = self.len;
        let nulls = self.nulls.get_or_insert_with(|| NullBufferBuilder::new_with_len(written));
        nulls.append_n_nulls(rows - written);
        self.len = rows;
        match &mut self.data {
            Data::Text(texts) => texts.ends.resize(rows, texts.used as i32),
            Data::Decimal(values) => values.resize(rows, 0),
            Data::Narrow(values) => values.resize(rows, 0),
            Data::Wide(values) => values.resize(rows, 0),
        }
    }

    /// Takes back every row from `row` on.
    pub fn truncate(&mut self, row: usize) {
        if self.len <= row {
            return;
        }
        self.len = row;
        if let Some(nulls) = &mut self.nulls {
            nulls.truncate(row);
        }
        match &mut self.data {
            Data::Text(texts) => texts.truncate(row),
            Data::Decimal(values) => values.truncate(row),
            Data::Narrow(values) => values.truncate(row),
            Data::Wide(values) => values.truncate(row),
        }
    }

    /// Writes `bytes[start..end]`, which must be UTF-8, as the text of `row`.
    #[inline(always)]
    pub fn push_text(&mut self, row: usize, bytes: &[u8], start: usize, end: usize) {
        self.start(row);
        if let Data::Text(texts) = &mut self.data {
            texts.push(bytes, start, end);
        }
    }

    #[inline(always)]
    pub fn push_decimal(&mut self, row: usize, value: i128) {
        self.start(row);
        if let Data::Decimal(values) = &mut self.data {
            values.push(value);
        }
    }

    #[inline]
    pub fn push_time(&mut self, row: usize, seconds: i64) {
        self.start(row);
        if let Data::Wide(values) = &mut self.data {
            values.push(seconds);
        }
    }

    /// Writes a value of the column's own kind; NULL is what an unwritten row is.
    pub fn push(&mut self, row: usize, value: &Value<'_>) {
        match value {
            Value::Null => {}
            Value::Text(text) => self.push_text(row, text.as_bytes(), 0, text.len()),
            Value::Decimal(units) => self.push_decimal(row, *units),
            Value::Time(seconds) => self.push_time(row, *seconds),
            Value::Int(number) | Value::Date(number) => {
                self.start(row);
                if let Data::Narrow(values) = &mut self.data {
                    values.push(*number);
                }
            }
        }
    }

    /// The column with `rows` rows; the builder is empty afterwards.
    pub fn finish(&mut self, rows: usize) -> ArrayRef {
        if self.len < rows {
            self.fill(rows);
        }
        self.len = 0;
        let nulls = self.nulls.take().and_then(NullBufferBuilder::build);
        match &mut self.data {
            Data::Text(texts) => {
                let (offsets, bytes) = texts.take();
                Arc::new(raw::texts(offsets, bytes, nulls))
            }
            Data::Decimal(values) => {
                let array = Decimal128Array::new(take(values), nulls).with_data_type(self.kind.arrow());
                debug_assert!(self.kind.scale().is_some() && scalar::precision(self.kind) <= 18);
                Arc::new(array)
            }
            Data::Narrow(values) if self.kind == Kind::Date => Arc::new(Date32Array::new(take(values), nulls)),
            Data::Narrow(values) => Arc::new(Int32Array::new(take(values), nulls)),
            Data::Wide(values) => Arc::new(TimestampSecondArray::new(take(values), nulls)),
        }
    }
}

/// Room for the next run: as much as the last one needed and an eighth more,
/// so that runs of like size seldom grow their buffers.
fn room_after(used: usize) -> usize {
    used + used / 8
}

/// The values, leaving a buffer that has room for the next run.
fn take<T: arrow::datatypes::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let room = room_after(values.len());
    ScalarBuffer::from(std::mem::replace(values, Vec::with_capacity(room)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Array as _;
    use arrow::array::AsArray as _;

    #[test]
    fn a_row_taken_back_leaves_no_trace() {
        let mut column = ColumnBuilder::new(Kind::Text);
        let long = b"a text that is longer than one chunk of thirty-two";
        column.push_text(1, long, 0, long.len());
        column.push_text(3, b"gone", 0, 4);
        column.truncate(2);
        assert!(!column.has(0) && column.has(1) && !column.has(3));
        column.push_text(2, b"kept", 0, 4);
        let array = column.finish(5);
        let texts: Vec<_> = array.as_string::<i32>().iter().collect();
        assert_eq!(texts, [None, std::str::from_utf8(long).ok(), Some("kept"), None, None]);
        assert_eq!(column.finish(0).len(), 0);
        assert_eq!(column.finish(2).null_count(), 2);
    }

    #[test]
    fn arrays_have_the_schema_types() {
        for kind in [Kind::Text, Kind::Amount, Kind::Quantity, Kind::Price, Kind::Rate, Kind::Int, Kind::Date, Kind::Time] {
            assert_eq!(ColumnBuilder::new(kind).finish(3).data_type(), &kind.arrow(), "{kind:?}");
        }
    }
}
