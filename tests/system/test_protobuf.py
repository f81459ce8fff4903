# SPDX-License-Identifier: BSD-2-Clause
"""Protocol buffers to brokers: every message decoded by protoc from docs/flow.proto and compared with the JSON that another plugin sends."""
import ast
import re
import subprocess

import harness
import servers
from test_registry import daemon, members, messages, send

NUMBERS = ("tcp_flags", "fwd_status", "tunnel_tcp_flags")
LISTS = ("comms", "as_path")


def varint(n):
    octets = b""
    while n >= 0x80:
        octets, n = octets + bytes([n & 0x7F | 0x80]), n >> 7
    return octets + bytes([n])


def text_of(quoted):
    """A string of protoc's text format."""
    return ast.literal_eval("b" + quoted).decode()


def decode(run, octets):
    """The rows of an AcctBatch: {name: value, a list, or a dict of custom primitives}."""
    proto = harness.ROOT / "docs/flow.proto"
    done = subprocess.run([run.need("protoc"), f"--proto_path={proto.parent}", "--decode=pmacct.AcctBatch", proto.name], input=octets, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    rows, entry = [], None
    for line in done.stdout.decode().splitlines():
        word = line.strip()
        if word == "rows {":
            rows.append({})
        elif word == "custom_primitives {":
            entry = {}
        elif word == "}" and entry is not None:
            rows[-1].setdefault("custom_primitives", {})[entry["key"]] = entry.get("value", "")
            entry = None
        elif word != "}":
            name, value = re.fullmatch(r"(\w+): (.*)", word).groups()
            assert not name.isdigit(), f"field {name} is not in docs/flow.proto"
            value = text_of(value) if value.startswith('"') else float(value) if "." in value else int(value)
            if entry is not None:
                entry[name] = value
            elif name in (*LISTS, "mpls_label_stack"):
                rows[-1].setdefault(name, []).append(value)
            else:
                assert name not in rows[-1], f"{name} twice"
                rows[-1][name] = value
    return rows


def expected(row):
    """A row of JSON as it is in protocol buffers: without what is 0 or empty."""
    own = {"own_number": row["own_number"]} if "own_number" in row else {}
    row = {k: v for k, v in row.items() if k not in ("event_type", "own_number", "stamp_updated")}
    row.update({k: int(row[k]) for k in NUMBERS if k in row})
    row.update({k: row[k].split() for k in LISTS if k in row})
    row["mpls_label_stack"] = [int(x) for x in row.get("mpls_label_stack", "").split("_") if x]
    return members({**{k: v for k, v in row.items() if v not in (0, "", [], 0.0)}, **({"custom_primitives": own} if own else {})})


def compare(found, cluster):
    want = sorted(expected(r) for r in cluster.rows("json") if r["event_type"] == "purge")
    got = sorted(members({k: v for k, v in r.items() if k != "stamp_updated"}) for r in found if "event_type" not in r)
    assert got == want, next((a, b) for a, b in zip(got, want) if a != b)
    return len(want)


def test_single(run):
    """A message AcctData for each row of 38 fields, markers with their type; bins."""
    cluster = servers.kafka(run, "avro", "json")
    d, port = daemon(run, cluster, "kafka_markers[avro]: true\nkafka_history: 1m", output="protobuf")
    send(run, port, 300)
    d.stop()
    got = messages(run, cluster, "avro")
    found = decode(run, b"".join(b"\x0a" + varint(len(m)) + m for m in got))
    assert len(got) == 302 and compare(found, cluster) == 300
    events = [{k: v for k, v in r.items() if k != "duration"} for r in found if "event_type" in r]
    events.sort(key=lambda e: e["event_type"], reverse=True)  # they may lie in two partitions
    assert events == [{"event_type": "purge_init", "writer_id": "w"},
                      {"event_type": "purge_close", "writer_id": "w", "purged_entries": 300, "total_entries": 300}]


def test_batches(run):
    """kafka_multi_values: messages of at most so many octets, each an AcctBatch."""
    cluster = servers.kafka(run, "avro", "json")
    d, port = daemon(run, cluster, "kafka_multi_values[avro]: 5000\nkafka_markers[avro]: true", output="protobuf")
    send(run, port, 300)
    d.stop()
    got = messages(run, cluster, "avro")
    assert len(got) < 40 and max(map(len, got)) <= 5000
    assert compare([r for m in got for r in decode(run, m)], cluster) == 300
