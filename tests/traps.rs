//! Everything that feeds are known to get wrong inside a message, and what
//! becomes of it: rejected with a class, a counted field fault, or accepted
//! with a value. Both decoders, one table.

use arrow::array::Array as _;
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use claimsift::base::limits::LINES_MAX;
use claimsift::base::limits::MESSAGE_BYTES_MAX;
use claimsift::base::limits::NESTING_MAX;
use claimsift::codecs::DecodeCounts;
use claimsift::codecs::Decoded;
use claimsift::codecs::Decoder;
use claimsift::codecs::FieldFault;
use claimsift::codecs::Projection;
use claimsift::codecs::RejectClass;
use claimsift::codecs::json::JsonDecoder;
use claimsift::events::EventType;
use claimsift::events::prescription::PRESCRIPTION;
use claimsift::events::settlement::SETTLEMENT;

const CLEAN: &str = concat!(
    r#"{"setl_id":"S1","psn_no":"P1","gend":"1","brdy":"1980-02-29","age":46.0,"fixmedins_name":"云川市医院","setl_time":"2026-03-01 08:30:00","#,
    r#""ipt_days":2,"medfee_sumamt":12.50,"hifp_pay":3.25,"nwb_flag":"0","note":"not ours","extra":{"a":[1,"b",{"c":null}]},"#,
    r#""feedetl":[{"feedetl_sn":"1","fee_ocur_time":"2026-03-01 08:00:00","med_list_codg":"XA","cnt":2,"pric":2.5,"pric_uplmt_amt":3.0},"#,
    r#"{"feedetl_sn":"2","fee_ocur_time":"2026-03-01 08:10:00","med_list_codg":"XB","cnt":1,"pric":7.5,"pric_uplmt_amt":8.0}],"#,
    r#""diseinfo":[{"diag_code":"I10","diag_name":"高血压"}]}"#,
);

const CLEAN_PRESCRIPTION: &str = concat!(
    r#"{"hosp_rxno":"R1","fixmedins_code":"H99010100001","psn_no":"P1","prsc_time":"2026-03-01 08:30:00","rx_drug_cnt":1,"#,
    r#""rxdrugdetail":[{"med_list_codg":"XA","medc_days":7,"drug_cnt":1}],"diseinfo":[{"diag_code":"I10"}]}"#,
);

enum Expect {
    Reject(RejectClass),
    /// Accepted; the column is NULL in every row of the message's table that was touched, and the fault is counted once.
    Fault(&'static str, &'static str, FieldFault),
    /// Accepted without a fault; texts of the column's rows, NULL as the empty text.
    Values(&'static str, &'static str, &'static [&'static str]),
}
use Expect::Fault;
use Expect::Reject;
use Expect::Values;

fn batch<'d>(event: &EventType, decoded: &'d Decoded, table: &str) -> &'d RecordBatch {
    match event.children.iter().position(|child| child.table.name == table) {
        Some(child) => &decoded.children[child],
        None => &decoded.header,
    }
}

