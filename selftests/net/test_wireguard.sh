#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# kernel/wireguard by wgdrive, judged by wg: the backend that is chosen on this kernel, whole. Where it has
# WireGuard that must be it, else wireguard-go, whose process has tests of its own.
# tier: vm
# timeout: 240
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

SECRET=iAqVNPYYSNZwBJmdpCKKz0hD1Ej3TDDNqd0HCwFDxXo=

# drive IF VERB ...: with the backend under test.
drive() { wgdrive wg "$backend" "$@"; }
# refuses ERRNO COMMAND...: fails with that error and no other.
refuses() {
	local want=$1 out
	shift
	if out=$("$@" 2>&1); then
		echo "not refused: $*"
		return 1
	fi
	same "wg: $want" "$out"
}
same() {
	[ "$1" = "$2" ] && return 0
	printf 'wanted: %s\ngot:    %s\n' "$1" "$2"
	return 1
}
key() { printf 'peer %s' "$1" | sha256sum | xxd -r -p | base64; }
index() { ip -j link show dev "$1" | jq '.[0].ifindex'; }
flag() { ip -j link show dev "$1" | jq -e --arg flag "$2" '.[0].flags | index($flag)' >/dev/null; }
exists() { ip link show dev "$1" >/dev/null 2>&1; }
process() { pgrep -fx "wireguard-go $1"; }
# field IF KEY NUMBER: of that peer's line in wg's dump.
field() { wg show "$1" dump | awk -v k="$2" -v n="$3" '$1 == k { print $n }'; }
endpoint() { field "$1" "$2" 3; }

# roster FIRST COUNT: peers of every kind: v4, v6 and no endpoint; 0 to 4 prefixes; keepalive or not.
roster() {
	/usr/bin/python3 - "$1" "$2" <<-'END'
		import base64, hashlib, sys
		first, count = map(int, sys.argv[1:])
		for i in range(first, first + count):
		    key = base64.b64encode(hashlib.sha256(b"peer %d" % i).digest()).decode()
		    endpoint = ("-", "192.0.2.%d:%d" % (i % 250 + 1, 1000 + i), "[2001:db8::%x]:51820" % i)[i % 3]
		    allowed = ",".join("fd00:%x:%x::/%d" % (i, j, 48 + j) for j in range(i % 5))
		    print(key, endpoint, i % 2 * 25, allowed or "-")
	END
}
set_peers() { drive t0 peers 2>>"$WORLD/times"; }
agrees() {
	drive t0 dump | sort >"$WORLD/ours" && wg show t0 dump | sort >"$WORLD/theirs" &&
		diff "$WORLD/ours" "$WORLD/theirs"
}
# becomes CHANGED: the roster on stdin takes that many edits, then none, and wg sees the same as we.
becomes() {
	cat >"$WORLD/roster" && same "changed $1" "$(set_peers <"$WORLD/roster")" && agrees &&
		same "$(awk '{ print $1 }' "$WORLD/roster" | sort)" "$(wg show t0 peers | sort)" &&
		same "changed 0" "$(set_peers <"$WORLD/roster")"
}

# -- both backends --

created() {
	local said
	said=$(drive t0 open) && same "$backend $(index t0)" "$said" &&
		same "$said" "$(drive t0 open)" &&
		! flag t0 UP && wg show t0 >/dev/null && agrees
}

own_key_and_port() {
	drive t0 self "$SECRET" 51821 && same "$SECRET" "$(wg show t0 private-key)" &&
		same 51821 "$(wg show t0 listen-port)" && agrees || return 1
	drive t0 self "$SECRET" 51822 && same 51822 "$(wg show t0 listen-port)" &&
		same "$SECRET" "$(wg show t0 private-key)" &&
		drive t0 self "$SECRET" 51821 &&
		refuses EINVAL drive t0 self "$(head -c 32 /dev/zero | base64)" 51821
}

