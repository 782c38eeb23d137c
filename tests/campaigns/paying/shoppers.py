"""
Shoppers who hold seats and pay for them, each in one of many ways, while others cancel beside them.

A request is repeated under its key until it is decided, or until its shopper goes home.
"""

import itertools
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.db import OperationalError

from bookings.db.clock import database_time
from bookings.errors import BookingError
from bookings.lifecycle import CancelReason
from bookings.models import Booking
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.ask_refund import ask_refund
from tests.campaigns.load import NOT_DECIDED_CODES, Shown
from tests.campaigns.paying.scene import Scene, a_flight, let_time_be_over
from tests.campaigns.verdict import code_of
from tests.races.crowd import on_own_connection
from tests.support.api import BOOKINGS, PAYMENTS
from tests.support.bookings import STAFF
from tests.support.calls import a_refund_request
from tests.support.http import Reply

GOOD, OTHER, EMPTY = "pm_card_visa", "pm_card_mastercard", "pm_card_visa_chargeDeclinedInsufficientFunds"
ASKS, ASKS_THEN_DECLINES = "pm_card_threeDSecure2Required", "pm_card_threeDSecureRequiredChargeDeclined"

PASSES, FAILS, WALKS_AWAY = "authenticate", "fail_authentication", "walk_away"

# What decides nothing: asked again under the same key.
AGAIN = (0, 202, 429, 502, 503, 504)
PAUSE_SECONDS = (0.3, 1.2)
GOES_HOME_AFTER_SECONDS = 15.0
# Within the time of a payment request, from its first call to its last.
BESIDE_SECONDS = 0.4

# Of those who have paid.
CANCELLED_BY_STAFF, REFUNDED_IN_PART = 0.08, 0.08

WENT_HOME = "went home"


@dataclass(frozen=True)
class Means:
    """
    What a payer pays with.

    `card` is typed into the client's form, which gives a token of it; or, of a payer who confirms, into Stripe's.
    """

    card: str
    confirms: bool = False
    # What the payer does when the bank asks.
    at_the_bank: str = PASSES
    leaves: bool = False


# How a shopper pays: one means after another, until one has paid, or none is left.
Way = tuple[Means, ...]
WAYS: Mapping[str, tuple[int, Way]] = {
    "pays by card": (34, (Means(GOOD),)),
    "is declined, and takes another card": (8, (Means(EMPTY), Means(OTHER))),
    "is declined, and leaves": (3, (Means(EMPTY),)),
    "is asked by the bank": (10, (Means(ASKS),)),
    "fails at the bank, and takes another card": (4, (Means(ASKS, at_the_bank=FAILS), Means(GOOD))),
    "is asked by the bank, then declined": (3, (Means(ASKS_THEN_DECLINES),)),
    "walks away from the bank": (4, (Means(ASKS, at_the_bank=WALKS_AWAY),)),
    "confirms": (16, (Means(GOOD, confirms=True),)),
    "confirms, is declined, and confirms once more": (5, (Means(EMPTY, confirms=True), Means(GOOD, confirms=True))),
    "confirms, and is asked by the bank": (6, (Means(ASKS, confirms=True),)),
    "walks away from the form": (4, (Means(GOOD, confirms=True, leaves=True),)),
    "walks away from the form, and pays in another tab": (3, (Means(GOOD, confirms=True, leaves=True), Means(OTHER))),
}

# What somebody else does while a payment is under way, and how often.
BESIDE: Mapping[str, int] = {"": 84, "customer cancels": 5, "staff cancel": 5, "pays in a second tab": 6}


@dataclass
class Diary:
    """What became of all shoppers; used by many threads."""

    heard: list[tuple[str, int, Shown]] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, end: str) -> None:
        with self._lock:
            self.ends[end] += 1


