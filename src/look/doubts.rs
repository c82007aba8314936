//! What of a survey may be owed to the moment at which it was made.
//!
//! Two signs tell: memory that nothing explains and that was explained a moment ago, and large chunks that malloc says
//! it has and that were not found. What has no explanation at any moment is no doubt: it is remembered.

use std::sync::{Mutex, PoisonError};

use crate::attribution::{Part, Survey};

/// Pages that one reading may go through in search of what malloc says it has: a GiB.
pub(super) const SEARCHED_PAGES: u64 = 256 * 1024;

/// What may change between two looks without a reason to look again.
const SLACK_BYTES: u64 = 1024 * 1024;

/// Bytes in doubt, by the sign that tells of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Doubts {
  unexplained: u64,
  missing: u64,
  contradicted: bool,
}

/// What there was in the last survey that nobody doubts.
#[derive(Clone, Copy)]
struct Accepted {
  unexplained: u64,
  missing: u64,
}

static ACCEPTED: Mutex<Accepted> = Mutex::new(Accepted { unexplained: 0, missing: 0 });

/// The doubts about a survey; `contradicted` where an isolate says that it has more than was found.
pub(super) fn of(survey: &Survey, contradicted: bool) -> Doubts {
  let accepted = *ACCEPTED.lock().unwrap_or_else(PoisonError::into_inner);
  let beyond = |bytes: u64, known: u64| {
    if bytes > known.saturating_add(SLACK_BYTES) { bytes.saturating_sub(known) } else { 0 }
  };
  Doubts {
    unexplained: beyond(survey.breakdown.part(Part::Other), accepted.unexplained),
    missing: beyond(survey.missing_chunks, accepted.missing),
    contradicted,
  }
}

/// Remembers what has no explanation here.
pub(super) fn accept(survey: &Survey) {
  let mut accepted = ACCEPTED.lock().unwrap_or_else(PoisonError::into_inner);
  *accepted = Accepted { unexplained: survey.breakdown.part(Part::Other), missing: survey.missing_chunks };
}

impl Doubts {
  pub(super) fn none(self) -> bool {
    self == Self::default()
  }

  /// The bytes that may stand in a wrong place.
  pub(super) fn bytes(self) -> u64 {
    self.unexplained.max(self.missing)
  }

  /// Whether two readings came to the same.
  pub(super) fn is_like(self, other: Self) -> bool {
    let close = |one: u64, other: u64| one.abs_diff(other) <= SLACK_BYTES / 8;
    close(self.unexplained, other.unexplained)
      && close(self.missing, other.missing)
      && self.contradicted == other.contradicted
  }
}
