#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A virtual machine on a bridge whose port is sealed: cut off by default, left alone with guests = pass, which opens
# nothing of the host.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

node_add box
node_add desk
node_add guest
net_link box:eth0 desk:eth0
net_link box:tap0 guest:eth0
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec guest ip addr add 192.0.2.3/24 dev eth0
node_exec box ip link add br0 type bridge mcast_snooping 0
node_exec box ip link set br0 up
node_exec box ip link set eth0 master br0
node_exec box ip link set tap0 master br0
node_exec box ip addr add 192.0.2.2/24 dev br0
DIR=$(node_dir box)
mkdir -p "$DIR/etc"
start() { # GUESTS
	printf '[node]\nexternal = eth0\nbeacon_window = 0\n[seal]\nmode = enforce\nguests = %s\n' "$1" >"$DIR/etc/ppnd.conf"
	node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
	ppn wait holding --timeout 10 >/dev/null
}
ppn() {
	local verb=$1
	shift
	node_exec box ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}
reaches() { node_exec "$1" ping -c1 -W1 "$2"; }
counted() { [ "$(ppn status --json | jq ".seal.reasons.$1.pass_guest.packets // 0")" -gt 0 ]; }

check "before the seal the guest is reached" reaches desk 192.0.2.3
start seal
check_fails "guests = seal: no more" reaches desk 192.0.2.3
check_fails "nor does it reach out" reaches guest 192.0.2.1
check "the check says so" grep -qE 'cut +guest +[0-9a-f:]+ behind tap0' <(ppn seal check)
check "the host's own side of the bridge is no wire" reaches box 192.0.2.3
node_stop box ppnd

start pass
check "guests = pass: reached" wait_for 5 reaches desk 192.0.2.3
check "and it reaches out" reaches guest 192.0.2.1
check "counted, in" counted seal
check "and out" counted egress
check_fails "the host is as sealed as ever" reaches desk 192.0.2.2
check_fails "on the bridge's address too" node_exec desk ping -c1 -W1 -I eth0 192.0.2.2
check_fails "and reaches nobody outside" reaches box 192.0.2.1
# A frame to the guest's address with the host's in it goes to the guest, and the host's stack sees nothing of it.
node_exec desk ip neigh replace 192.0.2.2 lladdr "$(node_exec guest cat /sys/class/net/eth0/address)" dev eth0 nud permanent
before=$(node_exec box awk '/^Icmp: [0-9]/ { print $2 }' /proc/net/snmp)
check_fails "by the guest's address neither" reaches desk 192.0.2.2
is "nothing came in" "$(node_exec box awk '/^Icmp: [0-9]/ { print $2 }' /proc/net/snmp)" "$before"
node_stop box ppnd
