//! File endpoints: NDJSON files in, NDJSON files out, through the same shards.
//!
//! Among all open files the next event is the one with the least event time,
//! event type and business id at the heads; files need not be sorted. Partials
//! are kept in memory from their commit until they are taken. There is one worker, it owns every shard, and there is nothing to recover: a run that
//! does not reach the end leaves no output behind.

mod input;
mod output;

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::fault::Fault;
use crate::base::ids::EVENT_INPUTS;
use crate::base::ids::INPUTS;
use crate::base::ids::InputId;
use crate::base::ids::PARTIALS_INPUT;
use crate::base::ids::ShardId;
use crate::base::record::Message;
use crate::base::record::Messages;
use crate::base::time::Zone;
use crate::io::log::CommitFailure;
use crate::io::log::EpochWrite;
use crate::io::log::Head;
use crate::io::log::Log;
use crate::io::log::Output;
use crate::io::log::Record;
use crate::io::log::SOURCE_OFFSET_HEADER;
use crate::io::log::SOURCE_PARTITION_HEADER;
use crate::io::log::SOURCE_TOPIC_HEADER;
use crate::io::log::Taken;
use crate::io::partition::Partitioner;

use self::input::Line;
pub use self::input::LineHead;
use self::input::Merge;
pub use self::input::ReadHead;
pub use self::input::each_line;
use self::output::OutputFile;
pub use self::output::RejectLine;
pub use self::output::parse_reject_line;
pub use self::output::reject_line;

/// Headers that a reject from a file gets beside those of the engine.
pub const SOURCE_FILE_HEADER: &str = "claimsift-source-file";
pub const SOURCE_LINE_HEADER: &str = "claimsift-source-line";

/// Lines and bytes that wait in all shards together before reading pauses.
const QUEUE_LINES_MAX: usize = 16_384;
const QUEUE_BYTES_MAX: usize = 128 * 1024 * 1024;

/// What to read and where to write; `-` stands for the standard streams.
#[derive(Clone, Debug)]
pub struct FilesConfig {
    /// Per input of events its name, as the engine puts it into reject headers, and its files.
    pub inputs: Vec<(String, Vec<PathBuf>)>,
    /// Number of shards.
    pub partitions: i32,
    pub partitioner: Partitioner,
    /// The zone whose wall clock the events tell.
    pub zone: Zone,
    /// Records of an output without a file are dropped; journals always are.
    pub clues: Option<PathBuf>,
    pub shadow: Option<PathBuf>,
    pub rejects: Option<PathBuf>,
}

/// Lines of an input's files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    pub read: u64,
    /// Skipped; not among `read`.
    pub blank: u64,
}

/// The files as a log with one worker.
pub struct FilesLog {
    config: FilesConfig,
    merge: Merge,
    /// By input, then shard.
    queues: Vec<Vec<Queue>>,
    /// What the last `take` handed out.
    taken: Vec<Waiting>,
    queued_lines: usize,
    queued_bytes: usize,
    counts: Vec<LineCounts>,
    last_ms: i64,
    /// Every line was read and every shard has its end statement.
    ended: bool,
    assigned: bool,
    outputs: Vec<(Output, OutputFile)>,
}

/// One input of one shard.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Where the messages that are not yet committed came from.
    origins: VecDeque<Origin>,
    /// Offset of the next message that `take` returns.
    position: i64,
    /// Offset of the next message that is read.
    end: i64,
    committed: i64,
}

struct Waiting {
    offset: i64,
    timestamp_ms: i64,
    /// The key: a person, or the institution of partials.
    person: Option<String>,
    /// `None` in the statement that ends the input.
    value: Option<Vec<u8>>,
}

struct Origin {
    offset: i64,
    file: usize,
    line: u64,
}

impl Waiting {
    fn as_message(&self) -> Message<'_> {
        Message {
            offset: self.offset,
            timestamp_ms: self.timestamp_ms,
            key: self.person.as_ref().map(String::as_bytes),
            value: self.value.as_deref(),
            watermark: self.value.is_none().then_some(b"end"),
        }
    }

    fn bytes(&self) -> usize {
        self.value.as_ref().map_or(0, Vec::len)
    }
}

