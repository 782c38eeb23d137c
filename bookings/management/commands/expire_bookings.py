import dataclasses
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings import wiring
from bookings.db.clock import clock_is_proven, database_time
from bookings.queries.bookings import visible
from bookings.queries.seats import owed
from bookings.services.upkeep.run_pass import run_pass


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ValueError(text)
    return int(text)


class Command(BaseCommand):
    help = (
        "Runs one sweep: expires what is due and gives the seats back. Needs no worker. "
        "Exits with 1 if seats could not be given back, which stay queued, or if nothing expires because the "
        "database's clock is in doubt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what is due")
        parser.add_argument("--limit", type=_positive, help="expire at most so many bookings")
        parser.add_argument("--json", action="store_true", help="print the counts as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            bookings, seats = visible.due_to_expire(database_time())
            counts = {"due": bookings, "seats": seats, "seats_still_owed": owed.seats_still_owed()}
            self._print(counts, as_json=options["json"])
            return
        try:
            result = run_pass(
                flights=wiring.flight_service(), payments=wiring.payment_gateway(), limit=options["limit"]
            )
        except ExceptionGroup as error:
            raise CommandError(f"{error}; the log above says more") from error
        self._print(dataclasses.asdict(result), as_json=options["json"])
        if not clock_is_proven():
            # It ends before a clock has stood for long enough, so this one would say "nothing" for ever.
            raise CommandError(
                "Nothing expired: the database's clock jumped, or no pass has read it lately. `manage.py doctor` "
                "shows what it says; if that is right, `manage.py trust_clock`, and this again.",
                returncode=1,
            )
        if result.seats_still_owed:
            raise CommandError(
                f"{result.seats_still_owed} seats are not given back yet. They stay queued; "
                "the worker, or this command again, sends them when the Flight Service answers.",
                returncode=1,
            )

    def _print(self, counts: dict[str, int], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(counts))
        else:
            self.stdout.write(", ".join(f"{name.replace('_', ' ')}: {n}" for name, n in counts.items()))
