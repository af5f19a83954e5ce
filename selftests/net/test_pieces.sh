#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# TC's way in sees packets that a driver left in pieces, with no more than the headers in front: what a row
# reads behind them is read there too. The interface is held by TC; nothing else has made the packets whole.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

node_add box
node_add desk
net_link box:eth0 desk:eth0
node_exec desk ip addr add 192.0.2.1/24 dev eth0
DIR=$(node_dir box)
mkdir -p "$DIR/etc"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[seal]\nmode = enforce\n[underlay]\neth0 = dhcp\n' >"$DIR/etc/ppnd.conf"

# A stranger has XDP, so TC holds; then ppnd dies, and the stranger goes.
node_start box stranger stranger native eth0
wait_for 5 eval 'grep -qE "^[0-9]+$" "$(node_log box stranger)"'
node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state"
node_exec box ppn wait holding --timeout 15
node_stop box ppnd KILL
node_stop box stranger
check "TC alone is there" eval 'node_exec box tc filter show dev eth0 ingress | grep -q seal_tc && ! node_exec box ip -j -d link show dev eth0 | jq -e ".[0].xdp" >/dev/null'

node_exec box ip addr add 192.0.2.2/24 dev eth0
MAC=$(node_exec box cat /sys/class/net/eth0/address)
# A client asks as transaction 7 and tells what comes. sendfile() leaves a payload in the page that it lies in.
cat >"$WORLD/dhcp.py" <<'EOP'
import os, socket, struct, sys
def message(op, transaction):
    mac = bytes.fromhex(sys.argv[2].replace(":", ""))
    return struct.pack("!4BI20x6s202x4B4B", op, 1, 6, 0, transaction, mac, 99, 130, 83, 99, 53, 1, op, 255)
client = sys.argv[1] == "client"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 68) if client else ("192.0.2.1", 67))
if client:
    s.sendto(message(1, 7), ("192.0.2.1", 67))
    while True:
        print(struct.unpack_from("!I", s.recv(2000), 4)[0], flush=True)
s.connect(("192.0.2.2", 68))
for transaction in map(int, sys.argv[4:]):
    offer = message(2, transaction)
    if sys.argv[3] == "whole":
        s.send(offer)
    else:
        page = os.memfd_create("page")
        os.write(page, offer)
        os.sendfile(s.fileno(), page, 0, len(offer))
EOP
answer() { node_exec desk /usr/bin/python3 "$WORLD/dhcp.py" server "$MAC" "$@"; } # whole|pieces TRANSACTION...
came() { grep -cx "$1" "$(node_log box client)"; }
asked() { [ "$(node_exec box bpftool -j map dump pinned "$PPN_PINS/leases" | jq length)" = 1 ]; }
node_start box client /usr/bin/python3 "$WORLD/dhcp.py" client "$MAC"
wait_for 10 asked
answer whole 7
check "an offer" wait_for 5 eval '[ "$(came 7)" = 1 ]'
answer pieces 8 7
check "an offer in pieces" wait_for 5 eval '[ "$(came 7)" = 2 ]'
is "of another transaction, none" "$(came 8)" 0
