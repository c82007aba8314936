//! Whose the resident memory is, thread by thread.
//!
//! Pages of its isolate, its stack and its arena are a thread's own. What several threads use, or nobody alive, is
//! shared: the bills and what is shared add up to what is resident.

use std::collections::HashMap;

use super::pointer_search::ChunkOwners;
use super::{Measured, Owner, Part, Survey};

/// Which of the C allocator's arenas a thread allocates from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThreadArena {
  /// The main arena.
  Main,
  /// The arena at this address.
  At(u64),
  /// None yet, or unknown.
  None,
}

/// What is known of a thread before its bill is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenant {
  /// The kernel's thread id.
  pub tid: i32,
  /// Address of the isolate whose JavaScript it runs.
  pub isolate: Option<u64>,
  /// Its arena.
  pub arena: ThreadArena,
  /// Bytes outside the heap that V8 knows to belong to objects of its isolate, resident or not. They are taken into
  /// account where nothing better is known of large allocations.
  pub external: u64,
}

/// Resident bytes that one thread owns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bill {
  /// Pages of its JS heap.
  pub v8_heap: u64,
  /// Its generated code.
  pub jit: u64,
  /// Its stack.
  pub stack: u64,
  /// Its arena, and its part of the allocations that have a mapping of their own.
  pub native_heap: u64,
  /// Of that, memory that surely is in its `ArrayBuffer`s.
  pub array_buffers: Option<u64>,
}

impl Bill {
  /// The sum.
  pub fn resident(&self) -> u64 {
    self.v8_heap.saturating_add(self.jit).saturating_add(self.stack).saturating_add(self.native_heap)
  }
}

/// What no single thread owns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shared {
  /// Program, libraries and addons.
  pub code: u64,
  /// Generated code of isolates whose code range is unknown.
  pub jit: u64,
  /// V8's read-only space and tables, and pages of isolates that no thread could be found for.
  pub v8_heap: u64,
  /// Pages that V8 keeps for reuse.
  pub v8_pool: u64,
  /// Stacks of threads that ended, kept for the next ones.
  pub stacks: u64,
  /// Arenas that several threads allocate from.
  pub shared_arenas: u64,
  /// Arenas of threads that ended.
  pub dead_arenas: u64,
  /// Allocations with a mapping of their own that could not be ascribed.
  pub large_allocations: u64,
  /// The rest of the C allocator's memory.
  pub native_heap: u64,
  /// Mapped files that are not code.
  pub mapped_files: u64,
  /// Shared memory.
  pub shared_memory: u64,
  /// Resident and not attributed.
  pub other: u64,
}

impl Shared {
  /// Every part with its name in JavaScript.
  pub fn parts(&self) -> [(&'static str, u64); 12] {
    [
      ("code", self.code),
      ("jit", self.jit),
      ("v8Heap", self.v8_heap),
      ("v8Pool", self.v8_pool),
      ("stacks", self.stacks),
      ("sharedArenas", self.shared_arenas),
      ("deadArenas", self.dead_arenas),
      ("largeAllocations", self.large_allocations),
      ("nativeHeap", self.native_heap),
      ("mappedFiles", self.mapped_files),
      ("sharedMemory", self.shared_memory),
      ("other", self.other),
    ]
  }

  /// The sum.
  pub fn resident(&self) -> u64 {
    self.parts().iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
  }
}

/// All bills, in the order of the tenants, and what is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bills {
  /// One for each tenant.
  pub threads: Vec<Bill>,
  /// What is on none of them.
  pub shared: Shared,
}

/// Makes the bills. `own_isolate` is the one whose pages the survey may have told as a remainder; `chunks` is the
/// outcome of a search for the owners of large allocations.
pub fn bills(
  survey: &Survey,
  tenants: &[Tenant],
  own_isolate: Option<u64>,
  chunks: Option<&ChunkOwners>,
) -> Bills {
  let by_isolate = index_of(tenants, |tenant| tenant.isolate);
  let by_thread = index_of(tenants, |tenant| Some(tenant.tid));
  let by_arena = arenas_of(tenants);
  let mut threads = vec![Bill::default(); tenants.len()];
  let mut shared = Shared::default();
  for Measured { piece, resident } in survey.measured.iter().copied() {
    let bill = match (piece.part, piece.owner) {
      (Part::V8Heap | Part::Jit, Owner::Isolate(isolate)) => by_isolate.get(&isolate),
      (Part::Stacks, Owner::Thread(tid)) => by_thread.get(&tid),
      (Part::NativeHeap, Owner::Arena(_) | Owner::MainArena) => match by_arena.get(&arena(piece.owner)) {
        Some(Users::One(index)) => Some(index),
        Some(Users::Several) => {
          add(&mut shared.shared_arenas, resident);
          continue;
        }
        None => {
          add(&mut shared.dead_arenas, resident);
          continue;
        }
      },
      (Part::NativeHeap, Owner::LargeChunks) => {
        add(&mut shared.large_allocations, resident);
        continue;
      }
      _ => None,
    };
    let Some(bill) = bill.and_then(|index| threads.get_mut(*index)) else {
      add(shared.part(piece.part), resident);
      continue;
    };
    add(bill.part(piece.part), resident);
  }
  if let (Some(isolate), Some(rest)) = (own_isolate, survey.own_heap) {
    let bill = by_isolate.get(&isolate).and_then(|index| threads.get_mut(*index));
    add(bill.map_or(&mut shared.v8_heap, |bill| &mut bill.v8_heap), rest);
  }
  match chunks {
    Some(owners) => by_pointers(owners, &by_isolate, &mut threads, &mut shared),
    None => by_claims(tenants, &mut threads, &mut shared),
  }
  settle(survey, &threads, &mut shared);
  Bills { threads, shared }
}

