//! Every resident page gets one owner.
//!
//! Pure functions over what [`AddressSpace`] reports: regions, page residency, words of memory. In production
//! that is this process (`platform`), in tests a captured one. Nothing here knows Node-API or a system call.
//!
//! The data goes one way: `reading` reads, `recognise` makes pieces with one owner each, `measure` tells how much of
//! each is resident, and `billing` who pays for it.

mod billing;
mod facts;
mod measure;
mod piece;
mod reading;
mod recognise;
mod region_kinds;
mod stack_bounds;
mod v8_pages;
mod words;

pub use billing::{
  AddressRange, Bill, Bills, BufferLayout, BufferOwners, Hints, Shared, Tenant, ThreadArena, bills,
  find_owners,
};
pub use facts::{Facts, HeldBuffer, Isolates, SmallBuffers, is_mapped_for_buffers};
pub use measure::{
  Breakdown, IsolateWords, Measured, OwnIsolate, Plan, Survey, V8Evidence, survey, weigh, weigh_others,
};
pub use piece::{Backing, Owner, Part, Piece};
pub use reading::{AddressSpace, FileResidency, Memory, ResidencySource};
pub use recognise::{
  HeapPages, KnownPlaces, Search, begins_large_chunk, classify, heap_page_candidates, is_arena_address,
};
pub use stack_bounds::StackBounds;
pub use v8_pages::{HeaderLayout, PageLists};
