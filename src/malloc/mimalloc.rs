//! mimalloc.

use std::ffi::c_void;

use crate::platform::find_symbol;

/// The function that frees what was set aside.
pub(super) struct Mimalloc {
  collect: unsafe extern "C" fn(bool),
}

impl Mimalloc {
  pub(super) fn resolve() -> Option<Self> {
    let collect = find_symbol(c"mi_collect")?;
    // SAFETY: the address is not null, and the parameter is that of <mimalloc.h>.
    let collect = unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(bool)>(collect) };
    Some(Self { collect })
  }

  /// Reaches the heap of the calling thread and those of threads that ended; a live thread keeps what it has.
  pub(super) fn trim(&self) -> bool {
    // SAFETY: mi_collect may be called by any thread at any time; `true` asks for all that can be freed.
    unsafe { (self.collect)(true) };
    true
  }
}
