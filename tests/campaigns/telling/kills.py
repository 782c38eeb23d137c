"""
Kills a process at each place where news, or a webhook, may be interrupted, while a fifth of all answers gets lost.

A process acts once and dies (SIGKILL); then another one does what is due. Time is moved in the database, so that
nothing waits for a lease, a pause or a rest.
"""

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest import mock

from bookings import tasks, wiring
from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Announcement, Booking, WebhookDelivery, WebhookEndpoint
from bookings.models.webhooks import DeliveryState
from bookings.ports import FlightService
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.webhooks.again import ask_for_replay
from tests.campaigns.telling.receiver import Receiver, start_receiver
from tests.campaigns.verdict import Round
from tests.crashes.world import SIGKILLED, Mortals
from tests.support.bookings import STAFF, an_initiated_booking
from tests.support.gateways import a_tireless_gateway
from tests.support.invariants import violations
from tests.support.processes import PLENTY, start_flightsim
from tests.support.webhooks import OPEN, OWNER

OF_SENDING = ("webhook.claim", "webhook.sent", "webhook.answered", "webhook.record")
OF_ASKING = {"endpoint.ping": "ping", "delivery.redeliver": "redeliver", "replay.ask": "replay"}
POINTS = ("news.announced", *OF_SENDING, *OF_ASKING, "replay.cut")

NAME, LOST = "crm", 0.2
# Nothing to do, or an answer that got lost, may keep a process from its point: then another one tries.
CHILDREN = 30
LOOKS = 60


@dataclass
class Kills:
    """An endpoint that loses answers, the processes that die, and those who come after them."""

    receiver: Receiver
    endpoint: WebhookEndpoint
    mortals: Mortals
    flights: FlightService
    users: Iterator[int] = field(default_factory=lambda: itertools.count(1001))

    def at(self, point: str, *, rounds: int) -> Round:
        """Kill at one point again and again; give what was lost, told twice, or changed on its way."""
        result = Round(point, recovered_after=0.0)
        before = Announcement.objects.count()
        for _ in range(rounds):
            if not self._kill(point):
                result.wrong.append("no process came to this point")
                break
            result.wrong += self.recover()
            if result.wrong:
                break
        result.wrong += self.differences()
        result.figures = {"kills": rounds, "events": Announcement.objects.count() - before}
        return result

    def _kill(self, point: str) -> bool:
        for _ in range(CHILDREN):
            asked = self._prepare(point)
            if self.mortals.live(point=point, endpoint=self.endpoint.key, **asked) == SIGKILLED:
                return True
            self.recover()
        return False

    def _prepare(self, point: str) -> dict[str, Any]:
        """Let something happen, and say what a process is to do about it."""
        self.let_something_happen()
        if point == "news.announced":
            return {"act": "tell"}
        tasks.tell()
        if point in OF_SENDING:
            return {"act": "deliver"}
        if point == "replay.cut":
            self.recover()
            since = database_time() - timedelta(days=1)
            ask_for_replay(key=self.endpoint.key, since=since, until=None, only_dead=False, owner=OPEN, actor=OWNER)
            return {"act": "deliver"}
        last = WebhookDelivery.objects.order_by("-pk").values_list("pk", flat=True).first()
        return {"act": OF_ASKING[point], "delivery": last}

    def let_something_happen(self) -> None:
        """Hold seats, and give every other booking up again."""
        booking = an_initiated_booking(self.flights, user_id=next(self.users))
        if booking.pk % 2:
            cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.CUSTOMER_REQUEST)

    def recover(self) -> list[str]:
        """Let what waits be due, and do it, until nothing is left; give what still is."""
        for _ in range(LOOKS):
            let_it_be_due()
            tasks.tell()
            tasks.deliver()
            if not self._open():
                return []
        return [f"still open: {self._open()}"]

    def _open(self) -> list[str]:
        waits = Booking.objects.filter(announced=0, held_at__isnull=False).exists()
        pending = WebhookDelivery.objects.filter(state=DeliveryState.PENDING).count()
        return ["news that is not told"] * waits + [f"{pending} deliveries"] * bool(pending)

    def differences(self) -> list[str]:
        """Compare what was told with what happened, and what came with what was told."""
        told = set(Announcement.objects.values_list("key", flat=True))
        came, journal = self.receiver.ids(NAME), self.receiver.journal()[NAME]
        found = [*violations(), *([f"never came: {len(told - came)} of {len(told)}"] if told - came else [])]
        strange = {each for each in came - told if not each.startswith("ping_")}
        return (
            found
            + [
                f"{journal[name]} {what}"
                for name, what in (("refused", "not believed"), ("different", "came again with other bytes"))
                if journal[name]
            ]
            + [f"{len(strange)} that nobody told"] * bool(strange)
        )


def let_it_be_due() -> None:
    """Move the ends of all leases, pauses and rests to now."""
    now = database_time()
    Booking.objects.filter(announce_at__gt=now, announced=0).update(announce_at=now)
    WebhookDelivery.objects.filter(state=DeliveryState.PENDING, next_at__gt=now).update(next_at=now)
    WebhookEndpoint.objects.update(rest_until=None, failures=0, failing_since=None, lane=None, lane_until=None)


@contextmanager
def start_kills() -> Iterator[Kills]:
    """Run a Flight Service, a receiver, and the process that forks; let this process be what comes after a crash."""
    with ExitStack() as running:
        sim = running.enter_context(start_flightsim("--capacity", str(PLENTY)))
        receiver = running.enter_context(start_receiver())
        mortals = running.enter_context(Mortals(flights_url=sim.url, payments_file="", **receiver.settings()))
        running.enter_context(mock.patch.object(wiring, "webhooks", return_value=receiver.sender()))
        endpoint = receiver.make_endpoint(NAME)
        tasks.deliver()
        receiver.does(NAME, lost=LOST)
        yield Kills(receiver, endpoint, mortals, a_tireless_gateway(sim.url))
