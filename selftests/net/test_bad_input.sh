#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 300
# soak: 7200
#
# Configurations and machines that are not as they should be: a clear message, and the machine sealed, by whatever
# can, or untouched; never half. The same when the kernel refuses any one bpf() call of a start (PPN_SOAK=1: each), or
# one netlink request of each kind.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

DIR=$(node_dir box)
LOG=$(node_log box ppnd)

fresh() { # CONFIG: a machine with one wire
	node_add box
	mkdir -p "$DIR/etc"
	rm -rf "$DIR/state" "$LOG"
	node_exec box ip link add eth0 type veth peer name far
	node_exec box ip link set dev eth0 up
	node_exec box ip link set dev far up
	printf '%b\n' "$1" >"$DIR/etc/ppnd.conf"
}

answered() {
	CODE=0
	node_alive box ppnd || return 0
	node_exec box ppn status --json >"$DIR/status" || CODE=$?
	[ "$CODE" = 0 ] || [ "$CODE" = 5 ]
}

# What holds the machine, in $GOT: what status and its exit code say of eth0, or that ppnd ended with a word and an
# exit code, if that is what is really there.
judge() { # LAUNCHER...
	local programs tables pins
	GOT=hangs CODE=-
	node_start box ppnd "$@" ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state"
	if wait_for 20 answered; then
		if node_alive box ppnd; then
			GOT=$(jq -r '.seal.interfaces[0].hold' "$DIR/status")
		else
			node_stop box ppnd
			GOT=ended CODE=$STATUS
		fi
	fi
	programs=$(node_exec box bpftool -j net show dev eth0 | jq '.[0] | (.xdp | length) + (.tc | length)')
	tables=$(node_exec box nft list tables | grep -c ' ppn$') || :
	pins=$(node_exec box find /sys/fs/bpf -path '*/ppn*' | wc -l)
	[ -s "$LOG" ] || GOT="$GOT without a word"
	case $GOT:$CODE:$programs:$tables in
	native:0:2:[1-9] | generic:0:2:[1-9] | tc:5:2:[1-9] | nft:5:0:[1-9]) ;;
	ended:1:0:0) [ "$pins" != 0 ] || GOT=untouched ;;
	*) GOT="$GOT, exit $CODE, with $programs programs, $tables tables" ;;
	esac
}

# judge_case NAME WANTED WORDS CONFIG WORLD
judge_case() {
	fresh "$4"
	$5
	judge ${LAUNCHER:+"${LAUNCHER[@]}"}
	is "$1: $2" "$GOT" "$2"
	check "(in words) $3" grep -qE -- "$3" "$LOG"
	node_del box
}

# ---- configurations -----------------------------------------------------------------------------

as_it_is() { :; }
while IFS='|' read -r name config words; do
	judge_case "$name" untouched "ppnd.conf:[0-9]+: .*$words" "$config" as_it_is
done <<'END'
no such port|[node]\nclaim_port = 65536|a number from 1 to 65535
port 0|[rescue]\ntcp/0 = 192.0.2.1|tcp/PORT or udp/PORT
a port of another protocol|[rescue]\nsctp/22 = 192.0.2.1|tcp/PORT or udp/PORT
a rescue on our own port|[rescue]\nudp/51820 = 192.0.2.1|rules of its own
two services on a port|[node]\nwireguard_port = 9442|is the discovery port
a prefix too long|[rescue]\ntcp/22 = 192.0.2.0/33|a number from 0 to 32
a prefix with bits behind it|[rescue]\ntcp/22 = 192.0.2.1/24|bits set behind its length
no prefix|[rescue]\ntcp/22 = office|is no prefix, such as
a source nobody has|[rescue]\ntcp/22 = 224.0.0.0/4|nobody outside can have
a pattern for everything|[node]\nexternal = *|matches every interface
a mesh on loopback|[mesh]\ndevice = lo|not lo
a mesh that is external|[node]\nexternal = eth0, ppn*|also names the mesh's own device ppn0
a pattern for nothing|[node]\nexternal = eth0:1|can match no interface
END

# ---- machines -----------------------------------------------------------------------------------

