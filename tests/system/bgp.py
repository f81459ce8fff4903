# SPDX-License-Identifier: BSD-2-Clause
"""BGP for the tests: a speaker made of a socket, which says what a case wants said, right or wrong; and real ones (BIRD, FRR, GoBGP, ExaBGP) that
announce known routes."""
import ipaddress
import os
import pwd
import re
import shutil
import socket
import struct
import subprocess
import time

import harness
from harness import Failed

OPEN, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH = 1, 2, 3, 4, 5


def message(kind, body=b""):
    return b"\xff" * 16 + struct.pack("!HB", 19 + len(body), kind) + body


def capability(code, value=b""):
    return bytes((code, len(value))) + value


def capabilities(asn, families=((1, 1),), add_path=(), restart=None, extra=b""):
    caps = b"".join(capability(1, struct.pack("!HBB", afi, 0, safi)) for afi, safi in families)
    caps += capability(65, struct.pack("!I", asn))
    if add_path:
        caps += capability(69, b"".join(struct.pack("!HBB", afi, safi, 3) for afi, safi in add_path))
    if restart is not None:
        caps += capability(64, struct.pack("!H", restart) + b"".join(struct.pack("!HBB", afi, safi, 0x80) for afi, safi in families))
    return caps + extra


def open_message(asn, rid, hold=90, caps=b"", version=4):
    option = bytes((2, len(caps))) + caps if caps else b""
    return message(OPEN, struct.pack("!BHH", version, asn if asn < 65536 else 23456, hold) + socket.inet_aton(rid) + bytes((len(option),)) + option)


def attribute(flags, code, value):
    return struct.pack("!BBH", flags | 0x10, code, len(value)) + value


def prefix(text, path_id=None):
    net = ipaddress.ip_network(text)
    octets = net.network_address.packed[:(net.prefixlen + 7) // 8]
    return (b"" if path_id is None else struct.pack("!I", path_id)) + bytes((net.prefixlen,)) + octets


def attributes(path=(65001,), origin=0, next_hop="192.0.2.1", med=None, communities=(), extra=b""):
    out = attribute(0x40, 1, bytes((origin,)))
    out += attribute(0x40, 2, bytes((2, len(path))) + b"".join(struct.pack("!I", a) for a in path) if path else b"")
    if next_hop:
        out += attribute(0x40, 3, socket.inet_aton(next_hop))
    if med is not None:
        out += attribute(0x80, 4, struct.pack("!I", med))
    if communities:
        out += attribute(0xc0, 8, b"".join(struct.pack("!HH", *map(int, c.split(":"))) for c in communities))
    return out + extra


def update(nlri=b"", attrs=b"", withdrawn=b""):
    return message(UPDATE, struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attrs)) + attrs + nlri)


def announcements(nets, attrs):
    """UPDATEs for all these networks, as full as they get."""
    out, nlri = [], b""
    for net in nets:
        one = prefix(net)
        if len(nlri) + len(one) + len(attrs) + 23 > 4096:
            out.append(update(nlri, attrs))
            nlri = b""
        nlri += one
    return b"".join(out) + update(nlri, attrs)


