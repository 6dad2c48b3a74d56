//! A real Apache Kafka broker for one test binary, stopped when dropped.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use claimsift::io::kafka::KafkaSettings;
use claimsift::io::kafka::admin;

pub struct Broker {
    dir: PathBuf,
    pub bootstrap: String,
}

impl Broker {
    /// Starts a broker with empty data. Panics with the script's own words
    /// where Java or Maven is missing: these tests never skip.
    pub fn start() -> Self {
        // The script removes it when this process is gone, however it ended:
        // a broker in a static is never dropped.
        let dir = tempfile::tempdir().expect("temporary folder").keep();
        let bootstrap = script(&dir, &["up", "--until", &std::process::id().to_string(), "--temporary"]);
        Self { dir, bootstrap }
    }

    /// Stops it; `restart` starts it again.
    pub fn down(&mut self) {
        script(&self.dir, &["down"]);
    }

    /// Stops and starts it with the same address and data.
    pub fn restart(&mut self) {
        self.down();
        self.bootstrap = script(&self.dir, &["up"]);
    }

    /// Settings whose topics and group carry `name`, so that tests share a broker.
    pub fn settings(&self, name: &str, slot: &str) -> KafkaSettings {
        KafkaSettings {
            bootstrap: self.bootstrap.clone(),
            group: format!("{name}-group"),
            slot: slot.to_owned(),
            inputs: [format!("{name}-settlement"), format!("{name}-prescription")],
            clues: format!("{name}-clues"),
            shadow: format!("{name}-shadow"),
            rejects: format!("{name}-rejects"),
            journal: format!("{name}-journal"),
            partials: format!("{name}-partials"),
            control: format!("{name}-control"),
            extra: BTreeMap::new(),
        }
    }

    /// The same, with the topics made.
    pub fn with_topics(&self, name: &str, slot: &str, partitions: i32) -> KafkaSettings {
        let settings = self.settings(name, slot);
        let created = admin::create_topics(&settings, partitions, 1).expect("topics");
        assert_eq!(created.len(), 8);
        settings
    }

    /// The inputs of `from` with outputs of another name, which are made.
    pub fn with_outputs(&self, from: &KafkaSettings, name: &str, partitions: i32) -> KafkaSettings {
        let settings = KafkaSettings { inputs: from.inputs.clone(), ..self.settings(name, "unused") };
        let created = admin::create_topics(&settings, partitions, 1).expect("topics");
        assert_eq!(created.len(), 6);
        settings
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        script(&self.dir, &["down"]);
    }
}

fn script(dir: &Path, args: &[&str]) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/kafka");
    let output = Command::new(script)
        .args(&args[..1])
        .arg("--dir")
        .arg(dir)
        .args(&args[1..])
        .stderr(Stdio::inherit())
        .output()
        .expect("scripts/kafka can be run (it needs bash)");
    assert!(output.status.success(), "scripts/kafka {} failed; what is missing stands above", args[0]);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
