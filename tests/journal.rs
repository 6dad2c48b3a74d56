//! Journals looked back at: every damage is found where it is, and what was
//! decided once is decided again, byte for byte.

mod support;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::LazyLock;

use claimsift::base::diagnostic;
use claimsift::base::diagnostic::SourceText;
use claimsift::base::fault::Fault;
use claimsift::base::fault::Remedy;
use claimsift::base::fault::chain;
use claimsift::base::ids::EVENT_INPUTS;
use claimsift::base::ids::InputId;
use claimsift::base::ids::ShardId;
use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::record::Messages;
use claimsift::engine::Engine;
use claimsift::engine::activation::Activation;
use claimsift::engine::activation::BundleName;
use claimsift::engine::journal::JournalEntry;
use claimsift::engine::journal::SEMANTICS;
use claimsift::io::log::Archive;
use claimsift::io::log::Output;
use claimsift::io::log::TopicRecord;
use claimsift::io::memory::Faults;
use claimsift::io::memory::MemoryCluster;
use claimsift::ruleset::compile::EVALUATED;
use claimsift::ruleset::compile::compile;
use claimsift::ruleset::read;
use claimsift::runtime::bundles::Bundles;
use claimsift::runtime::replay::Asked;
use claimsift::runtime::replay::Comparison;
use claimsift::runtime::replay::Difference;
use claimsift::runtime::replay::What;
use claimsift::runtime::replay::replay;
use claimsift::runtime::standing::Place;
use claimsift::runtime::verify::Finding;
use claimsift::runtime::verify::Wrong;
use claimsift::runtime::verify::verify;
use claimsift::runtime::worker::Silent;
use claimsift::runtime::worker::Wish;
use claimsift::runtime::worker::Worker;
use claimsift::runtime::worker::WorkerSettings;
use claimsift::synth::Generated;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use claimsift::window::calendar::Month;
use support::feed;
use support::feed::NoClock;
use support::feed::World;

const PARTITIONS: i32 = 3;
const SUPPLY_RULE: &str = "repeat-supply";
const OUTPUTS: [Output; 4] = [Output::Clues, Output::Shadow, Output::Rejects, Output::Partials];

/// A log of three shards whose rules changed in the middle, written by workers
/// that died again and again.
struct Base {
    own: Arc<Engine>,
    shelf: Shelf,
    cluster: MemoryCluster,
}

/// Bundles at hand.
struct Shelf(Vec<Arc<Engine>>);

impl Bundles for Shelf {
    fn load(&self, bundle: &BundleName) -> Result<Arc<Engine>, Fault> {
        let found = self.0.iter().find(|engine| BundleName::of(&engine.versions).is(bundle));
        found.cloned().ok_or_else(|| Fault::stop(format!("load {bundle}"), "it is not on the shelf"))
    }
}

static BASE: LazyLock<Base> = LazyLock::new(|| {
    let world = World::read();
    let settings = SynthSettings {
        seed: 5,
        settlements: 1_500,
        prescriptions: 450,
        persons: 250,
        rejects: 0.02,
        planted: Planted { violations: 2, missed: 0, withdrawn: 2, near_misses: 1, innocents: 1 },
        ..SynthSettings::default()
    };
    let (messages, _) = world.feed(&settings);
    let own = world.engine(&settings, PARTITIONS);
    // One rule is on trial, and later another is gone.
    let (texts, _) = read::load(&feed::path("rules")).unwrap();
    let engine = |gone: Option<&str>| {
        let changed = texts.iter().filter(|source| Some(read::stem(&source.name)) != gone).map(|source| {
            let trial = read::stem(&source.name) == "rx-count";
            let text = if trial { source.text.replace("status: live", "status: shadow") } else { source.text.clone() };
            Arc::new(SourceText { name: source.name.clone(), text })
        });
        let (book, mistakes) = read::read(&changed.collect::<Vec<_>>());
        let (rules, more) = compile(&book, EVALUATED);
        assert!(mistakes.is_empty() && more.is_empty(), "{}", diagnostic::render(&[mistakes, more].concat()));
        let references = Arc::clone(&world.loaded.references);
        Arc::new(Engine::new(Arc::new(rules), references, own.settings.clone(), IdentityKey::from_bytes(&[9; 32])))
    };
    let (own, gone) = (engine(None), engine(Some(SUPPLY_RULE)));
    let shelf = Shelf(vec![Arc::clone(&own), Arc::clone(&gone)]);
    let cluster = MemoryCluster::new(PARTITIONS);
    cluster.set_faults(Some(Faults { seed: 3, crash: 60, answer_lost: 60, commit_again: 60, expelled: 0 }));
    let live = claimsift::base::time::Civil::from_date(settings.live_first()).day();
    let middle = messages.iter().position(|message| message.event_time.day() >= live + 12).unwrap();
    // Some of all bills are deleted in the end: what was told of them is withdrawn.
    let deleted: Vec<Generated> = messages[..middle].iter().filter(|message| message.input == 0).step_by(3).filter_map(deleted).collect();
    let rest = [&messages[middle..], &deleted].concat();
    for (place, part) in [&messages[..middle], &rest].into_iter().enumerate() {
        if place == 1 {
            let bundle = BundleName::of(&gone.versions);
            cluster.activate(Activation { number: 1, bundle, groups_from: Month::new(2026, 8), wall_ms: 0 }.encode());
        }
        part.iter().for_each(|message| feed::send(&cluster, message));
        if place == 1 {
            feed::state_end(&cluster, 0);
        }
        work(&own, &shelf, &cluster);
    }
    cluster.set_faults(None);
    Base { own, shelf, cluster }
});

