# SPDX-License-Identifier: BSD-2-Clause
"""Routes for flows: nfacctd with BGP sessions beside it, and with ROAs from a file and from a real RTR cache."""
import collections
import json
import re
import signal
import threading

import bgp
import netflow
import packets
import sflow
import test_capture
from bgp import Speaker, announcements, attributes, lines, prefix, update

NOW = 1_700_000_000
PLUGIN = """plugins: memory[m]
imt_path[m]: @DIR@/m.sock
aggregate[m]: """
BGP = """bgp_daemon: true
bgp_daemon_ip: 127.0.0.1
bgp_daemon_msglog_file: @DIR@/bgp.log
nfacctd_as: bgp
nfacctd_net: bgp
"""


def collector(run, aggregate, more=""):
    port = run.port()
    d, flows = run.nfacctd(f"{PLUGIN}{aggregate}\n{BGP}bgp_daemon_port: {port}\n{more}")
    d.wait_log("waiting for BGP data")
    return d, flows, port


def told(run, count):
    """Waits for so many routes in the message log."""
    run.wait(lambda: (run.dir / "bgp.log").exists() and len([r for r in lines(run, "bgp.log") if r.get("log_type")]) >= count,
             f"{count} routes in the message log")


def ask(run, flows, source, **flow):
    """Sends one flow; the row that it makes."""
    run.client("-e")
    run.send(flows, netflow.export(netflow.IPFIX, [netflow.flow(0, packets=3, **flow)], NOW), source=source)
    run.wait(lambda: run.client_json("-s"), "the flow in the table")
    rows = run.client_json("-s")
    assert len(rows) == 1 and rows[0]["packets"] == 3, rows
    return rows[0]


def test_routes_of_flows(run):
    """Each exporter's flows get what its own session has announced, until that is withdrawn or the session ends."""
    d, flows, port = collector(run, "dst_as, peer_dst_as, as_path, std_comm, med, peer_dst_ip, dst_net, dst_mask, src_as_path, src_as",
                               "bgp_src_as_path_type: bgp\n")
    one, two = Speaker(run, port, "127.0.0.2").meet(), Speaker(run, port, "127.0.0.3").meet(asn=65002)
    one.send(announcements(("192.0.2.0/24", "10.0.0.0/8"), attributes(path=(65001, 65010), med=7, communities=("65001:1", "65001:2"))))
    two.send(announcements(("192.0.0.0/16",), attributes(path=(65002,), next_hop="192.0.2.77")))
    told(run, 3)
    row = ask(run, flows, "127.0.0.2", src="10.1.1.1", dst="192.0.2.9")
    assert {k: row[k] for k in ("as_dst", "peer_as_dst", "as_path", "comms", "med", "peer_ip_dst", "net_dst", "mask_dst", "as_path_src", "as_src")} == {
        "as_dst": 65010, "peer_as_dst": 65001, "as_path": "65001 65010", "comms": "65001:1 65001:2", "med": 7, "peer_ip_dst": "192.0.2.1",
        "net_dst": "192.0.2.0", "mask_dst": 24, "as_path_src": "65001 65010", "as_src": 65010}, row
    row = ask(run, flows, "127.0.0.3", src="10.1.1.1", dst="192.0.2.9")
    assert (row["as_dst"], row["as_path"], row["mask_dst"], row["as_src"]) == (65002, "65002", 16, 0), row
    one.send(update(withdrawn=prefix("192.0.2.0/24")))
    told(run, 4)
    row = ask(run, flows, "127.0.0.2", dst="192.0.2.9")
    assert (row["as_dst"], row["as_path"], row["mask_dst"]) == (0, "", 0), row
    two.close()
    d.wait_log(r"\[127.0.0.3\].*(reset|closed|ended)")
    told(run, 5)
    row = ask(run, flows, "127.0.0.3", dst="192.0.2.9")
    assert row["as_dst"] == 0, row
    one.close()
    d.stop()


