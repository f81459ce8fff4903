# SPDX-License-Identifier: BSD-2-Clause
"""core_workers: several threads read a port, each exporter's datagrams one of them; whatever the number, records in are records out."""
import os
import re
import signal
import socket
import struct
import threading
import time

import netflow
import servers
import sflow
from bgp import Speaker, announcements, attributes
from test_ledger import check, generate, ledger

PRINT = """
    plugins: print[p]
    aggregate[p]: src_host, dst_host, src_port, dst_port, proto, peer_src_ip
    print_output[p]: json
    print_output_file[p]: @DIR@/out.json
    print_refresh_time: 600
    """


def blocks(d):
    return len(re.findall(r"^NOTICE \( default/core \): ---$", d.text(), re.M))


def quiet(run, d):
    """The ledger once plugins have taken everything."""
    led = {}

    def done():
        led.update(ledger(run, d, blocks(d)))
        return all(rows["taken"] == rows["handed_over"] for rows in led["plugins"].values())

    run.wait(done, "the plugins to have taken everything", 30)
    return led


def by_worker(d):
    """{worker: datagrams} of the last statistics."""
    return {int(w): int(n) for w, n in re.findall(r"worker=(\d+) received_datagrams=(\d+)", d.statistics())}


def sums(rows, key):
    found = {}
    for r in rows:
        p, b = found.get(r[key], (0, 0))
        found[r[key]] = (p + r["packets"], b + r["bytes"])
    return found


def test_exact(run):
    """One, two and four workers: the same load of 40 exporters gives the same sums, to the octet; loads of several senders at once."""
    seen = {}
    for workers in (1, 2, 4):
        d, port = run.nfacctd(f"{PRINT}\ncore_workers: {workers}")
        assert (workers == 1) == (not d.said(rf"core_workers: {workers} threads read it")), d.text()
        sent = {}
        for turn, proto in enumerate(("v9", "v5", "ipfix")):
            for key, n in generate(run, port, "-p", proto, "-c", "10000", "-k", "500", "-C", "-x", "40", "-s", str(turn)).items():
                sent[key] = sent.get(key, 0) + n
        led = quiet(run, d)
        assert check(led, sent) == sent["records"]
        parts = by_worker(d)
        assert len(parts) == (workers if workers > 1 else 0) and sum(parts.values()) in (0, sent["datagrams"]) and 0 not in parts.values(), parts
        d.stop()
        rows = run.rows("out.json")
        (run.dir / "out.json").unlink()
        assert sum(r["packets"] for r in rows) == sent["packets"] and sum(r["bytes"] for r in rows) == sent["octets"], (workers, sent)
        seen[workers] = (len(led["exporters"]), sum(x["records"] for x in led["exporters"]), sums(rows, "ip_src"), sums(rows, "peer_ip_src"))
    assert seen[1] == seen[2] == seen[4]


def test_ports_of_an_exporter(run):
    """Templates and sampling options that come from one port are there for what comes from another, and for no other exporter."""
    d, port = run.nfacctd(f"{PRINT}\nnfacctd_renormalize: true\ncore_workers: 4")
    now = int(time.time())
    addresses = [f"127.0.1.{n}" for n in range(1, 17)]
    fields = [(34, 4, "rate")]
    for n, source in enumerate(addresses, 1):
        options = [netflow.template_set(9, 300, [(1, 4, "none")] + fields, scope=1),
                   netflow.raw_set(300, struct.pack("!II", 0, n))]
        run.send(port, [netflow.message(9, [netflow.template_set(9, 256, netflow.FIELDS_V4)], now, 0), netflow.message(9, options, now, 1)], source)
    for n, source in enumerate(addresses, 1):
        for k in range(3):  # each from another port
            flow = netflow.flow(k, packets=1, bytes=100)
            run.send(port, [netflow.message(9, [netflow.data_set(256, netflow.FIELDS_V4, [flow], now)], now, 2 + k)], source)
    led = quiet(run, d)
    assert len(led["exporters"]) == len(addresses) and sum(x["seq_lost"] for x in led["exporters"]) == 0, led["exporters"]
    assert len(by_worker(d)) == 4 and min(by_worker(d).values()) > 0, by_worker(d)
    d.stop()
    assert sums(run.rows("out.json"), "peer_ip_src") == {a: (3 * n, 300 * n) for n, a in enumerate(addresses, 1)}


