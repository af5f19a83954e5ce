#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# ppn seal check: what sealing would cut, whose it is, and the line that would keep it. Then the seal enforces, and
# does what the check said.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

node_add box
node_add desk
net_link box:eth0 desk:eth0
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec desk ip addr add 192.0.2.9/24 dev eth0
node_exec box ip addr add 192.0.2.2/24 dev eth0
DIR=$(node_dir box)
mkdir -p "$DIR/etc"
config() { # MORE
	printf '[node]\nexternal = eth0\nbeacon_window = 0\n[rescue]\ntcp/22 = 192.0.2.1/32\n%b' "$1" >"$DIR/etc/ppnd.conf"
}
start() {
	node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
	ppn wait holding --timeout 10 >/dev/null
}
ppn() {
	local verb=$1
	shift
	node_exec box ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}
row() { # KIND PATTERN FIELDS: of one row
	ppn seal check --json | jq -r ".rows[] | select(.kind == \"$1\" and (.what | test(\"$2\"))) | $3"
}
exit_of() {
	local rc=0
	"$@" >/dev/null 2>&1 || rc=$?
	echo "$rc"
}

node_start box ssh nc -lk 192.0.2.2 22
node_start box web nc -lk 192.0.2.2 8080
node_start box inside nc -lk 127.0.0.1 5432
node_start desk session bash -c 'exec 3<>/dev/tcp/192.0.2.2/8080; exec sleep infinity <&3'
wait_for 5 bash -c "[ -n \"\$(nsenter -t $(node_pid box web) -n ss -Htn state established sport = 8080)\" ]"
config ''
start
is "with a session it observes" "$(ppn status --json | jq -r .seal.mode)" observe

is "a listener that the rescue names" "$(row listener 'tcp/22 ' '.cut + ", " + .rule')" \
	"partly, [rescue] tcp/22 from 192.0.2.1/32"
is "one that nothing names is cut" "$(row listener 'tcp/8080 ' .cut)" cut
check "with the line that would keep it" grep -q '^\[rescue\] tcp/8080 = ' <(row listener 'tcp/8080 ' .keep)
is "the session as well" "$(row flow '192.0.2.2 port 8080 with 192.0.2.1 ' .cut)" cut
is "what listens on loopback is not in the list" "$(row listener 'tcp/5432' .cut)" ""
check "but counted" test "$(ppn seal check --json | jq .untouched)" -gt 0
is "its own claim port is not open yet: no authority is pinned" "$(row listener 'tcp/9443' '.cut')" ""
# Another tunnel than the mesh, whose packets cross what the seal holds.
tunnel() { # NODE PEER ADDRESS
	node_exec "$1" ip link add vx0 type vxlan id 7 remote "$2" dstport 4789
	node_exec "$1" ip addr add "$3/24" dev vx0
	node_exec "$1" ip link set vx0 up
}
tunnel desk 192.0.2.2 198.51.100.1
tunnel box 192.0.2.1 198.51.100.2
node_start box within nc -lk 198.51.100.2 2200
node_start desk through bash -c 'until exec 3<>/dev/tcp/198.51.100.2/2200; do sleep .1; done; exec sleep infinity <&3'
wait_for 10 bash -c "[ -n \"\$(nsenter -t $(node_pid box within) -n ss -Htn state established sport = 2200)\" ]"
is "a session through another tunnel is cut with it" "$(row flow '198.51.100.2 port 2200 with' '.cut + ", " + .keep')" \
	"cut, [rescue] of the port that vx0 itself comes in by, unless there is one"
is "and a session" "$(row flow '198.51.100.2 port 2200 with' .session)" true
node_stop desk session
node_stop box ppnd
ppnd_anew() { rm -r "$DIR/state"; node_exec box sh -c 'rm -r /sys/fs/bpf/ppn; ip link set dev eth0 xdp off; nft flush ruleset'; }
ppnd_anew
start
is "by itself it makes a first start observe" "$(ppn status --json | jq -r .seal.mode)" observe

