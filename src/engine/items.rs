//! Items of bills and prescriptions, resolved against the reference tables
//! once per distinct code, name and form.

use hashbrown::HashMap;

use crate::evaluators::dosage::Pack;
use crate::reference::drug_master::FormGroup;
use crate::reference::item::Item;
use crate::reference::item::ItemFacts;
use crate::reference::snapshot::Snapshot;
use crate::reference::units::Dimension;
use crate::state::saved::Damage;
use crate::state::saved::Loader;
use crate::state::saved::Saver;

/// Number of an item within one shard; never output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ItemId(pub u32);

#[derive(Debug, Default)]
pub struct Items {
    by_key: HashMap<Box<[u8]>, ItemId>,
    items: Vec<Item>,
    key: Vec<u8>,
}

impl Items {
    pub fn resolve(&mut self, snapshot: &Snapshot, code: Option<&str>, name: Option<&str>, form: Option<&str>) -> ItemId {
        self.key.clear();
        for part in [code, name, form] {
            // Behind their lengths the parts cannot run together.
            let part = part.unwrap_or_default();
            self.key.extend_from_slice(&part.len().to_le_bytes());
            self.key.extend_from_slice(part.as_bytes());
        }
        if let Some(id) = self.by_key.get(self.key.as_slice()) {
            return *id;
        }
        let id = ItemId(u32::try_from(self.items.len()).unwrap_or(u32::MAX));
        assert!(id.0 != u32::MAX, "a shard holds fewer than 2^32 items");
        self.items.push(snapshot.resolve_item(code, name, form));
        self.by_key.insert(self.key.as_slice().into(), id);
        id
    }

    /// Asks other tables about every item. Items keep their numbers.
    pub fn resolve_anew(&mut self, snapshot: &Snapshot) {
        for (key, id) in &self.by_key {
            let [code, name, form] = parts(key);
            self.items[id.0 as usize] = snapshot.resolve_item(code, name, form);
        }
    }

    pub fn save(&mut self, saver: &mut Saver<'_>) {
        let Self { by_key, items, key: _ } = self;
        let from = saver.mark("items");
        let mut new: Vec<[Option<&str>; 3]> = vec![[None; 3]; items.len().saturating_sub(from)];
        for (key, id) in by_key {
            if let Some(slot) = (id.0 as usize).checked_sub(from).and_then(|at| new.get_mut(at)) {
                *slot = parts(key);
            }
        }
        saver.more("items", new.into_iter());
    }

    /// `snapshot`: the references in force.
    pub fn load(loader: &mut Loader<'_>, snapshot: &Snapshot) -> Result<Self, Damage> {
        let mut items = Self::default();
        loader.rows("items", |[code, name, form]: [Option<Box<str>>; 3]| {
            let count = items.items.len();
            let id = items.resolve(snapshot, code.as_deref(), name.as_deref(), form.as_deref());
            if id.0 as usize == count { Ok(()) } else { Err(Damage::malformed("items", "an item stands there twice")) }
        })?;
        Ok(items)
    }

    /// `day`: days since 1970-01-01.
    pub fn at(&self, id: ItemId, day: i64) -> ItemFacts<'_> {
        self.items[id.0 as usize].at(day)
    }
}

/// Code, name and form of a key; one that is blank was not told.
fn parts(mut key: &[u8]) -> [Option<&str>; 3] {
    [(); 3].map(|()| {
        let (len, rest) = key.split_first_chunk()?;
        let (part, rest) = rest.split_at_checked(usize::from_le_bytes(*len))?;
        key = rest;
        std::str::from_utf8(part).ok().filter(|part| !part.is_empty())
    })
}

/// The smallest pack of an item, where the drug master knows it.
pub fn pack_of<'a>(facts: &ItemFacts<'a>) -> Option<Pack<'a>> {
    let row = facts.master?;
    // The master counts in ten-thousandths; a pack of half a tablet is none.
    let count = row.min_pac_cnt.or(row.convrat).filter(|count| *count > 0 && count % 10_000 == 0)?;
    let pen = row.contents.iter().any(|content| content.dimension == Dimension::Activity);
    Some(Pack {
        dose_unit: &row.min_prepunt,
        pack_unit: &row.min_pacunt,
        doses_per_pack: i64::try_from(count / 10_000).ok()?,
        contents: &row.contents,
        used_up: facts.form_group == Some(FormGroup::Injection) && !pen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_item_never_run_together() {
        let snapshot = Snapshot::load(&[]).unwrap();
        let mut items = Items::default();
        let mut resolve = |[code, name, form]: [&str; 3]| items.resolve(&snapshot, Some(code), Some(name), Some(form));
        let keys = [["A\0B", "C", ""], ["A", "B\0C", ""], ["A\0B\0C", "", ""], ["A", "B", "C"], ["", "AB", "C"]];
        let ids = keys.map(&mut resolve);
        for (place, id) in ids.iter().enumerate() {
            assert_eq!(ids.iter().position(|other| other == id), Some(place), "{:?}", keys[place]);
            assert_eq!(resolve(keys[place]), *id);
        }
    }

    #[test]
    fn a_key_gives_back_what_it_was_made_of() {
        let snapshot = Snapshot::load(&[]).unwrap();
        for told in [[Some("甲\0"), None, Some("片剂")], [None, Some("x"), None], [None; 3], [Some("a"), Some("b"), Some("c")]] {
            let mut items = Items::default();
            items.resolve(&snapshot, told[0], told[1], told[2]);
            assert_eq!(parts(&items.key), told);
        }
    }
}
