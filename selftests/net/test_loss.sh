#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
#
# TCP through an open port of a wire that loses packets both ways, sealed in native, in generic and in TC mode: what was
# sent arrives whole. Retransmissions, selective acknowledgements and segments in other order are the seal's business too.
#
#   far ---- way ---[native, generic, tc]--- box      way routes, and loses
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

LOST=5 # packets of a hundred, each way
BYTES=$((1 << 20))
[ -z "${PPN_SOAK:-}" ] || BYTES=$((64 << 20))

node_add box
node_add way
node_add far
net_link far:eth0 way:eth0
node_exec way ip addr add 203.0.113.254/24 dev eth0
node_exec way sysctl -qw net.ipv4.ip_forward=1
DIR=$(node_dir box)
declare -A NET=([native]=1 [generic]=2 [tc]=3)
for mode in native generic tc; do
	net_link "box:$mode" "way:$mode"
	for node in box way; do
		[ "$mode" != generic ] || node_exec "$node" ip link set generic mtu 9000
		node_exec "$node" ethtool -K "$mode" tso off gso off gro off # a packet lost is a segment
	done
	node_exec box ip addr add "198.51.${NET[$mode]}.2/24" dev "$mode"
	node_exec way ip addr add "198.51.${NET[$mode]}.1/24" dev "$mode"
	node_exec far ip addr add "203.0.113.${NET[$mode]}/24" dev eth0
	node_exec box ip route add "203.0.113.${NET[$mode]}" via "198.51.${NET[$mode]}.1"
done
node_exec far ip route add default via 203.0.113.254
node_exec far ethtool -K eth0 tso off gso off gro off
mkdir -p "$DIR/etc"
printf '[node]\nexternal = native, generic, tc\nbeacon_window = 0\n[seal]\nmode = enforce\n[rescue]\ntcp/22 = 203.0.113.0/24\n' \
	>"$DIR/etc/ppnd.conf"
# Another's program: there XDP is not ours to hold.
node_exec box ip link set dev tc xdp obj "$PPN_BUILD/selftests/net/counter.bpf.o" sec xdp

node_exec way nft -f - <<END
table inet way {
	counter to_box { }
	counter to_far { }
	chain forward {
		type filter hook forward priority 0
		iifname eth0 numgen random mod 100 < $LOST counter name to_box drop
		oifname eth0 numgen random mod 100 < $LOST counter name to_far drop
	}
}
END

# What comes in is echoed: both directions lose, and both are compared.
node_start box echo /usr/bin/python3 -c '
import socket
server, shut = (socket.create_server(("0.0.0.0", port), backlog=4) for port in (22, 23))
while True:
    got = server.accept()[0]
    while data := got.recv(65536):
        got.sendall(data)
    got.close()'
cat >"$WORLD/send.py" <<'EOPY'
import os, socket, sys, threading
here, address, size = *sys.argv[1:3], int(sys.argv[3])
sent, back = os.urandom(size), bytearray()
with socket.create_connection((address, 22), timeout=100, source_address=(here, 0)) as wire:
    def send():
        wire.sendall(sent)
        wire.shutdown(socket.SHUT_WR)
    sender = threading.Thread(target=send)
    sender.start()
    while data := wire.recv(65536):
        back += data
    sender.join()
sys.exit(bytes(back) != sent)
EOPY

ppn() { node_exec box ppn "$1" --state-dir "$DIR/state" "${@:2}"; }
holds() { [ "$(ppn status --json | jq -r ".seal.interfaces[] | select(.name == \"$1\") | .hold")" = "$1" ]; }
lost() { node_exec way nft -j list counter inet way "$1" | jq '.nftables[] | select(.counter) | .counter.packets'; }
sent_anew() { node_exec "$1" nstat -asz TcpRetransSegs | awk '/Retrans/ { print $2 }'; }
more() { [ "$1" -gt "$2" ] && [ "$3" -gt "$4" ]; } # NOW BEFORE NOW BEFORE

node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state"
check "the node holds" ppn wait holding --timeout 15
for mode in native generic tc; do
	check "$mode: held so" wait_for 5 holds "$mode"
	far=203.0.113.${NET[$mode]} box=198.51.${NET[$mode]}.2
	to_box=$(lost to_box) to_far=$(lost to_far) by_box=$(sent_anew box) by_far=$(sent_anew far)
	check "$mode: $BYTES bytes there and back" node_exec far /usr/bin/python3 "$WORLD/send.py" "$far" "$box" "$BYTES"
	check "$mode: packets were lost both ways" more "$(lost to_box)" "$to_box" "$(lost to_far)" "$to_far"
	check "$mode: both have sent anew" more "$(sent_anew box)" "$by_box" "$(sent_anew far)" "$by_far"
	diag "lost $(($(lost to_box) - to_box)) and $(($(lost to_far) - to_far)), anew $(($(sent_anew box) - by_box)) and $(($(sent_anew far) - by_far))"
	check_fails "$mode: a port that is not open is shut" node_exec far nc -z -w2 "$box" 23
done
