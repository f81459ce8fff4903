/* SPDX-License-Identifier: BSD-2-Clause */
/* One packet behind every header that there is: link types, Ethertypes, tunnels. Whatever stands in front,
 * the same fields come out; cut at every octet, nothing is read beyond it and every frame is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <pcap/dlt.h>
#include <string.h>
#include "packet/link.h"
#include "hex.h"

#define FIELDS "src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,src_mac,dst_mac,vlan,in_cvlan,etype"
#define TUNNEL_FIELDS                                                                                        \
    "src_host,tunnel_src_mac,tunnel_dst_mac,tunnel_src_host,tunnel_dst_host,tunnel_proto,tunnel_tos,"        \
    "tunnel_src_port,tunnel_dst_port,tunnel_tcpflags,vxlan,nvgre"

/* The packet: 48 octets of IPv4, or 68 of IPv6. */
#define TCP "03e8 0050 00000001 00000002 5012 ffff 0000 0000 6162636465666768"
#define IP4 "4510 0030 0001 4000 40 06 0000 0a000001 0a000002 " TCP
#define IP6 "6100 0000 001c 06 40 20010db8000000000000000000000001 20010db8000000000000000000000002 " TCP
enum { IP4_LEN = 48, IP6_LEN = 68, HEX_MAX = 1024 };

#define MACS "020000000002 020000000001 "
#define INNER_MACS "020000000004 020000000003 "
#define ETHER4 MACS "0800" IP4
#define ETHER6 MACS "86dd" IP6
#define INNER INNER_MACS "0800" IP4
#define SNAP "aaaa03 000000 0800 "

/* What a header in front of the packet adds to its fields. */
enum seen { NO_MACS = 0, HAS_MACS = 1, SRC_MAC = 2, SIX = 4 };

