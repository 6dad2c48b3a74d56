//! `claimsift replay`: decides past epochs anew, as they were decided then, and
//! compares what comes out with what stands in the topics.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::base::fault::Fault;
use crate::base::ids::ShardId;
use crate::clues::build::ENGINE;
use crate::commands::Failure;
use crate::commands::load;
use crate::commands::print;
use crate::commands::reference::drawn;
use crate::commands::run;
use crate::commands::run::kafka_settings;
use crate::commands::topics::load_config;
use crate::engine::journal::SEMANTICS;
use crate::events::input_name;
use crate::io::kafka::KafkaArchive;
use crate::io::log::Archive as _;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::runtime::bundles::Bundles;
use crate::runtime::bundles::Stored;
use crate::runtime::replay::Asked;
use crate::runtime::replay::Comparison;
use crate::runtime::replay::Difference;
use crate::runtime::replay::What;
use crate::runtime::replay::replay;
use crate::runtime::standing::Place;
use crate::runtime::store::Store;

#[derive(Debug, Args)]
pub struct Replay {
    #[arg(long)]
    config: PathBuf,
    /// A shard (partition), or `all`.
    #[arg(long, value_parser = shard)]
    shard: Wanted,
    /// The first epoch that is decided anew.
    #[arg(long)]
    from: u64,
    /// The last one; beyond the journal's end it stands for the end.
    #[arg(long)]
    to: u64,
    /// Decide epochs of other semantics by this build's, to see what would differ.
    #[arg(long)]
    any_semantics: bool,
    /// Leave rejects out: their topic keeps them for a month.
    #[arg(long)]
    without_rejects: bool,
    /// Write the clue records that were derived to this file, as JSON lines.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
struct Wanted(Option<ShardId>);

fn shard(text: &str) -> Result<Wanted, String> {
    match text {
        "all" => Ok(Wanted(None)),
        number => number.parse().map(|shard| Wanted(Some(shard))).map_err(|_| "a number, or `all`".to_owned()),
    }
}

/// Lines about single records; more are counted only.
const LINES_MAX: usize = 1000;

impl Replay {
    pub fn execute(&self) -> Result<(), Failure> {
        if self.from == 0 || self.to < self.from {
            return Err(Failure::Plain(format!("epochs are numbered from 1: {} to {} are none", self.from, self.to)));
        }
        let settings = load_config(&self.config)?;
        let loaded = load::load(&settings.rules, &settings.reference)?;
        let mut archive = KafkaArchive::connect(kafka_settings(&settings, 0)?)?;
        let engine = run::engine(&settings, &loaded, archive.shards())?;
        let stored = settings.store.as_ref().map(|path| Stored::new(Arc::clone(&engine), Store::new(path.clone())));
        let bundles: Option<&dyn Bundles> = stored.as_ref().map(|stored| stored as &dyn Bundles);
        let asked = Asked {
            shard: self.shard.0,
            from: self.from,
            to: Some(self.to),
            any_semantics: self.any_semantics,
            rejects: !self.without_rejects,
        };
        let mut lines = self.out.as_deref().map(Lines::create).transpose()?;
        let found = replay(&engine, bundles, &mut archive, &asked, &mut |clue| match &mut lines {
            Some(lines) => lines.write(clue),
            None => Ok(()),
        })?;
        if let Some(lines) = lines {
            lines.finish()?;
        }
        self.told(&found)
    }

