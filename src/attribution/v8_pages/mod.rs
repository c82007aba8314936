//! How V8's heap pages tell whose they are, and which of them are in use.

mod header_layout;
mod page_lists;

pub use header_layout::HeaderLayout;
pub use page_lists::PageLists;

/// Alignment of V8's pages.
pub(super) const PAGE_ALIGNMENT: u64 = 256 * 1024;
