//! Code that was made while the program ran.

use super::scene::{Found, Place};
use crate::attribution::piece::{Owner, Part};

/// A code range of V8's.
pub(super) fn code_range(place: &Place) -> Option<Found> {
  let isolate = place.scene.isolate_with_code_at(place.region.start)?;
  Some(place.whole(Part::Jit, Owner::Isolate(isolate)))
}

/// Anything else that may be executed.
pub(super) fn executable(place: &Place) -> Option<Found> {
  place.region.access.execute.then(|| place.whole(Part::Jit, Owner::Process))
}
