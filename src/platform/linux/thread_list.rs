//! The threads of this process: their names, and where their control blocks lie.

#[cfg(not(target_env = "musl"))]
use std::ffi::c_void;

#[cfg(not(target_env = "musl"))]
use super::sandbox::{self, Call};
use super::small_file::SmallFile;
use super::thread_numbers;
use crate::platform::ThreadPlace;

/// All threads, in the order in which they were made. One that just ends may be left out.
pub fn thread_places() -> Vec<ThreadPlace> {
  let threads = thread_numbers::threads();
  #[cfg(target_env = "musl")]
  let blocks = super::thread_ring::control_blocks(&threads);
  #[cfg(target_env = "musl")]
  let control_block = |tid| blocks.get(&tid).copied();
  threads.into_iter().map(|tid| ThreadPlace { tid, control_block: control_block(tid) }).collect()
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
  let name = SmallFile::read(&thread_numbers::path(tid, "comm")?)?;
  Some(String::from_utf8_lossy(name.bytes().trim_ascii_end()).into_owned())
}

/// The list of robust mutexes has its head inside the control block, and the kernel knows it of every thread,
/// whatever that thread is doing.
#[cfg(not(target_env = "musl"))]
fn control_block(tid: i32) -> Option<u64> {
  if !sandbox::allows(Call::RobustList) {
    return None;
  }
  let mut head: *mut c_void = std::ptr::null_mut();
  let mut length: libc::size_t = 0;
  // SAFETY: the kernel writes one pointer and one size into live locals.
  let failed = unsafe { libc::syscall(libc::SYS_get_robust_list, tid, &raw mut head, &raw mut length) } != 0;
  let address = u64::try_from(head.addr()).ok()?;
  (!failed && address != 0).then_some(address)
}
