# SPDX-License-Identifier: BSD-2-Clause
"""metrics_listen: figures of sessions, TLS, gRPC, the looking glass, cross connects, dumps, high availability, RPKI and the spool are those that
SIGUSR1 shows."""
import shutil
import signal
import socket
import subprocess

import bgp
import bmp
import netflow
import servers
import test_bmp
import test_grpc
import test_telemetry
import test_tls
import tlskeys
from harness import Failed
from test_bgp import ask
from test_metrics import families, get, series
from test_routes import roas


def metrics(run):
    """A port, and the key for it."""
    port = run.port(socket.SOCK_STREAM)
    return port, f"metrics_listen: {port}\n"


def until(run, at, name, *rows, **common):
    """Waits until figures are as wanted; what is served then. Rows: (number, or a function that says whether it will do, labels). What is served may be
    some tenths of a second old."""
    text, wrong = "", []

    def so():
        nonlocal text
        text, wrong[:] = get(at), []
        for wanted, labels in rows:
            found = [v for (n, have), v in series(text).items() if n == "pmacct_" + name and set({**labels, **common}.items()) <= have]
            if len(found) != 1 or not (wanted(found[0]) if callable(wanted) else wanted == found[0]):
                wrong.append((wanted, labels, found))
        return not wrong
    try:
        run.wait(so, f"{name} {common}", 60)
    except Failed as e:
        raise Failed(f"{e}: {wrong}\n{text}") from None
    return text


def promtool(text):
    """Nothing but what the table has, and nothing that Prometheus' tool finds wrong."""
    assert {name for name, _ in series(text)} <= families()
    if shutil.which("promtool"):
        said = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
        assert said.returncode == 0 and not said.stderr.strip(), said


# --- sessions

def test_metrics_ipfix_sessions(run):
    """IPFIX over TCP, TLS and DTLS: sessions, messages, who was refused and why."""
    keys, (at, key) = tlskeys.Keys(run), metrics(run)
    d, _, tcp, tls, dtls = test_tls.collector(run, tcp=True, tls=True, dtls=True, more=key)
    sent = list(test_tls.messages(netflow.flows(100)))
    octets = b"".join(sent)
    plain = socket.create_connection(("127.0.0.1", tcp))
    secured = keys.connect(tls)
    for s in (plain, secured):
        s.sendall(octets)
    assert keys.refused(tls, None) and keys.refused(tls, "stranger")
    client = tlskeys.openssl(run, dtls)
    d.wait_log(r"over DTLS1\.2: certificate of CN=router", 60)
    client.send(sent[0])
    until(run, at, "input_received_total", (len(sent), {"input": "TCP"}), (len(sent), {"input": "TLS"}), (1, {"input": "DTLS"}))
    until(run, at, "input_bytes_total", (len(octets), {"input": "TCP"}), (len(octets), {"input": "TLS"}), (len(sent[0]), {"input": "DTLS"}))
    until(run, at, "input_sessions", (1, {"input": "TCP"}), (1, {"input": "TLS"}))
    until(run, at, "tls_sessions", (1, {"protocol": "TLS"}), (1, {"protocol": "DTLS"}))
    until(run, at, "tls_handshakes_total", (3, {"what": "begun"}), (1, {"what": "done"}), (1, {"what": "no_certificate"}), (1, {"what": "bad_certificate"}),
          (0, {"what": "late"}), (0, {"what": "pushed_out"}), protocol="TLS")
    until(run, at, "tls_handshakes_total", (1, {"what": "done"}), protocol="DTLS")
    until(run, at, "dtls_datagrams_total", (lambda n: n >= 1, {"what": "cookies"}), (0, {"what": "malformed"}))
    promtool(until(run, at, "input_kernel_drops_total", (0, {}), protocol="DTLS"))
    plain.close()
    until(run, at, "input_sessions", (0, {}), input="TCP")
    tlskeys.finish(secured)
    client.close()
    d.stop()


