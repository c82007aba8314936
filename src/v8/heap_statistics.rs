//! `v8::HeapStatistics`: what V8 counts for one isolate.

use std::ptr::from_mut;

use super::isolate::Isolate;

/// Fills the struct before V8's constructor runs, to see what that touches.
const POISON: u64 = 0xEEEE_EEEE_EEEE_EEEE;

/// V8's struct, field by field; all sizes in bytes. The layout is that of V8 10 to 14. The struct grows by
/// appending, so spare room stands behind the fields: a newer V8 must not write past our memory.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct HeapStatistics {
  pub(crate) total_heap_size: u64,
  total_heap_size_executable: u64,
  pub(crate) total_physical_size: u64,
  total_available_size: u64,
  pub(crate) used_heap_size: u64,
  pub(crate) heap_size_limit: u64,
  pub(crate) malloced_memory: u64,
  pub(crate) external_memory: u64,
  pub(crate) peak_malloced_memory: u64,
  /// A C++ `bool`: the low byte counts.
  does_zap_garbage: u64,
  pub(crate) number_of_native_contexts: u64,
  pub(crate) number_of_detached_contexts: u64,
  total_global_handles_size: u64,
  used_global_handles_size: u64,
  /// V8 14.6, Node 26.
  total_allocated_bytes: u64,
  /// Room for fields of versions that we do not know yet and whose figures we then do not trust.
  beyond: [u64; 49],
}

impl HeapStatistics {
  const POISONED: Self = Self {
    total_heap_size: POISON,
    total_heap_size_executable: POISON,
    total_physical_size: POISON,
    total_available_size: POISON,
    used_heap_size: POISON,
    heap_size_limit: POISON,
    malloced_memory: POISON,
    external_memory: POISON,
    peak_malloced_memory: POISON,
    does_zap_garbage: POISON,
    number_of_native_contexts: POISON,
    number_of_detached_contexts: POISON,
    total_global_handles_size: POISON,
    used_global_handles_size: POISON,
    total_allocated_bytes: POISON,
    beyond: [POISON; 49],
  };

  /// Has V8 construct the struct. `None` when its constructor does not do what the layout demands: zero the
  /// sizes and the flag, and touch nothing beyond.
  pub(super) fn construct(isolate: Isolate) -> Option<Box<Self>> {
    let mut statistics = Box::new(Self::POISONED);
    // SAFETY: the memory is several times larger than the struct of any known V8, and any bits are valid in it.
    unsafe { (isolate.symbols().construct_heap_statistics)(from_mut(statistics.as_mut()).cast()) };
    statistics.is_as_constructed().then_some(statistics)
  }

  fn is_as_constructed(&self) -> bool {
    let [flag, ..] = self.does_zap_garbage.to_ne_bytes();
    let sizes = [
      self.total_heap_size,
      self.total_heap_size_executable,
      self.total_physical_size,
      self.total_available_size,
      self.used_heap_size,
      self.heap_size_limit,
      self.malloced_memory,
      self.external_memory,
      self.peak_malloced_memory,
    ];
    flag == 0 && sizes.iter().all(|size| *size == 0) && self.is_within_layout()
  }

  /// Has V8 fill the struct. From V8 12 on this retires the isolate's allocation area, so it happens on the
  /// isolate's own thread only.
  pub(crate) fn fill(&mut self, isolate: Isolate) {
    // SAFETY: `isolate` is current on this thread by the contract of its type; V8 constructed the struct.
    unsafe { (isolate.symbols().get_heap_statistics)(isolate.address(), from_mut(self).cast()) };
  }

  /// Whether V8 wrote nothing that we do not know.
  pub(super) fn is_within_layout(&self) -> bool {
    self.beyond.iter().all(|word| *word == POISON)
  }
}
