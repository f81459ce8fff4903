#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What has been fuzzed: executions of each target, summed up over runs, and how much of each decoder its corpus reaches.

    ledger.py add LOGS...                            adds what libFuzzer's logs say (-print_final_stats=1); a log counts once
    ledger.py coverage --build build/cov [--corpus F]  replays all corpora in a build with --coverage, prints and keeps the shares
    ledger.py write                                  docs/fuzzing.md from both

The figures are kept in ledger.tsv (log, date, target, executions, seconds) and coverage.tsv (target, date, file, lines, reached).
"""
import argparse
import collections
import datetime
import gzip
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LEDGER, COVERAGE, PAPER = HERE / "ledger.tsv", HERE / "coverage.tsv", ROOT / "docs/fuzzing.md"

# Which files a target is there for: decoders and readers, not what they hand on to.
DECODERS = {
    "avro": ["output/avro_file"], "avro_joins": ["output/avro_file:joins"], "avrolog": ["output/avrolog"], "bgp_lgquery": ["bgp/lgquery"],
    "bgp_mrt": ["bgp/mrt_read"], "bgp_nlri": ["bgp/nlri", "bgp/nlri_json", "bgp/evpn", "bgp/flowspec"], "bgp_open": ["bgp/open", "bgp/msg"],
    "bgp_update": ["bgp/update", "bgp/attrs"], "bmp": ["bmp/msg"], "bmp_station": ["bmp/station", "bmp/session"], "memory_web": ["plugins/memory_web", "plugins/memory_top"], "session_maps": ["bgp/tcpkeys", "bgp/md5", "bgp/tcpao", "bgp/xconnect", "pmacctd/ifaces", "plugins/tee_conf"], "classify": ["packet/classify"],
    "config": ["config/parse", "config/values"], "imt": ["core/imt_proto"], "lists": ["netflow/keep", "core/networks", "core/custom", "core/allow"],
    "mapfile": ["config/mapfile"], "netflow": ["netflow/decode_v5", "netflow/decode_sets", "netflow/tmpl", "netflow/form", "netflow/options", "netflow/plan", "netflow/decode_ipfix", "netflow/decode_v9", "netflow/decode_options"],
    "nflog": ["packet/nflog"], "packet": ["packet/link", "packet/ether", "packet/ip", "packet/tunnel", "packet/wlan"],
    "pcapmap": ["packet/pcapmap"], "registry": ["output/registry"], "roa": ["rpki/roa_file", "rpki/roa"], "rtr": ["rpki/rtr"],
    "sflow": ["sflow/decode", "sflow/samples", "sflow/records"], "tagmap": ["core/tagmap", "core/match"], "tele_cbor": ["telemetry/cbor"],
    "tele_framing": ["telemetry/framing"], "tele_gpb": ["telemetry/gpb"], "tcp_streams": ["packet/tcp_streams"], "udp_feed": ["packet/udp_feed"], "tele_dialout": ["telemetry/dialout", "telemetry/gnmi"], "tele_notif": ["telemetry/notif", "telemetry/reassembly"],
    "ipfix_session": ["netflow/input_sessions:stream"], "redis": ["output/redis_client"], "tele_grpc": ["telemetry/grpc"], "kafka_conf": ["output/kafka_conf"], "dtls": ["base/dtls"], "rtr_session": ["rpki/rtr_client"],
    "tpacket": ["packet/tpacket.h"], "spool": ["base/spool"], "json_check": ["telemetry/json_check"],
}


# Functions of these files that read nothing from outside: they write, open and close files and connections, ask servers, choose, show
# statistics. Their lines are not counted.
ELSE = re.compile(r"""write|(^|_)put(_|$)|(?<!read)_(open|close|free|new|stats|tick|reload|rewind|tidy|count|refused|recompile|octets|built|head|id|init|begin|end)$
    |^(answer|open_file|config_(load|where|free|fault|is_set)|parse_(load|file|flags)|no_memory|take_rest|verdict|refused|slurp|find_item|print_schema|explain
    |ask|set_up|shown|public_part|on_answer|flush|flush_to|spool_(commit|add|abandon|put_off)|fail|open_dir|refill|read_fd|mrt_read_file
    |map_file|read_file|roa_load|allow_load|allow_match|avro_file_(?!read|joins).*|avro_schema_save|keep_read|compile_again|by_seq|rtr_error_text|classifier_name|customs_of_packets
    |bmp_router_(owner|addr|port|counts|peers|routes|view|flushes)|web_(check|figures)|iface_list_(read|single)|default_interface|sflow_figures|open_classifier)$""", re.X)

# In one file alone: sessions of a cross connect, whose octets nobody reads; what starts, watches, connects and tells of itself.
ELSE_IN = {name: re.compile(f"^({words})$") for name, words in {
    "bgp/xconnect": "bgp_xconnects_(take|stop|figures)|find|on_handle_closed|close_it|watch|read_side|pass|connected|on_poll|open_sides|drop",
    "telemetry/grpc": "on_readable|helper_path|spawn_helper|wait_for_helper|lost_helper|wanted|open_helper|start|resume|recheck|stats|figures|stop|close_helper",
    "rpki/rtr_client": "split|rtr_client_(check|start|stop|figures)|on_connected|set_socket|on_resolved|connect_cache|expire|on_timer",
    "base/dtls": "on_tick|look_at_drops|on_closed|dtls_(start|resume|stop)",
}.items()}

# Functions of a file that another target is there for than for the rest.
APART = {"output/avro_file": {name: "joins" for name in ("joins", "read_at", "avro_file_joins")},
         "netflow/input_sessions": {name: "stream" for name in ("take_messages", "work", "keep_rest", "take", "read_once", "hand_on", "read_session", "go_on", "on_nap_over", "watch_all")}}


def today():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")


def lines(path):
    return [line.split("\t") for line in path.read_text().splitlines() if line and not line.startswith("#")] if path.exists() else []


def add(logs):
    known = {row[0] for row in lines(LEDGER)}
    with LEDGER.open("a") as out:
        for path in map(pathlib.Path, logs):
            text = path.read_text(errors="replace")
            done = re.search(r"stat::number_of_executed_units:\s+(\d+)", text)
            rate = re.search(r"stat::average_exec_per_sec:\s+(\d+)", text)
            target = re.match(r"(?:fuzz_|\d+-fuzz-)?([a-z0-9_]+)", path.name)
            mark = hashlib.sha256(text.encode()).hexdigest()[:12]
            if not done or not target or mark in known:
                continue
            day = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.timezone.utc).strftime("%Y-%m-%d")
            seconds = int(done[1]) // max(1, int(rate[1])) if rate else 0
            out.write(f"{mark}\t{day}\t{target[1]}\t{done[1]}\t{seconds}\n")
            known.add(mark)


def targets(build):
    for path in sorted((build / "tests/fuzz").glob("fuzz_*")):
        if path.is_file() and path.suffix == "" and path.stat().st_mode & 0o100:
            yield path.name[5:], path


def reached(build):
    """{source: {line: reached}} of what has run."""
    found = collections.defaultdict(dict)
    with tempfile.TemporaryDirectory() as folder:
        counts = sorted(str(p) for p in build.rglob("*.gcda"))  # of targets too: what headers hold is compiled there
        for at in range(0, len(counts), 50):
            subprocess.run(["gcov", "--json-format", "--preserve-paths", *counts[at:at + 50]], cwd=folder, capture_output=True, check=False)
            for path in pathlib.Path(folder).glob("*.gcov.json.gz"):
                for f in json.loads(gzip.decompress(path.read_bytes()))["files"]:
                    path_of = re.search(r"src/(.*?)(?:\.c|(\.h))$", f["file"])
                    file = path_of[1] + (path_of[2] or "") if path_of else ""
                    for line in f["lines"] if file else []:
                        function = line.get("function_name", "")
                        if ELSE.search(function) or (file in ELSE_IN and ELSE_IN[file].search(function)):
                            continue
                        part = APART.get(file, {}).get(function)
                        seen = found[f"{file}:{part}" if part else file]
                        seen[line["line_number"]] = seen.get(line["line_number"], False) or line["count"] > 0
                path.unlink()
    return found


def coverage(build, corpus):
    for path in build.rglob("*.gcda"):
        path.unlink()
    for name, program in targets(build):
        folders = [p for p in (ROOT / "tests/fuzz/corpus" / name, corpus / name) if p.is_dir()]
        if not folders and name.startswith("sflow"):
            folders = [ROOT / "tests/fuzz/corpus" / name]
        done = subprocess.run([program, *folders], capture_output=True, text=True, errors="replace", env={"srcdir": str(ROOT)}, check=False)
        if done.returncode:
            print(f"{name} ended with {done.returncode}: {done.stderr[-500:]}")
    found = reached(build)
    rows = []
    for target, files in DECODERS.items():
        for name in sorted(found):
            if name in files:
                hits = list(found[name].values())
                rows.append((target, today(), name, len(hits), sum(hits)))
    COVERAGE.write_text("# target, date, file, lines, reached\n" + "".join("\t".join(map(str, r)) + "\n" for r in rows))
    for r in rows:
        print(f"{r[0]:14} {r[2]:32} {r[4]:5} of {r[3]:5} lines, {100 * r[4] / r[3]:.1f} %")
    total, hit = sum(r[3] for r in rows), sum(r[4] for r in rows)
    print(f"decoders: {hit} of {total} lines, {100 * hit / max(1, total):.1f} %")


def write():
    runs = collections.defaultdict(lambda: [0, 0, ""])
    for _, day, target, executions, seconds in lines(LEDGER):
        row = runs[target]
        row[0] += int(executions)
        row[1] += int(seconds)
        row[2] = max(row[2], day)
    shares = collections.defaultdict(lambda: [0, 0, []])
    for target, _, name, total, hit in lines(COVERAGE):
        shares[target][0] += int(total)
        shares[target][1] += int(hit)
        shares[target][2].append(name)
    total = sum(r[0] for r in runs.values())
    lines_all, hits_all = sum(s[0] for s in shares.values()), sum(s[1] for s in shares.values())
    text = f"""# Fuzzing

