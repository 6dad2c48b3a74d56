//! A month in which nothing is wrong: every innocent pattern and near miss
//! happens at least 200 times, and the rules stay silent.

#[path = "support/effective.rs"]
mod effective;
#[path = "support/feed.rs"]
mod feed;

use std::collections::BTreeMap;

use claimsift::synth::SynthSettings;
use claimsift::synth::patterns_left_out;
use effective::effective;
use effective::name_of;
use effective::words;
use feed::Cut;
use feed::World;
use feed::run_generated;

const EACH: u32 = 200;
/// At most so many suspected clues per 100,000 lines; none of grade clear.
const SUSPECTED_PER_100_000_LINES: u64 = 1;

#[test]
fn rules_stay_silent_where_nothing_is_wrong() {
    let world = World::read();
    assert_eq!(patterns_left_out(&world.city), [""; 0], "the demo city can act out every pattern");
    let settings = SynthSettings::quiet(7, 100_000, 12_000, EACH);
    let cut = Cut { partitions: 4, workers: 2, run_messages_max: 1024, epoch_messages_max: 32_768 };
    let (mut messages, mut live) = (0_u64, 0_u64);
    let first = settings.live_first();
    let (run, truths, _) = run_generated(&world, &settings, &cut, |message| {
        messages += 1;
        live += u64::from(message.event_time >= claimsift::base::time::Civil::from_date(first));
    });
    let mut patterns: BTreeMap<&str, u32> = BTreeMap::new();
    for truth in &truths {
        *patterns.entry(truth.pattern).or_default() += 1;
    }
    assert!(patterns.len() > 40 && patterns.values().all(|count| *count >= EACH), "{patterns:?}");
    assert_eq!(run.totals.counts.evaluated, messages);
    assert!(live * 20 > messages, "{live} of {messages} are judged");

    let mut clues = effective(&words(&run.clues));
    clues.retain(|_, clue| !clue.shadow);
    let named: BTreeMap<String, &str> = truths.iter().map(|truth| (name_of(&truth.key), truth.pattern)).collect();
    let told: Vec<String> = clues
        .values()
        .map(|clue| {
            let patterns: Vec<&str> = clue.names.iter().filter_map(|name| named.get(name).copied()).collect();
            format!("{} ({}) on {patterns:?}: {:.300}", clue.rule, clue.result, clue.finding)
        })
        .collect();
    let clear = clues.values().filter(|clue| clue.result == "clear").count() as u64;
    let suspected = clues.len() as u64 - clear;
    let allowed = run.totals.counts.lines * SUSPECTED_PER_100_000_LINES / 100_000;
    assert!(
        clear == 0 && suspected <= allowed,
        "{clear} clear and {suspected} suspected (allowed {allowed}):\n{}",
        told[..told.len().min(20)].join("\n")
    );
}
