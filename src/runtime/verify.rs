//! Whether a journal holds together: each entry by itself, with the one before
//! it, with the control topic, and with the inputs that it was written of.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::base::fault::Fault;
use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::INPUTS;
use crate::base::ids::InputId;
use crate::base::ids::ShardId;
use crate::engine::activation::Activation;
use crate::engine::activation::BundleName;
use crate::engine::effects::RunDone;
use crate::engine::journal::JournalEntry;
use crate::engine::journal::RunRecord;
use crate::engine::journal::SEMANTICS;
use crate::engine::journal::Versions;
use crate::events::input_name;
use crate::io::log::Archive;

/// Something that is not as the journal of a worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `None`: of the control topic.
    pub shard: Option<ShardId>,
    /// Number of the entry; `None`: of no single one.
    pub epoch: Option<u64>,
    pub wrong: Wrong,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// By its place in the partition, from 0.
    Unreadable {
        place: usize,
        reason: String,
    },
    Control {
        reason: String,
    },
    /// The entry before it has another number than it says, or than is due.
    Broken {
        number: u64,
        previous: u64,
        before: u64,
    },
    /// Other settings, identity key or semantics than the entry before.
    Versions {
        then: Versions,
        now: Versions,
    },
    Semantics(u32),
    ActivationBack {
        before: u64,
        now: u64,
    },
    ActivationUnknown {
        number: u64,
        known: u64,
    },
    Bundle {
        entry: BundleName,
        expected: BundleName,
    },
    Unbalanced {
        n_in: u64,
        outcomes: u64,
    },
    RejectsByInput {
        by_class: u64,
        by_input: u64,
    },
    RunsAndCounts {
        runs: u64,
        n_in: u64,
    },
    Input(InputId),
    Run(RunRecord),
    /// A run begins before the one before it ended.
    Overlap {
        input: InputId,
        from: i64,
        end: i64,
    },
    /// The input no longer holds its runs before `held`; from the epoch of the
    /// finding to `last`.
    Expired {
        input: InputId,
        from: i64,
        held: i64,
        last: u64,
    },
    /// The input ends before the run does.
    Absent {
        input: InputId,
        to: i64,
        end: i64,
    },
    Content {
        input: InputId,
        from: i64,
        to: i64,
        messages: u64,
        found: u64,
    },
}

impl Wrong {
    /// In Chinese and in English.
    pub fn words(&self) -> [String; 2] {
        match self {
            Self::Unreadable { place, reason } => {
                [format!("第{place}条无法读取：{reason}"), format!("the entry at place {place} cannot be read: {reason}")]
            }
            Self::Control { reason } => [format!("控制主题无法读取：{reason}"), format!("the control topic cannot be read: {reason}")],
            Self::Broken { number, previous, before } => [
                format!("不相接：前一条为{before}，本条编号{number}，自称接在{previous}之后"),
                format!("does not follow: the entry before is {before}, this one is {number} and names {previous} before it"),
            ],
            Self::Versions { then, now } => {
                [format!("版本与前一条不同：前为 {then}；今为 {now}"), format!("other versions than the entry before: {then}; now {now}")]
            }
            Self::Semantics(number) => [
                format!("语义版本{number}未知，本程序识别1至{SEMANTICS}"),
                format!("semantics {number} are unknown: this program knows 1 to {SEMANTICS}"),
            ],
            Self::ActivationBack { before, now } => {
                [format!("启用编号倒退：前为{before}，今为{now}"), format!("the activation goes back from {before} to {now}")]
            }
            Self::ActivationUnknown { number, known } => [
                format!("启用编号{number}不在控制主题中，其末号为{known}"),
                format!("activation {number} is not in the control topic, which ends with {known}"),
            ],
            Self::Bundle { entry, expected } => [
                format!("规则与参考表与其启用记录不符：写为 {entry}，应为 {expected}"),
                format!("it was written with {entry}, and its activation says {expected}"),
            ],
            Self::Unbalanced { n_in, outcomes } => {
                [format!("计数不平：读入{n_in}，各结果合计{outcomes}"), format!("counts do not balance: {n_in} in, {outcomes} by outcome")]
            }
            Self::RejectsByInput { by_class, by_input } => [
                format!("拒收计数不符：按类{by_class}，按输入{by_input}"),
                format!("rejects differ: {by_class} by class, {by_input} by input"),
            ],
            Self::RunsAndCounts { runs, n_in } => {
                [format!("读取段共{runs}条消息，计数为{n_in}"), format!("its runs hold {runs} messages and {n_in} are counted")]
            }
            Self::Input(input) => [format!("输入{input}不存在"), format!("there is no input {input}")],
            Self::Run(run) => [
                format!("读取段不成立：{} {}至{}，{}条", input_name(run.input), run.from, run.to, run.messages),
                format!("no run: {} messages at {} {} to {}", run.messages, input_name(run.input), run.from, run.to),
            ],
            Self::Overlap { input, from, end } => [
                format!("{}从{from}读起，前一段已读至{end}", input_name(*input)),
                format!("{} is read from {from}, and the run before ended at {end}", input_name(*input)),
            ],
            Self::Expired { input, from, held, last } => [
                format!("{}已过期：需从{from}读起，主题仅存{held}起；至纪元{last}无法核对", input_name(*input)),
                format!(
                    "{} has expired: it is needed from {from} and held from {held}; not checked up to epoch {last}",
                    input_name(*input)
                ),
            ],
            Self::Absent { input, to, end } => [
                format!("{}只到{end}，读取段到{to}", input_name(*input)),
                format!("{} ends at {end} and the run at {to}", input_name(*input)),
            ],
            Self::Content { input, from, to, messages, found } => [
                format!("{} {from}至{to}内容已变：当时{messages}条，今{found}条，或内容不同", input_name(*input)),
                format!(
                    "{} {from} to {to} held {messages} messages when they were read and holds {found} now, or others",
                    input_name(*input)
                ),
            ],
        }
    }
}

