#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
#
# T3: all that happens to a sealed interface, under a flood that never stops. What must not be seen is counted in two
# places: by the stack (what it delivered) and by a packet tap. One XDP link serves the whole life of a device.
#
#   stranger ---[lan]--- box:eth0        box, and for a while its namespace `away`, has the device
#
# Some of each here; PPN_SOAK=1 does what the plan says.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

FLAPS=40 CARRIERS=40 RENAMES=5 MOVES=5 MTUS=10 QUEUES=10 BRIDGES=5 ANEW=10 RATE=20000
[ -z "${PPN_SOAK:-}" ] || FLAPS=1000 CARRIERS=1000 RENAMES=50 MOVES=100 MTUS=100 QUEUES=100 BRIDGES=50 ANEW=200 RATE=200000

BOX=192.0.2.2
DIR=$(node_dir box)

wire() {
	ip link add wb numrxqueues 4 numtxqueues 4 type veth peer name port numrxqueues 4 numtxqueues 1
	ip link set dev port master lan addrgenmode none up
	ip link set dev wb netns "${_node_holder[box]}" name eth0
	node_exec box ip link set eth0 up
	node_exec box ip addr add $BOX/24 dev eth0
}
ppn() {
	local verb=$1
	shift
	node_exec box ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}
iface() { ppn status --json | jq -r ".seal.interfaces[] | select(.name == \"$1\") | $2"; }
hold_is() { [ "$(iface "$1" .hold)" = "$2" ]; }
index() { node_exec box cat "/sys/class/net/$1/ifindex"; }
link_id() { node_exec box bpftool -j link show pinned "$PPN_PINS/links/$(index "$1")" | jq .id; }
programs() { node_exec box find "$PPN_PINS/programs" "$PPN_PINS/links" -type f | sort; }
fds() { find "/proc/$(node_pid box ppnd)/fd" -mindepth 1 | wc -l; }
dropped() { ppn status --json | jq '[.seal.reasons.seal[].packets] | add'; }
goes_on() { wait_for 10 moves $(($(dropped) + 100)) dropped; }

# A tap of its own on everything, that counts what no row lets in, and prints each.
tap_on() {
	node_start "$1" "$2" tcpdump -Z root -nn -l --immediate-mode -i any "${FORBIDDEN[@]}"
	wait_for 10 grep -q 'listening on' "$(node_log "$1" "$2")"
}
tapped() { grep -c ' > ' "$(node_log "$1" "$2")" || :; }
FORBIDDEN=(inbound and '(port 999 or icmp[icmptype] == icmp-echo or ip[6:2] & 0x3fff != 0)')

caught() { ppn status --json | jq .seal.backstop.dropped.held_in; }

# nothing NAME: neither the stack nor the tap, and the flood is still there to be dropped. A veth that goes up takes packets
# (__dev_open sets __LINK_STATE_START) before veth_open() has given its queues the native program: what comes in between meets
# no XDP, whatever the program; with a program that drops everything a tap saw 10 packets in 300 flaps, in generic mode
# none. The backstop is behind the tap and has them: what a tap sees is no more than it has dropped. On virtio_net, in a VM, a
# tap sees none at all: test_nics.sh.
nothing() {
	local seen dropped
	goes_on || { not_ok "$1: the flood has stopped"; return; }
	seen=$(tapped box tap) dropped=$(caught)
	is "$1: the stack saw nothing" "$(delivered box)" "$BEFORE"
	check "$1: a tap saw $((seen - SEEN)), all of it the backstop's" test $((seen - SEEN)) -le $((dropped - CAUGHT))
	is "$1: by the same link" "$(link_id eth0)" "$LINK"
	SEEN=$seen CAUGHT=$dropped
}

# ---- the judges can see ---------------------------------------------------------------------------

net_bridge lan
node_add box
node_add stranger
net_link stranger:eth0 lan
wire
node_start stranger flood flood eth0 $BOX $RATE
wait_for 5 grep -q flooding "$(node_log stranger flood)"
tap_on box see
check "unsealed, the stack sees the flood" wait_for 5 moves 100 delivered box
check "and so does a tap" wait_for 5 moves 100 tapped box see
node_stop box see

