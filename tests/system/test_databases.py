# SPDX-License-Identifier: BSD-2-Clause
"""The plugins pgsql and mysql against real servers: rows, layouts, and what happens when the server is away or refuses."""
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
    server.kill()
    for n in range(1, 11):
        run.send(port, netflow.export(9, lots[n], int(time.time()), sequence=n))
        run.wait(lambda: spooled(run) >= n, f"purge {n} to be on disk", 20)
    assert d.said(f"PRIMARY '{kind}' backend trouble"), d.text()
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
    server.process.send_signal(signal.SIGSTOP)
    os_children = [int(line) for line in run.call("pgrep", "-P", server.process.pid, expect=None).split()]
    for pid in os_children:
        os.kill(pid, signal.SIGSTOP)
    run.send(port, netflow.export(9, flows, int(time.time()), sequence=1))
    run.wait(lambda: spooled(run) == 1, "the purge to be on disk", 20)
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
