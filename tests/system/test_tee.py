# SPDX-License-Identifier: BSD-2-Clause
"""The replicator: every datagram to every receiver that it is for, octet for octet, with whose address as it was asked for."""
import collections
import contextlib
import ctypes
import ctypes.util
import ipaddress
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import netflow
import packets

NOW = int(time.time())


class Receiver:
    """A UDP socket that keeps what arrives: [(octets, address of the sender, port)]."""

    def __init__(self, host="127.0.0.1", port=0):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        for option in (33, socket.SO_RCVBUF):  # SO_RCVBUFFORCE where that may be
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, option, 16 << 20)
        self.socket.bind((host, port))
        self.socket.settimeout(0.1)
        self.host, self.port = host, self.socket.getsockname()[1]
        self.name = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.got, self.over = [], False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.over:
            with contextlib.suppress(TimeoutError, socket.timeout):
                data, peer = self.socket.recvfrom(65536)
                self.got.append((data, peer[0], peer[1]))

    def close(self):
        self.over = True
        self.thread.join()
        self.socket.close()

    def data(self):
        return [row[0] for row in self.got]


def mixture(count, seed=1, largest=1464):
    """Datagrams as exporters send them: runs of one length, some short, some large."""
    rng, made = random.Random(seed), []
    while len(made) < count:
        size = rng.choice((24 + 48 * 30, 1400, largest, rng.randint(1, largest)))
        made += [rng.randbytes(size) for _ in range(rng.randint(1, 40))]
    return made[:count]


def start(run, pools, more="", host="127.0.0.1", ready=True):
    run.write("receivers.lst", "\n".join(pools) + "\n")
    port = run.port()
    d = run.daemon("nfacctd", config=f"""
        plugins: tee[a]
        tee_receivers[a]: @DIR@/receivers.lst
        nfacctd_ip: {host}
        nfacctd_port: {port}
        {more}""")
    if ready:
        d.wait_log("waiting for NetFlow/IPFIX data")
        d.wait_log(r"a/tee \): .*map successfully")
    return d, port


def arrived(run, receivers, count):
    run.wait(lambda: all(len(r.got) >= count for r in receivers),
             f"{count} datagrams at each receiver, there are " + str([len(r.got) for r in receivers]), 20)


def counters(run, d):
    """{receiver: {word: value}} of SIGUSR1. The plugin logs a line for each of the receivers, one after the other."""
    addresses = re.findall(r"^[^!\n]*\b(?:ip|zmq_address|kafka_broker)=(\S+)", (run.dir / "receivers.lst").read_text(), re.M)
    seen = len(re.findall(r"stats pool=", d.text()))
    d.send_signal(signal.SIGUSR1)
    d.wait_log(r"a/tee \): stats pool=.*\n", count=seen + sum(len(a.split(",")) for a in addresses))
    rows = {}
    for line in re.findall(r"a/tee \): stats pool=(.*)", d.text())[seen:]:
        words = dict(w.split("=", 1) for w in line.split()[1:])
        rows[words.pop("receiver")] = {k: int(v) for k, v in words.items() if v.isdigit()}
    return rows


def ledger(d, word):
    return int(re.findall(rf"ledger \[a/tee\] {word} records=(\d+)", d.text())[-1])


def test_four_receivers(run):
    receivers = [Receiver() for _ in range(4)]
    d, port = start(run, ["id=1 ip=" + ",".join(r.name for r in receivers[:2]), f"id=2 ip={receivers[2].name}",
                          f"id=3 ip={receivers[3].name} tag=0"])
    sent = mixture(5000)
    run.send(port, sent)
    arrived(run, receivers, len(sent))
    for r in receivers:
        assert r.data() == sent, f"{r.name} has something else"
        assert {row[1] for row in r.got} == {"127.0.0.1"}
    rows = counters(run, d)
    for r in receivers:
        assert rows[r.name]["datagrams"] == len(sent)
        assert rows[r.name]["bytes"] == sum(map(len, sent))
        assert sum(v for k, v in rows[r.name].items() if k.startswith("lost")) == 0
    assert ledger(d, "accounted") == ledger(d, "confirmed") == len(sent)
    d.stop()


