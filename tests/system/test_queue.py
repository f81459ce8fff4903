# SPDX-License-Identifier: BSD-2-Clause
"""Datagrams out of Kafka and ZeroMQ: single messages that kcat sends, and what a replicator puts there; collectors that share a topic, and one
of them that is killed. Apache Kafka where it can be had, else the mock cluster of librdkafka; each case says which."""
import collections
import contextlib
import os
import pathlib
import re
import signal
import socket
import time

import netflow
import packets
import servers
import sflow
from test_sflow import COUNTERS

NOW = int(time.time())
PRINT = """
    plugins: print[p]
    aggregate: {aggregate}
    print_output: json
    print_output_file: @DIR@/{name}.json
    print_output_file_append: true
    print_refresh_time: {refresh}
    """


def message(datagram, source="192.0.2.7", port=4000):
    """As a transparent replicator has it."""
    to = "2001:db8::1" if ":" in source else "198.51.100.1"
    return packets.ip(source, to, 17, packets.udp(port, 2055, datagram))


def produce(run, cluster, topic, messages):
    paths = [run.dir / f"message{n}" for n in range(len(messages))]
    for path, m in zip(paths, messages):
        path.write_bytes(m)
    run.call("kcat", "-P", "-b", cluster.broker, "-t", topic, *paths)


def reader(run, cluster, name="out", more="", aggregate="src_host, peer_src_ip, flows", refresh=3600, daemon="nfacctd", what="NetFlow/IPFIX"):
    run.write("fast.conf", "global, auto.offset.reset, earliest\nglobal, session.timeout.ms, 6000\nglobal, heartbeat.interval.ms, 500\n")
    d = run.daemon(daemon, config=PRINT.format(aggregate=aggregate, name=name, refresh=refresh) + f"""
        {daemon}_kafka_broker_host: {cluster.broker}
        {daemon}_kafka_topic: flows
        {daemon}_kafka_config_file: @DIR@/fast.conf
        {more}""")
    d.wait_log(rf"INFO .*reading {what} data from Kafka {cluster.broker}:flows")
    return d


def numbers(run, d, pattern=r"stats \[[^]]*:flows\] (\w+=.*)"):
    """All counters of the input that SIGUSR1 tells."""
    return {k: int(v) for line in re.findall(pattern, d.ask()) for k, v in re.findall(r"(\w+)=(-?\d+)", line)}


def test_kafka(run):
    """Datagrams with the address of their exporter, of both families; what is none is told with its offset; the next daemon goes on where the
    last one left, and reads nothing twice."""
    cluster = servers.kafka(run, "flows")
    good = [message(m) for m in netflow.export(netflow.V9, netflow.flows(40), NOW)]
    six = [message(m, "2001:db8::7") for m in netflow.v5(netflow.flows(5, src="10.9.9.9"), NOW)]
    bad = [b"x" * 40, b"", message(b"y" * 30)[:40], packets.ip("192.0.2.7", "192.0.2.8", 6, packets.tcp(1, 2))]
    produce(run, cluster, "flows", [good[0]])  # the template, before what goes to other partitions
    d = reader(run, cluster)
    run.wait(lambda: numbers(run, d)["messages"] == 1, "the first message", 60)
    produce(run, cluster, "flows", good[1:] + six + [m for m in bad if m])
    run.wait(lambda: numbers(run, d)["messages"] == 1 + len(good[1:] + six) + 3, "all messages", 60)
    seen = numbers(run, d)
    assert (seen["datagrams"], seen["not_udp"] + seen["cut"], seen["waiting"], seen["missed"], seen["read_again"]) == \
        (len(good + six), 3, 0, 0, 0), seen
    d.wait_log(r"WARN .*Kafka .*: partition \d, offset \d+: \d+ octets that are no datagram")
    d.stop()
    rows = run.rows("out.json")
    assert sum(r["flows"] for r in rows) == 45 and {r["peer_ip_src"] for r in rows} == {"192.0.2.7", "2001:db8::7"}
    produce(run, cluster, "flows", [message(m) for m in netflow.v5(netflow.flows(7, src="10.8.8.8"), NOW)])
    d = reader(run, cluster, "next")
    run.wait(lambda: numbers(run, d)["messages"] == 1, "the message that came meanwhile", 60)
    d.stop()
    assert sum(r["flows"] for r in run.rows("next.json")) == 7


def test_kafka_sflow(run):
    cluster = servers.kafka(run, "flows")
    sample = sflow.datagram([sflow.counter_sample(1, COUNTERS)], sequence=1, agent="192.0.2.9")
    d = reader(run, cluster, daemon="sfacctd", what="sFlow", aggregate="src_host",
               more="sfacctd_counter_file: @DIR@/counters.json\nsfacctd_counter_output: json")
    produce(run, cluster, "flows", [message(sample)])
    run.wait_file("counters.json", 60)
    d.stop()


def replicator(run, receivers):
    """A tee that puts datagrams into queues."""
    run.write("receivers.lst", "\n".join(receivers) + "\n")
    d, port = run.nfacctd("plugins: tee[t]\ntee_receivers[t]: @DIR@/receivers.lst\ntee_transparent: true")
    d.wait_log(r"t/tee \): .*map successfully")
    return d, port


