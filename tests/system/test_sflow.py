# SPDX-License-Identifier: BSD-2-Clause
"""sfacctd: real exporters, counters as JSON, replay, what the sockets of both collectors can do."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess

import harness
import packets
import sflow
from test_probes import export_capture, receiver, tshark_reads


def sfacctd(run, config, ready=True):
    """An sfacctd on a free port of 127.0.0.1; returns (daemon, port)."""
    port = run.port()
    d = run.daemon("sfacctd", config=f"daemonize: false\nsfacctd_ip: 127.0.0.1\nsfacctd_port: {port}\n{config}")
    if ready:
        d.wait_log(r"waiting for sFlow data on interface=all ip=127\.0\.0\.1")
    return d, port


def printer(run, key, name="out.json"):
    return f"""
        plugins: print[p]
        aggregate[p]: {key}
        print_output[p]: json
        print_output_file[p]: {run.dir}/{name}
        print_refresh_time[p]: 86400"""


def frames(n):
    return [packets.ether(packets.ip(f"10.0.{i % 7}.1", "192.0.2.9", 17, packets.udp(1000 + i % 5, 53, b"q" * (i % 300)))) for i in range(n)]


def datagrams(n, per=5, agent="192.0.2.50", **more):
    """n flow samples of rate 10; returns (datagrams, packets, octets of frames)."""
    all_frames = frames(n)
    out = []
    for first in range(0, n, per):
        samples = [sflow.flow_sample(i + 1, f, rate=10) for i, f in list(enumerate(all_frames))[first:first + per]]
        out.append(sflow.datagram(samples, sequence=first // per + 1, agent=agent, **more))
    return out, n, sum(len(f) + 4 for f in all_frames)


def test_sums(run):
    """Sums are exact, as they come and renormalised."""
    data, n, octets = datagrams(5000)
    for config, factor in (("", 1), ("sfacctd_renormalize: true", 10), ("sfacctd_renormalize: true\nsfacctd_ext_sampling_rate: 3", 3)):
        d, port = sfacctd(run, printer(run, "src_host, src_port, sampling_rate") + "\n" + config)
        run.send(port, data)
        d.wait_counters(rf"stats \[127\.0\.0\.1:{port}\] agent=192\.0\.2\.50:0 version=5 sources=1 decoded=1000 samples=5000 accounted=5000 ",
                        r"received_datagrams=1000 dropped_by_kernel=0")
        d.stop()
        rows = run.rows("out.json")
        assert (sum(r["packets"] for r in rows), sum(r["bytes"] for r in rows)) == (factor * n, factor * octets), config
        assert len(rows) == 35 and {r["sampling_rate"] for r in rows} == {1 if factor > 1 else 10}


def test_versions(run):
    """Versions 2, 4 and 5 of the same packets have the same sums."""
    want = None
    for version in (2, 4, 5):
        data, n, octets = datagrams(200, version=version)
        d, port = sfacctd(run, printer(run, "src_host, dst_host, src_port, proto, in_iface, out_iface"))
        run.send(port, data)
        d.stop()
        rows = sorted(run.rows("out.json"), key=str)
        assert sum(r["packets"] for r in rows) == n and sum(r["bytes"] for r in rows) == octets
        assert want in (None, rows)
        want = rows


def test_replay(run):
    """sFlow out of a capture file: the sums, and the sender as the capture has it."""
    data, n, octets = datagrams(500, agent="0.0.0.0")
    caught = [(1_700_000_000_000_000 + i, packets.ether(packets.ip("198.51.100.7", "198.51.100.1", 17, packets.udp(5000, 6343, d))))
              for i, d in enumerate(data)]
    packets.pcap(run.dir / "in.pcap", caught)
    d = run.daemon("sfacctd", config=f"daemonize: false\npcap_savefile: {run.dir}/in.pcap\n" + printer(run, "peer_src_ip, timestamp_arrival"))
    assert d.wait(60) == 0, d.text()
    rows = run.rows("out.json")
    assert sum(r["packets"] for r in rows) == n and sum(r["bytes"] for r in rows) == octets
    assert {r["peer_ip_src"] for r in rows} == {"198.51.100.7"}
    assert {r["timestamp_arrival"][:19] for r in rows} == {"2023-11-14 22:13:20"}


def test_tunnels(run):
    """tunnel_0: what is within a sampled VXLAN packet; the outer header stays what it is."""
    inner = packets.ether(packets.ip("10.9.0.1", "10.9.0.2", 6, packets.tcp(5000, 443)), src=5, dst=6)
    frame = packets.ether(packets.ip("192.0.2.1", "192.0.2.2", 17, packets.udp(4444, 4789, struct.pack("!II", 0x08000000, 5001 << 8) + inner)))
    d, port = sfacctd(run, printer(run, "src_host, dst_port, tunnel_src_host, tunnel_dst_port, tunnel_src_mac, vxlan") + "\ntunnel_0: vxlan, 4789")
    run.send(port, [sflow.datagram([sflow.flow_sample(1, frame), sflow.flow_sample(2, frames(1)[0])])])
    d.stop()
    rows = {r["ip_src"]: r for r in run.rows("out.json")}
    assert [rows["192.0.2.1"][k] for k in ("port_dst", "tunnel_ip_src", "tunnel_port_dst", "tunnel_mac_src", "vxlan")] == \
        [4789, "10.9.0.1", 443, "02:00:00:00:00:05", 5001], rows
    assert [rows["10.0.0.1"][k] for k in ("port_dst", "tunnel_ip_src", "tunnel_port_dst", "vxlan")] == [53, "", 0, 0], rows


def test_maps(run):
    """pre_tag_map and sampling_map over what samples say."""
    run.write("tag.map", """
        set_tag=1 sample_type=0:3
        set_tag=2 nexthop=192.0.2.254
        set_tag=3 agent_id=7
        set_tag=4 direction=1
        set_tag=5 ip=192.0.2.0/24 in=9
        set_tag=6 ip=192.0.2.60
        """)
    run.write("sampling.map", "id=50 ip=192.0.2.60\n")
    router = (1002, sflow.address("192.0.2.254") + struct.pack("!2I", 24, 24))
    d, port = sfacctd(run, printer(run, "tag") + f"\npre_tag_map: {run.dir}/tag.map\nsampling_map: {run.dir}/sampling.map\nsfacctd_renormalize: true")
    f = frames(1)[0]
    one_each = (([sflow.flow_sample(1, f, expanded=True)], {}), ([sflow.flow_sample(1, f, more=[router])], {}), ([sflow.flow_sample(1, f)], {"sub": 7}),
                ([sflow.flow_sample(1, f, source=2)], {}), ([sflow.flow_sample(1, f, into=9)], {}), ([sflow.flow_sample(1, f)], {"agent": "192.0.2.60"}),
                ([sflow.flow_sample(1, f)], {}))
    run.send(port, [sflow.datagram(samples, **{"agent": "192.0.2.50", **more}) for samples, more in one_each])
    d.stop()
    assert {r["tag"]: r["packets"] for r in run.rows("out.json")} == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 50, 0: 1}


def test_malformed(run):
    """What is wrong with a datagram costs that one, is told with the agent, and counted."""
    data, n, octets = datagrams(50)
    cut = data[0][:-30]
    d, port = sfacctd(run, printer(run, "src_host"))
    run.send(port, [b"\0\0", b"\0\0\0\x09" + data[0][4:], cut, *data])
    d.wait_log(rf"INFO \( default/core \): discarding short sFlow packet: sfacctd=127\.0\.0\.1:{port} agent=127\.0\.0\.1:\d+")
    d.wait_log(rf"INFO \( default/core \): discarding unknown sFlow packet: sfacctd=127\.0\.0\.1:{port} agent=127\.0\.0\.1:\d+")
    d.wait_log(rf"discarding malformed sFlow packet \(sample length\): sfacctd=127\.0\.0\.1:{port} agent=192\.0\.2\.50:0 seq=1")
    d.wait_counters(r"discarded_packets=3")
    d.stop()
    rows = run.rows("out.json")
    assert sum(r["packets"] for r in rows) == n + 4  # those in front of the place where it was cut


COUNTERS = [7, 6, 10**10, 1, 3, 5 * 10**9, 12, 13, 14, 15, 16, 17, 6 * 10**9, 22, 23, 24, 25, 26, 0]


def test_counter_log(run):
    """Counters as JSON: a file an agent, made anew on SIGHUP, no more agents than asked for."""
    d, port = sfacctd(run, printer(run, "src_host") + f"""
        sfacctd_counter_file: {run.dir}/cnt/$peer_src_ip.json
        sfacctd_counter_max_nodes: 2
        timestamps_utc: true""")
    first, second = run.dir / "cnt/192_0_2_1.json", run.dir / "cnt/2001_db8__2.json"
    run.send(port, [sflow.datagram([sflow.counter_sample(1, COUNTERS)], sequence=1, agent=a) for a in ("192.0.2.1", "2001:db8::2", "192.0.2.3")])
    run.wait(lambda: first.exists() and second.exists() and len(second.read_text().splitlines()) == 2, "two files")
    d.wait_log(r"WARN .*sfacctd_counter_max_nodes: more than 2 agents send counters; those of 192\.0\.2\.3 are left out")
    init, row = [json.loads(line) for line in first.read_text().splitlines()]
    assert init.pop("timestamp") and init == {"seq": 0, "peer_src_ip": "192.0.2.1", "event_type": "log_init"}
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", row["timestamp"])
    assert row["seq"] == 1 and row["peer_ip_src"] == "192.0.2.1" and row["event_type"] == "log" and row["sf_cnt_type"] == "sflow_cnt_generic"
    assert row["source_id_index"] == 1 and row["sflow_seq"] == 1 and row["sflow_cnt_seq"] == 1
    assert row["ifInOctets"] == 5 * 10**9 and row["ifOutOctets"] == 6 * 10**9 and row["ifSpeed"] == 10**10 and row["ifPromiscuousMode"] == 0
    assert list(row)[:8] == ["seq", "timestamp", "peer_ip_src", "event_type", "source_id_index", "sflow_seq", "sflow_cnt_seq", "sf_cnt_type"]
    first.rename(run.dir / "old.json")
    banners = len(re.findall("sFlow Accounting Daemon", d.text()))
    d.send_signal(signal.SIGHUP)
    d.wait_log("sFlow Accounting Daemon", count=banners + 1)
    run.send(port, [sflow.datagram([sflow.counter_sample(2, COUNTERS)], sequence=2, agent="192.0.2.1")])
    run.wait(first.exists, "a new file")
    d.wait_counters(r"sfacctd_counter sink=file written=5 lost=0")
    d.stop()
    assert len((run.dir / "old.json").read_text().splitlines()) == 2
    assert [json.loads(line)["sflow_cnt_seq"] for line in first.read_text().splitlines()] == [2]


def test_counter_pipe(run):
    """A pipe that nobody reads holds up neither flows nor other datagrams; what it did not take is counted."""
    os.mkfifo(run.dir / "pipe")
    d, port = sfacctd(run, printer(run, "src_host") + f"\nsfacctd_counter_file: {run.dir}/pipe")
    flows, n, _ = datagrams(500)
    samples = [sflow.counter_sample(i + 1, COUNTERS) for i in range(7)]
    run.send(port, [sflow.datagram(samples, sequence=i + 1, agent="192.0.2.1") for i in range(300)] + flows)

    def counted():
        d.send_signal(signal.SIGUSR1)
        found = re.findall(r"sink=file written=(\d+) lost=(\d+)", d.text())
        return found and sum(map(int, found[-1])) == 2101 and int(found[-1][1])

    run.wait(counted, "all messages to be written or lost")
    d.stop()
    assert sum(r["packets"] for r in run.rows("out.json")) == n


def test_bad_counter_file(run):
    """A name with a variable that there is not, and one that cannot be written: said before anything starts."""
    path = run.config(f"daemonize: false\nplugins: print\nsfacctd_counter_file: {run.dir}/$peer_ip_src")
    run.run_program("sfacctd", "--check-config", "-f", path, expect=1)
    assert "c0.conf:3: sfacctd_counter_file: " in run.stderr and "there is no variable $peer_ip_src here" in run.stderr, run.stderr


# --- Open vSwitch

@contextlib.contextmanager
def switch(run):
    """Open vSwitch with a userspace datapath, nothing of it outside the case's folder; gives ovs-vsctl's words."""
    server, daemon, ctl, tool = (run.need(p) for p in ("ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovsdb-tool"))
    schema = pathlib.Path("/usr/share/openvswitch/vswitch.ovsschema")
    if not schema.exists():
        run.skip("no schema of Open vSwitch")
    env = {"OVS_RUNDIR": str(run.dir), "OVS_LOGDIR": str(run.dir), "OVS_DBDIR": str(run.dir), "OVS_SYSCONFDIR": str(run.dir)}
    run.call(tool, "create", run.dir / "conf.db", schema, env=env)
    started = []

    def start(*words):
        with open(run.dir / f"ovs{len(started)}.log", "wb") as log:
            started.append(subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=run.dir,
                                            env={**run.env, **env}))

    def vsctl(*words):
        return run.call(ctl, f"--db=unix:{run.dir}/db.sock", "--timeout=20", *words, env=env).strip()

    try:
        start(server, run.dir / "conf.db", f"--remote=punix:{run.dir}/db.sock", f"--unixctl={run.dir}/server.ctl")
        run.wait_socket("db.sock")
        vsctl("--no-wait", "init")
        start(daemon, f"unix:{run.dir}/db.sock", "--disable-system", f"--unixctl={run.dir}/switch.ctl")
        yield vsctl
    finally:
        for p in reversed(started):
            p.terminate()
            p.wait()


def test_openvswitch(run):
    """Open vSwitch samples every packet: sfacctd has what tshark reads, and the switch's own counters."""
    run.need_root()
    for name, host in (("a0", 2), ("b0", 3)):
        front = run.veth(name, name.replace("0", "1"), "192.0.2.1/24", f"192.0.2.{host}/24")
        run.ip("addr", "flush", "dev", name)
        run.call(*front, "ip", "neigh", "flush", "all")
        run.call(*front, "ip", "neigh", "replace", f"192.0.2.{5 - host}", "lladdr", "02:00:00:00:00:0%d" % (5 - host), "dev", name.replace("0", "1"))
        run.call(*front, "ip", "link", "set", name.replace("0", "1"), "address", "02:00:00:00:00:0%d" % host)
        if host == 2:
            here = front
    run.ip("link", "set", "lo", "up")
    key = "src_mac, dst_mac, src_host, dst_host, proto, src_port, dst_port, in_iface, out_iface, vlan, etype, sampling_rate, peer_src_ip"
    d, port = sfacctd(run, printer(run, key) + f"\nsfacctd_counter_file: {run.dir}/counters.json")
    with receiver(run) as (copy, got), switch(run) as vsctl:
        vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=standalone")
        vsctl("add-port", "br0", "a0", "--", "set", "interface", "a0", "ofport_request=11")
        vsctl("add-port", "br0", "b0", "--", "set", "interface", "b0", "ofport_request=12")
        vsctl("--", "--id=@s", "create", "sflow", "agent=lo", f'targets="127.0.0.1:{port}","127.0.0.1:{copy}"', "header=128", "sampling=1",
              "polling=1", "--", "set", "bridge", "br0", "sflow=@s")
        run.call(*here, "ping", "-c", "40", "-i", "0.01", "-s", "200", "192.0.2.3")
        run.wait(lambda: sum(row["kind"] == "flow" for row in sflow.read(got)) >= 80, "samples of 40 echoes and replies", 20)
        run.wait(lambda: any(row["kind"] == "counters" for row in sflow.read(got)), "counters", 20)
    run.drained(port)
    d.stop()
    check_switch(run, got)