def test_large_datagrams(run):
    receivers = [Receiver(), Receiver()]
    d, port = start(run, [f"id=1 ip={receivers[0].name},{receivers[1].name}"])
    sent = [bytes([n]) * size for n, size in enumerate((60000, 65507, 1, 0, 32760, 65507, 40000))] * 10
    run.send(port, sent)
    arrived(run, receivers, len(sent))
    assert all(r.data() == sent for r in receivers)
    d.stop()


def test_transparent(run):
    """Address and port of each exporter, of both families; the wrong family is counted and told of."""
    run.need_root()
    run.ip("addr", "add", "2001:db8::5/128", "dev", "lo", "nodad")
    run.ip("addr", "add", "2001:db8::6/128", "dev", "lo", "nodad")
    four, six = Receiver("127.0.0.9"), Receiver("2001:db8::6")
    d, port = start(run, [f"id=1 ip={four.name},{six.name}"], "tee_transparent: true", host="::")
    sent, ports = {}, {}
    for source, to in (("127.0.0.5", "127.0.0.1"), ("127.0.0.6", "127.0.0.1"), ("2001:db8::5", "::1")):
        sent[source] = mixture(300, seed=len(sent)) + [b"x" * 60000, b"y" * 65507]
        with socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((source, 0))
            ports[source] = s.getsockname()[1]
            for datagram in sent[source]:
                s.sendto(datagram, (to, port))
            run.drained(port)
    arrived(run, [four], 604)
    arrived(run, [six], 302)
    for source, r in (("127.0.0.5", four), ("127.0.0.6", four), ("2001:db8::5", six)):
        have = [row for row in r.got if row[1] == source]
        assert [row[0] for row in have] == sent[source], source
        assert {row[2] for row in have} == {ports[source]}, source
    d.wait_log("ERROR .*Can't bridge Address Families when in transparent mode", count=1)
    rows = counters(run, d)
    assert rows[four.name]["lost_other_family"] == 302 and rows[six.name]["lost_other_family"] == 604, rows
    assert len(re.findall("bridge Address", d.text())) == 2, "once a receiver, not once a datagram"
    d.stop()


def test_transparent_sources(run):
    """Sources whose ports nobody here has, in turns: sent joined from sockets of their address, in the order of each of them."""
    run.need_root()
    receivers = [Receiver(), Receiver()]
    d, port = start(run, ["id=1 ip=" + ",".join(r.name for r in receivers)], "tee_transparent: true")
    sources = []
    for n in range(30):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # tee may have it too
        s.bind((f"127.0.1.{n + 1}", 0))
        sources.append(s)
    sent = {s.getsockname(): mixture(200, seed=k) for k, s in enumerate(sources)}
    for k in range(200):
        for s in sources:
            s.sendto(sent[s.getsockname()][k], ("127.0.0.1", port))
        run.drained(port)
    arrived(run, receivers, 6000)
    for r in receivers:
        have = collections.defaultdict(list)
        for data, *source in r.got:
            have[tuple(source)].append(data)
        assert have == sent
    with open("/proc/net/udp") as table:
        bound = [line.split()[1:3] for line in table if re.match(r" *\d+: [0-9A-F]{2}01007F:", line)]
    far = {f"0100007F:{r.port:04X}" for r in receivers}
    assert sum(there in far for _, there in bound) == 60, bound
    assert all(row["lost_error"] == row["refusals"] == 0 for row in counters(run, d).values())
    d.stop()


def test_joined_input(run):
    """Datagrams that the sender's kernel has joined are taken joined, and leave as they were."""
    receivers = [Receiver(), Receiver()]
    d, port = start(run, ["id=1 ip=" + ",".join(r.name for r in receivers)])
    rng, sent = random.Random(5), []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for size, count, last in ((1464, 40, 1464), (1000, 60, 17), (100, 64, 100), (48, 2, 1), (1, 64, 1), (700, 1, 700), (0, 1, 0)):
            pieces = [rng.randbytes(size) for _ in range(count - 1)] + [rng.randbytes(last)]
            s.setsockopt(socket.IPPROTO_UDP, 103, size)  # UDP_SEGMENT
            s.sendto(b"".join(pieces), ("127.0.0.1", port))
            sent += pieces
            run.drained(port)
    arrived(run, receivers, len(sent))
    assert all(r.data() == sent for r in receivers)
    d.wait_counters(rf"received_datagrams={len(sent)} dropped_by_kernel=0")
    d.stop()


