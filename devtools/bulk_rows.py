"""
How bookings, and what belongs to them, are inserted in bulk: for the demo, for benchmarks and for tests of volume.

A caller names the columns that matter to it. All others say that two seats are held and not paid for, and that each
call was answered at its first try.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PLAIN: Mapping[str, Mapping[str, bool | int | str]] = {
    "booking": {
        "no_of_seats": 2,
        "seat_numbers": "",
        "wanted_seats": "",
        "refused_seats": "",
        "seat_price": 2000,
        "total_cost": 4000,
        "currency": "XXX",
        "flight_number": "",
        "departure_airport": "",
        "arrival_airport": "",
        "client_reference": "",
        "metadata": "",
        "payment_state": "",
        "refund_amount": 0,
        "status": "initiated",
        "cancel_reason": "",
        "cancel_requested": False,
        # Others are told of what happens to it from now on.
        "announced": 1,
        "announced_event_id": 0,
        "version": 1,
        "request_id": "",
        "traceparent": "",
        "created_by": "",
        "hold": "held",
        "claims": 1,
        "last_error": "",
    },
    "payment": {
        "currency": "XXX",
        "state": "succeeded",
        "gateway": "instant",
        "charge_id": "",
        "by_payer": False,
        "step": "",
        "decline_code": "",
        "refunded": 0,
        "claims": 1,
        "last_error": "",
        "request_id": "",
    },
    "refund": {
        "currency": "XXX",
        "state": "done",
        "cause": "booking_ended",
        "source": "ours",
        "asked_by": "",
        "note": "",
        "decision": "",
        "reference": "",
        "claims": 1,
        "last_error": "",
        "request_id": "",
    },
    "gateway_notice": {"gateway": "stripe", "kind": "payment", "state": "done", "claims": 1, "last_error": ""},
    "dispute": {
        "gateway": "stripe",
        "currency": "XXX",
        "reason": "fraudulent",
        "standing": "lost",
        "refundable": False,
    },
    "payment_comparison": {"payments_compared": 1000, "payments_foreign": 0, "differences": "[]"},
    "announcement": {"sequence": 1, "type": "booking.paid"},
    # Nothing is sent there, and nothing is written down for it.
    "webhook_endpoint": {
        "types": "",
        "payload_version": "2026-12-01",
        "state": "disabled",
        "disabled_why": "to be looked at",
        "failures": 0,
        "version": 1,
    },
    "webhook_delivery": {"claims": 1, "last_error": "", "last_status": 200, "last_ms": 20, "by_hand": False},
    "seat_call": {
        "kind": "give",
        "seats": 2,
        "seat_numbers": "",
        "reserves": False,
        "state": "done",
        "claims": 1,
        "last_error": "",
    },
    "booking_event": {"from_status": "initiated", "reason": "", "note": "", "amount": 0, "request_id": ""},
    "idempotency_record": {
        "principal": "open",
        "endpoint": "POST /bookings",
        "state": "done",
        "status_code": 201,
        "body": "",
        "location": "",
    },
}


def insert_select(table: str, source: str, /, **columns: str) -> str:
    """
    Write SQL that inserts one row for each row of `source`.

    :param columns: an expression for each column that is not as in `PLAIN`
    """
    plain = {name: f"'{value}'" if isinstance(value, str) else str(value) for name, value in PLAIN[table].items()}
    named = {**plain, **columns}
    return f"INSERT INTO {table} ({_quoted(named)}) SELECT {', '.join(named.values())} FROM {source}"  # noqa: S608  # nosec B608


def insert_values(table: str, rows: Iterable[Mapping[str, Any]]) -> tuple[str, list[tuple[Any, ...]]]:
    """Give a statement and its parameters for `executemany`: all rows name the same columns."""
    whole = [{**PLAIN[table], **row} for row in rows]
    names = list(whole[0])
    # Nothing but placeholders in the brackets: only then does the driver send many rows in one statement.
    places = ", ".join(["%s"] * len(names))
    statement = f"INSERT INTO {table} ({_quoted(names)}) VALUES ({places})"  # noqa: S608  # nosec B608
    return statement, [tuple(row[name] for name in names) for row in whole]


def _quoted(names: Iterable[str]) -> str:
    """Write names of columns as the database takes them, also one that is a word of SQL."""
    return ", ".join(map(connection.ops.quote_name, names))


def key_of(kind: str, number: str) -> str:
    """Write SQL for a random-looking UUID, always the same for this kind and number."""
    if connection.vendor == "postgresql":
        digits = f"MD5(CONCAT('{kind}', {number}))"
        return f"OVERLAY(OVERLAY({digits} PLACING '4' FROM 13 FOR 1) PLACING 'a' FROM 17 FOR 1)::uuid"
    # Of MySQL, 9.7 has no MD5 any more.
    digits = f"LEFT(SHA2(CONCAT('{kind}', {number}), 256), 32)"
    return f"INSERT(INSERT({digits}, 13, 1, '4'), 17, 1, 'a')"
