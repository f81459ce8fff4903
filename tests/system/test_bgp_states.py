# SPDX-License-Identifier: BSD-2-Clause
"""What the logs of BGP and BMP say of routes beside their attributes, and of which: RPKI states, filters of labels."""
import json
import signal
import socket

import bgp
import bmp
from bgp import Speaker, announcements, attributes, find, lines, prefix, update

LOG = "bgp_daemon_msglog_file: @DIR@/log\n"
# (route, state by itself, state among the routes around it); all from AS 64496 but the last one, whose path is empty
ROUTES = [("192.0.2.0/24", "v", "v"), ("198.51.100.0/24", "i", "i"), ("203.0.113.0/24", "u", "u"), ("10.0.0.0/8", "u", "u"), ("10.0.0.0/16", "v", "v"),
          ("10.0.1.0/24", "i", "V"), ("10.1.0.0/24", "i", "U"), ("10.2.3.0/24", "i", "U"), ("10.2.3.128/25", "i", "U"), ("10.3.0.0/16", "i", "U"),
          ("10.3.0.0/24", "i", "U")]


def roas(run, *rows):
    run.write("roas.json", json.dumps({"roas": [{"prefix": p, "maxLength": m, "asn": f"AS{a}"} for p, m, a in rows]}))


def all_roas(run):
    roas(run, ("192.0.2.0/24", 24, 64496), ("198.51.100.0/24", 24, 64497), ("10.0.0.0/16", 16, 64496), ("10.1.0.0/24", 24, 64499), ("10.2.3.0/24", 24, 64499),
         ("10.3.0.0/16", 16, 64499), ("10.3.0.0/24", 24, 64499), ("172.16.0.0/12", 12, 65001))


def told(run, name="log", **members):
    return {r["ip_prefix"]: r["roa"] for r in find(lines(run, name), **members)}


def test_bgp_rpki(run):
    """pmbgpd: each line of a route has its state; the looking glass also sees who takes the traffic of an invalid one; ROAs are read anew."""
    all_roas(run)
    lg = run.port(socket.SOCK_STREAM)
    d, port = bgp.pmbgpd(run, LOG + "rpki_roas_file: @DIR@/roas.json\n" + (f"bgp_daemon_lg: true\nbgp_daemon_lg_port: {lg}\n" if run.has("pmbgp") else ""))
    d.wait_log("8 ROAs loaded")
    s = Speaker(run, port).meet(families=((1, 1), (2, 1)))
    s.send(announcements([r for r, _, _ in ROUTES], attributes(path=(65001, 64496))), announcements(("172.16.0.0/12",), attributes(path=())))
    run.wait(lambda: len(told(run, log_type="update")) == len(ROUTES) + 1, "routes in the log")
    assert told(run, log_type="update") == {**{r: alone for r, alone, _ in ROUTES}, "172.16.0.0/12": "v"}, lines(run)
    for r, _, around in ROUTES if run.has("pmbgp") else ():
        text = run.run_program("pmbgp", "-z", f"127.0.0.1:{lg}", "-r", "127.0.0.2", "-a", r, seconds=30)
        assert json.loads(text)["roa"] == around, (r, text)
    roas(run, ("192.0.2.0/24", 24, 64497))
    d.send_signal(signal.SIGUSR2)
    d.wait_log("1 ROAs loaded")
    s.send(update(withdrawn=prefix("192.0.2.0/24")))
    run.wait(lambda: told(run, log_type="withdraw") == {"192.0.2.0/24": "i"}, "the state by the new ROAs")
    s.close()
    run.wait(lambda: len(told(run, log_type="delete")) == len(ROUTES), "deletes")
    assert set(told(run, log_type="delete").values()) == {"u"}, lines(run)
    d.stop()


def test_bmp_rpki(run):
    """pmbmpd says the same of what it is told."""
    all_roas(run)
    port = run.port(socket.SOCK_STREAM)
    d = run.daemon("pmbmpd", config=f"bmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {port}\nbmp_daemon_msglog_file: @DIR@/log\nrpki_roas_file: @DIR@/roas.json\n")
    d.wait_log("waiting for BMP data")
    r = bmp.Router(port, first=bmp.init() + bmp.peer_up() + bmp.routes(announce=[r for r, _, _ in ROUTES], path=(65001, 64496)))
    run.wait(lambda: len(told(run, log_type="update")) == len(ROUTES), "routes in the log")
    assert told(run, log_type="update") == {r: alone for r, alone, _ in ROUTES}, lines(run)
    assert not any("roa" in row for row in lines(run) if "ip_prefix" not in row)
    r.close()
    d.stop()