def alive(pid):
    """Nobody collects a process whose parent was killed: it may stay as a zombie."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def shared(run, group):
    """Waits until each has one of the partitions at least."""
    run.wait(lambda: all(numbers(run, d)["partitions"] > 0 for d in group), "each to have partitions", 60)


def test_group(run):
    """Four collectors share a topic; one is killed while they read. No flow is lost; what was read twice is counted here."""
    cluster = servers.kafka(run, "flows")
    made = netflow.flows(60000)
    tee, port = replicator(run, [f"id=1 kafka_broker={cluster.broker} kafka_topic=flows"])
    group = [reader(run, cluster, f"c{n}", refresh=1, more="plugin_exit_any: true") for n in range(4)]

    shared(run, group)
    parts = [list(netflow.v5(made[n::12], NOW)) for n in range(12)]  # twelve exporters

    def send(which):
        for n, part in enumerate(parts):
            run.send(port, part[which], source=f"127.0.1.{n + 1}")

    half = len(parts[0]) // 2
    send(slice(0, half))
    run.wait(lambda: sum(numbers(run, d)["messages"] > 50 for d in group) > 1, "them to be at work", 60)
    victim = max(group, key=lambda d: numbers(run, d)["messages"])
    children = list(victim.children().values())
    send(slice(half, half + 40))
    os.kill(victim.pid, signal.SIGKILL)
    send(slice(half + 40, None))
    tee.stop()
    left = [d for d in group if d is not victim]

    def rows():
        return [r for n in range(4) if (run.dir / f"c{n}.json").exists() for r in run.rows(f"c{n}.json")]

    def whole():
        return len({r["ip_src"] for r in rows()}) == len(made)

    run.wait(whole, f"all {len(made)} flows", 120)
    run.wait(lambda: not any(map(alive, children)), "the plugin of the killed one to end", 30)
    for d in left:
        d.stop()
    count = collections.Counter()
    for r in rows():
        count[r["ip_src"]] += r["flows"]
    assert len(count) == len(made) and victim.process.wait() == -signal.SIGKILL
    again = sum(count.values()) - len(made)
    print(f"{len(made)} flows by four collectors, one killed: none lost, {again} counted twice ({again / len(made):.1%})")
    assert again < len(made) / 4, "a commit each second leaves less than that"
    assert max(count.values()) <= 2


test_group.limit = 400


def test_exporters_stay(run):
    """A replicator gives the messages of an exporter one key, so one collector of a group has its templates."""
    cluster = servers.kafka(run, "flows")
    tee, port = replicator(run, [f"id=1 kafka_broker={cluster.broker} kafka_topic=flows"])
    group = [reader(run, cluster, f"c{n}") for n in range(2)]
    shared(run, group)
    for n in range(1, 9):
        run.send(port, netflow.export(netflow.IPFIX, netflow.flows(200), NOW, size=5), source=f"127.0.1.{n}")
    tee.stop()
    where = collections.defaultdict(set)
    for line in cluster.read("flows", "%k %p\n"):
        key, partition = line.rsplit(" ", 1)
        where[key].add(partition)
    assert sorted(where) == [f"127.0.1.{n}" for n in range(1, 9)] and {len(p) for p in where.values()} == {1}, where
    run.wait(lambda: sum(numbers(run, d)["messages"] for d in group) == 8 * 41, "all messages", 60)
    for d in group:
        d.stop()
    files = [run.rows(f"c{n}.json") for n in range(2) if (run.dir / f"c{n}.json").exists()]
    assert sum(r["flows"] for rows in files for r in rows) == 1600


def test_zmq(run):
    """Two collectors share what a replicator pushes; IPv6 exporters too; what is no datagram is counted."""
    address = f"127.0.0.1:{run.port(socket.SOCK_STREAM)}"
    tee, port = replicator(run, [f"id=1 zmq_address={address}"])
    group = []
    for n in range(2):
        d = run.daemon("nfacctd", config=PRINT.format(aggregate="src_host, peer_src_ip, flows", name=f"c{n}", refresh=3600) +
                       f"nfacctd_zmq_address: {address}")
        d.wait_log(rf"INFO .*reading NetFlow/IPFIX data from ZeroMQ {address}")
        group.append(d)

    def took():
        total = 0
        for d in group:
            before = len(re.findall(r"stats \[tcp://.*messages=", d.text()))
            d.send_signal(signal.SIGUSR1)
            total += int(d.wait_log(r"stats \[tcp://[^]]*\] messages=(\d+)", count=before + 1)[1])
        return total

    sent = list(netflow.v5(netflow.flows(30000), NOW))
    run.send(port, sent[:10])
    run.wait(lambda: took() == 10, "the first messages", 30)
    for done in range(10, len(sent), 90):  # what a queue has no room for is dropped, and counted
        run.send(port, sent[done:done + 90])
        run.wait(lambda done=done: took() == len(sent[:done + 90]), "all messages")
    for d in [*group, tee]:
        d.stop()
    rows = [r for n in range(2) for r in run.rows(f"c{n}.json")]
    assert sum(r["flows"] for r in rows) == 30000 and {r["peer_ip_src"] for r in rows} == {"127.0.0.1"}
    assert min(len(run.rows(f"c{n}.json")) for n in range(2)) > 0


def test_keys(run):
    """One input, whole."""
    for lines, message_ in ((("nfacctd_kafka_topic: t", "nfacctd_kafka_broker_host: h", "nfacctd_port: 1"), "nfacctd_kafka_broker_host and nfacctd_port"),
                            (("nfacctd_zmq_address: h:1", "pcap_savefile: /etc/hostname"), "pcap_savefile and nfacctd_zmq_address"),
                            (("nfacctd_kafka_topic: t", "nfacctd_kafka_broker_host: h", "nfacctd_zmq_address: h:1"),
                             "nfacctd_kafka_broker_host and nfacctd_zmq_address"),
                            (("nfacctd_kafka_topic: t",), "nfacctd_kafka_topic needs nfacctd_kafka_broker_host")):
        path = run.config("daemonize: false\nplugins: print\n" + "\n".join(lines))
        run.run_program("nfacctd", "--check-config", "-f", path, expect=1)
        assert message_ in run.stderr, run.stderr
