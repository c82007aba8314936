//! Other allocators than glibc's, loaded ahead of it or behind it: their figures, and what a trim takes off RSS.
//!
//! Not every machine has them. `scripts/test.mjs` runs those whose library is there: `cargo test -- --ignored NAME`.
#![cfg(target_env = "gnu")]
#![expect(
  clippy::unwrap_used,
  clippy::arithmetic_side_effects,
  reason = "helpers of tests fail by panicking too, and their sizes are small"
)]

mod alone;

use std::hint::black_box;

use alone::alone;
use rs_memusage::malloc::{allocator_name, retained, statistics, trim};
use rs_memusage::platform::{find_symbol, resident_set_size};

const MIB: u64 = 1024 * 1024;

/// What the test harness itself may allocate and free while we measure, and the allocator's own tables.
const NOISE: u64 = 8 * MIB;

/// Resident anonymous memory, nearly all of which is the allocator's here.
fn resident_anonymous() -> u64 {
  let status = std::fs::read_to_string("/proc/self/status").unwrap();
  let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
  line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// 1280 blocks of 100 KiB: 125 MiB.
fn blocks() -> Vec<Vec<u8>> {
  (0..1280).map(|_| black_box(vec![1; 100 * 1024])).collect()
}

fn released_by_trim() -> u64 {
  let before = resident_set_size().unwrap();
  assert!(trim());
  before.saturating_sub(resident_set_size().unwrap())
}

#[test]
#[ignore = "needs libjemalloc.so.2"]
fn jemalloc_tells_and_trims() {
  alone("jemalloc_tells_and_trims", "libjemalloc.so.2", || {
    assert_eq!(allocator_name(), Some("jemalloc"), "apt-get install libjemalloc2");
    let before = statistics().unwrap();
    let blocks = blocks();
    let full = statistics().unwrap();
    assert_eq!(full.mapped_in_use, 0);
    let grown = full.in_use() - before.in_use();
    assert!((125 * MIB..160 * MIB).contains(&grown), "jemalloc rounds up by a fifth at most: {grown}");
    assert!(retained(&full, resident_anonymous()) < NOISE);
    drop(blocks);
    let freed = statistics().unwrap();
    assert!(freed.in_use().abs_diff(before.in_use()) < NOISE, "{freed:?}");
    let promised = retained(&freed, resident_anonymous());
    let released = released_by_trim();
    assert!(released > 100 * MIB, "{released}");
    assert!(promised.abs_diff(released) < released / 5 + NOISE, "promised {promised}, released {released}");
    assert!(retained(&statistics().unwrap(), resident_anonymous()) < NOISE);
  });
}

#[test]
#[ignore = "needs libmimalloc.so.2"]
fn mimalloc_trims_and_does_not_tell() {
  alone("mimalloc_trims_and_does_not_tell", "libmimalloc.so.2", || {
    assert_eq!(allocator_name(), Some("mimalloc"), "apt-get install libmimalloc2.0");
    drop(blocks());
    assert_eq!(statistics(), None);
    assert!(trim());
  });
}

#[test]
#[ignore = "needs libtcmalloc_minimal.so.4"]
fn tcmalloc_is_known_by_name_only() {
  alone("tcmalloc_is_known_by_name_only", "libtcmalloc_minimal.so.4", || {
    assert_eq!(allocator_name(), Some("tcmalloc"), "apt-get install libtcmalloc-minimal4");
    assert_eq!(statistics(), None);
    assert!(!trim());
  });
}

#[test]
#[ignore = "needs libjemalloc.so.2"]
fn an_allocator_that_is_loaded_and_not_in_use_is_not_asked() {
  let behind_libc = "libc.so.6 libjemalloc.so.2";
  alone("an_allocator_that_is_loaded_and_not_in_use_is_not_asked", behind_libc, || {
    assert!(find_symbol(c"mallctl").is_some(), "apt-get install libjemalloc2");
    assert_eq!(allocator_name(), Some("glibc"));
    drop(blocks());
    assert!(statistics().unwrap().arena_reserved > 0);
  });
}
