//! Memory for buffers: pages from the kernel, and small pieces from the C allocator.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::{NonNull, null_mut, without_provenance_mut};

/// What malloc aligns everything to, and what the elements of any typed array need.
const ALIGNMENT: usize = 16;

/// That many bytes of zeros from the C allocator; `None` when there is no memory left, or for none at all.
pub fn allocate_zeroed(length: usize) -> Option<NonNull<u8>> {
  let layout = layout(length)?;
  // SAFETY: the layout is not empty.
  NonNull::new(unsafe { alloc_zeroed(layout) })
}

/// Gives back what [`allocate_zeroed`] gave.
///
/// # Safety
/// `start` came from `allocate_zeroed(length)` and nobody uses the memory any more.
pub unsafe fn free(start: NonNull<u8>, length: usize) {
  if let Some(layout) = layout(length) {
    // SAFETY: by the contract of this function it was allocated with this layout.
    unsafe { dealloc(start.as_ptr(), layout) };
  }
}

fn layout(length: usize) -> Option<Layout> {
  Layout::from_size_align(length, ALIGNMENT).ok().filter(|_| length > 0)
}

/// Maps so many bytes of zeros; gives their address. `None` when the kernel refuses.
pub fn map(length: usize) -> Option<usize> {
  let access = libc::PROT_READ | libc::PROT_WRITE;
  let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
  // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
  let start = unsafe { libc::mmap(null_mut(), length, access, flags, -1, 0) };
  (start != libc::MAP_FAILED).then(|| start.expose_provenance())
}

/// Takes a mapping away. `false` when the kernel refuses: it does where the process has as many mappings as it may,
/// and this one lies in the middle of another.
///
/// # Safety
/// The pages were mapped by [`map`], belong to the caller, and nobody uses them.
pub unsafe fn unmap(start: usize, length: usize) -> bool {
  // SAFETY: by the contract of this function.
  unsafe { libc::munmap(without_provenance_mut(start), length) == 0 }
}

/// Gives the pages back and keeps the addresses, which hold zeros from here on. `false` when they are still there.
///
/// # Safety
/// The pages were mapped by [`map`], belong to the caller, and nobody uses them.
pub unsafe fn give_back(start: usize, length: usize) -> bool {
  /// Since Linux 5.18; libc has no name for it.
  const MADV_DONTNEED_LOCKED: i32 = 24;
  let address = without_provenance_mut(start);
  [libc::MADV_DONTNEED, MADV_DONTNEED_LOCKED].into_iter().any(|advice| {
    // SAFETY: by the contract of this function.
    unsafe { libc::madvise(address, length, advice) == 0 }
  })
}

/// Whether the kernel keeps these pages in memory from the moment they are mapped, as after `mlockall`.
///
/// # Safety
/// The pages were just mapped by [`map`], belong to the caller, and nobody uses them.
pub unsafe fn is_locked(start: usize, length: usize) -> bool {
  // SAFETY: by the contract of this function; locked memory is what this advice refuses.
  unsafe { libc::madvise(without_provenance_mut(start), length, libc::MADV_DONTNEED) != 0 }
}

/// Has the kernel map page by page: in one of two megabytes, the first byte of one buffer would bring its neighbours
/// into memory.
pub fn without_huge_pages(start: usize, length: usize) {
  // SAFETY: the advice changes how pages are mapped and not what is in them. A kernel without large pages refuses.
  unsafe { libc::madvise(without_provenance_mut(start), length, libc::MADV_NOHUGEPAGE) };
}
