//! Reading a file of the kernel that fits into a few words, with as few system calls as that takes.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsRawFd;

use super::proc_file;
use super::spare_descriptor::with_spare_descriptor;

/// Longer texts are cut.
const SIZE: usize = 512;

/// What a small file holds.
pub(super) struct SmallFile {
  bytes: [u8; SIZE],
  length: usize,
}

impl SmallFile {
  /// Opens, reads and closes it; `None` when it cannot be read.
  pub(super) fn read(path: &CStr) -> Option<Self> {
    with_spare_descriptor(|| Self::read_now(path)).ok()
  }

  pub(super) fn bytes(&self) -> &[u8] {
    self.bytes.get(..self.length).unwrap_or_default()
  }

  fn read_now(path: &CStr) -> io::Result<Self> {
    let file = proc_file::open(path, libc::O_RDONLY)?;
    let mut bytes = [0; SIZE];
    // SAFETY: the pointer and the length are those of a live array.
    let length = unsafe { libc::read(file.as_raw_fd(), bytes.as_mut_ptr().cast(), SIZE) };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    Ok(Self { bytes, length })
  }
}
