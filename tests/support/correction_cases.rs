//! What corrections mean, sentence by sentence, in two or three messages each.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use serde_json::Value;
use serde_json::json;

use super::small_book::Hand;
use super::small_book::bill;
use super::small_book::later;
use super::small_book::line;
use super::small_book::negative;
use super::small_book::prescription;
use super::small_book::refund;
use super::small_book::service;
use super::small_book::with;

/// A sentence, its messages and what is told of them in the end.
pub struct Case {
    pub sentence: &'static str,
    pub messages: Vec<Hand>,
    /// Rule, and a name in its evidence.
    pub expect: Vec<(&'static str, &'static str)>,
}

pub fn case(sentence: &'static str, messages: Vec<Hand>, expect: &[(&'static str, &'static str)]) -> Case {
    Case { sentence, messages, expect: expect.to_vec() }
}

/// What the default bill comes to under the number S1.
pub const S1: [(&str, &str); 4] = [("on-line", "S1#1"), ("on-bill", "S1"), ("on-amount", "S1#1"), ("on-days", "S1#1")];
pub const NOTHING: [(&str, &str); 0] = [];

/// Of the same under another number.
pub fn of(id: &'static str, line: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![("on-line", line), ("on-bill", id), ("on-amount", line), ("on-days", line)]
}

pub fn and(one: &[(&'static str, &'static str)], other: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    [one, other].concat()
}

fn updated(hour: u32) -> String {
    format!("2026-07-10 {hour}:00:00")
}

/// The default bill for half the money.
pub fn small(id: &str, given: Value) -> Hand {
    let mut json: Value = serde_json::from_slice(&bill(id, given).json).unwrap();
    json["medfee_sumamt"] = json!(10.0);
    json["feedetl"] = json!([with(line("1", 1), json!({ "prd_days": 3 }))]);
    Hand { input: SETTLEMENT_INPUT, json: serde_json::to_vec(&json).unwrap() }
}

fn versions() -> Vec<Case> {
    let deleted = |hour: u32| json!({ "vali_flag": "0", "updt_time": updated(hour) });
    vec![
        case("one message", vec![bill("S1", json!({}))], &S1),
        case(
            "the version that changed last counts",
            vec![bill("S1", json!({})), small("S1", json!({ "updt_time": updated(11) }))],
            &NOTHING,
        ),
        case("also where it says more", vec![small("S1", json!({})), bill("S1", json!({ "updt_time": updated(11) }))], &S1),
        case(
            "of three versions too",
            vec![
                bill("S1", json!({ "updt_time": updated(12) })),
                small("S1", json!({ "updt_time": updated(11) })),
                small("S1", json!({ "updt_time": updated(10) })),
            ],
            &S1,
        ),
        case(
            "a version that does not say when is the earliest",
            vec![bill("S1", json!({ "updt_time": "2026-07-01 00:00:00" })), small("S1", json!({}))],
            &S1,
        ),
        case(
            "of versions of one time the deleted one counts",
            vec![bill("S1", json!({ "updt_time": updated(11) })), bill("S1", deleted(11))],
            &NOTHING,
        ),
        case("also where none says when", vec![bill("S1", json!({})), bill("S1", json!({ "vali_flag": "0" }))], &NOTHING),
        case("the same bytes again are nothing new", vec![bill("S1", json!({})), bill("S1", json!({}))], &S1),
        case("a deleted bill is no event", vec![bill("S1", json!({})), bill("S1", deleted(11))], &NOTHING),
        case(
            "deleted, and valid again in a later version",
            vec![bill("S1", json!({})), bill("S1", deleted(11)), bill("S1", json!({ "updt_time": updated(12) }))],
            &S1,
        ),
        case(
            "a later version of other lines takes their clues with it",
            vec![bill("S1", json!({})), bill("S1", json!({ "updt_time": updated(11), "feedetl": [line("7", 2)] }))],
            &of("S1", "S1#7"),
        ),
        case(
            "a later version of another visit and day",
            vec![
                bill("S1", json!({})),
                bill("S1", json!({ "updt_time": updated(11), "mdtrt_id": "V2", "setl_time": "2026-07-09 10:00:00" })),
            ],
            &of("S1", "S1#1"),
        ),
        case(
            "bills of other numbers are no versions",
            vec![bill("S1", json!({})), bill("S2", json!({ "mdtrt_id": "V2", "feedetl": [line("2", 2)] })), bill("S3", deleted(12))],
            &and(&S1, &of("S2", "S2#2")),
        ),
    ]
}

