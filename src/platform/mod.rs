//! The operating system behind one function set.
//!
//! Each system implements the same functions; the choice is made here and nowhere else. Sizes leave this
//! module in bytes, never in pages.

#[cfg(all(target_os = "linux", not(feature = "unsupported")))]
mod linux;
#[cfg(all(target_os = "linux", not(feature = "unsupported")))]
use linux as current;

#[cfg(any(not(target_os = "linux"), feature = "unsupported"))]
mod unsupported;
#[cfg(any(not(target_os = "linux"), feature = "unsupported"))]
use unsupported as current;

pub use current::{
  SUPPORTED, borrow_spare_descriptor, defining_object, find_symbol, page_size, peak_resident_set_size,
  prepare, read_own_words, reset_peak_resident_set_size, resident_set_size, return_spare_descriptor,
};
