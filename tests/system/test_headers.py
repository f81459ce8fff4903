# SPDX-License-Identifier: BSD-2-Clause
"""Packets behind every link type, header and tunnel: pmacctd counts what was made, and tshark sees the same."""
import ipaddress
import struct

from packets import ether, ip, mac, pcap, pcapng, tcp, udp

START = 1700000000 * 10**6
MACS = mac(2) + mac(1)
INNER_MACS = mac(4) + mac(3)
SNAP = bytes.fromhex("aaaa03000000")


def h(text):
    return bytes.fromhex(text)


def etype(packet):
    return struct.pack("!H", 0x86dd if packet[0] >> 4 == 6 else 0x0800)


def family(packet, four, six):
    return six if packet[0] >> 4 == 6 else four


def llc(packet):
    return SNAP + etype(packet) + packet


def ppp(packet):
    return family(packet, h("0021"), h("0057")) + packet


def nlpid(packet):
    return family(packet, h("cc"), h("8e")) + packet


def mpls(packet, *labels):
    labels = labels or (16001,)
    return b"".join(struct.pack("!I", label << 12 | (i == len(labels) - 1) << 8 | 64) for i, label in enumerate(labels)) + packet


def sized(frame):
    """IEEE 802.3: the length of what follows."""
    return MACS + struct.pack("!H", len(frame)) + frame


def inner(packet):
    return INNER_MACS + etype(packet) + packet


def wlan(control, *addresses, more=b""):
    return h(control) + h("0000") + b"".join(mac(a) for a in addresses[:3]) + h("0000") + b"".join(mac(a) for a in addresses[3:]) + more


