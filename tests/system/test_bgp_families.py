# SPDX-License-Identifier: BSD-2-Clause
"""Families that are no plain prefixes, from real speakers: GoBGP and ExaBGP say them, the log shows them by their parts."""
import subprocess

import bgp
from bgp import Router, find, lines

LOG = "bgp_daemon_msglog_file: @DIR@/log\nbgp_daemon_as: 65000\n"


def has(row, want):
    return all(has(row.get(k, {}), v) if isinstance(v, dict) else row.get(k) == v for k, v in want.items())


def wait_route(run, want, seconds=60, log_type="update"):
    """The line of a route that has these members, those of objects within too."""
    def there():
        return [row for row in find(lines(run), log_type=log_type) if has(row, want)]
    run.wait(there, f"{log_type} {want} in {[r for r in lines(run) if r.get('afi') == want['afi'] and r.get('safi') == want['safi']]}", seconds)
    return there()[0]


def gobgp(run, port, source="127.0.0.13", api=50052):
    program, client = run.need("gobgpd"), run.need("gobgp")
    # With ADD-PATH for unicast it writes identifiers into the prefixes within flow specifications, too.
    families = "".join(f'  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      afi-safi-name = "{f}"\n'
                       + ("" if "flow" in f or "unicast" in f[:12] else "    [neighbors.afi-safis.add-paths.config]\n      send-max = 4\n")
                       for f in ("ipv4-unicast", "ipv6-unicast", "l3vpn-ipv4-unicast", "l3vpn-ipv6-unicast", "l2vpn-evpn", "ipv4-flowspec", "ipv6-flowspec",
                                 "l3vpn-ipv4-flowspec", "rtc"))
    conf = run.write("gobgp.toml", f"""
[global.config]
  as = 65013
  router-id = "10.0.0.13"
  port = -1
[[neighbors]]
  [neighbors.config]
    neighbor-address = "127.0.0.1"
    peer-as = 65000
  [neighbors.timers.config]
    connect-retry = 5
    idle-hold-time-after-reset = 1
  [neighbors.transport.config]
    local-address = "{source}"
    remote-port = {port}
  [neighbors.ebgp-multihop.config]
    enabled = true
    multihop-ttl = 5
{families}""")
    Router(run, "gobgp", [program, "-f", conf, "--api-hosts", f"127.0.0.1:{api}", "-p"], [])
    call = [client, "-u", "127.0.0.1", "-p", str(api)]
    run.wait(lambda: subprocess.run([*call, "global"], capture_output=True).returncode == 0, "gobgpd to answer", 30)
    return lambda what, words: run.call(*call, "global", "rib", what, *words.split())


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
    ("10.8.0.0/16 nexthop 192.0.2.13 large-community 65013:1:2,65013:0:9 identifier 5",
     {"afi": 1, "safi": 1, "ip_prefix": "10.8.0.0/16", "lcomms": "65013:0:9 65013:1:2"}),
]


def test_bgp_families_of_gobgp(run):
    """EVPN of five types, flowspec of both families, VPN, ADD-PATH, large communities: announced, and withdrawn with what they were."""
    d, port = bgp.pmbgpd(run, LOG)
    rib = gobgp(run, port)
    for words, _ in GOBGP:
        rib("add", words.replace("'", ""))
    for _, want in GOBGP:
        row = wait_route(run, want)
        assert ("as_path_id" in row) == (want["safi"] in (70, 128)), row
    assert bgp.stat(d, "treated_as_withdraw") == 0 and bgp.stat(d, "attributes_discarded") == 0
    for words, _ in GOBGP[:5]:
        rib("del", words.split(" encap ")[0])
    for _, want in GOBGP[:5]:
        gone = wait_route(run, want, log_type="withdraw")
        assert gone["as_path"] == "65013", gone
    d.stop()


def exabgp(run, port, source="127.0.0.12"):
    program = run.need("exabgp")
    conf = run.write("exabgp.conf", f"""
neighbor 127.0.0.1 {{
  router-id 10.0.0.12; local-address {source}; local-as 65012; peer-as 65000; hold-time 90; connect {port};
  family {{ ipv4 unicast; ipv4 nlri-mpls; ipv6 mpls-vpn; ipv4 flow; ipv6 flow; ipv4 flow-vpn; l2vpn vpls; }}
  capability {{ asn4; route-refresh; }}
  static {{
    route 10.1.0.0/16 next-hop 192.0.2.12 label 800 as-path [ 65012 ];
    route 2001:db8:12::/48 rd 65012:6 next-hop 2001:db8::12 label 1001 as-path [ 65012 ];
  }}
  l2vpn {{ vpls site5 {{ endpoint 5; base 10702; offset 1; size 8; next-hop 192.0.2.12; rd 65012:45; }} }}
  flow {{
    route f1 {{ match {{ source 192.0.2.0/24; destination-port [ =80 =8080 ]; protocol tcp; fragment is-fragment; }} then {{ rate-limit 9600; }} }}
    route f2 {{ match {{ source 2001:db8::/32/0; next-header udp; }} then {{ discard; }} }}
    route f3 {{ rd 65012:7; match {{ destination 10.0.0.1/32; }} then {{ redirect 65012:12345; }} }}
  }}
}}
""")
    env = {**run.env, "exabgp.daemon.user": "root", "exabgp.log.destination": "stderr", "exabgp.api.cli": "false"}
    return Router(run, "exabgp", [program, conf], [], env=env)


EXABGP = [
    {"afi": 1, "safi": 4, "ip_prefix": "10.1.0.0/16", "mpls_label": "800"},
    {"afi": 2, "safi": 128, "ip_prefix": "2001:db8:12::/48", "rd": "0:65012:6", "mpls_label": "1001"},
    {"afi": 25, "safi": 65, "rd": "0:65012:45"},
    {"afi": 1, "safi": 133, "flowspec": {"src": "192.0.2.0/24", "proto": "=6", "dport": "=80|=8080", "fragment": "isf"}, "ecomms": "FS-RATE:0:9600"},
    {"afi": 2, "safi": 133, "flowspec": {"src": "2001:db8::/32", "proto": "=17"}, "ecomms": "FS-RATE:0:0"},
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
