# SPDX-License-Identifier: BSD-2-Clause
"""web_listen: its answers are what pmacct says, and so is what the page shows; it is let in who may."""
import collections
import json
import socket
import urllib.error
import urllib.parse
import urllib.request

import netflow
from browser import Browser

CONFIG = """
    plugins: memory[in]
    aggregate: src_host, dst_host, src_port, dst_port, proto, tos, flows
    imt_path[in]: @DIR@/m.sock
    web_listen[in]: 127.0.0.1:@WEB@
"""
COUNTERS = ("packets", "bytes", "flows")


def get(run, path, token=None, host=None, **args):
    url = f"http://127.0.0.1:{run.web}{path}" + ("?" + urllib.parse.urlencode(args) if args else "")
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", "Bearer " + token)
    if host:
        request.add_header("Host", host)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def status_of(run, path, **how):
    try:
        get(run, path, **how)
    except urllib.error.HTTPError as e:
        text = e.read().decode()
        return e.code, json.loads(text)["error"] if text.startswith("{") else text
    return 200, ""


def collector(run, more="", count=0):
    run.web = run.port(socket.SOCK_STREAM)
    d, port = run.nfacctd(CONFIG.replace("@WEB@", str(run.web)) + more)
    d.wait_log(r"web_listen: waiting for requests")
    if count:
        run.send(port, netflow.v5(netflow.flows(count), 1700000000))
        run.wait(lambda: get(run, "/api/v1/status")["entries"] == count, f"{count} aggregates", 60)
    return d, port


def sums(rows, fields):
    found = collections.defaultdict(lambda: [0, 0, 0])
    for row in rows:
        one = found[tuple(row[f] for f in fields)]
        for i, c in enumerate(COUNTERS):
            one[i] += row[c]
    return found


def test_web_api(run):
    """Sums by any columns, filters, order, pages: each the same as of the rows that pmacct prints."""
    collector(run, count=600)
    rows = run.client_json("-s")
    status = get(run, "/api/v1/status")
    json_of = {f["name"]: f["json"] for f in status["fields"]}
    assert set(json_of.values()) | set(COUNTERS) == set(rows[0]), status
    got = get(run, "/api/v1/top", by="*;src_host;dst_port,proto", limit=1000)
    assert got["total"] == {c: sum(r[c] for r in rows) for c in COUNTERS} and got["matched"] == got["entries"] == 600
    assert sorted(map(str, got["tops"][0]["rows"])) == sorted(str({k: r[k] for k in got["tops"][0]["rows"][0]}) for r in rows)
    for top, names in zip(got["tops"][1:], (["src_host"], ["dst_port", "proto"])):
        fields = [json_of[n] for n in names]
        want = sums(rows, fields)
        assert top["by"] == names and top["groups"] == len(top["rows"]) == len(want)
        assert {tuple(r[f] for f in fields): [r[c] for c in COUNTERS] for r in top["rows"]} == want
    for sort in COUNTERS:
        pages = [get(run, "/api/v1/top", by="src_host,src_port", sort=sort, limit=50, offset=at)["tops"][0]["rows"] for at in (0, 50, 100)]
        values = [r[sort] for page in pages for r in page]
        assert values == sorted((s[COUNTERS.index(sort)] for s in sums(rows, ["ip_src", "port_src"]).values()), reverse=True)[:150]
        keys = [(r["ip_src"], r["port_src"]) for page in pages for r in page]
        assert len(set(keys)) == len(keys)
    one = rows[7]
    got = get(run, "/api/v1/top", by="dst_host", limit=1000, where=f"src_host={one['ip_src']}\x1fproto={one['ip_proto']}")
    want = [r for r in rows if r["ip_src"] == one["ip_src"] and r["ip_proto"] == one["ip_proto"]]
    assert got["matched"] == len(want) and got["total"]["bytes"] == sum(r["bytes"] for r in want)
    for args, why in (({"by": "nothing"}, "no field 'nothing'"), ({"sort": "x"}, "sort:"), ({"limit": "9999", "offset": "9999"}, "offset and limit"), ({"where": "x=1"}, "where:"),
                      ({"window": "x"}, "window:"), ({"by": ";".join(["proto"] * 17)}, "ways are the most")):
        code, text = status_of(run, "/api/v1/top", **args)
        assert code == 400 and why in text, (args, code, text)


