# SPDX-License-Identifier: BSD-2-Clause
"""The same traffic into the same tables, by Debian's pmacct and by this build, on real servers: equal rows. Skipped where Debian's package
has not been unpacked (bench/fetch-oracle.sh)."""
import os
import pathlib
import time

import harness
import netflow
from servers import MariaDB, Postgres

AGGREGATE = {n: "src_host, dst_host, src_port, dst_port, proto" for n in range(1, 10)}
AGGREGATE |= {n: AGGREGATE[n] + ", tos, vlan" for n in range(3, 9)} | {n: AGGREGATE[n] + ", tos, tcpflags" for n in range(7, 10)}


def debian(run):
    """Debian's nfacctd, with its libraries."""
    folder = pathlib.Path(os.environ.get("PMACCT_ORACLE") or harness.ROOT / "build/oracle").resolve()
    if not (folder / "usr/sbin/nfacctd").exists():
        run.skip("Debian's pmacct is not there")
    libraries = ":".join(str(folder / part) for part in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib"))
    path = run.write("debian-nfacctd", f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {folder}/usr/sbin/nfacctd "$@"\n')
    path.chmod(0o755)
    return path


def tables(kind):
    """{name of the instance: (table, keys)}"""
    found = {f"v{n}": ("acct" if n == 1 else f"acct_v{n}", f"sql_table_version[v{n}]: {n}\naggregate[v{n}]: {AGGREGATE[n]}\n") for n in range(1, 9)}
    # Debian's takes other tables for version 9, and with MariaDB for BGP, if it is not told
    found["v9"] = ("acct_v9", f"sql_table_version[v9]: 9\nsql_table[v9]: acct_v9\naggregate[v9]: {AGGREGATE[9]}\n")
    found["bgp"] = ("acct_bgp", "sql_table_type[bgp]: bgp\nsql_table[bgp]: acct_bgp\naggregate[bgp]: src_as, dst_as, peer_src_ip\n")
    if kind == "pgsql":
        found["uni"] = ("acct_uni_v5", "sql_table_version[uni]: 5\nsql_data[uni]: unified\naggregate[uni]: src_host, dst_host, src_port, dst_port, proto\n")
        found["as"] = ("acct_as_v5", "sql_table_version[as]: 5\naggregate[as]: src_as, dst_as\n")
    return found


def rows(server, table, database):
    names = [name for name, in server.ask(f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"
                                          f" AND column_name <> 'stamp_updated' AND table_{'catalog' if server.run.kind == 'pgsql' else 'schema'} = '{database}'"
                                          " ORDER BY column_name", database=database)]
    return names, sorted(server.ask(f"SELECT {', '.join(names)} FROM {table}", database=database))


def as_debian(run, kind, make):
    """Every version and kind of table, twice the same flows, so that rows are inserted and updated."""
    theirs_path = debian(run)
    run.kind = kind
    server = make(run)
    schema = run.run_program("nfacctd", "--print-schema", kind).splitlines()
    server.ask("CREATE DATABASE debian", database="postgres" if kind == "pgsql" else "mysql")
    if kind == "mysql":
        server.ask("GRANT ALL ON debian.* TO pmacct@'127.0.0.1'", database="mysql")
    for database in ("pmacct", "debian"):
        for statement in schema:
            server.ask(statement, database=database)
    flows, now = netflow.flows(60), int(time.time())
    what = tables(kind)
    config = f"daemonize: false\nplugins: {', '.join(f'{kind}[{name}]' for name in what)}\nnfacctd_ip: 127.0.0.1\nsql_history: 1h\nsql_history_roundoff: h\nsql_refresh_time: 600\n"
    config += "".join(more + server.config(name) for name, (_, more) in what.items())
    for database, program in (("pmacct", "nfacctd"), ("debian", theirs_path)):
        for turn in range(2):
            port = run.port()
            more = "" if program == "nfacctd" else "plugin_pipe_size: 10240000\n"
            d = run.daemon(program, config=f"{config}sql_db: {database}\nnfacctd_port: {port}\n{more}")
            d.wait_log("waiting for NetFlow/IPFIX data")
            run.wait(lambda: len(d.children()) >= len(what), "its plugins")
            run.send(port, netflow.export(9, flows, now, sequence=turn))
            d.stop()
            run.wait(lambda: not any(d.children()), "its writers to end", 30)  # orphans have no title any more
    for name, (table, _) in what.items():
        ours, theirs = rows(server, table, "pmacct"), rows(server, table, "debian")
        assert ours == theirs, (name, [x for x in zip(ours[1], theirs[1]) if x[0] != x[1]][:3], len(ours[1]), len(theirs[1]), ours[0])
        assert ours[1], name


def test_as_debian_pgsql(run):
    as_debian(run, "pgsql", Postgres)


def test_as_debian_mysql(run):
    as_debian(run, "mysql", MariaDB)