Each decoder and reader of what comes from outside has a target (`tests/fuzz`). `./dev fuzz` runs them with libFuzzer and the sanitizers, `./dev fuzz-ledger LOGS`
adds what its logs say to this table; coverage is what the corpora reach of the lines of the files a target is there for, measured with gcov. IPFIX, NetFlow v9 and
BGP UPDATEs are mutated by shape (`tests/fuzz/shape_*.c`): sets, templates and attributes stay whole, so that what is changed is read. Each finding that was mended left its
input in `tests/fuzz/corpus`, which every `make check` replays. What comes in, where, and which target reads it: tests/fuzz/README.md.

Long runs are worth a build of their own, with which most targets do twice as many executions: `configure --enable-sanitizers --enable-fuzzer CC=clang
CFLAGS="-O2 -fno-sanitize-coverage=trace-cmp"`, and `ASAN_OPTIONS=quarantine_size_mb=1:malloc_context_size=8`, which `./dev fuzz` sets too.

**{total:,} executions, {sum(r[1] for r in runs.values()) / 3600:.1f} hours of one processor; {100 * hits_all / max(1, lines_all):.1f} % of the lines of decoders.**

| target | executions | hours | coverage | of | last run |
|---|---|---|---|---|---|
"""
    for target in sorted(set(runs) | {t for t in shares if not any(re.sub(r"\d$", "", r) == t for r in runs)}):
        executions, seconds, day = runs[target]
        share = shares.get(target) or shares.get(re.sub(r"\d$", "", target))
        covered = f"{100 * share[1] / share[0]:.1f} %" if share and share[0] else "-"
        text += f"| {target} | {executions:,} | {seconds / 3600:.2f} | {covered} | {', '.join(share[2]) if share else ''} | {day} |\n"
    PAPER.write_text(text)
    print(f"{total:,} executions, coverage {100 * hits_all / max(1, lines_all):.1f} %")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("add", "coverage", "write"))
    parser.add_argument("logs", nargs="*")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/cov")
    parser.add_argument("--corpus", type=pathlib.Path, default=ROOT / "build/fuzz/corpus")
    options = parser.parse_args()
    if options.what == "add":
        add(options.logs)
    elif options.what == "coverage":
        coverage(options.build.resolve(), options.corpus)
    else:
        write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
