//! The threads that bills are made for, and how to find the one that something belongs to.

use std::collections::HashMap;

use crate::attribution::piece::Owner;

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

/// Who allocates from an arena.
#[derive(Clone, Copy)]
pub(super) enum Users {
  /// The tenant that stands here.
  One(usize),
  Several,
}

/// The users of each arena that has any.
pub(super) fn arenas_of(tenants: &[Tenant]) -> HashMap<ThreadArena, Users> {
  let mut arenas = HashMap::new();
  for (index, tenant) in tenants.iter().enumerate().filter(|(_, tenant)| tenant.arena != ThreadArena::None) {
    arenas.entry(tenant.arena).and_modify(|users| *users = Users::Several).or_insert(Users::One(index));
  }
  arenas
}

/// The arena that a piece with this owner belongs to.
pub(super) fn arena_of(owner: Owner) -> ThreadArena {
  match owner {
    Owner::Arena(address) => ThreadArena::At(address),
    Owner::MainArena => ThreadArena::Main,
    _ => ThreadArena::None,
  }
}

/// Where each of the tenants stands. Every piece is looked up: in a sorted list that takes less than in a map.
pub(super) struct Index<K>(Vec<(K, usize)>);

impl<K: Ord> Index<K> {
  pub(super) fn of(tenants: &[Tenant], key: impl Fn(&Tenant) -> Option<K>) -> Self {
    let keys = tenants.iter().enumerate().filter_map(|(index, tenant)| Some((key(tenant)?, index)));
    let mut places: Vec<(K, usize)> = keys.collect();
    places.sort();
    Self(places)
  }

  pub(super) fn get(&self, key: &K) -> Option<usize> {
    let place = self.0.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
    self.0.get(place).map(|(_, index)| *index)
  }
}
