#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
#
# The seal as one of several XDP programs, by libxdp's dispatcher, which not every kernel takes; xdp-loader
# is the stranger's. A program that does not share is test_interfaces.sh's.
#
#   peer ---[lan]--- box:eth0     pings box all the time; counter.bpf.c counts what the seal lets through
#
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

FACTOR=${PPN_TIMEOUT_FACTOR:-1}
BOX=192.0.2.2
COUNTER=$PPN_BUILD/selftests/net/counter.bpf.o

net_bridge lan
node_add box
node_add peer
net_link box:eth0 lan
net_link peer:eth0 lan
node_exec box ip addr add $BOX/24 dev eth0
node_exec peer ip addr add 192.0.2.1/24 dev eth0

command -v xdp-loader >/dev/null || skip_all "no xdp-loader (package xdp-tools)"

loader() { node_exec box xdp-loader "$@"; }
load_counter() { loader load "$@" "$COUNTER"; }
on_device() { node_exec box ip -j -d link show dev eth0 | jq -r '.[0].xdp.prog.name'; }
programs() { loader status eth0; }
runs() { programs | grep -w "$1" >/dev/null; } # NAME: one of the dispatcher's
stranger_id() { programs | awk '{ for (i = 2; i <= NF; i++) if ($i == "counter") print $(i + 1) }'; }
counted() { # what the stranger's program was asked
	node_exec box bpftool -j map dump name counter_packets | jq '[.[].formatted.value] | add'
}

load_counter -m native eth0
[ "$(on_device)" = xdp_dispatcher ] || skip_all "this kernel takes no dispatcher of libxdp"

DIR=$(node_dir box)
mkdir -p "$DIR/etc"
configure() { # SHARE
	printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n[seal]\nmode = enforce\nshare = %s\n' \
		"$1" >"$DIR/etc/ppnd.conf"
}
start() {
	node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state"
	ppn wait holding --timeout $((20 * FACTOR))
}
ppn() { node_exec box ppn --state-dir "$DIR/state" "$@"; }
status() { (ppn status --json || [ $? = 5 ]) | jq -r ".seal.interfaces[0].$1"; }
says() { [[ $(status why) == *"$1"* ]]; }
exit_of() {
	local rc=0
	"$@" >/dev/null 2>&1 || rc=$?
	echo "$rc"
}
# Echo requests, and answers to none: what the stack has delivered.
reached() { node_exec box awk '/^Ip: [0-9]/ { print $10 }' /proc/net/snmp; }
dropped() { status dropped; }
drops() { # NAME: the seal drops; what reached the stack is counted at the end
	local old
	old=$(dropped)
	check "$1: drops" wait_for 5 moves "$((old + 5))" dropped
}
# What the seal lets pass, an ARP request, comes to the stranger; what it drops does not.
passes() {
	local old
	old=$(counted)
	node_exec peer ip neigh flush dev eth0
	wait_for 5 moves "$old" counted
}

node_start peer pinger ping -n -q -i 0.05 $BOX
check "before ppnd is there what peer sends reaches the stack" wait_for 5 moves 5 reached

# ---- a dispatcher that was there first ----------------------------------------------------------

STRANGER=$(stranger_id)
configure no
start
before=$(reached)
is "joins a dispatcher that is there" "$(status hold) $(on_device)" "native xdp_dispatcher"
check "status says that it is the weaker hold" says "no pinned link, others can take it off"
check "and names the stranger by id and name" says "shared with $STRANGER (counter) by libxdp's dispatcher"
is "which is no degradation" "$(exit_of ppn status)" 0
check "two programs" eval 'runs seal && runs counter'
is "the stranger's is the same" "$(stranger_id)" "$STRANGER"
drops "joined"
check "the stranger's program runs, behind ours" passes
node_stop box ppnd KILL
check "ppnd killed: both are still there" eval 'runs seal && runs counter'
start
check "the next ppnd: one seal, and the stranger's as it was" \
	eval '[ "$(programs | grep -cw seal)" = 1 ] && [ "$(stranger_id)" = "$STRANGER" ]'
drops "adopted"

# ---- the stranger takes everything off ----------------------------------------------------------

linked() { [ "$(status hold)" = native ] && [ "$(on_device)" = seal ]; }
loader unload eth0 --all
check "unload --all: noticed, and sealed again, by a link" wait_for 5 linked
check "logged" wait_for 5 grep -q 'took the seal off, put back: eth0' "$(node_log box ppnd)"
drops "sealed again"
check_fails "what is held by a link no dispatcher replaces" load_counter -m native eth0
check "and it holds" linked
check_fails "nor does unload take it off" loader unload eth0 --all
check "it holds still" linked
is "nothing reached the stack in all this" "$(reached)" "$before"

# ---- share = yes --------------------------------------------------------------------------------

ppn unseal --yes >/dev/null
node_stop box ppnd
configure yes
start
before=$(reached)
is "share = yes on a bare device: by a dispatcher" "$(status hold) $(on_device)" "native xdp_dispatcher"
check "said, with nobody named" says "eth0: shared by libxdp's dispatcher"
drops "shared"
load_counter -m native eth0
check "another's program comes: both run" eval 'runs seal && runs counter'
check "status names it" wait_for 5 eval 'says "shared with $(stranger_id) (counter) by"'
drops "with it"
check "it runs, behind ours" passes
loader unload eth0 --id "$(stranger_id)"
check "it goes: ours stays" runs seal
check "and status has forgotten it" wait_for 5 says "eth0: shared by libxdp's dispatcher"
loader unload eth0 --all
check "unload --all: shared again" wait_for 5 runs seal
drops "sealed again"
is "nothing reached the stack in all this" "$(reached)" "$before"
ppn unseal --yes >/dev/null
is "unseal leaves no program" "$(on_device)" null
