#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# tier: vm
# timeout: 300
#
# The backstop: what BPF does not hold yet, holds no more, or may not hold at all.
#
#   desk, stranger ---[lan]--- box          stranger floods all the time
#                     [lan]--- cellar       whose kernel refuses BPF
#   sender --(k0, redirected by tc)--> s0 --- box:eth1
#
# "Reached" means the stack's own counters of what it delivered, and a UDP socket. A tap sees what comes before
# XDP is on: it reads before any hook of nftables.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

FACTOR=${PPN_TIMEOUT_FACTOR:-1}
DESK=$(node_dir desk)
BOX=192.0.2.2
ROUNDS=5
[ -z "${PPN_SOAK:-}" ] || ROUNDS=100

net_bridge lan
for node in desk stranger box cellar sender; do node_add "$node"; done
for node in desk stranger box cellar; do net_link "$node:eth0" lan; done
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec box ip addr add $BOX/24 dev eth0
node_exec cellar ip addr add 192.0.2.3/24 dev eth0
node_exec stranger ip addr add 192.0.2.66/24 dev eth0

configure() { # NODE
	mkdir -p "$(node_dir "$1")/etc"
	printf '[node]\nexternal = eth*\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$(node_dir "$1")/etc/ppnd.conf"
}
configure box
configure cellar

start() { # NODE [COMMAND...]: in front of ppnd
	local node=$1 dir
	dir=$(node_dir "$node")
	shift
	node_start "$node" ppnd "$@" ppnd --config "$dir/etc/ppnd.conf" --state-dir "$dir/state"
}
ppn() { # NODE VERB...
	local node=$1
	shift
	node_exec "$node" ppn --state-dir "$(node_dir "$node")/state" "$@"
}
status() { (ppn "$1" status --json || [ $? = 5 ]) | jq -r "$2"; }
wait_state() { ppn "$1" wait "$2" --timeout $((20 * FACTOR)); }
hold() { status "$1" ".seal.interfaces[] | select(.name == \"$2\") | .hold"; }
holds() { [ "$(hold "$1" "$2")" = "$3" ]; }
dropped() { status "$1" ".seal.backstop.dropped.$2"; }
back() { status "$1" ".seal.backstop.$2_put_back"; }
rises() { [ "$(back "$1" "$2")" -gt "$3" ]; } # NODE WHAT OLD
table() { node_exec "$1" nft list chain inet ppn dark_in; }
clsact() { node_exec "$1" tc filter show dev eth0 egress | grep egress >/dev/null; }
pinned() { node_exec "$1" bash -c 'ls /sys/fs/bpf/ppn/*/links/* /sys/fs/bpf/ppn/*/policy'; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

counts() { # NODE: the counters themselves, for people
	node_exec "$1" nstat -asz 2>/dev/null | awk '$2 != "0" && /^(Ip|Udp|Tcp|Icmp)/ { printf "%s %s, ", $1, $2 }'
	echo
}
sunk() { wc -c <"$(node_log "$1" sink)"; }
sink() { # NODE: a byte a datagram
	node_start "$1" sink /usr/bin/python3 -uc '
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 999))
while s.recv(64): print(end=".")'
	wait_for 5 node_exec "$1" sh -c 'ss -Hlun sport = 999 | grep -q .'
}
seen() { echo "$(delivered "$1")/$(sunk "$1")"; }
nothing() { # NAME NODE BEFORE
	is "$1" "$(seen "$2")" "$3"
	[ "$(seen "$2")" = "$3" ] || { counts "$2" >&2 && status "$2" .seal.backstop >&2; }
}
moves() { # COMMAND OLD...: its number is above OLD
	[ "$("${@:2}")" -gt "$1" ]
}

sink box
node_start stranger flood flood eth0 $BOX
wait_for 5 grep -q flooding "$(node_log stranger flood)"
check "before ppnd is there the flood reaches the stack" wait_for 5 moves 1000 delivered box
check "and the socket" wait_for 5 moves 100 sunk box

