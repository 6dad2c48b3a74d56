//! A live month with planted violations through the engine on the embedded
//! log: everything planted is found with its grade, nothing else is raised,
//! rejects are kept byte for byte, and traps change no clue.
//!
//! What each rule found stands in a table; `UPDATE=1 cargo test --test
//! planted_month` writes it anew.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use claimsift::codecs::RejectClass;
use claimsift::engine::journal::JournalEntry;
use claimsift::io::log::Record;
use claimsift::synth;
use claimsift::synth::Planted;
use claimsift::synth::SynthSettings;
use claimsift::synth::TrapKind;
use claimsift::synth::Truth;
use claimsift::synth::TruthKind;
use effective::Word;
use effective::differences;
use effective::effective;
use effective::name_of;
use effective::result_of;
use effective::words;
use feed::Cut;
use feed::Run;
use feed::World;
use feed::run_generated;

/// Runs so short that none holds the statements and the late bill of a day
/// together: the clue of a withdrawn first visit is told before its bill comes.
const CUT: Cut = Cut { partitions: 4, workers: 2, run_messages_max: 8, epoch_messages_max: 4096 };

/// Violations of each kind in the month that the table is about.
const VIOLATIONS: u32 = 50;
/// What each rule found in that month.
const TABLE: &str = "tests/golden/planted_month.txt";

fn settings(seed: u64) -> SynthSettings {
    SynthSettings { seed, settlements: 30_000, prescriptions: 6_000, persons: 5_400, corrections: 0.02, ..SynthSettings::default() }
}

/// A reject as it must be kept: class, key and payload.
type Kept = (String, Option<Vec<u8>>, Option<Vec<u8>>);

fn kept(record: &Record) -> Kept {
    let class = record.headers.iter().find(|(name, _)| *name == "class").map(|(_, class)| class.clone());
    (class.unwrap_or_default(), record.key.clone(), record.value.clone())
}

/// What a planted case came to, where it is not what it should.
fn mistakes(truths: &[Truth], words: &[Word]) -> Vec<String> {
    let effective = effective(words);
    let mut found = Vec::new();
    let mut planted: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for truth in truths {
        let name = name_of(&truth.key);
        let mut tell = |what: &str| found.push(format!("{} {} {name} of {}: {what}", truth.rule, truth.pattern, truth.time));
        let of_rule = |word: &&Word| word.rule == truth.rule && word.names.contains(&name);
        let clues: Vec<&Word> = effective.values().filter(of_rule).collect();
        match truth.kind {
            TruthKind::Violation { grade } => {
                if clues.is_empty() {
                    tell("not found");
                }
                for clue in clues.iter().filter(|clue| clue.result != result_of(grade)) {
                    tell(&format!("found as {}", clue.result));
                }
                planted.entry(truth.rule).or_default().insert(name.clone());
            }
            TruthKind::Missed { .. } if !clues.is_empty() => tell("an honest miss was found"),
            TruthKind::Withdrawn => {
                let statuses: Vec<&str> = words.iter().filter(of_rule).map(|word| word.status.as_str()).collect();
                if statuses != ["NEW", "RETRACTED"] {
                    tell(&format!("told as {statuses:?}"));
                }
            }
            TruthKind::NearMiss | TruthKind::Innocent if !clues.is_empty() => tell("raised"),
            TruthKind::Missed { .. } | TruthKind::NearMiss | TruthKind::Innocent => {}
        }
    }
    for clue in effective.values().filter(|clue| !clue.shadow) {
        if planted.get(clue.rule.as_str()).is_none_or(|names| names.is_disjoint(&clue.names)) {
            found.push(format!("{} raised what nobody planted: {:.300}", clue.rule, clue.finding));
        }
    }
    found
}

