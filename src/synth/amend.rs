//! What becomes of a message afterwards, as another message: reversed and
//! billed again, told anew, deleted, uploaded twice.

use crate::base::time::Civil;

use super::city::City;
use super::model::Bill;
use super::model::Doc;
use super::model::Own;
use super::model::Split;
use super::model::Told;

/// One step of what becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amended {
    /// A negative bill that names the bill.
    Reversal,
    /// The same bill again under another number.
    Again,
    /// The same message, changed later.
    Touched,
    Deleted,
    /// The same upload under another number.
    SecondUpload,
}

impl Amended {
    /// Whether it is told as of a time of its own; other versions keep the message's.
    pub(super) fn has_own_time(self) -> bool {
        matches!(self, Self::Reversal | Self::Again)
    }

    /// The message `number`, so many seconds after `doc`.
    pub(super) fn of(self, city: &City, doc: &Doc, number: u64, after: i64) -> Doc {
        match (self, doc) {
            (Self::Reversal, Doc::Bill(bill)) => Doc::Bill(reversal(city, bill, number, bill.time.plus_seconds(after))),
            (Self::Again, Doc::Bill(bill)) => Doc::Bill(Bill { number, time: bill.time.plus_seconds(after), ..bill.clone() }),
            (Self::SecondUpload, Doc::Bill(bill)) => {
                let mut second = Bill { number, ..bill.clone() };
                second.own.push(upload(city, bill));
                Doc::Bill(second)
            }
            _ => self.version(doc, after),
        }
    }

    fn version(self, doc: &Doc, after: i64) -> Doc {
        let mut doc = doc.clone();
        let (own, time): (&mut Own, Civil) = match &mut doc {
            Doc::Bill(bill) => (&mut bill.own, bill.time),
            Doc::Prescription(rx) => (&mut rx.own, rx.time),
        };
        own.push(("updt_time", Told::Time(time.plus_seconds(after))));
        if self == Self::Deleted {
            own.push(("vali_flag", text("0")));
        }
        doc
    }
}

fn text(value: &str) -> Told {
    Told::Text(value.to_owned())
}

/// The sender's own number of a bill.
pub(super) fn upload(city: &City, bill: &Bill) -> (&'static str, Told) {
    ("medins_setl_id", Told::Text(format!("MS{}", bill.id(city))))
}

fn reversal(city: &City, bill: &Bill, number: u64, time: Civil) -> Bill {
    let mut back = Bill { number, time, first_line: bill.first_line + 5000, ..bill.clone() };
    back.own.push(("init_setl_id", Told::Text(bill.id(city).to_string())));
    back.own.push(("refd_setl_flag", text("1")));
    for line in &mut back.lines {
        (line.count, line.discount, line.refunds) = (-line.count, -line.discount, None);
        if let Split::OverLimit(excess) = &mut line.split {
            *excess = -*excess;
        }
    }
    back
}

/// The steps, in order, of what becomes of a message, drawn by `hash`;
/// whoever bought something may bring it back, and other bills come again.
pub(super) fn steps(doc_is_prescription: bool, bought: bool, hash: u64) -> &'static [Amended] {
    match (doc_is_prescription, hash % 4) {
        (true, 0 | 1) | (false, 0) => &[Amended::Touched],
        (_, 3) => &[Amended::Deleted, Amended::Touched],
        (true, _) => &[Amended::Touched, Amended::Touched],
        (false, 1) => &[Amended::SecondUpload],
        (false, _) if bought => &[Amended::Reversal],
        (false, _) => &[Amended::Reversal, Amended::Again],
    }
}