/// A later version of a bill that says that there is none; `None` for what cannot be read.
fn deleted(bill: &Generated) -> Option<Generated> {
    let mut json: serde_json::Value = serde_json::from_slice(&bill.json).ok()?;
    let fields = json.as_object_mut()?;
    ["valiFlag", "updtTime"].into_iter().for_each(|name| drop(fields.remove(name)));
    fields.insert("vali_flag".to_owned(), "0".into());
    fields.insert("updt_time".to_owned(), "2026-12-31 00:00:00".into());
    Some(Generated { json: serde_json::to_vec(&json).ok()?, ..bill.clone() })
}

/// Works to the end, anew after each death.
fn work(own: &Arc<Engine>, shelf: &Shelf, cluster: &MemoryCluster) {
    let settings = WorkerSettings { until_end: true, run_messages_max: 48, epoch_messages_max: 192, ..WorkerSettings::default() };
    for _ in 0..500 {
        let mut log = cluster.worker("worker-0", feed::GROUP);
        let mut worker = Worker::new(Arc::clone(own), &mut log, settings.clone(), &NoClock).with_bundles(Some(shelf));
        match worker.run(&Wish::default(), &mut Silent) {
            Ok(()) => return,
            Err(fault) => assert_ne!(fault.remedy, Remedy::Stop, "{}", chain(&fault)),
        }
    }
    panic!("it died 500 times");
}

/// A record that a test may change.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    partition: i32,
    offset: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Owned {
    fn text(&self) -> String {
        String::from_utf8(self.value.clone().unwrap()).unwrap()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.value.as_ref().unwrap()).unwrap()
    }

    fn epoch(&self) -> u64 {
        self.json()["provenance"]["epoch"].as_u64().unwrap()
    }

    /// `None`: a withdrawal, which names no source.
    fn shard(&self) -> Option<ShardId> {
        Some(self.json()["provenance"]["sources"][0]["partition"].as_i64()? as ShardId)
    }

    fn place(&self, output: Output) -> Place {
        let id = String::from_utf8(self.key.clone().unwrap()).unwrap();
        Place::Clue { output, id, revision: self.json()["provenance"]["revision"].as_u64().unwrap() as u32 }
    }

    fn replace(&mut self, from: &str, to: &str) {
        let text = self.text();
        assert!(text.contains(from), "{from}: {text}");
        self.value = Some(text.replacen(from, to, 1).into_bytes());
    }
}

/// The log of [`BASE`] with something changed on the way to the reader.
struct Damaged {
    log: MemoryCluster,
    journals: BTreeMap<ShardId, Vec<Vec<u8>>>,
    outputs: BTreeMap<Output, Vec<Owned>>,
    /// Offset before which inputs hold nothing, and whether outputs are of an age.
    held_from: i64,
    dropped_before: Option<i64>,
}