def test_transparent_without_root(run):
    """CAP_NET_RAW and CAP_NET_BIND_SERVICE are kept, and no more: also for receivers that come later, and sources that are new."""
    run.need_root()
    run.dir.chmod(0o755)
    one, two = Receiver(), Receiver()
    d, port = start(run, [f"id=1 ip={one.name}"], "tee_transparent: true\nuser: nobody")
    tee = d.child("Tee Plugin")

    def given_up():
        with open(f"/proc/{tee}/status") as f:
            status = f.read()
        return re.search(r"^CapEff:\s+0+2400$", status, re.M) and not re.search(r"^Uid:\s+0", status, re.M)

    run.wait(given_up, "the plugin to be nobody, with what it needs alone")  # a moment after it has read its map
    run.send(port, [b"first"], source="127.0.0.7")
    arrived(run, [one], 1)
    run.write("receivers.lst", f"id=1 ip={one.name},{two.name}\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"a/tee \): .*map successfully", count=2)
    run.send(port, [b"second"], source="127.0.0.7")
    arrived(run, [two], 1)
    arrived(run, [one], 2)
    assert [row[:2] for row in one.got + two.got] == [(b"first", "127.0.0.7"), (b"second", "127.0.0.7"), (b"second", "127.0.0.7")]
    d.stop()


def test_transparent_over_a_link(run):
    """Through a veth pair with an MTU of 1500: what is longer is cut here and put together there; the sender is nobody's address."""
    front = run.veth()
    run.write("far.py", """
import json, socket, sys
four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
four.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)
four.bind(("192.0.2.2", 9995))
four.settimeout(120)
print("ready", flush=True)
rows = []
while len(rows) < int(sys.argv[1]):
    data, peer = four.recvfrom(65536)
    rows.append([data.hex(), peer[0]])
json.dump(rows, open("far.json", "w"))
""")
    sent = [b"a" * 100, b"b" * 1472, b"c" * 1473, b"d" * 3000, b"e" * 60000, b"f" * 65507]
    far = subprocess.Popen([*front, "python3", str(run.dir / "far.py"), str(len(sent))], cwd=run.dir, stdout=subprocess.PIPE)
    try:
        assert far.stdout.readline() == b"ready\n"
        d, port = start(run, ["id=1 ip=192.0.2.2:9995"], "tee_transparent: true", host="127.0.0.1")
        # The far side knows a way back to the exporter, or its filter for martians would drop what comes.
        run.call(*front, "sh", "-c", "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done")
        run.call(*front, "ip", "route", "add", "default", "via", "192.0.2.1")
        run.ip("addr", "add", "198.51.100.7/32", "dev", "lo")
        run.send(port, sent, source="198.51.100.7")
        assert far.wait(120) == 0
    finally:
        far.kill()
    have = json.loads((run.dir / "far.json").read_text())
    assert [bytes.fromhex(row[0]) for row in have] == sent
    assert {row[1] for row in have} == {"198.51.100.7"}
    assert counters(run, d)["192.0.2.2:9995"]["lost_error"] == 0
    d.stop()


def test_a_receiver_that_refuses(run):
    good, bad = [Receiver() for _ in range(3)], run.port()
    names = [good[0].name, f"127.0.0.1:{bad}", good[1].name, good[2].name]
    d, port = start(run, ["id=1 ip=" + ",".join(names)])
    sent = mixture(20000, largest=300)
    run.send(port, sent)
    arrived(run, good, len(sent))
    assert all(r.data() == sent for r in good)
    rows = counters(run, d)
    assert rows[names[1]]["refusals"] >= 1
    assert rows[names[1]]["datagrams"] == len(sent)
    said = len(re.findall("refuses datagrams", d.text()))  # once, then at most once in some seconds
    assert said < rows[names[1]]["refusals"] or said <= 2, d.text()
    late = Receiver(port=bad)
    run.send(port, sent[:100])
    arrived(run, [late], 100)
    assert late.data() == sent[:100]
    d.stop()


