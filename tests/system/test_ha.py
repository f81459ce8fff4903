# SPDX-License-Identifier: BSD-2-Clause
"""Two daemons of which one writes: a real Redis tells them apart, kill -9 takes the active one away."""
import json
import os
import signal
import socket
import threading
import time

import bgp
import bmp
import servers
from bgp import Speaker, announcements, attributes, find, lines

CLUSTER = """
    bgp_daemon_ha: true
    bgp_daemon_ha_cluster_name: routes [1]*
    bgp_daemon_ha_cluster_id: 7
    redis_db: 3
    redis_passwd: arealsmartpwd
    """


class Member:
    """A pmbgpd of the cluster and a neighbour that talks to it."""

    def __init__(self, run, name, redis, more=""):
        self.run, self.name = run, name
        self.daemon, self.port = bgp.pmbgpd(run, f"bgp_daemon_msglog_file: @DIR@/log-{name}\ncore_proc_name: {name}\nredis_host: 127.0.0.1:{redis.port}\n{CLUSTER}{more}")
        self.turns = 0

    def meet(self):
        self.speaker = Speaker(self.run, self.port).meet()
        return self

    def says(self, what, seconds=10):
        """Waits until its state has changed once more, and that is so."""
        self.turns += 1
        self.daemon.wait_log(r"INFO .*HA: (active|standing by)", seconds, self.turns)
        last = [line for line in self.daemon.text().splitlines() if "HA: active" in line or "HA: standing by" in line][self.turns - 1]
        assert what in last, self.daemon.text()

    def routes(self):
        if not (self.run.dir / f"log-{self.name}").exists():
            return []
        return [row["ip_prefix"] for row in find(lines(self.run, f"log-{self.name}"), log_type="update")]


def nets(first, n):
    return [f"10.{i // 256}.{i % 256}.0/24" for i in range(first, first + n)]


def both_say(members, prefixes):
    for m in members:
        m.speaker.send(announcements(prefixes, attributes()))


def pair(run, more=""):
    redis = servers.Redis(run)
    a = Member(run, "a", redis, more)
    a.says("active")
    b = Member(run, "b", redis, more)
    b.says("standing by")
    return redis, a.meet(), b.meet()


def test_ha_take_over(run):
    """The older one writes. Killed, the other one writes what it has kept: every route is there."""
    redis, a, b = pair(run)
    keys = redis.keys()
    assert sorted(keys) == [f"routes [1]*+7+{name}+ha_daemon_startup_time" for name in "ab"], keys
    assert int(keys[sorted(keys)[0]]) < int(keys[sorted(keys)[1]]) < time.time() * 1e6
    both_say((a, b), nets(0, 100))
    run.wait(lambda: len(a.routes()) == 100, "100 routes in the log of the active one")
    assert b.routes() == []
    both_say((b, a), nets(100, 100))
    os.killpg(a.daemon.pid, signal.SIGKILL)
    killed = time.monotonic()
    both_say((b,), nets(200, 100))
    b.says("active")
    took = time.monotonic() - killed
    print(f"took over after {took:.2f} s")
    assert took < 5
    run.wait(lambda: len(b.routes()) == 300, "300 routes in the log of the other one")
    assert b.routes() == nets(0, 300), "in order"
    both_say((b,), nets(300, 50))
    run.wait(lambda: b.routes()[300:] == nets(300, 50), "what came later")
    # the first one comes back: it is the younger one now
    again = Member(run, "a", redis)
    again.says("standing by")
    b.daemon.stop()
    again.says("active", 5)
    again.daemon.stop()
    assert redis.keys() == {}, "those that end take their keys back"


def test_ha_signals(run):
    """Forced to be active and to stand by, left to Redis again; the start is now."""
    redis, a, b = pair(run)
    for number, member, what in ((1, b, "active"), (3, b, "standing by"), (2, a, "standing by"), (3, a, "active")):
        member.daemon.send_signal(signal.SIGRTMIN + number)
        member.says(what)
    a.daemon.send_signal(signal.SIGRTMIN)
    b.says("active")
    a.says("standing by")
    both_say((a, b), nets(0, 10))
    run.wait(lambda: b.routes() == nets(0, 10), "routes in the log of b")
    assert a.routes() == []
    a.daemon.stop()
    b.daemon.stop()


