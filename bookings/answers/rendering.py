"""
How the API tells what happened: as a status, headers, and JSON as bytes. Pure.

Entry points render what they send, and an idempotency record keeps what was rendered in the transaction that
decides it, often by the worker. Nothing else below the entry points knows HTTP. The status of every error stands
here, once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from bookings import cells, errors
from bookings.actor import Actor, ActorKind
from bookings.answers.results import (
    Accepted,
    AlreadyDone,
    Cancelled,
    Created,
    DoneByStaff,
    Paid,
    PaymentPending,
    Refused,
    Result,
    SeatChangePending,
    SeatsChanged,
)
from bookings.conf import PAYMENT_RETRY_AFTER_SECONDS
from bookings.lifecycle import ShownPayment, available_actions
from bookings.models import Booking, BookingEvent, IdempotencyRecord, Payment
from bookings.models.payments import PaymentStep
from bookings.ports import Action
from bookings.queries.bookings.shown import ShownBooking
from bookings.text.seat_numbers import numbers_in

STATUS: Mapping[type[errors.BookingError], HTTPStatus] = MappingProxyType(
    {
        errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
        errors.UserMismatch: HTTPStatus.BAD_REQUEST,
        errors.SeatsUnavailable: HTTPStatus.BAD_REQUEST,
        errors.PriceChanged: HTTPStatus.BAD_REQUEST,
        errors.PaymentWindowClosed: HTTPStatus.BAD_REQUEST,
        errors.CurrencyMismatch: HTTPStatus.BAD_REQUEST,
        errors.AmountMismatch: HTTPStatus.BAD_REQUEST,
        errors.IdempotencyKeyRequired: HTTPStatus.BAD_REQUEST,
        errors.AmountNotPayable: HTTPStatus.BAD_REQUEST,
        errors.PaymentTokenInvalid: HTTPStatus.BAD_REQUEST,
        errors.PaymentDeclined: HTTPStatus.PAYMENT_REQUIRED,
        errors.PaymentNotCompleted: HTTPStatus.PAYMENT_REQUIRED,
        errors.StaffOnly: HTTPStatus.FORBIDDEN,
        errors.NotYourCase: HTTPStatus.FORBIDDEN,
        errors.OwnApproval: HTTPStatus.FORBIDDEN,
        errors.ApproverWasReset: HTTPStatus.FORBIDDEN,
        errors.BookingNotFound: HTTPStatus.NOT_FOUND,
        errors.SeatCallNotFound: HTTPStatus.NOT_FOUND,
        errors.PaymentNotFound: HTTPStatus.NOT_FOUND,
        errors.RefundNotFound: HTTPStatus.NOT_FOUND,
        errors.BulkCancelNotFound: HTTPStatus.NOT_FOUND,
        errors.MessageNotFound: HTTPStatus.NOT_FOUND,
        errors.FlightNotFound: HTTPStatus.NOT_FOUND,
        errors.EndpointNotFound: HTTPStatus.NOT_FOUND,
        errors.DeliveryNotFound: HTTPStatus.NOT_FOUND,
        errors.AlreadyPaid: HTTPStatus.CONFLICT,
        errors.WebhooksOff: HTTPStatus.CONFLICT,
        errors.EndpointExists: HTTPStatus.CONFLICT,
        errors.TooManyEndpoints: HTTPStatus.CONFLICT,
        errors.RotationUnderWay: HTTPStatus.CONFLICT,
        errors.ReplayUnderWay: HTTPStatus.CONFLICT,
        errors.BookingCancelled: HTTPStatus.CONFLICT,
        errors.SeatsTakenByOthers: HTTPStatus.CONFLICT,
        errors.SeatSelectionUnavailable: HTTPStatus.CONFLICT,
        errors.SeatsOfAnother: HTTPStatus.CONFLICT,
        errors.SeatChangeInProgress: HTTPStatus.CONFLICT,
        errors.NotPayableYet: HTTPStatus.CONFLICT,
        errors.PaymentInProgress: HTTPStatus.CONFLICT,
        errors.RequestInProgress: HTTPStatus.CONFLICT,
        errors.BookingChanged: HTTPStatus.PRECONDITION_FAILED,
        errors.EndpointChanged: HTTPStatus.PRECONDITION_FAILED,
        errors.SelectionChanged: HTTPStatus.CONFLICT,
        errors.CaseChanged: HTTPStatus.CONFLICT,
        errors.NotSentOnceMore: HTTPStatus.CONFLICT,
        errors.NothingToDecide: HTTPStatus.CONFLICT,
        errors.NothingToRefund: HTTPStatus.CONFLICT,
        errors.RefundTooLarge: HTTPStatus.CONFLICT,
        errors.MoneyIsOwed: HTTPStatus.CONFLICT,
        errors.RetryTooLate: HTTPStatus.CONFLICT,
        errors.RetryCountsTwice: HTTPStatus.CONFLICT,
        errors.IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
        errors.TooManyUnpaidBookings: HTTPStatus.TOO_MANY_REQUESTS,
        errors.TooManyUnpaidSeats: HTTPStatus.TOO_MANY_REQUESTS,
        errors.FlightUnusable: HTTPStatus.BAD_GATEWAY,
        errors.FlightServiceRests: HTTPStatus.SERVICE_UNAVAILABLE,
        errors.FlightServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
        errors.PaymentGatewayUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
        errors.TemporarilyUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
        cells.WrongCell: HTTPStatus.SERVICE_UNAVAILABLE,
    }
)

CODES: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid_request",
        403: "forbidden",
        404: "not_found",
        405: "method_not_allowed",
        406: "not_acceptable",
        413: "body_too_large",
        414: "address_too_long",
        415: "unsupported_media_type",
        429: "too_many_requests",
        431: "headers_too_large",
        500: "internal_error",
    }
)
"""The codes of what is refused before any booking is looked at."""

SERVICE_BUSY = (
    "service_busy",
    "Too many requests of this kind are being worked on. Nothing was done: repeat this one, with its "
    "Idempotency-Key if it had one.",
)
BODY_TOO_SLOW = ("request_timeout", "The body did not come in time.")
"""Codes and words of what the web server says by itself."""

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

FAILURES: Mapping[str, str] = MappingProxyType(
    {
        "create": "Failed to create booking",
        "pay": "Payment failed",
        "cancel": "Failed to cancel booking",
        "change_seats": "Failed to change seats",
    }
)
"""The message of an error's envelope, by what was asked for: in the words of the design document."""

