//! Functions that the host program exports.

use std::ffi::{CStr, c_void};

/// The address of an exported symbol, wherever it lives: in the node binary or in a distribution's `libnode.so`.
pub fn find_symbol(name: &CStr) -> Option<*mut c_void> {
  // SAFETY: the name is a C string; dlsym with RTLD_DEFAULT only looks up.
  let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
  (!address.is_null()).then_some(address)
}
