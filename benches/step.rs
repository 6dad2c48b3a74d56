//! What a step makes of a second: a shard over settlements and prescriptions
//! of the made-up city against decoding the same messages alone, where the
//! time between goes, and what the whole rule book costs against its first ten
//! rules.

#[path = "support/book.rs"]
mod book;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::record::Message;
use claimsift::base::time::Civil;
use claimsift::codecs::Decoder as _;
use claimsift::codecs::json::JsonDecoder;
use claimsift::commands::demo;
use claimsift::commands::load;
use claimsift::engine::Engine;
use claimsift::engine::effects::Counts;
use claimsift::engine::enrich::enrich;
use claimsift::engine::intake::Gate;
use claimsift::engine::items::Items;
use claimsift::engine::remember::Marks;
use claimsift::engine::remember::Memory;
use claimsift::engine::settings::EngineSettings;
use claimsift::engine::shard::Shard;
use claimsift::events::EVENT_TYPES;
use claimsift::events::InputId;
use claimsift::io::partition::Partitioner;
use claimsift::runtime::recover::OwnedMessages;
use claimsift::state::events::EventIdx;
use claimsift::state::persons::Persons;
use claimsift::state::versions::Versions;
use claimsift::synth;
use claimsift::synth::Generated;
use claimsift::synth::SynthSettings;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EVENTS: u64 = 60_000;
/// Messages of one run, as the worker reads them.
const RUN: usize = 4096;
const ROUNDS: usize = 3;

/// Each way does all that the one before does, and more.
const WAYS: [(&str, &str); 6] = [
    ("decode", "decode"),
    ("intake", "person, partition, duplicates, hash"),
    ("enrich", "reference columns"),
    ("remember", "events and supply lines into state"),
    ("history", "first visits and supplies judged"),
    ("step", "rows judged, clues told"),
];

struct Run {
    input: InputId,
    messages: OwnedMessages,
}

/// The first ten rules, all without groups, the whole book.
const SETS: usize = 3;

