//! From the messages of a run to accepted rows: rejects, duplicates,
//! corrections and watermark statements are set aside and counted.

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;

use crate::base::ids::PersonKey;
use crate::base::ids::ShardId;
use crate::base::limits::FUTURE_SECONDS_MAX;
use crate::base::record::Message;
use crate::base::record::Messages;
use crate::base::record::WATERMARK_HEADER;
use crate::base::time::Civil;
use crate::codecs::Decoded;
use crate::codecs::Decoder;
use crate::codecs::Reject;
use crate::codecs::RejectClass;
use crate::codecs::json::JsonDecoder;
use crate::engine::Engine;
use crate::engine::effects::Counts;
use crate::engine::effects::RunDone;
use crate::engine::facts::Refunds;
use crate::engine::facts::Table;
use crate::engine::facts::refunds;
use crate::events::EVENT_TYPES;
use crate::events::InputId;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::io::log::SOURCE_OFFSET_HEADER;
use crate::io::log::SOURCE_PARTITION_HEADER;
use crate::io::log::SOURCE_TOPIC_HEADER;
use crate::state::events::EventIdx;
use crate::state::versions::EventId;
use crate::state::versions::Sight;
use crate::state::versions::Standing;
use crate::state::versions::Version;
use crate::state::versions::Versions;
use crate::window::watermark::parse_statement;

/// Bytes of a statement that a reject keeps: a time, or `end`.
const STATEMENT_BYTES_MAX: usize = 64;

/// A run after intake. Rows of `decoded` are to be judged and remembered.
pub struct Intake {
    pub run: RunDone,
    pub decoded: Decoded,
    /// By row: offset, person and business id.
    pub offsets: Vec<i64>,
    pub persons: Vec<PersonKey>,
    pub ids: Vec<EventId>,
    /// Greatest event time of the rows that count.
    pub latest: Option<Civil>,
    /// Greatest watermark that was stated.
    pub stated: Option<Civil>,
    pub rejects: Vec<Record>,
    /// What stood for a business id of which another version holds now.
    pub replaced: Vec<Standing>,
    /// Bills that take others back.
    pub negatives: Vec<NegativeBill>,
    pub stop: Option<String>,
}

/// A bill that takes another back, as its message tells it.
pub struct NegativeBill {
    /// Its own business id.
    pub event: EventId,
    pub id: String,
    pub person: PersonKey,
    pub institution: Option<String>,
    pub visit: Option<String>,
    /// The bill that it says it reverses.
    pub names: Option<EventId>,
    pub total: Option<i64>,
    pub time: i64,
    pub refunds: Vec<RefundLine>,
}

/// A line that refunds a line of another message.
pub struct RefundLine {
    pub line: String,
    pub code: Option<String>,
    pub quantity: Option<i64>,
    pub amount: Option<i64>,
}

/// What becomes of a decoded row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Negative,
    SetAside,
}

/// What a decoded row needs beside its columns.
struct Row {
    offset: i64,
    content: u64,
    person: PersonKey,
    event_time: Civil,
}

pub struct Gate<'a> {
    pub engine: &'a Engine,
    pub shard: ShardId,
    pub input: InputId,
}

