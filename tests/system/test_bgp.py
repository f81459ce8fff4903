# SPDX-License-Identifier: BSD-2-Clause
"""pmbgpd: sessions, the message log, dumps, with a speaker made for it and with real ones."""
import errno
import json
import signal
import socket
import struct
import time

import bgp
from bgp import Speaker, announcements, attributes, find, lines, message, prefix, update

LOG = "bgp_daemon_msglog_file: @DIR@/log\n"


def wait_lines(run, count, name="log", seconds=20, **members):
    run.wait(lambda: len(find(lines(run, name), **members)) >= count, f"{count} lines {members} in {name}", seconds)
    return find(lines(run, name), **members)


def test_bgp_log(run):
    """A session from its beginning to its end, line by line."""
    d, port = bgp.pmbgpd(run, LOG + "bgp_daemon_as: 64512\nbgp_daemon_id: 192.0.2.99\nbgp_neighbors_file: @DIR@/neighbors\n")
    s = Speaker(run, port).meet(asn=4200000001, rid="10.1.1.1", families=((1, 1), (2, 1)))
    assert s.opened[:10] == struct.pack("!BHH", 4, 64512, 90) + socket.inet_aton("192.0.2.99") + s.opened[9:10], s.opened
    attrs = attributes(path=(65001, 65002), med=7, communities=("65001:1", "65535:666"))
    s.send(announcements(("10.0.0.0/8", "10.1.0.0/16"), attrs), update(withdrawn=prefix("10.1.0.0/16")), update(),
           update(prefix("10.0.0.0/8"), attributes(path=(65001, 65003))))
    wait_lines(run, 3, log_type="update")
    run.wait(lambda: (run.dir / "neighbors").exists() and (run.dir / "neighbors").read_text() == "127.0.0.2\n", "the list of neighbours")
    s.close()
    wait_lines(run, 1, event_type="log_close")
    rows = lines(run)
    assert [row["seq"] for row in rows] == list(range(len(rows)))
    assert [row.get("log_type") or row["event_type"] for row in rows] == ["log_init", "update", "update", "withdraw", "end-of-rib", "update", "delete",
                                                                         "log_close"], rows
    peer_port = rows[0]["peer_tcp_port"]
    assert list(rows[1]) == ["seq", "log_type", "timestamp", "peer_ip_src", "peer_tcp_port", "event_type", "afi", "safi", "ip_prefix", "bgp_nexthop",
                             "as_path", "comms", "origin", "med"], rows[1]
    assert {k: v for k, v in rows[1].items() if k != "timestamp"} == {
        "seq": 1, "log_type": "update", "peer_ip_src": "127.0.0.2", "peer_tcp_port": peer_port, "event_type": "log", "afi": 1, "safi": 1,
        "ip_prefix": "10.0.0.0/8", "bgp_nexthop": "192.0.2.1", "as_path": "65001 65002", "comms": "65001:1 65535:666", "origin": "i", "med": 7}
    assert rows[3]["ip_prefix"] == "10.1.0.0/16" and rows[3]["as_path"] == "65001 65002", rows[3]
    assert list(rows[4])[-2:] == ["afi", "safi"]
    assert rows[6]["as_path"] == "65001 65003", rows[6]
    run.wait(lambda: (run.dir / "neighbors").read_text() == "", "an empty list of neighbours")
    for line in (r"\[127.0.0.2\] BGP peers usage: 1$", r"\[10.1.1.1\] Capability: MultiProtocol \[1\] AFI \[2\] SAFI \[1\]",
                 r"\[10.1.1.1\] Capability: 4-bytes AS \[65\] ASN \[4200000001\]",
                 r"\[10.1.1.1\] BGP_OPEN: Local AS: 64512 Remote AS: 4200000001 HoldTime: 90", r"\[10.1.1.1\] BGP connection reset by peer \(0\)\."):
        d.wait_log(line)
    d.stop()


def test_bgp_hold_timers(run):
    """Keepalives come by themselves; who is silent for his hold time is gone, and is told so."""
    d, port = bgp.pmbgpd(run, LOG)
    talks, silent = Speaker(run, port, "127.0.0.2").meet(hold=3), Speaker(run, port, "127.0.0.3").meet(hold=3)
    start = time.monotonic()
    silent.send(announcements(("10.0.0.0/8",), attributes()))
    code = None
    while code is None:
        talks.wait_for(bgp.KEEPALIVE)
        talks.send(message(bgp.KEEPALIVE))
        if time.monotonic() - start > 3.5 * run.patience:
            code = silent.notification()
    assert code[:2] == (4, 0), code
    wait_lines(run, 1, log_type="delete", peer_ip_src="127.0.0.3")
    talks.wait_for(bgp.KEEPALIVE)
    assert not find(lines(run), event_type="log_close", peer_ip_src="127.0.0.2")
    talks.close()
    d.stop()


