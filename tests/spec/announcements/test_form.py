"""What others read of each event, to the byte: a form is a promise, and an older one stays as it was."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bookings.answers.announcements import VERSION, announcement_as_json
from bookings.lifecycle import News
from bookings.models import Announcement, BookingEvent
from bookings.queries.announced import facts_of, shown_now
from bookings.services.announcements.news import news_of, reminder
from tests.support.bookings import a_row

GOLDEN = Path(__file__).parent / "golden"

NOON = datetime(2026, 12, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def later(minutes):
    return NOON + timedelta(minutes=minutes)


def a_booking(**columns):
    """A booking whose every column is known."""
    usual = {
        "pk": 7,
        "reference": "K7QX4M2R",
        "user_id": 1001,
        "flight_number": "UK 808",
        "departure_airport": "DEL",
        "arrival_airport": "BLR",
        "departure_at": later(10_000),
        "arrival_at": later(10_150),
        "currency": "INR",
        "client_reference": "trip 4711",
        "metadata": '{"order": "A-17"}',
        "created_at": NOON,
        "updated_at": later(1),
        "held_at": later(1),
        "expires_at": later(15),
        "announced": 0,
    }
    return a_row(columns.pop("status", "initiated"), **{**usual, **columns})


def an_event(what, **columns):
    said = {"actor_kind": "customer", "actor_name": "1001", "note": "secret", "created_at": later(2), **columns}
    return BookingEvent(pk=1, booking_id=7, what=what, **said)


PAID = {"active_payment_id": 3, "payment_state": "succeeded", "payment_at": later(2), "updated_at": later(2)}
ENDED = {"status": "cancelled", "hold": "giving_back", "cancelled_at": later(3), "updated_at": later(3)}
BACK = {"payment_state": "refunded", "payment_at": later(2), "refund_amount": 4000, "refund_at": later(4)}
OWED = {**BACK, "payment_state": "refund_due", "refund_at": later(3)}
BY_SYSTEM = {"actor_kind": "system", "actor_name": "worker"}

# The booking, and its one event.
HAPPENED = {
    News.HELD: (a_booking(), []),
    News.EXPIRING: (a_booking(announced=1), []),
    News.PAID: (
        a_booking(status="booked", announced=1, **PAID),
        [an_event("booked", from_status="initiated", to_status="booked")],
    ),
    News.PAYMENT_FAILED: (
        a_booking(announced=1, payment_state="failed", payment_at=later(2), updated_at=later(2)),
        [an_event("payment_failed")],
    ),
    News.EXPIRED: (
        a_booking(**ENDED, announced=1, cancel_reason="expired"),
        [
            an_event(
                "cancelled",
                from_status="initiated",
                to_status="cancelled",
                reason="expired",
                created_at=later(3),
                **BY_SYSTEM,
            )
        ],
    ),
    News.CANCELLED: (
        a_booking(**ENDED, announced=2, cancel_reason="flight_cancelled", **OWED),
        [
            an_event(
                "cancelled",
                actor_kind="staff",
                actor_name="anna",
                from_status="booked",
                to_status="cancelled",
                reason="flight_cancelled",
                created_at=later(3),
            )
        ],
    ),
    News.REFUNDED: (
        a_booking(**{**ENDED, "updated_at": later(4)}, announced=3, cancel_reason="flight_cancelled", **BACK),
        [an_event("refunded", amount=4000, created_at=later(4), **BY_SYSTEM)],
    ),
}


def as_told(news):
    """What others read, after what is kept of it was a row."""
    booking, events = HAPPENED[news]
    (item,) = news_of(booking, events, payments={}, now=later(5)) or [reminder(booking, now=later(10))]
    facts = json.loads(json.dumps(facts_of(item.shown, item.change)))
    row = Announcement(
        key="evt_0123456789abcdef0123456789abcdef",
        booking=a_booking(status="cancelled"),  # as it is by then; what never changes is what it was
        sequence=booking.announced + 1,
        type=item.type,
        occurred_at=item.occurred_at,
        facts=facts,
    )
    return item.type, announcement_as_json(row)


@pytest.mark.parametrize("news", News)
def test_an_event_reads_as_it_always_has(news):
    told, read = as_told(news)

    assert told == news
    assert json.dumps(read, indent=2) + "\n" == (GOLDEN / VERSION / f"{news}.json").read_text()


def test_every_file_is_of_an_event_and_the_other_way_round():
    assert {path.stem for path in (GOLDEN / VERSION).iterdir()} == set(News.values)


def test_an_event_is_short_and_says_nothing_of_people():
    longest = a_booking(
        client_reference="🛫" * 200,
        flight_number="N" * 16,
        total_cost=2**53 - 1,
        seat_price=2**53 - 1,
        no_of_seats=1,
        refund_amount=2**53 - 1,
        **{**PAID, "payment_state": "part_due", "refund_at": later(4)},
    )
    facts = facts_of(
        shown_now(longest, at=NOON), {"from": "initiated", "to": "cancelled", "why": "x" * 16, "by": "system"}
    )
    row = Announcement(
        key="e" * 36, booking=longest, sequence=9_999, type=News.PAYMENT_FAILED, occurred_at=NOON, facts=facts
    )
    body = json.dumps(announcement_as_json(row), ensure_ascii=False).encode()

    assert len(json.dumps(facts)) < 2048
    assert len(body) < 4096
    texts = [json.dumps(as_told(news)[1]) for news in News]
    assert not [word for text in texts for word in ("anna", "secret", "A-17") if word in text]
