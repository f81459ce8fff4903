#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The checks that no compiler makes. Each function check_* is one: it yields what is wrong, as `file:line: text`.

    lint.py --build build/plain [-k PATTERN]

Ends with `N passed, M failed`, one for each check.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Which folders of src/ a folder may include from, besides itself. base <- config <- core <- packet <- {netflow, sflow}, core <- output <- plugins.
MAY_INCLUDE = {
    "base": set(),
    "config": {"base"},
    "core": {"base", "config"},
    "packet": {"base", "config", "core"},
    "netflow": {"base", "config", "core", "packet"},
    "sflow": {"base", "config", "core", "packet"},
    "output": {"base", "config", "core"},
    "rib": {"base", "config", "core"},
    "bgp": {"base", "config", "core", "rib", "rpki", "output"},
    "rpki": {"base", "config", "core", "rib"},
    "routing": {"base", "config", "core", "rib", "rpki", "bgp", "bmp"},
    "bmp": {"base", "config", "core", "packet", "rib", "rpki", "bgp", "output"},
    "queue": {"base", "config", "core", "packet", "output"},
    "telemetry": {"base", "config", "core", "output", "queue"},
    "pmtelemetryd": {"core", "output", "telemetry", "http"},
    "http": {"base", "config", "core"},
    "plugins": {"base", "config", "core", "packet", "netflow", "sflow", "output", "http"},
    "nfacctd": {"base", "config", "core", "packet", "netflow", "sflow", "output", "queue", "plugins", "rib", "bgp", "bmp", "rpki", "routing", "telemetry", "http"},
    "sfacctd": {"base", "config", "core", "packet", "sflow", "output", "queue", "plugins", "rib", "bgp", "bmp", "rpki", "routing", "http"},
    "pmacctd": {"base", "config", "core", "packet", "netflow", "sflow", "output", "plugins", "rib", "bgp", "bmp", "rpki", "routing", "http"},
    "uacctd": {"base", "config", "core", "packet", "netflow", "sflow", "output", "plugins", "rib", "bgp", "bmp", "rpki", "routing", "http"},
    "pmbmpd": {"base", "config", "core", "output", "rib", "rpki", "bgp", "bmp", "http"},
    "pmbgpd": {"base", "config", "core", "output", "rib", "rpki", "bgp", "http"},
    "pmbgp": {"base", "output"},
    "pmacct": {"base", "config", "core", "output"},
}
MAX_FILE_LINES, MAX_FUNCTION_LINES = 1000, 100
BANNED = {"strcpy": "snprintf", "strcat": "strbuf", "sprintf": "snprintf", "gets": "fgets", "strtok": "strcspn", "alloca": "an array",
          "atoi": "strtol with a check", "system": "posix_spawn", "tmpnam": "mkstemp"}
COMPILE = ["-std=gnu17", "-D_GNU_SOURCE", '-DPKGLIBEXECDIR="/usr/libexec"', f"-I{ROOT}/src"]


def tracked(*patterns, under=("src", "tests", "bench")):
    for folder in under:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and any(path.match(p) for p in patterns):
                yield path


def sources():
    return tracked("*.c", "*.h")


def text_of(path):
    return path.read_text(errors="replace")


def at(path, line, text):
    return f"{path.relative_to(ROOT)}:{line}: {text}"


def run(*words, **more):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, cwd=ROOT, **more)


def parallel(job, things):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for lines in pool.map(job, things):
            yield from lines


