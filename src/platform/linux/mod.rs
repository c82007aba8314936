//! Linux: figures from `/proc`, through descriptors that are opened once and kept.

mod clock;
mod external_memory;
mod footprint;
mod fork;
mod kept_file;
mod own_memory;
mod peak;
mod residency;
mod small_file;
mod spare_descriptor;
mod symbol;
mod thread_activity;
mod thread_list;

use std::sync::OnceLock;

pub use clock::coarse_millis;
pub use external_memory::{allocate_zeroed, free, give_back, is_locked, map, unmap, without_huge_pages};
pub use footprint::footprint;
pub use own_memory::{OwnMemory, prefetch, read_own_words};
pub use peak::{peak_resident_set_size, reset_peak_resident_set_size};
pub use residency::{
  is_in_memory, page_residency_works, pagemap_tells_zero_pages, pages_in_resident_set, resident_file,
  resident_pages, resident_pages_of_run,
};
pub use spare_descriptor::{borrow_spare_descriptor, return_spare_descriptor};
pub use symbol::{defining_object, find_symbol};
pub use thread_activity::thread_activity;
pub use thread_list::{current_thread, main_thread, own_control_block, thread_name, thread_places};

use self::kept_file::KeptFile;
use self::spare_descriptor::with_spare_descriptor;
use crate::error::{MeasureError, Result};
use crate::parse::{statm, status};

/// Whether this platform reads memory figures itself.
pub const SUPPORTED: bool = true;

static STATM: KeptFile = KeptFile::new(c"/proc/self/statm", "/proc/self/statm");
static STATUS: KeptFile = KeptFile::new(c"/proc/self/status", "/proc/self/status");
static MAPS: KeptFile = KeptFile::new(c"/proc/self/maps", "/proc/self/maps");
static PAGEMAP: KeptFile = KeptFile::new(c"/proc/self/pagemap", "/proc/self/pagemap");

/// `/proc/[pid]/status` has stayed below 2 KiB for twenty years.
const STATUS_SIZE: usize = 4096;

/// Opens what later calls read, so that they work when no descriptor is left. What cannot be opened now is
/// tried again when it is needed, and that call reports the error.
pub fn prepare() {
  fork::reopen_in_children();
  STATM.open_early();
  STATUS.open_early();
  MAPS.open_early();
  PAGEMAP.open_early();
  spare_descriptor::acquire();
}

/// Resident set size of this process in bytes, exact to the page on kernels from 6.16
/// (earlier ones may lag by some pages per thread or CPU).
///
/// # Errors
/// When `/proc/self/statm` cannot be opened, read or parsed, also after reopening it once.
pub fn resident_set_size() -> Result<u64> {
  let pages = STATM.read::<128, _>(statm::resident)?;
  Ok(pages.saturating_mul(page_size()))
}

/// Resident and swapped memory of this process by kind, in bytes.
///
/// # Errors
/// When `/proc/self/status` cannot be opened, read or parsed, also after reopening it once.
pub fn memory_by_kind() -> Result<status::Memory> {
  STATUS.read::<STATUS_SIZE, _>(status::memory)
}

/// The text of `/proc/self/maps`. One thread at a time.
///
/// # Errors
/// When the file cannot be opened or read, also after reopening it once.
pub fn read_maps(text: &mut Vec<u8>) -> Result<()> {
  MAPS.read_to_end(text)
}

/// The text of `/proc/self/smaps`. The file is opened for the call: this is the way for systems that know no better.
///
/// # Errors
/// When the file cannot be opened or read.
pub fn read_smaps() -> Result<Vec<u8>> {
  with_spare_descriptor(|| std::fs::read("/proc/self/smaps")).map_err(|error| MeasureError::Read {
    file: "/proc/self/smaps".into(),
    syscall: "open",
    errno: error.raw_os_error().unwrap_or(0),
  })
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
