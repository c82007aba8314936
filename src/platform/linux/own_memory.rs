//! Reading our own address space without the risk of a fault: another thread may unmap anything at any time.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::without_provenance_mut;

/// Copies `words.len()` words from `address`. `false` when any of them is not readable, or when a seccomp
/// profile forbids the call.
pub fn read_own_words(address: usize, words: &mut [u64]) -> bool {
  // SAFETY: getpid has no preconditions.
  let process = unsafe { libc::getpid() };
  read_words_of(process, address, words)
}

fn read_words_of(process: libc::pid_t, address: usize, words: &mut [u64]) -> bool {
  let length = size_of_val(words);
  let local = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: length };
  let remote = libc::iovec { iov_base: without_provenance_mut(address), iov_len: length };
  // SAFETY: the local vector is a live, writable slice; the remote address is only read by the kernel, which
  // answers EFAULT where nothing is mapped.
  let copied = unsafe { libc::process_vm_readv(process, &raw const local, 1, &raw const remote, 1, 0) };
  usize::try_from(copied) == Ok(length)
}

/// The kernel's limit for one vectored call.
const BATCH: usize = 1024;
/// From this many addresses on, two calls through the file cost less than one per address.
const WORTH_A_FILE: usize = 4;

/// Reads words of this process for one look at it.
///
/// Words from many addresses are gathered in one call: the kernel writes them into a file in memory, which is read
/// back. A third of the cost of `process_vm_readv`, which looks every page up as a foreign process would. The file
/// exists for one look: a descriptor that was kept could be closed and reused by others, and we would write into
/// their file.
pub struct OwnMemory {
  /// glibc asks the kernel each time.
  process: libc::pid_t,
  file: Option<OwnedFd>,
}

impl OwnMemory {
  /// Opens the file. Where the kernel has none, words are read one address after the other.
  pub fn open() -> Self {
    // SAFETY: the name is a C string literal.
    let descriptor = unsafe { libc::memfd_create(c"rs-memusage-gather".as_ptr(), libc::MFD_CLOEXEC) };
    // SAFETY: the descriptor was just opened and nobody else owns it.
    let file = (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor) });
    // SAFETY: getpid has no preconditions.
    Self { process: unsafe { libc::getpid() }, file }
  }

  /// Copies consecutive words from `address`; `false` when any of them is not readable.
  pub fn read(&self, address: u64, words: &mut [u64]) -> bool {
    read_words_of(self.process, user_address(address), words)
  }

  /// Copies `width` words from each address into `words`, one after the other; zeros where an address is not
  /// readable.
  pub fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>) {
    words.clear();
    words.resize(addresses.len().saturating_mul(width), 0);
    let batch_words = BATCH.saturating_mul(width).max(1);
    for (addresses, words) in addresses.chunks(BATCH).zip(words.chunks_mut(batch_words)) {
      for address in addresses {
        prefetch(user_address(*address));
      }
      match &self.file {
        Some(file) if addresses.len() >= WORTH_A_FILE => self.without_nulls(file, addresses, width, words),
        _ => self.one_by_one(addresses, width, words),
      }
    }
  }

  fn one_by_one(&self, addresses: &[u64], width: usize, words: &mut [u64]) {
    for (address, words) in addresses.iter().zip(words.chunks_mut(width.max(1))) {
      if user_address(*address) == 0 || !self.read(*address, words) {
        words.fill(0);
      }
    }
  }

  /// A call through the file stops at each address that cannot be read. Those of which that is known are left out.
  fn without_nulls(&self, file: &OwnedFd, addresses: &[u64], width: usize, words: &mut [u64]) {
    let readable: Vec<u64> =
      addresses.iter().copied().filter(|address| user_address(*address) != 0).collect();
    if readable.len() == addresses.len() {
      return self.through_file(file, addresses, width, words);
    }
    let mut read = vec![0; readable.len().saturating_mul(width)];
    self.through_file(file, &readable, width, &mut read);
    let targets = addresses.iter().zip(words.chunks_mut(width.max(1)));
    let targets = targets.filter(|(address, _)| user_address(**address) != 0);
    for ((_, target), source) in targets.zip(read.chunks(width.max(1))) {
      target.copy_from_slice(source);
    }
  }

  fn through_file(&self, file: &OwnedFd, addresses: &[u64], width: usize, words: &mut [u64]) {
    let length = width.saturating_mul(size_of::<u64>());
    let mut done = 0_usize;
    while let Some(rest) = addresses.get(done..).filter(|rest| !rest.is_empty()) {
      let target = words.get_mut(done.saturating_mul(width)..).unwrap_or_default();
      let copied = match write(file, rest, length) {
        Ok(written) => written.checked_div(length).unwrap_or(0),
        Err(libc::EFAULT) => 0, // the first address cannot be read
        Err(_) => return self.one_by_one(rest, width, target),
      };
      let target = target.get_mut(..copied.saturating_mul(width)).unwrap_or_default();
      if !read_back(file, target) {
        target.fill(0);
      }
      // The call stopped at an address that cannot be read: its words stay zero.
      done = done.saturating_add(copied).saturating_add(1);
    }
  }
}

/// Bytes copied from the addresses to the start of the file, up to the first unreadable one; the error when that is the
/// first of all.
fn write(file: &OwnedFd, addresses: &[u64], length: usize) -> Result<usize, i32> {
  let vectors: Vec<libc::iovec> = addresses
    .iter()
    .map(|address| libc::iovec { iov_base: without_provenance_mut(user_address(*address)), iov_len: length })
    .collect();
  let count = i32::try_from(vectors.len()).map_err(|_| libc::EINVAL)?;
  // SAFETY: the vectors are live; the kernel only reads the addresses and stops where nothing is mapped.
  let written = unsafe { libc::pwritev(file.as_raw_fd(), vectors.as_ptr(), count, 0) };
  usize::try_from(written).map_err(|_| std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

fn read_back(file: &OwnedFd, words: &mut [u64]) -> bool {
  let length = size_of_val(words);
  // SAFETY: the pointer and the length are those of a live, writable slice of words, any bits of which are valid.
  let read = unsafe { libc::pread(file.as_raw_fd(), words.as_mut_ptr().cast(), length, 0) };
  usize::try_from(read) == Ok(length)
}

/// Starts to bring a line of memory into the cache. Headers of heap pages lie far apart, so each is a miss of the cache
/// and of the TLB; asked for ahead they overlap, where the kernel would wait for one after the other. Where nothing
/// is mapped, nothing happens: the instruction never faults.
#[cfg(target_arch = "x86_64")]
pub fn prefetch(address: usize) {
  use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
  // SAFETY: a prefetch is a hint to the processor. It accesses nothing that the program could notice.
  unsafe { _mm_prefetch::<_MM_HINT_T0>(without_provenance_mut::<i8>(address)) };
}

/// No stable intrinsic exists here, and the rest works without.
#[cfg(not(target_arch = "x86_64"))]
pub fn prefetch(_address: usize) {}

/// What looks like a pointer may be any word. One outside the user's half of the address space would make the kernel
/// refuse a whole call; it becomes null, and so does what lies where the kernel lets nobody map.
fn user_address(address: u64) -> usize {
  const START: u64 = 4096;
  const END: u64 = if cfg!(target_arch = "x86_64") { 1 << 47 } else { 1 << 48 };
  usize::try_from(address).ok().filter(|_| (START..END).contains(&address)).unwrap_or(0)
}
