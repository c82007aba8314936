//! Regions to pieces: the rules, in the order in which they apply.

use super::file_mappings::CodeFiles;
use super::glibc_heap::{
  arena_of_heap, chunk_end, end_of_heap, end_of_large_chunks, is_first, starts_piece_of_main_arena,
};
use super::heap_pages::{HeapPages, looks_like_heap_page};
use super::low_level_alloc::{block_end, end_of_blocks};
use super::v8_pages::{HeaderLayout, Isolates, PAGE_ALIGNMENT, part_of_page};
use super::{Backing, HeldBuffer, Memory, Owner, Part, Piece};
use crate::parse::maps::Region;

/// What is known of the process before its regions are looked at.
#[derive(Debug, Clone, Default)]
pub struct Facts {
  /// Bytes per page.
  pub page_size: u64,
  /// Isolates that are alive.
  pub isolates: Isolates,
  /// How V8's pages name their heap; `None` when that could not be found out.
  pub layout: Option<HeaderLayout>,
  /// Whether this is V8 at all, so that memory that looks like its pages may be taken for them.
  pub engine_is_v8: bool,
  /// Code ranges as (start, end, isolate).
  pub code_ranges: Vec<(u64, u64, u64)>,
  /// Threads as (kernel id, address inside the control block at the top of the stack).
  pub control_blocks: Vec<(i32, u64)>,
  /// The thread whose stack the kernel calls `[stack]`.
  pub main_thread: i32,
  /// Whether malloc is glibc's, whose headers are known. Otherwise private memory that nothing else explains
  /// is taken for the allocator's, and the result is called an estimate.
  pub malloc_is_glibc: bool,
  /// Buffers that somebody keeps books about, but small ones, in address order.
  pub buffers: Vec<HeldBuffer>,
  /// Memory that was mapped for buffers and for nothing else, in address order: first address, and the one behind.
  pub buffer_mappings: Vec<(u64, u64)>,
}

/// V8 aligns what it reserves to this at least.
const TABLE_ALIGNMENT: u64 = 64 * 1024;
/// glibc puts the control block at the top of a stack's mapping; this much of it lies behind the known address.
const CONTROL_BLOCK_REST: u64 = 1600;

/// Splits the regions of a process into pieces with one owner each, in address order. Reservations without access
/// have none.
pub fn classify(
  regions: &[Region],
  text: &[u8],
  facts: &Facts,
  heaps: &HeapPages,
  memory: &impl Memory,
) -> Vec<Piece> {
  let files = CodeFiles::find(regions, text);
  let mut classifier = Classifier {
    regions,
    facts,
    memory,
    heaps,
    code_ranges: by_start(&facts.code_ranges),
    control_blocks: by_address(&facts.control_blocks),
    buffer_pages: buffer_pages(facts),
    region: 0,
    runs: runs(regions),
    overhang: None,
    pieces: Vec::with_capacity(regions.len()),
  };
  let mut previous: Option<&Region> = None;
  for (index, region) in regions.iter().enumerate() {
    let neighbours = Neighbours { before: previous, after: regions.get(index.saturating_add(1)) };
    if region.inode != 0 || region.access.shared {
      let backing = Backing::File { written: may_be_written(region, neighbours) };
      classifier.region = index;
      classifier.push(region.start, region.end, files.part_of(region, text), Owner::Process, backing);
    } else if !region.access.is_none() {
      classifier.region = index;
      classifier.anonymous(region, region.name(text), neighbours);
    }
    previous = Some(region);
  }
  classifier.pieces
}

/// Where several isolates share a range, the first of them stands for all.
fn by_start(code_ranges: &[(u64, u64, u64)]) -> Vec<(u64, u64, u64)> {
  let mut ranges = code_ranges.to_vec();
  ranges.sort_by_key(|(start, _, _)| *start);
  ranges.dedup_by_key(|(start, _, _)| *start);
  ranges
}

fn by_address(control_blocks: &[(i32, u64)]) -> Vec<(i32, u64)> {
  let mut blocks = control_blocks.to_vec();
  blocks.sort_by_key(|(_, block)| *block);
  blocks
}

