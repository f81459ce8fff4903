#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The suite at work on real packets, called by `./dev demo`:  examples/demo.sh BUILD-FOLDER
# Two network namespaces stand for two hosts, joined by a veth pair. One of them runs ping and an HTTP client against the
# other; pmacctd watches the wire between them and exports flows with nfprobe; nfacctd collects them into a memory table and into
# SQLite. At the end the kernel's own counters of the interface, the table and the database have to agree.
set -euo pipefail

build=$(readlink -f "${1:?usage: demo.sh BUILD-FOLDER}")
[ "$(id -u)" = 0 ] || { echo "run it as root: it makes network namespaces" >&2; exit 1; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/pmdemo.XXXXXX")
chmod 755 "$dir"
near=pmdemo-$$-a far=pmdemo-$$-b
pids=()

cleanup() {
    local pid
    for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    ip netns del $near 2>/dev/null || true
    ip netns del $far 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

title() { printf '\n=== %s\n' "$*"; }
fail() { echo "demo: $*" >&2; tail -n 30 "$dir"/*.log >&2; exit 1; }

# until_true SECONDS WHAT COMMAND...
until_true() {
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "waited too long for $what"
        sleep 0.05
    done
}

near() { ip netns exec $near "$@"; }
far() { ip netns exec $far "$@"; }
# start LOG NAMESPACE COMMAND...: in the background; $! is the command itself, not a shell around it.
start() {
    local log=$1
    shift
    (exec ip netns exec "$@") >"$log" 2>&1 &
    pids+=("$!")
}

# The two hosts. Neighbours are fixed and IPv6 is off on the wire: then every frame that the kernel counts is one of the programs'.
title "two hosts on a wire (network namespaces, veth)"
ip netns add $near
ip netns add $far
ip link add wire0 netns $near address 02:00:00:00:00:01 type veth peer name wire0 netns $far address 02:00:00:00:00:02
for side in near far; do
    if [ $side = near ]; then own=1 other=2; else own=2 other=1; fi
    $side sh -c 'echo 1 > /proc/sys/net/ipv6/conf/wire0/disable_ipv6' 2>/dev/null || true
    $side ip link set lo up
    $side ip addr add 192.0.2.$own/24 dev wire0
    $side ip link set wire0 up
    $side ip neigh replace 192.0.2.$other lladdr 02:00:00:00:00:0$other dev wire0 nud permanent
done
link_is_up() { near ip -j link show wire0 | grep -q '"operstate":"UP"'; }
until_true 10 "the link" link_is_up
echo "192.0.2.1 (probe, collector, clients)  <-- wire0 -->  192.0.2.2 (HTTP server)"

title "start the collector and the probe"
cat >"$dir/nfacctd.conf" <<END
daemonize: false
nfacctd_ip: 127.0.0.1
nfacctd_port: 2100
plugins: memory[table], sqlite3[db]
aggregate: src_host, dst_host, src_port, dst_port, proto
imt_path[table]: $dir/table.sock
sql_db[db]: $dir/flows.db
sql_table[db]: flows
sql_table_version[db]: 1
sql_table_type[db]: original
sql_optimize_clauses[db]: true
sql_refresh_time[db]: 3600
END
cat >"$dir/pmacctd.conf" <<END
daemonize: false
pcap_interface: wire0
aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags
plugins: nfprobe
nfprobe_receiver: 127.0.0.1:2100
nfprobe_version: 10
END
sed 's/^/    /' "$dir/nfacctd.conf" | grep -v daemonize
sqlite3 "$dir/flows.db" "CREATE TABLE flows (ip_src CHAR(45) NOT NULL DEFAULT '', ip_dst CHAR(45) NOT NULL DEFAULT '',
    src_port INT NOT NULL DEFAULT 0, dst_port INT NOT NULL DEFAULT 0, ip_proto CHAR(6) NOT NULL DEFAULT '',
    packets INT NOT NULL, bytes BIGINT NOT NULL, stamp_inserted DATETIME, stamp_updated DATETIME)"
start "$dir/nfacctd.log" $near "$build/nfacctd" -f "$dir/nfacctd.conf"
collector=$!
until_true 20 "nfacctd" grep -q "waiting for NetFlow/IPFIX data" "$dir/nfacctd.log"
until_true 20 "the memory table" test -S "$dir/table.sock"
start "$dir/pmacctd.log" $near "$build/pmacctd" -f "$dir/pmacctd.conf"
probe=$!
until_true 20 "pmacctd" grep -q "link type is" "$dir/pmacctd.log"
grep -h "waiting for\|Exporting flows\|link type" "$dir/nfacctd.log" "$dir/pmacctd.log"

# The kernel's counters of the interface: packets, and octets without the 14 of each Ethernet header.
kernel() { near ip -j -s link show wire0 | python3 -c '
import json, sys
s = json.load(sys.stdin)[0]["stats64"]
p = s["rx"]["packets"] + s["tx"]["packets"]
print(p, s["rx"]["bytes"] + s["tx"]["bytes"] - 14 * p)'; }
read -r packets_before bytes_before <<<"$(kernel)"

title "real programs talk"
mkdir "$dir/www"
for kib in 1 20 300; do head -c $((kib * 1024)) /dev/zero >"$dir/www/$kib-KiB"; done
start "$dir/http.log" $far python3 -m http.server 8000 --bind 192.0.2.2 --directory "$dir/www"
until_true 20 "the HTTP server" far sh -c "ss -ltn | grep -q 192.0.2.2:8000"
near ping -c 5 -i 0.2 192.0.2.2 | tail -n 2
for kib in 1 20 300 300; do
    near curl -sS -o /dev/null -w "GET %{url_effective}: %{size_download} octets\n" "http://192.0.2.2:8000/$kib-KiB"
done
# Connections close behind curl's back: wait until the wire is quiet.
quiet=
is_quiet() { local last=$quiet; quiet=$(kernel); sleep 0.2; [ "$quiet" = "$last" ]; }
until_true 20 "the wire to be quiet" is_quiet
read -r packets_after bytes_after <<<"$quiet"
packets=$((packets_after - packets_before)) bytes=$((bytes_after - bytes_before))

title "the probe ends: it exports what it still holds"
kill -INT "$probe"
wait "$probe" || fail "pmacctd ended with $?"
ask() { "$build/pmacct" -p "$dir/table.sock" "$@"; }
sum() { ask -c proto -N '*' -n all; }
has_all() { [ "$(sum | cut -d' ' -f1)" = "$packets" ]; }
until_true 20 "the flows to be in the table ($(sum), the kernel says $packets packets)" has_all

title "pmacct -s (the memory table)"
ask -s
title "pmacct -s -O json -T bytes,3"
ask -s -O json -T bytes,3
title "pmacct -c src_host,proto -N (one question)"
echo "bytes of TCP from 192.0.2.2: $(ask -c src_host,proto -N 192.0.2.2,tcp)"

title "SQL: top talkers"
read -r table_packets table_bytes _ <<<"$(sum)"
kill -INT "$collector"
wait "$collector" || fail "nfacctd ended with $?"
sqlite3 -header -column "$dir/flows.db" "SELECT ip_src, ip_dst, ip_proto, SUM(packets) AS packets, SUM(bytes) AS bytes
    FROM flows GROUP BY ip_src, ip_dst, ip_proto ORDER BY bytes DESC LIMIT 5"
read -r sql_packets sql_bytes <<<"$(sqlite3 -separator ' ' "$dir/flows.db" 'SELECT SUM(packets), SUM(bytes) FROM flows')"

title "who counted what"
printf '%-34s %10s %12s\n' "" packets octets \
    "the kernel, on the interface" "$packets" "$bytes" \
    "nfacctd's memory table" "$table_packets" "$table_bytes" \
    "SQLite" "$sql_packets" "$sql_bytes"
[ "$packets $bytes" = "$table_packets $table_bytes" ] && [ "$packets $bytes" = "$sql_packets $sql_bytes" ] ||
    fail "the counts differ"
echo "the counts agree"

# The page of a table that counts what this machine itself sends and receives, so that there is something to look at.
title "the live page"
page=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$dir/live.conf" <<END
pcap_interface: any
plugins: memory[live]
aggregate: src_host, dst_host, src_port, dst_port, proto, flows
imt_path: $dir/live.sock
web_listen: $page
END
"$build/pmacctd" -f "$dir/live.conf" >"$dir/live.log" 2>&1 &
pids+=("$!")
until_true 20 "the live page" curl -sSf "http://$page/"
curl -sSf "http://$page/api/v1/top?by=dst_port&limit=3" >/dev/null
echo "This machine's own traffic: http://$page/"
if [ -t 0 ] && [ -t 1 ]; then
    read -rp "Look at it in a browser; Enter ends the demo. "
else
    echo "(In a terminal the demo stays until Enter is pressed.)"
fi
