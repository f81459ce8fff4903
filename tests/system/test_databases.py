# SPDX-License-Identifier: BSD-2-Clause
"""The plugins pgsql and mysql against real servers: rows, layouts, and what happens when the server is away or refuses."""
import contextlib
import os
import signal
import time

import netflow
from servers import MariaDB, Postgres

SERVERS = {"pgsql": Postgres, "mysql": MariaDB}

BASE = """
    plugins: {type}[p]
    aggregate[p]: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags
    sql_table_version[p]: 9
    sql_history[p]: 1h
    sql_history_roundoff[p]: h
    sql_refresh_time[p]: {refresh}
    spool_dir: @DIR@/spool
    """

SUMS = "SELECT count(*), coalesce(sum(packets), 0), coalesce(sum(bytes), 0) FROM {}"


def start(run, kind, server, refresh=1, more=""):
    config = BASE.format(type=kind, refresh=refresh) + (server.config("p") if server else "") + more
    return run.nfacctd(config)


def sums(server, table="acct_v9"):
    return tuple(int(float(n)) for n in server.ask(SUMS.format(table))[0])


def want(*lots):
    total = [netflow.totals(lot) for lot in lots]
    return tuple(sum(t[key] for t in total) for key in ("packets", "bytes"))


def spooled(run):
    return len(list(run.dir.glob("spool/*/*.batch")))


def each_server(case):
    """A case for each kind of server: two functions test_*."""
    for kind in SERVERS:
        def one(run, kind=kind):
            case(run, kind, SERVERS[kind](run))
        one.__name__ = f"{case.__name__}_{kind}"
        globals()[f"test_{one.__name__}"] = one
    return case


@each_server
def rows_add_up(run, kind, server):
    """The same keys in several purges are one row each, whatever index the table has; without updates they are several."""
    flows = netflow.flows(200)
    d, port = start(run, kind, server)
    for n in (1, 2):
        run.send(port, netflow.export(9, flows, int(time.time()), sequence=n))
        packets, octets = want(*[flows] * n)
        run.wait(lambda: sums_or_none(server) == (200, packets, octets), f"{n} purges to add up", 20)
    flags = server.ask("SELECT count(*) FROM acct_v9 WHERE tcp_flags <> 0")
    assert int(flags[0][0]) > 0
    run.wait(lambda: spooled(run) == 0, "the spool to be empty")
    d.stop()
    # A table of one's own without any index.
    server.ask("CREATE TABLE plain AS SELECT * FROM acct_v9 WHERE 1 = 0")
    d, port = start(run, kind, server, more="sql_table[p]: plain\n")
    for n in (1, 2):
        run.send(port, netflow.export(9, flows, int(time.time()), sequence=n))
        run.wait(lambda: sums(server, "plain")[1] == want(*[flows] * n)[0], f"{n} purges in the plain table", 20)
    assert sums(server, "plain")[0] == 200
    d.stop()
    d, port = start(run, kind, server, more="sql_table[p]: plain\nsql_dont_try_update[p]: true\n")
    run.send(port, netflow.export(9, flows, int(time.time()), sequence=1))
    d.stop()
    assert sums(server, "plain") == (400, *want(flows, flows, flows))


def sums_or_none(server):
    """The table is made by the first purge."""
    try:
        return sums(server)
    except AssertionError:
        return None


@each_server
def server_away(run, kind, server):
    """Ten purges while the server is down, all of them there in the end, each once."""
    d, port = start(run, kind, server)
    lots = [netflow.flows(20 + n) for n in range(11)]
    run.send(port, netflow.export(9, lots[0], int(time.time())))
    run.wait(lambda: sums_or_none(server), "the first purge", 20)
    run.wait(lambda: spooled(run) == 0, "the first purge to be off the disk", 20)
    server.kill()
    for n in range(1, 11):
        run.send(port, netflow.export(9, lots[n], int(time.time()), sequence=n))
        run.wait(lambda: spooled(run) >= n, f"purge {n} to be on disk", 20)
    d.wait_log(f"PRIMARY '{kind}' backend trouble")
    server.start()
    run.wait(lambda: sums_or_none(server)[1:] == want(*lots), "everything to be in the table", 90)
    run.wait(lambda: spooled(run) == 0, "the spool to be empty")
    d.stop()


@each_server
def ends_without_server(run, kind, server):
    """The daemon ends while the server is down: the next one writes what the first one had, once."""
    flows = netflow.flows(100)
    server.kill()
    d, port = start(run, kind, server, refresh=600)
    run.send(port, netflow.export(9, flows, int(time.time())))
    d.stop(signal.SIGTERM)
    assert spooled(run) == 1 and d.said("stay in the spool"), d.text()
    server.start()
    d, port = start(run, kind, server, refresh=600)
    run.wait(lambda: spooled(run) == 0, "the spool to be written", 20)
    assert sums(server) == (100, *want(flows))
    d.stop()