# Across every border of a message: 1, 20 and 21, 90 and 91, 1,000 peers, and back.
any_number() {
	local n had=0
	for n in 0 1 20 21 90 91 1000 21 0; do
		roster 0 "$n" | becomes $((n > had ? n - had : had - n)) || return 1
		had=$n
	done
	roster 0 90 | becomes 90 && roster 50 90 | becomes 100
}

only_what_differs() {
	roster 0 20 | becomes 110 && roster 0 20 | sed '2s/ 25 / 7 /' | becomes 1 &&
		same 7 "$(field t0 "$(key 1)" 8)" &&
		roster 0 20 | becomes 1 || return 1
	roster 0 20 | sed '2s/:1001 /:9 /' | becomes 1 &&
		same 192.0.2.2:9 "$(endpoint t0 "$(key 1)")" || return 1
	# No endpoint asked for: the one it has stays.
	roster 0 20 | sed '2s/ [^ ]*:1001 / - /' | becomes 0 &&
		same 192.0.2.2:9 "$(endpoint t0 "$(key 1)")" &&
		roster 0 20 | becomes 1 || return 1
	# A prefix moves from one peer to another.
	roster 0 20 | sed '2s/ [^ ]*$/ -/; 1s/-$/fd00:1::\/48/' | becomes 2 &&
		same fd00:1::/48 "$(field t0 "$(key 0)" 4)" &&
		roster 0 20 | becomes 2
}

# What somebody else put there, and no roster can say, goes.
foreign_things_go() {
	local k
	k=$(key 1)
	wg set t0 peer "$k" preshared-key <(wg genpsk) && roster 0 20 | becomes 1 &&
		same "(none)" "$(field t0 "$k" 2)" || return 1
	wg set t0 peer "$k" allowed-ips fd00:1::/48,10.0.0.0/8 && roster 0 20 | becomes 1 || return 1
	wg set t0 peer "$k" allowed-ips "$(seq -s, -f 'fd00:1:%g::/48' 0 299)" &&
		same 300 "$(field t0 "$k" 4 | tr , '\n' | wc -l)" &&
		roster 0 20 | becomes 1 && wg set t0 peer "$(key 4000)" && roster 0 20 | becomes 1
}

# Peers whose prefixes do not fit one message of the kernel's.
long_answers() {
	local i
	for i in $(seq 1 40); do
		wg set t0 peer "$(key "$i")" allowed-ips "$(seq -s, -f "fd00:$i:%g::/48" 0 249)" || return 1
	done
	same "$(wg show t0 peers | sort)" "$(drive t0 dump | sed 1d | awk '{ print $1 }' | sort)" &&
		same 40 "$(drive t0 dump | grep -c foreign)" && roster 0 20 | becomes 40
}

one_at_a_time() {
	local k
	k=$(key 5000)
	drive t0 set "$k 192.0.2.9:9 3 fd05::/64" && same 192.0.2.9:9 "$(endpoint t0 "$k")" &&
		same fd05::/64 "$(field t0 "$k" 4)" &&
		same 3 "$(field t0 "$k" 8)" && drive t0 set "$k - 0 -" &&
		same 192.0.2.9:9 "$(endpoint t0 "$k")" &&
		same "(none)" "$(field t0 "$k" 4)" && same off "$(field t0 "$k" 8)" || return 1
	drive t0 remove "$k" && same "" "$(field t0 "$k" 1)" && drive t0 remove "$k" &&
		roster 0 20 | becomes 0
}

impossible_is_refused() {
	wg show t0 dump | sort >"$WORLD/before"
	{ roster 0 2 && roster 1 1; } | refuses EINVAL set_quiet && { roster 0 2 &&
		echo "$(key 9) - 0 fd00:1::/48"; } |
		refuses EINVAL set_quiet && echo "$(key 9) - 0 fd00::/129" | refuses EINVAL set_quiet &&
		echo "$(head -c 32 /dev/zero | base64) - 0 -" | refuses EINVAL set_quiet &&
		refuses EINVAL drive t0 set "$(key 9) - 0 fd00::/129" &&
		wg show t0 dump | sort | diff "$WORLD/before" - || return 1
	# Itself among its peers: left out.
	{ roster 0 20 && echo "$(wg pubkey <<<"$SECRET") 192.0.2.1:1 0 fd09::/64"; } >"$WORLD/roster"
	same "changed 0" "$(set_peers <"$WORLD/roster")"
}
set_quiet() { drive t0 peers 2> >(grep -v ' ms$' >&2); }

