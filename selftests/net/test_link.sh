#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# kernel/link by wgdrive, judged by ip -j, /proc/sys and where the kernel routes.
# tier: vm
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

FLEET=fd11:2233:4455::/48
OTHER=fd66:7788:99aa::/48
MINE=fd11:2233:4455:1:2:3:4:1
PEER=fd11:2233:4455:5:6:7:8:1

drive() { wgdrive link "$@"; }
# refuses ERRNO VERB ...: the call fails with that error and no other.
refuses() {
	local want=$1 out
	shift
	if out=$(drive "$@" 2>&1); then
		echo "not refused: $*"
		return 1
	fi
	same "link: $want" "$out"
}
# same WANTED GOT
same() {
	[ "$1" = "$2" ] && return 0
	printf 'wanted: %s\ngot:    %s\n' "$1" "$2"
	return 1
}

global6() {
	ip -j -6 address show dev "$1" scope global |
		jq -c '[.[].addr_info[] | select(.local) | [.local, .prefixlen]]'
}
rules() { ip -j -6 rule | jq -c '[.[] | select(.table == "8090") | [.priority, .dst, .dstlen]]'; }
routes() { ip -j -6 route show table 8090 | jq -c '[.[] | [.type // "unicast", .dst, .dev]] | sort'; }
is_up() { ip -j link show "$1" | jq -e '.[0].flags | index("UP")' >/dev/null; }
conf() { cat "/proc/sys/net/$1/conf/$2/$3"; }
set_conf() { echo "$4" >"/proc/sys/net/$1/conf/$2/$3"; }
index() { ip -j link show dev "$1" | jq '.[0].ifindex'; }
mtu() { ip -j link show dev "$1" | jq '.[0].mtu'; }
goes_to() { ip -j -6 route get "$1" 2>/dev/null | jq -r '.[0].dev'; }

mark() { ip link add "$1" type bridge && ip link del "$1"; }
told() { grep -q "$2" "$1"; }
began() { mark begin && told "$1" begin; }
# announced COMMAND...: what the kernel told about it; nothing, if nothing was changed.
announced() {
	local log pid err=0
	log=$(mktemp -p "$WORLD")
	stdbuf -oL ip -o monitor link address route rule >"$log" 2>&1 &
	pid=$!
	wait_for 5 began "$log" || return 1
	mark settle
	wait_for 5 told "$log" settle || return 1
	"$@" || err=1
	mark finish
	wait_for 5 told "$log" finish || return 1
	kill "$pid" && wait "$pid" 2>/dev/null
	sed '0,/settle/d; /finish/,$d' "$log" | grep -v settle
	return "$err"
}
changes_nothing() { same "" "$(announced "$@")"; }

info() {
	same "$(index one) one veth 1400 up 02:00:00:00:00:07" "$(drive info one)" &&
		[[ "$(drive info lo)" == "1 lo - 65536 "* ]] &&
		[[ "$(drive info ppn0)" == *" down "* ]] && refuses ENODEV info nosuch
}

up_and_mtu() {
	drive up ppn0 && is_up ppn0 && drive mtu ppn0 1300 && same 1300 "$(mtu ppn0)" &&
		changes_nothing drive up ppn0 && changes_nothing drive mtu ppn0 1300 &&
		drive down ppn0 && ! is_up ppn0 && changes_nothing drive down ppn0 &&
		drive mtu ppn0 1420 &&
		refuses ENODEV up nosuch && refuses ENODEV mtu nosuch 1300 &&
		refuses EINVAL mtu ppn0 4294967295
}

address_is_exact() {
	drive up ppn0 && ip address add fd00:9::9/64 dev ppn0 &&
		ip address add "${MINE%1}7/112" dev ppn0 &&
		ip address add 192.0.2.1/24 dev ppn0 && ip address add fe80::7/64 dev ppn0 || return 1
	drive address ppn0 "$MINE/112" && same "[[\"$MINE\",112]]" "$(global6 ppn0)" &&
		changes_nothing drive address ppn0 "$MINE/112" || return 1
	# Routes are the fleet table's alone; IPv4 and the link's own address are none of its business.
	same "" "$(ip -6 route show dev ppn0 table main | grep ^fd)" &&
		ip -4 address show dev ppn0 | grep -q 192.0.2.1 &&
		ip -6 address show dev ppn0 | grep -q fe80::7 &&
		ip address del 192.0.2.1/24 dev ppn0 || return 1
	# Another prefix length is another address; one with an end is none that stays.
	drive address ppn0 "$MINE/128" && same "[[\"$MINE\",128]]" "$(global6 ppn0)" || return 1
	ip -6 address flush dev ppn0 scope global &&
		ip address add "$MINE/112" dev ppn0 noprefixroute valid_lft 900 preferred_lft 900 &&
		drive address ppn0 "$MINE/112" &&
		ip -6 address show dev ppn0 scope global | grep -q 'valid_lft forever'
}

