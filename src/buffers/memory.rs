//! Memory of the addon that becomes the backing store of a buffer.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::slabs;
use crate::platform;
use crate::v8::{BackingStores, Store};

/// From here on memory has pages of its own, so that freeing it gives it back to the system at once. Below, that would
/// cost more than the memory is worth.
const WORTH_PAGES: usize = 64 * 1024;

/// Owns memory from its allocation until a backing store takes it over; from then on the store's death frees it.
/// V8 counts the bytes of a store for as long as a buffer of the isolate has it, so nothing else is told to V8: what
/// lies in a buffer would count twice.
pub(crate) struct OwnedMemory {
  start: NonNull<u8>,
  length: usize,
}

impl OwnedMemory {
  /// Zeros; `None` when there is no memory left.
  pub(crate) fn zeroed(length: usize) -> Option<Self> {
    let allocate = if length < WORTH_PAGES { platform::allocate_zeroed } else { slabs::allocate };
    Some(Self { start: allocate(length)?, length })
  }

  /// Hands the memory over to a backing store.
  pub(crate) fn into_store(self, stores: BackingStores) -> Option<Store> {
    let memory = ManuallyDrop::new(self);
    // SAFETY: the memory is ours and goes with the store; freeing it needs no particular thread.
    unsafe { stores.wrap(memory.start, memory.length, free_with_store) }
  }
}

impl Drop for OwnedMemory {
  fn drop(&mut self) {
    if self.length < WORTH_PAGES {
      // SAFETY: it was allocated with this length, and whoever drops its owner does not use it any more.
      unsafe { platform::free(self.start, self.length) };
    } else {
      // SAFETY: it came from there, and whoever drops its owner does not use it any more.
      unsafe { slabs::free(self.start) };
    }
  }
}

unsafe extern "C" fn free_with_store(start: *mut c_void, length: usize, _hint: *mut c_void) {
  if let Some(start) = NonNull::new(start.cast()) {
    drop(OwnedMemory { start, length });
  }
}