def test_reload_under_load(run):
    """Receivers come and go on SIGUSR2 while datagrams come: those that stay get each one. A wrong file changes nothing."""
    stays, goes, comes = Receiver(), Receiver(), Receiver()
    d, port = start(run, [f"id=1 ip={stays.name},{goes.name}"])
    over, sent = threading.Event(), []

    def load():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            while not over.is_set():
                sent.append(b"%d" % len(sent))
                s.sendto(sent[-1], ("127.0.0.1", port))
                if len(sent) % 32 == 0:
                    while run.queue(port):
                        time.sleep(0.0005)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        loaded = 1
        for turn in range(6):
            run.write("receivers.lst", f"id=1 ip={stays.name},{(goes, comes)[turn % 2 == 0].name}\n")
            d.send_signal(signal.SIGUSR2)
            loaded += 1
            d.wait_log(r"a/tee \): .*map successfully", count=loaded)
        run.write("receivers.lst", f"id=1 ip={stays.name}\nid=2 ip={comes.name} balance-alg=zz\n")
        d.send_signal(signal.SIGUSR2)
        d.wait_log(r"receivers.lst:2\] Unknown balance algorithm 'zz'.*Rolling back")
        before = len(goes.got)
        run.wait(lambda: len(goes.got) > before, "the old file to stay in force")
    finally:
        over.set()
        thread.join()
    arrived(run, [stays], len(sent))
    run.wait(lambda: len(comes.got) + len(goes.got) >= len(sent), "the others to have read theirs")
    assert stays.data() == sent
    assert len(comes.got) and len(goes.got) and len(comes.got) + len(goes.got) == len(sent)
    assert counters(run, d)[stays.name]["datagrams"] == len(sent), "counters outlive a reload"
    d.stop()


def test_balance(run):
    """One receiver of a pool for each exporter, always the same one, until it leaves."""
    receivers = [Receiver() for _ in range(4)]
    d, port = start(run, ["id=1 balance-alg=hash-agent ip=" + ",".join(r.name for r in receivers)])
    exporters = [f"127.0.{n // 200}.{n % 200 + 2}" for n in range(200)]

    def shares():
        for r in receivers:
            r.got.clear()
        for e in exporters:
            run.send(port, [e.encode()] * 2, source=e)
        run.wait(lambda: sum(len(r.got) for r in receivers) == 2 * len(exporters), "all datagrams")
        return {e: [r.name for r in receivers if e.encode() in r.data()] for e in exporters}

    before = shares()
    assert all(len(names) == 1 for names in before.values())
    assert all(20 < n < 80 for n in collections.Counter(names[0] for names in before.values()).values())
    run.write("receivers.lst", "id=1 balance-alg=hash-agent ip=" + ",".join(r.name for r in receivers[1:][::-1]) + "\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"a/tee \): .*map successfully", count=2)
    after = shares()
    for e in exporters:
        assert before[e] == after[e] or before[e] == [receivers[0].name]
    assert not any([receivers[0].name] == names for names in after.values())
    d.stop()


def test_restart(run):
    """A tee that is killed comes back on the same ring and sends what came meanwhile."""
    r = Receiver()
    d, port = start(run, [f"id=1 ip={r.name}"])
    sent = mixture(3000)
    run.send(port, sent[:1000])
    arrived(run, [r], 1000)
    os.kill(d.child("Tee Plugin"), signal.SIGKILL)
    run.send(port, sent[1000:])
    arrived(run, [r], len(sent))
    assert r.data() == sent
    run.wait(lambda: all_sent(run, d) == len(sent), "all to be confirmed")
    d.stop()


def test_names_and_options(run):
    """A receiver by name, a source address and port of our own, the size that the kernel gave to the buffer."""
    r = Receiver()
    more = f"tee_source_ip: 127.0.0.77\ntee_pipe_size: 300000\ntee_ipprec: 5\nnfacctd_allow_file: {run.dir}/allow.lst"
    d, port = start(run, [f"id=1 ip=localhost:{r.port} src_port=40055"],
                    more, ready=False)
    d.wait()
    d.wait_log("allow.lst")
    run.write("allow.lst", "127.0.0.5\n")
    d, port = start(run, [f"id=1 ip=localhost:{r.port} src_port=40055"],
                    more)
    d.wait_log(r"tee_pipe_size: obtained=\d+ target=300000\.")
    run.send(port, [b"refused"] * 3)
    run.send(port, [b"taken"], source="127.0.0.5")
    arrived(run, [r], 1)
    assert r.got == [(b"taken", "127.0.0.77", 40055)], r.got
    counters(run, d)
    d.wait_log("not_allowed=3")
    d.stop()


