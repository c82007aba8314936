//! Which thread owns which resident memory, and what V8 says of its heap.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::listener::HeapWords;
use super::own_process::{self, Caller, Look};
use super::registry::{self, Asked, IsolateRecord, JsThread, Record};
use crate::attribution::{Bill, Bills, Hints, Owner, Part, Tenant, ThreadArena, bills};
use crate::error::Result;
use crate::platform::{self, Activity, ThreadPlace};

/// What a thread is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
  Main,
  Worker,
  /// Of Node itself: libuv's pool, V8's platform, the inspector, or of an addon.
  Runtime,
}

/// What a thread with JavaScript was doing when it was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
  Running,
  /// Its event loop waits for something to do.
  Idle,
  /// It waits for something else, as in `Atomics.wait` or in a synchronous call.
  Blocked,
  /// It never loaded the package.
  Unregistered,
}

/// One thread.
pub(crate) struct Entry {
  pub(crate) tid: i32,
  pub(crate) js: Option<JsThread>,
  /// The name that the kernel knows, where JavaScript has none.
  pub(crate) kernel_name: Option<String>,
  pub(crate) kind: Kind,
  pub(crate) state: Option<State>,
  pub(crate) bill: Bill,
  pub(crate) words: Option<HeapWords>,
}

/// All threads at one moment.
pub(crate) struct ThreadBills {
  pub(crate) look: Look,
  pub(crate) entries: Vec<Entry>,
  pub(crate) bills: Bills,
  /// Whether the arena of every thread is known, and not of the registered ones alone.
  pub(crate) knows_all_arenas: bool,
  /// Bytes of heap that were searched for buffers, where that was asked for and could be done.
  pub(crate) searched: Option<u64>,
  pub(crate) asked_at: Instant,
  pub(crate) took: Duration,
}

/// A question that was put to all threads, before the work of answering it.
pub(crate) struct Question {
  caller: Caller,
  calling_thread: i32,
  states: HashMap<i32, Option<Activity>>,
  asked: Asked,
  start: Instant,
}

impl Question {
  /// Notes what all threads are doing, then asks V8 for its words about them. On the caller's thread; `own` are its
  /// own words.
  pub(crate) fn put(caller: Caller, own: Option<HeapWords>) -> Self {
    let start = Instant::now();
    let calling_thread = platform::current_thread();
    // First, for the question itself wakes a loop that waits.
    let states = registry::records()
      .into_iter()
      .map(|record| record.tid)
      .map(|tid| {
        (tid, if tid == calling_thread { Some(Activity::Running) } else { platform::thread_activity(tid) })
      })
      .collect();
    Self { caller, calling_thread, states, asked: registry::ask_all(own), start }
  }

  /// Looks at the process and waits for answers, no longer than `patience` after the question was put. A `deep` look
  /// searches the heaps for the holders of all buffers. On any thread.
  pub(crate) fn answer(&self, patience: Duration, deep: bool) -> Result<ThreadBills> {
    /// The clock cannot hold any moment.
    const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
    let look = own_process::look(self.caller, deep)?;
    let found = if deep { own_process::find_buffer_owners(&look) } else { None };
    let asked_at = self.asked.since();
    if let Some(deadline) = asked_at.checked_add(patience.min(LONGEST)) {
      self.asked.wait(deadline);
    }
    let records = registry::records();
    let (tenants, knows_all_arenas) = tenants(&look, &records);
    let hints = Hints {
      own_isolate: self.caller.isolate.map(|own| own.address),
      buffers: &look.buffers,
      found: found.as_ref(),
      page_size: platform::page_size(),
    };
    let bills = bills(&look.survey, &tenants, hints);
    let by_tid: HashMap<i32, &Record> = records.iter().map(|record| (record.tid, record)).collect();
    let entries = tenants
      .iter()
      .zip(&bills.threads)
      .map(|(tenant, bill)| self.entry(tenant, *bill, by_tid.get(&tenant.tid).copied()))
      .collect();
    let searched = found.map(|found| found.searched());
    let took = self.start.elapsed();
    Ok(ThreadBills { look, entries, bills, knows_all_arenas, searched, asked_at, took })
  }

