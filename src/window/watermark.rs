//! Watermarks: up to which event time an input of a shard has been seen.

use crate::base::time::Civil;

/// The watermark of one input of one shard; it never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// How far events may come out of order, in seconds.
    disorder: i64,
    at: Civil,
}

impl Watermark {
    pub fn new(disorder_seconds: i64) -> Self {
        Self { disorder: disorder_seconds, at: Civil::MIN }
    }

    /// One that stands here already.
    pub fn from(disorder_seconds: i64, at: Civil) -> Self {
        Self { disorder: disorder_seconds, at }
    }

    pub fn at(&self) -> Civil {
        self.at
    }

    /// An event of this time was seen.
    pub fn seen(&mut self, event_time: Civil) {
        self.at = self.at.max(event_time.plus_seconds(-self.disorder));
    }

    /// The feed says that nothing earlier than this will follow.
    pub fn stated(&mut self, until: Civil) {
        self.at = self.at.max(until);
    }
}

/// Reads the text of a watermark statement: a civil time, or `end`.
pub fn parse_statement(text: &[u8]) -> Option<Civil> {
    match text {
        b"end" => Some(Civil::MAX),
        other => crate::base::time::parse(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watermark_trails_by_the_disorder_and_never_goes_back() {
        let mut watermark = Watermark::new(3600);
        watermark.seen(Civil(10_000));
        assert_eq!(watermark.at(), Civil(6_400));
        watermark.seen(Civil(5_000));
        assert_eq!(watermark.at(), Civil(6_400));
        watermark.stated(Civil(9_000));
        assert_eq!(watermark.at(), Civil(9_000));
        watermark.stated(Civil(8_000));
        assert_eq!(watermark.at(), Civil(9_000));
    }

    #[test]
    fn statements_are_times_or_the_end() {
        assert_eq!(parse_statement(b"end"), Some(Civil::MAX));
        assert_eq!(parse_statement(b"2026-03-01 00:00:00"), Civil::parse("2026-03-01"));
        assert_eq!(parse_statement(b"soon"), None);
    }
}
