//! One address space for each rule of who owns a region.

use rs_memusage::attribution::{HeldBuffer, Owner, Part, ResidencySource, StackBounds};

use crate::hand_built::{HandBuilt, ISOLATE, KIB, MAIN_THREAD, MIB, OTHER_ISOLATE, PAGE};

/// An address that nothing is aligned to but pages.
const ANYWHERE: u64 = 0x7f00_1234_5000;
/// Aligned to everything.
const ALIGNED: u64 = 0x7f00_0000_0000;
const ARENA_HEAP: u64 = 64 * MIB;

fn part_of(space: &HandBuilt, start: u64) -> Part {
  space.pieces().iter().find(|(first, ..)| *first == start).unwrap().2
}

#[test]
fn names_tell_code_from_files_from_shared_memory() {
  let rows = [
    ("r-xp", 7, "/usr/lib/a library.so", Part::Code),
    ("r--p", 7, "/usr/lib/a library.so", Part::Code),
    ("r--p", 8, "/usr/share/icudt.dat", Part::MappedFiles),
    ("r-xp", 9, "/usr/lib/gone.node (deleted)", Part::Code),
    ("r--p", 9, "/usr/lib/gone.node (deleted)", Part::Code),
    ("r--s", 10, "/var/cache/with\\012line feed", Part::MappedFiles),
    ("rw-s", 11, "/memfd:ring (deleted)", Part::SharedMemory),
    ("r-xp", 12, "/memfd:jitted (deleted)", Part::SharedMemory),
    ("rw-s", 13, "/dev/shm/queue", Part::SharedMemory),
    ("rw-s", 14, "/SYSV00000000 (deleted)", Part::SharedMemory),
    ("rw-s", 15, "/dev/zero (deleted)", Part::SharedMemory),
    ("rw-s", 0, "", Part::SharedMemory),
  ];
  let mut space = HandBuilt::new();
  let starts = (ANYWHERE..).step_by(0x10000);
  for ((access, inode, name, _), start) in rows.iter().zip(starts.clone()) {
    space = space.named(start, PAGE, access, *inode, name).loaded(start, PAGE);
  }
  let found: Vec<Part> = space.pieces().iter().map(|piece| piece.2).collect();
  assert_eq!(found, rows.map(|row| row.3));
}

#[test]
fn the_kernels_labels_are_believed() {
  let space = HandBuilt::new()
    .named(0x1000_0000, 4 * PAGE, "rw-p", 0, "[heap]")
    .named(0x2000_0000, PAGE, "rw-p", 0, "[anon:arena of mine]")
    .named(0x3000_0000, PAGE, "rw-p", 0, "[stack]")
    .named(0x4000_0000, PAGE, "r--p", 0, "[vvar]")
    .named(0x5000_0000, PAGE, "r-xp", 0, "[vdso]")
    .chunk(0x2000_0000, PAGE);
  assert_eq!(
    space.pieces(),
    [
      (0x1000_0000, 0x1000_4000, Part::NativeHeap, Owner::MainArena),
      (0x2000_0000, 0x2000_1000, Part::NativeHeap, Owner::LargeChunks),
      (0x3000_0000, 0x3000_1000, Part::Stacks, Owner::Thread(MAIN_THREAD)),
    ]
  );
}

#[test]
fn zeroed_data_follows_the_written_data_of_a_file() {
  let after = |access: &str, gap: u64| {
    let space = HandBuilt::new()
      .named(ANYWHERE, PAGE, access, 7, "/usr/lib/libc.so")
      .anonymous(ANYWHERE + PAGE + gap, PAGE, "rw-p")
      .touched(ANYWHERE + PAGE + gap, PAGE);
    part_of(&space, ANYWHERE + PAGE + gap)
  };
  assert_eq!(after("rw-p", 0), Part::Code);
  assert_eq!(after("rw-p", PAGE), Part::Other);
  assert_eq!(after("r--p", 0), Part::Other);
  assert_eq!(after("rw-s", 0), Part::Other);
}

#[test]
fn zeroed_data_ends_where_large_chunks_begin() {
  // A library was loaded right below what malloc mapped last: the kernel shows its zeroed data and that as one.
  let space = |zeroed: u64| {
    HandBuilt::new()
      .named(ANYWHERE, PAGE, "rw-p", 7, "/usr/lib/addon.node")
      .anonymous(ANYWHERE + PAGE, zeroed + 2 * MIB, "rw-p")
      .touched(ANYWHERE + PAGE, zeroed)
      .chunk(ANYWHERE + PAGE + zeroed, MIB)
      .chunk(ANYWHERE + PAGE + zeroed + MIB, MIB)
      .pieces()
  };
  let chunks = |start: u64| (start, start + 2 * MIB, Part::NativeHeap, Owner::LargeChunks);
  let start = ANYWHERE + PAGE;
  let data = (start, start + 3 * PAGE, Part::Code, Owner::Process);
  assert_eq!(space(3 * PAGE).get(1..).unwrap(), [data, chunks(start + 3 * PAGE)]);
  assert_eq!(space(0).get(1..).unwrap(), [chunks(start)]);
}

