# SPDX-License-Identifier: BSD-2-Clause
"""What comes in sessions: IPFIX over TCP, TLS and DTLS; who may, who may not, floods of those who may not."""
import contextlib
import signal
import socket
import ssl
import struct
import time

import netflow
import tlskeys

BASE = """
    plugins: print[p]
    aggregate[p]: src_host
    print_refresh_time[p]: {refresh}
    print_output[p]: json
    print_output_file[p]: @DIR@/out.json
    print_output_file_append[p]: true
"""


def collector(run, tcp=False, tls=False, dtls=False, more="", refresh=3600):
    """nfacctd with ports of its own; returns it and the ports asked for."""
    ports = [run.port(socket.SOCK_STREAM if kind != "dtls" else socket.SOCK_DGRAM) if on else None
             for kind, on in (("tcp", tcp), ("tls", tls), ("dtls", dtls))]
    keys = "".join(f"nfacctd_{kind}_port: {port}\n" for kind, port in zip(("tcp", "tls", "dtls"), ports) if port)
    if tls or dtls:
        keys += "tls_path: @DIR@/keys\n"
    d, udp = run.nfacctd(BASE.format(refresh=refresh) + more + keys, ready=False)
    for name, port in zip(("", "TLS ", "DTLS "), ports):
        if port:
            d.wait_log(rf"waiting for {name}NetFlow/IPFIX data on interface=all ip=127\.0\.0\.1 port={port}/(tcp|udp)")
    return d, udp, *[port for port in ports if port]


def messages(flows, **more):
    """A template, then data."""
    return netflow.export(netflow.IPFIX, flows, int(time.time()), **more)


def stream(flows, **more):
    return b"".join(messages(flows, **more))


def sums(run):
    rows = run.rows("out.json") if (run.dir / "out.json").exists() else []
    return {"packets": sum(r["packets"] for r in rows), "bytes": sum(r["bytes"] for r in rows)}


def want(*flows):
    return {key: sum(netflow.totals(f)[key] for f in flows) for key in ("packets", "bytes")}


def finish(s):
    s.shutdown(socket.SHUT_WR)
    assert s.recv(1) == b""
    s.close()


def stats(run, d, pattern):
    """The counters of a statistics line, by name."""
    line = [line for line in d.ask().splitlines() if pattern in line][-1]
    return {k: int(v) for k, v in (w.split("=") for w in line.split() if "=" in w) if v.isdigit()}


def send_each(run, d, client, octets, before=0):
    """Each as a record of its own, which has arrived before the next goes; returns how many have by now."""
    for each in octets:
        client.send(each)
        before += 1
        run.wait(lambda: stats(run, d, "] DTLS records=")["records"] == before, f"record {before}")  # pylint: disable=cell-var-from-loop
    return before


def test_stream(run):
    """Cut between any two octets; many messages at once; two sessions of one domain that mean different things by one template."""
    d, _, port = collector(run, tcp=True)
    few, many, wide = netflow.flows(3), netflow.flows(5000), netflow.flows(7, dport=53)
    with socket.create_connection(("127.0.0.1", port)) as s, socket.create_connection(("127.0.0.1", port)) as t:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in stream(few, size=1):
            s.send(bytes([octet]))
        t.sendall(stream(wide, fields=netflow.FIELDS_V4[:2] + netflow.FIELDS_V4[7:9]))
        s.sendall(stream(many, size=40, sequence=3))
        finish(s)
        finish(t)
    d.wait_log(r"IPFIX session over TCP closed: by the exporter", count=2)
    with socket.create_connection(("127.0.0.1", port)) as s:  # templates end with their session
        s.sendall(stream(netflow.flows(9), with_template=False))
        finish(s)
    d.wait_log(r"IPFIX session over TCP closed: by the exporter", count=3)
    got = stats(run, d, " TCP sessions=")
    assert got["sessions"] == 0 and got["accepted"] == 3 and got["broken"] == 0 and got["cut"] == 0
    assert not d.said(r"expecting flow")
    d.stop()
    assert sums(run) == want(few, many, wide)


