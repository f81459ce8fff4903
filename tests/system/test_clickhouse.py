# SPDX-License-Identifier: BSD-2-Clause
"""examples/clickhouse.sql as it stands: its tables read through their Kafka engines what examples/nfacctd-kafka.conf writes, as JSON and as
Avro. ClickHouse is the embedded one (chdb) where ./dev deps could fetch it."""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import netflow
import servers
from test_registry import Registry

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = pathlib.Path(os.environ.get("PMACCT_CHDB") or ROOT / "build" / "chdb")


class ClickHouse:
    def __init__(self, run):
        if not (PACKAGES / "chdb").is_dir():
            run.skip("no embedded ClickHouse: ./dev deps fetches it")
        self.process = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("clickhouse.py"), run.dir / "clickhouse"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**run.env, "PYTHONPATH": str(PACKAGES)})
        run.helpers = getattr(run, "helpers", []) + [self.process]
        print(f"ClickHouse {self.query('SELECT version() AS version')[0]['version']}, embedded")

    def query(self, text, may_fail=""):
        self.process.stdin.write(json.dumps(text) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert isinstance(answer, list) or (may_fail and may_fail in answer), answer
        return answer

    def load(self, script):
        """Each statement of a script. The embedded one has no server that a queue could tell of its beginning, and says so; the table is made."""
        for statement in re.sub(r"--.*", "", script).split(";"):
            if statement.strip():
                self.query(statement, may_fail="Shutdown was called" if "ENGINE = Kafka" in statement else "")


def example(name, **other):
    """An example's text with other values in their places, each of which it must have."""
    text = (ROOT / "examples" / name).read_text()
    for old, new in other.values():
        assert old in text, old
        text = text.replace(old, new)
    return text


def test_clickhouse(run):
    """Every row arrives once in the table, with all its fields, whichever way it took."""
    house = ClickHouse(run)
    cluster, registry = servers.kafka(run, "flows", "flows_avro"), Registry()
    house.load(example("clickhouse.sql", broker=("127.0.0.1:9092", cluster.broker), registry=("http://127.0.0.1:8081", registry.url),
                       wait=("kafka_flush_interval_ms = 7500", "kafka_flush_interval_ms = 200")))
    conf = example("nfacctd-kafka.conf", broker=("127.0.0.1:9092", cluster.broker), port=("nfacctd_port: 2100", ""),
                   spool=("/var/spool/pmacct", "@DIR@/spool"), refresh=("refresh_time[flows]: 60", "refresh_time[flows]: 3600"))
    avro = re.sub(r"(?m)^! (kafka_output|kafka_avro)", r"\1", example(
        "nfacctd-kafka.conf", broker=("127.0.0.1:9092", cluster.broker), port=("nfacctd_port: 2100", ""), topic=("]: flows\n", "]: flows_avro\n"),
        spool=("/var/spool/pmacct", "@DIR@/spool"), refresh=("refresh_time[flows]: 60", "refresh_time[flows]: 3600"),
        json=("kafka_output[flows]: json\n", ""), many=("kafka_multi_values[flows]: 65536\n", ""), registry=("http://127.0.0.1:8081", registry.url)))
    flows = netflow.flows(2000)
    total = netflow.totals(flows)
    for n, text in enumerate((conf, avro), 1):
        d, port = run.nfacctd(text)
        run.send(port, netflow.export(9, flows, int(time.time())))
        d.stop()
        run.wait(lambda: int(house.query("SELECT count() AS n FROM flows")[0]["n"]) >= n * len(flows), "the rows to be read", 60)
        assert house.query("SELECT count() AS flows, sum(packets) AS packets, sum(bytes) AS bytes FROM flows") == \
            [{key: n * total[key] for key in ("flows", "packets", "bytes")}]
    columns = ("peer_ip_src, ip_src, ip_dst, port_src, port_dst, ip_proto, tos, tcp_flags, iface_in, iface_out, as_src, as_dst, "
               "flows, packets, bytes")
    assert house.query(f"SELECT {columns}, count() AS times FROM flows GROUP BY {columns} HAVING times != 2") == []
    seen = {(r["ip_src"], r["ip_dst"], r["port_src"], r["port_dst"], r["packets"], r["bytes"], r["ip_proto"]) for r in
            house.query("SELECT DISTINCT ip_src, ip_dst, port_src, port_dst, packets, bytes, ip_proto FROM flows")}
    assert seen == {(f["src"], f["dst"], f["sport"], f["dport"], f["packets"], f["bytes"], "tcp") for f in flows}
    [times] = house.query("SELECT min(toUnixTimestamp(stamp_inserted)) AS first, max(toUnixTimestamp(stamp_inserted)) AS last FROM flows")
    assert time.time() - 600 < times["first"] <= times["last"] <= time.time() and times["first"] % 60 == 0