/// What was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub shards: usize,
    pub entries: usize,
    pub runs: usize,
    pub activations: usize,
    /// Messages that were read again.
    pub messages: u64,
    pub findings: Vec<Finding>,
}

/// Looks at the journals of all shards; with `inputs` reads what they name again.
///
/// # Errors
/// What the log says. What is wrong with a journal is a finding.
pub fn verify(archive: &mut dyn Archive, inputs: bool) -> Result<Checked, Fault> {
    let mut checked = Checked::default();
    // Journals before the control topic, so that every activation that they name is known.
    let mut journals = Vec::new();
    for shard in 0..archive.shards() {
        journals.push((shard, archive.journal(shard)?));
    }
    let values = archive.activations()?;
    let known = match Activation::decode_all(&values) {
        Ok(activations) => {
            checked.activations = activations.len();
            Some(activations)
        }
        Err(fault) => {
            checked.findings.push(Finding { shard: None, epoch: None, wrong: Wrong::Control { reason: fault.to_string() } });
            None
        }
    };
    for (shard, values) in journals {
        checked.shards += 1;
        let entries = chain(shard, &values, known.as_deref(), &mut checked);
        if inputs {
            read_again(archive, shard, &entries, &mut checked)?;
        }
    }
    Ok(checked)
}

/// Looks at each entry and at what goes on from one to the next.
fn chain(shard: ShardId, values: &[Vec<u8>], known: Option<&[Activation]>, checked: &mut Checked) -> Vec<JournalEntry> {
    let mut entries: Vec<JournalEntry> = Vec::with_capacity(values.len());
    let mut ends: BTreeMap<InputId, i64> = BTreeMap::new();
    // The bundle before the first activation is the configuration's, which only
    // the entries themselves name.
    let mut begun: Option<BundleName> = None;
    // Something that cannot be read may stand for any entry.
    let mut lost = false;
    for (place, value) in values.iter().enumerate() {
        let entry: JournalEntry = match serde_json::from_slice(value) {
            Ok(entry) => entry,
            Err(error) => {
                let wrong = Wrong::Unreadable { place, reason: error.to_string() };
                checked.findings.push(Finding { shard: Some(shard), epoch: None, wrong });
                lost = true;
                continue;
            }
        };
        let mut found = Vec::new();
        let before = entries.last();
        let due = before.map_or(0, |before| before.number);
        if entry.previous.checked_add(1) != Some(entry.number) || (!lost && entry.previous != due) {
            found.push(Wrong::Broken { number: entry.number, previous: entry.previous, before: due });
        }
        lost = false;
        if let Some(before) = before {
            let kept = |versions: &Versions| (versions.semantics, versions.identity_key.clone(), versions.settings.clone());
            if kept(&before.versions) != kept(&entry.versions) {
                found.push(Wrong::Versions { then: before.versions.clone(), now: entry.versions.clone() });
            }
            if entry.activation < before.activation {
                found.push(Wrong::ActivationBack { before: before.activation, now: entry.activation });
            }
        }
        if !(1..=SEMANTICS).contains(&entry.versions.semantics) {
            found.push(Wrong::Semantics(entry.versions.semantics));
        }
        found.extend(bundle(&entry, known, &mut begun));
        found.extend(counts(&entry));
        for run in &entry.runs {
            checked.runs += 1;
            if run.input >= INPUTS {
                found.push(Wrong::Input(run.input));
                continue;
            }
            // Offsets without a message may lie in between; messages without an offset may not.
            let room = u64::try_from(run.to.saturating_sub(run.from)).unwrap_or_default();
            if run.from < 0 || run.messages == 0 || run.messages > room {
                found.push(Wrong::Run(run.clone()));
            }
            let end = ends.insert(run.input, run.to);
            if let Some(end) = end.filter(|end| run.from < *end) {
                found.push(Wrong::Overlap { input: run.input, from: run.from, end });
            }
        }
        found.extend(entry.ticks.iter().filter(|tick| tick.input >= INPUTS).map(|tick| Wrong::Input(tick.input)));
        let epoch = Some(entry.number);
        checked.findings.extend(found.into_iter().map(|wrong| Finding { shard: Some(shard), epoch, wrong }));
        checked.entries += 1;
        entries.push(entry);
    }
    entries
}

