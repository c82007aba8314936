//! V8's figures for the thread that holds this, usable once JavaScript has verified them.

use super::array_buffers::{ALLOCATOR_WORDS, ArrayBufferCounter};
use super::heap_statistics::HeapStatistics;
use super::isolate::Isolate;

/// Everything needed to ask V8 without going through JavaScript.
pub(crate) struct V8Layer {
  isolate: Isolate,
  statistics: Box<HeapStatistics>,
  array_buffers: Option<ArrayBufferCounter>,
  verified: bool,
}

impl V8Layer {
  /// The layer of the calling thread, still unverified. `None` where the symbols or the layout do not fit.
  pub(crate) fn probe() -> Option<Self> {
    let isolate = Isolate::current()?;
    let statistics = HeapStatistics::construct(isolate)?;
    Some(Self { isolate, statistics, array_buffers: None, verified: false })
  }

  /// The isolate of this thread.
  pub(crate) fn isolate(&self) -> Isolate {
    self.isolate
  }

  /// Where this thread's count of `ArrayBuffer` bytes lies, for other threads to read.
  pub(crate) fn array_buffer_counter(&self) -> Option<u64> {
    self.array_buffers.as_ref().map(ArrayBufferCounter::location)
  }

  /// Figures for the verification. `None` when V8 wrote outside the layout that we know.
  pub(crate) fn read_unverified(&mut self) -> Option<&HeapStatistics> {
    self.statistics.fill(self.isolate);
    self.statistics.is_within_layout().then_some(&self.statistics)
  }

  /// Words of Node's buffer allocator, one of which may be its count of `ArrayBuffer` bytes.
  pub(crate) fn array_buffer_candidates(&self) -> Option<[u64; ALLOCATOR_WORDS]> {
    ArrayBufferCounter::candidates(self.isolate)
  }

  /// JavaScript compared our figures with V8's own answer and found them equal.
  pub(crate) fn verify(&mut self, array_buffer_word: Option<usize>) {
    self.array_buffers = array_buffer_word.and_then(|index| ArrayBufferCounter::at(self.isolate, index));
    self.verified = true;
  }

  /// Whether it may be believed.
  pub(crate) fn is_verified(&self) -> bool {
    self.verified
  }

  /// Fresh figures, and the bytes in `ArrayBuffer`s where their counter was found. `None` before verification.
  pub(crate) fn read(&mut self) -> Option<(&HeapStatistics, Option<u64>)> {
    if !self.verified {
      return None;
    }
    self.statistics.fill(self.isolate);
    Some((&self.statistics, self.array_buffers.as_ref().map(ArrayBufferCounter::bytes)))
  }
}