@each_server
def killed_plugin(run, kind, server):
    """kill -9 while the server holds the purge up: it was on disk, and is written once."""
    flows = netflow.flows(50)
    d, port = start(run, kind, server)
    run.send(port, netflow.export(9, flows, int(time.time())))
    run.wait(lambda: sums_or_none(server), "the first purge", 20)
    run.wait(lambda: spooled(run) == 0, "the first purge to be off the disk", 20)
    server.process.send_signal(signal.SIGSTOP)
    os_children = [int(line) for line in run.call("pgrep", "-P", server.process.pid, expect=None).split()]
    for pid in os_children:
        os.kill(pid, signal.SIGSTOP)
    run.send(port, netflow.export(9, flows, int(time.time()), sequence=1))
    run.wait(lambda: spooled(run) == 1, "the purge to be on disk", 20)
    run.wait(lambda: d.text().count(" - START ") > d.text().count(" - END "), "the writer to be at it", 20)
    os.kill(d.child("SQL Plugin" if kind == "mysql" else "PostgreSQL Plugin"), signal.SIGKILL)
    for pid in [server.process.pid, *os_children]:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
    run.wait(lambda: sums(server)[1:] == want(flows, flows), "the purge to be written", 30)
    run.wait(lambda: spooled(run) == 0, "the spool to be empty", 20)
    assert sums(server)[1:] == want(flows, flows)
    d.wait_log(r"lost with it: 0 records")
    d.stop()


@each_server
def refused(run, kind, server):
    """Wrong password, missing table, missing column: said, and kept until it is right."""
    flows = netflow.flows(30)
    d, port = start(run, kind, server, more="sql_passwd[p]: wrong\n")
    run.send(port, netflow.export(9, flows, int(time.time())))
    d.wait_log(r"The SQL server says: .*(password|Access denied)")
    d.stop()
    d, port = start(run, kind, server, more="sql_table[p]: nowhere\n")
    d.wait_log(r"The SQL server says: .*nowhere")
    server.ask("CREATE TABLE nowhere (ip_src CHAR(45))")
    d.wait_log(r"The SQL server says: .*(column|field)", 60)
    server.ask("DROP TABLE nowhere")
    d.stop()
    d, port = start(run, kind, server)
    run.wait(lambda: spooled(run) == 0, "the purge to be written", 20)
    assert sums(server) == (30, *want(flows))
    d.stop()


@each_server
def odd_rows(run, kind, server):
    """A row that the table can never take does not take the others with it."""
    flows = netflow.flows(64)
    server.ask("CREATE TABLE odd (port_src INT, port_dst INT, packets BIGINT, bytes BIGINT, stamp_inserted TIMESTAMP, "
               f"stamp_updated TIMESTAMP NULL, CHECK (port_src <> {flows[17]['sport']}))")
    more = "aggregate[p]: src_port, dst_port\nsql_table[p]: odd\nsql_optimize_clauses[p]: true\n"
    d, port = start(run, kind, server, more=more)
    run.send(port, netflow.export(9, flows, int(time.time())))
    d.stop()
    taken = [f for f in flows if f["sport"] != flows[17]["sport"]]
    assert sums(server, "odd")[1:] == want(taken)
    assert d.said("refuses a row") and d.said("refused [0-9]+ rows"), d.text()


@each_server
def every_layout(run, kind, server):
    """The tables that --print-schema prints take the rows of every version, and of type bgp."""
    for statement in run.run_program("nfacctd", "--print-schema", kind).splitlines():
        server.ask(statement)
    flows = netflow.flows(40)
    tables = {f"v{n}": (n, "acct" if n == 1 else f"acct_v{n}", "") for n in range(1, 10)}
    tables["bgp"] = (1, "acct_bgp", "aggregate[bgp]: src_as, dst_as, peer_src_ip\nsql_table_type[bgp]: bgp\n")
    if kind == "pgsql":
        tables["uni"] = (5, "acct_uni_v5", "sql_data[uni]: unified\n")
        tables["as"] = (5, "acct_as_v5", "aggregate[as]: src_as, dst_as\n")
    tables["v9"] = (9, "acct_v9", "sql_use_copy[v9]: true\nsql_dont_try_update[v9]: true\nsql_locking_style[v9]: row\n")
    tables["v8"] = (8, "acct_v8", "sql_locking_style[v8]: none\ntimestamps_utc[v8]: true\nsql_multi_values[v8]: 1024000\n")
    config = f"plugins: {', '.join(f'{kind}[{name}]' for name in tables)}\nsql_history: 1h\nsql_refresh_time: 600\n"
    config += "aggregate: src_host, dst_host, src_port, dst_port, proto\n"
    for name, (version, _, more) in tables.items():
        config += f"sql_table_version[{name}]: {version}\n{more}{server.config(name)}"
    d, port = run.nfacctd(config)
    run.send(port, netflow.v5(flows, int(time.time())))
    d.stop()
    for name, (_, table, _) in tables.items():
        rows, *counted = sums(server, table)
        assert tuple(counted) == want(flows), (name, counted, d.text())
        assert rows == (1 if name in ("as", "bgp") else 40), (name, rows)


