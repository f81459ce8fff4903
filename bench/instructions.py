#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Instructions a record on the hot paths, counted by valgrind: `./dev bench-instructions [PATH...]`. They do not depend on what else the
machine does, so that a change can be judged where times cannot: the same build gives the same count to a percent.

Each path is run with few and with many records of the same keys; the difference of instructions over that of records leaves out start, purge
and end. All processes of a daemon count. The stored table is bench/results/instructions.json; `--save` writes it."""
import argparse
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results/instructions.json"
KEY = "src_host,dst_host,src_port,dst_port,proto"
KEYS, FEW, MANY = 1000, 20000, 120000
COMMON = "daemonize: false\nseccomp: false\nplugins: print\nprint_output: {output}\nprint_output_file: {work}/out\nprint_refresh_time: 3600\naggregate: {key}\n"
# path -> daemon, what flowgen makes, output, key
PATHS = {
    "NetFlow v5": ("nfacctd", "v5", "csv", KEY),
    "NetFlow v9": ("nfacctd", "v9", "csv", KEY),
    "IPFIX": ("nfacctd", "ipfix", "csv", KEY),
    "sFlow": ("sfacctd", "sflow", "csv", KEY),
    "packets": ("pmacctd", "packets", "csv", KEY),
}


def count(log):
    """Sum over all processes of what callgrind counted."""
    return sum(int(n) for n in re.findall(r"Collected : (\d+)", log.read_text(errors="replace")))


def valgrind(work, program, config, log):
    words = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={work}/callgrind.%p", "--trace-children=yes", program, "-f", config]
    with open(log, "wb") as out:
        return subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)


def wait_for(log, pattern, child, seconds=120):
    end = time.monotonic() + seconds
    while not re.search(pattern, log.read_text(errors="replace")):
        if child.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"the daemon did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.1)


def generate(build, words):
    return json.loads(subprocess.run([build / "bench/flowgen", *words], check=True, capture_output=True).stdout)


def one(build, work, daemon, proto, output, key, records):
    """Instructions of a whole run."""
    config, log = work / "conf", work / "log"
    text = COMMON.format(work=work, output=output, key=key)
    if proto == "packets":
        generate(build, ["-p", "packets", "-w", work / "capture", "-c", str(records), "-k", str(KEYS)])
        config.write_text(text + f"pcap_savefile: {work}/capture\n")
        valgrind(work, build / daemon, config, log).wait(600)
        return count(log)
    port = 20000 + os.getpid() % 10000
    config.write_text(text + f"{daemon}_ip: 127.0.0.1\n{daemon}_port: {port}\n")
    child = valgrind(work, build / daemon, config, log)
    try:
        wait_for(log, "waiting for", child)
        generate(build, ["-p", proto, "-t", f"127.0.0.1:{port}", "-c", str(records), "-k", str(KEYS), "-C"])
    finally:
        os.kill(child.pid, signal.SIGINT)
        try:
            child.wait(300)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            raise
    return count(log)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/plain")
    parser.add_argument("--save", action="store_true")
    parser.add_argument("paths", nargs="*", metavar="PATH", default=[])
    options = parser.parse_args()
    build = options.build.resolve()
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found = {}
    print(f"{'path':14} {'instructions a record':>22} {'stored':>10}")
    for name, (daemon, proto, output, key) in PATHS.items():
        if options.paths and not any(p.lower() in name.lower() for p in options.paths):
            continue
        totals = []
        for records in (FEW, MANY):
            with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
                totals.append(one(build, pathlib.Path(folder), daemon, proto, output, key, records))
        found[name] = round((totals[1] - totals[0]) / (MANY - FEW), 1)
        print(f"{name:14} {found[name]:22} {stored.get(name, '-'):>10}", flush=True)
    if options.save:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(json.dumps({**stored, **found}, indent=1) + "\n")
    return 0 if all(v > 0 for v in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
