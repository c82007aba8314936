//! `trim()`: the order to the allocator. JavaScript measures around it.

use napi_derive::napi;

use crate::malloc;

/// The C allocator of this process, `null` for an unknown one.
#[napi(catch_unwind)]
pub(crate) fn allocator_name() -> Option<&'static str> {
  malloc::allocator_name()
}

/// Has the allocator give free memory back; `false` where it has no way to.
#[napi(catch_unwind)]
pub(crate) fn trim() -> bool {
  malloc::trim()
}
