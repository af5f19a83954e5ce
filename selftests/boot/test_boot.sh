#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 180
#
# T20: a machine boots under a flood. The seal is on before its network, whatever becomes of ppnd: not enabled,
# failing, slow, stopped. Not one forbidden packet reaches its stack.
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
goes_on() { # for a while longer
	local now
	now=$(flooded)
	wait_for 10 moves $((now + 1000)) flooded
}

DEBS=$(debs)

# ---- no seal: the judge can see ---------------------------------------------------------------

machine "networking.service" </dev/null
check "without the seal the flood reaches the stack" wait_for 10 moves 100 forbidden
shut_down

# ---- no ppnd ------------------------------------------------------------------------------------

machine "networking.service ppn-seal.service" </dev/null
goes_on
is "ppnd is not there: nothing reaches the stack" "$(forbidden)" 0
is "the seal's unit is" "$(inside systemctl is-active ppn-seal.service)" active
check "it was on before the interface was" test \
	"$(inside systemctl show -p ExecMainExitTimestampMonotonic --value ppn-seal.service)" -lt \
	"$(inside systemctl show -p ExecMainStartTimestampMonotonic --value networking.service)"
inside ip link add late0 type veth peer name host1
inside ip link set host1 up
is "nothing of it is an error" "$(inside systemctl --failed --no-legend | wc -l)" 0
shut_down

# ---- a failing one --------------------------------------------------------------------------------

machine "networking.service ppn-seal.service ppnd.service" <<<$'[Service]\nExecStart=\nExecStart=/bin/false'
wait_for 10 moves 1 restarts
goes_on
is "ppnd fails again and again: nothing reaches the stack" "$(forbidden)" 0
shut_down

# ---- and no BPF either ------------------------------------------------------------------------------

# A machine with rules of its own: nftables.service flushes whatever is there when it starts.
NO_BPFFS=1
machine "networking.service nftables.service ppn-seal.service ppnd.service" <<<$'[Service]\nExecStart=\nExecStart=/bin/false'
wait_for 10 moves 1 restarts
goes_on
is "BPF refused, ppnd failing: nothing reaches the stack" "$(forbidden)" 0
shut_down
machine "networking.service ppn-seal.service ppnd.service" </dev/null
check "BPF refused: ppnd holds" wait_for 20 ppn wait holding --timeout 10
is "says that it is nftables" "$(ppn status --json | jq -r '.seal.interfaces[0].hold')" nft
goes_on
is "and nothing reaches the stack" "$(forbidden)" 0
shut_down
NO_BPFFS=

# ---- a slow one -----------------------------------------------------------------------------------

machine "networking.service ppn-seal.service ppnd.service" <<<$'[Service]\nExecStartPre=/bin/sleep 3\nWatchdogSec=2'
check "a slow ppnd comes at last" wait_for 20 ppn wait holding --timeout 10
goes_on
is "nothing reached the stack" "$(forbidden)" 0

# ---- one that hangs -------------------------------------------------------------------------------

inside systemctl kill -s STOP ppnd.service
check "a ppnd that hangs is started again" wait_for 15 moves 0 restarts
check "and goes on" wait_for 20 ppn wait holding --timeout 10
is "nothing reached the stack" "$(forbidden)" 0
check "the ledger verifies" ppn ledger verify
shut_down
