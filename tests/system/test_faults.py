# SPDX-License-Identifier: BSD-2-Clause
"""Faults, and what they cost: each case measures what was lost, what came twice and when all went on again, and says so with
run.measured(). `./dev faults` runs these and the other cases that tests/faults/rows.py names, and writes docs/reliability.md."""
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import time

import bgp
import bmp
import netflow
from test_bmp import pmbmpd
from test_telemetry import collector as telemetry_collector

LOST = re.compile(r"lost with it: (\d+) records, (\d+) packets, (\d+) bytes")

COLLECTOR = """
    plugins: print[p], memory[m]
    aggregate: src_host, dst_port
    imt_path: @DIR@/m.sock
    print_output: json
    print_output_file: @DIR@/out.json
    print_output_file_append: true
    print_refresh_time: 1
    """


class Traffic:
    """Flows in lots, as one exporter sends them; knows what has been sent."""

    def __init__(self, run, port):
        self.run, self.port, self.packets, self.flows, self.lots = run, port, 0, 0, 0

    def send(self, count=100):
        lot = netflow.flows(count, dport=1 + self.lots % 60000)
        self.run.send(self.port, netflow.v5(lot, int(time.time()), sequence=self.flows))
        self.packets += sum(f["packets"] for f in lot)
        self.flows += count
        self.lots += 1


def written(run, name="out.json"):
    return sum(r["packets"] for r in run.rows(name)) if (run.dir / name).exists() else 0


def in_memory(run):
    return sum(r["packets"] for r in run.client_json("-s"))


def since(began):
    return round(time.monotonic() - began, 1)


