"""
Kills a process at each place where a payment, a refund or a notice may be interrupted, over the stand-in for Stripe.

A process acts once and dies (SIGKILL). Then its client repeats the request, or the worker comes by first. Time is moved
in the database, so that nothing waits for a lease.
"""

import itertools
import json
import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from unittest import mock

from django.test import override_settings

from bookings import wiring
from bookings.db.clock import database_time
from bookings.lifecycle import CancelReason
from bookings.models import Booking, GatewayNotice
from bookings.ports import FlightService
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.ask_refund import ask_refund
from bookings.services.upkeep.run_pass import run_pass
from tests.campaigns.paying.books import Books, differences
from tests.campaigns.paying.gateway import TirelessStripe, a_gateway_to
from tests.campaigns.paying.scene import let_time_be_over, settings_of, token_of
from tests.campaigns.paying.shoppers import GOOD
from tests.campaigns.points import OF_A_CLOSE, OF_A_PAYMENT
from tests.campaigns.verdict import Round
from tests.crashes.world import SIGKILLED, Mortals, let_leases_end
from tests.support.api import Api, shown
from tests.support.bookings import STAFF, an_initiated_booking
from tests.support.calls import a_refund_request
from tests.support.gateways import a_tireless_gateway
from tests.support.invariants import what_is_wrong
from tests.support.notices import ring
from tests.support.paysim import WEBHOOK_SECRET, PaySim, start_paysim
from tests.support.processes import PLENTY, FlightSim, start_flightsim
from tests.support.stripe import signed

OF_A_REFUND = ("refund.claim", "refund.sent", "refund.answered")
POINTS = (*OF_A_PAYMENT, *OF_A_CLOSE, "refund.ask", *OF_A_REFUND, "notice.stored", "notice.done")

# Some calls fail meanwhile, so a process may not come to its point: then another one tries.
SOME = {
    "drop_reply_rate": 0.05,
    "drop_request_rate": 0.04,
    "cut_rate": 0.03,
    "conflict_rate": 0.03,
    "only": "/v1/(?!test_helpers|events)",
}
CHILDREN = 30
REPETITIONS = 30
PASSES = 30

# The payer comes back from the bank just before the time is over.
PAYS_AT_LAST = 0.4
DECIDED = (200, 201, 402, 409)


class Doomed(NamedTuple):
    """What a process is asked to do, and what a client repeats when it is dead, until it gives something."""

    asked: dict[str, Any]
    repeat: Callable[[], object] = lambda: True


