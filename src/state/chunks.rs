//! A list that only grows, chunk by chunk: nothing that is in it is ever
//! copied, and no room is doubled.

/// Rows of one chunk.
const CHUNK: usize = 1 << 11;

#[derive(Debug)]
pub struct Chunks<T> {
    /// All full but the last.
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Chunks<T> {
    pub fn push(&mut self, row: T) {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(row),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(row);
                self.chunks.push(chunk);
            }
        }
    }

    #[inline]
    pub fn get(&self, idx: usize) -> Option<&T> {
        self.chunks.get(idx / CHUNK)?.get(idx % CHUNK)
    }

    #[inline]
    pub fn get_mut(&mut self, idx: usize) -> Option<&mut T> {
        self.chunks.get_mut(idx / CHUNK)?.get_mut(idx % CHUNK)
    }

    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

impl<T> std::ops::Index<usize> for Chunks<T> {
    type Output = T;

    #[inline]
    fn index(&self, idx: usize) -> &T {
        &self.chunks[idx / CHUNK][idx % CHUNK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_where_they_were_put() {
        let mut list = Chunks::default();
        assert!(list.is_empty() && list.get(0).is_none());
        for row in 0..3 * CHUNK + 1 {
            assert_eq!(list.len(), row);
            list.push(row);
        }
        assert!((0..list.len()).all(|idx| list[idx] == idx && list.get(idx) == Some(&idx)));
        assert_eq!(list.get(list.len()), None);
    }
}
