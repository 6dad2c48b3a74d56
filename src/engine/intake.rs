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
use crate::engine::facts::Table;
use crate::events::EVENT_TYPES;
use crate::events::InputId;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::io::log::SOURCE_OFFSET_HEADER;
use crate::io::log::SOURCE_PARTITION_HEADER;
use crate::io::log::SOURCE_TOPIC_HEADER;
use crate::state::seen::Seen;
use crate::state::seen::Sight;
use crate::window::watermark::parse_statement;

/// Bytes of a statement that a reject keeps: a time, or `end`.
const STATEMENT_BYTES_MAX: usize = 64;

/// A run after intake. Rows of `decoded` are to be judged and remembered.
pub struct Intake {
    pub run: RunDone,
    pub decoded: Decoded,
    /// By row: offset and person.
    pub offsets: Vec<i64>,
    pub persons: Vec<PersonKey>,
    /// Greatest event time of the rows that count.
    pub latest: Option<Civil>,
    /// Greatest watermark that was stated.
    pub stated: Option<Civil>,
    pub rejects: Vec<Record>,
    /// Bills that were set aside as corrections.
    pub corrected: Vec<Corrected>,
    pub stop: Option<String>,
}

/// The visit that a correction is about: what it comes to is not known.
pub struct Corrected {
    pub person: PersonKey,
    pub institution: String,
    pub visit: String,
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
    pub fn take_in(&self, messages: &dyn Messages, decoder: &mut JsonDecoder, seen: &mut Seen, counts: &mut Counts) -> Intake {
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
        let mut corrected = Vec::new();
        let (decoded, rows) = self.sift(decoded, rows, seen, counts, &mut corrected);
        counts.evaluated += rows.len() as u64;
        counts.lines += decoded.children[0].num_rows() as u64;
        Intake {
            run,
            latest: rows.iter().map(|row| row.event_time).max(),
            offsets: rows.iter().map(|row| row.offset).collect(),
            persons: rows.iter().map(|row| row.person).collect(),
            decoded,
            stated,
            rejects,
            corrected,
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

    /// Sets duplicates and corrections aside.
    fn sift(
        &self,
        decoded: Decoded,
        rows: Vec<Row>,
        seen: &mut Seen,
        counts: &mut Counts,
        corrected: &mut Vec<Corrected>,
    ) -> (Decoded, Vec<Row>) {
        let header = Table::new(&decoded.header);
        let (valid, refunded, total) = (header.texts("vali_flag"), header.texts("refd_setl_flag"), header.numbers("medfee_sumamt"));
        let ids: Vec<_> = EVENT_TYPES[self.input].business_id.iter().map(|name| header.texts(name)).collect();
        let (institution, visit) = (header.texts("fixmedins_code"), header.texts("mdtrt_id"));
        let mut set_aside = |at: usize, row: &Row| {
            if let (Some(institution), Some(visit)) = (institution.get(at), visit.get(at)) {
                corrected.push(Corrected { person: row.person, institution: institution.to_owned(), visit: visit.to_owned() });
            }
        };
        let mut id = Vec::new();
        let keep: Vec<bool> = rows
            .iter()
            .enumerate()
            .map(|(at, row)| {
                if valid.is(at, "0") || refunded.is(at, "1") || total.get(at).is_some_and(|total| total < 0) {
                    counts.correction += 1;
                    set_aside(at, row);
                    return false;
                }
                id.clear();
                for part in &ids {
                    // Behind their lengths the parts cannot run together.
                    let part = part.get(at).unwrap_or_default();
                    id.extend_from_slice(&part.len().to_le_bytes());
                    id.extend_from_slice(part.as_bytes());
                }
                match seen.note(self.input, &id, row.content) {
                    Sight::First => true,
                    Sight::Repeat => {
                        counts.duplicate += 1;
                        false
                    }
                    Sight::Changed => {
                        counts.correction += 1;
                        set_aside(at, row);
                        false
                    }
                }
            })
            .collect();
        if keep.iter().all(|keep| *keep) {
            return (decoded, rows);
        }
        let kept_rows = rows.into_iter().zip(&keep).filter(|(_, keep)| **keep).map(|(row, _)| row).collect();
        (filtered(&decoded, &keep), kept_rows)
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
        let intake = gate.take_in(&Run(messages), &mut decoder, &mut Seen::default(), &mut counts);
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
