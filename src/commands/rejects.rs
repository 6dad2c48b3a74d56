//! `claimsift rejects`: put rejected messages back through after a fix.

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;

use crate::base::record::WATERMARK_HEADER;
use crate::codecs::RejectClass;
use crate::commands::Failure;
use crate::commands::print;
use crate::commands::run::kafka_settings;
use crate::commands::topics::load_config;
use crate::io::kafka::admin;
use crate::io::kafka::feed::Feed;

#[derive(Debug, Args)]
pub struct Rejects {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Send rejected messages to the topic and partition they came from, byte for byte.
    Replay {
        #[arg(long)]
        config: PathBuf,
        /// Only this reject class.
        #[arg(long, value_parser = PossibleValuesParser::new(RejectClass::ALL.iter().map(|class| class.name())))]
        class: Option<String>,
        /// Say how many there are and send none.
        #[arg(long)]
        dry_run: bool,
    },
}

/// A reject with where it came from.
struct Kept {
    topic: String,
    partition: i32,
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    /// What a statement says.
    watermark: Option<String>,
}

impl Rejects {
    pub fn execute(&self) -> Result<(), Failure> {
        let Verb::Replay { config, class, dry_run } = &self.verb;
        let kafka = kafka_settings(&load_config(config)?, 0)?;
        let mut kept = Vec::new();
        admin::read_topic(&kafka, &kafka.rejects, &mut |record| {
            let given = |name: &str| {
                let value = record.headers.iter().find(|(own, _)| own == name).and_then(|(_, value)| value.clone());
                value.and_then(|value| String::from_utf8(value).ok())
            };
            let header = |name: &str| given(name).unwrap_or_default();
            if class.as_ref().is_none_or(|wanted| *wanted == header("class")) {
                kept.push(Kept {
                    topic: header(crate::io::log::SOURCE_TOPIC_HEADER),
                    partition: header(crate::io::log::SOURCE_PARTITION_HEADER).parse().unwrap_or_default(),
                    timestamp_ms: header("source-timestamp").parse().unwrap_or(record.timestamp_ms),
                    key: record.key.map(<[u8]>::to_vec),
                    value: record.value.map(<[u8]>::to_vec),
                    watermark: given(WATERMARK_HEADER),
                });
            }
            Ok(())
        })?;
        kept.retain(|reject| kafka.inputs.contains(&reject.topic));
        if !dry_run {
            let mut feed = Feed::connect(&kafka)?;
            for reject in &kept {
                let headers: Vec<(&str, &str)> = reject.watermark.iter().map(|text| (WATERMARK_HEADER, text.as_str())).collect();
                let (key, value) = (reject.key.as_deref(), reject.value.as_deref());
                feed.send_with(&reject.topic, reject.partition, key, value, Some(reject.timestamp_ms), &headers)?;
            }
            feed.flush()?;
        }
        print(&format!("{} rejects {}\n", kept.len(), if *dry_run { "would be sent" } else { "sent" }));
        Ok(())
    }
}