#[test]
fn relocated_data_is_measured_also_where_code_is_a_remainder() {
  // Read-only after the loader wrote its addresses: private copies in a region that cannot be written.
  let space = HandBuilt::new()
    .named(ANYWHERE, 4 * PAGE, "r-xp", 7, "/usr/lib/libc.so")
    .named(ANYWHERE + 4 * PAGE, PAGE, "r--p", 7, "/usr/lib/libc.so")
    .named(ANYWHERE + 5 * PAGE, PAGE, "rw-p", 7, "/usr/lib/libc.so")
    .loaded(ANYWHERE, 4 * PAGE)
    .touched(ANYWHERE + 4 * PAGE, 2 * PAGE);
  for every_piece in [true, false] {
    let survey = space.look(ResidencySource::Mincore, every_piece);
    assert_eq!(survey.breakdown.part(Part::Code), 6 * PAGE);
    assert_eq!(survey.breakdown.resident(), 6 * PAGE);
    assert_eq!(survey.measured[0].resident, if every_piece { 4 * PAGE } else { 0 });
  }
}

#[test]
fn generated_code_belongs_to_the_isolate_whose_range_it_is_in() {
  let mut space = HandBuilt::new()
    .anonymous(ALIGNED, MIB, "rwxp")
    .anonymous(ALIGNED + MIB, MIB, "rw-p")
    .anonymous(ALIGNED + 4 * MIB, MIB, "r-xp");
  space.facts.code_ranges.push((ALIGNED, ALIGNED + 2 * MIB, ISOLATE));
  let jit = |start, size, owner| (start, start + size, Part::Jit, owner);
  assert_eq!(
    space.pieces(),
    [
      jit(ALIGNED, MIB, Owner::Isolate(ISOLATE)),
      jit(ALIGNED + MIB, MIB, Owner::Isolate(ISOLATE)),
      jit(ALIGNED + 4 * MIB, MIB, Owner::Process),
    ]
  );
}

#[test]
fn read_only_memory_of_v8_is_measured_by_the_page_tables() {
  const SIZE: u64 = 128 * KIB;
  let mut space =
    HandBuilt::new().anonymous(ALIGNED, SIZE, "r--p").words(ALIGNED, &[0x400, 0x18ea_4450, 0x3fd7_8880_0831]);
  space.zero_pages.extend((ALIGNED + PAGE..ALIGNED + SIZE).step_by(4096));
  assert_eq!(space.pieces(), [(ALIGNED, ALIGNED + SIZE, Part::V8Heap, Owner::V8)]);
  let read_only = |space: &HandBuilt| space.look(ResidencySource::Mincore, true).breakdown.part(Part::V8Heap);
  assert_eq!(read_only(&space), PAGE, "the page of zeros is nobody's");
  space.pagemap_fails = true;
  assert_eq!(read_only(&space), SIZE, "mincore does not know it");
  space.facts.engine_is_v8 = false;
  assert_ne!(part_of(&space, ALIGNED), Part::V8Heap);
}

#[test]
fn what_v8_left_of_a_read_only_page_is_its_own() {
  let space = HandBuilt::new()
    .anonymous(ALIGNED, 64 * KIB, "r--p")
    .words(ALIGNED, &[0x400, 0x18ea_4450])
    .anonymous(ALIGNED + 64 * KIB, 64 * KIB, "---p")
    .anonymous(ALIGNED + 128 * KIB, 64 * KIB, "r--p");
  assert_eq!(part_of(&space, ALIGNED + 128 * KIB), Part::V8Heap);
}

#[test]
fn memory_that_others_made_read_only_is_not_v8s() {
  let space = HandBuilt::new().anonymous(ALIGNED, MIB, "r--p").touched(ALIGNED, MIB).words(ALIGNED, &[1, 1]);
  assert_eq!(space.pieces(), [(ALIGNED, ALIGNED + MIB, Part::Other, Owner::Process)]);
}

#[test]
fn a_chunk_that_the_kernel_split_is_one() {
  let end = ALIGNED + 3 * MIB;
  let space = HandBuilt::new()
    .anonymous(ALIGNED, MIB, "rw-p")
    .chunk(ALIGNED, 3 * MIB)
    .anonymous(ALIGNED + MIB, MIB, "r--p")
    .anonymous(ALIGNED + 2 * MIB, 2 * MIB, "rw-p")
    .chunk(end, MIB);
  let pieces: Vec<_> = space.pieces().into_iter().map(|(start, end, _, owner)| (start, end, owner)).collect();
  let ends = [ALIGNED, ALIGNED + MIB, ALIGNED + 2 * MIB, end + MIB];
  let expected = ends.windows(2).map(|ends| (ends[0], ends[1], Owner::LargeChunks));
  assert_eq!(pieces, expected.collect::<Vec<_>>());
}

