# SPDX-License-Identifier: BSD-2-Clause
"""Reads sFlow version 5 datagrams, for what exporters send; any length that does not fit is an error. Writes those of versions 2, 4 and 5."""
import ipaddress
import struct

GENERIC = ("index", "type", "speed", "direction", "status", "in_octets", "in_ucast", "in_multicast", "in_broadcast", "in_discards",
           "in_errors", "in_unknown", "out_octets", "out_ucast", "out_multicast", "out_broadcast", "out_discards", "out_errors", "promiscuous")
GENERIC_FORM = "!IIQIIQIIIIIIQIIIIII"


class Words:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        assert self.at + n <= len(self.data), f"{n} octets wanted, {len(self.data) - self.at} are left"
        self.at += n
        return self.data[self.at - n:self.at]

    def u32(self):
        return int.from_bytes(self.take(4), "big")

    def address(self):
        kind = self.u32()
        return str(ipaddress.ip_address(self.take({1: 4, 2: 16}[kind])))

    def end(self):
        assert self.at == len(self.data), f"{len(self.data) - self.at} octets are left over"


def record(row, tag, data):
    w = Words(data)
    if tag == 1:
        row["protocol"], row["length"], row["stripped"] = w.u32(), w.u32(), w.u32()
        n = w.u32()
        row["header"] = w.take(n)
        w.take(-n % 4)
    elif tag == 1001:
        row["switch"] = [w.u32() for _ in range(4)]
    elif tag == 1002:
        row["router"] = [w.address(), w.u32(), w.u32()]
    elif tag == 1003:
        row["gateway"] = {"next_hop": w.address(), "as": w.u32(), "src_as": w.u32(), "src_peer": w.u32()}
        row["gateway"]["path"] = [(w.u32(), [w.u32() for _ in range(w.u32())]) for _ in range(w.u32())]
        row["gateway"]["communities"] = [w.u32() for _ in range(w.u32())]
        w.u32()
    elif tag == 43874 << 12 | 2:
        row["tag"], row["tag2"] = struct.unpack("!QQ", w.take(16))
    else:
        row[tag] = w.take(len(data))
    w.end()


def sample(kind, data):
    w = Words(data)
    expanded = kind in (3, 4)
    assert kind in (1, 2, 3, 4), f"sample of kind {kind}"
    row = {"kind": "flow" if kind in (1, 3) else "counters", "expanded": expanded, "sequence": w.u32()}
    if expanded:
        assert w.u32() == 0
    row["source"] = w.u32()
    if row["kind"] == "flow":
        row["rate"], row["pool"], row["drops"] = w.u32(), w.u32(), w.u32()
        for side in ("in", "out"):
            if expanded:
                assert w.u32() == 0
            row[side] = w.u32()
    for _ in range(w.u32()):
        tag, n = w.u32(), w.u32()
        body = w.take(n)
        if row["kind"] == "counters" and tag == 1:
            row.update(zip(GENERIC, struct.unpack(GENERIC_FORM, body)))
        else:
            record(row, tag, body)
    w.end()
    return row


def read(datagrams):
    """The samples of all datagrams of one agent, whose sequence must have no gap; a row each."""
    rows, sequence = [], 0
    for data in datagrams:
        assert len(data) <= 1400, f"a datagram of {len(data)} octets"
        w = Words(data)
        assert w.u32() == 5
        head = {"agent": w.address(), "sub": w.u32(), "datagram": sequence + 1}
        sequence += 1
        assert w.u32() == sequence, "a gap in the sequence of datagrams"
        head["uptime"] = w.u32()
        for _ in range(w.u32()):
            kind, n = w.u32(), w.u32()
            rows.append({**head, **sample(kind, w.take(n))})
        w.end()
    last = {}
    for row in rows:
        key = row["kind"], row["source"]
        assert row["sequence"] == last.get(key, 0) + 1, f"a gap in the sequence of {key}"
        last[key] = row["sequence"]
    return rows


# --- writing

def opaque(data):
    return struct.pack("!I", len(data)) + data + b"\0" * (-len(data) % 4)


def address(text):
    a = ipaddress.ip_address(text)
    return struct.pack("!I", 1 if a.version == 4 else 2) + a.packed


def flow_sample(sequence, frame, rate=1, source=1, into=1, out=2, more=(), expanded=False):
    """A sample of a frame (None: without), of which 128 octets are shown, and of further records (tag, octets); a function of the version."""
    def write(version):
        head = struct.pack("!7I", sequence, source, rate, sequence * rate, 0, into, out)
        if version == 5:
            records = list(more)
            if frame:
                records.insert(0, (1, struct.pack("!III", 1, len(frame) + 4, 4) + opaque(frame[:128])))
            numbers = struct.pack("!10I", sequence, 0, source, rate, sequence * rate, 0, 0, into, 0, out) if expanded else head
            data = numbers + struct.pack("!I", len(records)) + b"".join(struct.pack("!II", t, len(b)) + b for t, b in records)
            return struct.pack("!II", 3 if expanded else 1, len(data)) + data
        return struct.pack("!I", 1) + head + struct.pack("!III", 1, 1, len(frame) + 4) + opaque(frame[:128]) + struct.pack("!I", 0)
    return write


def counter_sample(sequence, values, source=1, more=()):
    """A sample of generic interface counters (None: without), and of further records (tag, octets)."""
    def write(version):
        assert version == 5
        records = ([(1, struct.pack(GENERIC_FORM, *values))] if values else []) + list(more)
        data = struct.pack("!III", sequence, source, len(records)) + b"".join(struct.pack("!II", t, len(b)) + b for t, b in records)
        return struct.pack("!II", 2, len(data)) + data
    return write


def datagram(samples, sequence=1, agent="192.0.2.9", sub=0, uptime=3600000, version=5):
    head = struct.pack("!I", version) + address(agent) + (struct.pack("!I", sub) if version == 5 else b"")
    return head + struct.pack("!III", sequence, uptime, len(samples)) + b"".join(write(version) for write in samples)
