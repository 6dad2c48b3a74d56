//! The two decoders agree on every message, and on clean ones with arrow-json;
//! what is rejected never depends on the projection.

use std::sync::Arc;

use arrow::array::Array as _;
use arrow::array::ArrayRef;
use arrow::array::AsArray as _;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use claimsift::base::time::Civil;
use claimsift::codecs::DecodeCounts;
use claimsift::codecs::Decoded;
use claimsift::codecs::Decoder;
use claimsift::codecs::Projection;
use claimsift::codecs::Reject;
use claimsift::codecs::corpus;
use claimsift::codecs::corpus::Spacing;
use claimsift::codecs::corpus::Style;
use claimsift::codecs::json::JsonDecoder;
use claimsift::codecs::json::peek_event_time;
use claimsift::events::EventType;
use claimsift::events::prescription::PRESCRIPTION;
use claimsift::events::settlement::SETTLEMENT;
use proptest::prelude::*;

type Verdict = Result<(String, Civil), Reject>;

fn push(decoder: &mut JsonDecoder, message: &[u8]) -> Verdict {
    decoder.push(message).map(|accepted| (accepted.person.into_owned(), accepted.event_time))
}

fn generate(event: &EventType, seed: u64, style: Style) -> String {
    if event.name == "settlement" { corpus::settlement(seed, style) } else { corpus::prescription(seed, style) }
}

fn styles() -> impl Strategy<Value = Style> {
    let spacing = prop_oneof![Just(Spacing::Compact), Just(Spacing::Spaced), Just(Spacing::Pretty)];
    (any::<[bool; 5]>(), spacing).prop_map(|([camel, blocks, quoted, gaps, escaped], spacing)| Style {
        camel,
        spacing,
        blocks,
        quoted,
        gaps,
        escaped,
    })
}

fn assert_same(left: &Decoded, right: &Decoded) {
    assert_eq!(left.header, right.header);
    assert_eq!(left.children, right.children);
    assert_eq!(left.parents, right.parents);
}

/// Counts that must not differ between ways of decoding.
fn counts(decoder: &mut JsonDecoder) -> DecodeCounts {
    DecodeCounts { shape_misses: 0, ..decoder.take_counts() }
}

/// Decodes `messages` by both ways and returns the batches and the misses of the quick one.
fn check_same(event: &'static EventType, projection: &Projection, messages: &[Vec<u8>]) -> (Decoded, u64) {
    let mut general = JsonDecoder::general_only(event, projection.clone());
    let mut shape = JsonDecoder::new(event, projection.clone());
    for message in messages {
        assert_eq!(push(&mut general, message), push(&mut shape, message), "{}", String::from_utf8_lossy(message));
    }
    let decoded = general.finish();
    assert_same(&decoded, &shape.finish());
    let shape_counts = shape.take_counts();
    let misses = shape_counts.shape_misses;
    assert_eq!(counts(&mut general), DecodeCounts { shape_misses: 0, ..shape_counts });
    (decoded, misses)
}

/// Some columns kept and others not, by the bits of a seed.
fn some_columns(event: &EventType, seed: u64) -> Projection {
    let mut projection = Projection::all(event);
    let tables = std::iter::once(&mut projection.header).chain(&mut projection.children);
    for (idx, keep) in tables.flatten().enumerate() {
        *keep = (seed.rotate_left(idx as u32 * 7) ^ idx as u64) & 1 == 0;
    }
    projection
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn both_decoders_agree_on_any_mix_of_writers(
        picks in proptest::collection::vec((any::<u32>(), 0usize..3), 1..40),
        writers in proptest::collection::vec(styles(), 3),
        seed in any::<u64>(),
        prescription in any::<bool>(),
    ) {
        let event = if prescription { &PRESCRIPTION } else { &SETTLEMENT };
        let messages: Vec<_> = picks.iter().map(|(seed, writer)| generate(event, u64::from(*seed), writers[*writer]).into_bytes()).collect();
        let (decoded, _) = check_same(event, &some_columns(event, seed), &messages);
        prop_assert_eq!(decoded.header.num_rows(), messages.len());
    }
}

#[test]
fn a_steady_feed_of_any_style_stays_on_the_quick_path() {
    for event in [&SETTLEMENT, &PRESCRIPTION] {
        for bits in 0..32_u32 {
            let bit = |place: u32| bits >> place & 1 == 1;
            for spacing in [Spacing::Compact, Spacing::Spaced, Spacing::Pretty] {
                let style = Style { camel: bit(0), spacing, blocks: bit(1), quoted: bit(2), gaps: bit(3), escaped: bit(4) };
                let messages: Vec<_> = (0..60).map(|seed| generate(event, seed, style).into_bytes()).collect();
                let (_, misses) = check_same(event, &Projection::all(event), &messages);
                // With gaps several messages are needed to have seen every member.
                let bound = if style.gaps { 12 } else { 3 };
                assert!(misses <= bound, "{} {style:?}: {misses} of 60 missed", event.name);
            }
        }
    }
}