impl Gate<'_> {
    /// `next`: number of the next event of the shard.
    pub fn take_in(
        &self,
        messages: &dyn Messages,
        decoder: &mut JsonDecoder,
        versions: &mut Versions,
        next: EventIdx,
        counts: &mut Counts,
    ) -> Intake {
        let mut rows: Vec<Row> = Vec::with_capacity(messages.len());
        let mut run = RunDone::begin(self.input, messages.len());
        let (mut rejects, mut stated, mut stop) = (Vec::new(), None, None);
        for idx in 0..messages.len() {
            let message = messages.get(idx);
            let content = run.read(message);
            counts.n_in += 1;
            match self.message(message, decoder) {
                Ok(Seat::Statement(until)) => {
                    counts.statement += 1;
                    stated = stated.max(Some(until));
                }
                Ok(Seat::Row { person, event_time }) => rows.push(Row { offset: message.offset, content, person, event_time }),
                Err(reject) => {
                    *counts.rejected.entry(reject.class).or_default() += 1;
                    if self.engine.settings.stop_classes.contains(&reject.class) && stop.is_none() {
                        stop = Some(format!(
                            "message at offset {} was rejected as {} ({}), whose policy is stop",
                            message.offset, reject.class, reject.reason
                        ));
                    }
                    rejects.push(self.reject_record(message, &reject));
                }
            }
        }
        let decoded = decoder.finish();
        let taken = decoder.take_counts();
        counts.unknown_fields += taken.unknown_fields;
        counts.shape_misses += taken.shape_misses;
        for ((table, column, fault), count) in taken.field_faults {
            *counts.field_faults.entry((EVENT_TYPES[self.input].name, table, column, fault)).or_default() += count;
        }
        let Sifted { decoded, rows, ids, replaced, negatives } = self.sift(decoded, rows, versions, next, counts);
        counts.evaluated += rows.len() as u64;
        counts.lines += decoded.children[0].num_rows() as u64;
        Intake {
            run,
            latest: rows.iter().map(|row| row.event_time).max(),
            offsets: rows.iter().map(|row| row.offset).collect(),
            persons: rows.iter().map(|row| row.person).collect(),
            ids,
            decoded,
            stated,
            rejects,
            replaced,
            negatives,
            stop,
        }
    }

    fn message(&self, message: Message<'_>, decoder: &mut JsonDecoder) -> Result<Seat, Reject> {
        let Some(value) = message.value.filter(|value| !value.is_empty()) else {
            return match message.watermark {
                Some(text) => parse_statement(text)
                    .map(Seat::Statement)
                    .ok_or_else(|| Reject::new(RejectClass::Tombstone, "watermark statement: neither a time nor end")),
                None if message.value.is_some() => Err(Reject::new(RejectClass::Empty, "no payload")),
                None => Err(Reject::new(RejectClass::Tombstone, "no payload")),
            };
        };
        let settings = &self.engine.settings;
        let accepted = decoder.push(value)?;
        let partitioner = settings.inputs[self.input].partitioner;
        let belongs =
            partitioner.is_none_or(|partitioner| partitioner.partition(accepted.person.as_bytes(), settings.partitions) == self.shard);
        let reject = if !belongs {
            Some(Reject::new(RejectClass::WrongPartition, "psn_no does not hash to this partition"))
        } else if accepted.event_time > settings.zone.civil(message.timestamp_ms).plus_seconds(FUTURE_SECONDS_MAX) {
            let column = EVENT_TYPES[self.input].event_time;
            Some(Reject::new(RejectClass::Future, format!("{column}: more than a day after the record's timestamp")))
        } else {
            None
        };
        match reject {
            Some(reject) => {
                decoder.undo();
                Err(reject)
            }
            None => Ok(Seat::Row { person: self.engine.key.pseudonym(&accepted.person), event_time: accepted.event_time }),
        }
    }

    /// Sets aside what is no event: versions that do not hold, bills that take
    /// others back.
    fn sift(&self, decoded: Decoded, rows: Vec<Row>, versions: &mut Versions, next: EventIdx, counts: &mut Counts) -> Sifted {
        let header = Table::new(&decoded.header);
        let (valid, updated) = (header.texts("vali_flag"), header.times("updt_time"));
        let (refunded, total, original) = (header.texts("refd_setl_flag"), header.numbers("medfee_sumamt"), header.texts("init_setl_id"));
        let parts: Vec<_> = EVENT_TYPES[self.input].business_id.iter().map(|name| header.texts(name)).collect();
        let own = parts.last().copied().unwrap_or_default();
        let mut scratch = Vec::new();
        let ids: Vec<EventId> = (0..rows.len())
            .map(|at| EventId::of(self.input, parts.iter().map(|part| part.get(at).unwrap_or_default()), &mut scratch))
            .collect();
        let mut fates = vec![Fate::SetAside; rows.len()];
        let mut replaced = Vec::new();
        let mut duplicates = 0;
        for (at, row) in rows.iter().enumerate() {
            let deleted = valid.is(at, "0");
            let version = Version { updated: updated.get(at).unwrap_or(i64::MIN), deleted, content: row.content };
            match versions.note(ids[at], version) {
                Sight::First | Sight::Newer(Standing::Nothing) => {}
                Sight::Newer(Standing::Row(before)) => fates[before as usize] = Fate::SetAside,
                Sight::Newer(before) => replaced.push(before),
                Sight::Repeat => {
                    duplicates += 1;
                    continue;
                }
                Sight::Older => continue,
            }
            let is_negative = total.get(at).is_some_and(|total| total < 0);
            fates[at] = match () {
                () if deleted => Fate::SetAside,
                // One that is not below zero and names none is void by its own
                // word; what its lines take back is taken back all the same.
                () if is_negative || refunded.is(at, "1") => Fate::Negative,
                () => Fate::Kept,
            };
            if fates[at] != Fate::SetAside {
                versions.stands(ids[at], Standing::Row(at as u32));
            }
        }
        let mut negatives = Vec::new();
        let mut kept = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            match fates[at] {
                Fate::SetAside => {}
                Fate::Negative => {
                    let text = |name: &str| header.texts(name).get(at).map(str::to_owned);
                    let names = original.get(at).filter(|original| own.get(at) != Some(*original));
                    negatives.push(NegativeBill {
                        event: ids[at],
                        id: own.get(at).unwrap_or_default().to_owned(),
                        person: row.person,
                        institution: text("fixmedins_code"),
                        visit: text("mdtrt_id"),
                        names: names.map(|original| EventId::of(self.input, [original], &mut scratch)),
                        total: total.get(at),
                        time: row.event_time.0,
                        refunds: refund_lines(&decoded, at),
                    });
                }
                Fate::Kept => {
                    versions.stands(ids[at], Standing::Event(EventIdx(next.0 + kept.len() as u32)));
                    kept.push(ids[at]);
                }
            }
        }
        counts.duplicate += duplicates;
        counts.correction += (rows.len() - kept.len()) as u64 - duplicates;
        if kept.len() == rows.len() {
            return Sifted { decoded, rows, ids: kept, replaced, negatives };
        }
        let keep: Vec<bool> = fates.iter().map(|fate| *fate == Fate::Kept).collect();
        let rows = rows.into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(row, _)| row).collect();
        Sifted { decoded: filtered(&decoded, &keep), rows, ids: kept, replaced, negatives }
    }

    fn reject_record(&self, message: Message<'_>, reject: &Reject) -> Record {
        let mut headers = vec![
            (SOURCE_TOPIC_HEADER, self.engine.settings.inputs[self.input].topic.clone()),
            (SOURCE_PARTITION_HEADER, self.shard.to_string()),
            (SOURCE_OFFSET_HEADER, message.offset.to_string()),
            ("source-timestamp", message.timestamp_ms.to_string()),
            ("class", reject.class.name().to_owned()),
            ("reason", reject.reason.clone()),
            ("rule-set", self.engine.versions.rule_set.clone()),
        ];
        // All that a statement says.
        let stated = message.watermark.filter(|text| text.len() <= STATEMENT_BYTES_MAX).and_then(|text| std::str::from_utf8(text).ok());
        headers.extend(stated.map(|text| (WATERMARK_HEADER, text.to_owned())));
        Record {
            output: Output::Rejects,
            partition: None,
            key: message.key.map(<[u8]>::to_vec),
            value: message.value.map(<[u8]>::to_vec),
            headers,
            timestamp_ms: None,
        }
    }
}

