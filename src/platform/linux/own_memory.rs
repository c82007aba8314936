//! Reading our own address space without the risk of a fault: another thread may unmap anything at any time.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{null_mut, without_provenance_mut};

use super::proc_file;
use super::sandbox::{self, Call};

/// Copies `words.len()` words from `address`. `false` when any of them is not readable.
///
/// For single questions, also while the package is loaded: `process_vm_readv` where nothing forbids it, and otherwise a
/// file of the kernel, opened for this.
pub fn read_own_words(address: usize, words: &mut [u64]) -> bool {
  if sandbox::is_known_to_be_allowed(Call::ReadMemory) {
    match read_by_call(own_process(), address, words) {
      Err(error) if is_refused(error) => {}
      outcome => return outcome == Ok(size_of_val(words)),
    }
  }
  open_memory().is_some_and(|memory| read_by_file(&memory, address, words))
}

/// The kernel's limit for one vectored call.
const BATCH: usize = 1024;
/// From this many addresses on, two calls through the file cost less than one per address.
const WORTH_A_FILE: usize = 4;

/// How single words are read.
enum Reader {
  /// By `process_vm_readv`, of this process. glibc asks the kernel for the number each time.
  Call(libc::pid_t),
  /// Where that is forbidden, by `/proc/self/mem`.
  Memory(OwnedFd),
  /// Where the rights to open that were dropped too, as many words are.
  Gathering,
}

/// Reads words of this process for one look at it.
///
/// Words from many addresses are gathered in one call: the kernel writes them into a file in memory, which is read
/// back. A third of the cost of `process_vm_readv`, which looks every page up as a foreign process would. The file
/// exists for one look: a descriptor that was kept could be closed and reused by others, and we would write into
/// their file.
pub struct OwnMemory {
  reader: Reader,
  file: Option<OwnedFd>,
}

impl OwnMemory {
  /// Finds out what works here, which costs less than a microsecond where everything does.
  pub fn open() -> Self {
    sandbox::refresh();
    let file = open_gathering_file();
    let process = own_process();
    let reader = if sandbox::allows(Call::ReadMemory) && is_read_by_call(process) {
      Reader::Call(process)
    } else if let Some(memory) = open_memory() {
      Reader::Memory(memory)
    } else {
      Reader::Gathering
    };
    Self { reader, file }
  }

  /// Copies consecutive words from `address`; `false` when any of them is not readable.
  pub fn read(&self, address: u64, words: &mut [u64]) -> bool {
    let address = user_address(address);
    match (&self.reader, &self.file) {
      (Reader::Call(process), _) => read_by_call(*process, address, words) == Ok(size_of_val(words)),
      (Reader::Memory(memory), _) => read_by_file(memory, address, words),
      (Reader::Gathering, Some(file)) => {
        let length = size_of_val(words);
        write(file, &[address], length) == Ok(length) && read_back(file, words)
      }
      (Reader::Gathering, None) => false,
    }
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
      self.one(*address, words);
    }
  }

  fn one(&self, address: u64, words: &mut [u64]) {
    if user_address(address) == 0 || !self.read(address, words) {
      words.fill(0);
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
    let places: Vec<usize> = addresses.iter().map(|address| user_address(*address)).collect();
    let mut done = 0_usize;
    while let Some(rest) = addresses.get(done..).filter(|rest| !rest.is_empty()) {
      let target = words.get_mut(done.saturating_mul(width)..).unwrap_or_default();
      let copied = match write(file, places.get(done..).unwrap_or_default(), length) {
        Ok(written) => written.checked_div(length).unwrap_or(0),
        Err(libc::EFAULT) => 0, // the first address cannot be read
        Err(_) => return self.one_by_one(rest, width, target),
      };
      let (read, behind) = target.split_at_mut_checked(copied.saturating_mul(width)).unwrap_or_default();
      if !read_back(file, read) {
        read.fill(0);
      }
      // The call stopped at an address that cannot be read, as a rule; or the file may take no more.
      if let (Some(stopped), Some(words)) = (rest.get(copied), behind.get_mut(..width)) {
        self.one(*stopped, words);
      }
      done = done.saturating_add(copied).saturating_add(1);
    }
  }
}

fn own_process() -> libc::pid_t {
  // SAFETY: getpid has no preconditions.
  unsafe { libc::getpid() }
}

/// Bytes copied by `process_vm_readv`, or the error.
fn read_by_call(process: libc::pid_t, address: usize, words: &mut [u64]) -> Result<usize, i32> {
  let length = size_of_val(words);
  let local = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: length };
  let remote = libc::iovec { iov_base: without_provenance_mut(address), iov_len: length };
  // SAFETY: the local vector is a live, writable slice; the remote address is only read by the kernel, which
  // answers EFAULT where nothing is mapped.
  let copied = unsafe { libc::process_vm_readv(process, &raw const local, 1, &raw const remote, 1, 0) };
  usize::try_from(copied).map_err(|_| last_errno())
}