fn check(event: &'static EventType, clean: &str, trap: &str, message: &[u8], expect: &Expect) {
    let mut outcomes = Vec::new();
    for make in [JsonDecoder::general_only, JsonDecoder::new] {
        let mut decoder = make(event, Projection::all(event));
        for _ in 0..3 {
            decoder.push(clean.as_bytes()).unwrap();
        }
        let (clean_rows, _) = (decoder.finish(), decoder.take_counts());
        let verdict = decoder.push(message).map(|accepted| (accepted.person.into_owned(), accepted.event_time));
        let decoded = decoder.finish();
        let counts = DecodeCounts { shape_misses: 0, ..decoder.take_counts() };
        match (expect, &verdict) {
            (Reject(class), Err(reject)) => {
                assert_eq!(reject.class, *class, "{trap}: {}", reject.reason);
                assert_eq!(decoded.header.num_rows(), 0, "{trap}");
                assert_eq!(counts, DecodeCounts::default(), "{trap}");
            }
            (Fault(table, column, fault), Ok(_)) => {
                let counted: Vec<_> = counts.field_faults.iter().map(|(key, count)| (*key, *count)).collect();
                assert_eq!(counted, [((*table, *column, *fault), 1)], "{trap}");
                let array = batch(event, &decoded, table).column_by_name(column).unwrap();
                assert!(array.is_empty() || array.is_null(0), "{trap}: the value survived");
            }
            (Values(table, column, values), Ok(_)) => {
                assert_eq!(counts.field_faults, Default::default(), "{trap}");
                let array = batch(event, &decoded, table).column_by_name(column).unwrap();
                let texts: Vec<_> = (0..array.len()).map(|row| array_value_to_string(array, row).unwrap()).collect();
                assert_eq!(texts, *values, "{trap}");
            }
            (_, verdict) => panic!("{trap}: {verdict:?}"),
        }
        // A trap must not poison the message that comes next.
        decoder.push(clean.as_bytes()).unwrap();
        assert_eq!(decoder.finish().header, clean_rows.header.slice(0, 1), "{trap}");
        outcomes.push((verdict, decoded.header, decoded.children, decoded.parents, counts));
    }
    assert!(outcomes[0] == outcomes[1], "{trap}: the decoders differ");
    let none = JsonDecoder::general_only(event, Projection::none(event)).push(message).map(|_| ()).map_err(|reject| reject.class);
    assert_eq!(none, outcomes[0].0.clone().map(|_| ()).map_err(|reject| reject.class), "{trap}: the projection decided");
}

