//! How many settlements a second and core each way of decoding makes of the
//! same messages, in short rounds that take turns so that a slow moment of the
//! machine hits all of them.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::Schema;
use claimsift::codecs::Decoder;
use claimsift::codecs::Projection;
use claimsift::codecs::corpus;
use claimsift::codecs::corpus::Style;
use claimsift::codecs::json::JsonDecoder;
use claimsift::events::settlement::SETTLEMENT;

/// So many that no branch predictor knows them by heart.
const MESSAGES: u64 = 32_768;
/// Passes over the messages.
const ROUNDS: usize = 3;
/// Messages of one timing: few enough that some fit between the interruptions
/// of a busy machine, enough that what the way before left in the caches does
/// not count.
const TIMED: usize = 2048;
/// Messages of one columnar batch.
const RUN: usize = 1024;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// About the columns that thirty rules read.
fn projection() -> Projection {
    let mut projection = Projection::none(&SETTLEMENT);
    let kept: &[(&str, &[&str])] = &[
        (
            "header",
            &[
                "mdtrt_id",
                "gend",
                "brdy",
                "age",
                "insutype",
                "insu_admdvs",
                "fixmedins_code",
                "hosp_lv",
                "fix_blng_admdvs",
                "med_type",
                "biz_type_code",
                "begntime",
                "fulamt_ownpay_amt",
                "overlmt_selfpay",
                "inscp_scp_amt",
                "hifp_pay",
                "fund_pay_sumamt",
                "acct_pay",
                "mid_setl_flag",
            ],
        ),
        (
            "feedetl",
            &["feedetl_sn", "fee_ocur_time", "med_list_codg", "medins_list_name", "det_item_fee_sumamt", "cnt", "pric", "bilg_dr_codg"],
        ),
        ("diseinfo", &["diag_type", "maindiag_flag", "diag_code"]),
    ];
    for (table, columns) in kept {
        for column in *columns {
            assert!(projection.keep(&SETTLEMENT, table, column), "{table}.{column}");
        }
    }
    projection
}

fn drain(decoder: &mut JsonDecoder, messages: &[String]) -> usize {
    let mut rows = 0;
    for run in messages.chunks(RUN) {
        for message in run {
            decoder.push(message.as_bytes()).expect("the corpus is clean");
        }
        rows += black_box(decoder.finish()).header.num_rows();
    }
    rows
}

/// What arrow-json is to read: the kept columns, under the header and its lists.
fn arrow_schema(projection: &Projection) -> Arc<Schema> {
    let fields = |columns: &[claimsift::events::Column], keep: &[bool]| -> Vec<Field> {
        let kept = columns.iter().zip(keep).filter(|(_, keep)| **keep);
        kept.map(|(column, _)| Field::new(column.name, column.kind.arrow(), true)).collect()
    };
    let mut header = fields(SETTLEMENT.header.columns, &projection.header);
    for (child, keep) in SETTLEMENT.children.iter().zip(&projection.children) {
        let rows = DataType::Struct(fields(child.table.columns, keep).into());
        header.push(Field::new_list(child.table.name, Field::new_list_field(rows, true), true));
    }
    Arc::new(Schema::new(header))
}

fn arrow_json(schema: &Arc<Schema>, messages: &[String]) -> usize {
    let builder = arrow::json::ReaderBuilder::new(Arc::clone(schema)).with_batch_size(RUN);
    let mut decoder = builder.build_decoder().expect("the schema is readable");
    let mut rows = 0;
    for run in messages.chunks(RUN) {
        for message in run {
            decoder.decode(message.as_bytes()).expect("the corpus is clean");
        }
        rows += black_box(decoder.flush().expect("the corpus is clean")).map_or(0, |batch| batch.num_rows());
    }
    rows
}

fn tape(messages: &[String]) -> usize {
    let mut buffer = Vec::new();
    let mut buffers = simd_json::Buffers::default();
    let mut nodes = 0;
    for message in messages {
        buffer.clear();
        buffer.extend_from_slice(message.as_bytes());
        let tape = simd_json::to_tape_with_buffers(&mut buffer, &mut buffers).expect("the corpus is clean");
        nodes += black_box(&tape).0.len();
    }
    nodes
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let messages: Vec<String> = (0..MESSAGES).map(|seed| corpus::settlement(seed, Style::PLAIN)).collect();
    let bytes: usize = messages.iter().map(String::len).sum();
    println!("{MESSAGES} settlements of {} bytes", bytes / messages.len());
    let projection = projection();
    let schema = arrow_schema(&projection);
    let mut shape = JsonDecoder::new(&SETTLEMENT, projection.clone());
    let mut general = JsonDecoder::general_only(&SETTLEMENT, projection);
    let mut best = [0.0_f64; 4];
    let mut rates: [Vec<f64>; 4] = Default::default();
    let names = ["shape", "general", "simd-json tape", "arrow-json"];
    // For a profiler: `-- shape 5` runs five rounds of that way alone.
    let mut only: Vec<_> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let rounds = only.iter().find_map(|text| text.parse().ok()).unwrap_or(ROUNDS);
    only.retain(|name| names.contains(&name.as_str()));
    let ways: Vec<_> = (0..names.len()).filter(|way| only.is_empty() || only.iter().any(|name| name == names[*way])).collect();
    for messages in (0..rounds).flat_map(|_| messages.chunks(TIMED)) {
        for way in ways.iter().copied() {
            let start = Instant::now();
            black_box(match way {
                0 => drain(&mut shape, messages),
                1 => drain(&mut general, messages),
                2 => tape(messages),
                _ => arrow_json(&schema, messages),
            });
            let rate = messages.len() as f64 / start.elapsed().as_secs_f64();
            best[way] = best[way].max(rate);
            rates[way].push(rate);
        }
    }
    for way in ways {
        println!("decode {:<15} {:>9.0} events/s (median round {:.0})", names[way], best[way], median(rates[way].clone()));
    }
    for (over, under, floor) in [(0, 2, " (floor 1.5)"), (0, 3, " (floor 5)"), (1, 3, "")] {
        // Of the best rounds, and the middle one of the rounds' own ratios.
        let ratios = rates[over].iter().zip(&rates[under]).map(|(over, under)| over / under).collect();
        println!("decode {} / {}: {:.2}, median {:.2}{floor}", names[over], names[under], best[over] / best[under], median(ratios));
    }
    println!("shape misses: {}", shape.take_counts().shape_misses);
}
