//! The private `Float64Array` through which figures reach JavaScript.
//!
//! Building an object through Node-API costs more than the system call that fills it; eight stores into shared
//! memory cost nothing. JavaScript takes the slot numbers from here, so they have one definition.

use std::ptr::NonNull;

use crate::js_number::js_number;

/// Position of each figure in the array. The discriminants are the JavaScript indexes.
#[derive(Clone, Copy)]
pub(crate) enum Slot {
  /// 0 when the last read succeeded.
  Failed,
  Rss,
  HeapTotal,
  HeapUsed,
  External,
  ArrayBuffers,
  HeapLimit,
}

impl Slot {
  /// Every slot with the name JavaScript knows it by, in array order.
  pub(super) const ALL: [(Self, &'static str); 7] = [
    (Self::Failed, "FAILED"),
    (Self::Rss, "RSS"),
    (Self::HeapTotal, "HEAP_TOTAL"),
    (Self::HeapUsed, "HEAP_USED"),
    (Self::External, "EXTERNAL"),
    (Self::ArrayBuffers, "ARRAY_BUFFERS"),
    (Self::HeapLimit, "HEAP_LIMIT"),
  ];

  #[expect(clippy::as_conversions, reason = "a fieldless enum has no other way to its discriminant")]
  pub(super) const fn index(self) -> usize {
    self as usize
  }
}

/// The payload of the array. V8 owns it and a strong reference keeps it until the environment is gone.
pub(super) struct Slots {
  payload: NonNull<f64>,
}

impl Slots {
  /// # Safety
  /// `payload` points to `Slot::ALL.len()` numbers that outlive this value, and only this thread touches them.
  pub(super) unsafe fn new(payload: NonNull<f64>) -> Self {
    Self { payload }
  }

  pub(super) fn set(&mut self, slot: Slot, value: f64) {
    // SAFETY: a slot's index is below `Slot::ALL.len()`, the length promised to `new`.
    let place = unsafe { self.payload.add(slot.index()) };
    // SAFETY: see `new`; the array is aligned for f64.
    unsafe { place.write(value) };
  }

  pub(super) fn set_bytes(&mut self, slot: Slot, bytes: u64) {
    self.set(slot, js_number(bytes));
  }
}
