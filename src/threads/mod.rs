//! What we keep per JavaScript thread, and the raw Node-API callbacks that serve it.

mod backoff;
pub(crate) mod buffer_calls;
pub(crate) mod env_state;
mod fast_reads;
pub(crate) mod listener;
mod live_isolates;
mod look_cost;
mod nearby_words;
pub(crate) mod own_process;
pub(crate) mod registry;
mod slots;
mod thread_arenas;
pub(crate) mod thread_bills;
mod weak_objects;
