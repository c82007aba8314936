//! What a thread is doing, without its help.

use super::small_file::SmallFile;
use super::thread_numbers;
use crate::parse::{task_stat, task_syscall};
use crate::platform::Activity;

/// The kernel tells in which system call a thread waits and with which arguments. Where it keeps that to itself, only
/// whether the thread runs is known. `None` when not even that is, or the thread ended.
pub fn thread_activity(tid: i32) -> Option<Activity> {
  let read = |file: &str| SmallFile::read(&thread_numbers::path(tid, file)?);
  match read("syscall").and_then(|file| task_syscall::parse(file.bytes()).ok()) {
    Some(task_syscall::Call::Running) => Some(Activity::Running),
    Some(task_syscall::Call::Waiting { number, first_argument }) if is_epoll(number) => Some(
      i32::try_from(first_argument).map_or(Activity::Waiting, |descriptor| Activity::Polling { descriptor }),
    ),
    Some(task_syscall::Call::Waiting { .. }) => Some(Activity::Waiting),
    None => {
      let state = task_stat::state(read("stat")?.bytes()).ok()?;
      (state == b'R').then_some(Activity::Running)
    }
  }
}

fn is_epoll(number: i64) -> bool {
  /// Linux 5.11. Only 32-bit systems number it otherwise.
  const EPOLL_PWAIT2: i64 = 441;
  #[cfg(target_arch = "x86_64")]
  let known = [libc::SYS_epoll_wait, libc::SYS_epoll_pwait, EPOLL_PWAIT2];
  #[cfg(not(target_arch = "x86_64"))]
  let known = [libc::SYS_epoll_pwait, EPOLL_PWAIT2];
  known.contains(&number)
}
