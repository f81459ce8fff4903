# SPDX-License-Identifier: BSD-2-Clause
"""Families that are no plain prefixes, from real speakers: GoBGP and ExaBGP say them, the log shows them by their parts."""
import json
import pathlib
import re
import struct

import bgp
from bgp import Router, find, lines

LOG = "bgp_daemon_msglog_file: @DIR@/log\nbgp_daemon_as: 65000\n"


def has(row, want):
    def same(got, v):
        return has(got or {}, v) if isinstance(v, dict) else v.fullmatch(str(got)) if isinstance(v, re.Pattern) else got == v
    return all(same(row.get(k), v) for k, v in want.items())


def wait_route(run, want, seconds=60, log_type="update"):
    """The line of a route that has these members, those of objects within too."""
    def there():
        return [row for row in find(lines(run), log_type=log_type) if has(row, want)]
    run.wait(there, f"{log_type} {want} in {[r for r in lines(run) if r.get('afi') == want['afi'] and r.get('safi') == want['safi']]}", seconds)
    return there()[0]


# With ADD-PATH for unicast GoBGP writes identifiers into the prefixes within flow specifications, too.
FAMILIES = [(f, "flow" not in f and "mup" not in f and "unicast" not in f[:12])
            for f in ("ipv4-unicast", "ipv6-unicast", "ipv4-labelled-unicast", "l3vpn-ipv4-unicast", "l3vpn-ipv6-unicast", "l2vpn-evpn", "ipv4-flowspec",
                      "ipv6-flowspec", "l3vpn-ipv4-flowspec", "l2vpn-flowspec", "ipv4-mup", "ipv6-mup", "rtc")]


def gobgp(run, port):
    _, client = bgp.gobgp_daemon(run, [("127.0.0.1", port, 65000)], FAMILIES, api=50052)
    return lambda what, words: client("global", "rib", what, *words.split())


