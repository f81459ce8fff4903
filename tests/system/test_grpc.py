# SPDX-License-Identifier: BSD-2-Clause
"""Telemetry that routers dial out over gRPC: the services of Cisco, Huawei and gNMI, spoken by Python's grpcio."""
import os
import json
import pathlib
import signal
import socket
import struct
import subprocess

import test_telemetry
import tlskeys

PYTHON = "/usr/bin/python3"  # the one that has Debian's grpcio
CISCO, HUAWEI, GNMI = "/mdt_dialout.gRPCMdtDialout/MdtDialout", "/huawei_dialout.gRPCDataservice/dataPublish", "/gnmi.gNMIDialOut/Publish"


def varint(n):
    octets = b""
    while n > 127:
        octets += bytes([n & 127 | 128])
        n >>= 7
    return octets + bytes([n])


def field(number, value):
    """A field of a message: text, octets, or a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def cisco(data, request=1, total=0):
    return field(1, request) + field(2, data) + (field(4, total) if total else b"")


def leaf(name, value):
    return field(15, field(2, name) + field(5, value))


def telemetry(node, rows):
    """telemetry.proto: a message Telemetry with rows of data_gpbkv."""
    return field(1, node) + field(6, "if:interfaces") + b"".join(
        field(11, field(1, 1700000000000) + field(15, field(2, "keys") + leaf("name", n)) + field(15, field(2, "content") + leaf("state", s))) for n, s in rows)


class Router(tlskeys.Client):
    """A stream; `say` sends a message and waits until it has left."""

    def __init__(self, run, port, method, who=None, secured=False, name="router"):
        here = pathlib.Path(__file__).parent
        self.run, self.said = run, 0
        super().__init__(run, name, PYTHON, here / "grpcclient.py", port, method, *([run.dir, who or ""] if secured else []))

    def text(self):
        return self.out.read_text()

    def say(self, octets):
        self.send(octets.hex().encode() + b"\n")
        self.said += 1
        self.run.wait(lambda: self.text().count("sent") >= self.said, "the message to leave", 20)

    def ended(self, how="OK"):
        """Waits until the server has ended the stream; how it did."""
        self.run.wait(lambda: f"ended {how}" in self.text(), f"the stream to end with {how}: {self.text()}", 30)


def need_grpc(run):
    if not run.has("pmacct-grpc"):
        run.skip("this build has no gRPC")
    if subprocess.run([PYTHON, "-c", "import grpc"], stderr=subprocess.DEVNULL, check=False).returncode:
        run.skip("python3-grpcio is not installed")


def collector(run, more=""):
    need_grpc(run)
    port = run.port(socket.SOCK_STREAM)
    d = run.daemon("pmtelemetryd", config=f"""
        telemetry_daemon_ip: 127.0.0.1
        telemetry_daemon_grpc_port: {port}
        telemetry_daemon_decode_gpb: true
        telemetry_daemon_msglog_file: {run.dir}/log.json
        {more}""")
    d.wait_log(r"waiting for telemetry data over gRPC( and TLS)? on ip=127\.0\.0\.1 port=\d+/tcp", 30)
    return d, port


def test_grpc_dialout(run):
    """Key-value rows and JSON of Cisco, whole and in parts; Huawei; gNMI; messages of megabytes; what makes no sense costs itself."""
    d, port = collector(run)
    router = Router(run, port, CISCO)
    router.say(cisco(telemetry("r1", [("eth0", "up"), ("eth1", "down")])))
    router.say(cisco(b' {"node_id_str": "r2"}', 2))
    whole = telemetry("r3", [(f"eth{n}", "up") for n in range(200)])
    for at in range(0, len(whole), 700):
        router.say(cisco(whole[at:at + 700], 3, len(whole)))
    router.say(field(1, 4) + field(3, "no such path"))  # errors alone
    router.say(b"\x12\xff\xff\xff")
    router.say(cisco(whole[:100], 5, len(whole)))  # of which the rest does not come
    router.say(cisco(b'{"n": 6}', 6))
    router.say(cisco(b'{"n": 7}', 7))
    big = {"text": "x" * 3_000_000}
    router.say(cisco(json.dumps(big).encode(), 8))
    rows = test_telemetry.wait_data(run, 5)
    assert [r["keys"]["name"] for r in rows[0]["data_gpbkv"]] == ["eth0", "eth1"] and rows[0]["node_id_str"] == "r1"
    assert rows[1] == {"node_id_str": "r2"} and len(rows[2]["data_gpbkv"]) == 200 and rows[3:] == [{"n": 7}, big]
    huawei = Router(run, port, HUAWEI, name="huawei")
    huawei.say(field(1, 1) + field(4, '{"huawei": 1}'))
    huawei.say(field(1, 2) + field(2, telemetry("r4", [])))
    element = lambda called, **keys: field(3, field(1, called) + b"".join(field(2, field(1, k) + field(2, v)) for k, v in keys.items()))
    update = field(1, element("mtu")) + field(3, field(3, 1500))
    note = field(1, 1700000000000000000) + field(2, field(4, "r5") + element("interfaces") + element("interface", name="eth0/1]"))
    values = [field(3, field(1, "up")), field(3, field(11, '{"a":  [1.50]}')), field(3, field(4, 1)), field(3, b"\x71" + struct.pack("<d", 2.5)),
              field(3, field(8, field(1, field(1, "a")) + field(1, field(2, 2**64 - 5))))]
    gnmi = Router(run, port, GNMI, name="gnmi")
    gnmi.say(field(1, note + field(4, update) + b"".join(field(4, field(1, element(f"v{n}")) + v) for n, v in enumerate(values)) + field(5, element("gone"))))
    gnmi.say(field(3, 1))
    rows = test_telemetry.wait_data(run, 9)[5:]
    assert {"huawei": 1} in rows and {"sync_response": True} in rows and any(r.get("node_id_str") == "r4" for r in rows)
    assert [r["update"] for r in rows if "update" in r] == [{
        "timestamp": "1700000000000000000", "prefix": "/interfaces/interface[name=eth0/1\\]]", "target": "r5",
        "update": [{"path": "/mtu", "val": "1500"}, {"path": "/v0", "val": "up"}, {"path": "/v1", "val": {"a": [1.50]}}, {"path": "/v2", "val": True},
                   {"path": "/v3", "val": 2.5}, {"path": "/v4", "val": ["a", "-5"]}], "delete": ["/gone"]}]
    for each in (router, huawei, gnmi):
        each.process.stdin.close()
        each.ended()
    d.wait_log(r"gRPC stream closed: by the router", count=3)
    other = Router(run, port, "/some.Service/Method", name="other")
    other.ended("UNIMPLEMENTED")
    d.wait_counters(r"Total\] pkts=\d+ pktBytes=\d+ msgs=9 .*msgErrors=2 ",
                    r"gRPC streams=0 opened=3 refused=0 cut=0 restarts=0 unfinished=0 octets")
    d.stop()


def test_grpc_limits(run):
    """The allow list, the bound of peers; a helper that dies comes back; one that cannot listen stops the start."""
    run.write("allow", "127.0.0.1\n")
    d, port = collector(run, "telemetry_daemon_max_peers: 2\ntelemetry_daemon_allow_file: @DIR@/allow\n")
    first, second = (Router(run, port, CISCO, name=n) for n in ("first", "second"))
    for router in (first, second):
        router.say(cisco(b'{"n": 1}'))
    test_telemetry.wait_data(run, 2)
    third = Router(run, port, CISCO, name="third")
    third.ended("RESOURCE_EXHAUSTED")
    os.kill(helper(run, d), signal.SIGKILL)
    d.wait_log(r"WARN .*the gRPC helper had died and has been started again", 30)
    for router in (first, second):
        router.ended("UNAVAILABLE")
    again = Router(run, port, CISCO, name="again")
    again.say(cisco(b'{"n": 2}'))
    assert test_telemetry.wait_data(run, 3)[2] == {"n": 2}
    run.write("allow", "192.0.2.1\n")
    d.send_signal(signal.SIGUSR2)
    again.ended("CANCELLED")
    Router(run, port, CISCO, name="stranger").ended("CANCELLED")
    d.wait_log(r"\[127\.0\.0\.1\] peer is not in telemetry_daemon_allow_file")
    bad = run.daemon("pmtelemetryd", config=f"telemetry_daemon_ip: 127.0.0.1\ntelemetry_daemon_grpc_port: {port}\n")
    assert bad.wait() == 1
    bad.wait_log(r"ERROR .*telemetry_daemon_grpc_port: cannot listen on 127\.0\.0\.1:\d+")
    d.stop()


def helper(run, d):
    """The pid of the process that serves: the last of the two."""
    pids = []

    def there():
        pids[:] = [pid for title, pid in d.children().items() if "pmacct-grpc" in title]
        return pids

    run.wait(there, "the helper")
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        words = path.read_text().rsplit(")", 1)
        if "(pmacct-grpc" in words[0]:
            found[int(path.parent.name)] = int(words[1].split()[1])
    return next(pid for pid, parent in found.items() if parent in found)


def test_grpc_tls(run):
    """Over TLS both sides show certificates; who has none leaves nothing in the log."""
    need_grpc(run)
    tlskeys.Keys(run)
    d, port = collector(run, "telemetry_daemon_grpc_tls: true\ntls_path: @DIR@/keys\n")
    router = Router(run, port, CISCO, "router", True)
    router.say(cisco(b'{"n": 1}'))
    test_telemetry.wait_data(run, 1)
    for who in (None, "stranger"):
        stranger = Router(run, port, CISCO, who, True, name=f"x-{who}")
        stranger.ended("UNAVAILABLE")
    router.say(cisco(b'{"n": 2}'))
    router.process.stdin.close()
    router.ended()
    assert test_telemetry.wait_data(run, 2) == [{"n": 1}, {"n": 2}]
    d.stop()
