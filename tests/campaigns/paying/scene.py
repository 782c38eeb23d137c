"""Everything that a payment meets, as real processes: the service and the stand-in for Stripe."""

import base64
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.db import OperationalError

from bookings.conf import NO_NEWS_FOR
from bookings.db.clock import database_time
from bookings.lifecycle import UNPAID
from bookings.models import Booking, GatewayNotice, Payment, Refund
from bookings.models.payments import CHARGED, PaymentState
from bookingsite.processes.web_server import granian
from devtools.processes import HOST, free_port
from tests.campaigns.doors import Doors, ThroughProxy
from tests.campaigns.paying.books import Books, differences
from tests.campaigns.stack import Stack, start_stack
from tests.campaigns.verdict import Round
from tests.support.http import exchange
from tests.support.invariants import what_is_wrong
from tests.support.paysim import SECRET, PaySim, start_paysim
from tests.support.servers import Web

SETTINGS = "tests.campaigns.paying.settings"
FLIGHTS = 50
# Of each of the two web processes: a call that drips holds one for some seconds.
WEB_THREADS = 24

# One call in three fails, in every way that there is. What holds a thread for seconds is seldom.
A_THIRD = {
    "drop_request_rate": 0.055,
    "drop_reply_rate": 0.055,
    "cut_rate": 0.045,
    "drip_rate": 0.004,
    "hang_rate": 0.001,
    "fail_before_rate": 0.04,
    "fail_after_rate": 0.04,
    "rate_limit_rate": 0.03,
    "lock_timeout_rate": 0.02,
    "conflict_rate": 0.02,
    "garbage_rate": 0.02,
    "bad_gateway_rate": 0.005,
    # What payers' browsers ask for does not fail.
    "only": "/v1/(?!test_helpers)",
}
NOTICES = {
    "notice_late_rate": 0.1,
    "notice_late_ms": 3_000,
    "notice_shuffle_ms": 500,
    "notice_twice_rate": 0.1,
    "notice_double_event_rate": 0.05,
    "notice_lost_rate": 0.05,
    "notice_unsigned_rate": 0.01,
    "notice_forged_rate": 0.01,
    "notice_old_rate": 0.01,
}

HEARD = (
    *("payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled"),
    *("payment_intent.processing", "refund.created", "refund.updated", "refund.failed", "charge.refunded"),
)

# What waits for workers by the end of the load, on a machine that does other things as well.
PATIENCE_SECONDS = 900.0
LOOK_EVERY_SECONDS = 1.0
TRIES = 20


@dataclass
class Scene:
    """What runs, and how payers and the stand-in for Stripe are spoken to."""

    stack: Stack
    paysim: PaySim
    doors: Doors

    @property
    def _paysim_port(self) -> int:
        return int(self.paysim.url.rpartition(":")[2])

    def token(self, card: str) -> str:
        """Make what the payer's browser gives to the client once a card is typed."""
        return token_of(self._paysim_port, card)

    def payer(self, secret: str, do: str, **more: str) -> str:
        """Play one step of a payer; give how the payment stands then, or the error."""
        reply = exchange(self._paysim_port, "POST", f"/__payer/{secret}", {"do": do, **more})
        found: dict[str, Any] = reply.json()
        error: dict[str, Any] = found.get("error", {})
        return str(error.get("code") or error["message"] if error else found["status"])

    def end_of_load(self) -> None:
        """
        Let time go by for all that nobody goes on with, once no request is under way any more.

        Payment windows close, requests that have gone silent are taken for lost, and Stripe forgets all keys, as it
        does after a day: a 500 that it has stored would be said again until then.
        """
        self.paysim.faults()
        self.paysim.forget_keys()
        now = database_time()
        let_time_be_over(list(Booking.objects.filter(status__in=UNPAID).values_list("pk", flat=True)), at=now)
        for pk in list(Payment.objects.filter(state=PaymentState.PROCESSING).values_list("pk", flat=True)):
            silent = Payment.objects.filter(pk=pk, state=PaymentState.PROCESSING, lease=None)
            _insist(partial(silent.update, first_sent_at=now - 2 * NO_NEWS_FOR, next_at=now))

    def settle(self, result: Round, *, since: int) -> None:
        """
        End the load of a round, wait until nothing is open any more, and compare all books.

        :param since: the last payment before it
        """
        failed = self._share_of_faults()
        self.end_of_load()
        began = time.monotonic()
        while found := self._what_is_open():
            if time.monotonic() - began > PATIENCE_SECONDS:
                result.wrong += found
                break
            time.sleep(LOOK_EVERY_SECONDS)
        else:
            result.recovered_after = time.monotonic() - began
        books = Books.of(self.paysim)
        result.wrong += differences(books)
        result.wrong += what_is_wrong(self.stack.sim, books)
        result.errors += self.doors.errors
        self.doors.errors.clear()
        payments = Payment.objects.filter(pk__gt=since)
        result.figures = {
            "payments": payments.count(),
            "paid": payments.filter(state__in=CHARGED).count(),
            "not paid": payments.filter(state=PaymentState.FAILED).count(),
            "refunds": Refund.objects.filter(payment__in=payments, state="done").count(),
            "calls that failed": failed,
            **result.figures,
        }

    def _share_of_faults(self) -> str:
        """Tell how many of the last calls have failed on purpose."""
        calls = [each for each in self.paysim.requests() if "test_helpers" not in each["path"]]
        return f"{sum(bool(each['fault']) for each in calls) / max(1, len(calls)):.0%}"

    def _what_is_open(self) -> list[str]:
        if GatewayNotice.objects.filter(state="new").exists():
            return ["a notice is not followed"]
        return what_is_wrong(self.stack.sim)


