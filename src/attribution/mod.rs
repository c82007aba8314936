//! Every resident page gets one owner.
//!
//! Pure functions over what [`AddressSpace`] reports: regions, page residency, words of memory. In production
//! that is this process (`platform`), in tests a captured one. Nothing here knows Node-API or a system call.

mod address_range;
mod ascending_reads;
mod bills;
mod buffer_layout;
mod buffer_mentions;
mod buffer_ranges;
mod classify;
mod file_mappings;
mod glibc_heap;
mod heap_pages;
mod low_level_alloc;
mod pointer_search;
mod residency;
mod survey;
mod tenants;
mod v8_evidence;
mod v8_pages;

pub use address_range::AddressRange;
pub use bills::{Bill, Bills, Hints, Shared, bills};
pub use buffer_layout::BufferLayout;
pub use classify::{Facts, classify, is_mapped_buffer};
pub use glibc_heap::is_arena_address;
pub use heap_pages::{HeapPages, heap_page_candidates};
pub use pointer_search::{BufferOwners, find_owners};
pub use residency::ResidencySource;
pub use survey::{Breakdown, Measured, Plan, Survey, survey};
pub use tenants::{Tenant, ThreadArena};
pub use v8_evidence::{OwnIsolate, V8Evidence, weigh};
pub use v8_pages::{HeaderLayout, Isolates};

use crate::error::Result;
use crate::parse::status;

/// What the memory of a process is made of. The parts of every breakdown add up to its resident set size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
  /// Program, libraries and addons: file-backed, private copies and `.bss` included.
  Code,
  /// V8's code ranges and other generated code.
  Jit,
  /// JS heaps of live isolates, V8's read-only space and tables.
  V8Heap,
  /// V8 pages of no live isolate, kept by V8 for reuse.
  V8Pool,
  /// The C allocator's arenas and large chunks, memory of `ArrayBuffer`s included.
  NativeHeap,
  /// Stacks of all threads.
  Stacks,
  /// Mapped files that are not code.
  MappedFiles,
  /// Shared memory.
  SharedMemory,
  /// Resident and not attributed.
  Other,
}

impl Part {
  /// All parts, in the order in which they are reported.
  pub const ALL: [Self; 9] = [
    Self::Code,
    Self::Jit,
    Self::V8Heap,
    Self::V8Pool,
    Self::NativeHeap,
    Self::Stacks,
    Self::MappedFiles,
    Self::SharedMemory,
    Self::Other,
  ];

  /// The name of the part in JavaScript.
  pub fn name(self) -> &'static str {
    match self {
      Self::Code => "code",
      Self::Jit => "jit",
      Self::V8Heap => "v8Heap",
      Self::V8Pool => "v8Pool",
      Self::NativeHeap => "nativeHeap",
      Self::Stacks => "stacks",
      Self::MappedFiles => "mappedFiles",
      Self::SharedMemory => "sharedMemory",
      Self::Other => "other",
    }
  }
}

/// Whose memory a piece is, as far as the memory itself tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
  /// Nobody in particular.
  Process,
  /// The isolate at this address.
  Isolate(u64),
  /// V8 itself, for all isolates.
  V8,
  /// The thread with this kernel id.
  Thread(i32),
  /// The allocator's arena at this address.
  Arena(u64),
  /// The allocator's main arena, grown by `brk`, or by mappings where that is blocked.
  MainArena,
  /// Allocations large enough for a mapping of their own; their thread is not recorded anywhere.
  LargeChunks,
  /// Abseil's allocator for locks, inside Node from 24 on.
  LowLevelAlloc,
  /// V8's garbage-collected C++ objects.
  CppHeap,
  /// Memory of a `WebAssembly.Memory` or of a resizable buffer, inside V8's reservation for it.
  GrowableBuffer,
  /// A buffer that was allocated here, with a mapping of its own.
  Buffer,
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
  /// Whether it has a mapping of its own, which nothing else explains.
  pub is_mapped: bool,
}

/// A range of addresses with one owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
  /// First address.
  pub start: u64,
  /// First address behind it.
  pub end: u64,
  /// What it is.
  pub part: Part,
  /// Whose it is.
  pub owner: Owner,
  /// How its residency is measured: anonymous memory and file mappings need different questions.
  pub backing: Backing,
  /// Index of the region it is a part of.
  pub region: usize,
}

/// What backs the pages of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backing {
  /// Private anonymous memory.
  Anonymous,
  /// Private anonymous memory that is hardly there: ranges reserved for code, and read-only memory where the kernel
  /// maps its shared page of zeros, which is in nobody's resident set. The page tables tell better.
  Sparse,
  /// A file or shared memory; written pages of a private mapping are anonymous copies.
  File {
    /// Whether such copies may exist.
    written: bool,
  },
}

/// Reads words of the process under study; nothing it does can fault.
pub trait Memory {
  /// Copies consecutive words from `address`; `false` when any of them is not readable.
  fn read(&self, address: u64, words: &mut [u64]) -> bool;

  /// Copies `width` words from each address; zeros for addresses that are not readable.
  fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>);
}

/// Resident bytes of a file mapping.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileResidency {
  /// Pages of the file or of shared memory.
  pub file: u64,
  /// Private copies.
  pub copied: u64,
}

/// The process under study.
pub trait AddressSpace: Memory {
  /// The text of its `maps`.
  ///
  /// # Errors
  /// When it cannot be read.
  fn maps(&self) -> Result<Vec<u8>>;

  /// Resident memory by kind.
  ///
  /// # Errors
  /// When it cannot be read.
  fn memory_by_kind(&self) -> Result<status::Memory>;

  /// Appends one byte per page of private anonymous memory: 1 where it is resident.
  fn resident_pages(&self, start: u64, end: u64, residency: &mut Vec<u8>);

  /// The same for several regions in address order, between which no other memory may be accessed.
  fn resident_pages_of_run(&self, run: &[(u64, u64)], residency: &mut Vec<u8>) {
    for (start, end) in run {
      self.resident_pages(*start, *end, residency);
    }
  }

  /// The same for one region, without pages that were read and never written: those are in no resident set.
  fn pages_in_resident_set(&self, start: u64, end: u64, residency: &mut Vec<u8>);

  /// The text of its `smaps`: the expensive way, for systems without the others.
  ///
  /// # Errors
  /// When it cannot be read.
  fn smaps(&self) -> Result<Vec<u8>>;

  /// Whether the page tables can be asked about large empty ranges for nothing.
  fn page_tables_skip_holes(&self) -> bool;

  /// Resident bytes of a file mapping or of sparse memory; `None` when they cannot be told.
  fn resident_file(&self, start: u64, end: u64) -> Option<FileResidency>;
}