# Each: name, link type, what makes a frame of an IP packet.
LINKS = [
    ("ethernet", 1, ether),
    ("ethernet-padded", 1, lambda p: ether(p) + bytes(8)),
    ("vlan", 1, lambda p: ether(p, vlans=(100,))),
    ("vlan-8", 1, lambda p: ether(p, vlans=(100, 200, 300))),
    ("qinq", 1, lambda p: MACS + h("88a8 0064 8100 00c8") + etype(p) + p),
    ("9100", 1, lambda p: MACS + h("9100 0064 8100 00c8") + etype(p) + p),
    ("mac-in-mac", 1, lambda p: MACS + h("88a8 0064 88e7 00012345") + inner(p)),
    ("mpls", 1, lambda p: MACS + h("8847") + mpls(p)),
    ("mpls-3", 1, lambda p: MACS + h("8847") + mpls(p, 16001, 16002, 16003)),
    ("mpls-null", 1, lambda p: MACS + h("8847") + mpls(p, family(p, 0, 2))),
    ("pseudowire-word", 1, lambda p: MACS + h("8847") + mpls(h("00000000") + inner(p), 17000)),
    ("pseudowire", 1, lambda p: MACS + h("8847") + mpls(inner(p), 17001)),
    ("pppoe", 1, lambda p: MACS + h("8864 1100 0007") + struct.pack("!H", len(p) + 2) + ppp(p)),
    ("nsh", 1, lambda p: MACS + h("894f 0fc6 01") + family(p, h("01"), h("02")) + h("000001ff") + bytes(16) + p),
    ("snap", 1, lambda p: sized(llc(p))),
    ("snap-vlan", 1, lambda p: MACS + h("8100 0064") + struct.pack("!H", len(p) + 8) + llc(p)),
    ("raw", 101, lambda p: p),
    ("null", 0, lambda p: struct.pack("<I", family(p, 2, 24)) + p),
    ("loop", 108, lambda p: struct.pack("!I", family(p, 2, 24)) + p),
    ("ppp", 9, lambda p: h("ff03") + ppp(p)),
    ("ppp-mpls", 9, lambda p: h("ff03 0281") + mpls(p)),
    ("ppp-serial", 50, lambda p: h("ff03") + ppp(p)),
    ("ppp-serial-cisco", 50, lambda p: h("0f00") + etype(p) + p),
    ("ppp-ether", 51, lambda p: h("1100 0007") + struct.pack("!H", len(p) + 2) + ppp(p)),
    ("ppp-direction", 204, lambda p: h("00ff03") + ppp(p)),
    ("pppd", 166, lambda p: h("0003") + ppp(p)),
    ("cisco-hdlc", 104, lambda p: h("8f00") + etype(p) + p),
    ("frame-relay", 107, lambda p: h("1841 03") + nlpid(p)),
    ("atm", 100, llc),
    ("token-ring", 6, lambda p: h("1040") + MACS + llc(p)),
    ("token-ring-route", 6, lambda p: h("1040") + mac(2) + h("820000000001 0630 1001 2002") + llc(p)),
    ("fddi", 10, lambda p: h("50") + MACS + llc(p)),
    ("cooked", 113, lambda p: h("0000 0001 0006 0200000000010000") + etype(p) + p),
    ("cooked-vlan", 113, lambda p: h("0000 0001 0006 0200000000010000 8100 0064") + etype(p) + p),
    ("cooked-2", 276, lambda p: etype(p) + h("0000 00000002 0001 00 06 0200000000010000") + p),
    ("wifi-cell", 105, lambda p: wlan("0800", 2, 1, 9) + llc(p)),
    ("wifi-to-station", 105, lambda p: wlan("0802", 2, 9, 1) + llc(p)),
    ("wifi-qos", 105, lambda p: wlan("8801", 9, 1, 2, more=h("0000")) + llc(p)),
    ("wifi-bridge", 105, lambda p: wlan("0803", 8, 9, 2, 1) + llc(p)),
    ("radiotap", 127, lambda p: h("0000 0800 00000000") + wlan("0800", 2, 1, 9) + llc(p)),
    ("radiotap-padded", 127, lambda p: h("0000 1100 03000000 0000000000000000 20") + wlan("8800", 2, 1, 9, more=h("0000 0000")) + llc(p)),
    ("avs", 163, lambda p: h("80211001 00000040") + bytes(56) + wlan("0800", 2, 1, 9) + llc(p)),
    ("prism", 119, lambda p: h("44000000 90000000") + bytes(136) + wlan("0800", 2, 1, 9) + llc(p)),
    ("ppi", 192, lambda p: h("0000 0800 69000000") + wlan("0800", 2, 1, 9) + llc(p)),
    ("ipv4-or-6", 228, lambda p: p),
]
NOT_BY_TSHARK = {166}


def outer(proto, body):
    return ether(ip("192.0.2.1", "192.0.2.2", proto, body))


def outer6(proto, body):
    return ether(ip("2001:db8:ffff::1", "2001:db8:ffff::2", proto, body))


def over_udp(port, body):
    return outer(17, udp(49152, port, body))


