# SPDX-License-Identifier: BSD-2-Clause
"""Every daemon under valgrind, in all of its processes, over a small run: no read of what was never written, no leak at the end. One of them
here; `./dev valgrind` runs all, and those of test_valgrind_far.py, and then other cases with `run.py --valgrind`, which puts it in front of all of their daemons."""
import signal
import socket
import time

import bgp
import bmp
import netflow
import sflow
import test_bgp
import test_bmp
import test_capture
import test_nflog
import test_telemetry


def under(run, program, config, *ready, words=()):
    """A daemon with what valgrind cannot run under switched off: filters of system calls, memory that may not be looked at."""
    d = run.daemon(program, config=config + "\nseccomp: off\ncore_dumps: true\n", front=run.watched(words=words))
    for line in ready:
        d.wait_log(line, 120)
    return d


def clean(run, d, processes=1):
    """Ends it and reads what valgrind has found in each process."""
    d.send_signal(signal.SIGUSR1)
    d.wait_log(r"\): ---$", 120)
    d.stop(signal.SIGINT, seconds=120)
    assert not d.said(r"connection lost to|exited with status"), d.text()
    assert len(run.valgrind_reports()) >= processes


def every(run):
    if run.options.rounds <= 2:
        run.skip("./dev valgrind runs it")


SINKS = """
    plugins: print[p], memory[m], sqlite3[s], kafka[k], amqp[q]
    aggregate: src_host, dst_host, src_port, dst_port, proto
    imt_path[m]: @DIR@/m.sock
    print_output[p]: json
    print_output_file[p]: @DIR@/out.json
    print_refresh_time: 2
    plugin_workers[p]: 2
    sql_db[s]: @DIR@/s.db
    sql_refresh_time: 2
    sql_table[s]: acct
    sql_optimize_clauses: true
    kafka_topic: x
    kafka_broker_host: 127.0.0.1:1
    kafka_refresh_time: 2
    amqp_host: 127.0.0.1
    amqp_port: 1
    amqp_refresh_time: 2
    spool_dir: @DIR@/spool
    """


COLUMNS = "ip_src TEXT, ip_dst TEXT, src_port INT, dst_port INT, ip_proto TEXT, packets INT, bytes INT, stamp_inserted TEXT, stamp_updated TEXT"


def sinks(run):
    run.sql("s.db", f"CREATE TABLE acct ({COLUMNS})")
    return SINKS


def written(run, packets):
    """All of it in the file, the table and the database."""
    def sums():
        rows = run.rows("out.json") if (run.dir / "out.json").exists() else []
        return sum(r["packets"] for r in rows), sum(r["packets"] for r in run.client_json("-s"))
    run.wait(lambda: sums() == (packets, packets), f"{packets} packets", 120)
    run.wait(lambda: sum(n for n, in run.sql("s.db", "SELECT packets FROM acct")) == packets, "the database", 120)


def test_nfacctd(run):
    """Two workers, all kinds of sinks, BGP, BMP and telemetry in threads, the metrics' server."""
    every(run)
    ports = [run.port(socket.SOCK_STREAM) for _ in range(4)]
    udp = run.port()
    d = under(run, "nfacctd", sinks(run) + f"""
        print_output_file_append[p]: true
        nfacctd_ip: 127.0.0.1
        nfacctd_port: {udp}
        core_workers: 2
        nfacctd_as: bgp
        bgp_daemon: true
        bgp_daemon_ip: 127.0.0.1
        bgp_daemon_port: {ports[0]}
        bgp_daemon_msglog_file: @DIR@/log
        bmp_daemon: true
        bmp_daemon_ip: 127.0.0.1
        bmp_daemon_port: {ports[1]}
        bmp_daemon_msglog_file: @DIR@/bmp.json
        telemetry_daemon: true
        telemetry_daemon_ip: 127.0.0.1
        telemetry_daemon_port_tcp: {ports[2]}
        telemetry_daemon_decoder: json
        telemetry_daemon_msglog_file: @DIR@/log.json
        metrics_listen: 127.0.0.1:{ports[3]}
        """, "waiting for NetFlow", "waiting for BGP data", "waiting for BMP data", "waiting for telemetry data", "waiting for requests", "waiting for data on")
    s = bgp.Speaker(run, ports[0]).meet()
    s.send(bgp.announcements(("10.0.0.0/8", "192.0.2.0/24"), bgp.attributes()))
    test_bgp.wait_lines(run, 2, log_type="update")
    router = bmp.Router(ports[1], first=bmp.init() + bmp.peer_up() + bmp.routes(announce=["203.0.113.0/24"]))
    test_bmp.wait_lines(run, 4, "bmp.json")
    t = test_telemetry.session(ports[2])
    t.sendall(b'{"a": 1}')
    test_telemetry.wait_data(run, 1)
    packets = 0
    for n in range(2):
        for version in (9, 10):
            made = netflow.flows(100, dport=80 + n * 2 + version)
            run.send(udp, netflow.export(version, made, int(time.time()), sequence=n), source=f"127.0.0.{version}")
            packets += netflow.totals(made)["packets"]
    written(run, packets)
    with socket.create_connection(("127.0.0.1", ports[3])) as web:
        web.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert b"200" in web.recv(65536)
    d.send_signal(signal.SIGUSR2)
    for one in (s, router, t):
        one.close()
    clean(run, d, 7)


