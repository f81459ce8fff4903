# SPDX-License-Identifier: BSD-2-Clause
"""What the papers promise: the examples are good configurations, what is installed is complete, the demo works."""
import os
import re
import subprocess

import harness


def test_examples(run):
    """Every example passes --check-config, by the daemon that its name starts with; files are named from the root."""
    examples = sorted((harness.ROOT / "examples").glob("*.conf"))
    assert examples
    (run.dir / "examples").symlink_to(harness.ROOT / "examples")  # files that they name
    for path in examples:
        program = path.name.split("-")[0]
        if program == "uacctd" and not run.has(program):
            continue
        run.call("env", "-C", harness.ROOT, run.program(program), "--check-config", "-f", path)


def test_rules(run):
    """The firewall rules that go with the examples are good ones."""
    run.need_root()
    run.call(run.need("nft"), "-c", "-f", harness.ROOT / "examples/uacctd.nft")


def test_install(run):
    """make install DESTDIR puts programs, manual pages and documents where they belong."""
    run.call("make", "-C", run.build, "install", f"DESTDIR={run.dir}/root", seconds=120)
    root = run.dir / "root/usr/local"
    for path in ("sbin/nfacctd", "sbin/sfacctd", "sbin/pmacctd", "bin/pmacct", "share/man/man8/nfacctd.8", "share/man/man8/sfacctd.8", "share/man/man8/pmacctd.8",
                 "share/man/man1/pmacct.1", "share/doc/pmacct-ng/CONFIG-KEYS"):
        assert (root / path).is_file(), path
    if run.has("uacctd"):
        assert (root / "sbin/uacctd").is_file() and (root / "share/man/man8/uacctd.8").is_file()
    assert run.call(root / "bin/pmacct", "-V").startswith("pmacct IMT plugin client, pmacct ")


def test_demo(run):
    """examples/demo.sh: real programs talk, and three countings agree."""
    run.need_root()
    for program in ("ip", "ping", "curl", "sqlite3", "unshare"):
        run.need(program)
    done = subprocess.run([harness.ROOT / "examples/demo.sh", run.build], capture_output=True, text=True, cwd=run.dir,
                          env={**run.env, "TMPDIR": str(run.dir)}, timeout=90 * run.patience)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"the counts agree", done.stdout), done.stdout + done.stderr
    for part in ("For a total of:", '"ip_src":', "top talkers"):
        assert part in done.stdout, done.stdout
    left = [name for name in os.listdir("/run/netns") if name.startswith("pmdemo")] if os.path.isdir("/run/netns") else []
    assert not left, left


def test_tally(run):
    """A program that fails is counted, however deep the Makefile's variables name it; so is one that did not run."""
    build = run.dir / "tallied"
    (build / "tests").mkdir(parents=True)
    (build / "Makefile").write_text("TESTS = tests/a$(EXEEXT) \\\n\t$(am__EXEEXT_1)\nam__EXEEXT_1 = $(am__EXEEXT_2) tests/c$(EXEEXT)\nam__EXEEXT_2 = tests/b$(EXEEXT)\n")
    for name, result, log in (("a", "PASS", ""), ("b", "FAIL", "[       OK ] one\n[  FAILED  ] two\n")):
        (build / f"tests/{name}.trs").write_text(f":test-result: {result}\n")
        (build / f"tests/{name}.log").write_text(log)
    said = run.call("python3", harness.ROOT / "tests/tally.py", build, expect=1)
    assert said.splitlines()[-1] == "2 passed, 2 failed", said  # a; b's first case | b's second; c


def test_package_needs(run):
    """What the build installs, the package builds with; and what it installs has a unit, a configuration, and a way in."""
    dev = (harness.ROOT / "dev").read_text()
    wanted = {w for w in re.search(r'build_packages="(.*?)"', dev, re.S)[1].split() if w.startswith("lib") and w != "libc6-dev"}
    control = (harness.ROOT / "packaging/debian/control").read_text()
    missing = sorted(w for w in wanted if not re.search(rf"\b{re.escape(w)}\b", control))
    assert wanted and not missing, f"packaging/debian/control lacks {missing}"
    root = run.dir / "root"
    (root / "usr/sbin").mkdir(parents=True)
    daemons = [p.name.split("@")[0] for p in (harness.ROOT / "packaging/systemd").glob("*@.service")]
    assert len(daemons) == 7, daemons
    for name in daemons:
        (root / "usr/sbin" / name).touch()
    run.call(harness.ROOT / "packaging/install-system.sh", root, "/units")
    for name in daemons:
        assert f"/etc/pmacct/{name}.conf" in (root / f"units/{name}.service").read_text(), name
        assert f"/etc/pmacct/{name}-%i.conf" in (root / f"units/{name}@.service").read_text(), name
        if run.has(name):
            run.call(run.program(name), "--check-config", "-f", root / f"etc/pmacct/{name}.conf")


def test_man_pages(run):
    """The manual pages have no errors, and name every flag that -h shows."""
    run.need("man")
    for program, section in (("nfacctd", 8), ("sfacctd", 8), ("pmacctd", 8), ("uacctd", 8), ("pmtelemetryd", 8), ("pmacct", 1)):
        if not run.has(program):
            continue
        page = harness.ROOT / f"docs/{program}.{section}"
        done = subprocess.run(["man", "--warnings", "-l", "-E", "UTF-8", "-Tutf8", page], capture_output=True, text=True,
                              env={**run.env, "LC_ALL": "C.UTF-8", "MANWIDTH": "100", "MAN_KEEP_FORMATTING": ""})
        assert done.returncode == 0 and not done.stderr.strip(), done.stderr
        flags = set(re.findall(r"^\s+-(\w)\b", run.run_program(program, "-h"), re.M))
        text = re.sub(r".\x08", "", done.stdout)
        missing = sorted(f for f in flags if not re.search(rf"-{f}\b", text))
        assert flags and not missing, f"{program}: {missing}"
