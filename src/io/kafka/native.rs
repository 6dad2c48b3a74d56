//! librdkafka below rdkafka's safe surface: partition queues read in batches
//! without a copy, positions that need no round trip, and the C allocator's
//! settings.
#![allow(unsafe_code)]
// rdkafka offers one message a call and an event allocation with each; a batch
// halves the reading thread's time. Everything unsafe here is a call into
// librdkafka whose pointers are owned by a type of this module.

use std::ffi::CString;
use std::ffi::c_char;
use std::ffi::c_int;
use std::ffi::c_void;
use std::ptr;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::bindings;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::IsError as _;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;

use crate::base::record::Message;
use crate::base::record::Messages;
use crate::base::record::WATERMARK_HEADER;

/// Takes a partition out of the consumer's own queue, for the consumer's whole
/// life. Only safe in order when done before the partition is assigned.
pub(super) fn split<C: ConsumerContext>(consumer: &BaseConsumer<C>, topic: &str, partition: i32) {
    let Ok(name) = CString::new(topic) else { return };
    // SAFETY: the client lives as long as `consumer`; the queue is destroyed
    // here, which leaves the partition's mark in place.
    unsafe {
        let queue = bindings::rd_kafka_queue_get_partition(consumer.client().native_ptr(), name.as_ptr(), partition);
        if !queue.is_null() {
            bindings::rd_kafka_queue_forward(queue, ptr::null_mut());
            bindings::rd_kafka_queue_destroy(queue);
        }
    }
}

/// A message that librdkafka allocated and we destroy.
#[repr(transparent)]
struct NativeMessage(NonNull<bindings::rd_kafka_message_t>);

// SAFETY: a message is read-only after it was handed out, and librdkafka lets
// any thread destroy it.
unsafe impl Send for NativeMessage {}

impl NativeMessage {
    fn raw(&self) -> &bindings::rd_kafka_message_t {
        // SAFETY: not null, and ours until it is dropped.
        unsafe { self.0.as_ref() }
    }

    fn timestamp_ms(&self) -> i64 {
        let mut kind = bindings::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: both pointers are valid for the call.
        unsafe { bindings::rd_kafka_message_timestamp(self.0.as_ptr(), &raw mut kind) }
    }

    fn headers(&self) -> Option<NonNull<bindings::rd_kafka_headers_t>> {
        let mut headers = ptr::null_mut();
        // SAFETY: parses the headers in place; they belong to the message.
        let code = unsafe { bindings::rd_kafka_message_headers(self.0.as_ptr(), &raw mut headers) };
        if code.is_error() { None } else { NonNull::new(headers) }
    }

    fn watermark(&self) -> Option<&[u8]> {
        let headers = self.headers()?;
        let name = CString::new(WATERMARK_HEADER).ok()?;
        let mut value: *const c_void = ptr::null();
        let mut size = 0;
        // SAFETY: the value lies in the message's own bytes.
        unsafe {
            let code = bindings::rd_kafka_header_get_last(headers.as_ptr(), name.as_ptr(), &raw mut value, &raw mut size);
            if code.is_error() { None } else { Some(bytes(value, size).unwrap_or_default()) }
        }
    }

    fn view(&self) -> Message<'_> {
        let raw = self.raw();
        // SAFETY: key and payload live as long as the message.
        let (key, value) = unsafe { (bytes(raw.key, raw.key_len), bytes(raw.payload, raw.len)) };
        // A statement has no value, so only empty messages pay for headers.
        let watermark = if value.is_none_or(<[u8]>::is_empty) { self.watermark() } else { None };
        Message {
            offset: raw.offset,
            timestamp_ms: self.timestamp_ms(),
            key,
            value: if watermark.is_some() { None } else { value },
            watermark,
        }
    }

    fn header_list(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let Some(headers) = self.headers() else { return Vec::new() };
        let mut list = Vec::new();
        let mut name: *const c_char = ptr::null();
        let mut value: *const c_void = ptr::null();
        let mut size = 0;
        // SAFETY: name and value lie in the message; the name ends with a zero byte.
        unsafe {
            while !bindings::rd_kafka_header_get_all(headers.as_ptr(), list.len(), &raw mut name, &raw mut value, &raw mut size).is_error()
            {
                let name = std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned();
                list.push((name, bytes(value, size).map(<[u8]>::to_vec)));
            }
        }
        list
    }
}

