//! A process as it was: what a look at it read, in a text file, and the same look again from that file.
//!
//! The file has sections. `[counted]` is `status`, `[facts]` what only the process itself knows, `[regions]` are the
//! lines of `maps`, each behind the four sizes of `smaps` (Rss, Pss, Anonymous, Swap, in KiB). `[pages]` has a line
//! per region: its address and runs of pages, `a` resident anonymous ones, `f` of a file or shared, `z` the kernel's
//! page of zeros, `-` not resident. `[words]` is the memory that was read: an address and the words from there on,
//! `0*n` for n words of zero, `?` for one that is not readable. Addresses and words are hexadecimal.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rs_memusage::attribution::{
  AddressSpace, Facts, FileResidency, HeaderLayout, Isolates, Memory, PageLists, StackBounds,
  heap_page_candidates,
};
use rs_memusage::error::Result;
use rs_memusage::parse::maps::{self, Region};
use rs_memusage::parse::status;

/// What is known of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
  Absent,
  Anonymous,
  File,
  Zero,
}

impl Page {
  const LETTERS: [(Self, char); 4] =
    [(Self::Absent, '-'), (Self::Anonymous, 'a'), (Self::File, 'f'), (Self::Zero, 'z')];

  fn letter(self) -> char {
    Self::LETTERS.iter().find(|(page, _)| *page == self).unwrap().1
  }

  fn of_letter(letter: char) -> Self {
    Self::LETTERS.iter().find(|(_, known)| *known == letter).unwrap().0
  }
}

/// One isolate and what V8 said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownIsolate {
  pub(crate) address: u64,
  /// `v8.getHeapStatistics().total_physical_size`
  pub(crate) physical: u64,
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CapturedProcess {
  /// What was captured, in words.
  pub(crate) title: String,
  pub(crate) counted: status::Memory,
  pub(crate) page_size: u64,
  pub(crate) main_thread: i32,
  /// The main thread's is the first.
  pub(crate) isolates: Vec<KnownIsolate>,
  pub(crate) code_ranges: Vec<(u64, u64, u64)>,
  pub(crate) control_blocks: Vec<(i32, u64)>,
  /// Bytes that the process says it holds, by name.
  pub(crate) known: BTreeMap<String, u64>,
  /// The lines of `maps`, each with its sizes of `smaps` in KiB.
  pub(crate) lines: Vec<([u64; 4], String)>,
  /// Address of the first page and one entry per page, for each region.
  pub(crate) pages: BTreeMap<u64, Vec<Page>>,
  /// The memory that was read; `None` where it is not readable.
  pub(crate) words: BTreeMap<u64, Option<u64>>,
  /// Whether the page tables of this system can be asked about holes.
  pub(crate) tables_skip_holes: bool,
  /// The words that were read from here.
  pub(crate) seen: RefCell<BTreeSet<u64>>,
}

impl CapturedProcess {
  /// The facts that the process knew. The layout of V8's pages is found again, in its memory.
  pub(crate) fn facts(&self, memory: &impl Memory) -> Facts {
    let layout = HeaderLayout::find(memory, &heap_page_candidates(&self.regions()), self.isolates[0].address);
    let own = self.isolates[0].address;
    let pages = heap_page_candidates(&self.regions());
    let lists = layout.and_then(|layout| PageLists::find(memory, &layout, &pages, own));
    Facts {
      page_size: self.page_size,
      isolates: Isolates {
        live: self.isolates.iter().map(|isolate| isolate.address).collect(),
        complete: true,
        ..Isolates::default()
      },
      layout,
      lists,
      stack_bounds: StackBounds::find(memory, &self.control_blocks, self.main_thread),
      engine_is_v8: true,
      code_ranges: self.code_ranges.clone(),
      control_blocks: self.control_blocks.clone(),
      main_thread: self.main_thread,
      malloc_is_glibc: true,
      buffers: Vec::new(),
      ..Facts::default()
    }
  }

  /// The regions, parsed.
  pub(crate) fn regions(&self) -> Vec<Region> {
    let mut regions = Vec::new();
    maps::parse(&self.maps().unwrap(), &mut regions).unwrap();
    regions
  }

