# SPDX-License-Identifier: BSD-2-Clause
"""Maps in running daemons: tags, networks, lists, primitives of the site; wrong files at start and later."""
import os
import signal
import time

import mmdb
import netflow
import packets
import sflow

MEMORY = "plugins: memory[m]\nimt_path[m]: @DIR@/m.sock\n"
FIELDS = netflow.FIELDS_V4 + [(10, 4, "in")]


def by_tag(run):
    return {r["tag"]: r["packets"] for r in run.client_json("-s")}


def reload_maps(d, times):
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"\(re\)loading map\.", count=times)


def test_map_reload(run):
    """A new map holds at once, also for what the old one did not read; a wrong or missing one leaves the old in force."""
    path = run.write("t.map", "set_tag=1 in=1\nset_tag=2 ip=127.0.0.0/8\n")
    d, port = run.nfacctd(MEMORY + "aggregate: tag\npre_tag_map: @DIR@/t.map")
    now, sent = int(time.time()), {}
    sequence = iter(range(100))

    def send(tag, with_template=False, **given):
        if with_template:
            run.send(port, [netflow.message(9, [netflow.template_set(9, 256, FIELDS)], now, next(sequence))])
        run.send(port, [netflow.message(9, [netflow.data_set(256, FIELDS, [netflow.flow(**given)], now)], now, next(sequence))])
        sent[tag] = sent.get(tag, 0) + given["packets"]
        run.wait(lambda: by_tag(run) == sent, f"{sent}, there is {by_tag(run)}")

    send(1, with_template=True, packets=1, **{"in": 1})
    send(2, packets=2, **{"in": 9})
    # ports are not in the old plan of template 256, which is not sent again
    path.write_text("set_tag=5 src_port=4000\nset_tag=6\n")
    reload_maps(d, 2)
    d.wait_log(r"map successfully \(re\)loaded with 2 entries", count=2)
    send(5, packets=4, sport=4000)
    send(6, packets=8, sport=4001)
    path.write_text("set_tag=7\n!\nset_tag=8 src_prot=1\n")
    reload_maps(d, 3)
    line = d.wait_log(r"^WARN .*unknown key.*$")[0]
    assert "t.map:3]" in line and "was 'src_port' meant?" in line and "stays in force" in line, line
    send(5, packets=16, sport=4000)
    path.unlink()
    reload_maps(d, 4)
    d.wait_log(r"t\.map\] file not found")
    send(6, packets=32, sport=4001)
    d.stop()


def test_reload_aside(run):
    """While a map is loaded, for however long, datagrams are taken under the old one; then the new one holds."""
    path = run.write("nets", "64501,10.0.0.0/8\n")
    d, port = run.nfacctd(MEMORY + "aggregate: src_as\nnetworks_file: @DIR@/nets\nnfacctd_as: file")
    now, sent = int(time.time()), {}

    def count(number):
        run.send(port, netflow.export(9, [netflow.flow(packets=1)], now, with_template=not sent, sequence=2 * sum(sent.values())))
        sent[number] = sent.get(number, 0) + 1
        seen = lambda: {r["as_src"]: r["packets"] for r in run.client_json("-s")}
        run.wait(lambda: seen() == sent, f"{sent}, there is {seen()}")

    count(64501)
    path.unlink()
    os.mkfifo(path)
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"nets\] \(re\)loading map", count=2)
    for _ in range(3):
        count(64501)
    d.send_signal(signal.SIGUSR2)  # is heard, and waits for its turn
    with path.open("w") as f:
        f.write("64502,10.0.0.0/8\n")
        path.unlink()
        path.write_text("64503,10.0.0.0/8\n")
    d.wait_log(r"successfully \(re\)loaded with 1 entries", count=3)
    count(64503)
    os.remove(path)
    os.mkfifo(path)
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"nets\] \(re\)loading map", count=4)
    d.stop()  # and does not wait for what never comes