def tshark_fields(run, payloads, *fields):
    """The fields of each datagram; several values of one stand with commas between them."""
    words = [run.need("tshark"), "-r", export_capture(run, payloads, 6343), "-d", "udp.port==6343,sflow", "-T", "fields"]
    for field in fields:
        words += ["-e", field]
    return [line.split("\t") for line in run.call(*words).splitlines()]


def check_switch(run, got):
    rows = sflow.read(got)
    flows = [row for row in rows if row["kind"] == "flow"]
    assert len(flows) >= 80
    # tshark stumbles over counters that it does not know
    sampled = [data for n, data in enumerate(got) if all(r["kind"] == "flow" for r in rows if r["datagram"] == n + 1)]
    tshark_reads(run, sampled, 6343, "sflow")
    names = {"rate": "sflow.flow_sample.sampling_rate", "pool": "sflow.flow_sample.sample_pool", "drops": "sflow.flow_sample.dropped_packets",
             "length": "sflow_245.header.frame_length", "stripped": "sflow_245.header.payload_stripped"}
    for name, field in names.items():
        told = [int(v, 0) for line in tshark_fields(run, sampled, field) for v in line[0].split(",")]
        assert told == [r[name] for r in rows if r["kind"] == "flow" and got[r["datagram"] - 1] in sampled], name
    want = {}
    for row in flows:
        frame = row["header"]
        tag = 4 if frame[12:14] == b"\x81\x00" else 0
        addresses = tuple(socket.inet_ntoa(frame[at + tag:at + tag + 4]) for at in (26, 30)) if frame[12 + tag:14 + tag] == b"\x08\0" else None
        k = (addresses, row["in"], row["out"], row["rate"], row["agent"])
        n, octets = want.get(k, (0, 0))
        want[k] = n + 1, octets + row["length"]
    found = {}
    for row in run.rows("out.json"):
        addresses = (row["ip_src"], row["ip_dst"]) if row["etype"] == "800" else None
        k = (addresses, row["iface_in"], row["iface_out"], row["sampling_rate"], row["peer_ip_src"])
        n, octets = found.get(k, (0, 0))
        found[k] = n + row["packets"], octets + row["bytes"]
    assert found == want, (found, want)
    counters = [row for row in sflow.read(got) if row["kind"] == "counters" and "index" in row]
    logged = [json.loads(line) for line in (run.dir / "counters.json").read_text().splitlines()]
    generic = [row for row in logged if row.get("sf_cnt_type") == "sflow_cnt_generic"]
    names = {"index": "ifIndex", "type": "ifType", "speed": "ifSpeed", "in_octets": "ifInOctets", "out_octets": "ifOutOctets",
             "in_ucast": "ifInUcastPkts", "out_ucast": "ifOutUcastPkts", "status": "ifStatus", "in_errors": "ifInErrors"}
    assert [{n: row[k] for k, n in names.items()} for row in counters] == [{n: row[n] for n in names.values()} for row in generic]


