//! Bytes of snapshots that older programs wrote are still read, and mean what
//! they meant. `UPDATE=1 cargo test --test snapshots_kept` writes those of a
//! format that is new; those that are there never change.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use claimsift::base::pseudonym::IdentityKey;
use claimsift::base::record::Message;
use claimsift::engine::Engine;
use claimsift::engine::saved;
use claimsift::engine::settings::EngineSettings;
use claimsift::engine::shard::Shard;
use claimsift::events::PRESCRIPTION_INPUT;
use claimsift::events::SETTLEMENT_INPUT;
use claimsift::reference::snapshot::Snapshot;
use claimsift::ruleset::compile::compile;
use claimsift::ruleset::read::read;
use claimsift::runtime::recover::OwnedMessages;
use claimsift::runtime::snapshot::manifest;
use claimsift::runtime::snapshot::manifest::Manifest;
use claimsift::state::saved::Loader;
use claimsift::state::saved::Marks;
use claimsift::state::saved::Part;
use claimsift::state::segment;
use claimsift::state::segment::Segment;

#[expect(clippy::disallowed_methods, reason = "whoever runs the test says whether it writes")]
fn kept(name: &str, write: impl Fn() -> Vec<u8>) -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(name);
    if std::env::var_os("UPDATE").is_some() && !path.exists() {
        fs::write(&path, write()).unwrap();
    }
    fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}; a new format is kept by UPDATE=1"))
}

fn engine() -> Arc<Engine> {
    let (rules, mistakes) = compile(&read(&[]).0, &[]);
    assert!(mistakes.is_empty());
    let references = Arc::new(Snapshot::load(&[]).unwrap());
    Arc::new(Engine::new(Arc::new(rules), references, EngineSettings::default(), IdentityKey::from_bytes(&[7; 32])))
}

fn step(shard: &mut Shard, input: usize, texts: &[&str]) {
    let mut run = OwnedMessages::default();
    for (offset, text) in (0..).zip(texts) {
        run.push(Message { offset, timestamp_ms: 2_000_000_000_000, key: None, value: Some(text.as_bytes()), watermark: None });
    }
    let effects = shard.step(input, &run, 1, true);
    assert_eq!((effects.counts.rejected_total(), effects.stop), (0, None));
}

/// Two bills of which one is reversed, and a prescription.
fn shard() -> Shard {
    let mut shard = Shard::new(engine(), 3);
    let lines = r#""feedetl":[{"feedetl_sn":"1","list_type":"101","med_list_codg":"XA01","medins_list_name":"阿莫西林胶囊","cnt":2,"pric":3.5,"det_item_fee_sumamt":7}]"#;
    let bill = |id: &str, more: &str| {
        format!(
            r#"{{"setl_id":"{id}","psn_no":"P1","fixmedins_code":"H1","mdtrt_id":"V1","setl_time":"2026-03-01 08:30:00","med_type":"11","medfee_sumamt":7{more},{lines}}}"#
        )
    };
    let reversal = r#"{"setl_id":"S3","psn_no":"P1","fixmedins_code":"H1","mdtrt_id":"V1","setl_time":"2026-03-01 09:30:00","medfee_sumamt":-7,"refd_setl_flag":"1","init_setl_id":"S2","feedetl":[]}"#;
    step(&mut shard, SETTLEMENT_INPUT, &[&bill("S1", r#","medins_setl_id":"M1""#), &bill("S2", ""), reversal]);
    let prescription = r#"{"fixmedins_code":"H1","hosp_rxno":"R1","psn_no":"P2","prsc_time":"2026-03-01 08:30:00","rxdrugdetail":[{"med_list_codg":"XA01","drug_genname":"阿莫西林胶囊","medc_days":3}]}"#;
    step(&mut shard, PRESCRIPTION_INPUT, &[prescription]);
    shard.close_epoch(1, true);
    shard
}

fn parts(shard: &mut Shard) -> Vec<Part> {
    shard.save(&mut Marks::default()).unwrap()
}

#[test]
fn state_of_every_format_is_loaded() {
    for format in 1..=saved::FORMAT {
        let bytes = kept(&format!("state-{format}.bin"), || {
            let sealed = parts(&mut shard()).iter().map(|part| Segment::of(3, part).unwrap().encode()).collect::<Vec<_>>();
            sealed.iter().flat_map(|bytes| [&(bytes.len() as u32).to_le_bytes(), bytes.as_slice()].concat()).collect()
        });
        let mut rest = bytes.as_slice();
        let mut segments = Vec::new();
        while let Some((len, more)) = rest.split_first_chunk() {
            let (segment, more) = more.split_at(u32::from_le_bytes(*len) as usize);
            segments.push(Segment::decode(segment).unwrap());
            rest = more;
        }
        let (mut loaded, _) = Shard::load(Loader::new(segments, &mut || ()).unwrap(), 3, &engine(), &[]).unwrap_or_else(|damage| {
            panic!("state of format {format} is read no more ({damage}): raise `engine::saved::FORMAT`");
        });
        assert!(parts(&mut loaded) == parts(&mut shard()), "state is written otherwise: raise `engine::saved::FORMAT`");
    }
}

#[test]
fn segments_of_every_format_are_read() {
    let part = Part { table: "符号 symbols".to_owned(), from: 7, to: 10, bytes: b"three records, three records, three records".to_vec() };
    for format in 1..=segment::FORMAT {
        let bytes = kept(&format!("segment-{format}.bin"), || Segment::of(-2, &part).unwrap().encode());
        let segment = Segment::decode(&bytes).unwrap();
        assert_eq!((segment.shard, segment.table.as_str(), segment.from, segment.to), (-2, part.table.as_str(), 7, 10));
        assert_eq!(segment.body().unwrap(), part.bytes);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Segment::decode(&changed).is_err() && Segment::decode(&bytes[..at]).is_err(), "byte {at}");
        }
    }
}

fn manifest() -> Manifest {
    let json = r#"{"shard":3,"number":41,"entry":"00ff","state":1,
        "versions":{"semantics":5,"rule_set":"aa","references":"bb","identity_key":"cc","settings":"dd"},
        "began":{"rules":"ee","references":"ff"},
        "activations":[{"number":1,"bundle":{"rules":"aa","references":"bb"},"groups_from":"2026-04"}],
        "offsets":[5,6,7],
        "segments":[{"table":"events","from":0,"to":12,"number":40,"bytes":99,"sum":"0123"}],
        "wall_ms":1780000000000}"#;
    serde_json::from_str(json).unwrap()
}

#[test]
fn manifests_of_every_format_are_read() {
    for format in 1..=manifest::FORMAT {
        let bytes = kept(&format!("manifest-{format}.txt"), || manifest().encode());
        assert_eq!(Manifest::decode(&bytes).unwrap(), manifest());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Manifest::decode(&changed).is_err() && Manifest::decode(&bytes[..at]).is_err(), "byte {at}");
        }
    }
}
