# SPDX-License-Identifier: BSD-2-Clause
"""pmtelemetryd: streaming telemetry over TCP, UDP, UDP-notif and queues, into files, dumps and brokers. The messages of YANG-push are those of
the drafts' examples."""
import base64
import ctypes
import ctypes.util
import json
import os
import re
import select
import signal
import socket
import struct
import time
import zlib

import harness
import servers
import test_metrics

# draft-ietf-netconf-udp-notif, examples of a push-update; draft-ietf-netconf-notif-envelope: the same in an envelope.
UPDATE = {"ietf-notification:notification": {"eventTime": "2024-02-08T09:41:56.84Z", "ietf-yang-push:push-update": {"id": 101, "datastore-contents": {
    "ietf-interfaces:interfaces": [{"interface": {"name": "eth0", "oper-status": "up", "statistics": {"in-octets": "38497"}}}]}}}}
ENVELOPE = {"ietf-yp-notification:envelope": {"event-time": "2024-10-10T08:00:11.22Z", "hostname": "example-router", "sequence-number": 187653,
                                              "contents": {"ietf-yang-push:push-update": {"id": 6666, "datastore-contents": {}}}}}


def text_of(message):
    return json.dumps(message).encode()


def v1(body, encapsulation=2, kind=1, flags=0):
    return struct.pack(">HHHHI", kind, encapsulation, 1, flags, len(body)) + body


def notif(payload, message_id, media=1, publisher=1, segment=None, last=False, options=b""):
    """UDP-notif, the current header."""
    if segment is not None:
        options += struct.pack(">BBH", 1, 4, segment << 1 | last)
    return struct.pack(">BBHII", 0x20 | media, 12 + len(options), 12 + len(options) + len(payload), publisher, message_id) + options + payload


def collector(run, more, decoder="json", tcp=True, tls=False):
    """pmtelemetryd with a TCP port of its own; returns it and the port."""
    port = run.port(socket.SOCK_STREAM)
    d = run.daemon("pmtelemetryd", config=f"""
        telemetry_daemon_ip: 127.0.0.1
        {f"telemetry_daemon_port_tcp: {port}" if tcp else ""}
        telemetry_daemon_decoder: {decoder}
        {more}""")
    if tcp:
        over = " over TLS" if tls else ""
        d.wait_log(rf"INFO .*waiting for telemetry data{over} on interface=all ip=127\.0\.0\.1 port=\d+/tcp")
    return d, port


def session(port, source="127.0.0.1"):
    s = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def finish(s):
    """Ends a session and waits until the other side has read all of it."""
    s.shutdown(socket.SHUT_WR)
    assert s.recv(1) == b""
    s.close()


def lines(run, name="log.json"):
    return harness.json_lines(run.dir / name)


def data(rows):
    return [r["telemetry_data"] for r in rows if r["event_type"] == "log"]


def wait_data(run, n, name="log.json"):
    run.wait(lambda: len(data(lines(run, name))) >= n, f"{n} messages in {name}")
    return data(lines(run, name))


def stats(run, d):
    """What SIGUSR1 says: {name: counters} of its lines `[name] a=1 b=2`."""
    found = {}
    for name, rest in re.findall(r"\[([^]]+)\] (\S.*)", d.ask()):
        found.setdefault(name, {}).update({k: int(v) for k, v in re.findall(r"(\w+)=(-?\d+)", rest)})
    return found


def dump_figures(port, name):
    """What metrics say of dumps: done, left out, peers and entries in them, entries lost."""
    text = test_metrics.get(port)
    value = lambda family, **labels: test_metrics.value(text, family, dump=name, **labels)  # noqa: E731
    return (value("dumps_total", what="done"), value("dumps_total", what="left_out"), value("dump_peers_total"), value("dump_entries_total"), value("dump_lost_total"))


# --- TCP

