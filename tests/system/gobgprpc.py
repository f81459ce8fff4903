#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A route that GoBGP's client has no words for, given to it by its API: NLRI and path attributes as octets. Run with the system's python3, which has
grpcio.

    gobgprpc.py PORT AFI SAFI NLRI ATTRIBUTE...      octets in hex
"""
import sys

import grpc


def number(n):
    out = b""
    while n > 127:
        out, n = out + bytes((n & 127 | 128,)), n >> 7
    return out + bytes((n,))


def field(at, value):
    """A field of a protocol buffer: a number or octets."""
    return number(at << 3) + number(value) if isinstance(value, int) else number(at << 3 | 2) + number(len(value)) + value


def main(port, afi, safi, nlri, *attributes):
    family = field(1, int(afi)) + field(2, int(safi))
    path = field(9, family) + field(20, bytes.fromhex(nlri)) + b"".join(field(21, bytes.fromhex(a)) for a in attributes)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for method in "/apipb.GobgpApi/AddPath", "/api.GoBgpService/AddPath":  # versions 2 and 3; version 4
            try:
                channel.unary_unary(method)(field(1, 1) + field(3, path), timeout=30)
                return
            except grpc.RpcError as e:
                if e.code() != grpc.StatusCode.UNIMPLEMENTED:
                    sys.exit(f"{e.code().name}: {e.details()}")
        sys.exit("no such service")


main(*sys.argv[1:])
