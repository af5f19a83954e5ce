#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# tier: vm
# timeout: 300
#
# A mesh of three postures across a router, on whichever WireGuard this kernel has:
#
#   desk ----+                     bravo  (leased)
#   mallory -+--[office]--- core --+
#   delta ---+   |                 +
#              alpha (on-prem)     cirrus (cloud)
#
# Every pair talks, and by WireGuard only; the tools of others agree with ours; a roster changes only what differs;
# isolation cuts one node off; a killed ppnd takes nothing with it; mesh addresses on the wire are dropped.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

DESK=$(node_dir desk)
FACTOR=${PPN_TIMEOUT_FACTOR:-1}
NODES='alpha bravo cirrus'
declare -A MESH=()
if have_wireguard; then BACKEND=kernel; else BACKEND=userspace; fi
diag "expects WireGuard's backend: $BACKEND"

# ---- the world ----------------------------------------------------------------------------------

address() { # NODE DEVICE ADDRESS/LEN [GATEWAY]
	node_exec "$1" ip addr add "$3" dev "$2"
	[ -z "${4:-}" ] || node_exec "$1" ip route add default via "$4"
}

net_bridge office
for node in core desk mallory delta $NODES; do node_add "$node"; done
node_router core
net_link core:eth0 office
net_link core:eth1 bravo:eth0
net_link core:eth2 cirrus:eth0
for node in alpha desk mallory delta; do net_link "$node:eth0" office; done
address core eth0 10.1.0.1/24
address core eth1 10.2.0.1/24
address core eth2 198.51.100.1/24
address alpha eth0 10.1.0.11/24 10.1.0.1
address delta eth0 10.1.0.12/24 10.1.0.1
address desk eth0 10.1.0.5/24 10.1.0.1
address mallory eth0 10.1.0.66/24 10.1.0.1
address bravo eth0 10.2.0.10/24 10.2.0.1
address cirrus eth0 198.51.100.10/24 198.51.100.1

configure() { # NODE POSTURE
	local etc
	etc=$(node_dir "$1")/etc
	mkdir -p "$etc"
	printf '[node]\nposture = %s\nexternal = eth0\nbeacon_window = 1\n[underlay]\neth0 = static\n' "$2" >"$etc/ppnd.conf"
}
configure alpha onprem
configure delta onprem
configure bravo leased
configure cirrus cloud

printf 'correct horse battery staple\n' >"$DESK/passphrase"
chmod 600 "$DESK/passphrase"
printf '[beacon]\ninterfaces = eth0\n[mesh]\nendpoint = 10.1.0.5\n' >"$DESK/ppn-admin.conf"

admin() {
	node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"
}

ppn() {
	local node=$1
	shift
	node_exec "$node" ppn --state-dir "$(node_dir "$node")/state" "$@"
}

status() { ppn "$1" status --json | jq -r "$2"; }

start() { # NODE [OPTION...]
	local node=$1 dir
	dir=$(node_dir "$node")
	shift
	node_start "$node" ppnd ppnd --config "$dir/etc/ppnd.conf" --state-dir "$dir/state" "$@"
}

send() { admin send "$@" --timeout $((10 * FACTOR)); }
wait_state() { ppn "$1" wait "$2" --timeout $((20 * FACTOR)); }
pings() { node_exec "$1" ping -6 -n -c1 -W"$FACTOR" -q "${MESH[$2]}"; }
count() { status "$1" ".seal.reasons.$2.packets // 0"; } # NODE seal.REASON|frame.REASON

listed() { # NODE...
	local node
	for node; do
		admin nodes --json | jq -e --arg node "$(status "$node" .node)" \
			'.rows[] | select(.node == $node and .state == "holding" and .known_as == "invited")' || return 1
	done
}

# ---- claimed: by beacon, and by host ------------------------------------------------------------

admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 4 --days 1 >"$DESK/invite"
for node in alpha bravo delta; do install -m 600 "$DESK/invite" "$(node_dir "$node")/etc/invite"; done
node_exec cirrus install -m 600 "$DESK/invite" /run/invite
node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin unlock --passphrase-file "$DESK/passphrase"

