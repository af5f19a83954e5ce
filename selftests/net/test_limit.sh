#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 180
#
# Frame numbers between a seat and a node: a seat that starts again skips few of them, one above the node's
# reserved end is obeyed while ppnd runs, and when ppnd is dead and all of them are used, the seat says so.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

node_add box
node_add desk
net_link box:eth0 desk:eth0
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec box ip addr add 192.0.2.2/24 dev eth0
BOX=$(node_dir box)
DESK=$(node_dir desk)
mkdir -p "$BOX/etc"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$BOX/etc/ppnd.conf"
printf 'correct horse battery staple\n' >"$DESK/passphrase"
chmod 600 "$DESK/passphrase"
printf '[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"

admin() { node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"; }
status() { node_exec box ppn --state-dir "$BOX/state" status --json | jq -r "$1"; }
waiting() { [ "$(status .claim.endpoint)" = waiting ]; }
start() { node_start box ppnd ppnd --config "$BOX/etc/ppnd.conf" --state-dir "$BOX/state"; }
seq_of() { admin send ping box --json | jq .seq; }
service() {
	node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
	wait_for 10 admin status
	admin unlock --passphrase-file "$DESK/passphrase"
}
# isolated 0|1: what the kernel does, whoever is told of it.
isolated() {
	[ "$(node_exec box bpftool -j map dump pinned "$PPN_PINS/command" |
		jq '.[0].formatted.value.isolated // .[0].value.isolated')" = "$1" ]
}

admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite >"$BOX/etc/invite"
chmod 600 "$BOX/etc/invite"
start
service
wait_for 15 waiting
check "claimed" admin claim 192.0.2.2 --name box
check "obeys" wait_for 20 admin send ping box

# ---- a seat that starts again -------------------------------------------------------------------

first=$(seq_of)
node_stop desk service KILL
node_stop box ppnd KILL
service
check_fails "isolate, from a seat that was killed, with ppnd dead: not acknowledged" admin send isolate box --timeout 2
check "but obeyed: its number is one of those reserved" wait_for 2 isolated 1
start
check "(which ppnd finds)" node_exec box ppn wait isolated --timeout 10
check "release" admin send release box --timeout 20
skipped=$(($(seq_of) - first))
diag "numbers from $first on, $skipped skipped"
check "few numbers are skipped" test "$skipped" -gt 0 -a "$skipped" -le 40

# A seat that is far ahead: a number above the reserved end, which ppnd reserves and then admits.
limit=$(status '.slots[0].seq_limit')
awk '{ print $1, 1000 }' "$DESK/state/seqs" >"$DESK/seqs"
node_stop desk service
cp "$DESK/seqs" "$DESK/state/seqs"
service
check "a number above the reserved end" test 1001 -gt "$limit"
is "is reserved, and obeyed" "$(admin send ping box --timeout 20 --json | jq -c '[.acted, .seq]')" '[true,1001]'
limit=$(status '.slots[0].seq_limit')
check "with 128 more" test "$limit" -ge $((1001 + 128))

# ---- all of them used, with ppnd dead -----------------------------------------------------------

node_stop box ppnd KILL
cat >"$WORLD/use.py" <<'PY'
import json, socket, sys
path, times = sys.argv[1], int(sys.argv[2])
for _ in range(times):
    calls = []
    for _ in range(16):
        call = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        call.connect(path)
        call.send(json.dumps({"verb": "send", "op": "ping", "node": "box", "timeout_ms": 1}).encode())
        calls.append(call)
    for call in calls:
        print(call.recv(65536).decode())
PY
node_exec desk /usr/bin/python3 "$WORLD/use.py" /run/ppn/ppn-admin.sock $(((limit - 1001) / 16 + 2)) >"$WORLD/used"
last=$(grep -o 'seq [0-9]*, sent' "$WORLD/used" | sort -k2n | tail -1 | grep -o '[0-9]*')
diag "numbers to $last used, $limit reserved"
check "every number that the kernel admits is used" test "${last:-0}" -ge "$limit"
used_up() {
	local rc=0
	admin send isolate box --timeout 1 >"$WORLD/said" 2>&1 || rc=$?
	[ "$rc" = 1 ]
}
check "not heard for long: nothing is sent" wait_for 40 used_up
check "(says why)" grep -q "up to seq $limit, all of them are used, and it has not been heard for [0-9]* s" "$WORLD/said"
is "(and nothing was)" "$(grep -c 'sent [0-9]* times' "$WORLD/said")" 0
check "nor is it isolated" isolated 0
start
check "ppnd runs again: obeyed again" wait_for 20 admin send isolate box
check "(isolated)" isolated 1
check "the node's ledger verifies" node_exec box ppn --state-dir "$BOX/state" ledger verify
check "the authority's too" admin ledger verify