impl Drop for NativeMessage {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once.
        unsafe { bindings::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// # Safety
/// `start` must be null or the start of `size` bytes that live for `'a`.
unsafe fn bytes<'a>(start: *const c_void, size: usize) -> Option<&'a [u8]> {
    // SAFETY: what the caller promises.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start.cast::<u8>(), size) })
}

/// Messages of one partition in librdkafka's own memory, freed when dropped.
pub(super) struct Batch<C: ConsumerContext> {
    messages: Vec<NativeMessage>,
    /// The client must not end before its messages; fields drop in this order.
    _consumer: Arc<BaseConsumer<C>>,
}

impl<C: ConsumerContext> Batch<C> {
    pub(super) fn headers(&self, idx: usize) -> Vec<(String, Option<Vec<u8>>)> {
        self.messages[idx].header_list()
    }

    pub(super) fn next_offset(&self) -> Option<i64> {
        self.messages.last().map(|message| message.raw().offset + 1)
    }
}

impl<C: ConsumerContext> Messages for Batch<C> {
    fn len(&self) -> usize {
        self.messages.len()
    }
    fn get(&self, idx: usize) -> Message<'_> {
        self.messages[idx].view()
    }
}

/// The queue of one partition, with what was already read from it.
pub(super) struct PartitionQueue<C: ConsumerContext> {
    ahead: Vec<NativeMessage>,
    queue: NonNull<bindings::rd_kafka_queue_t>,
    topic: String,
    topic_c: CString,
    partition: i32,
    consumer: Arc<BaseConsumer<C>>,
}

// SAFETY: librdkafka's queues may be used from any thread; `&mut self` on
// every reading call keeps batch calls from overlapping.
unsafe impl<C: ConsumerContext> Send for PartitionQueue<C> {}

impl<C: ConsumerContext> PartitionQueue<C> {
    /// `None` if the partition does not exist. The partition must have been [`split`].
    pub(super) fn open(consumer: &Arc<BaseConsumer<C>>, topic: &str, partition: i32) -> Option<Self> {
        let topic_c = CString::new(topic).ok()?;
        // SAFETY: the client lives as long as the `Arc` kept below.
        let queue = unsafe { bindings::rd_kafka_queue_get_partition(consumer.client().native_ptr(), topic_c.as_ptr(), partition) };
        Some(Self {
            ahead: Vec::new(),
            queue: NonNull::new(queue)?,
            topic: topic.to_owned(),
            topic_c,
            partition,
            consumer: Arc::clone(consumer),
        })
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    pub(super) fn partition(&self) -> i32 {
        self.partition
    }

    /// Messages already read and not yet taken.
    pub(super) fn ahead(&self) -> usize {
        self.ahead.len()
    }

    pub(super) fn first(&self) -> Option<Message<'_>> {
        self.ahead.first().map(NativeMessage::view)
    }

    /// Entries that wait in librdkafka; an upper bound of messages.
    pub(super) fn waiting(&self) -> usize {
        // SAFETY: the queue is ours.
        unsafe { bindings::rd_kafka_queue_length(self.queue.as_ptr()) }
    }