static const struct link_row {
    const char *name;
    int dlt;
    const char *frame;
    unsigned seen; /* enum seen */
    uint16_t vlan, cvlan, depth, label;
} links[] = {
    { "Ethernet", DLT_EN10MB, ETHER4, HAS_MACS, 0, 0, 0, 0 },
    { "Ethernet, IPv6", DLT_EN10MB, ETHER6, HAS_MACS | SIX, 0, 0, 0, 0 },
    { "padded Ethernet", DLT_EN10MB, ETHER4 "000000000000", HAS_MACS, 0, 0, 0, 0 },
    { "802.1Q", DLT_EN10MB, MACS "8100 0064 0800" IP4, HAS_MACS, 100, 0, 0, 0 },
    { "802.1Q, IPv6", DLT_EN10MB, MACS "8100 0064 86dd" IP6, HAS_MACS | SIX, 100, 0, 0, 0 },
    { "priority tag", DLT_EN10MB, MACS "8100 a000 0800" IP4, HAS_MACS, 0, 0, 0, 0 },
    { "priority tag, then VLAN", DLT_EN10MB, MACS "8100 a000 8100 0064 0800" IP4, HAS_MACS, 100, 0, 0, 0 },
    { "802.1ad", DLT_EN10MB, MACS "88a8 0064 8100 00c8 0800" IP4, HAS_MACS, 100, 200, 0, 0 },
    { "0x9200", DLT_EN10MB, MACS "9200 0064 9300 00c8 0800" IP4, HAS_MACS, 100, 200, 0, 0 },
    { "three tags", DLT_EN10MB, MACS "8100 0064 8100 00c8 8100 012c 0800" IP4, HAS_MACS, 100, 200, 0, 0 },
    { "802.1ah", DLT_EN10MB, MACS "88a8 0064 88e7 00012345" INNER_MACS "8100 00c8 0800" IP4, HAS_MACS, 100,
      200, 0, 0 },
    { "bridging", DLT_EN10MB, MACS "6558" INNER, HAS_MACS, 0, 0, 0, 0 },
    { "MPLS", DLT_EN10MB, MACS "8847 03e811ff" IP4, HAS_MACS, 0, 0, 1, 16001 },
    { "MPLS multicast", DLT_EN10MB, MACS "8848 03e811ff" IP6, HAS_MACS | SIX, 0, 0, 1, 16001 },
    { "MPLS, explicit null", DLT_EN10MB, MACS "8847 000001ff" IP4, HAS_MACS, 0, 0, 1, 0 },
    { "MPLS, IPv6 explicit null", DLT_EN10MB, MACS "8847 000021ff" IP6, HAS_MACS | SIX, 0, 0, 1, 2 },
    { "MPLS, entropy label", DLT_EN10MB, MACS "8847 03e810ff 000070ff 0abcd1ff" IP4, HAS_MACS, 0, 0, 3,
      16001 },
    { "pseudowire, control word", DLT_EN10MB, MACS "8847 03e811ff 00000000" INNER, HAS_MACS, 0, 0, 1, 16001 },
    { "pseudowire, none", DLT_EN10MB, MACS "8847 03e811ff" INNER, HAS_MACS, 0, 0, 1, 16001 },
    { "pseudowire to a MAC like IPv4", DLT_EN10MB, MACS "8847 03e811ff 450000000004 020000000003 0800" IP4,
      HAS_MACS, 0, 0, 1, 16001 },
    { "pseudowire to a MAC like IPv6", DLT_EN10MB, MACS "8847 03e811ff 60ffffffff04 020000000003 86dd" IP6,
      HAS_MACS | SIX, 0, 0, 1, 16001 },
    { "PPPoE", DLT_EN10MB, MACS "8864 1100 0007 0032 0021" IP4, HAS_MACS, 0, 0, 0, 0 },
    { "PPPoE, compressed protocol", DLT_EN10MB, MACS "8864 1100 0007 0031 57" IP6, HAS_MACS | SIX, 0, 0, 0,
      0 },
    { "PPP in Ethernet", DLT_EN10MB, MACS "880b ff03 0021" IP4, HAS_MACS, 0, 0, 0, 0 },
    { "NSH, IPv4", DLT_EN10MB, MACS "894f 0fc2 0101 000001ff" IP4, HAS_MACS, 0, 0, 0, 0 },
    { "NSH, Ethernet, metadata", DLT_EN10MB,
      MACS "894f 0fc6 0103 000001ff 00000000000000000000000000000000" INNER, HAS_MACS, 0, 0, 0, 0 },
    { "NSH in NSH, MPLS", DLT_EN10MB, MACS "894f 0fc2 0104 000001ff 0fc2 0105 000001fe 03e811ff" IP4,
      HAS_MACS, 0, 0, 1, 16001 },
    { "SNAP", DLT_EN10MB, MACS "0038" SNAP IP4 "00000000", HAS_MACS, 0, 0, 0, 0 },
    { "SNAP of 802.1H", DLT_EN10MB, MACS "0038 aaaa03 0000f8 0800" IP4, HAS_MACS, 0, 0, 0, 0 },
    { "SNAP in a VLAN", DLT_EN10MB, MACS "8100 0064 0038" SNAP IP4, HAS_MACS, 100, 0, 0, 0 },
    { "LLC, IP", DLT_EN10MB, MACS "0033 060603" IP4, HAS_MACS, 0, 0, 0, 0 },
    { "LLC, NLPID", DLT_EN10MB, MACS "0034 fefe03 cc" IP4, HAS_MACS, 0, 0, 0, 0 },

    { "raw", DLT_RAW, IP4, NO_MACS, 0, 0, 0, 0 },
    { "raw in a file", 101, IP6, SIX, 0, 0, 0, 0 },
    { "raw of OpenBSD", 14, IP4, NO_MACS, 0, 0, 0, 0 },
    { "IPv4", DLT_IPV4, IP4, NO_MACS, 0, 0, 0, 0 },
    { "IPv6", DLT_IPV6, IP6, SIX, 0, 0, 0, 0 },
    { "null", DLT_NULL, "02000000" IP4, NO_MACS, 0, 0, 0, 0 },
    { "null, big-endian, macOS", DLT_NULL, "0000001e" IP6, SIX, 0, 0, 0, 0 },
    { "loop", DLT_LOOP, "0000001c" IP6, SIX, 0, 0, 0, 0 },
    { "SLIP", DLT_SLIP, "00 45000000 0000000000000000000000" IP4, NO_MACS, 0, 0, 0, 0 },
    { "PPP", DLT_PPP, "ff03 0021" IP4, NO_MACS, 0, 0, 0, 0 },
    { "PPP, nothing before the protocol", DLT_PPP, "0057" IP6, SIX, 0, 0, 0, 0 },
    { "PPP, compressed protocol", DLT_PPP, "21" IP4, NO_MACS, 0, 0, 0, 0 },
    { "PPP, MPLS", DLT_PPP, "ff03 0281 03e811ff" IP4, NO_MACS, 0, 0, 1, 16001 },
    { "PPP, bridging", DLT_PPP, "ff03 0031 4001 00000007" ETHER4, HAS_MACS, 0, 0, 0, 0 },
    { "PPP serial", DLT_PPP_SERIAL, "ff03 0021" IP4, NO_MACS, 0, 0, 0, 0 },
    { "PPP serial, Cisco", DLT_PPP_SERIAL, "0f00 0800" IP4, NO_MACS, 0, 0, 0, 0 },
    { "PPPoE as a link", DLT_PPP_ETHER, "1100 0007 0032 0021" IP4, NO_MACS, 0, 0, 0, 0 },
    { "PPP of pppd", DLT_PPP_PPPD, "0103 0021" IP4, NO_MACS, 0, 0, 0, 0 },
    { "PPP with a direction", DLT_PPP_WITH_DIR, "01 ff03 0021" IP4, NO_MACS, 0, 0, 0, 0 },
    { "Cisco HDLC", DLT_C_HDLC, "8f00 86dd" IP6, SIX, 0, 0, 0, 0 },
    { "Cisco HDLC, MPLS", DLT_C_HDLC, "0f00 8847 03e811ff" IP4, NO_MACS, 0, 0, 1, 16001 },
    { "frame relay", DLT_FRELAY, "1841 03 cc" IP4, NO_MACS, 0, 0, 0, 0 },
    { "frame relay, IPv6, four octets", DLT_FRELAY, "18420041 03 8e" IP6, SIX, 0, 0, 0, 0 },
    { "frame relay, padded SNAP", DLT_FRELAY, "1841 03 00 80 000000 0800" IP4, NO_MACS, 0, 0, 0, 0 },
    { "frame relay, bridged", DLT_FRELAY, "1841 03 00 80 0080c2 0007 0000" ETHER4, HAS_MACS, 0, 0, 0, 0 },
    { "frame relay, Cisco", DLT_FRELAY, "1841 0800" IP4, NO_MACS, 0, 0, 0, 0 },
    { "MPLS as a link", DLT_MPLS, "03e811ff" IP4, NO_MACS, 0, 0, 1, 16001 },
    { "ATM, routed", DLT_ATM_RFC1483, SNAP IP4, NO_MACS, 0, 0, 0, 0 },
    { "ATM, bridged", DLT_ATM_RFC1483, "aaaa03 0080c2 0001 0000" ETHER4, HAS_MACS, 0, 0, 0, 0 },
    { "ATM, PPP", DLT_ATM_RFC1483, "fefe03 cf 0021" IP4, NO_MACS, 0, 0, 0, 0 },
    { "token ring", DLT_IEEE802, "1040" MACS SNAP IP4, HAS_MACS, 0, 0, 0, 0 },
    { "token ring, source route", DLT_IEEE802, "1040 020000000002 820000000001 0630 1001 2002" SNAP IP4,
      HAS_MACS, 0, 0, 0, 0 },
    { "FDDI", DLT_FDDI, "50" MACS SNAP IP4, HAS_MACS, 0, 0, 0, 0 },
    { "cooked", DLT_LINUX_SLL, "0000 0001 0006 0200000000010000 0800" IP4, SRC_MAC, 0, 0, 0, 0 },
    { "cooked, LLC", DLT_LINUX_SLL, "0000 0001 0006 0200000000010000 0004" SNAP IP4, SRC_MAC, 0, 0, 0, 0 },
    { "cooked, GRE", DLT_LINUX_SLL, "0000 030a 0004 0a0000010000 0000 0800" IP4, NO_MACS, 0, 0, 0, 0 },
    { "cooked, frame relay", DLT_LINUX_SLL, "0000 0302 0000 000000000000 0000 0000 1841 03 cc" IP4, NO_MACS,
      0, 0, 0, 0 },
    { "cooked 2", DLT_LINUX_SLL2, "86dd 0000 00000002 0001 00 06 0200000000010000" IP6, SRC_MAC | SIX, 0, 0,
      0, 0 },
    { "cooked 2, radiotap", DLT_LINUX_SLL2,
      "0004 0000 00000002 0323 00 06 0200000000010000 0000 0800 00000000 0800 0000 " MACS
      "020000000009 0000" SNAP IP4,
      HAS_MACS, 0, 0, 0, 0 },
    { "pflog", DLT_PFLOG, "0d02 0000 000000000000000000 000000" IP4, NO_MACS, 0, 0, 0, 0 },
    { "802.11, in one cell", DLT_IEEE802_11, "0800 0000 " MACS "020000000009 0000" SNAP IP4, HAS_MACS, 0, 0,
      0, 0 },
    { "802.11, to the station", DLT_IEEE802_11,
      "0802 0000 020000000002 020000000009 020000000001 0000" SNAP IP4, HAS_MACS, 0, 0, 0, 0 },
    { "802.11, from the station, QoS", DLT_IEEE802_11,
      "8801 0000 020000000009 020000000001 020000000002 0000 0000" SNAP IP4, HAS_MACS, 0, 0, 0, 0 },
    { "802.11, between cells, QoS, HT", DLT_IEEE802_11,
      "8883 0000 020000000008 020000000009 020000000002 0000 020000000001 0000 00000000" SNAP IP4, HAS_MACS,
      0, 0, 0, 0 },
    { "radiotap", DLT_IEEE802_11_RADIO, "0000 0800 00000000 0800 0000 " MACS "020000000009 0000" SNAP IP4,
      HAS_MACS, 0, 0, 0, 0 },
    { "radiotap, padded QoS", DLT_IEEE802_11_RADIO,
      "0000 1100 03000000 0000000000000000 20 8800 0000 " MACS "020000000009 0000 0000 0000" SNAP IP4,
      HAS_MACS, 0, 0, 0, 0 },
    { "AVS", DLT_IEEE802_11_RADIO_AVS,
      "80211001 00000010 0000000000000000 0800 0000 " MACS "020000000009 0000" SNAP IP4, HAS_MACS, 0, 0, 0,
      0 },
    { "Prism", DLT_PRISM_HEADER,
      "44000000 10000000 0000000000000000 0800 0000 " MACS "020000000009 0000" SNAP IP4, HAS_MACS, 0, 0, 0,
      0 },
    { "Prism, AVS in truth", DLT_PRISM_HEADER,
      "80211001 00000010 0000000000000000 0800 0000 " MACS "020000000009 0000" SNAP IP4, HAS_MACS, 0, 0, 0,
      0 },
    { "PPI, 802.11", DLT_PPI, "0000 0800 69000000 0800 0000 " MACS "020000000009 0000" SNAP IP4, HAS_MACS, 0,
      0, 0, 0 },
    { "PPI, Ethernet", DLT_PPI, "0000 0c00 01000000 00000000" ETHER4, HAS_MACS, 0, 0, 0, 0 },
};

