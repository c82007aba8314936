//! What in the JS heaps looks like an `ArrayBuffer`.
//!
//! The heaps move while they are searched: a page that one isolate gave back may be another's by now, with objects in
//! it that the look never saw. So it is the header of the page, read after its words, that tells whose they are.

use std::collections::HashSet;

use super::address_range::AddressRange;
use super::ascending_reads::may_hold_records;
use super::buffer_layout::BufferLayout;
use crate::attribution::measure::Survey;
use crate::attribution::piece::{Owner, Part, Piece};
use crate::attribution::reading::Memory;
use crate::attribution::v8_pages::{HeaderLayout, PAGE_ALIGNMENT};

const WORD_BYTES: u64 = 8;
/// Words that are read in one go: a page of V8's.
const READ_WORDS: usize = 32 * 1024;

/// Words in the heap of an isolate that may be those of an `ArrayBuffer`, alive or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mention {
  /// In whose heap it is.
  pub(super) isolate: u64,
  /// Where its record would be.
  pub(super) record: u64,
  /// Where its memory would begin.
  pub(super) start: u64,
  /// Its length.
  pub(super) length: u64,
}

/// All of them, and the bytes of heap that were read.
pub(super) fn mentions(
  survey: &Survey,
  memory: &impl Memory,
  headers: &HeaderLayout,
  layout: BufferLayout,
) -> (Vec<Mention>, u64) {
  let ranges = ranges_of_records(survey);
  let heaps: HashSet<u64> =
    survey.measured.iter().filter_map(|measured| isolate_of_heap(&measured.piece)).collect();
  let mut words = vec![0; READ_WORDS];
  let mut mentions = Vec::new();
  let mut searched = 0_u64;
  for measured in &survey.measured {
    let Some(isolate) = isolate_of_heap(&measured.piece) else { continue };
    for (start, end) in survey.resident_runs(&measured.piece) {
      searched = searched.saturating_add(end.saturating_sub(start));
      visit_blocks(memory, (start, end), layout.span(), &mut words, |block, words| {
        let known = mentions.len();
        let mut pages = Vec::new();
        for range in &ranges {
          range.find(words, |position| {
            let Some(record) = words.get(position).copied() else { return };
            let Some((start, length)) = layout.of_object(words, position) else { return };
            // Some kinds keep their length in the store alone, and leave 0 in the object.
            if start > u64::from(u16::MAX) && start.checked_add(length).is_some() {
              mentions.push(Mention { isolate, record, start, length });
              pages.push(page_with(block.saturating_add(bytes(position))));
            }
          });
        }
        let found = mentions.get_mut(known..).unwrap_or_default();
        for (mentions, owner) in by_page(found, &pages, headers, memory) {
          // Further up in a large object there is no header.
          if owner != isolate && heaps.contains(&owner) {
            for mention in mentions {
              mention.isolate = owner;
            }
          }
        }
      });
    }
  }
  (mentions, searched)
}

/// The mentions of each page, and the isolate that its header leads to. `pages` has the page of each mention.
fn by_page<'a>(
  mentions: &'a mut [Mention],
  pages: &[u64],
  headers: &HeaderLayout,
  memory: &impl Memory,
) -> impl Iterator<Item = (&'a mut [Mention], u64)> {
  let runs: Vec<(u64, usize)> =
    pages.chunk_by(u64::eq).filter_map(|run| Some((*run.first()?, run.len()))).collect();
  let starts: Vec<u64> = runs.iter().map(|(page, _)| *page).collect();
  let owners = headers.isolates_of(memory, &starts);
  let mut rest = mentions;
  runs.into_iter().zip(owners).map_while(move |((_, count), owner)| {
    let (of_page, behind) = std::mem::take(&mut rest).split_at_mut_checked(count)?;
    rest = behind;
    Some((of_page, owner))
  })
}

fn page_with(address: u64) -> u64 {
  address.saturating_sub(address.checked_rem(PAGE_ALIGNMENT).unwrap_or(0))
}

fn isolate_of_heap(piece: &Piece) -> Option<u64> {
  match piece.owner {
    Owner::Isolate(isolate) if piece.part == Part::V8Heap => Some(isolate),
    _ => None,
  }
}

/// Where records may lie: a few ranges, for the heap that the program began with lies far from all mappings, and between
/// them V8 has its own pages.
fn ranges_of_records(survey: &Survey) -> Vec<AddressRange> {
  const FAR: u64 = 1 << 40;
  let mut ranges: Vec<(u64, u64)> = Vec::new();
  for piece in survey.measured.iter().map(|measured| measured.piece).filter(may_hold_records) {
    match ranges.last_mut().filter(|(_, end)| piece.start.saturating_sub(*end) < FAR) {
      Some((_, end)) => *end = piece.end,
      None => ranges.push((piece.start, piece.end)),
    }
  }
  ranges.into_iter().map(|(start, end)| AddressRange::of_pointers(start, end)).collect()
}

/// Reads memory block by block, each with its address. What is no longer than `span` words is whole in one of them.
fn visit_blocks(
  memory: &impl Memory,
  (start, end): (u64, u64),
  span: usize,
  words: &mut [u64],
  mut visit: impl FnMut(u64, &[u64]),
) {
  let mut address = start;
  loop {
    let left = end.saturating_sub(address).checked_div(WORD_BYTES).unwrap_or(0);
    let count = usize::try_from(left).unwrap_or(usize::MAX).min(words.len());
    let Some(words) = words.get_mut(..count) else { return };
    if memory.read(address, words) {
      visit(address, words);
    }
    let step = bytes(count.saturating_sub(span));
    if address.saturating_add(bytes(count)) >= end || step == 0 {
      return;
    }
    address = address.saturating_add(step);
  }
}

fn bytes(words: usize) -> u64 {
  u64::try_from(words).unwrap_or(u64::MAX).saturating_mul(WORD_BYTES)
}
