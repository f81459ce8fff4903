# SPDX-License-Identifier: BSD-2-Clause
"""Every primitive, from the wire to every output: the cases are the rows of docs/primitives.md, which is generated from fields.def. A cell
that says that a daemon fills a primitive has to have a scenario (scenarios.py), or to stand in ELSEWHERE."""
import csv
import json
import re
import socket
import struct
import time

import bgp
import mmdb
import netflow
import packets
import scenarios
import sflow
from harness import ROOT

DAEMONS = ("pmacctd", "uacctd", "nfacctd", "sfacctd")
ELSEWHERE = {
    ("pmacctd", "class"): "test_flows.test_classes", ("uacctd", "class"): "test_nflog.test_tags_and_classes",
    ("pmacctd", "in_iface"): "test_capture.test_ifindex", ("pmacctd", "out_iface"): "test_capture.test_ifindex",
    ("pmacctd", "sampling_direction"): "test_capture.test_direction", ("sfacctd", "fwd_status"): "tests/wire/sflow",
    ("uacctd", "sampling_direction"): "test_nflog.test_direction",
    **{("uacctd", f"post_nat_{which}"): "test_nflog.test_connections" for which in ("src_host", "dst_host", "src_port", "dst_port")},
}


def table():
    """The rows of the paper: name, what it says of each daemon, and what outputs call it (a list: some are two columns)."""
    rows = []
    for line in (ROOT / "docs/primitives.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 10 and cells[0].startswith("`"):
            names = [re.findall(r"`(\w+)`", cells[n]) for n in (5, 7, 8)]
            rows.append({"name": cells[0].strip("`"), **dict(zip(DAEMONS, cells[1:5])), **dict(zip(("csv", "json", "sql"), names))})
    return rows


def filled(daemon):
    """The rows that this daemon fills by itself, and one of the site's own."""
    own = {"name": "site_own", "csv": ["site_own"], "json": ["site_own"], "sql": ["site_own"]}
    return [row for row in table() if row[daemon] in ("yes", "unlisted")] + [own]


def plain(value):
    """One form for all outputs: blanks in times, no zeros behind the point."""
    text = " ".join(value) if isinstance(value, list) else str(value)
    time_at = re.match(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)?$", text)
    if time_at:
        return f"{time_at[1]} {time_at[2]}"
    return re.sub(r"(\.\d*?)0+$", r"\1", text).rstrip(".") if re.fullmatch(r"-?\d+\.\d+", text) else text


def agrees(is_, ought):
    return bool(ought.match(plain(is_))) if isinstance(ought, re.Pattern) else plain(is_) == plain(ought)


def setup(run, daemon, rows):
    """Configuration with all outputs at once, and the files it names."""
    columns = [name for row in rows for name in row["sql"]]
    times = [f"{row['sql'][0]}_residual" for row in rows if row["name"].startswith("timestamp")]
    run.call("sqlite3", run.dir / "s.db", "CREATE TABLE acct (" + ", ".join(f'"{name}" NOT NULL DEFAULT 0' for name in columns + times) +
             ", packets, bytes, stamp_inserted, stamp_updated)")
    mmdb.write(run.dir / "g.mmdb", {net: {"country": {"iso_code": c}, "postal": {"code": p}, "location": {"latitude": a, "longitude": o}}
                                    for net, (c, p, a, o) in scenarios.GEO.items()})
    run.write("tags.map", "set_tag={tag} set_tag2={tag2} set_label={label}\n".format(**scenarios.TAGS))
    run.write("nets", scenarios.NETWORKS)
    run.write("own", "name=site_own semantics=u_int " + ("field_type=5 len=1\n" if daemon == "nfacctd" else "packet_ptr=l3:0x0800+8 len=1\n"))
    run.write("rd.map", "id=0:65000:7 ip=0.0.0.0/0\n")
    return f"""
        plugins: print[csv], print[json], memory[m], sqlite3[s]
        aggregate: {", ".join(row["name"] for row in rows)}
        aggregate_primitives: @DIR@/own
        pre_tag_map: @DIR@/tags.map
        {"networks_file: @DIR@/nets" if daemon != "nfacctd" else ""}
        {"geoipv2_file: @DIR@/g.mmdb" if geo(run) else ""}
        print_output[csv]: csv
        print_output[json]: json
        print_output_file[csv]: @DIR@/out.csv
        print_output_file[json]: @DIR@/out.json
        print_refresh_time: 600
        imt_path: @DIR@/m.sock
        sql_db: @DIR@/s.db
        sql_table: acct
        sql_table_version: 9
        sql_optimize_clauses: true
        sql_refresh_time: 600
        """


def geo(run):
    return "maxminddb" in run.run_program("nfacctd", "-V", expect=None)


def outputs(run):
    """{output: rows as dicts}"""
    def db():
        with __import__("sqlite3").connect(run.dir / "s.db") as c:
            cursor = c.execute("SELECT * FROM acct")
            names = [d[0] for d in cursor.description]
            return [dict(zip(names, row)) for row in cursor]
    return {"csv": list(csv.DictReader((run.dir / "out.csv").open())), "json": run.rows("out.json"), "sql": db()}


def compare(run, daemon, found, expected):
    """expected: {octets, or number of the message: {primitive: value}}. Every cell of the daemon's column is there, with the right value, in every output."""
    faults, cells, seen = [], 0, set()
    by = "export_proto_seqno" if daemon == "nfacctd" else "bytes"  # where events are shown, there are no octets
    for output, rows in found.items():
        found_by = {int(row[by.upper() if "csv" in output else by]): row for row in rows}
        for key, want in expected.items():
            if key not in found_by:
                faults.append(f"{output}: no row with {by} {key}, there are {sorted(found_by)}")
                continue
            for row in filled(daemon):
                if row["name"] not in want or (row["name"] in scenarios.SITE and not geo(run) and row["name"].endswith(("country", "pocode", "coords"))):
                    continue
                seen.add(row["name"])
                names = row[output.split()[-1]]
                values = want[row["name"]] if isinstance(want[row["name"]], tuple) else (want[row["name"]],)
                for name, ought in zip(names, values):
                    cells += 1
                    is_ = found_by[key].get(name, "(no column)")
                    if not agrees(is_, ought):
                        faults.append(f"{output}, row with {by} {key}: {row['name']} ({name}) is {is_!r}, not {ought!r}")
    for row in filled(daemon):
        if row["name"] not in seen and (daemon, row["name"]) not in ELSEWHERE and geo(run):
            faults.append(f"no scenario has {row['name']}")
    assert not faults, "\n".join(faults)
    print(f"{daemon}: {len(seen)} primitives, {cells} values")


def client(run):
    """The memory table as the client shows it, both ways."""
    lines = run.client("-s", "-O", "csv").splitlines()
    return {"client json": run.client_json("-s"), "client csv": list(csv.DictReader(lines))}


def finish(run, daemon, d, expected):
    run.wait(lambda: len(run.client_json("-s")) >= len(expected), f"{len(expected)} rows, there are {run.client_json('-s')}")
    found = client(run)
    d.stop()
    compare(run, daemon, {**found, **outputs(run)}, expected)


def template(number, elements):
    return netflow.template_set(10, number, [(element, len(data)) for element, data in elements])


def options(number, scope, element, texts):
    sets = [netflow.template_set(10, number, [(scope, 4), (element, 16)], scope=1)]
    return sets + [netflow.raw_set(number, b"".join(k.to_bytes(4, "big") + v.encode().ljust(16, b"\0") for k, v in texts.items()))]


def test_nfacctd(run):
    rows = filled("nfacctd")
    d, port = run.nfacctd(setup(run, "nfacctd", rows))
    sets = [s for n, (scope, element, texts) in enumerate(scenarios.NETFLOW_OPTIONS) for s in options(300 + n, scope, element, texts)]
    run.send(port, [netflow.message(10, sets, scenarios.NOW, 0, 9)])
    for sequence, elements, _ in scenarios.NETFLOW:
        elements = elements + [(1, (1000).to_bytes(8, "big")), (2, (1).to_bytes(8, "big"))]
        sets = [template(256 + sequence, elements), netflow.raw_set(256 + sequence, b"".join(data for _, data in elements))]
        run.send(port, [netflow.message(10, sets, scenarios.NOW, sequence, 9)])
    finish(run, "nfacctd", d, {sequence: {**want, "export_proto_seqno": sequence} for sequence, _, want in scenarios.NETFLOW})


def test_sfacctd(run):
    rows = filled("sfacctd")
    port = run.port()
    d = run.daemon("sfacctd", config=setup(run, "sfacctd", rows) + f"\nsfacctd_ip: 127.0.0.1\nsfacctd_port: {port}\nflow_to_rd_map: @DIR@/rd.map")
    d.wait_log("waiting for sFlow data")
    samples = [sflow.flow_sample(n + 1, frame, rate=100, source=3, into=3, out=4, more=more) for n, (frame, more, _) in enumerate(scenarios.SFLOW)]
    run.send(port, [sflow.datagram(samples, sequence=5, agent="198.51.100.7", sub=9)])
    finish(run, "sfacctd", d, {len(frame) + 4: want for frame, _, want in scenarios.SFLOW})


def frames(daemon):
    ip = 18  # what is before the packet in the first two, and four octets less in those without labels or tags
    before = lambda frame: ip + 4 if frame[12:14] == b"\x88\x47" else 22 if frame[12:14] == b"\x81\x00" else 14
    more = {"in_iface": re.compile(r"[1-9]\d*$"), "out_iface": re.compile(r"[1-9]\d*$")} if daemon == "uacctd" else {}
    return {len(frame) - before(frame): {**scenarios.ADDED, **more, **want} for frame, want in scenarios.FRAMES}


def test_pmacctd(run):
    rows = filled("pmacctd")
    packets.pcap(run.dir / "in.pcap", [(scenarios.NOW * 10**6 + n, frame) for n, (frame, _) in enumerate(scenarios.FRAMES)])
    d = run.daemon("pmacctd", config=setup(run, "pmacctd", rows) + "\npcap_savefile: @DIR@/in.pcap\npcap_savefile_wait: true\n"
                   "daemonize: false\npmacctd_ext_sampling_rate: 100")
    run.wait_socket("m.sock")
    finish(run, "pmacctd", d, frames("pmacctd"))


def bridge(run):
    """A bridge whose ruleset logs what comes from v1 to the one address; returns words that run a command there."""
    from test_nflog import prepare, rules
    prepare(run)
    left, _ = run.veth(), run.veth("w0", "w1", "198.51.100.1/24", "198.51.100.2/24")
    run.ip("link", "add", "br0", "type", "bridge")
    for name in ("v0", "w0"):
        run.ip("addr", "flush", "dev", name)
        run.ip("link", "set", name, "master", "br0")
    run.ip("link", "set", "br0", "up")
    rules(run, [("forward", "ether daddr 02:00:00:00:00:09 log group 3")], "bridge")
    return left


def inject(run, front, frames):
    run.call(*front, "python3", "-c", f"""
import socket
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
    s.bind(("v1", 0))
    for frame in {frames!r}:
        s.send(frame)""")


def test_uacctd(run):
    """The same frames through a bridge."""
    left, rows = bridge(run), filled("uacctd")
    d = run.daemon("uacctd", config=setup(run, "uacctd", rows) + "\nuacctd_group: 3\nuacctd_ext_sampling_rate: 100")
    d.wait_log(r"Successfully connected Netlink NFLOG socket$")
    run.wait_socket("m.sock")
    inject(run, left, [frame for frame, _ in scenarios.FRAMES])
    finish(run, "uacctd", d, frames("uacctd"))


# --- what routes bring

BGP = """
    bgp_daemon: true
    bgp_daemon_ip: 127.0.0.1
    bgp_daemon_port: {port}
    bgp_agent_map: @DIR@/agents
    {daemon}_as: bgp
    {daemon}_net: bgp
    bgp_src_as_path_type: bgp
    bgp_src_std_comm_type: bgp
    bgp_src_ext_comm_type: bgp
    bgp_src_lrg_comm_type: bgp
    bgp_src_local_pref_type: bgp
    bgp_src_med_type: bgp
    bgp_src_roa_type: bgp
    bgp_peer_src_as_type: bgp
    rpki_roas_file: @DIR@/roas.json
    """


def announce(run, port):
    """A session whose routes hold both ends of the scenario's flow."""
    speaker = bgp.Speaker(run, port)
    speaker.meet(65500)
    for net, path, number in ((scenarios.ROUTED_DST, (65200, 65002), 50), (scenarios.ROUTED_SRC, (65100, 65001), 60)):
        more = (bgp.attribute(0x40, 5, struct.pack("!I", 100 + number)) +
                bgp.attribute(0xc0, 16, struct.pack("!BBHI", 0, 2, path[0], number)) + bgp.attribute(0xc0, 32, struct.pack("!III", path[0], number, 2)))
        attributes = bgp.attributes(path, next_hop="198.51.100.1", med=number, communities=(f"{path[0]}:{number}",), extra=more)
        speaker.send(bgp.update(bgp.prefix(net), attributes))
    speaker.send(bgp.update())  # end of the table: the daemon has taken the others before it
    return speaker


def routed(run, daemon, start, send):
    """The cells that say `routes`: start(configuration) gives the daemon, send() lets flows come until one meets the routes."""
    rows = [row for row in table() if row[daemon] == "routes" or row["name"] in ("src_host", "src_as", "dst_as", "src_net", "dst_mask", "peer_dst_ip")]
    port = run.port(socket.SOCK_STREAM)
    run.write("agents", "bgp_ip=127.0.0.2 ip=0.0.0.0/0\n")
    run.write("roas.json", json.dumps({"roas": [{"asn": asn, "prefix": net, "maxLength": 24} for asn, net in scenarios.ROAS]}))
    config = setup(run, daemon, rows).replace("networks_file", "!networks_file").replace("aggregate_primitives", "!aggregate_primitives")
    d = start(config + BGP.format(port=port, daemon=daemon))
    d.wait_log(r"waiting for BGP data")
    session = announce(run, port)

    def there():
        send()
        return any(row["as_path"] if "as_path" in row else row["lcomms"] for row in run.client_json("-s"))

    run.wait(there, "a flow that meets the routes")
    found = client(run)
    d.stop()
    session.close()
    faults, want = [], scenarios.ROUTED
    for output, got in {**found, **outputs(run)}.items():
        names = {row["name"]: row[output.split()[-1]][0] for row in rows}
        met = [row for row in got if row[names["lrg_comm"]] not in ("", None)]
        if not met:
            faults.append(f"{output}: no row with routes")
        for row in rows:
            is_ = met[0].get(names[row["name"]], "(no column)") if met else None
            if met and not agrees(is_, want[row["name"]]):
                faults.append(f"{output}: {row['name']} is {is_!r}, not {want[row['name']]!r}")
    assert not faults, "\n".join(faults)
    print(f"{daemon}: {len(rows)} primitives of routes")


def test_nfacctd_routes(run):
    port, flow = [], netflow.flow(src=scenarios.SRC, dst=scenarios.DST)

    def start(config):
        d, at = run.nfacctd(config)
        port.append(at)
        return d

    routed(run, "nfacctd", start, lambda: run.send(port[0], netflow.export(9, [flow], int(time.time()))))


def test_sfacctd_routes(run):
    port = run.port()

    def start(config):
        d = run.daemon("sfacctd", config=config + f"\nsfacctd_ip: 127.0.0.1\nsfacctd_port: {port}\n")
        d.wait_log("waiting for sFlow data")
        return d

    sample = sflow.flow_sample(1, scenarios.FRAMES[0][0])
    routed(run, "sfacctd", start, lambda: run.send(port, [sflow.datagram([sample])]))


def test_pmacctd_routes(run):
    far = run.veth()
    run.ip("link", "set", "lo", "up")

    def start(config):
        d = run.daemon("pmacctd", config=config + "\ndaemonize: false\npcap_interface: v0\n")
        d.wait_log("link type is")
        return d

    routed(run, "pmacctd", start, lambda: inject(run, far, [scenarios.FRAMES[0][0]]))


def test_uacctd_routes(run):
    far = bridge(run)
    run.ip("link", "set", "lo", "up")

    def start(config):
        d = run.daemon("uacctd", config=config + "\nuacctd_group: 3\n")
        d.wait_log(r"Successfully connected Netlink NFLOG socket$")
        return d

    routed(run, "uacctd", start, lambda: inject(run, far, [scenarios.FRAMES[0][0]]))


def test_listings(run):
    """-a lists what the table says, and no more."""
    for daemon in DAEMONS:
        if not run.has(daemon):
            continue
        listed = re.findall(r"^(\w+) +: ", run.run_program(daemon, "-a"), re.M)
        ought = [row["name"] for row in table() if row[daemon] in ("yes", "routes")]
        assert sorted(set(listed) - {"flows"}) == sorted(ought), (daemon, set(listed) ^ set(ought))
