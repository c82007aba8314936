//! How much of many buffers is resident, and in whose memory they lie.

use std::collections::HashMap;

use crate::attribution::measure::Survey;
use crate::attribution::piece::{Owner, Part};

/// Who has a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Holder {
  /// One isolate.
  Isolate(u64),
  /// Several, as of a `SharedArrayBuffer`.
  Several,
}

/// Buffers of one holder in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeldMemory {
  pub(super) holder: Holder,
  /// Of whom the allocator's memory is that they lie in.
  pub(super) owner: Owner,
  pub(super) resident: u64,
  pub(super) absent: u64,
}

/// The memory of a buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
  pub(super) start: u64,
  pub(super) end: u64,
  pub(super) holder: Holder,
}

/// What of the extents lies in memory of the C allocator, piece by piece. They come in the order of their addresses; no
/// byte counts twice, whatever overlaps.
pub(super) fn in_pieces(
  survey: &Survey,
  extents: impl Iterator<Item = Extent>,
  page_size: u64,
) -> Vec<HeldMemory> {
  let mut extents = extents.peekable();
  let mut held = Vec::new();
  let mut covered = 0; // everything below has been counted
  let heap =
    survey.measured.iter().map(|measured| measured.piece).filter(|piece| piece.part == Part::NativeHeap);
  for piece in heap {
    while extents.next_if(|extent| extent.end <= piece.start).is_some() {}
    if extents.peek().is_none_or(|extent| extent.start >= piece.end) {
      continue;
    }
    let mut runs = Runs { runs: survey.resident_runs(&piece), passed: 0 };
    let mut sums = Sums::default();
    while let Some(extent) = extents.peek().copied().filter(|extent| extent.start < piece.end) {
      let (start, end) = extent.bounds(piece.owner, page_size);
      let (start, end) = (start.max(piece.start).max(covered), end.min(piece.end));
      if start < end {
        covered = end;
        let resident = runs.overlap(start, end);
        sums.add(extent.holder, resident, end.saturating_sub(start).saturating_sub(resident));
      }
      if extent.end > piece.end {
        break; // it goes on in the next piece
      }
      extents.next();
    }
    held.extend(sums.by_holder().map(|(holder, (resident, absent))| HeldMemory {
      holder,
      owner: piece.owner,
      resident,
      absent,
    }));
  }
  held
}

impl Extent {
  /// Where it begins and ends for the bill: where it has its pages to itself, with the header that the allocator puts
  /// in front and with what is left of the last page.
  fn bounds(&self, owner: Owner, page_size: u64) -> (u64, u64) {
    const HEADER_BYTES: u64 = 16;
    if !matches!(owner, Owner::LargeChunks | Owner::Buffer | Owner::GrowableBuffer) {
      return (self.start, self.end);
    }
    let into_page = self.start.checked_rem(page_size).unwrap_or(0);
    let header = if into_page == HEADER_BYTES { HEADER_BYTES } else { 0 };
    (self.start.saturating_sub(header), self.end.checked_next_multiple_of(page_size).unwrap_or(self.end))
  }
}

/// Resident and absent bytes of each holder. Buffers of one tend to stand in a row.
#[derive(Default)]
struct Sums {
  last: Option<(Holder, (u64, u64))>,
  others: HashMap<Holder, (u64, u64)>,
}

impl Sums {
  fn add(&mut self, holder: Holder, resident: u64, absent: u64) {
    if self.last.is_none_or(|(last, _)| last != holder) {
      self.put_aside();
    }
    let (_, sums) = self.last.get_or_insert((holder, (0, 0)));
    *sums = (sums.0.saturating_add(resident), sums.1.saturating_add(absent));
  }

  fn put_aside(&mut self) {
    if let Some((holder, (resident, absent))) = self.last.take() {
      let sums = self.others.entry(holder).or_default();
      *sums = (sums.0.saturating_add(resident), sums.1.saturating_add(absent));
    }
  }

  fn by_holder(mut self) -> impl Iterator<Item = (Holder, (u64, u64))> {
    self.put_aside();
    self.others.into_iter()
  }
}

/// Resident runs of a piece, asked about in the order of addresses.
struct Runs {
  runs: Vec<(u64, u64)>,
  passed: usize,
}

impl Runs {
  /// Resident bytes from `start` to `end`; no later question begins below `start`.
  fn overlap(&mut self, start: u64, end: u64) -> u64 {
    while self.runs.get(self.passed).is_some_and(|(_, behind)| *behind <= start) {
      self.passed = self.passed.saturating_add(1);
    }
    let here = self.runs.get(self.passed..).unwrap_or_default().iter();
    here
      .take_while(|(first, _)| *first < end)
      .fold(0, |sum, (first, behind)| sum.saturating_add(end.min(*behind).saturating_sub(start.max(*first))))
  }
}
