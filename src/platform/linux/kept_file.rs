//! A `/proc/self` file that stays open.
//!
//! Opening it per call costs six times the read, and fails when the descriptor table is full - just when memory
//! figures are wanted most.

use std::ffi::CStr;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::error::{MeasureError, Result};
use crate::parse::ParseError;

const NOT_OPEN: i32 = -1;

/// A descriptor that is opened once and shared by all threads.
///
/// Others may close it under us, and its number may then name another file. So a read that fails, or that does
/// not parse, leads to one reopening; the old number is not ours to close any more.
pub(super) struct KeptFile {
  path: &'static CStr,
  name: &'static str,
  descriptor: AtomicI32,
}

impl KeptFile {
  /// `path` and `name` are the same text, for the kernel and for messages.
  pub(super) const fn new(path: &'static CStr, name: &'static str) -> Self {
    Self { path, name, descriptor: AtomicI32::new(NOT_OPEN) }
  }

  /// Opens the file ahead of its first use. A failure is reported by that use.
  pub(super) fn open_early(&self) {
    if self.descriptor.load(Ordering::Relaxed) == NOT_OPEN {
      let _reported_by_the_first_read = self.replace(NOT_OPEN);
    }
  }

  /// Reads up to `SIZE` bytes from the start of the file and parses them.
  pub(super) fn read<const SIZE: usize, T>(
    &self,
    parse: impl Fn(&[u8]) -> std::result::Result<T, ParseError>,
  ) -> Result<T> {
    let mut buffer = [0; SIZE];
    self.with(|descriptor| {
      let length = self.read_piece(descriptor, &mut buffer, 0)?;
      parse(buffer.get(..length).unwrap_or_default())
        .map_err(|error| MeasureError::Parse { file: self.name.into(), field: error.field })
    })
  }

  /// Reads the whole file into `text`. The kernel hands such files out in pieces and keeps the place of one
  /// reader per descriptor, so two threads must not do this at the same time.
  pub(super) fn read_to_end(&self, text: &mut Vec<u8>) -> Result<()> {
    const PIECE: usize = 64 * 1024;
    self.with(|descriptor| {
      let mut length = 0_usize;
      loop {
        text.resize(text.len().max(length.saturating_add(PIECE)), 0);
        match self.read_piece(descriptor, text.get_mut(length..).unwrap_or_default(), length)? {
          0 => break,
          piece => length = length.saturating_add(piece),
        }
      }
      text.truncate(length);
      Ok(())
    })
  }

  /// Runs `work` on the kept descriptor, and where that fails once more on a freshly opened one.
  pub(super) fn with<T>(&self, mut work: impl FnMut(i32) -> Result<T>) -> Result<T> {
    let kept = self.descriptor.load(Ordering::Relaxed);
    if kept != NOT_OPEN
      && let Ok(value) = work(kept)
    {
      return Ok(value);
    }
    work(self.replace(kept)?)
  }

  fn read_piece(&self, descriptor: i32, buffer: &mut [u8], offset: usize) -> Result<usize> {
    usize::try_from(pread(descriptor, buffer, offset)).map_err(|_| self.error("pread"))
  }

  /// Opens the file anew unless another thread already replaced `stale`.
  fn replace(&self, stale: i32) -> Result<i32> {
    // SAFETY: the path is a C string that lives for the program.
    let fresh = unsafe { libc::open(self.path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if fresh < 0 {
      return Err(self.error("open"));
    }
    match self.descriptor.compare_exchange(stale, fresh, Ordering::Relaxed, Ordering::Relaxed) {
      Ok(_) => Ok(fresh),
      Err(newer) => {
        close(fresh);
        Ok(newer)
      }
    }
  }

  /// In a forked child: drops the descriptor, which still names the parent. Async-signal-safe.
  pub(super) fn forget_parent(&self) {
    let inherited = self.descriptor.swap(NOT_OPEN, Ordering::Relaxed);
    if inherited != NOT_OPEN {
      close(inherited);
    }
  }

  fn error(&self, syscall: &'static str) -> MeasureError {
    MeasureError::Read { file: self.name.into(), syscall, errno: last_errno() }
  }
}

/// The bare system call: libc's `pread` is a cancellation point, and in a process with threads pays for that with
/// two atomic operations, a tenth of a whole read of `statm`.
#[cfg(target_pointer_width = "64")]
fn pread(descriptor: i32, buffer: &mut [u8], offset: usize) -> i64 {
  // SAFETY: the pointer and the length are those of a live, writable slice.
  unsafe { libc::syscall(libc::SYS_pread64, descriptor, buffer.as_mut_ptr(), buffer.len(), offset) }
}

/// libc's `pread`: the bare call passes offsets in pairs of registers here, differently per system.
#[cfg(not(target_pointer_width = "64"))]
fn pread(descriptor: i32, buffer: &mut [u8], offset: usize) -> isize {
  let offset = libc::off_t::try_from(offset).unwrap_or(libc::off_t::MAX);
  // SAFETY: the pointer and the length are those of a live, writable slice.
  unsafe { libc::pread(descriptor, buffer.as_mut_ptr().cast(), buffer.len(), offset) }
}

/// Closes a descriptor that this module opened and that nobody else knows.
fn close(descriptor: i32) {
  // SAFETY: close takes no pointer; the number is owned by the caller.
  unsafe { libc::close(descriptor) };
}

fn last_errno() -> i32 {
  std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
