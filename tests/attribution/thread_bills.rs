//! Bills of threads: what is on each, and that nothing is lost or counted twice.

use proptest::prelude::*;
use rs_memusage::attribution::{
  Bills, BufferLayout, BufferOwners, HeldBuffer, Hints, Owner, Part, ResidencySource, Shared, SmallBuffers,
  Survey, Tenant, ThreadArena, bills, find_owners,
};

use crate::hand_built::{HandBuilt, ISOLATE, KIB, MAIN_THREAD, MIB, OTHER_ISOLATE, PAGE};

const WORKER: i32 = 101;
const POOL: i32 = 102;
/// Where the 256 KiB pages of both isolates begin.
const HEAPS: u64 = 0x2000_0000_0000;
const ARENA: u64 = 0x7f00_0000_0000;
const CHUNKS: u64 = 0x7f10_0001_0000;
const STACK: u64 = 0x7f20_0000_0000;
/// In the main arena.
const RECORDS: u64 = 0x5010_0000;
const GROWABLE: u64 = 0x1000_0000_0000;

fn tenant(tid: i32, isolate: Option<u64>, arena: ThreadArena, external: u64) -> Tenant {
  Tenant { tid, isolate, arena, external }
}

/// A main thread and a worker, each with an isolate of two pages; the worker has an arena of 3 MiB and 100 KiB of stack.
fn process() -> HandBuilt {
  HandBuilt::new()
    .page(HEAPS, ISOLATE)
    .page(HEAPS + 256 * KIB, ISOLATE)
    .anonymous(HEAPS, 512 * KIB, "rw-p")
    .page(HEAPS + MIB, OTHER_ISOLATE)
    .page(HEAPS + MIB + 256 * KIB, OTHER_ISOLATE)
    .anonymous(HEAPS + MIB, 512 * KIB, "rw-p")
    .anonymous(ARENA, 3 * MIB, "rw-p")
    .words(ARENA, &[ARENA + 0x30, 0, 3 * MIB, 3 * MIB])
    .touched(ARENA, 3 * MIB)
    .named(0x5000_0000, 2 * MIB, "rw-p", 0, "[heap]")
    .touched(0x5000_0000, 2 * MIB)
    .anonymous(STACK - PAGE, PAGE, "---p")
    .anonymous(STACK, MIB, "rw-p")
    .touched(STACK + MIB - 100 * KIB, 100 * KIB)
    .thread(WORKER, STACK + MIB - 0x700)
    .named(0x40_0000, 4 * MIB, "r-xp", 7, "/usr/bin/node")
    .loaded(0x40_0000, 4 * MIB)
    .with_layout()
}

fn look(space: &HandBuilt) -> Survey {
  space.look(ResidencySource::Mincore, true)
}

fn searched(owners: &BufferOwners) -> Hints<'_> {
  Hints { found: Some(owners), ..Hints::default() }
}

fn on_the_books(buffers: &[HeldBuffer]) -> Hints<'_> {
  Hints { buffers, page_size: PAGE, ..Hints::default() }
}

fn held(start: u64, size: u64, thread: i32) -> HeldBuffer {
  HeldBuffer { start, end: start + size, thread: Some(thread) }
}

fn total(bills: &Bills) -> u64 {
  bills.threads.iter().map(rs_memusage::attribution::Bill::resident).sum::<u64>() + bills.shared.resident()
}

fn two_threads(external: [u64; 2]) -> [Tenant; 2] {
  [
    tenant(MAIN_THREAD, Some(ISOLATE), ThreadArena::Main, external[0]),
    tenant(WORKER, Some(OTHER_ISOLATE), ThreadArena::At(ARENA + 0x30), external[1]),
  ]
}

#[test]
fn a_thread_owns_its_heap_its_stack_and_its_arena() {
  let survey = look(&process());
  let bills = bills(&survey, &two_threads([0, 0]), Hints::default());
  let [main, worker] = bills.threads.as_slice() else { panic!("two bills") };
  assert_eq!((main.v8_heap, main.stack, main.native_heap), (512 * KIB, 0, 2 * MIB));
  assert_eq!((worker.v8_heap, worker.stack, worker.native_heap), (512 * KIB, 100 * KIB, 3 * MIB));
  assert_eq!(bills.shared, Shared { code: 4 * MIB, ..Shared::default() });
  assert_eq!(total(&bills), survey.breakdown.resident());
}