#[test]
fn writers_that_take_turns_stay_on_the_quick_path() {
    let writers = [
        Style::PLAIN,
        Style { camel: true, spacing: Spacing::Spaced, ..Style::PLAIN },
        Style { blocks: true, spacing: Spacing::Pretty, ..Style::PLAIN },
        Style { camel: true, blocks: true, quoted: true, ..Style::PLAIN },
    ];
    let messages: Vec<_> = (0..400).map(|seed| corpus::settlement(seed, writers[seed as usize % 4]).into_bytes()).collect();
    let (_, misses) = check_same(&SETTLEMENT, &Projection::all(&SETTLEMENT), &messages);
    assert!(misses <= 16, "{misses} of 400 missed");
}

#[test]
fn a_feed_without_any_shape_is_learnt_from_seldom_and_another_one_soon() {
    // Keys that are data: no two messages alike, and many more of them than a shape has room for.
    let odd = |seed: u64| corpus::settlement(seed, Style::PLAIN).replacen('{', &format!(r#"{{"k{seed}":{{"a":[]}},"#), 1);
    let mut messages: Vec<_> = (0..3000).map(|seed| odd(seed).into_bytes()).collect();
    let steady: Vec<_> = (0..400).map(|seed| corpus::settlement(seed, Style { camel: true, ..Style::PLAIN }).into_bytes()).collect();
    let (_, without) = check_same(&SETTLEMENT, &Projection::none(&SETTLEMENT), &messages);
    messages.extend(steady);
    let (_, with) = check_same(&SETTLEMENT, &Projection::none(&SETTLEMENT), &messages);
    assert!(with - without < 100, "{} of 400 steady messages missed", with - without);
}

/// A change that a careless or broken writer, disk or network makes to a message.
#[derive(Clone, Debug)]
enum Harm {
    Flip(usize, u8),
    Delete(usize, usize),
    Copy(usize, usize, usize),
    Truncate(usize),
    Insert(usize, &'static str),
    /// A value of the message becomes another one.
    Value(usize, &'static str),
}

const SNIPPETS: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\t",
    "0",
    "-",
    ".",
    "e9",
    "1e400",
    "null",
    "true",
    "\\u0041",
    "\\ud800",
    "\u{1}",
    "\u{0}",
    "中",
    "\"setl_id\":\"x\",",
    "\"psnNo\":\"x\",",
    "\"feedetl\":[],",
    "\"data\":{},",
    "\"setlinfo\":{\"gend\":\"1\"},",
    "{}",
    "[[]]",
];
const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "\"\"",
    "\"x\"",
    "\"1\"",
    "1",
    "1.5",
    "-1.25e1",
    "1e400",
    "12.505",
    "01",
    "\"1,234\"",
    "\"NaN\"",
    "{}",
    "[]",
    "[{}]",
    "[null]",
    "{\"a\":1}",
    "\"\\u4e2d\"",
    "\"\\ud800\"",
    "\"2026-03-01\"",
    "20260301083000",
    "\"2026-03-01T00:00:00+08:00\"",
    "99999999999999999999",
    "0.00001",
];

fn harm() -> impl Strategy<Value = Harm> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Harm::Flip(at, byte)),
        (any::<usize>(), 1usize..40).prop_map(|(at, len)| Harm::Delete(at, len)),
        (any::<usize>(), 1usize..80, any::<usize>()).prop_map(|(from, len, to)| Harm::Copy(from, len, to)),
        any::<usize>().prop_map(Harm::Truncate),
        (any::<usize>(), proptest::sample::select(SNIPPETS)).prop_map(|(at, text)| Harm::Insert(at, text)),
        (any::<usize>(), proptest::sample::select(VALUES)).prop_map(|(at, text)| Harm::Value(at, text)),
        (any::<usize>(), proptest::sample::select(VALUES)).prop_map(|(at, text)| Harm::Value(at, text)),
    ]
}