fn reversals() -> Vec<Case> {
    vec![
        case("a negative bill is no event", vec![negative("S9", None, json!({}))], &NOTHING),
        case("nor is one that names what nobody knows", vec![negative("S9", Some("S7"), json!({}))], &NOTHING),
        case(
            "nor one of positive amounts with a refund flag",
            vec![bill("S9", json!({ "refd_setl_flag": "1", "init_setl_id": "S7" }))],
            &NOTHING,
        ),
        case(
            "a negative bill reverses the settlement that it names",
            vec![bill("S1", json!({})), negative("S9", Some("S1"), json!({}))],
            &NOTHING,
        ),
        case(
            "also by a refund flag and positive amounts",
            vec![bill("S1", json!({})), bill("S9", json!({ "refd_setl_flag": "1", "init_setl_id": "S1" }))],
            &NOTHING,
        ),
        case("also without lines", vec![bill("S1", json!({})), negative("S9", Some("S1"), json!({ "feedetl": [] }))], &NOTHING),
        case(
            "two reversals of one bill, of which one is deleted",
            vec![
                bill("S1", json!({})),
                negative("S8", Some("S1"), json!({})),
                negative("S9", Some("S1"), json!({})),
                negative("S9", Some("S1"), json!({ "vali_flag": "0", "updt_time": updated(12) })),
            ],
            &NOTHING,
        ),
        case(
            "a reversal that is deleted reverses nothing",
            vec![
                bill("S1", json!({})),
                negative("S9", Some("S1"), json!({})),
                negative("S9", Some("S1"), json!({ "vali_flag": "0", "updt_time": updated(12) })),
            ],
            &S1,
        ),
        case(
            "a reversal whose later version names another bill",
            vec![
                bill("S1", json!({})),
                bill("S2", json!({ "mdtrt_id": "V2", "feedetl": [line("2", 2)] })),
                negative("S9", Some("S2"), json!({})),
                negative("S9", Some("S1"), json!({ "updt_time": updated(12) })),
            ],
            &of("S2", "S2#2"),
        ),
        case(
            "reversed and billed again",
            vec![bill("S1", json!({})), negative("S9", Some("S1"), json!({})), bill("S2", json!({ "setl_time": "2026-07-11 11:00:00" }))],
            &of("S2", "S2#1"),
        ),
        case(
            "a reversed bill whose later version comes after the reversal",
            vec![
                small("S1", json!({})),
                negative("S9", Some("S1"), json!({ "medfee_sumamt": -20.0 })),
                bill("S1", json!({ "updt_time": updated(12) })),
            ],
            &NOTHING,
        ),
        case(
            "a negative bill of less takes back a part and voids nothing",
            vec![bill("S1", json!({})), negative("S9", Some("S1"), json!({ "medfee_sumamt": -10.0, "feedetl": [line("R1", -1)] }))],
            &S1,
        ),
        case(
            "a part becomes the whole by a later version of the bill",
            vec![
                bill("S1", json!({})),
                negative("S9", Some("S1"), json!({ "medfee_sumamt": -10.0, "feedetl": [line("R1", -1)] })),
                small("S1", json!({ "updt_time": updated(12) })),
            ],
            &NOTHING,
        ),
        case("a bill that names itself is no reversal", vec![bill("S1", json!({ "init_setl_id": "S1" }))], &S1),
        case("a positive bill with a refund flag is void", vec![bill("S1", json!({ "refd_setl_flag": "1" }))], &NOTHING),
        case(
            "also by a later version",
            vec![bill("S1", json!({})), bill("S1", json!({ "refd_setl_flag": "1", "updt_time": updated(12) }))],
            &NOTHING,
        ),
    ]
}

