#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The whole story on real packets, in namespaces of its own (selftests/net/lib.sh):
#
#   desk ----+                     bravo  (leased)
#   mallory -+--[office]--- core --+
#   stray ---+   |                 +
#              alpha (on-prem)     cirrus (cloud)
#
# desk is the administrator; mallory an attacker in the office; stray holds authority.pub but no invite. Every
# step says what real tools see. Exit 0 only if every step held.
# shellcheck disable=SC2317 # the steps are called through step()
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../selftests/net/lib.sh"
demo_world "$@"

NODES='alpha bravo cirrus'
declare -A ADDRESS=([alpha]=10.1.0.11 [bravo]=10.2.0.10 [cirrus]=198.51.100.10)
declare -A LABEL=() MESH=()
DESK=$(node_dir desk)
STEPS=() RESULTS=() TIMES=()
FAILED=0

# ---- how it reads -------------------------------------------------------------------------

bold() { if [ -t 1 ]; then printf '\033[1m%s\033[0m\n' "$*"; else printf '%s\n' "$*"; fi; }
indent() { sed 's/^/    /'; }

# show NODE COMMAND...: prints the command and what it says; its exit code.
show() {
	local node=$1 rc=0
	shift
	printf '  %s$ %s\n' "$node" "$*"
	node_exec "$node" "$@" 2>&1 | indent || rc=$?
	return "$rc"
}

milliseconds() { echo $(($(date +%s%N) / 1000000)); }

# step TITLE FUNCTION: one step of the story, timed.
step() {
	local start end
	start=$(milliseconds)
	echo
	bold "$((${#STEPS[@]} + 1)). $1"
	STEPS+=("$1")
	if "$2"; then RESULTS+=(held); else
		RESULTS+=(FAILED)
		FAILED=1
	fi
	end=$(milliseconds)
	TIMES+=($((end - start)))
	if [ "$FAILED" = 1 ]; then
		bold "   this step did not hold; what the programs said:"
		_show_logs | indent
		finish
	fi
}

finish() {
	local i
	echo
	printf '%-4s %-70s %-7s %8s\n' '' STEP RESULT SECONDS
	for i in "${!STEPS[@]}"; do
		printf '%-4s %-70s %-7s %8s\n' "$((i + 1))" "${STEPS[$i]}" "${RESULTS[$i]}" \
			"$((TIMES[i] / 1000)).$(printf '%03d' $((TIMES[i] % 1000)))"
	done
	exit "$FAILED"
}

# ---- the world ----------------------------------------------------------------------------

address() { # NODE DEVICE ADDRESS/LEN [GATEWAY]
	node_exec "$1" ip addr add "$3" dev "$2"
	[ -z "${4:-}" ] || node_exec "$1" ip route add default via "$4"
}

# What an operator writes on a node: posture and external interface; the invite lies beside it.
configure() { # NODE POSTURE
	local etc
	etc=$(node_dir "$1")/etc
	mkdir -p "$etc"
	printf '[node]\nposture = %s\nexternal = eth0\n[underlay]\neth0 = static\n' "$2" >"$etc/ppnd.conf"
}

build_world() {
	local node
	net_bridge office
	for node in core desk mallory stray $NODES; do node_add "$node"; done
	node_router core
	net_link core:eth0 office
	net_link core:eth1 bravo:eth0
	net_link core:eth2 cirrus:eth0
	for node in alpha desk mallory stray; do net_link "$node:eth0" office; done
	address core eth0 10.1.0.1/24
	address core eth1 10.2.0.1/24
	address core eth2 198.51.100.1/24
	address alpha eth0 10.1.0.11/24 10.1.0.1
	address desk eth0 10.1.0.5/24 10.1.0.1
	address mallory eth0 10.1.0.66/24 10.1.0.1
	address stray eth0 10.1.0.12/24 10.1.0.1
	address bravo eth0 10.2.0.10/24 10.2.0.1
	address cirrus eth0 198.51.100.10/24 198.51.100.1
	configure alpha onprem
	configure stray onprem
	configure bravo leased
	configure cirrus cloud
	wait_for 5 node_exec desk ping -c1 -W1 -q 198.51.100.10
	echo "  office 10.1.0.0/24 (desk, mallory, stray, alpha), bravo 10.2.0.10, cirrus 198.51.100.10, a router between"
}