# --- what tshark reads

def numbers(*values):
    return struct.pack(f"!{len(values)}I", *values)


FLOW_RECORDS = (  # tag, octets, {member of JSON: field of tshark}
    (1001, numbers(100, 3, 200, 4), {"vlan_in": "sflow_245.vlan.in", "vlan_out": "sflow_245.vlan.out", "cos": "sflow_245.pri.in"}),
    (1002, sflow.address("192.0.2.254") + numbers(24, 16), {"peer_ip_dst": "sflow_245.nexthop", "mask_src": "sflow_245.nexthop.src_mask",
                                                           "mask_dst": "sflow_245.nexthop.dst_mask"}),
    (1002, sflow.address("2001:db8::9") + numbers(32, 31), {"peer_ip_dst": "sflow_245.nexthop.v6", "mask_src": "sflow_245.nexthop.src_mask",
                                                           "mask_dst": "sflow_245.nexthop.dst_mask"}),
    (1003, sflow.address("192.0.2.253") + numbers(65000, 65001, 65002, 1, 2, 1, 65010, 0, 77),
     {"as_src": "sflow_245.srcAS", "peer_as_src": "sflow_245.peerAS", "as_dst": "sflow_245.dstAS", "local_pref": "sflow_245.localpref"}),
    (1006, sflow.address("192.0.2.1") + numbers(1, 100 << 12 | 0x100, 0), {"mpls_label_top": "sflow_245.extended_mpls.in_label"}),
    (1009, sflow.opaque(b"pw") + numbers(77, 5), {"mpls_pw_id": "sflow_5.extended_mpls_vc.id"}),
    (2, numbers(70) + b"\2\0\0\0\0\5\0\0" + b"\2\0\0\0\0\6\0\0" + numbers(0x806),
     {"bytes": "sflow_245.ethernet.length", "mac_src": "sflow_245.ethernet.source_mac_address", "mac_dst": "sflow_245.ethernet.destination_mac_address"}),
    (3, numbers(56, 17) + b"\x0a\0\0\1\x0a\0\0\2" + numbers(1000, 80, 0, 8),
     {"bytes": "sflow_245.ip.length", "ip_src": "sflow_245.ipv4_src", "ip_dst": "sflow_245.ipv4_dst", "port_src": "sflow_245.ip.source_port",
      "port_dst": "sflow.ip.destination_port"}),
    (4, numbers(76, 17) + bytes(range(32)) + numbers(1000, 80, 0, 8),
     {"bytes": "sflow_245.ip.length", "ip_src": "sflow_245.ipv6_src", "ip_dst": "sflow_245.ipv6_dst", "tos": "sflow_245.ipv6_priority"}),
)


