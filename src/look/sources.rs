//! Where the residency of pages may come from, and a survey by the cheapest of these that tells the truth.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::own_space::OwnProcess;
use crate::attribution::{Facts, OwnIsolate, Plan, ResidencySource, Search, Survey, survey};
use crate::error::{MeasureError, Result};
use crate::platform;

/// For so many looks what one has found out is taken for granted.
const LOOKS_REMEMBERED: u64 = 32;

/// Looks until the cheapest source is tried again: it counted pages that are in no resident set, such as those of large
/// arrays that are read and never written.
static LOOKS_WITHOUT_CHEAPEST: AtomicU64 = AtomicU64::new(0);
/// Looks until the kernel's lateness is measured again, and by how much its count was behind.
static LOOKS_WITH_KNOWN_LAG: AtomicU64 = AtomicU64::new(0);
static KNOWN_LAG: AtomicU64 = AtomicU64::new(0);

/// Takes the shortcut where V8 proves it, and goes on to finer sources while one finds more memory than there is.
///
/// A count that is late looks like pages too many. Only a source that tells the pages of the resident set can say which
/// it was, and that is remembered: most counts are late by the same for as long as a thread rests.
pub(super) fn survey_truthfully(
  own: &OwnProcess,
  facts: &Facts,
  own_heap: Option<OwnIsolate>,
  every_piece: bool,
  search: Search,
) -> Result<(Survey, ResidencySource)> {
  let sources = residency_sources();
  let lag = platform::counter_lag(u64::try_from(facts.control_blocks.len()).unwrap_or(u64::MAX));
  let mut left = sources.as_slice();
  if left.len() > 1 && take_one(&LOOKS_WITHOUT_CHEAPEST) {
    left = left.get(1..).unwrap_or_default();
  } else if own_heap.is_some_and(|own| lag <= lag_that_hardly_shows(own))
    && let Some(source) = left.first()
    && let Some(survey) = survey(own, facts, Plan { source: *source, every_piece, own_heap, search })?
    && !survey.overshoots
  {
    return Ok((survey, *source));
  }
  let mut cheapest_excess = None;
  while let Some((source, finer)) = left.split_first() {
    let survey = survey(own, facts, Plan { source: *source, every_piece, own_heap: None, search })?
      .ok_or(MeasureError::Unsupported { what: "the residency of pages" })?;
    if finer.is_empty() || is_true(*source, &survey, lag) {
      if let Some(excess) = cheapest_excess {
        learn(*source, excess, &survey, lag);
      }
      return Ok((survey, *source));
    }
    cheapest_excess = cheapest_excess.or(Some(survey.excess));
    left = finer;
  }
  Err(MeasureError::Unsupported { what: "the residency of pages" })
}

/// Whether nothing speaks against a survey for which there is a finer source.
fn is_true(source: ResidencySource, survey: &Survey, lag: u64) -> bool {
  match source {
    ResidencySource::Mincore => !survey.overshoots || is_known_lag(survey.excess),
    // Pages that a forked child shares are not told apart from those of nobody: then too little is found.
    ResidencySource::Pagemap => survey.unfound <= lag.saturating_add(tolerated(survey)),
    ResidencySource::Smaps => true,
  }
}

/// What remains of a count is as late as the count: beyond this a heap is measured, and not taken for what remains.
fn lag_that_hardly_shows(own: OwnIsolate) -> u64 {
  const BYTES: u64 = 1024 * 1024;
  const SHARE: u64 = 100;
  own.physical.div_ceil(SHARE).max(BYTES)
}

/// What moves while one looks, and what hardly shows: half a percent, or a megabyte.
fn tolerated(survey: &Survey) -> u64 {
  const BYTES: u64 = 1024 * 1024;
  const SHARE: u64 = 200;
  survey.counted.anonymous.div_ceil(SHARE).max(BYTES)
}

/// Remembers why the cheapest source had found too much, now that a finer one has told.
fn learn(source: ResidencySource, cheapest_excess: u64, survey: &Survey, lag: u64) {
  let is_late = survey.excess.saturating_add(tolerated(survey)) >= cheapest_excess;
  if is_late {
    KNOWN_LAG.store(cheapest_excess.min(lag).saturating_add(tolerated(survey)), Ordering::Relaxed);
    LOOKS_WITH_KNOWN_LAG.store(LOOKS_REMEMBERED, Ordering::Relaxed);
  } else if source == ResidencySource::Pagemap {
    LOOKS_WITHOUT_CHEAPEST.store(LOOKS_REMEMBERED, Ordering::Relaxed);
  }
}

fn is_known_lag(excess: u64) -> bool {
  excess <= KNOWN_LAG.load(Ordering::Relaxed) && take_one(&LOOKS_WITH_KNOWN_LAG)
}

/// Counts down, under the lock of the look. Whether there was something left.
fn take_one(looks: &AtomicU64) -> bool {
  let left = looks.load(Ordering::Relaxed);
  looks.store(left.saturating_sub(1), Ordering::Relaxed);
  left > 0
}

/// What the environment forbids.
#[derive(Clone, Copy, Default)]
struct Forbidden {
  mincore: bool,
  pagemap: bool,
}

static FORBIDDEN: OnceLock<Forbidden> = OnceLock::new();

/// Reads what the environment says, once, on the thread that loads the package. A look may happen on any thread, and
/// there C's `getenv` could walk a list that `process.env.NAME = value` is just moving: only Node's own reads share a
/// lock with its writes.
pub(crate) fn read_environment() {
  let is_set = |name| std::env::var_os(name).is_some_and(|value| value == "1");
  FORBIDDEN.get_or_init(|| Forbidden {
    mincore: is_set("RS_MEMUSAGE_NO_MINCORE"),
    pagemap: is_set("RS_MEMUSAGE_NO_PAGEMAP"),
  });
}

/// Where residency of anonymous memory may come from here, the cheapest first. What comes later is finer, but for
/// `smaps`: that is there for systems that know no better.
fn residency_sources() -> Vec<ResidencySource> {
  let Forbidden { mincore, pagemap } = FORBIDDEN.get().copied().unwrap_or_default();
  let mut sources = Vec::new();
  if !mincore && platform::mincore_works() {
    sources.push(ResidencySource::Mincore);
  }
  if !pagemap && platform::page_tables_tell_pages() {
    sources.push(ResidencySource::Pagemap);
  }
  if pagemap || !platform::pagemap_tells_zero_pages() {
    sources.push(ResidencySource::Smaps);
  }
  sources
}