# ---- on, and readable ---------------------------------------------------------------------------

start box
check "box holds" wait_state box holding
is "by XDP" "$(hold box eth0)" native
check "the backstop is in force" table box
node_exec box nft list ruleset >"$WORLD/rules"
check "it says what it is" grep -q 'comment "the seal.s backstop: holding"' "$WORLD/rules"
check "and what each row is for" grep -q 'tcp dport 9443 .*accept comment "claim"' "$WORLD/rules"
is "in all families but netdev, which no held interface needs" \
	"$(grep '^table' "$WORLD/rules" | sort | tr -d '\n')" 'table bridge ppn {table inet ppn {'
wait_for 10 neighbours_settled box
before=$(seen box)
sleep 0.5
nothing "sealed: nothing reaches the stack" box "$before"
is "nor what BPF should have dropped, the backstop" "$(dropped box held_in)" 0

# ---- a device that is recreated -----------------------------------------------------------------

# A new eth0 under the old pin; up and addressed at once, so that what is not dropped is delivered.
recreate() {
	node_exec box ip link del eth0
	net_link box:eth0 lan
	node_exec box ip addr add $BOX/24 dev eth0
}
index() { node_exec box cat /sys/class/net/eth0/ifindex; }
sealed_anew() { [ "$(status box '.seal.interfaces[0].ifindex')" = "$(index)" ] && holds box eth0 native; }

before=$(seen box)
dark=$(dropped box dark_in)
for ((i = 0; i < ROUNDS; i++)); do
	recreate
	wait_for 5 sealed_anew || break
done
is "recreated $ROUNDS times under the flood: sealed again each time" "$i" "$ROUNDS"
nothing "not one forbidden packet reached the stack" box "$before"

# The window, made as wide as one likes: nobody is there to judge the device.
kill -STOP "$(node_pid box ppnd)"
recreate
sleep 1
nothing "ppnd stopped, the device new: nothing reaches the stack" box "$before"
kill -CONT "$(node_pid box ppnd)"
check "ppnd goes on: sealed" wait_for 5 sealed_anew
check "it was the backstop that dropped all that" moves $((dark + 1000)) dropped box dark_in

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

n=$(back box rules)
node_exec box nft flush ruleset
took "nft flush ruleset: back" table box
check "counted" wait_for 5 rises box rules "$n"
check "and logged, with who it was" wait_for 5 grep -q 'nft (pid .*changed the nftables' "$(node_log box ppnd)"
n=$(back box rules)
node_exec box nft insert rule inet ppn in accept
took "a rule put in front of ours: gone" bash -c "! nsenter -t $(node_pid box ppnd) -n nft list chain inet ppn in | grep -x '[[:space:]]*accept' >/dev/null"
check "counted, too" wait_for 5 rises box rules "$n"
node_exec box nft add table inet other
sleep 0.3
is "what others do to their own tables is theirs" "$(back box rules)" "$((n + 1))"

n=$(back box seal)
capture_start stranger eth0 gap icmp and src host $BOX
node_start box pinger ping -n -q -i 0.002 192.0.2.66
node_exec box tc qdisc del dev eth0 clsact
took "tc qdisc del clsact: back" clsact box
check "counted" wait_for 5 rises box seal "$n"
check "logged" grep -q 'took the seal off, put back: eth0' "$(node_log box ppnd)"
sleep 0.2
node_stop box pinger INT
capture_stop stranger gap
is "nothing left in between" "$(capture_count stranger gap icmp)" 0

node_exec box sh -c 'rm -f /sys/fs/bpf/ppn/*/links/* /sys/fs/bpf/ppn/*/policy'
took "pins removed: back" pinned box

