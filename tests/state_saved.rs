//! A shard that was saved and loaded goes on as the one that was never away,
//! to the byte, and what was changed on the way is noticed.

#[path = "support/feed.rs"]
mod feed;
#[path = "support/taken_back.rs"]
mod taken_back;

use std::sync::Arc;
use std::sync::LazyLock;

use claimsift::base::diagnostic;
use claimsift::base::ids::INPUTS;
use claimsift::base::ids::InputId;
use claimsift::base::ids::PARTIALS_INPUT;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::record::Message;
use claimsift::engine::Engine;
use claimsift::engine::effects::Closing;
use claimsift::engine::effects::Effects;
use claimsift::engine::journal::Tick;
use claimsift::engine::journal::TickKind;
use claimsift::engine::saved::Stage;
use claimsift::engine::shard::Shard;
use claimsift::events::EVENT_TYPES;
use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::ruleset::compile::EVALUATED;
use claimsift::ruleset::compile::compile;
use claimsift::ruleset::read;
use claimsift::runtime::recover::OwnedMessages;
use claimsift::state::saved::Damage;
use claimsift::state::saved::HEAD;
use claimsift::state::saved::Loader;
use claimsift::state::saved::Marks;
use claimsift::state::saved::Part;
use claimsift::state::segment::Segment;
use claimsift::synth::Generated;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use claimsift::window::calendar::Month;
use feed::World;
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_pcg::Pcg64;
use taken_back::taken_back;

/// One feed for all laws.
struct Base {
    feed: Vec<Generated>,
    own: Arc<Engine>,
    /// Without some rules that remember and some on groups.
    other: Arc<Engine>,
}

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let world = World::read();
    let settings = SynthSettings {
        seed: 5,
        settlements: 2_000,
        prescriptions: 700,
        persons: 300,
        planted: Planted { violations: 2, missed: 0, withdrawn: 2, near_misses: 1, innocents: 1 },
        duplicates: 0.01,
        rejects: 0.01,
        ..SynthSettings::default()
    };
    let own = world.engine(&settings, 1);
    let (texts, _) = read::load(&feed::path("rules")).unwrap();
    let gone = ["repeat-supply", "online-first", "oe-total-cost", "over-drug-cases"];
    let kept = texts.into_iter().filter(|source| !gone.contains(&read::stem(&source.name)));
    let (book, mistakes) = read::read(&kept.collect::<Vec<_>>());
    let (rules, more) = compile(&book, EVALUATED);
    assert!(mistakes.is_empty() && more.is_empty(), "{}", diagnostic::render(&more));
    let references = Arc::clone(&world.loaded.references);
    let other = Arc::new(Engine::new(Arc::new(rules), references, own.settings.clone(), IdentityKey::from_bytes(&[9; 32])));
    Base { feed: taken_back(world.feed(&settings).0), own, other }
});

/// What a shard did, as far as anybody sees it.
#[derive(Debug, PartialEq)]
struct Seen {
    records: Vec<Record>,
    /// Counts, tallies and the rest.
    rest: String,
}

impl Seen {
    fn of_run(mut effects: Effects) -> Self {
        // How many messages the quick decoder had to hand over is no result.
        effects.counts.shape_misses = 0;
        let Effects { run, records, counts, rules, unlisted, stop } = effects;
        assert_eq!(stop, None);
        Self { records, rest: format!("{} {} {} {:x} {counts:?} {rules:?} {unlisted:?}", run.from, run.to, run.messages, run.hash) }
    }

    fn of_end(closing: Closing) -> Self {
        let Closing { worked, records, rules, looked, .. } = closing;
        Self { records, rest: format!("{worked} {rules:?} {looked:?}") }
    }
}

/// What a shard is told to do.
enum Doing<'a> {
    Run(InputId, OwnedMessages),
    Tick(Tick),
    End(u64),
    Switch(&'a Stage),
}

fn does(shard: &mut Shard, doing: &Doing<'_>, epoch: u64) -> Option<Seen> {
    match doing {
        Doing::Run(input, messages) => Some(Seen::of_run(shard.step(*input, messages, epoch, false))),
        Doing::End(epoch) => Some(Seen::of_end(shard.close_epoch(*epoch, false))),
        Doing::Tick(tick) => {
            shard.tick(*tick);
            None
        }
        Doing::Switch(stage) => {
            shard.switch(Arc::clone(&stage.engine), stage.activation, stage.groups_from);
            None
        }
    }
}

/// A shard that is never away beside one that is saved and loaded again and again.
struct Pair {
    first: Arc<Engine>,
    stages: Vec<Stage>,
    live: Shard,
    marks: Marks,
    /// With the marks that it was loaded with.
    again: Option<(Shard, Marks)>,
    /// The last save and those that it goes on from.
    chain: Vec<Vec<u8>>,
    epoch: u64,
    offsets: [i64; INPUTS],
    /// Partials on their way back.
    partials: Vec<Record>,
    told: usize,
    looks: usize,
}

