#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
#
# A stranger with nmap on the wire of a holding node and of a bound one: what comes out is the port table of
# DESIGN 6 and not one bit more. Each scan's answer is compared whole, by state and reason; each must have
# reached the seal; and what left the nodes towards the stranger is looked at, frame by frame.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

net_bridge office
for node in desk hold box stranger; do
	node_add "$node"
	net_link "$node:eth0" office
done
declare -A HOST=([desk]=1 [hold]=11 [box]=12 [stranger]=66)
for node in "${!HOST[@]}"; do
	node_exec "$node" ip addr add "192.0.2.${HOST[$node]}/24" dev eth0
	node_exec "$node" ip -6 addr add "2001:db8::${HOST[$node]}/64" dev eth0 nodad
done

DESK=$(node_dir desk)
printf 'correct horse battery staple\n' >"$DESK/passphrase"
printf '[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"

admin() { node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"; }
ppn() { node_exec "$1" ppn "$2" --state-dir "$(node_dir "$1")/state" "${@:3}"; }
counted() { ppn "$1" status --json | jq -r ".seal.reasons.seal.$2.packets // 0"; } # NODE REASON
syncookies() { node_exec hold sysctl -qw "net.ipv4.tcp_syncookies=$1"; }

admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 2 --days 1 >"$DESK/invite"
node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin unlock --passphrase-file "$DESK/passphrase"

# Each has something to find: on a machine that is not sealed nmap names these, and all that is closed.
for node in hold box; do
	dir=$(node_dir "$node")
	mkdir -p "$dir/etc"
	printf '[node]\nexternal = eth0\nbeacon_window = 0\n[seal]\nmode = enforce\n[underlay]\neth0 = static\n' >"$dir/etc/ppnd.conf"
	install -m 600 "$DESK/invite" "$dir/etc/invite"
	node_start "$node" ssh /usr/bin/python3 -c '
import socket
server = socket.create_server(("::", 22), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    server.accept()[0].close()'
	node_start "$node" dns /usr/bin/python3 -c '
import socket
server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
server.bind(("::", 53))
while True:
    server.sendto(*server.recvfrom(2048))'
	node_start "$node" ppnd ppnd --config "$dir/etc/ppnd.conf" --state-dir "$dir/state"
	check "$node holds" ppn "$node" wait holding --timeout 15
done
waiting() { [ "$(ppn "$1" status --json | jq -r .claim.endpoint)" = waiting ]; }
for node in hold box; do wait_for 15 waiting "$node"; done
check "box is claimed" admin claim 192.0.2.12 --name box
check "box is bound" ppn box wait bound --timeout 10

# ---- scans ----------------------------------------------------------------------------------------

# One line a host: how many ports in which state and why, those named that say more than silence does.
cat >"$WORLD/tell.py" <<'EOPY'
import collections, sys
import xml.etree.ElementTree as ET
for host in ET.parse(sys.argv[1]).getroot().findall("host"):
    counts, named = collections.Counter(), []
    for extra in host.iterfind("ports/extraports"):
        for why in extra.iterfind("extrareasons"):
            counts[extra.get("state"), why.get("reason")] += int(why.get("count"))
    for port in host.iterfind("ports/port"):
        state, why = port.find("state").get("state"), port.find("state").get("reason")
        if why == "no-response":
            counts[state, why] += 1
        else:
            named.append("%s %s/%s %s" % (state, port.get("protocol"), port.get("portid"), why))
    said = named + ["%s %d %s" % (state, n, why) for (state, why), n in sorted(counts.items())]
    found = host.find("status").get("state")
    print(host.find("address").get("addr") + ": " + (", ".join(said) if found == "up" and said else found))
EOPY

FAST=(-n -Pn --disable-arp-ping -T4 --min-rate 20000 --max-retries 1)
declare -A TARGETS=([4]='192.0.2.11 192.0.2.12' [6]='2001:db8::11 2001:db8::12')

nmap_run() { # FAMILY OPTION...: what it found in stranger/found.FAMILY
	local out=$WORLD/stranger/found.$1 family=$1
	shift
	# shellcheck disable=SC2086 # two words
	node_exec stranger nmap "-$family" -v "$@" -oX "$out.xml" ${TARGETS[$family]} >"$out.log" 2>&1
	/usr/bin/python3 "$WORLD/tell.py" "$out.xml" >"$out"
}

# scan FAMILIES LABEL REASON LEAST HOLDING BOUND OPTION...: nmap's answer of either node, in each family; REASON
# must have been counted for at least so many packets a family, or nothing was tried.
scan() {
	local families=$1 label=$2 reason=$3 least=$4 hold=$5 box=$6 family node wanted tried=both
	local -A before=()
	shift 6
	for node in hold box; do before[$node]=$(counted "$node" "$reason"); done
	for family in $families; do nmap_run "$family" "$@" & done
	wait_scans
	for family in $families; do
		# shellcheck disable=SC2086 # two words
		wanted=$(printf '%s: %s\n%s: %s' ${TARGETS[$family]% *} "$hold" ${TARGETS[$family]#* } "$box")
		is "$label, IPv$family" "$(cat "$WORLD/stranger/found.$family")" "$wanted"
	done
	for node in hold box; do
		[ $(($(counted "$node" "$reason") - before[$node])) -ge $((least * $(wc -w <<<"$families"))) ] || tried="not $node"
	done
	is "$label: it was tried (${reason})" "$tried" both
}
wait_scans() {
	local job
	for job in $(jobs -p); do
		[[ " ${_node_pids[*]} ${_node_holder[*]} " == *" $job "* ]] || wait "$job"
	done
}

mac() { node_exec "$1" cat /sys/class/net/eth0/address; }
silent() { echo "$2 $1 no-response"; } # HOW_MANY STATE
OPEN='open tcp/9443 syn-ack'
PORTS=1-1000,8090,8091,9442-9444,51820 N=1006
NOTHING=$(silent $N filtered)
PERHAPS=$(silent $N 'open|filtered')
CLAIM="$OPEN, $(silent $((N - 1)) filtered)"

capture_start stranger eth0 wire -B 16384 "ether src $(mac hold) or ether src $(mac box)"
scan '4 6' 'SYN, every port' port_shut 65000 "$OPEN, $(silent 65534 filtered)" "$(silent 65535 filtered)" "${FAST[@]}" -sS -p-
scan '4 6' connect port_shut 900 "$CLAIM" "$NOTHING" "${FAST[@]}" --max-rtt-timeout 200ms -sT -p $PORTS
scan '4 6' ACK port_shut 900 "$NOTHING" "$NOTHING" "${FAST[@]}" -sA -p $PORTS
scan '4 6' window port_shut 900 "$NOTHING" "$NOTHING" "${FAST[@]}" -sW -p $PORTS
for kind in FIN:-sF NULL:-sN Xmas:-sX Maimon:-sM; do
	scan '4 6' "${kind%:*}" port_shut 900 "$PERHAPS" "$PERHAPS" "${FAST[@]}" "${kind#*:}" -p $PORTS
done
scan '4 6' UDP port_shut 900 "$PERHAPS" "$PERHAPS" "${FAST[@]}" -sU -p $PORTS
scan '4 6' 'top UDP' port_shut 90 "$(silent 100 'open|filtered')" "$(silent 100 'open|filtered')" "${FAST[@]}" -sU --top-ports 100
scan '4 6' SCTP protocol 52 "$(silent 52 filtered)" "$(silent 52 filtered)" "${FAST[@]}" -sY
scan '4 6' 'IP protocols' protocol 240 "$(silent 256 'open|filtered')" "$(silent 256 'open|filtered')" "${FAST[@]}" -sO
scan 4 fragments fragment 900 "$NOTHING" "$NOTHING" "${FAST[@]}" -sS -f -p $PORTS
scan '4 6' 'bad checksums' port_shut 900 "$NOTHING" "$NOTHING" "${FAST[@]}" -sS --badsum -p $PORTS
scan 4 decoys port_shut 2700 "$CLAIM" "$NOTHING" "${FAST[@]}" -sS -D 192.0.2.70,192.0.2.71,ME -p $PORTS
scan 6 decoys port_shut 2700 "$CLAIM" "$NOTHING" "${FAST[@]}" -sS -D 2001:db8::70,2001:db8::71,ME -p $PORTS
for port in 53 67; do
	scan '4 6' "from port $port" port_shut 900 "$CLAIM" "$NOTHING" "${FAST[@]}" -sS -g $port -p $PORTS
	scan '4 6' "UDP from port $port" port_shut 90 "$(silent 100 'open|filtered')" "$(silent 100 'open|filtered')" \
		"${FAST[@]}" -sU -g $port --top-ports 100
done

# ---- is anybody there? Not by the link's own ARP and ND, which answer -------------------------------------

ALIVE=(-n -sn --disable-arp-ping --max-retries 0 --host-timeout 2s)
scan 4 'ICMP echo, timestamp, mask' icmp 3 down down "${ALIVE[@]}" -PE -PP -PM
scan 6 'ICMPv6 echo' icmp 1 down down "${ALIVE[@]}" -PE
scan '4 6' 'TCP, UDP, SCTP and protocol pings' port_shut 3 down down "${ALIVE[@]}" -PS22 -PA80 -PU53 -PY80 -PO
# nmap's own words: addresses without colons. Neighbours that are not sealed do answer.
multicast() { # SCRIPT
	local said=$WORLD/stranger/multicast
	node_exec stranger nmap -6 --script "targets-ipv6-multicast-$1" --script-args interface=eth0 >"$said" 2>&1
	cat "$said"
	grep -q "MAC: $(mac desk | tr -d :)" "$said" && ! grep -iE "$(mac hold | tr -d :)|$(mac box | tr -d :)" "$said"
}
# One address of the interface is nmap's, which one is chance, and from one of another scope than the link's `slaac` asks nobody.
node_exec stranger ip -6 addr del "2001:db8::${HOST[stranger]}/64" dev eth0
for script in echo invalid-dst slaac; do
	check "multicast, $script: the desk answers, neither node does" multicast $script
done
node_exec stranger ip -6 addr add "2001:db8::${HOST[stranger]}/64" dev eth0 nodad

# ---- SYN cookies ------------------------------------------------------------------------------------------

cookies_sent() { node_exec hold nstat -asz TcpExtSyncookiesSent | awk '/Syncookies/ { print $2 }'; }
overflow() { # half-open connections of 150 sources
	node_exec stranger /usr/bin/python3 -c "
from scapy.all import Ether, IP, TCP, sendp
sendp([Ether(dst='$(mac hold)') / IP(src='192.0.2.%d' % (100 + i), dst='192.0.2.11') /
       TCP(sport=1024 + n, dport=9443, flags='S', seq=7) for n in range(4) for i in range(150)], iface='eth0', verbose=0)"
}
for cookies in 1 2; do
	node_exec hold sysctl -qw net.ipv4.tcp_syncookies=$cookies
	sent=$(cookies_sent)
	overflow
	check "tcp_syncookies = $cookies: cookies are sent" test "$(cookies_sent)" -gt "$sent"
	scan '4 6' "ACK, tcp_syncookies = $cookies" claim_no_socket 1 "$(silent 1 filtered)" "$(silent 1 filtered)" \
		"${FAST[@]}" -sA -p 9443
	scan '4 6' "connect, tcp_syncookies = $cookies" port_shut 1 "$OPEN, $(silent 1 filtered)" "$(silent 2 filtered)" \
		"${FAST[@]}" -sT -p 22,9443
done
# Neighbours that are forgotten are asked for anew: a dozen answers of each node that the capture must hold.
for ((i = 0; i < 12; i++)); do
	node_exec stranger ip neigh flush dev eth0
	for node in hold box; do
		node_exec stranger ping -c1 -W0.1 "192.0.2.${HOST[$node]}" >/dev/null || :
	done
done
capture_stop stranger wire
check "the capture lost nothing" grep -q '^0 packets dropped by kernel' "$(node_log stranger wire)"

# ---- what left the nodes towards the stranger -------------------------------------------------------------

LINK='arp or (icmp6 and (ip6[40] == 135 or ip6[40] == 136)) or (ip6 proto 0 and ip6[40] == 58)'
left() { capture_count stranger wire "ether src $(mac "$1") and ($2)"; }
for node in hold box; do
	check "$node: the capture is not empty" test "$(left "$node" "$LINK")" -gt 10
done
is "bound: nothing left but ARP, ND and MLD" "$(left box "not ($LINK)")" 0
is "holding: nothing but these and the claim port" "$(left hold "not ($LINK) and not tcp src port 9443")" 0
check "(that did)" test "$(left hold 'tcp src port 9443')" -gt 10
is "and no reset of it" "$(left hold 'tcp[tcpflags] & tcp-rst != 0 or (ip6 proto 6 and ip6[53] & 4 != 0)')" 0

# ---- nor did it harm --------------------------------------------------------------------------------------

check "the holding node is claimed as ever" wait_for 10 admin claim 2001:db8::11 --name hold
check "and is bound" ppn hold wait bound --timeout 10
check "the bound one obeys" admin send ping box --timeout 10
