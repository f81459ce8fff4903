#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures this build against Debian's pmacct in the same run: `./dev bench [rows]`.

    bench.py --build build/plain [--repeat 5] [--rows nf9-1k,nf9-100k] [--quick] [ROW...]

Peers run in turn, A B A B, so that a ratio compares neighbours in time; a row's figure is the median, its ratio the median of the
ratios within each repeat. Debian's pmacct is unpacked once below build/oracle and never installed. Where the bench of the
reference material lies beside the checkout (PMACCT_SHARED or ../shared), its rows and generators are used, else bench/flowgen.

CPU is user + system time of the whole process tree, from start to end. No tuning key is set for this suite; Debian's gets the
cache and pipe sizes that its manual advises.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/system"))

import bmp  # noqa: E402
import harness  # noqa: E402
import report  # noqa: E402
import servers  # noqa: E402

KEY = "src_host,dst_host,src_port,dst_port,proto"
# row, figure, whose figure ours is compared to, how many times better ours has to be; for some a rate that is enough whatever the other's is
RATIOS = [
    ("nf9-1k", "cpu_per_M", "pmacct", 5),
    ("nf9-100k", "cpu_per_M", "pmacct", 8),
    ("nf9-100k-json", "cpu_per_M", "pmacct", 10),
    ("nf9-100k-untuned", "cpu_per_M", "pmacct", 10),
    ("nf9-100k-1000x", "cpu_per_M", "pmacct", 9),
    ("nf9-1M", "cpu_per_M", "pmacct", 6),
    ("nf9-zipf1M", "cpu_per_M", "pmacct", 7),
    ("nf5-100k", "cpu_per_M", "pmacct", 8),
    ("nf5-100k", "cpu_per_M", "nfdump", 1),
    ("ipfix-100k", "cpu_per_M", "pmacct", 6),
    ("sflow-100k", "cpu_per_M", "pmacct", 4),
    ("sflow-100k", "cpu_per_M", "nfdump", 1),
    ("pcap-print-100k", "cpu_per_Mpkt", "pmacct", 12),
    ("pcap-print-100k", "wall_s", "pmacct", 40),
    ("pcap-memory-100k", "cpu_per_Mpkt", "pmacct", 12),
    ("pcap-nfprobe-100k", "cpu_per_Mpkt", "pmacct", 20),
    ("pcap-nfprobe-100k", "cpu_per_Mpkt", "softflowd", 4),
    ("pcap-mix-1M", "cpu_per_Mpkt", "pmacct", 12),
    ("nflog", "cpu_per_Mpkt", "pmacct", 6),
    ("live", "cpu_per_Mpkt", "pmacct", 8),
    ("memory-1M", "ingest_cpu_per_M", "pmacct", 10),
    ("memory-1M", "dump_cpu_s", "pmacct", 6),
    ("memory-1M", "lookup_ms", "pmacct", 20),
    ("bgp-1x1M", "cpu_per_M", "pmacct", 10),
    ("bgp-1x1M", "cpu_per_M", "bird", 1),
    ("bgp-4x250k", "cpu_per_M", "pmacct", 8),
    ("bgp-4x250k", "cpu_per_M", "bird", 1),
    ("bmp-msglog", "cpu_per_M", "pmacct", 12),
    ("bmp-10x100k", "rss_MiB", "pmacct", 4),
    ("enrich-1M", "cpu_per_M", "pmacct", 25),
    ("export-sqlite3", "purge_cpu_per_M", "pmacct", 5),
    ("export-pgsql", "both_cpu_per_M", "pmacct", 10),
    ("export-pgsql-copy", "purge_cpu_per_M", "pmacct", 5),
    ("export-kafka", "purge_cpu_per_M", "pmacct", 4),
    ("export-kafka-batch", "purge_cpu_per_M", "pmacct", 15),
    ("maxrate-nf9-100k", "max_rate", "null", 0.9, 3e6),
    ("tee-4", "cpu_per_Mdg", "pmacct", 3),
    ("tee-4-transparent", "cpu_per_Mdg", "pmacct", 3),
    ("telemetry-tcp", "cpu_per_Mmsg", "pmacct", 3),
    ("telemetry-udp", "cpu_per_Mmsg", "pmacct", 3),
    ("purge-pgsql", "cpu_per_Mrow", "pmacct", 10),
    ("purge-pgsql-copy", "client_cpu_per_Mrow", "pmacct", 5),
    ("purge-mysql", "cpu_per_Mrow", "pmacct", 8),
    ("maps", "cpu_per_M_1000", "pmacct", 10),
]
# row, figure, the most (or for rates: the least) that ours may be
LIMITS = [("nf9-1M", "rss_MiB", 200), ("memory-1M", "bytes_per_entry", 140), ("enrich-1M", "rib_bytes_per_route", 120),
          ("bgp-1x1M", "bytes_per_route", 100), ("bgp-4x250k", "bytes_per_route", 60), ("bmp-msglog", "routes_per_s", 1e6), ("bmp-peer-down", "down_s", 1), ("bmp-peer-down", "others_s", 1),
          ("overload", "goodput", 0.95), ("live", "two_workers", 1.10), ("maps", "growth", 1.5), ("networks", "ready_s", 3), ("networks", "lookup_ns", 60)]


def shared():
    folder = pathlib.Path(os.environ.get("PMACCT_SHARED") or ROOT.parent / "shared")
    return folder if (folder / "tools/bench/bench.py").is_file() else None


