#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# vm/run.sh SUITE [--] COMMAND...: boots the kernel of a Debian suite (bookworm, trixie, sid) in an
# emulated machine over a copy-on-write view of this file system, runs COMMAND there as root in
# this directory, and ends with its exit code. /mnt in the guest is a folder of this machine:
# $PPN_VM_OUT, or one thrown away afterwards.
#
# The exit code comes back in a file of that folder: a guest that crashes or never gets
# there has failed, whatever it has printed. Time limit: PPN_VM_TIMEOUT seconds (1200).
#
# Environment that goes in: PPN_*, TESTS. More devices: PPN_VM_QEMU_OPTS. Every guest has the cards of `nics`, down
# until a test takes them; PPN_VM_NO_CARDS=1: none.
set -euo pipefail

here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
cache=${PPN_VM_CACHE:-${HOME:-/root}/.cache/ppn-vm}

# The cards, as WIRE MODEL[,OPTION...]. The Nth of a wire has the address 52:54:00:00:WIRE:N. What a wire carries goes to all
# on it. virtio takes XDP natively only without the host's offloads, and wants queues of its own for it; a bond by LACP wants
# ports that tell their speed.
nics=(
	"1 virtio-net-pci,mq=on,vectors=10,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off"
	"1 vmxnet3"
	"1 e1000"
	"1 e1000e"
	"1 virtio-net-pci"
	"2 virtio-net-pci,speed=1000,duplex=full"
	"2 virtio-net-pci,speed=1000,duplex=full"
	"3 e1000e"
	"3 virtio-net-pci,speed=1000,duplex=full"
)

nic_options() {
	local wire model
	local -A last=()
	while read -r wire model; do
		last[$wire]=$((${last[$wire]:-0} + 1))
		printf -- '-netdev hubport,id=n%s,hubid=%d -device %s,netdev=n%s,mac=52:54:00:00:%02x:%02x,romfile= ' \
			"$wire-${last[$wire]}" "$wire" "$model" "$wire-${last[$wire]}" "$wire" "${last[$wire]}"
	done < <(printf '%s\n' "${nics[@]}")
}

# guest_command OUT COMMAND...: what guest.sh will run; vng itself would lose the quotes.
guest_command() {
	local name
	for name in "${!PPN_@}" TESTS; do
		[[ -z ${!name+x} ]] || printf 'export %s=%q\n' "$name" "${!name}"
	done
	printf 'cd %q\n' "$PWD"
	printf '%q ' "$@"
	echo
}

main() {
	local suite=$1 out=${PPN_VM_OUT:-} version rc=0 opts=()
	shift
	[ "${1:-}" != -- ] || shift
	"$here/fetch.sh" "$suite"
	version=$(<"$cache/$suite/version")
	if [ -z "$out" ]; then
		out=$(mktemp -d)
		# shellcheck disable=SC2064 # the name as it is now
		trap "rm -rf '$out'" EXIT
	fi
	rm -f "$out/exit"
	guest_command "$@" >"$out/command"
	opts=(--run "$cache/$suite/boot/vmlinuz-$version" --disable-kvm --disable-microvm
		--cpus 2 --memory 2G "--rwdir=/mnt=$out")
	[ -n "${PPN_VM_NO_CARDS:-}" ] || PPN_VM_QEMU_OPTS="$(nic_options)${PPN_VM_QEMU_OPTS:-}"
	[ -z "${PPN_VM_QEMU_OPTS:-}" ] || opts+=("--qemu-opts=$PPN_VM_QEMU_OPTS")
	echo "# vm: booting Linux $version ($suite)"
	# Through a pipe: qemu truncates a console that is a file.
	PATH=$cache/tools/usr/bin:$PATH PYTHONPATH=$cache/tools/usr/lib/python3/dist-packages \
		timeout -k 10 "${PPN_VM_TIMEOUT:-1200}" /usr/bin/python3 "$cache/tools/usr/bin/vng" \
		"${opts[@]}" -- "$here/guest.sh" </dev/null | cat || rc=$?
	if [ ! -s "$out/exit" ]; then
		echo "# vm: Linux $version gave no verdict (vng: $rc)"
		exit 1
	fi
	rc=$(<"$out/exit")
	echo "# vm: Linux $version: exit $rc"
	exit "$rc"
}

if [ $# -lt 2 ]; then
	sed -n '4,14s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
	exit 2
fi
main "$@"