def test_signals_before_the_start_is_over(run):
    """While maps are read for the first time, for however long: what a signal asks for comes once the daemon runs."""
    os.mkfifo(run.dir / "nets")
    d, port = run.nfacctd(MEMORY + "aggregate: src_as\nnetworks_file: @DIR@/nets\nnfacctd_as: file\nlogfile: @DIR@/log", ready=False)
    with open(run.dir / "nets", "w", encoding="ascii") as f:  # opened by both: it reads the map
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            os.kill(d.pid, number)
        (run.dir / "nets").unlink()
        run.write("nets", "64502,10.0.0.0/8\n")
        f.write("64501,10.0.0.0/8\n")
    log = lambda: (run.dir / "log").read_text() if (run.dir / "log").exists() else ""
    run.wait(lambda: "NOTICE ( default/core ): ---" in log() and "(re)loaded" in log().split("---")[-1], "the answers")
    run.send(port, netflow.export(9, [netflow.flow(packets=1)], int(time.time())))
    run.wait(lambda: [r["as_src"] for r in run.client_json("-s")] == [64502], "the map that was asked for")
    d.stop()


def test_refresh_off(run):
    path = run.write("t.map", "set_tag=1\n")
    d, port = run.nfacctd(MEMORY + "aggregate: tag\npre_tag_map: @DIR@/t.map\nmaps_refresh: false")
    path.write_text("set_tag=2\n")
    d.send_signal(signal.SIGUSR2)
    d.send_signal(signal.SIGUSR1)  # once this has been answered, the other has been seen too
    d.wait_log(r"NOTICE.*---")
    run.send(port, netflow.v5([netflow.flow(packets=3)], int(time.time())))
    run.wait(lambda: by_tag(run) == {1: 3}, "the old map")
    d.stop()


def test_wrong_maps_at_start(run):
    """Each kind of map file, missing and wrong: file, line and why, and exit 1 before anything starts."""
    wrong = {
        "pre_tag_map": ("!\nset_tag=x\n", ":2] bad 'set_tag' value: 'x'"),
        "sampling_map": ("id=5\n", ":1] required key missing. Required keys are: 'id', 'ip'"),
        "flow_to_rd_map": ("id=1 foo=2\n", ":1] unknown key 'foo'"),
        "networks_file": ("10.0.0.0/8\n10.0.0.0\n", ":2] Missing '/' separator"),
        "ports_file": ("80\nhttp\n", ":2] invalid port specified: 'http'"),
        "protos_file": ("tcpp\n", ":1] invalid protocol specified: 'tcpp'"),
        "tos_file": ("256\n", ":1] invalid tos specified: '256'"),
        "aggregate_primitives": ("name=a len=4\n", ":1] Invalid entry: name=a"),
    }
    for key, (text, said) in wrong.items():
        run.write("bad.map", text)
        for value, words in ((run.dir / "bad.map", f"bad.map{said}"), (run.dir / "none.map", "none.map")):
            conf = run.config(f"plugins: print\n{key}: {value}\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {run.port()}\n")
            for flags in ([], ["--check-config"]):
                run.run_program("nfacctd", "-f", conf, *flags, expect=1)
                assert words in run.stderr and key in run.stderr, (key, run.stderr)


