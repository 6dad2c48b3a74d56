//! Totals over clues: each settlement line counts once, however many rules
//! hit it, with the greatest amount that one of them holds against it.

use std::collections::BTreeMap;

use crate::base::decimal::Decimal;
use crate::clues::money::apportion;
use crate::clues::told::Evidence;
use crate::clues::told::Finding;

/// 分.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Part {
    vola: i128,
    fund: i128,
}

impl Part {
    fn rise(&mut self, other: Self) {
        self.vola = self.vola.max(other.vola);
        self.fund = self.fund.max(other.fund);
    }
}

/// A bill: what is held against it as a whole, and against its lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bill {
    whole: Part,
    lines: BTreeMap<String, Part>,
}

/// Amounts of settlement lines. What was prescribed and not settled is no
/// money spent, and counts in no total.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By institution and settlement.
    bills: BTreeMap<(String, String), Bill>,
}

pub fn is_settlement(item: &Evidence) -> bool {
    item.event == crate::events::EVENT_TYPES[crate::events::SETTLEMENT_INPUT].name
}

/// The funds' part of each item of a clue, in the order of its evidence;
/// `None` where the item has no amount or the funds' part is not known.
pub fn fund_parts(finding: &Finding) -> Vec<Option<Decimal>> {
    let amounts: Vec<Option<i128>> = finding.evidence.iter().map(|item| item.vola_amt.map(|amount| amount.rescale(2).units)).collect();
    let Some(fund) = finding.money.fund_amt else { return vec![None; amounts.len()] };
    let weights: Vec<i128> = amounts.iter().flatten().copied().collect();
    let mut parts = apportion(fund, &weights).into_iter();
    amounts.iter().map(|amount| amount.and_then(|_| parts.next())).collect()
}

impl Totals {
    pub fn add(&mut self, finding: &Finding) {
        for (idx, fund) in fund_parts(finding).into_iter().enumerate() {
            self.add_item(&finding.evidence[idx], fund);
        }
    }

    /// `fund`: the funds' part of the item's amount, where it is known.
    pub fn add_item(&mut self, item: &Evidence, fund: Option<Decimal>) {
        let Some(vola) = item.vola_amt.filter(|_| is_settlement(item)) else { return };
        let part = Part { vola: vola.rescale(2).units, fund: fund.map_or(0, |fund| fund.rescale(2).units) };
        let key = (item.fixmedins_code.clone().unwrap_or_default(), item.id.clone());
        let bill = self.bills.entry(key).or_default();
        match &item.line {
            Some(line) => bill.lines.entry(line.clone()).or_default().rise(part),
            None => bill.whole.rise(part),
        }
    }

    /// The offending amount, and the funds' part of it as far as it is known.
    pub fn sums(&self) -> (Decimal, Decimal) {
        // What is held against a bill as a whole covers its lines.
        let of_bill = |bill: &Bill, of: fn(&Part) -> i128| of(&bill.whole).max(bill.lines.values().map(of).sum());
        let sum = |of: fn(&Part) -> i128| Decimal::new(self.bills.values().map(|bill| of_bill(bill, of)).sum(), 2);
        (sum(|part| part.vola), sum(|part| part.fund))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clues::told::Told;
    use crate::clues::told::fixture::clue;

    fn total(clues: &[Told]) -> (i128, i128) {
        let mut totals = Totals::default();
        clues.iter().for_each(|clue| totals.add(&clue.finding));
        let (vola, fund) = totals.sums();
        (vola.units, fund.units)
    }

    #[test]
    fn a_line_counts_once_whatever_number_of_rules_hit_it() {
        let whole_line = clue("1", "S1", Some(700), &[(Some("1"), 1000)]);
        let excess = clue("2", "S1", Some(140), &[(Some("1"), 200)]);
        let other_line = clue("3", "S1", None, &[(Some("2"), 300)]);
        let same_number = clue("4", "S2", Some(50), &[(Some("1"), 50)]);
        let whole_bill = clue("5", "S1", Some(900), &[(None, 1200)]);
        let mut prescribed = clue("6", "RX1", None, &[(Some("1"), 9999)]);
        prescribed.finding.evidence[0].event = "prescription".to_owned();
        let case = |clues: &[&Told]| total(&clues.iter().map(|clue| (*clue).clone()).collect::<Vec<_>>());
        assert_eq!(case(&[&whole_line, &excess]), (1000, 700));
        assert_eq!(case(&[&excess, &other_line]), (500, 140));
        assert_eq!(case(&[&excess, &same_number]), (250, 190));
        assert_eq!(case(&[&whole_line, &other_line, &whole_bill]), (1300, 900));
        assert_eq!(case(&[&excess, &whole_bill]), (1200, 900));
        assert_eq!(case(&[&prescribed]), (0, 0));
    }

    fn clues() -> impl Strategy<Value = Vec<Told>> {
        let line = (0_u8..4, 0_i64..10_000).prop_map(|(line, fen)| ((line > 0).then(|| line.to_string()), fen));
        let one = (0_u8..3, prop::option::of(0_i64..10_000), prop::collection::vec(line, 1..4));
        let clue = one.prop_map(|(bill, fund, lines)| {
            let lines: Vec<(Option<&str>, i64)> = lines.iter().map(|(line, fen)| (line.as_deref(), *fen)).collect();
            clue("1", &format!("S{bill}"), fund, &lines)
        });
        prop::collection::vec(clue, 0..8)
    }

    proptest! {
        #[test]
        fn totals_know_no_order_and_no_repetition(clues in clues(), at in 0_usize..8) {
            let mut other = clues.clone();
            other.rotate_left(at.min(clues.len()));
            other.extend(clues.iter().take(at).cloned());
            prop_assert_eq!(total(&clues), total(&other));
        }

        #[test]
        fn totals_lie_between_the_greatest_item_and_the_sum(clues in clues(), more in clues()) {
            let (vola, fund) = total(&clues);
            let items = || clues.iter().flat_map(|clue| &clue.finding.evidence).filter_map(|item| item.vola_amt).map(|amount| amount.units);
            prop_assert!(vola >= items().max().unwrap_or_default() && vola <= items().sum());
            let all = total(&[clues.clone(), more].concat());
            prop_assert!(all.0 >= vola && all.1 >= fund);
        }
    }
}
