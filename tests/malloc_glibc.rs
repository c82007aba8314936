//! glibc's figures against `mallinfo2`, and what is promised against what a trim takes off RSS.
#![cfg(target_env = "gnu")]
#![expect(
  clippy::unwrap_used,
  clippy::arithmetic_side_effects,
  reason = "helpers of tests fail by panicking too, and their sizes are small"
)]

mod alone;

use std::ffi::c_void;

use alone::alone;
use rs_memusage::malloc::{allocator_name, headers_are_known, retained, statistics, trim};
use rs_memusage::platform::resident_set_size;

const MIB: u64 = 1024 * 1024;

/// What the test harness itself may allocate and free while we measure.
const NOISE: u64 = 2 * MIB;

/// Chunks of malloc that are freed one by one, or never.
struct Chunks(Vec<*mut c_void>);

impl Chunks {
  fn untouched(count: usize, size: usize) -> Self {
    // SAFETY: malloc takes any size. What nobody looks at an optimised build would leave out.
    Self((0..count).map(|_| std::hint::black_box(unsafe { libc::malloc(size) })).collect())
  }

  fn touched(count: usize, size: usize) -> Self {
    let chunks = Self::untouched(count, size);
    for chunk in &chunks.0 {
      // SAFETY: the chunk has that size.
      unsafe { libc::memset(*chunk, 1, size) };
    }
    chunks
  }

  /// Frees all but every `n`th.
  fn free_all_but_every(self, n: usize) {
    for (index, chunk) in self.0.into_iter().enumerate() {
      if index % n != 0 {
        // SAFETY: malloc gave the chunk and nobody else knows it.
        unsafe { libc::free(chunk) };
      }
    }
  }
}

/// Resident bytes of the main arena and of those of threads, which start at multiples of 64 MiB.
fn arenas_resident() -> u64 {
  const ALIGNMENT: u64 = 64 * MIB;
  let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
  let mut in_arena = false;
  let mut resident = 0;
  for line in smaps.lines() {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    match words.as_slice() {
      [range, "rw-p", _, _, inode, name @ ..] => {
        let start = range.split_once('-').unwrap().0;
        let aligned = u64::from_str_radix(start, 16).unwrap() % ALIGNMENT == 0;
        in_arena = *name == ["[heap]"] || (aligned && *inode == "0" && name.is_empty());
      }
      ["Rss:", kib, "kB"] if in_arena => resident += kib.parse::<u64>().unwrap() * 1024,
      [_, flags, ..] if flags.len() == 4 && flags.ends_with('p') => in_arena = false,
      _ => {}
    }
  }
  resident
}

/// What is promised, and what a trim then takes off RSS.
fn promised_and_released() -> (u64, u64) {
  let promised = retained(&statistics().unwrap(), arenas_resident());
  let before = resident_set_size().unwrap();
  assert!(trim());
  let released = before.saturating_sub(resident_set_size().unwrap());
  (promised, released)
}

/// # Panics
/// When the promise is off by more than a fifth and the noise.
fn assert_kept((promised, released): (u64, u64)) {
  let tolerance = released / 5 + NOISE;
  assert!(promised.abs_diff(released) <= tolerance, "promised {promised}, released {released}");
}

#[test]
fn agrees_with_mallinfo2() {
  alone("agrees_with_mallinfo2", "", || {
    assert_eq!(allocator_name(), Some("glibc"));
    let _mapped = Chunks::untouched(1, 80 << 20);
    Chunks::touched(20_000, 600).free_all_but_every(2);
    // SAFETY: mallinfo2 may be called at any time.
    let theirs = unsafe { libc::mallinfo2() };
    let ours = statistics().unwrap();
    // The text of malloc_info is itself in memory of malloc while it is made.
    let buffers = 256 * 1024;
    assert!(ours.arena_in_use.abs_diff(u64::try_from(theirs.uordblks).unwrap()) < buffers);
    assert!(ours.arena_reserved.abs_diff(u64::try_from(theirs.arena).unwrap()) < buffers);
    assert_eq!(ours.mapped_in_use, u64::try_from(theirs.hblkhd).unwrap());
    assert!(ours.mapped_in_use >= 80 * MIB);
    assert_eq!(ours.in_use(), ours.arena_in_use + ours.mapped_in_use);
  });
}

#[test]
fn long_free_runs_are_promised_and_come() {
  alone("long_free_runs_are_promised_and_come", "", || {
    Chunks::touched(300_000, 600).free_all_but_every(40);
    let (promised, released) = promised_and_released();
    assert!(released > 100 * MIB, "{released}");
    assert_kept((promised, released));
    assert!(promised_and_released().0 < NOISE, "what went back is not promised twice");
  });
}

#[test]
fn holes_smaller_than_a_page_are_not_promised() {
  alone("holes_smaller_than_a_page_are_not_promised", "", || {
    Chunks::touched(300_000, 600).free_all_but_every(2);
    let found = statistics().unwrap();
    assert!(found.arena_reserved - found.arena_in_use > 64 * MIB, "much is free");
    let (promised, released) = promised_and_released();
    assert!(promised < NOISE && released < NOISE, "promised {promised}, released {released}");
  });
}

#[test]
fn holes_of_two_pages_are_promised_by_half() {
  alone("holes_of_two_pages_are_promised_by_half", "", || {
    Chunks::touched(40_000, 8200).free_all_but_every(2);
    let (promised, released) = promised_and_released();
    assert!(released > 64 * MIB && released < 90 * MIB, "{released} of 160 MiB");
    assert_kept((promised, released));
  });
}

#[test]
fn free_memory_that_was_never_touched_is_not_promised() {
  alone("free_memory_that_was_never_touched_is_not_promised", "", || {
    Chunks::untouched(2000, 100_000).free_all_but_every(100);
    let statistics = statistics().unwrap();
    assert!(statistics.arena_releasable > 128 * MIB, "{statistics:?}");
    let (promised, released) = promised_and_released();
    assert!(promised < 16 * MIB && released < 16 * MIB, "promised {promised}, released {released}");
  });
}

#[test]
fn what_threads_leave_behind_is_promised_and_comes() {
  alone("what_threads_leave_behind_is_promised_and_comes", "", || {
    // Chunks that stay keep the arenas from giving their memory back by themselves.
    let work = || {
      Chunks::touched(5000, 600).free_all_but_every(2);
      Chunks::touched(400, 65_536).free_all_but_every(20);
    };
    std::thread::scope(|scope| {
      for _ in 0..4 {
        scope.spawn(work);
      }
    });
    let (promised, released) = promised_and_released();
    assert!(released > 64 * MIB, "{released}");
    assert_kept((promised, released));
  });
}

#[test]
fn headers_are_known_also_where_free_memory_is_vast() {
  alone("headers_are_known_also_where_free_memory_is_vast", "", || {
    // A large request is then cut from what is free and gets no mapping of its own.
    Chunks::untouched(1000, 100_000).free_all_but_every(999);
    assert!(headers_are_known());
  });
}
