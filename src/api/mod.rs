//! The native surface, one file per public noun. It converts; it neither parses nor calls the system.
//! None of it is public: `index.js` is the public API.

mod external_buffers;
mod footprint;
mod limits;
mod look;
mod memory_usage;
mod raise;
mod rss_breakdown;
mod thread_messages;
mod trim;
mod v8_layer;
mod weak_objects;
mod worker_rss;
