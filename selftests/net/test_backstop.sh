#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 180
#
# The backstop: what BPF does not hold yet, or holds no more. What it may not hold at all: test_refused.sh.
#
#   stranger ---[lan]--- box                floods all the time
#   sender --(k0, redirected by tc)--> s0 --- box:eth1
#
# "Reached" means the stack's own counters of what it delivered, and a UDP socket. A tap sees what comes before
# XDP is on: it reads before any hook of nftables.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

FACTOR=${PPN_TIMEOUT_FACTOR:-1}
BOX=192.0.2.2
ROUNDS=5
[ -z "${PPN_SOAK:-}" ] || ROUNDS=100
# What an emulated machine can carry and still do something else.
RATE=$((20000 / FACTOR))

net_bridge lan
for node in stranger box sender; do node_add "$node"; done
for node in stranger box; do net_link "$node:eth0" lan; done
node_exec box ip addr add $BOX/24 dev eth0
node_exec stranger ip addr add 192.0.2.66/24 dev eth0

ETC=$(node_dir box)/etc
mkdir -p "$ETC"
printf '[node]\nexternal = eth*\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$ETC/ppnd.conf"
start() { node_start box ppnd ppnd --config "$ETC/ppnd.conf" --state-dir "$(node_dir box)/state"; }
ppn() { node_exec box ppn --state-dir "$(node_dir box)/state" "$@"; }
status() { (ppn status --json || [ $? = 5 ]) | jq -r "$1"; }
wait_state() { ppn wait "$1" --timeout $((20 * FACTOR)); }
hold() { status ".seal.interfaces[] | select(.name == \"$1\") | .hold"; }
holds() { [ "$(hold "$1")" = "$2" ]; }
dropped() { status ".seal.backstop.dropped.$1"; }
back() { status ".seal.backstop.$1_put_back"; }
table() { node_exec box nft list chain inet ppn dark_in; }
clsact() { node_exec box tc filter show dev eth0 egress | grep egress >/dev/null; }
pinned() { node_exec box bash -c 'ls /sys/fs/bpf/ppn/*/links/* /sys/fs/bpf/ppn/*/policy'; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

counts() { # the counters themselves, for people
	node_exec box nstat -asz 2>/dev/null | awk '$2 != "0" && /^(Ip|Udp|Tcp|Icmp)/ { printf "%s %s, ", $1, $2 }'
	echo
}
seen() { echo "$(delivered box)/$(sunk box)"; }
nothing() { # NAME BEFORE
	is "$1" "$(seen)" "$2"
	[ "$(seen)" = "$2" ] || { counts >&2 && status .seal.backstop >&2; }
}

sink box
node_start stranger flood flood eth0 $BOX $RATE
wait_for 5 grep -q flooding "$(node_log stranger flood)"
check "before ppnd is there the flood reaches the stack" wait_for 5 moves 1000 delivered box
check "and the socket" wait_for 5 moves 100 sunk box

# ---- on, and readable ---------------------------------------------------------------------------

start
check "box holds" wait_state holding
is "by XDP" "$(hold eth0)" native
check "the backstop is in force" table
node_exec box nft list ruleset >"$WORLD/rules"
check "it says what it is" grep -q 'comment "the seal.s backstop: holding"' "$WORLD/rules"
check "and what each row is for" grep -q 'tcp dport 9443 .*accept comment "claim"' "$WORLD/rules"
is "in all families but netdev, which no held interface needs" \
	"$(grep '^table' "$WORLD/rules" | sort | tr -d '\n')" 'table bridge ppn {table inet ppn {'
wait_for 10 neighbours_settled box
before=$(seen)
sleep 0.5
nothing "sealed: nothing reaches the stack" "$before"
is "nor what BPF should have dropped, the backstop" "$(dropped held_in)" 0

# ---- a device that is recreated -----------------------------------------------------------------

# A new eth0 under the old pin; up and addressed at once, so that what is not dropped is delivered.
recreate() {
	node_exec box ip link del eth0
	net_link box:eth0 lan
	node_exec box ip addr add $BOX/24 dev eth0
}
index() { node_exec box cat /sys/class/net/eth0/ifindex; }
sealed_anew() { [ "$(status '.seal.interfaces[0].ifindex')" = "$(index)" ] && holds eth0 native; }

before=$(seen)
dark=$(dropped dark_in)
for ((i = 0; i < ROUNDS; i++)); do
	recreate
	wait_for 5 sealed_anew || break
done
is "recreated $ROUNDS times under the flood: sealed again each time" "$i" "$ROUNDS"
nothing "not one forbidden packet reached the stack" "$before"

# The window, made as wide as one likes: nobody is there to judge the device.
kill -STOP "$(node_pid box ppnd)"
recreate
sleep 1
nothing "ppnd stopped, the device new: nothing reaches the stack" "$before"
kill -CONT "$(node_pid box ppnd)"
check "ppnd goes on: sealed" wait_for 5 sealed_anew
check "it was the backstop that dropped all that" moves $((dark + 1000)) dropped dark_in

# What is inside is not dark: a container's veth, once ppnd has seen it.
node_exec box ip link add cont0 type veth peer name cont1
node_exec box ip addr add 198.51.100.1/24 dev cont0
node_exec box ip link set cont0 up
node_exec box ip link set cont1 up
inside() { node_exec box nft list map inet ppn devices_in | grep '"cont0" : accept' >/dev/null; }
check "a veth that is not external goes free" wait_for 5 inside
node_exec box ip link del cont0

# ---- taken away ---------------------------------------------------------------------------------

took() { # NAME COMMAND-THAT-SAYS-BACK...: within a second (on a slow machine, its second)
	local name=$1 began
	shift
	began=$(now_ms)
	if ! wait_for 5 "$@"; then not_ok "$name"; return; fi
	check "$name ($(($(now_ms) - began)) ms)" test $(($(now_ms) - began)) -le $((1000 * FACTOR))
}

n=$(back rules)
node_exec box nft flush ruleset
took "nft flush ruleset: back" table
check "counted" wait_for 5 moves "$n" back rules
check "and logged, with who it was" wait_for 5 grep -q 'nft (pid .*changed the nftables' "$(node_log box ppnd)"
n=$(back rules)
node_exec box nft insert rule inet ppn in accept
took "a rule put in front of ours: gone" bash -c "! nsenter -t $(node_pid box ppnd) -n nft list chain inet ppn in | grep -x '[[:space:]]*accept' >/dev/null"
check "counted, too" wait_for 5 moves "$n" back rules
node_exec box nft add table inet other
sleep 0.3
is "what others do to their own tables is theirs" "$(back rules)" "$((n + 1))"

n=$(back seal)
capture_start stranger eth0 gap icmp and src host $BOX
node_start box pinger ping -n -q -i 0.002 192.0.2.66
node_exec box tc qdisc del dev eth0 clsact
took "tc qdisc del clsact: back" clsact
check "counted" wait_for 5 moves "$n" back seal
check "logged" grep -q 'took the seal off, put back: eth0' "$(node_log box ppnd)"
sleep 0.2
node_stop box pinger INT
capture_stop stranger gap
is "nothing left in between" "$(capture_count stranger gap icmp)" 0

node_exec box sh -c 'rm -f /sys/fs/bpf/ppn/*/links/* /sys/fs/bpf/ppn/*/policy'
took "pins removed: back" pinned

# A fight is not won, and not loud.
n=$(back rules)
lines=$(wc -l <"$(node_log box ppnd)")
node_start box fighter bash -c 'for ((i = 0; i < 100; i++)); do nft flush ruleset; done'
node_stop_when_done() { while node_alive box fighter; do sleep 0.1; done; }
began=$(now_ms)
node_stop_when_done
took "flushed a hundred times: there after the last" table
took_ms=$(($(now_ms) - began))
check "put back at a bounded rate" test $(($(back rules) - n)) -le $((took_ms / 200 + 2))
check "and said a few times, not a hundred" test $(($(wc -l <"$(node_log box ppnd)") - lines)) -le 6
nothing "nothing forbidden reached the stack in all this" "$before"

# ---- neither ppnd nor pins: XDP is off, the second opinion is what is left ------------------------

node_stop box ppnd KILL
node_exec box sh -c 'rm -rf /sys/fs/bpf/ppn'
off() { node_exec box ip -j link show dev eth0 | jq -e '.[0].xdp | not'; }
check "ppnd killed and its pins swept: XDP is off" wait_for 5 off
nothing "and nothing forbidden reaches the stack" "$before"
counted() { node_exec box nft -j list counter inet ppn held_in | jq '.nftables[1].counter.packets'; }
check "by the backstop" wait_for 5 moves 100 counted
start
check "the next ppnd" wait_state holding
check "seals again" wait_for 5 holds eth0 native
nothing "with nothing let in on the way" "$before"

# ---- what generic XDP does not see --------------------------------------------------------------

# veth takes no native program at this MTU.
ip link add s0 mtu 9000 type veth peer name s1 mtu 9000
ip link set dev s1 netns "${_node_holder[box]}" name eth1
ip link add k0 type veth peer name k1
ip link set dev k1 netns "${_node_holder[sender]}" name eth0
node_exec box ip link set eth1 up
node_exec box ip addr add 203.0.113.2/24 dev eth1
node_exec sender ip link set eth0 up
node_exec sender ip addr add 203.0.113.7/24 dev eth0
node_exec sender ip neigh add 203.0.113.2 lladdr "$(node_exec box cat /sys/class/net/eth1/address)" dev eth0
ip link set s0 up
ip link set k0 up
check "eth1 is held by generic XDP" wait_for 10 holds eth1 generic
tc qdisc add dev k0 clsact
if tc filter add dev k0 ingress protocol ip u32 match u32 0 0 action mirred egress redirect dev s0 2>/dev/null; then
	n=$(dropped held_in)
	before=$(seen)
	for ((i = 0; i < 10; i++)); do node_exec sender bash -c 'echo x >/dev/udp/203.0.113.2/999'; done
	check "what tc redirects into it passes generic XDP unseen" wait_for 5 moves $((n + 9)) dropped held_in
	nothing "and is caught" "$before"
else
	skip "what tc redirects" "this kernel has no u32 or mirred"
	skip "is caught" "this kernel has no u32 or mirred"
fi
node_stop stranger flood

# ---- off ----------------------------------------------------------------------------------------

check "unseal" ppn unseal --yes
is "takes it away, and leaves what is others'" "$(node_exec box nft list tables)" ""
