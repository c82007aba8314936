//! Objects that are watched without being kept alive.
//!
//! JavaScript's own `WeakRef` keeps its target alive until the running job ends, and again whenever it is asked:
//! in a loop that makes and drops buffers no sampled one could be collected. A reference of Node-API does not.

use std::ptr::null_mut;

use napi::bindgen_prelude::{Env, FromNapiValue, JsValue, Object, check_status};
use napi::sys;

/// The watched objects of one environment, by number.
#[derive(Default)]
pub(crate) struct WeakObjects {
  references: Vec<Option<Reference>>,
  vacant: Vec<u32>,
}

struct Reference(sys::napi_ref);

impl WeakObjects {
  /// Watches an object. The number is its own until [`Self::forget`].
  pub(crate) fn watch(&mut self, env: Env, object: &Object) -> napi::Result<u32> {
    let mut reference = null_mut();
    // SAFETY: the object is live in the running callback; a count of 0 makes the reference weak.
    let status = unsafe { sys::napi_create_reference(env.raw(), object.raw(), 0, &raw mut reference) };
    check_status!(status)?;
    let reference = Some(Reference(reference));
    if let Some(number) = self.vacant.pop()
      && let Some(place) = self.place(number)
    {
      *place = reference;
      return Ok(number);
    }
    let number = u32::try_from(self.references.len()).unwrap_or(u32::MAX);
    self.references.push(reference);
    Ok(number)
  }

  /// The object, unless it was collected.
  pub(crate) fn find(&self, env: Env, number: u32) -> napi::Result<Option<Object<'static>>> {
    let Some(Some(reference)) = usize::try_from(number).ok().and_then(|index| self.references.get(index))
    else {
      return Ok(None);
    };
    let mut value = null_mut();
    // SAFETY: the reference was made in this environment and is deleted only by `forget`, which empties its place.
    let status = unsafe { sys::napi_get_reference_value(env.raw(), reference.0, &raw mut value) };
    check_status!(status)?;
    if value.is_null() {
      return Ok(None);
    }
    // SAFETY: the value is live in the scope of the running callback.
    unsafe { Object::from_napi_value(env.raw(), value) }.map(Some)
  }

  /// Ends the watch over one object.
  pub(crate) fn forget(&mut self, env: Env, number: u32) {
    if let Some(reference) = self.place(number).and_then(Option::take) {
      reference.delete(env.raw());
      self.vacant.push(number);
    }
  }

  /// Ends the watch over all; the environment is going away.
  pub(super) fn clear(&mut self, env: sys::napi_env) {
    for reference in self.references.drain(..).flatten() {
      reference.delete(env);
    }
  }

  fn place(&mut self, number: u32) -> Option<&mut Option<Reference>> {
    self.references.get_mut(usize::try_from(number).ok()?)
  }
}

impl Reference {
  fn delete(self, env: sys::napi_env) {
    // SAFETY: the reference was made in this environment, and giving up `self` makes this its last use.
    unsafe { sys::napi_delete_reference(env, self.0) };
  }
}