#[test]
fn a_buffer_on_the_books_is_known_where_it_carries_no_sign() {
  let mut space = HandBuilt::new().anonymous(ALIGNED, 4 * MIB, "rw-p").touched(ALIGNED, 4 * MIB);
  let held = HeldBuffer { start: ALIGNED + MIB, end: ALIGNED + 2 * MIB, thread: None };
  space.facts.buffers.push(held);
  let expected = [
    (ALIGNED, ALIGNED + MIB, Part::Other, Owner::Process),
    (ALIGNED + MIB, ALIGNED + 2 * MIB, Part::NativeHeap, Owner::Buffer),
    (ALIGNED + 2 * MIB, ALIGNED + 4 * MIB, Part::Other, Owner::Process),
  ];
  assert_eq!(space.pieces(), expected);
}

#[test]
fn an_arena_is_known_by_its_header_of_old_and_new_glibc() {
  let (first, second) = (ALIGNED, ALIGNED + ARENA_HEAP);
  for offset in [0x20, 0x30] {
    let space = HandBuilt::new()
      .anonymous(first, MIB, "rw-p")
      .anonymous(second, 2 * MIB, "rw-p")
      .words(first, &[first + offset, 0, MIB])
      .words(second, &[first + offset, first, 2 * MIB]);
    let arena = Owner::Arena(first + offset);
    assert_eq!(
      space.pieces(),
      [
        (first, first + MIB, Part::NativeHeap, arena),
        (second, second + 2 * MIB, Part::NativeHeap, arena), // a later heap names the arena in the first one
      ]
    );
    assert_eq!(space.look(ResidencySource::Mincore, true).arenas(), (1, 2 * PAGE));
  }
}

#[test]
fn heaps_of_two_arenas_that_adjoin_are_told_apart() {
  let (first, second) = (ALIGNED, ALIGNED + ARENA_HEAP);
  let heap = |start: u64, size: u64| [start + 0x30, 0, size, size];
  let space = HandBuilt::new()
    .anonymous(first, ARENA_HEAP + MIB, "rw-p")
    .words(first, &heap(first, ARENA_HEAP))
    .words(second, &heap(second, MIB));
  let expected = [
    (first, second, Part::NativeHeap, Owner::Arena(first + 0x30)),
    (second, second + MIB, Part::NativeHeap, Owner::Arena(second + 0x30)),
  ];
  assert_eq!(space.pieces(), expected);
}

#[test]
fn a_heap_split_by_its_access_is_one_arena() {
  let space = HandBuilt::new()
    .anonymous(ALIGNED, MIB, "rw-p")
    .anonymous(ALIGNED + MIB, MIB, "rw-p")
    .words(ALIGNED, &[ALIGNED + 0x30, 0, 2 * MIB]);
  assert!(space.pieces().iter().all(|piece| piece.3 == Owner::Arena(ALIGNED + 0x30)));
}

#[test]
fn what_only_resembles_an_arena_is_none() {
  let lies = [
    [ALIGNED + 0x40, 0, MIB],                 // no arena lies there
    [0x30, 0, 0],                             // empty
    [ALIGNED + 0x30, 0, ARENA_HEAP + 0x1000], // larger than any
    [ALIGNED + 0x30, 0, MIB + 8],             // not of whole pages
    [ALIGNED + 0x30, 0, 0],
  ];
  for header in lies {
    let space = HandBuilt::new().anonymous(ALIGNED, MIB, "rw-p").words(ALIGNED, &header);
    assert_eq!(part_of(&space, ALIGNED), Part::Other, "{header:x?}");
  }
  // A heap that ends before the region begins.
  let space = HandBuilt::new()
    .anonymous(ALIGNED, MIB, "rw-p")
    .anonymous(ALIGNED + 2 * MIB, MIB, "rw-p")
    .words(ALIGNED, &[ALIGNED + 0x30, 0, MIB])
    .touched(ALIGNED + 2 * MIB, PAGE);
  assert_eq!(part_of(&space, ALIGNED + 2 * MIB), Part::Other);
}

#[test]
fn a_run_of_large_chunks_is_followed_whatever_their_sizes() {
  // More of one size than are guessed at a time, then others, so that guesses fail and start anew.
  let sizes =
    [vec![2 * PAGE; 150], vec![5 * PAGE, 2 * PAGE, 7 * PAGE], vec![PAGE; 3], vec![64 * PAGE]].concat();
  let mut space = HandBuilt::new().anonymous(ANYWHERE, sizes.iter().sum(), "rw-p");
  let mut start = ANYWHERE;
  for size in &sizes {
    space = space.chunk(start, *size);
    start += size;
  }
  assert_eq!(space.pieces(), [(ANYWHERE, start, Part::NativeHeap, Owner::LargeChunks)]);
}

#[test]
fn a_chunk_header_that_cannot_be_is_not_believed() {
  let lies: [[u64; 2]; 6] = [
    [0, (17 * PAGE) | 2],   // reaches beyond its region
    [0, 2],                 // empty
    [0, (PAGE + 16) | 2],   // not of whole pages
    [PAGE, (2 * PAGE) | 2], // memory before it is in use
    [0, (2 * PAGE) | 3],    // other flags
    [0, !0xFFF | 2],        // wraps
  ];
  for header in lies {
    let space = HandBuilt::new().anonymous(ANYWHERE, 16 * PAGE, "rw-p").words(ANYWHERE, &header);
    assert_eq!(part_of(&space, ANYWHERE), Part::Other, "{header:x?}");
  }
}

