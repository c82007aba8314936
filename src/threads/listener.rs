//! V8's words for an isolate, kept for other threads.
//!
//! Only an isolate's own thread may ask V8. It does so at the end of every garbage collection, which costs next to
//! nothing then, and when Node interrupts it for us.

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

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
pub(super) struct Listener {
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

/// Wakes those who wait for an answer.
static ANSWERED: Condvar = Condvar::new();
static ANSWERS: Mutex<()> = Mutex::new(());

impl Listener {
  /// For the isolate of the calling thread, of which V8 just said `statistics`.
  pub(super) fn new(isolate: Isolate, statistics: &HeapStatistics) -> Self {
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
  pub(super) fn words(&self) -> HeapWords {
    *self.words.lock().unwrap_or_else(PoisonError::into_inner)
  }

  /// Replaces them. The caller is the isolate's thread.
  pub(super) fn store(&self, words: HeapWords) {
    *self.words.lock().unwrap_or_else(PoisonError::into_inner) = words;
  }

  /// Has the isolate's thread ask V8, as soon as it can.
  ///
  /// # Safety
  /// The environment is that of the isolate, and alive.
  pub(super) unsafe fn ask(self: &Arc<Self>, environment: Environment) {
    self.questions.fetch_add(1, Ordering::AcqRel);
    if !self.is_asked.swap(true, Ordering::AcqRel) {
      let data = Arc::into_raw(Arc::clone(self)).cast_mut().cast::<c_void>();
      // SAFETY: the environment is alive by the contract of this function. `answer` takes the reference over, once,
      // for Node runs every request once, at the latest when the environment ends.
      unsafe { environment.request_interrupt(answer, data) };
    }
  }

  /// The isolate is about to go: nobody waits for it any longer.
  pub(super) fn end(&self) {
    self.has_ended.store(true, Ordering::Release);
    announce();
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
      announce();
    }
  }

  fn is_settled(&self, since: Instant) -> bool {
    self.has_ended.load(Ordering::Acquire) || self.words().asked >= since
  }
}

/// Waits until all have answered what they were asked at `since` or later, or until `deadline`.
///
/// `own` is the listener of the calling thread where that runs JavaScript. While it waits no interrupt reaches it, so it
/// answers here what others ask: two threads that wait for each other would do so until the end.
pub(super) fn wait_for(
  listeners: &[Arc<Listener>],
  own: Option<&Listener>,
  since: Instant,
  deadline: Instant,
) {
  let mut answered = 0;
  loop {
    if let Some(own) = own {
      own.answer_here(&mut answered);
    }
    let guard = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() || listeners.iter().all(|listener| listener.is_settled(since)) {
      return;
    }
    // One that came since is answered first.
    let is_asked = own.is_some_and(|own| own.questions.load(Ordering::Acquire) != answered);
    if !is_asked {
      let _woken = ANSWERED.wait_timeout(guard, left);
    }
  }
}

/// Wakes those who wait: there is an answer, or a question.
pub(super) fn announce() {
  let _guard = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
  ANSWERED.notify_all();
}

/// The interrupt, on the isolate's thread.
unsafe extern "C" fn answer(data: *mut c_void) {
  // SAFETY: `ask` made this reference for this one call.
  let listener = unsafe { Arc::from_raw(data.cast::<Listener>().cast_const()) };
  listener.is_asked.store(false, Ordering::Release);
  if let Some(words) = listener.ask_v8() {
    listener.store(words);
    announce();
  }
}

/// The end of a garbage collection, on the isolate's thread.
pub(super) unsafe extern "C" fn after_collection(
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
