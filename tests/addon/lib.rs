//! An addon for the tests: it holds memory of every kind in known amounts, as foreign addons do.
#![expect(
  clippy::arithmetic_side_effects,
  clippy::as_conversions,
  clippy::cast_possible_truncation,
  clippy::cast_precision_loss,
  clippy::cast_sign_loss,
  clippy::missing_panics_doc,
  clippy::panic,
  clippy::unwrap_used,
  clippy::needless_pass_by_value,
  reason = "the tests call it with amounts that fit; a failed allocation may end them"
)]

pub mod foreign;
pub mod own_stack;
pub mod sandbox;

use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;

use napi::bindgen_prelude::Function;
use napi_derive::napi;

const HUGE_PAGE: usize = 2 << 20;

/// Maps a whole file and reads each of its pages.
#[napi]
pub fn map_file(path: String) {
  let file = File::open(path).unwrap();
  let length = file.metadata().unwrap().len() as usize;
  read_each_page(map(length, libc::PROT_READ, libc::MAP_PRIVATE, file.as_raw_fd()), length);
}

/// Maps a whole file, as a database does, and reads the first of it.
#[napi]
pub fn map_start_of_file(path: String, bytes: f64) {
  let file = File::open(path).unwrap();
  let length = file.metadata().unwrap().len() as usize;
  read_each_page(map(length, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd()), bytes as usize);
}

/// Anonymous memory shared with children, written.
#[napi]
pub fn share(bytes: f64) {
  let length = bytes as usize;
  let start = map(length, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS, -1);
  write_each_page(start, length);
}

/// Anonymous memory in huge pages, written. False where the kernel has none.
#[napi]
pub fn huge_pages(bytes: f64) -> bool {
  let length = bytes as usize;
  let start = map_private(length + HUGE_PAGE);
  let aligned = start.wrapping_add(start.align_offset(HUGE_PAGE));
  // SAFETY: the range lies inside the mapping made above.
  let advised = unsafe { libc::madvise(aligned.cast(), length, libc::MADV_HUGEPAGE) } == 0;
  write_each_page(aligned, length);
  advised
}

/// From now on gives this process no huge pages, as some systems do unasked: then what was touched is there, and no more.
#[napi]
pub fn without_huge_pages() {
  // SAFETY: the call takes a flag, and changes what is mapped from now on.
  let failed = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) } != 0;
  assert!(!failed);
}

/// Anonymous memory that is only read: the kernel maps its page of zeros.
#[napi]
pub fn read_zeros(bytes: f64) {
  let length = bytes as usize;
  read_each_page(map_private(length), length);
}

/// Anonymous memory, written, and then made read-only.
#[napi]
pub fn read_only(bytes: f64) {
  protect(bytes, libc::PROT_READ);
}

/// Anonymous memory, written, and then without any access.
#[napi]
pub fn no_access(bytes: f64) {
  protect(bytes, libc::PROT_NONE);
}

/// One block of malloc's, written. The middle of it is left out of core dumps, so that the kernel splits its mapping.
#[napi]
pub fn allocate_split(bytes: f64) {
  let length = bytes as usize;
  // SAFETY: malloc takes any size.
  let block = unsafe { libc::malloc(length) }.cast::<u8>();
  assert!(!block.is_null());
  write_each_page(block, length);
  let page = page_size();
  let middle = block.wrapping_add(block.align_offset(page)).wrapping_add(length / 4 / page * page);
  // SAFETY: the half in the middle lies inside the block.
  let failed = unsafe { libc::madvise(middle.cast(), length / 2 / page * page, libc::MADV_DONTDUMP) } != 0;
  assert!(!failed);
}

/// A thread that stays, deep in its stack.
#[napi]
pub fn deep_stack(bytes: f64) {
  let depth = bytes as usize;
  let (deep, reached) = std::sync::mpsc::channel();
  std::thread::Builder::new()
    .stack_size(depth + (1 << 20))
    .spawn(move || {
      descend(depth);
      deep.send(()).unwrap();
      loop {
        std::thread::park();
      }
    })
    .unwrap();
  reached.recv().unwrap();
}

/// Blocks of malloc's, written and never freed.
#[napi]
pub fn allocate(count: u32, bytes: u32) {
  for _ in 0..count {
    // SAFETY: malloc takes any size.
    let block = unsafe { libc::malloc(bytes as usize) }.cast::<u8>();
    assert!(!block.is_null());
    // SAFETY: the block has that many bytes.
    unsafe { block.write_bytes(1, bytes as usize) };
    std::hint::black_box(block); // or the compiler sees that nobody ever reads it
  }
}

