# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# For tests and demonstrations on real packets: machines in network namespaces, waiting on
# conditions, TAP. A test begins
#
#     set -euo pipefail
#     . "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#     world "$@"
#
# and is from then on in a world of its own: PID 1 of new network, mount and PID namespaces. All
# that it starts, makes or pins is gone when it ends, also by kill -9.
#
# World
#   world "$@"                     enters it (needs root; else the whole test is skipped)
#   $WORLD                         its scratch folder, seen by every node at the same path
# Machines: each node has its own network namespace, host name, /run, /sys and bpffs
#   net_bridge NAME                a silent switch, outside every node
#   node_add NAME                  a machine; its folder is $(node_dir NAME)
#   net_link END END               a veth pair; END is NODE:DEVICE, or the name of a bridge
#   node_router NAME               forwards IPv4 and IPv6
#   node_exec NAME COMMAND...      runs there, in the foreground ("world": outside the nodes)
#   node_start NAME LABEL COMMAND...  in the background; output in $(node_log NAME LABEL)
#   node_stop NAME LABEL [SIGNAL]  ends it (TERM) and waits; its exit code in $STATUS
#   node_pid NAME LABEL            the program's own process id
#   node_alive NAME LABEL
#   node_reboot NAME               ends its processes; /run, bpffs, tc, nft, ppn0 start anew
#   node_del NAME
#   link_napi NAME DEVICE          lets a veth take frames that XDP redirects into it
# Packets
#   capture_start NAME DEVICE LABEL [FILTER...]
#   capture_stop NAME LABEL
#   capture_show NAME LABEL [FILTER...]      the packets, one a line, as tcpdump tells them
#   capture_count NAME LABEL [FILTER...]
#   delivered NAME                 what its stack has taken in: IPv4 of any kind, UDP over IPv6
#   sink NAME                      takes datagrams to port 999, which `flood` sends to   sunk NAME: how many so far
#   neighbours_settled NAME        it waits for none: what it answered an unsealed flood is sent or given up
# Waiting and judging
#   wait_for SECONDS COMMAND...    polls until it succeeds (times PPN_TIMEOUT_FACTOR); 1 if never
#   moves OLD COMMAND...           is the number that it prints above OLD?
#   check NAME COMMAND...          ok if it succeeds      check_fails NAME COMMAND...
#   is NAME GOT WANTED             ok NAME   not_ok NAME   skip NAME REASON
#   skip_all REASON                plan N (else the plan follows at the end)
#   diag TEXT...
#   have_wireguard                 does this kernel have it?
#   $PPN_PINS                      where the seal's maps, programs and links are pinned, in every node
#   cage MIB                       a memory cgroup in $CAGE (v1's or v2's); 1: none is to be had here. A node shows it where
#                                  a machine does by `cage_show NAME`. open_cage: ends who is in it, and takes it down
#   have_modules_folder            sees to it: something can be mounted on /lib/modules
#
# Programs of the build ($PPN_BUILD) and helpers (selftests/net/*.c) are on the PATH.
# PPN_SHELL=1 with a terminal: a shell in the world of a test that failed.

PPN_TOP=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
PPN_BUILD=$(realpath -m "${PPN_BUILD:-$PPN_TOP/build}")
PPN_PINS=/sys/fs/bpf/ppn/$(sed -n 's/^#define PPN_ABI \([0-9]*\)$/\1/p' "$PPN_TOP/include/ppn/maps.h")
export PPN_TOP PPN_BUILD PPN_PINS
export PATH=$PPN_BUILD:$PPN_BUILD/selftests/net:$PATH:/usr/local/sbin:/usr/sbin:/sbin
export WORLD=/run/world
STATUS=0 CAGE=''
declare -A _node_holder=() _node_pids=()
_tap_count=0 _tap_failed=0 _tap_plan='' _tap_quiet=''

# ---- TAP ----------------------------------------------------------------------------------

diag() {
	printf '# %s\n' "$*"
}

plan() {
	_tap_plan=$1
	echo "1..$1"
}

ok() {
	_tap_count=$((_tap_count + 1))
	echo "ok $_tap_count - $1"
}

not_ok() {
	_tap_count=$((_tap_count + 1))
	_tap_failed=$((_tap_failed + 1))
	echo "not ok $_tap_count - $1"
}