def test_bgp_faults(run):
    """Each fault of a peer ends with its NOTIFICATION; one that RFC 7606 forgives does not."""
    d, port = bgp.pmbgpd(run, LOG)
    rows = [
        ("not BGP", b"GET / HTTP/1.1\r\nHost: example\r\n\r\n", (1, 1)),
        ("length below the header", b"\xff" * 16 + b"\0\x12\x04", (1, 2)),
        ("unknown type", b"\xff" * 16 + b"\0\x13\x09", (1, 3)),
        ("version 3", bgp.open_message(65001, "10.0.0.1", version=3), (2, 1)),
        ("hold time 1", bgp.open_message(65001, "10.0.0.1", hold=1), (2, 6)),
        ("identifier 0", bgp.open_message(65001, "0.0.0.0"), (2, 3)),
        ("KEEPALIVE before OPEN", message(bgp.KEEPALIVE), (5, 1)),
        ("a second OPEN", bgp.open_message(65001, "10.0.0.1") + bgp.open_message(65001, "10.0.0.1"), (5, 2)),
    ]
    for number, (what, octets, want) in enumerate(rows):
        got = Speaker(run, port, f"127.0.0.{number + 10}").send(octets).notification()
        assert got and got[:2] == want, (what, got)
    s = Speaker(run, port, "127.0.0.9").meet()
    s.send(announcements(("10.0.0.0/8",), attributes()))
    s.send(update(prefix("10.0.0.0/8"), attributes(extra=bgp.attribute(0xc0, 8, b"\1\2\3"))))  # treated as a withdrawal
    wait_lines(run, 1, log_type="withdraw", ip_prefix="10.0.0.0/8")
    s.send(update(prefix("10.0.0.0/8"), attributes(path=())))
    wait_lines(run, 2, log_type="update")
    assert bgp.stat(d, "treated_as_withdraw") == 1
    s.send(update(b"\x21\x0a\0\0\0\0", attributes()))  # 33 bits
    assert s.notification()[:2] == (3, 10)
    d.stop()


def test_bgp_second_session(run):
    """A second connection of a peer is refused while the first one lives; another peer with the same identifier, too."""
    d, port = bgp.pmbgpd(run, LOG)
    first = Speaker(run, port).meet(rid="10.0.0.1")
    assert Speaker(run, port).notification()[:2] == (6, 7)
    d.wait_log(r"\[10.0.0.1\] Refusing new connection from existing peer \(residual holdtime: \d+\)\.")
    other = Speaker(run, port, "127.0.0.3").send(bgp.open_message(65001, "10.0.0.1"))
    assert other.notification()[:2] == (2, 3)
    d.wait_log(r"Refusing new connection from existing Router-ID\.")
    first.send(announcements(("10.0.0.0/8",), attributes()))
    wait_lines(run, 1, log_type="update")
    first.close()
    wait_lines(run, 1, event_type="log_close")
    Speaker(run, port).meet(rid="10.0.0.1")
    d.stop()


def test_bgp_graceful_restart(run):
    """Routes of a peer that restarts stay until it has told all; what it did not tell again is deleted, nothing else."""
    d, port = bgp.pmbgpd(run, LOG)
    first = Speaker(run, port).meet(rid="10.0.0.1", restart=60)
    first.send(announcements(("10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16"), attributes()), update())
    wait_lines(run, 1, log_type="end-of-rib")
    second = Speaker(run, port).meet(rid="10.0.0.1", restart=60)  # the first one is replaced: that is how a restart looks
    d.wait_log(r"its routes are kept for 60 s")
    assert first.notification()[:2] == (6, 7)
    second.send(announcements(("10.0.0.0/8", "10.2.0.0/16"), attributes(path=(65001, 65002))))
    wait_lines(run, 5, log_type="update")
    assert not find(lines(run), log_type="delete")
    second.send(update())
    gone = wait_lines(run, 1, log_type="delete")
    assert [row["ip_prefix"] for row in gone] == ["10.1.0.0/16"], gone
    run.wait(lambda: bgp.stat(d, "peers") == 1, "one peer in the RIB")
    d.stop()


