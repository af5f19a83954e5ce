#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# scripts/deb.sh FOLDER: two Debian packages of what is built, into FOLDER:
#
#   ppnd       the node: ppnd, ppnd-claim, ppn, their units and pages
#   ppn-admin  the authority's seat
#
# Nothing is enabled or started; a sealed machine keeps ppnd (scripts/deb/ppnd.prerm). The BPF objects are in the
# programs: no compiler is needed where they run. PPN_BUILD: the build folder (build/).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=$(realpath -m "${PPN_BUILD:-build}")
out=$(realpath -m "$1")
stage=$build/deb
files=scripts/deb

# A release is its tag; a build behind it bears the time of its commit, so that later ones are newer.
version() {
	local v
	v=$("$build/deb/obj/ppnd" --version | cut -d' ' -f2)
	v=${v#v}
	case $v in
	*-*) echo "${v%%-*}+$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d.%H%M%S)" ;;
	*) echo "$v" ;;
	esac
}

maintainer() {
	echo "${PPN_MAINTAINER:-$(git log -1 --format='%an <%ae>' 2>/dev/null || echo 'nobody <nobody@example.org>')}"
}

# The date of the last commit: two builds of it are alike.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH

# move PACKAGE PATH...: from the common tree into the package's own.
move() {
	local package=$1 path
	shift
	for path; do
		mkdir -p "$stage/$package/$(dirname "$path")"
		mv "$stage/all/$path" "$stage/$package/$path"
	done
}

split() {
	move ppnd usr/sbin/ppnd usr/libexec/ppn usr/bin/ppn lib/systemd/system/ppnd.service \
		lib/systemd/system/ppn-seal.service usr/share/man/man8/ppnd.8 usr/share/man/man8/ppn.8
	move ppn-admin usr/bin/ppn-admin lib/systemd/system/ppn-admin.service usr/share/man/man8/ppn-admin.8
	rm -rf "$stage/all/etc"
	[ -z "$(find "$stage/all" -type f)" ] || { find "$stage/all" -type f && return 1; }
	for package in ppnd ppn-admin; do
		install -D -m 644 "$files/$package.preset" \
			"$stage/$package/usr/lib/systemd/system-preset/80-$package.preset"
	done
	install -D -m 755 "$files/kernel-postinst" "$stage/ppnd/etc/kernel/postinst.d/zz-ppn"
	install -D -m 644 "$files/sysusers" "$stage/ppnd/usr/lib/sysusers.d/ppnd.conf"
	install -d -m 755 "$stage/ppnd/etc/ppn" "$stage/ppn-admin/etc/ppn"
}

documents() {
	local package=$1 doc
	doc=$stage/$package/usr/share/doc/$package
	mkdir -p "$doc"
	install -m 644 "$files/copyright" "$doc/copyright"
	{
		echo "$package ($(version)) unstable; urgency=medium"
		echo
		echo "  * Built from the tree as it is; its history is the list of changes."
		echo
		echo " -- $(maintainer)  $(date -u -R -d "@$SOURCE_DATE_EPOCH")"
	} | gzip -9n >"$doc/changelog.gz"
	find "$stage/$package/usr/share/man" -type f -exec gzip -9n {} +
}

# What the programs are linked with, as Debian names it.
depends() {
	local package=$1 work
	work=$(mktemp -d)
	mkdir -p "$work/debian"
	echo "Source: $package" >"$work/debian/control"
	(cd "$work" && find "$stage/$package/usr" -type f -perm -100 -print0 |
		xargs -0 dpkg-shlibdeps -O 2>/dev/null) | sed -n 's/^shlibs:Depends=//p'
	rm -rf "$work"
}

control() {
	local package=$1 script
	local to=$stage/$package/DEBIAN
	mkdir -p "$to"
	sed -e "s/@version@/$(version)/" -e "s/@maintainer@/$(maintainer)/" -e "s/@arch@/$(dpkg --print-architecture)/" \
		-e "s/@depends@/$(depends "$package")/" \
		-e "s/@size@/$(du -sk --apparent-size "$stage/$package" | cut -f1)/" \
		"$files/$package.control" >"$to/control"
	for script in preinst postinst prerm postrm; do
		[ ! -e "$files/$package.$script" ] ||
			install -m 755 "$files/$package.$script" "$to/$script"
	done
	(cd "$stage/$package" && find etc -type f -printf '/%p\n' | sort >"$to/conffiles")
	[ -s "$to/conffiles" ] || rm "$to/conffiles"
	(cd "$stage/$package" && find . -type f -not -path './DEBIAN/*' -printf '%P\0' | sort -z |
		xargs -0 md5sum) >"$to/md5sums"
	chmod 644 "$to/md5sums" "$to/control"
}

rm -rf "$stage"/{all,ppnd,ppn-admin}
mkdir -p "$stage" "$out"
# A build of its own: paths are compiled in.
make -s -j "$(nproc)" O="$stage/obj" PREFIX=/usr unitdir=/lib/systemd/system DESTDIR="$stage/all" install >/dev/null
find "$stage/all/usr" -type f -perm -100 -exec strip --strip-unneeded {} +
split
for package in ppnd ppn-admin; do
	documents "$package"
	control "$package"
	find "$stage/$package" -type d -exec chmod 755 {} +
	find "$stage/$package" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz -b "$stage/$package" "$out" | sed 's/^dpkg-deb: //'
done
