# SPDX-License-Identifier: BSD-2-Clause
"""BMP to Kafka and to a file at once: a broker that is away for a while slows routers down, and nothing is lost."""
import re
import threading
import time

import bmp
import servers
from test_bmp import pmbmpd

COUNT, EACH = 150000, 250


def test_broker_away(run):
    cluster = servers.kafka(run, "routes")
    d, port = pmbmpd(run, f"""
        bmp_daemon_msglog_kafka_topic: routes
        bmp_daemon_msglog_kafka_broker_host: {cluster.broker}""")
    head, sent = bmp.peer(), threading.Event()
    router = bmp.Router(port, first=bmp.init() + bmp.peer_up())
    run.wait(lambda: len(cluster.rows("routes")) == 3, "the first messages", 30)
    # A broker that has not said anything for half a minute is waited for no longer: all is made beforehand.
    stream = b"".join(bmp.routes(head, announce=[f"10.{k >> 16 & 255}.{k >> 8 & 255}.{k & 255}/32" for k in range(i, i + EACH)])
                      for i in range(0, COUNT, EACH))
    cluster.freeze()
    frozen = time.monotonic()

    def send():
        router.say(stream)
        sent.set()

    threading.Thread(target=send).start()
    seen = []

    def announced():
        seen.extend(int(n) for n in re.findall(r"router=127\.0\.0\.1:\d+ octets=\d+ .*announced=(\d+)", d.ask()))
        return seen[-1]

    run.wait(lambda: announced() == seen[-3:][0] == seen[-2:][0] > 0 and len(seen) > 2, "the station to stop reading")
    assert seen[-1] < COUNT, "more is kept than there is room for"
    cluster.thaw()
    frozen = time.monotonic() - frozen
    run.wait(sent.is_set, "the router to have sent all", 200)
    run.wait(lambda: announced() == COUNT, "all to be read", 200)
    d.stop()
    lost = max(map(int, re.findall(r"sink=kafka written=\d+ lost=(\d+)", d.text()))) + sum(map(int, re.findall(r"(\d+) messages more are lost", d.text())))
    assert not lost or frozen > 30, (lost, frozen, d.text())
    assert not d.said(r"sink=file written=\d+ lost=[1-9]")
    told = [line for line in (run.dir / "log.json").read_text().splitlines() if '"update"' in line]
    assert len(told) == COUNT
    sent_on = [line for line in cluster.read("routes") if '"update"' in line]
    assert len(set(sent_on)) == len(sent_on) == COUNT - lost and set(sent_on) <= set(told), "the same lines in both"