# A fight is not won, and not loud.
n=$(back box rules)
lines=$(wc -l <"$(node_log box ppnd)")
node_start box fighter bash -c 'for ((i = 0; i < 100; i++)); do nft flush ruleset; done'
node_stop_when_done() { while node_alive box fighter; do sleep 0.1; done; }
began=$(now_ms)
node_stop_when_done
took "flushed a hundred times: there after the last" table box
took_ms=$(($(now_ms) - began))
check "put back at a bounded rate" test $(($(back box rules) - n)) -le $((took_ms / 200 + 2))
check "and said a few times, not a hundred" test $(($(wc -l <"$(node_log box ppnd)") - lines)) -le 6
nothing "nothing forbidden reached the stack in all this" box "$before"

# ---- neither ppnd nor pins: XDP is off, the second opinion is what is left ------------------------

node_stop box ppnd KILL
node_exec box sh -c 'rm -rf /sys/fs/bpf/ppn'
off() { node_exec box ip -j link show dev eth0 | jq -e '.[0].xdp | not'; }
check "ppnd killed and its pins swept: XDP is off" wait_for 5 off
nothing "and nothing forbidden reaches the stack" box "$before"
counted() { node_exec box nft -j list counter inet ppn held_in | jq '.nftables[1].counter.packets'; }
check "by the backstop" wait_for 5 moves 100 counted
start box
check "the next ppnd" wait_state box holding
check "seals again" wait_for 5 holds box eth0 native
nothing "with nothing let in on the way" box "$before"

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
check "eth1 is held by generic XDP" wait_for 10 holds box eth1 generic
tc qdisc add dev k0 clsact
if tc filter add dev k0 ingress protocol ip u32 match u32 0 0 action mirred egress redirect dev s0 2>/dev/null; then
	n=$(dropped box held_in)
	before=$(seen box)
	for ((i = 0; i < 10; i++)); do node_exec sender bash -c 'echo x >/dev/udp/203.0.113.2/999'; done
	check "what tc redirects into it passes generic XDP unseen" wait_for 5 moves $((n + 9)) dropped box held_in
	nothing "and is caught" box "$before"
else
	skip "what tc redirects" "this kernel has no u32 or mirred"
	skip "is caught" "this kernel has no u32 or mirred"
fi
node_stop stranger flood

# ---- BPF refused --------------------------------------------------------------------------------