# The same for tunnels; the inner packet is what counts.
TUNNELS = [
    ("ipip", lambda p: outer(family(p, 4, 41), p)),
    ("ip-in-ipv6", lambda p: outer6(family(p, 4, 41), p)),
    ("segments", lambda p: outer6(43, struct.pack("!BBBBBBH", family(p, 4, 41), 2, 4, 1, 0, 0, 0) + ipaddress.ip_address("2001:db8::99").packed + p)),
    ("etherip", lambda p: outer(97, h("3000") + inner(p))),
    ("srv6-ethernet", lambda p: outer6(143, inner(p))),
    ("mpls-in-ip", lambda p: outer(137, mpls(p))),
    ("mpls-in-udp", lambda p: over_udp(6635, mpls(p))),
    ("gre", lambda p: outer(47, h("0000") + etype(p) + p)),
    ("gre-options", lambda p: outer(47, h("b000") + etype(p) + h("00000000 00000007 00000001") + p)),
    ("gre-mpls", lambda p: outer(47, h("0000 8847") + mpls(p))),
    ("gre-in-gre", lambda p: outer(47, h("0000 0800") + ip("192.0.2.3", "192.0.2.4", 47, h("0000") + etype(p) + p))),
    ("pptp", lambda p: outer(47, h("3001 880b") + struct.pack("!H", len(p) + 4) + h("0007 00000001 ff03") + ppp(p))),
    ("nvgre", lambda p: outer(47, h("2000 6558 00012307") + inner(p))),
    ("erspan-2", lambda p: outer(47, h("1000 88be 00000001 1001 0000 00000000") + inner(p))),
    ("erspan-3", lambda p: outer(47, h("1000 22eb 00000001 2001 0000 00000000 00000000") + inner(p))),
    ("vxlan", lambda p: over_udp(4789, h("08000000 00006300") + inner(p))),
    ("vxlan-gpe", lambda p: over_udp(4790, h("0c0000") + family(p, h("01"), h("02")) + h("00006300") + p)),
    ("geneve", lambda p: over_udp(6081, h("0000 6558 00006300") + inner(p))),
    ("geneve-options", lambda p: over_udp(6081, h("0200") + etype(p) + h("00006300 0102030400000000") + p)),
    ("gtp", lambda p: over_udp(2152, h("30ff") + struct.pack("!H", len(p)) + h("00000007") + p)),
    ("gtp-session", lambda p: over_udp(2152, h("34ff") + struct.pack("!H", len(p) + 8) + h("00000007 0000 00 85 01 1009 00") + p)),
    ("gtp-0", lambda p: over_udp(3386, h("1eff") + struct.pack("!H", len(p)) + h("0001 0002 00ffffff 0000000000000000") + p)),
    ("l2tp", lambda p: over_udp(1701, h("0002 0001 0002 ff03") + ppp(p))),
    ("l2tp-options", lambda p: over_udp(1701, h("4802") + struct.pack("!H", len(p) + 14) + h("0001 0002 0001 0002") + ppp(p))),
    ("lisp", lambda p: over_udp(4341, h("c0000001 00000001") + p)),
]
EVERY_TUNNEL = "gtp; vxlan, inner; vxlan-gpe; geneve; gre; ipip; etherip; srv6; mpls; l2tp; l2tpv3; teredo; lisp"
KEY = "src_host, dst_host, src_port, dst_port, proto"


def talk(number):
    """Packets of both families, TCP and UDP, of several sizes; their addresses tell the case."""
    packets, totals = [], {}
    for n in range(8):
        six, proto = n & 1, (6, 17)[n >> 1 & 1]
        src = f"2001:db8:{number + 1:x}::1" if six else f"10.{number}.0.1"
        dst = f"2001:db8:{number + 1:x}::2" if six else f"10.{number}.0.2"
        payload = b"x" * (40 + n * 50)
        body = tcp(1000 + n % 4, 80, 0x18, payload) if proto == 6 else udp(1000 + n % 4, 5000, payload)
        packet = ip(src, dst, proto, body)
        key = (src, dst, 1000 + n % 4, 80 if proto == 6 else 5000, proto)
        count = totals.setdefault(key, [0, 0])
        count[0] += 1
        count[1] += len(packet)
        packets.append(packet)
    return packets, totals


def made(cases):
    """[(name, link type, frames, totals)]"""
    for number, (name, link, wrap) in enumerate(cases):
        packets, totals = talk(number)
        if link == 228:  # one link type for each family
            packets = [p for p in packets if p[0] >> 4 == 4]
            totals = {key: count for key, count in totals.items() if "." in key[0]}
        yield name, link, [wrap(p) for p in packets], totals


def counted(run, link, frames, config):
    """What pmacctd makes of a capture."""
    path = pcap(run.dir / f"link{link}.pcap", [(START + i, frame) for i, frame in enumerate(frames)], link)
    run.run_program("pmacctd", "-f", run.config(f"""
        pcap_savefile: {path}
        plugins: print
        aggregate: {KEY}
        print_output: json
        print_output_file: @DIR@/link{link}.json
        print_num_protos: true
        {config}"""))
    totals = {}
    for r in run.rows(f"link{link}.json"):
        totals[r["ip_src"], r["ip_dst"], r["port_src"], r["port_dst"], int(r["ip_proto"])] = [r["packets"], r["bytes"]]
    return totals


