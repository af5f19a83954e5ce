#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# scripts/setup.sh [build|test|vm|boot|deb|bench]...: installs the Debian packages that the named tiers
# need (default: build). Says what it installs; does nothing when nothing is missing.
set -euo pipefail

packages_of() {
	case $1 in
	build)
		# libc6-dev: apt's "recommended" in Debian's gcc, and these are installed without
		echo gcc libc6-dev make clang llvm bpftool pkg-config git ca-certificates \
			libbpf-dev libxdp-dev libelf-dev zlib1g-dev linux-libc-dev \
			libnl-3-dev libnl-genl-3-dev libnl-route-3-dev libnftables-dev \
			libsodium-dev libwslay-dev libhttp-parser-dev libmd-dev libevent-dev \
			libseccomp-dev libcap-ng-dev libjansson-dev libinih-dev
		;;
	test)
		echo libcmocka-dev clang clang-format clang-tidy cppcheck shellcheck \
			iproute2 iputils-ping nmap tcpdump wireguard-tools wireguard-go procps psmisc \
			ethtool nftables util-linux python3 python3-scapy python3-websockets udhcpc \
			busybox-static jq netcat-openbsd valgrind strace openssl file curl \
			dnsmasq-base isc-dhcp-client bind9-dnsutils ntpsec-ntpdig traceroute thc-ipv6
		;;
	vm)
		echo qemu-system-x86 udev busybox-static kmod python3 python3-requests \
			python3-argcomplete python3-pkg-resources xdp-tools
		;;
	deb) echo dpkg-dev lintian ;;
	boot) echo systemd-container mmdebstrap debian-archive-keyring iproute2 ;;
	bench) echo xdp-tools nftables iptables ethtool iproute2 gnuplot-nox jq ;;
	*)
		echo "setup: no tier '$1' (build, test, vm, boot, deb, bench)" >&2
		return 2
		;;
	esac
}

# missing PACKAGE...: those that dpkg does not have installed.
missing() {
	local package
	local -A have=()
	while read -r package; do
		have[${package%%:*}]=1
	done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
	for package; do
		[ -n "${have[$package]:-}" ] || echo "$package"
	done
}

# Debian's own, not one of its children: their package names and versions differ.
is_debian() {
	grep -qx 'ID=debian' /etc/os-release
}

explain_elsewhere() {
	echo "setup: this is not Debian. Install what these Debian packages hold, then run make again:"
	printf '%s\n' "$@" "libclang-rt-dev (of your clang)" | fmt -w 90 | sed 's/^/  /'
}

install_packages() {
	if [ "$(id -u)" -ne 0 ]; then
		echo "setup: needs root to install: $*" >&2
		return 1
	fi
	echo "setup: installing $*"
	apt_get update
	apt_get install -y --no-install-recommends "$@" >/dev/null
}

apt_get() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# clang_runtime: the package with the sanitizers of this release's clang, if they are not here.
clang_runtime() {
	local major
	[ ! -e "$(clang -print-file-name="libclang_rt.fuzzer-$(uname -m).a")" ] || return 0
	major=$(clang -dumpversion)
	echo "libclang-rt-${major%%.*}-dev"
}

main() {
	local tier package wanted=() lacking=()
	[ $# -gt 0 ] || set -- build
	for tier; do
		wanted+=("$(packages_of "$tier")")
	done
	# shellcheck disable=SC2206 # one word per package
	wanted=(${wanted[*]})
	if ! is_debian; then
		explain_elsewhere "${wanted[@]}" >&2
		exit 1
	fi
	mapfile -t lacking < <(missing "${wanted[@]}" | sort -u)
	[ ${#lacking[@]} -eq 0 ] || install_packages "${lacking[@]}"
	if [[ " $* " == *" test "* ]]; then
		package=$(clang_runtime)
		[ -z "$package" ] || install_packages "$package"
	fi
}

main "$@"