def wrap_oracle(work):
    """Debian's programs as a prefix whose programs find their own libraries; None where they cannot be had."""
    unpacked = pathlib.Path(os.environ.get("PMACCT_ORACLE") or ROOT / "build/oracle")
    if subprocess.run([ROOT / "bench/fetch-oracle.sh", unpacked]).returncode != 0:
        return None
    prefix = work / "oracle"
    libraries = f"{unpacked}/usr/lib/x86_64-linux-gnu:{unpacked}/lib/x86_64-linux-gnu:{unpacked}/usr/lib"
    for folder in ("sbin", "bin"):
        (prefix / folder).mkdir(parents=True, exist_ok=True)
        for program in (unpacked / "usr" / folder).glob("*"):
            wrapper = prefix / folder / program.name
            wrapper.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {program} "$@"\n')
            wrapper.chmod(0o755)
    return prefix


def installed(build, work):
    """This build, installed below the work folder."""
    subprocess.run(["make", "-s", "-C", build, "install", f"DESTDIR={work}/root", "prefix=/new"], check=True, stdout=subprocess.DEVNULL)
    return work / "root/new"


# --- with the bench of the reference material
def run_shared(options, folder, work, peers):
    tools = work / "tools"
    if not tools.exists():
        shutil.copytree(folder / "tools/bench", tools / "bench")
        shutil.copytree(folder / "tools/loadgen", tools / "loadgen")
        subprocess.run(["chmod", "-R", "u+w", tools], check=True)
        for part in ("loadgen", "bench/limits"):
            subprocess.run(["make", "-s", "-C", tools / part], check=True)
    results = work / f"results-{int(time.time())}.jsonl"
    words = [sys.executable, tools / "bench/bench.py", "--repeat", str(options.repeat), "--out", results]
    for name, prefix in peers.items():
        words += ["--bin-dir", f"{name}={prefix}"]
    for row in options.rows:
        words += ["--row", row]
    status = subprocess.run(words).returncode
    runs = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    subprocess.run([sys.executable, tools / "bench/bench.py", "--table", results])
    return status or not runs, runs


# --- with the project's own generator
def config(work, peer, text):
    path = work / f"{peer}.conf"
    path.write_text(text)
    return path


def tuning(peer, keys):
    if peer != "pmacct":
        return ""
    return f"plugin_pipe_size: 268435456\nplugin_buffer_size: 65536\nprint_cache_entries: {max(16411, keys // 2 | 1)}\nnfacctd_pipe_size: 4194304\n"


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def sums_of(path):
    packets = octets = 0
    for line in path.open():
        if line.startswith("{"):
            row = json.loads(line)
            packets, octets = packets + row["packets"], octets + row["bytes"]
        elif line[0].isdigit():
            words = line.split(",")
            packets, octets = packets + int(words[-2]), octets + int(words[-1])
    return packets, octets


def measured(words, during, work):
    """Runs a daemon, calls during(), ends it; returns CPU seconds of its process tree and what during() gave."""
    with (work / "daemon.log").open("wb") as log:
        child = subprocess.Popen([str(w) for w in words], stdout=log, stderr=log, start_new_session=True)
    try:
        value = during(child)
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        raise
    if child.returncode is None:
        child.send_signal(signal.SIGINT)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, value


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)


def ingest(build, peer, prefix, work, proto="v9", keys=100000, count=1000000, rate=300000, output="csv"):
    port, out = free_port(), work / f"{peer}.out"
    out.unlink(missing_ok=True)
    daemon = "sfacctd" if proto == "sflow" else "nfacctd"
    path = config(work, peer, f"daemonize: false\n{daemon}_ip: 127.0.0.1\n{daemon}_port: {port}\n{daemon}_time_new: true\nplugins: print\n"
                  f"aggregate: {KEY}\nprint_output: {output}\nprint_output_file: {out}\nprint_refresh_time: 3600\n" + tuning(peer, keys))

    def during(child):
        table = pathlib.Path("/proc/net/udp")
        until(lambda: re.search(rf":{port:04X} ", table.read_text()))
        time.sleep(0.5)  # Debian's plugin is not ready with its socket
        words = [build / "bench/flowgen", "-p", proto, "-t", f"127.0.0.1:{port}", "-c", str(count), "-k", str(keys), "-r", str(rate)]
        sent = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        until(lambda: not re.search(rf":{port:04X} \S+ \S+ \S+:0*[1-9A-F]", table.read_text()))
        return sent

    cpu, sent = measured([prefix / "sbin" / daemon, "-f", path], during, work)
    packets, octets = sums_of(out)
    return {"cpu_per_M": cpu / count * 1e6, "loss": 1 - packets / sent["packets"]}


def cpu_of_flows(build, peer, prefix, work, more, keys, count, rate):
    """CPU seconds that flows cost once the daemon is ready, and seconds until it was. more: lines of the configuration."""
    port, log, began = free_port(), work / "daemon.log", time.monotonic()
    path = config(work, peer, f"daemonize: false\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\nnfacctd_time_new: true\nplugins: print[p]\n"
                  f"print_output_file[p]: {work}/{peer}.out\nprint_output[p]: csv\nprint_refresh_time[p]: 3600\n" + more + tuning(peer, keys))
    at = {}

    def during(child):
        until(lambda: b"waiting for NetFlow" in log.read_bytes(), 120)
        at["ready"] = time.monotonic() - began
        time.sleep(0.5)
        before = tree_cpu(child.pid)
        words = [build / "bench/flowgen", "-p", "v9", "-t", f"127.0.0.1:{port}", "-c", str(count), "-k", str(keys), "-r", str(rate)]
        at["sent"] = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        table = pathlib.Path("/proc/net/udp")
        until(lambda: not re.search(rf":{port:04X} \S+ \S+ \S+:0*[1-9A-F]", table.read_text()), 600)
        time.sleep(0.5)  # what is in the ring
        return tree_cpu(child.pid) - before

    _, cpu = measured([prefix / "sbin/nfacctd", "-f", path], during, work)
    return cpu, at["ready"], 1 - sums_of(work / f"{peer}.out")[0] / at["sent"]["packets"]


