//! `workerRss()`, its asynchronous twin, and the registration of threads.

use std::time::Duration;

use napi::bindgen_prelude::{ArrayBuffer, Env, JsValue, Unknown};
use napi_derive::napi;

use super::look::{LookMethod, budget_of, caller_of, evidence_name, micros};
use super::raise::raise;
use crate::attribution::Bill;
use crate::buffers::declared_bytes;
use crate::error::MeasureError;
use crate::js_number::js_number;
use crate::look::cost::{self, Kind as LookKind};
use crate::look::thread_bills::{Entry, Kind, Question, State, ThreadBills};
use crate::malloc;
use crate::platform;
use crate::threads::background_thread::{self, Step};
use crate::threads::env_state;
use crate::threads::listener::HeapWords;
use crate::threads::pending_call::Answer;
use crate::threads::registry;

/// What JavaScript asks for, validated there.
#[napi(object, object_to_js = false)]
#[derive(Clone, Copy)]
pub(crate) struct RawWorkerRequest {
  /// Whether JavaScript runs in V8 here.
  pub engine_is_v8: bool,
  /// How long to wait for V8's words about other threads.
  pub wait_ms: f64,
  /// Whether the heaps are searched for the holders of all buffers.
  pub deep: bool,
  /// Refuse a look that is predicted to take longer than this.
  pub budget_ms: Option<f64>,
}

/// What JavaScript shapes into the public result.
#[napi(object, object_from_js = false)]
pub(crate) struct RawWorkerRss {
  /// Resident set size of the process.
  pub rss: f64,
  /// What no thread owns, part by part, in the order of `sharedPartNames()`.
  pub shared: Vec<f64>,
  /// Bytes that other addons declared.
  pub declared: f64,
  /// One for each thread.
  pub threads: Vec<RawThread>,
  /// The calling thread's place in that list.
  pub caller: Option<u32>,
  /// Where the figures come from.
  pub method: LookMethod,
  /// Whether the heap pages of each isolate can be told apart.
  pub knows_heaps: bool,
  /// Whether the arena of every thread is known.
  pub knows_all_arenas: bool,
  /// Bytes of heap that were searched, where that was asked for.
  pub searched: Option<f64>,
  /// Microseconds that it took until here, waiting included.
  pub cost_micros: f64,
  /// Of those, what was spent waiting, and on the search.
  pub apart_micros: f64,
}

/// One thread.
#[napi(object, object_from_js = false)]
pub(crate) struct RawThread {
  /// `threadId`, where the thread registered.
  pub thread_id: Option<u32>,
  /// Its name.
  pub name: Option<String>,
  /// `main`, `worker` or `runtime`.
  pub kind: &'static str,
  /// Resident pages of its JS heap.
  pub v8_heap: f64,
  /// Its generated code.
  pub jit: f64,
  /// Its stack.
  pub stack: f64,
  /// Its part of the C allocator's memory.
  pub native_heap: f64,
  /// Of that, what is known to be its `ArrayBuffer`s'.
  pub array_buffers: Option<f64>,
  /// Bytes of its `ArrayBuffer`s that are known and not in memory.
  pub absent_buffers: f64,
  /// V8's words.
  pub heap_used: Option<f64>,
  /// V8's words.
  pub heap_total: Option<f64>,
  /// V8's words.
  pub heap_limit: Option<f64>,
  /// V8's words.
  pub external: Option<f64>,
  /// `running`, `idle`, `blocked` or `unregistered`.
  pub state: Option<&'static str>,
  /// Age of the words.
  pub age_ms: Option<f64>,
  /// Whether the pages of its heap agree with the words: `verified`, `estimated` or `none`.
  pub evidence: &'static str,
}

/// Names of the shared parts, in the order of `RawWorkerRss.shared`.
#[napi(catch_unwind)]
pub(crate) fn shared_part_names() -> Vec<&'static str> {
  crate::attribution::Shared::default().parts().iter().map(|(name, _)| *name).collect()
}

/// Whether the process began with the calling thread.
#[napi(catch_unwind)]
pub(crate) fn is_main_thread() -> bool {
  platform::current_thread() == platform::main_thread()
}

/// Enters the calling thread into the registry.
#[napi(catch_unwind)]
pub(crate) fn register_thread(env: Env, thread_id: u32, name: Option<String>) {
  env_state::register_thread(env, thread_id, name);
}

/// Whether a thread is on the registry.
#[napi(catch_unwind)]
pub(crate) fn is_registered(thread_id: u32) -> bool {
  registry::has_thread(thread_id)
}

/// Reads off an `ArrayBuffer` how V8 lays them out, for searches; whether that is known.
#[napi(catch_unwind)]
pub(crate) fn learn_buffer_layout(buffer: ArrayBuffer) -> bool {
  let number = |address: usize| u64::try_from(address).unwrap_or(0);
  let length = number(buffer.len());
  crate::look::learn_buffer_layout(number(buffer.raw().addr()), number(buffer.as_ptr().addr()), length)
}