def test_metrics_tls_services(run):
    """BMP and telemetry over TLS, UDP-notif over DTLS, plain UDP beside it."""
    keys, (at, key) = tlskeys.Keys(run), metrics(run)
    d, port = test_bmp.pmbmpd(run, key + "bmp_daemon_tls: true\ntls_path: @DIR@/keys\n", ready=False)
    d.wait_log("waiting for BMP data over TLS")
    s = keys.connect(port)
    s.sendall(bmp.init())
    assert keys.refused(port, None)
    until(run, at, "tls_sessions", (1, {"protocol": "TLS"}))
    promtool(until(run, at, "tls_handshakes_total", (1, {"what": "done"}), (1, {"what": "no_certificate"})))
    s.close()
    d.stop()
    udp, notif = run.port(), run.port()
    d, port = test_telemetry.collector(run, key + f"""telemetry_daemon_tls: true
        tls_path: @DIR@/keys
        telemetry_daemon_port_udp: {udp}
        telemetry_daemon_udp_notif_port: {notif}
        telemetry_daemon_udp_notif_dtls: true""", tls=True)
    s = keys.connect(port)
    assert keys.refused(port, "stranger")
    client = tlskeys.openssl(run, notif)
    d.wait_log(r"UDP-notif over DTLS1\.2: certificate of CN=router", 60)
    client.send(test_telemetry.notif(b"{}", 1))
    run.send(udp, [b'{"n": 1}', b'{"n": 2}'])
    until(run, at, "tls_sessions", (1, {"protocol": "TLS"}), (1, {"protocol": "DTLS"}))
    until(run, at, "tls_handshakes_total", (1, {"what": "done"}), (1, {"what": "bad_certificate"}), protocol="TLS")
    until(run, at, "dtls_datagrams_total", (1, {"what": "records"}))
    until(run, at, "input_received_total", (2, {}), input="telemetry UDP")
    until(run, at, "input_waiting", (0, {}), input="telemetry UDP")
    promtool(until(run, at, "input_kernel_drops_total", (0, {"input": "telemetry UDP"}), (0, {"protocol": "DTLS"})))
    s.close()
    client.close()
    d.stop()


def test_metrics_grpc(run):
    """Streams, and the helper that serves them."""
    at, key = metrics(run)
    d, port = test_grpc.collector(run, key)
    router = test_grpc.Router(run, port, test_grpc.CISCO)
    router.say(test_grpc.cisco(b'{"n": 1}'))
    until(run, at, "grpc_streams", (1, {}))
    until(run, at, "grpc_streams_total", (1, {"what": "opened"}), (0, {"what": "refused"}), (0, {"what": "cut"}))
    until(run, at, "grpc_helper_restarts_total", (0, {}))
    promtool(until(run, at, "grpc_helper_up", (1, {})))
    router.process.stdin.close()
    router.ended()
    until(run, at, "grpc_streams", (0, {}))
    d.stop()


# --- routing

def test_metrics_bgp_services(run):
    """The looking glass, cross connects, the snapshot of the tables."""
    at, key = metrics(run)
    lg = run.port(socket.SOCK_STREAM)
    far, far_port = bgp.pmbgpd(run, "bgp_daemon_as: 64999\n")
    run.write("xc", f"bgp_src=127.0.0.9 bgp_dst=127.0.0.1:{far_port}\n")
    glass = f"bgp_daemon_lg: true\nbgp_daemon_lg_port: {lg}\n" if run.has("pmbgp") else ""
    d, port = bgp.pmbgpd(run, key + glass + "bgp_daemon_xconnect_map: @DIR@/xc\nbgp_daemon_snapshot_file: @DIR@/snapshot\n")
    through, stays = bgp.Speaker(run, port, "127.0.0.9").meet(), bgp.Speaker(run, port, "127.0.0.2").meet()
    until(run, at, "bgp_xconnects", (1, {}))
    until(run, at, "bgp_sessions", (1, {}))
    if glass:
        assert len(ask(run, lg, "-g")) == 1
        ask(run, lg, "-r", "127.0.0.2", "-a", "ten", expect=1)
        until(run, at, "bgp_looking_glass_total", (2, {"what": "requests"}), (2, {"what": "answers"}), (1, {"what": "wrong"}), (0, {"what": "refused"}))
    until(run, at, "bgp_xconnects_total", (1, {"what": "taken"}), (0, {"what": "failed"}))
    until(run, at, "bgp_xconnect_bytes_total", *((lambda n: n > 40, {"direction": to}) for to in ("from_peers", "to_peers")))
    promtool(until(run, at, "dumps_total", (0, {"what": "failed"}), dump="bgp_daemon_snapshot_file"))
    through.close()
    until(run, at, "bgp_xconnects", (0, {}))
    stays.close()
    d.stop()
    far.stop()


