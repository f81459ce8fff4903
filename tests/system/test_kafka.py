# SPDX-License-Identifier: BSD-2-Clause
"""The plugin kafka: against Apache Kafka where that can be had, else the mock cluster of librdkafka; each case says which. kcat reads."""
import collections
import json
import re
import signal
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
    assert d.said(r"QN: 500/500") and not d.said("is not idempotent")


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


def test_slow_at_the_end(run):
    """Brokers that say nothing for five seconds while the daemon ends, without a spool: they are waited for, and nothing is sent twice."""
    cluster = servers.MockKafka(run, "acct")
    d, port = run.nfacctd(BASE.format(broker=cluster.broker, refresh=3600).replace("spool_dir: @DIR@/spool", "kafka_topic: acct"))
    flows = netflow.flows(100)
    send(run, port, flows)
    run.wait(lambda: d.ask().count("taken records=100 "), "all to be taken")
    cluster.process.send_signal(signal.SIGSTOP)
    d.send_signal(signal.SIGINT)
    d.wait_log("Purging cache - START")
    began = time.monotonic()
    run.wait(lambda: time.monotonic() > began + 5 or d.said("Purging cache - END"), "time to pass")
    cluster.process.send_signal(signal.SIGCONT)
    assert d.wait() == 0
    assert sums(cluster.rows("acct")) == want(flows) and not d.said("no confirmation"), d.text()


def test_names_and_keys(run):
    """Topics by variables, in turn and by time; keys of messages; fixed partitions; the partition that a key chooses."""
    cluster = servers.kafka(run, "acct.127_0_0_1", "rr_0", "rr_1", "rr_2", "year.2026", "year.2027", "fixed", "keyed")
    flows = netflow.flows(90, dport=443)

    def ran(more):
        d, port = start(run, cluster, more, refresh=3600)
        send(run, port, flows)
        d.stop()
        assert spooled(run) == 0

    ran("kafka_topic: acct.$peer_src_ip")
    assert sums(cluster.rows("acct.127_0_0_1")) == want(flows)
    ran("kafka_topic: rr\nkafka_topic_rr: 3")
    turns = [cluster.rows(f"rr_{n}") for n in range(3)]
    assert [len(t) for t in turns] == [30, 30, 30] and sums(sum(turns, [])) == want(flows)
    ran("kafka_topic: year.%Y")
    assert sums(cluster.rows(time.strftime("year.%Y", time.gmtime()))) == want(flows)
    ran("kafka_topic: fixed\nkafka_partition: 2")
    assert cluster.read("fixed", "%p\n") == ["2"] * 90
    ran("kafka_topic: keyed\nkafka_partition_dynamic: true\nkafka_partition_key: $src_host/$src_port/$dst_port/$proto/$in_iface/$tag")
    seen = [line.split(" ", 2) for line in cluster.read("keyed", "%k %p %s\n")]
    for key, _, text in seen:
        r = json.loads(text)
        # in_iface and tag are not counted by
        assert key == "{}/{}/443/6/0/0".format(r["ip_src"].replace(".", "_"), r["port_src"]), (key, r)
    assert len(seen) == 90 and len({p for _, p, _ in seen}) > 1
    assert len({(k, p) for k, p, _ in seen}) == 90


def test_headers(run):
    """Headers as configured; $batch is the same for the messages of one purge, and another for the next one."""
    cluster = servers.kafka(run, "acct")
    for _ in range(2):
        d, port = start(run, cluster, "kafka_topic: acct\nkafka_headers: site=ams1, purge=$batch", refresh=3600)
        send(run, port, netflow.flows(20))
        d.stop()
    headers = collections.Counter(cluster.read("acct", "%h\n"))
    assert len(headers) == 2 and set(headers.values()) == {20}
    assert all(re.fullmatch(r"site=ams1,purge=[0-9a-f]{32}", h) and not h.endswith("0" * 32) for h in headers), headers


def test_several_rows_a_message(run):
    """kafka_multi_values: as many rows as have room, a newline behind each, those of one key together; the sums are the same."""
    cluster = servers.kafka(run, "many", "keyed")
    flows = netflow.flows(3000)
    d, port = start(run, cluster, "kafka_topic: many\nkafka_multi_values: 10000\nkafka_markers: true", refresh=3600)
    send(run, port, flows)
    d.stop()
    d.wait_log(r"QN: 3000/3000")
    texts = cluster.messages("many")
    full = [t for t in texts if t.count('"purge"') > 1]
    assert sum(t.count("\n") for t in full) == sum(t.count('"purge"') for t in full)
    assert all(len(t) <= 10000 for t in full) and len(full) < 120
    rows = [json.loads(line) for t in texts for line in t.splitlines() if line]
    assert sums(rows) == want(flows)
    assert [r["purged_entries"] for r in rows if r["event_type"] == "purge_close"] == [3000]
    # by key: each message has one
    more = netflow.flows(40, src="198.51.100.1") + netflow.flows(40, src="198.51.100.2")
    d, port = start(run, cluster, "kafka_topic: keyed\nkafka_multi_values: 100000\nkafka_partition_key: $src_host", refresh=3600)
    send(run, port, more)
    d.stop()
    texts = cluster.messages("keyed", "%k %s")
    assert sorted(t.split(" ")[0] for t in texts) == ["198_51_100_1", "198_51_100_2"]
    assert all(t.count('"198.51.100.' + t.split(" ")[0][-1] + '"') == 40 for t in texts)


