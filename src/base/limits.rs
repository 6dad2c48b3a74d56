//! Every bound of the program, with its unit and its reason.

/// Longest message that is decoded, in bytes: ten times Kafka's default
/// maximum, far above the longest inpatient bill.
pub const MESSAGE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Longest line of an input file, in bytes. A longer one is no NDJSON, and is
/// not held in memory only to be rejected.
pub const LINE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Deepest nesting of a message; national messages need 4.
pub const NESTING_MAX: usize = 32;
/// Fee lines of one message; a year's inpatient bill has some 20,000.
pub const LINES_MAX: usize = 100_000;
/// Messages of one run: one columnar batch.
pub const RUN_MESSAGES_MAX: usize = 8192;
/// Runs that one journal entry records.
pub const RUNS_PER_EPOCH_MAX: usize = 16;
/// An event later than its record timestamp by more than this is a reject, in seconds.
pub const FUTURE_SECONDS_MAX: i64 = 86_400;
/// Messages over which the reject rate is counted.
pub const REJECT_WINDOW: u64 = 10_000;

const _: () = assert!(MESSAGE_BYTES_MAX < LINE_BYTES_MAX);
const _: () = assert!(RUN_MESSAGES_MAX as u64 <= REJECT_WINDOW);
