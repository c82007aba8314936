//! Real processes, captured by `tests/capture`. What is expected comes from `smaps`, from V8, and from what the
//! processes said they hold; never from attribution.

use rs_memusage::attribution::{
  HeaderLayout, OwnIsolate, Owner, Part, Plan, ResidencySource, Search, Survey, V8Evidence,
  heap_page_candidates, survey, weigh,
};

use crate::captured::{CapturedProcess, Page};
use crate::smaps_rows::{Row, rows, rss_of};

const PAGE: u64 = 4096;
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
/// The kernel's own library: counted as pages of files, in no piece, so it is what is missing from code.
const VDSO: &str = "[vdso]";
/// An address where no isolate is.
const STRANGER: u64 = 0x1234_5678_9abc_0000;
const SOURCES: [ResidencySource; 3] =
  [ResidencySource::Mincore, ResidencySource::Pagemap, ResidencySource::Smaps];

macro_rules! capture {
  ($name:literal) => {
    include_str!(concat!("../fixtures/captured/", $name, ".txt"))
  };
}

const IDLE: [&str; 4] = [capture!("20-idle"), capture!("22-idle"), capture!("24-idle"), capture!("26-idle")];
const BUSY: [&str; 4] = [capture!("20-busy"), capture!("22-busy"), capture!("24-busy"), capture!("26-busy")];
const WORKERS_ENDED: [&str; 4] = [
  capture!("20-workers-ended"),
  capture!("22-workers-ended"),
  capture!("24-workers-ended"),
  capture!("26-workers-ended"),
];
const LARGE_HEAP: [&str; 4] = [
  capture!("20-large-heap"),
  capture!("22-large-heap"),
  capture!("24-large-heap"),
  capture!("26-large-heap"),
];

fn all() -> Vec<CapturedProcess> {
  let texts = [IDLE, BUSY, WORKERS_ENDED, LARGE_HEAP];
  texts.iter().flatten().map(|text| CapturedProcess::parse(text)).collect()
}

fn processes(texts: [&str; 4]) -> impl Iterator<Item = CapturedProcess> {
  texts.into_iter().map(CapturedProcess::parse)
}

fn every_piece(source: ResidencySource) -> Plan<'static> {
  Plan { source, whole: &[], every_piece: true, search: Search::Near }
}

/// A look that measures every piece.
fn look(process: &CapturedProcess, source: ResidencySource) -> Survey {
  survey(process, &process.facts(process), every_piece(source)).unwrap()
}

fn resident_of(survey: &Survey, wanted: impl Fn(Part, Owner) -> bool) -> u64 {
  let measured = survey.measured.iter().filter(|measured| wanted(measured.piece.part, measured.piece.owner));
  measured.map(|measured| measured.resident).sum()
}

/// Resident bytes that the kernel counts, by kind, out of the text of the capture.
fn counted(process: &CapturedProcess) -> u64 {
  process.counted.anonymous + process.counted.file + process.counted.shared
}

#[test]
fn a_capture_is_written_as_it_was_read() {
  for text in [IDLE, BUSY].concat() {
    assert_eq!(CapturedProcess::parse(text).to_text(), text);
  }
}

#[test]
fn smaps_itself_agrees_with_the_counts() {
  // Should this fail, the process was not at rest while it was captured, and the other tests compare two moments.
  for process in all() {
    let rows = rows(&process);
    assert_eq!(rss_of(&rows, |_| true), counted(&process), "{}", process.title);
    assert_eq!(
      rows.iter().map(|row| row.anonymous).sum::<u64>(),
      process.counted.anonymous,
      "{}",
      process.title
    );
  }
}

#[test]
fn the_parts_sum_to_what_the_kernel_counts() {
  for process in all() {
    for source in SOURCES {
      for every_piece in [true, false] {
        let plan = Plan { source, whole: &[], every_piece, search: Search::Near };
        let survey = survey(&process, &process.facts(&process), plan).unwrap();
        let (resident, counted) = (survey.breakdown.resident(), counted(&process));
        // mincore takes pages for resident that were read and never written.
        let tolerance = if source == ResidencySource::Mincore { MIB.max(counted / 200) } else { 0 };
        assert!(resident >= counted, "{} {plan:?}: {resident} of {counted}", process.title);
        assert!(resident - counted <= tolerance, "{} {plan:?}: {resident} of {counted}", process.title);
        assert!(!survey.overshoots, "{} {plan:?}", process.title);
      }
    }
  }
}

