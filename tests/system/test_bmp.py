# SPDX-License-Identifier: BSD-2-Clause
"""pmbmpd: sessions of routers, the message log, dumps, and what must not be lost or let in."""
import datetime
import json
import os
import re
import signal
import socket
import struct
import threading
import time

import bgp
import bmp
import harness
import netflow
import test_telemetry
from harness import Failed


def pmbmpd(run, more="", log="log.json", ready=True):
    port = run.port(socket.SOCK_STREAM)
    d = run.daemon("pmbmpd", config=f"""
        bmp_daemon_ip: 127.0.0.1
        bmp_daemon_port: {port}
        timestamps_utc: true
        {f"bmp_daemon_msglog_file: {run.dir}/{log}" if log else ""}
        {more}""")
    if ready:
        d.wait_log(r"INFO .*waiting for BMP data on interface=all ip=127\.0\.0\.1 port=\d+/tcp")
    return d, port


def lines(run, name="log.json"):
    path = run.dir / name
    return harness.json_lines(path)


def wait_lines(run, n, name="log.json", seconds=20):
    run.wait(lambda: len(lines(run, name)) >= n, f"{n} lines in {name}", seconds)
    return lines(run, name)


def story():
    """A session with one of everything, and what the log has to say of it: (word, prefix or None) a line."""
    head = bmp.peer()
    loc = bmp.peer("0.0.0.0", 65000, "2.2.2.2", kind=3, flags=0x80, rd=bytes.fromhex("0000fbf30000005e"))
    messages = [bmp.init(), bmp.peer_up(), bmp.routes(announce=["203.0.113.0/24", "198.51.0.0/16"], communities=["65001:7"], med=10),
                bmp.routes(announce=["2001:db8:1::/48"]), bmp.routes(withdraw=["203.0.113.0/24"]), bmp.routes(),
                bmp.peer_up(loc, "0.0.0.0", (3, b"vrfA")), bmp.routes(loc, announce=["203.0.113.0/24"]),
                bmp.stats(head, ((2, b"\0\0\0\x09"), (9, b"\0\1\1" + struct.pack("!Q", 3)))), bmp.peer_down(), bmp.term()]
    told = [("log_init", None), ("init", None), ("peer_up", None), ("update", "203.0.113.0/24"), ("update", "198.51.0.0/16"),
            ("update", "2001:db8:1::/48"), ("withdraw", "203.0.113.0/24"), ("end-of-rib", None), ("peer_up", None),
            ("update", "203.0.113.0/24"), ("stats", None), ("stats", None), ("peer_down", None), ("delete", "198.51.0.0/16"),
            ("delete", "2001:db8:1::/48"), ("term", None), ("delete", "203.0.113.0/24"), ("log_close", None)]
    return messages, told


def word(line):
    if line.get("bmp_msg_type") in ("route_monitor", "internal"):
        return line["log_type"], line.get("ip_prefix")
    return line.get("bmp_msg_type", line["event_type"]), None


def test_story(run):
    """Each kind of message becomes its line, member for member."""
    d, port = pmbmpd(run)
    messages, told = story()
    router = bmp.Router(port, "127.0.0.9").say(*messages)
    rows = wait_lines(run, len(told))
    # deletes go when the loop has nothing else to do: their places may differ
    assert sorted(map(word, rows), key=str) == sorted(told, key=str)
    assert [r["seq"] for r in rows] == list(range(len(told)))
    by_word = {word(r): r for r in rows}
    arrival = by_word["update", "198.51.0.0/16"]["timestamp_arrival"]
    assert by_word["update", "198.51.0.0/16"] == {
        "seq": 4, "log_type": "update", "timestamp": "2023-11-14 22:13:20.000005", "bmp_rib_type": "Adj-Rib-In Pre-Policy",
        "is_filtered": 0, "is_post": 0, "is_in": 1, "bgp_id": "1.1.1.1", "event_type": "log", "afi": 1, "safi": 1,
        "ip_prefix": "198.51.0.0/16", "bgp_nexthop": "192.0.2.1", "as_path": "65001", "comms": "65001:7", "origin": "i", "med": 10,
        "timestamp_arrival": arrival, "bmp_router": "127.0.0.9", "bmp_router_port": router.port, "peer_ip": "192.0.2.1",
        "peer_asn": 65001, "peer_tcp_port": 0, "bmp_msg_type": "route_monitor"}
    gone = by_word["withdraw", "203.0.113.0/24"]
    assert (gone["comms"], gone["med"], gone["as_path"]) == ("65001:7", 10, "65001")
    in_vrf = [r for r in rows if r.get("bmp_rib_type") == "Loc-Rib"]
    assert all((r["rd"], r["rd_origin"], r["is_loc"], r["is_filtered"]) == ("0:64499:94", "bmp", 1, 1) for r in in_vrf)
    assert in_vrf[0]["bmp_peer_up_info_vrf_table_name"] == "vrfA"
    assert by_word["delete", "198.51.0.0/16"]["bmp_msg_type"] == "internal"
    assert [(r["counter_type"], r["counter_value"], r.get("afi")) for r in rows if "counter_type" in r] == [(2, 9, None), (9, 3, 1)]
    d.wait_counters(r"routers_gone octets=\d+ route_monitor=5 stats=1 peer_down=1 peer_up=2 init=1 term=1 route_mirror=0 announced=4 withdrawn=1",
                    r"bmp_daemon_msglog sink=file written=18 lost=0")
    d.stop()


