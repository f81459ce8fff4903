# SPDX-License-Identifier: BSD-2-Clause
"""The plugin amqp against a real RabbitMQ; the client of amqp-tools reads."""
import time

import netflow
import servers
from test_kafka import data, spooled, sums, want

BASE = """
    plugins: amqp[q]
    aggregate: src_host, dst_host, src_port, dst_port, proto, tos, peer_src_ip
    amqp_refresh_time: {refresh}
    amqp_host: 127.0.0.1
    amqp_port: {port}
    amqp_persistent_msg: true
    spool_dir: @DIR@/spool
    """


def start(run, server, more="", refresh=1):
    return run.nfacctd(BASE.format(port=server.port, refresh=refresh) + more)


def send(run, port, flows, sequence=1):
    run.send(port, netflow.export(9, flows, int(time.time()), sequence=sequence))


def drained(run):
    run.wait(lambda: spooled(run) == 0, "the spool to be empty", 60)


def test_rows(run):
    """Exchange and queue as configured; each row once, markers around them; what no queue wants is told."""
    server = servers.RabbitMQ(run)
    d, port = start(run, server, "amqp_exchange: flows\namqp_exchange_type: topic\namqp_routing_key: acct.$peer_src_ip\namqp_markers: true\n")
    send(run, port, netflow.flows(3))
    d.wait_log(r"WARN .*AMQP: \d+ messages had a routing key that no queue of exchange 'flows' is bound to")
    server.queue("one", "flows", "acct.127_0_0_1")
    flows = netflow.flows(500, dport=80)
    send(run, port, flows, sequence=100)
    run.wait(lambda: (server.length("one") or 0) >= 502, "all to arrive", 30)
    d.stop()
    rows = server.take("one", server.length("one"))
    assert sums(r for r in rows if r.get("port_dst") in (None, 80)) == want(flows)
    sent = {f["src"]: f for f in flows}
    for r in data(rows):
        f = sent.pop(r["ip_src"])
        assert (r["port_src"], r["packets"], r["bytes"], r["peer_ip_src"]) == (f["sport"], f["packets"], f["bytes"], "127.0.0.1")
    closed = [r["purged_entries"] for r in rows if r["event_type"] == "purge_close"]
    assert sum(closed) == 500
