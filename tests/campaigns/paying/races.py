"""Payers against deadlines, against their own second tab, and staff against one another."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from operator import attrgetter

from django.db.models import Sum

from bookings.db.clock import database_time
from bookings.deadline import Deadline
from bookings.errors import BookingChanged, RefundTooLarge
from bookings.models import Booking, Payment, Refund
from bookings.services.payments.ask_refund import ask_refund
from bookings.services.payments.look import settle_due_payments
from tests.campaigns.paying.gateway import a_gateway_to
from tests.campaigns.paying.scene import Scene, last_payment, let_time_be_over
from tests.campaigns.paying.shoppers import ASKS, GOOD, OTHER, PASSES, Diary, Means, Shopper
from tests.campaigns.verdict import Round
from tests.races.crowd import on_own_connection
from tests.support.calls import a_refund_request
from tests.support.threads import in_one_instant

# A payer answers its bank so many seconds before or after the end of its time, at random.
AROUND_SECONDS = 1.0
# All have come to their banks before the time of the first is over; then that of one after another is.
BATCH = 100
BEFORE_THE_FIRST_SECONDS = 3.0
ENDS_PER_SECOND = 15.0
ANSWERED_AT_ONCE = 12
# Of many rounds, so many must end in each way: otherwise the two never met.
AT_LEAST = 0.03
MANY = 200

# What the stand-in says to a payer who answers too late.
CLOSED = "has a status of canceled: no bank asks anything"

# In which a worker without anything to do looks again.
RESTS_SECONDS = 0.02
RESTLESS_WORKERS = 2

PARTS_EACH = 20
# So that fifteen of the twenty fit into what was paid.
PART_OF_A_PAYMENT = 15


@dataclass(frozen=True)
class Answer:
    """What a payer tells its bank, and when, on the monotonic clock; `is_late` by the payer's own clock."""

    at: float
    secret: str
    is_late: bool


def answer_at_the_deadline(scene: Scene, *, rounds: int, at_once: int, seed: int) -> Round:
    """Let payers pass their bank's question at the end of their time: they are booked, or were never charged."""
    result, since, told = Round("deadlines"), last_payment(), Counter[tuple[str, bool]]()
    dice, lock = random.Random(seed), threading.Lock()

    def answer(given: Answer) -> None:
        time.sleep(max(0.0, given.at - time.monotonic()))
        stands = scene.payer(given.secret, PASSES)
        with lock:
            told[stands, given.is_late] += 1

    with restless_workers(scene), ThreadPoolExecutor(ANSWERED_AT_ONCE) as payers:
        for left in range(rounds, 0, -BATCH):
            waiting = at_the_bank(scene, rounds=min(left, BATCH), at_once=at_once, seed=seed)
            for _ in payers.map(answer, ends_set(waiting, dice)):
                pass
    scene.settle(result, since=since)
    paid = told["succeeded", False] + told["succeeded", True]
    closed = sum(count for (said, _), count in told.items() if said.endswith(CLOSED))
    result.figures |= {"rounds": rounds, "paid after the end": told["succeeded", True]}
    if paid + closed != rounds:
        result.wrong.append(f"payers were told something else: {dict(told)}")
    if rounds >= MANY and min(paid, closed) < AT_LEAST * rounds:
        result.wrong.append(f"no race: {paid} paid, {closed} closed")
    return result


def at_the_bank(scene: Scene, *, rounds: int, at_once: int, seed: int) -> dict[int, str]:
    """Lead payers to where their bank asks; give the secret with which each answers, by its booking."""
    waiting: dict[int, str] = {}

    def one(shopper: Shopper, dice: random.Random) -> None:
        booking = shopper.hold()
        waiting[booking["id"]] = shopper.comes_to_the_bank(booking, Means(ASKS, confirms=dice.random() < 0.5))

    in_parallel(scene, one, rounds=rounds, at_once=at_once, seed=seed)
    return waiting


def ends_set(waiting: Mapping[int, str], dice: random.Random) -> list[Answer]:
    """Let the time of each payer be over soon, of one after another; give their answers, in order."""
    began, now, answers = time.monotonic(), database_time(), []
    for number, (booking, secret) in enumerate(waiting.items()):
        ends_after = BEFORE_THE_FIRST_SECONDS + number / ENDS_PER_SECOND
        let_time_be_over([booking], at=now + timedelta(seconds=ends_after))
        around = dice.uniform(-AROUND_SECONDS, AROUND_SECONDS)
        answers.append(Answer(began + ends_after + around, secret, is_late=around > 0))
    return sorted(answers, key=attrgetter("at"))


