# SPDX-License-Identifier: BSD-2-Clause
"""What the programs say of themselves: --explain, --check-config, the manual page of the keys, completion in bash."""
import re

import harness

DAEMONS = {"P": "pmacctd", "N": "nfacctd", "S": "sfacctd", "U": "uacctd", "B": "pmbgpd", "M": "pmbmpd", "T": "pmtelemetryd"}


def keys():
    """CONFIG-KEYS: name -> its lines."""
    text = (harness.ROOT / "CONFIG-KEYS").read_text()
    return {m[1]: m[2] for m in re.finditer(r"^([a-z0-9_]+)\n((?:    .*\n)+)", text, re.M)}


def test_explain(run):
    """A key, a key by another name, a word, a slip, nothing."""
    text = run.call(run.program("nfacctd"), "--explain", "nfacctd_port")
    assert text.startswith("nfacctd_port\n") and "1 to 65535" in text and "flag: -l" in text, text
    text = run.call(run.program("nfacctd"), "--explain", "sql_history")
    assert "print_history" in text and "also: " in text, text
    text = run.call(run.program("nfacctd"), "--explain", "allow_file")
    assert re.findall(r"^(\w+)  ", text, re.M).count("nfacctd_allow_file") == 1, text
    text = run.call(run.program("nfacctd"), "--explain", "nfacctd_prot")
    assert "Did you mean" in text and "nfacctd_port" in text, text
    path = run.config("plugins: print\n", "good.conf")
    assert run.run_program("nfacctd", "--check-config", "-f", path) == "INFO: The configuration is in order.\n"
    run.call(run.program("nfacctd"), "--explain", "qqqqqqqqqqqq", expect=1)


def sample(run, lines):
    """A value that a key of this description takes."""
    kind, rest = re.search(r"type: ([^,]*?)(?:, (.*?))?(?:   default| {3}flag|\n)", lines).groups()
    rest = rest or ""
    words = [w for w in re.split(r", | or ", rest) if re.fullmatch(r"[\w-]+", w)]
    if kind.startswith("word") and words:
        return words[0]
    low = re.match(r"(-?\d+)", rest)
    return {"true or false": "true", "number": low[1] if low else "1", "octets": low[1] if low else "1", "seconds": low[1] if low else "1", "text": "src_host",
            "path": str(run.dir / "x"), "file": str(run.write("some", "")), "IP address": "127.0.0.1", "IPv4 address": "127.0.0.1", "host:port": "127.0.0.1:6379",
            "octal number": "077", "user": "0", "group": "0", "character": ",", "letters": "m", "number and unit": "1h",
            "64-bit number": "1", "word or number": "1"}.get(kind, low[1] if low else "1")


def test_every_key_is_known(run):
    """Each daemon takes each key: none is unknown; what this build cannot do is in docs/differences.md."""
    differences = (harness.ROOT / "docs/differences.md").read_text()
    everything = keys()
    for program in DAEMONS.values():
        if not run.has(program):
            continue
        plugins = "plugins: print[p]\n" if program in ("pmacctd", "nfacctd", "sfacctd", "uacctd") else ""
        text = ""
        for name, lines in everything.items():
            if name == "plugins":
                continue
            root = re.match(r"    As (\w+)", lines)
            where = "[p]" if plugins and "one plugin, key[name] only" in (everything[root[1]] if root else lines) else ""
            text += f"{name}{where}: {sample(run, everything[root[1]] if root else lines)}\n"
        said = run.call(run.program(program), "--check-config", "-f", run.write(f"{program}.conf", plugins + text), expect=None) + run.stderr
        assert len(re.findall(r"^(?:INFO|WARN|ERROR)", said, re.M)) > 10, said  # hints, at least
        assert "Unknown key" not in said, re.findall(r".*Unknown key.*", said)
        bad = [b for b in re.findall(r".*bad value.*", said) if "not supported by this build" not in b]
        assert not bad, bad
        for name in re.findall(r" (\w+): known (?:key|value)[^\n]*not supported", said):
            assert f"`{name}`" in differences, f"{program}: {name} is not supported, and docs/differences.md does not say why"


def test_man_page_of_keys(run):
    """pmacct.conf(5) has each key, and no complaints."""
    run.need("man")
    page = run.build / "docs/pmacct.conf.5"
    text = page.read_text()
    named = set(re.findall(r"^\.B ([a-z0-9_]+)$", text, re.M))
    assert set(keys()) <= named, set(keys()) - named
    run.call("man", "--warnings", "-E", "UTF-8", "-l", page, env={**run.env, "MANWIDTH": "100"})
    assert "warning" not in run.stderr, run.stderr


def complete(run, line):
    """What bash offers at the end of a line."""
    script = harness.ROOT / "packaging/completion/pmacct.bash"
    words = line.split(" ")
    program = run.program(words[0])
    array = " ".join(f"'{w}'" for w in [str(program), *words[1:]])
    code = f"source {script}; COMP_WORDS=({array}); COMP_CWORD={len(words) - 1}; _pmacct; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return run.call("bash", "-c", code).split("\n")[:-1]


def test_completion(run):
    """Flags, keys, fields behind a comma, plugins."""
    run.need("bash")
    assert {"-f", "-c", "--explain", "--check-config"} <= set(complete(run, "nfacctd -"))
    assert complete(run, "nfacctd --explain nfacctd_po") == ["nfacctd_port"]
    assert "src_host,dst_host" in complete(run, "nfacctd -c src_host,dst_h")
    assert "print" in complete(run, "nfacctd -P pr")
    assert set(complete(run, "pmacct -T ")) == {"bytes", "packets", "flows"}
    assert complete(run, "pmacct -") and "-s" in complete(run, "pmacct -")


def test_first_errors(run):
    """What somebody meets first who has it a little wrong: the reason, and what there is or what to do."""
    said = run.client("-s", socket_path="nothing.sock", expect=1)
    assert said == f"ERROR: Unable to connect to '{run.dir}/nothing.sock': No such file or directory (does a daemon with a memory plugin run? -p names its imt_path)\n", said
    config = "plugins: memory[in]\naggregate: src_host\nimt_path[in]: @DIR@/m.sock"
    first, _ = run.nfacctd(config)
    first.wait_log("waiting for data on: ")
    second, _ = run.nfacctd(config)
    second.wait_log(rf"WARN .*imt_path '{run.dir}/m\.sock' belongs to another process that runs")
    assert not first.said("belongs to another process")
    second.stop()
    run.need_root()
    run.run_program("pmacctd", "-i", "nothere0", "-c", "src_host", "-P", "print", expect=1)
    assert re.search(r"\[nothere0\] cannot capture: No such device exists; there are: .*\blo\b", run.stderr) and run.stderr.count("No such device") == 1, run.stderr
