//! `footprint()`.

use napi::bindgen_prelude::Env;
use napi_derive::napi;

use super::raise::raise;
use crate::js_number::js_number;
use crate::platform;

/// The figures as JavaScript sees them.
#[napi(object, object_from_js = false)]
pub(crate) struct Footprint {
  /// Bytes of the process alone.
  pub uss: f64,
  /// Resident bytes, each divided by the number of mappings that hold it.
  pub pss: f64,
  /// Bytes in swap.
  pub swap: f64,
}

/// Private and proportional memory of a process, of this one by default.
#[napi(catch_unwind)]
pub(crate) fn footprint(env: Env, pid: Option<u32>) -> napi::Result<Footprint> {
  let platform::Footprint { uss, pss, swap } = platform::footprint(pid).map_err(|error| raise(env, error))?;
  Ok(Footprint { uss: js_number(uss), pss: js_number(pss), swap: js_number(swap) })
}
