#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Counts what `make check` ran in a build folder: every case of a cmocka program by itself, every other program as one.

    tally.py BUILD

Prints each failure with the end of its log, then `N passed, M failed`. A program that died counts as one failure beside
the cases that it had finished; a program of the Makefile without a result counts as one failure.
"""
import pathlib
import re
import sys


def cases(log):
    """(passed, failed) by cmocka's own account, or None if the program is not of that kind."""
    ran = re.findall(r"^\[\s*(OK|FAILED)\s*\] (\S+)", log, re.M)
    names_failed = {name.rstrip(":") for word, name in ran if word == "FAILED" and not name.isdigit()}
    names_ok = [name for word, name in ran if word == "OK"]
    if not ran and "[==========]" not in log:
        return None
    return len(names_ok), len(names_failed)


def programs(build):
    """Names of all that `make check` ought to run."""
    make = (build / "Makefile").read_text()
    joined = make.replace("\\\n", " ")
    values = dict(re.findall(r"^(\w+) = (.*)$", joined, re.M))

    def expand(text):
        for word in text.split():
            if word.startswith("$(") and word.endswith(")"):
                yield from expand(values.get(word[2:-1], ""))
            else:
                yield word

    words = list(expand(values.get("TESTS", "")))
    return sorted({re.sub(r"\$\(EXEEXT\)$", "", w) for w in words if "/" in w and not w.startswith("$(")})


def main():
    build = pathlib.Path(sys.argv[1])
    passed = failed = 0
    if re.search(r"^CMOCKA_LIBS = *$", (build / "Makefile").read_text(), re.M):
        print(f"FAIL {build}: configured without cmocka, so the unit tests did not run")
        failed += 1
    for name in programs(build):
        trs, log = build / (name + ".trs"), build / (name + ".log")
        if not trs.exists():
            print(f"FAIL {name}: did not run (does it build?)")
            failed += 1
            continue
        result = re.search(r":test-result: (\w+)", trs.read_text()).group(1)
        text = log.read_text(errors="replace") if log.exists() else ""
        good, bad = cases(text) or ((1, 0) if result == "PASS" else (0, 0))
        if result not in ("PASS", "SKIP") and not bad:
            bad = 1
        passed, failed = passed + good, failed + bad
        if bad:
            print(f"FAIL {name}: {good} passed, {bad} failed")
            print("".join(f"  {line}\n" for line in text.splitlines()[-40:]))
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