#[test]
fn chunks_are_found_again_behind_memory_that_nothing_explains() {
  let space = HandBuilt::new()
    .anonymous(ANYWHERE, 8 * PAGE, "rw-p")
    .touched(ANYWHERE, 2 * PAGE)
    .chunk(ANYWHERE + 2 * PAGE, 4 * PAGE)
    .touched(ANYWHERE + 6 * PAGE, 2 * PAGE);
  assert_eq!(
    space.pieces(),
    [
      (ANYWHERE, ANYWHERE + 2 * PAGE, Part::Other, Owner::Process),
      (ANYWHERE + 2 * PAGE, ANYWHERE + 6 * PAGE, Part::NativeHeap, Owner::LargeChunks),
      (ANYWHERE + 6 * PAGE, ANYWHERE + 8 * PAGE, Part::Other, Owner::Process),
    ]
  );
}

/// A piece of the main arena at `ANYWHERE`: chunks of these sizes with their flags, and the rest at the top.
fn piece_of_main_arena(size: u64, chunks: &[u64]) -> HandBuilt {
  let space = HandBuilt::new().anonymous(ANYWHERE, size, "rw-p");
  with_piece_of_main_arena(space, ANYWHERE, size, chunks)
}

fn with_piece_of_main_arena(space: HandBuilt, piece: u64, size: u64, chunks: &[u64]) -> HandBuilt {
  let mut space = space.touched(piece, size);
  let mut start = piece;
  for chunk in chunks {
    space = space.words(start + 8, &[*chunk]);
    start += chunk & !7;
  }
  space.words(start + 8, &[(piece + size - start) | 1])
}

#[test]
fn the_main_arena_goes_on_elsewhere_where_brk_is_blocked() {
  let many = vec![0x261; 100];
  for chunks in [&[][..], &[0x21], &[0x9001, 0x110, 0x41], &many] {
    let space = piece_of_main_arena(2 * MIB, chunks);
    assert_eq!(space.pieces(), [(ANYWHERE, ANYWHERE + 2 * MIB, Part::NativeHeap, Owner::MainArena)]);
  }
}

#[test]
fn small_pieces_of_the_main_arena_in_a_row_are_all_of_it() {
  let piece = 0x31000; // what three chunks of 64 KiB take
  let chunks = [0x10011, 0x10011, 0x10011, 0xfb1, 0x10];
  let row = HandBuilt::new().anonymous(ANYWHERE, 3 * piece, "rw-p");
  let starts = [ANYWHERE, ANYWHERE + piece, ANYWHERE + 2 * piece];
  let space = starts.iter().fold(row, |space, start| with_piece_of_main_arena(space, *start, piece, &chunks));
  assert_eq!(space.pieces(), [(ANYWHERE, ANYWHERE + 3 * piece, Part::NativeHeap, Owner::MainArena)]);
}

/// The look allocates too, after it was found out which pages are there.
#[test]
fn a_piece_of_the_main_arena_may_have_changed_meanwhile() {
  let space = HandBuilt::new()
    .anonymous(ANYWHERE, MIB, "rw-p")
    .words(ANYWHERE, &[0, 0x20011])
    .words(ANYWHERE + 0x20010, &[0, 0x15491]); // and what that leads to was written since
  assert_eq!(space.pieces(), [(ANYWHERE, ANYWHERE + MIB, Part::NativeHeap, Owner::MainArena)]);
}

/// Memory of the look itself among it, which grew into another place.
#[test]
fn a_piece_of_the_main_arena_is_found_behind_memory_that_is_gone() {
  let arena = ANYWHERE + 64 * PAGE;
  let guard = HandBuilt::new().anonymous(arena + MIB, PAGE, "---p");
  for (behind, of_gone) in
    [(HandBuilt::new(), (Part::Other, Owner::Process)), (guard, (Part::NativeHeap, Owner::GrowableBuffer))]
  {
    let region = behind.anonymous(ANYWHERE, 64 * PAGE + MIB, "rw-p").gone(ANYWHERE, 64 * PAGE);
    let space = with_piece_of_main_arena(region, arena, MIB, &[0x21, 0x9001]);
    assert_eq!(
      space.pieces(),
      [(ANYWHERE, arena, of_gone.0, of_gone.1), (arena, arena + MIB, Part::NativeHeap, Owner::MainArena),]
    );
  }
}

#[test]
fn large_chunks_are_told_from_a_piece_of_the_main_arena_beside_them() {
  let space =
    piece_of_main_arena(MIB, &[0x21, 0x9001]).anonymous(ANYWHERE, 2 * MIB, "rw-p").chunk(ANYWHERE + MIB, MIB);
  assert_eq!(
    space.pieces(),
    [
      (ANYWHERE, ANYWHERE + MIB, Part::NativeHeap, Owner::MainArena),
      (ANYWHERE + MIB, ANYWHERE + 2 * MIB, Part::NativeHeap, Owner::LargeChunks),
    ]
  );
}