fn apply(message: &mut Vec<u8>, harm: &Harm) {
    let len = message.len().max(1);
    match harm {
        Harm::Flip(at, byte) => {
            if let Some(place) = message.get_mut(at % len) {
                *place ^= byte;
            }
        }
        Harm::Delete(at, count) => drop(message.drain(at % len..(at % len + count).min(message.len()))),
        Harm::Copy(from, count, to) => {
            let piece = message[from % len..(from % len + count).min(message.len())].to_vec();
            message.splice(to % len..to % len, piece);
        }
        Harm::Truncate(at) => message.truncate(at % len),
        Harm::Insert(at, text) => drop(message.splice(at % len..at % len, text.bytes())),
        Harm::Value(at, text) => {
            let Some(colon) = (0..message.len()).map(|step| (at + step) % message.len()).find(|place| message[*place] == b':') else {
                return;
            };
            let end =
                message[colon + 1..].iter().position(|byte| matches!(byte, b',' | b'}')).map_or(message.len(), |step| colon + 1 + step);
            message.splice(colon + 1..end, text.bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2500))]

    #[test]
    fn harmed_messages_meet_the_same_fate_everywhere(
        seed in 0u64..1000,
        style in styles(),
        harms in proptest::collection::vec(harm(), 1..4),
        prescription in any::<bool>(),
    ) {
        let event = if prescription { &PRESCRIPTION } else { &SETTLEMENT };
        let clean: Vec<_> = (seed..seed + 3).map(|seed| generate(event, seed, style).into_bytes()).collect();
        let mut harmed = clean[0].clone();
        harms.iter().for_each(|harm| if !harmed.is_empty() { apply(&mut harmed, harm) });
        let messages = [&clean[1], &clean[2], &harmed, &clean[1], &harmed, &clean[0]].map(Clone::clone);
        check_same(event, &Projection::all(event), &messages);
        check_same(event, &some_columns(event, seed), &messages);

        let verdicts = [Projection::all(event), Projection::none(event), some_columns(event, seed)]
            .map(|projection| push(&mut JsonDecoder::general_only(event, projection), &harmed));
        prop_assert_eq!(&verdicts[0], &verdicts[1]);
        prop_assert_eq!(&verdicts[0], &verdicts[2]);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check_same(&SETTLEMENT, &Projection::all(&SETTLEMENT), &[bytes.clone(), corpus::settlement(1, Style::PLAIN).into_bytes(), bytes.clone()]);
        peek_event_time(&SETTLEMENT, &bytes);
    }
}

#[test]
fn clean_messages_decode_as_arrow_json_does() {
    let messages: Vec<_> = (0..500).map(|seed| corpus::settlement(seed, Style::PLAIN).into_bytes()).collect();
    let (decoded, _) = check_same(&SETTLEMENT, &Projection::all(&SETTLEMENT), &messages);
    let mut fields: Vec<_> = decoded.header.schema().fields().iter().cloned().collect();
    for (child, batch) in SETTLEMENT.children.iter().zip(&decoded.children) {
        let rows = DataType::Struct(batch.schema().fields().clone());
        fields.push(Arc::new(Field::new_list(child.table.name, Field::new_list_field(rows, true), true)));
    }
    let builder = arrow::json::ReaderBuilder::new(Arc::new(Schema::new(fields))).with_batch_size(messages.len());
    let mut oracle = builder.build_decoder().unwrap();
    for message in &messages {
        oracle.decode(message).unwrap();
    }
    let batch = oracle.flush().unwrap().unwrap();
    let columns = decoded.header.num_columns();
    assert_eq!(&batch.columns()[..columns], decoded.header.columns());
    for (place, child) in decoded.children.iter().enumerate() {
        let lists = batch.column(columns + place).as_list::<i32>();
        let parents: Vec<u32> =
            (0..lists.len()).flat_map(|row| std::iter::repeat_n(row as u32, lists.value_length(row) as usize)).collect();
        assert_eq!(decoded.parents[place], parents);
        let rows: &ArrayRef = lists.values();
        assert_eq!(rows.as_struct().columns(), child.columns());
    }
    assert!(decoded.children[0].num_rows() > 2000);
}