def seen_by_tshark(run, frames):
    """The innermost packet of each (link type, frame), summed by the same key."""
    names = ["ip.src", "ip.dst", "ip.len", "ip.proto", "ipv6.src", "ipv6.dst", "ipv6.plen", "tcp.srcport", "tcp.dstport", "udp.srcport",
             "udp.dstport", "frame.protocols"]
    words = ["tshark", "-r", pcapng(run.dir / "all.pcapng", frames), "-n", "-o", "ip.defragment:FALSE", "-T", "fields", "-E", "occurrence=l",
             "-d", "mpls.label==17000,pwethcw", "-d", "mpls.label==17001,pwethnocw"]
    for name in names:
        words += ["-e", name]
    totals = {}
    for line in run.call(*words, seconds=120).splitlines():
        f = dict(zip(names, line.split("\t") + [""] * len(names)))
        layers = f["frame.protocols"].split(":")
        last = max((i for i, layer in enumerate(layers) if layer in ("ip", "ipv6")), default=None)
        if last is None or not (f["ip.len"] or f["ipv6.plen"]):
            continue
        over = "tcp" if "tcp" in layers[last:] else "udp"
        six = layers[last] == "ipv6"
        key = ((f["ipv6.src"], f["ipv6.dst"]) if six else (f["ip.src"], f["ip.dst"])) + (
            int(f[f"{over}.srcport"] or 0), int(f[f"{over}.dstport"] or 0), 6 if over == "tcp" else 17)
        count = totals.setdefault(key, [0, 0])
        count[0] += 1
        count[1] += int(f["ipv6.plen"]) + 40 if six else int(f["ip.len"])
    return totals


def differences(want, got):
    return [f"{key}: {want.get(key)} made, {got.get(key)} counted" for key in sorted(want.keys() | got.keys(), key=str) if want.get(key) != got.get(key)]


def compare(run, cases, config):
    cases = list(made(cases))
    links = sorted({link for _, link, _, _ in cases})
    for link in links:
        want, frames = {}, []
        for _, of, some, totals in cases:
            if of == link:
                want.update(totals)
                frames += some
        wrong = differences(want, counted(run, link, frames, config))
        assert not wrong, f"link type {link}:\n" + "\n".join(wrong)
    return cases


def test_links(run):
    """Every link type and every header between it and IP: what was made is what is counted, and what tshark sees."""
    cases = [case for case in compare(run, LINKS, "") if case[1] not in NOT_BY_TSHARK]
    run.need("tshark")
    want = {key: count for _, _, _, totals in cases for key, count in totals.items()}
    seen = seen_by_tshark(run, [(link, frame) for _, link, frames, _ in cases for frame in frames])
    assert not differences(want, seen), "\n".join(differences(want, seen))


def test_tunnels(run):
    """tunnel_0 with every tunnel: the inner packets are counted in place of the outer ones, as tshark sees them."""
    cases = compare(run, [(name, 1, wrap) for name, wrap in TUNNELS], f"tunnel_0: {EVERY_TUNNEL}")
    run.need("tshark")
    want = {key: count for _, _, _, totals in cases for key, count in totals.items()}
    seen = seen_by_tshark(run, [(link, frame) for _, link, frames, _ in cases for frame in frames])
    assert not differences(want, seen), "\n".join(differences(want, seen))