PLAIN='[node]\nexternal = eth0\nbeacon_window = 0\n[seal]\nmode = enforce'
no_bpffs() { node_exec box umount /sys/fs/bpf; }
read_only() { node_exec box mount -o remount,ro /sys/fs/bpf; }
no_btf() { node_exec box mount --bind /dev/null /sys/kernel/btf/vmlinux; }
not_a_folder() { node_exec box bpftool map create /sys/fs/bpf/ppn type array key 4 value 4 entries 1 name other; }
folder() { node_exec box mkdir -p -m 700 "$PPN_PINS$1"; }
other_map() {
	folder ''
	node_exec box bpftool map create "$PPN_PINS/policy" type array key 4 value 4 entries 1 name policy
}
other_pin() {
	folder /links
	node_exec box sh -c 'bpftool map create $PPN_PINS/links/$(cat /sys/class/net/eth0/ifindex) type array key 4 value 4 entries 1 name other'
}
locked_down() {
	node_exec box mount -t tmpfs tmpfs /sys/kernel/security
	echo 'none integrity [confidentiality]' | node_exec box tee /sys/kernel/security/lockdown >/dev/null
	refuse EPERM 1+
}
no_memory() { refuse ENOMEM 10+; }
refuse() { # ERROR WHEN [SYSCALL]
	LAUNCHER=(strace -qq -o "$DIR/trace" -e "trace=${3:-bpf}" -e "inject=${3:-bpf}:error=$1:when=$2")
}
LAUNCHER=()
while IFS='|' read -r name world wanted words; do
	judge_case "$name" "$wanted" "$words" "$PLAIN" "$world"
	LAUNCHER=()
done <<'END'
no bpffs|no_bpffs|nft|is no bpffs: mount -t bpf bpf /sys/fs/bpf
a read-only bpffs|read_only|nft|mount the bpffs read-write
no BTF of the kernel|no_btf|native|eth0 is sealed
no folder where ours goes|not_a_folder|nft|/sys/fs/bpf/ppn is not a folder of this user: remove it
a map of another size under our name|other_map|nft|/ppn/[0-9]+/policy.*: not ours, remove it
a pin that is no link of ours|other_pin|tc|eth0: its pin in /sys/fs/bpf/ppn/[0-9]+/links is no link: remove it
lockdown|locked_down|nft|kernel lockdown \(confidentiality\) forbids BPF
no memory for maps|no_memory|nft|no memory for its maps
END

# ---- a memory limit -----------------------------------------------------------------------------

