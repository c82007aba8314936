//! The process we are in: its address space, and the facts that its threads and allocator give.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::{live_isolates, look_cost, registry, thread_arenas};
use crate::attribution::{
  AddressSpace, BufferLayout, BufferOwners, Facts, FileResidency, HeaderLayout, HeldBuffer, Isolates, Memory,
  OwnIsolate, Owner, Plan, ResidencySource, Survey, ThreadArena, V8Evidence, find_owners,
  heap_page_candidates, is_mapped_buffer, survey, weigh,
};
use crate::buffers::{self, Entry};
use crate::error::{MeasureError, Result};
use crate::malloc;
use crate::parse::{maps, status};
use crate::platform::{self, ThreadPlace};

/// Reads this process through the kernel, for one look.
struct OwnProcess {
  memory: platform::OwnMemory,
}

impl Memory for OwnProcess {
  fn read(&self, address: u64, words: &mut [u64]) -> bool {
    self.memory.read(address, words)
  }

  fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>) {
    self.memory.gather(addresses, width, words);
  }
}

impl AddressSpace for OwnProcess {
  fn maps(&self) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    platform::read_maps(&mut text)?;
    Ok(text)
  }

  fn memory_by_kind(&self) -> Result<status::Memory> {
    platform::memory_by_kind()
  }

  fn resident_pages(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    platform::resident_pages(start, end, residency);
  }

  fn resident_pages_of_run(&self, run: &[(u64, u64)], residency: &mut Vec<u8>) {
    platform::resident_pages_of_run(run, residency);
  }

  fn pages_in_resident_set(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    platform::pages_in_resident_set(start, end, residency);
  }

  fn smaps(&self) -> Result<Vec<u8>> {
    platform::read_smaps()
  }

  fn page_tables_skip_holes(&self) -> bool {
    platform::pagemap_tells_zero_pages()
  }

  fn resident_file(&self, start: u64, end: u64) -> Option<FileResidency> {
    let pages = platform::resident_file(start, end).ok()?;
    Some(FileResidency { file: pages.file, copied: pages.copied })
  }
}

/// What the calling thread knows and another cannot ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
  /// Whether JavaScript runs in V8 here.
  pub(crate) engine_is_v8: bool,
  /// V8's own words for the caller's isolate, where V8 could be asked.
  pub(crate) isolate: Option<OwnIsolate>,
}

/// A look and how its figures came about.
pub(crate) struct Look {
  pub(crate) survey: Survey,
  /// The threads that there were.
  pub(crate) threads: Vec<ThreadPlace>,
  /// The arena of each, where those of all threads are known.
  pub(crate) arenas: Option<HashMap<i32, ThreadArena>>,
  /// Buffers that somebody keeps books about.
  pub(crate) buffers: Vec<HeldBuffer>,
  /// What the variable with the isolate held in each of them: isolates, and perhaps a word that is none.
  pub(super) isolates: Vec<(i32, u64)>,
  /// Whether the heap pages of each isolate could be told apart.
  pub(crate) knows_heaps: bool,
  pub(crate) residency: ResidencySource,
  pub(crate) v8: V8Evidence,
  /// Bytes in `ArrayBuffer`s of all threads; `None` when a thread never loaded the package, or cannot be asked.
  pub(crate) array_buffer_bytes: Option<u64>,
  pub(crate) took: Duration,
}

