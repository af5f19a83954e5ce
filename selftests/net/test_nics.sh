#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Real drivers, several cards on a wire (the table in vm/run.sh): what holds each and why, VLAN tags that the card takes off,
# bridge, bonds, 802.1X, large frames, a driver that is unbound and bound. All of it under a flood. In VMs: `make vm-matrix`.
# timeout: 180
set -euo pipefail
# The cards are the machine's: world() leaves its network namespace behind.
[ -n "${PPN_WORLD:-}" ] || exec 7</proc/self/ns/net
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

# Of LACP's slow timeout, 90 s, and a bit.
PATIENCE=100
REBINDS=3 FLAPS=20
[ -z "${PPN_SOAK:-}" ] || REBINDS=50 FLAPS=300

# ---- cards --------------------------------------------------------------------------------------

outside() { nsenter --net=/proc/self/fd/7 -- "$@"; }
card() { outside ip -j link | jq -er --arg mac "52:54:00:00:$1" '.[] | select(.address == $mac) | .ifname'; }
# plug NODE NAME WIRE:N [MTU]
plug() {
	local now
	now=$(card "$3") && outside ip link set dev "$now" netns "$1" name "$2" mtu "${4:-1500}" &&
		node_exec "$1" ip link set dev "$2" up
}

card 01:01 >/dev/null || skip_all "no such cards here (vm/run.sh has them)"
CARDS=(virtio vmxnet3 e1000 e1000e)
for node in box peer lag far; do
	node_add "$node"
done
for i in 1 2 3 4; do
	plug box "${CARDS[i - 1]}" "01:0$i"
done
plug peer wire 01:05
plug lag one 02:01
plug far one 02:02
plug lag two 03:01
plug far two 03:02

# ---- helpers ------------------------------------------------------------------------------------

configure() { # NODE LINE
	mkdir -p "$(node_dir "$1")/etc"
	printf '[node]\nbeacon_window = 0\n[seal]\nmode = enforce\n%s\n[rescue]\ntcp/8080 = 10.0.0.0/8, 2001:db8::/32\n' "$2" \
		>"$(node_dir "$1")/etc/ppnd.conf"
}
start() {
	node_start "$1" ppnd ppnd --config "$(node_dir "$1")/etc/ppnd.conf" --state-dir "$(node_dir "$1")/state"
	wait_for 10 ppn "$1" wait holding --timeout 10
}
ppn() { # NODE VERB...
	node_exec "$1" ppn --state-dir "$(node_dir "$1")/state" "${@:2}"
}
status() { ppn "$1" status --json | jq -r "$2"; }
iface() { status "$1" ".seal.interfaces[] | select(.name == \"$2\") | $3"; }
hold_is() { [ "$(iface "$1" "$2" .hold)" = "$3" ]; }
held() { wait_for 5 hold_is "$@"; }
counted() { status "$1" ".seal.reasons.$2.packets // 0"; }
link_id() {
	node_exec "$1" bpftool -j link show pinned "$PPN_PINS/links/$(node_exec "$1" cat "/sys/class/net/$2/ifindex")" | jq .id
}
links() { # NODE DEVICE...
	local device
	for device in "${@:2}"; do
		link_id "$1" "$device"
	done
}
addressed() { # NODE DEVICE NET HOST
	node_exec "$1" ip addr add "10.$3.$4/24" dev "$2"
	node_exec "$1" ip addr add "2001:db8:${3/./:}::$4/64" dev "$2" nodad
}
answers() { node_exec peer nc -z -w 5 "$1" 8080; }
answered() { wait_for 3 answers "$1"; }

# More than a few hundred a second, to five cards at once, leaves an emulated machine time for nothing else.
flood_on() { node_start peer flood flood "$1" "$2" 250; }
# The flood reaches every card of the wire: it is over when each has dropped a hundred more.
drops() { ppn box status --json | jq -c '[.seal.interfaces[] | select(.dropped) | {key: .name, value: .dropped}] | from_entries'; }
dropped_more() { # OLD DEVICE...
	drops | jq -e --argjson old "$1" '. as $now | all($ARGS.positional[]; $now[.] - ($old[.] // 0) > 100)' --args "${@:2}"
}
# What the stack has delivered of it: IPv4 to anything, but segments to an open port (those bring no RST); UDP of IPv6.
let_in() {
	node_exec box awk '
		/^Ip: [0-9]/ { n += $10 }
		/^Tcp: [0-9]/ { n += $15 - $11 }
		/^Udp6(InDatagrams|NoPorts|InErrors)/ { n += $2 }
		END { print n + 0 }' /proc/net/snmp /proc/net/snmp6
}
# What the backstop had to drop behind the seal, too: a card whose program does not run.
seen() { echo "$(let_in)/$(sunk box)/$(status box .seal.backstop.dropped.held_in)"; }
# sealed NAME DEVICE...: nothing of the flood comes through while it comes to each of them.
sealed() {
	local before old name=$1
	shift
	before=$(seen)
	old=$(drops)
	if wait_for 5 dropped_more "$old" "$@"; then
		is "$name" "$(seen)" "$before"
	else
		not_ok "$name: the flood does not come to $*"
	fi
}

