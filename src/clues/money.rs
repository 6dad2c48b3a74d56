//! What a clue says about money: the offending part, the funds' part of it,
//! and how sure that is.

use serde::Serialize;

use crate::base::decimal::Decimal;
use crate::base::decimal::divide_round;

/// 元, two places. `vola_amt` is the offending part only.
#[derive(Clone, Debug, Serialize)]
pub struct Money {
    pub vola_amt: Option<Decimal>,
    /// The funds' part of it.
    pub fund_amt: Option<Decimal>,
    /// `exact`, `estimated` or `not_computable`.
    pub vola_amt_stas: &'static str,
}

/// What is known of how a bill was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// By its items, and what lies within scope is known of the item itself.
    OfItem,
    /// By its items, and only the bill as a whole says what lies within scope.
    OfBill,
    /// By the case (DRG, DIP, bed day, head, ...) or not known how: what the
    /// funds paid does not follow from the items, so nothing is exact.
    ByCase,
}

impl Split {
    pub fn of(by_item: bool, item_known: bool) -> Self {
        match (by_item, item_known) {
            (false, _) => Self::ByCase,
            (true, true) => Self::OfItem,
            (true, false) => Self::OfBill,
        }
    }
}

/// Whether a bill is paid by its items. Without `hi_paymtd` the setting
/// decides: stays, day surgery and home beds may be paid by the case.
pub fn paid_by_item(hi_paymtd: Option<&str>, setting: Option<&str>) -> bool {
    match hi_paymtd.map(str::trim).filter(|method| !method.is_empty()) {
        Some(method) => matches!(method, "1" | "01") || method.contains("按项目"),
        None => {
            matches!(setting, Some("outpatient" | "emergency" | "registration" | "chronic" | "pharmacy" | "maternity_outpatient"))
        }
    }
}

impl Money {
    pub const NONE: Self = Self { vola_amt: None, fund_amt: None, vola_amt_stas: "not_computable" };

    /// An amount that no bill says the payers of.
    pub fn unbilled(vola: Option<Decimal>) -> Self {
        Self { vola_amt: vola.map(|amount| amount.rescale(2)), ..Self::NONE }
    }

    /// `fund_amt` = `vola_amt` times fund paid over amount within scope of the
    /// settlement, at most what the fund paid, in 分.
    pub fn of(vola: Option<Decimal>, fund_pay: Option<i64>, within_scope: Option<i64>, split: Split) -> Self {
        let Some(vola) = vola.map(|amount| amount.rescale(2)) else { return Self::NONE };
        let share = fund_pay.zip(within_scope).filter(|(_, scope)| *scope > 0).map(|(fund, scope)| {
            let fund = i128::from(fund).max(0);
            divide_round(vola.units.max(0) * fund, i128::from(scope)).min(fund)
        });
        let nothing_paid = fund_pay == Some(0);
        let fund_amt = if nothing_paid { Some(0) } else { share };
        let sure = match split {
            Split::OfItem => true,
            Split::OfBill => nothing_paid,
            Split::ByCase => false,
        };
        let status = match fund_amt {
            None => "not_computable",
            Some(_) if sure => "exact",
            Some(_) => "estimated",
        };
        Self { vola_amt: Some(vola), fund_amt: fund_amt.map(|units| Decimal::new(units, 2)), vola_amt_stas: status }
    }
}

