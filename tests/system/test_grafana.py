# SPDX-License-Identifier: BSD-2-Clause
"""examples/grafana-dashboard.json: what it is made of is what Grafana's schema describes, and each of its queries has an answer from a real
Prometheus that scrapes daemons of each kind."""
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import time
import urllib.parse
import urllib.request

import bgp
import bmp
import harness
import netflow

BOARD = harness.ROOT / "examples" / "grafana-dashboard.json"
SCHEMA = pathlib.Path(os.environ.get("PMACCT_GRAFANA") or harness.ROOT / "build" / "grafana")
SHORT_SET = struct.pack("!HHIIIIHH", 9, 1, 0, 1700000000, 0, 7, 0, 3)  # shorter than its own header
TYPES = "./node_modules/@grafana/schema/dist/types/raw"
# Enumerations are written as their words.
CHECK = """
import type * as D from "%(types)s/dashboard/x/types.gen";
import type * as Timeseries from "%(types)s/composable/timeseries/panelcfg/x/types.gen";
import type * as Stat from "%(types)s/composable/stat/panelcfg/x/types.gen";
type Words<T> = T extends string ? `${T}` : T extends (infer U)[] ? Words<U>[] : T extends object ? { [K in keyof T]: Words<T[K]> } : T;
type Panel<O> = Words<Omit<D.Panel, "options">> & { options: Words<Partial<O>> };
""" % {"types": TYPES}


def board():
    return json.loads(BOARD.read_text())


def queries(more=False):
    """Every query that the panels make: (title, text), with what Grafana would put in the variables' places. more: those of the last row,
    of services that want servers of their own (TLS, gRPC, Redis, RTR)."""
    panels = board()["panels"]
    at = next(i for i, p in enumerate(panels) if p["title"] == "Sessions, dumps, availability")
    for panel in panels[at:] if more else panels[:at]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"].replace("$__rate_interval", "20s").replace("$instance", ".+").replace("$plugin", ".*")


def test_grafana_layout(run):
    """No two panels on the same place, none past the edge; ids, references and variables fit together."""
    panels, taken = board()["panels"], set()
    assert len({p["id"] for p in panels}) == len(panels)
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        targets = panel.get("targets", ())
        assert len({t["refId"] for t in targets}) == len(targets) and (targets or panel["type"] == "row"), panel["title"]
    variables = {v["name"] for v in board()["templating"]["list"]} | {"__rate_interval"}
    assert set(re.findall(r"\$\{?(\w+)", BOARD.read_text())) - {"__all"} <= variables
    assert all(title and text.count("(") == text.count(")") for title, text in (*queries(), *queries(more=True)))


def test_grafana_schema(run):
    """Grafana's own types: a member that it does not know, or a value it would not take, is refused."""
    node = shutil.which("node")
    if not node or not (SCHEMA / "node_modules").is_dir():
        run.skip("no schema of Grafana: ./dev deps grafana fetches it")
    (run.dir / "node_modules").symlink_to(SCHEMA / "node_modules")
    kinds = {"timeseries": "Timeseries", "stat": "Stat"}
    lines = [CHECK, f"export const all: Words<D.Dashboard> = {BOARD.read_text()};"]
    for p in board()["panels"]:
        if p["type"] == "row":
            lines.append(f"export const p{p['id']}: Words<D.RowPanel> = {json.dumps(p)};")
            continue
        lines.append(f"export const p{p['id']}: Panel<{kinds[p['type']]}.Options> = {json.dumps(p)};")
        if p["type"] == "timeseries":
            lines.append(f"export const f{p['id']}: Words<Partial<Timeseries.FieldConfig>> = {json.dumps(p['fieldConfig']['defaults'].get('custom', {}))};")
    run.write("board.ts", "\n".join(lines))
    said = run.call(node, "node_modules/typescript/bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--moduleResolution", "bundler", "--module", "esnext", "--target", "es2022",
                    "board.ts", expect=None)
    assert not said, said


