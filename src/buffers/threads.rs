//! The JavaScript threads that use external buffers, by Node's numbers, which are never used twice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::held;
use crate::platform;

/// A thread, by Node's number and the kernel's.
struct Running {
  thread: u32,
  tid: i32,
}

/// One entry per load of the package: a thread may have several.
static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());

/// The calling thread, of this number, begins to use external buffers.
pub(crate) fn thread_started(thread: u32) {
  let tid = platform::current_thread();
  RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(Running { thread, tid });
}

/// A load of the package in that thread is torn down.
pub(crate) fn thread_ended(thread: u32) {
  let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
  if let Some(index) = running.iter().position(|other| other.thread == thread) {
    running.swap_remove(index);
  }
  let is_gone = !running.iter().any(|other| other.thread == thread);
  drop(running);
  if is_gone {
    held::thread_left(thread);
  }
}

/// The threads that are alive, and the kernel's number of each.
pub(super) fn running() -> HashMap<u32, i32> {
  let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
  running.iter().map(|running| (running.thread, running.tid)).collect()
}
