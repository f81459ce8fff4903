# SPDX-License-Identifier: BSD-2-Clause
"""uacctd with the real kernel: nftables rules log packets to NFLOG groups, and what was sent is what was counted."""
import os
import re
import signal
import socket
import struct
import time

import packets
from test_seed import TABLE

PRINT = """
    plugins: print[p]
    aggregate[p]: {fields}
    print_output[p]: json
    print_output_file[p]: @DIR@/{file}
    print_refresh_time: 600
    """
HERE, FAR, FAR2 = "192.0.2.1", "192.0.2.2", "198.51.100.2"


def prepare(run):
    run.need_root()
    if not run.has("uacctd"):
        run.skip("uacctd is not built (libmnl)")
    if not os.path.exists("/proc/net/netfilter/nfnetlink_log"):
        run.skip("the kernel has no nfnetlink_log")
    run.need("nft")


def rules(run, text, family="inet"):
    """Chains in a table of their own; text: (hook, rule) pairs."""
    chains = "".join(f"chain c{n} {{ type filter hook {hook} priority 0; {rule}\n}}\n" for n, (hook, rule) in enumerate(text))
    run.call("nft", "-f", run.write("rules.nft", f"table {family} acct {{\n{chains}}}\n"))


def uacctd(run, more="", fields="src_host,dst_host", file="out.json", args=()):
    d = run.daemon("uacctd", *args, config=PRINT.format(fields=fields, file=file) + more)
    d.wait_log(r"^INFO \( default/core \): Successfully connected Netlink NFLOG socket$")
    return d


