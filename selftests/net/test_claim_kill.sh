#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 420
#
# ppnd is killed at each sync of a claim: afterwards the node is unclaimed or claimed, never between. Then the
# same with a disk that is full, with an authority that dies before the answer, and with a claim worker that dies.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

node_add box
node_add desk
net_link box:eth0 desk:eth0
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec box ip addr add 192.0.2.2/24 dev eth0

DIR=$(node_dir box)
DESK=$(node_dir desk)
mkdir -p "$DIR/etc"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$DIR/etc/ppnd.conf"
printf 'correct horse battery staple\n' >"$DESK/passphrase"
chmod 600 "$DESK/passphrase"
printf '[beacon]\ninterfaces =\n[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"
sed -i '/^interfaces/d' "$DESK/ppn-admin.conf"

admin() {
	node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"
}

start() {
	node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
}

ppn() {
	local verb=$1
	shift
	node_exec box ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}

state() {
	ppn status --json | jq -r .state
}

waiting() {
	[ "$(ppn status --json | jq -r .claim.endpoint)" = waiting ]
}

ended() {
	! node_alive "$1" "$2"
}

either_ended() {
	ended box ppnd || ended desk claim
}

# A new node, on fresh maps, that waits for a claim.
new_node() {
	rm -rf "$DIR/state"
	node_reboot box
	start
	ppn wait holding --timeout 10 >/dev/null
	wait_for 5 waiting
}

# Traces the running ppnd, and kills it at its Nth sync from now.
kill_at() {
	node_start box trace strace -f -qq -o /dev/null -p "$(node_pid box ppnd)" -e trace=fsync,fdatasync \
		-e "inject=fsync,fdatasync:$1:when=$2"
	wait_for 5 traced
}

traced() {
	! grep -q '^TracerPid:.0$' "/proc/$(node_pid box ppnd)/status"
}

admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 100 --days 1 >"$DESK/invite"
install -m 600 "$DESK/invite" "$DIR/etc/invite"
cp -a "$DESK/state" "$DESK/state.fresh"

# A fleet without members: one that is gone would be waited for at the next claim.
new_fleet() {
	! node_alive desk service || node_stop desk service
	rm -rf "$DESK/state"
	cp -a "$DESK/state.fresh" "$DESK/state"
	node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
	wait_for 10 admin unlock --passphrase-file "$DESK/passphrase"
}
new_fleet

# ---- kill -9 ----------------------------------------------------------------------------------

unclaimed=0 claimed=0 n=0
while [ "$n" -lt 40 ]; do
	n=$((n + 1))
	new_node
	kill_at signal=KILL "$n"
	node_start desk claim ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" claim 192.0.2.2
	wait_for 20 either_ended
	# The claim may have its answer before ppnd has reached this sync.
	if ! wait_for 3 ended box ppnd; then
		node_stop desk claim
		node_stop box trace
		node_stop box ppnd KILL
		break # more syncs than a claim has
	fi
	node_stop desk claim KILL
	node_stop box ppnd KILL
	node_stop box trace KILL
	start
	wait_for 10 ppn status
	now=$(state)
	bound=$(ppn ledger show | grep -c ' bound claim ') || :
	left=$(find "$DIR/state" -name '*.new' | wc -l)
	ppn ledger verify >/dev/null && verified=yes || verified=no
	case $now.$bound in
	holding.0) unclaimed=$((unclaimed + 1)) ;;
	bound.1) claimed=$((claimed + 1)) ;;
	esac
	is "killed at sync $n of a claim: $now" "$verified, $left left, $(case $now.$bound in
		holding.0 | bound.1) echo whole ;;
		*) echo "$now with $bound claims" ;;
		esac)" "yes, 0 left, whole"
	if [ "$now" = holding ] && [ $((n % 4)) = 3 ]; then
		wait_for 5 waiting
		check "and it can be claimed afterwards" admin claim 192.0.2.2
		new_fleet
	fi
	node_stop box ppnd
done
check "some of them were before the commit" test "$unclaimed" -gt 2
check "some of them were after it" test "$claimed" -gt 2

# ---- a disk that fails ------------------------------------------------------------------------

