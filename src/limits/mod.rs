//! How much memory is left, by everybody who may say that it is enough.
//!
//! Pure functions over the files that [`Files`] reads: in production those of this system, in tests captured trees.

mod bound;
mod cgroup;
mod level;
mod process;

pub use bound::Bound;
pub use cgroup::{Cgroup, Events, cgroup};
pub use process::{host_memory, process_limit};

pub use crate::parse::pressure::{Pressure, Stall};

/// Files of the kernel.
pub trait Files {
  /// The text of one; `None` where it is not there, or may not be read.
  fn read(&self, path: &[u8]) -> Option<Vec<u8>>;
}
