#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds packaging/Containerfile with buildah, on a base image made by debootstrap (no image registry is asked), runs the image, and counts a
# flow in it with the configuration as shipped. The package is the one that packaging/test-deb.sh has left in WORK-FOLDER; without one it is
# built in the image.   packaging/test-container.sh WORK-FOLDER   (as root)
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath -m "${1:?usage: test-container.sh WORK-FOLDER}")/container
base=$work/base name=localhost/pmacct-ng:test
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
passed=0 container=
ok() { passed=$((passed + 1)); echo "ok   $*"; }
not_here() { echo "no image was built: $*"; exit 77; }
if ! command -v buildah >/dev/null; then not_here "buildah is not here (Debian's package buildah)"; fi
mkdir -p "$work"
store() { buildah --root "$work/storage" --runroot "$work/run" "$@"; }
end() { if [ -n "$container" ]; then store rm "$container" >/dev/null 2>&1 || true; fi; umount "$work/storage/overlay" 2>/dev/null || true; }
trap end EXIT

# What a registry calls debian:12-slim, and how this machine reaches Debian's packages.
if [ ! -e "$base/etc/debian_version" ]; then
    mirror=$(apt-cache policy base-files | sed -nE 's|.* (https?://[^ ]+) .*|\1|p' | head -n 1)
    debootstrap --variant=minbase "$release" "$base" "$mirror" >"$work/log"
    rm -f "$base/etc/apt/sources.list"
    cp -a /etc/apt/. "$base/etc/apt/"
    cp -aL /etc/ssl/certs "$base/etc/ssl/" 2>/dev/null || true
fi
if ! store inspect debian:12-slim >/dev/null 2>&1; then
    container=$(store from scratch 2>"$work/log") || not_here "$(tail -n 1 "$work/log")"
    store copy "$container" "$base" / >"$work/log"
    store commit "$container" docker.io/library/debian:12-slim >"$work/log" 2>&1
    store rm "$container" >/dev/null
    container=
fi
store run --help >/dev/null
container=$(store from --pull=never debian:12-slim)
store run --isolation chroot --network host "$container" -- true >"$work/log" 2>&1 || not_here "nothing can be run in a container: $(tail -n 1 "$work/log")"
store rm "$container" >/dev/null
container=

package=$(cd "$top" && find "$(realpath --relative-to=. "$work/..")" -maxdepth 1 -name 'pmacct-ng_*.deb' | head -n 1)
store build --build-arg "package=$package" --pull=never --isolation chroot --network host --layers -f "$top/packaging/Containerfile" -t "$name" "$top" >"$work/log" 2>&1 ||
    { tail -n 30 "$work/log"; exit 1; }
ok "built packaging/Containerfile with ${package:-a package of its own}"
[ "$(store inspect --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.StopSignal}} {{index .OCIv1.Config.Cmd 0}}' "$name")" = "pmacct SIGINT nfacctd" ]
ok "the image starts nfacctd as user pmacct, and is stopped by SIGINT"

container=$(store from --pull=never "$name")
for program in nfacctd sfacctd pmacctd uacctd pmbgpd pmbmpd pmtelemetryd pmacct; do
    store run --isolation chroot --network host "$container" -- "$program" -V >>"$work/log" 2>&1 || { tail -n 3 "$work/log"; exit 1; }
done
ok "each program says its version in it"

# The command of the image, in a network of its own; what is sent to it comes from outside of the image, and pmacct runs within.
export work container top
export -f store
unshare -n bash -euc '
    ip link set lo up
    store run --isolation chroot --network host "$container" -- sh -c "nfacctd -f /etc/pmacct/nfacctd.conf & echo \$! >/tmp/pid; wait \$!" >"$work/nfacctd.log" 2>&1 &
    runs=$!
    until grep -q "waiting for data on" "$work/nfacctd.log"; do kill -0 $runs; sleep 0.1; done
    PYTHONPATH=$top/tests/system python3 -c "
import netflow, socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(next(netflow.v5([netflow.flow(bytes=1000)], int(time.time()))), (\"127.0.0.1\", 2100))"
    for i in $(seq 100); do
        store run --isolation chroot --network host "$container" -- pmacct -p /run/pmacct/nfacctd.sock -s -O json >"$work/counted" 2>&1 || true
        grep -q "\"bytes\": *1000" "$work/counted" && break
        sleep 0.1
    done
    store run --isolation chroot --network host "$container" -- sh -c "kill -INT \$(cat /tmp/pid)"
    wait $runs
    grep "\"bytes\": *1000" "$work/counted"' >>"$work/log" 2>&1 || { tail -n 5 "$work/log" "$work/nfacctd.log" "$work/counted"; exit 1; }
ok "nfacctd in the image counts a flow, pmacct in the image shows it"
echo
echo "$passed passed, 0 failed"
