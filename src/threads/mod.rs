//! What we keep per JavaScript thread, and the raw Node-API callbacks that serve it.

pub(crate) mod background_thread;
pub(crate) mod backoff;
pub(crate) mod buffer_calls;
pub(crate) mod env_state;
mod fast_reads;
pub(crate) mod listener;
pub(crate) mod live_isolates;
pub(crate) mod nearby_words;
pub(crate) mod pending_call;
pub(crate) mod registry;
mod slots;
pub(crate) mod thread_messages;
mod wakeups;
mod weak_objects;
