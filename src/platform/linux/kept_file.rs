//! A `/proc/self` file that stays open.
//!
//! Two are kept. `statm`, because opening it costs six times the read, and `memoryUsage()` must answer when no
//! descriptor is left. `pagemap`, because a look asks it a hundred times, and because the right to open it goes with the
//! user's id: a server that loads the package and drops its rights afterwards goes on to read it.
//!
//! A descriptor is ours only if it still is: others may close it, and its number then names another file. Its inode is
//! remembered, and compared before it is closed, and before it is used: once for all questions of a look to the page
//! tables. The one hot call, the reading of `statm`, compares only where the text is not as it must be.

use std::ffi::CStr;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use super::identity::{Identity, identity};
use super::proc_file;
use crate::error::{MeasureError, Result};
use crate::parse::ParseError;

const NOT_OPEN: RawFd = -1;

/// A descriptor that is opened once and shared by all threads.
pub(super) struct KeptFile {
  path: &'static CStr,
  name: &'static str,
  descriptor: AtomicI32,
  device: AtomicU64,
  inode: AtomicU64,
}

impl KeptFile {
  /// `path` and `name` are the same text, for the kernel and for messages.
  pub(super) const fn new(path: &'static CStr, name: &'static str) -> Self {
    let (device, inode) = (AtomicU64::new(0), AtomicU64::new(0));
    Self { path, name, descriptor: AtomicI32::new(NOT_OPEN), device, inode }
  }

  /// Opens the file ahead of its first use. A failure is reported by that use.
  pub(super) fn open_early(&self) {
    if self.descriptor.load(Ordering::Relaxed) == NOT_OPEN {
      let _reported_by_the_first_use = self.open();
    }
  }

  /// Reads up to `SIZE` bytes from the start of the file and parses them: one system call, as long as the descriptor is
  /// ours and the text what it must be.
  pub(super) fn read<const SIZE: usize, T>(
    &self,
    parse: impl Fn(&[u8]) -> std::result::Result<T, ParseError>,
  ) -> Result<T> {
    let mut buffer = [0; SIZE];
    let kept = self.descriptor.load(Ordering::Relaxed);
    if kept != NOT_OPEN
      && let Ok(length) = usize::try_from(pread(kept, &mut buffer, 0))
      && let Ok(value) = parse(buffer.get(..length).unwrap_or_default())
    {
      return Ok(value);
    }
    self.with(|descriptor| {
      let length = usize::try_from(pread(descriptor, &mut buffer, 0)).map_err(|_| self.error("pread"))?;
      parse(buffer.get(..length).unwrap_or_default())
        .map_err(|error| MeasureError::Parse { file: self.name.into(), field: error.field })
    })
  }

  /// Runs `work` on the kept descriptor if that still is ours, and else on a freshly opened one, which is kept.
  pub(super) fn with<T>(&self, mut work: impl FnMut(RawFd) -> Result<T>) -> Result<T> {
    let kept = self.descriptor.load(Ordering::Relaxed);
    work(if self.is_ours(kept) { kept } else { self.open()? })
  }

  /// In a forked child: drops the descriptor, which still names the parent. Async-signal-safe. A number that went to
  /// somebody else stays theirs.
  pub(super) fn forget_parent(&self) {
    let inherited = self.descriptor.load(Ordering::Relaxed);
    let is_ours = self.is_ours(inherited);
    self.descriptor.store(NOT_OPEN, Ordering::Relaxed);
    if is_ours {
      // SAFETY: close takes no pointer, and the inode proves that the number is still ours.
      unsafe { libc::close(inherited) };
    }
  }

  fn is_ours(&self, descriptor: RawFd) -> bool {
    let opened =
      Identity { device: self.device.load(Ordering::Relaxed), inode: self.inode.load(Ordering::Relaxed) };
    descriptor != NOT_OPEN && identity(descriptor) == Some(opened)
  }

  /// Opens the file and keeps it. Two threads may do so at the same time: both open the same inode, and the one that
  /// comes later closes its own again.
  fn open(&self) -> Result<RawFd> {
    let stale = self.descriptor.load(Ordering::Relaxed);
    let fresh = proc_file::open(self.path, libc::O_RDONLY).map_err(|error| MeasureError::Read {
      file: self.name.into(),
      syscall: "open",
      errno: error.raw_os_error().unwrap_or(0),
    })?;
    let fresh = fresh.into_raw_fd();
    let opened = identity(fresh).ok_or_else(|| self.error("fstat"))?;
    self.device.store(opened.device, Ordering::Relaxed);
    self.inode.store(opened.inode, Ordering::Relaxed);
    match self.descriptor.compare_exchange(stale, fresh, Ordering::Relaxed, Ordering::Relaxed) {
      Ok(_) => Ok(fresh),
      Err(newer) => {
        // SAFETY: close takes no pointer; the descriptor was just opened and nobody else knows it.
        unsafe { libc::close(fresh) };
        Ok(newer)
      }
    }
  }

  fn error(&self, syscall: &'static str) -> MeasureError {
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
    MeasureError::Read { file: self.name.into(), syscall, errno }
  }
}

/// The bare system call: libc's `pread` is a cancellation point, and in a process with threads pays for that with
/// two atomic operations, a tenth of a whole read of `statm`.
#[cfg(target_pointer_width = "64")]
fn pread(descriptor: RawFd, buffer: &mut [u8], offset: usize) -> i64 {
  // SAFETY: the pointer and the length are those of a live, writable slice.
  unsafe { libc::syscall(libc::SYS_pread64, descriptor, buffer.as_mut_ptr(), buffer.len(), offset) }
}

/// libc's `pread`: the bare call passes offsets in pairs of registers here, differently per system.
#[cfg(not(target_pointer_width = "64"))]
fn pread(descriptor: RawFd, buffer: &mut [u8], offset: usize) -> isize {
  let offset = libc::off_t::try_from(offset).unwrap_or(libc::off_t::MAX);
  // SAFETY: the pointer and the length are those of a live, writable slice.
  unsafe { libc::pread(descriptor, buffer.as_mut_ptr().cast(), buffer.len(), offset) }
}
