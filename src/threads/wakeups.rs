//! What wakes those who wait for another thread: it rings at each answer, question, order and withdrawal.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

struct Bell {
  lock: Mutex<()>,
  rung: Condvar,
}

static BELL: Bell = Bell { lock: Mutex::new(()), rung: Condvar::new() };

/// Wakes all who sleep. What they wait for was changed before.
pub(super) fn ring() {
  let Bell { lock, rung } = &BELL;
  let _guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
  rung.notify_all();
}

/// Sleeps until the bell rings or the moment `until` comes, unless there is something to do already. As that is looked at
/// under the lock of the bell, no ring is missed.
pub(super) fn sleep(until: Option<Instant>, has_something_to_do: impl FnOnce() -> bool) {
  let Bell { lock, rung } = &BELL;
  let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
  if has_something_to_do() {
    return;
  }
  match until {
    None => drop(rung.wait(guard)),
    Some(until) => drop(rung.wait_timeout(guard, until.saturating_duration_since(Instant::now()))),
  }
}
