#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# tier: vm
#
# Other kernels than this one: what the BPF programs cost the verifier of the one that runs (on the kernels of vm/
# it is another each time), and what `ppn doctor --kernel` says of those that vm/ has fetched.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

CACHE=${PPN_VM_CACHE:-${HOME:-/root}/.cache/ppn-vm}

rc=0
"$PPN_BUILD/selftests/bpf/test_verifier" | sed 's/^/    /' || rc=$?
is "the verifier walks no further than it did" "$rc" 0

good() { # VERSION: nothing to say, and WireGuard is its own
	ppn doctor --kernel "$1" >"$WORLD/said" && ! grep -v '^ok' "$WORLD/said" &&
		grep -qE '^ok +wireguard +kernel, module' "$WORLD/said"
}

have_modules_folder
for suite in bookworm trixie sid; do
	if [ ! -s "$CACHE/$suite/version" ]; then
		skip "ppn doctor --kernel of $suite" "vm/fetch.sh $suite has not run"
		continue
	fi
	mount --bind "$CACHE/$suite/boot" /boot
	mount --bind "$CACHE/$suite/lib/modules" /lib/modules
	check "ppn doctor --kernel of $suite: nothing to say" good "$(<"$CACHE/$suite/version")"
	umount /boot /lib/modules
done
