# SPDX-License-Identifier: BSD-2-Clause
"""metrics_listen: what it says is what the ledger says; Prometheus and its tools understand it; the examples fit it."""
import json
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import bgp
import harness
import netflow
from test_ledger import ledger

EXAMPLES = harness.ROOT / "examples"
FAMILIES = harness.ROOT / "src/core/figures.def"
LINE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.M)
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def get(port, path="/metrics", token=None, headers=()):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=dict(headers))
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


def refused(port, **how):
    try:
        get(port, **how)
    except urllib.error.HTTPError as e:
        return e.code
    return 200


def series(text):
    """{(name, frozenset of labels): value}; no two of them are the same."""
    found = {}
    for name, labels, value in LINE.findall(text):
        key = (name, frozenset(LABEL.findall(labels)))
        assert key not in found, key
        found[key] = float(value)
    return found


def value(text, name, **labels):
    """The one figure of this name that has these labels."""
    found = [v for (n, have), v in series(text).items() if n == "pmacct_" + name and set(labels.items()) <= have]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def families():
    return set(re.findall(r'^FIGURE\(.*?"(\w+)"', FAMILIES.read_text(), re.M))


def collector(run, more=""):
    run.metrics = run.port(socket.SOCK_STREAM)
    d, port = run.nfacctd(f"""
        plugins: memory[in], print[out]
        aggregate: src_host, dst_host, proto
        aggregate_filter[out]: src net 10.0.0.0/25
        imt_path[in]: @DIR@/m.sock
        print_output: csv
        print_output_file[out]: @DIR@/out.csv
        print_refresh_time: 2
        metrics_listen: 127.0.0.1:{run.metrics}
        {more}""")
    d.wait_log(r"metrics_listen: waiting for requests")
    return d, port


def test_metrics_ledger(run):
    """Each column of the ledger is in the metrics, with the same number."""
    d, port = collector(run)
    made = netflow.flows(300)
    run.send(port, [*netflow.export(9, made, 1700000000, domain=7), *netflow.v5(made, 1700000000), b"\x00", b"\x00\x63abcdef"])
    run.wait(lambda: value(get(run.metrics), "plugin_records_total", plugin="in", stage="taken") == 600, "600 records")
    led = ledger(run, d, 0)
    text = get(run.metrics)
    for name, columns in led["plugins"].items():
        for stage, sums in columns.items():
            for unit, n in sums.items():
                assert value(text, f"plugin_{unit}_total", plugin=name, stage=stage) == n, (name, stage, unit)
    assert value(text, "plugin_records_total", plugin="out", stage="filtered") == led["plugins"]["out"]["filtered"]["records"]
    assert value(text, "input_received_total", input="udp") == led["socket"]["received_datagrams"]
    assert value(text, "datagrams_refused_total", reason="short") == 1 and value(text, "datagrams_refused_total", reason="version") == 1
    assert value(text, "exporters") == len(led["exporters"]) == 2
    for one in led["exporters"]:
        who = {"version": str(one["version"])}
        assert value(text, "exporter_datagrams_total", **who) == one["packets"]
        assert value(text, "exporter_bytes_total", **who) == one["bytes"]
        assert value(text, "exporter_read_total", what="accounted", **who) == one["accounted"] == 300
    assert value(text, "exporter_templates", version="9", id="7") == 1
    assert value(text, "table_entries", plugin="in") == 300 and value(text, "plugin_up", plugin="in") == 1
    assert value(text, "metrics_parts_missing") == 0
    run.wait(lambda: value(get(run.metrics), "purges_total", plugin="out", result="ok") > 0, "a purge")
    assert {name for name, _ in series(text)} <= families()


def test_metrics_plugin_dies(run):
    """A plugin that is killed is counted, its records are lost with it and told, and the others' figures stay."""
    d, port = collector(run)
    run.send(port, netflow.v5(netflow.flows(30), 1700000000))
    run.wait(lambda: value(get(run.metrics), "plugin_records_total", plugin="in", stage="taken") == 30, "records")
    os.kill(d.child("IMT Plugin"), signal.SIGKILL)
    run.wait(lambda: value(get(run.metrics), "plugin_deaths_total", plugin="in") == 1 and value(get(run.metrics), "plugin_up", plugin="in") == 1, "the plugin again")
    assert value(get(run.metrics), "plugin_records_total", plugin="in", stage="lost_with_plugin") == 30


