#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 240
#
# What a claim is refused for, and in which words: by the host, by the fleet, by a missing invite or a wrong
# fingerprint, by a count or an end of an invite; two claims at one moment; strangers at the claim port.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

DESK=$(node_dir desk)
declare -A HOST=([invited]=10.0.0.11 [second]=10.0.0.12 [plain]=10.0.0.13 [other]=10.0.0.14 [late]=10.0.0.15
	[bare]=10.0.0.20)

net_bridge lan
for node in desk mallory "${!HOST[@]}"; do
	node_add "$node"
	net_link "$node:eth0" lan
	[ -z "${HOST[$node]:-}" ] || node_exec "$node" ip addr add "${HOST[$node]}/24" dev eth0
done
node_exec desk ip addr add 10.0.0.5/24 dev eth0
node_exec mallory ip addr add 10.0.0.66/24 dev eth0
node_exec bare nft 'add table inet t; add chain inet t i { type filter hook input priority 0; }; add rule inet t i ip daddr 10.0.0.21 drop'
node_exec bare ip addr add 10.0.0.21/24 dev eth0

printf 'correct horse battery staple\n' >"$DESK/passphrase"
printf 'horse\n' >"$DESK/wrong"
chmod 600 "$DESK/passphrase" "$DESK/wrong"
printf '[mesh]\nendpoint = 10.0.0.5\n' >"$DESK/ppn-admin.conf"

admin() {
	node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"
}

# exits WANTED COMMAND...: its exit code; what it said is in $DESK/said.
exits() {
	local wanted=$1 rc=0
	shift
	"$@" >"$DESK/said" 2>&1 || rc=$?
	[ "$rc" = "$wanted" ] || {
		echo "exit $rc, not $wanted: $(cat "$DESK/said")" >&2
		return 1
	}
}

says() {
	local word
	for word; do
		grep -qF -- "$word" "$DESK/said" || {
			echo "no '$word' in: $(cat "$DESK/said")" >&2
			return 1
		}
	done
}

# json_of COMMAND...: one object of schema 1, whatever the exit code.
json_of() {
	local rc=0
	"$@" >"$DESK/said" 2>/dev/null || rc=$?
	jq -es 'length == 1 and .[0].schema == 1' "$DESK/said" || {
		echo "exit $rc: $(cat "$DESK/said")" >&2
		return 1
	}
}

every_listing_is_json() {
	json_of admin status --json && json_of admin nodes --json && json_of admin roster show --json &&
		json_of admin ledger show --json && json_of admin ledger verify --json && json_of admin --json version
}

start() {
	local dir
	dir=$(node_dir "$1")
	mkdir -p "$dir/etc"
	printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$dir/etc/ppnd.conf"
	node_start "$1" ppnd ppnd --config "$dir/etc/ppnd.conf" --state-dir "$dir/state"
}

ppn() {
	local node=$1
	shift
	node_exec "$node" ppn --state-dir "$(node_dir "$node")/state" "$@"
}

status() { ppn "$1" status --json | jq -r "$2"; }
waiting() { [ "$(status "$1" .claim.endpoint)" = waiting ]; }
head_of() { ppn "$1" ledger verify --json | jq -c '[.verified, .size, .hash]'; }
symbols() { ppn "$1" status --json | jq -r .identity; }

# What a node and the authority hold; a refused claim changes neither.
held() {
	local node=$1
	head_of "$node"
	status "$node" '[.state, .identity, .number, .roster]|tostring'
	admin roster show --json | jq -c '[.rows[] | select(.runs_node)] | length'
	admin ledger verify --json | jq -c '[.entries, .hash]'
	admin status --json | jq .nodes
}

# ---- without a fleet, without a service ---------------------------------------------------------

check "without a fleet: says what to do" exits 1 admin ledger verify
check "(in words)" says 'ppn-admin init'
check "and in JSON" json_of admin ledger verify --json
admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
node_exec desk ppn-admin --state-dir "$DESK/foreign" init --passphrase-file "$DESK/passphrase" >/dev/null
for verb in status nodes 'roster show' 'claim 10.0.0.11' 'send ping x'; do
	# shellcheck disable=SC2086 # words of a command
	check "no service: $verb exits 3" exits 3 admin $verb
done
check "(and says how to start it)" says 'systemctl start ppn-admin'
check "no service: every listing is JSON" every_listing_is_json
for words in '' nonsense 'claim' 'claim --all 10.0.0.11' 'claim --all --fingerprint x' 'claim --nonsense x' 'send ping' \
	'send ping x --arg 256' 'roster hide' 'ledger burn' 'invite --count 0' 'invite --days 0' 'nodes more'; do
	# shellcheck disable=SC2086 # words of a command
	check "usage: '$words' exits 2" exits 2 admin $words