def capable(run):
    """Words that run a program as nobody with the one capability it needs."""
    return [run.need("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+net_admin", "--ambient-caps=+net_admin"]


def send(count, size, to="127.0.0.1", port=7777, first=0):
    """UDP packets of size, size+1, ... octets of payload; returns the sum of their IP lengths."""
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    head = 28 if family == socket.AF_INET else 48
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        for n in range(first, first + count):
            s.sendto(b"x" * (size + n), (to, port))
    return sum(head + size + n for n in range(first, first + count))


def far_send(run, front, count, size, to, port=7777):
    """The same from another namespace."""
    run.call(*front, "python3", "-c", f"""
import socket
with socket.socket(socket.AF_INET6 if ":" in "{to}" else socket.AF_INET, socket.SOCK_DGRAM) as s:
    for n in range({count}):
        s.sendto(b"x" * {size}, ("{to}", {port}))""")


def index(name):
    return socket.if_nametoindex(name)


def drained(run):
    """Waits until the kernel has nothing left for the listeners of any group."""
    def empty():
        with open("/proc/net/netfilter/nfnetlink_log") as f:
            collected = sum(int(line.split()[2]) for line in f)  # packets that are not in a socket yet
        with open("/proc/net/netlink") as f:
            # family 12 is netfilter; its fifth column are the octets that wait
            return not collected and all(int(w[4]) == 0 for w in map(str.split, list(f)[1:]) if w[1] == "12")
    run.wait(empty, "the netlink sockets to be read")


def stats(d, pattern):
    """The groups of the pattern in an answer to SIGUSR1."""
    return list(re.finditer(pattern, d.ask(), re.M))[-1]


def test_both_versions_and_directions(run):
    """IPv4 and IPv6, in and out: packets, octets, interfaces, ports and direction."""
    prepare(run)
    rules(run, [("output", "udp dport 7777 log group 5"), ("input", "udp dport 7777 log group 5")])
    d = uacctd(run, "uacctd_group: 5", "src_host,dst_host,dst_port,proto,in_iface,out_iface,sampling_direction")
    octets = {to: send(300, 10, to) for to in ("127.0.0.1", "::1")}
    d.stop()
    lo = index("lo")
    rows = {(r["ip_src"], r["ip_dst"], r["port_dst"], r["ip_proto"], r["iface_in"], r["iface_out"], r["sampling_direction"],
             r["packets"], r["bytes"]) for r in run.rows("out.json")}
    assert rows == {(to, to, 7777, "udp", *way, 300, octets[to])
                    for to in octets for way in ((lo, 0, "i"), (0, lo, "e"))}, rows
    d.wait_log(r"^NOTICE \( default/core \): \[nflog,5\] received_packets=1200 dropped_packets=0$")


def test_direction(run):
    """uacctd_direction says what all packets do; interfaces are what they are, and nothing is left out."""
    prepare(run)
    rules(run, [("output", "udp dport 7777 log group 5"), ("input", "udp dport 7777 log group 5")])
    lo = index("lo")
    for word, letter in (("in", "i"), ("out", "e")):
        d = uacctd(run, f"uacctd_group: 5\nuacctd_direction: {word}", "in_iface,out_iface,sampling_direction", f"{word}.json")
        send(20, 10)
        d.stop()
        rows = {(r["iface_in"], r["iface_out"], r["sampling_direction"], r["packets"]) for r in run.rows(f"{word}.json")}
        assert rows == {(lo, 0, letter, 20), (0, lo, letter, 20)}, rows


def test_groups(run):
    """Two groups in one daemon, and a daemon for each; what goes to a third group is nobody's."""
    prepare(run)
    ports = {7001: 1, 7002: 65535, 7003: 7}
    rules(run, [("output", "\n".join(f"udp dport {port} log group {group}" for port, group in ports.items()))])
    both = uacctd(run, "uacctd_group: 1, 65535", "dst_port", "both.json")
    sent = {port: send(50 + port % 10, 100, port=port) for port in ports}
    drained(run)
    first = stats(both, r"stats \[nflog,1\] time=\d+ received_packets=(\d+) missing_packets=(\d+)$")
    second = stats(both, r"stats \[nflog,65535\] time=\d+ received_packets=(\d+) missing_packets=(\d+)$")
    assert first.groups() == ("51", "0") and second.groups() == ("52", "0"), both.text()
    both.stop()
    want = {(port, 50 + port % 10, sent[port]) for port in (7001, 7002)}
    assert {(r["port_dst"], r["packets"], r["bytes"]) for r in run.rows("both.json")} == want
    one = uacctd(run, "", "dst_port", "one.json", args=("-g", "1"))
    two = uacctd(run, "uacctd_group: 65535", "dst_port", "two.json")
    sent = {port: send(5, 100, port=port) for port in ports}
    one.stop()
    two.stop()
    assert [(r["port_dst"], r["packets"], r["bytes"]) for r in run.rows("one.json")] == [(7001, 5, sent[7001])]
    assert [(r["port_dst"], r["packets"], r["bytes"]) for r in run.rows("two.json")] == [(7002, 5, sent[7002])]


def test_taken_group(run):
    """A group has one listener: the second is told who, and ends."""
    prepare(run)
    uacctd(run, "uacctd_group: 9")
    other = run.daemon("uacctd", config=PRINT.format(fields="src_host", file="x.json") + "uacctd_group: 9")
    assert other.wait() == 1
    other.wait_log(r"^ERROR \( default/core \): somebody else listens to NFLOG group 9 already \(netlink port \d+")
    os.chmod(run.dir, 0o777)
    other = run.daemon("uacctd", config=PRINT.format(fields="src_host", file="x.json") + "uacctd_group: 9", front=capable(run))
    assert other.wait() == 1
    other.wait_log(r"^ERROR \( default/core \): NFLOG group 9: not permitted\. Somebody else listens to it")


def test_forwarding(run):
    """A router between two namespaces: both interfaces, MAC addresses of the packet as it came in, both directions."""
    prepare(run)
    left = run.veth()
    right = run.veth("w0", "w1", "198.51.100.1/24", FAR2 + "/24")
    with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
        f.write("1")
    run.call(*left, "ip", "route", "add", "default", "via", HERE)
    run.call(*right, "ip", "route", "add", "default", "via", "198.51.100.1")
    rules(run, [("forward", "meta l4proto udp log group 2")], "ip")
    d = uacctd(run, "uacctd_group: 2", "src_host,dst_host,src_mac,dst_mac,etype,in_iface,out_iface,sampling_direction")
    far_send(run, left, 40, 100, FAR2)
    far_send(run, right, 30, 200, FAR)
    far_send(run, left, 5, 100, HERE)  # not forwarded
    run.wait(lambda: stats(d, r"stats \[nflog,2\] .* received_packets=(\d+)")[1] == "70", "70 packets")
    d.stop()
    v, w = index("v0"), index("w0")
    rows = {(r["ip_src"], r["ip_dst"], r["mac_src"], r["mac_dst"], r["etype"], r["iface_in"], r["iface_out"],
             r["sampling_direction"], r["packets"], r["bytes"]) for r in run.rows("out.json")}
    there, here = "02:00:00:00:00:02", "02:00:00:00:00:01"
    assert rows == {(FAR, FAR2, there, here, "800", v, w, "u", 40, 40 * 128),
                    (FAR2, FAR, there, here, "800", w, v, "u", 30, 30 * 228)}, rows


def test_fragments_and_flows(run):
    """Fragments that are forwarded get the ports of their first one; conversations are counted where they begin."""
    prepare(run)
    left = run.veth()
    right = run.veth("w0", "w1", "198.51.100.1/24", FAR2 + "/24")
    with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
        f.write("1")
    run.call(*left, "ip", "route", "add", "default", "via", HERE)
    run.call(*right, "ip", "route", "add", "default", "via", "198.51.100.1")
    rules(run, [("forward", "meta l4proto udp log group 2")], "ip")
    d = uacctd(run, "uacctd_group: 2", "dst_host,dst_port,flows")
    for port in (7001, 7002, 7002):
        far_send(run, left, 10, 3000, FAR2, port)  # three fragments each
    run.wait(lambda: stats(d, r"stats \[nflog,2\] .* received_packets=(\d+)")[1] == "90", "90 packets")
    d.stop()
    rows = {(r["port_dst"], r["flows"], r["packets"], r["bytes"]) for r in run.rows("out.json")}
    assert rows == {(7001, 1, 30, 10 * 3068), (7002, 2, 60, 20 * 3068)}, rows


def test_times(run):
    """A packet's time is the kernel's where it tells one, else that of its reading."""
    prepare(run)
    rules(run, [("input", "udp dport 7777 log group 5"), ("output", "udp dport 7778 log group 5")])
    d = uacctd(run, "uacctd_group: 5\ntimestamps_since_epoch: true", "dst_port,timestamp_start")
    d.send_signal(signal.SIGSTOP)
    before = time.time()
    send(1, 10)
    send(1, 10, port=7778)
    after = time.time()
    run.wait(lambda: time.time() > after + 0.3, "some time to pass")
    d.send_signal(signal.SIGCONT)
    d.stop()
    at = {r["port_dst"]: float(r["timestamp_start"]) for r in run.rows("out.json")}
    assert before - 0.001 <= at[7777] <= after and after + 0.3 <= at[7778] <= time.time(), (before, after, at)


def test_tags_and_classes(run):
    """pre_tag_map looks at interface and direction; applications show themselves in what was copied."""
    prepare(run)
    rules(run, [("output", "udp dport 53 log group 5"), ("input", "udp sport 53 log group 5")])
    lo = index("lo")
    run.write("tags.map", f"set_tag=10 direction=1 in={lo}\nset_tag=20 direction=2 out={lo}\n")
    known = "libndpi" in run.run_program("uacctd", "-V")
    d = uacctd(run, "uacctd_group: 5\nsnaplen: 1500\npre_tag_map: @DIR@/tags.map", "tag,dst_port" + (",class" if known else ""))
    question = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\7example\3com\0" + struct.pack("!HH", 1, 1)
    answer = struct.pack("!HHHHHH", 7, 0x8180, 1, 1, 0, 0) + question[12:] + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + b"\xc0\0\2\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 53))
        for _ in range(10):
            client.sendto(question, ("127.0.0.1", 53))
            server.sendto(answer, server.recvfrom(999)[1])
    d.stop()
    sums = {}
    for r in run.rows("out.json"):
        sums[r["tag"]] = sums.get(r["tag"], 0) + r["packets"]
    assert sums == {10: 10, 20: 10}, run.rows("out.json")
    assert not known or any("dns" in r["class"].lower() for r in run.rows("out.json")), run.rows("out.json")


def test_clipping(run):
    """Whatever is copied of a packet, by snaplen or by the rule, its octets are those of its IP header."""
    prepare(run)
    rules(run, [("output", "udp dport 7777 log group 5\nudp dport 7778 log group 5 snaplen 60")])
    d = uacctd(run, "uacctd_group: 5\nsnaplen: 128", "dst_host,src_port,dst_port")
    want = set()
    for to in ("127.0.0.1", "::1"):
        for port in (7777, 7778):
            want.add((to, port, 90, send(90, 60, to, port)))
            with socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(b"x" * 60000, (to, port))
            want.add((to, port, 1, 60048 if ":" in to else 60028))
    d.stop()
    rows = run.rows("out.json")
    assert {(r["ip_dst"], r["port_dst"], r["packets"], r["bytes"]) for r in rows} == want, rows
    assert all(r["port_src"] for r in rows)


def test_sizes(run):
    """Whatever is copied of a packet and however many come at a time: every datagram has room, every packet counts."""
    prepare(run)
    rules(run, [("output", f'udp dport 7777 log prefix "{"p" * 127}" group 5')])
    for snaplen in (128, 300, 2000, 65535):
        for threshold in (1, 7, 64, 100000):
            d = uacctd(run, f"uacctd_group: 5\nsnaplen: {snaplen}\nuacctd_threshold: {threshold}")
            octets = send(200, 0) + send(200, 1300) + send(3, 60000) + send(100, 100)
            drained(run)
            counters = stats(d, r"stats \[nflog\] datagrams=.*$")[0]
            assert counters.endswith("dropped_datagrams=0"), (snaplen, threshold, counters)
            d.stop()
            rows = [(r["packets"], r["bytes"]) for r in run.rows("out.json")]
            assert rows == [(503, octets)], (snaplen, threshold, rows)
            (run.dir / "out.json").unlink()


def test_threshold(run):
    """Packets that are collected before they are handed over: none stays behind, neither while the daemon runs nor at its end."""
    prepare(run)
    rules(run, [("output", "udp dport 7777 log group 5 queue-threshold 60000")])
    d = uacctd(run, "uacctd_group: 5\nuacctd_threshold: 50")
    send(1003, 10)
    # Fewer than the threshold come by themselves soon.
    run.wait(lambda: stats(d, r"stats \[nflog,5\] .* received_packets=(\d+)")[1] == "1003", "1003 packets", 5)
    datagrams = int(stats(d, r"stats \[nflog\] datagrams=(\d+)")[1])
    assert 20 < datagrams < 200, datagrams
    d.send_signal(signal.SIGSTOP)
    send(7, 10)
    d.send_signal(signal.SIGINT)
    d.send_signal(signal.SIGCONT)
    assert d.wait() == 0
    assert sum(r["packets"] for r in run.rows("out.json")) == 1010
    d.wait_log(r"\[nflog,5\] received_packets=1010 dropped_packets=0$")


def test_threshold_without_privileges(run):
    """A daemon that gave its privileges up can't leave its groups; the last packets are counted all the same."""
    prepare(run)
    rules(run, [("output", "udp dport 7777 log group 5 queue-threshold 60000")])
    os.chmod(run.dir, 0o777)
    d = uacctd(run, "uacctd_group: 5\nuacctd_threshold: 50\nuser: nobody")
    d.send_signal(signal.SIGSTOP)
    send(107, 10)
    d.send_signal(signal.SIGINT)
    d.send_signal(signal.SIGCONT)
    assert d.wait() == 0
    assert sum(r["packets"] for r in run.rows("out.json")) == 107


def overrun(run, threshold, behind):
    """A core that is stopped while more comes than its socket holds. Returns (sent, counted, reported)."""
    rules(run, [("output", f"udp dport 7777 log group 5 queue-threshold {threshold}\nudp dport 7778 log group 6")])
    d = uacctd(run, f"uacctd_group: 5,6\nuacctd_nl_size: 60000\nuacctd_threshold: {threshold}", "dst_port")
    d.wait_log(r"^INFO \( default/core \): uacctd_nl_size: obtained=120000 target=60000\.$")
    send(30, 10)
    drained(run)
    d.send_signal(signal.SIGSTOP)
    send(5000, 10)
    d.send_signal(signal.SIGCONT)
    drained(run)
    send(behind, 10)
    drained(run)
    d.wait_log(r"^WARN \( default/core \): the kernel dropped \d+ packets \(\d+ since the start\): more come than are taken")
    lost = int(stats(d, r"stats \[nflog\] time=\d+ dropped_packets=(\d+)$")[1])
    d.stop()
    d.wait_log(rf"\[nflog,5,6\] received_packets=\d+ dropped_packets={lost}$")
    return 5030 + behind, sum(r["packets"] for r in run.rows("out.json")), lost


def test_overrun(run):
    """What the socket had no room for is reported, to the packet; what it had room for is counted."""
    prepare(run)
    sent, counted, lost = overrun(run, 1, 0)
    assert lost > 1000 and sent == counted + lost, (sent, counted, lost)


def test_overrun_of_batches(run):
    """The same with datagrams of many packets; the next one tells how many are missing."""
    prepare(run)
    sent, counted, lost = overrun(run, 20, 1)
    assert lost > 1000 and sent == counted + lost, (sent, counted, lost)


def test_privileges(run):
    """Without CAP_NET_ADMIN: it says so, and ends."""
    prepare(run)
    setpriv = run.need("setpriv")
    path = run.config(PRINT.format(fields="src_host", file="x.json"))
    os.chmod(run.dir, 0o777)
    out = run.call(setpriv, "--bounding-set=-net_admin", "--inh-caps=-net_admin", run.program("uacctd"), "-f", path, expect=1)
    assert re.search(r"^ERROR \( default/core \): You need superuser privileges .*CAP_NET_ADMIN", out + run.stderr, re.M), run.stderr


def test_capability_without_root(run):
    """CAP_NET_ADMIN is enough: as another user, as the unit starts it."""
    prepare(run)
    rules(run, [("output", "udp dport 7777 log group 5")])
    os.chmod(run.dir, 0o777)
    d = run.daemon("uacctd", config=PRINT.format(fields="dst_port", file="out.json") + "uacctd_group: 5", front=capable(run))
    d.wait_log("Successfully connected")
    octets = send(10, 10)
    d.stop()
    assert [(r["packets"], r["bytes"]) for r in run.rows("out.json")] == [(10, octets)]


def netlink_message(kind, body, length=None):
    return struct.pack("=IHHII", length if length is not None else 16 + len(body), kind, 0, 0, 0) + body


def test_forged_messages(run):
    """Messages of another process are not the kernel's: counted, not used."""
    prepare(run)
    rules(run, [("output", "udp dport 7777 log group 5")])
    d = uacctd(run, "uacctd_group: 5")
    with open("/proc/net/netfilter/nfnetlink_log") as f:
        port = int(f.readline().split()[1])
    packet = packets.ip("10.0.0.1", "10.0.0.2", 17, packets.udp(1, 2))
    body = struct.pack("!BBH", 2, 0, 5) + struct.pack("=HH", 4 + len(packet), 9) + packet
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as s:
        for message in (netlink_message(4 << 8, body), netlink_message(4 << 8, body, 0), netlink_message(2, b"\xff" * 20), b"\0" * 7):
            s.sendto(message, (port, 0))
    send(10, 10)
    drained(run)
    assert stats(d, r"stats \[nflog\] datagrams=\d+ dropped_datagrams=0 not_from_kernel=(\d+)$")[1] == "4", d.text()
    d.wait_log(r"^WARN \( default/core \): a netlink message is not used: not_from_kernel")
    d.stop()
    assert [(r["ip_src"], r["packets"]) for r in run.rows("out.json")] == [("127.0.0.1", 10)]


def test_bridge(run):
    """Frames that a bridge passes on: its ports, MAC addresses, VLAN; ARP counts where only the link is asked for."""
    prepare(run)
    left, right = run.veth(), run.veth("w0", "w1", "198.51.100.1/24", FAR2 + "/24")
    run.ip("link", "add", "br0", "type", "bridge")
    for name in ("v0", "w0"):
        run.ip("addr", "flush", "dev", name)
        run.ip("link", "set", name, "master", "br0")
    run.ip("link", "set", "br0", "up")
    rules(run, [("forward", "ether daddr 02:00:00:00:00:09 log group 3\nether daddr 02:00:00:00:00:09 log group 4")], "bridge")
    d = uacctd(run, "uacctd_group: 3", "src_host,dst_host,src_mac,dst_mac,vlan,cos,in_cvlan,in_iface,out_iface")
    link = uacctd(run, "uacctd_group: 4", "src_mac,etype,vlan", "link.json")
    packet = packets.ip(FAR, FAR2, 17, packets.udp(1, 2, b"x" * 100))
    frames = [packets.ether(packet, 2, 9), packets.ether(packet, 2, 9, vlans=(123 | 5 << 13,)),
              packets.ether(packet, 2, 9, vlans=(124, 2 << 13 | 8)),
              packets.ether(b"\0\1\x08\0\6\4\0\1" + b"\0" * 20, 2, 9, etype=0x0806)]
    run.call(*left, "python3", "-c", f"""
import socket
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
    s.bind(("v1", 0))
    for frame in {frames!r}:
        for n in range(20):
            s.send(frame)""")
    for daemon, group in ((d, 3), (link, 4)):
        run.wait(lambda: stats(daemon, rf"stats \[nflog,{group}\] .* received_packets=(\d+)")[1] == "80", "80 frames")
        daemon.stop()
    rows = {(r["ip_src"], r["mac_src"], r["mac_dst"], r["vlan"], r["cos"], r["cvlan_in"], r["iface_in"], r["iface_out"], r["packets"], r["bytes"])
            for r in run.rows("out.json")}
    v, w = index("v0"), index("w0")
    assert rows == {(FAR, "02:00:00:00:00:02", "02:00:00:00:00:09", *tags, v, w, 20, 20 * 128)
                    for tags in ((0, 0, 0), (123, 5, 0), (124, 0, 8))}, rows
    rows = {(r["mac_src"], r["etype"], r["vlan"], r["packets"], r["bytes"]) for r in run.rows("link.json")}
    assert rows == {("02:00:00:00:00:02", etype, vlan, 20, 20 * octets)
                    for etype, vlan, octets in (("800", 0, 142), ("800", 123, 146), ("800", 124, 150), ("806", 0, 42))}, rows


def test_sampled_by_the_rule(run):
    """A rule that logs one packet of ten, and a daemon that is told so."""
    prepare(run)
    rules(run, [("output", "udp dport 7777 numgen inc mod 10 0 log group 5")])
    d = uacctd(run, "uacctd_group: 5\nuacctd_ext_sampling_rate: 10\nuacctd_renormalize: true", "dst_port,sampling_rate")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(500):
            s.sendto(b"x" * 72, ("127.0.0.1", 7777))
    d.stop()
    assert [(r["packets"], r["bytes"], r["sampling_rate"]) for r in run.rows("out.json")] == [(500, 50000, 1)]


def test_filters_memory_and_sql(run):
    """Several plugins, a filter, the memory table asked while the daemon runs."""
    prepare(run)
    rules(run, [("output", "meta l4proto udp log group 5")])
    run.call("sqlite3", run.dir / "s.db", TABLE)
    d = run.daemon("uacctd", config="""
        uacctd_group: 5
        plugins: memory[m], memory[n], sqlite3[s]
        aggregate: dst_port
        aggregate_filter[n]: dst port 7778
        imt_path[m]: @DIR@/m.sock
        imt_path[n]: @DIR@/n.sock
        sql_db: @DIR@/s.db
        sql_refresh_time: 600""")
    d.wait_log("Successfully connected")
    run.wait_socket("m.sock")
    run.wait_socket("n.sock")
    sent = {port: send(20, 50, port=port) for port in (7777, 7778)}
    for name, ports in (("m", (7777, 7778)), ("n", (7778,))):
        def rows(name=name):
            return {(r["port_dst"], r["packets"], r["bytes"]) for r in run.client_json("-s", socket_path=f"{name}.sock")}
        run.wait(lambda: rows() == {(port, 20, sent[port]) for port in ports}, f"the table of {name}")
    d.stop()
    assert sorted(run.sql("s.db", "SELECT dst_port, packets, bytes FROM acct")) == [(port, 20, sent[port]) for port in (7777, 7778)]


def test_probe(run):
    """uacctd's nfprobe exports what the rules log; nfacctd counts the same."""
    prepare(run)
    rules(run, [("output", "udp dport 7777 log group 5")])
    collector, port = run.nfacctd("""
        plugins: print[p]
        aggregate[p]: src_host,dst_host,dst_port,proto,out_iface
        print_output[p]: json
        print_output_file[p]: @DIR@/out.json
        print_refresh_time: 600""")
    d = run.daemon("uacctd", config=f"plugins: nfprobe\nuacctd_group: 5\naggregate: src_host,dst_host,dst_port,proto,out_iface\n"
                                    f"nfprobe_version: 10\nnfprobe_receiver: 127.0.0.1:{port}")
    d.wait_log("Successfully connected")
    octets = send(100, 10)
    d.stop()
    run.drained(port)
    collector.stop()
    assert [(r["ip_dst"], r["port_dst"], r["iface_out"], r["packets"], r["bytes"]) for r in run.rows("out.json")] == [
        ("127.0.0.1", 7777, index("lo"), 100, octets)]


def test_samples(run):
    """uacctd's sfprobe samples frames as they were on the wire where the link header is known, else IP packets."""
    prepare(run)
    far = run.veth()
    rules(run, [("input", "udp dport 7777 log group 5"), ("output", "udp dport 7778 log group 5")])
    port = run.port()
    collector = run.daemon("sfacctd", config=PRINT.format(
        fields="src_host,dst_host,dst_port,src_mac,dst_mac,in_iface,out_iface", file="out.json")
        + f"sfacctd_ip: 127.0.0.1\nsfacctd_port: {port}")
    collector.wait_log("waiting for sFlow data")
    d = run.daemon("uacctd", config=f"plugins: sfprobe\nuacctd_group: 5\nsfprobe_receiver: 127.0.0.1:{port}")
    d.wait_log("Successfully connected")
    far_send(run, far, 30, 100, HERE)
    send(20, 10, FAR, 7778)
    d.stop()
    run.drained(port)
    collector.stop()
    rows = {(r["ip_src"], r["port_dst"], r["mac_src"], r["mac_dst"], r["iface_in"], r["iface_out"], r["packets"])
            for r in run.rows("out.json")}
    none, v = "00:00:00:00:00:00", index("v0")
    assert rows == {(FAR, 7777, "02:00:00:00:00:02", "02:00:00:00:00:01", v, 0x3fffffff, 30),
                    (HERE, 7778, none, none, 0x3fffffff, v, 20)}, rows


def test_capture_of_a_group(run):
    """libpcap captures the same messages: pmacctd reads the file as uacctd reads the kernel."""
    prepare(run)
    tcpdump = run.need("tcpdump")
    rules(run, [("output", "udp dport 7777 log group 5\nudp dport 7777 log group 6")])
    d = uacctd(run, "uacctd_group: 5", "src_host,dst_host,src_port,dst_port,out_iface")
    from subprocess import DEVNULL, Popen
    capture = Popen([tcpdump, "-i", "nflog:6", "-w", "g.pcap", "-c", "60", "--immediate-mode"], cwd=run.dir, stdout=DEVNULL, stderr=DEVNULL)
    run.wait(lambda: len(open("/proc/net/netfilter/nfnetlink_log").readlines()) == 2, "tcpdump to listen")
    send(30, 10)
    send(30, 10, "::1")
    assert capture.wait(20) == 0
    d.stop()
    run.run_program("pmacctd", "-f", run.config(PRINT.format(fields="src_host,dst_host,src_port,dst_port,out_iface", file="pcap.json")
                                                + "pcap_savefile: @DIR@/g.pcap"))

    def rows(file):
        return sorted((r["ip_src"], r["port_src"], r["port_dst"], r["iface_out"], r["packets"], r["bytes"]) for r in run.rows(file))
    assert len(rows("out.json")) == 2 and rows("out.json") == rows("pcap.json"), (rows("out.json"), rows("pcap.json"))


def test_connections(run):
    """Addresses after NAT, where the kernel tells connections; where it does not, that is said, and the rest counts."""
    prepare(run)
    rules(run, [("output", "udp dport 7777 ct state new,established log group 5")])
    d = uacctd(run, "uacctd_group: 5", "dst_host,post_nat_dst_host,post_nat_dst_port")
    refused = d.said(r"^WARN \( default/core \): the kernel does not tell packets' connections .*: post_nat_\* will be empty$")
    octets = send(10, 10)
    d.stop()
    rows = [(r["ip_dst"], r["post_nat_ip_dst"], r["post_nat_port_dst"], r["packets"], r["bytes"]) for r in run.rows("out.json")]
    assert [(r[0], *r[3:]) for r in rows] == [("127.0.0.1", 10, octets)], rows
    assert refused or rows[0][1:3] == ("127.0.0.1", 7777), rows


def test_listings(run):
    if not run.has("uacctd"):
        run.skip("uacctd is not built (libmnl)")
    text = run.run_program("uacctd", "-V")
    assert text.startswith("Linux NetFilter NFLOG Accounting Daemon, uacctd ") and "\nlibmnl " in text, text
    text = run.run_program("uacctd", "-a")
    for name in ("src_host", "src_mac", "in_iface", "out_iface", "tunnel_src_host", "timestamp_arrival"):
        assert re.search(rf"^{name} +: \S", text, re.M), f"no {name} in {text}"
    assert "-g " in run.run_program("uacctd", "-h")


def test_refusals(run):
    """What makes no sense is said with file and line."""
    if not run.has("uacctd"):
        run.skip("uacctd is not built (libmnl)")
    for text, said in (("uacctd_group: 65536", r":1: uacctd_group: '65536': groups are numbers from 0 to 65535"),
                       ("uacctd_group: 1,2,1", r":1: .*group 1 is named twice"),
                       ("uacctd_group: 1;2", r":1: .*separated by commas"),
                       ("uacctd_group:\n", r"uacctd_group"),
                       ("uacctd_threshold: 0", r"\[.*:1\].*uacctd_threshold"),
                       ("sampling_rate: 10\nuacctd_ext_sampling_rate: 10", r":2: .*mutually exclusive"),
                       ("plugins: tee", r"tee")):
        run.run_program("uacctd", "-f", run.config(text), "--check-config", expect=1)
        assert re.search(said, run.stderr), (text, run.stderr)
