# SPDX-License-Identifier: BSD-2-Clause
"""Keys of the plugins pgsql and mysql, against real servers: how to reach one, what names and forms its tables have, what runs beside."""
import re
import signal
import time

import netflow
from servers import MariaDB, Postgres
from test_databases import spooled, start, sums, sums_or_none, want

NOW = int(time.time())


def both(case, **more):
    """A case for each kind of server: two functions test_*."""
    for kind, server in (("pgsql", Postgres), ("mysql", MariaDB)):
        def one(run, kind=kind, server=server):
            case(run, kind, server)
        one.__name__ = f"{case.__name__}_{kind}"
        globals()[f"test_{one.__name__}"] = one
    return case


def authority(run, name):
    """A certificate authority: (its certificate, its key)."""
    run.need("openssl")
    key, certificate = run.dir / f"{name}.key", run.dir / f"{name}.pem"
    run.call("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={name}",
             "-addext", "basicConstraints=critical,CA:TRUE")
    return certificate, key


def certify(run, server, signer, name="127.0.0.1"):
    """A key and a certificate of that name, in the server's folder and its own."""
    key, request, certificate = (server.dir / f"tls.{end}" for end in ("key", "csr", "pem"))
    run.call("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
    kind = "IP" if name[0].isdigit() else "DNS"
    run.write("san", f"subjectAltName={kind}:{name}\n")
    run.call("openssl", "x509", "-req", "-in", request, "-CA", signer[0], "-CAkey", signer[1], "-CAcreateserial", "-out", certificate, "-days", "2",
             "-extfile", run.dir / "san")
    for path in (key, certificate):
        run.call("chown", f"{server.user.pw_uid}:{server.user.pw_gid}", path)
        path.chmod(0o600)


TLS = {"pgsql": ["-c", "ssl=on", "-c", "ssl_cert_file={dir}/tls.pem", "-c", "ssl_key_file={dir}/tls.key"],
       "mysql": ["--ssl-cert={dir}/tls.pem", "--ssl-key={dir}/tls.key"]}
IN_USE = {"pgsql": "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name = 'nfacctd'",
          "mysql": "SELECT count(*) FROM information_schema.processlist WHERE user = 'pmacct'"}


@both
def tls(run, kind, make):
    """The server is who the authority says; another authority, another name or no TLS at all: nothing is sent, the reason is said, rows wait."""
    right, wrong = authority(run, "right"), authority(run, "wrong")
    server = make(run)
    flows = netflow.flows(50)

    def fails(ca, pattern):
        server.stop()
        server.start()
        d, port = start(run, kind, server, more=f"sql_conn_ca_file[p]: {ca[0]}\n")
        run.send(port, netflow.export(9, flows, NOW))
        d.wait_log(rf"The SQL server says: .*{pattern}")
        d.stop()
        assert spooled(run) == 1 and sums_or_none(server) in (None, (0, 0, 0))
        for path in run.dir.glob("spool/*/*.batch"):
            path.unlink()

    fails(right, "(SSL|TLS)")  # the server has none
    certify(run, server, right, "db.example.net")
    server.words = [w.format(dir=server.dir) for w in TLS[kind]]
    fails(right, "(host name|hostname|certificate|Validation|verification)")
    certify(run, server, right)
    fails(wrong, "(certificate|verification|Validation)")
    server.stop()
    server.start()
    if kind == "mysql":
        server.ask("ALTER USER pmacct@'127.0.0.1' REQUIRE SSL", database="mysql")
    d, port = start(run, kind, server, more=f"sql_conn_ca_file[p]: {right[0]}\n")
    run.send(port, netflow.export(9, flows, NOW))
    run.wait(lambda: sums_or_none(server) == (50, *want(flows)), "the rows", 20)
    assert int(server.ask(IN_USE[kind])[0][0]) == 1
    d.stop()


@both
def unix_socket(run, kind, make):
    """sql_host is a path: PostgreSQL's folder, MariaDB's socket."""
    server = make(run)
    where = server.dir if kind == "pgsql" else f"unix:{server.dir}/s.sock"
    flows = netflow.flows(20)
    d, port = start(run, kind, None, more=f"sql_host[p]: {where}\n" + (f"sql_port[p]: {server.port}\n" if kind == "pgsql" else ""))
    run.send(port, netflow.export(9, flows, NOW))
    d.stop()
    assert sums(server) == (20, *want(flows))


COLUMNS = "ip_src CHAR(45), ip_dst CHAR(45), packets BIGINT, bytes BIGINT, stamp_inserted TIMESTAMP NULL, stamp_updated TIMESTAMP NULL"


@both
def tables_by_name(run, kind, make):
    """A table for each hour and tag, made by the statement of sql_table_schema."""
    server = make(run)
    run.write("tags.map", "set_tag=7 ip=127.0.0.1\n")
    run.write("schema.sql", f"CREATE TABLE acct_%Y%m%d_%H_$tag ({COLUMNS}, tag BIGINT)\n" if kind == "mysql" else
              f"CREATE TABLE IF NOT EXISTS acct_%Y%m%d_%H_$tag ({COLUMNS}, tag BIGINT)\n")
    flows = netflow.flows(30)
    d, port = start(run, kind, server, more=f"""
        aggregate[p]: src_host, dst_host, tag
        pre_tag_map: {run.dir}/tags.map
        sql_table[p]: acct_%Y%m%d_%H_$tag
        sql_table_schema[p]: {run.dir}/schema.sql
        sql_optimize_clauses[p]: true
        timestamps_utc: true
        """)
    run.send(port, netflow.export(9, flows, NOW))
    d.stop()
    hours = {time.strftime("%Y%m%d_%H", time.gmtime(NOW + s)) for s in (0, 60)}
    found = [t for t in (f"acct_{h}_7" for h in hours) if server.ask(f"SELECT count(*) FROM information_schema.tables WHERE table_name = '{t}'")[0][0] == "1"]
    assert len(found) == 1, (found, d.text())
    assert sums(server, found[0])[1:] == want(flows)


@both
def backup_host(run, kind, make):
    """The first server is away: what it refused is in the second one, once; when it is back it gets what comes then."""
    server = make(run)
    flows, later = netflow.flows(40), netflow.flows(25)
    # the port is the first one's, so the second one is the real server on another name for it
    d, port = start(run, kind, None, more=f"sql_host[p]: 127.0.0.77\nsql_port[p]: {server.port}\nsql_backup_host[p]: 127.0.0.1\n")
    run.send(port, netflow.export(9, flows, NOW))
    run.wait(lambda: sums_or_none(server) == (40, *want(flows)), "the rows in the backup", 20)
    d.wait_log(f"PRIMARY '{kind}' backend trouble")
    run.send(port, netflow.export(9, later, NOW, sequence=1))
    run.wait(lambda: sums(server)[1:] == want(flows, later), "the next purge in the backup", 20)
    run.wait(lambda: spooled(run) == 0, "an empty spool")
    server.kill()
    run.send(port, netflow.export(9, later, NOW, sequence=2))
    product = "MySQL" if kind == "mysql" else "PostgreSQL"
    d.wait_log(f"ALERT .*recovery for {product} daemon failed")
    server.start()
    run.wait(lambda: sums(server)[1:] == want(flows, later, later), "the last purge in the backup", 60)
    d.stop()


@both
def preprocess(run, kind, make):
    """Rows that are too small are left out, others changed, and the log says how much."""
    server = make(run)
    flows = netflow.flows(100)
    d, port = start(run, kind, server, refresh=600, more="sql_preprocess[p]: minp=5, adjb=14\n")
    run.send(port, netflow.export(9, flows, NOW))
    d.stop()
    kept = [f for f in flows if f["packets"] >= 5]
    assert 0 < len(kept) < 100
    packets, octets = want(kept)
    assert sums(server) == (len(kept), packets, octets + 14 * packets)
    d.wait_log(f"preprocess leaves out {100 - len(kept)} of 100 rows")


@both
def recover(run, kind, make):
    """`recover`: what fails the checks goes to the backup host; when that is away it waits, and the rest is not written twice."""
    first = make(run)
    second = make(run, host="127.0.0.2", port=first.port)
    flows = netflow.flows(100)
    kept, aside = ([f for f in flows if (f["packets"] >= 5) == big] for big in (True, False))
    d, port = start(run, kind, first, more="sql_preprocess[p]: minp=5, recover=1\nsql_backup_host[p]: 127.0.0.2\n")
    run.send(port, netflow.export(9, flows, NOW))
    run.wait(lambda: sums_or_none(second), "rows in the backup", 20)
    run.wait(lambda: spooled(run) == 0, "an empty spool")
    assert sums(first) == (len(kept), *want(kept)) and sums(second) == (len(aside), *want(aside))
    second.kill()
    run.send(port, netflow.export(9, flows, NOW, sequence=1))
    d.wait_log("the backup host does not take rows")
    assert spooled(run) == 1
    second.start()
    run.wait(lambda: sums(second)[1:] == want(aside, aside), "the rows that waited", 60)
    run.wait(lambda: spooled(run) == 0, "an empty spool")
    assert sums(first)[1:] == want(kept, kept)
    d.wait_log(f"preprocess has for the backup host {len(aside)} of 100 rows")
    d.stop()
    for what, more in ((kind, ""), ("sqlite3", "sql_backup_host: /tmp/other.db")):
        path = run.config(f"plugins: {what}[p]\nsql_preprocess[p]: minp=5, recover=1\n{more}")
        run.run_program("nfacctd", "--check-config", "-f", path, expect=1)
        assert ".conf:2: preprocess: 'recover' needs sql_backup_host" in run.stderr, run.stderr


@both
def trigger(run, kind, make):
    """The program runs after a purge and is told of it."""
    server = make(run)
    program = run.write("trigger.sh", f"#!/bin/sh\nenv | grep -E '^(SQL_|INSERT|UPDATE|TOTAL|EFFECTIVE)' | sort > {run.dir}/env.new && mv {run.dir}/env.new {run.dir}/env\n")
    program.chmod(0o755)
    flows = netflow.flows(10)
    run.write("mine.sql", f"CREATE TABLE IF NOT EXISTS mine_%Y ({COLUMNS})\n")
    d, port = start(run, kind, server, more=f"sql_trigger_exec[p]: {program}\nsql_table[p]: mine_%Y\nsql_table_schema[p]: {run.dir}/mine.sql\nsql_optimize_clauses[p]: true\n"
                    "aggregate[p]: src_host, dst_host\nsql_max_writers[p]: 3\n")
    run.send(port, netflow.export(9, flows, NOW))
    there = run.wait_file("env", 20)
    words = dict(line.split("=", 1) for line in there.read_text().splitlines())
    wanted = {"SQL_DB": "pmacct", "SQL_TABLE": "mine_%Y", "SQL_HOST": "127.0.0.1", "SQL_USER": "pmacct", "SQL_REFRESH_TIME": "1", "SQL_MAX_WRITERS": "3",
              "INSERT_QUERIES_NUMBER": "10", "UPDATE_QUERIES_NUMBER": "0", "EFFECTIVE_ELEM_NUMBER": "10"}
    assert {k: words.get(k) for k in wanted} == wanted, words
    assert re.fullmatch(r"mine_20\d\d", words["EFFECTIVE_SQL_TABLE"]), words
    d.stop()


@both
def times(run, kind, make):
    """Times as numbers of seconds: bin and moment of the purge."""
    server = make(run)
    server.ask("CREATE TABLE seconds (ip_src CHAR(45), packets BIGINT, bytes BIGINT, stamp_inserted BIGINT, stamp_updated BIGINT)")
    flows = netflow.flows(5)
    d, port = start(run, kind, server, more="aggregate[p]: src_host\nsql_table[p]: seconds\nsql_optimize_clauses[p]: true\ntimestamps_since_epoch: true\n")
    run.send(port, netflow.export(9, flows, NOW))
    d.stop()
    assert sums(server, "seconds")[1:] == want(flows)
    for begin, updated in server.ask("SELECT DISTINCT stamp_inserted, stamp_updated FROM seconds"):
        assert int(begin) % 3600 == 0 and NOW - 7200 < int(begin) <= NOW + 60 and NOW - 5 <= int(updated) <= time.time() + 1


def test_numbers_mysql(run):
    """sql_num_hosts, sql_num_protos: addresses and protocols as numbers."""
    server = MariaDB(run)
    server.ask(f"CREATE TABLE numbers (ip_proto SMALLINT, {COLUMNS.replace('CHAR(45)', 'INT UNSIGNED')})")
    flows = netflow.flows(20)
    d, port = start(run, "mysql", server, more="aggregate[p]: src_host, dst_host, proto\nsql_table[p]: numbers\nsql_optimize_clauses[p]: true\n"
                    "sql_num_hosts[p]: true\nsql_num_protos[p]: true\n")
    run.send(port, netflow.export(9, flows, NOW))
    d.stop()
    assert sums(server, "numbers")[1:] == want(flows), d.text()
    have = {(a, b, int(p)) for a, b, p in server.ask("SELECT INET_NTOA(ip_src), INET_NTOA(ip_dst), ip_proto FROM numbers")}
    assert have == {(f["src"], f["dst"], f["proto"]) for f in flows}, have


def test_copy_pgsql(run):
    """COPY with a delimiter of one's own, and values that contain it."""
    server = Postgres(run)
    server.ask("CREATE TABLE labelled (label VARCHAR(80), packets BIGINT, bytes BIGINT, stamp_inserted TIMESTAMP, stamp_updated TIMESTAMP)")
    run.write("labels.map", "set_label=a;b\\c,d ip=127.0.0.1\n")
    flows = netflow.flows(9)
    d, port = start(run, "pgsql", server, more=f"aggregate[p]: label\nsql_table[p]: labelled\nsql_optimize_clauses[p]: true\nsql_use_copy[p]: true\nsql_dont_try_update[p]: true\n"
                    f"sql_delimiter[p]: ;\npre_tag_map: {run.dir}/labels.map\n")
    run.send(port, netflow.export(9, flows, NOW))
    d.stop()
    assert sums(server, "labelled") == (1, *want(flows)), d.text()
    assert server.ask("SELECT label FROM labelled") == [("a;b\\c,d",)]


def test_startup_delay(run):
    """The first purge waits as long as it was told to."""
    server = Postgres(run)
    d, port = start(run, "pgsql", server, more="sql_startup_delay[p]: 4\n")
    began = time.monotonic()
    run.send(port, netflow.export(9, netflow.flows(5), NOW))
    run.wait(lambda: sums_or_none(server), "the first purge", 20)
    assert time.monotonic() - began > 2
    d.stop(signal.SIGTERM)


def test_load_mysql(run):
    """Many rows go by LOAD DATA, odd characters too; a row that the table refuses costs itself alone; without it they go as statements."""
    server = MariaDB(run)
    flows = netflow.flows(300)
    bad = flows[17]["sport"]
    columns = "port_src INT, port_dst INT, label VARCHAR(80), packets BIGINT, bytes BIGINT, stamp_inserted TIMESTAMP, stamp_updated TIMESTAMP NULL"
    label = r"""a'b"c\d	e\N;f"""
    run.write("labels.map", "set_label=" + label.replace("\t", "") + " ip=127.0.0.1\n")
    for table, more in (("good", ""), ("odd", f", CHECK (port_src <> {bad})")):
        server.ask(f"CREATE TABLE {table} ({columns}{more})")
    for words in ([], ["--local-infile=0"]):
        if words:
            server.stop()
            server.words = words
            server.start()
        for n, table in enumerate(("good", "odd")):
            d, port = start(run, "mysql", server, more=f"aggregate[p]: src_port, dst_port, label\nsql_table[p]: {table}\nsql_optimize_clauses[p]: true\n"
                            f"sql_dont_try_update[p]: true\npre_tag_map: {run.dir}/labels.map\n")
            run.send(port, netflow.export(9, flows, NOW))
            d.stop()
            assert d.said("refuses a row") if n else not d.said("refuses a row"), d.text()
        if not words:
            assert int(server.ask("SHOW GLOBAL STATUS LIKE 'Com_load'")[0][1]) > 0
    taken = [f for f in flows if f["sport"] != bad]
    assert sums(server, "good")[1:] == want(flows, flows) and sums(server, "odd")[1:] == want(taken, taken)
    assert server.ask("SELECT DISTINCT HEX(label) FROM good")[0][0] == label.replace("\t", "").encode().hex().upper()
