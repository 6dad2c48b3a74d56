//! Kafka as a [`Log`]: one member of the group, one transactional producer.

use std::collections::BTreeMap;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

use crate::base::fault::Fault;
use crate::base::fault::Remedy;
use crate::base::fault::chain;
use crate::base::ids::InputId;
use crate::base::ids::ShardId;
use crate::base::record::Message;
use crate::base::record::Messages;
use crate::io::log::CommitFailure;
use crate::io::log::EpochWrite;
use crate::io::log::Head;
use crate::io::log::Log;
use crate::io::log::Output;
use crate::io::log::Taken;

use super::admin;
use super::asker::Asker;
use super::member;
use super::member::Member;
use super::reader::Reader;
use super::settings::KafkaSettings;
use super::writer::Writer;

/// One worker's access to Kafka. Use from one thread.
pub struct KafkaLog {
    settings: KafkaSettings,
    member: Member,
    /// Open while a shard recovers.
    reader: Option<Reader>,
    writer: Writer,
    asker: Asker,
    shards: i32,
    bytes_max: usize,
    /// What the control topic said up to an offset.
    control: (i64, Vec<Vec<u8>>),
    /// By shard: the hash of the last entry of its journal, as far as it was
    /// read or written here; `None`: it has none.
    journal_ends: BTreeMap<ShardId, Option<u128>>,
}

/// Offsets that are looked at first for the last entry of a journal: behind it
/// stand marks of transactions.
const TAIL: i64 = 64;

impl KafkaLog {
    /// Checks the topics, takes over the slot's transactional id (aborting what
    /// a predecessor left open) and joins the group.
    ///
    /// # Errors
    /// Stop: missing topics, unequal partition counts, message limits that do
    /// not fit, settings that cannot be configured. Restart: the broker does not answer.
    pub fn connect(settings: KafkaSettings) -> Result<Self, Fault> {
        let asker = Asker::connect(&settings)?;
        let shards = asker.shards(&settings)?;
        let bytes_max = admin::check_message_limits(&settings)?;
        let writer = Writer::connect(&settings, bytes_max)?;
        let member = Member::join(&settings, shards)?;
        let (control, journal_ends) = ((0, Vec::new()), BTreeMap::new());
        Ok(Self { settings, member, reader: None, writer, asker, shards, bytes_max, control, journal_ends })
    }

    /// The number of shards of the whole group.
    pub fn shard_count(&self) -> i32 {
        self.shards
    }

    fn ours(&self, shard: ShardId) -> Result<(), Fault> {
        if self.member.owns(shard) && !self.member.has_news() { Ok(()) } else { Err(member::gone(shard)) }
    }

    /// Reads a range with the reader, serving the group meanwhile.
    fn read(
        &mut self,
        shard: ShardId,
        topic: &str,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(&dyn Messages) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(Reader::connect(&self.settings)?),
        };
        let member = &mut self.member;
        let mut meanwhile = || {
            member.serve(Duration::ZERO)?;
            if member.has_news() { Err(member::gone(shard)) } else { Ok(()) }
        };
        reader.read(topic, shard, from, to, &mut meanwhile, &mut |batch| each(batch))
    }

    /// The last entry of a journal that is committed, past every transaction
    /// that is still open.
    fn journal_end(&mut self, shard: ShardId) -> Result<Option<u128>, Fault> {
        let topic = self.settings.topic(Output::Journal).to_owned();
        let (from, to) = self.asker.bounds(&topic, shard)?;
        let mut tail = TAIL;
        loop {
            let begin = from.max(to - tail);
            let mut last = None;
            self.read(shard, &topic, begin, to, &mut |batch| {
                last = (0..batch.len()).rev().find_map(|idx| batch.get(idx).value.map(xxh3_128)).or(last);
                Ok(())
            })?;
            self.close(shard, std::slice::from_ref(&topic))?;
            if last.is_some() || begin == from {
                return Ok(last);
            }
            tail *= 16;
        }
    }

    /// A producer that is of no more use, although the shards are still ours (a
    /// transaction grew too old): a new one, and the journal's end says whether
    /// the write landed.
    fn revive(&mut self, write: &EpochWrite, fault: Fault) -> Result<(), CommitFailure> {
        self.writer = Writer::connect(&self.settings, self.bytes_max).map_err(CommitFailure::Lost)?;
        let mut landed = Vec::new();
        for (shard, now) in entries(write) {
            let end = self.journal_end(shard).map_err(CommitFailure::Lost)?;
            match self.journal_ends.get(&shard) {
                _ if end == Some(now) => landed.push(true),
                Some(known) if *known == end => landed.push(false),
                _ => {
                    self.member.start_anew();
                    return Err(CommitFailure::Lost(Fault::retry("commit an epoch", "the journal went on without this worker")));
                }
            }
        }
        tracing::warn!(error = chain(&fault), landed = landed.contains(&true), "the producer was given up, a new one goes on");
        match landed.as_slice() {
            [] => Err(CommitFailure::Again(fault)),
            all if all.iter().all(|landed| *landed) => Ok(()),
            all if all.iter().all(|landed| !*landed) => Err(CommitFailure::Again(fault)),
            _ => Err(CommitFailure::Lost(Fault::stop("commit an epoch", "a part of one transaction is there and another is not"))),
        }
    }

    fn close(&mut self, shard: ShardId, topics: &[String]) -> Result<(), Fault> {
        match &mut self.reader {
            Some(reader) => topics.iter().try_for_each(|topic| reader.close(topic, shard)),
            None => Ok(()),
        }
    }
}

