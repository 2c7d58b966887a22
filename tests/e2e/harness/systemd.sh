#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# systemd as the first process of namespaces of its own: it sees this machine's files, what it
# writes to /etc, /run and /usr/local goes with it, and it starts nothing but what is then
# installed.
# Usage: systemd.sh CGROUP, an empty folder of a cgroup2 file system. It ends when this is killed.
set -eu

if [ "${2:-}" != inside ]; then
  echo $$ > "$1/cgroup.procs"
  exec unshare --cgroup --mount --pid --ipc --uts --fork --kill-child --propagation private \
    sh "$0" "$1" inside
fi

mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -t tmpfs -o mode=755 tmpfs /run
for folder in etc usr/local; do
  layers=/run/layers/$folder
  mkdir -p "$layers/upper" "$layers/work"
  mount -t overlay -o "lowerdir=/$folder,upperdir=$layers/upper,workdir=$layers/work" \
    overlay "/$folder"
done
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
# Nothing of it on this machine's console.
mount --bind /dev/null /dev/console
mount --bind /dev/null /dev/kmsg

rm -rf /etc/systemd/system
mkdir -p /etc/systemd/system /run/units
for target in basic sysinit shutdown multi-user network network-online local-fs; do
  printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" > "/run/units/$target.target"
done
exec env -i container=howdah-test PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
  SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/units \
  /lib/systemd/systemd --system --unit=multi-user.target --log-target=null --show-status=no \
  --default-standard-output=null
