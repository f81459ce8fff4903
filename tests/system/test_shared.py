# SPDX-License-Identifier: BSD-2-Clause
"""Comparisons with reference material that lives beside the checkout (PMACCT_SHARED, or ../shared); skipped where there is none.
The material is used where it lies."""
import collections
import json
import re
import struct
import subprocess
import sys
import time

import harness
import netflow
import packets

# All but pretag-maps: Debian's pmacct does not know four of its keys.
CASES = ("nf*,sf*,pm-*,memory-client,print-*,refresh-in-time,timezone,sqlite-*,bad-*,aggregate-filters,allow-and-reload,"
         "ipfix-custom-primitives,networks-*,tee-plain")


def tools(run):
    folder = harness.shared()
    if not folder or not (folder / "tools/oracle/oracle.py").exists():
        run.skip("no reference material beside the checkout")
    return folder


def oracle(run, folder, cases):
    done = subprocess.run([sys.executable, folder / "tools/oracle/oracle.py", "run", "--bin-dir", run.build, "--cases", cases],
                          capture_output=True, text=True, env=run.env, cwd=run.dir, timeout=900)
    return done.stdout + done.stderr


def test_oracle_recordings(run):
    """The recorded output of Debian's pmacct, case by case."""
    text = oracle(run, tools(run), CASES)
    results = re.findall(r"^(?:\S*\s*)?(PASS|pass|ok|FAIL|fail)\S*\s+(\S+)", text, re.M)
    good = sum(word.lower() in ("pass", "ok") for word, _ in results)
    print(text)
    print(f"counted {good} passed, {len(results) - good} failed")
    assert results, "the comparison ran no case"
    assert good == len(results)


test_oracle_recordings.limit = 900


def difference(missing, extra):
    """The first missing row and the unexpected one that is most like it, member by member."""
    if not missing or not extra:
        return str(list(missing or extra)[:3])
    want = json.loads(next(iter(missing)))
    have = max(map(json.loads, extra), key=lambda r: len(set(map(str, r.items())) & set(map(str, want.items()))))
    return "\n".join(f"{k}: expected {want.get(k)!r}, is {have.get(k)!r}" for k in sorted({*want, *have}) if want.get(k) != have.get(k))


def test_router_capture(run):
    """IPFIX of a router: every expected message is a row of print's JSON, and every row was expected."""
    tools(run)
    case = harness.shared() / "cases/100"
    if not case.is_dir():
        run.skip("no such case beside the checkout")
    config, plugin = [], "nfacctd_kafka"
    for line in (case / "nfacctd-00.conf").read_text().splitlines():
        key, _, value = line.partition(":")
        name = key.split("[")[0].strip()
        if name.startswith("kafka_"):
            key = key.replace("kafka_", "print_", 1)
            name = key.split("[")[0].strip()
            if name not in ("print_output", "print_history", "print_history_roundoff"):
                continue
        if name in ("pidfile", "logfile", "nfacctd_ip", "nfacctd_port", "plugins", "nfacctd_pipe_size", "debug", "daemonize"):
            continue
        config.append(f"{key}:{value}")
    config += [f"plugins: print[{plugin}]", f"print_output_file[{plugin}]: @DIR@/out.json", f"print_refresh_time[{plugin}]: 600",
               f"print_output_file_append[{plugin}]: true"]
    d, port = run.nfacctd("\n".join(config), ready=False)
    d.wait_log("waiting for NetFlow/IPFIX data")
    traffic = json.loads((case / "case.json").read_text())["traffic"]["traffic-00"][0]
    listening = traffic["streams"][0]["port"]
    source = {}
    for source_in_capture, shown in traffic["sources"].items():
        source[source_in_capture] = shown
        if run.isolated:
            run.ip("addr", "add", f"{shown}/32", "dev", "lo")
    if not run.isolated:
        run.skip("needs addresses of its own")
    for name in traffic["pcap"]:
        for sender, payload in packets.udp_payloads(case / name, listening):
            run.send(port, [payload], source=source.get(sender, "127.0.0.1"))
    d.stop()
    # mpls_vpn_rd_origin stands in messages to brokers, not in what print writes.
    ignore = {"stamp_inserted", "stamp_updated", "timestamp_arrival", "timestamp_max", "timestamp_min", "writer_id", "mpls_vpn_rd_origin"}

    def canonical(rows):
        return collections.Counter(json.dumps({k: v for k, v in r.items() if k not in ignore}, sort_keys=True) for r in rows)

    want = canonical(map(json.loads, (case / "output-flow-00.json").read_text().splitlines()))
    have = canonical(run.rows("out.json"))
    missing, extra = want - have, have - want
    assert not missing and not extra, f"{sum(missing.values())} missing, {sum(extra.values())} unexpected of {sum(want.values())}\n" + \
        difference(missing, extra)


def test_primitives_of_the_reference(run):
    """Every primitive that the reference lists is here under the same names, in each daemon that it lists it for, and as listed by -a."""
    from test_primitives import table
    letters = {"P": "pmacctd", "U": "uacctd", "N": "nfacctd", "S": "sfacctd"}
    ours, faults, compared = {row["name"]: row for row in table()}, [], 0
    with (tools(run) / "reference/primitives.tsv").open() as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith(("#", "name\t"))]
    for name, _, kind, json_name, _, _, title, _, sql, _, _, daemons, *_ in rows:
        if kind not in ("key", "orcol", "stitch") or name in ("(custom)", "class_frame"):
            continue
        row, compared = ours.get(name), compared + 1
        if not row:
            faults.append(f"{name} is missing")
            continue
        for what, ought in (("json", json_name), ("csv", title), ("sql", sql)):
            if row[what] and row[what] != re.findall(r"\w+", ought) and what + name not in ("sqlsrc_port", "sqldst_port"):
                faults.append(f"{name}: {what} is {row[what]}, not {ought}")
        for letter in daemons:
            ought = ("yes", "routes", "stitching") if letter.isupper() else ("yes", "routes", "unlisted")
            if row[letters[letter.upper()]] not in ought:
                faults.append(f"{name}: {letters[letter.upper()]} does not fill it, or -a does not list it")
    print(f"compared {compared} primitives")
    assert compared > 90 and not faults, "\n".join(faults)
