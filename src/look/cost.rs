//! What a look at the process will cost, told before it is taken.
//!
//! The work grows with the regions, the pages in memory, the threads and the buffers on the books; how fast this machine
//! does it is learned from each look. What a call takes in all, JavaScript included, only its end can tell: it is told
//! here by whoever sees that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::platform;

/// What is asked of a look. Each has a price of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
  /// The parts of the process.
  Parts,
  /// The same, and every region.
  Regions,
  /// The bills of all threads.
  Threads,
  /// The same, with every piece measured for a search.
  Search,
}

/// Sizes of the work, known or guessed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Work {
  pub(super) regions: u64,
  /// Bytes of resident anonymous memory.
  pub(super) anonymous: u64,
  pub(super) threads: u64,
  /// Buffers on the books.
  pub(super) buffers: u64,
}

/// Thousandths of the model's cost that looks took.
struct Experience {
  last: Work,
  by_kind: [Option<u64>; 4],
  latest: u64,
}

static EXPERIENCE: Mutex<Experience> = Mutex::new(Experience {
  last: Work { regions: 0, anonymous: 0, threads: 0, buffers: 0 },
  by_kind: [None; 4],
  latest: 1000,
});

/// Microseconds that a look is likely to take now, at a process of this size.
///
/// The regions cannot be counted without reading them all, so they are guessed: those of the last look, and one for
/// each of V8's pages that fits into what was added since.
pub(super) fn predict(kind: Kind, now: Work) -> u64 {
  const V8_PAGE: u64 = 256 * 1024;
  let experience = EXPERIENCE.lock().unwrap_or_else(PoisonError::into_inner);
  let added = now.anonymous.saturating_sub(experience.last.anonymous).checked_div(V8_PAGE).unwrap_or(0);
  let regions = experience.last.regions.saturating_add(added);
  let known = experience.by_kind.get(kind.index()).copied().flatten();
  scale(model_nanos(kind, Work { regions, ..now }), known.unwrap_or(experience.latest), 1_000_000)
}

/// Takes note of what there was to look at.
pub(super) fn note(work: Work) {
  EXPERIENCE.lock().unwrap_or_else(PoisonError::into_inner).last = work;
}

/// Takes note of what a call took whose look was the last one, but for what it waited, and what is learned apart.
pub(crate) fn learn(kind: Kind, took: Duration) {
  // A model that is wrong a thousandfold is none: somebody stopped the process.
  const LEAST: u64 = 10;
  const MOST: u64 = 1_000_000;
  let mut experience = EXPERIENCE.lock().unwrap_or_else(PoisonError::into_inner);
  let per_mille = scale(nanos(took), 1000, model_nanos(kind, experience.last)).clamp(LEAST, MOST);
  experience.latest = per_mille;
  if let Some(known) = experience.by_kind.get_mut(kind.index()) {
    *known = Some(per_mille);
  }
}

/// Nanoseconds that it takes to do something to a MiB.
pub(super) struct Rate(AtomicU64);

/// The search of heaps for pointers.
pub(super) static SEARCH: Rate = Rate(AtomicU64::new(100_000));
/// The allocator's walk through its free lists, over all memory that may be its.
pub(super) static WALK: Rate = Rate(AtomicU64::new(2_000));

impl Rate {
  /// Microseconds that this many bytes are likely to take.
  pub(super) fn predict(&self, bytes: u64) -> u64 {
    scale(bytes, self.0.load(Ordering::Relaxed), MIB.saturating_mul(1000))
  }

  /// Takes note of what they took.
  pub(super) fn learn(&self, bytes: u64, took: Duration) {
    if bytes >= MIB {
      self.0.store(scale(nanos(took), MIB, bytes), Ordering::Relaxed);
    }
  }
}

const MIB: u64 = 1024 * 1024;

impl Kind {
  fn index(self) -> usize {
    match self {
      Self::Parts => 0,
      Self::Regions => 1,
      Self::Threads => 2,
      Self::Search => 3,
    }
  }
}

/// Nanoseconds on the machine where the model was made (benchmark/README.md).
fn model_nanos(kind: Kind, work: Work) -> u64 {
  const FIXED: u64 = 60_000;
  const PER_REGION: u64 = 700;
  const PER_BUFFER: u64 = 250;
  let per_thread: u64 = match kind {
    Kind::Parts | Kind::Regions => 2_000,
    Kind::Threads | Kind::Search => 20_000, // its state and its name are files of their own
  };
  let pages = work.anonymous.checked_div(platform::page_size()).unwrap_or(0); // a nanosecond each
  FIXED
    .saturating_add(work.regions.saturating_mul(PER_REGION))
    .saturating_add(work.threads.saturating_mul(per_thread))
    .saturating_add(work.buffers.saturating_mul(PER_BUFFER))
    .saturating_add(pages)
}

fn scale(value: u64, by: u64, over: u64) -> u64 {
  let scaled = u128::from(value).saturating_mul(u128::from(by)).checked_div(u128::from(over)).unwrap_or(0);
  u64::try_from(scaled).unwrap_or(u64::MAX)
}

fn nanos(took: Duration) -> u64 {
  u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}
