//! A system that we cannot measure: every function exists and says so.

use std::ffi::{CStr, c_void};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::time::Instant;

use super::{Activity, Avoided, FilePages, Footprint, ThreadPlace};
use crate::error::{MeasureError, Result};
use crate::parse::status;

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

/// # Errors
/// Always `Unsupported`.
pub fn footprint(_pid: Option<u32>) -> Result<Footprint> {
  Err(MeasureError::Unsupported { what: "the footprint of a process" })
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

/// # Errors
/// Always `Unsupported`.
pub fn memory_by_kind() -> Result<status::Memory> {
  Err(MeasureError::Unsupported { what: "resident memory by kind" })
}

/// # Errors
/// Always `Unsupported`.
pub fn read_maps() -> Result<Vec<u8>> {
  Err(MeasureError::Unsupported { what: "the regions of the address space" })
}

/// # Errors
/// Always `Unsupported`.
pub fn read_smaps() -> Result<Vec<u8>> {
  Err(MeasureError::Unsupported { what: "the regions of the address space" })
}

/// No page's residency is known.
pub fn page_residency_works() -> bool {
  false
}

/// See [`page_residency_works`].
pub fn mincore_works() -> bool {
  false
}

/// No page table can be read.
pub fn page_tables_tell_pages() -> bool {
  false
}

/// Nothing is there to be avoided.
pub fn avoid(_avoided: Avoided) {}

/// Nothing is counted.
pub fn counter_lag(_threads: u64) -> u64 {
  0
}

/// No page table can be read.
pub fn pagemap_tells_zero_pages() -> bool {
  false
}

/// Nothing is known to be resident.
pub fn resident_pages(_start: u64, _end: u64, _residency: &mut Vec<u8>) {}

/// See [`resident_pages`].
pub fn pages_in_resident_set(_start: u64, _end: u64, _residency: &mut Vec<u8>) {}

/// See the module.
pub fn is_in_memory(_page: u64) -> bool {
  false
}

/// No thread's place is known.
pub fn thread_places() -> Vec<ThreadPlace> {
  Vec::new()
}

/// No thread is known by a number.
pub fn current_thread() -> i32 {
  0
}

/// No thread is known by a number.
pub fn main_thread() -> i32 {
  0
}

/// No thread's name is known.
pub fn thread_name(_tid: i32) -> Option<String> {
  None
}

/// Nobody tells what a thread is doing.
pub fn thread_activity(_tid: i32) -> Option<Activity> {
  None
}

/// No memory is handed out here: buffers are the engine's own.
pub fn allocate_zeroed(_length: usize) -> Option<NonNull<u8>> {
  None
}

/// Nothing was handed out.
///
/// # Safety
/// None is needed.
pub unsafe fn free(_start: NonNull<u8>, _length: usize) {}

/// Nothing is mapped here.
pub fn map(_length: usize) -> Option<usize> {
  None
}

/// See [`map`].
///
/// # Safety
/// None is needed.
pub unsafe fn unmap(_start: usize, _length: usize) -> bool {
  false
}

/// See [`map`].
///
/// # Safety
/// None is needed.
pub unsafe fn give_back(_start: usize, _length: usize) -> bool {
  false
}

/// See [`map`].
///
/// # Safety
/// None is needed.
pub unsafe fn is_locked(_start: usize, _length: usize) -> bool {
  false
}

/// See [`map`].
pub fn without_huge_pages(_start: usize, _length: usize) {}

/// Milliseconds since the first call.
pub fn coarse_millis() -> u64 {
  static START: OnceLock<Instant> = OnceLock::new();
  u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Reads nothing.
pub struct OwnMemory;

impl OwnMemory {
  /// Nothing to open.
  pub fn open() -> Self {
    Self
  }

  /// Memory that may be gone cannot be read here.
  pub fn read(&self, _address: u64, _words: &mut [u64]) -> bool {
    false
  }

  /// Memory that may be gone cannot be read here: zeros.
  pub fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>) {
    words.clear();
    words.resize(addresses.len().saturating_mul(width), 0);
  }
}

/// Knows nothing.
pub struct OwnPages;

impl OwnPages {
  /// For one look.
  pub fn open() -> Self {
    Self
  }

  /// # Errors
  /// Always `Unsupported`.
  pub fn memory_by_kind(&self) -> Result<status::Memory> {
    memory_by_kind()
  }

  /// Nothing is known to be resident.
  pub fn resident_pages_of_run(&self, _run: &[(u64, u64)], _residency: &mut Vec<u8>) {}

  /// # Errors
  /// Always `Unsupported`.
  pub fn resident_file(&self, _start: u64, _end: u64) -> Result<FilePages> {
    Err(MeasureError::Unsupported { what: "the residency of a mapping" })
  }
}
