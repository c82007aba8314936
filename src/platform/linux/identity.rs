//! Which file a descriptor names.
//!
//! A number that we keep is only a number: others may close it, and it then comes back as theirs. The inode tells.

use std::mem::MaybeUninit;
use std::os::fd::RawFd;

/// Tells an open file from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
  pub(super) device: u64,
  pub(super) inode: u64,
}

/// What the number names at this moment; `None` when it names nothing. Async-signal-safe.
pub(super) fn identity(descriptor: RawFd) -> Option<Identity> {
  let mut status = MaybeUninit::<libc::stat>::uninit();
  // SAFETY: fstat writes a whole `stat` to the pointer or fails.
  let failed = unsafe { libc::fstat(descriptor, status.as_mut_ptr()) } != 0;
  if failed {
    return None;
  }
  // SAFETY: fstat succeeded, so the struct is initialised.
  let status = unsafe { status.assume_init() };
  Some(Identity { device: status.st_dev, inode: status.st_ino })
}
