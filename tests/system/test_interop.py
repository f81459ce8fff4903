# SPDX-License-Identifier: BSD-2-Clause
"""Other programs read what nfprobe sends: tshark, nfcapd, and Debian's nfacctd where it has been unpacked (bench/fetch-oracle.sh)."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import harness
import packets


def traffic(run):
    """A capture with the kinds of packet that nfprobe knows, and its sums: packets and octets (IP)."""
    frames, at = [], 1_700_000_000_000_000
    for n in range(200):
        src, dst = f"10.0.{n % 5}.{n + 1}", "192.0.2.9"
        frames += packets.conversation(at + n * 1000, 3, src, dst, 10 + n, sport=2000 + n)
        frames += packets.conversation(at + n * 1000 + 500, 2, dst, src, 700, sport=443, dport=2000 + n)
        frames.append((at + n * 1000 + 700, packets.ether(packets.ip(src, dst, 17, packets.udp(5353, 53, b"q" * n)), vlans=(10 + n % 3,))))
        frames.append((at + n * 1000 + 800, packets.ether(packets.ip("2001:db8::%x" % (n + 1), "2001:db8::ffff", 6,
                                                                     packets.tcp(3000 + n, 443, 0x18, b"y" * 50)))))
        frames.append((at + n * 1000 + 900, packets.ether(packets.ip(src, dst, 1, packets.icmp(payload=b"z" * 56)))))
    packets.pcap(run.dir / "in.pcap", frames)
    octets = sum(len(f) - (18 if f[12:14] == b"\x81\x00" else 14) for _, f in frames)
    return len(frames), octets


def probe(run, version, port):
    d = run.daemon("pmacctd", config=f"""
        daemonize: false
        pcap_savefile: @DIR@/in.pcap
        aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags, src_mac, dst_mac, vlan
        plugins: nfprobe
        nfprobe_version: {version}
        nfprobe_receiver: 127.0.0.1:{port}""")
    assert d.wait(60) == 0, d.text()


def receive(run, version):
    """The datagrams that the probe sends, in order."""
    got = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        s.bind(("127.0.0.1", 0))
        s.settimeout(0.2)
        done = threading.Event()

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
            probe(run, version, s.getsockname()[1])
        finally:
            done.set()
            reader.join()
    return got


def tshark_check(run, version):
    tshark = run.need("tshark")
    traffic(run)
    got = receive(run, version)
    assert got
    frames = [(10**15 + i, packets.ether(packets.ip("127.0.0.1", "127.0.0.2", 17, packets.udp(4000, 2055, d)))) for i, d in enumerate(got)]
    path = packets.pcap(run.dir / "export.pcap", frames)
    base = [tshark, "-r", path, "-d", "udp.port==2055,cflow"]
    frames = run.call(*base, "-Y", "cflow && !_ws.malformed", "-T", "fields", "-e", "frame.number").split()
    assert len(frames) == len(got), f"{len(got)} datagrams, decoded without complaint: {len(frames)}"
    detail = run.call(*base, "-V")
    for complaint in ("[Malformed", "No template found", "[Expert Info (Error", "[Expert Info (Warning", "Template Frame: missing"):
        at = detail.find(complaint)
        assert at < 0, detail[max(0, at - 2000):at + 500]
    assert "Octets: " in detail


def test_tshark_v5(run):
    tshark_check(run, 5)


def test_tshark_v9(run):
    tshark_check(run, 9)


def test_tshark_ipfix(run):
    tshark_check(run, 10)


def test_nfcapd(run):
    """nfdump's collector counts the same packets and octets."""
    nfcapd, nfdump = run.need("nfcapd"), run.need("nfdump")
    want = traffic(run)
    for version in (9, 10):
        store = run.dir / f"nf{version}"
        store.mkdir()
        port = run.port()
        collector = subprocess.Popen([nfcapd, "-w", str(store), "-p", str(port), "-b", "127.0.0.1", "-B", "4000000"],
                                     stdout=(run.dir / "nfcapd.out").open("wb"), stderr=subprocess.STDOUT)
        try:
            run.wait(lambda: re.search(rf":{port:04X} ", pathlib.Path("/proc/net/udp").read_text()), "nfcapd to listen")
            probe(run, version, port)
            run.drained(port)
        finally:
            collector.send_signal(signal.SIGTERM)
            collector.wait(20)
        text = run.call(nfdump, "-R", store, "-q", "-N", "-o", "fmt:%pkt %byt", expect=None)
        rows = [tuple(map(int, line.split())) for line in text.splitlines() if re.match(r"^\s*\d+\s+\d+\s*$", line)]
        sums = (sum(r[0] for r in rows), sum(r[1] for r in rows))
        assert sums == want, f"v{version}: nfdump has {sums}, {want} were in the capture\n{text[:2000]}"