@contextmanager
def restless_workers(scene: Scene) -> Iterator[None]:
    """
    Let payments be closed without a pause for the length of the block, by what the workers do once a second.

    So the close comes in the very moment in which the time is over, as with a worker that was just woken.
    """
    over = threading.Event()
    payments = {"stripe": a_gateway_to(scene.paysim.url, webhook_secret="")}

    def work() -> None:
        while not over.wait(RESTS_SECONDS):
            settle_due_payments(payments=payments, deadline=Deadline(5))

    with ThreadPoolExecutor(RESTLESS_WORKERS) as pool:
        working = [pool.submit(on_own_connection, work) for _ in range(RESTLESS_WORKERS)]
        try:
            yield
        finally:
            over.set()
    for each in working:
        each.result()


def pay_in_two_tabs(scene: Scene, *, rounds: int, at_once: int, seed: int) -> Round:
    """Let one customer pay by two cards in two tabs at the same moment: one card is charged."""
    result, answers, alone, since = Round("tabs"), Counter[str](), Counter[int](), last_payment()
    lock = threading.Lock()

    def one(shopper: Shopper, dice: random.Random) -> None:
        booking = shopper.hold()
        means = (Means(GOOD, confirms=dice.random() < 0.3), Means(OTHER, confirms=dice.random() < 0.3))
        ends = [each.result() for each in in_one_instant([partial(shopper.pay, booking, each) for each in means])]
        if "201" not in ends:  # each tab was closed for the other's sake: the customer tries again
            ends.append(shopper.pay(booking, Means(GOOD)))
        with lock:
            answers.update(ends)
            alone[ends.count("201")] += 1

    in_parallel(scene, one, rounds=rounds, at_once=at_once, seed=seed)
    scene.settle(result, since=since)
    result.figures |= {"rounds": rounds}
    print(f"what tabs were told: {dict(answers.most_common())}", flush=True)
    if alone[1] != rounds:
        result.wrong.append(f"tabs that were told that they have paid: {dict(alone)}")
    return result


def refund_in_parts(scene: Scene, *, rounds: int, at_once: int, seed: int) -> Round:
    """Let staff ask for twenty refunds of one payment at once, of which fifteen fit: those are made, and no others."""
    result, allowed, since = Round("refunds"), Counter[int](), last_payment()
    lock = threading.Lock()
    payments: list[int] = []

    def one(shopper: Shopper, _dice: random.Random) -> None:
        booking = shopper.hold()
        shopper.pay(booking, Means(GOOD))
        part = booking["totalCost"] // PART_OF_A_PAYMENT
        asks = [partial(on_own_connection, ask_until_heard, booking["id"], part)] * PARTS_EACH
        count = sum(each.result() for each in in_one_instant(asks))
        with lock:
            allowed[count] += 1
            payments.append(Payment.objects.get(booking=booking["id"], state="succeeded").pk)

    in_parallel(scene, one, rounds=rounds, at_once=at_once, seed=seed)
    scene.settle(result, since=since)
    done = Refund.objects.filter(payment__in=payments, state="done")
    result.figures |= {"rounds": rounds, "refunds asked for": rounds * PARTS_EACH}
    expected = {PART_OF_A_PAYMENT: rounds}
    if dict(allowed) != expected or done.count() != rounds * PART_OF_A_PAYMENT:
        result.wrong.append(f"allowed {dict(allowed)}, not {expected}; {done.count()} made")
    left = Payment.objects.filter(pk__in=payments).aggregate(paid=Sum("amount"), back=Sum("refunded"))
    if left["back"] > left["paid"]:
        result.wrong.append(f"more goes back than was paid: {left}")
    return result


def ask_until_heard(booking_id: int, amount: int) -> bool:
    """Ask for a refund from a new page each time that a colleague was quicker; tell whether it was allowed."""
    while True:
        try:
            ask_refund(a_refund_request(Booking.objects.get(pk=booking_id), amount))
        except BookingChanged:
            continue
        except RefundTooLarge:
            return False
        return True


def in_parallel(
    scene: Scene, one: Callable[[Shopper, random.Random], None], *, rounds: int, at_once: int, seed: int
) -> None:
    """Play so many rounds, some of them at once, each by a customer of its own."""
    numbers = itertools.count(seed * 1_000_000_000 + Booking.objects.count())

    def live(number: int) -> None:
        dice = random.Random(f"{seed} {number}")
        on_own_connection(one, Shopper(scene, Diary(), dice, user=number), dice)

    with ThreadPoolExecutor(at_once) as pool:
        played = [pool.submit(live, next(numbers)) for _ in range(rounds)]
    for each in played:
        each.result()
