//! Lines of several files, merged by event time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Cursor;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;

use crate::base::fault::Fault;
use crate::base::ids::InputId;
use crate::base::limits::LINE_BYTES_MAX;
use crate::base::time::Civil;

/// What the merge needs to know of a line. A decoder's caller provides it, so
/// that this module need not know any format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineHead {
    /// `None` where it cannot be read: the line goes first.
    pub event_time: Option<Civil>,
    /// Orders events of the same time and type.
    pub business_id: Vec<u8>,
    /// The raw person number that the partitioner hashes.
    pub person: Option<String>,
}

/// Reads the head of a line of an input; never fails, whatever the bytes are.
pub type ReadHead = Box<dyn FnMut(InputId, &[u8]) -> LineHead + Send>;

/// The next line in the order of events.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) input: InputId,
    pub(super) file: usize,
    /// Line number in its file, from 1.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) event_time: Option<Civil>,
    pub(super) person: Option<String>,
}

/// Order of events: time, type, business id; then the order of the files. A
/// line without a time comes before all.
type Order = (Option<Civil>, InputId, Vec<u8>, usize);

/// All files of all inputs, one line of each at hand.
pub(super) struct Merge {
    files: Vec<Lines>,
    heads: BinaryHeap<Reverse<Order>>,
    /// The line at hand of each file, by file.
    at_hand: Vec<Option<Line>>,
    read_head: ReadHead,
}

impl Merge {
    /// Opens every file; `paths` has the inputs' files in the order of inputs.
    pub(super) fn open(paths: &[(InputId, PathBuf)], read_head: ReadHead) -> Result<Self, Fault> {
        let files = paths.iter().map(|(input, path)| Lines::open(*input, path)).collect::<Result<Vec<_>, _>>()?;
        let at_hand = files.iter().map(|_| None).collect();
        let mut merge = Self { files, heads: BinaryHeap::new(), at_hand, read_head };
        for file in 0..merge.files.len() {
            merge.advance(file)?;
        }
        Ok(merge)
    }

    /// The next line; `None` after the last of all files.
    pub(super) fn next(&mut self) -> Result<Option<Line>, Fault> {
        let Some(Reverse((.., file))) = self.heads.pop() else { return Ok(None) };
        let line = self.at_hand[file].take();
        self.advance(file)?;
        Ok(line)
    }

    fn advance(&mut self, file: usize) -> Result<(), Fault> {
        let lines = &mut self.files[file];
        let Some(bytes) = lines.next()? else { return Ok(()) };
        let head = (self.read_head)(lines.input, &bytes);
        self.heads.push(Reverse((head.event_time, lines.input, head.business_id, file)));
        self.at_hand[file] =
            Some(Line { input: lines.input, file, number: lines.number, bytes, event_time: head.event_time, person: head.person });
        Ok(())
    }

    pub(super) fn name(&self, file: usize) -> &str {
        &self.files[file].name
    }

    /// Blank lines skipped so far in the files of an input.
    pub(super) fn blank(&self, input: InputId) -> u64 {
        self.files.iter().filter(|lines| lines.input == input).map(|lines| lines.blank).sum()
    }
}

/// Reads the lines of a file that are not blank: plain, gzip or zstd; `-` is
/// standard input. `each` gets the line's number, from 1.
///
/// # Errors
/// If the file cannot be read; what `each` says.
pub fn each_line<E: From<Fault>>(path: &Path, each: &mut dyn FnMut(u64, &[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut lines = Lines::open(0, path)?;
    while let Some(line) = lines.next()? {
        each(lines.number, &line)?;
    }
    Ok(())
}

/// The lines of one file, without their ends.
struct Lines {
    input: InputId,
    name: String,
    reader: Box<dyn BufRead + Send>,
    number: u64,
    blank: u64,
}

impl Lines {
    fn open(input: InputId, path: &Path) -> Result<Self, Fault> {
        let name = path.display().to_string();
        let opening = |error| Fault::stop(format!("open {name}"), error);
        let raw: Box<dyn Read + Send> = match name.as_str() {
            "-" => Box::new(std::io::stdin()),
            _ => Box::new(File::open(path).map_err(opening)?),
        };
        let reader = decompress(raw).map_err(opening)?;
        Ok(Self { input, name, reader, number: 0, blank: 0 })
    }

    /// The next line that is not blank.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        loop {
            let mut line = Vec::new();
            let limit = LINE_BYTES_MAX as u64 + 1;
            let read = (&mut self.reader).take(limit).read_until(b'\n', &mut line);
            let read = read.map_err(|error| Fault::stop(format!("read {} after line {}", self.name, self.number), error))?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if read as u64 == limit {
                let doing = format!("read line {} of {}", self.number, self.name);
                return Err(Fault::stop(doing, format!("it is longer than {LINE_BYTES_MAX} bytes")));
            }
            if line.ends_with(b"\n") {
                line.pop();
                if line.ends_with(b"\r") {
                    line.pop();
                }
            }
            // A byte order mark belongs to the file, not to its first event.
            if self.number == 1 && line.starts_with(b"\xef\xbb\xbf") {
                line.drain(..3);
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(line));
            }
            self.blank += 1;
        }
    }
}

/// Undoes gzip and zstd, told by a file's first bytes and not by its name:
/// standard input has none, and names lie.
fn decompress(mut raw: Box<dyn Read + Send>) -> std::io::Result<Box<dyn BufRead + Send>> {
    const BUFFER: usize = 256 * 1024;
    let mut magic = Vec::with_capacity(4);
    (&mut raw).take(4).read_to_end(&mut magic)?;
    let gzip = magic.starts_with(&[0x1f, 0x8b]);
    let zstd = magic == [0x28, 0xb5, 0x2f, 0xfd];
    let whole = Cursor::new(magic).chain(raw);
    Ok(match (gzip, zstd) {
        (true, _) => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole))),
        (_, true) => Box::new(BufReader::with_capacity(BUFFER, zstd::Decoder::new(whole)?)),
        _ => Box::new(BufReader::with_capacity(BUFFER, whole)),
    })
}
