//! What failed is not tried again at once.

use std::sync::atomic::{AtomicU32, Ordering};

/// Counts how often something may be passed over: after the first failure once, then twice, four times and so on.
pub(crate) struct Backoff {
  failures: AtomicU32,
  passed_over: AtomicU32,
}

impl Backoff {
  pub(crate) const fn new() -> Self {
    Self { failures: AtomicU32::new(0), passed_over: AtomicU32::new(0) }
  }

  /// Whether it is time to try. Every question counts.
  pub(crate) fn is_due(&self) -> bool {
    /// So that it is tried again now and then, however often it failed.
    const MOST_DOUBLINGS: u32 = 10;
    let failures = self.failures.load(Ordering::Relaxed);
    let wait = failures.checked_sub(1).map_or(0, |doublings| 1_u32 << doublings.min(MOST_DOUBLINGS));
    let is_due = self.passed_over.load(Ordering::Relaxed) >= wait;
    self.passed_over.store(
      if is_due { 0 } else { self.passed_over.load(Ordering::Relaxed).saturating_add(1) },
      Ordering::Relaxed,
    );
    is_due
  }

  /// It was tried, and failed again.
  pub(crate) fn failed(&self) {
    self.failures.fetch_add(1, Ordering::Relaxed);
  }
}