/// Spreads a clue's amount over the items that it is about, by their weights;
/// the parts add up to it to the 分, and no part has another sign. Without
/// weights all parts are alike.
pub fn apportion(amount: Decimal, weights: &[i128]) -> Vec<Decimal> {
    let amount = amount.rescale(2);
    let weights: Vec<i128> = weights.iter().map(|weight| (*weight).max(0)).collect();
    let weights = if weights.iter().all(|weight| *weight == 0) { vec![1; weights.len()] } else { weights };
    let total: i128 = weights.iter().sum();
    let (mut before, mut given) = (0, 0);
    let part = |weight: &i128| {
        before += weight;
        let upto = amount.units * before / total;
        let part = upto - given;
        given = upto;
        Decimal::new(part, 2)
    };
    weights.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_add_up(fen in -10_000_000_i64..10_000_000, weights in prop::collection::vec(-100_i128..1_000_000, 1..8)) {
            let parts = apportion(Decimal::yuan(fen), &weights);
            prop_assert_eq!(parts.iter().map(|part| part.units).sum::<i128>(), i128::from(fen));
            prop_assert!(parts.iter().all(|part| part.scale == 2 && part.units * i128::from(fen) >= 0));
            let weighed = weights.iter().any(|weight| *weight > 0);
            prop_assert!(parts.iter().zip(&weights).all(|(part, weight)| !weighed || *weight > 0 || part.units == 0));
        }
    }

    #[test]
    fn the_funds_part_is_the_bills_share_and_at_most_what_was_paid() {
        let fen = |text: &str| -> Option<i64> { (text != "-").then(|| text.parse().unwrap()) };
        for (vola, fund_pay, scope, split, expect) in [
            ("1000", "700", "1000", Split::OfItem, "10.00 7.00 exact"),
            ("1000", "700", "1000", Split::OfBill, "10.00 7.00 estimated"),
            ("1000", "700", "1000", Split::ByCase, "10.00 7.00 estimated"),
            // A third of a 分 is none, and half of one is a whole.
            ("1", "700", "2100", Split::OfItem, "0.01 0.00 exact"),
            ("1", "700", "1400", Split::OfItem, "0.01 0.01 exact"),
            ("5000", "700", "1000", Split::OfItem, "50.00 7.00 exact"),
            ("-100", "700", "1000", Split::OfItem, "-1.00 0.00 exact"),
            ("1000", "-700", "1000", Split::OfItem, "10.00 0.00 exact"),
            ("1000", "0", "-", Split::OfBill, "10.00 0.00 exact"),
            ("1000", "0", "1000", Split::ByCase, "10.00 0.00 estimated"),
            ("1000", "700", "-", Split::OfItem, "10.00 - not_computable"),
            ("1000", "700", "0", Split::OfItem, "10.00 - not_computable"),
            ("1000", "-", "1000", Split::OfItem, "10.00 - not_computable"),
            ("-", "700", "1000", Split::OfItem, "- - not_computable"),
        ] {
            let amount = fen(vola).map(|fen| Decimal::new(i128::from(fen), 2));
            let money = Money::of(amount, fen(fund_pay), fen(scope), split);
            let text = |amount: Option<Decimal>| amount.map_or_else(|| "-".to_owned(), |amount| amount.to_string());
            let said = format!("{} {} {}", text(money.vola_amt), text(money.fund_amt), money.vola_amt_stas);
            assert_eq!(said, expect, "{vola} {fund_pay} {scope} {split:?}");
        }
    }

    /// Only a bill that is paid by its items may be exact; what is paid by the
    /// case never is, nor what is not known.
    #[test]
    fn stays_paid_by_the_case_are_never_exact() {
        for (hi_paymtd, setting, by_item) in [
            (Some("1"), Some("inpatient"), true),
            (Some("01"), None, true),
            (Some("按项目付费"), Some("inpatient"), true),
            (Some("2"), Some("inpatient"), false),
            (Some("3"), Some("inpatient"), false),
            (Some("4"), Some("inpatient"), false),
            (Some("5"), Some("inpatient"), false),
            (Some("6"), Some("outpatient"), false),
            (Some("DRG"), Some("inpatient"), false),
            (Some("CHS-DIP"), Some("day_surgery"), false),
            (Some("99"), Some("outpatient"), false),
            (Some(""), Some("outpatient"), true),
            (None, Some("outpatient"), true),
            (None, Some("emergency"), true),
            (None, Some("chronic"), true),
            (None, Some("pharmacy"), true),
            (None, Some("maternity_outpatient"), true),
            (None, Some("inpatient"), false),
            (None, Some("day_surgery"), false),
            (None, Some("maternity_inpatient"), false),
            (None, Some("home_bed"), false),
            (None, Some("other"), false),
            (None, None, false),
        ] {
            assert_eq!(paid_by_item(hi_paymtd, setting), by_item, "{hi_paymtd:?} {setting:?}");
            for item_known in [true, false] {
                let split = Split::of(by_item, item_known);
                let money = Money::of(Some(Decimal::yuan(1000)), Some(700), Some(1000), split);
                assert_eq!(money.vola_amt_stas == "exact", by_item && item_known, "{hi_paymtd:?} {setting:?} {item_known}");
            }
        }
    }
}