def dead(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def collector(run, more=""):
    d, port = run.nfacctd(COLLECTOR + more)
    run.wait_socket("m.sock")
    return d, Traffic(run, port)


def test_killed_plugin(run):
    """kill -9 of a plugin at random moments of steady traffic: what is missing from its file is what the log calls lost, to the packet;
    the plugin beside it misses nothing."""
    rng, slowest, sent, lost = random.Random(run.options.seed), 0, 0, 0
    for _ in range(run.options.rounds):
        d, traffic = collector(run)
        for _ in range(3):  # the fifth death within a minute would be one too many
            for _ in range(rng.randrange(1, 12)):
                traffic.send(rng.randrange(1, 200))
                time.sleep(rng.random() * 0.15)
            victim = d.child("Print Plugin")
            os.kill(victim, signal.SIGKILL)
            began = time.monotonic()
            run.wait(lambda victim=victim: d.child("Print Plugin") != victim, "the plugin to be back")
            slowest = max(slowest, since(began))
        traffic.send(50)
        run.wait(lambda traffic=traffic: in_memory(run) == traffic.packets, "the table beside it to have everything")
        d.stop()
        sent += traffic.packets
        lost += sum(int(found[1]) for found in LOST.findall(d.text()))
        assert written(run) + lost == sent, (written(run), lost, sent)
    run.measured("kill -9 of a plugin at random moments", "nfacctd, print", "what was not written, counted to the packet", 0, slowest)


def test_killed_core(run):
    """kill -9 of the core: its plugins take what is in their rings, write it and end; nothing comes twice when the daemon is started again."""
    rng, sent = random.Random(run.options.seed), 0
    for _ in range(run.options.rounds):
        d, traffic = collector(run)
        for _ in range(rng.randrange(1, 10)):
            traffic.send(rng.randrange(1, 200))
            time.sleep(rng.random() * 0.2)
        run.wait(lambda traffic=traffic: in_memory(run) == traffic.packets, "all to be handed over")
        left = list(d.children().values())
        os.kill(d.pid, signal.SIGKILL)
        began = time.monotonic()
        run.wait(lambda left=left: all(dead(pid) for pid in left), "spawner and plugins to end", 20)
        slowest = since(began)
        d.process.wait()
        sent += traffic.packets
        assert written(run) == sent, (written(run), sent)
    run.measured("kill -9 of the core", "nfacctd, print", "what is in the socket's buffer", 0, f"at the next start; plugins have written after {slowest} s")


def test_killed_spawner(run):
    """kill -9 of the spawner: the core says so, all goes on, and the daemon ends as it should, with everything written."""
    d, traffic = collector(run)
    traffic.send(100)
    os.kill(d.child("Spawner"), signal.SIGKILL)
    d.wait_log(r"ERROR .*the spawner process is gone: plugins that die will not be started again")
    traffic.send(100)
    run.wait(lambda: in_memory(run) == traffic.packets, "the flows to be in memory")
    began = time.monotonic()
    d.stop(seconds=15)
    run.wait(lambda: written(run) == traffic.packets, "everything to be written")
    run.measured("kill -9 of the spawner", "nfacctd, print, memory", 0, 0, f"goes on without; ends in {since(began)} s")


def test_stopped_plugin(run):
    """SIGSTOP of a plugin until its ring is full: the other one has everything, what the first one misses is counted, to the record."""
    d, traffic = collector(run, "plugin_pipe_size[p]: 64K\n")
    pid = d.child("Print Plugin")
    os.kill(pid, signal.SIGSTOP)
    for _ in range(100):
        traffic.send(200)
    run.wait(lambda: in_memory(run) == traffic.packets, "the table beside it to have everything", 30)
    os.kill(pid, signal.SIGCONT)
    began = time.monotonic()
    traffic.send(10)
    run.wait(lambda: in_memory(run) == traffic.packets, "the last of it")
    took = since(began)
    d.send_signal(signal.SIGUSR1)
    d.wait_log(r"^NOTICE \( default/core \): ---$")
    found = re.search(r"ledger \[p/print\] lost_ring_full .*?packets=(\d+)", d.text()) or re.search(r"ledger \[p/print\] \w*full\w* .*?packets=(\d+)", d.text())
    d.stop()
    lost = int(found[1])
    assert lost > 0 and written(run) + lost == traffic.packets, (written(run), lost, traffic.packets, d.text())
    run.measured("SIGSTOP of a plugin", "nfacctd, print", "what its ring has no room for, counted to the packet; nothing beside it", 0, took)


def test_full_disk_of_files(run):
    """No room for output files: the purge is refused and kept, and written when there is room again."""
    run.need_root()
    (run.dir / "full").mkdir()
    run.call("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", run.dir / "full")
    filler = run.dir / "full" / "filler"
    d, port = run.nfacctd(COLLECTOR.replace("@DIR@/out.json", "@DIR@/full/out.json"))
    run.wait_socket("m.sock")
    traffic = Traffic(run, port)
    traffic.send(100)
    run.wait(lambda: written(run, "full/out.json") == traffic.packets, "the first lot", 10)
    with filler.open("wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass
    traffic.send(500)
    d.wait_log(r"(ERROR|WARN) \( p/print \).*No space left on device")
    filler.unlink()
    began = time.monotonic()
    traffic.send(100)
    dropped = lambda: sum(int(n) for n in re.findall(r"rows dropped \((\d+) packets", d.text()))
    run.wait(lambda: written(run, "full/out.json") + dropped() >= traffic.packets, "the rest", 15)
    took = since(began)
    d.stop()
    assert written(run, "full/out.json") + dropped() == traffic.packets, (written(run, "full/out.json"), dropped(), traffic.packets, d.text())
    run.measured("full disk", "nfacctd, print to files", f"{dropped()} packets, counted" if dropped() else 0, 0, took)


def test_damaged_spool(run):
    """Spool files that were changed on disk: each is refused with its name and set aside or dropped, counted; the others arrive once."""
    rng = random.Random(run.options.seed)
    config = """
        plugins: amqp[s]
        aggregate: src_host, dst_port
        amqp_host: 127.0.0.1
        amqp_port: 1
        amqp_refresh_time: 1
        spool_dir: @DIR@/spool
        """
    if not re.search("^amqp$", run.run_program("nfacctd", "-V"), re.M):
        run.skip("built without RabbitMQ")
    d, port = run.nfacctd(config)
    traffic = Traffic(run, port)
    for n in range(6):
        traffic.send(20)
        run.wait(lambda n=n: len(spool_files(run)) > n, "a purge to be in the spool")
    d.stop(expect=None, seconds=60)
    files = spool_files(run)
    for path in files[::2]:
        octets = bytearray(path.read_bytes())
        for _ in range(1 + rng.randrange(8)):
            octets[rng.randrange(len(octets))] ^= 1 << rng.randrange(8)
        octets[-1] ^= 0x80
        path.write_bytes(octets)
    files[1].write_bytes(files[1].read_bytes()[:-7])
    began = time.monotonic()
    d, port = run.nfacctd(config)
    d.wait_log(r"(ERROR|WARN) .*spool.*(damaged|checksum|refused|corrupt|cut|not)", count=1)
    took = since(began)
    run.wait(lambda: len(list((run.dir / "spool").rglob("*.damaged"))) == 4, "the damaged ones to be set aside")
    d.stop(expect=None, seconds=60)
    assert len(list((run.dir / "spool").rglob("*.batch"))) >= 2, "the whole ones have to wait for the broker"
    run.measured("damaged spool files", "nfacctd, amqp", "what stood in them; each is named in the log and set aside", "-", took)


def spool_files(run):
    return sorted(p for p in (run.dir / "spool").rglob("*") if p.is_file() and p.stat().st_size > 64)


# --- clocks

def libfaketime(run):
    for path in pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"):
        return path
    return run.skip("libfaketime is not installed")


def test_clock_jumps(run):
    """The clock of the machine goes a day ahead, then two back: purges go on at their pace, and nothing is lost or counted twice."""
    if run.sanitized:
        run.skip("the sanitizers' and libfaketime's ways to load exclude each other")
    offset = run.write("clock", "+0")
    env = {"LD_PRELOAD": str(libfaketime(run)), "FAKETIME_TIMESTAMP_FILE": str(offset), "DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1"}
    port = run.port()
    d = run.daemon("nfacctd", config=COLLECTOR + f"print_history: 1m\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\nnfacctd_time_new: true\n", env=env)
    d.wait_log("waiting for NetFlow")
    run.wait_socket("m.sock")
    traffic, slowest = Traffic(run, port), 0
    for jump in ("+0", "+1d", "-1d", "+2d", "+0", "-10d", "+0"):
        offset.write_text(jump)
        began = time.monotonic()
        traffic.send(50)
        run.wait(lambda: written(run) == traffic.packets, f"purges to go on after a jump to {jump}", 15)
        slowest = max(slowest, since(began))
        run.wait(lambda: in_memory(run) == traffic.packets, "the table to have it")
    d.stop()
    assert written(run) == traffic.packets
    run.measured("clock jumps, days ahead and back", "nfacctd, print, memory", 0, 0, slowest)


# --- descriptors

def hold(port, count, source="127.0.0.3", send=b""):
    """Connections that say nothing, or no more than this; those that were made."""
    made = []
    for _ in range(count):
        try:
            s = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=(source, 0))
            s.sendall(send)
            made.append(s)
        except OSError:
            break
    return made


def ticks(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def starve(run, name, program, port_key, config, ready, alive):
    """With few descriptors: sessions that are there go on, the daemon does not spin, and lets routers in when there is room again."""
    port = run.port(socket.SOCK_STREAM)
    d = run.daemon(program, config=config + f"\n{port_key}: {port}\n", front=("prlimit", "--nofile=40"))
    d.wait_log(ready)
    check = alive(port)
    check()
    crowd = hold(port, 60)
    check()
    used, began = ticks(d.pid), time.monotonic()
    time.sleep(1.5)
    share = (ticks(d.pid) - used) / (time.monotonic() - began)
    assert share < 0.5, f"{program} uses {share:.0%} of a processor for connections that it cannot accept"
    check()
    for s in crowd:
        s.close()
    began = time.monotonic()
    run.wait(lambda: reached(alive, port), f"{program} to let somebody in again", 20)
    run.measured("no descriptors left (EMFILE)", name, 0, 0, since(began))
    d.stop()


def reached(alive, port):
    try:
        alive(port)()
        return True
    except Exception:  # noqa: BLE001: whatever a session that is not let in ends with
        return False


def test_descriptors_bmp(run):
    def alive(port):
        s = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=("127.0.0.2", 0))
        s.sendall(bmp.init() + bmp.peer_up())
        count = [0]

        def check():
            count[0] += 1
            before = len((run.dir / "log.json").read_text().splitlines()) if (run.dir / "log.json").exists() else 0
            s.sendall(bmp.routes(announce=[f"203.0.{count[0]}.0/24"]))
            run.wait(lambda: (run.dir / "log.json").exists() and
                     len((run.dir / "log.json").read_text().splitlines()) > before, "the session to go on", 5)
        return check
    starve(run, "pmbmpd", "pmbmpd", "bmp_daemon_port", "bmp_daemon_ip: 127.0.0.1\nbmp_daemon_msglog_file: @DIR@/log.json\nbmp_daemon_max_peers: 200",
           "waiting for BMP data", alive)


def test_descriptors_bgp(run):
    sources = iter(range(10, 250))

    def alive(port):
        s = bgp.Speaker(run, port, f"127.0.0.{next(sources)}")
        s.socket.settimeout(5)
        s.meet(hold=9)
        s.socket.setblocking(False)

        def check():
            s.socket.settimeout(8)
            s.send(bgp.message(bgp.KEEPALIVE))
            assert s.wait_for(bgp.KEEPALIVE) == b""
        return check
    starve(run, "pmbgpd", "pmbgpd", "bgp_daemon_port", "bgp_daemon_ip: 127.0.0.1\nbgp_daemon_max_peers: 200", "waiting for BGP data", alive)


def test_descriptors_telemetry(run):
    def alive(port):
        s = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=("127.0.0.2", 0))
        count = [0]

        def check():
            count[0] += 1
            s.sendall(b'{"n": %d, "port": %d}\n' % (count[0], s.getsockname()[1]))
            mark = '"n": %d, "port": %d' % (count[0], s.getsockname()[1])
            run.wait(lambda: (run.dir / "log.json").exists() and mark in (run.dir / "log.json").read_text(), "the session to go on", 5)
        return check
    starve(run, "pmtelemetryd", "pmtelemetryd", "telemetry_daemon_port_tcp",
           "telemetry_daemon_ip: 127.0.0.1\ntelemetry_daemon_decoder: json\ntelemetry_daemon_msglog_file: @DIR@/log.json\ntelemetry_daemon_max_peers: 200",
           "waiting for telemetry data", alive)


