//! The rows of one run while they are being decoded: written by either
//! decoder, judged by one function, taken back whole.

use std::sync::Arc;

use arrow::array::RecordBatchOptions;
use arrow::record_batch::RecordBatch;

use crate::base::limits::LINES_MAX;
use crate::base::time::Civil;
use crate::codecs::DecodeCounts;
use crate::codecs::Decoded;
use crate::codecs::FieldFault;
use crate::codecs::Reject;
use crate::codecs::RejectClass;
use crate::codecs::columns::ColumnBuilder;
use crate::codecs::plan::Plan;

/// Table 0 is the header, table `n + 1` the child `n`.
pub(crate) struct Rows {
    pub plan: Arc<Plan>,
    pub tables: Vec<TableRows>,
    /// Per child: the header row of each of its rows.
    parents: Vec<Vec<u32>>,
    /// Rows of each table before the message at hand, or the one last accepted.
    marks: Vec<usize>,
    /// Of the message at hand, or the one last accepted.
    pub faults: Vec<(usize, usize, FieldFault)>,
    pub unknown_fields: u64,
    counts: DecodeCounts,
    can_undo: bool,
}

pub(crate) struct TableRows {
    pub columns: Vec<ColumnBuilder>,
    /// Rows that are complete; the next is being written.
    pub rows: usize,
}

impl Rows {
    pub fn new(plan: Arc<Plan>) -> Self {
        let tables: Vec<_> = plan
            .tables
            .iter()
            .map(|table| TableRows { columns: table.columns.iter().map(|c| ColumnBuilder::new(c.kind)).collect(), rows: 0 })
            .collect();
        Self {
            parents: vec![Vec::new(); tables.len() - 1],
            marks: vec![0; tables.len()],
            faults: Vec::new(),
            unknown_fields: 0,
            counts: DecodeCounts::default(),
            can_undo: false,
            tables,
            plan,
        }
    }

    pub fn len(&self) -> usize {
        self.tables[0].rows
    }

    /// Starts a message.
    pub fn begin(&mut self) {
        for (mark, table) in self.marks.iter_mut().zip(&self.tables) {
            *mark = table.rows;
        }
        self.faults.clear();
        self.unknown_fields = 0;
        self.can_undo = false;
    }

    /// Takes back whatever was written since [`begin`](Self::begin).
    pub fn roll_back(&mut self) {
        for table_idx in 0..self.tables.len() {
            self.roll_back_table(table_idx);
        }
        self.faults.clear();
        self.unknown_fields = 0;
    }

    /// Takes back the message's rows of one table.
    pub fn roll_back_table(&mut self, table_idx: usize) {
        let mark = self.marks[table_idx];
        let table = &mut self.tables[table_idx];
        table.columns.iter_mut().for_each(|column| column.truncate(mark));
        table.rows = mark;
    }

    /// Why the message written since [`begin`](Self::begin) cannot be used,
    /// else its event time. `line_key` is what the decoder has against its lines.
    pub fn verdict(&self, line_key: Option<Reject>) -> Result<Civil, Reject> {
        let plan = &self.plan;
        let row = self.marks[0];
        let header = &self.tables[0].columns;
        let need = |idx: usize, class: RejectClass| match header[idx].has(row) {
            true => Ok(()),
            false => Err(Reject::new(class, self.why_missing(0, idx))),
        };
        if self.tables.iter().zip(&self.marks).skip(1).any(|(table, mark)| table.rows - mark > LINES_MAX) {
            return Err(Reject::new(RejectClass::TooLarge, format!("more than {LINES_MAX} lines")));
        }
        for idx in &plan.business_id {
            need(*idx, RejectClass::NoBusinessId)?;
        }
        need(plan.person, RejectClass::NoPerson)?;
        need(plan.event_time, RejectClass::EventTime)?;
        if let Some(total) = plan.total {
            need(total, RejectClass::Total)?;
        }
        if let Some(reject) = line_key {
            return Err(reject);
        }
        for (child_idx, key) in plan.keys.iter().enumerate() {
            if let Some(key) = *key {
                self.check_keys(child_idx + 1, key)?;
            }
        }
        Ok(header[plan.event_time].time(row).map_or(Civil::MIN, Civil))
    }

