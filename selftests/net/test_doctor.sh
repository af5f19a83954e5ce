#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `ppn doctor`: each line ok, warn or fail with what to do; of this kernel, and of one that is only installed.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

have_modules_folder
node_add box
node_add desk
net_link box:eth0 desk:eth0
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec box ip addr add 192.0.2.2/24 dev eth0
DIR=$(node_dir box)
mkdir -p "$DIR/etc"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[seal]\nmode = enforce\n' >"$DIR/etc/ppnd.conf"

doctor() { node_exec box ppn doctor "$@"; }
level() { doctor --json "${@:2}" 2>/dev/null | jq -r ".findings[] | select(.what == \"$1\") | .level"; }
exits() { # WANTED COMMAND...
	local wanted=$1 rc=0
	shift
	"$@" >"$WORLD/said" 2>&1 || rc=$?
	[ "$rc" = "$wanted" ] || { echo "exit $rc, not $wanted: $(cat "$WORLD/said")" >&2 && return 1; }
}
says() { grep -qE -- "$1" "$WORLD/said" || { echo "no '$1' in: $(cat "$WORLD/said")" >&2 && return 1; }; }

# ---- this machine -------------------------------------------------------------------------------

check "without ppnd: no failure" exits 0 doctor
check "it says that ppnd is missing" says '^warn +ppnd +does not answer'
check "and what to do" says '-> systemctl start ppnd'
is "bpffs" "$(level bpffs)" ok
node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state"
node_exec box ppn wait holding --timeout 15
is "with ppnd: it enforces" "$(level ppnd)" ok
is "the interface is held by native XDP" "$(level eth0)" ok
is "its MTU, no stranger's program, the backstop" "$(level mtu) $(level 'foreign programs') $(level backstop)" "ok ok ok"
check "every line that is not ok says what to do" eval "doctor --json | jq -e 'all(.findings[]; .level == \"ok\" or (.remedy | length) > 5)' >/dev/null"
node_exec box ip link set dev eth0 mtu 1300
check "an underlay that WireGuard does not fit in" exits 1 doctor
check "(in words)" says '^fail +mtu +eth0: 1300 bytes'
node_exec box ip link set dev eth0 mtu 1500
node_exec box umount -l /sys/fs/bpf
is "no bpffs" "$(level bpffs)" fail
node_exec box mount -t bpf bpf /sys/fs/bpf
node_exec box mount --bind /dev/null /sys/kernel/btf/vmlinux
check "no BTF at run time" eval 'doctor >"$WORLD/said" || :; says "^warn +btf +no /sys/kernel/btf/vmlinux"'
node_exec box umount /sys/kernel/btf/vmlinux

