# SPDX-License-Identifier: BSD-2-Clause
"""The plugin kafka: against Apache Kafka where that can be had, else the mock cluster of librdkafka; each case says which. kcat reads."""
import time

import netflow
import servers

BASE = """
    plugins: kafka[k]
    aggregate: src_host, dst_host, src_port, dst_port, proto, tos, peer_src_ip
    kafka_refresh_time: {refresh}
    kafka_broker_host: {broker}
    spool_dir: @DIR@/spool
    """


def start(run, cluster, more, refresh=1, ready=True):
    return run.nfacctd(BASE.format(broker=cluster.broker, refresh=refresh) + more, ready=ready)


def data(rows):
    return [r for r in rows if r["event_type"] == "purge"]


def sums(rows):
    """(rows, packets, bytes) of data rows."""
    rows = data(list(rows))
    return len(rows), sum(r["packets"] for r in rows), sum(r["bytes"] for r in rows)


def want(*lots):
    totals = [netflow.totals(lot) for lot in lots]
    return tuple(sum(t[key] for t in totals) for key in ("flows", "packets", "bytes"))


def spooled(run):
    return len(list(run.dir.glob("spool/*/*.batch")))


def send(run, port, flows, sequence=1, **more):
    run.send(port, netflow.export(9, flows, int(time.time()), sequence=sequence), **more)


def confirmed(run, d):
    """All that was purged has left the spool."""
    run.wait(lambda: spooled(run) == 0, "the spool to be empty", 60)


def test_rows_and_markers(run):
    """Every field as sent, once; markers around each purge with the rows that were confirmed, under the writer's id."""
    cluster = servers.kafka(run, "acct")
    flows = netflow.flows(500)
    d, port = start(run, cluster, """
        kafka_topic: acct
        kafka_markers: true
        writer_id_string: $proc_name.$writer_pid""", refresh=3600)
    send(run, port, flows)
    d.stop()
    rows = cluster.rows("acct")
    assert sums(rows) == want(flows)
    sent = {(f["src"], f["dst"], f["sport"], f["dport"]): f for f in flows}
    for r in data(rows):
        f = sent.pop((r["ip_src"], r["ip_dst"], r["port_src"], r["port_dst"]))
        assert (r["packets"], r["bytes"], r["tos"], r["peer_ip_src"]) == (f["packets"], f["bytes"], f["tos"], "127.0.0.1"), (r, f)
        assert list(r)[0] == "event_type" and list(r)[-1] == "writer_id"
    pid = d.said(r"Purging cache - START \(PID: (\d+)\)")[1]
    assert {r["writer_id"] for r in rows} == {f"k.{pid}"}
    close = [r for r in rows if r["event_type"] == "purge_close"]
    assert len([r for r in rows if r["event_type"] == "purge_init"]) == 1
    assert [(c["purged_entries"], c["total_entries"]) for c in close] == [(500, 500)]
    assert d.said(r"QN: 500/500")


def test_broker_dies(run):
    """Killed with messages under way, and again at some moment of a purge; started anew each time. Every row arrives once."""
    cluster = servers.kafka(run, "acct")
    lots = [netflow.flows(2000), netflow.flows(2000, dport=80), netflow.flows(60000, dport=53)]
    d, port = start(run, cluster, "kafka_topic: acct")
    send(run, port, lots[0])
    d.wait_log(r"QN: [1-9]")
    confirmed(run, d)
    cluster.freeze()
    send(run, port, lots[1], sequence=100)
    d.wait_log(r"ERROR .*no confirmation for .*waits in the spool", seconds=30)
    cluster.kill()
    assert spooled(run) > 0
    cluster.start()
    confirmed(run, d)
    send(run, port, lots[2], sequence=200)
    run.wait(lambda: spooled(run) > 0 or d.said(r"QN: \d{5}/"), "a purge to begin")
    cluster.kill()
    cluster.start()
    d.stop()
    assert spooled(run) == 0
    assert sums(cluster.rows("acct")) == want(*lots)