impl Damaged {
    fn new() -> Self {
        let mut log = BASE.cluster.clone();
        let journals = (0..PARTITIONS).map(|shard| (shard, log.journal(shard).unwrap())).collect();
        let mut outputs: BTreeMap<Output, Vec<Owned>> = BTreeMap::new();
        for output in OUTPUTS {
            let records = outputs.entry(output).or_default();
            let read = Archive::output(&mut log, output, &mut |record| {
                records.push(Owned {
                    partition: record.partition,
                    offset: record.offset,
                    key: record.key.map(<[u8]>::to_vec),
                    value: record.value.map(<[u8]>::to_vec),
                    headers: record.headers.to_vec(),
                });
                Ok(())
            });
            assert_eq!(read.unwrap(), None);
        }
        Self { log, journals, outputs, held_from: 0, dropped_before: None }
    }

    fn entries(&self, shard: ShardId) -> Vec<JournalEntry> {
        JournalEntry::decode_all(&self.journals[&shard]).unwrap()
    }

    fn change(&mut self, shard: ShardId, change: impl FnOnce(&mut Vec<JournalEntry>)) {
        let mut entries = self.entries(shard);
        change(&mut entries);
        self.journals.insert(shard, entries.iter().map(JournalEntry::encode).collect());
    }

    fn output(&mut self, output: Output) -> &mut Vec<Owned> {
        self.outputs.get_mut(&output).unwrap()
    }
}

