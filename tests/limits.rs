//! Limits of control groups, of the process and of the machine, on trees of files: as this machine has them, and as
//! container runtimes and service managers lay them out.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking too")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use rs_memusage::limits::{Bound, Cgroup, Files, cgroup, host_memory, process_limit};

const MIB: u64 = 1024 * 1024;
const UNLIMITED_V1: &str = "9223372036854771712\n";

/// Files by their paths.
#[derive(Default)]
struct Tree(BTreeMap<String, String>);

impl Files for Tree {
  fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
    self.0.get(std::str::from_utf8(path).unwrap()).map(|text| text.clone().into_bytes())
  }
}

impl Tree {
  /// A process in this group, with this `mountinfo`.
  fn new(membership: &str, mounts: &str) -> Self {
    Self::default().file("/proc/self/cgroup", membership).file("/proc/self/mountinfo", mounts)
  }

  fn file(mut self, path: &str, text: &str) -> Self {
    self.0.insert(path.to_owned(), text.to_owned());
    self
  }

  /// A group of version 2 with a limit, what is charged to it, and the page cache in that.
  fn group(self, folder: &str, max: &str, current: u64, inactive_file: u64) -> Self {
    self
      .file(&format!("{folder}/memory.max"), &format!("{max}\n"))
      .file(&format!("{folder}/memory.high"), "max\n")
      .file(&format!("{folder}/memory.current"), &format!("{current}\n"))
      .file(
        &format!("{folder}/memory.stat"),
        &format!("anon 1\nfile 2\ninactive_file {inactive_file}\nactive_file 3\n"),
      )
  }

  /// The same of version 1.
  fn group_v1(self, folder: &str, limit: &str, usage: u64, inactive_file: u64, hierarchical: &str) -> Self {
    self
      .file(&format!("{folder}/memory.limit_in_bytes"), limit)
      .file(&format!("{folder}/memory.usage_in_bytes"), &format!("{usage}\n"))
      .file(&format!("{folder}/memory.use_hierarchy"), "1\n")
      .file(
        &format!("{folder}/memory.stat"),
        &format!(
          "cache 1\ninactive_file 7\nhierarchical_memory_limit {hierarchical}total_inactive_file {inactive_file}\n"
        ),
      )
  }

  fn cgroup(&self) -> Cgroup {
    cgroup(self).expect("the groups can be seen")
  }
}

const V2_MOUNT: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

fn bound(limit: u64, used: u64, source: &str) -> Bound {
  Bound { limit: Some(limit), used: Some(used), source: Some(source.to_owned()) }
}

#[test]
fn in_a_container_with_a_namespace_the_own_group_is_all_that_is_seen() {
  // Docker and containerd on version 2: the group of the container is mounted as the root.
  let tree = Tree::new("0::/\n", V2_MOUNT)
    .group("/sys/fs/cgroup", "314572800", 200 * MIB, 60 * MIB)
    .file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
  let cgroup = tree.cgroup();
  assert_eq!(cgroup.version, 2);
  assert_eq!(cgroup.group, "/sys/fs/cgroup");
  assert_eq!(cgroup.limit, bound(300 * MIB, 140 * MIB, "/sys/fs/cgroup/memory.max"));
  assert_eq!(cgroup.limit.available(), Some(160 * MIB));
  assert_eq!((cgroup.usage, cgroup.inactive_file), (Some(200 * MIB), Some(60 * MIB)));
  assert!(cgroup.is_upper_bound, "the pod's group may be tighter");
}

