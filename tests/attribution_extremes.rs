//! Address spaces that no ordinary process has.

use rs_memusage::attribution::heap_page_candidates;
use rs_memusage::parse::maps;

#[test]
fn the_last_page_of_all_addresses_is_no_page_of_v8() {
  let mut regions = Vec::new();
  maps::parse(b"fffffffffffff000-ffffffffffffffff rw-p 00000000 00:00 0\n", &mut regions).unwrap();
  assert_eq!(heap_page_candidates(&regions), []);
}