ESI = "arbitrary 11:22:33:44:55:66:77:88:99"
GOBGP = [
    ("-a evpn macadv aa:bb:cc:dd:ee:01 10.0.0.1 etag 1 label 1000 rd 65013:9 rt 65013:9 encap vxlan",
     {"afi": 25, "safi": 70, "rd": "0:65013:9", "ecomms": "RT:65013:9 ENCAP:8", "nlri": "[2]:[1]:[48]:[aa:bb:cc:dd:ee:01]:[32]:[10.0.0.1]",
      "evpn": {"route_type": 2, "ethernet_tag": 1, "mac": "aa:bb:cc:dd:ee:01", "ip": "10.0.0.1", "esi": "00:00:00:00:00:00:00:00:00:00"}}),
    ("-a evpn multicast 192.0.2.13 etag 2 rd 65013:9 rt 65013:9 pmsi ingress-repl 100 192.0.2.13",
     {"afi": 25, "safi": 70, "evpn": {"route_type": 3, "ethernet_tag": 2, "ip": "192.0.2.13"}, "pmsi_tunnel": {"type": "ingress replication", "id": "192.0.2.13"}}),
    (f"-a evpn esi 192.0.2.13 esi {ESI} rd 65013:9 rt 65013:9",
     {"afi": 25, "safi": 70, "evpn": {"route_type": 4, "esi": "00:11:22:33:44:55:66:77:88:99", "ip": "192.0.2.13"}}),
    (f"-a evpn a-d esi {ESI} etag 3 label 20 rd 65013:9 rt 65013:9",
     {"afi": 25, "safi": 70, "evpn": {"route_type": 1, "esi": "00:11:22:33:44:55:66:77:88:99", "ethernet_tag": 3}}),
    ("-a evpn prefix 10.7.0.0/16 gw 192.0.2.254 etag 4 label 30 rd 65013:9 rt 65013:9",
     {"afi": 25, "safi": 70, "evpn": {"route_type": 5, "ip_prefix": "10.7.0.0/16", "gateway": "192.0.2.254", "ethernet_tag": 4}}),
    ("-a ipv4-flowspec match destination 192.0.2.0/24 protocol tcp destination-port '>=1024&<=2048' tcp-flags =S then rate-limit 9600",
     {"afi": 1, "safi": 133, "flowspec": {"dst": "192.0.2.0/24", "proto": "=6", "tcp-flags": "=syn"}}),
    ("-a ipv6-flowspec match destination 2001:db8::/32 then discard",
     {"afi": 2, "safi": 133, "flowspec": {"dst": "2001:db8::/32"}}),
    ("-a vpnv6 2001:db8:5::/48 label 501 rd 65013:5 rt 65013:5 nexthop 2001:db8::13",
     {"afi": 2, "safi": 128, "ip_prefix": "2001:db8:5::/48", "rd": "0:65013:5", "mpls_label": "501", "bgp_nexthop": "2001:db8::13"}),
    ("-a ipv4-mpls 10.9.0.0/16 800 nexthop 192.0.2.13",
     {"afi": 1, "safi": 4, "ip_prefix": "10.9.0.0/16", "mpls_label": "800"}),
    ("-a ipv4-mup isd 10.10.0.0/24 rd 65013:20 prefix 2001:db8:1:1::/64 locator-node-length 24 function-length 16 behavior ENDM_GTP4E rt 65013:20 nexthop 2001:db8::13",
     {"afi": 1, "safi": 85, "nlri": "0100010c0000fdf500000014180a0a00", "bgp_nexthop": "2001:db8::13"}),
    ("-a ipv4-mup t1st 10.10.1.1/32 rd 65013:20 rt 65013:20 teid 12345 qfi 9 endpoint 10.0.0.1 nexthop 2001:db8::13",
     {"afi": 1, "safi": 85, "nlri": re.compile("01000317(0000fdf500000014200a0a01010000303909200a000001)|01000318(0000fdf500000014200a0a01010000303909200a00000100)"),
      "ecomms": "RT:65013:20"}),  # newer ones add the length of a source address
    ("-a ipv6-mup dsd 2001:db8::1 rd 65013:20 prefix 2001:db8:2:2::/64 locator-node-length 24 function-length 16 behavior END_DT4 rt 65013:20 mup 10:10 nexthop 2001:db8::13",
     {"afi": 2, "safi": 85, "nlri": "010002180000fdf50000001420010db8000000000000000000000001"}),
    ("-a l2vpn-flowspec rd 65013:21 match destination-mac aa:bb:cc:dd:ee:01 then discard rt 65013:21",
     {"afi": 25, "safi": 134, "rd": "0:65013:21"}),
    ("10.8.0.0/16 nexthop 192.0.2.13 large-community 65013:1:2,65013:0:9 identifier 5",
     {"afi": 1, "safi": 1, "ip_prefix": "10.8.0.0/16", "lcomms": "65013:0:9 65013:1:2"}),
]


def test_bgp_families_of_gobgp(run):
    """EVPN of five types, flowspec of three families, VPN, labels, MUP, ADD-PATH, large communities: announced, and withdrawn with what they were."""
    d, port = bgp.pmbgpd(run, LOG)
    rib = gobgp(run, port)
    for words, _ in GOBGP:
        rib("add", words.replace("'", ""))
    for _, want in GOBGP:
        row = wait_route(run, want)
        assert ("as_path_id" in row) == (want["safi"] in (4, 70, 128)), row
    assert bgp.stat(d, "treated_as_withdraw") == 0 and bgp.stat(d, "attributes_discarded") == 0
    for words, _ in GOBGP[:5]:
        rib("del", words.split(" encap ")[0])
    for _, want in GOBGP[:5]:
        gone = wait_route(run, want, log_type="withdraw")
        assert gone["as_path"] == "65013", gone
    d.stop()


def tlv(kind, value):
    return struct.pack("!HH", kind, len(value)) + value


def sub_tlv(kind, value):
    """Of a tunnel encapsulation: a length of one octet, or of two (RFC 9012 2)."""
    return struct.pack("!BB" if kind < 128 else "!BH", kind, len(value)) + value


def ls_node(asn, router):
    return tlv(512, struct.pack("!I", asn)) + tlv(513, bytes(4)) + tlv(515, bytes.fromhex(router))


