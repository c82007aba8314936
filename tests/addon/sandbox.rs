//! Hard circumstances: a sandbox that forbids system calls, and memory that somebody else serves.

use std::ptr::null_mut;

use napi_derive::napi;

use super::{map, write_each_page};

/// Forbids system calls to all threads of the process, for good: a number as `action` is the error that they fail with,
/// none kills the process.
#[napi]
pub fn forbid(calls: Vec<String>, action: Option<u32>) {
  const DEADLY: u32 = 0x8000_0000;
  const FAILS: u32 = 0x0005_0000;
  const ALLOWED: u32 = 0x7fff_0000;
  const FOR_ALL_THREADS: libc::c_ulong = 1;
  let load_number = statement(0x20, 0, 0, 0);
  let mut program = vec![load_number];
  for call in &calls {
    program.push(statement(0x15, 0, 1, number(call))); // unless it is this one, pass over the next line
    program.push(statement(0x06, 0, 0, action.map_or(DEADLY, |errno| FAILS | errno)));
  }
  program.push(statement(0x06, 0, 0, ALLOWED));
  let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
  // SAFETY: only numbers are passed.
  assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
  let set_filter = libc::c_ulong::from(libc::SECCOMP_SET_MODE_FILTER);
  // SAFETY: the filter and its program are live locals.
  let failed = unsafe { libc::syscall(libc::SYS_seccomp, set_filter, FOR_ALL_THREADS, &raw const filter) };
  assert_eq!(failed, 0);
}

fn statement(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
  libc::sock_filter { code, jt, jf, k }
}

fn number(call: &str) -> u32 {
  let number = match call {
    "mincore" => libc::SYS_mincore,
    "process_vm_readv" => libc::SYS_process_vm_readv,
    "memfd_create" => libc::SYS_memfd_create,
    "get_robust_list" => libc::SYS_get_robust_list,
    "ioctl" => libc::SYS_ioctl,
    "pwritev" => libc::SYS_pwritev,
    "prlimit64" => libc::SYS_prlimit64,
    other => panic!("{other} is not on the list"),
  };
  number as u32
}

/// Whether a call that is always harmless is still alive: asks `mincore` about nothing.
#[napi]
pub fn call_mincore() {
  // SAFETY: no page is asked about.
  unsafe { libc::mincore(null_mut(), 0, null_mut()) };
}

/// 256 KiB, aligned to that and with nothing on either side, as V8's pages are. Whoever reads it waits until somebody
/// serves the page, and nobody does. Gives 0, or the error with which the kernel refuses such memory.
#[napi]
pub fn map_unserved() -> i32 {
  const SIZE: usize = 256 * 1024;
  /// `UFFD_API`, and the ioctls of `<linux/userfaultfd.h>`.
  const API: u64 = 0xAA;
  const UFFDIO_API: libc::Ioctl = 0xc018_aa3f_u32 as libc::Ioctl;
  const UFFDIO_REGISTER: libc::Ioctl = 0xc020_aa00_u32 as libc::Ioctl;
  const MODE_MISSING: u64 = 1;
  let room = map(4 * SIZE, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1);
  let page = room.wrapping_add(room.align_offset(SIZE));
  let page = if page == room { page.wrapping_add(SIZE) } else { page };
  // SAFETY: the range was mapped above and nobody uses it.
  unsafe { libc::munmap(room.cast(), 4 * SIZE) };
  let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
  // SAFETY: with this flag nothing that is mapped already is replaced.
  let start = unsafe { libc::mmap(page.cast(), SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
  assert_eq!(start.cast(), page);
  // SAFETY: the call takes flags only.
  let descriptor = unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC) } as i32;
  if descriptor < 0 {
    return last_error();
  }
  let mut api = [API, 0, 0];
  let mut range = [start as u64, SIZE as u64, MODE_MISSING, 0];
  // SAFETY: the request is the kernel's struct of three words.
  assert_eq!(unsafe { libc::ioctl(descriptor, UFFDIO_API, api.as_mut_ptr()) }, 0);
  // SAFETY: the request is the kernel's struct of four words.
  assert_eq!(unsafe { libc::ioctl(descriptor, UFFDIO_REGISTER, range.as_mut_ptr()) }, 0);
  0
}

fn last_error() -> i32 {
  std::io::Error::last_os_error().raw_os_error().unwrap()
}

/// Memory that the kernel hides from everybody else, written. Gives 0, or the error with which the kernel refuses any.
#[napi]
pub fn map_secret(bytes: f64) -> i32 {
  let length = bytes as usize;
  // SAFETY: the call takes flags only.
  let descriptor = unsafe { libc::syscall(libc::SYS_memfd_secret, 0) } as i32;
  if descriptor < 0 {
    return last_error();
  }
  // SAFETY: the call takes no pointer.
  assert_eq!(unsafe { libc::ftruncate(descriptor, bytes as i64) }, 0);
  write_each_page(map(length, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, descriptor), length);
  0
}

/// Private memory in pages of hugetlbfs, written. False where none are left.
#[napi]
pub fn map_huge(bytes: f64) -> bool {
  let length = bytes as usize;
  let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB;
  // SAFETY: a new mapping at an address of the kernel's choice.
  let start = unsafe { libc::mmap(null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
  if start == libc::MAP_FAILED {
    return false;
  }
  write_each_page(start.cast(), length);
  true
}

/// The same, shared through a file in memory.
#[napi]
pub fn share_huge(bytes: f64) -> bool {
  let length = bytes as usize;
  // SAFETY: the name is a C string literal.
  let descriptor = unsafe { libc::memfd_create(c"huge".as_ptr(), libc::MFD_HUGETLB) };
  // SAFETY: the call takes no pointer.
  if descriptor < 0 || unsafe { libc::ftruncate(descriptor, bytes as i64) } != 0 {
    return false;
  }
  // SAFETY: a new mapping at an address of the kernel's choice.
  let start = unsafe {
    libc::mmap(null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, descriptor, 0)
  };
  if start == libc::MAP_FAILED {
    return false;
  }
  write_each_page(start.cast(), length);
  true
}

/// Files that this process writes may be so long.
#[napi]
pub fn limit_file_size(bytes: f64) {
  let limit = libc::rlimit { rlim_cur: bytes as u64, rlim_max: libc::RLIM_INFINITY };
  // SAFETY: the limit is a live local.
  assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
}

/// As a host that is not Node: a write beyond the limit ends the process.
#[napi]
pub fn die_of_long_files() {
  // SAFETY: the default action is no function.
  unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
}
