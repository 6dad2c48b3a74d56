//! Bytes as topics hold them since a format was first written: every later
//! build reads them, and they mean what they meant. (Blocks of partials are
//! read in `window::partial`.)

use claimsift::clues::told::Effective;
use claimsift::clues::told::Told;
use claimsift::engine::activation::Activation;
use claimsift::engine::activation::BundleName;
use claimsift::engine::journal::FaultCount;
use claimsift::engine::journal::JournalEntry;
use claimsift::engine::journal::RunRecord;
use claimsift::engine::journal::Tick;
use claimsift::engine::journal::TickKind;
use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::runtime::standing::Place;
use claimsift::runtime::standing::derived;
use claimsift::window::calendar::Month;

/// Entry 1 is as they were before settings were digested, 2 as of now with
/// nothing that may be absent, 3 with all of it.
const JOURNAL_1: &str = include_str!("compat/journal-1.ndjson");
const ACTIVATIONS_1: &str = include_str!("compat/activations-1.ndjson");
/// A clue of the made-up city and its update, and another and its withdrawal.
const CLUES_1: &str = include_str!("compat/clues-1.ndjson");

fn values(lines: &str) -> Vec<Vec<u8>> {
    lines.lines().map(|line| line.as_bytes().to_vec()).collect()
}

#[test]
fn journal_entries_of_all_times_are_read() {
    let entries = JournalEntry::decode_all(&values(JOURNAL_1)).unwrap();
    let [first, bare, full] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((first.versions.semantics, first.versions.settings.as_str(), first.activation), (1, "", 0));
    assert_eq!(first.runs, [RunRecord { input: 0, from: 0, to: 2, messages: 2, hash: u64::MAX }]);
    assert!(bare.runs.is_empty() && bare.field_faults.is_empty() && bare.ticks.is_empty() && bare.rejected.is_empty());
    assert_eq!((bare.versions.settings.as_str(), bare.wall_ms), ("05231f27ddd4ac5b", 1_790_000_001_000));

    assert_eq!((full.number, full.previous, full.activation), (3, 2, 2));
    assert_eq!((full.versions.rule_set.as_str(), full.versions.references.as_str()), ("82f8e0a158455aea", "daa01e66350436e5"));
    assert_eq!(full.versions.identity_key, "cc65cb8e746f5b2b");
    let runs: Vec<_> = full.runs.iter().map(|run| (run.input, run.from, run.to, run.messages, run.hash)).collect();
    assert_eq!(runs, [(0, 4, 11, 6, 1_234_567_890_123_456_789), (1, 0, 3, 3, 42), (2, 7, 9, 1, 7)]);
    assert_eq!((full.n_in, full.evaluated, full.duplicate, full.correction, full.statement), (9, 4, 1, 1, 1));
    let rejected: Vec<_> = full.rejected.iter().map(|(class, count)| (class.as_str(), *count)).collect();
    assert_eq!(
        (rejected.as_slice(), full.rejected_by_input.as_slice()),
        ([("event_time", 1), ("not_json", 1)].as_slice(), [2, 0].as_slice())
    );
    let [FaultCount { event, table, column, fault, count: 3 }] = full.field_faults.as_slice() else { panic!("{full:?}") };
    assert_eq!([event, table, column, fault], ["settlement", "line", "cnt", "syntax"]);
    assert_eq!(full.ticks, [Tick { input: 1, kind: TickKind::Idle }, Tick { input: 2, kind: TickKind::SourceIdle(3) }]);
    for entry in &entries {
        assert_eq!(serde_json::from_slice::<JournalEntry>(&entry.encode()).unwrap(), *entry, "what is read is written so that it is read");
    }
}

#[test]
fn activations_of_all_times_are_read() {
    let expect = |number, rules: String, references: String, month, wall_ms| Activation {
        number,
        bundle: BundleName { rules, references },
        groups_from: month,
        wall_ms,
    };
    let (rules, references) = ("ff71d2760caf0b47".repeat(4), "daa01e66350436e5".repeat(4));
    assert_eq!(
        Activation::decode_all(&values(ACTIVATIONS_1)).unwrap(),
        [
            expect(1, rules, references, Month::new(2026, 11), 1_790_000_000_000),
            expect(2, "82f8e0a158455aea".to_owned(), "daa01e66350436e5".to_owned(), Month::new(2027, 1), 1_790_000_001_000),
        ]
    );
}

#[test]
fn clue_records_of_all_times_are_read() {
    let lines = values(CLUES_1);
    let told: Vec<Told> = lines.iter().map(|line| Told::read(line).expect("a clue record")).collect();
    let words: Vec<(&str, u32, &str)> =
        told.iter().map(|told| (told.finding.clue_id.as_str(), told.provenance.revision, told.provenance.status.as_str())).collect();
    let (one, other) = ("f3a302dadcd85e9761abea3c1633df04", "92b2dc407b87d061b4d63cb988f6cc70");
    assert_eq!(words, [(one, 1, "NEW"), (one, 2, "UPDATED"), (other, 1, "NEW"), (other, 2, "RETRACTED")]);
    let last = &told[1].finding;
    assert_eq!((last.observed.as_deref(), last.limit.as_deref()), (Some("30.0000"), Some("7")));
    assert_eq!(last.money.fund_amt.map(|amount| amount.to_string()).as_deref(), Some("58.86"));
    assert_eq!((last.evidence.len(), last.evidence[1].line.as_deref()), (2, Some("9")));
    assert_eq!((last.exemptions[0].id.as_str(), last.exemptions[0].holds), ("one_pack", Some(false)));

    let mut effective = Effective::default();
    lines.iter().for_each(|line| effective.take(line).unwrap());
    assert_eq!(effective.clues().map(|told| told.finding.clue_id.as_str()).collect::<Vec<_>>(), [one]);

    // Those who decide anew find their place, whichever build wrote them.
    let place = |line: &[u8], id: &str| {
        let key = Some(id.as_bytes().to_vec());
        derived(
            &Record { output: Output::Clues, partition: None, key, value: Some(line.to_vec()), headers: Vec::new(), timestamp_ms: None },
            &[],
        )
    };
    for ((line, told), revision) in lines.iter().zip(&told).zip([1, 2, 1, 2]) {
        let id = &told.finding.clue_id;
        let (at, mark) = place(line, id);
        assert_eq!(at, Place::Clue { output: Output::Clues, id: id.clone(), revision });
        let text = std::str::from_utf8(line).unwrap();
        assert_eq!(place(text.replace("claimsift 0.1.0", "claimsift 7.0.0").as_bytes(), id).1, mark);
        assert_ne!(place(text.replace("990102", "990109").replace("990101", "990109").as_bytes(), id).1, mark);
    }
}
