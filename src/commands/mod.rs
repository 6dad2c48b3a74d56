//! The command line: one file per command.

pub mod activate;
pub mod baseline;
pub mod clues;
pub mod demo;
pub mod journal;
pub mod key;
pub mod load;
pub mod observe;
pub mod reference;
pub mod rejects;
pub mod replay;
pub mod rules;
pub mod run;
pub mod snapshot;
pub mod synth;
pub mod topics;
pub mod txn;

use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use crate::base::fault::Fault;
use crate::base::fault::chain;

/// Finds suspicious medical-insurance claims in settlement and prescription events.
#[derive(Debug, Parser)]
#[command(name = "claimsift", version, about)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the main job on a made-up city, without a broker.
    Demo(demo::Demo),
    /// Read events from Kafka or from files and write clues.
    Run(run::Run),
    /// Write made-up events to files or to topics.
    Synth(synth::Synth),
    /// Check, test, lock and describe rule files.
    Rules(rules::Rules),
    /// Check reference tables, show what they know, and list what they lack.
    Reference(reference::Reference),
    /// Check the standards that ratios are held against, and show what they say.
    Baseline(baseline::BaselineCommand),
    /// Write clues as tables for people.
    Clues(clues::Clues),
    /// Create topics, read them, and state how far a feed has come.
    Topics(topics::Topics),
    /// Put the rules and references of a configuration into force, from the workers' next epoch on.
    Activate(activate::Activate),
    /// Make and wrap the key of the persons' pseudonyms.
    Key(key::Key),
    /// List, check and clear the snapshots that recovery begins with.
    Snapshot(snapshot::Snapshot),
    /// Put rejected messages back through after a fix.
    Rejects(rejects::Rejects),
    /// Show what each epoch read, and check that the journal holds together.
    Journal(journal::Journal),
    /// Decide past epochs anew, as they were decided then, and compare with what was written.
    ///
    /// Reads the journal and the inputs that it names, rebuilds each shard up
    /// to the first epoch, decides the range under the rules and references
    /// then in force (they must lie in `state.store`), and holds clues, shadow
    /// clues, rejects and partials against the topics. Joins no group and
    /// writes nothing to the broker. Exit code 0 only if all is the same.
    Replay(replay::Replay),
    /// Show and end transactions that were left open and hold readers back.
    Txn(txn::Txn),
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// Mistakes in a person's files, already rendered.
    Mistakes(String),
    World(Fault),
    /// Anything else that a person can act on.
    Plain(String),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::World(fault)
    }
}

/// Exit codes: 0 done, 1 a person's files have mistakes or a check failed,
/// 2 it could not be done.
pub fn main() -> ExitCode {
    crate::io::kafka::tune_allocator();
    let line = Line::parse();
    let result = match &line.command {
        Command::Demo(demo) => demo.execute(),
        Command::Run(run) => run.execute(),
        Command::Synth(synth) => synth.execute(),
        Command::Rules(rules) => rules.execute(),
        Command::Reference(reference) => reference.execute(),
        Command::Baseline(baseline) => baseline.execute(),
        Command::Clues(clues) => clues.execute(),
        Command::Topics(topics) => topics.execute(),
        Command::Activate(activate) => activate.execute(),
        Command::Key(key) => key.execute(),
        Command::Snapshot(snapshot) => snapshot.execute(),
        Command::Rejects(rejects) => rejects.execute(),
        Command::Journal(journal) => journal.execute(),
        Command::Replay(replay) => replay.execute(),
        Command::Txn(txn) => txn.execute(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Mistakes(text)) => {
            say(&text);
            ExitCode::from(1)
        }
        Err(Failure::World(fault)) => {
            say(&format!("error: {}\n", chain(&fault)));
            ExitCode::from(2)
        }
        Err(Failure::Plain(text)) => {
            say(&format!("error: {text}\n"));
            ExitCode::from(2)
        }
    }
}

/// Words for a person go to standard error, data to standard output. A closed
/// pipe is nobody's mistake.
pub fn say(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

pub fn print(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