fn buffer_pages(facts: &Facts) -> Vec<u64> {
  let starts = facts.buffers.iter().map(|buffer| buffer.start);
  let mappings = facts.buffer_mappings.iter().map(|(start, _)| *start);
  let mut pages: Vec<u64> =
    starts.filter(|start| start.is_multiple_of(facts.page_size)).chain(mappings).collect();
  pages.sort_unstable();
  pages
}

/// What lies directly below and above a region.
#[derive(Clone, Copy)]
struct Neighbours<'a> {
  before: Option<&'a Region>,
  after: Option<&'a Region>,
}

impl Neighbours<'_> {
  fn adjoining_before(&self, region: &Region) -> Option<&Region> {
    self.before.filter(|before| before.end == region.start)
  }

  fn adjoining_after(&self, region: &Region) -> Option<&Region> {
    self.after.filter(|after| after.start == region.end)
  }
}

struct Classifier<'a, M> {
  regions: &'a [Region],
  facts: &'a Facts,
  memory: &'a M,
  heaps: &'a HeapPages,
  /// Code ranges in the order of addresses.
  code_ranges: Vec<(u64, u64, u64)>,
  /// Control blocks in the order of addresses.
  control_blocks: Vec<(i32, u64)>,
  /// Pages that begin a buffer, or memory for buffers.
  buffer_pages: Vec<u64>,
  /// Index of the region that is being split.
  region: usize,
  /// For each region the first address behind all memory that adjoins it: one allocation may reach that far.
  runs: Vec<u64>,
  /// What reaches beyond the region in which it begins: (first address behind it, part, owner).
  overhang: Option<(u64, Part, Owner)>,
  pieces: Vec<Piece>,
}

