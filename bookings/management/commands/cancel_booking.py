from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bookings.conf import LONGEST_NOTE
from bookings.errors import BookingError
from bookings.lifecycle import STAFF_REASONS, BookingStatus, CancelReason
from bookings.management.arguments import operator
from bookings.queries.bookings import visible
from bookings.services.bookings.cancel import cancel_booking


class Command(BaseCommand):
    help = "Cancels a booking as support staff would; a paid one is refunded. Its seats go back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("reference", help="the letters and digits of the booking; blanks and dashes do not matter")
        parser.add_argument("--reason", required=True, choices=[str(reason) for reason in STAFF_REASONS])
        parser.add_argument("--note", default="", help="a sentence for the timeline")

    def handle(self, *args: Any, **options: Any) -> None:
        if len(options["note"]) > LONGEST_NOTE:
            raise CommandError(f"--note has {len(options['note'])} characters; {LONGEST_NOTE} fit.")
        try:
            booking_id = visible.booking_id_of(options["reference"])
            booking = cancel_booking(
                booking_id=booking_id,
                actor=operator(),
                reason=CancelReason(options["reason"]),
                note=options["note"],
            )
        except BookingError as error:
            raise CommandError(f"{options['reference']}: {error.explanation}") from error
        if booking.status == BookingStatus.CANCELLED:
            self.stdout.write(f"{booking.reference} is cancelled ({booking.cancel_reason}).")
        else:
            self.stdout.write(f"{booking.reference} will be cancelled as soon as its payment has ended.")