/// Looks at the process, on the calling thread.
#[napi(catch_unwind)]
pub(crate) fn worker_rss(env: Env, request: RawWorkerRequest) -> napi::Result<RawWorkerRss> {
  let task = WorkerRssTask::of(env, request).map_err(|error| raise(env, error))?;
  task.answer_here().map_err(|error| raise(env, error))
}

/// Looks at the process, and waits, on a thread of ours. Gives the promise, and the number by which to give it up.
#[napi(catch_unwind)]
pub(crate) fn worker_rss_async(env: Env, request: RawWorkerRequest) -> napi::Result<(Unknown<'static>, u32)> {
  let task = WorkerRssTask::of(env, request).map_err(|error| raise(env, error))?;
  background_thread::run(env, Box::new(move || task.look_elsewhere()))
}

/// What a call of `workerRss()` took in all, but for what it waited and the search.
#[napi(catch_unwind)]
pub(crate) fn learn_worker_rss_cost(deep: bool, took_micros: f64) {
  cost::learn(kind(deep), micros(took_micros));
}

fn kind(deep: bool) -> LookKind {
  if deep { LookKind::Search } else { LookKind::Threads }
}

/// One question, on whichever thread it is answered.
struct WorkerRssTask {
  question: Question,
  patience: Duration,
  deep: bool,
}

impl WorkerRssTask {
  fn of(env: Env, request: RawWorkerRequest) -> Result<Self, MeasureError> {
    /// The clock cannot hold any moment.
    const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
    if let Some(budget) = budget_of(request.budget_ms) {
      crate::look::check_budget(budget, kind(request.deep), false)?;
    }
    let caller = caller_of(env, request.engine_is_v8);
    let own = env_state::with(env, |state| Some(HeapWords::of(state.verified_v8()?.read()?.0)));
    let patience = Duration::try_from_secs_f64(request.wait_ms / 1000.0).unwrap_or(LONGEST).min(LONGEST);
    Ok(Self { question: Question::put(caller, own), patience, deep: request.deep })
  }

  fn answer_here(self) -> Result<RawWorkerRss, MeasureError> {
    let (mut asked, looked) = self.question.look(self.deep)?;
    asked.wait_here(looked.deadline(self.patience));
    Ok(raw(&looked.conclude()))
  }

  fn look_elsewhere(self) -> Step {
    match self.question.look(self.deep) {
      Ok((asked, looked)) => {
        let deadline = looked.deadline(self.patience);
        let rest = move || {
          let answer = raw(&looked.conclude());
          Answer::of(move |_| Ok(answer))
        };
        Step::Wait { asked, deadline, rest: Box::new(rest) }
      }
      Err(error) => Step::Done(Answer::of::<()>(move |env| Err(raise(env, error)))),
    }
  }
}

fn raw(bills: &ThreadBills) -> RawWorkerRss {
  RawWorkerRss {
    rss: js_number(bills.look.survey.breakdown.resident()),
    shared: bills.bills.shared.parts().iter().map(|(_, bytes)| js_number(*bytes)).collect(),
    declared: js_number(declared_bytes()),
    threads: bills.entries.iter().map(|entry| thread(entry, bills)).collect(),
    caller: bills.caller.and_then(|index| u32::try_from(index).ok()),
    method: LookMethod::of(&bills.look),
    knows_heaps: bills.look.knows_heaps(),
    knows_all_arenas: bills.knows_all_arenas && malloc::headers_are_known(),
    searched: bills.searched.map(js_number),
    cost_micros: bills.took.as_secs_f64() * 1e6,
    apart_micros: bills.took_apart.as_secs_f64() * 1e6,
  }
}

fn thread(entry: &Entry, bills: &ThreadBills) -> RawThread {
  let Bill { v8_heap, jit, stack, native_heap, array_buffers, absent_buffers } = entry.bill;
  let words = entry.words;
  // Words that came while we looked are as old as the look.
  let age = words.map(|words| bills.asked_at.saturating_duration_since(words.asked));
  RawThread {
    thread_id: entry.js.as_ref().map(|js| js.id),
    name: entry.js.as_ref().and_then(|js| js.name.clone()).or_else(|| entry.kernel_name.clone()),
    kind: match entry.kind {
      Kind::Main => "main",
      Kind::Worker => "worker",
      Kind::Runtime => "runtime",
    },
    v8_heap: js_number(v8_heap),
    jit: js_number(jit),
    stack: js_number(stack),
    native_heap: js_number(native_heap),
    array_buffers: array_buffers.map(js_number),
    absent_buffers: js_number(absent_buffers),
    heap_used: words.map(|words| js_number(words.used)),
    heap_total: words.map(|words| js_number(words.total)),
    heap_limit: words.map(|words| js_number(words.limit)),
    external: words.map(|words| js_number(words.external)),
    state: entry.state.map(|state| match state {
      State::Running => "running",
      State::Idle => "idle",
      State::Blocked => "blocked",
      State::Unregistered => "unregistered",
    }),
    age_ms: age.map(|age| age.as_secs_f64() * 1000.0),
    evidence: evidence_name(entry.evidence),
  }
}