ORIGIN = bgp.attribute(0x40, 1, b"\0")
LS_HOP = bgp.attribute(0x40, 3, bytes((192, 0, 2, 13)))
LS_LINK = struct.pack("!BQ", 2, 7) + tlv(256, ls_node(65013, "000000000001")) + tlv(257, ls_node(65013, "000000000002")) + tlv(
    259, bytes((10, 0, 0, 1))) + tlv(260, bytes((10, 0, 0, 2)))
LS_NODE = struct.pack("!BQ", 2, 7) + tlv(256, ls_node(65013, "000000000001"))
LS_PREFIX = LS_NODE + tlv(265, bytes((24, 10, 7, 7)))
POLICY = struct.pack("!III", 2, 99, 0x0a00000f)
TUNNEL = sub_tlv(12, struct.pack("!BBI", 0, 0, 11)) + sub_tlv(13, struct.pack("!BBI", 0, 0, 24321 << 12)) + sub_tlv(
    128, b"\0" + sub_tlv(9, struct.pack("!BBI", 0, 0, 12)) + sub_tlv(1, struct.pack("!BBI", 0, 0, 10203 << 12)))
# What has no words in GoBGP's client, or none in all versions of it: NLRI, attributes, what the log shows.
OCTETS = [
    (16388, 71, tlv(1, LS_NODE), [ORIGIN, LS_HOP, bgp.attribute(0x80, 29, tlv(1026, b"r1") + tlv(1027, b"\x49\0\1"))],
     {"nlri_type": "Node", "proto": "IS-IS L2", "identifier": 7, "local_node": {"asn": 65013, "igp_router_id": "0000.0000.0001"}, "attr_node_name": "r1"}),
    (16388, 71, tlv(2, LS_LINK), [ORIGIN, LS_HOP, bgp.attribute(0x80, 29, tlv(1092, struct.pack("!I", 50)) + tlv(1095, b"\x0a"))],
     {"nlri_type": "Link", "remote_node": {"igp_router_id": "0000.0000.0002"}, "local_addr_v4": "10.0.0.1", "attr_te_df_metric": 50, "attr_igp_metric": 10}),
    (16388, 71, tlv(3, LS_PREFIX), [ORIGIN, LS_HOP],
     {"nlri_type": "IPv4 Topology Prefix", "ip_reach": "10.7.7.0/24"}),
    (1, 73, bytes((96,)) + POLICY, [ORIGIN, LS_HOP, bgp.attribute(0xc0, 16, bytes.fromhex("0002fdf500000005")), bgp.attribute(0xc0, 23, tlv(15, TUNNEL))],
     {"nlri": "[2]:[99]:[10.0.0.15]", "ecomms": "RT:65013:5", "tunnel_encap": tlv(15, TUNNEL).hex()}),
]


def test_bgp_octets_of_gobgp(run):
    """BGP-LS (node, link, prefix, with their attribute), an SR policy with its tunnel encapsulation."""
    run.need_root()
    if run.call("/usr/bin/python3", "-c", "import grpc", expect=None) or run.stderr:
        run.skip("the system's python3 has no grpc")
    d, port = bgp.pmbgpd(run, LOG)
    bgp.gobgp_daemon(run, [("127.0.0.1", port, 65000)], [(f, False) for f in ("ls", "ipv4-srpolicy")], api=50054)
    for afi, safi, nlri, attributes, _ in OCTETS:
        run.call("/usr/bin/python3", pathlib.Path(__file__).with_name("gobgprpc.py"), 50054, afi, safi, nlri.hex(), *(a.hex() for a in attributes))
    for afi, safi, _, _, want in OCTETS:
        row = wait_route(run, {"afi": afi, "safi": safi, **want})
        assert row["as_path"] == "65013", row
    assert bgp.stat(d, "treated_as_withdraw") == 0 and bgp.stat(d, "attributes_discarded") == 0
    d.stop()