def test_bgp_label_filter(run):
    """Lines of some labels alone: of peers, and of routes where the map looks at communities; numbers have no gaps."""
    run.write("tags", "set_label=gold comms=65001:77\nset_label=east ip=127.0.0.2\nset_label=west ip=127.0.0.3\n")
    d, port = bgp.pmbgpd(run, LOG + "bgp_daemon_tag_map: @DIR@/tags\nbgp_daemon_msglog_label_filter: east, gold\n")
    speakers = [Speaker(run, port, f"127.0.0.{n}").meet() for n in (2, 3, 4)]
    for s in speakers:
        s.send(announcements(("10.0.0.0/8",), attributes()), announcements(("10.1.0.0/16",), attributes(communities=("65001:77",))))
    run.wait(lambda: len(find(lines(run), label="gold")) == 3, "lines of three peers")
    for s in speakers:
        s.close()
    run.wait(lambda: len(find(lines(run), event_type="log_close")) == 1 and len(find(lines(run), log_type="delete")) == 4, "the end")
    rows = lines(run)
    assert {(r["peer_ip_src"], r["label"]) for r in rows} == {("127.0.0.2", "east"), *((f"127.0.0.{n}", "gold") for n in (2, 3, 4))}, rows
    assert [r["seq"] for r in rows] == list(range(len(rows))), rows
    d.stop()
    run.write("tags", "set_label=east ip=127.0.0.2\n")
    (run.dir / "log").unlink()
    d, port = bgp.pmbgpd(run, LOG + "bgp_daemon_tag_map: @DIR@/tags\nbgp_daemon_msglog_label_filter: null\n")
    speakers = [Speaker(run, port, f"127.0.0.{n}").meet().send(announcements(("10.0.0.0/8",), attributes())) for n in (2, 3)]
    run.wait(lambda: bgp.stat(d, "attribute_sets") == 1, "the routes")
    run.wait(lambda: len(lines(run)) == 2, "two lines")
    assert {r["peer_ip_src"] for r in lines(run)} == {"127.0.0.3"}, lines(run)
    d.stop()
    assert len(speakers) == 2
    bad = run.daemon("pmbgpd", config="bgp_daemon_ip: 127.0.0.1\nbgp_daemon_msglog_label_filter: a,,b\n")
    assert bad.wait() == 1 and "c" in bad.text() and "bgp_daemon_msglog_label_filter: 'a,,b' is no list of labels" in bad.text(), bad.text()


def test_bmp_label_filter(run):
    """The same of routers."""
    run.write("tags", "set_label=east ip=127.0.0.2\nset_label=west ip=127.0.0.3\n")
    port = run.port(socket.SOCK_STREAM)
    d = run.daemon("pmbmpd", config=f"bmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {port}\nbmp_daemon_msglog_file: @DIR@/log\nbmp_daemon_tag_map: @DIR@/tags\n"
                   "bmp_daemon_msglog_label_filter: -west\n")
    d.wait_log("waiting for BMP data")
    for n in (3, 4, 2):
        bmp.Router(port, f"127.0.0.{n}", bmp.init() + bmp.peer_up() + bmp.routes(announce=("10.0.0.0/8",))).close()
    run.wait(lambda: len(find(lines(run), event_type="log_close")) == 2, "the end")
    rows = lines(run)
    assert {r["bmp_router"] for r in rows} == {"127.0.0.2", "127.0.0.4"} and [r["seq"] for r in rows] == list(range(len(rows))), rows
    d.stop()
    bad = run.daemon("pmbmpd", config="bmp_daemon_ip: 127.0.0.1\nbmp_daemon_msglog_label_filter: ,\n")
    assert bad.wait() == 1 and "bmp_daemon_msglog_label_filter: ',' is no list of labels" in bad.text(), bad.text()


def test_bgp_comms_num(run):
    """bgp_comms_num: well-known communities and types of extended ones are numbers."""
    d, port = bgp.pmbgpd(run, LOG + "bgp_comms_num: true\n")
    ext = bgp.attribute(0xc0, 16, bytes.fromhex("0002fbf10000002a 4300000000000001 ffff000000000001"))
    Speaker(run, port).meet().send(announcements(("10.0.0.0/8",), attributes(communities=("65001:7", "65535:65281"), extra=ext)))
    run.wait(lambda: find(lines(run), log_type="update"), "the route")
    row = find(lines(run), log_type="update")[0]
    assert (row["comms"], row["ecomms"].split()[0]) == ("65001:7 65535:65281", "0:2:64497:42"), row
    d.stop()