address_where_ipv6_is_off() {
	set_conf ipv6 default disable_ipv6 1 && ip link add trap type bridge &&
		same 1 "$(conf ipv6 trap disable_ipv6)" &&
		! ip address add fd00::1/128 dev trap 2>/dev/null || return 1
	drive address trap fd00::1/128 && same '[["fd00::1",128]]' "$(global6 trap)" &&
		same 1 "$(conf ipv6 default disable_ipv6)" || return 1
	set_conf ipv6 default disable_ipv6 0 && ip link del trap &&
		refuses ENODEV address nosuch fd00::1/128 &&
		refuses EINVAL address ppn0 fd00::1/129
}

read_only() {
	unshare -m sh -c 'mount --bind -o ro /proc/sys /proc/sys && exec wgdrive link "$@"' - "$@" 2>&1
}

# Nothing to write, nothing that fails.
proc_is_read_only() {
	set_conf ipv6 ppn0 disable_ipv6 1 &&
		same "link: EROFS" "$(read_only address ppn0 "$MINE/112")" &&
		drive address ppn0 "$MINE/112" && read_only address ppn0 "$MINE/112"
}

fleet_without_device() {
	drive fleet-gone && drive fleet - "$FLEET" && same '[[90,"fd11:2233:4455::",48]]' "$(rules)" &&
		same '[["unreachable","default","lo"]]' "$(routes)" &&
		changes_nothing drive fleet - "$FLEET" || return 1
	# Main would send it out, in clear, by default and by a more specific route.
	ip -6 route replace default via fe80::1 dev one &&
		ip -6 route replace "${PEER%:5:*}:5::/64" via fe80::1 dev one &&
		! ip -6 route get "$PEER" >/dev/null 2>&1 && same one "$(goes_to 2001:db8::1)"
}

fleet_on_the_device() {
	drive down ppn0 && refuses ENETDOWN fleet ppn0 "$FLEET" &&
		same '[["unreachable","default","lo"]]' "$(routes)" &&
		drive up ppn0 && drive fleet ppn0 "$FLEET" || return 1
	same '[["unicast","fd11:2233:4455::/48","ppn0"],["unreachable","default","lo"]]' "$(routes)" &&
		same '[[90,"fd11:2233:4455::",48]]' "$(rules)" &&
		changes_nothing drive fleet ppn0 "$FLEET" || return 1
	# The route in main is more specific and yet never asked.
	same ppn0 "$(goes_to "$PEER")" && same one "$(goes_to 2001:db8::1)" || return 1
	# A device that goes takes its route with it, and nothing else.
	ip link add other type bridge && drive up other && drive fleet other "$FLEET" &&
		same '[["unicast","fd11:2233:4455::/48","other"],["unreachable","default","lo"]]' "$(routes)" &&
		ip link del other && same '[["unreachable","default","lo"]]' "$(routes)" &&
		! ip -6 route get "$PEER" >/dev/null 2>&1
}

fleet_is_exact() {
	ip -6 route add fd77::/64 dev one table 8090 &&
		ip -6 route add blackhole fd78::/64 table 8090 &&
		ip -6 rule add to fd79::/64 lookup 8090 prio 77 && drive fleet ppn0 "$OTHER" || return 1
	same '[["unicast","fd66:7788:99aa::/48","ppn0"],["unreachable","default","lo"]]' "$(routes)" &&
		same '[[90,"fd66:7788:99aa::",48]]' "$(rules)" &&
		same one "$(goes_to "$PEER")" || return 1
	# Host bits of the prefix mean nothing.
	changes_nothing drive fleet ppn0 fd66:7788:99aa:1:2:3:4:5/48 || return 1
	drive fleet-gone && same '[]' "$(rules)" && same '[]' "$(routes)" &&
		changes_nothing drive fleet-gone &&
		ip -6 route show table main | grep -q '^default via fe80::1'
}

hardened() {
	local key
	for key in accept_ra accept_redirects; do set_conf ipv6 one "$key" 1; done
	set_conf ipv6 one accept_ra_rt_info_max_plen 64
	for key in accept_redirects accept_source_route; do set_conf ipv4 one "$key" 1 &&
		set_conf ipv4 two "$key" 1; done
	set_conf ipv4 all accept_redirects 1
	drive harden one slaac && same 1 "$(conf ipv6 one accept_ra)" || return 1
	for key in accept_ra_rt_info_max_plen accept_redirects accept_source_route; do
		same "$key 0" "$key $(conf ipv6 one "$key")" || return 1
	done
	for key in accept_redirects accept_source_route; do
		same "$key 0 1" "$key $(conf ipv4 one "$key") $(conf ipv4 two "$key")" || return 1
	done
	same 0 "$(conf ipv4 all accept_redirects)" || return 1
	for key in static dhcp link-local; do
		set_conf ipv6 one accept_ra 1 && drive harden one "$key" &&
			same "$key 0" "$key $(conf ipv6 one accept_ra)" || return 1
	done
	refuses ENODEV harden nosuch static
}

