#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A node that no authority ever speaks to: blind, scanning, holding; what a stranger on its link sees; what
# a restart, a kill -9 and a damaged state folder make of it.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

node_add box
node_add stranger
net_link box:eth0 stranger:eth0
node_exec stranger ip addr add 192.0.2.1/24 dev eth0
node_exec box ip addr add 192.0.2.2/24 dev eth0

DIR=$(node_dir box)
mkdir -p "$DIR/etc"

config() {
	printf '[node]\nexternal = eth*\nbeacon_window = %s\n' "$1" >"$DIR/etc/ppnd.conf"
}

start() {
	node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
}

ppn() {
	local verb=$1
	shift
	node_exec box ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}

status() {
	ppn status --json | jq -r "$1"
}

sealed() {
	node_exec box bpftool -j net show dev eth0 | jq -e '.[0].xdp | length == 1' >/dev/null
}

ended() {
	! node_alive "$1" "$2"
}

# ---- first boot, no beacon ------------------------------------------------------------------

config 2
start
check "a first boot scans" ppn wait scanning --timeout 10
check "the interface is sealed before that" sealed
capture_start stranger eth0 first
check "without a beacon it becomes a network of one" ppn wait holding --timeout 10
is "it says what holds the interface" "$(status '.seal.interfaces[0] | .name + " " + .hold')" "eth0 native"
is "ppn0 is up under its own address" \
	"$(node_exec box ip -6 -j addr show dev ppn0 | jq -r '.[0].addr_info[] | select(.scope=="global") | .local + "/" + (.prefixlen|tostring)')" \
	"$(status .address)/128"
is "the ledger has genesis and holding" "$(ppn ledger show --json | jq -r '[.entries[].type] | join(" ")')" \
	"genesis holding"
check "and verifies" ppn ledger verify
is "nobody pinned: the claim port is shut, in words" "$(status '.claim.waiting, (.claim.why != null)' | xargs)" \
	"false true"
identity=$(status .identity)

net_link box:eth1 stranger:eth1
second() {
	status '.seal.interfaces[] | select(.name == "eth1") | .hold' | grep -qx native
}
check "an interface that appears later is sealed too" wait_for 5 second
node_exec box ip link del eth1
gone() {
	[ "$(status '.seal.interfaces | length')" = 1 ]
}
check "and forgotten when it goes" wait_for 5 gone

# ---- what a stranger sees -------------------------------------------------------------------

check_fails "a stranger's ping is not answered" node_exec stranger ping -c1 -W1 192.0.2.2
for port in 22 9442 9443; do
	check_fails "nothing answers on TCP port $port" node_exec stranger timeout 1 nc -z -w1 192.0.2.2 $port
done
node_exec stranger bash -c 'echo x >/dev/udp/192.0.2.2/51820; echo x >/dev/udp/192.0.2.2/9442'

# ---- a DHCP client inside gets nothing out --------------------------------------------------

cat >"$WORLD/stranger/udhcpd.conf" <<-EOF
	start 192.0.2.100
	end 192.0.2.200
	interface eth0
	lease_file $WORLD/stranger/leases
EOF
: >"$WORLD/stranger/leases"
node_start stranger udhcpd busybox udhcpd -f -I 192.0.2.1 "$WORLD/stranger/udhcpd.conf"
wait_for 5 grep -q started "$(node_log stranger udhcpd)"
check_fails "a DHCP client gets no lease" node_exec box \
	timeout 5 udhcpc -i eth0 -n -q -f -t 2 -T 1 -s /bin/true
capture_stop stranger first
node_stop stranger udhcpd
is "no DHCP left the node" "$(capture_count stranger first 'udp port 67 or udp port 68')" 0
mac=$(node_exec box cat /sys/class/net/eth0/address)
is "nothing but ARP, ND and MLD left it" \
	"$(capture_count stranger first "ether src $mac and not arp and not (icmp6 and (ip6[40] == 135 or ip6[40] == 136)) and not (ip6 proto 0)")" 0
check "ND did leave it: the capture is not empty" \
	test "$(capture_count stranger first "ether src $mac and (arp or icmp6 or ip6 proto 0)")" -gt 0
is "the drops are counted by reason" "$(status '.seal.reasons.egress.dhcp.packets > 0')" true

# ---- kill, restart --------------------------------------------------------------------------

