# SPDX-License-Identifier: BSD-2-Clause
"""Makes NetFlow v5, v9 and IPFIX datagrams for the system tests, and reads v9 and IPFIX ones back.

A flow is a dict: src, dst (text), sport, dport, proto, tos, flags, packets, bytes, start_ms, end_ms (epoch). Whatever is
missing is a constant, so that a test names only what it is about.
"""
import ipaddress
import itertools
import socket
import struct

BOOT_MS = 3600_000   # the exporter's uptime in every header
V9, IPFIX, V5 = 9, 10, 5

# element, octets, how it is taken from a flow
FIELDS_V4 = [(8, 4, "src"), (12, 4, "dst"), (7, 2, "sport"), (11, 2, "dport"), (4, 1, "proto"), (5, 1, "tos"), (6, 1, "flags"),
             (2, 4, "packets"), (1, 4, "bytes"), (22, 4, "first"), (21, 4, "last")]
FIELDS_V6 = [(27, 16, "src"), (28, 16, "dst")] + FIELDS_V4[2:]
FIELDS_MS = FIELDS_V4[:9] + [(152, 8, "start_ms"), (153, 8, "end_ms")]


def flow(n=0, **given):
    """The n-th of a series of distinct flows."""
    made = {"src": f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", "dst": "192.0.2.1", "sport": 1024 + n % 60000, "dport": 443,
            "proto": 6, "tos": 0, "flags": 0x1b, "packets": 1 + n % 7, "bytes": 100 + n % 1000}
    made.update(given)
    return made


def flows(count, **given):
    return [flow(n, **given) for n in range(count)]


def totals(made):
    return {"flows": len(made), "packets": sum(f["packets"] for f in made), "bytes": sum(f["bytes"] for f in made)}


def groups(things, size):
    things = iter(things)
    while chunk := list(itertools.islice(things, size)):
        yield chunk


def uptime(f, key, now_s):
    """An epoch time of a flow in milliseconds since the exporter's boot."""
    return max(0, f.get(key, now_s * 1000) - now_s * 1000 + BOOT_MS) & 0xffffffff


def v5(made, now_s, sequence=0, engine=0, sampling=0, size=30):
    """Datagrams of NetFlow v5; a generator, as the ones below."""
    for chunk in groups(made, size):
        body = b"".join(
            socket.inet_aton(f["src"]) + socket.inet_aton(f["dst"]) + socket.inet_aton(f.get("nexthop", "0.0.0.0")) +
            struct.pack("!HHIIIIHHBBBBHHBBH", f.get("in", 0), f.get("out", 0), f["packets"], f["bytes"], uptime(f, "start_ms", now_s),
                        uptime(f, "end_ms", now_s), f["sport"], f["dport"], 0, f["flags"], f["proto"], f["tos"],
                        f.get("src_as", 0), f.get("dst_as", 0), f.get("src_mask", 0), f.get("dst_mask", 0), 0)
            for f in chunk)
        yield struct.pack("!HHIIIIHH", 5, len(chunk), BOOT_MS, now_s, 0, sequence, engine, sampling) + body
        sequence += len(chunk)


def template_set(version, template, fields, scope=None):
    """A (options) template set; fields are (element, octets[, name]), elements over 32767 carry an enterprise number."""
    def spec(element, octets):
        if isinstance(element, tuple):
            return struct.pack("!HHI", element[0] | 0x8000, octets, element[1])
        return struct.pack("!HH", element, octets)
    body = b"".join(spec(f[0], f[1]) for f in fields)
    if scope is None:
        record, set_id = struct.pack("!HH", template, len(fields)) + body, 0 if version == V9 else 2
    elif version == V9:
        record, set_id = struct.pack("!HHH", template, 4 * scope, 4 * (len(fields) - scope)) + body, 1
    else:
        record, set_id = struct.pack("!HHH", template, len(fields), scope) + body, 3
    return raw_set(set_id, record)


def raw_set(set_id, body):
    body += b"\0" * (-len(body) % 4)
    return struct.pack("!HH", set_id, 4 + len(body)) + body


def value(f, octets, name, now_s):
    if name in ("first", "last"):
        return uptime(f, {"first": "start_ms", "last": "end_ms"}[name], now_s).to_bytes(octets, "big")
    v = f.get(name, 0)
    if isinstance(v, bytes):
        return v
    if isinstance(v, str):
        return ipaddress.ip_address(v).packed
    return int(v).to_bytes(octets, "big")


def data_set(template, fields, made, now_s):
    return raw_set(template, b"".join(value(f, octets, name, now_s) for f in made for _, octets, name in fields))


def message(version, sets, now_s, sequence=0, domain=0, records=1):
    """One datagram around sets; records: how many the v9 header counts."""
    body = b"".join(sets)
    if version == V9:
        return struct.pack("!HHIIII", 9, records, BOOT_MS, now_s, sequence, domain) + body
    return struct.pack("!HHIII", 10, 16 + len(body), now_s, sequence, domain) + body


def export(version, made, now_s, fields=None, template=256, domain=0, size=20, sequence=0, with_template=True):
    """A template, then the flows."""
    fields = fields or FIELDS_V4
    if with_template:
        yield message(version, [template_set(version, template, fields)], now_s, sequence, domain)
        sequence += version == V9
    for chunk in groups(made, size):
        yield message(version, [data_set(template, fields, chunk, now_s)], now_s, sequence, domain, len(chunk))
        sequence += 1 if version == V9 else len(chunk)


def parse(datagram, templates):
    """Records of a v9 or IPFIX datagram as dicts {element: bytes}; templates are kept in the caller's dict. v5: (src, dst, ...)."""
    version = struct.unpack_from("!H", datagram)[0]
    if version == 5:
        count = struct.unpack_from("!H", datagram, 2)[0]
        return [{8: datagram[24 + 48 * i:28 + 48 * i], 12: datagram[28 + 48 * i:32 + 48 * i], 2: datagram[40 + 48 * i:44 + 48 * i],
                 1: datagram[44 + 48 * i:48 + 48 * i]} for i in range(count)]
    at, found = (20 if version == 9 else 16), []
    while at + 4 <= len(datagram):
        set_id, length = struct.unpack_from("!HH", datagram, at)
        if length < 4:
            raise ValueError("set shorter than its header")
        body, at = datagram[at + 4:at + length], at + length
        if set_id in (0, 2):
            read_templates(body, templates)
        elif set_id > 255:
            found += read_records(body, templates[set_id])
    return found


def read_templates(body, templates):
    at = 0
    while at + 4 <= len(body):
        template, count = struct.unpack_from("!HH", body, at)
        at, fields = at + 4, []
        for _ in range(count):
            element, octets = struct.unpack_from("!HH", body, at)
            at += 4
            if element & 0x8000:
                element, at = (element & 0x7fff, struct.unpack_from("!I", body, at)[0]), at + 4
            fields.append((element, octets))
        if template > 255:
            templates[template] = fields


def read_records(body, fields):
    at, found = 0, []
    length = sum(octets for _, octets in fields)
    while at + length <= len(body) and length:
        record = {}
        for element, octets in fields:
            record[element], at = body[at:at + octets], at + octets
        found.append(record)
    return found
