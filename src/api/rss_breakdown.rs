//! `rssBreakdown()` and its asynchronous twin.

use std::time::Duration;

use napi::bindgen_prelude::{AsyncTask, Env, Task};
use napi_derive::napi;

use super::look::{LookMethod, budget_of, caller_of, on_pool};
use super::raise::raise;
use crate::attribution::{Measured, Owner, Part, Survey};
use crate::error::MeasureError;
use crate::js_number::js_number;
use crate::malloc;
use crate::threads::own_process::{self, Caller, Look};

/// What JavaScript shapes into the public result.
#[napi(object, object_from_js = false)]
pub(crate) struct RawBreakdown {
  /// Bytes of each part, in the order of `partNames()`.
  pub parts: Vec<f64>,
  /// Arenas of the C allocator.
  pub arenas: f64,
  /// Resident bytes in arenas of threads that ended, where that is known.
  pub dead_arenas: Option<f64>,
  /// Bytes in swap.
  pub swap: f64,
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
  /// Microseconds that the look took.
  pub cost_micros: f64,
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

/// Looks at the process, on a thread of libuv's pool.
#[napi(catch_unwind)]
pub(crate) fn rss_breakdown_async(env: Env, request: RawRequest) -> AsyncTask<BreakdownTask> {
  AsyncTask::new(BreakdownTask::of(env, request))
}

/// One look, on whichever thread.
pub(crate) struct BreakdownTask {
  caller: Caller,
  budget: Option<Duration>,
  regions: bool,
  allocator: bool,
}

impl BreakdownTask {
  /// V8's own words can only be had on the caller's thread.
  fn of(env: Env, request: RawRequest) -> Self {
    let caller = caller_of(env, request.engine_is_v8);
    let budget = budget_of(request.budget_ms);
    Self { caller, budget, regions: request.regions, allocator: request.allocator }
  }

  fn look(&self) -> Result<RawBreakdown, MeasureError> {
    if let Some(budget) = self.budget {
      own_process::check_budget(budget, false)?;
    }
    own_process::look(self.caller, self.regions).map(|look| self.convert(&look))
  }

  fn convert(&self, look: &Look) -> RawBreakdown {
    let survey = &look.survey;
    let (tracked_bytes, tracked_resident) = look.tracked();
    let (arenas, arena_resident) = survey.arenas();
    let statistics = if self.allocator { malloc::statistics() } else { None };
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
      arenas: js_number(arenas),
      dead_arenas: look.dead_arenas().map(js_number),
      swap: js_number(survey.counted.swap),
      threads: js_number(survey.counted.threads),
      method: LookMethod::of(look),
      allocator: malloc::allocator_name(),
      in_use: in_use.map(js_number),
      retained: retained.map(js_number),
      array_buffer_bytes: look.array_buffer_bytes.map(js_number),
      tracked_bytes: js_number(tracked_bytes),
      tracked_resident: js_number(tracked_resident),
      regions,
      cost_micros: look.took.as_secs_f64() * 1e6,
    }
  }
}

impl Task for BreakdownTask {
  type Output = Result<RawBreakdown, MeasureError>;
  type JsValue = RawBreakdown;

  fn compute(&mut self) -> napi::Result<Self::Output> {
    on_pool(|| self.look())
  }

  fn resolve(&mut self, env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
    output.map_err(|error| raise(env, error))
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