def test_descriptors_memory(run):
    """A memory plugin that may open nothing any more: it does not spin, tells of it, goes on counting, and answers when it may again."""
    d, port = run.nfacctd("plugins: memory[m]\nimt_path[m]: @DIR@/m.sock\naggregate: src_host\n")
    run.wait_socket("m.sock")
    pid = d.child("IMT Plugin")
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(str(run.dir / "m.sock"))
        d.wait_log(r"WARN .*imt_path '.*m\.sock': cannot take a client: Too many open files", 60)
        used, began = ticks(pid), time.monotonic()
        run.send(port, netflow.v5(netflow.flows(30), 1700000000))
        time.sleep(1.5)
        share = (ticks(pid) - used) / (time.monotonic() - began)
        assert share < 0.5, f"the plugin uses {share:.0%} of a processor for a client that it cannot take"
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        began = time.monotonic()
        assert s.recv(1)
        took = since(began)
    run.wait(lambda: in_memory(run) == sum(f["packets"] for f in netflow.flows(30)), "the table", 60)
    run.measured("no descriptors left (EMFILE)", "nfacctd, memory", 0, 0, took)
    d.stop()


# --- slow peers

def test_slow_bgp_peer(run):
    """A router that sends its OPEN an octet at a time keeps nobody waiting, and is let go when its time is over."""
    d, port = bgp.pmbgpd(run, "bgp_daemon_max_peers: 20\n")
    slow = [s for n in range(10) for s in hold(port, 1, f"127.0.0.{230 + n}")]
    opened = bgp.open_message(65001, "127.0.0.9", 90, bgp.capabilities(65001))
    began = time.monotonic()
    for n, octet in enumerate(opened[:8]):
        for s in slow:
            s.sendall(bytes((octet,)))
        bgp.Speaker(run, port, f"127.0.1.{1 + n}").meet().close()
        time.sleep(0.05)
    took = since(began)
    assert took < 5 * run.patience, "the others waited"
    run.measured("peers that send an octet at a time", "pmbgpd", 0, 0, f"others meet in {took / 8:.1f} s")
    for s in slow:
        s.close()
    d.stop()