/* Frames that have no packet of IP. */
static const struct {
    const char *name;
    int dlt;
    const char *frame;
} not_ip[] = {
    { "spanning tree", DLT_EN10MB, MACS "0026 424203 0000" },
    { "IPX without LLC", DLT_EN10MB, MACS "0030 ffff 0030 0011 00000000" },
    { "CDP", DLT_EN10MB, MACS "0030 aaaa03 00000c 2000 0000" },
    { "IS-IS", DLT_EN10MB, MACS "0030 fefe03 83 1b01" },
    { "MACsec", DLT_EN10MB, MACS "88e5 2c00 00000001" IP4 },
    { "PPPoE discovery", DLT_EN10MB, MACS "8863 1109 0000 0004 01010000" },
    { "PPPoE, no session", DLT_EN10MB, MACS "8864 11a7 0000 0000 0021" IP4 },
    { "LCP", DLT_PPP, "ff03 c021 0101 0004" },
    { "compressed TCP", DLT_PPP, "ff03 002d 0101 0004" },
    { "bridged FDDI in PPP", DLT_PPP, "ff03 0031 0003" ETHER4 },
    { "associated channel", DLT_EN10MB, MACS "8847 03e811ff 10000021" IP4 },
    { "GAL", DLT_EN10MB, MACS "8847 0000d1ff 10000021" IP4 },
    { "NSH of another version", DLT_EN10MB, MACS "894f 4fc2 0101 000001ff" IP4 },
    { "SLARP", DLT_C_HDLC, "8f00 8035 00000002" },
    { "802.11 beacon", DLT_IEEE802_11, "8000 0000 " MACS "020000000009 0000" SNAP IP4 },
    { "802.11 without data", DLT_IEEE802_11, "4801 0000 " MACS "020000000009 0000" SNAP IP4 },
    { "802.11, encrypted", DLT_IEEE802_11, "0841 0000 " MACS "020000000009 0000" SNAP IP4 },
    { "token ring, MAC frame", DLT_IEEE802, "1000" MACS SNAP IP4 },
    { "FDDI, station management", DLT_FDDI, "41" MACS SNAP IP4 },
    { "cooked, netlink", DLT_LINUX_SLL, "0000 0338 0000 0000000000000000 0000" IP4 },
    { "cooked, CAN", DLT_LINUX_SLL, "0000 0118 0000 0000000000000000 000c" SNAP IP4 },
    { "LocalTalk", DLT_LTALK, IP4 },
    { "null, AppleTalk", DLT_NULL, "10000000" IP4 },
    { "PPI in PPI", DLT_PPI, "0000 0800 c0000000 0000 0800 01000000" ETHER4 },
    { "frame relay, LMI", DLT_FRELAY, "0001 03 08 00 75" },
};

