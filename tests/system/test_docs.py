# SPDX-License-Identifier: BSD-2-Clause
"""The documents' commands, run as they are written. A block ```sh is given to bash, section by section (##), in a folder of its own, on
a host with an interface eth0 where there is always some traffic: ping and DNS to 192.0.2.2. A block ```text behind it is what
has to come out: each of its lines somewhere in the output, in this order, `...` standing for anything. A block that goes on (a
daemon in the foreground) is interrupted once it has shown that; one that ends too early is run again until it shows it.
A section is skipped with the reason when it names what is not here: <!-- needs PROGRAM -->, <!-- not run: WHY -->; a server of
SERVICES is started for it."""
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import harness
import packets
import servers
import test_clickhouse

DOCS = harness.ROOT / "docs"
TALK = """import socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("192.0.2.1", 5353))
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
t.bind(("192.0.2.1", 8080))
while True:
    s.sendto(b"q" * 52, ("192.0.2.2", 53))
    t.sendto(b"t" * 972, ("192.0.2.2", 443))
    time.sleep(0.05)
"""


def sections(name):
    """Title -> (conditions, blocks as (language, text))."""
    parts = re.split(r"^## +(.*)$", (DOCS / name).read_text(), flags=re.M)
    return {title: (re.findall(r"<!-- (needs|not run:) +(.*?) *-->", body), re.findall(r"^```(sh|text)\n(.*?)^```$", body, re.M | re.S))
            for title, body in zip(parts[1::2], parts[2::2])}


def pattern(text):
    """A regular expression for what a block shows: lines in order, blanks of any width, `...` for anything."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip() not in ("", "...")]
    return [re.compile(".*?".join(r"\s+".join(map(re.escape, part.split())) for part in line.split("..."))) for line in lines]


def shows(output, wanted):
    at = 0
    for line in wanted:
        found = line.search(output, at)
        if not found:
            return False
        at = found.end()
    return True


def run_block(run, env, code, wanted, seconds):
    """Runs a block to its end, or until it has shown what is wanted; returns its output."""
    log = run.dir / "block.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(["bash", "-e", "-c", code], stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=run.dir / "doc", env=env,
                                   start_new_session=True)
    text = lambda: log.read_text(errors="replace")
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end and not (wanted and shows(text(), wanted)):
        time.sleep(0.05)
    ended = process.poll()
    if ended is None:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)
    elif not wanted:
        assert ended == 0, f"{code}\nended with {ended}:\n{text()}"
    assert ended is not None or wanted, f"{code}\nwent on for {seconds} s:\n{text()}"
    return text()


def run_section(run, env, blocks):
    for i, (language, code) in enumerate(blocks):
        if language != "sh":
            continue
        wanted = pattern(blocks[i + 1][1]) if i + 1 < len(blocks) and blocks[i + 1][0] == "text" else []
        end, output = time.monotonic() + 60 * run.patience, ""
        while True:
            output = run_block(run, env, code, wanted, max(1, end - time.monotonic()))
            if shows(output, wanted) or time.monotonic() > end:
                break
            time.sleep(0.2)
        assert shows(output, wanted), f"{code}\nshowed:\n{output}\nbut not:\n{blocks[i + 1][1]}"
        assert not harness.REPORT.search(output), output


def host(run):
    """eth0 with a second host behind it and some traffic; the programs in PATH."""
    run.need_root()
    folder = run.dir / "doc"
    folder.mkdir()
    (folder / "examples").symlink_to(harness.ROOT / "examples")
    run.ip("link", "set", "lo", "up")
    front = run.veth("eth0", "eth1")
    talk = run.write("talk.py", TALK)
    run.helpers += [subprocess.Popen(["python3", talk]), subprocess.Popen(["ping", "-q", "-i", "0.2", "192.0.2.2"], stdout=subprocess.DEVNULL)]
    return {**run.env, "PATH": f"{run.build}:{run.dir}/bin:{os.environ['PATH']}:/usr/sbin:/sbin", "HOME": str(folder)}


def kafka(run):
    """At its usual port; topics are made when somebody writes to them, as Kafka does unless it is told otherwise."""
    if not run.has("tests/system/kafkactl") or not servers.real_kafka():
        run.skip("no Apache Kafka: ./dev deps fetches it")
    servers.Kafka(run, port=9092, auto_create_topics_enable="true")


CLIENT = """#!{python}
import socket, sys
query = sys.argv[sys.argv.index("-q") + 1] if "-q" in sys.argv else sys.stdin.read()
with socket.socket(socket.AF_UNIX) as s:
    s.connect({path!r})
    s.sendall(query.encode())
    s.shutdown(socket.SHUT_WR)
    sys.stdout.write(s.makefile().read())
