//! `/proc/self` is resolved at open: in a child made by a bare fork, kept descriptors still name the parent.

use std::sync::Once;

/// Registers, once per process, that forked children start without our descriptors and open their own.
pub(super) fn reopen_in_children() {
  static REGISTERED: Once = Once::new();
  REGISTERED.call_once(|| {
    // SAFETY: the handler is a plain function of this library, which stays loaded (-z nodelete); it only
    // touches atomics and calls fstat and close, as async-signal-safety demands.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
  });
}

unsafe extern "C" fn in_child() {
  for file in [&super::STATM, &super::PAGEMAP] {
    file.forget_parent();
  }
}