def test_a_name_that_moves(run):
    """A receiver by name goes where the name goes; one without an address does not keep the others from starting."""
    run.need_root()
    run.write("hosts", "127.0.0.1 localhost\n127.0.0.21 collector.test\n")
    run.call("mount", "--bind", run.dir / "hosts", "/etc/hosts")
    at = run.port()
    old, new, other = Receiver("127.0.0.21", at), Receiver("127.0.0.22", at), Receiver()
    d, port = start(run, [f"id=1 ip=collector.test:{at},{other.name}", f"id=2 ip=later.test:{at}"])
    d.wait_log("cannot resolve 'later.test'.*lost until it can be reached")
    run.send(port, [b"first"])
    arrived(run, [old, other], 1)
    assert counters(run, d)[f"later.test:{at}"]["lost_no_address"] == 1
    # It is looked for again each 5 s, one that is known each minute; a receiver that is new to the file at once.
    (run.dir / "hosts").write_text("127.0.0.1 localhost\n127.0.0.22 collector.test later.test\n")
    d.wait_log(f"later.test:{at} is at 127.0.0.22", seconds=30)
    run.send(port, [b"second"])
    arrived(run, [new], 1)
    run.write("receivers.lst", f"id=3 ip=collector.test:{at},{other.name}\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"a/tee \): .*map successfully", count=2)
    run.send(port, [b"third"])
    arrived(run, [new], 2)
    arrived(run, [old], 2)
    arrived(run, [other], 3)
    assert new.data() == [b"second", b"third"] and old.data() == [b"first", b"second"]
    d.stop()


def test_what_is_refused(run):
    """Configurations that cannot be, with the words that say so."""
    run.write("good.lst", "id=1 ip=127.0.0.1:9999\n")
    run.write("bad.lst", "id=1 ip=127.0.0.1:9999\nid=2 ip=nowhere\n")
    for config, text in (
            ("plugins: tee[a], print[b]\ntee_receivers: @DIR@/good.lst", r"'tee' plugins are not compatible with data \(memory/mysql/pgsql/etc\.\) plugins"),
            ("plugins: tee[a]", r"'tee_receivers' is missing"),
            ("plugins: tee[a]\ntee_receivers: @DIR@/bad.lst", r"bad\.lst:2\] Invalid receiver nowhere"),
            ("plugins: tee[a]\ntee_receivers: @DIR@/none.lst", r"none\.lst"),
            ("plugins: tee[a]\ntee_receivers: @DIR@/good.lst\naggregate_filter[a]: udp", r"tee does not look into datagrams")):
        d = run.daemon("nfacctd", config=f"{config}\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {run.port()}")
        assert d.wait() == 1
        d.wait_log(text)


def test_sfacctd(run):
    """sFlow is replicated too: whole, and by sample where a map looks into it; counters go to all, version 4 stays whole."""
    web, dns = Receiver(), Receiver()
    run.write("receivers.lst", f"id=1 ip={web.name} tag=1\nid=2 ip={dns.name} tag=2\nid=3 ip={web.name}\n")
    run.write("pretag.map", "set_tag=1 dst_port=443\nset_tag=2 dst_port=53\n")
    port = run.port()
    d = run.daemon("sfacctd", config=f"""
        plugins: tee[a]
        tee_receivers[a]: @DIR@/receivers.lst
        pre_tag_map: @DIR@/pretag.map
        sfacctd_ip: 127.0.0.1
        sfacctd_port: {port}""")
    d.wait_log("waiting for sFlow data")
    d.wait_log(r"a/tee \): .*map successfully")

    def head(count, version=5):
        agent = struct.pack("!II4s", version, 1, bytes([192, 0, 2, 9]))
        return agent + (struct.pack("!I", 1) if version == 5 else b"") + struct.pack("!III", 7, 1000, count)

    def flow(dport):
        record = struct.pack("!II4s4sIIII", 64, 17, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), 1024, dport, 0, 0)
        sample = struct.pack("!IIIIIIII", 1, 3, 100, 100, 0, 3, 4, 1) + struct.pack("!II", 3, len(record)) + record
        return struct.pack("!II", 1, len(sample)) + sample

    counters_ = struct.pack("!IIIII", 2, 12, 1, 3, 0)
    old = head(0, 4)
    run.send(port, [head(3) + flow(443) + counters_ + flow(53), old])
    arrived(run, [web], 1 + 1 + 4)
    arrived(run, [dns], 2)
    split = [head(1) + flow(443), head(1) + counters_, head(1) + flow(53)]
    assert dns.data() == [split[1], split[2]], [x.hex() for x in dns.data()]
    assert sorted(web.data()) == sorted([split[0], split[1], *split, old]), [x.hex() for x in web.data()]
    run.write("pretag.map", "set_tag=2 ip=127.0.0.0/8\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"default/core \): .*map successfully .*", count=2)
    whole = head(2) + flow(443) + flow(53)
    run.send(port, [whole])
    arrived(run, [dns], 3)
    assert dns.data()[-1] == whole
    d.stop()


