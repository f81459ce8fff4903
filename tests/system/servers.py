# SPDX-License-Identifier: BSD-2-Clause
"""Real database and message servers for the tests: each one's data lies in the folder of the case, it listens on 127.0.0.1 of the case's own
network, and it ends with the case."""
import json
import contextlib
import os
import pathlib
import pwd
import shutil
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


def _processes():
    """{pid: (parent, session, state)} of all that there are."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = path.read_text().rsplit(")", 1)[1].split()
            found[int(path.parent.name)] = (int(words[1]), int(words[3]), words[0])
    return found


def _family(pid):
    """The process, its session and all that descend from them: PostgreSQL's children have sessions of their own."""
    processes = _processes()
    family = {p for p, (_, session, _) in processes.items() if pid in (p, session)}
    while more := {p for p, (parent, _, _) in processes.items() if parent in family} - family:
        family |= more
    return family


def _signal(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


class Server:
    """One of them. A subclass has launch(), which starts the process, and answers(), which tells whether clients are served."""

    LAUNCHES = 3

    def __init__(self, run, user, folder, host="127.0.0.1", port=None):
        self.run, self.user, self.host = run, _user(run, user), host
        self.dir = run.dir / (folder if host == "127.0.0.1" else f"{folder}-{host}")
        self.dir.mkdir()
        os.chown(self.dir, self.user.pw_uid, self.user.pw_gid)
        self.words = []  # more words for the server's command line, from its next start on
        self.ports = []
        self.port = port or self.new_port()
        self.process = None

    def new_port(self):
        """A port for the server alone. No connection gets it as its own end while the server is away, since it lies below those
        that the kernel hands out."""
        first = 20000 + 20 * len(getattr(self.run, "server_ports", []))
        port = next(p for p in range(first, 32000) if self.free(p))
        self.run.server_ports = getattr(self.run, "server_ports", []) + [port]
        self.ports.append(port)
        return port

    def free(self, port):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((self.host, port))
                s.listen()
            except OSError:
                return False
            return True

    def as_user(self, *words, **more):
        return subprocess.Popen([str(w) for w in words], user=self.user.pw_uid, group=self.user.pw_gid, extra_groups=[],
                                cwd=self.dir, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
                                env={**self.run.env, "HOME": str(self.dir)}, **more)

    def prepare(self, *words):
        """Runs what makes the server's data, to its end."""
        status = self.as_user(*words).wait(180)
        assert status == 0, f"{words[0]} ended with {status}\n{self.says()}"

    @property
    def log(self):
        return (self.dir / "server.log").open("ab")

    def log_files(self):
        return [self.dir / "server.log"]

    def says(self):
        """What the server has written last, for a case that fails."""
        return "".join(f"--- {p}\n{p.read_text(errors='replace')[-3000:]}\n" for p in self.log_files() if p.exists())

    def start(self):
        """Starts it, and again if it ends before it answers."""
        for n in range(self.LAUNCHES):
            self.process = self.launch()
            self.run.helpers = getattr(self.run, "helpers", []) + [self.process]
            try:
                self.run.wait(lambda: self.process.poll() is not None or self.answers(), f"the server in {self.dir} to answer", 200)
            except AssertionError as late:
                raise AssertionError(f"{late}\n{self.says()}") from None
            if self.process.poll() is None:
                return self
            print(f"launch {n + 1} of the server in {self.dir} ended with {self.process.returncode}\n{self.says()}")
            self.gone(_family(self.process.pid))
        raise AssertionError(f"the server in {self.dir} does not start:\n{self.says()}")

    def kill(self):
        """As a machine that fails: at once, with all its children. Nothing is left that would keep a new server from starting. What it
        had not written down is forgotten, such as the acknowledgements of messages that were taken from a broker."""
        _signal([self.process.pid], signal.SIGSTOP)  # it starts no more of them
        family = _family(self.process.pid)
        _signal(family, signal.SIGKILL)
        self.process.wait()
        self.gone(family)

    def gone(self, family):
        """Waits until nothing is left of the processes, what they have started since included, and all ports are free."""

        def none_left():
            now = _processes()
            left = {p for p in family | _family(self.process.pid) if now.get(p, (0, 0, "Z"))[2] not in "ZX"}
            _signal(left, signal.SIGKILL)
            return not left and all(map(self.free, self.ports))

        self.run.wait(none_left, f"the server in {self.dir} to be gone", 30)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(200)


class Postgres(Server):
    def __init__(self, run, **more):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        if not found:
            run.skip("PostgreSQL is not installed")
        self.bin = found[-1].parent
        super().__init__(run, "postgres", "pg", **more)
        self.prepare(self.bin / "initdb", "-D", "d", "-A", "scram-sha-256", "-U", "pmacct", "--pwfile", self.password(), "--no-sync")
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
        return self.as_user(self.bin / "postgres", "-D", "d", "-p", self.port, "-c", f"listen_addresses={self.host}",
                            "-k", self.dir, "-c", "fsync=off", *self.words)

    def psql(self, text, database):
        return subprocess.run(["psql", "-h", self.host, "-p", str(self.port), "-U", "pmacct", "-d", database, "-XAtqc", text],
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
    def __init__(self, run, **more):
        run.need("mariadbd")
        super().__init__(run, "mysql", "my", **more)
        self.prepare("mariadb-install-db", "--no-defaults", f"--datadir={self.dir}/d", f"--tmpdir={self.dir}", "--auth-root-authentication-method=normal",
                     "--skip-test-db")
        self.start()
        for host in ("127.0.0.1", "localhost"):
            self.ask(f"CREATE USER pmacct@'{host}' IDENTIFIED BY 'arealsmartpwd'", database="mysql")
            self.ask(f"GRANT ALL ON pmacct.* TO pmacct@'{host}'", database="mysql")
        self.ask("CREATE DATABASE pmacct", database="mysql")

    def launch(self):
        # temporary files have the process's number in their names, which is the same in other cases
        return self.as_user("mariadbd", "--no-defaults", f"--datadir={self.dir}/d", f"--tmpdir={self.dir}", f"--socket={self.dir}/s.sock",
                            f"--pid-file={self.dir}/pid", f"--bind-address={self.host}", f"--port={self.port}",
                            "--innodb-flush-log-at-trx-commit=2", *self.words)

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


class RabbitMQ(Server):
    """Its client is that of amqp-tools. settings: further lines of its rabbitmq.conf."""

    def __init__(self, run, settings=""):
        self.bin = pathlib.Path("/usr/lib/rabbitmq/bin")
        if not (self.bin / "rabbitmq-server").exists():
            run.skip("RabbitMQ is not installed")
        for program in ("amqp-declare-queue", "amqp-consume", "epmd"):
            run.need(program)
        super().__init__(run, "rabbitmq", "mq")
        self.names = self.new_port()
        self.ports.remove(self.names)  # epmd stays when the server is killed
        (self.dir / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\nloopback_users.guest = false\n"
                                                "distribution.listener.interface = 127.0.0.1\n" + settings)
        (self.dir / "enabled_plugins").write_text("[].\n")
        run.env = {**run.env, "RABBITMQ_NODENAME": "pm@localhost", "RABBITMQ_CONFIG_FILE": str(self.dir / "rabbitmq.conf"),
                   "RABBITMQ_MNESIA_BASE": str(self.dir / "db"), "RABBITMQ_LOG_BASE": str(self.dir / "log"),
                   "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.dir / "enabled_plugins"),
                   "RABBITMQ_DIST_PORT": str(self.new_port()), "ERL_EPMD_ADDRESS": "127.0.0.1",
                   "ERL_EPMD_PORT": str(self.names)}
        run.helpers = getattr(run, "helpers", []) + [self.as_user("epmd", "-address", "127.0.0.1", "-port", self.names)]
        self.start()

    def launch(self):
        return self.as_user(self.bin / "rabbitmq-server")

    def log_files(self):
        return [self.dir / "server.log", *(self.dir / "log").glob("*.log")]

    def gone(self, family):
        """The name of the node has to be free too; epmd, which is not the server's, takes a moment to see that it is gone."""
        super().gone(family)
        self.run.wait(lambda: "name pm " not in self.run.call("epmd", "-port", self.names, "-names", expect=None), "the node's name to be free", 30)

    def ctl(self, *words):
        return subprocess.run([str(self.bin / "rabbitmqctl"), "-q", *words], user=self.user.pw_uid, group=self.user.pw_gid,
                              extra_groups=[], cwd=self.dir, capture_output=True, text=True, env={**self.run.env, "HOME": str(self.dir)})

    def answers(self):
        try:
            return self.tool("amqp-declare-queue", "-q", "probe", seconds=30).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def tool(self, program, *words, seconds=60):
        return subprocess.run([program, "-s", "127.0.0.1", "--port", str(self.port), *map(str, words)], capture_output=True, text=True,
                              timeout=seconds)

    def queue(self, name, exchange, key):
        """A queue that outlives the server, bound to an exchange that exists."""
        queue = {"name": name, "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
        binding = {"source": exchange, "vhost": "/", "destination": name, "destination_type": "queue", "routing_key": key, "arguments": {}}
        path = self.dir / f"{name}.json"
        path.write_text(json.dumps({"queues": [queue], "bindings": [binding]}))
        path.chmod(0o644)
        done = self.ctl("import_definitions", str(path))
        assert done.returncode == 0, done.stdout + done.stderr

    def length(self, name):
        for line in self.ctl("list_queues", "name", "messages").stdout.splitlines():
            if line.split("\t")[0] == name:
                return int(line.split("\t")[1])
        return None

    def take(self, name, n):
        """n messages of JSON, in order."""
        done = self.tool("amqp-consume", "-q", name, "-A", "-c", n, "cat", seconds=60 + n / 10)  # it runs a program for each
        assert done.returncode == 0, done.stderr
        rows, at, text = [], 0, done.stdout.rstrip()
        while at < len(text):
            row, at = json.JSONDecoder().raw_decode(text, at)
            while text[at:at + 1].isspace():
                at += 1
            rows.append(row)
        return rows


class Kcat:
    """Reading, by a client that is not ours: kcat."""

    def raw(self, topic, form):
        return self.run.call("kcat", "-C", "-b", self.broker, "-t", topic, "-o", "beginning", "-e", "-q", "-f", form,
                             "-X", "check.crcs=true")

    def read(self, topic, form="%s\n"):
        return self.raw(topic, form).splitlines()

    def messages(self, topic, form="%s"):
        """Each message as it is, newlines included."""
        return self.raw(topic, form + "\x01").split("\x01")[:-1]

    def rows(self, topic):
        return [json.loads(line) for line in self.read(topic) if line]


class MockKafka(Kcat):
    """The mock cluster of librdkafka: not a Kafka server."""

    real = False

    def __init__(self, run, *topics):
        if not run.has("tests/system/kafkamock"):
            run.skip("built without librdkafka")
        run.need("kcat")
        self.run = run
        self.process = subprocess.Popen([run.build / "tests/system/kafkamock", *topics], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=run.env,
                                        text=True)
        run.helpers = getattr(run, "helpers", []) + [self.process]
        self.broker = self.process.stdout.readline().strip()
        print(f"Kafka: the mock cluster of librdkafka at {self.broker}, read with kcat")

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n"

    def freeze(self):
        self.tell("down")

    def kill(self):
        self.tell("down")

    def start(self):
        self.tell("up")

    def thaw(self):
        self.tell("up")


class Kafka(Kcat):
    """Apache Kafka, one node that is broker and controller, from its archives in build/kafka (./dev deps)."""

    real = True
    archives = pathlib.Path(os.environ.get("PMACCT_KAFKA") or pathlib.Path(__file__).resolve().parents[2] / "build" / "kafka")

    def __init__(self, run, *topics, port=None, **settings):
        for program in ("java", "kcat"):
            run.need(program)
        self.run, self.dir = run, run.dir / "kafka"
        self.dir.mkdir()
        self.port, control = port or run.port(socket.SOCK_STREAM), run.port(socket.SOCK_STREAM)
        self.broker = f"127.0.0.1:{self.port}"
        lines = {"process.roles": "broker,controller", "node.id": 1, "controller.listener.names": "CONTROLLER",
                 "listeners": f"PLAINTEXT://{self.broker},CONTROLLER://127.0.0.1:{control}",
                 "advertised.listeners": f"PLAINTEXT://{self.broker}", "controller.quorum.voters": f"1@127.0.0.1:{control}",
                 "log.dirs": self.dir / "data", "num.partitions": 4, "auto.create.topics.enable": "false",
                 "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 1,
                 "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
                 "group.initial.rebalance.delay.ms": 0,
                 **{name.replace("_", "."): value for name, value in settings.items()}}
        (self.dir / "server.properties").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        done = self.java("kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", self.dir / "server.properties").wait(120)
        assert done == 0, (self.dir / "server.log").read_text()
        self.start()
        print(f"Kafka: Apache Kafka at {self.broker}, read with kcat")
        for topic in topics:
            self.create(topic)

    def java(self, *words):
        with (self.dir / "server.log").open("ab") as log:
            return subprocess.Popen(["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{self.archives}/*",
                                     *map(str, words)], cwd=self.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.run.env)

    def answers(self):
        return subprocess.run(["kcat", "-L", "-b", self.broker, "-m", "2"], capture_output=True).returncode == 0

    def start(self):
        self.process = self.java("kafka.Kafka", self.dir / "server.properties")
        self.run.helpers = getattr(self.run, "helpers", []) + [self.process]
        self.run.wait(self.answers, "Apache Kafka to answer", 200)

    def freeze(self):
        """Takes what the kernel takes for it, and says nothing any more."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def create(self, topic, partitions=4, **settings):
        words = [f"{name.replace('_', '.')}={value}" for name, value in settings.items()]
        self.run.run_program("tests/system/kafkactl", self.broker, topic, partitions, *words)


def real_kafka():
    return bool(shutil.which("java") and list(Kafka.archives.glob("kafka_*.jar")))


def kafka(run, *topics, **settings):
    """A real Kafka where there is Java and ./dev deps could fetch the archives, else the mock cluster."""
    if not run.has("tests/system/kafkactl"):
        run.skip("built without librdkafka")
    return Kafka(run, *topics, **settings) if real_kafka() else MockKafka(run, *topics)


class OpenSearch:
    """One node of it at 127.0.0.1:9200, from its archives in build/opensearch (./dev deps opensearch)."""

    archives = pathlib.Path(os.environ.get("PMACCT_OPENSEARCH") or pathlib.Path(__file__).resolve().parents[2] / "build" / "opensearch")

    def __init__(self, run):
        run.need("java")
        if not self.archives.is_dir():
            run.skip("no OpenSearch: ./dev deps opensearch fetches it")
        with (run.dir / "opensearch.log").open("wb") as log:
            self.process = subprocess.Popen(["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{self.archives}/*",
                                             "org.codelibs.opensearch.runner.OpenSearchRunner", "-basePath", run.dir / "opensearch", "-numOfNode", "1",
                                             "-baseHttpPort", "9199"], cwd=run.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=run.env)
        run.helpers = getattr(run, "helpers", []) + [self.process]
        run.wait(self.answers, "OpenSearch to answer", 120)

    @staticmethod
    def answers():
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            return s.connect_ex(("127.0.0.1", 9200)) == 0


class Redis(Server):
    """With a password; nothing is written to disk."""

    def __init__(self, run, **more):
        run.need("redis-server")
        super().__init__(run, "redis", "redis", **more)
        self.start()

    def launch(self):
        return self.as_user("redis-server", "--port", self.port, "--bind", self.host, "--dir", self.dir, "--save", "", "--appendonly", "no",
                            "--requirepass", "arealsmartpwd", *self.words)

    def talk(self, *commands):
        """Commands in one line each, after the password; what is said to them."""
        with socket.create_connection((self.host, self.port), 5) as s:
            said = s.makefile("rb")
            for command in ("AUTH arealsmartpwd", *commands):
                s.sendall(command.encode() + b"\r\n")
                line = said.readline()
                if line[:1] == b"*":
                    yield [said.read(int(said.readline()[1:]) + 2)[:-2].decode() for _ in range(int(line[1:]))]
                elif line[:1] == b"$" and line[1:2] != b"-":
                    yield said.read(int(line[1:]) + 2)[:-2].decode()
                else:
                    yield line.decode().strip()

    def answers(self):
        try:
            return list(self.talk("PING"))[-1] == "+PONG"
        except (OSError, IndexError):
            return False

    def keys(self):
        """{key: value}"""
        names = list(self.talk("SELECT 3", "KEYS *"))[-1]
        return {name: list(self.talk("SELECT 3", f'GET "{name}"'))[-1] for name in names}
