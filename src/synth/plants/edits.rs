//! What many planted bills have in common: how the line that a case is about
//! is paid, refunded or told.

use super::TruthKey;
use super::billing::take_back;
use super::billing::take_back_part;
use crate::synth::model::Bill;
use crate::synth::model::Pay;
use crate::synth::model::Prescription;
use crate::synth::model::Split;
use crate::synth::model::Told;
use crate::synth::stage::Stage;

/// Changes a bill whose case is the line at a place.
pub(super) type Edit = fn(&mut Bill, usize);

/// Puts the bill; the case is the line that is last before `edit`.
pub(super) fn put_line(s: &mut Stage, mut bill: Bill, edit: Edit) -> Option<TruthKey> {
    let place = bill.lines.len() - 1;
    edit(&mut bill, place);
    let key = s.line_key(&bill, place);
    s.put_bill(bill);
    Some(key)
}

/// Puts the bill, which is the case.
pub(super) fn put_whole(s: &mut Stage, bill: Bill) -> Option<TruthKey> {
    let key = s.settlement_key(&bill);
    s.put_bill(bill);
    Some(key)
}

pub(super) fn text(value: &str) -> Told {
    Told::Text(value.to_owned())
}

/// Lets the bill's header tell a field in its own way.
pub(super) fn head(bill: &mut Bill, field: &'static str, told: Told) {
    bill.own.push((field, told));
}

/// Lets a line tell a field in its own way.
pub(super) fn line(bill: &mut Bill, place: usize, field: &'static str, told: Told) {
    bill.lines[place].own.push((field, told));
}

/// Lets the prescription's header tell a field in its own way.
pub(super) fn written(rx: &mut Prescription, field: &'static str, told: Told) {
    rx.own.push((field, told));
}

pub(super) fn as_it_is(_: &mut Bill, _: usize) {}

pub(super) fn self_paid(bill: &mut Bill, place: usize) {
    bill.lines[place].split = Split::SelfPaid;
}

pub(super) fn from_account(bill: &mut Bill, _: usize) {
    bill.pay = Pay::Account;
}

pub(super) fn from_relative(bill: &mut Bill, _: usize) {
    bill.pay = Pay::Relative;
}

pub(super) fn taken_back(bill: &mut Bill, place: usize) {
    take_back(bill, place);
}

/// Two units, of which one goes back.
pub(super) fn half_taken_back(bill: &mut Bill, place: usize) {
    bill.lines[place].count = 2;
    take_back_part(bill, place, 1);
}

/// Claimed at the counter, by the person.
pub(super) fn claimed(bill: &mut Bill, _: usize) {
    head(bill, "manl_reim_rea", text("1"));
}

pub(super) fn no_code(bill: &mut Bill, place: usize) {
    line(bill, place, "med_list_codg", Told::Absent);
}

pub(super) fn no_kind(bill: &mut Bill, place: usize) {
    line(bill, place, "list_type", Told::Absent);
}

/// Neither what is within the scope of insurance nor what is self-paid is told.
pub(super) fn no_split(bill: &mut Bill, place: usize) {
    line(bill, place, "inscp_scp_amt", Told::Absent);
    line(bill, place, "fulamt_ownpay_amt", Told::Absent);
}