# --- memory

STARVED = {
    # program: (configuration, what it says when it is ready, ports that the configuration needs)
    "nfacctd": ("plugins: print[p], memory[m]\naggregate: src_host, dst_port\nimt_path: {dir}/m.sock\nprint_output: json\n"
                "print_output_file: {dir}/out.json\nprint_output_file_append: true\nprint_refresh_time: 1\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\n",
                "waiting for NetFlow"),
    "pmbgpd": ("bgp_daemon_ip: 127.0.0.1\nbgp_daemon_port: {port}\nbgp_daemon_msglog_file: {dir}/log.json\n", "waiting for BGP data"),
    "pmbmpd": ("bmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {port}\nbmp_daemon_msglog_file: {dir}/log.json\n", "waiting for BMP data"),
    "pmtelemetryd": ("telemetry_daemon_ip: 127.0.0.1\ntelemetry_daemon_port_tcp: {port}\ntelemetry_daemon_decoder: json\n"
                     "telemetry_daemon_msglog_file: {dir}/log.json\n", "waiting for telemetry data"),
}


def visit(run, program, port, d):
    """Something to do for a daemon that runs. Its sessions may end: memory is short."""
    try:
        if program == "nfacctd":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                for datagram in netflow.export(9, netflow.flows(300), int(time.time())):
                    s.sendto(datagram, ("127.0.0.1", port))
            return
        s = socket.create_connection(("127.0.0.1", port), timeout=2, source_address=("127.0.0.2", 0))
        s.settimeout(0.3)
        if program == "pmbgpd":
            s.sendall(bgp.open_message(65001, "127.0.0.2", 90, bgp.capabilities(65001)) + bgp.message(bgp.KEEPALIVE) +
                      bgp.announcements([f"10.{n}.0.0/16" for n in range(200)], bgp.attributes()))
        elif program == "pmbmpd":
            s.sendall(bmp.init() + bmp.peer_up() + b"".join(bmp.routes(announce=[f"10.{n}.0.0/16"]) for n in range(200)))
        else:
            s.sendall(b'{"x": "%s"}\n' % (b"x" * 9000) * 20)
        while s.recv(65536):
            pass
    except OSError:
        pass