#[test]
fn an_arena_of_several_threads_is_shared_and_one_of_nobody_is_dead() {
  let survey = look(&process());
  let [main, worker] = two_threads([0, 0]);
  let pool = tenant(POOL, None, ThreadArena::At(ARENA + 0x30), 0);
  let shared = bills(&survey, &[main, worker, pool], Hints::default()).shared;
  assert_eq!((shared.shared_arenas, shared.dead_arenas), (3 * MIB, 0));
  let dead = bills(&survey, &[main], Hints::default()).shared;
  assert_eq!((dead.shared_arenas, dead.dead_arenas), (0, 3 * MIB));
  // The isolate and the stack of a thread that is not there are on no bill either.
  assert_eq!((dead.v8_heap, dead.stacks), (512 * KIB, 100 * KIB));
}

fn with_chunks() -> HandBuilt {
  process().anonymous(CHUNKS, 40 * MIB, "rw-p").chunk(CHUNKS, 30 * MIB).chunk(CHUNKS + 30 * MIB, 10 * MIB)
}

#[test]
fn claims_to_large_allocations_are_met_as_far_as_they_go() {
  let survey = look(&with_chunks());
  // The worker's arena is a MiB larger than that of a thread without buffers: so much of its claim is explained.
  let bills = bills(&survey, &two_threads([0, 31 * MIB]), Hints::default());
  assert_eq!(bills.threads[1].native_heap, 3 * MIB + 30 * MIB);
  assert_eq!(bills.threads[1].array_buffers, None, "an estimate is not known");
  assert_eq!(bills.shared.large_allocations, 10 * MIB);
  assert_eq!(total(&bills), survey.breakdown.resident());
}

#[test]
fn a_claim_is_less_what_the_books_say_is_not_in_memory() {
  let buffer = CHUNKS + 64 * MIB;
  let untouched = held(buffer, 50 * MIB, MAIN_THREAD);
  let mut space = with_chunks().anonymous(buffer, 50 * MIB, "rw-p").touched(buffer, MIB);
  space.facts.buffers.push(untouched);
  space.facts.buffer_mappings.push((untouched.start, untouched.end));
  let survey = look(&space);
  let bills = bills(&survey, &two_threads([50 * MIB, 41 * MIB]), on_the_books(&[untouched]));
  let [main, worker] = bills.threads.as_slice() else { panic!("two bills") };
  assert_eq!((main.native_heap, main.array_buffers), (2 * MIB + MIB, Some(MIB)), "nothing of the chunks");
  assert_eq!(worker.native_heap, 3 * MIB + 40 * MIB);
}

#[test]
fn claims_beyond_what_is_there_are_cut_alike() {
  let survey = look(&with_chunks());
  let bills = bills(&survey, &two_threads([60 * MIB, 21 * MIB]), Hints::default());
  let [main, worker] = bills.threads.as_slice() else { panic!("two bills") };
  assert_eq!((main.native_heap, worker.native_heap), (2 * MIB + 30 * MIB, 3 * MIB + 10 * MIB));
  assert_eq!(bills.shared.large_allocations, 0);
}

/// What a buffer in the first chunk can be long at most.
const IN_FIRST_CHUNK: u64 = 30 * MIB - PAGE;

/// The object of an `ArrayBuffer` at `object`, its record and its backing store, as V8 lays them out.
fn array_buffer(space: HandBuilt, object: u64, payload: u64, length: u64) -> HandBuilt {
  let record = RECORDS + (payload % 0xF00) * 0x100 + (object % 0x100);
  space
    .words(object, &[0x3001, 0x7, 0x7, length, length, payload, record, 0, 0, 0])
    .words(record, &[0x0100, record + 0x20, record + 0x80, 0])
    .words(record + 0x20, &[payload, length, length, 0])
}

fn search(survey: &Survey, space: &HandBuilt) -> BufferOwners {
  let known = array_buffer(process(), HEAPS + 0x400, CHUNKS, 12_345);
  let layout = BufferLayout::of(&known, HEAPS + 0x400, CHUNKS, 12_345).unwrap();
  find_owners(survey, space, (&space.facts.layout.unwrap(), layout), PAGE)
}

