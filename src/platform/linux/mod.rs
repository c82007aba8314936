//! Linux: figures from `/proc`, and from the few system calls that tell more.

mod clock;
mod counter_lag;
mod external_memory;
mod footprint;
mod fork;
mod identity;
mod kept_file;
mod own_memory;
mod own_pages;
mod page_tables;
mod peak;
mod proc_file;
mod residency;
mod sandbox;
mod small_file;
mod spare_descriptor;
mod symbol;
mod syscall_trial;
mod thread_activity;
mod thread_list;
mod thread_numbers;
#[cfg(target_env = "musl")]
mod thread_ring;

use std::ffi::CString;
use std::sync::OnceLock;

pub use clock::coarse_millis;
pub use counter_lag::counter_lag;
pub use external_memory::{allocate_zeroed, free, give_back, is_locked, map, unmap, without_huge_pages};
pub use footprint::footprint;
pub use own_memory::{OwnMemory, read_own_words};
pub use own_pages::OwnPages;
pub use page_tables::pagemap_tells_zero_pages;
pub use peak::{peak_resident_set_size, reset_peak_resident_set_size};
pub use residency::{
  is_in_memory, mincore_works, page_residency_works, page_tables_tell_pages, pages_in_resident_set,
  resident_pages,
};
pub use spare_descriptor::{borrow_spare_descriptor, return_spare_descriptor};
pub use symbol::{defining_object, find_symbol};
pub use thread_activity::thread_activity;
pub use thread_list::{current_thread, main_thread, thread_name, thread_places};

use self::kept_file::KeptFile;
use crate::error::{MeasureError, Result};
use crate::parse::{ParseError, statm, status};
use crate::platform::Avoided;

static STATM: KeptFile = KeptFile::new(c"/proc/self/statm", "/proc/self/statm");
static PAGEMAP: KeptFile = KeptFile::new(c"/proc/self/pagemap", "/proc/self/pagemap");

/// A line of `statm` is shorter than this.
const STATM_SIZE: usize = 256;
/// `status` is 2 KiB, and up to 720 more for somebody who is in all the groups that there may be.
const STATUS_LIMIT: usize = 1 << 20;
/// Two million mappings of 500 bytes.
const MAPS_LIMIT: usize = 1 << 30;

/// Opens what later calls read, so that they work when no descriptor is left. What cannot be opened now is
/// tried again when it is needed, and that call reports the error.
pub fn prepare() {
  fork::reopen_in_children();
  STATM.open_early();
  PAGEMAP.open_early();
  spare_descriptor::acquire();
}

/// From now on does without what is named, as on systems that do not have it.
pub fn avoid(avoided: Avoided) {
  if avoided.mincore {
    sandbox::avoid(sandbox::Call::Mincore);
  }
  if avoided.page_table_scans {
    sandbox::avoid(sandbox::Call::PageTables);
  }
  if avoided.page_tables {
    page_tables::avoid_page_tables();
  }
}

/// Resident set size of this process in bytes, exact to the page on kernels from 6.16
/// (earlier ones may lag by some pages per thread or CPU).
///
/// # Errors
/// When `/proc/self/statm` cannot be opened, read or parsed.
pub fn resident_set_size() -> Result<u64> {
  let pages = STATM.read::<STATM_SIZE, _>(statm::resident)?;
  Ok(pages.saturating_mul(page_size()))
}

/// Resident and swapped memory of this process by kind, in bytes.
///
/// # Errors
/// When `/proc/self/status` cannot be opened, read or parsed.
pub fn memory_by_kind() -> Result<status::Memory> {
  memory_of(&read_status()?)
}

/// The text of `/proc/self/maps`.
///
/// # Errors
/// When the file cannot be opened or read.
pub fn read_maps() -> Result<Vec<u8>> {
  proc_file::read(c"/proc/self/maps", MAPS_LIMIT)
}

/// The text of `/proc/self/smaps`: the way for systems that know no better.
///
/// # Errors
/// When the file cannot be opened or read.
pub fn read_smaps() -> Result<Vec<u8>> {
  proc_file::read(c"/proc/self/smaps", MAPS_LIMIT)
}

/// The text of a file of the kernel, named as bytes; `None` where it is not there or may not be read.
pub fn read_kernel_file(path: &[u8]) -> Option<Vec<u8>> {
  /// The longest, `mountinfo`, has some hundred bytes for each of a hundred thousand mounts.
  const LIMIT: usize = 1 << 25;
  proc_file::read(&CString::new(path).ok()?, LIMIT).ok()
}

fn read_status() -> Result<Vec<u8>> {
  proc_file::read(c"/proc/self/status", STATUS_LIMIT)
}

fn memory_of(status: &[u8]) -> Result<status::Memory> {
  let resident = || {
    let statm = STATM.read::<STATM_SIZE, _>(statm::parse).ok()?;
    Some((statm.resident.saturating_mul(page_size()), statm.shared.saturating_mul(page_size())))
  };
  status::memory(status, resident).map_err(unparsable_status)
}

fn unparsable_status(error: ParseError) -> MeasureError {
  MeasureError::Parse { file: "/proc/self/status".into(), field: error.field }
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
