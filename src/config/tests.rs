//! The example reads, and every mistake is told.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::base::diagnostic::render;
use crate::config::settings::Partitioner;

const EXAMPLE: &str = include_str!("../../deploy/claimsift.yaml");

fn source(text: &str) -> Arc<SourceText> {
    Arc::new(SourceText { name: "deploy/claimsift.yaml".to_owned(), text: text.to_owned() })
}

#[track_caller]
fn check(text: &str, expect: &str) {
    let (settings, diagnostics) = read(&source(text));
    assert_eq!(settings.is_none(), !diagnostics.is_empty());
    let actual = render(&diagnostics);
    assert!(actual.trim() == expect.trim(), "actual:\n{actual}\nexpected:\n{expect}");
}

/// The example with its comments' keys in force.
fn uncommented() -> String {
    EXAMPLE.lines().skip(3).map(|line| commented_key(line).unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

fn commented_key(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("# ")?;
    let key = rest.trim_start().split(':').next()?;
    let is_key = key.len() < rest.trim_start().len() && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_key.then_some(rest)
}

#[test]
fn the_example_reads() {
    let (settings, diagnostics) = read(&source(EXAMPLE));
    assert!(diagnostics.is_empty(), "{}", render(&diagnostics));
    let settings = settings.unwrap();
    let kafka = settings.kafka.unwrap();
    assert_eq!((kafka.bootstrap.as_str(), kafka.workers), ("127.0.0.1:9092", 2));
    assert_eq!(settings.rules, Path::new("deploy/../rules"));
    assert_eq!(settings.reference, [Path::new("deploy/../rules/reference")]);
    assert_eq!(settings.identity_key_file.as_deref(), Some(Path::new("deploy/identity.key")));
    assert_eq!(settings.inputs[1].complete_from.unwrap().to_string(), "2025-01-01");
}

#[test]
fn what_the_example_comments_out_is_the_default() {
    let text = uncommented();
    let (with, diagnostics) = read(&source(&text));
    assert!(diagnostics.is_empty(), "{}", render(&diagnostics));
    let (with, plain) = (with.unwrap(), read(&source(EXAMPLE)).0.unwrap());
    assert_eq!(with.topics, plain.topics);
    assert_eq!(with.zone, plain.zone);
    assert_eq!((&with.rejects, &with.epoch, with.listen, &with.log), (&plain.rejects, &plain.epoch, plain.listen, &plain.log));
    assert_eq!(with.covered_areas, ["9901"]);
    assert!(with.clues_from.is_some() && plain.clues_from.is_none());
}

#[test]
fn an_empty_file_and_no_file_are_the_defaults() {
    let (settings, _) = read(&source("# nothing\n"));
    for settings in [settings.unwrap(), Settings::default()] {
        assert!(settings.kafka.is_none());
        assert_eq!(settings.inputs.len(), EVENT_TYPES.len());
        assert_eq!((settings.inputs[0].partitioner, settings.inputs[0].disorder_seconds), (Partitioner::Murmur2, 3600));
        assert_eq!(settings.rejects.policy(RejectClass::WrongPartition), Policy::Stop);
        assert_eq!(settings.rejects.policy(RejectClass::NotJson), Policy::Reject);
        assert_eq!((settings.epoch.messages_max, settings.epoch.interval_ms), (32_768, 200));
        assert_eq!(settings.zone, Zone::default());
        assert_eq!(settings.listen, "127.0.0.1:9464".parse().ok());
    }
}

#[test]
fn every_mistake_is_told() {
    check(
        "\
kafka:
  grupp: a b
  workers: 0
  properties: { isolation.level: read_uncommitted }
topics: { clues: claimsift-rejects }
inputs: { settlement: { partitioner: murmur3, disorder: 1 hour } }
zone: Asia/Shanhai
log: { level: loud }
covered_areas: [510]
rejects: { policy: { wrong_partion: stop } }
http: { listen: localhost }
",
        r#"
error: `identity_key_file` is missing: pseudonyms need a key of your own
 --> deploy/claimsift.yaml:1:1
  |
1 | kafka:
  | ^^^^^
  |
  = help: Make one with `claimsift key make FILE`, or write `made_up_data: true` if the feed holds no real person.

error: `bootstrap` is missing in `kafka`
 --> deploy/claimsift.yaml:2:3
  |
2 |   grupp: a b
  |   ^^^^^
  |
  = help: Add `bootstrap`: brokers, host:port, joined by commas.

error: unknown key `grupp` in `kafka`
 --> deploy/claimsift.yaml:2:3
  |
2 |   grupp: a b
  |   ^^^^^
  |
  = help: Did you mean `group`?

error: `workers` must be a whole number from 1 to 64, found the number 0
 --> deploy/claimsift.yaml:3:12
  |
3 |   workers: 0
  |            ^
  |
  = help: Write the number plainly, without quotes or separators.

error: `isolation.level` is set by claimsift itself
 --> deploy/claimsift.yaml:4:17
  |
4 |   properties: { isolation.level: read_uncommitted }
  |                 ^^^^^^^^^^^^^^^
  |
  = help: Remove it: exactly-once rests on its value.

error: topic "claimsift-rejects" is both `clues` and `rejects`
 --> deploy/claimsift.yaml:5:1
  |
5 | topics: { clues: claimsift-rejects }
  | ^^^^^^
  |
  = help: Give each of the topics a name of its own.

error: `partitioner` cannot be "murmur3"
 --> deploy/claimsift.yaml:6:38
  |
6 | inputs: { settlement: { partitioner: murmur3, disorder: 1 hour } }
  |                                      ^^^^^^^
  |
  = help: Did you mean `murmur2`?

error: `disorder` must be a duration, found "1 hour"
 --> deploy/claimsift.yaml:6:57
  |
6 | inputs: { settlement: { partitioner: murmur3, disorder: 1 hour } }
  |                                                         ^^^^^^
  |
  = help: Write a whole number and a unit: 3d, 1h, 30m or 10s.

error: "Asia/Shanhai" is no valid `zone`
 --> deploy/claimsift.yaml:7:7
  |
7 | zone: Asia/Shanhai
  |       ^^^^^^^^^^^^
  |
  = help: Use a zone of the IANA database, like Asia/Shanghai.

error: `level` cannot be "loud"
 --> deploy/claimsift.yaml:8:15
  |
8 | log: { level: loud }
  |               ^^^^
  |
  = help: It is one of `error`, `warn`, `info`, `debug`, `trace`.

error: `covered_areas` must be a text, found the number 510
 --> deploy/claimsift.yaml:9:17
  |
9 | covered_areas: [510]
  |                 ^^^
  |
  = help: Put the text in quotes.

error: "wrong_partion" is no valid key in `policy`
  --> deploy/claimsift.yaml:10:22
   |
10 | rejects: { policy: { wrong_partion: stop } }
   |                      ^^^^^^^^^^^^^
   |
   = help: Use a reject class: tombstone, empty, too_large, not_utf8, not_json, not_object, no_business_id, no_person, event_time, total, line_key, future, wrong_partition.

error: "localhost" is no valid `listen`
  --> deploy/claimsift.yaml:11:17
   |
11 | http: { listen: localhost }
   |                 ^^^^^^^^^
   |
   = help: Write an address and a port, like 127.0.0.1:9464, or "off".
"#,
    );
}

#[test]
fn passwords_are_not_printed() {
    let text = "made_up_data: true\nkafka: { bootstrap: b, properties: { sasl.password: hunter2 } }";
    let printed = format!("{:?}", read(&source(text)).0.unwrap());
    assert!(printed.contains("sasl.password") && !printed.contains("hunter2"), "{printed}");
}