/// Where a message goes.
enum Seat {
    Statement(Civil),
    Row { person: PersonKey, event_time: Civil },
}

/// The rows of a run that count, and what they replace.
struct Sifted {
    decoded: Decoded,
    rows: Vec<Row>,
    ids: Vec<EventId>,
    replaced: Vec<Standing>,
    negatives: Vec<NegativeBill>,
}

/// The lines of a header row that refund lines of other messages.
fn refund_lines(decoded: &Decoded, header: usize) -> Vec<RefundLine> {
    let (Some(lines), Some(parents)) = (decoded.children.first(), decoded.parents.first()) else { return Vec::new() };
    let start = parents.partition_point(|parent| (*parent as usize) < header);
    let end = parents.partition_point(|parent| (*parent as usize) <= header);
    let line = Table::new(lines);
    let (quantities, amounts) = (line.numbers("cnt"), line.numbers("det_item_fee_sumamt"));
    let mut found = Refunds::default();
    refunds(start..end, line.texts("feedetl_sn"), line.texts("init_feedetl_sn"), quantities, amounts, &mut found);
    let elsewhere = found.elsewhere.into_iter();
    elsewhere.filter_map(|row| refund_line(&line, row)).collect()
}

/// What a line takes back of the line that it names; `None` if it names none.
pub fn refund_line(line: &Table<'_>, row: usize) -> Option<RefundLine> {
    let part = |name: &str| line.numbers(name).get(row).filter(|part| *part <= 0);
    let original = line.texts("init_feedetl_sn").get(row)?.to_owned();
    let code = line.texts("med_list_codg").get(row).map(str::to_owned);
    Some(RefundLine { line: original, code, quantity: part("cnt"), amount: part("det_item_fee_sumamt") })
}

