//! What our threads and our allocator know before the memory is looked at.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::Caller;
use super::own_space::OwnProcess;
use crate::attribution::{
  AddressSpace, Facts, HeaderLayout, HeldBuffer, Isolates, PageLists, StackBounds, heap_page_candidates,
  is_mapped_for_buffers,
};
use crate::buffers::{self, Holdings, LargeBuffer};
use crate::error::Result;
use crate::malloc;
use crate::parse::maps;
use crate::platform::{self, ThreadPlace};
use crate::threads::backoff::Backoff;
use crate::threads::{live_isolates, registry};
use crate::v8::Extent;

/// What V8 pages of this process look like, found at the first look by a thread whose isolate is known.
static LAYOUT: OnceLock<HeaderLayout> = OnceLock::new();
/// How the spaces of V8 list them.
static LISTS: OnceLock<PageLists> = OnceLock::new();
/// Where control blocks have the bounds of stacks.
static STACK_BOUNDS: OnceLock<StackBounds> = OnceLock::new();

/// The facts of this moment; `isolates` are what the threads have for theirs, `holdings` what is on the books,
/// `unexplained` the pieces without explanation of readings before.
pub(super) fn gather(
  own: &OwnProcess,
  caller: Caller,
  threads: &[ThreadPlace],
  isolates: &[(i32, u64)],
  holdings: &Holdings,
  unexplained: Vec<(u64, u64)>,
) -> Result<Facts> {
  let buffer_mappings = buffers::mappings();
  let mut live: HashSet<u64> = registry::isolates().into_iter().map(|(isolate, _)| isolate).collect();
  if let Some(isolate) = caller.isolate.map(|own| own.address).or_else(|| live.iter().next().copied()) {
    find_layout(own, isolate, &buffer_mappings)?;
  }
  live.extend(isolates.iter().map(|(_, isolate)| *isolate));
  let control_blocks: Vec<(i32, u64)> =
    threads.iter().filter_map(|thread| Some((thread.tid, thread.control_block?))).collect();
  Ok(Facts {
    page_size: platform::page_size(),
    isolates: Isolates { live, complete: live_isolates::is_calibrated(), committed: committed(caller) },
    layout: LAYOUT.get().copied(),
    lists: LISTS.get().copied(),
    engine_is_v8: caller.engine_is_v8,
    code_ranges: registry::code_ranges(),
    stack_bounds: stack_bounds(own, &control_blocks),
    control_blocks,
    unmaps_stacks: cfg!(target_env = "musl"),
    main_thread: platform::main_thread(),
    malloc_is_glibc: malloc::headers_are_known(),
    buffers: held_buffers(holdings),
    buffer_mappings,
    unexplained,
  })
}

/// What each isolate on the registry said last of its size; the caller's says it now.
fn committed(caller: Caller) -> HashMap<u64, u64> {
  let mut committed: HashMap<u64, u64> = registry::isolates().into_iter().collect();
  if let (Some(own), Some(bytes)) = (caller.isolate, caller.committed) {
    committed.insert(own.address, bytes);
  }
  committed
}

/// The large ones of what is on the books of external buffers.
fn held_buffers(holdings: &Holdings) -> Vec<HeldBuffer> {
  let held = |buffer: &LargeBuffer| {
    let Extent { address, length } = buffer.extent;
    Some(HeldBuffer { start: address, end: address.checked_add(length)?, thread: buffer.tid })
  };
  holdings.large.iter().filter_map(held).collect()
}

fn stack_bounds(own: &OwnProcess, control_blocks: &[(i32, u64)]) -> Option<StackBounds> {
  if STACK_BOUNDS.get().is_none()
    && let Some(bounds) = StackBounds::find(own, control_blocks, platform::main_thread())
  {
    STACK_BOUNDS.get_or_init(|| bounds);
  }
  STACK_BOUNDS.get().copied()
}

/// Finds the layout of V8's pages, and of the lists of its spaces, in the pages of `isolate`.
fn find_layout(own: &OwnProcess, isolate: u64, buffer_mappings: &[(u64, u64)]) -> Result<()> {
  static TRIES: Backoff = Backoff::new();
  if LAYOUT.get().is_some() || !TRIES.is_due() {
    return Ok(());
  }
  let text = own.maps()?;
  let mut regions = Vec::new();
  if maps::parse(&text, &mut regions).is_ok() {
    let mut pages = heap_page_candidates(&regions);
    pages.retain(|page| !is_mapped_for_buffers(buffer_mappings, *page) && platform::is_in_memory(*page));
    if let Some(layout) = HeaderLayout::find(own, &pages, isolate) {
      if let Some(lists) = PageLists::find(own, &layout, &pages, isolate) {
        LISTS.get_or_init(|| lists);
      }
      LAYOUT.get_or_init(|| layout);
    } else {
      TRIES.failed();
    }
  }
  Ok(())
}