def test_tunnel_fields(run):
    """tunnel_* beside the outer packet, for every tunnel, without tunnel_0; the outer packets keep their octets."""
    cases = list(made([(name, 1, wrap) for name, wrap in TUNNELS if name != "gre-in-gre"]))
    frames = [frame for _, _, some, _ in cases for frame in some]
    pcap(run.dir / "in.pcap", [(START + i, frame) for i, frame in enumerate(frames)])
    run.run_program("pmacctd", "-f", run.config("""
        pcap_savefile: @DIR@/in.pcap
        plugins: print
        aggregate: src_host, tunnel_src_host, tunnel_dst_host, tunnel_src_port, tunnel_dst_port, tunnel_proto, tunnel_src_mac, vxlan, nvgre
        print_output: json
        print_output_file: @DIR@/out.json
        print_num_protos: true"""))
    want = {key: count[0] for _, _, _, totals in cases for key, count in totals.items()}
    got, octets = {}, 0
    for r in run.rows("out.json"):
        assert r["ip_src"] in ("192.0.2.1", "2001:db8:ffff::1"), r
        case = cases[(int(r["tunnel_ip_src"].split(":")[2], 16) - 1) if ":" in r["tunnel_ip_src"] else int(r["tunnel_ip_src"].split(".")[1])][0]
        assert r["vxlan"] == (99 if case.startswith("vxlan") else 0), r
        assert r["nvgre"] == (0x123 if case == "nvgre" else 0), r
        with_macs = case in ("etherip", "srv6-ethernet", "nvgre", "erspan-2", "erspan-3", "vxlan", "geneve")
        assert r["tunnel_mac_src"] == ("02:00:00:00:00:03" if with_macs else "00:00:00:00:00:00"), (case, r)
        key = (r["tunnel_ip_src"], r["tunnel_ip_dst"], r["tunnel_port_src"], r["tunnel_port_dst"], int(r["tunnel_ip_proto"]))
        got[key] = got.get(key, 0) + r["packets"]
        octets += r["bytes"]
    assert got == want
    assert octets == sum(len(frame) - 14 for frame in frames)


def test_transports(run):
    """Packets have the ports of TCP and UDP, also in later fragments; those of SCTP, DCCP and UDP-Lite are not told apart, as in pmacct:
    its tables would have other keys."""
    ports = struct.pack("!HH", 7, 9) + b"x" * 20
    without = {33: "33", 132: "sctp", 136: "136", 1: "icmp", 50: "esp", 89: "ospf"}
    frames = [ether(ip("10.0.0.1", "10.0.0.2", proto, ports)) for proto in (6, 17, *without)]
    frames += [ether(ip("10.0.0.1", "10.0.0.3", 17, body, ident=5, fragment=at)) for body, at in ((ports, 0x2000), (b"y" * 40, 3))]
    pcap(run.dir / "in.pcap", [(START + i, frame) for i, frame in enumerate(frames)])
    run.run_program("pmacctd", "-f", run.config("""
        pcap_savefile: @DIR@/in.pcap
        plugins: print
        aggregate: dst_host, proto, src_port, dst_port
        print_output: json
        print_output_file: @DIR@/out.json"""))
    got = {(r["ip_dst"][-1], r["ip_proto"]): (r["port_src"], r["port_dst"], r["packets"]) for r in run.rows("out.json")}
    want = {("2", name): (7, 9, 1) for name in ("tcp", "udp")} | {("2", name): (0, 0, 1) for name in without.values()}
    assert got == want | {("3", "udp"): (7, 9, 2)}, got


def test_bad_tunnel(run):
    """A word that is no tunnel ends the start, and the message says where it stands and what there is."""
    path = run.config("plugins: print\npcap_interface: lo\ntunnel_0: gpt, 2152\n")
    run.run_program("pmacctd", "-f", path, expect=1)
    assert f"{path}:3: tunnel_0: 'gpt' is no tunnel that is known; there are gtp, vxlan," in run.stderr, run.stderr


