//! Memory that an addon maps for itself, behind malloc's back, and gives back again.

use napi_derive::napi;

use crate::{map_private, page_size, write_each_page};

/// Maps private memory, writes the first `written` bytes of it, and gives its address.
#[napi]
pub fn map_foreign(bytes: f64, written: f64) -> f64 {
  let start = map_private(bytes as usize);
  write_each_page(start, written as usize);
  start as usize as f64
}

/// Unmaps memory of `map_foreign`, or a part of it.
#[napi]
pub fn unmap_foreign(address: f64, bytes: f64) {
  // SAFETY: the caller has it from `map_foreign`, and nobody uses it.
  let failed = unsafe { libc::munmap(address as usize as *mut _, bytes as usize) } != 0;
  assert!(!failed);
}

/// Gives the pages of a range back to the kernel; what is read there from then on is zero.
#[napi]
pub fn discard(address: f64, bytes: f64) {
  // SAFETY: the caller says that zeros are as good there as what was written.
  let failed = unsafe { libc::madvise(address as usize as *mut _, bytes as usize, libc::MADV_DONTNEED) } != 0;
  assert!(!failed);
}

/// Changes what the kernel notes of a range, by locking it or by leaving it out of core dumps, so that the kernel keeps it
/// as a mapping of its own. Only whole pages inside the range are changed.
#[napi]
pub fn split_mapping(address: f64, bytes: f64, locked: bool) {
  let page = page_size();
  let from = (address as usize).next_multiple_of(page);
  let length = (address as usize + bytes as usize) / page * page - from;
  let start = from as *mut libc::c_void;
  let failed = if locked {
    // SAFETY: a lock changes no content.
    unsafe { libc::mlock(start, length) }
  } else {
    // SAFETY: this advice changes no content.
    unsafe { libc::madvise(start, length, libc::MADV_DONTDUMP) }
  } != 0;
  assert!(!failed);
}

/// A block of malloc's of which the first `written` bytes are written, and its address.
#[napi]
pub fn allocate_block(bytes: f64, written: f64) -> f64 {
  // SAFETY: malloc takes any size.
  let block = unsafe { libc::malloc(bytes as usize) }.cast::<u8>();
  assert!(!block.is_null());
  write_each_page(block, written as usize);
  block as usize as f64
}

/// Frees a block of `allocate_block`.
#[napi]
pub fn free_block(address: f64) {
  // SAFETY: the caller has it from `allocate_block` and frees it once.
  unsafe { libc::free(address as usize as *mut _) };
}
