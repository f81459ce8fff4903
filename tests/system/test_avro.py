# SPDX-License-Identifier: BSD-2-Clause
"""Avro: container files, schemas and the JSON encoding, read by libraries that are not ours and compared with the JSON output, member by
member."""
import json
import random
import struct
import time

import avrodata
import netflow

NOW = int(time.time())
# element, octets, name of the flow's value: numbers, addresses, text, lists
FIELDS = netflow.FIELDS_MS + [(10, 4, "in"), (14, 4, "out"), (56, 6, "mac"), (58, 2, "vlan"), (16, 4, "as"), (31, 4, "label6"),
                              (236, 12, "vrf"), (89, 1, "status"), (70, 3, "mpls1"), (71, 3, "mpls2"), (90, 8, "rd"), (61, 1, "direction"),
                              (461, 2, "own")]
AGGREGATE = ("tag, label, src_host, dst_host, src_net, dst_net, src_port, dst_port, proto, tos, tcpflags, in_iface, out_iface, src_mac, vlan, "
             "src_as, flow_label, vrf_name, fwd_status, mpls_label_stack, mpls_label_top, mpls_vpn_rd, sampling_direction, timestamp_start, "
             "timestamp_end, timestamp_arrival, timestamp_export, export_proto_seqno, export_proto_version, peer_src_ip, std_comm, as_path, "
             "src_host_coords, src_host_country, own_number, flows")


def mixture(count, seed=7):
    rng = random.Random(seed)

    def text():
        return rng.choice(["", "green", "grün", "x" * 12, '"\\,;']).encode()[:12].ljust(12, b"\0")

    return [netflow.flow(n, **{"in": rng.choice((0, 1, 63, 64, 8191, 8192, 2**32 - 1)), "out": rng.randrange(2**32), "mac": rng.randrange(2**48),
                               "vlan": rng.randrange(4096), "as": rng.randrange(2**32), "label6": rng.randrange(2**20), "vrf": text(),
                               "status": rng.randrange(256), "mpls1": rng.randrange(2**24), "mpls2": rng.randrange(2**24) | 1,
                               "rd": struct.pack("!HHI", 0, 65000, n), "direction": n % 3, "own": n, "proto": rng.randrange(256),
                               "tos": rng.randrange(256), "flags": rng.randrange(256), "start_ms": NOW * 1000 - n, "end_ms": NOW * 1000 + n})
            for n in range(count)]


def config(run, more, plugins, aggregate=AGGREGATE):
    run.write("own.lst", "name=own_number field_type=461 len=2 semantics=u_int\n")
    run.write("tags.map", "set_tag=7 set_label=color%red,name%a\\b src_net=10.0.0.0/25\nset_label=kind%plain\n")
    lines = "\n".join(f"print_output[{p}]: {p}\nprint_output_file[{p}]: @DIR@/{p}.out" for p in plugins)
    return f"""
        plugins: {", ".join(f"print[{p}]" for p in plugins)}
        aggregate: {aggregate}
        aggregate_primitives: @DIR@/own.lst
        pre_tag_map: @DIR@/tags.map
        print_refresh_time: 3600
        {lines}
        {more}"""


def members(row):
    """What two outputs that are written a moment apart have in common."""
    return json.dumps({k: v for k, v in row.items() if k not in ("event_type", "stamp_updated")}, sort_keys=True)


def lines(path, schema):
    return [avrodata.untag(json.loads(line), schema) for line in path.read_text().splitlines()]


def compare(run, more):
    d, port = run.nfacctd(config(run, more + "\navro_schema_file[avro]: @DIR@/schema.avsc", ["json", "avro", "avro_json"]))
    run.send(port, netflow.export(netflow.IPFIX, mixture(400), NOW, fields=FIELDS))
    d.stop()
    want = sorted(map(members, run.rows("json.out")))
    schema, found = avrodata.container(run.dir / "avro.out")
    assert len(want) == 400 and json.loads((run.dir / "schema.avsc").read_text()) == schema
    got = sorted(members(avrodata.flat(r)) for r in found)
    assert got == want, next((a, b) for a, b in zip(got, want) if a != b)
    text = lines(run.dir / "avro_json.out", schema)
    assert sorted(members(avrodata.flat(r)) for r in text) == want
    print(f"read with {avrodata.READER}")
    return schema, found


def test_print_avro(run):
    """400 records of 38 fields as they are by default."""
    schema, found = compare(run, "")
    assert schema["name"] == "acct_data" and [f["name"] for f in schema["fields"]][-4:] == ["custom_primitives", "packets", "flows", "bytes"]
    assert {type(r["lat_ip_src"]) for r in found} == {float}


def test_print_avro_encodings(run):
    """The same with arrays and maps for what can be one, bins, epoch times and stitching."""
    schema, found = compare(run, """
        tcpflags_encode_as_array: true
        fwd_status_encode_as_string: true
        mpls_label_stack_encode_as_array: true
        pre_tag_label_encode_as_map: true
        bgp_comms_encode_as_array: true
        as_path_encode_as_array: true
        timestamps_since_epoch: true
        print_history: 1m
        nfacctd_stitching: true""")
    types = {f["name"]: f["type"] for f in schema["fields"]}
    assert types["label"] == {"type": "map", "values": "string"} and types["comms"] == {"type": "array", "items": "string"}
    assert types["stamp_inserted"] == types["timestamp_min"] == ["null", "string"]
    assert {"color": "red", "name": "a\\b"} in [r["label"] for r in found]


def test_avro_append(run):
    """A file gets more blocks with each purge; one of another schema, or one that somebody cut off, gets none and stays as it is."""
    more = "print_output_file_append: true\nprint_markers: true"
    for n in range(2):
        d, port = run.nfacctd(config(run, more, ["avro"], "src_host, flows"))
        run.send(port, netflow.export(netflow.IPFIX, netflow.flows(300), NOW))
        d.stop()
        schema, found = avrodata.container(run.dir / "avro.out")
        assert len(found) == 300 * (n + 1) and sum(r["flows"] for r in found) == 300 * (n + 1)
    before = (run.dir / "avro.out").read_bytes()
    for aggregate, content, message in (("dst_host", before, "of another schema"), ("src_host, flows", before[:-1], "ends within a block"),
                                        ("src_host, flows", b"SRC_IP\n", "no Avro container")):
        (run.dir / "avro.out").write_bytes(content)
        d, port = run.nfacctd(config(run, more, ["avro"], aggregate))
        run.send(port, netflow.export(netflow.IPFIX, netflow.flows(3), NOW))
        d.stop(expect=None)
        d.wait_log(rf"ERROR .*avro\.out' .*{message}.*: nothing is appended")
        assert (run.dir / "avro.out").read_bytes() == content


def test_avro_stdout(run):
    """Without a file people read it: the JSON encoding, with markers."""
    d, port = run.nfacctd("""
        plugins: print
        print_output: avro
        print_markers: true
        print_refresh_time: 3600
        aggregate: src_host""")
    run.send(port, netflow.export(netflow.IPFIX, netflow.flows(2), NOW))
    d.stop()
    rows = [json.loads(line) for line in d.stdout().splitlines()]
    assert [r.get("event_type") for r in rows] == ["purge_init", None, None, "purge_close"]
    assert rows[1]["packets"] == {"long": 1} and rows[1]["flows"] is None
