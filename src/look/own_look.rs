//! One look at our own process, taken again where the process moved under it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::cost::{self, Kind, Work};
use super::doubts::{self, Doubts, Known};
use super::own_space::OwnProcess;
use super::sources::survey_truthfully;
use super::whole_regions::WholeRegions;
use super::{Caller, facts, thread_arenas};
use crate::attribution::{
  BufferLayout, BufferOwners, Facts, HeaderLayout, HeldBuffer, IsolateWords, Memory, Owner, ResidencySource,
  Search, SmallBuffers, Survey, ThreadArena, V8Evidence, find_owners, weigh, weigh_others,
};
use crate::buffers::{self, Holdings, SmallOnPages};
use crate::error::{MeasureError, Result};
use crate::malloc;
use crate::parse::status;
use crate::platform::{self, ThreadPlace};
use crate::threads::{live_isolates, registry};

/// A look and how its figures came about.
pub(crate) struct Look {
  pub(crate) survey: Survey,
  /// The threads that there were.
  pub(crate) threads: Vec<ThreadPlace>,
  /// The arena of each, where those of all threads are known.
  pub(crate) arenas: Option<HashMap<i32, ThreadArena>>,
  /// Buffers that somebody keeps books about, but small ones.
  pub(crate) buffers: Vec<HeldBuffer>,
  /// Those.
  pub(crate) small_buffers: Vec<SmallBuffers>,
  tracked_bytes: u64,
  /// What the variable with the isolate held in each of them: isolates, and perhaps a word that is none.
  pub(super) isolates: Vec<(i32, u64)>,
  /// How heap pages tell whose they are, where that is known.
  headers: Option<HeaderLayout>,
  pub(crate) residency: ResidencySource,
  pub(crate) v8: V8Evidence,
  /// Whether the pages of each isolate on the registry agree with what it says of itself.
  pub(crate) evidence: HashMap<u64, V8Evidence>,
  /// Bytes that changed hands again and again while we looked, and may be shown in a wrong place.
  pub(crate) unsettled: u64,
  /// Bytes in `ArrayBuffer`s of all threads; `None` when a thread never loaded the package, or cannot be asked.
  pub(crate) array_buffer_bytes: Option<u64>,
  /// How long it waited for another look to end.
  pub(crate) waited: Duration,
}

impl Look {
  /// Whether the heap pages of each isolate could be told apart.
  pub(crate) fn knows_heaps(&self) -> bool {
    self.headers.is_some()
  }

  /// Whether no isolate on the registry says that it has more than was found, or less.
  pub(crate) fn isolates_agree(&self) -> bool {
    self.evidence.values().all(|evidence| *evidence == V8Evidence::Verified)
  }

  /// Bytes of the buffers on the books, and how many of them are resident.
  pub(crate) fn tracked(&self) -> (u64, u64) {
    let page_size = platform::page_size();
    let large = self
      .buffers
      .iter()
      .map(|HeldBuffer { start, end, .. }| self.survey.resident_overlap(*start, *end, page_size));
    let small =
      self.small_buffers.iter().map(|small| self.survey.resident_of_sums(small.start, &small.bytes));
    (self.tracked_bytes, large.chain(small).fold(0, u64::saturating_add))
  }

  /// Resident bytes of native memory that is not the C allocator's: what is in use of it, and what waits for the next
  /// buffer.
  pub(crate) fn beside_allocator(&self) -> (u64, u64) {
    let is_beside = |owner| matches!(owner, Owner::Buffer | Owner::GrowableBuffer | Owner::LowLevelAlloc);
    let beside = self.survey.measured.iter().filter(|measured| is_beside(measured.piece.owner));
    let resident = beside.fold(0_u64, |sum, measured| sum.saturating_add(measured.resident));
    let page_size = platform::page_size();
    let free = buffers::stale_ranges()
      .into_iter()
      .map(|(start, end)| self.survey.resident_overlap(start, end, page_size))
      .fold(0, u64::saturating_add);
    (resident.saturating_sub(free), free.min(resident))
  }

  /// Resident bytes in arenas of threads that ended; `None` where it is not known which those are.
  pub(crate) fn dead_arenas(&self) -> Option<u64> {
    let used: HashSet<ThreadArena> = self.arenas.as_ref()?.values().copied().collect();
    let dead = self.survey.measured.iter().filter(
      |measured| matches!(measured.piece.owner, Owner::Arena(at) if !used.contains(&ThreadArena::At(at))),
    );
    Some(dead.fold(0, |sum, measured| sum.saturating_add(measured.resident)))
  }
}

/// Only one thread looks at a time: two would measure each other's work.
static LOOKING: Mutex<()> = Mutex::new(());