struct Run<'a>(&'a [Waiting]);

impl Messages for Run<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, idx: usize) -> Message<'_> {
        self.0[idx].as_message()
    }
}

/// One path for all ways to write it, also where the file is still to be made.
fn same_file(path: &Path) -> PathBuf {
    let in_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(std::fs::canonicalize(folder).ok()?.join(path.file_name()?))
    };
    std::fs::canonicalize(path).ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}

impl FilesLog {
    /// Opens all inputs and creates all outputs.
    ///
    /// # Errors
    /// A file that cannot be opened, a standard stream or an output file named
    /// twice, or an output that would take the place of an input.
    pub fn open(config: FilesConfig, read_head: ReadHead) -> Result<Self, Fault> {
        assert!(config.partitions > 0 && config.inputs.len() == EVENT_INPUTS, "a shard at least, and every input");
        let mut paths = Vec::new();
        for (input, (_, files)) in config.inputs.iter().enumerate() {
            paths.extend(files.iter().map(|path| (input, path.clone())));
        }
        if paths.iter().filter(|(_, path)| path.as_os_str() == "-").count() > 1 {
            return Err(Fault::stop("open standard input", "it is named twice"));
        }
        let merge = Merge::open(&paths, read_head)?;
        let inputs: BTreeSet<PathBuf> = paths.iter().map(|(_, path)| same_file(path)).collect();
        let mut outputs = Vec::new();
        let mut seen = BTreeSet::new();
        for (output, path) in [(Output::Clues, &config.clues), (Output::Shadow, &config.shadow), (Output::Rejects, &config.rejects)] {
            let Some(path) = path else { continue };
            let standard = path.as_os_str() == "-";
            let file = same_file(path);
            let wrong = if !standard && file.is_file() && inputs.contains(&file) {
                Some("it is an input too")
            } else if (standard || file.is_file() || !file.exists()) && !seen.insert(file) {
                Some("two outputs have this name")
            } else {
                None
            };
            if let Some(wrong) = wrong {
                return Err(Fault::stop(format!("create {}", path.display()), wrong));
            }
            outputs.push((output, OutputFile::create(path)?));
        }
        let queues = || (0..config.partitions).map(|_| Queue::default()).collect();
        Ok(Self {
            queues: (0..INPUTS).map(|_| queues()).collect(),
            config,
            merge,
            taken: Vec::new(),
            queued_lines: 0,
            queued_bytes: 0,
            counts: vec![LineCounts::default(); EVENT_INPUTS],
            last_ms: 0,
            ended: false,
            assigned: false,
            outputs,
        })
    }

    /// Lines so far, by input of events.
    pub fn counts(&self) -> Vec<LineCounts> {
        let with_blank = |(input, counts): (InputId, &LineCounts)| LineCounts { blank: self.merge.blank(input), ..*counts };
        self.counts.iter().enumerate().map(with_blank).collect()
    }

    /// Whether everything was read and committed: only then does `leave` give
    /// the outputs their names.
    pub fn complete(&self) -> bool {
        self.ended && self.queues.iter().flatten().all(|queue| queue.committed == queue.end)
    }

    fn queue(&mut self, shard: ShardId, input: InputId) -> &mut Queue {
        &mut self.queues[input][shard as usize]
    }

    /// Whether no line waits in the shard.
    fn shard_is_empty(&self, shard: ShardId) -> bool {
        self.queues[..EVENT_INPUTS].iter().all(|shards| shards[shard as usize].waiting.is_empty())
    }

    /// Reads on until enough waits in all shards together or the files end.
    fn fill(&mut self) -> Result<(), Fault> {
        while !self.ended && self.queued_lines < QUEUE_LINES_MAX && self.queued_bytes < QUEUE_BYTES_MAX {
            match self.merge.next()? {
                Some(line) => self.enqueue(line),
                None => self.end_inputs(),
            }
        }
        Ok(())
    }

