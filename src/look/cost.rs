//! What a look at the process will cost, told before it is taken.
//!
//! The work grows with the regions and with the pages in memory; how fast this machine does it is learned from each
//! look.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::platform;

/// Sizes of the work, known or guessed.
#[derive(Clone, Copy)]
struct Work {
  regions: u64,
  anonymous: u64,
}

struct Experience {
  last: Work,
  /// Thousandths of the model's cost that the last look took.
  per_mille: u64,
}

static EXPERIENCE: Mutex<Experience> =
  Mutex::new(Experience { last: Work { regions: 0, anonymous: 0 }, per_mille: 1000 });

/// Microseconds that a look is likely to take now, with this much resident anonymous memory.
///
/// The regions cannot be counted without reading them all, so they are guessed: those of the last look, and one for
/// each of V8's pages that fits into what was added since.
pub(crate) fn predict(anonymous: u64) -> u64 {
  const V8_PAGE: u64 = 256 * 1024;
  let experience = EXPERIENCE.lock().unwrap_or_else(PoisonError::into_inner);
  let added = anonymous.saturating_sub(experience.last.anonymous).checked_div(V8_PAGE).unwrap_or(0);
  let regions = experience.last.regions.saturating_add(added);
  scale(model_nanos(Work { regions, anonymous }), experience.per_mille, 1_000_000)
}

/// Takes note of what a look took.
pub(crate) fn learn(regions: usize, anonymous: u64, took: Duration) {
  let work = Work { regions: u64::try_from(regions).unwrap_or(u64::MAX), anonymous };
  let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
  let mut experience = EXPERIENCE.lock().unwrap_or_else(PoisonError::into_inner);
  experience.per_mille = scale(nanos, 1000, model_nanos(work)).clamp(100, 100_000);
  experience.last = work;
}

/// Nanoseconds that it takes to search a MiB of heap.
static SEARCH: AtomicU64 = AtomicU64::new(100_000);

/// Microseconds that a search of this many bytes is likely to take.
pub(crate) fn predict_search(bytes: u64) -> u64 {
  scale(bytes, SEARCH.load(Ordering::Relaxed), MIB.saturating_mul(1000))
}

/// Takes note of what a search took.
pub(crate) fn learn_search(bytes: u64, took: Duration) {
  let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
  if bytes >= MIB {
    SEARCH.store(scale(nanos, MIB, bytes), Ordering::Relaxed);
  }
}

const MIB: u64 = 1024 * 1024;

/// Nanoseconds on the machine where the model was made (benchmark/README.md).
fn model_nanos(work: Work) -> u64 {
  const FIXED: u64 = 60_000;
  const PER_REGION: u64 = 700;
  let pages = work.anonymous.checked_div(platform::page_size()).unwrap_or(0); // a nanosecond each
  FIXED.saturating_add(work.regions.saturating_mul(PER_REGION)).saturating_add(pages)
}

fn scale(value: u64, by: u64, over: u64) -> u64 {
  value.saturating_mul(by).checked_div(over).unwrap_or(0)
}
