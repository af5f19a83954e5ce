#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Every external interface, through all that happens to one: appears, is renamed, moved, bridged, made
# anew, has a stranger's program, loses its pins. Judged by bpftool, ip, tc and what comes through.
# timeout: 240
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

net_bridge sw
node_add box
node_add peer
net_link box:eth0 sw
net_link peer:eth0 sw
node_exec peer ip addr add 192.0.2.1/24 dev eth0
node_exec box ip addr add 192.0.2.2/24 dev eth0

DIR=$(node_dir box)
mkdir -p "$DIR/etc"

printf '[node]\nexternal = eth*, wan*\nbeacon_window = 0\n[seal]\nmode = enforce\n[rescue]\ntcp/8080 = 192.0.2.0/24\n' \
	>"$DIR/etc/ppnd.conf"
start() {
	node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
	wait_for 10 node_exec box ppn wait holding --timeout 10 --run-dir /run/ppn
}
ppn() {
	local verb=$1
	shift
	node_exec box ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}
iface() { ppn status --json | jq -r ".seal.interfaces[] | select(.name == \"$1\") | $2"; }
hold_is() { [ "$(iface "$1" .hold)" = "$2" ]; }
held() { wait_for 5 hold_is "$1" "$2"; }
exit_of() {
	local rc=0
	"$@" >/dev/null 2>&1 || rc=$?
	echo "$rc"
}
index() { node_exec box ip -j link show dev "$1" | jq '.[0].ifindex'; }
link_id() { node_exec box bpftool -j link show pinned "$PPN_PINS/links/$1" | jq .id; }
row() { node_exec box bpftool -j map lookup pinned "$PPN_PINS/ifaces" key $(($1 % 256)) $(($1 / 256)) 0 0 | jq -c .formatted.value; }
xdp_on() { node_exec box ip -j -d link show dev "$1" | jq -e '.[0].xdp' >/dev/null; }
logged() { grep -qE "$1" "$(node_log box ppnd)"; }

start
is "an interface that is there: native" "$(iface eth0 '[.hold, .why, .external] | @csv')" '"native",,true'
is "and why it is external" "$(iface eth0 .external_why)" "external = eth* names it"
is "exit code" "$(exit_of ppn status)" 0
FIRST=$(link_id "$(index eth0)")

# ---- appear, rename ----
net_link box:eth1 sw
check "one that appears is sealed" held eth1 native
ID=$(index eth1) LINK=$(link_id "$(index eth1)")
node_exec box ip link set eth1 down
node_exec box ip link set eth1 name wan1
check "renamed: sealed under its new name" held wan1 native
node_exec box ip link set wan1 name other
node_exec box ip link set other up
check "renamed to what no pattern names: sealed, and said" wait_for 5 eval '[ "$(iface other .external)" = false ]'
check "it drops all the same" hold_is other native
is "one attach so far" "$(link_id "$ID")" "$LINK"

# ---- move ----
node_exec box ip netns add away
node_exec box ip link set other netns away
check "moved away: gone" wait_for 5 logged 'other is gone'
is "its row is the closed one" "$(row "$ID")" '{"group":0,"underlay":0,"flags":0,"slot":0,"zero":0,"mac":[[0,0,0,0,0,0],[0,0,0,0,0,0]],"zero2":[0,0,0,0]}'
check "sealed there as well" node_exec box ip netns exec away ip -j -d link show dev other
node_exec box ip netns exec away ip link set other name eth1
node_exec box nsenter --net=/run/netns/away ip link set eth1 netns "$(node_pid box ppnd)"
check "and back" held eth1 native
is "one attach in all this" "$(link_id "$(index eth1)")" "$LINK"

# ---- bridge, queues, MTU ----
node_exec box ip link add br0 type bridge
node_exec box ip link set br0 up
node_exec box ip link set eth1 master br0
check "a bridge's port stays sealed" held eth1 native
check "a bridge is none" test -z "$(iface br0 .hold)"
node_exec box ip link set eth1 nomaster
node_exec box ip link del br0
node_exec box ip link set eth1 up mtu 1400
node_exec box ethtool -L eth1 rx 1 tx 1 || diag "no queues to change"
sleep 0.3
check "bridge left, MTU and queues changed: sealed" held eth1 native
is "one attach still" "$(link_id "$(index eth1)")" "$LINK"

# ---- made anew ----
node_exec box ip link del eth1
check "deleted: gone" wait_for 5 eval '[ -z "$(iface eth1 .hold)" ]'
check "with its pin" wait_for 5 node_exec box sh -c "[ ! -e $PPN_PINS/links/$ID ]"
net_link box:eth1 sw
check "made anew: sealed" held eth1 native
check "by a new link" test "$(link_id "$(index eth1)")" != "$LINK"

# ---- what refuses native ----
node_exec box ip link add big type veth peer name big2
node_exec box ip link set big2 mtu 9000
node_exec box ip link set big mtu 9000
node_exec box ip link set big name wan9
check "MTU 9000: generic" held wan9 generic
check "with driver, MTU and the kernel's words" eval '[[ $(iface wan9 .why) == *"driver veth, mtu 9000"*"too large"* ]]'
is "generic is no degradation" "$(exit_of ppn status)" 0
node_exec box ip link del wan9