def alike(ours, theirs):
    """Numbers in any base, text in any case."""
    with contextlib.suppress(ValueError):
        return int(theirs, 0) == int(ours)
    return str(ours).lower() == theirs.lower()


def test_tshark_flow_records(run):
    """Each record's values, as tshark reads them."""
    frame = frames(8)[-1]
    sent = [sflow.datagram([sflow.flow_sample(n, None if tag < 5 else frame, more=[(tag, body)])], sequence=n, agent="192.0.2.50")
            for n, (tag, body, _) in enumerate(FLOW_RECORDS, 1)]
    d, port = sfacctd(run, printer(run, "export_proto_seqno, in_vlan, out_vlan, cos, peer_dst_ip, src_mask, dst_mask, src_as, peer_src_as, dst_as, "
                                   "local_pref, mpls_label_top, mpls_pw_id, src_mac, dst_mac, src_host, dst_host, src_port, dst_port, tos")
                      + "\nuse_ip_next_hop: true")
    run.send(port, sent)
    d.stop()
    rows = {r["export_proto_seqno"]: r for r in run.rows("out.json")}
    for n, (tag, _, names) in enumerate(FLOW_RECORDS, 1):
        told = tshark_fields(run, [sent[n - 1]], *names.values())[0]
        for (member, field), value in zip(names.items(), told):
            value = str(int(value) >> 12) if field.endswith("_label") else value  # tshark shows the whole entry
            assert value and alike(rows[n][member], value), f"{tag}: {member} {rows[n][member]}, {field} {value}"


