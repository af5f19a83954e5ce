# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck disable=SC2317 # called through wait_for
#
# For run.sh: a claim against bare WireGuard on the same wire, a command, and what a bound ppnd weighs.

DESK=$(node_dir desk)
PEERS=100

admin() { node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"; }
state_is() { [ "$(node_exec "$1" ppn status --json | jq -r .state)" = "$2" ]; }

start_seat() {
	node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
	wait_for 5 node_exec desk test -S /run/ppn/ppn-admin.sock
	admin unlock --passphrase-file "$DESK/passphrase"
}

make_desk() {
	node_add desk
	net_link desk:eth0 wire0
	node_exec desk ip addr add 10.9.0.1/24 dev eth0
	echo bench >"$DESK/passphrase"
	chmod 600 "$DESK/passphrase"
	printf '[mesh]\nendpoint = 10.9.0.1\n' >"$DESK/ppn-admin.conf"
	admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
	admin invite --count 1000 >"$DESK/invite"
	chmod 600 "$DESK/invite"
	start_seat
	FLEET=$(admin status --json | jq -r .fleet)
}

# Not in a subshell: the node must stay known to this one.
make_node() { # NODE NUMBER
	node_add "$1"
	net_link "$1:eth0" wire0
	node_exec "$1" ip addr add "10.9.0.$2/24" dev eth0
	configure "$1"
	install -m 600 "$DESK/invite" "$(node_dir "$1")/etc/invite"
	# shellcheck disable=SC2046
	node_start "$1" ppnd $(ppnd_of "$1")
}

# A change of the seal's policy within a second of the last one waits for the kernel (user/kernel/README.md);
# a node that is claimed has waited longer than that.
held() { node_exec "$1" ppn status --json | jq -e '.state == "holding" and .since_s >= 2'; }

# $TOOK: milliseconds from the claim's SYN on the wire to the first echo over the mesh.
claim_once() { # NODE NUMBER
	local node=$1 alone log
	wait_for 20 held "$node"
	alone=$(node_exec "$node" ppn status --json | jq -r .mesh.address)
	log=$(node_log desk "ping-$node")
	node_start desk "ping-$node" first_ping "$alone" 10000 eth0 9443 "${FLEET%/*}"
	wait_for 5 grep -q ready "$log"
	admin claim "10.9.0.$2" >&2
	wait_for 10 grep -qE '^[0-9]+$' "$log"
	TOOK=$(hundredths 0 "$(tail -1 "$log")")
}

wg_keys() { # NODE: its public key; the private one in NODE/key
	wg genkey | tee "$(node_dir "$1")/key" | wg pubkey
}

make_bare() { # NODE ADDRESS MESH
	node_add "$1"
	net_link "$1:eth0" wire0
	node_exec "$1" ip addr add "$2/24" dev eth0
	if have_wireguard; then node_exec "$1" ip link add wg0 type wireguard; else
		node_start "$1" wg wireguard-go -f wg0
		wait_for 5 node_exec "$1" wg show wg0
	fi
	node_exec "$1" wg set wg0 private-key "$(node_dir "$1")/key" listen-port 51820
	node_exec "$1" ip addr add "$3/64" dev wg0 nodad
	node_exec "$1" ip link set wg0 up
}

bare_once() { # PUBLIC-KEY-A PUBLIC-KEY-B
	local start end
	node_exec bare1 wg set wg0 peer "$2" remove
	node_exec bare2 wg set wg0 peer "$1" remove
	start=$(now_ns)
	node_exec bare2 wg set wg0 peer "$1" allowed-ips fd99::1/128 endpoint 10.9.0.201:51820
	node_exec bare1 wg set wg0 peer "$2" allowed-ips fd99::2/128 endpoint 10.9.0.202:51820
	end=$(node_exec bare1 first_ping fd99::2 5000)
	TOOK=$(hundredths "$start" "$end")
}

bench_claim() {
	local i a b claimed='' bare=''
	make_desk
	mkdir -p "$(node_dir bare1)" "$(node_dir bare2)"
	a=$(wg_keys bare1)
	b=$(wg_keys bare2)
	make_bare bare1 10.9.0.201 fd99::1
	make_bare bare2 10.9.0.202 fd99::2
	for ((i = 0; i < CLAIMS; i++)); do make_node "node$i" $((10 + i)); done
	for ((i = 0; i < CLAIMS; i++)); do
		bare_once "$a" "$b"
		bare+=$TOOK$'\n'
		claim_once "node$i" $((10 + i)) 2>>"$WORLD/claims.log"
		claimed+=$TOOK$'\n'
	done
	claimed=$(grep . <<<"$claimed" | median)
	bare=$(grep . <<<"$bare" | median)
	row claim_ms "$claimed" ms "the claim's SYN to the first echo over the mesh, median of $CLAIMS nodes"
	row bare_wg_ms "$bare" ms "two \`wg set\` to the first echo, same wire, median of $CLAIMS"
	row claim_vs_bare_wg "$(ratio "$claimed" "$bare")" ratio 'the former over the latter'
}

# ---- command ------------------------------------------------------------------------------

bench_send() {
	local i name figures=''
	name=$(admin roster show --json | jq -r '[.rows[] | select(.runs_node)][0].name')
	for ((i = 0; i < SENDS; i++)); do
		figures+=$(admin send "$([ $((i % 2)) -eq 0 ] && echo isolate || echo release)" "$name" --json | jq .ms)$'\n'
	done
	admin send release "$name" >/dev/null
	row send_to_acted_ms "$(grep . <<<"$figures" | median)" ms "frame sent to telemetry that it acted (kernel), median of $SENDS"
}

# ---- memory ---------------------------------------------------------------------------------

# FIELD in MB, of smaps_rollup.
memory_mb() { awk -v field="$2:" '$1 == field { printf "%.2f\n", $2 / 1024 }' "/proc/$1/smaps_rollup"; }

pss_row() { # KEY PID TEXT
	row "$1" "$(memory_mb "$2" Pss)" MB "$3 (Rss $(memory_mb "$2" Rss): were no library shared at all)"
}

# What several processes map is divided among them: none of ours may run beside the measured one.
only_node0() {
	local i
	node_stop desk service
	for ((i = 1; i < CLAIMS; i++)); do
		if node_alive "node$i" ppnd; then node_stop "node$i" ppnd; fi
	done
}

has_peers() { # NODE COUNT
	[ "$(node_exec "$1" ppn status --json | jq .mesh.peers)" -ge "$2" ] &&
		[ "$(node_exec "$1" wg show ppn0 peers | wc -l)" -ge "$2" ]
}

# The seat's own state gets members that nobody runs; the claim of one more node makes and pushes the roster
# that names them all, to node0 among the first.
bench_memory() {
	local worker
	only_node0
	worker=$(pgrep -P "$(node_pid node0 ppnd)" ppnd-claim)
	pss_row ppnd_pss_mb "$(node_pid node0 ppnd)" 'ppnd alone, bound, idle'
	pss_row worker_pss_mb "$worker" 'its claim worker'
	crowd "$DESK/state" "$DESK/passphrase" $((PEERS - CLAIMS - 1))
	start_seat
	make_node late 99
	wait_for 20 held late
	node_start desk late ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" claim 10.9.0.99
	wait_for 60 has_peers node0 "$PEERS"
	node_stop late ppnd
	only_node0
	pss_row "ppnd_pss_${PEERS}_peers_mb" "$(node_pid node0 ppnd)" \
		"ppnd, $(node_exec node0 wg show ppn0 peers | wc -l) peers"
}