class Speaker:
    """A session to the daemon: connected at once; `meet` exchanges OPENs."""

    def __init__(self, run, port, source="127.0.0.2", to="127.0.0.1", options=(), timeout=60):
        self.run = run
        self.socket = socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.bind((source, 0))
        self.socket.settimeout(timeout * run.patience)
        for option in options:
            self.socket.setsockopt(*option)
        self.socket.connect((to, port))
        self.source, self.rest, self.opened = source, b"", None

    def send(self, *messages):
        self.socket.sendall(b"".join(messages))
        return self

    def read(self):
        """The next message: (type, body); None at the end."""
        while len(self.rest) < 19 or len(self.rest) < struct.unpack_from("!H", self.rest, 16)[0]:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.rest += more
        length, kind = struct.unpack_from("!HB", self.rest, 16)
        body, self.rest = self.rest[19:length], self.rest[length:]
        return kind, body

    def wait_for(self, kind):
        """Reads until a message of this type; its body."""
        while True:
            got = self.read()
            if got is None:
                raise Failed(f"the session ended before a message of type {kind}")
            if got[0] == kind:
                return got[1]
            if got[0] == NOTIFICATION:
                raise Failed(f"NOTIFICATION {got[1]!r} instead of a message of type {kind}")

    def notification(self):
        """Waits for a NOTIFICATION and the end of the session; (code, subcode, data)."""
        code = None
        while (got := self.read()) is not None:
            if got[0] == NOTIFICATION:
                code = got[1][0], got[1][1], got[1][2:]
        return code

    def meet(self, asn=65001, rid=None, hold=90, **caps):
        self.send(open_message(asn, rid or self.source, hold, capabilities(asn, **caps)))
        self.opened = self.wait_for(OPEN)
        self.wait_for(KEEPALIVE)
        return self.send(message(KEEPALIVE))

    def close(self):
        self.socket.close()


# --- real ones
class Router:
    """A real BGP speaker in the background. `routes`: what it announces, as the daemon should show it (a subset of its members)."""

    def __init__(self, run, name, words, routes, **more):
        self.run, self.name, self.routes = run, name, routes
        self.log = (run.dir / f"{name}.log").open("wb")
        self.process = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True, cwd=run.dir, **more)
        run.helpers = getattr(run, "helpers", []) + [self.process]

    def stop(self, number=15):
        self.process.send_signal(number)
        self.process.wait(20)


def bird(run, port, password=None, source="127.0.0.11", to="127.0.0.1", extra_routes=""):
    program = run.need("bird")
    conf = run.write("bird.conf", f"""
log stderr all; router id 10.0.0.11;
protocol device {{ }}
protocol static s4 {{ ipv4; route 198.51.100.0/24 blackhole {{ bgp_community.add((65011,100)); bgp_large_community.add((65011,1,2));
  bgp_ext_community.add((rt,65011,7)); bgp_path.prepend(65200); }}; route 203.0.113.0/25 blackhole; {extra_routes} }}
protocol static s6 {{ ipv6; route 2001:db8:11::/48 blackhole; }}
protocol bgp coll {{
  local {source} as 65011; neighbor {to} port {port} as 65000; multihop; connect retry time 1; connect delay time 1; error wait time 1,2;
  {f'password "{password}";' if password else ''}
  ipv4 {{ import all; export all; add paths tx; next hop address 192.0.2.11; }};
  ipv6 {{ import all; export all; next hop address 2001:db8::11; }};
}}
""")
    return Router(run, "bird", [program, "-f", "-c", conf, "-s", run.dir / "bird.ctl", "-P", run.dir / "bird.pid"], [
        {"ip_prefix": "198.51.100.0/24", "as_path": "65011 65200", "comms": "65011:100", "lcomms": "65011:1:2", "ecomms": "RT:65011:7",
         "bgp_nexthop": "192.0.2.11", "origin": "i", "afi": 1, "safi": 1},
        {"ip_prefix": "203.0.113.0/25", "as_path": "65011", "afi": 1},
        {"ip_prefix": "2001:db8:11::/48", "bgp_nexthop": "2001:db8::11", "as_path": "65011", "afi": 2, "safi": 1}])


def birdc(run, *words):
    return run.call("birdc", "-s", run.dir / "bird.ctl", *words)