#[test]
fn without_a_namespace_the_smallest_of_all_levels_counts() {
  // Kubernetes, burstable, cgroup driver systemd: the pod is limited, the container is not.
  let pod = "/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice";
  let container = format!("{pod}/cri-containerd-a.scope");
  let tree = Tree::new(
    "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-a.scope\n",
    V2_MOUNT,
  )
  .group(&container, "max", 100 * MIB, 10 * MIB)
  .group(pod, "536870912", 500 * MIB, 20 * MIB)
  .group("/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice", "max", 5000 * MIB, 0)
  .group("/sys/fs/cgroup/kubepods.slice", "8589934592", 6000 * MIB, 0)
  .file("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
  let cgroup = tree.cgroup();
  assert_eq!(cgroup.group, container);
  assert_eq!(cgroup.limit, bound(512 * MIB, 480 * MIB, &format!("{pod}/memory.max")));
  assert!(!cgroup.is_upper_bound, "the root is seen");
}

#[test]
fn the_group_that_binds_is_the_one_with_the_least_left() {
  // The neighbours fill the slice: the own group, with the smaller limit, has more left.
  let tree = Tree::new("0::/app.slice/app.service\n", V2_MOUNT)
    .group("/sys/fs/cgroup/app.slice/app.service", "419430400", 100 * MIB, 0)
    .group("/sys/fs/cgroup/app.slice", "629145600", 590 * MIB, 0);
  let cgroup = tree.cgroup();
  assert_eq!(cgroup.limit, bound(600 * MIB, 590 * MIB, "/sys/fs/cgroup/app.slice/memory.max"));
}

#[test]
fn the_limit_that_slows_down_is_apart() {
  // Kubernetes with memory QoS: high is 90 % of the way from the request to the limit.
  let tree = Tree::new("0::/\n", V2_MOUNT)
    .group("/sys/fs/cgroup", "1048576000", 700 * MIB, 100 * MIB)
    .file("/sys/fs/cgroup/memory.high", "996147200\n");
  let cgroup = tree.cgroup();
  assert_eq!(cgroup.limit.limit, Some(1000 * MIB));
  assert_eq!(cgroup.high, bound(950 * MIB, 600 * MIB, "/sys/fs/cgroup/memory.high"));
  let none = Tree::new("0::/\n", V2_MOUNT).group("/sys/fs/cgroup", "max", 5 * MIB, MIB).cgroup();
  assert_eq!(none.high, Bound { limit: None, used: Some(4 * MIB), source: None });
}

#[test]
fn a_host_without_containers_has_no_limit_and_says_so() {
  let tree = Tree::new("0::/user.slice/session-1.scope\n", V2_MOUNT)
    .group("/sys/fs/cgroup/user.slice/session-1.scope", "max", 900 * MIB, 300 * MIB)
    .group("/sys/fs/cgroup/user.slice", "max", 1000 * MIB, 300 * MIB)
    .file("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
  let cgroup = tree.cgroup();
  assert_eq!(cgroup.limit, Bound { limit: None, used: Some(600 * MIB), source: None });
  assert_eq!(cgroup.limit.available(), None);
  assert!(!cgroup.is_upper_bound);
}

#[test]
fn a_process_in_the_root_has_no_limit() {
  let tree = Tree::new("0::/\n", V2_MOUNT).file("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
  assert_eq!(tree.cgroup().limit, Bound { limit: None, used: None, source: None });
}

#[test]
fn working_set_is_never_below_zero() {
  let tree = Tree::new("0::/\n", V2_MOUNT).group("/sys/fs/cgroup", "1048576", 10, 4096);
  assert_eq!(tree.cgroup().limit.used, Some(0));
}

#[test]
fn more_than_the_limit_leaves_nothing() {
  let tree = Tree::new("0::/\n", V2_MOUNT).group("/sys/fs/cgroup", "1048576", 2 * MIB, 0);
  assert_eq!(tree.cgroup().limit.available(), Some(0));
}

#[test]
fn events_of_the_group_that_binds_and_of_the_own_one_are_apart() {
  let tree = Tree::new("0::/parent/child\n", V2_MOUNT)
    .group("/sys/fs/cgroup/parent/child", "max", MIB, 0)
    .group("/sys/fs/cgroup/parent", "4194304", 2 * MIB, 0)
    .file("/sys/fs/cgroup/parent/memory.events", "low 0\nhigh 3\nmax 17\noom 2\noom_kill 1\noom_group_kill 0\n")
    .file("/sys/fs/cgroup/parent/child/memory.events.local", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\n")
    .file(
      "/sys/fs/cgroup/parent/memory.pressure",
      "some avg10=1.50 avg60=0.25 avg300=0.00 total=123456\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=99\n",
    );
  let cgroup = tree.cgroup();
  let [events, local] = [cgroup.events, cgroup.local_events];
  assert_eq!((events.high, events.max, events.oom, events.oom_kill), (Some(3), Some(17), Some(2), Some(1)));
  assert_eq!((local.max, local.oom_kill), (Some(0), Some(1)));
  let pressure = cgroup.pressure.unwrap();
  assert_eq!((pressure.some.percent10, pressure.some.total_micros), (1.5, 123_456));
  assert_eq!((pressure.full.percent10, pressure.full.total_micros), (0.5, 99));
}

#[test]
fn a_group_that_dies_as_a_whole_is_named() {
  let tree = |own: &str, parent: &str| {
    Tree::new("0::/pod/app\n", V2_MOUNT)
      .group("/sys/fs/cgroup/pod/app", "max", MIB, 0)
      .group("/sys/fs/cgroup/pod", "4194304", 2 * MIB, 0)
      .file("/sys/fs/cgroup/pod/app/memory.oom.group", own)
      .file("/sys/fs/cgroup/pod/memory.oom.group", parent)
  };
  assert_eq!(tree("1\n", "0\n").cgroup().kills_group, Some(true));
  assert_eq!(tree("0\n", "1\n").cgroup().kills_group, Some(true));
  assert_eq!(tree("0\n", "0\n").cgroup().kills_group, Some(false));
}

const V1_MOUNT: &str = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n";
/// As on this machine: version 1 with the memory controller, and version 2 without any.
const HYBRID_MOUNTS: &str = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

#[test]
fn an_unlimited_child_of_a_limited_group_is_limited_in_version_1() {
  let folder = "/sys/fs/cgroup/memory";
  let tree = Tree::new("4:memory:/parent/child\n1:cpu:/\n0::/\n", HYBRID_MOUNTS)
    .group_v1(&format!("{folder}/parent/child"), UNLIMITED_V1, 168 * MIB, 28 * MIB, "314572800\n")
    .group_v1(&format!("{folder}/parent"), "314572800\n", 170 * MIB, 29 * MIB, "314572800\n")
    .group_v1(folder, UNLIMITED_V1, 9000 * MIB, 0, UNLIMITED_V1)
    .file(&format!("{folder}/cgroup.sane_behavior"), "0\n")
    .file(&format!("{folder}/parent/memory.failcnt"), "12\n")
    .file(&format!("{folder}/parent/memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    .file(
      &format!("{folder}/parent/child/memory.oom_control"),
      "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    );
  let cgroup = tree.cgroup();
  assert_eq!((cgroup.version, cgroup.group.as_str()), (1, "/sys/fs/cgroup/memory/parent/child"));
  assert_eq!(cgroup.limit, bound(300 * MIB, 141 * MIB, "/sys/fs/cgroup/memory/parent/memory.limit_in_bytes"));
  assert_eq!((cgroup.events.max, cgroup.events.oom_kill, cgroup.events.high), (Some(12), Some(3), None));
  assert_eq!(cgroup.kills_group, Some(false));
  assert!(!cgroup.is_upper_bound);
}

#[test]
fn a_container_of_version_1_without_a_namespace_is_found_behind_its_mount() {
  let mounts =
    "900 890 0:32 /docker/4f2a /sys/fs/cgroup/memory ro,nosuid master:15 - cgroup cgroup rw,memory\n";
  let tree = Tree::new("11:cpu,cpuacct:/docker/4f2a\n5:hugetlb,memory:/docker/4f2a\n", mounts).group_v1(
    "/sys/fs/cgroup/memory",
    "268435456\n",
    100 * MIB,
    0,
    "268435456\n",
  );
  let cgroup = tree.cgroup();
  assert_eq!(cgroup.limit.limit, Some(256 * MIB));
  assert!(cgroup.is_upper_bound);
}

#[test]
fn version_1_tells_the_limit_of_a_group_that_is_not_seen() {
  let mounts = "900 890 0:32 /kubepods/pod1/a /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
  let tree = Tree::new("5:memory:/kubepods/pod1/a\n", mounts).group_v1(
    "/sys/fs/cgroup/memory",
    UNLIMITED_V1,
    100 * MIB,
    10 * MIB,
    "209715200\n",
  );
  let cgroup = tree.cgroup();
  let source = "/sys/fs/cgroup/memory/memory.stat (hierarchical_memory_limit)";
  assert_eq!(cgroup.limit, bound(200 * MIB, 90 * MIB, source));
  assert!(cgroup.is_upper_bound, "what others use of it is not known");

  let below = "/sys/fs/cgroup/memory/below";
  let tree = Tree::new("5:memory:/kubepods/pod1/a/below\n", mounts)
    .group_v1(below, UNLIMITED_V1, 30 * MIB, 5 * MIB, "209715200\n")
    .group_v1("/sys/fs/cgroup/memory", UNLIMITED_V1, 100 * MIB, 10 * MIB, "209715200\n");
  let cgroup = tree.cgroup();
  assert_eq!((cgroup.group.as_str(), cgroup.limit.used), (below, Some(90 * MIB)));
  assert_eq!((cgroup.usage, cgroup.inactive_file), (Some(100 * MIB), Some(10 * MIB)), "of the same group");
}

#[test]
fn a_group_of_version_1_that_is_not_charged_to_its_parent_is_not_limited_by_it() {
  let folder = "/sys/fs/cgroup/memory";
  let tree = Tree::new("4:memory:/parent/child\n", V1_MOUNT)
    .group_v1(&format!("{folder}/parent/child"), UNLIMITED_V1, MIB, 0, UNLIMITED_V1)
    .group_v1(&format!("{folder}/parent"), "1048576\n", 0, 0, "1048576\n")
    .file(&format!("{folder}/parent/memory.use_hierarchy"), "0\n")
    .group_v1(folder, UNLIMITED_V1, 9000 * MIB, 0, UNLIMITED_V1);
  assert_eq!(tree.cgroup().limit.limit, None);
}

#[test]
fn a_line_behind_the_first_kilobyte_is_read() {
  // libuv reads 1,024 bytes: a host with twelve controllers and long pod paths hides the line of memory.
  let path = format!("/kubepods/burstable/pod{}", "a".repeat(120));
  let others: String =
    (5..17).map(|number| format!("{number}:controller{number}:{path}\n")).collect::<Vec<_>>().concat();
  assert!(others.len() > 1024);
  let folder = format!("/sys/fs/cgroup/memory{path}");
  let tree = Tree::new(&format!("{others}4:memory:{path}\n0::/\n"), V1_MOUNT).group_v1(
    &folder,
    "104857600\n",
    MIB,
    0,
    "104857600\n",
  );
  assert_eq!(tree.cgroup().limit.limit, Some(100 * MIB));
}

#[test]
fn blanks_and_colons_in_names_are_names() {
  let mounts = "30 23 0:26 / /mnt/my\\040groups rw - cgroup2 cgroup2 rw\n";
  let tree = Tree::new("0::/a:b c\n", mounts).group("/mnt/my groups/a:b c", "1048576", 0, 0);
  assert_eq!(tree.cgroup().limit.source.unwrap(), "/mnt/my groups/a:b c/memory.max");
}

#[test]
fn what_cannot_be_seen_is_not_called_unlimited() {
  let masked = Tree::new("0::/\n", "30 23 0:26 / /sys rw - sysfs sysfs rw\n");
  assert_eq!(cgroup(&masked), None, "no group is mounted");
  let unreadable = Tree::new("0::/app\n", V2_MOUNT);
  assert_eq!(cgroup(&unreadable), None, "nothing in it can be read");
  let hybrid =
    Tree::new("4:memory:/\n0::/\n", "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n")
      .file("/sys/fs/cgroup/unified/cgroup.controllers", "\n");
  assert_eq!(cgroup(&hybrid), None, "the memory controller is elsewhere");
  let moved = Tree::new("0::/../other\n", V2_MOUNT).group("/sys/fs/cgroup", "1048576", 0, 0);
  assert_eq!(cgroup(&moved), None, "the process is in a group that its namespace does not show");
  assert_eq!(cgroup(&Tree::default()), None, "no /proc");
}

#[test]
fn a_group_below_without_the_controller_is_limited_by_the_one_above() {
  let tree = Tree::new("0::/service/delegated\n", V2_MOUNT)
    .group("/sys/fs/cgroup/service", "104857600", 30 * MIB, 0)
    .file("/sys/fs/cgroup/service/delegated/cgroup.controllers", "\n");
  assert_eq!(tree.cgroup().limit, bound(100 * MIB, 30 * MIB, "/sys/fs/cgroup/service/memory.max"));
}

const LIMITS: &str = "Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max data size             unlimited            unlimited            bytes     
Max address space         unlimited            unlimited            bytes     
Max locked memory         8388608              8388608              bytes     
";
const STATUS: &str = "Name:\tnode\nVmSize:\t 1048576 kB\nVmRSS:\t   51200 kB\nVmData:\t  102400 kB\n";

#[test]
fn of_the_limits_of_the_process_the_one_with_the_least_left_counts() {
  let tree =
    |limits: &str| Tree::default().file("/proc/self/limits", limits).file("/proc/self/status", STATUS);
  let unlimited = process_limit(&tree(LIMITS)).unwrap();
  assert_eq!(unlimited, Bound { limit: None, used: Some(1024 * MIB), source: None });
  let both = LIMITS
    .replace("Max data size             unlimited", "Max data size             209715200")
    .replace("Max address space         unlimited", "Max address space         2147483648");
  assert_eq!(process_limit(&tree(&both)).unwrap(), bound(200 * MIB, 100 * MIB, "RLIMIT_DATA"));
  assert_eq!(process_limit(&Tree::default()), None);
}

#[test]
fn the_machine_has_what_the_kernel_believes_to_be_available() {
  let text = "MemTotal:       24684084 kB\nMemFree:          100000 kB\nMemAvailable:   18837748 kB\n";
  let host = host_memory(&Tree::default().file("/proc/meminfo", text)).unwrap();
  assert_eq!(host.available(), Some(18_837_748 * 1024));
  assert_eq!(host.limit, Some(24_684_084 * 1024));
  assert_eq!(host_memory(&Tree::default().file("/proc/meminfo", "MemTotal: 1 kB\n")), None);
}

/// A tree whose every file holds one of these texts.
struct Anything(Vec<Vec<u8>>);

impl Files for Anything {
  fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
    let choice = path.iter().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    self.0.get(choice.checked_rem(self.0.len().saturating_add(1))?).cloned()
  }
}

proptest! {
  #[test]
  fn any_files_are_read_without_a_panic(texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..6)) {
    let tree = Anything(texts);
    let _no_panic = (cgroup(&tree), process_limit(&tree), host_memory(&tree));
  }

  #[test]
  fn any_numbers_add_up(
    own in (any::<u64>(), any::<u64>(), any::<u64>()),
    parent in (any::<u64>(), any::<u64>(), any::<u64>()),
  ) {
    let group = |tree: Tree, folder: &str, (max, current, inactive): (u64, u64, u64)| {
      tree.group(folder, &max.to_string(), current, inactive)
    };
    let tree = Tree::new("0::/parent/own\n", V2_MOUNT);
    let tree = group(group(tree, "/sys/fs/cgroup/parent/own", own), "/sys/fs/cgroup/parent", parent);
    let left = [own, parent].map(|(max, current, inactive)| max.saturating_sub(current.saturating_sub(inactive)));
    prop_assert_eq!(tree.cgroup().limit.available(), left.into_iter().min());
  }
}
