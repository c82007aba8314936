//! The Linux figures against the kernel's other words, and the descriptors across a bare fork.
#![cfg(all(target_os = "linux", not(feature = "unsupported")))]
#![expect(
  clippy::unwrap_used,
  clippy::arithmetic_side_effects,
  reason = "helpers of tests fail by panicking too"
)]

use rs_memusage::platform::{
  allocate_zeroed, coarse_millis, defining_object, free, peak_resident_set_size, prepare, read_own_words,
  reset_peak_resident_set_size, resident_set_size,
};

const MIB: u64 = 1024 * 1024;

/// A field of `/proc/self/status` in bytes.
fn status(field: &str) -> u64 {
  let text = std::fs::read_to_string("/proc/self/status").unwrap();
  let line = text.lines().find(|line| line.starts_with(field)).unwrap();
  line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn rss_and_peak_are_what_the_kernel_says() {
  prepare();
  assert!(resident_set_size().unwrap().abs_diff(status("VmRSS:")) < MIB);
  assert!(peak_resident_set_size().unwrap().unwrap().abs_diff(status("VmHWM:")) < MIB);
  assert_eq!(reset_peak_resident_set_size(), Ok(true));
}

#[test]
fn a_forked_child_reads_its_own_memory_not_its_parents() {
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
fn functions_of_one_library_have_one_defining_object() {
  let libc = defining_object(c"dlsym").unwrap();
  assert_eq!(defining_object(c"getpid"), Some(libc));
  assert_ne!(defining_object(c"__tls_get_addr").unwrap(), libc, "that one is in the loader");
  assert_eq!(defining_object(c"no such function"), None);
}

#[test]
fn memory_of_a_buffer_is_zeros_and_goes_back_at_once() {
  for length in [1, 4096, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1] {
    let start = allocate_zeroed(length).unwrap();
    assert!(start.cast::<u128>().is_aligned());
    // SAFETY: the memory has that length and nobody else knows it.
    let bytes = unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), length) };
    assert!(bytes.iter().all(|byte| *byte == 0));
    bytes.fill(1);
    // SAFETY: it was allocated with this length and is not used any more.
    unsafe { free(start, length) };
    let is_mapping = length >= 64 * 1024;
    assert!(!is_mapping || !read_own_words(start.addr().get(), &mut [0]));
  }
  assert_eq!(allocate_zeroed(0), None);
  assert_eq!(allocate_zeroed(usize::MAX), None);
}

#[test]
fn the_coarse_clock_goes_forward() {
  let before = coarse_millis();
  std::thread::sleep(std::time::Duration::from_millis(50));
  assert!(coarse_millis() >= before + 40);
}
