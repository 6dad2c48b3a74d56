//! `claimsift topics`: create topics on request, and state how far a feed has come.

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;

use crate::base::diagnostic;
use crate::base::time::Civil;
use crate::commands::Failure;
use crate::commands::print;
use crate::commands::run::kafka_settings;
use crate::config;
use crate::config::settings::Settings;
use crate::io::kafka::admin;

#[derive(Debug, Args)]
pub struct Topics {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Create the topics of a configuration that do not exist.
    Create {
        #[arg(long)]
        config: PathBuf,
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=1024))]
        partitions: i32,
        #[arg(long, default_value_t = 1)]
        replication: i32,
    },
    /// Write a watermark statement to every partition of every input.
    Advance {
        #[arg(long)]
        config: PathBuf,
        /// A civil time (`yyyy-MM-dd HH:mm:ss`), or `end` for past everything.
        #[arg(long)]
        to: String,
    },
    /// Print the values of a topic's committed messages, a line each.
    Read {
        #[arg(long)]
        config: PathBuf,
        /// clues, shadow, rejects, journal or control.
        #[arg(long, default_value = "clues")]
        topic: String,
        /// At most so many messages.
        #[arg(long)]
        max: Option<usize>,
    },
}

pub fn load_config(path: &std::path::Path) -> Result<Settings, Failure> {
    let (settings, diagnostics) = config::load(path)?;
    settings.filter(|_| diagnostics.is_empty()).ok_or_else(|| Failure::Mistakes(diagnostic::render(&diagnostics)))
}

impl Topics {
    pub fn execute(&self) -> Result<(), Failure> {
        match &self.verb {
            Verb::Create { config, partitions, replication } => {
                let kafka = kafka_settings(&load_config(config)?, 0)?;
                let created = admin::create_topics(&kafka, *partitions, *replication)?;
                let names = if created.is_empty() { "none, all exist".to_owned() } else { created.join(", ") };
                print(&format!("created: {names}\n"));
                Ok(())
            }
            Verb::Advance { config, to } => {
                if to != "end" && Civil::parse(to).is_none() {
                    return Err(Failure::Plain(format!("`{to}` is neither a time (yyyy-MM-dd HH:mm:ss) nor `end`")));
                }
                let kafka = kafka_settings(&load_config(config)?, 0)?;
                let topics: Vec<&str> = kafka.inputs.iter().map(String::as_str).collect();
                admin::advance(&kafka, &topics, to)?;
                print(&format!("stated {to} in {}\n", topics.join(", ")));
                Ok(())
            }
            Verb::Read { config, topic, max } => {
                let kafka = kafka_settings(&load_config(config)?, 0)?;
                let name = match topic.as_str() {
                    "clues" => &kafka.clues,
                    "shadow" => &kafka.shadow,
                    "rejects" => &kafka.rejects,
                    "journal" => &kafka.journal,
                    "control" => &kafka.control,
                    other => {
                        return Err(Failure::Plain(format!(
                            "`{other}` is no topic of claimsift: clues, shadow, rejects, journal or control"
                        )));
                    }
                };
                let mut left = max.unwrap_or(usize::MAX);
                admin::read_topic(&kafka, name, &mut |record| {
                    if left > 0 {
                        left -= 1;
                        print(&String::from_utf8_lossy(record.value.unwrap_or_default()));
                        print("\n");
                    }
                    Ok(())
                })?;
                Ok(())
            }
        }
    }
}
