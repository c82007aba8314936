//! A second opinion on a captured process: what `smaps` itself says, read by code that attribution does not share.

use crate::captured::CapturedProcess;

const KIB: u64 = 1024;

/// One mapping, in the words of `smaps`.
#[derive(Debug, Clone)]
pub(crate) struct Row {
  pub(crate) start: u64,
  pub(crate) end: u64,
  pub(crate) access: String,
  pub(crate) name: String,
  pub(crate) rss: u64,
  pub(crate) anonymous: u64,
}

impl Row {
  /// Private memory that no file backs and nobody named.
  pub(crate) fn is_nameless(&self) -> bool {
    self.name.is_empty() && self.access.ends_with('p')
  }
}

pub(crate) fn rows(process: &CapturedProcess) -> Vec<Row> {
  process.lines.iter().map(|([rss, _, anonymous, _], line)| row(line, rss * KIB, anonymous * KIB)).collect()
}

fn row(line: &str, rss: u64, anonymous: u64) -> Row {
  let columns: Vec<&str> = line.split_ascii_whitespace().collect();
  let (start, end) = columns[0].split_once('-').unwrap();
  let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
  Row { start, end, access: columns[1].to_owned(), name: columns[5..].join(" "), rss, anonymous }
}

/// Resident bytes of the rows that `wanted` picks.
pub(crate) fn rss_of(rows: &[Row], wanted: impl Fn(&Row) -> bool) -> u64 {
  rows.iter().filter(|row| wanted(row)).map(|row| row.rss).sum()
}
