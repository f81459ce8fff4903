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
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
KEY = "src_host,dst_host,src_port,dst_port,proto"
TARGETS = {  # ratio to Debian's pmacct that a row has to reach
    "nf9-1k": 5, "nf9-100k": 8, "nf9-100k-json": 10, "nf9-1M": 6, "nf5-100k": 8, "ipfix-100k": 6, "pcap-print-100k": 12,
    "pcap-nfprobe-100k": 20, "memory-1M": 6, "export-sqlite3": 5, "maxrate-nf9-100k": None,
}


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
    summarise(runs, list(peers))
    subprocess.run([sys.executable, tools / "bench/bench.py", "--table", results])
    return status or not runs


def summarise(runs, peers):
    """The median ratio of each row: Debian's figure over ours (of rates: ours over Debian's)."""
    print(f"\n{'row':20} {'figure':18} {peers[0]:>12} {peers[-1]:>12} {'ratio':>7} {'target':>7}")
    for row in dict.fromkeys(r["row"] for r in runs):
        of = {}
        for r in runs:
            if r["row"] == row:
                of.setdefault(r["peer"], {})[r["repeat"]] = r
        figure = next(r["ratio"] for r in runs if r["row"] == row)

        def values(peer):
            return {i: r["result"].get(figure) for i, r in of.get(peer, {}).items() if r["result"].get(figure)}
        ours, theirs = values(peers[-1]), values(peers[0])
        rate = "rate" in figure
        ratios = [ours[i] / theirs[i] if rate else theirs[i] / ours[i] for i in ours if i in theirs]
        shown = [f"{statistics.median(v.values()):12.4g}" if v else f"{'-':>12}" for v in (theirs, ours)]
        target = TARGETS.get(row)
        ratio = statistics.median(ratios) if ratios else None
        verdict = "" if ratio is None or target is None else "reached" if ratio >= target else "MISSED"
        print(f"{row:20} {figure:18} {shown[0]} {shown[1]} {f'{ratio:.1f}x' if ratio else '-':>7} "
              f"{f'{target}x' if target else '':>7} {verdict}")


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
    path = config(work, peer, f"daemonize: false\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\nnfacctd_time_new: true\nplugins: print\n"
                  f"aggregate: {KEY}\nprint_output: {output}\nprint_output_file: {out}\nprint_refresh_time: 3600\n" + tuning(peer, keys))

    def during(child):
        table = pathlib.Path("/proc/net/udp")
        until(lambda: re.search(rf":{port:04X} ", table.read_text()))
        time.sleep(0.5)  # Debian's plugin is not ready with its socket
        words = [build / "bench/flowgen", "-p", proto, "-t", f"127.0.0.1:{port}", "-c", str(count), "-k", str(keys), "-r", str(rate)]
        sent = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        until(lambda: not re.search(rf":{port:04X} \S+ \S+ \S+:0*[1-9A-F]", table.read_text()))
        return sent

    cpu, sent = measured([prefix / "sbin/nfacctd", "-f", path], during, work)
    packets, octets = sums_of(out)
    return {"cpu_per_M": cpu / count * 1e6, "loss": 1 - packets / sent["packets"]}


def savefile(build, peer, prefix, work, keys=100000, count=1000000):
    out, capture = work / f"{peer}.out", work / f"packets-{count}.pcap"
    if not capture.exists():
        subprocess.run([build / "bench/flowgen", "-p", "packets", "-w", capture, "-c", str(count), "-k", str(keys)], check=True,
                       stdout=subprocess.DEVNULL)
    path = config(work, peer, f"daemonize: false\npcap_savefile: {capture}\nplugins: print\naggregate: {KEY}\nprint_output: csv\n"
                  f"print_output_file: {out}\nprint_refresh_time: 3600\n" + tuning(peer, keys))
    began = time.monotonic()

    def during(child):
        until(lambda: os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT), 600)
        child.returncode = 0

    cpu, _ = measured([prefix / "sbin/pmacctd", "-f", path], during, work)
    return {"cpu_per_Mpkt": cpu / count * 1e6, "wall_s": time.monotonic() - began, "loss": 1 - sums_of(out)[0] / count}


OWN = {
    "nf9-1k": (ingest, "cpu_per_M", {"keys": 1000}),
    "nf9-100k": (ingest, "cpu_per_M", {}),
    "nf9-100k-json": (ingest, "cpu_per_M", {"output": "json"}),
    "nf9-1M": (ingest, "cpu_per_M", {"keys": 1000000, "count": 2000000}),
    "nf5-100k": (ingest, "cpu_per_M", {"proto": "v5"}),
    "ipfix-100k": (ingest, "cpu_per_M", {"proto": "ipfix"}),
    "pcap-print-100k": (savefile, "cpu_per_Mpkt", {}),
}


def run_own(options, peers):
    runs, bad = [], 0
    for row in options.rows:
        if row not in OWN:
            print(f"{row}: needs the bench of the reference material", file=sys.stderr)
            continue
        job, figure, more = OWN[row]
        if options.quick:
            more = {**more, "count": 100000, "keys": min(more.get("keys", 100000), 10000)}
        for repeat in range(options.repeat):
            for peer, prefix in peers.items():
                with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
                    result = job(options.build, peer, prefix, pathlib.Path(folder), **more)
                print(f"{row} {peer} #{repeat}: " + " ".join(f"{k}={v:.4g}" for k, v in result.items()), flush=True)
                bad += peer == "new" and abs(result["loss"]) > 1e-9
                runs.append({"row": row, "peer": peer, "repeat": repeat, "ratio": figure, "result": result})
    summarise(runs, list(peers))
    return bad or not runs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/plain")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--own", action="store_true", help="the project's own generator even where the reference material is")
    parser.add_argument("--quick", action="store_true", help="a small load once, without Debian's pmacct: does it work, is anything lost?")
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
    options.rows = options.rows or (list(TARGETS) if folder else list(OWN))
    return run_shared(options, folder, work, peers) if folder else run_own(options, peers)


if __name__ == "__main__":
    sys.exit(main())
