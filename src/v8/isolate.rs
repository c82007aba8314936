//! The isolate of the calling thread.

use std::ffi::c_void;
use std::ptr::NonNull;

use super::symbols::Symbols;

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

  pub(super) fn address(self) -> NonNull<c_void> {
    self.address
  }

  pub(super) fn symbols(self) -> &'static Symbols {
    self.symbols
  }
}