mkdir -p "$DIR/etc"
printf '[node]\nexternal = eth*\nbeacon_window = 0\n[seal]\nmode = enforce\n' >"$DIR/etc/ppnd.conf"
node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
ppn wait holding --timeout 10 >/dev/null
is "sealed" "$(iface eth0 .hold)" native
LINK=$(link_id eth0)
goes_on # what waited in a queue before the seal was on has arrived
wait_for 10 neighbours_settled box
BEFORE=$(delivered box)
HELD=$(programs)
FDS=$(fds)
SEEN=0 CAUGHT=0
tap_on box tap
nothing "at rest"
is "and no backstop was needed" "$(caught)" 0

# ---- one device -----------------------------------------------------------------------------------

for ((i = 0; i < FLAPS; i++)); do
	node_exec box ip link set eth0 down
	node_exec box ip link set eth0 up
done
nothing "$FLAPS times down and up"

for ((i = 0; i < CARRIERS; i++)); do
	ip link set port down
	ip link set port up
done
nothing "$CARRIERS times without carrier"

for ((i = 0; i < RENAMES; i++)); do
	node_exec box ip link set eth0 name "eth1$i"
	node_exec box ip link set "eth1$i" name eth0
done
nothing "$RENAMES times renamed"

for ((i = 0; i < MTUS; i++)); do
	node_exec box ip link set eth0 mtu $((1280 + i))
	node_exec box ip link set eth0 mtu 1500
done
nothing "the MTU changed $MTUS times"

for ((i = 0; i < QUEUES; i++)); do
	node_exec box ethtool -L eth0 rx $((1 + i % 4)) tx $((1 + i % 3))
done
nothing "queues changed $QUEUES times"

node_exec box ip link add br0 type bridge mcast_snooping 0
node_exec box ip link set br0 up
node_exec box ip addr add 192.0.2.3/24 dev br0
for ((i = 0; i < BRIDGES; i++)); do
	node_exec box ip link set eth0 master br0
	node_exec box ip link set eth0 nomaster
done
nothing "$BRIDGES times in and out of a bridge"
node_exec box ip link del br0

# ---- moved away -----------------------------------------------------------------------------------

# Addressed as at home, so that whatever is not dropped is delivered.
node_exec box ip netns add away
node_exec box ip netns exec away ip link set lo up
away() { node_exec box nsenter --net=/run/netns/away "$@"; }
away_delivered() { away awk '/^Ip:/ { n = split($0, f); if (f[2] ~ /^[0-9]/) total += f[10] } END { print total + 0 }' /proc/net/snmp; }
away_dropped() { away ethtool -S eth0 | awk '/_xdp_drops:/ { total += $2 } END { print total + 0 }'; }
gone() { [ -z "$(iface eth0 .hold)" ]; }
moved=0
for ((i = 0; i < MOVES; i++)); do
	node_exec box ip link set eth0 netns away
	away ip addr add $BOX/24 dev eth0
	# No backstop is here: the wire is quiet while the queues have no program yet (see nothing).
	ip link set port down
	away ip link set eth0 up
	there=$(away_dropped)
	ip link set port up
	wait_for 5 gone || break
	wait_for 5 moves $((there + 100)) away_dropped || break
	away ip link set eth0 netns "$(node_pid box ppnd)"
	node_exec box ip link set eth0 up
	node_exec box ip addr add $BOX/24 dev eth0
	wait_for 5 hold_is eth0 native || break
	moved=$((moved + 1))
done
is "moved to another namespace and back $MOVES times: sealed again each time" "$moved" "$MOVES"
is "dropped there by the program that it brought, nothing let in" "$(away_delivered)" 0
nothing "$MOVES times moved"

is "and nothing was left: pins" "$(programs)" "$HELD"
is "file descriptors" "$(fds)" "$FDS"

# ---- made anew ------------------------------------------------------------------------------------

# A device that did not exist a moment ago is the backstop's until XDP is on it: no hook of nftables is before a tap.
node_stop box tap
links=$LINK made=0
for ((i = 0; i < ANEW; i++)); do
	node_exec box ip link del eth0
	wire
	wait_for 5 hold_is eth0 native || break
	links+=" $(link_id eth0)"
	made=$((made + 1))
done
is "made anew $ANEW times: sealed each time" "$made" "$ANEW"
is "by one link each" "$(tr ' ' '\n' <<<"$links" | sort -u | wc -l)" $((ANEW + 1))
goes_on || diag "no flood"
is "the stack saw nothing" "$(delivered box)" "$BEFORE"
is "one pin, no more" "$(node_exec box find "$PPN_PINS/links" -type f | wc -l)" "$(wc -l < <(grep links/ <<<"$HELD"))"
is "file descriptors" "$(fds)" "$FDS"
