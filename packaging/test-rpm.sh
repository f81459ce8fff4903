#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Builds the RPM from the tarball, as a packager would, with Debian's rpm; installs it into a bare tree, counts a flow there with the
# configuration as shipped, upgrades it over a configuration that was changed, and erases it: nothing is left.
#   packaging/test-rpm.sh WORK-FOLDER BUILD-FOLDER    (as root; WORK-FOLDER/root is the tree that packaging/test-deb.sh makes)
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(realpath -m "${1:?usage: test-rpm.sh WORK-FOLDER BUILD-FOLDER}")
build=$(realpath "${2:?usage: test-rpm.sh WORK-FOLDER BUILD-FOLDER}")
rpmtop=$work/rpm root=$work/rpm/tree
passed=0
ok() { passed=$((passed + 1)); echo "ok   $*"; }
fail() { echo "FAIL $*"; exit 1; }
if ! command -v rpmbuild >/dev/null; then echo "no RPM was built: rpmbuild is not here (Debian's package rpm)"; exit 77; fi
if [ ! -e "$work/root/etc/debian_version" ]; then echo "no RPM was tried: $work/root is not there (packaging/test-deb.sh makes it)"; exit 77; fi

end() { mountpoint -q "$root" && umount "$root"; true; }
trap end EXIT
rpm_() { rpm --root "$root" --dbpath /var/lib/rpm "$@"; }

# Debian's macros lack systemd's; whatever the machine that builds has of libraries is what the package gets.
mkdir -p "$rpmtop/SOURCES"
built=$(find "$rpmtop/RPMS" -name 'pmacct-ng-[0-9]*.rpm' 2>/dev/null || true)
if [ -z "$built" ] || [ -n "$(find "$top/src" "$top/packaging" "$top/docs" "$top/examples" "$top/configure.ac" -newer "$built" -type f -print -quit)" ]; then
    rm -rf "$rpmtop/RPMS" "$rpmtop/BUILD" "$rpmtop/SOURCES/"*
    make -C "$build" dist >"$work/rpm.log" 2>&1 || { tail -n 20 "$work/rpm.log"; fail "make dist"; }
    mv "$build"/pmacct-ng-*.tar.gz "$rpmtop/SOURCES/"
    rpmbuild -tb --nodeps --load "$top/packaging/rpm/macros.debian" --define "_topdir $rpmtop" --define "_smp_mflags -j$(nproc)" \
        "$rpmtop"/SOURCES/pmacct-ng-*.tar.gz >>"$work/rpm.log" 2>&1 || { tail -n 30 "$work/rpm.log"; fail "rpmbuild"; }
    built=$(find "$rpmtop/RPMS" -name 'pmacct-ng-[0-9]*.rpm')
fi
ok "built $(basename "$built") from the tarball of make dist"

listed=$(rpm -qpl --nosignature "$built")
for file in /usr/sbin/{nf,sf,pm,u}acctd /usr/sbin/pm{bgp,bmp,telemetry}d /usr/bin/pmacct /usr/bin/pmbgp /usr/libexec/pmacct-ng/pmacct-grpc \
    /usr/lib/systemd/system/nfacctd{,@}.service /usr/lib/sysusers.d/pmacct-ng.conf /usr/lib/tmpfiles.d/pmacct-ng.conf /etc/logrotate.d/pmacct-ng; do
    grep -qxF "$file" <<<"$listed" || fail "$file is not in the package"
done
for program in nfacctd sfacctd pmacctd uacctd pmbgpd pmbmpd pmtelemetryd; do
    grep -qx "/usr/share/man/man8/$program\.8.*" <<<"$listed" || fail "$program has no manual page"
done
[ "$(rpm -qp --nosignature --configfiles "$built" | grep -c '^/etc/pmacct/.*\.conf$')" = 7 ] || fail "not all configurations are marked as such"
rpm -qp --nosignature --qf '[%{FILENAMES} %{FILEFLAGS:fflags}\n]' "$built" | awk '/^\/etc\/.* / && $2 != "cn" && $1 != "/etc/pmacct" { print; bad = 1 } END { exit bad }' ||
    fail "configurations that an upgrade would overwrite"
! rpm -qp --nosignature --scripts "$built" | grep -n '%{\|%[a-z_]*systemd\|%sysusers' || fail "macros that were not expanded in the scripts"
rpm -qp --nosignature --conflicts "$built" | grep -qx pmacct || fail "no conflict with pmacct"
ok "files, manual pages, units, scripts and marks of configurations are as they should be"

rm -rf "$rpmtop/upper" "$rpmtop/scratch"
mkdir -p "$rpmtop/upper" "$rpmtop/scratch" "$root"
mount -t overlay overlay -o "lowerdir=$work/root,upperdir=$rpmtop/upper,workdir=$rpmtop/scratch" "$root"
mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev"
end() { umount -R "$root" 2>/dev/null || true; }
files() { (cd "$root" && find . -xdev -not -path './proc/*' -not -path './var/lib/rpm*' -not -path './run/*' -not -path './tmp/*' | sort); }
rpm_ --initdb
files >"$rpmtop/before"
rpm_ --nodeps --nosignature -i "$built" 2>>"$work/rpm.log"
chroot "$root" nfacctd -V >"$rpmtop/version"
for d in lib spool log; do [ "$(chroot "$root" stat -c %U:%a /var/$d/pmacct)" = pmacct:750 ] || fail "/var/$d/pmacct"; done
wrong=$(rpm_ --nodeps -V pmacct-ng || true)
[ -z "$wrong" ] || { echo "$wrong"; fail "rpm -V"; }
ok "installed: $(head -n 1 "$rpmtop/version")"

cp "$top/packaging/count-flow.sh" "$root/tmp/count.sh"
unshare -n chroot "$root" /bin/sh /tmp/count.sh >>"$work/rpm.log" 2>&1 || { tail -n 20 "$work/rpm.log"; fail "no flow was counted"; }
ok "nfacctd -f /etc/pmacct/nfacctd.conf counts a flow, pmacct shows it"

echo "! changed here" >>"$root/etc/pmacct/nfacctd.conf"
rpm_ --nodeps --nosignature -U --force "$built" 2>>"$work/rpm.log"
grep -q '^! changed here' "$root/etc/pmacct/nfacctd.conf" || fail "the upgrade overwrote a configuration"
ok "an upgrade keeps a configuration that was changed"

rpm_ --nodeps -e pmacct-ng 2>>"$work/rpm.log"
left=$(comm -13 "$rpmtop/before" <(files) | grep -v -x './usr/share/licenses\|./etc/pmacct\|./etc/pmacct/nfacctd.conf.rpmsave\|./etc/.*-\|./var/\(lib\|spool\|log\)/pmacct' || true)
[ -z "$left" ] || { echo "$left"; fail "left behind"; }
ok "erased: left are the configuration that was changed and the folders of data"
echo
echo "$passed passed, 0 failed"
