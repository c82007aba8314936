//! Which of the system calls that some sandbox forbids work here.
//!
//! A seccomp filter may end the process at a call, so that cannot be found out by calling. The calls below are made
//! only where there is no filter, or where a child that tried them lived on. What every profile allows that Node runs
//! under (to open, read and close files, `pread`, `fstat`, `gettid`, `prctl`, `clone`) is not on the list.
//!
//! | call | who uses it | systemd `@system-service` | Docker, Kubernetes, containerd | Flatpak | Firejail |
//! |---|---|---|---|---|---|
//! | `mincore` | pages in memory | no: kills | yes | yes | yes |
//! | `process_vm_readv` | memory of ours | yes | only from Linux 4.8 on, 2022 and later | yes | yes |
//! | `memfd_create`, `pwritev` | many words at once | yes | yes | yes | yes |
//! | `get_robust_list` | control blocks of threads | yes | yes | yes | yes |
//! | `ioctl` `PAGEMAP_SCAN` | page tables | yes | yes | yes | yes |
//! | `prlimit64` | the limit that the memfd meets | yes | yes | yes | yes |
//!
//! Where one is missing: `pagemap` or `smaps` instead of `mincore`, `/proc/self/mem` instead of `process_vm_readv`.

use std::ffi::CStr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::proc_file;
use super::syscall_trial::survivors;
use crate::parse::status;

/// A system call, or several that are of use together only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
  /// `mincore`
  Mincore,
  /// `process_vm_readv`
  ReadMemory,
  /// `memfd_create` and `pwritev`
  FileInMemory,
  /// `get_robust_list`
  RobustList,
  /// `ioctl` on page tables
  PageTables,
  /// `prlimit64`
  Limits,
}

impl Call {
  pub(super) const ALL: [Self; 6] =
    [Self::Mincore, Self::ReadMemory, Self::FileInMemory, Self::RobustList, Self::PageTables, Self::Limits];

  /// Its bit in a set of calls.
  pub(super) fn bit(self) -> u32 {
    match self {
      Self::Mincore => 1,
      Self::ReadMemory => 2,
      Self::FileInMemory => 4,
      Self::RobustList => 8,
      Self::PageTables => 16,
      Self::Limits => 32,
    }
  }
}

const ALL_CALLS: u32 = 63;

/// What is known: the number of filters that it was learned under, and the set of calls that may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
  filters: u32,
  calls: u32,
}

/// [`Known`] in one word; 0 before anything is.
static KNOWN: AtomicU64 = AtomicU64::new(UNKNOWN);
const UNKNOWN: u64 = u64::MAX;

/// The set of calls that nobody wants to be made here, whoever would allow them.
static AVOIDED: AtomicU32 = AtomicU32::new(0);

/// From now on a call counts as one that is not allowed.
pub(super) fn avoid(call: Call) {
  AVOIDED.fetch_or(call.bit(), Ordering::Relaxed);
}

fn is_avoided(call: Call) -> bool {
  AVOIDED.load(Ordering::Relaxed) & call.bit() != 0
}

/// Whether a call may be made, as far as that is known without a trial: while the package is loaded, nothing is tried.
pub(super) fn is_known_to_be_allowed(call: Call) -> bool {
  !is_avoided(call)
    && known().or_else(learn_without_filter).is_some_and(|known| known.calls & call.bit() != 0)
}

/// Whether a call may be made. The first question under a filter starts a child.
pub(super) fn allows(call: Call) -> bool {
  !is_avoided(call) && known().unwrap_or_else(learn).calls & call.bit() != 0
}

/// Learns again when filters were added since. Called at the start of each look.
pub(super) fn refresh() {
  if known().is_none_or(|known| has_filter() && known.filters != filters()) {
    learn();
  }
}

fn known() -> Option<Known> {
  let word = KNOWN.load(Ordering::Relaxed);
  let half = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or(0);
  (word != UNKNOWN).then(|| Known { filters: half(word >> 32), calls: half(word) })
}

fn learn_without_filter() -> Option<Known> {
  (!has_filter()).then(|| remember(Known { filters: 0, calls: ALL_CALLS }))
}

/// Tries in a child what a filter may forbid.
fn learn() -> Known {
  static LEARNING: Mutex<()> = Mutex::new(());
  let _one_at_a_time = LEARNING.lock().unwrap_or_else(PoisonError::into_inner);
  if let Some(known) = learn_without_filter() {
    return known;
  }
  let filters = filters();
  match known().filter(|known| known.filters == filters) {
    Some(known) => known,
    None => remember(Known { filters, calls: survivors() }),
  }
}

fn remember(known: Known) -> Known {
  KNOWN.store(u64::from(known.filters) << 32 | u64::from(known.calls), Ordering::Relaxed);
  known
}

/// Whether the calling thread runs under a filter. The kernel answers in a fifth of a microsecond.
fn has_filter() -> bool {
  const NONE: i32 = 0;
  // SAFETY: the option takes no pointer.
  let mode = unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) };
  mode != NONE && !is_unknown_to_kernel(mode)
}

/// A kernel that is built without seccomp, or one that only behaves like Linux, refuses the question.
fn is_unknown_to_kernel(mode: i32) -> bool {
  mode < 0 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL)
}

/// How many filters the calling thread has. Kernels before 5.9 do not count them: there it is always one.
fn filters() -> u32 {
  const STATUS: &CStr = c"/proc/thread-self/status";
  const LARGEST: usize = 1 << 20;
  let text = proc_file::read(STATUS, LARGEST);
  let filters = text.ok().and_then(|text| status::seccomp_filters(&text));
  filters.and_then(|filters| u32::try_from(filters).ok()).unwrap_or(1)
}
