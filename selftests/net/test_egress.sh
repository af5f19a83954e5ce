#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 180
#
# The egress list of a bound node (DESIGN 6, perf-and-reliability P13): what it may open outwards comes back,
# eight uses of it with real programs, over a router whose way on is narrower; nothing else leaves, and
# nothing that nobody asked for comes in. Openings end by themselves and survive ppnd.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

net_bridge office
for node in desk box router; do
	node_add "$node"
	net_link "$node:eth0" office
	mkdir -p "$(node_dir "$node")/etc"
done
node_add out
net_link router:eth1 out:eth0
node_router router
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec box ip addr add 192.0.2.11/24 dev eth0
node_exec box ip -6 addr add 2001:db8:1::11/64 dev eth0 nodad
node_exec box ip route add default via 192.0.2.254
node_exec box ip -6 route add default via 2001:db8:1::254
node_exec router ip addr add 192.0.2.254/24 dev eth0
node_exec router ip -6 addr add 2001:db8:1::254/64 dev eth0 nodad
node_exec router ip addr add 198.51.100.254/24 dev eth1
node_exec router ip -6 addr add 2001:db8:2::254/64 dev eth1 nodad
node_exec out ip addr add 198.51.100.9/24 dev eth0
node_exec out ip -6 addr add 2001:db8:2::9/64 dev eth0 nodad
node_exec out ip route add default via 198.51.100.254
node_exec out ip -6 route add default via 2001:db8:2::254
node_exec router ip route add 198.51.100.9/32 dev eth1 mtu lock 1300
node_exec router ip -6 route add 2001:db8:2::9/128 dev eth1 mtu lock 1300

DESK=$(node_dir desk)
BOX=$(node_dir box)
OUT=$(node_dir out)
printf 'correct horse battery staple\n' >"$DESK/passphrase"
printf '[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$BOX/etc/ppnd.conf"

admin() { node_exec desk ppn-admin --state-dir "$DESK/admin" --config "$DESK/ppn-admin.conf" "$@"; }
ppn() { node_exec box ppn "$1" --state-dir "$BOX/state" "${@:2}"; }
reason() { ppn status --json | jq -r ".seal.reasons.$1.$2.packets // 0"; }
rules() { ppn egress --json | jq -r '.rules[] | .service + " " + .prefix + " " + .by'; }
flows() { ppn egress --json | jq -r .flows; }
start_ppnd() { node_start box ppnd ppnd --config "$BOX/etc/ppnd.conf" --state-dir "$BOX/state"; }
exits() { # WANTED COMMAND...
	local wanted=$1 rc=0
	shift
	"$@" >"$WORLD/said" 2>&1 || rc=$?
	[ "$rc" = "$wanted" ] || { echo "exit $rc, not $wanted: $(cat "$WORLD/said")" >&2 && return 1; }
}
says() { grep -qF -- "$1" "$WORLD/said" || { echo "no '$1' in: $(cat "$WORLD/said")" >&2 && return 1; }; }

# ---- the world outside --------------------------------------------------------------------------

printf 'address=/ppn.example/203.0.113.7\n' >"$OUT/dnsmasq.conf"
node_start out dns dnsmasq --keep-in-foreground --no-resolv --no-hosts --conf-file="$OUT/dnsmasq.conf" \
	--listen-address=198.51.100.9,2001:db8:2::9 --bind-interfaces --pid-file= --user=root
head -c 20000000 /dev/urandom >"$OUT/bulk"
node_start out web /usr/bin/python3 -c '
import http.server, socket
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_PUT(self):
        n, left = int(self.headers["Content-Length"]), 0
        while left < n:
            left += len(self.rfile.read(min(65536, n - left)))
        self.send_response(201); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *a): pass
Server(("::", 8000), Handler).serve_forever()'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ppn.example \
	-keyout "$OUT/key" -out "$OUT/cert" 2>/dev/null
serve_tls() { node_start out tls openssl s_server -accept 443 -key "$OUT/key" -cert "$OUT/cert" -www -quiet && wait_for 5 node_exec out sh -c 'ss -Htln | grep -q :443'; }
serve_tls
node_start out ntp /usr/bin/python3 -c '
import socket, struct, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 123))
while True:
    q, who = s.recvfrom(512)
    now = time.time() + 2208988800
    t = struct.pack(">II", int(now), int(now % 1 * 2**32))
    s.sendto(struct.pack(">BBbbII4s", 0x24, 1, 0, -20, 0, 0, b"TEST") + t + q[40:48] + t + t, who)'
