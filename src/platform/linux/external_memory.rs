//! Memory that belongs to a buffer, and to nobody else.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::{NonNull, null_mut};

/// From here on memory has a mapping of its own, so that freeing it gives it back to the system at once. Below, a
/// mapping would cost more than the memory is worth.
const WORTH_A_MAPPING: usize = 64 * 1024;

/// What malloc aligns everything to, and what the elements of any typed array need.
const ALIGNMENT: usize = 16;

/// Whether [`allocate_zeroed`] makes a mapping for so many bytes.
pub fn is_mapping(length: u64) -> bool {
  usize::try_from(length).is_ok_and(|length| length >= WORTH_A_MAPPING)
}

/// That many bytes of zeros; `None` when there is no memory left, or for none at all.
pub fn allocate_zeroed(length: usize) -> Option<NonNull<u8>> {
  if length >= WORTH_A_MAPPING {
    return map(length);
  }
  let layout = layout(length)?;
  // SAFETY: the layout is not empty.
  NonNull::new(unsafe { alloc_zeroed(layout) })
}

/// Gives back what [`allocate_zeroed`] gave.
///
/// # Safety
/// `start` came from `allocate_zeroed(length)` and nobody uses the memory any more.
pub unsafe fn free(start: NonNull<u8>, length: usize) {
  if length >= WORTH_A_MAPPING {
    // SAFETY: by the contract of this function it is a whole mapping that nobody uses.
    unsafe { libc::munmap(start.as_ptr().cast(), length) };
  } else if let Some(layout) = layout(length) {
    // SAFETY: by the contract of this function it was allocated with this layout.
    unsafe { dealloc(start.as_ptr(), layout) };
  }
}

fn map(length: usize) -> Option<NonNull<u8>> {
  let access = libc::PROT_READ | libc::PROT_WRITE;
  let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
  // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
  let start = unsafe { libc::mmap(null_mut(), length, access, flags, -1, 0) };
  if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast()) }
}

fn layout(length: usize) -> Option<Layout> {
  Layout::from_size_align(length, ALIGNMENT).ok().filter(|_| length > 0)
}
