//! The text of glibc's `malloc_info`: captured, of other versions, malformed, any bytes.
#![expect(clippy::arithmetic_side_effects, reason = "sizes of tests are small, and a test may panic")]

use proptest::prelude::*;
use rs_memusage::parse::ParseError;
use rs_memusage::parse::malloc_info::{Arena, Bin, MallocInfo, parse};

const WORKERS: &[u8] = include_bytes!("fixtures/malloc_info-2.36-node24-workers.xml");
const ZLIB_BURST: &[u8] = include_bytes!("fixtures/malloc_info-2.36-node20-zlib-burst.xml");

/// What was captured with `mallinfo2`, right before and after each text: `[arena, uordblks, fordblks, hblkhd]`.
const WORKERS_MALLINFO2: [u64; 4] = [21_635_072, 2_546_192, 19_088_880, 5_001_216];
const ZLIB_BURST_MALLINFO2: [u64; 4] = [215_916_544, 3_415_200, 212_501_344, 135_168];

/// `malloc_info` was printed into a growing buffer of the same allocator: 8 KiB at first.
const BUFFER: u64 = 16 * 1024;

#[test]
fn agrees_with_mallinfo2_on_captured_texts() {
  for (text, [system, in_use, free, mapped]) in
    [(WORKERS, WORKERS_MALLINFO2), (ZLIB_BURST, ZLIB_BURST_MALLINFO2)]
  {
    let info = parse(text).unwrap();
    let sum = |size: fn(&Arena) -> u64| info.arenas.iter().map(size).sum::<u64>();
    assert_eq!(sum(|arena| arena.system), system);
    assert_eq!(info.mapped, mapped);
    assert!(sum(|arena| arena.in_use).abs_diff(in_use) < BUFFER);
    let listed = |arena: &Arena| arena.top + arena.bins.iter().map(|bin| bin.total).sum::<u64>();
    assert!(sum(listed).abs_diff(free) < BUFFER);
    assert_eq!(sum(listed) + sum(|arena| arena.in_use), system);
  }
}

#[test]
fn takes_the_flags_of_chunk_headers_out_of_the_sizes() {
  let text = b"<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n\
    <size from=\"17\" to=\"32\" total=\"64\" count=\"2\"/>\n\
    <size from=\"1025\" to=\"1057\" total=\"3123\" count=\"3\"/>\n\
    <unsorted from=\"4097\" to=\"81921\" total=\"86018\" count=\"2\"/>\n\
    </sizes>\n<total type=\"fast\" count=\"2\" size=\"64\"/>\n<total type=\"rest\" count=\"6\" size=\"100000\"/>\n\
    <system type=\"current\" size=\"135168\"/>\n<system type=\"max\" size=\"135168\"/>\n</heap>\n\
    <total type=\"mmap\" count=\"1\" size=\"266240\"/>\n</malloc>\n";
  let bins = vec![
    Bin { largest: 32, total: 64, count: 2 },
    Bin { largest: 1056, total: 3120, count: 3 },
    Bin { largest: 81_920, total: 86_016, count: 2 },
  ];
  let free = 100_000 - 5; // five chunks with a flag
  let arena = Arena { system: 135_168, in_use: 135_168 - free - 64, top: free - 3120 - 86_016, bins };
  assert_eq!(parse(text), Ok(MallocInfo { arenas: vec![arena], mapped: 266_240 }));
}

#[test]
fn reads_the_text_of_2_43_which_has_no_fast_bins() {
  let text = one_arena("", "<total type=\"rest\" count=\"1\" size=\"1000\"/>\n", 4096);
  let arena = Arena { system: 4096, in_use: 3096, top: 1000, bins: vec![] };
  assert_eq!(parse(text.as_bytes()), Ok(MallocInfo { arenas: vec![arena], mapped: 0 }));
}

#[test]
fn refuses_the_text_of_2_30_which_leaves_the_top_chunk_out() {
  let size = "<size from=\"33\" to=\"33\" total=\"33\" count=\"1\"/>\n";
  let sums =
    "<total type=\"fast\" count=\"0\" size=\"0\"/>\n<total type=\"rest\" count=\"1\" size=\"33\"/>\n";
  assert_eq!(parse(one_arena(size, sums, 4096).as_bytes()), Err(ParseError { field: "rest" }));
}

