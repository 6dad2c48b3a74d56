//! Revisions: compares what is found now with what was told, and says what
//! has to be told anew. A pure function of the two.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::ids::ClueId;
use crate::state::clues::Told;

/// What happened to one clue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    New,
    Updated {
        previous: Box<[u8]>,
    },
    /// The finding is the one that was told last.
    Retracted,
}

/// A word to be told about one clue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    pub id: ClueId,
    pub revision: u32,
    pub change: Change,
    pub finding: Box<[u8]>,
}

/// Compares `found` with what was `told` of the clues that are `asked` about
/// (`None`: all), brings `told` up to date, and returns the
/// words to tell, in the order of clue ids.
pub fn revise(told: &mut Vec<Told>, found: BTreeMap<ClueId, Box<[u8]>>, asked: Option<&BTreeSet<ClueId>>) -> Vec<Revision> {
    let mut words = Vec::new();
    let is_asked = |id: &ClueId| asked.is_none_or(|asked| asked.contains(id));
    for known in told.iter_mut().filter(|known| !known.retracted && is_asked(&known.id) && !found.contains_key(&known.id)) {
        known.retracted = true;
        known.revision += 1;
        let finding = known.finding.clone();
        words.push(Revision { id: known.id, revision: known.revision, change: Change::Retracted, finding });
    }
    for (id, finding) in found {
        match told.iter_mut().find(|known| known.id == id) {
            None => {
                told.push(Told { id, revision: 1, retracted: false, finding: finding.clone() });
                words.push(Revision { id, revision: 1, change: Change::New, finding });
            }
            Some(known) if known.retracted || known.finding != finding => {
                let previous = std::mem::replace(&mut known.finding, finding.clone());
                known.retracted = false;
                known.revision += 1;
                words.push(Revision { id, revision: known.revision, change: Change::Updated { previous }, finding });
            }
            Some(_) => {}
        }
    }
    words.sort_by_key(|word| word.id);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(findings: &[(u8, &str)]) -> BTreeMap<ClueId, Box<[u8]>> {
        findings.iter().map(|(id, text)| (ClueId([*id; 16]), text.as_bytes().into())).collect()
    }

    fn words(told: &mut Vec<Told>, findings: &[(u8, &str)]) -> Vec<String> {
        revise(told, found(findings), None)
            .into_iter()
            .map(|word| {
                let change = match word.change {
                    Change::New => "new",
                    Change::Updated { .. } => "updated",
                    Change::Retracted => "retracted",
                };
                format!("{} r{} {change}", word.id.0[0], word.revision)
            })
            .collect()
    }

    #[test]
    fn a_clue_is_told_revised_withdrawn_and_brought_back_under_one_id() {
        let mut told = Vec::new();
        assert_eq!(words(&mut told, &[(1, "a")]), ["1 r1 new"]);
        assert_eq!(words(&mut told, &[(1, "a")]), Vec::<String>::new());
        assert_eq!(words(&mut told, &[(1, "b"), (2, "x")]), ["1 r2 updated", "2 r1 new"]);
        assert_eq!(words(&mut told, &[(2, "x")]), ["1 r3 retracted"]);
        assert_eq!(words(&mut told, &[(2, "x")]), Vec::<String>::new());
        assert_eq!(words(&mut told, &[(1, "b"), (2, "x")]), ["1 r4 updated"]);
    }

    #[test]
    fn a_clue_that_is_not_asked_about_stands() {
        let mut told = Vec::new();
        words(&mut told, &[(1, "a"), (2, "x")]);
        let asked = BTreeSet::from([ClueId([2; 16])]);
        let words = revise(&mut told, found(&[]), Some(&asked));
        assert_eq!(words.iter().map(|word| word.id.0[0]).collect::<Vec<_>>(), [2]);
        assert!(!told[0].retracted && told[1].retracted);
    }
}