def test_maps_of_plugins(run):
    """Each plugin has maps of its own, on the same flows."""
    run.write("one.map", "set_tag=1 src_net=10.0.0.0/24\nset_label=rest\n")
    run.write("two.map", "set_tag=2 filter='tcp dst port 443'\n")
    run.write("nets", "64501,10.0.0.0/30\n64502,10.0.0.0/8\n192.0.2.99,64600_64503,192.0.2.0/24\n")
    run.write("ports", "443\n")
    d, port = run.nfacctd("""
        plugins: print[a], print[b], print[c], print[d]
        print_output: json
        print_refresh_time: 600
        aggregate[a]: tag, label
        pre_tag_map[a]: @DIR@/one.map
        print_output_file[a]: @DIR@/a.json
        aggregate[b]: tag
        pre_tag_map[b]: @DIR@/two.map
        pre_tag_filter[b]: 2
        print_output_file[b]: @DIR@/b.json
        nfacctd_as: file
        nfacctd_net[c]: file
        networks_file: @DIR@/nets
        aggregate[c]: src_as, src_net, src_mask, dst_as, peer_dst_as, peer_dst_ip
        print_output_file[c]: @DIR@/c.json
        aggregate[d]: src_port, dst_port
        ports_file[d]: @DIR@/ports
        print_output_file[d]: @DIR@/d.json""")
    made = [netflow.flow(src="10.0.0.1", packets=1, src_as=7), netflow.flow(src="10.0.1.1", packets=2, dport=80)]
    run.send(port, netflow.v5(made, int(time.time())))
    d.stop()
    assert sorted((r["tag"], r["label"], r["packets"]) for r in run.rows("a.json")) == [(0, "rest", 2), (1, "", 1)]
    assert [(r["tag"], r["packets"]) for r in run.rows("b.json")] == [(2, 1)]
    want = [(64501, "10.0.0.0", 30, 64503, 64600, "192.0.2.99", 1), (64502, "10.0.0.0", 8, 64503, 64600, "192.0.2.99", 2)]
    rows = [tuple(r[k] for k in ("as_src", "net_src", "mask_src", "as_dst", "peer_as_dst", "peer_ip_dst", "packets"))
            for r in run.rows("c.json")]
    assert sorted(rows) == want, rows
    assert sorted((r["port_src"], r["port_dst"], r["packets"]) for r in run.rows("d.json")) == [(0, 0, 2), (0, 443, 1)]


def test_sampling_map(run):
    run.write("s.map", "id=10 ip=127.0.0.1 in=1\nid=100 ip=127.0.0.2\n")
    d, port = run.nfacctd("""
        plugins: print[a]
        aggregate: peer_src_ip, in_iface, sampling_rate
        print_output: json
        print_output_file: @DIR@/a.json
        print_refresh_time: 600
        nfacctd_renormalize: true
        sampling_map: @DIR@/s.map""")
    made = [netflow.flow(packets=1, bytes=10, **{"in": 1}), netflow.flow(packets=1, bytes=10, **{"in": 2})]
    run.send(port, netflow.v5(made, int(time.time()), sampling=0x4000 | 7))
    run.send(port, netflow.v5(made[1:], int(time.time())), source="127.0.0.2")
    d.stop()
    rows = sorted((r["peer_ip_src"], r["iface_in"], r["packets"], r["bytes"]) for r in run.rows("a.json"))
    assert rows == [("127.0.0.1", 1, 10, 100), ("127.0.0.1", 2, 7, 70), ("127.0.0.2", 2, 100, 1000)], rows


def test_rd_map(run):
    run.write("r.map", "id=0:64500:40 in=1 ip=127.0.0.1\nid=1:192.0.2.1:7 mpls_vpn_id=9\n")
    fields = FIELDS + [(234, 4, "vrf")]
    d, port = run.nfacctd("""
        plugins: print[a]
        aggregate: mpls_vpn_rd
        print_output: json
        print_output_file: @DIR@/a.json
        print_refresh_time: 600
        flow_to_rd_map: @DIR@/r.map""")
    made = [netflow.flow(packets=1, vrf=5, **{"in": 1}), netflow.flow(packets=2, vrf=9), netflow.flow(packets=4, vrf=5)]
    run.send(port, netflow.export(10, made, int(time.time()), fields=fields))
    d.stop()
    rows = sorted((r["packets"], r["mpls_vpn_rd"]) for r in run.rows("a.json"))
    assert rows == [(1, "0:64500:40"), (2, "1:192.0.2.1:7"), (4, "vrfid:5")], rows