class Shopper:
    """One customer with one booking."""

    def __init__(self, scene: Scene, diary: Diary, dice: random.Random, *, user: int) -> None:
        self._scene, self._diary, self._dice, self._user = scene, diary, dice, user

    def hold(self, seats: int = 1) -> Shown:
        """Hold seats; empty if there is no answer in time."""
        order = {"flightId": a_flight(self._dice), "userId": self._user, "noOfSeats": seats}
        reply = self.until_decided(BOOKINGS, order)
        booking: Shown = reply.json()["data"] if reply.status == 201 else {}
        return booking

    def shop(self, beside: ThreadPoolExecutor) -> None:
        """Hold seats, pay in some way while others may disturb, and perhaps have second thoughts."""
        booking = self.hold(self._dice.randint(1, 3))
        if not booking:
            self._diary.note("not held")
            return
        names = list(WAYS)
        way = WAYS[self._dice.choices(names, [WAYS[name][0] for name in names])[0]][1]
        other = self._dice.choices(list(BESIDE), list(BESIDE.values()))[0]
        disturbed = beside.submit(on_own_connection, self._disturb, booking, other, random.Random(self._dice.random()))
        end = ""
        for means in way:
            end = self.pay(booking, means)
            if end not in ("payment_declined", "payment_not_completed", WALKS_AWAY, WENT_HOME):
                break
        disturbed.result()
        self._diary.note(end)
        if end == "201":
            self._reconsider(booking)

    def pay(self, booking: Shown, means: Means) -> str:
        """Pay until that is decided; give the code of the answer, `201`, or how the payer has left."""
        played: list[str] = []

        def follow(shown: Shown) -> bool:
            """Do what the payer has to do, once; tell whether the payer has left."""
            secret = _secret_in(shown)
            if not secret or secret in played:
                return False
            played.append(secret)
            return self._play(means, secret)

        reply = self.until_decided(PAYMENTS, self._payment(booking, means), follow=follow)
        if reply.status == 202 and played and (means.leaves or means.at_the_bank == WALKS_AWAY):
            on_own_connection(partial(let_time_be_over, [booking["id"]], at=_a_second_from_now()))
            return WALKS_AWAY
        return WENT_HOME if reply.status in AGAIN else code_of(reply)

    def comes_to_the_bank(self, booking: Shown, means: Means) -> str:
        """Pay until the payer's bank asks something; give the secret with which the payer answers."""
        secrets: list[str] = []

        def follow(shown: Shown) -> bool:
            secrets.extend(filter(None, [_secret_in(shown)]))
            return bool(secrets)

        reply = self.until_decided(PAYMENTS, self._payment(booking, means), follow=follow)
        assert secrets, reply
        if means.confirms:
            self._scene.payer(secrets[0], "confirm", card=means.card)
        return secrets[0]

    def _payment(self, booking: Shown, means: Means) -> Shown:
        content = {"bookingId": booking["id"], "userId": booking["userId"], "totalCost": booking["totalCost"]}
        return content if means.confirms else {**content, "paymentToken": self._scene.token(means.card)}

    def _play(self, means: Means, secret: str) -> bool:
        if means.leaves:
            return True
        stands = self._scene.payer(secret, "confirm", card=means.card) if means.confirms else "requires_action"
        if stands != "requires_action":
            # A form that says no is still there: the next means is typed into it, under a key of its own.
            return False
        self._scene.payer(secret, means.at_the_bank)
        return means.at_the_bank == WALKS_AWAY

    def until_decided(self, path: str, content: Shown, *, follow: Callable[[Shown], bool] = lambda _: False) -> Reply:
        """Send a request under a key of its own until it is decided, or its sender leaves; give the last answer."""
        key, ends_at = uuid.uuid4().hex, time.monotonic() + GOES_HOME_AFTER_SECONDS
        while True:
            reply = self._scene.doors.ask("POST", path, content, key=key)
            if reply.status not in AGAIN and code_of(reply) not in NOT_DECIDED_CODES:
                self._diary.heard.append((key, reply.status, reply.json()))
                return reply
            has_left = reply.status == 202 and follow(reply.json()["data"])
            if has_left or time.monotonic() > ends_at:
                return reply
            time.sleep(self._dice.uniform(*PAUSE_SECONDS))

    def _disturb(self, booking: Shown, other: str, dice: random.Random) -> None:
        if not other:
            return
        time.sleep(dice.uniform(0.0, BESIDE_SECONDS))
        match other:
            case "customer cancels":
                self.until_decided(f"{BOOKINGS}/{booking['id']}/cancel", {"userId": booking["userId"]})
            case "staff cancel":
                as_staff(partial(_cancel, booking["id"]))
            case "pays in a second tab":
                self.pay(booking, Means(OTHER))

    def _reconsider(self, booking: Shown) -> None:
        """Let staff cancel what was paid, or give a part of it back."""
        thrown = self._dice.random()
        if thrown < CANCELLED_BY_STAFF:
            on_own_connection(as_staff, partial(_cancel, booking["id"]))
        elif thrown < CANCELLED_BY_STAFF + REFUNDED_IN_PART:
            amount = self._dice.randint(1, booking["totalCost"])
            on_own_connection(as_staff, partial(_give_back, booking["id"], amount))


def _secret_in(shown: Shown) -> str:
    """Read what the payer needs to act; empty if there is nothing to do."""
    action = (shown.get("payment") or {}).get("action") or {}
    return str(action.get("clientSecret") or "")


def _a_second_from_now() -> datetime:
    return database_time() + timedelta(seconds=1)


def as_staff(act: Callable[[], object]) -> None:
    """Do what support staff do, who may be told that it cannot be done."""
    try:
        act()
    except (BookingError, OperationalError):
        return


def _cancel(booking_id: int) -> None:
    cancel_booking(booking_id=booking_id, actor=STAFF, reason=CancelReason.FRAUD)


def _give_back(booking_id: int, amount: int) -> None:
    ask_refund(a_refund_request(Booking.objects.get(pk=booking_id), amount))


def crowd(scene: Scene, *, payments: Callable[[], int], wanted: int, shoppers: int, seed: int) -> Diary:
    """Let so many shoppers come at once, again and again, until so many payments have begun."""
    diary, numbers, enough = Diary(), itertools.count(1), threading.Event()

    def live() -> None:
        with ThreadPoolExecutor(1) as beside:
            for number in _until(enough, numbers):
                shopper = Shopper(scene, diary, random.Random(f"{seed} {number}"), user=1_000_000 * seed + number)
                shopper.shop(beside)

    with ThreadPoolExecutor(shoppers) as pool:
        living = [pool.submit(on_own_connection, live) for _ in range(shoppers)]
        try:
            while payments() < wanted and not any(each.done() for each in living):
                time.sleep(0.5)
        finally:
            enough.set()
    for each in living:
        each.result()
    return diary


def _until(enough: threading.Event, numbers: Iterator[int]) -> Iterator[int]:
    while not enough.is_set():
        yield next(numbers)
