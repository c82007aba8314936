//! Any text as `/proc/self/smaps` or `/proc/self/smaps_rollup`: the blocks, and their sum.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rs_memusage::parse::smaps::{self, Block};

fuzz_target!(|text: &[u8]| {
  let mut blocks: Vec<Block> = Vec::new();
  let mut failed = false;
  for block in smaps::blocks(text) {
    assert!(!failed, "a malformed block is the last");
    match block {
      Ok(block) => blocks.push(block),
      Err(_) => failed = true,
    }
  }
  for block in &blocks {
    assert!(block.start < block.end);
  }
  let Ok(sum) = smaps::sum(text) else { return };
  let unique = sum.unique_set_size();
  assert!(unique >= sum.private_dirty && unique >= sum.private_clean, "a sum does not wrap");
  if failed || blocks.is_empty() {
    return;
  }
  // Where every block is well formed, both readings of the same lines agree, so no sum wrapped in either.
  let total =
    |size: fn(&Block) -> u64| blocks.iter().try_fold(0_u64, |sum, block| sum.checked_add(size(block)));
  assert_eq!(total(|block| block.rss), Some(sum.rss));
  assert_eq!(total(|block| block.pss), Some(sum.pss));
  assert_eq!(total(|block| block.swap), Some(sum.swap));
});