printf 'correct horse battery staple\n' >"$DESK/passphrase"
chmod 600 "$DESK/passphrase"
printf '[beacon]\ninterfaces = eth0\n[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"
admin() { node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"; }
admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 4 --days 1 >"$DESK/invite"
install -m 600 "$DESK/invite" "$(node_dir cellar)/etc/invite"
node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin unlock --passphrase-file "$DESK/passphrase"

sink cellar
node_start stranger flood flood eth0 192.0.2.3
check "the flood reaches cellar" wait_for 5 moves 1000 delivered cellar

# As it boots: ppn-seal.service, then ppnd.
REFUSED=(setpriv "--bounding-set=-bpf,-sys_admin,-perfmon" "--inh-caps=-bpf,-sys_admin,-perfmon")
blind() { node_exec cellar "${REFUSED[@]}" ppnd --blind --config "$(node_dir cellar)/etc/ppnd.conf"; }
is "before ppnd, BPF refused: sealed, exit code 5" "$(blind >&2; echo $?)" 5
# The socket's count: what the stack answered before tells it for seconds, by lo, whom it did not find.
n=$(sunk cellar)
check_fails "dark: no claim port" node_exec stranger nc -zw1 192.0.2.3 9443
start cellar "${REFUSED[@]}"
check "a ppnd whose BPF is refused goes on" wait_state cellar holding
is "nothing of the flood has reached a socket since" "$(sunk cellar)" "$n"
is "status says what holds" "$(hold cellar eth0)" nft
is "its exit code, too" "$(ppn cellar status >/dev/null; echo $?)" 5
is "and that of seal status" "$(ppn cellar seal status >/dev/null; echo $?)" 5
check "and why" bash -c "[[ '$(status cellar .seal.degraded)' = *'not permitted'* || '$(status cellar .seal.degraded)' = *CAP_BPF* ]]"
check "for people" grep -q 'degraded (nft)' <(ppn cellar status || :)
wait_for 10 neighbours_settled cellar
before=$(seen cellar)
sleep 0.5
nothing "sealed: nothing reaches the stack" cellar "$before"
capture_start stranger eth0 quiet ether src "$(node_exec cellar cat /sys/class/net/eth0/address)"
node_exec cellar ping -n -c3 -i 0.2 -W1 192.0.2.66 >/dev/null 2>&1 || :
node_exec stranger nc -zw1 192.0.2.3 22 || :
capture_stop stranger quiet
is "it sends a stranger nothing but ARP and neighbour discovery" \
	"$(capture_count stranger quiet 'not arp and not icmp6')" 0
check "the claim port answers" node_exec stranger nc -zw2 192.0.2.3 9443

check "it is claimed, by host" admin claim 192.0.2.3 --name cellar
check "bound" wait_state cellar bound
MESH=$(status cellar .mesh.address)
SEAT=$(admin roster show --json | jq -r '.rows[] | select(.runs_seat) | .address')
check "the seat reaches it by the mesh" wait_for 20 node_exec desk ping -6 -n -q -c1 -W"$FACTOR" "$MESH"
check "it reaches the seat" node_exec cellar ping -6 -n -q -c1 -W$((2 * FACTOR)) "$SEAT"
check_fails "bound, its claim port is dark" node_exec stranger nc -zw1 192.0.2.3 9443
spoofed() { node_exec cellar nft -j list counters | jq '[.nftables[].counter? | select(.name == "mesh_outside") | .packets] | add'; }
outside=$(spoofed)
node_exec stranger /usr/bin/python3 -c "
from scapy.all import Ether, IPv6, UDP, sendp
sendp(Ether(src='02:00:00:00:00:66', dst='$(node_exec cellar cat /sys/class/net/eth0/address)')
      / IPv6(src='$SEAT', dst='$MESH') / UDP(sport=1, dport=8091) / (b'x' * 16), iface='eth0', verbose=False)"
is "a mesh address on the wire is dropped" "$(spoofed)" "$((outside + 1))"

# Frames are obeyed by BPF alone.
shut() { node_exec cellar nft -j list counters | jq '[.nftables[].counter? | select(.name == "mesh_shut") | .packets] | add'; }
n=$(shut)
check_fails "a command is not obeyed: the seat is told" admin send isolate cellar --timeout $((2 * FACTOR))
check "its frame was dropped" test "$(shut)" -gt "$n"
is "and cellar is bound" "$(status cellar .state)" bound

node_exec cellar nft flush ruleset
took "nft flush ruleset: back" table cellar
node_stop cellar ppnd KILL
check "killed: the rules stay" table cellar
start cellar "${REFUSED[@]}"
check "started again: bound" wait_state cellar bound
check "and meshed" wait_for 20 node_exec desk ping -6 -n -q -c1 -W"$FACTOR" "$MESH"
node_reboot cellar
n=$(sunk cellar)
is "rebooted, before ppnd: sealed, exit code 5" "$(blind >&2; echo $?)" 5
sink cellar
check_fails "and no mesh" node_exec desk ping -6 -n -q -c1 -W1 "$MESH"
start cellar "${REFUSED[@]}"
check "then ppnd: bound" wait_state cellar bound
check "and meshed again" wait_for 20 node_exec desk ping -6 -n -q -c1 -W"$FACTOR" "$MESH"
is "bound, too, nothing of the flood reaches a socket" "$(sunk cellar)" "$n"
check "which goes on" moves 1000 dropped cellar dark_in

# ---- off ----------------------------------------------------------------------------------------

check "unseal" ppn cellar unseal --yes
is "takes all of it away" "$(node_exec cellar nft list ruleset)" ""
check "unseal where BPF holds" ppn box unseal --yes
is "takes it away, too, and leaves what is others'" "$(node_exec box nft list tables)" ""