fn without_link() -> Vec<Case> {
    let unlinked = |given: Value| negative("S9", None, given);
    let twin = || bill("S2", json!({ "feedetl": [line("2", 2)], "setl_time": "2026-07-10 12:00:00" }));
    let second = of("S2", "S2#2");
    vec![
        case("a negative bill of the visit and of the amount", vec![bill("S1", json!({})), unlinked(json!({}))], &NOTHING),
        case("with a total of another amount", vec![bill("S1", json!({})), unlinked(json!({ "medfee_sumamt": -20.01 }))], &S1),
        case("of another visit", vec![bill("S1", json!({})), unlinked(json!({ "mdtrt_id": "V2" }))], &S1),
        case(
            "of no visit",
            vec![bill("S1", json!({ "mdtrt_id": null, "feedetl": [service("1", 20)] })), unlinked(json!({ "mdtrt_id": null }))],
            &[("on-line", "S1#1"), ("on-bill", "S1")],
        ),
        case("of another institution", vec![bill("S1", json!({})), unlinked(json!({ "fixmedins_code": "H99010100001" }))], &S1),
        case("of another person", vec![bill("S1", json!({})), unlinked(json!({ "psn_no": "P2" }))], &S1),
        case("settled before the bill", vec![bill("S1", json!({})), unlinked(json!({ "setl_time": "2026-07-10 09:59:59" }))], &S1),
        case("settled with the bill", vec![bill("S1", json!({})), unlinked(json!({ "setl_time": "2026-07-10 10:00:00" }))], &NOTHING),
        case("where two bills are alike it voids neither", vec![bill("S1", json!({})), twin(), unlinked(json!({}))], &and(&S1, &second)),
        case(
            "one that is reversed otherwise is none of them",
            vec![bill("S1", json!({})), twin(), negative("S8", Some("S1"), json!({})), unlinked(json!({}))],
            &NOTHING,
        ),
        case(
            "one that is deleted is none of them",
            vec![bill("S1", json!({})), twin(), bill("S1", json!({ "vali_flag": "0", "updt_time": updated(12) })), unlinked(json!({}))],
            &NOTHING,
        ),
        case(
            "each takes the one that is left",
            vec![
                bill("S1", json!({})),
                unlinked(json!({ "setl_time": "2026-07-10 11:00:00" })),
                twin(),
                negative("S8", None, json!({ "setl_time": "2026-07-10 13:00:00" })),
            ],
            &NOTHING,
        ),
        case(
            "an earlier one that finds two leaves both to a later one, which finds two",
            vec![bill("S1", json!({})), twin(), unlinked(json!({})), negative("S8", None, json!({ "setl_time": "2026-07-12 10:00:00" }))],
            &and(&S1, &second),
        ),
        case(
            "a later one finds the bill that came after the earlier",
            vec![bill("S1", json!({})), unlinked(json!({ "setl_time": "2026-07-10 11:00:00" })), twin()],
            &second,
        ),
        case(
            "a later version of another amount is not the one that it takes back",
            vec![bill("S1", json!({})), unlinked(json!({})), bill("S1", json!({ "medfee_sumamt": 30.0, "updt_time": updated(12) }))],
            &S1,
        ),
        case(
            "one that is reversed by name too",
            vec![bill("S1", json!({})), unlinked(json!({})), negative("S8", Some("S1"), json!({}))],
            &NOTHING,
        ),
        case(
            "a negative bill that is deleted takes back nothing",
            vec![bill("S1", json!({})), unlinked(json!({})), unlinked(json!({ "vali_flag": "0", "updt_time": updated(12) }))],
            &S1,
        ),
        case(
            "a later version of the negative bill is an ordinary one",
            vec![
                bill("S1", json!({ "mdtrt_id": "V2" })),
                negative("S2", None, json!({})),
                bill("S2", json!({ "updt_time": updated(12), "feedetl": [line("2", 2)] })),
            ],
            &and(&S1, &second),
        ),
        case(
            "a later version of an ordinary bill is a negative one",
            vec![bill("S1", json!({})), negative("S1", None, json!({ "updt_time": updated(12) }))],
            &NOTHING,
        ),
    ]
}

