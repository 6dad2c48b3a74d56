//! A text column compared with many constants: each row's text is looked up
//! once, and every condition on it reads the small number found.

use std::collections::BTreeSet;

use arrow::array::Array as _;
use arrow::array::BooleanArray;
use arrow::array::StringArray;
use arrow::array::UInt16Array;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::ScalarBuffer;

/// Up to this many words a look through all of them beats a hash.
const FEW: usize = 4;

/// All words that conditions compare one text with. Number 0 is any other
/// text; the words count from 1 in their order.
#[derive(Debug)]
pub(super) struct Words {
    sorted: Vec<String>,
    /// Only looked up, never iterated.
    numbers: hashbrown::HashMap<String, u16>,
    /// Bit `n % 64` is set if a word has `n` bytes.
    lengths: u64,
}

impl Words {
    pub fn new(words: BTreeSet<&str>) -> Self {
        let sorted: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let numbers = (1..=u16::MAX).zip(&sorted).map(|(number, word)| (word.clone(), number)).collect();
        let lengths = sorted.iter().fold(0, |bits, word| bits | 1 << (word.len() % 64));
        Self { sorted, numbers, lengths }
    }

    /// Whether looking up is worth it and possible: a single word is compared directly.
    pub fn pays(&self) -> bool {
        (2..=usize::from(u16::MAX)).contains(&self.sorted.len())
    }

    pub fn numbers(&self, text: &StringArray) -> UInt16Array {
        let number = |row: usize| {
            let text = text.value(row);
            if self.lengths >> (text.len() % 64) & 1 == 0 {
                return 0;
            }
            if self.sorted.len() <= FEW {
                return self.sorted.iter().position(|word| word == text).map_or(0, |at| at as u16 + 1);
            }
            self.numbers.get(text).copied().unwrap_or(0)
        };
        let numbers: ScalarBuffer<u16> = (0..text.len()).map(number).collect();
        UInt16Array::new(numbers, text.nulls().cloned())
    }

    /// `among` must be a part of the words.
    pub fn any_of(&self, numbers: &UInt16Array, among: &[String], negated: bool) -> BooleanArray {
        let mut wanted = vec![negated; self.sorted.len() + 1];
        let mut last = 0;
        for word in among {
            last = self.numbers[word];
            wanted[usize::from(last)] = !negated;
        }
        let values = numbers.values();
        let found = if among.len() == 1 {
            BooleanBuffer::collect_bool(values.len(), |row| (values[row] == last) != negated)
        } else {
            BooleanBuffer::collect_bool(values.len(), |row| wanted[usize::from(values[row])])
        };
        BooleanArray::new(found, numbers.nulls().cloned())
    }
}
