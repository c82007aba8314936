//! One control group on the way from that of the process to the root.

use super::Files;
use super::bound::Bound;
use crate::parse::cgroup::{amount, count};

/// Version 1 writes the largest number of whole pages where nothing is limited: with pages of 64 KiB this one, with
/// smaller ones more.
pub(super) const UNLIMITED_V1: u64 = 0x7fff_ffff_ffff_0000;

/// Of version 1 or 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
  One,
  Two,
}

/// A group and what it says of its memory.
#[derive(Debug, Clone)]
pub(super) struct Level {
  pub(super) version: Version,
  /// The path of its directory.
  pub(super) folder: Vec<u8>,
  /// Whether the file with the limit is there. The root of version 2 has none.
  pub(super) may_be_limited: bool,
  /// Beyond that somebody is killed.
  pub(super) limit: Option<u64>,
  /// Beyond that who allocates is slowed down. Version 1 has no such thing.
  pub(super) high: Option<u64>,
  /// All that is charged to it and to groups below, page cache included.
  pub(super) usage: Option<u64>,
  /// Of that, page cache that the kernel takes back first.
  pub(super) inactive_file: Option<u64>,
}

impl Level {
  pub(super) fn read(files: &impl Files, folder: Vec<u8>, version: Version) -> Self {
    let text = |name: &str| files.read(&in_folder(&folder, name));
    let amount_in = |name: &'static str| text(name).and_then(|text| amount(&text, name).ok());
    let (limit, high, usage, inactive_file) = match version {
      Version::One => (
        amount_in("memory.limit_in_bytes").map(|limit| limit.filter(|bytes| *bytes < UNLIMITED_V1)),
        None,
        amount_in("memory.usage_in_bytes"),
        "total_inactive_file",
      ),
      Version::Two => {
        (amount_in("memory.max"), amount_in("memory.high"), amount_in("memory.current"), "inactive_file")
      }
    };
    let inactive_file = text("memory.stat").and_then(|text| count(&text, inactive_file));
    Self {
      version,
      may_be_limited: limit.is_some(),
      limit: limit.flatten(),
      high: high.flatten(),
      usage: usage.flatten(),
      inactive_file,
      folder,
    }
  }

  /// What counts against a limit: page cache that nobody used lately is given up before anybody is killed.
  pub(super) fn working_set(&self) -> Option<u64> {
    Some(self.usage?.saturating_sub(self.inactive_file.unwrap_or(0)))
  }

  pub(super) fn by_limit(&self) -> Bound {
    let name = match self.version {
      Version::One => "memory.limit_in_bytes",
      Version::Two => "memory.max",
    };
    self.bound(self.limit, name)
  }

  pub(super) fn by_high(&self) -> Bound {
    self.bound(self.high, "memory.high")
  }

  fn bound(&self, limit: Option<u64>, name: &str) -> Bound {
    let source = limit.map(|_| String::from_utf8_lossy(&in_folder(&self.folder, name)).into_owned());
    Bound { limit, used: self.working_set(), source }
  }
}

/// The path of a file in a folder.
pub(super) fn in_folder(folder: &[u8], name: &str) -> Vec<u8> {
  [folder, b"/", name.as_bytes()].concat()
}