#[test]
fn a_large_allocation_belongs_to_the_isolate_that_points_at_it() {
  let space = array_buffer(with_chunks(), HEAPS + MIB + 0x400, CHUNKS + 16, IN_FIRST_CHUNK);
  let survey = look(&space);
  let owners = search(&survey, &space);
  assert_eq!(owners.searched(), MIB);
  let bills = bills(&survey, &two_threads([60 * MIB, 0]), searched(&owners));
  let [main, worker] = bills.threads.as_slice() else { panic!("two bills") };
  assert_eq!((main.native_heap, main.array_buffers), (2 * MIB, Some(0)), "claims count for nothing");
  assert_eq!((worker.native_heap, worker.array_buffers), (3 * MIB + 30 * MIB, Some(30 * MIB)));
  assert_eq!(bills.shared.large_allocations, 10 * MIB, "what nobody points at");
  assert_eq!(total(&bills), survey.breakdown.resident());
}

#[test]
fn a_growable_buffer_is_found_like_a_large_allocation() {
  let space = with_chunks().anonymous(GROWABLE, 2 * MIB, "rw-p").touched(GROWABLE, 2 * MIB).anonymous(
    GROWABLE + 2 * MIB,
    100 * MIB,
    "---p",
  );
  let space = array_buffer(space, HEAPS + 0x400, GROWABLE, 2 * MIB);
  let survey = look(&space);
  let owners = search(&survey, &space);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&owners));
  assert_eq!(bills.threads[0].array_buffers, Some(2 * MIB));
  assert_eq!(total(&bills), survey.breakdown.resident());
}

#[test]
fn what_several_isolates_hold_is_shared() {
  let space = array_buffer(with_chunks(), HEAPS + 0x400, CHUNKS + 16, IN_FIRST_CHUNK);
  let space = array_buffer(space, HEAPS + MIB + 0x440, CHUNKS + 16, IN_FIRST_CHUNK);
  let survey = look(&space);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&search(&survey, &space)));
  assert_eq!(bills.shared.large_allocations, 40 * MIB);
}

#[test]
fn a_page_that_another_isolate_left_behind_owns_nothing() {
  // Its objects name the very records that the living ones do; those lie in the arena of the living isolate.
  let record = ISOLATE + 512 * KIB;
  let object = [0x3001, 0x7, 0x7, IN_FIRST_CHUNK, IN_FIRST_CHUNK, CHUNKS + 16, record];
  let space = with_chunks()
    .named(ISOLATE, MIB, "rw-p", 0, "[heap]")
    .words(record, &[0x0100, record + 0x20, record + 0x80])
    .words(record + 0x20, &[CHUNKS + 16, IN_FIRST_CHUNK, IN_FIRST_CHUNK])
    .words(HEAPS + 0x400, &object)
    .words(HEAPS + MIB + 0x440, &object)
    .words(HEAPS + 0x800, &object);
  let survey = look(&space);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&search(&survey, &space)));
  assert_eq!(bills.threads[0].array_buffers, Some(30 * MIB));
  assert_eq!(bills.threads[1].array_buffers, Some(0));
}

#[test]
fn what_lies_in_a_page_that_changed_hands_since_the_look_is_the_new_ones() {
  let space = array_buffer(with_chunks(), HEAPS + 256 * KIB + 0x400, CHUNKS + 16, IN_FIRST_CHUNK);
  let survey = look(&space);
  let later = space.page(HEAPS + 256 * KIB, OTHER_ISOLATE);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&search(&survey, &later)));
  assert_eq!(bills.threads[0].array_buffers, Some(0));
  assert_eq!(bills.threads[1].array_buffers, Some(30 * MIB));
}

#[test]
fn an_address_that_no_living_buffer_holds_counts_for_nothing() {
  // What a scavenge leaves behind: the object is intact, and its record is gone or belongs to another buffer.
  let stale = with_chunks().words(HEAPS + 0x400, &[0x3001, 0, 0, 0, 0, CHUNKS + 16, RECORDS]);
  let reused = array_buffer(stale, HEAPS + MIB + 0x800, CHUNKS + 30 * MIB + 16, 10 * MIB - PAGE);
  let survey = look(&reused);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&search(&survey, &reused)));
  assert_eq!(bills.threads[0].array_buffers, Some(0));
  assert_eq!(bills.threads[1].array_buffers, Some(10 * MIB));
  assert_eq!(bills.shared.large_allocations, 30 * MIB);
}