def test_nfacctd_tee(run):
    every(run)
    udp, far = run.port(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with far:
        far.bind(("127.0.0.1", 0))
        run.write("r.lst", f"id=1 ip=127.0.0.1:{far.getsockname()[1]}\n")
        d = under(run, "nfacctd", f"plugins: tee[a]\ntee_receivers[a]: @DIR@/r.lst\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {udp}\n",
                  "waiting for NetFlow", r"a/tee \): .*map successfully")
        sent = list(netflow.v5(netflow.flows(300), int(time.time())))
        run.send(udp, sent)
        far.settimeout(120)
        assert [far.recv(65536) for _ in sent] == sent
        clean(run, d, 3)


def test_sfacctd(run):
    every(run)
    udp = run.port()
    d = under(run, "sfacctd", sinks(run) + f"print_output_file_append[p]: true\nsfacctd_ip: 127.0.0.1\nsfacctd_port: {udp}\nsfacctd_counter_file: @DIR@/counters.json\n",
              "waiting for sFlow", "waiting for data on")
    frames = [sflow.flow_sample(n + 1, test_capture.datagram(f"10.0.0.{n % 200}"), rate=10) for n in range(100)]
    run.send(udp, [sflow.datagram(frames[n:n + 5], sequence=n, agent="192.0.2.50") for n in range(0, 100, 5)])
    run.send(udp, [sflow.datagram([sflow.counter_sample(1, (1, 6, 10**9, 1, 3, *range(14)))], sequence=1, agent="192.0.2.51")])
    written(run, 100)
    clean(run, d, 7)


def test_pmacctd(run):
    """Live, two workers; both probes beside a file."""
    every(run)
    far = run.veth()
    d = under(run, "pmacctd", f"""
        pcap_interface: v0
        pcap_workers: 2
        plugins: print[p], nfprobe[n], sfprobe[s]
        aggregate: src_host, dst_host, src_port, dst_port, proto
        print_output[p]: json
        print_output_file[p]: @DIR@/out.json
        print_refresh_time: 2
        nfprobe_receiver: 127.0.0.1:{run.port()}
        nfprobe_timeouts: tcp=1:maxlife=2:expint=1
        sfprobe_receiver: 127.0.0.1:{run.port()}
        """, "capturing in place")
    test_capture.generate(run, far, "v1", 3000, 100, 100, 2000)
    run.wait(lambda: (run.dir / "out.json").exists() and run.rows("out.json"), "a purge", 120)
    clean(run, d, 5)


def test_uacctd(run):
    every(run)
    test_nflog.prepare(run)
    test_nflog.rules(run, [("output", "udp dport 7777 log group 5")])
    d = under(run, "uacctd", "uacctd_group: 5\n" + test_nflog.PRINT.format(fields="src_host, dst_host", file="out.json"), "connected Netlink NFLOG socket")
    test_nflog.send(200, 10)
    test_nflog.drained(run)
    clean(run, d, 3)
    assert sum(r["packets"] for r in run.rows("out.json")) == 200


def test_pmbgpd(run):
    port = run.port(socket.SOCK_STREAM)
    d = under(run, "pmbgpd", f"bgp_daemon_ip: 127.0.0.1\nbgp_daemon_port: {port}\nbgp_daemon_msglog_file: @DIR@/log\n"
              "bgp_table_dump_file: @DIR@/dump.json\nbgp_table_dump_refresh_time: 60\n", "waiting for BGP data")
    s = bgp.Speaker(run, port).meet()
    s.send(bgp.announcements([f"10.{n}.0.0/16" for n in range(100)], bgp.attributes(communities=("65001:1",))))
    test_bgp.wait_lines(run, 100, log_type="update")
    s.close()
    clean(run, d)


def test_pmbmpd(run):
    every(run)
    port = run.port(socket.SOCK_STREAM)
    d = under(run, "pmbmpd", f"bmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {port}\nbmp_daemon_msglog_file: @DIR@/log.json\n", "waiting for BMP data")
    router = bmp.Router(port, first=bmp.init() + bmp.peer_up() + bmp.routes(announce=["203.0.113.0/24"]) + bmp.peer_down() + bmp.term())
    run.wait(lambda: any(r.get("bmp_msg_type") == "term" for r in test_bmp.lines(run)), "the end in the log")
    router.close()
    clean(run, d)


def test_pmtelemetryd(run):
    every(run)
    port, udp = run.port(socket.SOCK_STREAM), run.port()
    d = under(run, "pmtelemetryd", f"telemetry_daemon_ip: 127.0.0.1\ntelemetry_daemon_port_tcp: {port}\ntelemetry_daemon_decoder: json\n"
              f"telemetry_daemon_udp_notif_ip: 127.0.0.1\ntelemetry_daemon_udp_notif_port: {udp}\ntelemetry_daemon_msglog_file: @DIR@/log.json\n",
              "waiting for telemetry data", r"\(UDP-notif\)")
    s = test_telemetry.session(port)
    s.sendall(b'{"a": 1}\n{"b": [1, 2]}\n{"c"')
    run.send(udp, [test_telemetry.notif(test_telemetry.text_of(test_telemetry.UPDATE), 1), test_telemetry.notif(b"{", 2, segment=0)])
    test_telemetry.wait_data(run, 3)
    s.close()
    clean(run, d)
