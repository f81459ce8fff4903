# SPDX-License-Identifier: BSD-2-Clause
"""nfprobe and sfprobe: what collectors and readers of other makes see of it, samples that stand for what was there, interfaces that are
counted as the kernel counts them, collectors that are away."""
import contextlib
import json
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading

import packets
import sflow

START = 1_700_000_000_000_000


@contextlib.contextmanager
def receiver(run, host="127.0.0.1"):
    """A socket and the datagrams that have come to it; all have been read when the block is left."""
    got, done = [], threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        s.bind((host, 0))
        s.settimeout(0.2)

        def take():
            while True:
                try:
                    got.append(s.recv(65536))
                except TimeoutError:
                    if done.is_set():
                        return

        reader = threading.Thread(target=take)
        reader.start()
        try:
            yield s.getsockname()[1], got
        finally:
            done.set()
            reader.join()


def arp(n):
    return packets.ether(struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + packets.mac(1) + bytes(4) + bytes(6) + bytes([10, 0, 0, n & 255]), etype=0x806,
                         dst=0xffff)


def traffic(run, count=200):
    """A capture; returns (packets, octets) of its IP, and (packets, octets) of the frames with the four octets of FCS that captures lack."""
    frames, at = [], START
    for n in range(count):
        src, dst = f"10.0.{n % 5}.{n % 200 + 1}", "192.0.2.9"
        frames += packets.conversation(at + n * 1000, 2, src, dst, 10 + n % 1000, sport=2000 + n % 300)
        frames.append((at + n * 1000 + 700, packets.ether(packets.ip(src, dst, 17, packets.udp(5353, 53, b"q" * (n % 90))), vlans=(10 + n % 3,))))
        frames.append((at + n * 1000 + 800, packets.ether(packets.ip("2001:db8::%x" % (n + 1), "2001:db8::ffff", 6,
                                                                     packets.tcp(3000 + n % 300, 443, 0x18, b"y" * 50)))))
    frames.sort(key=lambda f: f[0])
    packets.pcap(run.dir / "in.pcap", frames)
    octets = sum(len(f) - (18 if f[12:14] == b"\x81\x00" else 14) for _, f in frames)
    return (len(frames), octets), (len(frames), sum(len(f) + 4 for _, f in frames))


def pmacctd(run, config, **more):
    """Reads in.pcap to its end."""
    d = run.daemon("pmacctd", config=f"daemonize: false\npcap_savefile: {run.dir}/in.pcap\n{config}", **more)
    assert d.wait(60) == 0, d.text()
    return d


def export_capture(run, payloads, port):
    frames = [(10**15 + i, packets.ether(packets.ip("127.0.0.1", "127.0.0.2", 17, packets.udp(4000, port, p)))) for i, p in enumerate(payloads)]
    return packets.pcap(run.dir / "export.pcap", frames)


def tshark_reads(run, payloads, port, protocol):
    """tshark decodes every datagram and complains of none."""
    tshark = run.need("tshark")
    assert payloads
    base = [tshark, "-r", export_capture(run, payloads, port), "-d", f"udp.port=={port},{protocol}"]
    fine = run.call(*base, "-Y", f"{protocol} && !_ws.malformed", "-T", "fields", "-e", "frame.number").split()
    assert len(fine) == len(payloads), f"{len(payloads)} datagrams, {len(fine)} decoded"
    detail = run.call(*base, "-V")
    for complaint in ("[Malformed", "No template found", "[Expert Info (Error", "[Expert Info (Warning", "Template Frame: missing"):
        at = detail.find(complaint)
        assert at < 0, detail[max(0, at - 2000):at + 500]
    return detail


# --- sfprobe

