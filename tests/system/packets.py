# SPDX-License-Identifier: BSD-2-Clause
"""Makes packets and capture files for the system tests, and finds UDP payloads in captures."""
import ipaddress
import struct

ETHERNET, RAW, SLL = 1, 101, 113


def mac(n):
    return bytes([2, 0, 0, 0, n >> 8 & 255, n & 255])


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip(src, dst, proto, payload, tos=0, ident=0, fragment=0, ttl=64):
    src, dst = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    if src.version == 6:
        return struct.pack("!IHBB", 6 << 28 | tos << 20, len(payload), proto, ttl) + src.packed + dst.packed + payload
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), ident, fragment, ttl, proto, 0) + src.packed + dst.packed
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def tcp(sport, dport, flags=0x10, payload=b""):
    return struct.pack("!HHIIBBHHH", sport, dport, 1, 1, 5 << 4, flags, 1024, 0, 0) + payload


def udp(sport, dport, payload=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def icmp(kind=8, code=0, payload=b""):
    body = struct.pack("!BBHHH", kind, code, 0, 1, 1) + payload
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def ether(packet, src=1, dst=2, vlans=(), etype=None):
    kind = etype or (0x86dd if packet[0] >> 4 == 6 else 0x0800)
    tags = b"".join(struct.pack("!HH", 0x8100, v) for v in vlans)
    return mac(dst) + mac(src) + tags + struct.pack("!H", kind) + packet


def pcap(path, frames, link=ETHERNET, nanoseconds=False):
    """Writes (time in µs, frame) pairs."""
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHIIII", 0xa1b23c4d if nanoseconds else 0xa1b2c3d4, 2, 4, 0, 0, 65535, link))
        for at, frame in frames:
            f.write(struct.pack("<IIII", at // 10**6, at % 10**6 * (1000 if nanoseconds else 1), len(frame), len(frame)) + frame)
    return path


def pcapng(path, frames):
    """Writes (link type, frame) pairs into one capture, an interface for each link type."""
    def block(kind, body):
        body += b"\0" * (-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    links = sorted({link for link, _ in frames})
    with open(path, "wb") as f:
        f.write(block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)))
        for link in links:
            f.write(block(1, struct.pack("<HHI", link, 0, 65535)))
        for link, frame in frames:
            f.write(block(6, struct.pack("<IIIII", links.index(link), 0, 0, len(frame), len(frame)) + frame))
    return path


def conversation(start_us, count=3, src="10.0.0.1", dst="192.0.2.9", size=100, step_us=1000, sport=40000, dport=443):
    """TCP packets of one direction with equal distances: [(time, frame)]."""
    return [(start_us + i * step_us, ether(ip(src, dst, 6, tcp(sport, dport, 0x18, b"x" * size)))) for i in range(count)]


def udp_payloads(path, port):
    """(source, payload) of each UDP datagram to the port in a capture file of any of the links above."""
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link = struct.unpack_from(order + "I", data, 20)[0]
    skip, at = {ETHERNET: 14, RAW: 0, SLL: 16}[link], 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        packet, at = data[at + 16 + skip:at + 16 + length], at + 16 + length
        if link == ETHERNET and data[at - length + 12:at - length + 14] == b"\x81\x00":
            packet = packet[4:]
        six = packet[0] >> 4 == 6
        head = 40 if six else (packet[0] & 15) * 4
        if packet[6 if six else 9] != 17 or struct.unpack_from("!H", packet, head + 2)[0] != port:
            continue
        source = ipaddress.ip_address(packet[8:24] if six else packet[12:16])
        size = struct.unpack_from("!H", packet, head + 4)[0]
        yield str(source), packet[head + 8:head + size]


SYN, FIN, ACK = 2, 1, 16


def tcp_connection(data, src="192.0.2.50", dst="192.0.2.99", sport=40000, dport=1790, seq=1000, start_us=1_700_000_000_000_000, size=700,
                   step_us=1000, whole=True):
    """One direction of a connection as (time in µs, frame) pairs; `whole`: with its begin and its end."""
    def frame(flags, seq, payload=b""):
        return ether(ip(src, dst, 6, struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, 1, 5 << 4, flags, 1024, 0, 0) + payload))

    frames = [frame(SYN, seq)] if whole else []
    for at in range(0, len(data), size):
        frames.append(frame(ACK, seq + 1 + at, data[at:at + size]))
    if whole:
        frames.append(frame(FIN | ACK, seq + 1 + len(data)))
    return [(start_us + i * step_us, f) for i, f in enumerate(frames)]
