//! Node's count of `ArrayBuffer` bytes.
//!
//! The number behind `process.memoryUsage().arrayBuffers` is a private member of Node's allocator object and
//! has no exported getter. It moved between majors, so its place is found by experiment at load (in
//! `lib/v8-layer.js`, which allocates and watches which word moves) and used only if that succeeds.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::isolate::Isolate;
use crate::platform::read_own_words;

/// How many words of the allocator object are looked at. The object is at least that large in every known Node.
pub(crate) const ALLOCATOR_WORDS: usize = 3;

/// The calibrated word of the allocator object of one isolate.
///
/// Neither `Send` nor `Sync`; its holder drops it before the isolate ends.
pub(crate) struct ArrayBufferCounter {
  word: NonNull<AtomicU64>,
}

impl ArrayBufferCounter {
  /// The first words of the allocator object, for the search. `None` where they cannot be read.
  pub(crate) fn candidates(isolate: Isolate) -> Option<[u64; ALLOCATOR_WORDS]> {
    let mut words = [0; ALLOCATOR_WORDS];
    read_own_words(allocator(isolate)?.addr().get(), &mut words).then_some(words)
  }

  /// Settles on one of the candidate words.
  pub(crate) fn at(isolate: Isolate, index: usize) -> Option<Self> {
    if index >= ALLOCATOR_WORDS {
      return None;
    }
    let word = NonNull::new(allocator(isolate)?.as_ptr().wrapping_add(index))?.cast();
    Some(Self { word })
  }

  /// Where the count lies.
  pub(super) fn location(&self) -> u64 {
    u64::try_from(self.word.addr().get()).unwrap_or(0)
  }

  /// The current count in bytes. Allocations of other threads may change it at any time, as in Node.
  pub(crate) fn bytes(&self) -> u64 {
    // SAFETY: Node keeps an isolate's allocator for as long as the isolate, whose thread is the only one that
    // can hold `self`. `candidates` read the same aligned word, so it is mapped. Node writes it atomically.
    let word = unsafe { self.word.as_ref() };
    word.load(Ordering::Relaxed)
  }
}

fn allocator(isolate: Isolate) -> Option<NonNull<u64>> {
  // SAFETY: `isolate` is current on this thread by the contract of its type; the getter only reads a field.
  let allocator = unsafe { (isolate.symbols().get_array_buffer_allocator)(isolate.address()) };
  NonNull::new(allocator.cast::<u64>()).filter(|allocator| allocator.is_aligned())
}