def test_sflow_samples(run):
    """Every frame of a capture with its header, whatever it carries, and what is known of it."""
    traffic(run, 20)
    frames = [(START, arp(1))] + packets.conversation(START + 10, 3, size=1400) + [
        (START + 50, packets.ether(packets.ip("10.0.0.1", "10.0.0.9", 17, packets.udp(1, 2)), vlans=(7, 8)))]
    packets.pcap(run.dir / "in.pcap", frames)
    with receiver(run) as (port, got):
        pmacctd(run, f"""
            plugins: sfprobe[a]
            aggregate_unknown_etype: true
            sfprobe_receiver[a]: 127.0.0.1:{port}
            sfprobe_agentsubid[a]: 12
            sfprobe_direction[a]: out
            sfprobe_ifindex[a]: 2000000000
            sfprobe_ifspeed[a]: 12345678901
            aggregate[a]: tag, tag2, src_mask, dst_as, peer_dst_ip
            post_tag[a]: 5
            post_tag2[a]: 18446744073709551615""")
    rows = sflow.read(got)
    flows = [r for r in rows if r["kind"] == "flow"]
    assert [r["header"] for r in flows] == [f[:128] for _, f in frames]
    assert [r["length"] for r in flows] == [len(f) + 4 for _, f in frames]
    for n, row in enumerate(flows):
        assert row["agent"] == "127.0.0.1" and row["sub"] == 12 and row["rate"] == 1 and row["pool"] == n + 1 and row["drops"] == 0
        assert row["expanded"] and row["in"] == 0x3fffffff and row["out"] == 2000000000 and row["protocol"] == 1 and row["stripped"] == 4
        assert row["tag"] == 5 and row["tag2"] == 2**64 - 1
        assert row["router"] == ["0.0.0.0", 0, 0] and row["gateway"]["path"] == []
    assert flows[-1]["switch"] == [0, 0, 7, 0]
    counters, = [r for r in rows if r["kind"] == "counters"]
    assert counters["source"] == 2000000000 and counters["speed"] == 12345678901
    assert counters["out_octets"] == sum(len(f) for _, f in frames) and counters["in_octets"] == 0
    assert (counters["out_ucast"], counters["out_multicast"], counters["out_broadcast"]) == (len(frames), 0, 0)
    for more, count in (("", len(frames)), ("aggregate[a]: src_as", len(frames) - 1)):
        with receiver(run) as (port, got):
            pmacctd(run, f"plugins: sfprobe[a]\nsfprobe_receiver[a]: 127.0.0.1:{port}\n{more}")
        assert len(sflow.read(got)) == count, "by itself it samples all frames, else those that are counted"


def test_sflow_sampling(run):
    """One in N: what samples say of the pool is exact, and their number is what chance gives."""
    (total, _), _ = traffic(run, 12000)
    with receiver(run) as (port, got):
        d = pmacctd(run, f"""
            plugins: sfprobe[a], memory[m]
            sfprobe_receiver[a]: 127.0.0.1:{port}
            sampling_rate[a]: 20""")
    flows = sflow.read(got)
    assert {r["rate"] for r in flows} == {20} and {r["drops"] for r in flows} == {0}
    assert abs(len(flows) - total / 20) < 6 * (total / 20) ** 0.5, f"{len(flows)} samples of {total} packets"
    pools = [r["pool"] for r in flows]
    steps = [b - a for a, b in zip(pools, pools[1:])]
    assert all(1 <= s <= 39 for s in steps) and len(set(steps)) > 30, "distances between samples are not those of chance"
    assert total - 39 <= pools[-1] <= total
    said = d.wait_log(r"exported samples=(\d+) sample_pool=(\d+) drops=0 ")
    assert (int(said[1]), int(said[2])) == (len(flows), pools[-1])


def test_sflow_tshark(run):
    """tshark reads flow and counter samples of all forms."""
    traffic(run)
    for index in (5, 2000000000):
        with receiver(run) as (port, got):
            pmacctd(run, f"""
                plugins: sfprobe[a]
                sfprobe_receiver[a]: 127.0.0.1:{port}
                sfprobe_ifindex[a]: {index}
                aggregate[a]: tag, src_as, dst_as, src_mask
                post_tag[a]: 5""")
        detail = tshark_reads(run, got, 6343, "sflow")
        assert detail.count("Flow sample") >= 800 and "ounters sample" in detail, detail[:3000]


def collected(run, program, port, probe):
    """Runs a collector of the nfdump family while probe() exports; returns (packets, octets) that nfdump finds."""
    nfdump, store = run.need("nfdump"), run.dir / f"store{port}"
    store.mkdir()
    collector = subprocess.Popen([program, "-w", str(store), "-p", str(port), "-b", "127.0.0.1", "-B", "4000000"],
                                 stdout=(run.dir / "capd.out").open("wb"), stderr=subprocess.STDOUT)
    try:
        run.wait(lambda: re.search(rf":{port:04X} ", pathlib.Path("/proc/net/udp").read_text()), "the collector to listen")
        probe()
        run.drained(port)
    finally:
        collector.send_signal(signal.SIGTERM)
        collector.wait(20)
    text = run.call(nfdump, "-R", store, "-q", "-N", "-o", "fmt:%pkt %byt", expect=None)
    rows = [tuple(map(int, line.split())) for line in text.splitlines() if re.match(r"^\s*\d+\s+\d+\s*$", line)]
    said = (run.dir / "capd.out").read_text(errors="replace")
    assert not re.search(r"(?i)malform|unknown|corrupt|Errors: [1-9]|Bad Packets: [1-9]", said), said
    return sum(r[0] for r in rows), sum(r[1] for r in rows)


