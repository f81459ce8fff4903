#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# In a tree or an image where a package is installed: nfacctd with the configuration as shipped counts one NetFlow v5 flow, pmacct shows
# it. To be run in a network of its own (unshare -n). Called by the tests of the packages.
set -e
python3 -c '
import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 0x49))' 2>/dev/null || true
install -d -o pmacct /run/pmacct
setpriv --reuid pmacct --clear-groups nfacctd -f /etc/pmacct/nfacctd.conf &
collector=$!
until [ -S /run/pmacct/nfacctd.sock ]; do kill -0 $collector; sleep 0.1; done
python3 -c '
import socket, struct, time
v5 = struct.pack("!HHIIIIBBH", 5, 1, 1000, int(time.time()), 0, 1, 0, 0, 0)
v5 += struct.pack("!4s4s4sHHIIIIHHBBBBHHBBH", b"\xc0\0\2\1", b"\xc6\x33\x64\1", b"\0" * 4, 1, 2, 10, 1000, 0, 500, 1024, 80, 0, 0, 6, 0, 0, 0, 24, 24, 0)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(v5, ("127.0.0.1", 2100))'
for i in $(seq 100); do
    pmacct -p /run/pmacct/nfacctd.sock -s -O json >/tmp/counted
    grep -q '"bytes": *1000' /tmp/counted && break
    sleep 0.1
done
kill -INT $collector
wait $collector
grep '"bytes": *1000' /tmp/counted
rm -f /tmp/counted
