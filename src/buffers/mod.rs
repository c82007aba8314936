//! External buffers: what was allocated here, tracked by JavaScript or declared by other addons, in all threads.
//!
//! One table per process. A buffer is known by its backing store, so that views, transfers and sharing do not count
//! twice, and it leaves the table when the store dies, not when a finalizer runs. No lock is held while V8 is asked.

mod amount;
mod books;
mod census;
mod declared;
mod held;
mod holdings;
mod index;
mod label;
mod list;
mod memory;
mod page_sums;
mod place;
mod record;
mod residency;
mod segments;
mod slabs;
mod table;
mod threads;
mod visit;

pub(crate) use amount::Amount;
pub(crate) use books::{count, follow, is_held, look_up, serial_of, strike};
pub(crate) use census::{Group, usage};
pub(crate) use held::{follow_address, holder_left, update_held};
pub(crate) use holdings::{
  Holdings, LargeBuffer, SmallOnPages, bytes_known_to_v8, declared_bytes, holdings, mappings, stale_ranges,
};
pub(crate) use label::Label;
pub(crate) use list::{Entry, Selection, list};
pub(crate) use memory::OwnedMemory;
pub(crate) use record::{Source, Tag};
pub(crate) use slabs::give_back_stale;
pub(crate) use threads::{thread_ended, thread_started};
