#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How many collectors and brokers a site needs, from measured figures. Each figure below says where it was measured; give others with
--set name=value. docs/scaling.md explains the model.

    model.py                           1, 10 and 100 million flows a second
    model.py --flows 3e6 --rows 0.02   three million; two rows for each hundred flows
"""
import argparse
import math

FIGURES = {
    # name: (value, what it is and where it comes from)
    "core_ns": (100, "CPU of the core's threads for a NetFlow v9 record, kernel's reading included, four workers (docs/performance.md)"),
    "shard_ns": (10, "what it costs a core to choose among a plugin's threads, a record (plugin_workers)"),
    "plugin_ns": (38, "CPU of a plugin for a record: rings and tables of several threads, 100,000 keys (docs/performance.md)"),
    "row_us": (1.0, "CPU of a plugin for a row sent to Kafka as JSON, one a message, lz4 (bench row export-kafka; 0.26 with kafka_multi_values)"),
    "row_octets": (60, "octets of a row on the broker's network and disk, compressed (JSON of an 8-part key)"),
    "flow_octets": (52, "octets of a flow on the wire (NetFlow v9, 24 a datagram)"),
    "datagram_flows": (28, "flows in a datagram"),
    "tee_us": (0.8, "CPU of a replicator for a datagram to one receiver (bench row tee-4, a quarter)"),
    "core_load": (0.5, "part of a processor that a thread may have at the mean, so that peaks fit"),
    "host_cores": (32, "processors of a host"),
    "host_gbit": (25, "its network, Gbit/s; half of it is used"),
    "broker_mb": (150, "Mbyte/s that a broker takes and stores, before replicas"),
    "replicas": (3, "copies of a message among brokers"),
    "exporter_flows": (5000, "flows a second of one exporter"),
    "exporter_kb": (6.5, "memory of an exporter with 20 templates (bench/micro_netflow)"),
}


def model(flows, rows, f):
    """{what: how many} for so many flows a second, each of which makes `rows` rows."""
    cores_core = flows * (f["core_ns"] + f["shard_ns"]) / 1e9 / f["core_load"]
    cores_plugin = flows * f["plugin_ns"] / 1e9 / f["core_load"]
    cores_writer = flows * rows * f["row_us"] / 1e6 / f["core_load"]
    gbit = flows * f["flow_octets"] * 8 / 1e9
    hosts = max(math.ceil((cores_core + cores_plugin + cores_writer) / f["host_cores"]), math.ceil(gbit / (f["host_gbit"] / 2)), 1)
    datagrams = flows / f["datagram_flows"]
    front = math.ceil(max(datagrams * f["tee_us"] / 1e6 / f["core_load"], 1)) if hosts > 1 else 0
    mb = flows * rows * f["row_octets"] / 1e6
    exporters = flows / f["exporter_flows"]
    return {
        "core_workers, all hosts": math.ceil(cores_core),
        "plugin_workers, all hosts": math.ceil(cores_plugin),
        "writers (daemons or plugins), all hosts": math.ceil(cores_writer),
        "hosts": hosts,
        "core_workers a host": math.ceil(cores_core / hosts),
        "plugin_workers a host": math.ceil(cores_plugin / hosts),
        "writers a host": math.ceil(cores_writer / hosts),
        "replicators in front (or ECMP)": front,
        "Gbit/s in": round(gbit, 1),
        "rows a second out": round(flows * rows),
        "Mbyte/s to brokers": round(mb, 1),
        "brokers": max(math.ceil(mb * f["replicas"] / f["broker_mb"]), int(f["replicas"])) if rows else 0,
        "exporters": round(exporters),
        "Mbyte of memory for exporters, all hosts": round(exporters * f["exporter_kb"] / 1e3, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flows", type=float, nargs="*", default=[1e6, 1e7, 1e8], help="flows a second")
    parser.add_argument("--rows", type=float, default=0.1, help="rows that leave for each flow that comes")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another figure")
    parser.add_argument("--figures", action="store_true", help="shows the figures and where they come from")
    options = parser.parse_args()
    f = {name: value for name, (value, _) in FIGURES.items()}
    for word in options.set:
        name, _, value = word.partition("=")
        if name not in f:
            parser.error(f"no figure is named {name}; there are {', '.join(f)}")
        f[name] = float(value)
    if options.figures:
        for name, (_, text) in FIGURES.items():
            print(f"{name:16} {f[name]:>10g}  {text}")
        return
    made = [model(flows, options.rows, f) for flows in options.flows]
    print(f"{'flows a second':42}" + "".join(f"{flows:>14,.0f}" for flows in options.flows))
    for name in made[0]:
        print(f"{name:42}" + "".join(f"{m[name]:>14,}" for m in made))


if __name__ == "__main__":
    main()