/// Large allocations go to the isolate that points at them.
fn by_pointers(
  owners: &ChunkOwners,
  by_isolate: &HashMap<u64, usize>,
  threads: &mut [Bill],
  shared: &mut Shared,
) {
  for bill in threads.iter_mut() {
    bill.array_buffers = Some(0);
  }
  for (isolate, large, growable) in owners.per_isolate() {
    let Some(bill) = by_isolate.get(&isolate).and_then(|index| threads.get_mut(*index)) else { continue };
    let large = large.min(shared.large_allocations);
    let growable = growable.min(shared.native_heap);
    shared.large_allocations = shared.large_allocations.saturating_sub(large);
    shared.native_heap = shared.native_heap.saturating_sub(growable);
    let bytes = large.saturating_add(growable);
    add(&mut bill.native_heap, bytes);
    bill.array_buffers = bill.array_buffers.map(|known| known.saturating_add(bytes));
  }
}

/// Large allocations carry no thread. Each isolate's part is bounded by what V8 knows to be its own less what its arena
/// explains; where the claims together exceed what is there, each is cut alike.
fn by_claims(tenants: &[Tenant], threads: &mut [Bill], shared: &mut Shared) {
  /// What a thread's arena holds without any buffer.
  const USUAL_ARENA: u64 = 2 * 1024 * 1024;
  let claims: Vec<u64> = tenants
    .iter()
    .zip(threads.iter())
    .map(|(tenant, bill)| tenant.external.saturating_sub(bill.native_heap.saturating_sub(USUAL_ARENA)))
    .collect();
  let claimed = claims.iter().fold(0_u64, |sum, claim| sum.saturating_add(*claim));
  let there = shared.large_allocations;
  for (claim, bill) in claims.into_iter().zip(threads) {
    let share = if claimed <= there { claim } else { scale(claim, there, claimed) };
    let share = share.min(shared.large_allocations);
    shared.large_allocations = shared.large_allocations.saturating_sub(share);
    add(&mut bill.native_heap, share);
  }
}

fn scale(value: u64, by: u64, over: u64) -> u64 {
  let product = u128::from(value).saturating_mul(u128::from(by));
  u64::try_from(product.checked_div(u128::from(over)).unwrap_or(0)).unwrap_or(u64::MAX)
}

/// What the kernel counts and no piece explains was settled by the survey for the process as a whole.
fn settle(survey: &Survey, threads: &[Bill], shared: &mut Shared) {
  shared.code = survey.breakdown.part(Part::Code);
  shared.other = 0;
  let owned = threads.iter().fold(0_u64, |sum, bill| sum.saturating_add(bill.resident()));
  shared.other = survey.breakdown.resident().saturating_sub(owned).saturating_sub(shared.resident());
}

impl Bill {
  fn part(&mut self, part: Part) -> &mut u64 {
    match part {
      Part::V8Heap => &mut self.v8_heap,
      Part::Jit => &mut self.jit,
      Part::Stacks => &mut self.stack,
      _ => &mut self.native_heap,
    }
  }
}

impl Shared {
  fn part(&mut self, part: Part) -> &mut u64 {
    match part {
      Part::Code => &mut self.code,
      Part::Jit => &mut self.jit,
      Part::V8Heap => &mut self.v8_heap,
      Part::V8Pool => &mut self.v8_pool,
      Part::NativeHeap => &mut self.native_heap,
      Part::Stacks => &mut self.stacks,
      Part::MappedFiles => &mut self.mapped_files,
      Part::SharedMemory => &mut self.shared_memory,
      Part::Other => &mut self.other,
    }
  }
}

#[derive(Clone, Copy)]
enum Users {
  One(usize),
  Several,
}

fn arenas_of(tenants: &[Tenant]) -> HashMap<ThreadArena, Users> {
  let mut arenas = HashMap::new();
  for (index, tenant) in tenants.iter().enumerate().filter(|(_, tenant)| tenant.arena != ThreadArena::None) {
    arenas.entry(tenant.arena).and_modify(|users| *users = Users::Several).or_insert(Users::One(index));
  }
  arenas
}

fn arena(owner: Owner) -> ThreadArena {
  match owner {
    Owner::Arena(address) => ThreadArena::At(address),
    Owner::MainArena => ThreadArena::Main,
    _ => ThreadArena::None,
  }
}

fn index_of<K: Eq + std::hash::Hash>(
  tenants: &[Tenant],
  key: impl Fn(&Tenant) -> Option<K>,
) -> HashMap<K, usize> {
  tenants.iter().enumerate().filter_map(|(index, tenant)| Some((key(tenant)?, index))).collect()
}

fn add(sum: &mut u64, bytes: u64) {
  *sum = sum.saturating_add(bytes);
}
