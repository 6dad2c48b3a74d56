//! Column buffers that a decoder can write to, take a row back from, and turn
//! into Arrow arrays.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Date32Array;
use arrow::array::Decimal128Array;
use arrow::array::Int32Array;
use arrow::array::NullBufferBuilder;
use arrow::array::TimestampSecondArray;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow::buffer::ScalarBuffer;

use crate::codecs::raw;
use crate::codecs::raw::CHUNK;
use crate::codecs::scalar;
use crate::codecs::scalar::Value;
use crate::events::Kind;

/// Values of one column. Rows that nothing was written to are NULL: they are
/// filled up when a later row is written or when the column is finished, so a
/// column that no message has costs nothing, and neither has a value to say
/// that it is one.
pub(crate) struct ColumnBuilder {
    data: Data,
    kind: Kind,
    /// Rows that were filled up, ascending.
    gaps: Vec<Range<usize>>,
}

enum Data {
    Text(Texts),
    Decimal(Vec<i128>),
    Narrow(Vec<i32>),
    Wide(Vec<i64>),
}

/// Room that is never exceeded, so that offsets need no check of their own.
const BYTES_MAX: usize = i32::MAX as usize;

/// Texts one behind the other.
struct Texts {
    bytes: Vec<u8>,
    /// Where each row's text starts, and at last where the next will.
    offsets: Vec<i32>,
}

impl Texts {
    fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    #[inline(always)]
    fn push_chunk(&mut self, chunk: &[u8; CHUNK], len: usize) {
        if !raw::append(&mut self.bytes, chunk, len) {
            self.push_rare(&chunk[..len]);
        }
        raw::fetch_room(&self.bytes);
        raw::fetch_room(&self.offsets);
        self.offsets.push(self.bytes.len() as i32);
    }

    fn push(&mut self, text: &[u8]) {
        self.push_rare(text);
        self.offsets.push(self.bytes.len() as i32);
    }

    #[inline(never)]
    fn push_rare(&mut self, text: &[u8]) {
        let least = self.bytes.len() + text.len() + CHUNK;
        assert!(least <= BYTES_MAX, "a run holds less than 2 GiB of one column");
        if self.bytes.capacity() < least {
            let room = (self.bytes.capacity() * 2).clamp(least, BYTES_MAX);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(text);
    }

    fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        self.bytes.truncate(self.end() as usize);
    }

    fn end(&self) -> i32 {
        self.offsets.last().copied().unwrap_or(0)
    }

    fn with_room(bytes: usize, rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { bytes: Vec::with_capacity(bytes.min(BYTES_MAX)), offsets }
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Buffer) {
        let next = Self::with_room(room_after(self.bytes.len()), room_after(self.rows()));
        let Self { bytes, offsets } = std::mem::replace(self, next);
        (OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(bytes))
    }
}

impl ColumnBuilder {
    pub fn new(kind: Kind) -> Self {
        let data = match kind {
            Kind::Text => Data::Text(Texts::with_room(0, 0)),
            Kind::Amount | Kind::Quantity | Kind::Price | Kind::Rate => Data::Decimal(Vec::new()),
            Kind::Int | Kind::Date | Kind::Flag => Data::Narrow(Vec::new()),
            Kind::Time => Data::Wide(Vec::new()),
        };
        Self { kind, data, gaps: Vec::new() }
    }

    /// Rows written or filled up.
    fn len(&self) -> usize {
        match &self.data {
            Data::Text(texts) => texts.rows(),
            Data::Decimal(values) => values.len(),
            Data::Narrow(values) => values.len(),
            Data::Wide(values) => values.len(),
        }
    }

    /// Whether `row` was written and is not NULL.
    #[inline]
    pub fn has(&self, row: usize) -> bool {
        let gap = || self.gaps.partition_point(|gap| gap.end <= row);
        row < self.len() && (self.gaps.is_empty() || self.gaps.get(gap()).is_none_or(|gap| row < gap.start))
    }

