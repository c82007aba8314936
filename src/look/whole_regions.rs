//! Regions of JS heaps that were in memory from end to end at the last look, and are not asked about at the next.
//!
//! A heap of a gigabyte has thousands of regions, and V8 seldom gives back a part of one: to ask about each of their
//! pages again was half of what a look cost. What shows that one is no longer there as a whole is the kernel's own
//! count, which is then below what was found; and every one of them is asked about in one look of sixteen. Their headers
//! are read all the same: they were V8's own, and nobody else serves those.

use std::mem;
use std::sync::{Mutex, PoisonError};

use crate::attribution::Survey;

/// In so many looks each of the regions is asked about once.
const LOOKS_PER_ROUND: usize = 16;
/// What may be found beyond the kernel's count without a reason to ask: one of V8's pages.
const SLACK_BYTES: u64 = 256 * 1024;

/// What a look may take for granted.
#[derive(Debug, Default)]
pub(super) struct WholeRegions {
  /// First addresses and those behind, in address order.
  pub(super) regions: Vec<(u64, u64)>,
  /// By so much the pages that were found exceeded the kernel's count when nothing was taken for granted.
  excess: u64,
}

struct Remembered {
  regions: Vec<(u64, u64)>,
  excess: u64,
  /// Which of the parts of a round is asked about next.
  turn: usize,
}

static REMEMBERED: Mutex<Remembered> = Mutex::new(Remembered { regions: Vec::new(), excess: 0, turn: 0 });

impl WholeRegions {
  /// Those of the last look, but for the part whose turn it is. What is recalled is forgotten until it is remembered
  /// again, so a look that fails leaves nothing behind.
  pub(super) fn recall() -> Self {
    let mut remembered = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    let turn = remembered.turn;
    remembered.turn = turn.saturating_add(1).checked_rem(LOOKS_PER_ROUND).unwrap_or(0);
    let mut regions = mem::take(&mut remembered.regions);
    let part = regions.len().div_ceil(LOOKS_PER_ROUND);
    let first = part.saturating_mul(turn).min(regions.len());
    regions.drain(first..first.saturating_add(part).min(regions.len()));
    Self { regions, excess: remembered.excess }
  }

  /// Remembers those of a survey that nobody doubts.
  pub(super) fn remember(survey: &Survey) {
    let mut remembered = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    remembered.regions = survey.whole_heap_regions();
    // What was taken for granted may be a little too much each time, and must not become the measure of the next look.
    let is_measure = survey.asked_about_all || survey.excess < remembered.excess;
    remembered.excess = if is_measure { survey.excess } else { remembered.excess };
  }

  /// Whether the kernel's count, late by no more than `lag`, has room for all that was found where these were taken for
  /// granted.
  pub(super) fn may_be_believed(&self, survey: &Survey, lag: u64) -> bool {
    let allowed = self.excess.saturating_add(lag).saturating_add(SLACK_BYTES);
    self.regions.is_empty() || survey.excess <= allowed
  }
}
