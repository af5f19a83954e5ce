#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Whoever installs a node over the network is not cut off by its first start: it observes, says so, and seals
# when told. And what is wrong with a configuration file is said by file and line.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

node_add box
node_add desk
net_link box:eth0 desk:eth0
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec box ip addr add 192.0.2.2/24 dev eth0

DIR=$(node_dir box)
mkdir -p "$DIR/etc"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n' >"$DIR/etc/ppnd.conf"

start() { # OPTIONS
	node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn "$@"
}

ppn() {
	local verb=$1
	shift
	node_exec box ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}

mode() {
	ppn status --json | jq -r .seal.mode
}

# A session in each direction; the operator's is inbound.
node_start box server nc -lk 192.0.2.2 22
wait_for 5 node_exec desk nc -z -w1 192.0.2.2 22
node_start desk session bash -c 'exec 3<>/dev/tcp/192.0.2.2/22; exec sleep infinity <&3'
wait_for 5 bash -c "[ -n \"\$(nsenter -t $(node_pid box server) -n ss -Htn state established sport = 22)\" ]"

start
check "a first start with an inbound session observes" ppn wait holding --timeout 10
is "status says so" "$(mode)" observe
check "the ledger says so" grep -q 'seal observe' <(ppn ledger show)
check "nothing is dropped" node_exec desk ping -c1 -W2 192.0.2.2
check "but counted" test "$(ppn status --json | jq .seal.dropped)" -gt 0
node_exec desk bash -c 'echo x >/dev/udp/192.0.2.2/4567' || :
spared() { ppn seal check --observed --json | jq -r ".rows[] | select(.reason == \"$1\" and .direction == \"$2\") | [.proto, .port, .prefix] | @csv"; }
check "what it spared: the ping" grep -qx '"icmp",0,"192.0.2.0/24"' <(spared icmp in)
check "a closed port, by whom" grep -qx '"udp",4567,"192.0.2.0/24"' <(spared port_shut in)
check "and the answer that would not have left" grep -qx '"icmp",0,"192.0.2.0/24"' <(spared icmp out)
check "for people" grep -qE '^ +[0-9]+ +[0-9]+  in  port_shut +udp/4567 +192.0.2.0/24$' <(ppn seal check --observed)
node_stop box ppnd KILL
check "killed: nothing is dropped" node_exec desk ping -c1 -W2 192.0.2.2
start
check "the next start observes as well" ppn wait holding --timeout 10
is "with or without a session" "$(mode)" observe
check "and goes on counting where it was" grep -qx '"udp",4567,"192.0.2.0/24"' <(spared port_shut in)

is "seal wants --yes" "$(ppn seal </dev/null >/dev/null 2>&1; echo $?)" 2
is "and root" "$(node_exec box setpriv --reuid 65534 --regid 65534 --clear-groups \
	ppn seal --yes --run-dir /run/ppn >/dev/null 2>&1; echo $?)" 1
check "seal --yes" ppn seal --yes
is "enforces" "$(mode)" enforce
check_fails "now it drops" node_exec desk ping -c1 -W1 192.0.2.2
check "seal status: what holds" grep -qE '^eth0 +native +' <(ppn seal status)
check "and what it has dropped" grep -qE '^in +icmp +[1-9][0-9]* +[1-9][0-9]* +0$' <(ppn seal status)
node_start desk pings ping -i 0.1 192.0.2.2
check "a second" bash -c "[ $(ppn seal status --json | jq .seal.reasons.seal.icmp.per_second) -ge 5 ]"
node_stop desk pings
is "no other word" "$(ppn seal state >/dev/null 2>&1; echo $?)" 2
node_stop box ppnd KILL
start
check "a restart" ppn wait holding --timeout 10
is "enforces, session or not" "$(mode)" enforce
check "both are in the ledger" test "$(ppn ledger show | grep -c ' seal ')" -eq 2
node_stop box ppnd

start --observe
check "--observe observes" ppn wait holding --timeout 10
is "for this run" "$(mode)" observe
check_fails "anew: what was spared before is forgotten" grep -x '"udp",4567,"192.0.2.0/24"' <(spared port_shut in)
node_exec desk bash -c 'echo x >/dev/udp/192.0.2.2/4568' || :
check "and counted from now on" grep -qx '"udp",4568,"192.0.2.0/24"' <(spared port_shut in)
is "which ppn cannot end" "$(ppn seal --yes >/dev/null 2>&1; echo $?)" 8
node_stop box ppnd