def exabgp(run, port, source="127.0.0.12"):
    program = run.need("exabgp")
    conf = run.write("exabgp.conf", f"""
neighbor 127.0.0.1 {{
  router-id 10.0.0.12; local-address {source}; local-as 65012; peer-as 65000; hold-time 90; connect {port};
  family {{ ipv4 unicast; ipv4 multicast; ipv4 nlri-mpls; ipv6 nlri-mpls; ipv6 mpls-vpn; ipv4 flow; ipv6 flow; ipv4 flow-vpn; ipv6 flow-vpn; l2vpn vpls; }}
  capability {{ asn4; route-refresh; }}
  static {{
    route 10.1.0.0/16 next-hop 192.0.2.12 label 800 as-path [ 65012 ];
    route 2001:db8:13::/48 next-hop 2001:db8::12 label 801 as-path [ 65012 ];
    route 2001:db8:12::/48 rd 65012:6 next-hop 2001:db8::12 label 1001 as-path [ 65012 ];
  }}
  l2vpn {{ vpls site5 {{ endpoint 5; base 10702; offset 1; size 8; next-hop 192.0.2.12; rd 65012:45; }} }}
  flow {{
    route f1 {{ match {{ source 192.0.2.0/24; destination-port [ =80 =8080 ]; protocol tcp; fragment is-fragment; }} then {{ rate-limit 9600; }} }}
    route f2 {{ match {{ source 2001:db8::/32/0; next-header udp; }} then {{ discard; }} }}
    route f4 {{ rd 65012:8; match {{ destination 2001:db8::/32/0; }} then {{ discard; }} }}
    route f3 {{ rd 65012:7; match {{ destination 10.0.0.1/32; }} then {{ redirect 65012:12345; }} }}
  }}
}}
""")
    env = {**run.env, "exabgp.daemon.user": "root", "exabgp.log.destination": "stderr", "exabgp.api.cli": "false"}
    return Router(run, "exabgp", [program, conf], [], env=env)


EXABGP = [
    {"afi": 1, "safi": 4, "ip_prefix": "10.1.0.0/16", "mpls_label": "800"},
    {"afi": 2, "safi": 4, "ip_prefix": "2001:db8:13::/48", "mpls_label": "801"},
    {"afi": 2, "safi": 128, "ip_prefix": "2001:db8:12::/48", "rd": "0:65012:6", "mpls_label": "1001"},
    {"afi": 25, "safi": 65, "rd": "0:65012:45"},
    {"afi": 1, "safi": 133, "flowspec": {"src": "192.0.2.0/24", "proto": "=6", "dport": "=80|=8080", "fragment": "isf"}, "ecomms": "FS-RATE:0:9600"},
    {"afi": 2, "safi": 133, "flowspec": {"src": "2001:db8::/32", "proto": "=17"}, "ecomms": "FS-RATE:0:0"},
    {"afi": 2, "safi": 134, "rd": "0:65012:8", "flowspec": {"dst": "2001:db8::/32"}},
    {"afi": 1, "safi": 134, "rd": "0:65012:7", "flowspec": {"dst": "10.0.0.1/32"}, "ecomms": "FS-REDIRECT:65012:12345"},
]


def test_bgp_families_of_exabgp(run):
    """Labelled routes, VPNs, VPLS and flow specifications with their actions."""
    run.need_root()
    d, port = bgp.pmbgpd(run, LOG)
    exabgp(run, port)
    for want in EXABGP:
        wait_route(run, want)
    assert bgp.stat(d, "treated_as_withdraw") == 0
    d.stop()


