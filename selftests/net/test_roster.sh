#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 180
#
# The policy that a signed roster carries, at two members of different roles: open ports by role and by prefix, the
# egress list, observing. In force when the roster has come, from disk after a restart, gone with the next roster.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

MEMBERS=(web box)
LATER=(one two three) # each claim of one of them pushes what the roster says by then
net_bridge office
i=0
for node in desk stranger "${MEMBERS[@]}" "${LATER[@]}"; do
	i=$((i + 1))
	node_add "$node"
	net_link "$node:eth0" office
	node_exec "$node" ip addr add "192.0.2.$i/24" dev eth0
	mkdir -p "$(node_dir "$node")/etc"
done
node_exec stranger ip addr add 192.0.2.129/24 dev eth0
STRANGER=192.0.2.2 UPPER=192.0.2.129
declare -A AT=([web]=192.0.2.3 [box]=192.0.2.4 [one]=192.0.2.5 [two]=192.0.2.6 [three]=192.0.2.7)

DESK=$(node_dir desk)
printf 'correct horse battery staple\n' >"$DESK/passphrase"
chmod 600 "$DESK/passphrase"
printf '[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"

admin() { node_exec desk ppn-admin --state-dir "$DESK/admin" --config "$DESK/ppn-admin.conf" "$@"; }
status_of() { (node_exec "$1" ppn --state-dir "$(node_dir "$1")/state" status --json || [ $? = 5 ]) | jq -r "$2"; }
waiting() { [ "$(status_of "$1" .claim.endpoint)" = waiting ]; }
start_ppnd() { node_start "$1" ppnd ppnd --config "$(node_dir "$1")/etc/ppnd.conf" --state-dir "$(node_dir "$1")/state"; }
start_seat() {
	node_start desk service ppn-admin --state-dir "$DESK/admin" --config "$DESK/ppn-admin.conf" run
	wait_for 10 admin status
	admin unlock --passphrase-file "$DESK/passphrase"
}
claim() { admin claim "${AT[$1]}" --name "$1" >/dev/null; }
# policy NODE ROW...: the next roster, which the claim of NODE takes to all.
policy() {
	local node=$1
	shift
	node_stop desk service
	node_exec desk repolicy "$DESK/admin" "$(cat "$DESK/passphrase")" "$@"
	start_seat
	claim "$node"
}
reaches() { # NODE PORT [FROM]
	node_exec stranger nc -n -z -w 2 ${3:+-s "$3"} "${AT[$1]}" "$2" 2>/dev/null
}
speaks() { # NODE PORT: a datagram to the stranger, answered
	[ "$(node_exec "$1" sh -c "echo hello | nc -n -u -w 1 $STRANGER $2" 2>/dev/null)" = hello ]
}
rules() { node_exec "$1" ppn egress --state-dir "$(node_dir "$1")/state" --json | jq -r '.rules[] | .service + " " + .prefix + " " + .by'; }

# ---- a fleet of two -----------------------------------------------------------------------------

admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 9 >"$DESK/invite"
for node in "${MEMBERS[@]}" "${LATER[@]}"; do
	install -m 600 "$DESK/invite" "$(node_dir "$node")/etc/invite"
	printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$(node_dir "$node")/etc/ppnd.conf"
	start_ppnd "$node"
	node_start "$node" web /usr/bin/python3 -c '
import selectors, socket
ports = selectors.DefaultSelector()
for port in (8080, 8081, 8082):
    s = socket.create_server(("", port)); ports.register(s, selectors.EVENT_READ)
while True:
    for key, _ in ports.select():
        key.fileobj.accept()[0].close()'
done
node_start stranger echo /usr/bin/python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 514))
while True:
    s.sendto(*s.recvfrom(2048))'
start_seat
for node in "${MEMBERS[@]}"; do
	wait_for 15 waiting "$node"
	check "$node is claimed" claim "$node"
done
check_fails "no policy: 8080 is shut" reaches web 8080
check_fails "no policy: nothing leaves" speaks web 514

# ---- by role, by prefix -------------------------------------------------------------------------

wait_for 15 waiting one
check "a roster with a policy" policy one role:web:web,public open:tcp/8080:any:web open:tcp/8081:192.0.2.128/25 \
	egress:udp/514:192.0.2.0/24:web open:tcp/8082:any:totebox
check "8080 is open at those with the role" wait_for 10 reaches web 8080
check_fails "and at no other" reaches box 8080
check "8081 is open to its prefix" reaches web 8081 $UPPER
check "at every member" reaches box 8081 $UPPER
check_fails "and to nobody else" reaches web 8081 $STRANGER
check_fails "a role that nobody has" reaches web 8082
check "egress by role" speaks web 514
check_fails "and of no other" speaks box 514
is "ppn egress shows whose word it is" "$(rules web)" "udp/514 192.0.2.0/24 roster"
is "and nothing where it is not" "$(rules box)" ""
check "the one that was claimed with it has it too" reaches one 8081 $UPPER

# ---- isolated, and started anew -----------------------------------------------------------------

admin send isolate web >/dev/null
check_fails "isolated: open ports are shut" reaches web 8080
check_fails "nothing leaves" speaks web 514
admin send release web >/dev/null
check "released: open again" reaches web 8080
node_stop web ppnd
node_stop desk service
start_ppnd web
node_exec web ppn --state-dir "$(node_dir web)/state" wait bound --timeout 15
check "with no seat anywhere, from disk: open" wait_for 5 reaches web 8080
check_fails "and the rest is shut" reaches web 8081 $STRANGER
check "egress, too" speaks web 514
start_seat

# ---- observing by roster ------------------------------------------------------------------------

mode() { status_of "$1" .seal.mode; }
wait_for 15 waiting two
check "a roster that says observe" policy two observe role:web:web
observes() { [ "$(mode box)" = observe ]; }
check "members observe" wait_for 10 observes
check "and drop nothing" reaches box 8082
is "the former rows are gone" "$(rules web)" ""

# ---- more prefixes than the seal compares, and none ---------------------------------------------

wait_for 15 waiting three
many=()
for ((i = 0; i < 40; i++)); do many+=("open:tcp/8080:192.0.2.$((128 + i))/32"); done
check "a roster with too many prefixes for one port" policy three "${many[@]}" open:tcp/8081:any
enforces() { [ "$(mode box)" = enforce ]; }
check "members enforce again" wait_for 10 enforces
is "status says how many stay shut" "$(status_of box .seal.rows_shut)" 32
is "the log says it once" "$(grep -c '32 rows of the roster.s policy stay shut: the seal compares 8 prefixes of a port' "$(node_log box ppnd)")" 1
check "the first are open" reaches box 8080 $UPPER
check "so is the rest of the policy" reaches box 8081 $STRANGER
check_fails "and nothing more" reaches box 8082