def test_octet_by_octet(run):
    """However a stream is cut, the log is the same."""
    d, port = pmbmpd(run)
    messages, told = story()
    router = bmp.Router(port)
    router.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = b"".join(messages)
    for i in range(len(stream)):
        router.say(stream[i:i + 1])
    rows = wait_lines(run, len(told))
    assert sorted(map(word, rows), key=str) == sorted(told, key=str)
    d.stop()


def test_many_routers(run):
    """Forty routers at once, each with its own file; one that sends garbage loses its session, and nobody else does."""
    d, port = pmbmpd(run, log="$bmp_router.json")
    names = [f"127.0.1.{i}" for i in range(1, 41)]
    routers = [bmp.Router(port, name, bmp.init() + bmp.peer_up()) for name in names]
    bad = bmp.Router(port, "127.0.2.1", bmp.init() + b"\x03\0\0\0\0\x07garbage")
    assert bad.refused()
    d.wait_log(r"INFO .*\[127\.0\.2\.1\] packet discarded: a message of impossible length")
    # what is wrong within a message costs that message
    routers[0].say(bmp.message(0, bmp.peer() + b"\xff" * 16 + b"\0\x05\2"))
    for i, router in enumerate(routers):
        router.say(*[bmp.routes(announce=[f"10.{i}.{k}.0/24"]) for k in range(100)])
    for i, name in enumerate(names):
        rows = wait_lines(run, 103, f"{name.replace('.', '_')}.json")
        assert [r["ip_prefix"] for r in rows[3:]] == [f"10.{i}.{k}.0/24" for k in range(100)]
    d.wait_counters(r"sessions=40 refused=0 routes=4000",
                    r"router=127\.0\.1\.1:\d+ refused .*no_update=1")
    for router in routers:
        router.close()
    d.wait_log(r"BMP connection reset by peer \(0\)", count=40)
    run.wait(lambda: len(lines(run, "127_0_1_1.json")) == 204, "deletes and log_close")
    d.wait_counters(r"sessions=0 refused=0 routes=0 attribute_sets=0")
    d.stop()


