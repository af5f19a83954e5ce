#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 180
#
# Nobody is locked out (DESIGN 6): a trial of the seal spares the connection it was asked for by, ends by
# itself whether ppnd lives or not, and becomes the seal by a word over a new connection, or by a claim.
# `seal` says when it would cut whoever asks for it, `unseal` what it lets in.
set -euo pipefail
# shellcheck source=selftests/net/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
world "$@"

net_bridge office
for node in desk box two; do
	node_add "$node"
	net_link "$node:eth0" office
	mkdir -p "$(node_dir "$node")/etc"
done
node_exec desk ip addr add 192.0.2.1/24 dev eth0
node_exec desk ip -6 addr add 2001:db8::1/64 dev eth0 nodad
node_exec box ip addr add 192.0.2.2/24 dev eth0
node_exec two ip addr add 192.0.2.3/24 dev eth0
node_exec two ip -6 addr add 2001:db8::3/64 dev eth0 nodad
# A container of box's, on a network of box's own.
node_add inmate
net_link box:inner inmate:eth0
node_exec box ip addr add 198.51.100.1/24 dev inner
node_exec inmate ip addr add 198.51.100.2/24 dev eth0
node_exec inmate ip route add default via 198.51.100.1
DESK=$(node_dir desk)

start_ppnd() { # NODE
	node_start "$1" ppnd ppnd --config "$(node_dir "$1")/etc/ppnd.conf" --state-dir "$(node_dir "$1")/state"
	node_exec "$1" ppn wait holding --timeout 15
}
ppn() { node_exec box ppn "$1" --state-dir "$(node_dir box)/state" "${@:2}"; }
seal() { node_exec "${2:-box}" ppn status --json | jq -r ".seal.$1"; }
trials() { node_exec "${1:-box}" ppn ledger show --state-dir "$(node_dir "${1:-box}")/state" | sed -n 's/ *by \(uid [0-9]*\|ppnd\)$//;s/.* trial //p' | tr '\n' ';'; }
pings() { node_exec desk ping -c 1 -W 1 "${1:-192.0.2.2}" >/dev/null; }
exits() { # WANTED COMMAND...
	local wanted=$1 rc=0
	shift
	"$@" >"$WORLD/said" 2>&1 || rc=$?
	[ "$rc" = "$wanted" ] || { echo "exit $rc, not $wanted: $(cat "$WORLD/said")" >&2 && return 1; }
}
says() { grep -qF -- "$1" "$WORLD/said" || { echo "no '$1' in: $(cat "$WORLD/said")" >&2 && return 1; }; }

# A shell for everyone who connects to port 22, as a login server gives one.
for node in box two; do
	node_start "$node" shells /usr/bin/python3 -c '
import os, signal, socket, subprocess
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
s = socket.socket(socket.AF_INET6); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", 22)); s.listen()
while True:
    c, _ = s.accept()
    subprocess.Popen(["/bin/sh"], stdin=c, stdout=c, stderr=c); c.close()'
	wait_for 5 node_exec "$node" sh -c 'ss -Htln sport = 22 | grep -q :22'
done

# And a crowd for one more, which only holds its connections.
node_start box hall /usr/bin/python3 -c '
import resource, socket
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
s = socket.create_server(("0.0.0.0", 2222), backlog=2048); held = []
while True: held.append(s.accept())'
wait_for 5 node_exec box sh -c 'ss -Htln sport = 2222 | grep -q :2222'

# session NAME ADDRESS [NODE]; then in_session NAME COMMAND: its words in $WORLD/said, its exit code.
declare -A said=()
session() {
	mkfifo "$WORLD/$1.in"
	node_start "${3:-desk}" "$1" sh -c "exec nc $2 22 <>'$WORLD/$1.in' >>'$WORLD/$1.out'"
	said[$1]=0
	in_session "$1" true
}
in_session() {
	said[$1]=$((said[$1] + 1))
	: >"$WORLD/$1.out"
	echo "${*:2}; echo \"code \$? end ${said[$1]}\"" >"$WORLD/$1.in"
	wait_for 8 grep -q "end ${said[$1]}\$" "$WORLD/$1.out" || return 99
	sed '/^code [0-9]* end /d' "$WORLD/$1.out" >"$WORLD/said"
	return "$(sed -n 's/^code \([0-9]*\) end .*/\1/p' "$WORLD/$1.out")"
}
said_exits() { # WANTED NAME COMMAND
	local rc=0
	in_session "$2" "$3" || rc=$?
	[ "$rc" = "$1" ] || { echo "exit $rc, not $1: $(cat "$WORLD/said")" >&2 && return 1; }
}

# ---- a trial, and back ----------------------------------------------------------------------------

printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$(node_dir box)/etc/ppnd.conf"
session one 192.0.2.2
start_ppnd box
is "a first start with a session observes" "$(seal mode)" observe
check "seal says that it would cut whoever asks" said_exits 2 one 'ppn seal </dev/null'
check "(in words)" says 'this is your own connection'
check "(and what would keep it)" says '[rescue] tcp/22'
check "no such time" said_exits 2 one 'ppn seal --try soon'
check "too short a time" said_exits 2 one 'ppn seal --try 5s'
check "nor will it be told that nobody's is cut" exits 2 ppn seal </dev/null
check "(each session may be the caller's)" says 'this may be your own connection, and will be cut: tcp 192.0.2.2 port 22'
check_fails "(not where it is known)" eval 'said_exits 2 one "ppn seal </dev/null" && says "may be"'
check "nobody's connection" exits 8 ppn seal --try 60s
check "(in words)" says 'which connection is yours cannot be told'
lease() { node_exec box ip addr "$1" 192.0.2.77/24 dev eth0 ${2:+valid_lft "$2" preferred_lft "$2"}; }
lease add 600
check "an address that would lapse" said_exits 8 one 'ppn seal --try 60s'
check "(in words)" says 'this machine lives on it: 192.0.2.77 on eth0'
check "(and what would keep it)" says '[underlay] eth0 = dhcp'
lease del
check "nothing to confirm" said_exits 8 one 'ppn seal --confirm'
check "a trial" said_exits 0 one 'ppn seal --try 20s'
check "(what the seal will cut, in words)" says 'this is your own connection, which the trial spares'
is "is on" "$(seal mode)" trial
check "status says how long" test "$(seal trial_s)" -gt 0
check "it drops" eval '! pings'
check_fails "nobody new comes in" node_exec desk nc -z -w 1 192.0.2.2 22
check "the session goes on" in_session one true
check "nobody's connection confirms nothing" exits 8 ppn seal --confirm
check "(in words)" says 'confirm from a new session (not in tmux or screen), or on a console'
is "(the trial goes on)" "$(seal mode)" trial
check "it proves nothing" said_exits 8 one 'ppn seal --confirm'
check "(in words)" says 'was there before the trial'
check "nor a second trial meanwhile" said_exits 8 one 'ppn seal --try 60s'
check "nor --yes" said_exits 8 one 'ppn seal --yes'
check "it ends by itself" wait_for 30 pings
check "and observes again" wait_for 5 eval '[ "$(seal mode)" = observe ]'
is "the ledger has both" "$(trials)" "began for 20 s;reverted;"

# ---- nobody there to end it -----------------------------------------------------------------------

check "another trial" said_exits 0 one 'ppn seal --try 10s'
node_stop box ppnd KILL
check "ppnd is dead, it drops" eval '! pings'
check "the session goes on" in_session one true
check "the kernel ends it" wait_for 15 pings
start_ppnd box
is "the next ppnd observes" "$(seal mode)" observe
is "and writes it down" "$(trials)" "began for 20 s;reverted;began for 10 s;reverted;"
check "a third" said_exits 0 one 'ppn seal --try 12s'
node_stop box ppnd
start_ppnd box
is "a restart goes on with it" "$(seal mode)" trial
check "its end is the same" wait_for 15 pings
check "and written down" wait_for 5 eval '[ "$(seal mode)" = observe ]'
is "(once)" "$(trials)" "began for 20 s;reverted;began for 10 s;reverted;began for 12 s;reverted;"

# ---- confirmed ------------------------------------------------------------------------------------

node_stop box ppnd
printf '[rescue]\ntcp/22 = 192.0.2.0/24\n' >>"$(node_dir box)/etc/ppnd.conf"
start_ppnd box
node_start desk crowd /usr/bin/python3 -c '
import resource, socket, time
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
held = [socket.create_connection(("192.0.2.2", 2222)) for _ in range(2000)]
print("here", flush=True); time.sleep(1000)'
check "2000 other sessions" wait_for 20 grep -q here "$(node_log desk crowd)"
session old 192.0.2.2
check "a trial with a way back in" said_exits 0 one 'ppn seal --try 60s'
check "its own session proves nothing" said_exits 8 one 'ppn seal --confirm'
check "nor does another one that came before, among 2000" said_exits 8 old 'ppn seal --confirm'
node_stop box ppnd
start_ppnd box
check "nor for the next ppnd" said_exits 8 old 'ppn seal --confirm'
check "(in words)" says 'was there before the trial'
session within 192.0.2.2 inmate
check "nor a new one of a container here, which no seal was in the way of" said_exits 8 within 'ppn seal --confirm'
check "(in words)" says 'which connection is yours cannot be told'
session new 192.0.2.2

in_trial() { node_exec box bpftool -j map lookup pinned "$PPN_PINS/policy" key 0 0 0 0 | jq -r '.value[1]' | grep -qi '^0x[13579bdf].$'; }
traced() { ! grep -q '^TracerPid:.0$' "/proc/$(node_pid box ppnd)/status"; }
becomes() { # CALL INJECTION: what becomes of each such call of ppnd
	node_start box trace strace -f -qq -o /dev/null -p "$(node_pid box ppnd)" -e "trace=$1" -e "inject=$1:$2"
	wait_for 5 traced
}
BEFORE=$(trials)
becomes bpf error=ENOMEM
check "the kernel refuses: not confirmed" said_exits 1 new 'ppn seal --confirm'
check "(in words)" says 'the trial goes on: Cannot allocate memory'
node_stop box trace
check "(in the kernel it does)" wait_for 15 in_trial
is "(and for ppnd)" "$(seal mode)" trial
is "(the ledger has no word of it)" "$(trials)" "$BEFORE"