def oracle(run):
    """A prefix with Debian's programs, and an environment for them; the case is skipped where they are not."""
    for folder in filter(None, (os.environ.get("PMACCT_ORACLE"), pathlib.Path.home() / ".cache/pmacct-oracle",
                                harness.ROOT / "build/oracle")):
        folder = pathlib.Path(folder)
        if (folder / "usr/sbin/nfacctd").exists():
            lib = folder / "usr/lib/x86_64-linux-gnu"
            return folder / "usr/sbin/nfacctd", {"LD_LIBRARY_PATH": f"{lib}:{folder}/lib/x86_64-linux-gnu"}
    run.skip("Debian's pmacct is not unpacked here (bench/fetch-oracle.sh does it)")


def at_rest(run, group):
    """Waits until no process of a process group has used the processor for half a second."""
    seen = {"cpu": None, "since": 0.0}

    def quiet():
        cpu = 0
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                words = path.read_text().rsplit(")", 1)[1].split()
                cpu += (int(words[11]) + int(words[12])) * (int(words[2]) == group)
        if cpu != seen["cpu"]:
            seen.update(cpu=cpu, since=time.monotonic())
        return time.monotonic() - seen["since"] > 0.5

    run.wait(quiet, "it to come to rest", 30)


def test_debian_nfacctd(run):
    """Debian's nfacctd reads v9 and IPFIX of nfprobe with equal totals."""
    program, env = oracle(run)
    want = traffic(run)

    def sums(path):
        # The last line may be half written.
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        rows = [json.loads(line) for line in lines]
        return sum(r["packets"] for r in rows), sum(r["bytes"] for r in rows)

    for version in (9, 10):
        port, out_file = run.port(), run.dir / f"oracle-{version}.json"
        path = run.config(f"""
            daemonize: false
            nfacctd_ip: 127.0.0.1
            nfacctd_port: {port}
            nfacctd_pipe_size: 4000000
            plugins: print[p]
            aggregate[p]: src_host, dst_host
            print_output[p]: json
            print_output_file[p]: {out_file}
            print_output_file_append[p]: true
            print_refresh_time: 1""")
        with (run.dir / "oracle.out").open("wb") as out:
            d = subprocess.Popen([program, "-f", path], stdout=out, stderr=out, env={**run.env, **env}, cwd=run.dir, start_new_session=True)
        try:
            run.wait(lambda: b"waiting for NetFlow" in (run.dir / "oracle.out").read_bytes(), "it to be ready")
            run.wait(lambda: b"cache entries" in (run.dir / "oracle.out").read_bytes(), "its plugin")
            at_rest(run, d.pid)
            probe(run, version, port)
            # At its end it loses what is on its way to its plugin, so its purges are waited for.
            run.wait(lambda: sums(out_file) == want, f"v{version}: its sums to be {want}, they are {sums(out_file)}", 30)
        finally:
            d.send_signal(signal.SIGINT)
            d.wait(30)
