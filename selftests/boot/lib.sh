# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A whole machine with a real systemd, in a container on this kernel, and a stranger on its wire. Sourced after
# selftests/net/lib.sh and `world`, whose namespaces it lives in.
#
#   boot_root SUITE               a fresh copy of that suite's root in $ROOT
#   boot                          starts it; a flood is on its wire from the first second, and a tap in its network
#                                 before the wire is up. NO_BPFFS=1: with no place for a bpffs, so that BPF is refused
#   inside COMMAND...             in the running machine
#   forbidden                     what of the flood its stack has seen: datagrams and segments
#   tapped                        what of the flood the tap has seen. XDP drops before a tap, nftables behind it: only
#                                 where programs hold the wire is this to be 0
#   shut_down                     powers it off, or kills it
#   debs                          the folder of the packages, built when they are not, or are older than what goes in

BOOT_CACHE=${PPN_BOOT_CACHE:-${HOME:-/root}/.cache/ppn-boot}
ROOT=$WORLD/root
WIRE=ve-box
ADDRESS=192.0.2.2
FLOODED_BY='src host 192.0.2.66 or src host fe80::66' # as flood.c makes it

boot_root() {
	local suite=$1
	command -v systemd-nspawn >/dev/null || skip_all "no systemd-nspawn"
	[ ! -e "$BOOT_CACHE/lock" ] || flock "$BOOT_CACHE/lock" true # somebody makes them
	[ -e "$BOOT_CACHE/$suite/packages" ] || skip_all "no root of $suite: selftests/boot/fetch.sh makes it"
	mkdir -p "$WORLD/over"
	! mountpoint -q "$ROOT" || umount "$ROOT"
	! mountpoint -q "$WORLD/over" || umount "$WORLD/over"
	mount -t tmpfs tmpfs "$WORLD/over"
	mkdir -p "$WORLD/over/upper" "$WORLD/over/work" "$ROOT"
	mount -t overlay overlay -o "lowerdir=$BOOT_CACHE/$suite,upperdir=$WORLD/over/upper,workdir=$WORLD/over/work" "$ROOT"
	echo box >"$ROOT/etc/hostname"
	# Not a first boot: systemd would enable what it finds.
	systemd-id128 new >"$ROOT/etc/machine-id"
	# Not before the tap: a boot may be faster than tcpdump.
	printf 'auto lo\niface lo inet loopback\nauto host0\niface host0 inet static\n\taddress %s/24\n\tpre-up until [ -e /run/tapped ]; do sleep 0.05; done\n' "$ADDRESS" \
		>"$ROOT/etc/network/interfaces"
	mkdir -p "$ROOT/etc/ppn"
	printf '[node]\nexternal = host0\nbeacon_window = 0\n[seal]\nmode = enforce\n' >"$ROOT/etc/ppn/ppnd.conf"
}

debs() {
	local out=$PPN_BUILD/deb/out
	(
		flock 7
		cd "$PPN_TOP"
		[ ! -e "$out/made" ] || [ -n "$(find Makefile bpf include user scripts/deb scripts/deb.sh -newer "$out/made" -print -quit)" ] ||
			exit 0
		rm -f "$out"/*
		scripts/deb.sh "$out" >&2 && touch "$out/made"
	) 7>"$PPN_BUILD/deb.lock" || return 1
	echo "$out"
}

# In the root while it does not run.
in_root() {
	PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$ROOT" "$@"
}

_flood() {
	until ip link show "$WIRE" >/dev/null 2>&1; do sleep 0.01; done
	ip link set "$WIRE" up
	ip addr add 192.0.2.1/24 dev "$WIRE"
	exec flood "$WIRE" "$ADDRESS" 2000
}

boot() {
	mkdir -p "$WORLD/log" "$WORLD/bpf"
	# nspawn's /sys is a selection; a bpffs of the machine's own, empty as after a boot.
	! mountpoint -q "$WORLD/bpf" || umount "$WORLD/bpf"
	mount -t bpf bpf "$WORLD/bpf"
	_flood >"$WORLD/log/flood" 2>&1 &
	FLOOD=$!
	local bind=(--bind="$WORLD/bpf:/sys/fs/bpf")
	[ -z "${NO_BPFFS:-}" ] || bind=()
	(
		_own_cgroup
		export SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes SYSTEMD_NSPAWN_LOCK=0
		exec systemd-nspawn -q --boot --register=no --keep-unit \
			--private-network --network-veth --machine=box --capability=all --system-call-filter=bpf \
			"${bind[@]}" --console=pipe -D "$ROOT"
	) >"$WORLD/log/console" 2>&1 </dev/null &
	NSPAWN=$!
	wait_for 20 _leader
	LEADER=$(pgrep -P "$NSPAWN" -x systemd)
	_tap
}

# Where systemd keeps its units: two machines in one cgroup would take each other's for theirs.
_cgroups() {
	local root
	for root in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
		[ ! -w "$root/cgroup.procs" ] || echo "$root/ppn-${0##*/}"
	done
}

_own_cgroup() {
	local cgroup
	while read -r cgroup; do
		mkdir -p "$cgroup"
		echo "$BASHPID" >"$cgroup/cgroup.procs"
	done < <(_cgroups)
}

# False: somebody is still in it.
_drop_cgroup() {
	local cgroup
	while read -r cgroup; do
		[ ! -d "$cgroup" ] || find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || return 1
	done < <(_cgroups)
}

# On every device: one that is down cannot be listened to alone.
_tap() {
	nsenter -t "$LEADER" -n tcpdump -Z root -U --immediate-mode -s 64 -i any -w "$WORLD/log/tap.pcap" "$FLOODED_BY" \
		>"$WORLD/log/tap" 2>&1 &
	TAP=$!
	wait_for 10 grep -q 'listening on' "$WORLD/log/tap"
	! nsenter -t "$LEADER" -n ip link show dev host0 | grep -q '[<,]UP[,>]' ||
		{ echo "the tap came after the wire was up" >&2 && return 1; }
	inside touch /run/tapped
}

_leader() {
	pgrep -P "$NSPAWN" -x systemd
}

inside() {
	PATH=/usr/sbin:/usr/bin:/sbin:/bin nsenter -t "$LEADER" -m -u -i -n -p -C -- "$@"
}

is_up() {
	[ "$(inside systemctl show -p ActiveState --value multi-user.target)" = active ]
}

has_address() {
	inside ip -4 addr show dev host0 | grep -q "$ADDRESS"
}

# Of UDP, TCP and ICMP, past everything that drops. Not the unreachables: those are this machine's own, to itself, seconds
# after its answers to the flood before the seal found no neighbour.
forbidden() {
	inside cat /proc/net/snmp /proc/net/snmp6 | awk '
		/^Udp: [0-9]/ { n += $2 + $3 + $4 }
		/^Tcp: [0-9]/ { n += $11 }
		/^Icmp: [0-9]/ { n += $2 - $5 }
		/^Udp6(InDatagrams|NoPorts)/ { n += $2 }
		END { print n + 0 }'
}

tapped() {
	tcpdump -nn -r "$WORLD/log/tap.pcap" 2>/dev/null | wc -l
}

flooded() { # how many packets the wire has brought so far
	ip -s -j link show dev "$WIRE" | jq '.[0].stats64.tx.packets'
}

shut_down() {
	kill "$NSPAWN" 2>/dev/null || :
	kill "$FLOOD" "$TAP" 2>/dev/null || :
	wait "$NSPAWN" "$FLOOD" "$TAP" 2>/dev/null || :
	wait_for 5 _drop_cgroup || diag "a process of the machine is left in its cgroup"
}
