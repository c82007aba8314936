//! Linux: figures from `/proc`, through descriptors that are opened once and kept.

mod fork;
mod kept_file;
mod own_memory;
mod peak;
mod spare_descriptor;
mod symbol;

use std::sync::OnceLock;

pub use own_memory::read_own_words;
pub use peak::{peak_resident_set_size, reset_peak_resident_set_size};
pub use spare_descriptor::{borrow_spare_descriptor, return_spare_descriptor};
pub use symbol::{defining_object, find_symbol};

use self::kept_file::KeptFile;
use crate::error::Result;
use crate::parse::statm;

/// Whether this platform reads memory figures itself.
pub const SUPPORTED: bool = true;

static STATM: KeptFile = KeptFile::new(c"/proc/self/statm", "/proc/self/statm");
static STATUS: KeptFile = KeptFile::new(c"/proc/self/status", "/proc/self/status");

/// Opens what later calls read, so that they work when no descriptor is left. What cannot be opened now is
/// tried again when it is needed, and that call reports the error.
pub fn prepare() {
  fork::reopen_in_children();
  STATM.open_early();
  STATUS.open_early();
  spare_descriptor::acquire();
}

/// Resident set size of this process in bytes, exact to the page on kernels from 6.16
/// (earlier ones may lag by some pages per thread or CPU).
///
/// # Errors
/// When `/proc/self/statm` cannot be opened, read or parsed, also after reopening it once.
pub fn resident_set_size() -> Result<u64> {
  let statm = STATM.read::<128, _>(statm::parse)?;
  Ok(statm.resident.saturating_mul(page_size()))
}

/// Bytes per page.
pub fn page_size() -> u64 {
  static PAGE_SIZE: OnceLock<u64> = OnceLock::new();
  *PAGE_SIZE.get_or_init(|| {
    // SAFETY: sysconf takes no pointer and _SC_PAGESIZE is known to every libc.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    // POSIX demands a positive answer; 1 would show as absurdly small figures rather than as a crash.
    u64::try_from(size).unwrap_or(1)
  })
}
