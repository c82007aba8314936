//! The Linux figures against the kernel's other words, and the descriptors across a bare fork.
#![expect(
  clippy::unwrap_used,
  clippy::arithmetic_side_effects,
  reason = "helpers of tests fail by panicking too"
)]

mod alone;

use alone::alone;
use rs_memusage::platform::{
  OwnMemory, OwnPages, allocate_zeroed, coarse_millis, defining_object, free, give_back, is_locked, map,
  page_size, peak_resident_set_size, prepare, read_own_words, reset_peak_resident_set_size, resident_pages,
  resident_set_size, unmap, without_huge_pages,
};

const MIB: u64 = 1024 * 1024;

/// A field of `/proc/self/status` in bytes.
fn status(field: &str) -> u64 {
  let text = std::fs::read_to_string("/proc/self/status").unwrap();
  let line = text.lines().find(|line| line.starts_with(field)).unwrap();
  line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

// Tests run side by side, and each of the others has memory of its own.
#[test]
fn rss_and_peak_are_what_the_kernel_says() {
  alone("rss_and_peak_are_what_the_kernel_says", "", || {
    prepare();
    assert!(resident_set_size().unwrap().abs_diff(status("VmRSS:")) < MIB);
    assert!(peak_resident_set_size().unwrap().unwrap().abs_diff(status("VmHWM:")) < MIB);
    assert_eq!(reset_peak_resident_set_size(), Ok(true));
  });
}

#[test]
fn a_forked_child_reads_its_own_memory_not_its_parents() {
  alone("a_forked_child_reads_its_own_memory_not_its_parents", "", || {
    prepare();
    let parent_before = resident_set_size().unwrap();
    // SAFETY: the child only measures, allocates and leaves by _exit; nothing of the test harness runs in it.
    let child = unsafe { libc::fork() };
    if child == 0 {
      let before = resident_set_size().unwrap_or(0);
      let block = vec![1_u8; 64 << 20];
      let grown = resident_set_size().unwrap_or(0).saturating_sub(before);
      let enough = u8::try_from(block.len() >> 20).unwrap_or(0) == 64 && grown >= 63 * MIB;
      // SAFETY: ends the child at once.
      unsafe { libc::_exit(i32::from(!enough)) };
    }
    let mut status = 0;
    // SAFETY: the child is ours and the pointer is that of a live local.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child);
    assert_eq!(status, 0, "the child did not see its own 64 MiB");
    assert!(
      resident_set_size().unwrap().abs_diff(parent_before) < 32 * MIB,
      "the parent reads its own memory again"
    );
  });
}

#[test]
fn reading_memory_that_is_not_there_fails_and_does_not_fault() {
  let known = [7_u64, 8, 9];
  let mut words = [0; 3];
  assert!(read_own_words(known.as_ptr().addr(), &mut words));
  assert_eq!(words, known);
  assert!(!read_own_words(0, &mut words));
  assert!(!read_own_words(usize::MAX - 7, &mut words));
}

#[test]
fn gathering_skips_what_cannot_be_read() {
  /// As a header of something that is no page may lead anywhere.
  const NOWHERE: [u64; 5] = [0, 8, 1 << 46, 0xFFFF_8000_0000_0000, u64::MAX - 7];
  let known: Vec<[u64; 2]> = (1..=3000_u64).map(|word| [word, !word]).collect();
  let addresses: Vec<u64> = known
    .iter()
    .enumerate()
    .map(|(index, words)| match NOWHERE.get(index % 7) {
      Some(address) if index.is_multiple_of(3) => *address,
      _ => u64::try_from(words.as_ptr().addr()).unwrap(),
    })
    .collect();
  for count in [0, 1, 2, 5, 100, 3000] {
    let mut words = Vec::new();
    OwnMemory::open().gather(&addresses[..count], 2, &mut words);
    let expected: Vec<u64> = known
      .iter()
      .zip(&addresses[..count])
      .flat_map(|(words, address)| if NOWHERE.contains(address) { [0; 2] } else { *words })
      .collect();
    assert_eq!(words, expected, "{count} addresses");
  }
}

#[test]
fn a_run_of_regions_is_as_resident_as_each_of_them() {
  /// Behind each region a hole of as many pages, which belongs to none.
  const REGION_PAGES: u64 = 24;
  const REGIONS: u64 = 600;
  prepare();
  let page = page_size();
  let length = usize::try_from(REGIONS * 2 * REGION_PAGES * page).unwrap();
  let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
  // SAFETY: a new mapping at a place that the kernel chooses.
  let memory = unsafe { libc::mmap(std::ptr::null_mut(), length, access, kind, -1, 0) };
  assert_ne!(memory, libc::MAP_FAILED);
  let start = u64::try_from(memory.addr()).unwrap();
  let touch = |index: u64| {
    let place = memory.cast::<u8>().wrapping_add(usize::try_from(index * page).unwrap());
    // SAFETY: the place lies in the mapping, and nobody else has it.
    unsafe { place.write(1) };
  };
  let is_touched = |index: u64| !index.is_multiple_of(5) && !(index / 7).is_multiple_of(3);
  (0..REGIONS * 2 * REGION_PAGES).filter(|index| is_touched(*index)).for_each(touch);
  let step = 2 * REGION_PAGES * page;
  // The first few adjoin the next one.
  let pages_of = |index: u64| if index < 3 { 2 * REGION_PAGES } else { REGION_PAGES };
  let regions: Vec<(u64, u64)> =
    (0..REGIONS).map(|index| (start + index * step, start + index * step + pages_of(index) * page)).collect();
  for count in [0, 1, 2, 100, 600] {
    let (mut together, mut each) = (vec![7], vec![7]);
    OwnPages::open().resident_pages_of_run(&regions[..count], &mut together);
    for (start, end) in &regions[..count] {
      resident_pages(*start, *end, &mut each);
    }
    assert_eq!(together, each, "{count} regions");
  }
  // SAFETY: nothing points into the mapping any more.
  assert_eq!(unsafe { libc::munmap(memory, length) }, 0);
}

#[test]
fn functions_of_one_library_have_one_defining_object() {
  let libc = defining_object(c"dlsym").unwrap();
  assert_eq!(defining_object(c"getpid"), Some(libc));
  assert_ne!(defining_object(c"__tls_get_addr").unwrap(), libc, "that one is in the loader");
  assert_eq!(defining_object(c"no such function"), None);
}

#[test]
fn memory_of_a_small_buffer_is_zeros() {
  for length in [1, 4096, 64 * 1024 - 1] {
    let start = allocate_zeroed(length).unwrap();
    assert!(start.cast::<u128>().is_aligned());
    // SAFETY: the memory has that length and nobody else knows it.
    let bytes = unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), length) };
    assert!(bytes.iter().all(|byte| *byte == 0));
    bytes.fill(1);
    // SAFETY: it was allocated with this length and is not used any more.
    unsafe { free(start, length) };
  }
  assert_eq!(allocate_zeroed(0), None);
  assert_eq!(allocate_zeroed(usize::MAX), None);
}