skip() {
	_tap_count=$((_tap_count + 1))
	echo "ok $_tap_count - $1 # SKIP $2"
}

skip_all() {
	_tap_plan=0
	echo "1..0 # SKIP $*"
	exit 0
}

# The command's own words go to stderr, which is shown when the test fails.
check() {
	local name=$1
	shift
	if "$@" >&2; then ok "$name"; else not_ok "$name"; fi
}

check_fails() {
	local name=$1
	shift
	if "$@" >&2; then not_ok "$name"; else ok "$name"; fi
}

is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		printf 'got:    %s\nwanted: %s\n' "$2" "$3" >&2
	fi
}

# Soon at first, then less often: to ask is to start programs, and keeps from work what is waited for.
wait_for() {
	local end=$(($(date +%s%N) + $1 * ${PPN_TIMEOUT_FACTOR:-1} * 1000000000)) pause_ms=25 pause
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$(date +%s%N)" -ge "$end" ]; then
			echo "waited in vain for: $*" >&2
			return 1
		fi
		printf -v pause '0.%03d' "$pause_ms"
		sleep "$pause"
		pause_ms=$((pause_ms < 200 ? 2 * pause_ms : pause_ms))
	done
}

moves() {
	[ "$("${@:2}")" -gt "$1" ]
}

# ---- world --------------------------------------------------------------------------------

world() {
	if [ -z "${PPN_WORLD:-}" ]; then
		[ "$(id -u)" -eq 0 ] || skip_all "needs root"
		PPN_WORLD=1 exec unshare -n -m -p -f --kill-child --mount-proc "$BASH" "$0" "$@"
	fi
	mount -t tmpfs tmpfs /run
	mkdir -p "$WORLD" /run/netns /run/wireguard
	mount -t bpf bpf /sys/fs/bpf
	ip link set lo up
	trap _world_end EXIT
	# PID 1 ignores what it does not catch.
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'echo "stopped at ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&2' ERR
}

# demo_world "$@": a world without TAP.
demo_world() {
	_tap_quiet=1
	world "$@"
}

_world_end() {
	local rc=$? key
	trap - ERR EXIT
	set +e
	if [ -z "$_tap_quiet" ]; then
		_sanitizers
		[ "$rc" -eq 0 ] || [ "$rc" -eq 130 ] || not_ok "${0##*/} ended early (exit $rc)"
		[ -n "$_tap_plan" ] || echo "1..$_tap_count"
	fi
	if [ "$_tap_failed" -gt 0 ]; then
		rc=1
		_show_logs >&2
		[ -z "${PPN_SHELL:-}" ] || "${SHELL:-bash}"
	fi
	[ -z "$CAGE" ] || open_cage # it is the machine's, not the world's
	# Coverage wants an orderly end; the namespace kills what is left.
	for key in "${!_node_pids[@]}"; do
		kill "${_node_pids[$key]}" 2>/dev/null
	done
	exit "$rc"
}

# Of sanitized programs: ends them in order, for what they say last, and fails a test that any complained in.
_sanitizers() {
	local key
	[[ $PPN_BUILD == */san ]] || return 0
	for key in "${!_node_pids[@]}"; do
		kill "${_node_pids[$key]}" 2>/dev/null
	done
	wait_for 10 _ended "${_node_pids[@]}"
	if grep -lE 'runtime error:|Sanitizer:' "$WORLD"/*/*.log >&2; then
		not_ok "no sanitizer complains"
	else
		ok "no sanitizer complains"
	fi
}

_ended() {
	local pid
	for pid; do
		! kill -0 "$pid" 2>/dev/null || return 1
	done
}

_show_logs() {
	local log
	for log in "$WORLD"/*/*.log; do
		[ -s "$log" ] || continue
		echo "== ${log#"$WORLD"/}"
		tail -n 60 "$log"
	done
}

# ---- machines -----------------------------------------------------------------------------

net_bridge() {
	ip link add "$1" type bridge mcast_snooping 0
	# A switch has no address: with one it would take forged routers into the neighbour table of all namespaces.
	ip link set dev "$1" addrgenmode none
	sysctl -qw "net.ipv6.conf.$1.disable_ipv6=1"
	ip link set dev "$1" up
}

