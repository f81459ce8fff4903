# SPDX-License-Identifier: BSD-2-Clause
"""Message logs of BGP and BMP in Avro: each record decoded by its schema and compared with the JSON of the same session; the schema registry
(a double in this process, see test_registry.py) away and back."""
import json
import struct

import avrodata
import bgp
import bmp
import harness
import servers
from bgp import Speaker, announcements, attributes, prefix, update
from test_bmp import pmbmpd, story
from test_registry import Registry, messages

CHANGES = ("timestamp", "timestamp_arrival", "timestamp_event", "seq", "bmp_router_port", "peer_tcp_port", "writer_id")


def plain(row):
    """What a message says, whatever it is written in, without what changes from run to run, and what is absent or empty."""
    row = {**row, **(row.get("more") or {})}
    return json.dumps({k: str(v) if not isinstance(v, (dict, list)) else v for k, v in row.items()
                       if v not in (None, "", []) and k not in (*CHANGES, "more")}, sort_keys=True)


def rows(path):
    return harness.json_lines(path)


def same(got, want):
    assert got == want, next((pair for pair in zip(got, want) if pair[0] != pair[1]), (len(got), len(want)))


def schemas(path):
    return {s["name"]: s for s in json.loads(path.read_text())}


def by_registry(registry, found):
    """[(name of the record, record)] of messages with the id of their schema."""
    records = []
    for m in found:
        assert m[0] == 0
        schema = registry.schema(struct.unpack("!I", m[1:5])[0])
        record, = avrodata.records(m[5:], schema)
        records.append((schema["name"], record))
    return records


def bmp_story(run, more, log, done):
    d, port = pmbmpd(run, more, log)
    bmp.Router(port, "127.0.0.9").say(*story()[0])
    run.wait(done, "all messages", 60)
    d.stop()
    return d


def test_bmp(run):
    """One of each message of BMP: binary to Kafka by a registry that is away at first, JSON encoding to a file, both as JSON says."""
    cluster, registry = servers.kafka(run, "bmp"), Registry()
    registry.close()
    count = len(story()[1])
    bmp_story(run, "", "json.log", lambda: len(rows(run.dir / "json.log")) == count)
    want = sorted(map(plain, rows(run.dir / "json.log")))
    d, port = pmbmpd(run, f"""
        bmp_daemon_msglog_output: avro
        bmp_daemon_msglog_avro_schema_file: @DIR@/bmp.avsc
        bmp_daemon_msglog_kafka_broker_host: {cluster.broker}
        bmp_daemon_msglog_kafka_topic: bmp
        bmp_daemon_msglog_kafka_avro_schema_registry: {registry.url}""", "avro.log")
    bmp.Router(port, "127.0.0.9").say(*story()[0])
    d.wait_log(rf"ERROR .*schema registry http://127\.0\.0\.1:{registry.port}: ")
    run.wait(lambda: len(rows(run.dir / "avro.log")) == count, "the file", 30)
    assert not messages(run, cluster, "bmp")
    registry = Registry(registry.port)
    run.wait(lambda: len(messages(run, cluster, "bmp")) == count, "all messages", 60)
    d.stop()
    found = by_registry(registry, messages(run, cluster, "bmp"))
    same(sorted(plain(r) for _, r in found), want)
    known = schemas(run.dir / "bmp.avsc")
    assert {name for name, _ in found} == {"bmp_loginit", "bmp_logclose", "bmp_init", "bmp_term", "bmp_peer_up", "bmp_peer_down", "bmp_stats",
                                           "bmp_msglog_rm"} and set(known) >= {name for name, _ in found}
    assert all(registry.schema(n) == known[name.removeprefix("bmp-")] for name, n in registry.subjects.items())
    names = {frozenset(s_field["name"] for s_field in s["fields"]): s for s in known.values()}
    assert sorted(plain(avrodata.untag(r, names[frozenset(r)])) for r in rows(run.dir / "avro.log")) == want


def bgp_story(run, more, done):
    run.write("tags.map", "set_label=site%one ip=127.0.0.2\n")
    d, port = bgp.pmbgpd(run, "bgp_daemon_tag_map: @DIR@/tags.map\npre_tag_label_encode_as_map: true\nbgp_comms_encode_as_array: true\n" + more)
    s = Speaker(run, port).meet(asn=4200000001, rid="10.1.1.1", families=((1, 1), (2, 1)))
    attrs = attributes(path=(65001, 65002), med=7, communities=("65001:1", "65535:666"))
    s.send(announcements(("10.0.0.0/8", "10.1.0.0/16"), attrs), update(withdrawn=prefix("10.1.0.0/16")), update())
    run.wait(lambda: done() >= 5, "the routes", 60)
    s.close()
    run.wait(lambda: done() == 7, "all messages", 60)
    d.stop()
    return d


def test_bgp(run):
    """A session of BGP, bare records told apart by trying them on their schema; labels as maps, communities as arrays."""
    cluster = servers.kafka(run, "bgp")
    bgp_story(run, "bgp_daemon_msglog_file: @DIR@/json.log\n", lambda: len(rows(run.dir / "json.log")))
    want = [plain(r) for r in rows(run.dir / "json.log")]
    bgp_story(run, f"""
        bgp_daemon_msglog_output: avro
        bgp_daemon_msglog_avro_schema_file: @DIR@/bgp.avsc
        bgp_daemon_msglog_kafka_broker_host: {cluster.broker}
        bgp_daemon_msglog_kafka_partition: 0
        bgp_daemon_msglog_kafka_topic: bgp
        """, lambda: len(messages(run, cluster, "bgp")))
    known, found = schemas(run.dir / "bgp.avsc"), messages(run, cluster, "bgp")
    names = ["bgp_loginit"] + ["bgp_msglog"] * 5 + ["bgp_logclose"]
    records = [avrodata.records(m, known[name])[0] for name, m in zip(names, found, strict=True)]
    same([plain(r) for r in records], want)
    assert {json.dumps(r["label"]) for r in records} == {'{"site": "one"}'} and records[1]["comms"] == ["65001:1", "65535:666"]


def test_keys(run):
    """What does not go with a registry is refused, with its place."""
    for more, message in (("bgp_daemon_msglog_output: json", "avro"), ("bgp_daemon_msglog_output: avro\nbgp_daemon_msglog_kafka_topic: a.$peer_src_ip", "not with variables")):
        path = run.config("daemonize: false\nbgp_daemon_msglog_kafka_avro_schema_registry: http://127.0.0.1:1\nbgp_daemon_msglog_kafka_topic: a\n" + more)
        run.run_program("pmbgpd", "--check-config", "-f", path, expect=1)
        assert "this build has no" in run.stderr or f".conf:2: bgp_daemon_msglog_kafka_avro_schema_registry: " in run.stderr and message in run.stderr, run.stderr