def test_stream_nonsense(run):
    """Who sends no IPFIX loses the session, who is too many or not in the list gets none; the others go on."""
    run.write("allow", "127.0.0.1\n127.0.0.2\n")
    d, _, port = collector(run, tcp=True, more="nfacctd_allow_file: @DIR@/allow\nnfacctd_max_sessions: 2\n")
    good = netflow.flows(100)
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(stream(good[:50], size=10))
        for octets in (b"GET / HTTP/1.0\r\n\r\n", struct.pack(">HH", 10, 15), struct.pack(">HHI", 9, 100, 0)):
            with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0)) as bad:
                bad.sendall(octets)
                assert bad.recv(1) == b""
        with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.3", 0)) as bad:
            assert bad.recv(1) == b""
        with socket.create_connection(("127.0.0.1", port)) as second, socket.create_connection(("127.0.0.1", port)) as third:
            assert third.recv(1) == b""
            run.write("allow", "127.0.0.1\n")
            second.sendall(struct.pack(">HH", 10, 100))  # cut off
            finish(second)
        s.sendall(stream(good[50:], size=10, sequence=50))
        finish(s)
    d.wait_log(r"WARN .*127\.0\.0\.2\]:\d+ IPFIX session over TCP: what came is no IPFIX")
    d.wait_log(r"INFO .*127\.0\.0\.3\]:\d+ IPFIX session over TCP refused: not in nfacctd_allow_file")
    got = stats(run, d, " TCP sessions=")
    assert got["broken"] == 3 and got["not_allowed"] == 1 and got["too_many"] == 1 and got["cut"] == 1 and got["accepted"] == 5
    d.stop()
    assert sums(run) == want(good)


def test_stream_end(run):
    """What is in the socket when the daemon ends is counted; a session that the allow list does not have any more ends."""
    run.write("allow", "127.0.0.0/8\n")
    d, _, port = collector(run, tcp=True, more="nfacctd_allow_file: @DIR@/allow\n")
    flows = netflow.flows(2000)
    with socket.create_connection(("127.0.0.1", port)) as s, socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.9", 0)) as t:
        t.sendall(stream(flows[:10]))
        run.wait(lambda: stats(run, d, " TCP sessions=")["messages"], "the first message")
        run.write("allow", "127.0.0.1\n")
        d.send_signal(signal.SIGUSR2)
        assert t.recv(1) == b""
        d.wait_log(r"127\.0\.0\.9\]:\d+ IPFIX session over TCP closed: not in nfacctd_allow_file any more")
        s.sendall(stream(flows[10:], size=40))
        d.stop()
    assert sums(run) == want(flows)


def test_tls(run):
    """TLS 1.2 and 1.3, of OpenSSL and GnuTLS: both sides show certificates. Without a good one: nothing, and it is said why."""
    keys = tlskeys.Keys(run)
    d, _, port = collector(run, tls=True)
    flows = netflow.flows(3000)
    for n, version in enumerate((ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)):
        s = keys.connect(port, version=version)
        s.sendall(stream(flows[n * 1000:n * 1000 + 1000], size=45))
        tlskeys.finish(s)
    d.wait_log(r"INFO .*127\.0\.0\.1\]:\d+ IPFIX over TLS1\.[23]: certificate of CN=router", count=2)
    client = tlskeys.gnutls(run, port, words=())
    d.wait_log(r"IPFIX over TLS1\.3: certificate of CN=router", count=2)
    client.send(stream(flows[2000:], size=45))
    client.close()
    d.wait_log(r"IPFIX session over TLS closed: by the exporter", count=3)
    for who in (None, "stranger"):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            assert keys.refused(port, who, version=version)
    d.wait_log(r"WARN .*IPFIX over TLS refused: it shows no certificate")
    d.wait_log(r"WARN .*IPFIX over TLS refused: The certificate is NOT trusted\. The certificate issuer is unknown\.")
    with socket.create_connection(("127.0.0.1", port)) as s, contextlib.suppress(ConnectionResetError):
        s.sendall(stream(flows[:10]))
        s.settimeout(60)
        while s.recv(100):
            pass
    d.wait_log(r"WARN .*IPFIX over TLS refused: .*(packet|record|version)")
    assert keys.refused(port, "router", version=ssl.TLSVersion.TLSv1_1)
    got = stats(run, d, "] TLS sessions=0 half")
    assert got["done"] == 3 and got["no_certificate"] == 2 and got["bad_certificate"] == 2 and got["faults"] >= 1
    d.stop()
    assert sums(run) == want(flows)


