# SPDX-License-Identifier: BSD-2-Clause
"""Messages to brokers: sFlow counters to a real RabbitMQ, and to the mock cluster of librdkafka in a process of its own. Clients that are not
ours read them; brokers are killed and come back."""
import re
import signal

import servers
import sflow
from test_sflow import COUNTERS, printer, sfacctd


def counters(n, first=1, agent="192.0.2.1"):
    """n datagrams with one sample each, numbered."""
    return [sflow.datagram([sflow.counter_sample(i, COUNTERS)], sequence=i, agent=agent) for i in range(first, first + n)]


def stats(d, sink):
    """What SIGUSR1 says of a sink: (written, lost, waiting)."""
    pattern = rf"sfacctd_counter sink={sink} written=(\d+) lost=(\d+) waiting=(\d+)"
    before = len(re.findall(pattern, d.text()))
    d.send_signal(signal.SIGUSR1)
    found = d.wait_log(pattern, count=before + 1)
    return tuple(int(x) for x in found.groups())


def numbers(rows):
    """Of the samples, in order; the first object of an agent is a log_init."""
    return [r["sflow_cnt_seq"] for r in rows if r["event_type"] == "log"]


def later(server, queue, than):
    """The numbers of all that a queue holds, without those that were taken before: a server that is killed may have forgotten that."""
    return [n for n in numbers(server.take(queue, server.length(queue))) if n > than]


def amqp(run, server, more=""):
    return sfacctd(run, printer(run, "src_host") + f"""
        sfacctd_counter_amqp_host: 127.0.0.1
        sfacctd_counter_amqp_port: {server.port}
        sfacctd_counter_amqp_retry: 1
        {more}""")


def test_amqp(run):
    """Each message once, in order, under the key of its agent; killed and started again, nothing is lost."""
    server = servers.RabbitMQ(run)
    d, port = amqp(run, server, """
        sfacctd_counter_amqp_exchange: counters
        sfacctd_counter_amqp_exchange_type: topic
        sfacctd_counter_amqp_routing_key: sflow.$peer_src_ip
        sfacctd_counter_amqp_persistent_msg: true
        sfacctd_counter_amqp_heartbeat_interval: 5
        sfacctd_counter_amqp_frame_max: 8192""")
    d.wait_log(rf"INFO .*AMQP 127\.0\.0\.1:{server.port}: connected")
    for name, key in (("one", "sflow.192_0_2_1"), ("six", "sflow.2001_db8__6")):
        server.queue(name, "counters", key)
    run.send(port, counters(200) + counters(3, agent="2001:db8::6"))
    run.wait(lambda: stats(d, "amqp") == (205, 0, 0), "all to be confirmed", 30)
    assert numbers(server.take("one", 201)) == list(range(1, 201))
    assert numbers(server.take("six", 4)) == [1, 2, 3]
    server.kill()
    d.wait_log(r"WARN .*AMQP .* messages wait")
    run.send(port, counters(300, first=201))
    assert stats(d, "amqp") == (205, 0, 300)
    server.start()
    run.wait(lambda: stats(d, "amqp") == (505, 0, 0), "what waited to be confirmed", 60)
    assert later(server, "one", 200) == list(range(201, 501))
    # killed while messages go out: all of them arrive, some perhaps twice, none counted as lost
    sent = counters(2000, first=501)
    run.send(port, sent[:1000])
    server.kill()
    run.send(port, sent[1000:])
    server.start()
    run.wait(lambda: stats(d, "amqp") == (2505, 0, 0), "all to be confirmed", 60)
    assert sorted(set(later(server, "one", 500))) == list(range(501, 2501))
    d.stop()


