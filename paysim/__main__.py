"""`python -m paysim`: reads the options, starts the process, stops it cleanly."""

import argparse
import asyncio
import errno
import json
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from paysim import endpoints
from paysim.account import Account
from paysim.courier import Courier
from paysim.errors import Refused
from paysim.faults import FaultPlan, Faults, InvalidFaults, plan_from_json
from paysim.server import Server, listen
from paysim.store import Store


class OneLineParser(argparse.ArgumentParser):
    """Says in one line what makes no sense, so that what starts this process can show it as it is."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; --help lists the options\n")


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; says so and exits with 2 where it makes no sense."""
    parser = OneLineParser(prog="paysim", description="A stand-in for Stripe.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8002, help="0 picks a free one (default: %(default)s)")
    parser.add_argument("--database", type=Path, default=Path("var/paysim.sqlite3"), help="SQLite file")
    parser.add_argument(
        "--secret", default="sk_test_paysim0000000000", metavar="KEYS", help="the API keys that are accepted, by commas"
    )
    parser.add_argument(
        "--restricted",
        action="append",
        default=[],
        metavar="KEY=RIGHTS",
        help="another key, which may do this alone, as in rk_test_1=payment_intent_write,dispute_read; repeatable",
    )
    parser.add_argument("--webhook-url", metavar="URL", help="send all notices to this address")
    parser.add_argument(
        "--webhook-secret",
        default="whsec_paysim0000000000",
        metavar="SECRETS",
        help="what signs the notices to --webhook-url; two by a comma: both sign",
    )
    parser.add_argument(
        "--notice-pause-ms", type=int, default=1000, metavar="N", help="before a notice is sent again; doubles"
    )
    parser.add_argument("--public-url", metavar="URL", help="where a browser reaches this, if not where it listens")
    parser.add_argument("--faults", default="{}", metavar="JSON", help='as in {"latency_ms": 200, "cut_rate": 0.1}')
    parser.add_argument("--seed", type=int, metavar="N", help="makes the same faults hit the same requests")
    options = parser.parse_args(arguments)
    options.secrets = [each for each in options.secret.split(",") if each]
    options.webhook_secrets = [each for each in options.webhook_secret.split(",") if each]
    options.restricted = {
        key: frozenset(filter(None, rights.split(",")))
        for key, _, rights in (each.partition("=") for each in options.restricted)
    }
    if not all(options.restricted):
        parser.error("--restricted needs a key")
    if not options.secrets or not options.webhook_secrets:
        parser.error("--secret and --webhook-secret must not be empty")
    if not 1 <= options.notice_pause_ms <= 600_000:
        parser.error("--notice-pause-ms must be from 1 to 600000")
    try:
        options.plan = plan_of(options.faults)
    except InvalidFaults as error:
        parser.error(f"--faults: {error}")
    return options


def plan_of(text: str) -> FaultPlan:
    """
    Read the faults named on the command line.

    :raises InvalidFaults: if they make no sense
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InvalidFaults("not JSON") from error
    if not isinstance(content, dict):
        raise InvalidFaults("not a JSON object")
    return plan_from_json(content)


async def serve(options: argparse.Namespace, store: Store) -> None:
    """
    Serve until SIGTERM or SIGINT, then close all connections.

    :raises OSError: if the port is taken
    :raises Refused: if the address of the webhook is none
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    account = Account(store, Faults(options.plan, seed=options.seed), address="")
    courier = Courier(account, pause_seconds=options.notice_pause_ms / 1000)
    if options.webhook_url:
        with store.transaction():
            endpoints.configure(account, options.webhook_url, options.webhook_secrets)
    server = await listen(Server(account, courier, options.secrets, options.restricted), options.host, options.port)
    host, port = server.sockets[0].getsockname()[:2]
    account.address = options.public_url or f"http://{host}:{port}"
    sending = loop.create_task(courier.run())
    print(f"paysim listening on http://{host}:{port}", flush=True)
    await stop.wait()
    sending.cancel()
    server.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process; the exit code is 0 after a clean stop and 1 if it could not start."""
    options = read_options(arguments)
    try:
        store = Store(options.database)
    except (OSError, sqlite3.Error) as error:
        print(f"paysim: cannot use the database {options.database}: {error}", file=sys.stderr)
        return 1
    try:
        asyncio.run(serve(options, store))
    except Refused as refused:
        print(f"paysim: --webhook-url: {refused}", file=sys.stderr)
        return 1
    except (OSError, OverflowError) as error:
        taken = getattr(error, "errno", None) == errno.EADDRINUSE
        reason = "the port is taken" if taken else error
        print(f"paysim: cannot listen on {options.host}:{options.port}: {reason}", file=sys.stderr)
        return 1
    finally:
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
