//! Kinds of regions that are asked about in different ways.

use crate::parse::maps::Region;

/// Private anonymous memory of which little is there: code ranges, and what cannot be written.
pub(super) fn is_sparse(region: &Region) -> bool {
  region.is_plain_anonymous() && (region.access.execute || !region.access.write)
}

/// Too large to ask about every page: the shadow memory of a sanitizer has 14 TiB, and the answers would take more
/// memory than there is. Nothing of Node's comes near. What is resident of it remains unattributed.
pub(super) fn is_immense(region: &Region) -> bool {
  const LARGEST: u64 = 128 * 1024 * 1024 * 1024;
  region.size() > LARGEST
}
