# SPDX-License-Identifier: BSD-2-Clause
"""What processes may still do, who may read what they write, and where passwords do not stand."""
import os
import pathlib
import pwd
import re
import signal
import socket
import stat

import netflow

# Capabilities by number: see linux/capability.h.
NET_BIND_SERVICE, NET_RAW, SYS_PTRACE, SYS_ADMIN, SYS_MODULE = 10, 13, 19, 21, 16
OPENERS = sum(1 << n for n in (0, 1, 2, 3, 4, 6, 7, 8, 10, 12, 13, 14, 23, 24))


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def caps(found):
    return {int(found[which], 16) for which in ("CapPrm", "CapEff")}, int(found["CapBnd"], 16), int(found["CapAmb"], 16)


def confined(run, pid, uid, gid, kept=0):
    """This process is that user, with no more than these capabilities, for good."""
    run.wait(lambda: set(status(pid)["Uid"].split()) == {str(uid)} and caps(status(pid)) == ({kept}, kept, 0), "the process to be confined")
    found = status(pid)
    assert set(found["Uid"].split()) == {str(uid)} and set(found["Gid"].split()) == {str(gid)}, found
    assert caps(found) == ({kept}, kept, 0), found
    assert found["NoNewPrivs"] == "1", found
    filtered(run, pid)


def filtered(run, pid):
    if not run.sanitized and "libseccomp" in run.run_program("nfacctd", "-V"):
        run.wait(lambda: status(pid)["Seccomp"] == "2", f"process {pid} to have a filter of system calls")


def test_user_and_group(run):
    """Each process keeps what it needs: core and plugins nothing, the spawner what opening takes."""
    run.need_root()
    run.dir.chmod(0o777)
    nobody = pwd.getpwnam("nobody")
    d, port = run.nfacctd("plugins: print[p], memory[m]\naggregate: src_host\nimt_path[m]: @DIR@/m.sock\nprint_refresh_time: 1\n"
                          "print_output_file[p]: @DIR@/out.json\nprint_output: json\nprint_output_file_append: true\n"
                          f"user: nobody\ngroup: {nobody.pw_gid}\n")
    run.wait_socket("m.sock")
    for pid in (d.pid, d.child("Print Plugin"), d.child("IMT Plugin")):
        confined(run, pid, nobody.pw_uid, nobody.pw_gid)
    spawner = status(d.child("Spawner"))
    (held,), bound, ambient = caps(spawner)[0], *caps(spawner)[1:]
    assert held | OPENERS == OPENERS and bound | OPENERS == OPENERS and not ambient, spawner
    assert not held & (1 << SYS_ADMIN | 1 << SYS_PTRACE | 1 << SYS_MODULE) and spawner["NoNewPrivs"] == "1", spawner
    filtered(run, d.child("Spawner"))
    # A plugin that dies comes back confined as well, and writes.
    first = d.child("Print Plugin")
    os.kill(first, signal.SIGKILL)
    run.wait(lambda: [p for t, p in d.children().items() if "Print Plugin" in t and p != first], "the plugin to come back")
    again = d.child("Print Plugin")
    confined(run, again, nobody.pw_uid, nobody.pw_gid)
    run.send(port, netflow.v5(netflow.flows(20), 1))
    run.wait(lambda: (run.dir / "out.json").exists() and sum(r["packets"] for r in run.rows("out.json")) ==
             sum(f["packets"] for f in netflow.flows(20)), "all of it to be written")
    d.stop()


def test_user_of_tee(run):
    """Transparent replication needs the right to send with addresses and ports of others: nothing else stays."""
    run.need_root()
    run.dir.chmod(0o755)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as r:
        r.bind(("127.0.0.1", 0))
        run.write("receivers.lst", f"id=1 ip=127.0.0.1:{r.getsockname()[1]}\n")
        nobody = pwd.getpwnam("nobody")
        d, _ = run.nfacctd("plugins: tee\ntee_receivers: @DIR@/receivers.lst\ntee_transparent: true\nuser: nobody\n")
        pid = d.child("Tee Plugin")
        confined(run, pid, nobody.pw_uid, nobody.pw_gid, 1 << NET_RAW | 1 << NET_BIND_SERVICE)
        d.stop()


def test_user_by_number(run):
    """An account without a name has the group that it is given, and no others."""
    run.need_root()
    run.dir.chmod(0o777)
    d, _ = run.nfacctd("plugins: memory[m]\naggregate: src_host\nimt_path: @DIR@/m.sock\nuser: 54321\ngroup: 54322\n")
    run.wait_socket("m.sock")
    confined(run, d.pid, 54321, 54322)
    assert status(d.pid)["Groups"].split() == ["54322"], status(d.pid)
    d.stop()


def test_unknown_names(run):
    for key, kind in (("user", "user"), ("group", "group")):
        path = run.config(f"plugins: print\n{key}: no-such-name\n")
        run.run_program("nfacctd", "--check-config", "-f", path, expect=1)
        assert re.search(rf":2\] {key}: .*a {kind} of this system, by name or number", run.stderr), run.stderr