# ---- strangers ----
for how in native generic link; do
	node_exec box ip link add tmp type veth peer name tmp2
	node_start box "$how" stranger "$how" tmp
	wait_for 5 eval 'grep -qE "^[0-9]+$" "$(node_log box "$how")"'
	theirs=$(grep -E '^[0-9]+$' "$(node_log box "$how")")
	node_exec box ip link set tmp name wan2
	check "a stranger ($how) holds XDP: TC" held wan2 tc
	check "named by id and name" eval '[[ $(iface wan2 .why) == *"program $theirs (stranger)"* ]]'
	is "exit code 5" "$(exit_of ppn status)/$(exit_of ppn seal status)" 5/5
	is "it stays" "$(node_exec box ip -j -d link show dev wan2 | jq '.[0].xdp.prog.id')" "$theirs"
	node_stop box "$how"
	check "when it goes XDP takes over" held wan2 native
	is "and TC's way in is empty" "$(node_exec box tc filter show dev wan2 ingress)" ""
	is "exit code 0" "$(exit_of ppn status)" 0
	node_exec box ip link del wan2
	wait_for 5 eval '[ -z "$(iface wan2 .hold)" ]'
done

# ---- pins ----
pinned() { node_exec box sh -c "[ -e $PPN_PINS/policy ] && [ -e $PPN_PINS/links/$(index eth0) ]"; }
alarms() { ppn status --json | jq .seal.pins_lost; }
node_exec box rm -rf "$PPN_PINS" || : # they are made again while it works
check "pins removed: back within a second" wait_for 1 pinned
is "counted" "$(alarms)" 1
check "said" logged 'somebody took the seal off, put back: pins'
is "nothing was attached for it" "$(link_id "$(index eth0)")" "$FIRST"
node_exec box mount -t bpf bpf /sys/fs/bpf
check "a bpffs mounted over it: pinned there" wait_for 1 pinned
is "counted as well" "$(alarms)" 2
node_exec box umount -l /sys/fs/bpf # ppnd holds a lock in it
node_exec box mount -o remount,ro /sys/fs/bpf
node_exec box rm -r "$PPN_PINS/policy" 2>/dev/null || :
node_exec box mount -o remount,rw /sys/fs/bpf
check "held all the time" hold_is eth0 native

# ---- slots ----
counted() { iface "$1" .dropped; }
send() { node_exec peer /usr/bin/python3 -c '
from scapy.all import *
conf.verb = 0
sendp(Ether(src="02:00:00:00:00:07", dst=sys.argv[1], type=0x1234) / Raw(b"x" * 50), iface="eth0", count=int(sys.argv[2]))' "$@"; }
mac() { node_exec box ip -j link show dev "$1" | jq -r '.[0].address'; }
fresh() { [ "$(counted "$1")" -lt 20 ]; }
slot=$(row "$(index eth1)" | jq .slot)
send "$(mac eth1)" 40
check "packets are counted where they came in" wait_for 5 eval '[ "$(counted eth1)" -ge 40 ]'
node_exec box ip link del eth1
for i in $(seq 40); do
	node_exec box ip link add "wan$i" type veth peer name "x$i"
done
all_held() { [ "$(ppn status --json | jq '[.seal.interfaces[] | select(.hold == "native")] | length')" -eq 41 ]; }
check "40 at once: each sealed" wait_for 20 all_held
is "31 have a slot, the others share one" "$(ppn status --json | jq '[.seal.interfaces[] | select(.dropped != null)] | length')" 31
is "the slot was given again" "$(for i in $(seq 40); do row "$(index "wan$i")"; done | jq -s "[.[] | select(.slot == $slot)] | length")" 1
check "and counts from zero" eval '[ "$(ppn status --json | jq "[.seal.interfaces[] | select(.name != \"eth0\") | .dropped // 0] | max")" -lt 40 ]'
for i in $(seq 40); do
	node_exec box ip link del "wan$i"
done
none_left() { [ "$(ppn status --json | jq '.seal.interfaces | length')" -eq 1 ]; }
check "all gone" wait_for 20 none_left

# ---- restart: the map remembers ----
net_link box:eth1 sw
held eth1 native
send "$(mac eth1)" 30
wait_for 5 eval '[ "$(counted eth1)" -ge 30 ]'
# The map is read in pieces of 512 rows.
for i in 511 512 1500 32767; do
	node_exec box ip link add "wan$i" index $i type veth peer name "x$i"
	held "wan$i" native
done
rows() { row "$(index eth1)" && row 511 && row 1500 && row 32767; }
was=$(rows)
node_stop box ppnd KILL
node_exec box ip link del wan512
start
held eth1 native
is "a restart leaves the rows as they are" "$(rows)" "$was"
is "and closes that of one that is gone" "$(row 512)" "$(row 600)"
check "and the counts" eval '[ "$(counted eth1)" -ge 30 ]'
is "and attaches nothing" "$(link_id "$(index eth0)")" "$FIRST"
