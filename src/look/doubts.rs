//! What of a survey may be owed to the moment at which it was made.
//!
//! Three signs tell: memory that nothing explains, large chunks that malloc says it has and that were not found, and
//! isolates that say they have more. Memory that nothing explains is no doubt where the same piece of the address space
//! was without explanation before: in this look, or in the last one that settled. Its place tells that, not how much
//! there is of it: other memory may have lost its explanation just when as much without any was unmapped.
//!
//! What the kernel counts and no mapping has is mostly memory that another thread is just giving back: the mapping goes
//! first, then page by page the count. Where that thread does not run, this stays so for as long, whatever is read
//! again. So it is believed to stay only after a minute in which every look met it.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::own_space::OwnProcess;
use crate::attribution::{Memory, Part, Search, Survey, begins_large_chunk};
use crate::platform;

/// Pages that one reading may go through in search of what malloc says it has: a GiB.
const SEARCHED_PAGES: u64 = 256 * 1024;

/// What may change between two looks without a reason to look again.
const SLACK_BYTES: u64 = 1024 * 1024;

/// No thread waits so long for a processor. On two cores with thirty runnable threads one may wait for a second, and as
/// looks take as long there, each of several may meet such a thread.
const LINGERING: Duration = Duration::from_secs(60);

/// Bytes in doubt, by the sign that tells of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Doubts {
  /// In pieces that nothing explains, and that nobody has met before.
  unexplained: u64,
  /// In the kernel's count alone.
  uncovered: u64,
  missing: u64,
  contradicted: bool,
}

/// What has no explanation and is no doubt.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
  /// Pieces that nothing explains, by their first address and the one behind.
  pieces: BTreeSet<(u64, u64)>,
  uncovered: u64,
  missing: u64,
  /// Isolates that say something else, and did so when they were read again: one that rests speaks of before it rested.
  contradicted: BTreeSet<u64>,
  /// How much more than that the kernel has counted in every look since then, at least.
  lingering: Option<(Instant, u64)>,
}

/// That of the last survey that nobody doubts.
static ACCEPTED: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

impl Known {
  /// What the looks before this one came to.
  pub(super) fn before() -> Self {
    ACCEPTED.lock().unwrap_or_else(PoisonError::into_inner).clone()
  }

  /// The doubts about a survey. `contradicted` are the isolates that say something else than was found.
  pub(super) fn doubts_of(&self, survey: &Survey, contradicted: &BTreeSet<u64>) -> Doubts {
    let new = unexplained(survey).filter(|(place, _)| !self.pieces.contains(place));
    let new = new.fold(0_u64, |sum, (_, resident)| sum.saturating_add(resident));
    Doubts {
      unexplained: beyond(new, 0),
      uncovered: beyond(uncovered(survey), self.uncovered),
      missing: beyond(survey.missing_chunks, self.missing),
      contradicted: !contradicted.is_subset(&self.contradicted),
    }
  }

  /// The pieces, in address order. Of two that begin alike the longer is the elder, before something was found in it.
  pub(super) fn pieces(&self) -> Vec<(u64, u64)> {
    let mut pieces: Vec<(u64, u64)> = self.pieces.iter().copied().collect();
    pieces.dedup_by_key(|(start, _)| *start);
    pieces
  }

  /// Adds the pieces of a reading that are as they were found when they are asked about again: met once more in the next
  /// reading, they are no doubt. What was unmapped during a reading has no explanation either, and a thread that maps
  /// blocks of one size is given the same place again and again.
  pub(super) fn meet(&mut self, survey: &Survey, own: &OwnProcess) {
    for (place, resident) in unexplained(survey) {
      if !self.pieces.contains(&place) && is_as_it_was(place, resident, own) {
        self.pieces.insert(place);
      }
    }
  }
}

/// Whether a piece has about as much in memory as a moment ago, and is still none of malloc's.
fn is_as_it_was((start, end): (u64, u64), resident: u64, own: &OwnProcess) -> bool {
  let mut words = [0; 2];
  let mut pages = Vec::new();
  platform::resident_pages(start, end, &mut pages);
  let page_size = platform::page_size();
  let present =
    pages.iter().filter(|byte| **byte & 1 == 1).fold(0_u64, |sum, _| sum.saturating_add(page_size));
  let begins_chunk = pages.first().is_some_and(|byte| byte & 1 == 1)
    && own.read(start, &mut words)
    && begins_large_chunk(words, page_size);
  !platform::page_residency_works() || (present.abs_diff(resident) <= SLACK_BYTES && !begins_chunk)
}

