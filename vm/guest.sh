#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Runs inside the VM (vm/run.sh starts it): makes what the tests expect of a machine, runs
# /mnt/command, leaves its exit code in /mnt/exit.
set -uo pipefail

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root

mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
mkdir -p /run/netns /run/wireguard
for module in wireguard veth sch_ingress cls_bpf act_bpf nf_tables tun bridge 8021q bonding \
	virtio_net vmxnet3 e1000 e1000e; do
	modprobe "$module" || echo "# vm: no module $module"
done
ip link set lo up

bash /mnt/command
rc=$?
echo "$rc" >/mnt/exit.new && mv /mnt/exit.new /mnt/exit
sync
exit "$rc"
