# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# For run.sh: what a flood does to the service behind the seal, and to the CPU. The flood is the last CPU's, client
# and server the first's.

FLOOD_PPS=1000000
CPU_PPS=500000

# ---- one byte there and back ------------------------------------------------------------------

# One queue, or one a CPU, as a card with several spreads its flows: whoever sends from a CPU then sends into its queue.
service_add() { # QUEUES
	local cpu end
	node_add client
	node_add server
	ip link add near numrxqueues "$1" numtxqueues "$1" type veth peer name far numrxqueues "$1" numtxqueues "$1"
	_link_place near client:eth0
	_link_place far server:eth0
	for end in client server; do
		for ((cpu = 0; cpu < $1 && $1 > 1; cpu++)); do
			node_exec "$end" sh -c "printf %x $((1 << cpu)) >/sys/class/net/eth0/queues/tx-$cpu/xps_cpus"
		done
	done
	node_exec client ip addr add 192.0.2.1/24 dev eth0
	node_exec server peer.sh wire eth0
	node_start server rr rr 5001
	wait_for 5 grep -q serving "$(node_log server rr)"
}

service_del() {
	node_del client
	node_del server
}

# slice NAME idle|flood: transactions of one slice into $WORLD/rr/NAME-HOW, a line each
slice() {
	local log
	log=$(node_log client offer)
	node_exec server peer.sh on "$1" eth0
	node_exec client ping -c 1 -W 1 -q 192.0.2.2 >/dev/null 2>&1 || : # ARP; the seal answers no echo
	if [ "$2" = flood ]; then
		rm -f "$log"
		node_start client offer offer eth0 "$FLOOD_PPS" 3600
		wait_for 5 grep -q offering "$log"
	fi
	node_exec client rr 192.0.2.2 5001 "$SECONDS_EACH" >>"$WORLD/rr/$1-$2" || echo '{"tps": 0}' >>"$WORLD/rr/$1-$2"
	if [ "$2" = flood ]; then
		node_stop client offer
		tail -1 "$log" >>"$WORLD/rr/flood"
	fi
	node_exec server peer.sh off "$1" eth0
}

# rr_of NAME-HOW FIELD [min]: of its best slice; the others had CPU stolen from them
rr_of() { jq -s "map(.$2 // 0) | ${3:-max}" "$WORLD/rr/$1"; }

# 0 is a result: not one transaction came through.
rr_ratio() {
	awk -v a="$(rr_of "$1" tps)" -v b="$(rr_of none-idle tps)" 'BEGIN { if (b > 0) printf "%.2f\n", a / b }'
}

slices() { # QUEUES, and what is asked without a flood
	local i name
	rm -rf "$WORLD/rr"
	mkdir "$WORLD/rr"
	service_add "$1"
	for ((i = 0; i < SLICES; i++)); do
		for name in "${@:2}"; do slice "$name" idle; done
		for name in sealed xdp_filter_service nft_port none; do slice "$name" flood; done
	done
	service_del
}

bench_service() {
	slices "$(nproc)" none pass sealed nft_port
	row service_under_flood "$(rr_ratio sealed-flood)" ratio \
		"TCP_RR of a sealed service under $(rr_of flood mpps) Mpps / unloaded, no filter ($(rr_of none-idle tps) a second)"
	row service_under_flood_xdp_filter "$(rr_ratio xdp_filter_service-flood)" ratio 'the same behind xdp-filter'
	row service_under_flood_nft "$(rr_ratio nft_port-flood)" ratio 'the same behind nft input'
	row service_under_flood_none "$(rr_ratio none-flood)" ratio 'the same with no filter'
	row service_idle_vs_none "$(rr_ratio sealed-idle)" ratio 'sealed, no flood'
	row rr_p50_vs_empty_pass "$(ratio "$(rr_of sealed-idle p50_us min)" "$(rr_of pass-idle p50_us min)")" ratio \
		"TCP_RR, half of the transactions within $(rr_of sealed-idle p50_us min) us sealed; no flood"
	slices 1 none
	row service_under_flood_one_queue "$(rr_ratio sealed-flood)" ratio 'sealed, flood and service in one queue'
	row service_under_flood_one_queue_xdp_filter "$(rr_ratio xdp_filter_service-flood)" ratio 'the same behind xdp-filter'
	row service_under_flood_one_queue_nft "$(rr_ratio nft_port-flood)" ratio 'the same behind nft input'
	row service_under_flood_one_queue_none "$(rr_ratio none-flood)" ratio 'the same with no filter'
}

# ---- CPU --------------------------------------------------------------------------------------

# Nanoseconds of softirq a packet, over all slices.
softirq_ns() { jq -s 'map(select(.sent)) | (map(.softirq_s) | add) * 1e9 / (map(.sent) | add) | round' "$WORLD/cpu/$1"; }

bench_cpu() {
	local i name names=(drop seal nft_netdev none)
	mkdir -p "$WORLD/cpu"
	wire_add
	for ((i = 0; i < SLICES; i++)); do
		for name in "${names[@]}"; do
			node_exec wire peer.sh on "$name" right
			node_exec wire offer left "$CPU_PPS" "$SECONDS_EACH" | tail -1 >>"$WORLD/cpu/$name"
			node_exec wire peer.sh off "$name" right
		done
	done
	for name in "${names[@]}"; do
		row "softirq_ns_$name" "$(softirq_ns "$name")" ns \
			"softirq time a packet at $(jq -s 'map(.mpps) | min' "$WORLD/cpu/$name") Mpps offered or more"
	done
	row softirq_vs_empty "$(ratio "$(softirq_ns seal)" "$(softirq_ns drop)")" ratio 'seal over empty XDP_DROP, in 4 ms ticks'
	row softirq_vs_nft_netdev "$(ratio "$(softirq_ns seal)" "$(softirq_ns nft_netdev)")" ratio 'seal over nft netdev'
	node_del wire
}
