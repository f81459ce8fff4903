# SPDX-License-Identifier: BSD-2-Clause
"""What goes in on the wire for every primitive, and what has to come out: scenarios for test_primitives.py. A scenario is what is
sent, the octets that it counts for (by which its row is found) and {primitive: value as in JSON}."""
import ipaddress
import re
import struct

import packets
import sflow

NOW = 1_700_000_000
DAY = re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$")
SITE = {"src_host_country": "DE", "src_host_pocode": "10115", "src_host_coords": (52.5, 13.375),
        "dst_host_country": "FR", "dst_host_pocode": "75001", "dst_host_coords": (48.875, -2.25)}
GEO = {"10.1.0.0/16": ("DE", "10115", 52.5, 13.375), "192.0.2.0/24": ("FR", "75001", 48.875, -2.25)}
TAGS = {"tag": 4294967301, "tag2": 77, "label": "site-one"}
NETS = {"src_net": "10.1.0.0", "src_mask": 16, "dst_net": "192.0.2.0", "dst_mask": 24}
SRC, DST = "10.1.2.3", "192.0.2.9"


def address(text):
    return ipaddress.ip_address(text).packed


def number(value, octets):
    return value.to_bytes(octets, "big")


def label(value, bottom=0, octets=3):
    return number(value << 4 | bottom, 3) + (b"\x40" if octets == 4 else b"")


# --- NetFlow: the message's sequence number, which the records of the options come before; elements and their octets

SEGMENTS = "2001:db8:5::1", "2001:db8:5::2"
NETFLOW = [
    (5, [
        (8, address(SRC)), (12, address(DST)), (9, number(16, 1)), (13, number(24, 1)), (7, number(40000, 2)), (11, number(443, 2)),
        (4, b"\x06"), (5, b"\xb8"), (6, b"\x12"), (56, packets.mac(1)), (80, packets.mac(2)), (61, b"\0"), (58, number(11, 2)),
        (59, number(12, 2)), (245, number(21, 2)), (255, number(22, 2)), (244, b"\x05"), (256, b"\x08\x00"), (16, number(65001, 4)),
        (17, number(4200000001, 4)), (129, number(65100, 4)), (128, number(65200, 4)), (18, address("198.51.100.1")),
        (130, address("198.51.100.7")), (233, b"\x02"), (230, b"\x04"), (225, address("203.0.113.1")), (226, address("203.0.113.2")),
        (227, number(1025, 2)), (228, number(8443, 2)), (89, b"\x40"), (351, b"\x01" + number(5001, 7)), (70, label(100)),
        (71, label(200)), (72, label(300, 1)), (249, number(31, 4)), (90, bytes.fromhex("0000fde800000007")), (234, number(51, 4)),
        (235, number(52, 4)), (10, number(3, 4)), (14, number(4, 4)), (34, number(100, 4)), (95, b"\x0d\0\0\x01"),
        (497, b"".join(map(address, SEGMENTS))), (530, number(900, 4)), (531, number(800, 4)), (532, number(1000, 4)),
        (152, number(NOW * 1000 - 2500, 8)), (153, number(NOW * 1000 - 500, 8)),
    ], {**SITE, **TAGS, **NETS,
        "src_host": SRC, "dst_host": DST, "src_port": 40000, "dst_port": 443, "proto": "tcp", "tos": 184, "tcpflags": 18,
        "src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:02", "sampling_direction": "i", "vlan": 11, "in_vlan": 11, "out_vlan": 12,
        "in_cvlan": 21, "out_cvlan": 22, "cos": 5, "etype": "800", "src_as": 65001, "dst_as": 4200000001, "peer_src_as": 65100,
        "peer_dst_as": 65200, "peer_dst_ip": "198.51.100.1", "peer_src_ip": "198.51.100.7", "fw_event": 2, "nat_event": 4,
        "post_nat_src_host": "203.0.113.1", "post_nat_dst_host": "203.0.113.2", "post_nat_src_port": 1025, "post_nat_dst_port": 8443,
        "fwd_status": 64, "vxlan": 5001, "mpls_label_top": 100, "mpls_label_bottom": 300, "mpls_stack_depth": 3,
        "mpls_label_stack": "100_200_300", "mpls_pw_id": 31, "mpls_vpn_rd": "0:65000:7", "vrf_name": "blue", "ingress_vrf_name": "blue",
        "egress_vrf_name": "red", "in_iface": 3, "out_iface": 4, "in_iface_name": "ge-0/0/3", "out_iface_name": "ge-0/0/4",
        "sampling_rate": 100, "class": "voip", "srv6_seg_ipv6_list": [f"{n}-{s}" for n, s in enumerate(SEGMENTS)],
        "path_delay_avg_usec": 900, "path_delay_min_usec": 800, "path_delay_max_usec": 1000,
        "timestamp_start": "2023-11-14 22:13:17.500000", "timestamp_end": "2023-11-14 22:13:19.500000",
        "timestamp_export": "2023-11-14 22:13:20.000000", "timestamp_arrival": DAY, "export_proto_version": 10,
        "export_proto_sysid": 9, "site_own": 184}),
    (6, [(8, address(SRC)), (12, address(DST)), (351, b"\x02" + number(6001, 7))], {"nvgre": 6001}),
    (7, [
        (27, address("2001:db8:a::1")), (28, address("2001:db8:a::2")), (4, b"\x11"), (5, b"\x20"), (7, number(53, 2)), (11, number(54, 2)),
        (6, b"\x02"), (31, number(77, 4)), (27, address("2001:db8:b::1")), (28, address("2001:db8:b::2")), (4, b"\x06"), (5, b"\x28"),
        (7, number(55, 2)), (11, number(56, 2)), (6, b"\x10"), (31, number(78, 4)), (497, b"".join(map(address, SEGMENTS))),
    ], {"tunnel_src_host": "2001:db8:a::1", "tunnel_dst_host": "2001:db8:a::2", "tunnel_proto": "udp", "tunnel_tos": 32,
        "tunnel_src_port": 53, "tunnel_dst_port": 54, "tunnel_tcpflags": 2, "tunnel_flow_label": 77, "src_host": "2001:db8:b::1",
        "dst_host": "2001:db8:b::2", "proto": "tcp", "tos": 40, "src_port": 55, "dst_port": 56, "tcpflags": 16, "flow_label": 78}),
]
# scope element, element, {scope: text}
NETFLOW_OPTIONS = [(234, 236, {51: "blue", 52: "red"}), (10, 82, {3: "ge-0/0/3", 4: "ge-0/0/4"}), (95, 96, {0x0d000001: "voip"})]

