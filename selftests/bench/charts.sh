#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# charts.sh BENCH.JSON FOLDER: what of it there is, as SVG: bench-drop.svg (who drops how fast), bench-flat.svg (the
# seal over the empty program, against ports, flows and sources).
set -euo pipefail

JSON=$1
FOLDER=$2
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT

has() { jq -e "has(\"$1\")" "$JSON" >/dev/null; }

drop() {
	jq -r '.drop_mpps | to_entries | sort_by(-.value)[] | "\(.key | gsub("_"; " "))\t\(.value)"' "$JSON" >"$SCRATCH/drop"
	gnuplot <<-EOF
		set terminal svg size 800,420 font "sans-serif,13" background "white"
		set output "$FOLDER/bench-drop.svg"
		set title "UDP to a closed port: packets dropped, best rounds (one CPU sends and receives; veth, live frames)"
		set datafile separator "\t"
		set style fill solid 0.8 noborder
		set boxwidth 0.7
		set yrange [0:*]
		set ylabel "million packets a second"
		set xtics rotate by -30 scale 0
		set grid ytics
		set key off
		plot "$SCRATCH/drop" using 0:2:(strcol(1) eq "seal" ? 0xb03060 : 0x607080):xtic(1) with boxes linecolor rgb variable, \
			"" using 0:2:(sprintf("%.2f", column(2))) with labels offset 0,0.7
	EOF
}

flat() {
	local key
	for key in ports flows sources; do
		# 0 has no place on a logarithmic axis: half of one stands for it
		jq -r ".drop_flat_${key}[] | \"\\(if .[0] == 0 then 0.5 else .[0] end) \\(.[1])\"" "$JSON" >"$SCRATCH/$key"
	done
	gnuplot <<-EOF
		set terminal svg size 800,420 font "sans-serif,13" background "white"
		set output "$FOLDER/bench-flat.svg"
		set title "Drop rate of the seal over that of an empty program"
		set logscale x
		set format x "10^{%L}"
		set xtics add ("0" 0.5)
		set xrange [0.4:2e6]
		set yrange [0:1.2]
		set grid
		set key bottom left
		plot "$SCRATCH/ports" with linespoints title "open ports", \
			"$SCRATCH/flows" with linespoints title "egress flows (a million sources)", \
			"$SCRATCH/sources" with linespoints title "sources"
	EOF
}

! has drop_mpps || drop
! { has drop_flat_ports && has drop_flat_flows && has drop_flat_sources; } || flat
