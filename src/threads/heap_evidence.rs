//! Whether the heap pages that are on a thread's bill agree with what V8 says of that heap.

use super::listener::HeapWords;
use crate::attribution::{Bill, V8Evidence};

/// V8 rounds, counts large objects whole, and leaves out pages that wait to be freed; and of a small heap it believes up
/// to two megabytes to be backed by memory that were never touched.
const TOLERANCE_BYTES: u64 = 4 * 1024 * 1024;
/// A twentieth, in other words 5 %.
const TOLERANCE_SHARE: u64 = 20;

/// Compares the pages on a bill with the last words about their isolate, of whatever age: most of what they count changes
/// at collections only, and after each of those there are new ones.
pub(super) fn evidence(bill: Bill, words: Option<HeapWords>, knows_heaps: bool) -> V8Evidence {
  let Some(words) = words.filter(|_| knows_heaps) else { return V8Evidence::None };
  let tolerance = words.physical.div_ceil(TOLERANCE_SHARE).max(TOLERANCE_BYTES);
  if bill.v8_heap.saturating_add(bill.jit).abs_diff(words.physical) <= tolerance {
    V8Evidence::Verified
  } else {
    V8Evidence::Estimated
  }
}