done

# ---- locked -------------------------------------------------------------------------------------

node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 node_exec desk test -S /run/ppn/ppn-admin.sock
for verb in nodes 'claim 10.0.0.11' 'claim --all' 'send ping x'; do
	# shellcheck disable=SC2086 # words of a command
	check "locked: $verb exits 8" exits 8 admin $verb
done
check "(and says unlock)" says 'ppn-admin unlock'
check "locked: status answers" exits 0 admin status
check "locked: every listing is JSON" every_listing_is_json
check "a wrong passphrase exits 7" exits 7 admin unlock --passphrase-file "$DESK/wrong"
check "(in words)" says 'wrong passphrase'
check "still locked" exits 8 admin nodes
node_start desk monitor ip monitor all
check "the right one unlocks" admin unlock --passphrase-file "$DESK/passphrase"
check "unlocked: every listing is JSON" every_listing_is_json
# Until a device holds it, the fleet's prefix goes nowhere: rule and route come before ppn0 (PROTOCOL 6).
node_stop desk monitor
first() { grep -nE -m1 "$1" "$(node_log desk monitor)" | cut -d: -f1; }
closed_before_the_device() {
	local rule route device
	rule=$(first '\[RULE\].* lookup 8090') && route=$(first '\[ROUTE\]unreachable default .*8090') &&
		device=$(first '\[LINK\].*: ppn0') && test "$rule" -lt "$device" -a "$route" -lt "$device"
}
check "the fleet's prefix is closed before there is a device" closed_before_the_device
check "claim --all with nobody there" exits 0 admin claim --all

# ---- what answers at a host ---------------------------------------------------------------------

check "nothing listens: refused" exits 1 admin claim 10.0.0.20
check "(said so)" says 'nothing listens'
check "dropped: silent" exits 1 admin claim 10.0.0.21
check "(names the ports)" says 'no answer' tcp/9443 udp/51820
check "another port is named" exits 1 admin claim 10.0.0.21:4711
check "(that one)" says tcp/4711
check_fails "it did not say that nothing listens" says 'nothing listens'
check "no such host" exits 1 admin claim no.such.host.invalid
check "a node not seen on any link" exits 1 admin claim abcd-efgh
check "(says what to do)" says 'name its host'
check "--local without ppnd here" exits 3 admin claim --local

node_start bare http /usr/bin/python3 -m http.server 9443
wait_for 10 node_exec desk nc -z -w1 10.0.0.20 9443
check "a web server: not the upgrade" exits 1 admin claim 10.0.0.20
check "(said so)" says 'WebSocket upgrade'
node_stop bare http

# ---- another fleet ------------------------------------------------------------------------------

invite() { # NODE COUNT [STATE]
	mkdir -p "$(node_dir "$1")/etc"
	node_exec desk ppn-admin --state-dir "$DESK/${3:-state}" invite --count "$2" --days 1 >"$(node_dir "$1")/etc/invite"
	chmod 600 "$(node_dir "$1")/etc/invite"
}

invite other 5 foreign
start other
wait_for 15 waiting other
before=$(held other)
check "a node of another fleet: refused" exits 1 admin claim "${HOST[other]}"
fleet=$(admin status --json | jq -r .fleet)
check "(says which fleet this is)" says 'another fleet' 'this authority is fleet'
prefix=$(grep -o 'this authority is fleet [0-9a-f]*' "$DESK/said" | cut -d' ' -f5)
is "(the one status shows, too)" "$(printf 'fd%s' "${prefix:0:10}")" "$(/usr/bin/python3 -c \
	'import ipaddress,sys; print(ipaddress.ip_address(sys.argv[1]).packed[:6].hex())' "$fleet")"
is "both sides are unchanged" "$(held other)" "$before"
node_stop other ppnd

# ---- a host of several addresses ----------------------------------------------------------------

# Two of them before any other in the resolver's order (RFC 6724): IPv6, that nothing listens at.
node_exec desk ip addr add 2001:db8::5/64 dev eth0 nodad
node_exec bare ip addr add 2001:db8::20/64 dev eth0 nodad
node_exec bare ip addr add 2001:db8::21/64 dev eth0 nodad
node_exec bare nft add rule inet t i ip6 daddr 2001:db8::21 drop
cat >"$DESK/hosts" <<EOF
127.0.0.1 localhost
2001:db8::20 mixed.example dead.example found.example
2001:db8::21 mixed.example dead.example found.example
${HOST[other]} mixed.example
10.0.0.21 mixed.example dead.example
${HOST[second]} found.example
EOF
node_exec desk mount --bind "$DESK/hosts" /etc/hosts
start other
wait_for 15 waiting other
before=$(held other)
check "no address of a host is a node: not claimed" exits 1 admin claim dead.example
check "(what answered is said, then the silent ones)" says 'at 2001:db8::20: ' 'nothing listens' \
	'2001:db8::21 silent' '10.0.0.21 silent'
