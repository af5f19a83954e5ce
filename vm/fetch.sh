#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# vm/fetch.sh [bookworm|trixie|sid]...: fetches virtme-ng and the kernel of each suite (default:
# all) into $PPN_VM_CACHE (~/.cache/ppn-vm), once. The system's own apt is left alone: each
# suite has a private apt root in the cache, with the mirror this machine already uses.
#
# Leaves in the cache:
#   tools/                       virtme-ng, unpacked
#   SUITE/boot/vmlinuz-VERSION   SUITE/lib/modules/VERSION   SUITE/version
set -euo pipefail

cache=${PPN_VM_CACHE:-${HOME:-/root}/.cache/ppn-vm}

mirror() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
		grep -v -e security -e updates | head -n 1
}

# private_apt SUITE ARGUMENT...: apt that knows only that suite and writes only to the cache.
private_apt() {
	local root=$cache/apt/$1
	local tool=$2
	shift 2
	"$tool" -qq -o Dir::Etc::sourcelist="$root/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::lists="$root/lists" -o Dir::State::status="$root/status" \
		-o Dir::Cache::archives="$root/archives" -o Dir::Cache::pkgcache="" \
		-o Dir::Cache::srcpkgcache="" -o Acquire::Languages=none \
		-o APT::Sandbox::User=root "$@" </dev/null
}

prepare_apt() {
	local root=$cache/apt/$1 uri
	uri=$(mirror)
	if [ -z "$uri" ]; then
		echo "vm: apt knows no mirror; run apt-get update first" >&2
		return 1
	fi
	mkdir -p "$root/lists/partial" "$root/archives/partial"
	: >"$root/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $1 main" >"$root/sources.list"
	private_apt "$1" apt-get update
}

# unpack SUITE FOLDER PACKAGE...: downloads the packages and unpacks them into FOLDER.
unpack() {
	local suite=$1 into=$2 deb
	shift 2
	mkdir -p "$into"
	rm -f "$cache/apt/$suite"/*.deb
	(cd "$cache/apt/$suite" && private_apt "$suite" apt-get download "$@")
	for deb in "$cache/apt/$suite"/*.deb; do
		dpkg -x "$deb" "$into"
		rm -f "$deb"
	done
}

# kernel_packages SUITE: the newest image, by what linux-image-amd64 stands for. Newer suites
# split it into -base-, -binary- and -modules- packages.
kernel_packages() {
	local meta image arch
	arch=$(dpkg --print-architecture)
	meta=linux-image-$arch
	image=$(private_apt "$1" apt-cache depends "$meta" | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\).*/\1/p' | head -n 1)
	echo "$image"
	private_apt "$1" apt-cache depends "$image" |
		sed -n 's/.*Depends: \(linux-\(base\|binary\|modules\)-[0-9][^ ]*\).*/\1/p' | sort -u
}

# settle FOLDER: the layout that vng wants, whatever the packages' own is.
settle() {
	local into=$1 version
	mkdir -p "$into/boot" "$into/lib/modules" "$into/usr/lib/modules"
	version=$(find "$into/lib/modules" "$into/usr/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -V | tail -n 1)
	[ -d "$into/lib/modules/$version" ] || mv "$into/usr/lib/modules/$version" "$into/lib/modules/"
	[ -e "$into/boot/vmlinuz-$version" ] || cp "$into/lib/modules/$version/vmlinuz" "$into/boot/vmlinuz-$version"
	depmod -b "$into" "$version"
	echo "$version" >"$into/version"
}

fetch_kernel() {
	local suite=$1 packages
	[ ! -s "$cache/$suite/version" ] || return 0
	echo "vm: fetching the kernel of $suite"
	prepare_apt "$suite"
	mapfile -t packages < <(kernel_packages "$suite")
	rm -rf "${cache:?}/$suite"
	unpack "$suite" "$cache/$suite" "${packages[@]}"
	settle "$cache/$suite"
}

# virtme-ng is not in Debian 12; trixie's runs on Debian 12's python3.
fetch_tools() {
	[ ! -x "$cache/tools/usr/bin/vng" ] || return 0
	echo "vm: fetching virtme-ng"
	prepare_apt trixie
	unpack trixie "$cache/tools" virtme-ng
}

main() {
	local suite
	[ $# -gt 0 ] || set -- bookworm trixie sid
	mkdir -p "$cache"
	exec 9>"$cache/lock"
	flock 9
	fetch_tools
	for suite; do
		fetch_kernel "$suite"
	done
}

main "$@"