def test_ha_without_redis(run):
    """Redis is killed: both are active; it comes back: one is. A wrong password is as good as none."""
    redis, a, b = pair(run)
    both_say((a, b), nets(0, 10))
    redis.kill()
    b.says("active")
    b.daemon.wait_log(r"WARN .*HA: Redis at 127.0.0.1:\d+: .*: active as long as it is away")
    run.wait(lambda: b.routes() == nets(0, 10), "what was kept")
    redis.start()
    b.says("standing by")
    assert "HA: Redis is back" in b.daemon.text()
    both_say((a, b), nets(10, 10))
    run.wait(lambda: a.routes() == nets(0, 20), "routes in the log of a")
    assert b.routes() == nets(0, 10)
    c = Member(run, "c", redis, "redis_passwd: wrong")
    c.says("active")
    c.daemon.wait_log("WARN .*HA: Redis at .*(WRONGPASS|invalid)")
    for m in (a, b, c):
        m.daemon.stop()


def test_ha_hung_redis(run):
    """A Redis that does not answer any more holds nobody up for long."""
    redis, a, b = pair(run)
    redis.process.send_signal(signal.SIGSTOP)
    b.says("active", 15)
    both_say((a, b), nets(0, 10))
    run.wait(lambda: a.routes() == b.routes() == nets(0, 10), "routes in both logs")
    redis.process.send_signal(signal.SIGCONT)
    b.says("standing by", 15)
    a.daemon.stop()
    b.daemon.stop()


def test_ha_queue(run):
    """No more than it was told, and for no longer; SIGUSR1 tells."""
    redis, a, b = pair(run, "bgp_daemon_ha_queue_max_size: 5\nbgp_daemon_ha_queue_message_timeout: 3\n")
    both_say((b,), nets(0, 20))

    def stat():
        seen = b.daemon.text().count("stats [HA]")
        b.daemon.send_signal(signal.SIGUSR1)
        line = b.daemon.wait_log(r"stats \[HA\] .*", count=seen + 1).group(0)
        return {k: v for k, v in (w.split("=") for w in line.split()[2:])}

    run.wait(lambda: int(stat()["lost"]) == 16, "the first 16 of 21 to go", 5)  # log_init is the first
    run.wait(lambda: stat()["too_old"] == "5", "the rest to be too old", 10)
    assert stat()["state"] == "standby" and stat()["redis"] == "there" and stat()["waiting"] == "0"
    a.daemon.stop()
    b.says("active", 5)
    b.daemon.stop()
    assert b.routes() == []


def test_ha_keys(run):
    """What it needs, said before anything starts; two of one name are told of."""
    for lines_, text in (("bgp_daemon_ha: true", "high availability needs redis_host"),
                         ("redis_host: 127.0.0.1:6379\nbgp_daemon_ha: true", "high availability needs bgp_daemon_ha_cluster_name")):
        path = run.config(lines_)
        run.run_program("pmbgpd", "--check-config", "-f", path, expect=1)
        if "this build has no" not in run.stderr:
            assert text in run.stderr, run.stderr
    redis = servers.Redis(run)
    a, b = Member(run, "x", redis), Member(run, "x", redis)
    b.daemon.wait_log("WARN .*HA: another daemon of the cluster is called 'x' too: core_proc_name has to differ")
    a.daemon.stop()
    b.daemon.stop()


def stations(run, redis):
    """Two pmbmpd of one cluster, and a router of each: a is active, b stands by."""
    members = {}
    for name in "ab":
        port = run.port(socket.SOCK_STREAM)
        d = run.daemon("pmbmpd", config=f"""
            bmp_daemon_ip: 127.0.0.1
            bmp_daemon_port: {port}
            bmp_daemon_msglog_file: @DIR@/log-{name}
            core_proc_name: {name}
            redis_host: 127.0.0.1:{redis.port}
            {CLUSTER.replace("bgp_", "bmp_")}""")
        d.wait_log("waiting for BMP data")
        d.wait_log("HA: active" if name == "a" else "HA: standing by")
        members[name] = (d, bmp.Router(port))
    return members


