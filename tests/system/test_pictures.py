# SPDX-License-Identifier: BSD-2-Clause
"""The pictures of the live page in docs/ (light and dark), and some to look at, made anew by
    PMACCT_PICTURES=FOLDER tests/system/run.py --build build/plain -k pictures
The page of a collector that four routers have sent flows to for a good minute; before it has any, in a narrow window, and with filters too."""
import os
import pathlib
import random
import socket
import threading
import time

import netflow
from browser import Browser

PORTS = ((443, 17, 9), (443, 6, 6), (80, 6, 2), (53, 17, 2), (22, 6, 1), (5060, 17, 1), (8443, 6, 1), (51820, 17, 2), (993, 6, 1), (123, 17, 1))
NETS = (("203.0.113", 64511, 60), ("198.51.100", 64496, 80), ("192.0.2", 64510, 40))
SECONDS, HEIGHT = 75, 1540


def host(chance):
    """Few have much, many a little."""
    net, asn, many = chance.choices(NETS, (5, 3, 2))[0]
    return f"{net}.{min(many, 1 + int(chance.expovariate(0.12)))}", asn


def made(chance, second):
    flows = []
    for _ in range(round(120 + 40 * chance.random() + second % 30)):
        (src, src_as), (dst, dst_as) = host(chance), host(chance)
        if src == dst:
            continue
        port, proto, _ = chance.choices(PORTS, [p[2] for p in PORTS])[0]
        packets = 1 + int(chance.paretovariate(1.1)) % 3000
        flows.append(netflow.flow(src=src, dst=dst, src_as=src_as, dst_as=dst_as, dport=port, proto=proto, packets=packets, bytes=packets * chance.choice((74, 420, 1200, 1380)),
                                  **{"in": chance.choice((1, 1, 1, 2, 7)), "out": chance.choice((3, 3, 4, 8))}))
    return flows


def ready(b):
    b.wait("document.querySelectorAll('.panel .row').length > 30 && document.querySelectorAll('#exporters td').length > 4 && document.getElementById('k-health').textContent !== '–'", "the page", 60)


def test_pictures(run):
    folder = os.environ.get("PMACCT_PICTURES")
    if not folder:
        run.skip("PMACCT_PICTURES names no folder for them")
    folder, web = pathlib.Path(folder).resolve(), run.port(socket.SOCK_STREAM)
    d, port = run.nfacctd(f"""
        plugins: memory[traffic]
        aggregate: src_host, dst_host, dst_port, proto, src_as, dst_as, in_iface, out_iface, flows
        imt_path: @DIR@/m.sock
        nfacctd_as: netflow
        web_listen: 127.0.0.1:{web}""")
    d.wait_log(r"web_listen: waiting for requests")
    b = Browser(run, width=1280, height=1000)
    try:
        b.open(f"http://127.0.0.1:{web}/#range=60")
        b.wait("document.querySelectorAll('.panel').length > 3 && document.getElementById('k-health').textContent !== '–'", "the page", 60)
        shoot(b, folder / "live-page-empty.png", 1280)
        chance, began = random.Random(1), time.monotonic()

        def send():
            sent = [0] * 4
            for second in range(SECONDS + 60):
                flows = made(chance, second)
                for n in range(4):
                    run.send(port, netflow.v5(flows[n::4], int(time.time()), sequence=sent[n], engine=n), source=f"127.0.0.{11 + n}")
                    sent[n] += len(flows[n::4])
                run.wait(lambda s=second: time.monotonic() >= began + s + 1, "the next second")

        threading.Thread(target=send, daemon=True).start()
        run.wait(lambda: time.monotonic() >= began + SECONDS, "a minute of flows", SECONDS + 60)
        ready(b)
        for name, dark in (("light", False), ("dark", True)):
            b.dark(dark)
            shoot(b, folder / f"live-page-{name}.png", 1280)
        for width in (820, 390):
            b.call("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=False)
            shoot(b, folder / f"live-page-{width}.png", width)
        b.call("Emulation.setDeviceMetricsOverride", width=1280, height=1000, deviceScaleFactor=1, mobile=False)
        b.dark(False)
        b.js("document.querySelector('.panel .row').click()")
        b.wait("document.getElementById('chips').textContent !== '' && JSON.parse(document.body.dataset.table || '{}').where", "a filter")
        shoot(b, folder / "live-page-filter.png", 1280)
        assert not b.complaints(), b.complaints()
    finally:
        b.close()


def shoot(b, path, width):
    b.js("new Promise(done => setTimeout(done, 800))")  # the bars grow to their length
    b.screenshot(path, width=width, height=min(HEIGHT, b.js("document.documentElement.scrollHeight")))


test_pictures.limit = 300
