//! The isolate of the calling thread.

use std::ffi::c_void;
use std::ptr::NonNull;

use super::environment::Environment;
use super::symbols::{InterruptCallback, Symbols};

/// An isolate whose functions may be called: it is the current one of the thread that holds this value.
///
/// The value is neither `Send` nor `Sync`, and its holder drops it before the environment ends.
#[derive(Clone, Copy)]
pub(crate) struct Isolate {
  address: NonNull<c_void>,
  symbols: &'static Symbols,
}

impl Isolate {
  /// The isolate that runs on this thread; `None` where V8's symbols are not all there.
  pub(crate) fn current() -> Option<Self> {
    let symbols = Symbols::get()?;
    // SAFETY: TryGetCurrent reads a thread-local and has no preconditions.
    let address = NonNull::new(unsafe { (symbols.try_get_current)() })?;
    Some(Self { address, symbols })
  }

  /// Where the isolate lies in memory.
  pub(crate) fn location(self) -> u64 {
    u64::try_from(self.address.addr().get()).unwrap_or(0)
  }

  /// First and last address of the range reserved for its code; `None` when there is none.
  pub(crate) fn code_range(self) -> Option<(u64, u64)> {
    let (mut start, mut length) = (0_usize, 0_usize);
    // SAFETY: `self` is current on this thread by the contract of its type; V8 writes two words into live locals.
    unsafe { (self.symbols.get_code_range)(self.address, &raw mut start, &raw mut length) };
    let end = u64::try_from(start.checked_add(length)?).ok()?;
    (length > 0).then_some((u64::try_from(start).ok()?, end))
  }

  /// Node's environment of the calling thread; `None` outside of one.
  pub(crate) fn environment(self) -> Option<Environment> {
    // SAFETY: `self` is current on this thread by the contract of its type, and Node-API calls us in a handle scope,
    // which the handle to the context needs.
    let context = NonNull::new(unsafe { (self.symbols.get_current_context)(self.address) })?;
    // SAFETY: the handle was made just now, in the same scope.
    let environment = unsafe { (self.symbols.get_current_environment)(context.as_ptr()) };
    Some(Environment { address: NonNull::new(environment)?, symbols: self.symbols })
  }

  /// Has V8 call `callback` when the JavaScript that is running has ended, as it does what follows a promise.
  ///
  /// # Safety
  /// `callback` may be called with `data` at any time until the isolate is gone.
  pub(crate) unsafe fn enqueue_microtask(self, callback: InterruptCallback, data: *mut c_void) {
    // SAFETY: `self` is current on this thread; the rest is the contract of this function. V8 opens a handle scope.
    unsafe { (self.symbols.enqueue_microtask)(self.address, callback, data) };
  }

  pub(super) fn address(self) -> NonNull<c_void> {
    self.address
  }

  pub(super) fn symbols(self) -> &'static Symbols {
    self.symbols
  }
}
