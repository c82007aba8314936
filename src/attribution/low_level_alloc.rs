//! Abseil's `LowLevelAlloc`, which the locks of V8 13 and later (Node 24) use: a megabyte in every process.
//!
//! Each block starts with its size and a magic number that is mixed with the block's own address, so a block is
//! recognised beyond doubt.

use super::Memory;

const ALLOCATED: u64 = 0x4c83_3e95;
const FREE: u64 = !ALLOCATED;
/// Arenas are mapped in multiples of 16 pages.
const PAGES_PER_ARENA: u64 = 16;

/// The end of the blocks that start at `start`, rounded up to what the allocator maps at a time. `None` when there
/// is no block at `start`.
pub(super) fn end_of_blocks(memory: &impl Memory, start: u64, limit: u64, page: u64) -> Option<u64> {
  let mut end = start;
  while end < limit {
    let mut header = [0; 2];
    if !memory.read(end, &mut header) {
      break;
    }
    let [size, magic] = header;
    let Some(next) = block_end(size, magic, end, limit) else { break };
    end = next;
  }
  let granule = page.saturating_mul(PAGES_PER_ARENA);
  let size = end.saturating_sub(start).checked_next_multiple_of(granule)?;
  (end > start).then(|| start.saturating_add(size).min(limit))
}

/// The end of a block with this header.
pub(super) fn block_end(size: u64, magic: u64, start: u64, limit: u64) -> Option<u64> {
  let end = start.checked_add(size)?;
  let is_block = magic == ALLOCATED ^ start || magic == FREE ^ start;
  (is_block && size >= 32 && end <= limit).then_some(end)
}
