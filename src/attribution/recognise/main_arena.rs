//! The main arena of glibc's malloc where it could not grow by `brk`.

use super::malloc_headers::Header;
use super::next_known;
use super::scene::{Found, Place};
use crate::attribution::piece::{Owner, Part};
use crate::attribution::reading::Memory;

/// A mapping that the main arena took: where `brk` meets another mapping, as a code range of V8 that the kernel put right
/// behind the heap, that arena goes on elsewhere, in pieces of what is needed and a pad of 128 KiB.
pub(super) fn piece(place: &Place) -> Option<Found> {
  let end = || next_known::start_of_allocation(place);
  begins_at(place, place.start).then(|| Found { end: end(), part: Part::NativeHeap, owner: Owner::MainArena })
}

/// Whether such a piece begins at this address of the region.
pub(super) fn begins_at(place: &Place, start: u64) -> bool {
  place.facts().malloc_is_glibc && starts_piece(place.memory(), start, place.region.end, place.page_size())
}

/// A piece begins with a chunk that has no predecessor, and from each chunk its size leads to the next.
fn starts_piece(memory: &dyn Memory, start: u64, limit: u64, page: u64) -> bool {
  const SMALLEST_PIECE: u64 = 128 * 1024;
  /// So many headers in a row are no coincidence.
  const FOLLOWED_CHUNKS: usize = 8;
  let mut address = start;
  for link in 0..FOLLOWED_CHUNKS {
    let mut words = [0; 2];
    if !memory.read(address, &mut words) {
      // A page that was not there when the pages were counted: the look itself has allocated from this piece since.
      return link > 1 && address.wrapping_sub(start) >= SMALLEST_PIECE;
    }
    let header = Header::of(words);
    let is_chunk = header.is_in_main_arena() && (link > 0 || header.is_first_in_main_arena());
    match address.checked_add(header.size()).filter(|next| is_chunk && *next <= limit) {
      // The last chunk ends with its piece: what follows may be anything.
      Some(next) if next.is_multiple_of(page) && next.wrapping_sub(start) >= SMALLEST_PIECE => return true,
      Some(next) => address = next,
      None => return false,
    }
  }
  true
}
