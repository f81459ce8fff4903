# SPDX-License-Identifier: BSD-2-Clause
"""What takes minutes, in daemons that live forty times as fast (libfaketime). *_dump_time_slots: peers are spread over the parts of the period by their address, and stay where
they are, also when the clock jumps. telemetry_daemon_peer_timeout: who is silent is forgotten."""
import json
import re

import bgp
import bmp
import servers
import test_bmp
import test_telemetry
from test_faults import libfaketime

PEERS = [f"127.0.0.{n}" for n in range(11, 23)]
PERIOD, SLOTS, SPEED, JUMP = 60, 4, 40, 35
PART = PERIOD // SLOTS


def fast(run, speed=SPEED):
    """Makes programs that start from now on live faster; returns what makes their clocks jump ahead by so many seconds."""
    if run.sanitized:
        run.skip("the sanitizers' and libfaketime's ways to load exclude each other")
    offset = run.write("clock", f"+0 x{speed}")
    run.env |= {"LD_PRELOAD": str(libfaketime(run)), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1"}
    return lambda seconds: run.write("clock.new", f"+{seconds} x{speed}").replace(offset)


def dumps(run):
    """{peer: nominal times of its dumps}"""
    found = {}
    for path in run.dir.glob("dump-*"):
        peer, at = re.fullmatch(r"dump-([0-9_]+)-(\d+)", path.name).groups()
        found.setdefault(peer.replace("_", "."), set()).add(int(at))
    return found


def more(run, rounds):
    """Waits until each peer has so many dumps more than now."""
    before = dumps(run)
    run.wait(lambda: all(len(dumps(run).get(p, ())) >= len(before.get(p, ())) + rounds for p in PEERS), f"{rounds} dumps of each peer", 60)


def spread(run, jump):
    more(run, 2)
    jump(JUMP)
    more(run, 1)
    slots = {}
    for peer, times in dumps(run).items():
        assert all(at % PART == 0 for at in times), (peer, times)
        assert len({at // PART % SLOTS for at in times}) == 1, f"{peer} changes its slot: {sorted(at // PART % SLOTS for at in times)}"
        slots[peer] = min(times) // PART % SLOTS
    assert sorted(slots) == PEERS and len(set(slots.values())) > 1, slots


def keys(name, variable):
    return f"{name}_file: @DIR@/dump-{variable}-%s\n{name}_refresh_time: {PERIOD}\n{name}_time_slots: {SLOTS}\n"


def test_dump_slots_telemetry(run):
    jump = fast(run)
    d, port = test_telemetry.collector(run, keys("telemetry_dump", "$telemetry_node"))
    sessions = [test_telemetry.session(port, peer) for peer in PEERS]
    spread(run, jump)
    for s in sessions:
        test_telemetry.finish(s)
    d.stop()


def test_dump_slots_bgp(run):
    jump = fast(run)
    d, port = bgp.pmbgpd(run, keys("bgp_table_dump", "$peer_src_ip") + f"bgp_daemon_max_peers: {len(PEERS)}")
    speakers = [bgp.Speaker(run, port, peer).meet(hold=0) for peer in PEERS]
    spread(run, jump)
    assert d.said(rf"Dumping BGP tables - SLOT [1-{SLOTS}] / {SLOTS}")
    for s in speakers:
        s.close()
    d.stop()


def test_dump_slots_bmp(run):
    jump = fast(run)
    d, port = test_bmp.pmbmpd(run, keys("bmp_dump", "$bmp_router") + f"bmp_daemon_max_peers: {len(PEERS)}")
    routers = [bmp.Router(port, peer, bmp.init()) for peer in PEERS]
    spread(run, jump)
    for r in routers:
        r.close()
    d.stop()


def test_telemetry_peer_timeout(run):
    """A sender of datagrams is forgotten after a time of silence, and its log says so; sessions stay."""
    fast(run)
    udp = run.port()
    d, port = test_telemetry.collector(run, f"telemetry_daemon_port_udp: {udp}\ntelemetry_daemon_peer_timeout: 60\ntelemetry_daemon_msglog_file: @DIR@/log.json")
    s = test_telemetry.session(port)
    s.sendall(b'{"n": 1}')
    run.send(udp, [b'{"n": 2}'], source="127.0.0.2")
    d.wait_log(r"INFO .*\[127\.0\.0\.2(:\d+)?\] telemetry peer removed \(timeout\)\.", 60)
    run.wait(lambda: [r["event_type"] for r in test_telemetry.lines(run) if r["telemetry_node"] == "127.0.0.2"] == ["log_init", "log", "log_close"], "its lines", 60)
    s.sendall(b'{"n": 3}')
    test_telemetry.finish(s)
    assert sorted(m["n"] for m in test_telemetry.wait_data(run, 3)) == [1, 2, 3]
    d.stop()


def test_telemetry_dump_brokers(run):
    """The log to RabbitMQ; dumps to RabbitMQ and to Kafka, each under its own name, with the same messages in both."""
    plain, run.env = run.env, dict(run.env)
    fast(run, 4)  # brokers have to keep up with the daemon's time-outs
    faster, run.env = run.env, plain
    rabbit, cluster = servers.RabbitMQ(run), servers.kafka(run, "dump-127_0_0_2")
    plain, run.env = run.env, faster
    d, port = test_telemetry.collector(run, "".join(f"telemetry_{stream}_amqp_host: 127.0.0.1\ntelemetry_{stream}_amqp_port: {rabbit.port}\n" for stream in ("daemon_msglog", "dump")) + f"""
        telemetry_daemon_msglog_amqp_exchange: tele
        telemetry_daemon_msglog_amqp_exchange_type: topic
        telemetry_daemon_msglog_amqp_routing_key: log.$telemetry_node
        telemetry_dump_amqp_exchange: tele
        telemetry_dump_amqp_exchange_type: topic
        telemetry_dump_amqp_routing_key: dump.$telemetry_node
        telemetry_dump_kafka_broker_host: {cluster.broker}
        telemetry_dump_kafka_topic: dump-$telemetry_node
        telemetry_dump_refresh_time: 60""")
    run.env = plain
    d.wait_log(rf"INFO .*AMQP 127\.0\.0\.1:{rabbit.port}: connected", 60, count=2)
    for queue, key in (("log", "log.127_0_0_2"), ("dump", "dump.127_0_0_2")):
        rabbit.queue(queue, "tele", key)
    s = test_telemetry.session(port, "127.0.0.2")
    s.sendall(test_telemetry.text_of(test_telemetry.UPDATE) + test_telemetry.text_of(test_telemetry.ENVELOPE))
    test_telemetry.finish(s)

    def written():  # (peers, entries) of all dumps: one, or two if it was the full minute
        return [sum(map(int, found)) for found in zip(("0", "0"), *re.findall(r"PEERS: (\d+) ENTRIES: (\d+) ET", d.text()))]
    run.wait(lambda: written()[1] == 2, "a dump of both messages", 120)
    count = 2 * written()[0] + 2
    run.wait(lambda: rabbit.length("log") == 4 and rabbit.length("dump") == count, "all lines in the queues", 60)
    log, dump = rabbit.take("log", 4), rabbit.take("dump", count)
    assert [r["event_type"] for r in log] == ["log_init", "log", "log", "log_close"] and test_telemetry.data(log) == [test_telemetry.UPDATE, test_telemetry.ENVELOPE]
    assert [r["telemetry_data"] for r in dump if r["event_type"] == "dump"] == [test_telemetry.UPDATE, test_telemetry.ENVELOPE], dump
    assert (dump[0]["event_type"], dump[-1]["event_type"]) == ("dump_init", "dump_close"), dump
    run.wait(lambda: len(cluster.rows("dump-127_0_0_2")) == count, "the dump in Kafka", 60)
    same = lambda rows: sorted(json.dumps({k: v for k, v in r.items() if k != "writer_id"}) for r in rows)  # noqa: E731
    assert same(cluster.rows("dump-127_0_0_2")) == same(dump)
    d.stop()
