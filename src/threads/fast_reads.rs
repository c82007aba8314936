//! The two calls that are made often: raw Node-API callbacks without arguments, allocation or panics.
//!
//! Each fills the slots and returns `undefined`. On failure it sets the `Failed` slot, and JavaScript repeats
//! the call through `api`, which throws with all details.

use std::ffi::c_void;
use std::ptr::{null_mut, without_provenance_mut};

use napi::sys;

use super::env_state::EnvState;
use super::slots::Slot;
use crate::platform;
use crate::v8::V8Layer;

/// `readRss()`: fills `Rss`.
pub(super) unsafe extern "C" fn read_rss(
  env: sys::napi_env,
  info: sys::napi_callback_info,
) -> sys::napi_value {
  // SAFETY: both come from Node-API for this very call.
  if let Some(state) = unsafe { state_of_call(env, info) } {
    fill_rss(state);
  }
  null_mut()
}

/// `readTotals()`: fills everything; without a verified V8 layer it fails.
pub(super) unsafe extern "C" fn read_totals(
  env: sys::napi_env,
  info: sys::napi_callback_info,
) -> sys::napi_value {
  // SAFETY: both come from Node-API for this very call.
  if let Some(state) = unsafe { state_of_call(env, info) } {
    fill_rss(state);
    fill_v8(state);
  }
  null_mut()
}

fn fill_rss(state: &mut EnvState) {
  match platform::resident_set_size() {
    Ok(rss) => {
      state.slots.set(Slot::Failed, 0.0);
      state.slots.set_bytes(Slot::Rss, rss);
    }
    Err(_) => state.slots.set(Slot::Failed, 1.0),
  }
}

fn fill_v8(state: &mut EnvState) {
  let Some((heap, array_buffers)) = state.v8.as_mut().and_then(V8Layer::read) else {
    return state.slots.set(Slot::Failed, 1.0);
  };
  state.slots.set_bytes(Slot::HeapTotal, heap.total_heap_size);
  state.slots.set_bytes(Slot::HeapUsed, heap.used_heap_size);
  state.slots.set_bytes(Slot::External, heap.external_memory);
  state.slots.set_bytes(Slot::HeapLimit, heap.heap_size_limit);
  if let Some(bytes) = array_buffers {
    state.slots.set_bytes(Slot::ArrayBuffers, bytes);
  }
}

/// # Safety
/// `env` and `info` are those of the running callback, and the callback was created with a pointer to an
/// `EnvState` as its data.
unsafe fn state_of_call<'a>(env: sys::napi_env, info: sys::napi_callback_info) -> Option<&'a mut EnvState> {
  let mut data: *mut c_void = without_provenance_mut(0);
  // SAFETY: null out-parameters are skipped by Node-API; `data` is a live local.
  unsafe { sys::napi_get_cb_info(env, info, null_mut(), null_mut(), null_mut(), &raw mut data) };
  // SAFETY: the state is freed by the environment's finalizer, after JavaScript is gone, and one thread runs
  // one callback at a time, so the reference is unique.
  unsafe { data.cast::<EnvState>().as_mut() }
}