def fragment(src, ident, offset, octets, more, first=b""):
    body = first + b"y" * (octets - len(first))
    return ether(ip(src, "10.0.0.9", 17, body, ident=ident, fragment=offset // 8 | 0x2000 * more))


def test_fragments(run):
    """Ports of the first fragment for all, early ones too; without a first one they count without ports, after a minute of
    the capture's time or at its end. The ledger says how many."""
    head = udp(1000, 53, b"x" * 2800)[:8]
    frames = [
        (0, fragment("10.0.0.1", 1, 0, 1400, True, head)), (1, fragment("10.0.0.1", 1, 1400, 1408, False)),
        (2, fragment("10.0.0.2", 1, 1400, 1408, False)), (3, fragment("10.0.0.2", 1, 0, 1400, True, head)),
        (4, fragment("10.0.0.3", 1, 1400, 1400, True)), (5, fragment("10.0.0.3", 1, 2800, 8, False)),
        (70, fragment("10.0.0.3", 1, 0, 1400, True, head)),  # a minute too late
        (71, fragment("10.0.0.4", 1, 1400, 8, False)),
    ]
    # More packets than are looked at in one go stand between, so that the minute is noticed on the way.
    frames[6:6] = [(65, ether(ip("10.0.1.1", "10.0.0.9", 17, udp(1, 2, b"z"))))] * 5000
    pcap(run.dir / "in.pcap", [(START + at * 10**6, frame) for at, frame in frames])
    d = run.daemon("pmacctd", config="""
        daemonize: false
        pcap_savefile: @DIR@/in.pcap
        pcap_savefile_wait: true
        plugins: print
        aggregate: src_host, src_port, dst_port
        print_output: json
        print_output_file: @DIR@/out.json""")
    d.wait_log(r"finished reading PCAP capture file")
    d.send_signal(10)
    d.wait_log(r"packets=5008 counted=5004 held=4 .*fragments_first=3 fragments_later=5 fragments_named=1 fragments_joined=1 "
               r"fragments_orphaned=3 fragments_rest=0 fragments_alone=0 fragments_evicted=0$")
    d.stop()
    got = {(r["ip_src"], r["port_src"], r["port_dst"]): (r["packets"], r["bytes"]) for r in run.rows("out.json")}
    assert got == {("10.0.0.1", 1000, 53): (2, 2848), ("10.0.0.2", 1000, 53): (2, 2848), ("10.0.0.3", 0, 0): (2, 1448),
                   ("10.0.0.3", 1000, 53): (1, 1420), ("10.0.0.4", 0, 0): (1, 28), ("10.0.1.1", 1, 2): (5000, 5000 * 29)}, got


def test_sampled_fragments(run):
    """Of sampled packets the first fragment need not be there: the others count at once."""
    pcap(run.dir / "in.pcap", [(START, fragment("10.0.0.3", 1, 1400, 8, False))])
    run.run_program("pmacctd", "-f", run.config("""
        pcap_savefile: @DIR@/in.pcap
        pmacctd_ext_sampling_rate: 10
        pmacctd_renormalize: true
        plugins: print
        aggregate: src_host, src_port, sampling_rate
        print_output: json
        print_output_file: @DIR@/out.json"""))
    assert [(r["ip_src"], r["port_src"], r["packets"], r["bytes"]) for r in run.rows("out.json")] == [("10.0.0.3", 0, 10, 280)]


def test_unknown_etypes(run):
    """Frames without IP count by layer 2 where nothing else is asked for, and elsewhere with aggregate_unknown_etype."""
    lldp = MACS + h("88cc 0207 0400") + bytes(40)
    pcap(run.dir / "in.pcap", [(START, lldp), (START, ether(ip("10.0.0.1", "10.0.0.2", 17, udp(1, 2)))), (START, MACS + h("0806") + bytes(28))])
    for n, (key, more, want) in enumerate((
            ("src_mac, etype", "", {("800", None): 42, ("806", None): 42, ("88cc", None): len(lldp)}),
            ("etype, src_host", "", {("800", "10.0.0.1"): 28}),
            ("etype, src_host", "aggregate_unknown_etype: true", {("800", "10.0.0.1"): 28, ("806", ""): 42, ("88cc", ""): len(lldp)}))):
        run.run_program("pmacctd", "-f", run.config(f"""
            pcap_savefile: @DIR@/in.pcap
            plugins: print
            aggregate: {key}
            {more}
            print_output: json
            print_output_file: @DIR@/out{n}.json"""))
        assert {(r["etype"], r.get("ip_src")): r["bytes"] for r in run.rows(f"out{n}.json")} == want