bad_names() {
	local name
	for name in "" . .. ../x a/b "a b" sixteen-letters1 'x;y' .x; do
		refuses EINVAL drive "$name" open || return 1
	done
	ip link add taken type bridge && refuses EEXIST drive taken open && ip link del taken || return 1
	# A TUN device that nobody answers for.
	ip tuntap add dev lone mode tun && refuses EEXIST drive lone open && ip link del lone
}

# One creates it and is killed: the next finds it as it was.
adopted() {
	local before
	drive a0 hold >"$WORLD/hold" &
	wait_for 5 grep -q "$backend" "$WORLD/hold" || return 1
	drive a0 self "$SECRET" 51830 && drive a0 set "$(key 1) 192.0.2.1:1 0 fd01::/64" &&
		wg show a0 dump >"$WORLD/before" &&
		before=$(cat "$WORLD/hold") || return 1
	kill -9 $! && { wait $! || :; } && same "$before" "$(drive a0 open)" &&
		same "$before" "$(wgdrive wg any a0 open)" &&
		drive a0 dump | diff "$WORLD/before" - &&
		refuses EEXIST wgdrive wg "$other" a0 open && drive a0 delete && ! exists a0
}

deleted() {
	exists t0 && drive t0 delete && ! exists t0 && ! wg show t0 2>/dev/null && ! process t0
}

# -- two machines --

machines() {
	local n
	for n in 1 2; do
		node_exec "m$n" wgdrive wg "$backend" ppn0 self "${secret[n]}" 51820 &&
			node_exec "m$n" wgdrive link up ppn0 &&
			node_exec "m$n" wgdrive link address ppn0 "fd00:1:2:$n::1/112" &&
			node_exec "m$n" wgdrive link fleet ppn0 fd00:1:2::/48 || return 1
	done
}
ping_to() { node_exec "$1" ping -6 -c 1 -W 2 "$2" >/dev/null; }
learnt() { node_exec "$1" wg show ppn0 endpoints | cut -f2; }
peers_of() { node_exec "$1" wgdrive wg "$backend" ppn0 peers 2>>"$WORLD/times"; }

first_ping() {
	local began
	same "changed 1" "$(peers_of m2 <<<"${public[1]} - 0 fd00:1:2:1::/112")" || return 1
	began=$(date +%s%N)
	same "changed 1" "$(peers_of m1 <<<"${public[2]} 192.0.2.2:51820 0 fd00:1:2:2::/112")" &&
		ping_to m1 fd00:1:2:2::1 || return 1
	took=$(($(date +%s%N) - began))
	same 192.0.2.1:51820 "$(learnt m2)" && ping_to m2 fd00:1:2:1::1
}

# The roster has it elsewhere by now; the tunnel works, so nobody touches it.
fresh_endpoint_kept() {
	same "changed 0" "$(peers_of m1 <<<"${public[2]} 192.0.2.99:7 0 fd00:1:2:2::/112")" &&
		same 192.0.2.2:51820 "$(learnt m1)" && ping_to m1 fd00:1:2:2::1 || return 1
	# Other fields are set all the same.
	same "changed 1" "$(peers_of m1 <<<"${public[2]} 192.0.2.99:7 25 fd00:1:2:2::/112")" &&
		same 192.0.2.2:51820 "$(learnt m1)"
}

# wireguard-go holds on to its lost source address until a handshake fails: 15 s.
roams() {
	node_exec m2 ip address del 192.0.2.2/24 dev eth0 &&
		node_exec m2 ip address add 192.0.2.22/24 dev eth0 &&
		wait_for 30 roamed &&
		same "changed 0" "$(peers_of m1 <<<"${public[2]} 192.0.2.2:51820 25 fd00:1:2:2::/112")" &&
		same 192.0.2.22:51820 "$(learnt m1)" && ping_to m1 fd00:1:2:2::1
}
roamed() { ping_to m2 fd00:1:2:1::1 && [ "$(learnt m1)" = 192.0.2.22:51820 ]; }

