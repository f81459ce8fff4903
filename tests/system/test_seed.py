# SPDX-License-Identifier: BSD-2-Clause
"""What people do first with the suite, as they type it."""
import os
import re
import signal
import time

import netflow
import packets

LEVEL_LINE = r"^(DEBUG|INFO|NOTICE|WARN|ERROR|OK) \( "


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_probe_to_print(run):
    """pmacctd -P nfprobe on the default interface, nfacctd -r 10 -P print, both without a file."""
    far = run.veth()
    collector = run.daemon("nfacctd", "-r", "10", "-P", "print", "-c", "src_host,dst_host,proto", "-O", "csv")
    collector.wait_log(r"waiting for NetFlow/IPFIX data")
    probe = run.daemon("pmacctd", "-P", "nfprobe")
    probe.wait_log(r"INFO \( default_nfprobe/nfprobe \): Exporting flows to \[(127\.0\.0\.1|::1)\]:2100$")
    probe.wait_log(r"link type is: 1")
    run.call(*far, "ping", "-c", "3", "-i", "0.2", "192.0.2.1")
    probe.stop()
    collector.wait_log(r"^192\.0\.2\.1,192\.0\.2\.2,icmp,3,252$", 40)
    collector.wait_log(r"^192\.0\.2\.2,192\.0\.2\.1,icmp,3,252$", 40)
    collector.wait_log(r"INFO \( default_print/print \): \*\*\* Purging cache - END \(PID: \d+, QN: 2/2, ET: \d+\) \*\*\*")


def test_remote_receiver(run):
    """The log says where flows go."""
    run.veth()
    probe = run.daemon("pmacctd", "-i", "v0", config="plugins: nfprobe\nnfprobe_receiver: 192.0.2.100:2100\ndaemonize: false")
    probe.wait_log(r"^INFO \( default_nfprobe/nfprobe \): Exporting flows to \[192\.0\.2\.100\]:2100$")


def test_v5_to_print(run):
    """A NetFlow v5 generator, the purge lines, and the refresh time in flags."""
    port = run.port()
    d = run.daemon("nfacctd", "-l", port, "-L", "127.0.0.1", "-r", "3", "-P", "print", "-O", "json",
                   "-c", "src_host,dst_host,src_port,dst_port,proto")
    d.wait_log(r"waiting for NetFlow/IPFIX data")
    made = netflow.flows(90)
    run.send(port, netflow.v5(made, int(time.time())))
    d.wait_log(r"^INFO \( default_print/print \): \*\*\* Purging cache - START \(PID: \d+\) \*\*\*$")
    d.wait_log(r"^INFO \( default_print/print \): \*\*\* Purging cache - END \(PID: \d+, QN: 90/90, ET: \d+\) \*\*\*$")
    # The next purge has nothing.
    d.wait_log(r"^INFO \( default_print/print \): \*\*\* Purging cache - END \(PID: \d+, QN: 0/0, ET: X\) \*\*\*$")
    d.stop()
    d.wait_log(r"^INFO \( default/core \): (SIGINT received\. Exiting|OK, Exiting) \.\.\.$")
    sums = {"packets": 0, "bytes": 0}
    for match in re.finditer(r'"packets": (\d+), "bytes": (\d+)', d.stdout()):
        sums["packets"] += int(match[1])
        sums["bytes"] += int(match[2])
    want = netflow.totals(made)
    assert sums == {"packets": want["packets"], "bytes": want["bytes"]}, (sums, want)


def test_listings(run):
    """-a: the primitives of each daemon, in groups."""
    for program, more in (("pmacctd", []), ("nfacctd", ["mpls_vpn_rd", "sampling_rate", "peer_src_ip", "nat_event", "timestamp_start"])):
        text = run.run_program(program, "-a")
        assert text.splitlines()[1].strip() == "", text
        for group in ("L2", "L3", "L4", "BGP", "NAT", "MPLS", "MISC", "TIME"):
            if group == "NAT" and program == "pmacctd":
                continue
            assert re.search(rf"^{group}$", text, re.M), f"{program}: no group {group}"
        for name in ["src_host", "dst_host", "src_port", "proto", "vlan", "src_mac", "timestamp_arrival"] + more:
            assert re.search(rf"^{name} +: \S", text, re.M), f"{program}: no {name}"


