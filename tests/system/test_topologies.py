# SPDX-License-Identifier: BSD-2-Clause
"""More than one collector, as docs/scaling.md has them: every flow arrives at one of them, and an exporter's flows stay together. The group of
consumers of Kafka is test_queue.test_group, tables in ClickHouse test_clickhouse."""
import re
import signal
import socket
import time

import harness
import netflow
from test_ledger import generate, ledger
from test_workers import blocks

PRINT = """
    plugins: print[p]
    aggregate[p]: peer_src_ip, src_host
    print_output[p]: json
    print_output_file[p]: @DIR@/{name}.json
    print_refresh_time: 600
    """


def collector(run, name, port, more="nfacctd_ip: 127.0.0.1", front=()):
    d = run.daemon("nfacctd", config=f"{PRINT.format(name=name)}\nnfacctd_port: {port}\n{more}", front=front)
    d.wait_log("waiting for NetFlow/IPFIX data")
    return d


def sent_on(front):
    """Datagrams that a replicator has sent."""
    before = blocks(front)
    front.send_signal(signal.SIGUSR1)
    front.wait_log(r"^NOTICE \( default/core \): ---$", count=before + 1)
    return int(re.findall(r"ledger \[t/tee\] confirmed records=(\d+)", front.text())[-1])


def received(run, d):
    """Datagrams that a collector has received."""
    return ledger(run, d, blocks(d))["socket"]["received_datagrams"]


def rows_of(run, names):
    """{collector: rows}; those that got nothing have none."""
    return {n: run.rows(f"{n}.json") if (run.dir / f"{n}.json").exists() else [] for n in names}


def check_sums(rows, packets, octets):
    assert sum(r["packets"] for part in rows.values() for r in part) == packets, {n: len(r) for n, r in rows.items()}
    assert sum(r["bytes"] for part in rows.values() for r in part) == octets


def homes(rows):
    """{exporter: the collectors that have something of it}."""
    found = {}
    for name, part in rows.items():
        for r in part:
            found.setdefault(r["peer_ip_src"], set()).add(name)
    return found


def test_replicator_in_front(run):
    """A replicator gives each exporter to one of three collectors; when one leaves, only its exporters move, with their templates."""
    names = ("a", "b", "c")
    ports = {n: run.port() for n in names}
    daemons = {n: collector(run, n, ports[n]) for n in names}

    def receivers(of):
        return "id=1 balance-alg=hash-agent ip=" + ",".join(f"127.0.0.1:{ports[n]}" for n in of) + "\n"

    run.write("receivers.lst", receivers(names))
    front_port = run.port()
    front = run.daemon("nfacctd", config=f"""
        plugins: tee[t]
        tee_receivers[t]: @DIR@/receivers.lst
        tee_transparent: true
        nfacctd_ip: 127.0.0.1
        nfacctd_port: {front_port}
        """)
    front.wait_log(r"t/tee \): .*map successfully")
    front.wait_log("waiting for NetFlow/IPFIX data")

    def load(seed):
        sent = generate(run, front_port, "-p", "v9", "-c", "20000", "-k", "300", "-C", "-x", "40", "-s", str(seed))
        run.wait(lambda: sent_on(front) >= load.total + sent["datagrams"], "the replicator to have sent all")
        load.total += sent["datagrams"]
        for port in ports.values():
            run.drained(port)
        return sent

    load.total = 0
    first = load(1)
    run.write("receivers.lst", receivers(("a", "b")))
    front.send_signal(signal.SIGUSR2)
    front.wait_log(r"t/tee \): .*map successfully", count=2)
    second = load(2)
    front.stop()
    for d in daemons.values():
        d.stop()
    rows = rows_of(run, names)
    check_sums(rows, first["packets"] + second["packets"], first["octets"] + second["octets"])
    where = homes(rows)
    assert len(where) == 40 and all(rows.values()), {n: len(r) for n, r in rows.items()}
    assert all(len(w) == 1 or "c" in w for w in where.values()), where
    assert {len(w) for w in where.values() if "c" in w} == {2}, where


def test_processes_on_one_port(run):
    """Three collectors on one port of one host: the kernel gives each sender's port to one of them."""
    names, port = ("a", "b", "c"), run.port()
    daemons = [collector(run, n, port) for n in names]
    sent = generate(run, port, "-p", "ipfix", "-c", "30000", "-k", "300", "-C", "-x", "40")
    for d in daemons:
        d.stop()
    rows = rows_of(run, names)
    check_sums(rows, sent["packets"], sent["octets"])
    assert len(homes(rows)) == 40 and {len(w) for w in homes(rows).values()} == {1}
    assert all(rows.values()), {n: len(r) for n, r in rows.items()}


def test_anycast(run):
    """Two hosts with one address behind a router with two equal routes to it, which chooses by addresses alone."""
    hosts = {"a": run.veth("v0", "v1", "192.0.2.1/24", "192.0.2.2/24"), "b": run.veth("w0", "w1", "198.51.100.1/24", "198.51.100.2/24")}
    routers = {"a": "192.0.2.1", "b": "198.51.100.1"}
    exporters = [f"10.9.0.{n}" for n in range(1, 25)]
    run.ip("route", "add", "local", "10.9.0.0/24", "dev", "lo")
    run.ip("route", "add", "203.0.113.9/32", "nexthop", "via", "192.0.2.2", "nexthop", "via", "198.51.100.2")
    daemons = []
    for name, front in hosts.items():
        run.call(*front, "ip", "addr", "add", "203.0.113.9/32", "dev", "lo")
        run.call(*front, "ip", "route", "add", "10.9.0.0/24", "via", routers[name])
        daemons.append(collector(run, name, 2055, "nfacctd_ip: 203.0.113.9", front))
    now, made = int(time.time()), netflow.flows(50)
    for address in exporters:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((address, 0))
            for datagram in netflow.export(9, made, now):
                s.sendto(datagram, ("203.0.113.9", 2055))
    want = netflow.totals(made)

    def there():
        return sum(received(run, d) for d in daemons) >= len(exporters) * 4

    run.wait(there, "the datagrams")
    for d in daemons:
        d.stop()
    rows = rows_of(run, hosts)
    check_sums(rows, want["packets"] * len(exporters), want["bytes"] * len(exporters))
    assert set(homes(rows)) == set(exporters) and {len(w) for w in homes(rows).values()} == {1}, homes(rows)
    assert all(rows.values()), {n: len(r) for n, r in rows.items()}


def test_model(run):
    """What docs/scaling.md says that it takes is what the model computes."""
    out = run.call("python3", harness.ROOT / "bench/model.py")
    text = (harness.ROOT / "docs/scaling.md").read_text()
    assert all("    " + line.rstrip() in text for line in out.splitlines()), out
