# SPDX-License-Identifier: BSD-2-Clause
"""Writes small MaxMind databases (format 2.0, records of 24 bits): {network: {...}}."""
import ipaddress
import struct


def encode(v, kind=None):
    if isinstance(v, dict):
        return control(7, len(v)) + b"".join(encode(k) + encode(x) for k, x in v.items())
    if isinstance(v, list):
        return control(11, len(v)) + b"".join(encode(x) for x in v)
    if isinstance(v, str):
        return control(2, len(v.encode())) + v.encode()
    if isinstance(v, float):
        return control(3, 8) + struct.pack(">d", v)
    number, size = v
    body = number.to_bytes(8, "big").lstrip(b"\0")
    return control({2: 5, 4: 6, 8: 9}[size], len(body)) + body


def control(kind, size):
    assert size < 29
    return bytes([size, kind - 7]) if kind > 7 else bytes([kind << 5 | size])


def write(path, networks, version=6):
    data, offsets = b"", {}
    nodes = [[None, None]]
    for network, entry in networks.items():
        net = ipaddress.ip_network(network)
        text = encode(entry)
        if text not in offsets:
            offsets[text] = len(data)
            data += text
        bits = f"{int(net.network_address):0{net.max_prefixlen}b}"[:net.prefixlen]
        bits = "0" * (96 if version == 6 and net.version == 4 else 0) + bits
        at = 0
        for bit in map(int, bits[:-1]):
            if nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = ("node", len(nodes) - 1)
            at = nodes[at][bit][1]
        nodes[at][int(bits[-1])] = ("data", offsets[text])

    def record(r):
        return len(nodes) if r is None else r[1] if r[0] == "node" else len(nodes) + 16 + r[1]
    tree = b"".join(record(r).to_bytes(3, "big") for node in nodes for r in node)
    meta = encode({"binary_format_major_version": (2, 2), "binary_format_minor_version": (0, 2), "build_epoch": (1700000000, 8),
                   "database_type": "Test", "description": {}, "ip_version": (version, 2), "languages": [],
                   "node_count": (len(nodes), 4), "record_size": (24, 2)})
    path.write_bytes(tree + b"\0" * 16 + data + b"\xab\xcd\xefMaxMind.com" + meta)