# A name that is mistyped leaves what was meant open.
named() { # EXTERNAL
	node_stop box ppnd
	sed -i -e "/^external = /d" ${1:+-e "s/^beacon/external = $1\n&/"} "$DIR/etc/ppnd.conf"
	node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state"
	node_exec box ppn wait holding --timeout 15
}
status_code() {
	local code=0
	node_exec box ppn status >/dev/null || code=$?
	echo "$code"
}
named 'wna0, vp*'
check "names of nothing, and nothing is sealed: exit code 5" exits 5 node_exec box ppn status
check "(in words)" says '^ +no external interface$'
check "(which)" says '^ +wna0 +external = names nothing here'
check "(and which pattern)" says '^ +vp\* +external = names nothing here'
check "ppn seal check names it" eval 'exits 0 node_exec box ppn seal check && says "^wna0 +external = names nothing here"'
is "doctor as well" "$(level wna0) $(level interfaces)" "warn warn"
node_exec box ip link add wna0 type veth peer name wna1
check "when it comes: exit code 0" wait_for 5 eval '[ "$(status_code)" = 0 ]'
is "(the pattern may be for what is to come)" "$(node_exec box ppn status --json | jq -c .seal.unmatched)" '["vp*"]'
is "the log says so once" "$(grep -cE 'external = (wna0|vp\*) names nothing here' "$(node_log box ppnd)")" 2
node_exec box ip link del wna0
check "when it goes: 5" wait_for 5 eval '[ "$(status_code)" = 5 ]'
node_exec box ip link add tmp type veth peer name tmp2
node_start box theirs stranger native tmp
wait_for 5 grep -qE '^[0-9]+$' "$(node_log box theirs)"
node_exec box ip link set tmp name wna0
check "a stranger's program" wait_for 5 eval '[ "$(level "foreign programs")" = warn ]'
check "(by id and name)" eval 'doctor >"$WORLD/said" || :; says "^warn +foreign programs +wna0: XDP program $(grep -E "^[0-9]+$" "$(node_log box theirs)") \(stranger\)"'
node_stop box theirs
node_exec box ip link del wna0
node_exec box ip link add br0 type bridge
named 'eth0, br0'
is "a bridge is sealed at its ports, never itself: 5" "$(status_code)" 5
named '' # (no such line)
check "nothing external and nothing named: exit code 0" exits 0 node_exec box ppn status
check "(but said)" says '^ +no external interface$'
named eth0

# What a hardened machine shows in /proc and /sys.
node_exec box mount -t tmpfs tmpfs /sys/kernel/security
echo 'none integrity [confidentiality]' | node_exec box tee /sys/kernel/security/lockdown >/dev/null
is "lockdown" "$(level lockdown)" warn
node_exec box umount /sys/kernel/security
node_exec box mount -t tmpfs tmpfs /lib/modules
node_exec box sh -c 'mkdir -p "/lib/modules/$(uname -r)" && echo kernel/drivers/net/wireguard/wireguard.ko: >"/lib/modules/$(uname -r)/modules.dep"'
node_exec box mount -t tmpfs tmpfs /proc/sys/kernel # one without modules has no such file
echo 1 | node_exec box tee /proc/sys/kernel/modules_disabled >/dev/null
check "no module can be loaded any more" eval 'doctor >"$WORLD/said" || :; says "^(warn|fail) +wireguard +its module is not loaded, and kernel.modules_disabled"'
node_exec box umount /proc/sys/kernel
node_exec box umount /lib/modules

# Somebody else's table of our name, which the kernel lets nobody but its owner change.
node_stop box ppnd
node_exec box nft delete table inet ppn
node_start box owner sh -c '{ echo "add table inet ppn { flags owner; }"; sleep 1000; } | nft -i'
wait_for 5 node_exec box nft list table inet ppn
node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state"
node_exec box ppn wait holding --timeout 15
is "no backstop" "$(level backstop)" warn
node_stop box ppnd
node_stop box owner

# ---- a kernel that does not run yet ---------------------------------------------------------------

