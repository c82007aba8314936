//! Messages between threads, for `lib/threads-profile.js`.

use napi::bindgen_prelude::{Env, Function};
use napi_derive::napi;

use crate::threads::{registry, thread_messages};

/// A thread on the registry.
#[napi(object, object_from_js = false)]
pub(crate) struct RawThread {
  /// Its `threadId`.
  pub thread_id: u32,
  /// Its name, where it has one.
  pub name: Option<String>,
}

/// All threads on the registry.
#[napi(catch_unwind)]
pub(crate) fn registered_threads() -> Vec<RawThread> {
  registry::js_threads().into_iter().map(|js| RawThread { thread_id: js.id, name: js.name }).collect()
}

/// The function to call when there is mail for this thread. It is not kept alive.
#[napi(catch_unwind)]
pub(crate) fn on_mail(env: Env, function: Function<(), ()>) -> napi::Result<()> {
  thread_messages::listen(env, &function)
}

/// Posts a message to a thread; false when it cannot be told.
#[napi(catch_unwind)]
pub(crate) fn post_mail(thread: u32, message: String) -> bool {
  thread_messages::post(thread, message)
}

/// What has come for the calling thread.
#[napi(catch_unwind)]
pub(crate) fn collect_mail(thread: u32) -> Vec<String> {
  thread_messages::collect(thread)
}

/// Puts up what threads find that come later, or takes it down; gives what was there.
#[napi(catch_unwind)]
pub(crate) fn put_up_notice(notice: Option<String>) -> Option<String> {
  thread_messages::put_up(notice)
}

/// What was put up.
#[napi(catch_unwind)]
pub(crate) fn read_notice() -> Option<String> {
  thread_messages::notice()
}
