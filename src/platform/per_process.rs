//! What a forked child has anew.
//!
//! A fork takes along one thread, and every lock as it is at that moment. One that another thread holds then is never
//! unlocked in the child, and what that thread was doing is never done there.

use std::process;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A value that is made at its first use in each process. The parent's is left alone in a child: it may be locked.
pub struct PerProcess<T: 'static> {
  current: AtomicPtr<Made<T>>,
  make: fn() -> T,
}

struct Made<T> {
  process: u32,
  value: T,
}

impl<T: Send + Sync> PerProcess<T> {
  /// `make` gives the value where there is none yet.
  pub const fn new(make: fn() -> T) -> Self {
    Self { current: AtomicPtr::new(null_mut()), make }
  }

  /// The value of this process.
  pub fn get(&'static self) -> &'static T {
    let process = process::id();
    loop {
      let known = self.current.load(Ordering::Acquire);
      // SAFETY: what was published once is never freed.
      if let Some(made) = unsafe { known.as_ref() }
        && made.process == process
      {
        return &made.value;
      }
      let made = Box::into_raw(Box::new(Made { process, value: (self.make)() }));
      if self.current.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // SAFETY: it came from Box::into_raw just now and was not published.
        drop(unsafe { Box::from_raw(made) });
      }
    }
  }
}
