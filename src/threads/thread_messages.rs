//! Messages from one JavaScript thread of the process to another.
//!
//! A message lies in the box of its thread until that thread takes it. To tell the thread needs nothing that is made
//! before it is needed, neither a handle of its event loop nor a port: Node interrupts the thread, or wakes its loop,
//! and what runs then asks V8 for a microtask, from which JavaScript may be called. That comes once the running
//! JavaScript has ended. No lock is held while JavaScript runs.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Env, Function, JsValue, check_status};
use napi::sys;

use super::registry;
use crate::v8::Isolate;

/// What is meant for each thread, by its `threadId`, and what is said to those that will come.
struct Office {
  boxes: BTreeMap<u32, Vec<String>>,
  notice: Option<String>,
}

static OFFICE: Mutex<Office> = Mutex::new(Office { boxes: BTreeMap::new(), notice: None });

fn office() -> MutexGuard<'static, Office> {
  OFFICE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whom to tell in this thread.
#[derive(Clone, Copy)]
struct Listener {
  env: sys::napi_env,
  /// Weak: code that is gone, such as that of a test that has ended, is not told.
  function: sys::napi_ref,
}

thread_local! {
  static LISTENER: Cell<Option<Listener>> = const { Cell::new(None) };
}

/// From now on `function` is called when there is mail for the calling thread, and nobody else.
pub(crate) fn listen(env: Env, function: &Function<(), ()>) -> napi::Result<()> {
  let mut reference = null_mut();
  // SAFETY: the function is live in the running callback; a count of 0 makes the reference weak.
  let status = unsafe { sys::napi_create_reference(env.raw(), function.raw(), 0, &raw mut reference) };
  check_status!(status)?;
  let before = LISTENER.replace(Some(Listener { env: env.raw(), function: reference }));
  if let Some(before) = before {
    before.delete();
  }
  Ok(())
}

/// The environment is going away, and with it its listener.
pub(super) fn forget_listener(env: sys::napi_env) {
  if let Some(listener) = LISTENER.get().filter(|listener| listener.env == env) {
    LISTENER.set(None);
    listener.delete();
  }
}

/// A message for a thread. False when there is no such thread, or none that can be told.
pub(crate) fn post(thread: u32, message: String) -> bool {
  office().boxes.entry(thread).or_default().push(message);
  let is_told = registry::interrupt(thread, tell);
  if !is_told {
    office().boxes.remove(&thread);
  }
  is_told
}

/// Takes what has come for a thread.
pub(crate) fn collect(thread: u32) -> Vec<String> {
  office().boxes.remove(&thread).unwrap_or_default()
}

/// A thread has ended.
pub(super) fn thread_left(thread: u32) {
  office().boxes.remove(&thread);
}

/// What threads find that load the package from now on; gives what was there before.
pub(crate) fn put_up(notice: Option<String>) -> Option<String> {
  std::mem::replace(&mut office().notice, notice)
}

/// What was put up.
pub(crate) fn notice() -> Option<String> {
  office().notice.clone()
}

/// The interrupt, on the thread that has mail. JavaScript may be running, so it must not be called from here.
unsafe extern "C" fn tell(_data: *mut c_void) {
  if let Some(isolate) = Isolate::current() {
    // SAFETY: `deliver` needs no data, and may run at any time until the thread ends.
    unsafe { isolate.enqueue_microtask(deliver, null_mut()) };
  }
}

/// The microtask: JavaScript is called. It throws nothing; if it did, that would not be the program's.
unsafe extern "C" fn deliver(_data: *mut c_void) {
  let Some(Listener { env, function }) = LISTENER.get() else { return };
  let (mut scope, mut callee, mut this) = (null_mut(), null_mut(), null_mut());
  // SAFETY: the environment is that of this thread and alive: its finalizer takes the listener away.
  if unsafe { sys::napi_open_handle_scope(env, &raw mut scope) } != sys::Status::napi_ok {
    return;
  }
  // SAFETY: the reference lives as long as the listener; the out-parameter is a live local.
  unsafe { sys::napi_get_reference_value(env, function, &raw mut callee) };
  // SAFETY: the out-parameter is a live local.
  unsafe { sys::napi_get_undefined(env, &raw mut this) };
  if !callee.is_null() {
    // SAFETY: both values are live in the scope; the function takes no arguments.
    unsafe { sys::napi_call_function(env, this, callee, 0, std::ptr::null(), null_mut()) };
    let mut thrown = null_mut();
    // SAFETY: the out-parameter is a live local. Where nothing is pending this does nothing.
    unsafe { sys::napi_get_and_clear_last_exception(env, &raw mut thrown) };
  }
  // SAFETY: the scope was opened above.
  unsafe { sys::napi_close_handle_scope(env, scope) };
}

impl Listener {
  fn delete(self) {
    // SAFETY: the reference was made in this environment, and nobody has this listener any more.
    unsafe { sys::napi_delete_reference(self.env, self.function) };
  }
}