#[test]
fn a_chain_of_chunks_that_cannot_be_is_not_believed() {
  let chains: [&[u64]; 7] = [
    &[0x20],                // memory before the first is free
    &[0x25],                // of a thread's arena
    &[0x23],                // with a mapping of its own
    &[1],                   // empty
    &[0x29],                // not aligned
    &[0x21, 0x9005],        // the second of a thread's arena
    &[0x21, (3 * MIB) | 1], // the second reaches beyond its region
  ];
  for chunks in chains {
    let first = HandBuilt::new().anonymous(ANYWHERE, 2 * MIB, "rw-p").touched(ANYWHERE, PAGE);
    let space = chunks
      .iter()
      .zip([ANYWHERE, ANYWHERE + 0x20])
      .fold(first, |space, (chunk, start)| space.words(start + 8, &[*chunk]));
    assert_eq!(part_of(&space, ANYWHERE), Part::Other, "{chunks:x?}");
  }
}

#[test]
fn a_stack_between_chunks_reaches_from_its_guard_to_its_control_block() {
  let guard = ANYWHERE + 4 * PAGE;
  let stack = guard + PAGE;
  let top = stack + 16 * PAGE;
  let space = HandBuilt::new()
    .anonymous(ANYWHERE, 4 * PAGE, "rw-p")
    .anonymous(guard, PAGE, "---p")
    .anonymous(stack, 20 * PAGE, "rw-p")
    .chunk(ANYWHERE, 4 * PAGE)
    .touched(stack + 8 * PAGE, 8 * PAGE)
    .chunk(top, 4 * PAGE)
    .thread(101, top - 1600);
  assert_eq!(
    space.pieces(),
    [
      (ANYWHERE, guard, Part::NativeHeap, Owner::LargeChunks),
      (stack, top, Part::Stacks, Owner::Thread(101)),
      (top, top + 4 * PAGE, Part::NativeHeap, Owner::LargeChunks),
    ]
  );
}

#[test]
fn the_main_threads_control_block_has_a_page_of_its_own() {
  let page = ANYWHERE + 4 * PAGE;
  let space = HandBuilt::new()
    .anonymous(ANYWHERE, 9 * PAGE, "rw-p")
    .touched(page, PAGE)
    .chunk(page + PAGE, 4 * PAGE)
    .thread(MAIN_THREAD, page + 0x740);
  let from_page = [
    (page, page + PAGE, Part::Stacks, Owner::Thread(MAIN_THREAD)),
    (page + PAGE, page + 5 * PAGE, Part::NativeHeap, Owner::LargeChunks),
  ];
  let behind_unexplained = space.clone().touched(ANYWHERE, 4 * PAGE).pieces();
  assert_eq!(behind_unexplained[0], (ANYWHERE, page, Part::Other, Owner::Process));
  assert_eq!(behind_unexplained[1..], from_page);
  let behind_a_chunk = space.chunk(ANYWHERE, 4 * PAGE).pieces();
  assert_eq!(behind_a_chunk[0], (ANYWHERE, page, Part::NativeHeap, Owner::LargeChunks));
  assert_eq!(behind_a_chunk[1..], from_page);
}

#[test]
fn the_stack_of_an_ended_thread_is_known_by_its_dead_control_block() {
  let end = ANYWHERE + 17 * PAGE;
  let stack = |guard: &str, own_address: u64| {
    let space = HandBuilt::new()
      .anonymous(ANYWHERE, PAGE, guard)
      .anonymous(ANYWHERE + PAGE, 16 * PAGE, "rw-p")
      .words(end - 0x940, &[own_address]);
    part_of(&space, ANYWHERE + PAGE)
  };
  assert_eq!(stack("---p", end - 0x940), Part::Stacks);
  assert_eq!(stack("---p", end - 0x900), Part::Other, "a control block starts with its own address");
  assert_eq!(stack("rw-p", end - 0x940), Part::Other, "a stack has a guard");
}

#[test]
fn locks_of_abseil_are_told_from_the_chunks_behind_them() {
  const MAGIC: u64 = 0x4c83_3e95;
  let second = ANYWHERE + 0x8000;
  let space = HandBuilt::new()
    .anonymous(ANYWHERE, 20 * PAGE, "rw-p")
    .touched(ANYWHERE, 16 * PAGE)
    .words(ANYWHERE, &[0x8000, MAGIC ^ ANYWHERE])
    .words(second, &[0x40, !MAGIC ^ second])
    .chunk(ANYWHERE + 16 * PAGE, 4 * PAGE);
  assert_eq!(
    space.pieces(),
    [
      (ANYWHERE, ANYWHERE + 16 * PAGE, Part::NativeHeap, Owner::LowLevelAlloc),
      (ANYWHERE + 16 * PAGE, ANYWHERE + 20 * PAGE, Part::NativeHeap, Owner::LargeChunks),
    ]
  );
  let moved = HandBuilt::new().anonymous(ANYWHERE, 16 * PAGE, "rw-p").words(ANYWHERE, &[64, MAGIC ^ second]);
  assert_eq!(part_of(&moved, ANYWHERE), Part::Other, "the magic number is that of another address");
  let tiny = HandBuilt::new().anonymous(ANYWHERE, 16 * PAGE, "rw-p").words(ANYWHERE, &[0, MAGIC ^ ANYWHERE]);
  assert_eq!(part_of(&tiny, ANYWHERE), Part::Other, "a block without a size would never end");
}

