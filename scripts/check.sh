#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# scripts/check.sh [CHECK...]: what can be said of the sources without running them, one TAP line a
# check. Without arguments all of them, in the order of the list at the end.
#
# TIDY=changed: clang-tidy only on what differs from $BASE (HEAD). ANALYZER=shallow: its static analyzer follows fewer
# calls, in a third of the time. The build folder is $PPN_BUILD.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PPN_BUILD=${PPN_BUILD:-build}
jobs=$(nproc)

# sources PATTERN...: files of the tree, committed or about to be.
sources() {
	git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
		[ ! -f "$file" ] || echo "$file"
	done
}

scripts() {
	sources '*.sh' selftests/run .ci/run 'scripts/deb/*.p*inst' 'scripts/deb/*.p*rm'
}

# The results of these tools belong to one version: others format and warn otherwise.
version_is() {
	local have
	have=$("$1" --version | sed -n 's/.*version \([0-9]*\).*/\1/p' | head -n 1)
	[ "$have" = "$2" ] || SKIP="$1 is version $have, not $2"
}

# ---- tools --------------------------------------------------------------------------------

check_format() {
	local said
	version_is clang-format 14
	[ -z "$SKIP" ] || return 0
	said=$(sources '*.c' '*.h' | xargs -r -P "$jobs" -n 16 clang-format --dry-run 2>&1)
	none "$(sed -n 's/^\([^ :]*\):[0-9]*:.*/\1: not formatted (make format)/p' <<<"$said" | sort -u)"
}

tidy_files() {
	if [ "${TIDY:-all}" = changed ]; then
		{
			git diff --name-only "${BASE:-HEAD}" -- '*.c'
			git ls-files --others --exclude-standard -- '*.c'
		} | sort -u
	else
		sources '*.c'
	fi
}

# One file a process: the analyzer of clang 14 confuses va_lists of different files.
check_clang-tidy() {
	local depth=()
	version_is clang-tidy 14
	[ -z "$SKIP" ] || return 0
	[ "${ANALYZER:-deep}" = deep ] ||
		depth=(--extra-arg=-Xclang --extra-arg=-analyzer-config --extra-arg=-Xclang "--extra-arg=mode=$ANALYZER")
	make -s O="$PPN_BUILD" "$PPN_BUILD/compile_commands.json"
	tidy_files | xargs -r -P "$jobs" -n 1 clang-tidy --quiet -p "$PPN_BUILD" "${depth[@]}" |
		grep -v 'warnings generated'
	return "${PIPESTATUS[1]}"
}

run_cppcheck() {
	local queue
	queue=$(echo '#include <sys/queue.h>' | gcc -E -M - | tr ' ' '\n' | grep '/sys/queue.h$')
	# arithOperationsOnVoidPointer: gnu11 defines it.
	# memleak: cppcheck does not know the cleanup attribute; ASan finds leaks in all tiers.
	cppcheck -j "$jobs" --quiet --std=c11 --error-exitcode=1 \
		--enable=warning,performance,portability --inline-suppr \
		--template='{file}:{line}: {message} [{id}]' \
		--suppress=missingIncludeSystem --suppress=memleak --suppress=arithOperationsOnVoidPointer \
		--suppress='*:*/sys/queue.h' \
		--include=scripts/cppcheck.h --include="$queue" -D_GNU_SOURCE -D__x86_64__ \
		-Iinclude -Iuser -Ibpf "$@"
}

# A macro that it cannot read makes cppcheck give up in silence: it must find the planted fault.
check_cppcheck() {
	local planted
	planted=$(mktemp --suffix=.c)
	echo 'int f(void); int f(void) { int a[2] = { 0, 0 }; return a[2]; }' >"$planted"
	if run_cppcheck "$planted" 2>/dev/null; then
		echo "cppcheck misses a planted fault"
		rm -f "$planted"
		return 1
	fi
	rm -f "$planted"
	run_cppcheck user bpf
}

check_shellcheck() {
	scripts | xargs -r -P "$jobs" -n 8 shellcheck
}

# ---- builds -------------------------------------------------------------------------------

check_gcc() {
	make -s -j "$jobs" O="$PPN_BUILD" CC=gcc all >/dev/null
}

# By name only: clang-tidy reads all sources, with the same warnings, and the fuzzers are built with it.
check_clang() {
	make -s -j "$jobs" O="$PPN_BUILD/check/clang" CC=clang all >/dev/null
}

# What is installed names no placeholder and goes again without a trace.
check_install() {
	local root left
	root=$(mktemp -d)
	make -s O="$PPN_BUILD" DESTDIR="$root" install >/dev/null
	left=$(grep -rnoE '@[A-Za-z_]+@' "$root/usr/local/lib" "$root/usr/local/share" | sed "s#^$root##")
	make -s O="$PPN_BUILD" DESTDIR="$root" uninstall >/dev/null
	left+=$(find "$root" -type f)
	rm -rf "$root"
	none "$left"
}

