#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A router that dials out over gRPC, by Python's grpcio: reads lines of hex from stdin, each of which becomes a message of the stream; says `sent` when
the stream took it, and how the stream ended. Run by test_grpc.py with the system's python3.

    grpcclient.py PORT METHOD [FOLDER CERTIFICATE]
"""
import pathlib
import sys

import grpc


def messages():
    for line in sys.stdin:
        yield bytes.fromhex(line.strip())
        print("sent", flush=True)


def channel(port, folder=None, who=None):
    options = [("grpc.max_send_message_length", -1)]
    if not folder:
        return grpc.insecure_channel(f"127.0.0.1:{port}", options)
    read = lambda name: (pathlib.Path(folder) / name).read_bytes()  # pylint: disable=unnecessary-lambda-assignment
    pair = (read(f"{who}.key"), read(f"{who}.pem")) if who else (None, None)
    return grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(read("ca.pem"), *pair),
                               options + [("grpc.ssl_target_name_override", "localhost")])


def main(port, method, *secured):
    with channel(port, *secured) as c:
        try:
            for _ in c.stream_stream(method)(messages(), timeout=60):
                pass
            print("ended OK", flush=True)
        except grpc.RpcError as e:
            print("ended", e.code().name, flush=True)


main(*sys.argv[1:])