/* An outer packet whose length fields leave everything to the frame's length. */
#define OUTER(proto) MACS "0800 4500 0000 0001 4000 40 " proto " 0000 01010101 02020202 "
#define OUTER6(next)                                                                                         \
    MACS "86dd 6000 0000 0000 " next " 40 20010db80000000000000000000000aa "                                 \
         "20010db80000000000000000000000bb "
#define UDP(port) OUTER("11") "c000 " port " 0000 0000 "

static const struct tunnel_row {
    const char *name, *config, *frame;
    unsigned seen; /* HAS_MACS: there are inner ones */
    uint32_t vxlan, nvgre;
} tunnels[] = {
    { "IP in IP", "ipip", OUTER("04") IP4, 0, 0, 0 },
    { "IPv6 in IPv4", "ipip", OUTER("29") IP6, SIX, 0, 0 },
    { "IPv4 in IPv6", "ipip", OUTER6("04") IP4, 0, 0, 0 },
    { "IPv6 in IPv6 behind a segment list", "ipip",
      OUTER6("2b") "29020401 00000000 20010db80000000000000000000000cc" IP6, SIX, 0, 0 },
    { "EtherIP", "etherip", OUTER("61") "3000" INNER, HAS_MACS, 0, 0 },
    { "Ethernet in SRv6", "srv6", OUTER6("8f") INNER, HAS_MACS, 0, 0 },
    { "MPLS in IP", "mpls", OUTER("89") "03e811ff" IP4, 0, 0, 0 },
    { "MPLS in UDP", "mpls", UDP("19eb") "03e811ff" IP6, SIX, 0, 0 },
    { "GRE", "gre", OUTER("2f") "0000 0800" IP4, 0, 0, 0 },
    { "GRE, everything", "gre",
      OUTER("2f") "f000 86dd 00000000 00000001 00000002 0002 0004 0a000001 0000 0000" IP6, SIX, 0, 0 },
    { "GRE, MPLS", "gre", OUTER("2f") "0000 8847 03e811ff" IP4, 0, 0, 0 },
    { "GRE, PPTP", "gre", OUTER("2f") "3081 880b 0032 0007 00000001 00000002 ff03 0021" IP4, 0, 0, 0 },
    { "GRE, WCCP", "gre", OUTER("2f") "0000 883e 00000000" IP4, 0, 0, 0 },
    { "NVGRE", "gre", OUTER("2f") "2000 6558 01234507" INNER, HAS_MACS, 0, 0x12345 },
    { "ERSPAN I", "gre", OUTER("2f") "0000 88be" INNER, HAS_MACS, 0, 0 },
    { "ERSPAN II", "gre", OUTER("2f") "1000 88be 00000001 1001 0000 00000000" INNER, HAS_MACS, 0, 0 },
    { "ERSPAN III", "gre", OUTER("2f") "1000 22eb 00000001 2001 0000 00000000 00000000" INNER, HAS_MACS, 0,
      0 },
    { "ERSPAN III, more", "gre",
      OUTER("2f") "1000 22eb 00000001 2001 0000 00000000 00000001 0000000000000000" INNER, HAS_MACS, 0, 0 },
    { "VXLAN", "vxlan,inner", UDP("12b5") "0800 0000 00006300" INNER, HAS_MACS, 99, 0 },
    { "VXLAN, a tag inside", "vxlan,inner", UDP("2118") "0800 0000 00006300" INNER_MACS "8100 0064 0800" IP4,
      HAS_MACS, 99, 0 },
    { "VXLAN-GPE, IPv4", "vxlan-gpe", UDP("12b6") "0c00 0001 00006300" IP4, 0, 99, 0 },
    { "VXLAN-GPE, Ethernet", "vxlan-gpe", UDP("12b6") "0800 0000 00006300" INNER, HAS_MACS, 99, 0 },
    { "VXLAN-GPE, NSH", "vxlan-gpe", UDP("12b6") "0c00 0004 00006300 0fc2 0102 000001ff" IP6, SIX, 99, 0 },
    { "Geneve", "geneve", UDP("17c1") "0000 6558 00006300" INNER, HAS_MACS, 0, 0 },
    { "Geneve, options, IPv6", "geneve", UDP("17c1") "0200 86dd 00006300 0102030405060708" IP6, SIX, 0, 0 },
    { "GTP-U", "gtp", UDP("0868") "30ff 0030 00000007" IP4, 0, 0, 0 },
    { "GTP-U, sequence", "gtp", UDP("0868") "32ff 0034 00000007 0001 00 00" IP6, SIX, 0, 0 },
    { "GTP-U, session container", "gtp",
      UDP("0868") "34ff 0038 00000007 0000 00 85 01 0009 c0 02 0000 0000 0000 00" IP4, 0, 0, 0 },
    { "GTP of version 0", "gtp", UDP("0d3a") "1eff 0030 0001 0002 00ffffff 0000000000000000" IP4, 0, 0, 0 },
    { "L2TP", "l2tp", UDP("06a5") "0002 0001 0002 ff03 0021" IP4, 0, 0, 0 },
    { "L2TP, everything", "l2tp", UDP("06a5") "4a02 0040 0001 0002 0001 0002 0004 00000000 0057" IP6, SIX, 0,
      0 },
    { "L2TPv3 over UDP", "l2tp", UDP("06a5") "0003 0000 00000007 00000000" INNER, HAS_MACS, 0, 0 },
    { "L2TPv3", "l2tpv3", OUTER("73") "00000007" INNER, HAS_MACS, 0, 0 },
    { "L2TPv3, cookie", "l2tpv3", OUTER("73") "00000007 1122334455667788" INNER, HAS_MACS, 0, 0 },
    { "Teredo", "teredo", UDP("0dd8") IP6, SIX, 0, 0 },
    { "Teredo, both indications", "teredo",
      UDP("0dd8") "0001 0202 1111 2222 0000000000000001 00 0000 ffff fefefefe" IP6, SIX, 0, 0 },
    { "LISP", "lisp", UDP("10f5") "c0000001 00000001" IP4, 0, 0, 0 },
    { "GRE on another port of VXLAN", "vxlan,5000,inner", UDP("1388") "0800 0000 00006300" INNER, HAS_MACS,
      99, 0 },
    { "a tunnel in a tunnel", "ipip; gre",
      OUTER("04") "4500 0000 0001 0000 40 2f 0000 03030303 04040404 0000 0800" IP4, 0, 0, 0 },
};