def test_tshark_counters(run):
    """Every counter that tshark knows: its name and its value are those in the log."""
    records = [(2, numbers(*range(1, 14))), (3, numbers(*range(1, 19))),
               (4, struct.pack("!IQIQIIIIIQIQQQ", *range(21, 35))), (5, struct.pack("!IQIIII", 100, 2**33, 3, 4, 5, 6)),
               (6, numbers(*range(41, 61))), (1001, struct.pack("!IIIQQ", 10, 20, 30, 2**34, 2**35)), (1002, numbers(7, 8, 9))]
    names = {"ifinoct": "ifInOctets", "ifoutoct": "ifOutOctets", "ifinpkt": "ifInUcastPkts", "ifoutpkt": "ifOutUcastPkts", "ifspeed": "ifSpeed",
             "iftype": "ifType", "ifindex": "ifIndex", "ifdirection": "ifDirection", "ifinmcast": "ifInMulticastPkts", "ifinerr": "ifInErrors",
             "ifoutdisc": "ifOutDiscards", "ifpromisc": "ifPromiscuousMode", "vlan_id": "vlan", "cpu_5s": "5s_cpu", "cpu_1m": "1m_cpu",
             "cpu_5m": "5m_cpu", "channel_busy_time": "on_channel_busy_time", "dot5StatsRecoveries": "dot5StatsRecoverys"}
    sent = [sflow.datagram([sflow.counter_sample(1, COUNTERS)], sequence=1)]
    sent += [sflow.datagram([sflow.counter_sample(n, None, more=[r])], sequence=n) for n, r in enumerate(records, 2)]
    d, port = sfacctd(run, printer(run, "src_host") + f"\nsfacctd_counter_file: {run.dir}/counters.json")
    run.send(port, sent)
    d.stop()
    logged = {r["sflow_cnt_seq"]: r for r in map(json.loads, (run.dir / "counters.json").read_text().splitlines()) if r["event_type"] == "log"}
    known = re.findall(r"^F\t[^\t]*\t(sflow_(?:245|5)\.\w+)\t", run.call(run.need("tshark"), "-G", "fields"), re.M)
    compared = 0
    for n, data in enumerate(sent, 1):
        for field, value in zip(known, tshark_fields(run, [data], *known)[0]):
            member = field.split(".")[1]
            member = names.get(member, member)
            if value and member in logged[n]:
                assert alike(logged[n][member], value.split(",")[0]), f"{field}: {value}, {member}: {logged[n][member]}"
                compared += 1
    assert compared >= 85, compared


