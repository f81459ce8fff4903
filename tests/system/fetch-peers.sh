#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# fetch-peers.sh FOLDER: the newest routers that Debian has (FRR, BIRD 3, GoBGP, ExaBGP, of its unstable suite), unpacked into FOLDER/root
# with their own libraries, beside what is installed; FOLDER/bin starts them. For test_peers.py. Called by `./dev deps peers`.
set -euo pipefail
suite=${SUITE:-sid}
mkdir -p "$1"
folder=$(readlink -f "$1")
apt=$folder/apt root=$folder/root bin=$folder/bin
rm -rf "$root" "$bin"
mkdir -p "$apt"/lists/partial "$apt"/cache/archives/partial "$root" "$bin"
: >"$apt/status" # nothing is installed there: apt brings all that they need
mirror=$(cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null |
    sed -En 's/^URIs: //p; s/^deb (\[[^]]*\] )?(http[^ ]*debian[^ ]*) .*/\2/p' | sed -n 1p || true)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $suite main" >"$apt/sources.list"
cat >"$apt/conf" <<END
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status"; Dir::Cache "$apt/cache";
APT::Install-Recommends "false"; APT::Sandbox::User "root"; Acquire::Languages "none";
END
export APT_CONFIG=$apt/conf
apt-get update -q
apt-get install -q -y --download-only frr bird3 gobgpd exabgp
for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$root"; done

lib=$root/usr/lib/x86_64-linux-gnu
wrap() { # NAME PROGRAM [OPTION...]: by the linker and the libraries that came with it
    printf '#!/bin/sh\nexec %s --library-path %s:%s/frr --argv0 "$0" %s "$@"\n' "$lib"/ld-linux-x86-64.so.2 "$lib" "$lib" "${*:2}" >"$bin/$1"
    chmod +x "$bin/$1"
}
wrap bird "$root/usr/sbin/bird"
wrap birdc "$root/usr/sbin/birdc"
wrap vtysh "$root/usr/bin/vtysh"
wrap frr-bgpd-itself "$root/usr/lib/frr/bgpd" --moduledir "$lib/frr/modules"
# libyang reads its modules from /usr/share, wherever it lies itself: its own /usr/share stands there for FRR alone.
# shellcheck disable=SC2016
printf '#!/bin/sh\nexec unshare -m sh -c '"'mount --bind %s /usr/share && exec %s \"\$@\"'"' sh "$@"\n' "$root/usr/share" "$bin/frr-bgpd-itself" >"$bin/frr-bgpd"
chmod +x "$bin/frr-bgpd"
ln -s "$root/usr/bin/gobgp" "$root/usr/bin/gobgpd" "$bin"
# shellcheck disable=SC2016
printf '#!/bin/sh\nPYTHONPATH=%s exec /usr/bin/python3 -m exabgp "$@"\n' "$root/usr/lib/python3/dist-packages" >"$bin/exabgp"
chmod +x "$bin/exabgp"
rm -rf "$apt"
for program in frr-bgpd-itself bird gobgpd; do "$bin/$program" --version 2>&1 | sed -n 1p; done
"$bin/exabgp" version | sed -n 1p || true