@dataclass
class Kills:
    """The other systems, the processes that die, and those who come after them."""

    sim: FlightSim
    paysim: PaySim
    mortals: Mortals
    flights: FlightService
    gateway: TirelessStripe
    dice: random.Random
    api: Api = field(default_factory=Api)
    users: Iterator[int] = field(default_factory=lambda: itertools.count(1001))

    def at(self, point: str, *, rounds: int) -> Round:
        """Kill at one point again and again, and see that all is in step each time; compare the books at the end."""
        result = Round(point, recovered_after=0.0)
        for _ in range(rounds):
            repeat = self._kill(point)
            if repeat is None:
                result.wrong.append("no process came to this point")
                break
            both = [self.recover, partial(self._repeat, repeat)]
            self.dice.shuffle(both)
            for step in (*both, self.recover):
                result.wrong += step()
            if result.wrong:
                break
        self.paysim.faults()
        books = Books.of(self.paysim)
        result.wrong += [*differences(books), *what_is_wrong(self.sim, books)]
        result.figures = {"kills": rounds}
        return result

    def _kill(self, point: str) -> Callable[[], object] | None:
        for _ in range(CHILDREN):
            self.paysim.faults()
            doomed = self._prepare(point)
            self.paysim.faults(**SOME)
            if self.mortals.live(point=point, **doomed.asked) == SIGKILLED:
                return doomed.repeat
        return None

    def _repeat(self, repeat: Callable[[], object]) -> list[str]:
        """Let the client of the dead process ask again until it is told how it ended."""
        for _ in range(REPETITIONS):
            if repeat():
                return []
            let_leases_end()
        return ["a client was never told how it ended"]

    def recover(self) -> list[str]:
        """Let leases run out and workers come by until nothing is open; give what still is."""
        found = ["not looked at"]
        for _ in range(PASSES):
            let_leases_end()
            run_pass(flights=self.flights, payments={"stripe": self.gateway})
            found = self._open_work()
            if not found:
                break
        return found

    def _open_work(self) -> list[str]:
        is_new = GatewayNotice.objects.filter(state="new").exists()
        return ["a notice is not followed"] if is_new else what_is_wrong(self.sim)

    def _prepare(self, point: str) -> Doomed:
        if point in OF_A_PAYMENT:
            return self._a_payment()
        if point in OF_A_CLOSE:
            return self._a_close()
        if point == "refund.ask":
            return self._a_request_to_refund()
        if point in OF_A_REFUND:
            return self._a_refund()
        return self._a_notice(is_stored=point == "notice.done")

    def hold(self) -> Booking:
        """Hold seats for a customer of its own."""
        return an_initiated_booking(self.flights, user_id=next(self.users))

    def _token(self) -> str:
        return token_of(int(self.paysim.url.rpartition(":")[2]), GOOD)

    def _a_payment(self) -> Doomed:
        booking, key, token = self.hold(), uuid.uuid4().hex, self._token()

        def repeat() -> bool:
            """Pay as the dead process did; once that was closed, by another card under another key."""
            answer = self.api.pay(booking, key=key, paymentToken=token)
            if answer.status_code == 402:
                answer = self.api.pay(booking, key=f"{key}-again", paymentToken=self._token())
            return answer.status_code == 201

        return Doomed({"act": "pay", "booking": booking.pk, "key": key, "order": {"paymentToken": token}}, repeat)

    def _a_close(self) -> Doomed:
        booking = self.hold()
        secret = self.waits_for_its_payer(booking)
        if self.dice.random() < PAYS_AT_LAST:
            self.paysim.payer(secret, "confirm", card=GOOD)
        let_time_be_over([booking.pk], at=database_time())
        return Doomed({"act": "pass"})

    def waits_for_its_payer(self, booking: Booking) -> str:
        """Pay so that the payer must confirm; give the secret for that."""
        secret: str = shown(self.api.pay(booking))["payment"]["action"]["clientSecret"]
        return secret

    def _paid(self) -> Booking:
        booking = self.hold()
        assert self.api.pay(booking, paymentToken=self._token()).status_code == 201
        booking.refresh_from_db()
        return booking

    def _a_request_to_refund(self) -> Doomed:
        booking, key = self._paid(), uuid.uuid4().hex

        def repeat() -> bool:
            """Send the same page again."""
            ask_refund(a_refund_request(Booking.objects.get(pk=booking.pk), action_key=key))
            return True

        return Doomed({"act": "refund", "booking": booking.pk, "key": key}, repeat)

    def _a_refund(self) -> Doomed:
        booking = self._paid()
        if self.dice.random() < 0.5:
            ask_refund(a_refund_request(booking))
        else:
            cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
        return Doomed({"act": "pass"})

    def _a_notice(self, *, is_stored: bool) -> Doomed:
        """A payer has confirmed, and only the notice of it says so at once."""
        self.paysim.payer(self.waits_for_its_payer(self.hold()), "confirm", card=GOOD)
        event = self.paysim.api("GET", "events", type="payment_intent.succeeded", limit=1).json()["data"][0]
        body = json.dumps(event)
        signature = signed(body.encode(), WEBHOOK_SECRET)["Stripe-Signature"]

        def send() -> bool:
            return bool(ring(body.encode(), gateway="stripe", signed=signature).status_code == 200)

        if is_stored:
            assert send()
            return Doomed({"act": "pass"}, send)
        return Doomed({"act": "ring as stripe", "body": body, "signed": signature}, send)


@contextmanager
def start_kills(*, seed: int) -> Iterator[Kills]:
    """Run both other systems and the process that forks, and let this process be what comes after a crash."""
    with ExitStack() as running:
        sim = running.enter_context(start_flightsim("--capacity", str(PLENTY)))
        paysim = running.enter_context(start_paysim())
        known = settings_of(paysim, secret=WEBHOOK_SECRET)
        mortals = running.enter_context(Mortals(flights_url=sim.url, payments_file="", **known))
        gateway = a_gateway_to(paysim.url, webhook_secret=WEBHOOK_SECRET)
        flights = a_tireless_gateway(sim.url)
        wired = {"payment_gateway": gateway, "payment_gateways": {"stripe": gateway}, "flight_service": flights}
        for name, made in wired.items():
            running.enter_context(mock.patch.object(wiring, name, return_value=made))
        running.enter_context(override_settings(CURRENCY="EUR"))
        yield Kills(sim, paysim, mortals, flights, gateway, random.Random(seed))
