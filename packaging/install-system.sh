#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What a package has beside `make install`: units, user, folders, rotation, configurations. Called by debian/rules and the RPM's spec.
#   packaging/install-system.sh ROOT UNIT-FOLDER      for the daemons that `make install` has put into ROOT
set -eu
here=$(dirname "$0") root=$1 units=$1$2
mkdir -p "$units"
for unit in "$here"/systemd/*@.service; do
    name=$(basename "$unit" @.service)
    [ -e "$root/usr/sbin/$name" ] || continue # left out of this build
    install -m 644 "$unit" "$units/$name@.service"
    # the one without a name of its own reads /etc/pmacct/NAME.conf
    sed -e "1s/.*/# Several at once, each with a configuration of its own: $name@.service/" -e 's/-%i\.conf/.conf/g; s/ (%i)//' "$unit" >"$units/$name.service"
    install -D -m 644 "$here/etc/$name.conf" "$root/etc/pmacct/$name.conf"
done
install -D -m 644 "$here/systemd/pmacct-ng.sysusers" "$root/usr/lib/sysusers.d/pmacct-ng.conf"
install -D -m 644 "$here/systemd/pmacct-ng.tmpfiles" "$root/usr/lib/tmpfiles.d/pmacct-ng.conf"
install -D -m 644 "$here/logrotate" "$root/etc/logrotate.d/pmacct-ng"
