#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds the Debian package, asks lintian, installs it into a bare Debian tree, counts a flow there with the configuration as
# shipped, has systemd check the units, and removes it again: nothing is left.   packaging/test-deb.sh WORK-FOLDER   (as root)
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath -m "${1:?usage: test-deb.sh WORK-FOLDER}")
root=$work/root
mkdir -p "$work"
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
passed=0
ok() { passed=$((passed + 1)); echo "ok   $*"; }
in_root() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
files() { (cd "$root" && find . -xdev -not -path './proc/*' -not -path './run/systemd/*' -not -path './var/lib/dpkg/*' -not -path './var/cache/*' -not -path './var/log/apt/*' -not -path './var/lib/apt/*' \
    -not -path './var/log/dpkg.log' | sort); }

end() { mountpoint -q "$root/proc" && umount "$root/proc"; mountpoint -q "$root/dev" && umount "$root/dev"; true; }
trap end EXIT

built=$(find "$work" -maxdepth 1 -name '*.deb' 2>/dev/null)
if [ -z "$built" ] || [ -n "$(find "$top/src" "$top/packaging" "$top/docs" "$top/examples" "$top/configure.ac" -newer "$built" -type f -print -quit)" ]; then
    rm -f "$work"/*.deb
    "$top/packaging/build-deb.sh" "$work" >"$work.log" 2>&1 || { tail -n 30 "$work.log"; exit 1; }
fi
deb=$(echo "$work"/pmacct-ng_*.deb)
ok "built $(basename "$deb")"
lintian --allow-root --fail-on error,warning "$work"/pmacct-ng_*.changes
ok "lintian has no errors and no warnings"

# The tree is made once; the package's own files come and go.
if [ ! -e "$root/etc/debian_version" ]; then
    mirror=$(apt-cache policy base-files | sed -nE 's|.* (https?://[^ ]+) .*|\1|p' | head -n 1)
    debootstrap --variant=minbase "$release" "$root" "$mirror" >"$work.log"
    rm -f "$root/etc/apt/sources.list"
    cp -a /etc/apt/. "$root/etc/apt/"
    mkdir -p "$root/usr/share/ca-certificates" && cp -aL /etc/ssl/certs "$root/etc/ssl/" 2>/dev/null || true
fi
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
mountpoint -q "$root/dev" || mount --bind /dev "$root/dev"
in_root apt-get update -q >>"$work.log" 2>&1
in_root apt-get install -q -y --no-install-recommends python3-minimal logrotate nftables systemd >>"$work.log" 2>&1
cp "$deb" "$root/tmp/pmacct-ng.deb"
depends=$(dpkg-deb -f "$deb" Depends | sed -E 's/ ?\([^)]*\)//g; s/ ?\|[^,]*//g; s/,//g')
# shellcheck disable=SC2086
in_root apt-get install -q -y --no-install-recommends $depends >>"$work.log" 2>&1
files >"$work.before"

in_root dpkg -i /tmp/pmacct-ng.deb >>"$work.log" 2>&1
in_root getent passwd pmacct >/dev/null
for d in lib spool log; do [ "$(in_root stat -c %U:%a /var/$d/pmacct)" = pmacct:750 ]; done
ok "installed, with its user and folders"
for conf in "$root"/etc/pmacct/*.conf; do in_root "$(basename "$conf" .conf)" --check-config -f "/etc/pmacct/$(basename "$conf")" >>"$work.log"; done
ok "each configuration that is shipped passes --check-config"
in_root logrotate -d /etc/logrotate.d/pmacct-ng >>"$work.log" 2>&1
ok "logrotate takes its rules"
wrong=$(in_root sh -c 'systemd-analyze verify --man=no /lib/systemd/system/*pm*acctd*.service /lib/systemd/system/[nsu]facctd*.service /lib/systemd/system/pm[bt]*.service 2>&1' |
    grep -E '(acctd|pmbgpd|pmbmpd|pmtelemetryd)[@a-z]*\.service' || true)
[ -z "$wrong" ] || { echo "$wrong"; exit 1; }
ok "systemd-analyze verify finds nothing wrong with the units"

# As the unit runs it, in a network of its own.
cp "$top/packaging/count-flow.sh" "$root/tmp/count.sh"
unshare -n chroot "$root" /bin/sh /tmp/count.sh >>"$work.log" 2>&1 || { tail -n 20 "$work.log"; exit 1; }
rm -f "$root/tmp/count.sh"
ok "nfacctd -f /etc/pmacct/nfacctd.conf counts a flow, pmacct shows it"

in_root dpkg --purge pmacct-ng >>"$work.log" 2>&1
rm -f "$root/tmp/pmacct-ng.deb"
rm -rf "$root/run/pmacct"
cp "$deb" "$root/tmp/pmacct-ng.deb"
left=$(comm -13 "$work.before" <(files) | grep -v '/var/log/\|/etc/.*-$\|/var/lib/systemd' || true)
[ -z "$left" ] || { echo "left behind:"; echo "$left"; exit 1; }
! in_root getent passwd pmacct >/dev/null
ok "after a purge nothing is left"
echo
echo "$passed passed, 0 failed"