def test_sflow_sfcapd(run):
    """nfdump's sFlow collector counts the same frames and their octets."""
    sfcapd, port = run.need("sfcapd"), run.port()
    _, want = traffic(run)
    got = collected(run, sfcapd, port, lambda: pmacctd(run, f"plugins: sfprobe\nsfprobe_receiver: 127.0.0.1:{port}"))
    assert got == want, f"sfcapd has {got}, {want} were in the capture"


def sums_of(rows):
    return sum(r["packets"] for r in rows), sum(r["bytes"] for r in rows)


def rows_of(run, program, key, config, probe):
    """Runs a collector of this suite while probe(port) exports; returns its rows by `key`."""
    port = run.port()
    d = run.daemon(program, config=f"""
        daemonize: false
        {program}_ip: 127.0.0.1
        {program}_port: {port}
        plugins: print[p]
        print_output[p]: json
        print_output_file[p]: {run.dir}/{program}.json
        print_refresh_time[p]: 3600
        aggregate[p]: {key}
        {config}""")
    d.wait_log(r"waiting for (NetFlow|sFlow)")
    probe(port)
    run.drained(port)
    d.stop()
    rows = run.rows(f"{program}.json")
    (run.dir / f"{program}.json").unlink()
    return rows


def test_sflow_sfacctd(run):
    """The suite's own collector has the same sums, tags and VLANs; sampled, it is right in the mean."""
    _, want = traffic(run, 6000)

    def probe(more):
        return lambda port: pmacctd(run, f"plugins: sfprobe[a]\nsfprobe_receiver[a]: 127.0.0.1:{port}\n{more}")

    rows = rows_of(run, "sfacctd", "src_host, vlan, tag", "", probe("aggregate[a]: tag\npost_tag[a]: 77"))
    assert sums_of(rows) == want, (sums_of(rows), want)
    assert {r["tag"] for r in rows} == {77} and {int(r["vlan"]) for r in rows} == {0, 10, 11, 12}
    rows = rows_of(run, "sfacctd", "none", "sfacctd_renormalize: true", probe("sampling_rate[a]: 5"))
    found = sum(r["packets"] for r in rows)
    assert abs(found - want[0]) < 0.1 * want[0], f"{found} of {want[0]}"


def links(run, name):
    return json.loads(run.call("ip", "-s", "-s", "-j", "link", "show", name))[0]


def test_sflow_counters_of_the_kernel(run):
    """Counter samples of a live interface are what the kernel counts of it, under the number that samples bear."""
    front = run.veth()
    with receiver(run, "127.0.0.1") as (port, got):
        probe = run.daemon("pmacctd", "-i", "v0", config=f"""
            daemonize: false
            plugins: sfprobe[a], sfprobe[b]
            sfprobe_receiver[a]: 127.0.0.1:{port}
            sfprobe_receiver[b]: 127.0.0.1:9
            sfprobe_agentip: 192.0.2.77
            sfprobe_direction[a]: in
            sfprobe_ifindex[a]: 5
            sampling_rate[b]: 100""")
        probe.wait_log(r"link type is: 1")
        probe.wait_log(r"Exporting flows to", count=2)
        before = links(run, "v0")
        run.call(*front, "ping", "-c", "20", "-i", "0.01", "-s", "300", "192.0.2.1")
        now = links(run, "v0")
        assert now["stats64"]["rx"]["packets"] >= before["stats64"]["rx"]["packets"] + 20
        run.wait(lambda: sum(r["kind"] == "flow" for r in sflow.read(got)) >= 40, "the samples of 20 echoes and replies")
        probe.stop()
    rows = sflow.read(got)
    last = [r for r in rows if r["kind"] == "counters"][-1]
    stats = now["stats64"]
    assert last["agent"] == "192.0.2.77" and last["source"] == last["index"] == 5 and last["type"] == 6
    assert last["in_octets"] == stats["rx"]["bytes"] and last["out_octets"] == stats["tx"]["bytes"]
    assert last["in_ucast"] + last["in_multicast"] == stats["rx"]["packets"] and last["out_ucast"] == stats["tx"]["packets"]
    assert last["status"] == 3 and last["speed"] == 10_000_000_000 and last["direction"] == 1, last
    assert last["in_broadcast"] == 2**32 - 1  # Linux does not count these apart
    assert {r["in"] for r in rows if r["kind"] == "flow"} == {5}