impl<M: Memory> Classifier<'_, M> {
  /// Adds a piece that adjoins the last one of its region.
  fn push(&mut self, start: u64, end: u64, part: Part, owner: Owner, backing: Backing) {
    if start >= end {
      return;
    }
    match self.pieces.last_mut() {
      Some(last)
        if last.region == self.region
          && last.part == part
          && last.owner == owner
          && last.backing == backing =>
      {
        last.end = end;
      }
      _ => self.pieces.push(Piece { start, end, part, owner, backing, region: self.region }),
    }
  }

  fn push_anonymous(&mut self, region: &Region, start: u64, end: u64, part: Part, owner: Owner) {
    let backing = if is_sparse(region) { Backing::Sparse } else { Backing::Anonymous };
    self.push(start, end, part, owner, backing);
  }

  /// A private anonymous region that has some access.
  fn anonymous(&mut self, region: &Region, name: &[u8], neighbours: Neighbours) {
    let whole = match name {
      b"[heap]" => Some((Part::NativeHeap, Owner::MainArena)),
      b"[stack]" => Some((Part::Stacks, Owner::Thread(self.facts.main_thread))),
      _ if is_allocated(name) => {
        let start = self.overhanging(region);
        if start > region.start {
          return self.by_content(start, region, neighbours);
        }
        self.whole_region(region, neighbours)
      }
      _ => return, // [vvar], [vsyscall]: in no count; [vdso]: a page or two that the kernel counts as a file's
    };
    match whole {
      Some((part, owner)) => self.push_anonymous(region, region.start, region.end, part, owner),
      None => self.by_content(region.start, region, neighbours),
    }
  }

  /// What began in a region before this one and goes on in it: the kernel splits a mapping of which a part was locked,
  /// advised or protected. Gives the address behind it.
  fn overhanging(&mut self, region: &Region) -> u64 {
    let Some((end, part, owner)) = self.overhang.filter(|(end, _, _)| *end > region.start) else {
      return region.start;
    };
    let end = end.min(region.end);
    self.push_anonymous(region, region.start, end, part, owner);
    end
  }

  /// Rules that settle a region as a whole.
  fn whole_region(&self, region: &Region, neighbours: Neighbours) -> Option<(Part, Owner)> {
    if let Some((_, _, isolate)) = self.code_range_at(region.start) {
      return Some((Part::Jit, Owner::Isolate(isolate)));
    }
    if region.access.execute {
      return Some((Part::Jit, Owner::Process));
    }
    if !region.access.write && is_bss(region, neighbours) {
      return Some((Part::Code, Owner::Process));
    }
    if self.facts.engine_is_v8 && !region.access.write && self.is_constant_memory_of_v8(region, neighbours) {
      return Some((Part::V8Heap, Owner::V8));
    }
    None
  }

  /// The read-only space, of whose pages V8 may have given back a part, or what lies in front of a table. Others
  /// protect memory too, so the alignment alone is no sign.
  fn is_constant_memory_of_v8(&self, region: &Region, neighbours: Neighbours) -> bool {
    if !region.start.is_multiple_of(TABLE_ALIGNMENT) {
      return false;
    }
    let page = region.start & !PAGE_ALIGNMENT.wrapping_sub(1);
    let precedes_table = region.size() == TABLE_ALIGNMENT
      && neighbours
        .adjoining_after(region)
        .is_some_and(|after| after.is_plain_anonymous() && after.access.write);
    let pages = std::iter::successors(Some(page), |page| page.checked_add(PAGE_ALIGNMENT));
    let mut pages = pages.take_while(|page| *page < region.end);
    precedes_table || pages.all(|page| looks_like_heap_page(self.memory, page))
  }

  fn code_range_at(&self, address: u64) -> Option<(u64, u64, u64)> {
    let after = self.code_ranges.partition_point(|(start, _, _)| *start <= address);
    let range = after.checked_sub(1).and_then(|index| self.code_ranges.get(index)).copied();
    range.filter(|(_, end, _)| address < *end)
  }

  /// Rules that read the memory: neighbouring mappings merge, so a region may hold several things.
  fn by_content(&mut self, from: u64, region: &Region, neighbours: Neighbours) {
    let mut start = from;
    while start < region.end {
      let (end, part, owner) = self
        .arena_at(start, region)
        .or_else(|| self.buffer_at(start, region))
        .or_else(|| self.stack_at(start, region))
        .or_else(|| self.heap_page_at(start, region))
        .or_else(|| self.large_chunks_at(start, region))
        .or_else(|| self.main_arena_at(start, region))
        .or_else(|| self.low_level_alloc_at(start, region))
        .or_else(|| self.bss_at(start, region, neighbours))
        .or_else(|| self.cpp_heap_at(start, region))
        .or_else(|| self.left_stack_at(start, region, neighbours))
        .or_else(|| tables_at(start, region, neighbours).filter(|_| self.facts.engine_is_v8))
        .or_else(|| self.growable_buffer_at(start, region, neighbours))
        .or_else(|| self.tracked_buffer_at(start, region))
        .unwrap_or_else(|| self.unexplained_from(start, region));
      self.push_anonymous(region, start, end.min(region.end), part, owner);
      if end > region.end {
        self.overhang = Some((end, part, owner));
      }
      start = end.max(start.saturating_add(1));
    }
  }

  /// How far an allocation that begins in this region may reach.
  fn run_end(&self, region: &Region) -> u64 {
    self.runs.get(self.region).copied().unwrap_or(region.end)
  }

  /// A heap of a thread's arena, as far as it may grow: the heaps of two arenas may adjoin.
  fn arena_at(&self, start: u64, region: &Region) -> Option<(u64, Part, Owner)> {
    let arena = arena_of_heap(self.memory, start).filter(|_| self.facts.malloc_is_glibc)?;
    Some((end_of_heap(start).min(region.end), Part::NativeHeap, Owner::Arena(arena)))
  }

  /// Memory that was mapped for buffers: those that are there, and room for others.
  fn buffer_at(&self, start: u64, region: &Region) -> Option<(u64, Part, Owner)> {
    let (_, end) = mapping_for_buffers(&self.facts.buffer_mappings, start)?;
    let end = end.checked_next_multiple_of(self.facts.page_size)?;
    Some((end.min(self.run_end(region)), Part::NativeHeap, Owner::Buffer))
  }

  /// A buffer on the books that nothing else explains: one that has grown to its maximum fills its reservation, and
  /// carries no sign any more.
  fn tracked_buffer_at(&self, start: u64, region: &Region) -> Option<(u64, Part, Owner)> {
    let behind = self.facts.buffers.partition_point(|buffer| buffer.start <= start);
    let buffer = self.facts.buffers.get(behind.checked_sub(1)?).filter(|buffer| start < buffer.end)?;
    let end = buffer.end.checked_next_multiple_of(self.facts.page_size)?;
    Some((end.min(self.run_end(region)), Part::NativeHeap, Owner::Buffer))
  }

  /// A thread's stack reaches from its guard to its control block. The main thread's control block lies elsewhere,
  /// in a page or two of its own.
  fn stack_at(&self, start: u64, region: &Region) -> Option<(u64, Part, Owner)> {
    let next = self.control_blocks.partition_point(|(_, block)| *block < start);
    let (thread, block) = *self.control_blocks.get(next).filter(|(_, block)| *block < region.end)?;
    let end = block.checked_add(CONTROL_BLOCK_REST)?.checked_next_multiple_of(self.facts.page_size)?;
    let reached = thread != self.facts.main_thread || start == self.page_of(block);
    reached.then_some((end.min(region.end), Part::Stacks, Owner::Thread(thread)))
  }

  fn page_of(&self, address: u64) -> u64 {
    address.saturating_sub(address.checked_rem(self.facts.page_size).unwrap_or(0))
  }

  /// A run of V8 pages of one owner. A large object spans several page-sized steps and has one header, at its start.
  fn heap_page_at(&self, start: u64, region: &Region) -> Option<(u64, Part, Owner)> {
    if !start.is_multiple_of(PAGE_ALIGNMENT) {
      return None;
    }
    if self.facts.layout.is_none() {
      let alike =
        self.facts.engine_is_v8 && start == region.start && looks_like_heap_page(self.memory, start);
      return alike.then_some((region.end, Part::V8Heap, Owner::V8));
    }
    let (first, rest) = self.heaps.within(start, region.end).split_first()?;
    let is_page = first.is_live || self.are_heap_pages(start, region.end);
    if first.start != start || !is_page {
      return None;
    }
    let (part, owner) = part_of_page(first, region.access.write, self.facts.isolates.complete);
    let next = rest.iter().find(|page| page.is_live && page.isolate != first.isolate);
    Some((next.map_or(region.end, |page| page.start), part, owner))
  }

  /// Whether everything from `start` to `end` is made of whole pages that look like V8's. Other allocators align their
  /// memory alike, and its first words may look like a header by chance; those of every page do not.
  fn are_heap_pages(&self, start: u64, end: u64) -> bool {
    let mut page = start;
    while page < end && looks_like_heap_page(self.memory, page) {
      page = page.saturating_add(PAGE_ALIGNMENT);
    }
    page == end
  }

  fn large_chunks_at(&self, start: u64, region: &Region) -> Option<(u64, Part, Owner)> {
    if !self.facts.malloc_is_glibc {
      return None;
    }
    let end =
      end_of_large_chunks(self.memory, start, (region.end, self.run_end(region)), self.facts.page_size)?;
    Some((end, Part::NativeHeap, Owner::LargeChunks))
  }

  fn main_arena_at(&self, start: u64, region: &Region) -> Option<(u64, Part, Owner)> {
    let next =
      || self.next_known_start(start, region, |page, header| self.is_allocation(page, header, region));
    self.is_piece_of_main_arena(start, region).then(|| (next(), Part::NativeHeap, Owner::MainArena))
  }

  fn is_piece_of_main_arena(&self, start: u64, region: &Region) -> bool {
    self.facts.malloc_is_glibc
      && starts_piece_of_main_arena(self.memory, start, region.end, self.facts.page_size)
  }

  fn low_level_alloc_at(&self, start: u64, region: &Region) -> Option<(u64, Part, Owner)> {
    let end = end_of_blocks(self.memory, start, region.end, self.facts.page_size)?;
    Some((end, Part::NativeHeap, Owner::LowLevelAlloc))
  }

  /// The zeroed data of a program or library. A library is often loaded right below what malloc mapped last, and its
  /// data ends where that begins.
  fn bss_at(&self, start: u64, region: &Region, neighbours: Neighbours) -> Option<(u64, Part, Owner)> {
    let is_bss = start == region.start && is_bss(region, neighbours);
    is_bss.then(|| (self.next_recognised(start, region), Part::Code, Owner::Process))
  }

  /// Pages of V8's C++ heap: each begins with two pointers, the second to a space, an object with virtual functions.
  fn cpp_heap_at(&self, start: u64, region: &Region) -> Option<(u64, Part, Owner)> {
    const PAGE: u64 = 128 * 1024;
    if !self.facts.engine_is_v8 || !start.is_multiple_of(PAGE) || region.end.checked_sub(start)? < PAGE {
      return None;
    }
    let mut header = [0; 2];
    self.memory.read(start, &mut header).then_some(())?;
    let [heap, space] = header;
    let mut functions = [0];
    let is_page = is_pointer(heap) && is_pointer(space) && self.memory.read(space, &mut functions);
    let [functions] = functions;
    (is_page && self.is_constant_of_a_file(functions)).then_some((
      start.saturating_add(PAGE),
      Part::V8Heap,
      Owner::CppHeap,
    ))
  }

  fn is_constant_of_a_file(&self, address: u64) -> bool {
    let after = self.regions.partition_point(|region| region.start <= address);
    let region = after.checked_sub(1).and_then(|index| self.regions.get(index));
    region.is_some_and(|region| region.inode != 0 && address < region.end)
  }

  /// The stack of a thread that ended: glibc keeps it for the next one, with the dead control block at its top.
  fn left_stack_at(&self, start: u64, region: &Region, neighbours: Neighbours) -> Option<(u64, Part, Owner)> {
    const SEARCHED_WORDS: usize = 512;
    let guard = neighbours.adjoining_before(region)?;
    let top = region.end.checked_sub(self.facts.page_size)?;
    let mut words = [0; SEARCHED_WORDS];
    let is_stack = start == region.start
      && guard.access.is_none()
      && self.memory.read(top, &mut words)
      && words.iter().zip((top..).step_by(8)).any(|(word, address)| *word == address);
    is_stack.then_some((region.end, Part::Stacks, Owner::Process))
  }

  /// WebAssembly memories and resizable buffers grow inside a reservation that follows them.
  fn growable_buffer_at(
    &self,
    start: u64,
    region: &Region,
    neighbours: Neighbours,
  ) -> Option<(u64, Part, Owner)> {
    let after = neighbours.adjoining_after(region)?;
    let is_growable = start == region.start && after.is_plain_anonymous() && after.access.is_none();
    is_growable.then(|| (self.next_recognised(start, region), Part::NativeHeap, Owner::GrowableBuffer))
  }

  /// Nothing is recognised at `start`: up to where something may begin again.
  fn unexplained_from(&self, start: u64, region: &Region) -> (u64, Part, Owner) {
    let part = if self.facts.malloc_is_glibc { Part::Other } else { Part::NativeHeap };
    (self.next_recognised(start, region), part, Owner::Process)
  }

  /// Where something that is recognised begins after `start`, or the end of the region. What was at `start` may be gone
  /// since the regions were read: our own memory is among it.
  fn next_recognised(&self, start: u64, region: &Region) -> u64 {
    self.next_known_start(start, region, |page, header| {
      let [first, second] = header;
      self.is_allocation(page, header, region)
        || (is_first(first, second) && self.is_piece_of_main_arena(page, region))
    })
  }

  /// Whether a page begins with a header of a large chunk of malloc's, or of a block of Abseil's.
  fn is_allocation(&self, page: u64, [first, second]: [u64; 2], region: &Region) -> bool {
    let reach = self.run_end(region);
    chunk_end(first, second, page, reach, self.facts.page_size).is_some()
      || block_end(first, second, page, reach).is_some()
  }

  /// The first stack, buffer, or page with a header that is known, after `start`; or the end of the region.
  fn next_known_start(&self, start: u64, region: &Region, is_known: impl Fn(u64, [u64; 2]) -> bool) -> u64 {
    let next = self.control_blocks.partition_point(|(_, block)| self.page_of(*block) <= start);
    let block = self.control_blocks.get(next).map(|(_, block)| self.page_of(*block));
    let behind = self.buffer_pages.partition_point(|page| *page <= start);
    let buffer = self.buffer_pages.get(behind).copied();
    let next = block.into_iter().chain(buffer).min();
    let limit = next.map_or(region.end, |known| known.min(region.end));
    self.next_known_header(start, limit, is_known).unwrap_or(limit)
  }

  /// The first page after `start` that begins with two words that are known.
  fn next_known_header(
    &self,
    start: u64,
    limit: u64,
    is_known: impl Fn(u64, [u64; 2]) -> bool,
  ) -> Option<u64> {
    /// Further than this nothing is looked for: the memory stays unexplained.
    const SEARCHED_PAGES: u64 = 1024;
    let page = self.facts.page_size;
    let last = start.saturating_add(page.saturating_mul(SEARCHED_PAGES)).min(limit);
    let mut addresses = Vec::new();
    let mut address = start.saturating_add(page);
    while address < last {
      addresses.push(address);
      address = address.saturating_add(page);
    }
    let mut headers = Vec::new();
    self.memory.gather(&addresses, 2, &mut headers);
    let mut found = addresses.into_iter().zip(headers.as_chunks().0);
    found.find(|(address, header)| is_known(*address, **header)).map(|(address, _)| address)
  }
}