def test_telemetry_tcp(run):
    """Messages in pieces of every size: each once, in order; the log's members and their order; the peer comes and goes."""
    d, port = collector(run, "telemetry_daemon_msglog_file: @DIR@/log.json")
    sent = [UPDATE, ENVELOPE, {"brackets": "}{ \" \\"}, {"n": [1, {"deep": [[]]}]}]
    stream = b"".join(text_of(m) + gap for m, gap in zip(sent, (b"", b"\n", b" \r\n", b"")))
    for size in (1, 2, 3, 7, 64, len(stream)):
        s = session(port)
        for at in range(0, len(stream), size):
            s.sendall(stream[at:at + size])
        finish(s)
    d.stop()
    rows = lines(run)
    assert data(rows) == sent * 6, rows
    assert [r["seq"] for r in rows] == list(range(len(rows)))
    assert list(rows[0]) == ["seq", "timestamp", "telemetry_node", "telemetry_node_port", "event_type"], rows[0]
    assert list(rows[1]) == ["event_type", "seq", "timestamp", "telemetry_node", "telemetry_port", "telemetry_data", "serialization"]
    assert rows[0]["event_type"] == "log_init" and rows[len(sent) + 1]["event_type"] == "log_close"
    assert rows[1]["telemetry_node"] == "127.0.0.1" and rows[1]["serialization"] == "json"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", rows[1]["timestamp"])
    d.wait_log(r"INFO .*\[127\.0\.0\.1\] telemetry peers usage: 1/100")


def test_telemetry_verbatim(run):
    """What a sender writes is what is logged: numbers of any length, names that occur twice; only line breaks go."""
    d, port = collector(run, "telemetry_daemon_msglog_file: @DIR@/log.json")
    s = session(port)
    s.sendall(b'{"big": 12345678901234567890123, "f": 1.10, "a":1, "a" : 2, "e": "\\u00e9\xc3\xa9"}{\n  "pretty": [\n    1\n  ]\n}')
    finish(s)
    d.stop()
    text = (run.dir / "log.json").read_text()
    assert '"telemetry_data": {"big": 12345678901234567890123, "f": 1.10, "a":1, "a" : 2, "e": "\\u00e9\u00e9"}, "ser' in text, text
    assert '"telemetry_data": {"pretty": [1]}, "ser' in text, text


def test_telemetry_faults(run):
    """What is no message costs itself, is counted and named; what makes no sense ends the session alone."""
    d, port = collector(run, "telemetry_daemon_msglog_file: @DIR@/log.json")
    s = session(port)
    s.sendall(b'{"a": 1}junk{"b": tru}{"c": 2}')
    wait_data(run, 2)
    s.sendall(b'{"never": "ends')
    run.wait(lambda: stats(run, d)["Total"]["pkts"] == 2, "all to be read")
    other = session(port)
    other.sendall(b'{"d": 3}')
    finish(s)
    finish(other)
    assert wait_data(run, 3) == [{"a": 1}, {"c": 2}, {"d": 3}]
    total = stats(run, d)["Total"]
    assert (total["msgs"], total["msgErrors"], total["junk"], total["json"], total["cut"]) == (3, 3, 1, 1, 1), total
    d.wait_log(r"WARN .*\[127\.0\.0\.1:\d+\] octets that belong to no message")


