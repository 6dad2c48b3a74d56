//! A worker's log that waits for its turn before every effect, and may have a
//! bug put into it.
#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::collections::BTreeMap;
use std::time::Duration;

use claimsift::base::fault::Fault;
use claimsift::base::ids::InputId;
use claimsift::base::ids::PARTIALS_INPUT;
use claimsift::base::ids::ShardId;
use claimsift::base::record::Message;
use claimsift::base::record::Messages;
use claimsift::engine::journal::JournalEntry;
use claimsift::io::log::CommitFailure;
use claimsift::io::log::EpochWrite;
use claimsift::io::log::Head;
use claimsift::io::log::Log;
use claimsift::io::log::Output;
use claimsift::io::log::Record;
use claimsift::io::log::Taken;
use claimsift::io::memory::MemoryLog;
use claimsift::window::group::Definition;
use claimsift::window::partial::Block;
use claimsift::window::partial::Body;

use super::turns::Seat;
use super::turns::Turns;

/// A bug that somebody might write: a worker's log does it for the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Offsets and journal are committed before the clues.
    OffsetsFirst,
    /// After an aborted commit the epoch is read and stepped once more.
    AppliedTwice,
    /// The journal says of a run that it ended one offset later.
    JournalOffByOne,
    /// A clue that no longer holds is not withdrawn.
    RetractionDropped,
    /// Some writes that landed are sent again.
    WrittenAgain,
    /// Sums of one definition are added to another's.
    DefinitionsMixed,
    /// A block of partials is not sent.
    PartialDropped,
    /// Parked state is taken back although others went on with the shard.
    ParkedTakenBack,
}

/// A worker's log that waits for its turn before every effect.
pub struct SimLog<'a> {
    inner: MemoryLog,
    turns: &'a Turns,
    seat: Seat,
    mutant: Option<Mutant>,
    /// Offsets that the last landed write named.
    before: BTreeMap<(ShardId, InputId), i64>,
    /// The last journal entry that this worker wrote of each shard.
    written: BTreeMap<ShardId, Vec<u8>>,
}

impl<'a> SimLog<'a> {
    pub fn new(inner: MemoryLog, turns: &'a Turns, seat: Seat, mutant: Option<Mutant>) -> Self {
        Self { inner, turns, seat, mutant, before: BTreeMap::new(), written: BTreeMap::new() }
    }

    fn turn(&self) {
        self.turns.pass(self.seat);
    }

    fn mutate(&self, write: &EpochWrite) -> EpochWrite {
        let mut write = write.clone();
        match self.mutant {
            Some(Mutant::JournalOffByOne) => {
                for record in write.records.iter_mut().filter(|record| record.output == Output::Journal) {
                    let mut entries = vec![record.value.clone().unwrap()];
                    let mut entry: JournalEntry = serde_json::from_slice(&entries.remove(0)).unwrap();
                    if let Some(run) = entry.runs.first_mut() {
                        run.to += 1;
                    }
                    record.value = Some(entry.encode());
                }
            }
            Some(Mutant::RetractionDropped) => {
                write.records.retain(|record| !record.headers.iter().any(|(name, value)| *name == "status" && value == "RETRACTED"));
            }
            Some(Mutant::PartialDropped) => {
                if let Some(at) = write.records.iter().position(|record| record.output == Output::Partials) {
                    write.records.remove(at);
                }
            }
            Some(Mutant::DefinitionsMixed) => mix(&mut write.records),
            _ => {}
        }
        write
    }
}

/// Blocks of one institution under the definition of the first of them.
fn mix(records: &mut [Record]) {
    let mut first: BTreeMap<String, Definition> = BTreeMap::new();
    for record in records.iter_mut().filter(|record| record.output == Output::Partials) {
        let Ok(mut block) = Block::decode(record.value.as_deref().unwrap()) else { continue };
        let Some(body) = block.body.take() else { continue };
        let definition = *first.entry(body.institution().to_string()).or_insert(*body.definition());
        block.body = Body::new(definition, body.institution().clone(), body.rows().to_vec());
        record.value = Some(block.encode());
    }
}

