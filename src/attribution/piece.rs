//! What memory is called: parts, owners, and pieces of the address space that have one of each.

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