def test_routes_agent_map(run):
    """The map says whose routes an exporter's flows are looked up in; SIGUSR2 reads it again."""
    run.write("agent.map", "bgp_ip=127.0.0.2 ip=127.0.0.9\n")
    d, flows, port = collector(run, "dst_as", "bgp_agent_map: @DIR@/agent.map\n")
    one, two = Speaker(run, port, "127.0.0.2").meet(), Speaker(run, port, "127.0.0.3").meet(asn=65002)
    one.send(announcements(("192.0.2.0/24",), attributes(path=(65001,))))
    two.send(announcements(("192.0.2.0/24",), attributes(path=(65002,))))
    told(run, 2)
    assert ask(run, flows, "127.0.0.9", dst="192.0.2.9")["as_dst"] == 65001
    run.write("agent.map", "bgp_ip=127.0.0.3 ip=127.0.0.9\n")
    d.send_signal(signal.SIGUSR2)
    run.wait(lambda: ask(run, flows, "127.0.0.9", dst="192.0.2.9")["as_dst"] == 65002, "the new map to hold")
    one.close()
    two.close()
    d.stop()


def test_routes_import_beside_flows(run):
    """A table of 300,000 routes comes, changes and goes three times while flows arrive: none is lost, none is told nonsense."""
    d, flows, port = collector(run, "dst_as, dst_mask")
    nets = [f"{a}.{b}.{c}.0/24" for a in (20, 21, 22, 23, 24) for b in range(256) for c in range(0, 256)][:300000]
    stop, sent, fault = threading.Event(), [0], []

    def traffic():
        made = [netflow.flow(n, dst=f"{20 + n % 5}.{n % 256}.{n // 5 % 256}.1", packets=1) for n in range(5000)]
        datagrams = list(netflow.export(netflow.IPFIX, made, NOW))
        try:
            while not stop.is_set():
                run.send(flows, datagrams, source="127.0.0.2")
                sent[0] += len(made)
        except Exception as e:  # told by the main thread
            fault.append(e)

    sender = threading.Thread(target=traffic)
    sender.start()
    try:
        for turn in range(3):
            s = Speaker(run, port, "127.0.0.2").meet(rid=f"10.0.0.{turn + 1}")
            s.send(announcements(nets, attributes(path=(65001, 65100 + turn))), announcements(nets[:50000], attributes(path=(65001, 65200 + turn))))
            run.wait(lambda: sent[0] > 0, "flows on their way")
            s.socket.shutdown(1)
            while s.read():
                pass
            s.close()
    finally:
        stop.set()
        sender.join()
    assert not fault, fault
    run.drained(flows)
    run.wait(lambda: sum(r["packets"] for r in run.client_json("-s")) == sent[0], f"{sent[0]} packets in the table", 30)
    rows = run.client_json("-s")
    assert {(r["as_dst"], r["mask_dst"]) for r in rows} <= {(0, 0), *((65100 + t, 24) for t in range(3)), *((65200 + t, 24) for t in range(3))}, rows
    assert run.socket_drops(flows) == 0
    d.stop()


class Traffic(threading.Thread):
    """Flows of several exporters, again and again until `end`, which returns how many packets were sent."""

    def __init__(self, run, port, sources):
        super().__init__(daemon=True)
        self.run_, self.port, self.sources = run, port, sources
        self.stop, self.fault, self.sent = threading.Event(), None, 0
        self.start()

    def run(self):
        flows = [netflow.flow(n, dst=f"{10 + n % 3}.{n % 256}.{n * 7 % 256}.1", packets=1) for n in range(600)]
        datagrams = list(netflow.export(netflow.IPFIX, flows, NOW))
        try:
            while not self.stop.is_set():
                for source in self.sources:
                    self.run_.send(self.port, datagrams, source=source)
                    self.sent += len(flows)
        except Exception as e:  # told by the main thread
            self.fault = e

    def end(self):
        self.stop.set()
        self.join()
        if self.fault:
            raise self.fault
        return self.sent