    /// The text of a row that [`has`](Self::has) one.
    pub fn text(&self, row: usize) -> &[u8] {
        match &self.data {
            Data::Text(texts) => &texts.bytes[texts.offsets[row] as usize..texts.offsets[row + 1] as usize],
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

    /// Makes rows up to, not including, `rows` NULL where nothing was written.
    #[cold]
    #[inline(never)]
    fn fill(&mut self, rows: usize) {
        let written = self.len();
        debug_assert!(written < rows, "each row is written once");
        match self.gaps.last_mut() {
            Some(gap) if gap.end == written => gap.end = rows,
            _ => self.gaps.push(written..rows),
        }
        match &mut self.data {
            Data::Text(texts) => texts.offsets.resize(rows + 1, texts.end()),
            Data::Decimal(values) => values.resize(rows, 0),
            Data::Narrow(values) => values.resize(rows, 0),
            Data::Wide(values) => values.resize(rows, 0),
        }
    }

    /// Takes back every row from `row` on.
    pub fn truncate(&mut self, row: usize) {
        if self.len() <= row {
            return;
        }
        while self.gaps.last().is_some_and(|gap| gap.start >= row) {
            self.gaps.pop();
        }
        if let Some(gap) = self.gaps.last_mut() {
            gap.end = gap.end.min(row);
        }
        match &mut self.data {
            Data::Text(texts) => texts.truncate(row),
            Data::Decimal(values) => values.truncate(row),
            Data::Narrow(values) => values.truncate(row),
            Data::Wide(values) => values.truncate(row),
        }
    }

    /// Writes the first `len` bytes of `chunk`, which must be UTF-8, as the
    /// text of `row`.
    #[inline(always)]
    pub fn push_chunk(&mut self, row: usize, chunk: &[u8; CHUNK], len: usize) {
        let Data::Text(texts) = &self.data else { return };
        if texts.rows() != row {
            self.fill(row);
        }
        if let Data::Text(texts) = &mut self.data {
            texts.push_chunk(chunk, len);
        }
    }

    /// Writes `text`, which must be UTF-8, as the text of `row`.
    pub fn push_text(&mut self, row: usize, text: &[u8]) {
        if self.len() < row {
            self.fill(row);
        }
        if let Data::Text(texts) = &mut self.data {
            texts.push(text);
        }
    }

    #[inline(always)]
    pub fn push_decimal(&mut self, row: usize, value: i128) {
        let Data::Decimal(values) = &self.data else { return };
        if values.len() != row {
            self.fill(row);
        }
        if let Data::Decimal(values) = &mut self.data {
            raw::fetch_room(values);
            values.push(value);
        }
    }

    #[inline(always)]
    pub fn push_time(&mut self, row: usize, seconds: i64) {
        let Data::Wide(values) = &self.data else { return };
        if values.len() != row {
            self.fill(row);
        }
        if let Data::Wide(values) = &mut self.data {
            values.push(seconds);
        }
    }

    /// Writes a whole number or a date.
    pub fn push_narrow(&mut self, row: usize, number: i32) {
        if self.len() < row {
            self.fill(row);
        }
        if let Data::Narrow(values) = &mut self.data {
            values.push(number);
        }
    }

    /// Writes a value of the column's own kind; NULL is what an unwritten row is.
    pub fn push(&mut self, row: usize, value: &Value<'_>) {
        match value {
            Value::Null => {}
            Value::Text(text) => self.push_text(row, text.as_bytes()),
            Value::Decimal(units) => self.push_decimal(row, *units),
            Value::Time(seconds) => self.push_time(row, *seconds),
            Value::Int(number) | Value::Date(number) => self.push_narrow(row, *number),
        }
    }

    /// One bit a row, for the rows at hand.
    fn nulls(&mut self) -> Option<NullBuffer> {
        let mut nulls = NullBufferBuilder::new(self.len());
        let mut at = 0;
        for gap in self.gaps.drain(..) {
            nulls.append_n_non_nulls(gap.start - at);
            nulls.append_n_nulls(gap.len());
            at = gap.end;
        }
        nulls.append_n_non_nulls(self.len() - at);
        nulls.build()
    }

    /// The column with `rows` rows; the builder is empty afterwards.
    pub fn finish(&mut self, rows: usize) -> ArrayRef {
        if self.len() < rows {
            self.fill(rows);
        }
        let nulls = self.nulls();
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
        column.push_text(1, long);
        column.push_text(3, b"gone");
        column.truncate(2);
        assert!(!column.has(0) && column.has(1) && !column.has(3));
        column.push_text(2, b"kept");
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
