//! The JavaScript threads that use external buffers, by Node's numbers, which are never used twice.

use std::sync::{Mutex, PoisonError};

use super::books;

/// One entry per load of the package: a thread may have several.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// A thread begins to use external buffers.
pub(crate) fn thread_started(thread: u32) {
  RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
}

/// A load of the package in that thread is torn down.
pub(crate) fn thread_ended(thread: u32) {
  let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
  if let Some(index) = running.iter().position(|other| *other == thread) {
    running.swap_remove(index);
  }
  let is_gone = !running.contains(&thread);
  drop(running);
  if is_gone {
    books::thread_left(thread);
  }
}

/// The threads that are alive.
pub(super) fn running() -> Vec<u32> {
  RUNNING.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