# --- frames

INNER = packets.ether(packets.ip("10.9.0.1", "10.9.0.2", 6, packets.tcp(5000, 443, 0x12), tos=16), src=5, dst=6)
INNER6 = packets.ether(packets.ip("2001:db8:9::1", "2001:db8:9::2", 17, packets.udp(5001, 53)), src=5, dst=6)
INNER6 = INNER6[:14] + struct.pack("!I", 6 << 28 | 4321) + INNER6[18:]
VXLAN = struct.pack("!II", 0x08000000, 5001 << 8)
OUTER = {"src_host": SRC, "dst_host": DST, "src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:09"}
TUNNEL = {"tunnel_src_mac": "02:00:00:00:00:05", "tunnel_dst_mac": "02:00:00:00:00:06"}


def udp(payload, port=4789):
    return packets.ip(SRC, DST, 17, packets.udp(4444, port, payload))


def frame(packet, **more):
    return packets.ether(packet, src=1, dst=9, **more)


FRAMES = [
    (frame(packets.ip(SRC, DST, 6, packets.tcp(40000, 443, 0x12, b"x" * 60), tos=0xb8), vlans=(5 << 13 | 11, 2 << 13 | 21)),
     {**OUTER, **SITE, "src_port": 40000, "dst_port": 443, "proto": "tcp", "tos": 184, "tcpflags": 18, "vlan": 11, "in_cvlan": 21, "cos": 5,
      "etype": "800", "site_own": 64}),
    (packets.mac(9) + packets.mac(1) + b"\x88\x47" + label(100, 0, 4) + label(300, 1, 4) + packets.ip(SRC, DST, 17, packets.udp(1, 2, b"x" * 75)),
     {**OUTER, "mpls_label_top": 100, "mpls_label_bottom": 300, "mpls_label_stack": "100_300", "mpls_stack_depth": 2, "proto": "udp"}),
    (frame(udp(VXLAN + INNER)),
     {**OUTER, **TUNNEL, "vxlan": 5001, "tunnel_src_host": "10.9.0.1", "tunnel_dst_host": "10.9.0.2", "tunnel_src_port": 5000,
      "tunnel_dst_port": 443, "tunnel_proto": "tcp", "tunnel_tos": 16, "tunnel_tcpflags": 18, "dst_port": 4789}),
    (frame(udp(VXLAN + INNER6)),
     {**OUTER, **TUNNEL, "tunnel_src_host": "2001:db8:9::1", "tunnel_dst_port": 53, "tunnel_proto": "udp", "tunnel_flow_label": 4321}),
    (frame(packets.ip(SRC, DST, 47, struct.pack("!HHI", 0x2000, 0x6558, 6001 << 8) + INNER)), {**OUTER, **TUNNEL, "nvgre": 6001}),
]
# what networks_file, maps and keys add to every frame
ADDED = {**TAGS, **NETS, "src_as": 65001, "dst_as": 65002, "peer_src_as": 65100, "peer_dst_as": 65200, "peer_dst_ip": "198.51.100.1",
         "sampling_rate": 100, "timestamp_arrival": DAY, "timestamp_start": DAY}
