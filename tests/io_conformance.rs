//! Every log holds to the same promises.

use claimsift::base::ids::InputId;
use claimsift::io::conformance::Bench;
use claimsift::io::conformance::check_log;
use claimsift::io::log::Output;
use claimsift::io::memory::MemoryCluster;
use claimsift::io::memory::MemoryLog;
use claimsift::io::memory::Mishap;

struct Memory {
    cluster: MemoryCluster,
    /// Offsets without a message before each fed one.
    gap: i64,
}

impl Bench for Memory {
    type Log = MemoryLog;

    fn worker(&mut self, slot: &str) -> MemoryLog {
        self.cluster.worker(slot, "conformance")
    }

    fn feed(&mut self, input: InputId, partition: i32, values: &[&str]) {
        for value in values {
            self.cluster.feed_gap(input, partition, self.gap);
            self.cluster.feed(input, partition, None, Some(value.as_bytes().to_vec()), 1_700_000_000_000, None);
        }
        self.cluster.feed_gap(input, partition, self.gap);
    }

    fn output(&mut self, output: Output, partition: i32) -> Vec<Vec<u8>> {
        let records = self.cluster.output(output).into_iter();
        records.filter(|stored| stored.partition == partition).filter_map(|stored| stored.record.value).collect()
    }

    fn fail_next_commit(&mut self, slot: &str) -> bool {
        self.cluster.inject(slot, Mishap::CommitAgain);
        true
    }

    fn lose_next_answer(&mut self, slot: &str) -> bool {
        self.cluster.inject(slot, Mishap::AnswerLost { landed: true });
        true
    }
}

#[test]
fn memory() {
    check_log(|| Memory { cluster: MemoryCluster::new(2), gap: 0 });
}

#[test]
fn memory_with_gaps_between_offsets() {
    check_log(|| Memory { cluster: MemoryCluster::new(2), gap: 3 });
}