def daemons(run):
    """One of each kind, with something to tell; the addresses of their metrics."""
    at = [run.port(socket.SOCK_STREAM) for _ in range(6)]
    listen = [f"metrics_listen: 127.0.0.1:{port}" for port in at]
    _, port = run.nfacctd(f"""
        plugins: memory[in], print[out], kafka[away]
        aggregate: src_host, dst_host
        aggregate_filter[out]: src net 10.0.0.0/25
        imt_path[in]: @DIR@/m.sock
        print_output_file[out]: @DIR@/out.csv
        print_refresh_time[out]: 1
        kafka_broker_host[away]: 127.0.0.1:9
        kafka_topic[away]: flows
        kafka_refresh_time[away]: 1
        spool_dir: @DIR@/spool
        {listen[0]}""")
    receivers = run.write("receivers", f"id=1 ip=127.0.0.1:{port}\n")
    _, tee_port = run.nfacctd(f"plugins: tee\ntee_receivers: {receivers}\n{listen[5]}")
    probe = run.daemon("pmacctd", config=f"pcap_interface: lo\naggregate: src_host, dst_host\nplugins: nfprobe[out]\nnfprobe_receiver[out]: 127.0.0.1:9\n{listen[1]}")
    _, bgp_port = bgp.pmbgpd(run, f"bgp_daemon_msglog_file: @DIR@/bgp.log\n{listen[2]}")
    speaker = bgp.Speaker(run, bgp_port).meet(asn=65001, rid="10.1.1.1")
    speaker.send(bgp.announcements(("10.0.0.0/8", "10.1.0.0/16"), bgp.attributes()))
    bmp_port, tele_port = run.port(socket.SOCK_STREAM), run.port(socket.SOCK_STREAM)
    station = run.daemon("pmbmpd", config=f"bmp_daemon_ip: 127.0.0.1\nbmp_daemon_port: {bmp_port}\nbmp_daemon_msglog_file: @DIR@/bmp.log\n{listen[3]}")
    telemetry = run.daemon("pmtelemetryd", config=f"telemetry_daemon_ip: 127.0.0.1\ntelemetry_daemon_port_tcp: {tele_port}\ntelemetry_daemon_decoder: json\n"
                           f"telemetry_daemon_msglog_file: @DIR@/telemetry.log\n{listen[4]}")
    for d in (probe, station, telemetry):
        d.wait_log("metrics_listen: waiting for requests")
    station.wait_log("waiting for BMP data")
    router = bmp.Router(bmp_port, first=bmp.init() + bmp.peer_up())
    run.wait(lambda: socket_of(tele_port), "pmtelemetryd to listen")
    device = socket.create_connection(("127.0.0.1", tele_port))

    def talk(n):
        """Something of each kind, some of it wrong."""
        run.send(tee_port, [*netflow.v5(netflow.flows(60), 1700000000, sequence=1000 * n), b"\x00", b"\x00\x63abcdef", SHORT_SET])
        router.say(bmp.routes(bmp.peer(), announce=[f"10.9.{n % 256}.0/24"]))
        device.sendall(b'{"interface": "eth0"}\n')

    return at, talk, (speaker, router, device)


def socket_of(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def prometheus(run, targets):
    """Scrapes them each second; returns what asks it."""
    at = run.port(socket.SOCK_STREAM)
    run.write("p.yml", "global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: pmacct\n    static_configs:\n      - targets: [%s]\n" %
              ", ".join(f'"127.0.0.1:{port}"' for port in targets))
    with (run.dir / "prometheus.log").open("w") as log:
        run.helpers = getattr(run, "helpers", []) + [subprocess.Popen([run.need("prometheus"), f"--config.file={run.dir}/p.yml", f"--storage.tsdb.path={run.dir}/tsdb",
                                                                       f"--web.listen-address=127.0.0.1:{at}"], stdout=log, stderr=log)]

    def ask(query):
        with urllib.request.urlopen(f"http://127.0.0.1:{at}/api/v1/query?" + urllib.parse.urlencode({"query": query}), timeout=20) as answer:
            return json.load(answer)["data"]["result"]

    def ready():
        try:
            return ask("up")
        except OSError:  # it listens before it has read what it keeps
            return False

    run.wait(ready, "Prometheus to have scraped", 60)
    return ask


def test_grafana_queries(run):
    """Panels of faults show what is above 0; for the others it is enough that there is a figure. Those of the last row are understood."""
    run.need_root()
    at, talk, held = daemons(run)  # sessions that live as long as this
    ask, missing, began, n = prometheus(run, at), dict.fromkeys(queries()), time.monotonic(), 0

    for _title, text in queries(more=True):
        ask(text)

    def answered():
        nonlocal n
        if time.monotonic() > began + n / 2:
            talk(n := n + 1)
        for query in [q for q in missing if ask(re.sub(r" > 0( or|$)", r"\1", q[1]))]:
            del missing[query]
        return not missing

    try:
        run.wait(answered, "answers to all queries", 60)
    except harness.Failed:
        raise AssertionError("no answer to\n" + "\n".join(f"{title}: {text}" for title, text in missing)) from None