def maps(build, peer, prefix, work, keys=256000):
    """Flows of a thousand networks through pre_tag_map of 10, 1,000 and 10,000 rows, in no order, that set ten tags. Debian's pmacct reads from top to
    bottom: it is asked for 1,000 rows only, slowly. `growth`: what a flow costs with the largest, the smallest being 1."""
    result = {"loss": 0}
    for rows in (10, 1000, 10000):
        if peer == "pmacct" and rows != 1000:
            continue
        count, rate = (200000, 25000) if peer == "pmacct" else (1000000, 200000)
        order = [i * 7919 % rows for i in range(rows)]
        (work / "pretag.map").write_text("".join(f"set_tag={i % 10 + 1} src_net=10.{i >> 8}.{i & 255}.0/24\n" for i in order))
        more = f"aggregate[p]: tag\npre_tag_map[p]: {work}/pretag.map\n" + ("maps_entries: 20000\n" if peer == "pmacct" else "")
        cpu, _, loss = cpu_of_flows(build, peer, prefix, work, more, keys, count, rate)
        result[f"cpu_per_M_{rows}"] = cpu / count * 1e6
        result["loss"] = result["loss"] or loss
    if "cpu_per_M_10000" in result:
        result["growth"] = result["cpu_per_M_10000"] / max(result["cpu_per_M_10"], 0.01)
    return result


def networks(build, peer, prefix, work, count=3000000, keys=1000000, prefixes=1000000, rate=300000):
    """A networks_file of a million prefixes, of which flows from as many addresses ask: seconds until the daemon is ready, and what
    looking both hosts up adds to the CPU of a flow. There are few AS numbers, so that what is counted stays as small as without."""
    if peer != "new":
        return {"ready_s": None, "loss": 0}
    with (work / "networks.lst").open("w") as f:
        f.writelines(f"{1 + i * 7 % 16},10.{i >> 12 & 255}.{i >> 4 & 255}.{(i & 15) << 4}/28\n" for i in range(prefixes - 256))
        f.writelines(f"{1 + i % 16},192.0.2.{i}/32\n" for i in range(256))
    base = "aggregate[p]: src_as, dst_as\n"
    plain, _, lost = cpu_of_flows(build, peer, prefix, work, base, keys, count, rate)
    cpu, ready, loss = cpu_of_flows(build, peer, prefix, work, base + f"networks_file: {work}/networks.lst\nnfacctd_as: file\n", keys, count, rate)
    return {"cpu_per_M": cpu / count * 1e6, "ready_s": ready, "lookup_ns": (cpu - plain) / count * 1e9, "loss": loss or lost}


