# SPDX-License-Identifier: BSD-2-Clause
"""pmacct --top: the live view of a memory table, on a terminal (a pty) and without one."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import netflow

CONFIG = """
    plugins: memory[in]
    aggregate: src_host, dst_host, proto, flows
    imt_path[in]: @DIR@/m.sock"""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """pmacct on a pty; `screen` is what the last picture has."""

    def __init__(self, run, *args, env=None, lines=24, columns=100):
        self.run, self.text = run, ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update({"TERM": "xterm", **(env or {})})
            os.execv(run.program("pmacct"), ["pmacct", "-p", str(run.dir / "m.sock"), *args])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self):
        while select.select([self.fd], [], [], 0)[0]:
            try:
                data = os.read(self.fd, 1 << 16)
            except OSError:
                return
            if not data:
                return
            self.text += data.decode(errors="replace")

    def screen(self):
        self.read()
        whole = self.text.split("\x1b[H")
        return ESCAPES.sub("", whole[-1] if whole[-1].endswith("\x1b[J") else whole[-2] if len(whole) > 1 else "")

    def rows(self):
        """The lines of the table, as words."""
        found = [line.split() for line in self.screen().replace("\r", "").split("\n")]
        at = next((i for i, words in enumerate(found) if "BITS" in words or ">BITS" in words), None)
        return [] if at is None else [w for w in found[at + 1:] if w and w[0] != "q"]

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def wait(self, condition, what):
        self.run.wait(lambda: condition(self), f"{what}; the screen is:\n{self.screen()}", 20)

    def end(self):
        """Exit status, and what was written at last."""
        until = time.monotonic() + 20 * self.run.patience
        while time.monotonic() < until:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.read()
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status), self.text
            time.sleep(0.02)
        raise AssertionError("pmacct did not end")


def test_top_terminal(run):
    """Rates, order, sums by a field, a filter, help, the end: by keys; the terminal is given back."""
    _, port = run.nfacctd(CONFIG)
    made = [netflow.flow(n) for n in range(60)]
    run.send(port, netflow.v5(made, 1700000000))
    run.wait(lambda: len(run.client_json("-s")) == 60, "60 aggregates")
    t = Terminal(run, "--top=1")
    t.wait(lambda t: "60 aggregates" in t.screen() and len(t.rows()) == 20, "a screenful")
    run.send(port, netflow.v5(made[:1], 1700000000))
    first = run.client_json("-s", "-T", "bytes,1")[0]
    t.press("t")
    t.wait(lambda t: ">BYTES EVER" in re.sub(" +", " ", t.screen()).replace("> ", ">") and t.rows()[0][0] == first["ip_src"], "the largest ever at the top")
    t.press("b")
    run.send(port, netflow.v5([netflow.flow(7)] * 5, 1700000000))
    t.wait(lambda t: len(t.rows()) == 20 and t.rows()[0][0] == "10.0.0.7" and "b/s" in " ".join(t.rows()[0]), "who sends now at the top")
    t.press("ggg")
    t.wait(lambda t: "by proto" in t.screen() and 0 < len(t.rows()) <= 3, "sums by protocol")
    t.press("g/10.0.0.7\r")
    t.wait(lambda t: "only what has: 10.0.0.7" in t.screen() and t.rows() and all(r[0] == "10.0.0.7" for r in t.rows()), "only one host")
    t.press("\x1b")
    t.wait(lambda t: "60 aggregates" in t.screen() and "only" not in t.screen(), "no filter")
    t.press("?")
    t.wait(lambda t: "sum up by the next field" in t.screen(), "help")
    t.press("?")
    t.press("\x1b[6~")
    fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 60, 0, 0))
    t.wait(lambda t: len(t.rows()) == 8, "fewer lines")
    t.press("q")
    status, text = t.end()
    assert status == 0 and text.endswith("\x1b[?25h\x1b[?1049l"), (status, text[-60:])


def test_top_colour(run):
    """NO_COLOR is heard; where nobody looks there are no escapes at all; as many times as asked for."""
    run.nfacctd(CONFIG)
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        t = Terminal(run, "--top=1,1", env=env)
        status, text = t.end()
        assert status == 0 and ("\x1b[1m" in text) is coloured, (env, text)
    text = run.client("--top=1,2", "-T", "packets,5")
    assert "\x1b" not in text and text.count("0 aggregates") == 2 and ">PACKETS" in text, text
    for words, why in ((("--top=0",), "seconds"), (("--top=x",), "seconds"), (("--top", "-s"), "--top goes with"), (("--top", "-e"), "--top goes with")):
        assert why in run.client(*words, expect=1)
    assert "Unable to connect" in run.client("--top=1,1", socket_path="nothing.sock", expect=1)


def test_top_match(run):
    """With -c and -M only what matches is asked for; the daemon may go and come back."""
    d, port = run.nfacctd(CONFIG)
    run.send(port, netflow.v5([netflow.flow(n) for n in range(30)], 1700000000))
    run.wait(lambda: len(run.client_json("-s")) == 30, "30 aggregates")
    t = Terminal(run, "--top=1", "-c", "src_host", "-M", "10.0.0.3;10.0.0.4")
    t.wait(lambda t: sorted(r[0] for r in t.rows()) == ["10.0.0.3", "10.0.0.4"], "two hosts")
    d.stop()
    t.wait(lambda t: "Unable to connect" in t.screen() or "refused" in t.screen(), "trouble")
    run.nfacctd(CONFIG)
    t.wait(lambda t: "0 aggregates" in t.screen() and "Unable" not in t.screen(), "the new one")
    os.kill(t.pid, 15)
    status, text = t.end()
    assert status == 0 and text.endswith("\x1b[?1049l")


def test_top_keys(run):
    """Every key that the help names, and a filter that is mended while it is typed."""
    _, port = run.nfacctd(CONFIG)
    run.send(port, netflow.v5([netflow.flow(n) for n in range(60)], 1700000000))
    run.wait(lambda: len(run.client_json("-s")) == 60, "60 aggregates")
    t = Terminal(run, "--top=1")
    t.wait(lambda t: len(t.rows()) == 20, "a screenful")
    t.press("t")
    for keys, first in (("", 59), ("\x1b[B\x1b[B", 57), ("\x1b[A", 58), ("\x1b[6~", 38), ("\x1b[F", 19), ("\x1b[5~", 39), ("\x1b[H", 59), ("\x1b[4~", 19), ("\x1b[1~", 59)):
        t.press(keys)
        t.wait(lambda t, n=first: t.rows() and t.rows()[0][0] == f"10.0.0.{n}" and len(t.rows()) == 20, f"{keys!r} to lead to the {first}th")
    for key, title in (("p", ">PACKETS"), ("f", ">FLOWS"), ("b", ">BITS")):
        t.press(key)
        t.wait(lambda t, title=title: title in t.screen(), title)
    for key, text in (("G", "by proto"), ("G", "by dst_host"), ("g", "by proto"), ("g", "by all fields"), ("+", "every 2 s"), ("-", "every 1 s"), ("-", "every 1 s"), (" ", ", paused"),
                      ("h", "space    pause"), ("h", ">BITS"), ("/", "Only what has: _"), ("10.0.0.57", "Only what has: 10.0.0.57_"), ("\x7f\x7f8\r", "only what has: 10.0.0.8")):
        t.press(key)
        t.wait(lambda t, text=text: text in t.screen(), f"{text!r} after {key!r}")
    assert [r[0] for r in t.rows()] == ["10.0.0.8"] and ", paused" in t.screen()
    run.send(port, netflow.v5([netflow.flow(8)], 1700000000))
    t.press(" ")
    t.wait(lambda t: t.rows() and "b/s" in " ".join(t.rows()[0]) and "paused" not in t.screen(), "looks at the table again")
    t.press("q")
    assert t.end()[0] == 0


def test_progress(run):
    """An answer that takes more than a second: how far it is, on a terminal's standard error, and wiped away at the end; nowhere else."""
    _, port = run.nfacctd(CONFIG)
    run.send(port, netflow.v5(netflow.flows(12000), 1700000000))
    run.wait(lambda: len(run.client_json("-s")) == 12000, "12,000 aggregates", 60)
    for terminal, patient in ((True, True), (True, False), (False, True)):
        ours, theirs = pty.openpty() if terminal else os.pipe()
        began = time.monotonic()
        p = subprocess.Popen([run.program("pmacct"), "-p", run.dir / "m.sock", "-s", "-O", "json"], stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        if patient:  # the answer, some megabytes, does not fit into a pipe: it goes on when it is read
            run.wait(lambda: select.select([p.stdout], [], [], 0)[0] and time.monotonic() > began + 1.5, "a slow reader", 60)
        rows, told = p.stdout.read().decode().splitlines(), b""
        assert p.wait(60) == 0 and len(rows) == 12000
        while select.select([ours], [], [], 0)[0]:
            try:
                more = os.read(ours, 4096)
            except OSError:
                break
            if not more:
                break
            told += more
        os.close(ours)
        if terminal and patient:
            assert re.match(rb"(\r\d+ entries \.\.\.)+\r {40}\r$", told), told
        elif not terminal or time.monotonic() < began + 1:
            assert told == b"", told