def starved(run, shim, n, program, at, count, depth):
    """One daemon with a bad moment. What it ended with, and what it said."""
    config, ready = STARVED[program]
    folder = run.dir / f"m{n}"
    folder.mkdir()
    port = run.port(socket.SOCK_STREAM)
    path = run.write(f"m{n}/c.conf", config.format(dir=folder, port=port) + "seccomp: off\n")  # libseccomp does not check what malloc gives it
    env = {**run.env, "LD_PRELOAD": str(shim), "NOMEMORY_AT": str(at), "NOMEMORY_COUNT": str(count), "NOMEMORY_DEPTH": str(depth)}
    with (folder / "log").open("wb") as log:
        p = subprocess.Popen([run.program(program), "-f", path], stdout=log, stderr=log, cwd=folder, env=env, start_new_session=True)
    until = time.monotonic() + 10
    while p.poll() is None and ready not in (folder / "log").read_text(errors="replace") and time.monotonic() < until:
        time.sleep(0.02)
    if p.poll() is None:
        visit(run, program, port, p)
        time.sleep(0.3)
        p.send_signal(signal.SIGINT)
    try:
        status = p.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGABRT)
        status = f"hung, {p.wait()}"
    text = (folder / "log").read_text(errors="replace")
    killed = re.findall(r"was killed by signal (\d+)", text)
    return status, [int(k) for k in killed], text


