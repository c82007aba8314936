//! A look at our own process: what it reads, and what its threads and allocator know beforehand.

pub(crate) mod cost;
mod doubts;
mod facts;
mod own_look;
mod own_space;
mod sources;
mod thread_arenas;
pub(crate) mod thread_bills;
mod whole_regions;

pub(crate) use own_look::{
  Look, allocator_statistics, check_budget, find_buffer_owners, learn_buffer_layout, look,
};
pub(crate) use sources::read_environment;

use crate::attribution::OwnIsolate;

/// What the calling thread knows and another cannot ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
  /// Whether JavaScript runs in V8 here.
  pub(crate) engine_is_v8: bool,
  /// V8's own words for the caller's isolate, where V8 could be asked.
  pub(crate) isolate: Option<OwnIsolate>,
  /// `total_heap_size` of that isolate.
  pub(crate) committed: Option<u64>,
}