    fn enqueue(&mut self, line: Line) {
        self.counts[line.input].read += 1;
        if let Some(event_time) = line.event_time {
            self.last_ms = self.config.zone.utc_ms(event_time);
        }
        let shard = line.person.as_ref().map_or(0, |person| self.config.partitioner.partition(person.as_bytes(), self.config.partitions));
        let timestamp_ms = self.last_ms;
        let waiting = Waiting { offset: 0, timestamp_ms, person: line.person, value: Some(line.bytes) };
        self.push(shard, line.input, waiting, Some((line.file, line.number)));
    }

    fn end_inputs(&mut self) {
        for input in 0..EVENT_INPUTS {
            for shard in 0..self.config.partitions {
                let end = Waiting { offset: 0, timestamp_ms: self.last_ms, person: None, value: None };
                self.push(shard, input, end, None);
            }
        }
        self.ended = true;
    }

    fn push(&mut self, shard: ShardId, input: InputId, mut waiting: Waiting, origin: Option<(usize, u64)>) {
        if input < EVENT_INPUTS {
            self.queued_lines += 1;
            self.queued_bytes += waiting.bytes();
        }
        let queue = self.queue(shard, input);
        waiting.offset = queue.end;
        if let Some((file, line)) = origin {
            queue.origins.push_back(Origin { offset: queue.end, file, line });
        }
        queue.end += 1;
        queue.waiting.push_back(waiting);
    }

    /// Adds the file and line to a reject whose headers name a message not yet committed.
    fn with_origin(&self, record: &Record) -> Record {
        let header = |name: &str| record.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let origin = || {
            let name = header(SOURCE_TOPIC_HEADER)?;
            let input = self.config.inputs.iter().position(|(known, _)| known == name)?;
            let shard: usize = header(SOURCE_PARTITION_HEADER)?.parse().ok()?;
            let offset: i64 = header(SOURCE_OFFSET_HEADER)?.parse().ok()?;
            let origins = &self.queues[input].get(shard)?.origins;
            origins.get(origins.partition_point(|origin| origin.offset < offset)).filter(|origin| origin.offset == offset)
        };
        let mut record = record.clone();
        if let Some(origin) = origin() {
            record.headers.push((SOURCE_FILE_HEADER, self.merge.name(origin.file).to_owned()));
            record.headers.push((SOURCE_LINE_HEADER, origin.line.to_string()));
        }
        record
    }

    fn write(&mut self, record: &Record) -> Result<(), Fault> {
        let line = match record.output {
            Output::Journal => return Ok(()),
            Output::Partials => {
                self.send_back(record);
                return Ok(());
            }
            Output::Rejects => reject_line(&self.with_origin(record)),
            Output::Clues | Output::Shadow => record.value.clone().unwrap_or_default(),
        };
        match self.outputs.iter_mut().find(|(output, _)| *output == record.output) {
            Some((_, file)) => file.line(&line),
            None => Ok(()),
        }
    }

    /// Partials stay in the process: they are read until all are taken, and
    /// a run that ends before its end leaves nothing behind.
    fn send_back(&mut self, record: &Record) {
        let shard = record.partition.unwrap_or_default();
        let person = record.key.as_ref().map(|key| String::from_utf8_lossy(key).into_owned());
        let timestamp_ms = record.timestamp_ms.unwrap_or(self.last_ms);
        self.push(shard, PARTIALS_INPUT, Waiting { offset: 0, timestamp_ms, person, value: record.value.clone() }, None);
    }

    fn read_once(doing: String) -> Fault {
        Fault::stop(doing, "files are read once, from the start")
    }
}

impl Log for FilesLog {
    fn shards(&mut self, _wait: Duration) -> Result<Option<Vec<ShardId>>, Fault> {
        let first = !std::mem::replace(&mut self.assigned, true);
        Ok(first.then(|| (0..self.config.partitions).collect()))
    }

