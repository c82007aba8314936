//! Files of the kernel, opened for one reading.
//!
//! What is read once in a look is not worth a descriptor that somebody else may close.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, OwnedFd};

use super::spare_descriptor::with_spare_descriptor;
use crate::error::MeasureError;

/// The whole text of a file. One of more than `largest` bytes is refused: what the kernel says of one process has an
/// end, and memory that is taken to read it is the program's.
pub(super) fn read(path: &CStr, largest: usize) -> Result<Vec<u8>, MeasureError> {
  let failed = |syscall, error: io::Error| MeasureError::Read {
    file: path.to_string_lossy().into_owned().into(),
    syscall,
    errno: error.raw_os_error().unwrap_or(libc::EFBIG),
  };
  with_spare_descriptor(|| open(path, libc::O_RDONLY).map(|file| read_to_end(file.into(), largest)))
    .map_err(|error| failed("open", error))?
    .map_err(|error| failed("read", error))
}

/// Opens a file and nothing else: `File::open` may ask for more than was wished for.
pub(super) fn open(path: &CStr, access: i32) -> io::Result<OwnedFd> {
  // SAFETY: the path is a C string.
  let descriptor = unsafe { libc::open(path.as_ptr(), access | libc::O_CLOEXEC) };
  if descriptor < 0 {
    return Err(io::Error::last_os_error());
  }
  // SAFETY: the descriptor was just opened and nobody else owns it.
  Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// The kernel hands such files out in pieces, as a rule of a page each.
fn read_to_end(mut file: File, largest: usize) -> io::Result<Vec<u8>> {
  const ROOM: usize = 16 * 1024;
  let mut text = Vec::new();
  let mut length = 0_usize;
  loop {
    if text.len() < length.saturating_add(ROOM) {
      text.resize(length.saturating_mul(2).max(ROOM), 0);
    }
    match file.read(text.get_mut(length..).unwrap_or_default()) {
      Ok(0) => break,
      Ok(piece) => length = length.saturating_add(piece),
      Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
      Err(error) => return Err(error),
    }
    if length > largest {
      return Err(io::ErrorKind::FileTooLarge.into());
    }
  }
  text.truncate(length);
  Ok(text)
}