fn refunds() -> Vec<Case> {
    let pair = || bill("S1", json!({ "medfee_sumamt": 60.0, "feedetl": [line("1", 4), line("2", 2)] }));
    let whole = |id: &str| later(id, &[refund("B1", "1", 2)]);
    let bill_alone = [("on-bill", "S1")];
    vec![
        case("a line of a later bill takes a line back", vec![bill("S1", json!({})), whole("S2")], &bill_alone),
        case(
            "also of another visit of the institution",
            vec![bill("S1", json!({})), {
                let mut json: Value = serde_json::from_slice(&whole("S2").json).unwrap();
                json["mdtrt_id"] = json!("V2");
                Hand { input: SETTLEMENT_INPUT, json: serde_json::to_vec(&json).unwrap() }
            }],
            &bill_alone,
        ),
        case(
            "not of another institution",
            vec![bill("S1", json!({})), {
                let mut json: Value = serde_json::from_slice(&whole("S2").json).unwrap();
                json["fixmedins_code"] = json!("H99010100001");
                Hand { input: SETTLEMENT_INPUT, json: serde_json::to_vec(&json).unwrap() }
            }],
            &S1,
        ),
        case(
            "not of another person",
            vec![bill("S1", json!({})), {
                let mut json: Value = serde_json::from_slice(&whole("S2").json).unwrap();
                json["psn_no"] = json!("P2");
                Hand { input: SETTLEMENT_INPUT, json: serde_json::to_vec(&json).unwrap() }
            }],
            &S1,
        ),
        case(
            "a line of its own message is meant first",
            vec![bill("S1", json!({})), later("S2", &[line("1", 1), refund("B1", "1", 1)])],
            &S1,
        ),
        case(
            "the lines beside it stay",
            vec![pair(), later("S2", &[refund("B1", "2", 2)])],
            &[("on-line", "S1#1"), ("on-bill", "S1"), ("on-amount", "S1#1"), ("on-days", "S1#1")],
        ),
        case(
            "of a part nobody knows what the rest was, and the days are not known",
            vec![pair(), later("S2", &[refund("B1", "1", 1)])],
            &[("on-line", "S1#2"), ("on-bill", "S1"), ("on-amount", "S1#1"), ("on-amount", "S1#2"), ("on-days", "S1#2")],
        ),
        case(
            "of what is left less counts",
            vec![pair(), later("S2", &[refund("B1", "1", 3)])],
            &[("on-line", "S1#2"), ("on-bill", "S1"), ("on-amount", "S1#2"), ("on-days", "S1#2")],
        ),
        case(
            "parts add up",
            vec![bill("S1", json!({})), later("S2", &[refund("B1", "1", 1)]), later("S3", &[refund("B2", "1", 1)])],
            &bill_alone,
        ),
        case(
            "also with what the message itself took back",
            vec![
                bill("S1", json!({ "medfee_sumamt": 20.0, "feedetl": [line("1", 3), refund("B1", "1", 1)] })),
                later("S2", &[refund("B2", "1", 2)]),
            ],
            &bill_alone,
        ),
        case(
            "by a line of a negative bill that reverses a part",
            vec![bill("S1", json!({})), negative("S9", Some("S1"), json!({ "medfee_sumamt": -10.0, "feedetl": [refund("B1", "1", 2)] }))],
            &bill_alone,
        ),
        case(
            "by a line of a negative bill that names no bill",
            vec![bill("S1", json!({})), negative("S9", None, json!({ "medfee_sumamt": -10.0, "feedetl": [refund("B1", "1", 2)] }))],
            &bill_alone,
        ),
        case(
            "a line of a bill that is reversed takes nothing back",
            vec![bill("S1", json!({})), whole("S2"), negative("S9", Some("S2"), json!({ "medfee_sumamt": -10.0, "feedetl": [] }))],
            &S1,
        ),
        case(
            "a line of a bill that is deleted takes nothing back",
            vec![bill("S1", json!({})), whole("S2"), {
                let mut json: Value = serde_json::from_slice(&whole("S2").json).unwrap();
                (json["vali_flag"], json["updt_time"]) = (json!("0"), json!(updated(12)));
                Hand { input: SETTLEMENT_INPUT, json: serde_json::to_vec(&json).unwrap() }
            }],
            &S1,
        ),
        case(
            "the lines of a reversal take back lines of what it reverses",
            vec![bill("S1", json!({})), negative("S9", Some("S1"), json!({ "feedetl": [refund("B1", "1", 2)] }))],
            &NOTHING,
        ),
        case(
            "where its packs are not told, by its amount",
            vec![bill("S1", json!({})), later("S2", &[with(refund("B1", "1", 2), json!({ "cnt": null }))])],
            &bill_alone,
        ),
        case(
            "a later version of the bill that took it back takes nothing back",
            vec![
                bill("S1", json!({})),
                whole("S2"),
                bill("S2", json!({ "medfee_sumamt": 10.0, "feedetl": [service("5", 10)], "updt_time": updated(12) })),
            ],
            &S1,
        ),
        case(
            "a later version of the bill whose line has another number",
            vec![bill("S1", json!({})), whole("S2"), bill("S1", json!({ "feedetl": [line("7", 2)], "updt_time": updated(12) }))],
            &of("S1", "S1#7"),
        ),
        case(
            "a line that is no drug",
            vec![
                bill("S1", json!({ "feedetl": [service("1", 20)] })),
                later("S2", &[with(service("B1", -20), json!({ "cnt": -1, "init_feedetl_sn": "1" }))]),
            ],
            &bill_alone,
        ),
    ]
}