def test_routes_flapping(run):
    """Many neighbours come at once, each with 10,000 routes, and go at once, again and again, while flows arrive: none is lost, and memory
    returns to its level. tests/system/run.py -k routes_flapping --peers 500 is the large one."""
    peers, routes = (30, 500) if run.sanitized else (run.options.peers, 10000)
    port = run.port()
    d, flows = run.nfacctd(f"{PLUGIN}dst_as, dst_mask\nbgp_daemon: true\nbgp_daemon_ip: 127.0.0.1\nbgp_daemon_port: {port}\nnfacctd_as: bgp\nnfacctd_net: bgp\n")
    d.wait_log("waiting for BGP data")
    sources = [f"127.1.{n >> 8}.{n & 255}" for n in range(peers)]
    feeds = [announcements([f"{10 + (k >> 16)}.{k >> 8 & 255}.{k & 255}.0/24" for k in range(routes)], attributes(path=(65001, 65100 + n))) for n in range(4)]
    traffic = Traffic(run, flows, sources[:3])

    def now(pattern):
        """A figure of the BGP thread, asked for anew."""
        seen = len(re.findall(pattern, d.text()))
        d.send_signal(signal.SIGUSR1)
        d.wait_log(pattern, count=seen + 1)
        return int(re.findall(pattern, d.text())[-1])

    def resident():
        return int([line for line in open(f"/proc/{d.pid}/status") if line.startswith("VmRSS")][0].split()[1])

    levels = []
    for turn in range(3):
        speakers = [Speaker(run, port, source).meet(rid=f"10.9.{n >> 8}.{n & 255}") for n, source in enumerate(sources)]
        for n, s in enumerate(speakers):
            s.send(feeds[(n + turn) % len(feeds)])
        run.wait(lambda: now(r"RIB peers=\d+ tables=\d+ routes=(\d+)") == peers * routes, "all routes", 120)
        full = resident()
        for s in speakers:
            s.close()
        run.wait(lambda: now(r"RIB peers=(\d+)") == 0, "no route", 120)
        levels.append((resident(), now(r"octets_held=(\d+)")))
    sent = traffic.end()
    run.wait(lambda: sum(r["packets"] for r in run.client_json("-s")) == sent, f"{sent} packets in the table", 30)
    rows = run.client_json("-s")
    print(f"{peers} neighbours, {routes} routes each, 3 turns: {sent} flows; KiB resident with all routes {full}, then without {levels}")
    assert {(r["as_dst"], r["mask_dst"]) for r in rows} <= {(0, 0), *((65100 + n, 24) for n in range(4))} and len(rows) > 1, rows
    assert run.socket_drops(flows) == 0
    assert run.sanitized or levels[2][0] < levels[0][0] + 16384, (levels, full)  # KiB
    d.stop()


def roas(*rows):
    return json.dumps({"metadata": {"buildtime": "2024-01-01T00:00:00Z", "counts": len(rows), "vrps": len(rows), "generated": 1, "valid": 4102444800},
                       "roas": [{"prefix": p, "maxLength": m, "asn": f"AS{a}", "ta": "test"} for p, m, a in rows]})


def states(run, flows):
    return "".join(ask(run, flows, "127.0.0.2", dst=dst)["roa_dst"] for dst in ("192.0.2.1", "198.51.100.1", "203.0.113.1"))


def with_routes(run, more):
    d, flows, port = collector(run, "dst_as, dst_roa", more)
    s = Speaker(run, port, "127.0.0.2").meet()
    s.send(announcements(("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"), attributes(path=(65001, 64496))))
    told(run, 3)
    return d, flows, s