def test_web_window(run):
    """What came in the last minute is the difference to what was there before; an erase begins anew."""
    _, port = collector(run)
    run.send(port, netflow.v5(netflow.flows(60), 1700000000))
    run.wait(lambda: len(run.client_json("-s")) == 60, "60 aggregates")
    assert get(run, "/api/v1/top", by="proto")["total"]["flows"] == 60  # the first question begins the minute
    run.wait(lambda: get(run, "/api/v1/top", by="proto", window="minute")["window_s"], "a mark")
    before = get(run, "/api/v1/top", by="*", limit=1000)
    minute = get(run, "/api/v1/top", by="*", limit=1000, window="minute")
    assert minute["matched"] == 0 and minute["tops"][0]["rows"] == [], minute
    run.send(port, netflow.v5(netflow.flows(60)[:30] + netflow.flows(90)[60:], 1700000000))
    run.wait(lambda: get(run, "/api/v1/status")["entries"] == 90, "90 aggregates")
    now = get(run, "/api/v1/top", by="*", limit=1000)
    minute = get(run, "/api/v1/top", by="*", limit=1000, window="minute")
    assert minute["matched"] == 60
    for c in COUNTERS:
        assert minute["total"][c] == now["total"][c] - before["total"][c] > 0
    run.wait(lambda: sum(get(run, "/api/v1/history")["packets"]) == get(run, "/api/v1/history")["packets_total"] == now["total"]["packets"], "the seconds to hold all")
    run.client("-e")
    assert get(run, "/api/v1/top", by="*", window="minute")["matched"] == 0


def test_web_access(run):
    """A token where others can reach it; the page itself and nothing else without; no other site may ask."""
    (run.dir / "token").write_text("a-long-secret\n")
    collector(run, "web_token_file: @DIR@/token\n")
    page = urllib.request.urlopen(f"http://127.0.0.1:{run.web}/", timeout=20)
    assert b"<title>" in page.read() and "default-src 'none'" in page.headers["Content-Security-Policy"]
    for path in ("/api/v1/status", "/api/v1/top", "/api/v1/history", "/api/v1/health"):
        assert status_of(run, path)[0] == 401 and status_of(run, path, token="a-long-secreT")[0] == 401
        assert status_of(run, path, token="a-long-secret")[0] == 200
    assert status_of(run, "/api/v1/other", token="a-long-secret")[0] == 404
    collector(run, "")
    assert status_of(run, "/api/v1/status", host="rebound.example.com")[0] == 403
    for listen, more, why in (("0.0.0.0:8080", "", "set web_token_file"), ("0.0.0.0:8080", "web_token: short\n", "8 characters"), ("nowhere", "", "names no port")):
        run.run_program("nfacctd", "--check-config", "-f", run.config(f"plugins: memory\nweb_listen: {listen}\n{more}", "bad.conf"), expect=1)
        assert "bad.conf:2: web_" in run.stderr and why in run.stderr, run.stderr


def test_web_health(run):
    """The page is told what the whole daemon counts."""
    _, port = collector(run)
    run.send(port, [*netflow.v5(netflow.flows(30), 1700000000, sequence=0), *netflow.v5(netflow.flows(30), 1700000000, sequence=99)])

    def figure(name, **labels):
        return [f["value"] for f in get(run, "/api/v1/health")["figures"] if f["name"] == "pmacct_" + name and labels.items() <= f["labels"].items()]
    run.wait(lambda: figure("exporter_sequence_lost_total", exporter="127.0.0.1") == [69], "the gap", 20)
    run.wait(lambda: figure("plugin_records_total", plugin="in", stage="taken") == [60] and figure("exporters") == [1], "the ledger", 20)


def text_of_number(n):
    return f"{n:,}".replace(",", "\u202f")


def test_web_page(run):
    """The page in a browser: what it shows is what pmacct says; a click looks closer; keys; nothing from elsewhere, no complaints."""
    collector(run, count=300)
    rows = run.client_json("-s")
    b = Browser(run)
    try:
        b.open(f"http://127.0.0.1:{run.web}/#window=all&by=src_host")
        b.wait("document.querySelectorAll('#tbody tr').length > 0 && document.querySelectorAll('.panel').length > 3 && document.getElementById('k-health').textContent !== '–'", "the page")
        want = sorted(sums(rows, ["ip_src"]).items(), key=lambda kv: -kv[1][1])
        shown = b.js("[...document.querySelectorAll('#tbody tr')].map(r => [...r.cells].map(c => c.textContent))")
        assert [r[1] for r in shown] == [text_of_number(s[1]) for _, s in want[:15]], (shown, want[:15])
        assert {r[0]: r[1:4] for r in shown}.items() <= {k[0]: [text_of_number(s[1]), text_of_number(s[0]), text_of_number(s[2])] for k, s in want}.items()
        assert b.js("document.getElementById('pages').textContent") == f"1–{len(shown)} of {len(want)}"
        host = shown[0][0]
        b.js(f"[...document.querySelectorAll('#tbody button')].find(e => e.textContent === '{host}').click()")
        b.wait(f"document.getElementById('chips').textContent.includes('{host}') && JSON.parse(document.body.dataset.table || '{{}}').where === 'src_host={host}'", "the filter")
        mine = [r for r in rows if r["ip_src"] == host]
        b.wait(f"document.getElementById('pages').textContent.endsWith(' of {len(mine)}')", "the host's rows alone")
        b.key("p")
        b.wait("document.querySelector('th[aria-sort]').textContent === 'Packets'", "the order by packets")
        first = b.js("[...document.querySelector('#tbody tr').cells].map(c => c.textContent)")
        assert text_of_number(max(r["packets"] for r in mine)) in first, first
        b.key("Escape")
        b.wait("document.getElementById('chips').textContent === ''", "no filter")
        b.js("window.history.back()")
        b.wait(f"document.getElementById('chips').textContent.includes('{host}')", "the filter again, by going back")
        nameless = b.js("[...document.querySelectorAll('button, select, input')].filter(e => !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).length")
        assert nameless == 0
        for dark in (False, True):
            b.dark(dark)
            low = b.js(CONTRAST)
            assert not low, low
        assert not b.complaints(), b.complaints()
        assert all(u.startswith((f"http://127.0.0.1:{run.web}/", "data:", "about:")) for u in b.requests()), b.requests()
    finally:
        b.close()