fn uploads() -> Vec<Case> {
    let sent = |id: &str, given: Value| {
        let mut json: Value = serde_json::from_slice(&bill(id, given).json).unwrap();
        json["medins_setl_id"] = json!("M1");
        Hand { input: SETTLEMENT_INPUT, json: serde_json::to_vec(&json).unwrap() }
    };
    let other = |id: &str| sent(id, json!({ "feedetl": [line("2", 2)] }));
    let second = of("S2", "S2#2");
    vec![
        case("of one sender's number the least settlement is kept", vec![other("S2"), sent("S1", json!({}))], &S1),
        case("of three too", vec![other("S2"), sent("S1", json!({})), other("S3")], &S1),
        case(
            "of another amount both are kept",
            vec![sent("S1", json!({})), sent("S2", json!({ "medfee_sumamt": 30.0, "feedetl": [line("2", 3)] }))],
            &and(&S1, &second),
        ),
        case(
            "of another sender both are kept",
            vec![sent("S1", json!({})), sent("S2", json!({ "fixmedins_code": "H99010100001", "feedetl": [line("2", 2)] }))],
            &and(&S1, &second),
        ),
        case(
            "without a number both are kept",
            vec![bill("S1", json!({})), bill("S2", json!({ "feedetl": [line("2", 2)] }))],
            &and(&S1, &second),
        ),
        case(
            "of which one is reversed the other is kept",
            vec![sent("S1", json!({})), other("S2"), negative("S9", Some("S1"), json!({}))],
            &second,
        ),
        case(
            "of which one is deleted the other is kept",
            vec![sent("S1", json!({})), other("S2"), sent("S1", json!({ "vali_flag": "0", "updt_time": updated(12) }))],
            &second,
        ),
    ]
}

fn what_an_event_was() -> Vec<Case> {
    let online = |number: &str, given: Value| {
        let mut rx: Value = serde_json::from_slice(&prescription(number, given).json).unwrap();
        (rx["biz_type_code"], rx["mdtrt_id"], rx["prsc_time"], rx["rx_drug_cnt"]) =
            (json!("02"), json!("V7"), json!("2026-07-20 09:00:00"), json!(null));
        Hand { input: PRESCRIPTION_INPUT, json: serde_json::to_vec(&rx).unwrap() }
    };
    let first = [("online-first", "RX7")];
    let back_pain = json!({ "diag_type": "1", "maindiag_flag": "1", "diag_code": "M54.5" });
    // Without a drug, which might excuse by itself.
    let tested = |given: Value| {
        let mut json: Value = serde_json::from_slice(&small("S1", given).json).unwrap();
        json["feedetl"] = json!([service("1", 10)]);
        Hand { input: SETTLEMENT_INPUT, json: serde_json::to_vec(&json).unwrap() }
    };
    let narcotic = || {
        let drug = json!({ "med_list_codg": "XN02AAM059A001010199901", "medins_list_name": "硫酸吗啡片", "dosform_name": "片剂", "prd_days": null });
        bill("S3", json!({ "medfee_sumamt": 10.0, "feedetl": [with(line("1", 1), drug)] }))
    };
    let operation =
        || bill("S4", json!({ "medfee_sumamt": 10.0, "feedetl": [with(service("2", 10), json!({ "med_chrgitm_type": "06" }))] }));
    vec![
        case("a visit in person excuses", vec![online("RX7", json!({})), small("S1", json!({}))], &NOTHING),
        case(
            "a visit that is reversed excuses nothing",
            vec![online("RX7", json!({})), small("S1", json!({})), negative("S9", Some("S1"), json!({ "medfee_sumamt": -10.0 }))],
            &first,
        ),
        case(
            "a visit of two bills of which one is reversed",
            vec![
                online("RX7", json!({})),
                small("S1", json!({})),
                bill("S2", json!({ "medfee_sumamt": 10.0, "feedetl": [service("5", 10)] })),
                negative("S9", Some("S1"), json!({ "medfee_sumamt": -10.0 })),
            ],
            &NOTHING,
        ),
        case(
            "a visit for the disease that a later version says was for another",
            vec![online("RX7", json!({})), tested(json!({})), tested(json!({ "updt_time": updated(12), "diseinfo": [back_pain] }))],
            &first,
        ),
        case(
            "a visit that is deleted, and valid again",
            vec![
                online("RX7", json!({})),
                small("S1", json!({})),
                small("S1", json!({ "vali_flag": "0", "updt_time": updated(11) })),
                small("S1", json!({ "updt_time": updated(12) })),
            ],
            &NOTHING,
        ),
        case("an online visit alone", vec![online("RX7", json!({}))], &first),
        case(
            "a withdrawn prescription is no consultation",
            vec![online("RX7", json!({})), online("RX7", json!({ "vali_flag": "0", "updt_time": updated(12) }))],
            &NOTHING,
        ),
        case("a narcotic", vec![narcotic()], &[("on-operation", "S3#1")]),
        case("an operation excuses", vec![narcotic(), operation()], &NOTHING),
        case(
            "an operation that is reversed excuses nothing",
            vec![narcotic(), operation(), negative("S9", Some("S4"), json!({ "medfee_sumamt": -10.0, "feedetl": [] }))],
            &[("on-operation", "S3#1")],
        ),
    ]
}

