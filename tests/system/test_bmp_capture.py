# SPDX-License-Identifier: BSD-2-Clause
"""BMP out of capture files (pcap_savefile): by pmbmpd, and beside the flows of the same file by nfacctd."""
import random
import signal

import bmp
import netflow
import packets
from test_bmp import lines, story, wait_lines, word

START = 1_700_000_000_000_000  # as netflow.py's flows


def replay(run, frames, more="", code=0, name="in.pcap"):
    """Runs pmbmpd over a capture, to its end; the lines of its log."""
    packets.pcap(run.dir / name, frames)
    d = run.daemon("pmbmpd", config=f"""
        pcap_savefile: {run.dir}/{name}
        timestamps_utc: true
        bmp_daemon_msglog_file: {run.dir}/log.json
        {more}""")
    assert d.wait() == code, d.log()
    return d, lines(run)


def test_capture_story(run):
    """Two routers at once, their segments mixed up, sent twice, and cut anywhere: the lines of a session."""
    messages, told = story()
    data = b"".join(messages)
    one = packets.tcp_connection(data, "192.0.2.50", size=37)
    two = packets.tcp_connection(data, "2001:db8::50", "2001:db8::99", size=501, seq=0xffffff00)
    other = packets.tcp_connection(b"GET / HTTP/1.0\r\n\r\n" * 20, "192.0.2.77", dport=80)
    shuffle, mixed = random.Random(7), []
    for at in range(1, len(one), 8):  # within a window, as networks do
        window = one[at:at + 8] + one[at:at + 2]
        shuffle.shuffle(window)
        mixed += window
    frames = one[:1] + two[:2] + other[:5] + mixed[:40] + two[2:] + mixed[40:] + other[5:]
    d, rows = replay(run, [(START + i, f) for i, (_, f) in enumerate(frames)])
    for router in ("192.0.2.50", "2001:db8::50"):
        own = [r for r in rows if r["bmp_router"] == router]
        assert sorted(map(word, own), key=str) == sorted(told, key=str), router
        assert {r["bmp_router_port"] for r in own} == {40000}
    assert {r["bmp_router"] for r in rows} == {"192.0.2.50", "2001:db8::50"}
    assert [r["seq"] for r in rows] == list(range(len(rows)))
    assert {r["timestamp_arrival"][:19] for r in rows if "timestamp_arrival" in r} == {"2023-11-14 22:13:20"}, "times of the capture"
    assert "finished reading PCAP capture file" in d.log()


def test_capture_gap(run):
    """Octets that are missing end the session, and nothing else; it begins anew where a message does."""
    first = b"".join([bmp.init(), bmp.peer_up(), bmp.routes(announce=["203.0.113.0/24"])])
    second = bmp.init(b"again") + bmp.peer_up() + bmp.routes(announce=["192.0.2.0/24"])
    frames = packets.tcp_connection(first, size=5000)[:-1]
    late = packets.tcp_connection(second * 24000, seq=1500, size=3 * len(second), whole=False)  # more than is kept behind a gap
    sane = packets.tcp_connection(first, "192.0.2.51", seq=5)
    waits = packets.tcp_connection(first, "192.0.2.52", seq=5)[:2] + packets.tcp_connection(second, "192.0.2.52", seq=900, whole=False)
    d, rows = replay(run, [(START + i, f) for i, (_, f) in enumerate(sane[:2] + frames + late + waits + sane[2:])])
    told = [(r.get("ip_prefix"), r["log_type"]) for r in rows if r["bmp_router"] == "192.0.2.50" and "log_type" in r]
    assert told[0] == ("203.0.113.0/24", "update") and set(told[1:]) == {("203.0.113.0/24", "delete"), ("192.0.2.0/24", "update"), ("192.0.2.0/24", "delete")}
    assert d.log().count("octets of it are missing in the capture") == 2, "the second is said at the end of the file"
    assert [r["log_type"] for r in rows if r["bmp_router"] == "192.0.2.51" and "log_type" in r] == ["update", "delete"]
    assert [r["log_type"] for r in rows if r["bmp_router"] == "192.0.2.52" and "log_type" in r] == ["update", "delete"]


