//! The headers that glibc's malloc writes in front of its chunks.

/// Size flag of a chunk that has a mapping of its own.
const IS_MMAPPED: u64 = 2;
/// Size flag of a chunk whose predecessor is in use.
const PREVIOUS_IN_USE: u64 = 1;
const FLAGS: u64 = 7;
/// `MALLOC_ALIGNMENT`: sizes are multiples of it.
const ALIGNMENT: u64 = 16;

/// Whether these are the first two words of a chunk that has a mapping of its own.
pub fn begins_large_chunk(words: [u64; 2], page_size: u64) -> bool {
  Header::of(words).end_of_large_chunk(0, u64::MAX, page_size).is_some()
}

/// The first two words of a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
  previous_size: u64,
  size_and_flags: u64,
}

impl Header {
  pub(super) fn of([previous_size, size_and_flags]: [u64; 2]) -> Self {
    Self { previous_size, size_and_flags }
  }

  /// Bytes to the next chunk.
  pub(super) fn size(self) -> u64 {
    self.size_and_flags & !FLAGS
  }

  /// The end of a chunk with a mapping of its own. It covers whole pages and ends at or before `limit`.
  pub(super) fn end_of_large_chunk(self, start: u64, limit: u64, page_size: u64) -> Option<u64> {
    let size = self.size();
    let end = start.checked_add(size)?;
    let is_large = self.previous_size == 0
      && self.size_and_flags & FLAGS == IS_MMAPPED
      && size.is_multiple_of(page_size)
      && size > 0;
    (is_large && end <= limit).then_some(end)
  }

  pub(super) fn is_in_main_arena(self) -> bool {
    let size = self.size();
    size > 0 && size.is_multiple_of(ALIGNMENT) && self.size_and_flags & FLAGS & !PREVIOUS_IN_USE == 0
  }

  /// Whether it has no predecessor, as the first chunk of a piece of the main arena.
  pub(super) fn is_first_in_main_arena(self) -> bool {
    self.previous_size == 0 && self.size_and_flags & FLAGS == PREVIOUS_IN_USE && self.is_in_main_arena()
  }
}
