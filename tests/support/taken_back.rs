//! A feed in which some messages take others back: later versions, reversals,
//! double uploads and lines that are refunded elsewhere.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use claimsift::events::SETTLEMENT_INPUT;
use claimsift::synth::Generated;
use serde_json::Value;
use serde_json::json;

/// One settlement in so many is taken back, some messages later.
const ONE_IN: usize = 11;
const LATER: usize = 60;

/// The feed with messages that take back, each kind in turn.
pub fn taken_back(feed: Vec<Generated>) -> Vec<Generated> {
    let mut coming: Vec<(usize, Generated)> = Vec::new();
    let mut out = Vec::with_capacity(feed.len() + feed.len() / ONE_IN);
    let mut kind = 0;
    for (place, message) in feed.into_iter().enumerate() {
        if message.input == SETTLEMENT_INPUT && message.reject.is_none() && place % ONE_IN == 0 {
            kind += 1;
            coming.extend(taking_back(&message, kind).map(|later| (place + LATER * (1 + kind % 3), later)));
        }
        out.push(message);
        let (due, left) = std::mem::take(&mut coming).into_iter().partition(|(at, _)| *at <= place);
        coming = left;
        out.extend(Vec::into_iter(due).map(|(_, message)| message));
    }
    out.extend(coming.into_iter().map(|(_, message)| message));
    out
}

fn taking_back(message: &Generated, kind: usize) -> Option<Generated> {
    let mut bill: Value = serde_json::from_slice(&message.json).ok()?;
    let id = bill.get("setl_id")?.as_str()?.to_owned();
    let total = bill.get("medfee_sumamt")?.as_f64()?;
    match kind % 5 {
        0 => {
            bill["vali_flag"] = json!("0");
            bill["updt_time"] = json!("2027-01-01 00:00:00");
        }
        1 => {
            bill["setl_id"] = json!(format!("{id}-N"));
            bill["refd_setl_flag"] = json!("1");
            bill["init_setl_id"] = json!(id);
            bill["medfee_sumamt"] = json!(-total);
        }
        2 => {
            bill["setl_id"] = json!(format!("{id}-N"));
            bill["refd_setl_flag"] = json!("1");
            bill["medfee_sumamt"] = json!(-total);
        }
        3 => {
            bill["setl_id"] = json!(format!("{id}-D"));
        }
        _ => {
            bill["setl_id"] = json!(format!("{id}-R"));
            for line in bill.get_mut("feedetl")?.as_array_mut()? {
                let number = line.get("feedetl_sn")?.clone();
                line["feedetl_sn"] = json!(format!("{}R", number.as_str()?));
                line["init_feedetl_sn"] = number;
                line["cnt"] = json!(-line.get("cnt")?.as_f64()?);
                line["det_item_fee_sumamt"] = json!(-line.get("det_item_fee_sumamt")?.as_f64()?);
            }
        }
    }
    Some(Generated { json: serde_json::to_vec(&bill).ok()?, ..message.clone() })
}