# DHCP clients whose scripts add an address without a lifetime: the seal would stop their renewals all the same.
printf 'start 192.0.2.100\nend 192.0.2.110\ninterface eth0\nlease_file %s\noption subnet 255.255.255.0\n' "$WORLD/leases" >"$WORLD/udhcpd.conf"
touch "$WORLD/leases"
printf '#!/bin/sh\n[ "$1" != bound ] || ip addr add "$ip/24" dev "$interface"\n' >"$WORLD/udhcpc.sh"
chmod +x "$WORLD/udhcpc.sh"
is "an address without a client is for ever" "$(row address '192.0.2.2 ' .cut)" ""
node_start desk udhcpd busybox udhcpd -f -S "$WORLD/udhcpd.conf"
node_start box client udhcpc -f -i eth0 -s "$WORLD/udhcpc.sh" -t 5 -T 1
wait_for 10 bash -c "nsenter -t $(node_pid box client) -n ip -o addr show dev eth0 | grep -q 'inet 192.0.2.1[01]'"
is "udhcpc's, which holds no socket now" "$(node_exec box ss -Hunl sport = 68)$(row address '192.0.2.1[01]. ' '.cut + ", " + .keep')" \
	"refused, [underlay] eth0 = dhcp"
check "(in words)" grep -q "^refused .*on eth0, a DHCP client's" <(ppn seal check)
node_stop box client
is "without it, its address stays" "$(row address '192.0.2.1[01]. ' .cut)" ""
node_start desk other udhcpc -f -i eth0 -s /bin/true -t 1 -T 1 -A 100
wait_for 5 node_alive desk other
is "nor is one of another network its client" "$(row address '192.0.2.1[01]. ' .cut)" ""
node_stop desk other
node_start box dump tcpdump -i eth0 -w /dev/null
is "tcpdump is no client" "$(row address '192.0.2.1[01]. ' .cut)" ""
node_stop box dump
node_start box client nc -luk 0.0.0.0 68
wait_for 5 bash -c "[ -n \"\$(nsenter -t $(node_pid box client) -n ss -Hunl sport = 68)\" ]"
is "a client that listens: refused" "$(row address '192.0.2.1[01]. ' .cut)" refused
node_stop box client
node_exec box ip addr flush dev eth0 to 192.0.2.96/27
check "people read whose it is" grep -qE 'listener +tcp/8080 on 192.0.2.2 \(nc, [0-9]+\)' <(ppn seal check)
check "and how to keep it" grep -q 'keep it: \[rescue\] tcp/8080' <(ppn seal check)
is "nothing that the machine would not survive: exit 0" "$(exit_of ppn seal check)" 0

node_exec box ip addr add 192.0.2.77/24 dev eth0 valid_lft 600 preferred_lft 600
is "an address that lapses, its renewal sealed off: refused" "$(row address '192.0.2.77 ' '.cut + ", " + .keep')" \
	"refused, [underlay] eth0 = dhcp"
is "exit 8" "$(exit_of ppn seal check)" 8
is "seal --yes is refused: exit 8" "$(exit_of ppn seal --yes)" 8
check "(in words)" grep -q '192.0.2.77 on eth0.*keep it: \[underlay\] eth0 = dhcp' <(ppn seal --yes 2>&1 || :)
is "by ppnd itself, whoever asks" "$(node_exec box /usr/bin/python3 -c '
import json, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/ppn/ppnd.sock")
s.send(json.dumps({"verb": "seal"}).encode())
print(json.loads(s.recv(65536))["exit"])')" 8
is "and it observes as before" "$(ppn status --json | jq -r .seal.mode)" observe
check "it comes first" grep -q '^refused  address   192.0.2.77 on eth0' <(ppn seal check | head -1)
node_stop box ppnd
config '[underlay]\neth0 = dhcp\n'
start
is "with dhcp in its underlay it is kept" "$(row address '192.0.2.77 ' .cut)" kept
is "exit 0" "$(exit_of ppn seal check)" 0

check "seal --yes" ppn seal --yes
check "what it said: the rescue from its source" node_exec desk nc -z -w1 -s 192.0.2.1 192.0.2.2 22
check_fails "from no other" node_exec desk nc -z -w1 -s 192.0.2.9 192.0.2.2 22
check_fails "and not the rest" node_exec desk nc -z -w1 192.0.2.2 8080
node_stop box ppnd