check "one of them is of another fleet: that is said first" exits 1 admin claim mixed.example
check "(the others after it)" says "at ${HOST[other]}: " 'another fleet' "this authority is fleet $prefix" \
	'2001:db8::20 refused' '2001:db8::21 silent' '10.0.0.21 silent'
theirs=$(ppn other status | sed -n 's/^fleet *//p')
is "its own status shows the other fleet" "$theirs" "$(status other .fleet | cut -c1-16)"
check "(which is not this one)" test -n "$theirs" -a "$theirs" != "$prefix"
is "both sides are unchanged" "$(held other)" "$before"
node_stop other ppnd

# ---- without an invite --------------------------------------------------------------------------

mkdir -p "$(node_dir plain)/etc"
install -m 644 "$DESK/state/authority.pub" "$(node_dir plain)/etc/authority.pub"
start plain
wait_for 15 waiting plain
before=$(held plain)
check "no invite: refused" exits 1 admin claim "${HOST[plain]}"
check "(shows its fingerprint)" says 'no invite' 'it shows the fingerprint'
fingerprint=$(grep -o 'fingerprint [0-9a-z]*' "$DESK/said" | cut -d' ' -f2)
is "(all of its symbols)" "${#fingerprint}" 51
last=${fingerprint:19:1}
wrong=${fingerprint:0:19}$([ "$last" = 0 ] && echo 1 || echo 0)
check "a wrong fingerprint: refused" exits 1 admin claim "${HOST[plain]}" --fingerprint "$wrong"
check "(said so)" says 'its fingerprint is another one'
for short in '' - "${fingerprint:0:19}" "${fingerprint}0" "$(symbols plain)0"; do
	check "fingerprint of ${#short} letters decides nothing" exits 2 \
		admin claim "${HOST[plain]}" --fingerprint "$short"
done
is "all of it left both sides unchanged" "$(held plain)" "$before"

# ---- strangers at the claim port ----------------------------------------------------------------

cat >"$WORLD/stranger.py" <<'PY'
import asyncio, socket, ssl, sys, time
host, what = sys.argv[1:]

def got(sock, seconds):
    sock.settimeout(seconds)
    data = b""
    try:
        while True:
            part = sock.recv(4096)
            if not part:
                return data, "closed"
            data += part
    except ConnectionResetError:
        return data, "reset"
    except TimeoutError:
        return data, "open"

def connect():
    return socket.create_connection((host, 9443), timeout=5)

def send(*parts):
    sock = connect()
    try:
        for part in parts:
            sock.sendall(part)
            time.sleep(0.3 if len(parts) > 1 else 0)
    except OSError:
        pass
    return got(sock, 20)

def hello():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(into, out, server_hostname="node")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()

async def websocket():
    import websockets
    async with websockets.connect(f"ws://{host}:9443/", subprotocols=["ppn.1.pin"], compression=None) as ws:
        print("upgraded", ws.subprotocol, "Server" in ws.response_headers, len(await ws.recv()) > 0, end=" ")
        await ws.send(b"\0" * 100)
        try:
            await asyncio.wait_for(ws.recv(), 20)
            print("more")
        except websockets.ConnectionClosed:
            print("closed")

if what == "websocket":
    asyncio.run(websocket())
