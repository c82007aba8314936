//! Buffers that the profile follows until they die.

use napi::bindgen_prelude::{Env, Object};
use napi_derive::napi;

use crate::threads::env_state;

/// Watches an object without keeping it alive; the number names it from now on.
#[napi(catch_unwind)]
pub(crate) fn watch(env: Env, object: Object) -> napi::Result<Option<u32>> {
  env_state::with(env, |state| Some(state.weak_objects.watch(env, &object))).transpose()
}

/// The watched object; `null` when it was collected.
#[napi(catch_unwind)]
pub(crate) fn watched(env: Env, number: u32) -> napi::Result<Option<Object<'static>>> {
  env_state::with(env, |state| Some(state.weak_objects.find(env, number))).unwrap_or(Ok(None))
}

/// Ends the watch; the number may be given to another object.
#[napi(catch_unwind)]
pub(crate) fn unwatch(env: Env, number: u32) {
  env_state::with(env, |state| {
    state.weak_objects.forget(env, number);
    Some(())
  });
}
