#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The units of the package under a real systemd: installed, started, fed, reloaded, killed, stuck, stopped, upgraded, started at boot and purged.

    units.py --deb pmacct-ng.deb --tree TREE --work FOLDER [-k PATTERN]      (as root)

TREE is a Debian tree with systemd in it and what the package depends on (packaging/test-deb.sh makes one); it is not changed. Ends with
`N passed, M failed`. Where no systemd can be booted it says why, and ends with status 77.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
# pylint: disable=wrong-import-position
import bgp
import bmp
import netflow
import packets
import sflow
from machine import CannotBoot, Failed, Machine, wait

PATIENCE = int(os.environ.get("PATIENCE", 60))
SECOND = """! a second instance, with a table and files
nfacctd_port: 2101
plugins: memory[flows], print[files]
aggregate: src_host, dst_host, src_port, dst_port, proto
imt_path[flows]: /run/pmacct/nfacctd-second.sock
print_output[files]: json
print_refresh_time[files]: 1
print_output_file[files]: /var/lib/pmacct/second.json
print_output_file_append[files]: true
"""
NFLOG = "table inet t {\n chain c {\n type filter hook output priority 0\n udp dport 9 log group 5\n }\n}\n"
# What systemd tells of the ends that this test brings about.
OURS = (r"(Main process exited, code=(killed|dumped), status=(9/KILL|6/ABRT)|Failed with result '(signal|watchdog|core-dump)'|Watchdog timeout|Killing process \d+ \(.*\) with signal SIG(KILL|ABRT)|"
        r"Core process \*seems\* gone|connection lost to 'flows-memory'|plugin 'flows-memory' \(PID \d+\) was killed by signal 9)")