admin() { node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"; }
show_admin() {
	local rc=0
	printf '  desk$ ppn-admin %s\n' "$*"
	admin "$@" 2>&1 | indent || rc=$?
	return "$rc"
}

make_fleet() {
	printf 'correct horse battery staple\n' >"$DESK/passphrase"
	chmod 600 "$DESK/passphrase"
	printf '[beacon]\ninterfaces = eth0\n[mesh]\nendpoint = 10.1.0.5\n' >"$DESK/ppn-admin.conf"
	# the paper keys are not for a screen that others watch
	show_admin init --name desk --passphrase-file "$DESK/passphrase" | sed '/^ *Write these/,$d' || return 1
	admin invite --count 3 --days 30 >"$DESK/invite" || return 1
	chmod 600 "$DESK/invite"
	echo "  desk\$ ppn-admin invite --count 3 --days 30 > invite     # copied to alpha, bravo, cirrus; authority.pub alone to stray"
	install -m 600 "$DESK/invite" "$(node_dir alpha)/etc/invite"
	install -m 600 "$DESK/invite" "$(node_dir bravo)/etc/invite"
	node_exec cirrus install -m 600 "$DESK/invite" /run/invite # a tmpfs: nothing of it on a disk
	install -m 644 "$DESK/state/authority.pub" "$(node_dir stray)/etc/authority.pub"
}

# ---- what a stranger sees -----------------------------------------------------------------

NMAP='nmap -n -Pn -sS -T4'
EVERY='-p- --min-rate 20000 --max-retries 1' # of a sealed host, where each silent port costs a wait

# scan OPTIONS TARGET: open TCP ports, one a line
scan() {
	# shellcheck disable=SC2086 # words of a command
	node_exec mallory $NMAP $1 "$2" 2>/dev/null | sed -n 's/^\([0-9]*\)\/tcp *open .*/\1/p'
}

# print_scan OPTIONS TARGET PORTS
print_scan() {
	printf '  mallory$ %s %s %s\n' "$NMAP" "$1" "$2"
	shift
	if [ -n "$2" ]; then tr ' ' '\n' <<<"$2" | sed 's,$,/tcp open,' | indent; else echo '65535 filtered tcp ports' | indent; fi
}

scan_before() {
	local port ports
	for port in 22 80 5432; do node_start bravo "service-$port" nc -lk "$port"; done
	wait_for 5 node_exec mallory nc -z -w1 10.2.0.10 5432 || return 1
	ports=$(scan -p- 10.2.0.10 | paste -sd' ')
	print_scan -p- 10.2.0.10 "$ports"
	[ "$ports" = '22 80 5432' ]
}

scan_holding() {
	local ports
	ports=$(scan "$EVERY" 10.2.0.10 | paste -sd' ')
	print_scan "$EVERY" 10.2.0.10 "$ports"
	[ "$ports" = 9443 ] || [ -z "$ports" ] || return 1
	# at such a rate one answer may be lost: asked again, alone
	ports=$(scan '-p 22,80,5432,9443' 10.2.0.10 | paste -sd' ')
	print_scan '-p 22,80,5432,9443' 10.2.0.10 "$ports"
	[ "$ports" = 9443 ]
}

# ---- the nodes ----------------------------------------------------------------------------

# ppn NODE VERB...; the state directory is for `ledger`, which reads files
ppn_on() {
	local node=$1
	shift
	node_exec "$node" ppn --state-dir "$(node_dir "$node")/state" "$@"
}
show_ppn() {
	local node=$1 rc=0
	shift
	printf '  %s$ ppn %s\n' "$node" "$*"
	ppn_on "$node" "$@" 2>&1 | indent || rc=$?
	return "$rc"
}

status_of() { ppn_on "$1" status --json | jq -r "$2"; }

start_node() { # NODE [OPTION...]
	local node=$1 dir
	dir=$(node_dir "$node")
	shift
	node_start "$node" ppnd ppnd --config "$dir/etc/ppnd.conf" --state-dir "$dir/state" "$@"
}

# The five steps of genesis, each with the line of ppnd's log that shows it.
story() { # NODE
	sed -nE -e 's/^ppnd: (.* is sealed .*)/1 blind boot      \1/p' \
		-e 's/^ppnd: (blind -> scanning.*)/2 scan            \1/p' \
		-e 's/^ppnd: (.* network of one)$/3 genesis fork    \1/p' \
		-e 's/^ppnd: (scanning -> holding.*)/4 holding pattern \1/p' \
		-e 's/^ppnd: (holding -> bound.*)/5 claim           \1/p' "$(node_log "$1" ppnd)" | indent
}

boot_nodes() {
	local node
	start_node alpha
	start_node bravo
	start_node cirrus --invite /run/invite
	start_node stray
	for node in $NODES stray; do
		ppn_on "$node" wait holding --timeout 20 >/dev/null || return 1
		LABEL[$node]=$(status_of "$node" .node)
		echo "  $node (${LABEL[$node]}), as it happened:"
		story "$node"
	done
	show_ppn alpha status
	show bravo bpftool net show dev eth0
}

start_authority() {
	node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
	wait_for 5 node_exec desk test -S /run/ppn/ppn-admin.sock || return 1
	show_admin unlock --passphrase-file "$DESK/passphrase" || return 1
	wait_for 10 sees_both || return 1
	show_admin nodes
}

sees_both() {
	admin nodes --json | jq -e '[.rows[] | select(.known_as == "invited" or .known_as == "stranger")] | length == 2'
}

claim_office() {
	show_admin claim --all || return 1
	ppn_on alpha wait bound --timeout 10 >/dev/null || return 1
	echo "  alpha, as it happened:"
	story alpha
	[ "$(status_of stray .state)" = holding ] || return 1
	echo "  stray ($(status_of stray .node)) stays $(status_of stray .state): no invite"
}

claim_routed() {
	local node
	for node in bravo cirrus; do
		show_admin claim "${ADDRESS[$node]}" --name "$node" || return 1
		ppn_on "$node" wait bound --timeout 10 >/dev/null || return 1
		story "$node" | tail -n1
	done
	show_admin roster show || return 1
	show_ppn bravo status
}

# ---- the mesh -----------------------------------------------------------------------------

pings() { # FROM TO-ADDRESS
	node_exec "$1" ping -6 -n -c1 -W1 -q "$2" >/dev/null 2>&1
}

mesh_pings() {
	local from to
	MESH[desk]=$(admin roster show --json | jq -r '.rows[] | select(.runs_seat) | .address')
	for to in $NODES; do MESH[$to]=$(status_of "$to" .mesh.address); done
	capture_start core eth0 office
	capture_start core eth1 leased
	capture_start core eth2 cloud
	capture_start alpha eth0 link
	for from in desk $NODES; do
		for to in desk $NODES; do
			[ "$from" != "$to" ] || continue
			wait_for 10 pings "$from" "${MESH[$to]}" || return 1
		done
		echo "  $from$ ping -6: every other member answers over ppn0"
	done
	show alpha wg show ppn0 endpoints
}

# Between members' machines: WireGuard; beside it neighbour discovery, MLD and the beacon.
only_wireguard() {
	local where=$1 label=$2 others total
	local allowed='udp port 51820 or udp port 9442 or icmp6[0] == 133 or icmp6[0] == 134 or icmp6[0] == 135 or icmp6[0] == 136'
	total=$(capture_count "$where" "$label")
	others=$(capture_show "$where" "$label" "(ip or ip6) and not ($allowed) and not (ip6 proto 0)")
	printf '  %s %-7s %5s packets captured, %s of them IP and not WireGuard, ND, MLD or beacon\n' "$where" "$label" \
		"$total" "$(printf '%s' "$others" | grep -c . || :)"
	[ -z "$others" ] || printf '%s\n' "$others" | head -5 | indent
	[ "$total" -gt 0 ] && [ -z "$others" ]
}

wire_check() {
	local label
	for label in office leased cloud; do capture_stop core "$label"; done
	capture_stop alpha link
	printf '  core$ tcpdump -r leased.pcap\n'
	capture_show core leased | head -3 | cut -c1-150 | indent
	for label in office leased cloud; do only_wireguard core "$label" || return 1; done
	only_wireguard alpha link
}

# ---- commands -----------------------------------------------------------------------------

isolate() {
	show_admin send isolate bravo || return 1
	wait_for 5 state_is bravo isolated || return 1
	if pings alpha "${MESH[bravo]}"; then
		echo "  alpha still reaches bravo"
		return 1
	fi
	echo "  alpha$ ping -6 bravo: no answer"
	pings desk "${MESH[bravo]}" || return 1
	echo "  desk$  ping -6 bravo: answers"
	show_admin send release bravo || return 1
	wait_for 5 pings alpha "${MESH[bravo]}" || return 1
	echo "  alpha$ ping -6 bravo: answers again"
}

state_is() { [ "$(status_of "$1" .state)" = "$2" ]; }

kill_under_scan() {
	local ports
	scan "$EVERY" 10.2.0.10 >"$WORLD/scan.out" &
	local scanner=$!
	node_stop bravo ppnd KILL
	echo "  bravo$ kill -9 ppnd (exit $STATUS), while mallory scans"
	show bravo bpftool net show dev eth0 || return 1
	wait "$scanner"
	ports=$(paste -sd' ' "$WORLD/scan.out")
	print_scan "$EVERY" 10.2.0.10 "$ports"
	[ -z "$ports" ] || return 1
	pings alpha "${MESH[bravo]}" || return 1
	echo "  alpha$ ping -6 bravo: answers, with its ppnd dead"
	start_node bravo
	ppn_on bravo wait bound --timeout 20 >/dev/null || return 1
	show_ppn bravo status
}

ledgers() {
	local node
	for node in alpha bravo; do show_ppn "$node" ledger verify || return 1; done
	show_ppn bravo ledger show || return 1
	# the cloud posture keeps no ledger on disk: the running node verifies what it has in memory
	show_ppn cirrus ledger verify || return 1
	show_admin ledger verify
}

# ---- the story ----------------------------------------------------------------------------

step 'three machines on three networks, a desk, two strangers' build_world
step 'before: a stranger scans bravo and finds its services' scan_before
step 'the administrator makes a fleet and an invite' make_fleet
step 'the servers boot: blind, scan, network of one, sealed, holding' boot_nodes
step 'holding: one port answers, none else' scan_holding
step 'the administrator comes, and sees who is on the link' start_authority
step 'claim --all: the invited one; the stranger stays out' claim_office
step 'claim by host, across the router' claim_routed
step 'every pair of members talks over ppn0' mesh_pings
step 'the wire carries WireGuard, and nothing in clear' wire_check
step 'isolate bravo by one 16-byte frame, then release' isolate
step 'kill -9 of ppnd under a scan: still sealed, resumes its state' kill_under_scan
step 'every decision is in a signed ledger' ledgers
finish
