# SPDX-License-Identifier: BSD-2-Clause
"""Captures of routers that lie beside the checkout (PMACCT_SHARED, or ../shared), through Kafka as JSON and as Avro with a registry: the
messages are those that are expected, no more and no less. Skipped where there are none."""
import collections
import json
import struct

import avrodata
import harness
import packets
import servers
from test_registry import Registry, messages
from test_shared import difference

# What depends on the time, or on what the plugin is called.
IGNORED = {"stamp_inserted", "stamp_updated", "timestamp_arrival", "timestamp_max", "timestamp_min", "writer_id"}
LEFT_OUT = ("pidfile", "logfile", "plugins", "nfacctd_ip", "nfacctd_port", "nfacctd_pipe_size", "debug", "daemonize", "kafka_config_file",
            "kafka_topic", "kafka_output", "kafka_refresh_time")


def configuration(case, cluster, registry):
    """That of the case, for a plugin of each kind."""
    lines = [f"plugins: kafka[json], kafka[avro]\nkafka_broker_host: {cluster.broker}\nkafka_refresh_time: 600",
             f"kafka_topic[json]: json\nkafka_topic[avro]: avro\nkafka_output[avro]: avro\nkafka_avro_schema_registry[avro]: {registry.url}"]
    for line in (case / "nfacctd-00.conf").read_text().replace("${MAPS}", str(case / "maps")).splitlines():
        key, _, value = line.partition(":")
        name, _, plugin = key.partition("[")
        if name in LEFT_OUT:
            continue
        lines += [f"{name}[{kind}]:{value}" for kind in ("json", "avro")] if plugin else [line]
    return "\n".join(lines)


def replay(run, case, port):
    """Sends the datagrams of the capture from the addresses that are expected of their senders."""
    for traffic in json.loads((case / "case.json").read_text())["traffic"]["traffic-00"]:
        for shown in traffic["sources"].values():
            run.ip("addr", "add", shown, "dev", "lo")
        listening = traffic["streams"][0]["ports"]["udp"][0]
        for name in traffic["pcap"]:
            for sender, payload in packets.udp_payloads(case / name, listening):
                run.send(port, [payload], source=traffic["sources"].get(sender, "127.0.0.1"))


def canonical(rows):
    return collections.Counter(json.dumps({k: v for k, v in r.items() if k not in IGNORED}, sort_keys=True) for r in rows)


def check_case(run, number):
    folder = harness.shared()
    case = folder / f"cases/{number}" if folder else None
    if not case or not case.is_dir():
        run.skip("no captures beside the checkout")
    run.need_root()
    cluster, registry = servers.kafka(run, "json", "avro"), Registry()
    d, port = run.nfacctd(configuration(case, cluster, registry))
    replay(run, case, port)
    d.stop()
    expected = [json.loads(line) for line in (case / "output-flow-00.json").read_text().splitlines()]
    records = [avrodata.records(m[5:], registry.schema(struct.unpack("!I", m[1:5])[0]))[0] for m in messages(run, cluster, "avro")]
    found = {"JSON": cluster.rows("json"),
             "Avro": [{"event_type": "purge", **avrodata.flat({k: v for k, v in r.items() if v is not None})} for r in records]}
    for kind, rows in found.items():
        missing, extra = canonical(expected) - canonical(rows), canonical(rows) - canonical(expected)
        assert not missing and not extra, f"{kind}: {sum(missing.values())} missing, {sum(extra.values())} unexpected of {len(expected)}\n" + \
            difference(missing, extra)
    print(f"{len(expected)} messages as JSON and as Avro")


def test_ipfix(run):
    check_case(run, 100)


def test_netflow_with_primitives(run):
    check_case(run, 101)


def test_labels(run):
    check_case(run, 103)
