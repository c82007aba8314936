//! Any text as what glibc's `malloc_info` prints.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rs_memusage::parse::malloc_info;

fuzz_target!(|text: &[u8]| {
  let Ok(info) = malloc_info::parse(text) else { return };
  assert!(!info.arenas.is_empty(), "there is always the main arena");
  for arena in &info.arenas {
    let binned = arena.bins.iter().try_fold(0_u64, |sum, bin| sum.checked_add(bin.total));
    let free = binned.and_then(|binned| binned.checked_add(arena.top)).expect("the free chunks do not wrap");
    assert_eq!(arena.in_use, arena.system.saturating_sub(free));
    assert!(arena.bins.iter().all(|bin| bin.largest % 8 == 0), "the flags are cut off a size");
  }
});