def without_comments(text):
    """Comments and strings blanked, lines kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check_format(build):
    def one(path):
        done = run("clang-format", "--dry-run", "-Werror", path)
        return [line for line in done.stderr.splitlines() if "error:" in line][:3]
    yield from parallel(one, list(sources()))


def check_tidy(build):
    def one(path):
        done = run("clang-tidy", "--quiet", path, "--", *COMPILE, f"-I{build}", *library_flags(build))
        return [line for line in done.stdout.splitlines() if re.search(r"(error|warning): ", line)]
    yield from parallel(one, list(tracked("*.c", under=("src",))))


def library_flags(build):
    """Where the headers of libraries are, as configure found them."""
    line = re.search(r"^PM_CFLAGS = (.*)$", text_of(pathlib.Path(build) / "Makefile"), re.M)[1]
    return " ".join(re.findall(r"-I\S+|-isystem \S+", line)).split()


def check_cppcheck(build):
    done = run("cppcheck", "--quiet", "--enable=warning,performance,portability", "--inline-suppr", "--std=c11", "-j", os.cpu_count(),
               "--suppress=missingIncludeSystem", "--suppress=uninitvar:*_test.c", "--template={file}:{line}: {id}: {message}",
               "-DWITH_SQLITE3", "-D_GNU_SOURCE", "-Isrc", f"-I{build}", "src")
    yield from (line for line in done.stderr.splitlines() if re.match(r"\S+:\d+: ", line))


def check_include_direction(build):
    for path in tracked("*.c", "*.h", "*.def", under=("src",)):
        room = path.relative_to(ROOT / "src").parts[0]
        for number, line in enumerate(text_of(path).splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not found or found[1] == "config.h":
                continue
            target = found[1].split("/")[0]
            if room not in MAY_INCLUDE:
                yield at(path, number, f"src/{room} is not in the table of this check")
            elif "/" not in found[1] or not (ROOT / "src" / found[1]).exists():
                yield at(path, number, f'"{found[1]}": headers are named from src/, as "base/err.h"')
            elif target != room and target not in MAY_INCLUDE[room]:
                yield at(path, number, f"{room} must not include from {target}")


def check_headers_stand_alone(build):
    def one(path):
        done = run("gcc", "-fsyntax-only", "-x", "c", *COMPILE, f"-I{build}", *library_flags(build), "-Wall", "-Wextra", "-Werror", path)
        return [line for line in done.stderr.splitlines() if "error:" in line][:2]
    yield from parallel(one, list(tracked("*.h", under=("src",))))


def check_file_sizes(build):
    for path in tracked("*.c", "*.h", "*.py", "*.def"):
        text = text_of(path)
        if text.count("\n") > MAX_FILE_LINES and "Long because" not in text[:2000] and path.suffix != ".def":
            yield at(path, 1, f"{text.count(chr(10))} lines; a file over {MAX_FILE_LINES} says at its top `Long because ...`")


def functions(path):
    """(name, line, length) of each function of a formatted C file: from its `{` in the first column to its `}`."""
    begin = name = None
    for number, line in enumerate(without_comments(text_of(path)).splitlines(), 1):
        words = re.findall(r"\b(\w+)\(", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", line)) if re.match(r"[A-Za-z_][^;={]*\(", line) else []
        if words and begin is None:
            name = words[0]
        if line.startswith("{") and name:
            begin = number
        if line.startswith("}") and begin:
            yield name, begin, number - begin + 1
            begin = name = None


def check_function_sizes(build):
    lengths = sorted(((n, f, path, line) for path in tracked("*.c", under=("src",)) for f, line, n in functions(path)), key=lambda x: -x[0])
    if lengths:
        values = sorted(n for n, *_ in lengths)
        print(f"     functions: {len(values)}, median {values[len(values) // 2]} lines, 95th percentile {values[len(values) * 95 // 100]}, "
              "longest: " + ", ".join(f"{f} {n}" for n, f, *_ in lengths[:5]))
    for n, f, path, line in lengths:
        if n > MAX_FUNCTION_LINES:
            yield at(path, line, f"{f} has {n} lines; look for the piece that has a name")


def check_first_lines(build):
    for path in [*tracked("*.c", "*.h", "*.def", "*.mk", "*.py", "*.sh"), ROOT / "dev", ROOT / "configure.ac", ROOT / "Makefile.am"]:
        head = text_of(path)[:400].splitlines()[:2]
        if not any("SPDX-License-Identifier: BSD-2-Clause" in line for line in head):
            yield at(path, 1, "the first line is the SPDX licence identifier")
        elif path.suffix == ".c" and "/*" not in "\n".join(text_of(path).splitlines()[1:4]):
            yield at(path, 2, "a file opens with two or three lines on what it does and who calls it")


def check_banned_functions(build):
    words = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
    for path in tracked("*.c", "*.h", under=("src",)):
        for number, line in enumerate(without_comments(text_of(path)).splitlines(), 1):
            found = words.search(line)
            if found:
                yield at(path, number, f"{found[1]}: use {BANNED[found[1]]}")


def check_todo(build):
    for path in [*sources(), *tracked("*.def", "*.py", "*.mk")]:
        if path == pathlib.Path(__file__).resolve():
            continue
        for number, line in enumerate(text_of(path).splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b(?!\s*\(?#\d+)", line):
                yield at(path, number, "name the issue: TODO(#n)")


def check_no_mutable_globals(build):
    """State hangs off structs that are passed down: nothing of the libraries lies in .data or .bss."""
    for archive in sorted(build.glob("lib*.a")):
        if archive.name == "libfuzzmain.a":
            continue
        member = ""
        for line in run("objdump", "-t", archive).stdout.splitlines():
            if ":     file format" in line:
                member = line.split(":")[0]
            found = re.match(r"^[0-9a-f]+ [ glu!].....O (\.data|\.bss|\*COM\*)\s+[0-9a-f]+\s+(\S+)$", line)
            if found:
                yield f"{archive.name}({member}): {found[2]} is a mutable global"


def check_keys_are_documented(build):
    """CONFIG-KEYS, docs/keys-status.md, docs/primitives.md, docs/flow.proto and docs/metrics.md are what the tables say now."""
    for name, program, *words in (("CONFIG-KEYS", "src/config/gendoc", "keys"), ("docs/keys-status.md", "src/config/gendoc", "status"),
                                  ("docs/primitives.md", "src/core/genfields"), ("docs/flow.proto", "src/output/genproto"),
                                  ("docs/metrics.md", "src/core/genfigures")):
        path, generator = ROOT / name, build / program
        if not generator.exists():
            yield f"{generator}: does not exist, so {name} cannot be compared"
            continue
        fresh = run(generator, *words).stdout
        if not path.exists() or path.read_text() != fresh:
            yield f"{name}:1: is stale: make -C {build} config-docs"


def check_papers_name_files_that_exist(build):
    for name in ("README.md", "ARCHITECTURE.md", "HACKING.md", "tests/system/README.md", "tests/fuzz/README.md", "bench/README.md"):
        path = ROOT / name
        if not path.exists():
            yield f"{name}: is missing"
            continue
        for number, line in enumerate(text_of(path).splitlines(), 1):
            for word in re.findall(r"`((?:src|tests|docs|bench|examples|packaging)/[\w./-]+)`", line):
                if "NAME" not in word and not (ROOT / word).exists():
                    yield at(path, number, f"{word} does not exist")


def check_units_are_confined(build):
    """What systemd thinks of the units: below 2.0 is what collectors promise in docs and units."""
    if not shutil.which("systemd-analyze"):
        return
    for path in sorted((ROOT / "packaging/systemd").glob("*.service")):
        done = run("systemd-analyze", "security", "--offline=true", "--no-pager", path, env={**os.environ, "SYSTEMD_EMOJI": "0"})
        level = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
        if not level:
            yield at(path, 1, f"systemd-analyze says nothing of it: {done.stderr.strip()[:200]}")
        elif float(level[1]) >= 2.0:
            yield at(path, 1, f"exposure {level[1]}, not below 2.0: see `systemd-analyze security --offline=true {path.name}`")


def check_binaries_are_hardened(build):
    """Position independent, relocations read-only and bound at the start, no executable stack, stack protector, fortified C library."""
    for path in sorted(p for p in pathlib.Path(build).iterdir() if re.fullmatch(r"(nf|sf|pm|u)acctd|pm(bgp|bmp|telemetry)d|pmacct(-grpc)?|pmbgp", p.name) and p.is_file()):
        text = run("readelf", "--wide", "-h", "-l", "-d", "--dyn-syms", path).stdout
        for what, found in (("no PIE", r"Type:\s+DYN"), ("no RELRO", r"GNU_RELRO"), ("not bound at the start", r"BIND_NOW|Flags:.* NOW"),
                            ("no stack protector", r"__stack_chk_fail"), ("C library not fortified", r"_chk(@|\s)|NEEDED.*libstdc\+\+")):  # C++ calls none of what would be
            if not re.search(found, text):
                yield f"{path.name}:1: {what}"
        if re.search(r"GNU_STACK.* RWE", text):
            yield f"{path.name}:1: executable stack"


STARTS_THREADS = re.compile(r"\b(pthread_create|uv_thread_create|uv_queue_work|uv_getaddrinfo|(loop|msglog)_thread_start|rd_kafka_new|zmq_ctx_new|std::thread \w+)\(")
THREAD_MAKERS = ("loopthread.c", "msglog_thread.c")  # by whom the callers' threads are started


def check_threads_are_looked_at(build):
    """Who starts a thread has a row in HACKING.md's table, and what the row names is run by ./dev tsan."""
    table, dev = text_of(ROOT / "HACKING.md").partition("| thread |")[2], text_of(ROOT / "dev")
    for path in tracked("*.c", "*.cc", under=("src",)):
        name = path.relative_to(ROOT)
        if path.name not in THREAD_MAKERS and STARTS_THREADS.search(without_comments(text_of(path))) and f"`{name}`" not in table:
            yield f"{name}:1: starts a thread and has no row in HACKING.md"
    programs = re.search(r'^tsan_programs="(.*)"', dev, re.M)[1].split()
    pattern = re.search(r"^tsan_whole='(.*)'", dev, re.M)[1]
    there = set(run(sys.executable, ROOT / "tests/system/run.py", "--list", "-k", pattern).stdout.split())
    for word in re.findall(r"`([\w.]+)`", "".join(line.partition(".c`")[2] or line.partition(".cc`")[2] for line in table.splitlines())):
        if word not in (there if "." in word else programs):
            yield f"HACKING.md:1: ./dev tsan does not run {word}"