fn prescriptions() -> Vec<Case> {
    let withdrawn = |hour: u32| prescription("RX1", json!({ "vali_flag": "0", "updt_time": updated(hour) }));
    let dispensed = || bill("S1", json!({ "feedetl": [with(line("1", 2), json!({ "rx_drord_no": "RX1" }))] }));
    let on_bill = [("on-line", "S1#1"), ("on-bill", "S1"), ("on-amount", "rx RX1"), ("on-days", "rx RX1")];
    vec![
        case("a prescription", vec![prescription("RX1", json!({}))], &[("on-prescription", "RX1")]),
        case("a withdrawn prescription", vec![prescription("RX1", json!({})), withdrawn(11)], &NOTHING),
        case("a withdrawal alone", vec![withdrawn(11)], &NOTHING),
        case(
            "withdrawn, and valid again",
            vec![prescription("RX1", json!({})), withdrawn(11), prescription("RX1", json!({ "updt_time": updated(12) }))],
            &[("on-prescription", "RX1")],
        ),
        case(
            "one that was dispensed",
            vec![prescription("RX1", json!({})), dispensed()],
            &and(&[("on-prescription", "RX1")], &on_bill[..3]),
        ),
        case(
            "withdrawn after it was dispensed: the bill is left",
            vec![prescription("RX1", json!({})), dispensed(), withdrawn(11)],
            &on_bill,
        ),
        case(
            "the number of another institution is another prescription",
            vec![prescription("RX1", json!({})), prescription("RX1", json!({ "fixmedins_code": "H99010100001", "vali_flag": "0" }))],
            &[("on-prescription", "RX1")],
        ),
        case(
            "the bill of a prescription is reversed",
            vec![prescription("RX1", json!({})), dispensed(), negative("S9", Some("S1"), json!({}))],
            &[("on-prescription", "RX1")],
        ),
        case(
            "what was dispensed on a prescription is taken back",
            vec![prescription("RX1", json!({})), dispensed(), later("S2", &[refund("B1", "1", 2)])],
            &[("on-prescription", "RX1"), ("on-bill", "S1")],
        ),
        case(
            "a later version of a prescription without its drug count",
            vec![prescription("RX1", json!({})), prescription("RX1", json!({ "rx_drug_cnt": null, "updt_time": updated(12) }))],
            &NOTHING,
        ),
    ]
}

pub fn table() -> Vec<Case> {
    [versions(), reversals(), without_link(), refunds(), uploads(), what_an_event_was(), prescriptions()].into_iter().flatten().collect()
}
