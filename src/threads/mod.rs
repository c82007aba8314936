//! What we keep per JavaScript thread, and the raw Node-API callbacks that serve it.

mod bell;
pub(crate) mod buffer_calls;
pub(crate) mod env_state;
pub(crate) mod errands;
mod fast_reads;
mod heap_evidence;
pub(crate) mod listener;
mod live_isolates;
pub(crate) mod look_cost;
mod nearby_words;
pub(crate) mod own_process;
pub(crate) mod pending_call;
pub(crate) mod registry;
mod slots;
mod thread_arenas;
pub(crate) mod thread_bills;
mod weak_objects;
