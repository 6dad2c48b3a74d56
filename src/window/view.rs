//! The sums of one group over one pane, as judges read them.

use std::collections::BTreeMap;

use super::group::Overflow;
use super::group::Row;
use super::group::RowKey;
use super::group::Text;
use super::group::plus;
use super::group::put;

/// Sums of a unit by cell of the baseline; `None` holds its unmatched cases.
/// Expected values are sums over the cells: Σ n·μ, Σ n·v, Σ μ·value.
pub type Cells = BTreeMap<Option<Text>, Row>;

/// The sums of one institution over one pane, for one definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    rows: BTreeMap<RowKey, Row>,
}

impl Group {
    pub(super) fn add(&mut self, rows: &BTreeMap<RowKey, Row>) -> Result<(), Overflow> {
        for (key, row) in rows {
            let sum = plus(self.rows.get(key), row)?;
            put(&mut self.rows, key.clone(), sum);
        }
        Ok(())
    }

    /// By department, doctor and cell; no row is zero in all its sums.
    pub fn rows(&self) -> &BTreeMap<RowKey, Row> {
        &self.rows
    }

    /// All cases were retracted, or there never was one.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Of all cases.
    pub fn institution(&self) -> Result<Cells, Overflow> {
        let mut units = self.units(|_| Some(()))?;
        Ok(units.remove(&()).unwrap_or_default())
    }

    /// Of each department, over its doctors; cases without one are in none.
    pub fn departments(&self) -> Result<BTreeMap<Text, Cells>, Overflow> {
        self.units(|key| key.department.clone())
    }

    /// Of each doctor, over the departments; cases without one are in none.
    pub fn doctors(&self) -> Result<BTreeMap<Text, Cells>, Overflow> {
        self.units(|key| key.doctor.clone())
    }

    fn units<U: Ord>(&self, unit: impl Fn(&RowKey) -> Option<U>) -> Result<BTreeMap<U, Cells>, Overflow> {
        let mut units: BTreeMap<U, Cells> = BTreeMap::new();
        for (key, row) in &self.rows {
            let Some(unit) = unit(key) else { continue };
            let cells = units.entry(unit).or_default();
            let sum = plus(cells.get(&key.cell), row)?;
            put(cells, key.cell.clone(), sum);
        }
        units.retain(|_, cells| !cells.is_empty());
        Ok(units)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::group::Measure;
    use crate::window::group::Sums;

    #[test]
    fn units_are_folds_of_the_same_rows() {
        let text = |text: &str| (!text.is_empty()).then(|| Text::from(text));
        let of = |value: i64| Sums::of(Measure::new(value, value, None));
        let mut rows = BTreeMap::new();
        for (department, doctor, cell, value) in
            [("A", "x", "c1", 1), ("A", "y", "c1", 2), ("A", "y", "", 4), ("B", "x", "c1", 8), ("", "", "c2", 16)]
        {
            let key = RowKey { department: text(department), doctor: text(doctor), cell: text(cell) };
            rows.insert(key, Row::from([of(value)]));
        }
        let mut group = Group::default();
        group.add(&rows).unwrap();
        let told = |cells: &Cells| {
            cells
                .iter()
                .map(|(cell, row)| format!("{}:{}/{}", cell.as_deref().unwrap_or("-"), row[0].value, row[0].n))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let units = |units: BTreeMap<Text, Cells>| units.iter().map(|(unit, cells)| format!("{unit} {}", told(cells))).collect::<Vec<_>>();
        assert_eq!(told(&group.institution().unwrap()), "-:4/1 c1:11/3 c2:16/1");
        assert_eq!(units(group.departments().unwrap()), ["A -:4/1 c1:3/2", "B c1:8/1"]);
        assert_eq!(units(group.doctors().unwrap()), ["x c1:9/2", "y -:4/1 c1:2/1"]);
        assert!(Group::default().institution().unwrap().is_empty());
    }
}
