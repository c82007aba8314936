//! What glibc's malloc maps, told by the headers that it writes: arenas of threads and chunks with a mapping of
//! their own.

use super::Memory;

/// Heaps of thread arenas are aligned to their largest size.
const HEAP_ALIGNMENT: u64 = 64 * 1024 * 1024;
/// Bytes from the start of an arena's first heap to the arena, since 2.35 and before.
const ARENA_OFFSETS: [u64; 2] = [0x30, 0x20];
/// Size flag of a chunk that has a mapping of its own.
const IS_MMAPPED: u64 = 2;
/// Size flag of a chunk whose predecessor is in use.
const PREVIOUS_IN_USE: u64 = 1;
const FLAGS: u64 = 7;
/// `MALLOC_ALIGNMENT`: sizes are multiples of it.
const ALIGNMENT: u64 = 16;
/// How many chunks ahead are read in the hope that they have the size of the last one.
const GUESSED_CHUNKS: u64 = 64;

/// The arena whose heap holds `address`, when the heap starts at its aligned place with a header that names it.
pub(super) fn arena_of_heap(memory: &impl Memory, address: u64) -> Option<u64> {
  let heap = address & !HEAP_ALIGNMENT.wrapping_sub(1);
  let mut header = [0; 3];
  if !memory.read(heap, &mut header) {
    return None;
  }
  let [arena, _previous, size] = header;
  let offset = arena & HEAP_ALIGNMENT.wrapping_sub(1);
  let grown = size > 0 && size <= HEAP_ALIGNMENT && size.is_multiple_of(4096);
  let covers = address.wrapping_sub(heap) < size;
  // Heaps that the arena took later name an arena that lies in its first heap.
  (ARENA_OFFSETS.contains(&offset) && grown && covers).then_some(arena)
}

/// Where a heap ends at the latest that holds `address`.
pub(super) fn end_of_heap(address: u64) -> u64 {
  (address | HEAP_ALIGNMENT.wrapping_sub(1)).saturating_add(1)
}

/// Whether the arena of a thread may lie at `address`: behind the head of its first heap.
pub fn is_arena_address(address: u64) -> bool {
  let offset = address.checked_rem(HEAP_ALIGNMENT).unwrap_or(0);
  address > HEAP_ALIGNMENT && ARENA_OFFSETS.contains(&offset)
}

/// Whether a mapping that the main arena took begins at `start`: where `brk` meets another mapping, as a code range of
/// V8 that the kernel put right behind the heap, that arena goes on elsewhere, in pieces of what is needed and a pad of
/// 128 KiB.
///
/// A piece begins with a chunk that has no predecessor, and from each chunk its size leads to the next.
pub(super) fn starts_piece_of_main_arena(memory: &impl Memory, start: u64, limit: u64, page: u64) -> bool {
  const SMALLEST_PIECE: u64 = 128 * 1024;
  /// So many headers in a row are no coincidence.
  const FOLLOWED_CHUNKS: usize = 8;
  let mut address = start;
  for link in 0..FOLLOWED_CHUNKS {
    let mut header = [0; 2];
    if !memory.read(address, &mut header) {
      // A page that was not there when the pages were counted: the look itself has allocated from this piece since.
      return link > 1 && address.wrapping_sub(start) >= SMALLEST_PIECE;
    }
    let [previous_size, size_and_flags] = header;
    let is_chunk =
      is_chunk_of_main_arena(size_and_flags) && (link > 0 || is_first(previous_size, size_and_flags));
    let size = size_and_flags & !FLAGS;
    match address.checked_add(size).filter(|next| is_chunk && *next <= limit) {
      // The last chunk ends with its piece: what follows may be anything.
      Some(next) if next.is_multiple_of(page) && next.wrapping_sub(start) >= SMALLEST_PIECE => return true,
      Some(next) => address = next,
      None => return false,
    }
  }
  true
}

/// Whether this is the header of a chunk without a predecessor, as a piece of the main arena begins with.
pub(super) fn is_first(previous_size: u64, size_and_flags: u64) -> bool {
  previous_size == 0 && size_and_flags & FLAGS == PREVIOUS_IN_USE && is_chunk_of_main_arena(size_and_flags)
}

fn is_chunk_of_main_arena(size_and_flags: u64) -> bool {
  let size = size_and_flags & !FLAGS;
  size > 0 && size.is_multiple_of(ALIGNMENT) && size_and_flags & FLAGS & !PREVIOUS_IN_USE == 0
}

/// The end of the run of large chunks that starts at `start`. `None` when there is no chunk at `start`.
///
/// Neighbouring mappings merge into one region, so a run may hold thousands of chunks, and other memory may follow.
/// Each begins before `limit`, the end of the region, and ends at or before `reach`: the kernel splits a chunk of which
/// a part was locked, advised or protected.
pub(super) fn end_of_large_chunks(
  memory: &impl Memory,
  start: u64,
  (limit, reach): (u64, u64),
  page: u64,
) -> Option<u64> {
  visit_large_chunks(memory, start, (limit, reach), page, |_, _| ())
}

/// Calls `visit` with the start and the end of each chunk of that run, and gives the end of the run.
pub(super) fn visit_large_chunks(
  memory: &impl Memory,
  start: u64,
  (limit, reach): (u64, u64),
  page: u64,
  mut visit: impl FnMut(u64, u64),
) -> Option<u64> {
  let mut end = start;
  let mut headers = Vec::new();
  let mut ahead = vec![start];
  // Chunks of one size tend to stand in a row: after each, the next ones are guessed and read in one call.
  loop {
    memory.gather(&ahead, 2, &mut headers); // the first time a single address, then guesses
    let before = end;
    let mut size = 0;
    for header in headers.chunks_exact(2) {
      let &[previous_size, size_and_flags] = header else { break };
      let Some(next) = chunk_end(previous_size, size_and_flags, end, reach, page) else { break };
      let same = size == 0 || next.wrapping_sub(end) == size;
      size = next.wrapping_sub(end);
      visit(end, next);
      end = next;
      if !same {
        break; // the guesses behind this one were made with another size
      }
    }
    if end == before || end >= limit {
      break;
    }
    ahead.clear();
    let guesses = (0..GUESSED_CHUNKS).map_while(|step| end.checked_add(size.checked_mul(step)?));
    ahead.extend(guesses.take_while(|address| *address < limit));
  }
  (end > start).then_some(end)
}

/// The end of a large chunk with this header. The chunk covers whole pages and stays inside its region.
pub(super) fn chunk_end(
  previous_size: u64,
  size_and_flags: u64,
  start: u64,
  limit: u64,
  page: u64,
) -> Option<u64> {
  let size = size_and_flags & !FLAGS;
  let end = start.checked_add(size)?;
  let is_large_chunk =
    previous_size == 0 && size_and_flags & FLAGS == IS_MMAPPED && size.is_multiple_of(page) && size > 0;
  (is_large_chunk && end <= limit).then_some(end)
}
