//! The JavaScript threads of this process that loaded the package.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::listener::{Asked, HeapWords, Listener, after_collection};
use super::{thread_messages, wakeups};
use crate::attribution::ThreadArena;
use crate::malloc;
use crate::platform::{OwnMemory, current_thread};
use crate::v8::{Environment, GcEpilogue, InterruptCallback, V8Layer};

/// What JavaScript knows of its thread.
#[derive(Debug, Clone)]
pub(crate) struct JsThread {
  /// `threadId` of `node:worker_threads`.
  pub(crate) id: u32,
  /// The name that its maker gave it.
  pub(crate) name: Option<String>,
  /// Descriptor on which its event loop waits.
  pub(crate) loop_descriptor: Option<i32>,
}

/// What one thread told about itself.
#[derive(Clone)]
pub(crate) struct Record {
  /// The kernel's thread id.
  pub(crate) tid: i32,
  pub(crate) js: JsThread,
  /// The arena that it allocated from when it came, if arenas can be told apart.
  arena: ThreadArena,
  /// What V8's symbols tell of its isolate, where they may be used.
  pub(crate) isolate: Option<IsolateRecord>,
  /// How many times the package was loaded in it.
  loads: usize,
}

/// What is known of a thread's isolate.
#[derive(Clone)]
pub(crate) struct IsolateRecord {
  /// Its address.
  pub(crate) address: u64,
  /// Where its code lies.
  pub(crate) code_range: Option<(u64, u64)>,
  /// Where its count of `ArrayBuffer` bytes lies.
  array_buffer_counter: Option<u64>,
  /// Bytes of external memory that are not on the heap's bill: the sources of Node's own modules, as a rule.
  built_in: u64,
  environment: Option<Environment>,
  listener: Arc<Listener>,
}

impl IsolateRecord {
  /// V8's last words.
  pub(crate) fn words(&self) -> HeapWords {
    self.listener.words()
  }

  /// Bytes outside the heap that belong to objects of the isolate.
  pub(crate) fn external(&self) -> u64 {
    self.words().external.saturating_sub(self.built_in)
  }
}

static REGISTRY: Mutex<Vec<Record>> = Mutex::new(Vec::new());

fn registry() -> MutexGuard<'static, Vec<Record>> {
  REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The records of all threads that are alive.
pub(crate) fn records() -> Vec<Record> {
  registry().clone()
}

/// The isolate of each thread on the registry, by the kernel's id of the thread.
pub(crate) fn threads_with_isolates() -> impl Iterator<Item = (i32, u64)> {
  records().into_iter().filter_map(|record| Some((record.tid, record.isolate?.address)))
}

/// Whether the thread with this `threadId` is on the registry.
pub(crate) fn has_thread(id: u32) -> bool {
  registry().iter().any(|record| record.js.id == id)
}

/// The isolates on the registry, each with what it said last that V8 has committed for its heap.
pub(crate) fn isolates() -> Vec<(u64, u64)> {
  let isolate = |record: &Record| {
    let isolate = record.isolate.as_ref()?;
    Some((isolate.address, isolate.words().total))
  };
  registry().iter().filter_map(isolate).collect()
}

/// The threads on the registry, as JavaScript knows them.
pub(crate) fn js_threads() -> Vec<JsThread> {
  records().into_iter().map(|record| record.js).collect()
}

/// Has Node call `callback`, which calls no JavaScript, on that thread. False when it is not there or cannot be asked.
pub(super) fn interrupt(thread: u32, callback: InterruptCallback) -> bool {
  let registry = registry();
  let record = registry.iter().find(|record| record.js.id == thread);
  let Some(environment) = record.and_then(|record| record.isolate.as_ref()?.environment) else {
    return false;
  };
  // SAFETY: a thread leaves the registry before its environment ends, and cannot while we hold the lock. The callback
  // gets no data.
  unsafe { environment.request_interrupt(callback, std::ptr::null_mut()) };
  true
}

/// Code ranges of all isolates on the registry, as (start, end, isolate).
pub(crate) fn code_ranges() -> Vec<(u64, u64, u64)> {
  let range = |record: Record| {
    let isolate = record.isolate?;
    isolate.code_range.map(|(start, end)| (start, end, isolate.address))
  };
  records().into_iter().filter_map(range).collect()
}

/// The arena that each thread on the registry allocated from when it came; none where arenas cannot be told apart.
pub(crate) fn arenas() -> HashMap<i32, ThreadArena> {
  if !malloc::headers_are_known() {
    return HashMap::new();
  }
  let registry = registry();
  registry.iter().map(|record| (record.tid, record.arena)).collect()
}

/// What V8 has reserved for the heaps of all isolates on the registry.
pub(crate) fn heap_bytes() -> u64 {
  let totals = records().into_iter().filter_map(|record| Some(record.isolate?.words().total));
  totals.fold(0, u64::saturating_add)
}

