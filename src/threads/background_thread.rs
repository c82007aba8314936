//! The thread of ours on which looks are taken, and words are waited for, off every event loop.
//!
//! libuv's pool has four threads that belong to the program: who waits there stops its files, names and ciphers. Ours
//! is started at the first call that needs it, serves all environments, and sleeps in between.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use napi::bindgen_prelude::{Env, Unknown, panic_to_error};

use super::env_state;
use super::listener::Asked;
use super::pending_call::{Answer, PendingCall};
use super::wakeups;

/// What is to be done for one call.
pub(crate) type Errand = Box<dyn FnOnce() -> Step + Send>;

/// How far it got.
pub(crate) enum Step {
  Done(Answer),
  /// The rest is done when the questions are answered, or at the deadline.
  Wait {
    asked: Asked,
    deadline: Instant,
    rest: Box<dyn FnOnce() -> Answer + Send>,
  },
}

/// A call that waits for answers.
struct Waiting {
  call: Arc<PendingCall>,
  asked: Asked,
  deadline: Instant,
  rest: Box<dyn FnOnce() -> Answer + Send>,
}

impl Waiting {
  fn is_over(&mut self) -> bool {
    self.asked.is_answered() || Instant::now() >= self.deadline || self.call.is_given_up()
  }
}

/// What the thread has before it.
struct Office {
  orders: Mutex<Orders>,
}

struct Orders {
  errands: VecDeque<(Arc<PendingCall>, Errand)>,
  has_thread: bool,
}

static OFFICE: Office = Office { orders: Mutex::new(Orders { errands: VecDeque::new(), has_thread: false }) };

/// Has an errand done. Gives the promise of its answer, and the number by which to give it up.
pub(crate) fn run(env: Env, errand: Errand) -> napi::Result<(Unknown<'static>, u32)> {
  let (promise, call) = PendingCall::begin(env)?;
  let number = call.number();
  env_state::with(env, |state| {
    state.pending_calls.add(&call);
    Some(())
  });
  let has_thread = OFFICE.take(Arc::clone(&call), errand);
  if !has_thread {
    give_up(env, number);
    return Err(napi::Error::from_reason("the system refuses one more thread"));
  }
  Ok((promise, number))
}

/// Nobody waits any more for this call of the calling environment.
pub(crate) fn give_up(env: Env, number: u32) {
  if let Some(call) = env_state::with(env, |state| state.pending_calls.take(number)) {
    call.give_up(env);
  }
}

impl Office {
  /// Takes an errand; `false` where there is nobody who could run it.
  fn take(&'static self, call: Arc<PendingCall>, errand: Errand) -> bool {
    let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
    if !orders.has_thread {
      // With a size, for without one Rust reads the environment, which JavaScript may be writing to on another thread.
      let thread = thread::Builder::new().name("rs-memusage".to_owned()).stack_size(1024 * 1024);
      orders.has_thread = thread.spawn(|| self.serve()).is_ok();
    }
    let has_thread = orders.has_thread;
    if has_thread {
      orders.errands.push_back((call, errand));
    }
    drop(orders);
    wakeups::ring();
    has_thread
  }

  fn serve(&self) {
    let mut waiting: Vec<Waiting> = Vec::new();
    loop {
      if let Some((call, errand)) = self.next()
        && !call.is_given_up()
      {
        match guarded(errand) {
          Ok(Step::Done(answer)) => call.deliver(answer),
          Ok(Step::Wait { asked, deadline, rest }) => waiting.push(Waiting { call, asked, deadline, rest }),
          Err(error) => call.deliver(error),
        }
      }
      for Waiting { call, rest, .. } in waiting.extract_if(.., Waiting::is_over) {
        if !call.is_given_up() {
          call.deliver(guarded(rest).unwrap_or_else(|error| error));
        }
      }
      let deadline = waiting.iter().map(|waiting| waiting.deadline).min();
      wakeups::sleep(deadline, || self.has_errands() || waiting.iter_mut().any(Waiting::is_over));
    }
  }

  fn next(&self) -> Option<(Arc<PendingCall>, Errand)> {
    self.orders.lock().unwrap_or_else(PoisonError::into_inner).errands.pop_front()
  }

  fn has_errands(&self) -> bool {
    !self.orders.lock().unwrap_or_else(PoisonError::into_inner).errands.is_empty()
  }
}

/// A panic is the error that it is on the calling thread. What locks guard is used after it as it is.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Answer> {
  catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
    let error = panic_to_error(panic);
    Answer::of::<()>(move |_| Err(error))
  })
}