# A router that offers a more specific route to the fleet: taken before, not after.
rogue_router() {
	ip -6 route flush table main proto static && ip link set two up &&
		set_conf ipv6 one accept_ra_rt_info_max_plen 64
	set_conf ipv6 one accept_ra 2
	wait_for 5 no_tentative || return 1
	advertise && wait_for 5 routed_by_ra || return 1
	ip -6 route flush table main proto ra && drive harden one slaac && advertise &&
		! wait_for 1 routed_by_ra
}
no_tentative() { ! ip -6 address show tentative | grep -q .; }
routed_by_ra() { ip -6 route show table main proto ra | grep -q ^fd11; }
advertise() {
	/usr/bin/python3 - <<-'END'
		from scapy.all import *
		conf.verb = 0
		sendp(Ether(dst="33:33:00:00:00:01") / IPv6(src="fe80::bad", dst="ff02::1", hlim=255) / ICMPv6ND_RA(routerlifetime=0) /
		      ICMPv6NDOptRouteInfo(prefix="fd11:2233:4455:5::", plen=64, rtlifetime=900), iface="two")
	END
}

addresses_in_order() {
	ip -6 address flush dev one && ip address add fe80::5/64 dev one nodad &&
		ip address add 192.0.2.7/24 dev one &&
		ip address add 2001:db8::7/64 dev one nodad &&
		ip address add 169.254.3.4/16 dev one scope link || return 1
	same "$(printf '%s\n' ::ffff:192.0.2.7 2001:db8::7 ::ffff:169.254.3.4 fe80::5)" "$(drive addresses one 9)" &&
		same "$(printf '%s\n' ::ffff:192.0.2.7 2001:db8::7)" "$(drive addresses one 2)" &&
		same "" "$(drive addresses one 0)" || return 1
	# Not yet proved unique: nobody's.
	ip link set two up && wait_for 5 is_up two && set_conf ipv6 one dad_transmits 60 &&
		ip address add 2001:db8::8/64 dev one && ! drive addresses one 9 | grep -q 2001:db8::8
}

watch_start() {
	log=$WORLD/watch.log
	: >"$log"
	drive watch >>"$log" &
	watcher=$!
	wait_for 5 seen watching
}
watch_forget() { mark fence && wait_for 5 settled && : >"$log"; }
# Nothing more comes: what the last device made has been told.
settled() { seen gone; }
seen() { grep -q "$1" "$log"; }

watch_devices() {
	ip link add late type bridge && late=$(index late) && wait_for 5 seen "^$late changed" &&
		ip link del late &&
		wait_for 5 seen "^$late gone" || return 1
	ip address add 192.0.2.77/32 dev one && wait_for 5 seen "^$(index one) changed"
}

# Leaving a bridge is no end; leaving the namespace is one.
watch_bridge_and_move() {
	ip link add bridge type bridge && ip link set one master bridge &&
		ip link set one nomaster && ip link del bridge &&
		ip link add mover type veth peer name stays && mover=$(index mover) &&
		ip netns add away && ip link set mover netns away &&
		wait_for 5 seen "^$mover gone" && ! seen "^$(index one) gone" && ip netns del away
}

# A routing daemon's thousand routes wake nobody; whoever takes the fleet's does.
watch_routes() {
	drive fleet - "$FLEET" && watch_forget || return 1
	seq -f 'route add 2001:db8:1:%g::/64 dev one' 1 1000 | ip -6 -batch - &&
		ip -6 route flush root 2001:db8:1::/48 &&
		ip -6 route add fd55::/64 dev one && ip -6 route del fd55::/64 || return 1
	same "" "$(cat "$log")" && ip -6 rule del priority 90 && wait_for 5 seen "^0 changed" &&
		watch_forget &&
		ip -6 route flush table 8090 && wait_for 5 seen "^0 changed" && drive fleet-gone &&
		kill "$watcher"
}

ip link add one type veth peer name two
ip link set one address 02:00:00:00:00:07 mtu 1400 up
wgdrive wg any ppn0 open

check "info agrees with ip" info
check "up, down and MTU, nothing told twice" up_and_mtu
check "the address is the only one" address_is_exact
check "an address where disable_ipv6 is the default" address_where_ipv6_is_off
check "a read-only /proc/sys is an error only where something must change" proc_is_read_only
check "fleet prefix unreachable without a device, whatever main has" fleet_without_device
check "fleet prefix on its device ahead of main" fleet_on_the_device
check "rule and table hold nothing else, and go" fleet_is_exact
check "sysctls hardened" hardened
check "a rogue router's route to the fleet is taken before hardening, not after" rogue_router
check "addresses: usable ones, global first" addresses_in_order
check "watch begins" watch_start
check "watch: devices and addresses" watch_devices
check "watch: a bridge left is no device gone, a namespace left is" watch_bridge_and_move
check "watch: silent about routes of others, loud about the fleet's" watch_routes
