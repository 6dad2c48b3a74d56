//! Snapshots: the state of a shard at an entry of its journal, so that recovery
//! begins there and not at the first one.
//!
//! ```text
//! snapshots/<group>/<shard>/manifests/<number of the entry>
//! snapshots/<group>/<shard>/segments/<table>-<from>-<to>-<number>-<sum>
//! ```
//!
//! A snapshot is what its manifest names. Its segments are written first, so
//! what has no manifest is no snapshot; most of them it shares with the
//! snapshot before, because tables only grow. The journal names no snapshot:
//! the manifest names the entry that it stands behind and that entry's hash, and
//! whoever recovers checks that the journal still holds it.

pub mod manifest;
pub mod restore;
pub mod shelf;
pub mod taker;
pub mod writer;
