//! The arithmetic of `retained` and `releasable` against that of glibc's own trim, chunk by chunk.
#![expect(clippy::arithmetic_side_effects, reason = "sizes of tests are small, and a test may panic")]

use proptest::prelude::*;
use rs_memusage::malloc::{Statistics, releasable, retained};
use rs_memusage::parse::malloc_info::{Arena, Bin, MallocInfo};

const PAGE_SIZES: [u64; 2] = [4096, 65536];

/// `mtrim` of glibc's `malloc.c`: what leaves of one free chunk.
fn glibc_releases(chunk: u64, size: u64, page: u64) -> u64 {
  let head = 48;
  if size <= page - 1 + head {
    return 0;
  }
  let first_page = (chunk + head).next_multiple_of(page);
  (chunk + size).saturating_sub(first_page) / page * page
}

/// The same, on the average over all places where the chunk may start.
fn mean_release(size: u64, page: u64) -> u64 {
  let starts = page / 16;
  (0..starts).map(|start| glibc_releases(page + start * 16, size, page)).sum::<u64>() / starts
}

fn arena(top: u64, bins: Vec<Bin>) -> Arena {
  Arena { system: 1 << 40, in_use: 0, top, bins }
}

fn bin_of(sizes: &[u64]) -> Bin {
  let largest = *sizes.iter().max().unwrap_or(&0);
  Bin { largest, total: sizes.iter().sum(), count: u64::try_from(sizes.len()).unwrap_or(0) }
}

proptest! {
  #[test]
  fn one_chunk_is_what_glibc_releases_on_the_average(units in 2_u64..20_000) {
    for page in PAGE_SIZES {
      let size = units * 16;
      let info = MallocInfo { arenas: vec![arena(0, vec![bin_of(&[size])])], mapped: 0 };
      prop_assert_eq!(releasable(&info, page), mean_release(size, page));
    }
  }

  #[test]
  fn chunks_of_any_sizes_never_promise_more(units in proptest::collection::vec(2_u64..3000, 1..50)) {
    for page in PAGE_SIZES {
      let sizes: Vec<u64> = units.iter().map(|units| units * 16).collect();
      let info = MallocInfo { arenas: vec![arena(0, vec![bin_of(&sizes)])], mapped: 0 };
      let real: u64 = sizes.iter().map(|size| mean_release(*size, page)).sum();
      prop_assert!(releasable(&info, page) <= real);
    }
  }

  #[test]
  fn takes_any_statistics(figures in proptest::array::uniform5(any::<u64>())) {
    let [arena_in_use, mapped_in_use, arena_reserved, arena_releasable, resident] = figures;
    let statistics = Statistics { arena_in_use, mapped_in_use, arena_reserved, arena_releasable };
    prop_assert!(retained(&statistics, resident) <= arena_releasable.min(resident));
    prop_assert!(statistics.in_use() >= arena_in_use.max(mapped_in_use));
  }

  #[test]
  fn takes_any_sizes(figures in proptest::array::uniform5(any::<u64>())) {
    let [largest, total, count, top, page] = figures;
    let arenas = vec![arena(top, vec![Bin { largest, total, count }; 2])];
    let _no_panic = releasable(&MallocInfo { arenas, mapped: 0 }, page);
  }
}

#[test]
fn the_top_chunk_goes_back_in_the_main_arena_alone() {
  let of_threads = || arena(10 << 20, vec![]);
  let main = |top| MallocInfo { arenas: vec![arena(top, vec![]), of_threads(), of_threads()], mapped: 0 };
  assert_eq!(releasable(&main(0), 4096), 0);
  assert_eq!(releasable(&main(32 + 1 + 4095), 4096), 0);
  assert_eq!(releasable(&main(32 + 1 + 4096), 4096), 4096);
  assert_eq!(releasable(&main(5 << 20), 4096), (5 << 20) - 4096);
}

#[test]
fn free_memory_that_is_not_resident_is_not_promised() {
  let statistics =
    Statistics { arena_in_use: 10, mapped_in_use: 0, arena_reserved: 1000, arena_releasable: 900 };
  assert_eq!(retained(&statistics, 1000), 900, "all is resident");
  assert_eq!(retained(&statistics, 400), 300, "100 bytes stay in any case");
  assert_eq!(retained(&statistics, 100), 0, "right after a trim");
  assert_eq!(retained(&statistics, 0), 0, "all is in swap");
  assert_eq!(retained(&statistics, 5000), 900, "more is resident than the allocator knows of");
}