#[test]
fn a_small_buffer_belongs_to_its_holder_in_whichever_arena_it_lies() {
  let made_by_worker = ARENA + MIB;
  let space = array_buffer(process(), HEAPS + 0x400, made_by_worker + 0x10, 100_000);
  let space = array_buffer(space, HEAPS + 0x800, made_by_worker + 0x20_010, 50_000);
  let space = array_buffer(space, HEAPS + MIB + 0x400, made_by_worker + 0x40_010, 7_000);
  let survey = look(&space);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&search(&survey, &space)));
  let [main, worker] = bills.threads.as_slice() else { panic!("two bills") };
  assert_eq!((main.native_heap, main.array_buffers), (2 * MIB + 150_000, Some(150_000)));
  assert_eq!((worker.native_heap, worker.array_buffers), (3 * MIB - 150_000, Some(7_000)));
  assert_eq!(total(&bills), survey.breakdown.resident());
}

#[test]
fn of_a_buffer_that_was_hardly_touched_what_is_not_in_memory_is_known() {
  let space = process().anonymous(CHUNKS, 8 * MIB, "rw-p").words(CHUNKS, &[0, (8 * MIB) | 2]);
  let space = array_buffer(space, HEAPS + 0x400, CHUNKS + 16, 8 * MIB - PAGE);
  let survey = look(&space);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&search(&survey, &space)));
  let main = bills.threads[0];
  assert_eq!((main.array_buffers, main.absent_buffers), (Some(PAGE), 8 * MIB - PAGE));
}

#[test]
fn no_byte_counts_twice_where_buffers_overlap() {
  let space = array_buffer(process(), HEAPS + 0x400, ARENA + MIB, 100_000);
  let space = array_buffer(space, HEAPS + MIB + 0x480, ARENA + MIB + 0x100, 100_000);
  let space = array_buffer(space, HEAPS + MIB + 0x800, ARENA + MIB + 0x200, 1_000);
  let survey = look(&space);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&search(&survey, &space)));
  assert_eq!(bills.threads[0].array_buffers, Some(100_000));
  assert_eq!(bills.threads[1].array_buffers, Some(0x100));
  assert_eq!(total(&bills), survey.breakdown.resident());
}

#[test]
fn what_several_isolates_hold_is_not_on_the_bill_of_whose_arena_it_lies_in() {
  let space = array_buffer(process(), HEAPS + 0x400, ARENA + MIB, 100_000);
  let space = array_buffer(space, HEAPS + MIB + 0x440, ARENA + MIB, 100_000);
  let survey = look(&space);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&search(&survey, &space)));
  assert_eq!((bills.threads[1].native_heap, bills.threads[1].array_buffers), (3 * MIB - 100_000, Some(0)));
  assert_eq!(bills.shared.native_heap, 100_000);
  assert_eq!(total(&bills), survey.breakdown.resident());
}

#[test]
fn an_object_whose_store_has_another_length_is_none() {
  let space = array_buffer(process(), HEAPS + 0x400, ARENA + MIB, 100_000);
  let space = space.words(HEAPS + 0x400 + 24, &[99_999, 99_999]);
  let survey = look(&space);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&search(&survey, &space)));
  assert_eq!(bills.threads[0].array_buffers, Some(0));
}

#[test]
fn thousands_of_buffers_that_lie_anywhere_are_all_found() {
  // Records and stores far from each other, and objects that end where a block of reading does.
  let heap = HEAPS + 16 * MIB;
  let pages = (0..8).fold(process().anonymous(heap, 2 * MIB, "rw-p"), |space, page| {
    space.page(heap + page * 256 * KIB, ISOLATE)
  });
  let space = (0..2000).fold(pages, |space, index| {
    let object = heap + 0x1000 * (index % 500) + 0xF40 + (index / 500) * 0x28;
    let scattered = |salt: u64| (index * 7919 + salt) % 16_000 * 0x40;
    let (record, store, payload) =
      (0x5000_0000 + scattered(0), ARENA + 0x1000 + scattered(1), ARENA + MIB + MIB / 2 + index * 0x100);
    space
      .words(object, &[0, 256, 256, payload, record])
      .words(record, &[0, store, 0, 0])
      .words(store, &[payload, 256, 256, 0])
  });
  let survey = look(&space);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&search(&survey, &space)));
  assert_eq!(bills.threads[0].array_buffers, Some(2000 * 256));
}

