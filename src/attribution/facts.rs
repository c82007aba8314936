//! What is known of a process before its memory is looked at.

use std::collections::{HashMap, HashSet};

use super::stack_bounds::StackBounds;
use super::v8_pages::{HeaderLayout, PageLists};

/// What is known of the process before its regions are looked at.
#[derive(Debug, Clone, Default)]
pub struct Facts {
  /// Bytes per page.
  pub page_size: u64,
  /// Isolates that are alive.
  pub isolates: Isolates,
  /// How V8's pages name their heap; `None` when that could not be found out.
  pub layout: Option<HeaderLayout>,
  /// How V8's spaces list their pages; `None` when that could not be found out.
  pub lists: Option<PageLists>,
  /// Whether this is V8 at all, so that memory that looks like its pages may be taken for them.
  pub engine_is_v8: bool,
  /// Code ranges as (start, end, isolate).
  pub code_ranges: Vec<(u64, u64, u64)>,
  /// Threads as (kernel id, address inside the control block at the top of the stack).
  pub control_blocks: Vec<(i32, u64)>,
  /// Where in a control block the bounds of the stack stand; `None` when that could not be found out.
  pub stack_bounds: Option<StackBounds>,
  /// Whether libc unmaps the stack of a thread that ends, as musl does. glibc keeps it for the next one.
  pub unmaps_stacks: bool,
  /// The thread whose stack the kernel calls `[stack]`.
  pub main_thread: i32,
  /// Whether malloc is glibc's, whose headers are known. Otherwise private memory that nothing else explains
  /// is taken for the allocator's, and the result is called an estimate.
  pub malloc_is_glibc: bool,
  /// Buffers that somebody keeps books about, but small ones, in address order.
  pub buffers: Vec<HeldBuffer>,
  /// Memory that was mapped for buffers and for nothing else, in address order: first address, and the one behind.
  pub buffer_mappings: Vec<(u64, u64)>,
  /// Pieces that nothing explained when they were met last, in address order: first address, and the one behind.
  pub unexplained: Vec<(u64, u64)>,
}

/// The isolates that are alive.
#[derive(Debug, Clone, Default)]
pub struct Isolates {
  /// Their addresses.
  pub live: HashSet<u64>,
  /// Whether every live isolate is in the list. If not, a page of an unknown isolate is not called pooled.
  pub complete: bool,
  /// `total_heap_size` of those that told it. One that owns more pages than that has some of a dead isolate, or some
  /// that V8 has put aside.
  pub committed: HashMap<u64, u64>,
}

/// A buffer that somebody keeps books about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBuffer {
  /// First address.
  pub start: u64,
  /// First address behind it.
  pub end: u64,
  /// The thread whose buffer it is, where that is known.
  pub thread: Option<i32>,
}

/// Bytes of one thread's small buffers on each of some adjoining pages: so many buffers lie on a page that nobody looks
/// at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmallBuffers {
  /// Where the first page begins.
  pub start: u64,
  /// The thread whose buffers they are, where that is known.
  pub thread: Option<i32>,
  /// One sum per page.
  pub bytes: [u32; 64],
}

/// The memory mapped for buffers that holds an address: first address, and the one behind.
pub(super) fn mapping_for_buffers(mappings: &[(u64, u64)], address: u64) -> Option<(u64, u64)> {
  let behind = mappings.partition_point(|(start, _)| *start <= address);
  mappings.get(behind.checked_sub(1)?).copied().filter(|(_, end)| address < *end)
}

/// Whether an address lies in memory that was mapped for buffers: no page of V8's, and perhaps never touched, so it is
/// not to be read.
pub fn is_mapped_for_buffers(mappings: &[(u64, u64)], address: u64) -> bool {
  mapping_for_buffers(mappings, address).is_some()
}