def test_own_primitives(run):
    """Through aggregation, JSON, CSV, SQLite and the memory table."""
    run.write("p.lst", "name=Vrf len=4 semantics=u_int field_type=234\nname=tag1 len=2 semantics=hex field_type=9999:1\n"
                       "name=hop len=4 semantics=ip field_type=15\nname=hop2 len=4 semantics=ip field_type=15\n"
                       "name=wrong_len len=2 semantics=u_int field_type=5\n")
    fields = FIELDS + [(234, 4, "vrf"), ((1, 9999), 2, "own"), (15, 4, "hop"), (15, 4, "hop2")]
    d, port = run.nfacctd("""
        aggregate_primitives: @DIR@/p.lst
        aggregate: vrf, tag1, hop, hop2, wrong_len
        plugins: print[j], print[c], memory[m], sqlite3[s]
        imt_path[m]: @DIR@/m.sock
        print_refresh_time: 600
        print_output[j]: json
        print_output_file[j]: @DIR@/j.json
        print_output[c]: csv
        print_output_file[c]: @DIR@/c.csv
        sql_db[s]: @DIR@/s.db
        sql_table[s]: acct
        sql_optimize_clauses[s]: true
        sql_refresh_time[s]: 600""")
    run.sql("s.db", "CREATE TABLE acct (vrf INT, tag1 TEXT, hop TEXT, hop2 TEXT, wrong_len INT, packets INT, bytes INT)")
    one = dict(vrf=70000, own=0x00BE, hop="192.0.2.1", hop2="192.0.2.2", bytes=5)
    made = [netflow.flow(packets=1, **one), netflow.flow(packets=2, **one), netflow.flow(packets=4, **dict(one, vrf=1))]
    run.send(port, netflow.export(10, made, int(time.time()), fields=fields))
    run.wait(lambda: sum(r["packets"] for r in run.client_json("-s")) == 7, "the flows to be in memory")
    table = sorted((r["packets"], r["vrf"], r["tag1"], r["hop"], r["hop2"], r["wrong_len"]) for r in run.client_json("-s"))
    want = [(3, "70000", "be", "192.0.2.1", "192.0.2.2", "0"), (4, "1", "be", "192.0.2.1", "192.0.2.2", "0")]
    assert table == want, table
    listed = [line.split()[:2] for line in run.client("-U", expect=1).splitlines()]
    assert listed[0] == ["NAME", "LEN"] and sorted(listed[1:]) == [["hop", "4"], ["hop2", "4"], ["tag1", "2"], ["vrf", "4"], ["wrong_len", "2"]], listed
    d.stop()
    rows = sorted((r["packets"], r["vrf"], r["tag1"], r["hop"], r["hop2"], r["wrong_len"]) for r in run.rows("j.json"))
    assert rows == want, rows
    lines = sorted((run.dir / "c.csv").read_text().splitlines())
    assert lines == ["1,be,192.0.2.1,192.0.2.2,0,4,5", "70000,be,192.0.2.1,192.0.2.2,0,3,10",
                     "vrf,tag1,hop,hop2,wrong_len,PACKETS,BYTES"], lines
    stored = sorted(run.sql("s.db", "SELECT packets, vrf, tag1, hop, hop2 FROM acct"))
    assert stored == [(3, 70000, "be", "192.0.2.1", "192.0.2.2"), (4, 1, "be", "192.0.2.1", "192.0.2.2")], stored


def test_stitching(run):
    """The first start and the last end of each aggregate; also of what comes without times."""
    d, port = run.nfacctd("""
        plugins: print[a]
        aggregate: src_host
        nfacctd_stitching: true
        print_output: json
        timestamps_since_epoch: true
        print_output_file: @DIR@/a.json
        print_refresh_time: 600""")
    now = int(time.time()) - 1000
    made = [netflow.flow(src="10.0.0.1", packets=n, start_ms=(now + a) * 1000, end_ms=(now + b) * 1000)
            for n, a, b in ((1, 10, 20), (2, 5, 7), (4, 15, 30))]
    run.send(port, netflow.export(10, made, now, fields=netflow.FIELDS_MS))
    d.stop()
    rows = [(r["packets"], float(r["timestamp_min"]) - now, float(r["timestamp_max"]) - now) for r in run.rows("a.json")]
    assert rows == [(7, 5.0, 30.0)], rows


