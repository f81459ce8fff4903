# SPDX-License-Identifier: BSD-2-Clause
"""Mutated datagrams beside good ones: the daemon lives, its memory stays within a bound, good exporters lose nothing.

`run.py --mutations N` sets how many; `./dev mutate` runs ten millions."""
import pathlib
import random
import re
import socket
import time

import netflow

BOUND_KIB = 200 * 1024  # growth of the core's resident memory; the sanitizers' quarantine (256 MiB by default) is turned down
LENGTHS = (0, 1, 3, 4, 5, 16, 255, 256, 0x7fff, 0x8000, 0xfffe, 0xffff)


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


def mutate(rnd, datagram):
    data = bytearray(datagram)
    for _ in range(rnd.randrange(1, 9)):
        if not data:
            break
        at, what = rnd.randrange(len(data)), rnd.randrange(6)
        if what == 0:
            data[at] ^= 1 << rnd.randrange(8)
        elif what == 1:
            data[at] = rnd.randrange(256)
        elif what == 2 and at + 2 <= len(data):
            data[at:at + 2] = rnd.choice(LENGTHS).to_bytes(2, "big")
        elif what == 3:
            del data[at:]
        elif what == 4:
            data[at:at] = data[at:at + rnd.randrange(1, 60)]
        elif what == 5:  # template floods: another id, another domain
            data[:] = data[:16] + rnd.randrange(1 << 32).to_bytes(4, "big") + data[20:]
    return bytes(data[:9000])


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
    rnd, now = random.Random(20), int(time.time())
    templates, good = list(seeds(now)), netflow.flows(0)
    pid, sequence, sent, start_kib = d.pid, 0, 0, None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bad, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as fine:
        bad.bind(("127.0.0.66", 0))
        fine.bind(("127.0.0.7", 0))
        while sent < run.options.mutations:
            for _ in range(200):
                data = mutate(rnd, rnd.choice(templates))
                # Mutants stay off the address that the good flows are counted by.
                bad.sendto(data.replace(b"\xc0\x00\x02\x01", b"\xc0\x00\x02\x02"), ("127.0.0.1", port))
                sent += 1
                if sent % 25 == 0:
                    run.drained(port)
            made = [netflow.flow(sent + n) for n in range(20)]
            good += made
            for datagram in netflow.export(9, made, now, sequence=sequence):
                fine.sendto(datagram, ("127.0.0.1", port))
                sequence += 1
            run.drained(port)
            assert d.process.poll() is None, "the daemon died"
            if start_kib is None and sent >= run.options.mutations // 4:
                start_kib = resident_kib(pid)
    grown = resident_kib(pid) - start_kib
    assert grown < BOUND_KIB, f"memory grew by {grown} KiB in the last three quarters"
    want = netflow.totals(good)

    def sums():
        rows = run.client_json("-s")
        return sum(r["packets"] for r in rows), sum(r["bytes"] for r in rows)

    run.wait(lambda: sums() == (want["packets"], want["bytes"]), f"the good exporter's sums {want}, there are {sums()}")
    assert run.socket_drops(port) == 0, "the test itself lost datagrams"
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
