#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Another program has WireGuard's port: before ppnd starts, while it runs, on a seat. It is said, in
# the log and in the status, and it mends itself when the port is free.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

node_add box
node_add desk
net_link box:eth0 desk:eth0
DIR=$(node_dir box)
DESK=$(node_dir desk)
mkdir -p "$DIR/etc"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$DIR/etc/ppnd.conf"
printf 'correct horse battery staple\n' >"$DESK/passphrase"
chmod 600 "$DESK/passphrase"
printf '[beacon]\ninterfaces = eth0\n' >"$DESK/ppn-admin.conf"

ppn() { node_exec box ppn "$1" --state-dir "$DIR/state" "${@:2}"; }
mesh() { ppn status --json | jq -r ".mesh.$1"; }
log() { node_log box ppnd; }
down_for_the_port() { [ "$(mesh up)" = false ] && mesh why | grep -q 'another program has UDP port 51820'; }
up() { [ "$(mesh up)" = true ] && node_exec box ss -Huln sport = 51820 | grep -q 51820; }

# hold NODE: the port, of IPv4 and IPv6
hold() {
	node_start "$1" holder /usr/bin/python3 -c "
import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('::', 51820))
time.sleep(600)"
	wait_for 10 node_exec "$1" sh -c 'ss -Hulnp sport = 51820 | grep -q python3'
}

# ---- before the start ---------------------------------------------------------------------------

hold box
node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state"
check "the node holds all the same" ppn wait holding --timeout 15
check "its mesh is down, and says why" wait_for 10 down_for_the_port
check "people read it" eval 'ppn status | grep -q "another program has UDP port 51820"'
check "the log says it once" test "$(grep -c 'another program has UDP port 51820' "$(log)")" -eq 1
node_stop box holder
check "the port is free: the mesh comes up" wait_for 20 up

# ---- while ppnd runs ----------------------------------------------------------------------------

# A device made anew finds its port taken.
wg_process() { node_exec box ss -Hulnp sport = 51820 | sed -n 's/.*"wireguard-go",pid=\([0-9]*\).*/\1/p' | head -n 1; }
if [ "$(mesh backend)" = userspace ]; then
	kill -STOP "$(node_pid box ppnd)"
	kill -9 "$(wg_process)"
	hold box
	kill -CONT "$(node_pid box ppnd)"
	check "taken in between: that is said too" wait_for 20 down_for_the_port
	node_stop box holder
	check "free again: up again" wait_for 20 up
else
	skip "taken in between" "the kernel's device keeps its port"
fi
node_stop box ppnd

# ---- on a seat ----------------------------------------------------------------------------------

admin() { node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"; }
hold desk
admin init --passphrase-file "$DESK/passphrase" >/dev/null
node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin status
check_fails "a seat whose port is taken does not start" admin unlock --passphrase-file "$DESK/passphrase"
check "and says why" grep -q 'another program has UDP port 51820' "$(node_log desk service)"