def test_capture_rounds(run):
    """Read twice: sessions of the first round end before the second; without pcap_savefile_wait the daemon ends."""
    messages, _ = story()
    frames = packets.tcp_connection(b"".join(messages[:4]), whole=False)
    _, rows = replay(run, frames, "pcap_savefile_replay: 2")
    assert [word(r)[0] for r in rows] == (["log_init", "init", "peer_up"] + 3 * ["update"] + 3 * ["delete"] + ["log_close"]
                                          + ["log_init", "init", "peer_up"] + 3 * ["update"] + ["log_close"])


def test_capture_filter_and_wait(run):
    """pcap_filter chooses; with pcap_savefile_wait what was read stays, for dumps and SIGUSR1."""
    messages, _ = story()
    frames = packets.tcp_connection(b"".join(messages[:4])) + packets.tcp_connection(b"".join(messages[:4]), "192.0.2.60", whole=False)
    packets.pcap(run.dir / "in.pcap", frames)
    d = run.daemon("pmbmpd", config=f"""
        pcap_savefile: {run.dir}/in.pcap
        pcap_savefile_wait: true
        pcap_filter: src host 192.0.2.60
        bmp_daemon_msglog_file: {run.dir}/log.json""")
    d.wait_log("finished reading PCAP capture file")
    assert len(wait_lines(run, 6)) == 6
    d.wait_counters(r"router=192\.0\.2\.60:40000 peers=1 routes=3",
                    r"packets=\d+ segments=\d+ not_tcp=0 not_bmp=0")
    d.stop()
    assert lines(run)[-1]["event_type"] == "log_close"


def test_capture_keys(run):
    """What cannot be: a socket beside the file, a file that is not there."""
    packets.pcap(run.dir / "in.pcap", [])
    d = run.daemon("pmbmpd", config=f"pcap_savefile: {run.dir}/in.pcap\nbmp_daemon_ip: 127.0.0.1")
    assert d.wait() == 1
    assert "bmp_daemon_ip and pcap_savefile are mutually exclusive" in d.log(), d.log()
    d = run.daemon("pmbmpd", config=f"pcap_savefile: {run.dir}/none.pcap")
    assert d.wait() == 1
    assert "none.pcap" in d.log()


def test_capture_flows(run):
    """Flows of a file find the routes of its BMP sessions, wherever in the file these stand."""
    head = bmp.peer()
    session = packets.tcp_connection(b"".join([bmp.init(), bmp.peer_up(head), bmp.routes(head, announce=["192.0.2.0/24"], path=(65001, 65010))]),
                                     "198.51.100.1", whole=False)
    flow = netflow.export(netflow.IPFIX, [netflow.flow(0, packets=3, src="10.1.1.1", dst="192.0.2.9")], 1_700_000_000)
    frames = [(START, packets.ether(packets.ip("198.51.100.1", "192.0.2.99", 17, packets.udp(5000, 2055, f)))) for f in flow]
    packets.pcap(run.dir / "in.pcap", frames + [(START + 1000 + i, f) for i, (_, f) in enumerate(session)])
    d = run.daemon("nfacctd", config=f"""
        pcap_savefile: {run.dir}/in.pcap
        bmp_daemon: true
        nfacctd_as: bmp
        nfacctd_net: bmp
        plugins: print[p]
        print_output[p]: json
        print_output_file[p]: {run.dir}/out.json
        aggregate[p]: dst_host, dst_as, as_path, dst_net, dst_mask""")
    assert d.wait() == 0
    rows = lines(run, "out.json")
    assert [(r["ip_dst"], r["as_dst"], r["as_path"], r["net_dst"], r["mask_dst"], r["packets"]) for r in rows] == [
        ("192.0.2.9", 65010, "65001 65010", "192.0.2.0", 24, 3)], rows