# Programs and maps are charged to whoever loads them: beyond the limit the kernel kills without a word.
in_cage() {
	cage_show box
	LAUNCHER=(bash -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$CAGE")
}
if cage 24; then
	fresh "$PLAIN"
	in_cage
	judge "${LAUNCHER[@]}"
	is "a memory limit of 24 MiB: nft" "$GOT" nft
	check "(in words) what it takes, and what to say" grep -qE "memory limit is 24 MiB, maps and programs take 29: MemoryMax=64M" "$LOG"
	node_stop box ppnd
	judge
	is "the next start, without it" "$GOT" native
	node_del box
	open_cage
	LAUNCHER=()
else
	for name in "a memory limit" "(in words)" "the next start, without it"; do
		skip "$name" "no memory cgroup, of v1 or of v2, that can be mounted here"
	done
fi

# ---- interfaces that are gone before they are held ----------------------------------------------

fresh '[node]\nexternal = eth0, gone*\nbeacon_window = 0\n[seal]\nmode = enforce'
judge
fds() { node_exec box find "/proc/$(node_pid box ppnd)/fd" -mindepth 1 | wc -l; }
links() { node_exec box find "$PPN_PINS/links" -type f | wc -l; }
settled() { node_exec box ppn status --json | jq -e 'all(.seal.interfaces[].name; startswith("gone") | not)'; }
FDS=$(fds) LINKS=$(links)
as_many_links() { [ "$(links)" = "$LINKS" ]; }
as_many_fds() { [ "$(fds)" -lt $((FDS + 10)) ]; }
ROUNDS=60
[ -z "${PPN_SOAK:-}" ] || ROUNDS=2000
for ((i = 0; i < ROUNDS; i++)); do
	printf 'link add gone%d type veth peer name peer%d\nlink set gone%d up\nlink del gone%d\n' $i $i $i $i
done | node_exec box ip -batch - || diag "a round was cut short"
check "$ROUNDS interfaces come and go at once: none stays in the list" wait_for 20 settled
is "the other one is held" "$(node_exec box ppn status --json | jq -r '.seal.interfaces[] | select(.name == "eth0").hold')" native
check "no pin stays" wait_for 5 as_many_links
check "file descriptors do not grow with them" wait_for 5 as_many_fds
node_exec box ip link add gone type veth peer name peer
check "one that stays is held" wait_for 10 eval "node_exec box ppn status --json | jq -e '.seal.interfaces[] | select(.name == \"gone\").hold == \"native\"'"
node_del box

# ---- any one call refused -----------------------------------------------------------------------

# The calls that make something, each kind once, or all of them; not those that read and write rows.
sites() {
	if [ -n "${PPN_SOAK:-}" ]; then
		grep -nvE '^bpf\(BPF_MAP_(LOOKUP|UPDATE|GET_NEXT)|^---' "$WORLD/calls" | cut -d: -f1
	else
		grep -nE '^bpf\(BPF_(OBJ_PIN|PROG_LOAD|PROG_BIND_MAP|LINK_CREATE|OBJ_GET_INFO|MAP_FREEZE|BTF_LOAD)' "$WORLD/calls" |
			awk -F'[:(,]' '{ last[$3] = $1 } !($3 in first) { first[$3] = $1 } END { for (k in first) print (k == "BPF_PROG_LOAD" ? last[k] : first[k]) }'
	fi
}
fresh "$PLAIN"
judge strace -qq -o "$WORLD/calls" -e trace=bpf
is "nothing refused: native" "$GOT" native
node_del box

# The way out is nftables', the way in XDP's; or ppnd said why, and ended with the seal on: systemd starts it again.
OUT_BY_NFT='nft, exit 5, with 1 programs, 3 tables'
ENDED_SEALED='ended, exit 1, with 2 programs, 2 tables'
ERRORS=(EPERM EBUSY ENOMEM)
turn=0 tried=0 reached=0
for site in $(sites | sort -n); do
	errors=("${ERRORS[turn++ % 3]}")
	[ -z "${PPN_SOAK:-}" ] || errors=("${ERRORS[@]}")
	for error in "${errors[@]}"; do
		fresh "$PLAIN"
		refuse "$error" "$site"
		judge "${LAUNCHER[@]}"
		tried=$((tried + 1))
		! grep -q INJECTED "$DIR/trace" || reached=$((reached + 1))
		call=$(sed -n "${site}s/.*(\(BPF_[A-Z_]*\).*/\1/p" "$WORLD/calls")
		check "call $site, $call, $error: sealed" grep -qxE "native|generic|tc|nft|$OUT_BY_NFT|$ENDED_SEALED" <<<"$GOT"
		diag "$GOT"
		node_del box
	done
done
# The order of the calls behind the load is not always the same, and so is their number.
check "of $tried calls, nearly all were there to refuse" test $((reached * 10)) -ge $((tried * 8))

# ---- any one netlink request refused ------------------------------------------------------------

fresh "$PLAIN"
judge strace -qq -o "$WORLD/requests" -e trace=sendto,sendmsg
is "netlink traced: native" "$GOT" native
node_del box

mesh_up() { node_exec box ppn status --json | jq -e .mesh.up; }
native() { node_exec box ppn status --json | jq -e '.seal.interfaces[0].hold == "native"'; }
# A kind's first request: the system call that sent it, and which of those it was.
request() {
	awk -v kind="$1" '{ call = substr($0, 1, index($0, "(") - 1); n[call]++ }
		index($0, kind) { print call, n[call]; exit }' "$WORLD/requests"
}
while read -r kind error; do
	read -r call when < <(request "$kind") || { not_ok "$kind: was not asked for"; continue; }
	fresh "$PLAIN"
	refuse "$error" "$when" "$call"
	judge "${LAUNCHER[@]}"
	check "$kind, $error: refused" grep -q "$kind.*INJECTED" "$DIR/trace"
	case $kind in
	# Of the way out, which nftables holds then; the way in is XDP's.
	RTM_NEWQDISC | RTM_NEWTFILTER)
		is "$kind, $error: sealed" "$GOT" "$OUT_BY_NFT"
		;;
	*) check "$kind, $error: sealed" grep -qxE 'native|generic|tc|nft' <<<"$GOT" ;;
	esac
	check "$kind, $error: and whole in the end" wait_for 30 eval 'native && mesh_up'
	node_del box
done <<'END'
RTM_GETLINK ENOBUFS
RTM_NEWQDISC ENOMEM
RTM_NEWTFILTER EPERM
RTM_GETTFILTER ENOBUFS
NFT_MSG_GETGEN ENOBUFS
NFT_MSG_GETTABLE ENOMEM
NFNL_MSG_BATCH_BEGIN ENOBUFS
NFT_MSG_GETSETELEM ENOMEM
RTM_NEWLINK EPERM
RTM_NEWADDR ENOBUFS
RTM_NEWROUTE EPERM
RTM_NEWRULE ENOMEM
END

# Beside a stranger's XDP program TC is all there is, and is tried again as well.
beside() {
	fresh "$PLAIN"
	node_exec box ip link set dev eth0 xdp obj "$PPN_BUILD/selftests/net/counter.bpf.o" sec xdp
}
tc_holds() { (node_exec box ppn status --json || [ $? = 5 ]) | jq -e '.seal.interfaces[0].hold == "tc"'; }
beside
judge strace -qq -o "$WORLD/requests" -e trace=sendto,sendmsg
is "beside a stranger's program: TC" "$GOT" "tc, exit 5, with 3 programs, 2 tables"
node_del box
beside
read -r call when < <(request RTM_NEWTFILTER)
refuse ENOMEM "$when" "$call"
judge "${LAUNCHER[@]}"
is "TC's filter refused: sealed" "$GOT" "nft, exit 5, with 1 programs, 3 tables"
check "tried again" wait_for 30 tc_holds
