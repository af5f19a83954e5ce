#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
#
# DHCP in both families and router advertisements through the seal, with real clients and servers
# (perf-and-reliability P12): bind, renew, rebind, NAK and expiry with short leases, ten out of ten; nothing
# that the node did not ask for; DNS stays shut whatever a lease says.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

# Each client has a link and a server of its own, and all go at once.
clients="udhcpc dhclient dhclient6 slaac static"
net_bridge office
for client in $clients; do
	node_add "$client"
	node_add "srv-$client"
	net_link "$client:eth0" "srv-$client:eth0"
	mkdir -p "$(node_dir "$client")/etc"
	node_exec "srv-$client" ip addr add 192.0.2.1/24 dev eth0
	node_exec "srv-$client" ip -6 addr add 2001:db8::1/64 dev eth0 nodad
done

config() { # NODE LINE: of [underlay], or of [node]
	local underlay=
	[[ $2 != eth0* ]] || underlay='[underlay]'
	printf '[seal]\nmode = enforce\n[node]\nexternal = eth0\nbeacon_window = 0\n%s\n%s\n' "$underlay" "$2" \
		>"$(node_dir "$1")/etc/ppnd.conf"
	node_start "$1" ppnd ppnd --config "$(node_dir "$1")/etc/ppnd.conf" --state-dir "$(node_dir "$1")/state"
	node_exec "$1" ppn wait holding --timeout 15
}
# A cloud machine starts with an authority, and its underlay is dhcp by default.
printf 'correct horse battery staple\n' >"$WORLD/passphrase"
ppn-admin --state-dir "$WORLD/admin" init --passphrase-file "$WORLD/passphrase" >/dev/null
install -m 644 "$WORLD/admin/authority.pub" "$(node_dir udhcpc)/etc/"
config udhcpc "posture = cloud"
config dhclient "eth0 = dhcp"
config dhclient6 "eth0 = dhcp"
config slaac "eth0 = slaac"
config static "eth0 = static"

reason() { node_exec "$1" ppn status --json | jq -r ".seal.reasons.$2.$3.packets // 0"; }
events() { cat "$(node_dir "$1")/events" 2>/dev/null || :; }
has() { node_exec "$1" ip -o addr show dev eth0 | grep -q "$2"; } # NODE ADDRESS
happened() { [ "$(events "$1" | grep -c "^$2")" -ge "$3" ]; } # NODE EVENT TIMES
forget() { : >"$(node_dir "$1")/events"; }

