//! Any texts as the files that tell limits.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rs_memusage::limits::{Files, cgroup, host_memory, process_limit};

/// The first text lists the groups, the second the mounts, the third is every other file.
struct Tree([Vec<u8>; 3]);

impl Files for Tree {
  fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
    let Tree([groups, mounts, others]) = self;
    Some(match path {
      b"/proc/self/cgroup" => groups.clone(),
      b"/proc/self/mountinfo" => mounts.clone(),
      _ => others.clone(),
    })
  }
}

fuzz_target!(|texts: [Vec<u8>; 3]| {
  let tree = Tree(texts);
  let bounds = [cgroup(&tree).map(|cgroup| cgroup.limit), process_limit(&tree), host_memory(&tree)];
  for bound in bounds.into_iter().flatten() {
    assert!(bound.available().is_none_or(|available| Some(available) <= bound.limit));
    assert_eq!(bound.limit.is_some(), bound.source.is_some());
  }
});