def check_shell(build):
    for path in [ROOT / "dev", ROOT / ".ci/run", *tracked("*.sh", under=("tests", "bench", "examples", "packaging"))]:
        yield from run("bash", "-n", path).stderr.splitlines()


def check_every_source_is_built(build):
    """A file that no local.mk names is in no archive and in no tarball."""
    fragments = "".join(text_of(p) for p in [*tracked("*.mk"), ROOT / "Makefile.am"])
    for path in tracked("*.c", "*.h", "*.def"):
        name = str(path.relative_to(ROOT))
        if not re.search(rf"(^|[\s=]){re.escape(name)}(\s|$)", fragments):
            yield f"{name}:1: is named in no local.mk"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/plain")
    parser.add_argument("-k", dest="pattern", default="")
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    passed = failed = 0
    needs = {"check_format": "clang-format", "check_tidy": "clang-tidy", "check_cppcheck": "cppcheck"}
    for name, check in [(n, f) for n, f in globals().items() if n.startswith("check_") and re.search(options.pattern, n)]:
        tool = needs.get(name)
        began = time.monotonic()
        wrong = [f"{tool} is not installed"] if tool and not shutil.which(tool) else list(check(build))
        print(f"{'FAIL' if wrong else 'ok  '} {name[6:]} {time.monotonic() - began:.1f} s")
        print("".join(f"  {line}\n" for line in wrong[:100]), end="", flush=True)
        passed, failed = passed + (not wrong), failed + bool(wrong)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
