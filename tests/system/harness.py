# SPDX-License-Identifier: BSD-2-Clause
"""What a system test is given: a folder, daemons, the client, ports, a way to wait. Nothing here sleeps for a fixed time: a case
waits until something is so, and fails with a reason if that takes too long."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPORT = re.compile(r"((ERROR|WARNING): (Address|Leak|Thread)Sanitizer|runtime error:|Sanitizer:DEADLYSIGNAL).*")
STEP_S = 0.02
SUPPRESSED = """
{
   the process title leaves copies of arguments and environment behind
   Memcheck:Leak
   ...
   fun:title_init
}
"""
VALGRIND = ("valgrind", "-q", "--vgdb=no", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect",
            "--child-silent-after-fork=no", "--fair-sched=try")
LEAST_S = 60  # no wait for an event is shorter: what takes a moment alone may take a minute on a machine that does other things


class Skipped(Exception):
    """The case cannot run here; the text says why."""


class Failed(AssertionError):
    pass


def shared():
    """The folder of reference material beside the checkout, if there is one."""
    path = pathlib.Path(os.environ.get("PMACCT_SHARED") or ROOT.parent / "shared")
    return path if path.is_dir() else None


def whole_lines(path):
    """The lines of a file, but not one that is just being written. None yet: no file."""
    text = path.read_text() if path.exists() else ""
    return text[:text.rfind("\n") + 1].splitlines()


def json_lines(path):
    """The objects of a file with one in each line."""
    return [json.loads(line) for line in whole_lines(path)]


class Daemon:
    """A running daemon. Its log is what it writes to stdout and stderr, and the `logfile` that the configuration names."""

    def __init__(self, run, program, args, env, front=()):
        self.run, self.program = run, program
        self.name = f"{program}-{len(run.daemons)}"
        self.out = run.dir / f"{self.name}.out"
        self.err = run.dir / f"{self.name}.err"
        words = [*front, str(run.program(program)), *map(str, args)]
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=run.dir,
                                            env={**run.env, **env}, start_new_session=True)
        self.pid = self.process.pid

    def text(self):
        return self.err.read_text(errors="replace") + self.out.read_text(errors="replace")

    def stdout(self):
        return self.out.read_text(errors="replace")

    def log(self):
        return self.err.read_text(errors="replace")

    def statistics(self, who="core"):
        """The last whole block that SIGUSR1 made one of the daemon's parts log ("core", "core/BGP" ...); threads log theirs when they come to it."""
        return re.findall(rf"/{re.escape(who)} \): \+\+\+\n(.*?)/{re.escape(who)} \): ---\n", self.text(), re.S)[-1]

    def ask(self, who="core"):
        """A new block of statistics of one of its parts, whole."""
        end = rf"/{re.escape(who)} \): ---$"
        before = len(re.findall(end, self.text(), re.M))
        self.send_signal(signal.SIGUSR1)
        self.wait_log(end, count=before + 1)
        return self.statistics(who)

    def wait_counters(self, *patterns, seconds=LEAST_S):
        """Asks for statistics again and again until each of the patterns has stood in them; returns the match of the first one."""
        begin, asked, found = len(self.log()), 0.0, []

        def there():
            nonlocal asked
            if time.monotonic() > asked + 0.5:
                self.send_signal(signal.SIGUSR1)
                asked = time.monotonic()
            found[:] = [re.search(pattern, self.log()[begin:], re.M) for pattern in patterns]
            return all(found)

        self.run.wait(there, f"{self.name} to count {patterns}", seconds)
        return found[0]

    def wait_log(self, pattern, seconds=LEAST_S, count=1):
        """Waits until the pattern stands `count` times in what the daemon has said; returns the last match."""
        found = []

        def there():
            found[:] = re.finditer(pattern, self.text(), re.M)
            if len(found) < count and self.process.poll() is not None:
                found[:] = re.finditer(pattern, self.text(), re.M)
                if len(found) < count:
                    raise Failed(f"{self.name} ended with {self.process.returncode} before it said {pattern!r}\n{self.text()}")
            return len(found) >= count

        self.run.wait(there, f"{self.name} to say {pattern!r} {count} time(s)", seconds)
        return found[-1]

    def said(self, pattern):
        return re.search(pattern, self.text(), re.M)

    def handles(self, number):
        """Has it a handler for the signal? Its log says that it listens a moment before it has."""
        with contextlib.suppress(OSError):
            status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
            return int(re.search(r"^SigCgt:\s*(\w+)", status, re.M)[1], 16) >> (number - 1) & 1
        return True

    def send_signal(self, number):
        if number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            self.run.wait(lambda: self.process.poll() is not None or self.handles(number), f"{self.name} to handle signals")
        os.kill(self.pid, number)

    def wait(self, seconds=LEAST_S):
        """Waits for its end; returns the exit status."""
        seconds = self.run.at_least(seconds)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} still runs after {seconds} s") from None

    def stop(self, number=signal.SIGINT, seconds=LEAST_S, expect=0):
        """Ends it with a signal and checks the exit status."""
        self.send_signal(number)
        status = self.wait(seconds)
        if expect is not None and status != expect:
            raise Failed(f"{self.name} ended with {status}, not {expect}")
        return status

    def children(self):
        """{process title: pid} of its descendants."""
        titles = {}
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if int(path.name) != self.pid and os.getsid(int(path.name)) == self.pid:
                    titles[(path / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()] = int(path.name)
        return titles

    def child(self, title, seconds=LEAST_S):
        """The pid of the descendant whose title has this text."""
        pids = []

        def there():
            pids[:] = [pid for text, pid in self.children().items() if title in text]
            return pids

        self.run.wait(there, f"a process titled {title!r}, there are {list(self.children())}", seconds)
        return pids[0]


class Run:
    """One case: its folder, its daemons."""

    def __init__(self, folder, options):
        self.dir = folder
        self.options = options
        self.build = pathlib.Path(options.build)
        makefile = (self.build / "Makefile").read_text()
        threads = "-fsanitize=thread" in makefile
        self.sanitized = threads or "-fsanitize=address" in makefile
        self.isolated = options.isolated
        self.patience = 5 if options.valgrind else 2 if self.sanitized else 1
        self.daemons = []
        self.env = {**os.environ, "TZ": "UTC", "LC_ALL": "C", "UBSAN_OPTIONS": "print_stacktrace=1",
                    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99"}
        if threads:
            self.env["LD_PRELOAD"] = str(self.posix_threads())
            self.env["TSAN_OPTIONS"] = f"suppressions={pathlib.Path(__file__).with_name('tsan.supp')} exitcode=66"

    def posix_threads(self):
        """A library for programs with the thread sanitizer: see its source."""
        shim = self.dir / "threads.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-pthread", "-o", shim, pathlib.Path(__file__).with_name("tsanthreads.c")], check=True)
        return shim

    # --- conditions
    def skip(self, why):
        raise Skipped(why)

    def need_root(self):
        if not self.isolated:
            self.skip("needs root and network namespaces")

    def need(self, program):
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
        if not path:
            self.skip(f"{program} is not installed")
        return path

    def at_least(self, seconds):
        return max(seconds * self.patience, LEAST_S)

    def wait(self, condition, what, seconds=LEAST_S):
        """Waits until condition() is true; returns what it gave. More patience under sanitizers."""
        seconds = self.at_least(seconds)
        until = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > until:
                raise Failed(f"waited {seconds} s for {what}")
            time.sleep(STEP_S)

    def early_in_minute(self):
        """What happens at full minutes does not happen between two steps of a case that comes here before the first."""
        self.wait(lambda: time.time() % 60 < 30, "the next minute")

    def wait_file(self, path, seconds=LEAST_S):
        path = self.dir / path
        self.wait(lambda: path.exists() and path.stat().st_size, f"{path} to have content", seconds)
        return path

    def wait_socket(self, path, seconds=LEAST_S):
        path = self.dir / path
        self.wait(path.is_socket, f"{path} to be a socket", seconds)
        return path

    # --- valgrind
    def watched(self, name="", words=()):
        """Words in front of a program that make valgrind write its findings into files of the case."""
        self.need("valgrind")
        if self.sanitized:
            self.skip("sanitizers look for the same")
        return (*VALGRIND, *words, f"--suppressions={self.write('valgrind.supp', SUPPRESSED)}", f"--log-file={self.dir}/vg.{name}%p")

    def valgrind_reports(self):
        """Files, one a process; fails if there is a finding in one."""
        reports = list(self.dir.glob("vg.*"))
        for path in reports:
            text = path.read_text(errors="replace")
            if re.search(r"==\d+==", text):
                raise Failed(f"{path.name}:\n{text[:6000]}")
        return reports

    # --- programs
    def program(self, name):
        for path in (self.build / name, self.build / "sbin" / name, self.build / "bin" / name):
            if path.is_file():
                return path
        raise Failed(f"no {name} in {self.build}")

    def has(self, name):
        """Is this program part of the build?"""
        return any(path.is_file() for path in (self.build / name, self.build / "sbin" / name, self.build / "bin" / name))

    def write(self, name, text):
        path = self.dir / name
        path.write_text(text)
        return path

    def config(self, text, name=None):
        """Writes a configuration; @DIR@ in it is the folder of the case."""
        name = name or f"c{len(list(self.dir.glob('c*.conf')))}.conf"
        lines = "\n".join(line.strip() for line in text.strip().splitlines())
        return self.write(name, lines.replace("@DIR@", str(self.dir)) + "\n")

    def daemon(self, program, *args, config=None, env=None, front=()):
        """Starts a daemon, with a configuration given as text; front: words of a program that runs it."""
        words = list(args)
        front = front or (self.watched() if self.options.valgrind else ())
        if config is not None:
            # A system call that its filter does not know ends the process: no case passes over that. Valgrind needs others, and to look at memory.
            strict = "" if "seccomp" in config else "\nseccomp: off\ncore_dumps: true" if self.options.valgrind else "\nseccomp: kill"
            words = ["-f", self.config(config + strict), *words]
        daemon = Daemon(self, program, words, env or {}, front)
        self.daemons.append(daemon)
        return daemon

    def nfacctd(self, config, *args, ready=True):
        """An nfacctd on a free port of 127.0.0.1, ready to receive; returns (daemon, port)."""
        port = self.port()
        d = self.daemon("nfacctd", *args, config=f"{config}\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\n")
        if ready:
            d.wait_log(r"waiting for NetFlow/IPFIX data")
        return d, port

    def call(self, *words, expect=0, seconds=60, env=None):
        """Runs something to its end; returns what it printed on stdout. Its stderr is in self.stderr."""
        words = [str(w) for w in words]
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", cwd=self.dir, stdin=subprocess.DEVNULL,
                              env={**self.env, **(env or {})}, timeout=seconds * self.patience)
        self.stderr = done.stderr
        if expect is not None and done.returncode != expect:
            raise Failed(f"{words} ended with {done.returncode}, not {expect}:\n{done.stdout}{done.stderr}")
        if REPORT.search(done.stderr):
            raise Failed(done.stderr)
        return done.stdout

    def run_program(self, name, *args, **more):
        return self.call(self.program(name), *args, **more)

    def client(self, *args, socket_path="m.sock", **more):
        return self.run_program("pmacct", "-p", self.dir / socket_path, *args, **more)

    def client_json(self, *args, **more):
        return [json.loads(line) for line in self.client("-O", "json", *args, **more).splitlines()]

    # --- data
    def rows(self, name):
        """The JSON lines of a file of the case, without marker lines."""
        path = self.dir / name
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        return [line for line in lines if line.get("event_type") not in ("purge_init", "purge_close")]

    def sql(self, database, text):
        with contextlib.closing(sqlite3.connect(self.dir / database)) as db:
            return db.execute(text).fetchall()

    # --- network
    def port(self, kind=socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]

    def send(self, port, datagrams, source="127.0.0.1", to="127.0.0.1"):
        """Sends datagrams, never faster than the receiver takes them."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((source, 0))
            for n, datagram in enumerate(datagrams):
                s.sendto(datagram, (to, port))
                if n % 32 == 31:
                    self.drained(port)
        self.drained(port)

    def drained(self, port):
        """Waits until the receiver on this machine has read everything that was sent to it."""
        self.wait(lambda: self.queue(port) == 0, f"the queue of port {port} to be read", 30)

    @staticmethod
    def queue(port):
        """Octets that wait in the receive queues of a UDP port."""
        octets = 0
        for table in ("/proc/net/udp", "/proc/net/udp6"):
            with contextlib.suppress(OSError), open(table) as f:
                for line in list(f)[1:]:
                    words = line.split()
                    if int(words[1].rsplit(":", 1)[1], 16) == port:
                        octets += int(words[4].split(":")[1], 16)
        return octets

    @staticmethod
    def socket_drops(port):
        drops = 0
        for table in ("/proc/net/udp", "/proc/net/udp6"):
            with contextlib.suppress(OSError), open(table) as f:
                drops += sum(int(w[-1]) for w in map(str.split, list(f)[1:]) if int(w[1].rsplit(":", 1)[1], 16) == port)
        return drops

    def ip(self, *words):
        return self.call("ip", *words)

    def veth(self, name="v0", peer="v1", here="192.0.2.1/24", there="192.0.2.2/24"):
        """A second host: a network namespace at the other end of a veth pair. Returns words that run a command there. Neither end
        says anything by itself: no IPv6 link-local traffic, no ARP."""
        self.need_root()
        host = subprocess.Popen(["unshare", "--net", "sleep", "3600"])
        self.helpers = getattr(self, "helpers", []) + [host]
        own = os.readlink("/proc/self/ns/net")
        self.wait(lambda: os.readlink(f"/proc/{host.pid}/ns/net") != own, "the other namespace")
        front = ["nsenter", "--net=/proc/%d/ns/net" % host.pid]
        self.ip("link", "add", name, "type", "veth", "peer", "name", peer, "netns", str(host.pid))
        self.ip("link", "set", name, "address", "02:00:00:00:00:01")
        self.call(*front, "ip", "link", "set", peer, "address", "02:00:00:00:00:02")
        for words, link, address, far, mac in (([], name, here, there, "02"), (front, peer, there, here, "01")):
            self.call(*words, "sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{link}/disable_ipv6 2>/dev/null || true")
            self.call(*words, "ip", "addr", "add", address, "dev", link)
            self.call(*words, "ip", "link", "set", "lo", "up")
            self.call(*words, "ip", "link", "set", link, "up")
            self.call(*words, "ip", "neigh", "replace", far.split("/")[0], "lladdr", f"02:00:00:00:00:{mac}", "dev", link,
                      "nud", "permanent")
        return front

    # --- faults
    def measured(self, fault, who, lost, duplicated, recovered):
        """A row of docs/reliability.md: what a fault cost. Numbers, or short texts; recovered: seconds."""
        print("measured " + json.dumps({"fault": fault, "who": who, "lost": lost, "duplicated": duplicated, "recovered": recovered}))

    # --- end
    def end(self):
        """Ends what still runs, checks that nothing has reported a finding of the sanitizers."""
        for d in self.daemons:
            if d.process.poll() is None:
                d.stop(expect=None)
        self.kill()
        for d in self.daemons:
            finding = REPORT.search(d.text())
            if finding:
                raise Failed(f"{d.name}: {finding.group(0)}\n{d.text()[-4000:]}")
        self.valgrind_reports()

    def kill(self):
        for d in self.daemons:
            with contextlib.suppress(OSError):
                os.killpg(d.pid, signal.SIGKILL)
            d.process.wait()
        for helper in getattr(self, "helpers", []):
            helper.kill()
            helper.wait()

    def show_logs(self):
        try:
            self.valgrind_reports()
        except Failed as found:
            print(found)
        for d in self.daemons:
            text = d.text()
            finding = REPORT.search(text)
            if finding:
                print(f"--- {d.name}: what a sanitizer has found\n{text[finding.start():finding.start() + 6000]}")
            print(f"--- {d.name} (status {d.process.returncode})\n{text[-6000:]}")