  /// What is known of the pages from `start` to `end`, which lie in one region.
  pub(crate) fn pages_between(&self, start: u64, end: u64) -> impl Iterator<Item = Page> {
    let index = |address: u64, first: u64| usize::try_from((address - first) / self.page_size).unwrap();
    let (first, pages) = self
      .pages
      .range(..=start)
      .next_back()
      .map_or((start, &[][..]), |(first, pages)| (*first, pages.as_slice()));
    let known = pages.iter().copied().skip(index(start, first));
    known.chain(std::iter::repeat(Page::Absent)).take(index(end, start))
  }

  fn word(&self, address: u64) -> Option<u64> {
    self.seen.borrow_mut().insert(address);
    *self.words.get(&address).unwrap_or_else(|| {
      panic!(
        "{}: the word at {address:x} was not captured; capture again, as attribution reads more now",
        self.title
      )
    })
  }

  pub(crate) fn to_text(&self) -> String {
    let mut text = format!("# {}\n[counted]\n", self.title);
    let status::Memory { anonymous, file, shared, swap, threads } = self.counted;
    writeln!(text, "{anonymous} {file} {shared} {} {threads}", swap.unwrap()).unwrap();
    writeln!(text, "[facts]\npage_size {}\nmain_thread {}", self.page_size, self.main_thread).unwrap();
    for KnownIsolate { address, physical } in &self.isolates {
      writeln!(text, "isolate {address:x} {physical}").unwrap();
    }
    for (start, end, isolate) in &self.code_ranges {
      writeln!(text, "code_range {start:x} {end:x} {isolate:x}").unwrap();
    }
    for (thread, address) in &self.control_blocks {
      writeln!(text, "control_block {thread} {address:x}").unwrap();
    }
    for (name, bytes) in &self.known {
      writeln!(text, "known {name} {bytes}").unwrap();
    }
    text.push_str("[regions]\n");
    for ([rss, pss, anonymous, swap], line) in &self.lines {
      writeln!(text, "{rss} {pss} {anonymous} {swap} {line}").unwrap();
    }
    text.push_str("[pages]\n");
    for (start, pages) in
      self.pages.iter().filter(|(_, pages)| pages.iter().any(|page| *page != Page::Absent))
    {
      write!(text, "{start:x}").unwrap();
      for run in pages.chunk_by(|one, next| one == next) {
        write!(text, " {}{}", run.len(), run[0].letter()).unwrap();
      }
      text.push('\n');
    }
    text.push_str("[words]\n");
    write_words(&mut text, &self.words);
    text
  }

  pub(crate) fn parse(text: &str) -> Self {
    let (title, sections) = text.split_once("\n[counted]\n").unwrap();
    let (counted, sections) = sections.split_once("[facts]\n").unwrap();
    let (facts, sections) = sections.split_once("[regions]\n").unwrap();
    let (regions, sections) = sections.split_once("[pages]\n").unwrap();
    let (pages, words) = sections.split_once("[words]\n").unwrap();
    let counted: Vec<u64> = counted.split_ascii_whitespace().map(|size| size.parse().unwrap()).collect();
    let &[anonymous, file, shared, swap, threads] = counted.as_slice() else { panic!("{counted:?}") };
    let mut captured = Self {
      title: title.trim_start_matches("# ").to_owned(),
      counted: status::Memory { anonymous, file, shared, swap: Some(swap), threads },
      page_size: 0,
      main_thread: 0,
      isolates: Vec::new(),
      code_ranges: Vec::new(),
      control_blocks: Vec::new(),
      known: BTreeMap::new(),
      lines: regions.lines().map(parse_region).collect(),
      pages: pages.lines().map(parse_pages).collect(),
      words: BTreeMap::new(),
      tables_skip_holes: true,
      seen: RefCell::default(),
    };
    for line in facts.lines() {
      captured.add_fact(line);
    }
    for line in words.lines() {
      captured.add_words(line);
    }
    captured
  }

