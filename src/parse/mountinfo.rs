//! `/proc/<pid>/mountinfo`: where control groups are mounted.

/// A mount of a hierarchy of control groups that may limit memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupMount {
  /// Version 2, or version 1 with the memory controller.
  pub is_unified: bool,
  /// The group that is mounted, as a path from the root of the hierarchy: of what is above it nothing can be seen.
  pub root: Vec<u8>,
  /// Where it is mounted.
  pub point: Vec<u8>,
}

/// All of them, in the order of the text. Lines that are none are passed over.
pub fn cgroup_mounts(text: &[u8]) -> Vec<CgroupMount> {
  text.split(|byte| *byte == b'\n').filter_map(cgroup_mount).collect()
}

/// Reads `number parent device root point options [tags...] - type source super-options`.
fn cgroup_mount(line: &[u8]) -> Option<CgroupMount> {
  let mut fields = line.split(|byte| *byte == b' ');
  let (root, point) = (fields.nth(3)?, fields.next()?);
  fields.find(|field| *field == b"-")?; // there may be any number of tags
  let is_unified = match fields.next()? {
    b"cgroup2" => true,
    b"cgroup" => false,
    _ => return None,
  };
  let mut controllers = fields.nth(1)?.split(|byte| *byte == b',');
  let may_limit = is_unified || controllers.any(|controller| controller == b"memory");
  may_limit.then(|| CgroupMount { is_unified, root: unescaped(root), point: unescaped(point) })
}

/// The kernel writes blanks and the like as a backslash and three octal digits.
fn unescaped(path: &[u8]) -> Vec<u8> {
  let mut rest = path;
  let mut plain = Vec::with_capacity(path.len());
  while let Some((byte, behind)) = rest.split_first() {
    let escaped = behind.first_chunk::<3>().filter(|_| *byte == b'\\').and_then(|digits| octal(*digits));
    plain.push(escaped.unwrap_or(*byte));
    rest = if escaped.is_some() { behind.get(3..).unwrap_or_default() } else { behind };
  }
  plain
}

fn octal(digits: [u8; 3]) -> Option<u8> {
  let value = digits
    .into_iter()
    .try_fold(0_u32, |value, digit| value.checked_mul(8)?.checked_add(char::from(digit).to_digit(8)?));
  u8::try_from(value?).ok()
}