def test_ha_full_table(run, count=60000):
    """The active one is killed in the middle of a table: what stands in neither log is nothing, and what came since stands in the other's."""
    members = stations(run, servers.Redis(run))
    head, each = bmp.peer(), 100
    prefixes = [f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}/32" for i in range(count)]
    pieces = [bmp.routes(head, announce=prefixes[i:i + each]) for i in range(0, count, each)]
    half, killed = threading.Event(), threading.Event()

    def feed(name):
        router = members[name][1].say(bmp.init(), bmp.peer_up(head))
        for n, piece in enumerate(pieces):
            if n == len(pieces) // 2:
                half.set()
                killed.wait(20)
            try:
                router.say(piece)
            except OSError:
                return  # its station is dead

    threads = [threading.Thread(target=feed, args=name) for name in members]
    for thread in threads:
        thread.start()
    run.wait(half.is_set, "half of the table", 60)
    os.killpg(members["a"][0].pid, signal.SIGKILL)
    start = time.monotonic()
    killed.set()
    log = run.dir / "log-b"
    run.wait(lambda: log.exists() and log.stat().st_size, "the other one to write", 30)
    gap = time.monotonic() - start
    for thread in threads:
        thread.join()

    def told(name):
        rows = [json.loads(line) for line in (run.dir / f"log-{name}").read_text().splitlines() if line.endswith("}")]
        return [row["ip_prefix"] for row in rows if row.get("bmp_msg_type") == "route_monitor"]

    run.wait(lambda: log.read_text().count("route_monitor") >= count, "all of the table", 60)
    assert told("b") == prefixes, "each once and in order: all of it is younger than bmp_daemon_ha_queue_message_timeout"
    before = told("a")
    assert before == prefixes[:len(before)]
    print(f"    {count} routes; a wrote {len(before)}; b wrote {gap:.1f} s after the kill")
    members["b"][0].stop()


def test_ha_bmp(run):
    """The same for BMP; a collector with both has a key for each."""
    redis = servers.Redis(run)
    members = stations(run, redis)
    story = [bmp.init(), bmp.peer_up(), *(bmp.routes(announce=(net,)) for net in nets(0, 20))]
    for _, router in members.values():
        router.say(*story)

    def told(name):
        return [row["ip_prefix"] for row in lines(run, f"log-{name}") if row.get("bmp_msg_type") == "route_monitor"]

    run.wait(lambda: told("a") == nets(0, 20), "routes in the log of a")
    assert not told("b")
    os.killpg(members["a"][0].pid, signal.SIGKILL)
    members["b"][1].say(*(bmp.routes(announce=(net,)) for net in nets(20, 20)))
    members["b"][0].wait_log("HA: active")
    run.wait(lambda: told("b") == nets(0, 40), "routes in the log of b")
    members["b"][0].stop()
    d = run.daemon("nfacctd", config=f"""
        nfacctd_ip: 127.0.0.1
        nfacctd_port: {run.port()}
        plugins: print
        aggregate: src_host
        bgp_daemon: true
        bgp_daemon_ip: 127.0.0.1
        bgp_daemon_port: {run.port(socket.SOCK_STREAM)}
        bgp_daemon_msglog_file: @DIR@/log-bgp
        bmp_daemon: true
        bmp_daemon_ip: 127.0.0.1
        bmp_daemon_port: {run.port(socket.SOCK_STREAM)}
        bmp_daemon_msglog_file: @DIR@/log-bmp
        redis_host: 127.0.0.1:{redis.port}
        {CLUSTER}""")
    d.wait_log("HA: active", count=2)
    run.wait(lambda: {key.split("+")[-1] for key in redis.keys() if "+default+" in key} == {"ha_daemon_startup_time", "ha_bmp_thread_startup_time"}, "its keys")
    d.stop()
    assert not d.said("standing by") and not d.said("is called"), d.text()


def test_alive(run):
    """cluster_name: each process's keys are there as long as it is, and for three seconds more when it was killed."""
    redis = servers.Redis(run)
    common = f"redis_host: 127.0.0.1:{redis.port}\nredis_db: 3\nredis_passwd: arealsmartpwd\ncluster_name: pm\n"
    collector, _ = run.nfacctd(f"{common}cluster_id: 1\ncore_proc_name: in\nplugins: print[p]\naggregate: src_host\n")
    router, _ = bgp.pmbgpd(run, f"{common}cluster_id: 2\n")
    both = {"pm+1+daemon_type": "nfacctd", "pm+1+process+in+core": "alive", "pm+1+process+p+print": "alive", "pm+2+daemon_type": "pmbgpd", "pm+2+process+default+core": "alive"}
    run.wait(lambda: redis.keys() == both, "the keys of both")
    os.killpg(router.pid, signal.SIGKILL)
    run.wait(lambda: sorted(redis.keys()) == ["pm+1+daemon_type", "pm+1+process+in+core", "pm+1+process+p+print"], "those of one to expire", 5)
    redis.kill()
    for process in ("in/core/redis", "p/print/redis"):
        collector.wait_log(rf"WARN \( {process} \): Can't connect to redis server: .*: nobody sees there that this process is alive")
    redis.start()
    run.wait(lambda: len(redis.keys()) == 3, "its keys to be back")
    collector.stop()
    assert redis.keys() == {}
