# SPDX-License-Identifier: BSD-2-Clause
"""What the service manager sees: start, reload, life and end; and whether the units are good ones."""
import os
import re
import signal
import socket
import subprocess

import harness

UNITS = harness.ROOT / "packaging/systemd"


class Manager:
    """The socket on which a service tells of itself, as sd_notify(3) has it."""

    def __init__(self, run):
        self.run, self.path, self.said = run, run.dir / "notify", []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(self.path))

    def read(self):
        try:
            while True:
                self.said += self.socket.recv(4096).decode().split("\n")
        except BlockingIOError:
            return self.said

    def wait(self, word, count=1):
        self.run.wait(lambda: self.read().count(word) >= count, f"{count} times {word}, not {self.said}")


def built(run):
    if "libsystemd" not in run.run_program("nfacctd", "-V"):
        run.skip("this build has no libsystemd")


def test_notify(run):
    """READY when plugins run, RELOADING and READY for SIGUSR2, WATCHDOG while the loop turns, STOPPING at the end."""
    built(run)
    manager = Manager(run)
    port = run.port()
    d = run.daemon("nfacctd", config=f"plugins: print[a], print[b]\naggregate: src_host\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\n"
                   f"print_output_file: {run.dir}/out\nprint_refresh_time: 60\n",
                   env={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "3000000"})
    manager.wait("READY=1")
    assert "STATUS=2 plugins" in manager.said and "RELOADING=1" not in manager.said, manager.said
    manager.wait("WATCHDOG=1", 2)
    d.send_signal(signal.SIGUSR2)
    manager.wait("READY=1", 2)
    assert "RELOADING=1" in manager.said and "STOPPING=1" not in manager.said, manager.said
    d.stop()
    manager.wait("STOPPING=1")


def test_notify_without_plugins(run):
    """A daemon that is services alone."""
    built(run)
    manager = Manager(run)
    d = run.daemon("pmbmpd", config=f"bmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {run.port(socket.SOCK_STREAM)}\nbmp_daemon_msglog_file: {run.dir}/log\n",
                   env={"NOTIFY_SOCKET": str(manager.path)})
    manager.wait("READY=1")
    assert "WATCHDOG=1" not in manager.read(), manager.said
    d.stop()
    manager.wait("STOPPING=1")


def test_units(run):
    """systemd finds nothing wrong with the units."""
    run.need("systemd-analyze")
    folder = run.dir / "units"
    folder.mkdir()
    for unit in UNITS.glob("*.service"):
        text = unit.read_text().replace("/usr/sbin/", f"{run.build}/")
        for name in {unit.name, unit.name.replace("@", "")}:
            (folder / name.replace("@", "@x")).write_text(text.replace("-%i.conf", ".conf") if "@" not in name else text)
    env = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    for unit in sorted(folder.glob("*.service")):
        if not run.has(re.match(r"\w+", unit.name)[0]):
            continue
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit], capture_output=True, text=True, env=env)
        wrong = [line for line in (done.stdout + done.stderr).splitlines() if unit.name in line]
        assert not wrong, wrong
