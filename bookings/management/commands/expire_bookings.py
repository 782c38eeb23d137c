from argparse import ArgumentParser
from typing import Any

from bookings import wiring
from bookings.db.clock import database_time
from bookings.management.one_pass import PassCommand
from bookings.queries.bookings import visible
from bookings.queries.seats import owed
from bookings.services.upkeep.run_pass import expire_and_release


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ValueError(text)
    return int(text)


class Command(PassCommand):
    help = (
        "Expires what is due and gives seats back; `run_pass` does everything. Needs no worker. Exits with 1 if "
        "seats could not be given back, or if nothing expires because the database's clock is in doubt."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="only say what is due")
        parser.add_argument("--limit", type=_positive, help="expire at most so many bookings")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            bookings, seats = visible.due_to_expire(database_time())
            counts = {"due": bookings, "seats": seats, **owed.counts()}
            self.show(counts, as_json=options["json"])
            return
        self.report(
            lambda: expire_and_release(flights=wiring.flight_service(), limit=options["limit"]),
            as_json=options["json"],
        )