/// Traps as replacements in the clean settlement.
#[test]
fn traps_in_a_settlement() {
    use FieldFault::*;
    use RejectClass::*;
    let clean = r#""gend":"1""#;
    let amount = r#""hifp_pay":3.25"#;
    let total = r#""medfee_sumamt":12.50"#;
    let time = r#""setl_time":"2026-03-01 08:30:00""#;
    let person = r#""psn_no":"P1""#;
    let id = r#""setl_id":"S1""#;
    let key = r#""feedetl_sn":"2""#;
    let diagnoses = r#"[{"diag_code":"I10","diag_name":"高血压"}]"#;
    let extra = r#"{"a":[1,"b",{"c":null}]}"#;
    let traps: &[(&str, &str, &str, Expect)] = &[
        // Not one JSON value.
        ("double comma", ",\"gend\"", ",,\"gend\"", Reject(NotJson)),
        ("trailing comma in object", r#""高血压"}"#, r#""高血压",}"#, Reject(NotJson)),
        ("trailing comma in list", "}],\"dise", "},],\"dise", Reject(NotJson)),
        ("leading zero", r#""age":46.0"#, r#""age":046.0"#, Reject(NotJson)),
        ("leading zero in a skipped number", "[1,", "[01,", Reject(NotJson)),
        ("point without digits", r#""age":46.0"#, r#""age":46."#, Reject(NotJson)),
        ("point without whole part", r#""age":46.0"#, r#""age":.5"#, Reject(NotJson)),
        ("plus sign", amount, r#""hifp_pay":+3.25"#, Reject(NotJson)),
        ("NaN", amount, r#""hifp_pay":NaN"#, Reject(NotJson)),
        ("Infinity", amount, r#""hifp_pay":Infinity"#, Reject(NotJson)),
        ("thousands comma outside quotes", amount, r#""hifp_pay":3,250.00"#, Reject(NotJson)),
        ("single quotes", r#""not ours""#, "'not ours'", Reject(NotJson)),
        ("control byte in a kept text", "云川市医院", "云川\n市医院", Reject(NotJson)),
        ("control byte in a skipped text", "not ours", "not\tours", Reject(NotJson)),
        ("unknown escape in a kept text", "云川市医院", r"云川\市医院", Reject(NotJson)),
        ("unknown escape in a skipped text", "not ours", r"not \ours", Reject(NotJson)),
        ("half an escape in a skipped text", "not ours", r"not ours \u12", Reject(NotJson)),
        ("lone high surrogate, kept", "云川市医院", r"\ud800", Reject(NotJson)),
        ("lone high surrogate, skipped", "not ours", r"\ud800", Reject(NotJson)),
        ("lone low surrogate, skipped", "not ours", r"\udc00x", Reject(NotJson)),
        ("lone surrogate in a nested skipped text", r#""b""#, r#""\ud800\u0041""#, Reject(NotJson)),
        ("lone surrogate in an unknown key", r#""note""#, r#""\udfff""#, Reject(NotJson)),
        ("skipped literal cut", r#"{"c":null}"#, r#"{"c":nul}"#, Reject(NotJson)),
        ("byte-order mark", r#"{"setl_id""#, "\u{feff}{\"setl_id\"", Reject(NotJson)),
        // Forms that are right.
        ("white space around", r#"{"setl_id""#, " \r\n\t{\"setl_id\"", Values("header", "setl_id", &["S1"])),
        ("escaped Chinese", "云川市医院", r"\u4e91\u5ddd\u5e02\u533b\u9662", Values("header", "fixmedins_name", &["云川市医院"])),
        (
            "escapes of all sorts",
            "云川市医院",
            r#"\"\\\/\b\f\n\r\t\ud83d\ude00"#,
            Values("header", "fixmedins_name", &["\"\\/\u{8}\u{c}\n\r\t😀"]),
        ),
        ("escaped person", r#""P1""#, r#""\u0050\u0031""#, Values("header", "psn_no", &["P1"])),
        ("escaped key", r#""gend""#, r#""\u0067end""#, Values("header", "gend", &["1"])),
        ("1e400 in a skipped value", "[1,", "[1e400,", Values("header", "setl_id", &["S1"])),
        // Spellings.
        ("camelCase", r#""hifp_pay""#, r#""hifpPay""#, Values("header", "hifp_pay", &["3.25"])),
        ("alias", r#""nwb_flag":"0""#, r#""overlmt_amt":4"#, Values("header", "overlmt_selfpay", &["4.00"])),
        (
            "alias in a line means the line's column",
            r#""cnt":2"#,
            r#""overlmt_selfpay":4"#,
            Values("feedetl", "overlmt_amt", &["4.00", ""]),
        ),
        ("alias of the policy scope", r#""nwb_flag":"0""#, r#""inscp_amt":4"#, Values("header", "inscp_scp_amt", &["4.00"])),
        ("alias of the executing doctor", r#""cnt":2"#, r#""acord_dr_code":"D1""#, Values("feedetl", "orders_dr_code", &["D1", ""])),
        ("alias of the doctor in charge", r#""nwb_flag":"0""#, r#""atddr_no":"D1""#, Values("header", "chfpdr_code", &["D1"])),
        ("disease code in a diagnosis", r#""diag_code":"I10""#, r#""dise_codg":"I10""#, Values("diseinfo", "diag_code", &["I10"])),
        ("other spelling of the list", r#""feedetl":["#, r#""feeDetl":["#, Values("feedetl", "feedetl_sn", &["1", "2"])),
        ("block", r#""gend":"1""#, r#""setlinfo":{"gend":"2"}"#, Values("header", "gend", &["2"])),
        ("block that is null", r#""gend":"1""#, r#""gend":"1","setlinfo":null"#, Values("header", "gend", &["1"])),
        ("block that is text", r#""gend":"1""#, r#""gend":"1","setlinfo":"x""#, Values("header", "gend", &["1"])),
        // Given twice.
        ("twice, the same", clean, r#""gend":"1","gend":"1""#, Values("header", "gend", &["1"])),
        ("twice, different", clean, r#""gend":"1","gend":"2""#, Fault("header", "gend", Duplicate)),
        ("twice, one null", clean, r#""gend":"1","gend":null"#, Fault("header", "gend", Duplicate)),
        ("twice by two spellings", amount, r#""hifp_pay":3.25,"hifpPay":4.25"#, Fault("header", "hifp_pay", Duplicate)),
        ("twice, in a block", clean, r#""gend":"1","data":{"gend":"2"}"#, Fault("header", "gend", Duplicate)),
        ("twice in a line", r#""cnt":2"#, r#""cnt":2,"cnt":3"#, Fault("feedetl", "cnt", Duplicate)),
        ("dropped column twice", clean, r#""gend":"1","psn_name":"a","psn_name":"b""#, Values("header", "gend", &["1"])),
        ("unknown member twice", r#""note":"#, r#""note":1,"note":"#, Values("header", "gend", &["1"])),
        ("business id twice", id, r#""setl_id":"S1","setlId":"S2""#, Reject(NoBusinessId)),
        ("person twice", person, r#""psn_no":"P1","psn_no":"P2""#, Reject(NoPerson)),
        ("total twice", total, r#""medfee_sumamt":12.50,"medfee_sumamt":12.5"#, Reject(Total)),
        ("line key twice in a line", key, r#""feedetl_sn":"2","feedetlSn":"3""#, Reject(LineKey)),
        ("lines twice", r#""diseinfo":"#, r#""fee_detl":[],"diseinfo":"#, Reject(LineKey)),
        ("diagnoses twice", r#""diseinfo":"#, r#""diseinfo":[],"diseinfo":"#, Fault("diseinfo", "diag_type", Duplicate)),
        (
            "diagnoses twice, the same",
            r#""diseinfo":"#,
            r#""diseinfo":[{"diag_code":"I10","diag_name":"高血压"}],"diseinfo":"#,
            Values("diseinfo", "diag_code", &["I10"]),
        ),
        // Business id, person, event time, total.
        ("no business id", r#""setl_id""#, r#""no""#, Reject(NoBusinessId)),
        ("null business id", id, r#""setl_id":null"#, Reject(NoBusinessId)),
        ("empty business id", id, r#""setl_id":"""#, Reject(NoBusinessId)),
        ("business id a fraction", id, r#""setl_id":1.5"#, Reject(NoBusinessId)),
        ("business id an object", id, r#""setl_id":{"v":1}"#, Reject(NoBusinessId)),
        (
            "business id a number",
            id,
            r#""setl_id":123456789012345678901234567890"#,
            Values("header", "setl_id", &["123456789012345678901234567890"]),
        ),
        ("no person", r#""psn_no""#, r#""psn""#, Reject(NoPerson)),
        ("null person", person, r#""psn_no":null"#, Reject(NoPerson)),
        ("person true", person, r#""psn_no":true"#, Reject(NoPerson)),
        ("person a number", person, r#""psn_no":5107"#, Values("header", "psn_no", &["5107"])),
        ("no event time", r#""setl_time""#, r#""time""#, Reject(EventTime)),
        ("event time with a zone", time, r#""setl_time":"2026-03-01T08:30:00+08:00""#, Reject(EventTime)),
        ("event time in UTC", time, r#""setl_time":"2026-03-01T08:30:00Z""#, Reject(EventTime)),
        ("event time in epoch milliseconds", time, r#""setl_time":1772353800000"#, Reject(EventTime)),
        ("event time on no day", time, r#""setl_time":"2026-02-30 08:30:00""#, Reject(EventTime)),
        ("event time by T", time, r#""setl_time":"2026-03-01T08:30:00""#, Values("header", "setl_time", &["2026-03-01T08:30:00"])),
        ("event time in digits", time, r#""setl_time":20260301083000"#, Values("header", "setl_time", &["2026-03-01T08:30:00"])),
        ("event time a day", time, r#""setl_time":"2026-03-01""#, Values("header", "setl_time", &["2026-03-01T00:00:00"])),
        ("no total", r#""medfee_sumamt""#, r#""total""#, Reject(Total)),
        ("total with a comma", total, r#""medfee_sumamt":"1,234.50""#, Reject(Total)),
        ("total with three decimals", total, r#""medfee_sumamt":12.505"#, Reject(Total)),
        ("total too large", total, r#""medfee_sumamt":1e400"#, Reject(Total)),
        ("negative total", total, r#""medfee_sumamt":-12.50"#, Values("header", "medfee_sumamt", &["-12.50"])),
        // Lines.
        ("no line key", key, r#""sn":"2""#, Reject(LineKey)),
        ("null line key", key, r#""feedetl_sn":null"#, Reject(LineKey)),
        ("line key of another line", key, r#""feedetl_sn":"1""#, Reject(LineKey)),
        ("line key a number", key, r#""feedetl_sn":2"#, Values("feedetl", "feedetl_sn", &["1", "2"])),
        ("lines an object", r#""feedetl":["#, r#""feedetl":{"a":1},"other":["#, Reject(LineKey)),
        ("lines a text", r#""feedetl":["#, r#""feedetl":"[]","other":["#, Reject(LineKey)),
        ("a line that is null", r#"},{"feedetl_sn":"2""#, r#"},null,{"feedetl_sn":"2""#, Reject(LineKey)),
        ("a line that is a list", r#"},{"feedetl_sn":"2""#, r#"},[],{"feedetl_sn":"2""#, Reject(LineKey)),
        ("lines null", r#""feedetl":["#, r#""feedetl":null,"other":["#, Values("feedetl", "feedetl_sn", &[])),
        ("no lines", r#""feedetl":["#, r#""other":["#, Values("feedetl", "feedetl_sn", &[])),
        ("refund line", r#""cnt":2"#, r#""cnt":-2"#, Values("feedetl", "cnt", &["-2.0000", "1.0000"])),
        (
            "ceiling that means none",
            r#""pric_uplmt_amt":3.0"#,
            r#""pric_uplmt_amt":999999"#,
            Values("feedetl", "pric_uplmt_amt", &["999999.000000", "8.000000"]),
        ),
        (
            "code longer than declared",
            r#""XA""#,
            r#""XC09AAY041A001010100001-LONG""#,
            Values("feedetl", "med_list_codg", &["XC09AAY041A001010100001-LONG", "XB"]),
        ),
        // Other children.
        ("diagnoses an object", diagnoses, r#"{"diag_code":"I10"}"#, Fault("diseinfo", "diag_type", Type)),
        ("a diagnosis that is text", diagnoses, r#"[{"diag_code":"I10"},"E11"]"#, Fault("diseinfo", "diag_type", Type)),
        ("diagnoses null", diagnoses, "null", Values("diseinfo", "diag_code", &[])),
        ("an empty diagnosis", diagnoses, "[{}]", Values("diseinfo", "diag_code", &[""])),
        // Numbers.
        ("number as text", amount, r#""hifp_pay":"3.25""#, Values("header", "hifp_pay", &["3.25"])),
        ("number with an exponent", amount, r#""hifp_pay":3.25e1"#, Values("header", "hifp_pay", &["32.50"])),
        ("zeros behind", amount, r#""hifp_pay":3.250000000000000000000000"#, Values("header", "hifp_pay", &["3.25"])),
        ("the largest amount", amount, r#""hifp_pay":9999999999999999.99"#, Values("header", "hifp_pay", &["9999999999999999.99"])),
        ("empty amount", amount, r#""hifp_pay":"""#, Values("header", "hifp_pay", &[""])),
        ("null amount", amount, r#""hifp_pay":null"#, Values("header", "hifp_pay", &[""])),
        ("no amount", amount, r#""x":1"#, Values("header", "hifp_pay", &[""])),
        ("three decimals", amount, r#""hifp_pay":3.255"#, Fault("header", "hifp_pay", Scale)),
        ("float noise", amount, r#""hifp_pay":3.2499999999999996"#, Fault("header", "hifp_pay", Scale)),
        ("1e400", amount, r#""hifp_pay":1e400"#, Fault("header", "hifp_pay", Range)),
        ("beyond the precision", amount, r#""hifp_pay":10000000000000000"#, Fault("header", "hifp_pay", Range)),
        ("NaN as text", amount, r#""hifp_pay":"NaN""#, Fault("header", "hifp_pay", Syntax)),
        ("comma as text", amount, r#""hifp_pay":"1,234.00""#, Fault("header", "hifp_pay", Syntax)),
        ("full-width digits", amount, r#""hifp_pay":"３""#, Fault("header", "hifp_pay", Syntax)),
        ("white space in a number", amount, r#""hifp_pay":" 3.25""#, Fault("header", "hifp_pay", Syntax)),
        ("amount true", amount, r#""hifp_pay":true"#, Fault("header", "hifp_pay", Type)),
        ("amount an object", amount, r#""hifp_pay":{"v":3.25}"#, Fault("header", "hifp_pay", Type)),
        ("price with seven decimals", r#""pric":2.5"#, r#""pric":2.5000001"#, Fault("feedetl", "pric", Scale)),
        ("whole number with a point", r#""ipt_days":2"#, r#""ipt_days":2.0"#, Values("header", "ipt_days", &["2"])),
        ("1.9 is no whole number", r#""ipt_days":2"#, r#""ipt_days":1.9"#, Fault("header", "ipt_days", Scale)),
        ("whole number too large", r#""ipt_days":2"#, r#""ipt_days":2147483648"#, Fault("header", "ipt_days", Range)),
        ("no age", r#""age":46.0"#, r#""x":1"#, Values("header", "age", &[""])),
        ("age of a newborn", r#""age":46.0"#, r#""age":0.1"#, Values("header", "age", &["0.1000"])),
        // Texts.
        ("code as a number", clean, r#""gend":1"#, Values("header", "gend", &["1"])),
        ("code as a fraction", clean, r#""gend":1.0"#, Fault("header", "gend", Type)),
        ("code as a boolean", clean, r#""gend":true"#, Fault("header", "gend", Type)),
        ("flag as a boolean", r#""nwb_flag":"0""#, r#""nwb_flag":true"#, Values("header", "nwb_flag", &["1"])),
        ("empty code", clean, r#""gend":"""#, Values("header", "gend", &[""])),
        ("code an object", clean, r#""gend":{}"#, Fault("header", "gend", Type)),
        // Days.
        ("day with a clock", r#""1980-02-29""#, r#""1980-02-29 00:00:00""#, Values("header", "brdy", &["1980-02-29"])),
        ("day in digits", r#""1980-02-29""#, "19800229", Values("header", "brdy", &["1980-02-29"])),
        ("day that does not exist", "1980-02-29", "1981-02-29", Fault("header", "brdy", Syntax)),
        ("day of zeros", "1980-02-29", "0000-00-00", Fault("header", "brdy", Syntax)),
        ("time of a line as text", "2026-03-01 08:00:00", "yesterday", Fault("feedetl", "fee_ocur_time", Syntax)),
        // Unknown members.
        ("unknown member", extra, r#"[[[{"feedetl":1}]]]"#, Values("header", "gend", &["1"])),
    ];
    for (trap, find, with, expect) in traps {
        assert_eq!(CLEAN.matches(find).count().min(1), 1, "{trap}: nothing to replace");
        check(&SETTLEMENT, CLEAN, trap, CLEAN.replacen(find, with, 1).as_bytes(), expect);
    }
}

#[test]
fn traps_of_whole_payloads() {
    use RejectClass::*;
    let twice = format!("{CLEAN}{CLEAN}");
    let lines = format!("{CLEAN}\n{CLEAN}");
    let deep = |depth: usize| CLEAN.replacen(r#"{"a":[1,"b",{"c":null}]}"#, &format!("{}{}", "[".repeat(depth), "]".repeat(depth)), 1);
    let large = CLEAN.replacen("not ours", &"x".repeat(MESSAGE_BYTES_MAX), 1);
    let fee_lines = |count: usize| {
        let list: Vec<_> = (0..count).map(|line| format!(r#"{{"feedetl_sn":{line}}}"#)).collect();
        format!(r#"{{"setl_id":1,"psn_no":1,"setl_time":"20260301","medfee_sumamt":1,"feedetl":[{}]}}"#, list.join(","))
    };
    let (many, too_many) = (fee_lines(LINES_MAX), fee_lines(LINES_MAX + 1));
    let gbk = CLEAN
        .replacen("云川市医院", "\u{1}\u{2}", 1)
        .into_bytes()
        .iter()
        .map(|byte| if *byte < 3 { byte + 0xd0 } else { *byte })
        .collect::<Vec<_>>();
    let broken = |place: &str, bytes: &[u8]| {
        let at = CLEAN.find(place).unwrap();
        [&CLEAN.as_bytes()[..at], bytes, &CLEAN.as_bytes()[at + place.len()..]].concat()
    };
    let trap = |name: &str, message: &[u8], expect: Expect| check(&SETTLEMENT, CLEAN, name, message, &expect);
    trap("empty", b"", Reject(Empty));
    trap("white space", b" \r\n\t", Reject(Empty));
    trap("two objects", twice.as_bytes(), Reject(NotJson));
    trap("two lines", lines.as_bytes(), Reject(NotJson));
    trap("cut in a string", &CLEAN.as_bytes()[..40], Reject(NotJson));
    trap("cut before the last bracket", &CLEAN.as_bytes()[..CLEAN.len() - 1], Reject(NotJson));
    trap("text behind", &[CLEAN.as_bytes(), b"x"].concat(), Reject(NotJson));
    trap("zero byte behind", &[CLEAN.as_bytes(), b"\0"].concat(), Reject(NotJson));
    trap("line feed behind", &[CLEAN.as_bytes(), b"\n"].concat(), Values("header", "setl_id", &["S1"]));
    trap("a list of events", format!("[{CLEAN}]").as_bytes(), Reject(NotObject));
    trap("a text", b"\"x\"", Reject(NotObject));
    trap("a number", b"1e400", Reject(NotObject));
    trap("null", b"null", Reject(NotObject));
    trap("not JSON at all", b"setl_id=1", Reject(NotJson));
    trap("GBK", &gbk, Reject(NotUtf8));
    trap("invalid UTF-8 in a skipped text", &broken("not ours", b"\xff"), Reject(NotUtf8));
    trap("invalid UTF-8 in a skipped text with an escape", &broken("not ours", b"\\n\xff"), Reject(NotUtf8));
    trap("invalid UTF-8 in a skipped list", &broken("\"b\"", b"\"\xe4\xba\""), Reject(NotUtf8));
    trap("invalid UTF-8 in a kept text", &broken("云川市医院", b"\xe4\xba\x91\xe5"), Reject(NotUtf8));
    trap("invalid UTF-8 in a kept text with an escape", &broken("云川市医院", b"\\n\xe4"), Reject(NotUtf8));
    trap("invalid UTF-8 in the person", &broken("P1", b"\x80"), Reject(NotUtf8));
    trap("invalid UTF-8 in a time", &broken("2026-03-01 08:00:00", b"2026-03-01 08:00:0\xb0"), Reject(NotUtf8));
    trap("invalid UTF-8 in a key", &broken("note", b"n\xf8te"), Reject(NotUtf8));
    trap("invalid UTF-8 outside texts", &broken("46.0", b"4\xc36.0"), Reject(NotUtf8));
    trap("surrogate in UTF-8", &[b"{\"a\":\"\xed\xa0\x80\",".as_slice(), &CLEAN.as_bytes()[1..]].concat(), Reject(NotUtf8));
    trap("overlong UTF-8", &[b"{\"a\":\"\xc0\xaf\",".as_slice(), &CLEAN.as_bytes()[1..]].concat(), Reject(NotUtf8));
    trap("nested to the limit", deep(NESTING_MAX - 1).as_bytes(), Values("header", "setl_id", &["S1"]));
    trap("nested too deep", deep(NESTING_MAX).as_bytes(), Reject(TooLarge));
    trap("nested without end", &b"[".repeat(1 << 20), Reject(TooLarge));
    trap("too many bytes", large.as_bytes(), Reject(TooLarge));
    trap("as many lines as allowed", many.as_bytes(), Values("header", "setl_id", &["1"]));
    trap("too many lines", too_many.as_bytes(), Reject(TooLarge));
    trap("an empty object", b"{}", Reject(NoBusinessId));
}

#[test]
fn traps_in_a_prescription() {
    use FieldFault::*;
    use RejectClass::*;
    let nested = r#"{"data":{"rxinfo":{"hospRxno":"R1","prscTime":"2026-03-01T08:30:00","rxDrugDetail":[{"medListCodg":"XA"}]},"mdtrtinfo":{"fixmedinsCode":"H1","psnNo":"P1"}}}"#;
    let in_two_blocks =
        r#"{"rxinfo":{"hosp_rxno":"R1","prsc_time":"20260301"},"mdtrtinfo":{"hosp_rxno":"R2","fixmedins_code":"H1","psn_no":"P1"}}"#;
    let traps: &[(&str, &str, &str, Expect)] = &[
        ("nested blocks", CLEAN_PRESCRIPTION, nested, Values("rxdrugdetail", "med_list_codg", &["XA"])),
        ("blocks that disagree", CLEAN_PRESCRIPTION, in_two_blocks, Reject(NoBusinessId)),
        ("half a business id", r#""fixmedins_code""#, r#""inst""#, Reject(NoBusinessId)),
        (
            "the same drug twice",
            r#"[{"med_list_codg""#,
            r#"[{"med_list_codg":"XA"},{"med_list_codg""#,
            Values("rxdrugdetail", "med_list_codg", &["XA", "XA"]),
        ),
        ("drugs no list", r#"[{"med_list_codg":"XA","medc_days":7,"drug_cnt":1}]"#, "7", Reject(LineKey)),
        ("days with a unit", r#""medc_days":7"#, r#""medc_days":"7天""#, Fault("rxdrugdetail", "medc_days", Syntax)),
        ("half a day", r#""medc_days":7"#, r#""medc_days":0.5"#, Values("rxdrugdetail", "medc_days", &["0.5000"])),
        ("area under a settlement's name", r#""rx_drug_cnt":1"#, r#""insu_admdvs":"990101""#, Values("header", "insu_plc_no", &["990101"])),
    ];
    for (trap, find, with, expect) in traps {
        assert!(CLEAN_PRESCRIPTION.contains(find), "{trap}: nothing to replace");
        check(&PRESCRIPTION, CLEAN_PRESCRIPTION, trap, CLEAN_PRESCRIPTION.replacen(find, with, 1).as_bytes(), expect);
    }
}

#[test]
fn reasons_name_places_and_never_values() {
    let secrets = ["SECRET-1", "SECRET-2", "19990101"];
    let message = |person: &str, time: &str, tail: &str| {
        format!(
            r#"{{"setl_id":"SECRET-1","psn_no":{person},"setl_time":{time},"medfee_sumamt":1,"feedetl":[{{"feedetl_sn":"SECRET-2"}},{{"feedetl_sn":"SECRET-2"}}]{tail}"#
        )
    };
    for (text, reason) in [
        (message(r#""SECRET-1""#, "20260301", "}"), "feedetl_sn: given to two lines"),
        (message(r#"{"a":"SECRET-1"}"#, "20260301", "}"), "psn_no: type"),
        (message("null", "20260301", "}"), "psn_no: missing"),
        (message(r#""SECRET-1""#, "\"SECRET-2\"", "}"), "setl_time: syntax"),
        (message(r#""SECRET-1""#, "19990101", ""), "malformed at byte 144"),
    ] {
        let reject = JsonDecoder::new(&SETTLEMENT, Projection::all(&SETTLEMENT)).push(text.as_bytes()).map(drop).unwrap_err();
        assert_eq!(reject.reason, reason);
        assert!(!secrets.iter().any(|secret| reject.reason.contains(secret)));
    }
}

#[test]
fn unknown_members_are_counted_once_each() {
    for make in [JsonDecoder::new, JsonDecoder::general_only] {
        let mut decoder = make(&SETTLEMENT, Projection::none(&SETTLEMENT));
        for _ in 0..3 {
            decoder.push(CLEAN.as_bytes()).unwrap();
        }
        // `note` and `extra` of each message; what is in `extra` belongs to it.
        assert_eq!(decoder.take_counts().unknown_fields, 6);
    }
}

#[test]
fn faults_of_columns_that_nobody_keeps_are_not_counted() {
    let message = CLEAN.replacen(r#""hifp_pay":3.25"#, r#""hifp_pay":"none""#, 1).replacen(r#""diseinfo":["#, r#""diseinfo":1,"x":["#, 1);
    let mut decoder = JsonDecoder::new(&SETTLEMENT, Projection::none(&SETTLEMENT));
    decoder.push(message.as_bytes()).unwrap();
    assert_eq!(decoder.take_counts().field_faults, Default::default());
}
