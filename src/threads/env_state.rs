//! State of one Node-API environment: one load of the package in one thread.
//!
//! `init` may run several times per thread (a deleted `require` cache, a second copy of the package), and each
//! load has its own state. It lives from `init` to the environment's finalizer, which Node runs when no
//! JavaScript of the thread can run any more.

use std::ffi::{CStr, c_void};
use std::ptr::{NonNull, null_mut};

use napi::bindgen_prelude::{Env, JsObjectValue, JsValue, Object, Status, check_status};
use napi::sys;

use super::fast_reads::{read_rss, read_totals};
use super::pending_call::PendingCalls;
use super::registry::{JsThread, Registration};
use super::slots::{Slot, Slots};
use super::thread_messages;
use super::weak_objects::WeakObjects;
use crate::platform::find_symbol;
use crate::v8::V8Layer;

/// See the module.
pub(crate) struct EnvState {
  pub(super) slots: Slots,
  pub(super) v8: Option<V8Layer>,
  pub(crate) weak_objects: WeakObjects,
  pub(super) pending_calls: PendingCalls,
  registered: Option<Registration>,
  /// Keeps the array of slots alive.
  array: sys::napi_ref,
}

impl EnvState {
  /// Looks up V8's symbols and layout, which costs nothing until JavaScript asks for it.
  pub(crate) fn probe_v8(&mut self) -> Option<&mut V8Layer> {
    if self.v8.is_none() {
      self.v8 = V8Layer::probe();
    }
    self.v8.as_mut()
  }

  /// JavaScript compared our figures with V8's own answer and found them equal: the fast path opens.
  pub(crate) fn use_v8(&mut self, array_buffer_word: Option<usize>) {
    if let Some(v8) = self.probe_v8() {
      v8.verify(array_buffer_word);
    }
  }

  /// V8's own answer turned out to be another than ours.
  pub(crate) fn distrust_v8(&mut self) {
    self.v8 = None;
  }

  /// V8's layer, once it is verified.
  pub(crate) fn verified_v8(&mut self) -> Option<&mut V8Layer> {
    self.v8.as_mut().filter(|v8| v8.is_verified())
  }

  /// Puts the thread on the registry, so that others find it. JavaScript that is loaded again while the addon stays, as
  /// test runners do it, asks again: the first registration holds what others listen to, and stays.
  fn register(&mut self, js: JsThread, adjusted: Option<u64>) {
    if self.registered.is_none() {
      let registration = Registration::of_this_thread(js, self.verified_v8(), adjusted);
      self.registered = Some(registration);
    }
  }
}

/// Enters the calling thread into the registry, under the id and the name that JavaScript knows it by.
pub(crate) fn register_thread(env: Env, id: u32, name: Option<String>) {
  let js = JsThread { id, name, loop_descriptor: loop_descriptor(env) };
  let adjusted = adjusted_external_memory(env);
  with(env, |state| {
    state.register(js, adjusted);
    Some(())
  });
}

/// External memory of the calling isolate, as Node-API tells it when nothing is added.
fn adjusted_external_memory(env: Env) -> Option<u64> {
  let mut bytes = 0;
  // SAFETY: the environment is the caller's and `bytes` a live local.
  let status = unsafe { sys::napi_adjust_external_memory(env.raw(), 0, &raw mut bytes) };
  (status == sys::Status::napi_ok).then(|| u64::try_from(bytes).ok())?
}

/// The descriptor on which the event loop of the calling thread waits.
fn loop_descriptor(env: Env) -> Option<i32> {
  let mut event_loop = null_mut();
  // SAFETY: the environment is the caller's and `event_loop` a live local.
  let status = unsafe { sys::napi_get_uv_event_loop(env.raw(), &raw mut event_loop) };
  let backend = find_symbol(c"uv_backend_fd").filter(|function| !function.is_null())?;
  // SAFETY: libuv declares `int uv_backend_fd(const uv_loop_t*)`.
  let backend: unsafe extern "C" fn(*mut c_void) -> i32 = unsafe { std::mem::transmute(backend) };
  if status != sys::Status::napi_ok || event_loop.is_null() {
    return None;
  }
  // SAFETY: the loop is that of the calling environment and alive.
  let descriptor = unsafe { backend(event_loop.cast()) };
  (descriptor >= 0).then_some(descriptor)
}

