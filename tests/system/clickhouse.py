# SPDX-License-Identifier: BSD-2-Clause
"""ClickHouse inside a process (chdb), for test_clickhouse.py: reads queries as lines of JSON strings, answers each with a line: its rows as
objects, or a string that says what was wrong. Its argument is the folder of the data."""
import json
import sys

from chdb import session


def main():
    # What engines of queues run on; the embedded one has no threads for them unless it is told.
    server = session.Session(sys.argv[1] + "?background_message_broker_schedule_pool_size=4")
    server.query("CREATE DATABASE IF NOT EXISTS acct")
    server.query("USE acct")
    for line in sys.stdin:
        try:
            answer = [json.loads(row) for row in str(server.query(json.loads(line), "JSONEachRow")).splitlines() if row]
        except Exception as e:  # pylint: disable=broad-exception-caught
            answer = str(e)
        print(json.dumps(answer), flush=True)


main()