def test_no_memory(run):
    """Allocations fail at random moments of start, work and end, in core and plugins: no process dies of a pointer that is not there; one
    that cannot go on says why. (A library that aborts of its own will, signal 6, is not ours to mend: the plugin is started again.)"""
    compiler = shutil.which("cc")
    if run.sanitized or not compiler:
        run.skip("needs a compiler, and no sanitizers")
    shim = run.dir / "nomemory.so"
    run.call(compiler, "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", shim, pathlib.Path(__file__).with_name("nomemory.c"))
    rng, bad, ends = random.Random(run.options.seed), [], {}
    for n in range(12 * run.options.rounds):
        program = rng.choice(list(STARVED))
        depth = rng.choice((0, 0, 2, 2, 1)) if program == "nfacctd" else 0
        at, count = int(10 ** rng.uniform(0, 4)), rng.choice((1, 1, 1, 5, 1000))
        status, killed, text = starved(run, shim, n, program, at, count, depth)
        ends[str(status)] = ends.get(str(status), 0) + 1
        ours = status in (0, 1, -6) and not [k for k in killed if k != 6]
        if not ours or (status == 1 and "ERROR" not in text and "WARN" not in text):
            bad.append(f"{program} at={at} count={count} depth={depth}: {status} {killed}\n{text[-1500:]}")
    print(ends)
    assert not bad, f"{len(bad)} of {12 * run.options.rounds}:\n" + "\n".join(bad)
    run.measured("no memory (ENOMEM) at random allocations", "nfacctd with print and memory, pmbgpd, pmbmpd, pmtelemetryd", "what needed it, told of", 0,
                 "at once, or at its restart")


# --- names

def test_names_fail(run):
    """Names that nobody can resolve, then can: only what goes to them waits or is lost (counted); everything else goes on."""
    run.need_root()
    run.write("hosts", "127.0.0.1 localhost\n")
    run.write("resolv.conf", "nameserver 127.0.0.77\noptions timeout:1 attempts:1\n")
    run.call("mount", "--bind", run.dir / "hosts", "/etc/hosts")
    run.call("mount", "--bind", run.dir / "resolv.conf", "/etc/resolv.conf")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as lazy:
        lazy.bind(("127.0.0.1", 0))
        lazy.listen(5)
        number = lazy.getsockname()[1]
        known = run.run_program("nfacctd", "-V")
        more = [p for p in ("pgsql", "amqp", "mysql") if re.search(rf"^{p}$", known, re.M)]
        config = COLLECTOR.replace("plugins: print[p], memory[m]", "plugins: print[p], memory[m]" + "".join(f", {p}[{p}]" for p in more))
        d, port = run.nfacctd(config + f"sql_host: db.test\nsql_port: {number}\nsql_refresh_time: 1\namqp_host: mq.test\namqp_port: {number}\n"
                              f"amqp_refresh_time: 1\n"
                              f"redis_host: r.test:{number}\ncluster_name: c\nspool_dir: @DIR@/spool\n")
        run.wait_socket("m.sock")
        traffic = Traffic(run, port)
        for n in range(3):
            traffic.send(100)
            run.wait(lambda: written(run) == traffic.packets, "the file to have all of it", 10)
            run.wait(lambda: in_memory(run) == traffic.packets, "the table to have all of it", 5)
        for plugin in more:
            d.wait_log(rf"(ERROR|WARN) \( {plugin}/{plugin} \)", seconds=40)
        run.wait(lambda: spool_files(run), "what cannot be sent to wait in the spool")
        run.write("hosts", "127.0.0.1 localhost\n" + "".join(f"127.0.0.1 {h}.test\n" for h in ("db", "mq", "r")))
        began = time.monotonic()
        lazy.settimeout(40)
        for _ in range(2):
            lazy.accept()[0].close()
        took = since(began)
    d.send_signal(signal.SIGINT)
    d.wait(90)
    run.measured("names that cannot be resolved", "nfacctd, " + ", ".join(more), "nothing elsewhere; what goes there waits in the spool", "-", f"first try {took} s after they can be")
