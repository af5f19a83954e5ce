#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# vm/matrix.sh [--tier] [SUITE...]: runs the net tests in one boot of each suite's kernel (default:
# bookworm trixie sid) and prints their TAP. --tier: only those that say "tier: vm", which
# need the kernel's WireGuard. TESTS selects as everywhere. A boot has PPN_VM_TIMEOUT seconds: 5400, with
# --tier 2400.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PPN_BUILD=$(realpath -m "${PPN_BUILD:-build}")
export PPN_BUILD

# An emulated machine is 20 to 28 times slower; most of a test's time is waiting, though.
export PPN_TIMEOUT_FACTOR=10
# It has two processors, and a test keeps less than one of them busy.
export PPN_JOBS=3

# results_in FILE: how many results its TAP holds.
results_in() {
	grep -cE '^((not )?ok|1\.\.0)( |$)' "$1" || :
}

run_suite() {
	local suite=$1 rc=0 kept seen
	local out=$PPN_BUILD/vm/$suite
	rm -rf "$out"
	mkdir -p "$out"
	PPN_VM_OUT=$out PPN_LOG=/mnt/log vm/run.sh "$suite" -- selftests/run net 2>&1 |
		sed -u 's/\r$//' | tee "$out/console" || rc=$?
	# What the guest kept on its own must be what has come through the console.
	kept=$(find "$out/log/net" -name '*.count' -exec cat {} + | awk '{ n += $1 + $2 + $3 } END { print n + 0 }')
	seen=$(results_in "$out/console")
	if [ "$kept" != "$seen" ]; then
		echo "not ok - $suite: $seen results seen, $kept kept by the guest"
	elif [ "$rc" -ne 0 ] && ! grep -q '^not ok' "$out/console"; then
		echo "not ok - $suite: exit $rc"
	fi
}

main() {
	local suite
	# The whole tier takes an emulated machine more than an hour.
	local limit=5400
	if [ "${1:-}" = --tier ]; then
		limit=2400
		# None of that tier takes one.
		export PPN_ONLY_TIER=vm PPN_VM_NO_CARDS=1
		shift
		if ! grep -rlq '^# tier: vm' selftests/net; then
			echo "1..0 # SKIP no net test says tier: vm"
			return 0
		fi
	fi
	export PPN_VM_TIMEOUT=${PPN_VM_TIMEOUT:-$limit}
	[ $# -gt 0 ] || set -- bookworm trixie sid
	for suite; do
		run_suite "$suite"
	done
}

main "$@"
