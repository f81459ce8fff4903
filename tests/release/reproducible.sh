#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds the Debian package twice, in folders of different names, one after the other, in another time zone, with another language and other
# modes for new files, and compares the packages, octet for octet:  tests/release/reproducible.sh FOLDER
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?usage: reproducible.sh FOLDER}
rm -rf "$out"
mkdir -p "$out"
export CCACHE_DISABLE=1 # two compilations, not one and a copy of it
umask 022
TZ=UTC LC_ALL=C.UTF-8 "$top/packaging/build-deb.sh" "$out/one" >"$out/one.log" 2>&1 || { tail -n 20 "$out/one.log"; exit 1; }
umask 027
mkdir -p "$out/a/folder/of/another/name"
TZ=Asia/Kathmandu LC_ALL=C "$top/packaging/build-deb.sh" "$out/a/folder/of/another/name" >"$out/two.log" 2>&1 || { tail -n 20 "$out/two.log"; exit 1; }
umask 022
status=0
for package in "$out"/one/*.deb; do
    other=$out/a/folder/of/another/name/$(basename "$package")
    if cmp "$package" "$other"; then
        echo "same $(basename "$package")"
        continue
    fi
    status=1
    for one in "$package" "$other"; do
        rm -rf "$one.x"
        dpkg-deb -R "$one" "$one.x"
        (cd "$one.x" && find . -type f -exec sha256sum {} + | sort -k 2) >"$one.sums"
    done
    diff "$package.sums" "$other.sums" || true
done
exit $status
