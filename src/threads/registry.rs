//! The JavaScript threads of this process that loaded the package.

use std::sync::{Mutex, PoisonError};

use crate::platform::read_own_words;
use crate::v8::V8Layer;

/// What one thread told about itself.
#[derive(Clone, Copy)]
pub(super) struct Record {
  id: u64,
  /// Address of its isolate.
  pub(super) isolate: u64,
  /// Where the isolate's code lies.
  pub(super) code_range: Option<(u64, u64)>,
  /// Where its count of `ArrayBuffer` bytes lies.
  array_buffer_counter: Option<u64>,
}

struct Registry {
  records: Vec<Record>,
  last_id: u64,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry { records: Vec::new(), last_id: 0 });

/// The records of all threads that are alive.
pub(super) fn records() -> Vec<Record> {
  REGISTRY.lock().unwrap_or_else(PoisonError::into_inner).records.clone()
}

/// Bytes in `ArrayBuffer`s of all threads on the registry; `None` where one cannot be asked.
///
/// A counter lives as long as its thread, which cannot leave the registry while we hold it.
pub(super) fn array_buffer_bytes() -> Option<u64> {
  let registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
  let mut counters = Vec::new();
  for record in &registry.records {
    counters.push(record.array_buffer_counter?);
  }
  counters.sort_unstable();
  counters.dedup(); // a package loaded twice in a thread
  let mut bytes = 0_u64;
  for counter in counters {
    let mut count = [0];
    read_own_words(usize::try_from(counter).ok()?, &mut count).then_some(())?;
    bytes = count.iter().fold(bytes, |sum, count| sum.saturating_add(*count));
  }
  Some(bytes)
}

/// Keeps a thread on the registry; dropped with the state of its environment, before the isolate goes. A package
/// loaded twice in a thread has two.
pub(super) struct Registration {
  id: u64,
}

impl Registration {
  /// Enters the calling thread.
  pub(super) fn of_this_thread(v8: &V8Layer) -> Self {
    let (isolate, code_range) = (v8.isolate().location(), v8.isolate().code_range());
    let array_buffer_counter = v8.array_buffer_counter();
    let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    registry.last_id = registry.last_id.wrapping_add(1);
    let id = registry.last_id;
    registry.records.push(Record { id, isolate, code_range, array_buffer_counter });
    Self { id }
  }
}

impl Drop for Registration {
  fn drop(&mut self) {
    let mut registry = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    registry.records.retain(|record| record.id != self.id);
  }
}
