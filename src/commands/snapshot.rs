//! `claimsift snapshot`: list, check and clear the snapshots of a group.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use clap::Subcommand;

use crate::base::fault::Fault;
use crate::base::ids::ShardId;
use crate::base::time::Zone;
use crate::commands::Failure;
use crate::commands::print;
use crate::commands::reference::drawn;
use crate::commands::topics::load_config;
use crate::config::settings::RecoverFrom as Configured;
use crate::config::settings::Settings;
use crate::io::objects::Objects;
use crate::runtime::snapshot::manifest::Manifest;
use crate::runtime::snapshot::shelf::KEPT;
use crate::runtime::snapshot::shelf::Shelf;
use crate::runtime::snapshot::shelf::Trouble;
use crate::runtime::snapshot::taker::RecoverFrom;
use crate::runtime::snapshot::taker::Snapshots;

#[derive(Debug, Args)]
pub struct Snapshot {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show which snapshots there are, from their manifests alone.
    List {
        #[arg(long)]
        config: PathBuf,
    },
    /// Read every snapshot whole and compare it with its checksums.
    Verify {
        #[arg(long)]
        config: PathBuf,
    },
    /// Remove old and unreadable snapshots, and what no snapshot needs.
    Prune {
        #[arg(long)]
        config: PathBuf,
        /// How many of each partition stay.
        #[arg(long, default_value_t = KEPT, value_parser = kept)]
        keep: usize,
    },
}

fn kept(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|kept| *kept > 0).ok_or_else(|| "write a number from 1 on".to_owned())
}

const HEADS: [&str; 7] =
    ["分区 partition", "账目 journal entry", "启用号 activation", "时间 taken", "段 segments", "字节 bytes", "状态 state"];

impl Snapshot {
    pub fn execute(&self) -> Result<(), Failure> {
        let (Verb::List { config } | Verb::Verify { config } | Verb::Prune { config, .. }) = &self.verb;
        let settings = load_config(config)?;
        let Some(shelf) = shelf(&settings)? else {
            return Err(Failure::Plain("snapshots have no place: configure `state.snapshots` or `state.store`, and `kafka`".to_owned()));
        };
        match &self.verb {
            Verb::List { .. } => {
                let (text, _) = table(&shelf, settings.zone, Shelf::manifest)?;
                print(&text);
                Ok(())
            }
            Verb::Verify { .. } => {
                let (text, unsound) = table(&shelf, settings.zone, Shelf::check)?;
                print(&text);
                if unsound == 0 {
                    Ok(())
                } else {
                    Err(Failure::Mistakes(format!("不可用的快照 {unsound} / snapshots that cannot be used: {unsound}\n")))
                }
            }
            Verb::Prune { keep, .. } => {
                for shard in shelf.shards()? {
                    let pruned = shelf.prune(shard, *keep, None)?;
                    print(&format!(
                        "分区 {shard}：删除快照 {}、段 {}（{} 字节） / partition {shard}: removed {} snapshots, {} segments ({} bytes)\n",
                        pruned.snapshots, pruned.segments, pruned.bytes, pruned.snapshots, pruned.segments, pruned.bytes
                    ));
                }
                Ok(())
            }
        }
    }
}

/// A line for each snapshot, and how many of them are no good.
fn table(shelf: &Shelf, zone: Zone, look: impl Fn(&Shelf, ShardId, u64) -> Result<Manifest, Trouble>) -> Result<(String, usize), Fault> {
    let mut rows = Vec::new();
    let mut unsound = 0;
    for shard in shelf.shards()? {
        for number in shelf.numbers(shard)? {
            let [partition, entry] = [shard.to_string(), number.to_string()];
            rows.push(match look(shelf, shard, number) {
                Ok(manifest) => [
                    partition,
                    entry,
                    manifest.activations.len().to_string(),
                    zone.civil(manifest.wall_ms).to_string(),
                    manifest.segments.len().to_string(),
                    manifest.segments.iter().map(|segment| segment.bytes).sum::<u64>().to_string(),
                    "完好 sound".to_owned(),
                ],
                Err(Trouble::World(fault)) => return Err(fault),
                Err(trouble) => {
                    unsound += 1;
                    let nothing = String::new;
                    [partition, entry, nothing(), nothing(), nothing(), nothing(), format!("不可用 unusable: {trouble}")]
                }
            });
        }
    }
    if rows.is_empty() {
        return Ok((format!("{}：没有快照 / no snapshots\n", shelf.place()), 0));
    }
    Ok((format!("{}\n{}\n", shelf.place(), drawn(&HEADS, &[0, 1, 2, 4, 5], rows)), unsound))
}

/// Where the snapshots of a configuration lie; `None`: nowhere.
fn shelf(settings: &Settings) -> Result<Option<Shelf>, Fault> {
    match (settings.snapshots.path.as_ref().or(settings.store.as_ref()), &settings.kafka) {
        (Some(path), Some(kafka)) => Ok(Some(Shelf::new(Objects::folder(path)?, kafka.group.clone()))),
        _ => Ok(None),
    }
}

/// The snapshots that workers of a configuration take and begin with.
///
/// # Errors
/// The configuration asks for them and gives them no place.
pub fn snapshots(settings: &Settings) -> Result<Option<Snapshots>, Failure> {
    let from = match settings.snapshots.recover {
        Configured::Auto => RecoverFrom::Auto,
        Configured::Snapshot => RecoverFrom::Snapshot,
        Configured::Replay => RecoverFrom::Replay,
    };
    match shelf(settings)? {
        Some(shelf) => Ok(Some(Snapshots::new(Arc::new(shelf), from, settings.snapshots.every))),
        None if from == RecoverFrom::Snapshot => Err(Failure::Plain(
            "`recover: snapshot` needs a place where snapshots lie: configure `state.snapshots` or `state.store`".to_owned(),
        )),
        None => Ok(None),
    }
}