/// The journal entries of a write, by shard.
fn entries(write: &EpochWrite) -> impl Iterator<Item = (ShardId, u128)> {
    let journal = write.records.iter().filter(|record| record.output == Output::Journal);
    journal.filter_map(|record| Some((record.partition?, xxh3_128(record.value.as_deref()?))))
}

impl Log for KafkaLog {
    fn shards(&mut self, wait: Duration) -> Result<Option<Vec<ShardId>>, Fault> {
        let news = self.member.shards(wait)?;
        if news.is_some() {
            self.reader = None;
        }
        Ok(news)
    }

    fn head(&mut self, shard: ShardId, input: InputId) -> Result<Head, Fault> {
        self.member.inlet(shard, input)?.head(&self.asker)
    }

    fn look_again(&mut self, shard: ShardId, input: InputId) -> Result<(), Fault> {
        self.member.inlet(shard, input)?.look_again();
        Ok(())
    }

    fn peek(&mut self, shard: ShardId, input: InputId, look: &mut dyn FnMut(Message<'_>)) -> Result<(), Fault> {
        if let Some(message) = self.member.inlet(shard, input)?.first() {
            look(message);
        }
        Ok(())
    }

    fn take(&mut self, shard: ShardId, input: InputId, max: usize) -> Result<Taken<'_>, Fault> {
        let (batch, next_offset) = self.member.inlet(shard, input)?.take(max)?;
        Ok(Taken { messages: Box::new(batch), next_offset })
    }

    fn commit(&mut self, write: &EpochWrite) -> Result<(), CommitFailure> {
        if write.records.is_empty() && write.offsets.is_empty() {
            return Ok(());
        }
        // The broker checks the generation of the group, with the offsets, and
        // never who owns a partition: that is for us to keep.
        assert!(!write.offsets.is_empty(), "an epoch carries the offsets of its shards");
        if self.member.has_news() {
            return Err(CommitFailure::Lost(Fault::retry("commit an epoch", "the group has changed this worker's shards")));
        }
        if self.member.lost() {
            self.member.start_anew();
            return Err(CommitFailure::Lost(Fault::retry("commit an epoch", "the group no longer counts this worker as a member")));
        }
        for (shard, ..) in &write.offsets {
            assert!(self.member.owns(*shard), "offsets of shard {shard}, which is not owned; owned: {:?}", self.member.owned());
        }
        let outcome = match self.writer.commit(&self.settings, &mut self.member, write) {
            Err(CommitFailure::Lost(fault)) if fault.remedy == Remedy::Restart && self.writer.is_dead() && !self.member.has_news() => {
                self.revive(write, fault)
            }
            other => other,
        };
        if outcome.is_ok() {
            self.journal_ends.extend(entries(write).map(|(shard, entry)| (shard, Some(entry))));
        }
        outcome
    }

    fn committed(&mut self, shard: ShardId) -> Result<Vec<Option<i64>>, Fault> {
        self.ours(shard)?;
        self.member.committed(shard)
    }

    fn journal(&mut self, shard: ShardId) -> Result<Vec<Vec<u8>>, Fault> {
        self.ours(shard)?;
        let topic = self.settings.topic(Output::Journal).to_owned();
        // The end that includes open transactions: an epoch whose commit is
        // still being written must be waited for, or it would be done twice.
        let (from, to) = self.asker.bounds(&topic, shard)?;
        let mut values = Vec::new();
        self.read(shard, &topic, from, to, &mut |batch| {
            values.extend((0..batch.len()).filter_map(|idx| batch.get(idx).value.map(<[u8]>::to_vec)));
            Ok(())
        })?;
        self.close(shard, &[topic])?;
        self.journal_ends.insert(shard, values.last().map(|value| xxh3_128(value)));
        Ok(values)
    }

    fn activations(&mut self, patience: Duration) -> Result<Vec<Vec<u8>>, Fault> {
        let topic = self.settings.control.clone();
        let (from, to) = self.asker.bounds_within(&topic, admin::CONTROL_PARTITION, patience)?;
        if to != self.control.0 {
            let mut values = Vec::new();
            self.read(admin::CONTROL_PARTITION, &topic, from, to, &mut |batch| {
                values.extend((0..batch.len()).filter_map(|idx| batch.get(idx).value.map(<[u8]>::to_vec)));
                Ok(())
            })?;
            self.close(admin::CONTROL_PARTITION, &[topic])?;
            self.control = (to, values);
        }
        Ok(self.control.1.clone())
    }

    fn replay(
        &mut self,
        shard: ShardId,
        input: InputId,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(&dyn Messages) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.ours(shard)?;
        let topic = self.settings.read()[input].to_owned();
        self.read(shard, &topic, from, to, each)
    }

    fn seek(&mut self, shard: ShardId, offsets: &[i64]) -> Result<(), Fault> {
        self.ours(shard)?;
        self.close(shard, &self.settings.read().map(str::to_owned))?;
        self.member.seek(shard, offsets)
    }

    fn lag(&self, shard: ShardId, input: InputId) -> Option<u64> {
        self.member.lag(shard, input)
    }

    fn beginning(&mut self, shard: ShardId, input: InputId) -> Result<i64, Fault> {
        Ok(self.asker.bounds(self.settings.read()[input], shard)?.0)
    }

    fn leave(&mut self) -> Result<(), Fault> {
        self.reader = None;
        self.member.leave()
    }
}