def test_metrics_access(run):
    """A token, where there is one; no name but its own; nothing but GET; bad configurations."""
    (run.dir / "token").write_text("a-long-secret\n")
    d, port = collector(run, "metrics_token_file: @DIR@/token")
    assert refused(run.metrics) == 401 and refused(run.metrics, token="a-long-secreT") == 401
    assert value(get(run.metrics, token="a-long-secret"), "build_info", daemon="nfacctd") == 1
    assert refused(run.metrics, path="/other", token="a-long-secret") == 404
    d.stop()
    d, port = collector(run)
    assert refused(run.metrics, headers={"Host": "rebound.example.com"}) == 403
    assert refused(run.metrics, headers={"Host": f"localhost:{run.metrics}"}) == 200
    request = urllib.request.Request(f"http://127.0.0.1:{run.metrics}/metrics", data=b"x")
    try:
        urllib.request.urlopen(request, timeout=20)
        raise AssertionError("POST was answered")
    except urllib.error.HTTPError as e:
        assert e.code == 405
    for bad, why in (("nowhere", "names no port"), ("example.com:80", "is not an IP address"), ("127.0.0.1:99999", "port must be")):
        run.run_program("nfacctd", "--check-config", "-f", run.config(f"plugins: print\nprint_output_file: /dev/null\nmetrics_listen: {bad}\n", "bad.conf"), expect=1)
        assert "metrics_listen" in run.stderr and why in run.stderr, run.stderr


def test_metrics_bgp(run):
    """pmbgpd has no plugins: its service's thread gives the figures."""
    port = run.port(socket.SOCK_STREAM)
    d, at = bgp.pmbgpd(run, f"metrics_listen: {port}\nbgp_daemon_msglog_file: @DIR@/log\n")
    s = bgp.Speaker(run, at).meet(asn=65001, rid="10.1.1.1")
    s.send(bgp.announcements(("10.0.0.0/8", "10.1.0.0/16"), bgp.attributes()))
    run.wait(lambda: value(get(port), "rib_routes", rib="bgp") == 2, "two routes")
    text = get(port)
    assert value(text, "bgp_peer_up", peer="127.0.0.2", asn="65001") == 1 and value(text, "bgp_peer_routes", peer="127.0.0.2") == 2
    assert value(text, "bgp_peer_changes_total", what="announced") == 2 and value(text, "bgp_sessions") == 1
    assert value(text, "msglog_messages_total", sink="file", result="lost") == 0
    s.close()


def test_metrics_prometheus(run):
    """A real Prometheus scrapes it; its tool accepts the metrics, the alert rules and their tests; the examples name only what there is."""
    known, names = families(), set()
    names |= set(re.findall(r"pmacct_[a-z_]+", (EXAMPLES / "prometheus-alerts.yml").read_text()))
    board = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            names |= set(re.findall(r"pmacct_[a-z_]+", target["expr"]))
    assert len(names) > 30 and names <= known, names - known
    run.need("promtool")
    for words in (("check", "rules", EXAMPLES / "prometheus-alerts.yml"), ("test", "rules", EXAMPLES / "prometheus-alerts-test.yml"),
                  ("check", "config", EXAMPLES / "prometheus.yml")):
        run.call("promtool", *words)
    d, port = collector(run)
    run.send(port, netflow.v5(netflow.flows(60), 1700000000))
    run.wait(lambda: value(get(run.metrics), "plugin_records_total", plugin="in", stage="taken") == 60, "records")
    said = subprocess.run(["promtool", "check", "metrics"], input=get(run.metrics), text=True, capture_output=True, check=False)
    assert said.returncode == 0 and not said.stderr.strip(), said
    run.need("prometheus")
    at = run.port(socket.SOCK_STREAM)
    run.write("p.yml", (EXAMPLES / "prometheus.yml").read_text().replace("9641", str(run.metrics)).replace("scrape_interval: 15s", "scrape_interval: 1s")
              .replace("- prometheus-alerts.yml", f"- {EXAMPLES}/prometheus-alerts.yml"))
    with (run.dir / "prometheus.log").open("w") as log:
        server = subprocess.Popen(["prometheus", f"--config.file={run.dir}/p.yml", f"--storage.tsdb.path={run.dir}/tsdb", f"--web.listen-address=127.0.0.1:{at}"],
                                  stdout=log, stderr=log)
    try:
        def asked(query):
            try:
                answer = json.loads(get(at, "/api/v1/query?query=" + query))["data"]["result"]
            except OSError:
                return None
            return answer and float(answer[0]["value"][1])
        run.wait(lambda: asked("pmacct_plugin_records_total%7Bplugin%3D%22in%22%2Cstage%3D%22taken%22%7D") == 60, "the figure in Prometheus", 30)
        assert asked("up") == 1
    finally:
        server.terminate()
        server.wait(20)
