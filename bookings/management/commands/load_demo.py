from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from bookings import wiring
from bookings.actor import Actor, ActorKind
from bookings.errors import BookingError
from bookings.models import Booking
from bookings.services.create_booking import SeatOrder, create_booking
from bookings.services.idempotency import KeyedRequest

DEMO_ORDERS = (
    SeatOrder(flight_id=1, user_id=1001, no_of_seats=1),
    SeatOrder(flight_id=2, user_id=1002, no_of_seats=3),
    SeatOrder(flight_id=3, user_id=1003, no_of_seats=2),
)


class Command(BaseCommand):
    help = "Makes the demo log-in (only while DEBUG=true) and a few bookings. May run twice."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DEBUG:
            self._make_login()
        made = 0
        for order in DEMO_ORDERS:
            made += self._hold(order)
        self.stdout.write(f"demo data: {made} new bookings, {Booking.objects.count()} in all")

    def _make_login(self) -> None:
        users = get_user_model().objects
        if not users.filter(username="admin").exists():
            users.create_superuser(username="admin", password="admin")  # a demo, DEBUG only  # noqa: S106  # nosec B106

    def _hold(self, order: SeatOrder) -> int:
        """Hold the seats of one demo booking, once: its key is always the same."""
        key = f"demo-{order.flight_id}-{order.user_id}"
        keyed = KeyedRequest.of(principal="demo", endpoint="load_demo", key=key, validated={"key": key})
        try:
            answer = create_booking(
                order=order,
                actor=Actor(kind=ActorKind.CUSTOMER, name=str(order.user_id), user_id=order.user_id),
                keyed=keyed,
                respond_async=False,
                flights=wiring.flight_service(),
            )
        except BookingError as error:
            self.stderr.write(f"flight {order.flight_id}: no demo booking ({error.explanation})")
            return 0
        return 0 if "Idempotent-Replayed" in answer.headers else 1