def test_capture_file(run):
    """What a capture file holds goes out as if it had just come, no faster than receivers can follow."""
    r = Receiver()
    sent = list(netflow.v5(netflow.flows(60000), NOW))
    packets.pcap(run.dir / "in.pcap", [(NOW * 10**6 + n, packets.ether(packets.ip("192.0.2.9", "192.0.2.1", 17, packets.udp(9995, 2055, s))))
                                       for n, s in enumerate(sent)])
    run.write("receivers.lst", f"id=1 ip={r.name}\n")
    d = run.daemon("nfacctd", config="plugins: tee[a]\ntee_receivers: @DIR@/receivers.lst\npcap_savefile: @DIR@/in.pcap\npcap_savefile_delay: 0")
    run.wait(lambda: r.got, "the first datagram", 20)
    began = time.monotonic()
    assert d.wait() == 0
    arrived(run, [r], len(sent))
    assert r.data() == sent
    assert time.monotonic() - began > len(sent) / 4000 / 2, "faster than 4,000 a second"


def test_split_by_flow(run):
    """A map that looks at flows: each record goes alone, to the pools that its tag is for, and collectors can read what they get. One
    that comes later gets the templates that have passed."""
    config = """
        plugins: print[{name}]
        aggregate: src_host, dst_port, proto
        print_output: csv
        print_output_file: @DIR@/{name}.csv
        print_refresh_time: 3600"""
    collectors = {name: run.nfacctd(config.format(name=name)) for name in ("web", "dns", "rest", "all", "late")}
    pools = {"web": "tag=1", "dns": "tag=2", "rest": "tag=-1,-2", "all": "", "late": "tag=1-2"}
    rows = [f"id={n} ip=127.0.0.1:{collectors[name][1]} {tags}" for n, (name, tags) in enumerate(pools.items(), 1)]
    run.write("pretag.map", "set_tag=1 dst_port=443\nset_tag=2 dst_port=53 ip_proto=17\nset_tag=9 dst_port=80\n")
    d, port = start(run, rows[:4], f"pre_tag_map: {run.dir}/pretag.map")
    made = [dict(f, dport=(443, 53, 80)[n % 3], proto=(6, 17, 6)[n % 3]) for n, f in enumerate(netflow.flows(300))]
    options = netflow.template_set(9, 300, [(1, 4), (34, 4)], scope=1) + netflow.raw_set(300, b"\0\0\0\1\0\0\0\1")
    run.send(port, list(netflow.v5(made[:90], NOW)))
    run.send(port, [netflow.message(9, [options], NOW, 0, 7)] + list(netflow.export(9, made[90:160], NOW, domain=7, sequence=1)))
    run.send(port, list(netflow.export(10, made[160:240], NOW, domain=8, fields=netflow.FIELDS_MS)))
    run.send(port, [netflow.message(9, [netflow.raw_set(999, b"12345678")], NOW, 9, 7)])
    run.wait(lambda: all_sent(run, d) > 240, "all to be sent")
    run.write("receivers.lst", "\n".join(rows) + "\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"a/tee \): .*map successfully", count=2)
    before = collectors["all"][0].text().count("which 127.0.0.1 has not sent yet")
    run.send(port, list(netflow.export(10, made[240:], NOW, domain=8, fields=netflow.FIELDS_MS, with_template=False, sequence=80)))
    run.wait(lambda: all_sent(run, d) > 300, "all to be sent")
    wanted = {"web": [f for f in made if f["dport"] == 443], "dns": [f for f in made if f["dport"] == 53],
              "rest": [f for f in made if f["dport"] == 80], "all": made, "late": [f for f in made[240:] if f["dport"] != 80]}
    for name, (c, at) in collectors.items():
        run.drained(at)
        text = c.text()
        c.stop()
        have = [line.split(",") for line in (run.dir / f"{name}.csv").read_text().splitlines()[1:]]
        sums = netflow.totals(wanted[name])
        assert sum(int(r[-2]) for r in have) == sums["packets"] and sum(int(r[-1]) for r in have) == sums["bytes"], (name, sums)
        if name == "all":
            assert not re.search(r"expecting flow.*agent=127.0.0.1:[08] ?$", text, re.M), text
    assert before == 1, "what cannot be decoded goes to all"
    d.stop()