def test_bgp_limits(run):
    """bgp_daemon_max_peers, the allow file, batches of connections."""
    run.write("allow", "127.0.0.0/29\n")
    d, port = bgp.pmbgpd(run, "bgp_daemon_max_peers: 2\nbgp_daemon_allow_file: @DIR@/allow\nbgp_daemon_batch: 1\nbgp_daemon_batch_interval: 1\n")
    start = time.monotonic()
    speakers = [Speaker(run, port, f"127.0.0.{n}").meet() for n in (2, 3)]
    assert time.monotonic() - start > 0.5, "the second one was not held back"
    assert d.said(r"throttling at BGP peer #1") and d.said(r"\[127.0.0.3\] BGP peers usage: 2/2"), d.text()
    assert Speaker(run, port, "127.0.0.4").notification()[:2] == (6, 5)
    d.wait_log(r"WARN .*Insufficient number of BGP peers has been configured by 'bgp_daemon_max_peers' \(2\)\.")
    assert Speaker(run, port, "127.0.0.20").notification() is None
    d.wait_log(r"\[127.0.0.20\] connection refused: not in bgp_daemon_allow_file")
    run.write("allow", "127.0.0.0/8\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"allow\] map successfully \(re\)loaded")
    speakers[0].close()
    d.wait_log(r"BGP connection reset by peer")
    last = Speaker(run, port, "127.0.0.20").meet()
    last.close()
    d.stop()


def test_bgp_shutdown(run):
    """At its end the daemon says so to its peers, and closes the log."""
    d, port = bgp.pmbgpd(run, LOG)
    s = Speaker(run, port).meet()
    s.send(announcements(("10.0.0.0/8",), attributes()))
    wait_lines(run, 1, log_type="update")
    d.send_signal(signal.SIGINT)
    code, subcode, data = s.notification()
    assert (code, subcode) == (6, 2) and data[1:].decode() == "pmbgpd is shutting down", data
    assert d.wait() == 0
    assert lines(run)[-1]["event_type"] == "log_close"