/// What was planted for each rule and what became of it, and why each honest
/// miss is one, in the words of the rule's own file. A false clue of a live
/// rule names nothing that was planted for it; rules on trial tell of ordinary
/// life too, and only what they say of quiet cases is false.
fn table(world: &World, truths: &[Truth], words: &[Word]) -> String {
    let effective = effective(words);
    let mut out = format!(
        "{:<20} {:<6} {:>5} {:>7} {:>5} {:>6} {:>11} {:>9} {:>5}\n",
        "rule", "status", "kinds", "planted", "found", "missed", "near misses", "innocents", "false"
    );
    for rule in &world.loaded.rules.rules {
        let id = rule.doc.id.as_str();
        let own: Vec<&Truth> = truths.iter().filter(|truth| truth.rule == id).collect();
        let clues: Vec<&Word> = effective.values().filter(|clue| clue.rule == id).collect();
        let of = |wanted: fn(TruthKind) -> bool| own.iter().copied().filter(move |truth| wanted(truth.kind));
        let violations = || of(|kind| matches!(kind, TruthKind::Violation { .. }));
        let quiet = || of(|kind| matches!(kind, TruthKind::NearMiss | TruthKind::Innocent));
        let told = |truth: &&Truth| clues.iter().any(|clue| clue.names.contains(&name_of(&truth.key)));
        let kinds: BTreeSet<&str> = violations().map(|truth| truth.pattern).collect();
        let planted: BTreeSet<String> = violations().map(|truth| name_of(&truth.key)).collect();
        let unplanted = clues.iter().filter(|clue| clue.names.is_disjoint(&planted)).count();
        let wrong = if rule.shadow { quiet().filter(told).count() } else { unplanted };
        writeln!(
            out,
            "{id:<20} {:<6} {:>5} {:>7} {:>5} {:>6} {:>11} {:>9} {wrong:>5}",
            if rule.shadow { "shadow" } else { "live" },
            kinds.len(),
            violations().count(),
            violations().filter(told).count(),
            of(|kind| matches!(kind, TruthKind::Missed { .. })).count(),
            of(|kind| kind == TruthKind::NearMiss).count(),
            of(|kind| kind == TruthKind::Innocent).count(),
        )
        .unwrap();
    }
    out.push_str("\nmissed, because\n");
    for rule in &world.loaded.rules.rules {
        let mut planted: BTreeMap<&str, usize> = BTreeMap::new();
        for truth in truths.iter().filter(|truth| truth.rule == rule.doc.id) {
            if let TruthKind::Missed { reason, .. } = truth.kind {
                *planted.entry(reason).or_default() += 1;
            }
        }
        for told in &rule.doc.not_seen {
            if let Some(times) = planted.remove(told.zh.as_str()) {
                writeln!(out, "{:<20} {times:>5} {} {}", rule.doc.id, told.zh, told.en).unwrap();
            }
        }
        assert!(planted.is_empty(), "{} does not say that it misses {planted:?}", rule.doc.id);
    }
    out
}

fn check_journal(run: &Run, fed: u64, statements: u64, duplicates: u64) {
    let (mut n_in, mut duplicate, mut correction) = (0, 0, 0);
    for record in &run.journal {
        let entry: JournalEntry = serde_json::from_slice(record.record.value.as_deref().unwrap()).unwrap();
        let rejected: u64 = entry.rejected.values().sum();
        assert_eq!(entry.n_in, entry.evaluated + entry.duplicate + entry.correction + entry.statement + rejected, "{entry:?}");
        assert_eq!(entry.n_in, entry.runs.iter().map(|run| run.messages).sum::<u64>(), "{entry:?}");
        n_in += entry.n_in;
        duplicate += entry.duplicate;
        correction += entry.correction;
    }
    assert_eq!(n_in, fed + statements, "every message is counted once");
    assert_eq!(duplicate, duplicates, "every repeat is counted as one");
    assert!(correction > 200, "{correction} corrections");
}

