# SPDX-License-Identifier: BSD-2-Clause
"""Keys that are an option of a socket: what the kernel says of the sockets (ss), with the key and without."""
import contextlib
import socket

# program, the key of the port, of what kind; {key: its value, as ss shows it at the socket that listens, as it shows it without the key}
LISTENERS = (
    ("nfacctd", "nfacctd_port", "udp", "nfacctd_ip", {"nfacctd_interface": "%lo", "nfacctd_ipv6_only": "v6only:1", "nfacctd_pipe_size": "rb6000000"}),
    ("sfacctd", "sfacctd_port", "udp", "sfacctd_ip", {"sfacctd_interface": "%lo", "sfacctd_ipv6_only": "v6only:1", "sfacctd_pipe_size": "rb6000000"}),
    ("pmbgpd", "bgp_daemon_port", "tcp", "bgp_daemon_ip",
     {"bgp_daemon_interface": "%lo", "bgp_daemon_ipv6_only": "v6only:1", "bgp_daemon_pipe_size": "rb200000", "bgp_daemon_ipprec": None}),
    ("pmbmpd", "bmp_daemon_port", "tcp", "bmp_daemon_ip",
     {"bmp_daemon_interface": "%lo", "bmp_daemon_ipv6_only": "v6only:1", "bmp_daemon_pipe_size": "rb200000", "bmp_daemon_ipprec": None}),
    ("pmtelemetryd", "telemetry_daemon_port_tcp", "tcp", "telemetry_daemon_ip",
     {"telemetry_daemon_interface": "%lo", "telemetry_daemon_ipv6_only": "v6only:1", "telemetry_daemon_pipe_size": "rb200000", "telemetry_daemon_ipprec": None}),
    ("pmtelemetryd", "telemetry_daemon_udp_notif_port", "udp", "telemetry_daemon_udp_notif_ip",
     {"telemetry_daemon_udp_notif_interface": "%lo", "telemetry_daemon_udp_notif_ipv6_only": "v6only:1"}),
)
MORE = {"nfacctd": "plugins: print\n", "sfacctd": "plugins: print\n", "pmtelemetryd": "telemetry_daemon_decoder: json\n"}
VALUES = {"interface": "lo", "ipv6_only": "true", "acctd_pipe_size": "3000000", "pipe_size": "100000", "ipprec": "6"}  # collectors only enlarge


def value(key):
    return next(v for end, v in VALUES.items() if key.endswith(end))


def sockets(run, kind, port):
    """A line of each of its sockets with this port at either end."""
    return [line for line in run.call("ss", "-HanOme", "--tos", f"--{kind}").splitlines() if f":{port} " in line]


def listening(run, kind, port):
    """The line of the socket that listens, or nothing."""
    return "".join(line for line in sockets(run, kind, port) if line.split()[0] in ("LISTEN", "UNCONN"))


def ready(d):
    d.wait_log("waiting for (NetFlow|sFlow|BGP|BMP|telemetry).* data", 60)


def test_listening_sockets(run):
    """Each key alone shows at the socket, and nothing else does; what it says of packets, at a session."""
    run.need("ss")
    run.need_root()
    for program, port_key, kind, ip_key, keys in LISTENERS:
        port = run.port(socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
        base = MORE.get(program, "") + f"{ip_key}: ::\n{port_key}: {port}\n"
        for having in (set(), set(keys)):
            d = run.daemon(program, config=base + "".join(f"{key}: {value(key)}\n" for key in having))
            ready(d)
            line = listening(run, kind, port)
            for key, shown in keys.items():
                assert shown is None or (shown in line) == (key in having), (key, having, line)
            if kind == "tcp":
                session(run, port, next((key for key in keys if key.endswith("ipprec")), None) in having)
            d.stop()


def session(run, port, marked):
    """A session's packets are marked by class selector 6 where that is asked for."""
    ends = lambda: [line for line in sockets(run, "tcp", port) if line.startswith("ESTAB")]
    with socket.create_connection(("::1", port), 60):
        run.wait(lambda: len(ends()) == 2 and any("tclass:0xc0" in line for line in ends()) == marked, f"a session{' that is marked' * marked}", 60)


def test_sockets_that_connect(run):
    """RTR to a cache, exports to a collector."""
    run.need("ss")
    run.need_root()
    with socket.create_server(("127.0.0.1", 0)) as cache, contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as collector:
        collector.bind(("127.0.0.1", 0))
        rtr, export = cache.getsockname()[1], collector.getsockname()[1]
        probe = "pcap_interface: lo\nplugins: {0}\n{0}_receiver: 127.0.0.1:%d\n" % export
        for program, config, port, kind, shown in (
                ("pmbgpd", f"bgp_daemon_port: {run.port(socket.SOCK_STREAM)}\nrpki_rtr_cache: 127.0.0.1:{rtr}\n", rtr, "tcp",
                 {"rpki_rtr_cache_pipe_size": "rb200000", "rpki_rtr_cache_ipprec": "tos:0xc0"}),
                ("pmacctd", probe.format("nfprobe"), export, "udp", {"nfprobe_ipprec": "tos:0xc0"}),
                ("pmacctd", probe.format("sfprobe"), export, "udp", {"sfprobe_ipprec": "tos:0xc0"})):
            for having in (set(), set(shown)):
                d = run.daemon(program, config=config + "".join(f"{key}: {value(key)}\n" for key in having))
                own = lambda: [line for line in sockets(run, kind, port) if line.startswith("ESTAB") and line.split()[4].endswith(f":{port}")]  # pylint: disable=cell-var-from-loop
                run.wait(lambda: own() and all((text in own()[0]) == (key in having) for key, text in shown.items()), f"{having}", 60)  # pylint: disable=cell-var-from-loop
                d.stop()


def test_looking_glass_address(run):
    """Where it listens, and where it does not."""
    run.need("ss")
    if not run.has("pmbgp"):
        run.skip("a build without libzmq")
    lg = run.port(socket.SOCK_STREAM)
    for text, shown in (("", f"127.0.0.1:{lg}"), ("bgp_daemon_lg_ip: 127.0.0.3\n", f"127.0.0.3:{lg}")):
        d = run.daemon("pmbgpd", config=f"bgp_daemon_ip: 127.0.0.1\nbgp_daemon_port: {run.port(socket.SOCK_STREAM)}\nbgp_daemon_lg: true\nbgp_daemon_lg_port: {lg}\n{text}")
        ready(d)
        line = listening(run, "tcp", lg)
        assert line.split()[3].replace("[::ffff:", "").replace("]", "") == shown, line
        d.stop()
