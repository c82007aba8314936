//! How late the counts of this kernel are.

use std::ffi::CStr;
use std::sync::OnceLock;

use super::page_size;
use crate::platform::counter_lag::{Counters, lag_of};

/// By how many bytes the kernel's count of this process' anonymous memory may be off, with so many threads.
pub fn counter_lag(threads: u64) -> u64 {
  static RELEASE: OnceLock<String> = OnceLock::new();
  static PROCESSORS: OnceLock<u64> = OnceLock::new();
  let processors = *PROCESSORS.get_or_init(processors);
  lag_of(RELEASE.get_or_init(release), Counters { threads, processors, page_size: page_size() })
}

fn release() -> String {
  // SAFETY: the struct is made of arrays of characters, for which zeros are values.
  let mut name: libc::utsname = unsafe { std::mem::zeroed() };
  // SAFETY: the kernel fills a live struct of its own layout.
  let failed = unsafe { libc::uname(&raw mut name) } != 0;
  if failed {
    return String::new();
  }
  // SAFETY: the kernel ends the release with a zero, inside an array that lives here.
  let release = unsafe { CStr::from_ptr(name.release.as_ptr()) };
  release.to_string_lossy().into_owned()
}

fn processors() -> u64 {
  // SAFETY: sysconf takes no pointer.
  let count = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
  u64::try_from(count).unwrap_or(1)
}
