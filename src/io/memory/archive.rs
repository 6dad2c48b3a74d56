//! A log in memory as an [`Archive`].

use std::sync::Arc;

use super::Chunk;
use super::MemoryCluster;
use super::StoredMessage;
use crate::base::fault::Fault;
use crate::base::ids::InputId;
use crate::base::ids::ShardId;
use crate::base::limits::RUN_MESSAGES_MAX;
use crate::base::record::Messages;
use crate::io::log::Archive;
use crate::io::log::Output;
use crate::io::log::TopicRecord;

impl Archive for MemoryCluster {
    fn shards(&self) -> ShardId {
        self.partitions()
    }

    fn journal(&mut self, shard: ShardId) -> Result<Vec<Vec<u8>>, Fault> {
        let state = self.state();
        let Some(partition) = state.outputs.get(&Output::Journal).and_then(|all| all.get(shard as usize)) else {
            return Ok(Vec::new());
        };
        Ok(partition.records.iter().filter_map(|record| record.record.value.clone()).collect())
    }

    fn activations(&mut self) -> Result<Vec<Vec<u8>>, Fault> {
        Ok(self.state().activations.clone())
    }

    fn bounds(&mut self, shard: ShardId, input: InputId) -> Result<(i64, i64), Fault> {
        let state = self.state();
        let partition = &state.inputs[input][shard as usize];
        Ok((partition.start, partition.end))
    }

    fn replay(
        &mut self,
        shard: ShardId,
        input: InputId,
        from: i64,
        to: i64,
        each: &mut dyn FnMut(&dyn Messages) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let messages: Vec<Arc<StoredMessage>> = {
            let state = self.state();
            let partition = &state.inputs[input][shard as usize];
            if from < partition.start {
                let held = format!("offsets before {} are no longer held", partition.start);
                return Err(Fault::stop(format!("replay shard {shard} from offset {from}"), held));
            }
            partition.messages.range(partition.index(from)..partition.index(to).max(partition.index(from))).cloned().collect()
        };
        messages.chunks(RUN_MESSAGES_MAX).try_for_each(|chunk| each(&Chunk(chunk)))
    }

    /// What is there was never dropped: [`MemoryCluster::retain`] drops inputs.
    fn output(&mut self, output: Output, each: &mut dyn FnMut(TopicRecord<'_>) -> Result<(), Fault>) -> Result<Option<i64>, Fault> {
        for stored in MemoryCluster::output(self, output) {
            let record = &stored.record;
            let headers: Vec<(String, Option<Vec<u8>>)> =
                record.headers.iter().map(|(name, value)| ((*name).to_owned(), Some(value.clone().into_bytes()))).collect();
            each(TopicRecord {
                partition: stored.partition,
                offset: stored.offset,
                timestamp_ms: record.timestamp_ms.unwrap_or_default(),
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                headers: &headers,
            })?;
        }
        Ok(None)
    }
}