def exabgp(run, port, source="127.0.0.12"):
    program = run.need("exabgp")
    conf = run.write("exabgp.conf", f"""
neighbor 127.0.0.1 {{
  router-id 10.0.0.12; local-address {source}; local-as 65012; peer-as 65000; hold-time 90; connect {port};
  family {{ ipv4 unicast; ipv6 unicast; ipv4 mpls-vpn; ipv4 flow; }}
  capability {{ asn4; add-path send/receive; route-refresh; }}
  static {{
    route 192.0.2.0/24 next-hop 192.0.2.12 community [ 65012:1 no-export ] large-community [ 65012:1:2 ] extended-community [ target:65012:7 ] as-path [ 65012 65300 ] med 50;
    route 2001:db8:12::/48 next-hop 2001:db8::12 as-path [ 65012 ];
    route 10.99.0.0/24 rd 65012:5 next-hop 192.0.2.12 label 1000 extended-community [ target:65012:5 ] as-path [ 65012 ];
  }}
  flow {{ route f1 {{ match {{ source 192.0.2.0/24; destination-port =80; protocol tcp; }} then {{ rate-limit 9600; }} }} }}
}}
""")
    env = {**run.env, "exabgp.daemon.user": "root", "exabgp.log.destination": "stderr", "exabgp.api.cli": "false"}
    return Router(run, "exabgp", [program, conf], [
        {"ip_prefix": "192.0.2.0/24", "comms": "65012:1 no-export", "lcomms": "65012:1:2", "ecomms": "RT:65012:7", "as_path": "65012 65300",
         "med": 50, "bgp_nexthop": "192.0.2.12"},
        {"ip_prefix": "2001:db8:12::/48", "bgp_nexthop": "2001:db8::12"},
        {"ip_prefix": "10.99.0.0/24", "safi": 128, "rd": "0:65012:5", "mpls_label": "1000", "ecomms": "RT:65012:5"},
        {"afi": 1, "safi": 133}], env=env)


def gobgp_daemon(run, neighbours, families, source="127.0.0.13", api=50051):
    """A gobgpd, and a function that gives its client words. Neighbours: (address, port, AS). Families: (name, with ADD-PATH)."""
    program, client = run.need("gobgpd"), run.need("gobgp")
    asked = "".join(f'  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = "{f}"\n'
                    + ("    [neighbors.afi-safis.add-paths.config]\n      send-max = 4\n" if paths else "") for f, paths in families)
    conf = run.write("gobgp.toml", """
[global.config]
  as = 65013
  router-id = "10.0.0.13"
  port = -1
""" + "".join(f"""[[neighbors]]
  [neighbors.config]
    neighbor-address = "{address}"
    peer-as = {asn}
  [neighbors.timers.config]
    connect-retry = 5
    idle-hold-time-after-reset = 1
  [neighbors.transport.config]
    local-address = "{source}"
    remote-port = {port}
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 5
{asked}""" for address, port, asn in neighbours))
    router = Router(run, "gobgp", [program, "-f", conf, "--api-hosts", f"127.0.0.1:{api}", "-p"], [])
    call = [client, "-u", "127.0.0.1", "-p", str(api)]
    run.wait(lambda: subprocess.run([*call, "global"], capture_output=True).returncode == 0, "gobgpd to answer", 30)
    return router, lambda *words: run.call(*call, *words)


def gobgp(run, port):
    router, client = gobgp_daemon(run, [("127.0.0.1", port, 65000)], [(f, False) for f in ("ipv4-unicast", "ipv6-unicast", "l3vpn-ipv4-unicast", "l2vpn-evpn")])
    router.routes = [
        {"ip_prefix": "198.18.0.0/24", "comms": "65013:1", "lcomms": "65013:1:2", "med": 10, "as_path": "65013"},
        {"ip_prefix": "2001:db8:13::/48"},
        {"ip_prefix": "10.5.0.0/16", "safi": 128, "rd": "0:65013:5", "mpls_label": "500", "ecomms": "RT:65013:5"},
        {"afi": 25, "safi": 70}]
    for words in ("198.18.0.0/24 community 65013:1 large-community 65013:1:2 med 10 nexthop 192.0.2.13", "-a ipv6 2001:db8:13::/48 nexthop 2001:db8::13",
                  "-a vpnv4 10.5.0.0/16 label 500 rd 65013:5 rt 65013:5 nexthop 192.0.2.13",
                  "-a evpn macadv aa:bb:cc:dd:ee:01 10.0.0.1 etag 1 label 1000 rd 65013:9 rt 65013:9 nexthop 192.0.2.13"):
        client("global", "rib", "add", *words.split())
    return router


