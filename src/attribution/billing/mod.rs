//! Whose the resident memory is.

mod address_range;
mod bills;
mod pointer_search;

pub use address_range::AddressRange;
pub use bills::{Bill, Bills, Hints, Shared, Tenant, ThreadArena, bills};
pub use pointer_search::{ChunkOwners, find_owners, searchable};
