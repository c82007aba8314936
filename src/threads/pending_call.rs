//! A promise that another thread of ours keeps.
//!
//! Each has a threadsafe function of its own, which keeps the event loop alive as long as the call is pending, brings
//! the answer to the thread that called, and tells when that thread's environment ends first.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use napi::bindgen_prelude::{
  Env, FromNapiValue, JsError, ToNapiValue, Unknown, check_status, panic_to_error,
};
use napi::sys;

use super::wakeups;

/// Makes the answer, on the thread that called.
pub(crate) struct Answer(Box<dyn FnOnce(Env) -> napi::Result<sys::napi_value> + Send>);

impl Answer {
  /// What `make` gives, or throws, is what the promise resolves to or is rejected with.
  pub(crate) fn of<T: ToNapiValue>(make: impl FnOnce(Env) -> napi::Result<T> + Send + 'static) -> Self {
    Self(Box::new(move |env| {
      let value = make(env)?;
      // SAFETY: the environment is the one that Node just called us in.
      unsafe { T::to_napi_value(env.raw(), value) }
    }))
  }
}

/// See the module.
pub(crate) struct PendingCall {
  number: u32,
  /// The promise, until it is settled. The thread that called alone takes it.
  deferred: Mutex<Option<Deferred>>,
  /// Until the answer is on its way, or nobody wants it any more.
  function: Mutex<Option<Function>>,
}

struct Deferred(sys::napi_deferred);
struct Function(sys::napi_threadsafe_function);

// SAFETY: the thread that called alone uses it; others carry it.
unsafe impl Send for Deferred {}
// SAFETY: it is made to be called and released from any thread.
unsafe impl Send for Function {}

impl PendingCall {
  /// A promise of the calling thread, and who will keep it.
  pub(super) fn begin(env: Env) -> napi::Result<(Unknown<'static>, Arc<Self>)> {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let (mut deferred, mut promise, mut name, mut function) =
      (null_mut(), null_mut(), null_mut(), null_mut());
    // SAFETY: both out-parameters are live locals.
    let status = unsafe { sys::napi_create_promise(env.raw(), &raw mut deferred, &raw mut promise) };
    check_status!(status)?;
    let text = c"rs-memusage";
    // SAFETY: the text is a C string of that length, and `name` a live local.
    let status = unsafe {
      sys::napi_create_string_utf8(env.raw(), text.as_ptr(), text.count_bytes().cast_signed(), &raw mut name)
    };
    check_status!(status)?;
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let call =
      Arc::new(Self { number, deferred: Mutex::new(Some(Deferred(deferred))), function: Mutex::new(None) });
    let data = Arc::into_raw(Arc::clone(&call)).cast_mut().cast::<c_void>();
    // SAFETY: `finish` takes over the reference in `data`, once, and until then `settle` may borrow it. Without a function of
    // JavaScript's `settle` is called instead.
    let status = unsafe {
      sys::napi_create_threadsafe_function(
        env.raw(),
        null_mut(),
        null_mut(),
        name,
        0,
        1,
        data,
        Some(finish),
        data,
        Some(settle),
        &raw mut function,
      )
    };
    if status != sys::Status::napi_ok {
      // SAFETY: no function was made that could call `finish`.
      drop(unsafe { Arc::from_raw(data.cast::<Self>()) });
    }
    check_status!(status)?;
    *lock(&call.function) = Some(Function(function));
    // SAFETY: the promise was made just now, in the scope of the caller.
    Ok((unsafe { Unknown::from_napi_value(env.raw(), promise) }?, call))
  }

  /// By what the thread that called knows it.
  pub(super) fn number(&self) -> u32 {
    self.number
  }

  /// Whether nobody wants the answer any more.
  pub(super) fn is_given_up(&self) -> bool {
    lock(&self.function).is_none()
  }