# --- the sockets of both collectors

COLLECTORS = (("nfacctd", "NetFlow/IPFIX"), ("sfacctd", "sFlow"))


def v5(n=1):
    """NetFlow version 5, one flow of one packet and 100 octets."""
    head = struct.pack("!HHIIIIBBH", 5, 1, 1000, 1_700_000_000, 0, n, 0, 0, 0)
    return head + struct.pack("!4s4s4sHHIIIIHHBBBBHHBBH", b"\x0a\0\0\1", b"\x0a\0\0\2", b"\0" * 4, 1, 2, 1, 100, 0, 0, 1, 2, 0, 0, 17, 0, 0, 0, 0, 0, 0)


def one(program, n=1):
    return v5(n) if program == "nfacctd" else sflow.datagram([sflow.flow_sample(n, frames(1)[0])], sequence=n, agent="192.0.2.50")


def collector(run, program, word, config):
    d = run.daemon(program, config=f"daemonize: false\n{config}")
    d.wait_log(rf"waiting for {word} data")
    return d


def total(run, name="out.json"):
    return sum(r["packets"] for r in run.rows(name))


def test_shared_port(run):
    """Two daemons on one port (SO_REUSEPORT): each datagram goes to one of them."""
    for program, word in COLLECTORS:
        port = run.port()
        both = [collector(run, program, word, f"{program}_ip: 127.0.0.1\n{program}_port: {port}\n" + printer(run, "none", f"{program}{i}.json"))
                for i in range(2)]
        for n in range(60):  # another port each time: the kernel spreads by address and port
            run.send(port, [one(program, n + 1)])
        for d in both:
            d.stop()
        assert sum(total(run, f"{program}{i}.json") for i in range(2) if (run.dir / f"{program}{i}.json").exists()) == 60


