//! Files as a user meets them: merged, compressed, broken, interrupted.

use std::io::Write as _;

use super::*;
use crate::base::time::Civil;

/// Lines of these tests: `time|business id|person|rest`.
fn read_head(_input: InputId, line: &[u8]) -> LineHead {
    let text = String::from_utf8_lossy(line).into_owned();
    let mut parts = text.split('|');
    let event_time = parts.next().and_then(Civil::parse);
    let business_id = parts.next().unwrap_or_default().as_bytes().to_vec();
    LineHead { event_time, business_id, person: parts.next().map(str::to_owned) }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn config(settlements: Vec<PathBuf>, prescriptions: Vec<PathBuf>, partitions: i32) -> FilesConfig {
    FilesConfig {
        inputs: vec![("settlement".to_owned(), settlements), ("prescription".to_owned(), prescriptions)],
        partitions,
        partitioner: Partitioner::Murmur2,
        zone: Zone::default(),
        clues: None,
        shadow: None,
        rejects: None,
    }
}

fn open(config: FilesConfig) -> FilesLog {
    FilesLog::open(config, Box::new(read_head)).unwrap()
}

fn stop_text(config: FilesConfig) -> String {
    let fault = FilesLog::open(config, Box::new(read_head)).err().unwrap();
    assert_eq!(fault.remedy, crate::base::fault::Remedy::Stop);
    crate::base::fault::chain(&fault)
}

/// Takes everything of all shards in the order of heads and commits it, with
/// one record per message for `output`.
fn drain(log: &mut FilesLog, output: Output) -> Vec<String> {
    let names = ["settlement", "prescription"];
    let mut all = Vec::new();
    let shards = log.shards(Duration::ZERO).unwrap().unwrap();
    loop {
        let mut idle = true;
        for (shard, input) in shards.iter().flat_map(|shard| [(*shard, 0), (*shard, 1)]) {
            if !matches!(log.head(shard, input).unwrap(), Head::Ready(_)) {
                continue;
            }
            idle = false;
            let taken = log.take(shard, input, 3).unwrap();
            let mut write = EpochWrite { records: Vec::new(), offsets: vec![(shard, input, taken.next_offset)] };
            for idx in 0..taken.messages.len() {
                let message = taken.messages.get(idx);
                let Some(value) = message.value else {
                    assert_eq!(message.watermark, Some(&b"end"[..]));
                    continue;
                };
                all.push(String::from_utf8_lossy(value).into_owned());
                write.records.push(Record {
                    output,
                    partition: None,
                    key: None,
                    value: Some(value.to_vec()),
                    headers: vec![
                        (SOURCE_TOPIC_HEADER, names[input].to_owned()),
                        (SOURCE_PARTITION_HEADER, shard.to_string()),
                        (SOURCE_OFFSET_HEADER, message.offset.to_string()),
                    ],
                    timestamp_ms: None,
                });
            }
            drop(taken);
            assert!(log.commit(&write).is_ok());
        }
        if idle {
            return all;
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_least_event_at_the_heads_comes_first() {
    let folder = Folder::new();
    let one = folder.file("one.ndjson", b"2026-01-01|b|p|1\n2026-01-05|a|p|2\n2026-01-02|a|p|3\n");
    let two = folder.file("two.ndjson", b"2026-01-01|a|p|4\nbroken\n2026-01-05|a|p|5\n");
    let prescriptions = folder.file("three.ndjson", b"2026-01-01|a|p|6\n2026-01-04|a|p|7");
    let mut merge = Merge::open(&[(0, one), (0, two), (1, prescriptions)], Box::new(read_head)).unwrap();
    let mut order = Vec::new();
    while let Some(line) = merge.next().unwrap() {
        order.push(String::from_utf8(line.bytes).unwrap().rsplit('|').next().unwrap().to_owned());
    }
    // A line without a time goes first of all; equal times go by type, then by
    // business id, then by file.
    assert_eq!(order, ["4", "broken", "1", "6", "7", "2", "3", "5"]);
}

#[test]
fn plain_gzip_and_zstd_are_told_by_their_bytes() {
    let text = b"2026-01-01|a|p|1\r\n\n2026-01-02|b|p|2\n   \t\r\n";
    let mut two_members = gzip(&text[..18]);
    two_members.extend(gzip(&text[18..]));
    let with_mark = [&b"\xef\xbb\xbf"[..], text].concat();
    for (name, bytes) in [
        ("plain.gz", text.to_vec()),
        ("gzip.ndjson", gzip(text)),
        ("members.json", two_members),
        ("zstd.txt", zstd::encode_all(&text[..], 1).unwrap()),
        ("mark.ndjson", with_mark),
    ] {
        let folder = Folder::new();
        let mut log = open(config(vec![folder.file(name, &bytes)], vec![], 1));
        assert_eq!(drain(&mut log, Output::Clues), ["2026-01-01|a|p|1", "2026-01-02|b|p|2"], "{name}");
        assert_eq!(log.counts(), [LineCounts { read: 2, blank: 2 }, LineCounts::default()], "{name}");
    }
}

#[test]
fn lines_go_where_their_person_belongs_with_their_event_time() {
    let folder = Folder::new();
    let file = folder.file("one.ndjson", b"2026-01-01 08:00:00|a|hejsan|1\nbroken\n2026-01-02 08:00:00|a|hejsan|2\n");
    let mut log = open(config(vec![file], vec![], 4));
    let shard = Partitioner::Murmur2.partition(b"hejsan", 4);
    assert_eq!(log.head(shard, 0).unwrap(), Head::Ready(3), "two lines and the end");
    let mut first = None;
    log.peek(shard, 0, &mut |message| first = Some((message.timestamp_ms, message.key.map(<[u8]>::to_vec)))).unwrap();
    // 2026-01-01 00:00:00 UTC.
    assert_eq!(first, Some((1_767_225_600_000, Some(b"hejsan".to_vec()))));
    assert_eq!(log.take(shard, 0, 2).unwrap().next_offset, 2);
    for input in 0..EVENT_INPUTS {
        for shard in 0..4 {
            let count = if (shard, input) == (0, 0) { 2 } else { 1 };
            assert_eq!(log.head(shard, input).unwrap(), Head::Ready(count), "{shard} {input}");
        }
    }
}

#[test]
fn a_shard_without_events_does_not_draw_everything_into_memory() {
    let folder = Folder::new();
    let lines: String = (0..3 * QUEUE_LINES_MAX).map(|idx| format!("2026-01-01|{idx:09}|hejsan|\n")).collect();
    let full = Partitioner::Murmur2.partition(b"hejsan", 2);
    let empty = 1 - full;
    let mut log = open(config(vec![folder.file("one.ndjson", lines.as_bytes())], vec![], 2));
    let mut taken = 0;
    loop {
        assert_eq!(log.head(full, 1).unwrap() == Head::AtEnd, !log.ended, "what comes later need not be waited for");
        if log.ended {
            break;
        }
        assert_eq!(log.head(empty, 0).unwrap(), Head::Pending);
        assert!(log.queued_lines <= QUEUE_LINES_MAX);
        taken += log.take(full, 0, usize::MAX).unwrap().messages.len();
    }
    assert!(taken > QUEUE_LINES_MAX);
    assert_eq!(log.head(empty, 0).unwrap(), Head::Ready(1));
}

#[test]
fn outputs_get_their_names_at_the_end() {
    for (name, decode) in [
        ("clues.ndjson", (|bytes| bytes) as fn(Vec<u8>) -> Vec<u8>),
        ("clues.ndjson.zst", |bytes| zstd::decode_all(&bytes[..]).unwrap()),
        ("clues.gz", |bytes| {
            let mut out = Vec::new();
            std::io::copy(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut out).unwrap();
            out
        }),
    ] {
        let folder = Folder::new();
        let input = folder.file("in.ndjson", b"2026-01-01|a|p|1\n2026-01-02|b|p|2\n");
        let old = folder.file(name, b"old");
        let mut log = open(FilesConfig { clues: Some(old.clone()), ..config(vec![input], vec![], 1) });
        drain(&mut log, Output::Clues);
        assert_eq!(std::fs::read(&old).unwrap(), b"old", "{name}");
        assert!(log.complete());
        log.leave().unwrap();
        assert_eq!(decode(std::fs::read(&old).unwrap()), b"2026-01-01|a|p|1\n2026-01-02|b|p|2\n", "{name}");
        assert_eq!(folder.names().len(), 2, "{name}");
    }
}

#[test]
fn a_run_that_stops_early_leaves_nothing_behind() {
    let folder = Folder::new();
    let input = folder.file("in.ndjson", b"2026-01-01|a|p|1\n");
    let mut log = open(FilesConfig { clues: Some(folder.path("clues.ndjson")), ..config(vec![input], vec![], 1) });
    log.shards(Duration::ZERO).unwrap();
    log.head(0, 0).unwrap();
    log.leave().unwrap();
    assert_eq!(folder.names(), ["in.ndjson"]);
}

#[test]
fn what_is_no_regular_file_is_written_directly() {
    let folder = Folder::new();
    let input = folder.file("in.ndjson", b"2026-01-01|a|p|1\n");
    let device = PathBuf::from("/dev/null");
    let both = (Some(device.clone()), Some(device.clone()));
    let mut log = open(FilesConfig { clues: both.0, rejects: both.1, ..config(vec![input], vec![], 1) });
    drain(&mut log, Output::Clues);
    log.leave().unwrap();
    assert!(!std::fs::metadata(device).unwrap().is_file());
}

#[test]
fn rejects_tell_file_and_line() {
    let folder = Folder::new();
    let one = folder.file("one.ndjson", b"2026-01-01|a|p|1\n\nbroken \xff\n");
    let two = folder.file("two.ndjson", b"2026-01-03|a|p|1\n");
    let rejects = folder.path("rejects.ndjson");
    let mut log = open(FilesConfig { rejects: Some(rejects.clone()), ..config(vec![one.clone()], vec![two.clone()], 3) });
    drain(&mut log, Output::Rejects);
    log.leave().unwrap();
    let text = std::fs::read_to_string(rejects).unwrap();
    let mut found: Vec<(String, String, Vec<u8>)> = text
        .lines()
        .map(|line| parse_reject_line(line.as_bytes()).unwrap())
        .map(|reject| {
            let header = |name: &str| reject.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
            (header(SOURCE_FILE_HEADER), header(SOURCE_LINE_HEADER), reject.value.unwrap())
        })
        .collect();
    found.sort();
    let expect = [(&one, "1", &b"2026-01-01|a|p|1"[..]), (&one, "3", b"broken \xff"), (&two, "1", b"2026-01-03|a|p|1")];
    assert_eq!(found, expect.map(|(path, line, value)| (path.display().to_string(), line.to_owned(), value.to_vec())));
}

#[test]
fn mistakes_on_the_command_line_are_told_before_anything_is_read() {
    let folder = Folder::new();
    let input = folder.file("in.ndjson", b"");
    let dash = PathBuf::from("-");
    let missing = folder.path("missing.ndjson");
    assert!(stop_text(config(vec![missing.clone()], vec![], 1)).starts_with(&format!("open {} failed", missing.display())));
    assert_eq!(stop_text(config(vec![dash.clone()], vec![dash.clone()], 1)), "open standard input failed: it is named twice");
    let both = FilesConfig { clues: Some(dash.clone()), rejects: Some(dash), ..config(vec![input.clone()], vec![], 1) };
    assert_eq!(stop_text(both), "create - failed: two outputs have this name");
    let again = folder.path("./clues.ndjson");
    let twice =
        FilesConfig { clues: Some(folder.path("clues.ndjson")), shadow: Some(again.clone()), ..config(vec![input.clone()], vec![], 1) };
    assert_eq!(stop_text(twice), format!("create {} failed: two outputs have this name", again.display()));
    let over = FilesConfig { clues: Some(input.clone()), ..config(vec![input.clone()], vec![], 1) };
    assert_eq!(stop_text(over), format!("create {} failed: it is an input too", input.display()));
    let nowhere = FilesConfig { clues: Some(folder.path("no/such/folder")), ..config(vec![input], vec![], 1) };
    assert!(stop_text(nowhere).starts_with("create "));
    assert_eq!(folder.names(), ["in.ndjson"]);
}

#[test]
fn a_truncated_archive_stops_the_run() {
    let folder = Folder::new();
    let text: String = (0..50_000).map(|idx| format!("2026-01-01|{idx}|p|\n")).collect();
    let mut bytes = gzip(text.as_bytes());
    bytes.truncate(bytes.len() / 2);
    let mut log = open(config(vec![folder.file("in.gz", &bytes)], vec![], 1));
    let fault = loop {
        match log.head(0, 0) {
            Ok(_) => drop(log.take(0, 0, usize::MAX).unwrap()),
            Err(fault) => break fault,
        }
    };
    assert!(crate::base::fault::chain(&fault).contains("in.gz after line "), "{fault}");
}

#[test]
fn there_is_nothing_to_recover() {
    let folder = Folder::new();
    let mut log = open(config(vec![folder.file("in.ndjson", b"2026-01-01|a|p|1\n")], vec![], 2));
    assert_eq!(log.shards(Duration::ZERO).unwrap(), Some(vec![0, 1]));
    assert_eq!(log.shards(Duration::from_secs(9)).unwrap(), None);
    assert_eq!(log.committed(0).unwrap(), vec![None; INPUTS]);
    assert!(log.journal(0).unwrap().is_empty());
    assert_eq!(log.beginning(0, 0).unwrap(), 0);
    log.seek(0, &[0, 0]).unwrap();
    log.replay(0, 0, 5, 5, &mut |_| Ok(())).unwrap();
    assert!(log.seek(0, &[1, 0]).is_err());
    assert!(log.replay(0, 0, 0, 1, &mut |_| Ok(())).is_err());
}
