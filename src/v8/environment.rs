//! Node's environment of a thread, as other threads may use it.

use std::ffi::c_void;
use std::ptr::NonNull;

use super::symbols::{InterruptCallback, Symbols};

/// A `node::Environment`. Whoever keeps one makes sure that it is not used once the environment ended.
#[derive(Clone, Copy)]
pub(crate) struct Environment {
  pub(super) address: NonNull<c_void>,
  pub(super) symbols: &'static Symbols,
}

// SAFETY: the only thing that can be done with it is `request_interrupt`, which Node allows from any thread.
unsafe impl Send for Environment {}

impl Environment {
  /// Has Node call `callback` on the environment's thread: at the next check of its running JavaScript, or by waking
  /// its event loop. Not before native code that blocks the thread returns.
  ///
  /// # Safety
  /// The environment is alive. `callback` may be called with `data` at any time until the environment is gone, and
  /// calls no JavaScript.
  pub(crate) unsafe fn request_interrupt(self, callback: InterruptCallback, data: *mut c_void) {
    // SAFETY: by the contract of this function; Node takes a lock of its own.
    unsafe { (self.symbols.request_interrupt)(self.address, callback, data) };
  }
}
