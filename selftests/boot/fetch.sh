#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# selftests/boot/fetch.sh [bookworm|trixie]...: makes the root of each suite (default: both) in
# $PPN_BOOT_CACHE (~/.cache/ppn-boot), once: systemd, what the packages of `make deb` need, and what a test
# looks with. From the mirror that this machine already uses.
set -euo pipefail

cache=${PPN_BOOT_CACHE:-${HOME:-/root}/.cache/ppn-boot}

packages_of() {
	echo systemd systemd-sysv udev dbus iproute2 ifupdown procps kmod nftables libbpf1 libxdp1 \
		libhttp-parser2.9 libinih1 libjansson4 libmd0 libnftables1 libnl-3-200 libnl-genl-3-200 \
		libsodium23 libwslay1 init-system-helpers wireguard-go bpftool netcat-openbsd
	case $1 in
	bookworm) echo libevent-core-2.1-7 ;;
	*) echo libevent-core-2.1-7t64 ;;
	esac
}

mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
		grep -v -e security -e updates | head -n 1
}

make_root() {
	local suite=$1 root=$cache/$1 packages
	packages=$(packages_of "$suite" | tr -s ' \n' ',' | sed 's/,$//')
	[ "$(cat "$root/packages" 2>/dev/null)" != "$packages" ] || return 0
	rm -rf "$root.new" "$root"
	# force-unsafe-io: a root that a crash leaves half made has no list of packages, and is made anew.
	if ! mmdebstrap --mode=root --variant=minbase --include="$packages" --dpkgopt=force-unsafe-io \
		"$suite" "$root.new" "$(mirror)" >"$cache/$suite.log" 2>&1; then
		tail -n 3 "$cache/$suite.log" >&2
		return 1
	fi
	echo "$packages" >"$root.new/packages"
	mv "$root.new" "$root"
}

[ $# -gt 0 ] || set -- bookworm trixie
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
making=()
for suite; do
	make_root "$suite" &
	making+=("$!")
done
rc=0
for pid in "${making[@]}"; do
	wait "$pid" || rc=1
done
exit "$rc"
