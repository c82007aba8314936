//! Memory of buffers that is not malloc's, or that nothing but the books explains.

use super::next_known;
use super::scene::{Found, Place};
use crate::attribution::facts::{HeldBuffer, mapped_buffer_at};
use crate::attribution::piece::{Owner, Part};

/// A buffer with a mapping of its own.
pub(super) fn mapped(place: &Place) -> Option<Found> {
  found(place, mapped_buffer_at(&place.facts().buffers, place.start)?)
}

/// A buffer on the books that nothing else explains: one that has grown to its maximum fills its reservation, and
/// carries no sign any more.
pub(super) fn on_the_books(place: &Place) -> Option<Found> {
  let buffers = &place.facts().buffers;
  let behind = buffers.partition_point(|buffer| buffer.start <= place.start);
  let buffer = buffers.get(behind.checked_sub(1)?)?;
  found(place, Some(buffer).filter(|buffer| place.start < buffer.end)?)
}

/// To the end of its last page.
fn found(place: &Place, buffer: &HeldBuffer) -> Option<Found> {
  let end = buffer.end.checked_next_multiple_of(place.page_size())?;
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