# Outbound sessions cut nobody off.
node_reboot box
node_exec box ip addr replace 192.0.2.2/24 dev eth0
rm -rf "$DIR/state"
node_start desk server nc -lk 192.0.2.1 80
node_start box session bash -c 'exec 3<>/dev/tcp/192.0.2.1/80; exec sleep infinity <&3'
wait_for 5 bash -c "[ -n \"\$(nsenter -t $(node_pid box session) -n ss -Htn state established dport = 80)\" ]"
start
check "a first start with an outbound session" ppn wait holding --timeout 10
is "enforces" "$(mode)" enforce
node_stop box ppnd

# The session's address is the bridge's, what is sealed is its port.
node_reboot box
rm -rf "$DIR/state"
node_exec box ip link add br0 type bridge
node_exec box ip link set dev eth0 master br0 up
node_exec box ip link set dev br0 up
node_exec box ip addr flush dev eth0
node_exec box ip addr add 192.0.2.2/24 dev br0
node_start box bridged nc -lk 192.0.2.2 22
wait_for 5 node_exec desk nc -z -w1 192.0.2.2 22
node_start desk across bash -c 'exec 3<>/dev/tcp/192.0.2.2/22; exec sleep infinity <&3'
wait_for 5 bash -c "[ -n \"\$(nsenter -t $(node_pid box bridged) -n ss -Htn state established sport = 22)\" ]"
start
check "a first start with an inbound session over a bridge" ppn wait holding --timeout 10
is "observes" "$(mode)" observe
node_stop box ppnd
node_exec box ip link del br0
node_reboot box
node_exec box ip addr replace 192.0.2.2/24 dev eth0
rm -rf "$DIR/state"

# [rescue]: the one way in that the operator wrote down.
printf '[rescue]\ntcp/22 = 192.0.2.1/32\n' >>"$DIR/etc/ppnd.conf"
node_start box server2 nc -lk 192.0.2.2 22
start
ppn wait holding --timeout 10
check "a rescue port is open to its source" wait_for 5 node_exec desk nc -z -w1 192.0.2.2 22
check "and shown" bash -c "[ '$(ppn status | grep '^rescue')' = 'rescue     tcp/22 from 192.0.2.1/32' ]"
node_exec desk ip addr add 192.0.2.7/24 dev eth0
check_fails "to no other source" node_exec desk nc -z -w1 -s 192.0.2.7 192.0.2.2 22
node_stop box ppnd

# A policy that the kernel does not take is said, shown, and tried again. The table is full of rows of the
# generation in force, which ppnd leaves alone; those of the one before make room for fewer than are asked for.
printf 'tcp/23 = 192.0.2.1/32\ntcp/24 = 192.0.2.1/32\n' >>"$DIR/etc/ppnd.conf"
pins=$(node_exec box find /sys/fs/bpf/ppn -name open_ports -printf '%h')
rows() { # update | delete
	node_exec box bpftool -j map dump pinned "$pins/policy" | python3 -c '
import json, sys
policy = json.load(sys.stdin)[0]["value"]
generation = " ".join(policy[4:8])
for port in range(1, 1025):
    row = f"{generation} {port >> 8} {port & 255} 17 0"
    value = "value " + " ".join(["0"] * int(sys.argv[3])) if sys.argv[1] == "update" else ""
    print(f"map {sys.argv[1]} pinned {sys.argv[2]} key {row} {value}")
' "$1" "$pins/open_ports" "$(node_exec box bpftool -j map show pinned "$pins/open_ports" | jq .bytes_value)" >"$WORLD/batch"
	node_exec box bpftool batch file "$WORLD/batch" >/dev/null 2>&1 || : # it stops at the first error
}
rows update
start
check "no room for the policy: the node goes on" ppn wait holding --timeout 10
check "status says what is not in force" \
	bash -c "[[ '$(ppn status --json | jq -r .seal.not_in_force)' == 'policy of state holding: '* ]]"
check "for people too" grep -q 'NOT YET IN FORCE policy' <(ppn status)
is "exit code 5" "$(ppn status >/dev/null; echo $?)" 5
rows delete
in_force() { [ "$(ppn status --json | jq -r .seal.not_in_force)" = null ]; }
check "with room again it is in force" wait_for 10 in_force
check "and open to the rescue's source" wait_for 5 node_exec desk nc -z -w1 192.0.2.2 22
node_stop box ppnd

# ---- configuration ----------------------------------------------------------------------------

