//! How much is resident, and how the kernel's counts and V8's figure are set against what was found.

use rs_memusage::attribution::{
  OwnIsolate, Part, Plan, ResidencySource, Search, Survey, V8Evidence, survey, weigh,
};
use rs_memusage::parse::status;

use crate::hand_built::{HandBuilt, ISOLATE, KIB, MIB, PAGE};

const ALIGNED: u64 = 0x7f00_0000_0000;
const UNEXPLAINED: u64 = 0x7e00_0000_1000;
/// A heap of `heap` bytes, and `unexplained` bytes of other memory.
fn process(heap: u64, unexplained: u64) -> HandBuilt {
  let mut space =
    HandBuilt::new().anonymous(UNEXPLAINED, unexplained.max(PAGE), "rw-p").anonymous(ALIGNED, heap, "rw-p");
  for page in (ALIGNED..ALIGNED + heap).step_by(256 * 1024) {
    space = space.page(page, ISOLATE);
  }
  space.touched(UNEXPLAINED, unexplained).with_layout()
}

fn own(physical: u64) -> OwnIsolate {
  OwnIsolate { address: ISOLATE, physical }
}

fn parts(survey: &Survey) -> [u64; 3] {
  [Part::V8Heap, Part::V8Pool, Part::Other].map(|part| survey.breakdown.part(part))
}

fn weighed(heap: u64, physical: u64) -> (V8Evidence, [u64; 3]) {
  let mut survey = process(heap, 4 * MIB).look(ResidencySource::Mincore, true);
  let evidence = weigh(&mut survey, own(physical));
  assert_eq!(survey.breakdown.resident(), heap + 4 * MIB, "weighing loses nothing");
  (evidence, parts(&survey))
}

#[test]
fn a_heap_that_v8_confirms_stays_as_it_was_found() {
  for physical in [8 * MIB, 7 * MIB, 10 * MIB] {
    assert_eq!(weighed(8 * MIB, physical), (V8Evidence::Verified, [8 * MIB, 0, 4 * MIB]));
  }
}

#[test]
fn pages_beyond_v8s_figure_are_kept_for_reuse() {
  assert_eq!(weighed(16 * MIB, 10 * MIB), (V8Evidence::Verified, [10 * MIB, 6 * MIB, 4 * MIB]));
}

#[test]
fn what_v8_misses_is_taken_from_what_nothing_explains_and_called_an_estimate() {
  assert_eq!(weighed(8 * MIB, 11 * MIB), (V8Evidence::Estimated, [11 * MIB, 0, MIB]));
  assert_eq!(weighed(8 * MIB, 20 * MIB), (V8Evidence::Estimated, [12 * MIB, 0, 0]), "no more than there is");
}

#[test]
fn what_is_absent_from_pages_that_were_found_is_not_missing() {
  let space = process(MIB, MIB).anonymous(ALIGNED + 16 * MIB, 4 * MIB, "rw-p");
  let pages = (ALIGNED + 16 * MIB..ALIGNED + 20 * MIB).step_by(256 * 1024);
  let space = pages.fold(space, |space, page| space.untouched_page(page, ISOLATE));
  let mut survey = space.look(ResidencySource::Mincore, true);
  let found = parts(&survey);
  assert_eq!(found, [MIB + 16 * PAGE, 0, MIB], "one page of each was written");
  assert_eq!(weigh(&mut survey, own(6 * MIB)), V8Evidence::Verified);
  assert_eq!(parts(&survey), found, "what is not there is nobody's");
  assert_eq!(weigh(&mut survey, own(8 * MIB)), V8Evidence::Estimated);
}

#[test]
fn what_v8_misses_may_have_been_called_pooled() {
  const DEAD: u64 = 0x7700_0000;
  let mut space = process(MIB, MIB).anonymous(ALIGNED + 16 * MIB, 4 * MIB, "rw-p");
  for page in (ALIGNED + 16 * MIB..ALIGNED + 20 * MIB).step_by(256 * 1024) {
    space = space.page(page, DEAD);
  }
  let mut survey = space.look(ResidencySource::Mincore, true);
  assert_eq!(parts(&survey), [MIB, 4 * MIB, MIB]);
  assert_eq!(weigh(&mut survey, own(5 * MIB)), V8Evidence::Estimated);
  assert_eq!(parts(&survey), [5 * MIB, MIB, 0]);
}

