"""Makes what the demo shows; `devtools.demo` runs it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bookings import wiring
from bookings.actor import Actor, ActorKind
from bookings.answers.results import Created, Refused
from bookings.errors import BookingError
from bookings.models import Booking
from bookings.services.bookings.create import create_booking
from bookings.services.bookings.orders import SeatOrder
from bookings.services.shared.idempotency import KeyedRequest
from devtools.demo.history import Interrupted, fill_up
from devtools.demo.people import make_people

DEMO_ORDERS = (
    SeatOrder(flight_id=1, user_id=1001, no_of_seats=1),
    SeatOrder(flight_id=2, user_id=1002, no_of_seats=3),
    SeatOrder(flight_id=3, user_id=1003, no_of_seats=2),
)


class Command(BaseCommand):
    help = "Makes the demo log-ins (only while DEBUG=true) and a few bookings, or many. May run twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--bookings",
            type=int,
            default=0,
            metavar="N",
            help="fill up to N past and present demo bookings, only while DEBUG=true (a million takes minutes)",
        )
        parser.add_argument(
            "--people-only",
            action="store_true",
            help="make the log-ins alone: bookings take seats at the Flight Service, which may be a real one",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 <= options["bookings"] <= 100_000_000:
            raise CommandError("--bookings must be from 0 to 100,000,000")
        if options["bookings"] and not settings.DEBUG:
            # They would be counted as paid, and their rows and seats are never deleted.
            raise CommandError("--bookings fills a demo, and only while DEBUG=true")
        if options["bookings"] and settings.CELL.of > 1:
            # Their numbers are counted one by one.
            raise CommandError("--bookings fills the only cell: omit CELL")
        missing = make_people() if settings.DEBUG else []
        for group in missing:
            self.stderr.write(f"there is no group {group}, so its member was not made: run migrate")
        if options["people_only"]:
            return
        made = 0
        for order in DEMO_ORDERS:
            made += self._hold(order)
        try:
            made += fill_up(options["bookings"], flights=wiring.flight_service(), say=self.stderr.write)
        except Interrupted as error:
            raise CommandError(f"the Flight Service gave no answer ({error}); run this again") from error
        self.stdout.write(f"demo data: {made} new bookings, {Booking.objects.count()} in all")

    def _hold(self, order: SeatOrder) -> int:
        """Reserve the seats of one demo booking, once: its key is always the same. Return how many were made."""
        key = f"demo-{order.flight_id}-{order.user_id}"
        keyed = KeyedRequest.of(principal="demo", endpoint="demo", key=key, validated={"key": key})
        try:
            result = create_booking(
                order=order,
                actor=Actor(kind=ActorKind.CUSTOMER, name=str(order.user_id), user_id=order.user_id),
                keyed=keyed,
                respond_async=False,
                flights=wiring.flight_service(),
            )
            if isinstance(result, Refused):
                raise result.problem
        except BookingError as error:
            self.stderr.write(f"flight {order.flight_id}: no demo booking ({error.explanation})")
            return 0
        return int(isinstance(result, Created))