def test_bgp_tags(run):
    """Tags by peer and by community; labels that are maps; a map that is loaded anew."""
    run.write("tags", "set_tag=7 comms=65001:77\nset_label=name%a,site%b ip=127.0.0.2\nset_label=name%other\n")
    d, port = bgp.pmbgpd(run, LOG + "bgp_daemon_tag_map: @DIR@/tags\npre_tag_label_encode_as_map: true\nmaps_refresh: true\n")
    a, b = Speaker(run, port, "127.0.0.2").meet(), Speaker(run, port, "127.0.0.3").meet()
    for s in (a, b):
        s.send(announcements(("10.0.0.0/8",), attributes()), announcements(("10.1.0.0/16",), attributes(communities=("65001:77",))))
    wait_lines(run, 4, log_type="update")
    of = {(r["peer_ip_src"], r["ip_prefix"]): (r.get("tag"), r.get("label")) for r in find(lines(run), log_type="update")}
    assert of == {("127.0.0.2", "10.0.0.0/8"): (None, {"name": "a", "site": "b"}), ("127.0.0.2", "10.1.0.0/16"): (7, None),
                  ("127.0.0.3", "10.0.0.0/8"): (None, {"name": "other"}), ("127.0.0.3", "10.1.0.0/16"): (7, None)}, of
    run.write("tags", "set_tag=9 ip=127.0.0.2\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"tags.*loading", seconds=5) if d.said("tags.*loading") else None
    run.wait(lambda: a.send(announcements(("10.2.0.0/16",), attributes())) and find(lines(run), ip_prefix="10.2.0.0/16", tag=9), "the new tag", 20)
    d.stop()


def test_bgp_ipv6_transport(run):
    """A session over IPv6, and one over IPv4 to the same listener."""
    d, port = bgp.pmbgpd(run, LOG + "bgp_daemon_ip: ::\n")
    Speaker(run, port, "::1", "::1").meet(rid="10.0.0.6").send(announcements(("10.0.0.0/8",), attributes()))
    Speaker(run, port, "127.0.0.2").meet(rid="10.0.0.4").send(announcements(("10.0.0.0/8",), attributes()))
    wait_lines(run, 2, log_type="update")
    assert sorted(r["peer_ip_src"] for r in find(lines(run), log_type="update")) == ["127.0.0.2", "::1"]
    d.stop()


def test_bgp_real_speakers(run):
    """BIRD, FRR, GoBGP and ExaBGP: what they announce is in the log as they mean it, the dump of the table has the same, and what BIRD takes back
    is withdrawn."""
    run.need_root()
    d, port = bgp.pmbgpd(run, LOG + "bgp_daemon_as: 65000\nbgp_table_dump_file: @DIR@/dump-$peer_src_ip\nbgp_table_dump_refresh_time: 60\n"
                         "bgp_table_dump_latest_file: @DIR@/latest-$peer_src_ip\n"
                         "bgp_blackhole_stdcomm_list: 65011:100,65014:7\nbgp_blackhole_dump_file: @DIR@/black\n"
                         "bgp_blackhole_dump_latest_file: @DIR@/latest-black\n")
    routers = [make(run, port) for make in bgp.ALL]
    for number, router in enumerate(routers):
        source = f"127.0.0.{11 + number if router.name == 'bird' else {'frr': 14, 'gobgp': 13, 'exabgp': 12}[router.name]}"
        router.source = source
        for route in router.routes:
            wait_lines(run, 1, seconds=60, log_type="update", peer_ip_src=source, **route)
    path_ids = [r.get("as_path_id") for r in find(lines(run), log_type="update", peer_ip_src="127.0.0.11", afi=1)]
    assert path_ids and all(path_ids), path_ids  # ADD-PATH
    for old in run.dir.glob("latest-*"):  # a dump that was made before all were there
        old.unlink()
    for router in routers:
        name = f"latest-{router.source.replace('.', '_')}"
        run.wait(lambda: (run.dir / name).exists(), f"a dump of {router.name}", 75)
        rows = lines(run, name)
        assert rows[0]["event_type"] == "dump_init" and rows[-1]["event_type"] == "dump_close", rows
        dumped = find(rows, event_type="dump")
        assert rows[-1]["entries"] == len(dumped) and {r["seq"] for r in rows} == {rows[0]["seq"]}, rows
        for route in router.routes:
            assert len(find(dumped, **route)) == 1, (router.name, route, dumped)
        assert len(dumped) == len(router.routes), (router.name, dumped)
    run.wait(lambda: (run.dir / "latest-black").exists(), "a dump of blackholes", 75)
    rows = lines(run, "latest-black")
    assert len(find(rows, event_type="dump_init")) == len(find(rows, event_type="dump_close")) == len(routers), rows
    assert {r["ip_prefix"]: r["comms"] for r in find(rows, event_type="dump")} == {"198.51.100.0/24": "65011:100", "198.51.114.0/24": "65014:7"}, rows
    bgp.birdc(run, "disable", "s4")
    wait_lines(run, 2, log_type="withdraw", peer_ip_src="127.0.0.11", afi=1)
    d.stop()


def test_bgp_md5(run):
    """Keys of TCP: who has the right one gets through; a file that is read anew."""
    run.need_root()
    run.write("keys", "! neighbours\n127.0.0.11,wrong\n")
    d, port = bgp.pmbgpd(run, LOG + "bgp_daemon_as: 65000\nbgp_daemon_md5_file: @DIR@/keys\n")
    bgp.bird(run, port, password="s3cret")
    run.write("keys", "127.0.0.11,s3cret\n127.0.0.12,other\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"bgp_daemon_md5_file: 2 keys loaded")
    wait_lines(run, 1, seconds=60, ip_prefix="198.51.100.0/24", peer_ip_src="127.0.0.11")
    d.stop()


def ao_refused(run, program, prefix):
    """A line that is wrong ends the start (which lines: bgp_tcpkeys_test.c), and so does a kernel without TCP-AO: no session without its key."""
    conf = f"{prefix}_ip: 127.0.0.1\n{prefix}_port: {run.port(socket.SOCK_STREAM)}\n{prefix}_tcp_ao_file: @DIR@/keys\n"
    run.write("keys", "! neighbours\n127.0.0.2,1,md5,x\n")
    bad = run.daemon(program, config=conf)
    assert bad.wait() == 1 and f"{prefix}_tcp_ao_file: [" in bad.text() and "keys:2] 'md5': algorithms are hmac-sha-1-96" in bad.text(), bad.text()
    run.write("keys", "127.0.0.2,1:2,hmac-sha-1-96,s3cret\n")
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.IPPROTO_TCP, TCP_AO_ADD_KEY, ao_key("127.0.0.1", 2, 1, b"s3cret"))
    except OSError as e:
        if e.errno != errno.ENOPROTOOPT:
            raise
        d = run.daemon(program, config=conf)
        assert d.wait() == 1 and f"{prefix}_tcp_ao_file: this kernel has no TCP-AO" in d.text(), d.text()
        run.skip("this kernel has no TCP-AO; only the file and the refusal were tested")


def ao_sessions(run, d, port, prefix, accepted):
    """Who has the key gets through (`accepted` looks at its socket); who has none or another does not; a file that is read anew counts."""
    def connect(password):
        s = socket.socket()
        s.settimeout(3)
        s.bind(("127.0.0.2", 0))
        if password:
            s.setsockopt(socket.IPPROTO_TCP, TCP_AO_ADD_KEY, ao_key("127.0.0.1", 2, 1, password))
        try:
            s.connect(("127.0.0.1", port))
        except (TimeoutError, socket.timeout):
            s.close()
            return None
        return s

    accepted(connect(b"s3cret"))
    assert connect(None) is None and connect(b"wrong") is None
    run.write("keys", "127.0.0.0/8,1:2,hmac-sha-1-96,other\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(f"{prefix}_tcp_ao_file: 1 keys loaded")
    accepted(connect(b"other"))
    assert connect(b"s3cret") is None
    d.stop()


def test_bgp_tcp_ao(run):
    ao_refused(run, "pmbgpd", "bgp_daemon")
    d, port = bgp.pmbgpd(run, "bgp_daemon_tcp_ao_file: @DIR@/keys\n")

    def accepted(s):
        s.sendall(bgp.open_message(65001, "127.0.0.2", 90, bgp.capabilities(65001)))
        assert s.recv(19)[18] == bgp.OPEN
        s.close()

    ao_sessions(run, d, port, "bgp_daemon", accepted)


def test_bmp_tcp_ao(run):
    ao_refused(run, "pmbmpd", "bmp_daemon")
    port = run.port(socket.SOCK_STREAM)
    d = run.daemon("pmbmpd", config=f"bmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {port}\nbmp_daemon_tcp_ao_file: @DIR@/keys\nbmp_daemon_msglog_file: @DIR@/log\n")
    d.wait_log("waiting for BMP data")
    seen = []

    def accepted(s):
        s.sendall(bmp.init())
        seen.append("init")
        wait_lines(run, len(seen), seconds=60, bmp_msg_type="init")
        s.close()

    ao_sessions(run, d, port, "bmp_daemon", accepted)


TCP_AO_ADD_KEY = 38


def ao_key(address, send, receive, password, algorithm=b"hmac(sha1)"):
    """struct tcp_ao_add of the kernel."""
    where = struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_aton(address)).ljust(128, b"\0")
    return where + algorithm.ljust(64, b"\0") + struct.pack("=iIHBBBBBB", 0, 0, 0, 32, send, receive, 0, 0, len(password)) + password.ljust(80, b"\0")


def test_bgp_bad_configuration(run):
    rows = [("bgp_daemon_md5_file: @DIR@/keys", "keys:2] a line has the form address,password"),
            ("bgp_daemon_tag_map: @DIR@/map", "bgp_daemon_tag_map"),
            ("bgp_daemon_msglog_file: @DIR@/$nothing", "there is no variable $nothing"),
            ("bgp_table_dump_file: @DIR@/$nothing", "there is no variable $nothing"),
            ("bgp_table_dump_refresh_time: 5", "bad value '5'")]
    run.write("keys", "10.0.0.1,a\n10.0.0.2\n")
    run.write("map", "set_tag=1 vlan=7\n")
    for text, said in rows:
        d = run.daemon("pmbgpd", config=f"{text}\nbgp_daemon_ip: 127.0.0.1\nbgp_daemon_port: 17900\n")
        assert d.wait() == 1 and said in d.text(), (text, d.text())


def ask(run, port, *words, expect=0):
    text = run.run_program("pmbgp", "-z", f"127.0.0.1:{port}", *words, expect=expect, seconds=30)
    return [json.loads(line) for line in text.splitlines()]


def test_bgp_looking_glass(run):
    """Longest match, prefixes, several paths, VPNs and peers; a login; questions that make no sense."""
    if not run.has("pmbgp"):
        run.skip("a build without libzmq")
    lg = run.port(socket.SOCK_STREAM)
    d, port = bgp.pmbgpd(run, f"bgp_daemon_lg: true\nbgp_daemon_lg_port: {lg}\n")
    s = Speaker(run, port).meet(rid="10.0.0.1", add_path=((1, 1),), families=((1, 1), (1, 128)))
    attrs = attributes(communities=("65001:1",))
    s.send(update(prefix("10.0.0.0/8", 1) + prefix("10.1.0.0/16", 1) + prefix("10.1.2.0/24", 7), attrs))
    vpn = bytes((24 + 64 + 16,)) + b"\x00\x06\x41" + b"\0\0\xfd\xe9\0\0\0\5" + bytes((10, 9))
    reach = struct.pack("!HBB", 1, 128, 12) + b"\0" * 8 + socket.inet_aton("192.0.2.7") + b"\0" + vpn
    s.send(update(b"", attributes(next_hop=None, extra=bgp.attribute(0x80, 14, reach))))
    run.wait(lambda: bgp.stat(d, "routes") == 4, "four routes")
    assert ask(run, lg, "-g") == [{"peer_ip_src": "127.0.0.2", "peer_id": "10.0.0.1", "peer_tcp_port": s.socket.getsockname()[1], "peer_as": 65001}]
    for what, want, path in (("10.1.2.3", "10.1.2.0/24", 7), ("10.1.3.4", "10.1.0.0/16", 1), ("10.200.0.1", "10.0.0.0/8", 1), ("10.1.2.0/24", "10.1.2.0/24", 7)):
        rows = ask(run, lg, "-r", "127.0.0.2", "-a", what)
        assert len(rows) == 1 and rows[0]["ip_prefix"] == want and rows[0]["as_path_id"] == path and rows[0]["comms"] == "65001:1", (what, rows)
        assert list(rows[0])[:3] == ["peer_ip_src", "event_type", "afi"] and rows[0]["event_type"] == "lglass", rows
    assert ask(run, lg, "-r", "127.0.0.2", "-a", "192.0.2.1") == [] and ask(run, lg, "-r", "127.0.0.9", "-a", "10.1.2.3") == []
    rows = ask(run, lg, "-r", "127.0.0.2", "-a", "10.9.1.1", "-d", "0:65001:5")
    assert len(rows) == 1 and rows[0]["rd"] == "0:65001:5" and rows[0]["mpls_label"] == "100", rows
    assert ask(run, lg, "-r", "127.0.0.2", "-a", "10.9.1.1", "-d", "0:65001:6") == []
    ask(run, lg, "-r", "127.0.0.2", "-a", "ten", expect=1)
    assert "ip_prefix is no prefix" in run.stderr, run.stderr
    d.stop()


def test_bgp_looking_glass_login(run):
    if not run.has("pmbgp"):
        run.skip("a build without libzmq")
    lg = run.port(socket.SOCK_STREAM)
    d, port = bgp.pmbgpd(run, f"bgp_daemon_lg: true\nbgp_daemon_lg_port: {lg}\nbgp_daemon_lg_user: u\nbgp_daemon_lg_passwd: s3cret\n")
    s = Speaker(run, port).meet()
    run.wait(lambda: len(ask(run, lg, "-u", "u", "-p", "s3cret", "-g")) == 1, "the peer")
    ask(run, lg, "-u", "u", "-p", "wrong", "-g", expect=1)
    s.close()
    d.wait_log(r"a client with a wrong login was refused")
    d.stop()
    bad = run.daemon("pmbgpd", config="bgp_daemon_lg: true\nbgp_daemon_lg_user: u\n")
    assert bad.wait() == 1 and "go together" in bad.text(), bad.text()


def test_bgp_xconnects(run):
    """A session that is handed through arrives at the other collector whole, in both directions; others stay here."""
    far, far_port = bgp.pmbgpd(run, LOG + "bgp_daemon_as: 64999\n")
    run.write("xc", f"bgp_src=127.0.0.8/29 bgp_dst=127.0.0.1:{far_port}\n")
    near, port = bgp.pmbgpd(run, "bgp_daemon_as: 64512\nbgp_daemon_xconnect_map: @DIR@/xc\n")
    through, stays = Speaker(run, port, "127.0.0.9").meet(rid="10.0.0.9"), Speaker(run, port, "127.0.0.2").meet(rid="10.0.0.2")
    assert struct.unpack("!H", through.opened[1:3]) == (64999,) and struct.unpack("!H", stays.opened[1:3]) == (64512,)
    nets = [f"10.{a}.{b}.0/24" for a in range(40) for b in range(256)]
    through.send(announcements(nets, attributes()))
    wait_lines(run, len(nets), log_type="update")
    near.wait_log(r"\[127.0.0.9\] BGP xconnects usage: 1/1")
    assert bgp.stat(near, "xconnects") == 1 and bgp.stat(near, "sessions") == 1
    through.close()
    near.wait_log(r"\[127.0.0.9\] BGP xconnect closed")
    wait_lines(run, 1, event_type="log_close")
    near.stop()
    far.stop()
    for text, said in (("bgp_src=10.0.0.0/8", "bgp_src and bgp_dst are both needed"), ("bgp_src=ten bgp_dst=10.0.0.1:179", "bgp_src=ten"),
                       ("bgp_src=10.0.0.1 bgp_dst=10.0.0.1", "bgp_dst=10.0.0.1")):
        run.write("xc", text + "\n")
        d = run.daemon("pmbgpd", config="bgp_daemon_xconnect_map: @DIR@/xc\nbgp_daemon_ip: 127.0.0.1\nbgp_daemon_port: 17900\n")
        assert d.wait() == 1 and said in d.text(), (text, d.text())


def test_bgp_flapping(run):
    """Many peers with many routes, all at once and again: every route goes in and out, and memory returns to its level."""
    peers, routes = (60, 500) if run.sanitized else (500, 10000)
    d, port = bgp.pmbgpd(run, "")
    nets = [f"{10 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.0/24" for n in range(routes)]
    feed = announcements(nets, attributes()) + update()

    def resident():
        return int([line for line in open(f"/proc/{d.pid}/status") if line.startswith("VmRSS")][0].split()[1])

    levels = []
    for _ in range(3):
        speakers = [Speaker(run, port, f"127.1.{n >> 8}.{n & 255}").meet(rid=f"10.9.{n >> 8}.{n & 255}") for n in range(peers)]
        for s in speakers:
            s.send(feed)
        run.wait(lambda: bgp.stat(d, "routes") == peers * routes, "all routes", 60)
        full = resident()
        for s in speakers:
            s.close()
        run.wait(lambda: bgp.stat(d, "sessions") == 0 and bgp.stat(d, "routes") == 0, "no route", 60)
        levels.append((resident(), bgp.stat(d, "octets_held")))
    assert levels[2][1] == levels[0][1], levels  # what the RIB has from the system, empty
    assert run.sanitized or (full < 100000 and levels[2][0] < levels[0][0] + 32768), (levels, full)  # KiB
    d.stop()


def test_bgp_blackholes(run):
    """Routes with one of the communities are told apart: as they come, lose it, go, and go with their neighbour."""
    d, port = bgp.pmbgpd(run, "bgp_blackhole_stdcomm_list: 65535:666,65001:13\nbgp_blackhole_msglog_file: @DIR@/log\n")
    s = Speaker(run, port).meet()
    black, other = attributes(communities=("65001:1", "65535:666")), attributes(communities=("65001:1",))
    s.send(announcements(("10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"), black), announcements(("10.0.0.4/32",), other))
    s.send(announcements(("10.0.0.1/32",), other), update(withdrawn=prefix("10.0.0.2/32")), update(withdrawn=prefix("10.0.0.4/32")))
    wait_lines(run, 2, log_type="withdraw")
    s.close()
    wait_lines(run, 1, log_type="delete")
    assert [(r["log_type"], r["ip_prefix"]) for r in lines(run)] == [
        ("update", "10.0.0.1/32"), ("update", "10.0.0.2/32"), ("update", "10.0.0.3/32"), ("withdraw", "10.0.0.1/32"), ("withdraw", "10.0.0.2/32"),
        ("delete", "10.0.0.3/32")], lines(run)
    d.stop()
    bad = run.daemon("pmbgpd", config="bgp_blackhole_stdcomm_list: 65535\nbgp_daemon_ip: 127.0.0.1\nbgp_daemon_port: 17900\n")
    assert bad.wait() == 1 and "communities such as 65535:666" in bad.text(), bad.text()
