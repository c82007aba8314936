//! Where the residency of pages may come from, and a survey by the cheapest of these that tells the truth.

use std::sync::OnceLock;

use super::own_space::OwnProcess;
use crate::attribution::{Facts, OwnIsolate, Plan, ResidencySource, Search, Survey, survey};
use crate::error::{MeasureError, Result};
use crate::platform;

/// Takes the shortcut where V8 proves it, and goes on to finer sources while one finds more memory than there is.
pub(super) fn survey_truthfully(
  own: &OwnProcess,
  facts: &Facts,
  own_heap: Option<OwnIsolate>,
  every_piece: bool,
  search: Search,
) -> Result<(Survey, ResidencySource)> {
  let sources = residency_sources();
  let shortcut = sources.first().map(|source| Plan { source: *source, every_piece, own_heap, search });
  let measured = sources.iter().map(|source| Plan { source: *source, every_piece, own_heap: None, search });
  let mut outcome = None;
  for plan in shortcut.filter(|_| own_heap.is_some()).into_iter().chain(measured) {
    if let Some(survey) = survey(own, facts, plan)? {
      let overshoots = survey.overshoots;
      outcome = Some((survey, plan.source));
      if !overshoots {
        break;
      }
    }
  }
  outcome.ok_or(MeasureError::Unsupported { what: "the residency of pages" })
}

/// Whether the environment forbids `mincore`.
static WITHOUT_MINCORE: OnceLock<bool> = OnceLock::new();

/// Reads what the environment says, once, on the thread that loads the package. A look may happen on any thread, and
/// there C's `getenv` could walk a list that `process.env.NAME = value` is just moving: only Node's own reads share a
/// lock with its writes.
pub(crate) fn read_environment() {
  WITHOUT_MINCORE
    .get_or_init(|| std::env::var_os("RS_MEMUSAGE_NO_MINCORE").is_some_and(|value| value == "1"));
}

/// Where residency may come from here, the cheapest first. `RS_MEMUSAGE_NO_MINCORE=1` leaves the one that works
/// everywhere.
fn residency_sources() -> Vec<ResidencySource> {
  let without_mincore = WITHOUT_MINCORE.get().is_some_and(|without| *without);
  if without_mincore || !platform::page_residency_works() {
    vec![ResidencySource::Smaps]
  } else if !platform::mincore_works() {
    vec![ResidencySource::Pagemap, ResidencySource::Smaps]
  } else if platform::pagemap_tells_zero_pages() {
    vec![ResidencySource::Mincore, ResidencySource::Pagemap]
  } else {
    vec![ResidencySource::Mincore, ResidencySource::Smaps]
  }
}