/* Nothing in them that is counted, whatever their ports and protocols say. */
static const struct {
    const char *name, *frame;
} no_tunnels[] = {
    { "GTP echo", UDP("0868") "3201 0004 00000000 00010000" },
    { "GTP' ", UDP("0868") "20ff 0030 00000007" IP4 },
    { "GTP, endless extensions", UDP("0868") "34ff 0038 00000007 0000 00 85 00 0009 c0 00" IP4 },
    { "VXLAN without an identifier", UDP("12b5") "0000 0000 00006300" INNER },
    { "Geneve of version 1", UDP("17c1") "4000 6558 00006300" INNER },
    { "GRE of version 2", OUTER("2f") "0002 0800" IP4 },
    { "GRE keepalive", OUTER("2f") "0000 0000" },
    { "L2TP control", UDP("06a5") "c802 000c 0001 0002 0000 0001" },
    { "L2TPv3 control", OUTER("73") "00000000 c803" },
    { "EtherIP of version 4", OUTER("61") "4000" INNER },
    { "IP in IP that is none", OUTER("04") "0000000000000000000000000000000000000000" },
    { "IP in IP with a bad header", OUTER("04") "4110002400010000400600000a0000010a000002" },
    { "DNS", UDP("0035") IP4 },
    { "ESP", OUTER("32") "00000007 00000001" IP4 },
};

static void open_decoder(struct packet_decoder *d, int dlt, const char *aggregate, const char *tunnel_0)
{
    struct aggregate_spec spec = { 0 };
    struct err e;
    bool dropped;
    assert_int_equal(aggregate_parse(aggregate, 'P', &spec, &dropped, &e), 0);
    struct packet_options o = { .needs = &spec.set, .tunnels = tunnel_0, .fragments = true };
    if (packet_decoder_open(d, dlt, &o, &e) == -1)
        fail_msg("%s", e.text);
}

