//! One message of a log as the engine sees it, and where it came from.

/// A borrowed message: bytes, and what the log says about them.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub offset: i64,
    /// Record timestamp, milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    pub key: Option<&'a [u8]>,
    /// `None` for a tombstone and for a watermark statement.
    pub value: Option<&'a [u8]>,
    /// The text of the header `claimsift-watermark`, if the message has it.
    pub watermark: Option<&'a [u8]>,
}

/// The header that makes a message a watermark statement. Its text is a civil
/// time (`yyyy-MM-dd HH:mm:ss`) or `end`.
pub const WATERMARK_HEADER: &str = "claimsift-watermark";

/// Messages of one partition, in offset order. Implemented by each log, so
/// that bytes stay where the log put them until they are decoded.
pub trait Messages {
    fn len(&self) -> usize;
    /// The message at `idx`, which must be less than `len`.
    fn get(&self, idx: usize) -> Message<'_>;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