/// Runs a month without and with traps; returns the table of the first.
fn check(world: &World, clean_settings: SynthSettings) -> (Vec<Truth>, String) {
    let seed = clean_settings.seed;
    let (clean, truths, _) = run_generated(world, &clean_settings, &CUT, |_| {});
    let clean_words = words(&clean.clues);
    let found = mistakes(&truths, &clean_words);
    assert!(found.is_empty(), "seed {seed}:\n{}", found.join("\n"));
    assert!(clean.rejects.is_empty());
    assert!(truths.iter().any(|truth| truth.kind == TruthKind::Withdrawn));

    let mixed_settings = SynthSettings { traps: 0.01, rejects: 0.01, duplicates: 0.01, ..clean_settings };
    let (mut expected, mut fed, mut traps, mut duplicates) = (Vec::new(), 0_u64, 0_u64, 0_u64);
    let (mut classes, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    let (mixed, _, statements) = run_generated(world, &mixed_settings, &CUT, |message| {
        fed += 1;
        traps += u64::from(message.trap.is_some());
        duplicates += u64::from(message.duplicate);
        kinds.extend(message.trap.map(|kind| format!("{kind:?}")));
        if let Some(class) = message.reject {
            classes.insert(class);
            expected.push((class.name().to_owned(), Some(message.person.clone().into_bytes()), feed::value(message).map(<[u8]>::to_vec)));
        }
    });
    assert!(traps * 200 > fed && expected.len() as u64 * 200 > fed, "{traps} traps and {} rejects of {fed}", expected.len());
    assert_eq!(classes.len(), RejectClass::ALL.len() - 1, "all but wrong_partition, which stops: {classes:?}");
    assert_eq!(kinds.len(), TrapKind::SAME.len(), "{kinds:?}");
    let differing = differences(&effective(&clean_words), &effective(&words(&mixed.clues)));
    assert!(differing.is_empty(), "seed {seed}, clean and with traps:\n{}", differing.join("\n"));
    let mut rejects: Vec<Kept> = mixed.rejects.iter().map(|record| kept(&record.record)).collect();
    rejects.sort();
    expected.sort();
    for (one, other) in rejects.iter().zip(&expected) {
        let text = |kept: &Kept| format!("{} {}", kept.0, String::from_utf8_lossy(kept.2.as_deref().unwrap_or_default()));
        assert_eq!(one, other, "seed {seed}\nkept {}\nsent {}", text(one), text(other));
    }
    assert_eq!(rejects.len(), expected.len());
    check_journal(&mixed, fed, statements, duplicates);
    assert!(mixed.totals.counts.field_faults.is_empty(), "{:?}", mixed.totals.counts.field_faults);
    let table = table(world, &truths, &clean_words);
    (truths, table)
}

#[test]
fn what_is_planted_is_found_and_nothing_else() {
    check(&World::read().without_groups(), settings(1));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever runs the test says whether it writes")]
fn every_kind_of_violation_is_found_many_times() {
    let world = World::read().without_groups();
    let planted = Planted { violations: VIOLATIONS, ..SynthSettings::default().planted };
    let (truths, table) = check(&world, SynthSettings { planted, prescriptions: 12_000, ..settings(20_260_301) });
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    for truth in truths.iter().filter(|truth| matches!(truth.kind, TruthKind::Violation { .. }) && !truth.beside) {
        *kinds.entry(truth.pattern).or_default() += 1;
    }
    let few: Vec<_> = kinds.iter().filter(|(_, count)| **count < VIOLATIONS).collect();
    assert!(few.is_empty(), "planted too seldom: {few:?}");

    let with_cases: BTreeSet<&str> = synth::rules().into_iter().collect();
    let book: BTreeSet<&str> = world.loaded.rules.rules.iter().map(|rule| rule.doc.id.as_str()).collect();
    assert_eq!(with_cases, book, "every rule of the book has planted cases, and no other");
    assert_eq!(table.lines().take_while(|line| !line.is_empty()).count(), book.len() + 1, "every rule has its row");

    let path = feed::path(TABLE);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &table).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == table, "{TABLE} is stale; run `UPDATE=1 cargo test --release --test planted_month`. Now it is:\n{table}");
}
