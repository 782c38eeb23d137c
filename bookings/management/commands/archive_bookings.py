import json
import math
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings.conf import bookings_kept
from bookings.db.clock import clock_is_proven
from bookings.deadline import Deadline
from bookings.errors import BookingError
from bookings.management.arguments import operator
from bookings.models import ArchivedBooking
from bookings.queries.bookings.history import document_of
from bookings.services.bookings.archive import archive_bookings
from bookings.services.shared.bring_back import bring_back
from bookings.text.references import reference_in


class Command(BaseCommand):
    help = (
        "Moves bookings that ended more than KEEP_MONTHS ago, and of which nothing is open, to the archive, until none "
        "is left; the worker does the same, 20 s in every five minutes. It may run beside it, and be killed at any "
        "moment. With --show it prints one booking of the archive, with --bring-back it puts it back into its tables."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        one = parser.add_mutually_exclusive_group()
        one.add_argument("--show", metavar="REFERENCE", help="print all rows of this booking as JSON")
        one.add_argument("--bring-back", metavar="REFERENCE", help="put this booking back into its tables")
        parser.add_argument("--seconds", type=float, default=math.inf, help="stop after so long")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["show"]:
            self._show(options["show"])
        elif options["bring_back"]:
            self._bring_back(options["bring_back"])
        else:
            self._archive(options["seconds"])

    def _archive(self, seconds: float) -> None:
        if bookings_kept() is None:
            raise CommandError("KEEP_MONTHS is 0: no booking leaves its tables.", returncode=1)
        moved = archive_bookings(deadline=Deadline(seconds), at_once=True)
        if not clock_is_proven():
            raise CommandError(
                "Nothing was moved: the database's clock is in doubt. `manage.py doctor` says more.",
                returncode=1,
            )
        self.stdout.write(f"bookings archived: {moved}")

    def _show(self, reference: str) -> None:
        found = ArchivedBooking.objects.filter(reference=reference_in(reference)).first()
        if found is None:
            raise CommandError(f"{reference}: there is no such booking in the archive.", returncode=1)
        self.stdout.write(json.dumps(document_of(found.history), ensure_ascii=False, indent=2))

    def _bring_back(self, reference: str) -> None:
        try:
            booking = bring_back(reference=reference, actor=operator())
        except BookingError as error:
            raise CommandError(f"{reference}: there is no such booking in the archive.", returncode=1) from error
        self.stdout.write(f"{booking.reference} is back in its tables, as booking {booking.pk}.")