def test_interfaces_of_the_kernel(run):
    """With the system's numbers, flows and samples bear the captured interface, and its name and counters are found by the number. Two workers
    make one pool."""
    front = run.veth()
    number = links(run, "v0")["ifindex"]
    with receiver(run) as (port, got):
        def probe(netflow_port):
            d = run.daemon("pmacctd", config=f"""
                daemonize: false
                pcap_interface: v0
                pcap_ifindex: sys
                pcap_direction: in
                pcap_workers: 2
                plugins: nfprobe[n], sfprobe[s]
                nfprobe_receiver: 127.0.0.1:{netflow_port}
                sfprobe_receiver: 127.0.0.1:{port}
                sampling_rate[s]: 3
                aggregate[n]: src_host, proto""")
            d.wait_log(r"link type is: 1")
            d.wait_log(r"Exporting flows to", count=2)
            run.call(*front, "ping", "-q", "-c", "200", "-i", "0.002", "192.0.2.1")
            d.stop()
            said = d.wait_log(r"exported samples=(\d+) sample_pool=(\d+) drops=0 ")
            assert 190 <= int(said[2]) <= 200 and 30 < int(said[1]) < 110, said[0]

        rows = rows_of(run, "nfacctd", "src_host, in_iface, in_iface_name", "", probe)
    assert {(r["ip_src"], r["iface_in"], r["iface_name_in"]) for r in rows} == {
        ("192.0.2.2", number, "v0")}, rows
    assert sum(r["packets"] for r in rows) == 200, rows
    samples = sflow.read(got)
    counters = [r for r in samples if r["kind"] == "counters"][-1]
    assert {r["in"] for r in samples if r["kind"] == "flow"} == {number} == {counters["index"]}
    assert counters["in_octets"] == links(run, "v0")["stats64"]["rx"]["bytes"]


# --- nfprobe

def nfprobe(run, more):
    return lambda port: pmacctd(run, f"plugins: nfprobe[a]\nnfprobe_receiver[a]: 127.0.0.1:{port}\n{more}")


def test_netflow_everything_tshark(run):
    """All that can be exported, in each version: no complaint of tshark."""
    traffic(run)
    everything = """
        aggregate[a]: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags, src_mac, dst_mac, vlan, cos, etype, src_as, dst_as, \
            src_mask, dst_mask, peer_dst_ip, mpls_label_top, flows, tag, tag2, label
        nfprobe_source_ip[a]: 127.0.0.1
        nfprobe_end_reason[a]: true
        nfprobe_ifindex[a]: 5
        nfprobe_direction[a]: tag
        post_tag[a]: 2
        sampling_rate[a]: 1"""
    for version in (5, 9, 10):
        for more in ("", "timestamps_secs: true", "nfprobe_tstamp_usec: true", "nfprobe_dont_cache: true"):
            with receiver(run) as (port, got):
                nfprobe(run, f"nfprobe_version[a]: {version}\n{everything}\n{more}")(port)
            tshark_reads(run, got, 2055, "cflow")


def test_netflow_tags_and_sampling(run):
    """What the suite's own collector reads of tags, rates and directions."""
    want, _ = traffic(run, 3000)
    key = "src_host, tag, tag2, sampling_rate, sampling_direction, in_iface, out_iface"
    rows = rows_of(run, "nfacctd", key, "", nfprobe(run, """
        aggregate[a]: src_host, tag, tag2
        post_tag[a]: 2
        post_tag2[a]: 4000000000
        nfprobe_direction[a]: tag
        nfprobe_ifindex[a]: tag2
        pmacctd_ext_sampling_rate: 50"""))
    assert sums_of(rows) == want, (sums_of(rows), want)
    for row in rows:
        assert (row["tag"], row["tag2"], row["sampling_rate"], row["iface_in"], row["iface_out"]) == (2, 4000000000, 50, 0, 4000000000), row
        assert row["sampling_direction"] == "e"
    rows = rows_of(run, "nfacctd", "none", "nfacctd_renormalize: true", nfprobe(run, "sampling_rate[a]: 10"))
    assert abs(sums_of(rows)[0] - want[0]) < 0.1 * want[0], rows
    rows = rows_of(run, "nfacctd", "none", "nfacctd_renormalize: true",
                   nfprobe(run, "pmacctd_ext_sampling_rate: 50\npmacctd_renormalize: true"))
    assert sums_of(rows) == (50 * want[0], 50 * want[1]), "counters that were multiplied are multiplied once"


