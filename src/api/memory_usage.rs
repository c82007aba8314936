//! `memoryUsage.rss()`, `.peakRss()` and `.resetPeakRss()`; the slow twin of the fast reads in `threads`.

use napi::bindgen_prelude::Env;
use napi_derive::napi;

use super::raise::raise;
use crate::js_number::js_number;
use crate::platform;

/// Resident set size in bytes; throws with the reason where the fast read only says that it failed.
#[napi(catch_unwind)]
pub(crate) fn rss(env: Env) -> napi::Result<f64> {
  platform::resident_set_size().map(js_number).map_err(|error| raise(env, error))
}

/// Peak resident set size in bytes, `null` where the platform keeps none.
#[napi(catch_unwind)]
pub(crate) fn peak_rss(env: Env) -> napi::Result<Option<f64>> {
  let peak = platform::peak_resident_set_size().map_err(|error| raise(env, error))?;
  Ok(peak.map(js_number))
}

/// Starts the peak anew; `false` where the kernel refuses.
#[napi(catch_unwind)]
pub(crate) fn reset_peak_rss(env: Env) -> napi::Result<bool> {
  platform::reset_peak_resident_set_size().map_err(|error| raise(env, error))
}

/// Frees one place in a full descriptor table for a call of Node's own that must open a file.
#[napi(catch_unwind)]
pub(crate) fn borrow_spare_descriptor() -> bool {
  platform::borrow_spare_descriptor()
}

/// Takes that place back.
#[napi(catch_unwind)]
pub(crate) fn return_spare_descriptor() {
  platform::return_spare_descriptor();
}