#[test]
fn pages_of_two_isolates_merge_into_one_region_and_are_told_apart() {
  let size = 256 * KIB;
  let second = ALIGNED + 3 * size; // a large object of the first isolate has its header at its start alone
  let space = HandBuilt::new()
    .anonymous(ALIGNED, 4 * size, "rw-p")
    .page(ALIGNED, ISOLATE)
    .page(second, OTHER_ISOLATE)
    .with_layout();
  assert_eq!(
    space.pieces(),
    [
      (ALIGNED, second, Part::V8Heap, Owner::Isolate(ISOLATE)),
      (second, second + size, Part::V8Heap, Owner::Isolate(OTHER_ISOLATE)),
    ]
  );
}

#[test]
fn a_page_of_an_unknown_isolate_is_pooled_only_if_all_isolates_are_known() {
  const DEAD: u64 = 0x7700_0000;
  let other = ALIGNED + 16 * MIB;
  let mut space = HandBuilt::new()
    .anonymous(ALIGNED, 256 * KIB, "rw-p")
    .anonymous(other, 256 * KIB, "rw-p")
    .page(ALIGNED, ISOLATE)
    .page(other, DEAD)
    .with_layout();
  assert_eq!(part_of(&space, other), Part::V8Pool);
  space.facts.isolates.complete = false;
  assert_eq!(part_of(&space, other), Part::V8Heap);
}

#[test]
fn pages_of_new_v8_lead_to_their_isolate_through_metadata() {
  let metadata = 0x1000_0000;
  let space = HandBuilt::new()
    .named(metadata, MIB, "rw-p", 0, "[heap]")
    .anonymous(ALIGNED, 512 * KIB, "rw-p")
    .page_with_metadata(ALIGNED, metadata, ISOLATE)
    .page_with_metadata(ALIGNED + 256 * KIB, metadata + 0x400, OTHER_ISOLATE)
    .with_layout();
  assert_eq!(
    space.pieces()[1..],
    [
      (ALIGNED, ALIGNED + 256 * KIB, Part::V8Heap, Owner::Isolate(ISOLATE)),
      (ALIGNED + 256 * KIB, ALIGNED + 512 * KIB, Part::V8Heap, Owner::Isolate(OTHER_ISOLATE)),
    ]
  );
}

#[test]
fn memory_that_begins_with_a_pointer_to_the_record_of_a_page_is_no_page() {
  let (metadata, other) = (0x7100_1000, ALIGNED + 64 * MIB);
  let space = HandBuilt::new()
    .anonymous(metadata, 8 * KIB, "rw-p")
    .anonymous(ALIGNED, 512 * KIB, "rw-p")
    .page_with_metadata(ALIGNED, metadata, ISOLATE)
    .page_with_metadata(ALIGNED + 256 * KIB, metadata + 0x400, ISOLATE)
    .anonymous(other, MIB, "rw-p")
    .touched(other, MIB)
    .words(other, &[0, metadata])
    .with_layout();
  assert_eq!(part_of(&space, ALIGNED), Part::V8Heap);
  assert_eq!(part_of(&space, other), Part::Other);
}

#[test]
fn the_layout_is_what_most_pages_share() {
  let size = 256 * KIB;
  let mut space = HandBuilt::new().anonymous(ALIGNED, 8 * size, "rw-p");
  for index in 0..8 {
    // Another word leads into the isolate too, on some pages and each time elsewhere.
    let misleading = [ISOLATE + 8 * index];
    space = space.page(ALIGNED + index * size, ISOLATE).words(ALIGNED + index * size + 0x80, &misleading);
  }
  let alone = HandBuilt::new().anonymous(ALIGNED, size, "rw-p").page(ALIGNED, ISOLATE);
  assert_eq!(space.layout(), alone.layout());
  let elsewhere = HandBuilt::new().anonymous(ALIGNED, size, "rw-p").page(ALIGNED, OTHER_ISOLATE);
  assert_eq!(elsewhere.layout(), None);
  assert_eq!(HandBuilt::new().layout(), None);
}

#[test]
fn without_a_layout_what_looks_like_a_page_is_taken_for_one() {
  let mut space = HandBuilt::new().anonymous(ALIGNED, 256 * KIB, "rw-p").page(ALIGNED, ISOLATE);
  assert_eq!(space.pieces(), [(ALIGNED, ALIGNED + 256 * KIB, Part::V8Heap, Owner::V8)]);
  space.facts.engine_is_v8 = false;
  assert_eq!(part_of(&space, ALIGNED), Part::Other);
}