impl Pair {
    fn new(first: &Arc<Engine>) -> Self {
        Self {
            first: Arc::clone(first),
            stages: Vec::new(),
            live: Shard::new(Arc::clone(first), 0),
            marks: Marks::default(),
            again: None,
            chain: Vec::new(),
            epoch: 1,
            offsets: [0; INPUTS],
            partials: Vec::new(),
            told: 0,
            looks: 0,
        }
    }

    fn does(&mut self, doing: &Doing<'_>) -> bool {
        let seen = does(&mut self.live, doing, self.epoch);
        if let Some((again, _)) = &mut self.again {
            assert_eq!(seen, does(again, doing, self.epoch));
        }
        let Some(seen) = seen else { return false };
        let (partials, told): (Vec<Record>, Vec<Record>) = seen.records.into_iter().partition(|record| record.output == Output::Partials);
        self.partials.extend(partials);
        self.told += told.len();
        self.looks += usize::from(seen.rest.contains("Looked"));
        seen.rest.starts_with("true")
    }

    fn runs(&mut self, messages: &[&Generated]) {
        for of_input in messages.chunk_by(|one, other| one.input == other.input) {
            let input = of_input[0].input;
            let mut run = OwnedMessages::default();
            for message in of_input {
                run.push(feed::as_message(message, self.offsets[input]));
                self.offsets[input] += 1;
            }
            self.does(&Doing::Run(input, run));
        }
    }

    /// Ends the epoch and hands back what partials it sent.
    fn end(&mut self) -> bool {
        let worked = self.does(&Doing::End(self.epoch));
        self.epoch += 1;
        let mut run = OwnedMessages::default();
        for record in std::mem::take(&mut self.partials) {
            let offset = self.offsets[PARTIALS_INPUT];
            run.push(Message { offset, timestamp_ms: 0, key: record.key.as_deref(), value: record.value.as_deref(), watermark: None });
            self.offsets[PARTIALS_INPUT] += 1;
        }
        self.does(&Doing::Run(PARTIALS_INPUT, run));
        worked
    }

    fn switch(&mut self, engine: &Arc<Engine>, groups_from: Month) {
        let stage = Stage { engine: Arc::clone(engine), activation: self.stages.len() as u64 + 1, groups_from };
        self.does(&Doing::Switch(&stage));
        self.stages.push(stage);
    }

    /// Saves what is new; what was loaded writes the same.
    fn save(&mut self) {
        let parts = self.live.save(&mut self.marks).unwrap();
        if let Some((again, marks)) = &mut self.again {
            assert_eq!(names(&again.save(marks).unwrap()), names(&parts));
            assert_eq!(*marks, self.marks);
        }
        self.chain.retain(|bytes| Segment::decode(bytes).unwrap().table != HEAD);
        self.chain.extend(parts.iter().map(|part| Segment::of(0, part).unwrap().encode()));
    }

    fn load(&mut self) {
        let (shard, marks) = self.loaded(&self.chain).unwrap();
        assert_eq!(marks, self.marks);
        self.again = Some((shard, marks));
    }

    fn loaded(&self, chain: &[Vec<u8>]) -> Result<(Shard, Marks), Damage> {
        let segments = chain.iter().map(|bytes| Segment::decode(bytes)).collect::<Result<Vec<_>, _>>()?;
        Shard::load(Loader::new(segments, &mut || ())?, 0, &self.first, &self.stages)
    }

    /// Until nothing is left to send or to look at.
    fn settle(&mut self) {
        for input in 0..EVENT_TYPES.len() {
            let mut run = OwnedMessages::default();
            run.push(Message { offset: self.offsets[input], timestamp_ms: 0, key: None, value: None, watermark: Some(b"end") });
            self.offsets[input] += 1;
            self.does(&Doing::Run(input, run));
        }
        while self.end() {}
    }
}

/// What two saves differ in, for a message that can be read.
fn names(parts: &[Part]) -> Vec<(String, u64, u64, &[u8])> {
    parts.iter().map(|part| (part.table.clone(), part.from, part.to, part.bytes.as_slice())).collect()
}

/// Everything a shard holds.
fn whole(shard: &mut Shard) -> Vec<Part> {
    shard.save(&mut Marks::default()).unwrap()
}