# ---- a bond by LACP, ports with 802.1X: time goes by meanwhile ------------------------------------

bond() { # NODE NAME MODE DEVICE...
	local device
	node_exec "$1" ip link add "$2" type bond mode "$3" miimon 100
	for device in "${@:4}"; do
		join "$1" "$2" "$device"
	done
	node_exec "$1" ip link set dev "$2" up
}
join() { # NODE BOND DEVICE
	node_exec "$1" ip link set dev "$3" down
	node_exec "$1" ip link set dev "$3" master "$2"
}
aggregate() { # NODE: what its bond has come to
	node_exec "$1" ip -j -d link show dev lacp | jq -r '.[0].linkinfo.info_data.ad_info | "\(.num_ports) ports with \(.partner_mac)"'
}
port() { # NODE DEVICE: both ends' state
	node_exec "$1" ip -j -d link show dev "$2" | jq -c '.[0].linkinfo.info_slave_data |
		[.ad_actor_oper_port_state_str, .ad_partner_oper_port_state_str, .link_failure_count]'
}
ports() {
	local node device
	for node in lag far; do
		echo "$node: $(aggregate "$node")"
		for device in one two; do
			echo "$device: $(port "$node" "$device")"
		done
	done
}
aggregated() { # NODE: with both ports, in use
	[[ $(aggregate "$1") == "2 ports with 52:54:00:00:0"* ]] &&
		[[ $(port "$1" one)$(port "$1" two) =~ (distributing.*){4} ]]
}
lacp_row() { # 1: LACP passes here
	local index
	index=$(node_exec lag cat "/sys/class/net/$1/ifindex")
	node_exec lag bpftool -j map lookup pinned "$PPN_PINS/ifaces" key $((index % 256)) $((index / 256)) 0 0 |
		jq '.formatted.value.flags % 2'
}
lacp_row_is() { [ "$(lacp_row "$1")" = "$2" ]; }
# As wpa_supplicant does: the card takes frames for the PAE group.
listens() { # NODE DEVICE...
	local device
	for device in "${@:2}"; do
		node_exec "$1" ip maddr add 01:80:c2:00:00:03 dev "$device"
	done
}
# EAPOL-Start, to the PAE group: COUNT of them, PAUSE seconds apart; a line each.
eapol() { # NODE DEVICE LABEL COUNT PAUSE
	node_start "$1" "$3" /usr/bin/python3 -uc '
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for _ in range(int(sys.argv[2])):
    s.send(bytes.fromhex("0180c2000003" "020000000007" "888e" "02010000") + bytes(42))
    print(time.monotonic_ns() // 1000000)
    time.sleep(float(sys.argv[3]))' "$2" "$4" "$5"
}
lines() { wc -l <"$(node_log "$1" "$2")"; }

configure lag 'dot1x = yes'
start lag
is "LACP: not on what is no bond's" "$(lacp_row one)$(lacp_row two)" 00
was=$(links lag one two)
bond lag lacp 802.3ad one two
bond far lacp 802.3ad one two
check "ports that join a bond while sealed: LACP passes" wait_for 5 lacp_row_is two 1
check "the bond comes up" wait_for 10 eval 'aggregated lag && aggregated far'
BEGAN=$SECONDS
PORTS=$(ports)
PDUS_IN=$(counted lag seal.pass_lacp) PDUS_OUT=$(counted lag egress.pass_lacp)
listens lag one
capture_start lag one eapol 'ether proto 0x888e'
eapol far one hello 100000 1

# ---- what holds each card ----------------------------------------------------------------------

node_exec box sysctl -qw net.ipv4.conf.all.arp_ignore=1
for i in 1 2 3 4; do
	addressed box "${CARDS[i - 1]}" "0.$i" 2
	addressed peer wire "0.$i" 1
done
node_start box serve4 nc -4 -lk 8080
node_start box serve6 nc -6 -lk 8080
flood_on wire 10.0.1.2
check "without the seal the flood reaches the stack" wait_for 5 moves 100 let_in
node_exec box ethtool -K vmxnet3 lro on
check "LRO is on where there is LRO" grep -q 'large-receive-offload: on' <(node_exec box ethtool -k vmxnet3)

configure box ''
start box
sink box
why() { iface box "$1" '.why // ""'; }
# A kernel's own words: it has no XDP in these drivers.
NO_NATIVE='driver [a-z0-9]*, mtu 1500.*(does not support XDP|not supported)'
DISTRUSTED='.*driver vmxnet3, .*: it runs no native program any more once it was down.*'
while read -r name hold words; do
	check "$name: $hold" held box "$name" "$hold"
	check "$name: why" grep -qE "^$words$" <(why "$name")
	diag "$(uname -r) $name $(iface box "$name" .hold) $(why "$name")"
done <<-END
	virtio native
	vmxnet3 generic $DISTRUSTED
	e1000 generic .*$NO_NATIVE.*
	e1000e generic .*$NO_NATIVE.*
END
is "generic is no degradation" "$(ppn box seal status >/dev/null; echo $?)" 0
sealed "nothing of the flood comes through any" "${CARDS[@]}"
for i in 1 2 3 4; do
	check "${CARDS[i - 1]}: ARP and the rescue port pass" answered "10.0.$i.2"
	check "${CARDS[i - 1]}: ND and the rescue port pass" answered "2001:db8:0:$i::2"
done
ATTACHED=$(links box "${CARDS[@]}")
listens box "${CARDS[@]}"
capture_start box any eapol 'ether proto 0x888e'
eapol peer wire hello 20 0.01
check "EAPOL without dot1x: counted" wait_for 5 moves 79 counted box seal.ethertype
capture_stop box eapol
is "and dropped" "$(capture_count box eapol)" 0

# ---- VLAN tags, in the frame and beside it -------------------------------------------------------

node_exec peer ip link add link wire name wire.10 type vlan id 10
node_exec peer ip link set dev wire.10 up
for i in 1 2 3 4; do
	name=${CARDS[i - 1]}
	node_exec box ip link add link "$name" name "$name.10" type vlan id 10
	node_exec box ip link set dev "$name.10" up
	addressed box "$name.10" "1.$i" 2
	addressed peer wire.10 "1.$i" 1
done
node_stop peer flood
flood_on wire.10 10.1.1.2
for rxvlan in on off; do
	for i in 2 3 4; do
		node_exec box ethtool -K "${CARDS[i - 1]}" rxvlan $rxvlan
	done
	sealed "VLAN, rxvlan $rxvlan: nothing of the flood comes through" "${CARDS[@]}"
	for i in 1 2 3 4; do
		check "${CARDS[i - 1]}: the rescue port does" answered "10.1.$i.2"
	done
done
node_stop peer flood
for tag in 20 30; do
	upper=${upper:-wire.10}
	node_exec peer ip link add link "$upper" name "$upper.$tag" type vlan id $tag
	upper=$upper.$tag
	node_exec peer ip link set dev "$upper" up
done
TAGS=$(counted box seal.vlan)
flood_on "$upper" 10.1.1.2
sealed "three tags: nothing" "${CARDS[@]}"
check "counted as that" moves $((TAGS + 100)) counted box seal.vlan
node_stop peer flood
for name in "${CARDS[@]}"; do
	node_exec box ip link del "$name.10"
done

# ---- bridge, name, bond ---------------------------------------------------------------------------

flood_on wire 10.0.1.2
node_exec box ip link add br0 type bridge mcast_snooping 0
node_exec box ip link set dev br0 up
node_exec box ip addr flush dev virtio
node_exec box ip link set dev virtio master br0
node_exec box ip addr add 10.0.1.2/24 dev br0
check "a bridge's port: the rescue port passes" answered 10.0.1.2
sealed "and nothing of the flood" virtio
node_exec box ip link del br0
node_exec box ip addr add 10.0.1.2/24 dev virtio

node_exec box ip link set dev e1000 down
node_exec box ip link set dev e1000 name card
node_exec box ip link set dev card up
check "renamed: sealed" held box card generic
sealed "nothing comes through" card
check "but the rescue port" answered 10.0.3.2

was_bond=$(links box vmxnet3 e1000e)
node_exec box ip addr flush dev vmxnet3
bond box backup active-backup vmxnet3 e1000e
node_exec box ip addr add 10.0.2.2/24 dev backup
active() { node_exec box cat /sys/class/net/backup/bonding/active_slave; }
active_is() { [ "$(active)" = "$1" ]; }
wait_for 5 active_is vmxnet3
check "active-backup: the rescue port passes" answered 10.0.2.2
sealed "and nothing of the flood, at either" vmxnet3 e1000e
node_exec box ip link set dev vmxnet3 down
check "the other takes over" wait_for 5 active_is e1000e
check "the rescue port passes" answered 10.0.2.2
before=$(seen)
node_exec box ip link set dev vmxnet3 nomaster
node_exec box ip link set dev vmxnet3 up
check "out of the bond: sealed" held box vmxnet3 generic
join box backup vmxnet3
node_exec box ip link set dev e1000e nomaster
node_exec box ip link set dev e1000e up
check "in again, the other out" wait_for 5 active_is vmxnet3
check "the rescue port passes" answered 10.0.2.2
sealed "both are sealed" vmxnet3 e1000e
is "nothing came through in all this" "$(seen)" "$before"
is "one attach for each of them" "$(links box vmxnet3 e1000e)" "$was_bond"
is "and for all cards since they were sealed" "$(links box virtio vmxnet3 card e1000e)" "$ATTACHED"

# ---- a card that goes down and up -----------------------------------------------------------------

# A tap has what the native program let through, before any generic one and the backstop.
FORBIDDEN='port 999 or icmp[icmptype] == icmp-echo or ip[6:2] & 0x3fff != 0'
capture_start box any tap "inbound and ($FORBIDDEN or tcp dst port 8080)"
before=$(seen)
for ((i = 0; i < FLAPS; i++)); do
	node_exec box ip link set dev virtio down
	node_exec box ip link set dev virtio up
done
check "virtio, native, $FLAPS times down and up: the rescue port passes" answered 10.0.1.2
is "nothing of the flood came through" "$(seen)" "$before"
sealed "nor does now" virtio
capture_stop box tap
check "a tap sees the rescue port" test "$(capture_count box tap 'tcp dst port 8080')" -gt 0
is "and none of the flood" "$(capture_count box tap "$FORBIDDEN")" 0

# ---- a driver that lets go -------------------------------------------------------------------------

virtio() { node_exec box sh -c "echo $DEVICE >/sys/bus/virtio/drivers/virtio_net/$1"; }
DEVICE=$(basename "$(node_exec box readlink /sys/class/net/virtio/device)")
# The device is made anew in the machine's namespace, then moved in, up and addressed at once.
rebind() { # [MTU]
	virtio unbind && virtio bind && wait_for 5 plug box virtio 01:01 "${1:-}" &&
		node_exec box ip addr add 10.0.1.2/24 dev virtio
}
sealed_anew() { [ "$(iface box virtio .ifindex)" = "$(node_exec box cat /sys/class/net/virtio/ifindex)" ]; }
pins() { node_exec box ls "$PPN_PINS/links" | wc -l; }
pins_are() { [ "$(pins)" = "$1" ]; }
before=$(seen) PINS=$(pins)
for ((i = 0; i < REBINDS; i++)); do
	if ! rebind || ! wait_for 5 sealed_anew || ! held box virtio native; then
		break
	fi
done
is "its driver unbound and bound: sealed each time" "$i" "$REBINDS"
sealed "nothing comes through" virtio
is "nor did it meanwhile" "$(seen)" "$before"
check "the rescue port passes" answered 10.0.1.2
check "no pin is left of the old ones" wait_for 5 pins_are "$PINS"
rebind 9000
check "MTU 9000: generic" held box virtio generic
check "why" grep -qE 'driver virtio_net, mtu 9000.*\): .*MTU' <(why virtio)
diag "$(uname -r) virtio, mtu 9000: $(why virtio)"
sealed "nothing comes through" virtio
check "the rescue port passes" answered 10.0.1.2
node_stop peer flood

# ---- the time has gone by ------------------------------------------------------------------------

later() { [ $((SECONDS - BEGAN)) -ge $PATIENCE ]; }
wait_for $PATIENCE later
is "LACP after $((SECONDS - BEGAN)) s: partners and ports as at first" "$(ports)" "$PORTS"
check "by what came in" test "$(counted lag seal.pass_lacp)" -gt "$PDUS_IN"
check "and went out" test "$(counted lag egress.pass_lacp)" -gt "$PDUS_OUT"
node_stop far hello
sent=$(lines far hello)
got() { [ "$(capture_count lag eapol)" -ge "$1" ]; }
check "EAPOL: each of $sent that came in that time passes" wait_for 2 got "$sent"
eapol far one burst 2000 0
wait_for 10 eval '! node_alive far burst'
took=$(node_exec far awk 'NR == 1 { first = $1 } END { print $1 - first }' "$(node_log far burst)")
capture_stop lag eapol
passed=$(($(capture_count lag eapol) - sent))
check "of 2000 in $took ms the rate allows passes: $passed" test "$passed" -ge 20 -a "$passed" -le $((45 + took / 50))
check "LACP does not suffer" eval 'aggregated lag && aggregated far'

node_exec lag ip link set dev two nomaster
check "a port leaves: no more LACP on it" wait_for 5 lacp_row_is two 0
check "it stays sealed" held lag two generic
join lag lacp two
check "it comes back, and is used" wait_for 10 eval 'aggregated lag && aggregated far'
is "one attach for each port" "$(links lag one two)" "$was"
