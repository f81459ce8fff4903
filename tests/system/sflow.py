# SPDX-License-Identifier: BSD-2-Clause
"""Reads sFlow version 5 datagrams, for what sfprobe sends. Any length that does not fit is an error."""
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
        head = {"agent": w.address(), "sub": w.u32()}
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