fn mapping_for_buffers(mappings: &[(u64, u64)], address: u64) -> Option<(u64, u64)> {
  let behind = mappings.partition_point(|(start, _)| *start <= address);
  mappings.get(behind.checked_sub(1)?).copied().filter(|(_, end)| address < *end)
}

/// Whether an address lies in memory that was mapped for buffers: no page of V8's, and perhaps never touched, so it is
/// not to be read.
pub fn is_mapped_for_buffers(mappings: &[(u64, u64)], address: u64) -> bool {
  mapping_for_buffers(mappings, address).is_some()
}

/// Anonymous memory that nobody gave a meaning by its name: without any, or with one that a program chose.
fn is_allocated(name: &[u8]) -> bool {
  name.is_empty() || name.starts_with(b"[anon:")
}

/// For each region the first address behind the memory that adjoins it without a gap.
fn runs(regions: &[Region]) -> Vec<u64> {
  let mut runs = vec![0; regions.len()];
  let mut behind: Option<&Region> = None;
  let mut run_end = 0;
  for (region, end) in regions.iter().zip(&mut runs).rev() {
    let goes_on =
      may_be_malloced(region) && behind.is_some_and(|next| next.start == region.end && may_be_malloced(next));
    if !goes_on {
      run_end = region.end;
    }
    *end = run_end;
    behind = Some(region);
  }
  runs
}

