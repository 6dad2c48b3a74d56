//! What several fields of an event say together: online or not, the setting
//! of care, the net quantity of a line.

use arrow::array::Array as _;
use arrow::array::ArrayRef;
use arrow::array::Date32Array;
use arrow::array::Decimal128Array;
use arrow::array::Int32Array;
use arrow::array::StringArray;
use arrow::array::TimestampSecondArray;
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;

/// Columns of one decoded table, by name; absent ones read as NULL.
pub struct Table<'a> {
    batch: &'a RecordBatch,
}

/// Text of a column, or of no column.
#[derive(Clone, Copy, Default)]
pub struct Texts<'a>(Option<&'a StringArray>);

impl<'a> Texts<'a> {
    pub fn get(&self, row: usize) -> Option<&'a str> {
        self.0.filter(|array| array.is_valid(row)).map(|array| array.value(row))
    }

    pub fn is(&self, row: usize, text: &str) -> bool {
        self.get(row) == Some(text)
    }
}

/// Decimals of a column, in units of its scale.
#[derive(Clone, Copy)]
pub struct Numbers<'a>(Option<&'a Decimal128Array>);

impl Numbers<'_> {
    pub fn get(&self, row: usize) -> Option<i64> {
        self.0.filter(|array| array.is_valid(row)).and_then(|array| i64::try_from(array.value(row)).ok())
    }
}

/// Civil seconds of a column.
#[derive(Clone, Copy)]
pub struct Times<'a>(Option<&'a TimestampSecondArray>);

impl Times<'_> {
    pub fn get(&self, row: usize) -> Option<i64> {
        self.0.filter(|array| array.is_valid(row)).map(|array| array.value(row))
    }
}

/// Days since 1970-01-01 of a column.
#[derive(Clone, Copy)]
pub struct Days<'a>(Option<&'a Date32Array>);

impl Days<'_> {
    pub fn get(&self, row: usize) -> Option<i32> {
        self.0.filter(|array| array.is_valid(row)).map(|array| array.value(row))
    }
}

impl<'a> Table<'a> {
    pub fn new(batch: &'a RecordBatch) -> Self {
        Self { batch }
    }

    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    pub fn array(&self, name: &str) -> Option<&'a ArrayRef> {
        self.batch.column_by_name(name)
    }

    fn typed<T: 'static>(&self, name: &str) -> Option<&'a T> {
        self.array(name).and_then(|array| array.as_any().downcast_ref())
    }

    pub fn texts(&self, name: &str) -> Texts<'a> {
        Texts(self.typed(name))
    }

    pub fn numbers(&self, name: &str) -> Numbers<'a> {
        Numbers(self.typed(name))
    }

    /// A whole number of a column; `None` also where it is none.
    pub fn integer(&self, name: &str, row: usize) -> Option<i32> {
        let array: &Int32Array = self.typed(name)?;
        array.is_valid(row).then(|| array.value(row))
    }

    pub fn times(&self, name: &str) -> Times<'a> {
        Times(self.typed(name))
    }

    pub fn days(&self, name: &str) -> Days<'a> {
        Days(self.typed(name))
    }
}

/// Whether an event was online, from signals that may be absent or conflict:
/// the business type (02 online, 01 in person), the number of an online
/// identity check, an item that is only billed online.
///
/// A bill without any signal is in person, because feeds without the
/// extension have none; a prescription has a business type by the standard,
/// so one without is unknown.
pub fn online(biz_type: Option<&str>, auth_no: bool, online_item: bool, is_bill: bool) -> Option<bool> {
    let sign = auth_no || online_item;
    match biz_type {
        Some("02") => Some(true),
        Some("01") if sign => None,
        Some("01") => Some(false),
        Some(_) => None,
        None if sign => Some(true),
        None => is_bill.then_some(false),
    }
}

