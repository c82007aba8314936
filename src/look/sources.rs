//! Where the residency of pages may come from, and a survey by the cheapest of these that tells the truth.

use std::sync::{Mutex, OnceLock, PoisonError};

use super::own_space::OwnProcess;
use super::whole_regions::WholeRegions;
use crate::attribution::{Facts, Plan, ResidencySource, Search, Survey, survey};
use crate::error::{MeasureError, Result};
use crate::platform;

/// What the last way from source to source has shown. That costs several surveys, so for a number of looks it is taken
/// for granted.
#[derive(Clone, Copy, Default)]
struct Experience {
  looks_left: u32,
  /// So many of the cheapest sources do not tell the truth here.
  useless: usize,
  /// By so much the kernel's count is late: a finer source found as many pages beyond it.
  excess: u64,
  /// So much of the kernel's count was in no place that a finer source knew either.
  unfound: u64,
}

static EXPERIENCE: Mutex<Experience> =
  Mutex::new(Experience { looks_left: 0, useless: 0, excess: 0, unfound: 0 });

/// Goes on to finer sources while one finds more memory than there is, or less.
///
/// A count that is late looks like pages too many, as do pages that were read and never written. Only a source that
/// leaves these out can say which it was. Most counts are late by the same for as long as a thread rests.
pub(super) fn survey_truthfully(
  own: &OwnProcess,
  facts: &Facts,
  every_piece: bool,
  search: Search,
  whole: &WholeRegions,
) -> Result<(Survey, ResidencySource)> {
  let sources = residency_sources();
  let experience = recall();
  let lag = platform::counter_lag(u64::try_from(facts.control_blocks.len()).unwrap_or(u64::MAX));
  let mut failed = Vec::new();
  let mut left = sources.get(experience.useless..).unwrap_or_default();
  while let Some((source, finer)) = left.split_first() {
    let plan = Plan { source: *source, whole: &[], every_piece, search };
    let mut found = survey(own, facts, Plan { whole: &whole.regions, ..plan })?;
    if !whole.may_be_believed(&found, lag) {
      found = survey(own, facts, plan)?;
    }
    if finer.is_empty() || is_true(*source, &found, experience, lag) {
      if !failed.is_empty() {
        remember(experience.useless, &failed, &found);
      }
      return Ok((found, *source));
    }
    failed.push(Found::by(&found));
    left = finer;
  }
  Err(MeasureError::Unsupported { what: "the residency of pages" })
}

/// Whether nothing speaks against a survey for which there is a finer source.
fn is_true(source: ResidencySource, survey: &Survey, experience: Experience, lag: u64) -> bool {
  match source {
    ResidencySource::Mincore => !survey.overshoots || survey.excess <= experience.excess,
    // Without `PAGEMAP_SCAN`, what a forked child shares is not told apart from pages of zeros: too little is found.
    ResidencySource::Pagemap => {
      survey.unfound <= experience.unfound.max(lag.saturating_add(tolerated(survey)))
    }
    ResidencySource::Smaps => true,
  }
}

/// What moves while one looks, and what hardly shows: half a percent, or a megabyte.
fn tolerated(survey: &Survey) -> u64 {
  const BYTES: u64 = 1024 * 1024;
  const SHARE: u64 = 200;
  survey.counted.anonymous.div_ceil(SHARE).max(BYTES)
}

/// How what a source found differs from the kernel's count.
#[derive(Clone, Copy)]
struct Found {
  excess: u64,
  unfound: u64,
}

impl Found {
  fn by(survey: &Survey) -> Self {
    Self { excess: survey.excess, unfound: survey.unfound }
  }

  /// Whether it is what `other` is, but for so many bytes.
  fn is_like(self, other: Self, tolerated: u64) -> bool {
    self.excess.abs_diff(other.excess) <= tolerated && self.unfound.abs_diff(other.unfound) <= tolerated
  }
}

/// What is known before a look. The lock of the look is held, so nobody asks twice for the same one.
fn recall() -> Experience {
  let mut experience = EXPERIENCE.lock().unwrap_or_else(PoisonError::into_inner);
  match experience.looks_left.checked_sub(1) {
    Some(left) => experience.looks_left = left,
    None => *experience = Experience::default(),
  }
  *experience
}

/// Remembers which was the cheapest source that found the same as the last, `truth`: the difference to the kernel's count
/// is in the count then. `failed` are those that were not believed, behind so many `useless` ones.
fn remember(useless: usize, failed: &[Found], truth: &Survey) {
  const LOOKS: u32 = 32;
  let tolerated = tolerated(truth);
  let same = failed.iter().take_while(|found| !found.is_like(Found::by(truth), tolerated)).count();
  *EXPERIENCE.lock().unwrap_or_else(PoisonError::into_inner) = Experience {
    looks_left: LOOKS,
    useless: useless.saturating_add(same),
    excess: truth.excess.saturating_add(tolerated.saturating_mul(2)),
    unfound: truth.unfound.saturating_add(tolerated.saturating_mul(2)),
  };
}

/// Reads what the environment wishes, once, on the thread that loads the package. A look may happen on any thread, and
/// there C's `getenv` could walk a list that `process.env.NAME = value` is just moving: only Node's own reads share a
/// lock with its writes.
pub(crate) fn read_environment() {
  static READ: OnceLock<()> = OnceLock::new();
  READ.get_or_init(|| {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| value == "1");
    platform::avoid(platform::Avoided {
      mincore: is_set("RS_MEMUSAGE_NO_MINCORE"),
      page_tables: is_set("RS_MEMUSAGE_NO_PAGEMAP"),
      page_table_scans: is_set("RS_MEMUSAGE_NO_PAGEMAP_SCAN"),
    });
  });
}

/// Where residency of anonymous memory may come from here, the cheapest first. What comes later is finer, but for
/// `smaps`: that is there for systems that know no better.
fn residency_sources() -> Vec<ResidencySource> {
  let mut sources = Vec::new();
  if platform::mincore_works() {
    sources.push(ResidencySource::Mincore);
  }
  if platform::page_tables_tell_pages() {
    sources.push(ResidencySource::Pagemap);
  }
  if !platform::pagemap_tells_zero_pages() {
    sources.push(ResidencySource::Smaps);
  }
  sources
}