start alpha
start bravo
start cirrus --invite /run/invite
for node in $NODES; do check "$node holds" wait_state "$node" holding; done
check "alpha is seen over the link" wait_for 15 listed alpha
check "claim --all over link-local" admin claim --all
check "alpha is bound" wait_state alpha bound
check "a second claim --all has nobody to claim" admin claim --all
check "bravo, by host and name" admin claim 10.2.0.10 --name bravo
check "cirrus, by host and name" admin claim 198.51.100.10 --name cirrus
for node in bravo cirrus; do check "$node is bound" wait_state "$node" bound; done
for node in $NODES; do is "$node: backend" "$(status "$node" .mesh.backend)" "$BACKEND"; done

MESH[desk]=$(admin roster show --json | jq -r '.rows[] | select(.runs_seat) | .address')
for node in $NODES; do MESH[$node]=$(status "$node" .mesh.address); done

# ---- every pair, and what the wire carries ------------------------------------------------------

captures='core:eth0:office core:eth1:leased core:eth2:cloud alpha:eth0:link'
for row in $captures; do
	IFS=: read -r where device label <<<"$row"
	capture_start "$where" "$device" "$label"
done
for from in desk $NODES; do
	for to in desk $NODES; do
		[ "$from" = "$to" ] || check "$from reaches $to over ppn0" wait_for 10 pings "$from" "$to"
	done
done

# ---- commands, one after the other --------------------------------------------------------------

declare -A OTHER=()
for node in $NODES; do OTHER[$node]=$(count "$node" frame.frame_other); done
commands() { ppn bravo ledger show --json | jq '[.entries[] | select(.type == "command")] | length'; }
sent() { admin ledger show --json | jq '[.entries[] | select(.text | contains("sent "))] | length'; }
began=$(commands)
was_sent=$(sent)
for ((i = 0; i < 10; i++)); do send ping bravo || break; done >&2
is "ten pings by frame, back to back: all acknowledged" "$i" 10
is "each acted, once" "$(($(commands) - began))" 10
is "as the seat's ledger has them" "$(($(sent) - was_sent))" 10
for node in alpha cirrus; do
	check "$node received them, too, and obeyed none" test "$(count "$node" frame.frame_other)" -ge $((OTHER[$node] + 10))
done
is "no frame was for bravo and of another" "$(count bravo frame.frame_other)" "${OTHER[bravo]}"

# Beside WireGuard: neighbour discovery, MLD and the beacon with its answers.
only_wireguard() { # WHERE LABEL
	local others
	local allowed='udp port 51820 or udp port 9442 or icmp6[0] == 133 or icmp6[0] == 134 or icmp6[0] == 135 or icmp6[0] == 136'
	others=$(capture_show "$1" "$2" "(ip or ip6) and not ($allowed) and not (ip6 proto 0)")
	echo "$others" | head -n5
	[ "$(capture_count "$1" "$2" 'udp port 51820')" -gt 10 ] && [ -z "$others" ]
}
for row in $captures; do
	IFS=: read -r where _ label <<<"$row"
	capture_stop "$where" "$label"
	check "$label: nothing but WireGuard between members" only_wireguard "$where" "$label"
done

# ---- what others' tools say ---------------------------------------------------------------------