def test_version_and_help(run):
    for program, title in (("nfacctd", "NetFlow Accounting Daemon, nfacctd "), ("pmacctd", "Promiscuous Mode Accounting Daemon, pmacctd "),
                           ("pmacct", "pmacct IMT plugin client, pmacct ")):
        text = run.run_program(program, "-V")
        assert text.startswith(title), text
        assert program in run.run_program(program, "-h")
        if program != "pmacct":
            for section in ("Arguments:", "Libs:", "Plugins:", "System:", "Compiler:"):
                assert f"\n{section}\n" in text, text
            for plugin in ("memory", "print", "nfprobe"):
                assert f"\n{plugin}\n" in text, text


def test_debug_templates(run):
    """-d: data before its template, then the template, then data that counts."""
    d, port = run.nfacctd("plugins: print[p]\naggregate[p]: src_host\nprint_output[p]: csv\nprint_refresh_time: 60", "-d")
    made, now = netflow.flows(5), int(time.time())
    run.send(port, netflow.export(9, made, now, template=300, domain=7, with_template=False))
    d.wait_log(r"^DEBUG \( default/core \): Discarded NetFlow v9/IPFIX packet \(R: unknown template 300 \[127\.0\.0\.1:7\]\)")
    run.send(port, netflow.export(9, made, now, template=300, domain=7, sequence=1))
    d.wait_log(r"^DEBUG \( default/core \): NfV9 agent +: 127\.0\.0\.1:7$")
    d.wait_log(r"^DEBUG \( default/core \): NfV9 template type : flow$")
    d.wait_log(r"^DEBUG \( default/core \): NfV9 template ID +: 300$")
    d.wait_log(r"^DEBUG \( default/core \): \| +pen +\| +field type +\| offset \| +size +\|$")
    d.wait_log(r"^DEBUG \( default/core \): Netflow V9/IPFIX record size : 31$")
    d.stop()
    d.wait_log(r"QN: 5/5")


TABLE = ("CREATE TABLE acct (ip_src CHAR(45) NOT NULL DEFAULT '0.0.0.0', ip_dst CHAR(45) NOT NULL DEFAULT '0.0.0.0', "
         "mac_src CHAR(17) NOT NULL DEFAULT '0:0:0:0:0:0', mac_dst CHAR(17) NOT NULL DEFAULT '0:0:0:0:0:0', "
         "src_port INT(4) NOT NULL DEFAULT 0, dst_port INT(4) NOT NULL DEFAULT 0, ip_proto CHAR(6) NOT NULL DEFAULT 0, "
         "packets INT NOT NULL, bytes BIGINT NOT NULL, stamp_inserted DATETIME NOT NULL DEFAULT '0000-00-00 00:00:00', "
         "stamp_updated DATETIME)")


def test_command_line_is_config(run):
    """pmacctd -D ... -P sqlite3 "src net ..." writes what its configuration file form writes."""
    import pathlib
    default = pathlib.Path("/tmp/pmacct.db")
    if default.exists():
        run.skip("there is a /tmp/pmacct.db")
    far = run.veth()
    try:
        run.call("sqlite3", default, TABLE)
        run.call("sqlite3", run.dir / "file.db", TABLE)
        by_file = run.daemon("pmacctd", config="""
            daemonize: false
            aggregate: src_host,dst_host
            pcap_interface: v0
            plugins: sqlite3
            sql_db: @DIR@/file.db
            sql_refresh_time: 600
            pcap_filter: src net 192.0.2.2/32""")
        by_file.wait_log("link type is: 1")
        by_flags = run.daemon("pmacctd", "-D", "-F", run.dir / "pid", "-r", "600", "-c", "src_host,dst_host", "-i", "v0",
                              "-P", "sqlite3", "src net 192.0.2.2/32")
        assert by_flags.wait() == 0, by_flags.text()
        pid = int(run.wait_file("pid").read_text())
        run.wait(lambda: "SQLite3 Plugin" in run.call("ps", "-eo", "args"), "its plugin")
        run.call(*far, "ping", "-c", "4", "-i", "0.2", "192.0.2.1")
        by_file.stop()
        os.kill(pid, signal.SIGINT)
        run.wait(lambda: gone(pid), "the daemon to end")
        select = "SELECT ip_src, ip_dst, packets, bytes FROM acct"
        assert run.sql("file.db", select) == [("192.0.2.2", "192.0.2.1", 4, 336)], run.sql("file.db", select)
        assert run.sql(default, select) == run.sql("file.db", select)
    finally:
        default.unlink(missing_ok=True)