    /// An empty input whose shard has other messages is at its end for now:
    /// what comes later in the files comes later in the order of events too,
    /// so there is no need to wait for it. With nothing in the whole shard and
    /// enough waiting in others, it is pending until those are taken.
    fn head(&mut self, shard: ShardId, input: InputId) -> Result<Head, Fault> {
        if input == PARTIALS_INPUT {
            let ready = self.queue(shard, input).waiting.len();
            return Ok(if ready > 0 { Head::Ready(ready) } else { Head::AtEnd });
        }
        if self.shard_is_empty(shard) {
            self.fill()?;
        }
        Ok(match self.queue(shard, input).waiting.len() {
            0 if self.ended || !self.shard_is_empty(shard) => Head::AtEnd,
            0 => Head::Pending,
            ready => Head::Ready(ready),
        })
    }

    fn peek(&mut self, shard: ShardId, input: InputId, look: &mut dyn FnMut(Message<'_>)) -> Result<(), Fault> {
        if let Some(waiting) = self.queue(shard, input).waiting.front() {
            look(waiting.as_message());
        }
        Ok(())
    }

    fn take(&mut self, shard: ShardId, input: InputId, max: usize) -> Result<Taken<'_>, Fault> {
        let queue = &mut self.queues[input][shard as usize];
        let count = queue.waiting.len().min(max);
        self.taken.clear();
        self.taken.extend(queue.waiting.drain(..count));
        queue.position += count as i64;
        let next_offset = queue.position;
        if input < EVENT_INPUTS {
            self.queued_lines -= count;
            self.queued_bytes -= self.taken.iter().map(Waiting::bytes).sum::<usize>();
        }
        Ok(Taken { messages: Box::new(Run(&self.taken)), next_offset })
    }

    fn commit(&mut self, write: &EpochWrite) -> Result<(), CommitFailure> {
        write.records.iter().try_for_each(|record| self.write(record)).map_err(CommitFailure::Lost)?;
        for (_, file) in &mut self.outputs {
            file.flush_direct().map_err(CommitFailure::Lost)?;
        }
        for (shard, input, next) in &write.offsets {
            let queue = self.queue(*shard, *input);
            queue.committed = *next;
            while queue.origins.front().is_some_and(|origin| origin.offset < *next) {
                queue.origins.pop_front();
            }
        }
        Ok(())
    }

    fn committed(&mut self, _shard: ShardId) -> Result<Vec<Option<i64>>, Fault> {
        Ok(vec![None; INPUTS])
    }

    fn journal(&mut self, _shard: ShardId) -> Result<Vec<Vec<u8>>, Fault> {
        Ok(Vec::new())
    }

    /// A run over files has the bundle of its command line alone.
    fn activations(&mut self, _: Duration) -> Result<Vec<Vec<u8>>, Fault> {
        Ok(Vec::new())
    }

    fn replay(
        &mut self,
        shard: ShardId,
        _input: InputId,
        from: i64,
        to: i64,
        _each: &mut dyn FnMut(&dyn Messages) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if from == to { Ok(()) } else { Err(Self::read_once(format!("replay shard {shard}"))) }
    }

    fn seek(&mut self, shard: ShardId, offsets: &[i64]) -> Result<(), Fault> {
        let here = |(input, offset): (InputId, &i64)| self.queues[input][shard as usize].position == *offset;
        if offsets.iter().enumerate().all(here) { Ok(()) } else { Err(Self::read_once(format!("seek in shard {shard}"))) }
    }

    /// How long a file is in lines shows only at its end.
    fn lag(&self, _shard: ShardId, _input: InputId) -> Option<u64> {
        None
    }

    fn beginning(&mut self, _shard: ShardId, _input: InputId) -> Result<i64, Fault> {
        Ok(0)
    }

    fn leave(&mut self) -> Result<(), Fault> {
        let outputs = std::mem::take(&mut self.outputs);
        if !self.complete() {
            return Ok(());
        }
        outputs.into_iter().try_for_each(|(_, file)| file.finish())
    }
}

#[cfg(test)]
mod tests;
