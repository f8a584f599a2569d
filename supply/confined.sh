#!/bin/sh
# supply/confined.sh ROOT USER [NAME=VALUE ...] COMMAND...: a command in a tree of files as config/base runs the container:
# nothing can be written but 64 MiB at /tmp (and /dev/shm, as every container has it), USER is USER:GROUP in numbers, no
# capability can be had again, no environment but what is named. The network is this machine's. Needs root on Linux.
set -eu
root=$(realpath "$1") user=$2
shift 2
exec unshare --mount --pid --ipc --fork --kill-child -- sh -euc '
  root=$1 user=$2
  shift 2
  mount --bind "$root" "$root"
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  mount -t tmpfs -o size=64m,mode=1777,nosuid,nodev,noexec tmpfs "$root/tmp"
  mount -t tmpfs -o size=1m,mode=755 tmpfs "$root/dev"
  mkdir "$root/dev/shm"
  mount -t tmpfs -o size=64m,mode=1777,nosuid,nodev,noexec tmpfs "$root/dev/shm"
  for device in null zero full random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mount -o remount,ro "$root/dev"
  mount -o remount,bind,ro "$root"
  cd "$root/tmp"
  exec setpriv --no-new-privs --bounding-set=-all,+setuid,+setgid,+sys_chroot \
    chroot --userspec="$user" --groups= "$root" /usr/bin/env -i -C /tmp "$@"
' confined "$root" "$user" "$@"
