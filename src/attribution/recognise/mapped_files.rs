//! Mappings of files and of shared memory, by their names.

use std::collections::HashSet;

use crate::attribution::piece::Part;
use crate::parse::maps::Region;

/// Files of which some part is mapped executable: programs, libraries, addons. All their mappings are code.
pub(super) struct CodeFiles<'a> {
  names: HashSet<&'a [u8]>,
}

impl<'a> CodeFiles<'a> {
  pub(super) fn find(regions: &[Region], text: &'a [u8]) -> Self {
    let names = regions
      .iter()
      .filter(|region| region.inode != 0 && region.access.execute)
      .map(|region| region.name(text))
      .filter(|name| !is_shared_memory(name))
      .collect();
    Self { names }
  }

  /// The part of a region that is backed by a file or shared.
  pub(super) fn part_of(&self, region: &Region, text: &[u8]) -> Part {
    let name = region.name(text);
    if is_shared_memory(name) || (region.inode == 0 && region.access.shared) {
      Part::SharedMemory
    } else if self.names.contains(name) {
      Part::Code
    } else {
      Part::MappedFiles
    }
  }
}

/// Names the kernel gives to memory that is shared through a file system without a disk.
fn is_shared_memory(name: &[u8]) -> bool {
  const PREFIXES: [&[u8]; 5] = [b"/memfd:", b"/secretmem", b"/dev/shm/", b"/SYSV", b"/dev/zero"];
  PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