def datagram(port, data, source="127.0.0.2"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((source, 0))
        s.sendto(data, ("127.0.0.1", port))


def send_flow(port):
    return lambda n: datagram(port, next(netflow.v5([netflow.flow(n, bytes=1000 + n, packets=1)], int(time.time()))))


def send_sample(n):
    frame = packets.ether(packets.ip("10.0.0.1", "192.0.2.1", 17, packets.udp(n, 2, b"x" * 20)))
    datagram(6343, sflow.datagram([sflow.flow_sample(1, frame, rate=1000 + n)]))


def send_packet(n):
    datagram(9, b"x" * (1000 + n - 28), f"127.0.{n}.2")


def send_route(n):
    with socket.create_connection(("127.0.0.1", 179), source_address=("127.0.0.2", 0), timeout=60) as s:
        s.sendall(bgp.open_message(65001, "127.0.0.2", caps=bgp.capabilities(65001)) + bgp.message(bgp.KEEPALIVE))
        s.sendall(bgp.update(bgp.prefix(f"10.{n}.0.0/16"), bgp.attributes()))
        wait_end(s)


def send_bmp(n):
    with socket.create_connection(("127.0.0.1", 1790), source_address=("127.0.0.2", 0), timeout=60) as s:
        s.sendall(bmp.init() + bmp.peer_up() + bmp.routes(announce=[f"10.{n}.0.0/16"]) + bmp.term())
        wait_end(s)


def wait_end(s):
    """Until the other side has read what was sent: it closes, or it is quiet after its own messages."""
    s.shutdown(socket.SHUT_WR)
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        pass


def send_telemetry(n):
    datagram(1620, json.dumps({"round": n}).encode())


def table(name, octets):
    """A memory table has an entry of so many octets in round n, or of a multiple where it had to be sent again."""
    def seen(machine, n):
        rows = machine.run("pmacct", "-p", f"/run/pmacct/{name}.sock", "-s", "-O", "json", check=False)
        return rows if n is None else any(json.loads(line)["bytes"] % octets(n) == 0 for line in rows.splitlines() if line.startswith("{"))
    return seen


def lines(name, text):
    def seen(machine, n):
        content = machine.path(name).read_text() if machine.path(name).exists() else ""
        return content if n is None else text(n) in content
    return seen


class Unit:
    def __init__(self, name, feed, seen, caps=(), plugin=True):
        self.name, self.feed, self.seen, self.caps, self.plugin = name, feed, seen, set(caps), plugin
        self.rounds = 0


def thousand(n):
    return 1000 + n


UNITS = [
    Unit("nfacctd", send_flow(2100), table("nfacctd", thousand)),
    Unit("nfacctd@second", send_flow(2101), table("nfacctd-second", thousand)),
    Unit("sfacctd", send_sample, table("sfacctd", lambda n: 66 * thousand(n))),
    Unit("pmacctd", send_packet, table("pmacctd", thousand), caps=["cap_net_raw"]),
    Unit("uacctd", send_packet, table("uacctd", thousand), caps=["cap_net_admin"]),
    Unit("pmbgpd", send_route, lines("/var/log/pmacct/bgp-127_0_0_2.log", lambda n: f"10.{n}.0.0/16"), caps=["cap_net_bind_service"], plugin=False),
    Unit("pmbmpd", send_bmp, lines("/var/log/pmacct/bmp-127_0_0_2.log", lambda n: f"10.{n}.0.0/16"), plugin=False),
    Unit("pmtelemetryd", send_telemetry, lines("/var/log/pmacct/telemetry-127_0_0_2.log", lambda n: f'"round": {n}}}'), plugin=False),
]
CAPS = {"cap_net_bind_service": 10, "cap_net_admin": 12, "cap_net_raw": 13}


# --- what systemd says of a unit

def show(machine, unit, *names):
    text = machine.run("systemctl", "show", unit.name, *[f"--property={n}" for n in names])
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return [found.get(n, "") for n in names]


def processes(machine, unit):
    """The processes of its control group, by their ids here."""
    group = show(machine, unit, "ControlGroup")[0]
    if not group:
        return []
    path = machine.path(f"/sys/fs/cgroup{group}/cgroup.procs")
    return [int(p) for p in path.read_text().split()] if path.exists() else []


def status(pid):
    return dict(re.findall(r"^(\w+):\s*(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M))


def main_process(machine, unit):
    """The main process's id here: its id in the machine is the last of NSpid."""
    inner = show(machine, unit, "MainPID")[0]
    return next(p for p in processes(machine, unit) if status(p)["NSpid"].split()[-1] == inner)


def journal(machine, unit):
    text = machine.run("journalctl", "--no-pager", "-o", "json", "-u", unit.name)
    return [json.loads(line) for line in text.splitlines()]


def counts(machine, unit, what):
    unit.rounds += 1
    n = unit.rounds

    def fed():
        unit.feed(n)
        return wait_short(lambda: unit.seen(machine, n))
    try:
        wait(f"{unit.name} to count what was sent {what}", fed, PATIENCE)
    except Failed as why:
        raise Failed(f"{why}\nit has: {unit.seen(machine, None)}\n{journal_text(machine, unit)}") from None


def wait_short(condition):
    """One try of some that each send anew: a datagram may have come too early."""
    try:
        return wait("", condition, 5)
    except Failed:
        return False


def restarts(machine, unit):
    return int(show(machine, unit, "NRestarts")[0])


def is_active(machine, unit):
    state = show(machine, unit, "ActiveState", "SubState")
    return state == ["active", "running"]


# --- the cases: each is called for each unit, in this order

def case_start(machine, unit):
    machine.run("systemctl", "start", unit.name)
    kind, state = show(machine, unit, "Type", "ActiveState")
    assert (kind, state) == ("notify", "active"), (kind, state)
    counts(machine, unit, "after the start")


def case_confined(machine, unit):
    """User, capabilities, filter and privileges of each process, as the kernel has them."""
    allowed = sum(1 << CAPS[c] for c in unit.caps)
    user = str(int(machine.run("id", "-u", "pmacct")))
    found = processes(machine, unit)
    assert len(found) > unit.plugin, found
    for folder in ("lib", "spool", "log"):
        mode = machine.run("stat", "-c", "%U:%a", f"/var/{folder}/pmacct").strip()
        assert mode == "pmacct:750", (folder, mode)
    for pid in found:
        has = status(pid)
        assert has["Uid"].split() == [user] * 4, (pid, has["Uid"])
        assert not int(has["CapEff"], 16) & ~allowed and not int(has["CapBnd"], 16) & ~allowed, (pid, has["CapEff"], has["CapBnd"])
        assert has["NoNewPrivs"] == "1" and has["Seccomp"] == "2", (pid, has["NoNewPrivs"], has["Seccomp"])


def case_exposure(machine, unit):
    text = machine.run("systemd-analyze", "security", "--no-pager", f"{unit.name}.service")
    level = float(re.search(r"exposure level for \S+: ([\d.]+)", text)[1])
    print(f"     {unit.name}: exposure {level}")
    assert level < 2.0, text


def case_reload(machine, unit):
    before = show(machine, unit, "MainPID", "NRestarts")
    machine.run("systemctl", "reload", unit.name)
    wait(f"{unit.name} to be active after the reload", lambda: is_active(machine, unit))
    counts(machine, unit, "after the reload")
    assert show(machine, unit, "MainPID", "NRestarts") == before, "the reload ended it"


def case_killed(machine, unit):
    """kill -9 of the daemon, which is started again; from now on any call that a filter refuses kills."""
    strict(machine, unit)
    before, old = restarts(machine, unit), processes(machine, unit)
    os.kill(main_process(machine, unit), signal.SIGKILL)
    wait(f"{unit.name} to be started again", lambda: restarts(machine, unit) == before + 1 and is_active(machine, unit))
    left = set(old) & set(processes(machine, unit))
    assert not left, f"processes of the one that was killed go on: {left}"
    counts(machine, unit, "after kill -9")
    machine.run("systemctl", "reload", unit.name)
    wait(f"{unit.name} to be active", lambda: is_active(machine, unit))
    counts(machine, unit, "after a reload under filters that kill")
    assert restarts(machine, unit) == before + 1, journal_text(machine, unit)


def strict(machine, unit):
    folder = machine.path(f"/etc/systemd/system/{unit.name}.service.d")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "strict.conf").write_text("[Service]\nSystemCallErrorNumber=kill\nWatchdogSec=5\nRestartSec=0\nStartLimitBurst=100\n")
    conf = machine.path(f"/etc/pmacct/{unit.name.replace('@', '-')}.conf")
    conf.write_text(conf.read_text() + "seccomp: kill\n")
    machine.run("systemctl", "daemon-reload")


def case_plugin_killed(machine, unit):
    """kill -9 of a plugin: the daemon starts another, and stays the same itself."""
    main = main_process(machine, unit)
    plugin = next(p for p in processes(machine, unit) if p != main and "Plugin" in pathlib.Path(f"/proc/{p}/cmdline").read_text())
    os.kill(plugin, signal.SIGKILL)
    wait(f"{unit.name} to have a plugin again", lambda: any("Plugin" in pathlib.Path(f"/proc/{p}/cmdline").read_text() for p in processes(machine, unit)))
    counts(machine, unit, "after a plugin was killed")
    assert main_process(machine, unit) == main, "the daemon is another one"


def case_quiet(machine, unit):
    """Nothing in the journal that warns, but for what was brought about."""
    wrong = [text for text in warnings(machine, unit) if not re.search(OURS, text)]
    assert not wrong, wrong


def warnings(machine, unit):
    for entry in journal(machine, unit):
        text = str(entry["MESSAGE"])
        if int(entry.get("PRIORITY", 6)) <= 4 or re.match(r"(WARN|ERROR|NOTICE)", text):
            yield text


def journal_text(machine, unit):
    return "\n".join(str(e["MESSAGE"]) for e in journal(machine, unit)[-30:])


def case_watchdog(machine, unit):
    """A daemon that is stuck is killed and started again."""
    before = restarts(machine, unit)
    os.kill(main_process(machine, unit), signal.SIGSTOP)
    wait(f"{unit.name} to be started again by the watchdog", lambda: restarts(machine, unit) > before and is_active(machine, unit))
    assert any("Watchdog timeout" in str(e["MESSAGE"]) for e in journal(machine, unit)), journal_text(machine, unit)
    counts(machine, unit, "after the watchdog")


def case_rotate(machine, unit):
    """logrotate moves the message log, the daemon goes on in a new one."""
    name = {"pmbgpd": "bgp", "pmbmpd": "bmp", "pmtelemetryd": "telemetry"}[unit.name]
    log = machine.path(f"/var/log/pmacct/{name}-127_0_0_2.log")
    machine.run("logrotate", "--force", "/etc/logrotate.d/pmacct-ng")
    assert log.with_name(log.name + ".1").exists(), list(log.parent.iterdir())
    counts(machine, unit, "after the rotation")


def case_stop(machine, unit):
    start = time.monotonic()
    pids = processes(machine, unit)
    machine.run("systemctl", "stop", unit.name)
    state, result, code = show(machine, unit, "ActiveState", "Result", "ExecMainStatus")
    assert (state, result, code) == ("inactive", "success", "0"), (state, result, code, journal_text(machine, unit))
    assert not processes(machine, unit) and not [p for p in pids if pathlib.Path(f"/proc/{p}").exists()], "processes are left"
    print(f"     {unit.name}: stopped in {time.monotonic() - start:.1f} s")


def cases_of(unit):
    """In this order: the journal is looked at before filters kill, and again before the watchdog has to."""
    own = case_plugin_killed if unit.plugin else case_rotate
    return [case_start, case_confined, case_exposure, case_reload, case_quiet, case_killed, own, case_quiet, case_watchdog, case_stop]


# --- the machine as a whole

def files(machine):
    """What lies in the tree, apart from what systemd and dpkg write for themselves."""
    skip = ("./proc", "./sys", "./dev", "./run", "./tmp", "./var/tmp", "./var/lib/dpkg", "./var/lib/systemd", "./var/log/journal", "./var/cache", "./var/log/dpkg.log",
            "./etc/machine-id", "./var/lib/logrotate", "./var/log/alternatives.log", "./etc/passwd-", "./etc/group-", "./etc/shadow-", "./etc/gshadow-", "./etc/subuid-", "./etc/subgid-")
    found = set()
    for folder, names, leaves in os.walk(machine.root):
        place = "." + folder[len(str(machine.root)):]
        names[:] = [n for n in names if f"{place}/{n}" not in skip]
        found |= {f"{place}/{n}" for n in [*names, *leaves] if f"{place}/{n}" not in skip}
    return found


def install(machine, deb):
    shutil.copy(deb, machine.path("/var/tmp/pmacct-ng.deb"))
    machine.run("dpkg", "-i", "/var/tmp/pmacct-ng.deb")
    listed = machine.run("systemctl", "list-unit-files", "--no-legend", "--plain")
    for unit in UNITS:
        name = re.sub("@.*", "@", unit.name)
        assert re.search(rf"^{name}\.service\s+disabled", listed, re.M), f"{name}.service is not there, or enabled"
    machine.path("/etc/pmacct/nfacctd-second.conf").write_text(SECOND)
    machine.run("nft", "-f", "-", text=NFLOG)


def upgrade(machine, chosen):
    """The package is installed over itself: daemons that ran are started again, instances too, and count; the others are left alone."""
    machine.run("systemctl", "enable", "--now", *[unit.name for unit in chosen[1:]])
    before = {unit.name: show(machine, unit, "MainPID") for unit in chosen}
    machine.run("dpkg", "-i", "/var/tmp/pmacct-ng.deb")
    for unit in chosen[1:]:
        wait(f"{unit.name} to run", lambda u=unit: is_active(machine, u))
        assert show(machine, unit, "MainPID") != before[unit.name], f"{unit.name} was not started again"
        counts(machine, unit, "after the upgrade")
    assert not is_active(machine, chosen[0]), f"{chosen[0].name} was started by the upgrade"
    machine.run("systemctl", "enable", "--now", chosen[0].name)


def at_boot(machine, chosen):
    """Enabled daemons run after a start of the machine, and are stopped well with it."""
    machine.halt()
    machine.boot()
    machine.run("nft", "-f", "-", text=NFLOG)
    for unit in chosen:
        wait(f"{unit.name} to be started at boot", lambda u=unit: is_active(machine, u))
        counts(machine, unit, "after the boot")


def purge(machine, before):
    """The package goes while all run: they are stopped, and nothing of it is left."""
    machine.path("/etc/pmacct/nfacctd-second.conf").unlink()
    for drop in machine.path("/etc/systemd/system").glob("*.service.d"):
        shutil.rmtree(drop)
    machine.run("systemctl", "disable", "nfacctd@second")
    running = [p for unit in UNITS for p in processes(machine, unit)]
    assert running
    machine.run("dpkg", "--purge", "pmacct-ng")
    wait("the daemons to end", lambda: not [p for p in running if pathlib.Path(f"/proc/{p}").exists()], 90)
    left = sorted(files(machine) - before)
    assert not left, f"left behind: {left}"
    assert not machine.path("/run/pmacct").exists()
    known = machine.run("systemctl", "list-unit-files", "--no-legend", "--plain")
    assert not re.search(r"acctd|pmb[gm]pd|pmtelemetryd", known), known
    assert "pmacct" not in machine.path("/etc/passwd").read_text() + machine.path("/etc/group").read_text()


class Cases:
    def __init__(self):
        self.passed = self.failed = 0

    def run(self, label, case, *args):
        started = time.monotonic()
        try:
            case(*args)
        except Exception as why:  # pylint: disable=broad-except
            self.failed += 1
            print(f"FAIL {label}: {why}")
            if not isinstance(why, (Failed, AssertionError)):
                traceback.print_exc(file=sys.stdout)
        else:
            self.passed += 1
            print(f"ok   {label} ({time.monotonic() - started:.1f} s)")
        sys.stdout.flush()


def everything(machine, options):
    cases = Cases()
    chosen = [u for u in UNITS if re.search(options.k, u.name)]
    before = files(machine)
    cases.run("the package installs, all units are there and disabled", install, machine, options.deb)
    for unit in chosen:
        for case in cases_of(unit):
            cases.run(f"{unit.name}: {case.__name__.removeprefix('case_')}", case, machine, unit)
    cases.run("after an upgrade, what ran is started again", upgrade, machine, chosen)
    cases.run("what is enabled starts at boot", at_boot, machine, chosen)
    cases.run("a purge stops all and leaves nothing", purge, machine, before)
    return cases


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--deb", type=pathlib.Path, required=True)
    parser.add_argument("--tree", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("-k", default="")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)) # the machine ends with this program
    machine = None
    try:
        if not options.deb.exists() or not options.tree.is_dir():
            raise CannotBoot(f"there is no {options.deb} or no {options.tree}: ./dev package deb makes them")
        machine = Machine(options.tree.resolve(), options.work.resolve())
        machine.boot()
        print(f"ok   {machine.run('systemctl', '--version').splitlines()[0]} is the first process of a machine of its own")
        sys.stdout.flush()
        cases = everything(machine, options)
    except CannotBoot as why:
        print(f"the units were not started: {why}")
        return 77
    finally:
        if machine:
            machine.remove()
    print(f"\n{cases.passed} passed, {cases.failed} failed")
    return 1 if cases.failed else 0


if __name__ == "__main__":
    sys.exit(main())