# Twice: the include guard is tried too.
compile_header() {
	local header=$1 flags=() language
	language="-std=gnu11 -D_GNU_SOURCE -Iinclude -Iuser -Iselftests -I$PPN_BUILD/selftests/bench -isystem/usr/include/libnl3"
	# What a BPF header declares depends on the program; the seal's is the most.
	[[ $header != bpf/* ]] || language="$BPF_FLAGS -DPPN_PROGRAM_SEAL"
	read -ra flags <<<"$language"
	printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
		clang "${flags[@]}" -Wall -Wextra -Werror -Wno-unused-function -fsyntax-only -I. -x c - ||
		echo "$header does not compile alone"
}
export -f compile_header

check_headers() {
	local said
	BPF_FLAGS=$(make -s bpf-flags)
	export BPF_FLAGS PPN_BUILD
	# A skeleton that one of them includes.
	make -s O="$PPN_BUILD" "$PPN_BUILD/selftests/bench/sender.skel.h" >&2
	said=$(sources 'include/*.h' 'bpf/*.h' 'user/*.h' 'selftests/*.h' |
		xargs -r -P "$jobs" -I {} bash -c "compile_header '{}' 2>&1")
	none "$said"
}

# ---- house rules --------------------------------------------------------------------------

# none TEXT: succeeds when there is none, else shows it.
none() {
	[ -z "$1" ] || {
		echo "$1"
		return 1
	}
}

# First line, or the one after an interpreter's.
check_spdx() {
	none "$(sources '*.c' '*.h' '*.sh' '*.py' '*.[158]' '*.service' Makefile selftests/run .ci/run .clang-format .clang-tidy |
		xargs awk 'FNR == 1 && name { if (!has) print name ": no SPDX line" }
			FNR == 1 { name = FILENAME; has = 0 }
			/SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause/ { has = 1 }
			FNR == 2 { nextfile }
			END { if (name && !has) print name ": no SPDX line" }')"
}

# An error that is swallowed is a check that cannot fail.
check_no-or-true() {
	none "$(sources '*.sh' Makefile selftests/run .ci/run | xargs -r grep -nE '\|\| *(true|/bin/true)\b' |
		grep -v '^scripts/check\.sh:')"
}

# room HEADERS ROOMS: the headers (a regular expression) are included in these folders only.
room() {
	local headers=$1 rooms=$2
	sources '*.c' '*.h' | xargs -r grep -nE "^ *# *include <($headers)" | grep -vE "^($rooms)" |
		sed 's/$/    (not its room)/'
}

check_rooms() {
	none "$(
		room 'bpf/(libbpf|bpf|btf)\.h|xdp/libxdp\.h' 'user/kernel/|selftests/(bpf|bench|net)/'
		room 'netlink/|nftables/' 'user/kernel/'
		room 'sodium' 'user/lib/|selftests/'
		room 'wslay/|http_parser\.h' 'user/host/|user/node/claim/'
		room 'event2/|jansson\.h|ini\.h|seccomp\.h|cap-ng\.h' 'user/(host|node|admin|cli)/|selftests/'
		room 'bpf/bpf_helpers\.h|bpf/bpf_endian\.h' 'bpf/|selftests/'
	)"
}

# arrows FROM TO: files in user/FROM include nothing of user/TO.
arrows() {
	sources "user/$1/*.c" "user/$1/*.h" | xargs -r grep -nE "^ *# *include \"(\.\./)*($2)/" |
		sed 's/$/    (against the arrows)/'
}

# include <- lib <- host, kernel <- node, admin, cli
check_arrows() {
	none "$(
		arrows lib 'host|kernel|node|admin|cli'
		arrows host 'kernel|node|admin|cli'
		arrows kernel 'host|node|admin|cli'
		arrows node 'admin|cli'
		arrows admin 'node|cli'
		arrows cli 'node|admin|kernel'
		sources 'include/*.h' 'bpf/*' | xargs -r grep -nE '^ *# *include "(lib|host|kernel|node|admin|cli)/' |
			sed 's/$/    (against the arrows)/'
	)"
}

# user/lib is pure: randomness, time and files reach it as arguments. The one source of randomness
# is libsodium's, which only lib/crypto.c may include; what needs it is handed its function.
check_pure() {
	local impure='open|open64|openat|read|write|close|socket|connect|send|recv|fopen|fopen64|v?f?printf|f?puts|f?putc|putchar|fwrite'
	impure+='|v?syslog|time|clock_gettime|gettimeofday|getrandom|getenv|randombytes.*|exit|abort|sleep'
	make -s O="$PPN_BUILD" "$PPN_BUILD/libppn.a"
	none "$(nm -A --undefined-only "$PPN_BUILD/libppn.a" |
		grep -E " U (__)?($impure)(_chk)?$" | grep -v ':crypto\.o:.* U randombytes_buf$' | sed 's/^[^:]*://; s/$/    (user\/lib is pure)/')"
}

# ---- all ----------------------------------------------------------------------------------

CHECKS="format shellcheck spdx no-or-true rooms arrows gcc install pure headers cppcheck clang-tidy"

main() {
	local check number=0 failed=0 began
	[ $# -gt 0 ] || read -ra CHECKED <<<"$CHECKS"
	[ $# -eq 0 ] || CHECKED=("$@")
	echo "1..${#CHECKED[@]}"
	for check in "${CHECKED[@]}"; do
		number=$((number + 1))
		SKIP=
		began=$SECONDS
		if ! "check_$check" >&2; then
			failed=1
			echo "not ok $number - $check"
		elif [ -n "$SKIP" ]; then
			echo "ok $number - $check # SKIP $SKIP"
		else
			echo "ok $number - $check ($((SECONDS - began)) s)"
		fi
	done
	return $failed
}

main "$@"