static enum packet_drop decode(struct packet_decoder *d, const char *hex, struct flow *f)
{
    uint8_t frame[HEX_MAX];
    uint32_t n = (uint32_t)unhex(hex, frame, sizeof(frame));
    memset(f, 0xff, sizeof(*f)); /* what a frame before it may have left */
    return packet_decode(d, frame, n, n, f);
}

static void same_addr(const char *name, const char *text, const struct addr *a)
{
    struct addr want;
    assert_int_equal(addr_parse(text, &want), 0);
    if (!addr_equal(a, &want))
        fail_msg("%s: not %s", name, text);
}

static void same_mac(const char *name, const struct mac *m, uint8_t last)
{
    const struct mac want = { { last ? 2 : 0, 0, 0, 0, 0, last } };
    if (memcmp(m, &want, sizeof(want)) != 0)
        fail_msg("%s: MAC address ends in %02x", name, m->b[5]);
}

static void same(const char *name, const char *what, uint64_t got, uint64_t want)
{
    if (got != want)
        fail_msg("%s: %s is %llu, not %llu", name, what, (unsigned long long)got, (unsigned long long)want);
}

/* The base fields are those of the packet above. */
static void is_the_packet(const char *name, const struct flow *f, unsigned seen)
{
    bool six = seen & SIX;
    same_addr(name, six ? "2001:db8::1" : "10.0.0.1", &f->src_host);
    same_addr(name, six ? "2001:db8::2" : "10.0.0.2", &f->dst_host);
    same(name, "source port", f->src_port, 1000);
    same(name, "destination port", f->dst_port, 80);
    same(name, "protocol", f->proto, 6);
    same(name, "ToS", f->tos, 16);
    same(name, "TCP flags", f->tcpflags, 0x12);
    same(name, "octets", f->bytes, six ? IP6_LEN : IP4_LEN);
    same(name, "packets", f->packets, 1);
    same(name, "Ethertype", f->etype, six ? 0x86dd : 0x0800);
}

static void every_link_leads_to_the_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        const struct link_row *r = &links[i];
        struct packet_decoder d;
        struct flow f;
        open_decoder(&d, r->dlt, FIELDS, NULL);
        enum packet_drop why = decode(&d, r->frame, &f);
        if (why != PACKET_OK)
            fail_msg("%s: %s", r->name, packet_drop_names[why]);
        is_the_packet(r->name, &f, r->seen);
        same_mac(r->name, &f.src_mac, r->seen & (HAS_MACS | SRC_MAC) ? 1 : 0);
        same_mac(r->name, &f.dst_mac, r->seen & HAS_MACS ? 2 : 0);
        same(r->name, "VLAN", f.vlan, r->vlan);
        same(r->name, "inner VLAN", f.in_cvlan, r->cvlan);
        same(r->name, "labels", f.mpls_stack_depth, r->depth);
        same(r->name, "top label", f.mpls_label_top, r->label);
        packet_decoder_close(&d);
    }
}

static void other_frames_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(not_ip) / sizeof(not_ip[0]); i++) {
        struct packet_decoder d;
        struct flow f;
        open_decoder(&d, not_ip[i].dlt, FIELDS, NULL);
        enum packet_drop why = decode(&d, not_ip[i].frame, &f);
        if (why != PACKET_NOT_IP)
            fail_msg("%s: %s", not_ip[i].name, packet_drop_names[why]);
        packet_decoder_close(&d);
        open_decoder(&d, not_ip[i].dlt, "src_mac,etype", NULL); /* there every frame counts */
        assert_int_equal(decode(&d, not_ip[i].frame, &f), PACKET_OK);
        same(not_ip[i].name, "octets", f.bytes, f.packet_len);
        packet_decoder_close(&d);
    }
}

static void unknown_etypes_count_when_asked_for(void **state)
{
    (void)state;
    struct packet_decoder d;
    struct flow f;
    open_decoder(&d, DLT_EN10MB, FIELDS, NULL);
    d.unknown_etype = true;
    assert_int_equal(decode(&d, MACS "8100 0007 88cc 0207040000000000", &f), PACKET_OK);
    same("LLDP", "Ethertype", f.etype, 0x88cc);
    same("LLDP", "VLAN", f.vlan, 7);
    same("LLDP", "octets", f.bytes, 26);
    same("LLDP", "protocol", f.proto, 0);
    assert_int_equal(decode(&d, ETHER4, &f), PACKET_OK);
    is_the_packet("IPv4 beside it", &f, 0);
    packet_decoder_close(&d);
}

static void inner_packet_replaces_the_outer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
        const struct tunnel_row *r = &tunnels[i];
        struct packet_decoder d;
        struct flow f;
        open_decoder(&d, DLT_EN10MB, FIELDS, r->config);
        enum packet_drop why = decode(&d, r->frame, &f);
        if (why != PACKET_OK)
            fail_msg("%s: %s", r->name, packet_drop_names[why]);
        is_the_packet(r->name, &f, r->seen);
        same_mac(r->name, &f.src_mac, r->seen & HAS_MACS ? 3 : 1);
        same_mac(r->name, &f.dst_mac, r->seen & HAS_MACS ? 4 : 2);
        packet_decoder_close(&d);
    }
}

