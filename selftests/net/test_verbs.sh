#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What every verb of `ppn` owes whoever types it (DESIGN 3): with --json one object of schema 1, in every state, the
# exit codes of the table, and words that say what to type, also of what is no text at all.
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
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[seal]\nmode = observe\n[underlay]\neth0 = static\n' >"$DIR/etc/ppnd.conf"

ppn() { node_exec box timeout 20 ppn "$@" </dev/null; }
exits() { # WANTED COMMAND...
	local wanted=$1 rc=0
	shift
	"$@" >"$WORLD/said" 2>&1 || rc=$?
	[ "$rc" = "$wanted" ] || { echo "exit $rc, not $wanted: $(cat "$WORLD/said")" >&2 && return 1; }
}
says() { grep -qF -- "$1" "$WORLD/said" || { echo "no '$1' in: $(cat "$WORLD/said")" >&2 && return 1; }; }
# one_object WANTED VERB...: exit code, and one object of schema 1 on stdout
one_object() {
	local wanted=$1 rc=0
	shift
	ppn "$@" --json >"$WORLD/said" 2>&1 || rc=$?
	if [ "$rc" != "$wanted" ] || ! jq -es 'length == 1 and .[0].schema == 1' "$WORLD/said" >/dev/null; then
		echo "exit $rc, not $wanted: $(cut -c 1-200 "$WORLD/said")" >&2
		return 1
	fi
}

# Verbs that answer in every state: exit code without ppnd, while holding, and the words.
verbs='3 0 status
3 0 seal status
3 0 seal check
3 0 seal check --observed
3 0 egress
3 4 egress open tcp/443 any --for 1m
3 4 egress close tcp/443 any
3 8 seal --confirm
3 2 seal
3 2 unseal
3 4 peers
3 0 wait holding --timeout 0
0 0 doctor
0 0 version
2 2 bogus
2 2 seal bogus
2 2 seal check x'
answer_all() { # COLUMN, 0 or 1
	local codes words bad=0
	while read -r "codes[0]" "codes[1]" words; do
		# shellcheck disable=SC2086 # words
		one_object "${codes[$1]}" $words || bad=1
	done <<<"$verbs"
	return "$bad"
}

check "without ppnd: one JSON object each, and the exit code" answer_all 0
check "unseal without ppnd" exits 3 ppn unseal --yes
is "says once that nobody answers" "$(grep -c 'is not running' "$WORLD/said")" 1
node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state"
node_exec box ppn wait holding --timeout 15
check "while it holds: the same" answer_all 1
wait_for 10 node_exec desk ping -c 1 -W 1 192.0.2.2
check "observing drops nothing" exits 0 ppn seal status
check "(in words)" says ' would be dropped, '

# ---- what nobody should type ----------------------------------------------------------------------

not_utf8() {
	local bytes=$'tcp/\xff'
	one_object 2 wait "$bytes" && one_object 2 egress open "$bytes" any --for 1m &&
		one_object 2 "$bytes" && one_object 2 seal --try "$bytes"
}
very_long() {
	local long
	long=$(printf 'x%.0s' $(seq 5000))
	one_object 2 "$long" && one_object 2 seal "$long" && one_object 2 doctor --kernel "$long"
}
check "no UTF-8: usage, and JSON all the same" not_utf8
check "(in words)" eval 'exits 2 ppn wait $'"'"'\xff'"'"' && says "an argument is not UTF-8"'
check "no control characters come back" eval 'exits 2 ppn seal --try $'"'"'\e[31m'"'"' && says "?[31m is no time"'
check "very long ones" very_long
check "no state" exits 2 ppn wait claimed
check "(which there are)" says 'blind, scanning, holding, bound'
while read -r words; do
	# shellcheck disable=SC2086 # words
	check "an option of another verb: $words" exits 2 ppn $words
done <<'END'
status --yes
unseal --yes --try 60s
seal --yes --kernel 6.1
doctor --for 5s
peers --timeout 5
END
check "(in words)" says '--timeout says nothing to peers'
for time in 0 9s 2h 4000000000s -1 99999999999999999999; do
	check "a trial of $time" exits 2 ppn seal --try "$time"
done
check "(how long one lasts)" eval 'exits 2 ppn seal --try 9s && says "a trial (for_s) lasts 10 to 3600 seconds"'
for time in 0 -1 2d; do
	check "a watch of $time" exits 2 ppn seal watch --for "$time"
done
