//! `externalBuffers`: its answers, and the way of engines whose backing stores cannot be followed.

use std::time::Duration;

use napi::bindgen_prelude::Env;
use napi_derive::napi;

use crate::buffers::{self, Amount, Entry, Group, Label, Selection, Source, Tag};
use crate::js_number::js_number;

/// A count of buffers and the sum of their bytes.
#[napi(object, object_from_js = false)]
pub(crate) struct RawAmount {
  /// Buffers.
  pub count: f64,
  /// Their bytes.
  pub bytes: f64,
}

/// Buffers of one label or one thread.
#[napi(object, object_from_js = false)]
pub(crate) struct RawGroup {
  /// The label, in the list of labels.
  pub label: Option<String>,
  /// The thread, in the list of threads, where it is known.
  pub thread: Option<u32>,
  /// Buffers.
  pub count: f64,
  /// Their bytes.
  pub bytes: f64,
  /// Of those bytes the resident ones, where they can be measured.
  pub resident: Option<f64>,
  /// Age of the oldest in milliseconds.
  pub oldest_ms: f64,
}

/// Everything on the books.
#[napi(object, object_from_js = false)]
pub(crate) struct RawUsage {
  /// All together.
  pub all: RawGroup,
  /// The most bytes that were ever held.
  pub peak_bytes: f64,
  /// All that ever came onto the books.
  pub allocated: RawAmount,
  /// What has left them.
  pub freed: RawAmount,
  /// By label, largest first.
  pub labels: Vec<RawGroup>,
  /// By thread, largest first.
  pub threads: Vec<RawGroup>,
}

/// One buffer.
#[napi(object, object_from_js = false)]
pub(crate) struct RawEntry {
  /// Its own for ever.
  pub serial: f64,
  /// Its label.
  pub label: String,
  /// Bytes asked for.
  pub bytes: f64,
  /// Resident bytes, where they can be measured.
  pub resident: Option<f64>,
  /// Milliseconds on the books.
  pub age_ms: f64,
  /// The thread, where it is known.
  pub thread: Option<u32>,
  /// `allocated`, `tracked` or `declared`.
  pub source: &'static str,
}

/// Which entries are wanted, validated in JavaScript.
#[napi(object, object_to_js = false)]
pub(crate) struct RawSelection {
  /// Only this label.
  pub label: Option<String>,
  /// Only what is older.
  pub older_than_ms: Option<f64>,
  /// Only the largest.
  pub top: Option<u32>,
}

/// The number of a label, which the calls per buffer take.
#[napi(catch_unwind)]
pub(crate) fn label_id(name: String) -> u32 {
  Label::named(name).id()
}

/// The calling thread begins to use external buffers under its number; its end is noticed.
#[napi(catch_unwind)]
pub(crate) fn use_external_buffers(env: Env, thread: u32) -> napi::Result<()> {
  env.add_env_cleanup_hook(thread, buffers::thread_ended)?;
  buffers::thread_started(thread);
  Ok(())
}

/// The serial number of the entry of a store that is alive, by what `storeKey` said.
#[napi(catch_unwind)]
pub(crate) fn store_serial(key: f64) -> Option<f64> {
  buffers::serial_of(usize::try_from(whole(key)).ok()?).map(js_number)
}

/// Whether `holdBuffer` gave this number to a buffer that is on the books.
#[napi(catch_unwind)]
pub(crate) fn is_held(number: f64) -> bool {
  buffers::is_held(whole(number))
}

/// What all buffers of the process are.
#[napi(catch_unwind)]
pub(crate) fn buffer_usage() -> RawUsage {
  let usage = buffers::usage();
  let labels = usage.labels.iter().map(|(name, of)| group(*of, Some(name.as_ref().to_owned()), None));
  let threads = usage.threads.iter().map(|(thread, of)| group(*of, None, *thread));
  RawUsage {
    all: group(usage.all, None, None),
    peak_bytes: js_number(usage.peak_bytes),
    allocated: amount(usage.allocated),
    freed: amount(usage.freed),
    labels: labels.collect(),
    threads: threads.collect(),
  }
}