FRR = """
router bgp 65014
 bgp router-id 10.0.0.14
 no bgp default ipv4-unicast
 no bgp ebgp-requires-policy
 neighbor 127.0.0.1 remote-as 65000
 neighbor 127.0.0.1 port {port}
 neighbor 127.0.0.1 ebgp-multihop 5
 neighbor 127.0.0.1 update-source 127.0.0.14
 neighbor 127.0.0.1 timers connect 1
 neighbor 127.0.0.1 disable-connected-check
 neighbor 127.0.0.13 remote-as 65013
 neighbor 127.0.0.13 ebgp-multihop 5
 neighbor 127.0.0.13 passive
 neighbor 127.0.0.13 disable-connected-check
 address-family ipv4 vpn
  network 10.14.0.0/24 rd 65014:1 label 114
  neighbor 127.0.0.1 activate
  neighbor 127.0.0.13 activate
 exit-address-family
 address-family ipv6 vpn
  neighbor 127.0.0.1 activate
  neighbor 127.0.0.13 activate
 exit-address-family
 address-family ipv4 flowspec
  neighbor 127.0.0.1 activate
  neighbor 127.0.0.13 activate
 exit-address-family
 address-family l2vpn evpn
  neighbor 127.0.0.1 activate
  network 10.15.0.0/24 rd 65014:3 ethtag 7 label 505 esi 00:11:22:33:44:55:66:77:88:99 gwip 10.0.0.9 routermac 52:54:00:d9:83:fd
 exit-address-family
"""


def test_bgp_families_of_frr(run):
    """VPNs and flowspec through FRR, which hears them of GoBGP and has routes of its own, one of EVPN: what it tells is what its tables have."""
    run.need_root()
    program = bgp.frr_program(run)
    d, port = bgp.pmbgpd(run, LOG)
    folder = bgp.frr_folder(run, FRR.format(port=port))
    bgp.Router(run, "frr", [program, "-f", folder / "bgpd.conf", "-Z", "-S", "-i", folder / "pid", "--vty_socket", folder, "-p", "1179", "-P", "0",
                            "-l", "127.0.0.14"], [])
    families = [(f, False) for f in ("l3vpn-ipv4-unicast", "l3vpn-ipv6-unicast", "ipv4-flowspec")]
    _, client = bgp.gobgp_daemon(run, [("127.0.0.14", 1179, 65014)], families, api=50053)
    for words in ("-a vpnv4 10.5.0.0/16 label 500 rd 65013:5 rt 65013:5 nexthop 192.0.2.13",
                  "-a vpnv6 2001:db8:5::/48 label 501 rd 65013:5 rt 65013:5 nexthop 2001:db8::13",
                  "-a ipv4-flowspec match destination 192.0.2.0/24 protocol tcp then rate-limit 9600"):
        client("global", "rib", "add", *words.split())
    mine = [{"afi": 1, "safi": 128, "ip_prefix": "10.14.0.0/24", "rd": "0:65014:1", "mpls_label": "114", "as_path": "65014"},
            {"afi": 1, "safi": 128, "ip_prefix": "10.5.0.0/16", "rd": "0:65013:5", "mpls_label": "500", "as_path": "65014 65013", "ecomms": "RT:65013:5"},
            {"afi": 2, "safi": 128, "ip_prefix": "2001:db8:5::/48", "rd": "0:65013:5", "mpls_label": "501", "as_path": "65014 65013"},
            {"afi": 1, "safi": 133, "flowspec": {"dst": "192.0.2.0/24", "proto": "=6"}, "as_path": "65014 65013"},
            {"afi": 25, "safi": 70, "rd": "0:65014:3", "evpn": {"route_type": 5, "ip_prefix": "10.15.0.0/24", "ethernet_tag": 7}, "as_path": "65014"}]
    for want in mine:
        wait_route(run, want)

    def table(*words):
        return json.loads(run.call("vtysh", "--vty_socket", folder, "-d", "bgpd", "-c", " ".join((*words, "json"))))

    def told(afi, safi):
        return {(r["rd"].split(":", 1)[1], r["ip_prefix"]) for r in lines(run) if r.get("safi") == safi and r.get("afi") == afi and r.get("log_type") == "update"}

    for words, afi in (("ipv4", 1), ("ipv6", 2)):
        rds = table("show bgp", words, "vpn")["routes"]["routeDistinguishers"]
        assert told(afi, 128) == {(rd, net) for rd, nets in rds.items() for net in nets}, (rds, told(afi, 128))
    evpn = table("show bgp l2vpn evpn")
    assert evpn["numPrefix"] == len([r for r in lines(run) if r.get("afi") == 25 and r.get("log_type") == "update"]) == 1, evpn
    assert bgp.stat(d, "treated_as_withdraw") == 0
    d.stop()