/// Whether the activation of an entry is known and names its bundle.
fn bundle(entry: &JournalEntry, known: Option<&[Activation]>, begun: &mut Option<BundleName>) -> Option<Wrong> {
    let written = BundleName::of(&entry.versions);
    let Some(place) = entry.activation.checked_sub(1) else {
        let expected = begun.get_or_insert_with(|| written.clone()).clone();
        return (!expected.is(&written)).then_some(Wrong::Bundle { entry: written, expected });
    };
    let known = known?;
    match usize::try_from(place).ok().and_then(|place| known.get(place)) {
        None => Some(Wrong::ActivationUnknown { number: entry.activation, known: known.len() as u64 }),
        Some(activation) if !activation.bundle.is(&written) => Some(Wrong::Bundle { entry: written, expected: activation.bundle.clone() }),
        Some(_) => None,
    }
}

fn counts(entry: &JournalEntry) -> Vec<Wrong> {
    let mut found = Vec::new();
    let sum = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
    let rejected = sum(&mut entry.rejected.values().copied());
    let outcomes = sum(&mut [entry.evaluated, rejected, entry.duplicate, entry.correction, entry.statement].into_iter());
    if outcomes != entry.n_in {
        found.push(Wrong::Unbalanced { n_in: entry.n_in, outcomes });
    }
    let by_input = sum(&mut entry.rejected_by_input.iter().copied());
    if by_input != rejected {
        found.push(Wrong::RejectsByInput { by_class: rejected, by_input });
    }
    let runs = sum(&mut entry.runs.iter().filter(|run| run.input < EVENT_INPUTS).map(|run| run.messages));
    if runs != entry.n_in {
        found.push(Wrong::RunsAndCounts { runs, n_in: entry.n_in });
    }
    found
}

/// Reads every run that the inputs still hold, and compares count and hash.
fn read_again(archive: &mut dyn Archive, shard: ShardId, entries: &[JournalEntry], checked: &mut Checked) -> Result<(), Fault> {
    let named: BTreeSet<InputId> =
        entries.iter().flat_map(|entry| &entry.runs).map(|run| run.input).filter(|input| *input < INPUTS).collect();
    for input in named {
        let (held, end) = archive.bounds(shard, input)?;
        let mut expired: Option<Finding> = None;
        let runs = entries.iter().flat_map(|entry| entry.runs.iter().map(|run| (entry.number, run))).filter(|(_, run)| run.input == input);
        for (epoch, run) in runs {
            let finding = |wrong| Finding { shard: Some(shard), epoch: Some(epoch), wrong };
            if run.from < held {
                let first = expired.get_or_insert_with(|| finding(Wrong::Expired { input, from: run.from, held, last: epoch }));
                if let Wrong::Expired { last, .. } = &mut first.wrong {
                    *last = epoch;
                }
            } else if run.to > end {
                checked.findings.push(finding(Wrong::Absent { input, to: run.to, end }));
            } else {
                let mut now = RunDone::begin(input, 0);
                archive.replay(shard, input, run.from, run.to, &mut |messages| {
                    for idx in 0..messages.len() {
                        now.read(messages.get(idx));
                        now.messages += 1;
                    }
                    Ok(())
                })?;
                checked.messages += now.messages;
                if (now.messages, now.hash) != (run.messages, run.hash) {
                    let wrong = Wrong::Content { input, from: run.from, to: run.to, messages: run.messages, found: now.messages };
                    checked.findings.push(finding(wrong));
                }
            }
        }
        checked.findings.extend(expired);
    }
    Ok(())
}
