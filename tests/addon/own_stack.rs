//! Threads that bring the memory of their stack themselves.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::mpsc::{Sender, channel};

use napi_derive::napi;

use crate::{descend, map_private};

/// A thread that stays, `depth` bytes deep in a stack of `bytes` that was mapped for it, without a guard page.
#[napi]
pub fn thread_on_own_stack(bytes: f64, depth: f64) {
  let length = bytes as usize;
  let start = map_private(length);
  let (deep, reached) = channel();
  let job = Box::into_raw(Box::new(Job { depth: depth as usize, deep }));
  let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
  // SAFETY: it fills what it is given.
  assert_eq!(unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) }, 0);
  // SAFETY: the attributes were initialised, and nobody else uses the mapping.
  assert_eq!(unsafe { libc::pthread_attr_setstack(attributes.as_mut_ptr(), start.cast(), length) }, 0);
  let mut thread = MaybeUninit::uninit();
  // SAFETY: `run` takes the job over.
  let failed = unsafe { libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), run, job.cast()) };
  assert_eq!(failed, 0);
  reached.recv().unwrap();
}

struct Job {
  depth: usize,
  deep: Sender<()>,
}

extern "C" fn run(job: *mut c_void) -> *mut c_void {
  // SAFETY: it was made for this thread alone.
  let job = unsafe { Box::from_raw(job.cast::<Job>()) };
  descend(job.depth);
  job.deep.send(()).unwrap();
  loop {
    std::thread::park();
  }
}