def test_who_may(run):
    """The allow list, also once it has changed (sessions that are there stay); the most sessions."""
    allow = run.write("allow", "127.0.0.8\n127.0.0.9\n")
    d, port = pmbmpd(run, f"bmp_daemon_allow_file: {allow}\nbmp_daemon_max_peers: 1")
    assert bmp.Router(port, "127.0.0.7").refused()
    d.wait_log(r"INFO .*\[127\.0\.0\.7\] connection refused: not in bmp_daemon_allow_file")
    first = bmp.Router(port, "127.0.0.8", bmp.init())
    wait_lines(run, 2)
    assert bmp.Router(port, "127.0.0.9").refused()
    d.wait_log(r"WARN .*\[127\.0\.0\.9\] BMP session refused: bmp_daemon_max_peers sessions are there")
    run.write("allow", "127.0.0.9\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"1 addresses and networks|allow", count=2)
    first.say(bmp.stats())
    wait_lines(run, 3)
    first.close()
    wait_lines(run, 4)
    assert bmp.Router(port, "127.0.0.8").refused()
    second = bmp.Router(port, "127.0.0.9", bmp.init())
    rows = wait_lines(run, 6)
    assert [r["bmp_router"] for r in rows] == ["127.0.0.8"] * 4 + ["127.0.0.9"] * 2
    second.close()
    d.stop()


def test_md5(run):
    """Keys of TCP: a router without the right one does not get through; a file that is read anew."""
    run.need_root()
    run.write("keys", "127.0.0.9,wrong\n127.0.0.10,other\n")
    d, port = pmbmpd(run, "bmp_daemon_md5_file: @DIR@/keys")

    def connect(source, password, seconds=60):
        """TCP_MD5SIG (14): struct tcp_md5sig of linux/tcp.h."""
        s = socket.socket()
        s.settimeout(seconds)
        s.bind((source, 0))
        if password:
            address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton("127.0.0.1")
            s.setsockopt(socket.IPPROTO_TCP, 14, address.ljust(128, b"\0") + struct.pack("=BBHi", 0, 0, len(password), 0) + password.ljust(80, b"\0"))
        try:
            s.connect(("127.0.0.1", port))
        except OSError:
            s.close()
            return None
        return s

    assert not connect("127.0.0.9", None, 1) and not connect("127.0.0.9", b"s3cret", 1)
    run.write("keys", "127.0.0.8/31,s3cret\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log("bmp_daemon_md5_file: 1 keys loaded")
    router = connect("127.0.0.9", b"s3cret")
    router.sendall(bmp.init() + bmp.peer_up())
    assert wait_lines(run, 3)[0]["bmp_router"] == "127.0.0.9"
    assert connect("127.0.0.10", None), "who has no key any more"
    router.close()
    d.stop()


def test_proxy(run):
    """The PROXY protocol tells who the router is."""
    allow = run.write("allow", "192.0.2.0/24\n2001:db8::/32\n")
    d, port = pmbmpd(run, f"bmp_daemon_parse_proxy_header: true\nbmp_daemon_allow_file: {allow}")
    v2 = bytes.fromhex("0d0a0d0a000d0a515549540a")
    both = ["2001:db8::7", "2001:db8::8"]
    heads = {"192.0.2.7": b"PROXY TCP4 192.0.2.7 192.0.2.8 4000 1790\r\n",
             "2001:db8::7": v2 + b"\x21\x21" + struct.pack("!H", 36) + b"".join(socket.inet_pton(socket.AF_INET6, a) for a in both) +
                            struct.pack("!HH", 4001, 1790)}
    routers = [bmp.Router(port, first=head + bmp.init()) for head in heads.values()]
    wait_lines(run, 4)
    assert {(r["bmp_router"], r["bmp_router_port"]) for r in lines(run)} == {("192.0.2.7", 4000), ("2001:db8::7", 4001)}
    assert bmp.Router(port, first=b"PROXY TCP4 198.51.100.1 192.0.2.8 4000 1790\r\n").refused()
    assert bmp.Router(port, first=bmp.init()).refused()
    d.wait_log(r"session closed: no PROXY header")
    for router in routers:
        router.close()
    d.stop()


def test_tags(run):
    """bmp_daemon_tag_map, also once it has changed."""
    tags = run.write("tags", "set_label=nkey%1,pkey%x ip=127.0.0.8\nset_tag=7 ip=127.0.0.9\n")
    d, port = pmbmpd(run, f"bmp_daemon_tag_map: {tags}\npre_tag_label_encode_as_map: true")
    one, two = bmp.Router(port, "127.0.0.8", bmp.init()), bmp.Router(port, "127.0.0.9", bmp.init())
    rows = wait_lines(run, 4)
    assert all(r.get("label") == {"nkey": "1", "pkey": "x"} for r in rows if r["bmp_router"] == "127.0.0.8")
    assert all(r.get("tag") == 7 for r in rows if r["bmp_router"] == "127.0.0.9")
    run.write("tags", "set_tag=8 ip=127.0.0.9\n")
    d.send_signal(signal.SIGUSR2)
    run.wait(lambda: (two.say(bmp.stats()), lines(run)[-1].get("tag") == 8)[1], "the new map in force")
    one.close()
    two.close()
    d.stop()


def test_slow_log(run):
    """A log that is read slowly slows routers down and loses nothing."""
    os.mkfifo(run.dir / "log.json")
    out, go = [], threading.Event()

    def read():
        with open(run.dir / "log.json", "rb", buffering=0) as f:
            while not go.wait(1):  # who reads nothing for half a minute is waited for no longer
                out.append(f.read(4096))
            out.append(f.readall())

    reader = threading.Thread(target=read)
    reader.start()
    d, port = pmbmpd(run)
    n = 200000
    head = bmp.peer()
    stream = b"".join(bmp.routes(head, announce=[f"10.{i >> 8 & 255}.{i & 255}.{k}/32" for k in range(200)]) for i in range(n // 200))
    sent = threading.Event()

    def send():
        bmp.Router(port).say(bmp.init(), bmp.peer_up(), stream).close()
        sent.set()

    threading.Thread(target=send).start()

    announced = []

    def stuck():
        announced.extend(int(n) for n in re.findall(r"router=127\.0\.0\.1:\d+ octets=\d+ .*announced=(\d+)", d.ask()))
        return len(announced) > 2 and announced[-1] == announced[-2] == announced[-3] > 0

    run.wait(stuck, "the station to stop reading")
    assert announced[-1] < n
    go.set()
    run.wait(sent.is_set, "the router to have sent all", 200)
    d.wait_counters(rf"routers_gone octets=\d+ .*announced={n} ", seconds=200)
    d.stop()
    reader.join(200)
    words = [word(json.loads(line))[0] for line in b"".join(out).splitlines()]
    assert (words.count("update"), words.count("delete"), words[-1]) == (n, n, "log_close")
    assert not d.said(r"lost=[1-9]")


def test_dump(run):
    """A dump at the full minute: the routes of each view, then what has happened since the last one."""
    at = run.port(socket.SOCK_STREAM)
    d, port = pmbmpd(run, f"""
        metrics_listen: {at}
        bmp_dump_file: {run.dir}/dump-$bmp_router.json
        bmp_dump_latest_file: {run.dir}/latest-$bmp_router
        bmp_dump_refresh_time: 60""")
    messages, _ = story()
    run.early_in_minute()
    routers = [bmp.Router(port, name, b"".join(messages[:9])) for name in ("127.0.0.8", "127.0.0.9")]
    for name in ("127_0_0_8", "127_0_0_9"):
        run.wait_file(run.dir / f"latest-{name}", 80)
        rows = lines(run, f"dump-{name}.json")
        assert {r["event_type"] for r in rows} == {"dump_init", "dump", "dump_close"}
        assert len({r["seq"] for r in rows}) == 1 and len({r["timestamp"] for r in rows}) == 1
        assert rows[0]["timestamp"].endswith(":00") and rows[0]["dump_period"] == 60 and rows[-1]["event_type"] == "dump_close"
        found = sorted((r["bmp_msg_type"], r.get("ip_prefix", ""), r["bmp_rib_type"] if "bmp_rib_type" in r else "") for r in rows[1:-1])
        assert found == sorted([("route_monitor", "198.51.0.0/16", "Adj-Rib-In Pre-Policy"),
                                ("route_monitor", "2001:db8:1::/48", "Adj-Rib-In Pre-Policy"),
                                ("route_monitor", "203.0.113.0/24", "Loc-Rib"), ("init", "", ""), ("peer_up", "", "Adj-Rib-In Pre-Policy"),
                                ("peer_up", "", "Loc-Rib"), ("stats", "", "Adj-Rib-In Pre-Policy"), ("stats", "", "Adj-Rib-In Pre-Policy")])
        event = next(r for r in rows if r.get("bmp_msg_type") == "peer_up")
        assert event["timestamp_event"] == "2023-11-14 22:13:20.000005" and "timestamp_arrival" not in event
    run.wait(lambda: test_telemetry.dump_figures(at, "bmp_dump")[1:] == (0, 2, 6, 0), "the dump in the metrics", 60)  # there may have been an empty one before
    for router in routers:
        router.close()
    d.stop()


def test_configuration(run):
    """What is wrong is said before anything starts."""
    for text, what in (("bmp_dump_file: x\n", r"bmp_dump_refresh_time: dumps need one"),
                       ("bmp_dump_file: x\nbmp_dump_refresh_time: 100\nbmp_dump_time_slots: 7", r"bmp_dump_time_slots: 7 parts of 100"),
                       ("bmp_daemon_msglog_kafka_topic: a.$nonsense", r"bmp_daemon_msglog_kafka_topic: .*\$nonsense"),
                       ("bmp_daemon_tag_map: /nonexistent", r"/nonexistent")):
        d, _ = pmbmpd(run, text, ready=False)
        assert d.wait() == 1
        d.wait_log(what)


def test_peer_down(run):
    """A peer with many routes goes: what other routers say meanwhile is told meanwhile."""
    d, port = pmbmpd(run, log="log-$bmp_router")
    n, head = 50000, bmp.peer()
    one, other = bmp.Router(port, "127.0.0.8", bmp.init() + bmp.peer_up()), bmp.Router(port, "127.0.0.9", bmp.init() + bmp.peer_up())
    one.say(*(bmp.routes(head, announce=[f"10.{i >> 8 & 255}.{i & 255}.{k}/32" for k in range(250)]) for i in range(n // 250)))
    first, second = run.dir / "log-127_0_0_8", run.dir / "log-127_0_0_9"

    def count(path, kind):
        return int(run.call("grep", "-c", f'"log_type": "{kind}"', path, expect=None) or 0) if path.exists() else 0

    run.wait(lambda: count(first, "update") == n, "the table", 60)
    one.say(bmp.peer_down())
    for i in range(200):
        other.say(bmp.routes(head, announce=[f"192.0.2.{i}/32"]))
        time.sleep(0.001)
    run.wait(lambda: count(first, "delete") == n, "all routes to be gone", 60)
    run.wait(lambda: count(second, "update") == 200, "the other one's routes", 60)
    end = json.loads(harness.whole_lines(first)[-1])
    down = next(json.loads(line) for line in harness.whole_lines(first) if '"peer_down"' in line)
    between = [r for r in harness.json_lines(second) if down["seq"] < r["seq"] < end["seq"]]
    took = datetime.datetime.fromisoformat(end["timestamp"]) - datetime.datetime.fromisoformat(down["timestamp"])
    assert end["log_type"] == "delete" and (between or took.total_seconds() < 0.2), "nobody waits for deletions"
    d.wait_counters(r"sessions=2 refused=0 routes=200 ")
    d.stop()


def test_garbage(run):
    """A router out of step, after messages that were good, loses its session with a clear word; what it had said is undone, others stay."""
    d, port = pmbmpd(run)
    good = bmp.Router(port, "127.0.0.8", bmp.init() + bmp.peer_up() + bmp.routes(announce=["192.0.2.0/24"]))
    faults = {  # what comes, and whether the session ends of it
        "127.0.1.1": (b"GET / HTTP/1.1\r\n\r\n", r"\[127\.0\.1\.1\] packet discarded: .*version", True),
        "127.0.1.2": (b"\x03\xff\xff\xff\xff\0", r"\[127\.0\.1\.2\] packet discarded: .*length", True),
        "127.0.1.3": (bmp.message(0, bmp.peer()[:20]), r"\[127\.0\.1\.3\] packet discarded: ", False),
        "127.0.1.4": (bmp.message(0, bmp.peer() + bmp.bgp(2, b"\xff" * 10)), r"\[127\.0\.1\.4\] UPDATE of peer 192\.0\.2\.1: ", False)}
    for source, (octets, said, ends) in faults.items():
        router = bmp.Router(port, source, bmp.init() + bmp.peer_up() + bmp.routes(announce=["198.51.100.0/24"]) + octets)
        d.wait_log(said)
        if ends:
            d.wait_log(rf"\[{source}\] session closed: what came is no BMP")
            assert router.refused()
        else:
            router.say(bmp.routes(announce=["203.0.113.0/24"]))
            run.wait(lambda source=source: any(r.get("ip_prefix") == "203.0.113.0/24" and r["bmp_router"] == source for r in lines(run)), "the next message")
            router.close()
    run.wait(lambda: sum(r["event_type"] == "log_close" for r in lines(run)) == 4, "the ends of the sessions")
    for source in faults:
        own = [(r["log_type"], r["ip_prefix"]) for r in lines(run) if r["bmp_router"] == source and "log_type" in r]
        assert sorted(p for t, p in own if t == "update") == sorted(p for t, p in own if t == "delete"), own
    good.say(bmp.routes(announce=["192.0.2.128/25"]))
    run.wait(lambda: any(r.get("ip_prefix") == "192.0.2.128/25" for r in lines(run)), "the good one to go on")
    good.close()
    d.stop()


def test_flows(run):
    """Flows get the routes of their exporter's BMP session: its Loc-RIB before what it was sent, that after policy before that before it, what
    it sends never; of a VRF where the flow is of that."""
    port = run.port(socket.SOCK_STREAM)
    run.write("rds", "id=0:64499:94 ip=127.0.0.3 in=7\n")
    d, flows = run.nfacctd(f"""
        plugins: memory[m]
        imt_path[m]: {run.dir}/m.sock
        aggregate[m]: dst_as, as_path, dst_net, dst_mask, peer_dst_ip
        nfacctd_as: bmp
        nfacctd_net: bmp
        flow_to_rd_map: @DIR@/rds
        bmp_daemon: true
        bmp_daemon_ip: 127.0.0.1
        bmp_daemon_port: {port}
        bmp_daemon_msglog_file: {run.dir}/log.json""", ready=False)
    d.wait_log("waiting for BMP data")
    rd = bytes.fromhex("0000fbf30000005e")
    views = [  # what a view says of 192.0.2.0/24, in the order in which they come: each is better than those before
        (bmp.peer(flags=0x10), 64810, False), (bmp.peer(flags=0x50), 64850, False),  # Adj-RIB-Out: says nothing of where packets go
        (bmp.peer(), 64700, True), (bmp.peer(flags=0x40), 64740, True),
        (bmp.peer("0.0.0.0", 65000, "2.2.2.2", kind=3), 64900, True)]
    other = bmp.Router(port, "127.0.0.4", bmp.init() + bmp.peer_up() + bmp.routes(announce=["192.0.2.0/24"], path=(65001, 64600)))
    router = bmp.Router(port, "127.0.0.3", bmp.init() + bmp.peer_up())
    told = 1

    def ask(source="127.0.0.3", interface=1):
        flow = netflow.flow(0, packets=3, src="10.1.1.1", dst="192.0.2.9", interface=interface)
        run.client("-e")
        run.send(flows, netflow.export(netflow.IPFIX, [flow], 1_700_000_000, netflow.FIELDS_V4 + [(10, 4, "interface")]), source=source)
        run.wait(lambda: run.client_json("-s"), "the flow in the table")
        return run.client_json("-s")[0]

    for head, asn, counts in views:
        if head[0] == 3:
            router.say(bmp.peer_up(head, "0.0.0.0"))
        router.say(bmp.routes(head, announce=["192.0.2.0/24"], path=(65001, asn)))
        told += 1
        run.wait(lambda: sum(r.get("log_type") == "update" for r in lines(run)) == told, "the route in the log")
        row = ask()
        assert row["as_dst"] == (asn if counts else 0), (asn, row)
    assert (row["as_path"], row["net_dst"], row["mask_dst"], row["peer_ip_dst"]) == ("65001 64900", "192.0.2.0", 24, "192.0.2.1"), row
    assert ask("127.0.0.4")["as_dst"] == 64600, "each exporter has its own session"
    assert ask("127.0.0.5")["as_dst"] == 0
    vrf = bmp.peer("192.0.2.7", 65001, "1.1.1.7", kind=1, rd=rd)
    router.say(bmp.peer_up(vrf), bmp.routes(vrf, announce=["192.0.2.0/25"], path=(65001, 64999)))
    told += 1
    run.wait(lambda: sum(r.get("log_type") == "update" for r in lines(run)) == told, "the route in the log")
    assert ask()["as_dst"] == 64900, "a VRF's routes are for its own flows"
    row = ask(interface=7)
    assert row["as_dst"] == 64999, row
    router.say(bmp.peer_down(views[4][0], 6, b""))
    run.wait(lambda: ask()["as_dst"] == 64740, "the Loc-RIB to be gone")
    router.close()
    run.wait(lambda: ask()["as_dst"] == 0, "the session to be gone")
    other.close()
    d.stop()


NETS = [f"198.51.{i}.0/24" for i in range(100, 130)]


def real_router(run, router, table, source, views, path="65001 65200", silent=()):
    """A real router's view of a neighbour: its routes, what it withdraws, its end. `views` are the RIBs that the router shows; of the `silent` ones it
    does not tell that a neighbour's routes went with it."""
    d, port = pmbmpd(run)
    router(run, port)
    d.wait_log(r"BMP peers usage: 1", seconds=40)
    attributes = bgp.attributes(path=(65001, 65200), next_hop="192.0.2.1", med=5, communities=("65001:7",))

    def met():
        """A router that listens already may not know its neighbour yet, and hang up."""
        try:
            return bgp.Speaker(run, 1179, "127.0.0.2", source).meet()
        except (OSError, Failed):
            return None

    speaker = run.wait(met, "the router to take a session", 60)
    speaker.send(bgp.announcements(NETS, attributes))

    def told(kind, rib):
        return sorted({r["ip_prefix"] for r in lines(run) if r.get("log_type") == kind and r["bmp_rib_type"] == rib and
                       r["peer_ip"] == ("0.0.0.0" if rib == "Loc-Rib" else "127.0.0.2")})

    for rib in views:
        run.wait(lambda rib=rib: told("update", rib) == NETS, f"all routes of {rib}", 40)

    def known():
        """Its last view as the log makes it: prefix to path, without what the router puts in front."""
        routes = {}
        for r in lines(run):
            if r.get("bmp_rib_type") == views[-1] and r.get("log_type") == "update":
                routes[r["ip_prefix"]] = r["as_path"].removeprefix(path.removesuffix("65001 65200"))
            elif r.get("bmp_rib_type") == views[-1] and r.get("log_type") in ("withdraw", "delete"):
                routes.pop(r["ip_prefix"], None)
        return routes

    run.wait(lambda: known() == table(run) and len(known()) == len(NETS), "the router's own table", 40)
    row = next(r for r in lines(run) if r.get("ip_prefix") == NETS[0] and r["bmp_rib_type"] == views[0] and r["peer_ip"] == "127.0.0.2")
    assert (row["as_path"], row["bgp_nexthop"], row["med"], row["comms"], row["origin"]) == (path, "192.0.2.1", 5, "65001:7", "i")
    assert (row["peer_asn"], row["bgp_id"]) == (65001, "127.0.0.2")
    up = next(r for r in lines(run) if r.get("bmp_msg_type") == "peer_up" and r["peer_ip"] == "127.0.0.2")
    assert (up["peer_asn"], up["local_ip"], up["local_port"]) == (65001, source, 1179)
    assert next(r for r in lines(run) if r.get("bmp_msg_type") == "init")["bmp_init_info_sysname"]
    speaker.send(bgp.update(withdrawn=bgp.prefix(NETS[0])))
    run.wait(lambda: all(told("withdraw", rib) == NETS[:1] for rib in views), "the withdrawal", 40)
    run.wait(lambda: known() == table(run) and len(known()) == len(NETS) - 1, "the router's own table, after a withdrawal", 40)
    speaker.close()
    for rib in (v for v in views if v not in silent):
        run.wait(lambda rib=rib: told("delete", rib) == NETS[1:] or told("withdraw", rib) == NETS, f"the end of {rib}", 40)
    run.wait(lambda: any(r.get("bmp_msg_type") == "peer_down" and r["peer_ip"] == "127.0.0.2" for r in lines(run)), "Peer Down", 40)
    d.stop()


def test_gobgp(run):
    """GoBGP as the router."""
    real_router(run, bmp.gobgp, bmp.gobgp_table, "127.0.0.13", ["Adj-Rib-In Pre-Policy", "Adj-Rib-In Post-Policy", "Loc-Rib"])


def test_frr(run):
    """FRR as the router; it puts its own AS in front of what it received."""
    real_router(run, bmp.frr, bmp.frr_table, "127.0.0.14", ["Adj-Rib-In Pre-Policy", "Adj-Rib-In Post-Policy"], "65014 65001 65200")