def test_tls_reload(run):
    """SIGUSR2: new certificates for new sessions, the old ones where the new are wrong; those that were taken back."""
    keys = tlskeys.Keys(run)
    d, _, port = collector(run, tls=True, dtls=True)[:3]
    flows = netflow.flows(300)
    s = keys.connect(port)
    s.sendall(stream(flows[:100]))
    (run.dir / "keys/cert.pem").write_text("nonsense\n")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"WARN .*IPFIX over TLS: .*keys/cert\.pem and .*key\.pem are no certificate and its key: .*; the certificate that was there stays")
    t = keys.connect(port)
    t.sendall(stream(flows[100:200]))
    tlskeys.finish(t)
    keys.leaf("localhost", "other")
    keys.install("localhost", "other")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"INFO .*IPFIX over TLS: certificates of .*keys loaded")
    d.wait_log(r"INFO .*IPFIX over DTLS: certificates of .*keys loaded")
    assert keys.refused(port, "router", trust="other")
    s.sendall(stream(flows[200:250], sequence=100))  # began before, goes on
    tlskeys.finish(s)
    t = keys.connect(port, "stranger", trust="other")
    t.sendall(stream(flows[250:]))
    tlskeys.finish(t)
    keys.leaf("localhost", "ca")
    keys.install("localhost", "ca")
    keys.revoke("router")
    d.send_signal(signal.SIGUSR2)
    d.wait_log(r"INFO .*IPFIX over TLS: certificates of .*keys loaded", count=2)
    assert keys.refused(port, "router")
    d.wait_log(r"IPFIX over TLS refused: .*(revoked|unknown)")
    d.wait_log(r"IPFIX session over TLS closed: by the exporter", count=3)
    d.stop()
    assert sums(run) == want(flows)


def test_tls_flood(run):
    """Connections that never finish their handshake: a bounded number of them is kept, and who can, gets in."""
    run.need_root()
    keys = tlskeys.Keys(run)
    d, _, port = collector(run, tls=True, more="tls_handshake_timeout: 4\n")
    flows, idle = netflow.flows(500), []
    s = keys.connect(port)
    s.sendall(stream(flows[:100]))
    for n in range(1500):
        idle.append(socket.create_connection(("127.0.0.1", port), source_address=(f"127.0.{n % 250}.7", 0)))
        if n % 3 == 0:
            idle[-1].send(b"\x16\x03\x01")
    t = keys.connect(port)
    t.sendall(stream(flows[100:]))
    tlskeys.finish(t)
    got = stats(run, d, "] TLS sessions=")
    assert got["half_open"] <= 1024 and got["pushed_out"] >= 1500 - 1024 and got["done"] == 2
    d.wait_log(r"WARN .*IPFIX over TLS refused: too many handshakes at a time")
    d.wait_log(r"WARN .*IPFIX over TLS refused: the handshake took too long", 30)
    run.wait(lambda: stats(run, d, "] TLS sessions=")["half_open"] == 0, "handshakes to end", 30)
    tlskeys.finish(s)
    d.wait_log(r"IPFIX session over TLS closed: by the exporter", count=2)
    for each in idle:
        each.close()
    d.stop()
    assert sums(run) == want(flows)


def test_dtls(run):
    """DTLS 1.2 of OpenSSL and of GnuTLS, at the same time; without a good certificate, or from elsewhere, nothing."""
    keys = tlskeys.Keys(run)
    run.write("allow", "127.0.0.1\n")
    d, _, port = collector(run, dtls=True, more="nfacctd_allow_file: @DIR@/allow\n")
    flows = netflow.flows(400)
    clients = [tlskeys.openssl(run, port), tlskeys.gnutls(run, port)]
    d.wait_log(r"INFO .*127\.0\.0\.1\]:\d+ IPFIX over DTLS1\.2: certificate of CN=router", count=2)
    sent = 0
    for n, client in enumerate(clients):
        sent = send_each(run, d, client, messages(flows[n * 200:n * 200 + 200], domain=n), sent)
    for who in (None, "stranger"):
        tlskeys.openssl(run, port, who, name=f"openssl-{who}")
    d.wait_log(r"WARN .*IPFIX over DTLS refused: it shows no certificate")
    d.wait_log(r"WARN .*IPFIX over DTLS refused: The certificate is NOT trusted\. The certificate issuer is unknown\.")
    tlskeys.openssl(run, port, words=("-dtls1_2", "-bind", "127.0.0.5:0"), name="elsewhere")
    d.wait_log(r"INFO .*127\.0\.0\.5\] IPFIX over DTLS refused: not in nfacctd_allow_file")
    for client in clients:
        client.close()
    run.wait(lambda: stats(run, d, "] DTLS sessions=")["sessions"] == 0, "both sessions to end")
    got = stats(run, d, "] DTLS sessions=")
    assert got["done"] == 2 and got["no_certificate"] == 1 and got["bad_certificate"] == 1
    d.stop()
    assert sums(run) == want(flows)


