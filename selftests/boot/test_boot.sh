#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
# soak: 7200
#
# T20: a machine boots under a flood. The seal is on before its network, whatever becomes of ppnd: not enabled,
# failing, slow, stopped. Not one forbidden packet reaches its stack, nor, where BPF holds, a tap that listens from
# before its wire is up. (nftables drops behind a tap: there the stack's counters alone are the judge.)
# PPN_SOAK=1: twenty times each.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
world "$@"
# shellcheck source=selftests/boot/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

machine() { # UNITS TO ENABLE; a drop-in of ppnd.service comes on stdin
	boot_root bookworm
	dpkg --root="$ROOT" -i "$DEBS"/ppnd_*.deb >"$WORLD/dpkg" 2>&1 || { cat "$WORLD/dpkg" >&2 && return 1; }
	mkdir -p "$ROOT/etc/systemd/system/ppnd.service.d"
	cat >"$ROOT/etc/systemd/system/ppnd.service.d/test.conf"
	# shellcheck disable=SC2086 # several units
	systemctl --root="$ROOT" -q enable $1
	boot
	wait_for 30 is_up
	wait_for 20 has_address
}
ppn() { inside ppn "$@"; }
restarts() { inside systemctl show -p NRestarts --value ppnd.service; }
late_is_up() { ip link show dev ve-late | grep -q LOWER_UP; }
late() { # a device that appears later
	ip link add ve-late type veth peer name late0 netns "$LEADER"
	ip link set ve-late up
	ip addr add 198.51.100.1/24 dev ve-late
	inside ip link set late0 up
	inside ip addr add 198.51.100.2/24 dev late0
	wait_for 5 late_is_up
}
late_answers() { ping -c 1 -W 1 198.51.100.2; }
nothing() { # WHERE: in the stack, and at the tap
	is "$1: nothing reaches the stack" "$(forbidden)" 0
	[ -n "${NO_BPFFS:-}" ] || is "$1: nor the tap" "$(tapped)" 0
}
goes_on() { # for a while longer
	local now
	now=$(flooded)
	wait_for 10 moves $((now + 1000)) flooded
}

DEBS=$(debs)
ROUNDS=1
[ -z "${PPN_SOAK:-}" ] || ROUNDS=20

# ---- no seal: the judges can see --------------------------------------------------------------

machine "networking.service" </dev/null
check "without the seal the flood reaches the stack" wait_for 10 moves 100 forbidden
check "and the tap" wait_for 10 moves 100 tapped
late
check "a device that appears later is answered on" wait_for 5 late_answers
shut_down

# ---- no ppnd ------------------------------------------------------------------------------------

without_ppnd() {
	machine "networking.service ppn-seal.service" </dev/null
	goes_on
	nothing "ppnd is not there"
	is "the seal's unit is" "$(inside systemctl is-active ppn-seal.service)" active
	check "it was on before the interface was" test \
		"$(inside systemctl show -p ExecMainExitTimestampMonotonic --value ppn-seal.service)" -lt \
		"$(inside systemctl show -p ExecMainStartTimestampMonotonic --value networking.service)"
	late
	check_fails "a device that appears later is dark" late_answers
	check "(though they know each other)" eval 'ip neigh show 198.51.100.2 dev ve-late | grep -q lladdr'
	nothing "(no more than the flood)"
	is "nothing of it is an error" "$(inside systemctl --failed --no-legend | wc -l)" 0
	shut_down
}

# ---- a failing one --------------------------------------------------------------------------------

failing_ppnd() {
	machine "networking.service ppn-seal.service ppnd.service" <<<$'[Service]\nExecStart=\nExecStart=/bin/false'
	wait_for 10 moves 1 restarts
	goes_on
	nothing "ppnd fails again and again"
	shut_down
}

# ---- and no BPF either ------------------------------------------------------------------------------

without_bpf() {
	NO_BPFFS=1
	# A machine with rules of its own: nftables.service flushes whatever is there when it starts.
	machine "networking.service nftables.service ppn-seal.service ppnd.service" <<<$'[Service]\nExecStart=\nExecStart=/bin/false'
	wait_for 10 moves 1 restarts
	goes_on
	nothing "BPF refused, ppnd failing"
	shut_down
	machine "networking.service ppn-seal.service ppnd.service" </dev/null
	check "BPF refused: ppnd holds" wait_for 20 ppn wait holding --timeout 10
	is "says that it is nftables" "$(ppn status --json | jq -r '.seal.interfaces[0].hold')" nft
	goes_on
	nothing "BPF refused"
	shut_down
	NO_BPFFS=
}

# ---- a slow one, and one that hangs -----------------------------------------------------------------

slow_ppnd() {
	machine "networking.service ppn-seal.service ppnd.service" <<<$'[Service]\nExecStartPre=/bin/sleep 3\nWatchdogSec=2'
	check "a slow ppnd comes at last" wait_for 20 ppn wait holding --timeout 10
	goes_on
	nothing "a slow ppnd"
	inside systemctl kill -s STOP ppnd.service
	check "a ppnd that hangs is started again" wait_for 15 moves 0 restarts
	check "and goes on" wait_for 20 ppn wait holding --timeout 10
	nothing "a ppnd that hung"
	check "the ledger verifies" ppn ledger verify
	shut_down
}

for ((round = 0; round < ROUNDS; round++)); do
	without_ppnd
	failing_ppnd
	without_bpf
	slow_ppnd
done