"""


def clickhouse_client(run):
    """A program of this name in PATH, which asks the embedded ClickHouse: rows with tabs between their columns, as ClickHouse's own."""
    house, path = test_clickhouse.ClickHouse(run), str(run.dir / "clickhouse.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def answer(query):
        if not query.lstrip().upper().startswith("SELECT"):
            return house.load(query) or ""
        return "".join("\t".join(map(str, row.values())) + "\n" for row in house.query(query))

    def serve():
        while True:
            with listener.accept()[0] as s:
                s.sendall(answer(s.makefile().read()).encode())

    threading.Thread(target=serve, daemon=True).start()
    program = run.dir / "bin" / "clickhouse-client"
    program.parent.mkdir()
    program.write_text(CLIENT.format(python=sys.executable, path=path))
    program.chmod(0o755)


SERVICES = {"kafka": kafka, "clickhouse-client": clickhouse_client, "opensearch": servers.OpenSearch}


def test_messages(run):
    """What docs/troubleshooting.md quotes of the log stands in the sources."""
    sources = ""
    for path in (*harness.ROOT.glob("src/**/*.c"), *harness.ROOT.glob("src/**/*.h"), *harness.ROOT.glob("src/**/*.def")):
        sources += re.sub(r'"\s*(?:PRI\w+\s*)?"', "", path.read_text())  # literals go on over lines
    quoted = [q for line in (DOCS / "troubleshooting.md").read_text().splitlines() if line.startswith("| ") for q in re.findall(r"`([^`]+)`", line.split("|")[1])]
    assert len(quoted) > 20, quoted
    for text in quoted:
        pieces = [p.strip(" '") for p in text.split("...")]
        for piece in (p for p in pieces if len(p) > 3):
            words = (rf"(?:{re.escape(word)}|%\S+)" for word in piece.split())  # which a conversion may stand for
            assert re.search(r"\s*".join(words), sources), f"no message has '{piece}' of '{text}'"


def case(name, title):
    def test(run):
        conditions, blocks = sections(name)[title]
        for kind, what in conditions:
            if kind == "not run:":
                run.skip(what)
            run.need_root()
            SERVICES[what](run) if what in SERVICES else run.has(what) or run.need(what)
        assert any(language == "sh" for language, _ in blocks), "a section without commands"
        run_section(run, host(run), blocks)

    test.__doc__ = f"docs/{name}: {title}"
    test.limit = 240
    return test


for document in ("quickstart.md", "recipes.md"):
    for heading in sections(document):
        word = re.sub(r"\W+", "_", heading.lower()).strip("_")
        globals()[f"test_{document.split('.')[0]}_{word}"] = case(document, heading)


def test_readme(run):
    """Each command of README.md that runs a daemon has a configuration that is in order; what it names as a file is there."""
    folder = run.dir / "doc"
    folder.mkdir()
    (folder / "examples").symlink_to(harness.ROOT / "examples")
    packets.pcap(folder / "capture.pcap", [])
    text, tried = (harness.ROOT / "README.md").read_text(), 0
    for words in (line.split() for line in re.findall(r"^ {6,}((?:nf|sf|pm|u)acctd .*|pm\w+d .*)$", text, re.M)):
        if "--explain" in words or "--print-schema" in words or not run.has(words[0]):
            continue
        words = [w for w in words if w not in ("-D", "--check-config")]
        if "/etc/pmacct/nfacctd.conf" in words:
            words[words.index("/etc/pmacct/nfacctd.conf")] = str(harness.ROOT / "packaging/etc/nfacctd.conf")
        done = subprocess.run([run.program(words[0]), *words[1:], "--check-config"], cwd=folder, env=run.env, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and not re.search("WARN|ERROR", done.stdout + done.stderr), (words, done)
        tried += 1
    assert tried >= 12, tried
    for path in re.findall(r"`((?:docs|examples|tests|bench|packaging)/[\w./-]+)`", text):
        assert (harness.ROOT / path).exists(), path
