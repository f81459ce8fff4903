# SPDX-License-Identifier: BSD-2-Clause
"""Avro to brokers: every message decoded by its schema and compared with the JSON that another plugin sends of the same flows. The schema
registry is a double in this process, which serves the part of Confluent's interface that a producer uses, and refuses or goes away as it is told."""
import http.server
import json
import re
import struct
import subprocess
import threading
import urllib.parse

import avrodata
import netflow
import servers
from test_avro import AGGREGATE, FIELDS, NOW, mixture


class Registry:
    """A test double of a schema registry: POST /subjects/NAME/versions, GET /schemas/ids/N."""

    def __init__(self, port=0):
        self.subjects, self.schemas, self.requests, self.refuse = {}, [], [], None
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, body):
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self):
                words = [urllib.parse.unquote(w) for w in self.path.split("/")]
                text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["schema"]
                registry.requests.append((self.path, self.headers.get("Authorization"), self.headers["Content-Type"]))
                if registry.refuse:
                    return self.answer(*registry.refuse)
                assert words[1] == "subjects" and words[3] == "versions", self.path
                if text not in registry.schemas:
                    registry.schemas.append(text)
                registry.subjects[words[2]] = registry.schemas.index(text) + 1
                return self.answer(200, {"guid": "x", "version": 1, "id": registry.schemas.index(text) + 1})

            def do_GET(self):
                number = self.path.rpartition("/")[2]
                assert self.path == f"/schemas/ids/{number}", self.path
                return self.answer(200, {"schema": registry.schemas[int(number) - 1]})

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        print(f"schema registry: a test double at {self.url}; read with {avrodata.READER}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def schema(self, number):
        return json.loads(self.schemas[number - 1])


def messages(run, cluster, topic):
    """The values of all messages of a topic, as octets."""
    done = subprocess.run(["kcat", "-C", "-b", cluster.broker, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%R%s"], capture_output=True,
                          timeout=60, env=run.env)
    found, at = [], 0
    while at < len(done.stdout):
        octets, = struct.unpack_from("!i", done.stdout, at)
        found.append(done.stdout[at + 4:at + 4 + octets])
        at += 4 + octets
    return found


def daemon(run, cluster, more, aggregate=AGGREGATE, ready=True, refresh=3600, output="avro"):
    run.write("own.lst", "name=own_number field_type=461 len=2 semantics=u_int\n")
    run.write("tags.map", "set_tag=7 set_label=color%red,name%a\\b src_net=10.0.0.0/25\nset_label=kind%plain\n")
    plugins = "" if "plugins:" in more else "plugins: kafka[avro], kafka[json]"
    return run.nfacctd(f"""
        {plugins}
        aggregate: {aggregate}
        aggregate_primitives: @DIR@/own.lst
        pre_tag_map: @DIR@/tags.map
        kafka_refresh_time: {refresh}
        kafka_broker_host: {cluster.broker}
        kafka_topic[json]: json
        kafka_topic[avro]: avro
        kafka_output[avro]: {output}
        writer_id_string: w
        spool_dir: @DIR@/spool
        {more}""", ready=ready)


def members(row):
    return json.dumps({k: v for k, v in row.items() if k not in ("event_type", "stamp_updated")}, sort_keys=True)


def same(rows, cluster):
    want = sorted(members(r) for r in cluster.rows("json") if r["event_type"] == "purge")
    got = sorted(members(avrodata.flat(r)) for r in rows)
    assert got == want, f"{len(got)} and {len(want)}: {next(((a, b) for a, b in zip(got, want) if a != b), None)}"
    return len(want)


def send(run, port, count, seed=7):
    run.send(port, netflow.export(netflow.IPFIX, mixture(count, seed), NOW, fields=FIELDS))


def test_bare_records(run):
    """Without a registry: a record a message, or a line of the JSON encoding; the schema is in the file."""
    cluster = servers.kafka(run, "avro", "json", "text")
    d, port = daemon(run, cluster, """
        plugins: kafka[avro], kafka[json], kafka[text]
        avro_schema_file[avro]: @DIR@/s.avsc
        kafka_topic[text]: text
        kafka_output[text]: avro_json""")
    send(run, port, 300)
    d.stop()
    schema = json.loads((run.dir / "s.avsc").read_text())
    found = [avrodata.records(m, schema) for m in messages(run, cluster, "avro")]
    assert {len(f) for f in found} == {1} and same([f[0] for f in found], cluster) == 300
    assert same([avrodata.untag(json.loads(m), schema) for m in messages(run, cluster, "text")], cluster) == 300


def test_many_records(run):
    """kafka_multi_values counts records; a message with several gets no more octets than avro_buffer_size."""
    cluster = servers.kafka(run, "avro", "json")
    d, port = daemon(run, cluster, """
        avro_schema_file[avro]: @DIR@/s.avsc
        kafka_multi_values[avro]: 20
        avro_buffer_size[avro]: 6000""")
    send(run, port, 300)
    d.stop()
    schema = json.loads((run.dir / "s.avsc").read_text())
    got = messages(run, cluster, "avro")
    found = [avrodata.records(m, schema) for m in got]
    assert max(map(len, found)) <= 20 and max(map(len, got)) <= 6000 and len(got) < 60
    assert same([r for f in found for r in f], cluster) == 300


def test_registry(run):
    """Each message is an id and one record; markers have subjects of their own; the registry is asked once for each schema."""
    cluster, registry = servers.kafka(run, "avro", "json"), Registry()
    url = registry.url.replace("//", "//me:secret@")
    d, port = daemon(run, cluster, f"kafka_avro_schema_registry[avro]: {url}\nkafka_markers[avro]: true\nkafka_history: 1m", refresh=2)
    send(run, port, 200)
    d.wait_log(r"avro/kafka.*QN: 200/200", seconds=30)
    send(run, port, 100, seed=8)
    d.stop()
    assert sorted(registry.subjects) == ["avro-acct_close", "avro-acct_data", "avro-acct_init"] and len(registry.requests) == 3
    assert {r[1:] for r in registry.requests} == {("Basic bWU6c2VjcmV0", "application/vnd.schemaregistry.v1+json")}
    rows, events = [], []
    for m in messages(run, cluster, "avro"):
        assert m[0] == 0
        schema = registry.schema(struct.unpack("!I", m[1:5])[0])
        record, = avrodata.records(m[5:], schema)
        (rows if schema["name"] == "acct_data" else events).append(record)
    assert same(rows, cluster) == 300
    assert {e["event_type"] for e in events} == {"purge_init", "purge_close"} and {e["writer_id"] for e in events} == {"w"}
    assert sum(e["purged_entries"] for e in events if "purged_entries" in e) == 300
    assert "secret" not in d.text()


def test_registry_away(run):
    """While it is away, or refuses, purges wait in the spool; then all of them go out once."""
    cluster, registry = servers.kafka(run, "avro", "json"), Registry()
    registry.close()
    d, port = daemon(run, cluster, f"kafka_avro_schema_registry[avro]: {registry.url}", refresh=1)

    def waiting():
        return len(list(run.dir.glob("spool/*avro*/*.batch")))

    send(run, port, 100)
    d.wait_log(rf"ERROR .*avro/kafka.*schema registry http://127\.0\.0\.1:{registry.port}: ", seconds=30)
    send(run, port, 50, seed=9)
    run.wait(lambda: waiting() >= 2, "two purges in the spool", 30)
    registry = Registry(registry.port)
    registry.refuse = 409, {"error_code": 409, "message": "Schema being registered is incompatible"}
    d.wait_log(r"ERROR .*avro-acct_data: HTTP 409: .*is incompatible", seconds=60)
    assert not messages(run, cluster, "avro")
    registry.refuse = None
    run.wait(lambda: waiting() == 0, "the spool to be empty", 60)
    d.stop()
    rows = [avrodata.records(m[5:], registry.schema(struct.unpack("!I", m[1:5])[0]))[0] for m in messages(run, cluster, "avro")]
    assert same(rows, cluster) == 150


def test_registry_keys(run):
    """What does not go with a registry is refused, with its place."""
    for more, message in (("kafka_multi_values: 5", "not with kafka_multi_values"), ("kafka_topic: a.$tag", "not with variables in kafka_topic"),
                          ("kafka_output: avro_json", "kafka_output: avro")):
        path = run.config("daemonize: false\nplugins: kafka\nkafka_output: avro\nkafka_topic: t\nkafka_avro_schema_registry: http://127.0.0.1:1\n" + more)
        run.run_program("nfacctd", "--check-config", "-f", path, expect=1)
        lacks = re.search(r"this build has no|not in this build", run.stderr)
        assert lacks or re.search(rf"\.conf:5: kafka_avro_schema_registry: .*{re.escape(message)}", run.stderr), run.stderr


def amqp(server, name, count):
    """The bodies of messages, joined: they are read as octets."""
    done = subprocess.run(["amqp-consume", "-s", "127.0.0.1", "--port", str(server.port), "-q", name, "-A", "-c", str(count), "cat"],
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_amqp(run):
    """Binary and JSON encoding through RabbitMQ, and the schema under its own key."""
    server = servers.RabbitMQ(run)
    config = f"""
        plugins: amqp[avro], amqp[text], print[json]
        aggregate: src_host, dst_port, tcpflags, flows
        print_refresh_time: 3600
        print_output[json]: json
        print_output_file[json]: @DIR@/json.out
        amqp_host: 127.0.0.1
        amqp_port: {server.port}
        amqp_output[avro]: avro
        amqp_output[text]: avro_json
        amqp_routing_key[avro]: avro
        amqp_routing_key[text]: text
        amqp_avro_schema_routing_key[avro]: schema
        amqp_avro_schema_refresh_time[avro]: 3600
        avro_schema_file[avro]: @DIR@/s.avsc
        writer_id_string: w"""
    for flows in (netflow.flows(1), netflow.flows(100)):  # the first daemon declares the exchange
        d, port = run.nfacctd(config)
        run.send(port, netflow.export(netflow.IPFIX, flows, NOW))
        d.stop()
        for name in ("avro", "text", "schema") if len(flows) == 1 else ():
            server.queue(name, "pmacct", name)
    schema = json.loads((run.dir / "s.avsc").read_text())
    assert json.loads(amqp(server, "schema", 1)) == schema
    want = sorted(members({**r, "writer_id": "w"}) for r in run.rows("json.out"))
    assert sorted(members(avrodata.flat(r)) for r in avrodata.records(amqp(server, "avro", 100), schema)) == want
    text, at, rows = amqp(server, "text", 100).decode(), 0, []
    while at < len(text):
        row, at = json.JSONDecoder().raw_decode(text, at)
        rows.append(avrodata.untag(row, schema))
    assert sorted(members(avrodata.flat(r)) for r in rows) == want
