//! `/proc/<pid>/smaps` and `/proc/<pid>/smaps_rollup`: captured text, older kernels, malformed text, any bytes.

use proptest::prelude::*;
use rs_memusage::parse::ParseError;
use rs_memusage::parse::smaps::{Block, Rollup, blocks, sum};

const KIB: u64 = 1024;

/// Both files of one stopped process whose binary has spaces, a line feed and field names in its path.
const SMAPS: &[u8] = include_bytes!("fixtures/smaps-6.18-sleep.txt");
const ROLLUP: &[u8] = include_bytes!("fixtures/smaps_rollup-6.18-sleep.txt");

const SMAPS_3_10: &[u8] = include_bytes!("fixtures/smaps-3.10-handmade.txt");
const SMAPS_5_0: &[u8] = include_bytes!("fixtures/smaps-5.0-pkeys-handmade.txt");
const ROLLUP_4_14: &[u8] = include_bytes!("fixtures/smaps_rollup-4.14-handmade.txt");

#[test]
fn reads_a_captured_rollup() {
  let expected = Rollup {
    rss: 1736 * KIB,
    pss: 224 * KIB,
    shared_clean: 1592 * KIB,
    shared_dirty: 0,
    private_clean: 0,
    private_dirty: 144 * KIB,
    shared_hugetlb: Some(0),
    private_hugetlb: Some(0),
    swap: 0,
    swap_pss: Some(0),
  };
  assert_eq!(sum(ROLLUP), Ok(expected));
}

#[test]
fn the_sum_of_smaps_is_the_rollup_but_for_rounding() {
  let (rollup, smaps) = (sum(ROLLUP).unwrap(), sum(SMAPS).unwrap());
  let missing = rollup.pss.checked_sub(smaps.pss).unwrap();
  assert!(missing <= KIB * u64::try_from(blocks(SMAPS).count()).unwrap(), "{missing}");
  assert_eq!(Rollup { pss: rollup.pss, ..smaps }, rollup);
}

#[test]
fn reads_every_block_of_a_captured_file() {
  let blocks: Vec<Block> = blocks(SMAPS).collect::<Result<_, _>>().unwrap();
  assert_eq!(blocks.len(), 37);
  let heap = Block {
    start: 0x562f_0eb4_e000,
    end: 0x562f_0eb6_f000,
    rss: 16 * KIB,
    pss: 16 * KIB,
    anonymous: 16 * KIB,
    swap: 0,
  };
  assert_eq!(blocks[5], heap);
  let vsyscall =
    Block { start: 0xffff_ffff_ff60_0000, end: 0xffff_ffff_ff60_1000, rss: 0, pss: 0, anonymous: 0, swap: 0 };
  assert_eq!(blocks[36], vsyscall);
  assert!(blocks.is_sorted_by_key(|block| block.start));
  assert_eq!(blocks.iter().map(|block| block.rss).sum::<u64>(), 1736 * KIB);
  assert_eq!(blocks.iter().map(|block| block.anonymous).sum::<u64>(), 108 * KIB);
}

#[test]
fn lines_that_an_older_kernel_does_not_print_are_unknown_and_not_zero() {
  let smaps = sum(SMAPS_3_10).unwrap();
  assert_eq!((smaps.shared_hugetlb, smaps.private_hugetlb, smaps.swap_pss), (None, None, None));
  assert_eq!((smaps.rss, smaps.pss, smaps.swap), (164 * KIB, 142 * KIB, 28 * KIB));
  assert_eq!(smaps.unique_set_size(), 120 * KIB);
  let sizes: Vec<_> =
    blocks(SMAPS_3_10).map(|block| block.map(|block| (block.anonymous, block.swap))).collect();
  assert_eq!(sizes, [Ok((0, 0)), Ok((100 * KIB, 20 * KIB)), Ok((60 * KIB, 8 * KIB)), Ok((0, 0))]);
}

#[test]
fn private_pages_of_hugetlbfs_are_unique() {
  let rollup = sum(ROLLUP_4_14).unwrap();
  assert_eq!(rollup.unique_set_size(), (1000 + 2000 + 6144) * KIB);
  assert_eq!(
    (rollup.shared_hugetlb, rollup.swap, rollup.swap_pss),
    (Some(4096 * KIB), 64 * KIB, Some(32 * KIB))
  );
}

#[test]
fn lines_without_a_unit_and_field_names_in_paths_are_passed_over() {
  let read: Vec<_> =
    blocks(SMAPS_5_0).map(|block| block.map(|block| (block.start, block.rss, block.pss))).collect();
  assert_eq!(
    read,
    [Ok((0x55d3_a1e0_0000, 512 * KIB, 512 * KIB)), Ok((0x7f00_0000_0000, 65536 * KIB, 32768 * KIB)),]
  );
  assert_eq!(sum(SMAPS_5_0).unwrap().rss, 66048 * KIB);
}

