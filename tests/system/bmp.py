# SPDX-License-Identifier: BSD-2-Clause
"""BMP and the BGP messages in it, as a router sends them (RFC 7854, 4271)."""
import ipaddress
import json
import os
import re
import socket
import struct

import bgp as real

AT = 1700000000
MARKER = b"\xff" * 16


def bgp(kind, body):
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def open_message(asn=65001, router_id="1.1.1.1", hold=90):
    capability = struct.pack("!BBI", 65, 4, asn)
    parameter = struct.pack("!BB", 2, len(capability)) + capability
    return bgp(1, struct.pack("!BHH4sB", 4, min(asn, 23456) if asn > 65535 else asn, hold, socket.inet_aton(router_id), len(parameter)) +
               parameter)


def nlri(prefix):
    net = ipaddress.ip_network(prefix)
    return bytes([net.prefixlen]) + net.network_address.packed[:(net.prefixlen + 7) // 8]


def attribute(code, value, flags=0x40):
    return struct.pack("!BBH", flags | 0x10, code, len(value)) + value


def update(announce=(), withdraw=(), path=(65001,), next_hop="192.0.2.1", communities=(), med=None):
    """IPv4 in the message itself, IPv6 in MP_REACH_NLRI and MP_UNREACH_NLRI."""
    v4, v6 = [nlri(p) for p in announce if ":" not in p], [nlri(p) for p in announce if ":" in p]
    gone4, gone6 = [nlri(p) for p in withdraw if ":" not in p], [nlri(p) for p in withdraw if ":" in p]
    attributes = b""
    if v4 or v6:
        attributes += attribute(1, b"\0") + attribute(2, struct.pack("!BB", 2, len(path)) + b"".join(struct.pack("!I", a) for a in path))
    if v4:
        attributes += attribute(3, socket.inet_aton(next_hop))
    if med is not None:
        attributes += attribute(4, struct.pack("!I", med), 0x80)
    if communities:
        attributes += attribute(8, b"".join(struct.pack("!HH", *map(int, c.split(":"))) for c in communities), 0xc0)
    if v6:
        hop = ipaddress.ip_address("2001:db8::1").packed
        attributes += attribute(14, struct.pack("!HBB", 2, 1, 16) + hop + b"\0" + b"".join(v6), 0x80)
    if gone6:
        attributes += attribute(15, struct.pack("!HB", 2, 1) + b"".join(gone6), 0x80)
    gone = b"".join(gone4)
    return bgp(2, struct.pack("!H", len(gone)) + gone + struct.pack("!H", len(attributes)) + attributes + b"".join(v4))


def message(kind, body, version=3):
    return struct.pack("!BIB", version, 6 + len(body), kind) + body


def peer(address="192.0.2.1", asn=65001, router_id="1.1.1.1", kind=0, flags=0, rd=b"\0" * 8, at=AT):
    host = ipaddress.ip_address(address)
    if host.version == 6:
        flags |= 0x80
    return struct.pack("!BB8s16sI4sII", kind, flags, rd, host.packed.rjust(16, b"\0"), asn, socket.inet_aton(router_id), at, 5)


def tlvs(*pairs):
    return b"".join(struct.pack("!HH", kind, len(value)) + value for kind, value in pairs)


def init(name=b"r1", description=b"Router OS"):
    return message(4, tlvs((1, description), (2, name)))


def term(reason=0):
    return message(5, tlvs((1, struct.pack("!H", reason))))


def peer_up(head=None, local="192.0.2.254", *more):
    host = ipaddress.ip_address(local).packed.rjust(16, b"\0")
    return message(3, (head or peer()) + host + struct.pack("!HH", 179, 40000) + open_message(65000, "2.2.2.2") + open_message() + tlvs(*more))


def peer_down(head=None, reason=2, data=b"\0\6"):
    return message(2, (head or peer()) + bytes([reason]) + data)


def stats(head=None, counters=((2, b"\0\0\0\x09"),)):
    return message(1, (head or peer()) + struct.pack("!I", len(counters)) + tlvs(*counters))


def routes(head=None, **what):
    return message(0, (head or peer()) + update(**what))


class Router:
    """A session with a station."""

    def __init__(self, port, source="127.0.0.1", first=b""):
        self.socket = socket.create_connection(("127.0.0.1", port), source_address=(source, 0), timeout=60)
        self.port = self.socket.getsockname()[1]
        self.say(first)

    def say(self, *messages):
        self.socket.sendall(b"".join(messages))
        return self

    def close(self):
        self.socket.close()

    def refused(self):
        """The station hangs up."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True


# --- real routers that monitor a neighbour of AS 65001 at 127.0.0.2; it connects to their port 1179

def gobgp(run, port):
    program = run.need("gobgpd")
    conf = run.write("gobgp.toml", f"""
[global.config]
  as = 65013
  router-id = "10.0.0.13"
  port = 1179
  local-address-list = ["127.0.0.13"]
[[neighbors]]
  [neighbors.config]
    neighbor-address = "127.0.0.2"
    peer-as = 65001
  [neighbors.transport.config]
    passive-mode = true
    local-address = "127.0.0.13"
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 5
[[bmp-servers]]
  [bmp-servers.config]
    address = "127.0.0.1"
    port = {port}
    route-monitoring-policy = "all"
    statistics-timeout = 15
""")
    return real.Router(run, "gobgp", [program, "-f", conf, "--api-hosts", "127.0.0.1:50051", "-p"], [])


def gobgp_table(run):
    """The router's own table: prefix to path."""
    rib = json.loads(run.call("gobgp", "-p", 50051, "-j", "global", "rib"))
    return {prefix: " ".join(str(asn) for a in paths[0]["attrs"] if a["type"] == 2 for part in a["as_paths"] for asn in part["asns"])
            for prefix, paths in rib.items()}


def frr_table(run):
    vtysh = run.need("vtysh")
    shown = json.loads(run.call(vtysh, "--vty_socket", run.dir / "frr", "-d", "bgpd", "-c", "show bgp ipv4 unicast json"))
    return {prefix: paths[0]["path"] for prefix, paths in shown["routes"].items()}


def frr(run, port, more=""):
    """`more`: of its configuration, what to monitor besides."""
    program = real.frr_program(run)
    folder = real.frr_folder(run, f"""
router bgp 65014
 bgp router-id 10.0.0.14
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 127.0.0.2 remote-as 65001
 neighbor 127.0.0.2 passive
 neighbor 127.0.0.2 ebgp-multihop 5
 neighbor 127.0.0.2 disable-connected-check
 address-family ipv4 unicast
  neighbor 127.0.0.2 activate
  neighbor 127.0.0.2 soft-reconfiguration inbound
 exit-address-family
 bmp targets T1
  bmp stats interval 1000
  bmp monitor ipv4 unicast pre-policy
  bmp monitor ipv4 unicast post-policy
{more}
  bmp connect 127.0.0.1 port {port} min-retry 100 max-retry 2000
 exit
""")
    return real.Router(run, "frr", [program, "-M", "bmp", "-f", folder / "bgpd.conf", "-Z", "-S", "-i", folder / "pid", "--vty_socket", folder,
                                    "-p", "1179", "-P", "0", "-l", "127.0.0.14"], [])


def bird(run, port):
    """BIRD 3 or late 2: those that have BMP."""
    program = run.need("bird")
    conf = run.write("bird.conf", f"""
log stderr all; router id 10.0.0.11;
protocol device {{ }}
protocol bmp {{ station address ip 127.0.0.1 port {port}; monitoring rib in pre_policy; monitoring rib in post_policy; }}
protocol bgp seen {{
  local 127.0.0.11 port 1179 as 65011; neighbor 127.0.0.2 as 65001; passive; multihop; strict bind;
  ipv4 {{ import table; import all; export none; }};
}}
""")
    return real.Router(run, "bird", [program, "-f", "-c", conf, "-s", run.dir / "bird.ctl", "-P", run.dir / "bird.pid"], [])


def bird_table(run):
    """Prefix to path."""
    shown = real.birdc(run, "show", "route", "all")
    found = re.findall(r"^(\d\S+/\d+)|^\s+(?:BGP\.as_path|bgp_path): ([\d ]+)", shown, re.M)
    return {net: path.strip() for (net, _), (_, path) in zip(found[::2], found[1::2])}
