# SPDX-License-Identifier: BSD-2-Clause
"""A plugin dies: the core and the other plugins go on, it comes back, the log says what was lost."""
import os
import signal
import time

import netflow

CONFIG = """
    plugins: print[a], memory[m]
    aggregate: src_host, dst_host, src_port, dst_port
    imt_path[m]: @DIR@/m.sock
    print_output[a]: json
    print_output_file[a]: @DIR@/a.json
    print_output_file_append[a]: true
    print_refresh_time[a]: 600"""


def memory_flows(run):
    return int(run.client("-c", "proto", "-N", "*", "-n", "flows").strip() or 0)


def packets_of(run):
    return sum(r["packets"] for r in run.client_json("-s"))


def test_kill_plugin(run):
    d, port = run.nfacctd(CONFIG)
    run.wait_socket("m.sock")
    first, second = netflow.flows(50), netflow.flows(30)
    run.send(port, netflow.export(9, first, int(time.time())))
    want = netflow.totals(first)["packets"]
    run.wait(lambda: packets_of(run) == want, "the flows to be in memory")
    pid = d.child("Print Plugin")
    os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    # Back within 2 s, and the log says what went with it: all 50 flows, they had not been written.
    d.wait_log(r"connection lost to 'a-print'")
    run.wait(lambda: d.child("Print Plugin") != pid, "the plugin to be back")
    assert time.monotonic() - killed < 2 * run.patience, "back within two seconds"
    line = d.wait_log(r"^WARN .*\blost\b.*$")
    run.wait(lambda: d.said(rf"lost.*\b{want}\b"), f"the log to say that {want} packets were lost, it says {line[0]}")
    run.send(port, netflow.export(9, second, int(time.time()), sequence=10))
    both = want + netflow.totals(second)["packets"]
    run.wait(lambda: packets_of(run) == both, "the other plugin to have everything")
    d.stop()
    assert sum(r["packets"] for r in run.rows("a.json")) == netflow.totals(second)["packets"]


def test_five_deaths(run):
    """A plugin that dies again and again counts as dead; as the last one, it ends the daemon with 1."""
    d, _ = run.nfacctd("plugins: print[a]\naggregate: src_host\nprint_refresh_time: 600")
    for _ in range(5):
        pid = d.child("Print Plugin")
        os.kill(pid, signal.SIGKILL)
        run.wait(lambda: d.process.poll() is not None or pid not in d.children().values(), "it to be gone")
    assert d.wait(60) == 1
    d.wait_log(r"no more plugins active\. Shutting down\.")


def test_exit_any(run):
    """One plugin that cannot open ends the daemon, if plugin_exit_any says so; else the others go on."""
    config = "plugins: print[a], memory[m]\naggregate: src_host\nprint_refresh_time: 600\nimt_path: /proc/nowhere/sock\n"
    d, _ = run.nfacctd(config + "plugin_exit_any: true\n", ready=False)
    assert d.wait(60) == 1
    d.wait_log(r"plugin_exit_any")
    d, port = run.nfacctd(config)
    d.wait_log(r"(connection lost to|cannot).*")
    run.send(port, netflow.v5(netflow.flows(3), int(time.time())))
    d.stop()
    d.wait_log("QN: 3/3")
