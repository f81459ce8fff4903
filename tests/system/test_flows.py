# SPDX-License-Identifier: BSD-2-Clause
"""pmacctd over captures: where flows begin, and what packets are classified as."""
import struct

import packets

START = 1_700_000_000 * 10**6
S = 10**6
SYN, FIN, RST, ACK = 2, 1, 4, 0x10


def capture(run, frames, name="in.pcap"):
    return packets.pcap(run.dir / name, [(START + int(at * S), packets.ether(packet)) for at, packet in frames])


def tcp(src, dst, sport, dport, flags=ACK, payload=b""):
    return packets.ip(src, dst, 6, packets.tcp(sport, dport, flags, payload))


def udp(src, dst, sport, dport, payload=b"x"):
    return packets.ip(src, dst, 17, packets.udp(sport, dport, payload))


def client_hello(server):
    """TLS 1.2 with a server's name: RFC 5246 §7.4.1.2, RFC 6066 §3."""
    name = server.encode()
    extension = struct.pack("!HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\0\x04\xc0\x2f\xc0\x30" + b"\x01\0" + struct.pack("!H", len(extension)) + extension
    return b"\x16\x03\x01" + struct.pack("!H", len(body) + 4) + b"\x01" + struct.pack("!I", len(body))[1:] + body


def conversation(at, client, server, sport, dport):
    """Three packets that open a TCP connection."""
    return [(at, tcp(client, server, sport, dport, SYN)), (at + 0.1, tcp(server, client, dport, sport, SYN | ACK)),
            (at + 0.2, tcp(client, server, sport, dport))]


def count(run, frames, more="", aggregate="src_host, flows"):
    capture(run, frames)
    d = run.daemon("pmacctd", config=f"""
        pcap_savefile: @DIR@/in.pcap
        plugins: print
        aggregate: {aggregate}
        print_output: json
        print_output_file: @DIR@/out.json
        print_refresh_time: 3600
        {more}""")
    assert d.wait() == 0, d.text()
    return d, run.rows("out.json")


def test_flows_begin_and_end(run):
    """`flows` counts each direction of a conversation again after its lifetime; the plugin gets every packet."""
    frames = [(0, udp("10.0.0.1", "10.0.0.9", 1000, 53)), (30, udp("10.0.0.1", "10.0.0.9", 1000, 53)),  # within 30 s
              (61, udp("10.0.0.1", "10.0.0.9", 1000, 53)),                                              # and after
              *conversation(0, "10.0.0.2", "10.0.0.9", 1000, 80), (100, tcp("10.0.0.2", "10.0.0.9", 1000, 80)),
              *conversation(0, "10.0.0.3", "10.0.0.8", 1000, 80), (1, tcp("10.0.0.3", "10.0.0.8", 1000, 80, FIN | ACK)),
              *conversation(5, "10.0.0.3", "10.0.0.8", 1000, 80)]
    d, rows = count(run, sorted(frames, key=lambda f: f[0]), "pmacctd_flow_lifetime: 30\n        pmacctd_flow_tcp_lifetime: 120")
    got = {r["ip_src"]: (r["flows"], r["packets"]) for r in rows}
    assert got == {"10.0.0.1": (2, 3), "10.0.0.2": (1, 3), "10.0.0.9": (1, 1), "10.0.0.3": (2, 5), "10.0.0.8": (2, 2)}, got


def test_flow_table_full(run):
    """A table with a ceiling: packets count on, what finds no room is told of."""
    frames = [(0, udp(f"10.0.{i >> 8}.{i & 255}", "10.9.0.9", 1000, 53)) for i in range(2000)]
    d, rows = count(run, frames, "pmacctd_flow_buffer_size: 16384")
    assert sum(r["packets"] for r in rows) == 2000
    assert sum(r["flows"] for r in rows) == 1024 // 8 * 7
    d.wait_log(r"^INFO \( default/core \): Flow buffer full at 896 flows\. Skipping flows")


def test_classes(run):
    """`class` by nDPI: protocol and application of each conversation, from the packet on that shows it."""
    hello = client_hello("www.google.com")
    query = struct.pack("!HHHHHH", 1, 0x100, 1, 0, 0, 0) + b"\x07example\x03org\0\0\x01\0\x01"
    frames = [*conversation(0, "10.0.0.1", "10.0.0.9", 1000, 443), (1, tcp("10.0.0.1", "10.0.0.9", 1000, 443, 0x18, hello)),
              (2, udp("10.0.0.2", "10.0.0.9", 1000, 53, query)),
              *conversation(3, "10.0.0.3", "10.0.0.9", 1000, 8080),
              (4, tcp("10.0.0.3", "10.0.0.9", 1000, 8080, 0x18, b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")),
              (5, udp("10.0.0.4", "10.0.0.9", 40000, 50000, b"\x01\x02\x03"))]
    d, rows = count(run, frames, aggregate="src_host, class")
    got = {(r["ip_src"], r["class"]): r["packets"] for r in rows}
    if d.said("this build has no nDPI: the class of packets stays empty"):
        assert {c for _, c in got} == {"unknown"}, got
        run.skip("this build has no nDPI")
    assert got == {("10.0.0.1", "Unknown/Unknown"): 2, ("10.0.0.1", "TLS/Google"): 1, ("10.0.0.2", "Unknown/DNS"): 1,
                   ("10.0.0.3", "Unknown/Unknown"): 2, ("10.0.0.3", "Unknown/HTTP"): 1, ("10.0.0.4", "Unknown/Unknown"): 1,
                   ("10.0.0.9", "Unknown/Unknown"): 2}, got