node_start out log /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 514))
while True:
    print(s.recvfrom(2048)[0].decode(), flush=True)'
wait_for 10 node_exec out sh -c 'ss -Htln | grep -q :443 && ss -Htln | grep -q :8000 && ss -Huln | grep -q :53'

dns() { node_exec box dig +time=2 +tries=2 +short "$@" ppn.example | grep -qx 203.0.113.7; }
dns4() { dns @198.51.100.9; }
dns6() { dns @2001:db8:2::9; }
dns_tcp() { dns +tcp @198.51.100.9; }
ntp() { node_exec box ntpdig -t 2 198.51.100.9 >/dev/null; }
web() { node_exec box curl -sS --connect-timeout 2 -m 20 -o "$BOX/got" "http://$1:8000/bulk" && cmp "$BOX/got" "$OUT/bulk"; }
put() { node_exec box curl -sS -m 20 -T "$OUT/bulk" "http://$1:8000/put"; }
tls() { node_exec box curl -sS -m 2 -k -o "$BOX/got" https://198.51.100.9/ && grep -q Cipher "$BOX/got"; }
syslog() { node_exec box logger --server 198.51.100.9 --udp --port 514 hello && wait_for 5 grep -q hello "$(node_log out log)"; }
trace() { node_exec box traceroute -n -q 1 -w 2 -m 4 -U -p 33434 198.51.100.9 | grep -q '2  198.51.100.9'; }

# ---- before it is claimed -----------------------------------------------------------------------

admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 5 >"$DESK/invite"
install -m 600 "$DESK/invite" "$BOX/etc/"
start_ppnd
node_start desk service ppn-admin --state-dir "$DESK/admin" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin status
admin unlock --passphrase-file "$DESK/passphrase"
waits() { [ "$(ppn status --json | jq -r .claim.endpoint)" = waiting ]; }
wait_for 15 waits
check "holding: nothing may be opened" exits 4 ppn egress open udp/53 198.51.100.9 --for 60s
check "(in words)" says 'before it is claimed'
check "claimed" exits 0 admin claim 192.0.2.11 --name box

# ---- words --------------------------------------------------------------------------------------

check "an empty list says so" exits 0 ppn egress
check "(in words)" says 'mesh only'
check "no end" exits 2 ppn egress open udp/53 any
check "(in words)" says '--for'
check "no such time" exits 2 ppn egress open udp/53 any --for soon
check "longer than a week" exits 2 ppn egress open udp/53 any --for 8d
check "no such service" exits 2 ppn egress open icmp/8 any --for 1m
check "(in words)" says 'icmp/8 is no service'
check "no such prefix" exits 2 ppn egress open udp/53 192.0.2.1/24 --for 1m
check "what is not open cannot be closed" exits 8 ppn egress close udp/53 any
check "root opens, nobody else" exits 8 node_exec box sh -c 'mkdir -p /run/ppn && chmod 777 /run/ppn/ppnd.sock && exec setpriv --reuid=65534 --regid=65534 --clear-groups ppn egress open udp/53 any --for 1m'

# ---- nothing leaves -----------------------------------------------------------------------------

for use in dns4 dns6 dns_tcp ntp tls syslog trace; do
	check_fails "shut: $use" "$use"
done
check_fails "shut: http" web 198.51.100.9
check_fails "shut: ping" node_exec box ping -c 1 -W 1 198.51.100.9
is "no flow" "$(flows)" 0

# ---- eight uses ---------------------------------------------------------------------------------

open() { ppn egress open "$@" --for 10m >/dev/null; }
open udp/53 198.51.100.0/24
open udp/53 2001:db8:2::/64
open tcp/53 198.51.100.9
open udp/123 any
open tcp/443 any
open tcp/8000 any
open udp/514 198.51.100.9
is "the list" "$(rules | sort | tr '\n' ';')" \
	"tcp/443 any ppn egress;tcp/53 198.51.100.9/32 ppn egress;tcp/8000 any ppn egress;udp/123 any ppn egress;udp/514 198.51.100.9/32 ppn egress;udp/53 198.51.100.0/24 ppn egress;udp/53 2001:db8:2::/64 ppn egress;"
for use in dns4 dns6 dns_tcp ntp tls syslog; do
	check "open: $use" "$use"
done
check "open: http, 20 MB in over IPv4" web 198.51.100.9
check "open: http, 20 MB in over IPv6" web '[2001:db8:2::9]'
check "open: http, 20 MB out over IPv4, past an MTU of 1300" put 198.51.100.9
check "open: http, 20 MB out over IPv6, past an MTU of 1300" put '[2001:db8:2::9]'
check "packet too big came in by its flow" test "$(reason seal pass_ptb)" -gt 0
check_fails "traceroute is not open" trace
ppn egress open udp/any 198.51.100.9 --for 60 >/dev/null
check "open: traceroute, which lives on ICMP errors" trace
check "they came in by their flow" test "$(reason seal pass_flow_error)" -gt 0
check_fails "ping is never" node_exec box ping -c 1 -W 1 198.51.100.9
refused() { node_exec box curl -sS -m 5 http://198.51.100.9:8000 >/dev/null; }
node_stop out web
began=$(date +%s%N)
check_fails "a port where nobody listens" refused
check "is refused at once, not dropped" test $(($(date +%s%N) - began)) -lt 3000000000

# ---- what nobody asked for ----------------------------------------------------------------------

cat >"$WORLD/forge.py" <<'EOF'
import random, sys
from scapy.all import IP, IPv6, TCP, UDP, ICMP, Raw, send, conf
conf.verb = 0
random.seed(1)
packets = []
for i in range(400):
    for net in (IP(src="198.51.100.9", dst="192.0.2.11"), IPv6(src="2001:db8:2::9", dst="2001:db8:1::11")):
        port = random.randrange(32768, 61000)
        packets += [net / TCP(sport=443, dport=port, flags=f, seq=random.getrandbits(32), ack=random.getrandbits(32))
                    for f in ("A", "R", "RA", "SA", "FA", "S", "PA")]
        packets += [net / UDP(sport=s, dport=port) / Raw(b"x" * 20) for s in (53, 123)]
send(packets)
EOF
node_exec out tcpdump -Q in -nn -p -w "$WORLD/back.pcap" 'not arp and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 137)' \
	2>"$WORLD/tap" &
wait_for 5 grep -q 'listening on' "$WORLD/tap"
before=$(reason seal pass_flow)
node_exec out /usr/bin/python3 "$WORLD/forge.py"
is "7200 forged segments and datagrams: none came in by a flow" "$(reason seal pass_flow)" "$before"
check "they dropped at shut ports" test "$(reason seal port_shut)" -gt 7000
kill %tcpdump 2>/dev/null || kill "$!"
wait "$!" 2>/dev/null || :
is "and none was answered" "$(tcpdump -nn -r "$WORLD/back.pcap" 'tcp or udp or icmp' 2>/dev/null | grep -vc '\.514: ')" 0

# ---- flows end ----------------------------------------------------------------------------------

tcp_flows() { node_exec box bpftool -j map dump pinned "$PPN_PINS/flows" | jq '[.[] | select(.formatted.key.proto == 6)] | length'; }
check "closed connections leave the table" wait_for 60 eval '[ "$(tcp_flows)" = 0 ]'
check "the others are counted" test "$(flows)" -gt 0
node_start box talk nc -n 198.51.100.9 443
wait_for 10 node_exec box sh -c 'ss -Htn state established dport = 443 | grep -q 443'
is "a connection is in it" "$(tcp_flows)" 1
said_of() { ppn seal check --json | jq -r '.rows[] | select(.what | contains("198.51.100.9 port 443")) | .cut + ", " + .rule'; }
is "seal check knows which rule keeps it" "$(said_of)" 'kept, ppn egress: tcp/443 to any'
ppn egress close tcp/443 any >/dev/null
check "closing its opening ends it" wait_for 10 eval '[ "$(tcp_flows)" = 0 ]'
check_fails "and no new one begins" tls
node_stop box talk
node_stop out tls # it serves one at a time, and was not told that the other is gone
serve_tls

# ---- the kernel takes no new policy -------------------------------------------------------------

refusing() { ! grep -q '^TracerPid:.0$' "/proc/$(node_pid box ppnd)/status"; }
node_start box trace strace -qq -o /dev/null -p "$(node_pid box ppnd)" -e trace=bpf -e inject=bpf:error=EIO
wait_for 5 refusing
check "closed in the ledger, not in the kernel" exits 1 ppn egress close tcp/8000 any
check "(in words)" says 'tcp/8000 to any is closed in list and ledger, and not in the kernel'
check "status says so, too" exits 5 ppn status
check "and so does the list" exits 5 ppn egress
check "(with the reason)" says 'NOT IN FORCE policy of state bound: '
hold() { (ppn status --json || [ $? = 5 ]) | jq -r '.seal.interfaces[0].hold'; }
hold_is() { [ "$(hold)" = "$1" ]; }
check "ppnd cannot even ask which program is its own" wait_for 10 hold_is nft
node_stop box trace
check "it goes on by itself" wait_for 20 exits 0 ppn status
is "and knows its own again" "$(hold)" native
is "with the one entry" "$(ppn ledger show | grep -c 'closed tcp/8000')" 1
check_fails "shut" web 198.51.100.9
open tcp/8000 any

# ---- openings end, and outlive ppnd -------------------------------------------------------------

ppn egress open tcp/443 any --for 4s >/dev/null
check "open for four seconds" tls
over() { ! rules | grep -q 'tcp/443 any'; }
check "it ends by itself" wait_for 8 over
check_fails "and nothing leaves" tls
is "the ledger has its whole life" \
	"$(ppn ledger show | sed -n 's/.* egress *\([a-z]*\) tcp.443 to any.*/\1/p' | tr '\n' ' ')" "opened closed opened ended "
check "(verified)" exits 0 ppn ledger verify
ppn egress open tcp/443 198.51.100.9 --for 15s >/dev/null
node_stop box ppnd
check "ppnd is gone, the opening is not" tls
start_ppnd
check "back again" ppn wait bound --timeout 10
check "it has its openings" eval "rules | grep -q 'tcp/443 198.51.100.9/32 ppn egress'"
check "(all of them)" test "$(rules | wc -l)" -ge 7
kill -9 "$(node_pid box ppnd)"
check "killed, and over: the kernel alone refuses" wait_for 20 eval '! tls 2>/dev/null'
node_stop box ppnd
start_ppnd
ppn wait bound --timeout 10
check "the next ppnd writes its end at once" wait_for 5 eval "ppn ledger show | grep -q 'ended tcp/443 to 198.51.100.9/32'"
check_fails "and has it no more" eval "rules | grep -q 'tcp/443'"
check "beside others that go on" test "$(rules | wc -l)" -ge 6

# ---- the cloud's metadata service ---------------------------------------------------------------

node_exec out ip addr add 169.254.169.254/32 dev lo
node_exec router ip route add 169.254.169.254/32 via 198.51.100.9
node_exec box ip route add 169.254.169.254/32 via 192.0.2.254
node_start out metadata /usr/bin/python3 -m http.server --bind 169.254.169.254 80
wait_for 5 node_exec out sh -c 'ss -Htln | grep -q :80'
metadata() { node_exec box curl -sS -m 3 -o "$BOX/got" http://169.254.169.254/; }
check_fails "metadata is shut" metadata
node_stop box ppnd
printf 'metadata = yes\n' | sed -i -e '/^\[underlay\]/e printf "[seal]\\nmetadata = yes\\n"' "$BOX/etc/ppnd.conf"
start_ppnd
ppn wait bound --timeout 10
check "metadata = yes: it answers" metadata
check "the list names it" eval "rules | grep -q 'tcp/80 169.254.169.254/32 metadata'"

# ---- isolated -----------------------------------------------------------------------------------

check "dns while it is free" dns4
check "isolated" exits 0 admin send isolate box
check_fails "isolated: nothing leaves" dns4
check "isolated: nothing may be opened" exits 8 ppn egress open udp/53 any --for 1m
check "(in words)" says 'until its fleet releases it'
check "released" exits 0 admin send release box
check "and it leaves again" dns4
check "sanitizers and logs are silent" eval '! grep -E "runtime error|AddressSanitizer|failed" "$(node_log box ppnd)"'