#[test]
fn pages_that_are_given_back_are_zeros_and_those_that_are_unmapped_are_gone() {
  let length = 64 * 1024;
  let start = map(length).unwrap();
  without_huge_pages(start, length);
  let bytes = std::ptr::with_exposed_provenance_mut::<u8>(start);
  // SAFETY: the memory has that length and nobody else knows it.
  unsafe { bytes.write_bytes(1, length) };
  // SAFETY: nobody uses the memory.
  assert!(unsafe { give_back(start, length) });
  let mut residency = Vec::new();
  let [first, behind] = [start, start + length].map(|address| u64::try_from(address).unwrap());
  resident_pages(first, behind, &mut residency);
  assert!(residency.iter().all(|page| page & 1 == 0));
  // SAFETY: it is mapped, and any bytes are valid.
  assert_eq!(unsafe { bytes.read() }, 0);
  // SAFETY: nobody uses the memory.
  assert!(!unsafe { is_locked(start, length) });
  // SAFETY: as above.
  assert!(unsafe { unmap(start, length) });
  assert!(!read_own_words(start, &mut [0]));
  assert_eq!(map(usize::MAX), None);
}

#[test]
fn the_coarse_clock_goes_forward() {
  let before = coarse_millis();
  std::thread::sleep(std::time::Duration::from_millis(50));
  assert!(coarse_millis() >= before + 40);
}