def test_multicast(run):
    """Groups are joined: datagrams to them arrive; those to others do not."""
    run.need_root()
    run.ip("link", "set", "lo", "up")
    run.ip("link", "set", "lo", "multicast", "on")
    run.ip("route", "add", "224.0.0.0/4", "dev", "lo")
    for program, word in COLLECTORS:
        port = run.port()
        d = collector(run, program, word, f"{program}_ip: 0.0.0.0\n{program}_port: {port}\n{program}_mcast_groups: 239.1.2.3, 239.1.2.4\n"
                      + printer(run, "none"))
        groups = pathlib.Path("/proc/net/igmp").read_text()
        assert "030201EF" in groups and "040201EF" in groups, groups
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            for n, group in enumerate(("239.1.2.3", "239.1.2.4", "239.1.2.5")):
                s.sendto(one(program, n + 1), (group, port))
        run.drained(port)
        d.stop()
        assert total(run) == 2, program


def test_addresses(run):
    """All addresses of both families on one socket; IPv4 senders are IPv4; any source port is as good as another."""
    run.need_root()
    run.ip("link", "set", "lo", "up")
    for program, word in COLLECTORS:
        port = run.port()
        d = collector(run, program, word, f"{program}_port: {port}\n{program}_ignore_exporter_address: true\n" + printer(run, "peer_src_ip"))
        for family, to, source in ((socket.AF_INET, "127.0.0.1", ("127.0.0.9", 0)), (socket.AF_INET6, "::1", ("::1", 0)),
                                   (socket.AF_INET, "127.0.0.1", ("127.0.0.9", 7))):
            with socket.socket(family, socket.SOCK_DGRAM) as s:
                s.bind(source)
                s.sendto(one(program), (to, port))
        run.drained(port)
        d.stop()
        assert {r["peer_ip_src"]: r["packets"] for r in run.rows("out.json")} == {"127.0.0.9": 2, "::1": 1}, program