#[test]
fn hardly_anything_is_left_unexplained() {
  for process in all() {
    for source in SOURCES {
      let survey = look(&process, source);
      let other = survey.breakdown.part(Part::Other);
      assert!(other * 100 <= counted(&process), "{} {source:?}: {other}", process.title);
    }
  }
}

#[test]
fn pieces_are_ordered_disjoint_and_inside_their_regions() {
  for process in all() {
    let survey = look(&process, ResidencySource::Pagemap);
    let pieces: Vec<_> = survey.measured.iter().map(|measured| measured.piece).collect();
    assert!(pieces.iter().all(|piece| piece.start < piece.end), "{}", process.title);
    assert!(pieces.windows(2).all(|pair| pair[0].end <= pair[1].start), "{}", process.title);
    for piece in pieces {
      let region = &survey.regions[piece.region];
      assert!(region.start <= piece.start && piece.end <= region.end, "{} {piece:x?}", process.title);
    }
  }
}

#[test]
fn the_pieces_of_a_region_hold_what_smaps_says_it_holds() {
  for process in all() {
    for source in [ResidencySource::Pagemap, ResidencySource::Smaps] {
      let survey = look(&process, source);
      for row in rows(&process).iter().filter(|row| row.name != VDSO) {
        let pieces =
          survey.measured.iter().filter(|measured| (row.start..row.end).contains(&measured.piece.start));
        let resident: u64 = pieces.map(|measured| measured.resident).sum();
        assert_eq!(resident, row.rss, "{} {source:?} {row:x?}", process.title);
      }
    }
  }
}

#[test]
fn what_the_kernel_names_is_what_it_names() {
  for process in all() {
    let survey = look(&process, ResidencySource::Pagemap);
    let rows = rows(&process);
    let title = &process.title;
    let [heap, stack] =
      ["[heap]", "[stack]"].map(|name| rss_of(&rows, |row| row.name == name && row.access.starts_with("rw")));
    assert_eq!(resident_of(&survey, |_, owner| owner == Owner::MainArena), heap, "{title}");
    assert!(resident_of(&survey, |part, _| part == Part::Stacks) >= stack, "{title}");
    let executable = rss_of(&rows, |row| row.is_nameless() && row.access.contains('x'));
    assert!(resident_of(&survey, |part, _| part == Part::Jit) >= executable, "{title}");
    let is_file = |row: &Row| row.name.starts_with('/') || row.name.starts_with("anon_inode:");
    let files = rss_of(&rows, |row| is_file(row) || row.name == VDSO);
    let zeroed = rss_of_bss(&rows, &process.code_ranges, &survey);
    let file_parts =
      [Part::Code, Part::MappedFiles, Part::SharedMemory].map(|part| survey.breakdown.part(part));
    assert_eq!(file_parts.iter().sum::<u64>(), files + zeroed, "{title}");
    let libraries = rss_of(&rows, |row| {
      row.name.contains(".so")
        || row.name == VDSO
        || row.name.ends_with("/node")
        || row.name.contains(".node")
    });
    assert_eq!(survey.breakdown.part(Part::Code), libraries + zeroed, "{title}");
  }
}

/// Nameless memory right behind the writable data of a file, but for what carries a sign of its own and happens to lie
/// there: V8's, an arena, the control block of the main thread.
fn rss_of_bss(rows: &[Row], code_ranges: &[(u64, u64, u64)], survey: &Survey) -> u64 {
  let mapped = |row: &Row| {
    let inside = survey.measured.iter().filter(|measured| {
      measured.piece.part != Part::Code && (row.start..row.end).contains(&measured.piece.start)
    });
    inside.map(|measured| measured.resident).sum::<u64>()
  };
  let pairs = rows.windows(2).filter(|pair| {
    let [before, row] = pair else { return false };
    row.is_nameless()
      && !code_ranges.iter().any(|(start, ..)| *start == row.start)
      && before.end == row.start
      && before.name.starts_with('/')
      && before.access.starts_with("rw-p")
  });
  pairs.map(|pair| pair[1].rss - mapped(&pair[1])).sum()
}

#[test]
fn every_heap_holds_what_v8_says_of_it() {
  for process in all() {
    for source in [ResidencySource::Mincore, ResidencySource::Pagemap] {
      let survey = look(&process, source);
      for isolate in &process.isolates {
        let found = resident_of(&survey, |_, owner| owner == Owner::Isolate(isolate.address));
        let tolerance = (isolate.physical / 20).max(2 * MIB);
        assert!(
          found.abs_diff(isolate.physical) <= tolerance,
          "{} {source:?}: {found} for {isolate:x?}",
          process.title
        );
      }
    }
  }
}