def all_sent(run, d):
    """How many datagrams the core counted, 0 while some are on their way."""
    seen = len(re.findall(r"\[a/tee\] confirmed", d.text()))
    d.send_signal(signal.SIGUSR1)
    d.wait_log(r"\[a/tee\] confirmed", count=seen + 1)
    return ledger(d, "accounted") if ledger(d, "accounted") == ledger(d, "confirmed") else 0


def unpack(message):
    """(exporter's address, its port, payload) of an IPv4 or IPv6 datagram with its headers; they have to be right."""
    six = message[0] >> 4 == 6
    head = 40 if six else 20
    source = ipaddress.ip_address(message[8:24] if six else message[12:16])
    assert (message[6], message[7]) == (17, 255) if six else (message[9], message[8]) == (17, 255), message[:head].hex()
    sport, _, size = struct.unpack_from("!HHH", message, head)
    assert size == len(message) - head
    assert six or packets.checksum(message[:20]) == 0
    return str(source), sport, message[head + 8:]


def test_zeromq(run):
    """A consumer gets each datagram with its headers; what comes while none is there is counted."""
    name = ctypes.util.find_library("zmq")
    if not name or "libzmq" not in run.run_program("nfacctd", "-V"):
        run.skip("no libzmq")
    zmq = ctypes.CDLL(name)
    zmq.zmq_ctx_new.restype = zmq.zmq_socket.restype = ctypes.c_void_p
    at = run.port(socket.SOCK_STREAM)
    d, port = start(run, [f"id=1 zmq_address=127.0.0.1:{at}"], "tee_transparent: true")
    run.send(port, [b"nobody is there"] * 3)
    run.wait(lambda: all_sent(run, d) == 3, "all to be taken")
    d.wait_log(rf"WARN .*Queue full: ZeroMQ \[127.0.0.1:{at}\]")
    context = ctypes.c_void_p(zmq.zmq_ctx_new())
    pull = ctypes.c_void_p(zmq.zmq_socket(context, 7))  # ZMQ_PULL
    timeout = ctypes.c_int(10000 * run.patience)
    zmq.zmq_setsockopt(pull, 27, ctypes.byref(timeout), 4)  # ZMQ_RCVTIMEO
    assert zmq.zmq_connect(pull, f"tcp://127.0.0.1:{at}".encode()) == 0
    buffer = ctypes.create_string_buffer(70000)

    def receive():
        n = zmq.zmq_recv(pull, buffer, len(buffer), 0)
        assert n >= 0, "nothing came"
        return unpack(buffer.raw[:n])

    # The connection is there once something has come over it.
    lost = 0
    while True:
        run.send(port, [b"knock"])
        lost += 1
        timeout.value = 200
        zmq.zmq_setsockopt(pull, 27, ctypes.byref(timeout), 4)
        n = zmq.zmq_recv(pull, buffer, len(buffer), 0)
        if n >= 0:
            break
        assert lost < 100, "no connection"
    timeout.value = 10000 * run.patience
    zmq.zmq_setsockopt(pull, 27, ctypes.byref(timeout), 4)
    sent = mixture(200) + [b"z" * 65507]
    run.send(port, sent, source="127.0.0.9")
    got = []
    while len(got) < len(sent):
        row = receive()
        if row[2] != b"knock":
            got.append(row)
    assert [row[2] for row in got] == sent
    assert {row[0] for row in got} == {"127.0.0.9"}
    rows = counters(run, d)[f"127.0.0.1:{at}"]
    assert rows["lost_buffer_full"] >= 3 and rows["datagrams"] >= len(sent)
    d.stop()
    zmq.zmq_close(pull)
    zmq.zmq_ctx_term(context)


