//! The numbers of threads, where `/proc` counts otherwise than the process does.
//!
//! A process in a PID namespace of its own may have the `/proc` of an outer one, as after `unshare --pid --fork`. Its
//! threads then have other numbers there than `gettid` says. Numbers of ours are always those of `gettid`.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::proc_file;
use super::spare_descriptor::with_spare_descriptor;
use crate::parse::status;

/// Numbers in `/proc` by those of `gettid`, as they were listed last. Empty where both are the same.
static LISTED: Mutex<Option<HashMap<i32, i32>>> = Mutex::new(None);

/// All threads, in the order in which they were made: the kernel lists them so, whatever their numbers are, which begin
/// anew at 300 when the highest has been given. One that just ends may be left out.
pub(super) fn threads() -> Vec<i32> {
  if !counts_otherwise() {
    return listed();
  }
  let numbers: Vec<(i32, i32)> =
    listed().into_iter().filter_map(|listed| Some((own_number(listed)?, listed))).collect();
  let own = numbers.iter().map(|(own, _)| *own).collect();
  *LISTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(numbers.into_iter().collect());
  own
}

/// The file of a thread in `/proc`.
pub(super) fn path(tid: i32, file: &str) -> Option<CString> {
  let listed = if counts_otherwise() { number_in_proc(tid)? } else { tid };
  path_of_listed(listed, file)
}

/// Whether `/proc` is that of another PID namespace. Asked once: neither ever changes.
pub(super) fn counts_otherwise() -> bool {
  static OTHERWISE: OnceLock<bool> = OnceLock::new();
  *OTHERWISE.get_or_init(|| {
    let text = proc_file::read(c"/proc/self/status", super::STATUS_LIMIT);
    text.is_ok_and(|text| status::namespace_numbers(&text).count() > 1)
  })
}

fn number_in_proc(tid: i32) -> Option<i32> {
  let known = || LISTED.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(&tid).copied();
  known().or_else(|| {
    threads();
    known()
  })
}

/// The number that `gettid` gives in the thread that `/proc` lists under this one.
fn own_number(listed: i32) -> Option<i32> {
  let text = proc_file::read(&path_of_listed(listed, "status")?, super::STATUS_LIMIT).ok()?;
  i32::try_from(status::namespace_numbers(&text).last()?).ok()
}

fn path_of_listed(listed: i32, file: &str) -> Option<CString> {
  CString::new(format!("/proc/self/task/{listed}/{file}")).ok()
}

fn listed() -> Vec<i32> {
  let tids = with_spare_descriptor(|| {
    let tasks = std::fs::read_dir("/proc/self/task")?;
    Ok(tasks.flatten().filter_map(|task| task.file_name().to_str()?.parse().ok()).collect())
  });
  tids.unwrap_or_default()
}
