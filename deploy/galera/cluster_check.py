#!/usr/bin/env python3
"""
Says over HTTP whether this node of a Galera cluster may be written to.

200 if it belongs to the majority and has caught up, 503 with the reason if not.

It needs Python 3 and the client `mariadb`, and runs on each node; deploy/galera/haproxy.cfg asks it once a second:

    cluster_check.py --address 10.0.0.21 --port 9200 --defaults-file /etc/mysql/bookings-check.cnf

The file has `[client]`, `user=bookings_check`, `password`, and `socket` if that is not in the usual place. The user
needs no right.
"""

import argparse
import subprocess
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

QUESTION = (
    "SELECT variable_name, variable_value FROM information_schema.global_status "
    "WHERE variable_name IN ('wsrep_cluster_status', 'wsrep_local_state', 'wsrep_ready')"
)
# Synced. One that gives its data to another (2) may be slow, and is not the one to write to.
MAY_BE_WRITTEN_TO = {"WSREP_CLUSTER_STATUS": "Primary", "WSREP_LOCAL_STATE": "4", "WSREP_READY": "ON"}
# Below the time limit of the check.
ANSWER_SECONDS = 0.8


def problem(client: list[str]) -> str:
    """Say why this node may not be written to; empty if it may."""
    try:
        done = subprocess.run(
            [*client, "--batch", "--skip-column-names", "--execute", QUESTION],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"no answer: {type(error).__name__}"
    found = {name.upper(): value for name, _, value in (line.partition("\t") for line in done.stdout.splitlines())}
    wrong = [f"{name}={found.get(name)}" for name, value in MAY_BE_WRITTEN_TO.items() if found.get(name) != value]
    return ", ".join(wrong)


def handler(client: list[str]) -> type[BaseHTTPRequestHandler]:
    """Make what answers each check."""

    class Check(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name is the library's
            why = problem(client)
            body = f"{why or 'in step'}\n".encode()
            self.send_response(HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing of each check: haproxy logs what changes."""

    return Check


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True, help="where it listens, for haproxy alone")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--defaults-file", required=True, help="how the client reaches this node")
    options = parser.parse_args()
    client = ["mariadb", f"--defaults-file={options.defaults_file}"]
    ThreadingHTTPServer((options.address, options.port), handler(client)).serve_forever()


if __name__ == "__main__":
    main()
