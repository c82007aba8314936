//! V8's own figures, through symbols that the node binary exports publicly.
//!
//! Nothing here is linked: every symbol is looked up, all or none, and JavaScript compares what it gives with
//! `v8.getHeapStatistics()` before any of it is used. Where that fails the JavaScript API takes over.

mod array_buffers;
mod heap_statistics;
mod isolate;
mod layer;
mod symbols;

pub(crate) use layer::V8Layer;
