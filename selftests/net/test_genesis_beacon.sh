#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 180
#
# A node that an authority speaks to: beacon there, beacon late; claimed; a restart in each state; isolated
# while ppnd is dead; a reboot; a damaged node that is claimed again.
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
mkdir -p "$DIR/etc" "$DIR/plain"
printf '[node]\nexternal = eth0\nbeacon_window = 20\n[underlay]\neth0 = static\n' >"$DIR/etc/ppnd.conf"
sed s/20/1/ "$DIR/etc/ppnd.conf" >"$DIR/plain/ppnd.conf"
printf 'correct horse battery staple\n' >"$DESK/passphrase"
chmod 600 "$DESK/passphrase"
printf '[beacon]\ninterfaces = eth0\n[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"

admin() {
	node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"
}

start() { # [ETC]
	node_start box ppnd ppnd --config "$DIR/${1:-etc}/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
}

ppn() {
	local verb=$1
	shift
	node_exec box ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}

status() {
	ppn status --json | jq -r "$1"
}

entries() {
	ppn ledger show --json | jq -r '[.entries[].type] | join(" ")'
}

listed() { # STATE [KNOWN_AS]
	admin nodes --json | jq -e --arg node "$(status .node)" --arg state "$1" --arg known "${2:-}" \
		'.rows[] | select(.node == $node and .state == $state and ($known == "" or .known_as == $known))'
}

ping_desk() {
	node_exec box ping -6 -c1 -W1 "$(status '.slots[0].address')"
}

admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 10 --days 1 >"$DESK/invite"
install -m 600 "$DESK/invite" "$DIR/etc/invite"
install -m 644 "$DESK/state/authority.pub" "$DIR/plain/authority.pub"
node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin unlock --passphrase-file "$DESK/passphrase"

# ---- beacon there ---------------------------------------------------------------------------

begin=$(date +%s)
start
check "a verified beacon ends the scan before its window" ppn wait holding --timeout 15
check "(the window was not waited for)" test $(($(date +%s) - begin)) -lt 18
check "the node answered, and is listed as invited" wait_for 10 listed holding invited
is "status names the authority" "$(status .discovery.authority)" desk
is "the claim port waits" "$(status .claim.endpoint)" waiting
before=$(status .identity)
node_stop box ppnd KILL
start
check "holding, killed: it holds again" ppn wait holding --timeout 10
is "as the same node" "$(status .identity)" "$before"
is "the ledger has genesis and holding once" "$(entries)" "genesis holding"

# ---- an invite is needed, or a fingerprint ----------------------------------------------------

node_stop box ppnd
mv "$DIR/state" "$DIR/state.invited"
node_stop desk service
start plain
check "the beacon is not there: holding after the window" ppn wait holding --timeout 10
node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin unlock --passphrase-file "$DESK/passphrase"
check "the beacon comes late: listed, a stranger" wait_for 10 listed holding stranger
admin claim --all >/dev/null || :
is "claim --all leaves a stranger alone" "$(status .state)" holding
node_stop box ppnd
rm -rf "$DIR/state"

# ---- claimed ----------------------------------------------------------------------------------

mv "$DIR/state.invited" "$DIR/state"
start
ppn wait holding --timeout 10
wait_for 10 listed holding invited
check "claim --all takes the invited one" admin claim --all
check "the node is bound" ppn wait bound --timeout 5
check "the enrolment key is gone" test ! -e "$DIR/state/enrol"
is "no file of the commit is left" "$(find "$DIR/state" -name '*.new' -o -name '*.tmp' | wc -l)" 0
check "it talks to the seat over ppn0" wait_for 10 ping_desk
is "wg agrees on the peers" "$(node_exec box wg show ppn0 peers | wc -l)" "$(status .mesh.peers)"
is "ip agrees on the address" \
	"$(node_exec box ip -6 -j addr show dev ppn0 | jq -r '.[0].addr_info[] | select(.scope=="global") | .local')" \
	"$(status .address)"
is "wg agrees on the key" "$(node_exec box wg show ppn0 public-key | base64 -d | od -An -tx1 | tr -d ' \n')" \
	"$(status .wireguard_key)"
check_fails "the claim port is shut outside" node_exec desk timeout 2 nc -z -w1 192.0.2.2 9443

node=$(status .node)
check "ping by frame" admin send ping "$node"
for op in locate rotate resync reboot; do
	check_fails "$op is refused in words" admin send $op "$node"
done
check "all of it is in the ledger" test "$(ppn ledger show | grep -c ' command ')" -eq 5
check "isolate" admin send isolate "$node"
check "isolated" ppn wait isolated --timeout 5
node_stop box ppnd KILL
start
check "isolated, killed: isolated again" ppn wait isolated --timeout 10
check "release" admin send release "$node"
check "bound again" ppn wait bound --timeout 5

