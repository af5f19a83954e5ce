# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck disable=SC2317 # called through wait_for
#
# For run.sh: how soon a seal is on, on again, and changed.

configure() { # NODE
	mkdir -p "$(node_dir "$1")/etc"
	printf '[node]\nposture = onprem\nexternal = eth0\nbeacon_window = 1\n[underlay]\neth0 = static\n' \
		>"$(node_dir "$1")/etc/ppnd.conf"
}

ppnd_of() { echo "ppnd --config $(node_dir "$1")/etc/ppnd.conf --state-dir $(node_dir "$1")/state"; }

# ---- on ---------------------------------------------------------------------------------------

# ours_once: milliseconds from exec of ppnd to the pin of the link, on a first boot.
ours_once() {
	# shellcheck disable=SC2046 # words of a command
	node_exec starter sealed "$PPN_PINS/links/$IFINDEX" $(ppnd_of starter) 2>>"$(node_log starter ppnd)"
	node_exec starter ppn unseal --yes >/dev/null 2>&1 || :
	node_reboot starter
	rm -rf "$(node_dir starter)/state"
}

# peer_once NAME COMMAND...: from its exec to its end
peer_once() {
	node_exec starter sealed - "${@:2}" >>"$WORLD/start/$1"
	node_exec starter peer.sh off "$1" eth0
}

NFT_RULES='table netdev bench { chain in { type filter hook ingress device eth0 priority -500; counter drop; }; }'

bench_start() {
	local i
	mkdir -p "$WORLD/start"
	node_add starter
	net_link starter:eth0 wire0
	configure starter
	IFINDEX=$(node_exec starter cat /sys/class/net/eth0/ifindex)
	for ((i = 0; i < STARTS; i++)); do
		ours_once >>"$WORLD/start/ours"
		peer_once drop hold on drop eth0
		peer_once xdp_filter xdp-filter load -m native -p deny -f udp,ipv4 eth0
		peer_once nft_netdev nft "$NFT_RULES"
	done
	row exec_to_sealed_ms "$(median <"$WORLD/start/ours")" ms "exec of ppnd to the pinned XDP link, median of $STARTS first boots"
	row bare_link_ms "$(median <"$WORLD/start/drop")" ms 'exec to the end of a program that links an empty one'
	row xdp_filter_load_ms "$(median <"$WORLD/start/xdp_filter")" ms 'xdp-filter load'
	row nft_load_ms "$(median <"$WORLD/start/nft_netdev")" ms 'nft, one chain of one rule'
	node_del starter
}

# ---- on again -----------------------------------------------------------------------------------

# What the stack has delivered: IPv4 to anything, UDP of IPv6.
delivered() { # NODE
	node_exec "$1" awk '
		/^Ip:/ { n = split($0, f); if (f[2] ~ /^[0-9]/) total += f[10] }
		/^Udp6(InDatagrams|NoPorts|InErrors)/ { total += $2 }
		END { print total + 0 }' /proc/net/snmp /proc/net/snmp6
}
grows() { [ "$(delivered "$1")" -gt "$2" ]; } # NODE BEFORE

# Up and addressed at once: what is not dropped is delivered.
RECREATE='ip link del eth0
ip link add eth0 type veth peer name up0 netns 1
nsenter -t 1 -n ip link set up0 master wire0 up
ip addr add 192.0.2.2/24 dev eth0
ip link set eth0 up'

bench_reseal() {
	local said before
	node_add stranger
	node_add phoenix
	net_link stranger:eth0 wire0
	net_link phoenix:eth0 wire0
	node_exec phoenix sh -ec "$RECREATE"
	node_start stranger flood "$PPN_BUILD/selftests/net/flood" eth0 192.0.2.2
	before=$(delivered phoenix)
	wait_for 5 grows phoenix "$((before + 1000))" # it does arrive where nothing is sealed
	configure phoenix
	# shellcheck disable=SC2046 # words of a command
	node_start phoenix ppnd $(ppnd_of phoenix)
	wait_for 20 node_exec phoenix ppn wait holding --timeout 1
	before=$(delivered phoenix)
	said=$(node_exec phoenix reseal eth0 "$RESEALS" "$RECREATE")
	row reseal_p50_ms "$(jq .p50_ms <<<"$said")" ms "RTM_NEWLINK of a recreated device to XDP on it, under a flood, $RESEALS times"
	row reseal_p99_ms "$(jq .p99_ms <<<"$said")" ms "the same (longest: $(jq .max_ms <<<"$said"))"
	row reseal_leaked "$(($(delivered phoenix) - before))" packets 'that the stack was given meanwhile'
	node_del phoenix
	node_del stranger
}

# ---- changed ------------------------------------------------------------------------------------

bench_flips() {
	local said
	wire_add
	said=$(node_exec wire flips left right "$FLIPS")
	row policy_change_us "$(jq .median_us <<<"$said")" us \
		"a whole policy under $(jq .mpps <<<"$said") Mpps, median of $FLIPS (p99 $(jq .p99_us <<<"$said"))"
	row policy_wait_ms "$(jq .wait_ms <<<"$said")" ms 'grace period before a second change within a second'
	row policy_mixed "$(jq .mixed <<<"$said")" packets "judged by half of a policy, of $(jq .sent <<<"$said")"
	row policy_unseen "$(jq '.sent - .seen' <<<"$said")" packets 'that the seal did not count'
	node_del wire
}
