//! Being told of the end of every garbage collection.

use std::ffi::c_void;

use super::isolate::Isolate;
use super::symbols::GcCallback;

/// A callback at the end of collections, from its creation until it is dropped. As its isolate it is bound to its
/// thread.
pub(crate) struct GcEpilogue {
  isolate: Isolate,
  callback: GcCallback,
  data: *mut c_void,
}

/// `kGCTypeScavenge | kGCTypeMinorMarkSweep | kGCTypeMarkSweepCompact`: what frees memory.
const COLLECTIONS: i32 = 1 | 2 | 4;

impl GcEpilogue {
  /// # Safety
  /// Until this is dropped `callback` may be called with `data`, on this thread, while V8 is collecting: it calls
  /// neither JavaScript nor Node-API and makes no objects.
  pub(crate) unsafe fn install(isolate: Isolate, callback: GcCallback, data: *mut c_void) -> Self {
    // SAFETY: `isolate` is current on this thread by the contract of its type; the rest is promised to this function.
    unsafe { (isolate.symbols().add_gc_epilogue)(isolate.address(), callback, data, COLLECTIONS) };
    Self { isolate, callback, data }
  }
}

impl Drop for GcEpilogue {
  fn drop(&mut self) {
    // SAFETY: the isolate still lives, since its holder drops it before; the pair was added by `install`.
    unsafe {
      (self.isolate.symbols().remove_gc_epilogue)(self.isolate.address(), self.callback, self.data);
    };
  }
}