node_dir() {
	echo "$WORLD/$1"
}

# What a node's first process does. The world's folder is the old /run's: from the working
# directory it can still be reached (-c: by no path) after the new /run covers it.
_node_init() {
	set -e
	cd "$WORLD"
	hostname "$1"
	mount -t tmpfs tmpfs /run
	mkdir -p "$WORLD" /run/netns /run/wireguard
	mount -c --bind . "$WORLD"
	mount -t sysfs sysfs /sys
	mount -t bpf bpf /sys/fs/bpf
	ip link set lo up
	: >"$WORLD/$1/.up"
	exec sleep infinity
}
export -f _node_init

# _node_hold NAME COMMAND...: COMMAND makes the namespaces; the node lives as long as its process.
_node_hold() {
	local name=$1
	shift
	rm -f "$WORLD/$name/.up"
	"$@" "$BASH" -c "_node_init '$name'" </dev/null >>"$WORLD/$name/holder.log" 2>&1 &
	_node_holder[$name]=$!
	wait_for 10 test -e "$WORLD/$name/.up"
}

node_add() {
	mkdir -p "$WORLD/$1"
	_node_hold "$1" unshare --net --mount --uts
	ip netns attach "$1" "${_node_holder[$1]}"
}

node_exec() {
	local name=$1
	shift
	if [ "$name" = world ]; then
		"$@"
	else
		nsenter -t "${_node_holder[$name]:?no node $name}" -m -n -u "--wdns=$WORLD/$name" -- "$@"
	fi
}

node_log() {
	echo "$WORLD/$1/$2.log"
}

node_start() {
	local name=$1 label=$2
	shift 2
	if node_alive "$name" "$label"; then
		echo "node_start: $name/$label runs already" >&2
		return 1
	fi
	mkdir -p "$WORLD/$name"
	if [ "$name" = world ]; then
		"$@" </dev/null >>"$WORLD/$name/$label.log" 2>&1 &
	else
		nsenter -t "${_node_holder[$name]:?no node $name}" -m -n -u "--wdns=$WORLD/$name" -- "$@" \
			</dev/null >>"$WORLD/$name/$label.log" 2>&1 &
	fi
	_node_pids[$name/$label]=$!
	# nsenter becomes the program; before that, signals would miss it.
	wait_for 5 _node_entered $!
}

_node_entered() {
	! grep -qx nsenter "/proc/$1/comm"
}

node_pid() {
	echo "${_node_pids[$1/$2]:?nothing started as $1/$2}"
}

node_alive() {
	local pid=${_node_pids[$1/$2]:-}
	[ -n "$pid" ] && kill -0 "$pid" 2>/dev/null
}

node_stop() {
	local pid=${_node_pids[$1/$2]:?nothing started as $1/$2}
	unset "_node_pids[$1/$2]"
	kill "-${3:-TERM}" "$pid" 2>/dev/null || :
	STATUS=0
	# shellcheck disable=SC2034 # for the test
	wait "$pid" 2>/dev/null || STATUS=$?
}

