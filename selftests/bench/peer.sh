#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The contestants, one set-up each: ours, the empty programs that are the limit, and what people use today.
#
#     peer.sh wire DEVICE              what a receiving device needs so that all of them get the packets
#     peer.sh on NAME DEVICE           off NAME DEVICE
#     peer.sh dropped NAME DEVICE      its own count of what it dropped
#     peer.sh passed NAME DEVICE       what the UDP sockets behind it were given, taken or not
#
# Peers get the least that does the same: one rule, or one program. NAME_PORT ones let the service's port in.
# shellcheck disable=SC2317 # called by name
set -euo pipefail

PORT=5001

# ---- nftables -------------------------------------------------------------------------------

nft_on() { nft "table $1 bench { chain in { type filter hook $2; $3; }; }"; }
nft_off() { nft delete table "$1" bench; }
nft_dropped() { nft -j list table "$1" bench | jq '[.nftables[].rule.expr[]?.counter.packets // empty] | add'; }

on_nft_netdev() { nft_on netdev "ingress device $DEVICE priority -500" 'counter drop'; }
off_nft_netdev() { nft_off netdev; }
dropped_nft_netdev() { nft_dropped netdev; }

on_nft_raw() { nft_on ip 'prerouting priority raw' 'counter drop'; }
off_nft_raw() { nft_off ip; }
dropped_nft_raw() { nft_dropped ip; }

on_nft_ct() { nft_on ip 'input priority filter' 'ct state established,related accept; counter drop'; }
off_nft_ct() { nft_off ip; }
dropped_nft_ct() { nft_dropped ip; }

# A limit by source, as it is written against floods; here both rules drop.
on_nft_meter() {
	nft "table netdev bench {
		set sources { type ipv4_addr; size 65536; flags dynamic, timeout; timeout 10s; }
		chain in {
			type filter hook ingress device $DEVICE priority -500
			update @sources { ip saddr limit rate over 10/second } counter drop
			counter drop
		}
	}"
}
off_nft_meter() { nft_off netdev; }
dropped_nft_meter() { nft_dropped netdev; }

on_nft_port() {
	nft_on ip 'input priority filter' "meta l4proto { tcp, udp } th dport $PORT accept; counter drop"
}
off_nft_port() { nft_off ip; }

# ---- iptables, tc ----------------------------------------------------------------------------

on_iptables_raw() { iptables -w -t raw -A PREROUTING -i "$DEVICE" -j DROP; }
off_iptables_raw() { iptables -w -t raw -F PREROUTING; }
dropped_iptables_raw() { iptables -w -t raw -nvxL PREROUTING | awk '$3 == "DROP" { print $1 }'; }

# return TC_ACT_SHOT
on_tc() {
	tc qdisc add dev "$DEVICE" clsact
	tc filter add dev "$DEVICE" ingress bpf direct-action bytecode '1,6 0 0 2'
}
off_tc() { tc qdisc del dev "$DEVICE" clsact; }
dropped_tc() { tc -s -j qdisc show dev "$DEVICE" | jq '.[] | select(.kind == "clsact").drops'; }

# ---- XDP -------------------------------------------------------------------------------------

on_xdp_filter() { xdp-filter load -m native -p deny -f udp,ipv4 "$DEVICE"; }
off_xdp_filter() { xdp-filter unload "$DEVICE"; }
# Its smallest program: ports of UDP, no addresses.
on_xdp_filter_udp() { xdp-filter load -m native -p deny -f udp "$DEVICE"; }
off_xdp_filter_udp() { off_xdp_filter; }
on_xdp_filter_port() { on_xdp_filter && xdp-filter port -m dst -p udp "$PORT"; }
off_xdp_filter_port() { off_xdp_filter; }
on_xdp_filter_service() { xdp-filter load -m native -p deny -f tcp,udp "$DEVICE" && xdp-filter port -m dst -p tcp "$PORT"; }
off_xdp_filter_service() { off_xdp_filter; }

# The driver's count, the same for every program.
dropped_xdp() { ethtool -S "$DEVICE" | awk '/rx_queue_.*_xdp_drops:/ { n += $2 } END { print n }'; }

# ---- nobody ----------------------------------------------------------------------------------

on_none() { :; }
off_none() { :; }
dropped_none() { udp NoPorts; }

udp() { # COLUMN...: their sum
	awk -v wanted=" $* " '/^Udp:/ && !n { n = split($0, name); next }
		/^Udp:/ { for (i = 2; i <= n; i++) if (index(wanted, " " name[i] " ")) sum += $i; print sum + 0; exit }' /proc/net/snmp
}
passed() { udp InDatagrams InErrors; }

# NAPI without an XDP program, an address; nothing that sends by itself or checks sources.
wire() {
	ip link set "$1" addrgenmode none address 02:00:00:00:00:02 up
	ethtool -K "$1" gro on
	ip addr add 192.0.2.2/24 dev "$1"
	sysctl -qw net.ipv4.conf.all.rp_filter=0 "net.ipv4.conf.$1.rp_filter=0"
}

main() {
	local verb=$1 name=${2//-/_}
	DEVICE=${3:-}
	case $verb:$name in
	wire:*) wire "$2" ;;
	passed:*) passed ;;
	dropped:drop | dropped:seal* | dropped:xdp_filter*) dropped_xdp ;;
	o*:drop | o*:pass | o*:seal*) hold "$verb" "$2" "$DEVICE" ;;
	*) "${verb}_$name" ;;
	esac
}

main "$@"
