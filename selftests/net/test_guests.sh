#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A virtual machine on a bridge whose port is sealed: cut off by default, left alone with guests = pass, which opens
# nothing of the host. Then a container behind NAT, as Docker does it: its published port is a port of the host's, and
# opens and shuts as one; no firewall rule behind the seal, DNAT before them all least, makes it otherwise.
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

check "before the seal the guest is reached" wait_for 5 reaches desk 192.0.2.3
start seal
check_fails "guests = seal: no more" reaches desk 192.0.2.3
check_fails "nor does it reach out" reaches guest 192.0.2.1
check "the check says so" grep -qE 'cut +guest +[0-9a-f:]+ behind tap0' <(ppn seal check)
check "the host's own side of the bridge is no wire" reaches box 192.0.2.3
node_stop box ppnd

start pass
check "guests = pass: reached" wait_for 5 reaches desk 192.0.2.3
check "and it reaches out" wait_for 5 reaches guest 192.0.2.1
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

# ---- a container behind NAT, one port published -------------------------------------------------------------

# One interface of its own for the host, a bridge that no external interface is on, and what dockerd asks nft for.
node_add host
node_add box1
net_link host:eth0 desk:eth1
net_link host:veth1 box1:eth0
node_exec host ip addr add 198.51.100.2/24 dev eth0
node_exec desk ip addr add 198.51.100.1/24 dev eth1
node_exec host ip link add docker0 type bridge mcast_snooping 0
node_exec host ip link set veth1 master docker0
node_exec host ip addr add 172.17.0.1/16 dev docker0
node_exec host ip link set docker0 up
node_exec box1 ip addr add 172.17.0.2/16 dev eth0
node_exec box1 ip route add default via 172.17.0.1
node_exec desk ip route add 172.17.0.0/16 via 198.51.100.2
node_router host
node_exec host nft -f - <<'END'
table ip nat {
	chain prerouting { type nat hook prerouting priority dstnat; iifname != "docker0" tcp dport 8080 dnat to 172.17.0.2:80; }
	chain postrouting { type nat hook postrouting priority srcnat; ip saddr 172.17.0.0/16 oifname != "docker0" masquerade; }
}
table ip filter {
	chain input { type filter hook input priority filter; policy drop; ct state established accept; }
	chain forward { type filter hook forward priority filter; policy accept; }
}
END
node_start box1 web busybox nc -ll -p 80 -e echo 'from the container'
node_start desk far busybox nc -ll -p 7777 -e echo 'from far away'
DIR=$(node_dir host)
mkdir -p "$DIR/etc"

host_ppn() {
	local verb=$1
	shift
	node_exec host ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}
start_host() { # a line for [rescue], or none
	printf '[node]\nexternal = eth0\nbeacon_window = 0\n[seal]\nmode = enforce\n[underlay]\neth0 = static\n[rescue]\n%s\n' \
		"$1" >"$DIR/etc/ppnd.conf"
	node_start host ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
	host_ppn wait holding --timeout 10 >/dev/null
}
says() { # NODE WORDS ADDRESS PORT
	node_exec "$1" timeout 2 nc -w1 "$3" "$4" </dev/null | grep -qx "$2"
}
published() { says desk 'from the container' 198.51.100.2 8080; }
calls_out() { says box1 'from far away' 198.51.100.1 7777; }

check "a published port, before the seal" wait_for 5 published
check "and the container reaches out" wait_for 5 calls_out
start_host ''
check_fails "sealed: the published port is shut, though its DNAT comes before every filter" published
check_fails "and the container reaches nobody outside" calls_out
check "it counts as a port that nobody opened" \
	eval '[ "$(host_ppn status --json | jq .seal.reasons.seal.port_shut.packets)" -gt 0 ]'
check "container and host talk as ever" says host 'from the container' 172.17.0.2 80
check_fails "nor is the container reached by its own address" says desk 'from the container' 172.17.0.2 80
node_stop host ppnd

start_host 'tcp/8080 = 198.51.100.1/32'
check "with a rescue line it is open" wait_for 5 published
check_fails "to that prefix only" node_exec desk sh -c 'ip addr add 198.51.100.9/24 dev eth1 &&
	timeout 2 nc -w1 -s 198.51.100.9 198.51.100.2 8080 </dev/null | grep -q container'
check_fails "the container opens nothing outwards by it" calls_out