impl Look {
  /// Bytes of the buffers on the books, and how many of them are resident.
  pub(crate) fn tracked(&self) -> (u64, u64) {
    let page_size = platform::page_size();
    self.buffers.iter().fold((0, 0), |(bytes, resident), HeldBuffer { start, end, .. }| {
      let overlap = self.survey.resident_overlap(*start, *end, page_size);
      (bytes.saturating_add(end.saturating_sub(*start)), resident.saturating_add(overlap))
    })
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

/// Only one thread looks at a time: the kernel keeps the reading position of `maps` per descriptor.
static LOOKING: Mutex<()> = Mutex::new(());

/// What V8 pages of this process look like, found at the first look by a thread whose isolate is known.
static LAYOUT: OnceLock<HeaderLayout> = OnceLock::new();

/// Looks at this process, by the cheapest way that tells the truth. Every single piece is measured where `every_piece`
/// is set.
pub(crate) fn look(caller: Caller, every_piece: bool) -> Result<Look> {
  let start = Instant::now();
  let _alone = LOOKING.lock().unwrap_or_else(PoisonError::into_inner);
  let own = OwnProcess { memory: platform::OwnMemory::open() };
  let threads = platform::thread_places();
  let isolates = live_isolates::candidates(&threads, &own.memory);
  let facts = facts(&own, caller, &threads, &isolates)?;
  let (mut survey, residency) = survey_truthfully(&own, &facts, caller.isolate, every_piece)?;
  let v8 = match caller.isolate {
    Some(isolate) if facts.layout.is_some() => weigh(&mut survey, isolate),
    _ if caller.engine_is_v8 => V8Evidence::Estimated,
    _ => V8Evidence::None,
  };
  let took = start.elapsed();
  look_cost::learn(survey.regions.len(), survey.counted.anonymous, took);
  let array_buffer_bytes =
    if has_unregistered(&survey) { None } else { registry::array_buffer_bytes(&own.memory) };
  let knows_heaps = facts.layout.is_some();
  let arenas = thread_arenas::arenas_of(
    &threads,
    &existing_arenas(&survey),
    &registry::arenas(),
    platform::main_thread(),
    &own.memory,
  );
  Ok(Look {
    survey,
    threads,
    arenas,
    buffers: facts.buffers,
    isolates,
    knows_heaps,
    residency,
    v8,
    array_buffer_bytes,
    took,
  })
}

/// How `ArrayBuffer`s lead to their memory, read off one of which everything is known.
static BUFFER_LAYOUT: OnceLock<BufferLayout> = OnceLock::new();

/// Reads that off an `ArrayBuffer` of the calling thread, once per process; whether it is known now. A value of
/// Node-API, `handle`, is the place where V8 keeps the tagged address of the object.
pub(crate) fn learn_buffer_layout(handle: u64, start: u64, length: u64) -> bool {
  const TAG: u64 = 1;
  if BUFFER_LAYOUT.get().is_none() {
    let own = OwnProcess { memory: platform::OwnMemory::open() };
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
/// what those look like.
pub(crate) fn find_buffer_owners(look: &Look) -> Option<BufferOwners> {
  let layout = *BUFFER_LAYOUT.get()?;
  let start = Instant::now();
  let own = OwnProcess { memory: platform::OwnMemory::open() };
  let owners = find_owners(&look.survey, &own, layout, platform::page_size());
  look_cost::learn_search(owners.searched(), start.elapsed());
  Some(owners)
}

/// Refuses, before any work is done, a look that is likely to take longer than `budget`. A `deep` one reads the heaps.
///
/// # Errors
/// When it is, or when the kernel does not say how much memory there is to look at.
pub(crate) fn check_budget(budget: Duration, deep: bool) -> Result<()> {
  let look = look_cost::predict(platform::memory_by_kind()?.anonymous);
  let search = if deep { look_cost::predict_search(registry::heap_bytes()) } else { 0 };
  let predicted_micros = look.saturating_add(search);
  let budget_micros = u64::try_from(budget.as_micros()).unwrap_or(u64::MAX);
  if predicted_micros > budget_micros {
    return Err(MeasureError::OverBudget { predicted_micros, budget_micros });
  }
  Ok(())
}

/// Takes the shortcut where V8 proves it, and goes on to finer sources while one finds more memory than there is.
fn survey_truthfully(
  own: &OwnProcess,
  facts: &Facts,
  own_heap: Option<OwnIsolate>,
  every_piece: bool,
) -> Result<(Survey, ResidencySource)> {
  let sources = residency_sources();
  let shortcut = sources.first().map(|source| Plan { source: *source, every_piece, own_heap });
  let measured = sources.iter().map(|source| Plan { source: *source, every_piece, own_heap: None });
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
  } else if platform::pagemap_tells_zero_pages() {
    vec![ResidencySource::Mincore, ResidencySource::Pagemap]
  } else {
    vec![ResidencySource::Mincore, ResidencySource::Smaps]
  }
}

/// What is on the books of external buffers and has an address.
fn held_buffers() -> Vec<HeldBuffer> {
  let mut entries = Vec::new();
  buffers::live(&mut entries);
  let held = |entry: &Entry| {
    let start = entry.address?;
    let end = start.checked_add(entry.bytes)?;
    Some(HeldBuffer { start, end, thread: entry.tid, is_mapped: entry.is_mapped })
  };
  entries.iter().filter_map(held).collect()
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
  let mut registered: Vec<u64> = registered_isolates().collect();
  registered.sort_unstable();
  survey.measured.iter().any(|measured| match measured.piece.owner {
    Owner::Isolate(isolate) => registered.binary_search(&isolate).is_err(),
    _ => false,
  })
}

fn registered_isolates() -> impl Iterator<Item = u64> {
  registry::records().into_iter().filter_map(|record| Some(record.isolate?.address))
}

fn facts(
  own: &OwnProcess,
  caller: Caller,
  threads: &[ThreadPlace],
  isolates: &[(i32, u64)],
) -> Result<Facts> {
  let buffers = held_buffers();
  let mut live: HashSet<u64> = registered_isolates().collect();
  if let Some(isolate) = registered_isolates().next() {
    find_layout(own, isolate, &buffers)?;
  }
  live.extend(isolates.iter().map(|(_, isolate)| *isolate));
  Ok(Facts {
    page_size: platform::page_size(),
    isolates: Isolates { live, complete: live_isolates::is_calibrated() },
    layout: LAYOUT.get().copied(),
    engine_is_v8: caller.engine_is_v8,
    code_ranges: registry::code_ranges(),
    control_blocks: threads.iter().filter_map(|thread| Some((thread.tid, thread.control_block?))).collect(),
    main_thread: platform::main_thread(),
    malloc_is_glibc: malloc::headers_are_known(),
    buffers,
  })
}

fn find_layout(own: &OwnProcess, isolate: u64, buffers: &[HeldBuffer]) -> Result<()> {
  if LAYOUT.get().is_none() {
    let text = own.maps()?;
    let mut regions = Vec::new();
    if maps::parse(&text, &mut regions).is_ok() {
      let mut pages = heap_page_candidates(&regions);
      pages.retain(|page| !is_mapped_buffer(buffers, *page) && platform::is_in_memory(*page));
      if let Some(layout) = HeaderLayout::find(own, &pages, isolate) {
        LAYOUT.get_or_init(|| layout);
      }
    }
  }
  Ok(())
}
