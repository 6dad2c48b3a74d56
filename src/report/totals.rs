//! Money of many clues in which each settlement line is counted once,
//! whatever number of rules hit it.

use std::collections::BTreeMap;

use crate::clues::told::ToldEvidence;
use crate::clues::told::ToldFinding;
use crate::clues::told::fen;
use crate::events::EVENT_TYPES;
use crate::events::SETTLEMENT_INPUT;

/// 分. `unpaid`: prescribed amounts of which no bill is known, and so no fund paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub offending: i64,
    pub fund: i64,
    pub unpaid: i64,
}

/// Claims on lines: the greatest offending amount that any clue claims of a line.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    settled: BTreeMap<(String, String), (i64, i64)>,
    prescribed: BTreeMap<(String, String), i64>,
}

impl Totals {
    pub fn add(&mut self, finding: &ToldFinding) {
        let Some(offending) = fen(finding.money.vola_amt.as_deref()) else { return };
        let fund = fen(finding.money.fund_amt.as_deref()).unwrap_or_default();
        let is_settled = |item: &&ToldEvidence| item.event == EVENT_TYPES[SETTLEMENT_INPUT].name;
        let settled: Vec<&ToldEvidence> = finding.evidence.iter().filter(is_settled).collect();
        if settled.is_empty() {
            for (key, part) in parts(&finding.evidence.iter().collect::<Vec<_>>(), offending) {
                let claimed = self.prescribed.entry(key).or_default();
                *claimed = part.max(*claimed);
            }
            return;
        }
        let mut fund_left = fund;
        let mut left = offending;
        for (key, part) in parts(&settled, offending) {
            // The fund's part follows the amount; the last line takes what rounding left.
            let share = if part == left { fund_left } else { scale(part, fund, offending) };
            (left, fund_left) = (left - part, fund_left - share);
            let claimed = self.settled.entry(key).or_default();
            *claimed = (part, share).max(*claimed);
        }
    }

    pub fn sum(&self) -> Sum {
        Sum {
            offending: self.settled.values().map(|(offending, _)| offending).sum(),
            fund: self.settled.values().map(|(_, fund)| fund).sum(),
            unpaid: self.prescribed.values().sum(),
        }
    }
}

/// Spreads an amount over lines, the latest first and each up to its own
/// amount: where supplies are held against each other, the last is the
/// offending one. What no line holds falls to the latest.
fn parts(lines: &[&ToldEvidence], offending: i64) -> Vec<((String, String), i64)> {
    let key = |item: &ToldEvidence| (item.id.clone(), item.line.clone().unwrap_or_default());
    let mut sorted: Vec<&&ToldEvidence> = lines.iter().collect();
    sorted.sort_by(|a, b| (&b.time, &b.id, &b.line).cmp(&(&a.time, &a.id, &a.line)));
    let mut left = offending;
    let mut found: Vec<((String, String), i64)> = Vec::new();
    for item in sorted {
        let own = fen(item.amount.as_deref()).map_or(left, |amount| amount.clamp(0, left.max(0)));
        left -= own;
        if own > 0 {
            found.push((key(item), own));
        }
    }
    match (found.first_mut(), lines.first()) {
        (Some((_, part)), _) => *part += left,
        (None, Some(item)) => found.push((key(item), offending)),
        (None, None) => {}
    }
    found
}

fn scale(part: i64, fund: i64, offending: i64) -> i64 {
    if offending == 0 {
        return 0;
    }
    let share = crate::base::decimal::divide_round(i128::from(part) * i128::from(fund), i128::from(offending));
    i64::try_from(share).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clue over lines `(event, id, line, amount)` with an offending amount and the fund's part.
    fn clue(lines: &[(&str, &str, &str, &str)], offending: &str, fund: &str) -> ToldFinding {
        let evidence: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(place, (event, id, line, amount))| {
                serde_json::json!({ "time": format!("2026-03-0{}", place + 1), "event": event, "id": id, "line": line, "rx_no": null,
                    "code": null, "name": null, "spec": null, "vola_item_type": 1, "cnt": null, "pric": null, "amount": "AMOUNT" })
                .to_string()
                .replace("\"AMOUNT\"", amount)
            })
            .collect();
        let text = |name: &str| format!("{{\"zh\":\"{name}\",\"en\":\"{name}\"}}");
        let finding = format!(
            "{{\"clue_id\":\"a\",\"rule\":{{\"id\":\"r\",\"version\":1,\"title\":{t}}},\"result\":\"clear\",\"problem_type\":\"p\",\"lead\":\"l\",\
             \"subject\":{{\"person\":\"x\"}},\"event_time\":\"\",\"fact_time\":\"\",\"vola_cont\":{t},\"values\":[],\"exemptions\":[],\
             \"money\":{{\"vola_amt\":{offending},\"fund_amt\":{fund},\"vola_amt_stas\":\"exact\"}},\"evidence\":[{}],\"basis\":[],\
             \"why\":{t},\"innocent_when\":[],\"group_key\":\"g\"}}",
            evidence.join(","),
            t = text("t")
        );
        sonic_rs::from_str(&finding).unwrap()
    }

    #[test]
    fn a_line_is_counted_once_at_the_greatest_claim() {
        let one = ("settlement", "S1", "1", "100.00");
        let two = ("settlement", "S1", "2", "50.00");
        let rx = ("prescription", "RX1", "1", "70.00");
        let later = ("settlement", "S2", "1", "30.00");
        for (clues, expect) in [
            (vec![clue(&[one], "100.00", "60.00")], (10_000, 6_000, 0)),
            (vec![clue(&[one], "100.00", "60.00"), clue(&[one], "20.00", "12.00")], (10_000, 6_000, 0)),
            (vec![clue(&[one], "20.00", "12.00"), clue(&[one, two], "150.00", "90.00")], (15_000, 9_000, 0)),
            (vec![clue(&[one, two], "150.00", "100.01"), clue(&[two], "50.00", "33.34")], (15_000, 10_001, 0)),
            (vec![clue(&[rx, one], "100.00", "60.00")], (10_000, 6_000, 0)),
            (vec![clue(&[rx], "70.00", "null"), clue(&[rx], "70.00", "null")], (0, 0, 7_000)),
            (vec![clue(&[one, later], "30.00", "18.00"), clue(&[later], "30.00", "18.00")], (3_000, 1_800, 0)),
            (vec![clue(&[one], "null", "null")], (0, 0, 0)),
            (vec![clue(&[("settlement", "S1", "1", "null")], "12.00", "null")], (1_200, 0, 0)),
        ] {
            let mut totals = Totals::default();
            clues.iter().for_each(|clue| totals.add(clue));
            let sum = totals.sum();
            assert_eq!((sum.offending, sum.fund, sum.unpaid), expect);
        }
    }
}