/// Blocks of malloc's, written, and every second one freed: holes as large as a block.
#[napi]
pub fn checkerboard(count: u32, bytes: u32) {
  // SAFETY: malloc takes any size.
  let blocks: Vec<_> = (0..count).map(|_| unsafe { libc::malloc(bytes as usize) }).collect();
  for block in &blocks {
    // SAFETY: the block has that many bytes.
    unsafe { block.write_bytes(1, bytes as usize) };
  }
  for block in blocks.into_iter().step_by(2) {
    // SAFETY: the block came from malloc and is freed once.
    unsafe { libc::free(block) };
  }
}

/// Takes the page behind the end of `brk`'s range, so that malloc's main arena has to go on elsewhere.
#[napi]
pub fn block_brk() {
  // SAFETY: 0 only asks where the range ends.
  let end = unsafe { libc::sbrk(0) };
  let behind = end.wrapping_add(end.align_offset(page_size()));
  let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
  // SAFETY: with this flag nothing that is mapped already is replaced.
  let page = unsafe { libc::mmap(behind, page_size(), libc::PROT_NONE, flags, -1, 0) };
  assert_eq!(page, behind);
}

/// Calls a function while a child made by a bare fork shares all memory that V8 does not keep from children.
///
/// # Errors
/// What the function throws.
#[napi]
pub fn call_beside_fork(call: Function<(), ()>) -> napi::Result<()> {
  // SAFETY: the child does nothing but wait for its end.
  let child = unsafe { libc::fork() };
  if child == 0 {
    loop {
      // SAFETY: waits for a signal.
      unsafe { libc::pause() };
    }
  }
  let outcome = call.call(());
  // SAFETY: the child is ours and was not waited for.
  unsafe { libc::kill(child, libc::SIGKILL) };
  // SAFETY: as above; nobody asks how it ended.
  unsafe { libc::waitpid(child, null_mut(), 0) };
  outcome
}

/// A reservation that `exhaust_mappings` cuts into single pages.
static CUT: std::sync::Mutex<usize> = std::sync::Mutex::new(0);

/// More pages than a process may have mappings.
const CUT_LENGTH: usize = 1 << 30;

/// Makes mappings until the kernel allows no more; gives how many. `drop_mappings` has to follow soon.
#[napi]
pub fn exhaust_mappings() -> u32 {
  let start = map(CUT_LENGTH, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1);
  *CUT.lock().unwrap() = start.addr();
  let page = page_size();
  let mut count = 0;
  for offset in (page..CUT_LENGTH).step_by(2 * page) {
    // SAFETY: nobody uses the mapping made above.
    if unsafe { libc::mprotect(start.wrapping_add(offset).cast(), page, libc::PROT_READ) } != 0 {
      break;
    }
    count += 2;
  }
  count
}

/// Takes away what `exhaust_mappings` made.
#[napi]
pub fn drop_mappings() {
  let start = std::ptr::without_provenance_mut(std::mem::take(&mut *CUT.lock().unwrap()));
  // SAFETY: nobody uses the mapping.
  let failed = unsafe { libc::munmap(start, CUT_LENGTH) } != 0;
  assert!(!failed);
}

/// Bytes per page: 4,096 on x64, 16,384 and 65,536 besides on arm64.
fn page_size() -> usize {
  // SAFETY: sysconf has no preconditions.
  let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
  usize::try_from(bytes).unwrap()
}

#[inline(never)]
fn descend(depth: usize) {
  let frame = std::hint::black_box([1_u8; 16 * 1024]);
  if depth > frame.len() {
    descend(depth - frame.len());
  }
  std::hint::black_box(&frame);
}

fn protect(bytes: f64, protection: i32) {
  let length = bytes as usize;
  let start = map_private(length);
  write_each_page(start, length);
  // SAFETY: nobody uses the mapping made above.
  let failed = unsafe { libc::mprotect(start.cast(), length, protection) } != 0;
  assert!(!failed);
}

fn map_private(length: usize) -> *mut u8 {
  map(length, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1)
}

fn map(length: usize, protection: i32, flags: i32, descriptor: i32) -> *mut u8 {
  // SAFETY: a new mapping at an address of the kernel's choice.
  let start = unsafe { libc::mmap(null_mut(), length, protection, flags, descriptor, 0) };
  assert_ne!(start, libc::MAP_FAILED);
  start.cast()
}

fn write_each_page(start: *mut u8, length: usize) {
  for offset in (0..length).step_by(page_size()) {
    // SAFETY: the offset lies inside the caller's writable mapping.
    unsafe { start.wrapping_add(offset).write_volatile(1) };
  }
}

fn read_each_page(start: *mut u8, length: usize) {
  for offset in (0..length).step_by(page_size()) {
    // SAFETY: the offset lies inside the caller's mapping.
    std::hint::black_box(unsafe { start.wrapping_add(offset).read_volatile() });
  }
}
