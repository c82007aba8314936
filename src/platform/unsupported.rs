//! A system that we cannot measure: every function exists and says so.

use std::ffi::{CStr, c_void};

use crate::error::{MeasureError, Result};

/// Whether this platform reads memory figures itself. Here JavaScript asks Node's own API instead.
pub const SUPPORTED: bool = false;

/// Nothing to open.
pub fn prepare() {}

/// # Errors
/// Always `Unsupported`.
pub fn resident_set_size() -> Result<u64> {
  Err(MeasureError::Unsupported { what: "the resident set size" })
}

/// Unknown here.
///
/// # Errors
/// None.
pub fn peak_resident_set_size() -> Result<Option<u64>> {
  Ok(None)
}

/// There is no peak that could be reset.
///
/// # Errors
/// None.
pub fn reset_peak_resident_set_size() -> Result<bool> {
  Ok(false)
}

/// No descriptor is kept here, so none can be lent.
pub fn borrow_spare_descriptor() -> bool {
  false
}

/// Nothing was lent.
pub fn return_spare_descriptor() {}

/// No symbol of the host is looked up on a system where its layout was never verified.
pub fn find_symbol(_name: &CStr) -> Option<*mut c_void> {
  None
}

/// See [`find_symbol`].
pub fn defining_object(_name: &CStr) -> Option<usize> {
  None
}

/// The usual size; nothing here counts pages.
pub fn page_size() -> u64 {
  4096
}

/// Reading memory that may be gone needs a system call that is unknown here.
pub fn read_own_words(_address: usize, _words: &mut [u64]) -> bool {
  false
}