# An address of one link only: the endpoint goes with its device, which wireguard-go knows but does not tell.
link_local_endpoint() {
	local far seen scope=%eth0
	far=$(node_exec m2 ip -j -6 address show dev eth0 scope link | jq -r '.[].addr_info[].local | select(.)') &&
		node_exec m1 wgdrive wg "$backend" ppn0 set "${public[2]} [$far%eth0]:51820 0 fd00:1:2:2::/112" &&
		seen=$(learnt m1) && same "[$far]:51820" "${seen/"$scope"/}" &&
		{ [ "$backend" = userspace ] || [[ $seen == *"$scope"* ]]; } &&
		wait_for 5 ping_to m1 fd00:1:2:2::1 &&
		node_exec m1 wgdrive wg "$backend" ppn0 dump | diff - <(node_exec m1 wg show ppn0 dump)
}

# A third peer that never answered is nobody's to keep; one that is taken out is gone at once.
stale_endpoint_set() {
	local k
	k=$(key 7)
	peers_of m1 <<<"$k 192.0.2.98:1 0 -" && ! ping_to m1 fd00:1:2:2::1 2>/dev/null &&
		same "changed 1" "$(peers_of m1 <<<"$k 192.0.2.97:2 0 -")" &&
		same 192.0.2.97:2 "$(learnt m1)"
}

gone() { node_exec "$1" wgdrive wg "$backend" ppn0 delete &&
	! node_exec "$1" ip link show ppn0 2>/dev/null; }

# -- the process of the userspace backend --

