#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 180
#
# The packages on Debian 12 and 13: clean by lintian; installed, nothing is enabled or started; upgraded and
# reinstalled under a flood without a gap; kept by a sealed machine; removed, nothing is left but identity and ledger.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"
world "$@"
# shellcheck source=selftests/boot/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

DEBS=$(debs)
is "lintian says nothing" "$(lintian --fail-on error,warning "$DEBS"/*.deb 2>&1 | grep -v 'root privileges')" ""

ppn() { inside ppn "$@"; }
enabled() { inside systemctl is-enabled "$1" 2>/dev/null || :; }
pid() { inside systemctl show -p MainPID --value ppnd.service; }
ended() { [ "$(pid)" = 0 ]; }
goes_on() {
	local now
	now=$(flooded)
	wait_for 10 moves $((now + 500)) flooded
}
# Of the next version: other bytes behind its program, which ELF does not read, tell it from the one before.
make_later() {
	local tree=$WORLD/later
	dpkg-deb -R "$DEBS"/ppnd_*.deb "$tree"
	sed -i 's/^Version: .*/&+later1/' "$tree/DEBIAN/control"
	echo later >>"$tree/usr/sbin/ppnd"
	dpkg-deb --root-owner-group -Znone -b "$tree" "$WORLD/later.deb"
}
version() { dpkg-deb -f "$1" Version; }
installed() { inside dpkg-query -W -f '${Version} ${db:Status-Status}' ppnd; }
runs() { sha256sum <"/proc/$LEADER/root/proc/$(pid)/exe"; }
left() { # what of a seal is still there
	inside bpftool -j net show dev host0 | jq -r '.[0] | (.xdp + .tc)[] | "program \(.id)"'
	inside find /sys/fs/bpf -path '*/ppn*'
	inside nft list tables | grep ppn || :
	inside tc qdisc show dev host0 | grep clsact || :
}

play() { # SUITE
	local suite=$1 was seen
	boot_root "$suite"
	systemctl --root="$ROOT" -q enable networking.service
	cp "$DEBS"/*.deb "$WORLD/later.deb" "$ROOT/root"
	boot
	wait_for 30 is_up
	wait_for 20 has_address
	check "$suite: installed" inside sh -c 'dpkg -i /root/ppnd_*.deb /root/ppn-admin_*.deb'
	is "$suite: nothing is enabled" "$(enabled ppnd) $(enabled ppn-seal) $(enabled ppn-admin)" "disabled disabled disabled"
	is "$suite: nothing runs" "$(inside pgrep -c 'ppn' || :)" 0
	check "$suite: the group of the socket is there" inside getent group ppn
	check "$suite: no compiler came along" inside sh -c '! command -v clang && ! command -v gcc'
	inside systemctl -q enable --now ppnd.service
	check "$suite: ppnd holds" wait_for 20 ppn wait holding --timeout 10
	# What was under way is past.
	was=$(forbidden)
	goes_on
	is "$suite: sealed" "$(forbidden)" "$was"
	seen=$(tapped)
	is "$suite: the one that was installed runs" "$(runs)" "$(sha256sum <"$ROOT/usr/sbin/ppnd")"
	check "$suite: upgraded" inside dpkg -i /root/later.deb
	is "$suite: it is the later one" "$(installed)" "$(version "$WORLD/later.deb") installed"
	check "$suite: it holds" wait_for 20 ppn wait holding --timeout 10
	is "$suite: the later ppnd runs" "$(runs)" "$(sha256sum <"$WORLD/later/usr/sbin/ppnd")"
	goes_on
	is "$suite: not one packet got through" "$(forbidden)" "$was"
	is "$suite: nor as far as a tap" "$(tapped)" "$seen"
	check_fails "$suite: a sealed machine keeps the package" inside dpkg -r ppnd
	check "$suite: and runs on" ppn wait holding --timeout 10
	is "$suite: still sealed" "$(forbidden)" "$was"
	check "$suite: unseal --yes" ppn unseal --yes
	check "$suite: ends ppnd" wait_for 10 ended
	is "$suite: nothing of the seal is left" "$(left)" ""
	check "$suite: removed" inside dpkg -r ppnd ppn-admin
	is "$suite: no unit is left" "$(inside sh -c 'ls /etc/systemd/system/*.wants /lib/systemd/system | grep ppn' || :)" ""
	check "$suite: purged" inside dpkg -P ppnd ppn-admin
	check "$suite: identity and ledger stay" inside test -s /var/lib/ppn/ledger
	check "$suite: they go when asked" inside sh -c \
		'dpkg -i /root/ppnd_*.deb && mkdir -p /etc/ppn && touch /etc/ppn/purge-state && dpkg -P ppnd && test ! -e /var/lib/ppn'
	shut_down
}

make_later >&2
play bookworm
play trixie

# Sealed by nftables alone, and by the blind seal alone.
boot_root bookworm
dpkg --root="$ROOT" -i "$DEBS"/ppnd_*.deb >/dev/null 2>&1
systemctl --root="$ROOT" -q enable networking.service ppn-seal.service
NO_BPFFS=1 boot
wait_for 30 is_up
wait_for 20 has_address
check_fails "blind, by nftables: kept as well" inside dpkg -r ppnd
inside mv /usr/sbin/nft /root/nft
check_fails "and where nft is missing" inside sh -c 'dpkg -r ppnd 2>/root/said'
check "(in words)" inside grep -q 'nft is missing' /root/said
inside mv /root/nft /usr/sbin/nft
inside systemctl -q start ppnd.service
check "what it says helps: start, unseal" wait_for 20 ppn unseal --yes
wait_for 10 ended
check "and remove" inside dpkg -r ppnd
is "nothing is left" "$(left)" ""
shut_down
