//! State of shards that the group took away, for the case that it gives them
//! back: with the protocol in use every rebalance takes everything first.

use std::collections::BTreeMap;

use crate::base::fault::Fault;
use crate::base::ids::ShardId;
use crate::io::log::Log;
use crate::runtime::recover::Owned;
use crate::runtime::snapshot::manifest::sum;

/// Each stands behind the last epoch that was committed of it.
#[derive(Default)]
pub struct Parked {
    by_shard: BTreeMap<ShardId, Owned>,
}

impl Parked {
    pub fn put(&mut self, owned: BTreeMap<ShardId, Owned>) {
        self.by_shard.extend(owned);
    }

    pub fn clear(&mut self) {
        self.by_shard.clear();
    }

    /// The state of a shard, with the log put where it goes on; `None` if
    /// another went on with it since, or it was never here. Only the journal
    /// tells: the shard may have been away and come back.
    pub fn take_back(&mut self, log: &mut dyn Log, shard: ShardId) -> Result<Option<Owned>, Fault> {
        let Some(owned) = self.by_shard.remove(&shard).filter(|owned| owned.epoch > 0) else { return Ok(None) };
        let committed = log.committed(shard)?;
        let journal = log.journal(shard)?;
        let same_entry =
            u64::try_from(journal.len()) == Ok(owned.epoch) && journal.last().map(|entry| sum(entry)) == Some(owned.entry.clone());
        // Offsets of a group expire; the journal does not.
        let same_offsets = committed.iter().zip(&owned.offsets).all(|(committed, own)| committed.is_none_or(|committed| committed == *own));
        if !same_entry || !same_offsets {
            return Ok(None);
        }
        log.seek(shard, &owned.offsets)?;
        tracing::info!(shard, epoch = owned.epoch, "nobody went on with the shard: its state is taken back");
        Ok(Some(owned))
    }
}
