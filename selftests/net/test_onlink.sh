#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
# soak: 7200
#
# A hostile machine on the wire of a fleet: the findings of PROTOCOL that were seen once (router advertisements
# into the fleet's prefix, DHCP's routes, forged members, forged packet-too-big, claims beyond their window), and
# the tools of thc-ipv6 one by one. Mesh traffic is never in clear on the wire, nothing of the attacks stays on
# a node, and the honest neighbour is not lost.
#
#   desk (seat)   box (static)   peer (slaac)   lease (dhcp)   hold (not claimed)   mallory
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

net_bridge office
declare -A HOST=([desk]=1 [box]=11 [peer]=12 [hold]=13 [mallory]=66) UNDERLAY=([box]=static [peer]=slaac [lease]=dhcp [hold]=static)
for node in desk box peer lease hold mallory; do
	node_add "$node"
	net_link "$node:eth0" office
done
# The kernel's table of neighbours is one for all namespaces, those of other tests, too: desk, which has no seal, must not
# take each forged router for one (also accept_ra = 0 does).
node_exec desk nft 'table ip6 quiet { chain in { type filter hook prerouting priority raw; icmpv6 type nd-router-advert drop; }; }'
for node in "${!HOST[@]}"; do
	node_exec "$node" ip addr add "192.0.2.${HOST[$node]}/24" dev eth0
	node_exec "$node" ip -6 addr add "2001:db8::${HOST[$node]}/64" dev eth0 nodad
done

DESK=$(node_dir desk)
printf 'correct horse battery staple\n' >"$DESK/passphrase"
printf '[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"
declare -A MESH=()

