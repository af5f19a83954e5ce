#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Counters for Prometheus: off by default, on a unix socket, on loopback, on ppn0 for other members, and nowhere
# else; what they say is what the counters say.
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
ppn() { node_exec box ppn "$1" --state-dir "$DIR/state" "${@:2}"; }
config() { printf '[node]\nexternal = eth0\nbeacon_window = 0\n[seal]\nmode = enforce\n[underlay]\neth0 = static\n%b' "$1" >"$DIR/etc/ppnd.conf"; }
start() { node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" && ppn wait "$1" --timeout 15; }
get() { node_exec box curl -sS -m 5 "$@"; }
value() { get http://127.0.0.1:9101/metrics | sed -n "s/^$1 //p"; }

config '[metrics]\nlisten = 192.0.2.2:9101\n'
check_fails "nobody outside reads metrics" node_exec box ppnd --check-config --config "$DIR/etc/ppnd.conf"
config ''
printf 'correct horse battery staple\n' >"$DESK/passphrase"
printf '[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"
admin() { node_exec desk ppn-admin --state-dir "$DESK/admin" --config "$DESK/ppn-admin.conf" "$@"; }
admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 5 >"$DIR/etc/invite"
chmod 600 "$DIR/etc/invite"
start holding
is "off by default" "$(node_exec box ss -Htln '! sport = 9443' | wc -l) $(node_exec box find /run/ppn -name 'metrics*' | wc -l)" "0 0"
node_stop box ppnd
config '[metrics]\nlisten = unix, 127.0.0.1:9101, [::1]:9101, mesh:9101\n'
start holding

node_exec desk bash -c 'for i in 1 2 3 4 5; do echo x >/dev/udp/192.0.2.2/161; done'
page() { get --unix-socket /run/ppn/metrics.sock http://ppn/metrics; }
check "by the unix socket" eval 'page | grep -q "^ppn_state{state=\"holding\"} 1$"'
check "by loopback" eval 'get http://127.0.0.1:9101/metrics | grep -q "^ppn_build_info"'
check "by IPv6 loopback" eval 'get "http://[::1]:9101/" | grep -q "^ppn_build_info"'
is "one state" "$(page | grep -c '^ppn_state{.*} 1$')" 1
is "what holds the interface" "$(page | sed -n 's/^ppn_seal_mode{ifname="eth0",mode="\(.*\)"} 1$/\1/p')" native
is "it enforces" "$(value ppn_seal_enforces)" 1
is "five packets dropped" "$(value 'ppn_seal_packets_total{ifname="eth0",direction="in",reason="port_shut"}')" 5
is "and their bytes" "$(value 'ppn_seal_bytes_total{ifname="eth0",direction="in",reason="port_shut"}')" "$(ppn status --json | jq .seal.reasons.seal.port_shut.bytes)"
is "the ledger" "$(value ppn_ledger_entries)" "$(ppn status --json | jq .ledger.size)"
is "every series has its type" "$(page | sed -n 's/^\(ppn_[a-z_]*\).*/\1/p' | sort -u | wc -l)" "$(page | grep -c '^# TYPE ')"
check "a page that promtool would take: no series twice" test "$(page | grep -v '^#' | sed 's/ [^ ]*$//' | sort | uniq -d | wc -l)" = 0
is "another path is not found" "$(get -o /dev/null -w '%{http_code}' http://127.0.0.1:9101/secret)" 404
is "the socket's rights" "$(node_exec box stat -c %a /run/ppn/metrics.sock)" 660
check "no answer from outside" eval '! node_exec desk curl -sS -m 2 http://192.0.2.2:9101/ 2>/dev/null'

# ---- hostile readers --------------------------------------------------------------------------------

cat >"$WORLD/hostile.py" <<'EOF'
import socket, time
held = []
for i in range(40):
    s = socket.create_connection(("127.0.0.1", 9101)); s.send(b"GET /metrics"); held.append(s)
for junk in (b"A" * 100000, b"\r\n\r\n", b"\0" * 5000, b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 10000):
    try:
        s = socket.create_connection(("127.0.0.1", 9101)); s.sendall(junk); s.settimeout(1); s.recv(100)
    except OSError:
        pass
time.sleep(7)
closed = 0
for s in held:
    s.settimeout(1)
    try:
        closed += s.recv(1) == b""
    except ConnectionError:
        closed += 1
    except OSError:
        pass
print(closed)
EOF
is "forty that send no whole request are let go" "$(node_exec box /usr/bin/python3 "$WORLD/hostile.py")" 40
check "and others are served" eval 'get http://127.0.0.1:9101/metrics | grep -q "^ppn_build_info"'
check "ppnd lives" node_alive box ppnd

node_stop box ppnd KILL
check "one that is killed leaves its socket" node_exec box test -S /run/ppn/metrics.sock
start holding
check "the next one takes the path" eval 'page | grep -q "^ppn_build_info"'
node_stop box ppnd
check_fails "one that ends does not leave it" node_exec box test -e /run/ppn/metrics.sock
start holding

# ---- the mesh -----------------------------------------------------------------------------------------

node_start desk service ppn-admin --state-dir "$DESK/admin" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin status
admin unlock --passphrase-file "$DESK/passphrase"
check "claimed" admin claim 192.0.2.2 --name box
address=$(ppn status --json | jq -r .address)
check "another member reads it over the mesh" wait_for 15 eval "node_exec desk curl -sS -m 2 'http://[$address]:9101/metrics' | grep -q '^ppn_state{state=\"bound\"} 1'"
is "its peers" "$(value ppn_peers)" 1
