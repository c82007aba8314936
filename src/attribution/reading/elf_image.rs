//! How far the zeroed data of a program or library reaches, as its own headers say: what the loader mapped of it first
//! begins with them.

use super::address_space::AddressSpace;
use crate::parse::maps::Region;

/// Smaller regions behind the data of a file hold nothing else, as a rule, and their content tells. Where malloc writes no
/// headers that are known, it does not: musl's small pieces lie right behind libraries.
const WORTH_READING: u64 = 256 * 1024;
/// Mappings that a file may be loaded into.
const MOST_MAPPINGS: usize = 16;
/// `\x7fELF`, for 64 bits and little-endian.
const MAGIC: u64 = 0x0102_464c_457f;
const MAGIC_MASK: u64 = 0xFFFF_FFFF_FFFF;
const HEADER_WORDS: usize = 8;
const SEGMENT_WORDS: usize = 7;
const MOST_SEGMENTS: usize = 64;
const LOADED: u64 = 1;

/// For each anonymous region directly behind the written data of a file, and large where `content_tells`: where it begins,
/// and where the zeroed data of that file ends. In address order.
pub(in crate::attribution) fn ends_of_zeroed_data(
  space: &impl AddressSpace,
  regions: &[Region],
  page_size: u64,
  content_tells: bool,
) -> Vec<(u64, u64)> {
  let least = if content_tells { WORTH_READING } else { 0 };
  let behind_data = regions.windows(2).enumerate().filter_map(|(index, pair)| match pair {
    [data, behind] if behind.size() > least && may_be_zeroed(data, behind) => Some((index, behind.start)),
    _ => None,
  });
  let known = behind_data.filter_map(|(index, start)| {
    Some((start, end_of_image(space, first_mapping(regions, index)?, page_size)?.max(start)))
  });
  known.collect()
}

fn may_be_zeroed(data: &Region, behind: &Region) -> bool {
  data.inode != 0
    && data.access.write
    && !data.access.shared
    && data.end == behind.start
    && behind.is_plain_anonymous()
}

/// The lowest of the mappings of the file whose data is at `index`.
fn first_mapping(regions: &[Region], index: usize) -> Option<u64> {
  let inode = regions.get(index)?.inode;
  let below = regions.get(..=index)?.iter().rev().take(MOST_MAPPINGS);
  below.filter(|region| region.inode == inode).map(|region| region.start).min()
}

/// The first address behind all that the loader made of a file. Nothing is read but a page that is in memory, which for a
/// file the kernel says of its cache: who has the file may not answer.
fn end_of_image(space: &impl AddressSpace, start: u64, page_size: u64) -> Option<u64> {
  let mut is_there = Vec::new();
  space.resident_pages(start, start.checked_add(page_size)?, &mut is_there);
  let is_there = is_there.first().is_some_and(|byte| byte & 1 == 1);
  let mut header = [0; HEADER_WORDS];
  if !is_there || !space.read(start, &mut header) {
    return None;
  }
  let [magic, _, _, _, segments_at, _, _, counts] = header;
  let count = usize::try_from(counts & 0xFFFF).ok().filter(|count| *count <= MOST_SEGMENTS)?;
  let mut words = vec![0; count.checked_mul(SEGMENT_WORDS)?];
  let is_on_page = segments_at.checked_add(u64::try_from(size_of_val(words.as_slice())).ok()?)? <= page_size;
  if magic & MAGIC_MASK != MAGIC || !is_on_page {
    return None;
  }
  if !space.read(start.checked_add(segments_at)?, &mut words) {
    return None;
  }
  let (segments, _) = words.as_chunks::<SEGMENT_WORDS>();
  let loaded = segments.iter().filter(|[kind, ..]| kind & 0xFFFF_FFFF == LOADED);
  let spans = loaded.map(|[_, _, address, _, _, size, _]| (*address, address.saturating_add(*size)));
  let (lowest, highest) =
    spans.reduce(|(lowest, highest), (from, to)| (lowest.min(from), highest.max(to)))?;
  let lowest = lowest.saturating_sub(lowest.checked_rem(page_size)?);
  start.checked_add(highest.checked_sub(lowest)?)?.checked_next_multiple_of(page_size)
}
