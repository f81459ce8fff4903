# SPDX-License-Identifier: BSD-2-Clause
"""The ledger: whatever is sent is accounted for, to the record, below and above what the collector can take."""
import json
import re
import signal
import time

import netflow

CONFIG = """
    plugins: print[some], print[all], memory[m]
    aggregate[some]: src_host, dst_host, proto
    aggregate[all]: src_host, dst_host, src_port, dst_port, proto
    aggregate[m]: dst_host
    aggregate_filter[some]: src net 10.0.0.0/25
    sampling_rate[some]: 1
    print_output: csv
    print_output_file[some]: @DIR@/some.csv
    print_output_file[all]: @DIR@/all.csv
    print_output_file_append: true
    print_refresh_time: 2
    imt_path[m]: @DIR@/m.sock"""

NUMBER = re.compile(r"(\w+)=(\d+)")


def numbers(text):
    return {key: int(value) for key, value in NUMBER.findall(text)}


def ledger(run, d, before):
    """What SIGUSR1 makes the daemon log: {"exporters": [{..., "refused": {...}}], "plugins": {name: {row: {...}}}, "socket": {...}}. An agent
    has an entry for each protocol and domain."""
    d.send_signal(signal.SIGUSR1)
    d.wait_log(r"^NOTICE \( default/core \): ---$", count=before + 1)
    block = d.statistics()
    found = {"exporters": [], "plugins": {}, "socket": {}}
    for line in block.splitlines():
        agent = re.search(r"agent=(\S+)", line)
        plugin = re.search(r"ledger \[([^/]+)/\w+\] (\w+) ", line)
        if plugin:
            found["plugins"].setdefault(plugin[1], {})[plugin[2]] = numbers(line)
        elif agent and " refused " in line:
            found["exporters"][-1]["refused"] = numbers(line.split(" refused ")[1])
        elif agent and "seq_good" in line:
            found["exporters"].append(numbers(line.split(agent[0])[1]))
        elif agent:
            found["exporters"][-1].update(numbers(line.split(agent[0])[1]))
        elif "dropped_by_kernel" in line:
            found["socket"] = numbers(line)
    return found


def generate(run, port, *words, seconds=100):
    text = run.call(run.build / "bench/flowgen", "-t", f"127.0.0.1:{port}", "-x", "3", *words, seconds=seconds)
    run.drained(port)
    return json.loads(text)


def check(led, sent):
    """The identities; sent: what was sent to the daemon in its life. Returns the records accounted."""
    received = sum(x["packets"] for x in led["exporters"])
    assert received == led["socket"]["received_datagrams"], led
    assert received + led["socket"]["dropped_by_kernel"] == sent["datagrams"], (led["socket"], sent)
    for x in led["exporters"]:
        assert x["packets"] == x["decoded"] + sum(x["refused"].values()), x
        assert x["records"] == x["accounted"] + x["options"], x
    accounted = sum(x["accounted"] for x in led["exporters"])
    for name, rows in led["plugins"].items():
        first = rows["accounted"]
        assert first["records"] == accounted, (name, rows, accounted)
        for key in first:
            parts = sum(row[key] for what, row in rows.items() if what not in ("accounted", "taken", "confirmed"))
            assert first[key] == parts, f"{name}: {key}: {first[key]} accounted, {parts} in its parts: {rows}"
        assert rows["taken"] == rows["handed_over"], (name, rows)
    if not led["socket"]["dropped_by_kernel"]:
        assert accounted == sent["records"]
    return accounted


def csv_sums(path):
    packets = octets = 0
    for line in path.read_text().splitlines():
        if line[:1].isdigit():
            words = line.split(",")
            packets, octets = packets + int(words[-2]), octets + int(words[-1])
    return packets, octets


