# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# For run.sh: what a packet costs, dropped or passed; contest.c has the rounds, peer.sh the contestants.

EVERY=$(((ROUNDS + FEW - 1) / FEW))

# One machine, both ends of a wire: `right` is flooded.
wire_add() {
	node_add wire
	node_exec wire ip link add left type veth peer name right
	node_exec wire ip link set left addrgenmode none up
	node_exec wire peer.sh wire right
}

# $SAID: what contest says. Not in a subshell: a failure ends the run.
contest_of() { # ROUNDS SOURCES VERB NAME...
	SAID=$(node_exec wire contest left right "$1" "$PACKETS" "$2" "$3" "${@:4}")
}

of() { jq -c --arg name "$1" ".contestants[\$name]$2" <<<"$SAID"; }

# ratio_row KEY NAME TEXT: ours over NAME, the median of the rounds' ratios; the other statistics beside it.
ratio_row() {
	local detail
	detail=$(of "$2" .ours_over)
	row "$1" "$(jq .median? <<<"$detail")" ratio "$3 ($(jq -r \
		'if . then "best/best \(.best), of medians \(.of_medians), CI95 \(.ci95[0]) to \(.ci95[1]), n \(.n)" else "no round counts" end' <<<"$detail"))"
	JSON=$(jq --arg key "$1" --argjson detail "$detail" '.detail[$key] = $detail' <<<"$JSON")
}

# rates_row KEY: the best round of each, and what was void.
rates_row() {
	row "$1" "$(jq -c '.contestants | map_values(.best_mpps)' <<<"$SAID")" Mpps \
		"best rounds; void: $(jq '[.contestants[].void] | add' <<<"$SAID"), dropped as slow: $(jq .slow <<<"$SAID")"
}

bench_decision() {
	local said id
	wire_add
	node_exec wire peer.sh on xdp_filter_udp right
	id=$(node_exec wire ip -j -d link show dev right | jq '.[0].xdp.prog.id')
	said=$(node_exec wire decision 21 "$((PACKETS * 2))" "$id")
	row seal_decision_over_floor_ns "$(jq .worst <<<"$said")" ns \
		"over $(jq .floor_ns <<<"$said") ns of an empty program, the worst of $(jq -c .over_floor_ns <<<"$said")"
	row xdp_filter_decision_over_floor_ns "$(jq .peer_worst <<<"$said")" ns \
		"xdp-filter -f udp: $(jq -c .peer_over_floor_ns <<<"$said")"
	node_del wire
}

bench_drop() {
	wire_add
	contest_of "$ROUNDS" 0 dropped drop seal xdp_filter \
		{xdp_filter_udp,nft_netdev,nft_raw,nft_ct,iptables_raw,tc,none}/"$EVERY"
	ratio_row seal_drop_vs_empty drop 'sealed drop rate / empty XDP_DROP'
	row seal_drop_best_vs_best "$(of drop .ours_over.best)" ratio 'the same, best round of each'
	row seal_drop_mpps "$(of seal .best_mpps)" Mpps "best round (empty: $(of drop .best_mpps))"
	ratio_row seal_drop_vs_xdp_filter xdp_filter 'xdp-filter, deny, -f udp,ipv4'
	ratio_row seal_drop_vs_xdp_filter_udp xdp_filter_udp 'xdp-filter, deny, -f udp'
	ratio_row seal_drop_vs_nft_netdev nft_netdev 'nft, netdev ingress, drop'
	ratio_row seal_drop_vs_nft_raw nft_raw 'nft, raw prerouting, drop'
	ratio_row seal_drop_vs_nft_ct nft_ct 'nft, input with conntrack, drop'
	ratio_row seal_drop_vs_iptables_raw iptables_raw "$(iptables -V), raw prerouting, DROP"
	ratio_row seal_drop_vs_tc tc 'tc clsact, BPF, shot'
	ratio_row seal_drop_vs_none none 'no filter, a closed port'
	rates_row drop_mpps
	node_del wire
}

bench_spoofed() {
	wire_add
	contest_of "$ROUNDS" 1000000 dropped drop seal xdp_filter/"$EVERY" nft_netdev/"$EVERY" nft_meter/"$EVERY"
	ratio_row spoofed_drop_vs_empty drop 'a million sources, empty XDP_DROP'
	ratio_row spoofed_drop_vs_xdp_filter xdp_filter 'xdp-filter, deny, -f udp,ipv4'
	ratio_row spoofed_drop_vs_nft_netdev nft_netdev 'nft, netdev ingress, drop'
	ratio_row spoofed_drop_vs_nft_meter nft_meter 'nft, netdev ingress, a limit by source'
	rates_row spoofed_mpps
	node_del wire
}

# flat_by KEY SETTING SOURCES TEXT POINT...: the seal over the empty program at each point of a setting.
flat_by() {
	local points=("${@:5}")
	contest_of "$FEW" "$3" dropped drop "${points[@]/#/seal:$2=}"
	row "$1" "$(jq -c '[.contestants | to_entries[] | select(.key != "drop") |
		[(.key | capture("=(?<n>[0-9]+)$").n | tonumber), .value.over_limit.median]]' <<<"$SAID")" ratio "$4"
}

bench_flat() {
	local sources line='[]'
	wire_add
	flat_by drop_flat_ports ports 0 'open ports, ratio to empty' 0 1 16 512 65535
	flat_by drop_flat_flows flows 1000000 'egress flows in the table, a million sources, ratio to empty' 0 1000 65536
	for sources in 1 100 10000 1000000; do
		contest_of "$FEW" "$sources" dropped drop seal
		line=$(jq -c --argjson n "$sources" --argjson r "$(of seal .over_limit.median)" '. + [[$n, $r]]' <<<"$line")
	done
	row drop_flat_sources "$line" ratio 'sources, ratio to empty'
	node_del wire
}

bench_pass() {
	wire_add
	contest_of "$ROUNDS" 0 passed pass seal {none,nft_port,xdp_filter_port}/"$EVERY"
	ratio_row pass_vs_empty_pass pass 'UDP to the open port, empty XDP_PASS'
	ratio_row pass_vs_nft_port nft_port 'nft input, the port accepted'
	ratio_row pass_vs_xdp_filter_port xdp_filter_port 'xdp-filter, deny, the port allowed'
	rates_row pass_mpps
	node_del wire
}