# What the clients call: nothing but the address, and what they were told.
cat >"$WORLD/udhcpc.sh" <<'EOF'
#!/bin/sh
echo "$1 ${ip:-} ${dns:-}" >>events
case $1 in
bound | renew) ip addr replace "$ip/24" dev "$interface" ;;
deconfig) ip -4 addr flush dev "$interface" ;;
esac
EOF
cat >"$WORLD/dhclient.sh" <<'EOF'
#!/bin/sh
echo "$reason ${new_ip_address:-}${new_ip6_address:-}" >>events
case $reason in
BOUND | RENEW | REBIND | REBOOT) ip addr replace "$new_ip_address/24" dev "$interface" ;;
BOUND6 | RENEW6 | REBIND6) ip addr replace "$new_ip6_address/128" dev "$interface" ;;
EXPIRE | FAIL | STOP | RELEASE) ip -4 addr flush dev "$interface" ;;
EXPIRE6 | STOP6 | RELEASE6) ip addr del "$old_ip6_address/128" dev "$interface" ;;
esac
exit 0
EOF
chmod +x "$WORLD"/*.sh

# ---- servers ------------------------------------------------------------------------------------

udhcpd() { # FIRST LAST
	printf 'auto_time 1\nstart %s\nend %s\ninterface eth0\nlease_file %s\nmin_lease 10\noption lease 20\noption subnet 255.255.255.0\noption dns 192.0.2.1\n' \
		"$1" "$2" "$WORLD/udhcpd.leases" >"$WORLD/udhcpd.conf"
	touch "$WORLD/udhcpd.leases"
	node_start srv-udhcpc udhcpd busybox udhcpd -f -S "$WORLD/udhcpd.conf"
}
dnsmasq4() { # FIRST LAST
	node_start srv-dhclient dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --port=53 --no-resolv --no-hosts \
		--address=/ppn.example/203.0.113.7 --interface=eth0 --bind-interfaces --user=root --pid-file= --leasefile-ro \
		--dhcp-authoritative --dhcp-range="$1,$2,2m" --dhcp-option=58,4 --dhcp-option=59,60
}
dnsmasq4 192.0.2.100 192.0.2.150
node_start srv-dhclient6 dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=eth0 \
	--bind-interfaces --user=root --pid-file= --leasefile-ro --dhcp-range=2001:db8::100,2001:db8::1ff,64,2m
for server in slaac static; do
	node_start "srv-$server" dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=eth0 \
		--bind-interfaces --user=root --pid-file= --leasefile-ro --enable-ra --dhcp-range=2001:db8::,ra-only,64 \
		--ra-param=eth0,4,60
done

# ---- DHCPv6, which takes its time -----------------------------------------------------------------

dhclient6() { # LABEL OPTIONS
	node_start dhclient6 "$1" dhclient -6 -d -sf "$WORLD/dhclient.sh" -lf "$WORLD/dhclient6.leases" -pf "$WORLD/dhclient6.pid" "${@:2}" eth0
}
wait_for 10 eval 'node_exec dhclient6 ip -6 addr show dev eth0 scope link | grep -q inet6 && ! node_exec dhclient6 ip -6 addr show dev eth0 tentative | grep -q inet6'
dhclient6 first
check "DHCPv6: bound" wait_for 20 has dhclient6 2001:db8::1

# ---- udhcpc: renew, rebind, expiry, NAK -------------------------------------------------------------

udhcpd 192.0.2.100 192.0.2.110
udhcpc() { node_start udhcpc "$1" udhcpc -f -i eth0 -s "$WORLD/udhcpc.sh" -t 5 -T 1 "${@:2}"; }
udhcpc client
check "udhcpc: bound" wait_for 10 happened udhcpc bound 1
check "it was told of a name server" grep -q 'bound 192.0.2.1.. 192.0.2.1' "$(node_dir udhcpc)/events"
check "renewed at T1" wait_for 20 happened udhcpc renew 1
check "and again" wait_for 20 happened udhcpc renew 2
node_stop srv-udhcpc udhcpd

# ---- meanwhile dhclient: ten out of ten, renewals, DNS --------------------------------------------

bound=0
for i in 1 2 3 4 5 6 7 8 9 10; do
	forget dhclient
	rm -f "$WORLD/dhclient.leases"
	node_exec dhclient ip -4 addr flush dev eth0
	node_start dhclient "client$i" dhclient -4 -d -sf "$WORLD/dhclient.sh" -lf "$WORLD/dhclient.leases" -pf "$WORLD/dhclient.pid" eth0
	wait_for 15 happened dhclient BOUND 1 && bound=$((bound + 1))
	[ "$i" = 10 ] || node_stop dhclient "client$i" KILL
done
is "dhclient: bound ten times out of ten" "$bound" 10
check "renewed at T1" wait_for 20 happened dhclient RENEW 1
check "and again" wait_for 20 happened dhclient RENEW 2
check "nothing of it was dropped" test "$(reason dhclient seal dhcp)" = 0
check_fails "DNS stays shut, whatever the lease says" node_exec dhclient dig +time=1 +tries=1 @192.0.2.1 ppn.example
check "it did not leave" test "$(node_exec dhclient ppn status --json | jq '.seal.backstop.dropped.held_out + (.seal.reasons.egress.port_shut.packets // 0)')" -gt 0
node_stop srv-dhclient dnsmasq
dnsmasq4 192.0.2.200 192.0.2.210
check "another server says NAK, and it takes another address" wait_for 30 has dhclient 192.0.2.2[01]
check "(it was a NAK)" grep -q DHCPNAK "$(node_log dhclient client10)"

# ---- udhcpc goes on: the lease has run out ------------------------------------------------------------

check "udhcpc: without a server the lease expires" wait_for 40 happened udhcpc deconfig 2
udhcpd 192.0.2.100 192.0.2.110
check "with one it is bound again" wait_for 40 happened udhcpc bound 2
node_stop srv-udhcpc udhcpd
forget udhcpc
asked() { grep -c 'sending renew' "$(node_log udhcpc client)"; }
before=$(asked)
asks_again() { [ "$(asked)" -gt "$before" ]; }
wait_for 16 asks_again # at T1, and nobody answers
udhcpd 192.0.2.100 192.0.2.110
check "its renewal unanswered, it rebinds" wait_for 20 happened udhcpc renew 1
check "without a break" eval '! happened udhcpc deconfig 1'
node_stop udhcpc client
udhcpd_bound=0
for i in 1 2 3 4 5 6 7 8 9 10; do
	forget udhcpc
	node_start udhcpc "again$i" udhcpc -q -n -f -i eth0 -s "$WORLD/udhcpc.sh" -t 5 -T 1
	wait_for 10 happened udhcpc bound 1 && udhcpd_bound=$((udhcpd_bound + 1))
	wait_for 5 eval "! node_alive udhcpc again$i"
done
is "udhcpc: bound ten times out of ten" "$udhcpd_bound" 10
check "nothing of it was dropped" test "$(reason udhcpc seal dhcp)" = 0

# ---- what nobody asked for ----------------------------------------------------------------------------

cat >"$WORLD/forge.py" <<'EOF'
import sys
from scapy.all import *
mac = sys.argv[1]
def offer(xid, sport=67, dport=68, chaddr=mac):
    return (Ether(dst=mac) / IP(src="192.0.2.1", dst="255.255.255.255") / UDP(sport=sport, dport=dport) /
            BOOTP(op=2, xid=xid, yiaddr="192.0.2.66", chaddr=bytes.fromhex(chaddr.replace(":", ""))) /
            DHCP(options=[("message-type", "offer"), ("server_id", "192.0.2.1"), "end"]))
sendp([offer(x) for x in range(1, 101)] + [offer(7, sport=6700), offer(7, chaddr="02:00:00:00:00:99")],
      iface="eth0", verbose=0)
sendp([Ether(dst=mac) / IPv6(src="fe80::1", dst=sys.argv[2]) / UDP(sport=547, dport=546) / DHCP6_Advertise(trid=x)
       for x in range(1, 101)], iface="eth0", verbose=0)
EOF
mac_of() { node_exec "$1" cat /sys/class/net/eth0/address; }
link_local() { node_exec "$1" ip -o -6 addr show dev eth0 scope link | sed -n 's/.* inet6 \(fe80[^/]*\).*/\1/p'; }
before=$(reason udhcpc seal pass_dhcp)
node_exec srv-udhcpc /usr/bin/python3 "$WORLD/forge.py" "$(mac_of udhcpc)" "$(link_local udhcpc)"
is "forged offers and advertisements: none came in" "$(reason udhcpc seal pass_dhcp)" "$before"
check "they were dropped, each of the right port" test "$(reason udhcpc seal dhcp)" -ge 201
node_exec srv-static /usr/bin/python3 "$WORLD/forge.py" "$(mac_of static)" "$(link_local static)"
is "where the underlay is static, none at all" "$(reason static seal pass_dhcp)" 0
check_fails "and no client gets out" node_exec static udhcpc -q -n -f -i eth0 -s /bin/true -t 1 -T 1
check "(dropped outwards)" test "$(reason static egress dhcp)" -gt 0

