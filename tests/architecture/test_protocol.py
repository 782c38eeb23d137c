"""docs/protocol.md names every transaction, every crash point and the order of locks as the code has them."""

import ast
import itertools
import re

import pytest
from django.db import connection

from bookings.db import transactions
from bookings.lifecycle import AfterFailure, CancelReason, Decision
from bookings.models import Booking, Payment, SeatExchange
from bookings.services.bookings.cancel import cancel_booking
from bookings.services.payments.ask_refund import ask_refund
from bookings.services.payments.decide_failed_refund import FailureResolution, decide_failed_refund
from bookings.services.payments.resolve_payment import resolve_payment
from bookings.services.payments.resolve_refund import resolve_refund
from bookings.services.seats.resolve_exchange import resolve_exchange
from bookings.services.seats.resolve_release import resolve_release
from bookings.services.seats.resolve_reservation import resolve_reservation
from devtools.processes import REPOSITORY
from tests.campaigns import points
from tests.support.api import shown
from tests.support.bookings import (
    STAFF,
    a_booked_booking,
    a_cancelled_booking,
    a_pending_booking,
    an_initiated_booking,
    an_owed_refund,
    gateways_of,
    let_time_pass,
    one_pass,
)
from tests.support.bulk import start
from tests.support.calls import (
    a_dead_payment,
    a_dead_refund,
    a_dead_release,
    a_refund_request,
    a_resolution,
    a_stuck_reservation,
)
from tests.support.fakes import ChargeFault, Fault

PROTOCOL, WITHOUT_KEYS = ((REPOSITORY / "docs" / name).read_text() for name in ("protocol.md", "unkeyed.md"))
NAME = re.compile(r"`([a-z_]+\.[a-z_]+)`")

# What the page says in words, as statements lock it.
LOCKED = {
    "announcer": "heartbeat",
    "user hold": "user_hold",
    "*insert* idempotency record": "insert idempotency_record",
    "booking (ascending id)": "booking",
    "case": "booking_case",
    "bulk cancellation": "bulk_cancel",
    "row of a bulk cancellation": "bulk_cancel_row",
    "payment": "payment",
    "refund": "refund",
    "dispute": "dispute",
    "exchange": "seat_exchange",
    "seat by number": "booking_seat",
    "seat call": "seat_call",
    "announcement": "announcement",
    "API key": "api_key",
    "webhook endpoint": "webhook_endpoint",
    "replay": "webhook_replay",
    "delivery": "webhook_delivery",
    "contact": "contact",
    "message": "message",
    "suppressed address": "suppressed_address",
    "*update* idempotency record": "update idempotency_record",
}
WRITES = re.compile(r"(INSERT|UPDATE|DELETE)\b(?: IGNORE)?(?: INTO| FROM)?\s+`(\w+)`")
READS_LOCKED = re.compile(r"(SELECT)\b.*?\bFROM `(\w+)`.* FOR UPDATE", re.DOTALL)


def first_columns(table: str) -> list[str]:
    """Give the first column of each line of a table whose head begins like this."""
    lines = (PROTOCOL + WITHOUT_KEYS).split(f"| {table} |")[1:]
    bodies = [re.split(r"\n(?!\|)", each, maxsplit=1)[0] for each in lines]
    return [line.split("|")[1] for body in bodies for line in body.splitlines()[2:]]


def names_in(cells: list[str]) -> set[str]:
    return {name for cell in cells for name in NAME.findall(cell)}