  /// Sends the answer to the thread that called.
  pub(super) fn deliver(&self, answer: Answer) {
    // As long as the lock is held the function is there: `finish`, after which it is gone, takes it first.
    let mut place = lock(&self.function);
    let Some(function) = place.take() else { return };
    let data = Box::into_raw(Box::new(answer));
    let mode = sys::ThreadsafeFunctionCallMode::nonblocking;
    // SAFETY: the function is there, and `settle` takes over the answer.
    if unsafe { sys::napi_call_threadsafe_function(function.0, data.cast(), mode) } == sys::Status::napi_ok {
      function.release(sys::ThreadsafeFunctionReleaseMode::release);
    } else {
      // The environment is ending, and has released the function for us.
      // SAFETY: nobody took the answer over.
      drop(unsafe { Box::from_raw(data) });
    }
  }

  /// Lets the event loop go on to its end, and whoever works for this call do something else. On the thread that
  /// called, which does not look at the promise any more.
  pub(super) fn give_up(&self, env: Env) {
    let deferred = lock(&self.deferred).take();
    let function = lock(&self.function).take();
    if let Some(function) = function {
      function.release(sys::ThreadsafeFunctionReleaseMode::abort);
      wakeups::ring();
    }
    if let (Some(deferred), Ok(nothing)) = (deferred, undefined(env)) {
      // SAFETY: the promise is of this environment and not settled; who settles it takes it first.
      unsafe { sys::napi_resolve_deferred(env.raw(), deferred.0, nothing) };
    }
  }
}

impl Function {
  fn release(self, mode: sys::napi_threadsafe_function_release_mode) {
    // SAFETY: it is there, and this value held it for the only thread that counts.
    unsafe { sys::napi_release_threadsafe_function(self.0, mode) };
  }
}

/// The calls of one environment that may be pending.
#[derive(Default)]
pub(crate) struct PendingCalls(Vec<Weak<PendingCall>>);

impl PendingCalls {
  /// Keeps a call in mind as long as it is pending.
  pub(super) fn add(&mut self, call: &Arc<PendingCall>) {
    self.0.retain(|known| known.strong_count() > 0);
    self.0.push(Arc::downgrade(call));
  }

  /// Takes out the call that its number tells.
  pub(super) fn take(&mut self, number: u32) -> Option<Arc<PendingCall>> {
    let is_it = |known: &Weak<PendingCall>| known.upgrade().is_some_and(|call| call.number == number);
    let index = self.0.iter().position(is_it)?;
    self.0.swap_remove(index).upgrade()
  }
}

/// An answer has come to the thread that called, or is thrown away with its environment.
unsafe extern "C" fn settle(
  env: sys::napi_env,
  _function: sys::napi_value,
  context: *mut c_void,
  data: *mut c_void,
) {
  // SAFETY: `deliver` made it for this one call.
  let Answer(make) = *unsafe { Box::from_raw(data.cast::<Answer>()) };
  // SAFETY: `begin` gave a reference that `finish` has not taken over yet.
  let call = unsafe { context.cast::<PendingCall>().as_ref() };
  if env.is_null() {
    return;
  }
  let Some(deferred) = call.and_then(|call| lock(&call.deferred).take()) else { return };
  let outcome = catch_unwind(AssertUnwindSafe(|| make(Env::from_raw(env)))).map_err(panic_to_error);
  match outcome.and_then(|value| value) {
    // SAFETY: the promise is of this environment and not settled; who settles it takes it first.
    Ok(value) => unsafe { sys::napi_resolve_deferred(env, deferred.0, value) },
    Err(error) => {
      // SAFETY: Node just called us in this environment.
      let value = unsafe { JsError::from(error).into_value(env) };
      // SAFETY: as above.
      unsafe { sys::napi_reject_deferred(env, deferred.0, value) }
    }
  };
}

/// The threadsafe function is about to go, because the call is over or because the environment ends.
unsafe extern "C" fn finish(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
  // SAFETY: `begin` made this reference for this one call.
  let call = unsafe { Arc::from_raw(data.cast::<PendingCall>().cast_const()) };
  let function = lock(&call.function).take();
  if let Some(function) = function {
    function.release(sys::ThreadsafeFunctionReleaseMode::release); // newer Nodes keep it until then
    wakeups::ring();
  }
}

fn undefined(env: Env) -> napi::Result<sys::napi_value> {
  let mut value = null_mut();
  // SAFETY: the environment is the caller's and `value` a live local.
  let status = unsafe { sys::napi_get_undefined(env.raw(), &raw mut value) };
  check_status!(status)?;
  Ok(value)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
  mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
