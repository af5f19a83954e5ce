#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# tier: vm
# timeout: 180
#
# A kernel that refuses BPF, from its boot on: cellar is sealed by nftables alone, and says so; it is claimed, and is
# in the mesh.
#
#   desk, stranger ---[lan]--- cellar       stranger floods all the time
#
# "Reached" means the stack's own counters of what it delivered, and a UDP socket.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

FACTOR=${PPN_TIMEOUT_FACTOR:-1}
DESK=$(node_dir desk)
# What an emulated machine can carry and still do something else.
RATE=$((20000 / FACTOR))

net_bridge lan
for node in desk stranger cellar; do
	node_add "$node"
	net_link "$node:eth0" lan
done
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec cellar ip addr add 192.0.2.3/24 dev eth0
node_exec stranger ip addr add 192.0.2.66/24 dev eth0

ETC=$(node_dir cellar)/etc
mkdir -p "$ETC"
printf '[node]\nexternal = eth*\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$ETC/ppnd.conf"
ppn() { node_exec cellar ppn --state-dir "$(node_dir cellar)/state" "$@"; }
status() { (ppn status --json || [ $? = 5 ]) | jq -r "$1"; }
wait_state() { ppn wait "$1" --timeout $((20 * FACTOR)); }
# Packets that one of the backstop's counters has seen.
counted() { node_exec cellar nft -j list counters | jq "[.nftables[].counter? | select(.name == \"$1\") | .packets] | add"; }
table() { node_exec cellar nft list chain inet ppn dark_in; }
seen() { echo "$(delivered cellar)/$(sunk cellar)"; }

# As it boots: ppn-seal.service, then ppnd.
REFUSED=(setpriv "--bounding-set=-bpf,-sys_admin,-perfmon" "--inh-caps=-bpf,-sys_admin,-perfmon")
blind() { node_exec cellar "${REFUSED[@]}" ppnd --blind --config "$ETC/ppnd.conf"; }
start() {
	node_start cellar ppnd "${REFUSED[@]}" ppnd --config "$ETC/ppnd.conf" --state-dir "$(node_dir cellar)/state"
}

printf 'correct horse battery staple\n' >"$DESK/passphrase"
chmod 600 "$DESK/passphrase"
printf '[beacon]\ninterfaces = eth0\n[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"
admin() { node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"; }
admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 4 --days 1 >"$DESK/invite"
install -m 600 "$DESK/invite" "$ETC/invite"
node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin unlock --passphrase-file "$DESK/passphrase"

sink cellar
node_start stranger flood flood eth0 192.0.2.3 $RATE
check "the flood reaches cellar" wait_for 5 moves 1000 delivered cellar

is "before ppnd, BPF refused: sealed, exit code 5" "$(blind >&2; echo $?)" 5
# The socket's count: what the stack answered before tells it for seconds, by lo, whom it did not find.
n=$(sunk cellar)
check_fails "dark: no claim port" node_exec stranger nc -zw1 192.0.2.3 9443
start
check "a ppnd whose BPF is refused goes on" wait_state holding
is "nothing of the flood has reached a socket since" "$(sunk cellar)" "$n"
is "status says what holds" "$(status '.seal.interfaces[0].hold')" nft
is "its exit code, too" "$(ppn status >/dev/null; echo $?)" 5
is "and that of seal status" "$(ppn seal status >/dev/null; echo $?)" 5
check "and why" bash -c "[[ '$(status .seal.degraded)' = *'not permitted'* || '$(status .seal.degraded)' = *CAP_BPF* ]]"
check "for people" grep -q 'degraded (nft)' <(ppn status || :)
wait_for 10 neighbours_settled cellar
before=$(seen)
sleep 0.5
is "sealed: nothing reaches the stack" "$(seen)" "$before"
capture_start stranger eth0 quiet ether src "$(node_exec cellar cat /sys/class/net/eth0/address)"
node_exec cellar ping -n -c3 -i 0.2 -W1 192.0.2.66 >/dev/null 2>&1 || :
node_exec stranger nc -zw1 192.0.2.3 22 || :
capture_stop stranger quiet
is "it sends a stranger nothing but ARP and neighbour discovery" \
	"$(capture_count stranger quiet 'not arp and not icmp6')" 0
check "the claim port answers" node_exec stranger nc -zw2 192.0.2.3 9443

check "it is claimed, by host" admin claim 192.0.2.3 --name cellar
check "bound" wait_state bound
MESH=$(status .mesh.address)
SEAT=$(admin roster show --json | jq -r '.rows[] | select(.runs_seat) | .address')
check "the seat reaches it by the mesh" wait_for 20 node_exec desk ping -6 -n -q -c1 -W"$FACTOR" "$MESH"
check "it reaches the seat" node_exec cellar ping -6 -n -q -c1 -W$((2 * FACTOR)) "$SEAT"
check_fails "bound, its claim port is dark" node_exec stranger nc -zw1 192.0.2.3 9443
outside=$(counted mesh_outside)
node_exec stranger /usr/bin/python3 -c "
from scapy.all import Ether, IPv6, UDP, sendp
sendp(Ether(src='02:00:00:00:00:66', dst='$(node_exec cellar cat /sys/class/net/eth0/address)')
      / IPv6(src='$SEAT', dst='$MESH') / UDP(sport=1, dport=8091) / (b'x' * 16), iface='eth0', verbose=False)"
is "a mesh address on the wire is dropped" "$(counted mesh_outside)" "$((outside + 1))"

# Frames are obeyed by BPF alone.
n=$(counted mesh_shut)
check_fails "a command is not obeyed: the seat is told" admin send isolate cellar --timeout $((2 * FACTOR))
check "its frame was dropped" test "$(counted mesh_shut)" -gt "$n"
is "and cellar is bound" "$(status .state)" bound

now_ms() { echo $(($(date +%s%N) / 1000000)); }
began=$(now_ms)
node_exec cellar nft flush ruleset
check "nft flush ruleset: back" wait_for 5 table
took=$(($(now_ms) - began))
check "within a second ($took ms)" test "$took" -le $((1000 * FACTOR))
node_stop cellar ppnd KILL
check "killed: the rules stay" table
start
check "started again: bound" wait_state bound
check "and meshed" wait_for 20 node_exec desk ping -6 -n -q -c1 -W"$FACTOR" "$MESH"
node_reboot cellar
n=$(sunk cellar)
is "rebooted, before ppnd: sealed, exit code 5" "$(blind >&2; echo $?)" 5
sink cellar
check_fails "and no mesh" node_exec desk ping -6 -n -q -c1 -W1 "$MESH"
start
check "then ppnd: bound" wait_state bound
check "and meshed again" wait_for 20 node_exec desk ping -6 -n -q -c1 -W"$FACTOR" "$MESH"
is "bound, too, nothing of the flood reaches a socket" "$(sunk cellar)" "$n"
check "which goes on" moves 1000 status .seal.backstop.dropped.dark_in

check "unseal" ppn unseal --yes
is "takes all of it away" "$(node_exec cellar nft list ruleset)" ""
