#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Unpacks Debian's pmacct and the libraries that it needs below a folder, for comparisons. Nothing is installed.
#   bench/fetch-oracle.sh DIR
set -eu
dir=${1:?usage: fetch-oracle.sh DIR}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
if [ -x "$dir/usr/sbin/nfacctd" ]; then exit 0; fi
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
cd "$packages"
libraries=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances pmacct |
    grep '^lib' | grep -v '^libc6$' | sort -u)
# What the system has needs no copy, so only what the loader would miss is unpacked.
for package in pmacct $libraries; do
    if [ "$package" = pmacct ] || ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed'; then
        apt-get download -q "$package" >/dev/null 2>&1 || echo "no package $package, gone on without" >&2
    fi
done
for file in *.deb; do dpkg-deb -x "$file" "$dir"; done
test -x "$dir/usr/sbin/nfacctd"
