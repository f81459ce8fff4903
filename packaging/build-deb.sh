#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds a Debian package from this checkout:  packaging/build-deb.sh OUTPUT-FOLDER   (needs debhelper)
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
out=${1:?usage: build-deb.sh OUTPUT-FOLDER}
mkdir -p "$out"
rm -rf "$out/pmacct-ng"
mkdir "$out/pmacct-ng"
(cd "$top" && tar cf - --exclude=./build --exclude=./.git --exclude=./autom4te.cache .) | (cd "$out/pmacct-ng" && tar xf -)
cd "$out/pmacct-ng"
rm -f configure Makefile.in aclocal.m4 config.h.in # made anew
cp -r packaging/debian debian
DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-parallel=$(nproc) noddebs}" dpkg-buildpackage -us -uc -b
