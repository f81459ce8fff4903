# SPDX-License-Identifier: BSD-2-Clause
"""A machine with a real systemd as its first process: a tree booted by systemd-nspawn, in namespaces and control groups of its own. What
it writes goes into an overlay, so that the tree stays as it was."""
import contextlib
import ctypes
import os
import pathlib
import shutil
import subprocess
import time

CLONE_NEWNET = 0x40000000
CAPABILITIES = "CAP_NET_ADMIN,CAP_NET_RAW,CAP_NET_BIND_SERVICE"


class CannotBoot(Exception):
    """Why this machine cannot run another one."""


class Failed(Exception):
    pass


def wait(what, condition, seconds=120):
    """Until the condition holds; returns what it returned."""
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, ValueError):
            if found := condition():
                return found
        if time.monotonic() > until:
            raise Failed(f"waited {seconds} s for {what}")
        time.sleep(0.05)


class Machine:
    def __init__(self, tree, work):
        self.work, self.process, self.leader = work, None, None
        self.root = work / "machine"
        if not shutil.which("systemd-nspawn"):
            raise CannotBoot("systemd-nspawn is not here (Debian's package systemd-container)")
        if os.geteuid() != 0:
            raise CannotBoot("it takes root")
        if self.root.is_mount(): # one that was ended by force left it
            subprocess.run(["umount", self.root], check=True)
        for name in ("upper", "scratch", "machine"):
            shutil.rmtree(work / name, ignore_errors=True)
            (work / name).mkdir(parents=True)
        done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={tree},upperdir={work}/upper,workdir={work}/scratch", self.root],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotBoot(f"no overlay can be mounted: {done.stderr.strip()}")

    def boot(self):
        """Starts it and waits until systemd has; the same tree, after `halt`, is started anew."""
        log = open(self.work / "console.log", "wb")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--console=pipe", "--private-network", "--link-journal=no",
             f"--capability={CAPABILITIES}", "--machine=pmacct-units", "-D", self.root],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        log.close()
        try:
            self.leader = wait("systemd-nspawn to start systemd", self.first_process, 60)
            wait("systemd to start", lambda: self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded"), 120)
        except Failed as why:
            self.halt()
            console = (self.work / "console.log").read_text(errors="replace")
            raise CannotBoot(f"{why}; systemd-nspawn says: {console.strip()[-500:]}") from None
        self.enter_network()

    def first_process(self):
        if self.process.poll() is not None:
            raise Failed(f"systemd-nspawn ended with {self.process.returncode}")
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next((int(c) for c in children if pathlib.Path(f"/proc/{c}/comm").read_text() == "systemd\n"), None)

    def enter_network(self):
        """This process sends and receives in the machine's network from now on."""
        with open(f"/proc/{self.leader}/ns/net", "rb") as network:
            if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET):
                raise CannotBoot(f"setns: {os.strerror(ctypes.get_errno())}")

    def run(self, *words, check=True, text=None):
        """Runs a program in the machine, as root; its output."""
        done = subprocess.run(["nsenter", f"--target={self.leader}", "--all", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                               "DEBIAN_FRONTEND=noninteractive", "SYSTEMD_PAGER=", "SYSTEMD_EMOJI=0", *map(str, words)],
                              capture_output=True, text=True, check=False, input=text, stdin=None if text else subprocess.DEVNULL, timeout=300)
        if check and done.returncode:
            raise Failed(f"{' '.join(map(str, words))} ended with {done.returncode}: {(done.stdout + done.stderr).strip()}")
        return done.stdout

    def path(self, name):
        """A file of the machine as this process can open it."""
        return pathlib.Path(f"/proc/{self.leader}/root{name}")

    def halt(self):
        """Shuts it down as a machine is; by force where that takes too long."""
        if self.process is None:
            return
        if self.leader and self.process.poll() is None:
            self.run("systemctl", "poweroff", check=False)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = self.leader = None

    def remove(self):
        self.halt()
        subprocess.run(["umount", self.root], check=False)
        for name in ("upper", "scratch", "machine"):
            shutil.rmtree(self.work / name, ignore_errors=True)
