# SPDX-License-Identifier: BSD-2-Clause
"""What the bench makes of figures: medians, ratios within a repeat, verdicts, the stored table and what differs from it."""
import contextlib
import io
import json
import sys
import xml.dom.minidom

import harness

sys.path.insert(0, str(harness.ROOT / "bench"))
import report  # noqa: E402

RATIOS = [("row-a", "cpu_per_M", "pmacct", 5), ("row-b", "max_rate", "null", 0.9), ("not-run", "cpu_per_M", "pmacct", 2)]
LIMITS = [("row-a", "rss_MiB", 100)]


def runs(ours, rate=950.0):
    made = []
    for repeat, (theirs, own) in enumerate(zip((10.0, 12.0, 8.0), ours)):
        made.append({"row": "row-a", "peer": "pmacct", "repeat": repeat, "result": {"cpu_per_M": theirs, "loss": 0.1}})
        made.append({"row": "row-a", "peer": "new", "repeat": repeat, "result": {"cpu_per_M": own, "loss": 0.0, "rss_MiB": 120}})
    made.append({"row": "row-b", "peer": "null", "repeat": 0, "result": {"max_rate": 1000.0}})
    made.append({"row": "row-b", "peer": "new", "repeat": 0, "result": {"max_rate": rate}})
    return made


def said(run, measured, keep):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        report.finish(measured, RATIOS, LIMITS, run.dir / "results", keep)
    return out.getvalue()


def test_report(run):
    """A target that is reached, a rate that is, a limit that is not; a second run that is worse says so."""
    text = said(run, runs((1.0, 2.0, 2.0)), True)  # 10x, 6x, 4x: the median is 6x
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("row-a  ") or line.startswith("row-b")}
    assert "6 (4-10)x" in text and "not-run" not in text, text
    assert "reached" in lines["row-b"] and "0.95x" in lines["row-b"], text
    assert any("limit" in line and "MISSED" in line for line in text.splitlines()), text
    assert "nothing lost by this build" in text
    stored = json.loads((run.dir / "results/results.json").read_text())["lines"]
    assert {(s["row"], s["peer"]) for s in stored} == {("row-a", "pmacct"), ("row-a", "limit"), ("row-b", "null")}
    xml.dom.minidom.parse(str(run.dir / "results/results.svg"))
    text = said(run, runs((2.0, 4.0, 4.0)), False)
    assert "WORSE  than the stored table by 50%: row-a cpu_per_M" in text and "row-b" not in text.split("WORSE")[1], text
    assert "no figure differs" in said(run, runs((1.0, 2.0, 2.0)), False)


def test_report_enough(run):
    """A rate that is enough by itself, whatever the other's is; a share of the other's where that is less; neither."""
    for ours, theirs, verdict in ((3100, 3900, "reached"), (2000, 2100, "reached"), (2000, 2500, "MISSED"), (3100, None, "reached"), (2000, None, "MISSED")):
        measured = [{"row": "r", "peer": peer, "repeat": 0, "result": {"max_rate": rate}} for peer, rate in (("new", ours), ("null", theirs))]
        line = report.lines_of(measured, [("r", "max_rate", "null", 0.9, 3000)], [])[0]
        assert report.verdict(line) == verdict and line["target"] == "0.9x or 3000", (ours, theirs, line)
