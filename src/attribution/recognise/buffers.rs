//! Memory of buffers that is not malloc's, or that nothing but the books explains.

use super::next_known;
use super::scene::{Found, Place};
use crate::attribution::facts::mapping_for_buffers;
use crate::attribution::piece::{Owner, Part};

/// Memory that was mapped for buffers: those that are there, and room for others.
pub(super) fn mapped(place: &Place) -> Option<Found> {
  let (_, end) = mapping_for_buffers(&place.facts().buffer_mappings, place.start)?;
  found(place, end)
}

/// A buffer on the books that nothing else explains: one that has grown to its maximum fills its reservation, and
/// carries no sign any more.
pub(super) fn on_the_books(place: &Place) -> Option<Found> {
  let buffers = &place.facts().buffers;
  let behind = buffers.partition_point(|buffer| buffer.start <= place.start);
  let buffer = buffers.get(behind.checked_sub(1)?)?;
  found(place, Some(buffer.end).filter(|end| place.start < *end)?)
}

/// To the end of its last page.
fn found(place: &Place, end: u64) -> Option<Found> {
  let end = end.checked_next_multiple_of(place.page_size())?;
  Some(Found { end: end.min(place.reach()), part: Part::NativeHeap, owner: Owner::Buffer })
}

/// WebAssembly memories and resizable buffers grow inside a reservation that follows them.
pub(super) fn growable(place: &Place) -> Option<Found> {
  let after = place.after()?;
  let is_growable = place.begins_region() && after.is_plain_anonymous() && after.access.is_none();
  is_growable.then(|| Found {
    end: next_known::start_of_anything(place),
    part: Part::NativeHeap,
    owner: Owner::GrowableBuffer,
  })
}