hex() { base64 -d | od -An -tx1 | tr -d ' \n'; }
wg_keys() { node_exec "$1" wg show ppn0 peers | while read -r key; do hex <<<"$key" && echo; done | sort; }
our_keys() { ppn "$1" peers --json | jq -r '.peers[].wireguard_key' | sort; }
allowed_ips() { node_exec "$1" wg show ppn0 allowed-ips | cut -f2 | sed 's,/112,,' | sort; }
others_nets() { # the /112 of every other member
	local node
	for node in desk $NODES ${2:-}; do
		[ "$node" = "$1" ] || echo "${MESH[$node]}"
	done | /usr/bin/python3 -c 'import ipaddress,sys
for line in sys.stdin: print(ipaddress.ip_network(line.strip() + "/112", strict=False).network_address)' | sort
}
fleet=$(admin status --json | jq -r .fleet)
agree() { # NODE
	is "$1: wg and ppn list the same peers" "$(wg_keys "$1")" "$(our_keys "$1")"
	is "$1: as many as status says" "$(wg_keys "$1" | wc -l)" "$(status "$1" .mesh.peers)"
	is "$1: wg has each member's /112" "$(allowed_ips "$1")" "$(others_nets "$1" "${2:-}")"
	is "$1: own WireGuard key" "$(node_exec "$1" wg show ppn0 public-key | hex)" "$(status "$1" .wireguard_key)"
	is "$1: own mesh address" "$(node_exec "$1" ip -6 -j addr show dev ppn0 |
		jq -r '.[0].addr_info[] | select(.scope == "global") | .local')" "${MESH[$1]}"
	is "$1: one rule sends the fleet to table 8090" "$(node_exec "$1" ip -6 -j rule |
		jq -c '[.[] | select(.table == "8090") | [.dst, .dstlen]]')" "[[\"$fleet\",48]]"
	is "$1: table 8090: ppn0, else unreachable" "$(node_exec "$1" ip -6 -j route show table 8090 |
		jq -c '[.[] | [.type // "unicast", .dst]] | sort')" "[[\"unicast\",\"$fleet/48\"],[\"unreachable\",\"default\"]]"
}
for node in $NODES; do agree "$node"; done

# ---- a further node: only what differs changes --------------------------------------------------

# Of each peer: key, latest handshake, received, sent.
peers_of() { node_exec "$1" wg show ppn0 dump | awk -F'\t' 'NR > 1 { print $1, $5, $6, $7 }'; }

# Nothing that a peer had is reset: not the handshake, not a counter.
kept() { # NODE: against $WORLD/NODE.peers
	local key shook rx tx now_shook now_rx now_tx
	while read -r key shook rx tx; do
		read -r now_shook now_rx now_tx < <(peers_of "$1" | awk -v key="$key" '$1 == key { print $2, $3, $4 }') || return 1
		echo "$1 $key $shook/$rx/$tx now $now_shook/$now_rx/$now_tx"
		[ "$shook" -gt 0 ] && [ "$now_shook" -ge "$shook" ] && [ "$now_rx" -ge "$rx" ] && [ "$now_tx" -ge "$tx" ] || return 1
	done <"$WORLD/$1.peers"
}

lost() { # NODE LABEL: of what a ping that was interrupted sent
	sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 \2/p' "$(node_log "$1" "$2")" |
		{ read -r out in && echo "$((out - in)) of $out" && [ "$out" -gt 2 ] && [ $((out - in)) -le 1 ]; }
}

start delta
check "delta holds" wait_state delta holding
check "delta is seen" wait_for 15 listed delta
for node in desk $NODES; do peers_of "$node" >"$WORLD/$node.peers"; done
epoch=$(status bravo .roster.epoch)
node_start alpha pinger ping -6 -n -i 0.2 "${MESH[bravo]}"
check "delta joins" admin claim --all
check "delta is bound" wait_state delta bound
MESH[delta]=$(status delta .mesh.address)
for node in $NODES; do check "$node has the next roster" wait_for 10 eval "[ \"\$(status $node .roster.epoch)\" -gt $epoch ]"; done
for node in desk $NODES; do
	check "$node and delta talk" wait_for 10 pings "$node" delta
	check "$node: no peer was made anew" kept "$node"
done
wait_for 10 grep -q icmp_seq=6 "$(node_log alpha pinger)"
node_stop alpha pinger INT
check "a ping across the change lost nothing" lost alpha pinger
for node in alpha cirrus; do agree "$node" delta; done

# ---- isolated -----------------------------------------------------------------------------------

for node in $NODES delta; do OTHER[$node]=$(count "$node" frame.frame_other); done
check "isolate bravo" send isolate bravo
check "it says so" wait_state bravo isolated
pairs=('bravo alpha' 'alpha bravo' 'bravo cirrus' 'cirrus bravo' 'bravo delta' 'delta bravo')
# All at once: each waits for an answer that does not come.
asking=()
for pair in "${pairs[@]}"; do
	# shellcheck disable=SC2086 # two words
	pings $pair >"$WORLD/${pair/ /-}" 2>&1 &
	asking+=("$!")
done
for i in "${!pairs[@]}"; do
	check_fails "${pairs[i]/ / does not reach }" wait "${asking[i]}"
	check "${pairs[i]/ / has asked }" grep -q '^1 packets transmitted, 0 received' "$WORLD/${pairs[i]/ /-}"
done
check "the seat reaches bravo" pings desk bravo
check "bravo reaches the seat" pings bravo desk
for pair in 'alpha cirrus' 'cirrus delta' 'delta alpha'; do
	# shellcheck disable=SC2086 # two words
	check "untouched: $pair" pings $pair
done
for node in alpha cirrus delta; do
	check "$node: a frame for another" test "$(count "$node" frame.frame_other)" -gt "${OTHER[$node]}"
	is "$node is bound" "$(status "$node" .state)" bound
done
check "release bravo" send release bravo
check "it is bound" wait_state bravo bound
for node in alpha cirrus delta; do check "bravo and $node talk again" wait_for 5 pings bravo "$node"; done

# ---- ppnd killed --------------------------------------------------------------------------------

userspace_pid() {
	local pid
	for pid in $(ip netns pids "$1"); do
		if [ "$(cat "/proc/$pid/comm")" = wireguard-go ]; then echo "$pid"; fi
	done
}
peers_of bravo >"$WORLD/bravo.peers"
device=$(userspace_pid bravo)
node_start alpha across ping -6 -n -i 0.2 "${MESH[bravo]}"
node_stop bravo ppnd KILL
# What tells where a ping was lost: the session, the neighbours, the seal.
reaches_or_says() { # NODE
	pings "$1" bravo && return
	date +%T.%N
	for node in bravo "$1" core; do
		echo "-- $node"
		node_exec "$node" wg show ppn0
		node_exec "$node" ip -s neigh
	done
	ppn bravo seal status
	return 1
}
for node in desk alpha cirrus delta; do check "$node reaches bravo, its ppnd dead" reaches_or_says "$node"; done
if [ "$BACKEND" = userspace ]; then
	check "wireguard-go runs on" test -n "$device" -a "$(userspace_pid bravo)" = "$device"
else
	skip "wireguard-go runs on" "the kernel's WireGuard"
fi
start bravo
check "started again: bound" wait_state bravo bound
check "it adopted the peers as they were" kept bravo
wait_for 10 grep -q icmp_seq=6 "$(node_log alpha across)"
node_stop alpha across INT
check "a ping across kill and start lost nothing" lost alpha across
is "one WireGuard, the one of before" "$(userspace_pid bravo)" "$device"
check "it obeys" send ping bravo
is "wg and ppn agree again" "$(wg_keys bravo)" "$(our_keys bravo)"

# ---- mesh addresses on the wire -----------------------------------------------------------------

mac=$(node_exec alpha cat /sys/class/net/eth0/address)
spoof() { # SOURCE DESTINATION
	node_exec mallory /usr/bin/python3 -c "
from scapy.all import Ether, IPv6, UDP, ICMPv6EchoRequest, sendp
for payload in UDP(sport=8090, dport=8090) / (b'x' * 16), ICMPv6EchoRequest():
    sendp(Ether(src='02:00:00:00:00:66', dst='$mac') / IPv6(src='$1', dst='$2') / payload,
          iface='eth0', verbose=False)"
}
outside=$(count alpha seal.mesh_outside)
spoof "${MESH[desk]}" "${MESH[alpha]}"
is "source and destination of the mesh: dropped" "$(($(count alpha seal.mesh_outside) - outside))" 2
spoof "${MESH[bravo]}" 2001:db8::1
is "a source of the mesh: dropped" "$(($(count alpha seal.mesh_outside) - outside))" 4
spoof fe80::66 "${MESH[alpha]}"
is "a destination of the mesh: dropped" "$(($(count alpha seal.mesh_outside) - outside))" 6
spoof "${fleet}ffff" fe80::1
is "any address of the fleet's prefix: dropped" "$(($(count alpha seal.mesh_outside) - outside))" 8
check "alpha talks on" pings alpha desk
