//! What we keep per JavaScript thread, and the raw Node-API callbacks that serve it.

pub(crate) mod backoff;
mod bell;
pub(crate) mod buffer_calls;
pub(crate) mod env_state;
pub(crate) mod errands;
mod fast_reads;
pub(crate) mod listener;
pub(crate) mod live_isolates;
pub(crate) mod mail;
pub(crate) mod nearby_words;
pub(crate) mod pending_call;
pub(crate) mod registry;
mod slots;
mod weak_objects;