/// Looks at this process, by the cheapest way that tells the truth. Every single piece is measured where `every_piece`
/// is set.
pub(crate) fn look(caller: Caller, every_piece: bool) -> Result<Look> {
  let start = Instant::now();
  let _alone = LOOKING.lock().unwrap_or_else(PoisonError::into_inner);
  let waited = start.elapsed();
  let own = OwnProcess::open();
  let (settled, unsettled) = settle(&own, caller, every_piece)?;
  let Attempt { threads, isolates, holdings, facts, survey, residency, v8, evidence } = settled;
  let array_buffer_bytes =
    if has_unregistered(&survey) { None } else { registry::array_buffer_bytes(&own.memory) };
  let arenas = thread_arenas::arenas_of(
    &threads,
    &existing_arenas(&survey),
    &registry::arenas(),
    platform::main_thread(),
    &own.memory,
  );
  cost::note(Work {
    regions: u64::try_from(survey.regions.len()).unwrap_or(u64::MAX),
    anonymous: survey.counted.anonymous,
    threads: survey.counted.threads,
    buffers: u64::try_from(buffers::count()).unwrap_or(u64::MAX),
  });
  Ok(Look {
    survey,
    threads,
    arenas,
    headers: facts.layout,
    buffers: facts.buffers,
    small_buffers: small_buffers(&holdings),
    tracked_bytes: holdings.bytes,
    isolates,
    residency,
    v8,
    evidence,
    unsettled,
    array_buffer_bytes,
    waited,
  })
}

/// One reading of the process, and what it came to.
struct Attempt {
  threads: Vec<ThreadPlace>,
  isolates: Vec<(i32, u64)>,
  holdings: Holdings,
  facts: Facts,
  survey: Survey,
  residency: ResidencySource,
  v8: V8Evidence,
  evidence: HashMap<u64, V8Evidence>,
}

/// Reads the process until nothing of it is in doubt. What is read in one step may be gone at the next, for other
/// threads map and unmap meanwhile; then a little of the memory is in no place or in a wrong one. A second reading
/// meets another moment. Gives also the bytes in doubt where that does not end.
fn settle(own: &OwnProcess, caller: Caller, every_piece: bool) -> Result<(Attempt, u64)> {
  const MOST_READINGS: usize = 8;
  /// Enough for one that waits for this processor to give back what it is giving back.
  const FOR_ANOTHER_THREAD: Duration = Duration::from_micros(100);
  let mut known = Known::before();
  let mut best = read(own, caller, every_piece, &known, (Search::Near, &WholeRegions::recall()))?;
  let mut doubts = known.doubts_of(&best.survey, &best.contradicted());
  known.meet(&best.survey, own);
  let mut last: Option<Doubts> = None;
  let mut repetitions = 0_usize;
  for _ in 1..MOST_READINGS {
    if doubts.none() {
      break;
    }
    if last.unwrap_or(doubts).is_of_count() {
      thread::sleep(FOR_ANOTHER_THREAD);
    }
    let search = last.unwrap_or(doubts).search();
    let next = read(own, caller, every_piece, &known, (search, &WholeRegions::default()))?;
    let doubts_of_next = known.doubts_of(&next.survey, &next.contradicted());
    known.meet(&next.survey, own);
    let is_like_last = last.replace(doubts_of_next).is_some_and(|last| doubts_of_next.is_like(last));
    repetitions = if is_like_last { repetitions.saturating_add(1) } else { 0 };
    let is_lasting = repetitions >= doubts_of_next.repetitions_to_believe();
    if is_lasting || doubts_of_next.is_as_good_as(doubts) {
      (best, doubts) = (next, doubts_of_next);
    }
    if is_lasting {
      doubts = doubts.after_repetition(); // nothing moves
      break;
    }
  }
  doubts::remember(&best.survey, doubts, best.contradicted());
  if doubts.none() {
    WholeRegions::remember(&best.survey);
  }
  Ok((best, doubts.bytes()))
}

fn read(
  own: &OwnProcess,
  caller: Caller,
  every_piece: bool,
  known: &Known,
  (search, whole): (Search, &WholeRegions),
) -> Result<Attempt> {
  let threads = platform::thread_places();
  live_isolates::calibrate(&threads, registry::threads_with_isolates());
  let isolates = live_isolates::candidates(&threads, &own.memory);
  let holdings = buffers::holdings();
  let facts = facts::gather(own, caller, &threads, &isolates, &holdings, known.pieces())?;
  let (mut survey, residency) = survey_truthfully(own, &facts, every_piece, search, whole)?;
  let v8 = match caller.isolate {
    Some(isolate) if facts.layout.is_some() => weigh(&mut survey, isolate),
    _ if caller.engine_is_v8 => V8Evidence::Estimated,
    _ => V8Evidence::None,
  };
  let mut evidence = HashMap::new();
  if facts.layout.is_some() {
    let before = &facts.isolates.committed;
    let words: Vec<IsolateWords> = registry::isolates()
      .into_iter()
      .map(|(address, now)| IsolateWords::between(address, before.get(&address).copied().unwrap_or(now), now))
      .collect();
    evidence = weigh_others(&survey, &words);
    evidence.extend(caller.isolate.map(|own| (own.address, v8)));
  }
  Ok(Attempt { threads, isolates, holdings, facts, survey, residency, v8, evidence })
}