fn counts(anonymous: u64, file: u64) -> status::Memory {
  status::Memory { anonymous, file, shared: 0, swap: Some(0), threads: 1 }
}

#[test]
fn what_the_counts_hold_and_no_piece_shows_is_code_or_unexplained() {
  let mut space = process(MIB, MIB);
  // The count moves while one looks: the smaller one says what is surely there.
  space.counted = Some((counts(5 * MIB, 3 * MIB), counts(4 * MIB, 9 * MIB)));
  let survey = space.look(ResidencySource::Mincore, true);
  assert_eq!((survey.breakdown.part(Part::Code), parts(&survey)), (3 * MIB, [MIB, 0, 3 * MIB]));
  assert_eq!(survey.counted, counts(5 * MIB, 3 * MIB));
}

#[test]
fn pages_that_were_read_and_never_written_overshoot_unless_the_page_tables_are_asked() {
  let mut space = process(MIB, 4 * MIB);
  let behind = UNEXPLAINED + 64 * MIB;
  space.zero_pages.extend((behind..behind + MIB).step_by(4096));
  let space = space.anonymous(behind, 2 * MIB, "rw-p");
  let look = |space: &HandBuilt, source| {
    let survey = space.look(source, true);
    (survey.overshoots, survey.breakdown.resident())
  };
  assert_eq!(look(&space, ResidencySource::Mincore), (false, 6 * MIB), "one megabyte moves while one looks");
  let mut more = space.clone();
  more.zero_pages.insert(behind + MIB);
  assert_eq!(look(&more, ResidencySource::Mincore), (true, 6 * MIB + PAGE));
  for source in [ResidencySource::Pagemap, ResidencySource::Smaps] {
    assert_eq!(look(&more, source), (false, 5 * MIB), "{source:?}");
  }
}

#[test]
fn pages_that_were_read_and_never_written_are_told_in_memory_that_cannot_be_written() {
  let sparse = UNEXPLAINED + 64 * MIB;
  let mut space = process(MIB, 0).anonymous(sparse, 64 * MIB, "r--p").touched(sparse + MIB, 2 * PAGE);
  space.zero_pages.extend((sparse..sparse + MIB).step_by(4096));
  for skip_holes in [false, true] {
    space.tables_skip_holes = skip_holes;
    let survey = space.look(ResidencySource::Mincore, true);
    assert_eq!((survey.excess, survey.breakdown.resident()), (0, MIB + 2 * PAGE), "{skip_holes}");
  }
}

#[test]
fn smaps_gives_the_same_sums() {
  let space = process(8 * MIB, 2 * MIB)
    .named(0x40_0000, 64 * PAGE, "r-xp", 7, "/usr/bin/node")
    .loaded(0x40_0000, 8 * PAGE);
  let by_smaps = space.look(ResidencySource::Smaps, true).breakdown;
  assert_eq!(by_smaps, space.look(ResidencySource::Mincore, true).breakdown);
  assert_eq!(by_smaps.resident(), 10 * MIB + 8 * PAGE);
}

#[test]
fn smaps_may_show_regions_that_merged_or_were_split_since() {
  let native = |space: &HandBuilt| {
    space.look(ResidencySource::Smaps, true).measured.iter().map(|measured| measured.resident).sum::<u64>()
  };
  let block = |start: u64, size: u64| HandBuilt::new().anonymous(start, size, "rw-p").touched(start, size);
  let read = |by_then: HandBuilt| {
    let mut space = block(UNEXPLAINED, MIB).anonymous(UNEXPLAINED + 2 * MIB, MIB, "rw-p");
    space.by_then = Some(Box::new(by_then));
    native(&space)
  };
  assert_eq!(read(block(UNEXPLAINED, MIB)), MIB);
  // To read the text took memory, which the kernel merged with what was there: below, above, and between two regions.
  assert_eq!(read(block(UNEXPLAINED - 32 * PAGE, MIB + 32 * PAGE)), MIB);
  assert_eq!(read(block(UNEXPLAINED, MIB + 32 * PAGE)), MIB);
  assert_eq!(read(block(UNEXPLAINED, 3 * MIB)), 2 * MIB);
  let split = block(UNEXPLAINED, 64 * PAGE).anonymous(UNEXPLAINED + 64 * PAGE, MIB - 64 * PAGE, "rw-p");
  assert_eq!(read(split.touched(UNEXPLAINED + 64 * PAGE, 32 * PAGE)), 96 * PAGE);
}