impl Log for SimLog<'_> {
    fn shards(&mut self, wait: Duration) -> Result<Option<Vec<ShardId>>, Fault> {
        self.turn();
        let _ = wait;
        self.inner.shards(Duration::ZERO)
    }

    fn head(&mut self, shard: ShardId, input: InputId) -> Result<Head, Fault> {
        self.inner.head(shard, input)
    }

    fn peek(&mut self, shard: ShardId, input: InputId, look: &mut dyn FnMut(Message<'_>)) -> Result<(), Fault> {
        self.inner.peek(shard, input, look)
    }

    fn take(&mut self, shard: ShardId, input: InputId, max: usize) -> Result<Taken<'_>, Fault> {
        self.turn();
        self.inner.take(shard, input, max)
    }

    fn commit(&mut self, write: &EpochWrite) -> Result<(), CommitFailure> {
        self.turn();
        let write = &self.mutate(write);
        if self.mutant == Some(Mutant::OffsetsFirst) {
            let is_first = |output: Output| matches!(output, Output::Journal);
            let (first, rest) = write.records.iter().cloned().partition(|record| is_first(record.output));
            self.inner.commit(&EpochWrite { records: first, offsets: write.offsets.clone() })?;
            self.turn();
            return self.inner.commit(&EpochWrite { records: rest, offsets: Vec::new() });
        }
        let done = self.inner.commit(write);
        match (&done, self.mutant) {
            (Err(CommitFailure::Again(_)), Some(Mutant::AppliedTwice)) => {
                let mut shards: BTreeMap<ShardId, Vec<i64>> = BTreeMap::new();
                for (shard, input, offset) in &write.offsets {
                    let at = self.before.get(&(*shard, *input)).copied().unwrap_or(0).min(*offset);
                    shards.entry(*shard).or_default().push(if *input == PARTIALS_INPUT { *offset } else { at });
                }
                for (shard, offsets) in shards {
                    self.inner.seek(shard, &offsets).map_err(CommitFailure::Lost)?;
                }
            }
            (Ok(()), Some(Mutant::WrittenAgain)) if write.records.len() % 5 == 3 => {
                let records = write.records.iter().filter(|record| record.output != Output::Journal).cloned().collect();
                let _ = self.inner.commit(&EpochWrite { records, offsets: Vec::new() });
            }
            (Ok(()), Some(Mutant::ParkedTakenBack)) => {
                let entries = write.records.iter().filter(|record| record.output == Output::Journal);
                self.written.extend(entries.map(|record| (record.partition.unwrap(), record.value.clone().unwrap())));
                self.before.extend(write.offsets.iter().map(|(shard, input, offset)| ((*shard, *input), *offset)));
            }
            (Ok(()), _) => self.before.extend(write.offsets.iter().map(|(shard, input, offset)| ((*shard, *input), *offset))),
            _ => {}
        }
        done
    }

    fn committed(&mut self, shard: ShardId) -> Result<Vec<Option<i64>>, Fault> {
        self.turn();
        if self.mutant == Some(Mutant::ParkedTakenBack) && self.written.contains_key(&shard) {
            return Ok((0..3).map(|input| self.before.get(&(shard, input)).copied()).collect());
        }
        self.inner.committed(shard)
    }

    fn journal(&mut self, shard: ShardId) -> Result<Vec<Vec<u8>>, Fault> {
        self.turn();
        let mut entries = self.inner.journal(shard)?;
        if self.mutant == Some(Mutant::ParkedTakenBack)
            && let Some(last) = self.written.get(&shard)
            && let Some(at) = entries.iter().position(|entry| entry == last)
        {
            entries.truncate(at + 1);
        }
        Ok(entries)
    }

    fn activations(&mut self, patience: Duration) -> Result<Vec<Vec<u8>>, Fault> {
        self.inner.activations(patience)
    }

    fn replay(
        &mut self,
        shard: ShardId,
        input: InputId,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(&dyn Messages) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.inner.replay(shard, input, from, to, each)
    }

    fn seek(&mut self, shard: ShardId, offsets: &[i64]) -> Result<(), Fault> {
        self.turn();
        self.inner.seek(shard, offsets)
    }

    fn lag(&self, shard: ShardId, input: InputId) -> Option<u64> {
        self.inner.lag(shard, input)
    }

    fn beginning(&mut self, shard: ShardId, input: InputId) -> Result<i64, Fault> {
        self.inner.beginning(shard, input)
    }

    fn leave(&mut self) -> Result<(), Fault> {
        self.turn();
        self.inner.leave()
    }
}