def test_telemetry_cisco(run):
    """Headers of Cisco: JSON as an object and as a string, protocol buffers in base64 and decoded, compressed, heartbeats, no header at all."""
    gpb = b"\x0a\x06router\x32\x03m:p\x5a\x17\x08\x05\x7a\x08\x12\x04keys\x7a\x00\x7a\x09\x12\x07content"
    for name, more in (("object", ""), ("string", "tmp_telemetry_decode_cisco_v1_json_string: true"), ("decoded", "telemetry_daemon_decode_gpb: true")):
        d, port = collector(run, f"{more}\ntelemetry_daemon_msglog_file: @DIR@/{name}.json", "cisco_v1")
        s = session(port)
        s.sendall(v1(b'{"a": "\xc3\xa9"}') + v1(b"", 1, 2) + v1(gpb, 4) + v1(b"\xff\xff", 4) + v1(zlib.compress(b'{"z": 1}'), flags=1))
        finish(s)
        wrong = session(port)
        wrong.sendall(b"GET / HTTP/1.0\r\n")
        assert wrong.recv(1) == b""
        rows = [r for r in lines(run, f"{name}.json") if r["event_type"] == "log"]
        d.stop()
        rows = [r for r in lines(run, f"{name}.json") if r["event_type"] == "log"]
        string = name == "string"
        want = [('{"a": "\u00e9"}' if string else {"a": "\u00e9"}, "json_string" if string else "json"),
                (base64.b64encode(gpb).decode(), "gpb"), ("//8=", "gpb"), ('{"z": 1}' if string else {"z": 1}, "json_string" if string else "json")]
        if name == "decoded":
            want[1] = ({"node_id_str": "router", "encoding_path": "m:p",
                        "data_gpbkv": [{"timestamp": "5", "keys": [{}], "content": {}}]}, "json")
        assert [(r["telemetry_data"], r["serialization"]) for r in rows] == want, rows
        d.wait_log(r"WARN .*no such header")


def test_telemetry_gpb(run):
    """Protocol buffers behind their length over TCP, bare in datagrams."""
    udp = run.port()
    d, port = collector(run, f"telemetry_daemon_port_udp: {udp}\ntelemetry_daemon_msglog_file: @DIR@/log.json", "gpb")
    s = session(port)
    s.sendall(struct.pack(">I", 6) + b"\n\x04uno!" + struct.pack(">I", 3) + b"\n\x01b")
    finish(s)
    run.send(udp, [b"\n\x04dos!"])
    assert wait_data(run, 3) == ["CgR1bm8h", "CgFi", "CgRkb3Mh"]
    d.stop()


# --- back-pressure, load, limits

def test_telemetry_waits(run):
    """Brokers that are away for a while: the senders wait, nothing is lost, nothing comes twice."""
    cluster = servers.MockKafka(run, "log")
    d, port = collector(run, f"""
        telemetry_daemon_msglog_kafka_broker_host: {cluster.broker}
        telemetry_daemon_msglog_kafka_topic: log
        telemetry_daemon_msglog_kafka_retry: 1""")
    s = session(port)
    s.sendall(b'{"n": "first"}')
    run.wait(lambda: stats(run, d)["telemetry"]["written"] == 2, "the first message")
    cluster.kill()
    s.setblocking(False)
    sent, rest, idle = 0, b"", time.monotonic()
    while time.monotonic() - idle < 1:  # until the window has been closed for a second
        rest = rest or text_of({"n": sent, "pad": "x" * 4000})
        try:
            rest = rest[s.send(rest):]
            sent += not rest
            idle = time.monotonic()
        except BlockingIOError:
            select.select([], [s], [], 0.1)
    assert sent * 4000 > 1 << 20, sent
    cluster.start()
    s.setblocking(True)
    s.sendall(rest + b'{"n": "last"}')
    sent += bool(rest)
    finish(s)
    run.wait(lambda: stats(run, d)["telemetry"]["waiting"] == 0, "all to be confirmed", 60)
    counts = stats(run, d)["telemetry"]
    assert (counts["written"], counts["lost"]) == (sent + 4, 0), counts
    d.stop()
    # In several partitions, each in order; kcat reads one after the other.
    assert sorted(str(m["n"]) for m in data(cluster.rows("log"))) == sorted(map(str, ["first", *range(sent), "last"]))