    fn why_missing(&self, table_idx: usize, column_idx: usize) -> String {
        let name = self.plan.tables[table_idx].columns[column_idx].name;
        let fault = self.faults.iter().find(|(table, column, _)| (*table, *column) == (table_idx, column_idx));
        format!("{name}: {}", fault.map_or("missing", |(_, _, fault)| fault.name()))
    }

    /// Every row of the message has a key of its own.
    fn check_keys(&self, table_idx: usize, key: usize) -> Result<(), Reject> {
        let column = &self.tables[table_idx].columns[key];
        let rows = self.marks[table_idx]..self.tables[table_idx].rows;
        if !rows.clone().all(|row| column.has(row)) {
            return Err(Reject::new(RejectClass::LineKey, self.why_missing(table_idx, key)));
        }
        // Written in ascending order, as most feeds do, keys cannot repeat.
        let order = |row: usize| (column.text(row).len(), column.text(row));
        if rows.clone().skip(1).all(|row| order(row - 1) < order(row)) {
            return Ok(());
        }
        let mut keys: Vec<_> = rows.map(|row| column.text(row)).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            let name = self.plan.tables[table_idx].columns[key].name;
            return Err(Reject::new(RejectClass::LineKey, format!("{name}: given to two lines")));
        }
        Ok(())
    }

    /// Keeps the message written since [`begin`](Self::begin).
    pub fn accept(&mut self) {
        let row = self.tables[0].rows as u32;
        for ((parents, table), mark) in self.parents.iter_mut().zip(&self.tables[1..]).zip(&self.marks[1..]) {
            parents.resize(parents.len() + (table.rows - mark), row);
        }
        self.tables[0].rows += 1;
        self.counts.unknown_fields += self.unknown_fields;
        for place in 0..self.faults.len() {
            let key = self.fault_key(place);
            *self.counts.field_faults.entry(key).or_default() += 1;
        }
        self.can_undo = true;
    }

    fn fault_key(&self, place: usize) -> (&'static str, &'static str, FieldFault) {
        let (table_idx, column_idx, fault) = self.faults[place];
        let table = &self.plan.tables[table_idx];
        (table.name, table.columns[column_idx].name, fault)
    }

    /// Takes back the message accepted last, with its counts; does nothing if
    /// another was begun or the run was finished since.
    pub fn undo(&mut self) {
        if !std::mem::take(&mut self.can_undo) {
            return;
        }
        self.counts.unknown_fields = self.counts.unknown_fields.saturating_sub(self.unknown_fields);
        for place in 0..self.faults.len() {
            let key = self.fault_key(place);
            if let Some(count) = self.counts.field_faults.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.counts.field_faults.remove(&key);
                }
            }
        }
        self.roll_back();
        for (parents, mark) in self.parents.iter_mut().zip(&self.marks[1..]) {
            parents.truncate(*mark);
        }
    }

    pub fn finish(&mut self) -> Decoded {
        let plan = Arc::clone(&self.plan);
        let mut batches = plan.tables.iter().zip(&mut self.tables).map(|(table_plan, table)| {
            let rows = std::mem::take(&mut table.rows);
            let mut arrays = Vec::new();
            for (column_plan, column) in table_plan.columns.iter().zip(&mut table.columns) {
                match column_plan.keep {
                    true => arrays.push(column.finish(rows)),
                    false => column.truncate(0),
                }
            }
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            RecordBatch::try_new_with_options(Arc::clone(&table_plan.schema), arrays, &options).expect("columns fit their schema")
        });
        let header = batches.next().expect("table 0 is the header");
        let children = batches.collect();
        let parents = self.parents.iter_mut().map(std::mem::take).collect();
        self.marks.fill(0);
        self.can_undo = false;
        Decoded { header, children, parents }
    }

    pub fn take_counts(&mut self) -> DecodeCounts {
        // What was taken can no longer be given back by an undo.
        self.faults.clear();
        self.unknown_fields = 0;
        std::mem::take(&mut self.counts)
    }
}