for n in 1 3 5 7 9 10; do
	new_node
	kill_at error=ENOSPC "$n"
	admin claim 192.0.2.2 >/dev/null 2>&1 && answer=claimed || answer=refused
	node_stop box trace
	if ! node_alive box ppnd; then
		node_stop box ppnd
		start
		wait_for 10 ppn status
	fi
	now=$(state)
	case $answer.$now in
	claimed.bound | refused.holding | refused.bound) ok "no room at sync $n: $answer, $now" ;;
	*) not_ok "no room at sync $n: $answer, $now" ;;
	esac
	check "the ledger verifies" ppn ledger verify
	if [ "$n" = 9 ]; then
		wait_for 5 waiting
		check "with room again it can be claimed" admin claim 192.0.2.2
		new_fleet
	fi
	node_stop box ppnd
done

new_fleet

# ---- an answer that is lost -------------------------------------------------------------------

# The authority dies when its claim has arrived: the node is bound, and nobody has heard. (The file slots is
# written first; ppnd is stopped at the sync after it.)
arrived() {
	test -e "$DIR/state/slots"
}
listed() {
	admin nodes --json | jq -e --arg state "$1" '.rows | length == 1 and .[0].state == $state'
}
new_node
kill_at signal=STOP 5
node_start desk claim ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" claim 192.0.2.2
wait_for 20 arrived
node_stop desk service KILL
node_stop desk claim KILL
node_stop box trace
kill -CONT "$(node_pid box ppnd)"
check "the answer is lost: the node is bound" ppn wait bound --timeout 20
node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin unlock --passphrase-file "$DESK/passphrase"
check "the authority lists it as unanswered" listed unanswered
check_fails "its claim port is shut outside" admin claim 192.0.2.2

# What README says the operator does, at the node.
fingerprint=$(ppn status | sed -n 's/^ *fingerprint *//p')
node_stop box ppnd
rm "$DIR/state/bound"
start
check "without the claim's file it is damaged, and waits" wait_for 15 waiting
check_fails "not for a claim without its fingerprint" admin claim 192.0.2.2
check "with it, the same authority claims it again" admin claim 192.0.2.2 --fingerprint "$fingerprint"
check "bound" ppn wait bound --timeout 10
check "the same node" test "$(ppn status | sed -n 's/^ *fingerprint *//p')" = "$fingerprint"
check "and it obeys" admin send ping "$(ppn status --json | jq -r .node)" --timeout 20
check "its new ledger verifies" ppn ledger verify
check "the old one is kept aside" test -s "$DIR/state/ledger.damaged"
node_stop box ppnd
new_fleet

# The node dies, and the authority says that it does not know.
new_node
kill_at signal=KILL 6
admin claim 192.0.2.2 >"$DESK/said" 2>&1 || :
check "no answer: it says where to look" grep -q 'no answer to the claim.*`ppn status` there.*ppn-admin(8)' "$DESK/said"
node_stop box ppnd KILL
node_stop box trace KILL
new_fleet

# ---- a worker that dies -----------------------------------------------------------------------

new_node
worker=$(ppn status --json | jq -r .claim.worker_pid)
kill -9 "$worker"
another() {
	[ "$(ppn status --json | jq -r .claim.worker_pid)" != "$worker" ] && waiting
}
check "a killed worker is replaced" wait_for 5 another
is "which is counted" "$(ppn status --json | jq -r .claim.restarts)" 1
is "the state is untouched" "$(state)" holding
check "the worker is not root" test "$(stat -c %u "/proc/$(ppn status --json | jq -r .claim.worker_pid)")" -ne 0
check "nor leaves a core, nor does ppnd" bash -c 'for p; do grep -qE "^Max core file size +0 +0 " "/proc/$p/limits" || exit 1; done' \
	- "$(ppn status --json | jq -r .claim.worker_pid)" "$(node_pid box ppnd)"
is "its memory is root's" "$(stat -c %u "/proc/$(ppn status --json | jq -r .claim.worker_pid)/mem")" 0
check "and the node can be claimed" admin claim 192.0.2.2
node_stop box ppnd
