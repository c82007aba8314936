//! What glibc's `malloc_info` prints: an XML text with the free chunks of every arena by size.
//!
//! glibc writes one element per line. The text of 2.31 to 2.43 is understood; earlier ones leave the chunk at the
//! top of each arena out, so that free memory looks used, and are an error here.

use super::{ParseError, decimal};

/// All of it. Sizes are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MallocInfo {
  /// The arenas; the first is the main one, which grows by `brk`.
  pub arenas: Vec<Arena>,
  /// In chunks with a mapping of their own (`hblkhd` of `mallinfo2`).
  pub mapped: u64,
}

/// One arena.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arena {
  /// Taken from the system.
  pub system: u64,
  /// In chunks that the program holds or that wait in a thread's cache (`uordblks`).
  pub in_use: u64,
  /// In the free chunk at the end, from which new ones are cut.
  pub top: u64,
  /// The other free chunks by size.
  pub bins: Vec<Bin>,
}

/// Free chunks of similar size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bin {
  /// Size of the largest.
  pub largest: u64,
  /// Their sizes added up.
  pub total: u64,
  /// How many there are.
  pub count: u64,
}

/// Parses the whole text.
///
/// # Errors
/// Names the element that is missing, malformed or at odds with the others.
pub fn parse(text: &[u8]) -> Result<MallocInfo, ParseError> {
  let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
  let mut arenas = Vec::new();
  let mut mapped = None;
  while let Some(line) = lines.next() {
    if line.starts_with(b"<heap ") {
      arenas.push(arena(&mut lines)?);
    } else if let Some((_, size)) = sum(line, b"mmap")? {
      mapped = Some(size);
    } else if line == b"</malloc>" {
      let mapped = mapped.ok_or(ParseError { field: "mmap" })?;
      return if arenas.is_empty() {
        Err(ParseError { field: "heap" })
      } else {
        Ok(MallocInfo { arenas, mapped })
      };
    }
  }
  Err(ParseError { field: "malloc" }) // the text was cut off
}

/// Reads up to the end of one arena.
fn arena<'a>(lines: &mut impl Iterator<Item = &'a [u8]>) -> Result<Arena, ParseError> {
  let mut found = Elements::default();
  for line in lines {
    if let Some(bin) = bin(line)? {
      found.bins.push(bin);
    } else if let Some(fast) = sum(line, b"fast")? {
      found.fast = fast;
    } else if let Some(rest) = sum(line, b"rest")? {
      found.rest = Some(rest);
    } else if let Some(size) = line.strip_prefix(b"<system type=\"current\" size=") {
      found.system = Some(quoted(size).ok_or(ParseError { field: "system" })?.0);
    } else if line == b"</heap>" {
      return found.into_arena();
    }
  }
  Err(ParseError { field: "heap" })
}

/// The elements of one arena as they stand in the text.
#[derive(Default)]
struct Elements {
  bins: Vec<RawBin>,
  /// Count and size of the chunks in fast bins. The element is gone since 2.43, as are those bins.
  fast: (u64, u64),
  /// Count and size of all other free chunks.
  rest: Option<(u64, u64)>,
  system: Option<u64>,
}

impl Elements {
  fn into_arena(self) -> Result<Arena, ParseError> {
    let system = self.system.ok_or(ParseError { field: "system" })?;
    let (rest_count, rest_size) = self.rest.ok_or(ParseError { field: "rest" })?;
    let (fast_count, fast_size) = self.fast;
    let listed = Listed::of(&self.bins).ok_or(ParseError { field: "size" })?;
    // The list holds the fast bins and the rest, save one: the top chunk, which the sum counts since 2.31.
    if listed.count.checked_add(1) != rest_count.checked_add(fast_count) {
      return Err(ParseError { field: "rest" });
    }
    let free = rest_size
      .checked_sub(listed.flags)
      .and_then(|rest| rest.checked_add(fast_size))
      .ok_or(ParseError { field: "rest" })?;
    let top = free.checked_sub(listed.total).ok_or(ParseError { field: "rest" })?;
    // glibc reads this size a moment after the others: another thread may have shrunk the arena in between.
    let in_use = system.saturating_sub(free);
    Ok(Arena { system, in_use, top, bins: self.bins.into_iter().map(|raw| raw.bin).collect() })
  }
}

/// What the list of sizes adds up to.
struct Listed {
  count: u64,
  total: u64,
  flags: u64,
}

impl Listed {
  fn of(bins: &[RawBin]) -> Option<Self> {
    bins.iter().try_fold(Self { count: 0, total: 0, flags: 0 }, |sum, raw| {
      Some(Self {
        count: sum.count.checked_add(raw.bin.count)?,
        total: sum.total.checked_add(raw.bin.total)?,
        flags: sum.flags.checked_add(raw.flags)?,
      })
    })
  }
}

/// A line of the list of sizes.
struct RawBin {
  bin: Bin,
  /// What the flags in the low bits of each size added to the total: glibc prints the headers as they are.
  flags: u64,
}

/// `<size from="33" to="33" total="198" count="6"/>`, or the same with `unsorted`. `None` for any other line.
fn bin(line: &[u8]) -> Result<Option<RawBin>, ParseError> {
  let attributes = line.strip_prefix(b"<size ").or_else(|| line.strip_prefix(b"<unsorted "));
  attributes.map(|attributes| bin_attributes(attributes).ok_or(ParseError { field: "size" })).transpose()
}

fn bin_attributes(attributes: &[u8]) -> Option<RawBin> {
  const FLAGS: u64 = 0b111;
  let (_from, attributes) = quoted(attributes.strip_prefix(b"from=")?)?;
  let (largest, attributes) = quoted(attributes.strip_prefix(b" to=")?)?;
  let (total, attributes) = quoted(attributes.strip_prefix(b" total=")?)?;
  let (count, _end) = quoted(attributes.strip_prefix(b" count=")?)?;
  let flags = count.checked_mul(largest & FLAGS)?;
  let bin = Bin { largest: largest & !FLAGS, total: total.checked_sub(flags)?, count };
  Some(RawBin { bin, flags })
}

/// Count and size of `<total type="rest" count="508" size="1868928635"/>`. `None` for any other line.
fn sum(line: &[u8], kind: &[u8]) -> Result<Option<(u64, u64)>, ParseError> {
  let Some(attributes) = line
    .strip_prefix(b"<total type=\"")
    .and_then(|line| line.strip_prefix(kind))
    .and_then(|line| line.strip_prefix(b"\" count="))
  else {
    return Ok(None);
  };
  let count_and_size = || {
    let (count, attributes) = quoted(attributes)?;
    let (size, _end) = quoted(attributes.strip_prefix(b" size=")?)?;
    Some((count, size))
  };
  count_and_size().map(Some).ok_or(ParseError { field: "total" })
}

/// A number in quotation marks, and what follows.
fn quoted(text: &[u8]) -> Option<(u64, &[u8])> {
  let (number, rest) = decimal(text.strip_prefix(b"\"")?)?;
  Some((number, rest.strip_prefix(b"\"")?))
}