def test_metrics_ha(run):
    """Who is active, and whether Redis is there; what is kept while standing by."""
    redis, (at, key) = servers.Redis(run), metrics(run)
    more = f"redis_host: 127.0.0.1:{redis.port}\nredis_passwd: arealsmartpwd\nbgp_daemon_ha: true\nbgp_daemon_ha_cluster_name: c\nbgp_daemon_msglog_file: @DIR@/log\n"
    more += "bgp_daemon_ha_queue_message_timeout: 600\n"
    d, port = bgp.pmbgpd(run, key + more)
    until(run, at, "ha_active", (1, {}), service="bgp")
    d.send_signal(signal.SIGRTMIN + 2)
    until(run, at, "ha_active", (0, {}), service="bgp")
    s = bgp.Speaker(run, port).meet()
    s.send(bgp.announcements(("10.0.0.0/8", "10.1.0.0/16"), bgp.attributes()))
    until(run, at, "ha_waiting", (3, {}), service="bgp")
    until(run, at, "ha_redis_up", (1, {}), service="bgp")
    promtool(until(run, at, "ha_messages_total", (0, {"what": "lost"}), (0, {"what": "handed_on"}), service="bgp"))
    d.send_signal(signal.SIGRTMIN + 3)
    until(run, at, "ha_messages_total", (0, {"what": "lost"}), (3, {"what": "handed_on"}), service="bgp")
    redis.kill()
    until(run, at, "ha_redis_up", (0, {}), service="bgp")
    s.close()
    d.stop()


def test_metrics_rpki(run):
    """An RTR cache that goes."""
    run.need("stayrtr")
    at, key = metrics(run)
    run.write("vrps.json", roas(("192.0.2.0/24", 24, 64496), ("198.51.100.0/24", 24, 64497)))
    port = run.port()
    words = ("-cache", run.dir / "vrps.json", "-bind", f"127.0.0.1:{port}", "-checktime=false", "-metrics.addr", f"127.0.0.1:{run.port()}", "-protocol", "1")
    cache = bgp.Router(run, "stayrtr", ["/usr/bin/stayrtr", *map(str, words)], ())
    d, _ = bgp.pmbgpd(run, key + f"rpki_rtr_cache: 127.0.0.1:{port}\nrpki_rtr_cache_version: 1\n")
    d.wait_log("waiting for requests")
    until(run, at, "rpki_roas", (2, {}), source="rtr")
    until(run, at, "rpki_rtr_up", (1, {}), cache=f"127.0.0.1:{port}")
    promtool(until(run, at, "rpki_rtr_total", (lambda n: n >= 1, {"what": "connections"}), (lambda n: n >= 4, {"what": "pdus"})))
    cache.stop()
    until(run, at, "rpki_rtr_up", (0, {}))
    d.stop()


# --- the spool

def test_metrics_spool(run):
    """What waits on the disk for a broker that is away, of each plugin."""
    at, key = metrics(run)
    dead = run.port(socket.SOCK_STREAM)
    d, port = run.nfacctd(f"""
        plugins: amqp[a]
        aggregate: src_host
        amqp_host: 127.0.0.1:{dead}
        amqp_routing_key: x
        amqp_refresh_time: 1
        spool_dir: @DIR@/spool
        spool_max_size: 1000000
        {key}""")
    run.send(port, netflow.v5(netflow.flows(30), 1700000000))
    until(run, at, "spool_records", (30, {}), plugin="a")
    files = [p.stat().st_size for p in run.dir.glob("spool/*/*.batch")]
    until(run, at, "spool_purges", (len(files), {}), plugin="a")
    until(run, at, "spool_disk_bytes", (sum(files), {}), plugin="a")
    until(run, at, "spool_limit_bytes", (1000000, {}), plugin="a")
    promtool(until(run, at, "spool_damaged_total", (0, {}), plugin="a"))
    d.stop()
