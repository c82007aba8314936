//! One look at a process: its pieces, how much of each is resident, and the parts that this adds up to.

use std::collections::HashSet;

use super::breakdown::{Breakdown, Measured};
use crate::attribution::facts::Facts;
use crate::attribution::piece::{Backing, Owner, Part, Piece};
use crate::attribution::reading::{
  AddressSpace, FileResidency, Residency, ResidencySource, ResidentMemory, ends_of_zeroed_data,
};
use crate::attribution::recognise::{HeapPages, KnownPlaces, Search, classify};
use crate::attribution::region_kinds::is_sparse;
use crate::error::{MeasureError, Result};
use crate::parse::maps::{self, Region};
use crate::parse::status;

/// Everything that one look gives.
#[derive(Debug, Clone)]
pub struct Survey {
  /// The parts.
  pub breakdown: Breakdown,
  /// The pieces, in address order.
  pub measured: Vec<Measured>,
  /// The regions that they are pieces of.
  pub regions: Vec<Region>,
  /// The text that names the regions.
  pub text: Vec<u8>,
  /// What the kernel counted before the look.
  pub counted: status::Memory,
  /// Whether more pages were found than the kernel counts, by more than what moves while one looks: pages that were
  /// read and never written.
  pub overshoots: bool,
  /// Anonymous bytes that were found beyond what the kernel counts.
  pub excess: u64,
  /// Anonymous bytes that the kernel counts and no piece shows.
  pub unfound: u64,
  /// Bytes in large chunks that malloc has and no piece explains; 0 where malloc's own figure is not known.
  pub missing_chunks: u64,
  /// Whether no region was taken for resident without being asked about.
  pub asked_about_all: bool,
  /// Whether the lists of V8's spaces told which pages are in use.
  pub(super) told_by_lists: bool,
  residency: Residency,
}

impl Survey {
  /// Resident bytes of anonymous memory between two page boundaries.
  pub(in crate::attribution) fn resident_between(&self, start: u64, end: u64) -> u64 {
    self.residency.bytes_across(start, end)
  }

  /// Resident bytes from `start` to `end`, wherever in their pages those lie.
  pub fn resident_overlap(&self, start: u64, end: u64, page_size: u64) -> u64 {
    let first = start.saturating_sub(start.checked_rem(page_size).unwrap_or(0));
    let behind = end.checked_next_multiple_of(page_size).unwrap_or(end);
    let unless_absent = |page: u64, bytes: u64| {
      if bytes > 0 && self.resident_between(page, page.saturating_add(page_size)) > 0 { bytes } else { 0 }
    };
    let before = unless_absent(first, start.saturating_sub(first));
    let after = unless_absent(behind.saturating_sub(page_size), behind.saturating_sub(end));
    self.resident_between(first, behind).saturating_sub(before).saturating_sub(after)
  }

  /// Of small buffers with so many bytes on each of the pages from `start` on, what is resident.
  pub fn resident_of_sums(&self, start: u64, bytes: &[u32]) -> u64 {
    self.residency.of_sums(start, bytes)
  }

  /// Regions that are the heap of a live isolate and in memory, both from end to end, in address order.
  pub fn whole_heap_regions(&self) -> Vec<(u64, u64)> {
    let is_whole = |Measured { piece, resident }: &&Measured| {
      let size = piece.end.saturating_sub(piece.start);
      let region = self.regions.get(piece.region);
      piece.part == Part::V8Heap
        && piece.backing == Backing::Anonymous
        && matches!(piece.owner, Owner::Isolate(_))
        && *resident == size
        && region.is_some_and(|region| region.size() == size)
    };
    self.measured.iter().filter(is_whole).map(|measured| (measured.piece.start, measured.piece.end)).collect()
  }

  /// The first address behind this piece and those behind it that adjoin and are alike.
  pub(in crate::attribution) fn end_of_alike(&self, piece: &Piece) -> u64 {
    let behind = self.measured.partition_point(|measured| measured.piece.start <= piece.start);
    let mut end = piece.end;
    for Measured { piece: next, .. } in self.measured.get(behind..).unwrap_or_default() {
      if next.start != end || next.part != piece.part || next.owner != piece.owner {
        break;
      }
      end = next.end;
    }
    end
  }