/// The rows whose `keep` is true, with their children.
fn filtered(decoded: &Decoded, keep: &[bool]) -> Decoded {
    let mut new_parent = Vec::with_capacity(keep.len());
    let mut next = 0_u32;
    for keep in keep {
        new_parent.push(next);
        next += u32::from(*keep);
    }
    let pick = |batch: &arrow::record_batch::RecordBatch, mask: Vec<bool>| {
        let picked = filter_record_batch(batch, &BooleanArray::from(mask));
        picked.unwrap_or_else(|error| panic!("a mask has a value per row: {error}"))
    };
    let mut children = Vec::new();
    let mut parents = Vec::new();
    for (child, parent) in decoded.children.iter().zip(&decoded.parents) {
        children.push(pick(child, parent.iter().map(|parent| keep[*parent as usize]).collect()));
        parents.push(parent.iter().filter(|parent| keep[**parent as usize]).map(|parent| new_parent[*parent as usize]).collect());
    }
    Decoded { header: pick(&decoded.header, keep.to_vec()), children, parents }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::pseudonym::IdentityKey;
    use crate::engine::settings::EngineSettings;
    use crate::events::PRESCRIPTION_INPUT;
    use crate::reference::snapshot::Snapshot;
    use crate::ruleset::compile::compile;
    use crate::ruleset::read::read;

    struct Run<'a>(Vec<Message<'a>>);

    impl Messages for Run<'_> {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn get(&self, idx: usize) -> Message<'_> {
            self.0[idx]
        }
    }

    /// Prescriptions through the intake of an engine without rules.
    fn take_in(messages: Vec<Message<'_>>) -> (Intake, Counts) {
        let (rules, _) = compile(&read(&[]).0, &[]);
        let references = Arc::new(Snapshot::load(&[]).unwrap());
        let engine = Engine::new(Arc::new(rules), references, EngineSettings::default(), IdentityKey::from_bytes(&[7; 32]));
        let mut decoder = JsonDecoder::new(EVENT_TYPES[PRESCRIPTION_INPUT], engine.rules.projections[PRESCRIPTION_INPUT].clone());
        let mut counts = Counts::default();
        let gate = Gate { engine: &engine, shard: 0, input: PRESCRIPTION_INPUT };
        let intake = gate.take_in(&Run(messages), &mut decoder, &mut Versions::default(), EventIdx(0), &mut counts);
        (intake, counts)
    }

    const LATER: i64 = 2_000_000_000_000;

    #[test]
    fn parts_of_a_business_id_never_run_together() {
        let event = |(institution, number): (&str, &str)| {
            format!(
                r#"{{"fixmedins_code":"{institution}","hosp_rxno":"{number}","psn_no":"P1","prsc_time":"2026-03-01 08:30:00","rxdrugdetail":[]}}"#
            )
        };
        let events = [("A", "BC"), ("AB", "C"), (r"A\u0000B", "C"), ("A", r"B\u0000C"), ("A", "BC")].map(event);
        let message = |text| Message { offset: 0, timestamp_ms: LATER, key: None, value: Some(text), watermark: None };
        let (intake, counts) = take_in(events.iter().map(|text| message(text.as_bytes())).collect());
        assert_eq!((counts.evaluated, counts.duplicate, counts.correction), (4, 1, 0));
        assert_eq!(intake.decoded.header.num_rows(), 4);
    }

    #[test]
    fn a_rejected_statement_keeps_what_it_says() {
        let statement = |watermark| Message { offset: 5, timestamp_ms: LATER, key: None, value: None, watermark };
        let (intake, counts) = take_in(vec![statement(Some(b"tomorrow")), statement(None), statement(Some(b"end"))]);
        assert_eq!((counts.statement, counts.rejected_total()), (1, 2));
        let said = intake.rejects.iter().map(|reject| reject.headers.iter().find(|(name, _)| *name == WATERMARK_HEADER));
        assert_eq!(said.map(|header| header.map(|(_, text)| text.as_str())).collect::<Vec<_>>(), [Some("tomorrow"), None]);
    }
}