@each_server
def full_disk(run, kind, server):
    """No room for the spool: purges wait in memory, and none is lost."""
    run.need_root()
    (run.dir / "spool").mkdir()
    run.call("mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", run.dir / "spool")
    d, port = start(run, kind, server)
    lots = [netflow.flows(100 + n) for n in range(6)]
    run.send(port, netflow.export(9, lots[0], int(time.time())))
    run.wait(lambda: sums_or_none(server), "the first purge", 20)
    run.wait(lambda: spooled(run) == 0, "the first purge to be off the disk", 20)
    server.kill()
    for n in range(1, 6):
        run.send(port, netflow.export(9, lots[n], int(time.time()), sequence=n))
        run.wait(lambda n=n: spooled(run) == n or "No space left" in d.text(), f"purge {n} to be on the disk, or too large for it")
    d.wait_log("No space left on device: the purge is kept in memory")
    server.start()
    run.wait(lambda: sums_or_none(server)[1:] == want(*lots), "everything to be in the table", 90)
    d.stop()
    assert sums(server)[1:] == want(*lots)


@each_server
def killed_server(run, kind, server):
    """The server dies at any moment of a large purge: it counts once."""
    flows = netflow.flows(30000)
    d, port = start(run, kind, server)
    for n in range(3):
        run.send(port, netflow.export(9, flows, int(time.time()), sequence=n))
        d.wait_log(r"Purging cache - START", count=n + 1)
        server.kill()
        server.start()
    run.wait(lambda: sums_or_none(server) is not None and spooled(run) == 0, "the spool to be written", 90)
    run.wait(lambda: sums(server)[1:] == want(flows, flows, flows), "all to be there", 30)
    d.stop()
    assert sums(server) == (30000, *want(flows, flows, flows))


@each_server
def stopped_in_purge(run, kind, server):
    """SIGTERM while the server holds a purge up: the daemon waits for it, and it is whole."""
    flows = netflow.flows(500)
    d, port = start(run, kind, server)
    run.send(port, netflow.export(9, flows, int(time.time())))
    run.wait(lambda: sums_or_none(server), "the first purge", 20)
    run.wait(lambda: spooled(run) == 0, "the first purge to be off the disk", 20)
    lot = [server.process.pid, *map(int, run.call("pgrep", "-P", server.process.pid, expect=None).split())]
    for pid in lot:
        with contextlib.suppress(ProcessLookupError):  # who has just asked, or tidies up, may be gone
            os.kill(pid, signal.SIGSTOP)
    run.send(port, netflow.export(9, flows, int(time.time()), sequence=1))
    run.wait(lambda: spooled(run) == 1, "the purge to be on disk", 20)
    d.send_signal(signal.SIGTERM)
    for pid in lot:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    assert d.wait(60) == 0
    assert sums(server) == (500, *want(flows, flows)) and spooled(run) == 0


def test_seed(run):
    """The command line and its file form, through the socket that the client library knows, give the same rows."""
    server = MariaDB(run)
    there = run.veth()
    common = "plugins: mysql\naggregate: src_host,dst_host\npcap_interface: v0\npcap_filter: src net 192.0.2.2/32\n"
    env = {"MYSQL_UNIX_PORT": str(server.dir / "s.sock")}
    rows = []
    for config, words in ((common, []), (None, ["-c", "src_host,dst_host", "-i", "v0", "-P", "mysql", "src", "net", "192.0.2.2/32"])):
        d = run.daemon("pmacctd", *words, config=config, env=env)
        d.wait_log(r"link type is")
        run.call(*there, "ping", "-c", "3", "-i", "0.05", "-q", "192.0.2.1")
        d.stop()
        rows.append(server.ask("SELECT ip_src, ip_dst, mac_src, src_port, ip_proto, packets, bytes FROM acct"))
        server.ask("DELETE FROM acct")
    assert rows[0] == rows[1] == [("192.0.2.2", "192.0.2.1", "0:0:0:0:0:0", "0", "0", "3", "252")], rows
