# SPDX-License-Identifier: BSD-2-Clause
"""Mutated datagrams beside good ones: the daemon lives, its memory stays within a bound, good exporters lose nothing.

`run.py --mutations N` sets how many; `./dev mutate` runs ten millions."""
import pathlib
import re
import struct
import subprocess
import time

import harness
import netflow
import packets
import sflow

BOUND_KIB = 200 * 1024  # growth of the core's resident memory; the sanitizers' quarantine (256 MiB by default) is turned down


def seeds(now):
    """Datagrams that touch every part of the decoders."""
    made = netflow.flows(3)
    variable = [(8, 4, "src"), (82, 65535, "name"), (2, 4, "packets")]
    body = b"".join(netflow.value(f, 4, "src", now) + b"\x05hello" + b"\0\0\0\1" for f in made)
    options = [(1, 4), (34, 4), (48, 2)]
    yield from netflow.v5(made, now)
    for version in (9, 10):
        yield from netflow.export(version, made, now, domain=99)
        yield from netflow.export(version, made, now, fields=netflow.FIELDS_MS, template=257, domain=99)
        yield netflow.message(version, [netflow.template_set(version, 258, options, scope=1),
                                        netflow.raw_set(258, b"\0\0\0\0\0\0\0\x64\0\1")], now, domain=99)
        yield netflow.message(version, [netflow.template_set(version, 259, [((1, 43874), 8), (1, 3), (27, 16)]),
                                        netflow.raw_set(259, bytes(54))], now, domain=99)
    yield netflow.message(10, [netflow.template_set(10, 260, variable), netflow.raw_set(260, body)], now, domain=99)
    yield netflow.message(10, [netflow.template_set(10, 261, [])], now, domain=99)         # withdrawal
    yield netflow.message(9, [netflow.template_set(9, 262, [(8, 0), (12, 0)]), netflow.raw_set(262, bytes(64))], now, domain=99)
    yield netflow.message(10, [netflow.template_set(10, 263, [(291, 65535), (313, 65535)]),
                               netflow.raw_set(263, b"\xff\0\x10" + b"\x04\1\2\3\4" * 3)], now, domain=99)


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


CONFIG = """
    plugins: memory[good], print[all]
    aggregate[good]: src_host, src_port
    aggregate_filter[good]: dst net 192.0.2.1/32
    imt_path[good]: @DIR@/m.sock
    aggregate[all]: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags, src_mac, vlan, in_iface, sampling_rate, timestamp_start
    print_output[all]: csv
    print_output_file[all]: /dev/null
    print_refresh_time[all]: 60"""


def test_mutations(run):
    d, port = run.nfacctd(CONFIG)
    run.wait_socket("m.sock")
    now = int(time.time())
    with (run.dir / "seeds").open("wb") as f:
        for datagram in seeds(now):
            f.write(struct.pack("!H", len(datagram)) + datagram)
    good, sequence, rounds, half_kib = [], 0, 20, 0
    share = max(1, run.options.mutations // rounds)
    for turn in range(rounds):
        # Mutants keep off the address that the good flows are counted by.
        bad = subprocess.Popen([run.build / "tests/system/mutgen", str(port), str(share), str(turn + 1), "192.0.2.1", run.dir / "seeds"])
        while True:
            done = bad.poll() is not None
            made = [netflow.flow(len(good) + n) for n in range(20)]
            good += made
            datagrams = list(netflow.export(9, made, now, sequence=sequence))
            sequence += len(datagrams)
            run.send(port, datagrams, source="127.0.0.7")
            if done:
                break
            assert d.process.poll() is None, "the daemon died"
        assert bad.returncode == 0
        if turn == rounds // 2:
            half_kib = resident_kib(d.pid)
    grown = resident_kib(d.pid) - half_kib
    assert grown < BOUND_KIB, f"memory grew by {grown} KiB in the second half"
    want = netflow.totals(good)

    def sums():
        rows = run.client_json("-s")
        return sum(r["packets"] for r in rows), sum(r["bytes"] for r in rows)

    run.wait(lambda: sums() == (want["packets"], want["bytes"]), f"the good exporter's sums {want}, there are {sums()}")
    assert run.socket_drops(port) == 0, "the test itself lost datagrams"
    print(f"{share * rounds} mutants, {len(good)} good flows, {half_kib} KiB after the first half, {grown} KiB more at the end")
    d.stop(seconds=120)


test_mutations.limit = 300


def test_empty_template_does_not_spin(run):
    """Data of a template whose fields have no length, then good data: the collector hears it."""
    d, port = run.nfacctd(CONFIG)
    run.wait_socket("m.sock")
    now, made = int(time.time()), netflow.flows(5)
    run.send(port, [netflow.message(v, [netflow.template_set(v, 300, [(8, 0), (2, 0)]), netflow.raw_set(300, bytes(64))], now)
                    for v in (9, 10)])
    run.send(port, netflow.export(10, made, now))
    run.wait(lambda: len(run.client_json("-s")) == 5, "the good flows")


def test_sflow_mutations(run):
    """The same for sFlow: mutants of all that the fuzz targets start from, in all versions, counters logged."""
    port = run.port()
    d = run.daemon("sfacctd", config=f"""
        sfacctd_ip: 127.0.0.1
        sfacctd_port: {port}
        sfacctd_renormalize: true
        sfacctd_counter_file: /dev/null
        plugins: memory[good], print[all]
        aggregate[good]: src_host, dst_host
        aggregate_filter[good]: dst net 192.0.2.1/32
        imt_path[good]: @DIR@/m.sock
        aggregate[all]: src_host, dst_host, src_port, dst_port, proto, vlan, as_path, std_comm, mpls_label_stack, fwd_status, tunnel_src_host, post_nat_src_host
        print_output[all]: csv
        print_output_file[all]: /dev/null
        print_refresh_time[all]: 60""")
    d.wait_log("waiting for sFlow data")
    run.wait_socket("m.sock")
    with (run.dir / "seeds").open("wb") as f:
        for path in sorted((harness.ROOT / "tests/fuzz/corpus").glob("sflow[245]/*")):
            f.write(path.read_bytes())
    frame = packets.ether(packets.ip("10.0.0.1", "192.0.2.1", 17, packets.udp(5, 53)))
    sent, rounds, half_kib = 0, 10, 0
    share = max(1, run.options.mutations // rounds)
    for turn in range(rounds):
        bad = subprocess.Popen([run.build / "tests/system/mutgen", str(port), str(share), str(turn + 1), "192.0.2.1", run.dir / "seeds"])
        while True:
            done = bad.poll() is not None
            samples = [sflow.flow_sample(sent + n + 1, frame, rate=10) for n in range(5)]
            run.send(port, [sflow.datagram(samples, sequence=sent // 5 + 1, agent="198.51.100.77")], source="127.0.0.7")
            sent += 5
            if done:
                break
            assert d.process.poll() is None, "the daemon died"
        assert bad.returncode == 0
        if turn == rounds // 2:
            half_kib = resident_kib(d.pid)
    grown = resident_kib(d.pid) - half_kib
    assert grown < BOUND_KIB, f"memory grew by {grown} KiB in the second half"
    run.wait(lambda: [r["packets"] for r in run.client_json("-s")] == [10 * sent], f"the good agent's {10 * sent} packets: {run.client_json('-s')}")
    assert run.socket_drops(port) == 0, "the test itself lost datagrams"
    d.stop(seconds=120)


test_sflow_mutations.limit = 300
