import json
import math
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings import wiring
from bookings.conf import counter_is_shared
from bookings.deadline import Deadline
from bookings.management.arguments import flight, operator
from bookings.models import Reconciliation
from bookings.services.seats.correct import LEFT_ALONE, Correction, correct_seats
from bookings.services.seats.reconcile import reconcile_seats


class Command(BaseCommand):
    help = (
        "Compares our seats with the Flight Service's; with --fix corrects what differs, by a recorded call for "
        "each flight. Exits with 1 if they differ on a flight, corrected or not: run it again to see that they "
        "agree. Flights with a call under way are skipped: there a difference means nothing. Exits with 2 if "
        "nothing could be compared."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--flight", type=flight, help="look at this flight alone; the result is not kept")
        parser.add_argument("--fix", action="store_true", help="give back or take the difference, once")
        parser.add_argument("--reason", default="", metavar="TEXT", help="with --fix: why, for the record")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["fix"] and counter_is_shared():
            raise CommandError(
                "--fix is refused: with FLIGHT_SERVICE_KEYED=false and FLIGHT_SERVICE_COUNTER=shared a difference "
                "may be another system's seats. Settle it with the operators of the Flight Service.",
                returncode=2,
            )
        flights = wiring.flight_service()
        # No request waits for it, so it may take the time that all flights need.
        found = reconcile_seats(flights=flights, deadline=Deadline(math.inf), flight_id=options["flight"])
        corrections = None
        if options["fix"]:
            corrections = correct_seats(
                drift=found.drift,
                flights=flights,
                deadline=Deadline(math.inf),
                actor=operator(),
                note=options["reason"],
            )
        self._say(found, corrections, as_json=options["json"])
        if found.drift:
            raise CommandError(_summary(corrections), returncode=1)
        if found.flights_skipped and not found.flights_compared:
            raise CommandError(
                "Nothing could be compared: the Flight Service does not answer or shows no capacity, or calls are "
                "under way on every flight. `manage.py doctor` says more.",
                returncode=2,
            )

    def _say(self, found: Reconciliation, corrections: list[Correction] | None, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(_as_json(found, corrections)))
            return
        for row in found.drift:
            by_number = "".join(f", {name} {','.join(row[name])}" for name in ("leaked", "missing") if name in row)
            self.stdout.write(f"flight {row['flight']}: {row['held']} held, {row['taken']} taken{by_number}")
        for each in corrections or ():
            self.stdout.write(
                f"flight {each.flight}: {_direction(each)} {each.seats}: {SAID.get(each.state, each.state)}"
            )
        self.stdout.write(
            f"flights compared: {found.flights_compared}, skipped: {found.flights_skipped}, "
            f"seats held: {found.seats_held}, taken: {found.seats_taken}"
        )


# What became of a correction, by the state of its call.
SAID = {
    "open": "no answer yet, the worker repeats it",
    "dead": "refused, staff must decide: see the back office, Calls to the Flight Service",
    LEFT_ALONE: "left alone: it has changed meanwhile, its seats by number say something else than the counts, or the "
    "Flight Service does not answer",
}


def _direction(correction: Correction) -> str:
    return "take" if correction.reserves else "give back"


def _summary(corrections: list[Correction] | None) -> str:
    if corrections is None:
        return "Our seats and the Flight Service's differ."
    done = sum(each.state == "done" for each in corrections)
    return f"Our seats and the Flight Service's differed; corrected on {done} of {len(corrections)} flights."


def _as_json(found: Reconciliation, corrections: list[Correction] | None) -> dict[str, Any]:
    names = ("flights_compared", "flights_skipped", "seats_held", "seats_taken", "drift")
    shown: dict[str, Any] = {name: getattr(found, name) for name in names}
    if corrections is not None:
        shown["fixes"] = [
            {"flight": each.flight, "seats": each.seats, "direction": _direction(each), "state": each.state}
            for each in corrections
        ]
    return shown
