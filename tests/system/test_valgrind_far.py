# SPDX-License-Identifier: BSD-2-Clause
"""What test_valgrind.py leaves out: databases, brokers, queues, TLS and DTLS, gRPC, Redis, an RTR cache, and the clients. `./dev valgrind`
runs them."""
import json
import signal
import socket
import time

import avrodata
import bgp
import bmp
import netflow
import servers
import test_bgp
import test_bmp
import test_grpc
import test_queue
import test_routes
import test_telemetry
import test_tls
import tlskeys
from test_registry import Registry
from test_valgrind import clean, every, under

FIELDS = "aggregate: src_host, dst_host, src_port, dst_port, proto, tos\n"


def collector(run, config, *ready, **more):
    """An nfacctd on a port of its own; returns both."""
    udp = run.port()
    return under(run, "nfacctd", f"nfacctd_ip: 127.0.0.1\nnfacctd_port: {udp}\n{config}", "waiting for NetFlow", *ready, **more), udp


def send(run, udp, n=200, sequence=1):
    """Flows, and what they add up to."""
    flows = netflow.flows(n, dport=80)
    run.send(udp, netflow.export(9, flows, int(time.time()), sequence=sequence))
    return netflow.totals(flows)["packets"]


def spool_empty(run):
    run.wait(lambda: not list(run.dir.glob("spool/*/*.batch")), "the spool to be empty", 120)


def test_databases(run):
    """Insert, then update, by both kinds of servers."""
    every(run)
    made = {"pgsql": servers.Postgres(run), "mysql": servers.MariaDB(run)}
    d, udp = collector(run, "plugins: pgsql[pgsql], mysql[mysql]\n" + FIELDS + "spool_dir: @DIR@/spool\n" + "".join(
        f"{server.config(kind)}sql_table_version[{kind}]: 9\nsql_history[{kind}]: 1h\nsql_history_roundoff[{kind}]: h\nsql_refresh_time[{kind}]: 2\n"
        for kind, server in made.items()))
    total = 0
    for n in range(2):
        total += send(run, udp, sequence=n)
        for server in made.values():
            run.wait(lambda server=server: stored(server) == total, f"{total} packets", 120)  # pylint: disable=cell-var-from-loop
    spool_empty(run)
    clean(run, d, 4)


def stored(server):
    """Nothing while the table is not there: the first purge makes it."""
    try:
        return int(float(server.ask("SELECT coalesce(sum(packets), 0) FROM acct_v9")[0][0]))
    except AssertionError:
        return None


def test_brokers(run):
    """JSON and Avro with a registry to Kafka, JSON to RabbitMQ, all of it confirmed."""
    every(run)
    kafka, rabbit, registry = servers.kafka(run, "json", "avro"), servers.RabbitMQ(run), Registry()
    print(avrodata.READER)
    d, udp = collector(run, f"""
        plugins: kafka[json], kafka[avro], amqp[q]
        {FIELDS}
        spool_dir: @DIR@/spool
        kafka_broker_host: {kafka.broker}
        kafka_refresh_time: 2
        kafka_topic[json]: json
        kafka_topic[avro]: avro
        kafka_output[avro]: avro
        kafka_avro_schema_registry[avro]: {registry.url}
        amqp_host: 127.0.0.1
        amqp_port: {rabbit.port}
        amqp_refresh_time: 2
        """)
    send(run, udp, 1)
    d.wait_log(r"\( q/amqp \): .*QN: 1/1", 120)
    rabbit.queue("rows", "pmacct", "acct")
    send(run, udp, sequence=2)
    run.wait(lambda: len(kafka.messages("json")) == 201 and rabbit.length("rows") == 200, "all rows", 120)
    d.wait_log(r"\( avro/kafka \): .*QN: 200/200", 120)
    spool_empty(run)
    clean(run, d, 5)
    registry.close()


