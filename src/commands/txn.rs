//! `claimsift txn`: transactions that were left open and hold readers back.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::Subcommand;

use crate::commands::Failure;
use crate::commands::print;
use crate::commands::reference::drawn;
use crate::commands::run::kafka_settings;
use crate::commands::topics::load_config;
use crate::config::settings::Settings;
use crate::io::kafka::KafkaSettings;
use crate::io::kafka::transactions;
use crate::io::kafka::transactions::GroupMember;
use crate::io::kafka::transactions::HeldBack;

#[derive(Debug, Args)]
pub struct Txn {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show partitions whose readers of committed data come no further, the
    /// transactional ids of this configuration, and who is in the group.
    ///
    /// The broker is not asked whose the open transaction is: the client
    /// library has no request for that.
    List {
        #[command(flatten)]
        ids: Ids,
    },
    /// End what was left open under the transactional ids of this configuration.
    ///
    /// Takes over each id, which makes the broker abort its open transaction
    /// and refuses whatever a worker of that id does later. A worker that is
    /// started again does the same for its own id, and the broker ends a
    /// transaction of ours within half a minute: this is for workers that will
    /// not come back while the broker does not act. Refused while the group has live members.
    Abort {
        #[command(flatten)]
        ids: Ids,
        /// Do it; without this it is only said what would be done.
        #[arg(long)]
        yes: bool,
        /// Although the group has live members: theirs are fenced and must be started anew.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Args)]
struct Ids {
    #[arg(long)]
    config: PathBuf,
    /// Of this `kafka.instance` instead of the configuration's: the workers of another machine.
    #[arg(long)]
    instance: Option<String>,
    /// So many workers instead of the configuration's.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
}

/// A transaction that is under way ends sooner; an epoch takes less.
const PATIENCE: Duration = Duration::from_secs(3);

impl Ids {
    /// The configuration of every worker whose id is meant.
    fn workers(&self) -> Result<Vec<KafkaSettings>, Failure> {
        let mut settings: Settings = load_config(&self.config)?;
        if let Some(kafka) = &mut settings.kafka {
            if let Some(instance) = &self.instance {
                kafka.instance.clone_from(instance);
            }
            if let Some(workers) = self.workers {
                kafka.workers = usize::from(workers);
            }
        }
        let count = settings.kafka.as_ref().map_or(1, |kafka| kafka.workers);
        (0..count).map(|slot| kafka_settings(&settings, slot)).collect()
    }
}

impl Txn {
    pub fn execute(&self) -> Result<(), Failure> {
        match &self.verb {
            Verb::List { ids } => {
                let workers = ids.workers()?;
                let Some(first) = workers.first() else { return Ok(()) };
                print(&held_back(&transactions::held_back(first, PATIENCE)?));
                print(&members(&transactions::members(first)?));
                print(&format!("事务编号 transactional ids: {}\n", names(&workers)));
                Ok(())
            }
            Verb::Abort { ids, yes, force } => abort(&ids.workers()?, *yes, *force),
        }
    }
}

fn abort(workers: &[KafkaSettings], yes: bool, force: bool) -> Result<(), Failure> {
    let Some(first) = workers.first() else { return Ok(()) };
    let live = transactions::members(first)?;
    if !live.is_empty() && !force {
        let who = members(&live);
        return Err(Failure::Plain(format!(
            "the group has live members, whose own transactions end by themselves; stop them first, or --force and start them anew\n{}",
            who.trim_end()
        )));
    }
    if !yes {
        return Err(Failure::Plain(format!("nothing was done: with --yes these ids are taken over and let go: {}", names(workers))));
    }
    for worker in workers {
        transactions::abort(worker)?;
        print(&format!("已接管并放开 taken over and let go: {}\n", worker.transactional_id()));
    }
    let left = transactions::held_back(first, PATIENCE)?;
    print(&held_back(&left));
    if left.is_empty() {
        return Ok(());
    }
    Err(Failure::Mistakes(
        "仍有分区受阻，属于其他事务编号（--instance 可指定） partitions are still held back, by other ids (--instance names them)\n"
            .to_owned(),
    ))
}

fn names(workers: &[KafkaSettings]) -> String {
    let names: Vec<String> = workers.iter().map(KafkaSettings::transactional_id).collect();
    names.join(", ")
}

fn held_back(held: &[HeldBack]) -> String {
    if held.is_empty() {
        return "没有受阻的分区 no partition is held back\n".to_owned();
    }
    let heads = ["主题\ntopic", "分区\npartition", "可读至\nstable up to", "末端\nend"];
    let rows = held.iter().map(|one| [one.topic.clone(), one.partition.to_string(), one.stable.to_string(), one.end.to_string()]);
    format!(
        "{}\n{} 个分区受未结束的事务阻挡 partitions are held back by an open transaction\n",
        drawn(&heads, &[1, 2, 3], rows),
        held.len()
    )
}

fn members(members: &[GroupMember]) -> String {
    if members.is_empty() {
        return "消费组没有成员 the group has no live member\n".to_owned();
    }
    let each: Vec<String> = members.iter().map(|member| format!("{} ({})", member.client, member.host)).collect();
    format!("消费组成员 live members: {}\n", each.join(", "))
}