# Everything that lives in the node's network namespace, but its holder.
_node_kill() {
	local pid label
	for pid in $(ip netns pids "$1"); do
		[ "$pid" = "${_node_holder[$1]}" ] || kill -9 "$pid" 2>/dev/null || :
	done
	for label in "${!_node_pids[@]}"; do
		[[ $label != "$1"/* ]] || node_stop "$1" "${label#*/}" KILL
	done
}

# The wires stay plugged in; what a reboot forgets is forgotten.
node_reboot() {
	local name=$1 old=${_node_holder[$1]} device
	_node_kill "$name"
	for device in $(node_exec "$name" ls /sys/class/net); do
		node_exec "$name" tc qdisc del dev "$device" clsact 2>/dev/null || :
	done
	node_exec "$name" ip link del ppn0 2>/dev/null || :
	node_exec "$name" nft flush ruleset
	_node_hold "$name" nsenter -t "$old" -n -- unshare --mount --uts
	kill -9 "$old"
	wait "$old" 2>/dev/null || :
}

node_del() {
	_node_kill "$1"
	kill -9 "${_node_holder[$1]}"
	wait "${_node_holder[$1]}" 2>/dev/null || :
	unset "_node_holder[$1]"
	ip netns del "$1"
}

node_router() {
	node_exec "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# _link_place DEVICE END: moves one end of a veth pair to where it belongs.
_link_place() {
	local node=${2%%:*}
	if [ "$node" = "$2" ]; then
		ip link set dev "$1" master "$2" addrgenmode none up
	else
		ip link set dev "$1" netns "${_node_holder[$node]:?no node $node}" name "${2#*:}"
		node_exec "$node" ip link set dev "${2#*:}" up
	fi
}

net_link() {
	_link_serial=$((${_link_serial:-0} + 1))
	ip link add "va$_link_serial" type veth peer name "vb$_link_serial"
	_link_place "va$_link_serial" "$1"
	_link_place "vb$_link_serial" "$2"
}

link_napi() {
	node_exec "$1" ethtool -K "$2" gro on
}

have_wireguard() {
	ip link add wgprobe type wireguard 2>/dev/null && ip link del wgprobe
}

# A machine whose kernel has everything built in has no such folder.
have_modules_folder() {
	[ ! -d /lib/modules ] || return 0
	mkdir "$WORLD/lib" "$WORLD/lib.work"
	mount -t overlay -o "lowerdir=/usr/lib,upperdir=$WORLD/lib,workdir=$WORLD/lib.work" overlay /usr/lib
	mkdir /usr/lib/modules
}

# /srv: a place that nodes made from now on see, too.
cage() {
	local file=memory.limit_in_bytes
	_CAGE_AT=/sys/fs/cgroup/memory
	if ! mount -t cgroup -o memory memory /srv 2>/dev/null; then
		file=memory.max _CAGE_AT=/sys/fs/cgroup
		mount -t cgroup2 cgroup2 /srv && echo +memory >/srv/cgroup.subtree_control || return 1
	fi
	CAGE=$(mktemp -d /srv/ppn.XXXXXX)
	echo "$1M" >"$CAGE/$file"
}

cage_show() {
	node_exec "$1" mount -t tmpfs tmpfs /sys/fs/cgroup
	node_exec "$1" mkdir -p "$_CAGE_AT"
	node_exec "$1" mount --bind /srv "$_CAGE_AT"
}

# A cgroup goes when nobody is in it any more.
open_cage() {
	local pid
	while read -r pid; do
		kill -KILL "$pid" 2>/dev/null || :
	done <"$CAGE/cgroup.procs"
	wait_for 5 rmdir "$CAGE"
	CAGE=
	umount /srv
}

# ---- packets ------------------------------------------------------------------------------

capture_start() {
	local name=$1 device=$2 label=$3
	shift 3
	rm -f "$(node_log "$name" "$label")" # an earlier one of this label listens no more
	node_start "$name" "$label" tcpdump -Z root -U --immediate-mode -i "$device" \
		-w "$WORLD/$name/$label.pcap" "$@"
	wait_for 10 grep -q 'listening on' "$(node_log "$name" "$label")"
}

capture_stop() {
	node_stop "$1" "$2" INT
}

capture_show() {
	local file=$WORLD/$1/$2.pcap
	shift 2
	tcpdump -nn -e -r "$file" "$@" 2>/dev/null
}

capture_count() {
	capture_show "$@" | wc -l
}

# Of echo requests and closed ports, too: what no interface dropped.
delivered() {
	node_exec "$1" awk '
		/^Ip:/ { n = split($0, f); if (f[2] ~ /^[0-9]/) total += f[10] }
		/^Udp6(InDatagrams|NoPorts|InErrors)/ { total += $2 }
		END { print total + 0 }' /proc/net/snmp /proc/net/snmp6
}

# A byte a datagram.
sink() {
	node_start "$1" sink /usr/bin/python3 -uc '
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 999))
while s.recv(64): print(end=".")'
	wait_for 5 node_exec "$1" sh -c 'ss -Hlun sport = 999 | grep -q .'
}

sunk() {
	wc -c <"$(node_log "$1" sink)"
}

# An answer to whom nobody finds comes back after seconds, as an ICMP error by lo, and counts as delivered.
neighbours_settled() {
	[ -z "$(node_exec "$1" ip neigh show nud incomplete)" ]
}
