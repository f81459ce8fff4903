# SPDX-License-Identifier: BSD-2-Clause
"""Long runs: traffic, reloads, rotations and flapping neighbours for hours. Memory and descriptors of every process stay where they are, and
every counter adds up at the end. Some seconds here; `./dev soak HOURS` for as long as one likes."""
import os
import pathlib
import random
import re
import signal
import statistics
import time

import bgp
import netflow
from test_faults import Traffic, in_memory

MIB = 1 << 20


class Watch:
    """Octets and descriptors of each process of a daemon, over time."""

    def __init__(self, d):
        self.d, self.seen = d, {}

    def look(self):
        for title, pid in {"core": self.d.pid, **self.d.children()}.items():
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                fds = len(os.listdir(f"/proc/{pid}/fd"))
            except OSError:
                continue
            self.seen.setdefault(title, []).append((int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10, fds))

    def growth(self):
        """{title: (octets, descriptors)}: the last third compared with the one before."""
        found = {}
        for title, rows in self.seen.items():
            third = len(rows) // 3
            if third >= 3:
                before, after = rows[third:2 * third], rows[2 * third:]
                found[title] = (statistics.median(r[0] for r in after) - statistics.median(r[0] for r in before),
                                min(r[1] for r in after) - max(r[1] for r in before))
        return found


def flap(run, port, n):
    """A neighbour that comes, announces some hundred routes, and goes."""
    s = bgp.Speaker(run, port, f"127.0.0.{2 + n % 5}").meet()
    s.send(bgp.announcements([f"10.{n % 200}.{k}.0/24" for k in range(200)], bgp.attributes(path=(65001, 64512 + n % 100))))
    s.close()


def test_soak(run):
    rng, seconds = random.Random(run.options.seed), 60 * run.options.minutes
    bgp_port = run.port(1)
    run.write("tags.map", "set_tag=1 ip=127.0.0.1\n")
    d, port = run.nfacctd(f"""
        plugins: memory[m], print[p]
        aggregate[m]: tag
        aggregate[p]: src_host, dst_port, src_as, tag
        imt_path: @DIR@/m.sock
        print_output: json
        print_output_file: @DIR@/out/%H%M.json
        print_output_file_append: true
        print_refresh_time: 2
        print_history: 1m
        pre_tag_map: @DIR@/tags.map
        logfile: @DIR@/log
        bgp_daemon: true
        bgp_daemon_ip: 127.0.0.1
        bgp_daemon_port: {bgp_port}
        bgp_daemon_max_peers: 20
        bgp_daemon_msglog_file: @DIR@/bgp.log
        nfacctd_as: bgp
        """, ready=False)
    run.wait(lambda: (run.dir / "log").exists() and "waiting for NetFlow" in (run.dir / "log").read_text(), "the daemon")
    run.wait_socket("m.sock")
    traffic, watch, began, rounds = Traffic(run, port), Watch(d), time.monotonic(), 0
    while time.monotonic() - began < seconds:
        traffic.send(rng.randrange(50, 300))
        rounds += 1
        if rounds % 5 == 0:
            flap(run, bgp_port, rounds)
        if rounds % 17 == 0:
            run.write("tags.map", f"set_tag={1 + rounds % 3} ip=127.0.0.1\n")
            os.kill(d.pid, signal.SIGUSR2)
        if rounds % 29 == 0:
            (run.dir / "log").rename(run.dir / "log.1")
            (run.dir / "bgp.log").rename(run.dir / "bgp.log.1")
            os.kill(d.pid, signal.SIGHUP)
        if rounds % 3 == 0:
            watch.look()
        time.sleep(0.05)
    run.wait(lambda: in_memory(run) == traffic.packets, "the table to have everything", 30)
    grown = watch.growth()
    d.stop(seconds=60)
    wrote = sum(r["packets"] for path in sorted((run.dir / "out").glob("*.json")) for r in run.rows(path.relative_to(run.dir)))
    assert wrote == traffic.packets, (wrote, traffic.packets)
    allowed = 8 * MIB if run.options.minutes < 30 else 2 * MIB
    for title, (octets, fds) in grown.items():
        print(f"{title}: {octets / MIB:+.1f} MiB, {fds:+d} descriptors over the last third")
        assert octets < allowed * (4 if run.sanitized else 1) and fds <= 2, (title, octets, fds)
    print(f"{rounds} rounds, {traffic.flows} flows, {traffic.packets} packets: exact")
