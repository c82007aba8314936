//! jemalloc 5, by its `mallctl`.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;

use super::Statistics;
use crate::platform::find_symbol;

type Mallctl = unsafe extern "C" fn(*const c_char, *mut c_void, *mut usize, *mut c_void, usize) -> c_int;

/// jemalloc's one function for everything.
pub(super) struct Jemalloc {
  mallctl: Mallctl,
}

impl Jemalloc {
  pub(super) fn resolve() -> Option<Self> {
    let mallctl = find_symbol(c"mallctl")?;
    // SAFETY: the address is not null, and the parameters are those of <jemalloc/jemalloc.h>.
    let mallctl = unsafe { std::mem::transmute::<*mut c_void, Mallctl>(mallctl) };
    Some(Self { mallctl })
  }

  /// `None` where jemalloc was built without statistics, or is too old for the names; 4096 stands for all arenas.
  ///
  /// A trim hands back pages that are free ("dirty") or that the kernel may already take ("muzzy"). What jemalloc
  /// calls resident are the pages that it believes to be: it cannot know which were never touched.
  pub(super) fn statistics(&self) -> Option<Statistics> {
    self.refresh()?;
    let page = self.size(c"arenas.page")?;
    let bytes_of = |pages| self.size(pages)?.checked_mul(page);
    let dirty = bytes_of(c"stats.arenas.4096.pdirty")?;
    let muzzy = bytes_of(c"stats.arenas.4096.pmuzzy")?;
    Some(Statistics {
      arena_in_use: self.size(c"stats.allocated")?,
      mapped_in_use: 0,
      arena_reserved: self.size(c"stats.resident")?.saturating_add(muzzy),
      arena_releasable: dirty.saturating_add(muzzy),
    })
  }

  pub(super) fn trim(&self) -> bool {
    // SAFETY: purging neither reads nor writes a value.
    unsafe { (self.mallctl)(c"arena.4096.purge".as_ptr(), null_mut(), null_mut(), null_mut(), 0) == 0 }
  }

  /// Statistics stand still until a new epoch begins.
  fn refresh(&self) -> Option<()> {
    let mut epoch = 1_u64;
    let (value, length) = ((&raw mut epoch).cast(), size_of::<u64>());
    // SAFETY: the value to write is a live 64-bit number, as jemalloc documents.
    let failed = unsafe { (self.mallctl)(c"epoch".as_ptr(), null_mut(), null_mut(), value, length) } != 0;
    (!failed).then_some(())
  }

  /// A figure that jemalloc documents as `size_t`.
  fn size(&self, name: &CStr) -> Option<u64> {
    let (mut size, mut length) = (0_usize, size_of::<usize>());
    // SAFETY: jemalloc writes at most `length` bytes to the live local.
    let failed =
      unsafe { (self.mallctl)(name.as_ptr(), (&raw mut size).cast(), &raw mut length, null_mut(), 0) } != 0;
    if failed { None } else { u64::try_from(size).ok() }
  }
}