impl Attempt {
  /// The isolates that say something else than was found.
  fn contradicted(&self) -> BTreeSet<u64> {
    let is_estimated = |(_, evidence): &(&u64, &V8Evidence)| **evidence == V8Evidence::Estimated;
    self.evidence.iter().filter(is_estimated).map(|(isolate, _)| *isolate).collect()
  }
}

/// How `ArrayBuffer`s lead to their memory, read off one of which everything is known.
static BUFFER_LAYOUT: OnceLock<BufferLayout> = OnceLock::new();

/// Reads that off an `ArrayBuffer` of the calling thread, once per process; whether it is known now. A value of
/// Node-API, `handle`, is the place where V8 keeps the tagged address of the object.
pub(crate) fn learn_buffer_layout(handle: u64, start: u64, length: u64) -> bool {
  const TAG: u64 = 1;
  if BUFFER_LAYOUT.get().is_none() {
    let own = OwnProcess::open();
    let mut object = [0];
    own.read(handle, &mut object);
    let [object] = object;
    if let Some(layout) = BufferLayout::of(&own, object & !TAG, start, length) {
      BUFFER_LAYOUT.get_or_init(|| layout);
    }
  }
  BUFFER_LAYOUT.get().is_some()
}

/// Searches the heaps of a look that measured every piece for the holders of all buffers; `None` where it is not known
/// what those look like, or whose a heap page is.
pub(crate) fn find_buffer_owners(look: &Look) -> Option<BufferOwners> {
  let layouts = (look.headers.as_ref()?, *BUFFER_LAYOUT.get()?);
  let start = Instant::now();
  let own = OwnProcess::open();
  let owners = find_owners(&look.survey, &own, layouts, platform::page_size());
  cost::SEARCH.learn(owners.searched(), start.elapsed());
  Some(owners)
}

/// Asks the allocator about itself, after a look.
pub(crate) fn allocator_statistics(look: &Look) -> Option<malloc::Statistics> {
  let start = Instant::now();
  let statistics = malloc::statistics();
  cost::WALK.learn(look.survey.counted.anonymous, start.elapsed());
  statistics
}

/// Refuses, before any work is done, a look that is likely to take longer than `budget`. One of kind `Search` reads the
/// heaps as well, and `walks` says that the allocator will be asked.
///
/// # Errors
/// When it is, or when the kernel does not say how much memory there is to look at.
pub(crate) fn check_budget(budget: Duration, kind: Kind, walks: bool) -> Result<()> {
  let status::Memory { anonymous, threads, .. } = platform::memory_by_kind()?;
  let buffers = u64::try_from(buffers::count()).unwrap_or(u64::MAX);
  let look = cost::predict(kind, Work { regions: 0, anonymous, threads, buffers });
  let search = if kind == Kind::Search { cost::SEARCH.predict(registry::heap_bytes()) } else { 0 };
  let walk = if walks { cost::WALK.predict(anonymous) } else { 0 };
  let predicted_micros = look.saturating_add(search).saturating_add(walk);
  let budget_micros = u64::try_from(budget.as_micros()).unwrap_or(u64::MAX);
  if predicted_micros > budget_micros {
    return Err(MeasureError::OverBudget { predicted_micros, budget_micros });
  }
  Ok(())
}

fn small_buffers(holdings: &Holdings) -> Vec<SmallBuffers> {
  let small = |SmallOnPages { start, tid, bytes }: &SmallOnPages| SmallBuffers {
    start: *start,
    thread: *tid,
    bytes: *bytes,
  };
  holdings.small.iter().map(small).collect()
}

fn existing_arenas(survey: &Survey) -> HashSet<u64> {
  let arena = |owner| match owner {
    Owner::Arena(address) => Some(address),
    _ => None,
  };
  survey.measured.iter().filter_map(|measured| arena(measured.piece.owner)).collect()
}

/// Whether an isolate owns pages that never loaded the package.
fn has_unregistered(survey: &Survey) -> bool {
  let mut registered: Vec<u64> = registry::isolates().into_iter().map(|(isolate, _)| isolate).collect();
  registered.sort_unstable();
  survey.measured.iter().any(|measured| match measured.piece.owner {
    Owner::Isolate(isolate) => registered.binary_search(&isolate).is_err(),
    _ => false,
  })
}
