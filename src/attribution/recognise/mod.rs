//! Regions to pieces: what recognises memory, a file for each kind of it.

mod arenas;
mod buffers;
mod generated_code;
mod heap_pages;
mod large_chunks;
mod low_level_alloc;
mod main_arena;
mod malloc_headers;
mod mapped_files;
mod next_known;
mod program_code;
mod scene;
mod stacks;
mod v8_own_memory;

pub use arenas::is_arena_address;
pub use heap_pages::{HeapPages, heap_page_candidates};
pub use malloc_headers::begins_large_chunk;
pub use scene::{KnownPlaces, Search};

use super::facts::Facts;
use super::piece::{Backing, Owner, Part, Piece};
use super::reading::Memory;
use super::region_kinds::is_sparse;
use crate::parse::maps::Region;
use mapped_files::CodeFiles;
use scene::{Found, Place, Scene};

/// Recognises what begins at a place, or does not.
type Rule = fn(&Place) -> Option<Found>;

/// What tells of a region as a whole.
const RULES_OF_REGIONS: [Rule; 5] = [
  generated_code::code_range,
  program_code::copied_text,
  generated_code::executable,
  program_code::constant_zeroed_data,
  v8_own_memory::constants,
];

/// What tells of memory by its content, for neighbouring mappings merge and a region may hold several things. The first
/// rule that recognises something is right: what carries a sign of its own comes before what is known by its
/// surroundings.
const RULES_OF_CONTENT: [Rule; 14] = [
  arenas::heap,
  buffers::mapped,
  stacks::of_thread,
  heap_pages::pages_of_one_owner,
  large_chunks::run,
  main_arena::piece,
  low_level_alloc::blocks,
  program_code::zeroed_data,
  v8_own_memory::cpp_heap_page,
  stacks::left_behind,
  v8_own_memory::table,
  buffers::growable,
  buffers::on_the_books,
  unexplained,
];

/// Splits the regions of a process into pieces with one owner each, in address order. Reservations without access
/// have none.
pub fn classify(
  regions: &[Region],
  text: &[u8],
  facts: &Facts,
  known: KnownPlaces,
  memory: &dyn Memory,
  search: Search,
) -> Vec<Piece> {
  let files = CodeFiles::find(regions, text);
  let scene = Scene::new(regions, facts, known, memory, search);
  let mut pieces = Pieces::default();
  for (index, region) in regions.iter().enumerate() {
    let place = Place { scene: &scene, start: region.start, region, index };
    if region.inode != 0 || region.access.shared {
      let backing = Backing::File { written: program_code::may_be_written(&place) };
      let found = place.whole(files.part_of(region, text), Owner::Process);
      pieces.add(&place, found, backing);
    } else if !region.access.is_none() {
      anonymous(place, region.name(text), &mut pieces);
    }
  }
  pieces.found
}

/// A private anonymous region that has some access.
fn anonymous(place: Place, name: &[u8], pieces: &mut Pieces) {
  let backing = if is_sparse(place.region) { Backing::Sparse } else { Backing::Anonymous };
  let whole = match name {
    b"[heap]" if place.facts().malloc_is_glibc => Some(place.whole(Part::NativeHeap, Owner::MainArena)),
    b"[heap]" => Some(place.whole(Part::NativeHeap, Owner::Process)), // another allocator may take what it wants there
    b"[stack]" => Some(place.whole(Part::Stacks, Owner::Thread(place.facts().main_thread))),
    _ if !is_allocated(name) => return, // [vvar], [vsyscall]: in no count; [vdso]: a page or two that the kernel counts as a file's
    _ if pieces.reach_into(place.region) => None,
    _ => RULES_OF_REGIONS.iter().find_map(|rule| rule(&place)),
  };
  if let Some(found) = whole {
    return pieces.add(&place, found, backing);
  }
  let mut place = pieces.add_rest_of_last(place, backing);
  while place.start < place.region.end {
    let Some(found) = RULES_OF_CONTENT.iter().find_map(|rule| rule(&place)) else { break };
    pieces.add(&place, found, backing);
    place.start = found.end.max(place.start.saturating_add(1));
  }
}

/// Anonymous memory that nobody gave a meaning by its name: without any, or with one that a program chose.
fn is_allocated(name: &[u8]) -> bool {
  name.is_empty() || name.starts_with(b"[anon:")
}

/// Nothing is recognised: up to where something may begin again. Private memory in a process whose allocator writes
/// headers that nobody here knows is taken for that allocator's, and the result is called an estimate.
#[expect(clippy::unnecessary_wraps, reason = "it is the last of the rules")]
fn unexplained(place: &Place) -> Option<Found> {
  let part = if place.facts().malloc_is_glibc { Part::Other } else { Part::NativeHeap };
  Some(Found { end: next_known::end_of_unexplained(place), part, owner: Owner::Process })
}

/// The pieces so far.
#[derive(Default)]
struct Pieces {
  found: Vec<Piece>,
  /// What reaches beyond the region in which it begins.
  overhang: Option<Found>,
}

impl Pieces {
  /// Whether what was found last goes on in this region.
  fn reach_into(&self, region: &Region) -> bool {
    self.overhang.is_some_and(|overhang| overhang.end > region.start)
  }

  /// What began in a region before this one and goes on in it. Gives the place behind.
  fn add_rest_of_last<'a>(&mut self, place: Place<'a>, backing: Backing) -> Place<'a> {
    match self.overhang.filter(|overhang| overhang.end > place.start) {
      Some(overhang) => {
        self.add(&place, overhang, backing);
        Place { start: overhang.end.min(place.region.end), ..place }
      }
      None => place,
    }
  }

  /// Adds what was found at a place, as far as it lies in the region there.
  fn add(&mut self, place: &Place, found: Found, backing: Backing) {
    let Found { end, part, owner } = found;
    if end > place.region.end {
      self.overhang = Some(found);
    }
    let (start, end, region) = (place.start, end.min(place.region.end), place.index);
    match self.found.last_mut() {
      _ if start >= end => {}
      Some(last)
        if last.region == region && last.part == part && last.owner == owner && last.backing == backing =>
      {
        last.end = end;
      }
      _ => self.found.push(Piece { start, end, part, owner, backing, region }),
    }
  }
}