/// Memory that an allocator may have mapped: private, not a file's, no code.
fn may_be_malloced(region: &Region) -> bool {
  region.is_plain_anonymous() && !region.access.execute
}

/// Private anonymous memory of which little is there: code ranges, and what cannot be written.
pub(super) fn is_sparse(region: &Region) -> bool {
  region.is_plain_anonymous() && (region.access.execute || !region.access.write)
}

/// Too large to ask about every page: the shadow memory of a sanitizer has 14 TiB, and the answers would take more
/// memory than there is. Nothing of Node's comes near. What is resident of it remains unattributed.
pub(super) fn is_immense(region: &Region) -> bool {
  const LARGEST: u64 = 128 * 1024 * 1024 * 1024;
  region.size() > LARGEST
}

/// Whether a mapping of a file may hold private copies: it is writable, or it adjoins the writable data of the same
/// library and was made read-only after the loader wrote its addresses.
fn may_be_written(region: &Region, neighbours: Neighbours) -> bool {
  let relocated = neighbours
    .adjoining_after(region)
    .is_some_and(|after| after.inode == region.inode && after.access.write && !region.access.execute);
  !region.access.shared && (region.access.write || relocated)
}

/// The zeroed data of a program or library follows its written data.
fn is_bss(region: &Region, neighbours: Neighbours) -> bool {
  neighbours
    .adjoining_before(region)
    .is_some_and(|before| before.inode != 0 && before.access.write && !before.access.shared)
}

/// Whether a word can be the address of an object.
pub(super) fn is_pointer(word: u64) -> bool {
  word > 0xFFFF && word < 1 << 56 && word.is_multiple_of(8)
}

/// V8's tables of code and object pointers, from 13.6 on: a page without use, the table, and its reservation.
fn tables_at(start: u64, region: &Region, neighbours: Neighbours) -> Option<(u64, Part, Owner)> {
  const SMALLEST_RESERVATION: u64 = 64 * 1024 * 1024;
  let before = neighbours.adjoining_before(region)?;
  let after = neighbours.adjoining_after(region)?;
  let is_table = start == region.start
    && before.is_plain_anonymous()
    && before.access.read
    && !before.access.write
    && after.is_plain_anonymous()
    && after.access.is_none()
    && after.size() >= SMALLEST_RESERVATION;
  is_table.then_some((region.end, Part::V8Heap, Owner::V8))
}
