//! Whether what the pages say of V8 agrees with what V8 says.

use std::collections::HashMap;

use super::breakdown::Measured;
use super::survey::{Survey, owned_by};
use crate::attribution::piece::{Owner, Part};

/// V8's own words for one isolate, asked in the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnIsolate {
  /// Its address.
  pub address: u64,
  /// `total_physical_size`: bytes of its heap, code included, that V8 believes to be backed by memory.
  pub physical: u64,
}

/// What an isolate said last of its `total_heap_size`, the bytes that V8 has committed for its heap, code included:
/// before a look and after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IsolateWords {
  address: u64,
  least: u64,
  most: u64,
}

impl IsolateWords {
  /// What the isolate at `address` said, in either order.
  pub fn between(address: u64, one: u64, other: u64) -> Self {
    Self { address, least: one.min(other), most: one.max(other) }
  }
}

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum V8Evidence {
  /// Pages were attributed by their headers, and V8's own figure is among them.
  Verified,
  /// They do not agree, or V8 could not be asked: what looks like V8's pages was taken for it.
  Estimated,
  /// The engine is not V8, or nothing is known of it.
  None,
}

/// V8 rounds, counts large objects whole, and leaves out pages that wait to be freed.
const TOLERANCE_BYTES: u64 = 2 * 1024 * 1024;
/// A twentieth, in other words 5 %.
const TOLERANCE_SHARE: u64 = 20;

/// Compares the pages of the caller's isolate with its own figure.
///
/// Pages beyond that figure are V8's, and V8 does not count them to its heap any more: it keeps them for reuse. Fewer
/// than that, and more than is absent from the pages that were found, mean that some were not recognised: what is
/// missing is taken from the memory that nothing explains, and from what was thought to be pooled, and the result is an
/// estimate.
pub fn weigh(survey: &mut Survey, own: OwnIsolate) -> V8Evidence {
  let found = owned_by(own.address, &survey.measured);
  let tolerance = own.physical.div_ceil(TOLERANCE_SHARE).max(TOLERANCE_BYTES);
  let surplus = found.saturating_sub(own.physical);
  let missing = own.physical.saturating_sub(found).saturating_sub(absent_of(own.address, &survey.measured));
  if surplus > tolerance && !survey.told_by_lists {
    survey.breakdown.move_bytes(Part::V8Heap, Part::V8Pool, surplus);
  }
  if missing <= tolerance {
    return V8Evidence::Verified;
  }
  let unexplained = survey.breakdown.move_bytes(Part::Other, Part::V8Heap, missing);
  survey.breakdown.move_bytes(Part::V8Pool, Part::V8Heap, missing.saturating_sub(unexplained));
  V8Evidence::Estimated
}

/// Weighs the pages of each isolate against what it said last. It may have changed while we looked, or grown since: pages
/// beyond its words are its own where the lists of its spaces say so. Where it has fewer, some were not recognised.
pub fn weigh_others(survey: &Survey, words: &[IsolateWords]) -> HashMap<u64, V8Evidence> {
  let mut pages: HashMap<u64, u64> = words.iter().map(|words| (words.address, 0)).collect();
  for Measured { piece, .. } in &survey.measured {
    if let Owner::Isolate(isolate) = piece.owner
      && let Some(bytes) = pages.get_mut(&isolate)
    {
      *bytes = bytes.saturating_add(piece.end.saturating_sub(piece.start));
    }
  }
  let tolerance = |committed: u64| committed.div_ceil(TOLERANCE_SHARE).max(TOLERANCE_BYTES);
  let weigh = |IsolateWords { address, least, most }: &IsolateWords| {
    let found = pages.get(address).copied().unwrap_or(0);
    let is_complete = found.saturating_add(tolerance(*least)) >= *least;
    let is_all_its_own = survey.told_by_lists || found <= most.saturating_add(tolerance(*most));
    (*address, if is_complete && is_all_its_own { V8Evidence::Verified } else { V8Evidence::Estimated })
  };
  words.iter().map(weigh).collect()
}

/// Bytes of an isolate's pages that are not in memory. V8 believes a page to be backed as far as it was ever in use,
/// and some of it as soon as it is mapped: the young generation of a process that just started, two megabytes in V8 13.
fn absent_of(isolate: u64, measured: &[Measured]) -> u64 {
  let is_page = |measured: &&Measured| {
    measured.piece.owner == Owner::Isolate(isolate) && measured.piece.part == Part::V8Heap
  };
  measured.iter().filter(is_page).fold(0, |sum, measured| {
    let size = measured.piece.end.saturating_sub(measured.piece.start);
    sum.saturating_add(size.saturating_sub(measured.resident))
  })
}
