//! What every look at the process has in common, as JavaScript asks for it and reads it.

use std::time::Duration;

use napi::bindgen_prelude::Env;
use napi_derive::napi;

use crate::attribution::{OwnIsolate, ResidencySource, V8Evidence};
use crate::js_number::js_number;
use crate::look::{Caller, Look};
use crate::malloc;
use crate::threads::background_thread;
use crate::threads::env_state;

/// How the figures of a look came about.
#[napi(object, object_from_js = false)]
pub(crate) struct LookMethod {
  /// `mincore`, `pagemap` or `smaps`.
  pub residency: &'static str,
  /// `verified`, `estimated` or `none`.
  pub v8: &'static str,
  /// `verified` or `estimated`.
  pub malloc: &'static str,
  /// Bytes that may stand in a wrong place, because they moved during every reading.
  pub unsettled: f64,
}

impl LookMethod {
  pub(super) fn of(look: &Look) -> Self {
    Self {
      residency: match look.residency {
        ResidencySource::Mincore => "mincore",
        ResidencySource::Pagemap => "pagemap",
        ResidencySource::Smaps => "smaps",
      },
      v8: match look.v8 {
        V8Evidence::Verified if !look.isolates_agree() => evidence_name(V8Evidence::Estimated),
        evidence => evidence_name(evidence),
      },
      // `smaps` tells no single pages, so headers behind memory that is not there are out of sight.
      malloc: if malloc::headers_are_known()
        && look.unsettled == 0
        && look.residency != ResidencySource::Smaps
      {
        "verified"
      } else {
        "estimated"
      },
      unsettled: js_number(look.unsettled),
    }
  }
}

/// `verified`, `estimated` or `none`.
pub(super) fn evidence_name(evidence: V8Evidence) -> &'static str {
  match evidence {
    V8Evidence::Verified => "verified",
    V8Evidence::Estimated => "estimated",
    V8Evidence::None => "none",
  }
}

/// What only the calling thread can tell: V8's own words for its isolate.
pub(super) fn caller_of(env: Env, engine_is_v8: bool) -> Caller {
  let isolate = env_state::with(env, |state| {
    let v8 = state.verified_v8()?;
    let address = v8.isolate().location();
    let (heap, _) = v8.read()?;
    Some((OwnIsolate { address, physical: heap.total_physical_size }, heap.total_heap_size))
  });
  let (isolate, committed) = isolate.unzip();
  Caller { engine_is_v8, isolate, committed }
}

/// The budget; one beyond what a Duration holds is none.
pub(super) fn budget_of(budget_ms: Option<f64>) -> Option<Duration> {
  budget_ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok())
}

/// Nobody waits for this call any more.
#[napi(catch_unwind)]
pub(crate) fn give_up_call(env: Env, call: u32) {
  background_thread::give_up(env, call);
}

/// A span that JavaScript measured; none where that is no span.
pub(super) fn micros(micros: f64) -> Duration {
  Duration::try_from_secs_f64(micros / 1e6).unwrap_or_default()
}
