#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 180
#
# The authority on one box, and its files: a seat beside ppnd that claims its own machine; a second init; each file
# of the state directory cut short, emptied, changed or gone: an error that names it, and nothing else written.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

node_add box
node_add far
net_link box:eth0 far:eth0
node_exec box ip addr add 192.0.2.1/24 dev eth0
node_exec far ip addr add 192.0.2.2/24 dev eth0
BOX=$(node_dir box)
FAR=$(node_dir far)
mkdir -p "$BOX/etc" "$FAR/etc"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n' | tee "$BOX/etc/ppnd.conf" >"$FAR/etc/ppnd.conf"
printf 'correct horse battery staple\n' >"$BOX/passphrase"
chmod 600 "$BOX/passphrase"
printf '[beacon]\ninterfaces = eth0\n[mesh]\nendpoint = 192.0.2.1\n' >"$BOX/ppn-admin.conf"

admin() { node_exec box ppn-admin --state-dir "$BOX/admin" --config "$BOX/ppn-admin.conf" "$@"; }
status_of() { node_exec "$1" ppn --state-dir "$(node_dir "$1")/state" status --json | jq -r "$2"; }
waiting() { [ "$(status_of "$1" .claim.endpoint)" = waiting ]; }
start() { node_start "$1" ppnd ppnd --config "$(node_dir "$1")/etc/ppnd.conf" --state-dir "$(node_dir "$1")/state"; }
start_service() {
	node_start box service ppn-admin --state-dir "$BOX/admin" --config "$BOX/ppn-admin.conf" run
	wait_for 10 admin status
}
unlock() { admin unlock --passphrase-file "$BOX/passphrase"; }

# exits WANTED COMMAND...: what it said is in $BOX/said.
exits() {
	local wanted=$1 rc=0
	shift
	"$@" >"$BOX/said" 2>&1 || rc=$?
	[ "$rc" = "$wanted" ] || {
		echo "exit $rc, not $wanted: $(cat "$BOX/said")" >&2
		return 1
	}
}
says() { grep -qF -- "$1" "$BOX/said" || { echo "no '$1' in: $(cat "$BOX/said")" >&2 && return 1; }; }
files() { (cd "$BOX/admin" && find . -type f -exec sha256sum {} + | sort -k2); }

# ---- init ---------------------------------------------------------------------------------------