process_is_its_own() {
	local pid parent sid group our_sid our_group fd
	drive p0 open >/dev/null && pid=$(process p0) &&
		read -r parent sid group < <(ps -o ppid=,sid=,pgid= -p "$pid") &&
		read -r our_sid our_group < <(ps -o sid=,pgid= -p $$) &&
		same 1 "$parent" && [ "$sid" != "$our_sid" ] && [ "$group" != "$our_group" ] || return 1
	for fd in 0 1 2; do
		same /dev/null "$(readlink "/proc/$pid/fd/$fd")" || return 1
	done
	# Neither our files nor our environment go with it.
	same "" "$(find "/proc/$pid/fd" -lname "$WORLD/*")" &&
		same 700 "$(stat -c %a /run/wireguard/p0.sock)" &&
		same "LOG_LEVEL=silent WG_PROCESS_FOREGROUND=1" "$(tr '\0' '\n' <"/proc/$pid/environ" | sort | xargs)"
} 3>"$WORLD/leak"

# It died and left its socket and no device: a new one is made.
stale_socket() {
	local old
	old=$(process p0) && kill -9 "$old" && wait_for 5 no_device p0 &&
		[ -S /run/wireguard/p0.sock ] &&
		same "userspace" "$(drive p0 open | cut -d' ' -f1)" && [ "$(process p0)" != "$old" ]
}
no_device() { ! exists "$1"; }

other_namespace() {
	refuses EADDRINUSE unshare -n wgdrive wg userspace p0 open &&
		refuses EADDRINUSE unshare -n -p -f --mount-proc wgdrive wg userspace p0 open &&
		refuses EADDRINUSE unshare -n sh -c "ip tuntap add dev p0 mode tun && exec wgdrive wg any p0 open" &&
		process p0 && exists p0
}

# A socket of another user's: no secret is sent there.
socket_of_a_stranger() {
	local listener
	setpriv --reuid 65534 --clear-groups /usr/bin/python3 - "$WORLD/strange/sock" <<-'END' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen()
		s.accept()[0].recv(1)
	END
	listener=$!
	wait_for 5 listens "$WORLD/strange/sock" &&
		ln -s "$WORLD/strange/sock" /run/wireguard/s0.sock &&
		refuses EPERM drive s0 open && wait "$listener" && rm /run/wireguard/s0.sock
}
listens() { grep -q "00010000.*$1\$" /proc/net/unix; }

hung() {
	mkfifo "$WORLD/go"
	drive p0 delete-later <"$WORLD/go" >"$WORLD/ready" &
	exec 8>"$WORLD/go"
	wait_for 5 grep -q ready "$WORLD/ready" && kill -STOP "$(process p0)" &&
		refuses ETIMEDOUT drive p0 dump && exists p0 || return 1
	exec 8>&-
	wait $! && ! exists p0 && ! process p0
}

no_program() {
	echo junk >"$WORLD/junk" && chmod 755 "$WORLD/junk" && refuses ENOENT hide /dev/null &&
		refuses ECHILD hide /bin/true &&
		refuses ENOEXEC hide "$WORLD/junk" && ! exists q0 && ! process q0
}
# hide FILE: with that in the place of wireguard-go.
hide() {
	unshare -m sh -c 'mount --bind "$1" "$(command -v wireguard-go)" && exec wgdrive wg userspace q0 open' - "$1"
}

# -- all of it --

the_backend() {
	check "$backend: a device, left down" created
	check "$backend: key and port" own_key_and_port
	check "$backend: 0, 1, 20, 21, 90, 91, 1000 peers" any_number
	check "$backend: only what differs is sent" only_what_differs
	check "$backend: what no roster says goes" foreign_things_go
	check "$backend: answers longer than a message" long_answers
	check "$backend: one peer at a time" one_at_a_time
	check "$backend: the impossible is refused and changes nothing" impossible_is_refused
	check "$backend: deleted" deleted
	check "$backend: adopted after kill -9" adopted
	for n in 1 2; do
		node_add "m$n"
		secret[n]=$(wg genkey)
		public[n]=$(wg pubkey <<<"${secret[n]}")
	done
	net_link m1:eth0 m2:eth0
	node_exec m1 ip address add 192.0.2.1/24 dev eth0
	node_exec m2 ip address add 192.0.2.2/24 dev eth0
	check "$backend: two machines" machines
	check "$backend: first ping" first_ping
	diag "$backend: peer set to first ping $((took / 1000000)).$((took / 100000 % 10)) ms, processes included"
	check "$backend: an endpoint that shakes hands is kept" fresh_endpoint_kept
	check "$backend: a peer that roams is kept where it went" roams
	check "$backend: link-local endpoint" link_local_endpoint
	check "$backend: an endpoint that never answered is set" stale_endpoint_set
	check "$backend: gone on both" gone_on_both
	node_del m1
	node_del m2
}
gone_on_both() { gone m1 && gone m2; }

the_process() {
	check "userspace: a process of its own" process_is_its_own
	check "userspace: a dead one's socket" stale_socket
	check "userspace: another namespace's socket" other_namespace
	check "userspace: a stranger's socket" socket_of_a_stranger
	check "userspace: a hung process is told, and ended with its device" hung
	check "userspace: no wireguard-go, or none that lives" no_program
}

# The other one, although the kernel has it.
forced_userspace() {
	same userspace "$(wgdrive wg userspace f0 open | cut -d' ' -f1)" && process f0 &&
		wgdrive wg any f0 delete && ! exists f0
}

declare -a secret public
mkdir -m 777 "$WORLD/strange"
took=0
backend=userspace other=kernel
if have_wireguard; then
	backend=kernel other=userspace
fi

check "the backend chosen unasked" same "$backend" "$(wgdrive wg any u0 open | cut -d' ' -f1)"
the_backend
check "$backend: bad names" bad_names
if [ "$backend" = userspace ]; then
	check "the kernel's, asked for: said that it is not there" \
		refuses EOPNOTSUPP wgdrive wg kernel k0 open
	the_process
else
	check "userspace, asked for" forced_userspace
fi
diag "slowest changes of peers: $(sort -n "$WORLD/times" | tail -n 3 | paste -sd,)"
