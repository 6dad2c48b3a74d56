//! How long a shard of many remembered facts takes to be saved and to be
//! restored, against stepping the same messages again, and how many bytes it is.
//!
//! `CLAIMSIFT_FACTS=100000` says how many facts (events and halves of supplies)
//! there are at least.

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::record::Message;
use claimsift::base::time::Civil;
use claimsift::commands::demo;
use claimsift::commands::load;
use claimsift::engine::Engine;
use claimsift::engine::settings::EngineSettings;
use claimsift::engine::shard::Shard;
use claimsift::io::objects::Objects;
use claimsift::runtime::recover::OwnedMessages;
use claimsift::runtime::snapshot::manifest::SegmentName;
use claimsift::runtime::snapshot::shelf::Shelf;
use claimsift::state::saved::HEAD;
use claimsift::state::saved::Loader;
use claimsift::state::saved::Marks;
use claimsift::state::saved::Part;
use claimsift::state::segment::Segment;
use claimsift::synth;
use claimsift::synth::Generated;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FACTS: u64 = 10_000_000;
/// About so many facts come of an event of the made-up city.
const FACTS_PER_EVENT: u64 = 3;
/// Messages of one run.
const RUN: usize = 1024;
/// Epochs between two saves.
const SAVED_EVERY: usize = 1024;

fn root(relative: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Times of the single parts of the work.
#[derive(Default)]
struct Times {
    stepped: Duration,
    /// On the worker's thread.
    encoded: Duration,
    longest: Duration,
    /// Beside it.
    written: Duration,
}

#[expect(clippy::disallowed_methods, reason = "whoever runs the bench says how much")]
fn facts() -> u64 {
    env::var("CLAIMSIFT_FACTS").ok().and_then(|text| text.parse().ok()).unwrap_or(FACTS)
}

fn main() {
    let references = [root("rules/reference"), root("demo/reference")];
    let facts = facts();
    let settings = demo::sized(facts / FACTS_PER_EVENT, 1);
    let city = demo::city(&references, settings.live_first()).unwrap_or_else(|failure| panic!("{failure:?}"));
    let loaded = load::load(&root("rules"), &references).unwrap_or_else(|failure| panic!("{failure:?}"));
    let mut own = EngineSettings { zone: settings.zone, ..EngineSettings::default() };
    for input in &mut own.inputs {
        input.complete_from = Some(Civil::from_date(settings.first_day()));
    }
    let engine = Arc::new(Engine::new(loaded.rules, loaded.references, own, IdentityKey::from_bytes(&[1; 32])));
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(Objects::folder(folder.path()).unwrap(), "bench".to_owned());

    let mut shard = Shard::new(Arc::clone(&engine), 0);
    let (mut marks, mut names, mut times) = (Marks::default(), Vec::new(), Times::default());
    let mut generator = synth::generate(&settings, &city);
    let mut message = Generated::default();
    let (mut run, mut input, mut offset, mut epochs) = (OwnedMessages::default(), 0, 0, 0);
    let mut more = true;
    while more {
        more = generator.next_into(&mut message);
        let count = claimsift::base::record::Messages::len(&run);
        if count > 0 && (!more || message.input != input || count == RUN) {
            epochs += 1;
            let began = Instant::now();
            shard.step(input, &std::mem::take(&mut run), epochs as u64, true);
            shard.close_epoch(epochs as u64, true);
            times.stepped += began.elapsed();
            if epochs % SAVED_EVERY == 0 || !more {
                save(&mut shard, &mut marks, &shelf, epochs as u64, &mut names, &mut times);
            }
        }
        if more {
            input = message.input;
            run.push(Message { offset, timestamp_ms: message.timestamp_ms, key: None, value: Some(&message.json), watermark: None });
            offset += 1;
        }
    }

    let began = Instant::now();
    let segments: Vec<Segment> = names.iter().map(|name| shelf.segment(0, name).unwrap_or_else(|trouble| panic!("{trouble}"))).collect();
    let read = began.elapsed();
    let count = segments.len();
    let rows = |table: &str| segments.iter().filter(|segment| segment.table == table).map(|segment| segment.to - segment.from).sum::<u64>();
    let remembered = rows("events") + rows("supplies");
    let mut alive = || ();
    let loader = Loader::new(segments, &mut alive).unwrap_or_else(|damage| panic!("{damage}"));
    let loaded = Shard::load(loader, 0, &engine, &[]).unwrap_or_else(|damage| panic!("{damage}"));
    let restored = began.elapsed();
    assert_eq!(loaded.0.persons(), shard.persons());

    let bytes: u64 = names.iter().map(|name| name.bytes).sum();
    let seconds = |time: Duration| time.as_secs_f64();
    println!("{remembered} facts of {offset} events: {count} segments, {bytes} bytes, {:.1} a fact", bytes as f64 / remembered as f64);
    println!(
        "restored in {:.3} s ({:.3} s of it reading), {:.2} us a fact; stepping again takes {:.3} s, {:.1} times as long",
        seconds(restored),
        seconds(read),
        1e6 * seconds(restored) / remembered as f64,
        seconds(times.stepped),
        seconds(times.stepped) / seconds(restored)
    );
    println!(
        "saving took the worker {:.3} s ({:.2} % of its steps, {:.3} s at most), and {:.3} s beside it",
        seconds(times.encoded),
        100.0 * seconds(times.encoded) / seconds(times.stepped),
        seconds(times.longest),
        seconds(times.written)
    );
}

fn save(shard: &mut Shard, marks: &mut Marks, shelf: &Shelf, number: u64, names: &mut Vec<SegmentName>, times: &mut Times) {
    let began = Instant::now();
    let parts: Vec<Part> = shard.save(marks).unwrap_or_else(|damage| panic!("{damage}"));
    let took = began.elapsed();
    times.encoded += took;
    times.longest = times.longest.max(took);
    let began = Instant::now();
    names.retain(|name| name.table != HEAD);
    for part in &parts {
        let segment = Segment::of(0, part).unwrap_or_else(|damage| panic!("{damage}"));
        names.push(shelf.keep_segment(&segment, number).unwrap_or_else(|fault| panic!("{fault}")));
    }
    times.written += began.elapsed();
}
