//! Kafka as an [`Archive`]: a consumer that is assigned what it reads, and
//! never a member of the group.

use crate::base::fault::Fault;
use crate::base::ids::InputId;
use crate::base::ids::ShardId;
use crate::base::record::Messages;
use crate::io::log::Archive;
use crate::io::log::Output;
use crate::io::log::TopicRecord;

use super::admin;
use super::asker::Asker;
use super::reader::Reader;
use super::settings::KafkaSettings;

pub struct KafkaArchive {
    settings: KafkaSettings,
    asker: Asker,
    reader: Reader,
    shards: ShardId,
}

impl KafkaArchive {
    /// # Errors
    /// Stop: topics are missing, or their partitions are not equally many.
    /// Restart: the broker does not answer.
    pub fn connect(settings: KafkaSettings) -> Result<Self, Fault> {
        let asker = Asker::connect(&settings)?;
        let shards = asker.shards(&settings)?;
        let reader = Reader::connect(&settings)?;
        Ok(Self { settings, asker, reader, shards })
    }
}

impl Archive for KafkaArchive {
    fn shards(&self) -> ShardId {
        self.shards
    }

    fn journal(&mut self, shard: ShardId) -> Result<Vec<Vec<u8>>, Fault> {
        let Self { settings, asker, reader, .. } = self;
        let mut values = Vec::new();
        admin::read_partition(asker, reader, &settings.journal, shard, admin::decision_deadline(), &mut |record| {
            values.extend(record.value.map(<[u8]>::to_vec));
            Ok(())
        })?;
        Ok(values)
    }

    fn activations(&mut self) -> Result<Vec<Vec<u8>>, Fault> {
        admin::activations(&self.settings)
    }

    fn bounds(&mut self, shard: ShardId, input: InputId) -> Result<(i64, i64), Fault> {
        self.asker.bounds(self.settings.read()[input], shard)
    }

    fn replay(
        &mut self,
        shard: ShardId,
        input: InputId,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(&dyn Messages) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Self { settings, reader, .. } = self;
        reader.read(settings.read()[input], shard, from, to, &mut || Ok(()), &mut |batch| each(batch))
    }

    fn output(&mut self, output: Output, each: &mut dyn FnMut(TopicRecord<'_>) -> Result<(), Fault>) -> Result<Option<i64>, Fault> {
        let Self { settings, asker, reader, .. } = self;
        let topic = settings.topic(output);
        // Outputs for others may have partitions of their own number.
        let count = asker.partitions(&[topic])?.get(topic).copied().unwrap_or_default();
        let deadline = admin::decision_deadline();
        let mut dropped_before = None;
        for partition in 0..count {
            let mut oldest = None;
            let from = admin::read_partition(asker, reader, topic, partition, deadline, &mut |record| {
                oldest.get_or_insert(record.timestamp_ms);
                each(record)
            })?;
            if from > 0 {
                dropped_before = dropped_before.max(Some(oldest.unwrap_or(i64::MAX)));
            }
        }
        Ok(dropped_before)
    }
}