def test_telemetry_many_peers(run):
    """1000 sessions at once, 200,000 messages: each of each."""
    d, port = collector(run, "telemetry_daemon_max_peers: 1000\ntelemetry_daemon_msglog_file: @DIR@/log.json")
    out = json.loads(run.call(run.build / "bench/telegen", "-s", "300", port, 1000, 200000, 0, seconds=120))
    d.stop()
    seen, events = {}, {}
    with open(run.dir / "log.json", encoding="utf-8") as f:
        for line in f:
            kind = line.split('"event_type": "', 1)[1].split('"', 1)[0]
            events[kind] = events.get(kind, 0) + 1
            if kind == "log":
                found = re.search(r'"push-update": \{"id": (\d+), .*?"in-octets": "(\d+)"', line.replace("ietf-yang-push:", "", 1))
                peer, n = int(found[1]), int(found[2])
                assert seen.get(peer, 0) == n, (peer, n, seen.get(peer))
                seen[peer] = n + 1
    assert out["messages"] == 200000 and seen == {p: 200 for p in range(1000)}
    assert events == {"log_init": 1000, "log": 200000, "log_close": 1000}, events


def test_telemetry_limits(run):
    """Peers beyond telemetry_daemon_max_peers are closed; those that the allow list does not name, too, also when it is read again."""
    run.write("allow", "127.0.0.0/30\n127.0.0.9\n")
    d, port = collector(run, "telemetry_daemon_max_peers: 2\ntelemetry_daemon_allow_file: @DIR@/allow\ntelemetry_daemon_msglog_file: @DIR@/log.json")
    with session(port, "127.0.0.4") as s:
        assert s.recv(1) == b""
    first, second = session(port, "127.0.0.1"), session(port, "127.0.0.9")
    d.wait_log(r"telemetry peers usage: 2/2")
    with session(port, "127.0.0.2") as s:
        assert s.recv(1) == b""
    d.wait_log(r"WARN .*\[127\.0\.0\.2\] Insufficient number of telemetry peers has been configured by 'telemetry_daemon_max_peers' \(2\)\.")
    run.write("allow", "127.0.0.0/30\n")
    d.send_signal(signal.SIGUSR2)
    assert second.recv(1) == b""
    first.sendall(b'{"still": "there"}')
    finish(first)
    assert wait_data(run, 1) == [{"still": "there"}]
    assert stats(run, d)["telemetry"]["refused"] == 2


# --- datagrams

