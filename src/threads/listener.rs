//! V8's words for an isolate, kept for other threads.
//!
//! Only an isolate's own thread may ask V8. It does so at the end of every garbage collection, which costs next to
//! nothing then, and when Node interrupts it for us.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::wakeups;
use crate::v8::{Environment, HeapStatistics, Isolate};

/// What V8 says of one isolate. Sizes are bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeapWords {
  /// `used_heap_size`
  pub(crate) used: u64,
  /// `total_heap_size`
  pub(crate) total: u64,
  /// `heap_size_limit`
  pub(crate) limit: u64,
  /// `external_memory`
  pub(crate) external: u64,
  /// When V8 was asked.
  pub(crate) asked: Instant,
}

impl HeapWords {
  pub(crate) fn of(statistics: &HeapStatistics) -> Self {
    Self {
      used: statistics.used_heap_size,
      total: statistics.total_heap_size,
      limit: statistics.heap_size_limit,
      external: statistics.external_memory,
      asked: Instant::now(),
    }
  }
}

/// One isolate's words, and whether it was asked for new ones. It outlives the isolate where an interrupt is still
/// under way.
pub(crate) struct Listener {
  isolate: u64,
  /// The struct as V8 constructed it, to be filled.
  blank: HeapStatistics,
  words: Mutex<HeapWords>,
  /// At most one interrupt is under way: a thread that is blocked does not pile them up.
  is_asked: AtomicBool,
  /// How often it was asked, whether by an interrupt of its own or not.
  questions: AtomicU64,
  has_ended: AtomicBool,
}

impl Listener {
  /// For the isolate of the calling thread, of which V8 just said `statistics`.
  pub(crate) fn new(isolate: Isolate, statistics: &HeapStatistics) -> Self {
    Self {
      isolate: isolate.location(),
      blank: *statistics,
      words: Mutex::new(HeapWords::of(statistics)),
      is_asked: AtomicBool::new(false),
      questions: AtomicU64::new(0),
      has_ended: AtomicBool::new(false),
    }
  }

  /// The last words.
  pub(crate) fn words(&self) -> HeapWords {
    *self.words.lock().unwrap_or_else(PoisonError::into_inner)
  }

  /// Replaces them. The caller is the isolate's thread.
  pub(crate) fn store(&self, words: HeapWords) {
    *self.words.lock().unwrap_or_else(PoisonError::into_inner) = words;
  }

  /// Has the isolate's thread ask V8, as soon as it can.
  ///
  /// # Safety
  /// The environment is that of the isolate, and alive.
  pub(crate) unsafe fn ask(self: &Arc<Self>, environment: Environment) {
    self.questions.fetch_add(1, Ordering::AcqRel);
    if !self.is_asked.swap(true, Ordering::AcqRel) {
      let data = Arc::into_raw(Arc::clone(self)).cast_mut().cast::<c_void>();
      // SAFETY: the environment is alive by the contract of this function. `answer` takes the reference over, once,
      // for Node runs every request once, at the latest when the environment ends.
      unsafe { environment.request_interrupt(answer, data) };
    }
  }

  /// The isolate is about to go: nobody waits for it any longer.
  pub(crate) fn end(&self) {
    self.has_ended.store(true, Ordering::Release);
    wakeups::ring();
  }

  /// Asks V8 about the calling thread's isolate; `None` when that is another one.
  fn ask_v8(&self) -> Option<HeapWords> {
    let isolate = Isolate::current().filter(|isolate| isolate.location() == self.isolate)?;
    let mut statistics = self.blank;
    statistics.fill(isolate);
    Some(HeapWords::of(&statistics))
  }

  /// Answers what was asked since `answered`, where this is the isolate's thread.
  fn answer_here(&self, answered: &mut u64) {
    let questions = self.questions.load(Ordering::Acquire);
    if questions == *answered {
      return;
    }
    *answered = questions;
    if let Some(words) = self.ask_v8() {
      self.store(words);
      wakeups::ring();
    }
  }

  fn is_settled(&self, since: Instant) -> bool {
    self.has_ended.load(Ordering::Acquire) || self.words().asked >= since
  }
}

/// Questions to all other threads, on their way.
pub(crate) struct Asked {
  /// Who may not have answered yet.
  awaited: Vec<Arc<Listener>>,
  /// That of the thread that asks.
  own: Option<Arc<Listener>>,
  since: Instant,
}

impl Asked {
  pub(crate) fn new(awaited: Vec<Arc<Listener>>, own: Option<Arc<Listener>>, since: Instant) -> Self {
    Self { awaited, own, since }
  }

  /// When the questions were put.
  pub(crate) fn since(&self) -> Instant {
    self.since
  }

  /// Whether nobody has to be waited for any more.
  pub(crate) fn is_answered(&mut self) -> bool {
    // Who has answered is not asked again: with many threads, each of which wakes us, that would be all of them squared.
    while self.awaited.last().is_some_and(|listener| listener.is_settled(self.since)) {
      self.awaited.pop();
    }
    self.awaited.is_empty()
  }

  /// Waits for the answers on the thread that asked, at most until `deadline`.
  ///
  /// While it waits no interrupt reaches it, so it answers here what others ask: two threads that wait for each other
  /// would do so until the end.
  pub(crate) fn wait_here(&mut self, deadline: Instant) {
    let own = self.own.clone();
    let mut answered = 0;
    loop {
      if let Some(own) = &own {
        own.answer_here(&mut answered);
      }
      if Instant::now() >= deadline || self.is_answered() {
        return;
      }
      let is_asked = || own.as_ref().is_some_and(|own| own.questions.load(Ordering::Acquire) != answered);
      wakeups::sleep(Some(deadline), || is_asked() || self.is_answered());
    }
  }
}

/// The interrupt, on the isolate's thread.
unsafe extern "C" fn answer(data: *mut c_void) {
  // SAFETY: `ask` made this reference for this one call.
  let listener = unsafe { Arc::from_raw(data.cast::<Listener>().cast_const()) };
  listener.is_asked.store(false, Ordering::Release);
  if let Some(words) = listener.ask_v8() {
    listener.store(words);
    wakeups::ring();
  }
}

/// The end of a garbage collection, on the isolate's thread.
pub(crate) unsafe extern "C" fn after_collection(
  _isolate: *mut c_void,
  _kind: i32,
  _flags: i32,
  data: *mut c_void,
) {
  // SAFETY: the registration that holds a reference removes this callback before it lets go of it.
  let Some(listener) = (unsafe { data.cast::<Listener>().as_ref() }) else { return };
  if let Some(words) = listener.ask_v8()
    // Nobody holds the lock for longer than a copy takes; who is collecting does not wait even for that.
    && let Ok(mut place) = listener.words.try_lock()
  {
    *place = words;
  }
}