/// Short times look alike up to the bytes that follow them.
#[test]
fn a_time_never_runs_into_its_neighbor() {
    let line = |sn: u32, rest: &str| format!(r#"{{"feedetl_sn":{sn},"fee_ocur_time":{rest}}}"#);
    let message = |rests: &[&str]| {
        let lines: Vec<_> = rests.iter().zip(1..).map(|(rest, sn)| line(sn, rest)).collect();
        format!(r#"{{"setl_id":1,"psn_no":1,"setl_time":"20260301","medfee_sumamt":1,"feedetl":[{}]}}"#, lines.join(",")).into_bytes()
    };
    let (short, full, empty) = (r#""2026-03-01","spec":"x""#, r#""2026-03-01 08:00:00""#, r#""","prodname":"abcdef""#);
    let messages = [[short, short, full], [full, full, short], [empty, short, empty], [short, empty, full]].map(|rests| message(&rests));
    let (decoded, misses) = check_same(&SETTLEMENT, &Projection::all(&SETTLEMENT), &[messages.as_slice(), messages.as_slice()].concat());
    assert_eq!(decoded.children[0].column_by_name("fee_ocur_time").unwrap().null_count(), 6);
    assert!(misses <= 4);
}

#[test]
fn bytes_that_are_no_value_are_none_at_any_place() {
    for byte in [b'\0', b'0', b'"', b' ', 0xff] {
        let (mut shape, mut general) = (
            JsonDecoder::new(&SETTLEMENT, Projection::all(&SETTLEMENT)),
            JsonDecoder::general_only(&SETTLEMENT, Projection::all(&SETTLEMENT)),
        );
        for seed in 0..4 {
            push(&mut shape, corpus::settlement(seed, Style::PLAIN).as_bytes()).unwrap();
        }
        let message = corpus::settlement(4, Style::PLAIN);
        for (colon, _) in message.match_indices(':').filter(|(at, _)| message.as_bytes()[at - 1] == b'"') {
            for count in [1, 8, 21, 32] {
                let mut spoilt = message.clone().into_bytes();
                let end = colon + 1 + message[colon + 1..].find([',', '}', ']']).unwrap();
                spoilt.splice(colon + 1..end, vec![byte; count]);
                let judged = push(&mut general, &spoilt).map(drop).map_err(|reject| reject.class);
                assert_eq!(push(&mut shape, &spoilt).map(drop).map_err(|reject| reject.class), judged, "{count} x {byte} at {colon}");
            }
        }
    }
}

#[test]
fn undo_leaves_what_was_there_before() {
    let faulty =
        |seed: u64| corpus::settlement(seed, Style::PLAIN).replacen(r#""hifes_pay":"#, r#""hifes_pay":"none","x":"#, 1).into_bytes();
    for make in [JsonDecoder::new, JsonDecoder::general_only] {
        let (mut decoder, mut expect) = (make(&SETTLEMENT, Projection::all(&SETTLEMENT)), make(&SETTLEMENT, Projection::all(&SETTLEMENT)));
        for seed in 0..20 {
            let message = if seed % 5 == 0 { faulty(seed) } else { corpus::settlement(seed, Style::PLAIN).into_bytes() };
            push(&mut decoder, &message).unwrap();
            if seed % 2 == 0 {
                decoder.undo();
                // A second one has nothing left to take back.
                decoder.undo();
            } else {
                push(&mut expect, &message).unwrap();
            }
        }
        assert_eq!((decoder.rows(), expect.rows()), (10, 10));
        assert_same(&decoder.finish(), &expect.finish());
        let counted = counts(&mut decoder);
        assert_eq!(counted.field_faults.values().sum::<u64>(), 2);
        assert_eq!(counted, counts(&mut expect));
    }
}

#[test]
fn dropped_columns_never_come_out() {
    let (decoded, _) = check_same(&SETTLEMENT, &Projection::all(&SETTLEMENT), &[corpus::settlement(3, Style::PLAIN).into_bytes()]);
    for name in ["psn_name", "certno", "tel"] {
        assert!(decoded.header.column_by_name(name).is_none(), "{name}");
    }
    let (none, _) = check_same(&SETTLEMENT, &Projection::none(&SETTLEMENT), &[corpus::settlement(3, Style::PLAIN).into_bytes()]);
    assert_eq!((none.header.num_rows(), none.header.num_columns()), (1, 0));
    assert_eq!(none.parents, decoded.parents);
}

#[test]
fn the_event_time_can_be_peeked_at() {
    let check = |message: &str, expect: Option<&str>| {
        assert_eq!(peek_event_time(&SETTLEMENT, message.as_bytes()), expect.and_then(Civil::parse), "{message}");
    };
    check(r#"{"a":"\"setl_time","setl_time" : "2026-03-01 08:30:00""#, Some("2026-03-01 08:30:00"));
    check(r#"{"x":"setl_time","setlinfo":{"setlTime":20260301083000}}"#, Some("2026-03-01 08:30:00"));
    check(r#"{"setl_time":null}"#, None);
    check(r#"{"setl_time":"soon"}"#, None);
    check(r#"{"psn_no":"1"}"#, None);
    check("", None);
    check("\"", None);
    let mut decoder = JsonDecoder::new(&PRESCRIPTION, Projection::none(&PRESCRIPTION));
    for seed in 0..50 {
        let message = corpus::prescription(seed, Style { camel: seed % 2 == 0, blocks: true, ..Style::PLAIN });
        let accepted = decoder.push(message.as_bytes()).unwrap();
        assert_eq!(peek_event_time(&PRESCRIPTION, message.as_bytes()), Some(accepted.event_time));
    }
}