def test_routes_rpki_file(run):
    """Valid, invalid, unknown; another file after SIGUSR2; one that is no JSON leaves the old one in force."""
    run.write("roas.json", roas(("192.0.2.0/24", 24, 64496), ("198.51.100.0/24", 24, 64497)))
    d, flows, s = with_routes(run, "rpki_roas_file: @DIR@/roas.json\n")
    d.wait_log("2 ROAs loaded")
    assert states(run, flows) == "viu"
    run.write("roas.json", roas(("192.0.0.0/16", 16, 64496), ("198.51.100.0/24", 24, 64496), ("203.0.113.0/24", 24, 0)))
    d.send_signal(signal.SIGUSR2)
    d.wait_log("3 ROAs loaded")
    assert states(run, flows) == "ivi"
    run.write("roas.json", "{")
    d.send_signal(signal.SIGUSR2)
    d.wait_log("stay in force")
    assert states(run, flows) == "ivi"
    run.write("roas.json", roas(("10.0.0.0/16", 16, 64496), ("10.9.0.0/16", 16, 64497)))
    d.send_signal(signal.SIGUSR2)
    d.wait_log("2 ROAs loaded")
    s.send(announcements(("10.0.0.0/8", "10.0.0.0/16", "10.0.1.0/24", "10.9.0.0/16"), attributes(path=(65001, 64496))))
    told(run, 7)
    assert "".join(ask(run, flows, "127.0.0.2", dst=dst)["roa_dst"] for dst in ("10.1.1.1", "10.0.2.1", "10.0.1.1", "10.9.1.1")) == "uvVU"
    s.close()
    d.stop()


def test_routes_rpki_cache(run):
    """A real RTR cache (StayRTR): its ROAs, and what changes in them; it goes and comes back."""
    run.need("stayrtr")
    run.write("vrps.json", roas(("192.0.2.0/24", 24, 64496), ("198.51.100.0/24", 24, 64497)))
    port = run.port()
    words = ("-cache", run.dir / "vrps.json", "-bind", f"127.0.0.1:{port}", "-checktime=false", "-metrics.addr", f"127.0.0.1:{run.port()}",
             "-refresh", "1", "-protocol", "1")
    cache = bgp.Router(run, "stayrtr", ["/usr/bin/stayrtr", *map(str, words)], ())
    d, flows, s = with_routes(run, f"rpki_rtr_cache: 127.0.0.1:{port}\nrpki_rtr_cache_version: 1\n")
    d.wait_log("2 ROAs, serial")
    assert states(run, flows) == "viu"
    run.write("vrps.json", roas(("192.0.2.0/24", 24, 64497), ("203.0.113.0/24", 24, 64496)))
    run.wait(lambda: states(run, flows) == "iuv", "the cache's new ROAs", 60)
    cache.stop()
    d.wait_log("ROAs stay in force")
    assert states(run, flows) == "iuv"
    s.close()
    d.stop()


# --- samples and packets, whose addresses are looked up several at once

NETS = [f"20.{n >> 8}.{n & 255}.0/24" for n in range(17000)]  # as many as make a table's second way in worth while


def many_routes(run, port):
    """Two sessions: the first has many networks, the second some of the same with other paths. Returns them and what flows to
    20.x.y.0/24 are to be told, by session."""
    one, two = Speaker(run, port, "127.0.0.2").meet(), Speaker(run, port, "127.0.0.3").meet(asn=65002)
    for k in range(4):
        one.send(announcements(NETS[k::4], attributes(path=(65001, 65100 + k))))
    two.send(announcements(NETS[:64], attributes(path=(65002, 65200))))
    told(run, len(NETS) + 64)
    return one, two, lambda n: (65100 + n % 4, 24), lambda n: (65200, 24) if n < 64 else (0, 0)


def frames(first, step, count, vlans=()):
    """What is no IPv4 packet stands between."""
    made = []
    for k in range(count):
        n = first + k * step
        made.append((n, packets.ether(packets.ip("198.51.100.7", f"20.{n >> 8}.{n & 255}.9", 17, packets.udp(7, n & 0xffff, b"x" * (k % 90))), vlans=vlans)))
        if k % 7 == 3:
            made.append((None, packets.ether(packets.ip("2001:db8::7", "2001:db8::9", 17, packets.udp(7, 9)), vlans=vlans)))
    return made