static void inner_packet_is_described(void **state)
{
    (void)state;
    for (size_t i = 0; i + 2 < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
        const struct tunnel_row *r = &tunnels[i];
        struct packet_decoder d;
        struct flow f;
        bool six = r->seen & SIX;
        open_decoder(&d, DLT_EN10MB, TUNNEL_FIELDS, NULL);
        assert_int_equal(decode(&d, r->frame, &f), PACKET_OK);
        same_addr(r->name, strstr(r->frame, "86dd 6000") ? "2001:db8::aa" : "1.1.1.1", &f.src_host);
        same_addr(r->name, six ? "2001:db8::1" : "10.0.0.1", &f.tunnel_src_host);
        same_addr(r->name, six ? "2001:db8::2" : "10.0.0.2", &f.tunnel_dst_host);
        same(r->name, "octets", f.bytes, f.packet_len - 14);
        same(r->name, "source port", f.tunnel_src_port, 1000);
        same(r->name, "destination port", f.tunnel_dst_port, 80);
        same(r->name, "protocol", f.tunnel_proto, 6);
        same(r->name, "ToS", f.tunnel_tos, 16);
        same(r->name, "TCP flags", f.tunnel_tcpflags, 0x12);
        same(r->name, "VXLAN", f.vxlan, r->vxlan);
        same(r->name, "NVGRE", f.nvgre, r->nvgre);
        same(r->name, "labels of the outer packet", f.mpls_stack_depth, 0);
        same_mac(r->name, &f.src_mac, 1);
        same_mac(r->name, &f.tunnel_src_mac, r->seen & HAS_MACS ? 3 : 0);
        same_mac(r->name, &f.tunnel_dst_mac, r->seen & HAS_MACS ? 4 : 0);
        packet_decoder_close(&d);
    }
}

#define ALL_INNER                                                                                            \
    "gtp; vxlan,inner; vxlan-gpe; geneve; gre; ipip; etherip; srv6; mpls; l2tp; l2tpv3; teredo; lisp"

static void what_is_no_tunnel_stays_as_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(no_tunnels) / sizeof(no_tunnels[0]); i++) {
        struct packet_decoder d;
        struct flow plain, f;
        open_decoder(&d, DLT_EN10MB, FIELDS, NULL);
        assert_int_equal(decode(&d, no_tunnels[i].frame, &plain), PACKET_OK);
        packet_decoder_close(&d);
        open_decoder(&d, DLT_EN10MB, FIELDS, ALL_INNER);
        assert_int_equal(decode(&d, no_tunnels[i].frame, &f), PACKET_OK);
        same_addr(no_tunnels[i].name, "1.1.1.1", &f.src_host);
        same(no_tunnels[i].name, "protocol", f.proto, plain.proto);
        same(no_tunnels[i].name, "port", f.dst_port, plain.dst_port);
        same(no_tunnels[i].name, "octets", f.bytes, plain.bytes);
        same(no_tunnels[i].name, "Ethertype", f.etype, plain.etype);
        packet_decoder_close(&d);
    }
}

static void nobody_asked_for_tunnels(void **state)
{
    (void)state;
    struct packet_decoder d;
    struct flow f;
    open_decoder(&d, DLT_EN10MB, FIELDS,
                 "vxlan,4789"); /* the outer packet is counted, nobody reads the rest */
    assert_null(d.tunnels);
    assert_int_equal(decode(&d, tunnels[0].frame, &f), PACKET_OK);
    same_addr("outer", "1.1.1.1", &f.src_host);
    packet_decoder_close(&d);
}

static void bad_tunnels_are_named(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "gpt, 2152",
          "tunnel_0: 'gpt' is no tunnel that is known; there are gtp, vxlan, vxlan-gpe, geneve, gre, ipip, "
          "etherip, srv6, mpls, l2tp, l2tpv3, teredo, lisp" },
        { "gtp, 2152; vxlan, 70000",
          "tunnel_0: '70000' behind vxlan is no UDP port, and not `inner` or `outer`" },
        { "gtp, x", "tunnel_0: 'x' behind gtp is no UDP port, and not `inner` or `outer`" },
        { "gre, 47", "tunnel_0: gre has no port" },
    };
    struct fieldset needs = { 0 };
    fieldset_add(&needs, FIELD_src_host);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct packet_decoder d;
        struct err e;
        struct packet_options o = { .needs = &needs, .tunnels = rows[i][0] };
        assert_int_equal(packet_decoder_open(&d, DLT_EN10MB, &o, &e), -1);
        assert_string_equal(e.text, rows[i][1]);
        assert_int_equal(e.code, ERR_CONFIG);
        packet_decoder_close(&d);
    }
}

/* ---- every frame, cut at every octet, in memory of just its size */

static void cut_everywhere(int dlt, const char *hex, const char *aggregate, const char *tunnel_0)
{
    uint8_t frame[HEX_MAX];
    uint32_t n = (uint32_t)unhex(hex, frame, sizeof(frame));
    struct packet_decoder d;
    struct flow f = { 0 };
    open_decoder(&d, dlt, aggregate, tunnel_0);
    for (uint32_t len = 0; len <= n; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, frame, len);
        packet_decode(&d, copy, len, n, &f);
        free(copy);
    }
    uint64_t sum = 0;
    for (unsigned k = 0; k < PACKET_DROP_MAX; k++)
        sum += d.count[k];
    assert_int_equal(sum, n + 1);
    packet_decoder_close(&d);
}

static void cut_each_way(int dlt, const char *hex)
{
    cut_everywhere(dlt, hex, FIELDS, NULL);
    cut_everywhere(dlt, hex, FIELDS, ALL_INNER);
    cut_everywhere(dlt, hex, TUNNEL_FIELDS, NULL);
    cut_everywhere(dlt, hex, "src_mac,vlan", NULL);
}

