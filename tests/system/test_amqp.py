# SPDX-License-Identifier: BSD-2-Clause
"""The plugin amqp against a real RabbitMQ; the client of amqp-tools reads."""
import socket
import time

import netflow
import servers
from test_kafka import data, spooled, sums, want

BASE = """
    plugins: amqp[q]
    aggregate: src_host, dst_host, src_port, dst_port, proto, tos, peer_src_ip
    amqp_refresh_time: {refresh}
    amqp_host: 127.0.0.1
    amqp_port: {port}
    amqp_persistent_msg: true
    spool_dir: @DIR@/spool
    """


def start(run, server, more="", refresh=1):
    return run.nfacctd(BASE.format(port=server.port, refresh=refresh) + more)


def send(run, port, flows, sequence=1):
    run.send(port, netflow.export(9, flows, int(time.time()), sequence=sequence))


def drained(run):
    run.wait(lambda: spooled(run) == 0, "the spool to be empty", 60)


def test_rows(run):
    """Exchange and queue as configured; each row once, markers around them; what no queue wants is told."""
    server = servers.RabbitMQ(run)
    d, port = start(run, server, "amqp_exchange: flows\namqp_exchange_type: topic\namqp_routing_key: acct.$peer_src_ip\namqp_markers: true\n")
    send(run, port, netflow.flows(3))
    d.wait_log(r"WARN .*AMQP: \d+ messages had a routing key that no queue of exchange 'flows' is bound to")
    server.queue("one", "flows", "acct.127_0_0_1")
    flows = netflow.flows(500, dport=80)
    send(run, port, flows, sequence=100)
    run.wait(lambda: (server.length("one") or 0) >= 502, "all to arrive", 30)
    d.stop()
    rows = server.take("one", server.length("one"))
    assert sums(r for r in rows if r.get("port_dst") in (None, 80)) == want(flows)
    sent = {f["src"]: f for f in flows}
    for r in (r for r in data(rows) if r["port_dst"] == 80):  # what came before the queue may have found it too
        f = sent.pop(r["ip_src"])
        assert (r["port_src"], r["packets"], r["bytes"], r["peer_ip_src"]) == (f["sport"], f["packets"], f["bytes"], "127.0.0.1")
    closed = [r["purged_entries"] for r in rows if r["event_type"] == "purge_close"]
    assert sum(closed) == len(data(rows))


def bound(run, server, d, port):
    """Lets the exchange be made by a first purge, then binds a queue to it."""
    send(run, port, netflow.flows(1, dport=1))
    d.wait_log(r"QN: 1/1")
    server.queue("rows", "pmacct", "acct")


def test_server_dies(run):
    """Killed while messages wait for their confirms, and away for several intervals: nothing is lost, and what came twice is the same row."""
    server = servers.RabbitMQ(run)
    d, port = start(run, server, "amqp_multi_values: 2000\n")  # its client runs a program for each message
    bound(run, server, d, port)
    server.stop()  # so that queue and binding are on its disk
    server.start()
    flows = netflow.flows(4000, dport=80)
    send(run, port, flows)
    run.wait(lambda: spooled(run) > 0 or d.said(r"QN: \d{3,}/"), "a purge to begin")
    server.kill()
    late = [netflow.flows(300, dport=n) for n in range(1000, 1004)]
    for n, lot in enumerate(late):
        send(run, port, lot, sequence=2000 + n * 100)
        run.wait(lambda n=n: spooled(run) > n, "an interval to pass", 20)
    d.wait_log(r"ERROR .*AMQP 127\.0\.0\.1:\d+: .*waits in the spool", seconds=30)
    server.start()
    drained(run)
    d.stop()
    rows = server.take("rows", server.length("rows"))
    once = {(r["port_dst"], r["ip_src"], r["packets"], r["bytes"]) for r in data(rows)}
    assert sums({"event_type": "purge", "packets": p, "bytes": b} for _, _, p, b in once) == want(flows, *late)