else:
    data, end = {
        "garbage": lambda: send(bytes(range(256)) * 8),
        "get": lambda: send(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n"),
        "tls": lambda: send(hello()),
        "silent": lambda: send(),
        "slow": lambda: send(*[b"GET / HTTP/1.1\r\nX: y\r\n"[i:i + 1] for i in range(20)]),
        "half": lambda: send(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n"),
    }[what]()
    print(len(data), end)
PY
stranger() { node_exec mallory timeout 60 /usr/bin/python3 "$WORLD/stranger.py" "${HOST[plain]}" "$1"; }

for what in garbage get tls silent slow half; do
	is "a stranger's $what: no byte, then closed" "$(stranger "$what")" '0 closed'
done
is "WebSocket from python: 101, one Noise message, closed" "$(stranger websocket)" 'upgraded ppn.1.pin False True closed'
is "none of it changed a thing" "$(held plain)" "$before"

# ---- the right fingerprint, while strangers hold on ---------------------------------------------

node_start mallory holding /usr/bin/python3 -c "
import socket, time
socks = []
while True:
    try:
        socks.append(socket.create_connection(('${HOST[plain]}', 9443), timeout=1))
        socks[-1].send(b'GET')
    except OSError:
        pass
    socks = socks[-8:]
    time.sleep(0.1)"
wait_for 10 node_exec mallory sh -c "ss -Htn state established | grep -q :9443"
spaced=${fingerprint:0:10}-${fingerprint:10:10}
spaced=${spaced^^}
check "20 right symbols claim it, with strangers at its port" exits 0 admin claim "${HOST[plain]}" --fingerprint "$spaced"
check "(said so)" says 'claimed 1 of 1'
check "it is bound" ppn plain wait bound --timeout 10
node_stop mallory holding KILL
before=$(held plain)
check "claimed: from outside it answers no more" exits 1 admin claim "${HOST[plain]}"
check "(said so)" says 'or claimed already'
is "unchanged" "$(held plain)" "$before"

# ---- the count of an invite ---------------------------------------------------------------------

invite invited 1
mkdir -p "$(node_dir second)/etc"
install -m 600 "$(node_dir invited)/etc/invite" "$(node_dir second)/etc/invite"
start invited
start second
wait_for 15 waiting invited
wait_for 15 waiting second

# Two at one moment: the later one is refused, or, when it met a node claimed already, it replaced that claim.
admin claim "${HOST[invited]}" >"$DESK/first" 2>&1 &
first=$!
admin claim "${HOST[invited]}" >"$DESK/second" 2>&1 &
second=$!
codes=0
for job in "$first" "$second"; do
	wait "$job" || codes=$((codes + $?))
done
claimed=$(cat "$DESK/first" "$DESK/second" | grep -c 'claimed 1 of 1')
check "two claims at one moment: one claims" test "$claimed" -ge 1
is "the other says claimed, or fails" "$((claimed + codes))" 2
is "its ledger has as many" "$(ppn invited ledger show --json | jq '[.entries[] | select(.type == "bound")] | length')" "$claimed"
check "the seat has its keys" exits 0 admin send ping "$(status invited .node)" --timeout $((10 * ${PPN_TIMEOUT_FACTOR:-1}))

# Claimed again, without an enrolment key by now: that gives the invite no use back.
node_stop invited ppnd
rm "$(node_dir invited)/state/ledger" "$(node_dir invited)/state/head"
start invited
check "damaged, it is claimed again" wait_for 15 admin claim "${HOST[invited]}"
check "bound" ppn invited wait bound --timeout 10
before=$(held second)
check "the invite is used up: refused" exits 1 admin claim "${HOST[second]}"
check "(said so)" says 'its invite is used up'
check "of a host's addresses the one that answers is found" exits 1 admin claim found.example
check "(and named)" says "refused at ${HOST[second]}: " 'its invite is used up'
is "both sides are unchanged" "$(held second)" "$before"
check "and claimed, by its fingerprint" exits 0 admin claim found.example --fingerprint "$(status second .fingerprint)"
check "(at that address)" says "claimed at ${HOST[second]}"
check "which is its endpoint" test "$(admin roster show --json | jq -r --arg node "$(status second .node)" \
	'.rows[] | select(.node == $node) | .endpoints[0]')" = "${HOST[second]}:51820"

# ---- the end of an invite -----------------------------------------------------------------------

invite late 1
start late
wait_for 15 waiting late
# The seat's own copy decides; its clock cannot be turned here, so the end in it is.
cat >"$WORLD/age.py" <<'PY'
import base64, struct, sys
kind, text = open(sys.argv[1]).read().split("\n", 1)
data = base64.b64decode(text)
days = struct.pack(">Q", int(sys.argv[2]))
at = next(i for i in range(len(data) - 8)
          if abs(struct.unpack_from(">Q", data, i)[0] - int(sys.argv[3])) < 7 * 86400)
data = data[:at] + days + data[at + 8:]
open(sys.argv[1], "w").write(kind + "\n" + base64.encodebytes(data).decode())
PY
for batch in "$DESK"/state/invites/*; do
	if cmp -s "$batch" "$(node_dir late)/etc/invite"; then
		/usr/bin/python3 "$WORLD/age.py" "$batch" $(($(date +%s) - 1)) "$(date +%s)"
	fi
done
before=$(held late)
check "the invite is past its end: refused" exits 1 admin claim "${HOST[late]}"
check "(said so)" says 'its invite is past its end'
is "both sides are unchanged" "$(held late)" "$before"

# ---- what a member does not do ------------------------------------------------------------------

check "send to nobody" exits 1 admin send ping nobody
check "(says what lists them)" says 'roster show'
check "send to the seat itself: refused" exits 8 admin send ping desk
check "an op that is none" exits 2 admin send explode "$(status plain .node)"
check "every listing is JSON" every_listing_is_json
node_stop desk service
check "ended: every listing is JSON" every_listing_is_json
check "the authority's ledger verifies" admin ledger verify