def sums(rows):
    out = collections.Counter()
    for row in rows:
        out[row["as_dst"], row["mask_dst"]] += row["packets"]
    return out


def expected(*parts):
    """Of (frames, what a network is told) each."""
    return collections.Counter((0, 0) if n is None else tell(n) for made, tell in parts for n, _ in made)


def test_routes_of_samples(run):
    """sfacctd: datagrams of few and of many samples, agents in turn; then most routes are withdrawn, and one agent's session ends."""
    flows, port = run.port(), run.port()
    d = run.daemon("sfacctd", config=f"{PLUGIN}dst_as, dst_mask\n{BGP.replace('nfacctd', 'sfacctd')}bgp_daemon_port: {port}\n"
                   f"daemonize: false\nsfacctd_ip: 127.0.0.1\nsfacctd_port: {flows}\n")
    d.wait_log("waiting for BGP data")
    d.wait_log("waiting for sFlow data")
    one, two, of_one, of_two = many_routes(run, port)

    def send(source, made, at_once):
        samples = [sflow.flow_sample(i + 1, frame, expanded=i % 5 == 4) for i, (_, frame) in enumerate(made)]
        run.send(flows, [sflow.datagram(samples[i:i + at_once], sequence=i + 1, agent=source) for i in range(0, len(samples), at_once)], source)

    def table(*parts):
        want = expected(*parts)
        run.wait(lambda: sum(sums(run.client_json("-s")).values()) >= sum(want.values()), "all samples in the table")
        assert sums(run.client_json("-s")) == want, (run.client_json("-s"), want)
        run.client("-e")

    wide, near = frames(3, 11, 1500), frames(0, 1, 90, vlans=(5,))
    send("127.0.0.2", wide, 6)
    send("127.0.0.3", near, 100)
    send("127.0.0.2", near, 100)
    send("127.0.0.9", near, 1)  # nobody's
    table((wide, of_one), (near, of_two), (near, of_one), (near, lambda n: (0, 0)))
    for k in range(0, 17000 - 17000 % 500, 500):
        one.send(update(withdrawn=b"".join(map(prefix, NETS[k:k + 500]))))
    two.close()
    told(run, len(NETS) + 64 + 17000 + 64)
    send("127.0.0.2", wide, 6)
    send("127.0.0.3", near, 100)
    table((wide, lambda n: (0, 0)), (near, lambda n: (0, 0)))
    one.close()
    d.stop()


def test_routes_of_packets(run):
    """pmacctd, live: packets of two agents in turn by bgp_agent_map, in bursts of more than are looked up at once."""
    far = run.veth()
    port = run.port()
    run.write("agent.map", "bgp_ip=127.0.0.3 ip=0.0.0.0/0 filter='vlan and ip'\nbgp_ip=127.0.0.2 ip=0.0.0.0/0 filter='ip'\n")
    d = run.daemon("pmacctd", config=f"{PLUGIN}dst_as, dst_mask\n{BGP.replace('nfacctd', 'pmacctd')}bgp_daemon_port: {port}\n"
                   "daemonize: false\npcap_interface: v0\npcap_direction: in\nbgp_agent_map: @DIR@/agent.map\n")
    d.wait_log("waiting for BGP data")
    d.wait_log("capturing in place")
    one, two, of_one, of_two = many_routes(run, port)
    parts = [(frames(3, 11, 1500), of_one), (frames(0, 1, 90, vlans=(5,)), of_two), (frames(1, 3, 5), of_one), (frames(9, 2, 70, vlans=(6,)), of_two)]
    test_capture.send(run, far, "v1", [frame for made, _ in parts for _, frame in made])
    want = expected(*parts)
    run.wait(lambda: sum(sums(run.client_json("-s")).values()) >= sum(want.values()), "all packets in the table")
    assert sums(run.client_json("-s")) == want, (run.client_json("-s"), want)
    one.close()
    two.close()
    d.stop()