    /// Reads until `want` messages are ahead or none are at hand, waiting at
    /// most `wait` for the first.
    ///
    /// # Errors
    /// The code of an error entry. What was read then must be given up: the
    /// client counts such an entry as a message, so its position is wrong.
    pub(super) fn fill(&mut self, want: usize, wait: Duration) -> Result<(), RDKafkaErrorCode> {
        if self.ahead.len() < want {
            self.read(want - self.ahead.len(), Duration::ZERO)?;
        }
        if self.ahead.is_empty() && want > 0 && !wait.is_zero() {
            // The native call waits for a full array, so wait for one message only.
            self.read(1, wait)?;
            if !self.ahead.is_empty() {
                self.read(want - self.ahead.len(), Duration::ZERO)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, count: usize, wait: Duration) -> Result<(), RDKafkaErrorCode> {
        if count == 0 {
            return Ok(());
        }
        let before = self.ahead.len();
        self.ahead.reserve(count);
        let wait_ms = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: `count` free slots were reserved; the call fills the first
        // `got` of them with messages that are ours from then on.
        unsafe {
            let slots = self.ahead.as_mut_ptr().add(before).cast::<*mut bindings::rd_kafka_message_t>();
            let got = bindings::rd_kafka_consume_batch_queue(self.queue.as_ptr(), wait_ms, slots, count);
            let Ok(got) = usize::try_from(got) else {
                return Err(bindings::rd_kafka_last_error().into());
            };
            self.ahead.set_len(before + got);
        }
        match self.ahead[before..].iter().map(|message| message.raw().err).find(RDKafkaRespErr::is_error) {
            None => Ok(()),
            Some(code) => {
                self.ahead.clear();
                Err(code.into())
            }
        }
    }

    /// The first `max` messages that are ahead.
    pub(super) fn take(&mut self, max: usize) -> Batch<C> {
        let rest = if self.ahead.len() > max { self.ahead.split_off(max) } else { Vec::new() };
        Batch { messages: std::mem::replace(&mut self.ahead, rest), _consumer: Arc::clone(&self.consumer) }
    }

    /// The messages ahead with offsets below `end`.
    pub(super) fn take_before(&mut self, end: i64) -> Batch<C> {
        let count = self.ahead.partition_point(|message| message.raw().offset < end);
        self.take(count)
    }

    /// The next offset that the client will hand out, past control records and
    /// aborted batches; `None` until something was handed out after an assign or seek.
    pub(super) fn position(&self) -> Option<i64> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&self.topic, self.partition);
        // SAFETY: both outlive the call, which only writes into the list.
        let code = unsafe { bindings::rd_kafka_position(self.consumer.client().native_ptr(), list.ptr()) };
        if code.is_error() {
            return None;
        }
        match list.elements().first()?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }

    /// The partition's end as the last fetch told it.
    pub(super) fn known_end(&self) -> Option<i64> {
        let (mut low, mut high) = (-1, -1);
        // SAFETY: the out-parameters are valid for the call.
        let code = unsafe {
            bindings::rd_kafka_get_watermark_offsets(
                self.consumer.client().native_ptr(),
                self.topic_c.as_ptr(),
                self.partition,
                &raw mut low,
                &raw mut high,
            )
        };
        (!code.is_error() && high >= 0).then_some(high)
    }

    /// Drops what was read ahead.
    pub(super) fn forget(&mut self) {
        self.ahead.clear();
    }

    /// After an unassign: one read frees what the stale queue still holds.
    pub(super) fn free(mut self) {
        let _stale = self.read(1, Duration::ZERO);
    }
}

impl<C: ConsumerContext> Drop for PartitionQueue<C> {
    fn drop(&mut self) {
        self.ahead.clear();
        // SAFETY: ours, destroyed once, before the client (`consumer` is dropped after this).
        unsafe { bindings::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// Makes glibc keep the megabytes of each decompressed batch instead of giving
/// them back to the system and asking again. librdkafka allocates with the C
/// library even where the program has an allocator of its own. Call first in `main`.
pub fn tune_allocator() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn mallopt(option: c_int, value: c_int) -> c_int;
        }
        const TRIM_THRESHOLD: c_int = -1;
        const TOP_PAD: c_int = -2;
        const MMAP_THRESHOLD: c_int = -3;
        const ARENA_MAX: c_int = -8;
        // SAFETY: takes two integers and says 0 where it does not like them.
        unsafe {
            // Older libraries refuse more than half an arena.
            if mallopt(MMAP_THRESHOLD, 1 << 30) == 0 {
                mallopt(MMAP_THRESHOLD, 32 << 20);
            }
            mallopt(TRIM_THRESHOLD, c_int::MAX);
            mallopt(TOP_PAD, 16 << 20);
            // Each thread of librdkafka would keep megabytes of its own.
            mallopt(ARENA_MAX, 2);
        }
    }
}