# Confirmed in the kernel, and not in the ledger: for want of room, or because ppnd dies between the two.
becomes pwrite64 error=ENOSPC
check "no room for the entry: not confirmed" said_exits 1 new 'ppn seal --confirm'
node_stop box trace
is "(nor is it in the kernel)" "$(seal mode)" trial
check "it has its end" test "$(seal trial_s)" -gt 0
becomes pwrite64 error=EIO:signal=KILL
check_fails "ppnd dies between the two" in_session new 'ppn seal --confirm'
node_stop box trace
node_stop box ppnd
check_fails "the kernel was told first" in_trial
start_ppnd box
is "the next one observes" "$(seal mode)" observe
is "the ledger says that, too" "$(trials)" "${BEFORE}reverted;"

check "once more" said_exits 0 one 'ppn seal --try 60s'
session newer 192.0.2.2
lease add 600
check "an address that will lapse is not confirmed" said_exits 8 newer 'ppn seal --confirm'
check "(in words)" says 'this machine lives on it: 192.0.2.77 on eth0'
is "(the trial goes on)" "$(seal mode)" trial
lease del
check "a new connection confirms" said_exits 0 newer 'ppn seal --confirm'
is "now it enforces" "$(seal mode)" enforce
is "the ledger says so" "$(trials)" "${BEFORE}reverted;began for 60 s;confirmed;"
check "there is nothing more to try" said_exits 8 newer 'ppn seal --try 60s'
check_fails "it drops" pings
node_stop box ppnd KILL
start_ppnd box
is "for good" "$(seal mode)" enforce

# ---- on the console -------------------------------------------------------------------------------

# What `ppn` says to ppnd there: no socket, and a terminal that is none of a network's.
on_console() { # ACT [SECONDS]: the exit code
	node_exec box /usr/bin/python3 -c '
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/run/ppn/ppnd.sock")
s.send(json.dumps({"verb": "trial", "act": sys.argv[1], "for_s": int(sys.argv[2]), "inodes": [], "console": True}).encode())
while "exit" not in (answer := json.loads(s.recv(65536))): pass
print(answer["exit"])' "$1" "${2:-0}"
}
node_stop box ppnd
rm -r "$(node_dir box)/state"
node_exec box rm -r /sys/fs/bpf/ppn
node_exec box ip link set dev eth0 xdp off
node_exec box nft flush ruleset
start_ppnd box
is "started anew, it observes" "$(seal mode)" observe
lease add 600
is "no trial that the machine would not survive, whoever asks ppnd" "$(on_console begin 60)" 8
lease del
is "a trial from the console" "$(on_console begin 60)" 0
check "is not confirmed by nobody" exits 8 ppn seal --confirm
is "but by the console it is" "$(on_console confirm)" 0
is "now it enforces" "$(seal mode)" enforce

# ---- a claim --------------------------------------------------------------------------------------

printf 'correct horse battery staple\n' >"$DESK/passphrase"
printf '[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"
admin() { node_exec desk ppn-admin --state-dir "$DESK/admin" --config "$DESK/ppn-admin.conf" "$@"; }
admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 5 >"$DESK/invite"
install -m 600 "$DESK/invite" "$(node_dir two)/etc/"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$(node_dir two)/etc/ppnd.conf"
session far 2001:db8::3
start_ppnd two
node_start desk service ppn-admin --state-dir "$DESK/admin" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin status
admin unlock --passphrase-file "$DESK/passphrase"
waits() { [ "$(node_exec two ppn status --json | jq -r .claim.endpoint)" = waiting ]; }
wait_for 15 waits
check "a trial over IPv6" said_exits 0 far 'ppn seal --try 60s'
check "that session goes on" in_session far true
check_fails "it drops" pings 192.0.2.3
check "a claim comes in" exits 0 admin claim 192.0.2.3 --name two
is "and ends the trial: it enforces" "$(seal mode two)" enforce
is "the ledger says so" "$(trials two)" "began for 60 s;ended by a claim;"

# ---- off ------------------------------------------------------------------------------------------

node_start box db nc -lk 192.0.2.2 5432
wait_for 5 node_exec box sh -c 'ss -Htln sport = 5432 | grep -q 5432'
check "unseal asks first" exits 2 ppn unseal </dev/null
check "and says what it lets in, and whose it is" says "tcp/5432 on 192.0.2.2 (nc, $(node_pid box db))"
check_fails "(not ppnd's own ports, which go with it)" says udp/51820
node_stop box ppnd KILL
check "with ppnd dead it says so" exits 3 ppn unseal --yes
check "(and that the seal stays)" says 'what is sealed stays sealed'
check "(and what to do)" says 'systemctl start ppnd'
check_fails "it does stay" node_exec desk nc -z -w 1 192.0.2.2 5432
start_ppnd box
check "unsealed" exits 0 ppn unseal --yes
check "(said again)" says 'tcp/5432'
check "everybody comes in" wait_for 5 node_exec desk nc -z -w 1 192.0.2.2 5432