REFUNDS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys((ShownPayment.REFUND_DUE, ShownPayment.PART_DUE), "pending"),
        **dict.fromkeys((ShownPayment.REFUNDED, ShownPayment.PART_REFUNDED), "succeeded"),
    }
)
"""The state of a refund, by what is shown of its payment."""

PROMISED: Mapping[str, str] = MappingProxyType({"Preference-Applied": "respond-async"})


@dataclass(frozen=True, slots=True)
class Response:
    """What is sent, or stored for a replay."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


def success(
    data: Mapping[str, Any], *, message: str, status: int = 200, headers: Mapping[str, str] = NO_HEADERS
) -> Response:
    """Wrap `data` in the envelope."""
    return Response(status, _json({"success": True, "message": message, "data": data, "error": {}}), headers)


def error(
    status: int,
    *,
    code: str,
    explanation: str,
    request_id: str,
    message: str = "Request failed",
    retryable: bool = False,
    fields: Mapping[str, str] | None = None,
    details: Mapping[str, int | str] | None = None,
    seats: Mapping[str, str] | None = None,
    headers: Mapping[str, str] = NO_HEADERS,
) -> Response:
    """Wrap an error in the envelope; `details` and `seats` are there only if there are some."""
    detail: dict[str, Any] = {
        "statusCode": int(status),
        "code": code,
        "explanation": explanation,
        "retryable": retryable,
        "requestId": request_id,
        "fields": dict(fields or {}),
    }
    if details:
        detail["details"] = dict(details)
    if seats:
        detail["seats"] = dict(seats)
    return Response(int(status), _json({"success": False, "message": message, "data": {}, "error": detail}), headers)


def refusal(problem: errors.BookingError, *, message: str, request_id: str) -> Response:
    """Answer one of our own errors."""
    headers = {} if problem.retry_after is None else {"Retry-After": str(problem.retry_after)}
    return error(
        STATUS[type(problem)],
        code=problem.code,
        explanation=problem.explanation,
        request_id=request_id,
        message=message,
        retryable=problem.retryable,
        fields=problem.fields,
        details=problem.details,
        seats=problem.seats,
        headers=headers,
    )


def render(result: Result) -> Response:
    """Say what a service has done. The same result is the same bytes, now and when it is stored."""
    match result:
        case Created(booking, at):
            return shown(booking, at, HTTPStatus.CREATED, "Booking created successfully", _located(booking))
        case Accepted(booking, at):
            return shown(booking, at, HTTPStatus.ACCEPTED, "Booking accepted", {**_located(booking), **PROMISED})
        case Paid(booking, at):
            return shown(booking, at, HTTPStatus.CREATED, "Payment made successfully")
        case PaymentPending():
            return _pending(result)
        case Cancelled(booking, at):
            return shown(booking, at, HTTPStatus.OK, "Booking cancelled successfully")
        case SeatsChanged(booking, at):
            return shown(booking, at, HTTPStatus.OK, "Seats changed successfully")
        case SeatChangePending(booking, at):
            return shown(booking, at, HTTPStatus.ACCEPTED, "Seats are being changed", _located(booking))
        case Refused(asked, problem, request_id):
            return refusal(problem, message=FAILURES[asked], request_id=request_id)
        case DoneByStaff():
            return Response(HTTPStatus.OK, "{}")
        case AlreadyDone(stored):
            return _replay(stored)


def _pending(result: PaymentPending) -> Response:
    """
    Show a payment that waits, with what its payer has to do. It is never stored: there is a secret in it.

    The client repeats its request, or looks at the booking.
    """
    booking, payment = result.booking, result.payment
    data = booking_as_json(booking, now=result.at)
    now_is = data["payment"] or {"at": iso(payment.created_at)}
    data["payment"] = {
        "id": payment.pk,
        "state": _state_of(payment),
        "amount": payment.amount,
        "currency": payment.currency,
        "at": now_is["at"],
        "payableUntil": _iso_or_null(payment.act_until),
        "action": None if result.action is None else _action_as_json(result.action, payment),
    }
    message = "Payment awaits the payer" if result.action is not None else "Payment is being settled"
    again = {"Retry-After": str(PAYMENT_RETRY_AFTER_SECONDS), "ETag": tag_of(booking.id, booking.version)}
    return success(data, message=message, status=HTTPStatus.ACCEPTED, headers={**_located(booking), **again})


def _state_of(payment: Payment) -> str:
    return str(ShownPayment.AWAITING_PAYER if payment.step == PaymentStep.PAYER else ShownPayment.SETTLING)


def _action_as_json(action: Action, payment: Payment) -> dict[str, str | None]:
    named = {name: action.values.get(name) for name in ("publishableKey", "clientSecret", "url")}
    return {"type": str(action.kind), "gateway": payment.gateway, **named}


def shown(
    booking: Booking | ShownBooking, at: datetime, status: int, message: str, headers: Mapping[str, str] = NO_HEADERS
) -> Response:
    """
    Show one booking as it was at a time, with the tag of its version.

    A replay has no tag: what it shows may be long past.
    """
    tagged = {**headers, "ETag": tag_of(booking.id, booking.version)}
    return success(booking_as_json(booking, now=at), message=message, status=status, headers=tagged)


def tag_of(booking_id: int, version: int) -> str:
    """The ETag of a booking. It is another one after each change, of what the API does not show too."""
    return f'"{booking_id}.{version}"'


def stored_columns(response: Response) -> dict[str, Any]:
    """The columns of an idempotency record that keep a response. Of its headers only what a replay needs."""
    location = response.headers.get("Location", "")
    return {"status_code": response.status, "body": response.body, "location": location}


def _replay(record: IdempotencyRecord) -> Response:
    if record.status_code is None:
        raise AssertionError("only a record that is done has a response: the database refuses others")
    headers = {"Idempotent-Replayed": "true"}
    if record.status_code == HTTPStatus.ACCEPTED:  # stored only for a client that preferred it
        headers |= PROMISED
    if record.location:
        headers["Location"] = record.location
    return Response(record.status_code, record.body, headers)


def booking_as_json(booking: Booking | ShownBooking, *, now: datetime) -> dict[str, Any]:
    """Show a booking with the names of the API. `now` is database time."""
    payment = _payment_as_json(booking)
    numbers, wanted = booking.seat_numbers, booking.wanted_seats
    is_known = bool(numbers) and not wanted
    return {
        "id": booking.id,
        "reference": booking.reference,
        "flightId": booking.flight_id,
        "flight": {
            "number": booking.flight_number or None,
            "departure": _iso_or_null(booking.departure_at),
            "arrival": _iso_or_null(booking.arrival_at),
            "departureAirport": booking.departure_airport or None,
            "arrivalAirport": booking.arrival_airport or None,
        },
        "userId": booking.user_id,
        "status": str(booking.status),
        "noOfSeats": booking.no_of_seats,
        "seatNumbers": [*numbers_in(numbers)],
        "seatChange": {"seatNumbers": [*numbers_in(wanted)]} if wanted else None,
        "seatPrice": booking.seat_price,
        "totalCost": booking.total_cost,
        "currency": booking.currency,
        "cancelReason": str(booking.cancel_reason) or None,
        "payment": payment,
        "refund": _refund_as_json(booking),
        "clientReference": booking.client_reference or None,
        "metadata": json.loads(booking.metadata) if booking.metadata else {},
        "replaces": booking.replaces_id,
        "createdAt": iso(booking.created_at),
        "updatedAt": iso(booking.updated_at),
        "expiresAt": iso(booking.expires_at),
        "paidAt": payment["at"] if payment is not None and payment["state"] == ShownPayment.SUCCEEDED else None,
        "cancelledAt": _iso_or_null(booking.cancelled_at),
        "availableActions": available_actions(booking.status, booking.expires_at, now=now, has_numbers=is_known),
    }


def _payment_as_json(booking: Booking | ShownBooking) -> dict[str, Any] | None:
    """Show the payment that counts, or the newest; None before the first. What was refunded has succeeded."""
    if not booking.payment_state:
        return None
    is_charged = booking.payment_state in (ShownPayment.SUCCEEDED, *REFUNDS)
    return {
        "id": booking.active_payment_id,
        "state": str(ShownPayment.SUCCEEDED if is_charged else booking.payment_state),
        "amount": booking.total_cost,
        "currency": booking.currency,
        "at": _iso_or_null(booking.payment_at),
    }


def _refund_as_json(booking: Booking | ShownBooking) -> dict[str, Any] | None:
    """Show what goes back of that payment in all; None where no money is owed back, nor was."""
    state = REFUNDS.get(booking.payment_state)
    if state is None:
        return None
    return {"state": state, "amount": booking.refund_amount, "at": _iso_or_null(booking.refund_at)}


def event_as_json(event: BookingEvent, *, reader: Actor) -> dict[str, Any]:
    """Show one line of a booking's timeline; to customers without the names and notes of those who work here."""
    is_hidden = reader.is_outsider and event.actor_kind in (ActorKind.STAFF, ActorKind.SERVICE)
    return {
        "what": str(event.what),
        "who": {"kind": str(event.actor_kind), "name": "" if is_hidden else event.actor_name},
        "from": event.from_status or None,
        "to": event.to_status or None,
        "why": event.reason or None,
        "note": None if is_hidden else event.note or None,
        "when": iso(event.created_at),
        "requestId": event.request_id or None,
    }


def _iso_or_null(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def iso(moment: datetime) -> str:
    """Write a UTC time as ISO 8601 with milliseconds and a Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _located(booking: Booking) -> dict[str, str]:
    return {"Location": f"/api/v1/bookings/{booking.pk}"}


def _json(value: Any) -> str:
    return _ENCODER.encode(value)


# Made once: `json.dumps` would make one for each answer.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