def transactions_in(*sources: str) -> set[str]:
    """Name the transactions of some modules: what is given to `in_transaction`, `in_one_statement` and `run`."""
    calls = [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    named = [
        (getattr(call.func, "attr", getattr(call.func, "id", "")), call.args[0].value)
        for call in calls
        if call.args and isinstance(call.args[0], ast.Constant)
    ]
    return {
        name
        for function, name in named
        if function in ("in_transaction", "in_one_statement", "run") and NAME.fullmatch(f"`{name}`")
    }


def lock_order() -> list[str]:
    """Read the order of locks off the page."""
    sentence = re.search(r"Lock order, everywhere: (.*?)\. ", PROTOCOL, re.DOTALL).group(1)
    return [LOCKED[" ".join(words.split())] for words in sentence.split("→")]


def out_of_order(locked: list[str], order: list[str]) -> list[str]:
    """Name what is locked after something that should come after it. Locked once more is nothing new."""
    first = [order.index(name) for name in dict.fromkeys(locked) if name in order]
    return [order[later] for earlier, later in itertools.pairwise(first) if later < earlier]


def lock_of(sql: str) -> str | None:
    """Name what a statement locks: a table, or with its verb the idempotency records."""
    found = WRITES.match(sql) or READS_LOCKED.match(sql)
    if found is None:
        return None
    verb, table = found.groups()
    return f"{verb.lower()} {table}" if table == "idempotency_record" else table


@pytest.fixture
def locks(monkeypatch) -> dict[str, list[list[str]]]:
    """What each transaction locked, in the order in which it did, by the transaction's name."""
    seen: dict[str, list[list[str]]] = {}
    run = transactions.run

    def run_and_note(name, block, **how):
        def noted():
            of_this: list[str] = []
            seen.setdefault(name, []).append(of_this)

            def note(execute, sql, params, many, context):
                of_this.extend([lock] if (lock := lock_of(sql)) else [])
                return execute(sql, params, many, context)

            with connection.execute_wrapper(note):
                return block()

        return run(name, noted, **how)

    monkeypatch.setattr(transactions, "run", run_and_note)
    return seen


def wrong_in(locks):
    order = lock_order()
    found = {name: [out_of_order(each, order) for each in runs] for name, runs in locks.items()}
    return {name: runs for name, runs in found.items() if any(runs)}


def test_the_page_names_the_transactions_that_there_are():
    folders = ("bookings", "bookingsite")
    product = [file.read_text() for folder in folders for file in (REPOSITORY / folder).rglob("*.py")]

    assert names_in(first_columns("name")) == transactions_in(*product)


def test_the_search_finds_transactions_however_they_are_run():
    source = """
@in_transaction("booking.lose")
def lose(): ...

@in_one_statement("booking.find")
def find(): ...

transactions.run("seats.lost", lose)
run("gate.lost", lose)
subprocess.run("ls")
"""

    assert transactions_in(source) == {"booking.lose", "booking.find", "seats.lost", "gate.lost"}


def test_the_page_says_of_every_crash_point_what_is_left():
    rows = first_columns("dies after")
    of_calls = {f"{kind}.{end}" for kinds in points.SENDS.values() for kind in kinds for end in ("sent", "answered")}

    assert names_in(rows) == points.ALL - of_calls
    assert of_calls < points.ALL
    assert names_in([row for row in rows if "sending, answer read" in row]) == set(points.SENDS)


def test_every_crash_point_of_a_transaction_is_one():
    kinds = {kind for kinds in points.SENDS.values() for kind in kinds}
    called = {f"{call}.{end}" for call in kinds for end in ("sent", "answered")}

    assert points.ALL - called <= names_in(first_columns("name"))


@pytest.mark.server
@pytest.mark.django_db(transaction=True)
def test_every_transaction_locks_in_the_order_of_the_page(api, flights, payments, locks, settings):
    unpaid, paid, waiting, regretted, expired = (shown(api.create(key=f"create-{number}")) for number in range(5))
    payments.fail_next(ChargeFault.UNKNOWN, ChargeFault.AWAITS_BANK)
    for booking in (paid, waiting, regretted):
        api.pay(booking, key=f"pay-{booking['id']}")
    api.cancel(unpaid, key="cancel")
    a_pending_booking(flights)
    let_time_pass(minutes=1)
    one_pass(flights, payments)
    let_time_pass(minutes=16)
    api.pay(expired, key="too-late")
    for booking in Booking.objects.filter(status="booked")[:1]:
        cancel_booking(booking_id=booking.pk, actor=STAFF, reason=CancelReason.FRAUD)
    a_cancelled_booking(flights)
    an_initiated_booking(flights)
    start()
    for decision in (Decision.RETRY, Decision.NOT_APPLIED):
        resolve_reservation(booking_id=a_stuck_reservation().pk, resolution=a_resolution(decision), flights=flights)
        resolve_release(call_id=a_dead_release().pk, resolution=a_resolution(decision), flights=flights)
        dead = a_dead_payment()
        resolve_payment(payment_id=dead.pk, resolution=a_resolution(decision), payments=gateways_of(payments))
        kept = a_booked_booking(flights, payments)
        ask_refund(a_refund_request(kept))
        failed = an_owed_refund("failed")
        said = FailureResolution(AfterFailure.AGAIN, STAFF, "why", action_key=decision)
        decide_failed_refund(refund_id=failed.pk, resolution=said)
        refund = a_dead_refund()
        resolve_refund(refund_id=refund.pk, resolution=a_resolution(decision), payments=gateways_of(payments))
    settings.FLIGHT_SERVICE_SEAT_NUMBERS = True
    flights.number_seats()
    for decision in (Decision.RETRY, Decision.NOT_APPLIED):
        counted = an_initiated_booking(flights, seats=1)
        flights.fail_next(Fault.MISTAKE)
        api.choose(counted, "2A", key=decision)
        exchange = SeatExchange.objects.latest("pk")
        resolve_exchange(exchange_id=exchange.pk, resolution=a_resolution(decision), flights=flights)
    named = an_initiated_booking(flights, seats=1, numbers=("3A",))
    flights.fail_next(Fault.DROP_REQUEST, Fault.DROP_REQUEST)
    api.choose(named, "3B")
    let_time_pass(minutes=16)
    one_pass(flights, payments)

    assert wrong_in(locks) == {}
    assert Payment.objects.filter(state="refunded").exists()
    # Nothing of all this was looked at in vain.
    assert locks["booking.create"][0] == ["user_hold", "insert idempotency_record", "booking"]
    assert set(locks) >= {
        *("booking.create", "seats.reserved", "payment.begin", "payment.settled", "refund.settled"),
        *("booking.cancel", "booking.expire", "bulk.start", "bulk.cancel_one", "seats.release", "seats.released"),
        *("reservation.claim", "payment.claim", "reservation.decide", "release.decide", "payment.decide"),
        *("reservation.retry", "release.retry", "payment.retry"),
        *("exchange.write", "exchange.settled", "exchange.claim", "exchange.retry", "exchange.decide"),
        "news.announced",
        *("refund.ask", "refund.claim", "refund.retry", "refund.decide", "refund.decide_failed"),
    }


@pytest.mark.server
@pytest.mark.django_db(transaction=True)
def test_twin_that_locks_a_payment_before_its_booking_is_named(api, flights, payments, locks):
    booking = shown(api.create())
    api.pay(booking)

    def backwards():
        Payment.objects.select_for_update().get(booking_id=booking["id"])
        Booking.objects.select_for_update().get(pk=booking["id"])

    transactions.run("payment.backwards", backwards)

    assert wrong_in(locks) == {"payment.backwards": [["booking"]]}
