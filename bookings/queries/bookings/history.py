"""
Everything that belongs to a booking, as one packed document and as rows again. Pure.

A document names the columns of each row, without those that are empty, so that it can be read by a later version whose
tables have others. It is JSON, made small by zlib.
"""

import functools
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.db.models import BooleanField, CharField, Field, IntegerField, Model, TextField

from bookings.models import (
    Booking,
    BookingCase,
    BookingEvent,
    BookingSeat,
    BulkCancelRow,
    Dispute,
    Payment,
    Refund,
    SeatCall,
    SeatCallEvent,
    SeatExchange,
)

M = TypeVar("M", bound=Model)

Document = dict[str, Any]

# Raised with each change of the form, not of the columns.
FORM = 1

# What documents of this form have in common: zlib refers to it in place of what they repeat. It never changes: what
# was packed with it cannot be read without it. What is most frequent stands at the end.
COMMON = (
    b'"case":[{"booking_id":,"opened_at":"","moved_at":"","closed_at":"","version":}],"bulk_rows":[{"bulk_id":,"state"'
    b':"cancelled","seats":,"refund":,"done_at":""}],"disputes":[{"payment_id":,"gateway_id":"du_1","amount":,"reason":'
    b'"fraudulent","standing":"lost","outcome":"won","answer_by":"","opened_at":"","closed_at":"","looked_at":""}],'
    b'"refunds":[{"payment_id":,"amount":,"currency":"EUR","key":"","gateway_id":"re_3","state":"done","cause":'
    b'"booking_ended","asked_by":"","note":"","request_id":"","created_at":"","sent_at":"","done_at":"","reference":""'
    b'}],"calls":[{"claims":1,"first_sent_at":"2026-","id":,"call_key":"","kind":"give","flight_id":,"seats":,"state":'
    b'"done","created_at":"2026-","done_at":"2026-"}],"call_events":[],"payments":[{"claims":1,"first_sent_at":"","id":'
    b',"booking_id":,"amount":,"currency":"EUR","gateway_key":"","gateway":"stripe","gateway_id":"pi_3","charge_id":'
    b'"ch_3","by_payer":true,"act_until":"","closing_since":"","decline_code":"card_declined","state":"failed","state":'
    b'"refunded","refunded":,"state":"succeeded","active_booking_id":,"request_id":"","created_at":"","settled_at":""}]'
    b',"events":[{"actor_kind":"system","actor_name":"worker","note":"","request_id":"","created_at":"","id":,'
    b'"booking_id":,"what":"cancelled","from_status":"initiated","to_status":"cancelled","reason":"expired"},{'
    b'"actor_kind":"customer","actor_name":"","what":"booked","to_status":"booked"}]}{"form":1,"booking":{"claims":1,'
    b'"first_sent_at":"2026-","last_error":"","id":,"reference":"","user_id":,"flight_id":,"no_of_seats":,"seat_price":'
    b',"total_cost":,"currency":"EUR","flight_number":"","departure_airport":"","arrival_airport":"","departure_at":'
    b'"2026-","arrival_at":"2026-","client_reference":"","metadata":"","status":"booked","status":"cancelled",'
    b'"cancel_reason":"customer_request","cancel_reason":"expired","created_at":"2026-","updated_at":"2026-","held_at":'
    b'"2026-","expires_at":"2026-","active_payment_id":,"cancelled_at":"2026-","payment_state":"succeeded",'
    b'"payment_at":"2026-","refund_at":"","refund_amount":,"announced":2,"announced_event_id":,"version":2,'
    b'"request_id":"","traceparent":"00-","created_by":"","hold":"held","hold":"giving_back","hold_key":"",'
    b'"give_back_id":}+00:00",'
)


@dataclass(slots=True)
class History:
    """The rows of one booking, by what they are. Each list is in the order of their ids."""

    booking: Booking
    calls: list[SeatCall] = field(default_factory=list)
    call_events: list[SeatCallEvent] = field(default_factory=list)
    seats: list[BookingSeat] = field(default_factory=list)
    exchanges: list[SeatExchange] = field(default_factory=list)
    case: list[BookingCase] = field(default_factory=list)
    bulk_rows: list[BulkCancelRow] = field(default_factory=list)
    events: list[BookingEvent] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)


PARTS: Mapping[str, type[Model]] = {
    "calls": SeatCall,
    "call_events": SeatCallEvent,
    "seats": BookingSeat,
    "exchanges": SeatExchange,
    "case": BookingCase,
    "bulk_rows": BulkCancelRow,
    "events": BookingEvent,
    "payments": Payment,
    "refunds": Refund,
    "disputes": Dispute,
}
"""The tables of each part of a document beside the booking, in the order in which their rows can be inserted."""


def packed(history: History) -> bytes:
    """Write the history of a booking as one document."""
    parts = {name: [_columns(row) for row in getattr(history, name)] for name in PARTS}
    document = {"form": FORM, "booking": _columns(history.booking), **{name: p for name, p in parts.items() if p}}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    squeeze = zlib.compressobj(level=9, zdict=COMMON)
    return squeeze.compress(text.encode()) + squeeze.flush()


def document_of(history: bytes | memoryview) -> Document:
    """Unpack a document."""
    whole = zlib.decompressobj(zdict=COMMON).decompress(bytes(history))
    document: Document = json.loads(whole)
    return document


def unpacked(history: bytes | memoryview) -> History:
    """Make rows of a document, as they were read before they were packed."""
    document = document_of(history)
    parts: dict[str, Any] = {name: _rows(model, document.get(name, ())) for name, model in PARTS.items()}
    (booking,) = _rows(Booking, [document["booking"]])
    made = History(booking, **parts)
    # So that no property reads what is not in the tables.
    booking.give_back = next((call for call in made.calls if call.pk == booking.give_back_id), None)
    return made


def rows_in(history: History) -> Iterable[tuple[str, list[Any]]]:
    """Give the parts of a history beside the booking that have rows."""
    found = ((part.name, getattr(history, part.name)) for part in fields(History) if part.name != "booking")
    return [(name, rows) for name, rows in found if rows]


def _columns(row: Model) -> Document:
    """The columns of a row that are not empty."""
    read = ((column, getattr(row, column.attname)) for column in row._meta.concrete_fields)
    return {column.attname: _plain(value) for column, value in read if value != _empty(column)}


@functools.cache
def _empty(column: "Field[Any, Any]") -> Any:
    """What a column is of which a document says nothing. Not its default: a later version may have another one."""
    if column.null:
        return None
    kinds = ((BooleanField, False), (IntegerField, 0), ((CharField, TextField), ""))
    return next((nothing for kind, nothing in kinds if isinstance(column, kind)), None)


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _rows(model: type[M], kept: Iterable[Document]) -> list[M]:
    columns = model._meta.concrete_fields
    names = [column.attname for column in columns]
    return [
        model.from_db(
            DEFAULT_DB_ALIAS, names, [column.to_python(row.get(column.attname, _empty(column))) for column in columns]
        )
        for row in kept
    ]
