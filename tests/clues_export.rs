//! `claimsift clues export`, on the clues of every rule's cases.

#[path = "support/feed.rs"]
mod feed;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use claimsift::commands::load;
use claimsift::offline::cases;
use serde_json::Value;

fn claimsift(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_claimsift"));
    let mut child =
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claimsift starts");
    // A refusal may come before everything was read.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// The words of all cases, live and shadow mixed, then one withdrawn.
fn words() -> Vec<Value> {
    let loaded = load::load(&feed::path("rules"), &feed::references()).unwrap_or_else(|failure| panic!("{failure:?}"));
    let mut words: Vec<Value> = Vec::new();
    for rule in &loaded.rules.rules {
        for case in &rule.doc.cases {
            let records =
                cases::steps(&rule.doc, case, &loaded.rules, &loaded.references).unwrap().into_iter().flat_map(|effects| effects.records);
            let own = records.filter(|record| record.headers.contains(&("rule", rule.doc.id.clone())));
            words.extend(own.filter_map(|record| serde_json::from_slice(record.value.as_deref()?).ok()));
        }
    }
    // Cases share their events: each has its own ids here.
    for (idx, word) in words.iter_mut().enumerate() {
        word["finding"]["clue_id"] = format!("{idx:032x}").into();
        for item in word["finding"]["evidence"].as_array_mut().unwrap() {
            item["id"] = format!("{:06}-{}", idx, item["id"].as_str().unwrap()).into();
        }
    }
    words.retain(|word| word["provenance"]["status"] == "NEW");
    let mut withdrawn = words.iter().find(|word| word["provenance"]["rule_status"] == "live").unwrap().clone();
    withdrawn["provenance"]["revision"] = 2.into();
    withdrawn["provenance"]["status"] = "RETRACTED".into();
    words.insert(0, withdrawn);
    words
}

fn ndjson(words: &[Value]) -> Vec<u8> {
    words.iter().flat_map(|word| format!("{word}\n").into_bytes()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Rows of a file, as a reader of CSV sees them.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(bytes.starts_with(b"\xef\xbb\xbf"), "a byte order mark");
    assert!(bytes.split(|byte| *byte == b'\n').all(|line| line.is_empty() || line.ends_with(b"\r")), "CRLF");
    let mut reader = csv::Reader::from_reader(&bytes[3..]);
    let heads = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| heads.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect();
    reader.records().map(|record| row(record.unwrap())).collect()
}

#[test]
fn effective_live_clues_come_out_once_with_their_money() {
    let words = words();
    let withdrawn = text(&words[0]["finding"]["clue_id"]).to_owned();
    let live = |word: &&Value| word["provenance"]["rule_status"] == "live" && text(&word["finding"]["clue_id"]) != withdrawn;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clues.ndjson");
    std::fs::write(&file, ndjson(&words)).unwrap();
    let mut groups_told = 0;
    for (by, of) in [
        ("department", (|finding| text(&finding["lead"])) as fn(&Value) -> &str),
        ("county", |finding| text(&finding["area"])),
        ("institution", |finding| text(&finding["subject"]["fixmedins_code"])),
    ] {
        let out = folder.path().join(by);
        let done = claimsift(&["clues", "export", file.to_str().unwrap(), "--by", by, "--out", out.to_str().unwrap()], b"");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let mut groups: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        for word in words.iter().filter(live) {
            let group = of(&word["finding"]);
            groups.entry(if group.is_empty() { "unknown" } else { group }).or_default().push(&word["finding"]);
        }
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 3 * groups.len(), "{by}");
        for (group, findings) in groups {
            let sheet = |name: &str| rows(&out.join(format!("{group}.{name}.csv")));
            let lines = sheet("lines");
            // A clue about a group of cases names none of them, and has a row all the same.
            let of_clue = |finding: &&Value| finding["evidence"].as_array().unwrap().len();
            assert_eq!(lines.len(), findings.iter().map(|finding| of_clue(finding).max(1)).sum::<usize>(), "{by} {group}");
            for finding in findings.iter().filter(|finding| of_clue(finding) == 0) {
                let id = format!("=\"{}\"", text(&finding["clue_id"]));
                let row = lines.iter().find(|row| row["线索编号"] == id).unwrap();
                assert_eq!(row["机构编码"], format!("=\"{}\"", text(&finding["subject"]["fixmedins_code"])));
                assert_eq!(row["问题内容"], text(&finding["vola_cont"]["zh"]).trim());
                groups_told += 1;
            }
            let ids: BTreeSet<String> = lines.iter().map(|row| row["线索编号"].clone()).collect();
            assert_eq!(ids, findings.iter().map(|finding| format!("=\"{}\"", text(&finding["clue_id"]))).collect());
            // No two of these clues share a line, so what is told of bills adds up.
            let fen = |value: &Value| value.as_f64().map_or(0, |amount| (amount * 100.0).round() as i64);
            let billed = |item: &&Value| item["event"] == "settlement";
            let evidence = || findings.iter().flat_map(|finding| finding["evidence"].as_array().unwrap());
            let expect: i64 = evidence().filter(billed).map(|item| fen(&item["vola_amt"])).sum();
            let told = |text: &str| text.replace('.', "").parse::<i64>().unwrap();
            let types = sheet("types");
            let (total, each) = types.split_last().unwrap();
            assert_eq!(told(&total["问题金额"]), expect, "{by} {group}");
            assert_eq!(each.iter().map(|row| told(&row["问题金额"])).sum::<i64>(), expect, "{by} {group}");
            assert_eq!(sheet("items").iter().map(|row| told(&row["问题金额"])).sum::<i64>(), expect, "{by} {group}");
            assert_eq!(total["线索数"], findings.len().to_string(), "{by} {group}");
        }
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(told.contains("of shadow rules were left out"), "{told}");
    }
    assert!(groups_told > 0, "no clue about a group was exported");
}

#[test]
fn days_choose_clues_and_what_is_wrong_is_told() {
    let words = words();
    let folder = tempfile::tempdir().unwrap();
    let export = |name: &str, more: &[&str], input: &[u8]| {
        let out = folder.path().join(name);
        let args = [&["clues", "export", "-", "--by", "department", "--out", out.to_str().unwrap()], more].concat();
        let done = claimsift(&args, input);
        let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (done.status.code(), said.concat(), out)
    };
    let input = ndjson(&words);
    let (code, said, out) = export("day", &["--from", "2026-03-10", "--to", "2026-03-10"], &input);
    assert_eq!(code, Some(0), "{said}");
    let mut days = BTreeSet::new();
    for file in std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()) {
        if file.to_string_lossy().ends_with(".lines.csv") {
            days.extend(rows(&file).into_iter().filter(|row| row["违规项目类型"] == "违规项").map(|row| row["就医日期"][..10].to_owned()));
        }
    }
    assert!(days.contains("2026-03-10") && !days.contains("2026-03-05"), "{days:?}");
    let (code, said, _) = export("none", &["--to", "1999-12-31"], &input);
    assert!(code == Some(0) && said.starts_with("0 组 groups"), "{said}");

    let (code, said, _) = export("day", &[], &input);
    assert!(code == Some(2) && said.contains("is not empty"), "{said}");
    let (code, said, out) = export("broken", &[], &[&input, &b"{\"finding\": 1}\n"[..]].concat());
    assert!(code == Some(2) && said.contains(&format!("-:{}: no clue record", words.len() + 1)), "{said}");
    assert!(!out.exists(), "nothing is written of a file that cannot be read");
    let (code, said, _) = export("when", &["--from", "2026-3-1"], b"");
    assert!(code == Some(2) && said.contains("yyyy-MM-dd"), "{said}");
}
