//! Whose the resident memory is, thread by thread: bills, and what is shared, add up to what is resident.
//!
//! Pages of its isolate, its stack and its arena are a thread's own. What several threads use, or nobody, is shared.

use std::collections::HashMap;

use super::buffer_ranges::Holder;
use super::pointer_search::BufferOwners;
use super::tenants::{Index, Tenant, ThreadArena, Users, arena_of, arenas_of};
use crate::attribution::facts::{HeldBuffer, SmallBuffers};
use crate::attribution::measure::{Measured, Survey};
use crate::attribution::piece::{Owner, Part, Piece};

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
  /// Bytes of its `ArrayBuffer`s that are known and not in memory. They are no part of the bill.
  pub absent_buffers: u64,
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

/// What helps to tell whose allocations are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
  /// Buffers that somebody keeps books about, but small ones.
  pub buffers: &'a [HeldBuffer],
  /// Those.
  pub small: &'a [SmallBuffers],
  /// The outcome of a search for the holders of all buffers.
  pub found: Option<&'a BufferOwners>,
  /// Bytes per page.
  pub page_size: u64,
}

/// Makes the bills.
pub fn bills(survey: &Survey, tenants: &[Tenant], hints: Hints) -> Bills {
  let mut ledger = Ledger::new(tenants);
  for measured in &survey.measured {
    ledger.enter(measured);
  }
  if let Some(owners) = hints.found {
    ledger.by_pointers(owners);
  } else {
    ledger.by_books(survey, hints);
    ledger.by_claims(tenants);
  }
  ledger.settle(survey)
}

/// Where bytes of the C allocator stand until something better is known of them.
#[derive(Clone, Copy)]
enum Account {
  /// What this thread has of the allocator's memory.
  Native(usize),
  SharedArenas,
  DeadArenas,
  LargeAllocations,
  NativeHeap,
}

struct Ledger {
  threads: Vec<Bill>,
  shared: Shared,
  by_isolate: Index<u64>,
  by_thread: Index<i32>,
  by_arena: HashMap<ThreadArena, Users>,
}

impl Ledger {
  fn new(tenants: &[Tenant]) -> Self {
    Self {
      threads: vec![Bill::default(); tenants.len()],
      shared: Shared::default(),
      by_isolate: Index::of(tenants, |tenant| tenant.isolate),
      by_thread: Index::of(tenants, |tenant| Some(tenant.tid)),
      by_arena: arenas_of(tenants),
    }
  }

  /// Enters a piece where its own signs say that it belongs.
  fn enter(&mut self, Measured { piece, resident }: &Measured) {
    let thread = match (piece.part, piece.owner) {
      (Part::V8Heap | Part::Jit, Owner::Isolate(isolate)) => self.by_isolate.get(&isolate),
      (Part::Stacks, Owner::Thread(tid)) => self.by_thread.get(&tid),
      (Part::NativeHeap, owner) => {
        let account = self.account_of(owner);
        return add(self.balance(account), *resident);
      }
      _ => None,
    };
    match thread.and_then(|index| self.threads.get_mut(index)) {
      Some(bill) => add(bill.part(piece.part), *resident),
      None => add(self.shared.part(piece.part), *resident),
    }
  }

  /// Where a piece of the C allocator's memory stands.
  fn account_of(&self, owner: Owner) -> Account {
    match owner {
      Owner::Arena(_) | Owner::MainArena => match self.by_arena.get(&arena_of(owner)) {
        Some(Users::One(index)) => Account::Native(*index),
        Some(Users::Several) => Account::SharedArenas,
        None => Account::DeadArenas,
      },
      Owner::LargeChunks => Account::LargeAllocations,
      _ => Account::NativeHeap,
    }
  }

  fn balance(&mut self, account: Account) -> &mut u64 {
    let shared = &mut self.shared;
    match account {
      Account::Native(index) => match self.threads.get_mut(index) {
        Some(bill) => &mut bill.native_heap,
        None => &mut shared.native_heap,
      },
      Account::SharedArenas => &mut shared.shared_arenas,
      Account::DeadArenas => &mut shared.dead_arenas,
      Account::LargeAllocations => &mut shared.large_allocations,
      Account::NativeHeap => &mut shared.native_heap,
    }
  }

  /// Moves bytes to another account, as far as they are there; gives how many were.
  fn transfer(&mut self, from: Account, to: Account, bytes: u64) -> u64 {
    let balance = self.balance(from);
    let moved = bytes.min(*balance);
    *balance = balance.saturating_sub(moved);
    add(self.balance(to), moved);
    moved
  }

  /// Moves what is known to be in an `ArrayBuffer` of a thread onto its bill.
  fn ascribe(&mut self, index: usize, from: Account, resident: u64, absent: u64) {
    let moved = self.transfer(from, Account::Native(index), resident);
    if let Some(bill) = self.threads.get_mut(index) {
      bill.array_buffers = Some(bill.array_buffers.unwrap_or(0).saturating_add(moved));
      add(&mut bill.absent_buffers, absent);
    }
  }

