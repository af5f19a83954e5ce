#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# ppnd --blind: sealed with no ppnd and nothing of the disk but the configuration; adopted by the ppnd that comes.
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
mkdir -p "$DIR/etc"
printf '[node]\nexternal = eth*\nbeacon_window = 0\n[seal]\nmode = enforce\n[rescue]\ntcp/22 = 192.0.2.1/32\n' \
	>"$DIR/etc/ppnd.conf"
node_start box server nc -lk 192.0.2.2 22

blind() { node_exec box ppnd --blind --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" "$@" 2>"$WORLD/said"; }
start() {
	node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
}
ppn() {
	local verb=$1
	shift
	node_exec box ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}
exit_of() {
	local rc=0
	"$@" 2>/dev/null || rc=$?
	echo "$rc"
}
link_of() { node_exec box bpftool -j net show dev "$1" | jq -r '.[0].xdp[0].id // "none"'; }
pinned() { node_exec box bash -c 'bpftool -j link show pinned /sys/fs/bpf/ppn/*/links/$(cat /sys/class/net/eth0/ifindex)' | jq .id; }
reaches() { node_exec desk ping -c1 -W1 "${1:-192.0.2.2}"; }

check "before it a stranger is answered" wait_for 5 reaches
is "a configuration that is wrong is an error, and touches nothing" \
	"$(exit_of node_exec box ppnd --blind --config "$DIR/etc/none.conf"; link_of eth0)" $'1\nnone'
printf '[seal]\nmode = observe\n' >"$DIR/etc/observe.conf"
is "one that observes seals nothing" "$(exit_of node_exec box ppnd --blind --config "$DIR/etc/observe.conf"; link_of eth0)" \
	$'0\nnone'

is "ppnd --blind" "$(exit_of blind)" 0
check_fails "then nobody is answered" reaches
check_fails "on no port, a rescue's neither: that is for later" node_exec desk nc -z -w1 192.0.2.2 22
check "by the program" test "$(link_of eth0)" != none
check "nothing was made but pins and tables" test ! -e "$DIR/state"
check "neighbours know each other" node_exec desk bash -c "ip neigh show 192.0.2.2 | grep -q lladdr"
LINK=$(pinned)
is "again: exit 0" "$(exit_of blind)" 0
is "the same link" "$(pinned)" "$LINK"

net_link box:eth1 desk:eth1
node_exec desk ip addr add 198.51.100.1/24 dev eth1
node_exec box ip addr add 198.51.100.2/24 dev eth1
is "a device that appears later has no program" "$(link_of eth1)" none
check_fails "and is dark" reaches 198.51.100.2

start
check "the ppnd that comes holds" ppn wait holding --timeout 10
is "by the link that was there" "$(pinned)" "$LINK"
check "and seals the other" test "$(link_of eth1)" != none
check "its policy has the rescue port" wait_for 5 node_exec desk nc -z -w1 192.0.2.2 22
node_stop box ppnd KILL
is "beside what a ppnd left: exit 0" "$(exit_of blind)" 0
check "its policy goes on" node_exec desk nc -z -w1 192.0.2.2 22
check_fails "and the rest is shut" reaches
start
check "that ppnd, started again" ppn wait holding --timeout 10
is "still by that link" "$(pinned)" "$LINK"
check "unseal --yes" ppn unseal --yes
node_wait_end() { ! node_alive box ppnd; }
wait_for 5 node_wait_end
node_stop box ppnd
check "takes off what the blind seal put on" wait_for 5 reaches
is "programs" "$(link_of eth0)" none
check_fails "pins" node_exec box test -e /sys/fs/bpf/ppn
is "and tables" "$(node_exec box nft list tables | grep -c ppn)" 0

# ---- somebody is logged in ------------------------------------------------------------------------

# Where no ppnd has been, and the configuration leaves it open: as ppnd's own first start, it cuts nobody off.
sed -i '/^\[seal\]/,/^mode/d' "$DIR/etc/ppnd.conf"
rm -r "$DIR/state"
session_lives() { node_exec box ss -Htn state established sport = 22 | grep -q 192.0.2.9; }
node_exec desk ip addr add 192.0.2.9/24 dev eth0
node_start desk session bash -c 'exec nc -s 192.0.2.9 192.0.2.2 22'
wait_for 5 session_lives
is "with a session: exit 0" "$(exit_of blind)" 0
check "(in words)" grep -q 'nothing is sealed, as there is a TCP session from 192.0.2.9 to port 22' "$WORLD/said"
check "nothing is put on" test "$(link_of eth0)" = none
check_fails "nor pinned" node_exec box test -e /sys/fs/bpf/ppn
check "and everybody is answered" wait_for 5 reaches
start
check "the ppnd that comes" ppn wait holding --timeout 10
is "observes for its sake" "$(ppn status --json | jq -r .seal.mode)" observe
check "(everybody is answered)" wait_for 5 reaches
check "unseal --yes" ppn unseal --yes
wait_for 5 node_wait_end
node_stop box ppnd
is "where a ppnd has been: exit 0" "$(exit_of blind)" 0
check_fails "it seals" reaches
node_exec box rm -r "$DIR/state"
is "where its pins are, and a session: exit 0" "$(exit_of blind)" 0
check_fails "(it does not say that nothing is sealed)" grep -q 'nothing is sealed' "$WORLD/said"
check "and takes nothing off" test "$(link_of eth0)" != none
node_exec box sh -c 'rm -r /sys/fs/bpf/ppn; ip link set dev eth0 xdp off; nft flush ruleset'
node_stop desk session KILL
wait_for 5 eval '! session_lives'
is "as at boot, without a session: exit 0" "$(exit_of blind)" 0
check_fails "it seals" reaches
