import json
import math
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings import wiring
from bookings.conf import HIGHEST_ID
from bookings.models import Reconciliation
from bookings.services.deadline import Deadline
from bookings.services.reconcile_seats import reconcile_seats


def _flight(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= HIGHEST_ID):
        raise ValueError(text)
    return int(text)


class Command(BaseCommand):
    help = (
        "Compares our seats with the Flight Service's and changes nothing. Exits with 1 if they differ on a "
        "flight. Flights with a call under way are skipped: there a difference means nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--flight", type=_flight, help="look at this flight alone; the result is not kept")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        # Nobody waits behind it, so it takes the time that all flights need.
        found = reconcile_seats(
            flights=wiring.flight_service(), deadline=Deadline(math.inf), flight_id=options["flight"]
        )
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(found)))
        else:
            for row in found.drift:
                self.stdout.write(f"flight {row['flight']}: {row['held']} held, {row['taken']} taken")
            self.stdout.write(
                f"flights compared: {found.flights_compared}, skipped: {found.flights_skipped}, "
                f"seats held: {found.seats_held}, taken: {found.seats_taken}"
            )
        if found.drift:
            raise CommandError("Our seats and the Flight Service's differ.", returncode=1)


def _as_json(found: Reconciliation) -> dict[str, Any]:
    names = ("flights_compared", "flights_skipped", "seats_held", "seats_taken", "drift")
    return {name: getattr(found, name) for name in names}