/// Asks V8 for its words about the isolates of all threads but the calling one, whose own are refreshed at once.
pub(crate) fn ask_all(own: Option<HeapWords>) -> Asked {
  let since = Instant::now();
  let caller = current_thread();
  let registry = registry();
  let mut listeners = Vec::new();
  let mut own_listener = None;
  for record in registry.iter() {
    let Some(isolate) = &record.isolate else { continue };
    if record.tid == caller {
      own_listener = Some(Arc::clone(&isolate.listener));
      if let Some(words) = own {
        isolate.listener.store(HeapWords { asked: since, ..words });
      }
    } else if let Some(environment) = isolate.environment {
      // SAFETY: a thread leaves the registry before its environment ends, and cannot while we hold the lock.
      unsafe { isolate.listener.ask(environment) };
      listeners.push(Arc::clone(&isolate.listener));
    }
  }
  drop(registry);
  wakeups::ring(); // who waits for the caller has its words now, and who waits itself is asked
  Asked::new(listeners, own_listener, since)
}

/// Bytes in `ArrayBuffer`s of all threads on the registry; `None` where one cannot be asked.
///
/// A counter lives as long as its thread, which cannot leave the registry while we hold it.
pub(crate) fn array_buffer_bytes(memory: &OwnMemory) -> Option<u64> {
  let registry = registry();
  let counter = |record: &Record| record.isolate.as_ref()?.array_buffer_counter;
  let counters: Vec<u64> = registry.iter().map(counter).collect::<Option<_>>()?;
  let is_readable = counters.first().is_none_or(|counter| memory.read(*counter, &mut [0]));
  is_readable.then_some(())?;
  let mut counts = Vec::new();
  memory.gather(&counters, 1, &mut counts);
  Some(counts.into_iter().fold(0, u64::saturating_add))
}

/// Keeps a thread on the registry; dropped with the state of its environment, before the isolate goes. A package
/// loaded twice in a thread has two.
pub(crate) struct Registration {
  tid: i32,
  /// Taken back before the listener is let go, on the isolate's own thread.
  _collections: Option<GcEpilogue>,
  listener: Option<Arc<Listener>>,
}

impl Registration {
  /// Enters the calling thread. `v8` is its verified layer, `adjusted` the external memory of its isolate as
  /// Node-API tells it.
  pub(crate) fn of_this_thread(js: JsThread, v8: Option<&mut V8Layer>, adjusted: Option<u64>) -> Self {
    let tid = current_thread();
    // Nobody else enters or removes this thread, so the answer holds until it is used below.
    if load_again(tid) {
      return Self { tid, _collections: None, listener: None };
    }
    let arena = malloc::own_arena().map_or(ThreadArena::None, |address| match address {
      0 => ThreadArena::Main,
      address => ThreadArena::At(address),
    });
    let (isolate, collections) = v8.and_then(|v8| isolate_record(v8, adjusted)).unzip();
    let listener = isolate.as_ref().map(|record| Arc::clone(&record.listener));
    let mut registry = registry();
    registry.push(Record { tid, js, arena, isolate, loads: 1 });
    Self { tid, _collections: collections, listener }
  }
}

/// Counts one load more of a thread that is on the registry; `false` when it is not.
fn load_again(tid: i32) -> bool {
  let mut registry = registry();
  let Some(record) = registry.iter_mut().find(|record| record.tid == tid) else { return false };
  record.loads = record.loads.saturating_add(1);
  true
}

fn isolate_record(v8: &mut V8Layer, adjusted: Option<u64>) -> Option<(IsolateRecord, GcEpilogue)> {
  let isolate = v8.isolate();
  let array_buffer_counter = v8.array_buffer_counter();
  let (statistics, _) = v8.read()?;
  let listener = Arc::new(Listener::new(isolate, statistics));
  let data = Arc::as_ptr(&listener).cast_mut().cast();
  // SAFETY: the registration holds a reference to the listener and drops this first; the callback asks V8 for figures
  // and nothing else.
  let collections = unsafe { GcEpilogue::install(isolate, after_collection, data) };
  let record = IsolateRecord {
    address: isolate.location(),
    code_range: isolate.code_range(),
    array_buffer_counter,
    built_in: adjusted.map_or(0, |adjusted| statistics.external_memory.saturating_sub(adjusted)),
    environment: isolate.environment(),
    listener,
  };
  Some((record, collections))
}

impl Drop for Registration {
  fn drop(&mut self) {
    let mut registry = registry();
    let mut left = None;
    if let Some(record) = registry.iter_mut().find(|record| record.tid == self.tid) {
      record.loads = record.loads.saturating_sub(1);
      left = (record.loads == 0).then_some(record.js.id);
    }
    registry.retain(|record| record.loads > 0);
    drop(registry);
    if let Some(thread) = left {
      thread_messages::thread_left(thread);
    }
    if let Some(listener) = &self.listener {
      listener.end();
    }
  }
}