#[test]
fn pages_of_the_cpp_heap_lead_to_functions_of_the_program() {
  let (start, space_object, functions) = (ALIGNED + 128 * KIB, 0x1000_0000, 0x40_0000);
  let page = |functions: u64| {
    let space = HandBuilt::new()
      .named(0x40_0000, PAGE, "r--p", 7, "/usr/bin/node")
      .named(space_object, PAGE, "rw-p", 0, "[heap]")
      .anonymous(start, 128 * KIB, "rw-p")
      .words(space_object, &[functions])
      .words(start, &[space_object, space_object]);
    space.pieces().last().unwrap().3
  };
  assert_eq!(page(functions), Owner::CppHeap);
  assert_eq!(page(functions + PAGE), Owner::Process, "behind the file");
  assert_eq!(page(space_object), Owner::Process, "no file");
}

#[test]
fn tables_of_v8_lie_between_an_unused_page_and_their_reservation() {
  let table = |reservation: u64| {
    let space = HandBuilt::new()
      .anonymous(ANYWHERE, PAGE, "r--p")
      .anonymous(ANYWHERE + PAGE, 16 * PAGE, "rw-p")
      .anonymous(ANYWHERE + 17 * PAGE, reservation, "---p")
      .touched(ANYWHERE + PAGE, PAGE);
    let piece = space.pieces()[1];
    (piece.2, piece.3)
  };
  assert_eq!(table(64 * MIB), (Part::V8Heap, Owner::V8));
  assert_eq!(
    table(16 * MIB),
    (Part::NativeHeap, Owner::GrowableBuffer),
    "a reservation of something smaller"
  );
}

#[test]
fn growable_buffers_have_a_reservation_behind_them() {
  let space = HandBuilt::new()
    .anonymous(ALIGNED, MIB, "rw-p")
    .anonymous(ALIGNED + MIB, 64 * MIB, "---p")
    .touched(ALIGNED, MIB);
  assert_eq!(space.pieces(), [(ALIGNED, ALIGNED + MIB, Part::NativeHeap, Owner::GrowableBuffer)]);
}

#[test]
fn another_malloc_has_what_nothing_else_explains() {
  let heap = ANYWHERE - MIB;
  let mut space = HandBuilt::new()
    .named(heap, PAGE, "rw-p", 0, "[heap]")
    .anonymous(ANYWHERE, 16 * PAGE, "rw-p")
    .chunk(ANYWHERE, 16 * PAGE);
  space.facts.malloc_is_glibc = false;
  assert_eq!(
    space.pieces(),
    [
      (heap, heap + PAGE, Part::NativeHeap, Owner::Process),
      (ANYWHERE, ANYWHERE + 16 * PAGE, Part::NativeHeap, Owner::Process),
    ]
  );
}

#[test]
fn zeroed_data_ends_where_its_file_says() {
  const LOADED: u64 = 1;
  let (library, zeroed, memory) = (ANYWHERE, 5 * PAGE, 2 * MIB);
  let behind = library + 4 * PAGE;
  // Two segments: the code, and data that goes on in memory for five pages more than the file has.
  let segment = |address: u64, file: u64, size: u64| [LOADED, 0, address, address, file, size, PAGE];
  let space = |magic: u64| {
    HandBuilt::new()
      .named(library, 3 * PAGE, "r-xp", 7, "/usr/lib/addon.node")
      .named(library + 3 * PAGE, PAGE, "rw-p", 7, "/usr/lib/addon.node")
      .anonymous(behind, zeroed + memory, "rw-p")
      .touched(behind, zeroed + memory)
      .words(library, &[magic, 0, 0, 0, 64, 0, 56 << 48, 2])
      .words(library + 64, &segment(0, 3 * PAGE, 3 * PAGE))
      .words(library + 64 + 56, &segment(3 * PAGE, PAGE, zeroed + PAGE - 8))
      .pieces()
  };
  let told = (behind, behind + zeroed, Part::Code, Owner::Process);
  let rest = (behind + zeroed, behind + zeroed + memory, Part::Other, Owner::Process);
  assert_eq!(space(0x0102_464c_457f).get(2..).unwrap(), [told, rest]);
  let all = (behind, behind + zeroed + memory, Part::Code, Owner::Process);
  assert_eq!(space(0x7f).get(2..).unwrap(), [all], "no such header");
}

