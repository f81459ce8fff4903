# SPDX-License-Identifier: BSD-2-Clause
"""What takes minutes, in daemons that live forty times as fast (libfaketime). *_dump_time_slots: peers are spread over the parts of the period by their address, and stay where
they are, also when the clock jumps. telemetry_daemon_peer_timeout: who is silent is forgotten."""
import re

import bgp
import bmp
import test_bmp
import test_telemetry
from test_faults import libfaketime

PEERS = [f"127.0.0.{n}" for n in range(11, 23)]
PERIOD, SLOTS, SPEED, JUMP = 60, 4, 40, 35
PART = PERIOD // SLOTS


def fast(run):
    """Makes daemons that start from now on live faster; returns what makes their clocks jump ahead by so many seconds."""
    if run.sanitized:
        run.skip("the sanitizers' and libfaketime's ways to load exclude each other")
    offset = run.write("clock", f"+0 x{SPEED}")
    run.env |= {"LD_PRELOAD": str(libfaketime(run)), "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_NO_CACHE": "1"}
    return lambda seconds: run.write("clock.new", f"+{seconds} x{SPEED}").replace(offset)


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