#[test]
fn a_rollup_names_the_first_line_that_is_missing_or_malformed() {
  let whole = String::from_utf8(ROLLUP_4_14.to_vec()).unwrap();
  let broken = [
    (String::new(), "Rss"), // a zombie has an empty smaps
    (whole.replace("Rss:", "RSS:"), "Rss"),
    (whole.replace("\nPss:", "\nPss"), "Pss"),
    (whole.replace("Swap:  ", "Swap:  -"), "Swap"),
    (whole.replace("Private_Dirty:      2000 kB", "Private_Dirty:      2000"), "Private_Dirty"),
    (whole.replace("Private_Hugetlb:", "Private_Hugetlb: x"), "Private_Hugetlb"),
    (whole.replace("    3100 kB", "18014398509481984 kB"), "Pss"), // 2^64 bytes
    (whole.replace("    3100 kB", "99999999999999999999 kB"), "Pss"),
    (format!("{whole}Shared_Clean: 18014398509481983 kB\n"), "Shared_Clean"), // the sum wraps
    (whole[..whole.find("Swap:").unwrap()].to_owned(), "Swap"),
  ];
  for (text, field) in broken {
    assert_eq!(sum(text.as_bytes()), Err(ParseError { field }), "{text}");
  }
}

#[test]
fn a_block_names_what_is_wrong_and_ends_the_reading() {
  let whole = String::from_utf8(SMAPS_3_10.to_vec()).unwrap();
  let broken = [
    (whole.replace("01a3c000-", "01a5d000-"), "address"), // an empty range
    (whole.replace("01a3c000-01a5d000 ", "01a3c000-01a5d000"), "address"),
    (whole.replace("01a3c000-", "01a3c000 "), "address"),
    (whole.replace("01a3c000-", "1000000000001a3c000-"), "address"),
    (whole.replace("Pss:                 100 kB\n", ""), "Pss"),
    (whole.replace("Anonymous:           100", "Anonymous:           1OO"), "Anonymous"),
  ];
  for (text, field) in broken {
    let results: Vec<_> = blocks(text.as_bytes()).map(|block| block.map(|_| ())).collect();
    assert_eq!(results, [Ok(()), Err(ParseError { field })], "{text}");
  }
  assert_eq!(blocks(b"").next(), None);
  assert_eq!(blocks(b"Rss: 4 kB\n").next(), Some(Err(ParseError { field: "address" })));
}

/// Text that comes closer to smaps than chance would.
fn almost_smaps() -> impl Strategy<Value = String> {
  let line = prop_oneof![
    "[0-9a-f]{0,18}-[0-9a-f]{0,18} r--p",
    "(Rss|Pss|Anonymous|Swap|SwapPss|Private_Dirty|Shared_Hugetlb):[ ]{0,3}[0-9]{0,21} (kB|MB)?",
    "[ -~]{0,20}",
  ];
  proptest::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

proptest! {
  #[test]
  fn takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
    let _no_panic = (sum(&bytes), blocks(&bytes).count());
  }

  #[test]
  fn takes_almost_smaps(text in almost_smaps()) {
    let _no_panic = (sum(text.as_bytes()), blocks(text.as_bytes()).count());
  }

  #[test]
  fn takes_a_captured_file_that_ends_anywhere(end in 0..SMAPS.len()) {
    let whole = blocks(SMAPS).filter_map(Result::ok);
    let cut = blocks(&SMAPS[..end]).filter_map(Result::ok);
    prop_assert!(cut.zip(whole).all(|(cut, whole)| cut == whole));
    let _no_panic = sum(&SMAPS[..end]);
  }

  #[test]
  fn gives_back_what_was_written(written in proptest::collection::vec(any_block(), 0..20)) {
    let text: Vec<String> = written.iter().map(print).collect();
    prop_assert!(blocks(text.concat().as_bytes()).eq(written.into_iter().map(Ok)));
  }
}

fn any_block() -> impl Strategy<Value = Block> {
  let whole_kib = (0_u64..1 << 50).prop_map(|bytes| bytes & !(KIB - 1));
  let sizes = proptest::array::uniform4(whole_kib);
  (0..u64::MAX, sizes).prop_map(|(start, [rss, pss, anonymous, swap])| Block {
    start,
    end: u64::MAX,
    rss,
    pss,
    anonymous,
    swap,
  })
}

fn print(block: &Block) -> String {
  let Block { start, end, rss, pss, anonymous, swap } = block;
  let [rss, pss, anonymous, swap] = [rss, pss, anonymous, swap].map(|bytes| bytes / KIB);
  format!(
    "{start:08x}-{end:08x} rw-p 00000000 00:00 0 \nSize: 4 kB\nRss: {rss} kB\nPss: {pss} kB\n\
     Anonymous: {anonymous} kB\nLazyFree: 9 kB\nSwap: {swap} kB\nVmFlags: rd wr \n"
  )
}