def test_telemetry_udp(run):
    """Plain datagrams: senders by address; what the kernel drops while the daemon is stopped is counted, to the datagram."""
    udp = run.port()
    d, _ = collector(run, f"telemetry_daemon_port_udp: {udp}\ntelemetry_daemon_pipe_size: 20000\ntelemetry_daemon_msglog_file: @DIR@/log.json", tcp=False)
    d.wait_log(rf"waiting for telemetry data on interface=all ip=127\.0\.0\.1 port={udp}/udp")
    run.send(udp, [b'{"n": 1}', b'{"n": 2}'], source="127.0.0.2")
    run.send(udp, [b'{"n": 3}{"n": 4}', b'{"n": ', b"no"], source="127.0.0.3")
    assert wait_data(run, 4) == [{"n": n} for n in (1, 2, 3, 4)]
    nodes = [r["telemetry_node"] for r in lines(run)]
    assert nodes == ["127.0.0.2"] * 3 + ["127.0.0.3"] * 3, nodes
    d.send_signal(signal.SIGSTOP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(300):
            s.sendto(b'{"x": "' + b"x" * 1000 + b'"}', ("127.0.0.1", udp))
    dropped = run.socket_drops(udp)
    assert 0 < dropped < 300
    os.kill(d.pid, signal.SIGCONT)
    run.drained(udp)
    assert len(wait_data(run, 304 - dropped)) == 304 - dropped
    found = stats(run, d)
    assert found["UDP"] == {"received": 305 - dropped, "kernel_drops": dropped}, found
    assert found["Total"]["msgErrors"] == 2 and found["Total"]["cut"] == 1 and found["Total"]["junk"] == 1, found
    d.stop()
    assert [r["event_type"] for r in lines(run)].count("log_close") == 3


def test_telemetry_udp_notif(run):
    """UDP-notif: JSON, CBOR and XML, options, segments out of order, twice, missing; what was lost is told for each publisher."""
    port = run.port()
    d, _ = collector(run, f"""
        telemetry_daemon_udp_notif_ip: 127.0.0.1
        telemetry_daemon_udp_notif_port: {port}
        telemetry_daemon_msglog_file: @DIR@/log.json""", tcp=False)
    d.wait_log(rf"waiting for telemetry data on interface=all ip=127\.0\.0\.1 port={port}/udp \(UDP-notif\)")
    whole = text_of(ENVELOPE)
    parts = [whole[:50], whole[50:120], whole[120:]]
    run.send(port, [
        notif(text_of(UPDATE), 1),
        notif(bytes.fromhex("a26161016162820203"), 2, media=3),
        notif(b"<notification/>", 3, media=2, options=b"\x63\x04zz"),
        notif(parts[2], 4, segment=2, last=True), notif(parts[0], 4, segment=0), notif(parts[0], 4, segment=0), notif(parts[1], 4, segment=1),
        notif(b"{", 8, segment=0),
        notif(b"{}", 7),
        b"\x21\x0c", notif(b"{}", 1, publisher=2),
        struct.pack(">BBHII", 0, 2, 12 + 8, 77, 1) + b'{"a": 0}',
    ])
    assert wait_data(run, 7) == [UPDATE, {"a": 1, "b": [2, 3]}, "<notification/>", ENVELOPE, {}, {}, {"a": 0}]
    assert [r.get("serialization") for r in lines(run)[1:]] == ["json", "json", "xml", "json", "json", "json", "json"]
    found = stats(run, d)
    d.wait_log(r"WARN .*UDP-notif, publisher 1: a message of which segments did not come \(1 so far\)", 20)
    assert found["Total"]["header"] == 1, found
    assert re.search(r"publisher=1 messages=5 lost=2 incomplete=0 unfinished=1", d.text()), d.text()
    assert stats(run, d)["Total"]["incomplete"] == 1
    d.stop()


# --- what is written

def test_telemetry_draft_layout(run):
    """The members of the draft; tags and labels of the map."""
    run.write("map", "ip=127.0.0.0/8 set_tag=7 set_label=site-a\n")
    port = run.port()
    d, tcp = collector(run, f"""
        core_proc_name: collector
        telemetry_daemon_layout: draft
        telemetry_daemon_tag_map: @DIR@/map
        telemetry_daemon_udp_notif_port: {port}
        telemetry_daemon_msglog_file: @DIR@/log.json
        timestamps_since_epoch: true""")
    tcp = None if not tcp else session(tcp)
    tcp.sendall(text_of(UPDATE))
    finish(tcp)
    run.send(port, [notif(text_of(ENVELOPE), 1)])
    run.wait(lambda: len(lines(run)) == 5, "both messages")
    plain, wrapped = [r for r in lines(run) if "event_type" not in r]
    manifest = plain["data-collection-manifest"]
    assert manifest["vendor"] == "pmacct" and manifest["name"] == "collector", manifest
    labels = plain["network-operator-metadata"]["labels"]
    assert labels == [{"name": "seq", "number-value": 1}, {"name": "serialization", "string-value": "json"}, {"name": "tag", "number-value": 7},
                      {"name": "label", "string-value": "site-a"}], labels
    meta = plain["telemetry-message-metadata"]
    assert plain["payload"] == UPDATE and meta["export-address"] == "127.0.0.1" and meta["session-protocol"] == "telemetry", meta
    assert meta["notification-event"] == "log" and re.fullmatch(r"\d+\.\d{6}", meta["collection-timestamp"]), meta
    message = wrapped["ietf-telemetry-message:message"]
    assert message["payload"] == ENVELOPE and message["telemetry-message-metadata"]["session-protocol"] == "yang-push", wrapped
    d.stop()


def test_telemetry_tags(run):
    """The flat layout with tags; a new map holds for peers that are there."""
    run.write("map", "ip=127.0.0.1 set_tag=7\n")
    d, port = collector(run, "telemetry_daemon_tag_map: @DIR@/map\ntelemetry_daemon_msglog_file: @DIR@/log.json")
    s = session(port)
    s.sendall(b'{"n": 1}')
    wait_data(run, 1)
    run.write("map", "ip=127.0.0.1 set_label=new\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"map.*reload|reload.*map|loaded", count=2)
    run.wait(lambda: s.sendall(b'{"n": 2}') or "label" in lines(run)[-1], "the new label")
    rows = [r for r in lines(run) if r["event_type"] == "log"]
    assert rows[0]["tag"] == 7 and "label" not in rows[0] and rows[-1]["label"] == "new" and "tag" not in rows[-1], rows
    finish(s)
    d.stop()


def test_telemetry_dump(run):
    """A dump a minute: what came of each peer since the last one, also of one that has gone; the link to the newest file."""
    at = run.port(socket.SOCK_STREAM)
    d, port = collector(run, f"metrics_listen: {at}" + """
        telemetry_dump_file: @DIR@/dump-$telemetry_node-%H%M.json
        telemetry_dump_latest_file: @DIR@/latest-$telemetry_node
        telemetry_dump_refresh_time: 60""")
    run.early_in_minute()
    gone, there = session(port, "127.0.0.2"), session(port, "127.0.0.3")
    gone.sendall(b'{"n": 1}{"n": 2}')
    finish(gone)
    there.sendall(b'{"n": 3}')
    d.wait_log(r"Dumping telemetry data - END \(PID: \d+ RID: 1 PEERS: 2 ENTRIES: 3 ET: \d+\)", 70)
    run.wait(lambda: dump_figures(at, "telemetry_dump")[1:] == (0, 2, 3, 0), "the dump in the metrics", 60)  # there may have been an empty one before
    for node, want in (("2", [1, 2]), ("3", [3])):
        rows = json.loads("[" + ",".join(run.wait_file(f"latest-127_0_0_{node}").read_text().splitlines()) + "]")
        assert list(rows[0]) == ["timestamp", "telemetry_node", "telemetry_node_port", "event_type", "dump_period", "seq"], rows
        assert [r["event_type"] for r in rows] == ["dump_init", *["dump"] * len(want), "dump_close"]
        assert [r["telemetry_data"]["n"] for r in rows[1:-1]] == want and {r["seq"] for r in rows} == {0}
        assert {r["timestamp"][-3:] for r in rows} == {":00"}
    finish(there)
    d.stop()


def test_telemetry_kafka(run):
    """From one topic to another: messages are those of the key's address; the log says who wrote it."""
    cluster = servers.kafka(run, "in", "out-127_0_0_1", "out-192_0_2_77")
    run.write("fast.conf", "global, auto.offset.reset, earliest\n")
    d, port = collector(run, f"""
        core_proc_name: tele
        writer_id_string: $proc_name-x
        telemetry_daemon_kafka_broker_host: {cluster.broker}
        telemetry_daemon_kafka_topic: in
        telemetry_daemon_kafka_config_file: @DIR@/fast.conf
        telemetry_daemon_msglog_kafka_broker_host: {cluster.broker}
        telemetry_daemon_msglog_kafka_topic: out-$telemetry_node
        telemetry_daemon_msglog_kafka_partition_key: $telemetry_node""")
    d.wait_log(r"reading telemetry data from Kafka")
    run.write("m", "192.0.2.77!" + json.dumps(UPDATE) + "\n")
    run.call("kcat", "-P", "-b", cluster.broker, "-t", "in", "-K", "!", "-l", run.dir / "m")
    s = session(port)
    s.sendall(text_of(ENVELOPE))
    run.wait(lambda: stats(run, d)["Total"]["msgs"] == 2, "both messages", 40)
    finish(s)
    d.stop()
    rows = cluster.rows("out-127_0_0_1")
    assert data(rows) == [ENVELOPE] and rows[1]["writer_id"] == "tele-x" and list(rows[1])[-1] == "writer_id", rows
    assert data(cluster.rows("out-192_0_2_77")) == [UPDATE]


def test_telemetry_zmq(run):
    """Messages that somebody pushes over ZeroMQ."""
    name = ctypes.util.find_library("zmq")
    if not name or "libzmq" not in run.run_program("pmtelemetryd", "-V"):
        run.skip("no libzmq")
    zmq = ctypes.CDLL(name)
    zmq.zmq_ctx_new.restype = zmq.zmq_socket.restype = ctypes.c_void_p
    context = ctypes.c_void_p(zmq.zmq_ctx_new())
    push = ctypes.c_void_p(zmq.zmq_socket(context, 8))  # ZMQ_PUSH
    port = run.port(socket.SOCK_STREAM)
    assert zmq.zmq_bind(push, f"tcp://127.0.0.1:{port}".encode()) == 0
    d, _ = collector(run, f"telemetry_daemon_zmq_address: 127.0.0.1:{port}\ntelemetry_daemon_msglog_file: @DIR@/log.json", tcp=False)
    d.wait_log(r"reading telemetry data from ZeroMQ")
    for n in range(5000):
        text = b'{"n": %d}' % n
        assert zmq.zmq_send(push, text, len(text), 0) == len(text)
    assert [m["n"] for m in wait_data(run, 5000)] == list(range(5000))
    assert lines(run)[0]["telemetry_node"] == "0.0.0.0"
    d.stop()
    zmq.zmq_close(push)
    zmq.zmq_ctx_term(context)


def test_telemetry_config(run):
    """What cannot be is refused, with place and remedy."""
    for text, said in (
            ("telemetry_daemon_port_tcp: 1\n", r"telemetry_daemon_decoder is not specified: one of json, gpb, cisco_v0, cisco_v1"),
            ("telemetry_daemon_decoder: yaml\n", r"c\d+\.conf:1\] telemetry_daemon_decoder: bad value .yaml."),
            ("telemetry_daemon_decoder: json\ntelemetry_dump_file: x\n", r"telemetry_dump_refresh_time"),
            ("telemetry_daemon_decoder: json\ntelemetry_dump_refresh_time: 60\ntelemetry_dump_time_slots: 7\n", r"c\d+\.conf:3: telemetry_dump_time_slots"),
            ("telemetry_daemon_decoder: json\ntelemetry_daemon_msglog_file: x-$nonsense\n", r"c\d+\.conf:2: telemetry_daemon_msglog_file: .*\$nonsense")):
        run.run_program("pmtelemetryd", "--check-config", "-f", run.config(text), expect=1)
        assert re.search(said, run.stderr), run.stderr


def test_telemetry_reopen(run):
    """SIGHUP: a log that was moved away is begun anew."""
    d, port = collector(run, "telemetry_daemon_msglog_file: @DIR@/log.json")
    s = session(port)
    s.sendall(b'{"n": 1}')
    wait_data(run, 1)
    os.rename(run.dir / "log.json", run.dir / "old.json")
    d.send_signal(signal.SIGHUP)
    run.wait(lambda: s.sendall(b'{"n": 2}') or (run.dir / "log.json").exists(), "a new file")
    finish(s)
    d.stop()
    assert data(lines(run, "old.json"))[0] == {"n": 1} and data(lines(run))[-1] == {"n": 2}


def test_telemetry_thread(run):
    """Beside NetFlow, in nfacctd."""
    telemetry, flows = run.port(socket.SOCK_STREAM), run.port()
    d = run.daemon("nfacctd", config=f"""
        plugins: memory[m]
        imt_path[m]: @DIR@/m.sock
        nfacctd_ip: 127.0.0.1
        nfacctd_port: {flows}
        telemetry_daemon: true
        telemetry_daemon_ip: 127.0.0.1
        telemetry_daemon_port_tcp: {telemetry}
        telemetry_daemon_decoder: json
        telemetry_daemon_msglog_file: @DIR@/log.json""")
    d.wait_log(r"INFO \( default/core/TELE \): waiting for telemetry data")
    d.wait_log(r"waiting for NetFlow/IPFIX data")
    s = session(telemetry)
    s.sendall(text_of(UPDATE))
    finish(s)
    assert wait_data(run, 1) == [UPDATE]
    d.stop()