/// What V8 said of the main thread's heap.
fn own_isolate(process: &CapturedProcess) -> OwnIsolate {
  let own = &process.isolates[0];
  OwnIsolate { address: own.address, physical: own.physical }
}

#[test]
fn v8_confirms_its_heap_and_only_ended_workers_leave_many_pages_behind() {
  let pooled = |text| {
    let process = CapturedProcess::parse(text);
    let mut survey = look(&process, ResidencySource::Mincore);
    assert_eq!(weigh(&mut survey, own_isolate(&process)), V8Evidence::Verified, "{}", process.title);
    survey.breakdown.part(Part::V8Pool)
  };
  for text in [IDLE, BUSY, LARGE_HEAP].concat() {
    // V8 14 also keeps a few pages of the young generation after its first collections.
    assert!(pooled(text) < 2 * MIB, "{}", text.lines().next().unwrap());
  }
  let [_, _, node_24, node_26] = WORKERS_ENDED.map(pooled);
  assert!(
    node_24 >= 2 * MIB && node_26 >= 2 * MIB,
    "{node_24}, {node_26}: V8 13.6 and later keep pages for reuse"
  );
}

#[test]
fn a_layout_is_found_and_v8_denies_an_isolate_that_is_none() {
  for process in all() {
    let pages = heap_page_candidates(&process.regions());
    assert!(HeaderLayout::find(&process, &pages, process.isolates[0].address).is_some(), "{}", process.title);
    // Where nothing is found the search goes on through all pages; the first ones were captured whole.
    let captured = &pages[..pages.len().min(64)];
    assert_eq!(HeaderLayout::find(&process, captured, STRANGER), None, "{}", process.title);
    let mut survey = look(&process, ResidencySource::Mincore);
    let stranger = OwnIsolate { address: STRANGER, physical: 64 * MIB };
    assert_eq!(weigh(&mut survey, stranger), V8Evidence::Estimated, "{}", process.title);
    assert!(survey.breakdown.resident() >= counted(&process), "weighing moves bytes and loses none");
  }
}

#[test]
fn buffers_are_found_where_they_are_and_as_large_as_they_are() {
  for process in processes(BUSY) {
    let survey = look(&process, ResidencySource::Mincore);
    let known = |name: &str| process.known[name];
    let touched = known("large_chunks");
    let chunks = resident_of(&survey, |_, owner| owner == Owner::LargeChunks);
    // A chunk has a header in a page of its own; the libraries map a few chunks too.
    assert!((touched..touched + 4 * MIB).contains(&chunks), "{}: {chunks} of {touched}", process.title);
    let growable = resident_of(&survey, |_, owner| owner == Owner::GrowableBuffer);
    assert!(growable.abs_diff(known("growable")) <= MIB, "{}: {growable}", process.title);
    assert!(survey.breakdown.part(Part::NativeHeap) >= touched + known("growable"), "{}", process.title);
  }
}

#[test]
fn every_thread_has_a_stack() {
  for process in all() {
    let survey = look(&process, ResidencySource::Mincore);
    for (thread, _) in &process.control_blocks {
      let stack = resident_of(&survey, |part, owner| (part, owner) == (Part::Stacks, Owner::Thread(*thread)));
      assert!((1..MIB).contains(&stack), "{}: {stack} of thread {thread}", process.title);
    }
  }
}

#[test]
fn only_headers_and_what_they_lead_to_are_read_where_nothing_is_resident() {
  for process in all() {
    let facts = process.facts(&process);
    process.seen.borrow_mut().clear();
    survey(&process, &facts, every_piece(ResidencySource::Mincore)).unwrap();
    let headers = heap_page_candidates(&process.regions());
    for address in process.seen.borrow().iter() {
      let is_header = headers.iter().any(|header| (*header..header + 64).contains(address));
      let resident = process.pages_between(*address, address + PAGE).next() != Some(Page::Absent);
      let readable = process.words[address].is_some(); // otherwise nothing is there that could be touched
      assert!(resident || is_header || !readable, "{}: {address:x}", process.title);
    }
  }
}

#[test]
fn without_tables_that_skip_holes_the_figures_are_the_same() {
  for mut process in all() {
    let quick = look(&process, ResidencySource::Mincore).breakdown;
    process.tables_skip_holes = false;
    assert_eq!(look(&process, ResidencySource::Mincore).breakdown, quick, "{}", process.title);
  }
}
