#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The fault harness: runs the cases that rows.py names and writes what they showed as a table.

    faults.py --build build/plain [--rounds N] [--seed N] [-k PATTERN] [--write docs/reliability.md]

Ends with `N passed, M failed`. A row is written for what passed; what failed or was skipped says so.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import rows  # noqa: E402

HEAD = """# Reliability

What faults cost. `./dev faults` writes this table: each row is a system test (last column) which makes the fault and compares what went in with
what came out, to the packet or message. *Lost* and *came twice* count in what the sinks have; *counted* means that the log and SIGUSR1 say how much.
Numbers of seconds were measured in the run, other words are what the test holds the daemon to. Where a spool or TCP stands behind, nothing is lost.

| fault | daemon and plugin | lost | came twice | recovered in | test |
|---|---|---|---|---|---|
"""


def run_cases(options, cases):
    pattern = "^(" + "|".join(re.escape(c) for c in cases) + ")$"
    words = [sys.executable, HERE.parent / "system/run.py", "--build", options.build, "-v", "-k", pattern, "--rounds", options.rounds,
             "--seed", options.seed, "-j", options.jobs]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, errors="replace")
    print(re.sub(r"^  .*\n", "", done.stdout, flags=re.M), flush=True)
    found, case = {}, None
    for line in done.stdout.splitlines():
        if head := re.match(r"(ok|FAIL|skip) +(\S+) ", line):
            case = found[head[2]] = {"status": head[1], "rows": [], "text": []}
        elif case and (row := re.match(r"  measured (.*)", line)):
            case["rows"].append(json.loads(row[1]))
        elif case:
            case["text"].append(line)
    for name, case in found.items():
        if case["status"] == "FAIL":
            print(name + "\n" + "\n".join(case["text"]))
    return found


def seconds(value):
    return f"{value} s" if isinstance(value, (int, float)) else value


def line(fault, who, lost, twice, recovered, case, status):
    if status != "ok":
        lost, twice, recovered = {"FAIL": "FAILED", "skip": "not run here"}[status], "", ""
    return f"| {fault} | {who} | {lost} | {twice} | {seconds(recovered)} | `{case}` |\n"


def table(found):
    text = HEAD
    for case in rows.MEASURED:
        for row in found.get(case, {"rows": []})["rows"]:
            text += line(row["fault"], row["who"], row["lost"], row["duplicated"], row["recovered"], case, found[case]["status"])
    for fault, who, case, lost, twice, recovered in rows.ASSERTED:
        if case in found:
            text += line(fault, who, lost, twice, recovered, case, found[case]["status"])
    return text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/plain")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-j", dest="jobs", type=int, default=3)
    parser.add_argument("-k", dest="pattern", default="", help="only cases whose name has this (regular expression)")
    parser.add_argument("--write", type=pathlib.Path, help="the table")
    options = parser.parse_args()
    cases = [c for c in dict.fromkeys(rows.MEASURED + [row[2] for row in rows.ASSERTED]) if re.search(options.pattern, c)]
    found = run_cases(options, cases)
    absent = [c for c in cases if c not in found]
    for case in absent:
        print(f"FAIL {case}: there is no such case")
    if options.write:
        options.write.write_text(table(found))
    bad = sum(c["status"] == "FAIL" for c in found.values()) + len(absent)
    print(f"{sum(c['status'] == 'ok' for c in found.values())} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