/// Entries of the books, largest first.
#[napi(catch_unwind)]
pub(crate) fn list_buffers(selection: RawSelection) -> Vec<RawEntry> {
  let older_than_ms = selection.older_than_ms.map(whole_millis);
  let top = selection.top.map(|top| usize::try_from(top).unwrap_or(usize::MAX));
  let selection = Selection { label: selection.label, older_than_ms, top };
  buffers::list(&selection).into_iter().map(|entry| raw_entry(&entry)).collect()
}

/// Bytes outside the heap that V8 counts for the calling thread, less those on the books.
#[napi(catch_unwind)]
pub(crate) fn unaccounted_bytes(env: Env, thread: u32) -> napi::Result<f64> {
  let known_to_v8 = env.adjust_external_memory(0)?;
  let known_to_v8 = u64::try_from(known_to_v8).unwrap_or(0);
  Ok(js_number(known_to_v8.saturating_sub(buffers::bytes_known_to_v8(thread))))
}

/// A buffer that cannot be followed, as JavaScript describes it.
#[napi(object, object_to_js = false)]
#[derive(Clone, Copy)]
pub(crate) struct RawHolding {
  /// Where it lies; `null` for an empty one.
  pub address: Option<f64>,
  /// Its bytes.
  pub bytes: f64,
  /// Whether other threads may hold it too.
  pub is_shared: bool,
  /// The number of its label.
  pub label: Option<u32>,
  /// The thread that holds it.
  pub thread: u32,
  /// Whether it was allocated by us.
  pub is_allocated: bool,
}

/// Enters a buffer whose finalizer will call `letGo` with the number that this gives.
#[napi(catch_unwind)]
pub(crate) fn hold_buffer(holding: RawHolding) -> f64 {
  let source = if holding.is_allocated { Source::Allocated } else { Source::Tracked };
  let tag = Tag::new(holding.label, Some(holding.thread), source);
  let address = holding.address.map(whole);
  js_number(buffers::follow_address(address, whole(holding.bytes), holding.is_shared, tag))
}

/// Puts down what is new about a buffer that is held.
#[napi(catch_unwind)]
pub(crate) fn update_held_buffer(number: f64, bytes: f64, label: Option<u32>, thread: u32) {
  buffers::update_held(whole(number), whole(bytes), Tag::new(label, Some(thread), Source::Tracked));
}

/// A buffer of that thread is gone.
#[napi(catch_unwind)]
pub(crate) fn let_go_of_buffer(number: f64, thread: u32) {
  buffers::holder_left(whole(number), Some(thread));
}

fn group(of: Group, label: Option<String>, thread: Option<u32>) -> RawGroup {
  let RawAmount { count, bytes } = amount(of.live);
  RawGroup {
    label,
    thread,
    count,
    bytes,
    resident: of.resident().map(js_number),
    oldest_ms: js_number(of.oldest_ms),
  }
}

fn amount(amount: Amount) -> RawAmount {
  RawAmount { count: js_number(amount.count), bytes: js_number(amount.bytes) }
}

fn raw_entry(entry: &Entry) -> RawEntry {
  RawEntry {
    serial: js_number(entry.serial),
    label: entry.name.as_ref().to_owned(),
    bytes: js_number(entry.bytes),
    resident: entry.resident.map(js_number),
    age_ms: js_number(entry.age_ms),
    thread: entry.thread,
    source: entry.source.name(),
  }
}

fn whole_millis(millis: f64) -> u64 {
  Duration::try_from_secs_f64(millis / 1000.0)
    .map_or(u64::MAX, |duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// A number that JavaScript made of one of ours, or of a size.
#[expect(
  clippy::as_conversions,
  clippy::cast_possible_truncation,
  clippy::cast_sign_loss,
  reason = "it saturates"
)]
fn whole(number: f64) -> u64 {
  number as u64
}
