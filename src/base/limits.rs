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
/// Greatest amount, either way, that one case, or one line of it, adds to an
/// indicator: 70 billion 元 to a hundredth of a 分. Sums of squares of 2^34 such
/// amounts stay below 2^127, so whether a sum fits cannot depend on the order of
/// adding.
pub const MEASURE_MAX: i64 = 1 << 46;
/// Indicators of one definition; the shipped packs need some ten.
pub const INDICATORS_MAX: usize = 64;
/// Longest code of an institution, department, doctor or cell, in bytes; the
/// national interface allows 30 characters.
pub const GROUP_TEXT_BYTES_MAX: usize = 256;
/// Rows times indicators of one block of partials: what a block becomes in
/// memory is bounded, whatever its bytes say.
pub const BLOCK_SUMS_MAX: usize = 4096;
/// Texts of the rows of one block of partials, in bytes.
pub const BLOCK_TEXT_BYTES_MAX: usize = 256 * 1024;

/// Rows of partial sums that wait in a shard before they are sent; some tens of
/// megabytes at most.
pub const PARTIAL_ROWS_WAITING_MAX: usize = 65_536;
/// Event time after which every rollup hears of a shard, in seconds.
pub const PARTIALS_EVERY_SECONDS: i64 = 3600;
/// Rows of partial sums that one epoch of a shard sends.
pub const PARTIAL_ROWS_PER_EPOCH_MAX: usize = 32_768;
/// Panes of institutions that one epoch of a shard looks at.
pub const LOOKS_PER_EPOCH_MAX: usize = 1024;
/// Years of institutions that one epoch of a shard drops.
pub const DROPS_PER_EPOCH_MAX: usize = 65_536;
/// How far behind its topic's watermark an event may arrive, in seconds.
pub const LATENESS_SECONDS: i64 = 3 * 86_400;
/// How far before its event time a fact may lie or a correction may act, in seconds.
pub const REACH_SECONDS: i64 = 184 * 86_400;

/// Messages that are replayed without a snapshot although one is asked for:
/// about a minute's work.
pub const REPLAY_MESSAGES_MAX: u64 = 1_000_000;

// The longest block (sums of at most 125 bytes, four columns of keys of at most
// 5 bytes, texts) is a record that Kafka takes by default.
const _: () = assert!(BLOCK_SUMS_MAX * (125 + 20) + BLOCK_TEXT_BYTES_MAX < 1_000_000);
const _: () = assert!(INDICATORS_MAX <= BLOCK_SUMS_MAX && 3 * GROUP_TEXT_BYTES_MAX <= BLOCK_TEXT_BYTES_MAX);
const _: () = assert!(MESSAGE_BYTES_MAX < LINE_BYTES_MAX);
// What is summed over the lines of one bill fits 64 bits, its squares twice 62.
const _: () = assert!(LINES_MAX as i128 * (MEASURE_MAX as i128) < i64::MAX as i128);
const _: () = assert!(RUN_MESSAGES_MAX as u64 <= REJECT_WINDOW);