def test_configuration(run):
    """What cannot be is refused, with its place."""
    for text, expected in (("kafka_topic: a b", r":2: kafka_topic: 'a b' is no name of a topic"),
                           ("kafka_topic: x.$peer_ip", r":2: kafka_topic: there is no variable $peer_ip here"),
                           ("kafka_topic: x.$src_host", r":2: kafka_topic: there is no variable $src_host here"),
                           ("kafka_partition_key: $nobody", r":2: kafka_partition_key: there is no variable $nobody here"),
                           ("kafka_topic: x.%Q", r":2: kafka_topic: 'x.%Q': no such time conversion: '%Q'"),
                           ("kafka_partition_dynamic: true", r":2: kafka_partition_dynamic: set kafka_partition_key"),
                           ("kafka_partition: 1\nkafka_partition_dynamic: true\nkafka_partition_key: x", r":3: kafka_partition_dynamic: "),
                           ("writer_id_string: $who", r":2: writer_id_string: there is no variable $who here"),
                           ("kafka_headers: a=$who", ":2: kafka_headers: there is no variable $who here"),
                           ("kafka_headers: a", ":2: kafka_headers: 'a': name=value is expected"),
                           ("kafka_output: custom", r":2: kafka_output: custom: libraries of others are not loaded"),
                           ("kafka_config_file: @DIR@/none", r"none")):
        if not run.has("tests/system/kafkactl"):
            run.skip("built without librdkafka")
        path = run.config(f"plugins: kafka[k]\n{text}\n")
        run.run_program("nfacctd", "--check-config", "-f", path, expect=1)
        assert expected in run.stderr, (text, run.stderr)


def test_away_for_long(run):
    """Brokers away for more than ten intervals, and for more than the spool holds: the oldest that is not on its way already goes, counted; the rest arrives once."""
    cluster = servers.kafka(run, "acct")
    d, port = start(run, cluster, "kafka_topic: acct\nspool_max_size: 60K")
    cluster.kill()
    lots = [netflow.flows(200, dport=1000 + n) for n in range(12)]
    for n, lot in enumerate(lots):
        before = len(d.text().split("Purging cache - START"))
        send(run, port, lot, sequence=1 + 10 * n)
        run.wait(lambda: len(d.text().split("Purging cache - START")) > before + 1 or d.said("makes room"), "an interval to pass", 20)
    d.wait_log(r"ERROR .*the spool is full, its oldest purge makes room", seconds=30)
    cluster.start()
    confirmed(run, d)
    d.stop()
    lost = [tuple(map(int, found)) for found in
            re.findall(r"makes room \(spool_max_size\): (\d+) rows dropped \((\d+) packets, (\d+) bytes", d.text())]
    got, all_of = sums(cluster.rows("acct")), want(*lots)
    assert lost and 0 < got[0] < all_of[0]
    assert tuple(sum(column) for column in zip(got, *lost)) == all_of
    assert 1011 in {r["port_dst"] for r in cluster.rows("acct")} and 1001 not in {r["port_dst"] for r in cluster.rows("acct")}


def test_too_large(run):
    """A topic that takes only short messages: long ones are split by rows, single rows that are too long are dropped and counted."""
    cluster = servers.kafka(run)
    if not cluster.real:
        run.skip("the mock cluster takes messages of any length")
    cluster.create("small", max_message_bytes=1500)
    cluster.create("tiny", max_message_bytes=200)
    flows = netflow.flows(300)
    d, port = start(run, cluster, "kafka_topic: small\nkafka_multi_values: 20000", refresh=3600)
    send(run, port, flows)
    d.stop(seconds=120)
    assert sums(cluster.rows("small")) == want(flows) and spooled(run) == 0
    flows = netflow.flows(30)
    run.write("plain.conf", "global, compression.codec, none\n")
    d, port = start(run, cluster, "kafka_topic: tiny\nkafka_config_file: @DIR@/plain.conf", refresh=3600)
    send(run, port, flows)
    d.send_signal(signal.SIGUSR1)
    d.stop(seconds=60)
    rows, packets, octets = want(flows)
    d.wait_log(rf"ERROR .*too large for the broker: {rows} rows dropped \({packets} packets, {octets} bytes")
    assert d.said(r"QN: 0/30") and spooled(run) == 0 and cluster.rows("tiny") == []


def test_topic_missing(run):
    """Auto-create is off: what has no topic waits in the spool, alone; other topics get theirs, of later purges too; once it is made, all is
    there once."""
    cluster = servers.kafka(run)
    if not cluster.real:
        run.skip("the mock cluster makes topics")
    cluster.create("peer.127_0_0_1")
    there, missing = "127.0.0.1", "127.0.0.2"
    lots = {source: [netflow.flows(50, dport=1000 * n + k) for k in range(3)] for n, source in enumerate((there, missing), 1)}

    def arrived(source):
        return sums(cluster.rows("peer." + source.replace(".", "_")))

    d, port = start(run, cluster, "kafka_topic: peer.$peer_src_ip", refresh=2)
    for k in range(3):
        for source, of in lots.items():
            send(run, port, of[k], source=source, sequence=1 + 10 * k)
        d.wait_log(r"ERROR .*50 messages were not delivered: .*waits in the spool", seconds=30)
        run.wait(lambda: arrived(there) == want(*lots[there][:k + 1]), "the rows of the topic that is there", 20)
    d.stop(seconds=60)
    d.wait_log(r"stay in the spool .*\({1} packets, {2} bytes\)".format(*want(*lots[missing])))
    d, port = start(run, cluster, "kafka_topic: peer.$peer_src_ip", refresh=2)
    cluster.create("peer.127_0_0_2")
    confirmed(run, d)
    d.stop()
    for source, of in lots.items():
        assert arrived(source) == want(*of), source