def test_kafka(run):
    """Through the daemon, to the mock cluster that librdkafka makes when it is told to: reports come back and are counted."""
    if "rdkafka" not in run.run_program("nfacctd", "-V"):
        run.skip("no librdkafka")
    run.write("kafka.conf", "global, test.mock.num.brokers, 1\n")
    d, port = start(run, ["id=1 kafka_broker=127.0.0.1:1 kafka_topic=flows"],
                    f"tee_transparent: true\ntee_kafka_config_file: {run.dir}/kafka.conf")
    sent = mixture(200)
    run.send(port, sent)
    run.wait(lambda: counters(run, d)["127.0.0.1:1"]["datagrams"] == len(sent), "all to be delivered", 30)
    assert counters(run, d)["127.0.0.1:1"]["waiting"] == 0
    run.send(port, sent)
    other = Receiver()
    run.write("receivers.lst", f"id=1 ip={other.name}\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(rf"stats pool=1 receiver=127.0.0.1:1 datagrams={2 * len(sent)} .* waiting=0")
    run.send(port, sent)
    arrived(run, [other], 1)
    d.stop()
    run.write("kafka.conf", "global, no.such.key, 1\n")
    d, _ = start(run, ["id=1 kafka_broker=127.0.0.1:1 kafka_topic=flows"],
                 f"tee_transparent: true\ntee_kafka_config_file: {run.dir}/kafka.conf", ready=False)
    assert d.wait() == 1 and d.said(r"kafka.conf:1\] key=no.such.key")


def test_templates_receiver(run):
    """Two collectors: the second one gets data only, and the templates from the first one, in the exporter's name."""
    run.need_root()
    config = "plugins: print[{n}]\naggregate: src_host\nprint_output: csv\nprint_output_file: @DIR@/{n}.csv\nprint_refresh_time: 3600\n"
    at = run.port()
    second, data = run.nfacctd(config.format(n="second") + f"nfacctd_templates_port: {at}\nnfacctd_templates_receiver: 127.0.0.1:{run.port()}\n")
    second.wait_log(f"waiting for NetFlow/IPFIX templates .*port={at}/udp")
    first, port = run.nfacctd(config.format(n="first") + f"nfacctd_templates_receiver: 127.0.0.1:{at}\n")
    made = netflow.flows(60)
    for n, version in enumerate((9, 10)):
        template, *messages = netflow.export(version, made[30 * n:30 * n + 30], NOW, domain=n)
        mixed = netflow.message(version, [netflow.template_set(version, 256, netflow.FIELDS_V4), netflow.data_set(256, netflow.FIELDS_V4, made[:1], NOW),
                                          netflow.template_set(version, 257, [(1, 4), (34, 4)], scope=1)], NOW, 9, n)
        run.send(port, [template, mixed], source="127.0.0.5")
        run.drained(at)
        run.send(data, messages, source="127.0.0.5")
    second.wait_counters(r"templates_receiver=\S+ datagrams=0 lost_error=0")
    first.wait_counters(rf"templates_receiver=127.0.0.1:{at} datagrams=4 lost_error=0 lost_other_family=0")
    assert len(re.findall(r"agent=127.0.0.5:[01] version=(?:9|10) decoded=\d+ records=30 accounted=30 options=0 templates=2", second.ask())) == 2, second.text()
    second.stop()
    first.stop()
    have = [line.split(",") for line in (run.dir / "second.csv").read_text().splitlines()[1:]]
    assert sum(int(r[-1]) for r in have) == netflow.totals(made)["bytes"]
    d = run.daemon("nfacctd", config=f"plugins: tee\ntee_receivers: {run.write('r.lst', 'id=1 ip=127.0.0.1:9')}\nnfacctd_templates_receiver: 127.0.0.1:9\n")
    assert d.wait() == 1 and d.said("mutually exclusive")