#[test]
fn an_untouched_region_that_is_aligned_like_a_page_is_not_read() {
  let untouched = ALIGNED + 64 * MIB;
  let space = HandBuilt::new()
    .anonymous(ALIGNED, MIB, "rw-p")
    .page(ALIGNED, ISOLATE)
    .with_layout()
    .anonymous(untouched, 16 * MIB, "rw-p");
  for source in [ResidencySource::Mincore, ResidencySource::Pagemap] {
    space.look(source, true);
    assert!(!space.read.borrow().iter().any(|address| *address >= untouched), "{source:?}");
  }
}

#[test]
fn nothing_is_read_where_nothing_is_resident_but_headers_of_pages() {
  let sparse = 0x7d00_0000_3000;
  let space = HandBuilt::new()
    .anonymous(sparse, 4 * MIB, "rw-p")
    .anonymous(UNEXPLAINED, MIB, "rw-p")
    .anonymous(ALIGNED, 16 * MIB, "rw-p")
    .page(ALIGNED, ISOLATE)
    .touched(sparse + 5 * PAGE, PAGE)
    .thread(7, UNEXPLAINED + MIB - 2000)
    .with_layout();
  for source in [ResidencySource::Mincore, ResidencySource::Pagemap] {
    space.read.borrow_mut().clear();
    space.look(source, true);
    for address in space.read.borrow().iter().filter(|address| **address >= PAGE) {
      let is_header = *address >= ALIGNED && address % (256 * KIB) < 48 * 8;
      assert!(is_header || space.resident.contains(&(address - address % PAGE)), "{address:x}");
    }
  }
}

#[test]
fn a_heap_in_memory_as_a_whole_is_told_from_others() {
  let (apart, partly, foreign) = (ALIGNED + 64 * MIB, ALIGNED + 128 * MIB, ALIGNED + 192 * MIB);
  let space = process(MIB, MIB)
    .anonymous(apart, 256 * KIB, "rw-p")
    .page(apart, ISOLATE)
    .anonymous(partly, 256 * KIB, "rw-p")
    .untouched_page(partly, ISOLATE)
    .anonymous(foreign, 256 * KIB, "rw-p")
    .touched(foreign, 256 * KIB);
  let whole = space.look(ResidencySource::Mincore, true).whole_heap_regions();
  assert_eq!(whole, [(ALIGNED, ALIGNED + MIB), (apart, apart + 256 * KIB)]);
}

#[test]
fn what_is_taken_for_whole_and_is_not_shows_as_an_excess() {
  let lost = 64 * PAGE;
  let mut space = process(8 * MIB, MIB);
  let whole = space.look(ResidencySource::Mincore, true).whole_heap_regions();
  let look = |space: &HandBuilt, source| {
    let plan = Plan { source, whole: &whole, every_piece: true, search: Search::Near };
    survey(space, &space.facts, plan).unwrap()
  };
  let sources = [ResidencySource::Mincore, ResidencySource::Pagemap];
  for source in sources {
    let survey = look(&space, source);
    assert_eq!((parts(&survey), survey.excess), ([8 * MIB, 0, MIB], 0));
  }
  let behind = ALIGNED + 8 * MIB;
  space.resident.retain(|page| *page >= behind || *page < behind - lost);
  for source in sources {
    let survey = look(&space, source);
    assert_eq!((parts(&survey), survey.excess), ([8 * MIB, 0, MIB], lost));
  }
  let told = look(&space, ResidencySource::Smaps);
  assert_eq!(
    (parts(&told), told.excess),
    ([8 * MIB - lost, 0, MIB], 0),
    "smaps tells of all regions at once"
  );
}