def test_bound_address(run):
    """*_ip: only what is sent to that address."""
    for program, word in COLLECTORS:
        port = run.port()
        d = collector(run, program, word, f"{program}_ip: 127.0.0.2\n{program}_port: {port}\n" + printer(run, "none"))
        run.send(port, [one(program)], to="127.0.0.2")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(one(program, 2), ("127.0.0.3", port))
        run.drained(port)
        d.stop()
        assert total(run) == 1


def test_interface(run):
    """*_interface: only what comes in there; *_ipv6_only: the wildcard of IPv6 takes no IPv4."""
    front = run.veth()
    run.ip("link", "set", "lo", "up")
    for program, word in COLLECTORS:
        port = run.port()
        d = run.daemon(program, config=f"daemonize: false\n{program}_port: {port}\n{program}_interface: v0\n" + printer(run, "none"))
        d.wait_log(rf"waiting for {word} data on interface=v0 ip=:: port={port}/udp")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(one(program), ("127.0.0.1", port))
        octets = run.dir / "datagram"
        octets.write_bytes(one(program, 2))
        run.call(*front, "python3", "-c", f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(open('{octets}', 'rb').read(), "
                 f"('192.0.2.1', {port}))")
        d.send_signal(signal.SIGUSR1)
        run.wait(lambda: d.send_signal(signal.SIGUSR1) or d.said("received_datagrams=1 "), "the datagram of the other host")
        d.stop()
        assert total(run) == 1, program
        d = collector(run, program, word, f"{program}_ip: ::\n{program}_port: {port}\n{program}_ipv6_only: true\n" + printer(run, "none"))
        for family, to in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family, socket.SOCK_DGRAM) as s:
                s.sendto(one(program), (to, port))
        run.drained(port)
        d.stop()
        assert total(run) == 1, program


def test_allow_list_of_networks(run):
    """Addresses and networks of both families; SIGUSR2 reads the list again."""
    run.need_root()
    run.ip("link", "set", "lo", "up")
    for program, word in COLLECTORS:
        allowed = run.write("allow", "! comment\n127.0.1.0/24\n127.0.2.2\n")
        port = run.port()
        d = collector(run, program, word, f"{program}_ip: 127.0.0.1\n{program}_port: {port}\n{program}_allow_file: {allowed}\n" + printer(run, "none"))
        for source in ("127.0.1.7", "127.0.2.2", "127.0.2.3", "127.0.3.1"):
            run.send(port, [one(program)], source=source)
        allowed.write_text("127.0.3.0/24\n")
        d.send_signal(signal.SIGUSR2)
        d.wait_log(r"map successfully \(re\)loaded")
        for source in ("127.0.1.7", "127.0.3.1"):
            run.send(port, [one(program, 2)], source=source)
        d.wait_counters(r"not_allowed=3 ")
        d.stop()
        assert total(run) == 3, program


def test_receive_buffer(run):
    """*_pipe_size: what was asked for and what the kernel gave is logged; more than it holds is counted as the kernel's drops."""
    for program, word in COLLECTORS:
        port = run.port()
        d = collector(run, program, word, f"{program}_ip: 127.0.0.1\n{program}_port: {port}\n{program}_pipe_size: 300000\n" + printer(run, "none"))
        found = d.wait_log(rf"{program}_pipe_size: obtained=(\d+) target=300000\.")
        assert int(found[1]) >= 300000
        d.send_signal(signal.SIGSTOP)
        sent = 3000
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for n in range(sent):
                s.sendto(one(program, n + 1), ("127.0.0.1", port))
        drops = run.socket_drops(port)
        assert drops > 0
        d.send_signal(signal.SIGCONT)
        run.drained(port)
        d.wait_log(rf"WARN .*the kernel dropped {drops} datagrams on 127\.0\.0\.1:{port} \({drops} since the start\)")
        d.wait_counters(rf"received_datagrams={sent - drops} dropped_by_kernel={drops}$")
        d.stop()
        assert total(run) == sent - drops