  /// Buffers on the books belong to the thread that the books say, wherever they lie.
  fn by_books(&mut self, survey: &Survey, hints: Hints) {
    for buffer in hints.buffers {
      let Some(index) = buffer.thread.and_then(|tid| self.by_thread.get(&tid)) else { continue };
      let Some(piece) = survey.piece_with(buffer.start, buffer.end) else { continue };
      let resident = || survey.resident_overlap(buffer.start, buffer.end, hints.page_size);
      self.by_piece(index, piece, buffer.end.saturating_sub(buffer.start), resident);
    }
    for small in hints.small {
      if let Some(index) = small.thread.and_then(|tid| self.by_thread.get(&tid)) {
        self.by_pages(index, small, survey, hints.page_size);
      }
    }
  }

  /// So many `bytes` in a piece are the thread's, of which so many are `resident`.
  fn by_piece(&mut self, index: usize, piece: &Piece, bytes: u64, resident: impl Fn() -> u64) {
    if piece.part == Part::NativeHeap {
      let (account, resident) = (self.account_of(piece.owner), resident());
      self.ascribe(index, account, resident, bytes.saturating_sub(resident));
    }
  }

  /// Pages next to each other are mostly of one piece.
  fn by_pages(&mut self, index: usize, small: &SmallBuffers, survey: &Survey, page_size: u64) {
    let mut start = small.start;
    let mut rest = small.bytes.as_slice();
    while !rest.is_empty() {
      let piece = survey.piece_with(start, start.saturating_add(1));
      let end = piece.map_or(0, |piece| piece.end).max(start.saturating_add(page_size));
      let pages = end.saturating_sub(start).checked_div(page_size).unwrap_or(0);
      let count = usize::try_from(pages).unwrap_or(usize::MAX).clamp(1, rest.len());
      let (bytes, others) = rest.split_at(count);
      let sum = bytes.iter().map(|bytes| u64::from(*bytes)).sum();
      if let Some(piece) = piece.filter(|_| sum > 0) {
        self.by_piece(index, piece, sum, || survey.resident_of_sums(start, bytes));
      }
      (start, rest) = (end, others);
    }
  }

  /// Buffers go to the isolate that holds them, whoever asked for their memory. What several hold is on nobody's bill.
  fn by_pointers(&mut self, owners: &BufferOwners) {
    for bill in &mut self.threads {
      bill.array_buffers = Some(0);
    }
    for held in &owners.held {
      let account = self.account_of(held.owner);
      match held.holder {
        Holder::Isolate(isolate) => {
          if let Some(index) = self.by_isolate.get(&isolate) {
            self.ascribe(index, account, held.resident, held.absent);
          }
        }
        Holder::Several => {
          if matches!(account, Account::Native(_)) {
            self.transfer(account, Account::NativeHeap, held.resident);
          }
        }
      }
    }
  }

  /// Large allocations carry no thread. Each isolate's part is bounded by what V8 knows to be its own less what is on
  /// its bill already, and less what the books say is not in memory; where the claims together exceed what is there,
  /// each is cut alike.
  fn by_claims(&mut self, tenants: &[Tenant]) {
    /// What a thread's arena holds without any buffer.
    const USUAL_ARENA: u64 = 2 * 1024 * 1024;
    let claim = |(tenant, bill): (&Tenant, &Bill)| {
      let explained = bill.native_heap.saturating_sub(USUAL_ARENA).saturating_add(bill.absent_buffers);
      tenant.external.saturating_sub(explained)
    };
    let claims: Vec<u64> = tenants.iter().zip(&self.threads).map(claim).collect();
    let claimed = claims.iter().fold(0_u64, |sum, claim| sum.saturating_add(*claim));
    let there = self.shared.large_allocations;
    for (claim, bill) in claims.into_iter().zip(&mut self.threads) {
      let share = if claimed <= there { claim } else { scale(claim, there, claimed) };
      let share = share.min(self.shared.large_allocations);
      self.shared.large_allocations = self.shared.large_allocations.saturating_sub(share);
      add(&mut bill.native_heap, share);
    }
  }

  /// What the kernel counts and no piece explains was settled by the survey for the process as a whole.
  fn settle(self, survey: &Survey) -> Bills {
    let Self { threads, mut shared, .. } = self;
    shared.code = survey.breakdown.part(Part::Code);
    shared.other = 0;
    let owned = threads.iter().fold(0_u64, |sum, bill| sum.saturating_add(bill.resident()));
    shared.other = survey.breakdown.resident().saturating_sub(owned).saturating_sub(shared.resident());
    Bills { threads, shared }
  }
}

fn scale(value: u64, by: u64, over: u64) -> u64 {
  let product = u128::from(value).saturating_mul(u128::from(by));
  u64::try_from(product.checked_div(u128::from(over)).unwrap_or(0)).unwrap_or(u64::MAX)
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

fn add(sum: &mut u64, bytes: u64) {
  *sum = sum.saturating_add(bytes);
}
