# SPDX-License-Identifier: BSD-2-Clause
"""BMP and telemetry over TLS, UDP-notif over DTLS, alone and as threads of nfacctd."""
import contextlib
import signal
import socket

import bmp
import harness
import test_bmp
import test_telemetry
import tlskeys


def test_tls_bmp(run):
    """A table over TLS, cut anywhere; garbage within a session; routers without a good certificate, or in the clear, are no routers."""
    keys = tlskeys.Keys(run)
    run.write("allow", "127.0.0.1\n127.0.0.9\n")
    d, port = test_bmp.pmbmpd(run, "bmp_daemon_tls: true\ntls_path: @DIR@/keys\nbmp_daemon_allow_file: @DIR@/allow\n", ready=False)
    d.wait_log(r"waiting for BMP data over TLS on interface=all ip=127\.0\.0\.1 port=\d+/tcp")
    prefixes = [f"10.{n >> 8}.{n & 255}.0/24" for n in range(20000)]
    octets = bmp.init() + bmp.peer_up() + b"".join(bmp.routes(announce=prefixes[n:n + 200]) for n in range(0, len(prefixes), 200))
    s = keys.connect(port, source="127.0.0.9")
    for octet in octets[:300]:
        s.send(bytes([octet]))
    s.sendall(octets[300:])
    t = keys.connect(port)
    t.sendall(bmp.init() + bytes(100))
    assert t.recv(1) == b""
    t.close()
    for who in (None, "stranger"):
        assert keys.refused(port, who)
    assert keys.refused(port, "router", source="127.0.0.2")
    with socket.create_connection(("127.0.0.1", port)) as clear:
        clear.sendall(octets[:100])
        clear.settimeout(60)
        with contextlib.suppress(ConnectionResetError):
            while clear.recv(100):
                pass
    run.wait(lambda: (run.dir / "log.json").exists() and (run.dir / "log.json").read_text().count('"log_type": "update"') == 20000, "all routes", 20)
    line = d.wait_counters(r"stats \[127\.0\.0\.1:\d+\] TLS sessions=1 half_open=0 handshakes=(\d+) done=2 no_certificate=1 bad_certificate=1 faults=(\d+)")
    assert int(line[1]) == 5 and int(line[2]) >= 1
    tlskeys.finish(s)
    d.wait_log(r"\[127\.0\.0\.9\] BMP connection reset by peer")
    rows = harness.json_lines(run.dir / "log.json")
    assert {r["bmp_router"] for r in rows} == {"127.0.0.9", "127.0.0.1"}
    assert {r["ip_prefix"] for r in rows if r.get("log_type") == "update"} == set(prefixes)
    d.stop()
    bad = run.daemon("pmbmpd", config="bmp_daemon_tls: true\nbmp_daemon_msglog_file: /dev/null\n")
    assert bad.wait() == 1
    bad.wait_log(r"\.conf:1: bmp_daemon_tls needs tls_path")


def test_tls_telemetry(run):
    """JSON over TLS, many messages in few records; UDP-notif over DTLS, segmented; who has no certificate leaves nothing in the log."""
    keys = tlskeys.Keys(run)
    udp = run.port()
    d, port = test_telemetry.collector(run, f"""
        telemetry_daemon_tls: true
        telemetry_daemon_udp_notif_ip: 127.0.0.1
        telemetry_daemon_udp_notif_port: {udp}
        telemetry_daemon_udp_notif_dtls: true
        tls_path: @DIR@/keys
        telemetry_daemon_msglog_file: {run.dir}/log.json""", tls=True)
    messages = [{"n": n, "text": "x" * (n % 3000)} for n in range(3000)]
    s = keys.connect(port)
    s.sendall(b"".join(map(test_telemetry.text_of, messages)))
    test_telemetry.wait_data(run, 3000)
    for who in (None, "stranger"):
        assert keys.refused(port, who)
    tlskeys.finish(s)
    update = test_telemetry.text_of(test_telemetry.UPDATE)
    for n, client in enumerate((tlskeys.openssl(run, udp), tlskeys.gnutls(run, udp))):
        d.wait_log(r"UDP-notif over DTLS1\.2: certificate of CN=router", count=n + 1)
        client.send(test_telemetry.notif(update, 1, publisher=n + 1))
        test_telemetry.wait_data(run, 3001 + n * 2)
        client.send(test_telemetry.notif(update[:50], 2, publisher=n + 1, segment=0))
        run.wait(lambda: notif_records(d) == n * 3 + 2, "the first segment")  # pylint: disable=cell-var-from-loop
        client.send(test_telemetry.notif(update[50:], 2, publisher=n + 1, segment=1, last=True))
        test_telemetry.wait_data(run, 3002 + n * 2)
        client.close()
    tlskeys.openssl(run, udp, None, name="nobody")
    d.wait_log(r"WARN .*UDP-notif over DTLS refused: it shows no certificate")
    assert test_telemetry.data(test_telemetry.lines(run)) == messages + [test_telemetry.UPDATE] * 4
    d.stop()
    bad = run.daemon("pmtelemetryd", config="telemetry_daemon_tls: true\ntelemetry_daemon_decoder: json\n")
    assert bad.wait() == 1
    bad.wait_log(r"\.conf:1: telemetry_daemon_tls needs tls_path")


def notif_records(d):
    """Records that have come over DTLS."""
    return int([line for line in d.ask().splitlines() if "DTLS records=" in line][-1].split("records=")[1].split()[0])


def test_tls_threads(run):
    """The same in nfacctd, beside its own port."""
    keys = tlskeys.Keys(run)
    bmp_port, tele_port = run.port(socket.SOCK_STREAM), run.port(socket.SOCK_STREAM)
    d, _ = run.nfacctd(f"""
        plugins: print
        print_refresh_time: 3600
        tls_path: @DIR@/keys
        bmp_daemon: true
        bmp_daemon_ip: 127.0.0.1
        bmp_daemon_port: {bmp_port}
        bmp_daemon_tls: true
        bmp_daemon_msglog_file: @DIR@/bmp.json
        telemetry_daemon: true
        telemetry_daemon_ip: 127.0.0.1
        telemetry_daemon_port_tcp: {tele_port}
        telemetry_daemon_tls: true
        telemetry_daemon_decoder: json
        telemetry_daemon_msglog_file: @DIR@/log.json
        """)
    for what in ("BMP", "telemetry"):
        d.wait_log(f"waiting for {what} data over TLS")
    with keys.connect(bmp_port) as s, keys.connect(tele_port) as t:
        s.sendall(bmp.init() + bmp.peer_up())
        t.sendall(b'{"a": 1}')
        test_telemetry.wait_data(run, 1)
        test_bmp.wait_lines(run, 3, "bmp.json")
        d.send_signal(signal.SIGUSR2)
        d.wait_log(r"(BMP|telemetry) over TLS: certificates of .*keys loaded", count=2)
        d.stop()
