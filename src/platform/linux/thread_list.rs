//! The threads of this process and where their control blocks lie.

use std::ffi::c_void;

use crate::platform::ThreadPlace;

/// Threads whose control block is known. A thread that just ends is left out.
pub fn thread_places() -> Vec<ThreadPlace> {
  let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
  tasks
    .flatten()
    .filter_map(|task| {
      let tid = task.file_name().to_str()?.parse().ok()?;
      Some(ThreadPlace { tid, control_block: control_block(tid)? })
    })
    .collect()
}

/// The control block of the calling thread, in the terms of [`thread_places`].
pub fn own_control_block() -> Option<u64> {
  const CALLING_THREAD: i32 = 0;
  control_block(CALLING_THREAD)
}

/// The list of robust mutexes has its head inside the control block, and the kernel knows it of every thread,
/// whatever that thread is doing.
fn control_block(tid: i32) -> Option<u64> {
  let mut head: *mut c_void = std::ptr::null_mut();
  let mut length: libc::size_t = 0;
  // SAFETY: the kernel writes one pointer and one size into live locals.
  let failed = unsafe { libc::syscall(libc::SYS_get_robust_list, tid, &raw mut head, &raw mut length) } != 0;
  let address = u64::try_from(head.addr()).ok()?;
  (!failed && address != 0).then_some(address)
}