    fn told(&self, found: &Comparison) -> Result<(), Failure> {
        if found.ranges.is_empty() {
            return Err(Failure::Plain(format!("no journal reaches epoch {}: there is nothing to compare", self.from)));
        }
        print(&format!("{}\n", table(found)));
        print(
            "比对内容 compared: 键、值、消息头逐字节 key, value and headers byte for byte（线索不计写出程序的版本号 but for the build named in a clue）\n\
             归属 whose: 线索按纪元与来源分区 clues by epoch and partition of their sources, 拒收按来源偏移 rejects by source offset, \
             部分和按来源分片与序号 partials by source shard and number\n",
        );
        if self.without_rejects {
            print("拒收未比对 rejects were not compared\n");
        }
        let builds: Vec<&str> = found.builds.iter().map(String::as_str).filter(|build| *build != ENGINE).collect();
        if !builds.is_empty() {
            print(&format!("当时由 written by {}，今由 decided anew by {ENGINE}\n", builds.join(", ")));
        }
        let other: Vec<String> = found.semantics.iter().filter(|number| **number != SEMANTICS).map(u32::to_string).collect();
        if !other.is_empty() {
            print(&format!("语义版本当时为 semantics then {}，今为 now {SEMANTICS}\n", other.join(", ")));
        }
        for difference in found.differences.iter().take(LINES_MAX) {
            print(&line(difference));
        }
        let untold = found.differences.len().saturating_sub(LINES_MAX);
        if untold > 0 {
            print(&format!("另有 {untold} 条未列出 more\n"));
        }
        if found.is_same() {
            print("一致 the same\n");
            return Ok(());
        }
        if found.differences.iter().any(|difference| difference.what == What::Expired) {
            print(
                "已过期的拒收无法比对（可加 --without-rejects） rejects that have expired cannot be compared (--without-rejects leaves them out)\n",
            );
        }
        Err(Failure::Mistakes(format!("不一致 not the same: {} 条记录 records\n", found.differences.len())))
    }
}

const OUTPUTS: [(Output, &str); 4] = [
    (Output::Clues, "线索 clues"),
    (Output::Shadow, "试运行线索 shadow"),
    (Output::Rejects, "拒收 rejects"),
    (Output::Partials, "部分和 partials"),
];

fn table(found: &Comparison) -> comfy_table::Table {
    let heads =
        ["分片\nshard", "纪元\nepochs", "输出\noutput", "一致\nsame", "缺失\nmissing", "多出\nextra", "不同\ndifferent", "过期\nexpired"];
    let shards = found.ranges.iter().map(|(shard, (from, to))| (Some(*shard), shard.to_string(), format!("{from}–{to}")));
    let nobody = found.counts.keys().any(|(shard, ..)| shard.is_none()).then(|| (None, "无归属 of none".to_owned(), String::new()));
    let rows = shards.chain(nobody).flat_map(|(shard, name, epochs)| {
        OUTPUTS.map(|(output, words)| {
            let count = |what| found.count(shard, output, what).to_string();
            let counts = [What::Same, What::Missing, What::Extra, What::Different, What::Expired].map(count);
            let [same, missing, extra, different, expired] = counts;
            [name.clone(), epochs.clone(), words.to_owned(), same, missing, extra, different, expired]
        })
    });
    drawn(&heads, &[3, 4, 5, 6, 7], rows)
}

fn line(difference: &Difference) -> String {
    let what = match difference.what {
        What::Same => "一致 same",
        What::Missing => "缺失 missing",
        What::Extra => "多出 extra",
        What::Different => "不同 different",
        What::Expired => "过期 expired",
    };
    let shard = difference.shard.map_or_else(|| "无归属 of none".to_owned(), |shard| format!("分片 shard {shard}"));
    let epoch = difference.epoch.map_or_else(String::new, |epoch| format!(" 纪元 epoch {epoch}"));
    let name = OUTPUTS.iter().find(|(output, _)| *output == difference.place.output()).map_or("", |(_, name)| name);
    let place = match &difference.place {
        Place::Clue { id, revision, .. } => format!("{id} 第{revision}次 revision {revision}"),
        Place::Reject { input, offset } => format!("{} {offset}", input_name(*input)),
        Place::Block { rollup, sequence } => format!("至分片 to shard {rollup} 序号 number {sequence}"),
        Place::Nameless { partition, offset, .. } => format!("分区 partition {partition} 偏移 offset {offset}"),
    };
    format!("{what}: {shard}{epoch} {name} {place}\n")
}

/// The file of clue records: it is there once it is whole.
struct Lines {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
}

impl Lines {
    fn create(path: &Path) -> Result<Self, Fault> {
        let part = path.with_extension("part");
        let file = File::create(&part).map_err(|error| Fault::stop(format!("create {}", part.display()), error))?;
        Ok(Self { path: path.to_owned(), part, file: BufWriter::new(file) })
    }

    fn write(&mut self, clue: &Record) -> Result<(), Fault> {
        let value = clue.value.as_deref().unwrap_or_default();
        let written = self.file.write_all(value).and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|error| Fault::stop(format!("write {}", self.part.display()), error))
    }

    fn finish(mut self) -> Result<(), Fault> {
        let done = self.file.flush().and_then(|()| std::fs::rename(&self.part, &self.path));
        done.map_err(|error| Fault::stop(format!("write {}", self.path.display()), error))
    }
}