def last_payment() -> int:
    """Give the number of the newest payment."""
    return Payment.objects.order_by("pk").values_list("pk", flat=True).last() or 0


def let_time_be_over(bookings: Iterable[int], *, at: datetime) -> None:
    """Move the ends of these bookings, and of their payments' time, to a moment."""
    for booking in bookings:
        _insist(partial(_move_the_end, booking, at))


def _move_the_end(booking: int, at: datetime) -> None:
    Booking.objects.filter(pk=booking, status__in=UNPAID).update(expires_at=at)
    payments = Payment.objects.filter(booking=booking, state=PaymentState.PROCESSING)
    payments.update(act_until=at)
    payments.filter(lease=None).update(next_at=at)


def _insist(change: Callable[[], object]) -> None:
    """Change rows that others lock meanwhile, in another order: this one may be the victim of a deadlock."""
    for _ in range(TRIES):
        try:
            change()
        except OperationalError:
            continue
        return
    raise AssertionError(f"a row could not be changed in {TRIES} tries")


def token_of(port: int, card: str) -> str:
    """Ask the stand-in for a confirmation token of a test card."""
    password = base64.b64encode(f"{SECRET}:".encode()).decode()
    headers = {"Authorization": f"Basic {password}", "Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode({"payment_method": card}).encode()
    reply = exchange(port, "POST", "/v1/test_helpers/confirmation_tokens", body, headers)
    return str(reply.json()["id"])


@contextmanager
def start_scene() -> Iterator[Scene]:
    """Run everything on the configured database, which is migrated; nothing of it is left afterwards."""
    with ExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix="payments-"))
        database = Path(folder) / "paysim.sqlite3"
        paysim = running.enter_context(start_paysim("--notice-pause-ms", "500", database=database))
        port = free_port()
        events = {f"enabled_events[{number}]": name for number, name in enumerate(HEARD)}
        made = paysim.api("POST", "webhook_endpoints", url=f"http://{HOST}:{port}/webhooks/stripe", **events)
        secret = made.json()["secret"]

        def web(env: dict[str, str]) -> list[Web]:
            words = granian(host=HOST, port=port, workers=2, threads=WEB_THREADS, finish_seconds=10)
            return [Web(port, *words, env=env)]

        stack = running.enter_context(
            start_stack(*("--flights", str(FLIGHTS)), webs=web, **settings_of(paysim, secret=secret))
        )
        stack.await_a_pass()
        yield Scene(stack, paysim, Doors([ThroughProxy(port)]))


def settings_of(paysim: PaySim, *, secret: str) -> dict[str, str]:
    """Give the settings of a service whose account is at the stand-in."""
    return {
        "DJANGO_SETTINGS_MODULE": SETTINGS,
        "PAYMENT_TEST_MODE": "true",
        "STRIPE_API_URL": paysim.url,
        "STRIPE_API_KEY": SECRET,
        "STRIPE_PUBLISHABLE_KEY": SECRET.replace("sk_", "pk_"),
        "STRIPE_WEBHOOK_SECRET": secret,
        "CURRENCY": "EUR",
        "WEB_THREADS": str(WEB_THREADS),
        "EXPIRY_INTERVAL_SECONDS": "1",
        "LOG_LEVEL": "CRITICAL",
        "MAX_UNPAID_BOOKINGS_PER_USER": "0",
        "MAX_UNPAID_SEATS_PER_USER_AND_FLIGHT": "0",
    }


def a_flight(dice: random.Random) -> int:
    """Choose a flight."""
    return dice.randint(1, FLIGHTS)