/// The setting that a medical category means. Codes have prefix semantics and
/// local tails; `None` for one that no prefix explains.
pub fn setting(med_type: Option<&str>, otp_ipt_flag: Option<&str>) -> Option<&'static str> {
    let by_type = med_type.and_then(|code| {
        let known = match code.get(..2)? {
            "12" if code.starts_with("120") => "emergency",
            "12" => "registration",
            "11" | "15" | "16" | "81" => "outpatient",
            "13" => "emergency",
            "14" | "99" => "chronic",
            "28" => "day_surgery",
            "21" | "22" | "23" | "24" | "25" | "26" | "27" => "inpatient",
            "41" => "pharmacy",
            "51" => "maternity_outpatient",
            "52" => "maternity_inpatient",
            "71" => "home_bed",
            "61" => "other",
            _ => return None,
        };
        Some(known)
    });
    match (otp_ipt_flag, by_type) {
        (Some("2"), Some(known @ ("day_surgery" | "maternity_inpatient"))) => Some(known),
        (Some("2"), _) => Some("inpatient"),
        (Some("1"), None | Some("inpatient")) => Some("outpatient"),
        (_, known) => known,
    }
}

/// Settings in which a person was seen in person, for earlier contact.
pub fn is_care(setting: Option<&str>) -> bool {
    matches!(
        setting,
        Some(
            "outpatient"
                | "emergency"
                | "inpatient"
                | "day_surgery"
                | "chronic"
                | "home_bed"
                | "maternity_outpatient"
                | "maternity_inpatient"
        )
    )
}

/// Settings in which drugs are used where they are given.
pub fn is_stay(setting: &str) -> bool {
    matches!(setting, "inpatient" | "day_surgery" | "maternity_inpatient")
}

/// A line of the run and a later one of the same message that refunds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund {
    pub original: usize,
    pub row: usize,
}

/// Refund lines of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refunds {
    /// Of lines of their own message.
    pub within: Vec<Refund>,
    /// Rows that name a line which their message does not have.
    pub elsewhere: Vec<usize>,
    /// How many name none.
    pub unnamed: u64,
}

/// Finds the refunds among the lines `rows` of one message.
///
/// A refund line carries a negative quantity, or where that is not told a
/// negative amount, and the number of its original.
pub fn refunds(
    rows: std::ops::Range<usize>,
    keys: Texts<'_>,
    originals: Texts<'_>,
    quantities: Numbers<'_>,
    amounts: Numbers<'_>,
    out: &mut Refunds,
) {
    let is_refund = |row: &usize| quantities.get(*row).or_else(|| amounts.get(*row)).is_some_and(|part| part < 0);
    if !rows.clone().any(|row| is_refund(&row)) {
        return;
    }
    let by_key: HashMap<&str, usize> = rows.clone().filter_map(|row| Some((keys.get(row)?, row))).collect();
    for row in rows.filter(is_refund) {
        let Some(key) = originals.get(row) else {
            out.unnamed += 1;
            continue;
        };
        match by_key.get(key) {
            Some(original) if *original == row => out.unnamed += 1,
            Some(original) => out.within.push(Refund { original: *original, row }),
            None => out.elsewhere.push(row),
        }
    }
}

