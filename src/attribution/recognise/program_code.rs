//! Anonymous memory of programs and libraries.

use super::next_known;
use super::scene::{Found, Place};
use crate::attribution::piece::{Owner, Part};
use crate::parse::maps::Region;

/// The text of a program that was copied to large pages (`node --use-largepages`): it stands where the file was mapped,
/// between what is left of that.
pub(super) fn copied_text(place: &Place) -> Option<Found> {
  let (before, after) = (place.before()?, place.after()?);
  let is_copy = place.region.access.execute && before.inode != 0 && before.inode == after.inode;
  is_copy.then(|| place.whole(Part::Code, Owner::Process))
}

/// Zeroed data that was made read-only.
pub(super) fn constant_zeroed_data(place: &Place) -> Option<Found> {
  let is_constant = !place.region.access.write && follows_written_data(place);
  is_constant.then(|| place.whole(Part::Code, Owner::Process))
}

/// The zeroed data of a program or library. A library is often loaded right below what malloc mapped last: its data ends
/// where its file says, or else where something begins that is known.
pub(super) fn zeroed_data(place: &Place) -> Option<Found> {
  if !place.begins_region() || !follows_written_data(place) {
    return None;
  }
  let told = place.scene.end_of_zeroed_data(place.start);
  let end = told.unwrap_or_else(|| next_known::start_of_anything(place)).min(place.region.end);
  (end > place.start).then_some(Found { end, part: Part::Code, owner: Owner::Process })
}

fn follows_written_data(place: &Place) -> bool {
  place.before().is_some_and(|before| before.inode != 0 && before.access.write && !before.access.shared)
}

/// Whether a mapping of a file may hold private copies: it is writable, or it adjoins the writable data of the same
/// library and was made read-only after the loader wrote its addresses.
pub(super) fn may_be_written(place: &Place) -> bool {
  let region = place.region;
  let is_data = |after: &&Region| after.inode == region.inode && after.access.write && !region.access.execute;
  let relocated = place.after().as_ref().is_some_and(is_data);
  !region.access.shared && (region.access.write || relocated)
}