def test_pro_rating(run):
    d, port = run.nfacctd("""
        plugins: print[a]
        aggregate: src_host
        nfacctd_pro_rating: true
        print_history: 1m
        print_history_roundoff: m
        print_output: json
        timestamps_since_epoch: true
        print_output_file: @DIR@/a.json
        print_refresh_time: 600""")
    now = int(time.time()) // 60 * 60 - 600
    made = [netflow.flow(packets=12, bytes=1200, start_ms=(now + 30) * 1000, end_ms=(now + 150) * 1000)]
    run.send(port, netflow.export(10, made, now + 200, fields=netflow.FIELDS_MS))
    d.stop()
    rows = sorted((int(float(r["stamp_inserted"])) - now, r["packets"], r["bytes"]) for r in run.rows("a.json"))
    assert rows == [(0, 3, 300), (60, 6, 600), (120, 3, 300)], rows


def test_stitching_and_pro_rating(run):
    conf = run.config("plugins: print\nnfacctd_pro_rating: true\nnfacctd_stitching: true\nprint_history: 1m\n")
    run.run_program("nfacctd", "-f", conf, "--check-config", expect=1)
    assert "are mutual exclusive" in run.stderr, run.stderr


def test_packet_primitives(run):
    """Octets of packets, a map and networks in pmacctd, from a capture file."""
    run.write("p.lst", "name=ttl len=1 semantics=u_int packet_ptr=l3:0x0800+8\nname=word len=vlen semantics=str packet_ptr=payload\n")
    run.write("t.map", "set_tag=7 dst_port=53\nset_tag=8 filter='tcp'\nset_tag=9 src_net=10.0.0.2/32\n")
    run.write("nets", "64500,10.0.0.0/8\n")
    frames = [(1700000000_000000, packets.ether(packets.ip("10.0.0.1", "192.0.2.1", 17, packets.udp(4000, 53, b"hello\0x"), ttl=9))),
              (1700000001_000000, packets.ether(packets.ip("10.0.0.2", "192.0.2.1", 17, b"x" * 64, fragment=8, ttl=33))),
              (1700000002_000000, packets.ether(packets.ip("10.0.0.1", "192.0.2.1", 6, packets.tcp(4000, 80))))]
    packets.pcap(run.dir / "in.pcap", frames)
    d = run.daemon("pmacctd", config="""
        plugins: print[a]
        pcap_savefile: @DIR@/in.pcap
        aggregate_primitives: @DIR@/p.lst
        pre_tag_map: @DIR@/t.map
        networks_file: @DIR@/nets
        aggregate: tag, src_as, src_net, ttl, word
        print_output: json
        print_output_file: @DIR@/a.json
        print_refresh_time: 600""")
    assert d.wait() == 0
    rows = sorted((r["tag"], r["as_src"], r["net_src"], r["ttl"], r["word"]) for r in run.rows("a.json"))
    assert rows == [(7, 64500, "10.0.0.0", "9", "hello"), (8, 64500, "10.0.0.0", "64", ""),
                    (9, 64500, "10.0.0.0", "0", "")], rows  # of a fragment whose first one never came, the sum is all that was kept


