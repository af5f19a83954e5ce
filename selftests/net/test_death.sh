#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
# soak: 7200
#
# T4 and T9: ppnd and its worker die, hang and run out of memory, and the disk is full, read-only, slow, all under a
# flood. The seal does not notice: neither stack nor tap sees a forbidden packet, the pins stay what they are. The
# state is that of before, and a claim is refused with the reason or is made.
#
#   desk, stranger ---[lan]--- box
#
# Some of each here; PPN_SOAK=1 does what the plan says.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

KILLS=12 CRASHES=3 HANGS=1 HANG_S=2 WORKERS=5 RATE=20000
[ -z "${PPN_SOAK:-}" ] || KILLS=200 CRASHES=50 HANGS=20 HANG_S=5 WORKERS=100 RATE=200000

BOX=192.0.2.2
DIR=$(node_dir box)
DESK=$(node_dir desk)

net_bridge lan
for node in box desk stranger; do
	node_add $node
	net_link $node:eth0 lan
done
node_exec box ip addr add $BOX/24 dev eth0
node_exec desk ip addr add 192.0.2.1/24 dev eth0

mkdir -p "$DIR/etc" "$DIR/state"
# A disk of its own that can be filled.
node_exec box mount -t tmpfs -o size=64k,nr_inodes=32,mode=700 tmpfs "$DIR/state"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[seal]\nmode = enforce\n[underlay]\neth0 = static\n' >"$DIR/etc/ppnd.conf"
printf 'correct horse battery staple\n' >"$DESK/passphrase"
chmod 600 "$DESK/passphrase"
printf '[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"

