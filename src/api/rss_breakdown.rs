//! `rssBreakdown()` and its asynchronous twin.

use std::time::{Duration, Instant};

use napi::bindgen_prelude::{Env, Unknown};
use napi_derive::napi;

use super::look::{LookMethod, budget_of, caller_of, micros};
use super::raise::raise;
use crate::attribution::{Measured, Owner, Part, Survey};
use crate::error::MeasureError;
use crate::js_number::js_number;
use crate::look::cost::{self, Kind};
use crate::look::{self, Caller, Look};
use crate::malloc;
use crate::threads::background_thread::{self, Step};
use crate::threads::pending_call::Answer;

/// What JavaScript shapes into the public result.
#[napi(object, object_from_js = false)]
pub(crate) struct RawBreakdown {
  /// Bytes of each part, in the order of `partNames()`.
  pub parts: Vec<f64>,
  /// Arenas of the C allocator, where that is glibc's.
  pub arenas: Option<f64>,
  /// Resident bytes in arenas of threads that ended, where that is known.
  pub dead_arenas: Option<f64>,
  /// Bytes in swap, where the kernel tells.
  pub swap: Option<f64>,
  /// Threads.
  pub threads: f64,
  /// Where the figures come from.
  pub method: LookMethod,
  /// The C allocator.
  pub allocator: Option<&'static str>,
  /// Bytes that the program holds of it, where they were asked for.
  pub in_use: Option<f64>,
  /// Bytes that a trim would give back, where they were asked for.
  pub retained: Option<f64>,
  /// Bytes in `ArrayBuffer`s of all threads.
  pub array_buffer_bytes: Option<f64>,
  /// Bytes of the buffers on the books.
  pub tracked_bytes: f64,
  /// Resident bytes of those.
  pub tracked_resident: f64,
  /// Microseconds that it took until here.
  pub cost_micros: f64,
  /// Of those, what was spent waiting, and on the allocator's walk.
  pub apart_micros: f64,
  /// The regions, where they were asked for.
  pub regions: Option<Vec<RawRegion>>,
}

/// A piece of the address space.
#[napi(object, object_from_js = false)]
pub(crate) struct RawRegion {
  /// First address.
  pub start: f64,
  /// First address behind.
  pub end: f64,
  /// Name of the part.
  pub part: &'static str,
  /// Whose it is, as far as the memory tells.
  pub owner: Option<String>,
  /// Resident bytes.
  pub resident: f64,
  /// The mapped file or the kernel's label.
  pub name: Option<String>,
}

/// Names of the parts, in the order of `RawBreakdown.parts`.
#[napi(catch_unwind)]
pub(crate) fn part_names() -> Vec<&'static str> {
  Part::ALL.iter().map(|part| part.name()).collect()
}

/// What JavaScript asks for, validated there.
#[napi(object, object_to_js = false)]
#[derive(Clone, Copy)]
pub(crate) struct RawRequest {
  /// Whether JavaScript runs in V8 here.
  pub engine_is_v8: bool,
  /// Refuse a look that is predicted to take longer than this.
  pub budget_ms: Option<f64>,
  /// Whether every region is wanted.
  pub regions: bool,
  /// Whether the allocator is to be asked, under its locks.
  pub allocator: bool,
}

/// Looks at the process, on the calling thread.
#[napi(catch_unwind)]
pub(crate) fn rss_breakdown(env: Env, request: RawRequest) -> napi::Result<RawBreakdown> {
  let task = BreakdownTask::of(env, request);
  task.look().map_err(|error| raise(env, error))
}

/// Looks at the process, on a thread of ours. Gives the promise, and the number by which to give it up.
#[napi(catch_unwind)]
pub(crate) fn rss_breakdown_async(env: Env, request: RawRequest) -> napi::Result<(Unknown<'static>, u32)> {
  let task = BreakdownTask::of(env, request);
  let answer = move || {
    let outcome = task.look();
    Step::Done(Answer::of(move |env| outcome.map_err(|error| raise(env, error))))
  };
  background_thread::run(env, Box::new(answer))
}

/// What a call of `rssBreakdown()` took in all, but for what it waited and the allocator's walk.
#[napi(catch_unwind)]
pub(crate) fn learn_breakdown_cost(regions: bool, took_micros: f64) {
  cost::learn(kind(regions), micros(took_micros));
}

