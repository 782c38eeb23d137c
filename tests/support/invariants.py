"""
What must be true of the tables, and between them and the other systems.

The queries return no row: those of `AT_ANY_TIME` always, the others when nothing is under way any more.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from django.db import connection
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from bookings.lifecycle import BookingStatus, CancelReason
from bookings.models import ArchivedBooking, Booking, BookingSeat, Payment
from bookings.models.payments import CHARGED
from bookings.models.refunds import RefundState

# What clients are shown of a payment in this state.
_SHOWN = """CASE WHEN {0}.state='processing' AND {0}.step='payer' THEN 'awaiting_payer'
    WHEN {0}.state IN ('processing', 'dead') THEN 'settling'
    WHEN {0}.state='succeeded' AND {0}.refunded>0 THEN CASE WHEN EXISTS (SELECT 1 FROM refund r
        WHERE r.payment_id={0}.id AND r.state IN ('due','sent','dead')) THEN 'part_due' ELSE 'part_back' END
    ELSE {0}.state END"""

_NEWS = """(e.what IN ('booked', 'payment_failed', 'cancelled')
    OR (e.amount>0 AND e.what IN ('refunded', 'refund_elsewhere', 'refund_resolved')))"""

# How many seats with a number a text of numbers has.
_COUNTED = (
    "CASE WHEN {0}.seat_numbers='' THEN 0 ELSE LENGTH({0}.seat_numbers)-LENGTH(REPLACE({0}.seat_numbers,',',''))+1 END"
)

AT_ANY_TIME = {
    "Q1-Q3: the status does not fit the hold": """
        SELECT id FROM booking WHERE (status IN ('initiated','booked') AND hold<>'held')
        OR (status='cancelled' AND hold='held')
        OR (status<>'cancelled' AND (hold='giving_back' OR give_back_id IS NOT NULL))""",
    "Q4: a release whose payload differs from its members": """
        SELECT c.id FROM seat_call c LEFT JOIN (SELECT give_back_id, no_of_seats FROM booking
            UNION ALL SELECT give_back_id, no_of_seats FROM archived_booking) b ON b.give_back_id=c.id
        WHERE c.kind='give' GROUP BY c.id, c.seats HAVING COALESCE(SUM(b.no_of_seats),0)<>c.seats""",
    "Q5: booked without exactly one succeeded payment": """
        SELECT b.id FROM booking b LEFT JOIN payment p ON p.booking_id=b.id AND p.state='succeeded'
        WHERE b.status='booked' GROUP BY b.id HAVING COUNT(p.id)<>1""",
    "Q6: paid, but not booked": """
        SELECT p.id FROM payment p JOIN booking b ON b.id=p.booking_id
        WHERE p.state='succeeded' AND b.status<>'booked'""",
    "Q12: a booking that shows another payment than it has": f"""
        SELECT b.id FROM booking b LEFT JOIN payment a ON a.id=b.active_payment_id
        WHERE {_SHOWN.format("a")}<>b.payment_state
        OR (b.payment_state='' AND EXISTS (SELECT 1 FROM payment p WHERE p.booking_id=b.id))
        OR (b.payment_state<>'' AND NOT EXISTS (
            SELECT 1 FROM payment p WHERE p.booking_id=b.id AND {_SHOWN.format("p")}=b.payment_state))
        OR (b.status='cancelled' AND b.cancelled_at IS NULL)
        OR (a.state='succeeded' AND a.refunded<>b.refund_amount)""",
    "Q13: refunds that do not add up to what their payment says": """
        SELECT p.id FROM payment p LEFT JOIN refund r ON r.payment_id=p.id AND r.state<>'failed'
        GROUP BY p.id, p.refunded HAVING COALESCE(SUM(r.amount),0)<>p.refunded""",
    "Q14: a payment that counts as refunded and has money left, or on its way": """
        SELECT p.id FROM payment p WHERE p.state='refunded' AND (p.refunded<>p.amount
        OR EXISTS (SELECT 1 FROM refund r WHERE r.payment_id=p.id AND r.state IN ('due','sent','dead')))""",
    "Q15: money that is owed back, and nothing that gives it back or waits for a decision": """
        SELECT p.id FROM payment p WHERE p.state='refund_due' AND NOT EXISTS (SELECT 1 FROM refund r
        WHERE r.payment_id=p.id AND (r.state IN ('due','sent','dead') OR (r.state='failed' AND r.decision='')))""",
    "Q16: something that others are never told": f"""
        SELECT b.id FROM booking b WHERE b.announce_at IS NULL AND ((b.held_at IS NOT NULL AND b.announced=0)
        OR EXISTS (SELECT 1 FROM booking_event e WHERE e.booking_id=b.id AND e.id>b.announced_event_id AND {_NEWS}))""",
    "Q17: announcements of a booking with a hole, or more than it knows of": """
        SELECT a.booking_id FROM announcement a JOIN booking b ON b.id=a.booking_id GROUP BY a.booking_id, b.announced
        HAVING MAX(a.sequence)<>b.announced OR MAX(a.sequence)-MIN(a.sequence)+1<>COUNT(*)""",
    "Q18: told more often than it happened, or less": f"""
        SELECT a.booking_id FROM announcement a JOIN booking b ON b.id=a.booking_id
        WHERE a.sequence=1 AND (SELECT COUNT(*) FROM announcement n
            WHERE n.booking_id=b.id AND n.type<>'booking.expiring')
        <> (CASE WHEN b.held_at IS NULL THEN 0 ELSE 1 END) + (SELECT COUNT(*) FROM booking_event e
            WHERE e.booking_id=b.id AND e.id<=b.announced_event_id AND {_NEWS})""",
    "Q19: a booking that goes on, and other seats by number than its rows": f"""
        SELECT b.id FROM booking b LEFT JOIN booking_seat s ON s.booking_id=b.id AND s.flight_id=b.flight_id
          AND REPLACE(b.seat_numbers, s.seat_number, '')<>b.seat_numbers
        WHERE b.status IN ('initiated','booked') AND b.seat_numbers<>'' AND b.wanted_seats=''
        GROUP BY b.id, b.seat_numbers HAVING COUNT(s.id)<>{_COUNTED.format("b")}""",
    "Q20: a seat by number of a booking that has ended, or has none": """
        SELECT s.id FROM booking_seat s JOIN booking b ON b.id=s.booking_id
        WHERE b.status NOT IN ('initiated','booked') OR b.seat_numbers=''""",
    "Q21: a release whose numbers differ from those of its members": f"""
        SELECT c.id FROM seat_call c LEFT JOIN (SELECT give_back_id, seat_numbers FROM booking
            UNION ALL SELECT give_back_id, seat_numbers FROM archived_booking) b ON b.give_back_id=c.id
        WHERE c.kind='give' GROUP BY c.id, c.seat_numbers
        HAVING COALESCE(SUM({_COUNTED.format("b")}),0)<>{_COUNTED.format("c")}""",
    "Q23: a booking, or its reference, in the archive and in its table": """
        SELECT b.id FROM booking b JOIN archived_booking a ON a.id=b.id
        UNION ALL SELECT b.id FROM booking b JOIN archived_booking a ON a.reference=b.reference""",
    "Q25: an exchange under way that its booking does not know of, or the other way around": """
        SELECT b.id FROM booking b LEFT JOIN seat_exchange e ON e.open_booking_id=b.id
        WHERE (b.wanted_seats='')<>(e.id IS NULL)""",
    "Q24: rows of other seats than a booking keeps whatever becomes of its exchange": f"""
        SELECT b.id FROM booking b JOIN seat_exchange e ON e.open_booking_id=b.id
          LEFT JOIN booking_seat s ON s.booking_id=b.id AND REPLACE(b.wanted_seats, s.seat_number, '')<>b.wanted_seats
        WHERE b.status IN ('initiated','booked') AND b.seat_numbers<>''
        GROUP BY b.id, b.seat_numbers, e.seats HAVING COUNT(s.id)<>{_COUNTED.format("b")}-e.seats""",
    "Q11: a payment in another currency than its booking": """
        SELECT p.id FROM payment p JOIN booking b ON b.id=p.booking_id WHERE p.currency<>b.currency""",
}

TWO_MINUTES_AGO = {
    "mysql": "UTC_TIMESTAMP(6) - INTERVAL 2 MINUTE",
    "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-2 minutes')",
    "postgresql": "CLOCK_TIMESTAMP() - INTERVAL '2 minutes'",
}

WHEN_QUIET = {
    "Q7: unfinished work": """
        SELECT id FROM seat_call WHERE state IN ('open','dead')
        UNION ALL SELECT id FROM booking
          WHERE hold IN ('asking','stuck') OR (hold='giving_back' AND give_back_id IS NULL)
        UNION ALL SELECT id FROM seat_exchange WHERE state IN ('asking','stuck')
        UNION ALL SELECT id FROM payment WHERE state IN ('processing','dead')
        UNION ALL SELECT id FROM refund WHERE state IN ('due','sent','dead') OR (state='failed' AND decision='')
        UNION ALL SELECT id FROM booking
          WHERE status IN ('pending','initiated') AND expires_at < {two_minutes_ago}
        UNION ALL SELECT id FROM booking WHERE announce_at < {two_minutes_ago}""",
}


class Ledger(Protocol):
    """A Flight Service, real or fake, that tells its seats."""

    def ledger(self) -> dict[str, Any]: ...


class Gateway(Protocol):
    """A payment gateway that tells its charges that did not go back as a whole, by the booking's reference."""

    def charged(self) -> Counter[str]: ...


