//! Everything the tables know about one item of a bill or a prescription,
//! resolved once per distinct item and then asked by day.

use std::sync::Arc;

use crate::reference::code;
use crate::reference::drug_master::DrugMasterRow;
use crate::reference::drug_master::FormGroup;
use crate::reference::knowledge::PointKind;
use crate::reference::knowledge::Points;
use crate::reference::special_drug::Classes;
use crate::reference::special_drug::SpecialClass;
use crate::reference::validity::Dated;
use crate::reference::validity::as_of;

/// An item with all its dated entries. Costs a few lookups to make and a few
/// comparisons to ask: keep it, keyed by (code, name, form).
#[derive(Debug)]
pub struct Item {
    pub(super) code: Option<String>,
    pub(super) classes: Classes,
    /// The class where no entry is in force.
    pub(super) otherwise: Option<SpecialClass>,
    pub(super) points: Points,
    pub(super) master: Vec<Dated<Arc<DrugMasterRow>>>,
}

/// What holds for an item on one day. `None` is unknown throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ItemFacts<'a> {
    /// `NotSpecial` is a statement; `None` is unclassified or without code and name.
    pub special_class: Option<SpecialClass>,
    /// 1 men only, 2 women only, 0 no published point; `None` without a code.
    pub sex_limit: Option<u8>,
    pub child_only: Option<bool>,
    pub delivery_item: Option<bool>,
    pub online_item: Option<bool>,
    /// Place in [`AGES`](crate::reference::knowledge::AGES).
    pub service_age: Option<u8>,
    pub inpatient_only: Option<bool>,
    /// The least band of institution, 2 or 3; 0 no published point.
    pub level_min: Option<u8>,
    /// Place in [`INSURANCES`](crate::reference::knowledge::INSURANCES).
    pub insurance_limit: Option<u8>,
    /// The master's ingredient, else the ingredient part of the code.
    pub substance: Option<&'a str>,
    pub form_group: Option<FormGroup>,
    pub master: Option<&'a DrugMasterRow>,
}

impl Item {
    /// `day`: days since 1970-01-01.
    pub fn at(&self, day: i64) -> ItemFacts<'_> {
        let code = self.code.as_deref();
        let point = |kind: PointKind| {
            code?;
            let found = self.points.iter().find(|(own, dated)| *own == kind && dated.validity.holds(day));
            Some(found.map(|(_, dated)| dated.value))
        };
        let listed = |kind| point(kind).map(|value| value.is_some());
        let master = as_of(&self.master, day).map(Arc::as_ref);
        ItemFacts {
            special_class: as_of(&self.classes, day).copied().unwrap_or(self.otherwise),
            sex_limit: point(PointKind::Sex).map(Option::unwrap_or_default),
            child_only: listed(PointKind::Child),
            delivery_item: listed(PointKind::DeliveryFee),
            online_item: listed(PointKind::OnlineItem),
            service_age: point(PointKind::ServiceAge).map(Option::unwrap_or_default),
            inpatient_only: listed(PointKind::Inpatient),
            level_min: point(PointKind::Level).map(Option::unwrap_or_default),
            insurance_limit: point(PointKind::Insurance).map(Option::unwrap_or_default),
            substance: master.and_then(|row| row.substance.as_deref()).or_else(|| code.and_then(code::ingredient)),
            form_group: master.and_then(|row| row.form_group).or_else(|| code.and_then(FormGroup::of_code)),
            master,
        }
    }
}