fn kind(regions: bool) -> Kind {
  if regions { Kind::Regions } else { Kind::Parts }
}

/// One look, on whichever thread.
struct BreakdownTask {
  start: Instant,
  caller: Caller,
  budget: Option<Duration>,
  regions: bool,
  allocator: bool,
}

impl BreakdownTask {
  /// V8's own words can only be had on the caller's thread.
  fn of(env: Env, request: RawRequest) -> Self {
    let start = Instant::now();
    let caller = caller_of(env, request.engine_is_v8);
    let budget = budget_of(request.budget_ms);
    Self { start, caller, budget, regions: request.regions, allocator: request.allocator }
  }

  fn look(&self) -> Result<RawBreakdown, MeasureError> {
    if let Some(budget) = self.budget {
      look::check_budget(budget, kind(self.regions), self.allocator)?;
    }
    let queued = self.start.elapsed();
    look::look(self.caller, self.regions).map(|look| self.convert(&look, queued))
  }

  /// `queued` is how long the look had to wait for its turn.
  fn convert(&self, look: &Look, queued: Duration) -> RawBreakdown {
    let survey = &look.survey;
    let (tracked_bytes, tracked_resident) = look.tracked();
    let (arenas, arena_resident) = survey.arenas();
    let walking = Instant::now();
    let statistics = if self.allocator { look::allocator_statistics(look) } else { None };
    let apart = queued.saturating_add(look.waited).saturating_add(walking.elapsed());
    let native_heap = survey.breakdown.part(Part::NativeHeap);
    // Only glibc's arenas can be told from the rest of what the allocator mapped.
    let trimmable = if malloc::headers_are_known() { arena_resident } else { native_heap };
    let (beside_in_use, beside_retained) =
      if statistics.is_some() { look.beside_allocator() } else { (0, 0) };
    let in_use = statistics.map(|statistics| statistics.in_use().saturating_add(beside_in_use));
    let retained =
      statistics.map(|statistics| malloc::retained(&statistics, trimmable).saturating_add(beside_retained));
    let regions =
      self.regions.then(|| survey.measured.iter().map(|measured| region(measured, survey)).collect());
    RawBreakdown {
      parts: survey.breakdown.parts.iter().copied().map(js_number).collect(),
      arenas: malloc::headers_are_known().then(|| js_number(arenas)),
      dead_arenas: look.dead_arenas().map(js_number),
      swap: survey.counted.swap.map(js_number),
      threads: js_number(survey.counted.threads),
      method: LookMethod::of(look),
      allocator: malloc::allocator_name(),
      in_use: in_use.map(js_number),
      retained: retained.map(js_number),
      array_buffer_bytes: look.array_buffer_bytes.map(js_number),
      tracked_bytes: js_number(tracked_bytes),
      tracked_resident: js_number(tracked_resident),
      regions,
      cost_micros: self.start.elapsed().as_secs_f64() * 1e6,
      apart_micros: apart.as_secs_f64() * 1e6,
    }
  }
}

fn region(measured: &Measured, survey: &Survey) -> RawRegion {
  let piece = measured.piece;
  let name = survey.regions.get(piece.region).map(|region| region.name(&survey.text)).unwrap_or_default();
  RawRegion {
    start: js_number(piece.start),
    end: js_number(piece.end),
    part: piece.part.name(),
    owner: owner(piece.owner),
    resident: js_number(measured.resident),
    name: (!name.is_empty()).then(|| String::from_utf8_lossy(name).into_owned()),
  }
}

fn owner(owner: Owner) -> Option<String> {
  Some(match owner {
    Owner::Process => return None,
    Owner::Isolate(address) => format!("isolate 0x{address:x}"),
    Owner::V8 => "v8".to_owned(),
    Owner::CppHeap => "v8 cppgc".to_owned(),
    Owner::Thread(tid) => format!("thread {tid}"),
    Owner::Arena(address) => format!("arena 0x{address:x}"),
    Owner::MainArena => "main arena".to_owned(),
    Owner::LargeChunks => "large chunks".to_owned(),
    Owner::LowLevelAlloc => "absl low-level alloc".to_owned(),
    Owner::GrowableBuffer => "growable buffer".to_owned(),
    Owner::Buffer => "external buffer".to_owned(),
  })
}