def test_tags_of_a_map(run):
    """pre_tag_map says interface and direction of each flow and each sample."""
    traffic(run, 100)
    for probe in ("nfprobe", "sfprobe"):
        run.write("tags.map", """set_tag=1 set_tag2=11 set_label=inside filter='ip6'
                                 set_tag=2 set_tag2=22 set_label=outside filter='ip or vlan'\n""")
        collector, key = {"nfprobe": ("nfacctd", "src_host, in_iface, out_iface, tag, tag2, label"),
                          "sfprobe": ("sfacctd", "src_host, in_iface, out_iface, tag, tag2")}[probe]
        rows = rows_of(run, collector, key, "", lambda port: pmacctd(run, f"""
            plugins: {probe}[a]
            {probe}_receiver[a]: 127.0.0.1:{port}
            pre_tag_map[a]: {run.dir}/tags.map
            {probe}_direction[a]: tag
            {probe}_ifindex[a]: tag2
            aggregate[a]: src_host, tag, tag2, label"""))
        none = 0 if probe == "nfprobe" else 0x3fffffff
        seen = {(":" in r["ip_src"], r["tag"], r["tag2"], r.get("label", ""), r["iface_in"], r["iface_out"]) for r in rows}
        inside, outside = ("inside", "outside") if probe == "nfprobe" else ("", "")
        assert seen == {(True, 1, 11, inside, 11, none), (False, 2, 22, outside, none, 22)}, seen


def test_class(run):
    """Applications by name: nfprobe numbers them and tells the names, sfprobe sends nDPI's numbers."""
    if "ndpi" not in run.run_program("pmacctd", "-V"):
        run.skip("this build has no nDPI")
    query = bytes.fromhex("123401000001000000000000") + b"\x03www\x06google\x03com\x00\x00\x01\x00\x01"
    other = packets.conversation(START + 50, 2, src="10.0.0.2", sport=7, dport=9)
    frames = [(START + i, packets.ether(packets.ip("10.0.0.1", "8.8.8.8", 17, packets.udp(5000, 53, query)))) for i in range(4)] + other
    packets.pcap(run.dir / "in.pcap", frames)
    rows = rows_of(run, "nfacctd", "src_host, class", "", nfprobe(run, "aggregate[a]: src_host, class"))
    assert {(r["ip_src"], r["class"], r["packets"]) for r in rows if r["ip_src"] == "10.0.0.1"} == {("10.0.0.1", "DNS/Google", 4)}, rows
    with receiver(run) as (port, got):
        pmacctd(run, f"plugins: sfprobe[a]\nsfprobe_receiver[a]: 127.0.0.1:{port}\naggregate[a]: class")
    classes = [r.get(43874 << 12 | 3) for r in sflow.read(got)]
    assert classes == 4 * [struct.pack("!II", 5, 126)] + 2 * [None], classes


def templates(payloads):
    """{template id: number of times it was told} of v9 datagrams."""
    seen = {}
    for data in payloads:
        at = 20
        while at < len(data):
            kind, length = struct.unpack_from("!HH", data, at)
            if kind in (0, 1):
                ident, n = struct.unpack_from("!HH", data, at + 4)
                inner = at + 4
                while inner + 4 <= at + length:
                    ident, n = struct.unpack_from("!HH", data, inner)
                    if ident < 256:
                        break
                    more = struct.unpack_from("!H", data, inner + 4)[0] if kind == 1 else 0
                    inner += 4 + 4 * n if kind == 0 else 6 + n + more
                    seen[ident] = seen.get(ident, 0) + 1
            at += length
    return seen


def test_netflow_two_instances(run):
    """Instances that export in one domain to one collector do not take each other's templates."""
    want, _ = traffic(run, 500)
    both = """
        plugins: nfprobe[a], nfprobe[b], nfprobe[c]
        nfprobe_receiver: 127.0.0.1:{port}
        nfprobe_version: 9
        nfprobe_source_ip: 127.0.0.1
        aggregate[a]: src_host
        aggregate[b]: src_host, dst_host, proto, tos, src_mac
        aggregate[c]: dst_port, src_host"""
    rows = rows_of(run, "nfacctd", "src_host", "", lambda port: pmacctd(run, both.format(port=port)))
    assert sums_of(rows) == (3 * want[0], 3 * want[1])
    with receiver(run) as (port, got):
        pmacctd(run, both.format(port=port))
    flows = {1024 + n for n in range(6)} | {2048 + n for n in range(6)}
    assert set(templates(got)) == flows | {4098, 4102, 4106}, sorted(templates(got))


