# SPDX-License-Identifier: BSD-2-Clause
"""nfacctd_templates_file: templates outlive the daemon, however it ended; what is wrong in the file is said and passed over."""
import json
import os
import signal
import struct
import time

import harness
import netflow

CONFIG = """
    plugins: memory[m]
    imt_path[m]: @DIR@/m.sock
    aggregate: src_host, in_iface_name, export_proto_version
    nfacctd_templates_file: @DIR@/keep/t.json
    """
FIELDS = netflow.FIELDS_V4[:-2] + [(10, 4, "in"), ((7, 29305), 2, "none")]
NAMED = [netflow.template_set(10, 300, [(10, 4), (82, 8)], scope=1), netflow.raw_set(300, struct.pack("!I8s", 3, b"eth3"))]


def data(version, template, sequence, now, fields=None, domain=7, **given):
    made = netflow.flow(**{"in": 3, **given})
    return netflow.message(version, [netflow.data_set(template, fields or FIELDS, [made], now)], now, sequence, domain)


def seen(run):
    return {(r["ip_src"], r["iface_name_in"], r["export_proto_version"]) for r in run.client_json("-s")}


def kept(run):
    path = run.dir / "keep/t.json"
    return harness.json_lines(path)


def test_outlive(run):
    """After an orderly end and after kill -9, data is decoded that comes before any template."""
    now = int(time.time())
    d, port = run.nfacctd(CONFIG)
    d.wait_log(r"keep/t\.json\] no templates to begin with: No such file")
    run.send(port, [netflow.message(9, [netflow.template_set(9, 256, netflow.FIELDS_V4)], now, 0, 7),
                    netflow.message(10, [netflow.template_set(10, 257, FIELDS), *NAMED], now, 0, 7)])
    run.wait(lambda: len(kept(run)) == 3, f"three templates in the file, there is {kept(run)}", 30)
    os.killpg(d.pid, signal.SIGKILL)
    d.wait()
    for ending in ("after it was killed", "in order"):
        (run.dir / "m.sock").unlink(missing_ok=True)
        d, port = run.nfacctd(CONFIG)
        d.wait_log(r"keep/t\.json\] 3 templates read, 0 lines ignored")
        run.send(port, [data(9, 256, 1, now, netflow.FIELDS_V4, src="10.0.0.9"), data(10, 257, 1, now, src="10.0.0.10"),
                        netflow.message(10, NAMED[1:], now, 2, 7), data(10, 257, 3, now, src="10.0.0.11")])
        want = {("10.0.0.9", "", 9), ("10.0.0.10", "", 10), ("10.0.0.11", "eth3", 10)}
        run.wait(lambda: seen(run) == want, f"{ending}: {want}, there is {seen(run)}")
        d.stop()
    by_id = {t["template_id"]: t for t in kept(run)}
    assert by_id[257]["list"][-1] == {"type": 7, "pen": 29305, "len": 2} and by_id[300]["scope"] == 1, by_id
    assert by_id[256]["agent"] == "127.0.0.1" and by_id[256]["version"] == 9 and by_id[256]["source_id"] == 7, by_id


def test_changed(run):
    """A template that means something else now is the one that is kept."""
    now = int(time.time())
    d, port = run.nfacctd(CONFIG)
    run.send(port, [netflow.message(10, [netflow.template_set(10, 257, netflow.FIELDS_V4)], now, 0, 7),
                    netflow.message(10, [netflow.template_set(10, 257, FIELDS)], now, 0, 7)])
    d.stop()
    assert [len(t["list"]) for t in kept(run)] == [len(FIELDS)], kept(run)


def test_damaged(run):
    """Lines of pmacct are read, wrong ones are said and passed over, and the rest is there."""
    old = {"agent": "127.0.0.1", "source_id": 7, "template_id": 0x0001, "template_type": 0, "num": 2, "len": 6, "vlen": 0,
           "list": [{"type": 0, "otpl": {"off": 0, "len": 4, "tpl_len": 4, "tpl_index": 8}},
                    {"type": 1, "utpl": {"pen": 29305, "type": 7, "off": 4, "len": 2, "tpl_len": 2, "repeat_id": 0, "ie_idx": 0}}]}
    good = {"format": 2, "agent": "127.0.0.1", "version": 10, "source_id": 7, "template_id": 257, "template_type": 0, "scope": 0,
            "list": [{"type": 8, "len": 4}]}
    wrong = [("not JSON", "not a template as JSON"), (json.dumps(good)[:-9], "not a template as JSON"),
             (json.dumps({**good, "agent": "localhost"}), "not a template as JSON"), (json.dumps({**good, "template_id": 99}), "no template_id"),
             (json.dumps({**good, "version": 5}), "version is neither 9 nor 10"), (json.dumps({**good, "list": []}), "no fields"),
             (json.dumps({**good, "scope": 2}), "more scope than fields"), (json.dumps({**old, "template_type": 1}), "options, of which"),
             ("[" * 100, "not a template as JSON"), (json.dumps({**good, "list": [{"type": 8, "len": 4}] * 3000}), "not a template as JSON")]
    (run.dir / "keep").mkdir()
    run.write("keep/t.json", "\n".join([json.dumps(old), *(text for text, _ in wrong), "", json.dumps(good)]) + "\n")
    d, port = run.nfacctd(CONFIG)
    d.wait_log(rf"2 templates read, {len(wrong)} lines ignored")
    for n, (_, said) in enumerate(wrong):
        d.wait_log(rf"keep/t\.json:{n + 2}\] template ignored: {said}")
    now = int(time.time())
    run.send(port, [netflow.message(10, [netflow.raw_set(257, b"\x0a\0\0\1")], now, 0, 7),
                    netflow.message(10, [netflow.raw_set(256, b"\x0a\0\0\2\0\0")], now, 1, 7),
                    netflow.message(9, [netflow.raw_set(256, b"\x0a\0\0\3\0\0")], now, 1, 7)])
    want = {("10.0.0.1", "", 10), ("10.0.0.2", "", 10), ("10.0.0.3", "", 9)}
    run.wait(lambda: seen(run) == want, f"{want}, there is {seen(run)}")
    d.stop()


def test_cannot_write(run):
    """A file that cannot be written costs nothing but itself."""
    run.write("plain", "")
    d, port = run.nfacctd(CONFIG.replace("keep/t.json", "plain/t.json"))
    now = int(time.time())
    run.send(port, [netflow.message(10, [netflow.template_set(10, 257, FIELDS)], now, 0, 7), data(10, 257, 0, now, src="10.0.0.1")])
    d.wait_log(r"^WARN .*plain/t\.json\] templates are not kept: ", 30)
    run.wait(lambda: seen(run) == {("10.0.0.1", "", 10)}, "the flow")
    d.stop()
