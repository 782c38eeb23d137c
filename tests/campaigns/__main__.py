"""
Wears the service out with real processes: `python -m tests.campaigns NAME [options]`.

Everything that a campaign needs runs on 127.0.0.1 and is gone afterwards. Prints what came of each round as it ends,
and a table; exits with 1 if anything was lost, sold twice, late, or answered as it must not be. Its database is a
MariaDB; `volume` takes PostgreSQL too, with TEST_SERVER=postgresql before it.
"""

import os
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import MappingProxyType

import django

from devtools.processes import adopt_orphans, kill_descendants
from tests.campaigns.verdict import Round, exit_code, table

CAMPAIGNS: Mapping[str, str] = MappingProxyType(
    {
        "archive": "move old bookings to the archive, and compare the bytes",
        "backup": "back up under load, lose the database, and restore it",
        "crashes": "kill running servers at every crash point",
        "deploy": "restart two web servers behind the proxy, nothing tried twice",
        "failover": "kill the primary under load, and promote its replica",
        "fuzz": "send generated requests, valid and not",
        "growth": "ask the same of ten thousand bookings and of ten million, and compare",
        "mass_expiry": "let very many bookings expire while clients go on",
        "payments": "pay in every way while a third of the calls to the gateway fails, and compare the books",
        "rehearsal": "play outages one after another",
        "soak": "load the service for ten minutes, and see that no process grows",
        "unkeyed": "kill everything around a Flight Service without keys",
        "volume": "fill a database with a year of bookings, and ask it everything",
        "webhooks": "tell many receivers while some hang, and kill what tells them",
    }
)


# Of which kind a database is must be known before there is one; the port is told later.
DATABASES: Mapping[str, str] = MappingProxyType(
    {"mariadb": "mysql://root@127.0.0.1:1/bookings", "postgresql": "postgresql://bookings@127.0.0.1:1/bookings"}
)


def prepare(*, database: str = DATABASES["mariadb"]) -> None:
    """Be a process of the service in development; each campaign starts its own database, and looks at that."""
    os.environ.update(
        DATABASE_URL=database,
        DEBUG="true",
        ENV_FILE="",
        LOG_LEVEL="CRITICAL",
        # A campaign cancels flights, and is one person.
        BULK_APPROVAL_BOOKINGS="0",
        DJANGO_SETTINGS_MODULE="bookingsite.settings",
    )
    os.environ.pop("DATABASE_REPLICA_URL", None)
    django.setup()


def run(play: Callable[[], Iterable[Round]]) -> int:
    """Play rounds, print each and a table of all, and end what they have started; give the exit status."""
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # clean up as after Ctrl-C
    rounds: list[Round] = []
    try:
        for each in play():
            rounds.append(each)
            print(f"{each.name}: {'; '.join(each.faults()) or 'in step'}"[:2000], flush=True)
    finally:
        kill_descendants()
        print(f"\n{table(rounds)}", flush=True)
    return exit_code(rounds)


def main() -> int:
    names = "\n".join(f"  {name:<11} {what}" for name, what in CAMPAIGNS.items())
    if sys.argv[1:2] == [] or sys.argv[1] not in CAMPAIGNS:
        print(f"{__doc__.strip()}\n\n{names}\n\n`python -m tests.campaigns NAME --help` shows its options.")
        return 2
    name, *words = sys.argv[1:]
    server = os.environ.get("TEST_SERVER") or "mariadb"
    if server != "mariadb" and (server, name) != ("postgresql", "volume"):
        print(f"{name} does not run with TEST_SERVER={server}: leave it out", file=sys.stderr)
        return 2
    prepare(database=DATABASES[server])
    campaign = import_module(f"tests.campaigns.{name}")
    parser = ArgumentParser(prog=f"python -m tests.campaigns {name}", description=campaign.__doc__)
    campaign.add_options(parser)
    options = parser.parse_args(words)
    return run(lambda: campaign.play(options))


if __name__ == "__main__":
    sys.exit(main())