static void nothing_is_read_past_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        cut_each_way(links[i].dlt, links[i].frame);
    for (size_t i = 0; i < sizeof(not_ip) / sizeof(not_ip[0]); i++)
        cut_each_way(not_ip[i].dlt, not_ip[i].frame);
    for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++)
        cut_each_way(DLT_EN10MB, tunnels[i].frame);
    for (size_t i = 0; i < sizeof(no_tunnels) / sizeof(no_tunnels[0]); i++)
        cut_each_way(DLT_EN10MB, no_tunnels[i].frame);
}

/* ---- the short cut of plain.h does what the layers do */

static void compare_both_ways(struct packet_decoder *d, const uint8_t *frame, uint32_t caplen, uint32_t len)
{
    struct flow a, b;
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    d->plain = true;
    enum packet_drop one = packet_decode(d, frame, caplen, len, &a);
    const uint8_t *ip = d->ip;
    d->plain = false;
    enum packet_drop two = packet_decode(d, frame, caplen, len, &b);
    assert_int_equal(one, two);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_ptr_equal(ip, d->ip);
}

static void agree_on_changed_frames(const char *aggregate, const char *tunnel_0)
{
    static const char *const frames[] = {
        ETHER4,
        ETHER6,
        MACS "8100 a064 0800" IP4,
        MACS "8100 0000 86dd" IP6,
        MACS "0800 4510 0030 0001 4000 40 11 0000 0a000001 0a000002 03e8 0035 001c 0000 6162636465666768 "
             "00000000000000000000",
        MACS "86dd 6123 4567 001c 11 40 20010db8000000000000000000000001 20010db8000000000000000000000002 "
             "03e8 0035 001c "
             "0000 6162636465666768 00000000000000000000000000",
        UDP("0868") "30ff 0030 00000007" IP4,
        UDP("12b5") "0800 0000 00006300" INNER,
    };
    enum { TRIES = 100000, N = sizeof(frames) / sizeof(frames[0]) };
    struct packet_decoder d;
    uint64_t random = 1;
    open_decoder(&d, DLT_EN10MB, aggregate, tunnel_0);
    d.want &= ~(unsigned)WANT_FRAGMENTS; /* they would be seen twice */
    for (unsigned i = 0; i < TRIES; i++) {
        uint8_t frame[HEX_MAX];
        uint32_t n = (uint32_t)unhex(frames[i % N], frame, sizeof(frame)), cut = n;
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        if (i >= N) { /* one octet of the headers is changed, and the frame may be cut */
            frame[12 + (random >> 20) % 42] = (uint8_t)(random >> 40);
            cut = random >> 60 ? n : (uint32_t)((random >> 30) % (n + 1));
        }
        compare_both_ways(&d, frame, cut, n + (uint32_t)(random >> 62));
    }
    packet_decoder_close(&d);
}

static void short_cut_and_layers_agree(void **state)
{
    (void)state;
    agree_on_changed_frames(FIELDS, NULL);
    agree_on_changed_frames(FIELDS, ALL_INNER);
    agree_on_changed_frames(FIELDS "," TUNNEL_FIELDS, NULL);
}

static void common_frames_take_the_short_cut(void **state)
{
    (void)state;
    struct packet_decoder d;
    struct flow f;
    open_decoder(&d, DLT_EN10MB, FIELDS, NULL);
    assert_true(d.plain);
    packet_decoder_close(&d);
    open_decoder(&d, DLT_EN10MB, "src_host", NULL); /* nobody asked for ports */
    assert_false(d.plain);
    assert_int_equal(decode(&d, ETHER4, &f), PACKET_OK);
    same("ports", "port", f.dst_port, 0);
    packet_decoder_close(&d);
}

static void sampled_headers_have_link_types(void **state)
{
    (void)state;
    static const int rows[][2] = { { 1, DLT_EN10MB }, { 7, DLT_PPP },   { 11, DLT_IPV4 },
                                   { 12, DLT_IPV6 },  { 13, DLT_MPLS }, { 14, DLT_PPP_SERIAL },
                                   { 2, -1 },         { 99, -1 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(packet_dlt_of_sflow((uint32_t)rows[i][0]), rows[i][1]);
    for (uint32_t protocol = 0; protocol < 32; protocol++) {
        struct packet_decoder d = { 0 };
        if (packet_dlt_of_sflow(protocol) != -1)
            open_decoder(&d, packet_dlt_of_sflow(protocol), FIELDS, NULL);
        packet_decoder_close(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_link_leads_to_the_packet),
        cmocka_unit_test(other_frames_are_told_apart),
        cmocka_unit_test(unknown_etypes_count_when_asked_for),
        cmocka_unit_test(inner_packet_replaces_the_outer),
        cmocka_unit_test(inner_packet_is_described),
        cmocka_unit_test(what_is_no_tunnel_stays_as_it_is),
        cmocka_unit_test(nobody_asked_for_tunnels),
        cmocka_unit_test(bad_tunnels_are_named),
        cmocka_unit_test(nothing_is_read_past_the_end),
        cmocka_unit_test(short_cut_and_layers_agree),
        cmocka_unit_test(common_frames_take_the_short_cut),
        cmocka_unit_test(sampled_headers_have_link_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
