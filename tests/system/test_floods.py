# SPDX-License-Identifier: BSD-2-Clause
"""Floods: from whoever can send, more than anybody means to. Memory stays within its limits, and who sends as he should is not harmed.
Small by default; `./dev faults` says how much each was."""
import itertools
import pathlib
import re
import socket
import struct
import time

import bgp
import bmp
import netflow
from test_bmp import pmbmpd
from test_telemetry import collector as telemetry_collector
from test_telemetry import notif

MIB = 1 << 20
IP_PKTINFO = 8  # the module has no name for it


def rss(pid):
    return int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) << 10


def spoof(sources, port, datagrams_of, run):
    """From each of these addresses (all of 127/8 are ours) the datagrams that are made for its number. One socket says who each is from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for n, source in enumerate(sources):
            info = struct.pack("=I4s4s", 0, source, b"\0" * 4)
            for datagram in datagrams_of(n):
                s.sendmsg([datagram], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, ("127.0.0.1", port))
            if n % 64 == 63:
                run.drained(port)
    run.drained(port)


def test_templates(run):
    """A million template ids of 10,000 exporters that do not exist, fewer under sanitizers: bounded memory, and the exporter beside
    them, which has sent its template before and sends data throughout, is decoded to the last record."""
    exporters = 10000 if run.options.rounds > 2 else 500 if run.sanitized else 2000
    d, port = run.nfacctd("plugins: memory[m]\naggregate: dst_host\nimt_path: @DIR@/m.sock\n")
    run.wait_socket("m.sock")
    now, flows = int(time.time()), netflow.flows(1000)
    run.send(port, netflow.export(netflow.IPFIX, flows[:1], now), source="127.200.0.1")
    before = rss(d.pid)
    sets = [netflow.template_set(netflow.IPFIX, 256 + k, [(8, 4), (12, 4), (1, 4), (2, 4)]) for k in range(100)]
    flood = [netflow.message(netflow.IPFIX, sets[at:at + 50], now) for at in (0, 50)]
    data = list(netflow.export(netflow.IPFIX, flows[1:], now, sequence=1, with_template=False, size=1))
    each = exporters // len(data) + 1

    def datagrams(n):
        if n % each == 0 and n // each < len(data):
            run.send(port, [data[n // each]], source="127.200.0.1")
        return flood

    began = time.monotonic()
    spoof([socket.inet_aton(f"127.{1 + (n >> 16)}.{n >> 8 & 255}.{n & 255}") for n in range(exporters)], port, datagrams, run)
    run.send(port, data[(exporters - 1) // each + 1:], source="127.200.0.1")
    grown = rss(d.pid) - before
    assert run.socket_drops(port) == 0
    run.wait(lambda: sum(r["packets"] for r in run.client_json("-s")) == netflow.totals(flows)["packets"], "the legitimate exporter's data")
    took = time.monotonic() - began
    d.stop()
    assert grown < 600 * MIB, f"{grown >> 20} MiB"
    run.measured(f"flood of {100 * exporters:,} template ids from {exporters:,} spoofed exporters", "nfacctd", 0, 0, f"never stopped; +{grown >> 20} MiB, {took:.0f} s")


def connect_all(port, sources):
    """Connections from these addresses, as many as are let in."""
    made = []
    for source in sources:
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.settimeout(5)
        try:
            s.bind((source, 0))
            s.connect(("127.0.0.1", port))
            made.append(s)
        except OSError:
            s.close()
    return made


def strangers(count, net=5):
    return [f"127.{net}.{n >> 8}.{n & 255}" for n in range(1, count + 1)]


def flood_tcp(run, d, port, check, newcomer, what, who):
    """Strangers first, those of the allow list last: sessions go on, memory stays, a router of the list still gets in."""
    before, began = rss(d.pid), time.monotonic()
    count, slowest = 0, 0
    for n in range(4):
        crowd = connect_all(port, strangers(500, 5 + n))
        count += len(crowd)
        asked = time.monotonic()
        check()
        slowest = max(slowest, time.monotonic() - asked)
        if n == 2:
            asked = time.monotonic()
            newcomer()
            slowest = max(slowest, time.monotonic() - asked)
        for s in crowd:
            s.close()
    check()
    grown = rss(d.pid) - before
    assert grown < 32 * MIB * (4 if run.sanitized else 1), f"{grown >> 20} MiB"
    run.measured(f"flood of {count:,} connections", who, 0, 0, f"never stopped; +{grown >> 20} MiB, nobody of the allow list waited longer than {slowest:.1f} s ({time.monotonic() - began:.0f} s of flood)")


def test_bgp_connections(run):
    run.write("allow", "127.0.0.0/24\n")
    d, port = bgp.pmbgpd(run, "bgp_daemon_max_peers: 4\nbgp_daemon_allow_file: @DIR@/allow\n")
    first = bgp.Speaker(run, port, "127.0.0.2").meet(hold=3)

    def check():
        first.send(bgp.message(bgp.KEEPALIVE))
        first.wait_for(bgp.KEEPALIVE)

    flood_tcp(run, d, port, check, lambda: bgp.Speaker(run, port, "127.0.0.3").meet().close(), "BGP", "pmbgpd")
    d.stop()


def test_bgp_silent_connections(run):
    """Who may connect and says nothing takes places only for a while: a session that is there is not harmed, one that is refused says why."""
    d, port = bgp.pmbgpd(run, "bgp_daemon_max_peers: 10\n")
    first = bgp.Speaker(run, port, "127.0.0.2").meet(hold=3)
    crowd = connect_all(port, strangers(300))
    first.send(bgp.message(bgp.KEEPALIVE))
    first.wait_for(bgp.KEEPALIVE)
    d.wait_log(r"WARN .*Insufficient number of BGP peers has been configured by 'bgp_daemon_max_peers' \(10\)\.")
    for s in crowd:
        s.close()
    run.wait(lambda: meets(run, port), "a router to be let in again", 10)
    d.stop()


def meets(run, port):
    try:
        bgp.Speaker(run, port, "127.0.0.4").meet().close()
        return True
    except (OSError, AssertionError):
        return False


def test_bmp_connections(run):
    run.write("allow", "127.0.0.0/24\n")
    d, port = pmbmpd(run, "bmp_daemon_max_peers: 4\nbmp_daemon_allow_file: @DIR@/allow\n")
    routers = []

    def router(source):
        s = socket.create_connection(("127.0.0.1", port), source_address=(source, 0), timeout=10)
        s.sendall(bmp.init() + bmp.peer_up())
        routers.append((s, source))
        say(routers[-1])

    def say(one, count=itertools.count(1)):
        n = next(count)
        one[0].sendall(bmp.routes(announce=[f"198.{n >> 8}.{n & 255}.0/24"]))
        run.wait(lambda: (run.dir / "log.json").exists() and f"198.{n >> 8}.{n & 255}.0/24" in (run.dir / "log.json").read_text(), "the route in the log")

    router("127.0.0.2")
    flood_tcp(run, d, port, lambda: say(routers[0]), lambda: router("127.0.0.3"), "BMP", "pmbmpd")
    d.stop()


def test_telemetry_half_open(run):
    """Sessions that begin messages and never end them: what may wait of each is bounded, and of all by the number of peers."""
    run.write("allow", "127.0.0.0/24\n127.5.0.0/16\n")
    d, port = telemetry_collector(run, "telemetry_daemon_max_peers: 100\ntelemetry_daemon_allow_file: @DIR@/allow\ntelemetry_daemon_msglog_file: @DIR@/log.json")
    first = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))

    def say(count=itertools.count(1)):
        n = next(count)
        first.sendall(b'{"mark": "m%d."}\n' % n)
        run.wait(lambda: (run.dir / "log.json").exists() and f"m{n}." in (run.dir / "log.json").read_text(), "the message in the log")

    say()
    before = rss(d.pid)
    crowd = connect_all(port, strangers(300))
    sent = 0
    for s in crowd:
        s.setblocking(False)
        try:
            for _ in range(64):
                sent += s.send(b'{"x": "' + b"x" * 65000)
        except OSError:
            pass
    say()
    grown = rss(d.pid) - before
    for s in crowd:
        s.close()
    say()
    d.stop()
    assert grown < (2 * sent + 32 * MIB) * (3 if run.sanitized else 1), f"{grown >> 20} MiB of {sent >> 20}"
    run.measured(f"{len(crowd)} sessions with messages that never end ({sent >> 20} MiB sent)", "pmtelemetryd, TCP", 0, 0, f"never stopped; +{grown >> 20} MiB")


def test_udp_notif_segments(run):
    """First segments without the rest, from publishers that do not exist: held in bounded memory, the oldest goes first and is counted; whole
    messages of a publisher beside them all arrive."""
    udp = run.port()
    d, _ = telemetry_collector(run, f"telemetry_daemon_udp_notif_port: {udp}\ntelemetry_daemon_max_peers: 100000\ntelemetry_daemon_msglog_file: @DIR@/log.json", tcp=False)
    d.wait_log(r"waiting for telemetry data")
    before, publishers = rss(d.pid), 3000
    part = b'{"x": "' + b"x" * 8000
    spoof([socket.inet_aton(f"127.5.{n >> 8}.{n & 255}") for n in range(publishers)], udp,
          lambda n: [notif(part, k, publisher=n, segment=0) for k in range(4)] + ([notif(b'{"n": %d}' % n, n, publisher=9)] if n % 10 == 0 else []), run)
    grown = rss(d.pid) - before
    whole = publishers // 10
    run.wait(lambda: (run.dir / "log.json").read_text().count('{"n": ') == whole, "whole messages to arrive", 20)
    d.stop()
    assert grown < 256 * MIB * (3 if run.sanitized else 1), f"{grown >> 20} MiB"
    run.measured(f"flood of {4 * publishers:,} first segments from {publishers:,} spoofed publishers", "pmtelemetryd, UDP-notif", 0, 0, f"never stopped; +{grown >> 20} MiB")
