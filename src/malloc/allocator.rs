//! Which allocator serves `malloc`.
//!
//! Several can be loaded: jemalloc may be a dependency of some addon while glibc serves everybody. The one in use
//! is the one in whose library the loader finds the functions of malloc first, and no other is ever called:
//! asking glibc's own malloc for statistics or a trim would set up an arena that nobody uses.

use std::ffi::CStr;
use std::sync::OnceLock;

use super::Statistics;
use super::glibc::Glibc;
use super::jemalloc::Jemalloc;
use super::mimalloc::Mimalloc;
use crate::platform::defining_object;

/// The allocator of this process, with the functions of its own that we call.
pub(super) enum Allocator {
  Glibc(Glibc),
  Jemalloc(Jemalloc),
  Mimalloc(Mimalloc),
  /// Known by name only.
  Tcmalloc,
}

impl Allocator {
  /// Found out at the first call: a library that is loaded later comes after those of the start.
  pub(super) fn current() -> Option<&'static Self> {
    static CURRENT: OnceLock<Option<Allocator>> = OnceLock::new();
    CURRENT.get_or_init(Self::detect).as_ref()
  }

  fn detect() -> Option<Self> {
    let object = malloc_object()?;
    let has = |name| defining_object(name) == Some(object);
    if has(c"mallctl") {
      Jemalloc::resolve().map(Self::Jemalloc)
    } else if has(c"mi_collect") {
      Mimalloc::resolve().map(Self::Mimalloc)
    } else if has(c"tc_version") {
      Some(Self::Tcmalloc)
    } else if has(c"gnu_get_libc_version") {
      Glibc::resolve().map(Self::Glibc)
    } else {
      None
    }
  }

  pub(super) fn name(&self) -> &'static str {
    match self {
      Self::Glibc(_) => "glibc",
      Self::Jemalloc(_) => "jemalloc",
      Self::Mimalloc(_) => "mimalloc",
      Self::Tcmalloc => "tcmalloc",
    }
  }

  /// mimalloc tells what it has committed and not what of it is in use: its own counters of that are compiled out
  /// of release builds, and walking its blocks shows the heap of one thread.
  pub(super) fn statistics(&self) -> Option<Statistics> {
    match self {
      Self::Glibc(glibc) => glibc.statistics(),
      Self::Jemalloc(jemalloc) => jemalloc.statistics(),
      Self::Mimalloc(_) | Self::Tcmalloc => None,
    }
  }

  pub(super) fn trim(&self) -> bool {
    match self {
      Self::Glibc(glibc) => glibc.trim(),
      Self::Jemalloc(jemalloc) => jemalloc.trim(),
      Self::Mimalloc(mimalloc) => mimalloc.trim(),
      Self::Tcmalloc => false,
    }
  }
}

/// The library that defines `malloc`. Where the executable answers for it with a mere jump, the relatives of
/// `malloc` tell, whose address it does not take; whoever replaces one replaces them all.
fn malloc_object() -> Option<usize> {
  const FAMILY: [&CStr; 4] = [c"malloc", c"malloc_usable_size", c"memalign", c"valloc"];
  FAMILY.into_iter().find_map(defining_object)
}
