#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# timeout: 180
#
# Each file of a bound node's STATE lost, emptied, cut, changed or grown: the node is what it was, or damaged, or
# ppnd says what is wrong and ends. Always sealed, never a new identity, never unclaimed, never open to commands it
# could have seen before.
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
DESK=$(node_dir desk)
mkdir -p "$DIR/etc"
printf '[node]\nexternal = eth0\nbeacon_window = 0\n[underlay]\neth0 = static\n' >"$DIR/etc/ppnd.conf"
printf 'correct horse battery staple\n' >"$DESK/passphrase"
chmod 600 "$DESK/passphrase"
printf '[mesh]\nendpoint = 192.0.2.1\n' >"$DESK/ppn-admin.conf"

admin() {
	node_exec desk ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" "$@"
}

start() {
	: >"$(node_log box ppnd)"
	node_start box ppnd ppnd --config "$DIR/etc/ppnd.conf" --state-dir "$DIR/state" --run-dir /run/ppn
}

ppn() {
	local verb=$1
	shift
	node_exec box ppn "$verb" --run-dir /run/ppn --state-dir "$DIR/state" "$@"
}

admin init --name desk --passphrase-file "$DESK/passphrase" >/dev/null
admin invite --count 10 --days 1 >"$DESK/invite"
install -m 600 "$DESK/invite" "$DIR/etc/invite"
node_start desk service ppn-admin --state-dir "$DESK/state" --config "$DESK/ppn-admin.conf" run
wait_for 10 admin unlock --passphrase-file "$DESK/passphrase"
start
ppn wait holding --timeout 10
wait_for 10 admin claim 192.0.2.2
check "a bound node" ppn wait bound --timeout 5
admin send isolate "$(ppn status --json | jq -r .node)" >/dev/null
admin send release "$(ppn status --json | jq -r .node)" >/dev/null
ppn wait bound --timeout 5
node=$(ppn status --json | jq -r .identity)
used=$(ppn status --json | jq '.slots[0].seq_next')
node_stop box ppnd
cp -a "$DIR/state" "$DIR/good"

lost() { rm "$1"; }
emptied() { : >"$1"; }
cut() { truncate -s -1 "$1"; }
grown() { printf x >>"$1"; }
flip() { # FILE OFFSET
	local byte
	byte=$(od -An -tu1 -j"$2" -N1 "$1")
	printf '%b' "\\0$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
head_changed() { flip "$1" 0; }
middle_changed() { flip "$1" $(($(stat -c %s "$1") / 2)); }
tail_changed() { flip "$1" $(($(stat -c %s "$1") - 1)); }
open_to_all() { chmod 644 "$1"; }

answers_or_ended() {
	! node_alive box ppnd || ppn status
}

# What became of it, in $GOT: a state, or "ended" when ppnd has given up, with a sentence.
judge() {
	start
	if ! wait_for 10 answers_or_ended; then
		GOT=hangs
	elif node_alive box ppnd; then
		GOT=$(ppn status --json | jq -r --arg node "$node" --argjson used "$used" '
			.state + (if .identity != null and .identity != $node then " as another" else "" end)
			+ (if any(.slots[]; .open and .seq_next < $used) then " with a lower floor" else "" end)')
	else
		GOT=ended
	fi
	node_stop box ppnd
	case $GOT.$STATUS in
	ended.1) [ -s "$(node_log box ppnd)" ] || GOT="ended without a word" ;;
	ended.*) GOT="died ($STATUS)" ;;
	*.0) ;;
	*) GOT="$GOT, then died ($STATUS)" ;;
	esac
}

# damage FILE HOW WANTED
damage() {
	rm -rf "$DIR/state"
	cp -a "$DIR/good" "$DIR/state"
	"$2" "$DIR/state/$1"
	judge
	[ "$(node_exec box bpftool -j net show dev eth0 | jq '.[0].xdp | length')" = 1 ] || GOT="$GOT, NOT SEALED"
	is "$1 ${2//_/ }: $3" "$GOT" "$3"
}

while read -r file wanted how; do
	for one in $how; do damage "$file" "$one" "$wanted"; done
done <<-EOF
	identity damaged lost
	identity ended emptied cut grown head_changed middle_changed tail_changed open_to_all
	authority.pub damaged lost emptied head_changed middle_changed
	ledger damaged lost emptied cut head_changed middle_changed tail_changed
	ledger bound grown
	head damaged lost emptied cut grown head_changed tail_changed
	bound damaged lost emptied cut grown head_changed middle_changed tail_changed
	roster damaged lost emptied cut grown head_changed middle_changed tail_changed
	trust damaged lost emptied cut grown head_changed middle_changed tail_changed
	slots bound lost emptied cut head_changed middle_changed
	boots bound lost emptied grown
EOF
