# SPDX-License-Identifier: BSD-2-Clause
"""Real database servers for the tests: each one's data lies in the folder of the case, it listens on 127.0.0.1 of the case's own
network, and it ends with the case."""
import os
import pathlib
import pwd
import signal
import socket
import subprocess


def _user(run, name):
    """The numbers of the server's user; the case's folder has to let it through."""
    run.need_root()
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        run.skip(f"no user {name}: the server is not installed")
    path = run.dir
    while path != path.parent and path != pathlib.Path("/tmp"):
        path.chmod(path.stat().st_mode | 0o011)
        path = path.parent
    return entry


class Server:
    def __init__(self, run, user, folder):
        self.run, self.user = run, _user(run, user)
        self.dir = run.dir / folder
        self.dir.mkdir()
        os.chown(self.dir, self.user.pw_uid, self.user.pw_gid)
        self.port = run.port(socket.SOCK_STREAM)
        self.process = None

    def as_user(self, *words, **more):
        return subprocess.Popen([str(w) for w in words], user=self.user.pw_uid, group=self.user.pw_gid, extra_groups=[],
                                cwd=self.dir, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                env={**self.run.env, "HOME": str(self.dir)}, **more)

    @property
    def log(self):
        return (self.dir / "server.log").open("ab")

    def start(self):
        self.process = self.launch()
        self.run.helpers = getattr(self.run, "helpers", []) + [self.process]
        self.run.wait(self.answers, f"the server in {self.dir} to answer", 60)
        return self

    def kill(self):
        """As a machine that fails: at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.run.wait(lambda: not self.answers(), "the server to be gone")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Postgres(Server):
    def __init__(self, run):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not found:
            run.skip("PostgreSQL is not installed")
        self.bin = found[-1].parent
        super().__init__(run, "postgres", "pg")
        self.as_user(self.bin / "initdb", "-D", "d", "-A", "scram-sha-256", "-U", "pmacct", "--pwfile", self.password(),
                     "--no-sync").wait(120)
        self.start()
        self.ask("CREATE DATABASE pmacct", database="postgres")

    def password(self):
        path = self.dir / "password"
        path.write_text("arealsmartpwd\n")
        path.chmod(0o644)
        return path

    def launch(self):
        pid = self.dir / "d" / "postmaster.pid"
        if pid.exists():
            pid.unlink()
        return self.as_user(self.bin / "postgres", "-D", "d", "-p", self.port, "-c", "listen_addresses=127.0.0.1",
                            "-k", self.dir, "-c", "fsync=off", preexec_fn=None)

    def psql(self, text, database):
        return subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "pmacct", "-d", database, "-XAtqc", text],
                              capture_output=True, text=True, env={**self.run.env, "PGPASSWORD": "arealsmartpwd"})

    def answers(self):
        return self.psql("SELECT 1", "postgres").returncode == 0

    def ask(self, text, database="pmacct"):
        done = self.psql(text, database)
        assert done.returncode == 0, done.stderr
        return [tuple(line.split("|")) for line in done.stdout.splitlines()]

    def config(self, name):
        return f"sql_host[{name}]: 127.0.0.1\nsql_port[{name}]: {self.port}\n"


class MariaDB(Server):
    def __init__(self, run):
        run.need("mariadbd")
        super().__init__(run, "mysql", "my")
        self.as_user("mariadb-install-db", "--no-defaults", f"--datadir={self.dir}/d",
                     "--auth-root-authentication-method=normal", "--skip-test-db").wait(180)
        self.start()
        for host in ("127.0.0.1", "localhost"):
            self.ask(f"CREATE USER pmacct@'{host}' IDENTIFIED BY 'arealsmartpwd'", database="mysql")
            self.ask(f"GRANT ALL ON pmacct.* TO pmacct@'{host}'", database="mysql")
        self.ask("CREATE DATABASE pmacct", database="mysql")

    def launch(self):
        return self.as_user("mariadbd", "--no-defaults", f"--datadir={self.dir}/d", f"--socket={self.dir}/s.sock",
                            f"--pid-file={self.dir}/pid", "--bind-address=127.0.0.1", f"--port={self.port}",
                            "--innodb-flush-log-at-trx-commit=2")

    def mariadb(self, text, database):
        return subprocess.run(["mariadb", "--no-defaults", "-uroot", "-S", str(self.dir / "s.sock"), "-BNe", text, database],
                              capture_output=True, text=True)

    def answers(self):
        return self.mariadb("SELECT 1", "mysql").returncode == 0

    def ask(self, text, database="pmacct"):
        done = self.mariadb(text, database)
        assert done.returncode == 0, done.stderr
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    def config(self, name):
        return f"sql_host[{name}]: 127.0.0.1\nsql_port[{name}]: {self.port}\n"
