# SPDX-License-Identifier: BSD-2-Clause
"""Live capture: several interfaces, numbers and directions, drops to the packet, workers, interfaces that come and go; and what
capture files have keys for."""
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import time

import packets

NUMBER = re.compile(r"(\w+)=(\d+)")
BASE = """
    daemonize: false
    plugins: print[p]
    print_output[p]: json
    print_output_file[p]: @DIR@/out.json
    print_refresh_time: 600
    """


def start(run, config, aggregate="src_host", captures=1):
    d = run.daemon("pmacctd", config=f"{BASE}\naggregate[p]: {aggregate}\n{config}")
    d.wait_log(r"link type is", count=captures)
    d.wait_log(r"capturing (in place|through libpcap)", count=captures)
    return d


def generate(run, where, iface, frames, flows=1, size=100, rate=0, vlan=0, parts=1, seconds=60):
    return run.call(*where, run.build / "tests/system/framegen", iface, frames, flows, size, rate, vlan, parts, seconds=seconds)


def background(run, where, iface, *words):
    words = [str(w) for w in (*where, run.build / "tests/system/framegen", iface, *words)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def stats(d):
    """What SIGUSR1 shows of each interface: {"v0,3": {counter: value}}."""
    found = {}
    for label, text in re.findall(r"stats \[([^\]]+)\] (.*)", d.ask()):
        found.setdefault(label, {}).update({k: int(v) for k, v in NUMBER.findall(text)})
    return found


def wait_counted(run, d, label, packets_in, seconds=30):
    """Waits until so many packets were received and either taken or dropped."""
    def done():
        now = stats(d).get(label, {})
        return now if now.get("received_packets") == packets_in and now["packets"] + now["dropped_packets"] == packets_in else None
    return run.wait(done, f"{packets_in} packets on [{label}], there are {stats(d)}", seconds)


def end_lines(d):
    """The lines at the exit: {"v0,3": (received, dropped)}."""
    return {m[1]: (int(m[2]), int(m[3]))
            for m in re.finditer(r"^NOTICE \( default/core \): \[([^\]]+)\] received_packets=(\d+) dropped_packets=(\d+)$", d.text(), re.M)}


def send(run, where, iface, frames):
    """Sends frames on an interface of another namespace, one after the other."""
    path = run.dir / "frames.txt"
    path.write_text("\n".join(frame.hex() for frame in frames))
    program = ("import socket, sys; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((sys.argv[1], 0))\n"
               "for line in open(sys.argv[2]): s.send(bytes.fromhex(line))")
    run.call(*where, "python3", "-c", program, iface, path)


def datagram(source, size=50, ident=0):
    return packets.ether(packets.ip(source, "192.0.2.9", 17, packets.udp(1000, 2000, b"x" * size), ident=ident))


def outputs(run, *names):
    return sorted(tuple(row[name] for name in names) for row in run.rows("out.json"))


def two_links(run):
    return run.veth(), run.veth("w0", "w1", "198.51.100.1/24", "198.51.100.2/24")


def test_two_interfaces(run):
    """pcap_interfaces_map: two interfaces at once, each with its number and direction; one of them both ways."""
    far, west = two_links(run)
    run.write("i.map", "! links\nifname=v0 ifindex=77 direction=in\nifname=w0 ifindex=88 direction=in\nifname=w0 ifindex=89 direction=out\n")
    d = start(run, "pcap_interfaces_map: @DIR@/i.map\npcap_ifindex: map", "src_host, in_iface, out_iface, sampling_direction", 3)
    send(run, far, "v1", [datagram("10.0.0.1")] * 3)
    send(run, west, "w1", [datagram("10.0.0.2")] * 4)
    send(run, [], "v0", [datagram("10.0.0.3")] * 5)  # goes out, which nobody asked for there
    send(run, [], "w0", [datagram("10.0.0.4")] * 6)
    wait_counted(run, d, "v0,77", 3)
    wait_counted(run, d, "w0,88", 4)
    wait_counted(run, d, "w0,89", 6)
    d.stop()
    assert outputs(run, "ip_src", "iface_in", "iface_out", "sampling_direction", "packets") == [
        ("10.0.0.1", 77, 0, "i", 3), ("10.0.0.2", 88, 0, "i", 4), ("10.0.0.4", 0, 89, "e", 6)], run.rows("out.json")
    assert end_lines(d) == {"v0,77": (3, 0), "w0,88": (4, 0), "w0,89": (6, 0)}, d.text()


def test_ifindex(run):
    """pcap_ifindex and pcap_direction without a map; without a direction there is no number."""
    far = run.veth()
    index = int(run.call("cat", "/proc/net/igmp").split("v0")[0].split()[-1])
    for number, direction, kind in ((index, "in", "sys"), (248609298, "in", "hash"), (index, "out", "sys"), (index, "", "sys"), (0, "in", "none")):
        d = start(run, f"pcap_interface: v0\npcap_ifindex: {kind}" + (f"\npcap_direction: {direction}" if direction else ""),
                  "src_host, in_iface, out_iface")
        d.wait_log(rf"^INFO \( default/core \): \[v0,{number}\] link type is: 1$")
        if direction != "out":
            send(run, far, "v1", [datagram("10.0.0.1")] * 3)
        if direction != "in":
            send(run, [], "v0", [datagram("10.0.0.2")] * 2)
        wait_counted(run, d, f"v0,{number}", {"in": 3, "out": 2, "": 5}[direction])
        d.stop()
        want = {"in": [("10.0.0.1", number, 0, 3)], "out": [("10.0.0.2", 0, number, 2)], "": [("10.0.0.1", 0, 0, 3), ("10.0.0.2", 0, 0, 2)]}
        assert outputs(run, "ip_src", "iface_in", "iface_out", "packets") == want[direction], (kind, direction, run.rows("out.json"))
        (run.dir / "out.json").unlink()


def test_map_refused(run):
    """A map that is wrong: file, line and reason; exit 1, with --check-config too."""
    run.veth()
    for text, reason in (("ifname=v0 ifindex=1\nifname=v0 ifindex=2\n", r"\[.*/i\.map:2\] interface 'v0' stands in line 1 already"),
                         ("ifname=v0\n", r"\[.*/i\.map:1\] ifindex is missing"),
                         ("ifname=v0 ifindex=1 direction=up\n", r"\[.*/i\.map:1\] direction: bad value 'up'"),
                         ("! nothing\n", r"\[.*/i\.map\] names no interface")):
        run.write("i.map", text)
        path = run.config(f"{BASE}\npcap_interfaces_map: @DIR@/i.map\npcap_ifindex: map")
        for more in ([], ["--check-config"]):
            run.run_program("pmacctd", "-f", path, *more, expect=1)
            assert re.search(reason, run.stderr), run.stderr
    for config, reason in (("pcap_interface: v0\npcap_interfaces_map: @DIR@/i.map", "mutually exclusive"), ("pcap_ifindex: map", "needs pcap_interfaces_map")):
        run.run_program("pmacctd", "-f", run.config(f"{BASE}\n{config}"), expect=1)
        assert reason in run.stderr, run.stderr


def test_map_reload(run):
    """SIGUSR2: interfaces come, go and change their numbers, and no packet of another one is lost."""
    far, west = two_links(run)
    run.write("i.map", "ifname=v0 ifindex=1 direction=in\n")
    d = start(run, "pcap_interfaces_map: @DIR@/i.map\npcap_ifindex: map", "dst_host, in_iface")
    total, turns = 200000, 6
    traffic = background(run, far, "v1", total, 1, 100, 50000)
    counted = 0
    for turn in range(turns):
        run.write("i.map", f"ifname=v0 ifindex=1 direction=in\nifname=w0 ifindex={10 + turn} direction=in\n" if turn % 3 != 2
                  else "ifname=v0 ifindex=1 direction=in\n")
        d.send_signal(signal.SIGUSR2)
        d.wait_log(r"map successfully \(re\)loaded", count=turn + 2)
        if turn % 3 != 2:
            send(run, west, "w1", [datagram("10.0.0.2")] * 10)
            label, before = f"w0,{10 + turn}", 10 * (turn % 3)
            wait_counted(run, d, label, before + 10)
            counted += 10
    assert traffic.wait(60) == 0
    run.write("i.map", "ifname=v0 ifindex=1 direktion=in\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"^ERROR \( default/core \): \[.*i\.map:1\] unknown key 'direktion': was 'direction' meant\?")
    d.wait_log(r"Rolling back old map")
    wait_counted(run, d, "v0,1", total)
    d.stop()
    found = outputs(run, "iface_in", "packets")
    assert found == [(1, total), (10, 10), (11, 10), (13, 10), (14, 10)], found


def test_interface_comes_back(run):
    """An interface that vanishes does not stop the others; when it is there again, it is captured on at once."""
    far, west = two_links(run)
    run.write("i.map", "ifname=v0 ifindex=1 direction=in\nifname=w0 ifindex=2 direction=in\n")
    d = start(run, "pcap_interfaces_map: @DIR@/i.map\npcap_ifindex: map", "src_host, in_iface", 2)
    send(run, west, "w1", [datagram("10.0.0.2")] * 4)
    wait_counted(run, d, "w0,2", 4)
    run.ip("link", "set", "w0", "down")
    d.wait_log(r"^ERROR \( default/core \): \[w0,2\] capture ended: The interface went down or away$")
    send(run, far, "v1", [datagram("10.0.0.1")] * 3)
    wait_counted(run, d, "v0,1", 3)
    run.ip("link", "del", "w0")
    west = run.veth("w0", "w1", "198.51.100.1/24", "198.51.100.2/24")
    d.wait_log(r"\[w0,2\] capturing in place", count=2)
    send(run, west, "w1", [datagram("10.0.0.2")] * 5)
    wait_counted(run, d, "w0,2", 9)
    d.stop()
    assert outputs(run, "ip_src", "iface_in", "packets") == [("10.0.0.1", 1, 3), ("10.0.0.2", 2, 9)], run.rows("out.json")


def test_interface_wait(run):
    """pcap_interface_wait: an interface that is not there at the start is waited for; without it the daemon ends."""
    d = run.daemon("pmacctd", config=f"{BASE}\npcap_interface: v0")
    assert d.wait() == 1 and d.said(r"ERROR \( default/core \): \[v0\]"), d.text()
    d = run.daemon("pmacctd", config=f"{BASE}\npcap_interface: v0\npcap_interface_wait: true\naggregate: src_host")
    d.wait_log(r"^WARN \( default/core \): \[v0\].*waiting for the interface$")
    far = run.veth()
    d.wait_log(r"\[v0,0\] capturing in place")
    send(run, far, "v1", [datagram("10.0.0.1")] * 3)
    wait_counted(run, d, "v0,0", 3)
    d.stop()
    d = start(run, "pcap_interface: v0")
    run.ip("link", "set", "v0", "down")
    assert d.wait() == 1 and d.said(r"\[v0,0\] capture ended: The interface went down"), d.text()


def test_other_user(run):
    """`user`: with nothing kept but the right to capture, an interface that comes back is captured on again."""
    run.veth()
    run.dir.chmod(0o777)
    d = start(run, "pcap_interface: v0\npcap_interface_wait: true\nuser: nobody", "src_host")
    run.ip("link", "set", "v0", "down")
    d.wait_log(r"capture ended")
    run.ip("link", "set", "v0", "up")
    d.wait_log(r"\[v0,0\] capturing in place", count=2)
    status = dict(line.split(":\t") for line in open(f"/proc/{d.pid}/status").read().splitlines() if ":\t" in line)
    assert status["Uid"].split()[0] != "0" and int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 1 << 13, status
    d.stop()


def test_drops_are_exact(run):
    """A daemon that is stopped for a while: what the kernel dropped and what was counted make up what was sent."""
    far, total = run.veth(), 400000
    d = start(run, "pcap_interface: v0\npmacctd_pipe_size: 1048576", "dst_host")
    d.send_signal(signal.SIGSTOP)
    generate(run, far, "v1", total // 2, rate=100000)
    d.send_signal(signal.SIGCONT)
    generate(run, far, "v1", total // 2, rate=100000)
    seen = wait_counted(run, d, "v0,0", total)
    assert seen["dropped_packets"] > total // 4, seen
    d.wait_log(r"^WARN \( default/core \): \[v0,0\] the kernel dropped \d+ packets")
    d.stop()
    assert outputs(run, "ip_dst", "packets") == [("192.0.2.9", total - seen["dropped_packets"])], run.rows("out.json")
    assert end_lines(d) == {"v0,0": (total, seen["dropped_packets"])}, d.text()


def test_highest_rate(run):
    """As fast as the generator goes, to the packet."""
    far, total = run.veth(), 300000 if run.sanitized else 2000000
    d = start(run, "pcap_interface: v0", "src_host")
    generate(run, far, "v1", total, flows=1000, size=60, seconds=100)
    seen = wait_counted(run, d, "v0,0", total, 60)
    d.stop()
    rows = run.rows("out.json")
    assert sum(row["packets"] for row in rows) == total - seen["dropped_packets"], seen
    assert sum(row["bytes"] for row in rows) == 60 * (total - seen["dropped_packets"]), seen


def test_stop_under_load(run):
    """SIGINT amid traffic: received = counted + dropped, all the same."""
    far = run.veth()
    d = start(run, "pcap_interface: v0", "dst_host")
    traffic = background(run, far, "v1", 100000000, 1, 100, 100000)
    run.wait(lambda: stats(d)["v0,0"]["received_packets"] > 50000, "traffic")
    d.stop()
    traffic.kill()
    traffic.wait()
    received, dropped = end_lines(d)["v0,0"]
    assert outputs(run, "packets") == [(received - dropped,)], (received, dropped, run.rows("out.json"))


def test_workers(run):
    """Two threads, each with its ring: everything counts once, also when it is asked for amid traffic."""
    far, total = run.veth(), 120000
    d = start(run, "pcap_interface: v0\npcap_workers: 2\npcap_ifindex: sys\npcap_direction: in", "src_host, dst_host, src_port, dst_port, proto")
    d.wait_log(r"capturing in place: 2 worker\(s\)")
    traffic = background(run, far, "v1", total, 2000, 100, 100000)
    label = next(iter(stats(d)))
    while traffic.poll() is None:
        seen = stats(d)[label]
        assert seen["received_packets"] >= seen["packets"], seen
    seen = wait_counted(run, d, label, total)
    d.stop()
    assert seen["dropped_packets"] == 0
    assert end_lines(d) == {label: (total, 0)}
    # Flow n has port 1024 + n.
    assert outputs(run, "port_src", "packets", "bytes") == [(1024 + n, total // 2000, total // 20) for n in range(2000)]


def test_fragments_stay_together(run):
    """Two workers: the fragments of a datagram reach the same one, so that they all count with the ports of the first."""
    far, total, parts, flows = run.veth(), 30000, 3, 500
    d = start(run, "pcap_interface: v0\npcap_workers: 2", "src_host, src_port, dst_port, proto")
    generate(run, far, "v1", total, flows=flows, size=100, rate=50000, parts=parts)
    seen = wait_counted(run, d, "v0,0", total)
    d.stop()
    assert seen["dropped_packets"] == 0 and seen["fragments_named"] == total // parts * (parts - 1), seen
    assert outputs(run, "port_src", "packets", "bytes") == [(1024 + n, total // flows, total // flows * 100) for n in range(flows)]


def test_vlan(run):
    """The tag that the kernel takes out is there again: as a field, and for filters of the kernel and of plugins."""
    far = run.veth()
    for config in ("", "pcap_filter: vlan 100", "aggregate_filter[p]: vlan 100"):
        d = start(run, f"pcap_interface: v0\n{config}", "src_host, vlan")
        generate(run, far, "v1", 30, vlan=100)
        generate(run, far, "v1", 20)
        wait_counted(run, d, "v0,0", 30 if "pcap" in config else 50)
        d.stop()
        want = [("10.0.0.0", 100, 30, 3000)]
        assert outputs(run, "ip_src", "vlan", "packets", "bytes") == (want if config else [("10.0.0.0", 0, 20, 2000)] + want), run.rows("out.json")
        (run.dir / "out.json").unlink()


def test_any(run):
    """All interfaces at once, cooked; of the loopback interface each packet once."""
    far = run.veth()
    for config, extra in (("", 3), ("pcap_filter: udp and net 10.0.0.0/8", 0)):
        d = start(run, f"pcap_interface: any\n{config}", "src_host, etype")
        d.wait_log(r"\[any,0\] link type is: 113$")
        send(run, far, "v1", [datagram("10.0.0.1")] * 4)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for _ in range(3):
                s.sendto(b"x", ("127.0.0.1", 9))
        run.wait(lambda: sum(stats(d)["any,0"][k] for k in ("packets", "filtered")) >= 4 + extra, "the packets")
        d.stop()
        rows = {row["ip_src"]: row["packets"] for row in run.rows("out.json")}
        assert rows["10.0.0.1"] == 4 and rows.get("127.0.0.1", 0) >= extra, rows
        if config:
            assert rows == {"10.0.0.1": 4}, rows
        (run.dir / "out.json").unlink()


def test_filter_in_user_space(run):
    """A filter that looks at what the kernel has no word for, and at a tag that it took out: run here, and what it refuses is counted."""
    far = run.veth()
    d = start(run, "pcap_interface: any\npcap_filter: link[4:2] = 6 and link[14:2] = 0x8100", "src_host, vlan")
    generate(run, far, "v1", 30, vlan=100)
    generate(run, far, "v1", 20)
    seen = run.wait(lambda: (lambda s: s if s["packets"] + s["filtered"] >= 50 else None)(stats(d)["any,0"]), "the packets")
    d.stop()
    assert seen["packets"] == 30 and seen["filtered"] >= 20, seen
    assert outputs(run, "ip_src", "vlan", "packets") == [("10.0.0.0", 100, 30)], run.rows("out.json")


def test_protocol(run):
    """pcap_protocol: one Ethertype, told to the kernel."""
    far = run.veth()
    d = start(run, "pcap_interface: v0\npcap_protocol: 0x86dd", "src_host")
    six = packets.ether(packets.ip("2001:db8::1", "2001:db8::2", 17, packets.udp(1, 2)))
    send(run, far, "v1", [datagram("10.0.0.1")] * 4 + [six] * 2)
    wait_counted(run, d, "v0,0", 2)
    d.stop()
    assert outputs(run, "ip_src", "packets") == [("2001:db8::1", 2)], run.rows("out.json")


def test_arista(run):
    """The trailer of mirrored packets names the output interface, when its flag says so; live and from a file."""
    far = run.veth()

    def mirrored(source, flag, index, behind=b"", cut=0):
        return datagram(source) + flag.to_bytes(4, "little") + index.to_bytes(4, "little") + behind
    frames = [mirrored("10.0.0.1", 1, 5), mirrored("10.0.0.2", 0, 6), mirrored("10.0.0.3", 1, 70000), datagram("10.0.0.4", 200) + b"\1\0\0\0\7\0\0\0"]
    want = [("10.0.0.1", 5), ("10.0.0.2", 0), ("10.0.0.3", 70000), ("10.0.0.4", 0)]  # the last one is longer than snaplen
    d = start(run, "pcap_interface: v0\npcap_arista_trailer_offset: 8", "src_host, out_iface")
    send(run, far, "v1", frames)
    seen = wait_counted(run, d, "v0,0", 4)
    d.stop()
    assert outputs(run, "ip_src", "iface_out") == want and seen["no_trailer"] == 1, (seen, run.rows("out.json"))
    packets.pcap(run.dir / "in.pcap", [(1_700_000_000_000_000, mirrored("10.0.0.1", 7, 9, b"1234"))])
    (run.dir / "out.json").unlink()
    d = run.daemon("pmacctd", config=f"{BASE}\naggregate[p]: src_host, out_iface\npcap_savefile: @DIR@/in.pcap\n"
                   "pcap_arista_trailer_offset: 12\npcap_arista_trailer_flag_value: 7")
    assert d.wait() == 0
    assert outputs(run, "ip_src", "iface_out") == [("10.0.0.1", 9)], run.rows("out.json")


def test_raw_link(run):
    """A link without Ethernet, read in place as well."""
    run.need_root()
    run.ip("tuntap", "add", "dev", "t0", "mode", "tun")
    run.ip("addr", "add", "192.0.2.1/24", "dev", "t0")
    run.ip("link", "set", "t0", "up")
    with open("/dev/net/tun", "r+b", buffering=0) as tun:
        fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH", b"t0", 0x1001))  # TUNSETIFF: tun, no header
        d = start(run, "pcap_interface: t0\npcap_filter: udp port 2000", "src_host")
        assert d.said(r"\[t0,0\] link type is: 12$") and d.said(r"capturing in place"), d.text()
        for n in range(3):
            os.write(tun.fileno(), packets.ip("10.0.0.1", "192.0.2.1", 17, packets.udp(1000, 2000 + n % 2)))
        wait_counted(run, d, "t0,0", 2)
        d.stop()
    assert outputs(run, "ip_src", "packets", "bytes") == [("10.0.0.1", 2, 56)], run.rows("out.json")


def test_through_libpcap(run):
    """What is no network interface is captured through libpcap, by one worker, with the same counters."""
    run.need_root()
    run.need("nft")
    d = start(run, "pcap_interface: nflog:5\npcap_workers: 2\nsnaplen: 65535", "src_host, dst_port")
    d.wait_log(r"\[nflog:5,0\] capturing through libpcap \(it is no network interface\), which one worker alone can do$")
    run.call("nft", "add table inet t; add chain inet t o { type filter hook output priority 0; }; add rule inet t o udp dport 2000 log group 5")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(7):
            s.sendto(b"x", ("127.0.0.1", 2000))
    run.wait(lambda: stats(d)["nflog:5,0"]["packets"] == 7, "the packets")
    d.stop()
    assert outputs(run, "ip_src", "port_dst", "packets") == [("127.0.0.1", 2000, 7)], run.rows("out.json")


def test_savefile_keys(run):
    """pcap_savefile_replay, _delay and _wait: how often, when, and what comes after; times are the packets'."""
    at = 1_461_000_000_000_000
    packets.pcap(run.dir / "in.pcap", packets.conversation(at, count=5))
    config = f"{BASE}\naggregate[p]: src_host, timestamp_start\npcap_savefile: @DIR@/in.pcap\n"
    began = time.monotonic()
    d = run.daemon("pmacctd", config=f"{config}pcap_savefile_replay: 3\npcap_savefile_delay: 1")
    assert d.wait() == 0 and time.monotonic() - began >= 3, "one second before each reading"
    d.wait_log(r"^INFO \( default/core \): finished reading PCAP capture file$")
    assert outputs(run, "ip_src", "timestamp_start", "packets") == [("10.0.0.1", f"2016-04-18 17:20:00.00{n}000", 3) for n in range(5)]
    (run.dir / "out.json").unlink()
    d = run.daemon("pmacctd", config=f"{config}pcap_savefile_wait: true")
    d.wait_log(r"finished reading PCAP capture file")
    assert list(stats(d).values())[0]["packets"] == 5
    d.stop()
    assert sum(n for n, in outputs(run, "packets")) == 5
    (run.dir / "out.json").unlink()
    d = run.daemon("pmacctd", config=f"{config}pcap_savefile_replay: 0")
    d.wait_log(r"link type is")
    run.wait(lambda: list(stats(d).values())[0]["packets"] > 1000, "endless reading")
    d.stop()
    assert not d.said(r"finished reading")
    assert sum(n for n, in outputs(run, "packets")) > 1000
