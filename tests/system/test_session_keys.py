# SPDX-License-Identifier: BSD-2-Clause
"""What BGP sessions agree on and keys that change it; keys of BMP sessions that no other case sets."""
import socket
import struct

import bgp
import bmp
from bgp import REFRESH, Speaker, announcements, attributes, capability, find, lines, message, prefix, update
from test_bgp import wait_lines

LOG = "bgp_daemon_msglog_file: @DIR@/log\n"
LONG = b"".join(prefix(f"10.{i >> 8}.{i & 255}.0/24") for i in range(2000))  # 8000 octets


def test_bgp_extended_messages(run):
    """An UPDATE of more than 4096 octets (RFC 8654): all its routes from who offered to send such, an end with `bad message length` from who did not."""
    d, port = bgp.pmbgpd(run, LOG)
    plain = Speaker(run, port, "127.0.0.3").meet(asn=65003)
    plain.send(update(LONG, attributes()))
    assert plain.notification()[:2] == (1, 2)
    long = Speaker(run, port, "127.0.0.2").meet(extra=capability(6))
    assert b"\x06\x00" in long.opened
    long.send(update(LONG, attributes()))
    wait_lines(run, 2000, seconds=60, log_type="update", peer_ip_src="127.0.0.2")
    assert not find(lines(run), log_type="update", peer_ip_src="127.0.0.3")
    d.stop()


def test_bgp_route_refresh(run):
    """ROUTE-REFRESH and its marks (RFC 2918, 7313) end nothing: routes that come after them are told, and so are those that come again."""
    d, port = bgp.pmbgpd(run, LOG)
    s = Speaker(run, port).meet(extra=capability(2) + capability(70))
    s.send(announcements(("10.0.0.0/8",), attributes()))
    for mark in 0, 1, 2:  # the request, the beginning, the end
        s.send(message(REFRESH, struct.pack("!HBB", 1, mark, 1)), announcements((f"10.{mark + 1}.0.0/16", "10.0.0.0/8"), attributes(med=mark)))
    wait_lines(run, 7, seconds=60, log_type="update")
    assert [r.get("med") for r in find(lines(run), log_type="update", ip_prefix="10.0.0.0/8")] == [None, 0, 1, 2]
    s.send(message(REFRESH, b"\0\1"))  # four octets are wanted
    assert s.notification()[0] in (1, 7)
    d.stop()


def test_bgp_add_path_ignore(run):
    """The capability is offered, and is not where the key says so."""
    for text, offered in ("", True), ("bgp_daemon_add_path_ignore: true\n", False):
        d, port = bgp.pmbgpd(run, text)
        s = Speaker(run, port).meet(add_path=((1, 1),))
        assert (struct.pack("!BB", 69, 4) in s.opened) == offered, (text, s.opened)
        d.stop()


def test_bmp_session_keys(run):
    """An RD stands as pd if that is asked for; so many sessions at a time are taken, and the others later."""
    port = run.port(socket.SOCK_STREAM)
    d = run.daemon("pmbmpd", config=f"bmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {port}\nbmp_daemon_msglog_file: @DIR@/log\n"
                   "bmp_daemon_set_pd: true\nbmp_daemon_batch: 2\nbmp_daemon_batch_interval: 1\n")
    d.wait_log("waiting for BMP data")
    head = bmp.peer(kind=1, rd=struct.pack("!HHI", 0, 65001, 7))
    routers = [bmp.Router(port, f"127.0.0.{n}", bmp.init() + bmp.peer_up(head) + bmp.routes(head, announce=["192.0.2.0/24"])) for n in range(2, 7)]
    rows = wait_lines(run, 5, seconds=60, log_type="update")
    assert {(r["pd"], r["pd_origin"], "rd" in r) for r in rows} == {("0:65001:7", "bmp", False)}, rows
    d.wait_log(r"throttling at BMP peer #2", count=2)
    for router in routers:
        router.close()
    d.stop()
