//! The footprint of processes that really share memory, in a test process of its own: a fork elsewhere in it would
//! make private pages shared.

use std::io::{Read, pipe};
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

use rs_memusage::MeasureError;
use rs_memusage::platform::{Footprint, footprint, resident_set_size};

const MIB: u64 = 1024 * 1024;
const SHARED_BYTES: usize = 64 << 20;

#[test]
fn memory_that_parent_and_child_share_counts_once_in_the_sum_of_pss() {
  let (mut from_child, to_parent) = pipe().unwrap();
  let protection = libc::PROT_READ | libc::PROT_WRITE;
  let sharing = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
  // SAFETY: an anonymous mapping at an address that the kernel chooses.
  let shared = unsafe { libc::mmap(null_mut(), SHARED_BYTES, protection, sharing, -1, 0) };
  assert_ne!(shared, libc::MAP_FAILED);
  // SAFETY: the mapping has that length and lives until the process ends.
  unsafe { libc::memset(shared, 1, SHARED_BYTES) };
  let alone = footprint(None).unwrap();

  // SAFETY: the child writes into the mapping and the pipe, and waits; nothing of the test harness runs in it.
  let child = unsafe { libc::fork() };
  if child == 0 {
    // SAFETY: the child inherited the mapping.
    unsafe { libc::memset(shared, 2, SHARED_BYTES) };
    // SAFETY: one byte of a literal.
    unsafe { libc::write(to_parent.as_raw_fd(), b"!".as_ptr().cast(), 1) };
    // SAFETY: no preconditions; nobody handles the alarm, so it ends a child that the parent forgot.
    unsafe { libc::alarm(60) };
    // SAFETY: no preconditions.
    unsafe { libc::pause() };
  }
  from_child.read_exact(&mut [0]).unwrap();
  let own = footprint(None).unwrap();
  let childs = footprint(Some(u32::try_from(child).unwrap())).unwrap();
  let resident = resident_set_size().unwrap();
  end(child);

  let in_both = SHARED_BYTES.try_into().unwrap();
  let sum = own.pss.checked_add(childs.pss).unwrap();
  assert!(sum.abs_diff(alone.pss) < 8 * MIB, "{sum} together, {} alone", alone.pss);
  assert!(resident > in_both, "a sum of RSS counts it twice");
  assert!(alone.uss > in_both, "one process alone: private");
  for Footprint { uss, pss, .. } in [own, childs] {
    assert!(uss < 8 * MIB, "{uss} of a process with next to nothing of its own");
    assert!(pss >= in_both / 2 && pss < in_both, "{pss}: half of it");
  }
  assert_eq!(
    footprint(Some(u32::try_from(child).unwrap())),
    Err(MeasureError::Read {
      file: format!("/proc/{child}/smaps_rollup").into(),
      syscall: "open",
      errno: libc::ENOENT
    })
  );
}

fn end(child: libc::pid_t) {
  // SAFETY: the child is ours and not reaped yet, so the number is still its own.
  unsafe { libc::kill(child, libc::SIGKILL) };
  // SAFETY: the status may be null.
  assert_eq!(unsafe { libc::waitpid(child, null_mut(), 0) }, child);
}