impl Archive for Damaged {
    fn shards(&self) -> ShardId {
        PARTITIONS
    }
    fn journal(&mut self, shard: ShardId) -> Result<Vec<Vec<u8>>, Fault> {
        Ok(self.journals[&shard].clone())
    }
    fn activations(&mut self) -> Result<Vec<Vec<u8>>, Fault> {
        self.log.activations()
    }
    fn bounds(&mut self, shard: ShardId, input: InputId) -> Result<(i64, i64), Fault> {
        let (first, end) = self.log.bounds(shard, input)?;
        Ok((first.max(self.held_from), end))
    }
    fn replay(
        &mut self,
        shard: ShardId,
        input: InputId,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(&dyn Messages) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.log.replay(shard, input, from, to, each)
    }
    fn output(&mut self, output: Output, each: &mut dyn FnMut(TopicRecord<'_>) -> Result<(), Fault>) -> Result<Option<i64>, Fault> {
        for record in &self.outputs[&output] {
            each(TopicRecord {
                partition: record.partition,
                offset: record.offset,
                timestamp_ms: 0,
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &record.headers,
            })?;
        }
        Ok(self.dropped_before.filter(|_| output == Output::Rejects))
    }
}

/// What is found after a change of shard 1.
fn found(inputs: bool, change: impl FnOnce(&mut Vec<JournalEntry>)) -> Vec<Finding> {
    let mut damaged = Damaged::new();
    damaged.change(1, change);
    verify(&mut damaged, inputs).unwrap().findings
}

fn of(epoch: u64, wrong: Wrong) -> Finding {
    Finding { shard: Some(1), epoch: Some(epoch), wrong }
}

#[test]
fn a_sound_journal_is_told_sound_with_what_was_checked() {
    let mut sound = Damaged::new();
    let checked = verify(&mut sound, true).unwrap();
    assert_eq!(checked.findings, []);
    let entries: Vec<JournalEntry> = (0..PARTITIONS).flat_map(|shard| sound.entries(shard)).collect();
    let runs: Vec<_> = entries.iter().flat_map(|entry| &entry.runs).collect();
    assert_eq!((checked.shards, checked.entries, checked.runs, checked.activations), (3, entries.len(), runs.len(), 1));
    assert_eq!(checked.messages, runs.iter().map(|run| run.messages).sum::<u64>());
    assert_eq!(verify(&mut sound, false).unwrap().messages, 0);
    // The feed of the tests below has what they damage.
    assert!(entries.iter().any(|entry| entry.activation == 1) && entries.iter().any(|entry| entry.activation == 0));
    let gap =
        |pair: &[JournalEntry]| pair[1].runs.iter().any(|run| pair[0].runs.iter().any(|old| old.input == run.input && old.to < run.from));
    assert!((0..PARTITIONS).any(|shard| sound.entries(shard).windows(2).any(gap)), "aborted epochs leave gaps");
    for output in OUTPUTS {
        assert!(!sound.outputs[&output].is_empty(), "{output:?}");
    }
    let withdrawn = sound.outputs[&Output::Clues].iter().map(Owned::json).filter(|clue| clue["provenance"]["status"] == "RETRACTED");
    let rules: BTreeSet<String> = withdrawn.map(|clue| clue["finding"]["rule"]["id"].to_string()).collect();
    assert!(rules.len() > 10, "rules of all kinds withdraw: {rules:?}");
}

#[test]
fn every_damage_of_a_journal_is_found_where_it_is() {
    let entries = Damaged::new().entries(1);
    let (versions, last) = (entries[0].versions.clone(), entries.last().unwrap().clone());
    let check = |change: fn(&mut Vec<JournalEntry>), expect: Vec<Finding>| assert_eq!(found(false, change), expect);

    check(|entries| drop(entries.remove(4)), vec![of(6, Wrong::Broken { number: 6, previous: 5, before: 4 })]);
    check(
        |entries| entries[4].number = 50,
        vec![of(50, Wrong::Broken { number: 50, previous: 4, before: 4 }), of(6, Wrong::Broken { number: 6, previous: 5, before: 50 })],
    );
    check(|entries| entries[4].evaluated += 1, vec![of(5, Wrong::Unbalanced { n_in: entries[4].n_in, outcomes: entries[4].n_in + 1 })]);
    let runs: u64 = entries[4].runs.iter().filter(|run| run.input < EVENT_INPUTS).map(|run| run.messages).sum();
    check(
        |entries| {
            entries[4].evaluated += 1;
            entries[4].n_in += 1;
        },
        vec![of(5, Wrong::RunsAndCounts { runs, n_in: runs + 1 })],
    );
    check(|entries| entries.last_mut().unwrap().activation = 2, vec![of(last.number, Wrong::ActivationUnknown { number: 2, known: 1 })]);
    let mut older = last.versions.clone();
    older.semantics = SEMANTICS + 1;
    check(
        |entries| entries.last_mut().unwrap().versions.semantics += 1,
        vec![
            of(last.number, Wrong::Versions { then: entries[entries.len() - 2].versions.clone(), now: older }),
            of(last.number, Wrong::Semantics(SEMANTICS + 1)),
        ],
    );
    // Under activation 0 holds what the journal began with; under another what that says.
    let (began, now) = (BundleName::of(&versions), BundleName::of(&last.versions));
    assert_ne!(began, now);
    check(
        |entries| entries.last_mut().unwrap().activation = 0,
        vec![
            of(last.number, Wrong::ActivationBack { before: 1, now: 0 }),
            of(last.number, Wrong::Bundle { entry: now.clone(), expected: began.clone() }),
        ],
    );
    let other = BundleName { rules: "0123456789abcdef".to_owned(), references: now.references.clone() };
    check(
        |entries| entries.last_mut().unwrap().versions.rule_set = "0123456789abcdef".to_owned(),
        vec![of(last.number, Wrong::Bundle { entry: other, expected: now })],
    );
}

#[test]
fn runs_that_overlap_are_found_and_gaps_are_normal() {
    let entries = Damaged::new().entries(1);
    let runs: Vec<(u64, usize, usize)> = entries
        .iter()
        .flat_map(|entry| {
            entry.runs.iter().enumerate().filter(|(_, run)| run.input == 0).map(|(at, _)| (entry.number, entry.number as usize - 1, at))
        })
        .collect();
    let (epoch, place, at) = runs[3];
    let (_, before_place, before_at) = runs[2];
    let end = entries[before_place].runs[before_at].to;
    let findings = found(false, |entries| entries[place].runs[at].from = end - 1);
    assert_eq!(findings, [of(epoch, Wrong::Overlap { input: 0, from: end - 1, end })]);
    // What cannot be read hides what it said, and nothing after it.
    let mut damaged = Damaged::new();
    damaged.journals.get_mut(&2).unwrap()[3] = b"{\"number\":4".to_vec();
    damaged.change(0, |entries| entries[1].statement += 1);
    let found = verify(&mut damaged, false).unwrap().findings;
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(matches!(&found[0], Finding { shard: Some(0), epoch: Some(2), wrong: Wrong::Unbalanced { .. } }));
    assert!(matches!(&found[1], Finding { shard: Some(2), epoch: None, wrong: Wrong::Unreadable { place: 3, .. } }), "{found:?}");
    for finding in &found {
        let [zh, en] = finding.wrong.words();
        assert!(!zh.is_ascii() && en.is_ascii(), "{zh} {en}");
    }
}

#[test]
fn inputs_are_held_against_what_the_journal_says_of_them() {
    let entries = Damaged::new().entries(1);
    let (place, at) = (3, 0);
    let run = entries[place].runs[at].clone();
    let change = |entries: &mut Vec<JournalEntry>| entries[place].runs[at].hash ^= 1;
    assert_eq!(found(false, change), []);
    let content = Wrong::Content { input: run.input, from: run.from, to: run.to, messages: run.messages, found: run.messages };
    assert_eq!(found(true, change), [of(4, content)]);

    // Of what has expired nothing is said but that; the rest is read.
    let mut damaged = Damaged::new();
    let runs: Vec<(u64, i64, i64)> = entries
        .iter()
        .flat_map(|entry| entry.runs.iter().filter(|run| run.input == 0).map(|run| (entry.number, run.from, run.to)))
        .collect();
    damaged.held_from = runs[2].1;
    let findings = verify(&mut damaged, true).unwrap().findings;
    let of_input: Vec<&Finding> =
        findings.iter().filter(|finding| finding.shard == Some(1) && matches!(finding.wrong, Wrong::Expired { input: 0, .. })).collect();
    let expired = Wrong::Expired { input: 0, from: runs[0].1, held: runs[2].1, last: runs[1].0 };
    assert_eq!(of_input, [&of(runs[0].0, expired)]);
    assert!(findings.iter().all(|finding| matches!(finding.wrong, Wrong::Expired { .. })), "{findings:?}");
}

fn asked(shard: Option<ShardId>, from: u64, to: Option<u64>) -> Asked {
    Asked { shard, from, to, any_semantics: false, rejects: true }
}

fn again(archive: &mut dyn Archive, asked: &Asked) -> Result<Comparison, String> {
    replay(&BASE.own, Some(&BASE.shelf), archive, asked, &mut |_| Ok(())).map_err(|fault| chain(&fault))
}

/// Differences of one shard's range after a change of the outputs.
fn differences(asked: &Asked, change: impl FnOnce(&mut Damaged)) -> Vec<Difference> {
    let mut damaged = Damaged::new();
    change(&mut damaged);
    again(&mut damaged, asked).unwrap().differences
}

#[test]
fn what_was_decided_is_decided_again() {
    let mut log = Damaged::new();
    let mut clues = Vec::new();
    let found = replay(&BASE.own, Some(&BASE.shelf), &mut log, &asked(None, 1, None), &mut |record| {
        clues.push(record.value.clone());
        Ok(())
    })
    .unwrap();
    assert_eq!(found.differences, []);
    for output in OUTPUTS {
        let same: u64 = (0..PARTITIONS).map(|shard| found.count(Some(shard), output, What::Same)).sum();
        assert_eq!(same, log.outputs[&output].len() as u64, "{output:?}");
    }
    assert_eq!(clues.len(), log.outputs[&Output::Clues].len() + log.outputs[&Output::Shadow].len());
    let lasts: BTreeMap<ShardId, (u64, u64)> = (0..PARTITIONS).map(|shard| (shard, (1, log.entries(shard).len() as u64))).collect();
    assert_eq!(found.ranges, lasts);

    // Range by range it comes to the same, also across the switch, and of one shard alone.
    let last = lasts[&1].1;
    let switched = log.entries(1).iter().find(|entry| entry.activation == 1).unwrap().number;
    assert!(switched > 4 && switched + 2 < last, "{switched} of {last}");
    let mut sums: BTreeMap<Output, u64> = BTreeMap::new();
    for (from, to) in [(1, 3), (4, switched - 2), (switched - 1, switched + 1), (switched + 2, last + 100)] {
        let part = again(&mut log, &asked(Some(1), from, Some(to))).unwrap();
        assert_eq!(part.differences, [], "{from} to {to}");
        assert_eq!(part.ranges, BTreeMap::from([(1, (from, to.min(last)))]));
        for output in OUTPUTS {
            *sums.entry(output).or_default() += part.count(Some(1), output, What::Same);
        }
    }
    for output in OUTPUTS {
        assert_eq!(sums[&output], found.count(Some(1), output, What::Same), "{output:?}");
        assert!(sums[&output] > 0, "{output:?}");
    }
    let beyond = again(&mut log, &asked(Some(1), last + 1, None)).unwrap();
    assert!(beyond.ranges.is_empty());
}

#[test]
fn a_clue_that_was_changed_taken_away_or_added_is_found() {
    let clues = Damaged::new().outputs[&Output::Clues].clone();
    let last = Damaged::new().entries(1).len() as u64;
    let whole = asked(Some(1), 1, None);
    let at = clues.iter().position(|clue| clue.shard() == Some(1)).unwrap();
    let (clue, epoch) = (clues[at].clone(), clues[at].epoch());
    let place = clue.place(Output::Clues);
    let told = |what, place: &Place, epoch| Difference { shard: Some(1), epoch, place: place.clone(), what };

    let changed = differences(&whole, |log| log.output(Output::Clues)[at].replace("\"stage\":\"事后\"", "\"stage\":\"事前\""));
    assert_eq!(changed, [told(What::Different, &place, Some(epoch))]);
    let header = differences(&whole, |log| log.output(Output::Clues)[at].headers[0].1 = Some(b"nobody".to_vec()));
    assert_eq!(header, changed);
    let missing = differences(&whole, |log| drop(log.output(Output::Clues).remove(at)));
    assert_eq!(missing, [told(What::Missing, &place, Some(epoch))]);
    let twice = differences(&whole, |log| log.output(Output::Clues).push(clue.clone()));
    assert_eq!(twice, [told(What::Extra, &place, Some(epoch))]);
    // Who changes its epoch takes it from one and adds it to another.
    let moved = differences(&whole, |log| {
        log.output(Output::Clues)[at].replace(&format!("\"epoch\":{epoch}"), &format!("\"epoch\":{last}"));
    });
    assert_eq!(moved, [told(What::Missing, &place, Some(epoch)), told(What::Extra, &place, Some(last))]);
    // Outside the range nobody looks, and other shards' clues are not this one's.
    assert_eq!(differences(&asked(Some(1), epoch + 1, None), |log| drop(log.output(Output::Clues).remove(at))), []);
    assert_eq!(differences(&asked(Some(0), 1, None), |log| drop(log.output(Output::Clues).remove(at))), []);

    // A withdrawal names no source: it belongs where its clue was told.
    let withdrawn = clues.iter().position(|other| {
        let first = clues.iter().find(|first| first.key == other.key).unwrap();
        other.shard().is_none() && first.shard() == Some(1)
    });
    let withdrawn = withdrawn.expect("a withdrawal");
    let (gone, epoch) = (clues[withdrawn].place(Output::Clues), clues[withdrawn].epoch());
    let missing = differences(&whole, |log| drop(log.output(Output::Clues).remove(withdrawn)));
    assert_eq!(missing, [told(What::Missing, &gone, Some(epoch))]);

    // Clues that nobody told: with sources, without, and of an epoch that there is not.
    let forged = "00000000000000000000000000000000";
    let forge = |change: &dyn Fn(&mut Owned)| {
        let mut forged_clue = clue.clone();
        forged_clue.key = Some(forged.as_bytes().to_vec());
        change(&mut forged_clue);
        let found = differences(&whole, |log| log.output(Output::Clues).push(forged_clue.clone()));
        let [Difference { shard, epoch, place: Place::Clue { id, .. }, what: What::Extra }] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(id, forged);
        (*shard, *epoch)
    };
    let own = clue.epoch();
    assert_eq!(forge(&|_| {}), (Some(1), Some(own)));
    let sources = clue.json()["provenance"]["sources"].to_string();
    assert_eq!(forge(&|clue| clue.replace(&format!("\"sources\":{sources}"), "\"sources\":[]")), (None, None));
    assert_eq!(forge(&|clue| clue.replace(&format!("\"epoch\":{own}"), &format!("\"epoch\":{}", last + 7))), (Some(1), Some(last + 7)));
    assert_eq!(forge(&|clue| clue.replace(&format!("\"epoch\":{own}"), "\"epoch\":0")), (Some(1), None));
}

#[test]
fn rejects_and_partials_are_compared_too() {
    let log = Damaged::new();
    let whole = asked(None, 1, None);
    let reject = log.outputs[&Output::Rejects].iter().position(|reject| reject.value.is_some()).unwrap();
    let changed = differences(&whole, |log| log.output(Output::Rejects)[reject].value.as_mut().unwrap().push(b' '));
    let [Difference { epoch: Some(epoch), place: Place::Reject { input, offset }, what: What::Different, shard: Some(shard) }] =
        changed.as_slice()
    else {
        panic!("{changed:?}")
    };
    let entries = log.entries(*shard);
    let runs = &entries[*epoch as usize - 1].runs;
    assert!(runs.iter().any(|run| run.input == *input && (run.from..run.to).contains(offset)));
    // What the topic no longer holds because of its age is not called missing, and not the same.
    let aged = differences(&whole, |log| {
        log.output(Output::Rejects).remove(reject);
        log.dropped_before = Some(1);
    });
    assert_eq!(aged.iter().map(|difference| difference.what).collect::<Vec<_>>(), [What::Expired]);
    let without = Asked { rejects: false, ..whole.clone() };
    assert_eq!(differences(&without, |log| log.output(Output::Rejects).clear()), []);

    let blocks = &log.outputs[&Output::Partials];
    let changed = differences(&whole, |log| drop(log.output(Output::Partials).remove(blocks.len() / 2)));
    assert!(matches!(changed.as_slice(), [Difference { place: Place::Block { .. }, what: What::Missing, .. }]), "{changed:?}");
    let twice = differences(&whole, |log| log.output(Output::Partials).push(blocks[blocks.len() / 2].clone()));
    assert!(matches!(twice.as_slice(), [Difference { place: Place::Block { .. }, what: What::Extra, .. }]), "{twice:?}");
    let foreign = differences(&whole, |log| log.output(Output::Partials)[0].value = Some(b"no block".to_vec()));
    assert_eq!(foreign.len(), 2, "{foreign:?}");
}

#[test]
fn what_cannot_be_decided_as_it_was_is_refused() {
    let whole = asked(Some(1), 1, None);
    // Another build of the same semantics decides the same.
    let mut log = Damaged::new();
    log.output(Output::Clues).iter_mut().for_each(|clue| clue.replace("\"engine\":\"claimsift ", "\"engine\":\"claimsift 0.0.1-"));
    let found = again(&mut log, &whole).unwrap();
    assert!(found.is_same() && found.builds.iter().any(|build| build.starts_with("claimsift 0.0.1-")), "{:?}", found.builds);

    let mut log = Damaged::new();
    log.change(1, |entries| entries.iter_mut().for_each(|entry| entry.versions.semantics -= 1));
    let reason = again(&mut log, &whole).unwrap_err();
    assert!(reason.contains("semantics") && reason.contains("--any-semantics"), "{reason}");
    let found = again(&mut log, &Asked { any_semantics: true, ..whole.clone() }).unwrap();
    assert!(found.is_same() && found.semantics.contains(&(SEMANTICS - 1)));

    let mut log = Damaged::new();
    log.change(1, |entries| entries.iter_mut().for_each(|entry| entry.versions.identity_key = "another".to_owned()));
    assert!(again(&mut log, &Asked { any_semantics: true, ..whole.clone() }).unwrap_err().contains("identity key another"));
    let mut log = Damaged::new();
    log.change(1, |entries| entries[2].runs[0].hash ^= 1);
    assert!(again(&mut log, &whole).unwrap_err().contains("or others"));
    // Only what lies before the end of the range has to be there.
    assert!(again(&mut log, &asked(Some(1), 1, Some(2))).unwrap().is_same());
    let mut log = Damaged::new();
    let reason = replay(&BASE.own, None, &mut log, &whole, &mut |_| Ok(())).err().map(|fault| chain(&fault)).unwrap();
    assert!(reason.contains("no store"), "{reason}");
    assert!(again(&mut log, &asked(Some(3), 1, None)).unwrap_err().contains("there are 3 shards"));
}
