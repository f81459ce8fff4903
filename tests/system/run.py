#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs the system tests: every function test_* of every file test_*.py here is a case.

    run.py --build build/plain [-k PATTERN] [-j N] [--keep] [--list]

Each case runs in a process of its own, as root also in network, mount and process namespaces of its own, so that cases cannot
meet, ports are free, and nothing outlives a case. A case that needs root is skipped without it. Ends with
`N passed, M failed, K skipped`.
"""
import argparse
import concurrent.futures
import importlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import harness  # noqa: E402

SKIPPED = 77


SANITIZER = re.compile(r"runtime error:|Sanitizer:|SUMMARY: ")


def discover():
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for name, thing in vars(module).items():
            if name.startswith("test_") and callable(thing):
                yield f"{path.stem[5:]}.{name[5:]}", thing


def namespaces():
    """Words in front of a command that give it namespaces of its own; none where that is not allowed."""
    words = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return []
    ok = subprocess.run(words + ["ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0
    return words if ok else []


def run_one(name, options):
    """In the process of the case: runs it and tells by its exit status."""
    case = dict(discover())[name]
    folder = pathlib.Path(options.folder)
    if options.isolated:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        if os.path.isdir("/var/spool/pmacct"):  # a package that is installed here: its spool is no case's
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/var/spool"], check=True)
    run = harness.Run(folder, options)
    try:
        case(run)
        run.end()
    except harness.Skipped as why:
        print(why)
        run.kill()
        return SKIPPED
    except BaseException:
        traceback.print_exc()
        run.kill()
        run.show_logs()
        return 1
    return 0


def start_case(name, options, front):
    folder = tempfile.mkdtemp(prefix="system-")
    os.chmod(folder, 0o755)
    words = [sys.executable, __file__, "--one", name, "--folder", folder, "--build", options.build,
             "--mutations", str(options.mutations), "--flows", str(options.flows),
             "--rounds", str(options.rounds), "--minutes", str(options.minutes), "--seed", str(options.seed), "--peers", str(options.peers),
             *["--valgrind"] * options.valgrind]
    began = time.monotonic()
    limit = getattr(dict(discover())[name], "limit", 400) + options.mutations / 5000 + options.flows / 50000 + options.rounds * 15 + options.minutes * 130 + options.peers + options.valgrind * 800
    try:
        done = subprocess.run(front + words + (["--isolated"] if front else []), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=limit, errors="replace")
        status, text = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired as late:
        status, text = 1, f"not done after {limit} s\n" + (late.stdout or b"").decode(errors="replace")
    if options.keep:
        text += f"kept: {folder}\n"
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return name, status, text, time.monotonic() - began


def report(name, status, text, seconds, verbose):
    word = {0: "ok", SKIPPED: "skip"}.get(status, "FAIL")
    reason = f" ({text.strip().splitlines()[-1]})" if status == SKIPPED and text.strip() else ""
    print(f"{word:4} {name} {seconds:.1f} s{reason}", flush=True)
    if word == "FAIL" or "kept: " in text or verbose:
        print("".join(f"  {line}\n" for line in text.splitlines()[-150:]), end="", flush=True)


def count(counts, status, text):
    """A case may stand for many (a recorded comparison, say): it prints `counted N passed, M failed`."""
    many = re.findall(r"^counted (\d+) passed, (\d+) failed", text, re.M)
    if not many:
        counts[{0: "passed", SKIPPED: "skipped"}.get(status, "failed")] += 1
        return
    for good, bad in many:
        counts["passed"] += int(good)
        counts["failed"] += int(bad)
    counts["failed"] += status not in (0, SKIPPED) and not sum(int(bad) for _, bad in many)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/plain")
    parser.add_argument("-k", dest="pattern", default="", help="only cases whose name has this (regular expression)")
    parser.add_argument("-j", dest="jobs", type=int, default=2 * os.cpu_count(), help="cases at a time: they wait more than they work")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the cases")
    parser.add_argument("-v", dest="verbose", action="store_true", help="show what cases print")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--mutations", type=int, default=200000, help="datagrams of the bad-input cases")
    parser.add_argument("--flows", type=int, default=1000000, help="flows of the long sum")
    parser.add_argument("--minutes", type=float, default=0.15, help="of the soak")
    parser.add_argument("--rounds", type=int, default=2, help="how often the cases of faults do it")
    parser.add_argument("--seed", type=int, default=1, help="of what they leave to chance")
    parser.add_argument("--peers", type=int, default=60, help="neighbours that flap at once beside flows, 10,000 routes each")
    parser.add_argument("--valgrind", action="store_true", help="every daemon under valgrind: what it finds fails the case")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--isolated", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.build = str(pathlib.Path(options.build).resolve())
    if options.one:
        return run_one(options.one, options)
    cases = [name for name, _ in discover() if re.search(options.pattern, name)]
    if options.list:
        print("\n".join(cases))
        return 0
    front = namespaces()
    if not front:
        print("no namespaces: the cases run one by one, without those that need root")
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    lost = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs if front else 1) as pool:
        for done in concurrent.futures.as_completed([pool.submit(start_case, c, options, front) for c in cases]):
            name, status, text, seconds = done.result()
            report(name, status, text, seconds, options.verbose)
            if status not in (0, SKIPPED) and not SANITIZER.search(text) and len(cases) > 1:
                lost.append(name)
            else:
                count(counts, status, text)
    # What failed beside others gets a second chance alone, where the machine is its own: a fault of ours shows again.
    alone = []
    for name in lost:
        name, status, text, seconds = start_case(name, options, front)
        report(name, status, text, seconds, options.verbose)
        count(counts, status, text)
        if status == 0:
            alone.append(name)
    if alone:
        print(f"passed only when run alone: {' '.join(alone)}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return counts["failed"] != 0


if __name__ == "__main__":
    sys.exit(main())