def tree_cpu(session):
    """CPU seconds so far of the processes of a session, to the nanosecond by their clocks (clock_getcpuclockid(3)), and of what they have
    waited for, which the kernel tells in ticks."""
    seconds = 0
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
            if int(words[3]) == session:
                seconds += time.clock_gettime(~int(path.parent.name) << 3 | 2) + sum(map(int, words[13:15])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return seconds


def export_kafka(build, peer, prefix, work, keys=300000, batch=False):
    """A purge of that many rows as JSON into the mock cluster of librdkafka: CPU from the ending signal to the end. batch: about 100
    rows a message in this suite, not compressed, as Debian's is not; that sends one each, which is what it is compared to."""
    broker = subprocess.Popen([build / "tests/system/kafkamock", "bench"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    address, port = broker.stdout.readline().strip(), free_port()
    more = ""
    if batch and peer != "pmacct":
        (work / "kafka.conf").write_text("global, compression.codec, none\n")
        more = f"kafka_multi_values: 22000\nkafka_config_file: {work}/kafka.conf\n"
    if peer == "pmacct":
        more += (f"plugin_pipe_size: 268435456\nplugin_buffer_size: 65536\nkafka_cache_entries: {keys // 2 | 1}\n"
                 f"kafka_broker_port: {address.rpartition(':')[2]}\nnfacctd_pipe_size: 4194304\n")
    path = config(work, peer, f"daemonize: false\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\nplugins: kafka\naggregate: {KEY}\n"
                  f"kafka_broker_host: {address if peer != 'pmacct' else '127.0.0.1'}\nkafka_topic: bench\nkafka_refresh_time: 3600\n" + more)

    def during(child):
        table = pathlib.Path("/proc/net/udp")
        until(lambda: re.search(rf":{port:04X} ", table.read_text()))
        time.sleep(0.5)  # Debian's plugin is not ready with its socket
        words = [build / "bench/flowgen", "-p", "v9", "-t", f"127.0.0.1:{port}", "-c", str(keys), "-k", str(keys), "-r", "150000"]
        subprocess.run(words, capture_output=True, check=True)
        until(lambda: not re.search(rf":{port:04X} \S+ \S+ \S+:0*[1-9A-F]", table.read_text()))
        time.sleep(1)  # what is in pipes
        return tree_cpu(child.pid)

    cpu, before = measured([prefix / "sbin/nfacctd", "-f", path], during, work)
    broker.stdin.close()
    broker.wait()
    purges = re.findall(r"QN: (\d+)/(\d+)", (work / "daemon.log").read_text(errors="replace"))
    rows, queued = (sum(int(p[n]) for p in purges) for n in (0, 1))
    return {"purge_cpu_per_M": (cpu - before) / rows * 1e6, "loss": 1 - rows / queued}


def savefile(build, peer, prefix, work, keys=100000, count=1000000, mix=False):
    """With `mix`: VLANs, MPLS, tunnels, IPv6 and fragments. Debian's pmacct reads GTP-U wrongly and loses half of the fragments: its CPU
    time is that of all packets all the same."""
    out, capture = work / f"{peer}.out", work / f"packets-{count}.pcap"
    generator = [build / "bench/pktmix"] if mix else [build / "bench/flowgen", "-p", "packets"]
    made = json.loads(subprocess.run([*generator, "-w", capture, "-c", str(count), "-k", str(keys)], check=True, capture_output=True).stdout)
    path = config(work, peer, f"daemonize: false\npcap_savefile: {capture}\nplugins: print\naggregate: {KEY}\nprint_output: csv\n"
                  f"print_output_file: {out}\nprint_refresh_time: 3600\n" + ("tunnel_0: gtp, 2152\n" if mix else "") + tuning(peer, keys))
    began = time.monotonic()

    def during(child):
        until(lambda: os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT), 600)
        child.returncode = 0

    cpu, _ = measured([prefix / "sbin/pmacctd", "-f", path], during, work)
    packets, octets = sums_of(out)
    loss = 1 - packets / made["packets"]
    return {"cpu_per_Mpkt": cpu / made["packets"] * 1e6, "wall_s": time.monotonic() - began, "loss": loss or 1 - octets / made["octets"]}


class Quota:
    """A twentieth of one processor for a process tree (cgroup v1 or v2), so that a generator on the same machine can offer it five times
    what it can take."""

    def __init__(self):
        base = pathlib.Path("/sys/fs/cgroup/cpu" if pathlib.Path("/sys/fs/cgroup/cpu/cgroup.procs").exists() else "/sys/fs/cgroup")
        self.path = base / f"pmbench-{os.getpid()}"
        self.path.mkdir()
        if (self.path / "cpu.max").exists():
            (self.path / "cpu.max").write_text("1000 20000")
        else:
            (self.path / "cpu.cfs_period_us").write_text("20000")
            (self.path / "cpu.cfs_quota_us").write_text("1000")

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def close(self):
        until(lambda: not (self.path / "cgroup.procs").read_text().strip())
        self.path.rmdir()


def ledger_of(log):
    """From the last SIGUSR1: datagrams received, dropped by the kernel; records accounted and taken by the plugin."""
    block = log.read_text().split("): +++\n")[-1]
    socket_line = re.search(r"received_datagrams=(\d+) dropped_by_kernel=(\d+)", block)
    plugin = dict(re.findall(r"ledger \[[^]]+\] (\w+) records=(\d+)", block))
    return int(socket_line[1]), int(socket_line[2]), {k: int(v) for k, v in plugin.items()}


def overload(build, peer, prefix, work, keys=10000, seconds=4):
    """Offers half, once, twice and five times what it can take. At each, what was sent has to be accounted for to the record;
    `goodput` is what reached the plugin at two and at five times, whichever is less, relative to the best of all."""
    if peer != "new":
        return {"goodput": None, "loss": 0}
    port, log, quota = free_port(), work / "daemon.log", Quota()
    path = config(work, peer, f"daemonize: false\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\nplugins: print\naggregate: {KEY}\n"
                  "print_output: csv\nprint_output_file: /dev/null\nprint_refresh_time: 3600\n")
    with log.open("wb") as f:
        child = subprocess.Popen([prefix / "sbin/nfacctd", "-f", path], stdout=f, stderr=f, preexec_fn=quota.enter, start_new_session=True)
    try:
        until(lambda: b"waiting for NetFlow" in log.read_bytes())
        life, rates = {"datagrams": 0}, {}

        def offer(*words):
            began = time.monotonic()
            text = subprocess.run([build / "bench/flowgen", "-p", "v9", "-t", f"127.0.0.1:{port}", "-k", str(keys), *words],
                                  capture_output=True, text=True, check=True).stdout
            sent = json.loads(text)
            life["datagrams"] += sent["datagrams"]
            before = rates.get("taken", 0)  # as of the last call

            def settled():
                turns = log.read_text().count("): ---\n")
                child.send_signal(signal.SIGUSR1)
                until(lambda: log.read_text().count("): ---\n") > turns)
                received, dropped, plugin = ledger_of(log)
                rates.update(taken=plugin["taken"], exact=received + dropped == life["datagrams"] and plugin["accounted"] ==
                             sum(v for k, v in plugin.items() if k not in ("accounted", "taken", "confirmed")))
                return plugin["taken"] == plugin["handed_over"] and received + dropped >= life["datagrams"]

            until(settled)
            return (rates["taken"] - before) / (time.monotonic() - began), rates["exact"]

        capacity, exact = offer("-c", "10M")  # as fast as the generator goes: what gets through is all it can take
        result, best = {"capacity": capacity}, capacity
        for times in (0.5, 1, 2, 5):
            rate = int(capacity * times)
            got, right = offer("-r", str(rate), "-c", str(rate * seconds))
            best, exact, result[f"at_{times:g}x"] = max(best, got), exact and right, got
        result.update(goodput=min(result["at_2x"], result["at_5x"]) / best, loss=0 if exact else 1)
        return result
    finally:
        with contextlib.suppress(OSError):
            os.killpg(child.pid, signal.SIGINT)
        child.wait()
        quota.close()


def replicate(build, peer, prefix, work, transparent=False, count=300000, rate=50000):
    """To four receivers on this machine; CPU is that of a million datagrams received, with all that the kernel does to deliver them
    four times."""
    port = free_port()
    sink = subprocess.Popen([build / "bench/sink", "4"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        ports = sink.stdout.readline().split()
        (work / "receivers.lst").write_text("id=1 ip=" + ",".join(f"127.0.0.1:{p}" for p in ports) + "\n")
        tune = "plugin_pipe_size: 268435456\nplugin_buffer_size: 65536\nnfacctd_pipe_size: 4194304\ntee_pipe_size: 4194304\n"
        path = config(work, peer, f"daemonize: false\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\nplugins: tee[a]\n"
                      f"tee_receivers[a]: {work}/receivers.lst\ntee_transparent: {str(transparent).lower()}\n" + (tune if peer == "pmacct" else ""))

        def during(child):
            table = pathlib.Path("/proc/net/udp")
            until(lambda: re.search(rf":{port:04X} ", table.read_text()))
            time.sleep(0.5)
            words = [build / "bench/source", str(port), str(count), str(rate)]
            sent = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
            until(lambda: not re.search(rf":{port:04X} \S+ \S+ \S+:0*[1-9A-F]", table.read_text()))
            return sent

        cpu, sent = measured([prefix / "sbin/nfacctd", "-f", path], during, work)
        rows = json.loads(sink.communicate()[0])
        return {"cpu_per_Mdg": cpu / sent["datagrams"] * 1e6, "loss": 1 - sum(r["datagrams"] for r in rows) / sent["datagrams"] / len(rows), "sink_drops": sum(r["drops"] for r in rows)}
    finally:
        sink.kill()
        sink.wait()


def telemetry(build, peer, prefix, work, udp=False, count=200000, rate=20000):
    """JSON messages of 400 octets from 100 routers into a file: over TCP behind Cisco's header (Debian's loses bare ones), or in datagrams."""
    port, out, kind = free_port(), work / f"{peer}.json", "udp" if udp else "tcp"
    path = config(work, peer, f"daemonize: false\ntelemetry_daemon_ip: 127.0.0.1\ntelemetry_daemon_port_{kind}: {port}\ntelemetry_daemon_max_peers: 200\n"
                  f"telemetry_daemon_decoder: {'json' if udp else 'cisco_v1'}\ntelemetry_daemon_msglog_file: {out}\n" +
                  ("telemetry_daemon_pipe_size: 4194304\n" if udp and peer == "pmacct" else ""))

    def logged():
        with out.open("rb") as f:
            return sum(b'"event_type": "log",' in line and b'"telemetry_data": {' in line for line in f)

    def during(child):
        table = pathlib.Path("/proc/net") / kind
        until(lambda: re.search(rf":{port:04X} ", table.read_text()))
        time.sleep(0.5)
        words = [build / "bench/telegen", *(["-u"] if udp else ["-c"]), str(port), "100", str(count), str(rate)]
        sent = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        size = [-1, 0]

        def still():
            time.sleep(0.5)
            size[:] = size[1], out.stat().st_size
            return size[0] == size[1]

        until(still)
        return sent

    cpu, sent = measured([prefix / "sbin/pmtelemetryd", "-f", path], during, work)
    return {"cpu_per_Mmsg": cpu / sent["messages"] * 1e6, "loss": 1 - logged() / sent["messages"]}


TABLE = {  # without any index; Debian's pmacct writes protocols to MariaDB by name
    "mysql": "CREATE TABLE bench (ip_src CHAR(45), ip_dst CHAR(45), port_src INT, port_dst INT, ip_proto CHAR(20), packets BIGINT, bytes BIGINT)",
    "pgsql": "CREATE TABLE bench (ip_src INET, ip_dst INET, port_src INT, port_dst INT, ip_proto SMALLINT, packets BIGINT, bytes BIGINT)"}


def bmp_table(head, count):
    """Route Monitoring of so many routes: /24s all over the table, 250 a message, which have a path of their own."""
    for at in range(0, count, 250):
        path = struct.pack("!BBIII", 2, 3, 65001, 3356, 100000 + at // 250)
        attributes = bmp.attribute(1, b"\0") + bmp.attribute(2, path) + bmp.attribute(3, socket.inet_aton("192.0.2.1"))
        nlri = b"".join(struct.pack("!I", 24 << 24 | n * 0x9e3779 & 0xffffff) for n in range(at, min(at + 250, count)))
        yield bmp.message(0, head + bmp.bgp(2, struct.pack("!HH", 0, len(attributes)) + attributes + nlri))


def rss_MiB(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def bmp_ready(port):
    until(lambda: any(re.search(rf":{port:04X} \S+ 0A ", pathlib.Path(f"/proc/net/{t}").read_text()) for t in ("tcp", "tcp6")))


def at_rest(pid, seconds=1.0):
    """Waits until a process has used no processor time for so long."""
    last, since = None, time.monotonic()

    def quiet():
        nonlocal last, since
        now = family_cpu(pid)
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > seconds

    until(quiet, 300)


def bmp_memory(build, peer, prefix, work, peers=10, count=100000):
    """Memory that the same routes of so many peers of a router take, kept for dumps."""
    port, seen = free_port(), {}
    path = config(work, peer, f"daemonize: false\nbmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {port}\nbmp_daemon_max_peers: 10\n"
                  f"bmp_dump_file: {work}/dump\nbmp_dump_refresh_time: 86400\n")

    def during(child):
        bmp_ready(port)
        seen["before"] = rss_MiB(child.pid)
        router = bmp.Router(port, first=bmp.init())
        for n in range(peers):
            head = bmp.peer(f"192.0.2.{n + 1}", 65001, f"10.0.0.{n + 1}")
            router.say(bmp.peer_up(head), *bmp_table(head, count))
        at_rest(child.pid)
        seen["after"] = rss_MiB(child.pid)
        if peer == "new":
            child.send_signal(signal.SIGUSR1)
            until(lambda: f" routes={peers * count} " in (work / "daemon.log").read_text())
        router.close()

    measured([prefix / "sbin/pmbmpd", "-f", path], during, work)
    grown = seen["after"] - seen["before"]
    return {"rss_MiB": grown, "bytes_per_route": grown * 2**20 / peers / count, "loss": 0}


def bmp_peer_down(build, peer, prefix, work, count=1000000):
    """A peer with so many routes goes: how long until the log has all of their ends, and until it has what another router says just after."""
    if peer != "new":
        return {"down_s": None, "loss": 0}
    port, seen = free_port(), {}
    path = config(work, peer, f"daemonize: false\nbmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {port}\nbmp_daemon_msglog_file: {work}/log-$bmp_router\n")
    first, second = work / "log-127_0_0_8", work / "log-127_0_0_9"

    def during(child):
        bmp_ready(port)
        head = bmp.peer()
        one, other = (bmp.Router(port, f"127.0.0.{n}", bmp.init() + bmp.peer_up()) for n in (8, 9))
        one.say(*bmp_table(head, count))
        at_rest(child.pid)
        before, sizes = second.stat().st_size, (0, 0.0)
        began, used = time.monotonic(), family_cpu(child.pid)
        one.say(bmp.peer_down())
        other.say(bmp.routes(head, announce=["192.0.2.0/24"]))
        while not seen.get("done"):
            now, size = time.monotonic(), first.stat().st_size
            if "others_s" not in seen and second.stat().st_size > before:
                seen["others_s"] = now - began
            if size != sizes[0]:
                sizes = size, now
            seen["done"] = "others_s" in seen and now - max(sizes[1], began) > 2
            time.sleep(0.005)
        seen.update(down_s=sizes[1] - began, down_cpu_s=family_cpu(child.pid) - used)
        one.close()
        other.close()

    measured([prefix / "sbin/pmbmpd", "-f", path], during, work)
    told = int(subprocess.run(["grep", "-c", '"log_type": "delete"', first], capture_output=True, text=True, check=True).stdout)
    return {"down_s": seen["down_s"], "down_cpu_s": seen["down_cpu_s"], "others_s": seen["others_s"], "loss": 1 - told / count}


class Case(harness.Run):
    """What the servers of the system tests want of a case."""

    def __init__(self, folder):
        self.dir, self.env, self.patience, self.isolated = folder, dict(os.environ), 1, True


def family_cpu(pid):
    """Seconds of processor time of a process, of its children, and of those that have ended."""
    total = 0
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = path.read_text().rsplit(")", 1)[1].split()
            if int(path.parent.name) == pid:
                total += sum(map(int, words[11:15]))
            elif int(words[1]) == pid:
                total += sum(map(int, words[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


def database(build, peer, prefix, work, kind="pgsql", rows=100000, more=""):
    """One purge of so many rows into a server of its own; CPU of the daemon and of the server, for a million rows."""
    work.chmod(0o755)
    server = (servers.Postgres if kind == "pgsql" else servers.MariaDB)(Case(work))
    try:
        server.ask(TABLE[kind])
        port = free_port()
        path = config(work, peer, f"daemonize: false\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\nplugins: {kind}[p]\naggregate[p]: {KEY}\n{server.config('p')}"
                      f"sql_table[p]: bench\nsql_table_version[p]: 9\nsql_optimize_clauses[p]: true\nsql_dont_try_update[p]: true\nsql_refresh_time[p]: 3600\n{more}"
                      + ("plugin_pipe_size: 268435456\nplugin_buffer_size: 65536\nsql_cache_entries: 200003\nnfacctd_pipe_size: 4194304\n" if peer == "pmacct" else
                         f"spool_dir: {work}/spool\n"))

        def during(child):
            table = pathlib.Path("/proc/net/udp")
            until(lambda: re.search(rf":{port:04X} ", table.read_text()))
            time.sleep(0.5)
            words = [build / "bench/flowgen", "-p", "v9", "-t", f"127.0.0.1:{port}", "-c", str(rows), "-k", str(rows), "-r", "100000"]
            sent = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
            until(lambda: not re.search(rf":{port:04X} \S+ \S+ \S+:0*[1-9A-F]", table.read_text()))
            return sent

        before = family_cpu(server.process.pid)
        cpu, sent = measured([prefix / "sbin/nfacctd", "-f", path], during, work)
        until(lambda: server.answers())
        served = family_cpu(server.process.pid) - before
        packets = int(server.ask("SELECT coalesce(sum(packets), 0) FROM bench")[0][0].split(".")[0])
        return {"cpu_per_Mrow": (cpu + served) / rows * 1e6, "client_cpu_per_Mrow": cpu / rows * 1e6, "server_cpu_per_Mrow": served / rows * 1e6,
                "loss": 1 - packets / sent["packets"]}
    finally:
        server.kill()


RULES = """table inet acct {
    chain out { type filter hook output priority 0; udp dport 7777 log group 5
    }
    chain in { type filter hook input priority 0; udp dport 7777 drop
    }
}
"""


def nflog(build, peer, prefix, work, count=1000000, rate=150000):
    """Packets of a rule that logs them, in a network namespace of their own; as many a second as the kernel logs with ease."""
    if not (prefix / "sbin/uacctd").exists() or os.geteuid() != 0 or not shutil.which("nft"):
        return {"cpu_per_Mpkt": None, "loss": 0}
    out, log, per_datagram = work / f"{peer}.out", work / "daemon.log", 24
    path = config(work, peer, f"daemonize: false\nuacctd_group: 5\nplugins: print\naggregate: {KEY}\nprint_output: csv\n"
                  f"print_output_file: {out}\nprint_refresh_time: 3600\n" + (tuning(peer, 1) + "uacctd_nl_size: 8388608\n" if peer == "pmacct" else ""))
    host = subprocess.Popen(["unshare", "--net", "sleep", "600"])
    try:
        until(lambda: os.readlink(f"/proc/{host.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        front = ["nsenter", f"--net=/proc/{host.pid}/ns/net"]
        subprocess.run([*front, "ip", "link", "set", "lo", "up"], check=True)
        subprocess.run([*front, "nft", "-f", "-"], input=RULES, text=True, check=True)

        def during(child):
            until(lambda: b"Successfully connected" in log.read_bytes())
            time.sleep(0.5)
            words = [build / "bench/flowgen", "-p", "v9", "-t", "127.0.0.1:7777", "-c", str(count * per_datagram), "-r", str(rate * per_datagram)]
            sent = json.loads(subprocess.run([*front, *words], capture_output=True, text=True, check=True).stdout)
            waiting = pathlib.Path(f"/proc/{child.pid}/net/netlink")  # family 12 is netfilter; the fifth column are octets that wait
            until(lambda: all(w[4] == "0" for w in map(str.split, waiting.read_text().splitlines()[1:]) if w[1] == "12"))
            return sent["datagrams"]

        cpu, sent = measured([*front, prefix / "sbin/uacctd", "-f", path], during, work)
        return {"cpu_per_Mpkt": cpu / sent * 1e6, "packets": sent, "loss": 1 - sums_of(out)[0] / sent}
    finally:
        host.kill()
        host.wait()


def wire():
    """Two hosts and what lies between them: a namespace with v0, one with v1."""
    hosts = [subprocess.Popen(["unshare", "--net", "sleep", "600"]) for _ in range(2)]
    own = os.readlink("/proc/self/ns/net")
    until(lambda: all(os.readlink(f"/proc/{h.pid}/ns/net") != own for h in hosts))
    fronts = [["nsenter", f"--net=/proc/{h.pid}/ns/net"] for h in hosts]
    subprocess.run([*fronts[0], "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", str(hosts[1].pid)], check=True)
    for words, name in zip(fronts, ("v0", "v1")):
        subprocess.run([*words, "sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{name}/disable_ipv6; ip link set {name} up"], check=True)
    return hosts, fronts


def live_run(build, peer, prefix, work, here, there, count, rate, workers):
    """CPU seconds, and what was counted."""
    out, log = work / f"{peer}.out", work / "daemon.log"
    out.unlink(missing_ok=True)
    path = config(work, peer, f"daemonize: false\npcap_interface: v0\nplugins: print\naggregate: {KEY}\nprint_output: csv\nprint_output_file: {out}\n"
                  "print_refresh_time: 3600\n" + (tuning(peer, 1000) + "pmacctd_pipe_size: 67108864\n" if peer == "pmacct" else f"pcap_workers: {workers}\n"))

    def during(child):
        until(lambda: b"link type is" in log.read_bytes())
        time.sleep(0.5)
        subprocess.run([*there, build / "tests/system/framegen", "v1", str(count), "1000", "100", str(rate)], stdout=subprocess.DEVNULL, check=True)
        time.sleep(1)  # Debian's pmacct does not take what its buffer holds when it is ended

    cpu, _ = measured([*here, prefix / "sbin/pmacctd", "-f", path], during, work)
    return cpu, sums_of(out)[0]


def live(build, peer, prefix, work, count=3000000, rate=300000):
    """Frames over a veth pair; CPU time is that of counted packets, since Debian's pmacct may lose some. `two_workers`: what a packet costs
    with two capture threads, with one being 1."""
    if os.geteuid() != 0 or not shutil.which("nsenter"):
        return {"cpu_per_Mpkt": None, "loss": 0}
    hosts, (here, there) = wire()
    try:
        cpu, counted = live_run(build, peer, prefix, work, here, there, count, rate, 1)
        result = {"cpu_per_Mpkt": cpu / counted * 1e6, "loss": 1 - counted / count}
        if peer == "new":
            one, two = (live_run(build, peer, prefix, work, here, there, 3 * count, 2 * rate, n) for n in (1, 2))
            result |= {"two_workers": two[0] / two[1] * one[1] / one[0], "loss": result["loss"] or 2 - (one[1] + two[1]) / count / 3}
        return result
    finally:
        for host in hosts:
            host.kill()
            host.wait()


# Rows that the bench of the reference material does not have.
ONLY_OWN = {"live", "nflog", "pcap-mix-1M", "overload", "tee-4", "tee-4-transparent", "export-kafka-batch", "purge-pgsql", "purge-pgsql-copy", "purge-mysql",
            "maps", "networks", "telemetry-tcp", "telemetry-udp", "bmp-10x100k", "bmp-peer-down"}
OWN = {
    "nf9-1k": (ingest, "cpu_per_M", {"keys": 1000}),
    "nf9-100k": (ingest, "cpu_per_M", {}),
    "nf9-100k-json": (ingest, "cpu_per_M", {"output": "json"}),
    "nf9-1M": (ingest, "cpu_per_M", {"keys": 1000000, "count": 2000000}),
    "nf5-100k": (ingest, "cpu_per_M", {"proto": "v5"}),
    "ipfix-100k": (ingest, "cpu_per_M", {"proto": "ipfix"}),
    "sflow-100k": (ingest, "cpu_per_M", {"proto": "sflow", "rate": 200000}),
    "pcap-print-100k": (savefile, "cpu_per_Mpkt", {}),
    "pcap-mix-1M": (savefile, "cpu_per_Mpkt", {"keys": 1000000, "count": 10000000, "mix": True}),
    "overload": (overload, "goodput", {}),
    "nflog": (nflog, "cpu_per_Mpkt", {}),
    "live": (live, "cpu_per_Mpkt", {}),
    "export-kafka": (export_kafka, "purge_cpu_per_M", {}),
    "export-kafka-batch": (export_kafka, "purge_cpu_per_M", {"batch": True, "keys": 1000000}),
    "tee-4": (replicate, "cpu_per_Mdg", {}),
    "tee-4-transparent": (replicate, "cpu_per_Mdg", {"transparent": True}),
    "telemetry-tcp": (telemetry, "cpu_per_Mmsg", {}),
    "telemetry-udp": (telemetry, "cpu_per_Mmsg", {"udp": True}),
    "bmp-10x100k": (bmp_memory, "rss_MiB", {}),
    "bmp-peer-down": (bmp_peer_down, "down_s", {}),
    "purge-pgsql": (database, "cpu_per_Mrow", {}),
    "purge-pgsql-copy": (database, "client_cpu_per_Mrow", {"more": "sql_use_copy[p]: true\n"}),
    "purge-mysql": (database, "cpu_per_Mrow", {"kind": "mysql"}),
    "maps": (maps, "cpu_per_M_1000", {}),
    "networks": (networks, "lookup_ns", {}),
}


def run_own(options, peers):
    runs, bad = [], 0
    for row in options.rows:
        if row not in OWN:
            print(f"{row}: needs the bench of the reference material", file=sys.stderr)
            continue
        job, figure, more = OWN[row]
        if options.quick and job in (ingest, savefile):
            more = {**more, "count": 100000, "keys": min(more.get("keys", 100000), 10000)}
        if options.quick and job in (maps, networks):
            more = {**more, "count": 100000}
        for repeat in range(options.repeat):
            for peer, prefix in peers.items():
                with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
                    result = job(options.build, peer, prefix, pathlib.Path(folder), **more)
                print(f"{row} {peer} #{repeat}: " + " ".join(f"{k}={v:.4g}" for k, v in result.items() if v is not None), flush=True)
                bad += peer == "new" and abs(result["loss"]) > 1e-9
                runs.append({"row": row, "peer": peer, "repeat": repeat, "ratio": figure, "result": result})
    return bad or not runs, runs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/plain")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--own", action="store_true", help="the project's own generator even where the reference material is")
    parser.add_argument("--quick", action="store_true", help="a small load once, without Debian's pmacct: does it work, is anything lost?")
    parser.add_argument("--save", action="store_true", help="put the table and the plot into bench/results, in the place of what was stored of these rows")
    parser.add_argument("rows", nargs="*", metavar="ROW", default=[])
    options = parser.parse_args()
    options.build = options.build.resolve()
    work = ROOT / "build/bench"
    work.mkdir(parents=True, exist_ok=True)
    peers = {"new": installed(options.build, work)}
    if options.quick:
        options.repeat, options.own = 1, True
    else:
        oracle = wrap_oracle(work)
        if oracle:
            peers = {"pmacct": oracle, **peers}
        else:
            print("Debian's pmacct cannot be had: figures of this build alone, no ratios", file=sys.stderr)
    folder = None if options.own else shared()
    options.rows = options.rows or (list(dict.fromkeys([*(r[0] for r in RATIOS), *sorted(ONLY_OWN)])) if folder else list(OWN))
    own = [row for row in options.rows if not folder or row in ONLY_OWN]
    options.rows = [row for row in options.rows if row not in own]
    status, runs = run_shared(options, folder, work, peers) if options.rows else (0, [])
    options.rows = own
    if own:
        bad, more = run_own(options, peers)
        status, runs = status or bad, runs + more
    report.finish(runs, RATIOS, LIMITS, ROOT / "bench/results", options.save)
    return status


if __name__ == "__main__":
    sys.exit(main())
