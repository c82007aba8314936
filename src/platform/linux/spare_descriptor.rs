//! One descriptor held in reserve, for the rare call that must open a file when the table is full.
//!
//! It is an empty memfd, because only an inode of our own can be recognised again: were the number closed and
//! reused by somebody else, closing it blindly would close their file.

use std::io;
use std::os::fd::RawFd;
use std::sync::Mutex;

struct Spare {
  descriptor: RawFd,
  device: libc::dev_t,
  inode: libc::ino_t,
}

static SPARE: Mutex<Option<Spare>> = Mutex::new(None);

/// Takes a descriptor into reserve unless one is held already. Does without where the kernel has no memfd.
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
    Some(spare) if identity(spare.descriptor) == Some((spare.device, spare.inode)) => {
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
  // SAFETY: the name is a C string literal.
  let descriptor = unsafe { libc::memfd_create(c"rs-memusage-spare".as_ptr(), libc::MFD_CLOEXEC) };
  let (device, inode) = identity(descriptor)?;
  Some(Spare { descriptor, device, inode })
}

fn identity(descriptor: RawFd) -> Option<(libc::dev_t, libc::ino_t)> {
  let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
  // SAFETY: fstat writes a whole `stat` to the pointer or fails.
  let failed = unsafe { libc::fstat(descriptor, status.as_mut_ptr()) } != 0;
  if failed {
    return None;
  }
  // SAFETY: fstat succeeded, so the struct is initialised.
  let status = unsafe { status.assume_init() };
  Some((status.st_dev, status.st_ino))
}
