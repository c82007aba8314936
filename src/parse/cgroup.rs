//! Control groups: `/proc/<pid>/cgroup`, which says in which a process is, and the small files of a group.

use super::{ParseError, behind, whole_number};

/// The groups that may limit the memory of a process: paths from the root of their hierarchy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memberships<'a> {
  /// In the hierarchy of version 1 with the memory controller.
  pub memory: Option<&'a [u8]>,
  /// In that of version 2.
  pub unified: Option<&'a [u8]>,
}

/// Reads `/proc/<pid>/cgroup`: a line `number:controllers:path` for each hierarchy. What is no such line says nothing.
pub fn memberships(text: &[u8]) -> Memberships<'_> {
  let mut found = Memberships::default();
  for line in text.split(|byte| *byte == b'\n') {
    // A path may have colons.
    let mut fields = line.splitn(3, |byte| *byte == b':');
    let (Some(number), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
      continue;
    };
    if number == b"0" && controllers.is_empty() {
      found.unified = Some(path);
    } else if controllers.split(|byte| *byte == b',').any(|controller| controller == b"memory") {
      found.memory = Some(path);
    }
  }
  found
}

/// A file with one amount: bytes, or `max`, which is `None`.
///
/// # Errors
/// When it is neither; `field` names the file.
pub fn amount(text: &[u8], field: &'static str) -> Result<Option<u64>, ParseError> {
  match text.trim_ascii_end() {
    b"max" => Ok(None),
    number => whole_number(number).map(Some).ok_or(ParseError { field }),
  }
}

/// The number of a name in a file of lines `name number`, such as `memory.stat` and `memory.events`; `None` where there
/// is no such line.
pub fn count(text: &[u8], name: &str) -> Option<u64> {
  whole_number(behind(text, name, b" ")?)
}