#[test]
fn records_beside_a_page_that_is_gone_since_the_look_are_found() {
  let object = HEAPS + 0x1000;
  let (record, store, payload) = (0x5000_0000 + PAGE + 0x40, RECORDS, ARENA + MIB);
  let space = process()
    .words(object, &[0, 256, 256, payload, record])
    .words(record, &[0, store, 0, 0])
    .words(store, &[payload, 256, 256, 0]);
  let survey = look(&space);
  let space = space.gone(0x5000_0000, PAGE);
  let bills = bills(&survey, &two_threads([0, 0]), searched(&search(&survey, &space)));
  assert_eq!(bills.threads[0].array_buffers, Some(256));
}

#[test]
fn a_buffer_on_the_books_is_its_threads_wherever_it_lies() {
  let survey = look(&with_chunks());
  let buffers = [
    held(CHUNKS + 16, 30 * MIB - PAGE, MAIN_THREAD), // in a large chunk
    held(ARENA + MIB, MIB, MAIN_THREAD),             // in the arena of the worker, which made it
    held(ARENA + 2 * MIB, MIB, WORKER),              // in its own
    held(0x10, MIB, MAIN_THREAD),                    // in nothing that is known
  ];
  let bills = bills(&survey, &two_threads([0, 0]), on_the_books(&buffers));
  let [main, worker] = bills.threads.as_slice() else { panic!("two bills") };
  let large = 30 * MIB - PAGE;
  assert_eq!((main.native_heap, main.array_buffers), (2 * MIB + large + MIB, Some(large + MIB)));
  assert_eq!((worker.native_heap, worker.array_buffers), (2 * MIB, Some(MIB)));
  assert_eq!(bills.shared.large_allocations, 10 * MIB + PAGE);
  assert_eq!(total(&bills), survey.breakdown.resident());
}

#[test]
fn of_the_pages_at_its_ends_a_buffer_counts_its_own_part() {
  let space = process().anonymous(CHUNKS, 4 * PAGE, "rw-p").words(CHUNKS, &[0, (4 * PAGE) | 2]);
  let space = space.touched(CHUNKS + 3 * PAGE, PAGE); // the first page and the last
  let survey = look(&space);
  let buffers = [held(CHUNKS + 16, 4 * PAGE - 116, MAIN_THREAD)];
  let bills = bills(&survey, &two_threads([0, 0]), on_the_books(&buffers));
  assert_eq!(bills.threads[0].array_buffers, Some(2 * PAGE - 116));
}

#[test]
fn small_buffers_are_told_by_their_sums_per_page() {
  let space = process().anonymous(CHUNKS, 4 * PAGE, "rw-p").words(CHUNKS, &[0, (4 * PAGE) | 2]);
  let space = space.touched(CHUNKS + 3 * PAGE, PAGE); // the first page and the last
  let survey = look(&space);
  let sums = |thread, on_pages: [u32; 4]| {
    let mut bytes = [0; 64];
    bytes[..4].copy_from_slice(&on_pages);
    SmallBuffers { start: CHUNKS, thread: Some(thread), bytes }
  };
  let nobody = 4711;
  let small = [sums(WORKER, [1000, 2000, 0, 300]), sums(MAIN_THREAD, [500, 0, 7, 0]), sums(nobody, [9; 4])];
  assert_eq!(small.map(|small| survey.resident_of_sums(small.start, &small.bytes)), [1300, 500, 18]);
  let hints = Hints { small: &small, ..on_the_books(&[]) };
  let known = bills(&survey, &two_threads([0, 0]), hints);
  let held: Vec<_> = known.threads.iter().map(|bill| bill.array_buffers).collect();
  assert_eq!(held, [Some(500), Some(1300)]);
  assert_eq!(total(&known), survey.breakdown.resident());
  // What is not in memory is no claim on what is: without the 2000 bytes the worker would have a part of the chunks.
  let claiming = bills(&survey, &two_threads([0, MIB + 3300]), hints);
  assert_eq!(claiming.shared.large_allocations, known.shared.large_allocations);
}

