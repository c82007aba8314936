//! Isolates of threads that never loaded the package.
//!
//! V8 keeps the current isolate of a thread in a thread-local variable of the node binary, at the same distance from
//! the thread's control block in every thread. Where, is found in a thread whose isolate we know; there the kernel
//! tells us the control blocks of all others. A value counts only if V8 pages lead to it.

use std::sync::OnceLock;

use super::backoff::Backoff;
use super::nearby_words::nearby_words;
use crate::platform::{OwnMemory, ThreadPlace};

/// How far below and above the control block the variable is looked for, in words.
const SEARCHED_WORDS: usize = 1024;

/// Distances from the control block at which the known thread has its isolate.
static DISTANCES: OnceLock<Vec<u64>> = OnceLock::new();

/// Finds the variable, once per process: `registered` are threads that told their isolate.
///
/// At the first look and not while the package is loaded: what that takes is more than a sandbox may allow.
pub(crate) fn calibrate(threads: &[ThreadPlace], registered: impl Iterator<Item = (i32, u64)>) {
  static TRIES: Backoff = Backoff::new();
  if is_calibrated() || !TRIES.is_due() {
    return;
  }
  let block_of = |tid| threads.iter().find(|thread| thread.tid == tid)?.control_block;
  let known = registered.filter_map(|(tid, isolate)| Some((block_of(tid)?, isolate)));
  let found =
    known.map(|(block, isolate)| find_distances(block, isolate)).find(|distances| !distances.is_empty());
  match found {
    Some(distances) => {
      DISTANCES.get_or_init(|| distances);
    }
    None => TRIES.failed(),
  }
}

/// Whether the isolates of all threads can be told.
pub(crate) fn is_calibrated() -> bool {
  DISTANCES.get().is_some()
}

/// The values of that variable in all threads, each with the kernel's id of the thread: isolates, and perhaps a word
/// that is none.
pub(crate) fn candidates(threads: &[ThreadPlace], memory: &OwnMemory) -> Vec<(i32, u64)> {
  let distances = DISTANCES.get().map(Vec::as_slice).unwrap_or_default();
  let places: Vec<(i32, u64)> = threads
    .iter()
    .filter_map(|thread| Some((thread.tid, thread.control_block?)))
    .flat_map(|(tid, block)| distances.iter().map(move |distance| (tid, block.wrapping_add(*distance))))
    .collect();
  let addresses: Vec<u64> = places.iter().map(|(_, address)| *address).collect();
  let mut words = Vec::new();
  memory.gather(&addresses, 1, &mut words);
  places.iter().zip(words).filter(|(_, word)| *word != 0).map(|((tid, _), word)| (*tid, word)).collect()
}

fn find_distances(control_block: u64, isolate: u64) -> Vec<u64> {
  let words = nearby_words(control_block, SEARCHED_WORDS);
  let mut distances: Vec<u64> =
    words.into_iter().filter(|(_, word)| *word == isolate).map(|(distance, _)| distance).collect();
  distances.sort_unstable();
  distances
}
