//! What glibc's `malloc_trim(0)` would hand back: the whole pages inside free chunks.
//!
//! It follows `mtrim` and `systrim` in glibc's `malloc.c`, the same from 2.28 to 2.43.

use crate::parse::malloc_info::{Bin, MallocInfo};

const WORD: u64 = 8;
/// `struct malloc_chunk`: the start of a free chunk, which is needed to find it again.
const CHUNK_HEAD: u64 = 6 * WORD;
/// `MALLOC_ALIGNMENT`.
const ALIGNMENT: u64 = 2 * WORD;
/// `MINSIZE`, the least that stays of the chunk at the top, and one byte more.
const TOP_REST: u64 = 4 * WORD + 1;

/// Bytes of whole pages in free chunks, resident or not.
///
/// The chunk at the top counts in the main arena alone, where `brk` hands it back; `malloc_trim` leaves it in
/// those of threads. Two things are not foreseen: that it joins small free chunks to larger ones beforehand, and
/// that it leaves the chunk at the top of the main arena too where `brk` is blocked by another mapping.
pub fn releasable(info: &MallocInfo, page_size: u64) -> u64 {
  let bins = info.arenas.iter().flat_map(|arena| &arena.bins);
  let in_bins = bins.fold(0_u64, |sum, bin| sum.saturating_add(in_bin(bin, page_size)));
  let top = info.arenas.first().map_or(0, |main| main.top.saturating_sub(TOP_REST));
  let pages_of_top = top.checked_div(page_size).unwrap_or(0);
  in_bins.saturating_add(pages_of_top.saturating_mul(page_size))
}

/// The least for chunks with this largest size and this sum: one of the largest, the others all alike.
///
/// Chunks of similar size leave no choice. Those that were freed last are in one bin, whatever their sizes, until
/// the arena is allocated from again.
fn in_bin(bin: &Bin, page_size: u64) -> u64 {
  let lost = lost_per_chunk(page_size);
  let others = bin.total.saturating_sub(bin.largest);
  let lost_in_others = bin.count.saturating_sub(1).saturating_mul(lost);
  bin.largest.saturating_sub(lost).saturating_add(others.saturating_sub(lost_in_others))
}

/// A chunk starts at any multiple of the alignment. On the average over those, so much of it is its head or lies
/// on pages that it shares with its neighbours. A chunk of at most that size never has a page to itself.
fn lost_per_chunk(page_size: u64) -> u64 {
  CHUNK_HEAD.saturating_add(page_size).saturating_sub(ALIGNMENT)
}