def violations(*, quiet: bool = False) -> list[str]:
    """Run the queries; name each that returns rows, with their ids. `quiet` adds those of the end."""
    queries = {**AT_ANY_TIME, **WHEN_QUIET} if quiet else AT_ANY_TIME
    return [f"{name}: {_ids(queries[name])}" for name in _with_rows(queries)]


def seats_out_of_step(flights: Ledger) -> list[str]:
    """Q8: per flight, the seats taken at the Flight Service are those of unpaid and paid bookings. When quiet."""
    counted = [f"Q8: flight {number}: {taken} taken, {held} held" for number, taken, held in seats_adrift(flights)]
    return [*counted, *_numbers_adrift(flights)]


def seats_adrift(flights: Ledger) -> list[tuple[int, int, int]]:
    """Give the flights on which the two sides differ: id, seats taken there, seats held here."""
    held = Counter[int]()
    for model in (Booking, ArchivedBooking):
        rows = model._default_manager.filter(status__in=[BookingStatus.INITIATED, BookingStatus.BOOKED])
        held.update(dict(rows.values_list("flight_id").annotate(seats=Sum("no_of_seats"))))
    taken = {flight["id"]: flight["capacity"] - flight["remaining"] for flight in flights.ledger()["flights"]}
    return [
        (number, taken.get(number, 0), held[number])
        for number in sorted({*held, *taken})
        if taken.get(number, 0) != held[number]
    ]