def test_identities(run):
    """At half, once, twice and five times what it can take; then sums of the output against the ledger."""
    d, port = run.nfacctd(CONFIG)
    run.wait_socket("m.sock")
    count = 60000 if run.sanitized else 300000
    life = {"datagrams": 0, "records": 0, "packets": 0, "octets": 0}

    def send(turn, *words):
        sent = generate(run, port, "-s", str(turn), *words)
        assert not sent["failed"]
        for key in life:
            life[key] += sent[key]
        led = {}

        def quiet():
            led.update(ledger(run, d, d.text().count("): ---\n")))
            return all(rows["taken"] == rows["handed_over"] for rows in led["plugins"].values())

        run.wait(quiet, "the plugins to have taken everything")
        check(led, life)
        return sent, led

    warm, led = send(1, "-p", "v9", "-c", str(count), "-k", "20000", "-C")
    assert led["plugins"]["all"]["accounted"]["packets"] == warm["packets"]
    assert led["plugins"]["all"]["accounted"]["bytes"] == warm["octets"]
    capacity = warm["records"] / warm["seconds"]
    for turn, (proto, times) in enumerate((("v5", 0.5), ("ipfix", 1), ("v9", 2), ("v9", 5)), 2):
        rate = int(capacity * times)
        # An exporter sends one protocol, else its domains are told apart: fine too, the identities are of each.
        send(turn, "-p", proto, "-c", str(min(count, rate)), "-k", "20000", "-r", str(rate))
    _, led = send(9, "-p", "v9", "-c", "1000", "-k", "1000", "-r", "50000")
    d.stop(seconds=60)
    for name in ("some", "all"):
        want = led["plugins"][name]["taken"]
        have = csv_sums(run.dir / f"{name}.csv")
        assert have == (want["packets"], want["bytes"]), f"{name}: the files have {have}, the ledger says {want}"


test_identities.limit = 240


def test_refused_by_reason(run):
    """Each kind of nonsense is counted under its own name, and nothing else suffers."""
    d, port = run.nfacctd(CONFIG)
    now, good = int(time.time()), netflow.flows(40)
    v5 = list(netflow.v5(good[:20], now))
    # The v5 datagram that claims more records than it has counts with those that it has.
    nonsense = [b"\0", b"\0\7" + bytes(40), b"\0\x09" + bytes(5), v5[0][:2] + b"\0\x1e" + v5[0][4:],
                netflow.message(10, [b"\1\0\0\0" + bytes(8)], now), netflow.message(10, [b"\1\0\1\0" + bytes(8)], now)]
    run.send(port, nonsense + v5 + list(netflow.export(10, good[20:], now)))
    led = ledger(run, d, 0)
    discarded = int(re.findall(r"discarded_packets=(\d+)", d.text())[-1])
    assert discarded == len(nonsense), d.text()
    assert led["plugins"]["all"]["accounted"]["records"] == 60, led["plugins"]
    d.stop()
    want = netflow.totals(good + good[:20])
    assert csv_sums(run.dir / "all.csv") == (want["packets"], want["bytes"])


def test_many_flows(run):
    """Everything there, exact, across several purges, at half the rate of the first tenth. `./dev soak-flows` runs it with 100 million."""
    d, port = run.nfacctd(CONFIG)
    flows = run.options.flows // (10 if run.sanitized else 1)
    first = generate(run, port, "-p", "v9", "-c", str(flows // 10), "-k", "50k", "-C")
    rate = int(first["records"] / first["seconds"] / 2)
    second = generate(run, port, "-p", "v9", "-c", str(flows - flows // 10), "-k", "50k", "-s", "2", "-r", str(rate),
                      seconds=2 * flows / rate + 60)
    sent = {key: first[key] + second[key] for key in first}

    def all_taken():
        plugins = ledger(run, d, d.text().count("): ---\n"))["plugins"]
        return plugins["all"]["taken"]["records"] == plugins["m"]["taken"]["records"] == sent["records"]

    run.wait(all_taken, "all to be taken", 30)
    led = ledger(run, d, d.text().count("): ---\n"))
    check(led, sent)
    d.stop(seconds=60)
    assert csv_sums(run.dir / "all.csv") == (sent["packets"], sent["octets"])
    assert led["socket"]["dropped_by_kernel"] == 0
    print(f"{sent['records']} flows, {rate} a second: packets {sent['packets']}, octets {sent['octets']}, exact")