#[test]
fn names_the_element_that_is_wrong() {
  let rest = "<total type=\"rest\" count=\"2\" size=\"1000\"/>\n";
  let malformed = [
    (String::new(), "malloc"),
    ("<malloc version=\"1\">\n</malloc>".to_owned(), "mmap"),
    ("<total type=\"mmap\" count=\"0\" size=\"0\"/>\n</malloc>".to_owned(), "heap"),
    ("<heap nr=\"0\">\n".to_owned(), "heap"),
    (one_arena("", "", 4096), "rest"),
    (one_arena("<size from=\"1\" to=\"1\" total=\"x\" count=\"1\"/>\n", rest, 4096), "size"),
    (one_arena("<size nr=\"1\"/>\n", rest, 4096), "size"),
    (one_arena("<size from=\"1\" to=\"1\" total=\"0\" count=\"1\"/>\n", rest, 4096), "size"), // less than its flags
    (one_arena("<size from=\"1\" to=\"16\" total=\"1001\" count=\"1\"/>\n", rest, 4096), "rest"), // more than the sum
    (one_arena("", "<total type=\"rest\" count=\"1\" size=\"18446744073709551616\"/>\n", 4096), "total"),
    (one_arena("", rest, 4096).replace("current\" size=\"4096", "current\" size=\""), "system"),
    (one_arena("", rest, 4096).replace("current", "max"), "system"),
  ];
  for (text, field) in malformed {
    assert_eq!(parse(text.as_bytes()), Err(ParseError { field }), "{text}");
  }
}

fn one_arena(sizes: &str, sums: &str, system: u64) -> String {
  format!(
    "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n{sizes}</sizes>\n{sums}\
     <system type=\"current\" size=\"{system}\"/>\n</heap>\n<total type=\"mmap\" count=\"0\" size=\"0\"/>\n</malloc>\n"
  )
}

proptest! {
  #[test]
  fn takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
    let _no_panic = parse(&bytes);
  }

  #[test]
  fn takes_any_numbers(numbers in proptest::array::uniform9(any::<u64>())) {
    let [from, to, total, count, fast_count, fast_size, rest_count, rest_size, system] = numbers;
    let size = format!("<size from=\"{from}\" to=\"{to}\" total=\"{total}\" count=\"{count}\"/>\n");
    let sums = format!(
      "<total type=\"fast\" count=\"{fast_count}\" size=\"{fast_size}\"/>\n\
       <total type=\"rest\" count=\"{rest_count}\" size=\"{rest_size}\"/>\n"
    );
    let text = one_arena(&size.repeat(2), &sums, system);
    let _no_panic = parse(text.as_bytes());
  }

  #[test]
  fn takes_a_captured_text_with_a_hole(start in 0..WORKERS.len(), length in 0_usize..200) {
    let mut text = WORKERS.to_vec();
    text.drain(start..(start + length).min(WORKERS.len()));
    let _no_panic = parse(&text);
  }

  #[test]
  fn gives_back_what_was_written(
    chunks in proptest::collection::vec((1_u64..1 << 40, 1_u64..1000), 0..20),
    top in 0_u64..1 << 40,
    used in 0_u64..1 << 40,
  ) {
    let bins: Vec<Bin> = chunks
      .iter()
      .map(|(size, count)| Bin { largest: size * 16, total: size * 16 * count, count: *count })
      .collect();
    let sizes = bins.iter().map(|Bin { largest, total, count }| {
      let (size, total) = (largest + 1, total + count); // with a flag in each size
      format!("  <size from=\"{size}\" to=\"{size}\" total=\"{total}\" count=\"{count}\"/>\n")
    });
    let sizes = sizes.collect::<Vec<_>>().concat();
    let (count, free) = bins.iter().fold((1, top), |(n, sum), bin| (n + bin.count, sum + bin.total));
    let rest = format!("<total type=\"rest\" count=\"{count}\" size=\"{}\"/>\n", free + count - 1);
    let text = one_arena(&sizes, &rest, free + used);
    let arena = Arena { system: free + used, in_use: used, top, bins };
    prop_assert_eq!(parse(text.as_bytes()), Ok(MallocInfo { arenas: vec![arena], mapped: 0 }));
  }
}
