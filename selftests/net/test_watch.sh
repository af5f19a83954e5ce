#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `ppn seal watch`: what drops is seen as it drops, by people, by programs, by wireshark; a flood gives a few
# samples, and nobody watching gives none.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

node_add box
node_add desk
net_link box:eth0 desk:eth0
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec desk ip -6 addr add 2001:db8::1/64 dev eth0 nodad
node_exec box ip addr add 192.0.2.2/24 dev eth0
node_exec box ip -6 addr add 2001:db8::2/64 dev eth0 nodad
DIR=$(node_dir box)
mkdir -p "$DIR/etc"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[seal]\nmode = enforce\n[underlay]\neth0 = static\n' >"$DIR/etc/ppnd.conf"
node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state"
node_exec box ppn wait holding --timeout 15

# PPN_POLICY_WATCH in the word that the programs read
watched() { [ "$(node_exec box bpftool -j map dump pinned "$PPN_PINS/policy" | jq '.[0].formatted.value.word / 8192 % 2 | floor')" = 1 ]; }
unwatched() { ! watched; }
probe() {
	node_exec desk bash -c 'echo x >/dev/udp/192.0.2.2/161' || :
	node_exec desk nc -z -w 1 192.0.2.2 23 || :
	node_exec desk nc -z -w 1 2001:db8::2 23 || :
	node_exec desk ping -c 1 -W 1 192.0.2.2 >/dev/null || :
	node_exec box ping -c 1 -W 1 192.0.2.1 >/dev/null || :
	node_exec desk /usr/bin/python3 -c '
import socket, struct
def ip(fragment, rest):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(rest), 1, fragment, 64, 17, 0, bytes([192, 0, 2, 9]), bytes([192, 0, 2, 2]))
    n = sum(struct.unpack(">10H", head))
    return head[:10] + struct.pack(">H", 0xffff - n % 0xffff) + head[12:] + rest
to = b"\xff" * 6 + bytes.fromhex("020000000009")
udp = struct.pack(">HHHH", 9, 161, 8, 0)
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind(("eth0", 0))
for frame in (bytes.fromhex("810000070800") + ip(0, udp), bytes.fromhex("88cc") + b"x" * 46, bytes.fromhex("0800") + ip(3, b"x" * 8)):
    wire.send((to + frame).ljust(60, b"\0"))'
}
# watch OPTIONS: while probe runs; its words in $WORLD/said
watch() {
	node_start box watch ppn seal watch --for 8s "$@"
	wait_for 5 watched
	probe
	wait_for 10 eval '! node_alive box watch'
	cp "$(node_log box watch)" "$WORLD/said"
	rm "$(node_log box watch)"
}
says() { grep -qE -- "$1" "$WORLD/said"; }

check "nobody watches" unwatched
watch
check "UDP" says '^[0-9:.]* in  eth0 +port_shut +udp 192.0.2.1:[0-9]+ > 192.0.2.2:161, [0-9]+ bytes$'
check "TCP" says ' in  eth0 +port_shut +tcp 192.0.2.1:[0-9]+ > 192.0.2.2:23 \[S\], '
check "TCP over IPv6" says ' in  eth0 +port_shut +tcp \[2001:db8::1\]:[0-9]+ > \[2001:db8::2\]:23 \[S\], '
check "a ping" says ' in  eth0 +icmp +icmp 192.0.2.1 > 192.0.2.2 type 8 code 0, '
check "outwards" says ' out eth0 +icmp +icmp 192.0.2.2 > 192.0.2.1 type 8 code 0, '
check "in a VLAN" says ' in  eth0 +port_shut +vlan 7 udp 192.0.2.9:9 > 192.0.2.2:161, '
check "no IP" says ' in  eth0 +ethertype +ethertype 0x88cc, 60 bytes$'
check "a fragment" says ' in  eth0 +fragment +ip protocol 17 192.0.2.9 > 192.0.2.2 \(fragment\), '
check "how many" says '^[0-9]+ samples$'
check "it is over, nobody watches" wait_for 5 unwatched

watch --json
check "as JSON, an object a line" eval 'jq -es "all(.schema == 1)" "$WORLD/said" >/dev/null'
check "with what a program needs" eval "jq -es 'any(.reason == \"port_shut\" and .interface == \"eth0\" and .direction == \"in\" and .dropped and (.data | length) > 40 and .at_ns > 1700000000000000000)' $WORLD/said >/dev/null"
said_json() { jq -es "any($1)" "$WORLD/said" >/dev/null; }
index=$(node_exec box cat /sys/class/net/eth0/ifindex)
check "each with its interface, reason, direction and length" jq -es \
	"all(.ifindex == $index and .interface == \"eth0\" and .reason and .direction and .len > 0)" "$WORLD/said"