#[test]
fn a_buffer_with_a_mapping_of_its_own_is_native_memory() {
  let mut space = process().anonymous(CHUNKS, 4 * MIB, "rw-p").touched(CHUNKS, 3 * MIB).chunk(CHUNKS, MIB);
  space.facts.buffers = vec![held(CHUNKS + MIB, MIB - 100, WORKER), held(CHUNKS + 2 * MIB, MIB, WORKER)];
  space.facts.buffer_mappings = vec![(CHUNKS + MIB, CHUNKS + 2 * MIB), (CHUNKS + 2 * MIB, CHUNKS + 3 * MIB)];
  let pieces: Vec<_> =
    space.pieces().into_iter().filter(|piece| (CHUNKS..CHUNKS + 4 * MIB).contains(&piece.0)).collect();
  assert_eq!(
    pieces,
    [
      (CHUNKS, CHUNKS + MIB, Part::NativeHeap, Owner::LargeChunks),
      (CHUNKS + MIB, CHUNKS + 3 * MIB, Part::NativeHeap, Owner::Buffer),
      (CHUNKS + 3 * MIB, CHUNKS + 4 * MIB, Part::Other, Owner::Process),
    ]
  );
  let survey = look(&space);
  let known = bills(&survey, &two_threads([0, 0]), on_the_books(&space.facts.buffers));
  assert_eq!(known.threads[1].array_buffers, Some(2 * MIB - 100));
  // A search tells where it is now, after a transfer that the books know nothing of.
  let moved = array_buffer(space, HEAPS + 0x400, CHUNKS + MIB, MIB - 100);
  let survey = look(&moved);
  let owners = search(&survey, &moved);
  let hints = Hints { found: Some(&owners), ..on_the_books(&moved.facts.buffers) };
  let found = bills(&survey, &two_threads([0, 0]), hints);
  assert_eq!(found.threads[0].array_buffers, Some(MIB), "with the rest of its last page");
  assert_eq!(found.threads[1].array_buffers, Some(0), "nobody points at the other one");
  assert_eq!(total(&found), survey.breakdown.resident());
}

#[test]
fn a_layout_is_found_behind_thousands_of_pages_of_other_isolates() {
  let pages = (0..300_u64).map(|index| 0x1000_0000_0000 + index * MIB);
  let others =
    pages.fold(process(), |space, page| space.page(page, OTHER_ISOLATE).anonymous(page, 256 * KIB, "rw-p"));
  assert_eq!(others.layout(), process().layout());
}

#[test]
fn bills_and_what_is_shared_add_up() {
  let space = array_buffer(with_chunks(), HEAPS + MIB + 0x400, CHUNKS + 16, IN_FIRST_CHUNK);
  let survey = look(&space);
  let owners = search(&survey, &space);
  let arena = [ThreadArena::Main, ThreadArena::At(ARENA + 0x30), ThreadArena::None];
  let isolate = [ISOLATE, OTHER_ISOLATE];
  proptest!(|(
    external in proptest::array::uniform3(0..100 * MIB),
    arenas in proptest::array::uniform3(0..3_usize),
    isolates in proptest::array::uniform3(proptest::option::of(0..2_usize)),
    deep in any::<bool>(),
    held in proptest::collection::vec((0..60 * MIB, 0..2 * MIB, 0..4_i32), 0..8),
  )| {
    // Some of them in the large chunks, some in the arena, some in nothing at all.
    let buffers: Vec<HeldBuffer> = held
      .into_iter()
      .map(|(offset, size, thread)| {
        let start = if offset < 40 * MIB { CHUNKS + offset } else { ARENA + offset - 40 * MIB };
        HeldBuffer { start, end: start + size, thread: Some(MAIN_THREAD + thread) }
      })
      .collect();
    let tenants: Vec<Tenant> = (0..3_usize)
      .map(|index| Tenant {
        tid: [MAIN_THREAD, WORKER, POOL][index],
        isolate: isolates[index].map(|which| isolate[which]),
        arena: arena[arenas[index]],
        external: external[index],
      })
      .collect();
    let bills = bills(&survey, &tenants, Hints { found: deep.then_some(&owners), buffers: &buffers, small: &[], page_size: PAGE });
    prop_assert_eq!(total(&bills), survey.breakdown.resident());
    prop_assert_eq!(bills.shared.v8_pool, survey.breakdown.part(Part::V8Pool));
  });
}
