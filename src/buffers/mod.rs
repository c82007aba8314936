//! External buffers: what was allocated here, tracked by JavaScript or declared by other addons, in all threads.
//!
//! One table per process. A buffer is known by its backing store, so that views, transfers and sharing do not count
//! twice, and it leaves the table when the store dies, not when a finalizer runs. No lock is held while V8 is asked.

mod books;
mod census;
mod declared;
mod label;
mod memory;
mod record;
mod threads;

pub(crate) use books::{
  Amount, count, follow, follow_address, holder_left, is_held, look_up, serial_of, strike, update_held,
};
pub(crate) use census::{Entry, Group, Selection, bytes_known_to_v8, declared_bytes, list, live, usage};
pub(crate) use label::Label;
pub(crate) use memory::OwnedMemory;
pub(crate) use record::{Source, Tag};
pub(crate) use threads::{thread_ended, thread_started};
