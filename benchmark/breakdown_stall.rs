//! How long a reader of the address space holds up another thread of the same process.
//!
//! `breakdown_stall READER PACE MILLISECONDS`: a thread maps 64 KiB, touches and unmaps them again and again, which is
//! what V8 and malloc do all day, while another one reads without pause (`loop`) or ten times a second (`10hz`). The
//! process holds 1 GiB in 4096 mappings, each with the header of a V8 page, so that `breakdown` does all that it does
//! in Node. Prints microseconds that mapping took: median, 99th, 99.9th percentile, maximum; then the share of the
//! time, in percent, that went to mappings of more than a millisecond; then milliseconds per reading.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
  linux::run(&std::env::args().skip(1).collect::<Vec<_>>())
}

/// Other systems have none of the files; the example still has to compile there.
#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
  use std::error::Error;
  use std::ptr::null_mut;
  use std::sync::atomic::{AtomicBool, Ordering};
  use std::thread;
  use std::time::{Duration, Instant};

  use rs_memusage::attribution::{
    AddressSpace, Facts, FileResidency, HeaderLayout, Isolates, Memory, Plan, ResidencySource, Search,
    heap_page_candidates, survey,
  };
  use rs_memusage::error::Result as Measured;
  use rs_memusage::parse::{maps, status};
  use rs_memusage::platform;

  const HEAP_PAGES: usize = 4096;
  const HEAP_PAGE: usize = 256 * 1024;
  /// Nothing is there; it only has to be the same in all headers.
  const ISOLATE: u64 = 0x5555_0000_0000;
  const HEAP_IN_ISOLATE: u64 = 0xD0A0;

  const MAPPED_BYTES: usize = 64 * 1024;
  const SMALLEST_PAGE: usize = 4096;
  /// Room made ahead: growing it would be a mapping of its own.
  const MOST_MAPPINGS: usize = 4 << 20;

  pub(crate) fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    const USAGE: &str =
      "usage: breakdown_stall none|spin|breakdown|regions|smaps|rollup loop|10hz MILLISECONDS";
    let [reader, pace, milliseconds] = arguments else { return Err(USAGE.into()) };
    let pause = match pace.as_str() {
      "loop" => Duration::ZERO,
      "10hz" => Duration::from_millis(100),
      _ => return Err(USAGE.into()),
    };
    platform::prepare();
    let heap = Knowledge::of_a_new_heap()?;
    let mut read: Box<dyn FnMut() -> Result<(), Box<dyn Error>>> = match reader.as_str() {
      "none" => Box::new(|| {
        thread::sleep(Duration::from_millis(1));
        Ok(())
      }),
      "spin" => Box::new(|| {
        spin_for(Duration::from_millis(1));
        Ok(())
      }),
      "breakdown" => Box::new(|| heap.look(false)),
      "regions" => Box::new(|| heap.look(true)),
      "smaps" => Box::new(|| Ok(std::fs::read("/proc/self/smaps").map(drop)?)),
      "rollup" => Box::new(|| Ok(std::fs::read("/proc/self/smaps_rollup").map(drop)?)),
      _ => return Err(USAGE.into()),
    };
    read()?; // the first one is cold

    let duration = Duration::from_millis(milliseconds.parse()?);
    let done = AtomicBool::new(false);
    let (stalls, readings) = thread::scope(|scope| {
      let mapper = scope.spawn(|| map_until(&done));
      let readings = read_for(duration, pause, &mut read);
      done.store(true, Ordering::Relaxed);
      (mapper.join(), readings)
    });
    let stalls = stalls.map_err(|_| "the mapping thread panicked")??;
    report(stalls, readings?)
  }

  /// Reads for that long; gives the mean duration of a reading.
  fn read_for(
    duration: Duration,
    pause: Duration,
    read: &mut dyn FnMut() -> Result<(), Box<dyn Error>>,
  ) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let (mut reading, mut readings) = (Duration::ZERO, 0_u32);
    while start.elapsed() < duration {
      let began = Instant::now();
      read()?;
      reading = reading.saturating_add(began.elapsed());
      readings = readings.saturating_add(1);
      thread::sleep(pause);
    }
    Ok(reading.checked_div(readings).unwrap_or_default())
  }

  fn spin_for(duration: Duration) {
    let start = Instant::now();
    while start.elapsed() < duration {
      std::hint::spin_loop();
    }
  }

  /// Maps, touches and unmaps until it is told to stop; gives how long each time took.
  fn map_until(done: &AtomicBool) -> std::io::Result<Vec<Duration>> {
    let mut durations = Vec::with_capacity(MOST_MAPPINGS);
    while !done.load(Ordering::Relaxed) && durations.len() < MOST_MAPPINGS {
      let start = Instant::now();
      let address = map(MAPPED_BYTES)?;
      touch(address, MAPPED_BYTES);
      unmap(address, MAPPED_BYTES);
      durations.push(start.elapsed());
    }
    Ok(durations)
  }

  fn map(length: usize) -> std::io::Result<*mut u8> {
    const ACCESS: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;
    const KIND: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: without a wish for an address the kernel takes one where nothing is.
    let mapped = unsafe { libc::mmap(null_mut(), length, ACCESS, KIND, -1, 0) };
    if mapped == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(mapped.cast()) }
  }

  fn unmap(address: *mut u8, length: usize) {
    // SAFETY: the range was mapped by this program, and no reference to it exists.
    unsafe { libc::munmap(address.cast(), length) };
  }

  /// Makes every page resident.
  fn touch(address: *mut u8, length: usize) {
    for offset in (0..length).step_by(SMALLEST_PAGE) {
      // SAFETY: the offset stays inside a mapping that is writable and nobody else's.
      unsafe { address.wrapping_add(offset).write_volatile(1) };
    }
  }

  #[expect(clippy::print_stdout, reason = "a command line program: its output is its result")]
  fn report(mut durations: Vec<Duration>, reading: Duration) -> Result<(), Box<dyn Error>> {
    const LONG: Duration = Duration::from_millis(1);
    durations.sort_unstable();
    let total: Duration = durations.iter().sum();
    let lost: Duration = durations.iter().filter(|duration| **duration > LONG).sum();
    let end = durations.len().checked_sub(1).ok_or("nothing was mapped")?;
    let microseconds_at = |per_mille: usize| {
      let index = end.saturating_mul(per_mille).div_euclid(1000);
      durations.get(index).map_or(0.0, |duration| duration.as_secs_f64() * 1e6)
    };
    let [p50, p99, p999, max] = [500, 990, 999, 1000].map(microseconds_at);
    let lost_percent = lost.as_secs_f64() / total.as_secs_f64() * 100.0;
    println!("{p50:.1} {p99:.1} {p999:.1} {max:.1} {lost_percent:.3} {:.3}", reading.as_secs_f64() * 1e3);
    Ok(())
  }

  /// What the addon knows of a process before it looks.
  struct Knowledge {
    facts: Facts,
  }

  impl Knowledge {
    /// Maps what looks like the pages of a heap, and finds out how they name it, as the addon does in V8.
    fn of_a_new_heap() -> Result<Self, Box<dyn Error>> {
      map_heap()?;
      let text = platform::read_maps()?;
      let mut regions = Vec::new();
      maps::parse(&text, &mut regions).map_err(|error| error.field)?;
      let layout = HeaderLayout::find(&OwnProcess::open(), &heap_page_candidates(&regions), ISOLATE);
      let threads = platform::thread_places();
      let facts = Facts {
        page_size: platform::page_size(),
        isolates: Isolates { live: [ISOLATE].into(), complete: true, ..Isolates::default() },
        layout: Some(layout.ok_or("the pages do not lead to the isolate")?),
        engine_is_v8: true,
        code_ranges: Vec::new(),
        control_blocks: threads
          .iter()
          .filter_map(|thread| Some((thread.tid, thread.control_block?)))
          .collect(),
        main_thread: i32::try_from(std::process::id())?,
        malloc_is_glibc: true,
        buffers: Vec::new(),
        ..Facts::default()
      };
      Ok(Self { facts })
    }

    fn look(&self, every_piece: bool) -> Result<(), Box<dyn Error>> {
      let plan = Plan { source: ResidencySource::Mincore, whole: &[], every_piece, search: Search::Near };
      survey(&OwnProcess::open(), &self.facts, plan)?;
      Ok(())
    }
  }

  /// One gibibyte in pages with gaps between them, so that no two merge.
  fn map_heap() -> std::io::Result<()> {
    let stride = HEAP_PAGE.saturating_mul(2);
    let length = stride.saturating_mul(HEAP_PAGES);
    let reserved = map(length.saturating_add(HEAP_PAGE))?;
    let mut page = reserved.map_addr(|address| address.next_multiple_of(HEAP_PAGE));
    for _ in 0..HEAP_PAGES {
      write_heap_page(page);
      unmap(page.wrapping_add(HEAP_PAGE), HEAP_PAGE);
      page = page.wrapping_add(stride);
    }
    Ok(())
  }

  /// Touches all of a page and gives it a header: flags, and one pointer into the isolate.
  fn write_heap_page(page: *mut u8) {
    let header: [u64; 3] = [0x18, 0, ISOLATE.saturating_add(HEAP_IN_ISOLATE)];
    touch(page, HEAP_PAGE);
    for (word, bytes) in header.iter().zip((0..).step_by(size_of::<u64>())) {
      // SAFETY: the page is mapped, writable, nobody else's, and longer than the header.
      unsafe { page.wrapping_add(bytes).cast::<[u8; 8]>().write(word.to_ne_bytes()) };
    }
  }

  /// Reads this process as the addon does.
  struct OwnProcess(platform::OwnMemory, platform::OwnPages);

  impl OwnProcess {
    fn open() -> Self {
      Self(platform::OwnMemory::open(), platform::OwnPages::open())
    }
  }

  impl Memory for OwnProcess {
    fn read(&self, address: u64, words: &mut [u64]) -> bool {
      self.0.read(address, words)
    }

    fn gather(&self, addresses: &[u64], width: usize, words: &mut Vec<u64>) {
      self.0.gather(addresses, width, words);
    }
  }

  impl AddressSpace for OwnProcess {
    fn maps(&self) -> Measured<Vec<u8>> {
      platform::read_maps()
    }

    fn memory_by_kind(&self) -> Measured<status::Memory> {
      platform::memory_by_kind()
    }

    fn resident_pages(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
      platform::resident_pages(start, end, residency);
    }

    fn pages_in_resident_set(&self, start: u64, end: u64, residency: &mut Vec<u8>) {
      platform::pages_in_resident_set(start, end, residency);
    }

    fn smaps(&self) -> Measured<Vec<u8>> {
      platform::read_smaps()
    }

    fn page_tables_skip_holes(&self) -> bool {
      platform::pagemap_tells_zero_pages()
    }

    fn resident_file(&self, start: u64, end: u64) -> Option<FileResidency> {
      let pages = self.1.resident_file(start, end).ok()?;
      Some(FileResidency { file: pages.file, copied: pages.copied })
    }
  }
}