/// What is left of each line's value after its refunds; unknown where a refund
/// does not say its part, or says one of the wrong sign.
pub fn net(count: usize, values: Numbers<'_>, refunds: &[Refund]) -> Vec<Option<i64>> {
    let mut net: Vec<Option<i64>> = (0..count).map(|row| values.get(row)).collect();
    for refund in refunds {
        let part = values.get(refund.row).filter(|part| *part <= 0);
        net[refund.original] = net[refund.original].zip(part).map(|(left, part)| left + part);
    }
    net
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::stratum::SETTING_WORDS;

    #[test]
    fn online_needs_signals_that_agree() {
        for (biz, auth, item, bill, expect) in [
            (Some("02"), false, false, false, Some(true)),
            (Some("01"), false, false, false, Some(false)),
            (Some("01"), true, false, false, None),
            (Some("01"), false, true, true, None),
            (None, true, false, false, Some(true)),
            (None, false, false, false, None),
            (None, false, false, true, Some(false)),
            (None, false, true, true, Some(true)),
            (Some("03"), false, false, true, None),
        ] {
            assert_eq!(online(biz, auth, item, bill), expect, "{biz:?} {auth} {item} {bill}");
        }
    }

    #[test]
    fn settings_follow_prefixes() {
        for (code, flag, expect) in [
            (Some("11"), None, Some("outpatient")),
            (Some("140104"), None, Some("chronic")),
            (Some("9901"), None, Some("chronic")),
            (Some("210104"), None, Some("inpatient")),
            (Some("28"), Some("2"), Some("day_surgery")),
            (Some("120"), None, Some("emergency")),
            (Some("12"), None, Some("registration")),
            (Some("88"), None, None),
            (None, None, None),
            (None, Some("1"), Some("outpatient")),
            (Some("21"), Some("1"), Some("outpatient")),
            (Some("13"), Some("1"), Some("emergency")),
        ] {
            assert_eq!(setting(code, flag), expect, "{code:?} {flag:?}");
        }
    }

    #[test]
    fn baselines_know_every_setting() {
        let codes = (0..100).map(|code| format!("{code:02}")).chain(["120".to_owned()]);
        for told in codes.filter_map(|code| setting(Some(&code), None)) {
            assert!(SETTING_WORDS.iter().any(|(word, ())| *word == told), "{told}");
        }
    }

    #[test]
    fn refunds_are_netted_with_the_line_they_name() {
        let text = |values: Vec<Option<&str>>| StringArray::from(values);
        let keys = text(vec![Some("1"), Some("2"), Some("3"), Some("4")]);
        let originals = text(vec![None, None, Some("1"), Some("9")]);
        let quantities = Decimal128Array::from(vec![Some(30_000), Some(10_000), Some(-30_000), Some(-10_000)]);
        let mut found = Refunds::default();
        refunds(0..4, Texts(Some(&keys)), Texts(Some(&originals)), Numbers(Some(&quantities)), Numbers(None), &mut found);
        assert_eq!(found, Refunds { within: vec![Refund { original: 0, row: 2 }], elsewhere: vec![3], unnamed: 0 });
        let found = found.within;
        assert_eq!(net(4, Numbers(Some(&quantities)), &found), [Some(0), Some(10_000), Some(-30_000), Some(-10_000)]);
        for (refunded, left) in [(Some(-500), Some(1_000)), (None, None), (Some(500), None)] {
            let amounts = Decimal128Array::from(vec![Some(1_500), Some(700), refunded, Some(-700)]);
            assert_eq!(net(4, Numbers(Some(&amounts)), &found)[0], left, "{refunded:?}");
        }
    }

    #[test]
    fn a_refund_without_a_quantity_is_known_by_its_amount() {
        let keys = StringArray::from(vec![Some("1"), Some("2")]);
        let originals = StringArray::from(vec![None, Some("1")]);
        for (quantities, amounts, refund, left) in [
            ([Some(30_000), None], [Some(1_500), Some(-500)], true, [None, Some(1_000)]),
            ([None, Some(-10_000)], [Some(1_500), Some(-500)], true, [None, Some(1_000)]),
            ([Some(30_000), Some(10_000)], [Some(1_500), Some(-500)], false, [Some(30_000), Some(1_500)]),
            ([Some(30_000), None], [Some(1_500), None], false, [Some(30_000), Some(1_500)]),
        ] {
            let (quantities, amounts) = (Decimal128Array::from(quantities.to_vec()), Decimal128Array::from(amounts.to_vec()));
            let (quantities, amounts) = (Numbers(Some(&quantities)), Numbers(Some(&amounts)));
            let mut found = Refunds::default();
            refunds(0..2, Texts(Some(&keys)), Texts(Some(&originals)), quantities, amounts, &mut found);
            assert_eq!((found.within.len(), found.elsewhere.len(), found.unnamed), (usize::from(refund), 0, 0));
            assert_eq!([quantities, amounts].map(|values| net(2, values, &found.within)[0]), left);
        }
    }
}