admin() { node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"; }
ppn() {
	local verb=$1
	shift
	node_exec box ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}
status() { ppn status --json | jq -r "$1"; }
start() { # [COMMAND...]: in front of ppnd
	node_start box ppnd "$@" ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
}
holding() { ppn wait holding --timeout 10 >/dev/null; }
waiting() { [ "$(status .claim.endpoint)" = waiting ]; }
ended() { ! node_alive box ppnd; }
# The link is the same one; each ppnd swaps its own programs into it, and a later one sweeps the former's away.
pins() {
	node_exec box sh -c "ls $PPN_PINS $PPN_PINS/links; ls $PPN_PINS/programs | sed 's/-.*//' | sort -u"
	node_exec box bpftool -j link show pinned "$PPN_PINS/links/$(node_exec box cat /sys/class/net/eth0/ifindex)" | jq .id
}
same() { [ "$1" = "$("${@:2}")" ]; } # WAS COMMAND...
fds() { find "/proc/$(node_pid box ppnd)/fd" -mindepth 1 | wc -l; }
who() { status '[.identity, .fingerprint, .posture] | @csv'; }
dropped() { node_exec box bpftool -j map dump pinned "$PPN_PINS/seal_count" | jq '[.[].formatted.values[].value.packets] | add'; }
tapped() { grep -c ' > ' "$(node_log box tap)" || :; }

# nothing NAME: the flood goes on, and neither the stack nor a tap has seen any of it.
nothing() {
	wait_for 10 moves $(($(dropped) + 100)) dropped || { not_ok "$1: the flood has stopped"; return; }
	is "$1: nothing came through" "$(($(delivered box) - BEFORE)), tapped $(tapped)" "0, tapped 0"
}
still() { # NAME: sealed as before, the same node, and a ledger that is whole
	nothing "$1"
	check "$1: the same pins" wait_for 5 same "$HELD" pins
	is "$1: the same node" "$(who)" "$WHO"
	check "$1: the ledger verifies" ppn ledger verify
}

admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 100 --days 1 >"$DESK/invite"
install -m 600 "$DESK/invite" "$DIR/etc/invite"
node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin unlock --passphrase-file "$DESK/passphrase"

node_start stranger flood flood eth0 $BOX $RATE
wait_for 5 grep -q flooding "$(node_log stranger flood)"
check "unsealed, the stack sees the flood" wait_for 5 moves 100 delivered box
start
holding
wait_for 5 waiting
wait_for 10 moves 1000 dropped
wait_for 10 neighbours_settled box
BEFORE=$(delivered box) HELD=$(pins) WHO=$(who)
node_start box tap tcpdump -Z root -nn -l --immediate-mode -i any inbound and '(port 999 or icmp[icmptype] == icmp-echo or ip[6:2] & 0x3fff != 0)'
wait_for 10 grep -q 'listening on' "$(node_log box tap)"
nothing "at rest"
FDS=$(fds)

# ---- ppnd dies ------------------------------------------------------------------------------------

# Killed a little later each time: before it has a lock, while it adopts, in service.
for ((i = 0; i < KILLS; i++)); do
	node_stop box ppnd KILL
	start
	sleep "0.$(printf %03d $((i * 23 % 400)))"
done
holding
still "killed $KILLS times"

for ((i = 0; i < CRASHES; i++)); do
	node_stop box ppnd SEGV
	start
	holding
done
still "crashed $CRASHES times"

for ((i = 0; i < HANGS; i++)); do
	kill -STOP "$(node_pid box ppnd)"
	sleep $HANG_S
	kill -CONT "$(node_pid box ppnd)"
	ppn status >/dev/null
done
still "stopped $HANGS times for $HANG_S s"
is "file descriptors, after all this" "$(fds)" "$FDS"

# ---- no memory ------------------------------------------------------------------------------------

# The kernel kills whoever asks for more than its cgroup has.
out_of_memory() {
	node_stop box ppnd
	exec 7>"$CAGE/cgroup.procs" # the node's own /sys does not show it
	start bash -c 'echo $$ >&7 && exec "$@" 7>&-' -
	exec 7>&-
	wait_for 20 ended
	node_stop box ppnd
	is "out of memory: killed" "$STATUS" 137
	open_cage
	nothing "out of memory"
	start
	holding
	still "with memory again"
}
if cage 1; then
	out_of_memory
else
	skip "out of memory" "no memory cgroup, of v1 or of v2, that can be mounted here"
fi

# ---- its worker dies ------------------------------------------------------------------------------

worker() { status .claim.worker_pid; }
another() { [ "$(worker)" != "$1" ] && [ "$(worker)" != null ] && waiting; }
for ((i = 0; i < WORKERS; i++)); do
	old=$(worker)
	kill -SEGV "$old"
	wait_for 20 another "$old" || break
done
is "a worker that crashes is replaced, $WORKERS times" "$i" "$WORKERS"
still "its worker crashed $WORKERS times"
is "file descriptors" "$(fds)" "$FDS"

# ---- the disk -------------------------------------------------------------------------------------

files() { node_exec box sh -c "cd '$DIR/state' && ls -1A && cat ledger head identity | md5sum"; }
traced() { ! grep -q '^TracerPid:.0$' "/proc/$(node_pid box ppnd)/status"; }
syncs() { # INJECTION: what every sync of ppnd's does from now on
	node_start box trace strace -f -qq -o /dev/null -p "$(node_pid box ppnd)" -e trace=fsync,fdatasync -e "inject=fsync,fdatasync:$1"
	wait_for 5 traced
}
refused() { # NAME WORDS: a claim is, with those words in ppnd's log, and leaves nothing
	local was
	was=$(files)
	wait_for 10 waiting
	: >"$(node_log box ppnd)"
	check_fails "$1: a claim is refused" admin claim $BOX
	check "$1: ppnd says why" wait_for 5 grep -qi "$2" "$(node_log box ppnd)"
	is "$1: the state is what it was" "$(status .state)" holding
	is "$1: no file is half written" "$(files | grep -v '^fill')" "$(grep -v '^fill' <<<"$was")"
	BEFORE=$(delivered box) # the claim's own segments
	nothing "$1"
}
node_exec box sh -c "cat /dev/zero >'$DIR/state/fill' 2>/dev/null" || diag "the disk is full"
refused "no room" 'no space left'
node_exec box rm "$DIR/state/fill"

node_exec box sh -c "i=0; while : >'$DIR/state/fill'\$i; do i=\$((i + 1)); done 2>/dev/null" || diag "no inode is left"
refused "no inode" 'no space left'
node_exec box sh -c "rm '$DIR/state/fill'*"

# Longer, in all, than a claimant may wait.
syncs delay_enter=1000000
admin claim $BOX >/dev/null 2>&1 && said=claimed || said=failed
node_stop box trace
node_del desk # of a node that is bound WireGuard comes in
BEFORE=$(delivered box)
nothing "a disk that takes a second for a sync"
wait_for 20 eval '[[ "$(status .state)" = @(holding|bound) ]]'
check "nobody was told of a claim that is none" test "$said.$(status .state)" != claimed.holding
check "and the ledger verifies" ppn ledger verify

node_stop box ppnd
node_exec box mount -o remount,ro "$DIR/state"
: >"$(node_log box ppnd)"
start
wait_for 10 ended
check "a disk that is read-only: ppnd says so and ends" grep -q 'the ledger: Read-only file system' "$(node_log box ppnd)"
node_stop box ppnd
BEFORE=$(delivered box) # what was left of the claim's connection
nothing "read-only"
node_exec box mount -o remount,rw "$DIR/state"
start
check "writable again: it goes on" wait_for 10 eval '[[ "$(status .state)" = @(holding|bound) ]]'
nothing "writable again"