def test_amqp_away(run):
    """A server that is not there, and one that refuses: flows go on, messages wait, and are told of at the end."""
    server = servers.RabbitMQ(run)
    d, port = amqp(run, server, """
        sfacctd_counter_amqp_routing_key: x
        sfacctd_counter_amqp_passwd: wrong""")
    d.wait_log(r"WARN .*AMQP .*: login: .*next try in 1 s, 0 messages wait")
    run.send(port, counters(10))
    assert stats(d, "amqp") == (0, 0, 11)
    d.stop()
    d.wait_log(r"WARN .*'x' did not take all in time: 11 messages more are lost")
    # more than there is room for is dropped and counted
    d, port = amqp(run, server, "sfacctd_counter_amqp_routing_key: x\nsfacctd_counter_amqp_vhost: /none")
    many = [sflow.datagram([sflow.counter_sample(i * 20 + k, COUNTERS) for k in range(20)], sequence=i, agent="192.0.2.1")
            for i in range(1, 3001)]
    run.send(port, many)

    def settled():
        written, lost, waiting = stats(d, "amqp")
        return written == 0 and lost > 0 and lost + waiting == 60001

    run.wait(settled, "all to wait or to be lost", 30)
    d.stop()


def kafka(run, broker, more, ready=True):
    return sfacctd(run, printer(run, "src_host") + f"""
        sfacctd_counter_kafka_broker_host: {broker}
        sfacctd_counter_kafka_retry: 1
        {more}""", ready=ready)


def test_kafka_mock(run):
    """Each message once, on the topic of its agent, with its key; the broker goes and comes back, nothing is lost."""
    cluster = servers.MockKafka(run, "sflow.192_0_2_1", "sflow.2001_db8__6")
    d, port = kafka(run, cluster.broker, """
        sfacctd_counter_kafka_topic: sflow.$peer_src_ip
        sfacctd_counter_kafka_partition_key: agent $peer_src_ip""")
    run.send(port, counters(200) + counters(3, agent="2001:db8::6"))
    run.wait(lambda: stats(d, "kafka") == (205, 0, 0), "all to be confirmed", 30)
    assert numbers(cluster.rows("sflow.192_0_2_1")) == list(range(1, 201))  # one key, one partition: in order
    assert set(cluster.read("sflow.2001_db8__6", "%k\n")) == {"agent 2001:db8::6"}
    cluster.tell("down")
    run.send(port, counters(300, first=201))
    d.wait_log(r"WARN .*Kafka ")
    assert stats(d, "kafka") == (205, 0, 300)
    cluster.tell("up")
    run.wait(lambda: stats(d, "kafka") == (505, 0, 0), "what waited to be confirmed", 60)
    assert numbers(cluster.rows("sflow.192_0_2_1")) == list(range(1, 501))
    d.stop()


def test_kafka_mock_settings(run):
    """Fixed partition, settings out of a file; brokers without a port get that of the key; what never goes out is told."""
    cluster = servers.MockKafka(run, "sflow")
    run.write("kafka.conf", "topic, request.required.acks, 1\nglobal, message.max.bytes, 1000\n")
    host, port_of = cluster.broker.rsplit(":", 1)
    d, port = kafka(run, host, f"""
        sfacctd_counter_kafka_broker_port: {port_of}
        sfacctd_counter_kafka_topic: sflow
        sfacctd_counter_kafka_partition: 3
        sfacctd_counter_kafka_config_file: {run.dir}/kafka.conf""")
    d.wait_log(r"NOTICE .*Kafka: the producer is not idempotent: .*acks")
    run.send(port, counters(20))
    run.wait(lambda: stats(d, "kafka") == (21, 0, 0), "all to be confirmed", 30)
    assert set(cluster.read("sflow", "%p\n")) == {"3"}
    cluster.tell("down")
    run.send(port, counters(5))
    d.stop()
    d.wait_log(r"WARN .*'sflow' did not take all in time: 5 messages more are lost")
    run.write("kafka.conf", "global, no.such.key, 1\n")
    d, _ = kafka(run, cluster.broker, f"sfacctd_counter_kafka_topic: x\nsfacctd_counter_kafka_config_file: {run.dir}/kafka.conf", ready=False)
    assert d.wait() == 1 and d.said(r"kafka\.conf:1\] key=no\.such\.key")


def test_bad_names(run):
    """A variable that there is not is refused with its place."""
    for key in ("amqp_routing_key", "kafka_topic"):
        path = run.config(f"daemonize: false\nplugins: print\nsfacctd_counter_{key}: a.$peer_ip_src")
        run.run_program("sfacctd", "--check-config", "-f", path, expect=1)
        lacks = "this build has no" in run.stderr
        assert f".conf:3: sfacctd_counter_{key}: " in run.stderr and (lacks or "there is no variable $peer_ip_src here" in run.stderr), run.stderr