def test_queues(run):
    """Datagrams out of Kafka in one daemon, out of ZeroMQ in another, where a replicator puts them."""
    every(run)
    kafka, address = servers.kafka(run, "flows"), f"127.0.0.1:{run.port(socket.SOCK_STREAM)}"
    run.write("fast.conf", "global, auto.offset.reset, earliest\n")
    run.write("r.lst", f"id=1 zmq_address={address}\nid=2 kafka_broker={kafka.broker} kafka_topic=flows\n")
    tee, udp = collector(run, "plugins: tee[t]\ntee_receivers: @DIR@/r.lst\ntee_transparent: true\n", r"t/tee \): .*map successfully")
    readers = [under(run, "nfacctd", test_queue.PRINT.format(aggregate="src_host, flows", name=name, refresh=2) + keys, f"reading NetFlow/IPFIX data from {what}")
               for name, what, keys in (("k", "Kafka", f"nfacctd_kafka_broker_host: {kafka.broker}\nnfacctd_kafka_topic: flows\nnfacctd_kafka_config_file: @DIR@/fast.conf\n"),
                                        ("z", "ZeroMQ", f"nfacctd_zmq_address: {address}\n"))]
    seen = lambda name: sum(r["flows"] for r in run.rows(f"{name}.json")) if (run.dir / f"{name}.json").exists() else 0

    def all_there():
        """What no reader is there for yet, a queue of ZeroMQ drops."""
        run.send(udp, list(netflow.v5(netflow.flows(30), int(time.time()))))
        return min(seen("k"), seen("z")) >= 90

    run.wait(all_there, "messages in both", 120)
    for d in [*readers, tee]:
        clean(run, d)


def test_sessions(run):
    """IPFIX over TCP, TLS and DTLS, BMP and telemetry over TLS; who has no certificate."""
    every(run)
    keys = tlskeys.Keys(run)
    tcp, tls, b, t = (run.port(socket.SOCK_STREAM) for _ in range(4))
    dtls = run.port()
    d, _ = collector(run, test_tls.BASE.format(refresh=3600) + f"""
        nfacctd_tcp_port: {tcp}
        nfacctd_tls_port: {tls}
        nfacctd_dtls_port: {dtls}
        tls_path: @DIR@/keys
        bmp_daemon: true
        bmp_daemon_ip: 127.0.0.1
        bmp_daemon_port: {b}
        bmp_daemon_tls: true
        bmp_daemon_msglog_file: @DIR@/bmp.json
        telemetry_daemon: true
        telemetry_daemon_ip: 127.0.0.1
        telemetry_daemon_port_tcp: {t}
        telemetry_daemon_tls: true
        telemetry_daemon_decoder: json
        telemetry_daemon_msglog_file: @DIR@/log.json
        """, "waiting for DTLS NetFlow/IPFIX", "waiting for BMP data over TLS", "waiting for telemetry data over TLS")
    flows = netflow.flows(90)
    with socket.create_connection(("127.0.0.1", tcp)) as s:
        s.sendall(test_tls.stream(flows[:30], size=10))
        test_tls.finish(s)
    s = keys.connect(tls)
    s.sendall(test_tls.stream(flows[30:60], size=10))
    tlskeys.finish(s)
    for who in (None, "stranger"):
        assert keys.refused(tls, who)
    client = tlskeys.openssl(run, dtls)
    d.wait_log(r"IPFIX over DTLS1\.2: certificate of CN=router", 120)
    test_tls.send_each(run, d, client, test_tls.messages(flows[60:], size=10))
    client.close()
    d.wait_log(r"IPFIX session over (TCP|TLS) closed: by the exporter", 120, 2)
    s, r = keys.connect(b), keys.connect(t)
    s.sendall(bmp.init() + bmp.peer_up())
    r.sendall(b'{"a": 1}')
    test_bmp.wait_lines(run, 3, "bmp.json")
    test_telemetry.wait_data(run, 1)
    for each in (s, r):
        tlskeys.finish(each)
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"over TLS: certificates of .*keys loaded", 120, 2)
    clean(run, d, 3)
    assert test_tls.sums(run) == test_tls.want(flows)


