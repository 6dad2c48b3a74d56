//! Output files: NDJSON that appears whole or not at all.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Map;
use serde_json::Value;

use crate::base::fault::Fault;
use crate::io::log::Record;

/// One output under a temporary name beside its own, until it is finished.
/// Dropped unfinished, it leaves nothing behind.
pub(super) struct OutputFile {
    name: String,
    /// Temporary and final path; `None` for standard output and for what is no
    /// regular file, which are written directly.
    rename: Option<(PathBuf, PathBuf)>,
    writer: Option<Writer>,
}

enum Writer {
    Plain(Box<dyn Write + Send>),
    Gzip(GzEncoder<BufWriter<File>>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

impl Writer {
    fn as_write(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(writer) => writer,
            Self::Gzip(writer) => writer,
            Self::Zstd(writer) => writer,
        }
    }

    fn finish(self) -> std::io::Result<()> {
        match self {
            Self::Plain(mut writer) => writer.flush(),
            Self::Gzip(writer) => writer.finish()?.flush(),
            Self::Zstd(writer) => writer.finish()?.flush(),
        }
    }
}

impl OutputFile {
    pub(super) fn create(path: &Path) -> Result<Self, Fault> {
        let name = path.display().to_string();
        let creating = |error| Fault::stop(format!("create {name}"), error);
        if name == "-" {
            let writer = Writer::Plain(Box::new(BufWriter::new(std::io::stdout())));
            return Ok(Self { name, rename: None, writer: Some(writer) });
        }
        // A rename would put a file in the place of a device or of a link.
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if std::fs::metadata(&target).is_ok_and(|found| !found.is_file()) {
            let file = File::options().write(true).open(&target).map_err(creating)?;
            let writer = Writer::Plain(Box::new(BufWriter::new(file)));
            return Ok(Self { name, rename: None, writer: Some(writer) });
        }
        let temporary = temporary_name(&target);
        let file = BufWriter::new(File::create(&temporary).map_err(creating)?);
        let rename = Some((temporary, target));
        let writer = match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Writer::Gzip(GzEncoder::new(file, Compression::default())),
            Some("zst") => Writer::Zstd(zstd::Encoder::new(file, 3).map_err(creating)?),
            _ => Writer::Plain(Box::new(file)),
        };
        Ok(Self { name, rename, writer: Some(writer) })
    }

    /// Appends one line.
    pub(super) fn line(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let writer = writer.as_write();
        let written = writer.write_all(bytes).and_then(|()| writer.write_all(b"\n"));
        written.map_err(|error| Fault::stop(format!("write {}", self.name), error))
    }

    /// Shows what was committed to those who read while it is written.
    pub(super) fn flush_direct(&mut self) -> Result<(), Fault> {
        match &mut self.writer {
            Some(writer) if self.rename.is_none() => {
                writer.as_write().flush().map_err(|error| Fault::stop(format!("write {}", self.name), error))
            }
            _ => Ok(()),
        }
    }

    /// Ends the file and gives it its name.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let finishing = |error| Fault::stop(format!("finish {}", self.name), error);
        writer.finish().map_err(finishing)?;
        if let Some((temporary, target)) = &self.rename {
            File::open(temporary).and_then(|file| file.sync_all()).map_err(finishing)?;
            std::fs::rename(temporary, target).map_err(finishing)?;
        }
        self.rename = None;
        Ok(())
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.rename {
            // Closed first: some systems do not remove an open file.
            self.writer = None;
            let _ = std::fs::remove_file(temporary);
        }
    }
}

fn temporary_name(target: &Path) -> PathBuf {
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    target.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

/// A reject as a line of JSON: `headers`, then the key and the value, each as
/// `key` and `value` where it is UTF-8 and as `key_base64` and `value_base64`
/// where it is not; NULL where there is none. Nothing of the bytes is lost.
pub fn reject_line(record: &Record) -> Vec<u8> {
    let headers: Map<String, Value> =
        record.headers.iter().map(|(name, value)| ((*name).to_owned(), Value::String(value.clone()))).collect();
    let mut line = Map::new();
    line.insert("headers".to_owned(), Value::Object(headers));
    for (name, bytes) in [("key", &record.key), ("value", &record.value)] {
        let (name, value) = match bytes.as_deref().map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => (name.to_owned(), Value::Null),
            Some((_, Ok(text))) => (name.to_owned(), Value::String(text.to_owned())),
            Some((bytes, Err(_))) => (format!("{name}_base64"), Value::String(base64(bytes))),
        };
        line.insert(name, value);
    }
    Value::Object(line).to_string().into_bytes()
}

/// A reject that was read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectLine {
    pub headers: Vec<(String, String)>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

/// Reads a line that [`reject_line`] wrote; `None` for any other.
pub fn parse_reject_line(line: &[u8]) -> Option<RejectLine> {
    let parsed: Value = serde_json::from_slice(line).ok()?;
    let bytes = |name: &str| -> Option<Option<Vec<u8>>> {
        match (parsed.get(name), parsed.get(format!("{name}_base64"))) {
            (Some(Value::Null), None) => Some(None),
            (Some(Value::String(text)), None) => Some(Some(text.clone().into_bytes())),
            (None, Some(Value::String(text))) => Some(Some(from_base64(text)?)),
            _ => None,
        }
    };
    let headers = parsed.get("headers")?.as_object()?.iter();
    let headers = headers.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    Some(RejectLine { headers: headers.collect::<Option<_>>()?, key: bytes("key")?, value: bytes("value")? })
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |idx: usize| u32::from(group.get(idx).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for idx in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * idx)) as usize & 63];
            text.push(if idx <= group.len() { digit as char } else { '=' });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let groups = text.as_bytes().chunks(4);
    let last = groups.len().checked_sub(1);
    for (idx, group) in groups.enumerate() {
        let digits = group.iter().take_while(|digit| **digit != b'=').count();
        let padded = group[digits..].iter().all(|digit| *digit == b'=');
        if group.len() != 4 || !padded || digits < 2 || (digits < 4 && Some(idx) != last) {
            return None;
        }
        let mut bits = 0;
        for digit in &group[..digits] {
            bits = bits << 6 | BASE64.iter().position(|known| known == digit)? as u32;
        }
        bits <<= 6 * (4 - digits);
        bytes.extend(&bits.to_be_bytes()[1..digits]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::log::Output;

    #[test]
    fn base64_agrees_with_the_published_vectors() {
        // RFC 4648, section 10.
        for (plain, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), text);
            assert_eq!(from_base64(text).as_deref(), Some(plain.as_bytes()));
        }
        for text in ["Z", "Zg", "Zg=", "Z===", "Zg==Zg==", "Zm9*", "Zg=v", "===="] {
            assert_eq!(from_base64(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_reject_is_read_back_byte_for_byte(
            key: Option<Vec<u8>>, value: Option<Vec<u8>>, text: Option<String>, reason: String,
        ) {
            let value = text.map(String::into_bytes).or(value);
            let headers = vec![("class", "not_json".to_owned()), ("reason", reason.clone())];
            let record = Record {
                output: Output::Rejects, partition: Some(1), key: key.clone(), value: value.clone(), headers, timestamp_ms: None,
            };
            let line = reject_line(&record);
            proptest::prop_assert!(!line.contains(&b'\n'));
            let headers = vec![("class".to_owned(), "not_json".to_owned()), ("reason".to_owned(), reason)];
            proptest::prop_assert_eq!(parse_reject_line(&line), Some(RejectLine { headers, key, value }));
        }
    }
}