def test_trigger_programs(run):
    """A plugin that runs a program of the site has no filter, since that would be the program's too; the core has one."""
    run.write("t.sh", "#!/bin/sh\nunshare --user true 2>/dev/null; echo done >>$(dirname $0)/ran\n").chmod(0o755)
    d, port = run.nfacctd("plugins: print\naggregate: src_host\nprint_refresh_time: 1\nprint_trigger_exec: @DIR@/t.sh\n")
    d.wait_log(r"INFO \( default_print/print \): no filter of system calls in this process: it runs a program of yours")
    run.send(port, netflow.v5(netflow.flows(3), 1))
    run.wait_file("ran")
    filtered(run, d.pid)
    assert status(d.child("Print Plugin"))["Seccomp"] == "0"
    d.stop()


def test_seccomp_off(run):
    d, _ = run.nfacctd("plugins: print\naggregate: src_host\nseccomp: off\n")
    for pid in (d.pid, d.child("Spawner"), d.child("Print Plugin")):
        assert status(pid)["Seccomp"] == "0", status(pid)
    d.stop()


SECRET = "S3cr3t-never-shown"


def test_secrets(run):
    """Passwords of servers stand in no log (of servers that refuse, with debugging), no process title, no environment; and core
    dumps, which they would stand in, are not written unless asked for."""
    run.need_root()
    run.dir.chmod(0o777)
    dead = run.port(socket.SOCK_STREAM)
    known = run.run_program("nfacctd", "-V")
    here = [p for p in ("pgsql", "mysql", "kafka", "amqp") if re.search(rf"^{p}$", known, re.M)]
    run.write("kafka.conf", f"global, sasl.password, {SECRET}\n")
    d, port = run.nfacctd(f"plugins: memory[m]{''.join(f', {p}[{p}]' for p in here)}\naggregate: src_host\nimt_path: @DIR@/m.sock\n"
                          f"sql_passwd: {SECRET}\nsql_refresh_time: 1\nsql_host: 127.0.0.1\nsql_port: {dead}\n"
                          f"amqp_passwd: {SECRET}\namqp_host: 127.0.0.1\namqp_port: {dead}\namqp_refresh_time: 1\n"
                          f"kafka_config_file: @DIR@/kafka.conf\nkafka_broker_host: 127.0.0.1\nkafka_broker_port: {dead}\nkafka_refresh_time: 1\n"
                          f"redis_host: 127.0.0.1:{dead}\nredis_passwd: {SECRET}\ncluster_name: c\n"
                          f"spool_dir: @DIR@/spool\ndebug: true\nuser: nobody\n")
    run.wait(lambda: len([p for p in (d.pid, *d.children().values()) if status(p)["NoNewPrivs"] == "1"]) == len(here) + 3, "all to be confined")
    run.send(port, netflow.v5(netflow.flows(5), 1))
    for plugin in here:
        d.wait_log(rf"(ERROR|WARN) \( {plugin}/{plugin} \)")
    d.send_signal(signal.SIGUSR1)
    d.wait_log("---")
    for pid in (d.pid, *d.children().values()):
        for name in ("cmdline", "environ"):
            assert SECRET not in pathlib.Path(f"/proc/{pid}/{name}").read_text(errors="replace"), (pid, name)
        if not run.sanitized:  # what may not be dumped belongs to root
            assert os.stat(f"/proc/{pid}/mem").st_uid == 0, pid
    d.stop(expect=None)
    assert not d.said("Permission denied"), d.text()  # what was made by root belongs to the user
    assert SECRET not in d.text(), re.search(f".*{SECRET}.*", d.text())[0]
    for path in run.dir.rglob("*"):
        if path.is_file() and path.suffix != ".conf":
            assert SECRET.encode() not in path.read_bytes(), path
    d, _ = run.nfacctd("plugins: memory[m]\naggregate: src_host\nimt_path: @DIR@/m.sock\nuser: nobody\ncore_dumps: true\n")
    run.wait_socket("m.sock")
    run.wait(lambda: status(d.pid)["NoNewPrivs"] == "1", "the process to be confined")
    if not run.sanitized:
        run.wait(lambda: os.stat(f"/proc/{d.pid}/mem").st_uid != 0, "the core to be open to its user")
    d.stop()


def test_modes_of_files(run):
    """What is written is the owner's alone; files_umask says otherwise, for sockets too."""
    for mask, want in ((None, 0o600), ("027", 0o640)):
        base = run.dir / f"made-{mask}"
        d, port = run.nfacctd(f"plugins: print[p], memory[m], sqlite3[s]\naggregate: src_host\nlogfile: {base}/log/l\npidfile: {base}/run/pid\n"
                              f"print_output_file: {base}/out/p.csv\nprint_refresh_time: 1\nimt_path: {base}-m.sock\n"
                              f"sql_db: {base}/out/s.db\nsql_refresh_time: 1\nspool_dir: {base}/spool\n" +
                              (f"files_umask: {mask}\n" if mask else ""), ready=False)
        run.wait(lambda base=base: (base / "log/l").exists() and "waiting for NetFlow" in (base / "log/l").read_text(), "the daemon")
        run.wait_socket(f"{base.name}-m.sock")
        run.send(port, netflow.v5(netflow.flows(5), 1))
        run.wait_file(f"{base.name}/out/p.csv")
        for path in base.rglob("*"):
            mode = stat.S_IMODE(path.lstat().st_mode)
            if path.is_dir():
                assert mode == want | (want >> 2 & 0o111), (path, oct(mode))
            elif path.name != "s.db":
                assert mode == want, (path, oct(mode))
        mode = stat.S_IMODE(os.stat(f"{base}-m.sock").st_mode)
        assert mode == (0o750 if mask else 0o777), oct(mode)  # anybody may ask, unless files_umask says otherwise
        d.stop()