  /// The piece that holds all addresses from `start` to `end`, or the first of several that are alike and adjoin.
  pub(in crate::attribution) fn piece_with(&self, start: u64, end: u64) -> Option<&Piece> {
    let behind = self.measured.partition_point(|measured| measured.piece.start <= start);
    let piece = &self.measured.get(behind.checked_sub(1)?)?.piece;
    (end <= piece.end || (start < piece.end && end <= self.end_of_alike(piece))).then_some(piece)
  }

  /// The parts of a piece of anonymous memory that may be read: its resident pages, or all of it where nothing tells of
  /// single pages.
  pub(in crate::attribution) fn readable_runs(&self, piece: &Piece) -> Vec<(u64, u64)> {
    if self.residency.knows_pages() { self.resident_runs(piece) } else { vec![(piece.start, piece.end)] }
  }

  /// The resident pages of a piece of anonymous memory, as runs from a first address to the one behind.
  pub(in crate::attribution) fn resident_runs(&self, piece: &Piece) -> Vec<(u64, u64)> {
    self.residency.runs_between(piece.start, piece.end)
  }

  /// Arenas of the C allocator, a count, and their resident bytes.
  pub fn arenas(&self) -> (u64, u64) {
    let mut arenas = HashSet::new();
    let mut resident = 0_u64;
    for measured in &self.measured {
      match measured.piece.owner {
        Owner::Arena(arena) => arenas.insert(arena),
        Owner::MainArena => arenas.insert(0),
        _ => continue,
      };
      resident = resident.saturating_add(measured.resident);
    }
    (u64::try_from(arenas.len()).unwrap_or(0), resident)
  }
}

/// How to look.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
  /// Where the residency of anonymous memory comes from.
  pub source: ResidencySource,
  /// Regions that are taken for resident from end to end and not asked about: first addresses and those behind, in
  /// address order. Where one is not, more is found than the kernel counts.
  pub whole: &'a [(u64, u64)],
  /// Whether every piece is measured. Otherwise code that cannot have been written to is what remains of the kernel's
  /// count after everything else, the same figure for less.
  pub every_piece: bool,
  /// How far what is known is looked for beside what is not.
  pub search: Search,
}

/// Looks at `space`.
///
/// # Errors
/// When the kernel's files cannot be read or parsed.
pub fn survey(space: &impl AddressSpace, facts: &Facts, plan: Plan) -> Result<Survey> {
  let before = space.memory_by_kind()?;
  let text = space.maps()?;
  let mut regions = Vec::new();
  maps::parse(&text, &mut regions)
    .map_err(|error| MeasureError::Parse { file: "/proc/self/maps".into(), field: error.field })?;
  let by_tables = space.page_tables_skip_holes();
  let is_code_of_v8 = |region: &Region| by_tables && region.access.execute && is_sparse(region);
  let residency = Residency::of(space, &regions, facts.page_size, plan.source, plan.whole, is_code_of_v8)?;
  let memory = ResidentMemory::new(space, &residency);
  let heaps = if residency.knows_pages() {
    HeapPages::find(&regions, facts, &memory)
  } else {
    HeapPages::find(&regions, facts, space)
  };
  let chunks_before = space.bytes_in_large_chunks();
  let zeroed = ends_of_zeroed_data(space, &regions, facts.page_size, facts.malloc_is_glibc);
  let known = KnownPlaces { heaps: &heaps, zeroed_data: &zeroed };
  let pieces = classify(&regions, &text, facts, known, &memory, plan.search);
  let missing_chunks = missing_chunks(&pieces, chunks_before, space.bytes_in_large_chunks());

  let mut breakdown = Breakdown::default();
  let mut measured = Vec::with_capacity(pieces.len());
  let mut found = FileResidency::default();
  for piece in pieces {
    let resident = measure(space, &residency, plan, piece);
    found.file = found.file.saturating_add(resident.file);
    found.copied = found.copied.saturating_add(resident.copied);
    let resident = resident.file.saturating_add(resident.copied);
    breakdown.add(piece.part, resident);
    measured.push(Measured { piece, resident });
  }

  let after = space.memory_by_kind()?;
  let file_backed = |memory: status::Memory| memory.file.saturating_add(memory.shared);
  breakdown.add(Part::Code, shortfall(found.file, file_backed(before), file_backed(after)));
  let rest = shortfall(found.copied, before.anonymous, after.anonymous);
  breakdown.add(Part::Other, rest);
  let counted = before.anonymous.max(after.anonymous);
  let overshoots = overshoots(found.copied, counted);
  Ok(Survey {
    breakdown,
    measured,
    regions,
    text,
    counted: before,
    overshoots,
    excess: found.copied.saturating_sub(counted),
    unfound: rest,
    missing_chunks,
    asked_about_all: plan.whole.is_empty(),
    told_by_lists: facts.lists.is_some(),
    residency,
  })
}