def test_geoip(run):
    """Countries, postal codes and coordinates of both hosts and families, and another database on SIGUSR2."""
    if "maxminddb" not in run.run_program("nfacctd", "-V", expect=None):
        run.skip("a build without libmaxminddb")
    zurich = {"country": {"iso_code": "CH"}, "postal": {"code": "8001"}, "location": {"latitude": 47.5, "longitude": 8.25}}
    networks = {"10.0.0.0/24": zurich, "192.0.2.0/24": {"country": {"iso_code": "US"}}, "2001:db8::/32": {"country": {"iso_code": "JP"}}}
    mmdb.write(run.dir / "g.mmdb", networks)
    d, port = run.nfacctd("""
        plugins: print[a], memory[m]
        imt_path[m]: @DIR@/m.sock
        aggregate[m]: src_host_country
        aggregate[a]: src_host_country, dst_host_country, src_host_pocode, src_host_coords
        geoipv2_file: @DIR@/g.mmdb
        print_output: csv
        print_output_file: @DIR@/a.csv
        print_refresh_time: 600""")
    now = int(time.time())
    run.send(port, netflow.export(10, [netflow.flow(src="10.0.0.1"), netflow.flow(src="10.1.0.1")], now))
    run.send(port, netflow.export(10, [netflow.flow(src="2001:db8::1", dst="2001:db9::1")], now, fields=netflow.FIELDS_V6, template=257))
    seen = lambda: sorted((r["country_ip_src"], r["packets"]) for r in run.client_json("-s"))
    run.wait(lambda: seen() == [("", 1), ("CH", 1), ("JP", 1)], f"the countries, there is {seen()}")
    mmdb.write(run.dir / "new.mmdb", {"10.0.0.0/24": {"country": {"iso_code": "FR"}}}, version=4)
    (run.dir / "new.mmdb").rename(run.dir / "g.mmdb")
    reload_maps(d, 2)
    run.send(port, netflow.export(10, [netflow.flow(src="10.0.0.1", packets=5)], now, with_template=False))
    run.wait(lambda: ("FR", 5) in seen(), f"the new database, there is {seen()}")
    (run.dir / "g.mmdb").write_text("no database")
    reload_maps(d, 3)
    d.wait_log(r"is no MaxMind database.*stays in force")
    d.stop()
    rows = sorted(line.split(",")[:5] for line in (run.dir / "a.csv").read_text().splitlines()[1:])
    assert ["CH", "US", "8001", "47.500000", "8.250000"] in rows and ["JP", "", "", "0.000000", "0.000000"] in rows, rows


def test_sflow_map_reload(run):
    """sfacctd: the agent as exporter, interfaces, sampling_map; then a map that asks for ports, which nothing read before."""
    path = run.write("t.map", "set_tag=1 ip=192.0.2.9 in=1\n")
    run.write("s.map", "id=10 ip=192.0.2.9\n")
    port = run.port()
    d = run.daemon("sfacctd", config=MEMORY + f"""
        aggregate: tag
        pre_tag_map: @DIR@/t.map
        sampling_map: @DIR@/s.map
        sfacctd_renormalize: true
        sfacctd_ip: 127.0.0.1
        sfacctd_port: {port}""")
    d.wait_log(r"waiting for sFlow data")

    def send(n, dport):
        frame = packets.ether(packets.ip("10.0.0.1", "192.0.2.1", 17, packets.udp(4000, dport, b"x" * 50)))
        run.send(port, [sflow.datagram([sflow.flow_sample(n, frame)], sequence=n)])

    send(1, 53)
    run.wait(lambda: by_tag(run) == {1: 10}, f"tag 1, there is {by_tag(run)}")
    path.write_text("set_tag=2 dst_port=53\nset_tag=3 sample_type=0:1\n")
    reload_maps(d, 4)
    send(2, 53)
    send(3, 80)
    run.wait(lambda: by_tag(run) == {1: 10, 2: 10, 3: 10}, f"tags 2 and 3, there is {by_tag(run)}")
    d.stop()


def test_variable_primitives_in_a_table(run):
    run.write("p.lst", "name=word len=vlen semantics=str field_type=82\n")
    conf = run.config("plugins: print\naggregate_primitives: @DIR@/p.lst\naggregate: word\n")
    run.run_program("nfacctd", "-f", conf, "--check-config", expect=1)
    assert "'word' is of variable length" in run.stderr, run.stderr
