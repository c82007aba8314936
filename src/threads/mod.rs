//! What we keep per JavaScript thread, and the raw Node-API callbacks that serve it.

pub(crate) mod env_state;
mod fast_reads;
mod live_isolates;
mod look_cost;
pub(crate) mod own_process;
mod registry;
mod slots;