check "ends of TCP" said_json '.proto == "tcp" and .src == "192.0.2.1" and .dst == "192.0.2.2" and .sport > 0 and .dport == 23'
check "ends of TCP over IPv6" said_json '.proto == "tcp" and .src == "2001:db8::1" and .dst == "2001:db8::2" and .dport == 23'
check "ends of UDP in a VLAN" said_json '.proto == "udp" and .src == "192.0.2.9" and .sport == 9 and .dport == 161'
check "outwards" said_json '.direction == "out" and .proto == "icmp" and .src == "192.0.2.2" and .dst == "192.0.2.1" and (has("sport") | not)'
check "no ports in a fragment" said_json '.reason == "fragment" and .proto == "udp" and .src == "192.0.2.9" and (has("dport") | not)'
check "no ends without IP" said_json '.reason == "ethertype" and (has("proto") or has("src") | not)'

watch --pcap "$WORLD/drops"
check "a capture that tcpdump reads" eval 'tcpdump -nn -r "$WORLD/drops" 2>/dev/null | grep -q "192.0.2.2.161"'
check "VLAN and all" eval 'tcpdump -enn -r "$WORLD/drops" 2>/dev/null | grep -q "vlan 7"'
check "times are of today" eval 'tcpdump -tttt -nn -r "$WORLD/drops" 2>/dev/null | grep -q "^$(date +%Y-%m-)"'
check "with the reason of each" eval 'grep -aq "ppn: port_shut" "$WORLD/drops"'
check "a file that cannot be" eval '! node_exec box ppn seal watch --pcap /nowhere/drops --for 1s 2>/dev/null'

# ---- a flood --------------------------------------------------------------------------------------

node_start box watch ppn seal watch --for 4s --json
wait_for 5 watched
node_start desk flood /usr/bin/python3 -c '
from scapy.all import *
s = conf.L2socket(iface="eth0")
p = bytes(Ether(dst="ff:ff:ff:ff:ff:ff") / IP(src="192.0.2.9", dst="192.0.2.2") / UDP(sport=9, dport=161))
import time
end = time.time() + 3
while time.time() < end:
    s.send(p)'
wait_for 10 eval '! node_alive box watch'
seen=$(jq -s length "$(node_log box watch)")
cpus=$(nproc)
check "a flood gives some samples ($seen)" test "$seen" -ge 100
check "and no more than its limit" test "$seen" -le $((cpus * 100 * 6))
rm "$(node_log box watch)"
wait_for 10 eval '! node_alive desk flood'

# ---- whoever goes away ----------------------------------------------------------------------------

node_start box watch ppn seal watch
wait_for 5 watched
node_stop box watch KILL
check "killed: nobody watches" wait_for 5 unwatched
node_start box watch ppn seal watch
wait_for 5 watched
kill -STOP "$(node_pid box watch)"
node_start desk flood /usr/bin/python3 -c '
from scapy.all import *
s = conf.L2socket(iface="eth0")
p = bytes(Ether(dst="ff:ff:ff:ff:ff:ff") / IP(src="192.0.2.9", dst="192.0.2.2") / UDP(sport=9, dport=161))
while True:
    s.send(p)'
check "asleep: it is given up, and nobody watches" wait_for 40 unwatched
node_stop desk flood
node_stop box watch KILL
check "ppnd has kept its size" test "$(awk '/^VmRSS/ { print $2 }' "/proc/$(node_pid box ppnd)/status")" -lt 40000
check "root alone watches" eval '! node_exec box setpriv --reuid 65534 --regid 65534 --clear-groups ppn seal watch --for 1s 2>/dev/null'

# ---- ppnd ends -------------------------------------------------------------------------------------

node_start box watch ppn seal watch
wait_for 5 watched
node_stop box ppnd
check "ppnd ends while somebody watches: the programs sample no more" unwatched
node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state"
node_exec box ppn wait holding --timeout 15
node_start box last ppn seal watch
wait_for 5 watched
node_exec box ppn unseal --yes
node_stop box last # while ppnd still says goodbye
wait_for 10 eval '! node_alive box ppnd'
check "whoever stops watching puts nothing of an unsealed machine on again" eval '! node_exec box nft list table inet ppn 2>/dev/null'