/// How much less was found than malloc has in large chunks. What comes and goes meanwhile is not missing.
fn missing_chunks(pieces: &[Piece], before: Option<u64>, after: Option<u64>) -> u64 {
  let (Some(before), Some(after)) = (before, after) else { return 0 };
  let chunks = pieces.iter().filter(|piece| piece.owner == Owner::LargeChunks);
  let found = chunks.fold(0_u64, |sum, piece| sum.saturating_add(piece.end.saturating_sub(piece.start)));
  before.min(after).saturating_sub(found)
}

/// Resident bytes of the measured pieces of an isolate.
pub(in crate::attribution) fn owned_by(isolate: u64, measured: &[Measured]) -> u64 {
  let owned = measured.iter().filter(|measured| measured.piece.owner == Owner::Isolate(isolate));
  owned.fold(0, |sum, measured| sum.saturating_add(measured.resident))
}

/// Resident bytes of a piece, file-backed and private.
fn measure(space: &impl AddressSpace, residency: &Residency, plan: Plan, piece: Piece) -> FileResidency {
  let by_page_tables = || space.resident_file(piece.start, piece.end);
  let by_residency = || FileResidency { file: 0, copied: residency.bytes_between(piece.start, piece.end) };
  match piece.backing {
    Backing::Sparse if space.page_tables_skip_holes() => by_page_tables().unwrap_or_else(by_residency),
    Backing::Sparse if plan.source == ResidencySource::Mincore => {
      FileResidency { file: 0, copied: bytes_without_zero_pages(space, residency, piece) }
    }
    Backing::Anonymous | Backing::Sparse => by_residency(),
    Backing::File { written } if plan.every_piece || written || piece.part != Part::Code => {
      by_page_tables().unwrap_or_default()
    }
    Backing::File { .. } => FileResidency::default(),
  }
}

/// Where the page tables would tell of every page that is not there, only those are asked about that may be.
fn bytes_without_zero_pages(space: &impl AddressSpace, residency: &Residency, piece: Piece) -> u64 {
  let runs = residency.runs_between(piece.start, piece.end).into_iter();
  runs.fold(0, |sum, (start, end)| {
    let mut pages = Vec::new();
    space.pages_in_resident_set(start, end, &mut pages);
    let resident = pages.iter().map(|byte| u64::from(byte & 1)).sum::<u64>();
    sum.saturating_add(resident.saturating_mul(residency.page_size()))
  })
}

/// How much less was found than the kernel counts. The count moves while we look: what lies between its values
/// before and after is no shortfall.
fn shortfall(found: u64, before: u64, after: u64) -> u64 {
  before.min(after).saturating_sub(found)
}

/// Whether more was found than counted, by more than half a percent and a megabyte.
fn overshoots(found: u64, counted: u64) -> bool {
  const TOLERANCE_BYTES: u64 = 1024 * 1024;
  const TOLERANCE_SHARE: u64 = 200;
  found.saturating_sub(counted) > counted.div_ceil(TOLERANCE_SHARE).max(TOLERANCE_BYTES)
}