refused() { # NAME TEXT WORDS
	printf '%b' "$2" >"$WORLD/bad.conf"
	local rc=0 said
	said=$(ppnd --check-config --config "$WORLD/bad.conf" 2>&1) || rc=$?
	if [ "$rc" = 1 ] && grep -qF "$3" <<<"$said"; then ok "$1"; else
		not_ok "$1"
		echo "exit $rc: $said" >&2
	fi
}

refused "an unknown key" '[node]\ncolour = red\n' 'bad.conf:2: unknown key colour'
refused "an unknown section" '[nodes]\n' 'bad.conf:1: unknown section nodes'
refused "a bad posture" '[node]\n\nposture = moon\n' 'bad.conf:3: posture: one of onprem, leased, cloud'
refused "a port out of range" '[node]\nclaim_port = 70000\n' 'bad.conf:2: claim_port: a number from 1 to 65535'
refused "a port that is no number" '[node]\nwireguard_port = 1x\n' 'bad.conf:2: wireguard_port'
refused "a worker that is root" '[node]\nworker_user = root\n' 'bad.conf:2: worker_user: root is root'
refused "a worker that nobody knows" '[node]\nworker_user = who\n' 'bad.conf:2: worker_user: no user who'
refused "stealth" '[node]\nstealth = yes\n' 'only `no` in this version'
refused "a rescue without protocol" '[rescue]\n22 = 10.0.0.0/8\n' 'bad.conf:2: 22: the key is tcp/PORT or udp/PORT'
refused "a prefix with host bits" '[rescue]\ntcp/22 = 10.0.0.1/8\n' 'has bits set behind its length'
refused "a prefix that is none" '[rescue]\ntcp/22 = ten\n' 'ten is no prefix'
refused "a prefix nobody has" '[rescue]\ntcp/22 = 127.0.0.0/8\n' 'nobody outside can have 127.0.0.0/8'
refused "a multicast one" '[rescue]\ntcp/22 = ff02::/16\n' 'nobody outside can have ff02::/16'
refused "nine prefixes for a port" '[rescue]\ntcp/22 = 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24, 10.0.4.0/24, 10.0.5.0/24, 10.0.6.0/24, 10.0.7.0/24, 10.0.8.0/24\n' \
	'bad.conf:2: tcp/22: at most 8 prefixes for a port'
refused "a rescue of the claim port" '[rescue]\n\ntcp/700 = 192.0.2.1\n[node]\nclaim_port = 700\n' 'bad.conf:3: tcp/700: is the claim port'
refused "a rescue of the discovery port" '[rescue]\nudp/9442 = 192.0.2.1\n' 'bad.conf:2: udp/9442: is the discovery port'
refused "WireGuard on the discovery port" '[node]\n\nwireguard_port = 9442\n' 'bad.conf:3: wireguard_port: 9442 is'
refused "a pattern for everything" '[node]\nexternal = *\n' 'bad.conf:2: external: * matches every interface'
refused "one more" '[node]\nexternal = eth1, ?[!x]*\n' 'matches every interface'
refused "a pattern for nothing" '[node]\nexternal = a-very-long-name-0\n' 'bad.conf:2: external: a-very-long-name-0 can match no interface'
refused "lo" '[node]\nexternal = lo\n' 'lo can match no interface'
refused "guests" '[seal]\nguests = some\n' 'bad.conf:2: guests: one of seal, pass'
refused "share" '[seal]\nshare = 1\n' 'bad.conf:2: share: one of no, yes'
refused "an egress section" '[egress]\ntcp/443 = any\n' 'bad.conf:1: unknown section egress'
refused "an underlay nobody knows" '[underlay]\neth0 = wifi\n' 'bad.conf:2: eth0: one of link-local, static, dhcp, slaac'
refused "a device name that is none" '[mesh]\ndevice = a/b\n' 'bad.conf:2: device'
refused "a key twice" '[node]\nposture = onprem\nposture = leased\n' 'bad.conf:3: given a second time'
refused "no key = value" '[node]\nposture\n' 'bad.conf:2'
check "a good one" ppnd --check-config --config "$DIR/etc/ppnd.conf"
without_etc() { unshare -m "$BASH" -c 'test ! -d /etc/ppn || mount -t tmpfs tmpfs /etc/ppn; "$@"' - "$@"; }
is "none at all" "$(without_etc ppnd --check-config)" "/etc/ppn/ppnd.conf: not there: the defaults"
is "an unknown option is a usage error" "$(ppnd --frobnicate >/dev/null 2>&1; echo $?)" 2