capture_start stranger eth0 dead
node_stop box ppnd KILL
check "killed: still sealed" sealed
check_fails "killed: ppn says so" ppn status
is "with its own exit code" "$(ppn status >/dev/null 2>&1; echo $?)" 3
is "and as JSON" "$(ppn status --json | jq -r '.running')" false
check_fails "killed: a stranger's ping is not answered" node_exec stranger ping -c1 -W1 192.0.2.2
check_fails "killed: nothing answers on TCP 9443" node_exec stranger timeout 1 nc -z -w1 192.0.2.2 9443
capture_stop stranger dead
is "killed: no RST, no ICMP left the node" \
	"$(capture_count stranger dead "ether src $mac and (tcp or udp or icmp)")" 0
before=$(node_exec box ip -j link show ppn0 | jq '.[0].ifindex')
start
check "it resumes its state" ppn wait holding --timeout 10
is "as the same node" "$(status .identity)" "$identity"
is "adopting its ppn0" "$(node_exec box ip -j link show ppn0 | jq '.[0].ifindex')" "$before"
is "without another ledger entry" "$(status .ledger.size)" 2
is "the second start is counted" "$(status .boots)" 2

check_fails "a second ppnd on the same state is refused" node_exec box \
	ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/two
is "and the first one runs on" "$(status .state)" holding

node_stop box ppnd
is "ended by a signal, it exits 0" "$STATUS" 0
check "and the seal stays" sealed

# ---- killed while scanning ------------------------------------------------------------------

mv "$DIR/state" "$DIR/state.first"
config 3600
start
check "another first boot scans" ppn wait scanning --timeout 10
node_stop box ppnd KILL
check "killed while scanning: sealed" sealed
start
check "and scans again" ppn wait scanning --timeout 10
is "the ledger has genesis alone" "$(status .ledger.size)" 1
node_stop box ppnd KILL

# ---- first boot killed at each sync ---------------------------------------------------------

config 0
for n in 1 2 3 4 5 6 7 8 9 10; do
	rm -rf "$DIR/state"
	node_start box killed strace -f -qq -o /dev/null -e trace=fsync,fdatasync \
		-e "inject=fsync,fdatasync:signal=KILL:when=$n" \
		ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
	wait_for 10 ended box killed
	node_stop box killed KILL
	start
	if ppn wait holding --timeout 10 >/dev/null 2>&1 && ppn ledger verify >/dev/null 2>&1; then
		ok "killed at sync $n of its first boot it starts anew, or goes on"
	else
		not_ok "killed at sync $n of its first boot it starts anew, or goes on"
	fi
	node_stop box ppnd
done

# ---- damage ---------------------------------------------------------------------------------

rm -rf "$DIR/state"
cp -a "$DIR/state.first" "$DIR/state"
rm "$DIR/state/ledger"
start
check "identity without ledger: damaged" ppn wait damaged --timeout 10
check "damaged is sealed" sealed
is "and says why" "$(status '.why | test("ledger")')" true
node_stop box ppnd

rm -rf "$DIR/state"
cp -a "$DIR/state.first" "$DIR/state"
rm "$DIR/state/identity"
start
check "ledger without identity: damaged" ppn wait damaged --timeout 10
node_stop box ppnd
check "no new identity was made" test ! -e "$DIR/state/identity"

rm -rf "$DIR/state"
cp -a "$DIR/state.first" "$DIR/state"
truncate -s -20 "$DIR/state/ledger"
start
check "a ledger shorter than head: damaged" ppn wait damaged --timeout 10
node_stop box ppnd

rm -rf "$DIR/state"
cp -a "$DIR/state.first" "$DIR/state"
printf '\001' | dd of="$DIR/state/identity" bs=1 seek=40 conv=notrunc status=none
start
wait_for 5 grep -q 'identity file is damaged' "$(node_log box ppnd)" || :
node_stop box ppnd
is "a damaged identity: ppnd ends with an error" "$STATUS" 1
check "which says what" grep -q 'identity file is damaged' "$(node_log box ppnd)"
check "and the seal is on" sealed

# ---- unseal ---------------------------------------------------------------------------------

rm -rf "$DIR/state"
cp -a "$DIR/state.first" "$DIR/state"
start
check "the first state, restored, holds" ppn wait holding --timeout 10
is "unseal wants --yes" "$(ppn unseal </dev/null >/dev/null 2>&1; echo $?)" 2
check "unseal --yes" ppn unseal --yes
wait_for 5 ended box ppnd
node_stop box ppnd
is "ends ppnd" "$STATUS" 0
check_fails "nothing is sealed any more" sealed
check "the ledger has who took it off" grep -q "seal off by uid 0$" <(ppn ledger show)
check_fails "ppn0 is gone" node_exec box ip link show ppn0
check "and a stranger's ping is answered" node_exec stranger ping -c1 -W2 192.0.2.2
start
check "its next start seals again" ppn wait holding --timeout 10
check "the interface is sealed" sealed
node_stop box ppnd