/// Creates the state and puts the raw functions, the slots and their numbers on `exports`.
pub(crate) fn install(env: Env, exports: &mut Object) -> napi::Result<()> {
  let (array, reference, slots) = create_slots(env)?;
  let state = EnvState {
    slots,
    v8: None,
    weak_objects: WeakObjects::default(),
    pending_calls: PendingCalls::default(),
    registered: None,
    array: reference,
  };
  let state = Box::into_raw(Box::new(state));
  // SAFETY: `state` came from Box::into_raw; `free` takes it back exactly once.
  let status = unsafe { sys::napi_set_instance_data(env.raw(), state.cast(), Some(free), null_mut()) };
  check_status!(status)?;
  export_value(env, exports, c"slots", array)?;
  export_function(env, exports, c"readRss", read_rss, state)?;
  export_function(env, exports, c"readTotals", read_totals, state)?;
  let mut numbers = Object::new(&env)?;
  for (slot, name) in Slot::ALL {
    numbers.set_named_property(name, u32::try_from(slot.index()).unwrap_or(u32::MAX))?;
  }
  exports.set_named_property("slotNumbers", numbers)
}

/// Runs `work` on the state of the calling environment.
pub(crate) fn with<T>(env: Env, work: impl FnOnce(&mut EnvState) -> Option<T>) -> Option<T> {
  let mut data: *mut c_void = null_mut();
  // SAFETY: the environment is the caller's and `data` is a live local.
  unsafe { sys::napi_get_instance_data(env.raw(), &raw mut data) };
  // SAFETY: `install` stored the pointer and `free` has not run while JavaScript calls us. One thread runs one
  // callback at a time, and none calls this while it works on the state, so the reference is unique.
  let state = unsafe { data.cast::<EnvState>().as_mut() }?;
  work(state)
}

unsafe extern "C" fn free(env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
  // SAFETY: the pointer came from Box::into_raw in `install`, and Node runs this once, after all callbacks.
  let mut state = unsafe { Box::from_raw(data.cast::<EnvState>()) };
  state.weak_objects.clear(env);
  thread_messages::forget_listener(env);
  // SAFETY: `create_slots` made the reference in this environment, and nothing uses the slots any more. Node does
  // not free references by itself.
  unsafe { sys::napi_delete_reference(env, state.array) };
}

/// An array owned by V8: external memory is refused by some engines and would need a finalizer.
fn create_slots(env: Env) -> napi::Result<(sys::napi_value, sys::napi_ref, Slots)> {
  let count = Slot::ALL.len();
  let (mut payload, mut buffer, mut array, mut reference) = (null_mut(), null_mut(), null_mut(), null_mut());
  let bytes = count.saturating_mul(size_of::<f64>());
  // SAFETY: all out-parameters are live locals.
  let status = unsafe { sys::napi_create_arraybuffer(env.raw(), bytes, &raw mut payload, &raw mut buffer) };
  check_status!(status)?;
  let kind = sys::TypedarrayType::float64_array;
  // SAFETY: `buffer` was just created with room for `count` numbers.
  let status = unsafe { sys::napi_create_typedarray(env.raw(), kind, count, buffer, 0, &raw mut array) };
  check_status!(status)?;
  // SAFETY: `array` is a live value.
  let status = unsafe { sys::napi_create_reference(env.raw(), array, 1, &raw mut reference) };
  check_status!(status)?;
  let payload = NonNull::new(payload.cast::<f64>())
    .ok_or_else(|| napi::Error::new(Status::GenericFailure, "an ArrayBuffer has no memory"))?;
  // SAFETY: the payload holds `count` numbers and lives as long as the strong reference, which the finalizer of the
  // environment deletes; the array stays private to index.js, so it is never detached.
  Ok((array, reference, unsafe { Slots::new(payload) }))
}

fn export_function(
  env: Env,
  exports: &Object,
  name: &CStr,
  callback: unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value,
  state: *mut EnvState,
) -> napi::Result<()> {
  let length = name.count_bytes().try_into().unwrap_or(0);
  let mut function = null_mut();
  // SAFETY: the name is a C string of that length; the state outlives every function of its environment.
  let status = unsafe {
    sys::napi_create_function(
      env.raw(),
      name.as_ptr(),
      length,
      Some(callback),
      state.cast(),
      &raw mut function,
    )
  };
  check_status!(status)?;
  export_value(env, exports, name, function)
}

fn export_value(env: Env, exports: &Object, name: &CStr, value: sys::napi_value) -> napi::Result<()> {
  // SAFETY: exports and value belong to this environment and are live in this handle scope.
  let status = unsafe { sys::napi_set_named_property(env.raw(), exports.raw(), name.as_ptr(), value) };
  check_status!(status)
}