def test_netflow_softflowd(run):
    """softflowd and nfprobe make the same totals of a capture."""
    softflowd = run.need("softflowd")
    traffic(run)
    sums = {}
    for name in ("softflowd", "nfprobe"):
        def probe(port):
            if name == "softflowd":
                run.call(softflowd, "-d", "-r", run.dir / "in.pcap", "-n", f"127.0.0.1:{port}", "-v", "9", "-p",
                         run.dir / "sf.pid", "-c", "none")
            else:
                nfprobe(run, "nfprobe_version[a]: 9")(port)
        sums[name] = sums_of(rows_of(run, "nfacctd", "src_host, dst_host, proto", "", probe))
    assert sums["softflowd"] == sums["nfprobe"] != (0, 0), sums


def test_netflow_interface_names(run):
    """The name of the interface that is captured, under the number that flows bear."""
    front = run.veth()
    run.ip("link", "set", "v0", "alias", "uplink to the lab")

    def probe(port):
        d = run.daemon("pmacctd", "-i", "v0", config=f"""
            daemonize: false
            plugins: nfprobe[a]
            nfprobe_receiver[a]: 127.0.0.1:{port}
            nfprobe_direction[a]: in
            nfprobe_ifindex[a]: 5
            aggregate[a]: src_host""")
        d.wait_log(r"link type is: 1")
        d.wait_log(r"Exporting flows to")
        run.call(*front, "ping", "-c", "3", "-i", "0.01", "192.0.2.1")
        d.stop()

    rows = rows_of(run, "nfacctd", "src_host, in_iface, in_iface_name", "", probe)
    assert {(r["iface_in"], r["iface_name_in"]) for r in rows} == {(5, "v0")}, rows


def test_nobody_listens(run):
    """A collector that is away: each answer that it is not there is counted and told, and the probe goes on."""
    front = run.veth()
    d = run.daemon("pmacctd", "-i", "v0", config=f"""
        daemonize: false
        plugins: nfprobe[a], sfprobe[s]
        nfprobe_receiver[a]: 127.0.0.1:{run.port()}
        sfprobe_receiver[s]: 127.0.0.1:{run.port()}
        nfprobe_dont_cache[a]: true""")
    d.wait_log(r"link type is: 1")
    d.wait_log(r"Exporting flows to", count=2)
    run.call(*front, "ping", "-c", "30", "-i", "0.05", "192.0.2.1")
    for name in ("a/nfprobe", "s/sfprobe"):
        d.wait_log(rf"^WARN \( {name} \): Unable to export flows to \[127\.0\.0\.1\]:\d+: nobody listens there")

    def unheard():
        d.send_signal(signal.SIGUSR1)
        found = re.findall(r"NOTICE \( (?:a/nfprobe|s/sfprobe) \): stats .* refused_datagrams=0 unheard=(\d+) ", d.text())
        return len(found) >= 2 and all(int(n) > 0 for n in found[-2:])

    run.wait(unheard, "both to count the answers")
    d.stop()


def test_receiver_moves(run):
    """A collector's name comes to mean another address: the probe follows."""
    front = run.veth()
    hosts = run.write("hosts", "127.0.0.2 collector.example\n")
    run.call("mount", "--bind", hosts, "/etc/hosts")
    with receiver(run, "127.0.0.3") as (port, got):
        d = run.daemon("pmacctd", "-i", "v0", config=f"""
            daemonize: false
            plugins: nfprobe[a]
            nfprobe_receiver[a]: collector.example:{port}
            nfprobe_dont_cache[a]: true""")
        d.wait_log(rf"Exporting flows to \[127\.0\.0\.2\]:{port}")
        d.wait_log(r"link type is: 1")
        hosts.write_text("127.0.0.3 collector.example\n")
        ping = subprocess.Popen([*front, "ping", "-q", "-i", "0.05", "192.0.2.1"], stdout=subprocess.DEVNULL)
        try:
            d.wait_log(rf"'collector\.example' has another address now\. Exporting flows to \[127\.0\.0\.3\]:{port}")
            run.wait(lambda: got, "datagrams at the new address")
        finally:
            ping.kill()
            ping.wait()
        d.stop()
