//! `claimsift journal`: what each epoch read, and whether the journal holds together.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;

use crate::base::ids::ShardId;
use crate::base::time::Zone;
use crate::commands::Failure;
use crate::commands::print;
use crate::commands::reference::drawn;
use crate::commands::run::kafka_settings;
use crate::commands::topics::load_config;
use crate::config::settings::TopicSettings;
use crate::engine::journal::JournalEntry;
use crate::engine::journal::Tick;
use crate::engine::journal::TickKind;
use crate::io::kafka::KafkaArchive;
use crate::io::log::Archive as _;
use crate::runtime::verify::Checked;
use crate::runtime::verify::Finding;
use crate::runtime::verify::verify;

#[derive(Debug, Args)]
pub struct Journal {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print entries: when each was written, under which activation, what it read and what came of it.
    Show(Show),
    /// Check that entries follow one another, that runs do, that activations are known and counts balance.
    ///
    /// Tells everything that is wrong and ends with exit code 1 if anything is.
    Verify {
        #[arg(long)]
        config: PathBuf,
        /// Read every run that the inputs still hold again, and compare its count and hash.
        #[arg(long)]
        inputs: bool,
    },
}

#[derive(Debug, Args)]
struct Show {
    #[arg(long)]
    config: PathBuf,
    /// Only of this shard (partition).
    #[arg(long)]
    shard: Option<ShardId>,
    /// The first epoch.
    #[arg(long)]
    from: Option<u64>,
    /// The last epoch.
    #[arg(long)]
    to: Option<u64>,
    /// Print entries as they are stored, a line each.
    #[arg(long)]
    json: bool,
}

impl Journal {
    pub fn execute(&self) -> Result<(), Failure> {
        match &self.verb {
            Verb::Show(show) => show.execute(),
            Verb::Verify { config, inputs } => {
                let mut archive = KafkaArchive::connect(kafka_settings(&load_config(config)?, 0)?)?;
                told(&verify(&mut archive, *inputs)?, *inputs)
            }
        }
    }
}

impl Show {
    fn execute(&self) -> Result<(), Failure> {
        let settings = load_config(&self.config)?;
        let mut archive = KafkaArchive::connect(kafka_settings(&settings, 0)?)?;
        let shards = archive.shards();
        if let Some(shard) = self.shard.filter(|shard| !(0..shards).contains(shard)) {
            return Err(Failure::Plain(format!("there is no shard {shard}: they are 0 to {}", shards - 1)));
        }
        let mut rows = Vec::new();
        for shard in self.shard.map_or(0..shards, |shard| shard..shard + 1) {
            for (place, value) in archive.journal(shard)?.iter().enumerate() {
                let entry: Result<JournalEntry, _> = serde_json::from_slice(value);
                // What cannot be read may be any: it is shown.
                let wanted = entry
                    .as_ref()
                    .map_or(true, |entry| self.from.is_none_or(|from| entry.number >= from) && self.to.is_none_or(|to| entry.number <= to));
                if wanted && self.json {
                    print(&String::from_utf8_lossy(value));
                    print("\n");
                } else if wanted {
                    rows.push(match entry {
                        Ok(entry) => row(shard, &entry, &settings.topics, settings.zone),
                        Err(error) => unreadable(shard, place, &error),
                    });
                }
            }
        }
        if !self.json {
            let count = rows.len();
            print(&format!("{}\n{count} 条 entries\n", drawn(HEADS, &[0, 1, 3, 5, 6, 7, 8, 9, 10], rows)));
        }
        Ok(())
    }
}

const HEADS: &[&str; 12] = &[
    "分片\nshard",
    "纪元\nepoch",
    "写入时间\nwritten",
    "启用\nactivation",
    "读取段\nruns: input from–to (messages)",
    "读入\nin",
    "判定\nevaluated",
    "拒收\nrejected",
    "重复\nduplicate",
    "更正\ncorrection",
    "水位声明\nstatement",
    "时钟\nticks",
];

fn row(shard: ShardId, entry: &JournalEntry, topics: &TopicSettings, zone: Zone) -> [String; 12] {
    let runs: Vec<String> =
        entry.runs.iter().map(|run| format!("{} {}–{} ({})", topics.input(run.input), run.from, run.to, run.messages)).collect();
    let mut rejected = entry.rejected.values().sum::<u64>().to_string();
    for (class, count) in &entry.rejected {
        let _ = write!(rejected, "\n{class} {count}");
    }
    let ticks: Vec<String> = entry.ticks.iter().map(|tick| tick_words(tick, topics)).collect();
    [
        shard.to_string(),
        entry.number.to_string(),
        zone.civil(entry.wall_ms).to_string(),
        entry.activation.to_string(),
        runs.join("\n"),
        entry.n_in.to_string(),
        entry.evaluated.to_string(),
        rejected,
        entry.duplicate.to_string(),
        entry.correction.to_string(),
        entry.statement.to_string(),
        ticks.join("\n"),
    ]
}

fn tick_words(tick: &Tick, topics: &TopicSettings) -> String {
    match tick.kind {
        TickKind::Idle => format!("{} 静默 idle", topics.input(tick.input)),
        TickKind::SourceIdle(source) => format!("分片 {source} 静默 source idle"),
    }
}

fn unreadable(shard: ShardId, place: usize, error: &serde_json::Error) -> [String; 12] {
    let mut cells: [String; 12] = Default::default();
    cells[0] = shard.to_string();
    cells[4] = format!("第{place}条无法读取 cannot be read: {error}");
    cells
}

/// Tells what was found, or what was looked at and is well.
fn told(checked: &Checked, inputs: bool) -> Result<(), Failure> {
    let Checked { shards, entries, runs, activations, messages, findings } = checked;
    for finding in findings {
        print(&line(finding));
    }
    print(&format!(
        "已查 checked: {shards} 个分片 shards, {entries} 条日志 entries, {runs} 个读取段 runs, {activations} 次启用 activations\n\
         内容 what: 编号相接 numbers, 偏移相接 offsets, 启用与规则 activations and bundles, 语义版本 semantics, 计数 counts\n"
    ));
    print(&if inputs {
        format!("输入 inputs: 重读 {messages} 条消息，核对条数与散列 messages read again, count and hash compared\n")
    } else {
        "输入 inputs: 未重读（加 --inputs） not read again (--inputs does)\n".to_owned()
    });
    if findings.is_empty() {
        print("无误 all is well\n");
        return Ok(());
    }
    Err(Failure::Mistakes(format!("发现 {} 处问题 findings\n", findings.len())))
}

fn line(finding: &Finding) -> String {
    let mut place = finding.shard.map_or_else(|| "控制主题 control".to_owned(), |shard| format!("分片 shard {shard}"));
    if let Some(epoch) = finding.epoch {
        let _ = write!(place, " 纪元 epoch {epoch}");
    }
    let [zh, en] = finding.wrong.words();
    format!("{place}: {zh} | {en}\n")
}
