//! What V8 maps for itself beside the pages of JS heaps.

use super::heap_pages::looks_like_heap_page;
use super::scene::{Found, Place};
use crate::attribution::piece::{Owner, Part};
use crate::attribution::v8_pages::PAGE_ALIGNMENT;
use crate::attribution::words::is_pointer;

/// V8 aligns what it reserves to this at least.
const TABLE_ALIGNMENT: u64 = 64 * 1024;

/// The read-only space, of whose pages V8 may have given back a part, or what lies in front of a table. Others
/// protect memory too, so the alignment alone is no sign.
pub(super) fn constants(place: &Place) -> Option<Found> {
  let region = place.region;
  if !place.facts().engine_is_v8 || region.access.write || !region.start.is_multiple_of(TABLE_ALIGNMENT) {
    return None;
  }
  let precedes_table = region.size() == TABLE_ALIGNMENT
    && place.after().is_some_and(|after| after.is_plain_anonymous() && after.access.write);
  let first = region.start & !PAGE_ALIGNMENT.wrapping_sub(1);
  let pages = std::iter::successors(Some(first), |page| page.checked_add(PAGE_ALIGNMENT));
  let mut pages = pages.take_while(|page| *page < region.end);
  let is_constant = precedes_table || pages.all(|page| looks_like_heap_page(place.memory(), page));
  is_constant.then(|| place.whole(Part::V8Heap, Owner::V8))
}

/// V8's tables of code and object pointers, from 13.6 on: a page without use, the table, and its reservation.
pub(super) fn table(place: &Place) -> Option<Found> {
  const SMALLEST_RESERVATION: u64 = 64 * 1024 * 1024;
  let (before, after) = (place.before()?, place.after()?);
  let is_table = place.facts().engine_is_v8
    && place.begins_region()
    && before.is_plain_anonymous()
    && before.access.read
    && !before.access.write
    && after.is_plain_anonymous()
    && after.access.is_none()
    && after.size() >= SMALLEST_RESERVATION;
  is_table.then(|| place.whole(Part::V8Heap, Owner::V8))
}

/// Pages of V8's C++ heap: each begins with two pointers, the second to a space, an object with virtual functions.
pub(super) fn cpp_heap_page(place: &Place) -> Option<Found> {
  const PAGE: u64 = 128 * 1024;
  let may_be_page = place.facts().engine_is_v8
    && place.start.is_multiple_of(PAGE)
    && place.region.end.checked_sub(place.start)? >= PAGE;
  let [heap, space] = if may_be_page { place.words_at(place.start)? } else { return None };
  if !is_pointer(heap) || !is_pointer(space) {
    return None;
  }
  let [functions] = place.words_at(space)?;
  let is_of_a_file = place.scene.region_at(functions).is_some_and(|region| region.inode != 0);
  let end = place.start.saturating_add(PAGE);
  is_of_a_file.then_some(Found { end, part: Part::V8Heap, owner: Owner::CppHeap })
}