#[test]
fn zeroed_data_of_any_size_ends_where_its_file_says_where_malloc_writes_no_headers() {
  // musl's small pieces lie right behind the data of libraries, and carry no sign.
  const LOADED: u64 = 1;
  let (library, behind) = (ANYWHERE, ANYWHERE + 2 * PAGE);
  let space = |is_glibc: bool| {
    let mut space = HandBuilt::new()
      .named(library, PAGE, "r-xp", 7, "/usr/lib/addon.node")
      .named(library + PAGE, PAGE, "rw-p", 7, "/usr/lib/addon.node")
      .anonymous(behind, 8 * PAGE, "rw-p")
      .touched(behind, 8 * PAGE)
      .words(library, &[0x0102_464c_457f, 0, 0, 0, 64, 0, 56 << 48, 1])
      .words(library + 64, &[LOADED, 0, 0, 0, 2 * PAGE, 5 * PAGE, PAGE]);
    space.facts.malloc_is_glibc = is_glibc;
    space.pieces()
  };
  let told = (behind, behind + 3 * PAGE, Part::Code, Owner::Process);
  let rest = (behind + 3 * PAGE, behind + 8 * PAGE, Part::NativeHeap, Owner::Process);
  assert_eq!(space(false).get(2..).unwrap(), [told, rest]);
  let all = (behind, behind + 8 * PAGE, Part::Code, Owner::Process);
  assert_eq!(space(true).get(2..).unwrap(), [all], "no chunk begins there");
}

#[test]
fn a_space_that_malloc_put_right_behind_its_isolate_is_not_taken_for_the_heap() {
  const HEAP_IN_ISOLATE: u64 = 0xd8a8;
  let page = |space: HandBuilt, start: u64, isolate: u64, of_space: u64| {
    let header = [0x68, 256 * KIB, isolate + of_space, isolate + HEAP_IN_ISOLATE];
    space.anonymous(start, 256 * KIB, "rw-p").touched(start, 256 * KIB).words(start, &header)
  };
  let place = |index: u64| ALIGNED + index * MIB;
  // All pages of the isolate that is known are of one space; another isolate has its spaces elsewhere.
  let known = (0..8).fold(HandBuilt::new(), |space, index| page(space, place(index), ISOLATE, 0x2_0000));
  let space = page(known, place(8), OTHER_ISOLATE, 0x3_0000).with_layout();
  assert_eq!(space.pieces().last().unwrap().3, Owner::Isolate(OTHER_ISOLATE));
}

#[test]
fn a_stack_that_the_program_brought_along_ends_where_musl_says() {
  // No range is noted of it, but where it ends below its control block, and its size. Buffers may lie right below.
  let (usual, stack) = (ANYWHERE, ANYWHERE + 100 * PAGE);
  let usual_block = usual + 16 * PAGE - 0x400;
  let end = stack + 32 * PAGE;
  let (block, top) = (end - 0x500, end - 0x900);
  let mut space = HandBuilt::new()
    .anonymous(usual, 16 * PAGE, "rw-p")
    .anonymous(stack - 64 * PAGE, 112 * PAGE, "rw-p")
    .touched(usual, 16 * PAGE)
    .touched(stack - 64 * PAGE, 112 * PAGE)
    .words(usual_block, &[usual_block, 0, 0, usual, 16 * PAGE, usual_block - 8, 15 * PAGE])
    .words(block, &[block, 0, 0, 0, 32 * PAGE, top, top - stack])
    .thread(101, usual_block)
    .thread(102, block);
  space.facts.malloc_is_glibc = false;
  space.facts.stack_bounds = StackBounds::find(&space, &[(101, usual_block)], MAIN_THREAD);
  assert_eq!(
    space.pieces(),
    [
      (usual, usual + 16 * PAGE, Part::Stacks, Owner::Thread(101)),
      (stack - 64 * PAGE, stack, Part::NativeHeap, Owner::Process),
      (stack, end, Part::Stacks, Owner::Thread(102)),
      (end, end + 16 * PAGE, Part::NativeHeap, Owner::Process),
    ]
  );
}

#[test]
fn a_control_block_apart_from_its_stack_takes_no_more_than_its_mapping() {
  // musl's, where the program brought the memory of the stack along: malloc's memory may lie right below.
  let (stack, apart) = (ANYWHERE, ANYWHERE + 100 * PAGE);
  let bounds = |block: u64, start: u64, size: u64| (block, [block, 0, 0, start, size]);
  let [(usual, in_usual), (other, in_other)] =
    [bounds(stack + 16 * PAGE - 0x400, stack, 16 * PAGE), bounds(apart + 2 * PAGE - 0x400, apart, 2 * PAGE)];
  let mut space = HandBuilt::new()
    .anonymous(stack, 16 * PAGE, "rw-p")
    .anonymous(apart - 8 * PAGE, 10 * PAGE, "rw-p")
    .touched(stack, 16 * PAGE)
    .touched(apart - 8 * PAGE, 10 * PAGE)
    .words(usual, &in_usual)
    .words(other, &in_other)
    .thread(101, usual)
    .thread(102, other);
  space.facts.malloc_is_glibc = false;
  space.facts.stack_bounds = StackBounds::find(&space, &[(101, usual)], MAIN_THREAD);
  assert_eq!(
    space.pieces(),
    [
      (stack, stack + 16 * PAGE, Part::Stacks, Owner::Thread(101)),
      (apart - 8 * PAGE, apart, Part::NativeHeap, Owner::Process),
      (apart, apart + 2 * PAGE, Part::Stacks, Owner::Thread(102)),
    ]
  );
}