def newer(run):
    """The newest routers in the place of Debian's own (fetch-peers.sh): whoever is started from now on."""
    folder = harness.ROOT / "build/peers/bin"
    if not (folder / "exabgp").exists():
        run.skip("the newest routers are not here (./dev deps peers)")
    os.environ["PATH"] = run.env["PATH"] = f"{folder}:{os.environ['PATH']}"


def frr_program(run):
    program = shutil.which("frr-bgpd") or "/usr/lib/frr/bgpd"
    if not os.path.exists(program):
        run.skip("frr is not installed")
    return program


def frr_folder(run, config):
    """A folder with bgpd.conf that FRR's user may use."""
    user = pwd.getpwnam("frr")
    folder = run.dir / "frr"
    folder.mkdir()
    (folder / "bgpd.conf").write_text(config)
    os.makedirs("/var/run/frr", exist_ok=True)
    for path in (folder, folder / "bgpd.conf", "/var/run/frr"):
        os.chown(path, user.pw_uid, user.pw_gid)
    path = run.dir
    while path != path.parent and str(path) != "/tmp":
        path.chmod(path.stat().st_mode | 0o011)
        path = path.parent
    return folder


def frr(run, port, source="127.0.0.14"):
    program = frr_program(run)
    folder = frr_folder(run, f"""
router bgp 65014
 bgp router-id 10.0.0.14
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 127.0.0.1 remote-as 65000
 neighbor 127.0.0.1 port {port}
 neighbor 127.0.0.1 ebgp-multihop 5
 neighbor 127.0.0.1 update-source {source}
 neighbor 127.0.0.1 timers connect 1
 neighbor 127.0.0.1 disable-connected-check
 address-family ipv4 unicast
  network 198.51.114.0/24
  neighbor 127.0.0.1 activate
  neighbor 127.0.0.1 addpath-tx-all-paths
  neighbor 127.0.0.1 route-map NH out
 exit-address-family
 address-family ipv6 unicast
  network 2001:db8:14::/48
  neighbor 127.0.0.1 activate
  neighbor 127.0.0.1 route-map NH6 out
 exit-address-family
route-map NH permit 10
 set ip next-hop 192.0.2.14
 set community 65014:7
route-map NH6 permit 10
 set ipv6 next-hop global 2001:db8::14
""")
    return Router(run, "frr", [program, "-f", folder / "bgpd.conf", "-Z", "-S", "-i", folder / "pid", "--vty_socket", folder, "-p", "1179", "-P", "0",
                               "-l", source], [
        {"ip_prefix": "198.51.114.0/24", "as_path": "65014", "comms": "65014:7", "bgp_nexthop": "192.0.2.14"},
        {"ip_prefix": "2001:db8:14::/48", "bgp_nexthop": "2001:db8::14"}])


ALL = (bird, frr, gobgp, exabgp)


# --- the daemon
def pmbgpd(run, config="", port=None):
    """A pmbgpd on 127.0.0.1 that listens; returns (daemon, port)."""
    port = port or run.port(socket.SOCK_STREAM)
    ip = "" if "bgp_daemon_ip" in config else "bgp_daemon_ip: 127.0.0.1\n"
    d = run.daemon("pmbgpd", config=f"{config}\n{ip}bgp_daemon_port: {port}\n")
    d.wait_log(r"waiting for BGP data")
    return d, port


def lines(run, name="log"):
    path = run.dir / name
    return harness.json_lines(path)


def find(rows, **members):
    return [row for row in rows if all(row.get(k) == v for k, v in members.items())]


def stat(daemon, name):
    """The last value of name=value in the statistics that SIGUSR1 shows, asked for anew."""
    return int(re.findall(rf"\b{name}=(\d+)", daemon.ask())[-1])


def until(deadline_s):
    return time.monotonic() + deadline_s


def have(program):
    return shutil.which(program) is not None