fn root(relative: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Runs in the order in which a worker takes them: the input with the earlier head.
fn runs(settings: &SynthSettings, city: &synth::City) -> (Vec<Run>, usize) {
    let mut generator = synth::generate(settings, city);
    let mut message = Generated::default();
    let mut open: BTreeMap<InputId, (i64, OwnedMessages, usize)> = BTreeMap::new();
    let mut closed: Vec<(i64, Run)> = Vec::new();
    let (mut offset, mut bytes) = (0, 0);
    while generator.next_into(&mut message) {
        let (_, into, count) = open.entry(message.input).or_insert_with(|| (message.event_time.0, OwnedMessages::default(), 0));
        let (key, value) = (Some(message.person.as_bytes()), Some(message.json.as_slice()));
        into.push(Message { offset, timestamp_ms: message.timestamp_ms, key, value, watermark: None });
        (offset, bytes, *count) = (offset + 1, bytes + message.json.len(), *count + 1);
        if *count == RUN
            && let Some((first, messages, _)) = open.remove(&message.input)
        {
            closed.push((first, Run { input: message.input, messages }));
        }
    }
    closed.extend(open.into_iter().map(|(input, (first, messages, _))| (first, Run { input, messages })));
    closed.sort_by_key(|(first, run)| (*first, run.input));
    (closed.into_iter().map(|(_, run)| run).collect(), bytes)
}

fn decode(engine: &Engine, runs: &[Run]) -> u64 {
    use claimsift::base::record::Messages as _;
    let mut decoders: Vec<JsonDecoder> =
        EVENT_TYPES.iter().zip(&engine.rules.projections).map(|(event, projection)| JsonDecoder::new(event, projection.clone())).collect();
    let mut rows = 0;
    for run in runs {
        let decoder = &mut decoders[run.input];
        for idx in 0..run.messages.len() {
            let value = run.messages.get(idx).value.unwrap_or_default();
            decoder.push(value).unwrap_or_else(|reject| panic!("the feed is clean: {reject:?}"));
        }
        rows += black_box(decoder.finish()).header.num_rows() as u64;
    }
    rows
}

/// A step up to `way`, without a shard.
fn part(engine: &Engine, runs: &[Run], way: usize) -> u64 {
    let mut decoders: Vec<JsonDecoder> =
        EVENT_TYPES.iter().zip(&engine.rules.projections).map(|(event, projection)| JsonDecoder::new(event, projection.clone())).collect();
    let (mut seen, mut items, mut memory, mut persons) = (Versions::default(), Items::default(), Memory::default(), Persons::default());
    let mut rows = 0;
    for run in runs {
        let mut counts = Counts::default();
        let gate = Gate { engine, shard: 0, input: run.input };
        let next = EventIdx(u32::try_from(memory.events.len()).unwrap_or(u32::MAX));
        let intake = gate.take_in(&run.messages, &mut decoders[run.input], &mut seen, next, &mut counts);
        rows += counts.evaluated;
        let people: Vec<_> = intake.persons.iter().map(|key| persons.index(*key)).collect();
        if way >= 2 {
            let batch = enrich(run.input, intake.decoded, &engine.references, &mut items, &engine.needed[run.input]);
            if way >= 3 {
                let anchors = vec![None; people.len()];
                black_box(memory.remember(&batch, &items, &Marks { persons: &people, anchors: &anchors, offsets: &intake.offsets }));
            }
        }
    }
    rows
}

fn step(engine: &Arc<Engine>, runs: &[Run], muted: bool) -> (u64, u64) {
    let mut shard = Shard::new(Arc::clone(engine), 0);
    let (mut rows, mut records) = (0, 0);
    for (epoch, run) in (1..).zip(runs) {
        let effects = black_box(shard.step(run.input, &run.messages, epoch, muted));
        rows += effects.counts.evaluated;
        records += effects.records.len() as u64;
        black_box(shard.close_epoch(epoch, muted));
    }
    (rows, records)
}

fn main() {
    let references = [root("rules/reference"), root("demo/reference")];
    // Every month is judged, as in a deployment that went live long ago.
    let settings = SynthSettings { duplicates: 0.0, traps: 0.0, rejects: 0.0, ..demo::sized(EVENTS, 1) };
    let city = demo::city(&references, settings.live_first()).unwrap_or_else(|failure| panic!("{failure:?}"));
    let engine_of = |rules: &Path| {
        let loaded = load::load(rules, &references).unwrap_or_else(|failure| panic!("{failure:?}"));
        let mut own = EngineSettings { zone: settings.zone, ..EngineSettings::default() };
        for input in &mut own.inputs {
            input.partitioner = Some(Partitioner::Murmur2);
            input.complete_from = Some(Civil::from_date(settings.first_day()));
        }
        Arc::new(Engine::new(loaded.rules, loaded.references, own, IdentityKey::from_bytes(&[1; 32])))
    };
    let engine = engine_of(&root("rules"));
    let ten = engine_of(book::first_ten(&root("rules")).path());
    let without = engine_of(book::without_groups(&root("rules")).path());
    let (runs, bytes) = runs(&settings, &city);
    let mut best = [[f64::INFINITY; WAYS.len()]; SETS];
    let (mut events, mut told) = (0, [0; SETS]);
    for _ in 0..ROUNDS {
        for (way, of) in (0..WAYS.len()).flat_map(|way| (0..SETS).map(move |of| (way, of))) {
            let engine = [&ten, &without, &engine][of];
            let began = Instant::now();
            let rows = match way {
                0 => decode(engine, &runs),
                1..=3 => part(engine, &runs, way),
                _ => {
                    let (rows, records) = step(engine, &runs, way == 4);
                    told[of] = records;
                    rows
                }
            };
            best[of][way] = best[of][way].min(began.elapsed().as_secs_f64());
            assert!(events == 0 || events == rows, "every way takes in the same");
            events = rows;
        }
    }
    println!(
        "{events} events of {} bytes in {} runs; clues told: {} by the first ten rules, {} by all without groups, {} by the whole book",
        bytes as u64 / events.max(1),
        runs.len(),
        told[0],
        told[1],
        told[2]
    );
    println!(
        "{:<9} {:>8} {:>8} {:>8}  us per event, by the first ten rules, all without groups and the whole book, for:",
        "", "ten", "rows", "book"
    );
    let mut before = [0.0; SETS];
    for (way, (name, what)) in WAYS.iter().enumerate() {
        let own = [0, 1, 2].map(|of| (best[of][way] - before[of]) * 1e6 / events as f64);
        println!("{name:<9} {:>8.2} {:>8.2} {:>8.2}  {what}", own[0], own[1], own[2]);
        before = best.map(|best| best[way]);
    }
    let [ten, rows, book] = best.map(|best| best[WAYS.len() - 1]);
    println!("step / decode: {:.2}", best[2][0] / book);
    println!(
        "{:.0} events/s by the first ten rules, {:.0} by all without groups ({:.1} % lost), {:.0} by the whole book ({:.1} % of that lost)",
        events as f64 / ten,
        events as f64 / rows,
        100.0 * (1.0 - ten / rows),
        events as f64 / book,
        100.0 * (1.0 - rows / book)
    );
}