def _numbers_adrift(flights: Ledger) -> list[str]:
    """Q22: per flight, the seats that are taken there by number are those of our rows. When quiet."""
    ours = defaultdict(set)
    for flight_id, number in BookingSeat.objects.values_list("flight_id", "seat_number"):
        ours[flight_id].add(number)
    taken = {flight["id"]: set(flight.get("seatsTaken", ())) for flight in flights.ledger()["flights"]}
    return [
        f"Q22: flight {flight}: {sorted(taken.get(flight, set()) ^ ours[flight])}"
        for flight in sorted({*ours, *taken})
        if taken.get(flight, set()) != ours[flight]
    ]


def money_out_of_step(payments: Gateway) -> list[str]:
    """Q9: per booking, the gateway has as many charges that did not go back as a whole as our rows say. When quiet."""
    charged, ours = payments.charged(), Counter[str]()
    rows = Payment.objects.filter(state__in=CHARGED).annotate(
        back=Coalesce(Sum("refunds__amount", filter=Q(refunds__state=RefundState.DONE)), 0)
    )
    for reference, amount, back in rows.values_list("booking__reference", "amount", "back"):
        ours[reference] += back < amount or amount == 0
    return [
        f"Q9: {reference}: {status}, charged {charged[reference]} times"
        for reference, status in Booking.objects.order_by("pk").values_list("reference", "status")
        if charged[reference] != ours[reference]
    ]


def answers_without_rows(heard: Iterable[tuple[str, int, dict[str, Any]]]) -> list[str]:
    """
    Q10: every 2xx that a client heard has its row, and a client's key has one booking and one payment at most.

    :param heard: for each answer the client's key (or ""), the status, and the envelope
    """
    found = []
    of_key: dict[str, set[int]] = defaultdict(set)
    good = [(key, status, envelope["data"]) for key, status, envelope in heard if 200 <= status < 300]
    rows = Booking.objects.in_bulk({shown["id"] for _key, _status, shown in good})
    for key, status, shown in good:
        if shown["id"] not in rows or rows[shown["id"]].reference != shown["reference"]:
            found.append(f"Q10: {status} for booking {shown['id']}, which is not there")
        if key:
            of_key[key].add(shown["id"])
    for key, ids in of_key.items():
        kept = sum(pk in rows and rows[pk].cancel_reason != CancelReason.UNAVAILABLE for pk in ids)
        if kept > 1:
            found.append(f"Q10: {kept} bookings under the key {key}")
    charged = Payment.objects.values_list("gateway_key", flat=True)
    if len(charged) != len(set(charged)):
        found.append("Q10: two payments under one key")
    return found


def what_is_wrong(flights: Ledger | None = None, payments: Gateway | None = None) -> list[str]:
    """Name everything that is not as it must be when nothing is under way any more."""
    seats = seats_out_of_step(flights) if flights is not None else []
    money = money_out_of_step(payments) if payments is not None else []
    return [*violations(quiet=True), *seats, *money]


def assert_in_step(flights: Ledger | None = None, payments: Gateway | None = None) -> None:
    """Assert everything that must be true when nothing is under way any more."""
    wrong = what_is_wrong(flights, payments)
    assert not wrong, wrong


def _with_rows(queries: Mapping[str, str]) -> list[str]:
    """Name the queries that return a row, in one statement: mostly none does, and tests ask after every step."""
    looks = ", ".join(f"EXISTS ({_written(query)})" for query in queries.values())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {looks}", [])
        return [name for name, has_rows in zip(queries, cursor.fetchone(), strict=True) if has_rows]


def _written(query: str) -> str:
    return query.format(two_minutes_ago=TWO_MINUTES_AGO[connection.vendor])


def _ids(query: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_written(query), [])
        return [row[0] for row in cursor.fetchall()]