# Results outlive a restart: a seat that missed the datagram hears the next one.
node_stop box ppnd KILL
start
ppn wait bound --timeout 10 >/dev/null
is "what was acknowledged stays so" "$(status '.slots[0].results[0] | .op + " " + .result')" \
	"release acted (kernel)"

# More than half of a block is used: the next one is on disk, and admitted.
for _ in $(seq 125); do
	admin send ping "$node" >/dev/null
done
is "the next block is reserved" "$(status '.slots[0].seq_limit')" 512

# Somebody takes ppn0 away.
index=$(node_exec box ip -j link show ppn0 | jq '.[0].ifindex')
node_exec box ip link del ppn0
new_device() {
	node_exec box ip -j link show ppn0 | jq -e ".[0].ifindex != $index" && status .mesh.up | grep -qx true
}
check "ppn0, deleted, is made again" wait_for 20 new_device
is "with its frame program" \
	"$(node_exec box bpftool -j net show dev ppn0 | jq '.[0].xdp | length')" 1
check "and obeys" admin send ping "$node" --timeout 20

# ---- obeyed while ppnd is dead ----------------------------------------------------------------

node_stop box ppnd KILL
check_fails "isolate with ppnd dead is not acknowledged" admin send isolate "$node" --timeout 2
is "but acted, by the kernel" "$(node_exec box bpftool -j map dump pinned "$PPN_PINS/command" |
	jq '.[0].formatted.value.isolated // .[0].value.isolated')" 1
start
check "the next start says isolated" ppn wait isolated --timeout 10
check "and appends what the ledger lacked, once" \
	test "$(ppn ledger show | grep -c 'isolated isolate')" -eq 2
check "release, acknowledged" admin send release "$node"
node_stop box ppnd KILL
start
check "bound, killed: bound again" ppn wait bound --timeout 10

# The event is read, and the power goes before its entry is on disk: the maps are the truth.
node_stop box ppnd
cp -a "$DIR/state" "$DIR/state.before"
start
ppn wait bound --timeout 10 >/dev/null
check "isolate once more" admin send isolate "$node"
node_stop box ppnd KILL
rm -rf "$DIR/state"
mv "$DIR/state.before" "$DIR/state"
start
check "an entry that the ledger lacks is appended from the map" ppn wait isolated --timeout 10
check "by the seat that sent it" bash -c \
	"[ $(ppn ledger show | grep -c 'isolated isolate arg 0 seq .* acted (kernel) by') -eq 3 ]"
check "and release works" admin send release "$node"
check "bound, after all that" ppn wait bound --timeout 5

# ---- reboot -----------------------------------------------------------------------------------

limit=$(status '.slots[0].seq_limit')
node_stop box ppnd
node_reboot box
start
check "a reboot comes back bound" ppn wait bound --timeout 10
next=$(status '.slots[0].seq_next')
diag "reserved up to $limit, next is $next"
check "above the block that was reserved" test "$next" -gt "$limit"
check "into its mesh" wait_for 20 ping_desk
check "and obeys" admin send ping "$node" --timeout 20
check "the ledger verifies" ppn ledger verify

# ---- damage, and a claim that mends it ---------------------------------------------------------

node_stop box ppnd
cp -a "$DIR/state" "$DIR/state.good"
rm "$DIR/state/bound"
start
check "a claim in the ledger and no bound: damaged" ppn wait damaged --timeout 10
is "no command slot is open" "$(status '.slots | length')" 0
node_stop box ppnd

rm -rf "$DIR/state"
cp -a "$DIR/state.good" "$DIR/state"
rm "$DIR/state/authority.pub"
start
check "the pin is missing: damaged" ppn wait damaged --timeout 10
is "then nobody can claim it" "$(status .claim.endpoint)" shut
node_stop box ppnd

rm -rf "$DIR/state"
cp -a "$DIR/state.good" "$DIR/state"
rm "$DIR/state/ledger" "$DIR/state/head"
start
check "no ledger: damaged" ppn wait damaged --timeout 10
fingerprint=$(admin roster show --json | jq -r --arg node "$node" '.rows[] | select(.node == $node) | .fingerprint')
check "the pinned roots claim it again" admin claim 192.0.2.2 --fingerprint "$fingerprint"
check "bound" ppn wait bound --timeout 5
is "under a new ledger" "$(entries | cut -d' ' -f1-2)" "genesis bound"
check "which verifies" ppn ledger verify
node_stop box ppnd
start
check "and holds over a restart" ppn wait bound --timeout 10

# ---- a stranger's files -----------------------------------------------------------------------

node_stop box ppnd
rm -rf "$DIR/state"
cp -a "$DIR/state.good" "$DIR/state"
printf x >"$DIR/state/bound.new"
printf x >"$DIR/state/roster.new"
start
check "what a crash left half done is dropped" ppn wait bound --timeout 10
is "both files" "$(find "$DIR/state" -name '*.new' | wc -l)" 0
node_stop box ppnd
