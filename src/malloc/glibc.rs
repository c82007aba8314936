//! glibc's malloc.

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;
use std::slice;

use super::Statistics;
use super::releasable::releasable;
use crate::parse::malloc_info::{self, MallocInfo};
use crate::platform::{find_symbol, page_size, read_own_words};

/// The functions that only glibc has.
pub(super) struct Glibc {
  malloc_info: unsafe extern "C" fn(c_int, *mut libc::FILE) -> c_int,
  malloc_trim: unsafe extern "C" fn(usize) -> c_int,
  open_memstream: unsafe extern "C" fn(*mut *mut c_char, *mut usize) -> *mut libc::FILE,
}

impl Glibc {
  pub(super) fn resolve() -> Option<Self> {
    if cfg!(not(target_pointer_width = "64")) {
      return None; // the sizes inside chunks are known for 64 bits
    }
    let malloc_info = find_symbol(c"malloc_info")?;
    let malloc_trim = find_symbol(c"malloc_trim")?;
    let open_memstream = find_symbol(c"open_memstream")?;
    Some(Self {
      // SAFETY: the address is not null, and the parameters are those of <malloc.h>.
      malloc_info: unsafe {
        std::mem::transmute::<*mut _, unsafe extern "C" fn(c_int, *mut libc::FILE) -> c_int>(malloc_info)
      },
      // SAFETY: as above.
      malloc_trim: unsafe {
        std::mem::transmute::<*mut _, unsafe extern "C" fn(usize) -> c_int>(malloc_trim)
      },
      // SAFETY: as above, of <stdio.h>.
      open_memstream: unsafe {
        std::mem::transmute::<*mut _, unsafe extern "C" fn(*mut *mut c_char, *mut usize) -> *mut libc::FILE>(
          open_memstream,
        )
      },
    })
  }

  pub(super) fn statistics(&self) -> Option<Statistics> {
    let info = self.info()?;
    let sum = |size: fn(&malloc_info::Arena) -> u64| {
      info.arenas.iter().fold(0_u64, |sum, arena| sum.saturating_add(size(arena)))
    };
    Some(Statistics {
      arena_in_use: sum(|arena| arena.in_use),
      mapped_in_use: info.mapped,
      arena_reserved: sum(|arena| arena.system),
      arena_releasable: releasable(&info, page_size()),
    })
  }

  pub(super) fn trim(&self) -> bool {
    // SAFETY: malloc_trim may be called at any time; 0 asks it to keep nothing in reserve.
    unsafe { (self.malloc_trim)(0) };
    true
  }

  /// One walk over the free lists. `mallinfo2` would take a second one and tell no sizes of chunks.
  fn info(&self) -> Option<MallocInfo> {
    let (mut text, mut length) = (null_mut(), 0);
    // SAFETY: both out-parameters outlive the stream.
    let stream = unsafe { (self.open_memstream)(&raw mut text, &raw mut length) };
    if stream.is_null() {
      return None;
    }
    // SAFETY: the stream is open; 0 is the only option that there is.
    let printed = unsafe { (self.malloc_info)(0, stream) } == 0;
    // SAFETY: the stream is open, and closed here once.
    let complete = unsafe { libc::fclose(stream) } == 0;
    let info = if printed && complete && !text.is_null() {
      // SAFETY: closing the stream stored the text and its length.
      malloc_info::parse(unsafe { slice::from_raw_parts(text.cast(), length) }).ok()
    } else {
      None
    };
    // SAFETY: the stream allocated the text by malloc for us to free; null is allowed.
    unsafe { libc::free(text.cast()) };
    info
  }
}

/// Whether a chunk has its size and flags in front of it, as we read them.
///
/// A chunk this large gets a mapping of its own and is marked so, unless a burst left a free one that large: then it
/// is cut from that, and the size alone must do.
pub(super) fn marks_large_chunks() -> bool {
  /// Above the largest threshold that glibc adapts to, so the chunk changes no threshold when it is freed.
  const SIZE: usize = 33 * 1024 * 1024;
  const MAPPED: u64 = 2;
  const FLAGS: u64 = 7;
  // SAFETY: malloc takes any size.
  let block = unsafe { libc::malloc(SIZE) };
  let mut header = [0; 2];
  let read =
    block.addr().checked_sub(size_of_val(&header)).is_some_and(|start| read_own_words(start, &mut header));
  // SAFETY: the block came from malloc, and nobody else knows it; free takes null too.
  unsafe { libc::free(block) };
  let [previous, size] = header;
  // Beyond what was asked for lie the header and the rest of a page, no more.
  let surplus = u64::try_from(SIZE).ok().and_then(|asked| (size & !FLAGS).checked_sub(asked));
  let has_size = surplus.is_some_and(|surplus| surplus > 0 && surplus <= page_size().saturating_mul(2));
  let is_mapped = size & MAPPED != 0;
  read && has_size && (!is_mapped || (previous == 0 && size & FLAGS == MAPPED))
}

/// The arena from which the calling thread was served last: its address, or 0 for the main one. `None` when the
/// headers are not what we know.
pub(super) fn own_arena() -> Option<u64> {
  /// Above what the thread's cache serves, below what gets a mapping of its own.
  const SIZE: usize = 5000;
  const OF_THREAD: u64 = 4;
  const HEAP_ALIGNMENT: u64 = 64 * 1024 * 1024;
  // SAFETY: malloc takes any size.
  let block = unsafe { libc::malloc(SIZE) };
  let address = block.addr();
  let mut header = [0];
  let read = !block.is_null() && read_own_words(address.saturating_sub(size_of::<u64>()), &mut header);
  // SAFETY: the block came from malloc, and nobody else knows it; free takes null too.
  unsafe { libc::free(block) };
  let [size_and_flags] = header;
  if !read {
    return None;
  }
  if size_and_flags & OF_THREAD == 0 {
    return Some(0);
  }
  // An arena grows by heaps, and each begins with the address of its arena.
  let heap = u64::try_from(address).ok()? & !HEAP_ALIGNMENT.saturating_sub(1);
  let mut arena = [0];
  read_own_words(usize::try_from(heap).ok()?, &mut arena).then_some(())?;
  let [arena] = arena;
  Some(arena)
}
