//! System calls that may be deadly, tried in a child.
//!
//! The child borrows the memory of the process while the calling thread stands still, as between `vfork` and `exec`, so
//! nothing is copied however large the process is. It has no signal that would tell of its end, and only this thread
//! knows how to wait for it: nobody else in the process ever sees it.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::sandbox::Call;

/// What parent and child share.
struct Trial {
  /// Position of the call that is tried next.
  next: AtomicUsize,
  /// The set of calls that did not end the child.
  survived: AtomicU32,
}

/// The set of calls that may be made here without being killed. Those that merely fail are in it.
pub(super) fn survivors() -> u32 {
  let trial = Trial { next: AtomicUsize::new(0), survived: AtomicU32::new(0) };
  let undisturbed = Undisturbed::begin();
  // A child ends at the first deadly call, and the next one goes on behind it.
  while trial.next.load(Ordering::Relaxed) < Call::ALL.len() && run(&trial) {}
  drop(undisturbed);
  trial.survived.load(Ordering::Relaxed)
}

/// Runs one child to its end; `false` when there could be none.
fn run(trial: &Trial) -> bool {
  /// In units that are aligned as every stack must be.
  const STACK: usize = 2048;
  let mut stack = vec![0_u128; STACK];
  let top = stack.as_mut_ptr_range().end;
  let argument = std::ptr::from_ref(trial).cast_mut().cast();
  // SAFETY: the child runs on a stack of its own while this thread waits, and what it is given outlives it. It shares
  // all else with this thread, `errno` too, and writes nothing of it but that and the trial.
  let child = unsafe { libc::clone(try_calls, top.cast(), libc::CLONE_VM | libc::CLONE_VFORK, argument) };
  if child < 0 {
    return false;
  }
  let mut status = 0;
  loop {
    // SAFETY: the status is a live local.
    let ended = unsafe { libc::waitpid(child, &raw mut status, libc::__WALL) };
    if ended == child {
      return true;
    }
    if std::io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
      return false;
    }
  }
}

/// The child. It allocates nothing, takes no lock and never returns.
extern "C" fn try_calls(trial: *mut c_void) -> c_int {
  // SAFETY: the parent's trial, which lives as long as the parent waits for this child.
  if let Some(trial) = unsafe { trial.cast::<Trial>().as_ref() } {
    loop {
      // First, so that the call that ends the child is not tried again.
      let position = trial.next.fetch_add(1, Ordering::Relaxed);
      let Some(call) = Call::ALL.get(position) else { break };
      attempt(*call);
      trial.survived.fetch_or(call.bit(), Ordering::Relaxed);
    }
  }
  // SAFETY: ends this process and returns to nobody.
  unsafe { libc::syscall(libc::SYS_exit_group, 0) };
  0
}

/// Makes a call that does nothing, or fails.
fn attempt(call: Call) {
  const NOTHING: usize = 0;
  const NO_DESCRIPTOR: c_int = -1;
  match call {
    Call::Mincore => {
      // SAFETY: no page is asked about.
      unsafe { libc::syscall(libc::SYS_mincore, NOTHING, NOTHING, NOTHING) };
    }
    Call::ReadMemory => {
      // SAFETY: nothing is read from a process that does not exist.
      unsafe {
        libc::syscall(libc::SYS_process_vm_readv, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)
      };
    }
    Call::FileInMemory => {
      // SAFETY: the name is a C string literal; the descriptor ends with the child, which has a table of its own.
      unsafe { libc::syscall(libc::SYS_memfd_create, c"rs-memusage-trial".as_ptr(), libc::MFD_CLOEXEC) };
      // SAFETY: nothing is written, and nowhere.
      unsafe { libc::syscall(libc::SYS_pwritev, NO_DESCRIPTOR, NOTHING, NOTHING, NOTHING, NOTHING) };
    }
    Call::RobustList => {
      let (mut head, mut length) = (null_mut::<c_void>(), NOTHING);
      // SAFETY: the kernel writes one pointer and one size into live locals.
      unsafe { libc::syscall(libc::SYS_get_robust_list, NOTHING, &raw mut head, &raw mut length) };
    }
    Call::PageTables => {
      // SAFETY: there is no such descriptor.
      unsafe { libc::syscall(libc::SYS_ioctl, NO_DESCRIPTOR, super::page_tables::PAGEMAP_SCAN, NOTHING) };
    }
    Call::Limits => {
      let mut limit = MaybeUninit::<libc::rlimit64>::uninit();
      let none = null_mut::<libc::rlimit64>();
      // SAFETY: the kernel reads no limit and writes one into a live local.
      unsafe {
        libc::syscall(libc::SYS_prlimit64, NOTHING, libc::RLIMIT_FSIZE, none, limit.as_mut_ptr());
      };
    }
  }
}

/// While this lives, the calling thread takes no signal, so that no handler of the host runs in the child, and the death
/// of a child leaves no core dump. Linux before 5.16 would even end the parent for that dump.
struct Undisturbed {
  mask: Option<libc::sigset_t>,
  was_dumpable: bool,
}

impl Undisturbed {
  fn begin() -> Self {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the call fills a live local.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set was filled, and the other is a live local.
    let failed = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) };
    // SAFETY: the call that succeeded has filled it.
    let mask = (failed == 0).then(|| unsafe { before.assume_init() });
    // SAFETY: the option takes no pointer.
    let was_dumpable = unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) } == 1;
    if was_dumpable {
      set_dumpable(false);
    }
    Self { mask, was_dumpable }
  }
}

impl Drop for Undisturbed {
  fn drop(&mut self) {
    if self.was_dumpable {
      set_dumpable(true);
    }
    if let Some(mask) = &self.mask {
      // SAFETY: the set came from the same call.
      unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, null_mut()) };
    }
  }
}

fn set_dumpable(dumpable: bool) {
  // SAFETY: the option takes no pointer.
  unsafe { libc::prctl(libc::PR_SET_DUMPABLE, libc::c_ulong::from(dumpable), 0, 0, 0) };
}