def test_memory_in_out(run):
    """Two memory plugins with filters and paths of their own, asked by pmacct -p."""
    d, port = run.nfacctd("""
        plugins: memory[in], memory[out]
        aggregate[in]: dst_host
        aggregate[out]: src_host
        aggregate_filter[in]: dst net 192.0.2.0/24
        aggregate_filter[out]: src net 192.0.2.0/24
        imt_path[in]: @DIR@/in.sock
        imt_path[out]: @DIR@/out.sock""")
    run.wait_socket("in.sock")
    run.wait_socket("out.sock")
    d.wait_log(r"^OK \( in/memory \): waiting for data on: '.*/in\.sock'$")
    inward = [netflow.flow(n, dst=f"192.0.2.{n + 1}") for n in range(4)]
    outward = [netflow.flow(n, src=f"192.0.2.{n + 1}", dst="198.51.100.1") for n in range(3)]
    run.send(port, netflow.export(10, inward + outward, int(time.time())))
    for side, made, member, key in (("in", inward, "ip_dst", "dst"), ("out", outward, "ip_src", "src")):
        def rows():
            return run.client_json("-s", socket_path=f"{side}.sock")
        run.wait(lambda: len(rows()) == len(made), f"{len(made)} entries in {side}")
        assert {(r[member], r["packets"], r["bytes"]) for r in rows()} == {(f[key], f["packets"], f["bytes"]) for f in made}
    first = inward[0]
    assert run.client("-c", "dst_host", "-N", first["dst"], socket_path="in.sock").strip() == str(first["bytes"])
    assert "For a total of: 3 entries" in run.client("-s", socket_path="out.sock")
    d.stop()
    assert not (run.dir / "in.sock").exists(), "the socket goes with the daemon"


TYPOS = """
    deamonize: false
    plugin: print
    aggregate: src_host, dst_host
    print_refresh_time: 60"""


def test_typos(run):
    """Misspelt keys: named with file and line and what was meant; the daemon runs on; --strict and --check-config refuse."""
    d, _ = run.nfacctd(TYPOS + "\nimt_path: @DIR@/m.sock")
    d.wait_log(r"^WARN: \[.*c0\.conf:1\] .*deamonize.*daemonize")
    d.wait_log(r"^WARN: \[.*c0\.conf:2\] .*plugin\b.*plugins")
    run.wait_socket("m.sock")  # without a plugin named: memory
    d.stop()
    path = run.config(TYPOS)
    for flag in ("--strict", "--check-config"):
        run.run_program("nfacctd", "-f", path, flag, expect=1)
        assert re.search(r"\[.*:1\].*deamonize", run.stderr), run.stderr


def test_bad_value(run):
    """A bad value of a known key: file, line, value, what is allowed; exit 1."""
    path = run.config("plugins: print\naggregate: src_host\nprint_output: xml")
    run.run_program("nfacctd", "-f", path, expect=1)
    assert re.search(r"\[.*:3\].*xml", run.stderr) and "json" in run.stderr, run.stderr


def test_capture_of_2016(run):
    """A capture of 2016 goes through NetFlow v9 and arrives with its times, to the millisecond."""
    start = 1_461_000_000_123_000  # 2016-04-18 17:20:00.123 UTC
    packets.pcap(run.dir / "in.pcap", packets.conversation(start, count=5, step_us=250_000))
    d, port = run.nfacctd("""
        plugins: print[p]
        aggregate[p]: src_host, timestamp_start, timestamp_end
        print_output[p]: json
        print_output_file[p]: @DIR@/out.json
        print_refresh_time: 600""")
    for version in (9, 10):
        probe = run.daemon("pmacctd", config=f"""
            daemonize: false
            pcap_savefile: @DIR@/in.pcap
            plugins: nfprobe
            nfprobe_version: {version}
            nfprobe_receiver: 127.0.0.1:{port}""")
        assert probe.wait() == 0
        run.drained(port)
    d.stop()
    row = {k: v for k, v in run.rows("out.json")[0].items() if k in ("ip_src", "timestamp_start", "timestamp_end", "packets")}
    assert row == {"ip_src": "10.0.0.1", "timestamp_start": "2016-04-18 17:20:00.123000",
                   "timestamp_end": "2016-04-18 17:20:01.123000", "packets": 10}, run.rows("out.json")