# ---- router advertisements ----------------------------------------------------------------------------

check "slaac: an address of the router's prefix" wait_for 20 eval 'node_exec slaac ip -o -6 addr show dev eth0 | grep -q "2001:db8::.*dynamic"'
check "it solicited, and was advertised to" test "$(reason slaac seal pass_ra)" -gt 0
check "static: advertisements are dropped" test "$(reason static seal ra)" -gt 0
check_fails "and give no address" eval 'node_exec static ip -o -6 addr show dev eth0 | grep -q "2001:db8::"'
check "seal check: a lease under a policy that drops it would lapse" eval \
	"node_exec udhcpc ip addr replace 192.0.2.77/24 dev eth0 valid_lft 60 preferred_lft 60; node_exec static ip addr replace 192.0.2.77/24 dev eth0 valid_lft 60 preferred_lft 60; ! node_exec static ppn seal check --json >$WORLD/said && jq -e 'any(.rows[]; .kind == \"address\" and .cut == \"refused\")' $WORLD/said >/dev/null"
check "and under one that lets it renew, not" eval "node_exec udhcpc ppn seal check --json | jq -e 'all(.rows[]; .kind != \"address\" or .cut == \"kept\" or .cut == \"untouched\")' >/dev/null"

# ---- DHCPv6: the renewal came meanwhile -----------------------------------------------------------------

check "DHCPv6: renewed at T1" wait_for 70 happened dhclient6 RENEW6 1
node_stop dhclient6 first KILL
bound=0
for i in 1 2 3 4 5 6 7 8 9 10; do
	forget dhclient6
	rm -f "$WORLD/dhclient6.leases"
	node_exec dhclient6 ip -6 addr flush dev eth0 scope global
	dhclient6 "again$i"
	wait_for 15 happened dhclient6 BOUND6 1 && bound=$((bound + 1))
	node_stop dhclient6 "again$i" KILL
done
is "DHCPv6: bound ten times out of ten" "$bound" 10
check "nothing of it was dropped" test "$(reason dhclient6 seal dhcp)" = 0
