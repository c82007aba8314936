//! One descriptor held in reserve, for the rare call that must open a file when the table is full.
//!
//! It names a file of the kernel that nobody reads, and of which we read nothing either: what counts is that its inode
//! is recognised again. Were the number closed and reused by somebody else, closing it blindly would close their file.

use std::io;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::Mutex;

use super::identity::{Identity, identity};
use super::proc_file;

struct Spare {
  descriptor: RawFd,
  identity: Identity,
}

static SPARE: Mutex<Option<Spare>> = Mutex::new(None);

/// Takes a descriptor into reserve unless one is held already. Does without where there is none to be had.
pub(super) fn acquire() {
  if let Ok(mut spare) = SPARE.lock()
    && spare.is_none()
  {
    *spare = create();
  }
}

/// Frees one place in the descriptor table. The caller opens its file, closes it, and returns the place.
pub fn borrow_spare_descriptor() -> bool {
  let Ok(mut held) = SPARE.lock() else { return false };
  match held.take() {
    Some(spare) if identity(spare.descriptor) == Some(spare.identity) => {
      // SAFETY: close takes no pointer, and the inode proves that the number is still ours.
      unsafe { libc::close(spare.descriptor) == 0 }
    }
    _ => false,
  }
}

/// Takes the place back into reserve.
pub fn return_spare_descriptor() {
  acquire();
}

/// Does work that opens a file and closes it again; when no descriptor is left, a second time without the spare.
pub(super) fn with_spare_descriptor<T>(work: impl Fn() -> io::Result<T>) -> io::Result<T> {
  work().or_else(|error| {
    if !matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) {
      return Err(error);
    }
    borrow_spare_descriptor();
    let outcome = work();
    return_spare_descriptor();
    outcome
  })
}

fn create() -> Option<Spare> {
  let descriptor = proc_file::open(c"/proc/self/timerslack_ns", libc::O_PATH).ok()?.into_raw_fd();
  let identity = identity(descriptor)?;
  Some(Spare { descriptor, identity })
}
