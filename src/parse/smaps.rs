//! `/proc/<pid>/smaps` and `/proc/<pid>/smaps_rollup`: blocks of a header and of `Name:   value kB` lines.
//!
//! Both files have one format: smaps has a block per mapping, the rollup a single block over all of them. Kernels
//! add lines with almost every release, so what is not asked for is skipped, whatever it is.

use super::{ParseError, hexadecimal, kib};

/// What a process occupies in all, in bytes. A line that some kernels do not print is an `Option`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollup {
  /// Resident pages, without those of hugetlbfs.
  pub rss: u64,
  /// Resident pages, each divided by the number of mappings that hold it.
  pub pss: u64,
  /// Clean pages that others map too.
  pub shared_clean: u64,
  /// Written pages that others map too.
  pub shared_dirty: u64,
  /// Clean pages of this process alone.
  pub private_clean: u64,
  /// Written pages of this process alone.
  pub private_dirty: u64,
  /// Pages of hugetlbfs that others map too. Since Linux 4.4.
  pub shared_hugetlb: Option<u64>,
  /// Pages of hugetlbfs of this process alone. Since Linux 4.4.
  pub private_hugetlb: Option<u64>,
  /// Pages in swap, in full even where others share them.
  pub swap: u64,
  /// Pages in swap, each divided by the number of processes that share it. Since Linux 4.3.
  pub swap_pss: Option<u64>,
}

impl Rollup {
  /// About what ending the process would set free: its private pages, those of hugetlbfs included.
  pub fn unique_set_size(&self) -> u64 {
    let private = self.private_clean.saturating_add(self.private_dirty);
    private.saturating_add(self.private_hugetlb.unwrap_or(0))
  }
}

/// One mapping of smaps. All sizes are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
  /// First address.
  pub start: u64,
  /// Address after the last.
  pub end: u64,
  /// Resident pages.
  pub rss: u64,
  /// Resident pages, each divided by the number of mappings that hold it.
  pub pss: u64,
  /// Resident pages that no file backs, copied-on-write pages of a private file mapping included.
  pub anonymous: u64,
  /// Pages in swap.
  pub swap: u64,
}

/// Sums all blocks: the one of a rollup, or all of smaps on a kernel without rollups. Smaps cuts PSS down to whole
/// KiB for each mapping, so its sum may be short by up to 1 KiB a mapping.
///
/// # Errors
/// Names the first line that is missing, is not a number of kB, or makes a sum that 64 bits do not hold.
pub fn sum(text: &[u8]) -> Result<Rollup, ParseError> {
  let mut everywhere =
    Sums::of(["Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty", "Swap"]);
  let mut since_linux_4 = Sums::of(["Shared_Hugetlb", "Private_Hugetlb", "SwapPss"]);
  for line in text.split(|byte| *byte == b'\n') {
    everywhere.add(line)?;
    since_linux_4.add(line)?;
  }
  let [rss, pss, shared_clean, shared_dirty, private_clean, private_dirty, swap] = everywhere.all()?;
  let [shared_hugetlb, private_hugetlb, swap_pss] = since_linux_4.bytes;
  Ok(Rollup {
    rss,
    pss,
    shared_clean,
    shared_dirty,
    private_clean,
    private_dirty,
    shared_hugetlb,
    private_hugetlb,
    swap,
    swap_pss,
  })
}

/// The mappings of smaps in the order of their addresses, parsed as the iterator is driven; nothing is allocated.
///
/// Each item is a block, or names the first line of it that is missing or malformed; after that there is none.
pub fn blocks(text: &[u8]) -> Blocks<'_> {
  Blocks { rest: text }
}

/// See [`blocks`].
#[derive(Debug, Clone)]
pub struct Blocks<'a> {
  rest: &'a [u8],
}

impl Iterator for Blocks<'_> {
  type Item = Result<Block, ParseError>;

  fn next(&mut self) -> Option<Self::Item> {
    let text = std::mem::take(&mut self.rest);
    if text.is_empty() {
      return None;
    }
    Some(first_block(text).map(|(block, rest)| {
      self.rest = rest;
      block
    }))
  }
}

fn first_block(text: &[u8]) -> Result<(Block, &[u8]), ParseError> {
  let (header, mut rest) = first_line(text);
  let (start, end) = address_range(header).ok_or(ParseError { field: "address" })?;
  let mut sizes = Sums::of(["Rss", "Pss", "Anonymous", "Swap"]);
  while !rest.is_empty() && !starts_block(rest) {
    let (line, following) = first_line(rest);
    sizes.add(line)?;
    rest = following;
  }
  let [rss, pss, anonymous, swap] = sizes.all()?;
  Ok((Block { start, end, rss, pss, anonymous, swap }, rest))
}

/// A header begins with an address in lower case, every other line with a capital letter. Nothing that a user may
/// name comes near the start of a line: the kernel writes a line feed in a path as `\012`.
fn starts_block(text: &[u8]) -> bool {
  matches!(text.first(), Some(b'0'..=b'9' | b'a'..=b'f'))
}

fn first_line(text: &[u8]) -> (&[u8], &[u8]) {
  let mut parts = text.splitn(2, |byte| *byte == b'\n');
  (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn address_range(header: &[u8]) -> Option<(u64, u64)> {
  let (start, rest) = hexadecimal(header)?;
  let (end, rest) = hexadecimal(rest.strip_prefix(b"-")?)?;
  (start < end && rest.first() == Some(&b' ')).then_some((start, end))
}

/// The values of the lines that have one of `N` names, each summed over all lines of that name.
struct Sums<const N: usize> {
  names: [&'static str; N],
  bytes: [Option<u64>; N],
}

impl<const N: usize> Sums<N> {
  fn of(names: [&'static str; N]) -> Self {
    Self { names, bytes: [None; N] }
  }

  /// Adds the value of `line` to the sum of its name; passes over a line of any other name.
  fn add(&mut self, line: &[u8]) -> Result<(), ParseError> {
    for (name, sum) in self.names.into_iter().zip(&mut self.bytes) {
      let Some(value) = line.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b":")) else {
        continue;
      };
      let total = kib(value).and_then(|bytes| sum.unwrap_or(0).checked_add(bytes));
      *sum = Some(total.ok_or(ParseError { field: name })?);
    }
    Ok(())
  }

  /// Every sum; fails with the first name that had no line.
  fn all(self) -> Result<[u64; N], ParseError> {
    let mut all = [0; N];
    for ((name, sum), place) in self.names.into_iter().zip(self.bytes).zip(&mut all) {
      *place = sum.ok_or(ParseError { field: name })?;
    }
    Ok(all)
  }
}
