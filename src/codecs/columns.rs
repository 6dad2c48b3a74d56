//! Column buffers that a decoder can write to, take a row back from, and turn
//! into Arrow arrays.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Date32Array;
use arrow::array::Decimal128Array;
use arrow::array::Int32Array;
use arrow::array::NullBufferBuilder;
use arrow::array::StringArray;
use arrow::array::TimestampSecondArray;
use arrow::buffer::Buffer;
use arrow::buffer::OffsetBuffer;
use arrow::buffer::ScalarBuffer;

use crate::codecs::scalar;
use crate::codecs::scalar::Value;
use crate::events::Kind;

/// Values of one column. Rows that nothing was written to are NULL: they are
/// filled up when a later row is written or when the column is finished, so a
/// column that no message has costs nothing.
pub(crate) struct ColumnBuilder {
    kind: Kind,
    data: Data,
    nulls: NullBufferBuilder,
}

enum Data {
    /// Text, and for each row where it ends.
    Text(Vec<u8>, Vec<i32>),
    Decimal(Vec<i128>),
    Narrow(Vec<i32>),
    Wide(Vec<i64>),
}

impl ColumnBuilder {
    pub fn new(kind: Kind) -> Self {
        let data = match kind {
            Kind::Text => Data::Text(Vec::new(), Vec::new()),
            Kind::Amount | Kind::Quantity | Kind::Price | Kind::Rate => Data::Decimal(Vec::new()),
            Kind::Int | Kind::Date | Kind::Flag => Data::Narrow(Vec::new()),
            Kind::Time => Data::Wide(Vec::new()),
        };
        Self { kind, data, nulls: NullBufferBuilder::new(0) }
    }

    /// Whether `row` was written and is not NULL.
    #[inline]
    pub fn has(&self, row: usize) -> bool {
        row < self.nulls.len() && self.nulls.is_valid(row)
    }

    /// The text of a row that [`has`](Self::has) one.
    pub fn text(&self, row: usize) -> &[u8] {
        match &self.data {
            Data::Text(text, ends) => {
                let start = if row == 0 { 0 } else { ends[row - 1] as usize };
                &text[start..ends[row] as usize]
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

    /// Makes rows up to, not including, `row` NULL where nothing was written.
    #[inline]
    fn fill(&mut self, row: usize) {
        if self.nulls.len() < row {
            self.fill_some(row);
        }
        debug_assert_eq!(self.nulls.len(), row);
    }

    #[cold]
    fn fill_some(&mut self, row: usize) {
        self.nulls.append_n_nulls(row - self.nulls.len());
        match &mut self.data {
            Data::Text(text, ends) => ends.resize(row, text.len() as i32),
            Data::Decimal(values) => values.resize(row, 0),
            Data::Narrow(values) => values.resize(row, 0),
            Data::Wide(values) => values.resize(row, 0),
        }
    }

    /// Takes back every row from `row` on.
    pub fn truncate(&mut self, row: usize) {
        if self.nulls.len() <= row {
            return;
        }
        self.nulls.truncate(row);
        match &mut self.data {
            Data::Text(text, ends) => {
                ends.truncate(row);
                text.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Data::Decimal(values) => values.truncate(row),
            Data::Narrow(values) => values.truncate(row),
            Data::Wide(values) => values.truncate(row),
        }
    }

    /// Writes `bytes[start..end]`, which must be UTF-8, as the text of `row`.
    #[inline]
    pub fn push_text(&mut self, row: usize, bytes: &[u8], start: usize, end: usize) {
        /// Copied whole and cut, which is quicker than a copy of the right length.
        const CHUNK: usize = 32;
        self.fill(row);
        let Data::Text(text, ends) = &mut self.data else { return };
        let len = text.len() + (end - start);
        match bytes[start..].first_chunk::<CHUNK>() {
            Some(chunk) if end - start <= CHUNK => {
                text.extend_from_slice(chunk);
                text.truncate(len);
            }
            _ => text.extend_from_slice(&bytes[start..end]),
        }
        assert!(len <= i32::MAX as usize, "a run holds less than 2 GiB of one column");
        ends.push(len as i32);
        self.nulls.append_non_null();
    }

    #[inline]
    pub fn push_decimal(&mut self, row: usize, value: i128) {
        self.fill(row);
        if let Data::Decimal(values) = &mut self.data {
            values.push(value);
            self.nulls.append_non_null();
        }
    }

    #[inline]
    pub fn push_time(&mut self, row: usize, seconds: i64) {
        self.fill(row);
        if let Data::Wide(values) = &mut self.data {
            values.push(seconds);
            self.nulls.append_non_null();
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
                self.fill(row);
                if let Data::Narrow(values) = &mut self.data {
                    values.push(*number);
                    self.nulls.append_non_null();
                }
            }
        }
    }

    /// The column with `rows` rows; the builder is empty afterwards.
    pub fn finish(&mut self, rows: usize) -> ArrayRef {
        if self.nulls.len() < rows {
            self.fill_some(rows);
        }
        let nulls = self.nulls.finish();
        match &mut self.data {
            Data::Text(text, ends) => {
                let mut offsets = Vec::with_capacity(ends.len() + 1);
                offsets.push(0);
                offsets.append(ends);
                let room = text.len();
                let values = Buffer::from_vec(std::mem::replace(text, Vec::with_capacity(room)));
                let array = StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(offsets)), values, nulls);
                Arc::new(array.expect("texts are slices of checked UTF-8"))
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

/// The values, leaving a buffer that has room for as many again.
fn take<T: arrow::datatypes::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let room = values.len();
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
