//! Abseil's `LowLevelAlloc`, which the locks of V8 13 and later (Node 24) use: a megabyte in every process.
//!
//! Each block starts with its size and a magic number that is mixed with the block's own address, so a block is
//! recognised beyond doubt.

use super::scene::{Found, Place};
use crate::attribution::piece::{Owner, Part};

const ALLOCATED: u64 = 0x4c83_3e95;
const FREE: u64 = !ALLOCATED;
/// Arenas are mapped in multiples of 16 pages.
const PAGES_PER_ARENA: u64 = 16;

/// Blocks in a row, rounded up to what the allocator maps at a time.
pub(super) fn blocks(place: &Place) -> Option<Found> {
  let (start, limit) = (place.start, place.region.end);
  let mut end = start;
  while let Some(next) = place.words_at(end).and_then(|header| block_end(header, end, limit)) {
    end = next;
  }
  let granule = place.page_size().saturating_mul(PAGES_PER_ARENA);
  let size = end.saturating_sub(start).checked_next_multiple_of(granule)?;
  let end = start.saturating_add(size).min(limit);
  (end > start).then_some(Found { end, part: Part::NativeHeap, owner: Owner::LowLevelAlloc })
}

/// The end of a block with this header.
pub(super) fn block_end([size, magic]: [u64; 2], start: u64, limit: u64) -> Option<u64> {
  let end = start.checked_add(size)?;
  let is_block = magic == ALLOCATED ^ start || magic == FREE ^ start;
  (is_block && size >= 32 && end <= limit).then_some(end)
}