  /// Adds a fact in the words of the file, which are those of the process too.
  pub(crate) fn add_fact(&mut self, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
      ["page_size", bytes] => self.page_size = bytes.parse().unwrap(),
      ["main_thread", thread] => self.main_thread = thread.parse().unwrap(),
      ["isolate", address, physical] => {
        self.isolates.push(KnownIsolate { address: hex(address), physical: physical.parse().unwrap() });
      }
      ["code_range", start, end, isolate] => self.code_ranges.push((hex(start), hex(end), hex(isolate))),
      ["control_block", thread, address] => {
        self.control_blocks.push((thread.parse().unwrap(), hex(address)));
      }
      ["known", name, bytes] => {
        self.known.insert((*name).to_owned(), bytes.parse().unwrap());
      }
      _ => panic!("unknown fact: {line}"),
    }
  }

  fn add_words(&mut self, line: &str) {
    let (address, words) = line.split_once(' ').unwrap();
    let mut address = hex(address);
    for word in words.split(' ') {
      let (word, count) = word.split_once('*').unwrap_or((word, "1"));
      for _ in 0..count.parse().unwrap() {
        self.words.insert(address, (word != "?").then(|| hex(word)));
        address += 8;
      }
    }
  }
}

fn parse_region(line: &str) -> ([u64; 4], String) {
  let mut columns = line.splitn(5, ' ');
  let sizes = std::array::from_fn(|_| columns.next().unwrap().parse().unwrap());
  (sizes, columns.next().unwrap().to_owned())
}

fn parse_pages(line: &str) -> (u64, Vec<Page>) {
  let (start, runs) = line.split_once(' ').unwrap();
  let pages = runs.split(' ').flat_map(|run| {
    let (count, letter) = run.split_at(run.len() - 1);
    std::iter::repeat_n(Page::of_letter(letter.chars().next().unwrap()), count.parse().unwrap())
  });
  (hex(start), pages.collect())
}

fn write_words(text: &mut String, words: &BTreeMap<u64, Option<u64>>) {
  let words: Vec<_> = words.iter().collect();
  for line in words.chunk_by(|(one, _), (next, _)| **one + 8 == **next) {
    write!(text, "{:x}", line[0].0).unwrap();
    for run in line.chunk_by(|(_, one), (_, next)| one == next) {
      match run[0].1 {
        Some(word) => write!(text, " {word:x}").unwrap(),
        None => text.push_str(" ?"),
      }
      if run.len() > 1 {
        write!(text, "*{}", run.len()).unwrap();
      }
    }
    text.push('\n');
  }
}

/// A hexadecimal number, as JavaScript or we write it.
fn hex(digits: &str) -> u64 {
  u64::from_str_radix(digits.trim_start_matches("0x"), 16).unwrap()
}

impl Memory for CapturedProcess {
  fn read(&self, address: u64, words: &mut [u64]) -> bool {
    let read: Option<Vec<u64>> =
      (address..).step_by(8).take(words.len()).map(|address| self.word(address)).collect();
    let Some(read) = read else { return false };
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

impl AddressSpace for CapturedProcess {
  fn maps(&self) -> Result<Vec<u8>> {
    Ok(self.lines.iter().flat_map(|(_, line)| format!("{line}\n").into_bytes()).collect())
  }

  fn memory_by_kind(&self) -> Result<status::Memory> {
    Ok(self.counted)
  }

  fn resident_pages(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    residency.extend(self.pages_between(start, end).map(|page| u8::from(page != Page::Absent)));
  }

  fn pages_in_resident_set(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
    residency.extend(
      self.pages_between(start, end).map(|page| u8::from(!matches!(page, Page::Absent | Page::Zero))),
    );
  }

  fn smaps(&self) -> Result<Vec<u8>> {
    let blocks = self.lines.iter().map(|([rss, pss, anonymous, swap], line)| {
      format!("{line}\nRss: {rss} kB\nPss: {pss} kB\nAnonymous: {anonymous} kB\nSwap: {swap} kB\n")
    });
    Ok(blocks.flat_map(String::into_bytes).collect())
  }

  fn page_tables_skip_holes(&self) -> bool {
    self.tables_skip_holes
  }

  fn resident_file(&self, start: u64, end: u64) -> Option<FileResidency> {
    let mut found = FileResidency::default();
    for page in self.pages_between(start, end) {
      match page {
        Page::Anonymous => found.copied += self.page_size,
        Page::File => found.file += self.page_size,
        Page::Absent | Page::Zero => {}
      }
    }
    Some(found)
  }
}