admin init --name one --passphrase-file "$BOX/passphrase" >"$BOX/paper"
before=$(files)
check "a second init is refused" exits 8 admin init --passphrase-file "$BOX/passphrase"
check "(in words)" says 'this machine has an authority'
is "and changes nothing" "$(files)" "$before"
check "init prints no secret as JSON" exits 2 admin --json init --passphrase-file "$BOX/passphrase"
is "secrets are 0600" "$(find "$BOX/admin" -name '*.key' ! -perm 600 | wc -l)" 0
paper_keys_absent() {
	/usr/bin/python3 - "$BOX/paper" "$BOX"/admin/* <<'PY'
import re, sys
text = open(sys.argv[1]).read()
seeds = ["".join(lines.split()) for lines in re.findall(r"\n((?: [0-9a-f ]+\n){2})", text)]
files = [open(name, "rb").read() for name in sys.argv[2:]]
sys.exit(not (len(seeds) == 2 and all(len(seed) == 64 for seed in seeds)) or
         any(seed.encode() in data or bytes.fromhex(seed) in data for seed in seeds for data in files))
PY
}
check "the two paper keys are in no file" paper_keys_absent
# an init that did not end: all but the file that it writes last
cp -a "$BOX/admin" "$BOX/half"
rm "$BOX/half/authority.pub"
check "an init that did not end can be made again" \
	node_exec box ppn-admin --state-dir "$BOX/half" init --passphrase-file "$BOX/passphrase"
check "its ledger verifies" node_exec box ppn-admin --state-dir "$BOX/half" ledger verify

# ---- a seat beside ppnd -------------------------------------------------------------------------

admin invite --count 5 --days 1 >"$BOX/etc/invite"
chmod 600 "$BOX/etc/invite"
install -m 600 "$BOX/etc/invite" "$FAR/etc/invite"
start box
start far
wait_for 15 waiting box
wait_for 15 waiting far
start_service
check "unlock" unlock
is "the seat makes no device of its own" "$(admin status --json | jq -c '[.local, .device]')" '[true,"ppnd'"'"'s"]'
check "claim --local" exits 0 admin claim --local
check "(one of one)" says 'claimed 1 of 1'
check "its machine is bound" node_exec box ppn wait bound --timeout 10
is "node and seat are one member" "$(admin roster show --json | jq -c '[.rows[] | [.runs_node, .runs_seat]]')" '[[true,true]]'
is "with the seat's endpoint" "$(admin roster show --json | jq -r '.rows[0].endpoints[0]')" 192.0.2.1:51820
check "claim --local again: the same fleet, claimed anew" exits 0 admin claim --local
check "no frame goes to itself" exits 8 admin send ping "$(status_of box .node)"
check "(in words)" says 'this seat itself'
check "from there it claims another" exits 0 admin claim 192.0.2.2 --name far
check "which is bound" node_exec far ppn wait bound --timeout 10
check "and obeys" exits 0 admin send ping far --timeout 20
before=$(admin roster show --json)
kept=$(files)

# ---- its files ----------------------------------------------------------------------------------

node_stop box service
cp -a "$BOX/admin" "$BOX/good"
restore() {
	rm -rf "$BOX/admin"
	cp -a "$BOX/good" "$BOX/admin"
}

# The service ends at once, or unlock fails; either way the file is named, and none is written.
names_it() { # FILE
	local log rc=0
	log=$(node_log box service)
	: >"$log"
	kept=$(files)
	node_start box service ppn-admin --state-dir "$BOX/admin" --config "$BOX/ppn-admin.conf" run
	wait_for 10 eval 'admin status || ! node_alive box service'
	if node_alive box service; then
		unlock >>"$log" 2>&1 || rc=$?
		node_stop box service
	else
		node_stop box service
		rc=$STATUS
	fi
	cat "$log"
	[ "$rc" -ne 0 ] && grep -qF -- "$1" "$log" && [ "$(files)" = "$kept" ] || return 1
	! grep -q 'Sanitizer\|Segmentation' "$log"
}

shorten() { truncate -s "$(($(stat -c %s "$1") * 2 / 3))" "$1"; }
empty() { : >"$1"; }
change() { # the byte in the middle
	/usr/bin/python3 -c '
import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 1
open(sys.argv[1], "r+b").write(data)' "$1"
}
for file in authority.pub lists admin.cert admin.key roster pairs ledger head; do
	for damage in shorten empty change; do
		$damage "$BOX/admin/$file"
		check "$damage $file: it is named" names_it "$file"
		restore
	done
done
shorten "$BOX/admin/seqs"
check "shorten seqs: it is named" names_it seqs
restore
for file in lists admin.cert admin.key roster pairs ledger; do
	rm "$BOX/admin/$file"
	check "$file is gone: it is named" names_it "$file"
	restore
done
rm "$BOX/admin/authority.pub"
check "authority.pub is gone: says init" exits 1 admin ledger verify
check "(in words)" says 'authority.pub'
restore
chmod 644 "$BOX/admin/admin.key"
check "a key that others can read is not used" names_it admin.key
restore
printf '[beacon]\nnonsense = 1\n' >"$BOX/bad.conf"
check "a configuration with an unknown key: refused" exits 1 \
	node_exec box ppn-admin --state-dir "$BOX/admin" --config "$BOX/bad.conf" run
check "(names it)" says nonsense

# ---- its certificate has expired ----------------------------------------------------------------

recert() { node_exec box recert "$BOX/admin" "$(cat "$BOX/passphrase")" "$1"; }
recert $(($(date +%s) - 1))
start_service
check "expired: it opens its own files all the same" unlock
check "(its log says so)" grep -q 'expired' "$(node_log box service)"
check "status shows it" exits 0 admin status
check "(in words)" says 'expired'
is "and in JSON" "$(admin status --json | jq -c .expired)" true
check "its roster is readable" test "$(admin roster show --json)" = "$before"
check "its ledger too" exits 0 admin ledger verify
check "nodes are listed" exits 0 admin nodes
check "a claim is refused" exits 8 admin claim 192.0.2.2
check "(says why)" says 'expired'
check "(and what to do)" says 'root key'
check "a command is refused" exits 8 admin send ping far
check "(says why)" says 'expired'
check "members keep their mesh" node_exec box ping -6 -c1 -W5 "$(status_of far .address)"
node_stop box service
recert $(($(date +%s) + 86400))

# ---- after all of it ----------------------------------------------------------------------------

start_service
check "the files as they were: unlocked" unlock
is "the same roster" "$(admin roster show --json)" "$before"
check "it commands as before" wait_for 20 admin send ping far --timeout 20
check "the ledger verifies" admin ledger verify
