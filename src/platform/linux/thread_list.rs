//! The threads of this process: their names, and where their control blocks lie.

use std::ffi::{CString, c_void};

use super::small_file::SmallFile;
use super::spare_descriptor::with_spare_descriptor;
use crate::platform::ThreadPlace;

/// All threads. One that just ends may be left out.
pub fn thread_places() -> Vec<ThreadPlace> {
  let tids = with_spare_descriptor(|| {
    let tasks = std::fs::read_dir("/proc/self/task")?;
    Ok(tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect::<Vec<i32>>())
  });
  let place = |tid| ThreadPlace { tid, control_block: control_block(tid) };
  tids.unwrap_or_default().into_iter().map(place).collect()
}

/// The kernel's number for the calling thread.
pub fn current_thread() -> i32 {
  // SAFETY: gettid has no preconditions.
  unsafe { libc::gettid() }
}

/// The kernel's number for the thread that the process began with.
pub fn main_thread() -> i32 {
  // SAFETY: getpid has no preconditions.
  unsafe { libc::getpid() }
}

/// The name that a thread gave itself; `None` when it ended.
pub fn thread_name(tid: i32) -> Option<String> {
  let name = SmallFile::read(&CString::new(format!("/proc/self/task/{tid}/comm")).ok()?)?;
  Some(String::from_utf8_lossy(name.bytes().trim_ascii_end()).into_owned())
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
