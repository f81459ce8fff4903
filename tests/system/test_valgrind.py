# SPDX-License-Identifier: BSD-2-Clause
"""The daemons of one process under valgrind, over a small run: no read of what was never written, no leak at the end. One of them here;
`./dev valgrind` runs all. (Collectors of flows and their plugins have the leak checker of the address sanitizer in every system test.)"""
import re
import signal
import socket

import bgp
import bmp

SUPPRESSED = """
{
   the process title leaves copies of arguments and environment behind
   Memcheck:Leak
   ...
   fun:title_init
}
{
   /proc/self/stat leads to valgrind's own arguments, which the title is written over
   Memcheck:Addr1
   ...
   fun:title_set
}
{
   the same, more at a time
   Memcheck:Addr8
   ...
   fun:title_set
}
"""


def under(run, program, config, ready):
    """A daemon with its libraries' own ways switched off: no filter of system calls, memory that may be looked at."""
    run.need("valgrind")
    if run.sanitized:
        run.skip("sanitizers look for the same")
    suppressed = run.write("valgrind.supp", SUPPRESSED)
    d = run.daemon(program, config=config + "\nseccomp: off\ncore_dumps: true\n",
                   front=("valgrind", "-q", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect",
                          "--child-silent-after-fork=no", f"--suppressions={suppressed}", f"--log-file={run.dir}/vg.%p"))
    d.wait_log(ready, seconds=60)
    return d


def clean(run, d):
    """Ends it and reads what valgrind has found in each process."""
    d.stop(signal.SIGINT, seconds=90)
    for path in run.dir.glob("vg.*"):
        text = path.read_text(errors="replace")
        assert not re.search(r"==\d+==", text), f"{path.name}:\n{text[:6000]}"


def every(run):
    if run.options.rounds <= 2:
        run.skip("./dev valgrind runs it")


def test_pmbgpd(run):
    port = run.port(socket.SOCK_STREAM)
    d = under(run, "pmbgpd", f"bgp_daemon_ip: 127.0.0.1\nbgp_daemon_port: {port}\nbgp_daemon_msglog_file: @DIR@/log.json\n"
              "bgp_table_dump_file: @DIR@/dump.json\nbgp_table_dump_refresh_time: 60\n", "waiting for BGP data")
    s = bgp.Speaker(run, port).meet()
    s.send(bgp.announcements([f"10.{n}.0.0/16" for n in range(100)], bgp.attributes(communities=("65001:1",))))
    run.wait(lambda: (run.dir / "log.json").exists() and "10.99.0.0/16" in (run.dir / "log.json").read_text(), "the routes", 60)
    s.close()
    d.send_signal(signal.SIGUSR1)
    clean(run, d)


def test_pmbmpd(run):
    every(run)
    port = run.port(socket.SOCK_STREAM)
    d = under(run, "pmbmpd", f"bmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {port}\nbmp_daemon_msglog_file: @DIR@/log.json\n", "waiting for BMP data")
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(bmp.init() + bmp.peer_up() + bmp.routes(announce=["203.0.113.0/24"]) + bmp.peer_down() + bmp.term())
        run.wait(lambda: (run.dir / "log.json").exists() and '"term"' in (run.dir / "log.json").read_text(), "the end in the log", 60)
    clean(run, d)


def test_pmtelemetryd(run):
    every(run)
    port = run.port(socket.SOCK_STREAM)
    d = under(run, "pmtelemetryd", f"telemetry_daemon_ip: 127.0.0.1\ntelemetry_daemon_port_tcp: {port}\ntelemetry_daemon_decoder: json\n"
              "telemetry_daemon_msglog_file: @DIR@/log.json\n", "waiting for telemetry data")
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b'{"a": 1}\n{"b": [1, 2]}\n{"c"')
        run.wait(lambda: (run.dir / "log.json").exists() and '"b"' in (run.dir / "log.json").read_text(), "the messages", 60)
    clean(run, d)
