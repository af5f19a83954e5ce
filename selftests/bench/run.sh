#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `make bench`: measures, prints a table, writes bench.json and pictures of the rates into $PPN_BUILD. Nothing here
# passes or fails by a time; a row that could not be measured is null, and the run then exits 1. Figures of one
# virtual machine on one day: quote the ratios, which come from interleaved rounds of one run.
#
# BENCH_ROWS='drop spoofed': only these (see the end of this file); the other BENCH_... make each shorter or longer.
# shellcheck disable=SC2317 # called by name
set -euo pipefail
BENCH=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
# shellcheck source=selftests/net/lib.sh
. "$BENCH/../net/lib.sh"
demo_world "$@"
export PATH=$PPN_BUILD/selftests/bench:$BENCH:$PATH

ROUNDS=${BENCH_ROUNDS:-45}     # of contests whose ratio is near 1
FEW=${BENCH_FEW:-9}            # of the others
PACKETS=${BENCH_PACKETS:-500000}
SECONDS_EACH=${BENCH_SECONDS:-3} # of each slice of service and cpu
SLICES=${BENCH_SLICES:-3}
STARTS=${BENCH_STARTS:-20}
RESEALS=${BENCH_RESEALS:-100}
FLIPS=${BENCH_FLIPS:-1000}
CLAIMS=${BENCH_CLAIMS:-7}
SENDS=${BENCH_SENDS:-50}
JSON='{}'
BROKEN=0

# ---- helpers of all rows -------------------------------------------------------------------

# row KEY VALUE UNIT TEXT
row() {
	local value=${2:-null}
	[ "$value" != null ] || BROKEN=1
	JSON=$(jq --arg key "$1" --argjson value "$value" '.[$key] = $value' <<<"$JSON")
	printf '%-30s %10s %-7s %s\n' "$1" "$value" "$3" "$4"
}

median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) printf "%.2f\n", v[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="${1:-0}" -v b="${2:-0}" 'BEGIN { if (a > 0 && b > 0) printf "%.2f\n", a / b }'; }
now_ns() { date +%s%N; }
# From start to end, in nanoseconds: milliseconds with two digits.
hundredths() { awk -v ns="$(($2 - $1))" 'BEGIN { printf "%.2f\n", ns / 1000000 }'; }

# shellcheck source=selftests/bench/drop.sh
. "$BENCH/drop.sh"
# shellcheck source=selftests/bench/service.sh
. "$BENCH/service.sh"
# shellcheck source=selftests/bench/life.sh
. "$BENCH/life.sh"
# shellcheck source=selftests/bench/claim.sh
. "$BENCH/claim.sh"

# ---- sizes ----------------------------------------------------------------------------------

stripped() {
	strip -o "$WORLD/stripped" "$PPN_BUILD/$1"
	stat -c %s "$WORLD/stripped" | awk '{ printf "%.0f\n", $1 / 1024 }'
}

bench_size() {
	local program
	for program in ppnd ppnd-claim ppn ppn-admin; do
		row "${program//-/_}_kib" "$(stripped "$program")" KiB "$program, stripped"
	done
}

# ---- the rows -------------------------------------------------------------------------------

# memory wants the nodes of claim, and so does send.
ROWS=(decision drop spoofed flat pass service cpu start reseal flips claim send memory size)

wanted() { [ -z "${BENCH_ROWS:-}" ] || [[ " $BENCH_ROWS " == *" $1 "* ]]; }

net_bridge wire0
printf '%-30s %10s %-7s %s\n' KEY VALUE UNIT ''
for name in "${ROWS[@]}"; do
	! wanted "$name" || "bench_$name"
done
JSON=$(jq --arg kernel "$(uname -r)" --arg wireguard "$(have_wireguard && echo kernel || echo userspace)" \
	'. + {kernel: $kernel, wireguard: $wireguard}' <<<"$JSON")
echo "$JSON" >"$PPN_BUILD/bench.json"
charts.sh "$PPN_BUILD/bench.json" "$PPN_BUILD"
exit "$BROKEN"
