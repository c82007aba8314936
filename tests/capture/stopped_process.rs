//! Another process, stopped, read from outside through the kernel. What is read is kept.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsRawFd;
use std::ptr::{null_mut, without_provenance_mut};

use rs_memusage::attribution::{AddressSpace, FileResidency, Memory};
use rs_memusage::error::Result;
use rs_memusage::parse::status;

use crate::captured::{CapturedProcess, Page};

pub(crate) struct StoppedProcess {
  pid: i32,
  /// Everything but the words.
  pub(crate) captured: CapturedProcess,
  words: RefCell<BTreeMap<u64, Option<u64>>>,
}

impl StoppedProcess {
  /// Reads everything but the words, which are read when a look wants them. Pages come first: reading a word may map
  /// the kernel's page of zeros.
  pub(crate) fn read(pid: i32, title: String, facts: &str) -> Self {
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let status = fs::read(format!("/proc/{pid}/status")).unwrap();
    let mut captured = CapturedProcess {
      title,
      counted: status::memory(&status, || None).unwrap(),
      page_size: rs_memusage::platform::page_size(),
      main_thread: pid,
      isolates: Vec::new(),
      code_ranges: Vec::new(),
      control_blocks: control_blocks(pid),
      known: BTreeMap::new(),
      lines: lines(&smaps),
      pages: BTreeMap::new(),
      words: BTreeMap::new(),
      tables_skip_holes: true,
      seen: RefCell::default(),
    };
    for line in facts.lines() {
      captured.add_fact(line);
    }
    for region in captured.regions() {
      captured.pages.insert(region.start, pages(pid, region.start, region.end));
    }
    Self { pid, captured, words: RefCell::default() }
  }

  /// What has been read until now.
  pub(crate) fn into_captured(self) -> CapturedProcess {
    CapturedProcess { words: self.words.into_inner(), ..self.captured }
  }

  fn word(&self, address: u64) -> Option<u64> {
    *self.words.borrow_mut().entry(address).or_insert_with(|| {
      let mut word = 0_u64;
      let local = libc::iovec { iov_base: (&raw mut word).cast(), iov_len: 8 };
      let remote =
        libc::iovec { iov_base: without_provenance_mut(usize::try_from(address).unwrap()), iov_len: 8 };
      // SAFETY: the local vector is a live word; the remote one is only read, by the kernel.
      let copied = unsafe { libc::process_vm_readv(self.pid, &raw const local, 1, &raw const remote, 1, 0) };
      (copied == 8).then_some(word)
    })
  }
}

impl Memory for StoppedProcess {
  fn read(&self, address: u64, words: &mut [u64]) -> bool {
    let addresses = (0..words.len()).map(|index| address.saturating_add(u64::try_from(index).unwrap() * 8));
    // Every word is asked for, also behind one that is not readable: what is there is a part of the capture.
    let read: Vec<Option<u64>> = addresses.map(|address| self.word(address)).collect();
    let Some(read) = read.into_iter().collect::<Option<Vec<u64>>>() else { return false };
    words.copy_from_slice(&read);
    true
  }

  fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>) {
    words.clear();
    for address in addresses {
      let mut read = vec![0; width];
      self.read(*address, &mut read);
      words.append(&mut read);
    }
  }
}

impl AddressSpace for StoppedProcess {
  fn maps(&self) -> Result<Vec<u8>> {
    self.captured.maps()
  }

  fn memory_by_kind(&self) -> Result<status::Memory> {
    self.captured.memory_by_kind()
  }

  fn resident_pages(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    self.captured.resident_pages(start, end, residency);
  }

  fn pages_in_resident_set(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    self.captured.pages_in_resident_set(start, end, residency);
  }

  fn smaps(&self) -> Result<Vec<u8>> {
    self.captured.smaps()
  }

  fn page_tables_skip_holes(&self) -> bool {
    true
  }

  fn resident_file(&self, start: u64, end: u64) -> Option<FileResidency> {
    self.captured.resident_file(start, end)
  }
}

/// The lines of `maps` out of `smaps`, each with its Rss, Pss, Anonymous and Swap.
fn lines(smaps: &str) -> Vec<([u64; 4], String)> {
  const NAMES: [&str; 4] = ["Rss:", "Pss:", "Anonymous:", "Swap:"];
  let mut lines: Vec<([u64; 4], String)> = Vec::new();
  for line in smaps.lines() {
    let name = line.split_ascii_whitespace().next().unwrap();
    if let Some(index) = NAMES.iter().position(|known| *known == name) {
      lines.last_mut().unwrap().0[index] = line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    } else if !name.ends_with(':') {
      lines.push(([0; 4], line.to_owned()));
    }
  }
  lines
}

/// Threads and where the heads of their lists of robust mutexes lie.
fn control_blocks(pid: i32) -> Vec<(i32, u64)> {
  let mut blocks = Vec::new();
  for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
    let thread: i32 = task.unwrap().file_name().to_str().unwrap().parse().unwrap();
    let (mut head, mut length): (*mut libc::c_void, libc::size_t) = (null_mut(), 0);
    // SAFETY: the kernel writes one pointer and one size into live locals.
    let answer = unsafe { libc::syscall(libc::SYS_get_robust_list, thread, &raw mut head, &raw mut length) };
    assert_eq!(answer, 0, "robust list of {thread}");
    if !head.is_null() {
      blocks.push((thread, u64::try_from(head.addr()).unwrap()));
    }
  }
  blocks.sort_unstable();
  blocks
}

/// One entry per page, by `PAGEMAP_SCAN` (Linux 6.7), which alone knows the kernel's page of zeros.
fn pages(pid: i32, start: u64, end: u64) -> Vec<Page> {
  const IS_FILE: u64 = 1 << 2;
  const IS_PRESENT: u64 = 1 << 3;
  const IS_ZERO_PAGE: u64 = 1 << 5;
  const PAGEMAP_SCAN: libc::Ioctl = 0xC060_6610;

  let page_size = rs_memusage::platform::page_size();
  let count = |from: u64, to: u64| usize::try_from((to - from) / page_size).unwrap();
  let mut pages = Vec::new();
  let pagemap = fs::File::open(format!("/proc/{pid}/pagemap")).unwrap();
  let mut from = start;
  while from < end {
    let mut ranges = [[0_u64; 3]; 128]; // start, end, categories
    let address = u64::try_from(ranges.as_mut_ptr().expose_provenance()).unwrap();
    let kinds = IS_PRESENT | IS_ZERO_PAGE | IS_FILE;
    // size, flags, start, end, where the walk ended, ranges, their number, then limits and masks of categories:
    // pages in the limit, inverted, all of, any of, answered
    let mut request = [96, 0, from, end, 0, address, 128, 0, 0, IS_PRESENT, 0, kinds];
    // SAFETY: the request is the kernel's struct of twelve words, and its vector has the room that it announces.
    let found = unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN, request.as_mut_ptr()) };
    let Ok(found) = usize::try_from(found) else { break }; // [vsyscall] is not in the page tables
    for [first, behind, categories] in ranges.into_iter().take(found) {
      pages.resize(count(start, first), Page::Absent);
      let page = match categories {
        _ if categories & IS_ZERO_PAGE != 0 => Page::Zero,
        _ if categories & IS_FILE != 0 => Page::File,
        _ => Page::Anonymous,
      };
      pages.resize(count(start, behind), page);
    }
    from = request[4];
  }
  pages
}
