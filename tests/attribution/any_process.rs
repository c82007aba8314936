//! Whatever a process looks like, the sums hold.

use proptest::prelude::*;
use proptest::sample::select;
use rs_memusage::attribution::{OwnIsolate, Plan, ResidencySource, Search, survey, weigh};

use crate::hand_built::{HandBuilt, ISOLATE, KIB, MAIN_THREAD, OTHER_ISOLATE, PAGE};

/// A region: pages of gap before it, pages, access, file, and what is written at some of its pages.
type AnyRegion = (u64, u64, &'static str, (u64, &'static str), Vec<(u64, [u64; 3])>);

fn any_region() -> impl Strategy<Value = AnyRegion> {
  let access = select(vec!["rw-p", "rw-p", "rw-p", "r--p", "---p", "r-xp", "rwxp", "rw-s"]);
  let file = select(vec![
    (0, ""),
    (0, ""),
    (0, ""),
    (0, "[heap]"),
    (0, "[vdso]"),
    (0, "[anon:x y]"),
    (7, "/usr/bin/node"),
    (8, "/memfd:a (deleted)"),
  ]);
  let gap = select(vec![0, 0, 1, 16, 63]);
  (gap, 1..200_u64, access, file, proptest::collection::vec((0..200_u64, any_header()), 0..6))
}

/// Words like those that the rules look for, and others.
fn any_header() -> impl Strategy<Value = [u64; 3]> {
  let word = prop_oneof![
    any::<u64>(),
    0..16_u64,
    (0..300_u64).prop_map(|pages| (pages * PAGE) | 2),
    select(vec![ISOLATE + 0xd8a8, OTHER_ISOLATE + 0xd8a8, 0x7700_d8a8, u64::MAX, START, START + 0x30, 0x68]),
  ];
  let chunk = (1..100_u64).prop_map(|pages| [0, (pages * PAGE) | 2, 0]);
  prop_oneof![proptest::array::uniform3(word), chunk]
}

const START: u64 = 0x7f00_0000_0000;

fn build(regions: &[AnyRegion], control_blocks: &[u64]) -> HandBuilt {
  let mut space = HandBuilt::new();
  let mut start = START;
  for (gap, pages, access, (inode, name), headers) in regions {
    start += gap * PAGE;
    space = space.named(start, pages * PAGE, access, *inode, name);
    for (page, header) in headers.iter().filter(|(page, _)| page < pages) {
      let address = start + page * PAGE;
      // Every third resident page of a file is a copy.
      space =
        if *inode == 0 || page % 3 == 0 { space.words(address, header) } else { space.loaded(address, PAGE) };
    }
    start += pages * PAGE;
  }
  for (thread, block) in (MAIN_THREAD..).zip(control_blocks) {
    space = space.thread(thread, START + block);
  }
  space.facts.code_ranges.push((START + 64 * PAGE, START + 128 * PAGE, ISOLATE));
  space
}

proptest! {
  #[test]
  fn parts_sum_up_and_pieces_are_in_order(
    regions in proptest::collection::vec(any_region(), 0..12),
    control_blocks in proptest::collection::vec(0..8_000_000_u64, 0..4),
    with_layout in any::<bool>(),
    flags in proptest::array::uniform4(any::<bool>()),
    physical in 0..200_000 * KIB,
    source in select(vec![ResidencySource::Mincore, ResidencySource::Pagemap, ResidencySource::Smaps]),
  ) {
    let [every_piece, glibc, engine_is_v8, complete] = flags;
    let mut space = build(&regions, &control_blocks);
    space.facts.malloc_is_glibc = glibc;
    space.facts.engine_is_v8 = engine_is_v8;
    space.facts.isolates.complete = complete;
    if with_layout {
      space.facts.layout = space.layout();
    }
    let own = OwnIsolate { address: ISOLATE, physical };
    let mut survey = survey(&space, &space.facts, Plan { source, whole: &[], every_piece, search: Search::Near }).unwrap();
    let resident = survey.breakdown.resident();
    prop_assert_eq!(resident, survey.breakdown.parts.iter().sum::<u64>());
    prop_assert_eq!(resident, space.there().resident());
    let pieces: Vec<_> = survey.measured.iter().map(|measured| measured.piece).collect();
    prop_assert!(pieces.windows(2).all(|pair| pair[0].end <= pair[1].start));
    for measured in &survey.measured {
      let (piece, region) = (measured.piece, &survey.regions[measured.piece.region]);
      prop_assert!(region.start <= piece.start && piece.start < piece.end && piece.end <= region.end);
      prop_assert!(measured.resident <= piece.end - piece.start);
    }
    weigh(&mut survey, own);
    prop_assert_eq!(survey.breakdown.resident(), resident);
  }

  #[test]
  fn any_text_for_maps_is_parsed_or_refused(text in "([0-9a-f]{1,9}-[0-9a-f]{1,9} [r-][w-][x-][ps] 0 0:0 [0-9] {0,3}[a-z/\\[ ]{0,9}\n){0,6}") {
    let mut space = HandBuilt::new();
    space.lines.insert(0, text);
    let plan = Plan { source: ResidencySource::Pagemap, whole: &[], every_piece: true, search: Search::Near };
    let _no_panic = survey(&space, &space.facts, plan).is_ok();
  }
}
