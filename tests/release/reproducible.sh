#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Builds the same source twice, in folders of different names and at different times of the clock, and compares the programs, octet
# for octet:  tests/release/reproducible.sh FOLDER [PROGRAM...]      (all of them where none is named)
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?usage: reproducible.sh FOLDER [PROGRAM...]}
shift
rm -rf "$out/one" "$out/the-other-one"
for name in one the-other-one; do
    mkdir -p "$out/$name"
    cp -r "$top/configure" "$top/configure.ac" "$top/config.h.in" "$top/aclocal.m4" "$top"/Makefile.* "$top/build-aux" "$top/m4" "$top/src" "$top/tests" "$top/bench" \
        "$top/docs" "$top/examples" "$top/packaging" "$top"/*.md "$top/LICENSE" "$top/CONFIG-KEYS" "$out/$name"
    (cd "$out/$name" && ./configure "CFLAGS=-O2 -g -ffile-prefix-map=$out/$name=." >configure.out 2>&1 && make -j "$(nproc)" "$@" >make.out 2>&1)
    sleep 1
done
status=0
for program in nfacctd sfacctd pmacctd uacctd pmbgpd pmbmpd pmtelemetryd pmacct pmbgp; do
    [ -e "$out/one/$program" ] || continue
    if cmp "$out/one/$program" "$out/the-other-one/$program"; then echo "same $program"; else status=1; fi
done
exit $status