def test_grpc_helper(run):
    """The helper too, which the daemon starts."""
    every(run)
    test_grpc.need_grpc(run)
    port = run.port(socket.SOCK_STREAM)
    d = under(run, "pmtelemetryd", f"telemetry_daemon_ip: 127.0.0.1\ntelemetry_daemon_grpc_port: {port}\ntelemetry_daemon_decode_gpb: true\n"
              "telemetry_daemon_msglog_file: @DIR@/log.json\n", "waiting for telemetry data over gRPC", words=("--trace-children=yes",))
    router = test_grpc.Router(run, port, test_grpc.CISCO)
    router.say(test_grpc.cisco(test_grpc.telemetry("r1", [(f"eth{n}", "up") for n in range(50)])))
    router.say(test_grpc.cisco(json.dumps({"text": "x" * 300000}).encode(), 2))
    test_telemetry.wait_data(run, 2)
    router.process.stdin.close()
    router.ended()
    d.wait_log(r"gRPC stream closed: by the router", 120)
    clean(run, d, 2)


def test_routing(run):
    """Two neighbours beside a looking glass and its client, an RTR cache and Redis."""
    every(run)
    redis, lg, rtr = servers.Redis(run), run.port(socket.SOCK_STREAM), run.port(socket.SOCK_STREAM)
    run.need("stayrtr")
    run.write("vrps.json", test_routes.roas(("192.0.2.0/24", 24, 64496), ("198.51.100.0/24", 24, 64497)))
    bgp.Router(run, "stayrtr", ["/usr/bin/stayrtr", "-cache", str(run.dir / "vrps.json"), "-bind", f"127.0.0.1:{rtr}", "-checktime=false",
                                "-metrics.addr", f"127.0.0.1:{run.port(socket.SOCK_STREAM)}", "-protocol", "1"], ())
    port = run.port(socket.SOCK_STREAM)
    d = under(run, "pmbgpd", f"""
        bgp_daemon_ip: 127.0.0.1
        bgp_daemon_port: {port}
        bgp_daemon_msglog_file: @DIR@/log
        bgp_daemon_lg: true
        bgp_daemon_lg_port: {lg}
        bgp_daemon_ha: true
        bgp_daemon_ha_cluster_name: c
        bgp_daemon_ha_cluster_id: 1
        redis_host: 127.0.0.1:{redis.port}
        redis_passwd: arealsmartpwd
        rpki_rtr_cache: 127.0.0.1:{rtr}
        rpki_rtr_cache_version: 1
        """, "waiting for BGP data", "2 ROAs, serial", "HA: active")
    s = bgp.Speaker(run, port).meet()
    s.send(bgp.announcements(("192.0.2.0/24", "198.51.100.0/24"), bgp.attributes(path=(65001, 64496))))
    test_bgp.wait_lines(run, 2, log_type="update")
    front = run.watched("client")
    for words in (("-g",), ("-r", "127.0.0.2", "-a", "192.0.2.1"), ("-r", "127.0.0.2", "-a", "203.0.113.1")):
        run.call(*front, run.program("pmbgp"), "-z", f"127.0.0.1:{lg}", *words, seconds=120)
    s.close()
    clean(run, d, 4)


def test_clients(run):
    """pmacct: tables, CSV, JSON, matches, sums, a counter for scripts, what is erased; questions that make no sense."""
    every(run)
    d, udp = run.nfacctd("plugins: memory[m]\n" + FIELDS + "imt_path[m]: @DIR@/m.sock\nseccomp: off\ncore_dumps: true\n")
    total = send(run, udp)
    run.wait(lambda: sum(r["packets"] for r in run.client_json("-s")) == total, "all flows", 120)
    front = run.watched("client")
    some = "-c", "src_port,dst_port"
    for status, words in ((0, ("-s",)), (0, ("-s", "-O", "csv")), (0, ("-s", "-O", "json")), (0, ("-s", "-T", "bytes,10")), (0, ("-t",)), (0, ("-C",)),
                          (0, (*some, "-M", "*,80")), (0, (*some, "-N", "1000,80;1001,80")), (0, (*some, "-n", "bytes", "-N", "1000,80")), (0, ("-e",)), (1, ("-c", "nothing", "-N", "1"))):
        run.call(*front, run.program("pmacct"), "-p", run.dir / "m.sock", *words, expect=status, seconds=120)
    run.call(*front, run.program("pmacct"), "-p", run.dir / "none.sock", "-s", expect=1, seconds=120)
    assert len(list(run.dir.glob("vg.*"))) == 12
    clean(run, d, 12)
