//! Finds the newest snapshot that a journal goes on from, and loads it.

use std::sync::Arc;

use crate::base::fault::Fault;
use crate::base::ids::ShardId;
use crate::engine::Engine;
use crate::engine::activation::BundleName;
use crate::engine::journal::JournalEntry;
use crate::engine::saved::FORMAT;
use crate::engine::shard::Shard;
use crate::runtime::bundles::Course;
use crate::runtime::snapshot::manifest::Bundle;
use crate::runtime::snapshot::manifest::Manifest;
use crate::runtime::snapshot::manifest::SegmentName;
use crate::runtime::snapshot::manifest::Switched;
use crate::runtime::snapshot::manifest::sum;
use crate::runtime::snapshot::shelf::Shelf;
use crate::runtime::snapshot::shelf::Trouble;
use crate::runtime::watch::Observer;
use crate::state::saved::Loader;
use crate::state::saved::Marks;

/// The journal of a shard: its entries, and their bytes.
#[derive(Clone, Copy)]
pub struct Journal<'a> {
    pub entries: &'a [JournalEntry],
    pub values: &'a [Vec<u8>],
}

/// A shard as it was behind an entry of its journal.
pub struct Restored {
    pub shard: Shard,
    pub number: u64,
    pub marks: Marks,
    pub segments: Vec<SegmentName>,
}

/// The newest snapshot that is sound and fits; of one that is not the log and
/// the observer hear.
///
/// # Errors
/// The store does not say what it has.
pub fn newest(
    shelf: &Shelf,
    course: &Course<'_>,
    shard: ShardId,
    journal: Journal<'_>,
    observer: &mut dyn Observer,
) -> Result<Option<Restored>, Fault> {
    let first = course.first(journal.entries)?;
    for number in shelf.numbers(shard)?.into_iter().rev() {
        match restore(shelf, course, &first, shard, journal, number, observer) {
            Ok(restored) => return Ok(Some(restored)),
            Err(trouble) => {
                tracing::warn!(shard, number, reason = %trouble, "snapshot cannot be used, the one before it is tried");
                observer.unusable(shard);
            }
        }
    }
    Ok(None)
}

fn restore(
    shelf: &Shelf,
    course: &Course<'_>,
    first: &Arc<Engine>,
    shard: ShardId,
    journal: Journal<'_>,
    number: u64,
    observer: &mut dyn Observer,
) -> Result<Restored, Trouble> {
    let manifest = shelf.manifest(shard, number)?;
    let activation = fits(&manifest, course, first, journal).map_err(Trouble::Unfit)?;
    let stages = course.stages(activation)?;
    let read = |name| {
        observer.alive();
        shelf.segment(shard, name)
    };
    let segments = manifest.segments.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let (loaded, marks) = Shard::load(Loader::new(segments, &mut || observer.alive())?, shard, first, &stages)?;
    if loaded.engine().versions != manifest.versions {
        return Err(Trouble::Unfit("it was made under another bundle than its activations say".to_owned()));
    }
    Ok(Restored { shard: loaded, number, marks, segments: manifest.segments })
}

/// The activation that it stands at, or why it is of no use here.
fn fits(manifest: &Manifest, course: &Course<'_>, first: &Engine, journal: Journal<'_>) -> Result<u64, String> {
    let Manifest { shard: _, number, entry, state, versions, began, activations, offsets, segments: _, wall_ms: _ } = manifest;
    if *state != FORMAT {
        return Err(format!("its state has format {state}, known is {FORMAT}"));
    }
    let own = &course.own().versions;
    for (what, then, now) in [
        ("semantics", &versions.semantics.to_string(), &own.semantics.to_string()),
        ("identity key", &versions.identity_key, &own.identity_key),
        ("settings", &versions.settings, &own.settings),
    ] {
        if then != now {
            return Err(format!("it was made with {what} {then}, and this worker has {now}"));
        }
    }
    let place = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
    let value = place.and_then(|place| journal.values.get(place)).ok_or_else(|| format!("the journal has no entry {number}"))?;
    if sum(value) != *entry {
        return Err(format!("entry {number} of the journal is another one"));
    }
    if *began != Bundle::from(&BundleName::of(&first.versions)) {
        return Err("the shard began with another bundle".to_owned());
    }
    let at = activations.len() as u64;
    let known: Option<Vec<Switched>> = course.followed(at).map(|known| known.iter().map(Switched::from).collect());
    if known.as_deref() != Some(activations.as_slice()) {
        return Err("it followed activations that the control topic does not have".to_owned());
    }
    // Whoever made it may have followed an activation that the journal never
    // heard of, and another gone on without.
    if let Some(next) = place.and_then(|place| journal.entries.get(place + 1)).filter(|next| next.activation < at) {
        return Err(format!("it stands at activation {at}, and the journal goes on at {}", next.activation));
    }
    let before = journal.entries.get(..=place.unwrap_or_default()).unwrap_or_default();
    let read_to = |input| before.iter().rev().flat_map(|entry| entry.runs.iter().rev()).find(|run| run.input == input).map(|run| run.to);
    if offsets.iter().enumerate().any(|(input, offset)| read_to(input).is_some_and(|to| to != *offset)) {
        return Err(format!("it stands at other offsets than entry {number} of the journal"));
    }
    Ok(at)
}
