//! The operating system behind one function set.
//!
//! Sizes leave this module in bytes, never in pages.

pub mod counter_lag;

#[cfg(not(target_os = "linux"))]
compile_error!("the addon is made for Linux; on other systems lib/without-native.js answers");

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub use linux::{
  OwnMemory, OwnPages, allocate_zeroed, avoid, borrow_spare_descriptor, coarse_millis, counter_lag,
  current_thread, defining_object, find_symbol, footprint, free, give_back, is_in_memory, is_locked,
  main_thread, map, memory_by_kind, mincore_works, page_residency_works, page_size, page_tables_tell_pages,
  pagemap_tells_zero_pages, pages_in_resident_set, peak_resident_set_size, prepare, read_kernel_file,
  read_maps, read_own_words, read_smaps, reset_peak_resident_set_size, resident_pages, resident_set_size,
  return_spare_descriptor, thread_activity, thread_name, thread_places, unmap, without_huge_pages,
};

/// What a process occupies, told apart from what it shares with others. All figures are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
  /// Unique set size: the pages of this process alone.
  pub uss: u64,
  /// Proportional set size: every resident page divided by the number of mappings that hold it.
  pub pss: u64,
  /// Pages in swap, in full even where others share them.
  pub swap: u64,
}

/// What a user does not want to be called here, or wants to try the lack of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Avoided {
  /// The call that tells which pages are in memory.
  pub mincore: bool,
  /// Page tables, by whatever way.
  pub page_tables: bool,
  /// The call that searches page tables, which came with Linux 6.7.
  pub page_table_scans: bool,
}

/// Resident bytes of a file mapping, by what backs them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilePages {
  /// Pages of the file or of shared memory.
  pub file: u64,
  /// Private memory: copies made by writing.
  pub copied: u64,
}

/// One thread, as the kernel sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadPlace {
  /// The kernel's thread id.
  pub tid: i32,
  /// An address inside the thread's control block, which libc places at the top of the thread's stack mapping; where it
  /// is known.
  pub control_block: Option<u64>,
}

/// What a thread was doing when the kernel was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
  /// It runs, or would if a processor were free.
  Running,
  /// It waits for events on this descriptor.
  Polling {
    /// Of the epoll instance.
    descriptor: i32,
  },
  /// It waits for something else.
  Waiting,
}
