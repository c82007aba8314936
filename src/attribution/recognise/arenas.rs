//! Arenas that glibc's malloc makes for threads.

use super::scene::{Found, Place};
use crate::attribution::piece::{Owner, Part};
use crate::attribution::reading::Memory;

/// Heaps of thread arenas are aligned to their largest size.
const HEAP_ALIGNMENT: u64 = 64 * 1024 * 1024;
/// Bytes from the start of an arena's first heap to the arena, since 2.35 and before.
const ARENA_OFFSETS: [u64; 2] = [0x30, 0x20];

/// A heap of a thread's arena, as far as it may grow: the heaps of two arenas may adjoin.
pub(super) fn heap(place: &Place) -> Option<Found> {
  // Of a heap that begins further down, the kernel has split off what begins here.
  let may_be_heap =
    place.start.is_multiple_of(HEAP_ALIGNMENT) || !place.begins_region() || place.before().is_some();
  let is_asked = may_be_heap && place.facts().malloc_is_glibc;
  let arena = if is_asked { arena_of_heap(place.memory(), place.start)? } else { return None };
  let end = (place.start | HEAP_ALIGNMENT.wrapping_sub(1)).saturating_add(1);
  Some(Found { end: end.min(place.region.end), part: Part::NativeHeap, owner: Owner::Arena(arena) })
}

/// Where the first heap behind `start` begins that lies in the same region.
pub(super) fn next_heap(place: &Place, start: u64) -> Option<u64> {
  let first = start.checked_add(1)?.checked_next_multiple_of(HEAP_ALIGNMENT)?;
  let mut heaps = std::iter::successors(Some(first), |heap| heap.checked_add(HEAP_ALIGNMENT));
  let inside = |heap: &u64| *heap < place.region.end && place.facts().malloc_is_glibc;
  heaps.by_ref().take_while(inside).find(|heap| arena_of_heap(place.memory(), *heap).is_some())
}

/// The arena whose heap holds `address`, when the heap starts at its aligned place with a header that names it.
fn arena_of_heap(memory: &dyn Memory, address: u64) -> Option<u64> {
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

/// Whether the arena of a thread may lie at `address`: behind the head of its first heap.
pub fn is_arena_address(address: u64) -> bool {
  let offset = address.checked_rem(HEAP_ALIGNMENT).unwrap_or(0);
  address > HEAP_ALIGNMENT && ARENA_OFFSETS.contains(&offset)
}