def test_too_large(run):
    """Messages that the server does not take whole are split; rows that it does not take at all are dropped and counted."""
    server = servers.RabbitMQ(run, "max_message_size = 1000\n")
    d, port = start(run, server, "amqp_multi_values: 5000\n")
    bound(run, server, d, port)
    flows = netflow.flows(200, dport=80)
    send(run, port, flows)
    run.wait(lambda: (server.length("rows") or 0) >= 50 and spooled(run) == 0, "all to arrive", 60)
    d.stop()
    assert sums(server.take("rows", server.length("rows"))) == want(flows)
    d, port = start(run, server, "writer_id_string: " + "x" * 1000 + "\n", refresh=3600)
    flows = netflow.flows(3)
    send(run, port, flows)
    d.stop()
    rows, packets, octets = want(flows)
    d.wait_log(rf"ERROR .*too large for the broker: {rows} rows dropped \({packets} packets, {octets} bytes")
    assert spooled(run) == 0


def test_names(run):
    """Routing keys in turn; an exchange that is there with another type, and a virtual host that is not: rows wait, and it is said why."""
    server = servers.RabbitMQ(run)
    d, port = start(run, server, "amqp_routing_key: rr\namqp_routing_key_rr: 2\n")
    send(run, port, netflow.flows(1, dport=1))
    d.wait_log(r"QN: 1/1")
    for n in range(2):
        server.queue(f"q{n}", "pmacct", f"rr_{n}")
    flows = netflow.flows(100, dport=80)
    send(run, port, flows)
    run.wait(lambda: sum(server.length(f"q{n}") or 0 for n in range(2)) == 100, "all to arrive", 20)
    d.stop()
    rows = [server.take(f"q{n}", server.length(f"q{n}")) for n in range(2)]
    assert sums(rows[0] + rows[1]) == want(flows) and abs(len(rows[0]) - len(rows[1])) <= 1
    for more, why in (("amqp_exchange_type: fanout", "inequivalent arg 'type'"), ("amqp_vhost: /none", "login")):
        d, port = start(run, server, more)
        send(run, port, netflow.flows(5))
        d.wait_log(rf"ERROR .*AMQP 127\.0\.0\.1:\d+: .*{why}.*waits in the spool", seconds=30)
        d.stop(seconds=60)
        assert d.said(r"WARN .*1 purges stay in the spool") or spooled(run) > 0


def test_tls(run):
    """The server's certificate has to come from the authority that is named; a certificate of another one is not spoken to."""
    run.need("openssl")
    for name in ("ca", "other"):
        run.call("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                 "-out", f"{name}.pem")
    run.call("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    run.write("san", "subjectAltName=DNS:localhost\n")
    run.call("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san",
             "-out", "server.pem")
    (run.dir / "server.key").chmod(0o644)
    tls = run.port(socket.SOCK_STREAM)
    server = servers.RabbitMQ(run, f"listeners.ssl.1 = 127.0.0.1:{tls}\nssl_options.cacertfile = {run.dir}/ca.pem\n"
                                   f"ssl_options.certfile = {run.dir}/server.pem\nssl_options.keyfile = {run.dir}/server.key\n")
    config = BASE.format(port=tls, refresh=1).replace("amqp_host: 127.0.0.1", "amqp_host: localhost")
    d, port = run.nfacctd(config + "amqp_conn_ca_file: @DIR@/ca.pem\n")
    bound(run, server, d, port)
    flows = netflow.flows(50, dport=80)
    send(run, port, flows)
    run.wait(lambda: (server.length("rows") or 0) == 50, "all to arrive", 20)
    d.stop()
    assert sums(server.take("rows", 50)) == want(flows)
    d, port = run.nfacctd(config + "amqp_conn_ca_file: @DIR@/other.pem\n")
    send(run, port, flows)
    d.wait_log(r"ERROR .*AMQP localhost:\d+: connect: .*waits in the spool", seconds=20)
    d.stop(seconds=60)
    assert server.length("rows") == 0 and spooled(run) > 0
    path = run.config("plugins: amqp\namqp_conn_cert_file: /etc/passwd\n")
    run.run_program("nfacctd", "--check-config", "-f", path, expect=1)
    assert ":2: amqp_conn_cert_file: set amqp_conn_ca_file too" in run.stderr
