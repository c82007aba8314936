//! Whose the resident memory is.
//!
//! Most of it carries a sign of its owner. Buffers do not: the heaps are searched for who holds them.

mod address_range;
mod ascending_reads;
mod bills;
mod buffer_layout;
mod buffer_mentions;
mod buffer_ranges;
mod pointer_search;
mod tenants;

pub use address_range::AddressRange;
pub use bills::{Bill, Bills, Hints, Shared, bills};
pub use buffer_layout::BufferLayout;
pub use pointer_search::{BufferOwners, find_owners};
pub use tenants::{Tenant, ThreadArena};