/// Remembers what has no explanation in the survey that a look came to. Where doubts are left, nothing new is taken for
/// granted, and what is gone is forgotten all the same.
pub(super) fn remember(survey: &Survey, doubts: Doubts, contradicted: BTreeSet<u64>) {
  let mut accepted = ACCEPTED.lock().unwrap_or_else(PoisonError::into_inner);
  let pieces = unexplained(survey).map(|(place, _)| place);
  if doubts.are_of_count_alone() {
    accepted.pieces = pieces.collect();
    accepted.missing = survey.missing_chunks;
    accepted.contradicted = contradicted;
  } else {
    accepted.contradicted.retain(|isolate| contradicted.contains(isolate));
    let still_there = pieces.filter(|place| accepted.pieces.contains(place)).collect();
    accepted.pieces = still_there;
    accepted.missing = accepted.missing.min(survey.missing_chunks);
  }
  accepted.count(uncovered(survey));
}

impl Known {
  /// Puts down what the kernel counts and no piece has.
  fn count(&mut self, uncovered: u64) {
    if beyond(uncovered, self.uncovered) == 0 {
      (self.uncovered, self.lingering) = (uncovered, None);
      return;
    }
    let (since, least) = self.lingering.unwrap_or_else(|| (Instant::now(), u64::MAX));
    let least = least.min(uncovered);
    if since.elapsed() < LINGERING {
      self.lingering = Some((since, least));
    } else {
      (self.uncovered, self.lingering) = (least, None);
    }
  }
}

/// The pieces without explanation of which anything is there, with their resident bytes.
fn unexplained(survey: &Survey) -> impl Iterator<Item = ((u64, u64), u64)> {
  let other = survey.measured.iter().filter(|measured| measured.piece.part == Part::Other);
  other
    .filter(|measured| measured.resident > 0)
    .map(|measured| ((measured.piece.start, measured.piece.end), measured.resident))
}

/// What the kernel counts and no piece has.
fn uncovered(survey: &Survey) -> u64 {
  let in_pieces = unexplained(survey).fold(0_u64, |sum, (_, resident)| sum.saturating_add(resident));
  survey.breakdown.part(Part::Other).saturating_sub(in_pieces)
}

fn beyond(bytes: u64, known: u64) -> u64 {
  if bytes > known.saturating_add(SLACK_BYTES) { bytes.saturating_sub(known) } else { 0 }
}

impl Doubts {
  pub(super) fn none(self) -> bool {
    self == Self::default()
  }

  /// Whether the kernel counts what no mapping has.
  pub(super) fn is_of_count(self) -> bool {
    self.uncovered > 0
  }

  /// What is left of them when several readings came to the same.
  pub(super) fn after_repetition(self) -> Self {
    Self { uncovered: self.uncovered, ..Self::default() }
  }

  fn are_of_count_alone(self) -> bool {
    self == self.after_repetition()
  }

  /// How far the next reading looks for what these may be.
  pub(super) fn search(self) -> Search {
    if self.unexplained > 0 || self.missing > 0 {
      Search::Far { pages: SEARCHED_PAGES }
    } else {
      Search::Near
    }
  }

  /// The bytes that may stand in a wrong place.
  pub(super) fn bytes(self) -> u64 {
    self.unexplained.saturating_add(self.uncovered).max(self.missing)
  }

  /// Whether it leaves less open than another, or as much.
  pub(super) fn is_as_good_as(self, other: Self) -> bool {
    (self.bytes(), self.contradicted) <= (other.bytes(), other.contradicted)
  }

  /// How often a reading must repeat the last one until it is believed. A thread that maps and unmaps blocks of one size
  /// may be met twice in the same state; an isolate that says it has more is believed anyway, and the figure is not.
  pub(super) fn repetitions_to_believe(self) -> usize {
    if self.bytes() > 0 { 2 } else { 1 }
  }

  /// Whether two readings came to the same, and to nothing that was not met before.
  pub(super) fn is_like(self, other: Self) -> bool {
    let close = |one: u64, other: u64| one.abs_diff(other) <= SLACK_BYTES / 8;
    self.unexplained == 0
      && close(self.uncovered, other.uncovered)
      && close(self.missing, other.missing)
      && self.contradicted == other.contradicted
  }
}