/// Whether the call copies what we know.
fn is_read_by_call(process: libc::pid_t) -> bool {
  let known = 0x5eed_u64;
  let mut words = [0];
  read_by_call(process, (&raw const known).addr(), &mut words) == Ok(size_of_val(&words)) && words == [known]
}

/// Whether the system forbids a call or does not have it, whatever it is asked.
fn is_refused(error: i32) -> bool {
  matches!(error, libc::EPERM | libc::ENOSYS | libc::EACCES)
}

fn open_memory() -> Option<OwnedFd> {
  proc_file::open(c"/proc/self/mem", libc::O_RDONLY).ok()
}

fn read_by_file(memory: &OwnedFd, address: usize, words: &mut [u64]) -> bool {
  let length = size_of_val(words);
  let Ok(offset) = libc::off_t::try_from(address) else { return false };
  // SAFETY: the pointer and the length are those of a live, writable slice of words, any bits of which are valid.
  let read = unsafe { libc::pread(memory.as_raw_fd(), words.as_mut_ptr().cast(), length, offset) };
  usize::try_from(read) == Ok(length)
}

/// A file for what is gathered. `None` where the system has none, or where it may not become as long as it must: a write
/// beyond that limit raises a signal, which ends a host that does not ignore it as Node does.
fn open_gathering_file() -> Option<OwnedFd> {
  /// More than the words of one batch.
  const NEEDED: u64 = 1 << 20;
  if !sandbox::allows(Call::FileInMemory) || file_size_limit().is_none_or(|limit| limit < NEEDED) {
    return None;
  }
  // SAFETY: the name is a C string literal.
  let descriptor = unsafe { libc::memfd_create(c"rs-memusage-gather".as_ptr(), libc::MFD_CLOEXEC) };
  // SAFETY: the descriptor was just opened and nobody else owns it.
  (descriptor >= 0).then(|| unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn file_size_limit() -> Option<u64> {
  if !sandbox::allows(Call::Limits) {
    return None;
  }
  let mut limit = MaybeUninit::<libc::rlimit64>::uninit();
  // SAFETY: no limit is set, and the present one is written into a live local.
  let failed = unsafe { libc::prlimit64(0, libc::RLIMIT_FSIZE, null_mut(), limit.as_mut_ptr()) } != 0;
  // SAFETY: the call that succeeded has filled it.
  (!failed).then(|| unsafe { limit.assume_init() }.rlim_cur)
}

/// Bytes copied from the addresses to the start of the file, up to the first unreadable one; the error when that is the
/// first of all.
fn write(file: &OwnedFd, addresses: &[usize], length: usize) -> Result<usize, i32> {
  let vectors: Vec<libc::iovec> = addresses
    .iter()
    .map(|address| libc::iovec { iov_base: without_provenance_mut(*address), iov_len: length })
    .collect();
  let count = i32::try_from(vectors.len()).map_err(|_| libc::EINVAL)?;
  // SAFETY: the vectors are live; the kernel only reads the addresses and stops where nothing is mapped.
  let written = unsafe { libc::pwritev(file.as_raw_fd(), vectors.as_ptr(), count, 0) };
  usize::try_from(written).map_err(|_| last_errno())
}

fn read_back(file: &OwnedFd, words: &mut [u64]) -> bool {
  let length = size_of_val(words);
  // SAFETY: the pointer and the length are those of a live, writable slice of words, any bits of which are valid.
  let read = unsafe { libc::pread(file.as_raw_fd(), words.as_mut_ptr().cast(), length, 0) };
  usize::try_from(read) == Ok(length)
}

fn last_errno() -> i32 {
  std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// Starts to bring a line of memory into the cache. Headers of heap pages lie far apart, so each is a miss of the cache
/// and of the TLB; asked for ahead they overlap, where the kernel would wait for one after the other. Where nothing
/// is mapped, nothing happens: the instruction never faults.
#[cfg(target_arch = "x86_64")]
fn prefetch(address: usize) {
  use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
  // SAFETY: a prefetch is a hint to the processor. It accesses nothing that the program could notice.
  unsafe { _mm_prefetch::<_MM_HINT_T0>(without_provenance_mut::<i8>(address)) };
}

/// No stable intrinsic exists here, and the rest works without.
#[cfg(not(target_arch = "x86_64"))]
fn prefetch(_address: usize) {}

/// What looks like a pointer may be any word. One outside the user's half of the address space would make the kernel
/// refuse a whole call; it becomes null, and so does what lies where the kernel lets nobody map.
fn user_address(address: u64) -> usize {
  const START: u64 = 4096;
  const END: u64 = if cfg!(target_arch = "x86_64") { 1 << 47 } else { 1 << 48 };
  usize::try_from(address).ok().filter(|_| (START..END).contains(&address)).unwrap_or(0)
}