def test_dtls_again(run):
    """An exporter that has lost its session begins anew from the same port: the new one takes the place of the old one when its
    handshake is over, and a ClientHello alone does nothing to it."""
    tlskeys.Keys(run)
    d, _, port = collector(run, dtls=True)
    flows, mine = netflow.flows(40), run.port()
    words = ("-dtls1_2", "-bind", f"127.0.0.1:{mine}")
    for n in range(2):
        client = tlskeys.openssl(run, port, words=words, name=f"client{n}")
        d.wait_log(rf"127\.0\.0\.1\]:{mine} IPFIX over DTLS1\.2: certificate of CN=router", count=n + 1)
        send_each(run, d, client, messages(flows[n * 20:n * 20 + 20], sequence=n * 20), n * 2)
        client.process.kill()  # without taking leave
        client.process.wait()
    assert stats(run, d, "] DTLS sessions=")["sessions"] == 1
    d.stop()
    assert sums(run) == want(flows)


def test_dtls_flood(run):
    """Datagrams of those who never answer: nothing is kept of them; nonsense from the address of a session does not touch it."""
    tlskeys.Keys(run)
    d, _, port = collector(run, dtls=True)
    flows = netflow.flows(30)
    client = tlskeys.gnutls(run, port)
    mine = int(d.wait_log(r"127\.0\.0\.1\]:(\d+) IPFIX over DTLS1\.2: certificate of CN=router")[1])
    hello = bytes.fromhex("16feff00000000000000000038010000 2c000000000000002cfefd".replace(" ", "")) + bytes(32) + bytes.fromhex("00000004c02b c0300100".replace(" ", ""))
    junk = [hello, hello[:13], bytes(40), bytes.fromhex("17fefd0001000000000005001000") + bytes(16), b"\x16", bytes.fromhex("15fefd00010000000000050002") + b"\x02\x28"]
    run.send(port, junk * 300)
    if run.isolated:  # the same from the address and port of the session
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
            for octets in junk * 20:
                raw.sendto(struct.pack(">HHHH", mine, port, 8 + len(octets), 0) + octets, ("127.0.0.1", 0))
    run.drained(port)
    got = stats(run, d, "] DTLS sessions=")
    assert got["sessions"] == 1 and got["half_open"] == 0 and got["handshakes"] == 1
    got = stats(run, d, "] DTLS records=")
    assert got["cookies"] >= 300 and got["malformed"] >= 600 and got["unasked"] >= 300
    send_each(run, d, client, messages(flows))
    client.close()
    d.stop()
    assert sums(run) == want(flows)


def test_only_secured(run):
    """nfacctd_disable_udp: only the port of DTLS is open. Half of what TLS needs is refused."""
    tlskeys.Keys(run)
    d, udp, _ = collector(run, dtls=True, more="nfacctd_disable_udp: true\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", udp))
        s.send(b"hello")
        try:
            s.send(b"hello")
            raise AssertionError("the port is open")
        except ConnectionRefusedError:
            pass
    d.stop()
    for keys, why in (("nfacctd_dtls_port: 4741", r"\.conf:2: nfacctd_dtls_port needs dtls_path"),
                      ("nfacctd_tls_port: 4741", "nfacctd_tls_port needs tls_path"),
                      ("nfacctd_disable_udp: true", "no port of TCP, TLS or DTLS is given"),
                      ("nfacctd_port: 4741\nnfacctd_dtls_port: 4741\ndtls_path: @DIR@/keys", "has to be a port of its own"),
                      ("nfacctd_tls_port: 4741\ntls_path: @DIR@", "cannot read .*key.pem")):
        bad = run.daemon("nfacctd", config=f"plugins: print\n{keys}\n")
        assert bad.wait() == 1
        bad.wait_log(why)


def test_workers(run):
    """Sessions feed the worker that has their exporter, whatever thread reads it: the same exporters over UDP, TCP and TLS."""
    keys = tlskeys.Keys(run)
    d, udp, tcp, tls = collector(run, tcp=True, tls=True, more="core_workers: 3\n")
    flows, n = netflow.flows(2700), 0
    for host in range(1, 10):
        source = f"127.0.0.{host}"
        for open_session in (lambda s: socket.create_connection(("127.0.0.1", tcp), source_address=(s, 0)), lambda s: keys.connect(tls, source=s)):
            with open_session(source) as s:
                s.sendall(stream(flows[n:n + 100]))
                (finish if open_session.__code__.co_names[0] == "socket" else tlskeys.finish)(s)
            n += 100
        run.send(udp, messages(flows[n:n + 100]), source=source)
        n += 100
    d.wait_log(r"IPFIX session over (TCP|TLS) closed: by the exporter", count=18)
    d.stop()
    assert sums(run) == want(flows)