NETWORKS = "65100_65001,10.1.0.0/16\n198.51.100.1,65200_65002,192.0.2.0/24\n"

# --- sFlow: frames as above, and one with every record that agents may add

V6 = packets.ip("2001:db8:1::1", "2001:db8:2::2", 17, packets.udp(1, 2, b"x" * 80))
V6 = struct.pack("!I", 6 << 28 | 12345) + V6[4:]
RECORDS = [
    (1001, struct.pack("!4I", 11, 5, 12, 0)), (1002, sflow.address("198.51.100.3") + struct.pack("!2I", 16, 24)),
    (1003, sflow.address("198.51.100.1") + struct.pack("!6I2I", 64999, 65001, 65100, 1, 2, 2, 65200, 65002) +
     struct.pack("!3II", 2, 65200 << 16 | 1, 65200 << 16 | 2, 150)),
    (1006, sflow.address("198.51.100.4") + struct.pack("!3I", 2, 100 << 12, 300 << 12 | 0x100) + struct.pack("!I", 0)),
    (1007, sflow.address("203.0.113.1") + sflow.address("203.0.113.2")), (1020, struct.pack("!2I", 1025, 8443)),
    (1009, sflow.opaque(b"vc") + struct.pack("!2I", 31, 0)), (1030, struct.pack("!I", 5001)),
    (43874 << 12 | 1, struct.pack("!I", 5)),
]
SFLOW_ADDED = {**{k: v for k, v in ADDED.items() if k not in ("timestamp_start",)}, "peer_src_ip": "198.51.100.7", "sampling_direction": "i",
               "export_proto_seqno": 5, "export_proto_version": 5, "export_proto_sysid": 9, "in_iface": 3, "out_iface": 4}
SFLOW = [(frame(packets.ip(SRC, DST, 6, packets.tcp(40000, 443, 0x12, b"x" * 90), tos=0xb8)), RECORDS,
          {**OUTER, **SITE, **SFLOW_ADDED, "src_port": 40000, "dst_port": 443, "proto": "tcp", "tos": 184, "tcpflags": 18, "vlan": 11,
           "in_vlan": 11, "out_vlan": 12, "cos": 5, "etype": "800", "as_path": re.compile("65200[ _]65002$"),
           "std_comm": re.compile("65200:1[ _]65200:2$"), "local_pref": 150,
           "post_nat_src_host": "203.0.113.1", "post_nat_dst_host": "203.0.113.2", "post_nat_src_port": 1025, "post_nat_dst_port": 8443,
           "mpls_label_top": 100, "mpls_label_bottom": 300, "mpls_label_stack": "100_300", "mpls_stack_depth": 2, "mpls_pw_id": 31,
           "vxlan": 5001, "class": "5", "mpls_vpn_rd": "0:65000:7"}),
         (frame(V6), [], {"src_host": "2001:db8:1::1", "flow_label": 12345})]
SFLOW += [(one, [], {k: v for k, v in want.items()}) for one, want in FRAMES]

# --- routes: announced by test_primitives.announce

ROUTED_SRC, ROUTED_DST = "10.1.0.0/16", "192.0.2.0/24"
ROAS = (("AS65002", ROUTED_DST), ("AS64000", ROUTED_SRC))
ROUTED = {"src_host": SRC, "src_as": 65001, "dst_as": 65002, "src_net": "10.1.0.0", "dst_mask": 24, "peer_dst_ip": "198.51.100.1",
          "as_path": re.compile("65200[ _]65002$"), "std_comm": "65200:50", "ext_comm": "RT:65200:50", "lrg_comm": "65200:50:2",
          "local_pref": 150, "med": 50, "src_as_path": re.compile("65100[ _]65001$"), "src_std_comm": "65100:60", "src_ext_comm": "RT:65100:60",
          "src_lrg_comm": "65100:60:2", "src_local_pref": 160, "src_med": 60, "src_roa": "i", "dst_roa": "v"}
