//! Chunks of glibc's malloc that have a mapping of their own.

use super::malloc_headers::Header;
use super::scene::{Found, Place};
use crate::attribution::piece::{Owner, Part};
use crate::attribution::reading::Memory;

/// How many chunks ahead are read in the hope that they have the size of the last one.
const GUESSED_CHUNKS: u64 = 64;

/// A run of large chunks: neighbouring mappings merge into one region, so it may hold thousands, and other memory may
/// follow.
pub(super) fn run(place: &Place) -> Option<Found> {
  if !place.facts().malloc_is_glibc {
    return None;
  }
  let bounds = (place.region.end, place.reach());
  let end = visit_large_chunks(place.memory(), place.start, bounds, place.page_size(), |_, _| ())?;
  Some(Found { end, part: Part::NativeHeap, owner: Owner::LargeChunks })
}

/// Calls `visit` with the start and the end of each chunk of the run that starts at `start`, and gives the end of the
/// run; `None` when there is no chunk at `start`.
///
/// Each begins before `limit`, the end of the region, and ends at or before `reach`: the kernel splits a chunk of which
/// a part was locked, advised or protected.
pub(in crate::attribution) fn visit_large_chunks(
  memory: &dyn Memory,
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
    let (headers, _) = headers.as_chunks::<2>();
    // A chunk of another size than guessed ends the round: the guesses behind it lead into the middle of something.
    for (guess, header) in ahead.iter().zip(headers) {
      if *guess != end {
        break;
      }
      let Some(next) = Header::of(*header).end_of_large_chunk(end, reach, page) else { break };
      size = next.wrapping_sub(end);
      visit(end, next);
      end = next;
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