admin() { node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"; }
ppn() { node_exec "$1" ppn "$2" --state-dir "$(node_dir "$1")/state" "${@:3}"; }
status() { ppn "$1" status --json | jq -r "$2"; }
counted() { status "$1" ".seal.reasons.$2.packets // 0"; } # NODE seal.REASON|egress.REASON
waiting() { [ "$(status "$1" .claim.endpoint)" = waiting ]; }
mac() { node_exec "$1" cat /sys/class/net/eth0/address; }
link_local() { node_exec "$1" ip -j -6 addr show dev eth0 scope link | jq -r 'first(.[].addr_info[]?.local | strings)'; }
pings() { node_exec "$1" ping -6 -n -q -c1 -W2 "${@:3}" "${MESH[$2]}"; }
# forge NODE PYTHON: frames of this node, with scapy. `to(MAC)` begins one; `send(FRAMES)` says how many left.
forge() {
	node_exec "$1" /usr/bin/python3 -c "
from scapy.all import *
def to(mac): return Ether(src='$(mac "$1")', dst=mac)
def send(frames):
    wire, left = conf.L2socket(iface='eth0'), 0
    for frame in frames:
        try:
            wire.send(frame)
            left += 1
        except OSError as e: # what clsact drops
            assert e.errno == 105, e
    print(left)
$2"
}

# ---- a rogue DHCP server: classless routes (option 121) to itself -----------------------------------

node_router mallory
node_start mallory dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=eth0 --bind-interfaces \
	--user=root --pid-file= --leasefile-ro --dhcp-range=192.0.2.100,192.0.2.100,2m \
	--dhcp-option=121,0.0.0.0/1,192.0.2.66,128.0.0.0/1,192.0.2.66,192.0.2.1/32,192.0.2.66
cat >"$WORLD/udhcpc.sh" <<'EOSH'
#!/bin/sh
case $1 in
bound | renew)
	ip addr replace "$ip/24" dev "$interface"
	set -- $staticroutes
	while [ $# -ge 2 ]; do
		ip route replace "$1" via "$2" dev "$interface"
		shift 2
	done
	;;
esac
EOSH
chmod +x "$WORLD/udhcpc.sh"

# ---- the fleet --------------------------------------------------------------------------------------

admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 4 --days 1 >"$DESK/invite"
node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin unlock --passphrase-file "$DESK/passphrase"
for node in "${!UNDERLAY[@]}"; do
	dir=$(node_dir "$node")
	mkdir -p "$dir/etc"
	printf '[node]\nexternal = eth0\nbeacon_window = 0\n[seal]\nmode = enforce\n[underlay]\neth0 = %s\n' "${UNDERLAY[$node]}" \
		>"$dir/etc/ppnd.conf"
	install -m 600 "$DESK/invite" "$dir/etc/invite"
	node_start "$node" ppnd ppnd --config "$dir/etc/ppnd.conf" --state-dir "$dir/state"
done
for node in "${!UNDERLAY[@]}"; do check "$node holds" wait_for 15 waiting "$node"; done
node_start lease client udhcpc -f -i eth0 -s "$WORLD/udhcpc.sh" -t 5 -T 1 -O staticroutes
pulled() { node_exec lease ip route get "$1" | grep -q 'via 192.0.2.66'; }
check "lease took its address and its routes from mallory" wait_for 15 pulled 192.0.2.1
for row in box:192.0.2.11 peer:192.0.2.12 lease:192.0.2.100; do
	check "${row%:*} is claimed" admin claim "${row#*:}" --name "${row%:*}"
	check "and bound" ppn "${row%:*}" wait bound --timeout 10
	MESH[${row%:*}]=$(status "${row%:*}" .mesh.address)
done
MESH[desk]=$(admin roster show --json | jq -r '.rows[] | select(.runs_seat) | .address')
declare -A NET=([hold]="$(status hold .address | cut -d: -f1-3)::/48")
for node in box peer lease; do NET[$node]=$(admin status --json | jq -r .fleet)/48; done

# A node's own tap: what came in past the seal, or left it.
for node in "${!NET[@]}"; do capture_start "$node" eth0 tap "net ${NET[$node]} or (icmp6 and host fe80::bad)"; done
capture_start mallory eth0 wire net "${NET[box]}"
node_start box pinger ping -6 -n -i 0.2 "${MESH[peer]}"
alive() { # LABEL
	for node in box peer lease; do
		check "$1: $node and the desk talk over the mesh" wait_for 10 pings "$node" desk
	done
	check "$1: box and peer, too" wait_for 10 pings box peer
}
alive "with mallory's routes on lease"

# ---- router advertisements into the fleet's prefix --------------------------------------------------

# More specific than the fleet's /48: prefixes on link with addresses, and routes.
advertise() {
	forge mallory "
ra = to('33:33:00:00:00:01') / IPv6(src='$(link_local mallory)', dst='ff02::1') / ICMPv6ND_RA(routerlifetime=1800, prf=1)
for net in '$1'.split():
    ra /= ICMPv6NDOptPrefixInfo(prefix=net, prefixlen=64) / ICMPv6NDOptRouteInfo(prefix=net, plen=64, prf=1, rtlifetime=900)
ra /= ICMPv6NDOptRouteInfo(prefix='${MESH[box]}', plen=128, prf=1, rtlifetime=900)
send([ra / ICMPv6NDOptPrefixInfo(prefix='2001:db8:66::', prefixlen=64)])" >/dev/null
}
half() { cut -d: -f1-4 <<<"${MESH[$1]}"; } # the /64 of a member
way() { node_exec "$1" ip -6 route get "${MESH[$2]}" | grep -o 'dev [a-z0-9]*'; }
advertise "$(half box):: $(half desk)::"
check "static: the advertisement is dropped" wait_for 5 eval '[ "$(counted box seal.ra)" -gt 0 ]'
check "slaac: it is taken" wait_for 5 eval 'node_exec peer ip -6 addr show dev eth0 | grep -q 2001:db8:66:'
is "the way to a member is as it was" "$(way peer box)" "dev ppn0"
is "no route of it leads into the fleet's prefix by a router" \
	"$(node_exec peer ip -6 -j route show table main proto ra | jq --arg net "${NET[box]%%::*}:" '[.[] | select(.dst | startswith($net))] | length')" 0
alive "after it"

# And where the rule that leads the fleet to ppn0 is lost, and the kernel takes such routes: the seal.
kill -STOP "$(node_pid peer ppnd)"
node_exec peer sysctl -qw net.ipv6.conf.eth0.accept_ra_rt_info_max_plen=128
node_exec peer ip -6 rule del priority "$(node_exec peer ip -6 -j rule | jq '.[] | select(.table == "8090") | .priority')"
advertise "$(half box):: $(half desk)::"
check "without the rule the route is mallory's" wait_for 5 eval '[ "$(way peer box)" = "dev eth0" ]'
check_fails "then nothing gets through" pings peer box
kill -CONT "$(node_pid peer ppnd)"
check "nor out: dropped as a mesh address on the wire" eval '[ "$(counted peer egress.mesh_outside)" -gt 0 ]'
node_exec peer sysctl -qw net.ipv6.conf.eth0.accept_ra_rt_info_max_plen=0
check "ppnd puts the rule back" wait_for 10 eval '[ "$(way peer box)" = "dev ppn0" ]'
alive "then"

# ---- fake members, both ways ------------------------------------------------------------------------

for node in box hold; do
	fleet=${NET[$node]%/48}
	dropped=$(counted "$node" seal.mesh_outside) out=$(counted "$node" egress.mesh_outside)
	forge mallory "
dst = '$(mac "$node")'
frames = [to(dst) / IPv6(src=s, dst=d) / p
          for s, d in [('${fleet}1', '2001:db8::${HOST[$node]}'), ('fe80::bad', '${fleet}1'), ('${fleet}1', '${fleet}2')]
          for p in (UDP(sport=8090, dport=8090) / (b'x' * 16), TCP(dport=9443, flags='S'), ICMPv6EchoRequest(), IPv6ExtHdrFragment() / UDP())]
send(frames + [to(dst) / IPv6(src='fe80::bad', dst='$(link_local "$node")') / ICMPv6ND_NS(tgt='${fleet}1')])" >/dev/null
	is "$node: addresses of the mesh from the wire are dropped, each" "$(($(counted "$node" seal.mesh_outside) - dropped))" 13
	is "$node: onto it none leaves" "$(forge "$node" "
send([to('$(mac mallory)') / IPv6(src=s, dst=d) / UDP(sport=51820, dport=9)
      for s, d in [('${fleet}1', '2001:db8::66'), ('2001:db8::${HOST[$node]}', '${fleet}1')]])")" 0
	is "$node: for that reason" "$(($(counted "$node" egress.mesh_outside) - out))" 2
done

# ---- packet too big, fragmentation needed: quoting WireGuard's port ---------------------------------

mtu=$(node_exec box cat /sys/class/net/ppn0/mtu)
full() { pings box peer -M 'do' -s $((mtu - 48)); }
check "a ping of the mesh's full size" wait_for 5 full
dropped=$(counted box seal.icmp)
forge mallory "
quoted4 = IP(src='192.0.2.11', dst='192.0.2.12') / UDP(sport=51820, dport=51820) / (b'x' * 100)
quoted6 = IPv6(src='2001:db8::11', dst='2001:db8::12') / UDP(sport=51820, dport=51820) / (b'x' * 100)
dst = '$(mac box)'
send([to(dst) / IP(src='192.0.2.12', dst='192.0.2.11') / ICMP(type=3, code=4, nexthopmtu=576) / quoted4,
      to(dst) / IPv6(src='2001:db8::12', dst='2001:db8::11') / ICMPv6PacketTooBig(mtu=1280) / quoted6])" >/dev/null
is "both forged errors are dropped" "$(($(counted box seal.icmp) - dropped))" 2
is "no path is narrowed" "$(node_exec box ip route get 192.0.2.12 | grep -c mtu; node_exec box ip -6 route get 2001:db8::12 | grep -c mtu)" $'0\n0'
check "it goes on" full

# ---- thc-ipv6 ---------------------------------------------------------------------------------------

kept() { # NODE: what no neighbour may change
	node_exec "$1" sh -c 'ip -j addr show dev eth0 | jq -c "[.[].addr_info[]?.local | strings] | sort"
		ip route; ip -6 route; ip rule; ip -6 rule; sysctl net.ipv6.conf.eth0.hop_limit net.ipv6.conf.eth0.mtu net.ipv6.neigh.eth0.base_reachable_time_ms'
}
sent_by_mallory() { node_exec mallory cat /sys/class/net/eth0/statistics/tx_packets; }
VICTIMS='box hold'
for node in $VICTIMS; do kept "$node" >"$WORLD/$node.before"; done

# attack REASON TOOL ARGUMENT...: it sends, until each victim has counted REASON. @: one victim after the other.
attack() {
	local reason=$1 tool=$2 sent
	shift 2
	sent=$(sent_by_mallory)
	if [[ "$*" == *@* ]]; then
		for node in $VICTIMS; do attack_at "$node" "$tool" "${@//@/2001:db8::${HOST[$node]}}"; done
	else
		attack_at "$VICTIMS" "$tool" "$@"
	fi
	check "(it sent)" test "$(sent_by_mallory)" -gt "$sent"
}
attack_at() { # VICTIMS TOOL ARGUMENT...
	local node
	local -A before=()
	for node in $1; do before[$node]=$(counted "$node" "seal.$reason"); done
	node_start mallory "$2" "atk6-$2" "${@:3}"
	for node in $1; do
		check "$2 at $node: $reason" wait_for 20 eval "[ \$(counted $node seal.$reason) -gt ${before[$node]} ]"
	done
	node_stop mallory "$2" KILL
}

LINK='arp or (icmp6 and (ip6[40] == 135 or ip6[40] == 136)) or (ip6 proto 0 and ip6[40] == 58)'
capture_start mallory eth0 answers "ether src $(mac box) or ether src $(mac hold)"
while read -r row; do
	# shellcheck disable=SC2086 # words
	attack $row
done <<EOT
ra flood_router26 eth0
extension flood_router26 -H eth0
extension flood_router26 -f eth0
ra fake_router26 -A 2001:db8:77::/64 -R 2001:db8:78::/48 -n 1 eth0
icmp flood_redir6 eth0
icmp flood_unreach6 eth0 @
icmp toobig6 eth0 @ 2001:db8::12 1280
pass_nd flood_advertise6 eth0
pass_nd flood_solicitate6 eth0
pass_nd fake_advertise6 -n 2 -w 1 eth0 2001:db8::1 @
extension flood_mld26 eth0
pass_mld fake_mld26 eth0 query
icmp smurf6 eth0 @
icmp randicmp6 eth0 @
icmp alive6 eth0
extension denial6 eth0 @ 2
icmp exploit6 eth0 @
port_shut thcsyn6 eth0 @ 22
port_shut flood_dhcpc6 eth0
protocol fake_pim6 eth0 hello
nd_bad fuzz_ip6 -2 -a eth0 @
mld_bad fuzz_ip6 -8 -a eth0 @
EOT
for node in $VICTIMS; do
	is "$node: addresses, routes, rules and limits are as they were" "$(kept "$node")" "$(cat "$WORLD/$node.before")"
	check "$node: neighbours that nobody asked for are not kept" test "$(node_exec "$node" ip -6 neigh | wc -l)" -le 16
done
alive "after all of it"
capture_stop mallory answers
# A switch may flood WireGuard's packets, of which box has some.
is "nothing left them towards mallory but ARP, ND and MLD" "$(capture_show mallory answers "not ($LINK) and not udp port 51820")" ''
check "(which did)" test "$(capture_count mallory answers "$LINK")" -gt 10

# ---- neighbour caches flushed, again and again (P11) -------------------------------------------------

opens() { node_exec desk nc -z -w2 2001:db8::13 9443; }
times=20 until=$SECONDS
[ -z "${PPN_SOAK:-}" ] || times=100 until=$((SECONDS + 3600))
reached=0 opened=0
for ((i = 0; i < times || SECONDS < until; i++)); do
	for node in desk box hold; do ip -n "$node" neigh flush dev eth0 && ip -n "$node" -6 neigh flush dev eth0; done
	if pings box desk >/dev/null; then reached=$((reached + 1)); fi
	if opens; then opened=$((opened + 1)); fi
done
diag "flushed $i times"
is "neighbours flushed: box reaches the desk over the mesh" "$reached" "$i"
is "and the desk the holding node's claim port" "$opened" "$i"

# ---- a claim connection that outlives its window ----------------------------------------------------

# Connected while the node holds; it asks when the node is bound, and SYNs are shut.
cat >"$WORLD/late.py" <<'EOPY'
import os, socket, sys, time
call = socket.create_connection((sys.argv[1], 9443), 3)
print("connected", flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.02)
call.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ppn.1.pin\r\n\r\n")
call.settimeout(4)
try:
    print("answered" if call.recv(4096) else "ended", flush=True)
except ConnectionResetError:
    print("ended", flush=True)
EOPY
node_start mallory late /usr/bin/python3 "$WORLD/late.py" 192.0.2.13 "$WORLD/ask"
check "mallory has a claim connection to the holding node" wait_for 5 grep -q connected "$(node_log mallory late)"
check "hold is claimed, after all that" wait_for 10 admin claim 2001:db8::13 --name hold
check "and bound" ppn hold wait bound --timeout 10
check_fails "then SYNs are shut" node_exec mallory nc -z -w1 192.0.2.13 9443
passed=$(counted hold seal.pass_claim)
: >"$WORLD/ask"
check "the connection of before lives on" wait_for 4 grep -q answered "$(node_log mallory late)"
check "by the kernel's own table" test "$(counted hold seal.pass_claim)" -gt "$passed"

# ---- what the taps have -----------------------------------------------------------------------------

for node in "${!NET[@]}"; do
	capture_stop "$node" tap
	is "$node: no packet of the mesh came past the seal in clear, or left" "$(capture_count "$node" tap)" 0
done
capture_stop mallory wire
is "nor did mallory see one, but its own" "$(capture_count mallory wire "not ether src $(mac mallory)")" 0
node_stop box pinger INT
check "while box and peer talked" grep -q 'bytes from' "$(node_log box pinger)"
