# SPDX-License-Identifier: BSD-2-Clause
"""The newest routers (./dev deps peers): what Debian's own tell, and what these tell beyond that."""
import bgp
import bmp
import test_bgp_families
import test_bmp
from test_bgp_families import LOG, wait_route


def again(case):
    """A case with the newest routers in the place of Debian's."""
    def test(run):
        run.need_root()
        bgp.newer(run)
        case(run)
    test.__doc__ = case.__doc__
    return test


test_peers_families_gobgp = again(test_bgp_families.test_bgp_families_of_gobgp)
test_peers_octets_gobgp = again(test_bgp_families.test_bgp_octets_of_gobgp)
test_peers_families_exabgp = again(test_bgp_families.test_bgp_families_of_exabgp)
test_peers_bmp_gobgp = again(test_bmp.test_gobgp)


def test_peers_bmp_frr(run):
    """All views that FRR has; it no longer puts its own AS in front of what it received."""
    run.need_root()
    bgp.newer(run)
    test_bmp.real_router(run, lambda *a: bmp.frr(*a, more="  bmp monitor ipv4 unicast loc-rib"), bmp.frr_table, "127.0.0.14",
                         ["Adj-Rib-In Pre-Policy", "Adj-Rib-In Post-Policy", "Loc-Rib"], silent=["Loc-Rib"])


def test_peers_bmp_bird(run):
    """Both views of BIRD."""
    run.need_root()
    bgp.newer(run)
    test_bmp.real_router(run, bmp.bird, bmp.bird_table, "127.0.0.11", ["Adj-Rib-In Pre-Policy", "Adj-Rib-In Post-Policy"])


EXABGP = """
neighbor 127.0.0.1 {{
  router-id 10.0.0.12; local-address 127.0.0.12; local-as 65012; peer-as 65000; hold-time 90; connect {port};
  family {{ ipv4 mcast-vpn; ipv6 mcast-vpn; }}
  announce {{
    ipv4 {{
      mcast-vpn shared-join rp 10.99.199.1 group 239.251.255.228 rd 65012:9 source-as 65012 next-hop 192.0.2.12 extended-community [ target:65012:5 ];
      mcast-vpn source-join source 10.99.12.2 group 239.251.255.228 rd 65012:9 source-as 65012 next-hop 192.0.2.12;
      mcast-vpn source-ad source 10.99.12.4 group 239.251.255.228 rd 65012:9 next-hop 192.0.2.12;
    }}
    ipv6 {{ mcast-vpn source-ad source fd12::4 group ff0e::1 rd 65012:9 next-hop 192.0.2.12; }}
  }}
}}
"""
RD = "0000fdf400000009"
MVPN = [(1, "0616" + RD + "0000fdf4" + "200a63c701" + "20effbffe4"), (1, "0716" + RD + "0000fdf4" + "200a630c02" + "20effbffe4"),
        (1, "0512" + RD + "200a630c04" + "20effbffe4"), (2, "052a" + RD + "80fd12" + "0" * 26 + "04" + "80ff0e" + "0" * 26 + "01")]


def test_peers_mvpn_exabgp(run):
    """Multicast VPN (RFC 6514), three types of routes: joins and a source."""
    run.need_root()
    bgp.newer(run)
    d, port = bgp.pmbgpd(run, LOG)
    env = {**run.env, "exabgp_daemon_user": "root", "exabgp_log_destination": "stderr", "exabgp_api_cli": "false"}
    bgp.Router(run, "exabgp", [run.need("exabgp"), run.write("exabgp.conf", EXABGP.format(port=port))], [], env=env)
    for afi, nlri in MVPN:
        wait_route(run, {"afi": afi, "safi": 5, "nlri": nlri, "bgp_nexthop": "192.0.2.12"})
    assert bgp.stat(d, "treated_as_withdraw") == 0
    d.stop()


FRR = """
router bgp 65014
 bgp router-id 10.0.0.14
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor {to} remote-as 65000
 neighbor {to} port {port}
 neighbor {to} ebgp-multihop 5
 neighbor {to} update-source {source}
 neighbor {to} timers connect 1
 neighbor {to} disable-connected-check
{families}
"""
FRR4 = """
 address-family ipv4 unicast
  network 198.51.114.0/24
  neighbor 127.0.0.1 addpath-tx-all-paths
 exit-address-family
 address-family ipv4 vpn
  network 10.14.0.0/24 rd 65014:1 label 114
  neighbor 127.0.0.1 activate
 exit-address-family
 address-family l2vpn evpn
  neighbor 127.0.0.1 activate
  network 10.15.0.0/24 rd 65014:3 ethtag 7 label 505 esi 00:11:22:33:44:55:66:77:88:99 gwip 10.0.0.9 routermac 52:54:00:d9:83:fd
 exit-address-family
"""


def test_peers_frr(run):
    """FRR's own routes: with ADD-PATH, of a VPN, of EVPN; its capabilities are all known by name."""
    run.need_root()
    bgp.newer(run)
    d, port = bgp.pmbgpd(run, LOG)
    folder = bgp.frr_folder(run, FRR.format(to="127.0.0.1", source="127.0.0.14", port=port, families=FRR4))
    bgp.Router(run, "frr", [bgp.frr_program(run), "-f", folder / "bgpd.conf", "-Z", "-S", "-i", folder / "pid", "--vty_socket", folder, "-p", "1179",
                            "-P", "0", "-l", "127.0.0.14"], [])
    row = wait_route(run, {"afi": 1, "safi": 1, "ip_prefix": "198.51.114.0/24", "as_path": "65014"})
    assert "as_path_id" in row, row
    wait_route(run, {"afi": 1, "safi": 128, "ip_prefix": "10.14.0.0/24", "rd": "0:65014:1", "mpls_label": "114", "as_path": "65014"})
    wait_route(run, {"afi": 25, "safi": 70, "rd": "0:65014:3", "evpn": {"route_type": 5, "ip_prefix": "10.15.0.0/24", "ethernet_tag": 7}})
    assert d.said("Capability: paths limit") and not d.said("Capability: capability "), d.text()
    assert bgp.stat(d, "treated_as_withdraw") == 0
    d.stop()
