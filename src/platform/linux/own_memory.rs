//! Reading our own address space without the risk of a fault.

/// Copies `words.len()` words from `address`. `false` when any of them is not readable, or when a seccomp
/// profile forbids the call.
pub fn read_own_words(address: usize, words: &mut [u64]) -> bool {
  let length = size_of_val(words);
  let local = libc::iovec { iov_base: words.as_mut_ptr().cast(), iov_len: length };
  let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: length };
  // SAFETY: getpid has no preconditions.
  let process = unsafe { libc::getpid() };
  // SAFETY: the local vector is a live, writable slice; the remote address is only read by the kernel, which
  // answers EFAULT where nothing is mapped.
  let copied = unsafe { libc::process_vm_readv(process, &raw const local, 1, &raw const remote, 1, 0) };
  usize::try_from(copied) == Ok(length)
}
