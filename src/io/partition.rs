//! Which partition a key belongs to, as Kafka's own producers decide it.

/// How the feed's producers spread keys over partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioner {
    /// Kafka's Java producer; `murmur2` in librdkafka.
    Murmur2,
    /// librdkafka's `consistent` and, for messages with a key, its default.
    Crc32,
}

impl Partitioner {
    pub const ALL: &[Self] = &[Self::Murmur2, Self::Crc32];

    pub fn name(self) -> &'static str {
        match self {
            Self::Murmur2 => "murmur2",
            Self::Crc32 => "crc32",
        }
    }

    /// The partitioner that is called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|partitioner| partitioner.name() == name)
    }

    /// The partition of `key` among `partitions`, which must be positive.
    pub fn partition(self, key: &[u8], partitions: i32) -> i32 {
        assert!(partitions > 0, "a topic has at least one partition");
        // The Java producer clears the sign bit; librdkafka divides unsigned.
        let (hash, count) = match self {
            Self::Murmur2 => (murmur2(key) & 0x7fff_ffff, partitions as u32),
            Self::Crc32 => (crc32fast::hash(key), partitions as u32),
        };
        (hash % count) as i32
    }
}

/// The 32-bit Murmur2 of Kafka: its own seed, little-endian words.
fn murmur2(key: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ key.len() as u32;
    let (words, tail) = key.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(M);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(M) ^ mixed.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (idx, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * idx);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes that Kafka's Java client gives, as librdkafka's own tests list them.
    #[test]
    fn murmur2_agrees_with_the_java_client() {
        for (key, expect) in [
            ("kafka", 0xd067_cf64),
            ("giberish123456789", 0x8f55_2b0c),
            ("1234", 0x9fc9_7b14),
            ("234", 0xe7c0_09ca),
            ("34", 0x8739_30da),
            ("4", 0x5a4b_5ca1),
            ("PreAmbleWillBeRemoved,ThePrePartThatIs", 0x7842_4f1c),
            ("reAmbleWillBeRemoved,ThePrePartThatIs", 0x4a62_b377),
            ("eAmbleWillBeRemoved,ThePrePartThatIs", 0xe0e4_e09e),
            ("AmbleWillBeRemoved,ThePrePartThatIs", 0x62b8_b43f),
            ("", 0x106e_08d9),
        ] {
            assert_eq!(murmur2(key.as_bytes()), expect, "{key}");
        }
    }

    #[test]
    fn partitions_agree_with_librdkafka() {
        let check = |partitioner: Partitioner, key: &str, hash: u32| {
            for partitions in [1, 4, 7, 17] {
                let expect = (hash % partitions as u32) as i32;
                assert_eq!(partitioner.partition(key.as_bytes(), partitions), expect, "{key} {partitions}");
            }
        };
        let long = "this is another string with more length to it perhaps";
        check(Partitioner::Crc32, "", 0);
        check(Partitioner::Crc32, "23456", 0xb1b4_51d7);
        check(Partitioner::Crc32, long, 0xb015_0df7);
        check(Partitioner::Crc32, "hejsan", 0xd077_037e);
        check(Partitioner::Murmur2, "", 0x106e_08d9);
        check(Partitioner::Murmur2, "23456", 0x058d_780f);
        check(Partitioner::Murmur2, long, 0x4f77_03da);
        check(Partitioner::Murmur2, "hejsan", 0x5ec1_9395);
        // A hash with the sign bit set: the Java producer clears it first.
        check(Partitioner::Murmur2, "kafka", 0x5067_cf64);
    }

    #[test]
    fn names_lead_back() {
        for partitioner in Partitioner::ALL {
            assert_eq!(Partitioner::named(partitioner.name()), Some(*partitioner));
        }
        assert_eq!(Partitioner::named("random"), None);
    }
}
