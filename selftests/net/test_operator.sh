#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 120
#
# What operators type, and mistype: names that are taken or none, the README's configuration, a file that is not
# there, a folder full of invites, somebody without rights, a passphrase that nobody can be asked for.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

net_bridge office
for node in desk one two; do
	node_add "$node"
	net_link "$node:eth0" office
	mkdir -p "$(node_dir "$node")/etc"
done
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec one ip addr add 192.0.2.11/24 dev eth0
node_exec two ip addr add 192.0.2.12/24 dev eth0
DESK=$(node_dir desk)
printf 'correct horse battery staple\n' >"$DESK/passphrase"
printf '[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"

admin() { node_exec desk ppn-admin --state-dir "$DESK/admin" --config "$DESK/ppn-admin.conf" "$@"; }
state_of() { node_exec "$1" ppn --state-dir "$(node_dir "$1")/state" status --json | jq -r .state; }

# exits WANTED COMMAND...: what it said is in $WORLD/said.
exits() {
	local wanted=$1 rc=0
	shift
	"$@" >"$WORLD/said" 2>&1 || rc=$?
	[ "$rc" = "$wanted" ] || {
		echo "exit $rc, not $wanted: $(cat "$WORLD/said")" >&2
		return 1
	}
}
says() { grep -qF -- "$1" "$WORLD/said" || { echo "no '$1' in: $(cat "$WORLD/said")" >&2 && return 1; }; }

# ---- configuration ------------------------------------------------------------------------------

config() { # TEXT: ppnd's verdict on it
	printf '%b' "$1" >"$WORLD/try.conf"
	ppnd --check-config --config "$WORLD/try.conf"
}
sed -n '/^    \[node\]/,/^$/s/^    //p' "$PPN_TOP/README.md" >"$WORLD/readme.conf"
check "the README's configuration holds a port" grep -q '^tcp/22' "$WORLD/readme.conf"
check "and is one" exits 0 ppnd --check-config --config "$WORLD/readme.conf"
check "a configuration that was named and is not there is an error" exits 1 ppnd --check-config --config "$WORLD/none.conf"
check "(in words)" says 'none.conf'
eight=192.0.2.1
for i in 2 3 4 5 6 7 8; do eight+=",192.0.2.$i"; done
check "eight prefixes of one port" exits 0 config "[rescue]\ntcp/22 = $eight\n"
check "nine are more than the seal compares" exits 1 config "[rescue]\ntcp/22 = $eight,192.0.2.9\n"
check "(in words)" says 'tcp/22: at most 8 prefixes'

# ---- passphrases --------------------------------------------------------------------------------

check "nobody to ask for a passphrase" exits 1 setsid -w ppn-admin --state-dir "$WORLD/none" init </dev/null
check "(in words)" says '--passphrase-file'
: >"$WORLD/empty"
check "an empty passphrase" exits 1 ppn-admin --state-dir "$WORLD/none" init --passphrase-file "$WORLD/empty"
check "(in words)" says 'empty'

# ---- names --------------------------------------------------------------------------------------

admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 5 >"$DESK/invite"
for node in one two; do
	etc=$(node_dir "$node")/etc
	printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$etc/ppnd.conf"
	install -m 600 "$DESK/invite" "$etc/"
	node_start "$node" ppnd ppnd --config "$etc/ppnd.conf" --state-dir "$(node_dir "$node")/state"
done
node_start desk service ppn-admin --state-dir "$DESK/admin" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin status
admin unlock --passphrase-file "$DESK/passphrase"
waits() { [ "$(node_exec "$1" ppn status --json | jq -r .claim.endpoint)" = waiting ]; }
wait_for 15 waits one
wait_for 15 waits two

# other files than this one's: none of their batches is the node's
for i in $(seq 10000 11500); do
	install -m 600 "$DESK/invite" "$DESK/admin/invites/00000000000$i"
done
check "an invite among very many" exits 0 admin claim 192.0.2.11 --name web
check "a name that another member has" exits 1 admin claim 192.0.2.12 --name web
check "(in words)" says 'web is the name of'
is "claims nothing" "$(state_of two)" holding
check "nor does the seat's own name" exits 1 admin claim 192.0.2.12 --name desk
for name in '' 'a b' 'a/b' '-a' "$(printf 'a%.0s' $(seq 64))"; do
	check "a name that is none: '$name'" exits 2 admin claim 192.0.2.12 --name "$name"
done
is "claims nothing either" "$(state_of two)" holding
print=$(node_exec two ppn status | sed -n 's/^ *fingerprint *//p')
check "the fingerprint of another" exits 1 admin claim 192.0.2.12 --name db --fingerprint "$(node_exec one ppn status --json | jq -r .fingerprint)"
check "a good name, and the fingerprint that its console shows" exits 0 admin claim 192.0.2.12 --name db --fingerprint "$print"
is "and every member has the roster" "$(node_exec one ppn status --json | jq .roster.members)" 3
check "a member keeps its name when it is claimed again" exits 0 admin claim "$(node_exec two ppn status --json | jq -r .address)" --name db

# ---- posture ------------------------------------------------------------------------------------

node_stop two ppnd
sed -i 's/^\[node\]/&\nposture = cloud/' "$(node_dir two)/etc/ppnd.conf"
TWO=(--config "$(node_dir two)/etc/ppnd.conf" --state-dir "$(node_dir two)/state")
check "a folder with secrets is none for the cloud posture" \
	exits 1 node_exec two timeout 10 ppnd "${TWO[@]}" --invite "$(node_dir two)/etc/invite"
check "(in words)" says 'identity is of another posture'
sed -i '/^posture/d' "$(node_dir two)/etc/ppnd.conf"
node_start two ppnd ppnd "${TWO[@]}"
check "with its own posture it is what it was" node_exec two ppn wait bound --timeout 10
node_stop two ppnd
sed -i 's/^\[node\]/&\nposture = leased/' "$(node_dir two)/etc/ppnd.conf"
node_start two ppnd ppnd "${TWO[@]}"
check "another posture that keeps its secrets on disk is taken" node_exec two ppn wait bound --timeout 10
check "(and said in the log)" grep -q 'the posture was onprem at first boot and is leased now' "$(node_log two ppnd)"
is "(its status shows the configuration's)" "$(node_exec two ppn status --json | jq -r .posture)" leased
is "(once)" "$(grep -c 'the posture was' "$(node_log two ppnd)")" 1

# ---- somebody -----------------------------------------------------------------------------------

nobody() { node_exec one setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
check "status without rights" exits 1 nobody ppn status
check "(in words)" says 'Permission denied'
check "the same as JSON" exits 1 nobody ppn status --json
is "is valid, and no state" "$(jq -c '[.schema, .state, (.error | test("denied"))]' "$WORLD/said")" '[1,null,true]'
check "a word too many" exits 2 node_exec one ppn status now
check "ops are told" exits 2 admin send
check "(all of them)" says 'isolate'
