//! `/proc/<pid>/maps`: one line per region of the address space.

use std::ops::Range;

use super::ParseError;

/// One mapped region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
  /// First address.
  pub start: u64,
  /// First address behind it.
  pub end: u64,
  /// What the mapping allows.
  pub access: Access,
  /// Inode of the mapped file; 0 for anonymous memory.
  pub inode: u64,
  /// Where the name stands in the text that was parsed; empty for anonymous memory.
  pub name: Range<usize>,
}

/// The `rwxp` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent flags of the kernel")]
pub struct Access {
  /// May be read.
  pub read: bool,
  /// May be written.
  pub write: bool,
  /// May be executed.
  pub execute: bool,
  /// Writes reach the file and other processes; otherwise they are private copies.
  pub shared: bool,
}

impl Access {
  /// No access at all: a reservation or a guard.
  pub fn is_none(self) -> bool {
    !(self.read || self.write || self.execute)
  }
}

impl Region {
  /// Bytes of address space.
  pub fn size(&self) -> u64 {
    self.end.saturating_sub(self.start)
  }

  /// The file or the kernel's label, as it stands in the text.
  pub fn name<'a>(&self, text: &'a [u8]) -> &'a [u8] {
    text.get(self.name.clone()).unwrap_or_default()
  }

  /// Private memory without a file and without a label of the kernel.
  pub fn is_plain_anonymous(&self) -> bool {
    self.inode == 0 && !self.access.shared && self.name.is_empty()
  }
}

/// Parses the whole text and appends its regions, in address order and without overlaps.
///
/// The kernel hands the text out in pieces, so a region that changed between two of them may come twice, the
/// second time in another shape: what is already covered is cut off.
///
/// # Errors
/// Names the first column that is not as documented.
pub fn parse(text: &[u8], regions: &mut Vec<Region>) -> Result<(), ParseError> {
  let mut rest = text;
  let mut covered = 0;
  while !rest.is_empty() {
    let (mut region, following) = line_of(rest, text.len().saturating_sub(rest.len()))?;
    rest = following;
    region.start = region.start.max(covered);
    if region.start < region.end {
      covered = region.end;
      regions.push(region);
    }
  }
  Ok(())
}

/// The region that holds an address, of regions in address order.
pub fn region_at(regions: &[Region], address: u64) -> Option<&Region> {
  let behind = regions.partition_point(|region| region.start <= address);
  regions.get(behind.checked_sub(1)?).filter(|region| address < region.end)
}

/// Parses the first line of `text`, which stands at `position`; gives what follows it. Most lines have no name: they are
/// gone through once.
fn line_of(text: &[u8], position: usize) -> Result<(Region, &[u8]), ParseError> {
  let (start, rest) = hexadecimal(text, b'-').ok_or(ParseError { field: "address" })?;
  let (end, rest) = hexadecimal(rest, b' ').ok_or(ParseError { field: "address" })?;
  let (access, rest) = access(rest).ok_or(ParseError { field: "perms" })?;
  let (_offset, rest) = hexadecimal(rest, b' ').ok_or(ParseError { field: "offset" })?;
  let (_device, rest) = split_at_space(rest).ok_or(ParseError { field: "dev" })?;
  let (inode, rest) = super::decimal(rest).ok_or(ParseError { field: "inode" })?;
  // Two sizes of padding exist between kernels; a name begins at the first character that is not a space.
  let padding = rest.iter().take_while(|byte| byte.is_ascii_whitespace() && **byte != b'\n').count();
  let rest = rest.get(padding..).unwrap_or_default();
  let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
  let name_start = position.saturating_add(text.len().saturating_sub(rest.len()));
  let name = name_start..name_start.saturating_add(length);
  Ok((Region { start, end, access, inode, name }, rest.get(length.saturating_add(1)..).unwrap_or_default()))
}

fn hexadecimal(text: &[u8], end: u8) -> Option<(u64, &[u8])> {
  const MAX_DIGITS: usize = 16;
  let mut value = 0_u64;
  for (position, byte) in text.iter().enumerate().take(MAX_DIGITS.saturating_add(1)) {
    let digit = match byte {
      b'0'..=b'9' => byte.wrapping_sub(b'0'),
      b'a'..=b'f' => byte.wrapping_sub(b'a').wrapping_add(10),
      _ if *byte == end && position > 0 => return Some((value, text.get(position.saturating_add(1)..)?)),
      _ => return None,
    };
    if position == MAX_DIGITS {
      return None; // more than 64 bits
    }
    value = value.wrapping_shl(4) | u64::from(digit);
  }
  None
}

fn access(text: &[u8]) -> Option<(Access, &[u8])> {
  let (&[read, write, execute, shared, b' '], rest) = text.split_first_chunk::<5>()? else { return None };
  let flag = |byte: u8, letter: u8| match byte {
    b'-' => Some(false),
    _ => (byte == letter).then_some(true),
  };
  let shared = match shared {
    b's' => true,
    b'p' => false,
    _ => return None,
  };
  let access =
    Access { read: flag(read, b'r')?, write: flag(write, b'w')?, execute: flag(execute, b'x')?, shared };
  Some((access, rest))
}

fn split_at_space(text: &[u8]) -> Option<(&[u8], &[u8])> {
  let space = text.iter().position(|byte| matches!(byte, b' ' | b'\n'))?;
  let (before, behind) = text.split_at_checked(space)?;
  Some((before, behind.strip_prefix(b" ")?))
}