node_exec box mount -t tmpfs tmpfs /boot
node_exec box mount -t tmpfs tmpfs /lib/modules
kernel() { # VERSION OPTIONS...
	printf '%s\n' "${@:2}" | node_exec box tee "/boot/config-$1" >/dev/null
	node_exec box mkdir -p "/lib/modules/$1"
}
bpf='CONFIG_BPF_SYSCALL=y CONFIG_NET_CLS_ACT=y CONFIG_NET_CLS_BPF=m CONFIG_NET_SCH_INGRESS=m'
rest='CONFIG_BPF_JIT=y CONFIG_DEBUG_INFO_BTF=y CONFIG_NF_TABLES=m CONFIG_NF_TABLES_INET=y CONFIG_NF_TABLES_NETDEV=y CONFIG_NF_TABLES_BRIDGE=m CONFIG_NETFILTER_INGRESS=y'
# shellcheck disable=SC2086 # words
kernel 6.12.0-1-amd64 $bpf $rest CONFIG_WIREGUARD=m
echo 'kernel/drivers/net/wireguard/wireguard.ko.xz: kernel/x.ko' | node_exec box tee /lib/modules/6.12.0-1-amd64/modules.dep >/dev/null
check "a good one" exits 0 doctor --kernel 6.12.0-1-amd64
check "has nothing to say" eval '! grep -v "^ok" "$WORLD/said"'
# shellcheck disable=SC2086 # words
kernel 6.12.0-2-amd64 $bpf $rest CONFIG_WIREGUARD=m
is "its module is not installed" "$(level wireguard --kernel 6.12.0-2-amd64)" "$(have_wireguard_go() { command -v wireguard-go >/dev/null; }; have_wireguard_go && echo warn || echo fail)"
# shellcheck disable=SC2086 # words
kernel 6.12.0-3-cloud $rest CONFIG_WIREGUARD=y '# CONFIG_BPF_SYSCALL is not set'
check "without BPF" exits 1 doctor --kernel 6.12.0-3-cloud
check "(in words)" says '^fail +bpf +without CONFIG_BPF_SYSCALL, CONFIG_NET_CLS_ACT'
# shellcheck disable=SC2086 # words
kernel 5.10.0-9-amd64 $bpf $rest CONFIG_WIREGUARD=y
check "too old" exits 1 doctor --kernel 5.10.0-9-amd64
check "(in words)" says '^fail +kernel +5.10.0-9-amd64 is older than 6.1'
# shellcheck disable=SC2086 # words
kernel 6.12.0-4-amd64 $bpf $rest CONFIG_WIREGUARD=y CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=y
is "locked down" "$(level lockdown --kernel 6.12.0-4-amd64)" warn
check "one that is not there" exits 0 doctor --kernel 6.99.0
check "(in words)" says '^warn +bpf +its configuration is in neither'
check "no version" exits 2 doctor --kernel ../../etc/passwd

# ---- the hook of the package ------------------------------------------------------------------------

hook() { node_exec box sh "$PPN_TOP/scripts/deb/kernel-postinst" "$@"; }
check "the hook says nothing of a good kernel" eval '[ -z "$(hook 6.12.0-1-amd64 2>&1)" ]'
check "and warns of a bad one" eval 'hook 6.12.0-3-cloud 2>&1 | grep -q "fail  bpf"'
check "without failing" hook 6.12.0-3-cloud
check "of one locked down" eval 'hook 6.12.0-4-amd64 2>&1 | grep -q "warn  lockdown .*by its build"'
check "(with what to do)" eval 'hook 6.12.0-4-amd64 2>&1 | grep -q -- "-> boot with lockdown=integrity"'
check "of one without WireGuard's module" eval 'hook 6.12.0-2-amd64 2>&1 | grep -qE "(warn|fail) +wireguard"'
check "without failing" hook 6.12.0-2-amd64
# Only of a command line that locks down, and of a kernel that can.
with_cmdline() {
	echo "$1" >"$WORLD/cmdline"
	node_exec box mount --bind "$WORLD/cmdline" /proc/cmdline
	is "booted with $1" "$(level lockdown --kernel "$2")" "$3"
	hook "$2" >"$WORLD/said" 2>&1
	is "the hook says as much" "$(grep -c '^warn  lockdown .*by the command line' "$WORLD/said")" "$([ "$3" = ok ] && echo 0 || echo 1)"
	node_exec box umount /proc/cmdline
}
# shellcheck disable=SC2086 # words
kernel 6.12.0-5-amd64 $bpf $rest CONFIG_WIREGUARD=y CONFIG_SECURITY_LOCKDOWN_LSM=y
with_cmdline 'quiet lockdown=confidentiality' 6.12.0-5-amd64 warn
with_cmdline 'quiet lockdown=integrity xlockdown=confidentiality' 6.12.0-5-amd64 ok
with_cmdline 'lockdown=confidentiality quiet' 6.12.0-1-amd64 ok
