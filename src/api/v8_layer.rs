//! What `lib/v8-layer.js` needs to verify our reading of V8 against V8's own JavaScript API.

use napi::bindgen_prelude::Env;
use napi_derive::napi;

use crate::js_number::js_number;
use crate::threads::env_state;

/// The figures that both sides know, under the names that `v8.getHeapStatistics()` uses.
#[napi(object, object_from_js = false)]
pub(crate) struct HeapFigures {
  /// Committed bytes of the JS heap.
  #[napi(js_name = "total_heap_size")]
  pub total_heap_size: f64,
  /// Bytes of the JS heap that V8 believes to be backed by memory.
  #[napi(js_name = "total_physical_size")]
  pub total_physical_size: f64,
  /// Bytes in use.
  #[napi(js_name = "used_heap_size")]
  pub used_heap_size: f64,
  /// Where V8 gives up.
  #[napi(js_name = "heap_size_limit")]
  pub heap_size_limit: f64,
  /// Bytes V8 took from malloc.
  #[napi(js_name = "malloced_memory")]
  pub malloced_memory: f64,
  /// The most it ever took.
  #[napi(js_name = "peak_malloced_memory")]
  pub peak_malloced_memory: f64,
  /// Bytes of backing stores and external strings.
  #[napi(js_name = "external_memory")]
  pub external_memory: f64,
  /// Contexts alive.
  #[napi(js_name = "number_of_native_contexts")]
  pub number_of_native_contexts: f64,
  /// Contexts detached and not collected yet.
  #[napi(js_name = "number_of_detached_contexts")]
  pub number_of_detached_contexts: f64,
}

/// V8's figures for this thread, read through exported symbols; `null` where those or the layout do not fit.
#[napi(catch_unwind)]
pub(crate) fn probe_heap_statistics(env: Env) -> Option<HeapFigures> {
  env_state::with(env, |state| {
    let heap = state.probe_v8()?.read_unverified()?;
    Some(HeapFigures {
      total_heap_size: js_number(heap.total_heap_size),
      total_physical_size: js_number(heap.total_physical_size),
      used_heap_size: js_number(heap.used_heap_size),
      heap_size_limit: js_number(heap.heap_size_limit),
      malloced_memory: js_number(heap.malloced_memory),
      peak_malloced_memory: js_number(heap.peak_malloced_memory),
      external_memory: js_number(heap.external_memory),
      number_of_native_contexts: js_number(heap.number_of_native_contexts),
      number_of_detached_contexts: js_number(heap.number_of_detached_contexts),
    })
  })
}

/// The first words of Node's buffer allocator, to find which one counts `ArrayBuffer` bytes.
#[napi(catch_unwind)]
pub(crate) fn array_buffer_candidates(env: Env) -> Option<Vec<f64>> {
  env_state::with(env, |state| {
    let words = state.probe_v8()?.array_buffer_candidates()?;
    Some(words.into_iter().map(js_number).collect())
  })
}

/// What is known of V8 by now contradicts what was compared at load: from now on it is not asked.
#[napi(catch_unwind)]
pub(crate) fn distrust_v8(env: Env) {
  env_state::with(env, |state| {
    state.distrust_v8();
    Some(())
  });
}

/// Ends the verification: from now on `readTotals` answers. Without a word for `ArrayBuffer` bytes it leaves
/// that slot alone.
#[napi(catch_unwind)]
pub(crate) fn use_v8(env: Env, array_buffer_word: Option<u32>) {
  let word = array_buffer_word.and_then(|word| usize::try_from(word).ok());
  env_state::with(env, |state| {
    state.use_v8(word);
    Some(())
  });
}