def test_reload_and_kill(run):
    """Amid traffic: the allow list and a map are read anew, statistics are asked for, the plugin is killed. What is lost is known."""
    run.write("allow.lst", "127.0.0.0/8\n")
    run.write("tags.map", "set_tag=1 ip=0.0.0.0/0\n")
    d, port = run.nfacctd("""
        plugins: print[p]
        aggregate[p]: tag, peer_src_ip
        print_output[p]: json
        print_output_file[p]: @DIR@/out.json
        print_refresh_time: 600
        core_workers: 4
        nfacctd_allow_file: @DIR@/allow.lst
        pre_tag_map: @DIR@/tags.map
        """)
    count, sent = 100000 if run.sanitized else 300000, {}
    traffic = threading.Thread(target=lambda: sent.update(generate(run, port, "-p", "v9", "-c", str(count), "-k", "300", "-r", str(count // 4), "-x", "32")))
    traffic.start()
    for turn in range(2, 6):
        run.write("tags.map", f"set_tag={turn} ip=0.0.0.0/0\n")
        d.send_signal(signal.SIGUSR2)
        d.wait_log(r"tags\.map\] map successfully \(re\)loaded", count=turn)
        d.wait_log(r"allow\.lst\] map successfully \(re\)loaded", count=turn - 1)
        ledger(run, d, blocks(d))
        if turn == 3:
            os.kill(d.child("Print Plugin"), signal.SIGKILL)
            d.wait_log(r"killed by signal 9|lost_with|was lost")
    traffic.join()
    led = quiet(run, d)
    lost = led["plugins"]["p"].pop("lost_with_plugin", {"packets": 0})["packets"]  # of what was handed over
    assert check(led, sent) == sent["records"]
    run.write("allow.lst", "192.0.2.1\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"allow\.lst\] map successfully \(re\)loaded", count=5)
    generate(run, port, "-p", "v9", "-c", "1000", "-k", "10", "-C", "-x", "32")
    ledger(run, d, blocks(d))
    assert re.search(r"refused.* not_allowed=[1-9]", d.text()), d.text()
    d.stop()
    rows = run.rows("out.json")
    assert sum(r["packets"] for r in rows) == sent["packets"] - lost and {r["tag"] for r in rows} <= set(range(1, 6)), (lost, sent)
    assert max(r["tag"] for r in rows) == 5, rows


def test_templates_kept(run):
    """Templates of all workers are one file; another number of workers reads each to where its exporter's data will come."""
    now, addresses = int(time.time()), [f"127.0.2.{n}" for n in range(1, 13)]
    keep = "nfacctd_templates_file: @DIR@/keep.json\n"
    for turn, workers in enumerate((2, 4, 1)):
        d, port = run.nfacctd(f"{PRINT}\n{keep}core_workers: {workers}")
        if turn:
            d.wait_log(rf"keep\.json\] {len(addresses)} templates read, 0 lines ignored")
        for n, source in enumerate(addresses):
            run.send(port, list(netflow.export(9, [netflow.flow(n, packets=1 + n)], now, sequence=2 * turn, with_template=turn == 0)), source)
        d.stop()
        assert sums(run.rows("out.json"), "peer_ip_src") == {a: (1 + n, 100 + n) for n, a in enumerate(addresses)}, workers
        (run.dir / "out.json").unlink()
        assert len((run.dir / "keep.json").read_text().splitlines()) == len(addresses)


def test_routes(run):
    """Workers look routes up while sessions change them."""
    bgp_port = run.port()
    d, port = run.nfacctd(f"""
        plugins: print[p]
        aggregate[p]: dst_as, peer_src_ip
        print_output[p]: json
        print_output_file[p]: @DIR@/out.json
        print_refresh_time: 600
        core_workers: 4
        bgp_daemon: true
        bgp_daemon_ip: 127.0.0.1
        bgp_daemon_port: {bgp_port}
        bgp_daemon_max_peers: 10
        nfacctd_as: bgp
        bgp_agent_map: {run.write("agents.map", "bgp_ip=127.0.0.2 ip=0.0.0.0/0")}
        """)
    d.wait_log("waiting for BGP data")
    peer = Speaker(run, bgp_port, "127.0.0.2").meet()
    done = threading.Event()

    def flap():
        while not done.is_set():
            peer.send(announcements(("192.0.2.0/24",), attributes(path=(65001, 65010))))
            peer.send(announcements(("192.0.2.0/25", "192.0.2.128/25"), attributes(path=(65001, 65011))))

    flapping = threading.Thread(target=flap)
    flapping.start()
    try:
        sent = generate(run, port, "-p", "ipfix", "-c", "40000", "-k", "1000", "-C", "-x", "32")
        quiet(run, d)
    finally:
        done.set()
        flapping.join()
    sent_2 = generate(run, port, "-p", "ipfix", "-c", "4000", "-k", "1000", "-C", "-x", "32")
    led = quiet(run, d)
    assert check(led, {k: sent[k] + sent_2[k] for k in sent}) == sent["records"] + sent_2["records"]
    peer.close()
    d.stop()
    rows = run.rows("out.json")
    assert sum(r["packets"] for r in rows) == sent["packets"] + sent_2["packets"]
    assert {r["as_dst"] for r in rows} <= {0, 65010, 65011} and 65011 in {r["as_dst"] for r in rows}, rows


def test_sflow(run):
    """sfacctd: samples exact, the counters of all workers' agents in one log."""
    port = run.port()
    d = run.daemon("sfacctd", config=f"""
        {PRINT}
        sfacctd_ip: 127.0.0.1
        sfacctd_port: {port}
        core_workers: 4
        sfacctd_counter_file: @DIR@/counters.json
        """)
    d.wait_log(r"core_workers: 4 threads read it")
    sent = generate(run, port, "-p", "sflow", "-c", "12000", "-k", "300", "-C", "-x", "20")
    values = (1, 6, 10**9, 1, 3, *range(14))
    counters, agents = 5, [f"127.0.3.{n}" for n in range(1, 21)]
    for agent in agents:
        run.send(port, [sflow.datagram([sflow.counter_sample(n, values)], sequence=n, agent=agent) for n in range(1, counters + 1)], agent)
    led = ledger(run, d, blocks(d))
    run.wait(lambda: ledger(run, d, blocks(d))["plugins"]["p"]["taken"]["records"] == sent["records"], "all to be taken")
    assert len(by_worker(d)) == 4 and sum(by_worker(d).values()) == sent["datagrams"] + counters * len(agents), by_worker(d)
    assert sum(x["packets"] for x in led["exporters"]) == sent["datagrams"] + counters * len(agents)
    d.stop()
    rows = run.rows("out.json")
    assert sum(r["packets"] for r in rows) == sent["packets"] and sum(r["bytes"] for r in rows) == sent["octets"], sent
    lines = [r for r in run.rows("counters.json") if r["event_type"] == "log"]
    assert sorted((r["peer_ip_src"], r["sflow_seq"]) for r in lines) == sorted((a, n) for a in agents for n in range(1, counters + 1))
    assert sorted(r["seq"] for r in run.rows("counters.json")) == list(range((counters + 1) * len(agents)))


def test_multicast_and_broadcast(run):
    """Of what is sent to many, one worker takes the one copy that counts."""
    run.need_root()
    far = run.veth()
    port = run.port()
    d = run.daemon("nfacctd", config=f"{PRINT}\nnfacctd_port: {port}\ncore_workers: 4\nnfacctd_mcast_groups: 239.1.1.1\nnfacctd_interface: v0")
    d.wait_log(r"core_workers: 4 threads")
    now, script = int(time.time()), run.write("send.py", "import socket, sys\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n"
        "s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('192.0.2.2'))\n"
        "for to in ('192.0.2.1', '239.1.1.1', '192.0.2.255'):\n"
        "    for line in open(sys.argv[2]):\n"
        "        s.sendto(bytes.fromhex(line), (to, int(sys.argv[1])))\n")
    datagrams = list(netflow.export(9, netflow.flows(40), now))
    run.call(*far, "python3", script, port, run.write("datagrams", "".join(x.hex() + "\n" for x in datagrams)))
    run.wait(lambda: ledger(run, d, blocks(d))["socket"]["received_datagrams"] >= 3 * len(datagrams), "the datagrams")
    d.stop()
    want = netflow.totals(netflow.flows(40))
    rows = run.rows("out.json")
    # The broadcasts come to the first worker, where the sender's template is not, unless that is its own.
    assert sum(r["bytes"] for r in rows) in (2 * want["bytes"], 3 * want["bytes"]), (rows, want)


def ends(d):
    return re.findall(r"Purging cache - END \(PID: \d+, QN: (\d+)/(\d+)", d.text())


def test_plugin_workers(run):
    """Threads that share the keys of a plugin among them: each purge is one batch with the rows that one thread would have had."""
    seen = {}
    for core, threads in ((1, 1), (2, 3)):
        d, port = run.nfacctd(f"""
            plugins: print[p], sqlite3[s], memory[m]
            aggregate: src_host, dst_host, src_port, dst_port, proto
            print_output[p]: json
            print_output_file[p]: @DIR@/out.json
            print_refresh_time: 600
            print_history: 1h
            print_markers: true
            sql_db[s]: @DIR@/s.db
            sql_table[s]: acct
            sql_table_schema[s]: {run.write("schema.sql", "CREATE TABLE acct (ip_src TEXT, ip_dst TEXT, src_port INT, dst_port INT, ip_proto TEXT, packets INT, bytes INT, stamp_inserted TEXT, stamp_updated TEXT)")}
            sql_refresh_time: 600
            sql_optimize_clauses: true
            sql_dont_try_update: true
            imt_path[m]: @DIR@/m.sock
            core_workers: {core}
            plugin_workers: {threads}
            """)
        if threads > 1:
            d.wait_log(r"WARN \( m/memory \): plugin_workers: one thread does what this type of plugin does")
        sent = generate(run, port, "-p", "v9", "-c", "30000", "-k", "6000", "-C", "-x", "16", "-s", "7")
        assert check(quiet(run, d), sent) == sent["records"]
        d.stop()
        rows = run.rows("out.json")
        names = ("ip_src", "ip_dst", "port_src", "port_dst", "ip_proto")
        in_db = run.sql("s.db", "SELECT sum(packets), sum(bytes), count(*), count(DISTINCT ip_src || ip_dst || src_port || dst_port || ip_proto) FROM acct")[0]
        assert in_db[:2] == (sent["packets"], sent["octets"]) and in_db[2] == in_db[3], (in_db, sent)
        assert len(ends(d)) == 2 and len({end for end in ends(d)}) == 1, ends(d)
        keys = {tuple(r[n] for n in names): (r["packets"], r["bytes"]) for r in rows}
        assert len(keys) == len(rows) == in_db[2], (len(keys), len(rows), in_db)
        seen[core, threads] = keys
        for name in ("out.json", "s.db", "m.sock"):
            (run.dir / name).unlink(missing_ok=True)
    assert all(keys == seen[1, 1] for keys in seen.values())


def test_plugin_workers_purges(run):
    """Purges while records come, the plugin killed between two: rows of all purges, and what is said to be lost, are what was sent."""
    d, port = run.nfacctd("""
        plugins: print[p]
        aggregate[p]: src_host, dst_host, src_port
        print_output[p]: csv
        print_output_file[p]: @DIR@/out.csv
        print_output_file_append[p]: true
        print_refresh_time: 1
        print_history: 1m
        core_workers: 2
        plugin_workers: 3
        """)
    count, sent = 60000 if run.sanitized else 200000, {}
    traffic = threading.Thread(target=lambda: sent.update(generate(run, port, "-p", "ipfix", "-c", str(count), "-k", "20000", "-r", str(count // 4), "-x", "16")))
    traffic.start()
    run.wait(lambda: len(ends(d)) >= 2, "two purges", 20)
    os.kill(d.child("Print Plugin"), signal.SIGKILL)
    traffic.join()
    led = quiet(run, d)
    lost = led["plugins"]["p"].pop("lost_with_plugin", {"packets": 0, "bytes": 0})
    assert check(led, sent) == sent["records"]
    d.stop()
    packets = octets = 0
    for line in (run.dir / "out.csv").read_text().splitlines():
        if line[:1].isdigit():
            words = line.split(",")
            packets, octets = packets + int(words[-2]), octets + int(words[-1])
    # A purge that was being written when the plugin was killed is lost to the ledger, though not to the file.
    assert sent["packets"] - lost["packets"] <= packets <= sent["packets"], (packets, sent, lost)
    if packets == sent["packets"] - lost["packets"]:
        assert octets == sent["octets"] - lost["bytes"], (octets, sent, lost)


def test_plugin_workers_kafka(run):
    """Messages of three threads' rows: each row once, between one pair of markers."""
    cluster = servers.kafka(run, "acct")
    d, port = run.nfacctd(f"""
        plugins: kafka[k]
        aggregate: src_host, dst_host, src_port, dst_port, proto
        kafka_refresh_time: 3600
        kafka_broker_host: {cluster.broker}
        kafka_topic: acct
        kafka_markers: true
        plugin_workers: 3
        spool_dir: @DIR@/spool
        """)
    flows = netflow.flows(900)
    run.send(port, netflow.export(9, flows, int(time.time())))
    d.stop()
    rows = cluster.rows("acct")
    data = [r for r in rows if r["event_type"] == "purge"]
    want = netflow.totals(flows)
    assert (len(data), sum(r["packets"] for r in data), sum(r["bytes"] for r in data)) == (want["flows"], want["packets"], want["bytes"])
    assert [(r["purged_entries"], r["total_entries"]) for r in rows if r["event_type"] == "purge_close"] == [(900, 900)]


def test_many_exporters(run):
    """Six hundred exporters with three templates each: every record by the template of its own exporter. Beyond a bound those go that are silent."""
    d, port = run.nfacctd(f"{PRINT}\ncore_workers: 2")
    now, exporters = int(time.time()), [f"127.3.{n // 200}.{1 + n % 200}" for n in range(600)]
    orders = [netflow.FIELDS_V4, netflow.FIELDS_V4[::-1], netflow.FIELDS_V4[3:] + netflow.FIELDS_V4[:3]]
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in exporters]
    for s, address in zip(sockets, exporters):
        s.bind((address, 0))

    def send(make):
        for n, s in enumerate(sockets):
            s.sendto(make(n), ("127.0.0.1", port))
            if n % 50 == 49:
                run.drained(port)
        run.drained(port)

    # What an exporter means by 256, 257 and 258 is turned from one to the next.
    send(lambda n: netflow.message(10, [netflow.template_set(10, 256 + k, orders[(n + k) % 3]) for k in range(3)], now, 0))
    for k in range(3):
        send(lambda n: netflow.message(10, [netflow.data_set(256 + k, orders[(n + k) % 3], [netflow.flow(n, packets=n + 1, bytes=100 * n)], now)], now, k))
    led = quiet(run, d)
    assert len(led["exporters"]) == 600 and {x["records"] for x in led["exporters"]} == {3} and not sum(x["seq_lost"] for x in led["exporters"])
    d.stop()
    assert sums(run.rows("out.json"), "peer_ip_src") == {a: (3 * (n + 1), 300 * n) for n, a in enumerate(exporters)}

    d, port = run.nfacctd(f"{PRINT}\nnfacctd_exporters_max: 100")
    send(lambda n: netflow.message(10, [netflow.template_set(10, 256, orders[0])], now, 0))
    led = ledger(run, d, blocks(d))
    assert len(led["exporters"]) == 100 and d.said("exporters=100 exporters_evicted=500") and d.said(r"WARN .*forgetting those that were silent for longest"), d.text()[-2000:]
    d.stop()
    d, port = run.nfacctd(f"{PRINT}\nnfacctd_exporters_memory: 1M")
    send(lambda n: netflow.message(10, [netflow.template_set(10, 256 + k, orders[k % 3]) for k in range(8)], now, 0))
    led = ledger(run, d, blocks(d))
    assert 200 < len(led["exporters"]) < 500, len(led["exporters"])
    d.stop()
    for s in sockets:
        s.close()


def test_templates_expire(run):
    """Templates that are not sent again are forgotten after their time, those that are stay."""
    d, port = run.nfacctd(f"{PRINT}\nnfacctd_templates_timeout: 2")
    now = int(time.time())
    again = [netflow.message(9, [netflow.template_set(9, 300, netflow.FIELDS_V4)], now, 0)]
    run.send(port, again + [netflow.message(9, [netflow.template_set(9, 301, netflow.FIELDS_V4)], now, 1)])

    def expired():
        run.send(port, again)
        return sum(x.get("templates_expired", 0) for x in ledger(run, d, blocks(d))["exporters"])

    assert run.wait(expired, "a template to expire", 60) == 1
    flow = netflow.flow(1)
    run.send(port, [netflow.message(9, [netflow.data_set(k, netflow.FIELDS_V4, [flow], now)], now, 2) for k in (300, 301)])
    led = ledger(run, d, blocks(d))
    assert [(x["records"], x["unknown_template_sets"]) for x in led["exporters"]] == [(1, 1)], led
    d.stop()


def memory_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"^VmRSS:\s+(\d+)", f.read(), re.M)[1])


def test_distinct_keys(run):
    """Nothing but new keys, purge after purge: memory is flat, no purge runs into the next. `./dev soak-keys` has a million a minute for an hour."""
    minutes = run.options.minutes
    refresh, rate = (60, 17000) if minutes >= 3 else (2, 5000)
    seconds = int(minutes * 60) if minutes >= 3 else 14
    d, port = run.nfacctd(f"""
        plugins: print[p]
        aggregate[p]: src_host, dst_host, src_port, dst_port, proto
        print_output[p]: csv
        print_output_file[p]: @DIR@/out.csv
        print_refresh_time: {refresh}
        """)
    sent, samples = {}, []
    traffic = threading.Thread(target=lambda: sent.update(generate(run, port, "-p", "v9", "-c", str(rate * seconds), "-k", "100000M", "-r", str(rate), "-x", "8",
                                                                   seconds=seconds * 2 + 60)))
    traffic.start()
    plugin = d.child("Print Plugin")
    while traffic.is_alive():
        if len(ends(d)) > len(samples):
            samples.append((memory_of(d.pid), memory_of(plugin)))
        traffic.join(refresh / 20)
    assert check(quiet(run, d), sent) == sent["records"]
    d.stop(seconds=60)
    steps = re.findall(r"Purging cache - (START|END) .*?(?:QN: (\d+)/(\d+), ET: (\w+)|$)", d.text(), re.M)
    assert [s[0] for s in steps] == ["START", "END"] * (len(steps) // 2), "a purge ran into the next"
    done = [s for s in steps if s[0] == "END"]
    rows = [int(s[1]) for s in done]
    # Two records in a purge may have drawn one key.
    assert all(s[1] == s[2] for s in done) and sent["records"] * 0.999 < sum(rows) <= sent["records"], (sum(rows), sent)
    took = [int(s[3]) for s in done if s[3] != "X"]
    assert max(took) < refresh, took
    half = len(samples) // 2
    for which, name in enumerate(("core", "plugin")):
        early, late = max(s[which] for s in samples[1:half + 1]), max(s[which] for s in samples[half:])
        print(f"{name}: {early} kB at most in the first half, {late} in the second")
        assert late < early * 1.15 + 2000, (name, samples)
    print(f"{sent['records']} records, as many keys, {len(done)} purges of {max(rows)} rows at most, {max(took)} s at most")



def test_one_worker(run):
    """What one worker does is said: capture files, a replicator."""
    sent = netflow.flows(20)
    d = run.daemon("nfacctd", config=f"{PRINT}\ncore_workers: 4\npcap_savefile: {capture(run, sent)}")
    d.wait_log(r"WARN .*core_workers: 4 were asked for, this is done by one worker: a capture file is read in its order")
    assert d.wait() == 0
    assert sum(r["bytes"] for r in run.rows("out.json")) == netflow.totals(sent)["bytes"]
    run.write("r.lst", "id=1 ip=127.0.0.1:9\n")
    d, _ = run.nfacctd("plugins: tee[a]\ntee_receivers[a]: @DIR@/r.lst\ncore_workers: 2")
    d.wait_log(r"WARN .*core_workers: 2 were asked for, this is done by one worker: datagrams leave in the order in which they came")
    d.stop()


def capture(run, flows):
    """A capture of datagrams, Ethernet and IPv4."""
    frames = []
    for datagram in netflow.export(9, flows, int(time.time())):
        udp = struct.pack("!HHHH", 2055, 2055, 8 + len(datagram), 0) + datagram
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton("192.0.2.7"), socket.inet_aton("192.0.2.8"))
        frame = bytes(12) + b"\x08\0" + ip + udp
        frames.append(struct.pack("<IIII", int(time.time()), 0, len(frame), len(frame)) + frame)
    path = run.dir / "in.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + b"".join(frames))
    return path
