//! `trim()`: the order to the allocator. JavaScript measures around it.

use napi_derive::napi;

use crate::{buffers, malloc};

/// The C allocator of this process, `null` for an unknown one.
#[napi(catch_unwind)]
pub(crate) fn allocator_name() -> Option<&'static str> {
  malloc::allocator_name()
}

/// Has the allocator give free memory back, and the kernel asked again for what it would not take of buffers; `false`
/// where the allocator has no way to.
#[napi(catch_unwind)]
pub(crate) fn trim() -> bool {
  buffers::give_back_stale();
  malloc::trim()
}