  /// The thread that asked.
  pub(crate) fn calling_thread(&self) -> i32 {
    self.calling_thread
  }

  fn entry(&self, tenant: &Tenant, bill: Bill, record: Option<&Record>) -> Entry {
    let runs_javascript = record.is_some() || tenant.isolate.is_some();
    let kind = match tenant.tid {
      tid if tid == platform::main_thread() => Kind::Main,
      _ if runs_javascript => Kind::Worker,
      _ => Kind::Runtime,
    };
    let state = match record {
      Some(record) => self.state(record),
      None => runs_javascript.then_some(State::Unregistered),
    };
    // Only who has no other name is asked for the kernel's: it takes longer than the rest of an entry.
    let is_named = record.is_some_and(|record| record.js.name.is_some());
    let kernel_name = if is_named { None } else { platform::thread_name(tenant.tid) };
    Entry {
      tid: tenant.tid,
      js: record.map(|record| record.js.clone()),
      kernel_name,
      kind,
      state,
      bill,
      words: record.and_then(|record| record.isolate.as_ref()).map(IsolateRecord::words),
    }
  }

  fn state(&self, record: &Record) -> Option<State> {
    Some(match self.states.get(&record.tid).copied().flatten()? {
      Activity::Running => State::Running,
      Activity::Polling { descriptor } if record.js.loop_descriptor == Some(descriptor) => State::Idle,
      Activity::Polling { .. } | Activity::Waiting => State::Blocked,
    })
  }
}

/// All threads with what is known of them, and whether that holds for the arena of each.
fn tenants(look: &Look, records: &[Record]) -> (Vec<Tenant>, bool) {
  let knows_all = look.arenas.is_some();
  let arenas = look.arenas.clone().unwrap_or_else(registry::arenas);
  let isolates = isolates(look, records);
  let record_of: HashMap<i32, &Record> = records.iter().map(|record| (record.tid, record)).collect();
  let tenant = |thread: &ThreadPlace| Tenant {
    tid: thread.tid,
    isolate: isolates.get(&thread.tid).copied(),
    arena: arenas.get(&thread.tid).copied().unwrap_or(ThreadArena::None),
    external: record_of
      .get(&thread.tid)
      .and_then(|record| record.isolate.as_ref())
      .map_or(0, IsolateRecord::external),
  };
  (look.threads.iter().map(tenant).collect(), knows_all)
}

/// The isolate of each thread that runs one. Threads of V8's platform enter isolates for a moment to help with a
/// collection: those that registered know better, and of others the youngest is its own thread, for the platform's are
/// older than any worker.
fn isolates(look: &Look, records: &[Record]) -> HashMap<i32, u64> {
  let mut of_thread: HashMap<i32, u64> =
    records.iter().filter_map(|record| Some((record.tid, record.isolate.as_ref()?.address))).collect();
  let registered: HashSet<u64> = of_thread.values().copied().collect();
  let is_unknown = |tid: i32, isolate: u64| !registered.contains(&isolate) && !of_thread.contains_key(&tid);
  let unknown: Vec<(i32, u64)> =
    look.isolates.iter().copied().filter(|(tid, isolate)| is_unknown(*tid, *isolate)).collect();
  if unknown.is_empty() {
    return of_thread;
  }
  let with_pages: HashSet<u64> = look
    .survey
    .measured
    .iter()
    .filter_map(|measured| match measured.piece.owner {
      Owner::Isolate(isolate) if measured.piece.part == Part::V8Heap => Some(isolate),
      _ => None,
    })
    .collect();
  let mut youngest: HashMap<u64, i32> = HashMap::new();
  let main = platform::main_thread();
  for (tid, isolate) in unknown.into_iter().filter(|(_, isolate)| with_pages.contains(isolate)) {
    let known = youngest.entry(isolate).or_insert(tid);
    if tid == main || (*known != main && tid > *known) {
      *known = tid;
    }
  }
  of_thread.extend(youngest.into_iter().map(|(isolate, tid)| (tid, isolate)));
  of_thread
}
