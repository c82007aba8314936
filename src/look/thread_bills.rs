//! Which thread owns which resident memory, and what V8 says of its heap.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::{Caller, Look};
use crate::attribution::{
  Bill, Bills, BufferOwners, Hints, Owner, Part, Tenant, ThreadArena, V8Evidence, bills,
};
use crate::error::Result;
use crate::platform::{self, Activity, ThreadPlace};
use crate::threads::listener::{Asked, HeapWords};
use crate::threads::registry::{self, IsolateRecord, JsThread, Record};

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
  /// Whether its heap on the bill agrees with the words.
  pub(crate) evidence: V8Evidence,
}

/// All threads at one moment.
pub(crate) struct ThreadBills {
  pub(crate) look: Look,
  pub(crate) entries: Vec<Entry>,
  pub(crate) bills: Bills,
  /// The place of the thread that asked among the entries.
  pub(crate) caller: Option<usize>,
  /// Whether the arena of every thread is known, and not of the registered ones alone.
  pub(crate) knows_all_arenas: bool,
  /// Bytes of heap that were searched for buffers, where that was asked for and could be done.
  pub(crate) searched: Option<u64>,
  pub(crate) asked_at: Instant,
  pub(crate) took: Duration,
  /// Of that, what was spent waiting, and on the search.
  pub(crate) took_apart: Duration,
}

/// A question that was put to all threads, before the work of answering it.
pub(crate) struct Question {
  scene: Scene,
  asked: Asked,
}

/// What there was when a question was put.
struct Scene {
  caller: Caller,
  calling_thread: i32,
  /// Who was on the registry. A thread that ends before the answer is told by what it was.
  records: Vec<Record>,
  states: HashMap<i32, Option<Activity>>,
  start: Instant,
  put: Instant,
}

/// The look for a question; V8's words may not have come yet.
pub(crate) struct Looked {
  scene: Scene,
  look: Look,
  found: Option<BufferOwners>,
  /// Names that the kernel knows, of those who have no other.
  names: HashMap<i32, String>,
  asked_at: Instant,
  ended: Instant,
  /// What was spent so far waiting, and on the search.
  took_apart: Duration,
}

impl Question {
  /// Notes what all threads are doing, then asks V8 for its words about them. On the caller's thread; `own` are its
  /// own words.
  pub(crate) fn put(caller: Caller, own: Option<HeapWords>) -> Self {
    let start = Instant::now();
    let calling_thread = platform::current_thread();
    let records = registry::records();
    // First, for the question itself wakes a loop that waits.
    let activity = |tid| {
      if tid == calling_thread { Some(Activity::Running) } else { platform::thread_activity(tid) }
    };
    let states = records.iter().map(|record| (record.tid, activity(record.tid))).collect();
    let asked = registry::ask_all(own);
    Self { scene: Scene { caller, calling_thread, records, states, start, put: Instant::now() }, asked }
  }

  /// Looks at the process, on any thread. A `deep` look searches the heaps for the holders of all buffers. What was asked
  /// is given back, for somebody to wait.
  pub(crate) fn look(self, deep: bool) -> Result<(Asked, Looked)> {
    let Self { mut scene, asked } = self;
    let queued = scene.put.elapsed();
    let look = super::look(scene.caller, deep)?;
    let searching = Instant::now();
    let found = if deep { super::find_buffer_owners(&look) } else { None };
    let took_apart = queued.saturating_add(look.waited).saturating_add(searching.elapsed());
    scene.meet(registry::records());
    let names = scene.kernel_names(&look.threads);
    let looked =
      Looked { scene, look, found, names, asked_at: asked.since(), ended: Instant::now(), took_apart };
    Ok((asked, looked))
  }
}

impl Scene {
  /// Adds those who have come since.
  fn meet(&mut self, now: Vec<Record>) {
    let known: HashSet<i32> = self.records.iter().map(|record| record.tid).collect();
    self.records.extend(now.into_iter().filter(|record| !known.contains(&record.tid)));
  }

  /// Only who has no other name is asked for the kernel's: it takes longer than the rest of an entry.
  fn kernel_names(&self, threads: &[ThreadPlace]) -> HashMap<i32, String> {
    let is_named = |record: &&Record| record.js.name.is_some();
    let named: HashSet<i32> = self.records.iter().filter(is_named).map(|record| record.tid).collect();
    let unnamed = threads.iter().map(|thread| thread.tid).filter(|tid| !named.contains(tid));
    unnamed.filter_map(|tid| Some((tid, platform::thread_name(tid)?))).collect()
  }

  fn state(&self, record: &Record) -> Option<State> {
    Some(match self.states.get(&record.tid).copied().flatten()? {
      Activity::Running => State::Running,
      Activity::Polling { descriptor } if record.js.loop_descriptor == Some(descriptor) => State::Idle,
      Activity::Polling { .. } | Activity::Waiting => State::Blocked,
    })
  }
}

impl Looked {
  /// Nobody is waited for any longer who has so much patience with answers. The clock holds that of a year.
  pub(crate) fn deadline(&self, patience: Duration) -> Instant {
    self.asked_at.checked_add(patience).unwrap_or(self.asked_at)
  }

  /// Makes the bills, with the words that have come.
  pub(crate) fn conclude(mut self) -> ThreadBills {
    let waited = self.ended.elapsed();
    let records = std::mem::take(&mut self.scene.records);
    let (tenants, knows_all_arenas) = tenants(&self.look, &records);
    let hints = Hints {
      buffers: &self.look.buffers,
      small: &self.look.small_buffers,
      found: self.found.as_ref(),
      page_size: platform::page_size(),
    };
    let bills = bills(&self.look.survey, &tenants, hints);
    let by_tid: HashMap<i32, &Record> = records.iter().map(|record| (record.tid, record)).collect();
    let entries: Vec<Entry> = tenants
      .iter()
      .zip(&bills.threads)
      .map(|(tenant, bill)| self.entry(tenant, *bill, by_tid.get(&tenant.tid).copied()))
      .collect();
    ThreadBills {
      caller: entries.iter().position(|entry| entry.tid == self.scene.calling_thread),
      entries,
      bills,
      knows_all_arenas,
      searched: self.found.map(|found| found.searched()),
      asked_at: self.asked_at,
      took: self.scene.start.elapsed(),
      took_apart: self.took_apart.saturating_add(waited),
      look: self.look,
    }
  }

  fn entry(&mut self, tenant: &Tenant, bill: Bill, record: Option<&Record>) -> Entry {
    let runs_javascript = record.is_some() || tenant.isolate.is_some();
    let kind = match tenant.tid {
      tid if tid == platform::main_thread() => Kind::Main,
      _ if runs_javascript => Kind::Worker,
      _ => Kind::Runtime,
    };
    let state = match record {
      Some(record) => self.scene.state(record),
      None => runs_javascript.then_some(State::Unregistered),
    };
    let words = record.and_then(|record| record.isolate.as_ref()).map(IsolateRecord::words);
    let evidence = tenant.isolate.and_then(|isolate| self.look.evidence.get(&isolate)).copied();
    let evidence = evidence.unwrap_or(V8Evidence::None);
    Entry {
      tid: tenant.tid,
      js: record.map(|record| record.js.clone()),
      kernel_name: self.names.remove(&tenant.tid),
      kind,
      state,
      bill,
      words,
      evidence,
    }
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
    if *known != main {
      *known = tid; // threads are in the order in which they were made
    }
  }
  of_thread.extend(youngest.into_iter().map(|(isolate, tid)| (tid, isolate)));
  of_thread
}
