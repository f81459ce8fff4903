# SPDX-License-Identifier: BSD-2-Clause
"""A headless Chromium, driven over its debugging pipe: JSON messages that end with a NUL, on descriptors 3 and 4."""
import base64
import fcntl
import json
import os
import select
import subprocess
import time


class Browser:
    def __init__(self, run, width=1360, height=1000):
        run.need("chromium")
        self.run, self.next, self.events, self.rest = run, 0, [], b""
        theirs_in, self.out = os.pipe()
        self.back, theirs_out = os.pipe()

        def place():  # whichever numbers the pipes have
            ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (theirs_in, theirs_out)]
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)
        words = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions", "--disable-dev-shm-usage",
                 "--disable-background-networking", f"--user-data-dir={run.dir}/chromium", f"--window-size={width},{height}", "--remote-debugging-pipe", "about:blank"]
        with (run.dir / "chromium.log").open("w") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False, preexec_fn=place,
                                            env={**os.environ, "HOME": str(run.dir)})
        os.close(theirs_in)
        os.close(theirs_out)
        target = self.wait_target()
        self.session = self.call("Target.attachToTarget", session=None, targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Page", "Log", "Network"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def wait_target(self):
        found = []

        def there():
            pages = self.call("Target.getTargets", session=None)["targetInfos"]
            found[:] = [t["targetId"] for t in pages if t["type"] == "page"]
            return found
        self.run.wait(there, "a page of the browser", 30)
        return found[0]

    def read(self, seconds):
        """The next message, or None."""
        until = time.monotonic() + seconds
        while b"\0" not in self.rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                return None
            data = os.read(self.back, 1 << 20)
            if not data:
                raise AssertionError("the browser has gone: " + (self.run.dir / "chromium.log").read_text()[-2000:])
            self.rest += data
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session="", **params):
        self.next += 1
        message = {"id": self.next, "method": method, "params": params}
        if session == "":
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            got = self.read(60)
            if got is None:
                raise AssertionError(f"no answer to {method}")
            if got.get("id") != self.next:
                self.events.append(got)
                continue
            if "error" in got:
                raise AssertionError(f"{method}: {got['error']}")
            return got["result"]

    def open(self, url):
        self.call("Page.navigate", url=url)

    def js(self, text):
        """The value of an expression; a promise is waited for."""
        got = self.call("Runtime.evaluate", expression=text, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            raise AssertionError(f"{text}: {got['exceptionDetails']}")
        return got["result"].get("value")

    def wait(self, text, what, seconds=20):
        self.run.wait(lambda: self.js(text), what, seconds)

    def key(self, key):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, text=key if len(key) == 1 and kind == "keyDown" else "")

    def dark(self, dark):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self, path, **clip):
        more = {"clip": {"x": 0, "y": 0, "scale": 1, **clip}, "captureBeyondViewport": True} if clip else {}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png", **more)["data"]))

    def complaints(self):
        """What went wrong in the page: exceptions, errors and warnings of its console, requests that failed."""
        while (got := self.read(0)) is not None:
            self.events.append(got)
        found = []
        for e in self.events:
            method, p = e.get("method"), e.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(p["exceptionDetails"])
            elif method == "Runtime.consoleAPICalled" and p["type"] in ("error", "warning", "assert"):
                found.append(p["args"])
            elif method == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning"):
                found.append(p["entry"])
        return found

    def requests(self):
        """Addresses that were asked for."""
        return [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        os.close(self.out)
        os.close(self.back)
