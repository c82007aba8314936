#!/bin/sh
# The first process inside: makes what a program expects of a system, runs each line of /commands with each Node of
# /opt, tells by marks where the output of each begins and how it ended, and powers off.

/bin/busybox --install -s /bin
export PATH=/bin HOME=/root TMPDIR=/tmp
mkdir -p /proc /sys /dev /tmp /root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /etc
echo root:x:0:0::/root:/bin/sh >/etc/passwd
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ln -s /proc/self/fd /dev/fd
ip link set lo up
cd /package

seconds=$(cat /seconds)
for node in /opt/*; do
  number=0
  while read -r command; do
    echo "@@ begin ${node##*/} $number"
    PATH=$node:/bin timeout -s KILL "$seconds" sh -c "$command" </dev/null 2>&1
    echo "
@@ end ${node##*/} $number $?"
    number=$((number + 1))
  done </commands
done
sync
poweroff -f