# Rows of panels that end before their container does.
GAPS = """(() => {
  const rows = new Map(), end = document.getElementById('panels').getBoundingClientRect().right;
  for (const p of document.querySelectorAll('.panel')) { const r = p.getBoundingClientRect(); rows.set(r.top, Math.max(rows.get(r.top) || 0, r.right)); }
  return [...rows.values()].filter(right => Math.abs(right - end) > 1);
})()"""


def test_web_layout(run):
    """Before there is traffic the page says where it would have to come; then no gap, and nothing wider than the window, however wide that is."""
    _, port = collector(run)
    b = Browser(run)
    try:
        b.open(f"http://127.0.0.1:{run.web}/")
        b.wait(f"document.getElementById('hello')?.offsetHeight && document.getElementById('hello-where').textContent === 'nfacctd reads udp 127.0.0.1:{port}.'", "the place")
        assert not b.js("document.getElementById('panels').offsetHeight")
        run.send(port, netflow.v5(netflow.flows(60), 1700000000))
        b.wait("document.getElementById('hello').hidden && document.querySelectorAll('.panel .row').length > 10", "the panels")
        for width in (1600, 1280, 1000, 820, 600, 390, 320):
            b.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            assert not b.js(GAPS), (width, b.js(GAPS))
            assert b.js("document.documentElement.scrollWidth") <= width, width
        assert not b.complaints(), b.complaints()
    finally:
        b.close()


# WCAG 2.1, 1.4.3: texts whose contrast is below 4.5:1
CONTRAST = """(() => {
  const rgb = t => { const m = t.match(/[\\d.]+/g).map(Number); if (t.startsWith('color(')) m.splice(0, 3, ...m.slice(0, 3).map(v => v * 255)); return m.length > 3 ? m : [...m, 1]; };
  const lum = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] > .8) return c.slice(0, 3); } return [255, 255, 255]; };
  return [...document.querySelectorAll('h1, h2, p, td, th, dt, dd, small, span, button')].filter(e => e.offsetParent && !e.classList.contains('away') && !e.disabled && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .map(e => { const a = lum(rgb(getComputedStyle(e).color).slice(0, 3)), b = lum(back(e)); return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.outerHTML.slice(0, 90)]; }).filter(x => x[0] < 4.5);
})()"""


def test_web_large(run):
    """100,000 aggregates: the page answers at once, no task of its own takes long, and counting goes on meanwhile."""
    _, port = collector(run)
    made = json.loads(run.call(run.build / "bench/flowgen", "-p", "v5", "-t", f"127.0.0.1:{port}", "-c", "200000", "-k", "120000", "-C", seconds=100))
    run.wait(lambda: get(run, "/api/v1/history")["records_total"] >= 200000, f"all of {made}", 60)
    n = get(run, "/api/v1/status")["entries"]
    assert n > 90000, (n, made)
    got = get(run, "/api/v1/top", by="*;src_host;dst_host;proto;src_port", limit=10)
    assert got["entries"] == n and got["tops"][0]["groups"] == n
    b = Browser(run)
    try:
        b.open(f"http://127.0.0.1:{run.web}/#window=all")
        b.wait("document.querySelectorAll('#tbody tr').length === 15", "the page")
        b.js("window.long = []; new PerformanceObserver(l => l.getEntries().forEach(e => long.push(Math.round(e.duration)))).observe({ type: 'longtask' }); 0")
        for _ in range(3):
            before = b.js("document.getElementById('pages').textContent")
            b.js("document.getElementById('next').click()")
            b.wait(f"document.getElementById('pages').textContent !== '{before}'", "the next page")
        b.js("document.querySelector('.panel .row').click()")
        b.wait("document.getElementById('chips').textContent !== ''", "a filter")
        longest = max(b.js("window.long") or [0])
        assert longest < 250 * run.patience, longest
        assert not b.complaints(), b.complaints()
    finally:
        b.close()
