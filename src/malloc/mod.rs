//! The C allocator: which one it is, what the program holds of it, what it could give back, and the order to.
//!
//! All of this takes the allocator's locks and, in glibc, walks its free lists: from a tenth of a millisecond to
//! two hundred, while threads that allocate wait. It happens when somebody asks for it and never by itself.

mod allocator;
mod glibc;
mod jemalloc;
mod large_chunks;
mod mimalloc;
mod releasable;
mod statistics;

use std::sync::OnceLock;

use self::allocator::Allocator;

pub use large_chunks::bytes_in_large_chunks;
pub use releasable::releasable;
pub use statistics::{Statistics, retained};

/// The allocator behind `malloc`: `"glibc"`, `"jemalloc"`, `"mimalloc"` or `"tcmalloc"`; `None` for any other.
pub fn allocator_name() -> Option<&'static str> {
  Allocator::current().map(Allocator::name)
}

/// Whether this is glibc's malloc and it marks its memory as we read it: a chunk large enough for a mapping of its own
/// is asked for, looked at, and given back. Found out once.
pub fn headers_are_known() -> bool {
  static KNOWN: OnceLock<bool> = OnceLock::new();
  *KNOWN.get_or_init(|| match Allocator::current() {
    Some(Allocator::Glibc(_)) => glibc::marks_large_chunks(),
    _ => false,
  })
}

/// The arena of the calling thread, if this is glibc's malloc: its address, or 0 for the main one. It means something
/// only where [`headers_are_known`], which takes longer to find out than a thread should have to wait at its start.
pub fn own_arena() -> Option<u64> {
  glibc::own_arena()
}

/// What the allocator says of itself; `None` where it cannot tell.
pub fn statistics() -> Option<Statistics> {
  Allocator::current()?.statistics()
}

/// Has the allocator give free memory back to the system. `false` where it has no way to.
pub fn trim() -> bool {
  Allocator::current().is_some_and(Allocator::trim)
}