/// Works through the feed, saving and loading between epochs as the seed says.
fn worked_through(seed: u64, switching: bool) -> Pair {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut pair = Pair::new(if switching { &BASE.other } else { &BASE.own });
    let mut left: Vec<&Generated> = BASE.feed.iter().collect();
    let total = left.len();
    let mut saves = 0;
    while !left.is_empty() {
        for _ in 0..random.random_range(1..4) {
            let rest = left.split_off(left.len().min(random.random_range(1..120)));
            pair.runs(&std::mem::replace(&mut left, rest));
        }
        if random.random_range(0..20) == 0 {
            let kind = if random.random_range(0..2) == 0 { TickKind::Idle } else { TickKind::SourceIdle(0) };
            let input = if kind == TickKind::Idle { random.random_range(0..2) } else { PARTIALS_INPUT };
            pair.does(&Doing::Tick(Tick { input, kind }));
        }
        pair.end();
        let done = (total - left.len()) * 3 / total;
        if switching && done > pair.stages.len() && pair.stages.len() < 2 {
            let engine = if pair.stages.is_empty() { &BASE.own } else { &BASE.other };
            pair.switch(engine, Month::new(2026, 6 + 2 * i32::try_from(pair.stages.len()).unwrap()));
        }
        if random.random_range(0..3) == 0 {
            pair.save();
            saves += 1;
            if random.random_range(0..2) == 0 {
                pair.load();
            }
        }
    }
    pair.save();
    pair.load();
    pair.settle();
    assert!(saves > 2 && pair.told > 20 && pair.looks > 0, "{saves} saves, {} told, {} looks", pair.told, pair.looks);
    pair
}

#[test]
fn a_loaded_shard_goes_on_as_the_one_that_was_never_away() {
    for seed in [1, 2] {
        worked_through(seed, false);
    }
}

#[test]
fn a_loaded_shard_stands_where_its_switches_led_it() {
    for seed in [3, 4] {
        let mut pair = worked_through(seed, true);
        let stages = std::mem::take(&mut pair.stages);
        assert!(pair.loaded(&pair.chain).is_err(), "it went through two activations");
        pair.stages = vec![stages[1].clone(), stages[0].clone()];
        assert!(pair.loaded(&pair.chain).is_err(), "in this order");
    }
}

#[test]
fn a_chain_of_saves_holds_what_one_save_holds() {
    let mut pair = worked_through(5, true);
    pair.save();
    let (mut chained, _) = pair.loaded(&pair.chain).unwrap();
    assert!(pair.chain.len() > 100, "{} segments", pair.chain.len());
    let at_once = whole(&mut pair.live);
    assert_eq!(names(&whole(&mut chained)), names(&at_once));
    let (mut loaded, _) = pair.loaded(&at_once.iter().map(|part| Segment::of(0, part).unwrap().encode()).collect::<Vec<_>>()).unwrap();
    assert_eq!(names(&whole(&mut loaded)), names(&at_once));
}

#[test]
fn what_was_torn_or_changed_is_not_loaded() {
    let mut pair = Pair::new(&BASE.own);
    for runs in BASE.feed.chunks(300).take(4) {
        pair.runs(&runs.iter().collect::<Vec<_>>());
        pair.end();
        pair.save();
    }
    pair.loaded(&pair.chain).unwrap();
    let mut random = Pcg64::seed_from_u64(7);
    for place in 0..pair.chain.len() {
        let sound = pair.chain[place].clone();
        let check = |damaged: Option<Vec<u8>>| {
            let mut chain = pair.chain.clone();
            match damaged {
                Some(bytes) => chain[place] = bytes,
                None => drop(chain.remove(place)),
            }
            if pair.loaded(&chain).is_ok() {
                let segment = Segment::decode(&sound).unwrap();
                panic!("{} {} to {}", segment.table, segment.from, segment.to);
            }
        };
        for _ in 0..20 {
            let mut flipped = sound.clone();
            let at = random.random_range(0..flipped.len());
            flipped[at] ^= 1 << random.random_range(0..8);
            check(Some(flipped));
            check(Some(sound[..random.random_range(0..sound.len())].to_vec()));
        }
        check(Some([sound.as_slice(), b"x"].concat()));
        check(Some(Vec::new()));
        // The last one of a table may be missing: the manifest names it.
        let segment = Segment::decode(&sound).unwrap();
        let is_last = !pair
            .chain
            .iter()
            .map(|bytes| Segment::decode(bytes).unwrap())
            .any(|other| (&other.table, other.from) == (&segment.table, segment.to));
        if !is_last {
            check(None);
        }
    }
}

#[test]
fn a_save_writes_what_is_new() {
    let mut pair = Pair::new(&BASE.own);
    let size = |parts: &[Part]| parts.iter().filter(|part| part.table != HEAD).map(|part| part.bytes.len()).sum::<usize>();
    let (most, rest) = BASE.feed.split_at(BASE.feed.len() - 10);
    pair.runs(&most.iter().collect::<Vec<_>>());
    pair.end();
    let first = size(&pair.live.save(&mut pair.marks).unwrap());
    assert_eq!(size(&pair.live.save(&mut pair.marks).unwrap()), 0);
    pair.runs(&rest.iter().collect::<Vec<_>>());
    pair.end();
    let second = size(&pair.live.save(&mut pair.marks).unwrap());
    assert!(0 < second && second * 50 < first, "{second} bytes after {first}");
}
