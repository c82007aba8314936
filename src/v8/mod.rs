//! V8's own figures, through symbols that the node binary exports publicly.
//!
//! Nothing here is linked: every symbol is looked up, all or none, and JavaScript compares what it gives with
//! `v8.getHeapStatistics()` before any of it is used. Where that fails the JavaScript API takes over.

mod array_buffers;
mod backing_store;
mod environment;
mod gc_epilogue;
mod heap_statistics;
mod isolate;
mod layer;
mod shared_pointer;
mod symbols;

pub(crate) use backing_store::{BackingStores, Extent, Store, WeakStore};
pub(crate) use environment::Environment;
pub(crate) use gc_epilogue::GcEpilogue;
pub(crate) use heap_statistics::HeapStatistics;
pub(crate) use isolate::Isolate;
pub(crate) use layer::V8Layer;
pub(crate) use symbols::InterruptCallback;
